/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_priv.h"
#include "text/digest.h"

#define BACKLOG 512
#define STANDING_TICKS 20 /* between two looks whether tokens of open websockets still stand */

/* ---- configuration ---- */

static void set_limits(struct http_limits *l)
{
    const struct http_limits d = {
        .connections = 256,
        .connections_per_ip = 128,
        .head_bytes = 16 << 10,
        .head_ms = 10000,
        .body_ms = 30000,
        .idle_ms = 60000,
        .stall_ms = 30000,
        .websockets = 1024,
        .websocket_message = 64 << 10,
        .websocket_per_s = 20,
        .websocket_frames = 256,
        .websocket_bytes = 1 << 20,
        .websocket_slow_ms = 30000,
        .websocket_ping_ms = 15000,
        .session_ms = 12 * 3600 * 1000,
    };
#define LIMIT(name) l->name = l->name ? l->name : d.name
    LIMIT(connections);
    LIMIT(connections_per_ip);
    LIMIT(head_bytes);
    LIMIT(head_ms);
    LIMIT(body_ms);
    LIMIT(idle_ms);
    LIMIT(stall_ms);
    LIMIT(websockets);
    LIMIT(websocket_message);
    LIMIT(websocket_per_s);
    LIMIT(websocket_frames);
    LIMIT(websocket_bytes);
    LIMIT(websocket_slow_ms);
    LIMIT(websocket_ping_ms);
    LIMIT(session_ms);
#undef LIMIT
}

static const char **copy_names(struct arena *a, const char *const *names, int n)
{
    const char **copy = arena_alloc(a, ((size_t)n + 1) * sizeof *copy);
    for (int i = 0; copy && i < n; i++)
        if (!(copy[i] = arena_strdup(a, names[i])))
            return NULL;
    return copy;
}

static char *etag_of(struct arena *a, const struct http_asset *asset)
{
    uint8_t    hash[DIGEST_BYTES_MAX];
    struct buf text;
    buf_init(&text, TAG_WEB, 64);
    digest_of(DIGEST_SHA256, asset->bytes, asset->size, hash);
    buf_u8(&text, '"');
    hex_encode(hash, 8, false, &text);
    buf_u8(&text, '"');
    char *tag = arena_strdup(a, buf_text(&text));
    buf_fini(&text);
    return tag;
}

static enum err check_route(const struct http_route *r, struct error *e)
{
    int n = 0;
    for (const char *p = r->pattern; *p; p++)
        n += *p == '/';
    if (r->pattern[0] != '/' || n > TARGET_SEGMENTS_MAX || !http_token_text(r->method, strlen(r->method)) || !r->handle)
        return err_set(e, ERR_INVALID, "route %s %s", r->method, r->pattern);
    return OK;
}

static enum err take_config(struct http_server *s, const struct http_config *c, struct error *e)
{
    uint8_t random[4];
    s->config = *c;
    s->limits = c->limits;
    set_limits(&s->limits);
    for (int i = 0; i < c->n_routes; i++)
        TRY(check_route(&c->routes[i], e));
    s->hosts = copy_names(&s->arena, c->hosts, c->n_hosts);
    s->origins = copy_names(&s->arena, c->origins, c->n_origins);
    s->etags = arena_alloc(&s->arena, ((size_t)c->n_assets + 1) * sizeof *s->etags);
    bool ok = s->hosts && s->origins && s->etags;
    for (int i = 0; ok && i < c->n_assets; i++)
        ok = (s->etags[i] = etag_of(&s->arena, &c->assets[i])) != NULL;
    if (!ok)
        return err_set(e, ERR_NO_MEMORY, "HTTP server");
    CHECK(getrandom(random, sizeof random, 0) == sizeof random);
    snprintf(s->id_prefix, sizeof s->id_prefix, "%02x%02x%02x%02x", random[0], random[1], random[2], random[3]);
    return OK;
}

/* ---- listening ---- */

static enum err resolve(const char *listen, struct sockaddr_storage *out, socklen_t *size, char ip[256],
                        struct error *e)
{
    struct sockaddr_in  *four = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
    int                  port;
    memset(out, 0, sizeof *out);
    if (!guard_listen(listen, ip, &port))
        return err_set(e, ERR_INVALID, "listen \"%s\": it must be ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080",
                       listen);
    if (strcmp(ip, "localhost") == 0)
        strcpy(ip, "127.0.0.1");
    if (inet_pton(AF_INET, ip, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *size = sizeof *four;
    } else if (inet_pton(AF_INET6, ip, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        *size = sizeof *six;
    } else {
        return err_set(e, ERR_INVALID, "listen \"%s\": the address must be an IP address or localhost", listen);
    }
    return OK;
}

static enum err open_listener(struct http_server *s, struct error *e)
{
    struct sockaddr_storage address;
    socklen_t               size;
    int                     on = 1;
    char                    ip[256];
    TRY(resolve(s->config.listen, &address, &size, ip, e));
    if (!s->auth && !s->config.insecure && !guard_loopback(ip))
        return err_set(e, ERR_PERMISSION,
                       "listen %s: off loopback everybody could give orders; give a token file, or say that it is "
                       "meant to be insecure",
                       s->config.listen);
    s->listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0)
        return err_errno(e, errno, "listen %s", s->config.listen);
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listen_fd, (struct sockaddr *)&address, size) != 0 || listen(s->listen_fd, BACKLOG) != 0)
        return errno == EADDRINUSE ? err_set(e, ERR_BUSY, "listen %s: the port is taken", s->config.listen)
                                   : err_errno(e, errno, "listen %s", s->config.listen);
    size = sizeof address;
    getsockname(s->listen_fd, (struct sockaddr *)&address, &size);
    int port = ntohs(((struct sockaddr_in *)(void *)&address)->sin_port); /* at the same place in both families */
    snprintf(s->address, sizeof s->address, strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, port);
    return OK;
}

