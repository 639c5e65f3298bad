/* SPDX-License-Identifier: MIT */
/* What the writer wrote comes back; what somebody broke is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "parquet/reader.h"
#include "parquet/writer.h"

static struct arena       arena;
static const struct type *schema;

#define N_COLUMNS 12

/* ARRAY<STRUCT<a: INT, b: ARRAY<STRING>>> */
static const struct type *deep_list(void)
{
    const struct field f[] = {{"a", type_of(TYPE_INT), true},
                              {"b", type_array(&arena, type_of(TYPE_STRING), true), true}};
    return type_array(&arena, type_struct(&arena, f, 2), true);
}

/* MAP<STRING, ARRAY<BIGINT>> */
static const struct type *deep_map(void)
{
    return type_map(&arena, type_of(TYPE_STRING), type_array(&arena, type_of(TYPE_BIGINT), true), true);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    const struct field inner[] = {{"x", type_of(TYPE_INT), true}, {"y", type_of(TYPE_STRING), true}};
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true},     {"n", type_of(TYPE_BIGINT), true},
                                   {"d", type_of(TYPE_DOUBLE), true},     {"b", type_of(TYPE_BOOLEAN), true},
                                   {"t", type_of(TYPE_TINYINT), true},    {"day", type_of(TYPE_DATE), true},
                                   {"ts", type_of(TYPE_TIMESTAMP), true}, {"m", type_decimal(10, 2), true},
                                   {"big", type_decimal(30, 2), true},    {"s", type_struct(&arena, inner, 2), true},
                                   {"list", deep_list(), true},           {"map", deep_map(), true}};
    schema = type_struct(&arena, fields, N_COLUMNS);
    return schema ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_BATCH) + alloc_bytes(TAG_TEST), 0);
    return 0;
}

/* Every shape: NULL, empty, elements that are NULL, lists in lists that are NULL, empty, or not. */
static void put_list(struct builder *b, int64_t i)
{
    struct builder *row = &b->children[0], *texts = &row->children[1];
    if (i % 5 == 0) {
        builder_null(b);
        return;
    }
    for (int64_t k = 0; k < i % 5 - 1; k++) {
        if ((i + k) % 6 == 0) {
            builder_null(row);
            continue;
        }
        if ((i + k) % 4 == 0)
            builder_null(&row->children[0]);
        else
            builder_i32(&row->children[0], (int32_t)(i + k));
        if ((i + k) % 3 == 0) {
            builder_null(texts);
        } else {
            for (int64_t m = 0; m < (i + k) % 4; m++)
                if (m == 1)
                    builder_null(&texts->children[0]);
                else
                    builder_bytes(&texts->children[0], "some text", (size_t)((i + m) % 10));
            builder_list(texts);
        }
        builder_struct(row, true);
    }
    builder_list(b);
}

static void put_map(struct builder *b, int64_t i)
{
    char key[24];
    if (i % 7 == 3) {
        builder_null(b);
        return;
    }
    for (int64_t k = 0; k < i % 3; k++) {
        snprintf(key, sizeof key, "%lld", (long long)(i * 10 + k));
        builder_bytes(&b->children[0], key, strlen(key));
        if ((i + k) % 5 == 0) {
            builder_null(&b->children[1]);
            continue;
        }
        for (int64_t m = 0; m < (i + k) % 4; m++)
            builder_i64(&b->children[1].children[0], i * m);
        builder_list(&b->children[1]);
    }
    builder_list(b);
}

static void put_row(struct builder *b, int64_t i, int64_t n_texts)
{
    char text[40];
    snprintf(text, sizeof text, "text %lld", (long long)(i % n_texts));
    if (i % 7 == 0)
        builder_null(&b->children[0]);
    else
        builder_bytes(&b->children[0], text, i % 11 == 0 ? 0 : strlen(text));
    builder_i64(&b->children[1], i * 1000003);
    if (i % 3 == 0)
        builder_null(&b->children[2]);
    else
        builder_f64(&b->children[2], (double)i / 3);
    builder_boolean(&b->children[3], i % 5 == 1);
    builder_i8(&b->children[4], (int8_t)(i % 256 - 128));
    builder_i32(&b->children[5], (int32_t)(i % 30000) - 10000);
    builder_i64(&b->children[6], i * 1000 - 5000000);
    builder_decimal(&b->children[7], (int128)i * 7 - 100);
    builder_decimal(&b->children[8], -((int128)i << 60));
    struct builder *s = &b->children[9];
    if (i % 4 == 0) {
        builder_null(s);
    } else {
        if (i % 4 == 1)
            builder_null(&s->children[0]);
        else
            builder_i32(&s->children[0], (int32_t)i);
        builder_bytes(&s->children[1], text, strlen(text));
        builder_struct(s, true);
    }
    put_list(&b->children[10], i);
    put_map(&b->children[11], i);
    builder_struct(b, true);
}

