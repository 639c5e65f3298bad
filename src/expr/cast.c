/* SPDX-License-Identifier: MIT */
/* CAST and TRY_CAST between all types of this step (Spark Cast.scala, ANSI). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expr/cast_priv.h"
#include "text/decimal.h"
#include "text/time.h"
#include "text/utf8.h"

#define CAST_TEXT_MAX (TIME_TEXT_MAX + DECIMAL_TEXT_MAX)

bool expr__can_cast(const struct type *from, const struct type *to)
{
    enum type_kind f = from->kind, t = to->kind;
    if (f == TYPE_NULL)
        return true;
    if (f == t && f >= TYPE_STRUCT)
        return expr__can_cast_parts(from, to);
    if (f == t)
        return true;
    if (t == TYPE_STRING && f >= TYPE_STRUCT)
        return true;
    if (f >= TYPE_STRUCT || t >= TYPE_STRUCT || f == TYPE_INTERVAL || t == TYPE_INTERVAL)
        return false;
    if (f == TYPE_STRING || t == TYPE_STRING)
        return true;
    if (f == TYPE_BINARY || t == TYPE_BINARY)
        return false;
    if (f == TYPE_DATE || t == TYPE_DATE)
        return f == TYPE_TIMESTAMP || t == TYPE_TIMESTAMP;
    return !((f == TYPE_TIMESTAMP && t == TYPE_BOOLEAN) || (f == TYPE_BOOLEAN && t == TYPE_TIMESTAMP));
}

void cast__fail(struct caster *c, uint32_t i, const char *class, const char *text, size_t n)
{
    if (!c->x->try_cast) {
        bool invalid = strcmp(class, "CAST_INVALID_INPUT") == 0;
        char to[24];
        snprintf(to, sizeof to, c->x->type->kind == TYPE_DECIMAL ? "%s(%d,%d)" : "%s", type_kind_name(c->x->type->kind),
                 c->x->type->precision, c->x->type->scale);
        c->ok = expr__fail(c->ev, i,
                           invalid ? "[%s] the value '%.*s' of %s cannot be cast to %s"
                                   : "[%s] the value %.*s of %s does not fit %s",
                           class, (int)(n < 60 ? n : 60), text, type_kind_name(c->from->type->kind), to) &&
                c->ok;
    }
    builder_null(&c->b);
}

/* ---- numbers ---- */

static bool fits(enum type_kind kind, int64_t v)
{
    switch ((int)kind) {
    case TYPE_TINYINT:
        return v >= INT8_MIN && v <= INT8_MAX;
    case TYPE_SMALLINT:
        return v >= INT16_MIN && v <= INT16_MAX;
    case TYPE_INT:
        return v >= INT32_MIN && v <= INT32_MAX;
    default:
        return true;
    }
}

void cast__put_integer(struct caster *c, int64_t v)
{
    switch ((int)c->x->type->kind) {
    case TYPE_TINYINT:
        builder_i8(&c->b, (int8_t)v);
        break;
    case TYPE_SMALLINT:
        builder_i16(&c->b, (int16_t)v);
        break;
    case TYPE_INT:
        builder_i32(&c->b, (int32_t)v);
        break;
    default:
        builder_i64(&c->b, v);
        break;
    }
}

static void integer_to(struct caster *c, uint32_t i, int64_t v)
{
    char text[NUMBER_TEXT_MAX];
    switch ((int)c->x->type->kind) {
    case TYPE_BOOLEAN:
        builder_boolean(&c->b, v != 0);
        return;
    case TYPE_FLOAT:
        builder_f32(&c->b, (float)v);
        return;
    case TYPE_DOUBLE:
        builder_f64(&c->b, (double)v);
        return;
    case TYPE_TIMESTAMP: /* seconds; saturates, as TimeUnit.SECONDS.toMicros */
        builder_i64(&c->b, v > INT64_MAX / 1000000 ? INT64_MAX : v < INT64_MIN / 1000000 ? INT64_MIN : v * 1000000);
        return;
    default:
        if (fits(c->x->type->kind, v))
            cast__put_integer(c, v);
        else
            cast__fail(c, i, "CAST_OVERFLOW", text, integer_print(v, text));
        return;
    }
}

