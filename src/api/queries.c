/* SPDX-License-Identifier: MIT */
/* /queries: making, changing, deleting, starting and stopping. */
#include <stdio.h>
#include <strings.h>

#include "api/routes.h"

/* ---- the object ---- */

static void write_error(const struct service_object *o, struct json_writer *w)
{
    json_key(w, "error");
    if (o->error.code == OK || o->state == SERVICE_RUNNING) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_string(w, "code", err_name(o->error.code));
    json_member_string(w, "text", o->error.text);
    json_member_bool(w, "retryable", o->error.retry);
    json_end_object(w);
}

void api__write_object_state(const struct service_object *o, struct json_writer *w)
{
    json_member_string(w, "desired_state", o->wanted ? "running" : "stopped");
    json_member_string(w, "state", service_state_name(o->state));
    api__member_time(w, "since", o->since_ms);
    json_member_string(w, "reason", o->reason);
    write_error(o, w);
    json_member_int(w, "restarts", o->restarts);
    api__member_time(w, "next_try_at", o->next_try_ms);
}

static void copy_member(const struct json_value *spec, const char *name, const char *otherwise, struct json_writer *w)
{
    struct buf text;
    buf_init(&text, TAG_WEB, (size_t)4 << 20);
    if (json_get(spec, name))
        json_dump(json_get(spec, name), &text);
    else
        buf_puts(&text, otherwise);
    json_member_raw(w, name, buf_text(&text));
    buf_fini(&text);
}

const char *api__table_name(const char *location)
{
    const char *slash = strrchr(location, '/');
    return slash ? slash + 1 : location;
}

void api__write_query_members(const struct service_query *q, struct json_writer *w)
{
    const struct service_object *o = &q->base;
    json_member_string(w, "name", o->name);
    copy_member(o->spec, "sql", "\"\"", w);
    copy_member(o->spec, "params", "{}", w);
    copy_member(o->spec, "tags", "[]", w);
    api__write_object_state(o, w);
    json_member_int(w, "generation", q->status.generation);
    json_key(w, "table");
    json_put_string(w, q->script && q->script->n_plans ? api__table_name(q->script->plans[0].location) : NULL);
    api__member_time(w, "created_at", o->created_ms);
    api__member_time(w, "updated_at", o->updated_ms);
}

void api__write_query(const struct service_query *q, struct json_writer *w)
{
    json_begin_object(w);
    api__write_query_members(q, w);
    json_end_object(w);
}

static void answer_query(struct http_request *r, int status, const struct service_query *q, const char *compatibility)
{
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    json_begin_object(&w);
    api__write_query_members(q, &w);
    if (compatibility)
        json_member_string(&w, "compatibility", compatibility);
    json_end_object(&w);
    api__etag(r, q->base.revision);
    api__answer(r, status, &out);
}

/* ---- reading ---- */

void api__queries_list(struct http_request *r)
{
    struct api        *a = api__of(r);
    struct json_writer w;
    struct buf         out;
    int64_t            limit = LIST_LIMIT;
    const char        *after = http_query(r, "after"), *state = http_query(r, "state"), *next = NULL, *last = "";
    if (!api__query_int(r, "limit", 1, LIST_LIMIT_MOST, &limit))
        return;
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY) && !next; i++) {
        struct service_object *o = supervisor_at(a->s, RESOURCE_QUERY, i);
        if ((after && strcmp(o->name, after) <= 0) || (state && strcmp(service_state_name(o->state), state) != 0))
            continue;
        if (limit-- == 0) {
            next = last;
            break;
        }
        api__write_query(service_query_of(o), &w);
        last = o->name;
    }
    api__list_end(&w, next);
    api__answer(r, 200, &out);
}

void api__query_get(struct http_request *r)
{
    struct service_query *q = api__query(r);
    if (q)
        answer_query(r, 200, q, NULL);
}

/* ---- changing ---- */