static struct batch *make(int64_t n, int64_t n_texts)
{
    struct builder b;
    struct column *rows, *columns[N_COLUMNS];
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (int64_t i = 0; i < n; i++)
        put_row(&b, i, n_texts);
    assert_int_equal(builder_finish(&b, &rows, NULL), OK);
    for (int i = 0; i < N_COLUMNS; i++)
        columns[i] = column_ref(rows->children[i]);
    column_free(rows);
    builder_fini(&b);
    return batch_new(schema, (size_t)n, columns, NULL, NULL);
}

static void write_file(const struct batch *b, enum parquet_codec codec, struct buf *file)
{
    struct parquet_writer *w;
    buf_init(file, TAG_TEST, PARQUET_FILE_MAX);
    assert_int_equal(parquet_writer_new(schema, codec, &w, NULL), OK);
    assert_int_equal(parquet_writer_add(w, b, NULL), OK);
    assert_int_equal(parquet_writer_finish(w, file, NULL), OK);
    parquet_writer_free(w);
}

/* Equal as the builder sees it: both columns give the same bytes when built anew. */
static void assert_same(const struct column *a, const struct column *b, uint32_t n)
{
    assert_true(type_equal(a->type, b->type));
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(column_is_valid(a, i), column_is_valid(b, i));
        if (!column_is_valid(a, i))
            continue;
        if (a->type->kind == TYPE_STRING) {
            uint32_t       x, y;
            const uint8_t *p = column_bytes(a, i, &x), *q = column_bytes(b, i, &y);
            assert_int_equal(x, y);
            assert_memory_equal(p, q, x);
        } else if (a->type->kind == TYPE_ARRAY || a->type->kind == TYPE_MAP) {
            assert_int_equal(a->offsets[i + 1] - a->offsets[i], b->offsets[i + 1] - b->offsets[i]);
        } else if (a->type->kind != TYPE_STRUCT) {
            size_t width = type_width(a->type);
            assert_memory_equal((const uint8_t *)a->values + i * width, (const uint8_t *)b->values + i * width, width);
        }
    }
    for (int c = 0; c < 1 + (a->type->kind == TYPE_MAP) && (a->type->kind == TYPE_ARRAY || a->type->kind == TYPE_MAP);
         c++) {
        assert_int_equal(a->offsets[n], b->offsets[n]);
        assert_same(a->children[c], b->children[c], a->offsets[n]);
    }
    for (int c = 0; a->type->kind == TYPE_STRUCT && c < a->type->n_fields; c++) {
        struct column *x = column_field(a, (size_t)c), *y = column_field(b, (size_t)c);
        assert_same(x, y, n);
        column_free(x);
        column_free(y);
    }
}

static void come_back(int64_t n, int64_t n_texts, enum parquet_codec codec)
{
    struct batch          *b = make(n, n_texts), *got;
    struct parquet_reader *r;
    struct buf             file;
    struct error           e = {0};
    write_file(b, codec, &file);
    if (parquet_reader_new(file.data, file.size, schema, &r, &e) != OK)
        fail_msg("%s", e.text);
    assert_int_equal(parquet_reader_rows(r), n);
    assert_int_equal(parquet_reader_groups(r), 1);
    if (parquet_reader_group(r, 0, 0, &got, &e) != OK)
        fail_msg("%s", e.text);
    assert_int_equal(got->n_rows, n);
    for (int c = 0; c < N_COLUMNS; c++)
        assert_same(b->columns[c], got->columns[c], (uint32_t)n);
    batch_free(got);
    assert_int_equal(parquet_reader_group(r, 0, 3, &got, &e), OK);
    assert_int_equal(got->n_rows, n < 3 ? n : 3);
    batch_free(got);
    parquet_reader_free(r);
    buf_fini(&file);
    batch_free(b);
}

static void every_type_comes_back_whatever_the_codec(void **state)
{
    (void)state;
    come_back(1, 1, PARQUET_NONE);
    come_back(1000, 3, PARQUET_SNAPPY);
    come_back(50000, 5, PARQUET_ZSTD);       /* dictionaries, several pages */
    come_back(50000, 1000000, PARQUET_ZSTD); /* plain */
}

