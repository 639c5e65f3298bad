/* SPDX-License-Identifier: MIT */
/* Texts and bytes: kernels that write a STRING or BINARY column front to back. */
#include <stdlib.h>
#include <string.h>

#include "expr/kernel_tools.h"
#include "text/base64.h"
#include "text/digest.h"
#include "text/utf8.h"
#include "json/path.h"
#include "json/record.h"

static bool writer_init(struct writer *w, struct evaluation *ev, const struct expr *x)
{
    *w = (struct writer){.ev = ev};
    buf_init(&w->text, TAG_BATCH, COLUMN_BYTES_MAX);
    return builder_init(&w->b, x->type, ev->error) == OK;
}

static struct column *writer_done(struct writer *w)
{
    struct column *c = NULL;
    if (buf_check(&w->text, "a text", w->ev->error) != OK || builder_finish(&w->b, &c, w->ev->error) != OK)
        c = NULL;
    builder_fini(&w->b);
    buf_fini(&w->text);
    return c;
}

static bool all_valid(const struct vec *args, int n_args, uint32_t i)
{
    for (int a = 0; a < n_args; a++)
        if (!vec_valid(&args[a], i))
            return false;
    return true;
}

struct column *expr__write_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                row_cb *row)
{
    struct writer w;
    if (!writer_init(&w, ev, x)) {
        builder_fini(&w.b);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(&w.text);
        if (all_valid(args, x->n_args, i) && row(&w, x, args, i))
            builder_bytes(&w.b, w.text.data, w.text.size);
        else
            builder_null(&w.b);
        if (w.text.failed || ev->error->code != OK)
            break;
    }
    struct column *c = writer_done(&w);
    if (c && ev->error->code != OK) { /* a row failed, and errors are not collected */
        column_free(c);
        c = NULL;
    }
    return c;
}

/* ---- case, trimming, parts ---- */

static bool lower_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    utf8_lower(t.p, t.n, &w->text);
    return true;
}
TEXT_KERNEL(k_lower, lower_row)

static bool upper_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    utf8_upper(t.p, t.n, &w->text);
    return true;
}
TEXT_KERNEL(k_upper, upper_row)

/* Is the character at p one of those in `set`? */
static bool in_set(struct text set, const uint8_t *p, size_t length)
{
    for (size_t at = 0; at < set.n;) {
        size_t step = utf8_offset(set.p + at, set.n - at, 1);
        if (step == length && memcmp(set.p + at, p, length) == 0)
            return true;
        at += step;
    }
    return false;
}

static bool trim_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i, bool front, bool back)
{
    struct text set = {(const uint8_t *)" ", 1}, t = text_at(&args[x->n_args - 1], i);
    if (x->n_args == 2)
        set = text_at(&args[0], i);
    while (front && t.n) {
        size_t step = utf8_offset(t.p, t.n, 1);
        if (!in_set(set, t.p, step))
            break;
        t.p += step;
        t.n -= (uint32_t)step;
    }
    while (back && t.n) {
        uint32_t last = t.n - 1;
        while (last > 0 && (t.p[last] & 0xc0) == 0x80)
            last--;
        if (!in_set(set, t.p + last, t.n - last))
            break;
        t.n = last;
    }
    buf_put(&w->text, t.p, t.n);
    return true;
}

static bool trim_both(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return trim_row(w, x, args, i, true, true);
}
TEXT_KERNEL(k_trim, trim_both)

static bool trim_left(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return trim_row(w, x, args, i, true, false);
}
TEXT_KERNEL(k_ltrim, trim_left)

static bool trim_right(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return trim_row(w, x, args, i, false, true);
}
TEXT_KERNEL(k_rtrim, trim_right)

/* Position 1 is the first character, 0 counts as 1, negative ones count from the end (UTF8String.substringSQL). */
static bool substring_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    bool        bytes = x->type->kind == TYPE_BINARY;
    int64_t     length = bytes ? t.n : (int64_t)utf8_length(t.p, t.n), position = int_at(&args[1], i);
    int64_t     want = x->n_args > 2 ? int_at(&args[2], i) : INT32_MAX;
    int64_t     start = position > 0 ? position - 1 : position < 0 ? length + position : 0;
    int64_t     end = start + want > INT32_MAX ? INT32_MAX : start + want;
    if (start < 0)
        start = 0;
    if (end > length)
        end = length;
    if (start >= end)
        return true;
    size_t from = bytes ? (size_t)start : utf8_offset(t.p, t.n, (size_t)start);
    size_t to = bytes ? (size_t)end : from + utf8_offset(t.p + from, t.n - from, (size_t)(end - start));
    buf_put(&w->text, t.p + from, to - from);
    return true;
}
TEXT_KERNEL(k_substring, substring_row)

