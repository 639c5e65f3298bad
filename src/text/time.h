/* SPDX-License-Identifier: MIT */
/*
 * text/time: dates and timestamps as Spark 4 reads and prints them (session time zone UTC), and civil arithmetic.
 *
 * A DATE is days, a TIMESTAMP microseconds since 1970-01-01 (UTC), proleptic Gregorian. Any thread.
 * Source: SparkDateTimeUtils.stringToDate and stringToTimestamp (what they accept is in the test's table).
 */
#ifndef TEXT_TIME_H
#define TEXT_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define US_PER_SECOND ((int64_t)1000000)
#define US_PER_DAY ((int64_t)86400000000)

int64_t days_from_civil(int64_t year, int month, int day);
void    civil_from_days(int64_t days, int64_t *year, int *month, int *day);
int     days_in_month(int64_t year, int month);
/* Rounds towards minus infinity, as event times before 1970 need. */
static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }
static inline int64_t floor_mod(int64_t a, int64_t b)
{
    int64_t rest = a % b;
    return rest + (rest != 0 && (rest < 0) != (b < 0) ? b : 0);
}

/* What CAST(text AS DATE) and CAST(text AS TIMESTAMP) accept; false otherwise. now_us serves texts without a date. */
bool date_parse(const char *text, size_t n, int32_t *days);
bool timestamp_parse(const char *text, size_t n, int64_t now_us, int64_t *us);

/* CAST(x AS STRING): "2024-01-02", "2024-01-02 03:04:05.12" (no trailing zeros). Return the length. */
#define TIME_TEXT_MAX 40
size_t date_print(int32_t days, char out[TIME_TEXT_MAX]);
size_t timestamp_print(int64_t us, char out[TIME_TEXT_MAX]);
/* "2024-01-02T03:04:05.123Z" (ms, rounded down) for logs and JSON. */
size_t timestamp_print_iso_ms(int64_t us, char out[TIME_TEXT_MAX]);

#endif
