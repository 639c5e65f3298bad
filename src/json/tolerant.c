/* SPDX-License-Identifier: MIT */
/*
 * A document token by token, as Jackson reads it with Spark's options: single quotes and the non-numeric numbers are
 * allowed; unquoted names, comments, leading zeros, raw control characters are not. A syntax error anywhere in the root
 * object makes every field NULL; what follows the root object is not looked at.
 */
#include "json/tolerant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/base64.h"
#include "text/decimal.h"
#include "text/time.h"
#include "text/utf8.h"
#include "json/path.h"

#define DEPTH_MAX 1000         /* Jackson StreamReadConstraints.DEFAULT_MAX_DEPTH */
#define NUMBER_LENGTH_MAX 1000 /* .. DEFAULT_MAX_NUM_LEN */

enum token { T_ERROR, T_OBJECT, T_ARRAY, T_STRING, T_INTEGER, T_FLOAT, T_TRUE, T_FALSE, T_NULL };

struct reader {
    const uint8_t       *p, *end;
    int64_t              now_us;
    int                  depth;
    struct buf          *scratch;
    struct json_verdict *verdict;
    const char          *error;   /* of the syntax, static */
    bool                 path;    /* for json_path_get: control characters in strings, but no NaN and its like */
    bool                 copying; /* strings go into JSON again: halves of surrogate pairs are kept as three bytes */
    bool                 lone;    /* the string read last held half a surrogate pair */
    /* the token read last: strings in scratch from text_at on; numbers as written */
    size_t         text_at, text_length;
    const uint8_t *number;
    size_t         number_length;
};

static bool fail(struct reader *r, const char *error)
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

