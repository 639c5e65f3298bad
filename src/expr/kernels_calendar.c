/* SPDX-License-Identifier: MIT */
/* Arithmetic of months, weeks and units; dates made of parts. Source: Spark's DateTimeUtils, datetimeExpressions. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "expr/kernel_tools.h"
#include "text/time.h"

/* Java's LocalDate ends here. */
#define JAVA_YEAR_MAX 999999999

/* ---- months ---- */

/* The same day so many months later, or the last of the month when it has no such day. */
static bool add_months(int64_t days, int64_t months, int64_t *out)
{
    int64_t year;
    int     month, day;
    civil_from_days(days, &year, &month, &day);
    int64_t all = year * 12 + month - 1 + months;
    year = floor_div(all, 12);
    month = (int)floor_mod(all, 12) + 1;
    if (year > JAVA_YEAR_MAX || year < -JAVA_YEAR_MAX)
        return false;
    int last = days_in_month(year, month);
    *out = days_from_civil(year, month, day < last ? day : last);
    return true;
}

struct column *k_add_months(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        int64_t days;
        if (IS_NULL_AT(i))
            continue;
        if (!add_months(a[i * args[0].step], int_at(&args[1], i), &days) || days != (int32_t)days)
            FAIL_ROW(i, "[ARITHMETIC_OVERFLOW] the date is out of range");
        else
            out[i] = (int32_t)days;
    }
    STRICT_END(x->type);
}

struct day {
    int64_t days, months; /* since 1970; since year 0 */
    int     of_month;
    bool    last;
};

static struct day day_of(int64_t us)
{
    struct day d = {.days = floor_div(us, US_PER_DAY)};
    int64_t    year;
    int        month;
    civil_from_days(d.days, &year, &month, &d.of_month);
    d.months = year * 12 + month - 1;
    d.last = d.of_month == days_in_month(year, month);
    return d;
}

static double months_between(int64_t us, int64_t us2, bool round_off)
{
    struct day a = day_of(us), b = day_of(us2);
    double     months = (double)(a.months - b.months);
    if (a.of_month == b.of_month || (a.last && b.last))
        return months;
    int64_t in_day = (us - a.days * US_PER_DAY) / US_PER_SECOND - (us2 - b.days * US_PER_DAY) / US_PER_SECOND;
    months += (double)((a.of_month - b.of_month) * (int64_t)86400 + in_day) / (31 * 86400.0);
    return round_off ? floor(months * 1e8 + 0.5) / 1e8 : months;
}

struct column *k_months_between(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *a = args[0].c->values, *b = args[1].c->values;
    STRICT_BEGIN(double, x->n_args)
    for (uint32_t i = 0; i < n; i++)
        out[i] = months_between(a[i * args[0].step], b[i * args[1].step],
                                x->n_args < 3 || column_u8(args[2].c)[i * args[2].step]);
    STRICT_END(x->type);
}

/* ---- days ---- */

struct column *k_last_day(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        int64_t year;
        int     month, day;
        civil_from_days(a[i * args[0].step], &year, &month, &day);
        out[i] = a[i * args[0].step] + days_in_month(year, month) - day;
    }
    STRICT_END(x->type);
}

/* 0 is Thursday, as 1970-01-01; -1 when it is none. */
static int weekday_of(const char *name, size_t n)
{
    static const char *const names[] = {"THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY"};
    for (int d = 0; d < 7; d++)
        if ((n == 2 || n == 3 || n == strlen(names[d])) && strncasecmp(names[d], name, n) == 0)
            return d;
    return -1;
}

struct column *k_next_day(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        if (IS_NULL_AT(i))
            continue;
        struct text name = text_at(&args[1], i);
        int         wanted = weekday_of((const char *)name.p, name.n);
        int64_t     days = a[i * args[0].step];
        if (wanted < 0)
            FAIL_ROW(i, "[ILLEGAL_DAY_OF_WEEK] '%.*s' is no day of the week", (int)(name.n < 40 ? name.n : 40),
                     (const char *)name.p);
        else
            out[i] = (int32_t)(days + 1 + floor_mod(wanted - 1 - days, 7));
    }
    STRICT_END(x->type);
}

struct column *k_weekday(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int32_t)floor_mod((int64_t)a[i * args[0].step] + 3, 7);
    STRICT_END(x->type);
}

/* ISO 8601: week 1 holds the first Thursday. */
static int iso_week(int64_t days, int64_t *year)
{
    int     month, day;
    int64_t thursday = days - floor_mod(days + 3, 7) + 3;
    civil_from_days(thursday, year, &month, &day);
    return (int)((thursday - days_from_civil(*year, 1, 1)) / 7) + 1;
}

struct column *k_weekofyear(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    int64_t        year;
    STRICT_BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = iso_week(a[i * args[0].step], &year);
    STRICT_END(x->type);
}

