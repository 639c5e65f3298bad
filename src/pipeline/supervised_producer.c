/* SPDX-License-Identifier: MIT */
/* A producer of the supervisor: a thread that sends generated records at a rate that may change. Loop thread unless
 * said otherwise. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "pipeline/supervisor_priv.h"

#define PARTITIONS_DEFAULT 4
#define MAX_LAG 5000

struct service_object *producer__object_new(struct supervisor *s)
{
    struct service_producer *p = mem_zalloc(TAG_STATE, sizeof *p);
    if (!p)
        return NULL;
    p->s = s;
    return &p->base;
}

void producer__object_free(struct service_object *o)
{
    struct service_producer *p = service_producer_of(o);
    producing_free(p->producing);
    json_doc_free(p->run_spec);
    mem_free(p);
}

/* ---- the text ---- */

static double number(const struct json_value *spec, const char *key, double otherwise)
{
    return json_as_double(json_get(spec, key), otherwise);
}

static const char *text(const struct json_value *spec, const char *key, const char *otherwise)
{
    const char *t = json_get_string(spec, key);
    return t ? t : otherwise;
}

/* Texts stay the document's. */
static void spec_of(const struct json_value *doc, struct producing_spec *out)
{
    *out = (struct producing_spec){.bootstrap = text(doc, "bootstrap_servers", "127.0.0.1:9092"),
                                   .topic = text(doc, "topic", ""),
                                   .compression = "lz4",
                                   .template_name = text(doc, "template", "ad_events"),
                                   .create = true,
                                   .partitions = (int)json_get_int(doc, "partitions", PARTITIONS_DEFAULT),
                                   .group = text(doc, "max_lag_of", NULL),
                                   .max_lag = MAX_LAG};
    struct produce_knobs *k = &out->knobs;
    produce_knobs_init(k);
    k->live = true;
    k->rate_per_s = number(doc, "rate", 0);
    k->rows = json_get_int(doc, "rows", 0);
    k->seed = (uint64_t)json_get_int(doc, "seed", 1);
    k->skew = number(doc, "skew", 0);
    k->late_percent = number(doc, "late_pct", 0);
    k->disorder_ms = json_get_int(doc, "disorder_ms", 0);
    k->duplicate_percent = number(doc, "duplicates_pct", 0);
    k->malformed_percent = number(doc, "malformed_pct", 0);
    if (strcmp(out->template_name, "ad_events") == 0) /* has no key: records go round the partitions */
        k->n_partitions = out->partitions;
}

enum err producer__change_check(struct change *c, struct error *e)
{
    struct producing_spec spec;
    struct producing     *p = NULL;
    spec_of(c->doc, &spec);
    if (!spec.topic[0])
        return err_set(e, ERR_INVALID, "a producer needs a topic");
    if (spec.partitions < 1 || spec.partitions > 1000)
        return err_set(e, ERR_INVALID, "partitions must be from 1 to 1000");
    enum err rc = producing_new(&spec, &p, e);
    producing_free(p);
    return rc;
}

/* Does a running producer take the new text without a new start? Only its rate may differ. */
static bool only_rate_differs(const struct json_value *a, const struct json_value *b)
{
    const char              *key;
    void                    *iterator = NULL;
    const struct json_value *v;
    bool                     same = json_size(a) == json_size(b);
    while (same && (v = json_next(a, &key, &iterator))) {
        struct buf x, y;
        buf_init(&x, TAG_STATE, 1 << 16);
        buf_init(&y, TAG_STATE, 1 << 16);
        json_dump(v, &x);
        if (json_get(b, key))
            json_dump(json_get(b, key), &y);
        same = strcmp(key, "rate") == 0 || strcmp(buf_text(&x), buf_text(&y)) == 0;
        buf_fini(&x);
        buf_fini(&y);
    }
    return same;
}

void producer__changed(struct service_producer *p, struct change *c)
{
    (void)c;
    if (p->producing && !p->closing && only_rate_differs(p->base.spec, p->run_spec))
        producing_set_rate(p->producing, number(p->base.spec, "rate", 0));
    else if (p->producing)
        p->restart = true;
    p->failures = 0;
    p->base.next_try_ms = 0;
    if (p->base.state == SERVICE_FAILED || p->base.state == SERVICE_WAITING)
        service__state(p->s, &p->base, SERVICE_CREATED, "changed");
}

void producer__revive(struct service_producer *p)
{
    p->restart = p->producing != NULL;
    p->failures = 0;
}

/* ---- running ---- */

struct produce_job {
    struct job               job;
    struct service_producer *p;
    enum err                 rc;
    struct error             error;
};

