/* SPDX-License-Identifier: MIT */
/*
 * The io side of a source: which partitions there are, where each begins and ends, and whether the topics are still
 * the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/source_priv.h"

#define COMMIT_WAIT_MS 5000
#define LIST_EVERY_US 20000000 /* topics of a pattern: the whole cluster is asked */

/* ---- asking ---- */

static bool knows_topic(const struct kafka_source *s, const char *name)
{
    for (int t = 0; t < s->n_topics; t++)
        if (strcmp(s->topics[t], name) == 0)
            return true;
    return false;
}

/* Adds the topics of the cluster that the pattern takes; those that are known stay. Names with __ are internal. */
static enum err list_topics(struct kafka_source *s, struct error *e)
{
    const struct rd_kafka_metadata *m = NULL;
    const char                     *pattern = s->options->pattern;
    enum err                        rc = OK;
    rd_kafka_resp_err_t             code = rd_kafka_metadata(s->link.rk, 1, NULL, &m, KAFKA_WAIT_MS);
    if (code)
        return kafka__error(e, code, NULL, s->options->bootstrap);
    for (int i = 0; rc == OK && i < m->topic_cnt; i++) {
        const char *name = m->topics[i].topic;
        if (strncmp(name, "__", 2) == 0 || m->topics[i].err || knows_topic(s, name) || !s->matches(pattern, name))
            continue;
        if (s->n_topics == KAFKA_TOPICS_MAX)
            rc = err_set(e, ERR_LIMIT, "subscribePattern '%s' takes more than %d topics", pattern, KAFKA_TOPICS_MAX);
        else if (!(s->topics[s->n_topics] = mem_strdup(TAG_SOURCE, name)))
            rc = err_set(e, ERR_NO_MEMORY, "no memory for the topics of subscribePattern");
        else
            s->n_topics++;
    }
    rd_kafka_metadata_destroy(m);
    s->listed_us = clock_mono_us();
    if (rc == OK && s->n_topics == 0)
        rc = err_set(e, ERR_NOT_FOUND,
                     "no topic matches subscribePattern '%s' (the whole name must); create one, or "
                     "check the pattern",
                     pattern);
    return rc;
}

/* All topics that are read; the caller destroys the event. */
static enum err describe(struct kafka_source *s, rd_kafka_event_t **out, struct error *e)
{
    const char *names[KAFKA_TOPICS_MAX];
    char        text[128];
    for (int i = 0; i < s->n_topics; i++)
        names[i] = s->topics[i];
    rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(names, (size_t)s->n_topics);
    rd_kafka_AdminOptions_t    *options = rd_kafka_AdminOptions_new(s->link.rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    rd_kafka_queue_t           *q = rd_kafka_queue_new(s->link.rk);
    rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_WAIT_MS, text, sizeof text);
    rd_kafka_DescribeTopics(s->link.rk, topics, options, q);
    enum err rc = link__wait(&s->link, q, KAFKA_WAIT_MS + 1000, s->options->bootstrap, out, e);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_TopicCollection_destroy(topics);
    return rc;
}

static const rd_kafka_TopicDescription_t *topic_in(rd_kafka_event_t *event, const char *name)
{
    size_t                              n;
    const rd_kafka_TopicDescription_t **all =
        rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(rd_kafka_TopicDescription_name(all[i]), name) == 0)
            return all[i];
    return NULL;
}

static void topic_id_of(const rd_kafka_TopicDescription_t *topic, char out[40])
{
    const rd_kafka_Uuid_t *id = rd_kafka_TopicDescription_topic_id(topic);
    const char            *text = id ? rd_kafka_Uuid_base64str(id) : NULL;
    bool known = text && id && (rd_kafka_Uuid_most_significant_bits(id) || rd_kafka_Uuid_least_significant_bits(id));
    snprintf(out, 40, "%s", known ? text : "");
}

