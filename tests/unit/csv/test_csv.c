/* SPDX-License-Identifier: MIT */
/* Fields of a line, quotes and escapes; fields as values, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka */
#include <cmocka.h>

#include <stdio.h>

#include "csv/csv.h"

static struct csv_format usual(void)
{
    struct csv_format format = CSV_FORMAT_DEFAULT;
    format.lines = true;
    return format;
}

/* The fields of a line, each in brackets. */
static const char *fields(const char *line, struct csv_format format)
{
    static char    text[400];
    struct buf     field;
    const uint8_t *p = (const uint8_t *)line, *end = p + strlen(line);
    bool           quoted;
    text[0] = 0;
    buf_init(&field, TAG_TEST, 1000);
    for (;;) {
        p = csv_field(p, end, format, &field, &quoted);
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%c%s%c", quoted ? '{' : '[', buf_text(&field), quoted ? '}' : ']');
        if (p == end || (format.lines && *p == '\n'))
            break;
        p++;
    }
    buf_fini(&field);
    return text;
}

static void a_line_has_fields(void **state)
{
    (void)state;
    assert_string_equal(fields("a,b,c", usual()), "[a][b][c]");
    assert_string_equal(fields("a,,\r\nnext", usual()), "[a][][]");
    assert_string_equal(fields("", usual()), "[]");
    assert_string_equal(fields(" a , b", usual()), "[ a ][ b]");
    assert_string_equal(fields("a\"b,c", usual()), "[a\"b][c]");
}

static void quotes_hold_separators_and_lines(void **state)
{
    struct csv_format own = {';', '\'', '\'', true}, none = {',', 0, '\\', true};
    (void)state;
    assert_string_equal(fields("\"a,b\",\"\",\"c\nd\"", usual()), "{a,b}{}{c\nd}");
    assert_string_equal(fields("\"a\\\"b\",\"c\\\\\",d", usual()), "{a\"b}{c\\}[d]");
    assert_string_equal(fields("'a;''b';\"c\"", own), "{a;'b}[\"c\"]");
    assert_string_equal(fields("\"a,b\"", none), "[\"a][b\"]");
    assert_string_equal(fields("\"a\" ,b", usual()), "{a}[b]");
    assert_string_equal(fields("\"abc,d", usual()), "{abc,d}");
    assert_string_equal(fields("a\nb,c", (struct csv_format)CSV_FORMAT_DEFAULT), "[a\nb][c]");
}

/* univocity's STOP_AT_DELIMITER: the text as it stands. */
static void a_quote_in_the_middle_unquotes(void **state)
{
    (void)state;
    assert_string_equal(fields("\"a\"b,c", usual()), "[\"a\"b][c]");
    assert_string_equal(fields("\"a\"\"b\",c", usual()), "[\"a\"\"b\"][c]");
    assert_string_equal(fields("\"\"a\"\",c", usual()), "[\"\"a\"\"][c]");
}

static struct column *value(const struct type *type, const char *text)
{
    struct builder b;
    struct column *c;
    assert_int_equal(builder_init(&b, type, NULL), OK);
    if (!csv_value(&b, (const uint8_t *)text, strlen(text))) {
        assert_int_equal(b.n_rows, 0); /* nothing was appended */
        builder_fini(&b);
        return NULL;
    }
    assert_int_equal(b.n_rows, 1);
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    builder_fini(&b);
    return c;
}

static int64_t whole(enum type_kind kind, const char *text)
{
    struct column *c = value(type_of(kind), text);
    int64_t        v = c ? column_integer(c, 0) : INT64_MIN;
    column_free(c);
    return v;
}

static void texts_are_values_of_a_type(void **state)
{
    struct column *c;
    (void)state;
    assert_int_equal(whole(TYPE_INT, "-12"), -12);
    assert_int_equal(whole(TYPE_TINYINT, "127"), 127);
    assert_int_equal(whole(TYPE_BOOLEAN, "TRUE"), 1);
    assert_int_equal(whole(TYPE_DATE, "1970-01-02"), 1);
    assert_int_equal(whole(TYPE_TIMESTAMP, "1970-01-01 00:00:01"), 1000000);
    assert_non_null(c = value(type_decimal(5, 2), "1.255"));
    assert_true(column_i128(c)[0] == 126);
    column_free(c);
    assert_non_null(c = value(type_of(TYPE_DOUBLE), "1e3"));
    assert_true(column_f64(c)[0] == 1000);
    column_free(c);
}

static void others_are_none(void **state)
{
    (void)state;
    assert_int_equal(whole(TYPE_INT, "x"), INT64_MIN);
    assert_int_equal(whole(TYPE_INT, " 1"), INT64_MIN);
    assert_int_equal(whole(TYPE_INT, "1.0"), INT64_MIN);
    assert_int_equal(whole(TYPE_TINYINT, "128"), INT64_MIN);
    assert_int_equal(whole(TYPE_BOOLEAN, "yes"), INT64_MIN);
    assert_int_equal(whole(TYPE_DATE, "soon"), INT64_MIN);
    assert_null(value(type_decimal(3, 2), "100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_fields),
        cmocka_unit_test(quotes_hold_separators_and_lines),
        cmocka_unit_test(a_quote_in_the_middle_unquotes),
        cmocka_unit_test(texts_are_values_of_a_type),
        cmocka_unit_test(others_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
