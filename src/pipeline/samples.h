/* SPDX-License-Identifier: MIT */
/*
 * pipeline/samples: the newest rows that left the main path (late, rejected, malformed), quoted by their record.
 *
 * A struct side (flow.h) around another: the lane's thread reports rows through it; the loop reads. At most
 * SAMPLES_PER_S a second are kept, so that a topic full of garbage costs a comparison per row. Memory that is out
 * loses a sample, nothing else.
 */
#ifndef PIPELINE_SAMPLES_H
#define PIPELINE_SAMPLES_H

#include "flow/flow.h"

#define SAMPLES_KEPT 100
#define SAMPLES_PER_S 20
#define SAMPLE_PAYLOAD_MAX 1024

struct sample {
    int64_t  number; /* from 0, in the order they were seen */
    char     reason[24];
    char     topic[250];
    int32_t  partition;
    int64_t  offset, timestamp_ms, seen_ms; /* -1: unknown */
    char     detail[160];
    char    *payload; /* text, broken UTF-8 as it is; NULL none */
    uint32_t payload_bytes;
    bool     truncated;
};

struct samples;
MUST_CHECK enum err samples_new(struct samples **out, struct error *e);
void                samples_free(struct samples *s);
/* The side that keeps a sample and then tells `next` (borrowed). Lane thread, one at a time. */
struct side *samples_side(struct samples *s, struct side *next);
int64_t      samples_seen(struct samples *s); /* the number of the next one */
/* Calls `each` with the kept samples from number `from` on, oldest first, under the lock. */
void samples_each(struct samples *s, int64_t from, void (*each)(void *arg, const struct sample *), void *arg);

#endif
