/* SPDX-License-Identifier: MIT */
/*
 * net/fetch: an HTTP client by libcurl. A call blocks its thread: never the loop's.
 *
 * TLS certificates are verified. At most three redirects are followed, never from https to http, and only http and
 * https are spoken. Sizes and times have ceilings. The caller's `idle` is asked at least ten times a second whether to
 * go on, so a call ends soon after it is asked to.
 */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/buf.h"

#define FETCH_FIELDS_MAX 8
#define FETCH_URL_MAX 2048

struct fetch_spec { /* 0: the default */
    const char *url;
    const char *user_agent;
    const char *method;                   /* GET */
    const char *body;                     /* sent with it; NULL: none */
    const char *fields[FETCH_FIELDS_MAX]; /* "Accept: text/event-stream"; NULL after the last */
    int         connect_ms;               /* 10 s */
    int         total_ms;                 /* whole answers: 60 s; streams: no end */
    int         silence_ms;               /* 60 s without a byte */
    size_t      limit_bytes;              /* of a whole answer: 16 MiB */
    bool        direct;                   /* not through a proxy that the environment names */
    struct buf *refusal;                  /* of a stream: gets the body of an answer that is no success; or NULL */
    bool (*idle)(void *arg);              /* false: stop, ERR_CANCELLED; NULL: never */
    void *idle_arg;
};

struct fetch_reply {
    int     status;
    char    etag[256];         /* "" none */
    char    content_type[128]; /* "" none */
    int64_t retry_after_ms;    /* -1 none; from seconds or an HTTP date */
    int64_t max_age_ms;        /* of Cache-Control; -1 none */
};

/* The body is appended (any status). ERR_UNAVAILABLE (retry): the network; ERR_LIMIT: too large; ERR_INVALID: the
 * address; ERR_PERMISSION: the server's certificate is not trusted. */
MUST_CHECK enum err fetch(const struct fetch_spec *s, struct fetch_reply *reply, struct buf *body, struct error *e);

/* An answer without an end: `take` gets the bytes of a success as they come, and may stop it by an error of its own.
 * OK: the server ended it. With another status OK too: look at reply->status. */
MUST_CHECK enum err fetch_stream(const struct fetch_spec *s,
                                 enum err (*take)(void *arg, const uint8_t *bytes, size_t n, struct error *e),
                                 void *arg, struct fetch_reply *reply, struct error *e);

/* ERR_UNAVAILABLE with retry for what may pass (408, 425, 429, 5xx), ERR_PERMISSION for 401 and 403, ERR_NOT_FOUND for
 * 404 and 410, ERR_INVALID for the rest; OK below 300. */
MUST_CHECK enum err fetch_status(const struct fetch_reply *reply, const char *url, struct error *e);

#endif
