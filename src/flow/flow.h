/* SPDX-License-Identifier: MIT */
/*
 * flow: the one data path, source -> decoder -> operators -> sink, as contracts. Headers only.
 *
 * Every table of functions is static const; each slot's comment says which thread calls it, whether it may
 * block, and who owns what. Epoch marks and batches share one ordered channel, so "before" and "after" need
 * no locks. An epoch is Spark's micro-batch: the span between two barriers.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "column/batch.h"

/* ---- messages ---- */

enum flow_kind { FLOW_OPEN, FLOW_RAW, FLOW_BATCH, FLOW_BARRIER, FLOW_END };

struct flow_msg {
    enum flow_kind kind;
    int64_t        epoch;   /* OPEN, BARRIER */
    bool           idle;    /* BARRIER: nothing has come for long: the watermark moves past all open windows */
    int64_t        late_ms; /* OPEN: rows of windows that end at or before this watermark are late */
    int64_t        now_us;  /* OPEN: the epoch's current_timestamp() */
    union {
        struct raw_batch *raw;   /* RAW: owned by the message */
        struct batch     *batch; /* BATCH: owned by the message */
    };
};

/* ---- ledger (design: "every record is accounted for") ---- */

/* Per partition slot, in records, since the barrier:
 * read = rejected + filtered + no_event_time + future + no_partner + passed. malformed counts records a decoder had to
 * give up on at least in part and kept (PERMISSIVE); it is a remark, not a term. */
struct tally_slot {
    int64_t read, rejected, filtered, no_event_time, future, no_partner, passed, malformed;
};

/* One per lane, folded by merge at the barrier. Per query, in effects (a sliding window or a join multiplies
 * rows): passed + fan_out = late + change of open + closed; closed = written + having + dropped. `fan_out` is what
 * joins and windows added beyond one effect per passed record. */
#define FLOW_RULES_MAX 64 /* expectations of a query */

struct rule_tally {
    int64_t passed, failed;
};

struct tally {
    struct tally_slot *slots; /* n_slots, grown by tally_slot() */
    uint32_t           n_slots;
    int64_t            fan_out, late;
    int64_t            closed;  /* effects that closed without a window; less those of closed groups that became
                                     rows of another window */
    int64_t            dropped; /* effects of rows that an expectation dropped */
    struct rule_tally  rules[FLOW_RULES_MAX]; /* in rows, per expectation */
};

/* The slot of a partition, growing the table; NULL when out of memory. */
static inline struct tally_slot *tally_slot(struct tally *t, uint32_t slot)
{
    if (slot >= t->n_slots) {
        struct tally_slot *more = mem_realloc(TAG_STATE, t->slots, (slot + 1) * sizeof *more);
        if (!more)
            return NULL;
        memset(more + t->n_slots, 0, (slot + 1 - t->n_slots) * sizeof *more);
        t->slots = more;
        t->n_slots = slot + 1;
    }
    return &t->slots[slot];
}

/* ---- side outputs ---- */

enum side_kind { SIDE_REJECT, SIDE_LATE, SIDE_REMARK }; /* a remark: kept, though it could not be read whole */

/* Takes note of one row that leaves the main path. Lane thread; may allocate, does not block. Rows are quoted
 * by their record (topic, partition, offset, timestamp, key, value); `detail` is one sentence. */
struct side {
    const struct side_ops *ops;
};
struct side_ops {
    /* record may be NULL only when raw is (never before an aggregate) */
    enum err (*row)(struct side *, enum side_kind, const struct raw_batch *raw, const struct raw_record *record,
                    const char *reason, const char *detail, struct error *);
};

/* ---- operators ---- */

/* What is behind a closed group. */
struct flow_behind {
    int64_t effects, first_epoch;
};

/* What every operator of one lane shares; owned by the lane. */
struct flow_context {
    struct tally *tally;
    struct side  *side;          /* never NULL: a no-op when no side table is asked for */
    bool          reject_errors; /* 'millrace.onError' = 'reject' */
    int64_t       epoch, now_us; /* of the open epoch */
    int64_t       late_ms;
    /* above a window, while a batch of closed groups is pushed: what is behind each, by origin */
    const struct flow_behind *behind;
};

