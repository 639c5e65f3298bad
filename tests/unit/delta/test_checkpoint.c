/* SPDX-License-Identifier: MIT */
/* A checkpoint says what the commits before it said, whoever reads it, and whatever fails while it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "delta/checkpoint.h"
#include "delta/replay.h"
#include "delta/snapshot.h"
#include "delta/table.h"
#include "parquet/reader.h"
#include "parquet/writer.h"

#define NOW_MS INT64_C(1700000000000)
#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)
#define APP "millrace/clicks/1"
#define METADATA                                                                                                    \
    "{\"metaData\":{\"id\":\"the-table\",\"name\":\"clicks\",\"format\":{\"provider\":\"parquet\",\"options\":{}}," \
    "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"k\\\",\\\"type\\\":"         \
    "\\\"string\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"n\\\",\\\"type\\\":\\\"long\\\","  \
    "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[\"k\"],\"configuration\":{"               \
    "\"delta.checkpointInterval\":\"5\",\"owner\":\"me\"},\"createdTime\":77}}\n"
#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"

static struct arena       arena;
static struct store      *store;
static const struct type *schema;
static struct error       e;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true}, {"n", type_of(TYPE_BIGINT), true}};
    schema = type_struct(&arena, fields, 2);
    return store_memory_new(&store, NULL) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    store->ops->free(store);
    arena_fini(&arena);
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_TEST) + alloc_bytes(TAG_WEB) + alloc_bytes(TAG_BATCH), 0);
    return 0;
}

static void put_key(const char *key, const void *bytes, size_t n)
{
    assert_int_equal(store->ops->put(store, key, bytes, n, NULL), OK);
}

static void put_version(int64_t version, const char *text)
{
    char key[64];
    replay_commit_key(version, key);
    put_key(key, text, strlen(text));
}

static bool has_key(const char *key)
{
    int64_t size;
    return store->ops->head(store, key, &size, NULL) == OK;
}

static const char *checkpoint_key(int64_t version)
{
    static char key[80];
    snprintf(key, sizeof key, "_delta_log/%020lld.checkpoint.parquet", (long long)version);
    return key;
}

/* Commits below that version are gone, as behind a clean-up. */
static void remove_commits(int64_t below)
{
    for (int64_t version = 0; version < below; version++) {
        char key[64];
        replay_commit_key(version, key);
        if (has_key(key))
            assert_int_equal(store->ops->remove(store, key, NULL), OK);
    }
}

static const char *add_of(int64_t epoch)
{
    static char text[300];
    snprintf(
        text, sizeof text,
        "{\"add\":{\"path\":\"k=a%%20b/f%lld.parquet\",\"partitionValues\":{\"k\":%s},\"size\":%lld,"
        "\"modificationTime\":5,\"dataChange\":true,\"tags\":{\"x\":\"y\"},\"stats\":\"{\\\"numRecords\\\":%lld}\"}}\n",
        (long long)epoch, epoch % 2 ? "\"a b\"" : "null", (long long)(epoch + 10), (long long)(epoch + 1));
    return text;
}

static enum err write_epoch_as(int64_t epoch, const char *nonce, const char *adds, int64_t *version)
{
    static const char *const by[] = {"k"};
    struct delta_table      *t;
    struct delta_commit      c = {.app_id = APP,
                                  .epoch = epoch,
                                  .nonce = nonce,
                                  .adds = adds,
                                  .n_files = 1,
                                  .info = "{\"epoch\":1}",
                                  .now_ms = NOW_MS,
                                  .query_id = "clicks",
                                  .schema = schema,
                                  .partition_by = by,
                                  .n_partition_by = 1};
    enum err                 rc = delta_table_open(store, &t, &e);
    if (rc == OK)
        rc = delta_table_commit(t, &c, version, &e);
    delta_table_close(t);
    return rc;
}

static enum err write_epoch(int64_t epoch, int64_t *version)
{
    char nonce[20];
    snprintf(nonce, sizeof nonce, "nonce-%lld", (long long)epoch);
    return write_epoch_as(epoch, nonce, add_of(epoch), version);
}

