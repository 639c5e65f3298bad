/* SPDX-License-Identifier: MIT */
/* What a table promises: epochs appear once, others' appends are survived, what we must not ignore is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/snapshot.h"
#include "delta/table.h"
#include "json/doc.h"

#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define ADD                                                                                                           \
    "{\"add\":{\"path\":\"f.parquet\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,\"dataChange\":true}}" \
    "\n"
#define FIELD(name, type, rest) \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":true,\\\"metadata\\\":{" rest "}}"
#define FIELDS FIELD("k", "string", "") "," FIELD("n", "long", "")
#define METADATA(id, fields, partitions, configuration)                                                       \
    "{\"metaData\":{\"id\":\"" id "\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":" \
    "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[" fields "]}\",\"partitionColumns\":[" partitions "],"    \
    "\"configuration\":{" configuration "},\"createdTime\":1}}\n"

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
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_TEST), 0); /* nothing of any test leaks */
    return 0;
}

static struct delta_commit commit_of(const char *app_id, int64_t epoch, const char *nonce)
{
    return (struct delta_commit){.app_id = app_id,
                                 .epoch = epoch,
                                 .nonce = nonce,
                                 .adds = ADD,
                                 .n_files = 1,
                                 .n_rows = 3,
                                 .n_bytes = 1,
                                 .info = "{\"epoch\":1,\n\"replay_from\":null}",
                                 .now_ms = 1700000000123,
                                 .query_id = "clicks",
                                 .create = epoch == 0,
                                 .schema = schema};
}

static enum err write_epoch(int64_t epoch, const char *nonce, int64_t *version)
{
    struct delta_table *t;
    struct delta_commit c = commit_of("millrace/clicks/0", epoch, nonce);
    enum err            rc = delta_table_open(store, &t, &e);
    if (rc == OK)
        rc = delta_table_commit(t, &c, version, &e);
    delta_table_close(t);
    return rc;
}

static void put_version(int64_t version, const char *text)
{
    char key[64];
    snprintf(key, sizeof key, "_delta_log/%020lld.json", (long long)version);
    assert_int_equal(store->ops->put(store, key, text, strlen(text), NULL), OK);
}

/* The k-th line of a version, to be freed; NULL when there are fewer. */
static struct json_value *action(int64_t version, int k)
{
    char               key[64];
    struct buf         b;
    struct json_value *doc = NULL;
    snprintf(key, sizeof key, "_delta_log/%020lld.json", (long long)version);
    buf_init(&b, TAG_TEST, 1 << 20);
    assert_int_equal(store->ops->get(store, key, &b, NULL), OK);
    const char *line = buf_text(&b);
    while (k-- > 0 && (line = strchr(line, '\n')))
        line++;
    if (line && *line)
        assert_int_equal(json_doc_parse(line, strcspn(line, "\n"), &doc, NULL), OK);
    buf_fini(&b);
    return doc;
}

static bool has_version(int64_t version)
{
    char    key[64];
    int64_t size;
    snprintf(key, sizeof key, "_delta_log/%020lld.json", (long long)version);
    return store->ops->head(store, key, &size, NULL) == OK;
}

static bool has_txn(struct delta_table *t, const char *app_id, struct delta_txn *x)
{
    bool there = false;
    assert_int_equal(delta_table_txn(t, app_id, &there, x, &e), OK);
    return there;
}

/* ---- what is written ---- */

static void the_first_commit_makes_the_table_as_spark_does(void **state)
{
    static const char *const order[] = {"commitInfo", "metaData", "protocol", "txn", "add"};
    int64_t                  version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(version, 0);
    for (int i = 0; i < 5; i++) {
        struct json_value *line = action(0, i);
        assert_non_null(json_get(line, order[i]));
        json_doc_free(line);
    }
    assert_null(action(0, 5));
    struct json_value *line = action(0, 1);
    assert_string_equal(
        json_get_string(json_get(line, "metaData"), "schemaString"),
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"k\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}");
    json_doc_free(line);
}

