/* SPDX-License-Identifier: MIT */
/*
 * What the writer promises its caller. That the files are right is shown by other people's readers in
 * tests/integration/test_parquet_files.py and tests/parity/test_delta_files.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parquet/range.h"
#include "parquet/writer.h"

static struct arena           arena;
static const struct type     *schema;
static struct parquet_writer *w;
static struct buf             file;
static struct error           e;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    const struct field inner[] = {{"x", type_of(TYPE_INT), true}};
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true},
                                   {"n", type_of(TYPE_BIGINT), true},
                                   {"d", type_of(TYPE_DOUBLE), true},
                                   {"s", type_struct(&arena, inner, 1), true}};
    schema = type_struct(&arena, fields, 4);
    buf_init(&file, TAG_TEST, PARQUET_FILE_MAX);
    return parquet_writer_new(schema, PARQUET_ZSTD, &w, NULL) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    parquet_writer_free(w);
    buf_fini(&file);
    arena_fini(&arena);
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_BATCH) + alloc_bytes(TAG_TEST), 0);
    return 0;
}

static struct batch *rows(int64_t from, int64_t to)
{
    struct builder b;
    struct column *c, *columns[4];
    char           text[32];
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (int64_t i = from; i < to; i++) {
        snprintf(text, sizeof text, "k%05lld", (long long)(i % 5000));
        builder_bytes(&b.children[0], text, strlen(text));
        builder_i64(&b.children[1], i * 10);
        if (i % 2)
            builder_null(&b.children[2]);
        else
            builder_f64(&b.children[2], i == 4 ? (double)NAN : (double)i);
        if (i % 3)
            builder_i32(&b.children[3].children[0], (int32_t)i);
        else
            builder_null(&b.children[3].children[0]);
        builder_struct(&b.children[3], true);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    for (int i = 0; i < 4; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(schema, c->n_rows, columns, NULL, NULL);
    column_free(c);
    builder_fini(&b);
    return batch;
}

static enum err add(int64_t from, int64_t to)
{
    struct batch *b = rows(from, to);
    enum err      rc = parquet_writer_add(w, b, &e);
    batch_free(b);
    return rc;
}

static void assert_whole(const struct buf *b)
{
    uint32_t footer;
    assert_true(b->size > 12);
    assert_memory_equal(b->data, "PAR1", 4);
    assert_memory_equal(b->data + b->size - 4, "PAR1", 4);
    memcpy(&footer, b->data + b->size - 8, 4);
    assert_true(footer <= b->size - 12);
}

static void leaves_tell_what_the_file_holds(void **state)
{
    (void)state;
    assert_int_equal(add(0, 10), OK);
    assert_int_equal(add(10, 100), OK);
    assert_int_equal(parquet_writer_rows(w), 100);
    assert_int_equal(parquet_writer_finish(w, &file, &e), OK);
    assert_whole(&file);
    const struct parquet_leaf *k = parquet_writer_leaf(w, 0), *n = parquet_writer_leaf(w, 1),
                              *d = parquet_writer_leaf(w, 2);
    const struct parquet_leaf *x = parquet_writer_leaf(w, 3);
    assert_null(parquet_writer_leaf(w, 4));
    assert_memory_equal(k->min_bytes.data, "k00000", 6);
    assert_memory_equal(k->max_bytes.data, "k00099", 6);
    assert_true(n->min == 0 && n->max == 990 && n->n_nulls == 0);
    assert_true(d->min_real == 0 && d->max_real == 98 && d->has_nan && d->n_nulls == 50);
    assert_int_equal(x->depth, 2);
    assert_string_equal(x->path[1], "x");
    assert_true(x->min == 1 && x->max == 98 && x->n_nulls == 34);
}

static void a_writer_is_used_again(void **state)
{
    struct buf again;
    (void)state;
    buf_init(&again, TAG_TEST, PARQUET_FILE_MAX);
    assert_int_equal(add(0, 1000), OK);
    assert_int_equal(parquet_writer_finish(w, &file, &e), OK);
    assert_int_equal(add(500, 600), OK);
    assert_int_equal(parquet_writer_finish(w, &again, &e), OK);
    assert_true(parquet_writer_leaf(w, 1)->min == 5000 && parquet_writer_leaf(w, 1)->max == 5990);
    assert_false(parquet_writer_leaf(w, 2)->has_nan);
    buf_clear(&again);
    assert_int_equal(add(0, 1000), OK); /* the same rows, the same bytes */
    assert_int_equal(parquet_writer_finish(w, &again, &e), OK);
    assert_int_equal(again.size, file.size);
    assert_memory_equal(again.data, file.data, file.size);
    buf_fini(&again);
}

static void a_warm_writer_does_not_call_malloc(void **state)
{
    (void)state;
    assert_int_equal(add(0, 3000), OK);
    assert_int_equal(parquet_writer_finish(w, &file, &e), OK);
    buf_clear(&file);
    struct batch *b = rows(0, 3000);
    alloc_fail_at(1, 1000000);
    enum err added = parquet_writer_add(w, b, &e), finished = parquet_writer_finish(w, &file, &e);
    alloc_fail_at(0, 0);
    batch_free(b);
    assert_int_equal(added, OK);
    assert_int_equal(finished, OK);
}