struct column *k_yearofweek(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    int64_t        year;
    STRICT_BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        iso_week(a[i * args[0].step], &year);
        out[i] = (int32_t)year;
    }
    STRICT_END(x->type);
}

struct column *k_weekday_iso(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int32_t)floor_mod((int64_t)a[i * args[0].step] + 3, 7) + 1;
    STRICT_END(x->type);
}

static bool dayname_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    static const char *const names[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    (void)x;
    buf_puts(&w->text, names[floor_mod(column_i32(args[0].c)[i * args[0].step], 7)]);
    return true;
}
TEXT_KERNEL(k_dayname, dayname_row)

static bool monthname_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t                  year;
    int                      month, day;
    (void)x;
    civil_from_days(column_i32(args[0].c)[i * args[0].step], &year, &month, &day);
    buf_puts(&w->text, names[month - 1]);
    return true;
}
TEXT_KERNEL(k_monthname, monthname_row)

struct column *k_subtract_days(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++) /* Java's int subtraction: wraps */
        out[i] = (int32_t)((uint32_t)a[i * args[0].step] - (uint32_t)int_at(&args[1], i));
    STRICT_END(x->type);
}

/* unix_date and date_from_unix_date: the same number under another type. */
struct column *k_same_int(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = a[i * args[0].step];
    STRICT_END(x->type);
}

/* ---- trunc(date, unit) ---- */

static bool truncate_date(const char *unit, size_t n, int64_t days, int32_t *out)
{
    static const struct {
        const char *name;
        int         months;
    } units[] = {{"YEAR", 12}, {"YYYY", 12}, {"YY", 12}, {"QUARTER", 3}, {"MONTH", 1}, {"MM", 1}, {"MON", 1}};
    int64_t year;
    int     month, day;
    if (n == 4 && strncasecmp(unit, "WEEK", 4) == 0) {
        *out = (int32_t)(days - floor_mod(days + 3, 7));
        return true;
    }
    for (size_t k = 0; k < sizeof units / sizeof units[0]; k++)
        if (strlen(units[k].name) == n && strncasecmp(units[k].name, unit, n) == 0) {
            civil_from_days(days, &year, &month, &day);
            *out = (int32_t)days_from_civil(year, (month - 1) / units[k].months * units[k].months + 1, 1);
            return true;
        }
    return false;
}

struct column *k_trunc(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values;
    STRICT_BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        if (IS_NULL_AT(i))
            continue;
        struct text unit = text_at(&args[1], i);
        if (!truncate_date((const char *)unit.p, unit.n, a[i * args[0].step], &out[i]) &&
            !expr__set_null(&valid, n, i, &n_nulls)) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
    }
    STRICT_END(x->type);
}

/* ---- made of parts ---- */

static bool date_exists(int64_t year, int64_t month, int64_t day)
{
    return year >= -JAVA_YEAR_MAX && year <= JAVA_YEAR_MAX && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_in_month(year, (int)month);
}

struct column *k_make_date(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(int32_t, 3)
    for (uint32_t i = 0; i < n; i++) {
        int32_t year = IS_NULL_AT(i) ? 1 : int_at(&args[0], i), month = IS_NULL_AT(i) ? 1 : int_at(&args[1], i),
                day = IS_NULL_AT(i) ? 1 : int_at(&args[2], i);
        bool    exists = date_exists(year, month, day);
        int64_t days = exists ? days_from_civil(year, month, day) : 0;
        if (days != (int32_t)days)
            FAIL_ROW(i, "[ARITHMETIC_OVERFLOW] the date is out of range");
        else if (!exists)
            FAIL_ROW(i, "[DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION] there is no date %d-%d-%d", year, month, day);
        else
            out[i] = (int32_t)days;
    }
    STRICT_END(x->type);
}

/* Seconds have six digits behind the point, half up; 60 is the next minute when nothing is behind the point. */
static const char *make_time(const int32_t p[5], double seconds, int64_t *out)
{
    double us = floor(fabs(seconds) * 1e6 + 0.5) * (seconds < 0 ? -1 : 1);
    if (!(fabs(us) < 1e16))
        return "[NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION]";
    if (us > 60000000 && us < 61000000)
        return "[INVALID_FRACTION_OF_SECOND.WITH_SUGGESTION]";
    if (!date_exists(p[0], p[1], p[2]) || p[3] < 0 || p[3] > 23 || p[4] < 0 || p[4] > 59 || us < 0 || us > 60000000)
        return "[DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION]";
    int64_t day = days_from_civil(p[0], p[1], p[2]);
    if (__builtin_mul_overflow(day, US_PER_DAY, out) ||
        __builtin_add_overflow(*out, (int64_t)(p[3] * 60 + p[4]) * 60 * US_PER_SECOND + (int64_t)us, out))
        return "[DATETIME_OVERFLOW]";
    return NULL;
}