/* One descriptor per client: what the system allows us, not what it starts us with. */
static void raise_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

enum err http_start(uv_loop_t *loop, const struct http_config *c, struct http_server **out, struct error *e)
{
    struct http_server *s = mem_zalloc(TAG_WEB, sizeof *s);
    enum err            rc;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "HTTP server");
    s->loop = loop;
    s->listen_fd = -1;
    arena_init(&s->arena, TAG_WEB, 1 << 20);
    if ((rc = take_config(s, c, e)) != OK)
        goto out;
    if (c->tokens && (rc = auth_new(c->tokens, &s->auth, e)) != OK) {
        err_wrap(e, rc, "token file");
        goto out;
    }
    if ((rc = open_listener(s, e)) != OK)
        goto out;
    raise_descriptors();
    if (!(s->ping = ws__ping_frame())) {
        rc = err_set(e, ERR_NO_MEMORY, "HTTP server");
        goto out;
    }
    if ((rc = daemon__start(s, e)) != OK)
        goto out;
    *out = s;
    return OK;
out:
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    server__free(s);
    return rc;
}

const char *http_address(const struct http_server *s) { return s->address; }
bool        http_is_open(const struct http_server *s) { return !s->auth; }
void        http_counts(const struct http_server *s, struct http_counts *out) { *out = s->counts; }

enum err http_tokens_replace(struct http_server *s, const char *tokens, struct error *e)
{
    struct auth *fresh;
    if (!s->auth)
        return err_set(e, ERR_INVALID, "the server was started without tokens");
    enum err rc = auth_new(tokens, &fresh, e);
    if (rc != OK)
        return err_wrap(e, rc, "token file");
    auth_sessions_move(fresh, s->auth);
    auth_free(s->auth);
    s->auth = fresh;
    ws__check_standing(s);
    return OK;
}

/* ---- the tick: deadlines while somebody is there, and the steps of a stop ---- */

static void on_tick(uv_timer_t *timer)
{
    struct http_server *s = timer->data;
    daemon__sweep(s);
    ws__sweep(s, clock_mono_us());
    if (s->auth && ++s->n_ticks % STANDING_TICKS == 0)
        ws__check_standing(s);
    if (!s->conns && !s->counts.websockets && !s->stopping)
        uv_timer_stop(timer);
}

void server__need_tick(struct http_server *s)
{
    if (!uv_is_active((uv_handle_t *)&s->tick) && !uv_is_closing((uv_handle_t *)&s->tick))
        uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
}

void server__free(struct http_server *s)
{
    auth_free(s->auth);
    ws_frame_unref(s->ping);
    arena_fini(&s->arena);
    mem_free(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;
    if (--s->n_handles > 0)
        return;
    void (*closed)(void *) = s->closed;
    void *user = s->closed_user;
    server__free(s);
    closed(user);
}

static void end_daemon(struct http_server *s)
{
    for (struct conn *c = s->conns; c; c = c->next) {
        struct http_request *r = c->request;
        if (r && r->suspended) { /* the library must not be stopped with a suspended connection */
            request__set_gone(r);
            r->aborted = true;
            if (r->answer == ANSWER_NONE)
                request__refuse(r, 503, "shutting_down", "the service is stopping", NULL);
            daemon__release(r);
        }
    }
    MHD_run(s->daemon);
    uv_poll_stop(&s->poll);
    MHD_stop_daemon(s->daemon);
    s->daemon_stopped = true;
    ws__drop_all(s);
}

/* One step nearer to the end, if it is time for one. */
void server__stop_step(struct http_server *s)
{
    bool idle = !s->conns && !s->counts.websockets;
    if (!s->daemon_stopped && (idle || clock_mono_us() >= s->stop_by_us))
        end_daemon(s);
    if (!s->daemon_stopped || s->n_owned > 0 || s->counts.websockets > 0 || s->n_handles > 0)
        return;
    uv_handle_t *const handles[] = {(uv_handle_t *)&s->poll, (uv_handle_t *)&s->wake, (uv_handle_t *)&s->tick,
                                    (uv_handle_t *)&s->prepare, (uv_handle_t *)&s->idle};
    s->n_handles = (int)(sizeof handles / sizeof handles[0]);
    for (int i = 0; i < s->n_handles; i++)
        uv_close(handles[i], on_closed);
}

void http_stop(struct http_server *s, int grace_ms, void (*closed)(void *user), void *user)
{
    CHECK(!s->stopping);
    s->stopping = true;
    s->stop_by_us = clock_mono_us() + (int64_t)grace_ms * 1000;
    s->closed = closed;
    s->closed_user = user;
    MHD_socket fd = MHD_quiesce_daemon(s->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
    ws__bye(s);
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->state == CONN_IDLE)
            daemon__doom(c);
    uv_timer_start(&s->tick, on_tick, STOP_TICK_MS, STOP_TICK_MS);
    daemon__want_run(s);
}
