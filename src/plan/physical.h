/* SPDX-License-Identifier: MIT */
/*
 * plan/physical: operators from a plan, for one lane.
 *
 *   heads[source] -> filter -> project -> watermark -> join -> .. -> window (one per WINDOW node)   or   rows_end
 *   stages[i].tail -> having -> project -> .. -> window of a later stage   or   rows_end
 *
 * rows_end is the caller's operator that takes result rows, behind the expectations when there are some. Static tables
 * are read before (plan_build_tables).
 */
#ifndef PLAN_PHYSICAL_H
#define PLAN_PHYSICAL_H

#include "join/join.h"
#include "plan/plan.h"

#define PLAN_OPS_MAX 256
#define PLAN_STAGES_MAX 16

struct plan_stage {
    struct op          *window; /* takes rows */
    struct op          *tail;   /* takes its closed groups: rows_end, or towards a later stage */
    struct window_plan *plan;   /* in the lane's arena */
};

struct plan_lane {
    struct arena      arena;     /* what operators borrow */
    struct op        *heads[64]; /* per source */
    struct op        *ops[PLAN_OPS_MAX];
    int               n_ops;
    struct plan_stage stages[PLAN_STAGES_MAX]; /* one per WINDOW node; what feeds a stage comes before it */
    int               n_stages;
    struct watermark  watermarks[64]; /* per clause: what this lane saw in the open epoch */
    int64_t           having;
};

/* The static side of every JOIN, read and indexed. io thread; `open` gives the table of a relation. */
struct plan_tables {
    struct join_build      *builds[64];
    const struct plan_node *joins[64];
    int                     n;
};
typedef enum err    plan_open_cb(void *handle, struct table **out, struct error *e);
MUST_CHECK enum err plan_build_tables(const struct plan *p, plan_open_cb *open, struct plan_tables *out,
                                      struct error *e);
void                plan_tables_free(struct plan_tables *t);

/* Where rows leave the lane: borrowed. */
struct plan_ends {
    struct op *rows;
    struct op *quarantine; /* NULL: none is wanted */
};
MUST_CHECK enum err plan_build_lane(const struct plan *p, const struct plan_tables *tables, struct flow_context *lane,
                                    struct flow_context *tail, const struct plan_ends *ends, struct plan_lane *out,
                                    struct error *e);
void                plan_lane_free(struct plan_lane *l);

#endif
