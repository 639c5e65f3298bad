/* SPDX-License-Identifier: MIT */
/* The operator's two halves: which windows a row falls into, many groups, ceilings, and state that was saved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "window/group_table.h"
#include "window/window.h"

#define SECOND ((int64_t)1000000)

static struct error e;

/* ---- arithmetic ---- */

static int64_t last_start(int64_t size_s, int64_t slide_s, int64_t start_s, int64_t event_us)
{
    struct window_spec w;
    assert_int_equal(window_spec_init(&w, size_s * SECOND, slide_s * SECOND, start_s * SECOND, &e), OK);
    return window_last_start(&w, event_us);
}

static void windows_are_aligned_to_1970_and_times_before_it_round_down(void **state)
{
    (void)state;
    assert_int_equal(last_start(10, 10, 0, 0), 0);
    assert_int_equal(last_start(10, 10, 0, 10 * SECOND - 1), 0);
    assert_int_equal(last_start(10, 10, 0, 10 * SECOND), 10 * SECOND);
    assert_int_equal(last_start(10, 10, 0, -1), -10 * SECOND);
    assert_int_equal(last_start(10, 10, 0, -10 * SECOND), -10 * SECOND);
    assert_int_equal(last_start(10, 10, 0, -10 * SECOND - 1), -20 * SECOND);
    assert_int_equal(last_start(10, 5, 3, 3 * SECOND), 3 * SECOND);
    assert_int_equal(last_start(10, 5, 3, 3 * SECOND - 1), -2 * SECOND);
    assert_int_equal(last_start(10, 5, -3, 2 * SECOND), 2 * SECOND);
    assert_int_equal(last_start(10, 5, -3, 2 * SECOND - 1), -3 * SECOND);
    assert_int_equal(last_start(604800, 604800, 0, 0), 0); /* a week begins on the Thursday of 1970-01-01 */
}

static void specs_out_of_range_are_refused_with_the_reason(void **state)
{
    static const struct {
        int64_t     size_us, slide_us, start_us;
        const char *said;
    } rows[] = {{0, 1, 0, "greater than 0"},
                {-1, 1, 0, "greater than 0"},
                {1, 0, 0, "slide"},
                {1, 2, 0, "at most the window"},
                {10, 5, 5, "absolute value"},
                {10, 5, -5, "absolute value"},
                {WINDOW_OVERLAP_MAX + 1, 1, 0, "more than"}};
    struct window_spec w;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(window_spec_init(&w, rows[i].size_us, rows[i].slide_us, rows[i].start_us, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, rows[i].said));
    }
    assert_int_equal(window_spec_init(&w, 10, 4, 0, &e), OK);
    assert_int_equal(window_overlap(&w), 3);
    assert_int_equal(window_spec_init(&w, WINDOW_OVERLAP_MAX, 1, 0, &e), OK);
}

/* ---- an operator with count(*), sum(v) and min(k), keyed by k and d ---- */

enum { TS, K, D, V, N_INPUT };

static struct job {
    struct arena            arena;
    struct window_plan      plan;
    struct window_aggregate aggregates[3];
    struct tally            tally;
    struct flow_context     context;
    struct op              *op;
    struct window_state    *state;
} job;

static int n_late_told; /* rows that were reported late */

static enum err tell(struct side *s, enum side_kind kind, const struct raw_batch *raw, const struct raw_record *record,
                     const char *reason, const char *detail, struct error *why)
{
    (void)s;
    (void)raw;
    (void)record;
    (void)reason;
    (void)detail;
    (void)why;
    assert_int_equal(kind, SIDE_LATE);
    n_late_told++;
    return OK;
}
static const struct side_ops side_ops = {.row = tell};
static struct side           side = {.ops = &side_ops};

static void aggregate(struct window_aggregate *a, const char *name, const struct type *argument, int column)
{
    assert_int_equal(agg_bind(agg_find(name), &argument, argument ? 1 : 0, NULL, NULL, &a->agg, &e), OK);
    a->arguments[0] = column;
    a->filter = -1;
}

