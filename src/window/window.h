/* SPDX-License-Identifier: MIT */
/*
 * window/window: GROUP BY window(..), keys: the operator's two halves and the group table between them.
 *
 *   lane thread                                   merge thread
 *   op_window: assign, judge late, aggregate      window_state: all open groups
 *        |  partial groups of the epoch                |
 *        +-- window_take_partial() at BARRIER -------> window_state_merge(), then
 *                                                      window_state_close(watermark) emits what is complete
 *
 * A group is one window (or event time) and one combination of keys; NULL is a key value, -0.0 equals 0.0 and NaN NaN.
 * An effect is one row in one window. Groups know the first epoch they have rows from, which tells where a rebuild must
 * start reading. Windows may be chained: closed groups of one are rows of the next, each with the effects behind it.
 *
 * Sessions: in the lane every event time of a key is a group of its own; at the barrier those that overlap or touch
 * become one, with the open ones.
 */
#ifndef WINDOW_WINDOW_H
#define WINDOW_WINDOW_H

#include "flow/flow.h"
#include "window/agg.h"
#include "window/spec.h"
#include "window/watermark.h"

struct window_aggregate {
    struct agg agg;
    int        arguments[AGG_ARGUMENTS_MAX]; /* input columns, agg.n_arguments of them */
    int        filter;                       /* a BOOLEAN input column: only rows where it is true; or -1 */
};

/* Borrowed from the plan by everything below. */
struct window_plan {
    struct window_spec             spec;
    const struct type             *input, *result; /* result: window (start, end) or event time, keys.., aggregates.. */
    int                            event_column;
    const int                     *keys; /* input columns */
    int                            n_keys;
    const struct window_aggregate *aggregates;
    int                            n_aggregates;
    size_t                         limit_bytes; /* of all groups; over it ERR_LIMIT */
};

/* ---- lane half ---- */

/* Batches in, nothing out: what passes is in the partial groups. Counts passed, no_event_time, late, fan_out; rows
 * that are closed groups count late, fan_out and take back what was closed, by the effects behind them. */
MUST_CHECK enum err op_window_new(const struct window_plan *plan, struct flow_context *context, struct op **out,
                                  struct error *e);
struct group_table;
/* The partial groups of the epoch; the operator starts afresh. The caller owns them. */
MUST_CHECK enum err window_take_partial(struct op *window, struct group_table **out, struct error *e);
void                group_table_free(struct group_table *t);

/* The watermark operator: notes the event times that pass (a per-lane watermark, folded at the barrier). Rows that are
 * further than future_us ahead of the epoch's clock are taken out, counted as future and told to the side (0: none). */
MUST_CHECK enum err op_watermark_new(int column, struct watermark *lane, int64_t future_us,
                                     struct flow_context *context, struct op **out, struct error *e);

/* ---- merge half ---- */

struct window_state;
MUST_CHECK enum err window_state_new(const struct window_plan *plan, struct window_state **out, struct error *e);
void                window_state_free(struct window_state *s);
/* Takes the partial groups of an epoch. */
MUST_CHECK enum err window_state_merge(struct window_state *s, struct group_table *take, struct error *e);
/* Closed groups, the callee's; behind[i] is behind the i-th. */
typedef enum err window_closed_cb(void *arg, struct batch *b, const struct flow_behind *behind, struct error *e);
/* Every group that ends at or before the watermark, in order of window and key, through `each`, then
 * forgets it. *effects: rows behind the groups. */
MUST_CHECK enum err window_state_close(struct window_state *s, int64_t evict_ms, window_closed_cb *each, void *arg,
                                       int64_t *effects, struct error *e);
int64_t             window_state_groups(const struct window_state *s);
/* Largest end of an open window in us, INT64_MIN when none. */
int64_t window_state_last_end(const struct window_state *s);
int64_t window_state_effects(const struct window_state *s); /* rows in open groups */
/* Smallest first epoch of the open groups; INT64_MAX when there is none. */
int64_t window_state_first_epoch(const struct window_state *s);
/* Smallest end of an open window in us, INT64_MAX when none: the next to close. */
int64_t window_state_next_end(const struct window_state *s);
/* Canonical bytes: the same groups give the same bytes. load replaces what is there; ERR_CORRUPT. */
void                window_state_save(const struct window_state *s, struct buf *out);
MUST_CHECK enum err window_state_load(struct window_state *s, struct view *in, struct error *e);

#endif
