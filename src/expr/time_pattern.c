/* SPDX-License-Identifier: MIT */
#include "expr/time_pattern.h"

#include <strings.h>

#include "text/time.h"
#include "text/zone.h"

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const days[] = {"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"};

/* ---- patterns ---- */

static int count_max(char letter, bool read)
{
    switch (letter) {
    case 'y':
        return 6;
    case 'M':
        return 4;
    case 'L':
    case 'E':
    case 'G':
    case 'Q':
    case 'q':
    case 'z':
        return read ? 0 : 4;
    case 'd':
    case 'H':
    case 'h':
    case 'k':
    case 'K':
    case 'm':
    case 's':
        return 2;
    case 'D':
        return 3;
    case 'S':
        return 9;
    case 'a':
        return 1;
    case 'F':
    case 'O':
        return read ? 0 : 1;
    case 'X':
    case 'x':
        return 3;
    case 'Z':
        return read ? 3 : 5;
    case 'V':
        return 2;
    default:
        return 0;
    }
}

static bool add(struct time_pattern *out, char letter, char literal, int count)
{
    if (out->n == TIME_PATTERN_MAX)
        return false;
    out->items[out->n++] = (struct time_pattern_item){letter, literal, count};
    return true;
}

/* Quoted text at text[*at], the quote; '' within is a quote, and so is '' alone. */
static bool quoted(const char *text, size_t n, size_t *at, struct time_pattern *out)
{
    size_t from = ++*at;
    for (; *at < n; ++*at) {
        if (text[*at] == '\'' && (*at + 1 == n || text[*at + 1] != '\'')) {
            bool ok = *at > from || add(out, 0, '\'', 1);
            ++*at;
            return ok;
        }
        *at += text[*at] == '\'';
        if (!add(out, 0, text[*at], 1))
            return false;
    }
    return false;
}

bool time_pattern_parse(const char *text, size_t n, bool read, struct time_pattern *out, const char **why)
{
    int depth = 0;
    out->n = 0;
    *why = "it is too long, or a quote or bracket is not closed";
    for (size_t i = 0; i < n;) {
        char   c = text[i];
        size_t run = 1;
        if (c == '\'') {
            if (!quoted(text, n, &i, out))
                return false;
            continue;
        }
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            while (i + run < n && text[i + run] == c)
                run++;
            *why = "it has a letter, or so many of it, that is not supported";
            if ((int)run > count_max(c, read) || (c == 'V' && run != 2))
                return false;
        } else if (c == '#' || c == '{' || c == '}') {
            *why = "#, { and } are reserved";
            return false;
        }
        *why = "it is too long, or a quote or bracket is not closed";
        depth += (c == '[') - (c == ']');
        bool literal = !(c == '[' || c == ']' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
        if (depth < 0 || !add(out, literal ? 0 : c, c, (int)run))
            return false;
        i += run;
    }
    return depth == 0;
}

/* ---- writing ---- */

struct moment {
    int64_t us, days, year;
    int     month, day, hour, minute, second;
    int64_t micros;
};

static struct moment moment_of(int64_t us)
{
    struct moment m = {.us = us, .days = floor_div(us, US_PER_DAY)};
    int64_t       rest = us - m.days * US_PER_DAY;
    civil_from_days(m.days, &m.year, &m.month, &m.day);
    m.micros = rest % US_PER_SECOND;
    m.second = (int)(rest / US_PER_SECOND % 60);
    m.minute = (int)(rest / US_PER_SECOND / 60 % 60);
    m.hour = (int)(rest / US_PER_SECOND / 3600);
    return m;
}

static void put_name(const char *name, bool whole, struct buf *out) { buf_put(out, name, whole ? strlen(name) : 3); }

static void put_year(int64_t year, int count, struct buf *out)
{
    int64_t plain = count == 4 ? 10000 : count == 5 ? 100000 : 1000000; /* from here on with a sign */
    if (count == 2) {
        buf_digits(out, (uint64_t)floor_mod(year, 100), 2);
        return;
    }
    if (year < 0)
        buf_u8(out, '-');
    else if (count >= 4 && year >= plain)
        buf_u8(out, '+');
    buf_digits(out, (uint64_t)(year < 0 ? -year : year), count);
}

