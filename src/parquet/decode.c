/* SPDX-License-Identifier: MIT */
#include "parquet/decode.h"

static bool varint(struct view *v, uint32_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        uint8_t byte = view_u8(v);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = (uint32_t)value;
            return !v->failed && value <= UINT32_MAX;
        }
    }
    return false;
}

/* The next run: its length and, when it repeats, its value; else its packed bytes. */
struct run {
    uint32_t       n, value;
    const uint8_t *packed; /* NULL: repeated */
};

static bool next_run(struct view *v, int width, struct run *r)
{
    uint32_t head;
    if (!varint(v, &head))
        return false;
    if (head & 1) { /* groups of 8 */
        uint64_t groups = head >> 1, size = groups * (uint64_t)width;
        if (groups > UINT32_MAX / 8)
            return false;
        /* the last group may be cut off at the end of the page */
        size = size > v->size ? v->size : size;
        *r = (struct run){.n = (uint32_t)groups * 8, .packed = v->data};
        uint64_t held = width ? size * 8 / (uint64_t)width : r->n;
        r->n = held < r->n ? (uint32_t)held : r->n;
        return (size == 0 || view_take(v, (size_t)size)) && groups > 0;
    }
    *r = (struct run){.n = head >> 1};
    for (int i = 0; i < (width + 7) / 8; i++)
        r->value |= (uint32_t)view_u8(v) << (8 * i);
    return !v->failed && r->n > 0;
}

static uint32_t packed_at(const uint8_t *p, uint32_t i, int width)
{
    uint64_t bit = (uint64_t)i * (uint64_t)width, value = 0;
    for (int have = 0; have < width;) {
        int      skip = (int)(bit % 8), take = 8 - skip < width - have ? 8 - skip : width - have;
        uint64_t bits = (uint64_t)(p[bit / 8] >> skip) & ((1u << take) - 1);
        value |= bits << have;
        have += take;
        bit += (uint64_t)take;
    }
    return (uint32_t)value;
}

bool hybrid_decode(const uint8_t *bytes, size_t size, int width, uint32_t *out, uint32_t n)
{
    struct view v = {.data = bytes, .size = size};
    struct run  r;
    for (uint32_t done = 0; done < n;) {
        if (!next_run(&v, width, &r) || r.n == 0)
            return false;
        uint32_t take = r.n < n - done ? r.n : n - done;
        for (uint32_t i = 0; i < take; i++)
            out[done + i] = r.packed ? packed_at(r.packed, i, width) : r.value;
        done += take;
    }
    return true;
}

bool levels_decode(const uint8_t *bytes, size_t size, int width, uint8_t *out, uint32_t n)
{
    struct view v = {.data = bytes, .size = size};
    struct run  r;
    for (uint32_t done = 0; done < n;) {
        if (!next_run(&v, width, &r) || r.n == 0)
            return false;
        uint32_t take = r.n < n - done ? r.n : n - done;
        for (uint32_t i = 0; i < take; i++)
            out[done + i] = (uint8_t)(r.packed ? packed_at(r.packed, i, width) : r.value);
        done += take;
    }
    return true;
}

int128 decimal_of_bytes(const uint8_t *p, uint32_t n, bool big_endian)
{
    uint128 v = 0;
    bool    negative = n && (p[big_endian ? 0 : n - 1] & 0x80);
    for (uint32_t i = 0; i < n && i < 16; i++)
        v |= (uint128)p[big_endian ? n - 1 - i : i] << (8 * i);
    if (negative && n < 16)
        v |= ~(uint128)0 << (8 * n);
    return (int128)v;
}
