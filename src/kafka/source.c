/* SPDX-License-Identifier: MIT */
/*
 * The loop side. One invariant carries it: a record leaves a partition's queue only into `held`, and `held` only
 * into a raw batch or, when its offset is behind us already, into nothing. So an allocation that fails loses no record.
 */
#include "kafka/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/source_priv.h"

#define PREFETCH_BYTES ((size_t)16 << 20)
#define PREFETCH_LEAST ((size_t)64 << 10) /* of one partition */
#define PREFETCH_MOST ((size_t)8 << 20)
#define FETCH_BYTES (1 << 20) /* larger fetches cost more CPU, not less: they fall out of the cache */
#define MESSAGE_BYTES (1 << 20)
#define EVENTS_AT_ONCE 64
#define FETCH_WAIT_MS 100   /* the end of a partition behind markers is told by an idle fetch */
#define PATIENCE_US 5000000 /* an answer that takes so much longer than a fetch may wait is worth telling */
#define PROBE_US 10000000
#define REFUSED_US 5000000    /* logging in was refused and nobody answers for so long: give up */
#define LEAVE_US 10000000     /* free: how long to wait for batches that were not released */
#define RECORD_COST_BYTES 400 /* what librdkafka and we hold per record beside its payload */

/* ---- wake-ups (librdkafka's threads) ---- */

static void on_part(rd_kafka_t *rk, void *arg)
{
    struct part *p = arg;
    (void)rk;
    atomic_store_explicit(&p->signaled, true, memory_order_release);
    p->source->wake(p->source->wake_arg);
}

static void on_event(rd_kafka_t *rk, void *arg)
{
    struct kafka_source *s = arg;
    (void)rk;
    s->wake(s->wake_arg);
}

/* ---- partitions ---- */

struct part *part__new(struct kafka_source *s, const char *topic, int32_t partition, const char *topic_id)
{
    struct part *p = mem_zalloc(TAG_SOURCE, sizeof *p);
    if (!p)
        return NULL;
    p->held = mem_alloc(TAG_SOURCE, KAFKA_TAKE_MAX * sizeof *p->held);
    char *name = mem_strdup(TAG_SOURCE, topic);
    if (!p->held || !name) {
        mem_free(p->held);
        mem_free(name);
        mem_free(p);
        return NULL;
    }
    p->source = s;
    p->eof = p->gone = -1;
    p->view.topic = name;
    p->view.partition = partition;
    p->view.end = -1;
    snprintf(p->view.topic_id, sizeof p->view.topic_id, "%s", topic_id);
    return p;
}

void part__drop(struct part *p)
{
    while (p->held_at < p->held_n)
        rd_kafka_message_destroy(p->held[p->held_at++]);
    p->held_at = p->held_n = 0;
    p->eof = -1;
}

static void close_queue(struct part *p)
{
    if (!p->queue)
        return;
    rd_kafka_queue_cb_event_enable(p->queue, NULL, NULL);
    rd_kafka_queue_destroy(p->queue);
    p->queue = NULL;
}

void part__open_queue(struct part *p)
{
    if (p->queue)
        return;
    p->queue = rd_kafka_queue_get_partition(p->source->link.rk, p->view.topic, p->view.partition);
    CHECK(p->queue); /* the topic object is made when it is not there */
    rd_kafka_queue_forward(p->queue, NULL);
    rd_kafka_queue_cb_event_enable(p->queue, on_part, p);
}

void part__free(struct part *p)
{
    if (!p)
        return;
    part__drop(p);
    close_queue(p);
    mem_free((void *)(uintptr_t)p->view.topic);
    mem_free(p->held);
    mem_free(p);
}

/* ---- making and freeing ---- */

/* "Lose nothing", small queues: prefetch that fits the cache is the fast one. Queues are per partition here, so the
 * ceiling is shared out. */
