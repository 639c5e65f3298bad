/* SPDX-License-Identifier: MIT */
/* The two steps of the sink: what each leaves, whatever fails in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/failpoint.h"
#include "sink/delta_sink.h"
#include "json/doc.h"

static struct arena       arena;
static struct store      *shared;
static const struct type *schema;
static struct error       e;

/* ---- a store that outlives the sinks that use it: a process that starts again ---- */

struct lent {
    struct store base;
};

static enum err lent_put(struct store *s, const char *key, const void *bytes, size_t n, struct error *why)
{
    (void)s;
    return shared->ops->put(shared, key, bytes, n, why);
}
static enum err lent_create(struct store *s, const char *key, const void *bytes, size_t n, struct error *why)
{
    (void)s;
    return shared->ops->put_if_absent(shared, key, bytes, n, why);
}
static enum err lent_get(struct store *s, const char *key, struct buf *out, struct error *why)
{
    (void)s;
    return shared->ops->get(shared, key, out, why);
}
static enum err lent_head(struct store *s, const char *key, int64_t *size, struct error *why)
{
    (void)s;
    return shared->ops->head(shared, key, size, why);
}
static enum err lent_list(struct store *s, const char *prefix, const char *after, bool (*each)(void *, const char *),
                          void *arg, struct error *why)
{
    (void)s;
    return shared->ops->list(shared, prefix, after, each, arg, why);
}
static enum err lent_remove(struct store *s, const char *key, struct error *why)
{
    (void)s;
    return shared->ops->remove(shared, key, why);
}
static void lent_free(struct store *s) { mem_free(s); }

static struct store *lend(void)
{
    static const struct store_ops ops = {.put = lent_put,
                                         .put_if_absent = lent_create,
                                         .get = lent_get,
                                         .head = lent_head,
                                         .list = lent_list,
                                         .remove = lent_remove,
                                         .free = lent_free};
    struct lent                  *l = mem_zalloc(TAG_TEST, sizeof *l);
    l->base.ops = &ops;
    return &l->base;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true}, {"n", type_of(TYPE_BIGINT), true}};
    schema = type_struct(&arena, fields, 2);
    return store_memory_new(&shared, NULL) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    shared->ops->free(shared);
    arena_fini(&arena);
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_BATCH) + alloc_bytes(TAG_TEST), 0);
    return 0;
}

static struct sink *new_sink(const char *const *by, int n_by)
{
    struct delta_sink_spec spec = {
        .location = "t", .schema = schema, .codec = PARQUET_ZSTD, .partition_by = by, .n_partition_by = n_by};
    struct sink *s;
    if (delta_sink_new_in(&spec, lend(), &s, &e) != OK)
        fail_msg("%s", e.text);
    return s;
}

static struct sink *open_sink(void)
{
    struct sink *s = new_sink(NULL, 0);
    if (delta_sink_open(s, &e) != OK)
        fail_msg("%s", e.text);
    return s;
}

