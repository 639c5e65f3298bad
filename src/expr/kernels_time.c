/* SPDX-License-Identifier: MIT */
/* Dates, timestamps (UTC) and intervals; structs. */
#include <math.h>
#include <strings.h>

#include "expr/kernels.h"
#include "text/time.h"

/* Strict kernels over one or two fixed-width columns; `body` sets out[i] from a and b, or calls fail_row. */
#define BEGIN(T, n_args_)                                              \
    uint8_t *valid;                                                    \
    uint32_t n_nulls;                                                  \
    T       *out;                                                      \
    if (!expr__strict_valid(ev, args, n_args_, n, &valid, &n_nulls))   \
        return NULL;                                                   \
    if (!(out = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof(T)))) { \
        mem_free(valid);                                               \
        return expr__no_memory(ev);                                    \
    }
#define END return expr__wrap(ev, x->type, n, valid, n_nulls, out)

static bool is_null_at(const uint8_t *valid, uint32_t i) { return valid && !(valid[i / 8] >> (i % 8) & 1); }

/* False: free what there is and end the evaluation. */
static bool fail_row(struct evaluation *ev, uint8_t **valid, uint32_t n, uint32_t i, uint32_t *n_nulls,
                     const char *what)
{
    if (is_null_at(*valid, i))
        return true;
    return expr__fail(ev, i, "[ARITHMETIC_OVERFLOW] %s", what) && expr__set_null(valid, n, i, n_nulls);
}

static struct column *give_up(struct evaluation *ev, uint8_t *valid, void *out)
{
    mem_free(valid);
    mem_free(out);
    return ev->error->code ? NULL : expr__no_memory(ev);
}

static struct column *add_us(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n, int sign)
{
    const int64_t *a = args[0].c->values, *b = args[1].c->values;
    BEGIN(int64_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        int64_t p = a[i * args[0].step], q = b[i * args[1].step];
        bool    over = sign > 0 ? __builtin_add_overflow(p, q, &out[i]) : __builtin_sub_overflow(p, q, &out[i]);
        if (over && !fail_row(ev, &valid, n, i, &n_nulls, "timestamp overflow"))
            return give_up(ev, valid, out);
    }
    END;
}

struct column *k_add_interval(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return add_us(ev, x, args, n, 1);
}

struct column *k_subtract_times(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return add_us(ev, x, args, n, -1);
}

struct column *k_negate_interval(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *a = args[0].c->values;
    BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++)
        if (__builtin_sub_overflow((int64_t)0, a[i * args[0].step], &out[i]) &&
            !fail_row(ev, &valid, n, i, &n_nulls, "interval overflow"))
            return give_up(ev, valid, out);
    END;
}

struct column *k_add_days(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values, *b = args[1].c->values;
    BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++) /* Java's int addition: wraps */
        out[i] = (int32_t)((uint32_t)a[i * args[0].step] + (uint32_t)b[i * args[1].step]);
    END;
}

struct column *k_date_diff(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int32_t *a = args[0].c->values, *b = args[1].c->values;
    BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int32_t)((uint32_t)a[i * args[0].step] - (uint32_t)b[i * args[1].step]);
    END;
}

static struct column *scale_up(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                               int64_t unit)
{
    const int64_t *a = args[0].c->values;
    BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(a[i * args[0].step], unit, &out[i]) &&
            !fail_row(ev, &valid, n, i, &n_nulls, "long overflow"))
            return give_up(ev, valid, out);
    END;
}

static struct column *seconds_of_doubles(struct evaluation *ev, const struct expr *x, const struct vec *args,
                                         uint32_t n)
{
    const double *a = args[0].c->values;
    BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        double us = a[i * args[0].step] * 1e6;
        if (!isfinite(a[i * args[0].step])) { /* Spark: NULL */
            if (!expr__set_null(&valid, n, i, &n_nulls))
                return give_up(ev, valid, out);
        } else {
            out[i] = us >= 9223372036854775807.0 ? INT64_MAX : us <= -9223372036854775808.0 ? INT64_MIN : (int64_t)us;
        }
    }
    END;
}

struct column *k_timestamp_seconds(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    if (args[0].c->type->kind == TYPE_DECIMAL)
        return decimal_seconds(ev, x, args, n);
    return args[0].c->type->kind == TYPE_DOUBLE ? seconds_of_doubles(ev, x, args, n)
                                                : scale_up(ev, x, args, n, 1000000);
}

struct column *k_timestamp_millis(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return scale_up(ev, x, args, n, 1000);
}

struct column *k_timestamp_micros(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return scale_up(ev, x, args, n, 1);
}

static struct column *scale_down(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                 int64_t unit)
{
    const int64_t *a = args[0].c->values;
    BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = floor_div(a[i * args[0].step], unit);
    END;
}

struct column *k_unix_seconds(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return scale_down(ev, x, args, n, 1000000);
}

struct column *k_unix_millis(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return scale_down(ev, x, args, n, 1000);
}

struct column *k_unix_micros(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return scale_down(ev, x, args, n, 1);
}

/* ---- truncation ---- */

