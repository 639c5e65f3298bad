/* SPDX-License-Identifier: MIT */
/* Requests that are answered when something has come true: a state, or a record that has reached its table. */
#include <stdio.h>

#include "api/routes.h"
#include "base/clock.h"
#include "kafka/source.h"

#define WAIT_MOST_MS 60000
#define WAITERS_MAX 256

struct waiter {
    struct waiter       *next;
    struct http_request *r;
    enum resource_kind   kind;
    char                 name[SERVICE_NAME_MAX + 1];
    int64_t              until_us;
    void (*answer)(struct http_request *r, struct service_object *o, bool reached); /* of a state; else a record: */
    char    topic[250];
    int32_t partition;
    int64_t offset;
};

static bool state_reached(const struct service_object *o)
{
    return o->wanted ? o->state == SERVICE_RUNNING || o->state == SERVICE_FAILED
                     : o->state == SERVICE_STOPPED || o->state == SERVICE_FAILED;
}

static bool record_reached(struct service_query *q, const struct waiter *x)
{
    for (int s = 0; q->query && q->status.plan && s < q->status.plan->n_sources; s++) {
        const struct kafka_source *source = query_source(q->query, s);
        for (int i = 0; source && i < kafka_source_n(source); i++) {
            const struct kafka_partition *p = kafka_source_at(source, i);
            struct query_partition        at;
            query_partition(q->query, s, i, &at);
            if (p->partition == x->partition && strcmp(p->topic, x->topic) == 0)
                return at.committed > x->offset;
        }
    }
    return false;
}

static void answer_record(struct http_request *r, const struct service_query *q, bool reached)
{
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    json_begin_object(&w);
    json_member_bool(&w, "done", reached);
    json_key(&w, "version");
    if (reached && q->status.version >= 0)
        json_put_int(&w, q->status.version);
    else
        json_put_null(&w);
    json_end_object(&w);
    api__answer(r, reached ? 200 : 202, &out);
}

/* True when it was answered. */
static bool try_answer(struct api *a, struct waiter *x, bool end)
{
    struct service_object *o = supervisor_find(a->s, x->kind, x->name);
    bool                   over = end || clock_mono_us() >= x->until_us || http_gone(x->r);
    if (!o) {
        api__problem(x->r, 404, "not_found", NULL, "%s was deleted meanwhile", x->name);
        return true;
    }
    bool reached = x->answer ? state_reached(o) : record_reached(service_query_of(o), x);
    if (!reached && !over)
        return false;
    if (x->answer)
        x->answer(x->r, o, reached);
    else
        answer_record(x->r, service_query_of(o), reached);
    return true;
}

void api__wait_tick(struct api *a, bool end)
{
    struct waiter **link = &a->waiters;
    while (*link) {
        struct waiter *x = *link;
        if (!try_answer(a, x, end)) {
            link = &x->next;
            continue;
        }
        *link = x->next;
        a->n_waiters--;
        mem_free(x);
    }
}

/* Waits with x, which is copied, or answers at once. */
static void wait_with(struct api *a, const struct waiter *x, int64_t ms)
{
    struct waiter *mine = NULL;
    struct waiter  now = *x;
    now.until_us = clock_mono_us() + (ms < WAIT_MOST_MS ? ms : WAIT_MOST_MS) * 1000;
    if (try_answer(a, &now, ms <= 0 || a->n_waiters >= WAITERS_MAX))
        return;
    mine = mem_alloc(TAG_WEB, sizeof *mine);
    CHECK(mine);
    *mine = now;
    mine->next = a->waiters;
    a->waiters = mine;
    a->n_waiters++;
}

void api__wait_for_state(struct http_request *r, struct service_object *o,
                         void (*answer)(struct http_request *r, struct service_object *o, bool reached))
{
    const char   *text = http_query(r, "wait");
    struct waiter x = {.r = r, .kind = o->kind, .answer = answer};
    int64_t       ms = 0;
    memcpy(x.name, o->name, sizeof x.name);
    if (!text) {
        answer(r, o, state_reached(o));
        return;
    }
    if (!api__duration(text, &ms)) {
        api__problem(r, 422, "invalid_parameter", NULL, "wait is a span such as 10s");
        return;
    }
    wait_with(api__of(r), &x, ms);
}

void api__query_wait(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_value    *body = q ? api__body(r) : NULL;
    int64_t               ms = 10000;
    if (!body)
        return;
    const char   *timeout = json_get_string(body, "timeout"), *topic = json_get_string(body, "topic");
    struct waiter x = {.r = r,
                       .kind = RESOURCE_QUERY,
                       .partition = (int32_t)json_get_int(body, "partition", 0),
                       .offset = json_get_int(body, "offset", 0)};
    memcpy(x.name, q->base.name, sizeof x.name);
    snprintf(x.topic, sizeof x.topic, "%s", topic);
    if (timeout && !api__duration(timeout, &ms))
        api__problem(r, 422, "invalid_field", NULL, "timeout is a span such as 10s");
    else
        wait_with(api__of(r), &x, ms);
    json_doc_free(body);
}
