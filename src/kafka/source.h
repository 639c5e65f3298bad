/* SPDX-License-Identifier: MIT */
/*
 * kafka/source: topics as a stream of raw batches (flow.h), read up to planned ends.
 *
 * No partition may run ahead: take() hands out only records below the planned end of their partition and keeps the
 * rest for the next epoch. Each partition has a queue of its own in the client, so a partition at its end is simply
 * not asked, keeps what it has prefetched, and neither starves nor is starved. Offsets are ours (assign(), no group
 * rebalance); the group commit is advisory, so that lag shows in ordinary tools. A lost range stops the source and
 * is named by its exact offsets.
 *
 *   new -> resolve (io) -> [step 0: save positions] -> start (io) -> plan / take / done ... -> free (io)
 *                                       ^-- check_topics (io) -> adopt (loop) -> [save] -> start (io)
 *
 * Threads: calls marked (io) may block and run on an io thread, one at a time; the others belong to the loop and
 * never block. An (io) call and loop calls may run at the same time, except resolve, rewind and free: then no loop
 * call may run.
 */
#ifndef KAFKA_SOURCE_H
#define KAFKA_SOURCE_H

#include "flow/flow.h"
#include "kafka/options.h"
#include "kafka/silence.h"

#define KAFKA_PARTITIONS_MAX 4096 /* of one source */
#define KAFKA_NO_BOUND INT64_MAX  /* as a planned end: hand out whatever comes */
#define KAFKA_TAKE_MAX 1024       /* records of one raw batch */

/* Loop thread. Index i is stable: partitions are only ever added. */
struct kafka_partition {
    const char *topic;
    int32_t     partition;
    uint32_t    slot;         /* in the query's tables: i * n_sources + index, so slots are stable and dense */
    char        topic_id[40]; /* "" when the broker does not tell */
    int64_t     next;         /* offset of the next record to hand out; past markers and compacted gaps once known */
    int64_t     end;          /* planned end of the open epoch; -1: nothing planned, nothing is handed out */
    int64_t     known_start;  /* first offset there was when the partition was found */
    int64_t     known_end;    /* largest end seen so far: a lower bound, never asked for */
    int64_t     records;      /* handed out since the start */
    int64_t     last_ms;      /* timestamp of the record handed out last; 0: none yet */
    int64_t     lost;         /* offsets skipped because they were gone (failOnDataLoss => false only) */
};

/* A position saved by an earlier run. */
struct kafka_position {
    const char *topic, *topic_id; /* topic_id "" unknown */
    int32_t     partition;
    int64_t     next;
};

struct kafka_source_spec {
    const struct kafka_options *options; /* borrowed, outlives the source */
    const char                 *query;   /* name, for the group id; borrowed during the call */
    uint32_t                    index;   /* of this relation in the plan: raw_batch.source */
    uint32_t                    n_sources;
    uint32_t max_message_bytes; /* larger ones are handed out as `oversized`, without payload; 0: 1 MiB */
    size_t   prefetch_bytes;    /* ceiling of what waits in the client, all partitions; 0: 16 MiB */
    bool (*matches)(const char *pattern, const char *topic); /* (io) for subscribePattern only */
    void (*wake)(void *);                                    /* any thread: there may be something to take */
    void *wake_arg;
};

struct kafka_source;

/* Checks the client options too: ERR_INVALID, ERR_PERMISSION (a certificate file) with a sentence. Connects nowhere. */
MUST_CHECK enum err kafka_source_new(const struct kafka_source_spec *spec, struct kafka_source **out, struct error *e);
struct source *kafka_source_flow(struct kafka_source *s); /* take, hold; its free is for tests: use kafka_source_free */
/* (io) Closes the client. Every raw batch must be released before; waits at most 10 s for those that are not. */
void kafka_source_free(struct kafka_source *s);

