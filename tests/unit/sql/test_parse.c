/* SPDX-License-Identifier: MIT */
/* What parses, to which tree (shown as text again), and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/interval.h"
#include "sql/parse.h"
#include "sql/unparse.h"

static struct arena arena;
static struct diags diags;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, (size_t)64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static const struct {
    const char *text, *tree;
} expressions[] = {
    {"a + b * c", "(a + (b * c))"},
    {"a * b + c", "((a * b) + c)"},
    {"(a + b) * c", "((a + b) * c)"},
    {"- a + b", "((- a) + b)"},
    {"a or b and not c", "(a OR (b AND (NOT c)))"},
    {"not a = b", "(NOT (a = b))"},
    {"!a", "(NOT a)"},
    {"a == b", "(a = b)"},
    {"a != 1L", "(a <> 1L)"},
    {"a <=> NULL", "(a <=> NULL)"},
    {"a is not distinct from b", "(a <=> b)"},
    {"a is distinct from b", "(NOT (a <=> b))"},
    {"a between 1 and 2 and b", "((a BETWEEN 1 AND 2) AND b)"},
    {"a not in (1, 2)", "(a NOT IN (1, 2))"},
    {"a not like 'x%' escape '!'", "(a NOT LIKE 'x%' ESCAPE '!')"},
    {"a rlike 'x'", "(a RLIKE 'x')"},
    {"a is null", "(a IS NULL)"},
    {"a is not true", "(a IS NOT TRUE)"},
    {"case when a then 1 else 2 end", "CASE WHEN a THEN 1 ELSE 2 END"},
    {"case a when 1 then 'x' end", "CASE a WHEN 1 THEN 'x' END"},
    {"cast(a as decimal(10, 2))", "CAST(a AS DECIMAL(10,2))"},
    {"try_cast(a as long)", "TRY_CAST(a AS BIGINT)"},
    {"a::int + 1", "(CAST(a AS INT) + 1)"},
    {"count(*)", "count(1)"},
    {"count(distinct a)", "count(DISTINCT a)"},
    {"sum(x) filter (where y > 1)", "sum(x) FILTER (WHERE (y > 1))"},
    {"window.start", "window.start"},
    {"window.end", "window.end"},
    {"window(ts, '10 seconds')", "window(ts, '10 seconds')"},
    {"e.payload.id", "e.payload.id"},
    {"f(x).a[0]", "f(x).a[0]"},
    {"`my col`", "`my col`"},
    {"`a``b`", "`a``b`"},
    {"interval 10 seconds", "INTERVAL 10000000 MICROSECONDS"},
    {"interval '1 minute 30 seconds'", "INTERVAL 90000000 MICROSECONDS"},
    {"interval 1 minute 30 seconds", "INTERVAL 90000000 MICROSECONDS"},
    {"interval '1' minute", "INTERVAL 60000000 MICROSECONDS"},
    {"interval '1:30' minute to second", "INTERVAL 90000000 MICROSECONDS"},
    {"interval -1 minute", "INTERVAL -60000000 MICROSECONDS"},
    {"interval 1.5 seconds", "INTERVAL 1500000 MICROSECONDS"},
    {"interval 1 week", "INTERVAL 7 DAYS"},
    {"interval 1 month", "INTERVAL 1 MONTHS"},
    {"ts - interval 500 milliseconds", "(ts - INTERVAL 500000 MICROSECONDS)"},
    {"timestamp '2024-01-01 00:00:00'", "TIMESTAMP '2024-01-01 00:00:00'"},
    {"date '2024-01-01'", "DATE '2024-01-01'"},
    {"timestamp", "timestamp"},
    {"stream", "stream"},
    {"1.5", "1.5"},
    {"1e3", "1e3"},
    {"1.5D", "1.5D"},
    {"2BD", "2BD"},
    {"X'0aFf'", "X'0AFF'"},
    {"'it''s'", "'it\\'s'"},
    {"'a' 'b'", "'ab'"},
    {"r'\\d'", "'\\\\d'"},
    {"'\\t\\u00e9'", "'\t\xc3\xa9'"},
    {"extract(year from ts)", "date_part('year', ts)"},
    {"dateadd(HOUR, 2, ts)", "timestampadd(HOUR, 2, ts)"},
    {"position('a' IN s)", "position('a', s)"},
    {"overlay(s PLACING 'x' FROM 2 FOR 1)", "overlay(s, 'x', 2, 1)"},
    {"substring(a from 2 for 3)", "substring(a, 2, 3)"},
    {"substring(a, 2)", "substring(a, 2)"},
    {"trim(both 'x' from a)", "trim('x', a)"},
    {"trim(a)", "trim(a)"},
    {"transform(xs, x -> x + 1)", "transform(xs, x -> (x + 1))"},
    {"a || 'b' || c", "((a || 'b') || c)"},
    {"a & b | c ^ d", "((a & b) | (c ^ d))"},
    {"7 div 2 % 3", "((7 div 2) % 3)"},
    {"if(a, b, c)", "if(a, b, c)"},
    {"left(a, 2)", "left(a, 2)"},
    {"a -- comment\n + /* nested /* x */ */ b", "(a + b)"},
};

