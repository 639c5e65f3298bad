/* SPDX-License-Identifier: MIT */
#include "json/token.h"

#include <math.h>
#include <stdlib.h>

#include "text/base64.h"
#include "text/number.h"
#include "text/utf8.h"

#define ERROR_TOKEN_MAX 256 /* Jackson ErrorReportConfiguration.DEFAULT_MAX_ERROR_TOKEN_LENGTH */

static bool fail_at(struct reader *r, const uint8_t *at, const char *error)
{
    if (!r->error) {
        r->error = error;
        r->error_at = at;
    }
    return false;
}

bool token_fail(struct reader *r, const char *error) { return fail_at(r, r->p, error); }

bool token_begin(struct reader *r, const uint8_t *text, size_t n, struct buf *scratch, struct json_verdict *verdict)
{
    memset(r, 0, offsetof(struct reader, levels));
    r->text = r->p = text;
    r->end = text + n;
    r->scratch = scratch;
    r->verdict = verdict;
    r->level = r->levels;
    r->level[0] = (struct level){.in = IN_NOTHING};
    return buf_reserve(scratch, 1) != NULL; /* so that its data is never NULL */
}

/* ---- characters ---- */

/* What Java takes one character at a time: the rest of the one whose first byte was taken. One beyond the first plane
 * is two there, so half of its bytes. */
static void finish_character(struct reader *r)
{
    uint8_t first = r->p[-1];
    int     more = first < 0x80 ? 0 : first >= 0xe0 && first < 0xf0 ? 2 : 1;
    for (; more > 0 && r->p < r->end && *r->p >> 6 == 2; more--)
        r->p++;
}

/* Behind the first byte of a character that cannot stand there. */
static bool unexpected(struct reader *r, const char *error)
{
    fail_at(r, r->p - 1, error);
    finish_character(r);
    return false;
}

static bool ends_too_early(struct reader *r) { return token_fail(r, "the document ends too early"); }

enum found { FOUND, AT_END, BAD };

static enum found skip_white(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
    if (r->p == r->end)
        return AT_END;
    if (*r->p > ' ' && *r->p != '/')
        return FOUND;
    token_fail(r, *r->p++ == '/' ? "a comment" : "control character between values");
    return BAD;
}

/* To what is no white space; usually there is none. */
static inline enum found skip_space(struct reader *r)
{
    return r->p < r->end && *r->p > ' ' && *r->p != '/' ? FOUND : skip_white(r);
}

/* The next character that is no white space: there must be one. */
static inline bool take(struct reader *r, uint8_t *c)
{
    enum found f = skip_space(r);
    if (f == AT_END)
        return ends_too_early(r);
    *c = f == FOUND ? *r->p++ : 0;
    return f == FOUND;
}

/* Java's identifier characters, and all others of two or three bytes. */
static bool is_identifier(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (c >= 0xc2 && c < 0xf0) || c == 0x7f || c < 9 || (c >= 0xe && c < 0x1c);
}

/* ---- strings ---- */

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The value of the hexadecimal digits ahead, four at the most; how many there are. */
static int hex_ahead(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
    int n = 0;
    for (*out = 0; n < 4 && p + n < end && hex_digit(p[n]) >= 0; n++)
        *out = *out * 16 + (uint32_t)hex_digit(p[n]);
    return n;
}

static bool hex4(struct reader *r, uint32_t *out)
{
    int n = hex_ahead(r->p, r->end, out);
    r->p += n;
    if (n == 4)
        return true;
    if (r->p == r->end)
        return ends_too_early(r);
    r->p++;
    return unexpected(r, "bad \\u escape");
}

/* The low half of a surrogate pair as an escape; moves only when it is there. */
static bool low_half(struct reader *r, uint32_t *low)
{
    if (r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u' || hex_ahead(r->p + 2, r->end, low) < 4 ||
        *low < 0xdc00 || *low >= 0xe000)
        return false;
    r->p += 6;
    return true;
}

