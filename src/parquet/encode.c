/* SPDX-License-Identifier: MIT */
#include "parquet/encode.h"

#define RUN_MIN 8 /* shorter runs are cheaper bit-packed */

int bits_for(uint32_t highest)
{
    int bits = 0;
    for (; highest; highest >>= 1)
        bits++;
    return bits;
}

static void put_varint(struct buf *out, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_u8(out, (uint8_t)(v | 0x80));
    buf_u8(out, (uint8_t)v);
}

void hybrid_encode_run(uint32_t value, uint32_t n, int width, struct buf *out)
{
    put_varint(out, n << 1);
    for (int i = 0; i < (width + 7) / 8; i++)
        buf_u8(out, (uint8_t)(value >> (8 * i)));
}

/* n values; whole groups of 8, the last one of the page padded with zeros. */
static void put_packed(const uint32_t *values, uint32_t n, int width, struct buf *out)
{
    uint32_t groups = (n + 7) / 8;
    put_varint(out, groups << 1 | 1);
    size_t   size = (size_t)groups * (size_t)width;
    uint8_t *to = buf_reserve(out, size + 8);
    uint64_t bits = 0;
    int      have = 0;
    if (!to)
        return;
    for (uint32_t i = 0; i < n; i++) {
        bits |= (uint64_t)values[i] << have;
        have += width;
        if (have >= 32) {
            uint32_t low = (uint32_t)bits;
            memcpy(to, &low, sizeof low);
            to += sizeof low;
            bits >>= 32;
            have -= 32;
        }
    }
    memcpy(to, &bits, sizeof bits); /* the rest, and what pads the group */
    size_t done = (size_t)(to - (out->data + out->size));
    if (size > done + sizeof bits)
        memset(to + sizeof bits, 0, size - done - sizeof bits);
    out->size += size;
}

static uint32_t run_length(const uint32_t *values, uint32_t n)
{
    uint32_t i = 1;
    while (i < n && values[i] == values[0])
        i++;
    return i;
}

void hybrid_encode(const uint32_t *values, uint32_t n, int width, struct buf *out)
{
    uint32_t packed_from = 0, i = 0;
    while (i < n) {
        uint32_t run = run_length(values + i, n - i);
        /* packed values before a run must fill whole groups: the run lends them its first ones */
        uint32_t fill = (8 - (i - packed_from) % 8) % 8;
        if (run < RUN_MIN + fill) {
            i += run;
            continue;
        }
        i += fill;
        run -= fill;
        if (i > packed_from)
            put_packed(values + packed_from, i - packed_from, width, out);
        hybrid_encode_run(values[i], run, width, out);
        i += run;
        packed_from = i;
    }
    if (n > packed_from)
        put_packed(values + packed_from, n - packed_from, width, out);
}

void booleans_encode(const uint8_t *values, uint32_t n, struct buf *out)
{
    uint8_t *to = buf_reserve(out, (n + 7u) / 8 + 1);
    if (!to)
        return;
    for (uint32_t i = 0; i < n; i += 8) {
        unsigned byte = 0;
        for (uint32_t k = 0; k < 8 && i + k < n; k++)
            byte |= (unsigned)(values[i + k] & 1) << k;
        *to++ = (uint8_t)byte;
    }
    out->size += (n + 7u) / 8;
}
