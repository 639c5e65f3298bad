/* SPDX-License-Identifier: MIT */
#include "served.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct served *of(struct http_request *r) { return http_user(r); }

/* ---- handlers ---- */

static void hello(struct http_request *r)
{
    of(r)->n_handled++;
    http_reply_text(r, 200, "hello\n");
}

static void greet(struct http_request *r)
{
    char        text[500];
    const char *mood = http_query(r, "mood");
    snprintf(text, sizeof text, "hello %s, %s, as %s (%d)\n", http_param(r, "name"), mood ? mood : "-", http_actor(r),
             (int)http_role(r));
    http_reply_header(r, "ETag", "\"v1\"");
    http_reply_text(r, 200, text);
}

static void echo(struct http_request *r)
{
    struct buf  body;
    size_t      n;
    const char *text = http_body(r, &n);
    buf_init(&body, TAG_TEST, 1 << 20);
    buf_put(&body, text, n);
    of(r)->n_handled++;
    http_reply(r, 200, "application/octet-stream", &body);
}

static void length(struct http_request *r)
{
    char   text[40];
    size_t n;
    snprintf(text, sizeof text, "%zu\n", strlen(http_body(r, &n)));
    http_reply_text(r, 200, text);
}

struct later {
    uv_timer_t           timer;
    struct http_request *r;
    int                  n, left;
};

static void on_timer_closed(uv_handle_t *h) { free(h->data); }

static void answer_later(uv_timer_t *t)
{
    struct later *l = t->data;
    http_reply_text(l->r, 200, "late\n");
    uv_close((uv_handle_t *)t, on_timer_closed);
}

static struct later *later_new(struct http_request *r, uv_timer_cb cb, uint64_t ms, uint64_t repeat)
{
    struct later *l = calloc(1, sizeof *l);
    l->r = r;
    uv_timer_init(&of(r)->loop, &l->timer);
    l->timer.data = l;
    uv_timer_start(&l->timer, cb, ms, repeat);
    return l;
}

static void later(struct http_request *r) { later_new(r, answer_later, 50, 0); }

static void gone(struct http_request *r, void *arg)
{
    struct served *s = arg;
    http_reply_text(r, 200, "too late\n");
    s->n_gone++;
}

static void never(struct http_request *r)
{
    http_on_gone(r, gone, of(r));
    of(r)->n_handled++;
}

/* A stream of n lines of 1000 bytes, as fast as the reader takes them. */
static void pour(struct http_request *r, void *arg)
{
    struct later *l = arg;
    char          line[1001];
    while (l->left > 0) {
        memset(line, 'x', sizeof line);
        snprintf(line, sizeof line, "%d ", l->n - l->left);
        line[strlen(line)] = '|';
        line[999] = '\n';
        if (!http_stream_write(r, line, 1000)) {
            of(r)->n_refused_sends++;
            return;
        }
        l->left--;
    }
    free(l);
    http_stream_end(r);
}

static void stream_gone(struct http_request *r, void *arg)
{
    of(r)->n_gone++;
    free(arg);
    http_stream_end(r);
}

static void stream(struct http_request *r)
{
    struct later *l = calloc(1, sizeof *l);
    l->n = l->left = atoi(http_query(r, "n"));
    http_on_gone(r, stream_gone, l);
    http_stream_begin(r, 200, "application/x-ndjson", pour, l);
    pour(r, l);
}

static void tick_line(uv_timer_t *t)
{
    struct later *l = t->data;
    if (l->left-- > 0) {
        http_stream_write(l->r, "tick\n", 5);
        return;
    }
    http_stream_end(l->r);
    uv_close((uv_handle_t *)t, on_timer_closed);
}