static void put_zone(char letter, int count, struct buf *out)
{
    static const char *const x[] = {"+00", "+0000", "+00:00"};
    switch (letter) {
    case 'X':
        buf_puts(out, "Z");
        break;
    case 'x':
        buf_puts(out, x[count - 1]);
        break;
    case 'Z':
        buf_puts(out, count < 4 ? "+0000" : count == 4 ? "GMT" : "Z");
        break;
    case 'O':
        buf_puts(out, "GMT");
        break;
    default:
        buf_puts(out, letter == 'z' && count == 4 ? "Coordinated Universal Time" : "UTC");
        break;
    }
}

static void put_quarter(int quarter, int count, struct buf *out)
{
    static const char *const ordinals[] = {"1st", "2nd", "3rd", "4th"};
    if (count < 3)
        buf_digits(out, (uint64_t)quarter, count);
    else if (count == 3)
        buf_printf(out, "Q%d", quarter);
    else
        buf_printf(out, "%s quarter", ordinals[quarter - 1]);
}

static void put_fraction(int64_t micros, int count, struct buf *out)
{
    size_t before = out->size;
    buf_digits(out, (uint64_t)micros * 1000, 9);
    if (!out->failed)
        out->size = before + (size_t)count;
}

static void put_item(const struct time_pattern_item *item, const struct moment *m, bool era, struct buf *out)
{
    int count = item->count;
    switch (item->letter) {
    case 0:
        buf_u8(out, (uint8_t)item->literal);
        break;
    case 'G':
        buf_puts(out, count < 4 ? (m->year > 0 ? "AD" : "BC") : m->year > 0 ? "Anno Domini" : "Before Christ");
        break;
    case 'y':
        put_year(era && m->year <= 0 ? 1 - m->year : m->year, count, out);
        break;
    case 'M':
    case 'L':
        if (count > 2)
            put_name(months[m->month - 1], count == 4, out);
        else
            buf_digits(out, (uint64_t)(m->month), count);
        break;
    case 'd':
        buf_digits(out, (uint64_t)(m->day), count);
        break;
    case 'D':
        buf_digits(out, (uint64_t)((int)(m->days - days_from_civil(m->year, 1, 1)) + 1), count);
        break;
    case 'E':
        put_name(days[floor_mod(m->days, 7)], count == 4, out);
        break;
    case 'F':
        buf_digits(out, (uint64_t)((m->day - 1) % 7 + 1), 1);
        break;
    case 'a':
        buf_puts(out, m->hour < 12 ? "AM" : "PM");
        break;
    case 'H':
        buf_digits(out, (uint64_t)(m->hour), count);
        break;
    case 'h':
        buf_digits(out, (uint64_t)((m->hour + 11) % 12 + 1), count);
        break;
    case 'K':
        buf_digits(out, (uint64_t)(m->hour % 12), count);
        break;
    case 'k':
        buf_digits(out, (uint64_t)(m->hour == 0 ? 24 : m->hour), count);
        break;
    case 'm':
        buf_digits(out, (uint64_t)(m->minute), count);
        break;
    case 's':
        buf_digits(out, (uint64_t)(m->second), count);
        break;
    case 'S':
        put_fraction(m->micros, count, out);
        break;
    case 'Q':
    case 'q':
        put_quarter((m->month + 2) / 3, count, out);
        break;
    case '[':
    case ']':
        break;
    default:
        put_zone(item->letter, count, out);
        break;
    }
}

void time_pattern_print(const struct time_pattern *p, int64_t us, struct buf *out)
{
    struct moment m = moment_of(us);
    bool          era = false;
    for (int i = 0; i < p->n; i++)
        era = era || p->items[i].letter == 'G';
    for (int i = 0; i < p->n; i++)
        put_item(&p->items[i], &m, era, out);
}

/* ---- reading ---- */

struct reading {
    const char *text;
    size_t      n, at;
    int64_t     year, value[128]; /* by letter; -1: not there */
    int64_t     fraction_us, offset_us;
    struct zone zone;
    bool        zoned; /* VV: it counts, whatever an offset says */
};

