/* SPDX-License-Identifier: MIT */
/* Raw records become columns: every source of a column, what is dropped and who is told, limits, lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "decode/decode.h"

static struct arena arena;
static struct error e;

/* ---- what the side is told ---- */

static struct told {
    int     n;
    int64_t offsets[16];
    char    reasons[16][32], details[16][160];
} told;

static enum err tell(struct side *s, enum side_kind kind, const struct raw_batch *raw, const struct raw_record *record,
                     const char *reason, const char *detail, struct error *why)
{
    (void)s;
    (void)why;
    (void)raw;
    if (kind != SIDE_REJECT) /* samples of what was kept */
        return OK;
    assert_true(told.n < 16);
    told.offsets[told.n] = record->offset;
    snprintf(told.reasons[told.n], sizeof told.reasons[0], "%s", reason);
    snprintf(told.details[told.n++], sizeof told.details[0], "%s", detail);
    return OK;
}
static const struct side_ops side_ops = {.row = tell};
static struct side           side = {.ops = &side_ops};

/* ---- a batch of records, back to back in one buffer of exactly their size ---- */

struct text {
    const char *key, *value; /* NULL: none */
};

static void release(struct raw_batch *raw)
{
    mem_free(raw->owner);
    mem_free(raw->records);
    mem_free(raw);
}

static struct raw_batch *raw_of(const struct text *texts, uint32_t n)
{
    size_t            size = 0, at = 0;
    struct raw_batch *raw = mem_zalloc(TAG_TEST, sizeof *raw);
    for (uint32_t i = 0; i < n; i++)
        size += (texts[i].key ? strlen(texts[i].key) : 0) + (texts[i].value ? strlen(texts[i].value) : 0);
    uint8_t *bytes = mem_alloc(TAG_TEST, size);
    *raw = (struct raw_batch){.slot = 3, .topic = "clicks", .partition = 7, .n_records = n, .gaps_readable = true};
    raw->release = release;
    raw->refs = 1;
    raw->owner = bytes;
    raw->records = mem_zalloc(TAG_TEST, (n + 1) * sizeof *raw->records);
    for (uint32_t i = 0; i < n; i++) {
        struct raw_record *r = &raw->records[i];
        *r = (struct raw_record){.offset = 100 + i, .timestamp_ms = 1000 + i, .timestamp_type = (uint8_t)(i % 2)};
        if (texts[i].key) {
            r->key_bytes = (uint32_t)strlen(texts[i].key);
            r->key = memcpy(bytes + at, texts[i].key, r->key_bytes);
            at += r->key_bytes;
        }
        if (texts[i].value) {
            r->value_bytes = (uint32_t)strlen(texts[i].value);
            r->value = memcpy(bytes + at, texts[i].value, r->value_bytes);
            at += r->value_bytes;
        }
    }
    return raw;
}

/* ---- decoders ---- */

static const struct type *json_type(void)
{
    const struct field fields[] = {{"a", type_of(TYPE_INT), true}, {"b", type_of(TYPE_STRING), true}};
    return type_struct(&arena, fields, 2);
}

static const struct type *headers_type(void)
{
    const struct field pair[] = {{"key", type_of(TYPE_STRING), true}, {"value", type_of(TYPE_BINARY), true}};
    return type_array(&arena, type_struct(&arena, pair, 2), true);
}

static enum err new_decoder(const enum decode_from *from, int n, enum decode_policy policy, bool failfast,
                            struct decoder **out)
{
    static const enum type_kind kinds[] = {
        [DECODE_KEY] = TYPE_BINARY,          [DECODE_VALUE] = TYPE_BINARY,        [DECODE_KEY_STRING] = TYPE_STRING,
        [DECODE_VALUE_STRING] = TYPE_STRING, [DECODE_TOPIC] = TYPE_STRING,        [DECODE_PARTITION] = TYPE_INT,
        [DECODE_OFFSET] = TYPE_BIGINT,       [DECODE_TIMESTAMP] = TYPE_TIMESTAMP, [DECODE_TIMESTAMP_TYPE] = TYPE_INT,
        [DECODE_KEY_JSON] = TYPE_STRUCT,     [DECODE_VALUE_JSON] = TYPE_STRUCT};
    struct field         fields[16];
    struct decode_column columns[16];
    memset(columns, 0, sizeof columns);
    for (int i = 0; i < n; i++) {
        bool json = from[i] == DECODE_KEY_JSON || from[i] == DECODE_VALUE_JSON;
        columns[i] = (struct decode_column){
            .from = from[i], .json_type = json ? json_type() : NULL, .failfast = json && failfast};
        fields[i] = (struct field){"c",
                                   json                        ? columns[i].json_type
                                   : from[i] == DECODE_HEADERS ? headers_type()
                                                               : type_of(kinds[from[i]]),
                                   true};
    }
    struct decode_spec spec = {
        .schema = type_struct(&arena, fields, (size_t)n), .columns = columns, .on_malformed = policy};
    return decoder_new(&spec, out, &e);
}

