/* SPDX-License-Identifier: MIT */
/*
 * Writes the tables that tests/integration/test_parquet_files.py reads with other people's readers: into the folder
 * named by MILLRACE_SAMPLES, else into one of its own that it removes. Every value follows from its row number, so
 * that the reader of the test can work it out again (its functions stand in the same order as the columns here).
 *
 * MILLRACE_APPEND names a table of the `by_day` kind, whoever made it: ten rows from 300 on go into it as the next
 * epoch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/delta_sink.h"

#define ROWS_PER_BATCH 1000

static struct arena arena;
static char         folder[512];
static struct error e;

static const struct type *deep_type(void)
{
    const struct field fields[] = {{"x", type_of(TYPE_BIGINT), true},
                                   {"y", type_array(&arena, type_of(TYPE_STRING), true), true}};
    return type_struct(&arena, fields, 2);
}

static const struct type *all_types(void)
{
    const struct field inner[] = {{"y", type_of(TYPE_STRING), true}, {"z", type_of(TYPE_BIGINT), true}};
    const struct field outer[] = {{"x", type_of(TYPE_INT), true}, {"in", type_struct(&arena, inner, 2), true}};
    const struct field fields[] = {{"id", type_of(TYPE_BIGINT), true},
                                   {"flag", type_of(TYPE_BOOLEAN), true},
                                   {"tiny", type_of(TYPE_TINYINT), true},
                                   {"small", type_of(TYPE_SMALLINT), true},
                                   {"num", type_of(TYPE_INT), true},
                                   {"big", type_of(TYPE_BIGINT), true},
                                   {"f", type_of(TYPE_FLOAT), true},
                                   {"d", type_of(TYPE_DOUBLE), true},
                                   {"zero", type_of(TYPE_DOUBLE), true},
                                   {"nan", type_of(TYPE_DOUBLE), true},
                                   {"name", type_of(TYPE_STRING), true},
                                   {"low", type_of(TYPE_STRING), true},
                                   {"uni", type_of(TYPE_STRING), true},
                                   {"long", type_of(TYPE_STRING), true},
                                   {"bin", type_of(TYPE_BINARY), true},
                                   {"day", type_of(TYPE_DATE), true},
                                   {"ts", type_of(TYPE_TIMESTAMP), true},
                                   {"nothing", type_of(TYPE_STRING), true},
                                   {"s", type_struct(&arena, outer, 2), true},
                                   {"d9", type_decimal(9, 2), true},
                                   {"d18", type_decimal(18, 4), true},
                                   {"d20", type_decimal(20, 0), true},
                                   {"d38", type_decimal(38, 10), true},
                                   {"ints", type_array(&arena, type_of(TYPE_INT), true), true},
                                   {"deep", type_array(&arena, deep_type(), true), true}};
    return type_struct(&arena, fields, sizeof fields / sizeof fields[0]);
}

static void put_text(struct builder *b, const char *text) { builder_bytes(b, text, strlen(text)); }

static void put_numbers(struct builder *c, int64_t i)
{
    builder_i64(&c[0], i);
    if (i % 7 == 0)
        builder_null(&c[1]);
    else
        builder_boolean(&c[1], i % 3 == 0);
    builder_i8(&c[2], (int8_t)(i * 7 % 256 - 128));
    builder_i16(&c[3], (int16_t)(i * 31 % 65536 - 32768));
    builder_i32(&c[4], (int32_t)(uint32_t)((uint64_t)i * 2654435761u));
    builder_i64(&c[5], i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : i * 1000003);
    builder_f32(&c[6], (float)(i % 100) * 0.5f - 10);
    builder_f64(&c[7], i == 2 ? (double)INFINITY : (double)i * 0.1);
    builder_f64(&c[8], i % 2 ? 0.0 : -0.0);
    builder_f64(&c[9], i % 10 == 3 ? (double)NAN : (double)(i % 10));
}

static void put_texts(struct builder *c, int64_t i)
{
    char text[400];
    snprintf(text, sizeof text, "row-%lld", (long long)i);
    put_text(&c[10], text);
    snprintf(text, sizeof text, "k%lld", (long long)(i % 10));
    put_text(&c[11], i % 5 == 0 ? "" : text);
    snprintf(text, sizeof text, "\u017elu\u0165ou\u010dk\u00fd k\u016f\u0148 \U0001f40e %lld", (long long)(i % 3));
    put_text(&c[12], text);
    memset(text, 'z', 300);
    snprintf(text + 300, 20, "%lld", (long long)i);
    if (i % 1000 == 0)
        put_text(&c[13], text);
    else
        builder_null(&c[13]);
    builder_bytes(&c[14], (uint8_t[]){(uint8_t)i, (uint8_t)(i >> 8), 0, 0xff}, 4);
}

static void put_nested(struct builder *s, int64_t i)
{
    struct builder *in = &s->children[1];
    if (i % 4 == 0) {
        builder_null(s);
        return;
    }
    builder_i32(&s->children[0], (int32_t)i);
    if (i % 4 == 1) {
        builder_null(in);
    } else {
        if (i % 4 == 2)
            builder_null(&in->children[0]);
        else
            put_text(&in->children[0], i % 8 == 3 ? "three" : "seven");
        builder_i64(&in->children[1], -i);
        builder_struct(in, true);
    }
    builder_struct(s, true);
}

static void put_decimals(struct builder *c, int64_t i)
{
    if (i % 11 == 0)
        builder_null(&c[19]);
    else
        builder_decimal(&c[19], i * 7 - 100000);
    builder_decimal(&c[20], i * 1000000007 - 5000000000000);
    builder_decimal(&c[21], i * decimal_power(15) - 1);
    builder_decimal(&c[22], (i - 25000) * decimal_power(30) + i);
}

static void put_ints(struct builder *b, int64_t i)
{
    if (i % 6 == 0) {
        builder_null(b);
        return;
    }
    for (int64_t k = 0; k < i % 6 - 1; k++) {
        if ((i + k) % 5 == 0)
            builder_null(&b->children[0]);
        else
            builder_i32(&b->children[0], (int32_t)(i + k));
    }
    builder_list(b);
}

/* Structs that may be NULL in an array, with an array inside that may be NULL or empty. */
static void put_deep(struct builder *b, int64_t i)
{
    struct builder *element = &b->children[0], *y = &element->children[1];
    char            text[8];
    for (int64_t k = 0; k < i % 3; k++) {
        if ((i + k) % 4 == 0) {
            builder_null(element);
            continue;
        }
        builder_i64(&element->children[0], i * 10 + k);
        for (int64_t j = 0; j < (i + k) % 3; j++) {
            snprintf(text, sizeof text, "y%lld", (long long)j);
            put_text(&y->children[0], text);
        }
        if (k == 0 && i % 7 == 0 && (i + k) % 3 == 0)
            builder_null(y);
        else
            builder_list(y);
        builder_struct(element, true);
    }
    builder_list(b);
}

