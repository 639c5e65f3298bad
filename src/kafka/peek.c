/* SPDX-License-Identifier: MIT */
#include "kafka/peek.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kafka/client_priv.h"

#define POLL_MS 100

struct peek {
    struct link                      link;
    rd_kafka_topic_partition_list_t *from;   /* offset: where to begin */
    int                              n_left; /* records that are there and not yet read */
    int64_t                          until_us;
};

static enum err find_partitions(struct peek *p, const char *topic, int timeout_ms, struct error *e)
{
    rd_kafka_topic_t               *t = rd_kafka_topic_new(p->link.rk, topic, NULL);
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t code = t ? rd_kafka_metadata(p->link.rk, 0, t, &m, timeout_ms) : rd_kafka_last_error();
    enum err            rc = OK;
    if (!code)
        code = m->topic_cnt == 1 ? m->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (code)
        rc = kafka__error(e, code, NULL, topic);
    p->from = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; rc == OK && i < m->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(p->from, topic, m->topics[0].partitions[i].id);
    if (m)
        rd_kafka_metadata_destroy(m);
    if (t)
        rd_kafka_topic_destroy(t);
    return rc;
}

/* The last n records are spread evenly: what each partition has of its share. */
static enum err find_offsets(struct peek *p, int n, int timeout_ms, struct error *e)
{
    int share = p->from->cnt ? (n + p->from->cnt - 1) / p->from->cnt : 0;
    for (int i = 0; i < p->from->cnt; i++) {
        rd_kafka_topic_partition_t *at = &p->from->elems[i];
        int64_t                     low = 0, high = 0;
        rd_kafka_resp_err_t         code =
            rd_kafka_query_watermark_offsets(p->link.rk, at->topic, at->partition, &low, &high, timeout_ms);
        if (code)
            return kafka__error(e, code, NULL, at->topic);
        at->offset = high - share > low ? high - share : low;
        p->n_left += (int)(high - at->offset);
    }
    return OK;
}

static void read_records(struct peek *p, int n, void (*each)(void *arg, int32_t, const struct raw_record *), void *arg)
{
    n = n < p->n_left ? n : p->n_left;
    while (n > 0 && clock_mono_us() < p->until_us) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(p->link.rk, POLL_MS);
        if (m && !m->err) {
            rd_kafka_timestamp_type_t type;
            struct raw_record         r = {.key = m->key,
                                           .value = m->payload,
                                           .key_bytes = (uint32_t)m->key_len,
                                           .value_bytes = (uint32_t)m->len,
                                           .offset = m->offset,
                                           .timestamp_ms = rd_kafka_message_timestamp(m, &type)};
            each(arg, m->partition, &r);
            n--;
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
}

enum err kafka_peek(const struct kafka_client *c, const char *topic, int n, int timeout_ms,
                    void (*each)(void *arg, int32_t partition, const struct raw_record *), void *arg, struct error *e)
{
    struct peek      p = {.until_us = clock_mono_us() + (int64_t)timeout_ms * 1000};
    rd_kafka_conf_t *conf = NULL;
    TRY(link__conf(c, &conf, e));
    enum err rc = conf__set(conf, "group.id", "millrace-peek", e);
    if (rc == OK)
        rc = conf__set(conf, "enable.auto.commit", "false", e);
    if (rc == OK)
        rc = conf__set(conf, "fetch.wait.max.ms", "50", e);
    if (rc != OK) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    TRY(link__open(&p.link, RD_KAFKA_CONSUMER, conf, e));
    rd_kafka_poll_set_consumer(p.link.rk);
    rc = find_partitions(&p, topic, timeout_ms, e);
    if (rc == OK)
        rc = find_offsets(&p, n, timeout_ms, e);
    if (rc == OK && p.n_left > 0) {
        rd_kafka_resp_err_t code = rd_kafka_assign(p.link.rk, p.from);
        rc = code ? kafka__error(e, code, NULL, topic) : OK;
    }
    if (rc == OK)
        read_records(&p, n, each, arg);
    rd_kafka_topic_partition_list_destroy(p.from);
    rd_kafka_consumer_close(p.link.rk);
    link__close(&p.link);
    return rc;
}
