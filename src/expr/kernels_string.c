/* SPDX-License-Identifier: MIT */
/* More texts: padding, positions, parts, distances, character sets. Source of the rules: Spark's UTF8String. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "expr/kernel_tools.h"
#include "text/base64.h"
#include "text/number.h"
#include "text/utf8.h"

/* ---- characters ---- */

/* From character `start`, `want` of them (bytes of a BINARY). */
static struct text part(struct text t, bool bytes, int64_t start, int64_t want)
{
    int64_t length = bytes ? t.n : (int64_t)utf8_length(t.p, t.n);
    int64_t end = start + want > length ? length : start + want;
    if (start < 0)
        start = 0;
    if (start >= end)
        return (struct text){t.p, 0};
    size_t from = bytes ? (size_t)start : utf8_offset(t.p, t.n, (size_t)start);
    size_t to = bytes ? (size_t)end : from + utf8_offset(t.p + from, t.n - from, (size_t)(end - start));
    return (struct text){t.p + from, (uint32_t)(to - from)};
}

static void put(struct writer *w, struct text t) { buf_put(&w->text, t.p, t.n); }

static bool is_bytes(const struct expr *x) { return x->type->kind == TYPE_BINARY; }

/* ---- padding, repeating ---- */

static bool pad(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i, bool front)
{
    struct text t = text_at(args, i), with = {(const uint8_t *)(is_bytes(x) ? "\0" : " "), 1};
    if (x->n_args > 2)
        with = text_at(&args[2], i);
    int64_t want = int_at(&args[1], i), have = is_bytes(x) ? t.n : (int64_t)utf8_length(t.p, t.n);
    if (want <= have || with.n == 0) {
        put(w, part(t, is_bytes(x), 0, want < 0 ? 0 : want));
        return true;
    }
    int64_t missing = want - have, length = is_bytes(x) ? with.n : (int64_t)utf8_length(with.p, with.n);
    if (missing / length * with.n > (int64_t)COLUMN_BYTES_MAX) {
        buf_reserve(&w->text, COLUMN_BYTES_MAX + 1); /* fails */
        return true;
    }
    if (!front)
        put(w, t);
    for (; missing >= length && !w->text.failed; missing -= length)
        put(w, with);
    put(w, part(with, is_bytes(x), 0, missing));
    if (front)
        put(w, t);
    return true;
}

static bool lpad_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return pad(w, x, args, i, true);
}
TEXT_KERNEL(k_lpad, lpad_row)

static bool rpad_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return pad(w, x, args, i, false);
}
TEXT_KERNEL(k_rpad, rpad_row)

static bool repeat_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    for (int32_t k = int_at(&args[1], i); t.n && k > 0 && !w->text.failed; k--)
        put(w, t);
    return true;
}
TEXT_KERNEL(k_repeat, repeat_row)

static bool space_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)x;
    for (int32_t k = int_at(args, i); k > 0 && !w->text.failed; k--)
        buf_u8(&w->text, ' ');
    return true;
}
TEXT_KERNEL(k_space, space_row)

static bool reverse_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    for (uint32_t end = t.n; end > 0;) {
        uint32_t at = end - 1;
        while (at > 0 && (t.p[at] & 0xc0) == 0x80)
            at--;
        buf_put(&w->text, t.p + at, end - at);
        end = at;
    }
    return true;
}
TEXT_KERNEL(k_reverse, reverse_row)

/* ---- case ---- */

/* A letter behind a blank (or in front) in title case, the others in lower case. The whole text is lowered at once,
 * because a sigma at the end of a word is another letter; `lower` runs along. */
static bool initcap_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    struct buf  lower, one;
    size_t      along = 0;
    (void)x;
    buf_init(&lower, TAG_BATCH, COLUMN_BYTES_MAX);
    buf_init(&one, TAG_BATCH, COLUMN_BYTES_MAX);
    utf8_lower(t.p, t.n, &lower);
    for (uint32_t at = 0; !lower.failed && at < t.n;) {
        size_t n = character(t, at);
        buf_clear(&one);
        utf8_lower(t.p + at, n, &one);
        size_t lowered = one.size;
        if (at == 0 || t.p[at - 1] == ' ') {
            buf_clear(&one);
            utf8_upper(t.p + at, n, &one);
            size_t first = one.size ? utf8_offset(one.data, one.size, 1) : 0;
            buf_put(&w->text, one.data, first);
            if (one.size > first)
                utf8_lower(one.data + first, one.size - first, &w->text);
        } else {
            buf_put(&w->text, lower.data + along, lowered);
        }
        along += lowered;
        at += (uint32_t)n;
    }
    w->text.failed = w->text.failed || lower.failed || one.failed;
    buf_fini(&lower);
    buf_fini(&one);
    return true;
}
TEXT_KERNEL(k_initcap, initcap_row)

