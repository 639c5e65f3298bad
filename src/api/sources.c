/* SPDX-License-Identifier: MIT */
/* /sources: what running queries read; /sources/test and /topics: what a cluster has. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "base/clock.h"
#include "kafka/admin.h"
#include "kafka/peek.h"
#include "kafka/source.h"

#define ASK_MS 5000
#define SAMPLE_DEFAULT 20
#define SAMPLE_MOST 200
#define SAMPLE_BYTES 4096

/* ---- sources of queries ---- */

static const struct kafka_options *options_of(const struct plan *p, int s)
{
    return &((const struct kafka_relation *)p->sources[s].relation.handle)->options;
}

static const struct plan *plan_of(const struct service_query *q)
{
    return q->script && q->script->n_plans ? &q->script->plans[0] : NULL;
}

struct service_query *api__source(const struct api *a, const char *id, int *source)
{
    const char *dot = strrchr(id, '.');
    char        name[SERVICE_NAME_MAX + 1];
    char       *end = NULL;
    if (!dot || dot - id > SERVICE_NAME_MAX)
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)(dot - id), id);
    struct service_object *o = supervisor_find(a->s, RESOURCE_QUERY, name);
    long                   n = strtol(dot + 1, &end, 10);
    if (!o || !dot[1] || *end || !plan_of(service_query_of(o)) || n < 0 || n >= plan_of(service_query_of(o))->n_sources)
        return NULL;
    *source = (int)n;
    return service_query_of(o);
}

static void write_source(const struct service_query *q, int s, struct json_writer *w)
{
    const struct plan          *p = plan_of(q);
    const struct kafka_options *o = options_of(p, s);
    const struct kafka_source  *source = q->query ? query_source(q->query, s) : NULL;
    struct kafka_source_stats   stats = {.last_error = ""};
    char                        text[200] = "";
    char                        id[SERVICE_NAME_MAX + 16];
    snprintf(id, sizeof id, "%s.%d", q->base.name, s);
    if (source)
        kafka_source_stats(source, &stats);
    json_begin_object(w);
    json_member_string(w, "id", id);
    json_member_string(w, "query", q->base.name);
    json_key(w, "topics");
    json_begin_array(w);
    for (int i = 0; i < o->n_topics; i++)
        json_put_string(w, o->topics[i]);
    for (int i = 0; o->pattern && source && i < kafka_source_n(source); i++)
        if (kafka_source_at(source, i)->partition == 0) /* every topic has one */
            json_put_string(w, kafka_source_at(source, i)->topic);
    json_end_array(w);
    json_member_string(w, "bootstrap_servers", o->bootstrap);
    if (stats.silent_since_us) {
        silence_text(stats.silent, stats.silent_since_us, text);
        stats.down_since_us = 0;
    }
    json_member_bool(w, "connected", source && !stats.down_since_us);
    api__member_time(w, "down_since",
                     stats.down_since_us ? clock_wall_us() / 1000 - (clock_mono_us() - stats.down_since_us) / 1000 : 0);
    api__member_time(w, "silent_since",
                     stats.silent_since_us ? clock_wall_us() / 1000 - (clock_mono_us() - stats.silent_since_us) / 1000
                                           : 0);
    json_member_string(w, "error", text[0] ? text : stats.last_error);
    json_member_int(w, "records", stats.records);
    struct query_partition at;
    int64_t                lag = 0, records_per_s = 0;
    for (int i = 0; source && i < kafka_source_n(source); i++) {
        query_partition(q->query, s, i, &at);
        lag += at.lag;
        records_per_s += at.records_per_s;
    }
    json_member_int(w, "records_per_s", records_per_s);
    json_member_int(w, "lag", lag);
    json_member_int(w, "partitions", source ? kafka_source_n(source) : 0);
    json_end_object(w);
}

void api__write_partitions(const struct service_query *q, int s, struct json_writer *w)
{
    const struct kafka_source *source = q->query ? query_source(q->query, s) : NULL;
    api__list_begin(w);
    for (int i = 0; source && i < kafka_source_n(source); i++) {
        const struct kafka_partition *p = kafka_source_at(source, i);
        struct query_partition        at;
        query_partition(q->query, s, i, &at);
        json_begin_object(w);
        json_member_string(w, "topic", p->topic);
        json_member_int(w, "partition", p->partition);
        json_member_int(w, "position", p->next);
        api__member_maybe(w, "committed", at.committed >= 0, at.committed);
        json_member_int(w, "low", at.low);
        json_member_int(w, "end", at.end);
        json_member_int(w, "lag", at.lag);
        api__member_time(w, "last_record_at", p->last_ms);
        json_member_int(w, "records", p->records);
        json_member_int(w, "records_per_s", at.records_per_s);
        json_member_bool(w, "idle", at.lag == 0 && clock_wall_us() / 1000 - p->last_ms > 10000);
        json_end_object(w);
    }
    api__list_end(w, NULL);
}

