/* SPDX-License-Identifier: MIT */
/* Event streams by the examples of WHATWG HTML 9.2.6, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/sse.h"

static struct buf heard; /* "type|id|data;" of each event */

static enum err take(void *arg, const struct sse_event *event, struct error *e)
{
    (void)arg;
    (void)e;
    assert_int_equal(strlen(event->data), event->n);
    buf_printf(&heard, "%s|%s|%s;", event->type, event->id, event->data);
    return OK;
}

static void stream_gives(const char *text, const char *expected)
{
    size_t n = strlen(text);
    for (size_t step = 1; step <= n; step += step == 1 ? n - 1 + (n == 1) : 1) {
        struct sse p;
        buf_init(&heard, TAG_TEST, 10000);
        sse_init(&p, 1000);
        for (size_t at = 0; at < n; at += step)
            assert_int_equal(sse_feed(&p, (const uint8_t *)text + at, n - at < step ? n - at : step, take, NULL, NULL),
                             OK);
        assert_string_equal(buf_text(&heard), expected);
        sse_fini(&p);
        buf_fini(&heard);
    }
}

static void events_are_split_and_joined(void **state)
{
    (void)state;
    stream_gives("data: YHOO\ndata: +2\ndata: 10\n\n", "message||YHOO\n+2\n10;");
    stream_gives(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                 "message|1|first event;message||second event;message|| third event;");
    stream_gives("data\n\ndata\ndata\n\ndata:", "message||;message||\n;");
    stream_gives("data:test\n\ndata: test\n\n", "message||test;message||test;");
    stream_gives("event: add\ndata: 1\n\ndata: 2\n\n", "add||1;message||2;");
    stream_gives("event: lost\n\ndata: x\n\n", "message||x;"); /* an event without data is none */
}

static void all_line_ends_are_taken(void **state)
{
    (void)state;
    stream_gives("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message||a;message||b;message||c;");
    stream_gives("data: a\r\ndata: b\r\n\r\n", "message||a\nb;");
    stream_gives("\xef\xbb\xbf"
                 "data: a\n\n",
                 "message||a;");
}

static void ids_stay_and_unknown_fields_are_ignored(void **state)
{
    (void)state;
    stream_gives("id: [{\"offset\":7}]\ndata: a\n\nfoo: bar\ndata: b\n\n",
                 "message|[{\"offset\":7}]|a;message|[{\"offset\":7}]|b;");
}

static void the_server_may_ask_for_a_pause(void **state)
{
    struct sse  p;
    const char *text = "retry: 2500\nretry: soon\nretry: -1\ndata: x\n\n";
    (void)state;
    buf_init(&heard, TAG_TEST, 100);
    sse_init(&p, 1000);
    assert_int_equal(sse_feed(&p, (const uint8_t *)text, strlen(text), take, NULL, NULL), OK);
    assert_int_equal(p.retry_ms, 2500);
    sse_fini(&p);
    buf_fini(&heard);
}

static void a_new_connection_forgets_half_an_event(void **state)
{
    struct sse p;
    (void)state;
    buf_init(&heard, TAG_TEST, 100);
    sse_init(&p, 1000);
    assert_int_equal(sse_feed(&p, (const uint8_t *)"id: 4\ndata: half", 16, take, NULL, NULL), OK);
    sse_restart(&p);
    assert_int_equal(sse_feed(&p, (const uint8_t *)"data: x\n\n", 9, take, NULL, NULL), OK);
    assert_string_equal(buf_text(&heard), "message|4|x;");
    sse_fini(&p);
    buf_fini(&heard);
}

static void events_have_a_ceiling(void **state)
{
    struct sse   p;
    struct error e;
    uint8_t      line[600];
    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "data:", 5);
    line[599] = '\n';
    buf_init(&heard, TAG_TEST, 100);
    sse_init(&p, 1000);
    assert_int_equal(sse_feed(&p, line, sizeof line, take, NULL, &e), OK);
    assert_int_equal(sse_feed(&p, line, sizeof line, take, NULL, &e), ERR_LIMIT);
    sse_fini(&p);
    sse_init(&p, 100);
    assert_int_equal(sse_feed(&p, line, 599, take, NULL, &e), ERR_LIMIT);
    sse_fini(&p);
    buf_fini(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_split_and_joined),
        cmocka_unit_test(all_line_ends_are_taken),
        cmocka_unit_test(ids_stay_and_unknown_fields_are_ignored),
        cmocka_unit_test(the_server_may_ask_for_a_pause),
        cmocka_unit_test(a_new_connection_forgets_half_an_event),
        cmocka_unit_test(events_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
