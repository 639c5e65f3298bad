/* SPDX-License-Identifier: MIT */
/* Numbers as Spark's CAST reads and Java prints them: edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "text/number.h"

static void integers(void **state)
{
    static const struct {
        const char *text;
        enum parsed parsed;
        int64_t     value;
    } rows[] = {{"0", PARSED_OK, 0},
                {" 12 ", PARSED_OK, 12},
                {"\t-7\n", PARSED_OK, -7},
                {"+5", PARSED_OK, 5},
                {"007", PARSED_OK, 7},
                {"-0", PARSED_OK, 0},
                {"9223372036854775807", PARSED_OK, INT64_MAX},
                {"-9223372036854775808", PARSED_OK, INT64_MIN},
                {"9223372036854775808", PARSED_OVERFLOW, 0},
                {"-9223372036854775809", PARSED_OVERFLOW, 0},
                {"99999999999999999999999999", PARSED_OVERFLOW, 0},
                {"99999999999999999999999999x", PARSED_INVALID, 0},
                {"", PARSED_INVALID, 0},
                {"  ", PARSED_INVALID, 0},
                {"-", PARSED_INVALID, 0},
                {"1.0", PARSED_INVALID, 0},
                {"1e3", PARSED_INVALID, 0},
                {"1 2", PARSED_INVALID, 0},
                {"--1", PARSED_INVALID, 0},
                {"0x10", PARSED_INVALID, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t v = 0;
        if (integer_parse(rows[i].text, strlen(rows[i].text), &v) != rows[i].parsed || v != rows[i].value)
            fail_msg("%s gave %lld", rows[i].text, (long long)v);
    }
}

static void doubles_are_read(void **state)
{
    static const struct {
        const char *text;
        double      value;
    } rows[] = {{"1", 1},
                {" -2.5e-3 ", -0.0025},
                {".5", 0.5},
                {"5.", 5},
                {"1e400", INFINITY},
                {"-1e400", -INFINITY},
                {"1e-400", 0},
                {"Infinity", INFINITY},
                {"+inf", INFINITY},
                {"-INF", -INFINITY},
                {"1d", 1},
                {"2.5F", 2.5},
                {"0x1p3", 8},
                {"-0X.8P-1f", -0.25},
                {"0x1.8p0d", 1.5},
                {"4.9e-324", 4.9e-324},
                {"1E+2", 100},
                {"000.1", 0.1},
                {"9007199254740993", 9007199254740992.0}};
    static const char *const bad[] = {"",      " ",   "e5",    "1e",   "1e+",   ".",    "-",
                                      "1.2.3", "0x1", "0x",    "0xp1", "1_000", "nanx", "NaNd",
                                      "d",     "1dd", "infin", "1,5",  "--1",   "1 2",  "\xd9\xa1"};
    double                   v;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (double_parse(rows[i].text, strlen(rows[i].text), &v) != PARSED_OK || v != rows[i].value)
            fail_msg("%s gave %g", rows[i].text, v);
    assert_int_equal(double_parse("nAn", 3, &v), PARSED_OK);
    assert_true(isnan(v));
    assert_int_equal(double_parse("-0", 2, &v), PARSED_OK);
    assert_true(v == 0 && signbit(v));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (double_parse(bad[i], strlen(bad[i]), &v) != PARSED_INVALID)
            fail_msg("\"%s\" gave %g", bad[i], v);
}

static void booleans(void **state)
{
    static const char *const yes[] = {"true", "T", " Yes ", "y", "1"}, *const no[] = {"FALSE", "f", "no", "N", "0"};
    static const char *const bad[] = {"", "tru", "2", "on", "truee"};
    bool                     v;
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_true(boolean_parse(yes[i], strlen(yes[i]), &v) == PARSED_OK && v);
        assert_true(boolean_parse(no[i], strlen(no[i]), &v) == PARSED_OK && !v);
        assert_int_equal(boolean_parse(bad[i], strlen(bad[i]), &v), PARSED_INVALID);
    }
}

static void prints(double v, const char *expected)
{
    char   text[NUMBER_TEXT_MAX + 1];
    size_t n = double_print(v, text);
    text[n] = 0;
    assert_string_equal(text, expected);
}

static void prints_float(float v, const char *expected)
{
    char   text[NUMBER_TEXT_MAX + 1];
    size_t n = float_print(v, text);
    text[n] = 0;
    assert_string_equal(text, expected);
}

static void doubles_are_printed_as_java_lays_them_out(void **state)
{
    (void)state;
    prints(0, "0.0");
    prints(-0.0, "-0.0");
    prints(1, "1.0");
    prints(100, "100.0");
    prints(-1.5, "-1.5");
    prints(9999999, "9999999.0");
    prints(1e7, "1.0E7");
    prints(12345678.9, "1.23456789E7");
    prints(0.001, "0.001");
    prints(0.00123, "0.00123");
    prints(0.0001, "1.0E-4");
    prints(0.1 + 0.2, "0.30000000000000004");
    prints(1e23, "1.0E23");
    prints(2e-3, "0.002");
    prints(DBL_MAX, "1.7976931348623157E308");
    prints(DBL_MIN, "2.2250738585072014E-308");
    prints(4.9e-324, "4.9E-324"); /* two digits at least: the nearest ones */
    prints(1e-323, "9.9E-324");
    prints(NAN, "NaN");
    prints(INFINITY, "Infinity");
    prints(-INFINITY, "-Infinity");
    prints_float(0.1F, "0.1");
    prints_float(16777216.0F, "1.6777216E7");
    prints_float(1.4e-45F, "1.4E-45");
    prints_float(FLT_MAX, "3.4028235E38");
    prints_float(3.3e-4F, "3.3E-4");
}

static void what_is_printed_reads_back(void **state)
{
    char     text[NUMBER_TEXT_MAX];
    uint64_t bits = 88172645463325252u;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double v, again;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&v, &bits, sizeof v);
        if (isnan(v))
            continue;
        size_t n = double_print(v, text);
        assert_int_equal(double_parse(text, n, &again), PARSED_OK);
        assert_memory_equal(&again, &v, sizeof v);
        assert_true(n < NUMBER_TEXT_MAX);
    }
    assert_int_equal(integer_print(INT64_MIN, text), 20);
    assert_memory_equal(text, "-9223372036854775808", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles_are_read),
        cmocka_unit_test(booleans),
        cmocka_unit_test(doubles_are_printed_as_java_lays_them_out),
        cmocka_unit_test(what_is_printed_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
