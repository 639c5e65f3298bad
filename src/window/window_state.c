/* SPDX-License-Identifier: MIT */
/* The merge half: all open groups, closed by the watermark. See window.h. */
#include "window/group_table.h"
#include "window/value.h"

#define STATE_VERSION 1
#define ROWS_PER_BATCH 4096

struct window_state {
    const struct window_plan *plan;
    struct group_table       *table;
};

enum err window_state_new(const struct window_plan *plan, struct window_state **out, struct error *e)
{
    struct window_state *s = mem_zalloc(TAG_STATE, sizeof *s);
    *out = NULL;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "window state");
    s->plan = plan;
    enum err rc = group_table_new(plan, &s->table, e);
    if (rc != OK) {
        mem_free(s);
        return rc;
    }
    *out = s;
    return OK;
}

void window_state_free(struct window_state *s)
{
    if (!s)
        return;
    group_table_free(s->table);
    mem_free(s);
}

/* ---- merging ---- */

/* Adds a group's states to those of the same group in `into`. */
static enum err merge_group(struct group_table *into, const struct group *from, int64_t epoch, struct error *e)
{
    const struct window_plan *plan = into->plan;
    struct group             *g = group_table_find(into, from->hash, from->start_us, from->key, from->key_bytes, e);
    uint32_t                  at = 0;
    if (!g)
        return e ? e->code : ERR_LIMIT;
    if (g->effects == 0 || epoch < g->first_epoch)
        g->first_epoch = epoch;
    g->effects += from->effects;
    for (int i = 0; i < plan->n_aggregates; i++) {
        const struct agg *a = &plan->aggregates[i].agg;
        TRY(a->ops->merge(a, group_state(g, at), group_state(from, at), e));
        at += a->ops->size;
    }
    return OK;
}

enum err window_state_merge(struct window_state *s, struct group_table *take, int64_t epoch, struct error *e)
{
    enum err rc = OK;
    for (uint32_t i = 0; rc == OK && i < take->capacity; i++)
        if (take->slots[i])
            rc = merge_group(s->table, take->slots[i], epoch, e);
    group_table_free(take);
    return rc;
}

/* ---- results ---- */

static int64_t end_of(const struct window_state *s, const struct group *g)
{
    return g->start_us + s->plan->spec.size_us;
}

static enum err put_row(const struct window_state *s, const struct group *g, struct builder *row, struct error *e)
{
    struct view key = {.data = g->key, .size = g->key_bytes};
    uint32_t    at = 0;
    int         c = 0;
    if (s->plan->spec.size_us) {
        builder_i64(&row->children[0].children[0], g->start_us);
        builder_i64(&row->children[0].children[1], end_of(s, g));
        builder_struct(&row->children[c++], true);
    } else {
        builder_i64(&row->children[c++], g->start_us);
    }
    for (int i = 0; i < s->plan->n_keys; i++)
        value_get(&key, &row->children[c++]);
    for (int i = 0; i < s->plan->n_aggregates; i++) {
        const struct agg *a = &s->plan->aggregates[i].agg;
        TRY(a->ops->result(a, group_state(g, at), &row->children[c++], e));
        at += a->ops->size;
    }
    builder_struct(row, true);
    return OK;
}

static enum err emit_rows(const struct window_state *s, struct builder *rows, const int64_t *effects,
                          window_closed_cb *each, void *arg, struct error *e)
{
    struct column *all;
    int            n = s->plan->result->n_fields;
    if (rows->n_rows == 0 && !rows->failed)
        return OK;
    TRY(builder_finish(rows, &all, e));
    struct column **columns = mem_alloc(TAG_STATE, (size_t)n * sizeof *columns);
    struct batch   *b = NULL;
    for (int i = 0; columns && i < n; i++)
        columns[i] = column_ref(all->children[i]);
    if (columns)
        b = batch_new(s->plan->result, all->n_rows, columns, NULL, NULL);
    mem_free(columns);
    column_free(all);
    return b ? each(arg, b, effects, e) : err_set(e, ERR_NO_MEMORY, "window results");
}

static enum err emit_closed(struct window_state *s, struct group **list, uint32_t n, int64_t evict_us,
                            window_closed_cb *each, void *arg, int64_t *effects, struct error *e)
{
    struct builder rows;
    int64_t        behind[ROWS_PER_BATCH];
    enum err       rc = builder_init(&rows, s->plan->result, e);
    for (uint32_t i = 0; rc == OK && i < n; i++) {
        if (end_of(s, list[i]) > evict_us)
            continue;
        *effects += list[i]->effects;
        behind[rows.n_rows] = list[i]->effects;
        rc = put_row(s, list[i], &rows, e);
        if (rc == OK && rows.n_rows == ROWS_PER_BATCH)
            rc = emit_rows(s, &rows, behind, each, arg, e);
    }
    if (rc == OK)
        rc = emit_rows(s, &rows, behind, each, arg, e);
    builder_fini(&rows);
    return rc;
}

