/* SPDX-License-Identifier: MIT */
/* The lane half: rows to windows, late or not, into the partial groups of the epoch. See window.h. */
#include <stdio.h>

#include "text/time.h"
#include "window/group_table.h"
#include "window/value.h"

struct op_window {
    struct op                 base;
    const struct window_plan *plan;
    struct group_table       *partial;
    struct buf                keys;   /* encoded keys of the batch */
    uint32_t                 *key_at; /* per row: offset into keys; n_rows + 1 */
    uint32_t                 *rows;   /* per effect: row */
    uint8_t                 **states; /* per effect: states of its group */
    uint32_t                  row_capacity, effect_capacity;
};

/* ---- keys ---- */

static enum err encode_keys(struct op_window *w, const struct batch *b, struct error *e)
{
    buf_clear(&w->keys);
    for (uint32_t row = 0; row < b->n_rows; row++) {
        w->key_at[row] = (uint32_t)w->keys.size;
        for (int k = 0; k < w->plan->n_keys; k++)
            value_put(&w->keys, b->columns[w->plan->keys[k]], row, true);
    }
    w->key_at[b->n_rows] = (uint32_t)w->keys.size;
    return buf_check(&w->keys, "window: keys of a batch", e);
}

static enum err make_room(struct op_window *w, uint32_t rows, uint32_t effects, struct error *e)
{
    if (rows > w->row_capacity) {
        uint32_t *more = mem_realloc(TAG_STATE, w->key_at, (rows + 1u) * sizeof *more);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "window");
        w->key_at = more;
        w->row_capacity = rows;
    }
    if (effects > w->effect_capacity) {
        uint32_t *more = mem_realloc(TAG_STATE, w->rows, effects * sizeof *more);
        if (more)
            w->rows = more;
        uint8_t **states = more ? mem_realloc(TAG_STATE, w->states, effects * sizeof *states) : NULL;
        if (!states)
            return err_set(e, ERR_NO_MEMORY, "window");
        w->states = states;
        w->effect_capacity = effects;
    }
    return OK;
}

/* ---- rows to effects ---- */

/* A row on its way into groups. */
struct effect {
    const struct batch *b;
    uint32_t            row;
    struct flow_behind  behind; /* one effect of this epoch, unless the row is a closed group */
};

static enum err note_late(struct op_window *w, const struct effect *x, int64_t end_us, struct error *e)
{
    struct flow_context     *ctx = w->base.context;
    const struct raw_record *r = batch_record(x->b, x->row);
    char                     detail[160], end[TIME_TEXT_MAX], mark[TIME_TEXT_MAX];
    ctx->tally->late += x->behind.effects;
    if (!r)
        return OK;
    timestamp_print(end_us, end);
    timestamp_print(ctx->late_ms * 1000, mark);
    snprintf(detail, sizeof detail, "its window ended at %s, the watermark stood at %s (UTC)", end, mark);
    return ctx->side->ops->row(ctx->side, SIDE_LATE, x->b->raw, r, "late", detail, e);
}

/* Judges the row for one window and puts it there. *n counts effects of the batch. */
static enum err add_effect(struct op_window *w, const struct effect *x, int64_t start_us, int64_t end_us, uint32_t *n,
                           struct error *e)
{
    const uint8_t *key = w->keys.data + w->key_at[x->row];
    uint32_t       key_bytes = w->key_at[x->row + 1] - w->key_at[x->row];
    if (end_us <= w->base.context->late_ms * 1000)
        return note_late(w, x, end_us, e);
    struct group *g = group_table_find(w->partial,
                                       &(struct group){.hash = group_hash(start_us, key, key_bytes),
                                                       .start_us = start_us,
                                                       .end_us = end_us,
                                                       .key = key,
                                                       .key_bytes = key_bytes},
                                       e);
    if (!g)
        return e ? e->code : ERR_LIMIT;
    if (*n == w->effect_capacity)
        TRY(make_room(w, 0, w->effect_capacity * 2 + 1024, e));
    group_add_effects(g, x->behind.effects, x->behind.first_epoch);
    w->rows[*n] = x->row;
    w->states[(*n)++] = g->states;
    return OK;
}

/* The windows of one row, last one first. */
static enum err add_windows(struct op_window *w, const struct effect *x, uint32_t *n, struct error *e)
{
    const struct window_spec *spec = &w->plan->spec;
    const struct column      *event = x->b->columns[w->plan->event_column];
    int64_t                   n_windows = 0;
    if (spec->kind == WINDOW_GIVEN)
        return add_effect(w, x, column_i64(event->children[0])[x->row], column_i64(event->children[1])[x->row], n, e);
    int64_t event_us = column_i64(event)[x->row];
    if (spec->kind != WINDOW_FIXED)
        return add_effect(w, x, event_us, event_us + spec->size_us, n, e);
    for (int64_t start = window_last_start(spec, event_us); start + spec->size_us > event_us; start -= spec->slide_us) {
        n_windows++;
        TRY(add_effect(w, x, start, start + spec->size_us, n, e));
    }
    w->base.context->tally->fan_out += (n_windows - 1) * x->behind.effects;
    return OK;
}

