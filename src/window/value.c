/* SPDX-License-Identifier: MIT */
#include "window/value.h"

#include <math.h>

static void put_fixed(struct buf *out, const struct column *c, size_t row, bool as_key)
{
    size_t         width = type_width(c->type);
    const uint8_t *bytes = (const uint8_t *)c->values + row * width;
    double         real;
    float          single;
    if (as_key && c->type->kind == TYPE_DOUBLE) {
        real = column_f64(c)[row];
        real = isnan(real) ? NAN : real == 0 ? 0 : real;
        bytes = (const uint8_t *)&real;
    } else if (as_key && c->type->kind == TYPE_FLOAT) {
        single = ((const float *)c->values)[row];
        single = isnan(single) ? NAN : single == 0 ? 0 : single;
        bytes = (const uint8_t *)&single;
    }
    buf_put(out, bytes, width);
}

void value_put(struct buf *out, const struct column *c, size_t row, bool as_key)
{
    uint32_t n;
    bool     valid = c->type->kind != TYPE_NULL && column_is_valid(c, row);
    buf_u8(out, valid);
    if (!valid)
        return;
    switch ((int)c->type->kind) { /* the rest is of fixed width */
    case TYPE_STRING:
    case TYPE_BINARY: {
        const uint8_t *bytes = column_bytes(c, row, &n);
        buf_bytes(out, bytes, n);
        break;
    }
    case TYPE_STRUCT:
        for (int i = 0; i < c->type->n_fields; i++)
            value_put(out, c->children[i], row, as_key);
        break;
    default:
        put_fixed(out, c, row, as_key);
        break;
    }
}

static void get_integer(struct view *in, struct builder *into)
{
    size_t         width = type_width(into->type);
    int64_t        v = 0;
    const uint8_t *bytes = view_take(in, width);
    if (bytes)
        memcpy(&v, bytes, width);
    if (width == 1)
        builder_i8(into, (int8_t)v);
    else if (width == 2)
        builder_i16(into, (int16_t)v);
    else if (width == 4)
        builder_i32(into, (int32_t)v);
    else
        builder_i64(into, v);
}

void value_get(struct view *in, struct builder *into)
{
    const uint8_t *bytes;
    double         real = 0;
    float          single = 0;
    uint32_t       n;
    if (!view_u8(in)) {
        builder_null(into);
        return;
    }
    switch ((int)into->type->kind) { /* the rest are integers of some width */
    case TYPE_STRING:
    case TYPE_BINARY:
        bytes = view_bytes(in, &n);
        builder_bytes(into, bytes, n);
        break;
    case TYPE_STRUCT:
        for (int i = 0; i < into->type->n_fields; i++)
            value_get(in, &into->children[i]);
        builder_struct(into, true);
        break;
    case TYPE_FLOAT:
        if ((bytes = view_take(in, sizeof single)))
            memcpy(&single, bytes, sizeof single);
        builder_f32(into, single);
        break;
    case TYPE_DOUBLE:
        if ((bytes = view_take(in, sizeof real)))
            memcpy(&real, bytes, sizeof real);
        builder_f64(into, real);
        break;
    case TYPE_DECIMAL: {
        int128 v = 0;
        if ((bytes = view_take(in, sizeof v)))
            memcpy(&v, bytes, sizeof v);
        builder_decimal(into, v);
        break;
    }
    default:
        get_integer(in, into);
        break;
    }
}

/* ---- order ---- */

static int compare_reals(double x, double y)
{
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

static int compare_fixed(const struct type *t, const uint8_t *x, const uint8_t *y)
{
    size_t width = type_width(t);
    double reals[2];
    float  singles[2];
    if (t->kind == TYPE_DOUBLE) {
        memcpy(&reals[0], x, width);
        memcpy(&reals[1], y, width);
        return compare_reals(reals[0], reals[1]);
    }
    if (t->kind == TYPE_FLOAT) {
        memcpy(&singles[0], x, width);
        memcpy(&singles[1], y, width);
        return compare_reals((double)singles[0], (double)singles[1]);
    }
    /* two's complement, little-endian: the highest byte has the sign */
    int8_t top_x = (int8_t)x[width - 1], top_y = (int8_t)y[width - 1];
    if (top_x != top_y)
        return top_x < top_y ? -1 : 1;
    for (size_t i = width - 1; i-- > 0;)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int compare_bytes(const uint8_t *x, uint32_t n_x, const uint8_t *y, uint32_t n_y)
{
    int order = n_x && n_y ? memcmp(x, y, n_x < n_y ? n_x : n_y) : 0;
    return order ? order : (n_x > n_y) - (n_x < n_y);
}

int value_compare(const struct type *t, struct view *x, struct view *y)
{
    uint8_t valid_x = view_u8(x), valid_y = view_u8(y);
    if (!valid_x || !valid_y)
        return valid_x - valid_y;
    if (t->kind == TYPE_STRING || t->kind == TYPE_BINARY) {
        uint32_t       n_x, n_y;
        const uint8_t *bytes_x = view_bytes(x, &n_x), *bytes_y = view_bytes(y, &n_y);
        return compare_bytes(bytes_x, n_x, bytes_y, n_y);
    }
    if (t->kind == TYPE_STRUCT) {
        for (int i = 0; i < t->n_fields; i++) {
            int order = value_compare(t->fields[i].type, x, y);
            if (order)
                return order;
        }
        return 0;
    }
    const uint8_t *bytes_x = view_take(x, type_width(t)), *bytes_y = view_take(y, type_width(t));
    return bytes_x && bytes_y ? compare_fixed(t, bytes_x, bytes_y) : 0;
}
