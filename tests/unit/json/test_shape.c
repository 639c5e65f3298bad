/* SPDX-License-Identifier: MIT */
/* Documents of a known shape: read without the parser, and never otherwise than the tolerant reader would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "json/record.h"
#include "json/shape.h"

/* ---- the shapes alone ---- */

enum { NAME, AT, PRICE, COUNT, SEEN, PLACE, CITY, LATER, N_NODES };

/* name STRING, at TIMESTAMP, price DOUBLE, count INT, seen BOOLEAN, place STRUCT<city STRING, later STRING> */
struct schema {
    struct json_node root, nodes[N_NODES];
};

static void make_schema(struct schema *s)
{
    static const struct {
        const char    *name;
        enum json_want want;
    } rows[N_NODES] = {{"name", WANT_STRING},  {"at", WANT_TIMESTAMP}, {"price", WANT_DOUBLE}, {"count", WANT_INT},
                       {"seen", WANT_BOOLEAN}, {"place", WANT_STRUCT}, {"city", WANT_STRING},  {"later", WANT_STRING}};
    *s = (struct schema){.root = {.want = WANT_STRUCT, .children = s->nodes, .n_children = CITY}};
    for (int i = 0; i < N_NODES; i++) {
        s->nodes[i].name = rows[i].name;
        s->nodes[i].name_length = strlen(rows[i].name);
        s->nodes[i].want = rows[i].want;
    }
    s->nodes[PLACE].children = s->nodes + CITY;
    s->nodes[PLACE].n_children = 2;
}

struct padded {
    uint8_t bytes[1024 + JSON_SLACK_BYTES];
    size_t  n;
};

static const uint8_t *pad(struct padded *p, const char *text)
{
    p->n = strlen(text);
    assert_true(p->n <= 1024);
    memset(p->bytes, '0', sizeof p->bytes); /* what stands behind a text must not matter */
    memcpy(p->bytes, text, p->n);
    return p->bytes;
}

static const char first[] =
    "{\"name\": \"ann\", \"at\": 1704067200, \"price\": 1.5, \"extra\": [1, {\"x\": \"y\"}], \"count\": 7,"
    " \"seen\": true, \"place\": {\"city\": \"Bern\"}}";

static bool fits(struct shapes *s, const char *text)
{
    struct padded  p;
    const uint8_t *bytes = pad(&p, text);
    return shapes_read(s, bytes, p.n, 0);
}

static void learn(struct shapes *s, struct schema *schema, const char *text)
{
    struct padded  p;
    const uint8_t *bytes = pad(&p, text);
    shapes_learn(s, &schema->root, bytes, p.n);
}

static void other_values_of_a_known_shape_fill_the_slots(void **state)
{
    struct schema schema;
    struct shapes s = {.n = 0};
    struct padded p;
    (void)state;
    make_schema(&schema);
    learn(&s, &schema, first);
    pad(&p, "{\"name\": \"zo\xc3\xab\", \"at\": \"2024-01-01T00:00:01Z\", \"price\": -20.25, \"extra\": [-3, {\"x\": "
            "null}],"
            " \"count\": 1234567, \"seen\": false, \"place\": {\"city\": null}}");
    assert_true(shapes_read(&s, p.bytes, p.n, 0));
    const struct json_node *n = schema.nodes;
    assert_int_equal(n[NAME].slot.bytes.length, 4);
    assert_memory_equal(n[NAME].slot.bytes.text, "zo\xc3\xab", 4);
    assert_int_equal(n[AT].slot.integer, 1704067201000000);
    assert_true(n[PRICE].slot.real == -20.25);
    assert_int_equal(n[COUNT].slot.integer, 1234567);
    assert_true(n[SEEN].slot.kind == SLOT_SET && n[SEEN].slot.integer == 0);
    assert_int_equal(n[PLACE].slot.kind, SLOT_SET);
    assert_int_equal(n[CITY].slot.kind, SLOT_NULL);
    assert_int_equal(n[LATER].slot.kind, SLOT_MISSING);
    shapes_fini(&s);
}