static void every_expression_gives_its_tree_and_the_tree_parses_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++)
        for (int again = 0; again < 2; again++) {
            struct ast_expr *x = NULL;
            struct error     e = {0};
            struct buf       out;
            const char      *text = again ? expressions[i].tree : expressions[i].text;
            diags_init(&diags, &arena);
            buf_init(&out, TAG_TEST, 10000);
            if (sql_parse_expr(text, &arena, &diags, &x, &e) != OK)
                fail_msg("%s: %s", text, e.text);
            sql_unparse_expr(x, &out);
            assert_string_equal(buf_text(&out), expressions[i].tree);
            buf_fini(&out);
        }
}

#define KAFKA "STREAM read_kafka(bootstrapServers => 'h:1', subscribe => 't')"

static const char *const good[] = {
    "\xef\xbb\xbf CREATE STREAMING TABLE t AS SELECT * FROM " KAFKA, /* a file of a Windows editor */
    "CREATE STREAMING TABLE t AS SELECT * FROM " KAFKA,
    "CREATE OR REFRESH STREAMING TABLE a.b USING delta PARTITIONED BY (d) COMMENT 'x' LOCATION '/p' TBLPROPERTIES "
    "('k'='v', pipelines.trigger.interval = '1 second') AS SELECT 1 AS d FROM STREAM v;",
    "CREATE STREAMING TABLE IF NOT EXISTS t TBLPROPERTIES ('a'='b') USING delta AS (SELECT a FROM x)",
    "CREATE TEMP VIEW v AS SELECT a FROM x; CREATE OR REPLACE TEMPORARY VIEW v AS SELECT b FROM x;;",
    "CREATE STREAMING TABLE t AS SELECT window.start ws, count(*) n FROM (SELECT ts FROM STREAM v) WATERMARK ts DELAY "
    "OF "
    "INTERVAL 10 SECONDS AS e JOIN ads USING (ad_id) WHERE x = 'view' GROUP BY window(ts, '10 seconds'), c HAVING n > "
    "1",
    "CREATE STREAMING TABLE t AS SELECT e.* FROM STREAM v WATERMARK timestamp_millis(t) AS ts DELAY OF INTERVAL '1' "
    "MINUTE e",
    "CREATE STREAMING TABLE t AS SELECT a FROM STREAM(v) UNION ALL SELECT b FROM STREAM(read_kafka(subscribe => 'x'))",
    "CREATE STREAMING TABLE t AS WITH w AS (SELECT a FROM x) SELECT * FROM w LEFT OUTER JOIN y ON w.a = y.b",
    "CREATE STREAMING TABLE t AS SELECT a FROM v GROUP BY ALL",
    "CREATE STREAMING TABLE t AS SELECT a FROM v WHERE a IN (SELECT k FROM d) AND NOT EXISTS (SELECT 1 FROM d WHERE k "
    "= a)",
    "CREATE STREAMING TABLE t AS SELECT exists(a, x -> x > 1) FROM v SEMI JOIN d ON a = k LEFT ANTI JOIN d USING (a)",
    "CREATE STREAMING TABLE t AS SELECT stream, value, key, start FROM stream",
};