struct column *k_make_timestamp(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const double *seconds = args[5].c->values;
    STRICT_BEGIN(int64_t, 6)
    for (uint32_t i = 0; i < n; i++) {
        int32_t p[5];
        if (IS_NULL_AT(i))
            continue;
        for (int k = 0; k < 5; k++)
            p[k] = int_at(&args[k], i);
        bool        null = !isfinite(seconds[i * args[5].step]);
        const char *wrong = null ? NULL : make_time(p, seconds[i * args[5].step], &out[i]);
        if (wrong && x->function->nullable && strncmp(wrong, "[NUMERIC", 8) != 0)
            null = true; /* try_make_timestamp; what is no DECIMAL of seconds fails there too */
        if (null && !expr__set_null(&valid, n, i, &n_nulls)) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
        if (wrong && !null)
            FAIL_ROW(i, "%s there is no time %d-%d-%d %d:%d:%g", wrong, p[0], p[1], p[2], p[3], p[4],
                     seconds[i * args[5].step]);
    }
    STRICT_END(x->type);
}

/* ---- timestampadd and timestampdiff ---- */

static const struct time_unit {
    const char *name;
    int64_t     us; /* 0: a unit of months */
    int         months;
} units[] = {{"MICROSECOND", 1, 0},
             {"MILLISECOND", 1000, 0},
             {"SECOND", US_PER_SECOND, 0},
             {"MINUTE", 60 * US_PER_SECOND, 0},
             {"HOUR", 3600 * US_PER_SECOND, 0},
             {"DAY", US_PER_DAY, 0},
             {"DAYOFYEAR", US_PER_DAY, 0},
             {"WEEK", 7 * US_PER_DAY, 0},
             {"MONTH", 0, 1},
             {"QUARTER", 0, 3},
             {"YEAR", 0, 12}};

bool expr__is_time_unit(const char *name)
{
    for (size_t k = 0; k < sizeof units / sizeof units[0]; k++)
        if (strcasecmp(units[k].name, name) == 0)
            return true;
    return false;
}

/* The unit is a constant that the binder has seen. */
static const struct time_unit *unit_of(const struct vec *v)
{
    struct text name = text_at(v, 0);
    for (size_t k = 0; k < sizeof units / sizeof units[0]; k++)
        if (strlen(units[k].name) == name.n && strncasecmp(units[k].name, (const char *)name.p, name.n) == 0)
            return &units[k];
    return &units[0];
}

static bool add_unit(const struct time_unit *unit, int64_t by, int64_t us, int64_t *out)
{
    int64_t days = floor_div(us, US_PER_DAY), in_day = us - days * US_PER_DAY, span;
    if (unit->months == 0)
        return !__builtin_mul_overflow(unit->us, by, &span) && !__builtin_add_overflow(us, span, out);
    if (__builtin_mul_overflow(by, (int64_t)unit->months, &span) || span != (int32_t)span ||
        !add_months(days, span, &days))
        return false;
    return !__builtin_mul_overflow(days, US_PER_DAY, out) && !__builtin_add_overflow(*out, in_day, out);
}

struct column *k_timestampadd(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *by = args[1].c->values, *a = args[2].c->values;
    STRICT_BEGIN(int64_t, 3)
    const struct time_unit *unit = unit_of(args);
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i) && !add_unit(unit, by[i * args[1].step], a[i * args[2].step], &out[i]))
            FAIL_ROW(i, "[DATETIME_OVERFLOW] the timestamp is out of range");
    STRICT_END(x->type);
}

/* TIMESTAMP + INTERVAL 1 MONTH: the same time of day */
struct column *k_add_months_to_time(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    static const struct time_unit month = {"MONTH", 0, 1};
    const int64_t                *a = args[0].c->values;
    STRICT_BEGIN(int64_t, 2)
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i) && !add_unit(&month, int_at(&args[1], i), a[i * args[0].step], &out[i]))
            FAIL_ROW(i, "[DATETIME_OVERFLOW] the timestamp is out of range");
    STRICT_END(x->type);
}

/* Whole units from one to the other, towards zero. */
static int64_t units_between(const struct time_unit *unit, int64_t from, int64_t to)
{
    if (unit->months == 0)
        return (to - from) / unit->us;
    struct day a = day_of(from), b = day_of(to);
    int64_t    months = b.months - a.months;
    /* the rest of the month, in microseconds since its first day */
    int64_t rest_a = (a.of_month - 1) * US_PER_DAY + floor_mod(from, US_PER_DAY),
            rest_b = (b.of_month - 1) * US_PER_DAY + floor_mod(to, US_PER_DAY);
    if (months > 0 && rest_b < rest_a)
        months--;
    else if (months < 0 && rest_b > rest_a)
        months++;
    return months / unit->months;
}

struct column *k_timestampdiff(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t          *a = args[1].c->values, *b = args[2].c->values;
    const struct time_unit *unit = unit_of(args);
    STRICT_BEGIN(int64_t, 3)
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i))
            out[i] = units_between(unit, a[i * args[1].step], b[i * args[2].step]);
    STRICT_END(x->type);
}
