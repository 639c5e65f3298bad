/* SPDX-License-Identifier: MIT */
/*
 * from_json, one document at a time: the quick readers and the tolerant one give the same row, and ordinary documents
 * do not take the slow way. What each token becomes is told in tests/sql/json.case, by Spark's traces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json/record.h"

#define NOW ((int64_t)1704067200000000)

static struct arena       arena;
static const struct type *schema;
static struct error       e;

enum { I, L, D, S, B, DAY, AT, Y, O, N_FIELDS };

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    const struct field inner[] = {{"x", type_of(TYPE_INT), true}, {"s", type_of(TYPE_STRING), true}};
    const struct field fields[N_FIELDS] = {{"i", type_of(TYPE_INT), true},
                                           {"l", type_of(TYPE_BIGINT), true},
                                           {"d", type_of(TYPE_DOUBLE), true},
                                           {"s", type_of(TYPE_STRING), true},
                                           {"b", type_of(TYPE_BOOLEAN), true},
                                           {"day", type_of(TYPE_DATE), true},
                                           {"at", type_of(TYPE_TIMESTAMP), true},
                                           {"y", type_of(TYPE_BINARY), true},
                                           {"o", type_struct(&arena, inner, 2), true}};
    schema = type_struct(&arena, fields, N_FIELDS);
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

static struct json_reader *reader(void)
{
    struct json_reader *r;
    assert_int_equal(json_reader_new(schema, &r, &e), OK);
    return r;
}

/* Reads a copy of exactly its size and slack, so that a sanitizer sees a byte too far. */
static struct column *read_one(struct json_reader *r, const char *text, size_t n, size_t slack, bool tolerant,
                               struct json_verdict *v)
{
    struct builder b;
    struct column *c;
    uint8_t       *copy = mem_alloc(TAG_TEST, n + slack);
    memset(copy, '9', n + slack); /* a digit behind a number must not become part of it */
    memcpy(copy, text, n);
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    if (tolerant)
        assert_int_equal(json_reader_read_tolerant(r, copy, n, NOW, &b, v, &e), OK);
    else
        assert_int_equal(json_reader_read(r, copy, n, slack, NOW, &b, v, &e), OK);
    mem_free(copy);
    assert_int_equal(builder_finish(&b, &c, &e), OK);
    assert_int_equal(c->n_rows, 1);
    builder_fini(&b);
    return c;
}

static bool same(const struct column *a, const struct column *b)
{
    uint32_t n, m;
    if (column_is_valid(a, 0) != column_is_valid(b, 0))
        return false;
    if (!column_is_valid(a, 0))
        return true;
    if (a->type->kind == TYPE_STRUCT) {
        bool all = true;
        for (int i = 0; i < a->type->n_fields; i++)
            all = all && same(a->children[i], b->children[i]);
        return all;
    }
    if (a->offsets) {
        const uint8_t *x = column_bytes(a, 0, &n), *y = column_bytes(b, 0, &m);
        return n == m && memcmp(x, y, n) == 0;
    }
    return memcmp(a->values, b->values, type_width(a->type)) == 0;
}

