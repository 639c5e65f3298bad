/* SPDX-License-Identifier: MIT */
/* encode and decode: texts as bytes of a character set. */
#include <string.h>
#include <strings.h>

#include "expr/kernel_tools.h"
#include "text/utf8.h"

enum charset { UTF_8, US_ASCII, ISO_8859_1, UTF_16, UTF_16BE, UTF_16LE, UTF_32, NO_CHARSET };

static enum charset charset_of(struct text name)
{
    static const char *const names[] = {"UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32"};
    for (int c = 0; c < NO_CHARSET; c++)
        if (strlen(names[c]) == name.n && strncasecmp(names[c], (const char *)name.p, name.n) == 0)
            return (enum charset)c;
    return NO_CHARSET;
}

static bool no_charset(struct writer *w, uint32_t i, const char *function, struct text name)
{
    expr__fail(w->ev, i, "[INVALID_PARAMETER_VALUE.CHARSET] %s() does not know the character set '%.*s'", function,
               (int)(name.n < 40 ? name.n : 40), (const char *)name.p);
    return false;
}

static bool malformed(struct writer *w, uint32_t i, const char *function)
{
    expr__fail(w->ev, i, "[MALFORMED_CHARACTER_CODING] %s(): a character is not part of the character set", function);
    return false;
}

static void put_16(struct buf *out, uint32_t unit, bool little)
{
    buf_u8(out, (uint8_t)(little ? unit : unit >> 8));
    buf_u8(out, (uint8_t)(little ? unit >> 8 : unit));
}

static bool encode_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text  t = text_at(args, i);
    enum charset set = charset_of(text_at(&args[1], i));
    (void)x;
    if (set == NO_CHARSET)
        return no_charset(w, i, "encode", text_at(&args[1], i));
    if (set == UTF_8) {
        buf_put(&w->text, t.p, t.n);
        return true;
    }
    if (set == UTF_16 && t.n)
        put_16(&w->text, 0xfeff, false);
    for (uint32_t at = 0; at < t.n;) {
        size_t   n = character(t, at);
        uint32_t c = code_point(t.p + at, n);
        if ((set == US_ASCII && c > 0x7f) || (set == ISO_8859_1 && c > 0xff))
            return malformed(w, i, "encode");
        if (set == US_ASCII || set == ISO_8859_1) {
            buf_u8(&w->text, (uint8_t)c);
        } else if (set == UTF_32) {
            put_16(&w->text, c >> 16, false);
            put_16(&w->text, c & 0xffff, false);
        } else if (c < 0x10000) {
            put_16(&w->text, c, set == UTF_16LE);
        } else {
            put_16(&w->text, 0xd800 + ((c - 0x10000) >> 10), set == UTF_16LE);
            put_16(&w->text, 0xdc00 + ((c - 0x10000) & 0x3ff), set == UTF_16LE);
        }
        at += (uint32_t)n;
    }
    return true;
}
TEXT_KERNEL(k_encode, encode_row)

static uint32_t unit_at(struct text t, uint32_t at, bool little)
{
    return little ? (uint32_t)t.p[at] | (uint32_t)t.p[at + 1] << 8 : (uint32_t)t.p[at] << 8 | t.p[at + 1];
}

/* False: it is no UTF-16. */
static bool decode_16(struct buf *out, struct text t, bool little)
{
    for (uint32_t at = 0; at < t.n; at += 2) {
        uint32_t c = at + 1 < t.n ? unit_at(t, at, little) : 0xd800;
        if (c >= 0xd800 && c < 0xdc00) {
            uint32_t low = at + 3 < t.n ? unit_at(t, at + 2, little) : 0;
            if (low < 0xdc00 || low > 0xdfff)
                return false;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            at += 2;
        } else if (c >= 0xdc00 && c < 0xe000) {
            return false;
        }
        buf_code_point(out, c);
    }
    return true;
}

static bool decode_32(struct buf *out, struct text t)
{
    uint32_t at = t.n >= 4 && unit_at(t, 0, false) == 0 && unit_at(t, 2, false) == 0xfeff ? 4 : 0;
    for (; at < t.n; at += 4) {
        uint32_t c = at + 3 < t.n ? unit_at(t, at, false) << 16 | unit_at(t, at + 2, false) : UINT32_MAX;
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return false;
        buf_code_point(out, c);
    }
    return true;
}

static bool decode_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text  t = text_at(args, i);
    enum charset set = charset_of(text_at(&args[1], i));
    bool         ok = true, mark = set == UTF_16 && t.n >= 2;
    (void)x;
    switch (set) {
    case NO_CHARSET:
        return no_charset(w, i, "decode", text_at(&args[1], i));
    case UTF_8:
        ok = utf8_is_valid(t.p, t.n);
        buf_put(&w->text, t.p, t.n);
        break;
    case US_ASCII:
    case ISO_8859_1:
        for (uint32_t at = 0; ok && at < t.n; at++) {
            ok = set == ISO_8859_1 || t.p[at] < 0x80;
            buf_code_point(&w->text, t.p[at]);
        }
        break;
    case UTF_32:
        ok = decode_32(&w->text, t);
        break;
    case UTF_16:
        if (mark && unit_at(t, 0, false) == 0xfeff)
            t = (struct text){t.p + 2, t.n - 2};
        else if (mark && unit_at(t, 0, true) == 0xfeff)
            return decode_16(&w->text, (struct text){t.p + 2, t.n - 2}, true) || malformed(w, i, "decode");
        ok = decode_16(&w->text, t, false);
        break;
    case UTF_16BE:
    case UTF_16LE:
        ok = decode_16(&w->text, t, set == UTF_16LE);
        break;
    }
    return ok || malformed(w, i, "decode");
}
TEXT_KERNEL(k_decode, decode_row)

/* ---- is it UTF-8? ---- */

struct column *k_is_valid_utf8(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(uint8_t, 1);
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i)) {
            struct text t = text_at(args, i);
            out[i] = utf8_is_valid(t.p, t.n);
        }
    STRICT_END(x->type);
}

static bool try_validate_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    buf_put(&w->text, t.p, t.n);
    return utf8_is_valid(t.p, t.n);
}
TEXT_KERNEL(k_try_validate_utf8, try_validate_row)

static bool validate_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    if (try_validate_row(w, x, args, i))
        return true;
    expr__fail(w->ev, i, "[INVALID_UTF8_STRING] the bytes are not those of a text in UTF-8");
    return false;
}
TEXT_KERNEL(k_validate_utf8, validate_row)
