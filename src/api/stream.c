/* SPDX-License-Identifier: MIT */
/* Answers that go on: a query's rows as they are committed, and events; as NDJSON or server-sent events. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "base/clock.h"

#define FOLLOWERS_MAX 256
#define ROWS_AT_ONCE 200
#define IDLE_US 15000000 /* then a comment or an empty line, so that proxies keep the connection */

struct follower {
    struct follower     *next;
    struct http_request *r;
    char                 query[SERVICE_NAME_MAX + 1]; /* "" events */
    bool                 sse;
    int64_t              cursor, left; /* rows still wanted; -1 no end */
    int64_t              said_us;
};

/* ---- events ---- */

void api__write_event(const struct event *ev, struct json_writer *w)
{
    json_begin_object(w);
    json_member_int(w, "id", ev->id);
    api__member_time(w, "t", ev->at_ms);
    json_member_string(w, "level", ev->level);
    json_member_string(w, "kind", ev->kind);
    json_member_string(w, "subject", ev->subject);
    json_key(w, "text");
    api__put_text(w, ev->text, strlen(ev->text));
    json_end_object(w);
}

struct events_ask {
    int64_t before;
    int     limit;
};

static void run_events(struct task *t)
{
    struct events_ask *ask = t->arg;
    struct event      *events = NULL;
    struct catalog    *c;
    struct json_writer w;
    int                n = 0;
    char               next[32];
    t->rc = query_host_catalog(supervisor_host(t->api->s), &c, &t->error);
    if (t->rc == OK)
        t->rc = event_list(c, ask->before, ask->limit, &t->arena, &events, &n, &t->error);
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    for (int i = 0; i < n; i++)
        api__write_event(&events[i], &w);
    snprintf(next, sizeof next, "%" PRId64, n ? events[n - 1].id : 0);
    api__list_end(&w, n == ask->limit ? next : NULL);
    mem_free(ask);
}

static struct follower *follow(struct http_request *r, const char *query, bool sse);

void api__events(struct http_request *r)
{
    const char *accept = http_header(r, "Accept"), *after = http_query(r, "after");
    int64_t     limit = LIST_LIMIT;
    if (accept && strstr(accept, "text/event-stream")) {
        struct follower    *f = follow(r, "", true);
        const struct event *ev = supervisor_event_at(api__of(r)->s, 0);
        if (f)
            f->cursor = ev ? ev->id : 0;
        return;
    }
    if (!api__query_int(r, "limit", 1, LIST_LIMIT_MOST, &limit))
        return;
    struct events_ask *ask = mem_zalloc(TAG_WEB, sizeof *ask);
    CHECK(ask);
    ask->limit = (int)limit;
    ask->before = after ? strtoll(after, NULL, 10) : 0;
    api__task(r, run_events, NULL, ask);
}

/* ---- following ---- */

static struct follower *follow(struct http_request *r, const char *query, bool sse)
{
    struct api *a = api__of(r);
    if (a->n_followers == FOLLOWERS_MAX) {
        http_reply_header(r, "Retry-After", "5");
        api__problem(r, 503, "too_many_streams", NULL, "%d streams are open", FOLLOWERS_MAX);
        return NULL;
    }
    struct follower *f = mem_zalloc(TAG_WEB, sizeof *f);
    CHECK(f);
    f->r = r;
    f->sse = sse;
    f->left = -1;
    f->said_us = clock_mono_us();
    snprintf(f->query, sizeof f->query, "%s", query);
    f->next = a->followers;
    a->followers = f;
    a->n_followers++;
    http_reply_header(r, "Cache-Control", "no-store");
    http_stream_begin(r, 200, sse ? "text/event-stream" : "application/x-ndjson", NULL, NULL);
    return f;
}

/* One line, or one event; *out is emptied. */
static bool say(struct follower *f, const char *event, struct buf *out)
{
    struct buf line;
    buf_init(&line, TAG_WEB, ANSWER_MAX);
    if (f->sse)
        buf_printf(&line, "event: %s\ndata: ", event);
    buf_put(&line, out->data, out->size);
    buf_puts(&line, f->sse ? "\n\n" : "\n");
    bool sent = !line.failed && http_stream_write(f->r, line.data, line.size);
    buf_fini(&line);
    buf_clear(out);
    f->said_us = sent ? clock_mono_us() : f->said_us;
    return sent;
}

