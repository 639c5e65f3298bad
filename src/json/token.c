/* SPDX-License-Identifier: MIT */
#include "json/token.h"

#include <math.h>
#include <stdlib.h>

#include "text/number.h"
#include "text/utf8.h"

#define DEPTH_MAX 1000 /* Jackson StreamReadConstraints.DEFAULT_MAX_DEPTH */

bool token_fail(struct reader *r, const char *error)
{
    if (!r->error)
        r->error = error;
    return false;
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

/* ---- strings ---- */

static int hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    if (r->end - r->p < 4)
        return 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = r->p[i];
        int     v = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (v < 0)
            return 0;
        *out = *out * 16 + (uint32_t)v;
    }
    r->p += 4;
    return 1;
}

/* \uXXXX, with its low half when it is a surrogate; a lone one becomes '?' in a text, as Java's encoder writes it. */
static bool unicode_escape(struct reader *r, struct buf *out)
{
    uint32_t c, low;
    if (!hex4(r, &c))
        return token_fail(r, "bad \\u escape");
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
        const uint8_t *back = r->p;
        r->p += 2;
        if (!hex4(r, &low))
            return token_fail(r, "bad \\u escape");
        if (low >= 0xdc00 && low < 0xe000) {
            buf_code_point(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
            return true;
        }
        r->p = back;
    }
    bool lone = c >= 0xd800 && c < 0xe000;
    if (lone)
        r->lone = true;
    if (lone && !r->copying)
        buf_u8(out, '?');
    else
        buf_code_point(out, c);
    return true;
}

static bool escape(struct reader *r, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end)
        return token_fail(r, "unterminated string");
    uint8_t c = *r->p++;
    if (c == 'u')
        return unicode_escape(r, out);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at && c != '\'') /* \' is fine where single quotes are allowed */
        return token_fail(r, "unknown escape");
    buf_u8(out, at ? (uint8_t)to[at - from] : c);
    return true;
}

/* At the opening quote. The text goes to scratch. */
static bool string(struct reader *r)
{
    uint8_t     quote = *r->p++;
    struct buf *out = r->scratch;
    r->text_at = out->size;
    r->lone = false;
    for (;;) {
        const uint8_t *from = r->p;
        while (r->p < r->end && *r->p != quote && *r->p != '\\' && (*r->p >= 0x20 || r->path))
            r->p++;
        utf8_repair(from, (size_t)(r->p - from), out);
        if (r->p == r->end)
            return token_fail(r, "unterminated string");
        uint8_t c = *r->p++;
        if (c == quote)
            break;
        if (c < 0x20)
            return token_fail(r, "control character in a string");
        if (!escape(r, out))
            return false;
    }
    r->text_length = out->size - r->text_at;
    return true;
}

/* ---- numbers and words ---- */

static bool word(struct reader *r, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
        return false;
    const uint8_t *after = r->p + n;
    if (after < r->end && ((*after >= 'a' && *after <= 'z') || (*after >= 'A' && *after <= 'Z') ||
                           (*after >= '0' && *after <= '9') || *after == '_' || *after == '$' || *after >= 0x80))
        return false;
    r->p = after;
    return true;
}

static enum token non_numeric(struct reader *r, const uint8_t *from)
{
    r->number = from;
    if (!r->path && (word(r, "NaN") || word(r, "Infinity") || word(r, "INF"))) {
        r->number_length = (size_t)(r->p - from);
        return T_FLOAT;
    }
    token_fail(r, "unknown word");
    return T_ERROR;
}

static size_t run_of_digits(struct reader *r)
{
    const uint8_t *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - from);
}

static enum token number(struct reader *r)
{
    const uint8_t *from = r->p;
    bool           sign = *r->p == '-' || *r->p == '+', is_float = false;
    r->p += sign;
    if (r->p < r->end && (*r->p == 'I' || *r->p == 'N') && sign && *r->p == 'I')
        return non_numeric(r, from);
    if (*from == '+')
        return token_fail(r, "a number with a plus sign"), T_ERROR;
    const uint8_t *first = r->p;
    size_t         n = run_of_digits(r);
    if (n == 0 || (n > 1 && *first == '0'))
        return token_fail(r, n ? "a number with a leading zero" : "bad number"), T_ERROR;
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        is_float = true;
        if (run_of_digits(r) == 0)
            return token_fail(r, "bad number"), T_ERROR;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        is_float = true;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (run_of_digits(r) == 0)
            return token_fail(r, "bad number"), T_ERROR;
    }
    if (r->p < r->end && *r->p != ',' && *r->p != '}' && *r->p != ']' && *r->p != ' ' && *r->p != '\t' &&
        *r->p != '\n' && *r->p != '\r' && *r->p != '/' && *r->p != ':')
        return token_fail(r, "bad number"), T_ERROR;
    r->number = from;
    r->number_length = (size_t)(r->p - from);
    if (r->number_length > NUMBER_LENGTH_MAX)
        return token_fail(r, "a number that is too long"), T_ERROR;
    return is_float ? T_FLOAT : T_INTEGER;
}

enum token token_next(struct reader *r)
{
    skip_space(r);
    if (r->p == r->end)
        return token_fail(r, "the document ends too early"), T_ERROR;
    uint8_t c = *r->p;
    if (c == '{' || c == '[') {
        r->p++;
        if (++r->depth > DEPTH_MAX)
            return token_fail(r, "nested too deep"), T_ERROR;
        return c == '{' ? T_OBJECT : T_ARRAY;
    }
    if (c == '"' || c == '\'')
        return string(r) ? T_STRING : T_ERROR;
    if (c == '-' || c == '+' || (c >= '0' && c <= '9'))
        return number(r);
    if (c == 't' && word(r, "true"))
        return T_TRUE;
    if (c == 'f' && word(r, "false"))
        return T_FALSE;
    if (c == 'n' && word(r, "null"))
        return T_NULL;
    if (c == 'N' || c == 'I')
        return non_numeric(r, r->p);
    token_fail(r, "unexpected character");
    return T_ERROR;
}

