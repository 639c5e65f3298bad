/* SPDX-License-Identifier: MIT */
/* /sql/preview: the first rows that a text would write, as NDJSON: schema, rows, end. Nothing is written. */
#include <stdio.h>

#include "api/routes.h"
#include "base/clock.h"

#define PREVIEWS_MAX 4
#define ROWS_DEFAULT 100
#define ROWS_MOST SERVICE_ROWS_KEPT
#define MS_DEFAULT 20000
#define MS_MOST 120000

struct preview {
    struct preview      *next;
    struct api          *api;
    struct http_request *r;
    struct json_value   *body;
    struct script        script;
    struct query        *query;
    int64_t              cursor, left, until_us;
    bool                 bound, over; /* over: the query is on its way out */
};

static void free_preview(struct preview *p)
{
    struct preview **link = &p->api->previews;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    p->api->n_previews--;
    if (p->bound)
        script_free(&p->script);
    json_doc_free(p->body);
    mem_free(p);
}

/* ---- the end ---- */

static void put_line(struct preview *p, struct buf *out)
{
    buf_u8(out, '\n');
    if (!out->failed)
        (void)http_stream_write(p->r, out->data, out->size);
    buf_clear(out);
}

static void on_closed(void *arg)
{
    struct preview *p = arg;
    http_stream_end(p->r);
    free_preview(p);
}

static void say_end(struct preview *p)
{
    struct json_writer  w;
    struct buf          out, problem;
    struct query_status st;
    query_status(p->query, &st);
    buf_init(&out, TAG_WEB, 1 << 20);
    buf_init(&problem, TAG_WEB, 1 << 20);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    if (st.state == QUERY_FAILED) {
        const char         *code;
        struct http_problem x = {.status = api__status_of(st.rc, &code), .detail = st.error};
        x.code = code;
        http_problem_write(&x, &problem);
        while (problem.size && problem.data[problem.size - 1] == '\n') /* this is one line of many */
            problem.size--;
        json_member_raw(&w, "error", buf_text(&problem));
    } else {
        json_member_bool(&w, "end", true);
    }
    json_end_object(&w);
    put_line(p, &out);
    buf_fini(&problem);
    buf_fini(&out);
}

static void on_stopped(void *arg)
{
    struct preview *p = arg;
    p->over = true;
    say_end(p);
    query_close(p->query, on_closed, p);
}

/* ---- rows ---- */

static void say_rows(struct preview *p)
{
    struct json_writer w;
    struct json_value *rows = NULL;
    struct buf         list, line;
    int64_t            seen = query_rows_seen(p->query);
    if (seen <= p->cursor)
        return;
    buf_init(&list, TAG_WEB, ANSWER_MAX);
    buf_init(&line, TAG_WEB, ANSWER_MAX);
    json_writer_init(&w, &list);
    json_begin_array(&w);
    query_rows(p->query, p->cursor, ROWS_MOST, false, &w);
    json_end_array(&w);
    if (json_doc_parse(buf_text(&list), list.size, &rows, NULL) == OK)
        for (size_t i = 0; i < json_size(rows) && p->left > 0; i++, p->left--) {
            json_dump(json_at(rows, i), &line);
            put_line(p, &line);
        }
    p->cursor = seen;
    json_doc_free(rows);
    buf_fini(&line);
    buf_fini(&list);
}

void api__preview_tick(struct api *a, bool end)
{
    for (struct preview *p = a->previews, *next; p; p = next) {
        next = p->next;
        if (!p->query || p->over)
            continue;
        say_rows(p);
        if (end || p->left <= 0 || clock_mono_us() >= p->until_us || http_gone(p->r)) {
            p->over = true;
            query_stop(p->query); /* calls on_stopped */
        }
    }
}

/* ---- the start ---- */

static void run_bind(struct task *t)
{
    struct preview          *p = t->arg;
    const char              *names[64], *values[64], *key;
    struct sql_params        params = {.names = names, .values = values};
    const struct json_value *v;
    void                    *iterator = NULL;
    while (params.n < 64 && json_is_object(json_get(p->body, "params")) &&
           (v = json_next(json_get(p->body, "params"), &key, &iterator)))
        if (json_as_string(v)) {
            names[params.n] = key;
            values[params.n++] = json_as_string(v);
        }
    p->bound = true;
    (void)script_bind(&p->script, json_get_string(p->body, "sql"), ".", supervisor_warehouse(t->api->s), &params);
}

static void say_schema(struct preview *p)
{
    struct json_writer w;
    struct buf         out;
    http_reply_header(p->r, "Cache-Control", "no-store");
    http_stream_begin(p->r, 200, "application/x-ndjson", NULL, NULL);
    api__begin(&out, &w);
    json_begin_object(&w);
    api__write_columns(p->script.plans[0].schema, &w);
    json_end_object(&w);
    put_line(p, &out);
    buf_fini(&out);
}

static void answer_bound(struct task *t)
{
    struct preview      *p = t->arg;
    struct query_options o = {.preview = true, .rows_kept = ROWS_MOST, .stopped = on_stopped, .stopped_arg = p};
    if (p->script.diags.n_errors) {
        api__sql_problem(p->r, &p->script);
        free_preview(p);
    } else if (p->script.n_plans != 1) {
        api__problem(p->r, 422, "invalid", NULL, "the text creates %d streaming tables; a preview takes one",
                     p->script.n_plans);
        free_preview(p);
    } else if (query_start(supervisor_host(p->api->s), &p->script.plans[0], &o, &p->query, &t->error) != OK) {
        api__error(p->r, &t->error);
        free_preview(p);
    } else {
        say_schema(p);
    }
}

void api__sql_preview(struct http_request *r)
{
    struct api        *a = api__of(r);
    struct json_value *body = api__body(r);
    int64_t            ms = MS_DEFAULT, rows = json_get_int(body, "max_rows", ROWS_DEFAULT);
    if (!body)
        return;
    const char *timeout = json_get_string(body, "timeout");
    if ((timeout && !api__duration(timeout, &ms)) || ms > MS_MOST || rows < 1 || rows > ROWS_MOST) {
        api__problem(r, 422, "invalid_field", NULL, "timeout is a span up to 120s, max_rows a number from 1 to %d",
                     ROWS_MOST);
    } else if (a->n_previews == PREVIEWS_MAX || a->stopping) {
        http_reply_header(r, "Retry-After", "5");
        api__problem(r, 503, "too_many_streams", NULL, "%d previews run already", PREVIEWS_MAX);
    } else {
        struct preview *p = mem_zalloc(TAG_WEB, sizeof *p);
        CHECK(p);
        *p = (struct preview){.api = a, .r = r, .body = body, .left = rows, .next = a->previews};
        p->until_us = clock_mono_us() + ms * 1000;
        a->previews = p;
        a->n_previews++;
        api__task(r, run_bind, answer_bound, p);
        return;
    }
    json_doc_free(body);
}
