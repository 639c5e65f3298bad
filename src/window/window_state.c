/* SPDX-License-Identifier: MIT */
/* The merge half: all open groups, closed by the watermark. See window.h. */
#include <stdlib.h>

#include "window/group_table.h"
#include "window/value.h"

#define STATE_VERSION 2
#define ROWS_PER_BATCH 4096

struct window_state {
    const struct window_plan *plan;
    struct group_table       *table;
    int64_t effects, first_epoch, next_end_us, last_end_us; /* over all groups; kept while they change */
};

static void count_group(struct window_state *s, const struct group *g)
{
    s->effects += g->effects;
    s->first_epoch = g->first_epoch < s->first_epoch ? g->first_epoch : s->first_epoch;
    s->next_end_us = g->end_us < s->next_end_us ? g->end_us : s->next_end_us;
    s->last_end_us = g->end_us > s->last_end_us ? g->end_us : s->last_end_us;
}

/* Another table is the state's now; the one before is freed. */
static void set_table(struct window_state *s, struct group_table *take)
{
    group_table_free(s->table);
    s->table = take;
    s->effects = 0;
    s->first_epoch = s->next_end_us = INT64_MAX;
    s->last_end_us = INT64_MIN;
    for (uint32_t i = 0; take && i < take->capacity; i++)
        if (take->slots[i])
            count_group(s, take->slots[i]);
}

enum err window_state_new(const struct window_plan *plan, struct window_state **out, struct error *e)
{
    struct window_state *s = mem_zalloc(TAG_STATE, sizeof *s);
    *out = NULL;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "window state");
    s->plan = plan;
    struct group_table *table;
    enum err            rc = group_table_new(plan, &table, e);
    if (rc != OK) {
        mem_free(s);
        return rc;
    }
    set_table(s, table);
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

/* Adds what one group holds to another. */
static enum err merge_into(const struct window_plan *plan, struct group *g, const struct group *from, struct error *e)
{
    uint32_t at = 0;
    group_add_effects(g, from->effects, from->first_epoch);
    if (from->end_us > g->end_us)
        g->end_us = from->end_us;
    for (int i = 0; i < plan->n_aggregates; i++) {
        const struct agg *a = &plan->aggregates[i].agg;
        TRY(a->ops->merge(a, group_state(g, at), group_state(from, at), e));
        at += a->ops->size;
    }
    return OK;
}

/* Adds a group's states to those of the same group in `into`. */
static enum err merge_group(struct group_table *into, const struct group *from, struct error *e)
{
    struct group *g = group_table_find(into, from, e);
    return g ? merge_into(into->plan, g, from, e) : e ? e->code : ERR_LIMIT;
}

/* The group as it is, its states included, from another table into this one; NULL after an error. */
static struct group *move_group(struct group_table *into, struct group *from, struct error *e)
{
    struct group *g = group_table_find(into, from, e);
    if (!g)
        return NULL;
    g->first_epoch = from->first_epoch;
    g->effects = from->effects;
    memcpy(g->states, from->states, into->states_bytes);
    memset(from->states, 0, into->states_bytes); /* what hangs on them has moved */
    return g;
}

/* ---- sessions ---- */

static int compare_keys(const struct group *x, const struct group *y)
{
    int order = memcmp(x->key, y->key, x->key_bytes < y->key_bytes ? x->key_bytes : y->key_bytes);
    return order ? order : (x->key_bytes > y->key_bytes) - (x->key_bytes < y->key_bytes);
}

/* By key, then by time; what came in earlier epochs first. */
static int by_key_and_start(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    int                 order = compare_keys(x, y);
    if (order == 0)
        order = (x->start_us > y->start_us) - (x->start_us < y->start_us);
    return order ? order : (x->first_epoch > y->first_epoch) - (x->first_epoch < y->first_epoch);
}

static void list_groups(const struct group_table *t, struct group **list, uint32_t *n)
{
    for (uint32_t i = 0; i < t->capacity; i++)
        if (t->slots[i])
            list[(*n)++] = t->slots[i];
}

/* Open sessions and those of the epoch, side by side: what overlaps or touches becomes one, in a fresh table. */
static enum err sweep_sessions(struct group **list, uint32_t n, struct group_table *fresh, struct error *e)
{
    struct group *now = NULL;
    for (uint32_t i = 0; i < n; i++) {
        bool joins = now && list[i]->start_us <= now->end_us && compare_keys(list[i], now) == 0;
        if (joins)
            TRY(merge_into(fresh->plan, now, list[i], e));
        else if (!(now = move_group(fresh, list[i], e)))
            return e ? e->code : ERR_LIMIT;
    }
    return OK;
}

