/* SPDX-License-Identifier: MIT */
/*
 * pipeline/meter: what a query has done lately, for people: a point per second for 15 minutes, the last commits with
 * their phases, how long records took from the broker to the table, samples of what was dropped.
 *
 * Belongs to whoever runs the query and outlives its restarts. Fed per batch and per epoch, never per event. Loop
 * thread, but for the samples (samples.h).
 */
#ifndef PIPELINE_METER_H
#define PIPELINE_METER_H

#include "pipeline/samples.h"

#define METER_SECONDS 900
#define METER_COMMITS 240
#define METER_LATENCY_SECONDS 60 /* percentiles are of so many */

#define METER_SERIES(X)                  \
    X(RECORDS, "records_per_s")          \
    X(ROWS, "rows_per_s")                \
    X(LAG, "lag")                        \
    X(WATERMARK_LAG, "watermark_lag_ms") \
    X(LATENCY_P50, "latency_p50_ms")     \
    X(LATENCY_P99, "latency_p99_ms")     \
    X(COMMIT, "commit_ms")               \
    X(LATE, "late_per_s") X(REJECTED, "rejected_per_s") X(STATE, "state_bytes") X(CPU, "cpu_share")
#define METER_ENUM(id, name) METER_##id,
enum meter_series { METER_SERIES(METER_ENUM) METER_N_SERIES };
#undef METER_ENUM
extern const char *const meter_names[METER_N_SERIES];

enum meter_phase { PHASE_FILL, PHASE_COMPUTE, PHASE_PREPARE, PHASE_RECORD, PHASE_COMMIT, N_PHASES };

struct meter_commit {
    int64_t number; /* from 0, in their order */
    int64_t epoch, version, committed_ms, records, rows, late, rejected, files, bytes;
    int64_t duration_us; /* barrier to committed */
    int64_t phase_us[N_PHASES];
    int     retries;
    int64_t watermark_ms;
    char   *offsets; /* JSON: [{"topic","partition","from","to"}] */
};

/* Cumulative numbers of a query as the meter wants them each second; -1: unknown. */
struct meter_now {
    bool    running;
    int64_t records, rows, late, rejected, worked_us;
    int64_t lag, watermark_lag_ms, state_bytes;
};

struct meter;
MUST_CHECK enum err meter_new(struct meter **out, struct error *e);
void                meter_free(struct meter *m);
struct samples     *meter_samples(struct meter *m);

/* Once a second. */
void meter_tick(struct meter *m, int64_t wall_ms, const struct meter_now *now);
/* n records came whose timestamps lie between the two (ms; -1 unknown: not measured). */
void meter_arrived(struct meter *m, int64_t first_ms, int64_t last_ms, uint32_t n);
void meter_cut(struct meter *m);  /* the barrier: what has arrived belongs to the epoch that is committed next */
void meter_drop(struct meter *m); /* what has arrived will be read again */
/* Takes c->offsets; numbers it. */
void meter_committed(struct meter *m, struct meter_commit *c);

/* ---- reading ---- */

/* The value of a series at a second since 1970; NaN where there is none. *last: the newest second (0 none). */
double  meter_value(const struct meter *m, enum meter_series s, int64_t second);
int64_t meter_last_second(const struct meter *m);
/* The i-th newest commit, NULL behind the last. */
const struct meter_commit *meter_commit_at(const struct meter *m, int i);
int64_t                    meter_n_commits(const struct meter *m);
int64_t                    meter_files_written(const struct meter *m);
int64_t                    meter_bytes_written(const struct meter *m);
/* Of the last METER_LATENCY_SECONDS; NaN when nothing was committed. share: 0.5, 0.99. */
double meter_latency_ms(const struct meter *m, double share, int64_t now_ms);
/* Of the last 60 commits. */
double meter_commit_ms(const struct meter *m, double share);

/* The latencies since the start, for a histogram: records that took at most bound_ms. */
#define METER_BOUNDS 12
extern const double meter_bounds_s[METER_BOUNDS];
void                meter_histogram(const struct meter *m, uint64_t at_most[METER_BOUNDS], uint64_t *n, double *sum_s);

#endif