static void commit_info_says_who_and_how_much(void **state)
{
    int64_t version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(write_epoch(1, "nonce-1", &version), OK);
    struct json_value       *line = action(1, 0);
    const struct json_value *info = json_get(line, "commitInfo");
    assert_string_equal(json_get_string(info, "operation"), "STREAMING UPDATE");
    assert_string_equal(json_get_string(json_get(info, "operationParameters"), "epochId"), "1");
    assert_string_equal(json_get_string(json_get(info, "operationMetrics"), "numOutputRows"), "3");
    assert_int_equal(json_get_int(info, "readVersion", -1), 0);
    assert_int_equal(json_get_int(info, "timestamp", -1), 1700000000123);
    assert_true(json_get_bool(info, "isBlindAppend", false));
    assert_string_equal(json_get_string(info, "txnId"), "nonce-1");
    assert_non_null(json_get(json_get(info, "millrace"), "epoch"));
    json_doc_free(line);
    line = action(1, 1);
    assert_int_equal(json_get_int(json_get(line, "txn"), "lastUpdated", 0), 1700000000123);
    json_doc_free(line);
}

static void a_table_is_read_back(void **state)
{
    struct delta_table *t;
    struct delta_txn    x;
    int64_t             version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(write_epoch(7, "nonce-7", &version), OK);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    assert_int_equal(delta_table_version(t), 1);
    assert_int_equal(strlen(delta_table_id(t)), 36);
    assert_true(has_txn(t, "millrace/clicks/0", &x));
    assert_int_equal(x.epoch, 7);
    assert_int_equal(x.version, 1);
    assert_string_equal(x.nonce, "nonce-7");
    assert_string_equal(x.info, "{\"epoch\":1,\"replay_from\":null}");
    assert_false(has_txn(t, "other", &x));
    assert_int_equal(delta_table_generation(t, "millrace/clicks/"), 0);
    assert_int_equal(delta_table_generation(t, "millrace/other/"), -1);
    delta_table_close(t);
}

/* ---- once, and by one ---- */

static void an_epoch_is_written_once(void **state)
{
    int64_t version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(write_epoch(1, "nonce-1", &version), OK);
    assert_int_equal(write_epoch(1, "nonce-1", &version), OK);
    assert_int_equal(version, 1);
    assert_false(has_version(2));
}

static void a_foreign_nonce_at_our_epoch_fences_us(void **state)
{
    int64_t version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(write_epoch(1, "theirs", &version), OK);
    assert_int_equal(write_epoch(1, "ours", &version), ERR_FENCED);
    assert_int_equal(write_epoch(0, "nonce-0", &version), ERR_FENCED); /* and so does a later epoch */
    assert_false(has_version(2));
}

static void a_zombie_is_fenced_inside_its_commit(void **state)
{
    struct delta_table *zombie;
    struct delta_commit c = commit_of("millrace/clicks/0", 1, "zombie");
    int64_t             version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(delta_table_open(store, &zombie, &e), OK);
    assert_int_equal(write_epoch(1, "new owner", &version), OK);
    assert_int_equal(delta_table_commit(zombie, &c, &version, &e), ERR_FENCED);
    delta_table_close(zombie);
}

static void appends_of_others_are_survived(void **state)
{
    struct delta_table *t;
    struct delta_commit c = commit_of("millrace/clicks/0", 1, "nonce-1");
    int64_t             version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    put_version(1, "{\"add\":{\"path\":\"x\"}}\n{\"commitInfo\":{\"operation\":\"WRITE\"}}\n");
    put_version(2, "{\"commitInfo\":{\"operation\":\"WRITE\"}}\n{\"txn\":{\"appId\":\"spark\",\"version\":9}}\n");
    put_version(3, "{\"commitInfo\":{\"operation\":\"VACUUM START\"}}\n");
    assert_int_equal(delta_table_commit(t, &c, &version, &e), OK);
    assert_int_equal(version, 4);
    delta_table_close(t);
}