/* {"sql", "params", "tags", "folder"} of a body; what it does not have comes from `before` when that is given. */
static void write_spec(const struct json_value *body, const struct json_value *before, const struct json_value *keep,
                       struct buf *out)
{
    struct json_writer       w;
    static const char *const names[] = {"sql", "params", "tags"}, *const empty[] = {"\"\"", "{}", "[]"};
    json_writer_init(&w, out);
    json_begin_object(&w);
    for (int i = 0; i < 3; i++) {
        bool there = json_get(body, names[i]) && !json_is_null_value(json_get(body, names[i]));
        copy_member(there ? body : before, names[i], empty[i], &w);
    }
    copy_member(keep, "folder", "\".\"", &w);
    json_end_object(&w);
}

void api__sql_problem(struct http_request *r, const struct script *script)
{
    struct json_writer  w;
    struct buf          errors;
    struct http_problem p = {.status = 422, .code = "sql_semantic", .detail = "the SQL is wrong"};
    const struct diag  *first = script->diags.n ? &script->diags.items[0] : NULL;
    buf_init(&errors, TAG_WEB, ANSWER_MAX);
    json_writer_init(&w, &errors);
    api__write_diags(script, &w);
    p.errors = buf_text(&errors);
    if (first) {
        p.detail = first->text;
        p.hint = first->hint;
        p.code = strcmp(first->code, "E_SYNTAX") == 0 ? "sql_syntax" : "sql_semantic";
    }
    http_reply_problem(r, &p);
    buf_fini(&errors);
}

static void change_failed(struct http_request *r, const struct service_result *result)
{
    if (result->script && result->script->diags.n_errors)
        api__sql_problem(r, result->script);
    else if (result->table_taken)
        api__problem(r, 409, "table_taken", "name another table or LOCATION, or change or delete that query first",
                     "%s", result->error.text);
    else if (result->incompatible)
        api__problem(r, 409, "incompatible_state", "PUT with ?on_incompatible=reset begins a new generation",
                     "%s; what is lost: the positions, and the rows of windows that are open", result->error.text);
    else
        api__error(r, &result->error);
}

static void put_done(void *arg, const struct service_result *result)
{
    struct http_request *r = arg;
    char                 location[128];
    if (result->rc != OK) {
        change_failed(r, result);
        return;
    }
    snprintf(location, sizeof location, "/api/v1/queries/%s", result->object->name);
    if (result->created)
        http_reply_header(r, "Location", location);
    answer_query(r, result->created ? 201 : 200, service_query_of(result->object),
                 result->created         ? NULL
                 : result->state_dropped ? "state_dropped"
                                         : "state_kept");
}

static bool name_is_good(struct http_request *r, const char *name)
{
    if (!name || service_name_is_good(name))
        return true;
    api__problem(r, 422, "invalid_field", NULL, "a name is made of a-z, 0-9, _ and -, at most 63, not \"%.80s\"", name);
    return false;
}

static bool strings_only(struct http_request *r, const struct json_value *body)
{
    const struct json_value *params = json_get(body, "params"), *tags = json_get(body, "tags"), *v;
    const char              *key;
    void                    *iterator = NULL;
    bool                     good = true;
    while (params && json_is_object(params) && (v = json_next(params, &key, &iterator)))
        good = good && json_as_string(v);
    for (size_t i = 0; tags && json_is_array(tags) && i < json_size(tags); i++)
        good = good && json_as_string(json_at(tags, i));
    if (!good)
        api__problem(r, 422, "invalid_field", NULL, "params and tags are texts");
    return good;
}

void api__queries_post(struct http_request *r)
{
    struct json_value *body = api__body(r);
    struct buf         spec;
    const char        *name = body ? json_get_string(body, "name") : NULL;
    if (!body || !name_is_good(r, name) || !strings_only(r, body)) {
        json_doc_free(body);
        return;
    }
    buf_init(&spec, TAG_WEB, ANSWER_MAX);
    write_spec(body, NULL, NULL, &spec);
    struct service_put put = {.kind = RESOURCE_QUERY,
                              .name = name,
                              .spec = buf_text(&spec),
                              .wanted = json_get_bool(body, "start", true),
                              .expect = 0};
    supervisor_put(api__of(r)->s, &put, put_done, r);
    buf_fini(&spec);
    json_doc_free(body);
}

