/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "column/batch.h"

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
    assert_int_equal(alloc_bytes(TAG_BATCH), 0); /* nothing of any test leaks */
    return 0;
}

static const struct type *person(void)
{
    const struct field inner[] = {{"x", type_of(TYPE_INT), true}};
    const struct field fields[] = {{"name", type_of(TYPE_STRING), true},
                                   {"age", type_of(TYPE_BIGINT), true},
                                   {"p", type_struct(&arena, inner, 1), true}};
    return type_struct(&arena, fields, 3);
}

static void add(struct builder *b, const char *name, int64_t age, int32_t x)
{
    if (name)
        builder_bytes(&b->children[0], name, strlen(name));
    else
        builder_null(&b->children[0]);
    builder_i64(&b->children[1], age);
    builder_i32(&b->children[2].children[0], x);
    builder_struct(&b->children[2], true);
    builder_struct(b, true);
}

static void types_print_and_compare(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, TAG_TEST, 1000);
    type_print(person(), &out);
    assert_string_equal(buf_text(&out), "STRUCT<name: STRING, age: BIGINT, p: STRUCT<x: INT>>");
    buf_fini(&out);
    assert_true(type_equal(person(), person()));
    assert_false(type_equal(person(), type_of(TYPE_INT)));
    assert_false(type_equal(type_decimal(10, 2), type_decimal(10, 3)));
    assert_int_equal(type_field_index(person(), "AGE"), 1);
    assert_int_equal(type_field_index(person(), "nope"), -1);
}

static void what_is_built_is_read_back(void **state)
{
    struct builder b;
    struct column *c;
    uint32_t       n;
    (void)state;
    assert_int_equal(builder_init(&b, person(), NULL), OK);
    add(&b, "ann", 30, 1);
    builder_null(&b);
    add(&b, NULL, 40, 2);
    add(&b, "", 50, 3);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    assert_int_equal(c->n_rows, 4);
    assert_int_equal(c->n_nulls, 1);
    assert_false(column_is_valid(c, 1));
    const struct column *name = c->children[0];
    assert_int_equal(name->n_nulls, 2); /* under the NULL struct, and the NULL itself */
    assert_memory_equal(column_bytes(name, 0, &n), "ann", 3);
    assert_true(column_is_valid(name, 3));
    column_bytes(name, 3, &n);
    assert_int_equal(n, 0);
    assert_null(column_i64(c->children[1])[1] ? "not zero" : NULL);
    assert_int_equal(column_i32(c->children[2]->children[0])[3], 3);
    column_free(c);
    add(&b, "next batch", 1, 1); /* the builder starts afresh */
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    assert_int_equal(c->n_rows, 1);
    assert_null(c->valid);
    column_free(c);
    builder_fini(&b);
}

static void taking_rows_keeps_values_and_nulls(void **state)
{
    const uint32_t rows[] = {3, 0, 0, 1};
    struct builder b;
    struct column *c;
    uint32_t       n;
    (void)state;
    assert_int_equal(builder_init(&b, person(), NULL), OK);
    add(&b, "ann", 30, 1);
    builder_null(&b);
    add(&b, NULL, 40, 2);
    add(&b, "bob", 50, 3);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    struct column *t = column_take(c, rows, 4);
    assert_non_null(t);
    assert_memory_equal(column_bytes(t->children[0], 0, &n), "bob", 3);
    assert_memory_equal(column_bytes(t->children[0], 2, &n), "ann", 3);
    assert_int_equal(column_i64(t->children[1])[1], 30);
    assert_false(column_is_valid(t, 3));
    assert_int_equal(t->n_nulls, 1);
    struct column *none = column_take(c, rows, 2);
    assert_null(none->valid);
    column_free(none);
    column_free(t);
    column_free(c);
    builder_fini(&b);
}

static void a_builder_copies_rows_of_every_kind(void **state)
{
    struct builder b, again;
    struct column *c, *d;
    (void)state;
    assert_int_equal(builder_init(&b, person(), NULL), OK);
    assert_int_equal(builder_init(&again, person(), NULL), OK);
    add(&b, "ann", 30, 1);
    builder_null(&b);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    builder_copy(&again, c, 1);
    builder_copy(&again, c, 0);
    assert_int_equal(builder_finish(&again, &d, NULL), OK);
    assert_false(column_is_valid(d, 0));
    assert_int_equal(column_i64(d->children[1])[1], 30);
    column_free(c);
    column_free(d);
    builder_fini(&b);
    builder_fini(&again);
}

static int  released;
static void release(struct raw_batch *raw)
{
    (void)raw;
    released++;
}

static void a_batch_keeps_its_records_alive_and_knows_the_row_behind(void **state)
{
    struct raw_record  records[3] = {{.offset = 10}, {.offset = 11}, {.offset = 15}};
    struct raw_batch   raw = {.refs = 1, .n_records = 3, .records = records, .release = release};
    const uint32_t     first[] = {2, 1}, second[] = {1};
    const struct field f[] = {{"n", type_of(TYPE_BIGINT), true}};
    struct builder     b;
    struct column     *c;
    (void)state;
    assert_int_equal(builder_init(&b, type_of(TYPE_BIGINT), NULL), OK);
    for (int i = 0; i < 3; i++)
        builder_i64(&b, i);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    struct batch *all = batch_new(type_struct(&arena, f, 1), 3, &c, &raw, NULL);
    raw_batch_free(&raw);
    struct batch *two = batch_take(all, first, 2);
    batch_free(all);
    struct batch *one = batch_take(two, second, 1);
    batch_free(two);
    assert_int_equal(batch_record(one, 0)->offset, 11);
    assert_int_equal(released, 0);
    batch_free(one);
    assert_int_equal(released, 1);
    builder_fini(&b);
}

static void every_failing_allocation_is_survived(void **state)
{
    const struct type *type = person();
    (void)state;
    for (int64_t nth = 1; nth < 60; nth++) {
        struct builder b;
        struct column *c = NULL;
        alloc_fail_at(nth, 1);
        if (builder_init(&b, type, NULL) == OK) {
            add(&b, "ann", 30, 1);
            builder_null(&b);
            if (builder_finish(&b, &c, NULL) == OK) {
                const uint32_t rows[] = {1, 0};
                column_free(column_take(c, rows, 2));
            }
            column_free(c);
            builder_fini(&b);
        }
        alloc_fail_at(0, 0);
        assert_int_equal(alloc_bytes(TAG_BATCH), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(types_print_and_compare, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_built_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(taking_rows_keeps_values_and_nulls, setup, teardown),
        cmocka_unit_test_setup_teardown(a_builder_copies_rows_of_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_keeps_its_records_alive_and_knows_the_row_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_survived, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
