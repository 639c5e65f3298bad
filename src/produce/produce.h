/* SPDX-License-Identifier: MIT */
/*
 * produce: seeded event generators and dataset replay, for `millrace produce`, demos, benchmarks and tests.
 *
 * A generator is pulled one record at a time; keys and values are views into its own buffer, valid until the next
 * call, so no event costs a malloc. The same template, knobs and seed give the same bytes on every machine, except
 * that event times follow start_ms (default: now). Pacing is the caller's: struct pacer. One thread per generator.
 */
#ifndef PRODUCE_PRODUCE_H
#define PRODUCE_PRODUCE_H

#include "base/buf.h"

struct produce_record {
    const void *key;   /* NULL: none */
    const void *value; /* NULL: a tombstone (malformed kind) */
    uint32_t    key_bytes, value_bytes;
    int32_t     partition;    /* -1: by key */
    int64_t     timestamp_ms; /* event time before it was moved: what the record's timestamp should be */
    int64_t     due_us;       /* when to send it, from the first record on: 0 as fast as possible */
};

enum produce_key { PRODUCE_KEY_DEFAULT, PRODUCE_KEY_NONE, PRODUCE_KEY_ENTITY, PRODUCE_KEY_RANDOM };

struct produce_knobs {
    int64_t  rows;              /* without duplicates; 0: no end */
    uint64_t seed;              /* default 1 */
    double   rate_per_s;        /* 0: as fast as possible */
    int64_t  start_ms;          /* event time of the first record; -1: now */
    int64_t  step_us;           /* event time per record; 0: what the rate gives, or 1 ms when there is no rate */
    double   skew;              /* exponent of a Zipf law over entities (ads, users, devices, symbols); 0: uniform */
    double   late_percent;      /* records whose event time is moved back ... */
    int64_t  late_ms;           /* ... by up to so much (default 60 s) */
    int64_t  disorder_ms;       /* event times of all records move by up to +- so much */
    double   duplicate_percent; /* records that are sent once more, byte for byte, right after or a few records later */
    double   malformed_percent; /* records replaced by broken ones, all kinds in turn */
    enum produce_key key;
    int32_t
        n_partitions; /* > 0: partition = record number modulo this, so that content does not depend on a partitioner */
    bool live;        /* event times are the clock's when the record is made; start and step are not used */
    bool time_as_text; /* ad_events: event_time as a JSON string, as the original benchmark writes it */
    int  n_entities;   /* 0: the template's own (ad_events: 1000 ads) */
    /* replay only */
    const char *time_field; /* name of the event-time field or column; required */
    const char *key_field;  /* its value is the record's key (key PRODUCE_KEY_ENTITY), or NULL */
    double      speed;      /* 1: as recorded, 10: ten times faster, 0: as fast as possible */
};

void produce_knobs_init(struct produce_knobs *k);

struct produce_template {
    const char *name, *about;
    const char *columns; /* of the JSON value, as a SQL schema: "user_id STRING, ..." */
    const char *entity;  /* what key, skew and n_entities mean: "ad_id" */
};
/* The i-th template, NULL at the end. */
const struct produce_template *produce_template_at(int i);
/* NULL: unknown; *near (may be NULL) is then the nearest name, or NULL. */
const struct produce_template *produce_template_find(const char *name, const char **near);

struct generator;

/* ERR_INVALID: an unknown template ("did you mean ..."), a knob out of range. */
MUST_CHECK enum err generator_new(const char *template_name, const struct produce_knobs *k, struct generator **out,
                                  struct error *e);
/* Replays a file in event-time order: NDJSON (.json, .ndjson, .jsonl) or CSV with a header (.csv; values become JSON
 * objects of strings and numbers). Reads the file's lines into memory (at most 1 GiB) to sort them; event times are
 * ISO 8601, or numbers in s, ms or us. ERR_NOT_FOUND, ERR_DATA (line number), ERR_LIMIT. */
MUST_CHECK enum err generator_replay(const char *path, const struct produce_knobs *k, struct generator **out,
                                     struct error *e);
void                generator_free(struct generator *g);
/* False at the end. Never fails: all memory is there since new. */
bool    generator_next(struct generator *g, struct produce_record *out);
int64_t generator_rows_expected(const struct generator *g); /* records to come in all, 0: no end */

/* What malformed records look like, in this order and from the start again. */
#define PRODUCE_MALFORMED_KINDS 9
const char *produce_malformed_kind(int i); /* "truncated", ... */

struct produce_tally { /* what was made so far: the truth a test compares with */
    int64_t records;   /* with duplicates */
    int64_t late, duplicates, malformed;
    int64_t malformed_by_kind[PRODUCE_MALFORMED_KINDS];
    int64_t first_event_ms, last_event_ms; /* smallest and largest event time of well-formed records */
};
void generator_tally(const struct generator *g, struct produce_tally *out);

/* The static table ad_events joins with: 'ad_id,campaign_id' as CSV with a header, or NDJSON. Same seed, same ids. */
void produce_ads_table(const struct produce_knobs *k, bool csv, struct buf *out);

/* Token pacing against a monotonic clock: how long to wait before record number n (from 0) of a rate. */
struct pacer {
    double  rate_per_s; /* 0: never wait */
    int64_t start_us;
    int64_t n;
};
void    pacer_start(struct pacer *p, double rate_per_s, int64_t now_us);
int64_t pacer_wait_us(const struct pacer *p, int64_t now_us); /* until the next record is due; 0: now */
void    pacer_sent(struct pacer *p, int64_t n);
void    pacer_restart(struct pacer *p, int64_t now_us); /* after a throttled pause: do not catch up in a burst */

#endif