static void what_the_parser_must_judge_does_not_fit(void **state)
{
    static const char *const texts[] = {
        "{\"a\": 1, \"s\": \"x\\n\"}", "{\"a\": 1, \"s\": \"x\ny\"}",   "{\"a\": 1, \"s\": \"\xff\"}",
        "{\"a\": 01, \"s\": \"x\"}",   "{\"a\": 1e2, \"s\": \"x\"}",    "{\"a\": 1., \"s\": \"x\"}",
        "{\"a\": -, \"s\": \"x\"}",    "{\"a\": 1.5, \"s\": \"x\"}",    "{\"a\": 1234567890123456789, \"s\": \"x\"}",
        "{\"a\": tru, \"s\": \"x\"}",  "{\"a\": true, \"s\": \"x\"}",   "{\"a\": \"1\", \"s\": \"x\"}",
        "{\"a\": 1, \"s\": 2}",        "{\"a\": 1, \"s\": \"x\"",       "{\"a\": 1, \"s\": \"x\"}}",
        "{\"a\": 1, \"s\": \"x\"} ",   "{\"a\":1, \"s\": \"x\"}",       "{\"s\": \"x\", \"a\": 1}",
        "{\"a\": 1, \"s\": \"x",       "{\"a\": 1, \"s\": {\"x\": 1}}", "{\"a\": 1, \"s\": \"x\", \"b\": 1}"};
    struct json_node nodes[2] = {{.name = "a", .name_length = 1, .want = WANT_BIGINT},
                                 {.name = "s", .name_length = 1, .want = WANT_STRING}};
    struct schema    schema = {.root = {.want = WANT_STRUCT, .children = nodes, .n_children = 2}};
    struct shapes    s = {.n = 0};
    (void)state;
    learn(&s, &schema, "{\"a\": 1, \"s\": \"x\"}");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        s.trust = 100; /* or they would not be tried */
        if (fits(&s, texts[i]))
            fail_msg("%s", texts[i]);
    }
    assert_true(fits(&s, "{\"a\": -123456789012345678, \"s\": \"\"}"));
    assert_int_equal(nodes[0].slot.integer, -123456789012345678);
    shapes_fini(&s);
}

static void several_shapes_side_by_side(void **state)
{
    struct schema schema;
    struct shapes s = {.n = 0};
    char          text[64];
    (void)state;
    make_schema(&schema);
    for (int i = 0; i < SHAPES_MAX + 1; i++) { /* the last one takes the place of one that fitted longest ago */
        snprintf(text, sizeof text, "{\"v%d\": 1, \"count\": %d}", i, i);
        learn(&s, &schema, text);
        assert_true(fits(&s, text));
        assert_int_equal(schema.nodes[COUNT].slot.integer, i);
    }
    assert_int_equal(s.n, SHAPES_MAX);
    assert_true(fits(&s, "{\"v4\": 2, \"count\": 2}"));
    assert_true(fits(&s, "{\"v1\": 2, \"count\": 3}"));
    shapes_fini(&s);
}

static void documents_without_a_common_shape_are_soon_left_alone(void **state)
{
    struct schema schema;
    struct shapes s = {.n = 0};
    char          text[64];
    int           n_learned = 0;
    (void)state;
    make_schema(&schema);
    for (int i = 0; i < 6400; i++) {
        snprintf(text, sizeof text, "{\"v%d\": 1, \"count\": %d}", i, i);
        struct shape *before = s.n ? s.known[s.n - 1] : NULL;
        assert_false(fits(&s, text));
        learn(&s, &schema, text);
        n_learned += !s.n || s.known[s.n - 1] != before;
    }
    assert_in_range(n_learned, 1, 200);
    shapes_fini(&s);
}

/* ---- held against the tolerant reader ---- */

static const struct type *row_type(void)
{
    static const enum type_kind kinds[] = {TYPE_STRING, TYPE_BIGINT,  TYPE_DOUBLE,    TYPE_BOOLEAN,
                                           TYPE_DATE,   TYPE_TINYINT, TYPE_TIMESTAMP, TYPE_STRUCT};
    static const char *const    names[] = {"s", "l", "d", "b", "day", "t", "at", "o"};
    static struct field         fields[8], inner[2];
    static struct type          o = {.kind = TYPE_STRUCT, .n_fields = 2, .fields = inner};
    static struct type          row = {.kind = TYPE_STRUCT, .n_fields = 8, .fields = fields};
    for (int i = 0; i < 8; i++)
        fields[i] = (struct field){.name = names[i], .type = i == 7 ? &o : type_of(kinds[i])};
    inner[0] = (struct field){.name = "city", .type = type_of(TYPE_STRING)};
    inner[1] = (struct field){.name = "n", .type = type_of(TYPE_INT)};
    return &row;
}

static bool same_value(const struct column *a, const struct column *b, uint32_t row)
{
    uint32_t n, m;
    size_t   width = type_width(a->type);
    if (column_is_valid(a, row) != column_is_valid(b, row))
        return false;
    if (!column_is_valid(a, row))
        return true;
    for (int i = 0; a->type->kind == TYPE_STRUCT && i < a->type->n_fields; i++)
        if (!same_value(a->children[i], b->children[i], row))
            return false;
    if (a->offsets) {
        const uint8_t *x = column_bytes(a, row, &n), *y = column_bytes(b, row, &m);
        return n == m && memcmp(x, y, n) == 0;
    }
    return width == 0 || memcmp((uint8_t *)a->values + row * width, (uint8_t *)b->values + row * width, width) == 0;
}

struct pair {
    struct json_reader *fast, *tolerant;
    struct builder      a, b;
    int64_t             n_rows;
};

static void open_pair(struct pair *p)
{
    *p = (struct pair){.n_rows = 0};
    assert_int_equal(json_reader_new(row_type(), &p->fast, NULL), OK);
    assert_int_equal(json_reader_new(row_type(), &p->tolerant, NULL), OK);
    assert_int_equal(builder_init(&p->a, row_type(), NULL), OK);
    assert_int_equal(builder_init(&p->b, row_type(), NULL), OK);
}

