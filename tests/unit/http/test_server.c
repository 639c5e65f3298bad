/* SPDX-License-Identifier: MIT */
/* The server over real sockets: answers of all kinds, what is refused, deadlines, the end. */
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

static int stop(void **state)
{
    (void)state;
    served_stop(&served);
    return 0;
}

/* ---- answers ---- */

static void an_answer_carries_the_security_headers(void **state)
{
    const char *a = ask(&served, "GET", "/hello", NULL, NULL);
    (void)state;
    assert_int_equal(status_of(a), 200);
    assert_string_equal(body_of(a), "hello\n");
    assert_string_equal(field_of(a, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(field_of(a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(field_of(a, "Referrer-Policy"), "no-referrer");
    assert_string_equal(field_of(a, "Cross-Origin-Opener-Policy"), "same-origin");
    assert_string_equal(field_of(a, "Cross-Origin-Resource-Policy"), "same-origin");
    assert_string_equal(field_of(a, "Cache-Control"), "no-store");
    assert_non_null(strstr(field_of(a, "Content-Security-Policy"), "default-src 'none'; script-src 'self'"));
    assert_null(strstr(a, "unsafe"));
    assert_non_null(field_of(a, "X-Request-Id"));
    assert_null(field_of(a, "Server"));
}

static void parameters_and_query_are_decoded(void **state)
{
    const char *a = ask(&served, "GET", "/hello/J%C3%BCrgen%20K?x=1&mood=quite+well%21&mood=2", NULL, NULL);
    (void)state;
    assert_string_equal(body_of(a), "hello J\xc3\xbcrgen K, quite well!, as local (2)\n");
}

static void head_is_get_without_a_body(void **state)
{
    const char *a = ask(&served, "HEAD", "/hello", NULL, NULL);
    (void)state;
    assert_int_equal(status_of(a), 200);
    assert_string_equal(field_of(a, "Content-Length"), "6");
    assert_string_equal(body_of(a), "");
}

static void what_the_client_has_is_not_sent_again(void **state)
{
    (void)state;
    const char *a = ask(&served, "GET", "/hello/x", "If-None-Match: \"v0\", W/\"v1\"\r\n", NULL);
    assert_int_equal(status_of(a), 304);
    assert_string_equal(body_of(a), "");
    assert_string_equal(field_of(a, "ETag"), "\"v1\"");
    a = ask(&served, "GET", "/hello/x", "If-None-Match: \"v11\"\r\n", NULL);
    assert_int_equal(status_of(a), 200);
}

static void a_body_comes_whole(void **state)
{
    (void)state;
    assert_string_equal(body_of(ask(&served, "POST", "/echo", NULL, "one two")), "one two");
    const char *chunked = "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n4;x=y\r\n two\r\n0\r\n\r\n";
    char        answer[4000];
    int         fd = dial(&served);
    say(fd, chunked);
    hear(fd, answer, sizeof answer, 5000, NULL);
    assert_string_equal(body_of(answer), "one two");
    close(fd);
}

static void a_body_is_terminated(void **state)
{
    char token[300];
    (void)state;
    for (int i = 0; i < 20; i++) { /* memory that was used before lies behind it */
        memset(token, 'a' + i, 200);
        token[10 + i] = 0;
        const char *a = ask(&served, "POST", "/length", NULL, token);
        assert_int_equal(atoi(body_of(a)), 10 + i);
    }
}

static void a_body_may_wait_for_100(void **state)
{
    char answer[4000];
    int  fd = dial(&served);
    (void)state;
    say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, answer, sizeof answer, 300, NULL);
    assert_int_equal(status_of(answer), 100);
    say(fd, "abc");
    hear(fd, answer, sizeof answer, 300, NULL);
    assert_string_equal(body_of(answer), "abc");
    close(fd);
}

static void connections_are_kept_and_pipelined(void **state)
{
    char answer[8000];
    int  fd = dial(&served), n = 0;
    (void)state;
    say(fd, "GET /hello HTTP/1.1\r\nHost: a.b\r\n\r\n"); /* wrong host, the connection stays */
    say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nfirst"
            "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"
            "GET /hello/last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    bool closed;
    hear(fd, answer, sizeof answer, 5000, &closed);
    assert_true(closed);
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")); at += 9)
        n++;
    assert_int_equal(n, 4);
    assert_int_equal(status_of(answer), 421);
    const char *first = strstr(answer, "first"), *late = strstr(answer, "late\n"), *last = strstr(answer, "hello last");
    assert_true(first && late > first && last > late);
    close(fd);
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    assert_string_equal(body_of(ask(&served, "GET", "/later", NULL, NULL)), "late\n");
}

static void big_answers_arrive_whole(void **state)
{
    const char *a = ask(&served, "GET", "/big?n=900000", NULL, NULL);
    (void)state;
    assert_string_equal(field_of(a, "Content-Length"), "900000");
    assert_int_equal(strspn(body_of(a), "b"), 900000);
}

static void assets_have_types_tags_and_packed_forms(void **state)
{
    char fields[100], tag[60];
    (void)state;
    const char *a = ask(&served, "GET", "/", NULL, NULL);
    assert_string_equal(body_of(a), "<p>a page</p>\n");
    assert_string_equal(field_of(a, "Content-Type"), "text/html; charset=utf-8");
    a = ask(&served, "GET", "/js/main.js", NULL, NULL);
    assert_string_equal(body_of(a), "let a=1\n");
    assert_string_equal(field_of(a, "Content-Type"), "text/javascript; charset=utf-8");
    assert_string_equal(field_of(a, "Vary"), "Accept-Encoding");
    assert_null(field_of(a, "Content-Encoding"));
    a = ask(&served, "GET", "/js/main.js", "Accept-Encoding: br, gzip\r\n", NULL);
    assert_string_equal(field_of(a, "Content-Encoding"), "gzip");
    assert_memory_equal(body_of(a), "\x1f\x8bgz\n", 5);
    snprintf(tag, sizeof tag, "%s", field_of(a, "ETag"));
    snprintf(fields, sizeof fields, "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    assert_int_equal(status_of(ask(&served, "GET", "/js/main.js", fields, NULL)), 304);
    assert_int_equal(status_of(ask(&served, "GET", "/js/main.js.gz", NULL, NULL)), 404);
    assert_int_equal(status_of(ask(&served, "GET", "/js/../index.html", NULL, NULL)), 400);
}

static void a_problem_has_one_shape(void **state)
{
    char id[100], expected[500];
    (void)state;
    const char *a = ask(&served, "GET", "/problem", "X-Request-Id: abc-7\r\n", NULL);
    assert_int_equal(status_of(a), 422);
    assert_string_equal(field_of(a, "Content-Type"), "application/problem+json");
    assert_string_equal(body_of(a),
                        "{\"type\":\"/errors/unknown_field\",\"title\":\"Unprocessable Content\",\"status\":422,"
                        "\"detail\":\"no field \\\"rat\\\"\",\"code\":\"unknown_field\",\"request_id\":\"abc-7\","
                        "\"retryable\":false,\"hint\":\"rate\",\"errors\":[{\"at\":1}]}\n");
    a = ask(&served, "GET", "/nowhere", NULL, NULL);
    snprintf(id, sizeof id, "%s", field_of(a, "X-Request-Id"));
    snprintf(expected, sizeof expected,
             "{\"type\":\"/errors/not_found\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"nothing is served at "
             "this path\",\"code\":\"not_found\",\"request_id\":\"%s\",\"retryable\":false,"
             "\"hint\":\"GET /openapi.json lists what is\"}\n",
             id);
    assert_int_equal(status_of(a), 404);
    assert_string_equal(body_of(a), expected);
}

/* ---- streams ---- */

static size_t count_lines(int fd, int pause_us)
{
    char   bytes[4096];
    size_t lines = 0;
    for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;) {
        for (ssize_t i = 0; i < n; i++)
            lines += bytes[i] == '|';
        if (pause_us)
            usleep((useconds_t)pause_us);
    }
    return lines;
}

static void a_stream_waits_for_its_reader(void **state)
{
    int fd = dial(&served);
    (void)state;
    say(fd, "GET /stream?n=8000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    usleep(200000);
    assert_true(served.n_refused_sends > 0); /* 8 MB do not fit into the queue and the kernel */
    assert_int_equal(count_lines(fd, 10), 8000);
    close(fd);
}

static void a_stream_that_is_idle_goes_on(void **state)
{
    const char *a = ask(&served, "GET", "/ticks?n=5", NULL, NULL);
    (void)state;
    assert_string_equal(field_of(a, "Transfer-Encoding"), "chunked");
    assert_string_equal(body_of(a),
                        "5\r\ntick\n\r\n5\r\ntick\n\r\n5\r\ntick\n\r\n5\r\ntick\n\r\n5\r\ntick\n\r\n0\r\n\r\n");
}

static void a_client_that_leaves_is_noticed(void **state)
{
    int fd = dial(&served);
    (void)state;
    say(fd, "GET /ticks?n=1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    usleep(50000);
    close(fd);
    wait_for(&served.n_gone, 1);
    fd = dial(&served);
    say(fd, "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for(&served.n_handled, 1);
    close(fd);
    wait_for(&served.n_gone, 2);
    fd = dial(&served);
    say(fd, "GET /stream?n=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    usleep(50000);
    close(fd);
    wait_for(&served.n_gone, 3);
}

/* ---- what is refused ---- */

/* Sends it, and hears a 400 and a closed connection; nothing was handled. */
static void refused(const char *request, size_t n)
{
    char answer[4000];
    bool closed;
    int  fd = dial(&served), handled = served.n_handled;
    say_n(fd, request, n);
    hear(fd, answer, sizeof answer, 3000, &closed);
    if (status_of(answer) != 400 || !closed)
        fail_msg("%.60s ... got %.40s, %s", request, answer, closed ? "closed" : "open");
    assert_int_equal(served.n_handled, handled);
    close(fd);
}

#define REFUSED(text) refused(text, sizeof(text) - 1)
#define SMUGGLED "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 41\r\n\r\n" SMUGGLED);
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
            "5\r\n\r\n0\r\n\r\n" SMUGGLED);
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED);
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n");
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    REFUSED("POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello");
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\nhello");
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello");
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x5\r\n\r\nhello");
    REFUSED("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n\r\nhello");
}

static void malformed_heads_are_refused(void **state)
{
    (void)state;
    REFUSED("GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n");
    REFUSED("GET /hello HTTP/1.1\r\nHost: localhost\r\nX A: b\r\n\r\n");
    REFUSED("GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello HTTP/1.1\r\n\r\n");
    REFUSED("GET /hello HTTP/1.0\r\n\r\n");
    REFUSED("GET /hello HTTP/1.2\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello%00/../../etc HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello/%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello/%c3%28 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello#x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hello HTTP/1.1\r\nHost: localhost\r\n X-Folded: b\r\n\r\n");
}

/* As an answer of ours: the library would send a page of its own, or close without a word. */
static void told(int status, const char *code, const char *request)
{
    char answer[4000], word[80];
    bool closed;
    int  fd = dial(&served);
    snprintf(word, sizeof word, "\"code\":\"%s\"", code);
    say(fd, request);
    hear(fd, answer, sizeof answer, 3000, &closed);
    assert_int_equal(status_of(answer), status);
    assert_string_equal(field_of(answer, "Content-Type"), "application/problem+json");
    if (!strstr(body_of(answer), word) || !closed)
        fail_msg("%.60s ... got %s", request, answer);
    close(fd);
}

static void what_is_refused_is_told_as_a_problem(void **state)
{
    static const char begin[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A: ";
    static char       long_one[40000];
    (void)state;
    told(400, "malformed_request", "GET /hello HTTP/1.1\r\n\r\n");
    told(400, "malformed_request", "GET /hel lo HTTP/1.1\r\nHost: localhost\r\n\r\n");
    told(400, "malformed_request", "GET /hello HTTP/1.1\r\nHost: localhost\r\nX A: b\r\n\r\n");
    told(400, "malformed_request", "GET /hello HTTP/1.2\r\nHost: localhost\r\n\r\n");
    memset(long_one, 'a', sizeof long_one - 1);
    memcpy(long_one, begin, sizeof begin - 1);
    memcpy(long_one + sizeof long_one - 5, "\r\n\r\n", 5);
    told(431, "head_too_large", long_one);
}

/* A bare LF between header lines is seen; one at the end of the request line or of the last line is not. */
static void header_lines_end_with_cr_lf(void **state)
{
    (void)state;
    REFUSED("GET /hello HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n");
    REFUSED("GET /hello HTTP/1.1\nHost: localhost\nX-A: b\n\n");
    REFUSED("GET /hello HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\tmore\r\nX-B: c\r\n\r\n");
    REFUSED("GET /hello HTTP/1.1\r\nX-A: b\0Host: localhost\r\nHost: localhost\r\n\r\n");
    REFUSED("GET /hel\0lo HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static void unusual_but_right_heads_are_taken(void **state)
{
    static const char *const fields[] = {
        "X-A:b\r\n",
        "X-A:   b\r\n",
        "X-A: b   \r\nX-B: \t c \t \r\n",
        "X-A:\r\nX-B: \r\nX-C: c\r\n",
        "Cookie: a=b; c=d\r\nX-A: b\r\n",
        "Accept: text/html,*/*;q=0.8\r\nX-A: \xc3\xbc\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_int_equal(status_of(ask(&served, "GET", "/hello", fields[i], NULL)), 200);
}

static void broken_chunks_end_the_connection(void **state)
{
    static const char *const bodies[] = {"fffffffffffffffff\r\n", "-1\r\n\r\n", "zz\r\n\r\n",
                                         "3\r\nabcde\r\n0\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char answer[4000];
        bool closed;
        int  fd = dial(&served), handled = served.n_handled;
        say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        say(fd, bodies[i]);
        hear(fd, answer, sizeof answer, 3000, &closed);
        assert_true(closed);
        assert_int_equal(served.n_handled, handled);
        close(fd);
    }
}

static void garbage_is_refused(void **state)
{
    static const char *const lines[] = {"\r\n\r\n\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /hello\r\n\r\n",
                                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char answer[4000];
        bool closed;
        int  fd = dial(&served);
        say(fd, lines[i]);
        hear(fd, answer, sizeof answer, 3000, &closed);
        assert_true(closed);
        assert_int_not_equal(status_of(answer), 200);
        close(fd);
    }
}

static void methods_are_those_of_the_route(void **state)
{
    (void)state;
    const char *a = ask(&served, "DELETE", "/echo", NULL, NULL);
    assert_int_equal(status_of(a), 405);
    assert_string_equal(field_of(a, "Allow"), "POST, PUT");
    a = ask(&served, "POST", "/hello", NULL, NULL);
    assert_string_equal(field_of(a, "Allow"), "GET, HEAD");
    assert_int_equal(status_of(ask(&served, "TRACE", "/hello", NULL, NULL)), 405);
    assert_int_equal(status_of(ask(&served, "get", "/hello", NULL, NULL)), 405);
    a = ask(&served, "POST", "/js/main.js", NULL, NULL);
    assert_int_equal(status_of(a), 405);
    assert_string_equal(field_of(a, "Allow"), "GET, HEAD");
    assert_int_equal(status_of(ask(&served, "GET", "/hello/", NULL, NULL)), 404);
    assert_int_equal(status_of(ask(&served, "GET", "//hello", NULL, NULL)), 404);
}

static void sizes_have_ceilings(void **state)
{
    static char long_text[60000];
    char        field[60100];
    (void)state;
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[1001] = 0;
    assert_int_equal(status_of(ask(&served, "POST", "/echo", NULL, long_text)), 413);
    assert_int_equal(status_of(ask(&served, "GET", "/hello", "Content-Length: 3\r\n", NULL)), 413);
    long_text[1001] = 'a';
    long_text[9000] = 0;
    long_text[0] = '/';
    assert_int_equal(status_of(ask(&served, "GET", long_text, NULL, NULL)), 414);
    long_text[9000] = 'a';
    long_text[17000] = 0;
    snprintf(field, sizeof field, "X-Long: %s\r\n", long_text);
    assert_int_equal(status_of(ask(&served, "GET", "/hello", field, NULL)), 431);
}

static void a_chunked_body_has_the_routes_ceiling(void **state)
{
    char answer[4000], chunk[700];
    int  fd = dial(&served);
    (void)state;
    memset(chunk, 'c', sizeof chunk);
    say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        say(fd, "2bc\r\n");
        say_n(fd, chunk, sizeof chunk);
        say(fd, "\r\n");
    }
    say(fd, "0\r\n\r\n");
    hear(fd, answer, sizeof answer, 3000, NULL);
    assert_int_equal(status_of(answer), 413);
    close(fd);
}

static void only_our_own_pages_may_call(void **state)
{
    char fields[200];
    (void)state;
    snprintf(fields, sizeof fields, "Origin: http://localhost:%d\r\nSec-Fetch-Site: same-origin\r\n", served.port);
    assert_int_equal(status_of(ask(&served, "POST", "/echo", fields, "x")), 200);
    assert_int_equal(status_of(ask(&served, "POST", "/echo", "Origin: http://evil.example\r\n", "x")), 403);
    assert_int_equal(status_of(ask(&served, "POST", "/echo", "Origin: null\r\n", "x")), 403);
    assert_int_equal(status_of(ask(&served, "POST", "/echo", "Sec-Fetch-Site: cross-site\r\n", "x")), 403);
    assert_int_equal(status_of(ask(&served, "GET", "/view/x", "Sec-Fetch-Site: same-site\r\n", NULL)), 403);
    assert_int_equal(
        status_of(ask(&served, "GET", "/", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", NULL)),
        200); /* a link to us */
    assert_int_equal(status_of(ask(&served, "GET", "/js/main.js",
                                   "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", NULL)),
                     403);
}

static void a_name_that_is_not_ours_is_refused(void **state)
{
    char answer[4000];
    int  fd = dial(&served);
    (void)state;
    say(fd, "GET /hello HTTP/1.1\r\nHost: rebound.example\r\n\r\nGET /livez HTTP/1.1\r\nHost: rebound.example\r\n"
            "Connection: close\r\n\r\n");
    hear(fd, answer, sizeof answer, 3000, NULL);
    assert_int_equal(status_of(answer), 421);
    assert_non_null(strstr(answer, "host_not_allowed"));
    assert_non_null(strstr(answer, "\r\n\r\nhello\n")); /* a probe knows us by address only */
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
        TEST(an_answer_carries_the_security_headers),
        TEST(parameters_and_query_are_decoded),
        TEST(head_is_get_without_a_body),
        TEST(what_the_client_has_is_not_sent_again),
        TEST(a_body_comes_whole),
        TEST(a_body_is_terminated),
        TEST(a_body_may_wait_for_100),
        TEST(connections_are_kept_and_pipelined),
        TEST(an_answer_may_come_later),
        TEST(big_answers_arrive_whole),
        TEST(assets_have_types_tags_and_packed_forms),
        TEST(a_problem_has_one_shape),
        TEST(a_stream_waits_for_its_reader),
        TEST(a_stream_that_is_idle_goes_on),
        TEST(a_client_that_leaves_is_noticed),
        TEST(what_could_be_read_in_two_ways_is_refused),
        TEST(malformed_heads_are_refused),
        TEST(what_is_refused_is_told_as_a_problem),
        TEST(header_lines_end_with_cr_lf),
        TEST(unusual_but_right_heads_are_taken),
        TEST(broken_chunks_end_the_connection),
        TEST(garbage_is_refused),
        TEST(methods_are_those_of_the_route),
        TEST(sizes_have_ceilings),
        TEST(a_chunked_body_has_the_routes_ceiling),
        TEST(only_our_own_pages_may_call),
        TEST(a_name_that_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
