/* SPDX-License-Identifier: MIT */
/*
 * net/sse: the parser of an event stream (text/event-stream, WHATWG HTML 9.2.6). Bytes in pieces of any size.
 *
 * Lines end with CR LF, LF or CR; a leading byte order mark is skipped; an event without data is none; an unfinished
 * event at the end of the stream is dropped. One thread.
 */
#ifndef NET_SSE_H
#define NET_SSE_H

#include "base/buf.h"

struct sse_event {    /* valid during the call */
    const char *type; /* "message" when the stream says nothing */
    const char *id;   /* the last one seen: what Last-Event-ID should say; "" none */
    const char *data; /* lines joined with \n; terminated */
    size_t      n;
};

struct sse {
    struct buf line, data, type, id;
    int64_t    retry_ms; /* what the server asked for; -1 nothing */
    bool       after_cr, begun, has_data;
    size_t     limit_bytes;
};

void sse_init(struct sse *p, size_t limit_bytes); /* of one event */
void sse_fini(struct sse *p);
/* Forgets the unfinished event: a new connection begins. The id stays. */
void sse_restart(struct sse *p);
/* ERR_LIMIT: a line or an event is too large; or what `take` returned. */
MUST_CHECK enum err sse_feed(struct sse *p, const uint8_t *bytes, size_t n,
                             enum err (*take)(void *arg, const struct sse_event *event, struct error *e), void *arg,
                             struct error *e);

#endif
