/* SPDX-License-Identifier: MIT */
/* DECIMAL as text: what java.math.BigDecimal reads, and plain digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "text/decimal.h"

/* "1.50", or the word invalid or overflow. */
static const char *read_as(const char *text, int precision, int scale, bool field)
{
    static char    out[DECIMAL_TEXT_MAX];
    struct decimal v = {0, scale};
    enum parsed    done = (field ? decimal_parse_field : decimal_parse)(text, strlen(text), precision, scale, &v.value);
    if (done != PARSED_OK)
        return done == PARSED_INVALID ? "invalid" : "overflow";
    size_t n = decimal_print(v, out);
    assert_int_equal(n, strlen(out));
    return out;
}

static void texts_are_read_as_bigdecimal_reads_them(void **state)
{
    static const struct {
        const char *text;
        int         precision, scale;
        const char *read;
    } rows[] = {
        {"1.5", 5, 2, "1.50"},
        {"+1.5", 5, 2, "1.50"},
        {"-.5", 5, 2, "-0.50"},
        {"5.", 5, 2, "5.00"},
        {"00012", 2, 0, "12"},
        {"1.555", 5, 2, "1.56"},
        {"-1.555", 5, 2, "-1.56"},
        {"1.5549999", 5, 2, "1.55"},
        {"999.995", 5, 2, "overflow"},
        {"999.994", 5, 2, "999.99"},
        {"1.5e2", 5, 2, "150.00"},
        {"1.5E-2", 5, 2, "0.02"},
        {"0.0e5", 5, 2, "0.00"},
        {"1e3", 5, 2, "overflow"},
        {"1e-400", 5, 2, "0.00"},
        {"1e400", 38, 0, "overflow"},
        {"1e2147483649", 38, 0, "invalid"},
        {"1e2147483648", 38, 0, "overflow"},
        {"1e00000000000002", 38, 0, "100"},
        {"1e99999999999", 38, 0, "invalid"},
        {"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"},
        {"99999999999999999999999999999999999999.5", 38, 0, "overflow"},
        {"-99999999999999999999999999999999999999.4", 38, 0, "-99999999999999999999999999999999999999"},
        {"123456789012345678901234567890123456789", 38, 0, "overflow"},
        {"0.00000000000000000000000000000000000001", 38, 38, "0.00000000000000000000000000000000000001"},
        {"000000000000000000000000000000000000000000001", 38, 0, "1"},
        {"", 5, 2, "invalid"},
        {".", 5, 2, "invalid"},
        {"-", 5, 2, "invalid"},
        {"1.2.3", 5, 2, "invalid"},
        {"e5", 5, 2, "invalid"},
        {"1e", 5, 2, "invalid"},
        {"1e+", 5, 2, "invalid"},
        {" 1", 5, 2, "invalid"},
        {"1 ", 5, 2, "invalid"},
        {"NaN", 5, 2, "invalid"},
        {"0x1", 5, 2, "invalid"},
        {"1,000", 8, 2, "invalid"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(read_as(rows[i].text, rows[i].precision, rows[i].scale, false), rows[i].read);
}

static void commas_of_a_field_are_left_out(void **state)
{
    (void)state;
    assert_string_equal(read_as("1,234.5", 8, 2, true), "1234.50");
    assert_string_equal(read_as(",1,2,,", 8, 2, true), "12.00");
    assert_string_equal(read_as(",", 8, 2, true), "invalid");
    assert_string_equal(read_as("", 8, 2, true), "invalid");
}

static void doubles_are_the_nearest(void **state)
{
    (void)state;
    assert_true(decimal_to_double((struct decimal){1, 1}) == 0.1);
    assert_true(decimal_to_double((struct decimal){decimal_power(38) - 1, 0}) == 1e38);
    assert_true(decimal_to_float((struct decimal){16777217, 0}) == 16777216.0f);
    assert_true(decimal_to_double((struct decimal){-5, 38}) == -5e-38);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_read_as_bigdecimal_reads_them),
                                       cmocka_unit_test(commas_of_a_field_are_left_out),
                                       cmocka_unit_test(doubles_are_the_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