static struct batch *rows(int from, int to)
{
    struct builder b;
    struct column *c, *columns[2];
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (int i = from; i < to; i++) {
        builder_bytes(&b.children[0], &"abc"[i % 3], 1);
        builder_i64(&b.children[1], i);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    for (int i = 0; i < 2; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(schema, c->n_rows, columns, NULL, NULL);
    column_free(c);
    builder_fini(&b);
    return batch;
}

static enum err write(struct sink *s, int from, int to)
{
    struct batch *b = rows(from, to);
    enum err      rc = s->ops->write(s, b, &e);
    batch_free(b);
    return rc;
}

static enum err prepare(struct sink *s, struct buf *receipt)
{
    struct sink_cut *cut;
    buf_clear(receipt);
    enum err rc = s->ops->cut(s, &cut, &e);
    return rc == OK ? s->ops->prepare(s, cut, receipt, &e) : rc;
}

static enum err commit(struct sink *s, struct buf *receipt, int64_t epoch, int64_t *version)
{
    struct sink_commit c = {.app_id = "millrace/q/0",
                            .nonce = "nonce",
                            .query_id = "q",
                            .epoch = epoch,
                            .now_ms = 1,
                            .info = "{}",
                            .create = epoch == 0};
    char               nonce[32];
    snprintf(nonce, sizeof nonce, "nonce-%lld", (long long)epoch);
    c.nonce = nonce;
    return s->ops->commit(s, buf_text(receipt), &c, version, &e);
}

/* ---- reading the store ---- */

struct counts {
    int files, versions;
};

static bool count(void *arg, const char *key)
{
    struct counts *c = arg;
    c->files += strstr(key, ".parquet") != NULL;
    c->versions += strncmp(key, "_delta_log/0", 12) == 0;
    return true;
}

static struct counts in_store(void)
{
    struct counts c = {0, 0};
    assert_int_equal(shared->ops->list(shared, "", NULL, count, &c, NULL), OK);
    return c;
}

/* Records of all add actions. */
static int64_t table_rows(int n_versions)
{
    int64_t sum = 0;
    for (int v = 0; v < n_versions; v++) {
        char       key[64];
        struct buf b;
        snprintf(key, sizeof key, "_delta_log/%020d.json", v);
        buf_init(&b, TAG_TEST, 1 << 24);
        assert_int_equal(shared->ops->get(shared, key, &b, NULL), OK);
        for (const char *line = buf_text(&b); line && *line; line = strchr(line, '\n'), line += line != NULL) {
            struct json_value *doc = NULL, *stats = NULL;
            assert_int_equal(json_doc_parse(line, strcspn(line, "\n"), &doc, NULL), OK);
            const char *text = json_get_string(json_get(doc, "add"), "stats");
            if (text) {
                assert_int_equal(json_doc_parse(text, strlen(text), &stats, NULL), OK);
                sum += json_get_int(stats, "numRecords", -1000);
                json_doc_free(stats);
            }
            json_doc_free(doc);
        }
        buf_fini(&b);
    }
    return sum;
}

/* ---- the protocol ---- */

static void an_epoch_becomes_a_version(void **state)
{
    struct sink *s = open_sink();
    struct buf   receipt;
    int64_t      version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(write(s, 0, 10), OK);
    assert_int_equal(write(s, 10, 15), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    assert_int_equal(in_store().files, 1);    /* durable, */
    assert_int_equal(in_store().versions, 0); /* and nobody's yet */
    assert_int_equal(s->ops->check(s, buf_text(&receipt), &e), OK);
    assert_int_equal(commit(s, &receipt, 0, &version), OK);
    assert_int_equal(version, 0);
    assert_int_equal(table_rows(1), 15);
    buf_fini(&receipt);
    s->ops->free(s);
}

static void the_receipt_alone_is_enough(void **state)
{
    struct sink *s = open_sink();
    struct buf   receipt;
    int64_t      version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(write(s, 0, 10), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    s->ops->free(s); /* the process dies here */
    s = open_sink();
    assert_int_equal(s->ops->check(s, buf_text(&receipt), &e), OK);
    assert_int_equal(commit(s, &receipt, 0, &version), OK);
    assert_int_equal(commit(s, &receipt, 0, &version), OK); /* and once more */
    assert_int_equal(version, 0);
    assert_int_equal(in_store().versions, 1);
    assert_int_equal(table_rows(1), 10);
    buf_fini(&receipt);
    s->ops->free(s);
}

static void an_epoch_without_rows(void **state)
{
    struct sink     *s = open_sink();
    struct sink_cut *cut;
    struct buf       receipt;
    int64_t          version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(s->ops->cut(s, &cut, &e), OK);
    assert_null(cut);
    assert_int_equal(prepare(s, &receipt), OK);
    assert_int_equal(commit(s, &receipt, 3, &version), OK); /* a side table that has never had rows */
    assert_int_equal(version, -1);
    assert_int_equal(in_store().versions, 0);
    assert_int_equal(commit(s, &receipt, 0, &version), OK); /* the main table may be made */
    assert_int_equal(version, 0);
    assert_int_equal(commit(s, &receipt, 1, &version), OK); /* and get a version without files */
    assert_int_equal(version, 1);
    buf_fini(&receipt);
    s->ops->free(s);
}

static void files_that_vanished_or_tore_are_named(void **state)
{
    struct sink       *s = open_sink();
    struct buf         receipt;
    struct json_value *r = NULL, *add = NULL;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(write(s, 0, 10), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    const char *text = buf_text(&receipt);
    assert_int_equal(json_doc_parse(text, strlen(text), &r, NULL), OK);
    const char *adds = json_get_string(r, "adds");
    assert_int_equal(json_doc_parse(adds, strcspn(adds, "\n"), &add, NULL), OK);
    const char *path = json_get_string(json_get(add, "add"), "path");
    assert_int_equal(shared->ops->put(shared, path, "torn", 4, NULL), OK);
    assert_int_equal(s->ops->check(s, buf_text(&receipt), &e), ERR_CORRUPT);
    assert_int_equal(shared->ops->remove(shared, path, NULL), OK);
    assert_int_equal(s->ops->check(s, buf_text(&receipt), &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, path));
    json_doc_free(add);
    json_doc_free(r);
    buf_fini(&receipt);
    s->ops->free(s);
}

static void rows_go_into_the_table_they_were_prepared_for(void **state)
{
    static const char version0[] = "_delta_log/00000000000000000000.json";
    struct sink      *s = open_sink();
    struct buf        receipt, next;
    int64_t           version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    buf_init(&next, TAG_TEST, 1 << 24);
    assert_int_equal(write(s, 0, 10), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    assert_int_equal(commit(s, &receipt, 0, &version), OK);
    assert_int_equal(write(s, 10, 20), OK);
    assert_int_equal(prepare(s, &next), OK);
    s->ops->free(s);
    assert_int_equal(shared->ops->remove(shared, version0, NULL), OK);
    s = open_sink();
    assert_int_equal(commit(s, &next, 1, &version), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "gone"));
    assert_int_equal(commit(s, &receipt, 0, &version), OK); /* somebody makes it again */
    assert_int_equal(commit(s, &next, 1, &version), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "replaced"));
    buf_fini(&receipt);
    buf_fini(&next);
    s->ops->free(s);
}

/* Recovery as the pipeline does it: what was prepared is only committed again, what was not is written again. */
static void recover(struct buf *receipt, bool prepared)
{
    struct sink *s = open_sink();
    int64_t      version;
    if (!prepared) {
        assert_int_equal(write(s, 10, 30), OK);
        assert_int_equal(prepare(s, receipt), OK);
    }
    assert_int_equal(commit(s, receipt, 1, &version), OK);
    assert_int_equal(version, 1);
    s->ops->free(s);
}

static void each_store_call_of_an_epoch_may_fail_once(void **state)
{
    struct buf receipt, first;
    int64_t    version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    buf_init(&first, TAG_TEST, 1 << 24);
    for (int apply = 0; apply < 2; apply++) {
        for (int nth = 1, reached = 1; reached; nth++) {
            struct store *kept = shared;
            assert_int_equal(store_memory_new(&shared, NULL), OK);
            struct sink *s = open_sink();
            assert_int_equal(write(s, 0, 10), OK);
            assert_int_equal(prepare(s, &first), OK);
            assert_int_equal(commit(s, &first, 0, &version), OK);
            int calls = store_memory_calls(shared);
            store_memory_fail(shared, nth, ERR_UNAVAILABLE, apply);
            assert_int_equal(write(s, 10, 30), OK);
            bool     prepared = prepare(s, &receipt) == OK;
            enum err rc = prepared ? commit(s, &receipt, 1, &version) : e.code;
            reached = store_memory_calls(shared) - calls >= nth;
            store_memory_fail(shared, 0, OK, false);
            assert_true(rc == OK || rc == ERR_UNAVAILABLE);
            if (!prepared)
                assert_int_equal(in_store().files, 1); /* nothing is left of it */
            s->ops->free(s);
            recover(&receipt, prepared);
            assert_int_equal(in_store().versions, 2);
            assert_int_equal(in_store().files, 2);
            assert_int_equal(table_rows(2), 30); /* once, whatever happened */
            shared->ops->free(shared);
            shared = kept;
        }
    }
    buf_fini(&receipt);
    buf_fini(&first);
}

static void each_allocation_of_an_epoch_may_fail(void **state)
{
    struct buf       receipt;
    struct sink_cut *cut;
    int64_t          version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    for (int64_t nth = 1;; nth++) {
        struct sink  *s = open_sink();
        struct batch *b = rows(0, 10);
        alloc_fail_at(nth, 1);
        enum err rc = s->ops->write(s, b, &e);
        if (rc == OK)
            rc = s->ops->cut(s, &cut, &e);
        if (rc == OK) {
            buf_clear(&receipt);
            rc = s->ops->prepare(s, cut, &receipt, &e);
        }
        alloc_fail_at(0, 0);
        if (rc != OK) {
            assert_int_equal(rc, ERR_NO_MEMORY);
            s->ops->drop(s, NULL); /* the epoch is lost; the sink is not */
            assert_int_equal(s->ops->write(s, b, &e), OK);
            assert_int_equal(prepare(s, &receipt), OK);
        }
        batch_free(b);
        assert_int_equal(commit(s, &receipt, 0, &version), OK);
        assert_int_equal(table_rows(1), 10);
        s->ops->free(s);
        shared->ops->free(shared);
        assert_int_equal(store_memory_new(&shared, NULL), OK);
        if (rc == OK && nth > 150)
            break;
    }
    buf_fini(&receipt);
}

static void failpoints_stand_at_each_step(void **state)
{
    struct sink *s = open_sink();
    struct buf   receipt;
    int64_t      version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(
        failpoint_setup("sink.prepare.before=error@1,sink.prepare.after_put=error@1,sink.commit.before=error@1,"
                        "sink.commit.after=error@1",
                        NULL, 0, NULL),
        OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write(s, 0, 10), OK);
        assert_int_equal(prepare(s, &receipt), ERR_IO);
        assert_int_equal(in_store().files, 0);
    }
    assert_int_equal(write(s, 0, 10), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    assert_int_equal(commit(s, &receipt, 0, &version), ERR_IO);
    assert_int_equal(in_store().versions, 0);
    assert_int_equal(commit(s, &receipt, 0, &version), ERR_IO); /* after: it did happen */
    assert_int_equal(in_store().versions, 1);
    assert_int_equal(commit(s, &receipt, 0, &version), OK);
    assert_int_equal(in_store().versions, 1);
    buf_fini(&receipt);
    s->ops->free(s);
}

static void dropped_rows_are_gone(void **state)
{
    struct sink     *s = open_sink();
    struct sink_cut *cut;
    struct buf       receipt;
    int64_t          version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(write(s, 0, 10), OK);
    assert_int_equal(s->ops->cut(s, &cut, &e), OK);
    s->ops->drop(s, cut);
    assert_int_equal(write(s, 0, 10), OK);
    s->ops->drop(s, NULL);
    assert_int_equal(write(s, 0, 3), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    assert_int_equal(commit(s, &receipt, 0, &version), OK);
    assert_int_equal(table_rows(1), 3);
    buf_fini(&receipt);
    s->ops->free(s);
}

/* ---- partitions ---- */

static void rows_go_to_the_file_of_their_values(void **state)
{
    struct sink *s = new_sink((const char *const[]){"K"}, 1);
    struct buf   receipt;
    int64_t      version;
    (void)state;
    buf_init(&receipt, TAG_TEST, 1 << 24);
    assert_int_equal(delta_sink_open(s, &e), OK);
    assert_int_equal(write(s, 0, 7), OK);
    assert_int_equal(write(s, 7, 8), OK);
    assert_int_equal(prepare(s, &receipt), OK);
    assert_non_null(strstr(buf_text(&receipt), "k=a/part-"));
    assert_non_null(strstr(buf_text(&receipt), "k=b/part-"));
    assert_int_equal(commit(s, &receipt, 0, &version), OK);
    assert_int_equal(in_store().files, 3);
    assert_int_equal(table_rows(1), 8);
    buf_fini(&receipt);
    s->ops->free(s);
}

static void too_many_partitions_are_an_error(void **state)
{
    const struct field fields[] = {{"n", type_of(TYPE_BIGINT), true}, {"p", type_of(TYPE_INT), true}};
    const struct type *t = type_struct(&arena, fields, 2);
    struct builder     b;
    struct column     *c, *columns[2];
    (void)state;
    schema = t;
    struct sink *s = new_sink((const char *const[]){"p"}, 1);
    assert_int_equal(builder_init(&b, t, NULL), OK);
    for (int i = 0; i <= SINK_PARTITIONS_MAX; i++) {
        builder_i64(&b.children[0], i);
        builder_i32(&b.children[1], i);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    for (int i = 0; i < 2; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(t, c->n_rows, columns, NULL, NULL);
    column_free(c);
    builder_fini(&b);
    assert_int_equal(s->ops->write(s, batch, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, "more than 1000 partitions"));
    s->ops->drop(s, NULL);
    batch_free(batch);
    s->ops->free(s);
}

/* ---- what cannot be a table ---- */

static void what_cannot_be_a_table_is_refused_at_once(void **state)
{
    const struct field          interval[] = {{"a", type_of(TYPE_INT), true}, {"d", type_of(TYPE_INTERVAL), true}};
    const struct field          blank[] = {{"a", type_of(TYPE_INT), true}, {"count(1)", type_of(TYPE_BIGINT), true}};
    const struct field          empty[] = {{"s", type_struct(&arena, NULL, 0), true}};
    const struct delta_property property[] = {{"delta.enableDeletionVectors", "true"}};
    const struct {
        struct delta_sink_spec spec;
        const char            *says;
    } bad[] = {
        {{.location = "t", .schema = type_struct(&arena, interval, 2)}, "column d of type INTERVAL"},
        {{.location = "t", .schema = type_struct(&arena, blank, 2)}, "\"count(1)\""},
        {{.location = "t", .schema = type_struct(&arena, empty, 1)}, "struct without fields"},
        {{.location = "t", .schema = schema, .properties = property, .n_properties = 1}, "enableDeletionVectors"},
        {{.location = "t", .schema = schema, .partition_by = (const char *const[]){"zz"}, .n_partition_by = 1},
         "\"zz\""}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sink *s;
        assert_int_not_equal(delta_sink_new_in(&bad[i].spec, lend(), &s, &e), OK);
        if (!strstr(e.text, bad[i].says))
            fail_msg("%s", e.text);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(an_epoch_becomes_a_version),
                                       T(the_receipt_alone_is_enough),
                                       T(an_epoch_without_rows),
                                       T(files_that_vanished_or_tore_are_named),
                                       T(rows_go_into_the_table_they_were_prepared_for),
                                       T(each_store_call_of_an_epoch_may_fail_once),
                                       T(each_allocation_of_an_epoch_may_fail),
                                       T(failpoints_stand_at_each_step),
                                       T(dropped_rows_are_gone),
                                       T(rows_go_to_the_file_of_their_values),
                                       T(too_many_partitions_are_an_error),
                                       T(what_cannot_be_a_table_is_refused_at_once)};
    return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