static void ticks_gone(struct http_request *r, void *arg)
{
    struct later *l = arg;
    of(r)->n_gone++;
    http_stream_end(r);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* A line each 20 ms: the stream waits in between. */
static void ticks(struct http_request *r)
{
    struct later *l = later_new(r, tick_line, 20, 20);
    l->left = atoi(http_query(r, "n"));
    http_on_gone(r, ticks_gone, l);
    http_stream_begin(r, 200, "text/event-stream", NULL, NULL);
}

static void big(struct http_request *r)
{
    struct buf body;
    size_t     n = (size_t)atol(http_query(r, "n"));
    buf_init(&body, TAG_TEST, SIZE_MAX);
    uint8_t *to = buf_reserve(&body, n);
    memset(to, 'b', n);
    body.size = n;
    http_reply(r, 200, "text/plain", &body);
}

static void problem(struct http_request *r)
{
    http_reply_problem(r, &(struct http_problem){.status = 422,
                                                 .code = "unknown_field",
                                                 .detail = "no field \"rat\"",
                                                 .hint = "rate",
                                                 .errors = "[{\"at\":1}]"});
}

static void login(struct http_request *r)
{
    size_t         n;
    enum http_role role;
    if (http_session_begin(r, http_body(r, &n), &role))
        http_reply(r, 204, NULL, NULL);
    else
        http_reply_text(r, 401, "no\n");
}

static void logout(struct http_request *r)
{
    http_session_end(r);
    http_reply(r, 204, NULL, NULL);
}

/* ---- WebSocket ---- */

static struct served *ws_of(struct ws_session *s) { return ws_user(s); }

static void on_open(struct ws_session *s) { ws_of(s)->n_opened++; }

static void flood(struct ws_session *s, int n, uint64_t key)
{
    static char big_text[10000];
    memset(big_text, 'f', sizeof big_text);
    for (int i = 0; i < n; i++) {
        snprintf(big_text, 20, "%08d", i);
        big_text[8] = ' ';
        struct ws_frame *f = ws_frame_text(big_text, sizeof big_text);
        if (ws_send(s, f, key) == WS_REFUSED)
            ws_of(s)->n_refused_sends++;
        ws_frame_unref(f);
    }
}

static void on_message(struct ws_session *s, bool text, const void *bytes, size_t n)
{
    char word[32] = "";
    memcpy(word, bytes, n < sizeof word ? n : sizeof word - 1);
    if (n > 6 && memcmp(word, "flood ", 6) == 0)
        flood(s, atoi(word + 6), 0);
    else if (n > 6 && memcmp(word, "keyed ", 6) == 0)
        flood(s, atoi(word + 6), 7);
    else if (n > 6 && memcmp(word, "close ", 6) == 0)
        ws_close(s, atoi(word + 6), "as you wish");
    else {
        struct ws_frame *f = text ? ws_frame_text(bytes, n) : ws_frame_binary(bytes, n);
        ws_send(s, f, 0);
        ws_frame_unref(f);
    }
}

static void on_drained(struct ws_session *s) { ws_of(s)->n_drained++; }

static void on_bye(struct ws_session *s)
{
    ws_of(s)->n_byes++;
    ws_send_text(s, "bye", 3);
}

static void on_closed(struct ws_session *s, int code)
{
    ws_of(s)->last_close = code;
    ws_of(s)->n_closed++;
}

static const struct ws_handlers handlers = {on_open, on_message, on_drained, on_bye, on_closed};

static void socket_route(struct http_request *r)
{
    struct error e;
    if (ws_accept(r, "test.v1", &handlers, http_user(r), &e) != OK)
        assert_true(e.text[0]);
}

static const struct http_route routes[] = {
    {"GET", "/hello", HTTP_ANYONE, 0, hello, false, NULL},
    {"GET", "/hello/{name}", HTTP_ANYONE, 0, greet, false, NULL},
    {"POST", "/echo", HTTP_ANYONE, 1000, echo, false, NULL},
    {"POST", "/length", HTTP_ANYONE, 1000, length, false, NULL},
    {"PUT", "/echo", HTTP_ANYONE, 1000, echo, false, NULL},
    {"GET", "/later", HTTP_ANYONE, 0, later, false, NULL},
    {"GET", "/never", HTTP_ANYONE, 0, never, false, NULL},
    {"GET", "/stream", HTTP_ANYONE, 0, stream, false, NULL},
    {"GET", "/ticks", HTTP_ANYONE, 0, ticks, false, NULL},
    {"GET", "/big", HTTP_ANYONE, 0, big, false, NULL},
    {"GET", "/problem", HTTP_ANYONE, 0, problem, false, NULL},
    {"POST", "/login", HTTP_ANYONE, 200, login, false, NULL},
    {"POST", "/logout", HTTP_VIEWER, 0, logout, false, NULL},
    {"GET", "/view/{name}", HTTP_VIEWER, 0, greet, false, NULL},
    {"GET", "/admin/{name}", HTTP_ADMIN, 0, greet, false, NULL},
    {"GET", "/livez", HTTP_ANYONE, 0, hello, true, NULL},
    {"GET", "/ws", HTTP_VIEWER, 0, socket_route, false, NULL},
};

static const struct http_asset assets[] = {
    {"index.html", 14, "<p>a page</p>\n"},
    {"js/main.js", 8, "let a=1\n"},
    {"js/main.js.gz", 5, "\x1f\x8bgz\n"},
};

/* ---- the server ---- */

void served_init(struct served *s)
{
    memset(s, 0, sizeof *s);
    s->config = (struct http_config){
        .listen = "127.0.0.1:0",
        .routes = routes,
        .n_routes = (int)(sizeof routes / sizeof routes[0]),
        .assets = assets,
        .n_assets = (int)(sizeof assets / sizeof assets[0]),
        .user = s,
    };
    s->grace_ms = 1000;
    log_setup(LOG_ERROR, false);
}

static void stopped(void *user) { ((struct served *)user)->server = NULL; }

static void on_wish(uv_async_t *a)
{
    struct served *s = a->data;
    if (s->on_loop) {
        s->on_loop(s);
        s->on_loop = NULL;
        uv_sem_post(&s->done);
    } else {
        http_stop(s->server, s->grace_ms, stopped, s);
        uv_close((uv_handle_t *)a, NULL);
    }
}

static void run_loop(void *arg)
{
    struct served *s = arg;
    uv_run(&s->loop, UV_RUN_DEFAULT);
    s->loop_rc = uv_loop_close(&s->loop);
}

void served_start(struct served *s)
{
    struct error e = {0};
    uv_loop_init(&s->loop);
    uv_sem_init(&s->done, 0);
    uv_async_init(&s->loop, &s->wish, on_wish);
    s->wish.data = s;
    if (http_start(&s->loop, &s->config, &s->server, &e) != OK)
        fail_msg("%s", e.text);
    s->port = atoi(strrchr(http_address(s->server), ':') + 1);
    uv_thread_create(&s->thread, run_loop, s);
}

void served_do(struct served *s, void (*what)(struct served *))
{
    s->on_loop = what;
    uv_async_send(&s->wish);
    uv_sem_wait(&s->done);
}

void served_stop(struct served *s)
{
    uv_async_send(&s->wish);
    uv_thread_join(&s->thread);
    uv_sem_destroy(&s->done);
    assert_null(s->server);
    assert_int_equal(s->loop_rc, 0);
}

/* ---- the client ---- */

int dial(const struct served *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

void say_n(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server has closed: what it said before is what counts */
        at += sent;
        n -= (size_t)sent;
    }
}

void say(int fd, const char *text) { say_n(fd, text, strlen(text)); }

size_t hear(int fd, char *text, size_t room, int ms, bool *closed)
{
    size_t n = 0;
    if (closed)
        *closed = false;
    while (n < room - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, ms) <= 0)
            break;
        ssize_t got = recv(fd, text + n, room - 1 - n, 0);
        if (got <= 0) {
            if (closed)
                *closed = true;
            break;
        }
        n += (size_t)got;
    }
    text[n] = 0;
    return n;
}

