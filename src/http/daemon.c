/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd on the loop. It has one epoll descriptor, which the loop polls; it is run in one place, the prepare
 * handle, because two things are easy to forget elsewhere: it must be run after every resumed and every upgraded
 * connection, and it must be asked anew after every run when it wants to be run next.
 */
#include "http/http_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define RUNS_AT_ONCE 32 /* then the rest of the loop gets its turn */

/* ---- connections ---- */

static void conn_set(struct conn *c, enum conn_state state)
{
    c->state = state;
    c->since_us = clock_mono_us();
}

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void daemon__doom(struct conn *c)
{
    if (c->doomed)
        return;
    c->doomed = true;
    shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd reads the end and cleans up */
}

/* ---- requests ---- */

static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct http_server  *s = cls;
    struct conn         *c = conn_of(connection);
    struct http_request *r = c ? mem_zalloc(TAG_WEB, sizeof *r) : NULL;
    if (!r)
        return NULL;
    arena_init(&r->arena, TAG_WEB, REQUEST_BYTES_MAX);
    r->server = s;
    r->connection = connection;
    r->conn = c;
    r->started_us = clock_mono_us();
    r->raw_target = arena_strdup(&r->arena, target);
    r->version_at = target + strlen(target) + 1;
    buf_init(&r->body, TAG_WEB, SIZE_MAX);
    buf_init(&r->out, TAG_WEB, SIZE_MAX);
    c->request = r;
    if (c->fresh)
        c->state = CONN_HEAD; /* its time runs since it connected */
    else
        conn_set(c, CONN_HEAD);
    c->fresh = false;
    s->counts.requests++;
    snprintf(r->id, sizeof r->id, "%s-%llx", s->id_prefix, (unsigned long long)++s->n_requests);
    return r;
}

static enum MHD_Result queue(struct http_request *r)
{
    conn_set(r->conn, CONN_ANSWER);
    if (!request__make_response(r))
        return MHD_NO;
    enum MHD_Result rc = MHD_queue_response(r->connection, (unsigned)r->status, r->response);
    MHD_destroy_response(r->response);
    r->answer = ANSWER_QUEUED;
    return rc;
}

static enum MHD_Result suspend(struct http_request *r)
{
    MHD_suspend_connection(r->connection);
    r->suspended = true;
    return MHD_YES;
}

static void take_body(struct http_request *r, const char *data, size_t n)
{
    if (r->answer != ANSWER_NONE) /* refused already: what still comes goes nowhere, until the deadline */
        return;
    if (r->body.size + n > r->body_limit)
        request__refuse(r, 413, "payload_too_large", "the body is larger than this route takes", NULL);
    else
        buf_put(&r->body, data, n);
}

static enum MHD_Result handle(struct http_request *r)
{
    conn_set(r->conn, CONN_ANSWER);
    if (r->asset) {
        request__serve_asset(r);
        return queue(r);
    }
    buf_text(&r->body); /* terminates it for its reader */
    if (r->body.failed) {
        request__refuse(r, 503, "out_of_memory", "no memory for the body", NULL);
        return queue(r);
    }
    r->owned = r->in_handler = true;
    r->server->n_owned++;
    r->route->handle(r);
    r->in_handler = false;
    return r->answer == ANSWER_READY ? queue(r) : suspend(r);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **context)
{
    struct http_request *r = *context;
    (void)cls;
    (void)url;
    (void)connection;
    if (!r || !r->raw_target)
        return MHD_NO;
    if (!r->seen) {
        r->seen = true;
        conn_set(r->conn, CONN_BODY);
        r->method = arena_strdup(&r->arena, method);
        if (!r->method)
            return MHD_NO;
        return gate__judge(r, version) || !r->close_after ? MHD_YES
                                                          : queue(r); /* an early answer ends the connection */
    }
    if (*n > 0) {
        take_body(r, data, *n);
        *n = 0;
        return MHD_YES;
    }
    if (r->answer == ANSWER_READY)
        return queue(r);
    if (r->owned) /* woken for another reason: still nothing to say */
        return suspend(r);
    return handle(r);
}

static void report(const struct http_request *r)
{
    const struct http_config *config = &r->server->config;
    int64_t                   took_us = clock_mono_us() - r->started_us;
    if (r->status == 0) /* the client left before an answer */
        return;
    if (config->observe)
        config->observe(config->user, r->route, r->status, took_us);
    enum log_level level = r->status >= 500 && !(r->route && r->route->probe) ? LOG_WARN
                           : config->log_requests || r->status >= 400         ? LOG_INFO
                                                                              : LOG_DEBUG;
    log_line(r->route && r->route->probe ? LOG_DEBUG : level, "http", "%s %s %d %.1f ms %s %s %s",
             r->method ? r->method : "?", r->target.path ? r->target.path : "?", r->status, (double)took_us / 1000,
             r->peer ? r->peer : "?", r->who.name[0] ? r->who.name : "-", r->id);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct http_request *r = *context;
    (void)cls;
    (void)connection;
    (void)how;
    if (!r)
        return;
    *context = NULL;
    r->suspended = false;
    report(r);
    if (r->owned)
        request__set_gone(r);
    if (r->session)
        ws__never_opened(r->session);
    r->conn->request = NULL;
    conn_set(r->conn, CONN_IDLE);
    r->connection = NULL;
    r->server->counts.requests--;
    r->conn = NULL;
    request__let_go(r);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = cls;
    struct conn        *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!fd || !(c = mem_zalloc(TAG_WEB, sizeof *c)))
            return; /* without a context every request of it is refused */
        *context = c;
        c->fd = fd->connect_fd;
        c->fresh = true;
        conn_set(c, CONN_IDLE);
        c->next = s->conns;
        if (c->next)
            c->next->prev = c;
        s->conns = c;
        s->counts.connections++;
        server__need_tick(s);
    } else if (c) {
        void *request = c->request;
        if (request)
            on_completed(s, connection, &request, MHD_REQUEST_TERMINATED_WITH_ERROR);
        *(c->prev ? &c->prev->next : &s->conns) = c->next;
        if (c->next)
            c->next->prev = c->prev;
        s->counts.connections--;
        mem_free(c);
    }
}

