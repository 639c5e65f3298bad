/* SPDX-License-Identifier: MIT */
#include "sink/partition.h"

#include <ctype.h>
#include <stdio.h>

#include "text/decimal.h"
#include "text/time.h"
#include "json/write.h"

#define FOLDER_NAME_MAX 200 /* file systems stop at 255 */
#define FOLDER_MAX 600

/* "2024-01-02T03:04:05.120000Z": six digits, whatever the value. */
static void timestamp_text(int64_t us, char out[TIME_TEXT_MAX + 8])
{
    size_t n = timestamp_print_iso_ms(us, out);
    snprintf(out + n - strlen(".123Z"), 16, ".%06dZ", (int)floor_mod(us, US_PER_SECOND));
}

static void number_text(const struct column *c, uint32_t row, char out[DECIMAL_TEXT_MAX])
{
    switch ((int)c->type->kind) {
    case TYPE_DECIMAL:
        decimal_print((struct decimal){column_i128(c)[row], c->type->scale}, out);
        break;
    case TYPE_FLOAT:
        float_print(((const float *)c->values)[row], out);
        break;
    case TYPE_DOUBLE:
        double_print(column_f64(c)[row], out);
        break;
    case TYPE_TINYINT:
        integer_print(((const int8_t *)c->values)[row], out);
        break;
    case TYPE_SMALLINT:
        integer_print(((const int16_t *)c->values)[row], out);
        break;
    case TYPE_INT:
        integer_print(column_i32(c)[row], out);
        break;
    default:
        integer_print(column_i64(c)[row], out);
        break;
    }
}

/* False: NULL, and an empty text is NULL too. */
static bool value_text(const struct column *c, uint32_t row, struct buf *out)
{
    char     text[TIME_TEXT_MAX + DECIMAL_TEXT_MAX];
    uint32_t n;
    if (!column_is_valid(c, row))
        return false;
    switch ((int)c->type->kind) {
    case TYPE_STRING: {
        const uint8_t *bytes = column_bytes(c, row, &n);
        buf_put(out, bytes, n);
        return n > 0;
    }
    case TYPE_BOOLEAN:
        buf_puts(out, column_u8(c)[row] ? "true" : "false");
        return true;
    case TYPE_DATE:
        date_print(column_i32(c)[row], text);
        break;
    case TYPE_TIMESTAMP:
        timestamp_text(column_i64(c)[row], text);
        break;
    default:
        number_text(c, row, text);
        break;
    }
    buf_puts(out, text);
    return true;
}

static bool is_plain(const void *text, size_t n)
{
    const unsigned char *p = text;
    for (size_t i = 0; i < n; i++)
        if (!isascii(p[i]) || (!isalnum(p[i]) && p[i] != '.' && p[i] != '_' && p[i] != '-'))
            return false;
    return n > 0 && n <= FOLDER_NAME_MAX / 2;
}

/* Folders that begin with _ or . are hidden from VACUUM and from readers of plain Parquet. */
static bool is_plain_name(const char *name) { return is_plain(name, strlen(name)) && name[0] != '_' && name[0] != '.'; }

void partition_describe(const struct batch *b, const char *const *names, const int *columns, int n, uint32_t row,
                        struct buf *text, struct buf *values, struct buf *folder)
{
    struct json_writer w;
    bool               plain = true;
    buf_clear(values);
    buf_clear(folder);
    json_writer_init(&w, values);
    json_begin_object(&w);
    for (int i = 0; i < n; i++) {
        buf_clear(text);
        bool there = value_text(b->columns[columns[i]], row, text);
        json_key(&w, names[i]);
        if (there)
            json_put_string_n(&w, text->data, text->size);
        else
            json_put_null(&w);
        plain =
            plain && there && is_plain_name(names[i]) && is_plain(text->data, text->size) && folder->size < FOLDER_MAX;
        if (plain)
            buf_printf(folder, "%s=%.*s/", names[i], (int)text->size, (char *)text->data);
        values->failed = values->failed || text->failed;
    }
    json_end_object(&w);
    if (!plain)
        buf_clear(folder);
}

void partition_key(const struct batch *b, const int *columns, int n, uint32_t row, struct buf *key)
{
    for (int i = 0; i < n; i++) {
        const struct column *c = b->columns[columns[i]];
        bool                 valid = column_is_valid(c, row);
        buf_u8(key, valid);
        if (valid && c->type->kind == TYPE_STRING) {
            uint32_t       size;
            const uint8_t *bytes = column_bytes(c, row, &size);
            buf_put(key, &size, sizeof size);
            buf_put(key, bytes, size);
        } else if (valid) {
            size_t width = type_width(c->type);
            buf_put(key, (const uint8_t *)c->values + row * width, width);
        }
    }
}

static bool same_value(const struct column *c, uint32_t row)
{
    bool valid = column_is_valid(c, row);
    if (valid != column_is_valid(c, row - 1))
        return false;
    if (!valid)
        return true;
    if (c->type->kind == TYPE_STRING) {
        uint32_t       n, m;
        const uint8_t *a = column_bytes(c, row, &n), *z = column_bytes(c, row - 1, &m);
        return n == m && memcmp(a, z, n) == 0;
    }
    size_t         width = type_width(c->type);
    const uint8_t *values = c->values;
    return memcmp(values + row * width, values + (row - 1) * width, width) == 0;
}

bool partition_same_as_before(const struct batch *b, const int *columns, int n, uint32_t row)
{
    for (int i = 0; i < n; i++)
        if (row == 0 || !same_value(b->columns[columns[i]], row))
            return false;
    return row > 0;
}
