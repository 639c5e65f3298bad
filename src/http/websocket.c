/* SPDX-License-Identifier: MIT */
#include "http/websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_priv.h"

#define CLOSE_MS 5000
#define READ_BYTES ((size_t)16 << 10)
#define READS_AT_ONCE 4
#define SEND_BYTES (128 << 10) /* what the kernel may hold of a client that does not read; it would take 4 MB */
#define WRITES_AT_ONCE 16      /* frames per system call */
#define CONTROL_FRAMES 64      /* pongs that may wait beyond the queue's ceiling */
#define SILENCE 2.5            /* pings without any answer: gone */
#define BURST 3                /* times the messages of a second */

/* ---- frames ---- */

struct ws_frame {
    int     refs;
    size_t  size; /* header and payload */
    uint8_t bytes[];
};

static struct ws_frame *frame_new(enum ws_opcode op, const void *payload, size_t n)
{
    uint8_t          header[WS_HEADER_MAX];
    size_t           header_n = ws_header(header, op, n);
    struct ws_frame *f = mem_alloc(TAG_WEB, sizeof *f + header_n + n);
    if (!f)
        return NULL;
    f->refs = 1;
    f->size = header_n + n;
    memcpy(f->bytes, header, header_n);
    memcpy(f->bytes + header_n, payload, n);
    return f;
}

static struct ws_frame *frame_of_bytes(const uint8_t *bytes, size_t n)
{
    struct ws_frame *f = mem_alloc(TAG_WEB, sizeof *f + n);
    if (f) {
        f->refs = 1;
        f->size = n;
        memcpy(f->bytes, bytes, n);
    }
    return f;
}

struct ws_frame *ws_frame_text(const void *text, size_t n) { return frame_new(WS_OP_TEXT, text, n); }
struct ws_frame *ws_frame_binary(const void *bytes, size_t n) { return frame_new(WS_OP_BINARY, bytes, n); }
struct ws_frame *ws__ping_frame(void) { return frame_new(WS_OP_PING, "", 0); }

struct ws_frame *ws_frame_ref(struct ws_frame *f)
{
    f->refs++;
    return f;
}

void ws_frame_unref(struct ws_frame *f)
{
    if (f && --f->refs == 0)
        mem_free(f);
}

/* ---- sessions ---- */

enum ws_state { WS_PENDING, WS_OPEN, WS_CLOSING, WS_CLOSED };

struct queued {
    struct ws_frame *frame;
    uint64_t         key;
};

struct ws_session {
    struct ws_session        *next, *prev, *next_dirty;
    struct http_server       *server;
    const struct ws_handlers *handlers;
    void                     *user;
    struct auth_who           who;
    char                      peer[48];
    enum ws_state             state;
    bool                      dirty, close_sent, end_after_flush, wants_write;
    int                       code; /* what closed() is told */

    uv_poll_t        poll;
    int              fd;
    struct ws_codec *codec;

    struct queued *ring;
    uint32_t       capacity, head, n;
    size_t         bytes, sent; /* waiting in all; of the first frame, already gone */

    int64_t progress_us, full_us, heard_us, pinged_us, close_by_us;
    double  allowance; /* messages the client may send now */
    int64_t allowed_us;
};

void          *ws_user(const struct ws_session *s) { return s->user; }
enum http_role ws_role(const struct ws_session *s) { return s->who.role; }
const char    *ws_actor(const struct ws_session *s) { return s->who.name; }
const char    *ws_signed_in_as(const struct ws_session *s) { return s->who.session ? s->who.name : NULL; }
const char    *ws_peer(const struct ws_session *s) { return s->peer; }

size_t ws_waiting(const struct ws_session *s, int *n_frames)
{
    if (n_frames)
        *n_frames = (int)s->n;
    return s->bytes - s->sent;
}

/* ---- the queue ---- */

static struct queued *at(struct ws_session *s, uint32_t i) { return &s->ring[(s->head + i) % s->capacity]; }

static bool grow(struct ws_session *s)
{
    if (s->n < s->capacity)
        return true;
    uint32_t       more = s->capacity ? s->capacity * 2 : 4;
    struct queued *ring = mem_alloc(TAG_WEB, more * sizeof *ring);
    for (uint32_t i = 0; ring && i < s->n; i++)
        ring[i] = *at(s, i);
    if (!ring)
        return false;
    mem_free(s->ring);
    s->ring = ring;
    s->capacity = more;
    s->head = 0;
    return true;
}