static const char *const documents[] = {
    "{}",
    "{\"i\":1,\"l\":2,\"d\":0.5,\"s\":\"text\",\"b\":true,\"day\":\"2024-02-29\",\"at\":\"2024-01-01T00:00:00Z\",\"y\":"
    "\"aGk=\",\"o\":{\"x\":1,\"s\":\"in\"}}",
    " { \"i\" : -7 , \"d\" : 1e3 , \"s\" : \"\" } ",
    "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
    "{\"s\":\"h\xc3\xa9 \xf0\x9f\x98\x80\"}",
    "{\"s\":\"\\ud83d\"}",
    "{\"s\":\"bad \xff\xfe utf8 \xe2\x82\"}",
    "{\"s\":{\"a\":[1,2.50,null,true,\"x\\n\"]},\"o\":[1]}",
    "{\"s\":1.50,\"i\":\"1\",\"b\":\"true\",\"day\":5,\"at\":1.5,\"y\":\"!\",\"o\":5,\"d\":\"x\",\"l\":1.0}",
    "{\"i\":2147483647,\"l\":9223372036854775807}",
    "{\"i\":2147483648,\"l\":9223372036854775808}",
    "{\"i\":-2147483649,\"l\":-9223372036854775809}",
    "{\"l\":-9223372036854775808,\"d\":-0.0}",
    "{\"l\":1234567890123456789012345678901234567890}",
    "{\"d\":1e400}",
    "{\"d\":-1e-400}",
    "{\"d\":4.9e-324}",
    "{\"d\":0.1234567890123456789012345678901234567890}",
    "{\"d\":NaN}",
    "{\"d\":\"Infinity\"}",
    "{\"d\":-Infinity}",
    "{\"d\":123456789012345678}",
    "{\"at\":1700000000,\"day\":\"1969-12-31\"}",
    "{\"at\":-1}",
    "{\"at\":\"T01:02:03\"}",
    "{\"i\":1,\"i\":2}",
    "{\"i\":1,\"i\":\"x\"}",
    "{\"i\":1,\"i\":null}",
    "{\"o\":{\"x\":1},\"o\":{\"s\":\"2\"}}",
    "{\"o\":{\"x\":\"bad\",\"s\":\"kept\"}}",
    "{\"o\":{\"x\":1,\"extra\":{\"deep\":[[[]]]}},\"i\":3}",
    "{\"extra\":{\"i\":9,\"o\":{\"x\":9}},\"i\":3}",
    "{\"I\":1,\"S\":\"case\"}",
    "{'i':1,'s':'single \"'}",
    "{i:1}",
    "{\"i\":01}",
    "{\"i\":+1}",
    "{\"i\":1,}",
    "{,\"i\":1}",
    "{\"i\":1 \"s\":\"x\"}",
    "{\"i\" 1}",
    "{\"i\":}",
    "{\"i\":tru}",
    "{\"i\":nul}",
    "{\"skip\":tru,\"i\":1}",
    "{\"skip\":\"\\q\",\"i\":1}",
    "{\"skip\":\"\x01\",\"i\":1}",
    "{\"skip\":00,\"i\":1}",
    "{\"skip\":1.,\"i\":1}",
    "{\"skip\":.5,\"i\":1}",
    "{\"skip\":1e,\"i\":1}",
    "{\"skip\":[1,],\"i\":1}",
    "{\"skip\":\"\xff\",\"i\":1}",
    "{\"s\":\"tab\there\"}",
    "{\"s\":\"nul\\u0000\"}",
    "{\"s\":\"open",
    "{\"s\":\"x\"",
    "{\"s\":\"x\"} tail",
    "{\"i\":1}{\"i\":2}",
    "{\"i\":1}}",
    "[{\"i\":1}]",
    "null",
    "1",
    "\"s\"",
    "",
    "  \n",
    "\xef\xbb\xbf{\"i\":1}",
    "{\"\\u0069\":5}",
    "{\"i\":5/* c */}",
    "{\"i\":1\x00}",
};
#define N_DOCUMENTS (sizeof documents / sizeof documents[0])

static void all_readers_give_one_answer(void **state)
{
    static const size_t slacks[] = {0, 1, 63, 64, 200};
    (void)state;
    for (size_t k = 0; k < N_DOCUMENTS; k++) {
        const char         *text = documents[k];
        struct json_reader *plain = reader(), *warm = reader();
        struct json_verdict v, w;
        size_t              n = strlen(text);
        struct column      *right = read_one(plain, text, n, 0, true, &v);
        for (int i = 0; i < 3; i++) /* a shape is known by then */
            column_free(read_one(warm, documents[1], strlen(documents[1]), 64, false, &w));
        for (size_t i = 0; i < sizeof slacks / sizeof slacks[0]; i++) {
            struct column *c = read_one(warm, text, n, slacks[i], false, &w);
            if (w.kind != v.kind || strcmp(w.reason, v.reason) != 0 || !same(c, right))
                fail_msg("%s (slack %zu): %d %s, tolerant %d %s", text, slacks[i], w.kind, w.reason, v.kind, v.reason);
            column_free(c);
        }
        column_free(right);
        json_reader_free(plain);
        json_reader_free(warm);
    }
}

/* Every prefix of a document, and every document with one byte changed, is read alike and never a crash. */
static void damaged_documents_are_read_alike(void **state)
{
    static const char   bytes[] = "\"{}[]:,\\0e.-n \x80\xff";
    struct json_reader *quick = reader(), *plain = reader();
    struct json_verdict v, w;
    char                text[256];
    size_t              n = strlen(documents[1]);
    (void)state;
    for (size_t at = 0; at <= n; at++)
        for (size_t k = 0; k < sizeof bytes; k++) {
            memcpy(text, documents[1], n);
            size_t length = k + 1 == sizeof bytes ? at : n; /* the last round cuts */
            if (k + 1 < sizeof bytes && at < n)
                text[at] = bytes[k];
            struct column *a = read_one(quick, text, length, 64, false, &v),
                          *b = read_one(plain, text, length, 0, true, &w);
            if (v.kind != w.kind || !same(a, b))
                fail_msg("%.*s: %d, tolerant %d %s", (int)length, text, v.kind, w.kind, w.reason);
            column_free(a);
            column_free(b);
        }
    json_reader_free(quick);
    json_reader_free(plain);
}