/* A failed call: nothing happened, or everything did, or the answer was lost. Whoever retries finds out. */
static void each_store_call_may_fail_once(void **state)
{
    (void)state;
    for (int apply = 0; apply < 2; apply++) {
        for (int nth = 1;; nth++) {
            struct store *fresh, *before = store;
            int64_t       version;
            assert_int_equal(store_memory_new(&fresh, NULL), OK);
            store = fresh;
            assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
            int calls = store_memory_calls(store);
            store_memory_fail(store, nth, ERR_UNAVAILABLE, apply);
            enum err rc = write_epoch(1, "nonce-1", &version);
            bool     reached = store_memory_calls(store) - calls >= nth;
            store_memory_fail(store, 0, OK, false);
            if (rc != OK)
                assert_int_equal(rc, ERR_UNAVAILABLE);
            assert_int_equal(write_epoch(1, "nonce-1", &version), OK); /* recovery is the only retry */
            assert_int_equal(version, 1);
            assert_false(has_version(2));
            store->ops->free(store);
            store = before;
            if (!reached)
                break;
        }
    }
}

static void each_allocation_may_fail(void **state)
{
    int64_t version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    for (int64_t nth = 1, epoch = 1;; nth++) {
        alloc_fail_at(nth, 1);
        enum err rc = write_epoch(epoch, "nonce-n", &version);
        alloc_fail_at(0, 0);
        if (rc != OK && rc != ERR_NO_MEMORY)
            fail_msg("allocation %lld: %s", (long long)nth, e.text);
        if (nth > 200)
            break;
    }
    assert_int_equal(write_epoch(1, "nonce-n", &version), OK);
    assert_int_equal(version, 1);
    assert_false(has_version(2));
}

struct writer_thread {
    const char  *folder;
    char         app_id[16];
    pthread_t    thread;
    enum err     rc;
    struct error error;
};

static void *keep_committing(void *arg)
{
    struct writer_thread *w = arg;
    struct store         *own;
    struct delta_table   *t;
    int64_t               version;
    w->rc = store_local_new(w->folder, &own, &w->error);
    if (w->rc != OK)
        return NULL;
    w->rc = delta_table_open(own, &t, &w->error);
    for (int epoch = 0; w->rc == OK && epoch < 25; epoch++) {
        struct delta_commit c = commit_of(w->app_id, epoch, "nonce");
        w->rc = delta_table_commit(t, &c, &version, &w->error);
    }
    delta_table_close(t);
    own->ops->free(own);
    return NULL;
}

