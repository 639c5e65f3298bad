/* SPDX-License-Identifier: MIT */
/* Plans: what is decoded and where filters stand, what the fingerprint sees, and texts that go too deep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "sample.h"

#include "json/doc.h"

static struct arena arena;
static struct diags diags;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, (size_t)256 << 20);
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

static struct plan *plan(const char *select)
{
    char sql[4096];
    snprintf(sql, sizeof sql, "CREATE STREAMING TABLE t AS %s", select);
    struct plan *p = sample_plan(arena_strdup(&arena, sql), &arena, &diags);
    if (!p)
        fail_msg("%s: %s", select, diags.n ? diags.items[0].text : "?");
    return p;
}

/* Columns the decoder of source 0 fills: "v, value.a STRUCT<..>". */
static void decodes(const char *select, const char *expected)
{
    const struct plan_source *s = &plan(select)->sources[0];
    struct buf                out;
    buf_init(&out, TAG_TEST, 1 << 16);
    for (int i = 0; i < s->decoded->n_fields; i++) {
        const struct plan_source_column *c = &s->columns[i];
        buf_puts(&out, i ? ", " : "");
        if (c->from == FROM_COLUMN)
            buf_printf(&out, "%s%s", s->relation.schema->fields[c->relation_column].name, c->as_string ? " text" : "");
        else {
            buf_puts(&out, c->from == FROM_KEY_JSON ? "key " : "value ");
            type_print(c->json_type, &out);
            buf_puts(&out, c->failfast ? " failfast" : "");
        }
    }
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s\n  decodes  %s\n  expected %s", select, buf_text(&out), expected);
    buf_fini(&out);
}

static void only_what_is_used_is_decoded(void **state)
{
    (void)state;
    decodes("SELECT k FROM STREAM clicks()", "k");
    decodes("SELECT k FROM STREAM clicks() WHERE v > 1", "k, v");
    decodes("SELECT k FROM (SELECT k, v, ts, upper(k) AS u FROM STREAM clicks())", "k");
    decodes("SELECT 1 AS one FROM STREAM clicks() WHERE offset > 5", "offset");
    decodes("SELECT c.k FROM STREAM clicks() c JOIN ads() a ON c.k = a.k", "k");
    decodes("SELECT offset FROM STREAM clicks() c SEMI JOIN ads() a ON c.k = a.k AND v > length(name)", "offset, k, v");
    decodes("SELECT offset FROM STREAM clicks() c WHERE k IN (SELECT k FROM ads() WHERE v > length(name))",
            "offset, k, v");
    decodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND "
            "GROUP BY window(ts, '1 second')",
            "ts");
}

static void from_json_moves_into_the_decoder_with_the_fields_in_use(void **state)
{
    (void)state;
    decodes("SELECT j.a FROM (SELECT from_json(CAST(value AS STRING), 'a INT, b STRING, c STRUCT<x: INT, y: INT>') "
            "AS j FROM STREAM clicks())",
            "value STRUCT<a: INT>");
    decodes("SELECT j.c.y FROM (SELECT from_json(CAST(value AS STRING), 'a INT, b STRING, c STRUCT<x: INT, y: INT>') "
            "AS j FROM STREAM clicks()) WHERE j.a > 1",
            "value STRUCT<a: INT, c: STRUCT<y: INT>>");
    decodes("SELECT j.a, CAST(value AS STRING) AS raw FROM (SELECT from_json(CAST(value AS STRING), 'a INT') AS j, "
            "value FROM STREAM clicks())",
            "value STRUCT<a: INT>, value text");
    /* a table asked in between: what is above it does not read the value again */
    decodes(
        "SELECT a FROM (SELECT j.a, j.b FROM (SELECT from_json(CAST(value AS STRING), 'a INT, b STRING, c INT') AS j "
        "FROM STREAM clicks())) WHERE b IN (SELECT k FROM ads())",
        "value STRUCT<a: INT, b: STRING>");
    decodes("SELECT a, count(*) AS n FROM (SELECT j.a, j.b, ts FROM (SELECT from_json(CAST(value AS STRING), "
            "'a INT, b STRING, c INT') AS j, ts FROM STREAM clicks())) WATERMARK ts DELAY OF INTERVAL 1 SECOND "
            "WHERE EXISTS (SELECT 1 FROM ads() d WHERE d.k = upper(b)) GROUP BY window(ts, '1 second'), a",
            "value STRUCT<a: INT, b: STRING>, ts");
    decodes("SELECT from_json(CAST(key AS STRING), 'a INT', map('mode', 'FAILFAST')).a AS a FROM STREAM clicks()",
            "key STRUCT<a: INT> failfast");
    decodes("SELECT from_json(CAST(value AS STRING), 'a INT, b INT') AS j FROM STREAM clicks()",
            "value STRUCT<a: INT, b: INT>");
}

