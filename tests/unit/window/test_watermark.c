/* SPDX-License-Identifier: MIT */
/* The rule of Spark's two watermarks, epoch by epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka */
#include <cmocka.h>

#include "window/watermark.h"

static void see(struct watermark *w, int64_t event_us) { watermark_observe(w, 3, &event_us, NULL, 1); }

static void it_starts_at_1970_and_follows_the_newest_time_less_the_delay(void **state)
{
    struct watermark w;
    (void)state;
    assert_int_equal(watermark_init(&w, 10000, NULL), OK);
    see(&w, 9999999);
    assert_false(watermark_barrier(&w)); /* it would be before 1970 */
    assert_int_equal(w.evict_ms, 0);
    see(&w, 25000999);
    see(&w, 11000000);
    assert_true(watermark_barrier(&w));
    assert_int_equal(w.late_ms, 0);
    assert_int_equal(w.evict_ms, 15000);
}

static void rows_are_judged_by_the_watermark_of_the_epoch_before(void **state)
{
    struct watermark w;
    (void)state;
    assert_int_equal(watermark_init(&w, 0, NULL), OK);
    see(&w, 20000000);
    watermark_barrier(&w);
    see(&w, 30000000);
    watermark_barrier(&w);
    assert_int_equal(w.late_ms, 20000);
    assert_int_equal(w.evict_ms, 30000);
    assert_false(watermark_barrier(&w)); /* nothing came: late follows, and nothing moves any more */
    assert_int_equal(w.late_ms, 30000);
    assert_int_equal(w.evict_ms, 30000);
}

static void it_never_goes_back(void **state)
{
    struct watermark w;
    (void)state;
    assert_int_equal(watermark_init(&w, 1000, NULL), OK);
    see(&w, 50000000);
    watermark_barrier(&w);
    see(&w, 20000000);
    assert_false(watermark_barrier(&w));
    assert_int_equal(w.evict_ms, 49000);
}

static void missing_times_are_ignored_and_times_before_1970_round_down(void **state)
{
    const int64_t    times[] = {7000000, -1, 99000000};
    const uint8_t    second_only = 2;
    struct watermark w;
    (void)state;
    assert_int_equal(watermark_init(&w, 0, NULL), OK);
    watermark_observe(&w, 3, times, &second_only, 3);
    assert_int_equal(w.newest_ms, -1);
}

static void it_knows_the_partition_whose_event_has_set_it(void **state)
{
    const int64_t    early = 10000000, late = 20000000;
    struct watermark w;
    (void)state;
    assert_int_equal(watermark_init(&w, 0, NULL), OK);
    assert_int_equal(w.evict_slot, -1);
    watermark_observe(&w, 7, &late, NULL, 1);
    watermark_observe(&w, 5, &early, NULL, 1);
    assert_int_equal(w.evict_slot, -1); /* not before the barrier */
    watermark_barrier(&w);
    assert_int_equal(w.evict_slot, 7);
    watermark_observe(&w, 5, &early, NULL, 1); /* does not move it */
    watermark_barrier(&w);
    assert_int_equal(w.evict_slot, 7);
    watermark_reach(&w, 30000000); /* nobody's event */
    watermark_barrier(&w);
    assert_int_equal(w.evict_slot, -1);
}

static void a_delay_out_of_range_is_refused(void **state)
{
    struct watermark w;
    struct error     e;
    (void)state;
    assert_int_equal(watermark_init(&w, -1, &e), ERR_INVALID);
    assert_int_equal(watermark_init(&w, WATERMARK_DELAY_MAX_MS + 1, &e), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_at_1970_and_follows_the_newest_time_less_the_delay),
        cmocka_unit_test(rows_are_judged_by_the_watermark_of_the_epoch_before),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(missing_times_are_ignored_and_times_before_1970_round_down),
        cmocka_unit_test(it_knows_the_partition_whose_event_has_set_it),
        cmocka_unit_test(a_delay_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
