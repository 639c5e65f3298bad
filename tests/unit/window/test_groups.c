/* SPDX-License-Identifier: MIT */
/* Groups from rows to closed windows: sessions, conditions of aggregates, chained windows, saving. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka */
#include <cmocka.h>

#include <stdio.h>

#include "window/window.h"

#define SECOND 1000000

/* One key (BIGINT), event time, a condition; count(*) and count(*) with the condition. */
struct bench {
    struct arena            arena;
    struct tally            tally;
    struct flow_context     context;
    struct window_plan      plan;
    struct window_aggregate aggregates[2];
    int                     keys[1];
    struct op              *lane;
    struct window_state    *state;
    char                    closed[512]; /* "start-end key:count/counted " */
    int64_t                 effects;
};

static const struct type *window_struct(struct arena *a)
{
    const struct field parts[] = {{"start", type_of(TYPE_TIMESTAMP), true}, {"end", type_of(TYPE_TIMESTAMP), true}};
    return type_struct(a, parts, 2);
}

static void bench_init(struct bench *b, struct window_spec spec)
{
    memset(b, 0, sizeof *b);
    arena_init(&b->arena, TAG_TEST, 1 << 20);
    const struct type *event = spec.kind == WINDOW_GIVEN ? window_struct(&b->arena) : type_of(TYPE_TIMESTAMP);
    const struct field in[] = {
        {"ts", event, true}, {"k", type_of(TYPE_BIGINT), true}, {"c", type_of(TYPE_BOOLEAN), true}};
    const struct field out[] = {{"window", window_struct(&b->arena), false},
                                {"k", type_of(TYPE_BIGINT), true},
                                {"n", type_of(TYPE_BIGINT), true},
                                {"m", type_of(TYPE_BIGINT), true}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(agg_bind(agg_find("count"), NULL, 0, NULL, NULL, &b->aggregates[i].agg, NULL), OK);
        b->aggregates[i].filter = i ? 2 : -1;
    }
    b->keys[0] = 1;
    b->context.tally = &b->tally;
    b->plan = (struct window_plan){.spec = spec,
                                   .input = type_struct(&b->arena, in, 3),
                                   .result = type_struct(&b->arena, out, 4),
                                   .keys = b->keys,
                                   .n_keys = 1,
                                   .aggregates = b->aggregates,
                                   .n_aggregates = 2,
                                   .limit_bytes = 1 << 20};
    assert_int_equal(op_window_new(&b->plan, &b->context, &b->lane, NULL), OK);
    assert_int_equal(window_state_new(&b->plan, &b->state, NULL), OK);
}

static void bench_fini(struct bench *b)
{
    window_state_free(b->state);
    b->lane->ops->free(b->lane);
    arena_fini(&b->arena);
}

/* A row that is a closed group of `effects` rows, the oldest of that epoch. */
static void bench_row(struct bench *b, int64_t start_s, int64_t end_s, int64_t key, bool condition,
                      struct flow_behind behind)
{
    struct builder row;
    struct column *all, *columns[3];
    assert_int_equal(builder_init(&row, b->plan.input, NULL), OK);
    if (b->plan.spec.kind == WINDOW_GIVEN) {
        builder_i64(&row.children[0].children[0], start_s * SECOND);
        builder_i64(&row.children[0].children[1], end_s * SECOND);
        builder_struct(&row.children[0], true);
    } else {
        builder_i64(&row.children[0], start_s * SECOND);
    }
    builder_i64(&row.children[1], key);
    builder_boolean(&row.children[2], condition);
    builder_struct(&row, true);
    assert_int_equal(builder_finish(&row, &all, NULL), OK);
    builder_fini(&row);
    for (int i = 0; i < 3; i++)
        columns[i] = column_ref(all->children[i]);
    struct flow_msg msg = {.kind = FLOW_BATCH, .batch = batch_new(b->plan.input, 1, columns, NULL, NULL)};
    column_free(all);
    b->context.behind = &behind;
    assert_int_equal(b->lane->ops->push(b->lane, &msg, NULL), OK);
    b->context.behind = NULL;
}

static void bench_event(struct bench *b, int64_t at_s, int64_t key)
{
    bench_row(b, at_s, 0, key, false, (struct flow_behind){1, b->context.epoch});
}

static enum err note(void *arg, struct batch *batch, const struct flow_behind *behind, struct error *e)
{
    struct bench *b = arg;
    (void)behind, (void)e;
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        const struct column *w = batch->columns[0];
        size_t               n = strlen(b->closed);
        snprintf(b->closed + n, sizeof b->closed - n, "%d-%d %d:%d/%d ", (int)(column_i64(w->children[0])[i] / SECOND),
                 (int)(column_i64(w->children[1])[i] / SECOND), (int)column_i64(batch->columns[1])[i],
                 (int)column_i64(batch->columns[2])[i], (int)column_i64(batch->columns[3])[i]);
    }
    batch_free(batch);
    return OK;
}

static void bench_barrier(struct bench *b, int64_t evict_s)
{
    struct group_table *partial;
    b->closed[0] = 0;
    assert_int_equal(window_take_partial(b->lane, &partial, NULL), OK);
    assert_int_equal(window_state_merge(b->state, partial, NULL), OK);
    assert_int_equal(window_state_close(b->state, evict_s * 1000, note, b, &b->effects, NULL), OK);
    b->context.epoch++;
}