/* The error of one topic, as found at the start. */
static enum err topic_error(const rd_kafka_TopicDescription_t *topic, const char *name, struct error *e)
{
    const rd_kafka_error_t *error = topic ? rd_kafka_TopicDescription_error(topic) : NULL;
    char                    what[300];
    snprintf(what, sizeof what, "topic %s", name);
    if (!topic)
        return kafka__error(e, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, NULL, what);
    if (!error)
        return OK;
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(e, ERR_NOT_FOUND, "topic %s does not exist; create it, or check its name in read_kafka", name);
    return kafka__error(e, rd_kafka_error_code(error), rd_kafka_error_string(error), what);
}

static bool is_wanted(const struct kafka_options *o, const char *topic, int32_t partition)
{
    if (!o->assign)
        return true;
    for (int i = 0; i < o->n_assign; i++)
        if (o->assign[i].partition == partition && strcmp(o->assign[i].topic, topic) == 0)
            return true;
    return false;
}

static struct part *find(struct part **parts, int n, const char *topic, int32_t partition)
{
    for (int i = 0; i < n; i++)
        if (parts[i]->view.partition == partition && strcmp(parts[i]->view.topic, topic) == 0)
            return parts[i];
    return NULL;
}

/* Adds the partitions of a topic that are in neither list to the second. */
static enum err add_partitions(struct kafka_source *s, const rd_kafka_TopicDescription_t *topic, struct part **known,
                               int n_known, struct part **list, int *n, struct error *e)
{
    size_t      n_infos;
    const char *name = rd_kafka_TopicDescription_name(topic);
    char        id[40];
    rd_kafka_TopicDescription_partitions(topic, &n_infos);
    topic_id_of(topic, id);
    for (int32_t p = 0; p < (int32_t)n_infos; p++) { /* Kafka numbers them from 0; in order whatever the answer's */
        if (!is_wanted(s->options, name, p) || find(known, n_known, name, p) || find(list, *n, name, p))
            continue;
        if (*n + n_known == KAFKA_PARTITIONS_MAX)
            return err_set(e, ERR_LIMIT, "more than %d partitions in one read_kafka", KAFKA_PARTITIONS_MAX);
        if (!(list[*n] = part__new(s, name, p, id)))
            return err_set(e, ERR_NO_MEMORY, "no memory for the partitions of topic %s", name);
        ++*n;
    }
    return OK;
}

static rd_kafka_topic_partition_list_t *list_of(struct part **parts, int n, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, parts[i]->view.topic, parts[i]->view.partition)->offset = offset;
    return list;
}