static enum err configure(struct kafka_source *s, rd_kafka_conf_t *conf, int n_partitions, struct error *e)
{
    size_t each = s->prefetch_bytes / (size_t)(n_partitions > 0 ? n_partitions : 1);
    each = each < PREFETCH_LEAST ? PREFETCH_LEAST : each > PREFETCH_MOST ? PREFETCH_MOST : each;
    TRY(conf__set(conf, "group.id", s->group, e));
    TRY(conf__set(conf, "enable.auto.commit", "false", e));
    TRY(conf__set(conf, "enable.auto.offset.store", "false", e));
    TRY(conf__set(conf, "auto.offset.reset", "error", e));
    TRY(conf__set(conf, "enable.partition.eof", "true", e));
    TRY(conf__set(conf, "check.crcs", "true", e));
    TRY(conf__set(conf, "isolation.level", s->options->read_committed ? "read_committed" : "read_uncommitted", e));
    TRY(conf__set(conf, "queued.min.messages", "20000", e));
    TRY(conf__set_int(conf, "queued.max.messages.kbytes", (int64_t)(each / 1024), e));
    TRY(conf__set(conf, "fetch.queue.backoff.ms", "2", e));
    TRY(conf__set_int(conf, "statistics.interval.ms", n_partitions > 200 ? 10000 : 2000, e));
    return OK;
}

/* How long a broker may keep a fetch that it has nothing for. */
static int64_t fetch_wait_ms(const struct kafka_source *s)
{
    for (int i = 0; i < s->options->n_settings; i++)
        if (strcmp(s->options->settings[i].key, "fetch.wait.max.ms") == 0)
            return strtoll(s->options->settings[i].value, NULL, 10);
    return FETCH_WAIT_MS;
}

/* Sizes only where the user has not said otherwise. */
static enum err fetch_sizes(struct kafka_source *s, rd_kafka_conf_t *conf, int n_partitions, struct error *e)
{
    size_t each = s->prefetch_bytes / (size_t)(n_partitions > 0 ? n_partitions : 1);
    bool   one = false, all = false;
    for (int i = 0; i < s->options->n_settings; i++) {
        one = one || strcmp(s->options->settings[i].key, "fetch.message.max.bytes") == 0;
        all = all || strcmp(s->options->settings[i].key, "fetch.max.bytes") == 0;
    }
    each = each < PREFETCH_LEAST ? PREFETCH_LEAST : each > FETCH_BYTES ? FETCH_BYTES : each;
    TRY(conf__set_int(conf, "fetch.wait.max.ms", fetch_wait_ms(s), e));
    if (!one)
        TRY(conf__set_int(conf, "fetch.message.max.bytes", (int64_t)each, e));
    if (!all)
        TRY(conf__set_int(conf, "fetch.max.bytes", 4 * FETCH_BYTES, e));
    return OK;
}

static void disconnect(struct kafka_source *s)
{
    if (!s->link.rk)
        return;
    for (int i = 0; i < s->n; i++)
        close_queue(s->parts[i]);
    rd_kafka_queue_destroy(s->probe.queue);
    rd_kafka_queue_cb_event_enable(s->events, NULL, NULL);
    rd_kafka_queue_destroy(s->events);
    rd_kafka_consumer_close(s->link.rk);
    link__close(&s->link);
}

enum err source__connect(struct kafka_source *s, int n_partitions, struct error *e)
{
    struct kafka_client c = kafka_options_client(s->options);
    rd_kafka_conf_t    *conf = NULL;
    disconnect(s);
    TRY(link__conf(&c, &conf, e));
    enum err rc = fetch_sizes(s, conf, n_partitions, e);
    if (rc == OK)
        rc = configure(s, conf, n_partitions, e);
    if (rc != OK) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    TRY(link__open(&s->link, RD_KAFKA_CONSUMER, conf, e));
    s->link.silence.patience_us = PATIENCE_US + fetch_wait_ms(s) * 1000;
    rd_kafka_poll_set_consumer(s->link.rk);
    s->events = rd_kafka_queue_get_consumer(s->link.rk);
    s->probe = (struct probe){.queue = rd_kafka_queue_new(s->link.rk)};
    rd_kafka_queue_cb_event_enable(s->events, on_event, s);
    rd_kafka_queue_cb_event_enable(s->probe.queue, on_event, s);
    s->prefetch_for = n_partitions;
    return OK;
}

