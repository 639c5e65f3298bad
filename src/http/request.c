/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "http/http_priv.h"

#define BLOCK_BYTES ((size_t)32 << 10) /* of a body, handed to libmicrohttpd at a time */

static const char *const every_reply[][2] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                "font-src 'self'; connect-src 'self'; "
                                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

/* ---- reading ---- */

void                    *http_user(const struct http_request *r) { return r->server->config.user; }
const char              *http_method(const struct http_request *r) { return r->method; }
const char              *http_path(const struct http_request *r) { return r->target.path; }
const struct http_route *http_route(const struct http_request *r) { return r->route; }
enum http_role           http_role(const struct http_request *r) { return r->who.role; }
const char              *http_actor(const struct http_request *r) { return r->who.name; }
const char              *http_peer(const struct http_request *r) { return r->peer; }
const char              *http_request_id(const struct http_request *r) { return r->id; }
bool                     http_gone(const struct http_request *r) { return r->is_gone; }

const char *http_param(const struct http_request *r, const char *name)
{
    size_t n = strlen(name);
    int    at = 0;
    for (const char *p = strchr(r->route->pattern, '{'); p; p = strchr(p + 1, '{'), at++)
        if (strncmp(p + 1, name, n) == 0 && p[n + 1] == '}')
            return r->params[at];
    CHECK(!"http_param: a name that the pattern has not");
}

const char *http_query(const struct http_request *r, const char *name)
{
    for (int i = 0; i < r->target.n_query; i++)
        if (strcmp(r->target.query[i].name, name) == 0)
            return r->target.query[i].value;
    return NULL;
}

bool http_query_at(const struct http_request *r, int i, const char **name, const char **value)
{
    if (i >= r->target.n_query)
        return false;
    *name = r->target.query[i].name;
    *value = r->target.query[i].value;
    return true;
}

const char *http_header(const struct http_request *r, const char *name)
{
    return r->connection ? MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name) : NULL;
}

const char *http_body(const struct http_request *r, size_t *n)
{
    *n = r->body.size;
    return r->body.size ? (const char *)r->body.data : "";
}

/* ---- the answer's head ---- */

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
    char *kept = arena_strdup(&r->arena, value), *its_name = arena_strdup(&r->arena, name);
    CHECK(r->n_fields < REPLY_FIELDS_MAX);
    if (kept && its_name)
        r->fields[r->n_fields++] = (struct reply_field){its_name, kept};
}

static const char *field_of(const struct http_request *r, const char *name)
{
    for (int i = 0; i < r->n_fields; i++)
        if (strcasecmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return NULL;
}

/* If-None-Match: "*" or a list of tags, weak ones too (RFC 9110 13.1.2). */
static bool etag_matches(const struct http_request *r, const char *etag)
{
    const char *list = http_header(r, "If-None-Match");
    size_t      n = strlen(etag);
    if (list && strcmp(list, "*") == 0)
        return true;
    while (list && *list) {
        list += strspn(list, ", \t");
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, etag, n) == 0 && (list[n] == 0 || strchr(", \t", list[n])))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

/* ---- the answer's body, pulled by libmicrohttpd ---- */

static void want_room_call(struct http_request *r)
{
    if (!r->owned || !r->refused || !r->room || r->in_rooms || r->out.size - r->sent >= HTTP_STREAM_QUEUE / 2)
        return;
    r->in_rooms = true;
    r->next_room = r->server->rooms;
    r->server->rooms = r;
}

void request__rooms(struct http_server *s)
{
    for (struct http_request *r; (r = s->rooms);) {
        s->rooms = r->next_room;
        r->in_rooms = r->refused = false;
        r->room(r, r->room_arg);
    }
}

static ssize_t pull(void *cls, uint64_t position, char *to, size_t room)
{
    struct http_request *r = cls;
    size_t               n = r->out.size - r->sent;
    (void)position;
    if (r->aborted || r->out.failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0 && r->streaming && !r->ended) {
        MHD_suspend_connection(r->connection);
        r->suspended = true;
        return 0;
    }
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    n = n < room ? n : room;
    memcpy(to, r->out.data + r->sent, n);
    r->sent += n;
    r->conn->since_us = clock_mono_us();
    if (r->streaming && r->sent == r->out.size)
        r->sent = r->out.size = 0;
    want_room_call(r);
    return (ssize_t)n;
}

static struct MHD_Response *body_response(struct http_request *r)
{
    static char none[1];
    if (r->session)
        return MHD_create_response_for_upgrade(ws__upgraded, r->session);
    if (r->streaming)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, pull, r, NULL);
    if (r->out.size > BLOCK_BYTES)
        return MHD_create_response_from_callback(r->out.size, BLOCK_BYTES, pull, r, NULL);
    if (r->asset_bytes) { /* the library's type is not const, and it writes nothing there */
        union {
            const void *borrowed;
            void       *given;
        } bytes = {.borrowed = r->asset_bytes};
        return MHD_create_response_from_buffer(r->asset_size, bytes.given, MHD_RESPMEM_PERSISTENT);
    }
    return MHD_create_response_from_buffer(r->out.size, r->out.size ? (void *)r->out.data : none,
                                           MHD_RESPMEM_PERSISTENT);
}

