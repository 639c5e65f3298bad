/* SPDX-License-Identifier: MIT */
/*
 * pipeline/query: one plan that runs: its state machine on the loop.
 *
 *   STARTING --ok--> RUNNING --signal, end of input--> DRAINING --last commit--> STOPPED
 *      ^  |             |                                 |
 *      |  +-------------+---------------------------------+--error--> FAILED
 *      +---back-off, when it may pass by itself-----------+
 *
 * An epoch is planned per partition (feed.c): all that is there, or the cap split in proportion to what each
 * partition has, so that none runs ahead of its watermark; while caught up the plan is extended as records come. At
 * the trigger the barrier goes to the lane; its result is prepared and committed (commit.c) while the next epoch
 * fills. Recovery is the only retry: whatever fails, all is taken down and started from the checkpoint (start.c).
 */
#ifndef PIPELINE_QUERY_H
#define PIPELINE_QUERY_H

#include <uv.h>

#include "pipeline/epoch.h"
#include "pipeline/host.h"
#include "plan/plan.h"
#include "json/doc.h"
#include "json/write.h"

enum query_state { QUERY_STARTING, QUERY_RUNNING, QUERY_DRAINING, QUERY_STOPPED, QUERY_FAILED };

struct query_options {
    bool          available_now; /* up to the ends seen at the start, then stop */
    int64_t       until_idle_us; /* stop when nothing has come for that long; 0: never */
    int64_t       give_up_us;    /* fail when no try has worked, or a broker was away, for that long; 0: never */
    struct meter *meter;         /* is fed, when not NULL; borrowed */
    bool          preview;       /* writes nothing, remembers nothing: its rows are only looked at */
    uint32_t      rows_kept;     /* newest rows for people; 0: 10 */
    void (*stopped)(void *);     /* loop thread: it is over, the state is STOPPED or FAILED; close it */
    void *stopped_arg;
};

struct meter;
struct query;

/* Borrows host and plan, copies the options. Starts at once. */
MUST_CHECK enum err query_start(struct query_host *host, const struct plan *plan, const struct query_options *o,
                                struct query **out, struct error *e);
/* A last epoch, then STOPPED. */
void query_drain(struct query *q);
/* STOPPED now, or as soon as a start that is under way has ended: the open epoch is given up, and read again the next
 * time. */
void query_stop(struct query *q);
/* After stopped(): takes everything down on an io thread once nothing runs any more, frees the query, then calls
 * closed (loop thread). Host and plan must live so long. The query must not be asked anything any more. */
void query_close(struct query *q, void (*closed)(void *), void *arg);

struct query_status {
    enum query_state   state;
    const struct plan *plan;
    enum err           rc;                       /* why FAILED */
    const char        *error;                    /* "" none */
    int64_t            records;                  /* read since the start */
    int64_t            rows;                     /* result rows committed since the start */
    int64_t            lag;                      /* records that are there and not yet read, as far as known */
    int64_t            committed_epoch, version; /* -1: none yet */
    int64_t            watermark_ms;             /* windows that end at or before it are closed; 0: none yet */
    int64_t            down_since_us;            /* monotonic; 0: every broker needed is connected */
    const char        *down_error;
    int64_t            silent_since_us; /* monotonic; 0: none. A broker that is connected and owes an answer since */
    const char        *silent;          /* its host:port */
    bool               nothing_to_read; /* the table is as it was: no record since the generation began */
    int                retries;         /* since something was committed */
    int64_t            retry_in_us;     /* to the next try; -1: none is due */
    int64_t            generation, epoch;
    bool               behind;       /* there is more than one epoch takes */
    int64_t            max_event_ms; /* newest event time; 0: none yet */
    int                holder;       /* source whose event time holds the watermark back, -1: none */
    const char *holder_topic;     /* ... of it the partition whose event set the watermark; NULL: not known since the */
    int32_t     holder_partition; /* start. While it runs */
    int64_t     open_groups, next_end_ms, state_bytes; /* open windows; next_end_ms 0: none is open */
    int64_t     last_record_ms;                        /* timestamp of the record read last; 0: none */
    int64_t     open_for_us;                           /* how long the open epoch is open; -1: none is */
    int64_t     committed_ms;                          /* wall clock of the last commit of this process; 0: none */
    int64_t     worked_us[3];                          /* the lane since its start: decode, compute, write */
    struct ledger_sums ledger;                         /* of the last committed epoch, since the generation began */
    struct rule_tally  rules[FLOW_RULES_MAX];          /* of plan->expect.rules, in rows, as the ledger */
};
void query_status(const struct query *q, struct query_status *out);
/* The newest result rows, at most `most`, as a table of at most `width` characters. */
void query_newest_rows(const struct query *q, uint32_t width, uint32_t most, struct buf *out);
/* Why no row has come out, as a sentence; "" when rows come. wall_ms: now. */
void query_why_nothing(const struct query_status *st, int64_t wall_ms, char out[200]);