static void ignore_wake(void *arg) { (void)arg; }

static void drop_memory(struct kafka_source *s)
{
    for (int i = 0; s->topics && i < s->n_topics; i++)
        mem_free(s->topics[i]);
    mem_free(s->topics);
    mem_free(s->parts);
    mem_free(s->found);
    pthread_mutex_destroy(&s->found_lock);
    mem_free(s);
}

static const struct source_ops source_ops;

enum err kafka_source_new(const struct kafka_source_spec *spec, struct kafka_source **out, struct error *e)
{
    const struct kafka_options *o = spec->options;
    struct kafka_source        *s = mem_zalloc(TAG_SOURCE, sizeof *s);
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "no memory for a Kafka source");
    pthread_mutex_init(&s->found_lock, NULL);
    s->parts = mem_zalloc(TAG_SOURCE, KAFKA_PARTITIONS_MAX * sizeof *s->parts);
    s->found = mem_zalloc(TAG_SOURCE, KAFKA_PARTITIONS_MAX * sizeof *s->found);
    s->topics = mem_zalloc(TAG_SOURCE, KAFKA_TOPICS_MAX * sizeof(char *));
    bool ok = s->parts && s->found && s->topics;
    for (; ok && s->n_topics < o->n_topics; s->n_topics += ok)
        ok = (s->topics[s->n_topics] = mem_strdup(TAG_SOURCE, o->topics[s->n_topics])) != NULL;
    if (!ok) {
        drop_memory(s);
        return err_set(e, ERR_NO_MEMORY, "no memory for a Kafka source");
    }
    s->flow.ops = &source_ops;
    s->options = o;
    s->matches = spec->matches;
    s->index = spec->index;
    s->n_sources = spec->n_sources ? spec->n_sources : 1;
    s->max_message_bytes = spec->max_message_bytes ? spec->max_message_bytes : MESSAGE_BYTES;
    s->prefetch_bytes = spec->prefetch_bytes ? spec->prefetch_bytes : PREFETCH_BYTES;
    s->wake = spec->wake ? spec->wake : ignore_wake;
    s->wake_arg = spec->wake_arg;
    snprintf(s->query, sizeof s->query, "%s", spec->query);
    if (o->group_id)
        snprintf(s->group, sizeof s->group, "%s", o->group_id);
    else
        snprintf(s->group, sizeof s->group, "%s-%s", o->group_prefix, spec->query);
    enum err rc = source__connect(s, 4, e);
    if (rc != OK) {
        drop_memory(s);
        return rc;
    }
    *out = s;
    return OK;
}

struct source *kafka_source_flow(struct kafka_source *s) { return &s->flow; }

static struct kafka_source *of(struct source *flow) { return (struct kafka_source *)flow; }

void kafka_source_free(struct kafka_source *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++)
        part__drop(s->parts[i]);
    rd_kafka_assign(s->link.rk, NULL);
    for (int64_t until = clock_mono_us() + LEAVE_US; atomic_load(&s->n_batches) > 0 && clock_mono_us() < until;)
        usleep(10000);
    if (atomic_load(&s->n_batches) > 0) { /* closing the client would wait for them for ever */
        log_error("kafka", "%d batches of %s were never released; their memory stays", atomic_load(&s->n_batches),
                  s->query);
        return;
    }
    disconnect(s);
    for (int i = 0; i < s->n; i++)
        part__free(s->parts[i]);
    for (int i = 0; i < s->n_found; i++)
        part__free(s->found[i]);
    drop_memory(s);
}

static void flow_free(struct source *flow) { kafka_source_free(of(flow)); }

