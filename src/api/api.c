/* SPDX-License-Identifier: MIT */
#include "api/routes.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"

#define PATH_BYTES 4096

enum err api_new(const struct api_spec *spec, struct api **out, struct error *e)
{
    int         n;
    struct api *a = mem_zalloc(TAG_WEB, sizeof *a);
    *out = NULL;
    (void)api_routes(&n);
    if (a) {
        a->spec = *spec;
        a->started_ms = clock_wall_us() / 1000;
        a->started_us = clock_mono_us();
        a->counts = mem_zalloc(TAG_WEB, (size_t)n * sizeof *a->counts);
        a->live = live_new(a);
    }
    if (!a || !a->counts || !a->live) {
        api_free(a);
        return err_set(e, ERR_NO_MEMORY, "interface");
    }
    *out = a;
    return OK;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    live_free(a->live);
    api__tables_free(a);
    mem_free(a->counts);
    mem_free(a);
}

void api_open(struct api *a, struct supervisor *s, struct http_server *server)
{
    a->s = s;
    a->server = server;
    a->ready = true;
}

void api_stopping(struct api *a) { a->stopping = true; }

void api_hang_up(struct api *a)
{
    api__wait_tick(a, true);
    api__stream_tick(a, true);
    api__preview_tick(a, true);
}

void api_tick(void *api)
{
    struct api *a = api;
    if (!a->ready)
        return;
    live_tick(a->live);
    api__wait_tick(a, false);
    api__stream_tick(a, false);
    api__preview_tick(a, false);
}

void api_event(void *api, const struct event *event) /* the next tick sees it in the supervisor's list */
{
    (void)api;
    (void)event;
}

struct api *api__of(const struct http_request *r) { return http_user(r); }

/* ---- answering ---- */

void api__answer(struct http_request *r, int status, struct buf *json)
{
    buf_u8(json, '\n');
    http_reply_header(r, "Cache-Control", "no-store");
    http_reply(r, status, "application/json", json);
    buf_fini(json);
}

void api__problem(struct http_request *r, int status, const char *code, const char *hint, const char *format, ...)
{
    char    detail[400];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    struct http_problem p = {.status = status,
                             .code = code,
                             .detail = detail,
                             .hint = hint,
                             .retryable = status == 429 || status == 503 || status == 504};
    http_reply_problem(r, &p);
}

int api__status_of(enum err rc, const char **code)
{
    static const struct {
        enum err    rc;
        int         status;
        const char *code;
    } rows[] = {{ERR_INVALID, 422, "invalid"},
                {ERR_UNSUPPORTED, 422, "unsupported_feature"},
                {ERR_NOT_FOUND, 404, "not_found"},
                {ERR_EXISTS, 409, "name_taken"},
                {ERR_CONFLICT, 412, "etag_mismatch"},
                {ERR_BUSY, 409, "wrong_state"},
                {ERR_LIMIT, 422, "limit_reached"},
                {ERR_UNAVAILABLE, 503, "source_unreachable"},
                {ERR_NO_SPACE, 503, "storage_unavailable"},
                {ERR_PERMISSION, 403, "forbidden"},
                {ERR_CORRUPT, 422, "corrupt"},
                {ERR_DATA, 422, "bad_data"},
                {ERR_DATA_LOSS, 409, "data_loss"},
                {ERR_CANCELLED, 503, "shutting_down"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].rc == rc) {
            *code = rows[i].code;
            return rows[i].status;
        }
    *code = "internal";
    return 500;
}

void api__error(struct http_request *r, const struct error *e)
{
    const char *code;
    int         status = api__status_of(e->code, &code);
    api__problem(r, status, code, NULL, "%s", e->text);
}

void api__etag(struct http_request *r, int64_t revision)
{
    char text[32];
    snprintf(text, sizeof text, "\"%" PRId64 "\"", revision);
    http_reply_header(r, "ETag", text);
}

void api__begin(struct buf *out, struct json_writer *w)
{
    buf_init(out, TAG_WEB, ANSWER_MAX);
    json_writer_init(w, out);
}

void api__list_begin(struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "items");
    json_begin_array(w);
}