static void ordinary_documents_do_not_take_the_slow_way(void **state)
{
    struct json_reader *r = reader();
    struct json_verdict v;
    (void)state;
    for (int i = 0; i < 50; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"i\":%d,\"d\":%d.25,\"s\":\"h\xc3\xa9 \\n %d\",\"b\":%s,\"o\":{\"x\":null},\"more\":[{}]}", i, i, i,
                 i % 2 ? "true" : "false");
        struct column *c = read_one(r, text, strlen(text), i % 3 ? 64 : 0, false, &v);
        assert_int_equal(v.kind, JSON_ROW);
        assert_int_equal(column_i32(c->children[I])[0], i);
        column_free(c);
    }
    assert_int_equal(json_reader_slow_count(r), 0);
    column_free(read_one(r, "{'i':1}", 7, 64, false, &v));
    assert_int_equal(json_reader_slow_count(r), 1);
    json_reader_free(r);
}

static void reasons_name_the_field_or_the_byte(void **state)
{
    static const struct {
        const char    *text;
        enum json_kind kind;
        const char    *said;
    } rows[] = {{"{\"i\":\"x\"}", JSON_BAD_FIELD, "field i"},
                {"{\"o\":{\"x\":1.5}}", JSON_BAD_FIELD, "field x"},
                {"{\"i\":1", JSON_MALFORMED, "byte 6"},
                {"{\"i\":01}", JSON_MALFORMED, "leading zero"},
                {"[1]", JSON_MALFORMED, "not an object"},
                {"{\"s\":\"\x01\"}", JSON_MALFORMED, "control"},
                {"{\"i\":1.5,\"l\":\"x\"}", JSON_BAD_FIELD, "field i"}};
    struct json_reader *r = reader();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_verdict v;
        column_free(read_one(r, rows[i].text, strlen(rows[i].text), 0, false, &v));
        if (v.kind != rows[i].kind || !strstr(v.reason, rows[i].said))
            fail_msg("%s: %d %s", rows[i].text, v.kind, v.reason);
    }
    json_reader_free(r);
}

static void nesting_and_numbers_have_jacksons_ceilings(void **state)
{
    static char         text[20000];
    struct json_reader *r = reader();
    struct json_verdict v;
    (void)state;
    for (int depth = 998; depth <= 1000; depth++) { /* and the object around: 1000 is the most */
        char *p = text + sprintf(text, "{\"i\":1,\"skip\":");
        memset(p, '[', (size_t)depth);
        memset(p + depth, ']', (size_t)depth);
        strcpy(p + 2 * depth, "}");
        column_free(read_one(r, text, strlen(text), 64, false, &v));
        assert_int_equal(v.kind, depth < 1000 ? JSON_ROW : JSON_MALFORMED);
    }
    for (int digits = 1000; digits <= 1001; digits++) {
        char *p = text + sprintf(text, "{\"s\":");
        memset(p, '7', (size_t)digits);
        strcpy(p + digits, "}");
        column_free(read_one(r, text, strlen(text), 64, false, &v));
        assert_int_equal(v.kind, digits == 1000 ? JSON_ROW : JSON_MALFORMED);
    }
    json_reader_free(r);
}

static void every_allocation_fails_once(void **state)
{
    int n_failed = 1;
    (void)state;
    for (int n = 1; n < n_failed + 20; n++) {
        struct json_reader *r = NULL;
        struct json_verdict v;
        struct builder      b;
        const char         *text = documents[7]; /* nested, unusual, with strings to put together */
        assert_int_equal(builder_init(&b, schema, NULL), OK);
        assert_true(builder_reserve(&b, 8));
        alloc_fail_at(n, 1);
        enum err rc = json_reader_new(schema, &r, &e);
        for (int i = 0; rc == OK && i < 2; i++) {
            const char *one = i ? text : documents[1];
            rc = json_reader_read(r, (const uint8_t *)one, strlen(one), 0, NOW, &b, &v, &e);
        }
        struct column *c = NULL;
        if (rc == OK)
            rc = builder_finish(&b, &c, &e);
        alloc_fail_at(0, 0);
        if (rc == OK) {
            uint32_t       length;
            const uint8_t *bytes = column_bytes(c->children[S], 1, &length);
            assert_int_equal(length, 29);
            assert_memory_equal(bytes, "{\"a\":[1,2.5,null,true,\"x\\n\"]}", 29);
        } else {
            assert_true(rc == ERR_NO_MEMORY || rc == ERR_LIMIT);
            n_failed = n;
        }
        column_free(c);
        builder_fini(&b);
        json_reader_free(r);
        assert_int_equal(alloc_bytes(TAG_BATCH), 0);
    }
    assert_true(n_failed > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_readers_give_one_answer),
        cmocka_unit_test(damaged_documents_are_read_alike),
        cmocka_unit_test(ordinary_documents_do_not_take_the_slow_way),
        cmocka_unit_test(reasons_name_the_field_or_the_byte),
        cmocka_unit_test(nesting_and_numbers_have_jacksons_ceilings),
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