int kafka_source_n(const struct kafka_source *s) { return s->n; }

const struct kafka_partition *kafka_source_at(const struct kafka_source *s, int i) { return &s->parts[i]->view; }

/* ---- errors of a partition ---- */

/* Remembers the first one; take() gives it out once, and nothing after it. */
static void fail_with(struct kafka_source *s, const struct error *e)
{
    if (!s->failed)
        s->pending = *e;
    s->failed = true;
}

static void fail_kafka(struct kafka_source *s, rd_kafka_resp_err_t code, const char *why, const char *what)
{
    struct error e = {0};
    kafka__error(&e, code, why, what);
    fail_with(s, &e);
}

/* Asks for one of the offsets that are gone where the log of its partition starts now; serve_probe answers. One at a
 * time: the client has given up each of them, and begins again only when it is told where. */
static void ask_log_start(struct kafka_source *s)
{
    if (s->probe.state == PROBE_ASKED || s->failed || s->n_gone == 0)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_AdminOptions_t         *options = rd_kafka_AdminOptions_new(s->link.rk, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    s->probe.state = PROBE_ASKED;
    s->probe.until_us = clock_mono_us() + PROBE_US;
    for (s->probe.part = 0; s->parts[s->probe.part]->gone < 0;)
        s->probe.part++;
    const struct part *p = s->parts[s->probe.part];
    rd_kafka_topic_partition_list_add(list, p->view.topic, p->view.partition)->offset = RD_KAFKA_OFFSET_SPEC_EARLIEST;
    rd_kafka_ListOffsets(s->link.rk, list, options, s->probe.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_topic_partition_list_destroy(list);
}

static void refetch(struct kafka_source *s, struct part *p)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, p->view.topic, p->view.partition)->offset = p->view.next;
    rd_kafka_error_destroy(rd_kafka_incremental_unassign(s->link.rk, list));
    rd_kafka_error_t *error = rd_kafka_incremental_assign(s->link.rk, list);
    if (error)
        fail_kafka(s, rd_kafka_error_code(error), rd_kafka_error_string(error), "going on after lost records");
    rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
}

static void lost(struct kafka_source *s, struct part *p, int64_t wanted, int64_t start)
{
    struct error e = {0};
    if (start >= 0 && start <= wanted) {
        err_set(&e, ERR_DATA_LOSS,
                "%s-%" PRId32 ": offset %" PRId64 " does not exist although the log starts at %" PRId64
                "; the log was cut or the topic recreated",
                p->view.topic, p->view.partition, wanted, start);
    } else if (start < 0) {
        err_set(&e, ERR_DATA_LOSS,
                "%s-%" PRId32 ": records from offset %" PRId64 " on are gone; where the log starts now could "
                "not be asked",
                p->view.topic, p->view.partition, wanted);
    } else if (p->earliest && p->view.records == 0) { /* nothing of it was ever read: that is no loss */
        log_info("kafka", "%s-%" PRId32 ": begins at offset %" PRId64 ", since what was before has gone meanwhile",
                 p->view.topic, p->view.partition, start);
        p->view.next = start;
        refetch(s, p);
        return;
    } else if (s->options->fail_on_data_loss) {
        err_set(&e, ERR_DATA_LOSS,
                "%s-%" PRId32 ": records [%" PRId64 ", %" PRId64 ") are gone: retention or a deletion was "
                "faster than this query",
                p->view.topic, p->view.partition, wanted, start);
    } else {
        log_warn("kafka",
                 "%s-%" PRId32 ": records [%" PRId64 ", %" PRId64 ") are gone and skipped (failOnDataLoss is false)",
                 p->view.topic, p->view.partition, wanted, start);
        p->view.lost += start - wanted;
        p->view.next = start;
        refetch(s, p);
        return;
    }
    fail_with(s, &e);
}