/* Version 0 makes the table; epoch n is version n. */
static void make_table(int64_t last_epoch)
{
    int64_t version;
    put_version(0, METADATA PROTOCOL "{\"txn\":{\"appId\":\"spark\",\"version\":41,\"lastUpdated\":3}}\n");
    for (int64_t epoch = 1; epoch <= last_epoch; epoch++) {
        if (write_epoch(epoch, &version) != OK)
            fail_msg("%s", e.text);
        assert_int_equal(version, epoch);
    }
}

static struct checkpoint_written make_checkpoint(int64_t version)
{
    struct checkpoint_written done;
    if (delta_checkpoint_write(store, version, WEEK_MS, NOW_MS, &done, &e) != OK)
        fail_msg("%s", e.text);
    return done;
}

/* What appenders and people see of the table, as text; to be freed by arena. */
static const char *seen(void)
{
    struct buf               text;
    struct delta_table      *t;
    struct table_snapshot   *s;
    const struct type       *type;
    static const char *const apps[] = {"spark", APP};
    buf_init(&text, TAG_TEST, 1 << 20);
    if (delta_table_open(store, &t, &e) != OK)
        fail_msg("%s", e.text);
    buf_printf(&text, "%lld %s", (long long)delta_table_version(t), delta_table_id(t));
    for (int i = 0; i < 2; i++) {
        struct delta_txn x;
        bool             there;
        assert_int_equal(delta_table_txn(t, apps[i], &there, &x, &e), OK);
        buf_printf(&text, " %s:%d:%lld", apps[i], there, (long long)x.epoch);
    }
    assert_int_equal(delta_table_check(t, schema, (const char *const[]){"k"}, 1, &e), OK);
    delta_table_close(t);
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    if (table_snapshot_refresh(s, &e) != OK)
        fail_msg("%s", e.text);
    assert_int_equal(table_snapshot_schema(s, &type, &e), OK);
    type_print(type, &text);
    for (int64_t i = 0; i < table_snapshot_n_files(s); i++) {
        const struct snapshot_file *f = table_snapshot_file(s, i);
        if (snapshot_file_is_in(f, table_snapshot_version(s)))
            buf_printf(&text, "\n%s %s %lld %lld", f->path, f->partition, (long long)f->bytes, (long long)f->rows);
    }
    buf_printf(&text, "\n%s", table_snapshot_partition_column(s, 0));
    table_snapshot_free(s);
    const char *copy = arena_strdup(&arena, buf_text(&text));
    buf_fini(&text);
    return copy;
}

/* ---- the same table ---- */

static void a_checkpoint_says_what_the_commits_said(void **state)
{
    (void)state;
    make_table(9);
    put_version(
        10, "{\"remove\":{\"path\":\"k=a%20b/f3.parquet\",\"deletionTimestamp\":1700000000000,\"dataChange\":true}}\n"
            "{\"add\":{\"path\":\"big.parquet\",\"partitionValues\":{\"k\":\"\\u00e9\"},\"size\":9,"
            "\"modificationTime\":6,\"dataChange\":false}}\n");
    const char *before = seen();
    assert_non_null(strstr(before, "spark:1:41 millrace/clicks/1:1:9"));
    struct checkpoint_written done = make_checkpoint(10);
    assert_int_equal(done.files, 9);
    assert_int_equal(done.actions, 9 + 1 + 1 + 1 + 2); /* a removed file, metaData, protocol, two txn */
    remove_commits(10);
    assert_string_equal(seen(), before);
    remove_commits(11);
    assert_string_equal(seen(), before);
}

static void a_checkpoint_streams_through_the_next(void **state)
{
    int64_t version;
    (void)state;
    make_table(5);
    make_checkpoint(5);
    remove_commits(5);
    assert_int_equal(write_epoch(6, &version), OK);
    /* the same file, written in another way; and one that the checkpoint has and the commits take away and give */
    put_version(
        7, "{\"remove\":{\"path\":\"k=a b/f2.parquet\",\"deletionTimestamp\":1700000000000,\"dataChange\":true}}\n");
    put_version(
        8, "{\"remove\":{\"path\":\"k=a%20b/f4.parquet\",\"deletionTimestamp\":1690000000000,\"dataChange\":true}}\n");
    put_version(
        9, "{\"remove\":{\"path\":\"k=a%20b/f6.parquet\",\"deletionTimestamp\":1700000000000,\"dataChange\":true}}\n");
    const char               *before = seen();
    struct checkpoint_written done = make_checkpoint(9);
    assert_int_equal(done.files, 3);               /* 1, 3, 5 */
    assert_int_equal(done.actions, 3 + 2 + 2 + 2); /* f4 was removed longer than a week ago */
    remove_commits(10);
    assert_string_equal(seen(), before);
    assert_int_equal(make_checkpoint(9).actions, 0); /* it is there */
    assert_int_equal(make_checkpoint(7).actions, 0); /* a later one is */
}