/* The effects whose row the condition holds for, behind the n of the batch. */
static uint32_t choose_effects(struct op_window *w, const struct column *condition, uint32_t n)
{
    uint32_t chosen = 0;
    for (uint32_t k = 0; k < n; k++)
        if (column_is_valid(condition, w->rows[k]) && column_u8(condition)[w->rows[k]]) {
            w->rows[n + chosen] = w->rows[k];
            w->states[n + chosen++] = w->states[k];
        }
    return chosen;
}

static enum err update_states(struct op_window *w, const struct batch *b, uint32_t n, struct error *e)
{
    uint32_t at = 0;
    for (int i = 0; i < w->plan->n_aggregates; i++) {
        const struct window_aggregate *a = &w->plan->aggregates[i];
        const struct column           *arguments[AGG_ARGUMENTS_MAX] = {NULL};
        uint32_t                       from = 0, many = n;
        for (int k = 0; k < a->agg.n_arguments; k++)
            arguments[k] = b->columns[a->arguments[k]];
        if (a->filter >= 0) {
            TRY(make_room(w, 0, 2 * n, e));
            many = choose_effects(w, b->columns[a->filter], n);
            from = n;
        }
        TRY(a->agg.ops->update(&a->agg, w->states + from, at, arguments, w->rows + from, many, e));
        at += a->agg.ops->size;
    }
    return OK;
}

/* Rows of records: a record counts once, whatever a join made of it. */
static enum err take_records(struct op_window *w, const struct batch *b, uint32_t *n, struct error *e)
{
    const struct column *event = b->columns[w->plan->event_column];
    struct flow_context *ctx = w->base.context;
    struct tally_slot   *t = tally_slot(ctx->tally, b->raw->slot);
    struct effect        x = {.b = b, .behind = {1, ctx->epoch}};
    if (!t)
        return err_set(e, ERR_NO_MEMORY, "window");
    for (uint32_t row = 0, end; row < b->n_rows; row = end) {
        uint32_t without = 0;
        end = batch_record_end(b, row);
        for (x.row = row; x.row < end; x.row++)
            if (column_is_valid(event, x.row))
                TRY(add_windows(w, &x, n, e));
            else
                without++;
        bool none = without == end - row;
        *(none ? &t->no_event_time : &t->passed) += 1;
        ctx->tally->fan_out -= without - none;
    }
    return OK;
}

/* Rows that are closed groups of a window below; their event time is the end of one, so it is never NULL. */
static enum err take_groups(struct op_window *w, const struct batch *b, uint32_t *n, struct error *e)
{
    struct effect x = {.b = b};
    for (; x.row < b->n_rows; x.row++) {
        x.behind = *flow_behind_row(w->base.context, b, x.row);
        w->base.context->tally->closed -= x.behind.effects;
        TRY(add_windows(w, &x, n, e));
    }
    return OK;
}

static enum err take_batch(struct op_window *w, const struct batch *b, struct error *e)
{
    uint32_t n = 0;
    TRY(make_room(w, b->n_rows, b->n_rows, e));
    TRY(encode_keys(w, b, e));
    TRY(b->raw ? take_records(w, b, &n, e) : take_groups(w, b, &n, e));
    return update_states(w, b, n, e);
}

static enum err push(struct op *op, struct flow_msg *msg, struct error *e)
{
    if (msg->kind != FLOW_BATCH)
        return OK; /* the end of the lane: marks stop here */
    enum err rc = take_batch((struct op_window *)op, msg->batch, e);
    batch_free(msg->batch);
    return rc;
}

static void op_free(struct op *op)
{
    struct op_window *w = (struct op_window *)op;
    group_table_free(w->partial);
    buf_fini(&w->keys);
    mem_free(w->key_at);
    mem_free(w->rows);
    mem_free(w->states);
    mem_free(w);
}

static const struct op_ops ops = {.name = "window", .push = push, .free = op_free};