static void say_schema(struct follower *f, const struct service_query *q)
{
    struct buf         out;
    struct json_writer w;
    api__begin(&out, &w);
    json_begin_object(&w);
    api__write_columns(q->script && q->script->n_plans ? q->script->plans[0].schema : NULL, &w);
    json_end_object(&w);
    (void)say(f, "schema", &out);
    buf_fini(&out);
}

void api__query_stream(struct http_request *r)
{
    struct service_query *q = api__query(r);
    int64_t               most = -1;
    if (!q || !api__query_int(r, "max_rows", 1, INT64_MAX, &most))
        return;
    struct follower *f = follow(r, q->base.name, api__query_is(r, "format", "sse"));
    if (!f)
        return;
    f->left = most;
    f->cursor = service_query_rows_seen(q);
    say_schema(f, q);
}

/* What is new, a row a line. */
static bool say_rows(struct follower *f, struct service_query *q)
{
    int64_t            seen = service_query_rows_seen(q);
    struct buf         out, row;
    struct json_writer w;
    struct json_value *rows = NULL;
    if (seen <= f->cursor)
        return true;
    api__begin(&out, &w);
    buf_init(&row, TAG_WEB, ANSWER_MAX);
    json_begin_array(&w);
    service_query_rows(q, f->cursor, ROWS_AT_ONCE, false, &w);
    json_end_array(&w);
    bool sent = true;
    if (json_doc_parse(buf_text(&out), out.size, &rows, NULL) == OK)
        for (size_t i = 0; sent && i < json_size(rows) && f->left != 0; i++) {
            json_dump(json_at(rows, i), &row);
            sent = say(f, "row", &row);
            f->left -= f->left > 0;
        }
    f->cursor = seen;
    json_doc_free(rows);
    buf_fini(&row);
    buf_fini(&out);
    return sent;
}

static void say_events(struct api *a, struct follower *f)
{
    const struct event *ev;
    struct buf          out;
    struct json_writer  w;
    int                 i = 0;
    buf_init(&out, TAG_WEB, ANSWER_MAX);
    while ((ev = supervisor_event_at(a->s, i)) && ev->id > f->cursor)
        i++;
    for (i--; i >= 0; i--) {
        ev = supervisor_event_at(a->s, i);
        json_writer_init(&w, &out);
        api__write_event(ev, &w);
        (void)say(f, "event", &out);
        f->cursor = ev->id;
    }
    buf_fini(&out);
}

/* False when it is over. */
static bool step(struct api *a, struct follower *f)
{
    struct service_object *o = f->query[0] ? supervisor_find(a->s, RESOURCE_QUERY, f->query) : NULL;
    if (http_gone(f->r) || (f->query[0] && !o))
        return false;
    if (!f->query[0])
        say_events(a, f);
    else if (http_stream_waiting(f->r) < HTTP_STREAM_QUEUE / 2) /* who reads slowly gets fewer rows */
        (void)say_rows(f, service_query_of(o));
    if (clock_mono_us() - f->said_us > IDLE_US) {
        (void)http_stream_write(f->r, f->sse ? ":\n\n" : "\n", f->sse ? 3 : 1);
        f->said_us = clock_mono_us();
    }
    return f->left != 0;
}

static void finish(struct follower *f)
{
    struct buf out;
    buf_init(&out, TAG_WEB, 1 << 16);
    buf_puts(&out, "{\"end\":true}");
    (void)say(f, "end", &out);
    buf_fini(&out);
    http_stream_end(f->r);
}

void api__stream_tick(struct api *a, bool end)
{
    struct follower **link = &a->followers;
    while (*link) {
        struct follower *f = *link;
        if (step(a, f) && !end) {
            link = &f->next;
            continue;
        }
        finish(f);
        *link = f->next;
        a->n_followers--;
        mem_free(f);
    }
}
