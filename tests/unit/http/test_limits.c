/* SPDX-License-Identifier: MIT */
/* Deadlines for slow clients, who may listen where, tokens and sessions on the wire, and the end of a server. */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/auth.h"

static struct served served;
static char          viewer[AUTH_TOKEN_CHARS + 1], admin[AUTH_TOKEN_CHARS + 1];

static int start(void **state)
{
    (void)state;
    served_init(&served);
    served_start(&served);
    return 0;
}

static int start_impatient(void **state)
{
    (void)state;
    served_init(&served);
    served.config.limits =
        (struct http_limits){.connections = 4, .head_ms = 400, .body_ms = 400, .idle_ms = 400, .stall_ms = 600};
    served_start(&served);
    return 0;
}

static int start_with_tokens(void **state)
{
    static struct buf lines;
    (void)state;
    served_init(&served);
    buf_init(&lines, TAG_TEST, 10000);
    buf_puts(&lines, "# who may\n\n");
    auth_token_make("vera", HTTP_VIEWER, viewer, &lines);
    auth_token_make("adam", HTTP_ADMIN, admin, &lines);
    buf_puts(&lines,
             "old admin sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad expires=2020-01-01\n");
    served.config.tokens = buf_text(&lines);
    served_start(&served);
    buf_fini(&lines);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    served_stop(&served);
    return 0;
}

/* ---- slow clients ---- */

/* Seconds until the server ends the connection, to which `drip` is sent again and again. */
static double lasts(const char *first, const char *drip)
{
    char    c;
    int64_t began = clock_mono_us();
    int     fd = dial(&served);
    say(fd, first);
    while (clock_mono_us() - began < 5000000) {
        ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
        if (n == 0)
            break;
        say(fd, drip);
        usleep(50000);
    }
    close(fd);
    return (double)(clock_mono_us() - began) / 1e6;
}

static void a_head_that_drips_is_cut(void **state)
{
    (void)state;
    double silent = lasts("", ""), line = lasts("GET /hel", "l"),
           fields = lasts("GET /hello HTTP/1.1\r\nHost: localhost\r\n", "X-A: b\r\n");
    assert_true(silent > 0.3 && silent < 1.5);
    assert_true(line > 0.3 && line < 1.5);
    assert_true(fields > 0.3 && fields < 1.5);
}

static void a_body_that_drips_is_cut(void **state)
{
    (void)state;
    double body = lasts("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n", "x");
    assert_true(body > 0.3 && body < 1.5);
    assert_int_equal(served.n_handled, 0);
}

