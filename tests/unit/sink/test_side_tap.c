/* SPDX-License-Identifier: MIT */
/* Side tables quote the record; the tap shows the newest rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "sink/side.h"
#include "sink/tap.h"

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
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
    return 0;
}

/* ---- a sink that keeps what it gets ---- */

struct catch
{
    struct sink   base;
    struct batch *batches[8];
    int           n;
};

static enum err catch_write(struct sink *s, const struct batch *b, struct error *e)
{
    struct catch   *k = (struct catch *)s;
    struct column **columns = b->columns, *again[9];
    (void)e;
    for (int i = 0; i < 9; i++)
        again[i] = column_ref(columns[i]);
    k->batches[k->n++] = batch_new(b->schema, b->n_rows, again, NULL, NULL);
    return OK;
}

static const struct sink_ops catching = {.write = catch_write};

static void release(struct catch *k)
{
    for (int i = 0; i < k->n; i++)
        batch_free(k->batches[i]);
}

static void a_side_row_quotes_its_record(void **state)
{
    struct catch rejects = {.base.ops = &catching};
    struct raw_record records[] = {{.key = (const uint8_t *)"k",
                                    .key_bytes = 1,
                                    .value = (const uint8_t *)"{bad",
                                    .value_bytes = 4,
                                    .offset = 7,
                                    .timestamp_ms = 1500},
                                   {.value_bytes = 9000000, .offset = 8, .timestamp_ms = -1, .oversized = true}};
    struct raw_batch  raw = {.topic = "events", .partition = 3, .n_records = 2, .records = records};
    struct side      *side;
    struct error      e;
    uint32_t          n;
    (void)state;
    assert_int_equal(side_new(side_schema(&arena), &rejects.base, NULL, &side, &e), OK);
    side_set_epoch(side, 42);
    assert_int_equal(side->ops->row(side, SIDE_REJECT, &raw, &records[0], "malformed", "column 2: no", &e), OK);
    assert_int_equal(side->ops->row(side, SIDE_REJECT, &raw, &records[1], "too large", NULL, &e), OK);
    assert_int_equal(side->ops->row(side, SIDE_LATE, &raw, &records[1], "late", NULL, &e), OK); /* no table: dropped */
    assert_int_equal(side->ops->row(side, SIDE_REJECT, NULL, NULL, "later", NULL, &e), OK);
    assert_int_equal(rejects.n, 0);
    assert_int_equal(side_flush(side, &e), OK);
    assert_int_equal(side_flush(side, &e), OK);
    assert_int_equal(rejects.n, 1);
    const struct batch *b = rejects.batches[0];
    assert_int_equal(b->n_rows, 3);
    assert_memory_equal(column_bytes(b->columns[0], 0, &n), "events", 6);
    assert_int_equal(column_i32(b->columns[1])[0], 3);
    assert_int_equal(column_i64(b->columns[2])[0], 7);
    assert_int_equal(column_i64(b->columns[3])[0], 1500000);
    assert_memory_equal(column_bytes(b->columns[7], 0, &n), "{bad", 4);
    assert_int_equal(column_i64(b->columns[8])[0], 42);
    assert_false(column_is_valid(b->columns[3], 1)); /* no timestamp */
    assert_false(column_is_valid(b->columns[7], 1)); /* too large to quote */
    assert_false(column_is_valid(b->columns[5], 1));
    assert_false(column_is_valid(b->columns[2], 2)); /* no record */
    assert_true(column_is_valid(b->columns[4], 2));
    assert_int_equal(side->ops->row(side, SIDE_REJECT, NULL, NULL, "lost", NULL, &e), OK);
    side_drop(side);
    assert_int_equal(side_flush(side, &e), OK);
    assert_int_equal(rejects.n, 1);
    release(&rejects);
    side_free(side);
}

static void side_rows_flush_before_they_pile_up(void **state)
{
    static uint8_t large[3 << 20];
    struct catch rejects = {.base.ops = &catching};
    struct raw_record record = {.value = large, .value_bytes = sizeof large, .offset = 1};
    struct raw_batch  raw = {.topic = "events", .n_records = 1, .records = &record};
    struct side      *side;
    struct error      e;
    (void)state;
    assert_int_equal(side_new(side_schema(&arena), &rejects.base, NULL, &side, &e), OK);
    for (int i = 0; i < 7; i++)
        assert_int_equal(side->ops->row(side, SIDE_REJECT, &raw, &record, "r", NULL, &e), OK);
    assert_int_equal(rejects.n, 2);
    for (int i = 0; i < 2500; i++)
        assert_int_equal(side->ops->row(side, SIDE_REJECT, NULL, NULL, "r", NULL, &e), OK);
    assert_int_equal(rejects.n, 4);
    release(&rejects);
    side_free(side);
}

/* ---- tap ---- */

static const struct type *tap_schema(void)
{
    const struct field window[] = {{"start", type_of(TYPE_TIMESTAMP), true}, {"x", type_of(TYPE_TINYINT), true}};
    const struct field fields[] = {{"window", type_struct(&arena, window, 2), true},
                                   {"name", type_of(TYPE_STRING), true},
                                   {"n", type_of(TYPE_BIGINT), true},
                                   {"avg", type_of(TYPE_DOUBLE), true}};
    return type_struct(&arena, fields, 4);
}

