/* SPDX-License-Identifier: MIT */
#include "text/time.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text/zone.h"

/* Howard Hinnant's algorithms, with eras of 400 years. */
int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool             leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* ---- reading ---- */

struct cursor {
    const char *p, *end;
};

static bool is_blank(char c) { return (unsigned char)c <= 0x20 || c == 0x7f; } /* UTF8String.trimAll */

static void trim(struct cursor *c)
{
    while (c->p < c->end && is_blank(*c->p))
        c->p++;
    while (c->end > c->p && is_blank(c->end[-1]))
        c->end--;
}

/* least..most digits; the number of digits read, 0 when it does not fit. */
static int digits(struct cursor *c, int least, int most, int64_t *out)
{
    int n = 0;
    *out = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
        if (n == most)
            return 0;
        *out = *out * 10 + (*c->p++ - '0');
        n++;
    }
    return n >= least ? n : 0;
}

static bool take(struct cursor *c, char wanted)
{
    if (c->p >= c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

/* [+-]yyyy[yyy][-[m]m[-[d]d]] ; leaves the cursor behind it. */
static bool read_date(struct cursor *c, int year_digits_most, int32_t *days)
{
    int64_t year, month = 1, day = 1;
    bool    negative = take(c, '-');
    if (!negative)
        take(c, '+');
    if (!digits(c, 4, year_digits_most, &year))
        return false;
    if (take(c, '-')) {
        if (!digits(c, 1, 2, &month))
            return false;
        if (take(c, '-') && !digits(c, 1, 2, &day))
            return false;
    }
    if (negative)
        year = -year;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, (int)month))
        return false;
    int64_t d = days_from_civil(year, (int)month, (int)day);
    if (d < INT32_MIN || d > INT32_MAX)
        return false;
    *days = (int32_t)d;
    return true;
}

bool date_parse(const char *text, size_t n, int32_t *days)
{
    struct cursor c = {text, text + n};
    trim(&c);
    const char *start = c.p;
    if (!read_date(&c, 7, days))
        return false;
    if (c.p == c.end)
        return true;
    /* only a full date may be followed by anything, and that is ignored: "2024-01-02T.." or "2024-01-02 .." */
    int dashes = 0;
    for (const char *p = start + 1; p < c.p; p++)
        dashes += *p == '-';
    return dashes == 2 && (*c.p == 'T' || *c.p == ' ');
}

/* What stands behind the clock: Z, +hh:mm at once, any other name of a zone as text/zone has it. */
static bool read_zone(struct cursor *c, struct zone *zone)
{
    while (c->p < c->end && (unsigned char)*c->p <= ' ')
        c->p++;
    *zone = (struct zone){0};
    return (c->end - c->p == 1 && *c->p == 'Z') || zone_find(c->p, (size_t)(c->end - c->p), zone, NULL) == OK;
}

/* h[h][:m[m][:s[s][.f..]]]; a zone may follow the seconds only. */
static bool read_clock(struct cursor *c, int64_t *us)
{
    int64_t h, m = 0, s = 0, fraction = 0;
    if (!digits(c, 1, 2, &h))
        return false;
    bool minutes = take(c, ':'), seconds = false;
    if (minutes && !digits(c, 1, 2, &m))
        return false;
    if (minutes && (seconds = take(c, ':'))) {
        if (!digits(c, 1, 2, &s))
            return false;
        if (take(c, '.')) { /* digits beyond microseconds are cut */
            int n = 0;
            for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, n++)
                if (n < 6)
                    fraction = fraction * 10 + (*c->p - '0');
            for (; n < 6; n++)
                fraction *= 10;
        }
    }
    if (h > 23 || m > 59 || s > 59 || (!seconds && c->p < c->end))
        return false;
    *us = (h * 3600 + m * 60 + s) * US_PER_SECOND + fraction;
    return true;
}

/* The sum in microseconds; false beyond 64 bits. The days alone may be beyond. */
static bool in_range(int64_t days, int64_t rest_us, int64_t *us)
{
    __int128 sum = (__int128)days * US_PER_DAY + rest_us;
    *us = (int64_t)sum;
    return *us == sum;
}

bool timestamp_parse(const char *text, size_t n, int64_t now_us, int64_t *us)
{
    struct cursor c = {text, text + n};
    struct zone   zone = {0};
    int64_t       clock_us = 0, ignored;
    int32_t       days = 0;
    trim(&c);
    if (c.p == c.end)
        return false;
    struct cursor first = c;
    bool          today = c.p == text && take(&c, 'T'); /* not behind blanks */
    if (!today && digits(&first, 1, 2, &ignored) && first.p < first.end && *first.p == ':')
        today = true;
    if (!today) {
        const char *start = c.p;
        if (!read_date(&c, 6, &days))
            return false;
        int dashes = 0;
        for (const char *p = start + 1; p < c.p; p++)
            dashes += *p == '-';
        if (c.p == c.end)
            return in_range(days, 0, us);
        if (dashes != 2 || (*c.p != 'T' && *c.p != ' '))
            return false;
        c.p++;
    }
    if (!read_clock(&c, &clock_us) || (c.p < c.end && !read_zone(&c, &zone)))
        return false;
    if (today)
        days = (int32_t)floor_div(now_us + zone_at(&zone, now_us).offset_us, US_PER_DAY);
    if (!zone.rules)
        return in_range(days, clock_us - zone.offset_us, us);
    return in_range(days, clock_us, us) && in_range(days, clock_us - zone_at_local(&zone, *us).offset_us, us);
}

/* ---- printing ---- */

static int print_date(int64_t days, char *out, size_t size)
{
    int64_t year;
    int     month, day;
    civil_from_days(days, &year, &month, &day);
    const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    return snprintf(out, size, "%s%04lld-%02d-%02d", sign, (long long)(year < 0 ? -year : year), month, day);
}

size_t date_print(int32_t days, char out[TIME_TEXT_MAX]) { return (size_t)print_date(days, out, TIME_TEXT_MAX); }

static int print_clock(int64_t us, char separator, char *out, size_t size)
{
    int64_t of_day = floor_mod(us, US_PER_DAY), seconds = of_day / US_PER_SECOND;
    int     n = print_date(floor_div(us, US_PER_DAY), out, size);
    return n + snprintf(out + n, size - (size_t)n, "%c%02d:%02d:%02d", separator, (int)(seconds / 3600),
                        (int)(seconds / 60 % 60), (int)(seconds % 60));
}

size_t timestamp_print(int64_t us, char out[TIME_TEXT_MAX])
{
    int     n = print_clock(us, ' ', out, TIME_TEXT_MAX);
    int64_t fraction = floor_mod(us, US_PER_SECOND);
    if (fraction) {
        n += snprintf(out + n, TIME_TEXT_MAX - (size_t)n, ".%06d", (int)fraction);
        while (out[n - 1] == '0')
            out[--n] = 0;
    }
    return (size_t)n;
}

size_t timestamp_print_iso_ms(int64_t us, char out[TIME_TEXT_MAX])
{
    int n = print_clock(us, 'T', out, TIME_TEXT_MAX);
    return (size_t)(n +
                    snprintf(out + n, TIME_TEXT_MAX - (size_t)n, ".%03dZ", (int)(floor_mod(us, US_PER_SECOND) / 1000)));
}
