/* SPDX-License-Identifier: MIT */
#include "kafka/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "kafka/client_priv.h"

struct kafka_admin {
    struct link link;
    char        bootstrap[200];
};

enum err kafka_admin_open(const struct kafka_client *c, struct kafka_admin **out, struct error *e)
{
    rd_kafka_conf_t    *conf = NULL;
    struct kafka_admin *a;
    TRY(link__conf(c, &conf, e));
    a = mem_zalloc(TAG_SOURCE, sizeof *a);
    if (!a) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, ERR_NO_MEMORY, "no memory for a Kafka client");
    }
    snprintf(a->bootstrap, sizeof a->bootstrap, "%s", c->bootstrap);
    enum err rc = link__open(&a->link, RD_KAFKA_PRODUCER, conf, e);
    if (rc != OK) {
        mem_free(a);
        return rc;
    }
    *out = a;
    return OK;
}

void kafka_admin_close(struct kafka_admin *a)
{
    if (!a)
        return;
    link__close(&a->link);
    mem_free(a);
}

static int wait_ms(int timeout_ms) { return timeout_ms > 0 ? timeout_ms : KAFKA_WAIT_MS; }

static rd_kafka_AdminOptions_t *options_for(struct kafka_admin *a, rd_kafka_admin_op_t op, int timeout_ms)
{
    char                     text[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->link.rk, op);
    rd_kafka_AdminOptions_set_request_timeout(options, wait_ms(timeout_ms), text, sizeof text);
    return options;
}

/* ---- topics ---- */

