/* SPDX-License-Identifier: MIT */
/* WebSocket sessions over real sockets: the handshake, echo, shared queues, slow readers, the close codes. */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static struct served served;

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
    served.config.limits.websocket_slow_ms = 600;
    served.config.limits.websocket_ping_ms = 400;
    served.config.limits.websockets = 3;
    served_start(&served);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    served_stop(&served);
    return 0;
}

static char   text[200000];
static size_t n;

/* The next frame that is no ping. */
static int hear_message(int fd)
{
    int opcode;
    do
        opcode = ws_hear(fd, text, sizeof text, &n);
    while (opcode == 9);
    return opcode;
}

static void expect_text(int fd, const char *expected)
{
    assert_int_equal(hear_message(fd), 1);
    assert_string_equal(text, expected);
}

static void expect_close(int fd, int code, const char *reason)
{
    assert_int_equal(hear_message(fd), 8);
    assert_true(n >= 2);
    assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], code);
    assert_string_equal(text + 2, reason);
}

static void expect_end(int fd)
{
    assert_int_equal(ws_hear(fd, text, sizeof text, &n), -1);
    close(fd);
}

/* ---- the handshake ---- */

#define GOOD                                                                     \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: test.v1\r\n"

static int handshake(const char *fields)
{
    char answer[4000], request[2000];
    int  fd = dial(&served);
    snprintf(request, sizeof request, "GET /ws HTTP/1.1\r\nHost: localhost\r\n%s\r\n", fields);
    say(fd, request);
    hear(fd, answer, sizeof answer, 300, NULL);
    close(fd);
    return status_of(answer);
}

static void a_bad_handshake_is_refused(void **state)
{
    (void)state;
    assert_int_equal(handshake(GOOD), 101);
    assert_int_equal(handshake("X: y\r\n"), 426);
    assert_int_equal(handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: test.v1\r\n"),
                     426);
    assert_int_equal(handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: short\r\nSec-WebSocket-Protocol: test.v1\r\n"),
                     400);
    assert_int_equal(handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: test.v10\r\n"),
                     400);
    assert_int_equal(handshake(GOOD "Origin: http://evil.example\r\n"), 403);
    assert_int_equal(handshake(GOOD "Origin: http://localhost\r\n"), 101);
    wait_for(&served.n_closed, 2);
}

static void a_first_message_may_come_with_the_handshake(void **state)
{
    char answer[4000];
    int  fd = dial(&served);
    (void)state;
    say(fd, "GET /ws HTTP/1.1\r\nHost: localhost\r\n" GOOD "\r\n");
    ws_say(fd, 1, "early", 5);
    size_t got = hear(fd, answer, sizeof answer, 300, NULL);
    assert_int_equal(status_of(answer), 101);
    assert_true(got > 7 && memcmp(answer + got - 7,
                                  "\x81\x05"
                                  "early",
                                  7) == 0);
    close(fd);
}

/* ---- messages ---- */

static void messages_come_back(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    ws_say(fd, 1, "J\xc3\xbcrgen", 7);
    expect_text(fd, "J\xc3\xbcrgen");
    memset(text, 'y', 65000);
    ws_say(fd, 2, text, 65000);
    assert_int_equal(ws_hear(fd, text, sizeof text, &n), 2);
    assert_int_equal(n, 65000);
    ws_say(fd, 9, "ping", 4);
    assert_int_equal(ws_hear(fd, text, sizeof text, &n), 10);
    assert_string_equal(text, "ping");
    ws_say(fd, 8,
           "\x03\xe8"
           "ok",
           4);
    expect_close(fd, 1000, "ok");
    expect_end(fd);
    wait_for(&served.n_closed, 1);
    assert_int_equal(served.last_close, 1000);
}

static void we_close_with_a_code(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    ws_say(fd, 1, "close 4001", 10);
    expect_close(fd, 4001, "as you wish");
    ws_say(fd, 1, "still there?", 12); /* dropped */
    ws_say(fd, 8, "\x0f\xa1", 2);
    expect_end(fd);
    wait_for(&served.n_closed, 1);
    assert_int_equal(served.last_close, 4001);
}

static void a_message_that_is_too_big_closes_with_1009(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    say_n(fd, "\x82\xff\0\0\0\0\0\x01\0\x01\0\0\0\0x", 15);
    expect_close(fd, 1009, "");
    expect_end(fd);
}

static void a_protocol_error_closes_with_1002(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    say_n(fd, "\x81\x02hi", 4); /* not masked */
    expect_close(fd, 1002, "");
    expect_end(fd);
    wait_for(&served.n_closed, 1);
    assert_int_equal(served.last_close, 1002);
}

static void a_client_that_talks_too_much_is_closed_with_1008(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    for (int i = 0; i < 100; i++)
        ws_say(fd, 1, "x", 1);
    for (int i = 0; i < 60; i++) /* a burst is let through */
        expect_text(fd, "x");
    while (ws_hear(fd, text, sizeof text, &n) == 1)
        ;
    assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], 1008);
    close(fd);
}

