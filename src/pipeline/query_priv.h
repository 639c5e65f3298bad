/* SPDX-License-Identifier: MIT */
/* pipeline/query_priv: what the files of this room share. Loop thread unless said otherwise. */
#ifndef PIPELINE_QUERY_PRIV_H
#define PIPELINE_QUERY_PRIV_H

#include "pipeline/lane.h"
#include "pipeline/meter.h"
#include "pipeline/query.h"
#include "pipeline/relations.h"
#include "pipeline/worker.h"
#include "sink/delta_sink.h"
#include "sink/tap.h"

#define QUERY_APP_ID_MAX 300

struct past_epoch { /* where an epoch began, for replay_from */
    int64_t epoch;
    char   *start; /* JSON positions */
};

struct query {
    struct query_host   *host;
    struct workers       client;     /* blocking calls of the Kafka client: one thread, so one at a time */
    int                  n_pending;  /* jobs in either pool */
    uv_async_t           wake, turn; /* by a source; by the lane and by itself */
    uv_timer_t           tick;
    int64_t              due_us; /* when it fires; 0: it does not */
    const struct plan   *plan;
    struct query_options options;
    enum query_state     state;
    struct error         error;
    enum err             rc;
    bool                 starting;     /* a thread that may block starts it: all from `catalog` on is that thread's */
    bool                 stop_started; /* ... and then it is to stop */
    bool                 closing;      /* query_close was called */
    int                  n_open;       /* handles, while closing */
    void (*closed)(void *);
    void *closed_arg;

    /* built by start.c from the checkpoint, anew at each start */
    struct catalog        *catalog; /* the host's */
    struct arena           arena;   /* types, names */
    const struct type     *side_type;
    struct tap            *tap;
    int64_t                generation;
    char                   app_id[QUERY_APP_ID_MAX];
    const char            *fingerprint; /* of the plan, JSON; in the arena */
    struct kafka_source   *sources[SOURCES_MAX];
    struct sink           *sinks[LANE_N_SINKS];
    int64_t                wrote[LANE_N_SINKS]; /* last epoch that made a version of that table; -1 none */
    struct plan_tables     tables;
    struct lane            lane;
    bool                   lane_live;
    bool                   rebuilding;              /* the open epoch is read again for its windows */
    struct kafka_position *rebuild_to[SOURCES_MAX]; /* ... up to these */
    int                    n_rebuild_to[SOURCES_MAX];

    /* the open epoch */
    int64_t        epoch;
    struct offsets start[SOURCES_MAX];  /* positions when it opened */
    struct offsets ends[SOURCES_MAX];   /* largest ends told by the brokers; available-now: those at the start */
    struct offsets starts[SOURCES_MAX]; /* first records that the brokers have, when looked at last */
    int64_t        opened_us, now_us;   /* monotonic; wall */
    int64_t        opened_bytes;        /* of records read since the start, when it opened */
    int64_t        record_bytes;        /* of one, as they were lately; 0 unknown */
    struct {
        int64_t records, bytes;
    } sized;                       /* read when that was looked at */
    bool               moved;      /* the watermark moved: an epoch without rows is due */
    bool               at_barrier; /* the lane works on the barrier */
    bool               committing;
    bool               checkpointing; /* a checkpoint of a table's log is being written */
    bool               asking, news;  /* for ends; records have come since they were asked for */
    bool               checking_topics;
    int64_t            asked_us, checked_us, last_record_us, drain_us, retry_at_us;
    int                n_retries;        /* in a row, without a commit */
    int64_t            failing_since_us; /* when the first of them failed */
    struct raw_batch  *refused;          /* a batch the full lane did not take */
    struct past_epoch *past;             /* starts of epochs that open windows may have rows from, oldest first */
    int                n_past;

    /* what was done */
    struct marks   marks;                                 /* after the last barrier */
    int64_t        open_groups, next_end_us, state_bytes; /* of the last committed epoch */
    int64_t        shown;                                 /* rows the tap has seen that are committed */
    int64_t        barrier_us, committed_ms, last_record_ms;
    struct offsets done[SOURCES_MAX];                      /* positions of the last committed epoch */
    struct offsets rated[SOURCES_MAX], rates[SOURCES_MAX]; /* records and records/s at the last tick of a second */
    int64_t        rated_us;
    struct ledger  ledger; /* of the last committed epoch */
    int64_t        committed_epoch, version, rows_written, records, n_epochs;
    int64_t        started_us, first_poll_us, start_cpu_us;
};

/* True while epochs run. */
static inline bool query__live(const struct query *q)
{
    return q->state == QUERY_RUNNING || q->state == QUERY_DRAINING;
}

/* query.c */
/* The job counts as this query's until it is done. */
void query__submit(struct query *q, struct workers *where, struct job *job);
void query__progress(struct query *q); /* does what can be done now; cheap when there is nothing */
void query__failed(struct query *q, enum err rc, const struct error *why); /* FAILED, or back-off and STARTING again */
struct epoch_written {
    int64_t versions[LANE_N_SINKS]; /* -1: none */
    int64_t files, bytes;
};
void query__committed(struct query *q, struct lane_result *take, const struct epoch_written *w);

/* summary.c */
void query__sum_ledger(const struct query *q, const struct ledger *l, struct ledger_sums *out);

/* The query's name in Delta's transactions, but for its generation. */
void query__app_prefix(const struct plan *p, char out[QUERY_APP_ID_MAX]);

/* preview.c */
struct sink *query__no_sink(void);
void         query__looked_at(struct query *q, struct lane_result *take); /* the epoch is over */

/* start.c, io thread while the loop leaves the query alone */
MUST_CHECK enum err query__start_up(struct query *q, struct error *e);
void                query__tear_down(struct query *q);

/* feed.c */
void query__open_plan(struct query *q);      /* of a new epoch: it starts here, and nothing is planned */
bool query__plan(struct query *q);           /* extends the plan to the known ends, within the cap; false: by nothing */
bool query__pump(struct query *q);           /* records into the lane; true: call it again soon */
bool query__reached(struct query *q);        /* all that was planned is in the lane */
bool query__advanced(const struct query *q); /* the open epoch holds positions */
bool query__own_cap(const struct query *q);  /* no source has a cap of the user's */
void query__ask_ends(struct query *q);
void query__check_topics(struct query *q);
/* client thread; adds the new partitions to *found. ERR_DATA_LOSS: one was deleted or made anew */
MUST_CHECK enum err query__topics_are_the_same(struct query *q, int *found, struct error *e);
void                query__adopt_partitions(struct query *q);
int64_t             query__lag(const struct query *q);

/* commit.c */
void query__commit(struct query *q, struct lane_result *take);
void query__remember_start(struct query *q); /* for replay_from */
/* io thread. Steps 4 and 5 of an epoch that is recorded as prepared. */
MUST_CHECK enum err query__finish(struct query *q, const struct epoch_row *row, struct epoch_written *w,
                                  struct error *e);

#endif