static void serve_probe(struct kafka_source *s)
{
    rd_kafka_event_t *event;
    if (s->probe.state != PROBE_ASKED)
        return;
    event = rd_kafka_queue_poll(s->probe.queue, 0);
    if (!event && clock_mono_us() < s->probe.until_us)
        return;
    int64_t start = -1;
    if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t                                   n;
        const rd_kafka_ListOffsetsResultInfo_t **infos =
            rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &n);
        const rd_kafka_topic_partition_t *tp = n ? rd_kafka_ListOffsetsResultInfo_topic_partition(infos[0]) : NULL;
        start = tp && !tp->err ? tp->offset : -1;
    }
    if (event)
        rd_kafka_event_destroy(event);
    struct part *p = s->parts[s->probe.part];
    int64_t      wanted = p->gone;
    s->probe.state = PROBE_NONE;
    p->gone = -1;
    s->n_gone--;
    lost(s, p, wanted, start);
    ask_log_start(s);
}

/* An event among the messages of a partition. */
static void part_event(struct kafka_source *s, struct part *p, const rd_kafka_message_t *m)
{
    char what[300];
    snprintf(what, sizeof what, "%s-%" PRId32 " at offset %" PRId64, p->view.topic, p->view.partition, p->view.next);
    switch ((int)m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (m->offset > p->eof)
            p->eof = m->offset;
        if (p->eof > p->view.known_end)
            p->view.known_end = p->eof;
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        s->n_gone += p->gone < 0;
        p->gone = m->offset >= p->view.next ? m->offset : p->view.next;
        ask_log_start(s);
        return;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID: {
        struct error e = {0};
        err_set(&e, ERR_DATA_LOSS,
                "topic %s was deleted while it was read (%s-%" PRId32 " stood at offset %" PRId64 ")", p->view.topic,
                p->view.topic, p->view.partition, p->view.next);
        fail_with(s, &e);
        return;
    }
    case RD_KAFKA_RESP_ERR__BAD_MSG: /* librdkafka would go on behind it: never silently */
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__FATAL:
        fail_kafka(s, m->err, rd_kafka_message_errstr(m), what);
        return;
    default: /* the client tries again */
        log_debug("kafka", "%s: %s", what, rd_kafka_message_errstr(m));
        snprintf(s->last_error, sizeof s->last_error, "%s", rd_kafka_message_errstr(m));
        return;
    }
}

/* ---- taking ---- */

/* Asks the partition's queue for more when nothing is held. */
static void fill(struct part *p, size_t want)
{
    if (p->held_at < p->held_n || !atomic_exchange_explicit(&p->signaled, false, memory_order_acquire))
        return;
    ssize_t n = rd_kafka_consume_batch_queue(p->queue, 0, p->held, want);
    p->held_at = 0;
    p->held_n = n > 0 ? (uint32_t)n : 0;
    if (n > 0) /* whether it is empty now is not known: the signal comes on empty -> filled only */
        atomic_store_explicit(&p->signaled, true, memory_order_relaxed);
}

/* Serves events at the head and drops what is behind us; then the run of records below the planned end. */
static uint32_t run_length(struct kafka_source *s, struct part *p, size_t max)
{
    uint32_t n = 0;
    int64_t  last = p->view.next - 1;
    while (p->held_at < p->held_n && (p->held[p->held_at]->err || p->held[p->held_at]->offset < p->view.next)) {
        rd_kafka_message_t *m = p->held[p->held_at++];
        if (m->err)
            part_event(s, p, m);
        rd_kafka_message_destroy(m);
    }
    while (p->held_at + n < p->held_n && n < max) {
        const rd_kafka_message_t *m = p->held[p->held_at + n];
        if (m->err || m->offset >= p->view.end || m->offset <= last)
            break;
        last = m->offset;
        n++;
    }
    return n;
}

