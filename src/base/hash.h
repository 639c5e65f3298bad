/* SPDX-License-Identifier: MIT */
/*
 * base/hash: one 64-bit hash for tables, and CRC-32C for our own files.
 *
 * hash_bytes is wyhash-like (multiply-fold over 16 bytes at a time): fast, well mixed, not stable between
 * versions of millrace, so it never leaves the process. crc32c is stable and guards snapshot files.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128                                    product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_u64(uint64_t value, uint64_t seed)
{
    return hash_fold(value ^ 0x9e3779b97f4a7c15u, seed ^ 0xe7037ed1a0b428dbu);
}

static inline uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    const uint8_t *p = bytes;
    uint64_t       h = seed ^ 0xa0761d6478bd642fu, a = 0, b = 0;
    size_t         left = n;
    for (; left > 16; left -= 16, p += 16) {
        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        h = hash_fold(a ^ 0xe7037ed1a0b428dbu, b ^ h);
    }
    if (left >= 8) {
        memcpy(&a, p, 8);
        memcpy(&b, p + left - 8, 8);
    } else if (left >= 4) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + left - 4, 4);
        a = low;
        b = high;
    } else if (left > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
        b = 0;
    } else {
        a = b = 0;
    }
    return hash_fold(hash_fold(a ^ 0x8ebc6af09c88c6e3u, b ^ h), n ^ 0x589965cc75374cc3u);
}

/* XXH64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md): stable, and the hash of Spark's sketches and xxhash64(). */
uint64_t xxh64(const void *bytes, size_t n, uint64_t seed);

/* CRC-32C (Castagnoli); start with crc 0, feed the result back for more bytes. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