enum err op_window_new(const struct window_plan *plan, struct flow_context *context, struct op **out, struct error *e)
{
    struct op_window *w = mem_zalloc(TAG_STATE, sizeof *w);
    *out = NULL;
    if (!w)
        return err_set(e, ERR_NO_MEMORY, "window");
    w->base = (struct op){.ops = &ops, .context = context};
    w->plan = plan;
    buf_init(&w->keys, TAG_STATE, plan->limit_bytes);
    enum err rc = group_table_new(plan, &w->partial, e);
    if (rc == OK && !buf_reserve(&w->keys, 1))
        rc = err_set(e, ERR_NO_MEMORY, "window");
    if (rc != OK) {
        op_free(&w->base);
        return rc;
    }
    *out = &w->base;
    return OK;
}

enum err window_take_partial(struct op *window, struct group_table **out, struct error *e)
{
    struct op_window   *w = (struct op_window *)window;
    struct group_table *fresh;
    TRY(group_table_new(w->plan, &fresh, e));
    *out = w->partial;
    w->partial = fresh;
    return OK;
}

/* ---- the watermark operator ---- */

struct op_watermark {
    struct op         base;
    int               column;
    int64_t           future_us;
    struct watermark *lane;
};

static enum err note_future(struct op_watermark *w, const struct batch *b, uint32_t row, int64_t limit_us,
                            struct error *e)
{
    const struct raw_record *r = batch_record(b, row);
    struct side             *side = w->base.context->side;
    char                     detail[160], event[TIME_TEXT_MAX], limit[TIME_TEXT_MAX];
    if (!r)
        return OK;
    timestamp_print(column_i64(b->columns[w->column])[row], event);
    timestamp_print(limit_us, limit);
    snprintf(detail, sizeof detail, "event time %s is after %s (UTC), see millrace.maxFutureSkew", event, limit);
    return side->ops->row(side, SIDE_REJECT, b->raw, r, "future", detail, e);
}

/* Records whose rows are all gone count as future; single rows of a record only lessen fan_out. */
static enum err count_future(struct op_watermark *w, const struct batch *b, const struct batch *kept, struct error *e)
{
    struct tally      *tally = w->base.context->tally;
    struct tally_slot *t = b->raw ? tally_slot(tally, b->raw->slot) : NULL;
    uint32_t           records = batch_n_records(b) - batch_n_records(kept);
    if (!t)
        return err_set(e, ERR_NO_MEMORY, "watermark");
    t->future += records;
    tally->fan_out -= b->n_rows - kept->n_rows - records;
    return OK;
}

/* The batch without rows from too far ahead; takes *b. */
static enum err drop_future(struct op_watermark *w, struct batch **b, struct error *e)
{
    const struct column *c = (*b)->columns[w->column];
    int64_t              limit_us = w->base.context->now_us + w->future_us;
    struct batch        *kept = NULL;
    uint32_t             n = 0, *rows = mem_alloc(TAG_BATCH, ((*b)->n_rows + 1u) * sizeof *rows);
    enum err             rc = rows ? OK : err_set(e, ERR_NO_MEMORY, "watermark");
    for (uint32_t i = 0; rc == OK && i < (*b)->n_rows; i++)
        if (column_is_valid(c, i) && column_i64(c)[i] > limit_us)
            rc = note_future(w, *b, i, limit_us, e);
        else
            rows[n++] = i;
    if (rc == OK && n < (*b)->n_rows) {
        kept = batch_take(*b, rows, n);
        rc = kept ? count_future(w, *b, kept, e) : err_set(e, ERR_NO_MEMORY, "watermark");
    } else if (rc == OK) {
        kept = batch_ref(*b);
    }
    mem_free(rows);
    batch_free(*b);
    *b = kept;
    return rc;
}

static enum err watermark_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct op_watermark *w = (struct op_watermark *)op;
    if (msg->kind != FLOW_BATCH)
        return op_emit(op, msg, e);
    struct batch *b = msg->batch;
    enum err      rc = w->future_us ? drop_future(w, &b, e) : OK;
    if (rc != OK) {
        batch_free(b);
        return rc;
    }
    const struct column *c = b->columns[w->column];
    watermark_observe(w->lane, b->raw ? (int64_t)b->raw->slot : -1, column_i64(c), c->valid, b->n_rows);
    return op_emit_batch(op, &b, e);
}

static void watermark_free(struct op *op) { mem_free(op); }

static const struct op_ops watermark_ops = {.name = "watermark", .push = watermark_push, .free = watermark_free};

enum err op_watermark_new(int column, struct watermark *lane, int64_t future_us, struct flow_context *context,
                          struct op **out, struct error *e)
{
    struct op_watermark *w = mem_zalloc(TAG_STATE, sizeof *w);
    *out = NULL;
    if (!w)
        return err_set(e, ERR_NO_MEMORY, "watermark");
    *w = (struct op_watermark){
        .base = {.ops = &watermark_ops, .context = context}, .column = column, .future_us = future_us, .lane = lane};
    *out = &w->base;
    return OK;
}