static void the_hint_names_the_newest(void **state)
{
    struct buf text;
    (void)state;
    make_table(5);
    buf_init(&text, TAG_TEST, 1 << 10);
    struct checkpoint_written done = make_checkpoint(5);
    assert_int_equal(store->ops->get(store, "_delta_log/_last_checkpoint", &text, NULL), OK);
    char expected[120];
    snprintf(expected, sizeof expected, "{\"version\":5,\"size\":%lld,\"sizeInBytes\":%lld,\"numOfAddFiles\":5}",
             (long long)done.actions, (long long)done.bytes);
    assert_string_equal(buf_text(&text), expected);
    buf_fini(&text);
}

/* ---- what is broken, missing, old ---- */

static void a_hint_is_only_a_hint(void **state)
{
    static const char *const hints[] = {
        "{\"version\":3,\"size\":1}", "{\"version\":99}", "{\"version\":-5}", "{\"ver", "{\"version\":\"7\"}", ""};
    (void)state;
    make_table(9);
    const char *before = seen();
    make_checkpoint(6);
    make_checkpoint(8);
    remove_commits(6);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        put_key("_delta_log/_last_checkpoint", hints[i], strlen(hints[i]));
        assert_string_equal(seen(), before);
    }
    assert_int_equal(store->ops->remove(store, "_delta_log/_last_checkpoint", NULL), OK);
    assert_string_equal(seen(), before);
}

static void a_broken_checkpoint_gives_way(void **state)
{
    struct delta_table *t;
    struct buf          bytes;
    (void)state;
    make_table(9);
    const char *before = seen();
    make_checkpoint(4);
    make_checkpoint(8);
    buf_init(&bytes, TAG_TEST, 1 << 20);
    assert_int_equal(store->ops->get(store, checkpoint_key(8), &bytes, NULL), OK);
    put_key(checkpoint_key(8), bytes.data, bytes.size / 2); /* torn */
    assert_string_equal(seen(), before);                    /* from commits, all there */
    remove_commits(3);
    assert_string_equal(seen(), before); /* from checkpoint 4 */
    put_key(checkpoint_key(4), "", 0);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "no longer begins at version 0, and checkpoint 8: a Parquet file is broken"));
    for (size_t i = 0; i < bytes.size; i += 3) { /* any byte of it is another: what is read is whole, or refused */
        bytes.data[i] ^= 0x41;
        put_key(checkpoint_key(8), bytes.data, bytes.size);
        bytes.data[i] ^= 0x41;
        if (delta_table_open(store, &t, &e) == OK)
            delta_table_close(t);
    }
    put_key(checkpoint_key(8), bytes.data, bytes.size);
    assert_string_equal(seen(), before);
    buf_fini(&bytes);
}

static void commits_missing_behind_a_checkpoint_are_told(void **state)
{
    struct delta_table    *t;
    struct table_snapshot *s;
    char                   key[64];
    (void)state;
    make_table(9);
    make_checkpoint(4);
    remove_commits(4);
    replay_commit_key(7, key);
    assert_int_equal(store->ops->remove(store, key, NULL), OK);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "version 7 of the table is missing, and version 9 is there"));
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), ERR_CORRUPT);
    table_snapshot_free(s);
}

/* The older one is whole, and what came after it is nowhere: opening it would take the table back in time. */
static void a_broken_checkpoint_is_no_reason_to_go_back_in_time(void **state)
{
    struct delta_table    *t;
    struct table_snapshot *s;
    (void)state;
    make_table(8);
    make_checkpoint(4);
    make_checkpoint(8);
    remove_commits(9);
    put_key(checkpoint_key(8), "PAR1", 4);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(
        strstr(e.text, "version 5 of the table is missing, and version 8 is there; checkpoint 8: a Parquet"));
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), ERR_CORRUPT);
    table_snapshot_free(s);
}

