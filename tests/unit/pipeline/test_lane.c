/* SPDX-License-Identifier: MIT */
/* The lane between two threads: order, back-pressure, errors told once, nothing left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/lane.h"
#include "pipeline/relations.h"
#include "sink/side.h"
#include "sql/parse.h"

#define EVENTS                                                                                                      \
    "CREATE TEMPORARY VIEW e AS SELECT j.k, j.v, timestamp_millis(j.t) AS ts FROM (SELECT from_json(CAST(value "    \
    "AS STRING), 'k STRING, v BIGINT, t BIGINT') AS j FROM STREAM read_kafka(bootstrapServers => 'x:1', subscribe " \
    "=> 't')); CREATE STREAMING TABLE t AS "
#define WINDOWS                                                                                                \
    EVENTS "SELECT window.start AS ws, k, sum(v) AS s, count(*) AS n FROM e WATERMARK ts DELAY OF INTERVAL 0 " \
           "SECONDS GROUP BY window(ts, '1 second'), k"

static struct error e;
static atomic_int   n_released; /* raw batches given back */
static atomic_int   n_wakes;    /* calls of done */

/* ---- a sink that adds up its last column ---- */

struct adding_sink {
    struct sink base;
    int64_t     n_rows, sum; /* lane thread; the test reads after a result */
};

static enum err add_rows(struct sink *base, const struct batch *b, struct error *why)
{
    struct adding_sink *s = (struct adding_sink *)base;
    (void)why;
    s->n_rows += b->n_rows;
    for (uint32_t i = 0; i < b->n_rows; i++)
        s->sum += column_i64(b->columns[b->schema->n_fields - 1])[i];
    return OK;
}
static enum err cut_nothing(struct sink *s, struct sink_cut **out, struct error *why)
{
    (void)s;
    (void)why;
    *out = NULL;
    return OK;
}
static const struct sink_ops adding_ops = {.write = add_rows, .cut = cut_nothing};

/* ---- a lane ---- */

struct test_lane {
    struct arena              arena;
    struct plan_relation_kind kinds[RELATION_KINDS];
    struct plan              *plan;
    struct plan_tables        tables;
    struct adding_sink        sink;
    struct sink              *sinks[LANE_N_SINKS];
    struct lane               lane;
};

static void wake(void *arg)
{
    (void)arg;
    atomic_fetch_add(&n_wakes, 1);
}

static void open_lane(struct test_lane *t, const char *sql)
{
    struct diags            diags;
    struct ast_script      *script = NULL;
    struct plan_environment env = {.kinds = t->kinds, .n_kinds = RELATION_KINDS, .warehouse = "lake"};
    int                     n = 0;
    memset(t, 0, sizeof *t);
    atomic_store(&n_released, 0);
    atomic_store(&n_wakes, 0);
    arena_init(&t->arena, TAG_TEST, (size_t)64 << 20);
    relations_fill(t->kinds, ".");
    diags_init(&diags, &t->arena);
    assert_int_equal(sql_parse(sql, &t->arena, &diags, &script, &e), OK);
    if (!plan_script(script, &env, &t->arena, &diags, &t->plan, &n))
        fail_msg("%s", diags.items[0].text);
    t->sink.base = (struct sink){.ops = &adding_ops, .schema = t->plan->schema};
    t->sinks[LANE_MAIN] = &t->sink.base;
    assert_int_equal(lane_init(&t->lane, t->plan, &t->tables, t->sinks, side_schema(&t->arena), &e), OK);
    t->lane.done = wake;
    assert_int_equal(lane_start(&t->lane, &e), OK);
}

static void close_lane(struct test_lane *t)
{
    lane_stop(&t->lane);
    arena_fini(&t->arena);
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
}

static void release(struct raw_batch *raw)
{
    mem_free((void *)(uintptr_t)raw->records[0].value);
    mem_free(raw->records);
    mem_free(raw);
    atomic_fetch_add(&n_released, 1);
}

/* n records of the text, at offsets from `offset` on. */
static struct raw_batch *records(const char *text, uint32_t n, int64_t offset)
{
    struct raw_batch *raw = mem_zalloc(TAG_TEST, sizeof *raw);
    uint32_t          length = (uint32_t)strlen(text);
    uint8_t          *copy = mem_alloc(TAG_TEST, length);
    memcpy(copy, text, length);
    *raw = (struct raw_batch){
        .topic = "t", .n_records = n, .size_bytes = (size_t)n * length, .next_offset = offset + n, .release = release};
    raw->refs = 1;
    raw->records = mem_zalloc(TAG_TEST, n * sizeof *raw->records);
    for (uint32_t i = 0; i < n; i++)
        raw->records[i] = (struct raw_record){.value = copy, .value_bytes = length, .offset = offset + i};
    return raw;
}

static struct lane_result *epoch_end(struct test_lane *t, int64_t epoch)
{
    lane_mark(&t->lane, FLOW_BARRIER, epoch, 0);
    return inbox_take(&t->lane.results);
}

/* ---- tests ---- */

