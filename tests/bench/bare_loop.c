/* SPDX-License-Identifier: MIT */
/*
 * The bare librdkafka consume loop: what reading a topic costs before any of our work. For in-run ratios.
 *
 *   bare_loop BOOTSTRAP TOPIC PARTITIONS RECORDS [separate]
 *
 * assign() of all partitions from their start, consume_batch_queue of up to 1024, one byte of every payload touched,
 * same client settings as src/kafka/source.c. Prints one JSON line; CPU-seconds are those of the whole process from the
 * first record on (start-up excluded). `separate` reads each partition's own queue, as the source does.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define AT_ONCE 1024
#define PARTITIONS_MAX 1024

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", text);
        exit(2);
    }
}

static rd_kafka_t *consumer(const char *bootstrap, int n_partitions)
{
    char             text[256], kbytes[16];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int              each = 16384 / n_partitions;
    snprintf(kbytes, sizeof kbytes, "%d", each > 8192 ? 8192 : each < 64 ? 64 : each);
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", "bare-loop");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "auto.offset.reset", "error");
    set(conf, "enable.partition.eof", "true");
    set(conf, "check.crcs", "true");
    set(conf, "isolation.level", "read_committed");
    set(conf, "queued.min.messages", "20000");
    set(conf, "queued.max.messages.kbytes", kbytes);
    set(conf, "fetch.queue.backoff.ms", "2");
    set(conf, "fetch.message.max.bytes", "1048576");
    set(conf, "fetch.max.bytes", "4194304");
    set(conf, "fetch.wait.max.ms", "100");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!rk) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    return rk;
}

struct total {
    int64_t  records, bytes;
    unsigned touched;
    double   cpu, wall;
};

static void read_some(rd_kafka_queue_t *q, int timeout_ms, struct total *t)
{
    rd_kafka_message_t *messages[AT_ONCE];
    ssize_t             n = rd_kafka_consume_batch_queue(q, timeout_ms, messages, AT_ONCE);
    for (ssize_t i = 0; i < n; i++) {
        rd_kafka_message_t *m = messages[i];
        if (!m->err && t->records++ == 0) {
            t->cpu = cpu_seconds();
            t->wall = wall_seconds();
        }
        if (!m->err && m->len > 0) {
            t->bytes += (int64_t)m->len;
            t->touched += *((const unsigned char *)m->payload + m->len / 2);
        }
        rd_kafka_message_destroy(m);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "bare_loop BOOTSTRAP TOPIC PARTITIONS RECORDS [separate]\n");
        return 2;
    }
    int               n = atoi(argv[3]), separate = argc > 5 && strcmp(argv[5], "separate") == 0;
    int64_t           wanted = atoll(argv[4]);
    rd_kafka_t       *rk = consumer(argv[1], n);
    rd_kafka_queue_t *all, *each[PARTITIONS_MAX];
    struct total      t = {0};
    double            until = wall_seconds() + 300;
    rd_kafka_poll_set_consumer(rk);
    all = rd_kafka_queue_get_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n && i < PARTITIONS_MAX; i++) {
        rd_kafka_topic_partition_list_add(list, argv[2], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
        each[i] = rd_kafka_queue_get_partition(rk, argv[2], i);
        if (separate)
            rd_kafka_queue_forward(each[i], NULL);
    }
    rd_kafka_assign(rk, list);
    while (t.records < wanted && wall_seconds() < until) {
        read_some(all, separate ? 0 : 100, &t);
        for (int i = 0; separate && i < n; i++)
            read_some(each[i], 1, &t);
    }
    double cpu = cpu_seconds() - t.cpu, wall = wall_seconds() - t.wall;
    printf("{\"loop\":\"%s\",\"records\":%" PRId64 ",\"bytes\":%" PRId64
           ",\"complete\":%s,\"cpu_s\":%.3f,\"wall_s\":%.3f,"
           "\"cpu_s_per_million\":%.3f,\"touched\":%u}\n",
           separate ? "separate" : "forwarded", t.records, t.bytes, t.records >= wanted ? "true" : "false", cpu, wall,
           cpu / (double)t.records * 1e6, t.touched);
    for (int i = 0; i < n; i++)
        rd_kafka_queue_destroy(each[i]);
    rd_kafka_queue_destroy(all);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return t.records >= wanted ? 0 : 1;
}