/* The group as it is, its states included, from another table into this one. */
static enum err move_group(struct group_table *into, struct group *from, struct error *e)
{
    struct group *g = group_table_find(into, from->hash, from->start_us, from->key, from->key_bytes, e);
    if (!g)
        return e ? e->code : ERR_LIMIT;
    g->first_epoch = from->first_epoch;
    g->effects = from->effects;
    memcpy(g->states, from->states, into->states_bytes);
    memset(from->states, 0, into->states_bytes); /* what hangs on them has moved */
    return OK;
}

/* A fresh table of the groups that stay: what closed gives its memory back. */
static enum err keep_open(struct window_state *s, struct group **list, uint32_t n, int64_t evict_us, struct error *e)
{
    struct group_table *kept;
    TRY(group_table_new(s->plan, &kept, e));
    enum err rc = OK;
    for (uint32_t i = 0; rc == OK && i < n; i++)
        if (end_of(s, list[i]) > evict_us)
            rc = move_group(kept, list[i], e);
    if (rc != OK) {
        group_table_free(kept);
        return rc;
    }
    group_table_free(s->table);
    s->table = kept;
    return OK;
}

enum err window_state_close(struct window_state *s, int64_t evict_ms, window_closed_cb *each, void *arg,
                            int64_t *effects, struct error *e)
{
    int64_t  evict_us = evict_ms * 1000;
    uint32_t n = s->table->n_groups;
    *effects = 0;
    if (n == 0 || window_state_next_end(s) > evict_us)
        return OK;
    struct group **list = group_table_sorted(s->table);
    if (!list)
        return err_set(e, ERR_NO_MEMORY, "closing windows");
    enum err rc = emit_closed(s, list, n, evict_us, each, arg, effects, e);
    if (rc == OK)
        rc = keep_open(s, list, n, evict_us, e);
    mem_free(list);
    return rc;
}

/* ---- looking ---- */

int64_t window_state_groups(const struct window_state *s) { return s->table->n_groups; }

int64_t window_state_effects(const struct window_state *s)
{
    int64_t effects = 0;
    for (uint32_t i = 0; i < s->table->capacity; i++)
        effects += s->table->slots[i] ? s->table->slots[i]->effects : 0;
    return effects;
}

int64_t window_state_first_epoch(const struct window_state *s)
{
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; i < s->table->capacity; i++)
        if (s->table->slots[i] && s->table->slots[i]->first_epoch < first)
            first = s->table->slots[i]->first_epoch;
    return first;
}

int64_t window_state_next_end(const struct window_state *s)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < s->table->capacity; i++)
        if (s->table->slots[i] && end_of(s, s->table->slots[i]) < next)
            next = end_of(s, s->table->slots[i]);
    return next;
}

/* ---- saving ---- */

void window_state_save(const struct window_state *s, struct buf *out)
{
    struct group **list = group_table_sorted(s->table);
    buf_u32(out, STATE_VERSION);
    buf_u32(out, s->table->n_groups);
    if (!list)
        out->failed = true;
    for (uint32_t i = 0; list && i < s->table->n_groups; i++) {
        const struct group *g = list[i];
        uint32_t            at = 0;
        buf_u64(out, (uint64_t)g->start_us);
        buf_u64(out, (uint64_t)g->first_epoch);
        buf_u64(out, (uint64_t)g->effects);
        buf_bytes(out, g->key, g->key_bytes);
        for (int k = 0; k < s->plan->n_aggregates; k++) {
            const struct agg *a = &s->plan->aggregates[k].agg;
            a->ops->save(a, group_state(g, at), out);
            at += a->ops->size;
        }
    }
    mem_free(list);
}

static enum err load_group(struct window_state *s, struct view *in, struct error *e)
{
    int64_t  start_us = (int64_t)view_u64(in), first_epoch = (int64_t)view_u64(in), effects = (int64_t)view_u64(in);
    uint32_t key_bytes, at = 0;
    const uint8_t *key = view_bytes(in, &key_bytes);
    if (in->failed)
        return err_set(e, ERR_CORRUPT, "saved windows end too early");
    struct group *g = group_table_find(s->table, group_hash(start_us, key, key_bytes), start_us, key, key_bytes, e);
    if (!g)
        return e ? e->code : ERR_LIMIT;
    g->first_epoch = first_epoch;
    g->effects = effects;
    for (int k = 0; k < s->plan->n_aggregates; k++) {
        const struct agg *a = &s->plan->aggregates[k].agg;
        TRY(a->ops->load(a, group_state(g, at), in, e));
        at += a->ops->size;
    }
    return OK;
}

enum err window_state_load(struct window_state *s, struct view *in, struct error *e)
{
    struct group_table *fresh;
    TRY(group_table_new(s->plan, &fresh, e));
    group_table_free(s->table);
    s->table = fresh;
    uint32_t version = view_u32(in), n = view_u32(in);
    if (in->failed || version != STATE_VERSION)
        return err_set(e, ERR_CORRUPT, "saved windows are of version %u, not %d", version, STATE_VERSION);
    for (uint32_t i = 0; i < n; i++)
        TRY(load_group(s, in, e));
    return OK;
}
