/* SPDX-License-Identifier: MIT */
#include "window/group_table.h"

#include <stdlib.h>

enum err group_table_new(const struct window_plan *plan, struct group_table **out, struct error *e)
{
    struct group_table *t = mem_zalloc(TAG_STATE, sizeof *t);
    *out = NULL;
    if (!t)
        return err_set(e, ERR_NO_MEMORY, "window groups");
    t->plan = plan;
    arena_init(&t->arena, TAG_STATE, plan->limit_bytes);
    for (int i = 0; i < plan->n_aggregates; i++)
        t->states_bytes += plan->aggregates[i].agg.ops->size;
    t->capacity = 64;
    if (!(t->slots = mem_zalloc(TAG_STATE, t->capacity * sizeof *t->slots))) {
        mem_free(t);
        return err_set(e, ERR_NO_MEMORY, "window groups");
    }
    *out = t;
    return OK;
}

void group_table_free(struct group_table *t)
{
    if (!t)
        return;
    bool hanging = false;
    for (int i = 0; i < t->plan->n_aggregates; i++)
        hanging = hanging || t->plan->aggregates[i].agg.ops->free != agg_free_nothing;
    for (uint32_t s = 0; hanging && s < t->capacity; s++)
        for (int i = 0, at = 0; t->slots[s] && i < t->plan->n_aggregates; i++) {
            const struct agg_ops *ops = t->plan->aggregates[i].agg.ops;
            ops->free(group_state(t->slots[s], (uint32_t)at));
            at += (int)ops->size;
        }
    arena_fini(&t->arena);
    mem_free(t->slots);
    mem_free(t);
}

static bool grow(struct group_table *t)
{
    uint32_t       capacity = t->capacity * 2;
    struct group **slots = mem_zalloc(TAG_STATE, capacity * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < t->capacity; i++) {
        struct group *g = t->slots[i];
        if (!g)
            continue;
        uint32_t at = (uint32_t)g->hash & (capacity - 1);
        while (slots[at])
            at = (at + 1) & (capacity - 1);
        slots[at] = g;
    }
    mem_free(t->slots);
    t->slots = slots;
    t->capacity = capacity;
    return true;
}

static struct group *make_group(struct group_table *t, uint32_t at, const struct group *like, struct error *e)
{
    struct group *g = arena_alloc(&t->arena, sizeof *g);
    uint8_t      *key = arena_copy(&t->arena, like->key, like->key_bytes);
    uint8_t      *states = arena_zalloc(&t->arena, t->states_bytes + 1u);
    if (!g || !key || !states) {
        size_t needs = t->arena.used_bytes + sizeof *g + like->key_bytes + t->states_bytes + 64; /* and rounding up */
        if (needs > t->plan->limit_bytes)
            err_set(e, ERR_LIMIT, "window: %u groups need more than %zu bytes", t->n_groups, t->plan->limit_bytes);
        else
            err_set(e, ERR_NO_MEMORY, "window: no memory for one more group than %u", t->n_groups);
        return NULL;
    }
    *g = (struct group){.hash = like->hash,
                        .start_us = like->start_us,
                        .end_us = like->end_us,
                        .key = key,
                        .key_bytes = like->key_bytes,
                        .states = states};
    t->slots[at] = g;
    t->n_groups++;
    return g;
}

struct group *group_table_find(struct group_table *t, const struct group *like, struct error *e)
{
    uint64_t hash = like->hash;
    uint32_t at = (uint32_t)hash & (t->capacity - 1);
    for (struct group *g; (g = t->slots[at]); at = (at + 1) & (t->capacity - 1))
        if (g->hash == hash && g->start_us == like->start_us && g->end_us == like->end_us &&
            g->key_bytes == like->key_bytes && memcmp(g->key, like->key, like->key_bytes) == 0)
            return g;
    if (t->n_groups * 2 >= t->capacity) {
        if (!grow(t)) {
            err_set(e, ERR_NO_MEMORY, "window: %u groups", t->n_groups);
            return NULL;
        }
        at = (uint32_t)hash & (t->capacity - 1);
        while (t->slots[at])
            at = (at + 1) & (t->capacity - 1);
    }
    return make_group(t, at, like, e);
}

static int by_start_and_key(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    int order = memcmp(x->key, y->key, x->key_bytes < y->key_bytes ? x->key_bytes : y->key_bytes);
    if (order == 0)
        order = (x->key_bytes > y->key_bytes) - (x->key_bytes < y->key_bytes);
    return order ? order : (x->end_us > y->end_us) - (x->end_us < y->end_us);
}

struct group **group_table_sorted(const struct group_table *t)
{
    struct group **list = mem_alloc(TAG_STATE, (t->n_groups + 1) * sizeof *list);
    uint32_t       n = 0;
    for (uint32_t i = 0; list && i < t->capacity; i++)
        if (t->slots[i])
            list[n++] = t->slots[i];
    if (list)
        qsort(list, n, sizeof *list, by_start_and_key);
    return list;
}