static bool concat_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    for (int a = 0; a < x->n_args; a++) {
        struct text t = text_at(&args[a], i);
        buf_put(&w->text, t.p, t.n);
    }
    return true;
}
TEXT_KERNEL(k_concat, concat_row)

/* First occurrence of `what` in t from `from` on; t.n when there is none. */
static uint32_t find(struct text t, uint32_t from, struct text what)
{
    const uint8_t *at = from <= t.n ? memmem(t.p + from, t.n - from, what.p, what.n) : NULL;
    return at ? (uint32_t)(at - t.p) : t.n;
}

static bool replace_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i), what = text_at(&args[1], i), with = {NULL, 0};
    if (x->n_args > 2)
        with = text_at(&args[2], i);
    if (what.n == 0) {
        buf_put(&w->text, t.p, t.n);
        return true;
    }
    for (uint32_t from = 0; from <= t.n;) {
        uint32_t at = find(t, from, what);
        buf_put(&w->text, t.p + from, at - from);
        if (at == t.n)
            break;
        buf_put(&w->text, with.p, with.n);
        from = at + what.n;
    }
    return true;
}
TEXT_KERNEL(k_replace, replace_row)

static uint32_t count_parts(struct text t, struct text by)
{
    uint32_t count = 1;
    for (uint32_t at = 0; by.n && (at = find(t, at, by)) < t.n; at += by.n)
        count++;
    return count;
}

static bool split_part_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i), by = text_at(&args[1], i);
    int64_t     wanted = int_at(&args[2], i), parts = count_parts(t, by);
    (void)x;
    if (wanted == 0) {
        expr__fail(w->ev, i, "[INVALID_INDEX_OF_ZERO] the index 0 is invalid: parts are counted from 1");
        return false;
    }
    if (wanted < 0)
        wanted += parts + 1;
    if (wanted < 1 || wanted > parts)
        return true;
    uint32_t from = 0;
    for (int64_t k = 1; k < wanted; k++)
        from = find(t, from, by) + by.n;
    buf_put(&w->text, t.p + from, (by.n ? find(t, from, by) : t.n) - from);
    return true;
}

TEXT_KERNEL(k_split_part, split_part_row)

/* ---- encodings and hashes ---- */

static bool base64_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    for (uint32_t at = 0; at < t.n; at += 57) { /* lines of 76 letters, as java.util.Base64's MIME encoder */
        buf_puts(&w->text, at ? "\r\n" : "");
        base64_encode(t.p + at, t.n - at < 57 ? t.n - at : 57, &w->text);
    }
    return true;
}
TEXT_KERNEL(k_base64, base64_row)

static bool unbase64_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    if (base64_decode((const char *)t.p, t.n, &w->text))
        return true;
    expr__fail(w->ev, i, "[CONVERSION_INVALID_INPUT] the text '%.*s' is not base64", (int)(t.n < 60 ? t.n : 60),
               (const char *)t.p);
    return false;
}
TEXT_KERNEL(k_unbase64, unbase64_row)

static bool hex_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    const struct column *c = args[0].c;
    size_t               at = (size_t)i * args[0].step;
    (void)x;
    if (c->type->kind == TYPE_STRING || c->type->kind == TYPE_BINARY) {
        struct text t = text_at(args, i);
        hex_encode(t.p, t.n, true, &w->text);
        return true;
    }
    int64_t v = c->type->kind == TYPE_BIGINT     ? ((const int64_t *)c->values)[at]
                : c->type->kind == TYPE_INT      ? ((const int32_t *)c->values)[at]
                : c->type->kind == TYPE_SMALLINT ? ((const int16_t *)c->values)[at]
                                                 : ((const int8_t *)c->values)[at];
    buf_printf(&w->text, "%llX", (unsigned long long)v);
    return true;
}
TEXT_KERNEL(k_hex, hex_row)

