/* SPDX-License-Identifier: MIT */
#include "print_row.h"

#include <math.h>
#include <stdio.h>

#include "text/decimal.h"
#include "text/time.h"
#include "json/write.h"

static void put_value(const struct column *c, size_t row, struct json_writer *w);

static void put_integer(const struct column *c, size_t row, struct json_writer *w)
{
    switch (type_width(c->type)) {
    case 1:
        json_put_int(w, ((const int8_t *)c->values)[row]);
        break;
    case 2:
        json_put_int(w, ((const int16_t *)c->values)[row]);
        break;
    case 4:
        json_put_int(w, column_i32(c)[row]);
        break;
    default:
        json_put_int(w, column_i64(c)[row]);
        break;
    }
}

static void put_real(const struct column *c, size_t row, struct json_writer *w)
{
    char   text[NUMBER_TEXT_MAX];
    bool   single = c->type->kind == TYPE_FLOAT;
    double v = single ? (double)((const float *)c->values)[row] : column_f64(c)[row];
    size_t n = single ? float_print((float)v, text) : double_print(v, text);
    text[n] = 0;
    if (isfinite(v))
        json_put_raw(w, text);
    else
        json_put_string(w, text);
}

static void put_decimal(const struct column *c, size_t row, struct json_writer *w)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_print((struct decimal){column_i128(c)[row], c->type->scale}, text);
    json_put_raw(w, text);
}

static void put_bytes(const struct column *c, size_t row, struct json_writer *w)
{
    uint32_t       n;
    const uint8_t *bytes = column_bytes(c, row, &n);
    struct buf     hex;
    if (c->type->kind == TYPE_STRING) {
        json_put_string_n(w, n ? bytes : (const uint8_t *)"", n);
        return;
    }
    buf_init(&hex, TAG_TEST, (size_t)1 << 24);
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&hex, "%02x", bytes[i]);
    json_put_string(w, buf_text(&hex));
    buf_fini(&hex);
}

static void put_time(const struct column *c, size_t row, struct json_writer *w)
{
    char   text[TIME_TEXT_MAX];
    size_t n =
        c->type->kind == TYPE_DATE ? date_print(column_i32(c)[row], text) : timestamp_print(column_i64(c)[row], text);
    json_put_string_n(w, text, n);
}

static void put_nested(const struct column *c, size_t row, struct json_writer *w)
{
    if (c->type->kind == TYPE_STRUCT) {
        json_begin_object(w);
        for (int i = 0; i < c->type->n_fields; i++) {
            json_key(w, c->type->fields[i].name);
            put_value(c->children[i], row, w);
        }
        json_end_object(w);
        return;
    }
    json_begin_array(w); /* of elements; of a MAP: of [key, value] */
    for (uint32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        if (c->type->kind == TYPE_ARRAY) {
            put_value(c->children[0], i, w);
            continue;
        }
        json_begin_array(w);
        put_value(c->children[0], i, w);
        put_value(c->children[1], i, w);
        json_end_array(w);
    }
    json_end_array(w);
}

static void put_value(const struct column *c, size_t row, struct json_writer *w)
{
    if (!column_is_valid(c, row) || c->type->kind == TYPE_NULL) {
        json_put_null(w);
        return;
    }
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
        json_put_bool(w, column_u8(c)[row]);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        put_real(c, row, w);
        break;
    case TYPE_DECIMAL:
        put_decimal(c, row, w);
        break;
    case TYPE_STRING:
    case TYPE_BINARY:
        put_bytes(c, row, w);
        break;
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
        put_time(c, row, w);
        break;
    case TYPE_STRUCT:
    case TYPE_ARRAY:
    case TYPE_MAP:
        put_nested(c, row, w);
        break;
    default:
        put_integer(c, row, w);
        break;
    }
}

void print_row(const struct batch *b, uint32_t row, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    for (int i = 0; i < b->schema->n_fields; i++) {
        json_key(&w, b->schema->fields[i].name);
        put_value(b->columns[i], row, &w);
    }
    json_end_object(&w);
}