/* Behind the backslash: one character, which may be half a surrogate pair. */
static bool escape(struct reader *r, uint32_t *c)
{
    static const char from[] = "\"\\/bfnrt'", to[] = "\"\\/\b\f\n\r\t'"; /* \' where single quotes are allowed */
    if (r->p == r->end)
        return token_fail(r, "unterminated string");
    uint8_t first = *r->p++;
    if (first == 'u')
        return hex4(r, c);
    const char *at = first ? strchr(from, first) : NULL;
    if (!at)
        return unexpected(r, "unknown escape");
    *c = (uint8_t)to[at - from];
    return true;
}

/* A lone half of a pair becomes '?' in a text, as Java's encoder writes it. */
static void put_escaped(struct reader *r, uint32_t c, struct buf *out)
{
    uint32_t low;
    if (c >= 0xd800 && c < 0xdc00 && low_half(r, &low)) {
        buf_code_point(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
        return;
    }
    bool lone = c >= 0xd800 && c < 0xe000;
    if (lone)
        r->lone = true;
    if (lone && !r->copying)
        buf_u8(out, '?');
    else
        buf_code_point(out, c);
}

/* From within a string to behind its closing quote; its text to `out` unless NULL. */
static bool finish_string(struct reader *r, uint8_t quote, struct buf *out)
{
    r->lone = false;
    for (;;) {
        const uint8_t *from = r->p;
        while (r->p < r->end && *r->p != quote && *r->p != '\\' && (*r->p >= 0x20 || r->path))
            r->p++;
        if (out)
            utf8_repair(from, (size_t)(r->p - from), out);
        if (r->p == r->end)
            return token_fail(r, "unterminated string");
        uint8_t  c = *r->p++;
        uint32_t escaped;
        if (c == quote)
            return true;
        if (c < 0x20)
            return token_fail(r, "control character in a string");
        if (!escape(r, &escaped))
            return false;
        if (out)
            put_escaped(r, escaped, out);
    }
}

/* A string of ASCII without escapes needs no work: moves behind it. Else stays. */
static bool plain_string(struct reader *r, uint8_t quote)
{
    const uint8_t *p = r->p;
    while (p < r->end && *p != quote && *p != '\\' && *p >= 0x20 && *p < 0x80)
        p++;
    if (p == r->end || *p != quote)
        return false;
    r->plain = r->p;
    r->text_length = (size_t)(p - r->p);
    r->p = p + 1;
    r->lone = false;
    return true;
}

/* The string whose opening quote is at `from`. */
static bool string_at(struct reader *r, const uint8_t *from)
{
    r->p = from + 1;
    r->plain = NULL;
    r->text_at = r->scratch->size;
    if (plain_string(r, *from))
        return true;
    bool ok = finish_string(r, *from, r->scratch);
    if (!ok)
        r->scratch->size = r->text_at;
    r->text_length = r->scratch->size - r->text_at;
    return ok;
}

bool token_text(struct reader *r)
{
    const uint8_t *after = r->p;
    bool           open = r->open;
    r->open = false;
    bool ok = string_at(r, r->string);
    if (!open)
        r->p = after;
    return ok;
}

bool token_name(struct reader *r)
{
    bool           opens = r->token == T_OBJECT || r->token == T_ARRAY;
    const uint8_t *after = r->p;
    uint32_t       name = opens ? r->level[-1].name : r->level->name;
    if (!name)
        return false;
    bool ok = string_at(r, r->text + name - 1);
    r->p = after;
    return ok;
}

/* The groups of four as they stand in the document. Where Jackson stops at a mistake, it goes on. */
static bool open_base64(struct reader *r, struct buf *out)
{
    uint32_t group = 0;
    bool     padded = false;
    for (int at = 0; r->p < r->end;) {
        uint32_t c = *r->p++;
        if (c == '"') {
            r->open = at != 0;
            if (at > 1 && !padded)
                r->p--; /* for the missing padding only, Jackson steps back */
            return at == 0 || token_fail(r, "no base64");
        }
        if (c == '\\' && !escape(r, &c))
            return false;
        if (at == 0 && c <= ' ')
            continue;
        int digit = base64_digit(c);
        if (c == '=' && at > 1)
            digit = 0;
        else if (padded)
            digit = -1;
        if (digit < 0)
            return unexpected(r, "no base64");
        group = group << 6 | (uint32_t)digit;
        if (at == 3)
            for (int i = 0, bytes = padded ? 1 : c == '=' ? 2 : 3; i < bytes; i++)
                buf_u8(out, (uint8_t)(group >> (16 - 8 * i)));
        padded = c == '=' && at == 2;
        at = (at + 1) % 4;
    }
    return ends_too_early(r);
}

bool token_base64(struct reader *r, struct buf *out)
{
    if (r->open) {
        r->p = r->string + 1;
        return open_base64(r, out);
    }
    bool ok = token_text(r) && base64_decode_padded((const char *)token_bytes(r), r->text_length, out);
    r->scratch->size = r->text_at;
    return ok;
}

/* ---- numbers and words ---- */

/* Jackson looks for the end of what is no word, to name it. `n` characters of it were taken. */
static bool no_word(struct reader *r, size_t n)
{
    fail_at(r, r->p - n, "unknown word");
    for (; n < ERROR_TOKEN_MAX && r->p < r->end && is_identifier(*r->p); n++) {
        r->p++;
        finish_character(r);
    }
    return false;
}

/* The first n characters of the word were taken. */
static bool word(struct reader *r, const char *text, size_t n)
{
    for (; text[n]; n++, r->p++)
        if (r->p == r->end || *r->p != (uint8_t)text[n])
            return no_word(r, n);
    return r->p == r->end || *r->p < '0' || !is_identifier(*r->p) || no_word(r, n);
}

static enum token special(struct reader *r, const uint8_t *from, const char *text, size_t n)
{
    if (!word(r, text, n))
        return T_ERROR;
    if (r->path)
        return token_fail(r, "unknown word"), T_ERROR;
    r->number = from;
    r->number_length = (size_t)(r->p - from);
    return T_FLOAT;
}

/* A sign with no digit behind it: it was taken, and what follows it is not. */
static enum token signed_word(struct reader *r, const uint8_t *from)
{
    bool negative = *from == '-';
    if (r->p == r->end)
        return ends_too_early(r), T_ERROR;
    if (*r->p++ == 'I') {
        if (r->p == r->end)
            return ends_too_early(r), T_ERROR;
        uint8_t c = *r->p++;
        if (c == 'N')
            return special(r, from, negative ? "-INF" : "+INF", 3);
        if (c == 'n')
            return special(r, from, negative ? "-Infinity" : "+Infinity", 3);
    }
    unexpected(r, "bad number");
    return T_ERROR;
}

static size_t run_of_digits(struct reader *r)
{
    const uint8_t *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - from);
}