/* Every character of the second text becomes the one at its place in the third, or goes. */
static bool translate_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i), from = text_at(&args[1], i), to = text_at(&args[2], i);
    (void)x;
    for (uint32_t at = 0; at < t.n;) {
        size_t   n = character(t, at);
        uint32_t f = 0, g = 0;
        bool     found = false;
        while (f < from.n && !found) {
            size_t m = character(from, f);
            found = m == n && memcmp(from.p + f, t.p + at, n) == 0;
            if (!found) {
                f += (uint32_t)m;
                g += g < to.n ? (uint32_t)character(to, g) : 0;
            }
        }
        if (!found)
            buf_put(&w->text, t.p + at, n);
        else if (g < to.n)
            buf_put(&w->text, to.p + g, character(to, g));
        at += (uint32_t)n;
    }
    return true;
}
TEXT_KERNEL(k_translate, translate_row)

/* ---- parts ---- */

static bool left_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    int32_t want = int_at(&args[1], i);
    put(w, part(text_at(args, i), is_bytes(x), 0, want < 0 ? 0 : want));
    return true;
}
TEXT_KERNEL(k_left, left_row)

static bool right_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    int64_t     want = int_at(&args[1], i), have = (int64_t)utf8_length(t.p, t.n);
    (void)x;
    if (want > 0)
        put(w, part(t, false, want > have ? 0 : have - want, want > have ? have : want));
    return true;
}
TEXT_KERNEL(k_right, right_row)

/* substring(x, position, length) of SQL, as Spark's substringSQL: position 0 counts as 1. */
static struct text substring(struct text t, bool bytes, int64_t position, int64_t want)
{
    int64_t length = bytes ? t.n : (int64_t)utf8_length(t.p, t.n);
    int64_t start = position > 0 ? position - 1 : position < 0 ? length + position : 0;
    int64_t end = start + want > INT32_MAX ? INT32_MAX : start + want;
    return start < 0 ? part(t, bytes, 0, end) : part(t, bytes, start, end - start);
}

static bool overlay_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i), with = text_at(&args[1], i);
    bool        bytes = is_bytes(x);
    int32_t     at = int_at(&args[2], i);
    int64_t     length = x->n_args > 3 ? int_at(&args[3], i) : -1;
    if (length < 0)
        length = bytes ? with.n : (int64_t)utf8_length(with.p, with.n);
    put(w, substring(t, bytes, 1, (int64_t)at - 1));
    put(w, with);
    put(w, substring(t, bytes, (int32_t)((uint32_t)at + (uint32_t)length), INT32_MAX));
    return true;
}
TEXT_KERNEL(k_overlay, overlay_row)

/* Where `what` begins in t, at or behind byte `from`; -1 when nowhere. */
static int64_t find(struct text t, int64_t from, struct text what)
{
    if (from > t.n)
        return -1;
    const uint8_t *at = memmem(t.p + from, t.n - (size_t)from, what.p, what.n);
    return at ? at - t.p : -1;
}

static int64_t find_last(struct text t, int64_t from, struct text what)
{
    for (int64_t at = from; at >= 0; at--)
        if (at + what.n <= t.n && memcmp(t.p + at, what.p, what.n) == 0)
            return at;
    return -1;
}

static bool substring_index_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i), by = text_at(&args[1], i);
    int64_t     count = int_at(&args[2], i), at = count > 0 ? -1 : (int64_t)t.n - by.n + 1;
    (void)x;
    if (by.n == 0 || count == 0)
        return true;
    bool front = count > 0;
    for (count = front ? count : -count; count > 0; count--)
        if ((at = front ? find(t, at + 1, by) : find_last(t, at - 1, by)) < 0) {
            put(w, t);
            return true;
        }
    if (front)
        buf_put(&w->text, t.p, (size_t)at);
    else
        buf_put(&w->text, t.p + at + by.n, t.n - (size_t)at - by.n);
    return true;
}
TEXT_KERNEL(k_substring_index, substring_index_row)

