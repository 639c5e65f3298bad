/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/meter.h"

#define T0 1700000000000

static struct meter *m;

static int setup(void **state)
{
    (void)state;
    return meter_new(&m, NULL) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    meter_free(m);
    assert_int_equal(alloc_bytes(TAG_WEB), 0);
    return 0;
}

static void tick(int64_t second, int64_t records)
{
    struct meter_now now = {.running = records >= 0, .records = records, .lag = 5, .watermark_lag_ms = -1};
    meter_tick(m, T0 + second * 1000, &now);
}

static void rates_are_differences_and_outages_are_gaps(void **state)
{
    (void)state;
    tick(0, 100);
    tick(1, 400);
    tick(2, -1); /* stopped */
    tick(5, 50); /* started again: counts from anew */
    tick(6, 80);
    int64_t s = T0 / 1000;
    assert_true(meter_value(m, METER_RECORDS, s) == 0); /* nothing to compare with */
    assert_true(meter_value(m, METER_RECORDS, s + 1) == 300);
    assert_true(isnan(meter_value(m, METER_RECORDS, s + 2)));
    assert_true(isnan(meter_value(m, METER_RECORDS, s + 4)));
    assert_true(meter_value(m, METER_RECORDS, s + 6) == 30);
    assert_true(meter_value(m, METER_LAG, s + 6) == 5);
    assert_true(isnan(meter_value(m, METER_WATERMARK_LAG, s + 6)));
    assert_int_equal(meter_last_second(m), s + 6);
}

static void only_the_last_quarter_of_an_hour_is_kept(void **state)
{
    int64_t s = T0 / 1000;
    (void)state;
    for (int64_t i = 0; i < METER_SECONDS + 10; i++)
        tick(i, i * 7);
    assert_true(isnan(meter_value(m, METER_RECORDS, s + 9)));
    assert_true(meter_value(m, METER_RECORDS, s + 10) == 7);
    assert_true(isnan(meter_value(m, METER_RECORDS, s + METER_SECONDS + 10)));
    tick(3 * METER_SECONDS, 9); /* a long sleep: nothing of before is left */
    assert_true(isnan(meter_value(m, METER_RECORDS, s + METER_SECONDS)));
    assert_true(!isnan(meter_value(m, METER_RECORDS, s + 3 * METER_SECONDS)));
}

static void commit(int64_t at_ms, int64_t epoch)
{
    struct meter_commit c = {.epoch = epoch, .committed_ms = at_ms, .duration_us = 1000 * (epoch + 1), .files = 1};
    meter_committed(m, &c);
}

static void latencies_are_from_the_record_to_its_commit(void **state)
{
    (void)state;
    assert_true(isnan(meter_latency_ms(m, 0.5, T0)));
    for (int i = 0; i < 1000; i++) /* far more groups than are kept apart */
        meter_arrived(m, T0 - 100 - i % 2, T0 - 100, 10);
    meter_arrived(m, -1, -1, 100); /* without timestamps: not measured */
    meter_cut(m);
    meter_arrived(m, T0 - 50000, T0 - 50000, 500); /* of the next epoch */
    commit(T0, 0);
    double p50 = meter_latency_ms(m, 0.5, T0), p99 = meter_latency_ms(m, 0.99, T0);
    assert_true(p50 > 85 && p50 < 120);
    assert_true(p99 > 85 && p99 < 130);
    meter_cut(m);
    commit(T0 + 1000, 1);
    assert_true(meter_latency_ms(m, 0.99, T0 + 1000) > 40000);
    assert_true(isnan(meter_latency_ms(m, 0.5, T0 + 120000))); /* a minute later they are forgotten ... */
    uint64_t at_most[METER_BOUNDS], n;
    double   sum_s;
    meter_histogram(m, at_most, &n, &sum_s); /* ... but for the histogram */
    assert_int_equal(n, 10500);
    assert_int_equal(at_most[2], 0);
    assert_int_equal(at_most[3], 10000);
    assert_int_equal(at_most[METER_BOUNDS - 1], 10500);
    assert_true(sum_s > 25000 && sum_s < 27000);
}

static void commits_come_newest_first_and_have_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < METER_COMMITS + 5; i++)
        commit(T0 + i, i);
    assert_int_equal(meter_commit_at(m, 0)->epoch, METER_COMMITS + 4);
    assert_int_equal(meter_commit_at(m, METER_COMMITS - 1)->number, 5);
    assert_null(meter_commit_at(m, METER_COMMITS));
    assert_int_equal(meter_n_commits(m), METER_COMMITS + 5);
    assert_int_equal(meter_files_written(m), METER_COMMITS + 5);
    assert_true(meter_commit_ms(m, 0.99) > meter_commit_ms(m, 0.5));
}

/* ---- samples ---- */

static enum err ignore_row(struct side *s, enum side_kind kind, const struct raw_batch *raw, const struct raw_record *r,
                           const char *reason, const char *detail, struct error *e)
{
    (void)s, (void)kind, (void)raw, (void)r, (void)reason, (void)detail, (void)e;
    return OK;
}
static const struct side_ops ignore_ops = {.row = ignore_row};

static struct sample seen;
static int           n_seen;

static void note(void *arg, const struct sample *s)
{
    (void)arg;
    seen = *s;
    n_seen++;
}

static void samples_quote_their_record_and_are_few_a_second(void **state)
{
    struct side       end = {.ops = &ignore_ops}, *side = samples_side(meter_samples(m), &end);
    char              long_text[3000];
    struct raw_batch  raw = {.topic = "ads", .partition = 2};
    struct raw_record r = {
        .value = (uint8_t *)long_text, .value_bytes = sizeof long_text, .offset = 7, .timestamp_ms = 9};
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(side->ops->row(side, SIDE_LATE, &raw, &r, "late", "by 3 s", NULL), OK);
    int64_t kept = samples_seen(meter_samples(m));
    assert_in_range(kept, 1, 2 * SAMPLES_PER_S); /* the second may have turned */
    samples_each(meter_samples(m), kept - 1, note, NULL);
    assert_int_equal(n_seen, 1);
    assert_string_equal(seen.reason, "late");
    assert_string_equal(seen.topic, "ads");
    assert_int_equal(seen.offset, 7);
    assert_int_equal(seen.payload_bytes, SAMPLE_PAYLOAD_MAX);
    assert_true(seen.truncated);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rates_are_differences_and_outages_are_gaps), T(only_the_last_quarter_of_an_hour_is_kept),
        T(latencies_are_from_the_record_to_its_commit), T(commits_come_newest_first_and_have_numbers),
        T(samples_quote_their_record_and_are_few_a_second)};
    return cmocka_run_group_tests_name("pipeline meter", tests, NULL, NULL);
}
