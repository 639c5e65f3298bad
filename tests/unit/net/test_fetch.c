/* SPDX-License-Identifier: MIT */
/* Fetching from a server of a few lines: fields, ceilings, redirects, times, WebSocket handshakes, told to stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/fetch.h"
#include "net/websocket.h"
#include "net/ws_client.h"

/* Answers one connection after the other with the texts given, and keeps what was asked. */
static struct {
    int         fd, port, n;
    const char *answers[5];
    char        asked[5][4000];
    bool        hold; /* keeps the last connection open */
    pthread_t   thread;
    int         held;
} peer;

static void *serve(void *arg)
{
    (void)arg;
    for (int i = 0; i < peer.n; i++) {
        int    fd = accept(peer.fd, NULL, NULL);
        size_t n = 0;
        while (!strstr(peer.asked[i], "\r\n\r\n")) {
            ssize_t got = recv(fd, peer.asked[i] + n, sizeof peer.asked[i] - 1 - n, 0);
            if (got <= 0)
                break;
            n += (size_t)got;
        }
        const char *key = strstr(peer.asked[i], "Sec-WebSocket-Key: "), *answer = peer.answers[i];
        const char *place = strstr(answer, "ACCEPT");
        char        accept_key[29], text[25] = "";
        if (key)
            memcpy(text, key + 19, 24);
        ws_accept_key(text, accept_key);
        if (place) {
            send(fd, answer, (size_t)(place - answer), MSG_NOSIGNAL);
            send(fd, accept_key, 28, MSG_NOSIGNAL);
            answer = place + 6;
        }
        send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        if (peer.hold && i == peer.n - 1)
            peer.held = fd;
        else
            close(fd);
    }
    return NULL;
}

static void peer_start(int n, bool hold)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          size = sizeof a;
    peer.n = n;
    peer.hold = hold;
    peer.held = -1;
    memset(peer.asked, 0, sizeof peer.asked);
    peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer.fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(peer.fd, 5), 0);
    getsockname(peer.fd, (struct sockaddr *)&a, &size);
    peer.port = ntohs(a.sin_port);
    pthread_create(&peer.thread, NULL, serve, NULL);
}

static void peer_stop(void)
{
    pthread_join(peer.thread, NULL);
    close(peer.fd);
    if (peer.held >= 0)
        close(peer.held);
}

static const char *address(const char *scheme)
{
    static char url[100];
    snprintf(url, sizeof url, "%s://127.0.0.1:%d/a?b=c", scheme, peer.port);
    return url;
}

static void an_answer_comes_with_its_fields(void **state)
{
    struct fetch_reply reply;
    struct buf         body;
    (void)state;
    peer.answers[0] = "HTTP/1.1 200 OK\r\nETag:  \"v1\" \r\nCache-Control: public, max-age=90\r\n"
                      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    peer_start(1, false);
    struct fetch_spec s = {.url = address("http"), .user_agent = "test/1", .fields = {"If-None-Match: \"v0\""}};
    buf_init(&body, TAG_TEST, 1000);
    assert_int_equal(fetch(&s, &reply, &body, NULL), OK);
    peer_stop();
    assert_string_equal(buf_text(&body), "{}");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.etag, "\"v1\"");
    assert_int_equal(reply.max_age_ms, 90000);
    assert_int_equal(reply.retry_after_ms, -1);
    assert_string_equal(reply.content_type, "application/json");
    assert_non_null(strstr(peer.asked[0], "GET /a?b=c HTTP/1.1\r\n"));
    assert_non_null(strstr(peer.asked[0], "\r\nUser-Agent: test/1\r\n"));
    assert_non_null(strstr(peer.asked[0], "\r\nIf-None-Match: \"v0\"\r\n"));
    buf_fini(&body);
}

static enum err put_in(void *arg, const uint8_t *bytes, size_t n, struct error *e)
{
    (void)e;
    buf_put(arg, bytes, n);
    return OK;
}