static struct tally        tally;
static struct flow_context context = {.tally = &tally, .side = &side};

static struct decoder *decoder(const enum decode_from *from, int n, enum decode_policy policy)
{
    struct decoder *d;
    assert_int_equal(new_decoder(from, n, policy, false, &d), OK);
    return d;
}

static enum err decode(struct decoder *d, const struct text *texts, uint32_t n, struct batch **out)
{
    struct raw_batch *raw = raw_of(texts, n);
    enum err          rc = d->ops->decode(d, raw, &context, out, &e);
    raw_batch_free(raw); /* the batch holds it */
    return rc;
}

static int setup(void **state)
{
    (void)state;
    memset(&told, 0, sizeof told);
    arena_init(&arena, TAG_TEST, 1 << 20);
    return 0;
}

static void headers_of_a_record(void **state)
{
    const enum decode_from from = DECODE_HEADERS;
    const struct text      texts[] = {{NULL, "a"}, {NULL, "b"}, {NULL, "c"}};
    struct decoder        *d = decoder(&from, 1, DECODE_KEEP);
    struct raw_batch      *raw = raw_of(texts, 3);
    struct raw_header      headers[] = {{(const uint8_t *)"k", (const uint8_t *)"\xff", 1, 1},
                                        {(const uint8_t *)"k", NULL, 1, 0},
                                        {(const uint8_t *)"\xff", (const uint8_t *)"", 1, 0}};
    uint32_t               ends[] = {2, 2, 3}, n;
    struct batch          *b;
    (void)state;
    raw->headers = headers;
    raw->header_ends = ends;
    assert_int_equal(d->ops->decode(d, raw, &context, &b, &e), OK);
    const struct column *c = b->columns[0], *key = c->children[0]->children[0], *value = c->children[0]->children[1];
    assert_true(column_is_valid(c, 0) && !column_is_valid(c, 1) && column_is_valid(c, 2)); /* none: NULL */
    assert_int_equal(c->offsets[1], 2);
    assert_int_equal(c->offsets[3], 3);
    assert_memory_equal(column_bytes(value, 0, &n), "\xff", 1); /* bytes stay */
    assert_false(column_is_valid(value, 1));
    assert_true(column_is_valid(value, 2));
    assert_memory_equal(column_bytes(key, 2, &n), "\xef\xbf\xbd", 3); /* texts are repaired */
    batch_free(b);
    raw->headers = NULL; /* a source that was not asked for them */
    assert_int_equal(d->ops->decode(d, raw, &context, &b, &e), OK);
    assert_int_equal(b->columns[0]->n_nulls, 3);
    batch_free(b);
    raw_batch_free(raw);
    d->ops->free(d);
}

static int teardown(void **state)
{
    (void)state;
    mem_free(tally.slots);
    memset(&tally, 0, sizeof tally);
    arena_fini(&arena);
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
    return 0;
}

static void is_text(const struct column *c, size_t row, const char *expected)
{
    uint32_t       n;
    const uint8_t *bytes = column_bytes(c, row, &n);
    assert_int_equal(column_is_valid(c, row), expected != NULL);
    assert_int_equal(n, expected ? strlen(expected) : 0);
    if (expected)
        assert_memory_equal(bytes, expected, n);
}

/* ---- tests ---- */

static void every_column_of_the_source(void **state)
{
    static const enum decode_from from[] = {DECODE_KEY,          DECODE_VALUE,     DECODE_KEY_STRING,
                                            DECODE_VALUE_STRING, DECODE_TOPIC,     DECODE_PARTITION,
                                            DECODE_OFFSET,       DECODE_TIMESTAMP, DECODE_TIMESTAMP_TYPE};
    static const struct text      texts[] = {{"k", "v"},
                                             {NULL, "\xff\xfe"
                                                         "A\xe2\x82"},
                                             {"", NULL}};
    struct decoder               *d = decoder(from, 9, DECODE_KEEP);
    struct raw_batch             *raw = raw_of(texts, 3);
    struct batch                 *b;
    (void)state;
    raw->records[2].timestamp_ms = -1;
    raw->records[2].timestamp_type = 255;
    assert_int_equal(d->ops->decode(d, raw, &context, &b, &e), OK);
    raw_batch_free(raw);
    assert_int_equal(b->n_rows, 3);
    assert_null(b->origin); /* row i is record i */
    is_text(b->columns[0], 0, "k");
    is_text(b->columns[0], 1, NULL);
    is_text(b->columns[0], 2, "");
    is_text(b->columns[1], 1,
            "\xff\xfe"
            "A\xe2\x82"); /* bytes stay bytes */
    is_text(b->columns[1], 2, NULL);
    is_text(b->columns[3], 1,
            "\xef\xbf\xbd\xef\xbf\xbd"
            "A\xef\xbf\xbd"); /* a text is repaired */
    is_text(b->columns[3], 2, NULL);
    is_text(b->columns[4], 0, "clicks");
    assert_int_equal(column_i32(b->columns[5])[0], 7);
    assert_int_equal(column_i64(b->columns[6])[2], 102);
    assert_int_equal(column_i64(b->columns[7])[1], 1001000);
    assert_int_equal(column_i64(b->columns[7])[2], -1000); /* none, as Spark shows it */
    assert_int_equal(column_i32(b->columns[8])[1], 1);
    assert_int_equal(column_i32(b->columns[8])[2], -1);
    assert_int_equal(batch_record(b, 1)->offset, 101);
    assert_int_equal(tally.slots[3].read, 3);
    batch_free(b);
    d->ops->free(d);
}

