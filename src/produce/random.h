/* SPDX-License-Identifier: MIT */
/*
 * produce/random: numbers that are the same on every machine: xoshiro256**, and a Zipf law by the alias method.
 *
 * Integers decide everything that reaches a record's bytes. Only the alias table is made with doubles (exp2 and log2 of
 * the C library), and its thresholds are rounded to 32 bits. One thread per state.
 */
#ifndef PRODUCE_RANDOM_H
#define PRODUCE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t s[4];
};

static inline uint64_t random_mix(uint64_t *x) /* splitmix64 */
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void random_seed(struct random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = random_mix(&seed);
}

static inline uint64_t random_rotate(uint64_t x, int k) { return x << k | x >> (64 - k); }

static inline uint64_t random_next(struct random *r)
{
    uint64_t result = random_rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = random_rotate(r->s[3], 45);
    return result;
}

/* 0 .. n - 1; n < 2^32. */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
    return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

#endif
