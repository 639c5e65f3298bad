/* SPDX-License-Identifier: MIT */
/* Targets, patterns, heads, hosts and origins: what is let in. Only pure functions; the wire is in test_server.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/guard.h"

static struct arena arena;

static const char *target(const char *raw, struct http_target *t)
{
    arena_fini(&arena);
    arena_init(&arena, TAG_TEST, 1 << 16);
    return guard_target(raw, &arena, t);
}

static void targets_are_decoded_once(void **state)
{
    struct http_target t;
    (void)state;
    assert_null(target("/a%20b/%2Fc/d%252e?x=1%262&y=a+b&&flag&x=3&empty=", &t));
    assert_int_equal(t.n_segments, 3);
    assert_string_equal(t.segments[0], "a b");
    assert_string_equal(t.segments[1], "/c");
    assert_string_equal(t.segments[2], "d%2e");
    assert_int_equal(t.n_query, 5);
    assert_string_equal(t.query[0].value, "1&2");
    assert_string_equal(t.query[1].value, "a b");
    assert_string_equal(t.query[2].name, "flag");
    assert_string_equal(t.query[2].value, "");
    assert_string_equal(t.query[4].value, "");
    assert_null(target("/", &t));
    assert_int_equal(t.n_segments, 1);
    assert_string_equal(t.path, "/");
}

static void odd_targets_are_refused(void **state)
{
    static const char *const odd[] = {
        "",          "*",    "a",        "http://h/a",  "/a b",        "/a\x01",
        "/\xc3\xbc", "/a%",  "/a%4",     "/a%g0",       "/a%00",       "/a%0a",
        "/a%7f",     "/%ff", "/..",      "/a/../b",     "/a/%2e%2E/b", "/.",
        "/a\\b",     "/a#b", "/a?x=%00", "/a?x=%f0%28", "/a?%01=x",    "/1/2/3/4/5/6/7/8/9/10/11/12/13",
    };
    struct http_target t;
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        if (!target(odd[i], &t))
            fail_msg("taken: %s", odd[i]);
}

static bool matches(const char *pattern, const char *raw, const char **first)
{
    static struct http_target t;
    const char               *params[TARGET_SEGMENTS_MAX] = {NULL};
    assert_null(target(raw, &t));
    bool yes = guard_match(pattern, &t, params);
    *first = params[0];
    return yes;
}

static void patterns_take_whole_segments(void **state)
{
    const char *p;
    (void)state;
    assert_true(matches("/a/{b}/c", "/a/x%2Fy/c", &p));
    assert_string_equal(p, "x/y");
    assert_true(matches("/a", "/a?x", &p));
    assert_false(matches("/a", "/a/", &p));
    assert_false(matches("/a", "/ab", &p));
    assert_false(matches("/a", "/A", &p));
    assert_false(matches("/a/{b}", "/a/", &p));
    assert_false(matches("/a/{b}", "/a", &p));
    assert_false(matches("/a/{b}", "/a/b/c", &p));
    assert_true(matches("/", "/", &p));
}

static const char *verdict(const char *version, const char *const (*fields)[2], int n)
{
    struct guard_head h;
    guard_head_init(&h);
    for (int i = 0; i < n; i++)
        guard_field(&h, fields[i][0], strlen(fields[i][0]), fields[i][1], strlen(fields[i][1]));
    return guard_framing(&h, version);
}

static void framing_must_be_unambiguous(void **state)
{
    static const char *const good[][2] = {{"Host", "a"}, {"Content-Length", "12"}};
    static const char *const big[][2] = {{"Host", "a"}, {"Content-Length", "18446744073709551616"}};
    static const char *const both[][2] = {{"Host", "a"}, {"Content-Length", "1"}, {"TRANSFER-encoding", "chunked"}};
    static const char *const twice[][2] = {
        {"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}};
    static const char *const chunked[][2] = {{"Host", "a"}, {"Transfer-Encoding", "Chunked"}};
    (void)state;
    assert_null(verdict("HTTP/1.1", good, 2));
    assert_null(verdict("HTTP/1.0", good, 2));
    assert_non_null(verdict("HTTP/2.0", good, 2));
    assert_non_null(verdict("HTTP/1.1", good, 0));
    assert_non_null(verdict("HTTP/1.1", big, 2));
    assert_non_null(verdict("HTTP/1.1", both, 3));
    assert_non_null(verdict("HTTP/1.1", twice, 3));
    assert_null(verdict("HTTP/1.1", chunked, 2));
    assert_non_null(verdict("HTTP/1.0", chunked, 2));
}

static void hosts_are_names_of_ours_or_addresses(void **state)
{
    static const char *const ours[] = {"millrace.example"};
    static const char *const good[] = {"localhost",  "LOCALHOST:8080", "127.0.0.1:1",        "10.1.2.3",
                                       "[::1]:8080", "[fe80::1]",      "millrace.example:9", "MILLRACE.example"};
    static const char *const bad[] = {"",
                                      ":80",
                                      "evil.example",
                                      "localhost.evil.example",
                                      "millrace.example.evil",
                                      "a:b",
                                      "127.0.0.1.nip.io",
                                      "[::1",
                                      "[]",
                                      "localhost:80x",
                                      "user@localhost",
                                      "localhost/"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!guard_host(good[i], ours, 1))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (guard_host(bad[i], ours, 1))
            fail_msg("taken: %s", bad[i]);
}

static bool origin(const char *value, const char *site, const char *mode, bool navigable)
{
    static const char *const allowed[] = {"https://ops.example"};
    struct guard_head        h = {.host = "localhost:8080", .origin = value, .site = site, .mode = mode};
    return guard_origin(&h, navigable, allowed, 1);
}

static void origins_are_ours_exactly(void **state)
{
    (void)state;
    assert_true(origin(NULL, NULL, NULL, false)); /* curl */
    assert_true(origin("http://localhost:8080", "same-origin", "cors", false));
    assert_true(origin("https://localhost:8080", NULL, NULL, false)); /* behind a proxy that ends TLS */
    assert_true(origin("https://ops.example", "cross-site", "cors", false));
    assert_false(origin("http://localhost:8081", NULL, NULL, false));
    assert_false(origin("http://localhost:8080.evil.example", NULL, NULL, false));
    assert_false(origin("https://ops.example.evil", NULL, NULL, false));
    assert_false(origin("null", NULL, NULL, false));
    assert_false(origin("file://", NULL, NULL, false));
    assert_false(origin(NULL, "cross-site", "no-cors", false));
    assert_false(origin(NULL, "same-site", "cors", false));
    assert_false(origin(NULL, "cross-site", "navigate", false));
    assert_true(origin(NULL, "cross-site", "navigate", true));
    assert_true(origin(NULL, "none", "navigate", true));
}