static void a_client_that_vanishes_is_closed(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    close(fd);
    wait_for(&served.n_closed, 1);
    assert_int_equal(served.last_close, 1006);
}

/* ---- the queue ---- */

static void the_queue_has_a_ceiling_and_says_when_it_is_empty(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    ws_say(fd, 1, "flood 200", 9); /* 2 MB: one MiB is queued, the rest refused */
    wait_for(&served.n_refused_sends, 50);
    int refused = 0;
    while (refused != served.n_refused_sends) { /* the loop may be in the middle of it */
        refused = served.n_refused_sends;
        usleep(300000);
    }
    for (int i = 0; i < 200 - refused; i++) {
        assert_int_equal(hear_message(fd), 1);
        assert_int_equal(n, 10000);
        assert_int_equal(atoi(text), i);
    }
    wait_for(&served.n_drained, 1);
    ws_say(fd, 1, "alive", 5);
    expect_text(fd, "alive");
    close(fd);
}

static void a_frame_with_a_key_replaces_the_unsent_one(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    ws_say(fd, 1, "keyed 1000", 10);
    assert_int_equal(hear_message(fd), 1);
    assert_int_equal(atoi(text), 999); /* all were sent in one go of the loop: only the last is left */
    ws_say(fd, 1, "alive", 5);
    expect_text(fd, "alive");
    assert_int_equal(served.n_refused_sends, 0);
    close(fd);
}

static void a_client_that_never_reads_is_closed_with_1013(void **state)
{
    int fd = ws_dial(&served, NULL), last = 0;
    (void)state;
    for (int i = 0; i < 12; i++) {
        ws_say(fd, 1, "flood 100", 9);
        usleep(20000);
    }
    int64_t before = clock_mono_us();
    usleep(1500000); /* the kernel's buffers are full, and nothing moves */
    int opcode;
    while ((opcode = ws_hear(fd, text, sizeof text, &n)) == 1 || opcode == 9 || opcode == 10)
        last++;
    assert_int_equal(opcode, 8);
    assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], 1013);
    assert_true(last > 0);
    wait_for(&served.n_closed, 1);
    assert_int_equal(served.last_close, 1013);
    assert_true(clock_mono_us() - before < 9000000);
    close(fd);
}

static void a_silent_client_is_pinged_then_dropped(void **state)
{
    int fd = ws_dial(&served, NULL);
    (void)state;
    assert_int_equal(ws_hear(fd, text, sizeof text, &n), 9);
    ws_say(fd, 10, "", 0);
    usleep(700000);
    assert_int_equal(served.n_closed, 0); /* it has spoken */
    wait_for(&served.n_closed, 1);
    assert_int_equal(served.last_close, 1006);
    close(fd);
}

static void too_many_are_refused_with_503(void **state)
{
    int fds[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        fds[i] = ws_dial(&served, NULL);
    assert_int_equal(handshake(GOOD), 503);
    close(fds[0]);
    wait_for(&served.n_closed, 1);
    fds[0] = ws_dial(&served, NULL);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* ---- the end ---- */

static void a_stop_says_bye_and_closes_with_1001(void **state)
{
    int fd = ws_dial(&served, NULL), silent = ws_dial(&served, NULL);
    (void)state;
    uv_async_send(&served.wish);
    expect_text(fd, "bye");
    expect_close(fd, 1001, "shutting down");
    ws_say(fd, 8, "\x03\xe9", 2);
    expect_end(fd);
    uv_thread_join(&served.thread); /* the other one never answers: the grace is a second */
    assert_int_equal(served.n_byes, 2);
    assert_int_equal(served.n_closed, 2);
    assert_int_equal(served.loop_rc, 0);
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
        TEST(a_bad_handshake_is_refused),
        TEST(a_first_message_may_come_with_the_handshake),
        TEST(messages_come_back),
        TEST(we_close_with_a_code),
        TEST(a_message_that_is_too_big_closes_with_1009),
        TEST(a_protocol_error_closes_with_1002),
        TEST(a_client_that_talks_too_much_is_closed_with_1008),
        TEST(a_client_that_vanishes_is_closed),
        TEST(the_queue_has_a_ceiling_and_says_when_it_is_empty),
        TEST(a_frame_with_a_key_replaces_the_unsent_one),
        cmocka_unit_test_setup_teardown(a_client_that_never_reads_is_closed_with_1013, start_impatient, stop),
        cmocka_unit_test_setup_teardown(a_silent_client_is_pinged_then_dropped, start_impatient, stop),
        cmocka_unit_test_setup_teardown(too_many_are_refused_with_503, start_impatient, stop),
        cmocka_unit_test_setup(a_stop_says_bye_and_closes_with_1001, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