void api__list_end(struct json_writer *w, const char *next)
{
    json_end_array(w);
    json_key(w, "next");
    json_put_string(w, next);
    json_member_bool(w, "has_more", next != NULL);
    json_end_object(w);
}

void api__member_time(struct json_writer *w, const char *name, int64_t ms)
{
    char text[TIME_TEXT_MAX];
    json_key(w, name);
    if (ms == 0) {
        json_put_null(w);
        return;
    }
    timestamp_print_iso_ms(ms * 1000, text);
    json_put_string(w, text);
}

void api__member_path(struct json_writer *w, const char *name, const char *path)
{
    char cwd[PATH_BYTES], full[2 * PATH_BYTES];
    if (path[0] != '/' && getcwd(cwd, sizeof cwd)) {
        snprintf(full, sizeof full, "%s/%s", cwd, path + (strncmp(path, "./", 2) == 0 ? 2 : 0));
        path = full;
    }
    json_member_string(w, name, path);
}

void api__put_number(struct json_writer *w, double v)
{
    char text[40];
    if (!isfinite(v)) {
        json_put_null(w);
        return;
    }
    snprintf(text, sizeof text, "%.3f", v);
    size_t n = strlen(text);
    while (n > 1 && text[n - 1] == '0')
        n--;
    text[text[n - 1] == '.' ? n - 1 : n] = 0;
    json_put_raw(w, strcmp(text, "-0") == 0 ? "0" : text);
}

void api__member_maybe(struct json_writer *w, const char *name, bool there, int64_t v)
{
    json_key(w, name);
    if (there)
        json_put_int(w, v);
    else
        json_put_null(w);
}

void api__member_number(struct json_writer *w, const char *name, double v)
{
    json_key(w, name);
    api__put_number(w, v);
}

/* ---- reading ---- */

static bool fits(const struct json_value *v, enum field_type type)
{
    switch (type) {
    case FIELD_TEXT:
        return json_as_string(v) != NULL;
    case FIELD_NUMBER:
        return json_as_double(v, -1e300) > -1e299;
    case FIELD_INTEGER:
        return json_is_int(v);
    case FIELD_OBJECT:
        return json_is_object(v);
    case FIELD_LIST:
        return json_is_array(v);
    case FIELD_BOOLEAN:
        return json_is_bool(v);
    }
    return false;
}

static const char *const type_names[] = {"a text",        "a number",  "a whole number",
                                         "true or false", "an object", "a list"};

static bool check_field(struct http_request *r, const struct about *about, const char *key, const struct json_value *v)
{
    const char *names[64];
    for (int i = 0; i < about->n_body; i++) {
        names[i] = about->body[i].name;
        if (strcmp(names[i], key) != 0)
            continue;
        if (json_is_null_value(v) || fits(v, about->body[i].type))
            return true;
        api__problem(r, 422, "invalid_field", NULL, "\"%s\" must be %s", key, type_names[about->body[i].type]);
        return false;
    }
    const char *near = nearest_name(key, names, about->n_body);
    char        hint[120] = "";
    if (near)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
    api__problem(r, 422, "unknown_field", near ? hint : NULL, "there is no field \"%.60s\"", key);
    return false;
}

static bool is_there(const struct json_value *doc, const char *name)
{
    const struct json_value *v = json_get(doc, name);
    return v && !json_is_null_value(v);
}

struct json_value *api__body(struct http_request *r)
{
    const struct about      *about = http_route(r)->about;
    size_t                   n;
    const char              *text = http_body(r, &n), *key;
    struct json_value       *doc = NULL;
    const struct json_value *v;
    void                    *iterator = NULL;
    struct error             e;
    if (n == 0) {
        text = "{}";
        n = 2;
    }
    if (json_doc_parse(text, n, &doc, &e) != OK) {
        api__problem(r, 400, "invalid_json", NULL, "%s", e.text);
        return NULL;
    }
    bool good = json_is_object(doc);
    if (!good)
        api__problem(r, 400, "invalid_json", NULL, "the body must be an object");
    while (good && (v = json_next(doc, &key, &iterator)))
        good = check_field(r, about, key, v);
    for (int i = 0; good && i < about->n_body; i++)
        if (about->body[i].required && !is_there(doc, about->body[i].name)) {
            api__problem(r, 422, "missing_field", NULL, "\"%s\" is missing", about->body[i].name);
            good = false;
        }
    if (good)
        return doc;
    json_doc_free(doc);
    return NULL;
}