static const struct type *map_table(void)
{
    const struct field fields[] = {{"id", type_of(TYPE_BIGINT), true},
                                   {"m", type_map(&arena, type_of(TYPE_STRING), type_of(TYPE_DOUBLE), true), true}};
    return type_struct(&arena, fields, 2);
}

static void put_map_row(struct builder *b, int64_t i)
{
    struct builder *m = &b->children[1];
    char            text[8];
    builder_i64(&b->children[0], i);
    for (int64_t k = 0; i % 5 && k < i % 4; k++) {
        snprintf(text, sizeof text, "k%lld", (long long)k);
        put_text(&m->children[0], text);
        if (k == 1)
            builder_null(&m->children[1]);
        else
            builder_f64(&m->children[1], (double)i + (double)k / 2);
    }
    if (i % 5)
        builder_list(m);
    else
        builder_null(m);
    builder_struct(b, true);
}

static void put_row(struct builder *b, int64_t i)
{
    struct builder *c = b->children;
    put_numbers(c, i);
    put_texts(c, i);
    builder_i32(&c[15], (int32_t)(i * 3 - 10000));
    builder_i64(&c[16], (i - 1000) * 3600000001);
    builder_null(&c[17]);
    put_nested(&c[18], i);
    put_decimals(c, i);
    put_ints(&c[23], i);
    put_deep(&c[24], i);
    builder_struct(b, true);
}

static struct batch *take_batch(struct builder *b)
{
    struct column *rows, *columns[32];
    assert_int_equal(builder_finish(b, &rows, NULL), OK);
    for (int i = 0; i < b->type->n_fields; i++)
        columns[i] = column_ref(rows->children[i]);
    struct batch *batch = batch_new(b->type, rows->n_rows, columns, NULL, NULL);
    column_free(rows);
    assert_non_null(batch);
    return batch;
}

