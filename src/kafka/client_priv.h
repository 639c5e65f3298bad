/* SPDX-License-Identifier: MIT */
/*
 * kafka/client_priv: one librdkafka handle, what it last complained about, and errors as sentences. Private to the
 * room.
 *
 * A link is made by link__open and served by whoever polls it: the error and statistics callbacks run inside
 * rd_kafka_poll and consume calls, on any of our threads, so what they note is under a lock. Log lines come from
 * librdkafka's own threads.
 */
#ifndef KAFKA_CLIENT_PRIV_H
#define KAFKA_CLIENT_PRIV_H

#include <librdkafka/rdkafka.h>

#include "base/inbox.h"
#include "column/batch.h"
#include "kafka/client.h"
#include "kafka/silence.h"

struct link {
    rd_kafka_t         *rk;
    pthread_mutex_t     lock;          /* guards the rest */
    int64_t             down_since_us; /* monotonic; 0: some broker is connected, or not tried yet */
    int64_t             refused_us;    /* when TLS or SASL was refused last; 0: never, or a broker is connected again */
    bool                was_up;
    struct silence      silence;
    char                last[200];    /* last error text, "" none */
    char                refused[200]; /* last TLS or SASL error text */
    rd_kafka_resp_err_t refused_code;
};

/* A configuration with what every client of ours has in common, plus `c`. ERR_INVALID names the option. */
MUST_CHECK enum err link__conf(const struct kafka_client *c, rd_kafka_conf_t **out, struct error *e);
/* One more setting; the value must not be a secret. */
MUST_CHECK enum err conf__set(rd_kafka_conf_t *conf, const char *key, const char *value, struct error *e);
MUST_CHECK enum err conf__set_int(rd_kafka_conf_t *conf, const char *key, int64_t value, struct error *e);
/* Takes conf, also on failure. */
MUST_CHECK enum err link__open(struct link *l, rd_kafka_type_t type, rd_kafka_conf_t *take, struct error *e);
void                link__close(struct link *l);
void                link__is_up(struct link *l); /* something was received */

/* A sentence for an error: "<what>: <why>" with what to do about it. why may be NULL (librdkafka's own text). */
enum err kafka__error(struct error *e, rd_kafka_resp_err_t code, const char *why, const char *what);

/* Waits for the one event of an admin call that was sent with `q` as its queue; the caller destroys it. Gives up
 * early when logging in was refused, or when no broker could be reached for a few seconds. */
MUST_CHECK enum err link__wait(struct link *l, rd_kafka_queue_t *q, int timeout_ms, const char *what,
                               rd_kafka_event_t **out, struct error *e);

/* ListOffsets for a list whose offsets are specs (-1, -2 or a time in ms); fills them with the answers (-1: none). */
MUST_CHECK enum err link__list_offsets(struct link *l, rd_kafka_topic_partition_list_t *list, bool committed,
                                       int timeout_ms, struct error *e);

#define KAFKA_WAIT_MS 10000

#endif