void api__query_put(struct http_request *r)
{
    const char            *name = http_param(r, "query"), *said;
    struct json_value     *body = name_is_good(r, name) ? api__body(r) : NULL;
    struct service_object *o = supervisor_find(api__of(r)->s, RESOURCE_QUERY, name);
    struct buf             spec;
    int64_t                expect;
    if (!body)
        return;
    said = json_get_string(body, "name");
    if (said && strcmp(said, name) != 0)
        api__problem(r, 422, "invalid_field", NULL, "the name in the body is not that of the path");
    else if (strings_only(r, body) && api__expect(r, &expect)) {
        buf_init(&spec, TAG_WEB, ANSWER_MAX);
        write_spec(body, NULL, o ? o->spec : NULL, &spec);
        struct service_put put = {.kind = RESOURCE_QUERY,
                                  .name = name,
                                  .spec = buf_text(&spec),
                                  .wanted = json_get_bool(body, "start", true),
                                  .keep_wanted = !json_get(body, "start"),
                                  .expect = expect,
                                  .reset = api__query_is(r, "on_incompatible", "reset")};
        supervisor_put(api__of(r)->s, &put, put_done, r);
        buf_fini(&spec);
    }
    json_doc_free(body);
}

void api__query_patch(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_value    *body = q ? api__body(r) : NULL;
    const char           *desired = body ? json_get_string(body, "desired_state") : NULL;
    struct buf            spec;
    int64_t               expect;
    if (!body)
        return;
    if (desired && strcmp(desired, "running") != 0 && strcmp(desired, "stopped") != 0)
        api__problem(r, 422, "invalid_field", NULL, "desired_state is \"running\" or \"stopped\"");
    else if (strings_only(r, body) && api__expect(r, &expect)) {
        buf_init(&spec, TAG_WEB, ANSWER_MAX);
        write_spec(body, q->base.spec, q->base.spec, &spec);
        struct service_put put = {.kind = RESOURCE_QUERY,
                                  .name = q->base.name,
                                  .spec = buf_text(&spec),
                                  .wanted = desired && strcmp(desired, "running") == 0,
                                  .keep_wanted = !desired,
                                  .expect = expect == RESOURCE_ANY_REVISION ? q->base.revision : expect};
        supervisor_put(api__of(r)->s, &put, put_done, r);
        buf_fini(&spec);
    }
    json_doc_free(body);
}

static void delete_done(void *arg, const struct service_result *result)
{
    struct http_request *r = arg;
    if (result->rc == OK)
        http_reply(r, 204, NULL, NULL);
    else if (result->rc == ERR_BUSY)
        api__problem(r, 409, "wrong_state", "stop it first, or add ?force", "%s", result->error.text);
    else
        change_failed(r, result);
}

void api__query_delete(struct http_request *r)
{
    struct service_query *q = api__query(r);
    int64_t               expect;
    if (q && api__expect(r, &expect))
        supervisor_delete(api__of(r)->s, RESOURCE_QUERY, q->base.name, expect, http_query(r, "force") != NULL,
                          api__query_is(r, "purge", "state"), delete_done, r);
}

/* ---- actions ---- */

static void answer_waiting(struct http_request *r, struct service_object *o, bool reached)
{
    answer_query(r, reached ? 200 : 202, service_query_of(o), NULL);
}

static void want_done(void *arg, const struct service_result *result)
{
    struct http_request *r = arg;
    if (result->rc != OK)
        change_failed(r, result);
    else
        api__wait_for_state(r, result->object, answer_waiting);
}

static void want(struct http_request *r, enum service_want what)
{
    struct service_query *q = api__query(r);
    struct json_value    *body = q ? api__body(r) : NULL;
    const char           *from = body ? json_get_string(body, "from") : NULL;
    if (!body)
        return;
    if (from && strcmp(from, "checkpoint") != 0 && strcmp(from, "scratch") != 0)
        api__problem(r, 422, "invalid_field", NULL, "from is \"checkpoint\" or \"scratch\"");
    else
        supervisor_want(api__of(r)->s, RESOURCE_QUERY, q->base.name, what, from && from[0] == 's', want_done, r);
    json_doc_free(body);
}

void api__query_start(struct http_request *r) { want(r, SERVICE_START); }
void api__query_stop(struct http_request *r) { want(r, SERVICE_STOP); }
void api__query_restart(struct http_request *r) { want(r, SERVICE_RESTART); }
