/* SPDX-License-Identifier: MIT */
/* hash, xxhash64, crc32: to the bit as Spark's Murmur3Hash, XxHash64 and java.util.zip.CRC32. */
#include <string.h>

#include "base/hash.h"
#include "expr/kernel_tools.h"

#define SPARK_SEED 42

static uint32_t read_32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ---- Murmur3, 32 bits; a rest of 1 to 3 bytes is mixed byte by byte, signed ---- */

static uint32_t rotate_32(uint32_t v, int by) { return v << by | v >> (32 - by); }

static uint32_t mix_32(uint32_t h, uint32_t k)
{
    h ^= rotate_32(k * 0xcc9e2d51u, 15) * 0x1b873593u;
    return rotate_32(h, 13) * 5 + 0xe6546b64u;
}

static uint32_t finish_32(uint32_t h, uint32_t n)
{
    h ^= n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

static uint64_t murmur_bytes(const uint8_t *p, uint32_t n, uint64_t seed)
{
    uint32_t h = (uint32_t)seed, i = 0;
    for (; i + 4 <= n; i += 4)
        h = mix_32(h, read_32(p + i));
    for (; i < n; i++)
        h = mix_32(h, (uint32_t)(int32_t)(int8_t)p[i]);
    return finish_32(h, n);
}

static uint64_t murmur_int(uint32_t v, uint64_t seed) { return finish_32(mix_32((uint32_t)seed, v), 4); }

static uint64_t murmur_long(uint64_t v, uint64_t seed)
{
    return finish_32(mix_32(mix_32((uint32_t)seed, (uint32_t)v), (uint32_t)(v >> 32)), 8);
}

/* ---- xxHash: of the bytes of a value, as they lie in memory ---- */

static uint64_t xx_bytes(const uint8_t *p, uint32_t n, uint64_t seed) { return xxh64(p, n, seed); }
static uint64_t xx_int(uint32_t v, uint64_t seed) { return xxh64(&v, sizeof v, seed); }
static uint64_t xx_long(uint64_t v, uint64_t seed) { return xxh64(&v, sizeof v, seed); }

/* ---- values ---- */

struct hasher {
    uint64_t (*bytes)(const uint8_t *p, uint32_t n, uint64_t seed);
    uint64_t (*int_)(uint32_t v, uint64_t seed);
    uint64_t (*long_)(uint64_t v, uint64_t seed);
};

/* Up to 18 digits a long, else the bytes of a java.math.BigInteger: the fewest, the highest first. */
static uint64_t hash_decimal(const struct hasher *by, int128 v, int precision, uint64_t seed)
{
    uint8_t  bytes[sizeof v];
    uint32_t n = 1;
    if (precision <= 18)
        return by->long_((uint64_t)v, seed);
    while (n < sizeof v && v >> (8 * n - 1) != 0 && v >> (8 * n - 1) != -1)
        n++;
    for (uint32_t k = 0; k < n; k++)
        bytes[k] = (uint8_t)(v >> (8 * (n - 1 - k)));
    return by->bytes(bytes, n, seed);
}

/* A NULL leaves the hash as it is; -0.0 counts as 0.0. */
static uint64_t hash_value(const struct hasher *by, const struct column *c, size_t i, uint64_t seed)
{
    uint32_t       n;
    float          f;
    double         d;
    uint64_t       bits = 0;
    const uint8_t *bytes;
    if (!column_is_valid(c, i) || c->type->kind == TYPE_NULL)
        return seed;
    switch ((int)c->type->kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        bytes = column_bytes(c, i, &n);
        return by->bytes(bytes, n, seed);
    case TYPE_FLOAT:
        f = ((const float *)c->values)[i];
        if (f != 0)
            memcpy(&bits, &f, sizeof f);
        return by->int_(f != f ? 0x7fc00000u : (uint32_t)bits, seed);
    case TYPE_DOUBLE:
        d = ((const double *)c->values)[i];
        if (d != 0)
            memcpy(&bits, &d, sizeof d);
        return by->long_(d != d ? 0x7ff8000000000000u : bits, seed);
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
    case TYPE_INTERVAL:
        return by->long_((uint64_t)((const int64_t *)c->values)[i], seed);
    case TYPE_DECIMAL:
        return hash_decimal(by, ((const int128 *)c->values)[i], c->type->precision, seed);
    case TYPE_ARRAY:
        for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++)
            seed = hash_value(by, c->children[0], k, seed);
        return seed;
    case TYPE_STRUCT:
        for (size_t k = 0; k < c->type->n_fields; k++)
            seed = hash_value(by, c->children[k], i, seed);
        return seed;
    default:
        return by->int_((uint32_t)column_integer(c, (uint32_t)i), seed);
    }
}

static uint64_t hash_row(const struct hasher *by, const struct expr *x, const struct vec *args, uint32_t i)
{
    uint64_t h = SPARK_SEED;
    for (int a = 0; a < x->n_args; a++)
        h = hash_value(by, args[a].c, (size_t)i * args[a].step, h);
    return h;
}

struct column *k_hash(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    static const struct hasher murmur = {murmur_bytes, murmur_int, murmur_long};
    STRICT_BEGIN(int32_t, 0)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int32_t)(uint32_t)hash_row(&murmur, x, args, i);
    STRICT_END(x->type);
}

struct column *k_xxhash64(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    static const struct hasher xx = {xx_bytes, xx_int, xx_long};
    STRICT_BEGIN(int64_t, 0)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)hash_row(&xx, x, args, i);
    STRICT_END(x->type);
}

/* ---- CRC-32 (IEEE 802.3), four bits at a time ---- */

static uint32_t crc32_of(struct text t)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t              crc = UINT32_MAX;
    for (uint32_t i = 0; i < t.n; i++) {
        crc ^= t.p[i];
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

struct column *k_crc32(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i))
            out[i] = crc32_of(text_at(args, i));
    STRICT_END(x->type);
}