/* On a real file system, so that put-if-absent is lost for real. */
static void writers_at_the_same_time_share_a_table(void **state)
{
    struct writer_thread writers[4];
    struct delta_table  *t;
    struct store        *own;
    struct delta_txn     x;
    char                 folder[] = "/tmp/millrace-delta-XXXXXX", command[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer_thread){.folder = folder};
        snprintf(writers[i].app_id, sizeof writers[i].app_id, "q%d/0", i);
        assert_int_equal(pthread_create(&writers[i].thread, NULL, keep_committing, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(writers[i].thread, NULL);
        if (writers[i].rc != OK)
            fail_msg("%s", writers[i].error.text);
    }
    assert_int_equal(store_local_new(folder, &own, &e), OK);
    assert_int_equal(delta_table_open(own, &t, &e), OK);
    assert_int_equal(delta_table_version(t), 4 * 25 - 1);
    for (int i = 0; i < 4; i++) {
        assert_true(has_txn(t, writers[i].app_id, &x));
        assert_int_equal(x.epoch, 24);
    }
    delta_table_close(t);
    own->ops->free(own);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* ---- tables that are not what they were ---- */

static void a_table_is_never_made_again(void **state)
{
    struct delta_table *t;
    struct delta_commit c = commit_of("millrace/clicks/0", 5, "nonce-5");
    int64_t             version;
    (void)state;
    assert_int_equal(write_epoch(5, "nonce-5", &version), ERR_DATA_LOSS);
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    assert_int_equal(store->ops->remove(store, "_delta_log/00000000000000000000.json", NULL), OK);
    assert_int_equal(delta_table_commit(t, &c, &version, &e), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "gone"));
    delta_table_close(t);
}

static void a_replaced_table_is_noticed(void **state)
{
    struct delta_table *t;
    (void)state;
    put_version(0, METADATA("one", FIELDS, "", "") PROTOCOL);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    put_version(1, METADATA("two", FIELDS, "", ""));
    assert_int_equal(delta_table_refresh(t, &e), ERR_DATA_LOSS);
    delta_table_close(t);
}

static void an_overwritten_version_is_noticed(void **state)
{
    struct delta_table *t;
    struct delta_commit c = commit_of("millrace/clicks/0", 2, "nonce-2");
    int64_t             version;
    (void)state;
    assert_int_equal(write_epoch(0, "nonce-0", &version), OK);
    assert_int_equal(write_epoch(1, "nonce-1", &version), OK);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    put_version(1, "{\"commitInfo\":{\"operation\":\"WRITE\"}}\n" ADD); /* Hadoop's local rename */
    assert_int_equal(delta_table_commit(t, &c, &version, &e), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "overwritten"));
    delta_table_close(t);
}

static void the_schema_may_not_change_under_us(void **state)
{
    struct delta_table *t;
    struct delta_commit c = commit_of("millrace/clicks/0", 1, "nonce-1");
    int64_t             version;
    (void)state;
    put_version(0, METADATA("one", FIELDS, "", "") PROTOCOL);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    put_version(1, METADATA("one", FIELDS "," FIELD("more", "double", ""), "", "\"delta.appendOnly\":\"true\""));
    assert_int_equal(delta_table_commit(t, &c, &version, &e), OK); /* a column more is NULL in our rows */
    put_version(3, METADATA("one", FIELD("k", "string", "") "," FIELD("n", "integer", ""), "", ""));
    c = commit_of("millrace/clicks/0", 2, "nonce-2");
    assert_int_equal(delta_table_commit(t, &c, &version, &e), ERR_CONFLICT);
    assert_string_equal(e.text, "column \"n\" is integer in the table and long in the query");
    put_version(3, METADATA("one", FIELDS, "\"k\"", ""));
    delta_table_close(t);
    assert_int_equal(write_epoch(2, "nonce-2", &version), ERR_CONFLICT);
    assert_non_null(strstr(e.text, "partitioned"));
}

/* ---- what an appender must not ignore ---- */

