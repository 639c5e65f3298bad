/* SPDX-License-Identifier: MIT */
/*
 * http/guard: what a request must look like before anybody acts on it. Pure functions over its head; no sockets.
 *
 * Sources: RFC 9112 (framing; request smuggling is two readers that frame differently, so whatever could be framed in
 * two ways is refused), RFC 9110 5.6.2 (tokens), and the rules against DNS rebinding and cross-site requests.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/buf.h"

/* ---- the target: "/api/v1/queries/a%20b?limit=10" ---- */

#define TARGET_BYTES_MAX 8192
#define TARGET_SEGMENTS_MAX 12
#define TARGET_QUERY_MAX 32

struct http_target {
    char       *path; /* decoded */
    const char *segments[TARGET_SEGMENTS_MAX];
    int         n_segments;
    struct {
        const char *name, *value;
    } query[TARGET_QUERY_MAX];
    int n_query;
};

/* Reads a target; texts go into the arena. NULL, or why it is refused (400). What is refused: anything but origin form,
 * bytes that are not printable ASCII, bad escapes, decoded control bytes, invalid UTF-8, "." and ".." as segments. */
const char *guard_target(const char *raw, struct arena *a, struct http_target *out);

/* True when the target has the pattern's shape; the decoded parameters go to params in the pattern's order. */
bool guard_match(const char *pattern, const struct http_target *t, const char *params[TARGET_SEGMENTS_MAX]);

/* ---- the head ---- */

struct guard_head { /* zeroed at first, then fed with all fields */
    int         n_host, n_length, n_transfer;
    const char *host, *transfer, *origin, *site, *mode; /* borrowed */
    int64_t     content_length;                         /* -1: none */
    const char *wrong;                                  /* something that is wrong */
    const char *last_end;                               /* of the last field's value */
};

void guard_head_init(struct guard_head *h);
void guard_field(struct guard_head *h, const char *name, size_t name_n, const char *value, size_t value_n);
/* libmicrohttpd 0.9.75 reads in place and writes NULs over CR LF. So between a value and the next name there are NULs
 * and nothing else, two at least, unless a line was folded (then the value was moved), ended by a bare LF, or held a
 * NUL (then a rest stands there): all of which it would hide. To be called before guard_field, with its pointers. */
void guard_gap(struct guard_head *h, const char *name, const char *value, size_t value_n);
/* NULL, or why the message cannot be trusted (400, and the connection ends). */
const char *guard_framing(const struct guard_head *h, const char *version);

/* A Host we answer to: localhost, any IP address, or one of the names; with any port (it may be mapped). A name that is
 * not ours is a page that rebound its own name to our address. */
bool guard_host(const char *host, const char *const *names, int n_names);

/* Whether the request may come from the page that sent it. `navigable`: nothing but a page or file is asked for. */
bool guard_origin(const struct guard_head *h, bool navigable, const char *const *origins, int n_origins);

bool http_token_text(const char *text, size_t n); /* RFC 9110 token: not empty, no separators */

/* "HOST:PORT" -> parts; brackets of IPv6 removed. False: not of that form. */
bool guard_listen(const char *text, char host[256], int *port);
bool guard_loopback(const char *ip); /* 127.0.0.0/8, ::1 */

#endif