static bool put_digest(struct writer *w, struct text t, enum digest kind)
{
    uint8_t out[DIGEST_BYTES_MAX];
    size_t  n = digest_of(kind, t.p, t.n, out);
    hex_encode(out, n, false, &w->text);
    return n > 0;
}

static bool md5_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)x;
    return put_digest(w, text_at(args, i), DIGEST_MD5);
}
TEXT_KERNEL(k_md5, md5_row)

static bool sha1_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)x;
    return put_digest(w, text_at(args, i), DIGEST_SHA1);
}
TEXT_KERNEL(k_sha1, sha1_row)

static bool sha2_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)x;
    switch (int_at(&args[1], i)) {
    case 224:
        return put_digest(w, text_at(args, i), DIGEST_SHA224);
    case 0:
    case 256:
        return put_digest(w, text_at(args, i), DIGEST_SHA256);
    case 384:
        return put_digest(w, text_at(args, i), DIGEST_SHA384);
    case 512:
        return put_digest(w, text_at(args, i), DIGEST_SHA512);
    default:
        return false;
    }
}
TEXT_KERNEL(k_sha2, sha2_row)

static bool get_json_object_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct buf  scratch;
    struct text t = text_at(args, i), path = text_at(&args[1], i);
    (void)x;
    buf_init(&scratch, TAG_BATCH, COLUMN_BYTES_MAX);
    bool found = json_path_get(t.p, t.n, (const char *)path.p, path.n, &scratch, &w->text);
    w->text.failed = w->text.failed || scratch.failed;
    buf_fini(&scratch);
    return found;
}
TEXT_KERNEL(k_get_json_object, get_json_object_row)

static bool json_array_length_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                                  struct builder *b)
{
    struct buf  scratch;
    struct text t = text_at(args, i);
    (void)x;
    buf_init(&scratch, TAG_BATCH, COLUMN_BYTES_MAX);
    int64_t n = json_array_length(t.p, t.n, &scratch);
    bool    ok = buf_check(&scratch, "json_array_length()", ev->error) == OK;
    buf_fini(&scratch);
    if (n < 0)
        builder_null(b);
    else
        builder_i32(b, (int32_t)n);
    return ok;
}
ROWS(k_json_array_length, true, json_array_length_row)

static bool json_object_keys_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                                 struct builder *b)
{
    struct buf  scratch;
    struct text t = text_at(args, i);
    (void)x;
    buf_init(&scratch, TAG_BATCH, COLUMN_BYTES_MAX);
    bool found = json_object_keys(t.p, t.n, &scratch, &b->children[0]);
    bool ok = buf_check(&scratch, "json_object_keys()", ev->error) == OK;
    buf_fini(&scratch);
    builder_list(b);
    if (!found) { /* names of a document that breaks off go with their row */
        builder_pop(b);
        builder_null(b);
    }
    return ok;
}
ROWS(k_json_object_keys, true, json_object_keys_row)

/* ---- answers that are no text ---- */

struct column *k_length(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    uint8_t *valid;
    uint32_t n_nulls;
    if (!expr__strict_valid(ev, args, 1, n, &valid, &n_nulls))
        return NULL;
    int32_t *out = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *out);
    if (!out) {
        mem_free(valid);
        return expr__no_memory(ev);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct text t = text_at(args, i);
        out[i] = (int32_t)(args[0].c->type->kind == TYPE_BINARY ? t.n : utf8_length(t.p, t.n));
    }
    return expr__wrap(ev, x->type, n, valid, n_nulls, out);
}

typedef bool test_cb(struct text t, struct text what, char escape);

static struct column *test_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                test_cb *test)
{
    uint8_t *valid;
    uint32_t n_nulls;
    if (!expr__strict_valid(ev, args, 2, n, &valid, &n_nulls))
        return NULL;
    uint8_t *out = mem_alloc(TAG_BATCH, (size_t)n + 1);
    if (!out) {
        mem_free(valid);
        return expr__no_memory(ev);
    }
    for (uint32_t i = 0; i < n; i++)
        out[i] = test(text_at(args, i), text_at(&args[1], i), (char)x->field);
    return expr__wrap(ev, x->type, n, valid, n_nulls, out);
}

#define TEST_KERNEL(name, test)                                                                          \
    struct column *name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                    \
        return test_rows(ev, x, args, n, test);                                                          \
    }