static void statements_of_the_main_job_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct ast_script *script = NULL;
        struct error       e = {0};
        diags_init(&diags, &arena);
        if (sql_parse(good[i], &arena, &diags, &script, &e) != OK)
            fail_msg("%s: %s", good[i], e.text);
        assert_true(script->n_statements > 0);
    }
}

static const struct {
    const char *text, *code, *words, *hint;
} bad[] = {
    {"CREATE STREAMING TABLE t AS SELCT a FROM x", "E_SYNTAX", "syntax error at \"SELCT\"", "did you mean SELECT?"},
    {"CREATE STREAMING TABLE t AS SELECT a FORM x", "E_SYNTAX", "syntax error at \"x\"",
     "did you mean FROM instead of FORM"},
    {"CREATE STREAMING TABLE t AS SELECT a FROM x GRUOP BY a", "E_SYNTAX", "syntax error", "GROUP"},
    {"CREATE STREAMING TABLE t AS SELECT a FROM v AS e WATERMARK ts DELAY OF INTERVAL 1 SECOND", "E_SYNTAX",
     "WATERMARK comes before the alias", "AS e"},
    {"CREATE STREAMING TABLE t AS SELECT a FROM v WATERMARK ts DELAY OF '10 seconds'", "E_SYNTAX", "INTERVAL", NULL},
    {"CREATE STREAMING TABLE t AS SELECT a FROM v WATERMARK FOR ts AS ts", "E_UNSUPPORTED", "Flink", NULL},
    {"CREATE STREAMING TABLE t USING delta USING delta AS SELECT a FROM v", "E_SYNTAX", "USING is given twice", NULL},
    {"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (x > 0) ON VIOLATION STOP) AS SELECT a FROM v", "E_SYNTAX",
     "DROP ROW or FAIL UPDATE", NULL},
    {"CREATE STREAMING TABLE t (CONSTRAINT c CHECK (x > 0)) AS SELECT a FROM v", "E_SYNTAX", "EXPECT", NULL},
    {"CREATE STREAMING TABLE t (a INT) AS SELECT a FROM v", "E_UNSUPPORTED", "list of columns", NULL},
    {"CREATE MATERIALIZED VIEW t AS SELECT a FROM v", "E_UNSUPPORTED", "MATERIALIZED VIEW", NULL},
    {"CREATE TABLE t AS SELECT a FROM v", "E_UNSUPPORTED", "CREATE TABLE is not supported", NULL},
    {"INSERT INTO t SELECT 1", "E_UNSUPPORTED", "INSERT is not supported", NULL},
    {"SELECT 1", "E_UNSUPPORTED", "a query alone", "CREATE STREAMING TABLE"},
    {"CREATE STREAMING TABLE t AS SELECT row_number() OVER (ORDER BY a) FROM v", "E_UNSUPPORTED", "OVER", NULL},
    {"CREATE STREAMING TABLE t AS SELECT a FROM v WHERE a = (SELECT 1)", "E_UNSUPPORTED", "a subquery inside",
     "EXISTS"},
    {"CREATE STREAMING TABLE t AS SELECT a FROM v, w", "E_UNSUPPORTED", "list of relations", "JOIN"},
    {"CREATE STREAMING TABLE t AS SELECT 'a FROM v", "E_SYNTAX", "this text has no end", "close it"},
    {"CREATE STREAMING TABLE t AS SELECT cast(a AS INTT) FROM v", "E_TYPE", "unknown type \"INTT\"",
     "did you mean INT?"},
    {"", "E_SYNTAX", "no statement", NULL},
};

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ast_script *script = NULL;
        diags_init(&diags, &arena);
        assert_int_equal(sql_parse(bad[i].text, &arena, &diags, &script, NULL), ERR_INVALID);
        const struct diag *g = &diags.items[0];
        if (strcmp(g->code, bad[i].code) != 0 || !strstr(g->text, bad[i].words) ||
            (bad[i].hint && (!g->hint || !strstr(g->hint, bad[i].hint))))
            fail_msg("%s: %s %s (%s)", bad[i].text, g->code, g->text, g->hint ? g->hint : "no hint");
    }
}

