/* SPDX-License-Identifier: MIT */
/*
 * kafka/producer: records into one topic (flow.h's struct emit): idempotent, acks=all, Java's partitioner.
 *
 * emit never blocks: ERR_BUSY when the client's queue is full; call kafka_producer_poll and try again. A record is
 * counted as sent when accepted, and later exactly once as acked or failed. One thread.
 */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include "flow/flow.h"
#include "kafka/client.h"

struct kafka_producer_spec { /* borrowed during kafka_producer_new */
    struct kafka_client client;
    const char         *topic;
    const char         *compression; /* "none", "lz4" (NULL), "zstd", "snappy", "gzip" */
    int                 linger_ms;   /* 0: 20 */
    size_t              queue_bytes; /* ceiling of what waits to be sent; 0: 64 MiB */
};

struct kafka_producer_counts {
    int64_t     sent, acked, failed, acked_bytes;
    int64_t     waiting;    /* sent and neither acked nor failed */
    const char *last_error; /* "" none */
};

struct kafka_producer;

MUST_CHECK enum err kafka_producer_new(const struct kafka_producer_spec *spec, struct kafka_producer **out,
                                       struct error *e);
void                kafka_producer_free(struct kafka_producer *p); /* what still waits is dropped: flush first */
struct emit        *kafka_producer_emit(struct kafka_producer *p);
/* Serves acknowledgements, waiting up to timeout_ms for some. ERR_PERMISSION, ERR_NOT_FOUND (the topic) ...: it
 * cannot go on. */
MUST_CHECK enum err kafka_producer_poll(struct kafka_producer *p, int timeout_ms, struct error *e);
/* Waits until all is acknowledged. ERR_UNAVAILABLE: the deadline came first, and how many are left. */
MUST_CHECK enum err kafka_producer_flush(struct kafka_producer *p, int timeout_ms, struct error *e);
void                kafka_producer_counts(struct kafka_producer *p, struct kafka_producer_counts *out);

#endif