static enum err result_of(rd_kafka_event_t *event, bool created, const char *what, struct error *e)
{
    size_t                          n;
    const rd_kafka_topic_result_t **r =
        created ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n)
                : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
    rd_kafka_resp_err_t code = n ? rd_kafka_topic_result_error(r[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
    return code ? kafka__error(e, code, rd_kafka_topic_result_error_string(r[0]), what) : OK;
}

/* Partitions of a topic that have a leader; -1: no such topic. create: by asking for it, where brokers allow that. */
static enum err count_partitions(struct kafka_admin *a, const char *topic, int *n, int timeout_ms, struct error *e)
{
    rd_kafka_topic_t               *t = rd_kafka_topic_new(a->link.rk, topic, NULL);
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t code = t ? rd_kafka_metadata(a->link.rk, 0, t, &m, timeout_ms) : rd_kafka_last_error();
    enum err            rc = OK;
    *n = -1;
    if (code)
        rc = kafka__error(e, code, NULL, a->bootstrap);
    else if (m->topic_cnt == 1 && m->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *n = 0;
        for (int i = 0; i < m->topics[0].partition_cnt; i++)
            *n += m->topics[0].partitions[i].leader >= 0;
    }
    if (m)
        rd_kafka_metadata_destroy(m);
    if (t)
        rd_kafka_topic_destroy(t);
    return rc;
}

/* A new topic is known to a cluster a moment before all of its partitions have leaders. */
static enum err wait_leaders(struct kafka_admin *a, const char *topic, int n_partitions, int timeout_ms,
                             struct error *e)
{
    int64_t until = clock_mono_us() + (int64_t)wait_ms(timeout_ms) * 1000;
    int     n = -1;
    for (;;) {
        TRY(count_partitions(a, topic, &n, wait_ms(timeout_ms), e));
        if (n >= n_partitions)
            return OK;
        if (clock_mono_us() > until)
            return err_set(e, ERR_UNAVAILABLE, "topic %s: only %d of %d partitions have a leader", topic, n < 0 ? 0 : n,
                           n_partitions);
        usleep(20000);
    }
}

/* Brokers that know no CreateTopics (the embedded one) make a topic when it is asked for by name. */
static enum err create_by_use(struct kafka_admin *a, const char *topic, int n_partitions, struct error *e)
{
    struct kafka_setting by_use = {"allow.auto.create.topics", "true"};
    struct kafka_client  c = {a->bootstrap, &by_use, 1};
    struct kafka_admin  *other = NULL;
    int                  n = -1;
    TRY(kafka_admin_open(&c, &other, e));
    enum err rc = count_partitions(other, topic, &n, KAFKA_WAIT_MS, e);
    for (int i = 0; rc == OK && n < 0 && i < 100; i++) {
        usleep(20000);
        rc = count_partitions(other, topic, &n, KAFKA_WAIT_MS, e);
    }
    kafka_admin_close(other);
    if (rc == OK && n != n_partitions)
        rc = err_set(e, ERR_UNSUPPORTED, "topic %s: this broker makes topics of %d partitions only, not %d", topic,
                     n < 0 ? 0 : n, n_partitions);
    return rc;
}

static enum err ask_create(struct kafka_admin *a, rd_kafka_NewTopic_t *topic, const char *what, int timeout_ms,
                           struct error *e)
{
    rd_kafka_AdminOptions_t *options = options_for(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    rd_kafka_queue_t        *q = rd_kafka_queue_new(a->link.rk);
    rd_kafka_event_t        *event = NULL;
    rd_kafka_CreateTopics(a->link.rk, &topic, 1, options, q);
    enum err rc = link__wait(&a->link, q, wait_ms(timeout_ms) + 1000, what, &event, e);
    if (rc == OK)
        rc = result_of(event, true, what, e);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

enum err kafka_topic_create(struct kafka_admin *a, const char *topic, int n_partitions, int replication,
                            const struct kafka_setting *config, int n_config, int timeout_ms, struct error *e)
{
    char                 text[256] = "", what[320];
    rd_kafka_NewTopic_t *t =
        rd_kafka_NewTopic_new(topic, n_partitions, replication > 0 ? replication : -1, text, sizeof text);
    int there = -1;
    snprintf(what, sizeof what, "creating topic %s", topic);
    if (!t)
        return err_set(e, ERR_INVALID, "%s: %s", what, text);
    for (int i = 0; i < n_config; i++)
        if (rd_kafka_NewTopic_set_config(t, config[i].key, config[i].value)) {
            rd_kafka_NewTopic_destroy(t);
            return err_set(e, ERR_INVALID, "%s: %s=%s is no setting", what, config[i].key, config[i].value);
        }
    enum err rc = ask_create(a, t, what, timeout_ms, e);
    rd_kafka_NewTopic_destroy(t);
    if (rc == ERR_UNSUPPORTED) {
        TRY(count_partitions(a, topic, &there, wait_ms(timeout_ms), e));
        if (there >= 0)
            return err_set(e, ERR_EXISTS, "topic %s exists", topic);
        return create_by_use(a, topic, n_partitions, e);
    }
    return rc == OK ? wait_leaders(a, topic, n_partitions, timeout_ms, e) : rc;
}

enum err kafka_topic_delete(struct kafka_admin *a, const char *topic, int timeout_ms, struct error *e)
{
    char                     what[320];
    rd_kafka_AdminOptions_t *options = options_for(a, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms);
    rd_kafka_queue_t        *q = rd_kafka_queue_new(a->link.rk);
    rd_kafka_DeleteTopic_t  *t = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_event_t        *event = NULL;
    snprintf(what, sizeof what, "deleting topic %s", topic);
    rd_kafka_DeleteTopics(a->link.rk, &t, 1, options, q);
    enum err rc = link__wait(&a->link, q, wait_ms(timeout_ms) + 1000, what, &event, e);
    if (rc == OK)
        rc = result_of(event, false, what, e);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(t);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kafka_topic *)a)->name, ((const struct kafka_topic *)b)->name);
}