static void mark_dirty(struct ws_session *s)
{
    if (s->dirty || s->wants_write)
        return;
    s->dirty = true;
    s->next_dirty = s->server->dirty;
    s->server->dirty = s;
    daemon__want_run(s->server);
}

/* Takes the caller's reference; `where` counts from the front. */
static bool insert(struct ws_session *s, uint32_t where, struct ws_frame *f, uint64_t key)
{
    if (!f || !grow(s)) {
        ws_frame_unref(f);
        return false;
    }
    if (s->n == 0)
        s->progress_us = clock_mono_us();
    s->n++;
    for (uint32_t i = s->n - 1; i > where; i--)
        *at(s, i) = *at(s, i - 1);
    *at(s, where) = (struct queued){f, key};
    s->bytes += f->size;
    mark_dirty(s);
    return true;
}

/* A frame that has begun must be finished; everything behind it can go. */
static void drop_unsent(struct ws_session *s, uint32_t keep)
{
    while (s->n > keep) {
        struct queued *last = at(s, --s->n);
        s->bytes -= last->frame->size;
        ws_frame_unref(last->frame);
    }
}

static uint32_t begun(const struct ws_session *s) { return s->sent > 0 ? 1 : 0; }

enum ws_sent ws_send(struct ws_session *s, struct ws_frame *f, uint64_t key)
{
    const struct http_limits *l = &s->server->limits;
    if (s->state != WS_OPEN)
        return WS_REFUSED;
    for (uint32_t i = begun(s); key && i < s->n; i++) {
        struct queued *q = at(s, i);
        if (q->key != key)
            continue;
        s->bytes += f->size - q->frame->size;
        ws_frame_unref(q->frame);
        q->frame = ws_frame_ref(f);
        s->server->counts.websocket_replaced++;
        return WS_REPLACED;
    }
    bool full = s->n >= (uint32_t)l->websocket_frames || (s->n > 0 && s->bytes + f->size > l->websocket_bytes);
    if (full || !insert(s, s->n, ws_frame_ref(f), key)) {
        if (!s->full_us)
            s->full_us = clock_mono_us();
        return WS_REFUSED;
    }
    return WS_QUEUED;
}

enum ws_sent ws_send_text(struct ws_session *s, const void *text, size_t n)
{
    struct ws_frame *f = ws_frame_text(text, n);
    enum ws_sent     sent = f ? ws_send(s, f, 0) : WS_REFUSED;
    ws_frame_unref(f);
    return sent;
}

/* ---- the end ---- */

static void free_session(struct ws_session *s)
{
    drop_unsent(s, 0);
    ws_codec_free(s->codec);
    s->server->counts.websockets--;
    mem_free(s->ring);
    mem_free(s);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct ws_session *s = handle->data;
    close(s->fd);
    s->handlers->closed(s, s->code);
    free_session(s);
}

static void unlink_session(struct ws_session *s)
{
    struct ws_session **d = &s->server->dirty;
    *(s->prev ? &s->prev->next : &s->server->sessions) = s->next;
    if (s->next)
        s->next->prev = s->prev;
    while (s->dirty && *d != s)
        d = &(*d)->next_dirty;
    if (s->dirty)
        *d = s->next_dirty;
    s->dirty = false;
}