static const struct text      mixed[] = {{"{\"a\":1}", "{\"a\":10,\"b\":\"x\"}"},
                                         {"{\"a\":2}", "{\"a\":\"ten\",\"b\":\"kept\"}"},
                                         {"{\"a\":3", "{\"a\":30,\"b\":\"z\"}"},
                                         {NULL, NULL},
                                         {"{\"a\":5}", "{\"a\":50,\"b\":\"later\"}"}};
static const enum decode_from both[] = {DECODE_VALUE_JSON, DECODE_OFFSET, DECODE_KEY_JSON};

static int32_t a_of(const struct batch *b, int column, size_t row)
{
    const struct column *c = b->columns[column]->children[0];
    return column_is_valid(c, row) ? column_i32(c)[row] : -1;
}

static void kept_as_spark_does_and_counted(void **state)
{
    struct decoder *d = decoder(both, 3, DECODE_KEEP);
    struct batch   *b;
    (void)state;
    assert_int_equal(decode(d, mixed, 5, &b), OK);
    assert_int_equal(b->n_rows, 5);
    static const int32_t values[] = {10, -1, 30, -1, 50}, keys[] = {1, 2, -1, -1, 5};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(a_of(b, 0, i), values[i]);
        assert_int_equal(a_of(b, 2, i), keys[i]);
    }
    is_text(b->columns[0]->children[1], 1, "kept");
    assert_true(column_is_valid(b->columns[2], 2));  /* unreadable: a struct of NULLs */
    assert_false(column_is_valid(b->columns[2], 3)); /* no key: NULL */
    assert_int_equal(tally.slots[3].malformed, 2);
    assert_int_equal(tally.slots[3].rejected, 0);
    assert_int_equal(told.n, 0);
    batch_free(b);
    d->ops->free(d);
}

static void rejected_with_all_its_columns(void **state)
{
    struct decoder *d = decoder(both, 3, DECODE_REJECT);
    struct batch   *b;
    (void)state;
    for (int round = 0; round < 2; round++) { /* the builders are clean afterwards */
        told.n = 0;
        assert_int_equal(decode(d, mixed, 5, &b), OK);
        assert_int_equal(b->n_rows, 3);
        static const int32_t values[] = {10, -1, 50}, keys[] = {1, -1, 5};
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(a_of(b, 0, i), values[i]);
            assert_int_equal(a_of(b, 2, i), keys[i]);
        }
        assert_int_equal(column_i64(b->columns[1])[2], 104);
        assert_int_equal(batch_record(b, 2)->offset, 104);
        assert_int_equal(told.n, 2);
        assert_int_equal(told.offsets[0], 101);
        assert_string_equal(told.reasons[0], "bad_field");
        assert_non_null(strstr(told.details[0], "field a"));
        assert_string_equal(told.reasons[1], "malformed_json");
        batch_free(b);
    }
    assert_int_equal(tally.slots[3].read, 10);
    assert_int_equal(tally.slots[3].rejected, 4);
    d->ops->free(d);
}

static void an_error_names_the_record_and_forgets_the_batch(void **state)
{
    struct decoder *d;
    struct batch   *b;
    (void)state;
    for (int failfast = 0; failfast < 2; failfast++) {
        assert_int_equal(new_decoder(both, 3, failfast ? DECODE_KEEP : DECODE_FAIL, failfast, &d), OK);
        assert_int_equal(decode(d, mixed, 5, &b), ERR_DATA);
        assert_null(b);
        assert_non_null(strstr(e.text, "clicks partition 7 offset 101"));
        assert_int_equal(decode(d, mixed, 1, &b), OK);
        assert_int_equal(b->n_rows, 1);
        assert_int_equal(a_of(b, 0, 0), 10);
        batch_free(b);
        d->ops->free(d);
    }
}