static void close_pair(struct pair *p)
{
    json_reader_free(p->fast);
    json_reader_free(p->tolerant);
    builder_fini(&p->a);
    builder_fini(&p->b);
}

static void both_agree(struct pair *p, const uint8_t *text, size_t n)
{
    struct json_verdict v, w;
    struct column      *a, *b;
    assert_int_equal(json_reader_read(p->fast, text, n, JSON_SLACK_BYTES, 0, &p->a, &v, NULL), OK);
    assert_int_equal(json_reader_read_tolerant(p->tolerant, text, n, 0, &p->b, &w, NULL), OK);
    assert_int_equal(builder_finish(&p->a, &a, NULL), OK);
    assert_int_equal(builder_finish(&p->b, &b, NULL), OK);
    if (v.kind != w.kind || !same_value(a, b, 0))
        fail_msg("%.*s: verdicts %d and %d", (int)n, (const char *)text, (int)v.kind, (int)w.kind);
    p->n_rows += v.kind == JSON_ROW;
    column_free(a);
    column_free(b);
}

static const char whole[] =
    "{\"s\":\"a\xc3\xa9z\",\"l\":-12345678901,\"x\":[\"q\",0.5],\"d\":12.25,\"b\":true,\"day\":\"2024-02-29\","
    "\"t\":-7,\"at\":\"2024-01-01T01:02:03Z\",\"o\":{\"city\":\"Ulm\",\"n\":null}}";

static void every_byte_changed_reads_as_the_tolerant_reader_reads_it(void **state)
{
    struct pair   pair;
    struct padded p;
    (void)state;
    open_pair(&pair);
    pad(&p, whole);
    for (size_t i = 0; i < p.n; i++)
        for (int c = 0; c < 256; c++) {
            uint8_t was = p.bytes[i];
            both_agree(&pair, p.bytes, p.n); /* keeps the shape known */
            p.bytes[i] = (uint8_t)c;
            both_agree(&pair, p.bytes, p.n);
            p.bytes[i] = was;
        }
    assert_true(json_reader_slow_count(pair.fast) < (int64_t)p.n * 256);
    assert_true(pair.n_rows > (int64_t)p.n * 256);
    close_pair(&pair);
}

static void every_cut_and_doubled_piece_reads_as_the_tolerant_reader_reads_it(void **state)
{
    struct pair   pair;
    struct padded p, q;
    (void)state;
    open_pair(&pair);
    for (size_t from = 0; from < sizeof whole - 1; from++)
        for (size_t to = from + 1; to < sizeof whole && to < from + 24; to++) {
            pad(&p, whole);
            both_agree(&pair, p.bytes, p.n);
            pad(&q, whole);
            memmove(q.bytes + from, p.bytes + to, p.n - to);
            both_agree(&pair, q.bytes, p.n - (to - from));
            memcpy(q.bytes, p.bytes, to);
            memcpy(q.bytes + to, p.bytes + from, p.n - from);
            both_agree(&pair, q.bytes, p.n + to - from);
        }
    close_pair(&pair);
}

static void numbers_read_as_the_tolerant_reader_reads_them(void **state)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "0.0",
                                          "-0.0",
                                          "00",
                                          "0.1",
                                          "-1",
                                          "1e5",
                                          "1E-5",
                                          "123456789012345678",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "0.30000000000000004",
                                          "123456.789012345",
                                          "999999999999999.9",
                                          "1.000000000000001",
                                          "12345678.12345678",
                                          "3.14159",
                                          "100000000000000000000",
                                          "127",
                                          "128",
                                          "-128",
                                          "-129",
                                          "null",
                                          "\"5\"",
                                          "true",
                                          ".5",
                                          "5.",
                                          "+1",
                                          "1_0",
                                          "0x10",
                                          "NaN"};
    struct pair              pair;
    struct padded            p;
    char                     text[200];
    (void)state;
    open_pair(&pair);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        for (int k = 0; k < 4; k++) {
            static const char *const names[] = {"l", "d", "t", "unknown"};
            snprintf(text, sizeof text, "{\"%s\": 1, \"s\": \"x\"}", names[k]);
            pad(&p, text);
            both_agree(&pair, p.bytes, p.n);
            snprintf(text, sizeof text, "{\"%s\": %s, \"s\": \"x\"}", names[k], numbers[i]);
            pad(&p, text);
            both_agree(&pair, p.bytes, p.n);
        }
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_values_of_a_known_shape_fill_the_slots),
        cmocka_unit_test(what_the_parser_must_judge_does_not_fit),
        cmocka_unit_test(several_shapes_side_by_side),
        cmocka_unit_test(documents_without_a_common_shape_are_soon_left_alone),
        cmocka_unit_test(every_byte_changed_reads_as_the_tolerant_reader_reads_it),
        cmocka_unit_test(every_cut_and_doubled_piece_reads_as_the_tolerant_reader_reads_it),
        cmocka_unit_test(numbers_read_as_the_tolerant_reader_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