/* As after a restart: the same bytes again. */
static void bench_reload(struct bench *b)
{
    struct buf saved, again;
    buf_init(&saved, TAG_TEST, 1 << 20);
    buf_init(&again, TAG_TEST, 1 << 20);
    window_state_save(b->state, &saved);
    struct view v = {.data = saved.data, .size = saved.size};
    assert_int_equal(window_state_load(b->state, &v, NULL), OK);
    assert_int_equal(v.size, 0);
    window_state_save(b->state, &again);
    assert_int_equal(saved.size, again.size);
    assert_memory_equal(saved.data, again.data, saved.size);
    buf_fini(&saved);
    buf_fini(&again);
}

static struct window_spec session(int64_t gap_s)
{
    struct window_spec spec;
    assert_int_equal(window_spec_session(&spec, gap_s * SECOND, NULL), OK);
    return spec;
}

/* ---- */

static void sessions_that_touch_become_one(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, session(10));
    bench_event(&b, 0, 1);
    bench_event(&b, 10, 1);
    bench_event(&b, 21, 1);
    bench_event(&b, 5, 2);
    bench_barrier(&b, 30);
    assert_string_equal(b.closed, "0-20 1:2/0 5-15 2:1/0 ");
    assert_int_equal(b.effects, 3);
    assert_int_equal(window_state_groups(b.state), 1);
    bench_fini(&b);
}

static void a_row_between_two_open_sessions_joins_them(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, session(10));
    bench_event(&b, 0, 1);
    bench_event(&b, 18, 1);
    bench_barrier(&b, 0);
    assert_int_equal(window_state_groups(b.state), 2);
    bench_reload(&b);
    bench_event(&b, 9, 1);
    bench_barrier(&b, 0);
    assert_int_equal(window_state_groups(b.state), 1);
    assert_int_equal(window_state_first_epoch(b.state), 0);
    assert_int_equal(window_state_next_end(b.state), 28 * SECOND);
    bench_reload(&b);
    bench_barrier(&b, 28);
    assert_string_equal(b.closed, "0-28 1:3/0 ");
    bench_fini(&b);
}

static void a_late_row_is_judged_by_its_own_interval_not_by_the_session_it_would_join(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, session(10));
    bench_event(&b, 18, 1);
    bench_barrier(&b, 0);
    b.context.late_ms = 18000;
    bench_event(&b, 8, 1); /* [8, 18): reached */
    assert_int_equal(b.tally.late, 1);
    bench_event(&b, 9, 1);
    assert_int_equal(b.tally.late, 1);
    bench_barrier(&b, 28);
    assert_string_equal(b.closed, "9-28 1:2/0 ");
    bench_fini(&b);
}

static void a_condition_chooses_the_rows_of_one_aggregate(void **state)
{
    struct window_spec spec;
    struct bench       b;
    (void)state;
    assert_int_equal(window_spec_init(&spec, 10 * SECOND, 5 * SECOND, 0, NULL), OK);
    bench_init(&b, spec);
    bench_row(&b, 7, 0, 1, true, (struct flow_behind){1, 0});
    bench_row(&b, 8, 0, 1, false, (struct flow_behind){1, 0});
    bench_barrier(&b, 100);
    assert_string_equal(b.closed, "0-10 1:2/1 5-15 1:2/1 ");
    bench_fini(&b);
}

static void closed_groups_bring_what_is_behind_them(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, (struct window_spec){.kind = WINDOW_GIVEN});
    b.context.epoch = 9;
    bench_row(&b, 0, 10, 1, true, (struct flow_behind){7, 3});
    bench_row(&b, 0, 10, 1, true, (struct flow_behind){5, 2});
    b.context.late_ms = 10000;
    bench_row(&b, 0, 10, 1, true, (struct flow_behind){4, 1}); /* late, with all that is behind it */
    assert_int_equal(b.tally.late, 4);
    assert_int_equal(b.tally.closed, -16);
    bench_barrier(&b, 0);
    assert_int_equal(window_state_effects(b.state), 12);
    assert_int_equal(window_state_first_epoch(b.state), 2);
    bench_reload(&b);
    bench_barrier(&b, 10);
    assert_string_equal(b.closed, "0-10 1:2/2 ");
    assert_int_equal(b.effects, 12);
    bench_fini(&b);
}

static void given_windows_of_one_start_and_two_ends_stay_apart(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, (struct window_spec){.kind = WINDOW_GIVEN});
    bench_row(&b, 0, 10, 1, true, (struct flow_behind){1, 0});
    bench_row(&b, 0, 5, 1, true, (struct flow_behind){1, 0});
    bench_row(&b, 0, 10, 1, true, (struct flow_behind){1, 0});
    bench_barrier(&b, 0);
    bench_reload(&b);
    bench_barrier(&b, 10);
    assert_string_equal(b.closed, "0-5 1:1/1 0-10 1:2/2 ");
    bench_fini(&b);
}

static void a_torn_state_is_corrupt(void **state)
{
    struct bench b;
    struct buf   saved;
    (void)state;
    bench_init(&b, session(10));
    bench_event(&b, 0, 1);
    bench_barrier(&b, 0);
    buf_init(&saved, TAG_TEST, 1 << 20);
    window_state_save(b.state, &saved);
    for (size_t n = 0; n < saved.size; n++) {
        struct view v = {.data = saved.data, .size = n};
        assert_int_equal(window_state_load(b.state, &v, NULL), ERR_CORRUPT);
    }
    buf_fini(&saved);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_that_touch_become_one),
        cmocka_unit_test(a_row_between_two_open_sessions_joins_them),
        cmocka_unit_test(a_late_row_is_judged_by_its_own_interval_not_by_the_session_it_would_join),
        cmocka_unit_test(a_condition_chooses_the_rows_of_one_aggregate),
        cmocka_unit_test(closed_groups_bring_what_is_behind_them),
        cmocka_unit_test(given_windows_of_one_start_and_two_ends_stay_apart),
        cmocka_unit_test(a_torn_state_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