/* Kinds from the sink down: "project filter source". */
static void nodes(const char *select, const char *expected)
{
    static const char *const names[] = {"source", "table", "filter", "project", "watermark", "join", "window", "union"};
    struct buf               out;
    buf_init(&out, TAG_TEST, 1 << 16);
    for (const struct plan_node *n = plan(select)->root; n; n = n->input)
        buf_printf(&out, "%s%s", out.size ? " " : "", names[n->kind]);
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s\n  is       %s\n  expected %s", select, buf_text(&out), expected);
    buf_fini(&out);
}

/* The last one has a second filter, on the table's side of the join. */
static void filters_go_below_what_they_do_not_need(void **state)
{
    (void)state;
    nodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND WHERE k = 'a' "
          "GROUP BY window(ts, '1 second')",
          "project window project watermark filter source");
    nodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND WHERE ts > TIMESTAMP "
          "'2024-01-01' GROUP BY window(ts, '1 second')",
          "project window project filter watermark source");
    nodes("SELECT c.k, name FROM STREAM clicks() c JOIN ads() a ON c.k = a.k WHERE v > 1 AND name <> 'x'",
          "project join filter source");
}

static void in_and_exists_go_down_as_filters_do_and_joins_stay(void **state)
{
    (void)state;
    nodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND WHERE k IN (SELECT k FROM "
          "ads()) GROUP BY window(ts, '1 second')",
          "project window project watermark join source");
    nodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND AS c WHERE NOT EXISTS "
          "(SELECT 1 FROM ads() a WHERE a.k = c.k AND hour(ts) > 1) GROUP BY window(ts, '1 second')",
          "project window project join watermark source");
    nodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND AS c SEMI JOIN ads() a ON "
          "a.k = c.k AND v > length(name) AND v < 9 GROUP BY window(ts, '1 second')",
          "project window project join watermark filter filter source"); /* below: v < 9, then NOT NULL of k and v */
    nodes("SELECT count(*) AS n FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND AS c ANTI JOIN ads() a ON "
          "a.k = c.k AND v < 9 GROUP BY window(ts, '1 second')",
          "project window project join watermark source");
}

/* The table's key is computed, so that its side has more columns than are compared. */
static void a_semi_join_keeps_only_what_it_compares(void **state)
{
    const struct plan_node *n =
        plan("SELECT k FROM STREAM clicks() c LEFT SEMI JOIN ads() a ON upper(c.k) = upper(a.name)")->root;
    (void)state;
    while (n->kind != PLAN_JOIN)
        n = n->input;
    assert_int_equal(n->other->schema->n_fields, 1);
    assert_ptr_equal(n->schema, n->input->schema);
}

static struct buf fingerprint(const char *select)
{
    struct buf out;
    buf_init(&out, TAG_TEST, 1 << 20);
    plan_fingerprint(plan(select), &out);
    return out;
}

/* Which members of the two fingerprints differ. */
static void differ(const char *one, const char *other, const char *expected)
{
    struct buf         a = fingerprint(one), b = fingerprint(other), out;
    struct json_value *x = NULL, *y = NULL;
    const char        *key;
    void              *at = NULL;
    buf_init(&out, TAG_TEST, 1 << 16);
    assert_int_equal(json_doc_parse(buf_text(&a), a.size, &x, NULL), OK);
    assert_int_equal(json_doc_parse(buf_text(&b), b.size, &y, NULL), OK);
    for (const struct json_value *v; (v = json_next(x, &key, &at));) {
        struct buf p, q;
        buf_init(&p, TAG_TEST, 1 << 20);
        buf_init(&q, TAG_TEST, 1 << 20);
        json_dump(v, &p);
        json_dump(json_get(y, key), &q);
        if (strcmp(buf_text(&p), buf_text(&q)) != 0)
            buf_printf(&out, "%s%s", out.size ? " " : "", key);
        buf_fini(&p);
        buf_fini(&q);
    }
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s\n%s\n  differ in [%s], expected [%s]", one, other, buf_text(&out), expected);
    json_doc_free(x);
    json_doc_free(y);
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&out);
}

#define GROUPED(aggregates, window, keys) \
    "SELECT " aggregates " FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY " window keys