/* (io) Connects, finds partitions, and decides where each starts: the saved position (checked: same topic, records
 * still there), the earliest record for partitions that are new to a query with saved positions, else what the
 * options say. The topics of a pattern are those of the cluster that it takes, without internal ones; new ones are
 * found by check_topics, at most a minute after they are made. Then the partitions can be read with kafka_source_at.
 * ERR_UNAVAILABLE (retry), ERR_NOT_FOUND (topic), ERR_DATA_LOSS, ERR_PERMISSION (TLS, SASL, ACL), ERR_INVALID
 * (startingOffsets does not name every partition). */
MUST_CHECK enum err kafka_source_resolve(struct kafka_source *s, const struct kafka_position *saved, int n_saved,
                                         struct error *e);
int                 kafka_source_n(const struct kafka_source *s);
const struct kafka_partition *kafka_source_at(const struct kafka_source *s, int i);

/* (io) Starts fetching, at `next`, every partition that is not fetched yet. */
MUST_CHECK enum err kafka_source_start(struct kafka_source *s, struct error *e);
/* (io) Recovery inside a running process: forgets what was fetched, goes to next[0..n) and starts again; plans are
 * cleared. */
MUST_CHECK enum err kafka_source_rewind(struct kafka_source *s, const int64_t *next, int n, struct error *e);

/* (io) Ends as of now of the first n partitions: the last stable offsets under read_committed. ERR_UNAVAILABLE
 * (retry). */
MUST_CHECK enum err kafka_source_ends(struct kafka_source *s, int64_t *ends, int n, struct error *e);
/* (io) The same for the first record that is still there. */
MUST_CHECK enum err kafka_source_starts(struct kafka_source *s, int64_t *starts, int n, struct error *e);
/* (io) Are the topics still the same ones? *found: how many new partitions wait for adopt. ERR_DATA_LOSS: a topic was
 * deleted or recreated. Call it between prepare and commit of an epoch (one request, a few ms): the client itself reads
 * on in a recreated topic without a word, so only then no record of another topic can be committed as one of this. */
MUST_CHECK enum err kafka_source_check_topics(struct kafka_source *s, int *found, struct error *e);
/* New partitions, from their first record, behind the others; returns how many. Call kafka_source_start (io) next. */
int kafka_source_adopt(struct kafka_source *s);
/* (io) Advisory group commit of next[0..n); a failure is a warning in the log. */
void kafka_source_commit(struct kafka_source *s, const int64_t *next, int n);

/* Planned end of partition i for the open epoch: KAFKA_NO_BOUND, or an offset; one below `next` means `next` (close
 * the epoch where it stands: kafka_source_plan(s, i, 0)). */
void kafka_source_plan(struct kafka_source *s, int i, int64_t end);
/* Every partition has come to its planned end (KAFKA_NO_BOUND and -1 never count as waiting). `next` is then the
 * planned end, also behind transaction markers and compacted records. */
bool kafka_source_done(struct kafka_source *s);
/* take() stopped because of max_records: call it again soon (the wake-up is edge-triggered and will not come again). */
bool kafka_source_more(const struct kafka_source *s);
/* Offsets between next and the largest end known, all partitions. Never asks the broker. */
int64_t kafka_source_lag(const struct kafka_source *s);

struct kafka_source_stats {
    int64_t     down_since_us;   /* monotonic; 0: at least one broker is connected */
    const char *last_error;      /* "" none; valid until the next call on the loop */
    int64_t     silent_since_us; /* monotonic; 0: none. A broker that is connected and owes an answer since */
    const char *silent;          /* its host:port */
    int64_t     records, bytes;  /* handed out */
    int64_t     held_records;    /* fetched, beyond the plan */
};
void kafka_source_stats(const struct kafka_source *s, struct kafka_source_stats *out);

/* Spark's KafkaMicroBatchStream.rateLimit: `limit` offsets split over partitions in proportion to what each has; at
 * least one for each that has any, so the sum may exceed the limit. Pure. */
void kafka_split_offsets(const int64_t *begin, const int64_t *end, int n, int64_t limit, int64_t *out_end);

#endif