static struct sink *open_table(struct delta_sink_spec spec, const char *name)
{
    static char  location[600]; /* borrowed by the sink: one table at a time */
    struct sink *s;
    snprintf(location, sizeof location, "%s/%s", folder, name);
    spec.location = location;
    if (delta_sink_new(&spec, &s, &e) != OK || delta_sink_open(s, &e) != OK)
        fail_msg("%s", e.text);
    return s;
}

static void write_epoch(struct sink *s, const struct type *schema, void (*put)(struct builder *, int64_t), int64_t from,
                        int64_t to)
{
    struct builder b;
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    while (from < to) {
        for (int i = 0; i < ROWS_PER_BATCH && from < to; i++)
            put(&b, from++);
        struct batch *batch = take_batch(&b);
        if (s->ops->write(s, batch, &e) != OK)
            fail_msg("%s", e.text);
        batch_free(batch);
    }
    builder_fini(&b);
}

static int64_t commit_rows(struct sink *s, int64_t epoch)
{
    struct sink_cut *cut;
    struct buf       receipt;
    int64_t          version = -1;
    char             nonce[32];
    snprintf(nonce, sizeof nonce, "nonce-%lld", (long long)epoch);
    struct sink_commit c = {.app_id = "millrace/samples/0",
                            .nonce = nonce,
                            .query_id = "samples",
                            .epoch = epoch,
                            .now_ms = 1700000000000 + epoch,
                            .info = "{\"watermark_ms\":0}",
                            .create = epoch == 0};
    buf_init(&receipt, TAG_TEST, 1 << 24);
    if (s->ops->cut(s, &cut, &e) != OK || s->ops->prepare(s, cut, &receipt, &e) != OK ||
        s->ops->check(s, buf_text(&receipt), &e) != OK || s->ops->commit(s, buf_text(&receipt), &c, &version, &e) != OK)
        fail_msg("%s", e.text);
    buf_fini(&receipt);
    return version;
}

static void commit_epoch(struct sink *s, int64_t epoch) { assert_int_equal(commit_rows(s, epoch), epoch); }

/* Every type over several pages, once per codec. */
static void every_type(void **state)
{
    static const char *const names[] = {
        [PARQUET_NONE] = "types_none", [PARQUET_SNAPPY] = "types_snappy", [PARQUET_ZSTD] = "types_zstd"};
    (void)state;
    const struct type *schema = all_types();
    for (int codec = PARQUET_NONE; codec <= PARQUET_ZSTD; codec++) {
        struct sink *s =
            open_table((struct delta_sink_spec){.schema = schema, .codec = (enum parquet_codec)codec}, names[codec]);
        write_epoch(s, schema, put_row, 0, codec == PARQUET_ZSTD ? 50000 : 2500);
        commit_epoch(s, 0);
        s->ops->free(s);
    }
}

/* Three epochs, the middle one without rows. */
static void several_epochs(void **state)
{
    (void)state;
    const struct type *schema = all_types();
    struct sink       *s =
        open_table((struct delta_sink_spec){.schema = schema, .codec = PARQUET_ZSTD, .comment = "samples"}, "epochs");
    write_epoch(s, schema, put_row, 0, 10);
    commit_epoch(s, 0);
    commit_epoch(s, 1);
    write_epoch(s, schema, put_row, 10, 25);
    commit_epoch(s, 2);
    s->ops->free(s);
}

static void put_partitioned(struct builder *b, int64_t i)
{
    static const char *const who[] = {"plain", "a b/c=d%\u00e9:?", "",  NULL, "quote\"back\\slash",
                                      "..",    "new\nline",        "_x"};
    builder_i64(&b->children[0], i);
    builder_i32(&b->children[1], (int32_t)(19000 + i % 3));
    if (who[i % 8])
        put_text(&b->children[2], who[i % 8]);
    else
        builder_null(&b->children[2]);
    builder_i64(&b->children[3], 1704164645120000 + i % 2);
    builder_boolean(&b->children[4], i % 2 == 0);
    builder_struct(b, true);
}

static const struct type *partitioned_schema(void)
{
    const struct field fields[] = {{"id", type_of(TYPE_BIGINT), true},
                                   {"day", type_of(TYPE_DATE), true},
                                   {"who", type_of(TYPE_STRING), true},
                                   {"at", type_of(TYPE_TIMESTAMP), true},
                                   {"even", type_of(TYPE_BOOLEAN), true}};
    return type_struct(&arena, fields, 5);
}

static const char *const by_day[] = {"day"};