static void what_is_sent_and_a_refusal_told_apart_from_a_stream(void **state)
{
    struct fetch_reply reply;
    struct buf         taken, refused;
    (void)state;
    peer.answers[0] = "HTTP/1.1 202 Soon\r\nContent-Length: 3\r\n\r\nrow";
    peer.answers[1] = "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone";
    peer_start(2, false);
    buf_init(&taken, TAG_TEST, 1000);
    buf_init(&refused, TAG_TEST, 1000);
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    struct fetch_spec s = {
        .url = address("http"), .method = "PATCH", .body = "{\"a\":1}", .direct = true, .refusal = &refused};
    assert_int_equal(fetch_stream(&s, put_in, &taken, &reply, NULL), OK);
    assert_int_equal(fetch_stream(&s, put_in, &taken, &reply, NULL), OK);
    unsetenv("http_proxy");
    peer_stop();
    assert_int_equal(reply.status, 404);
    assert_string_equal(buf_text(&taken), "row");
    assert_string_equal(buf_text(&refused), "gone");
    assert_non_null(strstr(peer.asked[0], "PATCH /a?b=c HTTP/1.1\r\n"));
    assert_non_null(strstr(peer.asked[0], "\r\nContent-Length: 7\r\n"));
    buf_fini(&taken);
    buf_fini(&refused);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    struct fetch_reply reply;
    struct buf         body;
    struct error       e;
    (void)state;
    peer.answers[0] = "HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n";
    peer.answers[1] = "HTTP/1.1 503 Off\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n";
    peer_start(2, false);
    struct fetch_spec s = {.url = address("http")};
    buf_init(&body, TAG_TEST, 1000);
    assert_int_equal(fetch(&s, &reply, &body, NULL), OK);
    assert_int_equal(reply.retry_after_ms, 120000);
    assert_int_equal(fetch_status(&reply, s.url, &e), ERR_UNAVAILABLE);
    assert_true(e.retry);
    assert_int_equal(fetch(&s, &reply, &body, NULL), OK);
    assert_int_equal(reply.retry_after_ms, 0); /* the day has passed */
    peer_stop();
    buf_fini(&body);
}

static void a_large_answer_is_refused(void **state)
{
    struct fetch_reply reply;
    struct buf         body;
    struct error       e;
    (void)state;
    peer.answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a";
    peer_start(1, false);
    struct fetch_spec s = {.url = address("http"), .limit_bytes = 10};
    buf_init(&body, TAG_TEST, 1000);
    assert_int_equal(fetch(&s, &reply, &body, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, "larger than 10 bytes"));
    peer_stop();
    buf_fini(&body);
}

static void redirects_are_followed_three_times(void **state)
{
    static char        to_self[4][200];
    struct fetch_reply reply;
    struct buf         body;
    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(to_self[i], sizeof to_self[i], "HTTP/1.1 302 Go\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n", i);
        peer.answers[i] = to_self[i];
    }
    peer_start(4, false);
    struct fetch_spec s = {.url = address("http")};
    buf_init(&body, TAG_TEST, 1000);
    assert_int_equal(fetch(&s, &reply, &body, NULL), ERR_INVALID);
    peer_stop();
    assert_non_null(strstr(peer.asked[3], "GET /2 "));
    buf_fini(&body);
}

static void other_schemes_are_refused(void **state)
{
    struct fetch_reply reply;
    struct buf         body;
    struct ws_client  *c;
    struct fetch_spec  s = {.url = "file:///etc/passwd"};
    (void)state;
    buf_init(&body, TAG_TEST, 1000);
    assert_int_equal(fetch(&s, &reply, &body, NULL), ERR_INVALID);
    s.url = "ftp://127.0.0.1/";
    assert_int_equal(fetch(&s, &reply, &body, NULL), ERR_INVALID);
    assert_int_equal(ws_client_open(&s, &c, &reply, NULL), ERR_INVALID);
    s.url = "http://127.0.0.1:1/";
    struct error e;
    assert_int_equal(fetch(&s, &reply, &body, &e), ERR_UNAVAILABLE);
    assert_true(e.retry);
    buf_fini(&body);
}