static void a_record_above_the_limit_is_rejected_by_reference(void **state)
{
    static const struct text texts[] = {{NULL, "{\"a\":1}"}, {NULL, NULL}, {NULL, "{\"a\":3}"}};
    struct decoder          *d = decoder(both, 1, DECODE_KEEP);
    struct raw_batch        *raw = raw_of(texts, 3);
    struct batch            *b;
    (void)state;
    raw->records[1].oversized = true;
    raw->records[1].value_bytes = 70000000;
    assert_int_equal(d->ops->decode(d, raw, &context, &b, &e), OK);
    raw_batch_free(raw);
    assert_int_equal(b->n_rows, 2);
    assert_int_equal(a_of(b, 0, 1), 3);
    assert_string_equal(told.reasons[0], "oversized");
    assert_non_null(strstr(told.details[0], "70000000"));
    batch_free(b);
    d->ops->free(d);
}

static void a_batch_of_nothing_but_rejects_is_empty(void **state)
{
    static const struct text texts[] = {{NULL, "x"}, {NULL, "y"}};
    struct decoder          *d = decoder(both, 1, DECODE_REJECT);
    struct batch            *b;
    (void)state;
    assert_int_equal(decode(d, texts, 2, &b), OK);
    assert_int_equal(b->n_rows, 0);
    batch_free(b);
    assert_int_equal(decode(d, texts, 0, &b), OK);
    assert_int_equal(b->n_rows, 0);
    batch_free(b);
    d->ops->free(d);
}

/* Short texts at the end of their memory: what is behind is not the reader's (a sanitizer sees it). */
static void documents_are_read_in_place_up_to_the_last_byte(void **state)
{
    char            texts[64][40];
    struct text     rows[64];
    struct decoder *d = decoder(both, 1, DECODE_KEEP);
    (void)state;
    for (uint32_t n = 1; n <= 64; n++) {
        struct batch *b;
        for (uint32_t i = 0; i < n; i++) {
            snprintf(texts[i], sizeof texts[i], "{\"a\":%u,\"b\":\"%.*s\"}", i, (int)(i % 20), "abcdefghijklmnopqrst");
            rows[i] = (struct text){NULL, texts[i]};
        }
        assert_int_equal(decode(d, rows, n, &b), OK);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(a_of(b, 0, i), i);
        batch_free(b);
    }
    assert_int_equal(tally.slots[3].malformed, 0);
    d->ops->free(d);
}

static void every_allocation_fails_once(void **state)
{
    static const enum decode_from from[] = {DECODE_VALUE_JSON, DECODE_VALUE_STRING, DECODE_TOPIC, DECODE_KEY_JSON};
    static const char             broken[] = "{\"a\":50,\"b\":[\"\xff\"]}"; /* to be repaired, and put together */
    struct text                   texts[5];
    memcpy(texts, mixed, sizeof texts);
    texts[4].value = broken;
    struct raw_batch *raw = raw_of(texts, 5);
    int               n_failed = 0;
    (void)state;
    for (int n = 1; n < n_failed + 20; n++) {
        struct decoder *d = NULL;
        struct batch   *b = NULL;
        told.n = 0;
        arena_reset(&arena); /* warm: types are not what fails */
        CHECK(json_type());
        alloc_fail_at(n, 1);
        enum err rc = new_decoder(from, 4, DECODE_REJECT, false, &d);
        if (rc == OK)
            rc = d->ops->decode(d, raw, &context, &b, &e);
        alloc_fail_at(0, 0);
        if (rc == OK) {
            assert_int_equal(b->n_rows, 3);
            assert_int_equal(a_of(b, 0, 2), 50);
            is_text(b->columns[1], 2, "{\"a\":50,\"b\":[\"\xef\xbf\xbd\"]}");
            is_text(b->columns[0]->children[1], 2, "[\"\xef\xbf\xbd\"]");
        } else {
            assert_true(rc == ERR_NO_MEMORY || rc == ERR_LIMIT);
            n_failed = n;
        }
        if (b)
            batch_free(b);
        if (d)
            d->ops->free(d);
        assert_int_equal(alloc_bytes(TAG_BATCH), 0);
        if (n_failed == 0)
            n_failed = 1;
    }
    assert_true(n_failed > 10);
    raw_batch_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_column_of_the_source, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_of_a_record, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_as_spark_does_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(rejected_with_all_its_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_names_the_record_and_forgets_the_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_above_the_limit_is_rejected_by_reference, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_of_nothing_but_rejects_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(documents_are_read_in_place_up_to_the_last_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_fails_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