enum err kafka_topic_list(struct kafka_admin *a, struct arena *arena, struct kafka_topic **out, int *n, int timeout_ms,
                          struct error *e)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t             code = rd_kafka_metadata(a->link.rk, 1, NULL, &m, wait_ms(timeout_ms));
    *n = 0;
    if (code)
        return kafka__error(e, code, NULL, a->bootstrap);
    struct kafka_topic *list = arena_alloc(arena, ((size_t)m->topic_cnt + 1) * sizeof *list);
    for (int i = 0; list && i < m->topic_cnt; i++) {
        if (strncmp(m->topics[i].topic, "__", 2) == 0)
            continue;
        list[*n].name = arena_strdup(arena, m->topics[i].topic);
        list[*n].n_partitions = m->topics[i].partition_cnt;
        if (!list[(*n)++].name)
            list = NULL;
    }
    rd_kafka_metadata_destroy(m);
    if (!list)
        return err_set(e, ERR_NO_MEMORY, "no memory for the list of topics");
    qsort(list, (size_t)*n, sizeof *list, by_name);
    *out = list;
    return OK;
}

/* ---- groups ---- */

/* Fills the list with the committed offsets of the group (negative: none). */
static enum err ask_committed(struct kafka_admin *a, const char *group, rd_kafka_topic_partition_list_t *list,
                              int timeout_ms, struct error *e)
{
    rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_AdminOptions_t *options = options_for(a, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
    rd_kafka_queue_t        *q = rd_kafka_queue_new(a->link.rk);
    rd_kafka_event_t        *event = NULL;
    rd_kafka_ListConsumerGroupOffsets(a->link.rk, &request, 1, options, q);
    enum err rc = link__wait(&a->link, q, wait_ms(timeout_ms) + 1000, "asking for committed offsets", &event, e);
    if (rc == OK) {
        size_t                          n;
        const rd_kafka_group_result_t **r =
            rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
        const rd_kafka_error_t                *error = n ? rd_kafka_group_result_error(r[0]) : NULL;
        const rd_kafka_topic_partition_list_t *got = n && !error ? rd_kafka_group_result_partitions(r[0]) : NULL;
        if (error)
            rc = kafka__error(e, rd_kafka_error_code(error), rd_kafka_error_string(error), group);
        for (int i = 0; got && i < got->cnt; i++) {
            rd_kafka_topic_partition_t *to =
                rd_kafka_topic_partition_list_find(list, got->elems[i].topic, got->elems[i].partition);
            if (to)
                to->offset = got->elems[i].offset;
        }
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

static rd_kafka_topic_partition_list_t *all_partitions(const char *topic, int n, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = offset;
    return list;
}

enum err kafka_group_lag(struct kafka_admin *a, const char *group, const char *topic, int64_t *total, int64_t *most,
                         int timeout_ms, struct error *e)
{
    int      n = -1;
    enum err rc;
    TRY(count_partitions(a, topic, &n, wait_ms(timeout_ms), e));
    if (n < 0)
        return err_set(e, ERR_NOT_FOUND, "topic %s does not exist", topic);
    rd_kafka_topic_partition_list_t *done = all_partitions(topic, n, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_topic_partition_list_t *first = all_partitions(topic, n, RD_KAFKA_OFFSET_SPEC_EARLIEST);
    rd_kafka_topic_partition_list_t *last = all_partitions(topic, n, RD_KAFKA_OFFSET_SPEC_LATEST);
    *total = *most = 0;
    if ((rc = ask_committed(a, group, done, timeout_ms, e)) != OK)
        goto out;
    if ((rc = link__list_offsets(&a->link, first, false, wait_ms(timeout_ms), e)) != OK)
        goto out;
    if ((rc = link__list_offsets(&a->link, last, false, wait_ms(timeout_ms), e)) != OK)
        goto out;
    for (int i = 0; i < n; i++) {
        int64_t at = done->elems[i].offset > first->elems[i].offset ? done->elems[i].offset : first->elems[i].offset;
        int64_t lag = last->elems[i].offset > at ? last->elems[i].offset - at : 0;
        *total += lag;
        *most = lag > *most ? lag : *most;
    }
out:
    rd_kafka_topic_partition_list_destroy(done);
    rd_kafka_topic_partition_list_destroy(first);
    rd_kafka_topic_partition_list_destroy(last);
    return rc;
}