static void every_record_is_in_the_epoch_it_was_offered_in(void **state)
{
    struct test_lane t;
    int64_t          offset = 0, before = 0;
    int              n_refused = 0;
    (void)state;
    open_lane(&t, EVENTS "SELECT k, v FROM e");
    for (int64_t epoch = 0; epoch < 30; epoch++) {
        lane_mark(&t.lane, FLOW_OPEN, epoch, epoch);
        for (int i = 0; i < 100; i++, offset += 50) { /* more than the inbox holds: some are refused and come again */
            struct raw_batch *raw = records("{\"k\":\"a\",\"v\":3}", 50, offset);
            while (!lane_offer_raw(&t.lane, raw)) {
                n_refused++;
                sched_yield();
            }
        }
        struct lane_result *r = epoch_end(&t, epoch);
        assert_int_equal(r->rc, OK);
        assert_int_equal(r->epoch, epoch);
        assert_int_equal(r->rows, 5000);
        assert_int_equal(t.sink.n_rows - before, 5000);
        assert_int_equal(r->ledger.written, 5000 * (epoch + 1));
        before = t.sink.n_rows;
        lane_result_free(r, t.sinks);
    }
    close_lane(&t);
    assert_int_equal(t.sink.sum, 3 * 5000 * 30);
    assert_int_equal(atomic_load(&n_released), 3000);
    assert_int_equal(atomic_load(&n_wakes), 30);
    assert_true(n_refused > 0); /* or the inbox had no ceiling */
}

static void windows_close_over_epochs(void **state)
{
    struct test_lane t;
    char             text[64];
    bool             moved = true;
    int64_t          epoch = 0;
    (void)state;
    open_lane(&t, WINDOWS);
    for (; epoch < 20; epoch++) {
        lane_mark(&t.lane, FLOW_OPEN, epoch, 0);
        for (int k = 0; k < 10; k++) {
            snprintf(text, sizeof text, "{\"k\":\"k%d\",\"v\":1,\"t\":%lld}", k, (long long)epoch * 500);
            assert_true(lane_offer_raw(&t.lane, records(text, 7, epoch * 70 + k * 7)));
        }
        struct lane_result *r = epoch_end(&t, epoch);
        assert_int_equal(r->rc, OK);
        moved = r->moved;
        lane_result_free(r, t.sinks);
    }
    assert_true(moved);
    lane_mark(&t.lane, FLOW_OPEN, epoch, 0);
    struct lane_result *r = epoch_end(&t, epoch);
    assert_int_equal(r->rc, OK);
    assert_int_equal(r->open_groups, 10); /* [9, 10) */
    assert_int_equal(r->ledger.open, 2 * 70);
    assert_int_equal(t.sink.n_rows, 9 * 10);
    assert_int_equal(t.sink.sum, 18 * 70);
    assert_true(r->snapshot.size > 0);
    lane_result_free(r, t.sinks);
    close_lane(&t);
}

static void an_error_is_told_once_and_at_once(void **state)
{
    struct test_lane t;
    (void)state;
    open_lane(&t, EVENTS "SELECT k, 10 DIV v AS q FROM e");
    lane_mark(&t.lane, FLOW_OPEN, 0, 0);
    assert_true(lane_offer_raw(&t.lane, records("{\"k\":\"a\",\"v\":0}", 3, 40)));
    struct lane_result *r = inbox_take(&t.lane.results); /* before any barrier */
    assert_int_equal(r->rc, ERR_DATA);
    assert_non_null(strstr(r->error.text, "offset 40"));
    lane_result_free(r, t.sinks);
    for (int i = 0; i < 200; i++) { /* what follows is thrown away, and never fills the inbox for good */
        struct raw_batch *raw = records("{\"k\":\"a\",\"v\":1}", 3, 43 + 3 * i);
        while (!lane_offer_raw(&t.lane, raw))
            sched_yield();
    }
    lane_mark(&t.lane, FLOW_BARRIER, 0, 0);
    lane_mark(&t.lane, FLOW_OPEN, 1, 0);
    lane_mark(&t.lane, FLOW_BARRIER, 1, 0);
    close_lane(&t);
    assert_int_equal(atomic_load(&n_wakes), 1);
    assert_int_equal(atomic_load(&n_released), 201);
    assert_int_equal(t.sink.n_rows, 0);
}

static void stopping_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct test_lane t;
        int              n = 0;
        open_lane(&t, WINDOWS);
        lane_mark(&t.lane, FLOW_OPEN, 0, 0);
        for (; n < 3 * round; n++) {
            struct raw_batch *raw = records("{\"k\":\"a\",\"v\":1,\"t\":5}", 500, 500 * n);
            if (!lane_offer_raw(&t.lane, raw)) {
                raw_batch_free(raw);
                n++;
                break;
            }
        }
        if (round % 2)
            lane_mark(&t.lane, FLOW_BARRIER, 0, 0); /* a result that nobody takes */
        close_lane(&t);
        assert_int_equal(atomic_load(&n_released), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_in_the_epoch_it_was_offered_in),
        cmocka_unit_test(windows_close_over_epochs),
        cmocka_unit_test(an_error_is_told_once_and_at_once),
        cmocka_unit_test(stopping_in_the_middle_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