static void tables_we_cannot_honour_are_refused_by_name(void **state)
{
    static const struct {
        const char *version0, *says;
    } rows[] = {
        {METADATA("i", FIELDS, "", "") "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":3}}\n", "(1,3)"},
        {METADATA("i", FIELDS, "",
                  "") "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":"
                      "[\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\",\"v2Checkpoint\"]}}\n",
         "(3,7) with deletionVectors, v2Checkpoint; millrace writes (1,2)"},
        {METADATA("i", FIELDS, "", "\"delta.constraints.positive\":\"n > 0\"") PROTOCOL, "positive"},
        {METADATA("i", FIELDS, "", "\"delta.setTransactionRetentionDuration\":\"interval 1 day\"") PROTOCOL,
         "exactly-once"},
        {METADATA("i", FIELDS, "", "\"delta.columnMapping.mode\":\"name\"") PROTOCOL, "column mapping"},
        {METADATA("i", FIELD("k", "string", "\\\"delta.invariants\\\":\\\"x\\\"") "," FIELD("n", "long", ""), "", "")
             PROTOCOL,
         "invariants"},
        {METADATA("i", FIELD("k", "string", "\\\"delta.generationExpression\\\":\\\"x\\\"") "," FIELD("n", "long", ""),
                  "", "") PROTOCOL,
         "generated"},
        {METADATA(
             "i",
             FIELD("k", "string", "\\\"__CHAR_VARCHAR_TYPE_STRING\\\":\\\"varchar(3)\\\"") "," FIELD("n", "long", ""),
             "", "") PROTOCOL,
         "VARCHAR"},
        {METADATA("i",
                  FIELD("k", "string", "") ",{\\\"name\\\":\\\"n\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":false,"
                                           "\\\"metadata\\\":{}}",
                  "", "") PROTOCOL,
         "\"n\" of the table must not be NULL"},
        {METADATA("i",
                  FIELDS
                  ",{\\\"name\\\":\\\"m\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":false,\\\"metadata\\\":{}}",
                  "", "") PROTOCOL,
         "does not have it"},
        {METADATA("i", FIELD("K", "string", "") "," FIELD("n", "long", ""), "", "") PROTOCOL, "\"k\" is written \"K\""},
        {METADATA("i", FIELD("k", "string", ""), "", "") PROTOCOL, "\"n\" is not in the table"},
        {METADATA("i", FIELDS, "", ""), "metaData or protocol"},
        {"{\"metaData\":{}}\n" PROTOCOL, "usable id"},
        {"{\"metaData\":\n" PROTOCOL, "version 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct delta_table *t;
        put_version(0, rows[i].version0);
        enum err rc = delta_table_open(store, &t, &e);
        if (rc == OK)
            rc = delta_table_check(t, schema, NULL, 0, &e);
        assert_int_not_equal(rc, OK);
        if (!strstr(e.text, rows[i].says))
            fail_msg("row %zu: %s", i, e.text);
        delta_table_close(t);
    }
}

static void a_log_must_be_whole(void **state)
{
    struct delta_table *t;
    (void)state;
    put_version(10, ADD);
    assert_int_equal(store->ops->put(store, "_delta_log/00000000000000000010.checkpoint.parquet", "x", 1, NULL), OK);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "no longer begins at version 0, and checkpoint 10: a Parquet file is broken"));
    assert_int_equal(store->ops->remove(store, "_delta_log/00000000000000000010.checkpoint.parquet", NULL), OK);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "starts at version 10, and no complete checkpoint"));
    assert_int_equal(store->ops->put(store, "_delta_log/00000000000000000010.checkpoint.0a1b.parquet", "x", 1, NULL),
                     OK);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "v2Checkpoint"));
    put_version(0, METADATA("i", FIELDS, "", "") PROTOCOL);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "version 1 of the table is missing"));
}

static void parts_of_a_checkpoint_are_no_table_and_no_empty_folder(void **state)
{
    struct delta_table *t;
    (void)state;
    assert_int_equal(store->ops->put(store, "_delta_log/00000000000000000003.checkpoint.0000000001.0000000002.parquet",
                                     "x", 1, NULL),
                     OK);
    assert_int_equal(delta_table_open(store, &t, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "no commits, and no complete checkpoint"));
}

static void files_that_are_no_commits_are_ignored(void **state)
{
    static const char *const names[] = {"_delta_log/00000000000000000001.crc", "_delta_log/_last_checkpoint",
                                        "_delta_log/00000000000000000001.00000000000000000002.compacted.json",
                                        "_delta_log/00000000000000000000.checkpoint.parquet",
                                        "_delta_log/00000000000000000003.0a1b.json.tmp"};
    struct delta_table      *t;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(store->ops->put(store, names[i], "?", 1, NULL), OK);
    put_version(0, METADATA("i", FIELDS, "", "") PROTOCOL);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    assert_int_equal(delta_table_version(t), 0);
    delta_table_close(t);
}