static void an_idle_connection_is_closed(void **state)
{
    char    answer[4000];
    bool    closed;
    int     fd = dial(&served);
    int64_t began = clock_mono_us();
    (void)state;
    say(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(fd, answer, sizeof answer, 3000, &closed);
    assert_true(closed);
    assert_int_equal(status_of(answer), 200);
    assert_true(clock_mono_us() - began < 1500000);
    close(fd);
}

static void a_reader_that_stops_is_cut(void **state)
{
    int fd = dial(&served);
    (void)state;
    say(fd, "GET /stream?n=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for(&served.n_gone, 1);
    close(fd);
    fd = dial(&served);
    say(fd, "GET /big?n=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    usleep(4000000); /* the limit is a second; a busy machine may need more to notice */
    char  *all = malloc(60000000);
    bool   closed;
    size_t n = hear(fd, all, 60000000, 5000, &closed);
    assert_true(closed && n < 50000000);
    free(all);
    close(fd);
}

static void an_answer_that_takes_long_is_waited_for(void **state)
{
    char answer[4000];
    int  fd = dial(&served);
    (void)state;
    say(fd, "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(hear(fd, answer, sizeof answer, 1500, NULL), 0);
    assert_int_equal(served.n_gone, 0);
    close(fd);
    wait_for(&served.n_gone, 1);
}

static void a_full_house_answers_503_but_to_probes(void **state)
{
    int fds[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(&served);
        say(fds[i], "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    wait_for(&served.n_handled, 4);
    const char *a = ask(&served, "GET", "/hello", NULL, NULL);
    assert_int_equal(status_of(a), 503);
    assert_string_equal(field_of(a, "Retry-After"), "1");
    assert_non_null(strstr(body_of(a), "\"code\":\"overloaded\""));
    assert_int_equal(status_of(ask(&served, "GET", "/livez", NULL, NULL)), 200);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

/* ---- where to listen ---- */

static enum err start_on(const char *listen, const char *tokens, bool insecure, struct error *e)
{
    uv_loop_t           loop;
    struct http_server *s = NULL;
    struct http_config  c = {.listen = listen, .tokens = tokens, .insecure = insecure};
    uv_loop_init(&loop);
    enum err rc = http_start(&loop, &c, &s, e);
    assert_int_equal(rc != OK, s == NULL);
    assert_int_equal(uv_loop_close(&loop), 0);
    return rc;
}

static void off_loopback_tokens_are_needed(void **state)
{
    struct error e;
    (void)state;
    assert_int_equal(start_on("0.0.0.0:0", NULL, false, &e), ERR_PERMISSION);
    assert_non_null(strstr(e.text, "token file"));
    assert_int_equal(start_on("[::]:0", NULL, false, &e), ERR_PERMISSION);
    assert_int_equal(start_on("127.0.0.1", NULL, false, &e), ERR_INVALID);
    assert_int_equal(start_on("example.com:80", NULL, true, &e), ERR_INVALID);
    assert_int_equal(start_on("127.0.0.1:99999", NULL, false, &e), ERR_INVALID);
    assert_int_equal(start_on("127.0.0.1:0", "bob king sha256:00", false, &e), ERR_INVALID);
    assert_string_equal(e.text, "token file: line 1: the role must be viewer or admin");
}

static void a_port_that_is_taken_is_named(void **state)
{
    struct error e;
    char         listen[40];
    (void)state;
    snprintf(listen, sizeof listen, "127.0.0.1:%d", served.port);
    assert_int_equal(start_on(listen, NULL, false, &e), ERR_BUSY);
    assert_non_null(strstr(e.text, "the port is taken"));
}

/* ---- tokens ---- */

static int with_token(const char *method, const char *target, const char *token)
{
    char fields[200];
    snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", token);
    return status_of(ask(&served, method, target, fields, NULL));
}

static void roles_open_routes(void **state)
{
    (void)state;
    assert_int_equal(status_of(ask(&served, "GET", "/hello", NULL, NULL)), 200);
    const char *a = ask(&served, "GET", "/view/x", NULL, NULL);
    assert_int_equal(status_of(a), 401);
    assert_string_equal(field_of(a, "WWW-Authenticate"), "Bearer realm=\"millrace\"");
    assert_non_null(strstr(body_of(a), "\"code\":\"auth_failed\""));
    assert_int_equal(with_token("GET", "/view/x", viewer), 200);
    assert_int_equal(with_token("GET", "/view/x", admin), 200);
    assert_int_equal(with_token("GET", "/admin/x", viewer), 403);
    assert_int_equal(with_token("GET", "/admin/x", admin), 200);
    assert_int_equal(with_token("GET", "/admin/x", "abc"), 401); /* its hash is in the file, and has expired */
    assert_string_equal(body_of(ask(&served, "GET", "/hello/x", NULL, NULL)), "hello x, -, as  (0)\n");
}

static void guessing_is_slowed_down(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(with_token("GET", "/view/x", "guess"), 401);
    assert_int_equal(with_token("GET", "/view/x", "guess"), 429);
    assert_int_equal(with_token("GET", "/view/x", viewer), 429); /* else the answer would tell */
    assert_int_equal(status_of(ask(&served, "GET", "/hello", NULL, NULL)), 200);
}

static void a_browser_has_a_session(void **state)
{
    char cookie[300], fields[400];
    (void)state;
    assert_int_equal(status_of(ask(&served, "POST", "/login", NULL, "wrong")), 401);
    const char *a = ask(&served, "POST", "/login", NULL, viewer);
    assert_int_equal(status_of(a), 204);
    snprintf(cookie, sizeof cookie, "%s", field_of(a, "Set-Cookie"));
    assert_non_null(strstr(cookie, "; HttpOnly; SameSite=Strict"));
    assert_null(strstr(cookie, viewer));
    cookie[strcspn(cookie, ";")] = 0;
    snprintf(fields, sizeof fields, "Cookie: theme=dark; %s\r\n", cookie);
    a = ask(&served, "GET", "/view/x", fields, NULL);
    assert_string_equal(body_of(a), "hello x, -, as vera (1)\n");
    assert_int_equal(status_of(ask(&served, "GET", "/admin/x", fields, NULL)), 403);
    int fd = ws_dial(&served, fields);
    assert_int_equal(status_of(ask(&served, "POST", "/logout", fields, NULL)), 204);
    assert_int_equal(status_of(ask(&served, "GET", "/view/x", fields, NULL)), 401);
    char   text[200];
    size_t n;
    assert_int_equal(ws_hear(fd, text, sizeof text, &n), 8);
    assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], 1008);
    close(fd);
}

static void a_websocket_may_bring_its_token_as_a_subprotocol(void **state)
{
    char fields[200], answer[2000];
    (void)state;
    snprintf(fields, sizeof fields,
             "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    for (int i = 0; i < 2; i++) {
        int fd = dial(&served);
        say(fd, fields);
        say(fd, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Protocol: test.v1");
        if (i == 1) {
            say(fd, ", millrace.bearer.");
            say(fd, viewer);
        }
        say(fd, "\r\n\r\n");
        hear(fd, answer, sizeof answer, 300, NULL);
        assert_int_equal(status_of(answer), i ? 101 : 401);
        assert_null(strstr(answer, viewer));
        close(fd);
    }
}

static void revoke_vera(struct served *s)
{
    struct error e;
    struct buf   lines;
    char         token[AUTH_TOKEN_CHARS + 1];
    buf_init(&lines, TAG_TEST, 10000);
    assert_int_equal(http_tokens_replace(s->server, "vera nobody", &e), ERR_INVALID);
    auth_token_make("new", HTTP_ADMIN, token, &lines);
    assert_int_equal(http_tokens_replace(s->server, buf_text(&lines), &e), OK);
    buf_fini(&lines);
}

static void a_revoked_token_ends_at_once(void **state)
{
    char   fields[200], text[200];
    size_t n;
    (void)state;
    snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", viewer);
    int fd = ws_dial(&served, fields);
    served_do(&served, revoke_vera);
    assert_int_equal(with_token("GET", "/view/x", viewer), 401);
    assert_int_equal(ws_hear(fd, text, sizeof text, &n), 8);
    assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], 1008);
    close(fd);
}

/* ---- the end ---- */

static void a_stop_finishes_what_was_asked(void **state)
{
    char answer[4000];
    int  fd = dial(&served), idle = dial(&served);
    (void)state;
    say(fd, "GET /ticks?n=20 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear_n(fd, answer, 100);
    int64_t began = clock_mono_us();
    served_stop(&served);
    hear(fd, answer, sizeof answer, 1000, NULL);
    assert_non_null(strstr(answer, "\r\n0\r\n\r\n"));
    assert_true(clock_mono_us() - began < 1500000);
    assert_int_equal(served.n_gone, 0);
    close(fd);
    close(idle);
}

static void a_stop_does_not_wait_beyond_its_grace(void **state)
{
    int fds[3] = {dial(&served), dial(&served), dial(&served)};
    (void)state;
    say(fds[0], "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say(fds[1], "GET /ticks?n=1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say(fds[2], "GET /stream?n=1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for(&served.n_handled, 1);
    wait_for(&served.n_refused_sends, 1);
    usleep(30000);
    int64_t began = clock_mono_us();
    served_stop(&served);
    assert_true(clock_mono_us() - began < 2500000);
    assert_int_equal(served.n_gone, 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f, setup) cmocka_unit_test_setup_teardown(f, setup, stop)
        TEST(a_head_that_drips_is_cut, start_impatient),
        TEST(a_body_that_drips_is_cut, start_impatient),
        TEST(an_idle_connection_is_closed, start_impatient),
        TEST(a_reader_that_stops_is_cut, start_impatient),
        TEST(an_answer_that_takes_long_is_waited_for, start_impatient),
        TEST(a_full_house_answers_503_but_to_probes, start_impatient),
        cmocka_unit_test(off_loopback_tokens_are_needed),
        TEST(a_port_that_is_taken_is_named, start),
        TEST(roles_open_routes, start_with_tokens),
        TEST(guessing_is_slowed_down, start_with_tokens),
        TEST(a_browser_has_a_session, start_with_tokens),
        TEST(a_websocket_may_bring_its_token_as_a_subprotocol, start_with_tokens),
        TEST(a_revoked_token_ends_at_once, start_with_tokens),
        cmocka_unit_test_setup(a_stop_finishes_what_was_asked, start),
        cmocka_unit_test_setup(a_stop_does_not_wait_beyond_its_grace, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