static void open_job(int64_t size_us, int64_t slide_us, size_t limit_bytes)
{
    static const int   keys[] = {K, D};
    const struct field input[N_INPUT] = {{"ts", type_of(TYPE_TIMESTAMP), true},
                                         {"k", type_of(TYPE_STRING), true},
                                         {"d", type_of(TYPE_DOUBLE), true},
                                         {"v", type_of(TYPE_BIGINT), true}};
    const struct field ends[] = {{"start", type_of(TYPE_TIMESTAMP), true}, {"end", type_of(TYPE_TIMESTAMP), true}};
    memset(&job, 0, sizeof job);
    n_late_told = 0;
    arena_init(&job.arena, TAG_TEST, 1 << 20);
    aggregate(&job.aggregates[0], "count", NULL, -1);
    aggregate(&job.aggregates[1], "sum", type_of(TYPE_BIGINT), V);
    aggregate(&job.aggregates[2], "min", type_of(TYPE_STRING), K);
    const struct field result[] = {{"window", type_struct(&job.arena, ends, 2), true},
                                   {"k", type_of(TYPE_STRING), true},
                                   {"d", type_of(TYPE_DOUBLE), true},
                                   {"n", type_of(TYPE_BIGINT), true},
                                   {"s", type_of(TYPE_BIGINT), true},
                                   {"lo", type_of(TYPE_STRING), true}};
    job.plan = (struct window_plan){.input = type_struct(&job.arena, input, N_INPUT),
                                    .result = type_struct(&job.arena, result, 6),
                                    .event_column = TS,
                                    .keys = keys,
                                    .n_keys = 2,
                                    .aggregates = job.aggregates,
                                    .n_aggregates = 3,
                                    .limit_bytes = limit_bytes};
    assert_int_equal(window_spec_init(&job.plan.spec, size_us, slide_us, 0, &e), OK);
    job.context = (struct flow_context){.tally = &job.tally, .side = &side};
    assert_int_equal(op_window_new(&job.plan, &job.context, &job.op, &e), OK);
    assert_int_equal(window_state_new(&job.plan, &job.state, &e), OK);
}

static void close_job(void)
{
    job.op->ops->free(job.op);
    window_state_free(job.state);
    mem_free(job.tally.slots);
    arena_fini(&job.arena);
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
}

static void forget_batch(struct raw_batch *raw)
{
    mem_free(raw->records);
    mem_free(raw);
}

static struct raw_batch *raw_of(uint32_t n)
{
    struct raw_batch *raw = mem_zalloc(TAG_TEST, sizeof *raw);
    *raw = (struct raw_batch){.topic = "t", .n_records = n, .release = forget_batch};
    raw->refs = 1;
    raw->records = mem_zalloc(TAG_TEST, (n + 1) * sizeof *raw->records);
    return raw;
}

struct row {
    int64_t     ts;
    const char *k; /* NULL: NULL */
    double      d;
    int64_t     v;
};

static enum err push(const struct row *rows, uint32_t n)
{
    struct builder    b;
    struct column    *c, *columns[N_INPUT];
    struct raw_batch *raw = raw_of(n);
    assert_int_equal(builder_init(&b, job.plan.input, NULL), OK);
    for (uint32_t i = 0; i < n; i++) {
        builder_i64(&b.children[TS], rows[i].ts);
        if (rows[i].k)
            builder_bytes(&b.children[K], rows[i].k, strlen(rows[i].k));
        else
            builder_null(&b.children[K]);
        builder_f64(&b.children[D], rows[i].d);
        builder_i64(&b.children[V], rows[i].v);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    for (int i = 0; i < N_INPUT; i++)
        columns[i] = column_ref(c->children[i]);
    struct flow_msg msg = {.kind = FLOW_BATCH, .batch = batch_new(job.plan.input, n, columns, raw, NULL)};
    column_free(c);
    builder_fini(&b);
    raw_batch_free(raw);
    return job.op->ops->push(job.op, &msg, &e);
}

static enum err merge(void)
{
    struct group_table *partial;
    enum err            rc = window_take_partial(job.op, &partial, &e);
    return rc == OK ? window_state_merge(job.state, partial, &e) : rc;
}

/* Closed rows, in order of window and encoded key, as lines "start k d n s lo". */
static enum err print_closed(void *arg, struct batch *b, const struct flow_behind *behind, struct error *why)
{
    struct buf *out = arg;
    (void)why;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        uint32_t       n = 0, m = 0;
        const uint8_t *k = column_is_valid(b->columns[1], i) ? column_bytes(b->columns[1], i, &n) : NULL;
        const uint8_t *lo = column_is_valid(b->columns[5], i) ? column_bytes(b->columns[5], i, &m) : NULL;
        int64_t        count = column_i64(b->columns[3])[i];
        assert_int_equal(behind[i].effects, count);
        buf_printf(out, "%lld %.*s %g %lld %lld %.*s\n",
                   (long long)(column_i64(b->columns[0]->children[0])[i] / SECOND), k ? (int)n : 1,
                   k ? (const char *)k : "-", column_f64(b->columns[2])[i], (long long)count,
                   (long long)column_i64(b->columns[4])[i], lo ? (int)m : 1, lo ? (const char *)lo : "-");
    }
    batch_free(b);
    return OK;
}