/* The table of a Spark 4.1 window query: struct, column metadata of Spark, stats, its own txn. */
static void a_table_made_by_spark_is_appended_to(void **state)
{
    static const char version0[] =
        "{\"commitInfo\":{\"timestamp\":1795359058970,\"operation\":\"STREAMING "
        "UPDATE\",\"operationParameters\":{\"outputMode\":"
        "\"Append\",\"queryId\":\"bcc845d8\",\"epochId\":\"0\"},\"isolationLevel\":\"Serializable\",\"isBlindAppend\":"
        "true,"
        "\"engineInfo\":\"Apache-Spark/4.1.1 Delta-Lake/4.3.1\",\"txnId\":\"8fba4d63-ac9f-4396-83fb-7e73dc13c749\"}}\n"
        "{\"metaData\":{\"id\":\"ab2f14bf\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":\"{"
        "\\\"type\\\":"
        "\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"window\\\",\\\"type\\\":{\\\"type\\\":\\\"struct\\\","
        "\\\"fields\\\":[{"
        "\\\"name\\\":\\\"start\\\",\\\"type\\\":\\\"timestamp\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{"
        "\\\"name\\\":"
        "\\\"end\\\",\\\"type\\\":\\\"timestamp\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]},\\\"nullable\\\":true,"
        "\\\"metadata\\\":{\\\"spark.timeWindow\\\":true,\\\"spark.watermarkDelayMs\\\":10000}},{\\\"name\\\":"
        "\\\"k\\\","
        "\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],"
        "\"configuration\":{},"
        "\"createdTime\":1795359052997}}\n" PROTOCOL
        "{\"txn\":{\"appId\":\"bcc845d8\",\"version\":0,\"lastUpdated\":1}}\n";
    const struct field window[] = {{"start", type_of(TYPE_TIMESTAMP), true}, {"end", type_of(TYPE_TIMESTAMP), true}};
    const struct field fields[] = {{"window", type_struct(&arena, window, 2), true}, {"k", type_of(TYPE_STRING), true}};
    struct delta_commit c = commit_of("millrace/clicks/0", 1, "nonce-1");
    struct delta_table *t;
    struct delta_txn    x;
    int64_t             version;
    (void)state;
    c.schema = type_struct(&arena, fields, 2);
    put_version(0, version0);
    assert_int_equal(delta_table_open(store, &t, &e), OK);
    assert_true(has_txn(t, "bcc845d8", &x));
    assert_null(x.nonce); /* Spark's txnId is not a nonce of ours */
    assert_int_equal(delta_table_commit(t, &c, &version, &e), OK);
    assert_int_equal(version, 1);
    delta_table_close(t);
}

/* ---- what may be made ---- */

static void names_delta_refuses_are_refused(void **state)
{
    static const char *const bad[] = {"a b", "a,b", "a;b", "a{", "}", "(", "a)", "a\nb", "a\tb", "a=b", ""};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct field inner[] = {{bad[i], type_of(TYPE_INT), true}};
        const struct field fields[] = {{"ok", type_of(TYPE_INT), true}, {"s", type_struct(&arena, inner, 1), true}};
        assert_int_equal(delta_schema_check(type_struct(&arena, fields, 2), NULL, 0, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "alias it"));
    }
    const struct field twice[] = {{"a", type_of(TYPE_INT), true}, {"A", type_of(TYPE_INT), true}};
    assert_int_equal(delta_schema_check(type_struct(&arena, twice, 2), NULL, 0, &e), ERR_INVALID);
    const struct field fine[] = {{"a-b", type_of(TYPE_INT), true}, {"\u00e9t\u00e9", type_of(TYPE_INT), true}};
    assert_int_equal(delta_schema_check(type_struct(&arena, fine, 2), NULL, 0, &e), OK);
}

