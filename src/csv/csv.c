/* SPDX-License-Identifier: MIT */
#include "csv/csv.h"

#include <strings.h>

#include "text/decimal.h"
#include "text/number.h"
#include "text/time.h"

bool csv_value(struct builder *b, const uint8_t *text, size_t n)
{
    const char *t = (const char *)text;
    int64_t     i;
    double      d;
    bool        flag;
    int32_t     days;
    int128      decimal;
    switch ((int)b->type->kind) {
    case TYPE_STRING:
        builder_bytes(b, text, n);
        return true;
    case TYPE_BINARY:
        builder_bytes(b, text, n);
        return true;
    case TYPE_BOOLEAN: /* CSV takes the words true and false only */
        if (n == 4 && strncasecmp(t, "true", 4) == 0)
            flag = true;
        else if (n == 5 && strncasecmp(t, "false", 5) == 0)
            flag = false;
        else
            break;
        builder_boolean(b, flag);
        return true;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
        if (n == 0 || text[0] <= ' ' || text[n - 1] <= ' ' || integer_parse(t, n, &i) != PARSED_OK)
            break;
        if (b->type->kind == TYPE_BIGINT)
            builder_i64(b, i);
        else if (b->type->kind == TYPE_INT && i >= INT32_MIN && i <= INT32_MAX)
            builder_i32(b, (int32_t)i);
        else if (b->type->kind == TYPE_SMALLINT && i >= INT16_MIN && i <= INT16_MAX)
            builder_i16(b, (int16_t)i);
        else if (b->type->kind == TYPE_TINYINT && i >= INT8_MIN && i <= INT8_MAX)
            builder_i8(b, (int8_t)i);
        else
            break;
        return true;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        if (double_parse(t, n, &d) != PARSED_OK)
            break;
        if (b->type->kind == TYPE_FLOAT)
            builder_f32(b, (float)d);
        else
            builder_f64(b, d);
        return true;
    case TYPE_DECIMAL:
        if (decimal_parse_field(t, n, b->type->precision, b->type->scale, &decimal) != PARSED_OK)
            break;
        builder_decimal(b, decimal);
        return true;
    case TYPE_DATE:
        if (!date_parse(t, n, &days))
            break;
        builder_i32(b, days);
        return true;
    case TYPE_TIMESTAMP:
        if (!timestamp_parse(t, n, 0, &i))
            break;
        builder_i64(b, i);
        return true;
    default:
        break;
    }
    return false;
}

/* Up to the separator or the end of the line. */
static const uint8_t *plain_end(const uint8_t *p, const uint8_t *end, struct csv_format format)
{
    while (p < end && *p != format.separator && !(format.lines && *p == '\n'))
        p++;
    return p;
}

/* The text from p on as it stands; its end is looked for from `behind` on. */
static const uint8_t *plain_field(const uint8_t *p, const uint8_t *behind, const uint8_t *end, struct csv_format format,
                                  struct buf *field)
{
    const uint8_t *to = plain_end(behind, end, format);
    size_t         n = (size_t)(to - p);
    if (format.lines && n && p[n - 1] == '\r' && (to == end || *to == '\n'))
        n--;
    buf_put(field, p, n);
    return to;
}

/* What stands behind a closing quote: blanks, then the end of the field? */
static bool ends_there(const uint8_t *p, const uint8_t *end, struct csv_format format)
{
    while (p < end && *p <= ' ' && *p != format.separator && !(format.lines && *p == '\n'))
        p++;
    return p == end || *p == format.separator || *p == '\n';
}

const uint8_t *csv_field(const uint8_t *p, const uint8_t *end, struct csv_format format, struct buf *field,
                         bool *quoted)
{
    const uint8_t *from = p;
    buf_clear(field);
    *quoted = p < end && format.quote && *p == format.quote;
    if (!*quoted)
        return plain_field(p, p, end, format, field);
    for (p++; p < end; p++) {
        if (*p == format.escape && p + 1 < end && (p[1] == format.quote || p[1] == format.escape))
            p++;
        else if (*p == format.quote)
            break;
        buf_u8(field, *p);
    }
    if (p == end || ends_there(p + 1, end, format))
        return plain_end(p, end, format);
    buf_clear(field); /* a quote in the middle: the text as it stands */
    *quoted = false;
    return plain_field(from, p, end, format, field);
}