static void a_file_without_rows_is_a_file(void **state)
{
    (void)state;
    assert_int_equal(parquet_writer_finish(w, &file, &e), OK);
    assert_whole(&file);
}

static void memory_out_anywhere_loses_only_the_file(void **state)
{
    (void)state;
    for (int64_t nth = 1;; nth++) {
        struct parquet_writer *fresh = NULL;
        struct batch          *b = rows(0, 300);
        alloc_fail_at(nth, 1);
        enum err rc = parquet_writer_new(schema, PARQUET_SNAPPY, &fresh, &e);
        if (rc == OK)
            rc = parquet_writer_add(fresh, b, &e);
        if (rc == OK)
            rc = parquet_writer_finish(fresh, &file, &e);
        alloc_fail_at(0, 0);
        buf_fini(&file);
        buf_init(&file, TAG_TEST, PARQUET_FILE_MAX);
        if (fresh) {
            parquet_writer_reset(fresh);
            assert_int_equal(parquet_writer_add(fresh, b, &e), OK);
            assert_int_equal(parquet_writer_finish(fresh, &file, &e), OK);
            assert_whole(&file);
            assert_true(parquet_writer_leaf(fresh, 1)->max == 2990);
        }
        batch_free(b);
        parquet_writer_free(fresh);
        buf_clear(&file);
        if (rc == OK)
            break;
        assert_int_equal(rc, ERR_NO_MEMORY);
    }
}

static void a_large_file_moves_out(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, TAG_SINK, PARQUET_FILE_MAX);
    for (int64_t i = 0; i < 600; i++) {
        struct batch *b = rows(i * 5000, i * 5000 + 5000);
        assert_int_equal(parquet_writer_add(w, b, &e), OK);
        batch_free(b);
    }
    assert_true(parquet_writer_size(w) > (size_t)4 << 20);
    assert_int_equal(parquet_writer_finish(w, &out, &e), OK);
    assert_whole(&out);
    assert_true(parquet_writer_leaf(w, 1)->max == 29999990);
    buf_fini(&out);
}

static void types_that_cannot_be_written_are_named(void **state)
{
    const struct field     fields[] = {{"a", type_of(TYPE_INT), true}, {"when", type_of(TYPE_INTERVAL), true}};
    struct parquet_writer *none;
    (void)state;
    assert_int_equal(parquet_writer_new(type_struct(&arena, fields, 2), PARQUET_ZSTD, &none, &e), ERR_UNSUPPORTED);
    assert_string_equal(e.text, "column when of type INTERVAL cannot be written to Parquet yet");
}

/* ---- bounds that are cut ---- */

static bool bound(enum type_kind kind, const char *text, bool max, size_t limit, bool *exact)
{
    struct chunk c = {.physical = PHYSICAL_BYTES, .leaf.type = type_of(kind)};
    struct range r = {.any = true,
                      .min_bytes = (const uint8_t *)text,
                      .max_bytes = (const uint8_t *)text,
                      .min_size = (uint32_t)strlen(text),
                      .max_size = (uint32_t)strlen(text)};
    buf_clear(&file);
    return range_put_bound(&r, &c, max, limit, &file, exact);
}

static void cut_bounds_stay_bounds(void **state)
{
    static const struct {
        enum type_kind kind;
        const char    *value;
        bool           max;
        const char    *bound; /* NULL: none */
    } cases[] = {
        {TYPE_STRING, "abc", true, "abc"},
        {TYPE_STRING, "abcdef", false, "abcd"},
        {TYPE_STRING, "abcdef", true, "abce"},
        {TYPE_STRING, "ab\xc3\xa9\xc3\xa9", false, "ab\xc3\xa9"}, /* é ends at the limit */
        {TYPE_STRING, "abc\xc3\xa9x", false, "abc"},              /* and is not cut in two */
        {TYPE_STRING, "abc\xc3\xa9x", true, "abd"},
        {TYPE_STRING, "ab\xc3\xa9zz", true, "ab\xc3\xaa"},
        {TYPE_STRING, "abc\x7fzz", true, "abd"},                       /* no greater one byte long: the one before */
        {TYPE_STRING, "a\xed\x9f\xbfzz", true, "a\xee\x80\x80"},       /* over the surrogates */
        {TYPE_STRING, "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf", true, NULL}, /* nothing is greater */
        {TYPE_BINARY, "\xff\xff\xff\xff\xff", true, NULL},
        {TYPE_BINARY, "a\xff\xff\xff\xff", true, "b"},
        {TYPE_BINARY, "abc\xc3\xa9", true, "abc\xc4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool exact;
        bool there = bound(cases[i].kind, cases[i].value, cases[i].max, 4, &exact);
        assert_int_equal(there, cases[i].bound != NULL);
        assert_int_equal(exact, strlen(cases[i].value) <= 4);
        if (cases[i].bound)
            assert_string_equal(buf_text(&file), cases[i].bound);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(leaves_tell_what_the_file_holds),         T(a_writer_is_used_again),
                                       T(a_warm_writer_does_not_call_malloc),      T(a_file_without_rows_is_a_file),
                                       T(memory_out_anywhere_loses_only_the_file), T(a_large_file_moves_out),
                                       T(types_that_cannot_be_written_are_named),  T(cut_bounds_stay_bounds)};
    return cmocka_run_group_tests_name("parquet writer", tests, NULL, NULL);
}
