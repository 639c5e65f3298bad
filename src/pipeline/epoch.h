/* SPDX-License-Identifier: MIT */
/*
 * pipeline/epoch: what an epoch leaves behind: positions, watermarks, ledger; as JSON in SQLite and in commitInfo.
 *
 * {"epoch":7,"start":[{"topic":..,"partition":0,"id":"..","offset":12}],"end":[..],"late_ms":..,"evict_ms":..,
 *  "clauses":[..],"moved":..,"rows":..,"wrote":[..],"ledger":{..},"first_epoch":3,"replay_from":[..]}
 *
 * "wrote" is, per sink, the last epoch that made a version of its table; "replay_from" are the start offsets of the
 * oldest epoch that open windows have rows from.
 */
#ifndef PIPELINE_EPOCH_H
#define PIPELINE_EPOCH_H

#include "expr/program.h"
#include "kafka/source.h"
#include "json/doc.h"
#include "json/write.h"

#define SOURCES_MAX 64
#define CLAUSES_MAX 64

/* Spark's two watermarks, and what each WATERMARK clause has reached. */
struct marks {
    int64_t late_ms, evict_ms; /* of the open epoch: rows are judged by late, windows closed by evict */
    int64_t clause_ms[CLAUSES_MAX];
    int64_t clause_slot[CLAUSES_MAX]; /* partition slot of the event that set it; -1 not known (it is not saved) */
    int     n_clauses;
};

/* ---- offsets, one per partition of a source, by its index ---- */

struct offsets {
    int64_t *at;
    int      n;
};
/* Where the source stands now; replaces what was there. Aborts without memory: a few bytes per partition. */
void offsets_take(struct offsets *o, const struct kafka_source *s);
void offsets_copy(struct offsets *o, const struct offsets *from); /* o is empty; aborts without memory */
void offsets_free(struct offsets *o);

/* The JSON list of all sources' offsets. Partitions behind o[s].n are left out. */
void positions_write(struct kafka_source *const *sources, int n_sources, const struct offsets *o,
                     struct json_writer *w);
/* Positions of one source out of such a list, all strings in the arena. */
MUST_CHECK enum err positions_read(const struct json_value *list, int source, struct arena *a,
                                   struct kafka_position **out, int *n, struct error *e);

/* ---- the ledger: totals since the generation began ---- */

/* The terms, named here once: per partition in records, as in flow.h; per query in effects. */
#define LEDGER_RECORDS(X) \
    X(read) X(rejected) X(filtered) X(no_event_time) X(future) X(no_partner) X(passed) X(malformed)
#define LEDGER_EFFECTS(X) X(fan_out) X(late) X(open) X(closed) X(written) X(having) X(dropped)
#define LEDGER_FIELD(term) int64_t term;

struct ledger {
    struct tally_slot *slots;
    uint32_t           n_slots;
    LEDGER_EFFECTS(LEDGER_FIELD)
    /* in rows, per expectation; the rules are the plan's */
    const struct expect_spec *expect;
    struct rule_tally         rules[FLOW_RULES_MAX];
};

void                ledger_fini(struct ledger *l);
MUST_CHECK enum err ledger_copy(const struct ledger *l, struct ledger *out, struct error *e);
/* Adds an epoch's tally and clears it. */
MUST_CHECK enum err ledger_fold(struct ledger *l, struct tally *t, struct error *e);
int64_t             ledger_passed(const struct ledger *l);
/* Both equations of the design; ERR_CORRUPT says which does not hold. */
MUST_CHECK enum err ledger_check(const struct ledger *l, struct error *e);
/* "expectations":[{"name":..,"passed":..,"failed":..}] of an object that is being written. */
void ledger_write_rules(const struct ledger *l, struct json_writer *w);
/* Over all partitions. */
struct ledger_sums {
    LEDGER_RECORDS(LEDGER_FIELD)
    LEDGER_EFFECTS(LEDGER_FIELD)
    int64_t lost;       /* offsets that were gone; in no sum */
    bool    unbalanced; /* an equation does not hold: an error of the program. An empty ledger balances */
};
void ledger_sum(const struct ledger *l, struct ledger_sums *out); /* all but lost */
/* {"records": {..}, "effects": {"passed", ..}, "balanced"} */
void ledger_sums_write(const struct ledger_sums *sums, struct json_writer *w);

/* Slots are named by the sources; loop thread. */
void ledger_write(const struct ledger *l, struct kafka_source *const *sources, int n_sources, struct json_writer *w);
MUST_CHECK enum err ledger_read(struct ledger *l, const struct json_value *doc, struct kafka_source *const *sources,
                                int n_sources, struct error *e);

#endif