static bool add_fields(struct http_request *r)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof every_reply / sizeof every_reply[0]; i++)
        ok = ok && MHD_add_response_header(r->response, every_reply[i][0], every_reply[i][1]) == MHD_YES;
    if (!field_of(r, "Cache-Control"))
        ok = ok && MHD_add_response_header(r->response, "Cache-Control", "no-store") == MHD_YES;
    ok = ok && MHD_add_response_header(r->response, "X-Request-Id", r->id) == MHD_YES;
    for (int i = 0; ok && i < r->n_fields; i++) /* what the library refuses (line ends) is left out */
        MHD_add_response_header(r->response, r->fields[i].name, r->fields[i].value);
    if (r->close_after || r->server->stopping)
        ok = ok && MHD_add_response_header(r->response, "Connection", "close") == MHD_YES;
    return ok;
}

bool request__make_response(struct http_request *r)
{
    const char *etag = field_of(r, "ETag");
    bool        reads = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    if (r->status == 200 && reads && etag && etag_matches(r, etag) && !r->streaming) {
        r->status = 304;
        r->asset_bytes = NULL;
        buf_fini(&r->out);
    }
    r->response = body_response(r);
    if (r->response && add_fields(r))
        return true;
    if (r->response)
        MHD_destroy_response(r->response);
    return false;
}

/* ---- answering ---- */

void request__let_go(struct http_request *r)
{
    struct http_request **at = &r->server->rooms;
    if (r->owned || r->connection)
        return;
    while (r->in_rooms && *at != r)
        at = &(*at)->next_room;
    if (r->in_rooms)
        *at = r->next_room;
    buf_fini(&r->body);
    buf_fini(&r->out);
    arena_fini(&r->arena);
    mem_free(r);
}

/* The owner has said its last word. */
void request__release_owner(struct http_request *r)
{
    CHECK(r->owned); /* answered twice */
    r->owned = false;
    r->gone = NULL;
    r->server->n_owned--;
    daemon__release(r);
    request__let_go(r);
}

static bool answerable(const struct http_request *r)
{
    CHECK(r->owned);
    return r->connection && r->answer == ANSWER_NONE;
}

void request__set_gone(struct http_request *r)
{
    if (r->is_gone)
        return;
    r->is_gone = true;
    if (r->owned && r->gone)
        r->gone(r, r->gone_arg);
}

void http_on_gone(struct http_request *r, void (*gone)(struct http_request *r, void *arg), void *arg)
{
    r->gone = gone;
    r->gone_arg = arg;
}

static void set_body(struct http_request *r, int status, const char *type, struct buf *body)
{
    r->status = status;
    r->answer = ANSWER_READY;
    if (body) {
        struct buf empty = r->out;
        r->out = *body;
        *body = empty;
    }
    if (type)
        http_reply_header(r, "Content-Type", type);
}

void request__refuse(struct http_request *r, int status, const char *code, const char *detail, const char *hint)
{
    struct buf          body;
    struct http_problem p = {.status = status,
                             .code = code,
                             .detail = detail,
                             .hint = hint,
                             .request_id = r->id,
                             .retryable = status == 429 || status == 503};
    buf_init(&body, TAG_WEB, REQUEST_BYTES_MAX);
    http_problem_write(&p, &body);
    set_body(r, status, HTTP_PROBLEM_TYPE, &body);
    buf_fini(&body);
}

void http_reply(struct http_request *r, int status, const char *content_type, struct buf *body)
{
    if (answerable(r)) {
        if (body && body->failed)
            request__refuse(r, 500, "internal", "the answer does not fit into memory", NULL);
        else
            set_body(r, status, content_type, body);
    }
    if (body)
        buf_fini(body);
    request__release_owner(r);
}

void http_reply_text(struct http_request *r, int status, const char *text)
{
    struct buf body;
    buf_init(&body, TAG_WEB, SIZE_MAX);
    buf_puts(&body, text);
    http_reply(r, status, "text/plain; charset=utf-8", &body);
}