/* ---- newest rows; numbers count the rows since this query was started ---- */
int64_t query_rows_seen(const struct query *q); /* committed: the number of the next one */
/* As tap_rows: those from number `from` on that are committed. */
int query_rows(const struct query *q, int64_t from, int most, bool text_bigint, struct json_writer *w);

struct kafka_source;
/* For people: where source s stands. Only while it runs (QUERY_RUNNING, QUERY_DRAINING), else NULL; for the moment. */
const struct kafka_source *query_source(const struct query *q, int s);
/* Of partition i of such a source. */
struct query_partition {
    int64_t low, end, lag; /* offsets of the first record and behind the last one, as far as known */
    int64_t committed;     /* to the table; -1: nothing yet */
    int64_t records_per_s;
};
void query_partition(const struct query *q, int s, int i, struct query_partition *out);
void query_tick_second(struct query *q); /* once a second: for the rates */

/* What was done, with the ledger, as one line of JSON. */
void query_summary(const struct query *q, struct buf *out);

/* Can the state that the catalog has of it go on under this plan? ERR_CONFLICT says what differs. Any thread;
 * blocks. */
MUST_CHECK enum err query_state_follows(const struct plan *plan, struct catalog *c, struct error *e);

struct reset {
    int64_t generation; /* that begins at the next start; 0: there was nothing to give up */
    int64_t last_epoch; /* whose positions are given up; -1 none known */
};
/* Of a query that does not run. Any thread; blocks. */
MUST_CHECK enum err query_reset(const struct plan *plan, struct catalog *c, struct reset *out, struct error *e);

/* Where a query that does not run has come to: what an engine needs to go on in its place. */
struct handover_position {
    const char *topic;
    int32_t     partition;
    int64_t     offset;
};
struct handover {
    struct handover_position *positions; /* by topic and partition; records before them are not needed */
    int                       n;
    int64_t                   closed_ms; /* windows that end at or before it are written; 0: none is */
};
/* All in the arena. ERR_NOT_FOUND: it never ran, ERR_BUSY: it runs, ERR_UNSUPPORTED: an epoch is prepared and not
 * committed (run it once more). Blocks. */
MUST_CHECK enum err query_handover(const struct plan *plan, const char *state_dir, struct arena *a,
                                   struct handover *out, struct error *e);

/* Where it would go on, as a JSON list of {"topic", "partition", "offset", ..}. ERR_NOT_FOUND: it never ran;
 * ERR_BUSY: an
 * epoch is not finished. Any thread; blocks. */
MUST_CHECK enum err query_positions(const struct plan *plan, struct catalog *c, struct buf *out, struct error *e);
/* It goes on at the offsets of that list instead: a new generation, so the rows of open windows are given up.
 * Partitions
 * that are not named stay. ERR_NOT_FOUND: a partition it does not read. */
MUST_CHECK enum err query_move(const struct plan *plan, struct catalog *c, const struct json_value *moves,
                               struct error *e);

#endif