static void put_rows(const char *key, const struct type *columns, const struct batch *b)
{
    struct parquet_writer *w;
    struct buf             file;
    buf_init(&file, TAG_TEST, PARQUET_FILE_MAX);
    assert_int_equal(parquet_writer_new(columns, PARQUET_NONE, &w, NULL), OK);
    if (b)
        assert_int_equal(parquet_writer_add(w, b, NULL), OK);
    assert_int_equal(parquet_writer_finish(w, &file, NULL), OK);
    put_key(key, file.data, file.size);
    parquet_writer_free(w);
    buf_fini(&file);
}

static void a_checkpoint_in_parts_counts_when_all_are_there(void **state)
{
    static const char first[] = "_delta_log/00000000000000000008.checkpoint.0000000001.0000000002.parquet";
    static const char second[] = "_delta_log/00000000000000000008.checkpoint.0000000002.0000000002.parquet";
    struct buf        bytes;
    (void)state;
    make_table(9);
    const char *before = seen();
    make_checkpoint(4);
    make_checkpoint(8);
    buf_init(&bytes, TAG_TEST, 1 << 20);
    assert_int_equal(store->ops->get(store, checkpoint_key(8), &bytes, NULL), OK);
    assert_int_equal(store->ops->remove(store, checkpoint_key(8), NULL), OK);
    put_key(first, bytes.data, bytes.size);
    buf_fini(&bytes);
    remove_commits(4);
    assert_string_equal(seen(), before); /* from 4 */
    put_rows(second, checkpoint_schema(&arena, true), NULL);
    remove_commits(8);
    assert_string_equal(seen(), before); /* from 8 */
}

static void a_checkpoint_of_sidecars_is_refused_by_name(void **state)
{
    const struct field  inner[] = {{"path", type_of(TYPE_STRING), true}};
    struct builder      b;
    struct column      *rows, *columns[1];
    struct delta_table *t;
    (void)state;
    const struct field outer[] = {{"sidecar", type_struct(&arena, inner, 1), true}};
    const struct type *type = type_struct(&arena, outer, 1);
    assert_int_equal(builder_init(&b, type, NULL), OK);
    builder_bytes(&b.children[0].children[0], "x.parquet", 9);
    builder_struct(&b.children[0], true);
    builder_struct(&b, true);
    assert_int_equal(builder_finish(&b, &rows, NULL), OK);
    builder_fini(&b);
    columns[0] = column_ref(rows->children[0]);
    struct batch *batch = batch_new(type, 1, columns, NULL, NULL);
    column_free(rows);
    put_rows(checkpoint_key(3), type, batch);
    batch_free(batch);
    put_version(4, add_of(4));
    assert_int_equal(delta_table_open(store, &t, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "v2Checkpoint"));
}

/* ---- whose epoch it is ---- */

static void the_nonce_is_read_from_the_commit_while_it_is_there(void **state)
{
    int64_t version;
    (void)state;
    make_table(5);
    put_version(6, "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n");
    make_checkpoint(6);
    remove_commits(5);
    assert_int_equal(write_epoch(5, &version), OK);
    assert_int_equal(version, 5);
    assert_int_equal(write_epoch_as(5, "theirs", add_of(5), &version), ERR_FENCED);
    assert_int_equal(write_epoch(4, &version), ERR_FENCED);
    assert_int_equal(write_epoch(6, &version), OK);
    assert_int_equal(version, 7);
}

static void when_the_commit_is_gone_the_files_say_whose_epoch_it_was(void **state)
{
    struct delta_table *t;
    struct delta_txn    x;
    int64_t             version = 0;
    bool                there;
    (void)state;
    make_table(5);
    make_checkpoint(5);
    remove_commits(6);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    assert_int_equal(delta_table_txn(t, APP, &there, &x, &e), OK);
    assert_true(there && x.gone && x.epoch == 5 && x.version == -1 && !x.nonce && !x.info);
    delta_table_close(t);
    assert_int_equal(write_epoch(5, &version), OK); /* prepared, and committed before the process ended */
    assert_int_equal(version, -1);
    assert_int_equal(write_epoch_as(5, "theirs", add_of(99), &version), ERR_FENCED);
    assert_non_null(strstr(e.text, "none of our files"));
    assert_int_equal(write_epoch_as(5, "nonce-5", "", &version), OK); /* an epoch without rows */
    assert_int_equal(write_epoch(4, &version), ERR_FENCED);
    assert_int_equal(write_epoch(6, &version), OK);
    assert_int_equal(version, 6);
    assert_int_equal(write_epoch(7, &version), OK);
    assert_int_equal(version, 7);
}