/* Not strict: NULLs behind the separator are left out. */
struct column *k_concat_ws(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct builder b;
    struct buf     row;
    struct column *out = NULL;
    buf_init(&row, TAG_BATCH, COLUMN_BYTES_MAX);
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; i < n && !row.failed; i++) {
        bool first = true;
        if (!vec_valid(args, i)) {
            builder_null(&b);
            continue;
        }
        struct text by = text_at(args, i);
        buf_clear(&row);
        for (int a = 1; a < x->n_args; a++) {
            if (!vec_valid(&args[a], i))
                continue;
            struct text t = text_at(&args[a], i);
            buf_put(&row, by.p, first ? 0 : by.n);
            buf_put(&row, t.p, t.n);
            first = false;
        }
        builder_bytes(&b, row.data, row.size);
    }
    if (buf_check(&row, "a text", ev->error) != OK || builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    buf_fini(&row);
    return out;
}

/* The n-th argument behind the first. */
struct column *k_elt(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct builder b;
    struct column *out = NULL;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; i < n && ev->error->code == OK; i++) {
        int32_t at = vec_valid(args, i) ? int_at(args, i) : 1;
        if (!vec_valid(args, i)) {
            builder_null(&b);
        } else if (at < 1 || at >= x->n_args) {
            expr__fail(ev, i, "[INVALID_ARRAY_INDEX] there is no argument %d: there are %d", at, x->n_args - 1);
            builder_null(&b);
        } else {
            builder_copy(&b, args[at].c, i * args[at].step);
        }
    }
    if (ev->error->code != OK || builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

/* ---- answers that are INT ---- */

typedef int32_t measure_cb(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i);

static struct column *measure(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                              measure_cb *f)
{
    STRICT_BEGIN(int32_t, x->n_args)
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i))
            out[i] = f(ev, x, args, i);
    STRICT_END(x->type);
}

#define MEASURE(name)                                                                                        \
    struct column *k_##name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                        \
        return measure(ev, x, args, n, name##_row);                                                          \
    }

static int32_t octet_length_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)ev;
    (void)x;
    return (int32_t)text_at(args, i).n;
}
MEASURE(octet_length)

static int32_t bit_length_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i)
{
    return (int32_t)((uint32_t)octet_length_row(ev, x, args, i) * 8);
}
MEASURE(bit_length)

static int32_t position_of(struct text t, struct text what, int64_t start)
{
    if (start < 1)
        return 0;
    if (what.n == 0)
        return 1;
    size_t  from = utf8_offset(t.p, t.n, (size_t)start - 1);
    int64_t at = find(t, (int64_t)from, what);
    return at < 0 ? 0 : (int32_t)utf8_length(t.p, (size_t)at) + 1;
}

static int32_t instr_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)ev;
    (void)x;
    return position_of(text_at(args, i), text_at(&args[1], i), 1);
}
MEASURE(instr)

/* locate(what, text [, from]): 0 when from is NULL, but NULL when another is. */
struct column *k_locate(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(int32_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        bool from = x->n_args < 3 || vec_valid(&args[2], i);
        if (x->n_args > 2 && !from) {
            if (valid && IS_NULL_AT(i)) {
                valid[i / 8] |= (uint8_t)(1u << (i % 8));
                n_nulls--;
            }
        } else if (!IS_NULL_AT(i)) {
            out[i] = position_of(text_at(&args[1], i), text_at(args, i), x->n_args > 2 ? int_at(&args[2], i) : 1);
        }
    }
    STRICT_END(x->type);
}

static int32_t ascii_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)ev;
    (void)x;
    return t.n ? (int32_t)code_point(t.p, character(t, 0)) : 0;
}
MEASURE(ascii)

/* Which of the parts between commas it is; 0 when none or when it holds a comma itself. */
static int32_t find_in_set_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text what = text_at(args, i), set = text_at(&args[1], i);
    int32_t     at = 1;
    (void)ev;
    (void)x;
    if (what.n && memchr(what.p, ',', what.n))
        return 0;
    for (uint32_t from = 0;; at++) {
        const uint8_t *comma = from < set.n ? memchr(set.p + from, ',', set.n - from) : NULL;
        uint32_t       end = comma ? (uint32_t)(comma - set.p) : set.n;
        if (end - from == what.n && (what.n == 0 || memcmp(set.p + from, what.p, what.n) == 0))
            return at;
        if (!comma)
            return 0;
        from = end + 1;
    }
}
MEASURE(find_in_set)