static void a_column_that_is_younger_than_the_file_reads_as_null(void **state)
{
    struct batch          *b = make(10, 3), *got;
    struct parquet_reader *r;
    struct buf             file;
    (void)state;
    const struct field inner[] = {{"z", type_of(TYPE_INT), true}};
    const struct field more[] = {{"c", type_of(TYPE_BIGINT), true}, {"a", type_of(TYPE_INT), true}};
    const struct field fields[] = {{"n", type_of(TYPE_BIGINT), true},
                                   {"new", type_of(TYPE_STRING), true},
                                   {"news", type_struct(&arena, inner, 1), true},
                                   {"lists", deep_list(), true},
                                   {"list", type_array(&arena, type_struct(&arena, more, 2), true), true}};
    const struct type *wider = type_struct(&arena, fields, 5);
    write_file(b, PARQUET_ZSTD, &file);
    assert_int_equal(parquet_reader_new(file.data, file.size, wider, &r, NULL), OK);
    assert_int_equal(parquet_reader_group(r, 0, 0, &got, NULL), OK);
    assert_int_equal(column_i64(got->columns[0])[9], 9 * 1000003);
    assert_false(column_is_valid(got->columns[1], 9));
    assert_false(column_is_valid(got->columns[2], 9));
    assert_false(column_is_valid(got->columns[3], 9));
    const struct column *list = got->columns[4], *row = list->children[0]; /* row 7 has one element, of a = 7 */
    assert_int_equal(list->offsets[8] - list->offsets[7], 1);
    assert_int_equal(column_i32(row->children[1])[list->offsets[7]], 7);
    assert_false(column_is_valid(row->children[0], list->offsets[7]));
    batch_free(got);
    parquet_reader_free(r);
    buf_fini(&file);
    batch_free(b);
}

/* The plain field has no repetition levels: they were copied from where there were none. */
static void a_plain_field_beside_a_list_in_a_struct_is_read(void **state)
{
    (void)state;
    const struct field     inner[] = {{"id", type_of(TYPE_STRING), true},
                                      {"names", type_array(&arena, type_of(TYPE_STRING), true), true}};
    const struct field     top[] = {{"s", type_struct(&arena, inner, 2), true}};
    const struct type     *whole = type_struct(&arena, top, 1), *before = schema;
    struct builder         b;
    struct column         *rows, *columns[1];
    struct batch          *got;
    struct parquet_reader *r;
    struct buf             file;
    assert_int_equal(builder_init(&b, whole, NULL), OK);
    for (int i = 0; i < 3000; i++) {
        if (i % 3 == 0) {
            builder_null(&b.children[0]);
        } else {
            builder_bytes(&b.children[0].children[0], "me", 2);
            builder_bytes(&b.children[0].children[1].children[0], "a name", 6);
            builder_list(&b.children[0].children[1]);
            builder_struct(&b.children[0], true);
        }
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &rows, NULL), OK);
    builder_fini(&b);
    columns[0] = column_ref(rows->children[0]);
    column_free(rows);
    struct batch *made = batch_new(whole, 3000, columns, NULL, NULL);
    schema = whole;
    write_file(made, PARQUET_SNAPPY, &file);
    schema = before;
    assert_int_equal(parquet_reader_new(file.data, file.size, whole, &r, NULL), OK);
    assert_int_equal(parquet_reader_group(r, 0, 0, &got, NULL), OK);
    assert_same(made->columns[0], got->columns[0], 3000);
    parquet_reader_free(r);
    batch_free(got);
    batch_free(made);
    buf_fini(&file);
}

/* Each byte of the file changed in turn: an answer, or a refusal; never a crash, and never a page with a wrong sum. */
static void a_broken_file_is_refused_or_read_never_believed(void **state)
{
    struct batch          *b = make(200, 7), *got;
    struct parquet_reader *r;
    struct buf             file;
    struct error           e;
    int                    refused = 0;
    (void)state;
    write_file(b, PARQUET_NONE, &file);
    for (size_t at = 0; at < file.size; at++) {
        file.data[at] ^= 0x15;
        if (parquet_reader_new(file.data, file.size, schema, &r, &e) != OK) {
            refused++;
        } else {
            for (int g = 0; g < parquet_reader_groups(r); g++) {
                if (parquet_reader_group(r, g, 0, &got, &e) == OK)
                    batch_free(got);
                else
                    refused++;
            }
            parquet_reader_free(r);
        }
        file.data[at] ^= 0x15;
    }
    assert_true(refused > (int)file.size / 3);
    for (size_t n = 0; n < file.size; n += 7)
        assert_int_not_equal(parquet_reader_new(file.data, n, schema, &r, &e), OK);
    buf_fini(&file);
    batch_free(b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_type_comes_back_whatever_the_codec), T(a_column_that_is_younger_than_the_file_reads_as_null),
        T(a_plain_field_beside_a_list_in_a_struct_is_read), T(a_broken_file_is_refused_or_read_never_believed)};
    return cmocka_run_group_tests_name("parquet reader", tests, NULL, NULL);
}
