/* SPDX-License-Identifier: MIT */
/*
 * window/group_table: windows and encoded keys to aggregate states, open addressing. Inside window/; one owner.
 *
 * Keys are encoded once: per key a valid byte, then the value (fixed width little-endian as in memory, or u32 length
 * and bytes). Groups, keys and states live in an arena; states of texts hang on it and are freed with the table.
 */
#ifndef WINDOW_GROUP_TABLE_H
#define WINDOW_GROUP_TABLE_H

#include "window/window.h"

struct group {
    uint64_t       hash;
    int64_t        start_us, end_us; /* of the window; both the event time when there is none */
    int64_t        first_epoch, effects;
    const uint8_t *key;
    uint32_t       key_bytes;
    uint8_t       *states;
};

struct group_table {
    const struct window_plan *plan;
    struct arena              arena;
    struct group            **slots; /* capacity, a power of two */
    uint32_t                  capacity, n_groups;
    uint32_t                  states_bytes;
};

MUST_CHECK enum err group_table_new(const struct window_plan *plan, struct group_table **out, struct error *e);
/* The group of like's hash, start, end and key, made when it is not there (no effects, states zeroed).
 * NULL after ERR_LIMIT or ERR_NO_MEMORY in *e. */
struct group *group_table_find(struct group_table *t, const struct group *like, struct error *e);
/* One more effect, or several, of rows since that epoch. */
static inline void group_add_effects(struct group *g, int64_t effects, int64_t epoch)
{
    g->first_epoch = g->effects == 0 || epoch < g->first_epoch ? epoch : g->first_epoch;
    g->effects += effects;
}
static inline uint64_t group_hash(int64_t start_us, const uint8_t *key, uint32_t key_bytes)
{
    uint64_t h = (uint64_t)start_us * 0x9e3779b97f4a7c15u;
    for (; key_bytes >= 8; key += 8, key_bytes -= 8) {
        uint64_t word;
        memcpy(&word, key, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; key_bytes; key++, key_bytes--)
        h = (h ^ *key) * 0x100000001b3u;
    h ^= h >> 29;
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 32;
}
/* All groups, ordered by start, key and end; mem_free the array. NULL: no memory (or no group). */
struct group         **group_table_sorted(const struct group_table *t);
static inline uint8_t *group_state(const struct group *g, uint32_t at) { return g->states + at; }

#endif
