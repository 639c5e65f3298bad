/* SPDX-License-Identifier: MIT */
#include "json/value.h"

#include <math.h>

#include "text/decimal.h"
#include "text/number.h"
#include "text/time.h"

#define VALUE_BYTES_MAX ((size_t)64 << 20)

bool json_value_text(const struct column *c, size_t row, struct buf *out)
{
    char     text[TIME_TEXT_MAX + DECIMAL_TEXT_MAX];
    uint32_t n;
    double   real;
    switch ((int)c->type->kind) {
    case TYPE_STRING: {
        const uint8_t *bytes = column_bytes(c, row, &n);
        buf_put(out, bytes, n);
        return true;
    }
    case TYPE_DATE:
        date_print(column_i32(c)[row], text);
        buf_puts(out, text);
        return true;
    case TYPE_TIMESTAMP:
        timestamp_print(column_i64(c)[row], text);
        buf_puts(out, text);
        return true;
    case TYPE_DECIMAL:
        decimal_print((struct decimal){column_i128(c)[row], c->type->scale}, text);
        buf_puts(out, text);
        return false;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        real = c->type->kind == TYPE_FLOAT ? (double)((const float *)c->values)[row] : column_f64(c)[row];
        if (c->type->kind == TYPE_FLOAT)
            float_print(((const float *)c->values)[row], text);
        else
            double_print(real, text);
        buf_puts(out, text);
        return !isfinite(real);
    default:
        break;
    }
    struct json_writer w;
    json_writer_init(&w, out);
    json_put_value(&w, c, row);
    return false;
}

static void put_binary(const struct column *c, size_t row, struct json_writer *w)
{
    static const char digits[] = "0123456789abcdef";
    struct buf        text;
    uint32_t          n;
    const uint8_t    *bytes = column_bytes(c, row, &n);
    buf_init(&text, TAG_WEB, VALUE_BYTES_MAX);
    uint8_t *to = buf_reserve(&text, 2 * (size_t)n + 1);
    for (uint32_t i = 0; to && i < n; i++) {
        *to++ = (uint8_t)digits[bytes[i] >> 4];
        *to++ = (uint8_t)digits[bytes[i] & 15];
    }
    text.size = text.failed ? 0 : 2 * (size_t)n;
    json_put_string_n(w, text.data ? text.data : (const uint8_t *)"", text.size);
    w->out->failed = w->out->failed || text.failed;
    buf_fini(&text);
}

static void put_struct(const struct column *c, size_t row, struct json_writer *w)
{
    json_begin_object(w);
    for (int i = 0; i < c->type->n_fields; i++) {
        json_key(w, c->type->fields[i].name);
        json_put_value(w, c->children[i], row);
    }
    json_end_object(w);
}

/* A map is an object when its keys are texts. */
static void put_list(const struct column *c, size_t row, struct json_writer *w)
{
    bool map = c->type->kind == TYPE_MAP && c->type->fields[0].type->kind == TYPE_STRING;
    if (map)
        json_begin_object(w);
    else
        json_begin_array(w);
    for (uint32_t k = c->offsets[row]; k < c->offsets[row + 1]; k++) {
        uint32_t       n;
        const uint8_t *key = map ? column_bytes(c->children[0], k, &n) : NULL;
        if (map)
            json_key_n(w, key, n);
        else if (c->type->kind == TYPE_MAP)
            json_put_value(w, c->children[0], k);
        json_put_value(w, c->children[c->type->kind == TYPE_MAP], k);
    }
    if (map)
        json_end_object(w);
    else
        json_end_array(w);
}

void json_put_value(struct json_writer *w, const struct column *c, size_t row)
{
    struct buf text;
    if (!column_is_valid(c, row)) {
        json_put_null(w);
        return;
    }
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
        json_put_bool(w, column_u8(c)[row]);
        break;
    case TYPE_TINYINT:
        json_put_int(w, ((const int8_t *)c->values)[row]);
        break;
    case TYPE_SMALLINT:
        json_put_int(w, ((const int16_t *)c->values)[row]);
        break;
    case TYPE_INT:
        json_put_int(w, column_i32(c)[row]);
        break;
    case TYPE_BIGINT:
        json_put_int(w, column_i64(c)[row]);
        break;
    case TYPE_BINARY:
        put_binary(c, row, w);
        break;
    case TYPE_STRUCT:
        put_struct(c, row, w);
        break;
    case TYPE_ARRAY:
    case TYPE_MAP:
        put_list(c, row, w);
        break;
    case TYPE_STRING:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_DECIMAL:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        buf_init(&text, TAG_WEB, VALUE_BYTES_MAX);
        if (json_value_text(c, row, &text))
            json_put_string_n(w, text.data ? text.data : (const uint8_t *)"", text.size);
        else
            json_put_raw(w, buf_text(&text));
        w->out->failed = w->out->failed || text.failed;
        buf_fini(&text);
        break;
    default:
        json_put_null(w);
        break;
    }
}
