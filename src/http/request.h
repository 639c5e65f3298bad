/* SPDX-License-Identifier: MIT */
/*
 * http/request: what a handler reads of a request, and how it answers. Loop thread only.
 *
 *   handler called --+-- http_reply*  ............................ answered: r is dead
 *                    +-- returns, http_reply* from a later callback
 *                    +-- http_stream_begin -> http_stream_write* -> http_stream_end: r is dead
 *                    +-- ws_accept (websocket.h): r is dead
 *
 * Who took a request must answer it, once; until then it stays valid whatever happens to the client (an answer to a
 * client that left goes nowhere). Texts returned are the request's, and die with it.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "http/problem.h"
#include "http/server.h"

/* ---- reading ---- */

void       *http_user(const struct http_request *r);   /* http_config.user */
const char *http_method(const struct http_request *r); /* "GET"; "HEAD" too, whose body is left out for you */
const char *http_path(const struct http_request *r);   /* decoded: "/api/v1/queries/clicks" */
const struct http_route *http_route(const struct http_request *r);
const char *http_param(const struct http_request *r, const char *name); /* of the pattern; never NULL for its names */
const char *http_query(const struct http_request *r, const char *name); /* decoded; NULL absent; the first one */
bool        http_query_at(const struct http_request *r, int i, const char **name, const char **value);
const char *http_header(const struct http_request *r, const char *name); /* any case; NULL absent */
const char *http_body(const struct http_request *r, size_t *n);          /* whole; terminated; "" when none */
enum http_role http_role(const struct http_request *r);
const char    *http_actor(const struct http_request *r); /* name of the token: "alice"; "local" when nobody needs one */
const char    *http_peer(const struct http_request *r);  /* "127.0.0.1" */
const char    *http_request_id(const struct http_request *r); /* X-Request-Id, the client's or ours */

/* ---- answering ---- */

/* Adds a header field to the answer to come ("ETag", "Location", "Retry-After"); copied. ETag with a matching
 * If-None-Match turns the 200 of a GET into 304. */
void http_reply_header(struct http_request *r, const char *name, const char *value);
/* Answers. body: its bytes are moved out and it is left empty (NULL: no body); a failed buf gives 500. */
void http_reply(struct http_request *r, int status, const char *content_type, struct buf *body);
void http_reply_text(struct http_request *r, int status, const char *text);    /* text/plain, copied */
void http_reply_problem(struct http_request *r, const struct http_problem *p); /* request_id is filled in */

/* The client has gone away, or the server stops. */
bool http_gone(const struct http_request *r);
/* Called at most once, when http_gone becomes true before the answer: stop working. The request must still be
 * answered, at once or later, from within the call too. */
void http_on_gone(struct http_request *r, void (*gone)(struct http_request *r, void *arg), void *arg);

/* ---- streams: NDJSON, SSE, dumps ---- */

#define HTTP_STREAM_QUEUE (256u << 10)

/* Sends the head; the body follows in chunks. room (may be NULL) is called each time when less than half of the queue
 * waits, after a write was refused; never from within http_stream_write. */
void http_stream_begin(struct http_request *r, int status, const char *content_type,
                       void (*room)(struct http_request *r, void *arg), void *arg);
/* Takes all n bytes, or none when more than HTTP_STREAM_QUEUE bytes would wait (one write always fits into an empty
 * queue) or the client is gone: false. */
bool   http_stream_write(struct http_request *r, const void *bytes, size_t n);
size_t http_stream_waiting(const struct http_request *r); /* bytes */
void   http_stream_end(struct http_request *r);           /* after the queue is sent; r is dead at once */
void   http_stream_abort(struct http_request *r); /* cut off, so that the client sees it was not all; r is dead */

/* ---- the browser's session ---- */

/* Trades a token for a cookie (HttpOnly, SameSite=Strict) in the answer to come. False: no such token. */
bool http_session_begin(struct http_request *r, const char *token, enum http_role *role);
void http_session_end(struct http_request *r); /* forgets the request's session, if it has one, and its websockets */

#endif