static void put_code_point(struct buf *out, uint32_t c)
{
    uint8_t b[4];
    if (c < 0x80) {
        buf_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        b[0] = (uint8_t)(0xc0 | c >> 6);
        b[1] = (uint8_t)(0x80 | (c & 0x3f));
        buf_put(out, b, 2);
    } else if (c < 0x10000) {
        b[0] = (uint8_t)(0xe0 | c >> 12);
        b[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        b[2] = (uint8_t)(0x80 | (c & 0x3f));
        buf_put(out, b, 3);
    } else {
        b[0] = (uint8_t)(0xf0 | c >> 18);
        b[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        b[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        b[3] = (uint8_t)(0x80 | (c & 0x3f));
        buf_put(out, b, 4);
    }
}

/* \uXXXX, with its low half when it is a surrogate; a lone one becomes '?' in a text, as Java's encoder writes it. */
static bool unicode_escape(struct reader *r, struct buf *out)
{
    uint32_t c, low;
    if (!hex4(r, &c))
        return fail(r, "bad \\u escape");
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
        const uint8_t *back = r->p;
        r->p += 2;
        if (!hex4(r, &low))
            return fail(r, "bad \\u escape");
        if (low >= 0xdc00 && low < 0xe000) {
            put_code_point(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
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
        put_code_point(out, c);
    return true;
}

static bool escape(struct reader *r, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end)
        return fail(r, "unterminated string");
    uint8_t c = *r->p++;
    if (c == 'u')
        return unicode_escape(r, out);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at && c != '\'') /* \' is fine where single quotes are allowed */
        return fail(r, "unknown escape");
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
            return fail(r, "unterminated string");
        uint8_t c = *r->p++;
        if (c == quote)
            break;
        if (c < 0x20)
            return fail(r, "control character in a string");
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
    fail(r, "unknown word");
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
        return fail(r, "a number with a plus sign"), T_ERROR;
    const uint8_t *first = r->p;
    size_t         n = run_of_digits(r);
    if (n == 0 || (n > 1 && *first == '0'))
        return fail(r, n ? "a number with a leading zero" : "bad number"), T_ERROR;
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        is_float = true;
        if (run_of_digits(r) == 0)
            return fail(r, "bad number"), T_ERROR;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        is_float = true;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (run_of_digits(r) == 0)
            return fail(r, "bad number"), T_ERROR;
    }
    if (r->p < r->end && *r->p != ',' && *r->p != '}' && *r->p != ']' && *r->p != ' ' && *r->p != '\t' &&
        *r->p != '\n' && *r->p != '\r' && *r->p != '/' && *r->p != ':')
        return fail(r, "bad number"), T_ERROR;
    r->number = from;
    r->number_length = (size_t)(r->p - from);
    if (r->number_length > NUMBER_LENGTH_MAX)
        return fail(r, "a number that is too long"), T_ERROR;
    return is_float ? T_FLOAT : T_INTEGER;
}

/* The next value's first token; for containers the opening bracket is taken. */
static enum token next(struct reader *r)
{
    skip_space(r);
    if (r->p == r->end)
        return fail(r, "the document ends too early"), T_ERROR;
    uint8_t c = *r->p;
    if (c == '{' || c == '[') {
        r->p++;
        if (++r->depth > DEPTH_MAX)
            return fail(r, "nested too deep"), T_ERROR;
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
    fail(r, "unexpected character");
    return T_ERROR;
}

/* Inside an object: moves to the next name (in scratch). False at the end or on error. */
static bool next_name(struct reader *r, bool first)
{
    skip_space(r);
    if (r->p == r->end)
        return fail(r, "the document ends too early");
    if (*r->p == '}') {
        r->p++;
        r->depth--;
        return false;
    }
    if (!first) {
        if (*r->p != ',')
            return fail(r, "a comma is missing");
        r->p++;
        skip_space(r);
    }
    if (r->p == r->end || (*r->p != '"' && *r->p != '\''))
        return fail(r, "a field name is missing");
    if (!string(r))
        return false;
    skip_space(r);
    if (r->p == r->end || *r->p != ':')
        return fail(r, "a colon is missing");
    r->p++;
    return true;
}

static bool next_element(struct reader *r, bool first)
{
    skip_space(r);
    if (r->p == r->end)
        return fail(r, "the document ends too early");
    if (*r->p == ']') {
        r->p++;
        r->depth--;
        return false;
    }
    if (first)
        return true;
    if (*r->p != ',')
        return fail(r, "a comma is missing");
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

static void put_json_string(struct buf *out, const uint8_t *text, size_t n)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    buf_u8(out, '"');
    for (size_t i = 0, more; i < n; i += more) {
        const char *at = text[i] ? strchr(from, text[i]) : NULL;
        if ((more = put_surrogates(out, text + i, n - i)) > 0)
            continue;
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

static double number_as_double(const struct reader *r)
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
    double v = number_as_double(r);
    size_t n = double_print(v, text);
    bool   quoted = isnan(v) || isinf(v);
    if (quoted)
        buf_u8(out, '"');
    buf_put(out, text, n);
    if (quoted)
        buf_u8(out, '"');
}

/* Reads the rest of a value whose first token is t. With `out`, writes it there compactly; strings pass through
 * scratch, whose size is restored. */
static bool pass(struct reader *r, enum token t, struct buf *out)
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
        for (; next_element(r, first); first = false) {
            if (out && !first)
                buf_u8(out, ',');
            if (!pass(r, next(r), out))
                return false;
        }
        break;
    case T_OBJECT:
        if (out)
            buf_u8(out, '{');
        for (; next_name(r, first); first = false) {
            if (out && !first)
                buf_u8(out, ',');
            if (out) {
                put_json_string(out, r->scratch->data + r->text_at, r->text_length);
                buf_u8(out, ':');
            }
            r->scratch->size = mark;
            if (!pass(r, next(r), out))
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

/* ---- conversions ---- */

static void bad_field(struct reader *r, const struct json_node *node, const char *why)
{
    if (r->verdict->kind == JSON_BAD_FIELD)
        return;
    r->verdict->kind = JSON_BAD_FIELD;
    snprintf(r->verdict->reason, sizeof r->verdict->reason, "field %.48s: %s", node->name, why);
}

static bool integer_in_range(struct reader *r, enum json_want want, int64_t *v)
{
    if (integer_parse((const char *)r->number, r->number_length, v) != PARSED_OK)
        return false;
    switch ((int)want) {
    case WANT_TINYINT: /* Jackson's getByteValue takes 128..255 and wraps */
        if (*v < -128 || *v > 255)
            return false;
        *v = (int8_t)*v;
        return true;
    case WANT_SMALLINT:
        return *v >= -32768 && *v <= 32767;
    case WANT_INT:
        return *v >= INT32_MIN && *v <= INT32_MAX;
    default:
        return true;
    }
}

static bool special_text(const char *text, size_t n, double *v)
{
    static const struct {
        const char *name;
        double      value;
    } rows[] = {{"NaN", NAN},           {"+INF", INFINITY},  {"+Infinity", INFINITY},
                {"Infinity", INFINITY}, {"-INF", -INFINITY}, {"-Infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, text, n) == 0) {
            *v = rows[i].value;
            return true;
        }
    return false;
}

static bool to_real(struct reader *r, const struct json_node *node, enum token t, struct json_slot *s)
{
    if (t == T_STRING)
        return special_text((const char *)r->scratch->data + r->text_at, r->text_length, &s->real);
    if (t != T_INTEGER && t != T_FLOAT)
        return false;
    s->real = number_as_double(r);
    if (t == T_INTEGER && s->real == 0)
        s->real = 0;                                     /* the integer -0 is 0 */
    if (node->want == WANT_FLOAT && isfinite(s->real)) { /* straight to float: no double rounding */
        char text[NUMBER_LENGTH_MAX + 2];
        memcpy(text, r->number, r->number_length);
        text[r->number_length] = 0;
        s->real = t == T_INTEGER && s->real == 0 ? 0 : (double)strtof(text, NULL);
    }
    return true;
}

/* Numbers with all their digits; texts as they are read from CSV. */
static bool to_decimal(struct reader *r, const struct json_node *node, enum token t, struct json_slot *s)
{
    if (t == T_STRING)
        return decimal_parse_field((const char *)r->scratch->data + r->text_at, r->text_length, node->precision,
                                   node->scale, &s->decimal) == PARSED_OK;
    return (t == T_INTEGER || t == T_FLOAT) && decimal_parse((const char *)r->number, r->number_length, node->precision,
                                                             node->scale, &s->decimal) == PARSED_OK;
}

static bool to_text(struct reader *r, enum token t, struct json_slot *s)
{
    if (t == T_STRING) {
        s->bytes.offset = r->text_at;
        s->bytes.length = r->text_length;
        s->in_scratch = true;
        return true;
    }
    struct buf copy; /* written aside, as scratch serves the tokens of a nested value */
    buf_init(&copy, TAG_BATCH, r->scratch->limit);
    bool ok = pass(r, t, &copy);
    if (ok && copy.failed)
        ok = fail(r, "a value that is too large");
    s->bytes.offset = r->scratch->size;
    s->bytes.length = copy.size;
    s->in_scratch = true;
    buf_put(r->scratch, copy.data, copy.size);
    buf_fini(&copy);
    return ok;
}

static bool to_binary(struct reader *r, struct json_slot *s)
{
    struct buf bytes;
    buf_init(&bytes, TAG_BATCH, r->scratch->limit);
    bool ok = base64_decode_padded((const char *)r->scratch->data + r->text_at, r->text_length, &bytes);
    s->bytes.offset = r->scratch->size;
    s->bytes.length = bytes.size;
    s->in_scratch = true;
    buf_put(r->scratch, bytes.data, bytes.size);
    buf_fini(&bytes);
    return ok;
}

static bool object(struct reader *r, struct json_node *node);

/* True when the value fits the wanted type; scalar tokens only, and STRING takes everything. */
static bool convert(struct reader *r, struct json_node *node, enum token t, struct json_slot *s)
{
    const char *text = (const char *)r->scratch->data + r->text_at;
    int32_t     days;
    switch (node->want) {
    case WANT_BOOLEAN:
        s->integer = t == T_TRUE;
        return t == T_TRUE || t == T_FALSE;
    case WANT_TINYINT:
    case WANT_SMALLINT:
    case WANT_INT:
    case WANT_BIGINT:
        return t == T_INTEGER && integer_in_range(r, node->want, &s->integer);
    case WANT_FLOAT:
    case WANT_DOUBLE:
        return to_real(r, node, t, s);
    case WANT_DECIMAL:
        return to_decimal(r, node, t, s);
    case WANT_STRING:
        return to_text(r, t, s);
    case WANT_BINARY:
        return t == T_STRING && to_binary(r, s);
    case WANT_DATE:
        if (t != T_STRING || !date_parse(text, r->text_length, &days))
            return false;
        s->integer = days;
        return true;
    case WANT_TIMESTAMP:
        if (t == T_STRING)
            return timestamp_parse(text, r->text_length, r->now_us, &s->integer);
        if (t != T_INTEGER || integer_parse((const char *)r->number, r->number_length, &s->integer) != PARSED_OK)
            return false;
        s->integer = (int64_t)((uint64_t)s->integer * 1000000u); /* seconds; Java wraps */
        return true;
    case WANT_STRUCT:
        break;
    }
    return false;
}

static void clear(struct json_node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        node->children[i].slot.kind = SLOT_MISSING;
        clear(&node->children[i]);
    }
}

/* One field's value into its slot: a bad value leaves what an earlier duplicate gave. False on a syntax error. */
static bool field(struct reader *r, struct json_node *node)
{
    enum token t = next(r);
    if (t == T_ERROR)
        return false;
    if (t == T_NULL) {
        node->slot.kind = SLOT_NULL;
        return true;
    }
    if (node->want == WANT_STRUCT && t == T_OBJECT) {
        clear(node);
        if (!object(r, node))
            return false;
        node->slot.kind = SLOT_SET;
        return true;
    }
    bool             container = t == T_OBJECT || t == T_ARRAY;
    struct json_slot s = {.kind = SLOT_SET};
    if (container && node->want != WANT_STRING) {
        bad_field(r, node, "the value has another type");
        return pass(r, t, NULL);
    }
    if (convert(r, node, t, &s))
        node->slot = s;
    else if (!r->error)
        bad_field(r, node, "the value has another type");
    return !r->error;
}

static struct json_node *find(struct json_node *parent, const uint8_t *name, size_t n)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].name_length == n && memcmp(parent->children[i].name, name, n) == 0)
            return &parent->children[i];
    return NULL;
}

/* Behind the opening brace. */
static bool object(struct reader *r, struct json_node *node)
{
    for (bool first = true; next_name(r, first); first = false) {
        struct json_node *child = find(node, r->scratch->data + r->text_at, r->text_length);
        r->scratch->size = r->text_at;
        if (!(child ? field(r, child) : pass(r, next(r), NULL)))
            return false;
    }
    return !r->error;
}

enum err tolerant_read(const uint8_t *text, size_t n, int64_t now_us, struct json_node *root, struct buf *scratch,
                       struct json_verdict *verdict, struct error *e)
{
    struct reader r = {.p = text, .end = text + n, .now_us = now_us, .scratch = scratch, .verdict = verdict};
    if (!buf_reserve(scratch, 1)) /* so that data is never NULL */
        return buf_check(scratch, "a JSON document", e);
    verdict->kind = JSON_ROW;
    clear(root);
    enum token t = next(&r);
    bool       ok = t == T_OBJECT && object(&r, root);
    if (scratch->failed)
        return buf_check(scratch, "a JSON document", e);
    if (!ok) {
        clear(root);
        verdict->kind = JSON_MALFORMED;
        snprintf(verdict->reason, sizeof verdict->reason, "%s at byte %zu",
                 r.error ? r.error : "the document is not an object", (size_t)(r.p - text));
    }
    return OK;
}

/* ---- one value by its path ---- */

struct step {
    const char *name; /* NULL: an index */
    size_t      length;
    int64_t     index;
};

/* Takes one step of the path; false at its end (length 0) or when it is bad (*p NULL). */
static bool next_step(const char **p, const char *end, struct step *s)
{
    const char *at = *p;
    *s = (struct step){.name = NULL};
    if (at == end)
        return false;
    if (*at == '.') {
        s->name = ++at;
        while (at < end && *at != '.' && *at != '[')
            at++;
        s->length = (size_t)(at - s->name);
    } else if (end - at > 3 && at[0] == '[' && at[1] == '\'') {
        s->name = at + 2;
        for (at += 2; at < end && *at != '\'';)
            at++;
        s->length = (size_t)(at - s->name);
        at = at + 1 < end && at[1] == ']' ? at + 2 : NULL;
    } else if (*at == '[') {
        for (at++; at < end && *at >= '0' && *at <= '9' && s->index < 1000000000; at++)
            s->index = s->index * 10 + (*at - '0');
        at = at < end && *at == ']' && at[-1] != '[' ? at + 1 : NULL;
    } else {
        at = NULL;
    }
    if (at && s->name && (s->length == 0 || *s->name == '*'))
        at = NULL;
    *p = at;
    return at != NULL;
}

static bool evaluate(struct reader *r, enum token t, const char *path, const char *end, struct buf *out);

/* The first member of that name with something at the rest of the path; a NULL has nothing. The object is read to its
 * end: what is broken there makes the whole answer NULL. */
static bool evaluate_member(struct reader *r, const struct step *s, const char *path, const char *end, struct buf *out)
{
    bool found = false;
    for (bool first = true; next_name(r, first); first = false) {
        bool same = r->text_length == s->length && memcmp(r->scratch->data + r->text_at, s->name, s->length) == 0;
        r->scratch->size = r->text_at;
        enum token t = next(r);
        if (same && !found && t != T_NULL)
            found = evaluate(r, t, path, end, out);
        else
            pass(r, t, NULL);
        if (r->error)
            return false;
    }
    return found && !r->error;
}

static bool evaluate_element(struct reader *r, int64_t index, const char *path, const char *end, struct buf *out)
{
    bool found = false, first = true;
    for (int64_t i = 0; next_element(r, first); i++, first = false) {
        if (i == index)
            found = evaluate(r, next(r), path, end, out);
        else
            pass(r, next(r), NULL);
        if (r->error)
            return false;
    }
    return found && !r->error;
}

/* What stands at the path in the value whose first token is t; that value is read whole. */
static bool evaluate(struct reader *r, enum token t, const char *path, const char *end, struct buf *out)
{
    struct step s;
    if (!next_step(&path, end, &s)) {
        if (t != T_STRING)
            return pass(r, t, out);
        if (r->lone)
            return fail(r, "half of a surrogate pair"); /* which a raw copy cannot write */
        buf_put(out, r->scratch->data + r->text_at, r->text_length);
        r->scratch->size = r->text_at;
        return true;
    }
    if (s.name && t == T_OBJECT)
        return evaluate_member(r, &s, path, end, out);
    if (!s.name && t == T_ARRAY)
        return evaluate_element(r, s.index, path, end, out);
    pass(r, t, NULL);
    return false;
}

bool json_path_get(const uint8_t *text, size_t n, const char *path, size_t path_n, struct buf *scratch, struct buf *out)
{
    struct json_verdict verdict;
    struct reader       r = {.p = text, .end = text + n, .scratch = scratch, .verdict = &verdict, .path = true};
    struct step         s;
    const char         *p = path + 1, *end = path + path_n;
    if (path_n == 0 || path[0] != '$' || !buf_reserve(scratch, 1))
        return false;
    while (next_step(&p, end, &s))
        ;
    if (!p)
        return false;
    buf_clear(scratch);
    return evaluate(&r, next(&r), path + 1, end, out) && !r.error && !scratch->failed && !out->failed;
}