void daemon__release(struct http_request *r)
{
    if (!r->suspended)
        return;
    r->suspended = false;
    MHD_resume_connection(r->connection);
    daemon__want_run(r->server);
}

/* ---- deadlines ---- */

/* Data that waits hides an end behind it; then the end is seen later. */
static bool has_left(int fd)
{
    char    c;
    ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static bool is_overdue(const struct http_server *s, const struct conn *c, int64_t now_us)
{
    const struct http_limits *l = &s->limits;
    int                       ms = 0;
    switch (c->state) {
    case CONN_IDLE:
        ms = c->fresh ? l->head_ms : l->idle_ms;
        break;
    case CONN_HEAD:
        ms = l->head_ms;
        break;
    case CONN_BODY:
        ms = l->body_ms;
        break;
    case CONN_ANSWER:
        if (c->request && c->request->suspended)
            return false; /* it waits for us */
        ms = l->stall_ms;
        break;
    }
    return now_us - c->since_us > (int64_t)ms * 1000;
}

void daemon__sweep(struct http_server *s)
{
    int64_t now = clock_mono_us();
    for (struct conn *c = s->conns, *next; c; c = next) {
        struct http_request *r = c->request;
        next = c->next;
        if (r && r->suspended && has_left(c->fd)) {
            request__set_gone(r);
            if (r->streaming || r->answer == ANSWER_READY) {
                r->aborted = true;
                daemon__release(r);
            }
        } else if (is_overdue(s, c, now)) {
            log_debug("http", "connection of state %d is overdue", (int)c->state);
            daemon__doom(c);
        }
    }
}

/* ---- the loop ---- */

static void on_log(void *cls, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *format, va_list args)
{
    char text[300];
    (void)cls;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = 0;
    log_debug("http", "%s", text);
}

static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static void on_idle(uv_idle_t *idle) { (void)idle; }

void daemon__want_run(struct http_server *s)
{
    s->run_wanted = true;
    if (!uv_is_closing((uv_handle_t *)&s->idle))
        uv_idle_start(&s->idle, on_idle);
}

static void on_wake(uv_timer_t *timer) { daemon__want_run(timer->data); }

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    daemon__want_run(poll->data);
}

static void run(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms = 1;
    bool                   timed = false;
    for (int i = 0; i < RUNS_AT_ONCE && s->run_wanted; i++) {
        s->run_wanted = false;
        MHD_run(s->daemon);
        request__rooms(s);
        timed = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
        s->run_wanted = s->run_wanted || (timed && ms == 0);
    }
    if (timed)
        uv_timer_start(&s->wake, on_wake, ms, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct http_server *s = prepare->data;
    if (!s->daemon_stopped)
        run(s);
    ws__flush_dirty(s);
    if (!s->dirty && !s->run_wanted)
        uv_idle_stop(&s->idle);
    if (s->stopping)
        server__stop_step(s);
}

static enum err start_handles(struct http_server *s, struct error *e)
{
    if (uv_poll_init(s->loop, &s->poll, s->epoll_fd) != 0) /* the only one that can fail */
        return err_set(e, ERR_IO, "poll handle of the HTTP server");
    uv_timer_init(s->loop, &s->wake);
    uv_timer_init(s->loop, &s->tick);
    uv_prepare_init(s->loop, &s->prepare);
    uv_idle_init(s->loop, &s->idle);
    s->wake.data = s->tick.data = s->prepare.data = s->idle.data = s->poll.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_readable);
    uv_prepare_start(&s->prepare, on_prepare);
    daemon__want_run(s);
    return OK;
}

/* Strictness 0: its stricter ways are an answer sent twice, or none; the guards are stricter and say why. */
enum err daemon__start(struct http_server *s, struct error *e)
{
    int      listen_fd = s->listen_fd;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    s->listen_fd = -1;                                                             /* the library's from here on */
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,              //
                                 MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,         //
                                 MHD_OPTION_LISTEN_SOCKET, listen_fd,              //
                                 MHD_OPTION_URI_LOG_CALLBACK, on_target, s,        //
                                 MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, //
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,     //
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,   //
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)(s->limits.connections + SPARE_CONNECTIONS), //
                                 MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)s->limits.connections_per_ip,         //
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,                                  //
                                 MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!s->daemon)
        return err_set(e, ERR_IO, "libmicrohttpd does not start");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    CHECK(info);
    s->epoll_fd = info->epoll_fd;
    enum err rc = start_handles(s, e);
    if (rc != OK)
        MHD_stop_daemon(s->daemon);
    return rc;
}