static void closes(int64_t evict_ms, const char *expected)
{
    struct buf out;
    int64_t    effects;
    buf_init(&out, TAG_TEST, 1 << 20);
    assert_int_equal(window_state_close(job.state, evict_ms, print_closed, &out, &effects, &e), OK);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

/* ---- tests ---- */

static void groups_add_up_over_epochs_and_close_in_order(void **state)
{
    static const struct row first[] = {{1 * SECOND, "b", 1, 10},
                                       {2 * SECOND, "a", 1, 1},
                                       {3 * SECOND, "b", 1, 5},
                                       {4 * SECOND, NULL, 1, 7},
                                       {12 * SECOND, "b", 1, 2}};
    static const struct row second[] = {{9 * SECOND, "b", 1, -20}, {9 * SECOND, "b", 2, 3}};
    (void)state;
    open_job(10 * SECOND, 10 * SECOND, 1 << 20);
    job.context.epoch = 4;
    assert_int_equal(push(first, 5), OK);
    assert_int_equal(merge(), OK);
    job.context.epoch = 5;
    assert_int_equal(push(second, 2), OK);
    assert_int_equal(merge(), OK);
    assert_int_equal(window_state_groups(job.state), 5);
    assert_int_equal(window_state_effects(job.state), 7);
    assert_int_equal(window_state_first_epoch(job.state), 4);
    assert_int_equal(window_state_next_end(job.state), 10 * SECOND);
    closes(9999, "");
    closes(10000, "0 - 1 1 7 -\n0 a 1 1 1 a\n0 b 2 1 3 b\n0 b 1 3 -5 b\n");
    assert_int_equal(window_state_groups(job.state), 1);
    assert_int_equal(window_state_effects(job.state), 1);
    assert_int_equal(window_state_next_end(job.state), 20 * SECOND);
    closes(20000, "10 b 1 1 2 b\n");
    assert_int_equal(window_state_first_epoch(job.state), INT64_MAX);
    close_job();
}

static void late_is_judged_per_window(void **state)
{
    static const struct row rows[] = {{4 * SECOND, "a", 0, 1}, {6 * SECOND, "a", 0, 1}, {11 * SECOND, "a", 0, 1}};
    (void)state;
    open_job(10 * SECOND, 5 * SECOND, 1 << 20);
    job.context.late_ms = 10000;
    assert_int_equal(push(rows, 3), OK);
    assert_int_equal(merge(), OK);
    assert_int_equal(job.tally.late, 3); /* 4 s in [-5, 5) and [0, 10), 6 s in [0, 10) */
    assert_int_equal(n_late_told, 3);
    assert_int_equal(job.tally.fan_out, 3);
    assert_int_equal(job.tally.slots[0].passed, 3);
    closes(INT64_MAX / 2000, "5 a 0 2 2 a\n10 a 0 1 1 a\n");
    close_job();
}

static void twenty_thousand_groups(void **state)
{
    char       names[100][8];
    struct row rows[100];
    int64_t    effects;
    struct buf out;
    (void)state;
    open_job(SECOND, SECOND, (size_t)64 << 20);
    for (int w = 0; w < 200; w++) {
        for (int i = 0; i < 100; i++) {
            snprintf(names[i], sizeof names[i], "k%d", i);
            rows[i] = (struct row){(int64_t)w * SECOND + i, names[i], 0, i};
        }
        job.context.epoch = w;
        assert_int_equal(push(rows, 100), OK);
        assert_int_equal(push(rows, 50), OK);
        assert_int_equal(merge(), OK);
    }
    assert_int_equal(window_state_groups(job.state), 20000);
    buf_init(&out, TAG_TEST, (size_t)16 << 20);
    assert_int_equal(window_state_close(job.state, 100 * 1000, print_closed, &out, &effects, &e), OK);
    assert_int_equal(effects, 100 * 150);
    assert_int_equal(window_state_groups(job.state), 10000);
    assert_int_equal(window_state_first_epoch(job.state), 100);
    buf_fini(&out);
    close_job();
}

static void no_memory_is_not_called_a_ceiling(void **state)
{
    struct group_table *t;
    uint8_t             key[16] = {0};
    (void)state;
    open_job(SECOND, SECOND, 64 << 20);
    assert_int_equal(group_table_new(&job.plan, &t, &e), OK);
    alloc_fail_at(1, 1 << 20);
    assert_null(group_table_find(t, &(struct group){.key = key, .key_bytes = sizeof key}, &e));
    alloc_fail_at(0, 0);
    assert_int_equal(e.code, ERR_NO_MEMORY);
    group_table_free(t);
    close_job();
}

static void the_ceiling_is_named(void **state)
{
    char       name[64];
    enum err   rc = OK;
    struct row row = {0, name, 0, 1};
    (void)state;
    open_job(SECOND, SECOND, 64 << 10);
    for (int i = 0; rc == OK && i < 100000; i++) {
        snprintf(name, sizeof name, "a key that takes some bytes %d", i);
        rc = push(&row, 1);
    }
    assert_int_equal(rc, ERR_LIMIT);
    assert_non_null(strstr(e.text, "window"));
    close_job();
}

static void save_some(struct buf *out)
{
    static const struct row rows[] = {{1 * SECOND, "b", 1, 10},
                                      {2 * SECOND, NULL, -0.0, 1},
                                      {-3 * SECOND, "", 0, 5},
                                      {12 * SECOND, "long enough", 3, 2}};
    job.context.epoch = 7;
    assert_int_equal(push(rows, 4), OK);
    assert_int_equal(merge(), OK);
    window_state_save(job.state, out);
    assert_int_equal(buf_check(out, "state", &e), OK);
}

static void saved_and_loaded_state_is_the_same_to_the_byte(void **state)
{
    struct buf out, again;
    (void)state;
    open_job(10 * SECOND, 5 * SECOND, 1 << 20);
    buf_init(&out, TAG_TEST, 1 << 20);
    buf_init(&again, TAG_TEST, 1 << 20);
    save_some(&out);
    struct view v = {.data = out.data, .size = out.size};
    assert_int_equal(window_state_load(job.state, &v, &e), OK); /* replaces what is there */
    assert_int_equal(v.size, 0);
    window_state_save(job.state, &again);
    assert_int_equal(again.size, out.size);
    assert_memory_equal(again.data, out.data, out.size);
    assert_int_equal(window_state_effects(job.state), 7); /* [-10, 0) was late */
    assert_int_equal(window_state_first_epoch(job.state), 7);
    buf_fini(&out);
    buf_fini(&again);
    close_job();
}

static void an_empty_state_is_saved_too(void **state)
{
    struct buf out;
    (void)state;
    open_job(SECOND, SECOND, 1 << 20);
    buf_init(&out, TAG_TEST, 1 << 20);
    window_state_save(job.state, &out);
    struct view v = {.data = out.data, .size = out.size};
    assert_int_equal(buf_check(&out, "state", &e), OK);
    assert_int_equal(window_state_load(job.state, &v, &e), OK);
    assert_int_equal(window_state_groups(job.state), 0);
    buf_fini(&out);
    close_job();
}

static enum err drop_closed(void *arg, struct batch *b, const struct flow_behind *behind, struct error *why)
{
    (void)arg;
    (void)behind;
    (void)why;
    batch_free(b);
    return OK;
}

/* Exact copies on the heap, so that a sanitizer sees a read past the end. */
static enum err load_copy(const uint8_t *bytes, size_t n)
{
    int64_t     effects;
    uint8_t    *copy = mem_alloc(TAG_TEST, n);
    struct view v = {.data = copy, .size = n};
    memcpy(copy, bytes, n);
    enum err rc = window_state_load(job.state, &v, &e);
    mem_free(copy);
    if (rc == OK)
        rc = window_state_close(job.state, INT64_MAX / 2000, drop_closed, NULL, &effects, &e);
    return rc;
}

static void state_cut_short_anywhere_is_corrupt(void **state)
{
    struct buf out;
    (void)state;
    open_job(10 * SECOND, 5 * SECOND, 1 << 20);
    buf_init(&out, TAG_TEST, 1 << 20);
    save_some(&out);
    for (size_t n = 0; n < out.size; n++)
        assert_int_equal(load_copy(out.data, n), ERR_CORRUPT);
    assert_int_equal(load_copy(out.data, out.size), OK);
    buf_fini(&out);
    close_job();
}

static void state_with_a_flipped_bit_is_never_a_crash(void **state)
{
    struct buf out;
    (void)state;
    open_job(10 * SECOND, 5 * SECOND, 1 << 20);
    buf_init(&out, TAG_TEST, 1 << 20);
    save_some(&out);
    for (size_t bit = 0; bit < out.size * 8; bit++) {
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err rc = load_copy(out.data, out.size);
        assert_true(rc == OK || rc == ERR_CORRUPT || rc == ERR_LIMIT || rc == ERR_DATA);
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buf_fini(&out);
    close_job();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_aligned_to_1970_and_times_before_it_round_down),
        cmocka_unit_test(specs_out_of_range_are_refused_with_the_reason),
        cmocka_unit_test(groups_add_up_over_epochs_and_close_in_order),
        cmocka_unit_test(late_is_judged_per_window),
        cmocka_unit_test(twenty_thousand_groups),
        cmocka_unit_test(no_memory_is_not_called_a_ceiling),
        cmocka_unit_test(the_ceiling_is_named),
        cmocka_unit_test(saved_and_loaded_state_is_the_same_to_the_byte),
        cmocka_unit_test(an_empty_state_is_saved_too),
        cmocka_unit_test(state_cut_short_anywhere_is_corrupt),
        cmocka_unit_test(state_with_a_flipped_bit_is_never_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
