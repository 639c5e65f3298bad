/* SPDX-License-Identifier: MIT */
/* Exact arithmetic of up to 38 digits. Answers are Spark 4.1's (decimal.case has many more) and BigDecimal's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/decimal.h"

static struct decimal number(const char *digits, int scale)
{
    struct decimal v = {0, scale};
    for (const char *p = digits + (*digits == '-'); *p; p++)
        v.value = v.value * 10 + (*p - '0');
    v.value = *digits == '-' ? -v.value : v.value;
    return v;
}

static void is(bool fits, int128 got, const char *digits)
{
    assert_int_equal(fits, digits != NULL);
    if (digits)
        assert_true(got == number(digits, 0).value);
}

typedef bool operation(struct decimal a, struct decimal b, int precision, int scale, int128 *out);

#define NINES "99999999999999999999999999999999999999"

static void sums_products_and_quotients_are_exact_or_rounded_half_up(void **state)
{
    static const struct {
        operation  *run;
        const char *a;
        int         a_scale;
        const char *b;
        int         b_scale, precision, scale;
        const char *digits; /* NULL: too many */
    } rows[] = {
        {decimal_add, "15", 1, "125", 2, 4, 2, "275"},
        {decimal_add, NINES, 0, "1", 0, 38, 0, NULL},
        {decimal_add, NINES, 0, "-" NINES, 0, 38, 0, "0"},
        {decimal_add, NINES, 38, NINES, 0, 38, 0, NULL},
        {decimal_add, "1", 38, "99999999999999999999999999999999", 0, 38, 6, "99999999999999999999999999999999000000"},
        {decimal_add, "-1", 38, "99999999999999999999999999999999", 0, 38, 6, "99999999999999999999999999999999000000"},
        {decimal_add, "1", 38, "-5", 0, 38, 37, "-50000000000000000000000000000000000000"},
        {decimal_multiply, "-15", 1, "15", 1, 5, 2, "-225"},
        {decimal_multiply, NINES, 0, "10", 0, 38, 0, NULL},
        {decimal_multiply, NINES, 38, NINES, 38, 38, 37, "10000000000000000000000000000000000000"},
        {decimal_multiply, "1234567890123456789012345678", 18, "9876543210987654321098765432", 18, 38, 6,
         "12193263113702179522618503"},
        {decimal_divide, "20", 1, "3", 0, 7, 6, "666667"},
        {decimal_divide, "2", 0, "3", 0, 38, 6, "666667"},
        {decimal_divide, "-2", 0, "3", 0, 38, 38, "-66666666666666666666666666666666666667"},
        {decimal_divide, "2", 20, "3", 20, 38, 6, "666667"},
        {decimal_divide, NINES, 0, "1", 38, 38, 6, NULL},
        /* 0.4999995 after 38 places: rounded twice it is a half */
        {decimal_divide, "49999949999999999999999999999999999999", 38, "1", 0, 38, 7, "4999995"},
        {decimal_divide, "49999994999999999999999999999999999999", 37, "99999999999999999999999999999999999999", 37, 38,
         6, "500000"},
        {decimal_remainder, "-75", 1, "2", 0, 2, 1, "-15"},
        {decimal_remainder, NINES, 0, "7", 38, 38, 38, NULL},
        {decimal_remainder, NINES, 10, "97", 1, 38, 10, "56999999999"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int128 out = 0;
        bool   fits = rows[i].run(number(rows[i].a, rows[i].a_scale), number(rows[i].b, rows[i].b_scale),
                                  rows[i].precision, rows[i].scale, &out);
        if (fits != (rows[i].digits != NULL) || (fits && out != number(rows[i].digits, 0).value))
            fail_msg("row %zu: %s / 10^%d with %s / 10^%d gives %lld..", i, rows[i].a, rows[i].a_scale, rows[i].b,
                     rows[i].b_scale, (long long)out);
    }
}

static void the_whole_part_of_a_quotient_is_cut(void **state)
{
    int128 out = 0;
    bool   fits = decimal_quotient(number("-75", 1), number("2", 0), 10, &out);
    (void)state;
    is(fits, out, "-3");
    fits = decimal_quotient(number(NINES, 0), number("1", 38), 38, &out);
    is(fits, out, NULL);
    fits = decimal_quotient(number("75", 1), number("3", 1), 10, &out);
    is(fits, out, "25");
}

static void another_scale_rounds_as_asked(void **state)
{
    static const struct {
        enum decimal_rounding how;
        const char           *a;
        int                   a_scale, precision, scale;
        const char           *digits;
    } rows[] = {
        {DECIMAL_HALF_UP, "25", 1, 2, 0, "3"},         {DECIMAL_HALF_UP, "-25", 1, 2, 0, "-3"},
        {DECIMAL_HALF_EVEN, "25", 1, 2, 0, "2"},       {DECIMAL_HALF_EVEN, "35", 1, 2, 0, "4"},
        {DECIMAL_HALF_EVEN, "-250001", 5, 2, 0, "-3"}, {DECIMAL_FLOOR, "-1", 38, 2, 0, "-1"},
        {DECIMAL_FLOOR, "19", 1, 2, 0, "1"},           {DECIMAL_CEILING, "11", 1, 2, 0, "2"},
        {DECIMAL_CEILING, "-19", 1, 2, 0, "-1"},       {DECIMAL_DOWN, "-19", 1, 2, 0, "-1"},
        {DECIMAL_HALF_UP, "1255", 1, 3, -1, "13"},     {DECIMAL_HALF_UP, "99995", 2, 5, 2, "99995"},
        {DECIMAL_HALF_UP, "99995", 2, 4, 1, NULL},     {DECIMAL_HALF_UP, "1", 0, 38, 38, NULL},
        {DECIMAL_HALF_UP, NINES, 38, 38, 0, "1"},      {DECIMAL_HALF_UP, "0", 0, 38, 38, "0"},
        {DECIMAL_CEILING, "1", 30, 5, -30, "1"},       {DECIMAL_HALF_UP, NINES, 0, 38, -38, "1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int128 out = 0;
        bool   fits =
            decimal_rescale(number(rows[i].a, rows[i].a_scale), rows[i].how, rows[i].precision, rows[i].scale, &out);
        if (fits != (rows[i].digits != NULL) || (fits && out != number(rows[i].digits, 0).value))
            fail_msg("row %zu: %s gives %lld", i, rows[i].a, (long long)out);
    }
}

static void digits_are_counted(void **state)
{
    (void)state;
    assert_int_equal(decimal_digits(0), 1);
    assert_int_equal(decimal_digits(-9), 1);
    assert_int_equal(decimal_digits(10), 2);
    assert_int_equal(decimal_digits(number(NINES, 0).value), 38);
    assert_true(decimal_fits(-99, 2));
    assert_false(decimal_fits(100, 2));
    assert_true(decimal_power(38) == number("10000000000000000000000000000000000000", 0).value * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_products_and_quotients_are_exact_or_rounded_half_up),
                                       cmocka_unit_test(the_whole_part_of_a_quotient_is_cut),
                                       cmocka_unit_test(another_scale_rounds_as_asked),
                                       cmocka_unit_test(digits_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