static bool stop_soon(void *arg)
{
    int64_t *began = arg;
    return clock_mono_us() - *began < 200000;
}

static enum err count(void *arg, const uint8_t *bytes, size_t n, struct error *e)
{
    (void)bytes;
    (void)e;
    *(size_t *)arg += n;
    return OK;
}

static void a_stream_ends_when_asked(void **state)
{
    struct fetch_reply reply;
    size_t             n = 0;
    int64_t            began = clock_mono_us();
    (void)state;
    peer.answers[0] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n";
    peer_start(1, true);
    struct fetch_spec s = {.url = address("http"), .idle = stop_soon, .idle_arg = &began};
    assert_int_equal(fetch_stream(&s, count, &n, &reply, NULL), ERR_CANCELLED);
    assert_int_equal(n, 9);
    assert_true(clock_mono_us() - began < 2000000);
    peer_stop();
}

static void silence_ends_a_stream(void **state)
{
    struct fetch_reply reply;
    struct error       e;
    size_t             n = 0;
    (void)state;
    peer.answers[0] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    peer_start(1, true);
    struct fetch_spec s = {.url = address("http"), .silence_ms = 300};
    assert_int_equal(fetch_stream(&s, count, &n, &reply, &e), ERR_UNAVAILABLE);
    assert_true(e.retry);
    peer_stop();
}

static enum err keep_text(void *arg, const char *text, size_t n, struct error *e)
{
    (void)e;
    memcpy(arg, text, n);
    return OK;
}

static void a_websocket_is_opened_and_closed(void **state)
{
    struct fetch_reply reply;
    struct ws_client  *c;
    struct error       e;
    char               text[100] = "";
    (void)state;
    peer.answers[0] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: upgrade\r\n"
                      "Sec-WebSocket-Accept: ACCEPT\r\n\r\n\x81\x05"
                      "early\x88\x05\x03\xe8"
                      "bye";
    peer_start(1, true);
    struct fetch_spec s = {.url = address("ws")};
    assert_int_equal(ws_client_open(&s, &c, &reply, &e), OK);
    assert_int_equal(ws_client_receive(c, 1000, keep_text, text, &e), ERR_UNAVAILABLE);
    assert_string_equal(text, "early");
    assert_non_null(strstr(e.text, "closed with 1000 bye"));
    assert_true(e.retry);
    assert_int_equal(ws_client_send(c, "x", &e), ERR_UNAVAILABLE);
    ws_client_free(c);
    peer_stop();
    assert_non_null(strstr(peer.asked[0], "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert_non_null(strstr(peer.asked[0], "\r\nSec-WebSocket-Version: 13\r\n"));
}

static void a_wrong_handshake_is_refused(void **state)
{
    struct fetch_reply reply;
    struct ws_client  *c;
    struct error       e;
    (void)state;
    peer.answers[0] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
                      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    peer.answers[1] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
    peer.answers[2] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    peer_start(3, false);
    struct fetch_spec s = {.url = address("ws")};
    assert_int_equal(ws_client_open(&s, &c, &reply, &e), ERR_INVALID);
    assert_int_equal(ws_client_open(&s, &c, &reply, &e), ERR_PERMISSION);
    assert_int_equal(ws_client_open(&s, &c, &reply, &e), ERR_INVALID);
    peer_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_its_fields),
        cmocka_unit_test(what_is_sent_and_a_refusal_told_apart_from_a_stream),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(a_large_answer_is_refused),
        cmocka_unit_test(redirects_are_followed_three_times),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(a_stream_ends_when_asked),
        cmocka_unit_test(silence_ends_a_stream),
        cmocka_unit_test(a_websocket_is_opened_and_closed),
        cmocka_unit_test(a_wrong_handshake_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