static bool starts(struct text t, struct text what, char escape)
{
    (void)escape;
    return what.n <= t.n && memcmp(t.p, what.p, what.n) == 0;
}
TEST_KERNEL(k_startswith, starts)

static bool ends(struct text t, struct text what, char escape)
{
    (void)escape;
    return what.n <= t.n && memcmp(t.p + t.n - what.n, what.p, what.n) == 0;
}
TEST_KERNEL(k_endswith, ends)

static bool holds(struct text t, struct text what, char escape)
{
    (void)escape;
    return what.n == 0 || memmem(t.p, t.n, what.p, what.n) != NULL;
}
TEST_KERNEL(k_contains, holds)

/* LIKE: % any run, _ one character, the escape makes the next one plain. Greedy with one way back: mostly linear. */
static bool like(struct text t, struct text pattern, char escape)
{
    const uint8_t *p = pattern.p, *p_end = p + pattern.n, *s = t.p, *s_end = s + t.n, *star = NULL, *back = NULL;
    while (s < s_end) {
        bool plain = p < p_end && (char)*p == escape && p + 1 < p_end;
        if (p < p_end && !plain && *p == '%') {
            star = ++p;
            back = s;
        } else if (p < p_end && !plain && *p == '_') {
            s += utf8_offset(s, (size_t)(s_end - s), 1);
            p++;
        } else if (p < p_end && p[plain] == *s) {
            p += 1 + plain;
            s++;
        } else if (star) {
            back += utf8_offset(back, (size_t)(s_end - back), 1);
            s = back;
            p = star;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '%')
        p++;
    return p == p_end;
}

/* The escape stands before %, _ or itself, and never at the end. */
static const char *wrong_escape(struct text pattern, uint8_t escape)
{
    for (uint32_t i = 0; i < pattern.n; i++)
        if (pattern.p[i] == escape) {
            if (++i == pattern.n)
                return "ESC_AT_THE_END";
            if (pattern.p[i] != '%' && pattern.p[i] != '_' && pattern.p[i] != escape)
                return "ESC_IN_THE_MIDDLE";
        }
    return NULL;
}

struct column *k_like(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    bool           one = args[1].step == 0 && n > 0 && !wrong_escape(text_at(&args[1], 0), (uint8_t)x->field);
    struct column *out = test_rows(ev, x, args, n, like);
    for (uint32_t i = 0; out && !one && i < n; i++) {
        struct text pattern = text_at(&args[1], i);
        const char *wrong = wrong_escape(pattern, (uint8_t)x->field);
        if (!column_is_valid(out, i) || !wrong)
            continue;
        bool go_on = expr__fail(
            ev, i, "[INVALID_FORMAT.%s] the escape character of the pattern '%.*s' is not followed by %%, _ or itself",
            wrong, (int)pattern.n, (const char *)pattern.p);
        if (!go_on || !expr__set_null(&out->valid, n, i, &out->n_nulls)) {
            column_free(out);
            return ev->error->code ? NULL : expr__no_memory(ev);
        }
    }
    return out;
}

/* ---- from_json ---- */

static bool from_json_row(struct evaluation *ev, struct json_reader *reader, const struct vec *args, uint32_t i,
                          bool failfast, struct builder *into)
{
    struct json_verdict v;
    struct text         t = {NULL, 0};
    if (vec_valid(args, i))
        t = text_at(args, i);
    if (json_reader_read(reader, t.p, t.n, 0, ev->now_us, into, &v, ev->error) != OK)
        return false;
    if (failfast && (v.kind == JSON_MALFORMED || v.kind == JSON_BAD_FIELD))
        return expr__fail(ev, i, "[MALFORMED_RECORD_IN_PARSING] %s (mode FAILFAST)", v.reason);
    return true;
}

struct column *k_from_json(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const struct from_json_detail *d = x->detail;
    struct json_reader            *reader = NULL;
    struct builder                 b;
    struct column                 *out = NULL;
    bool ok = builder_init(&b, d->type, ev->error) == OK && json_reader_new(d->type, &reader, ev->error) == OK;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = from_json_row(ev, reader, args, i, d->failfast, &b);
    if (!ok || builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    json_reader_free(reader);
    builder_fini(&b);
    return out;
}