static void partition_columns_are_checked(void **state)
{
    const struct field fields[] = {
        {"d", type_of(TYPE_DATE), true}, {"b", type_of(TYPE_BINARY), true}, {"n", type_of(TYPE_INT), true}};
    const struct type *t = type_struct(&arena, fields, 3);
    (void)state;
    assert_int_equal(delta_schema_check(t, (const char *const[]){"d"}, 1, &e), OK);
    assert_int_equal(delta_schema_check(t, (const char *const[]){"x"}, 1, &e), ERR_INVALID);
    assert_int_equal(delta_schema_check(t, (const char *const[]){"b"}, 1, &e), ERR_UNSUPPORTED);
    assert_int_equal(delta_schema_check(t, (const char *const[]){"d", "D"}, 2, &e), ERR_INVALID);
}

static void properties_that_need_more_are_refused(void **state)
{
    (void)state;
    assert_int_equal(delta_property_check("delta.appendOnly", "true", &e), OK);
    assert_int_equal(delta_property_check("delta.autoOptimize.autoCompact", "true", &e), OK);
    assert_int_equal(delta_property_check("owner", "me", &e), OK);
    assert_int_equal(delta_property_check("delta.enableDeletionVectors", "false", &e), OK);
    assert_int_equal(delta_property_check("delta.enableDeletionVectors", "true", &e), ERR_UNSUPPORTED);
    assert_int_equal(delta_property_check("delta.enableChangeDataFeed", "true", &e), ERR_UNSUPPORTED);
    assert_int_equal(delta_property_check("delta.columnMapping.mode", "name", &e), ERR_UNSUPPORTED);
    assert_int_equal(delta_property_check("delta.constraints.c", "n > 0", &e), ERR_UNSUPPORTED);
    assert_int_equal(delta_property_check("delta.appendOnlyX", "true", &e), ERR_UNSUPPORTED);
    assert_int_equal(delta_property_check("delta.setTransactionRetentionDuration", "1 day", &e), ERR_UNSUPPORTED);
}

static enum err no_rows(void *arg, struct batch *b, struct error *why)
{
    (void)arg;
    (void)why;
    batch_free(b);
    return OK;
}

static void rows_that_may_be_deleted_elsewhere_are_not_shown(void **state)
{
    struct table_snapshot *s;
    (void)state;
    put_version(0, METADATA("i", FIELDS, "", "") PROTOCOL ADD);
    put_version(1, "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":"
                   "[\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\"]}}\n");
    assert_int_equal(table_snapshot_new(store, &s, &e), OK);
    assert_int_equal(table_snapshot_refresh(s, &e), OK);
    assert_int_equal(table_snapshot_n_files(s), 1);
    assert_int_equal(table_snapshot_read(s, table_snapshot_file(s, 0), 0, no_rows, NULL, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "version 3"));
    table_snapshot_free(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(the_first_commit_makes_the_table_as_spark_does),
                                       T(commit_info_says_who_and_how_much),
                                       T(a_table_is_read_back),
                                       T(an_epoch_is_written_once),
                                       T(a_foreign_nonce_at_our_epoch_fences_us),
                                       T(a_zombie_is_fenced_inside_its_commit),
                                       T(appends_of_others_are_survived),
                                       T(each_store_call_may_fail_once),
                                       T(each_allocation_may_fail),
                                       T(writers_at_the_same_time_share_a_table),
                                       T(a_table_is_never_made_again),
                                       T(a_replaced_table_is_noticed),
                                       T(an_overwritten_version_is_noticed),
                                       T(the_schema_may_not_change_under_us),
                                       T(tables_we_cannot_honour_are_refused_by_name),
                                       T(a_log_must_be_whole),
                                       T(parts_of_a_checkpoint_are_no_table_and_no_empty_folder),
                                       T(files_that_are_no_commits_are_ignored),
                                       T(a_table_made_by_spark_is_appended_to),
                                       T(names_delta_refuses_are_refused),
                                       T(partition_columns_are_checked),
                                       T(properties_that_need_more_are_refused),
                                       T(rows_that_may_be_deleted_elsewhere_are_not_shown)};
    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