/* # is in front of the character that is shown. */
static const struct {
    const char *marked, *words, *hint;
} endless[] = {
    {"CREATE STREAMING TABLE t AS SELECT #'a FROM v", "this text has no end", "close it with ';"},
    {"CREATE STREAMING TABLE t AS SELECT #'a FROM v WHERE b = 'x' AND c = 'y'", "this text has no end",
     "the first one"},
    {"CREATE STREAMING TABLE t AS SELECT 'z', #'a\nFROM v WHERE b = '-'", "this text has no end", "the first one"},
    {"CREATE STREAMING TABLE t COMMENT 'two\nlines' AS SELECT a FROM v WHERE b = #'y", "this text has no end",
     "with '; "},
    {"CREATE STREAMING TABLE t AS SELECT #'it's' AS a FROM v", "this text has no end", "written twice"},
    {"CREATE STREAMING TABLE t AS SELECT \"it's\", 'a', #'b\" FROM v", "this text has no end", NULL},
    {"CREATE STREAMING TABLE t AS SELECT r#'a FROM v", "this text has no end", NULL},
    {"CREATE STREAMING TABLE t AS SELECT #'a AS b, 'x' AS c FROM v", "this text has no end", NULL},
    {"CREATE STREAMING TABLE t AS SELECT a AS #`b FROM v", "this name has no end", "close it with `"},
    {"CREATE STREAMING TABLE t AS SELECT a #/* b /* c */ FROM v", "this comment has no end", "close it with */"},
    {"CREATE STREAMING TABLE t AS SELECT a FROM #(SELECT a FROM f(b)", "this parenthesis has no end", "with )"},
    {"CREATE STREAMING TABLE t AS SELECT a FROM f#(b => 1;", "this parenthesis has no end", "with )"},
    {"CREATE STREAMING TABLE t AS SELECT f(g(a) #AS b FROM v", "expected \")\"", "the \"(\" at line 1, column 37"},
    {"CREATE STREAMING TABLE t AS SELECT a#) AS b FROM v", "expected \";\"", "no \"(\" is open"},
};

static void what_lacks_its_end_is_shown_where_it_begins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        struct ast_script *script = NULL;
        char               text[200];
        size_t             at = strcspn(endless[i].marked, "#");
        snprintf(text, sizeof text, "%.*s%s", (int)at, endless[i].marked, endless[i].marked + at + 1);
        diags_init(&diags, &arena);
        assert_int_equal(sql_parse(text, &arena, &diags, &script, NULL), ERR_INVALID);
        const struct diag *g = &diags.items[0];
        if (diags.n != 1 || diags.n_errors != 1 || g->place.at != at || !strstr(g->text, endless[i].words) ||
            (endless[i].hint && (!g->hint || !strstr(g->hint, endless[i].hint))))
            fail_msg("%s: %d errors, at %u %s (%s)", text, diags.n, g->place.at, g->text,
                     g->hint ? g->hint : "no hint");
    }
}

static void errors_of_all_statements_come_in_one_go(void **state)
{
    struct ast_script *script = NULL;
    (void)state;
    diags_init(&diags, &arena);
    assert_int_equal(
        sql_parse("CREATE TEMP VIEW a AS SELCT 1;\nCREATE STREAMING TABLE b AS SELECT x FROM;\nCREATE TEMP "
                  "VIEW c AS SELECT 1 FROM d",
                  &arena, &diags, &script, NULL),
        ERR_INVALID);
    assert_int_equal(diags.n_errors, 2);
}

