/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <pthread.h>

static uint32_t       table[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        table[i] = c;
    }
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    pthread_once(&once, make_table);
    crc = ~crc;
    while (n--)
        crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
    return ~crc;
}

/* ---- XXH64 ---- */

#define P1 0x9e3779b185ebca87u
#define P2 0xc2b2ae3d27d4eb4fu
#define P3 0x165667b19e3779f9u
#define P4 0x85ebca77c2b2ae63u
#define P5 0x27d4eb2f165667c5u

static uint64_t rotate(uint64_t v, int by) { return v << by | v >> (64 - by); }
static uint64_t round_of(uint64_t h, uint64_t word) { return rotate(h + word * P2, 31) * P1; }

static uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint64_t stripes(const uint8_t **p, size_t *n, uint64_t seed)
{
    uint64_t lanes[4] = {seed + P1 + P2, seed + P2, seed, seed - P1}, h;
    for (; *n >= 32; *p += 32, *n -= 32)
        for (int i = 0; i < 4; i++)
            lanes[i] = round_of(lanes[i], word_at(*p + 8 * i));
    h = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int i = 0; i < 4; i++)
        h = (h ^ round_of(0, lanes[i])) * P1 + P4;
    return h;
}

uint64_t xxh64(const void *bytes, size_t n, uint64_t seed)
{
    const uint8_t *p = bytes;
    uint64_t       h = n >= 32 ? stripes(&p, &(size_t){n}, seed) : seed + P5;
    size_t         left = n % 32;
    h += n;
    for (; left >= 8; p += 8, left -= 8)
        h = rotate(h ^ round_of(0, word_at(p)), 27) * P1 + P4;
    if (left >= 4) {
        uint32_t half;
        memcpy(&half, p, sizeof half);
        h = rotate(h ^ half * P1, 23) * P2 + P3;
        p += 4;
        left -= 4;
    }
    for (; left; p++, left--)
        h = rotate(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}