/* Moves `next` over what holds no record for us: behind markers, aborted transactions, compacted records. */
static void skip_gaps(struct part *p)
{
    int64_t to = p->held_at < p->held_n && !p->held[p->held_at]->err ? p->held[p->held_at]->offset
                 : p->held_at == p->held_n                           ? p->eof
                                                                     : -1;
    if (to > p->view.known_end)
        p->view.known_end = to;
    if (p->view.end >= 0 && to > p->view.end)
        to = p->view.end;
    if (to > p->view.next)
        p->view.next = to;
}

/* Headers of a batch, laid one behind the other. */
struct headers {
    struct raw_header *items;
    uint32_t          *ends, n, capacity;
    size_t             bytes;
};

static bool add_header(struct headers *h, struct raw_header header)
{
    if (h->n == h->capacity) {
        uint32_t           capacity = h->capacity ? h->capacity * 2 : 64;
        struct raw_header *more = mem_realloc(TAG_SOURCE, h->items, capacity * sizeof *more);
        if (!more)
            return false;
        h->items = more;
        h->capacity = capacity;
    }
    h->items[h->n++] = header;
    h->bytes += sizeof header + header.key_bytes + header.value_bytes;
    return true;
}

/* Views into the messages. */
static bool read_headers(rd_kafka_message_t *const *messages, uint32_t n, struct headers *h)
{
    *h = (struct headers){.ends = mem_alloc(TAG_SOURCE, (size_t)n * sizeof *h->ends)};
    bool ok = h->ends != NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        rd_kafka_headers_t *list = NULL;
        const char         *key;
        const void         *value;
        size_t              size;
        rd_kafka_message_headers(messages[i], &list);
        for (size_t k = 0; ok && list && !rd_kafka_header_get_all(list, k, &key, &value, &size); k++)
            ok = add_header(h, (struct raw_header){(const uint8_t *)key, value, (uint32_t)strlen(key), (uint32_t)size});
        h->ends[i] = h->n;
    }
    if (ok && !h->items) /* read, and there are none */
        ok = (h->items = mem_zalloc(TAG_SOURCE, sizeof *h->items)) != NULL;
    return ok;
}

struct handed { /* a raw batch and the messages it stands on */
    struct raw_batch     raw;
    struct kafka_source *source;
    struct handed       *next; /* unused while in flight */
    rd_kafka_message_t **messages;
};

static void release(struct raw_batch *raw)
{
    struct handed       *h = raw->owner;
    struct kafka_source *s = h->source;
    for (uint32_t i = 0; i < raw->n_records; i++)
        rd_kafka_message_destroy(h->messages[i]);
    mem_free(raw->headers);
    mem_free(raw->header_ends);
    mem_free(h);
    atomic_fetch_sub_explicit(&s->n_batches, 1, memory_order_release);
}

static void describe(const struct kafka_source *s, const rd_kafka_message_t *m, struct raw_record *r)
{
    rd_kafka_timestamp_type_t type;
    r->timestamp_ms = rd_kafka_message_timestamp(m, &type);
    r->timestamp_type = type == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? 0
                        : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? 1
                                                                     : 255;
    r->offset = m->offset;
    r->key = m->key;
    r->key_bytes = (uint32_t)m->key_len;
    r->value = m->payload;
    r->value_bytes = (uint32_t)m->len;
    r->oversized = m->len > s->max_message_bytes || m->key_len > s->max_message_bytes;
    if (r->oversized) {
        r->value = NULL;
        r->value_bytes = (uint32_t)m->len;
        if (m->key_len > s->max_message_bytes) {
            r->key = NULL;
            r->key_bytes = 0;
        }
    }
}

