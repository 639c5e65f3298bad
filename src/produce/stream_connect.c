/* SPDX-License-Identifier: MIT */
/* The three shapes of connector. Each runs one connection, or one series of polls, to its end. */
#include <stdio.h>

#include "base/clock.h"
#include "net/fetch.h"
#include "net/sse.h"
#include "net/ws_client.h"
#include "produce/stream_priv.h"

#define RECEIVE_MS 100
#define PING_US ((int64_t)20 * 1000000)
#define SILENCE_US ((int64_t)60 * 1000000)
#define POLL_MS 60000
#define POLL_LEAST_MS 1000

static struct fetch_spec spec_of(struct stream *s)
{
    return (struct fetch_spec){
        .url = s->url,
        .user_agent = s->spec->user_agent ? s->spec->user_agent : "millrace",
        .idle = stream__idle,
        .idle_arg = s,
        .limit_bytes = STREAM_EVENT_MAX,
    };
}

static enum err judge(struct stream *s, const struct fetch_reply *reply, struct error *e)
{
    if (reply->retry_after_ms > 0)
        s->wait_ms = reply->retry_after_ms;
    return fetch_status(reply, s->url, e);
}

/* ---- an event stream ---- */

struct sse_run {
    struct stream *s;
    struct sse     parser;
};

static enum err on_event(void *arg, const struct sse_event *event, struct error *e)
{
    struct stream *s = arg;
    TRY(stream__read(s, event->data, event->n, e));
    snprintf(s->last_id, sizeof s->last_id, "%s", event->id); /* only what was taken is resumed behind */
    return OK;
}

static enum err on_sse_bytes(void *arg, const uint8_t *bytes, size_t n, struct error *e)
{
    struct sse_run *r = arg;
    return sse_feed(&r->parser, bytes, n, on_event, r->s, e);
}

enum err stream__sse(struct stream *s, struct error *e)
{
    struct sse_run     r = {.s = s};
    struct fetch_spec  spec = spec_of(s);
    struct fetch_reply reply;
    char               resume[sizeof s->last_id + 20];
    snprintf(resume, sizeof resume, "Last-Event-ID: %s", s->last_id);
    spec.fields[0] = "Accept: text/event-stream";
    spec.fields[1] = s->last_id[0] ? resume : NULL;
    sse_init(&r.parser, STREAM_EVENT_MAX);
    enum err rc = fetch_stream(&spec, on_sse_bytes, &r, &reply, e);
    if (rc == OK)
        rc = judge(s, &reply, e);
    if (s->heard)
        s->tally->connects++;
    if (r.parser.retry_ms > s->wait_ms)
        s->wait_ms = r.parser.retry_ms;
    sse_fini(&r.parser);
    return rc;
}

/* ---- a WebSocket ---- */

static enum err on_text(void *arg, const char *text, size_t n, struct error *e)
{
    return stream__read(arg, text, n, e);
}

static enum err talk(struct stream *s, struct ws_client *c, struct error *e)
{
    struct buf first;
    int64_t    pinged_us = clock_mono_us();
    buf_init(&first, TAG_PROCESS, 65536);
    enum err rc = s->kind->subscribe(s, &first, e);
    if (rc == OK)
        rc = ws_client_send(c, buf_text(&first), e);
    buf_fini(&first);
    while (rc == OK && stream__idle(s)) {
        rc = ws_client_receive(c, RECEIVE_MS, on_text, s, e);
        int64_t now = clock_mono_us();
        if (rc == OK && now - pinged_us > PING_US) {
            pinged_us = now;
            rc = ws_client_ping(c, e);
        }
        if (rc == OK && now - ws_client_heard_us(c) > SILENCE_US)
            rc = err_set(e, ERR_UNAVAILABLE, "%s: nothing came for a minute, not even a pong", s->url);
    }
    return rc;
}

enum err stream__websocket(struct stream *s, struct error *e)
{
    struct fetch_spec  spec = spec_of(s);
    struct fetch_reply reply;
    struct ws_client  *c;
    enum err           rc = ws_client_open(&spec, &c, &reply, e);
    if (rc != OK)
        return rc;
    s->tally->connects++;
    rc = talk(s, c, e);
    ws_client_free(c);
    return rc;
}

/* ---- a document that is polled ---- */

static enum err poll_once(struct stream *s, int64_t *next_ms, struct error *e)
{
    struct fetch_spec  spec = spec_of(s);
    struct fetch_reply reply;
    struct buf         body;
    char               tag[300];
    snprintf(tag, sizeof tag, "If-None-Match: %s", s->etag);
    spec.fields[0] = "Accept: application/json";
    spec.fields[1] = s->etag[0] ? tag : NULL;
    spec.limit_bytes = 0;
    buf_init(&body, TAG_PROCESS, (size_t)64 << 20);
    enum err rc = fetch(&spec, &reply, &body, e);
    *next_ms = s->spec->poll_ms ? s->spec->poll_ms : reply.max_age_ms > POLL_MS ? reply.max_age_ms : POLL_MS;
    if (rc == OK && reply.status != 304)
        rc = judge(s, &reply, e);
    if (rc == OK) {
        s->tally->connects++;
        s->tally->failures = 0;
    }
    if (rc == OK && reply.status != 304)
        rc = stream__read(s, buf_text(&body), body.size, e);
    if (rc == OK && reply.status != 304) /* all of it was taken */
        snprintf(s->etag, sizeof s->etag, "%s", reply.etag);
    buf_fini(&body);
    return rc;
}

enum err stream__poll(struct stream *s, struct error *e)
{
    int64_t next_ms = 0;
    do
        TRY(poll_once(s, &next_ms, e));
    while (stream__sleep(s, next_ms > POLL_LEAST_MS || s->spec->poll_ms ? next_ms : POLL_LEAST_MS));
    return OK;
}