void hear_n(int fd, void *bytes, size_t n)
{
    for (size_t got = 0; got < n;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        ssize_t more = recv(fd, (char *)bytes + got, n - got, 0);
        assert_true(more > 0);
        got += (size_t)more;
    }
}

const char *ask(const struct served *s, const char *method, const char *target, const char *fields, const char *body)
{
    static char answer[1 << 20];
    char        head[20000];
    int         fd = dial(s);
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n%s", method, target,
             s->port, fields ? fields : "");
    say(fd, head);
    if (body) {
        snprintf(head, sizeof head, "Content-Length: %zu\r\n", strlen(body));
        say(fd, head);
    }
    say(fd, "\r\n");
    if (body)
        say(fd, body);
    hear(fd, answer, sizeof answer, 10000, NULL);
    close(fd);
    return answer;
}

int status_of(const char *answer) { return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : -1; }

const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

const char *field_of(const char *answer, const char *name)
{
    static char value[2000];
    size_t      n = strlen(name);
    for (const char *line = strstr(answer, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *from = line + 3 + n + strspn(line + 3 + n, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    return NULL;
}

void wait_for(atomic_int *value, int expected)
{
    int64_t until = clock_mono_us() + 10000000;
    while (atomic_load(value) < expected && clock_mono_us() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (atomic_load(value) < expected)
        fail_msg("waited 10 s for %d, it is %d", expected, atomic_load(value));
}

int ws_dial(const struct served *s, const char *fields)
{
    char head[2000], answer[2000];
    int  fd = dial(s);
    snprintf(head, sizeof head,
             "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Protocol: other, test.v1\r\n%s\r\n",
             fields ? fields : "");
    say(fd, head);
    for (size_t n = 0; n < 4 || memcmp(answer + n - 4, "\r\n\r\n", 4) != 0;) {
        assert_true(n < sizeof answer - 1);
        hear_n(fd, answer + n, 1);
        answer[++n] = 0;
    }
    assert_int_equal(status_of(answer), 101);
    assert_string_equal(field_of(answer, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_string_equal(field_of(answer, "Sec-WebSocket-Protocol"), "test.v1");
    return fd;
}

void ws_say(int fd, int opcode, const void *payload, size_t n)
{
    uint8_t head[14] = {(uint8_t)(0x80 | opcode)};
    size_t  size = 2;
    if (n < 126) {
        head[1] = (uint8_t)(0x80 | n);
    } else {
        assert_true(n < 65536);
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        size = 4;
    }
    say_n(fd, head, size + 4); /* mask 0 */
    say_n(fd, payload, n);
}

int ws_hear(int fd, char *payload, size_t room, size_t *n)
{
    uint8_t head[10];
    ssize_t got = recv(fd, head, 1, 0);
    if (got <= 0)
        return -1;
    hear_n(fd, head + 1, 1);
    *n = head[1] & 127;
    if (*n == 126) {
        hear_n(fd, head + 2, 2);
        *n = (size_t)head[2] << 8 | head[3];
    } else if (*n == 127) {
        hear_n(fd, head + 2, 8);
        *n = 0;
        for (int i = 0; i < 8; i++)
            *n = *n << 8 | head[2 + i];
    }
    assert_true(*n < room);
    hear_n(fd, payload, *n);
    payload[*n] = 0;
    return head[0] & 15;
}