static void a_log_cleaned_up_under_an_open_table_is_read_again(void **state)
{
    static const char *const by[] = {"k"};
    struct delta_table      *t;
    struct delta_txn         x;
    int64_t                  version;
    bool                     there;
    (void)state;
    make_table(5);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    put_version(6, "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n");
    make_checkpoint(6);
    remove_commits(7);
    struct delta_commit c = {.app_id = APP,
                             .epoch = 6,
                             .nonce = "nonce-6",
                             .adds = add_of(6),
                             .info = "{}",
                             .query_id = "clicks",
                             .schema = schema,
                             .partition_by = by,
                             .n_partition_by = 1};
    if (delta_table_commit(t, &c, &version, &e) != OK)
        fail_msg("%s", e.text);
    assert_int_equal(version, 7);
    assert_int_equal(delta_table_txn(t, APP, &there, &x, &e), OK);
    assert_string_equal(x.nonce, "nonce-6");
    remove_commits(8); /* and no checkpoint behind it: that is no clean-up */
    assert_int_equal(delta_table_refresh(t, &e), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "version 7 of the table is gone"));
    delta_table_close(t);
}

/* The process knows the nonce of epoch 5; others clean its commit up, and it commits on. */
static void a_commit_of_ours_that_was_cleaned_up_was_not_overwritten(void **state)
{
    struct delta_table *t;
    struct delta_txn    x;
    bool                there;
    (void)state;
    make_table(5);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    put_version(6, "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n");
    make_checkpoint(6);
    assert_int_equal(delta_table_refresh(t, &e), OK);
    remove_commits(6);
    static const char *const by[] = {"k"};
    struct delta_commit      c = {.app_id = APP,
                                  .epoch = 6,
                                  .nonce = "nonce-6",
                                  .adds = add_of(6),
                                  .info = "{}",
                                  .query_id = "clicks",
                                  .schema = schema,
                                  .partition_by = by,
                                  .n_partition_by = 1};
    int64_t                  version;
    if (delta_table_commit(t, &c, &version, &e) != OK)
        fail_msg("%s", e.text);
    assert_int_equal(version, 7);
    assert_int_equal(delta_table_txn(t, APP, &there, &x, &e), OK);
    assert_int_equal(x.epoch, 6);
    delta_table_close(t);
}

/* ---- people who look ---- */

static void a_snapshot_shows_what_the_log_still_has(void **state)
{
    struct table_snapshot *s;
    (void)state;
    make_table(9);
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), OK);
    assert_int_equal(table_snapshot_first(s), 0);
    assert_int_equal(table_snapshot_checkpoint(s), -1);
    make_checkpoint(8);
    assert_int_equal(table_snapshot_refresh(s, &e), OK);
    assert_int_equal(table_snapshot_first(s), 0); /* the commits are there: so is their history */
    assert_int_equal(table_snapshot_checkpoint(s), 8);
    table_snapshot_free(s);

    remove_commits(8);
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), OK);
    assert_int_equal(table_snapshot_first(s), 8);
    assert_int_equal(table_snapshot_version(s), 9);
    assert_int_equal(table_snapshot_created_ms(s), 77);
    assert_null(table_snapshot_at(s, 7));
    assert_int_equal(table_snapshot_at(s, 8)->epoch, 1); /* as commitInfo says: its commit is there */
    assert_int_equal(table_snapshot_at(s, 8)->files, 1);
    assert_int_equal(table_snapshot_n_files(s), 9);
    assert_false(snapshot_file_is_in(table_snapshot_file(s, 8), 8)); /* added by 9 */
    assert_true(snapshot_file_is_in(table_snapshot_file(s, 0), 8));
    int64_t openings = table_snapshot_openings(s);
    make_checkpoint(9);
    remove_commits(10);
    assert_int_equal(table_snapshot_refresh(s, &e), OK);
    assert_true(table_snapshot_openings(s) > openings);
    assert_int_equal(table_snapshot_first(s), 9);
    assert_string_equal(table_snapshot_at(s, 9)->operation, ""); /* its commit is gone */
    assert_int_equal(table_snapshot_n_files(s), 9);
    table_snapshot_free(s);
}