/* Between code points, two rows of the table at a time. -1: no memory. */
static int32_t distance(struct text a, struct text b)
{
    size_t    n = utf8_length(b.p, b.n);
    uint32_t *row = mem_alloc(TAG_BATCH, 2 * (n + 1) * sizeof *row), *letters = row + n + 1;
    if (!row)
        return -1;
    for (uint32_t at = 0, k = 0; at < b.n; k++) {
        size_t m = character(b, at);
        letters[k] = code_point(b.p + at, m);
        at += (uint32_t)m;
    }
    for (size_t k = 0; k <= n; k++)
        row[k] = (uint32_t)k;
    for (uint32_t at = 0, line = 1; at < a.n; line++) {
        size_t   m = character(a, at);
        uint32_t c = code_point(a.p + at, m), before = row[0];
        row[0] = line;
        for (size_t k = 1; k <= n; k++) {
            uint32_t replaced = before + (c != letters[k - 1]), gone = row[k] + 1, added = row[k - 1] + 1;
            before = row[k];
            row[k] = replaced < gone ? (replaced < added ? replaced : added) : gone < added ? gone : added;
        }
        at += (uint32_t)m;
    }
    int32_t answer = (int32_t)row[n];
    mem_free(row);
    return answer;
}

static int32_t levenshtein_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i)
{
    int32_t d = distance(text_at(args, i), text_at(&args[1], i));
    if (d < 0)
        expr__no_memory(ev);
    return x->n_args > 2 && d > int_at(&args[2], i) ? -1 : d;
}

struct column *k_levenshtein(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct column *c = measure(ev, x, args, n, levenshtein_row);
    if (c && ev->error->code != OK) {
        column_free(c);
        c = NULL;
    }
    return c;
}

static bool luhn(struct text t)
{
    unsigned sum = 0;
    bool     twice = false;
    for (uint32_t i = t.n; i > 0; i--, twice = !twice) {
        unsigned d = (unsigned)t.p[i - 1] - '0';
        if (d > 9)
            return false;
        d = twice ? d * 2 : d;
        sum += d > 9 ? d - 9 : d;
    }
    return t.n > 0 && sum % 10 == 0;
}

struct column *k_luhn_check(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(uint8_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = !IS_NULL_AT(i) && luhn(text_at(args, i));
    STRICT_END(x->type);
}

/* ---- characters and codes ---- */

static bool char_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    int64_t v = column_i64(args[0].c)[i * args[0].step];
    (void)x;
    if (v >= 0)
        buf_code_point(&w->text, (uint32_t)(v & 0xff));
    return true;
}
TEXT_KERNEL(k_char, char_row)

static bool soundex_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    static const char codes[] = "01230127022455012623017202";
    struct text       t = text_at(args, i);
    char              out[5] = "0000";
    int               n = 1;
    (void)x;
    uint8_t first = t.n ? t.p[0] : 0;
    if (first >= 'a' && first <= 'z')
        first = (uint8_t)(first - 32);
    if (first < 'A' || first > 'Z') {
        put(w, t);
        return true;
    }
    out[0] = (char)first;
    char last = codes[first - 'A'];
    for (uint32_t k = 1; k < t.n && n < 4; k++) {
        uint8_t c = t.p[k] >= 'a' && t.p[k] <= 'z' ? (uint8_t)(t.p[k] - 32) : t.p[k];
        if (c < 'A' || c > 'Z') {
            last = '0';
            continue;
        }
        char code = codes[c - 'A'];
        if (code == '7') /* H and W do not stand between equal codes */
            continue;
        if (code != '0' && code != last)
            out[n++] = code;
        last = code;
    }
    buf_puts(&w->text, out);
    return true;
}
TEXT_KERNEL(k_soundex, soundex_row)

static int nibble(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool unhex_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    for (uint32_t at = 0; at < t.n; at++) {
        int high = at == 0 && t.n % 2 ? 0 : nibble(t.p[at++]), low = nibble(t.p[at]);
        if (high < 0 || low < 0)
            return false;
        buf_u8(&w->text, (uint8_t)(high << 4 | low));
    }
    return true;
}
TEXT_KERNEL(k_unhex, unhex_row)

/* Letters, digits, + and /, blanks between them; a last group of two or three letters may end with =. */
static bool is_base64(struct text t)
{
    uint32_t letters = 0;
    for (uint32_t i = 0; i < t.n; i++) {
        uint8_t c = t.p[i];
        if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f))
            continue;
        if (c == '=')
            return letters % 4 == 2 ? i + 2 == t.n && t.p[i + 1] == '=' : letters % 4 == 3 && i + 1 == t.n;
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
        letters++;
    }
    return letters % 4 != 1;
}