bool api__query_int(struct http_request *r, const char *name, int64_t least, int64_t most, int64_t *out)
{
    const char *text = http_query(r, name);
    char       *end = NULL;
    if (!text)
        return true;
    int64_t v = strtoll(text, &end, 10);
    if (!text[0] || *end || v < least || v > most) {
        api__problem(r, 422, "invalid_parameter", NULL, "%s must be a number from %" PRId64 " to %" PRId64, name, least,
                     most);
        return false;
    }
    *out = v;
    return true;
}

bool api__query_is(const struct http_request *r, const char *name, const char *value)
{
    const char *text = http_query(r, name);
    return text && strcmp(text, value) == 0;
}

bool api__duration(const char *text, int64_t *ms)
{
    char  *end = NULL;
    double v = strtod(text, &end);
    double unit = strcmp(end, "ms") == 0                 ? 1
                  : strcmp(end, "s") == 0 || end[0] == 0 ? 1e3
                  : strcmp(end, "m") == 0                ? 6e4
                  : strcmp(end, "h") == 0                ? 36e5
                                                         : 0;
    if (end == text || unit == 0 || !(v >= 0) || v * unit > 864e5)
        return false;
    *ms = (int64_t)(v * unit);
    return true;
}

struct service_object *api__object(struct http_request *r, enum resource_kind kind)
{
    const struct api      *a = api__of(r);
    const char            *what = kind == RESOURCE_QUERY ? "query" : "producer", *name = http_param(r, what);
    struct service_object *o = supervisor_find(a->s, kind, name);
    if (o)
        return o;
    const char *names[SERVICE_OBJECTS_MAX];
    int         n = supervisor_n(a->s, kind);
    for (int i = 0; i < n; i++)
        names[i] = supervisor_at(a->s, kind, i)->name;
    const char *near = nearest_name(name, names, n);
    char        hint[120] = "";
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    api__problem(r, 404, "not_found", near ? hint : NULL, "there is no %s %.80s", what, name);
    return NULL;
}

struct service_query *api__query(struct http_request *r)
{
    struct service_object *o = api__object(r, RESOURCE_QUERY);
    return o ? service_query_of(o) : NULL;
}

bool api__expect(struct http_request *r, int64_t *expect)
{
    const char *match = http_header(r, "If-Match"), *none = http_header(r, "If-None-Match");
    char       *end = NULL;
    *expect = RESOURCE_ANY_REVISION;
    if (none && strcmp(none, "*") == 0)
        *expect = 0;
    if (!match || strcmp(match, "*") == 0)
        return true;
    int64_t v = match[0] == '"' ? strtoll(match + 1, &end, 10) : 0;
    if (!end || strcmp(end, "\"") != 0 || v <= 0) {
        api__problem(r, 412, "etag_mismatch", NULL, "If-Match is not an ETag of this object");
        return false;
    }
    *expect = v;
    return true;
}

/* ---- tasks ---- */

static void run_task(struct job *job)
{
    struct task *t = (struct task *)job;
    t->run(t);
}

static void task_done(struct job *job)
{
    struct task *t = (struct task *)job;
    if (t->answer)
        t->answer(t);
    else if (t->rc == OK)
        api__answer(t->r, 200, &t->out);
    else
        api__error(t->r, &t->error);
    buf_fini(&t->out);
    arena_fini(&t->arena);
    mem_free(t);
}

void api__task(struct http_request *r, void (*run)(struct task *), void (*answer)(struct task *), void *arg)
{
    struct task *t = mem_zalloc(TAG_WEB, sizeof *t);
    CHECK(t);
    t->job = (struct job){.run = run_task, .done = task_done};
    t->api = api__of(r);
    t->r = r;
    t->run = run;
    t->answer = answer;
    t->arg = arg;
    arena_init(&t->arena, TAG_WEB, (size_t)256 << 20);
    buf_init(&t->out, TAG_WEB, ANSWER_MAX);
    workers_submit(supervisor_side(t->api->s), &t->job);
}
