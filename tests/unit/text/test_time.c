/* SPDX-License-Identifier: MIT */
/* Dates and timestamps as Spark 4 reads and prints them; the civil calendar on both sides of 1970. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "text/time.h"

#define NOW ((int64_t)1704153600000000) /* 2024-01-02 */

static void the_calendar_is_its_own_inverse(void **state)
{
    (void)state;
    assert_int_equal(days_from_civil(1970, 1, 1), 0);
    assert_int_equal(days_from_civil(1969, 12, 31), -1);
    assert_int_equal(days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(days_from_civil(1, 1, 1), -719162);
    for (int64_t days = -800000; days < 800000; days += 37) {
        int64_t year;
        int     month, day;
        civil_from_days(days, &year, &month, &day);
        assert_int_equal(days_from_civil(year, month, day), days);
        assert_true(day >= 1 && day <= days_in_month(year, month));
    }
    assert_int_equal(days_in_month(2000, 2), 29);
    assert_int_equal(days_in_month(1900, 2), 28);
    assert_int_equal(days_in_month(2024, 2), 29);
}

static void dates(void **state)
{
    static const struct {
        const char *text, *date; /* NULL: refused */
    } rows[] = {{"2024-01-02", "2024-01-02"},
                {"2024-1-2", "2024-01-02"},
                {"2024-01", "2024-01-01"},
                {"2024", "2024-01-01"},
                {" 2024-01-02 ", "2024-01-02"},
                {"2024-02-29T12:00:00Z", "2024-02-29"},
                {"2024-02-29 anything", "2024-02-29"},
                {"0001-01-01", "0001-01-01"},
                {"+2024-01-02", "2024-01-02"},
                {"2023-02-29", NULL},
                {"2024-13-01", NULL},
                {"2024-00-10", NULL},
                {"2024-01-32", NULL},
                {"20240102", NULL},
                {"2024/01/02", NULL},
                {"24-01-02", NULL},
                {"2024-01-02x", NULL},
                {"2024-", NULL},
                {"", NULL},
                {" ", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t days = 0;
        char    text[TIME_TEXT_MAX + 1] = "";
        bool    ok = date_parse(rows[i].text, strlen(rows[i].text), &days);
        if (ok)
            text[date_print(days, text)] = 0;
        if (ok != (rows[i].date != NULL) || (ok && strcmp(text, rows[i].date) != 0))
            fail_msg("\"%s\" gave %s", rows[i].text, ok ? text : "nothing");
    }
}

static void timestamps(void **state)
{
    static const struct {
        const char *text, *printed;
    } rows[] = {{"2024-01-02T03:04:05Z", "2024-01-02 03:04:05"},
                {"2024-01-02 03:04:05", "2024-01-02 03:04:05"},
                {"2024-01-02T03:04:05.120Z", "2024-01-02 03:04:05.12"},
                {"2024-01-02T03:04:05.1234567891", "2024-01-02 03:04:05.123456"},
                {"2024-01-02T03:04:05.123456789Z", "2024-01-02 03:04:05.123456"},
                {"2024-01-02T03:04:05+02:00", "2024-01-02 01:04:05"},
                {"2024-01-02T03:04:05-0230", "2024-01-02 05:34:05"},
                {"2024-01-02T03:04:05+02", "2024-01-02 01:04:05"},
                {"2024-01-02T03:04:05 UTC", "2024-01-02 03:04:05"},
                {"2024-01-02T03:04", "2024-01-02 03:04:00"},
                {"2024-01-02T3:4:5", "2024-01-02 03:04:05"},
                {"2024-1-2", "2024-01-02 00:00:00"},
                {"2024", "2024-01-01 00:00:00"},
                {"T03:04:05", "2024-01-02 03:04:05"},
                {" 2024-01-02T03:04:05Z ", "2024-01-02 03:04:05"},
                {"1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999999"},
                {"0001-01-01T00:00:00Z", "0001-01-01 00:00:00"},
                {"-290308-12-21 19:59:05.224192", "-290308-12-21 19:59:05.224192"},
                {"-290308-12-21 19:59:05.224191", NULL},
                {"999999-01-01", NULL},
                {"2024-01-02T03:04:05z", NULL},
                {"2024-01-02T24:00:00", NULL},
                {"2024-01-02T03:60:00", NULL},
                {"2024-01-02T03:04:60Z", NULL},
                {"2024-02-30T00:00:00", NULL},
                {"2024-01-02T03:04:05+25:00", NULL},
                {"2024-01-02T03:04:05 Nowhere/Land", NULL},
                {"2024-01-02T03:04:05 Europe/Berlin", "2024-01-02 02:04:05"},
                {"2024-01-02T03:04:05.5Asia/Kolkata", "2024-01-01 21:34:05.5"},
                {"2024-01-02 03:04:05 PST", "2024-01-02 11:04:05"},
                {"2024-03-31 02:30:00 Europe/Berlin", "2024-03-31 01:30:00"}, /* a local time that is skipped */
                {"2024-10-27 02:30:00 Europe/Berlin", "2024-10-27 00:30:00"}, /* one that is there twice */
                {"2011-12-30 12:00:00 Pacific/Apia", "2011-12-30 22:00:00"},
                {"0001-01-01 00:00:00 Europe/Berlin", "0000-12-31 23:06:32"},
                {"9999-12-31 23:59:59 America/New_York", "+10000-01-01 04:59:59"},
                {"12:00:00 Pacific/Apia", "2024-01-01 23:00:00"}, /* today is that zone's */
                {"00:00:00 -10:00", "2024-01-01 10:00:00"},
                {"2024-01-02 03:04:05\001Z", "2024-01-02 03:04:05"},
                {"2024-01-02 03", "2024-01-02 03:00:00"},
                {"T3", "2024-01-02 03:00:00"},
                {"2024-01-02 03:04:05 +2:3", "2024-01-02 01:01:05"},
                {"2024-01-02 03:04:05 GMT+2:30", "2024-01-02 00:34:05"},
                {" T03:04:05", NULL},
                {"T 03:04:05", NULL},
                {"2024-01-02T", NULL},
                {"2024-01-02 03:", NULL},
                {"2024-01-02 03:04:", NULL},
                {"2024-01-02 03:04Z", NULL}, /* a zone stands behind seconds */
                {"2024-01-02 Europe/Berlin", NULL},
                {"2024-01-02 03:04:05 europe/berlin", NULL},
                {"2024-01-02 03:04:05 +02:3:04", NULL},
                {"2024-01-02 03:04:05 UTCZ", NULL},
                {"1700000000", NULL},
                {"now", NULL},
                {"", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t us = 0;
        char    text[TIME_TEXT_MAX + 1] = "";
        bool    ok = timestamp_parse(rows[i].text, strlen(rows[i].text), NOW, &us);
        if (ok)
            text[timestamp_print(us, text)] = 0;
        if (ok != (rows[i].printed != NULL) || (ok && strcmp(text, rows[i].printed) != 0))
            fail_msg("\"%s\" gave %s", rows[i].text, ok ? text : "nothing");
    }
}

static void the_ends_of_time_are_printed_and_read(void **state)
{
    static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1,      -1,
                                    0,         1,         253402300799999999, 253402300800000000};
    char                 text[TIME_TEXT_MAX + 1];
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        size_t  n = timestamp_print(times[i], text);
        int64_t us = 0;
        assert_true(n < TIME_TEXT_MAX);
        text[n] = 0;
        if (!timestamp_parse(text, n, NOW, &us) || us != times[i])
            fail_msg("%lld printed as %s read as %lld", (long long)times[i], text, (long long)us);
    }
    text[date_print(INT32_MIN, text)] = 0;
    assert_string_equal(text, "-5877641-06-23");
    text[timestamp_print_iso_ms(-1, text)] = 0;
    assert_string_equal(text, "1969-12-31T23:59:59.999Z"); /* rounded down */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_calendar_is_its_own_inverse),
        cmocka_unit_test(dates),
        cmocka_unit_test(timestamps),
        cmocka_unit_test(the_ends_of_time_are_printed_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
