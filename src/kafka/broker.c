/* SPDX-License-Identifier: MIT */
#include "kafka/broker.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/alloc.h"
#include "base/log.h"

struct kafka_broker {
    rd_kafka_t              *rk;
    rd_kafka_mock_cluster_t *cluster;
};

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    log_debug("broker", "%s: %s", facility, text);
}

enum err kafka_broker_start(int n_brokers, struct kafka_broker **out, struct error *e)
{
    struct kafka_broker *b = mem_zalloc(TAG_PROCESS, sizeof *b);
    rd_kafka_conf_t     *conf = rd_kafka_conf_new();
    char                 text[256] = "";
    if (!b) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_NO_MEMORY, "no memory for the demo broker");
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    b->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!b->rk) {
        rd_kafka_conf_destroy(conf);
        mem_free(b);
        return err_set(e, ERR_IO, "demo broker: %s", text);
    }
    b->cluster = rd_kafka_mock_cluster_new(b->rk, n_brokers);
    if (!b->cluster) {
        kafka_broker_free(b);
        return err_set(e, ERR_IO, "demo broker: cannot listen on 127.0.0.1");
    }
    rd_kafka_mock_group_initial_rebalance_delay_ms(b->cluster, 0);
#if RD_KAFKA_VERSION >= 0x020f00ff
    rd_kafka_mock_set_controller_id(b->cluster,
                                    1); /* else it names a broker that is none, and admin calls wait for it */
#endif
    *out = b;
    return OK;
}

void kafka_broker_free(struct kafka_broker *b)
{
    if (!b)
        return;
    if (b->cluster)
        rd_kafka_mock_cluster_destroy(b->cluster);
    rd_kafka_destroy(b->rk);
    mem_free(b);
}

const char *kafka_broker_bootstrap(const struct kafka_broker *b)
{
    return rd_kafka_mock_cluster_bootstraps(b->cluster);
}

enum err kafka_broker_topic(struct kafka_broker *b, const char *name, int n_partitions, struct error *e)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(b->cluster, name, n_partitions, 1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return OK;
    return err_set(e, code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? ERR_EXISTS : ERR_INVALID,
                   "demo broker: topic %s: %s", name, rd_kafka_err2str(code));
}

enum err kafka_broker_set_down(struct kafka_broker *b, bool down, struct error *e)
{
    rd_kafka_resp_err_t code =
        down ? rd_kafka_mock_broker_set_down(b->cluster, -1) : rd_kafka_mock_broker_set_up(b->cluster, -1);
    return code ? err_set(e, ERR_IO, "demo broker: %s", rd_kafka_err2str(code)) : OK;
}

void kafka_broker_forget_leaders(struct kafka_broker *b, int n)
{
    const int16_t list_offsets = 2; /* its number in the protocol */
    for (int i = 0; i < n; i++)
        rd_kafka_mock_push_request_errors(b->cluster, list_offsets, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
}