static void listen_texts_have_an_address_and_a_port(void **state)
{
    char host[256];
    int  port;
    (void)state;
    assert_true(guard_listen("127.0.0.1:8080", host, &port));
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 8080);
    assert_true(guard_listen("[::1]:0", host, &port));
    assert_string_equal(host, "::1");
    assert_false(guard_listen("::1:80", host, &port));
    assert_false(guard_listen("localhost", host, &port));
    assert_false(guard_listen("localhost:", host, &port));
    assert_false(guard_listen(":80", host, &port));
    assert_false(guard_listen("localhost:65536", host, &port));
    assert_false(guard_listen("localhost:80x", host, &port));
    assert_true(guard_loopback("127.9.9.9"));
    assert_true(guard_loopback("::1"));
    assert_false(guard_loopback("0.0.0.0"));
    assert_false(guard_loopback("::"));
    assert_false(guard_loopback("128.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_decoded_once),
        cmocka_unit_test(odd_targets_are_refused),
        cmocka_unit_test(patterns_take_whole_segments),
        cmocka_unit_test(framing_must_be_unambiguous),
        cmocka_unit_test(hosts_are_names_of_ours_or_addresses),
        cmocka_unit_test(origins_are_ours_exactly),
        cmocka_unit_test(listen_texts_have_an_address_and_a_port),
    };
    arena_init(&arena, TAG_TEST, 1 << 16);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return rc;
}
