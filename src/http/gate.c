/* SPDX-License-Identifier: MIT */
/* What of a request's head decides whether it goes on: the guards, applied in the order of their danger. */
#include "http/http_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"

#define FAILURES_MAX 5 /* wrong tokens in ... */
#define FAILURES_US ((int64_t)60 * 1000000)
#define BEARER_PROTOCOL "millrace.bearer."

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value,
                                size_t value_n)
{
    (void)kind;
    struct guard_head *head = cls;
    guard_gap(head, name, value, value_n);
    guard_field(head, name, name_n, value ? value : "", value_n);
    return MHD_YES;
}

static bool refuse(struct http_request *r, int status, const char *code, const char *detail, const char *hint)
{
    r->server->counts.refused++;
    request__refuse(r, status, code, detail, hint);
    return false;
}

/* ---- who is there ---- */

static void know_peer(struct http_request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char                            text[INET6_ADDRSTRLEN] = "?";
    if (info && info->client_addr) {
        const struct sockaddr *a = info->client_addr;
        const void            *ip = a->sa_family == AF_INET
                                        ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
                                        : (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
        inet_ntop(a->sa_family, ip, text, sizeof text);
    }
    r->peer = arena_strdup(&r->arena, text);
    if (!r->peer)
        r->peer = "?";
}

static struct failures *failures_of(struct http_server *s, const char *peer)
{
    struct failures *oldest = &s->failures[0];
    for (int i = 0; i < FAILURES_KEPT; i++) {
        if (strcmp(s->failures[i].peer, peer) == 0)
            return &s->failures[i];
        if (s->failures[i].first_us < oldest->first_us)
            oldest = &s->failures[i];
    }
    *oldest = (struct failures){.n = 0};
    snprintf(oldest->peer, sizeof oldest->peer, "%s", peer);
    return oldest;
}

static bool locked_out(struct failures *f)
{
    if (clock_mono_us() - f->first_us > FAILURES_US)
        f->n = 0;
    return f->n >= FAILURES_MAX;
}

enum gate_token gate__try_token(struct http_request *r, const char *token, struct auth_who *who)
{
    struct http_server *s = r->server;
    struct failures    *f = failures_of(s, r->peer);
    if (locked_out(f))
        return GATE_LOCKED;
    if (auth_token(s->auth, token, clock_wall_us(), who)) {
        f->n = 0;
        return GATE_GOOD;
    }
    if (f->n++ == 0)
        f->first_us = clock_mono_us();
    s->counts.auth_failures++;
    return GATE_WRONG;
}

/* The token of "Authorization: Bearer", or of a WebSocket's subprotocols: a browser cannot send the former there. */
static const char *bearer_token(struct http_request *r)
{
    const char *field = http_header(r, "Authorization"), *at;
    if (field && strncasecmp(field, "Bearer ", 7) == 0)
        return field + 7;
    field = http_header(r, "Sec-WebSocket-Protocol");
    at = field ? strstr(field, BEARER_PROTOCOL) : NULL;
    if (!at)
        return NULL;
    at += strlen(BEARER_PROTOCOL);
    return arena_strndup(&r->arena, at, strcspn(at, ", \t"));
}

static const char *session_cookie(struct http_request *r)
{
    const char *field = http_header(r, "Cookie");
    for (size_t n; field && *field; field += n + strspn(field + n, "; ")) {
        n = strcspn(field, ";");
        if (strncmp(field, SESSION_COOKIE "=", strlen(SESSION_COOKIE) + 1) == 0)
            return arena_strndup(&r->arena, field + strlen(SESSION_COOKIE) + 1, n - strlen(SESSION_COOKIE) - 1);
    }
    return NULL;
}

static bool authenticate(struct http_request *r)
{
    struct http_server *s = r->server;
    const char         *token, *cookie;
    enum gate_token     verdict = GATE_WRONG;
    if (!s->auth) {
        r->who.role = HTTP_ADMIN;
        snprintf(r->who.name, sizeof r->who.name, "local");
        return true;
    }
    enum http_role need = r->route ? r->route->role : HTTP_ANYONE;
    if ((token = bearer_token(r)))
        verdict = gate__try_token(r, token, &r->who);
    else if ((cookie = session_cookie(r)))
        auth_session(s->auth, cookie, clock_wall_us(), &r->who);
    if (need == HTTP_ANYONE || r->who.role >= need)
        return true;
    if (verdict == GATE_LOCKED) {
        http_reply_header(r, "Retry-After", "60");
        return refuse(r, 429, "rate_limited", "too many wrong tokens from this address", "wait a minute");
    }
    if (r->who.role > HTTP_ANYONE)
        return refuse(r, 403, "forbidden", "a viewer may not do this", "use a token with the role admin");
    http_reply_header(r, "WWW-Authenticate", "Bearer realm=\"millrace\"");
    return refuse(r, 401, "auth_failed", token ? "the token is not known, or has expired" : "a token is needed",
                  "send it as Authorization: Bearer <token>");
}

/* ---- where to ---- */

static bool fits(const char *wanted, const char *method)
{
    return strcmp(wanted, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

static void find_route(struct http_request *r, bool *path_known)
{
    const struct http_config *c = &r->server->config;
    for (int i = 0; i < c->n_routes && !r->route; i++) {
        const char *params[TARGET_SEGMENTS_MAX];
        if (!guard_match(c->routes[i].pattern, &r->target, params))
            continue;
        *path_known = true;
        if (fits(c->routes[i].method, r->method)) {
            r->route = &c->routes[i];
            memcpy(r->params, params, sizeof params);
        }
    }
}

static void find_asset(struct http_request *r, bool *path_known)
{
    const struct http_config *c = &r->server->config;
    const char               *name = strcmp(r->target.path, "/") == 0 ? "index.html" : r->target.path + 1;
    size_t                    n = strlen(name);
    if (n > 3 && strcmp(name + n - 3, ".gz") == 0)
        return;
    for (int i = 0; i < c->n_assets; i++)
        if (strcmp(c->assets[i].name, name) == 0) {
            *path_known = true;
            if (fits("GET", r->method))
                r->asset = &c->assets[i];
        }
}

static bool refuse_path(struct http_request *r, bool path_known)
{
    const struct http_config *c = &r->server->config;
    const char               *params[TARGET_SEGMENTS_MAX];
    char                      allow[100] = "";
    if (!path_known)
        return refuse(r, 404, "not_found", "nothing is served at this path", "GET /openapi.json lists what is");
    for (int i = 0; i < c->n_routes; i++)
        if (guard_match(c->routes[i].pattern, &r->target, params) && !strstr(allow, c->routes[i].method))
            snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s%s", *allow ? ", " : "",
                     c->routes[i].method, strcmp(c->routes[i].method, "GET") == 0 ? ", HEAD" : "");
    http_reply_header(r, "Allow", *allow ? allow : "GET, HEAD");
    return refuse(r, 405, "method_not_allowed", "this path does not take the method", NULL);
}

/* ---- all of it ---- */

static void take_request_id(struct http_request *r)
{
    const char *id = http_header(r, "X-Request-Id");
    if (id && strlen(id) < sizeof r->id && http_token_text(id, strlen(id)))
        snprintf(r->id, sizeof r->id, "%s", id);
}

static bool check_form(struct http_request *r, const struct guard_head *head, const char *version)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const char *wrong = guard_framing(head, version);
    r->close_after = true;
    if (size && size->header_size > r->server->limits.head_bytes)
        return refuse(r, 431, "head_too_large", "the header fields are larger than the server takes", NULL);
    if (strlen(r->raw_target) > TARGET_BYTES_MAX)
        return refuse(r, 414, "uri_too_long", "the path and query are longer than the server takes", NULL);
    if (!wrong)
        wrong = guard_target(r->raw_target, &r->arena, &r->target);
    if (wrong)
        return refuse(r, 400, "malformed_request", wrong, NULL);
    r->close_after = false;
    return true;
}

static bool check_house(struct http_request *r)
{
    struct http_server *s = r->server;
    if (r->route && r->route->probe)
        return true;
    if (s->stopping)
        return refuse(r, 503, "shutting_down", "the service is stopping", NULL);
    if (s->counts.connections > s->limits.connections) {
        r->close_after = true;
        http_reply_header(r, "Retry-After", "1");
        return refuse(r, 503, "overloaded", "too many connections", NULL);
    }
    return true;
}

static bool check_origin(struct http_request *r, const struct guard_head *head)
{
    struct http_server *s = r->server;
    bool                probe = r->route && r->route->probe;
    bool                navigable = !r->route || (r->route->role == HTTP_ANYONE && fits("GET", r->method));
    if (!probe && !guard_host(head->host, s->hosts, s->config.n_hosts))
        return refuse(r, 421, "host_not_allowed", "this server is not known by that name",
                      "add the name to the allowed hosts of the configuration");
    if (!guard_origin(head, navigable, s->origins, s->config.n_origins))
        return refuse(r, 403, "origin_rejected", "the request comes from a page of another origin", NULL);
    return true;
}

static bool check_body(struct http_request *r, const struct guard_head *head)
{
    r->body_limit = r->route ? r->route->body_limit : 0;
    if (head->content_length <= (int64_t)r->body_limit && !(head->n_transfer && r->body_limit == 0))
        return true;
    r->close_after = true;
    return refuse(r, 413, "payload_too_large",
                  r->body_limit ? "the body is larger than this route takes" : "this route takes no body", NULL);
}

static bool judge(struct http_request *r, struct guard_head *head, const char *version)
{
    bool path_known = false;
    know_peer(r);
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, on_field, head);
    if (version != r->version_at) /* a NUL cut the target short */
        head->wrong = "a NUL in the request line";
    if (!check_form(r, head, version))
        return false;
    take_request_id(r);
    find_route(r, &path_known);
    if (!r->route)
        find_asset(r, &path_known);
    if (!check_house(r) || !check_origin(r, head))
        return false;
    if (!r->route && !r->asset)
        return refuse_path(r, path_known);
    return authenticate(r) && check_body(r, head);
}

bool gate__judge(struct http_request *r, const char *version)
{
    struct guard_head head;
    guard_head_init(&head);
    bool good = judge(r, &head, version);
    if (!good && (head.content_length > 0 || head.n_transfer > 0))
        r->close_after = true; /* its body is not waited for */
    return good;
}
