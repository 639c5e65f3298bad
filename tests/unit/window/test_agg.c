/* SPDX-License-Identifier: MIT */
/* Aggregates: Spark's answers for values, NULLs, merges; states survive saving. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "window/agg.h"

static struct arena arena;

#define NIL INT64_MIN /* NULL, in the tables below */

static struct column *longs(enum type_kind kind, const int64_t *values, uint32_t n)
{
    struct builder b;
    struct column *c;
    assert_int_equal(builder_init(&b, type_of(kind), NULL), OK);
    for (uint32_t i = 0; i < n; i++)
        if (values[i] == NIL)
            builder_null(&b);
        else if (kind == TYPE_DOUBLE)
            builder_f64(&b, (double)values[i]);
        else if (kind == TYPE_BOOLEAN)
            builder_boolean(&b, values[i] != 0);
        else
            builder_i64(&b, values[i]);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    builder_fini(&b);
    return c;
}

struct run { /* an aggregate over one or two columns */
    struct agg     agg;
    struct column *columns[AGG_ARGUMENTS_MAX];
    uint8_t       *state;
};

static void run_init(struct run *r, const char *name, struct column *x, struct column *y, double constant)
{
    const struct type         *types[AGG_ARGUMENTS_MAX] = {x ? x->type : NULL, y ? y->type : NULL};
    struct error               e = {.text = ""};
    const struct agg_constants constants = {.at = {constant}, .n = 1};
    *r = (struct run){.columns = {x, y}};
    assert_int_equal(agg_bind(agg_find(name), types, (x != NULL) + (y != NULL), constant >= 0 ? &constants : NULL,
                              &arena, &r->agg, &e),
                     OK);
    r->state = mem_zalloc(TAG_TEST, r->agg.ops->size);
}

static void run_rows(struct run *r, uint8_t *state, uint32_t from, uint32_t n)
{
    uint32_t                   rows[2000];
    uint8_t                   *states[2000];
    const struct column *const columns[] = {r->columns[0], r->columns[1]};
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = from + i;
        states[i] = state;
    }
    assert_int_equal(r->agg.ops->update(&r->agg, states, 0, columns, rows, n, NULL), OK);
}

/* Saved, freed, loaded: the state goes on as it was. */
static void run_reload(struct run *r)
{
    struct buf bytes;
    buf_init(&bytes, TAG_TEST, 1 << 20);
    r->agg.ops->save(&r->agg, r->state, &bytes);
    r->agg.ops->free(r->state);
    memset(r->state, 0, r->agg.ops->size);
    struct view v = {.data = bytes.data, .size = bytes.size};
    assert_int_equal(r->agg.ops->load(&r->agg, r->state, &v, NULL), OK);
    assert_int_equal(v.size, 0);
    v = (struct view){.data = bytes.data, .size = bytes.size - 1};
    uint8_t *torn = mem_zalloc(TAG_TEST, r->agg.ops->size);
    assert_int_equal(r->agg.ops->load(&r->agg, torn, &v, NULL), ERR_CORRUPT);
    r->agg.ops->free(torn);
    mem_free(torn);
    buf_fini(&bytes);
}

/* Rows in two epochs, with a save between them. */
static void run_epochs(struct run *r, uint32_t first, uint32_t second)
{
    uint8_t *partial = mem_zalloc(TAG_TEST, r->agg.ops->size);
    run_rows(r, partial, 0, first);
    assert_int_equal(r->agg.ops->merge(&r->agg, r->state, partial, NULL), OK);
    r->agg.ops->free(partial);
    memset(partial, 0, r->agg.ops->size);
    run_reload(r);
    run_rows(r, partial, first, second);
    assert_int_equal(r->agg.ops->merge(&r->agg, r->state, partial, NULL), OK);
    r->agg.ops->free(partial);
    mem_free(partial);
}

static struct column *run_end(struct run *r)
{
    struct builder b;
    struct column *c;
    assert_int_equal(builder_init(&b, r->agg.result, NULL), OK);
    assert_int_equal(r->agg.ops->result(&r->agg, r->state, &b, NULL), OK);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    builder_fini(&b);
    r->agg.ops->free(r->state);
    mem_free(r->state);
    return c;
}