/* A start far enough back to have a history, when the log has one. */
static void the_last_thousand_versions_are_shown(void **state)
{
    struct table_snapshot *s;
    (void)state;
    make_table(2);
    for (int64_t version = 3; version <= 1100; version++) {
        put_version(version, "{\"commitInfo\":{\"timestamp\":9,\"operation\":\"WRITE\"}}\n");
        if (version == 20 || version == 50 || version == 1090)
            make_checkpoint(version);
    }
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), OK);
    assert_int_equal(table_snapshot_first(s), 50);
    assert_int_equal(table_snapshot_version(s), 1100);
    assert_string_equal(table_snapshot_at(s, 101)->operation, "WRITE");
    table_snapshot_free(s);
    remove_commits(1090);
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), OK); /* checkpoints 20 and 50 lead nowhere any more */
    assert_int_equal(table_snapshot_first(s), 1090);
    assert_int_equal(table_snapshot_n_files(s), 2);
    table_snapshot_free(s);
}

/* ---- what fails ---- */

static void each_store_call_may_fail_and_the_table_stays_as_it_is(void **state)
{
    int64_t version;
    (void)state;
    make_table(5);
    make_checkpoint(5);
    remove_commits(5);
    for (int64_t epoch = 6; epoch <= 9; epoch++)
        assert_int_equal(write_epoch(epoch, &version), OK);
    const char *before = seen();
    for (int apply = 0; apply < 2; apply++)
        for (int nth = 1;; nth++) {
            struct checkpoint_written done;
            int                       calls = store_memory_calls(store);
            store_memory_fail(store, nth, ERR_UNAVAILABLE, apply);
            enum err rc = delta_checkpoint_write(store, 9, WEEK_MS, NOW_MS, &done, &e);
            bool     reached = store_memory_calls(store) - calls >= nth;
            store_memory_fail(store, 0, OK, false);
            if (rc != OK)
                assert_int_equal(rc, ERR_UNAVAILABLE);
            assert_string_equal(seen(), before);
            if (has_key(checkpoint_key(9)))
                assert_int_equal(store->ops->remove(store, checkpoint_key(9), NULL), OK);
            if (!reached)
                break;
        }
    assert_int_equal(make_checkpoint(9).files, 9);
    assert_string_equal(seen(), before);
}

static void each_store_call_of_an_opening_may_fail(void **state)
{
    (void)state;
    make_table(9);
    make_checkpoint(6);
    remove_commits(6);
    const char *before = seen();
    for (int nth = 1;; nth++) {
        struct delta_table *t;
        int                 calls = store_memory_calls(store);
        store_memory_fail(store, nth, ERR_UNAVAILABLE, false);
        enum err rc = delta_table_open(store, &t, &e);
        bool     reached = store_memory_calls(store) - calls >= nth;
        store_memory_fail(store, 0, OK, false);
        if (rc == OK)
            assert_int_equal(delta_table_version(t), 9);
        else
            assert_int_equal(rc, ERR_UNAVAILABLE);
        delta_table_close(t);
        if (!reached)
            break;
    }
    assert_string_equal(seen(), before);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    make_table(6);
    make_checkpoint(4);
    remove_commits(4);
    const char *before = seen();
    int         failed = 0;
    for (int64_t nth = 1; nth < 2000; nth += 3) {
        struct checkpoint_written done;
        struct delta_table       *t;
        alloc_fail_at(nth, 1);
        enum err rc = delta_checkpoint_write(store, 6, WEEK_MS, NOW_MS, &done, &e);
        alloc_fail_at(0, 0);
        failed += rc != OK;
        if (rc != OK && rc != ERR_NO_MEMORY && rc != ERR_LIMIT)
            fail_msg("allocation %lld: %s", (long long)nth, e.text);
        if (has_key(checkpoint_key(6)))
            assert_int_equal(store->ops->remove(store, checkpoint_key(6), NULL), OK);
        alloc_fail_at(nth, 1);
        if (delta_table_open(store, &t, &e) == OK)
            delta_table_close(t);
        alloc_fail_at(0, 0);
    }
    assert_true(failed > 50);
    assert_string_equal(seen(), before);
}

