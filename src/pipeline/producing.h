/* SPDX-License-Identifier: MIT */
/*
 * pipeline/producing: a generator's or a public stream's records into a topic, at a rate that may change while it runs.
 *
 * `millrace produce` runs it in the foreground, a service as a thread of a managed producer. producing_run blocks; what
 * is marked (any thread) may be called meanwhile.
 */
#ifndef PIPELINE_PRODUCING_H
#define PIPELINE_PRODUCING_H

#include "produce/produce.h"
#include "produce/stream.h"

struct producing_spec { /* borrowed: outlives the producing */
    const char          *bootstrap, *topic, *compression;
    const char          *template_name; /* of a generator, or a preset of produce/stream.h */
    const char          *replay;        /* a file instead of a template, or NULL */
    struct produce_knobs knobs;
    bool                 create;                     /* the topic, when it is not there */
    int                  partitions;                 /* of a topic that is made */
    const char          *group;                      /* wait while this consumer group is behind ... or NULL */
    int64_t              max_lag;                    /* ... by more records than that in one partition */
    const char          *url, *symbols, *user_agent; /* of a stream; NULL: its own */
    int                  poll_ms;                    /* of a stream that is polled; 0: as the service says */
    /* Called now and then while it runs, and while it waits; may be NULL. */
    void (*show)(void *);
    void *show_arg;
};

struct producing_counts {
    int64_t sent, acked, failed, waiting;
    int64_t acked_bytes;
    char    last_error[256]; /* "" none */
};

struct producing;

/* Makes the generator: ERR_INVALID, ERR_NOT_FOUND, ERR_DATA name what is wrong. Connects nowhere. */
MUST_CHECK enum err producing_new(const struct producing_spec *spec, struct producing **out, struct error *e);
void                producing_free(struct producing *p); /* NULL is ignored */
/* To the last record, or until it is told to stop; then waits until all is acknowledged. */
MUST_CHECK enum err producing_run(struct producing *p, struct error *e);

/* The static table ad_events joins with, as a CSV file: complete or not there. */
MUST_CHECK enum err producing_write_ads(const struct produce_knobs *k, const char *path, struct error *e);

void producing_stop(struct producing *p);                                 /* (any thread, signal handler) */
void producing_set_rate(struct producing *p, double per_s);               /* (any thread) 0: as fast as possible */
void producing_counts(struct producing *p, struct producing_counts *out); /* (any thread) */

int64_t producing_expected(const struct producing *p);                         /* records to come in all; 0: no end */
void    producing_tally(const struct producing *p, struct produce_tally *out); /* after producing_run */
/* What a public stream has brought; NULL for others. Read it on the running thread or after producing_run. */
const struct stream_tally *producing_stream(const struct producing *p);

#endif
