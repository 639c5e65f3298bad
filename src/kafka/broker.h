/* SPDX-License-Identifier: MIT */
/*
 * kafka/broker: an embedded demo broker in this process: librdkafka's mock cluster.
 *
 * In memory, on 127.0.0.1 and a port of its own choice, without TLS or SASL. Each partition keeps its newest 5 MiB
 * (and 100,000 message sets), whoever has not read the rest yet: producers must be throttled by lag. Transactions
 * are accepted but nothing is ever aborted. Consumers should set fetch.wait.max.ms=10: an idle fetch is not woken by
 * new records. `millrace broker` runs it as a process of its own. Its threads are its own; calls from any one thread.
 */
#ifndef KAFKA_BROKER_H
#define KAFKA_BROKER_H

#include "base/error.h"

#define KAFKA_DEMO_RING_BYTES (5 << 20) /* per partition */

struct kafka_broker;

/* Topics that are created by use have 4 partitions. */
MUST_CHECK enum err kafka_broker_start(int n_brokers, struct kafka_broker **out, struct error *e);
void                kafka_broker_free(struct kafka_broker *b);            /* NULL is ignored */
const char         *kafka_broker_bootstrap(const struct kafka_broker *b); /* "127.0.0.1:41234" */
MUST_CHECK enum err kafka_broker_topic(struct kafka_broker *b, const char *name, int n_partitions, struct error *e);
/* For tests: every broker stops answering, or answers again. */
MUST_CHECK enum err kafka_broker_set_down(struct kafka_broker *b, bool down, struct error *e);
/* For tests: the next n questions for offsets find a broker that does not know yet that it leads the partitions. */
void kafka_broker_forget_leaders(struct kafka_broker *b, int n);

#endif