void api__sources(struct http_request *r)
{
    struct api        *a = api__of(r);
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        struct service_query *q = service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i));
        for (int s = 0; plan_of(q) && s < plan_of(q)->n_sources; s++)
            write_source(q, s, &w);
    }
    api__list_end(&w, NULL);
    api__answer(r, 200, &out);
}

static void one_source(struct http_request *r, void (*write)(const struct service_query *, int, struct json_writer *))
{
    int                   s;
    struct service_query *q = api__source(api__of(r), http_param(r, "source"), &s);
    struct json_writer    w;
    struct buf            out;
    if (!q) {
        api__problem(r, 404, "not_found", "sources are named <query>.<n>; GET /api/v1/sources lists them",
                     "there is no source %.80s", http_param(r, "source"));
        return;
    }
    api__begin(&out, &w);
    write(q, s, &w);
    api__answer(r, 200, &out);
}

void api__source_get(struct http_request *r) { one_source(r, write_source); }
void api__source_partitions(struct http_request *r) { one_source(r, api__write_partitions); }

/* ---- asking a cluster ---- */

/* The cluster that was asked for, else that of the first query or producer. */
static const char *bootstrap_of(struct api *a, const char *asked)
{
    for (int i = 0; !asked && i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        const struct plan *p = plan_of(service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i)));
        asked = p && p->n_sources ? options_of(p, 0)->bootstrap : NULL;
    }
    for (int i = 0; !asked && i < supervisor_n(a->s, RESOURCE_PRODUCER); i++)
        asked = json_get_string(supervisor_at(a->s, RESOURCE_PRODUCER, i)->spec, "bootstrap_servers");
    return asked;
}

/* Only clusters that something here reads from or writes to: we are nobody's port scanner. */
static bool is_known_cluster(struct api *a, const char *bootstrap)
{
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        const struct plan *p = plan_of(service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i)));
        for (int s = 0; p && s < p->n_sources; s++)
            if (strcmp(options_of(p, s)->bootstrap, bootstrap) == 0)
                return true;
    }
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_PRODUCER); i++) {
        const char *has = json_get_string(supervisor_at(a->s, RESOURCE_PRODUCER, i)->spec, "bootstrap_servers");
        if (has && strcmp(has, bootstrap) == 0)
            return true;
    }
    return false;
}

struct ask {
    char bootstrap[512], topic[256];
    int  n;
};

static void free_ask(struct task *t) { mem_free(t->arg); }

static void answer_ask(struct task *t)
{
    if (t->rc == OK)
        api__answer(t->r, 200, &t->out);
    else
        api__error(t->r, &t->error);
    free_ask(t);
}

static struct ask *new_ask(struct http_request *r, const char *bootstrap, const char *topic)
{
    struct ask *ask = mem_zalloc(TAG_WEB, sizeof *ask);
    CHECK(ask);
    (void)r;
    snprintf(ask->bootstrap, sizeof ask->bootstrap, "%s", bootstrap);
    snprintf(ask->topic, sizeof ask->topic, "%s", topic ? topic : "");
    return ask;
}

static const char *cluster(struct http_request *r)
{
    struct api *a = api__of(r);
    const char *asked = http_query(r, "bootstrap_servers"), *bootstrap;
    asked = asked && asked[0] ? asked : NULL;
    bootstrap = bootstrap_of(a, asked);
    if (!bootstrap)
        api__problem(r, 422, "missing_parameter", "?bootstrap_servers=host:port", "no query here reads from a cluster");
    else if (asked && !is_known_cluster(a, asked) && http_role(r) != HTTP_ADMIN) {
        api__problem(r, 403, "host_not_allowed", NULL, "no query or producer here uses the cluster %.200s", asked);
        return NULL;
    }
    return bootstrap;
}

static void run_topics(struct task *t)
{
    struct ask         *ask = t->arg;
    struct kafka_client client = {.bootstrap = ask->bootstrap};
    struct kafka_admin *admin = NULL;
    struct kafka_topic *topics = NULL;
    struct json_writer  w;
    int                 n = 0;
    t->rc = kafka_admin_open(&client, &admin, &t->error);
    if (t->rc == OK)
        t->rc = kafka_topic_list(admin, &t->arena, &topics, &n, ASK_MS, &t->error);
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    for (int i = 0; t->rc == OK && i < n; i++) {
        json_begin_object(&w);
        json_member_string(&w, "name", topics[i].name);
        json_member_int(&w, "partitions", topics[i].n_partitions);
        json_end_object(&w);
    }
    api__list_end(&w, NULL);
    if (admin)
        kafka_admin_close(admin);
}