static void real_to(struct caster *c, uint32_t i, double v)
{
    char    text[NUMBER_TEXT_MAX];
    double  whole = trunc(v);
    int64_t limit;
    switch ((int)c->x->type->kind) {
    case TYPE_BOOLEAN:
        builder_boolean(&c->b, v != 0);
        return;
    case TYPE_FLOAT:
        builder_f32(&c->b, (float)v);
        return;
    case TYPE_DOUBLE:
        builder_f64(&c->b, v);
        return;
    case TYPE_TIMESTAMP:
        if (!isfinite(v))
            cast__fail(c, i, "CAST_INVALID_INPUT", text, double_print(v, text));
        else if (!(v * 1e6 >= -9223372036854775808.0 && v * 1e6 < 9223372036854775808.0))
            cast__fail(c, i, "CAST_OVERFLOW", text, double_print(v, text));
        else
            builder_i64(&c->b, (int64_t)(v * 1e6));
        return;
    default:
        if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0) ||
            !fits(c->x->type->kind, limit = (int64_t)whole))
            cast__fail(c, i, "CAST_OVERFLOW", text, double_print(v, text));
        else
            cast__put_integer(c, limit);
        return;
    }
}

/* ---- from and to STRING ---- */

static void text_to(struct caster *c, uint32_t i, const char *text, size_t n)
{
    const char *bad = "CAST_INVALID_INPUT";
    int64_t     v;
    double      d;
    int32_t     days;
    bool        flag;
    switch ((int)c->x->type->kind) {
    case TYPE_BOOLEAN:
        if (boolean_parse(text, n, &flag) == PARSED_OK) {
            builder_boolean(&c->b, flag);
            return;
        }
        break;
    case TYPE_FLOAT:
        if (double_parse(text, n, &d) == PARSED_OK) {
            builder_f32(&c->b, (float)d);
            return;
        }
        break;
    case TYPE_DOUBLE:
        if (double_parse(text, n, &d) == PARSED_OK) {
            builder_f64(&c->b, d);
            return;
        }
        break;
    case TYPE_DATE:
        if (date_parse(text, n, &days)) {
            builder_i32(&c->b, days);
            return;
        }
        break;
    case TYPE_TIMESTAMP:
        if (timestamp_parse(text, n, c->ev->now_us, &v)) {
            builder_i64(&c->b, v);
            return;
        }
        break;
    case TYPE_BINARY:
        builder_bytes(&c->b, text, n);
        return;
    default:
        if (integer_parse(text, n, &v) == PARSED_OK && fits(c->x->type->kind, v)) {
            cast__put_integer(c, v);
            return;
        }
        break;
    }
    cast__fail(c, i, bad, text, n);
}

static void bytes_to_text(struct caster *c, const uint8_t *bytes, uint32_t n)
{
    struct buf repaired;
    if (utf8_is_valid(bytes, n)) {
        builder_bytes(&c->b, bytes, n);
        return;
    }
    buf_init(&repaired, TAG_BATCH, COLUMN_BYTES_MAX);
    utf8_repair(bytes, n, &repaired);
    builder_bytes(&c->b, repaired.data, repaired.size);
    c->b.failed = c->b.failed || repaired.failed;
    buf_fini(&repaired);
}

static int64_t integer_at(const struct column *c, size_t at)
{
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        return ((const int8_t *)c->values)[at];
    case TYPE_SMALLINT:
        return ((const int16_t *)c->values)[at];
    case TYPE_INT:
    case TYPE_DATE:
        return ((const int32_t *)c->values)[at];
    default:
        return ((const int64_t *)c->values)[at];
    }
}

/* A value that is neither text nor nested. */
static size_t print_scalar(const struct column *from, size_t at, char text[CAST_TEXT_MAX])
{
    size_t n;
    switch ((int)from->type->kind) {
    case TYPE_DECIMAL:
        n = decimal_print((struct decimal){column_i128(from)[at], from->type->scale}, text);
        break;
    case TYPE_BOOLEAN:
        n = (size_t)(column_u8(from)[at] ? 4 : 5);
        memcpy(text, column_u8(from)[at] ? "true" : "false", n);
        break;
    case TYPE_FLOAT:
        n = float_print(((const float *)from->values)[at], text);
        break;
    case TYPE_DOUBLE:
        n = double_print(column_f64(from)[at], text);
        break;
    case TYPE_DATE:
        n = date_print(column_i32(from)[at], text);
        break;
    case TYPE_TIMESTAMP:
        n = timestamp_print(column_i64(from)[at], text);
        break;
    default:
        n = integer_print(integer_at(from, at), text);
        break;
    }
    return n;
}

static void to_text(struct caster *c, size_t at)
{
    char   text[CAST_TEXT_MAX];
    size_t n = print_scalar(c->from, at, text);
    builder_bytes(&c->b, text, n);
}