static int64_t as_long(struct column *c)
{
    int64_t v = !column_is_valid(c, 0)          ? NIL
                : c->type->kind == TYPE_BOOLEAN ? column_u8(c)[0]
                : c->type->kind == TYPE_DOUBLE  ? (int64_t)column_f64(c)[0]
                                                : column_i64(c)[0];
    column_free(c);
    return v;
}

/* ---- */

static void whole_numbers_are_aggregated_as_spark_does(void **state)
{
    static const struct {
        const char    *name;
        enum type_kind kind;
        double         constant;
        int64_t        values[6], want;
    } cases[] = {
        {"count", TYPE_BIGINT, -1, {1, NIL, 3, 4, NIL, 6}, 4},
        {"sum", TYPE_BIGINT, -1, {1, NIL, 3, 4, NIL, 6}, 14},
        {"sum", TYPE_BIGINT, -1, {NIL, NIL, NIL, NIL, NIL, NIL}, NIL},
        {"try_sum", TYPE_BIGINT, -1, {1, NIL, 3, 4, NIL, 6}, 14},
        {"try_sum", TYPE_BIGINT, -1, {NIL, NIL, NIL, NIL, NIL, NIL}, NIL},
        {"try_sum", TYPE_BIGINT, -1, {INT64_MAX, 1, -5, 4, NIL, 6}, NIL},
        {"try_sum", TYPE_BIGINT, -1, {INT64_MAX, 0, 0, 1, NIL, 0}, NIL},
        {"try_avg", TYPE_BIGINT, -1, {1, NIL, 3, 5, NIL, 7}, 4},
        {"mode", TYPE_BIGINT, -1, {3, 1, NIL, 2, 3, NIL}, 3},
        {"mode", TYPE_BIGINT, -1, {3, 1, 2, 1, 3, 4}, 1}, /* of several the least */
        {"mode", TYPE_BIGINT, 1, {NIL, NIL, NIL, NIL, NIL, NIL}, NIL},
        {"min", TYPE_BIGINT, -1, {5, NIL, -3, 4, NIL, 6}, -3},
        {"max", TYPE_BIGINT, -1, {-5, NIL, -3, -4, NIL, -6}, -3},
        {"bit_and", TYPE_BIGINT, -1, {15, NIL, 7, 14, NIL, 6}, 6},
        {"bit_or", TYPE_BIGINT, -1, {1, NIL, 2, 8, NIL, 8}, 11},
        {"bit_xor", TYPE_BIGINT, -1, {1, NIL, 2, 8, NIL, 8}, 3},
        {"bit_xor", TYPE_BIGINT, -1, {NIL, NIL, NIL, NIL, NIL, NIL}, NIL},
        {"count_if", TYPE_BOOLEAN, -1, {1, NIL, 0, 1, 1, 0}, 3},
        {"bool_and", TYPE_BOOLEAN, -1, {1, NIL, 1, 1, NIL, 1}, 1},
        {"every", TYPE_BOOLEAN, -1, {1, NIL, 1, 0, NIL, 1}, 0},
        {"bool_or", TYPE_BOOLEAN, -1, {0, NIL, 0, 0, NIL, 1}, 1},
        {"some", TYPE_BOOLEAN, -1, {NIL, NIL, NIL, NIL, NIL, NIL}, NIL},
        {"first", TYPE_BIGINT, -1, {NIL, 2, 3, 4, 5, 6}, NIL},
        {"first", TYPE_BIGINT, 1, {NIL, 2, 3, 4, 5, 6}, 2},
        {"last", TYPE_BIGINT, -1, {1, 2, 3, 4, 5, NIL}, NIL},
        {"last", TYPE_BIGINT, 1, {1, 2, 3, 4, 5, NIL}, 5},
        {"any_value", TYPE_BIGINT, -1, {7, 2, 3, 4, 5, NIL}, 7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct column *c = longs(cases[i].kind, cases[i].values, 6);
        struct run     r;
        run_init(&r, cases[i].name, c, NULL, cases[i].constant);
        run_epochs(&r, 3, 3);
        int64_t got = as_long(run_end(&r));
        if (got != cases[i].want)
            print_error("case %zu: %s\n", i, cases[i].name);
        assert_int_equal(got, cases[i].want);
        column_free(c);
    }
}

static void a_sum_out_of_range_is_an_error(void **state)
{
    const int64_t  values[] = {INT64_MAX, 1};
    struct column *c = longs(TYPE_BIGINT, values, 2);
    struct run     r;
    struct error   e;
    uint32_t       rows[] = {0, 1};
    (void)state;
    run_init(&r, "sum", c, NULL, -1);
    uint8_t                   *states[] = {r.state, r.state};
    const struct column *const columns[] = {c};
    assert_int_equal(r.agg.ops->update(&r.agg, states, 0, columns, rows, 2, &e), ERR_DATA);
    assert_non_null(strstr(e.text, "ARITHMETIC_OVERFLOW"));
    column_free(run_end(&r));
    column_free(c);
}

static void the_value_beside_the_greatest_is_the_newest_of_equal_ones(void **state)
{
    const int64_t  values[] = {1, 2, NIL, 4, 5, 6}, order[] = {10, 30, 30, NIL, 5, 5};
    struct column *x = longs(TYPE_BIGINT, values, 6), *y = longs(TYPE_DOUBLE, order, 6);
    struct run     r;
    (void)state;
    run_init(&r, "max_by", x, y, -1);
    run_epochs(&r, 2, 4);
    assert_int_equal(as_long(run_end(&r)), NIL); /* the value beside the second 30 */
    run_init(&r, "min_by", x, y, -1);
    run_epochs(&r, 5, 1);
    assert_int_equal(as_long(run_end(&r)), 6);
    column_free(x);
    column_free(y);
}

/* Over two epochs; -9: NULL. */
static double of_pairs(const char *name, const int64_t *xs, const int64_t *ys, uint32_t n)
{
    struct column *x = longs(TYPE_DOUBLE, xs, n), *y = ys ? longs(TYPE_DOUBLE, ys, n) : NULL;
    struct run     r;
    run_init(&r, name, x, y, -1);
    run_epochs(&r, n / 2, n - n / 2);
    struct column *result = run_end(&r);
    double         v = column_is_valid(result, 0) ? column_f64(result)[0] : -9;
    column_free(result);
    column_free(x);
    column_free(y);
    return v;
}

static double moment(const char *name, const int64_t *values, uint32_t n) { return of_pairs(name, values, NULL, n); }

static void variance_of_samples_needs_two_values(void **state)
{
    const int64_t values[] = {2, 4, 4, 4, 5, 5, 7, 9}, one[] = {5, NIL}, none[] = {NIL, NIL};
    (void)state;
    assert_true(fabs(moment("var_pop", values, 8) - 4) < 1e-12);
    assert_true(fabs(moment("stddev_pop", values, 8) - 2) < 1e-12);
    assert_true(fabs(moment("variance", values, 8) - 32.0 / 7) < 1e-12);
    assert_true(fabs(moment("stddev", values, 8) - sqrt(32.0 / 7)) < 1e-12);
    assert_true(moment("var_samp", one, 2) == -9);
    assert_true(moment("var_pop", one, 2) == 0);
    assert_true(moment("stddev_pop", none, 2) == -9);
}

/* The examples of Spark's documentation; the halves are merged, so the last digits may be others. */
static void higher_moments_are_those_of_the_text_books(void **state)
{
    const int64_t values[] = {-10, -20, 100, 1000}, flat[] = {3, 3, 3};
    (void)state;
    assert_true(fabs(moment("skewness", values, 4) - 1.1135657469022013) < 1e-12);
    assert_true(fabs(moment("kurtosis", values, 4) + 0.7014368047529618) < 1e-12);
    assert_true(moment("skewness", flat, 3) == -9); /* NULL: no deviation to divide by */
    assert_true(moment("kurtosis", flat, 3) == -9);
}

static void pairs_count_when_neither_is_null(void **state)
{
    const int64_t x[] = {3, 3, NIL, 6, 7}, y[] = {2, 3, 9, 4, NIL}, one[] = {1, NIL};
    (void)state;
    assert_true(fabs(of_pairs("corr", x, y, 5) - 0.8660254037844387) < 1e-12);
    assert_true(fabs(of_pairs("covar_pop", x, y, 5) - 1) < 1e-12);
    assert_true(fabs(of_pairs("covar_samp", x, y, 5) - 1.5) < 1e-12);
    assert_true(of_pairs("covar_pop", one, one, 2) == 0);
    assert_true(of_pairs("covar_samp", one, one, 2) == -9);
    assert_true(of_pairs("corr", one, one, 2) == -9);
}

/* regr_x(y, x): the line through (2, 1), (4, 3), (8, 8), and pairs that do not count. */
static void a_line_is_laid_through_pairs(void **state)
{
    const int64_t y[] = {1, NIL, 3, 5, 8}, x[] = {2, 5, 4, NIL, 8}, flat[] = {2, 2, 2, 2, 2}, none[] = {NIL, NIL};
    (void)state;
    assert_true(fabs(of_pairs("regr_slope", y, x, 5) - 33.0 / 28) < 1e-12);
    assert_true(fabs(of_pairs("regr_intercept", y, x, 5) + 1.5) < 1e-12);
    assert_true(fabs(of_pairs("regr_sxx", y, x, 5) - 56.0 / 3) < 1e-12);
    assert_true(fabs(of_pairs("regr_sxy", y, x, 5) - 22) < 1e-12);
    assert_true(fabs(of_pairs("regr_syy", y, x, 5) - 26) < 1e-12);
    assert_true(fabs(of_pairs("regr_r2", y, x, 5) - 22.0 * 22 / (56.0 / 3 * 26)) < 1e-12);
    assert_true(of_pairs("regr_slope", y, flat, 5) == -9);
    assert_true(of_pairs("regr_intercept", y, flat, 5) == -9);
    assert_true(of_pairs("regr_r2", y, flat, 5) == 1); /* Spark's words, not those of the text books */
    assert_true(of_pairs("regr_r2", flat, x, 5) == -9);
    assert_true(of_pairs("regr_sxx", none, none, 2) == -9);
    assert_true(of_pairs("regr_sxy", none, none, 2) == -9);
}

static void xxh64_is_the_published_one(void **state)
{
    const int32_t one = 1;
    const int64_t wide = 1;
    uint8_t       bytes[100];
    (void)state;
    assert_true(xxh64("", 0, 0) == 0xef46db3751d8e999u);
    assert_true((int64_t)xxh64(&one, sizeof one, 42) == -6698625589789238999); /* Spark's xxhash64(1) */
    assert_true((int64_t)xxh64(&wide, sizeof wide, 42) == -7001672635703045582);
    assert_true((int64_t)xxh64("a", 1, 42) == -8582455328737087284);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_true(xxh64(bytes, sizeof bytes, 0) == 0x6ac1e58032166597u);
}

static int64_t distinct(int64_t n, double relative_error)
{
    struct run     r;
    int64_t        values[1000], at = 0;
    uint8_t       *partial = NULL;
    struct column *c = NULL;
    for (bool first = true; first || at < n; first = false) {
        uint32_t many = n - at < 1000 ? (uint32_t)(n - at) : 1000;
        for (uint32_t i = 0; i < many; i++)
            values[i] = at++;
        c = longs(TYPE_BIGINT, values, many);
        if (first)
            run_init(&r, "approx_count_distinct", c, NULL, relative_error);
        r.columns[0] = c;
        partial = mem_zalloc(TAG_TEST, r.agg.ops->size);
        run_rows(&r, partial, 0, many);
        run_rows(&r, partial, 0, many); /* seen before */
        assert_int_equal(r.agg.ops->merge(&r.agg, r.state, partial, NULL), OK);
        r.agg.ops->free(partial);
        mem_free(partial);
        column_free(c);
    }
    run_reload(&r);
    return as_long(run_end(&r));
}

static void distinct_values_are_counted_to_the_number_spark_gives(void **state)
{
    (void)state;
    assert_int_equal(distinct(0, -1), 0);
    assert_int_equal(distinct(10, -1), 10);
    assert_int_equal(distinct(50, -1), 52);
    assert_int_equal(distinct(100, -1), 103);
    assert_int_equal(distinct(500, -1), 484);
    assert_int_equal(distinct(1000, -1), 1026);
    assert_int_equal(distinct(10000, -1), 9571);
    assert_int_equal(distinct(1000, 0.01), 996);
    assert_int_equal(distinct(10000, 0.01), 9965);
}

/* "1,2,": the array as text. */
static void list_is(const char *name, const int64_t *values, uint32_t n, const char *want)
{
    struct column *c = longs(TYPE_BIGINT, values, n);
    struct run     r;
    char           got[4096] = "";
    run_init(&r, name, c, NULL, -1);
    run_epochs(&r, n / 2, n - n / 2);
    struct column *result = run_end(&r);
    for (uint32_t i = result->offsets[0]; i < result->offsets[1]; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%lld,", (long long)column_i64(result->children[0])[i]);
    assert_string_equal(got, want);
    column_free(result);
    column_free(c);
}

static void values_are_collected_without_nulls_and_sets_without_repeats(void **state)
{
    const int64_t values[] = {3, NIL, 1, 3, 2, 1, NIL, 3}, none[] = {NIL, NIL};
    int64_t       many[200];
    char          want[2000] = "";
    (void)state;
    list_is("collect_list", values, 8, "3,1,3,2,1,3,");
    list_is("array_agg", values, 8, "3,1,3,2,1,3,");
    list_is("collect_set", values, 8, "3,1,2,");
    list_is("collect_list", none, 2, "");
    for (int i = 0; i < 200; i++)
        many[i] = i % 100;
    for (int i = 0; i < 100; i++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "%d,", i);
    list_is("collect_set", many, 200, want);
}

static void texts_is(const char *between, const char *const *values, uint32_t n, const char *want)
{
    const struct agg_constants constants = {.text = between, .n_text = between ? (uint32_t)strlen(between) : 0};
    const struct type         *type = type_of(TYPE_STRING);
    struct builder             b;
    struct run                 r = {.columns = {NULL}};
    uint32_t                   length;
    assert_int_equal(builder_init(&b, type, NULL), OK);
    for (uint32_t i = 0; i < n; i++)
        if (values[i])
            builder_bytes(&b, values[i], strlen(values[i]));
        else
            builder_null(&b);
    assert_int_equal(builder_finish(&b, &r.columns[0], NULL), OK);
    builder_fini(&b);
    assert_int_equal(agg_bind(agg_find("listagg"), &type, 1, &constants, &arena, &r.agg, NULL), OK);
    r.state = mem_zalloc(TAG_TEST, r.agg.ops->size);
    run_epochs(&r, n / 2, n - n / 2);
    struct column *c = run_end(&r);
    assert_int_equal(column_is_valid(c, 0), want != NULL);
    const uint8_t *got = column_bytes(c, 0, &length);
    if (want)
        assert_int_equal(length, strlen(want));
    if (want)
        assert_memory_equal(got, want, length);
    column_free(c);
    column_free(r.columns[0]);
}

static void texts_stand_one_behind_the_other(void **state)
{
    (void)state;
    texts_is(", ", (const char *[]){"b", NULL, "", "a"}, 4, "b, , a");
    texts_is(NULL, (const char *[]){"b", NULL, "a", "b"}, 4, "bab");
    texts_is(",", (const char *[]){NULL, NULL}, 2, NULL);
}

static void a_list_has_a_ceiling(void **state)
{
    struct builder b;
    struct column *c;
    struct run     r;
    struct error   e;
    uint8_t       *megabyte = mem_zalloc(TAG_TEST, 1 << 20);
    uint32_t       row = 0;
    enum err       rc = OK;
    (void)state;
    assert_int_equal(builder_init(&b, type_of(TYPE_BINARY), NULL), OK);
    builder_bytes(&b, megabyte, 1 << 20);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    run_init(&r, "collect_list", c, NULL, -1);
    const struct column *const columns[] = {c};
    for (int i = 0; rc == OK && i < 100; i++)
        rc = r.agg.ops->update(&r.agg, &r.state, 0, columns, &row, 1, &e);
    assert_int_equal(rc, ERR_LIMIT);
    assert_non_null(strstr(e.text, "collect_list()"));
    r.agg.ops->free(r.state);
    mem_free(r.state);
    mem_free(megabyte);
    column_free(c);
    builder_fini(&b);
}

static void what_an_aggregate_does_not_take_is_said(void **state)
{
    const struct type   *text = type_of(TYPE_STRING), *interval = type_of(TYPE_INTERVAL), *number = type_of(TYPE_INT);
    struct agg           a;
    struct error         e;
    struct agg_constants far = {.at = {0.5}, .n = 1};
    (void)state;
    assert_int_equal(agg_bind(agg_find("SUM"), &text, 1, NULL, NULL, &a, &e), ERR_INVALID);
    assert_int_equal(agg_bind(agg_find("max"), &interval, 1, NULL, NULL, &a, &e), ERR_UNSUPPORTED);
    assert_int_equal(agg_bind(agg_find("bit_and"), &text, 1, NULL, NULL, &a, &e), ERR_INVALID);
    assert_int_equal(agg_bind(agg_find("approx_count_distinct"), &number, 1, &far, NULL, &a, &e), ERR_INVALID);
    assert_int_equal(agg_bind(agg_find("listagg"), &number, 1, NULL, NULL, &a, &e), ERR_INVALID);
    assert_null(agg_find("histogram_numeric"));
    assert_true(agg_is_name("histogram_numeric"));
    assert_null(agg_find("regr_avgx"));
    assert_true(agg_is_name("regr_avgx"));
    struct agg_constants beyond = {.is_list = true, .list = {0.5, 1.01}, .n_list = 2, .n = 1};
    struct agg_constants part = {.at = {0.5, 1.5}, .n = 2};
    assert_int_equal(agg_bind(agg_find("percentile_approx"), &number, 1, &beyond, &arena, &a, &e), ERR_INVALID);
    assert_int_equal(agg_bind(agg_find("percentile_approx"), &number, 1, &part, &arena, &a, &e), ERR_INVALID);
    assert_false(agg_is_name("upper"));
}

/* Spark 4.1: percentile_approx((id * 7919) % 100003, array(..), accuracy) over range(n) in one partition. */
static void percentiles_are_those_of_sparks_summary(void **state)
{
    static const struct {
        uint32_t n;
        int32_t  accuracy;
        int64_t  answers[8];
    } rows[] = {{1000, 10, {0, 0, 0, 15428, 41104, 65774, 99984, 99984}},
                {1000, 100, {0, 0, 0, 24856, 49638, 74010, 99984, 99984}},
                {1000, 1000, {0, 0, 801, 24670, 49731, 74811, 98885, 99984}},
                {1000, 10000, {0, 0, 913, 24763, 49843, 74923, 98978, 99984}},
                {30000, 10, {0, 0, 0, 28373, 40303, 65451, 100001, 100001}},
                {30000, 100, {0, 0, 0, 24017, 49835, 74374, 100001, 100001}},
                {30000, 1000, {0, 0, 949, 24922, 49968, 74917, 98902, 100001}},
                {30000, 10000, {0, 91, 996, 24996, 50000, 74991, 98993, 100001}},
                {200000, 10, {0, 0, 0, 28352, 40291, 65447, 100002, 100002}},
                {200000, 100, {0, 0, 0, 24070, 49840, 74917, 100002, 100002}},
                {200000, 1000, {0, 0, 1021, 25045, 50072, 74936, 98998, 100002}},
                {200000, 10000, {0, 106, 1006, 24998, 49996, 74997, 99000, 100002}}};
    static int64_t values[200000];
    (void)state;
    for (uint32_t i = 0; i < 200000; i++)
        values[i] = (int64_t)i * 7919 % 100003;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        struct agg_constants constants = {.at = {0, rows[k].accuracy},
                                          .n = 2,
                                          .is_list = true,
                                          .list = {0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0},
                                          .n_list = 8};
        const struct type   *type = type_of(TYPE_BIGINT);
        struct run           r = {.columns = {longs(TYPE_BIGINT, values, rows[k].n)}};
        assert_int_equal(agg_bind(agg_find("approx_percentile"), &type, 1, &constants, &arena, &r.agg, NULL), OK);
        r.state = mem_zalloc(TAG_TEST, r.agg.ops->size);
        for (uint32_t at = 0; at < rows[k].n; at += 1000) {
            run_rows(&r, r.state, at, 1000);
            if (at == 20000)
                run_reload(&r);
        }
        struct column *c = run_end(&r);
        assert_memory_equal(c->children[0]->values, rows[k].answers, sizeof rows[k].answers);
        column_free(c);
        column_free(r.columns[0]);
    }
}

/* Every value stays: between two of them by their distance. */
static void a_discrete_percentile_is_one_of_the_values(void **state)
{
    const int64_t              values[] = {9, NIL, 1, 4, 2};
    const struct type         *type = type_of(TYPE_DOUBLE);
    const struct agg_constants constants = {.at = {0.3}, .n = 1, .ordered = true, .descending = true};
    struct run                 r = {.columns = {longs(TYPE_DOUBLE, values, 5)}};
    (void)state;
    assert_int_equal(agg_bind(agg_find("percentile_disc"), &type, 1, &constants, &arena, &r.agg, NULL), OK);
    r.state = mem_zalloc(TAG_TEST, r.agg.ops->size);
    run_epochs(&r, 3, 2);
    assert_int_equal(as_long(run_end(&r)), 4);
    column_free(r.columns[0]);
    assert_int_equal((int64_t)of_pairs("percentile_disc", values, NULL, 5), 1); /* p = 0 */
}

static void exact_percentiles_lie_between_values(void **state)
{
    const int64_t values[] = {40, NIL, 10, 30, 20};
    (void)state;
    struct run r;
    run_init(&r, "percentile", longs(TYPE_DOUBLE, values, 5), NULL, 0.9);
    run_epochs(&r, 2, 3);
    struct column *c = run_end(&r);
    assert_true(column_f64(c)[0] == 37.0);
    column_free(c);
    column_free(r.columns[0]);
    run_init(&r, "median", longs(TYPE_DOUBLE, values, 2), NULL, -1);
    run_rows(&r, r.state, 1, 1);
    c = run_end(&r);
    assert_false(column_is_valid(c, 0));
    column_free(c);
    column_free(r.columns[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_aggregated_as_spark_does),
        cmocka_unit_test(a_sum_out_of_range_is_an_error),
        cmocka_unit_test(the_value_beside_the_greatest_is_the_newest_of_equal_ones),
        cmocka_unit_test(variance_of_samples_needs_two_values),
        cmocka_unit_test(higher_moments_are_those_of_the_text_books),
        cmocka_unit_test(pairs_count_when_neither_is_null),
        cmocka_unit_test(a_line_is_laid_through_pairs),
        cmocka_unit_test(texts_stand_one_behind_the_other),
        cmocka_unit_test(xxh64_is_the_published_one),
        cmocka_unit_test(distinct_values_are_counted_to_the_number_spark_gives),
        cmocka_unit_test(values_are_collected_without_nulls_and_sets_without_repeats),
        cmocka_unit_test(a_list_has_a_ceiling),
        cmocka_unit_test(percentiles_are_those_of_sparks_summary),
        cmocka_unit_test(exact_percentiles_lie_between_values),
        cmocka_unit_test(a_discrete_percentile_is_one_of_the_values),
        cmocka_unit_test(what_an_aggregate_does_not_take_is_said),
    };
    arena_init(&arena, TAG_TEST, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
