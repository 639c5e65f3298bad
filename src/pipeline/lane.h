/* SPDX-License-Identifier: MIT */
/*
 * pipeline/lane: the thread that computes: decode, operators, windows, encoding.
 *
 * It takes messages in order from its inbox (flow.h) and answers each barrier with one lane_result in its results
 * inbox. Watermarks, ledger and open windows live here; the loop only sees copies. After an error it says so once and
 * throws away what follows.
 *
 * Rebuilding (start.c): the first epoch reads again what open windows were made of. Nothing of it is counted, written
 * or told to side tables, since it was before; only the groups are kept. No row is late then: windows that were closed
 * before close again, into nothing or into the next stage. Rows that had been too late for a window that is open now
 * (sessions, chained windows) would make a difference: the number of rows then is not what the ledger says.
 */
#ifndef PIPELINE_LANE_H
#define PIPELINE_LANE_H

#include "base/inbox.h" /* pthread_t too */
#include "decode/decode.h"
#include "flow/sink.h"
#include "pipeline/epoch.h"
#include "pipeline/samples.h"
#include "plan/physical.h"

#define LANE_SNAPSHOT_MAX ((size_t)4 << 30) /* bytes of open windows, saved */

enum lane_sink {
    LANE_REJECTS,
    LANE_LATE,
    LANE_QUARANTINE,
    LANE_MAIN,
    LANE_N_SINKS
}; /* in the order of their commits */

struct lane_result {
    int64_t          epoch;
    enum err         rc;
    struct error     error;
    struct sink_cut *cuts[LANE_N_SINKS];
    struct buf       snapshot; /* empty for a stateless query */
    struct marks     marks;    /* of the next epoch */
    struct ledger    ledger;
    int64_t          first_epoch;              /* oldest epoch that open windows have rows from; INT64_MAX none */
    int64_t          rows;                     /* result rows of the epoch */
    int64_t          shown;                    /* rows the tap has seen: they are committed with the epoch */
    int64_t          open_groups, next_end_us; /* open windows, and when the next ends; INT64_MAX none */
    bool             moved;                    /* the watermark moved: an epoch without rows is due */
    bool             rebuilt;                  /* of a rebuilding epoch: there is nothing to commit */
};
enum lane_work { LANE_DECODE, LANE_COMPUTE, LANE_WRITE, LANE_N_WORK };

void lane_result_free(struct lane_result *r, struct sink *const sinks[LANE_N_SINKS]);

struct lane {
    pthread_t            thread;
    bool                 running;
    struct inbox         inbox, results;
    const struct plan   *plan;
    struct sink         *sinks[LANE_N_SINKS]; /* borrowed; NULL where there is none */
    struct side         *side, *mute;         /* mute: the side while rebuilding */
    struct decoder      *decoders[SOURCES_MAX];
    struct plan_lane     ops;
    struct flow_context  context, tail_context;
    struct tally         tally;
    struct op            rows_end, quarantine_end;
    struct window_state *windows[PLAN_STAGES_MAX]; /* one per stage of ops */
    struct marks         marks;
    struct ledger        ledger;
    bool                 rebuilding;
    int64_t              epoch, rows;
    enum err             rc;
    struct error         error;
    void (*done)(void *); /* lane thread: there is a result */
    void           *done_arg;
    struct tap     *tap;                    /* sees result rows; may be NULL; borrowed */
    struct samples *samples;                /* sees what leaves the main path; may be NULL; borrowed */
    atomic_llong    worked_us[LANE_N_WORK]; /* where the thread's time went; any thread reads */
    int64_t         writing_us;             /* of the batch that is pushed */
};

/* The open windows of all stages. */
struct lane_windows {
    int64_t groups, first_epoch, next_end_us, last_end_us; /* of none: INT64_MAX, INT64_MAX, INT64_MIN */
};
void lane_look(const struct lane *l, struct lane_windows *out);
/* Open windows of all stages, as finish_epoch saved them. */
MUST_CHECK enum err lane_load_windows(struct lane *l, struct view *in, struct error *e);
/* Builds everything; marks, ledger and windows are then loaded by the caller before lane_start. */
MUST_CHECK enum err lane_init(struct lane *l, const struct plan *p, const struct plan_tables *tables,
                              struct sink *const sinks[LANE_N_SINKS], const struct type *side_schema, struct error *e);
MUST_CHECK enum err lane_start(struct lane *l, struct error *e);
/* Sends END, waits for the thread, frees everything. */
void lane_stop(struct lane *l);
/* Messages to the lane. RAW may be refused (full): the batch stays the caller's. */
bool lane_offer_raw(struct lane *l, struct raw_batch *raw);
void lane_mark(struct lane *l, enum flow_kind kind, int64_t epoch, int64_t now_us);
/* A barrier after which the watermark stands behind all open windows, since no records come. */
void lane_mark_idle(struct lane *l, int64_t epoch);

#endif