static bool is_digit(const struct reading *r, size_t at)
{
    return at < r->n && r->text[at] >= '0' && r->text[at] <= '9';
}

/* Between least and most digits, as many as there are. */
static bool read_number(struct reading *r, int least, int most, int64_t *out)
{
    size_t start = r->at;
    *out = 0;
    for (; is_digit(r, r->at) && (int)(r->at - start) < most; r->at++)
        *out = *out * 10 + (r->text[r->at] - '0');
    return (int)(r->at - start) >= least;
}

static bool is_number(const struct time_pattern_item *item)
{
    return item->letter && (strchr("ydHhkKmsSD", item->letter) || (item->letter == 'M' && item->count < 3));
}

/* Digits that the fixed-width numbers right behind item i will need. */
static int reserved(const struct time_pattern *p, int i)
{
    int digits = 0;
    for (i++; i < p->n && is_number(&p->items[i]) && p->items[i].letter != 'S'; i++) {
        if (p->items[i].count != 2)
            break;
        digits += 2;
    }
    return digits;
}

static int digits_there(const struct reading *r)
{
    size_t at = r->at;
    while (is_digit(r, at))
        at++;
    return (int)(at - r->at);
}

static bool read_year(struct reading *r, const struct time_pattern *p, int i)
{
    int  count = p->items[i].count;
    char sign = r->at < r->n && (r->text[r->at] == '-' || r->text[r->at] == '+') ? r->text[r->at] : 0;
    if (count == 2) {
        bool ok = read_number(r, 2, 2, &r->year);
        r->year += 2000;
        return ok;
    }
    if (sign == '+' && count < 4)
        return false;
    r->at += sign != 0;
    int    most = digits_there(r) - reserved(p, i);
    size_t from = r->at;
    if (most > 9 || !read_number(r, count, most, &r->year))
        return false;
    int length = (int)(r->at - from);
    if (count >= 4 && (sign == '+' ? length <= count : sign == 0 && length > count))
        return false;
    r->year = sign == '-' ? -r->year : r->year;
    return true;
}

static bool read_name(struct reading *r, const char *const *names, int n_names, bool whole, int64_t *out)
{
    for (int k = 0; k < n_names; k++) {
        size_t n = whole ? strlen(names[k]) : 3;
        if (r->at + n <= r->n && strncasecmp(r->text + r->at, names[k], n) == 0) {
            *out = k;
            r->at += n;
            return true;
        }
    }
    return false;
}

/* X: Z, +02, +0200, +02:00 by count; x and Z: without the Z. */
static bool read_offset(struct reading *r, char letter, int count)
{
    int64_t hours, minutes = 0;
    if (letter == 'X' && r->at < r->n && (r->text[r->at] == 'Z' || r->text[r->at] == 'z')) {
        r->at++;
        r->offset_us = 0;
        return true;
    }
    if (r->at >= r->n || (r->text[r->at] != '+' && r->text[r->at] != '-'))
        return false;
    bool minus = r->text[r->at++] == '-', colon = letter != 'Z' && count == 3;
    if (!read_number(r, 2, 2, &hours))
        return false;
    bool more = letter == 'Z' || count > 1 || is_digit(r, r->at);
    if (more && colon && (r->at >= r->n || r->text[r->at++] != ':'))
        return false;
    if (more && !read_number(r, 2, 2, &minutes))
        return false;
    r->offset_us = (hours * 60 + minutes) * 60 * US_PER_SECOND * (minus ? -1 : 1);
    return hours <= 18 && minutes < 60 && (hours < 18 || minutes == 0);
}

static bool read_fraction(struct reading *r, int count)
{
    size_t  from = r->at;
    int64_t v;
    if (!read_number(r, 1, count, &v))
        return false;
    int digits = (int)(r->at - from);
    for (; digits < 6; digits++)
        v *= 10;
    for (; digits > 6; digits--)
        v /= 10;
    r->fraction_us = v;
    return true;
}