static void too_many_files_are_told(void **state)
{
    struct buf                text;
    struct checkpoint_written done;
    (void)state;
    buf_init(&text, TAG_TEST, (size_t)64 << 20);
    put_version(0, METADATA PROTOCOL);
    for (int i = 0; i < CHECKPOINT_ACTIONS_MAX; i++)
        buf_printf(&text, "{\"add\":{\"path\":\"f%d\",\"size\":1}}\n", i);
    char key[64];
    replay_commit_key(1, key);
    put_key(key, text.data, text.size);
    buf_fini(&text);
    assert_int_equal(delta_checkpoint_write(store, 1, WEEK_MS, NOW_MS, &done, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, "more than 250000 files"));
    assert_false(has_key(checkpoint_key(1)));
}

static void the_interval_is_the_tables(void **state)
{
    struct delta_table *t;
    int64_t             keep_ms;
    (void)state;
    put_version(0, METADATA PROTOCOL);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    assert_false(delta_table_checkpoint_due(t, 0, &keep_ms));
    assert_false(delta_table_checkpoint_due(t, 4, &keep_ms));
    assert_true(delta_table_checkpoint_due(t, 5, &keep_ms));
    assert_true(delta_table_checkpoint_due(t, 100, &keep_ms));
    assert_int_equal(keep_ms, WEEK_MS);
    delta_table_close(t);
    assert_int_equal(delta_property_check("delta.checkpointInterval", "1", &e), OK);
    assert_int_equal(delta_property_check("delta.checkpointInterval", "0", &e), ERR_INVALID);
    assert_int_equal(delta_property_check("delta.checkpointInterval", "10 commits", &e), ERR_INVALID);
}

static void removed_files_are_kept_as_long_as_the_table_says(void **state)
{
    static const struct {
        const char *text;
        int64_t     ms;
    } rows[] = {{"interval 2 weeks", 2 * WEEK_MS},
                {"36 HOURS", 36 * INT64_C(3600000)},
                {"interval 1 day 12 hours", 36 * INT64_C(3600000)},
                {"interval 1 month", INT64_MAX},
                {"interval -1 day", INT64_MAX},
                {"soon", INT64_MAX}};
    struct delta_table *t;
    int64_t             keep_ms;
    (void)state;
    put_version(0, METADATA PROTOCOL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf text;
        buf_init(&text, TAG_TEST, 1 << 16);
        buf_printf(&text,
                   "{\"metaData\":{\"id\":\"the-table\",\"format\":{\"provider\":\"parquet\"},\"schemaString\":\"{}\","
                   "\"partitionColumns\":[],\"configuration\":{\"delta.deletedFileRetentionDuration\":\"%s\"}}}\n",
                   rows[i].text);
        put_version((int64_t)i + 1, buf_text(&text));
        buf_fini(&text);
        assert_int_equal(delta_table_open(store, &t, &e), OK);
        assert_true(delta_table_checkpoint_due(t, 100, &keep_ms));
        assert_int_equal(keep_ms, rows[i].ms);
        delta_table_close(t);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(a_checkpoint_says_what_the_commits_said),
                                       T(a_checkpoint_streams_through_the_next),
                                       T(the_hint_names_the_newest),
                                       T(a_hint_is_only_a_hint),
                                       T(a_broken_checkpoint_gives_way),
                                       T(a_broken_checkpoint_is_no_reason_to_go_back_in_time),
                                       T(commits_missing_behind_a_checkpoint_are_told),
                                       T(a_checkpoint_in_parts_counts_when_all_are_there),
                                       T(a_checkpoint_of_sidecars_is_refused_by_name),
                                       T(the_nonce_is_read_from_the_commit_while_it_is_there),
                                       T(when_the_commit_is_gone_the_files_say_whose_epoch_it_was),
                                       T(a_log_cleaned_up_under_an_open_table_is_read_again),
                                       T(a_commit_of_ours_that_was_cleaned_up_was_not_overwritten),
                                       T(a_snapshot_shows_what_the_log_still_has),
                                       T(the_last_thousand_versions_are_shown),
                                       T(each_store_call_may_fail_and_the_table_stays_as_it_is),
                                       T(each_store_call_of_an_opening_may_fail),
                                       T(each_allocation_may_fail),
                                       T(too_many_files_are_told),
                                       T(the_interval_is_the_tables),
                                       T(removed_files_are_kept_as_long_as_the_table_says)};
    return cmocka_run_group_tests_name("delta checkpoint", tests, NULL, NULL);
}