static bool to_binary_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    char        format = (char)(text_at(&args[1], i).p[0] | 0x20);
    bool        ok = true;
    if (format == 'u')
        put(w, t);
    else
        ok = format == 'h' ? unhex_row(w, x, args, i) : is_base64(t) && base64_decode((const char *)t.p, t.n, &w->text);
    if (!ok)
        expr__fail(w->ev, i, "[CONVERSION_INVALID_INPUT] the text '%.*s' is not %s", (int)(t.n < 60 ? t.n : 60),
                   (const char *)t.p, format == 'h' ? "hexadecimal" : "base64");
    return ok;
}
TEXT_KERNEL(k_to_binary, to_binary_row)

/* ---- mask ---- */

static bool mask_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    for (uint32_t at = 0; at < t.n;) {
        size_t n = character(t, at);
        enum utf8_class class = utf8_classify(t.p + at, n);
        const struct vec *by = &args[class == UTF8_UPPER ? 1 : class == UTF8_LOWER ? 2 : class == UTF8_DIGIT ? 3 : 4];
        if (n == 4)
            by = &args[4];
        if (!vec_valid(by, i))
            buf_put(&w->text, t.p + at, n);
        for (int k = 0; vec_valid(by, i) && k < 1 + (n == 4); k++) /* Java has two halves of what is beyond a plane */
            put(w, text_at(by, i));
        at += (uint32_t)n;
    }
    return true;
}

/* Strict in the text only. */
struct column *k_mask(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct expr of_text = *x;
    of_text.n_args = 1;
    return expr__write_rows(ev, &of_text, args, n, mask_row);
}

/* ---- numbers laid out ---- */

/* v with so many digits behind the point: what Java prints for it, zeros behind that; rounded half to even. */
static void print_plain(double v, int digits, char *out, size_t size)
{
    char text[NUMBER_TEXT_MAX];
    double_print(v, text);
    const char *e = strchr(text, 'E'), *point = strchr(text, '.');
    int significant = (int)(e ? e - point : (long)strlen(point)) - 1, shift = e ? (int)strtol(e + 1, NULL, 10) : 0;
    int behind = significant - shift > 0 ? significant - shift : 0; /* digits behind the point in plain writing */
    snprintf(out, size, "%.*f", behind < digits ? behind : digits, v);
    size_t      whole = strcspn(out, "."), n = strlen(out), k = signbit(v) ? 1 : 0;
    const char *digit = text + k;
    for (; behind == 0 && k < whole; k++) { /* a whole number: the digits Java knows, then zeros */
        digit += *digit == '.';
        out[k] = *digit && *digit != 'E' ? *digit++ : '0';
    }
    if (n == whole && digits > 0)
        out[n++] = '.';
    for (int have = n > whole ? (int)(n - whole) - 1 : 0; have < digits && n + 1 < size; have++)
        out[n++] = '0';
    out[n] = 0;
}

/* Thousands with commas, that many digits behind the point, half to even. */
static bool format_number_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    int32_t digits = int_at(&args[1], i);
    char    text[800];
    (void)x;
    if (digits < 0)
        return false;
    if (is_real(args[0].c->type)) {
        double v = load_real(args[0].c, i * args[0].step);
        if (!isfinite(v)) {
            buf_puts(&w->text, isnan(v) ? "NaN" : v < 0 ? "-\xe2\x88\x9e" : "\xe2\x88\x9e");
            return true;
        }
        print_plain(v, digits > 340 ? 340 : digits, text, sizeof text);
    } else {
        int n = snprintf(text, sizeof text, "%" PRId64, column_integer(args[0].c, i * args[0].step));
        if (digits > 0)
            snprintf(text + n, sizeof text - (size_t)n, ".%0*d", digits > 340 ? 340 : digits, 0);
    }
    size_t whole = strcspn(text, ".");
    for (size_t k = 0; k < whole; k++) {
        buf_u8(&w->text, (uint8_t)text[k]);
        if (k + 1 < whole && (whole - k - 1) % 3 == 0 && text[k] != '-')
            buf_u8(&w->text, ',');
    }
    buf_puts(&w->text, text + whole);
    return true;
}
TEXT_KERNEL(k_format_number, format_number_row)
