/* SPDX-License-Identifier: MIT */
/* Times by pattern (time_pattern.h; x->detail is the pattern), and rows as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "expr/kernel_tools.h"
#include "expr/time_pattern.h"
#include "text/base64.h"
#include "text/decimal.h"
#include "text/number.h"
#include "text/time.h"
#include "json/write.h"

static bool date_format_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    time_pattern_print(x->detail, column_i64(args[0].c)[i * args[0].step], &w->text);
    return true;
}
TEXT_KERNEL(k_date_format, date_format_row)

static struct column *read_times(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                 bool try_, int64_t unit)
{
    STRICT_BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        if (IS_NULL_AT(i))
            continue;
        struct text t = text_at(args, i);
        int64_t     us = 0;
        if (time_pattern_read(x->detail, (const char *)t.p, t.n, &us)) {
            out[i] = us / unit; /* Java division: towards zero */
        } else if (!try_) {
            FAIL_ROW(i, "[CANNOT_PARSE_TIMESTAMP] the text '%.*s' does not follow the pattern",
                     (int)(t.n < 60 ? t.n : 60), (const char *)t.p);
        } else if (!expr__set_null(&valid, n, i, &n_nulls)) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
    }
    STRICT_END(x->type);
}

struct column *k_read_time(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return read_times(ev, x, args, n, false, 1);
}

struct column *k_try_read_time(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return read_times(ev, x, args, n, true, 1);
}

struct column *k_read_unix(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return read_times(ev, x, args, n, false, US_PER_SECOND);
}

static bool from_unixtime_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    int64_t seconds = column_i64(args[0].c)[i * args[0].step]; /* Java's long multiplication: wraps */
    time_pattern_print(x->detail, (int64_t)((uint64_t)seconds * (uint64_t)US_PER_SECOND), &w->text);
    return true;
}
TEXT_KERNEL(k_from_unixtime, from_unixtime_row)

struct column *k_unix_timestamp(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *a = args[0].c->values;
    STRICT_BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = a[i * args[0].step] / US_PER_SECOND;
    STRICT_END(x->type);
}

/* ---- to_json ---- */

static void put_text_number(struct json_writer *w, const char *text, bool quoted)
{
    if (quoted)
        json_put_string(w, text);
    else
        json_put_raw(w, text);
}

static void put_time(struct json_writer *w, int64_t us)
{
    static const char   pattern[] = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
    struct time_pattern p;
    struct buf          text;
    const char         *why;
    buf_init(&text, TAG_BATCH, 200);
    if (time_pattern_parse(pattern, sizeof pattern - 1, false, &p, &why))
        time_pattern_print(&p, us, &text);
    json_put_string(w, buf_text(&text));
    buf_fini(&text);
}

static void put_bytes(struct json_writer *w, const uint8_t *bytes, uint32_t n)
{
    struct buf text;
    buf_init(&text, TAG_BATCH, COLUMN_BYTES_MAX);
    base64_encode(bytes, n, &text);
    json_put_string_n(w, text.data, text.size);
    w->out->failed = w->out->failed || text.failed;
    buf_fini(&text);
}

static void put_json(struct json_writer *w, const struct column *c, size_t i);

/* Fields that are NULL are left out, as Spark's default is. */
static void put_struct(struct json_writer *w, const struct column *c, size_t i)
{
    json_begin_object(w);
    for (size_t f = 0; f < c->type->n_fields; f++)
        if (column_is_valid(c->children[f], i) && c->children[f]->type->kind != TYPE_NULL) {
            json_key(w, c->type->fields[f].name);
            put_json(w, c->children[f], i);
        }
    json_end_object(w);
}

static void put_or_null(struct json_writer *w, const struct column *c, size_t i)
{
    if (column_is_valid(c, i) && c->type->kind != TYPE_NULL)
        put_json(w, c, i);
    else
        json_put_null(w);
}

/* Keys are texts, whole numbers or truth values (expr__bind_to_json); NULL values stay, as in Spark. */
static void put_map(struct json_writer *w, const struct column *c, size_t i)
{
    const struct column *keys = c->children[0];
    json_begin_object(w);
    for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++) {
        char           text[32];
        uint32_t       n;
        const uint8_t *bytes = keys->type->kind == TYPE_STRING ? column_bytes(keys, k, &n) : NULL;
        if (bytes) {
            json_key_n(w, bytes, n);
        } else {
            int64_t v = column_integer(keys, k);
            snprintf(text, sizeof text, "%lld", (long long)v);
            json_key(w, keys->type->kind != TYPE_BOOLEAN ? text : v ? "true" : "false");
        }
        put_or_null(w, c->children[1], k);
    }
    json_end_object(w);
}

static void put_json(struct json_writer *w, const struct column *c, size_t i)
{
    char           text[TIME_TEXT_MAX + NUMBER_TEXT_MAX]; /* more than DECIMAL_TEXT_MAX */
    uint32_t       n;
    const uint8_t *bytes;
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
        json_put_bool(w, column_u8(c)[i]);
        break;
    case TYPE_FLOAT:
        float_print(((const float *)c->values)[i], text);
        put_text_number(w, text, !isfinite(((const float *)c->values)[i]));
        break;
    case TYPE_DOUBLE:
        double_print(column_f64(c)[i], text);
        put_text_number(w, text, !isfinite(column_f64(c)[i]));
        break;
    case TYPE_STRING:
        bytes = column_bytes(c, i, &n);
        json_put_string_n(w, bytes, n);
        break;
    case TYPE_BINARY:
        bytes = column_bytes(c, i, &n);
        put_bytes(w, bytes, n);
        break;
    case TYPE_DATE:
        date_print(column_i32(c)[i], text);
        json_put_string(w, text);
        break;
    case TYPE_TIMESTAMP:
        put_time(w, column_i64(c)[i]);
        break;
    case TYPE_STRUCT:
        put_struct(w, c, i);
        break;
    case TYPE_ARRAY:
        json_begin_array(w);
        for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++) {
            put_or_null(w, c->children[0], k);
        }
        json_end_array(w);
        break;
    case TYPE_MAP:
        put_map(w, c, i);
        break;
    case TYPE_DECIMAL:
        decimal_print((struct decimal){((const int128 *)c->values)[i], c->type->scale}, text);
        json_put_raw(w, text);
        break;
    default:
        json_put_int(w, column_integer(c, (uint32_t)i));
        break;
    }
}

static bool to_json_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct json_writer json;
    (void)x;
    json_writer_init(&json, &w->text);
    put_json(&json, args[0].c, i * args[0].step);
    return true;
}
TEXT_KERNEL(k_to_json, to_json_row)