/* What is behind a row of a batch of closed groups. */
static inline const struct flow_behind *flow_behind_row(const struct flow_context *c, const struct batch *b,
                                                        uint32_t row)
{
    return &c->behind[b->origin ? b->origin[row] : row];
}

/* Effects behind the rows of a batch of closed groups. */
static inline int64_t flow_effects(const struct flow_context *c, const struct batch *b)
{
    int64_t sum = 0;
    for (uint32_t i = 0; c->behind && i < b->n_rows; i++)
        sum += flow_behind_row(c, b, i)->effects;
    return sum;
}

/*
 * An operator. `push` is called on its lane's (or merge) thread, never blocks, and owns the message's batch on
 * entry: it passes it on with op_emit or frees it. OPEN, BARRIER and END must be passed on too. `save` and
 * `load` are called at a barrier (merge's own operators only); stateless operators use op_save_nothing.
 */
struct op {
    const struct op_ops *ops;
    struct op           *next; /* NULL only for a sink end */
    struct flow_context *context;
};
struct op_ops {
    const char *name; /* for EXPLAIN and errors: "filter" */
    enum err (*push)(struct op *, struct flow_msg *, struct error *);
    void (*free)(struct op *);
};

static inline MUST_CHECK enum err op_emit(struct op *from, struct flow_msg *msg, struct error *e)
{
    return from->next->ops->push(from->next, msg, e);
}
/* As op_emit for a batch; takes *batch. An empty batch is freed and not passed on. */
static inline MUST_CHECK enum err op_emit_batch(struct op *from, struct batch **take, struct error *e)
{
    struct flow_msg msg = {.kind = FLOW_BATCH, .batch = *take};
    *take = NULL;
    if (msg.batch->n_rows == 0) {
        batch_free(msg.batch);
        return OK;
    }
    return op_emit(from, &msg, e);
}

/* ---- decoders ---- */

/* Turns a raw batch into a batch of the relation's columns (see decode/decode.h for the makers). Lane thread. */
struct decoder {
    const struct decoder_ops *ops;
};
struct decoder_ops {
    /* raw is borrowed (the batch made references it). Counts read, rejected, malformed in context->tally. */
    enum err (*decode)(struct decoder *, struct raw_batch *raw, struct flow_context *, struct batch **out,
                       struct error *);
    void (*free)(struct decoder *);
};

/* ---- sources ---- */

struct position {
    int64_t next; /* offset of the next record to read; -1 unknown */
};

/* A stream of raw batches. All on the loop thread, never blocks; what blocks in the client runs elsewhere and
 * wakes the loop through the wake callback given at creation. */
struct source {
    const struct source_ops *ops;
};
struct source_ops {
    /* Next raw batch (one partition, at most max_records) or *out = NULL when nothing is ready. ERR_DATA_LOSS
     * names topic, partition and the lost range. */
    enum err (*take)(struct source *, size_t max_records, struct raw_batch **out, struct error *);
    void (*hold)(struct source *, bool on); /* back-pressure: stop (start) handing out */
    void (*free)(struct source *);
};

/* ---- static tables (the build side of a join) ---- */

struct table {
    const struct table_ops *ops;
    const struct type      *schema;
};
struct table_ops {
    /* Calls `each` with batches until the end; each owns the batch. io thread or start-up; may block. */
    enum err (*scan)(struct table *, enum err (*each)(void *, struct batch *, struct error *), void *arg,
                     struct error *);
    void (*free)(struct table *);
};

/* ---- records out (producers) ---- */

struct emit {
    const struct emit_ops *ops;
};
struct emit_ops {
    /* partition -1 = by key. ERR_BUSY: the queue is full, try again after a while. Any one thread. */
    enum err (*record)(struct emit *, int32_t partition, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, int64_t timestamp_ms, struct error *);
};

#endif