static enum err hand_out(struct kafka_source *s, struct part *p, uint32_t n, struct raw_batch **out, struct error *e)
{
    struct handed *h = mem_alloc(TAG_SOURCE, sizeof *h + n * (sizeof(struct raw_record) + sizeof *h->messages));
    struct headers headers = {.n = 0};
    if (!h || (s->options->headers && !read_headers(p->held + p->held_at, n, &headers))) {
        mem_free(headers.items);
        mem_free(headers.ends);
        mem_free(h);
        return err_set(e, ERR_NO_MEMORY, "no memory for a batch of %u records of %s", n, p->view.topic);
    }
    size_t size = sizeof *h + headers.bytes;
    *h = (struct handed){.raw = {.refs = 1,
                                 .source = s->index,
                                 .slot = p->view.slot,
                                 .topic = p->view.topic,
                                 .partition = p->view.partition,
                                 .n_records = n,
                                 .gaps_readable = true, /* records of one answer of a broker */
                                 .headers = headers.items,
                                 .header_ends = headers.ends,
                                 .release = release,
                                 .owner = h},
                         .source = s};
    h->raw.records = (struct raw_record *)(h + 1);
    h->messages = (rd_kafka_message_t **)(h->raw.records + n);
    memcpy(h->messages, p->held + p->held_at, n * sizeof *h->messages);
    for (uint32_t i = 0; i < n; i++) {
        describe(s, h->messages[i], &h->raw.records[i]);
        size += h->messages[i]->len + h->messages[i]->key_len + RECORD_COST_BYTES;
    }
    p->held_at += n;
    p->view.next = h->raw.records[n - 1].offset + 1;
    skip_gaps(p);
    h->raw.next_offset = p->view.next;
    h->raw.size_bytes = size;
    p->view.records += n;
    p->view.last_ms = h->raw.records[n - 1].timestamp_ms;
    s->records += n;
    s->bytes += (int64_t)(size - sizeof *h - headers.bytes - n * RECORD_COST_BYTES);
    atomic_fetch_add_explicit(&s->n_batches, 1, memory_order_relaxed);
    *out = &h->raw;
    return OK;
}

/* A full turn over one partition: *out stays NULL when it has nothing below its planned end. */
static enum err take_from(struct kafka_source *s, struct part *p, size_t max, struct raw_batch **out, struct error *e)
{
    if (p->view.next >= p->view.end || !atomic_load_explicit(&p->fetching, memory_order_acquire))
        return OK;
    uint64_t left = (uint64_t)(p->view.end - p->view.next);
    size_t   want = left < max ? (size_t)left : max;
    fill(p, want < KAFKA_TAKE_MAX ? want : KAFKA_TAKE_MAX);
    uint32_t n = run_length(s, p, max);
    if (s->failed)
        return OK;
    if (n > 0)
        return hand_out(s, p, n, out, e);
    skip_gaps(p);
    return OK;
}

/* Errors without a partition, statistics, and callbacks (which run inside the call). */
static void serve_events(struct kafka_source *s)
{
    rd_kafka_message_t *events[EVENTS_AT_ONCE];
    ssize_t             n = rd_kafka_consume_batch_queue(s->events, 0, events, EVENTS_AT_ONCE);
    for (ssize_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code = events[i]->err;
        if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
            code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            fail_kafka(s, code, rd_kafka_message_errstr(events[i]), "reading from Kafka");
        else if (code)
            log_debug("kafka", "%s", rd_kafka_message_errstr(events[i]));
        rd_kafka_message_destroy(events[i]);
    }
    serve_probe(s);
    pthread_mutex_lock(&s->link.lock);
    bool refused = s->link.refused_us && s->link.down_since_us && clock_mono_us() - s->link.down_since_us > REFUSED_US;
    rd_kafka_resp_err_t code = s->link.refused_code;
    char                why[200];
    memcpy(why, s->link.refused, sizeof why);
    pthread_mutex_unlock(&s->link.lock);
    if (refused && !s->failed)
        fail_kafka(s, code, why, "reading from Kafka");
}

static bool can_give(const struct part *p)
{
    return p->view.next < p->view.end &&
           (p->held_at < p->held_n || atomic_load_explicit(&p->signaled, memory_order_relaxed));
}

