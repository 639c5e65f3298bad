/* SPDX-License-Identifier: MIT */
#include "kafka/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kafka/client_priv.h"

#define LINGER_MS 20
#define QUEUE_BYTES ((size_t)64 << 20)
#define QUEUE_RECORDS 500000
#define FATAL_AFTER_FAILURES 1 /* a refused record is a fact about the topic or the user: say it at once */

struct kafka_producer {
    struct emit                  flow; /* first */
    struct link                  link;
    rd_kafka_topic_t            *topic;
    char                         name[256];
    struct kafka_producer_counts counts;
    rd_kafka_resp_err_t          failure; /* of the last failed record */
    char                         failure_text[200];
    int                          since_poll;
};

static struct kafka_producer *of(struct emit *flow) { return (struct kafka_producer *)flow; }

/* Runs inside rd_kafka_poll: our thread. */
static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    struct link           *l = arg;
    struct kafka_producer *p = (struct kafka_producer *)(void *)((char *)l - offsetof(struct kafka_producer, link));
    (void)rk;
    if (!m->err) {
        p->counts.acked++;
        p->counts.acked_bytes += (int64_t)(m->len + m->key_len);
        return;
    }
    p->counts.failed++;
    p->failure = m->err; /* rd_kafka_message_errstr would give the payload as the text */
    snprintf(p->failure_text, sizeof p->failure_text, "%s", rd_kafka_err2str(m->err));
}

static enum err record(struct emit *flow, int32_t partition, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, int64_t timestamp_ms, struct error *e)
{
    struct kafka_producer *p = of(flow);
    rd_kafka_vu_t          v[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition < 0 ? RD_KAFKA_PARTITION_UA : partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, key_bytes}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value, value_bytes}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp_ms > 0 ? timestamp_ms : 0},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    if (++p->since_poll >= 1000) {
        p->since_poll = 0;
        rd_kafka_poll(p->link.rk, 0);
    }
    rd_kafka_error_t *error = rd_kafka_produceva(p->link.rk, v, 6);
    if (!error) {
        p->counts.sent++;
        return OK;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    enum err            rc;
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rc = err_set(e, ERR_BUSY, "the queue to topic %s is full", p->name);
        if (e)
            e->retry = true;
    } else {
        rc = kafka__error(e, code, rd_kafka_error_string(error), p->name);
    }
    rd_kafka_error_destroy(error);
    return rc;
}

static const struct emit_ops emit_ops = {record};

static enum err configure(const struct kafka_producer_spec *spec, rd_kafka_conf_t *conf, struct error *e)
{
    size_t kbytes = (spec->queue_bytes ? spec->queue_bytes : QUEUE_BYTES) / 1024;
    TRY(conf__set(conf, "enable.idempotence", "true", e));
    TRY(conf__set(conf, "acks", "all", e));
    TRY(conf__set(conf, "partitioner", "murmur2_random", e)); /* as Java's */
    TRY(conf__set(conf, "compression.codec", spec->compression ? spec->compression : "lz4", e));
    TRY(conf__set_int(conf, "linger.ms", spec->linger_ms > 0 ? spec->linger_ms : LINGER_MS, e));
    TRY(conf__set_int(conf, "queue.buffering.max.kbytes", (int64_t)(kbytes > 1 ? kbytes : 1), e));
    TRY(conf__set_int(conf, "queue.buffering.max.messages", QUEUE_RECORDS, e));
    TRY(conf__set(conf, "batch.num.messages", "50000", e));
    TRY(conf__set(conf, "topic.metadata.propagation.max.ms", "5000", e)); /* then a missing topic is missing */
    return conf__set(conf, "statistics.interval.ms", "2000", e);
}

enum err kafka_producer_new(const struct kafka_producer_spec *spec, struct kafka_producer **out, struct error *e)
{
    rd_kafka_conf_t       *conf = NULL;
    struct kafka_producer *p;
    TRY(link__conf(&spec->client, &conf, e));
    enum err rc = configure(spec, conf, e);
    p = rc == OK ? mem_zalloc(TAG_SOURCE, sizeof *p) : NULL;
    if (!p) {
        rd_kafka_conf_destroy(conf);
        return rc != OK ? rc : err_set(e, ERR_NO_MEMORY, "no memory for a Kafka producer");
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rc = link__open(&p->link, RD_KAFKA_PRODUCER, conf, e);
    if (rc != OK) {
        mem_free(p);
        return rc;
    }
    p->flow.ops = &emit_ops;
    snprintf(p->name, sizeof p->name, "%s", spec->topic);
    p->topic = rd_kafka_topic_new(p->link.rk, spec->topic, NULL);
    if (!p->topic) {
        rc = kafka__error(e, rd_kafka_last_error(), NULL, spec->topic);
        link__close(&p->link);
        mem_free(p);
        return rc;
    }
    *out = p;
    return OK;
}

void kafka_producer_free(struct kafka_producer *p)
{
    if (!p)
        return;
    rd_kafka_purge(p->link.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_poll(p->link.rk, 0);
    rd_kafka_topic_destroy(p->topic);
    link__close(&p->link);
    mem_free(p);
}

struct emit *kafka_producer_emit(struct kafka_producer *p) { return &p->flow; }

/* A record that failed for good, a refused login with nobody left to talk to, or a fatal error. */
static enum err verdict(struct kafka_producer *p, struct error *e)
{
    char                what[300], why[200];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    snprintf(what, sizeof what, "topic %s", p->name);
    if (p->counts.failed >= FATAL_AFTER_FAILURES)
        return kafka__error(e, p->failure, p->failure_text, what);
    if (rd_kafka_fatal_error(p->link.rk, why, sizeof why))
        return kafka__error(e, RD_KAFKA_RESP_ERR__FATAL, why, what);
    pthread_mutex_lock(&p->link.lock);
    if (p->link.refused_us && p->link.down_since_us)
        code = p->link.refused_code;
    memcpy(why, p->link.refused, sizeof why);
    pthread_mutex_unlock(&p->link.lock);
    return code ? kafka__error(e, code, why, what) : OK;
}

enum err kafka_producer_poll(struct kafka_producer *p, int timeout_ms, struct error *e)
{
    rd_kafka_poll(p->link.rk, timeout_ms);
    return verdict(p, e);
}

enum err kafka_producer_flush(struct kafka_producer *p, int timeout_ms, struct error *e)
{
    int64_t until = clock_mono_us() + (int64_t)timeout_ms * 1000;
    while (p->counts.acked + p->counts.failed < p->counts.sent) {
        rd_kafka_flush(p->link.rk, 50); /* sends at once, without linger; serves reports */
        TRY(verdict(p, e));
        if (clock_mono_us() < until)
            continue;
        struct kafka_producer_counts now;
        kafka_producer_counts(p, &now);
        if (!now.waiting)
            break;
        err_set(e, ERR_UNAVAILABLE, "topic %s: %" PRId64 " records are not acknowledged after %d ms%s%s", p->name,
                now.waiting, timeout_ms, now.last_error[0] ? ": " : "", now.last_error);
        if (e)
            e->retry = true;
        return ERR_UNAVAILABLE;
    }
    return verdict(p, e);
}

void kafka_producer_counts(struct kafka_producer *p, struct kafka_producer_counts *out)
{
    *out = p->counts;
    out->waiting = p->counts.sent - p->counts.acked - p->counts.failed;
    pthread_mutex_lock(&p->link.lock);
    if (!p->failure && p->link.last[0])
        memcpy(p->failure_text, p->link.last, sizeof p->failure_text);
    pthread_mutex_unlock(&p->link.lock);
    out->last_error = p->failure_text;
}