/* A digit is missing where p is. Jackson's quick way forgets all behind `quick`, the slow way takes the character. */
static enum token no_digit(struct reader *r, const uint8_t *quick)
{
    token_fail(r, "bad number");
    if (quick) {
        r->p = quick;
    } else if (r->p < r->end) {
        r->p++;
        finish_character(r);
    }
    return T_ERROR;
}

/* Behind the first character, a digit or a minus. */
static enum token number(struct reader *r)
{
    const uint8_t *from = r->p - 1, *quick = NULL;
    bool           is_float = false;
    if (*from == '-' && (r->p == r->end || *r->p < '0' || *r->p > '9'))
        return signed_word(r, from);
    r->p = from + (*from == '-');
    bool   zero = *r->p == '0'; /* takes the slow way */
    size_t n = run_of_digits(r);
    if (zero && n > 1) {
        r->p -= n - 1;
        return token_fail(r, "a number with a leading zero"), T_ERROR;
    }
    for (int part = 0; part < 2 && r->p < r->end; part++) { /* fraction, exponent */
        if (part ? (*r->p | 0x20) != 'e' : *r->p != '.')
            continue;
        r->p++;
        quick = zero ? NULL : is_float ? quick : r->p;
        is_float = true;
        if (part && r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        size_t digits = run_of_digits(r);
        if (digits == 0)
            return no_digit(r, quick);
        n += digits;
    }
    r->number = from;
    r->number_length = (size_t)(r->p - from);
    if (r->level->in == IN_NOTHING && r->p < r->end && (*r->p == 0 || !strchr(" \t\r\n", *r->p)))
        return token_fail(r, "bad number"), T_ERROR;
    if (n > NUMBER_DIGITS_MAX)
        return token_fail(r, "a number that is too long"), T_ERROR;
    return is_float ? T_FLOAT : T_INTEGER;
}

/* ---- tokens ---- */

static bool open_level(struct reader *r, enum token t)
{
    if (r->level == r->levels + DEPTH_MAX + 1)
        return token_fail(r, "nested too deep");
    *++r->level = (struct level){.in = t == T_OBJECT ? IN_OBJECT : IN_ARRAY};
    return r->level - r->levels <= DEPTH_MAX || token_fail(r, "nested too deep");
}

/* Behind the first character of a value. */
static enum token value(struct reader *r, uint8_t c)
{
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(r);
    switch (c) {
    case '{':
        return T_OBJECT;
    case '[':
        return T_ARRAY;
    case '"':
        r->string = r->p - 1;
        r->open = true;
        return T_STRING;
    case '\'': /* is read at once, unlike the other */
        r->string = r->p - 1;
        return finish_string(r, c, NULL) ? T_STRING : T_ERROR;
    case 't':
        return word(r, "true", 1) ? T_TRUE : T_ERROR;
    case 'f':
        return word(r, "false", 1) ? T_FALSE : T_ERROR;
    case 'n':
        return word(r, "null", 1) ? T_NULL : T_ERROR;
    case 'N':
        return special(r, r->p - 1, "NaN", 1);
    case 'I':
        return special(r, r->p - 1, "Infinity", 1);
    case '+':
        return signed_word(r, r->p - 1);
    default:
        break;
    }
    bool begins_word = is_identifier(c) && c != 0x7f;
    unexpected(r, begins_word ? "unknown word" : "unexpected character");
    if (begins_word)
        no_word(r, 1);
    return T_ERROR;
}

/* Behind the first character of a name: the name and the colon. */
static bool name(struct reader *r, uint8_t c)
{
    const uint8_t *from = r->p - 1;
    if (c != '"' && c != '\'')
        return unexpected(r, "a field name is missing");
    if (!finish_string(r, c, NULL))
        return false;
    r->level->name = (uint32_t)(from - r->text) + 1;
    r->token = T_NAME;
    if (!take(r, &c))
        return false;
    return c == ':' || unexpected(r, "a colon is missing");
}

static enum token close_level(struct reader *r, uint8_t c)
{
    if (r->level->in != (c == ']' ? IN_ARRAY : IN_OBJECT))
        return token_fail(r, "a bracket that closes nothing"), T_ERROR;
    r->level--;
    return r->token = c == ']' ? T_ARRAY_END : T_OBJECT_END;
}

static enum token behind_name(struct reader *r)
{
    enum token t = r->value;
    r->value = T_NONE;
    if ((t == T_OBJECT || t == T_ARRAY) && !open_level(r, t))
        return T_ERROR;
    return r->token = t;
}

enum token token_next(struct reader *r)
{
    uint8_t c;
    if (r->token == T_NAME)
        return behind_name(r);
    if (r->open) {
        r->open = false;
        if (!finish_string(r, '"', NULL))
            return T_ERROR;
    }
    switch (skip_space(r)) {
    case FOUND:
        break;
    case AT_END:
        if (r->level->in == IN_NOTHING)
            return r->token = T_NONE;
        ends_too_early(r);
        return T_ERROR;
    case BAD:
        return T_ERROR;
    }
    c = *r->p++;
    if (c == ']' || c == '}')
        return close_level(r, c);
    bool comma = r->level->begun && r->level->in != IN_NOTHING;
    r->level->begun = true;
    if (comma && c != ',') {
        unexpected(r, "a comma is missing");
        return T_ERROR;
    }
    if (comma && !take(r, &c))
        return T_ERROR;
    if (r->level->in == IN_OBJECT) {
        if (!name(r, c) || !take(r, &c))
            return T_ERROR;
        enum token t = value(r, c);
        if (t == T_ERROR)
            return T_ERROR;
        r->value = t;
        return T_NAME;
    }
    enum token t = value(r, c);
    if (t == T_ERROR || ((t == T_OBJECT || t == T_ARRAY) && !open_level(r, t)))
        return T_ERROR;
    return r->token = t;
}

bool token_enter(struct reader *r, const uint8_t *from)
{
    r->p = from + 1;
    r->value = T_NONE;
    r->open = false;
    r->token = T_OBJECT;
    return open_level(r, T_OBJECT);
}

bool token_skip(struct reader *r)
{
    if (r->token != T_OBJECT && r->token != T_ARRAY)
        return true;
    for (int open = 1; open > 0;) {
        enum token t = token_next(r);
        if (t == T_ERROR)
            return false;
        if (t == T_NONE)
            return r->level->in == IN_NOTHING || ends_too_early(r);
        open += (t == T_OBJECT || t == T_ARRAY) - (t == T_OBJECT_END || t == T_ARRAY_END);
    }
    return true;
}

/* ---- copying ---- */

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

static bool put_string(struct reader *r, bool read, struct buf *out)
{
    if (!read)
        return false;
    put_json_string(out, token_bytes(r), r->text_length);
    r->scratch->size = r->text_at;
    return true;
}

/* The current token as it stands in a document. */
static bool put_token(struct reader *r, struct buf *out)
{
    static const char *const signs[] = {[T_OBJECT] = "{",  [T_OBJECT_END] = "}", [T_ARRAY] = "[",  [T_ARRAY_END] = "]",
                                        [T_TRUE] = "true", [T_FALSE] = "false",  [T_NULL] = "null"};
    if (r->token == T_NAME) {
        bool ok = put_string(r, token_name(r), out);
        buf_u8(out, ':');
        return ok;
    }
    if (r->token == T_STRING)
        return put_string(r, token_text(r), out);
    if (r->token == T_INTEGER || r->token == T_FLOAT)
        put_number(r, r->token, out);
    else
        buf_puts(out, signs[r->token]);
    return true;
}

bool token_copy(struct reader *r, struct buf *out)
{
    bool ok = true, comma = false;
    int  open = r->token == T_OBJECT || r->token == T_ARRAY;
    if (r->token == T_OBJECT_END || r->token == T_ARRAY_END)
        return token_fail(r, "a bracket that closes nothing");
    if (!open)
        return put_token(r, out);
    r->copying = true;
    put_token(r, out);
    while (ok && open > 0) {
        enum token t = token_next(r);
        bool       end = t == T_OBJECT_END || t == T_ARRAY_END, begin = t == T_OBJECT || t == T_ARRAY;
        if (t == T_NONE || t == T_ERROR) {
            ok = t == T_NONE;
            break;
        }
        open += begin - end;
        if (comma && !end)
            buf_u8(out, ',');
        ok = put_token(r, out);
        comma = !begin && t != T_NAME;
    }
    r->copying = false;
    return ok;
}