static enum err merge_sessions(struct window_state *s, struct group_table *partial, struct error *e)
{
    struct group_table *fresh = NULL;
    uint32_t            n = 0;
    struct group      **list = mem_alloc(TAG_STATE, (s->table->n_groups + partial->n_groups + 1u) * sizeof *list);
    enum err            rc = list ? group_table_new(s->plan, &fresh, e) : err_set(e, ERR_NO_MEMORY, "sessions");
    if (rc == OK) {
        list_groups(s->table, list, &n);
        list_groups(partial, list, &n);
        qsort(list, n, sizeof *list, by_key_and_start);
        rc = sweep_sessions(list, n, fresh, e);
        set_table(s, fresh);
    }
    mem_free(list);
    return rc;
}

enum err window_state_merge(struct window_state *s, struct group_table *take, struct error *e)
{
    enum err rc = OK;
    if (s->plan->spec.kind == WINDOW_SESSION && take->n_groups)
        rc = merge_sessions(s, take, e);
    for (uint32_t i = 0; s->plan->spec.kind != WINDOW_SESSION && rc == OK && i < take->capacity; i++)
        if (take->slots[i]) {
            rc = merge_group(s->table, take->slots[i], e);
            count_group(s, take->slots[i]);
        }
    group_table_free(take);
    return rc;
}

/* ---- results ---- */

static enum err put_row(const struct window_state *s, const struct group *g, struct builder *row, struct error *e)
{
    struct view key = {.data = g->key, .size = g->key_bytes};
    uint32_t    at = 0;
    int         c = 0;
    if (s->plan->spec.kind != WINDOW_NONE) {
        builder_i64(&row->children[0].children[0], g->start_us);
        builder_i64(&row->children[0].children[1], g->end_us);
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

static enum err emit_rows(const struct window_state *s, struct builder *rows, const struct flow_behind *behind,
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
    return b ? each(arg, b, behind, e) : err_set(e, ERR_NO_MEMORY, "window results");
}

static enum err emit_closed(struct window_state *s, struct group **list, uint32_t n, int64_t evict_us,
                            window_closed_cb *each, void *arg, int64_t *effects, struct error *e)
{
    struct builder     rows;
    struct flow_behind behind[ROWS_PER_BATCH];
    enum err           rc = builder_init(&rows, s->plan->result, e);
    for (uint32_t i = 0; rc == OK && i < n; i++) {
        if (list[i]->end_us > evict_us)
            continue;
        *effects += list[i]->effects;
        behind[rows.n_rows] = (struct flow_behind){list[i]->effects, list[i]->first_epoch};
        rc = put_row(s, list[i], &rows, e);
        if (rc == OK && rows.n_rows == ROWS_PER_BATCH)
            rc = emit_rows(s, &rows, behind, each, arg, e);
    }
    if (rc == OK)
        rc = emit_rows(s, &rows, behind, each, arg, e);
    builder_fini(&rows);
    return rc;
}

/* A fresh table of the groups that stay: what closed gives its memory back. */
static enum err keep_open(struct window_state *s, struct group **list, uint32_t n, int64_t evict_us, struct error *e)
{
    struct group_table *kept;
    TRY(group_table_new(s->plan, &kept, e));
    enum err rc = OK;
    for (uint32_t i = 0; rc == OK && i < n; i++)
        if (list[i]->end_us > evict_us)
            rc = move_group(kept, list[i], e) ? OK : e ? e->code : ERR_LIMIT;
    if (rc != OK) {
        group_table_free(kept);
        return rc;
    }
    set_table(s, kept);
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

int64_t window_state_effects(const struct window_state *s) { return s->effects; }
int64_t window_state_first_epoch(const struct window_state *s) { return s->first_epoch; }
int64_t window_state_next_end(const struct window_state *s) { return s->next_end_us; }
int64_t window_state_last_end(const struct window_state *s) { return s->last_end_us; }

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
        buf_u64(out, (uint64_t)g->end_us);
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
    struct group like = {.start_us = (int64_t)view_u64(in), .end_us = (int64_t)view_u64(in)};
    int64_t      first_epoch = (int64_t)view_u64(in), effects = (int64_t)view_u64(in);
    uint32_t     at = 0;
    like.key = view_bytes(in, &like.key_bytes);
    if (in->failed)
        return err_set(e, ERR_CORRUPT, "saved windows end too early");
    like.hash = group_hash(like.start_us, like.key, like.key_bytes);
    struct group *g = group_table_find(s->table, &like, e);
    if (!g)
        return e ? e->code : ERR_LIMIT;
    group_add_effects(g, effects, first_epoch);
    count_group(s, g);
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
    set_table(s, fresh);
    uint32_t version = view_u32(in), n = view_u32(in);
    if (in->failed || version != STATE_VERSION)
        return err_set(e, ERR_CORRUPT, "saved windows are of version %u, not %d", version, STATE_VERSION);
    for (uint32_t i = 0; i < n; i++)
        TRY(load_group(s, in, e));
    return OK;
}