static void show(struct tap *t, const struct type *schema, int from, int to)
{
    struct builder b;
    struct column *c, *columns[4];
    char           name[32];
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (int i = from; i < to; i++) {
        builder_i64(&b.children[0].children[0], i * 10000000);
        builder_i8(&b.children[0].children[1], 1);
        builder_struct(&b.children[0], true);
        snprintf(name, sizeof name, "k\xc3\xa9%d", i);
        if (i == 3)
            builder_null(&b.children[1]);
        else
            builder_bytes(&b.children[1], name, strlen(name));
        builder_i64(&b.children[2], i * 100);
        builder_f64(&b.children[3], i == 4 ? (double)NAN : i / 2.0);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    for (int i = 0; i < 4; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(schema, c->n_rows, columns, NULL, NULL);
    column_free(c);
    tap_show(t, batch);
    batch_free(batch);
    builder_fini(&b);
}

static void the_newest_rows_are_printed(void **state)
{
    const struct type *schema = tap_schema();
    struct tap        *t;
    struct buf         out;
    struct json_writer w;
    (void)state;
    buf_init(&out, TAG_TEST, 1 << 20);
    assert_int_equal(tap_new(schema, 3, &t, NULL), OK);
    tap_print(t, 0, 100, &out);
    assert_string_equal(buf_text(&out), "window  name  n  avg\n");
    show(t, schema, 0, 2);
    buf_clear(&out);
    tap_print(t, 12, 1, &out); /* of a ring that is not full yet */
    assert_string_equal(buf_text(&out), "window\n{\"start\":\"1\xe2\x80\xa6\n");
    show(t, schema, 2, 5);
    assert_int_equal(tap_seen(t), 5);
    buf_clear(&out);
    tap_print(t, 0, 100, &out);
    assert_string_equal(buf_text(&out), "window                                 name    n  avg\n"
                                        "{\"start\":\"1970-01-01 00:00:20\",\"x\":1}  k\xc3\xa9"
                                        "2   200  1.0\n"
                                        "{\"start\":\"1970-01-01 00:00:30\",\"x\":1}  NULL  300  1.5\n"
                                        "{\"start\":\"1970-01-01 00:00:40\",\"x\":1}  k\xc3\xa9"
                                        "4   400  NaN\n");
    buf_clear(&out);
    tap_print(t, 12, 2, &out);
    assert_string_equal(buf_text(&out), "window\n{\"start\":\"1\xe2\x80\xa6\n{\"start\":\"1\xe2\x80\xa6\n");
    buf_clear(&out);
    json_writer_init(&w, &out);
    json_begin_array(&w);
    assert_int_equal(tap_rows(t, 0, 5, 10, false, &w), 3);
    json_end_array(&w);
    assert_string_equal(buf_text(&out), "[[{\"start\":\"1970-01-01 00:00:20\",\"x\":1},\"k\xc3\xa9"
                                        "2\",200,1.0],"
                                        "[{\"start\":\"1970-01-01 00:00:30\",\"x\":1},null,300,1.5],"
                                        "[{\"start\":\"1970-01-01 00:00:40\",\"x\":1},\"k\xc3\xa9"
                                        "4\",400,\"NaN\"]]");
    buf_fini(&out);
    tap_free(t);
}

static void rows_are_found_by_their_numbers(void **state)
{
    const struct type *schema = tap_schema();
    struct tap        *t;
    struct buf         out;
    struct json_writer w;
    (void)state;
    buf_init(&out, TAG_TEST, 1 << 20);
    assert_int_equal(tap_new(schema, 4, &t, NULL), OK);
    show(t, schema, 0, 6); /* 2..5 are kept */
    json_writer_init(&w, &out);
    json_begin_array(&w);
    assert_int_equal(tap_rows(t, 0, 2, 10, false, &w), 0);
    assert_int_equal(tap_rows(t, 4, 5, 10, true, &w), 1);
    json_end_array(&w);
    assert_non_null(strstr(buf_text(&out), "\"400\"")); /* row 4, its BIGINT as a text */
    assert_int_equal(tap_rows(t, 0, 99, 3, false, &w), 3);
    buf_fini(&out);
    tap_free(t);
}

static void *keep_reading(void *arg)
{
    struct buf         out;
    struct json_writer w;
    buf_init(&out, TAG_WEB, 1 << 20);
    for (int i = 0; i < 200; i++) {
        buf_clear(&out);
        tap_print(arg, 80, 100, &out);
        json_writer_init(&w, &out);
        json_begin_array(&w);
        tap_rows(arg, 0, INT64_MAX, 100, false, &w);
    }
    buf_fini(&out);
    return NULL;
}

static void one_writes_while_another_reads(void **state)
{
    const struct type *schema = tap_schema();
    struct tap        *t;
    pthread_t          reader;
    (void)state;
    assert_int_equal(tap_new(schema, 5, &t, NULL), OK);
    assert_int_equal(pthread_create(&reader, NULL, keep_reading, t), 0);
    for (int i = 0; i < 200; i++)
        show(t, schema, i, i + 7);
    pthread_join(reader, NULL);
    assert_int_equal(tap_seen(t), 1400);
    tap_free(t);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(a_side_row_quotes_its_record), T(side_rows_flush_before_they_pile_up),
                                       T(the_newest_rows_are_printed), T(rows_are_found_by_their_numbers),
                                       T(one_writes_while_another_reads)};
    return cmocka_run_group_tests_name("sink side and tap", tests, NULL, NULL);
}
