/* SPDX-License-Identifier: MIT */
#include "sink/stats.h"

#include <math.h>
#include <string.h>

#include "text/decimal.h"
#include "text/time.h"
#include "text/utf8.h"
#include "json/write.h"

enum section { SECTION_MIN, SECTION_MAX, SECTION_NULLS };

/* Dates and timestamps outside of years 1 to 9999 have no text that every reader takes. */
#define DATE_MIN INT64_C(-719162)
#define DATE_MAX INT64_C(2932896)

static bool has_bound(const struct parquet_leaf *l)
{
    const int64_t day_us = INT64_C(86400000000);
    if (!l->has_range)
        return false;
    switch ((int)l->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_BINARY:
        return false;
    case TYPE_FLOAT:
    case TYPE_DOUBLE: /* JSON has neither NaN nor infinity */
        return !l->has_nan && isfinite(l->min_real) && isfinite(l->max_real);
    case TYPE_DATE:
        return l->min >= DATE_MIN && l->max <= DATE_MAX;
    case TYPE_TIMESTAMP: /* the last second is left out: the maximum is rounded up */
        return l->min >= DATE_MIN * day_us && l->max < (DATE_MAX + 1) * day_us - 1000000;
    default:
        return true;
    }
}

/* Bytes of the longest usable bound of a text maximum and the character that goes behind it, greater than any that
 * was cut. Characters without a greater one stay; false: there is no bound. */
static bool cut_maximum(const struct buf *value, size_t *cut, const char **tie)
{
    static const uint8_t highest[] = {0xf4, 0x8f, 0xbf, 0xbf};
    for (size_t n = STATS_TEXT_MAX; n < 2 * STATS_TEXT_MAX; n++) {
        *cut = utf8_offset(value->data, value->size, n);
        if (*cut == value->size) {
            *tie = "";
            return true;
        }
        if (value->size - *cut < sizeof highest || memcmp(value->data + *cut, highest, sizeof highest) != 0) {
            *tie = value->data[*cut] < 0x7f ? "\x7f" : "\xf4\x8f\xbf\xbf";
            return true;
        }
    }
    return false;
}

static bool has_text_bound(const struct parquet_leaf *l, bool max)
{
    size_t      cut;
    const char *tie;
    return !max || cut_maximum(&l->max_bytes, &cut, &tie);
}

static void put_text_bound(const struct parquet_leaf *l, bool max, struct json_writer *w)
{
    const struct buf *value = max ? &l->max_bytes : &l->min_bytes;
    struct buf        text;
    size_t            cut = utf8_offset(value->data, value->size, STATS_TEXT_MAX);
    const char       *tie = "";
    buf_init(&text, TAG_SINK, 1 << 20);
    if (max)
        cut_maximum(value, &cut, &tie);
    buf_put(&text, value->data, cut);
    buf_puts(&text, tie);
    json_put_string_n(w, text.data ? text.data : (const uint8_t *)"", text.size);
    w->out->failed = w->out->failed || text.failed;
    buf_fini(&text);
}

static void put_bound(const struct parquet_leaf *l, bool max, struct json_writer *w)
{
    char    text[TIME_TEXT_MAX + DECIMAL_TEXT_MAX];
    int64_t v = (int64_t)(max ? l->max : l->min);
    switch ((int)l->type->kind) {
    case TYPE_STRING:
        put_text_bound(l, max, w);
        break;
    case TYPE_DATE:
        date_print((int32_t)v, text);
        json_put_string(w, text);
        break;
    case TYPE_TIMESTAMP: /* whole milliseconds: down for min, up for max, so that both are bounds for every reader */
        timestamp_print_iso_ms(max ? -floor_div(-v, 1000) * 1000 : v, text);
        json_put_string(w, text);
        break;
    case TYPE_DECIMAL:
        decimal_print((struct decimal){max ? l->max : l->min, l->type->scale}, text);
        json_put_raw(w, text);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        json_put_double(w, max ? l->max_real : l->min_real);
        break;
    default:
        json_put_int(w, v);
        break;
    }
}

/* Leaves [from, to) share their first `depth` names; writes one object for them. */
static void put_section(const struct parquet_writer *p, int from, int to, int depth, enum section section,
                        struct json_writer *w)
{
    json_begin_object(w);
    for (int i = from; i < to;) {
        const struct parquet_leaf *l = parquet_writer_leaf(p, i);
        int                        end = i + 1;
        if (l->below_list) { /* readers skip by values of rows, not of elements */
            i++;
            continue;
        }
        if (l->depth > depth + 1) { /* a struct: all leaves below it */
            while (end < to && parquet_writer_leaf(p, end)->depth > depth &&
                   strcmp(parquet_writer_leaf(p, end)->path[depth], l->path[depth]) == 0)
                end++;
            json_key(w, l->path[depth]);
            put_section(p, i, end, depth + 1, section, w);
        } else if (section == SECTION_NULLS) {
            json_member_int(w, l->path[depth], l->n_nulls);
        } else if (has_bound(l) && (l->type->kind != TYPE_STRING || has_text_bound(l, section == SECTION_MAX))) {
            json_key(w, l->path[depth]);
            put_bound(l, section == SECTION_MAX, w);
        }
        i = end;
    }
    json_end_object(w);
}

void delta_stats_json(const struct parquet_writer *p, int64_t n_rows, struct buf *out)
{
    struct json_writer w;
    int                n = 0;
    while (n < STATS_LEAVES_MAX && parquet_writer_leaf(p, n))
        n++;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_int(&w, "numRecords", n_rows);
    json_key(&w, "minValues");
    put_section(p, 0, n, 0, SECTION_MIN, &w);
    json_key(&w, "maxValues");
    put_section(p, 0, n, 0, SECTION_MAX, &w);
    json_key(&w, "nullCount");
    put_section(p, 0, n, 0, SECTION_NULLS, &w);
    json_end_object(&w);
}
