/* SPDX-License-Identifier: MIT */
/* File statistics of add actions: Delta's rules (StatisticsCollection), one row a case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sink/stats.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_BATCH) + alloc_bytes(TAG_TEST), 0);
    return 0;
}

/* Statistics of a file of these rows. */
static void assert_stats(const struct type *schema, struct builder *b, const char *expected)
{
    struct parquet_writer *w;
    struct column         *c, *columns[64];
    struct buf             file, stats;
    assert_int_equal(parquet_writer_new(schema, PARQUET_NONE, &w, NULL), OK);
    assert_int_equal(builder_finish(b, &c, NULL), OK);
    for (int i = 0; i < schema->n_fields; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(schema, c->n_rows, columns, NULL, NULL);
    uint32_t      n = c->n_rows;
    column_free(c);
    buf_init(&file, TAG_TEST, PARQUET_FILE_MAX);
    buf_init(&stats, TAG_TEST, 1 << 24);
    assert_int_equal(parquet_writer_add(w, batch, NULL), OK);
    assert_int_equal(parquet_writer_finish(w, &file, NULL), OK);
    delta_stats_json(w, n, &stats);
    assert_string_equal(buf_text(&stats), expected);
    buf_fini(&stats);
    buf_fini(&file);
    batch_free(batch);
    parquet_writer_free(w);
    builder_fini(b);
}

static struct builder one_column(enum type_kind kind, const struct type **schema)
{
    const struct field field[] = {{"c", type_of(kind), true}};
    struct builder     b;
    *schema = type_struct(&arena, field, 1);
    assert_int_equal(builder_init(&b, *schema, NULL), OK);
    return b;
}

#define STATS(n, min, max, nulls) \
    "{\"numRecords\":" #n ",\"minValues\":{" min "},\"maxValues\":{" max "},\"nullCount\":{" nulls "}}"

static void texts(const char *low, const char *high, const char *expected)
{
    const struct type *schema;
    struct builder     b = one_column(TYPE_STRING, &schema);
    const char        *values[] = {low, high};
    for (int i = 0; i < 2; i++) {
        builder_bytes(&b.children[0], values[i], strlen(values[i]));
        builder_struct(&b, true);
    }
    assert_stats(schema, &b, expected);
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TOP "\xf4\x8f\xbf\xbf"
#define TOP8 TOP TOP TOP TOP TOP TOP TOP TOP
#define TOP32 TOP8 TOP8 TOP8 TOP8

static void long_texts_are_cut_at_32_characters(void **state)
{
    (void)state;
    texts("", "b", STATS(2, "\"c\":\"\"", "\"c\":\"b\"", "\"c\":0"));
    texts(A32, A32, STATS(2, "\"c\":\"" A32 "\"", "\"c\":\"" A32 "\"", "\"c\":0"));
    texts(A32 "x", A32 "y", STATS(2, "\"c\":\"" A32 "\"", "\"c\":\"" A32 "\x7f\"", "\"c\":0"));
    texts(A32 "\xc3\xa9", A32 "\xc3\xa9", STATS(2, "\"c\":\"" A32 "\"", "\"c\":\"" A32 TOP "\"", "\"c\":0"));
    texts("a", A32 TOP "b", STATS(2, "\"c\":\"a\"", "\"c\":\"" A32 TOP "\x7f\"", "\"c\":0"));
    texts("a", TOP32 TOP32 TOP, STATS(2, "\"c\":\"a\"", "", "\"c\":0"));
    texts("a", TOP32 TOP, STATS(2, "\"c\":\"a\"", "\"c\":\"" TOP32 TOP "\"", "\"c\":0"));
}

static void times(enum type_kind kind, int64_t low, int64_t high, const char *expected)
{
    const struct type *schema;
    struct builder     b = one_column(kind, &schema);
    int64_t            values[] = {low, high};
    for (int i = 0; i < 2; i++) {
        if (kind == TYPE_DATE)
            builder_i32(&b.children[0], (int32_t)values[i]);
        else
            builder_i64(&b.children[0], values[i]);
        builder_struct(&b, true);
    }
    assert_stats(schema, &b, expected);
}

static void timestamps_are_whole_milliseconds_around_the_values(void **state)
{
    (void)state;
    times(TYPE_TIMESTAMP, 1700000000123456, 1700000000123456,
          STATS(2, "\"c\":\"2023-11-14T22:13:20.123Z\"", "\"c\":\"2023-11-14T22:13:20.124Z\"", "\"c\":0"));
    times(TYPE_TIMESTAMP, -1, 0,
          STATS(2, "\"c\":\"1969-12-31T23:59:59.999Z\"", "\"c\":\"1970-01-01T00:00:00.000Z\"", "\"c\":0"));
    times(TYPE_TIMESTAMP, INT64_MIN, INT64_MAX, STATS(2, "", "", "\"c\":0")); /* no text that every reader takes */
    times(TYPE_DATE, -719162, 2932896, STATS(2, "\"c\":\"0001-01-01\"", "\"c\":\"9999-12-31\"", "\"c\":0"));
    times(TYPE_DATE, -719163, 0, STATS(2, "", "", "\"c\":0"));
}

static void reals(double low, double high, const char *expected)
{
    const struct type *schema;
    struct builder     b = one_column(TYPE_DOUBLE, &schema);
    builder_f64(&b.children[0], low);
    builder_struct(&b, true);
    builder_f64(&b.children[0], high);
    builder_struct(&b, true);
    builder_null(&b.children[0]);
    builder_struct(&b, true);
    assert_stats(schema, &b, expected);
}

static void doubles_without_json_form_have_no_bounds(void **state)
{
    (void)state;
    reals(-1.5, 1e300, STATS(3, "\"c\":-1.5", "\"c\":1.0E300", "\"c\":1"));
    reals(1, (double)NAN, STATS(3, "", "", "\"c\":1"));
    reals(1, (double)INFINITY, STATS(3, "", "", "\"c\":1"));
}

static void kinds_without_order_have_counts_only(void **state)
{
    const struct field fields[] = {
        {"b", type_of(TYPE_BOOLEAN), true}, {"x", type_of(TYPE_BINARY), true}, {"t", type_of(TYPE_TINYINT), true}};
    const struct type *schema = type_struct(&arena, fields, 3);
    struct builder     b;
    (void)state;
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    builder_boolean(&b.children[0], true);
    builder_null(&b.children[1]);
    builder_i8(&b.children[2], -128);
    builder_struct(&b, true);
    assert_stats(schema, &b, STATS(1, "\"t\":-128", "\"t\":-128", "\"b\":0,\"x\":1,\"t\":0"));
}

static void structs_are_mirrored_and_32_leaves_told(void **state)
{
    static char    names[40][16];
    struct field   inner[20], fields[20];
    struct builder b;
    char           nulls[2000] = "", values[2000] = "", expected[7000];
    (void)state;
    for (int i = 0; i < 40; i++)
        snprintf(names[i], sizeof names[i], "c%d", i);
    for (int i = 0; i < 20; i++)
        inner[i] = (struct field){names[i], type_of(TYPE_INT), true};
    fields[0] = (struct field){"s", type_struct(&arena, inner, 20), true};
    for (int i = 1; i < 20; i++)
        fields[i] = (struct field){names[20 + i], type_of(TYPE_INT), true};
    const struct type *schema = type_struct(&arena, fields, 20);
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (int i = 0; i < 20; i++)
        builder_i32(&b.children[0].children[i], i);
    builder_struct(&b.children[0], true);
    for (int i = 1; i < 20; i++)
        builder_i32(&b.children[i], i);
    builder_struct(&b, true);
    for (int i = 0; i < 20; i++) {
        sprintf(values + strlen(values), "%s\"c%d\":%d", i ? "," : "\"s\":{", i, i);
        sprintf(nulls + strlen(nulls), "%s\"c%d\":0", i ? "," : "\"s\":{", i);
    }
    strcat(values, "}");
    strcat(nulls, "}");
    for (int i = 1; i <= 12; i++) {
        sprintf(values + strlen(values), ",\"c%d\":%d", 20 + i, i);
        sprintf(nulls + strlen(nulls), ",\"c%d\":0", 20 + i);
    }
    snprintf(expected, sizeof expected, "{\"numRecords\":1,\"minValues\":{%s},\"maxValues\":{%s},\"nullCount\":{%s}}",
             values, values, nulls);
    assert_stats(schema, &b, expected);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(long_texts_are_cut_at_32_characters), T(timestamps_are_whole_milliseconds_around_the_values),
        T(doubles_without_json_form_have_no_bounds), T(kinds_without_order_have_counts_only),
        T(structs_are_mirrored_and_32_leaves_told)};
    return cmocka_run_group_tests_name("sink stats", tests, NULL, NULL);
}
