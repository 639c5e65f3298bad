/* SPDX-License-Identifier: MIT */
/* /producers: generators whose rate can be changed while they run. */
#include <stdio.h>

#include "api/routes.h"

static const char *const writable[] = {
    "topic",    "bootstrap_servers", "template",       "rate",          "rows",     "seed",       "skew",
    "late_pct", "disorder_ms",       "duplicates_pct", "malformed_pct", "ads_file", "partitions", "max_lag_of"};
#define N_WRITABLE ((int)(sizeof writable / sizeof writable[0]))

static const char *const defaults[] = {
    "\"\"", "\"127.0.0.1:9092\"", "\"ad_events\"", "0", "0", "1", "0", "0", "0", "0", "0", "null", "4", "null"};

/* The writable members: of `from`, else of `before`, else their defaults; or only those that were given. */
static void write_members(const struct json_value *from, const struct json_value *before, bool all,
                          struct json_writer *w)
{
    struct buf text;
    buf_init(&text, TAG_WEB, 1 << 20);
    for (int i = 0; i < N_WRITABLE; i++) {
        const struct json_value *v = json_get(from, writable[i]);
        v = v && !json_is_null_value(v) ? v : json_get(from, writable[i]) ? NULL : json_get(before, writable[i]);
        buf_clear(&text);
        if (v)
            json_dump(v, &text);
        else
            buf_puts(&text, defaults[i]);
        if (v || all)
            json_member_raw(w, writable[i], buf_text(&text));
    }
    buf_fini(&text);
}

void api__write_producer(const struct service_producer *p, struct json_writer *w)
{
    json_begin_object(w);
    json_member_string(w, "name", p->base.name);
    write_members(p->base.spec, NULL, true, w);
    api__write_object_state(&p->base, w);
    json_member_int(w, "sent", p->counts.sent);
    json_member_int(w, "acked", p->counts.acked);
    json_member_int(w, "failed", p->counts.failed);
    api__member_number(w, "actual_rate", p->actual_rate);
    json_member_string(w, "last_error", p->counts.last_error);
    api__member_time(w, "created_at", p->base.created_ms);
    api__member_time(w, "updated_at", p->base.updated_ms);
    json_end_object(w);
}

static void answer_producer(struct http_request *r, int status, struct service_object *o)
{
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    api__write_producer(service_producer_of(o), &w);
    api__etag(r, o->revision);
    api__answer(r, status, &out);
}

void api__producers_list(struct http_request *r)
{
    struct supervisor *s = api__of(r)->s;
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int i = 0; i < supervisor_n(s, RESOURCE_PRODUCER); i++)
        api__write_producer(service_producer_of(supervisor_at(s, RESOURCE_PRODUCER, i)), &w);
    api__list_end(&w, NULL);
    api__answer(r, 200, &out);
}

void api__producer_get(struct http_request *r)
{
    struct service_object *o = api__object(r, RESOURCE_PRODUCER);
    if (o)
        answer_producer(r, 200, o);
}

/* ---- changing ---- */

static void put_done(void *arg, const struct service_result *result)
{
    struct http_request *r = arg;
    char                 location[128];
    if (result->rc != OK) {
        api__error(r, &result->error);
        return;
    }
    snprintf(location, sizeof location, "/api/v1/producers/%s", result->object->name);
    if (result->created)
        http_reply_header(r, "Location", location);
    answer_producer(r, result->created ? 201 : 200, result->object);
}

static void put(struct http_request *r, const char *name, const struct json_value *body,
                const struct json_value *before, int64_t expect)
{
    struct json_writer w;
    struct buf         spec;
    const char        *desired = json_get_string(body, "desired_state");
    bool               start = json_get_bool(body, "start", true);
    if (!service_name_is_good(name)) {
        api__problem(r, 422, "invalid_field", NULL, "a name is made of a-z, 0-9, _ and -, at most 63, not \"%.80s\"",
                     name);
        return;
    }
    if (desired && strcmp(desired, "running") != 0 && strcmp(desired, "stopped") != 0) {
        api__problem(r, 422, "invalid_field", NULL, "desired_state is \"running\" or \"stopped\"");
        return;
    }
    buf_init(&spec, TAG_WEB, ANSWER_MAX);
    json_writer_init(&w, &spec);
    json_begin_object(&w);
    write_members(body, before, false, &w);
    json_end_object(&w);
    struct service_put change = {.kind = RESOURCE_PRODUCER,
                                 .name = name,
                                 .spec = buf_text(&spec),
                                 .wanted = desired ? strcmp(desired, "running") == 0 : start,
                                 .keep_wanted = !desired && !json_get(body, "start"),
                                 .expect = expect};
    supervisor_put(api__of(r)->s, &change, put_done, r);
    buf_fini(&spec);
}

void api__producers_post(struct http_request *r)
{
    struct json_value *body = api__body(r);
    if (body)
        put(r, json_get_string(body, "name"), body, NULL, 0);
    json_doc_free(body);
}

void api__producer_put(struct http_request *r)
{
    struct json_value *body = api__body(r);
    int64_t            expect;
    if (body && api__expect(r, &expect))
        put(r, http_param(r, "producer"), body, NULL, expect);
    json_doc_free(body);
}

void api__producer_patch(struct http_request *r)
{
    struct service_object *o = api__object(r, RESOURCE_PRODUCER);
    struct json_value     *body = o ? api__body(r) : NULL;
    int64_t                expect;
    if (body && api__expect(r, &expect))
        put(r, o->name, body, o->spec, expect == RESOURCE_ANY_REVISION ? o->revision : expect);
    json_doc_free(body);
}

static void delete_done(void *arg, const struct service_result *result)
{
    struct http_request *r = arg;
    if (result->rc == OK)
        http_reply(r, 204, NULL, NULL);
    else
        api__error(r, &result->error);
}

void api__producer_delete(struct http_request *r)
{
    struct service_object *o = api__object(r, RESOURCE_PRODUCER);
    int64_t                expect;
    if (o && api__expect(r, &expect))
        supervisor_delete(api__of(r)->s, RESOURCE_PRODUCER, o->name, expect, true, false, delete_done, r);
}

/* ---- actions ---- */

static void answer_waiting(struct http_request *r, struct service_object *o, bool reached)
{
    answer_producer(r, reached ? 200 : 202, o);
}

static void want_done(void *arg, const struct service_result *result)
{
    struct http_request *r = arg;
    if (result->rc != OK)
        api__error(r, &result->error);
    else
        api__wait_for_state(r, result->object, answer_waiting);
}

static void want(struct http_request *r, enum service_want what)
{
    struct service_object *o = api__object(r, RESOURCE_PRODUCER);
    if (o)
        supervisor_want(api__of(r)->s, RESOURCE_PRODUCER, o->name, what, false, want_done, r);
}

void api__producer_start(struct http_request *r) { want(r, SERVICE_START); }
void api__producer_stop(struct http_request *r) { want(r, SERVICE_STOP); }