bool token_name(struct reader *r, bool first)
{
    skip_space(r);
    if (r->p == r->end)
        return token_fail(r, "the document ends too early");
    if (*r->p == '}') {
        r->p++;
        r->depth--;
        return false;
    }
    if (!first) {
        if (*r->p != ',')
            return token_fail(r, "a comma is missing");
        r->p++;
        skip_space(r);
    }
    if (r->p == r->end || (*r->p != '"' && *r->p != '\''))
        return token_fail(r, "a field name is missing");
    if (!string(r))
        return false;
    skip_space(r);
    if (r->p == r->end || *r->p != ':')
        return token_fail(r, "a colon is missing");
    r->p++;
    return true;
}

bool token_element(struct reader *r, bool first)
{
    skip_space(r);
    if (r->p == r->end)
        return token_fail(r, "the document ends too early");
    if (*r->p == ']') {
        r->p++;
        r->depth--;
        return false;
    }
    if (first)
        return true;
    if (*r->p != ',')
        return token_fail(r, "a comma is missing");
    r->p++;
    return true;
}

/* ---- skipping and copying ---- */

/* Half of a surrogate pair, or a pair: Jackson's generator writes both as escapes. What text begins with; the bytes. */
static size_t put_surrogates(struct buf *out, const uint8_t *text, size_t n)
{
    if (n >= 3 && text[0] == 0xed && text[1] >= 0xa0) {
        buf_printf(out, "\\uD%X%02X", text[1] >> 2 & 15, (unsigned)((text[1] & 3) << 6 | (text[2] & 0x3f)));
        return 3;
    }
    if (n >= 4 && text[0] >= 0xf0) {
        uint32_t c = (text[0] & 7u) << 18 | (text[1] & 0x3fu) << 12 | (text[2] & 0x3fu) << 6 | (text[3] & 0x3fu);
        buf_printf(out, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
        return 4;
    }
    return 0;
}

/* Stands in a JSON text as it is. */
static bool is_plain(uint8_t c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

static void put_json_string(struct buf *out, const uint8_t *text, size_t n)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    buf_u8(out, '"');
    for (size_t i = 0, more; i < n; i += more) {
        for (more = 0; i + more < n && is_plain(text[i + more]);)
            more++;
        buf_put(out, text + i, more);
        if (more || (more = put_surrogates(out, text + i, n - i)) > 0)
            continue;
        const char *at = text[i] ? strchr(from, text[i]) : NULL;
        more = 1;
        if (at) {
            buf_u8(out, '\\');
            buf_u8(out, (uint8_t)to[at - from]);
        } else if (text[i] < 0x20) {
            buf_printf(out, "\\u%04X", text[i]);
        } else {
            buf_u8(out, text[i]);
        }
    }
    buf_u8(out, '"');
}

double token_double(const struct reader *r)
{
    char text[NUMBER_LENGTH_MAX + 2];
    bool negative = r->number[0] == '-';
    for (size_t i = 0; i < r->number_length; i++)
        if (r->number[i] == 'I')
            return negative ? -INFINITY : INFINITY;
        else if (r->number[i] == 'N')
            return NAN;
    memcpy(text, r->number, r->number_length);
    text[r->number_length] = 0;
    return strtod(text, NULL);
}

/* The number as Jackson's generator writes it: integers as they are (without -0), others through a double. */
static void put_number(struct reader *r, enum token t, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    if (t == T_INTEGER) {
        bool negative_zero = r->number_length == 2 && memcmp(r->number, "-0", 2) == 0;
        buf_put(out, r->number + negative_zero, r->number_length - negative_zero);
        return;
    }
    double v = token_double(r);
    size_t n = double_print(v, text);
    bool   quoted = isnan(v) || isinf(v);
    if (quoted)
        buf_u8(out, '"');
    buf_put(out, text, n);
    if (quoted)
        buf_u8(out, '"');
}

bool token_pass(struct reader *r, enum token t, struct buf *out)
{
    bool   first = true, copying = r->copying;
    size_t mark = r->scratch->size;
    if (t == T_ARRAY || t == T_OBJECT)
        r->copying = out != NULL;
    switch (t) {
    case T_ERROR:
        return false;
    case T_STRING:
        if (out)
            put_json_string(out, r->scratch->data + r->text_at, r->text_length);
        r->scratch->size = r->text_at;
        return true;
    case T_INTEGER:
    case T_FLOAT:
        if (out)
            put_number(r, t, out);
        return true;
    case T_TRUE:
    case T_FALSE:
    case T_NULL:
        if (out)
            buf_puts(out, t == T_TRUE ? "true" : t == T_FALSE ? "false" : "null");
        return true;
    case T_ARRAY:
        if (out)
            buf_u8(out, '[');
        for (; token_element(r, first); first = false) {
            if (out && !first)
                buf_u8(out, ',');
            if (!token_pass(r, token_next(r), out))
                return false;
        }
        break;
    case T_OBJECT:
        if (out)
            buf_u8(out, '{');
        for (; token_name(r, first); first = false) {
            if (out && !first)
                buf_u8(out, ',');
            if (out) {
                put_json_string(out, r->scratch->data + r->text_at, r->text_length);
                buf_u8(out, ':');
            }
            r->scratch->size = mark;
            if (!token_pass(r, token_next(r), out))
                return false;
        }
        break;
    }
    r->copying = copying;
    if (r->error)
        return false;
    if (out)
        buf_u8(out, t == T_ARRAY ? ']' : '}');
    return true;
}