static void maps(void **state)
{
    (void)state;
    const struct type *schema = map_table();
    struct sink       *s = open_table((struct delta_sink_spec){.schema = schema, .codec = PARQUET_ZSTD}, "maps");
    write_epoch(s, schema, put_map_row, 0, 45000);
    commit_epoch(s, 0);
    s->ops->free(s);
}

static void partitions(void **state)
{
    static const char *const by[] = {"DAY", "who", "at", "even"};
    (void)state;
    const struct type *schema = partitioned_schema();
    struct sink       *s = open_table(
        (struct delta_sink_spec){.schema = schema, .codec = PARQUET_ZSTD, .partition_by = by, .n_partition_by = 4},
        "partitions");
    write_epoch(s, schema, put_partitioned, 0, 240);
    commit_epoch(s, 0);
    write_epoch(s, schema, put_partitioned, 240, 480);
    commit_epoch(s, 1);
    s->ops->free(s);
    s = open_table(
        (struct delta_sink_spec){.schema = schema, .codec = PARQUET_ZSTD, .partition_by = by_day, .n_partition_by = 1},
        "by_day");
    write_epoch(s, schema, put_partitioned, 0, 300);
    commit_epoch(s, 0);
    s->ops->free(s);
}

static void put_event(struct builder *b, int64_t i)
{
    char text[32];
    builder_i64(&b->children[0], i);
    snprintf(text, sizeof text, "k%lld", (long long)(i / 1000));
    put_text(&b->children[1], text);
    if (i % 100000 < 25000) /* pages of nothing but NULL */
        builder_null(&b->children[2]);
    else
        builder_f64(&b->children[2], (double)i / 3);
    builder_struct(b, true);
}

/* More rows than a row group holds, sorted: what page indexes are for. */
static void row_groups(void **state)
{
    const struct field fields[] = {
        {"id", type_of(TYPE_BIGINT), true}, {"k", type_of(TYPE_STRING), true}, {"v", type_of(TYPE_DOUBLE), true}};
    (void)state;
    const struct type *schema = type_struct(&arena, fields, 3);
    struct sink       *s = open_table((struct delta_sink_spec){.schema = schema, .codec = PARQUET_ZSTD}, "groups");
    write_epoch(s, schema, put_event, 0, 1200000);
    commit_epoch(s, 0);
    s->ops->free(s);
}

/* Into a table that others write too. */
static void our_turn(void **state)
{
    struct sink           *s;
    struct delta_txn       x;
    const struct type     *schema = partitioned_schema();
    struct delta_sink_spec spec = {.schema = schema,
                                   .codec = PARQUET_ZSTD,
                                   .partition_by = by_day,
                                   .n_partition_by = 1,
                                   .location = getenv("MILLRACE_APPEND")};
    (void)state;
    if (delta_sink_new(&spec, &s, &e) != OK || delta_sink_open(s, &e) != OK)
        fail_msg("%s", e.text);
    bool there = false;
    assert_int_equal(delta_table_txn(delta_sink_table(s), "millrace/samples/0", &there, &x, &e), OK);
    int64_t epoch = there ? x.epoch + 1 : 0;
    int64_t before = delta_table_version(delta_sink_table(s));
    write_epoch(s, schema, put_partitioned, 300, 310);
    int64_t version = commit_rows(s, epoch), keep_removed_ms;
    assert_true(version > before); /* others may come first */
    if (delta_sink_checkpoint_due(s, version, &keep_removed_ms))
        delta_sink_checkpoint(s, version, keep_removed_ms);
    s->ops->free(s);
}

static int setup(void **state)
{
    const char *given = getenv("MILLRACE_SAMPLES");
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    snprintf(folder, sizeof folder, "%s", given ? given : "/tmp/millrace-samples-XXXXXX");
    return given || mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[600];
    (void)state;
    arena_fini(&arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (!getenv("MILLRACE_SAMPLES") && system(command) != 0)
        return -1;
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_BATCH) + alloc_bytes(TAG_TEST), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_type), cmocka_unit_test(several_epochs),
                                       cmocka_unit_test(partitions), cmocka_unit_test(maps),
                                       cmocka_unit_test(row_groups)};
    const struct CMUnitTest turn[] = {cmocka_unit_test(our_turn)};
    if (getenv("MILLRACE_APPEND"))
        return cmocka_run_group_tests_name("samples", turn, setup, teardown);
    return cmocka_run_group_tests_name("samples", tests, setup, teardown);
}
