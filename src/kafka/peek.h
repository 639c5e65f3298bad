/* SPDX-License-Identifier: MIT */
/* kafka/peek: the newest records of a topic, for a person to look at. Connects, reads, leaves. Blocks: io threads. */
#ifndef KAFKA_PEEK_H
#define KAFKA_PEEK_H

#include "column/batch.h"
#include "kafka/client.h"

/* Calls `each` with up to n records, per partition in offset order; key and value are valid during the call. Waits at
 * most timeout_ms. ERR_NOT_FOUND (topic), ERR_UNAVAILABLE, ERR_PERMISSION. */
MUST_CHECK enum err kafka_peek(const struct kafka_client *c, const char *topic, int n, int timeout_ms,
                               void (*each)(void *arg, int32_t partition, const struct raw_record *), void *arg,
                               struct error *e);

#endif
