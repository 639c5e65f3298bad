/* SPDX-License-Identifier: MIT */
#include "text/tzif.h"

#include <string.h>

#include "base/alloc.h"
#include "text/time.h"

#define HEADER_BYTES 44
#define TYPES_MAX 256
#define SECONDS_MAX ((int64_t)1000000000000) /* of a change, either way from 1970: 31,000 years */
#define OFFSET_MAX_S (26 * 3600)             /* RFC 9636, 3.2: -25 to +26 hours, without the ends */
#define YEARS_OF_RULE 402                    /* a whole period behind the last change of the file, whatever its month */

/* ---- bytes ---- */

static int64_t big_endian(const uint8_t *p, int n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* A header and the block behind it. */
struct block {
    uint8_t        version;
    uint64_t       n_isut, n_isstd, n_leap, n_time, n_type, n_char;
    const uint8_t *times, *indexes, *types, *end;
};

/* times: bytes of a moment, 4 or 8. */
static bool read_block(const uint8_t *p, const uint8_t *end, unsigned time_bytes, struct block *b)
{
    uint64_t *counts[] = {&b->n_isut, &b->n_isstd, &b->n_leap, &b->n_time, &b->n_type, &b->n_char};
    if (end - p < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return false;
    b->version = p[4];
    for (int i = 0; i < 6; i++)
        *counts[i] = (uint64_t)big_endian(p + 20 + 4 * i, 4) & UINT32_MAX;
    p += HEADER_BYTES;
    uint64_t size = b->n_time * (time_bytes + 1) + b->n_type * 6 + b->n_char + b->n_leap * (time_bytes + 4) +
                    b->n_isstd + b->n_isut;
    if (size > (uint64_t)(end - p))
        return false;
    b->times = p;
    b->indexes = b->times + b->n_time * time_bytes;
    b->types = b->indexes + b->n_time;
    b->end = p + size;
    return true;
}

/* ---- the rules being made ---- */

struct maker {
    struct zone_rules *rules;
    int64_t           *at_us, *local_us, *offsets_us;
};

static struct zone_rules *rules_new(uint64_t most, struct maker *m)
{
    m->rules = mem_zalloc(TAG_PROCESS, sizeof *m->rules + (3 * most + 1) * sizeof(int64_t));
    if (!m->rules)
        return NULL;
    m->at_us = (int64_t *)(m->rules + 1);
    m->local_us = m->at_us + most;
    m->offsets_us = m->local_us + most;
    m->rules->at_us = m->at_us;
    m->rules->local_us = m->local_us;
    m->rules->offsets_us = m->offsets_us;
    return m->rules;
}

/*
 * Behind a gap (the clock goes forward) local times of the gap keep the offset before it, and so do those of an
 * overlap (it goes back): java.time moves the first forward and takes the earlier of two moments for the second.
 * So the change is there for local times from the greater of both offsets on.
 */
static bool push(struct maker *m, int64_t at_us, int64_t offset_us)
{
    uint32_t *n = &m->rules->n;
    if (*n && m->at_us[*n - 1] > at_us)
        return false;
    if (*n && m->at_us[*n - 1] == at_us) /* a rule that ends where it begins again */
        --*n;
    int64_t before = m->offsets_us[*n];
    if (before == offset_us)
        return true;
    int64_t local = at_us + (before > offset_us ? before : offset_us);
    m->at_us[*n] = at_us;
    m->local_us[*n] = *n && m->local_us[*n - 1] > local ? m->local_us[*n - 1] : local;
    m->offsets_us[++*n] = offset_us;
    return true;
}

static bool push_file(struct maker *m, const struct block *b)
{
    int64_t before = INT64_MIN, offset;
    for (uint64_t i = 0; i <= b->n_time; i++) {
        unsigned type = i ? b->indexes[i - 1] : 0; /* before the first change type 0 holds */
        if (type >= b->n_type)
            return false;
        offset = big_endian(b->types + 6 * type, 4);
        if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S)
            return false;
        int64_t at = i ? big_endian(b->times + 8 * (i - 1), 8) : INT64_MIN;
        if (i && (at <= before || at > SECONDS_MAX) && !(i == 1 && at == INT64_MIN))
            return false;
        before = at;
        if (at < -SECONDS_MAX) /* "since ever" */
            m->offsets_us[0] = offset * US_PER_SECOND;
        else if (!push(m, at * US_PER_SECOND, offset * US_PER_SECOND))
            return false;
    }
    return true;
}

/* ---- the footer: CET-1CEST,M3.5.0,M10.5.0/3 ---- */

struct text {
    const char *p, *end;
};

/* When a rule acts in a year: Jn, n or Mm.w.d, and the time of that day in seconds. */
struct rule {
    char    kind;
    int64_t month, week, day, seconds;
};

static bool take(struct text *t, char c)
{
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

static bool number(struct text *t, int64_t least, int64_t most, int64_t *out)
{
    const char *start = t->p;
    for (*out = 0; t->p < t->end && *t->p >= '0' && *t->p <= '9' && t->p - start < 4; t->p++)
        *out = *out * 10 + (*t->p - '0');
    return t->p > start && *out >= least && *out <= most;
}

/* Letters, or anything between < and >. */
static bool skip_name(struct text *t)
{
    const char *start = t->p;
    if (take(t, '<')) {
        while (t->p < t->end && *t->p != '>')
            t->p++;
        return take(t, '>');
    }
    while (t->p < t->end && ((*t->p >= 'a' && *t->p <= 'z') || (*t->p >= 'A' && *t->p <= 'Z')))
        t->p++;
    return t->p - start >= 3;
}

/* [+-]h[hh][:mm[:ss]] */
static bool clock_time(struct text *t, int64_t hours_max, int64_t *seconds)
{
    int64_t h, m = 0, s = 0;
    bool    negative = take(t, '-');
    if (!negative)
        take(t, '+');
    if (!number(t, 0, hours_max, &h) ||
        (take(t, ':') && (!number(t, 0, 59, &m) || (take(t, ':') && !number(t, 0, 59, &s)))))
        return false;
    *seconds = (h * 3600 + m * 60 + s) * (negative ? -1 : 1);
    return true;
}

static bool read_rule(struct text *t, struct rule *r)
{
    bool ok;
    if (!take(t, ','))
        return false;
    r->kind = take(t, 'M') ? 'M' : take(t, 'J') ? 'J' : 'n';
    if (r->kind == 'M')
        ok = number(t, 1, 12, &r->month) && take(t, '.') && number(t, 1, 5, &r->week) && take(t, '.') &&
             number(t, 0, 6, &r->day);
    else
        ok = number(t, r->kind == 'J', 365, &r->day);
    r->seconds = 7200;
    return ok && (!take(t, '/') || clock_time(t, 167, &r->seconds));
}

static int64_t rule_moment_s(const struct rule *r, int64_t year, int64_t offset_s)
{
    int64_t days;
    if (r->kind == 'M') {
        int     month = (int)r->month;
        int64_t first = days_from_civil(year, month, 1);
        days = first + floor_mod(r->day - floor_mod(first + 4, 7), 7) + 7 * (r->week - 1); /* 1970-01-01: Thursday */
        if (days >= first + days_in_month(year, month))
            days -= 7;
    } else if (r->kind == 'J') { /* February 29 is never counted */
        days = days_from_civil(year, 1, 1) + r->day - 1 + (r->day >= 60 && days_in_month(year, 2) == 29);
    } else {
        days = days_from_civil(year, 1, 1) + r->day;
    }
    return days * 86400 + r->seconds - offset_s;
}

static bool push_later(struct maker *m, int64_t after_us, int64_t at_s, int64_t offset_s)
{
    return at_s * US_PER_SECOND <= after_us || push(m, at_s * US_PER_SECOND, offset_s * US_PER_SECOND);
}

static bool push_footer(struct maker *m, struct text t)
{
    int64_t     standard, summer;
    struct rule begin, end;
    if (t.p == t.end) /* nothing is known about the future: the last offset stays */
        return true;
    if (!skip_name(&t) || !clock_time(&t, 24, &standard))
        return false;
    standard = -standard; /* POSIX counts west of Greenwich */
    if (t.p == t.end)
        return true;
    if (!skip_name(&t))
        return false;
    summer = standard + 3600;
    if (t.p < t.end && *t.p != ',') {
        if (!clock_time(&t, 24, &summer))
            return false;
        summer = -summer;
    }
    if (!read_rule(&t, &begin) || !read_rule(&t, &end) || t.p != t.end)
        return false;
    uint32_t n = m->rules->n;
    int64_t  after = n ? m->at_us[n - 1] : INT64_MIN, year = 1970;
    int      month, day;
    if (n)
        civil_from_days(floor_div(after, US_PER_DAY), &year, &month, &day);
    for (int64_t y = year; y < year + YEARS_OF_RULE; y++) {
        int64_t b = rule_moment_s(&begin, y, standard), e = rule_moment_s(&end, y, summer);
        if ((b < e && !push_later(m, after, b, summer)) || !push_later(m, after, e, standard) ||
            (b >= e && !push_later(m, after, b, summer)))
            return false;
    }
    m->rules->repeats = m->rules->n > n;
    return true;
}

/* ---- files ---- */

/* The text between the last two newlines of the file. */
static bool find_footer(const uint8_t *p, const uint8_t *end, struct text *t)
{
    if (end - p < 2 || *p != '\n' || end[-1] != '\n')
        return false;
    t->p = (const char *)p + 1;
    t->end = (const char *)end - 1;
    return memchr(t->p, '\n', (size_t)(t->end - t->p)) == NULL;
}

enum err tzif_parse(const uint8_t *bytes, size_t n, struct zone_rules **out, struct error *e)
{
    struct block   first = {0}, b = {0};
    const uint8_t *end = bytes + n;
    struct text    footer;
    struct maker   m;
    *out = NULL;
    if (n < 4 || memcmp(bytes, "TZif", 4) != 0)
        return err_set(e, ERR_NOT_FOUND, "it is no time zone file");
    if (!read_block(bytes, end, 4, &first) || first.version < '2')
        return err_set(e, ERR_CORRUPT, "the time zone file is damaged, or older than version 2");
    if (n > TZIF_BYTES_MAX || !read_block(first.end, end, 8, &b) || b.n_type == 0 || b.n_type > TYPES_MAX ||
        b.n_leap != 0 || !find_footer(b.end, end, &footer))
        return err_set(e, ERR_CORRUPT, "the time zone file is damaged, or counts leap seconds");
    if (!rules_new(b.n_time + 2 * YEARS_OF_RULE, &m))
        return err_set(e, ERR_NO_MEMORY, "no memory for a time zone");
    if (!push_file(&m, &b) || !push_footer(&m, footer)) {
        mem_free(m.rules);
        return err_set(e, ERR_CORRUPT, "the time zone file is damaged");
    }
    *out = m.rules;
    return OK;
}