static void run_produce(struct job *job)
{
    struct produce_job *j = (struct produce_job *)job;
    const char         *ads = json_get_string(j->p->run_spec, "ads_file");
    if (ads && ads[0])
        j->rc = producing_write_ads(&j->p->spec.knobs, ads, &j->error);
    if (j->rc == OK)
        j->rc = producing_run(j->p->producing, &j->error);
}

static void failed(struct service_producer *p, const struct error *why)
{
    p->base.error = *why;
    p->base.error.retry = p->base.error.retry || service__may_pass(why->code);
    if (!p->base.error.retry) {
        service__state(p->s, &p->base, SERVICE_FAILED, err_name(why->code));
        return;
    }
    p->base.restarts++;
    p->base.next_try_ms = clock_wall_us() / 1000 + service__backoff_ms(p->failures++);
    service__state(p->s, &p->base, SERVICE_WAITING, err_name(why->code));
}

static void on_thread_closed(struct workers *w)
{
    struct service_producer *p = (struct service_producer *)((uint8_t *)w - offsetof(struct service_producer, thread));
    producing_counts(p->producing, &p->counts);
    producing_free(p->producing);
    p->producing = NULL;
    p->closing = false;
    p->actual_rate = 0;
    producer__settle(p); /* may free p */
}

static void produced(struct job *job)
{
    struct produce_job      *j = (struct produce_job *)job;
    struct service_producer *p = j->p;
    bool                     ended = p->base.wanted && !p->restart && !p->base.deleting && !p->s->stopping;
    p->closing = true;
    if (j->rc != OK && ended)
        failed(p, &j->error);
    else if (ended) { /* all rows are sent: it does not begin again by itself */
        p->base.wanted = false;
        service__state(p->s, &p->base, SERVICE_STOPPED, "all rows are sent");
        supervisor_want(p->s, RESOURCE_PRODUCER, p->base.name, SERVICE_STOP, false, NULL, NULL);
    }
    mem_free(j);
    p->thread.closed = on_thread_closed;
    workers_close(&p->thread);
}

static enum err start(struct service_producer *p, struct error *e)
{
    json_doc_free(p->run_spec);
    p->run_spec = NULL;
    TRY(json_doc_parse(p->base.spec_text, strlen(p->base.spec_text), &p->run_spec, e));
    spec_of(p->run_spec, &p->spec);
    TRY(producing_new(&p->spec, &p->producing, e));
    enum err            rc = workers_init(&p->thread, p->s->host.loop, "producer", 1, e);
    struct produce_job *j = rc == OK ? mem_zalloc(TAG_STATE, sizeof *j) : NULL;
    if (rc != OK) {
        producing_free(p->producing);
        p->producing = NULL;
        return rc;
    }
    CHECK(j);
    j->job = (struct job){.run = run_produce, .done = produced};
    j->p = p;
    p->counts = (struct producing_counts){.sent = 0};
    p->acked_before = 0;
    p->counted_us = clock_mono_us();
    workers_submit(&p->thread, &j->job);
    return OK;
}

void producer__settle(struct service_producer *p)
{
    struct supervisor *s = p->s;
    struct error       e;
    bool               want = p->base.wanted && !s->stopping && !p->base.deleting;
    if (p->producing) {
        if ((!want || p->restart) && !p->closing) {
            service__state(s, &p->base, SERVICE_DRAINING, want ? "to start again" : "");
            producing_stop(p->producing);
        }
        return;
    }
    if (p->base.deleting) {
        service__remove(s, &p->base);
        service__stopped(s);
    } else if (!want) {
        if (p->base.state != SERVICE_STOPPED)
            service__state(s, &p->base, SERVICE_STOPPED, s->stopping ? "the service stops" : "");
        service__stopped(s);
    } else if (p->base.state != SERVICE_FAILED && clock_wall_us() / 1000 >= p->base.next_try_ms) {
        p->restart = false;
        p->base.next_try_ms = 0;
        if (!p->failures)
            service__state(s, &p->base, SERVICE_STARTING, "");
        if (start(p, &e) != OK)
            failed(p, &e);
    }
}

void producer__each_tick(struct service_producer *p, int64_t now_us, bool second)
{
    if (!p->producing && p->base.wanted && p->base.next_try_ms)
        producer__settle(p);
    if (!p->producing)
        return;
    producing_counts(p->producing, &p->counts);
    if (p->counts.acked > 0 && !p->closing && (p->base.state == SERVICE_STARTING || p->base.state == SERVICE_WAITING)) {
        p->failures = 0;
        p->base.error.code = OK;
        service__state(p->s, &p->base, SERVICE_RUNNING, "");
    }
    if (!second)
        return;
    int64_t passed = now_us - p->counted_us;
    p->actual_rate = passed > 0 ? (double)(p->counts.acked - p->acked_before) * 1e6 / (double)passed : 0;
    p->acked_before = p->counts.acked;
    p->counted_us = now_us;
}
