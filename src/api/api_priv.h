/* SPDX-License-Identifier: MIT */
/* api/api_priv: what the resources share. Loop thread unless said otherwise. */
#ifndef API_API_PRIV_H
#define API_API_PRIV_H

#include "api/api.h"
#include "http/request.h"
#include "http/websocket.h"
#include "text/time.h"
#include "json/write.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define LIST_LIMIT 50
#define LIST_LIMIT_MOST 1000
#define RATE_ANY (-1)

struct live;     /* live.c */
struct preview;  /* preview.c */
struct known;    /* tables.c */
struct waiter;   /* wait.c */
struct follower; /* stream.c */

struct route_count {
    int64_t  by_class[6]; /* answers 1xx .. 5xx */
    uint64_t buckets[8];  /* of durations */
    double   sum_s;
};

struct api {
    struct api_spec     spec;
    struct supervisor  *s;
    struct http_server *server;
    int64_t             started_ms, started_us;
    bool                ready, stopping;
    struct route_count *counts; /* one per route */
    struct live        *live;
    struct waiter      *waiters; /* wait.c */
    int                 n_waiters;
    struct follower    *followers; /* stream.c */
    int                 n_followers;
    struct preview     *previews; /* preview.c */
    int                 n_previews;
    struct known       *tables; /* tables.c */
    int                 n_dumps;
};

/* ---- descriptions: what a route takes, checked and shown by /openapi.json ---- */

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_INTEGER, FIELD_BOOLEAN, FIELD_OBJECT, FIELD_LIST };
struct api_field {
    const char     *name;
    enum field_type type;
    bool            required;
    const char     *about;
};
struct about {
    const char             *summary, *answer; /* answer: name of the object, for people */
    const struct api_field *body;             /* fields; NULL: no body */
    int                     n_body;
    const struct api_field *query;
    int                     n_query;
    int                     status; /* of success */
};

/* ---- reading a request ---- */

struct api *api__of(const struct http_request *r);
/* The body as an object whose fields are the route's, each of its type; NULL after a problem was answered. An empty
 * body
 * is an empty object when nothing is required. */
struct json_value *api__body(struct http_request *r);
/* A number of the query string; false after a problem was answered. Absent: *out stays. */
bool api__query_int(struct http_request *r, const char *name, int64_t least, int64_t most, int64_t *out);
bool api__query_is(const struct http_request *r, const char *name, const char *value);
/* "10s", "500ms", "2m" as ms; false when it is none. */
bool api__duration(const char *text, int64_t *ms);
/* The object that {query} or {producer} names; NULL after 404 with the nearest name. */
struct service_object *api__object(struct http_request *r, enum resource_kind kind);
struct service_query  *api__query(struct http_request *r);
/* The revision that If-Match or If-None-Match ask for; false after a problem. */
bool api__expect(struct http_request *r, int64_t *expect);

/* ---- answering ---- */

void api__begin(struct buf *out, struct json_writer *w);                /* an answer; w writes into out */
void api__answer(struct http_request *r, int status, struct buf *json); /* adds the newline, ends the buffer */
void api__problem(struct http_request *r, int status, const char *code, const char *hint, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* The answer for an error of a room below. */
void api__error(struct http_request *r, const struct error *e);
int  api__status_of(enum err rc, const char **code);
void api__etag(struct http_request *r, int64_t revision);
/* {"items": [ is written; close writes ], "next", "has_more"}. */
void api__list_begin(struct json_writer *w);
void api__list_end(struct json_writer *w, const char *next);

void api__member_time(struct json_writer *w, const char *name, int64_t ms);             /* 0: null */
void api__member_maybe(struct json_writer *w, const char *name, bool there, int64_t v); /* not there: null */
void api__member_number(struct json_writer *w, const char *name, double v); /* NaN: null; at most three decimals */
void api__put_number(struct json_writer *w, double v);
/* A folder of this machine, absolute: it is copied into programs that run elsewhere. */
void api__member_path(struct json_writer *w, const char *name, const char *path);
/* Any bytes as a JSON string: what is not UTF-8 is replaced. */
void api__put_text(struct json_writer *w, const char *text, size_t n);

/* ---- objects, each written by its resource ---- */

void api__write_info(const struct api *a, enum http_role role, struct json_writer *w);
void api__write_query(const struct service_query *q, struct json_writer *w);
void api__write_status(struct service_query *q, struct json_writer *w);
void api__write_producer(const struct service_producer *p, struct json_writer *w);
void api__write_event(const struct event *ev, struct json_writer *w);
void api__write_commit(const struct meter_commit *c, struct json_writer *w);
/* Points (from, to] of the wanted series ("a,b", NULL: all). */
void api__write_series(const struct meter *m, int64_t from, int64_t to, const char *wanted, struct json_writer *w);
void api__write_errors(struct service_query *q, int64_t from, const char *reason, struct json_writer *w);
void api__write_columns(const struct type *schema, struct json_writer *w);
void api__write_partitions(const struct service_query *q, int source, struct json_writer *w); /* {"items": [..]} */
/* The query and the source of "<query>.<n>"; NULL when there is none. */
struct service_query *api__source(const struct api *a, const char *id, int *source);
void                  api__write_diags(const struct script *script, struct json_writer *w);

/* ---- jobs on other threads that answer a request ---- */

struct task {
    struct job           job; /* first */
    struct api          *api;
    struct http_request *r;
    struct arena         arena;
    struct buf           out;
    enum err             rc;
    struct error         error;
    void (*run)(struct task *);
    void *arg; /* the maker's, freed by answer */
    void (*answer)(struct task *);
};
/* Runs on a thread that may block; then answer (NULL: 200 with out, or the error) on the loop. The arena is the
 * task's. */
void api__task(struct http_request *r, void (*run)(struct task *), void (*answer)(struct task *), void *arg);

/* live.c */
struct live *live_new(struct api *a);
void         live_free(struct live *l);
void         live_tick(struct live *l);
int          live_n(const struct live *l);

#endif