void api__topics(struct http_request *r)
{
    const char *bootstrap = cluster(r);
    if (bootstrap)
        api__task(r, run_topics, answer_ask, new_ask(r, bootstrap, NULL));
}

static void write_part(struct json_writer *w, const char *name, const void *bytes, uint32_t n)
{
    json_key(w, name);
    if (bytes)
        api__put_text(w, bytes, n < SAMPLE_BYTES ? n : SAMPLE_BYTES);
    else
        json_put_null(w);
}

static void write_peeked(void *arg, int32_t partition, const struct raw_record *x)
{
    struct json_writer *w = arg;
    json_begin_object(w);
    json_member_int(w, "partition", partition);
    json_member_int(w, "offset", x->offset);
    api__member_time(w, "timestamp", x->timestamp_ms > 0 ? x->timestamp_ms : 0);
    write_part(w, "key", x->key, x->key_bytes);
    write_part(w, "value", x->value, x->value_bytes);
    json_member_int(w, "bytes", x->value_bytes);
    json_end_object(w);
}

static void run_sample(struct task *t)
{
    struct ask         *ask = t->arg;
    struct kafka_client client = {.bootstrap = ask->bootstrap};
    struct json_writer  w;
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    t->rc = kafka_peek(&client, ask->topic, ask->n, ASK_MS, write_peeked, &w, &t->error);
    api__list_end(&w, NULL);
}

void api__topic_sample(struct http_request *r)
{
    int64_t     n = SAMPLE_DEFAULT;
    const char *bootstrap = api__query_int(r, "n", 1, SAMPLE_MOST, &n) ? cluster(r) : NULL;
    if (!bootstrap)
        return;
    struct ask *ask = new_ask(r, bootstrap, http_param(r, "topic"));
    ask->n = (int)n;
    api__task(r, run_sample, answer_ask, ask);
}

/* ---- test ---- */

static void write_step(struct json_writer *w, const char *step, enum err rc, int64_t us, const struct error *e)
{
    json_begin_object(w);
    json_member_string(w, "step", step);
    json_member_bool(w, "ok", rc == OK);
    api__member_number(w, "ms", (double)us / 1e3);
    json_key(w, "error");
    json_put_string(w, rc == OK ? NULL : e->text);
    json_end_object(w);
}

static enum err find_topic(struct task *t, struct kafka_admin *admin, const char *name, struct error *e)
{
    struct kafka_topic *topics = NULL;
    const char         *names[1000];
    int                 n = 0, k = 0;
    TRY(kafka_topic_list(admin, &t->arena, &topics, &n, ASK_MS, e));
    for (int i = 0; i < n; i++) {
        if (strcmp(topics[i].name, name) == 0)
            return OK;
        if (k < 1000)
            names[k++] = topics[i].name;
    }
    const char *near = nearest_name(name, names, k);
    return err_set(e, ERR_NOT_FOUND, "there is no topic %.100s%s%.100s%s", name, near ? "; did you mean " : "",
                   near ? near : "", near ? "?" : "");
}

static void run_test(struct task *t)
{
    struct ask         *ask = t->arg;
    struct kafka_client client = {.bootstrap = ask->bootstrap};
    struct kafka_admin *admin = NULL;
    struct kafka_topic *topics;
    struct json_writer  w;
    struct error        e;
    int                 n;
    int64_t             begin = clock_mono_us();
    json_writer_init(&w, &t->out);
    json_begin_object(&w);
    json_key(&w, "steps");
    json_begin_array(&w);
    enum err rc = kafka_admin_open(&client, &admin, &e);
    write_step(&w, "client", rc, clock_mono_us() - begin, &e);
    begin = clock_mono_us();
    if (rc == OK) {
        rc = kafka_topic_list(admin, &t->arena, &topics, &n, ASK_MS, &e);
        write_step(&w, "metadata", rc, clock_mono_us() - begin, &e);
    }
    begin = clock_mono_us();
    if (rc == OK && ask->topic[0]) {
        rc = find_topic(t, admin, ask->topic, &e);
        write_step(&w, "topic", rc, clock_mono_us() - begin, &e);
    }
    json_end_array(&w);
    json_member_bool(&w, "ok", rc == OK);
    json_end_object(&w);
    if (admin)
        kafka_admin_close(admin);
}

void api__source_test(struct http_request *r)
{
    struct json_value *body = api__body(r);
    if (!body)
        return;
    struct ask *ask = new_ask(r, json_get_string(body, "bootstrap_servers"), json_get_string(body, "topic"));
    json_doc_free(body);
    api__task(r, run_test, answer_ask, ask);
}