/* The connection ends now, whatever waits. */
static void destroy(struct ws_session *s, int code)
{
    if (s->state == WS_CLOSED)
        return;
    if (s->state == WS_OPEN)
        s->code = code;
    s->state = WS_CLOSED;
    unlink_session(s);
    uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

void ws__never_opened(struct ws_session *s)
{
    if (s->state != WS_PENDING)
        return;
    s->handlers->closed(s, WS_ABNORMAL);
    free_session(s);
}

void ws_close(struct ws_session *s, int code, const char *reason)
{
    uint8_t payload[WS_CONTROL_MAX];
    size_t  n = strlen(reason) < sizeof payload - 2 ? strlen(reason) : sizeof payload - 2;
    if (s->state != WS_OPEN)
        return;
    s->state = WS_CLOSING;
    s->code = code;
    s->close_by_us = clock_mono_us() + (int64_t)CLOSE_MS * 1000;
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    memcpy(payload + 2, reason, n);
    if (code == WS_OVERLOAD)
        drop_unsent(s, begun(s));
    s->close_sent = true;
    if (!insert(s, s->n, frame_new(WS_OP_CLOSE, payload, n + 2), 0))
        destroy(s, code);
}

/* ---- writing ---- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void listen_for(struct ws_session *s, bool write)
{
    s->wants_write = write;
    uv_poll_start(&s->poll, UV_READABLE | (write ? UV_WRITABLE : 0), on_poll);
}

static void took(struct ws_session *s, size_t n)
{
    s->sent += n;
    s->progress_us = clock_mono_us();
    while (s->n > 0 && s->sent >= at(s, 0)->frame->size) {
        struct ws_frame *f = at(s, 0)->frame;
        s->sent -= f->size;
        s->bytes -= f->size;
        s->head = (s->head + 1) % s->capacity;
        s->n--;
        s->server->counts.websocket_frames++;
        ws_frame_unref(f);
    }
}

static void flush(struct ws_session *s)
{
    while (s->n > 0) {
        struct iovec  parts[WRITES_AT_ONCE];
        struct msghdr m = {.msg_iov = parts};
        for (; m.msg_iovlen < WRITES_AT_ONCE && m.msg_iovlen < s->n; m.msg_iovlen++) {
            struct ws_frame *f = at(s, (uint32_t)m.msg_iovlen)->frame;
            size_t           skip = m.msg_iovlen == 0 ? s->sent : 0;
            parts[m.msg_iovlen] = (struct iovec){f->bytes + skip, f->size - skip};
        }
        ssize_t n = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            listen_for(s, true);
            return;
        }
        if (n < 0) {
            destroy(s, WS_ABNORMAL);
            return;
        }
        took(s, (size_t)n);
    }
    if (s->wants_write)
        listen_for(s, false);
    if (s->end_after_flush) {
        shutdown(s->fd, SHUT_WR);
        destroy(s, s->code);
    } else if (s->full_us) {
        s->full_us = 0;
        if (s->state == WS_OPEN)
            s->handlers->drained(s);
    }
}

void ws__flush_dirty(struct http_server *s)
{
    for (struct ws_session *d; (d = s->dirty);) {
        s->dirty = d->next_dirty;
        d->dirty = false;
        flush(d);
    }
}

/* ---- reading ---- */

static bool may_speak(struct ws_session *s)
{
    const struct http_limits *l = &s->server->limits;
    int64_t                   now = clock_mono_us();
    double                    most = BURST * (double)l->websocket_per_s;
    s->allowance += (double)(now - s->allowed_us) / 1e6 * (double)l->websocket_per_s;
    s->allowance = s->allowance < most ? s->allowance : most;
    s->allowed_us = now;
    if (s->allowance < 1)
        return false;
    s->allowance -= 1;
    return true;
}

static void on_message(void *arg, enum ws_opcode op, int code, const uint8_t *bytes, size_t n)
{
    struct ws_session *s = arg;
    if (op == WS_OP_CLOSE && s->state == WS_OPEN)
        s->code = code;
    if ((op != WS_OP_TEXT && op != WS_OP_BINARY) || s->state != WS_OPEN)
        return;
    if (may_speak(s))
        s->handlers->message(s, op == WS_OP_TEXT, bytes, n);
    else
        ws_close(s, WS_NOT_ALLOWED, "too many messages");
}

/* Pongs, and the codec's own close frames: before everything that has not begun. */
static void on_output(void *arg, const uint8_t *bytes, size_t n)
{
    struct ws_session *s = arg;
    uint32_t           most = (uint32_t)s->server->limits.websocket_frames + CONTROL_FRAMES;
    if (s->close_sent || s->n >= most)
        return;
    insert(s, begun(s), frame_of_bytes(bytes, n), 0);
}

static const struct ws_codec_ops codec_ops = {on_message, on_output};

/* The codec reads no more: its close frame, if any, stands first in the queue. */
static void end_reading(struct ws_session *s)
{
    if (s->close_sent) { /* our close frame is on its way: theirs answers it, when it has gone out */
        s->end_after_flush = true;
        if (s->n == 0)
            destroy(s, s->code);
        else
            mark_dirty(s);
        return;
    }
    if (s->code == 0)
        s->code = WS_PROTOCOL_ERROR;
    drop_unsent(s, s->n < begun(s) + 1 ? s->n : begun(s) + 1);
    s->state = WS_CLOSING;
    s->close_sent = s->end_after_flush = true;
    s->close_by_us = clock_mono_us() + (int64_t)CLOSE_MS * 1000;
    if (s->n == 0)
        destroy(s, s->code);
    else
        mark_dirty(s);
}

static void feed(struct ws_session *s, const uint8_t *bytes, size_t n)
{
    s->heard_us = clock_mono_us();
    if (!s->end_after_flush && !ws_codec_feed(s->codec, bytes, n) && s->state != WS_CLOSED)
        end_reading(s);
}

static void read_some(struct ws_session *s)
{
    uint8_t bytes[READ_BYTES];
    for (int i = 0; i < READS_AT_ONCE && s->state != WS_CLOSED; i++) {
        ssize_t n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (n <= 0)
            destroy(s, WS_ABNORMAL);
        else
            feed(s, bytes, (size_t)n);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct ws_session *s = poll->data;
    if (status < 0) {
        destroy(s, WS_ABNORMAL);
        return;
    }
    if (events & UV_READABLE)
        read_some(s);
    if (s->state != WS_CLOSED && (events & UV_WRITABLE))
        flush(s);
}

/* ---- the handshake ---- */

/* Whether the comma-separated list holds the word. */
static bool lists(const char *list, const char *word, bool any_case)
{
    size_t n = strlen(word);
    while (list && *list) {
        list += strspn(list, ", \t");
        if ((any_case ? strncasecmp(list, word, n) : strncmp(list, word, n)) == 0 &&
            (!list[n] || strchr(", \t", list[n])))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

static enum err refuse(struct http_request *r, int status, const char *code, const char *detail, struct error *e)
{
    struct http_problem p = {.status = status, .code = code, .detail = detail, .retryable = status == 503};
    enum err            rc = err_set(e, status == 503 ? ERR_LIMIT : ERR_INVALID, "%s", detail);
    http_reply_problem(r, &p);
    return rc;
}

static enum err check_handshake(struct http_request *r, const char *protocol, struct error *e)
{
    const char *key = http_header(r, "Sec-WebSocket-Key"), *version = http_header(r, "Sec-WebSocket-Version");
    if (!lists(http_header(r, "Upgrade"), "websocket", true) || !lists(http_header(r, "Connection"), "upgrade", true)) {
        http_reply_header(r, "Upgrade", "websocket");
        return refuse(r, 426, "upgrade_required", "this path speaks WebSocket", e);
    }
    if (!version || strcmp(version, "13") != 0) {
        http_reply_header(r, "Sec-WebSocket-Version", "13");
        return refuse(r, 426, "upgrade_required", "the WebSocket version must be 13", e);
    }
    if (!key || !ws_key_valid(key))
        return refuse(r, 400, "malformed_request", "Sec-WebSocket-Key is not 16 bytes in base64", e);
    if (protocol && !lists(http_header(r, "Sec-WebSocket-Protocol"), protocol, false))
        return refuse(r, 400, "malformed_request", "the subprotocol must be offered in Sec-WebSocket-Protocol", e);
    if (r->server->counts.websockets >= r->server->limits.websockets)
        return refuse(r, 503, "too_many_streams", "as many WebSockets are open as the server takes", e);
    return OK;
}

enum err ws_accept(struct http_request *r, const char *protocol, const struct ws_handlers *h, void *user,
                   struct error *e)
{
    struct ws_session *s;
    char               accept[29];
    CHECK(r->in_handler);
    TRY(check_handshake(r, protocol, e));
    if (!(s = mem_zalloc(TAG_WEB, sizeof *s)))
        return refuse(r, 503, "out_of_memory", "no memory for another WebSocket", e);
    s->server = r->server;
    s->handlers = h;
    s->user = user;
    s->who = r->who;
    s->fd = -1;
    snprintf(s->peer, sizeof s->peer, "%s", r->peer);
    s->server->counts.websockets++;
    ws_accept_key(http_header(r, "Sec-WebSocket-Key"), accept);
    http_reply_header(r, "Upgrade", "websocket");
    http_reply_header(r, "Sec-WebSocket-Accept", accept);
    if (protocol)
        http_reply_header(r, "Sec-WebSocket-Protocol", protocol);
    r->session = s;
    r->status = 101;
    r->answer = ANSWER_READY;
    request__release_owner(r);
    return OK;
}

static bool open_session(struct ws_session *s, int fd)
{
    int          on = 1, kernel = SEND_BYTES;
    struct error e;
    s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (s->fd < 0)
        return false;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &kernel, sizeof kernel);
    if (ws_codec_new(false, (size_t)s->server->limits.websocket_message, &codec_ops, s, &s->codec, &e) != OK ||
        uv_poll_init(s->server->loop, &s->poll, s->fd) != 0) {
        close(s->fd);
        return false;
    }
    s->poll.data = s;
    return true;
}

/* The descriptor is copied, and the library's side closed at once: its 64 KiB of buffers go back, and an open WebSocket
 * is no connection to it any more. */
void ws__upgraded(void *cls, struct MHD_Connection *connection, void *con_cls, const char *extra, size_t n_extra,
                  MHD_socket fd, struct MHD_UpgradeResponseHandle *urh)
{
    struct ws_session   *s = cls;
    struct http_request *r = con_cls;
    (void)connection;
    r->session = NULL; /* it lives on its own from here */
    bool ok = open_session(s, fd);
    MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
    daemon__want_run(s->server);
    if (!ok) {
        ws__never_opened(s);
        return;
    }
    s->state = WS_OPEN;
    s->heard_us = s->pinged_us = s->allowed_us = s->progress_us = clock_mono_us();
    s->allowance = BURST * (double)s->server->limits.websocket_per_s;
    s->next = s->server->sessions;
    if (s->next)
        s->next->prev = s;
    s->server->sessions = s;
    server__need_tick(s->server);
    listen_for(s, false);
    s->handlers->open(s);
    if (n_extra > 0 && s->state != WS_CLOSED)
        feed(s, (const uint8_t *)extra, n_extra);
    if (s->server->stopping && s->state == WS_OPEN)
        ws_close(s, WS_SHUTDOWN, "shutting down");
}

/* ---- looking after them ---- */

static void look_after(struct ws_session *s, int64_t now_us)
{
    const struct http_limits *l = &s->server->limits;
    int64_t slow_us = (int64_t)l->websocket_slow_ms * 1000, ping_us = (int64_t)l->websocket_ping_ms * 1000;
    if (s->state == WS_CLOSING && now_us > s->close_by_us) {
        destroy(s, s->code);
    } else if (s->state != WS_OPEN) {
        return;
    } else if ((s->n > 0 && now_us - s->progress_us > slow_us) || (s->full_us && now_us - s->full_us > slow_us)) {
        s->server->counts.websocket_slow++;
        log_info("http", "websocket of %s reads too slowly: closed", s->peer);
        ws_close(s, WS_OVERLOAD, "too slow");
    } else if (s->n == 0 && (double)(now_us - s->heard_us) > SILENCE * (double)ping_us) {
        destroy(s, WS_ABNORMAL); /* all was taken, our pings too, and nothing comes back */
    } else if (now_us - s->pinged_us > ping_us) {
        s->pinged_us = now_us;
        insert(s, begun(s), ws_frame_ref(s->server->ping), 0);
    }
}

void ws__sweep(struct http_server *s, int64_t now_us)
{
    for (struct ws_session *w = s->sessions, *next; w; w = next) {
        next = w->next;
        look_after(w, now_us);
    }
}

void ws__check_standing(struct http_server *s)
{
    int64_t now = clock_wall_us();
    for (struct ws_session *w = s->sessions, *next; w; w = next) {
        next = w->next;
        if (w->state == WS_OPEN && s->auth && w->who.role > HTTP_ANYONE && !auth_stands(s->auth, &w->who, now))
            ws_close(w, WS_NOT_ALLOWED, "the token is no longer good");
    }
}

void ws__bye(struct http_server *s)
{
    for (struct ws_session *w = s->sessions, *next; w; w = next) {
        next = w->next;
        if (w->state == WS_OPEN)
            w->handlers->bye(w);
        ws_close(w, WS_SHUTDOWN, "shutting down");
    }
}

void ws__drop_all(struct http_server *s)
{
    for (struct ws_session *w = s->sessions, *next; w; w = next) {
        next = w->next;
        destroy(w, WS_ABNORMAL);
    }
}