/* Inside an array, a map, a struct: [1, null], {a -> 1}, {1, x}. */
static void print_nested(const struct column *from, size_t at, struct buf *out)
{
    char       text[CAST_TEXT_MAX];
    bool       list = from->type->kind == TYPE_ARRAY || from->type->kind == TYPE_MAP;
    uint32_t   n;
    const bool map = from->type->kind == TYPE_MAP;
    if (from->type->kind == TYPE_NULL || !column_is_valid(from, at)) {
        buf_puts(out, "null");
    } else if (from->type->kind == TYPE_STRING || from->type->kind == TYPE_BINARY) {
        const uint8_t *bytes = column_bytes(from, at, &n);
        buf_put(out, bytes, n);
    } else if (from->type->kind < TYPE_STRUCT) {
        n = (uint32_t)print_scalar(from, at, text);
        buf_put(out, text, n);
    } else {
        uint32_t first = list ? from->offsets[at] : 0, last = list ? from->offsets[at + 1] : from->type->n_fields;
        buf_puts(out, list && !map ? "[" : "{");
        for (uint32_t k = first; k < last; k++) {
            buf_puts(out, k > first ? ", " : "");
            print_nested(list ? from->children[0] : from->children[k], list ? k : at, out);
            if (map) {
                buf_puts(out, " -> ");
                print_nested(from->children[1], k, out);
            }
        }
        buf_puts(out, list && !map ? "]" : "}");
    }
}

static void nested_to_text(struct caster *c, size_t at)
{
    struct buf text;
    buf_init(&text, TAG_BATCH, COLUMN_BYTES_MAX);
    print_nested(c->from, at, &text);
    c->ok = buf_check(&text, "a CAST to STRING", c->ev->error) == OK && c->ok;
    builder_bytes(&c->b, text.data, text.size);
    buf_fini(&text);
}

/* ---- all ---- */

static void time_to(struct caster *c, uint32_t i, int64_t us)
{
    if (c->x->type->kind == TYPE_DATE)
        builder_i32(&c->b, (int32_t)floor_div(us, US_PER_DAY));
    else if (c->x->type->kind == TYPE_FLOAT || c->x->type->kind == TYPE_DOUBLE)
        real_to(c, i, (double)us / 1e6);
    else
        integer_to(c, i, floor_div(us, US_PER_SECOND));
}

static void cast_row(struct caster *c, uint32_t i, size_t at)
{
    enum type_kind f = c->from->type->kind, t = c->x->type->kind;
    uint32_t       n;
    if (t == TYPE_DECIMAL) {
        cast__to_decimal(c, i, at);
    } else if (f == TYPE_DECIMAL) {
        cast__from_decimal(c, i, at);
    } else if (f == TYPE_STRING) {
        const char *text = (const char *)column_bytes(c->from, at, &n);
        text_to(c, i, text, n);
    } else if (f == TYPE_BINARY) {
        const uint8_t *bytes = column_bytes(c->from, at, &n);
        bytes_to_text(c, bytes, n);
    } else if (f >= TYPE_STRUCT) {
        nested_to_text(c, at);
    } else if (t == TYPE_STRING) {
        to_text(c, at);
    } else if (f == TYPE_FLOAT) {
        real_to(c, i, (double)((const float *)c->from->values)[at]);
    } else if (f == TYPE_DOUBLE) {
        real_to(c, i, column_f64(c->from)[at]);
    } else if (f == TYPE_DATE) {
        builder_i64(&c->b, column_i32(c->from)[at] * US_PER_DAY);
    } else if (f == TYPE_TIMESTAMP) {
        time_to(c, i, column_i64(c->from)[at]);
    } else {
        integer_to(c, i, integer_at(c->from, at));
    }
}

struct column *expr__cast(struct evaluation *ev, const struct expr *x, const struct vec *arg, uint32_t n)
{
    struct caster  c = {.ev = ev, .x = x, .from = arg->c, .ok = true};
    struct column *out = NULL;
    if (arg->step && type_equal(arg->c->type, x->type))
        return column_ref(arg->c);
    if (arg->step && arg->c->type->kind >= TYPE_STRUCT && x->type->kind >= TYPE_STRUCT)
        return expr__cast_parts(ev, x, arg->c, n);
    if (builder_init(&c.b, x->type, ev->error) != OK)
        return NULL;
    bool same = type_equal(arg->c->type, x->type);
    for (uint32_t i = 0; c.ok && i < n; i++) {
        size_t at = (size_t)i * arg->step;
        if (!vec_valid(arg, i) || arg->c->type->kind == TYPE_NULL)
            builder_null(&c.b);
        else if (same)
            builder_copy(&c.b, arg->c, at);
        else
            cast_row(&c, i, at);
    }
    if (!c.ok || builder_finish(&c.b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&c.b);
    return out;
}