static bool read_item(struct reading *r, const struct time_pattern *p, int i)
{
    static const char *const        halves[] = {"AM", "PM"};
    const struct time_pattern_item *item = &p->items[i];
    int64_t                        *value = &r->value[(int)item->letter];
    switch (item->letter) {
    case 0:
        return r->at < r->n && strncasecmp(&r->text[r->at++], &item->literal, 1) == 0;
    case 'y':
        return read_year(r, p, i);
    case 'M':
        if (item->count > 2) {
            bool ok = read_name(r, months, 12, item->count == 4, value);
            ++*value;
            return ok;
        }
        break;
    case 'S':
        return read_fraction(r, item->count);
    case 'a':
        for (int half = 0; half < 2; half++)
            if (r->at + 2 <= r->n && strncasecmp(r->text + r->at, halves[half], 2) == 0) {
                *value = half;
                r->at += 2;
                return true;
            }
        return false;
    case 'X':
    case 'x':
    case 'Z':
        return read_offset(r, item->letter, item->count);
    case 'V': {
        size_t n = zone_read(r->text + r->at, r->n - r->at, &r->zone);
        r->at += n;
        r->zoned = n > 0;
        return n > 0;
    }
    default:
        break;
    }
    int most = item->letter == 'D' ? 3 : item->count == 1 ? digits_there(r) - reserved(p, i) : item->count;
    return read_number(r, item->count, most > 9 ? 9 : most, value);
}

static int closing(const struct time_pattern *p, int i)
{
    for (int depth = 0; i < p->n; i++) {
        depth += (p->items[i].letter == '[') - (p->items[i].letter == ']');
        if (depth == 0)
            return i;
    }
    return p->n;
}

/* An optional part is taken when it can be read, as a whole. */
static bool read_items(struct reading *r, const struct time_pattern *p, int from, int to)
{
    for (int i = from; i < to; i++) {
        if (p->items[i].letter == '[') {
            int            end = closing(p, i);
            struct reading before = *r;
            if (!read_items(r, p, i + 1, end))
                *r = before;
            i = end;
        } else if (p->items[i].letter != ']' && !read_item(r, p, i)) {
            return false;
        }
    }
    return true;
}

static int64_t given(const struct reading *r, char letter, int64_t otherwise)
{
    int64_t v = r->value[(int)letter];
    return v < 0 ? otherwise : v;
}

static bool hour_of(const struct reading *r, int64_t *hour)
{
    int64_t half = given(r, 'a', 0);
    if (r->value['H'] >= 0)
        *hour = r->value['H'];
    else if (r->value['k'] >= 0)
        *hour = r->value['k'] == 0 || r->value['k'] > 24 ? 99 : r->value['k'] % 24;
    else if (r->value['h'] >= 0)
        *hour = r->value['h'] == 0 || r->value['h'] > 12 ? 99 : r->value['h'] % 12 + half * 12;
    else
        *hour = r->value['K'] > 11 ? 99 : given(r, 'K', 0) + half * 12;
    return *hour < 24;
}

bool time_pattern_read(const struct time_pattern *p, const char *text, size_t n, int64_t *us)
{
    struct reading r = {.text = text, .n = n, .year = 1970};
    int64_t        hour, day;
    memset(r.value, 0xff, sizeof r.value);
    if (!read_items(&r, p, 0, p->n) || r.at != n)
        return false;
    int64_t month = given(&r, 'M', 1), of_month = given(&r, 'd', 1), minute = given(&r, 'm', 0),
            second = given(&r, 's', 0);
    if (month < 1 || month > 12 || of_month < 1 || of_month > days_in_month(r.year, (int)month) || minute > 59 ||
        second > 59 || !hour_of(&r, &hour))
        return false;
    day = days_from_civil(r.year, (int)month, (int)of_month);
    if (r.value['D'] >= 0 && r.value['M'] < 0) {
        if (r.value['D'] < 1 || r.value['D'] > days_from_civil(r.year + 1, 1, 1) - days_from_civil(r.year, 1, 1))
            return false;
        day = days_from_civil(r.year, 1, 1) + r.value['D'] - 1;
    }
    int64_t clock_us = ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + r.fraction_us;
    if (__builtin_mul_overflow(day, US_PER_DAY, us) || __builtin_add_overflow(*us, clock_us, us))
        return false;
    return !__builtin_sub_overflow(*us, r.zoned ? zone_at_local(&r.zone, *us).offset_us : r.offset_us, us);
}
