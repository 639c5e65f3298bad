/* SPDX-License-Identifier: MIT */
/* CAST to and from DECIMAL (Spark Cast.scala and Decimal.scala, ANSI). */
#include <math.h>

#include "expr/cast_priv.h"
#include "text/decimal.h"
#include "text/time.h"

static const char out_of_range[] = "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION";

static struct decimal decimal_at(const struct column *c, size_t at)
{
    return (struct decimal){column_i128(c)[at], c->type->scale};
}

/* ---- to DECIMAL ---- */

static void put(struct caster *c, uint32_t i, struct decimal v)
{
    char   text[DECIMAL_TEXT_MAX];
    int128 scaled;
    if (decimal_rescale(v, DECIMAL_HALF_UP, c->x->type->precision, c->x->type->scale, &scaled))
        builder_decimal(&c->b, scaled);
    else
        cast__fail(c, i, out_of_range, text, decimal_print(v, text));
}

/* Through the digits that Java prints; what is no number has none and is NULL. */
static void put_real(struct caster *c, uint32_t i, double v)
{
    char   text[NUMBER_TEXT_MAX];
    int128 scaled;
    size_t n = double_print(v, text);
    if (!isfinite(v))
        builder_null(&c->b);
    else if (decimal_parse(text, n, c->x->type->precision, c->x->type->scale, &scaled) == PARSED_OK)
        builder_decimal(&c->b, scaled);
    else
        cast__fail(c, i, out_of_range, text, n);
}

static void put_text(struct caster *c, uint32_t i, const char *text, size_t n)
{
    int128      v, whole;
    const char *all = text;
    size_t      all_n = n;
    for (; n && (uint8_t)*text <= ' '; n--)
        text++;
    while (n && (uint8_t)text[n - 1] <= ' ')
        n--;
    switch (decimal_parse(text, n, c->x->type->precision, c->x->type->scale, &v)) {
    case PARSED_OK:
        builder_decimal(&c->b, v);
        break;
    case PARSED_INVALID:
        cast__fail(c, i, "CAST_INVALID_INPUT", all, all_n);
        break;
    case PARSED_OVERFLOW: {
        bool any = decimal_parse(text, n, DECIMAL_DIGITS_MAX, 0, &whole) == PARSED_OK; /* some DECIMAL holds it */
        cast__fail(c, i, any ? out_of_range : "NUMERIC_OUT_OF_SUPPORTED_RANGE", all, all_n);
        break;
    }
    }
}

void cast__to_decimal(struct caster *c, uint32_t i, size_t at)
{
    const struct column *from = c->from;
    uint32_t             n;
    switch ((int)from->type->kind) {
    case TYPE_STRING: {
        const char *text = (const char *)column_bytes(from, at, &n);
        put_text(c, i, text, n);
        break;
    }
    case TYPE_DECIMAL:
        put(c, i, decimal_at(from, at));
        break;
    case TYPE_FLOAT:
        put_real(c, i, (double)((const float *)from->values)[at]);
        break;
    case TYPE_DOUBLE:
        put_real(c, i, column_f64(from)[at]);
        break;
    case TYPE_TIMESTAMP:
        put_real(c, i, (double)column_i64(from)[at] / 1e6);
        break;
    case TYPE_BIGINT:
        put(c, i, (struct decimal){column_i64(from)[at], 0});
        break;
    case TYPE_INT:
        put(c, i, (struct decimal){column_i32(from)[at], 0});
        break;
    case TYPE_SMALLINT:
        put(c, i, (struct decimal){((const int16_t *)from->values)[at], 0});
        break;
    default:
        put(c, i, (struct decimal){((const int8_t *)from->values)[at], 0});
        break;
    }
}

/* ---- from DECIMAL ---- */

static void put_integer(struct caster *c, uint32_t i, struct decimal v)
{
    static const struct {
        int64_t least, most;
    } limits[] = {[TYPE_TINYINT] = {INT8_MIN, INT8_MAX},
                  [TYPE_SMALLINT] = {INT16_MIN, INT16_MAX},
                  [TYPE_INT] = {INT32_MIN, INT32_MAX},
                  [TYPE_BIGINT] = {INT64_MIN, INT64_MAX}};
    enum type_kind kind = c->x->type->kind;
    char           text[DECIMAL_TEXT_MAX];
    int128         whole;
    decimal_rescale(v, DECIMAL_DOWN, DECIMAL_DIGITS_MAX, 0, &whole);
    if (whole >= limits[kind].least && whole <= limits[kind].most)
        cast__put_integer(c, (int64_t)whole);
    else
        cast__fail(c, i, "CAST_OVERFLOW", text, decimal_print(v, text));
}

void cast__from_decimal(struct caster *c, uint32_t i, size_t at)
{
    struct decimal v = decimal_at(c->from, at);
    char           text[DECIMAL_TEXT_MAX];
    int128         us;
    switch ((int)c->x->type->kind) {
    case TYPE_BOOLEAN:
        builder_boolean(&c->b, v.value != 0);
        break;
    case TYPE_FLOAT:
        builder_f32(&c->b, decimal_to_float(v));
        break;
    case TYPE_DOUBLE:
        builder_f64(&c->b, decimal_to_double(v));
        break;
    case TYPE_STRING: {
        size_t n = decimal_print(v, text);
        builder_bytes(&c->b, text, n);
        break;
    }
    case TYPE_TIMESTAMP: /* seconds; what is less than a microsecond is cut */
        if (decimal_rescale(v, DECIMAL_DOWN, DECIMAL_DIGITS_MAX, 6, &us) && us == (int64_t)us)
            builder_i64(&c->b, (int64_t)us);
        else
            cast__fail(c, i, "CAST_OVERFLOW", text, decimal_print(v, text));
        break;
    default:
        put_integer(c, i, v);
        break;
    }
}