static void the_fingerprint_sees_what_state_depends_on(void **state)
{
    static const char base[] = GROUPED("sum(v) AS s", "window(ts, '10 seconds')", ", k");
    (void)state;
    differ(base,
           "SELECT   sum( v ) s FROM STREAM clicks()  WATERMARK ts DELAY OF INTERVAL 1 SECONDS "
           "GROUP BY window(ts, '10 seconds'), k -- the same",
           "");
    differ(base, GROUPED("sum(v) AS s", "window(ts, '20 seconds')", ", k"), "window");
    differ(base, GROUPED("sum(v) AS s", "window(ts, '10 seconds', '5 seconds')", ", k"), "window");
    differ(base, GROUPED("sum(v) AS s", "window(ts, '10 seconds')", ", upper(k)"), "window");
    differ(base, GROUPED("sum(v + 1) AS s", "window(ts, '10 seconds')", ", k"), "window");
    differ(base, GROUPED("min(v) AS s", "window(ts, '10 seconds')", ", k"), "window");
    differ("SELECT k FROM STREAM clicks('one')", "SELECT k FROM STREAM clicks('two')", "sources");
    differ("SELECT k FROM STREAM clicks()", "SELECT v FROM STREAM clicks()", "output");
    differ("SELECT k FROM STREAM clicks()", "SELECT k FROM STREAM clicks() WHERE v > 1", "");
}

static void explain_is_whole_in_both_forms(void **state)
{
    struct buf         text, json;
    struct json_value *doc = NULL;
    struct plan       *p =
        plan("SELECT window.end AS we, name, sum(v) AS s FROM STREAM clicks() WATERMARK ts DELAY OF INTERVAL "
             "1 SECOND AS c LEFT JOIN ads() AS a ON c.k = a.k WHERE v > 1 GROUP BY window(ts, '10 seconds'), name "
             "HAVING sum(v) > 2");
    (void)state;
    buf_init(&text, TAG_TEST, 1 << 20);
    buf_init(&json, TAG_TEST, 1 << 20);
    plan_explain_text(p, &text);
    plan_explain_json(p, &json);
    static const char *const said[] = {"clicks()", "ads()", "sum", "10", "name"};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        assert_non_null(strstr(buf_text(&text), said[i]));
        assert_non_null(strstr(buf_text(&json), said[i]));
    }
    assert_int_equal(json_doc_parse(buf_text(&json), json.size, &doc, NULL), OK);
    json_doc_free(doc);
    buf_fini(&text);
    buf_fini(&json);
}

static void explain_names_kinds_of_joins_and_what_else_they_ask(void **state)
{
    static const struct {
        const char *select, *said;
    } cases[] = {
        {"SELECT c.k FROM STREAM clicks() c SEMI JOIN ads() a ON c.k = a.k", "SemiJoin k = k\n"},
        {"SELECT c.k FROM STREAM clicks() c ANTI JOIN ads() a ON c.k = a.k AND v > length(name)",
         "AntiJoin k = k and "},
        {"SELECT c.k FROM STREAM clicks() c WHERE k NOT IN (SELECT k FROM ads())",
         "AntiJoin k = k, or NULL on either side\n"},
        {"SELECT c.k FROM ads() a RIGHT JOIN STREAM clicks() c ON c.k = a.k", "LeftJoin k = k\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf text;
        buf_init(&text, TAG_TEST, 1 << 20);
        plan_explain_text(plan(cases[i].select), &text);
        if (!strstr(buf_text(&text), cases[i].said))
            fail_msg("%s\n%s", cases[i].select, buf_text(&text));
        buf_fini(&text);
    }
}

static void views_without_end_are_refused(void **state)
{
    struct buf sql;
    (void)state;
    buf_init(&sql, TAG_TEST, 1 << 20);
    buf_puts(&sql, "CREATE TEMPORARY VIEW v0 AS SELECT k FROM STREAM clicks();");
    for (int i = 1; i <= 200; i++)
        buf_printf(&sql, "CREATE TEMPORARY VIEW v%d AS SELECT k FROM v%d;\n", i, i - 1);
    buf_puts(&sql, "CREATE STREAMING TABLE t AS SELECT k FROM v200;");
    assert_null(sample_plan(buf_text(&sql), &arena, &diags));
    assert_string_equal(diags.items[0].code, "E_LIMIT");
    buf_fini(&sql);
    assert_null(sample_plan(
        "CREATE TEMPORARY VIEW me AS SELECT k FROM me; CREATE STREAMING TABLE t AS SELECT k FROM me;", &arena, &diags));
    assert_string_equal(diags.items[0].code, "E_UNKNOWN_TABLE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_is_used_is_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(from_json_moves_into_the_decoder_with_the_fields_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(filters_go_below_what_they_do_not_need, setup, teardown),
        cmocka_unit_test_setup_teardown(the_fingerprint_sees_what_state_depends_on, setup, teardown),
        cmocka_unit_test_setup_teardown(in_and_exists_go_down_as_filters_do_and_joins_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_semi_join_keeps_only_what_it_compares, setup, teardown),
        cmocka_unit_test_setup_teardown(explain_names_kinds_of_joins_and_what_else_they_ask, setup, teardown),
        cmocka_unit_test_setup_teardown(explain_is_whole_in_both_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(views_without_end_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