static enum err take(struct source *flow, size_t max_records, struct raw_batch **out, struct error *e)
{
    struct kafka_source *s = of(flow);
    *out = NULL;
    s->more = false;
    serve_events(s);
    if (s->on_hold)
        return OK;
    for (int k = 0; k < s->n && !s->failed && !*out; k++) {
        struct part *p = s->parts[(s->turn + k) % s->n];
        TRY(take_from(s, p, max_records, out, e));
        if (*out)
            s->turn = (s->turn + k + 1) % s->n;
    }
    if (s->failed && s->pending.code != OK) {
        enum err rc = s->pending.code;
        if (e)
            *e = s->pending;
        s->pending = (struct error){0};
        return rc;
    }
    for (int i = 0; i < s->n && !s->more && !s->failed; i++)
        s->more = can_give(s->parts[i]);
    return OK;
}

static void hold(struct source *flow, bool on)
{
    struct kafka_source *s = of(flow);
    if (s->on_hold && !on)
        s->wake(s->wake_arg); /* signals that came meanwhile were not looked at */
    s->on_hold = on;
}

static const struct source_ops source_ops = {take, hold, flow_free};

/* ---- planning ---- */

void kafka_source_plan(struct kafka_source *s, int i, int64_t end)
{
    struct part *p = s->parts[i];
    p->view.end = end < p->view.next ? p->view.next : end;
    if (end != KAFKA_NO_BOUND && end > p->view.known_end)
        p->view.known_end = end;
    skip_gaps(p); /* an end-of-partition event may have told already */
}

bool kafka_source_done(struct kafka_source *s)
{
    for (int i = 0; i < s->n; i++) {
        struct part *p = s->parts[i];
        if (p->view.end != KAFKA_NO_BOUND && p->view.next < p->view.end)
            return false;
    }
    return true;
}

bool kafka_source_more(const struct kafka_source *s) { return s->more; }

int64_t kafka_source_lag(const struct kafka_source *s)
{
    int64_t lag = 0;
    for (int i = 0; i < s->n; i++) {
        const struct kafka_partition *p = &s->parts[i]->view;
        lag += p->known_end > p->next ? p->known_end - p->next : 0;
    }
    return lag;
}

void kafka_source_stats(const struct kafka_source *s, struct kafka_source_stats *out)
{
    struct kafka_source *m = (struct kafka_source *)(uintptr_t)s; /* the lock is not part of what the caller sees */
    *out = (struct kafka_source_stats){.records = s->records, .bytes = s->bytes};
    for (int i = 0; i < s->n; i++)
        out->held_records += s->parts[i]->held_n - s->parts[i]->held_at;
    pthread_mutex_lock(&m->link.lock);
    out->down_since_us = m->link.down_since_us;
    out->silent_since_us = m->link.silence.since_us;
    memcpy(m->silent, m->link.silence.broker, sizeof m->silent);
    if (m->link.last[0])
        memcpy(m->last_error, m->link.last, sizeof m->last_error);
    pthread_mutex_unlock(&m->link.lock);
    out->last_error = s->last_error;
    out->silent = s->silent;
}

void kafka_split_offsets(const int64_t *begin, const int64_t *end, int n, int64_t limit, int64_t *out_end)
{
    double total = 0;
    for (int i = 0; i < n; i++)
        total += end[i] > begin[i] ? (double)(end[i] - begin[i]) : 0;
    for (int i = 0; i < n; i++) {
        out_end[i] = end[i];
        if (total < 1 || end[i] <= begin[i])
            continue;
        /* Spark's arithmetic to the bit: limit * (size / total), in doubles; less than one becomes one. */
        double  share = (double)limit * ((double)(end[i] - begin[i]) / total);
        int64_t whole = share < 1 ? (share > 0 ? 1 : 0) : share >= 9.2e18 ? INT64_MAX : (int64_t)share;
        int64_t to = whole > INT64_MAX - begin[i] ? INT64_MAX : begin[i] + whole;
        out_end[i] = to < end[i] ? to : end[i];
    }
}