void http_reply_problem(struct http_request *r, const struct http_problem *p)
{
    struct buf          body;
    struct http_problem with_id = *p;
    with_id.request_id = r->id;
    buf_init(&body, TAG_WEB, SIZE_MAX);
    http_problem_write(&with_id, &body);
    http_reply(r, p->status, HTTP_PROBLEM_TYPE, &body);
}

/* ---- streams ---- */

void http_stream_begin(struct http_request *r, int status, const char *content_type,
                       void (*room)(struct http_request *r, void *arg), void *arg)
{
    if (!answerable(r))
        return;
    set_body(r, status, content_type, NULL);
    r->streaming = true;
    r->room = room;
    r->room_arg = arg;
    daemon__release(r);
}

size_t http_stream_waiting(const struct http_request *r) { return r->out.size - r->sent; }

bool http_stream_write(struct http_request *r, const void *bytes, size_t n)
{
    size_t waiting = r->out.size - r->sent;
    if (!r->connection || r->is_gone || r->aborted || r->out.failed)
        return false;
    if (waiting > 0 && waiting + n > HTTP_STREAM_QUEUE) {
        r->refused = true;
        want_room_call(r);
        return false;
    }
    if (r->sent > 0 && r->out.size + n > r->out.capacity) {
        memmove(r->out.data, r->out.data + r->sent, waiting);
        r->out.size = waiting;
        r->sent = 0;
    }
    buf_put(&r->out, bytes, n);
    daemon__release(r);
    return !r->out.failed;
}

void http_stream_end(struct http_request *r)
{
    r->ended = true;
    request__release_owner(r);
}

void http_stream_abort(struct http_request *r)
{
    r->aborted = true;
    request__release_owner(r);
}

/* ---- assets ---- */

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".json", "application/json"},
        {".ico", "image/x-icon"},
        {".png", "image/png"},
        {".woff2", "font/woff2"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* gzip;q=0 is a no; other weights do not matter with one choice. */
static bool takes_gzip(const struct http_request *r)
{
    const char *list = http_header(r, "Accept-Encoding"), *at = list ? strstr(list, "gzip") : NULL;
    return at && strncmp(at + 4, ";q=0", 4) != 0;
}

static const struct http_asset *packed_form(const struct http_request *r)
{
    const struct http_config *c = &r->server->config;
    size_t                    n = strlen(r->asset->name);
    for (int i = 0; i < c->n_assets; i++)
        if (strncmp(c->assets[i].name, r->asset->name, n) == 0 && strcmp(c->assets[i].name + n, ".gz") == 0)
            return &c->assets[i];
    return NULL;
}

void request__serve_asset(struct http_request *r)
{
    const struct http_asset *packed = packed_form(r), *asset = packed && takes_gzip(r) ? packed : r->asset;
    r->status = 200;
    r->answer = ANSWER_READY;
    r->asset_bytes = asset->bytes;
    r->asset_size = asset->size;
    http_reply_header(r, "Content-Type", type_of(r->asset->name));
    http_reply_header(r, "ETag", r->server->etags[asset - r->server->config.assets]);
    http_reply_header(r, "Cache-Control", "no-cache"); /* kept, but asked about each time */
    if (packed)
        http_reply_header(r, "Vary", "Accept-Encoding");
    if (asset != r->asset)
        http_reply_header(r, "Content-Encoding", "gzip");
}

/* ---- the browser's session ---- */

bool http_session_begin(struct http_request *r, const char *token, enum http_role *role)
{
    struct http_server *s = r->server;
    char                cookie[AUTH_TOKEN_CHARS + 1], field[200];
    int64_t             lives_us = (int64_t)s->limits.session_ms * 1000;
    struct auth_who     who;
    if (!s->auth) {
        *role = HTTP_ADMIN;
        return true;
    }
    if (gate__try_token(r, token, &who) != GATE_GOOD ||
        !auth_session_begin(s->auth, token, clock_wall_us(), lives_us, cookie, &who))
        return false;
    snprintf(field, sizeof field, SESSION_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict", cookie,
             s->limits.session_ms / 1000);
    http_reply_header(r, "Set-Cookie", field);
    *role = who.role;
    return true;
}

void http_session_end(struct http_request *r)
{
    http_reply_header(r, "Set-Cookie", SESSION_COOKIE "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    if (!r->server->auth)
        return;
    auth_session_end(r->server->auth, &r->who);
    ws__check_standing(r->server);
}
