/* SPDX-License-Identifier: MIT */
/* What the resources share, and the table of routes: nothing of it needs a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "api/routes.h"
#include "pipeline/meter.h"
#include "json/doc.h"

/* A document that is being written, and its text. */
static struct buf         out;
static struct json_writer w;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, TAG_TEST, 1 << 20);
    json_writer_init(&w, &out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    assert_int_equal(alloc_bytes(TAG_TEST) + alloc_bytes(TAG_WEB), 0);
    return 0;
}

static void spans_have_a_unit_and_an_end(void **state)
{
    static const struct {
        const char *text;
        int64_t     ms; /* -1: none */
    } rows[] = {{"10s", 10000},    {"500ms", 500}, {"2m", 120000}, {"1.5h", 5400000}, {"7", 7000},  {"0", 0},
                {"24h", 86400000}, {"25h", -1},    {"", -1},       {"s", -1},         {"10 s", -1}, {"-1s", -1},
                {"nan", -1},       {"1d", -1},     {"infs", -1},   {"1e9h", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        if (api__duration(rows[i].text, &ms) != (rows[i].ms >= 0) || ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
    }
}

static void numbers_are_short_and_always_json(void **state)
{
    static const double      given[] = {0, -0.0, 1, 1.5, 0.0004, -0.0004, 1234567.891, 1e15, NAN, INFINITY};
    static const char *const want[] = {"0",    "0",   "1", "1.5", "0", "0", "1234567.891", "1000000000000000",
                                       "null", "null"};
    (void)state;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        buf_clear(&out);
        json_writer_init(&w, &out);
        api__put_number(&w, given[i]);
        assert_string_equal(buf_text(&out), want[i]);
    }
}

static void what_is_unknown_is_null(void **state)
{
    (void)state;
    json_begin_object(&w);
    api__member_time(&w, "never", 0);
    api__member_time(&w, "then", 1700000000123);
    api__member_maybe(&w, "none", false, 5);
    api__member_maybe(&w, "five", true, 5);
    json_end_object(&w);
    assert_string_equal(buf_text(&out),
                        "{\"never\":null,\"then\":\"2023-11-14T22:13:20.123Z\",\"none\":null,\"five\":5}");
}

static void any_bytes_become_text(void **state)
{
    struct json_value *doc;
    (void)state;
    json_begin_array(&w);
    api__put_text(&w, "a\xff\"\n\0b", 6);
    json_end_array(&w);
    assert_int_equal(json_doc_parse(buf_text(&out), out.size, &doc, NULL), OK);
    assert_non_null(strstr(json_as_string(json_at(doc, 0)), "a\xef\xbf\xbd\"\n"));
    json_doc_free(doc);
}

static void lists_say_whether_there_is_more(void **state)
{
    (void)state;
    api__list_begin(&w);
    json_put_int(&w, 1);
    api__list_end(&w, "1");
    assert_string_equal(buf_text(&out), "{\"items\":[1],\"next\":\"1\",\"has_more\":true}");
}

static void errors_have_a_status_and_a_code(void **state)
{
    const char *code;
    (void)state;
    assert_int_equal(api__status_of(ERR_NOT_FOUND, &code), 404);
    assert_string_equal(code, "not_found");
    assert_int_equal(api__status_of(ERR_CONFLICT, &code), 412);
    assert_int_equal(api__status_of(ERR_UNAVAILABLE, &code), 503);
    assert_int_equal(api__status_of(ERR_IO, &code), 500); /* only what is ours to mend */
    assert_string_equal(code, "internal");
}

static void series_are_those_asked_for(void **state)
{
    struct meter    *m;
    struct meter_now now = {.running = true, .lag = 7, .watermark_lag_ms = -1};
    (void)state;
    assert_int_equal(meter_new(&m, NULL), OK);
    api__write_series(m, 0, 0, NULL, &w); /* it has not run yet */
    assert_non_null(strstr(buf_text(&out), "\"lag\":[]"));
    for (int64_t s = 1000; s < 1003; s++, now.records += 10)
        meter_tick(m, s * 1000, &now);
    buf_clear(&out);
    json_writer_init(&w, &out);
    api__write_series(m, 1000, 1002, "lag,records_per_s", &w);
    assert_string_equal(buf_text(&out), "{\"t0\":\"1970-01-01T00:16:41.000Z\",\"step_ms\":1000,\"series\":"
                                        "{\"records_per_s\":[10,10],\"lag\":[7,7]}}");
    buf_clear(&out);
    json_writer_init(&w, &out);
    api__write_series(m, 0, 1002, "lag_", &w); /* no prefix is a name */
    assert_non_null(strstr(buf_text(&out), "\"series\":{}"));
    meter_free(m);
}

static void every_route_is_described_and_none_stands_twice(void **state)
{
    int                      n;
    const struct http_route *routes = api_routes(&n);
    (void)state;
    assert_true(n > 40);
    for (int i = 0; i < n; i++) {
        const struct about *a = routes[i].about;
        assert_non_null(routes[i].handle);
        if (!a || !a->summary[0] || a->status > 299)
            fail_msg("%s %s is not described", routes[i].method, routes[i].pattern);
        bool reads = strcmp(routes[i].method, "GET") == 0;
        assert_true(!reads || a->n_body == 0);
        /* what changes something is for admins, but for what only computes */
        bool computes = strstr(routes[i].pattern, "/sql/") || strstr(routes[i].pattern, "/wait") ||
                        strstr(routes[i].pattern, "/session");
        if (!reads && !computes && routes[i].role != HTTP_ADMIN)
            fail_msg("%s %s is open to viewers", routes[i].method, routes[i].pattern);
        for (int k = 0; k < i; k++)
            assert_false(strcmp(routes[i].method, routes[k].method) == 0 &&
                         strcmp(routes[i].pattern, routes[k].pattern) == 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(spans_have_a_unit_and_an_end),    T(numbers_are_short_and_always_json),
        T(what_is_unknown_is_null),         T(any_bytes_become_text),
        T(lists_say_whether_there_is_more), T(errors_have_a_status_and_a_code),
        T(series_are_those_asked_for),      T(every_route_is_described_and_none_stands_twice)};
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