static bool truncate_time(const char *unit, size_t n, int64_t us, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t     us;
        int         months; /* of a calendar unit, 0 otherwise */
    } units[] = {{"microsecond", 1, 0},   {"millisecond", 1000, 0},
                 {"second", 1000000, 0},  {"minute", 60000000, 0},
                 {"hour", 3600000000, 0}, {"day", US_PER_DAY, 0},
                 {"dd", US_PER_DAY, 0},   {"month", 0, 1},
                 {"mon", 0, 1},           {"mm", 0, 1},
                 {"quarter", 0, 3},       {"year", 0, 12},
                 {"yyyy", 0, 12},         {"yy", 0, 12}};
    int64_t days = floor_div(us, US_PER_DAY), year;
    int     month, day;
    if (n == 4 && strncasecmp(unit, "week", 4) == 0) {
        *out = (days - floor_mod(days + 3, 7)) * US_PER_DAY; /* 1970-01-01 was a Thursday; weeks start on Monday */
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) != n || strncasecmp(units[i].name, unit, n) != 0)
            continue;
        if (units[i].us) {
            *out = us - floor_mod(us, units[i].us);
            return true;
        }
        civil_from_days(days, &year, &month, &day);
        *out = days_from_civil(year, (month - 1) / units[i].months * units[i].months + 1, 1) * US_PER_DAY;
        return true;
    }
    return false;
}

struct column *k_date_trunc(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *a = args[1].c->values;
    BEGIN(int64_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        uint32_t    length;
        const char *unit = (const char *)column_bytes(args[0].c, i * args[0].step, &length);
        if (is_null_at(valid, i))
            continue;
        if (!truncate_time(unit, length, a[i * args[1].step], &out[i]) && !expr__set_null(&valid, n, i, &n_nulls))
            return give_up(ev, valid, out);
    }
    END;
}

/* ---- parts ---- */

enum part { PART_YEAR, PART_QUARTER, PART_MONTH, PART_DAY, PART_WEEKDAY, PART_YEARDAY };

static int32_t date_part(int32_t days, enum part part)
{
    int64_t year;
    int     month, day;
    civil_from_days(days, &year, &month, &day);
    switch (part) {
    case PART_YEAR:
        return (int32_t)year;
    case PART_QUARTER:
        return (month - 1) / 3 + 1;
    case PART_MONTH:
        return month;
    case PART_DAY:
        return day;
    case PART_WEEKDAY:
        return (int32_t)floor_mod((int64_t)days + 4, 7) + 1;
    case PART_YEARDAY:
        return (int32_t)(days - days_from_civil(year, 1, 1)) + 1;
    }
    return 0;
}

static struct column *date_parts(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                 enum part part)
{
    const int32_t *a = args[0].c->values;
    BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = date_part(a[i * args[0].step], part);
    END;
}

#define DATE_PART(name, part)                                                                            \
    struct column *name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                    \
        return date_parts(ev, x, args, n, part);                                                         \
    }
DATE_PART(k_year, PART_YEAR)
DATE_PART(k_quarter, PART_QUARTER)
DATE_PART(k_month, PART_MONTH)
DATE_PART(k_day, PART_DAY)
DATE_PART(k_dayofweek, PART_WEEKDAY)
DATE_PART(k_dayofyear, PART_YEARDAY)

static struct column *clock_part(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                 int64_t unit_us, int64_t per)
{
    const int64_t *a = args[0].c->values;
    BEGIN(int32_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int32_t)floor_mod(floor_div(a[i * args[0].step], unit_us), per);
    END;
}

struct column *k_hour(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return clock_part(ev, x, args, n, 3600000000, 24);
}

struct column *k_minute(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return clock_part(ev, x, args, n, 60000000, 60);
}

struct column *k_second(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return clock_part(ev, x, args, n, 1000000, 60);
}

/* With microseconds: DECIMAL(8,6). */
struct column *k_second_fraction(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *a = args[0].c->values;
    BEGIN(int128, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = floor_mod(a[i * args[0].step], 60000000);
    END;
}

/* ---- now ---- */

struct column *k_now(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    BEGIN(int64_t, 0)
    for (uint32_t i = 0; i < n; i++)
        out[i] = ev->now_us;
    END;
}

struct column *k_today(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    BEGIN(int32_t, 0)
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int32_t)floor_div(ev->now_us, US_PER_DAY);
    END;
}

/* ---- structs ---- */

struct column *k_struct(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct column *s = column_wrap(x->type, n, 0, NULL, NULL, NULL);
    if (!s)
        return expr__no_memory(ev);
    for (int i = 0; i < x->n_args; i++) {
        if (args[i].step) {
            s->children[i] = column_ref(args[i].c);
            continue;
        }
        uint32_t *zeros = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *zeros);
        s->children[i] = zeros ? column_take(args[i].c, zeros, n) : NULL;
        mem_free(zeros);
        if (!s->children[i]) {
            column_free(s);
            return expr__no_memory(ev);
        }
    }
    return s;
}

struct column *k_same(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return expr__cast(ev, x, args, n);
}