static void deep_nesting_is_refused_without_a_crash(void **state)
{
    char text[5000];
    (void)state;
    for (const char *open = "(-"; *open; open++) {
        struct ast_expr *x = NULL;
        diags_init(&diags, &arena);
        memset(text, *open, sizeof text - 1);
        for (size_t i = 1; *open == '-' && i < sizeof text - 1; i += 2)
            text[i] = ' '; /* "--" would be a comment */
        text[sizeof text - 1] = 0;
        assert_int_equal(sql_parse_expr(text, &arena, &diags, &x, NULL), ERR_INVALID);
        assert_string_equal(diags.items[0].code, "E_LIMIT");
    }
}

static void schemas_of_from_json_parse_as_fields_or_as_one_type(void **state)
{
    struct ast_type *t = NULL;
    (void)state;
    diags_init(&diags, &arena);
    assert_int_equal(sql_parse_type("a INT, b: STRUCT<c: STRING, d ARRAY<INT>> NOT NULL", &arena, &diags, &t, NULL),
                     OK);
    assert_int_equal(t->n_fields, 2);
    assert_string_equal(t->fields[1].type->fields[1].type->element->name, "INT");
    assert_true(t->fields[1].not_null);
    assert_int_equal(sql_parse_type("STRUCT<a: INT>", &arena, &diags, &t, NULL), OK);
    assert_string_equal(t->name, "STRUCT");
    assert_int_equal(sql_parse_type("date DATE, int INT", &arena, &diags, &t, NULL), OK);
    assert_int_equal(t->n_fields, 2);
    assert_int_equal(sql_parse_type("BIGINT", &arena, &diags, &t, NULL), OK);
    assert_string_equal(t->name, "BIGINT");
}

static void parameters_are_filled_and_unknown_ones_named(void **state)
{
    const char *names[] = {"broker", "topic"}, *values[] = {"h:9092", "clicks"};
    struct buf  out;
    (void)state;
    buf_init(&out, TAG_TEST, 1000);
    diags_init(&diags, &arena);
    struct sql_params params = {names, values, 2};
    struct sql_fills  fills = {.n = 0};
    assert_int_equal(sql_fill_params("a '${broker}' $${x} ${topic}", &params, &out, &fills, &diags, NULL), OK);
    assert_string_equal(buf_text(&out), "a 'h:9092' ${x} clicks");
    assert_int_equal(fills.n, 2);
    assert_int_equal(fills.items[1].param, 1);
    assert_int_equal(fills.items[1].place.at, strlen("a 'h:9092' ${x} "));
    assert_int_equal(fills.items[1].place.length, strlen("clicks"));
    assert_int_equal(sql_fill_params("${tpoic}", &params, &out, NULL, &diags, NULL), ERR_INVALID);
    assert_string_equal(diags.items[0].hint, "did you mean ${topic}?");
    buf_fini(&out);
}

static void intervals_are_read_as_spark_reads_them(void **state)
{
    static const struct {
        const char *text;
        int64_t     us;
    } rows[] = {{"1 minute", 60000000},   {"interval 1 minute", 60000000}, {"1 MINUTES 30 seconds", 90000000},
                {"-5 seconds", -5000000}, {"1.5 seconds", 1500000},        {"500 milliseconds", 500000},
                {"1 week", 604800000000}};
    static const char *const wrong[] = {"60", "", "10s", "ten seconds", "1 parsec"};
    int64_t                  us;
    int32_t                  months;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(interval_parse(rows[i].text, &us, &months, NULL), OK);
        assert_true(us == rows[i].us);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(interval_parse(wrong[i], &us, &months, NULL), ERR_INVALID);
    assert_int_equal(interval_parse("1 month", &us, &months, NULL), OK);
    assert_int_equal(months, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_expression_gives_its_tree_and_the_tree_parses_again, setup, teardown),
        cmocka_unit_test_setup_teardown(statements_of_the_main_job_parse, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(what_lacks_its_end_is_shown_where_it_begins, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_of_all_statements_come_in_one_go, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_nesting_is_refused_without_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(schemas_of_from_json_parse_as_fields_or_as_one_type, setup, teardown),
        cmocka_unit_test_setup_teardown(parameters_are_filled_and_unknown_ones_named, setup, teardown),
        cmocka_unit_test_setup_teardown(intervals_are_read_as_spark_reads_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