/* Offsets of partitions by a spec, in the order of parts. */
static enum err ask(struct kafka_source *s, struct part **parts, int n, int64_t spec, bool committed, int64_t *out,
                    struct error *e)
{
    rd_kafka_topic_partition_list_t *list = list_of(parts, n, spec);
    enum err                         rc = link__list_offsets(&s->link, list, committed, KAFKA_WAIT_MS, e);
    for (int i = 0; rc == OK && i < n; i++) { /* the client may have sorted it */
        const struct kafka_partition *v = &parts[i]->view;
        out[i] = rd_kafka_topic_partition_list_find(list, v->topic, v->partition)->offset;
        if (out[i] < 0)
            rc = kafka__error(e, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, "asking for offsets");
    }
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

/* ---- where to start ---- */

struct bounds { /* arrays of n */
    int64_t *first, *last, *timed, *high;
};

static const struct kafka_named *named(const struct kafka_named *list, int n, const struct part *p)
{
    for (int i = 0; i < n; i++)
        if (list[i].partition == p->view.partition && strcmp(list[i].topic, p->view.topic) == 0)
            return &list[i];
    return NULL;
}

static enum err ask_times(struct kafka_source *s, int64_t *timed, struct error *e)
{
    const struct kafka_options      *o = s->options;
    rd_kafka_topic_partition_list_t *list = list_of(s->parts, s->n, o->timestamp_ms);
    enum err                         rc = OK;
    for (int i = 0; i < s->n && rc == OK && o->timestamp_ms < 0; i++) {
        const struct kafka_named *k = named(o->timestamps, o->n_timestamps, s->parts[i]);
        if (k)
            list->elems[i].offset = k->value;
        else
            rc = err_set(e, ERR_INVALID,
                         "startingOffsetsByTimestamp must name every partition; %s-%" PRId32 " is missing",
                         s->parts[i]->view.topic, s->parts[i]->view.partition);
    }
    if (rc == OK)
        rc = link__list_offsets(&s->link, list, o->read_committed, KAFKA_WAIT_MS, e);
    for (int i = 0; rc == OK && i < s->n; i++)
        timed[i] =
            rd_kafka_topic_partition_list_find(list, s->parts[i]->view.topic, s->parts[i]->view.partition)->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

/* What the options say for partition i of a new query. */
static enum err start_by_options(struct kafka_source *s, int i, const struct bounds *b, struct error *e)
{
    const struct kafka_options *o = s->options;
    struct kafka_partition     *v = &s->parts[i]->view;
    const struct kafka_named   *k;
    switch (o->starting) {
    case START_LATEST:
        v->next = b->last[i];
        return OK;
    case START_EARLIEST:
        v->next = b->first[i];
        s->parts[i]->earliest = true;
        return OK;
    case START_TIMESTAMP:
        v->next = b->timed[i];
        if (v->next < 0 && !o->missing_timestamp_latest)
            return err_set(e, ERR_INVALID,
                           "%s-%" PRId32 " has no record at or after the starting timestamp; "
                           "startingOffsetsByTimestampStrategy => 'latest' would start at its end",
                           v->topic, v->partition);
        if (v->next < 0)
            v->next = b->last[i];
        return OK;
    case START_OFFSETS:
        break;
    }
    k = named(o->offsets, o->n_offsets, s->parts[i]);
    if (!k)
        return err_set(e, ERR_INVALID,
                       "startingOffsets must name every partition (-1 latest, -2 earliest); %s-%" PRId32 " is missing",
                       v->topic, v->partition);
    v->next = k->value == KAFKA_LATEST ? b->last[i] : k->value == KAFKA_EARLIEST ? b->first[i] : k->value;
    if (v->next > b->high[i])
        return err_set(e, ERR_INVALID, "startingOffsets: %s-%" PRId32 " ends at offset %" PRId64 ", before %" PRId64,
                       v->topic, v->partition, b->high[i], v->next);
    return OK;
}

/* Is the position still there? */
static enum err check_position(struct kafka_source *s, int i, const struct bounds *b, struct error *e)
{
    struct kafka_partition *v = &s->parts[i]->view;
    if (v->next > b->high[i])
        return err_set(e, ERR_DATA_LOSS,
                       "%s-%" PRId32 ": stood at offset %" PRId64 ", but the log ends at %" PRId64
                       ": it was cut, or the topic recreated",
                       v->topic, v->partition, v->next, b->high[i]);
    if (v->next >= b->first[i])
        return OK;
    if (s->options->fail_on_data_loss)
        return err_set(e, ERR_DATA_LOSS,
                       "%s-%" PRId32 ": records [%" PRId64 ", %" PRId64 ") are gone: retention or a deletion "
                       "was faster than this query",
                       v->topic, v->partition, v->next, b->first[i]);
    log_warn("kafka",
             "%s-%" PRId32 ": records [%" PRId64 ", %" PRId64 ") are gone and skipped (failOnDataLoss is false)",
             v->topic, v->partition, v->next, b->first[i]);
    v->lost += b->first[i] - v->next;
    v->next = b->first[i];
    return OK;
}

static enum err place_one(struct kafka_source *s, int i, const struct kafka_position *saved, int n_saved,
                          const struct bounds *b, struct error *e)
{
    struct kafka_partition *v = &s->parts[i]->view;
    v->slot = (uint32_t)i * s->n_sources + s->index;
    v->known_start = b->first[i];
    v->known_end = b->last[i];
    for (int k = 0; k < n_saved; k++)
        if (saved[k].partition == v->partition && strcmp(saved[k].topic, v->topic) == 0) {
            const char *id = saved[k].topic_id ? saved[k].topic_id : "";
            if (*id && v->topic_id[0] && strcmp(id, v->topic_id) != 0)
                return err_set(e, ERR_DATA_LOSS,
                               "topic %s was deleted and made anew (its id was %s, now it is %s); offset %" PRId64
                               " of %s-%" PRId32 " means other records now",
                               v->topic, id, v->topic_id, saved[k].next, v->topic, v->partition);
            v->next = saved[k].next;
            return check_position(s, i, b, e);
        }
    if (n_saved > 0) {
        v->next = b->first[i]; /* new to a query that ran before: nothing of it was ever read */
        s->parts[i]->earliest = true;
        return OK;
    }
    TRY(start_by_options(s, i, b, e));
    return check_position(s, i, b, e);
}

/* A topic of the pattern that was there before. */
static enum err topic_gone(const struct kafka_source *s, const struct kafka_position *p, struct error *e)
{
    if (s->options->fail_on_data_loss)
        return err_set(e, ERR_DATA_LOSS, "topic %s is gone: its partition %" PRId32 " stood at offset %" PRId64,
                       p->topic, p->partition, p->next);
    log_warn("kafka", "topic %s is gone and left out (failOnDataLoss is false)", p->topic);
    return OK;
}

/* Saved positions of partitions that no longer exist. */
static enum err all_there(struct kafka_source *s, const struct kafka_position *saved, int n_saved, struct error *e)
{
    for (int k = 0; k < n_saved; k++)
        if (is_wanted(s->options, saved[k].topic, saved[k].partition) &&
            !find(s->parts, s->n, saved[k].topic, saved[k].partition)) {
            if (knows_topic(s, saved[k].topic))
                return err_set(e, ERR_DATA_LOSS,
                               "%s-%" PRId32 " is gone: it stood at offset %" PRId64
                               ", and the topic has fewer partitions now",
                               saved[k].topic, saved[k].partition, saved[k].next);
            if (s->options->pattern && s->matches(s->options->pattern, saved[k].topic))
                TRY(topic_gone(s, &saved[k], e));
        }
    return OK;
}

static enum err place(struct kafka_source *s, const struct kafka_position *saved, int n_saved, struct error *e)
{
    size_t        n = (size_t)s->n;
    int64_t      *room = mem_alloc(TAG_SOURCE, 4 * n * sizeof *room);
    struct bounds b = {room, room + n, room + 2 * n, room + 3 * n};
    enum err      rc;
    if (!room)
        return err_set(e, ERR_NO_MEMORY, "no memory for the offsets of %zu partitions", n);
    if ((rc = ask(s, s->parts, s->n, RD_KAFKA_OFFSET_SPEC_EARLIEST, false, b.first, e)) != OK)
        goto out;
    if ((rc = ask(s, s->parts, s->n, RD_KAFKA_OFFSET_SPEC_LATEST, s->options->read_committed, b.last, e)) != OK)
        goto out;
    if ((rc = ask(s, s->parts, s->n, RD_KAFKA_OFFSET_SPEC_LATEST, false, b.high, e)) != OK)
        goto out;
    if (n_saved == 0 && s->options->starting == START_TIMESTAMP && (rc = ask_times(s, b.timed, e)) != OK)
        goto out;
    for (int i = 0; rc == OK && i < s->n; i++)
        rc = place_one(s, i, saved, n_saved, &b, e);
out:
    mem_free(room);
    return rc;
}

static void forget(struct kafka_source *s)
{
    while (s->options->pattern && s->n_topics > 0)
        mem_free(s->topics[--s->n_topics]);
    for (int i = 0; i < s->n; i++)
        part__free(s->parts[i]);
    s->n = 0;
}

static enum err discover(struct kafka_source *s, struct error *e)
{
    const struct kafka_options *o = s->options;
    rd_kafka_event_t           *event = NULL;
    int                         n = 0;
    if (o->pattern)
        TRY(list_topics(s, e));
    TRY(describe(s, &event, e));
    enum err rc = OK;
    for (int t = 0; rc == OK && t < s->n_topics; t++) {
        const rd_kafka_TopicDescription_t *topic = topic_in(event, s->topics[t]);
        if ((rc = topic_error(topic, s->topics[t], e)) == OK)
            rc = add_partitions(s, topic, NULL, 0, s->parts, &n, e);
    }
    s->n = n;
    rd_kafka_event_destroy(event);
    for (int i = 0; rc == OK && i < o->n_assign; i++)
        if (!find(s->parts, n, o->assign[i].topic, o->assign[i].partition))
            rc = err_set(e, ERR_NOT_FOUND, "partition %s-%" PRId32 " of assign does not exist", o->assign[i].topic,
                         o->assign[i].partition);
    return rc;
}

enum err kafka_source_resolve(struct kafka_source *s, const struct kafka_position *saved, int n_saved, struct error *e)
{
    enum err rc;
    forget(s);
    if ((rc = discover(s, e)) != OK)
        goto out;
    if (s->n > 16 && s->prefetch_for != s->n) /* fewer bytes for each of so many */
        if ((rc = source__connect(s, s->n, e)) != OK)
            goto out;
    if ((rc = all_there(s, saved, n_saved, e)) != OK)
        goto out;
    rc = place(s, saved, n_saved, e);
out:
    if (rc != OK)
        forget(s);
    return rc;
}

/* ---- fetching ---- */

enum err kafka_source_start(struct kafka_source *s, struct error *e)
{
    int                              n = s->n;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        if (!atomic_load(&s->parts[i]->fetching)) {
            part__open_queue(s->parts[i]);
            rd_kafka_topic_partition_list_add(list, s->parts[i]->view.topic, s->parts[i]->view.partition)->offset =
                s->parts[i]->view.next;
        }
    rd_kafka_error_t *error = list->cnt ? rd_kafka_incremental_assign(s->link.rk, list) : NULL;
    enum err          rc = OK;
    if (error)
        rc = kafka__error(e, rd_kafka_error_code(error), rd_kafka_error_string(error), "starting to read");
    else
        for (int i = 0; i < n; i++)
            atomic_store(&s->parts[i]->fetching, true);
    rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

enum err kafka_source_rewind(struct kafka_source *s, const int64_t *next, int n, struct error *e)
{
    rd_kafka_event_t   *late;
    rd_kafka_resp_err_t code = rd_kafka_assign(s->link.rk, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka__error(e, code, NULL, "going back to saved positions");
    while ((late = rd_kafka_queue_poll(s->probe.queue, 0)))
        rd_kafka_event_destroy(late);
    s->probe.state = PROBE_NONE;
    s->n_gone = 0;
    s->failed = false;
    s->pending = (struct error){0};
    for (int i = 0; i < s->n; i++) {
        atomic_store(&s->parts[i]->fetching, false);
        part__drop(s->parts[i]);
        s->parts[i]->view.end = s->parts[i]->gone = -1;
        if (i < n)
            s->parts[i]->view.next = next[i];
    }
    return kafka_source_start(s, e);
}

enum err kafka_source_ends(struct kafka_source *s, int64_t *ends, int n, struct error *e)
{
    return ask(s, s->parts, n, RD_KAFKA_OFFSET_SPEC_LATEST, s->options->read_committed, ends, e);
}

enum err kafka_source_starts(struct kafka_source *s, int64_t *starts, int n, struct error *e)
{
    return ask(s, s->parts, n, RD_KAFKA_OFFSET_SPEC_EARLIEST, false, starts, e);
}

/* ---- are they still the same topics? ---- */

static enum err same_topic(struct kafka_source *s, rd_kafka_event_t *event, const char *name, int n_known,
                           struct error *e)
{
    const rd_kafka_TopicDescription_t *topic = topic_in(event, name);
    const rd_kafka_error_t            *error = topic ? rd_kafka_TopicDescription_error(topic) : NULL;
    const struct part                 *p = NULL;
    char                               id[40];
    for (int i = 0; i < n_known && !p; i++)
        if (strcmp(s->parts[i]->view.topic, name) == 0)
            p = s->parts[i];
    if (error && !p) /* of a pattern, and just being made */
        return OK;
    if (error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(e, ERR_DATA_LOSS, "topic %s was deleted while it was read", name);
    TRY(topic_error(topic, name, e));
    topic_id_of(topic, id);
    if (p && id[0] && p->view.topic_id[0] && strcmp(id, p->view.topic_id) != 0)
        return err_set(e, ERR_DATA_LOSS,
                       "topic %s was deleted and made anew while it was read (its id was %s, now it is %s)", name,
                       p->view.topic_id, id);
    return OK;
}

static enum err find_new(struct kafka_source *s, rd_kafka_event_t *event, int n_known, struct error *e)
{
    struct part **fresh = mem_alloc(TAG_SOURCE, KAFKA_PARTITIONS_MAX * sizeof *fresh);
    int64_t      *first = mem_alloc(TAG_SOURCE, KAFKA_PARTITIONS_MAX * sizeof *first);
    int           n = 0;
    enum err      rc = fresh && first ? OK : err_set(e, ERR_NO_MEMORY, "no memory for new partitions");
    for (int t = 0; rc == OK && t < s->n_topics; t++)
        rc = add_partitions(s, topic_in(event, s->topics[t]), s->parts, n_known, fresh, &n, e);
    if (rc == OK)
        rc = ask(s, fresh, n, RD_KAFKA_OFFSET_SPEC_EARLIEST, false, first, e);
    pthread_mutex_lock(&s->found_lock);
    for (int i = 0; i < n; i++) {
        bool again = rc != OK || find(s->found, s->n_found, fresh[i]->view.topic, fresh[i]->view.partition) ||
                     s->n_found + n_known >= KAFKA_PARTITIONS_MAX;
        if (again) {
            part__free(fresh[i]);
        } else {
            fresh[i]->view.next = fresh[i]->view.known_start = fresh[i]->view.known_end = first[i];
            s->found[s->n_found++] = fresh[i];
        }
    }
    pthread_mutex_unlock(&s->found_lock);
    mem_free(fresh);
    mem_free(first);
    return rc;
}

enum err kafka_source_check_topics(struct kafka_source *s, int *found, struct error *e)
{
    rd_kafka_event_t *event = NULL;
    int               n = s->n;
    enum err          rc = OK;
    *found = 0;
    if (s->options->pattern && clock_mono_us() - s->listed_us >= LIST_EVERY_US)
        TRY(list_topics(s, e));
    TRY(describe(s, &event, e));
    for (int t = 0; rc == OK && t < s->n_topics; t++)
        rc = same_topic(s, event, s->topics[t], n, e);
    if (rc == OK && !s->options->assign)
        rc = find_new(s, event, n, e);
    rd_kafka_event_destroy(event);
    pthread_mutex_lock(&s->found_lock);
    *found = s->n_found;
    pthread_mutex_unlock(&s->found_lock);
    return rc;
}

int kafka_source_adopt(struct kafka_source *s)
{
    pthread_mutex_lock(&s->found_lock);
    int n = s->n_found;
    for (int i = 0; i < n; i++) {
        struct part *p = s->found[i];
        p->view.slot = (uint32_t)s->n * s->n_sources + s->index;
        log_info("kafka", "%s-%" PRId32 " is new and read from offset %" PRId64, p->view.topic, p->view.partition,
                 p->view.next);
        s->parts[s->n] = p;
        s->n++;
    }
    s->n_found = 0;
    pthread_mutex_unlock(&s->found_lock);
    return n;
}

/* ---- advisory commit ---- */

void kafka_source_commit(struct kafka_source *s, const int64_t *next, int n)
{
    rd_kafka_topic_partition_list_t *list = list_of(s->parts, n, 0);
    rd_kafka_queue_t                *q = rd_kafka_queue_new(s->link.rk);
    for (int i = 0; i < n; i++)
        list->elems[i].offset = next[i];
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(s->link.rk, list, q, NULL, NULL);
    rd_kafka_event_t   *event = code ? NULL : rd_kafka_queue_poll(q, COMMIT_WAIT_MS);
    if (event)
        code = rd_kafka_event_error(event);
    else if (!code)
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code && code != RD_KAFKA_RESP_ERR__NO_OFFSET)
        log_warn("kafka", "group %s: offsets were not committed (%s); only lag shown by other tools depends on it",
                 s->group, rd_kafka_err2str(code));
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(q);
    rd_kafka_topic_partition_list_destroy(list);
}
