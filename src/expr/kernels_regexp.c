/* SPDX-License-Identifier: MIT */
/*
 * Regular expressions by PCRE2, with Java's meaning; what PCRE2 would read in another way is refused
 * (docs/sql/differences.md). A pattern that is a constant is compiled once per batch.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "expr/kernel_tools.h"
#include "text/utf8.h"

#define MATCH_LIMIT 10000000

/* ---- patterns ---- */

static bool starts(struct text t, uint32_t at, const char *with)
{
    size_t n = strlen(with);
    return at + n <= t.n && memcmp(t.p + at, with, n) == 0;
}

/* What Java lacks, or reads in another way; NULL when there is nothing of the kind. */
static const char *foreign_syntax(struct text p)
{
    static const char *const groups[] = {"(*", "(?P", "(?R", "(?|", "(?&", "(?+", "(?C", "(?(", "(?#"};
    bool                     in_class = false;
    for (uint32_t i = 0; i < p.n; i++) {
        if (p.p[i] == '\\') {
            i++;
            if (i < p.n && strchr("KgCN", p.p[i]) && p.p[i])
                return "an escape that Java lacks";
            if (i < p.n && p.p[i] == 'Q') {
                const uint8_t *end = memmem(p.p + i, p.n - i, "\\E", 2);
                i = end ? (uint32_t)(end - p.p) + 1 : p.n;
            }
        } else if (in_class) {
            if (p.p[i] == '[')
                return "a class within a class";
            if (starts(p, i, "&&"))
                return "an intersection of classes (&&)";
            in_class = p.p[i] != ']';
        } else if (p.p[i] == '[') {
            in_class = true;
            i += (starts(p, i + 1, "^") ? 1u : 0u) + (starts(p, i + 1, "]") || starts(p, i + 1, "^]") ? 1u : 0u);
        } else {
            for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
                if (starts(p, i, groups[g]))
                    return "a group that Java lacks";
            if (starts(p, i, "(?") && i + 2 < p.n && p.p[i + 2] >= '0' && p.p[i + 2] <= '9')
                return "a group that Java lacks";
        }
    }
    return NULL;
}

static pcre2_code *compile(struct text p, char *why, size_t why_size)
{
    int                    code;
    PCRE2_SIZE             at;
    PCRE2_UCHAR            message[120];
    const char            *foreign = foreign_syntax(p);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (foreign || !context) {
        snprintf(why, why_size, "%s", foreign ? foreign : "memory is out");
        pcre2_compile_context_free(context);
        return NULL;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
    pcre2_code *compiled =
        pcre2_compile(p.p, p.n, PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!compiled) {
        pcre2_get_error_message(code, message, sizeof message);
        snprintf(why, why_size, "%s (at %zu)", (const char *)message, (size_t)at);
    }
    return compiled;
}

bool expr__regexp_check(const char *pattern, size_t n, char *why, size_t why_size)
{
    pcre2_code *code = compile((struct text){(const uint8_t *)pattern, (uint32_t)n}, why, why_size);
    pcre2_code_free(code);
    return code != NULL;
}

bool expr_pattern_check(const char *pattern, char *why, size_t why_size)
{
    return expr__regexp_check(pattern, strlen(pattern), why, why_size);
}

bool expr_pattern_matches(const char *pattern, const char *text)
{
    char        why[200];
    pcre2_code *code = compile((struct text){(const uint8_t *)pattern, (uint32_t)strlen(pattern)}, why, sizeof why);
    pcre2_match_data    *match = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int                  rc = PCRE2_ERROR_NOMATCH;
    if (match && context) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        rc = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, match, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    return rc > 0;
}

/* The pattern of the row before, mostly the same as that of this one. */
struct regexp {
    struct evaluation   *ev;
    struct text          pattern;
    pcre2_code          *code;
    pcre2_match_data    *match;
    pcre2_match_context *context;
    uint32_t             n_groups;
    bool                 fresh; /* nothing compiled yet */
};

static bool regexp_init(struct regexp *r, struct evaluation *ev)
{
    *r = (struct regexp){.ev = ev, .fresh = true, .context = pcre2_match_context_create(NULL)};
    if (r->context)
        pcre2_set_match_limit(r->context, MATCH_LIMIT);
    return r->context || expr__no_memory(ev);
}

static void regexp_fini(struct regexp *r)
{
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    pcre2_match_context_free(r->context);
}

/* False: the row failed (or memory is out, then ev->error is set). */
static bool regexp_use(struct regexp *r, uint32_t i, struct text pattern)
{
    char why[200];
    bool same = !r->fresh && pattern.n == r->pattern.n && memcmp(pattern.p, r->pattern.p, pattern.n) == 0;
    if (!same) {
        pcre2_match_data_free(r->match);
        pcre2_code_free(r->code);
        r->match = NULL;
        r->pattern = pattern;
        r->fresh = false;
        r->code = compile(pattern, why, sizeof why);
        if (r->code) {
            pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without it matching is slower, no more */
            pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->n_groups);
            if (!(r->match = pcre2_match_data_create_from_pattern(r->code, NULL)))
                return expr__no_memory(r->ev) != NULL;
        }
    }
    if (!r->code)
        expr__fail(r->ev, i, "[INVALID_PARAMETER_VALUE.PATTERN] the pattern '%.*s' is not valid",
                   (int)(pattern.n < 60 ? pattern.n : 60), (const char *)pattern.p);
    return r->code != NULL;
}

/* 1 found, 0 not, -1 the row failed. */
static int regexp_find(struct regexp *r, uint32_t i, struct text t, size_t from)
{
    static const uint8_t nothing[1];
    int rc = pcre2_match(r->code, t.n ? t.p : nothing, t.n, from, PCRE2_NO_UTF_CHECK, r->match, r->context);
    if (rc > 0)
        return 1;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    expr__fail(r->ev, i, "[REGEXP_LIMIT] the pattern '%.*s' takes too many steps on this text",
               (int)(r->pattern.n < 60 ? r->pattern.n : 60), (const char *)r->pattern.p);
    return -1;
}

static const PCRE2_SIZE *spans(const struct regexp *r) { return pcre2_get_ovector_pointer(r->match); }

/* Where the search goes on: behind the match, and one character further when it was empty. */
static size_t next_start(struct text t, const PCRE2_SIZE *span)
{
    if (span[1] > span[0])
        return span[1];
    return span[1] < t.n ? span[1] + utf8_offset(t.p + span[1], t.n - span[1], 1) : t.n + (size_t)1;
}

/* ---- one answer per row ---- */

typedef int32_t count_cb(struct regexp *r, uint32_t i, struct text t);

static struct column *count_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                 count_cb *f)
{
    struct regexp r;
    bool          boolean = x->type->kind == TYPE_BOOLEAN;
    STRICT_BEGIN(int32_t, x->n_args)
    bool ok = regexp_init(&r, ev);
    for (uint32_t i = 0; ok && i < n; i++) {
        size_t n_errors = ev->errors->n;
        if (IS_NULL_AT(i))
            continue;
        int32_t v = regexp_use(&r, i, text_at(&args[1], i)) ? f(&r, i, text_at(args, i)) : 0;
        if (boolean)
            ((uint8_t *)out)[i] = v != 0;
        else
            out[i] = v;
        ok = ev->error->code == OK;
        if (ok && ev->errors->n > n_errors && !expr__set_null(&valid, n, i, &n_nulls))
            ok = expr__no_memory(ev) != NULL;
    }
    regexp_fini(&r);
    if (!ok) {
        mem_free(valid);
        mem_free(out);
        return NULL;
    }
    STRICT_END(x->type);
}

static int32_t is_found(struct regexp *r, uint32_t i, struct text t) { return regexp_find(r, i, t, 0) == 1; }

struct column *k_rlike(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return count_rows(ev, x, args, n, is_found);
}

static int32_t how_many(struct regexp *r, uint32_t i, struct text t)
{
    int32_t count = 0;
    for (size_t from = 0; from <= t.n && regexp_find(r, i, t, from) == 1; from = next_start(t, spans(r)))
        count++;
    return count;
}

struct column *k_regexp_count(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return count_rows(ev, x, args, n, how_many);
}

/* Java counts in UTF-16: a character beyond the first plane is two. */
static int32_t where(struct regexp *r, uint32_t i, struct text t)
{
    if (regexp_find(r, i, t, 0) != 1)
        return 0;
    size_t  end = spans(r)[0];
    int32_t at = 1;
    for (size_t k = 0; k < end; k++)
        at += ((t.p[k] & 0xc0) != 0x80) + (t.p[k] >= 0xf0);
    return at;
}

struct column *k_regexp_instr(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return count_rows(ev, x, args, n, where);
}

/* ---- texts ---- */

typedef bool extract_cb(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct buf *out);

static struct column *text_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                extract_cb *f)
{
    struct regexp  r;
    struct builder b;
    struct buf     row;
    struct column *out = NULL;
    bool           ok = regexp_init(&r, ev);
    buf_init(&row, TAG_BATCH, COLUMN_BYTES_MAX);
    if (!ok || builder_init(&b, x->type, ev->error) != OK) {
        regexp_fini(&r);
        return NULL;
    }
    for (uint32_t i = 0; ok && i < n; i++) {
        bool valid = true;
        for (int a = 0; a < x->n_args; a++)
            valid = valid && vec_valid(&args[a], i);
        buf_clear(&row);
        if (valid && regexp_use(&r, i, text_at(&args[1], i)) && f(&r, x, args, i, &row))
            builder_bytes(&b, row.data, row.size);
        else
            builder_null(&b);
        ok = ev->error->code == OK && !row.failed;
    }
    if (buf_check(&row, "a text", ev->error) != OK || !ok || builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    buf_fini(&row);
    regexp_fini(&r);
    return out;
}

static bool extract(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct buf *out)
{
    struct text t = text_at(args, i);
    int32_t     group = x->n_args > 2 ? int_at(&args[2], i) : 1;
    int         found = regexp_find(r, i, t, 0);
    if (found == 1 && (group < 0 || (uint32_t)group > r->n_groups)) {
        expr__fail(r->ev, i, "[INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX] there is no group %d: there are %u", group,
                   r->n_groups);
        return false;
    }
    if (found == 1 && spans(r)[2 * group] != PCRE2_UNSET)
        buf_put(out, t.p + spans(r)[2 * group], spans(r)[2 * group + 1] - spans(r)[2 * group]);
    return found >= 0;
}

struct column *k_regexp_extract(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return text_rows(ev, x, args, n, extract);
}

static bool first_match(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct buf *out)
{
    struct text t = text_at(args, i);
    (void)x;
    if (regexp_find(r, i, t, 0) != 1 || spans(r)[0] == spans(r)[1])
        return false;
    buf_put(out, t.p + spans(r)[0], spans(r)[1] - spans(r)[0]);
    return true;
}

struct column *k_regexp_substr(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return text_rows(ev, x, args, n, first_match);
}

static void put_group(const struct regexp *r, struct text t, uint32_t group, struct buf *out)
{
    const PCRE2_SIZE *span = spans(r) + 2 * (size_t)group;
    if (span[0] != PCRE2_UNSET)
        buf_put(out, t.p + span[0], span[1] - span[0]);
}

static bool bad_replacement(struct regexp *r, uint32_t i, struct text with)
{
    expr__fail(r->ev, i, "[INVALID_REGEXP_REPLACE] the replacement '%.*s' names no group of the pattern",
               (int)(with.n < 60 ? with.n : 60), (const char *)with.p);
    return false;
}

/* Java's Matcher.appendReplacement: \x is x, $1 and ${name} are groups. */
static bool put_replacement(struct regexp *r, uint32_t i, struct text t, struct text with, struct buf *out)
{
    for (uint32_t k = 0; k < with.n; k++) {
        if (with.p[k] == '\\') {
            if (++k == with.n)
                return bad_replacement(r, i, with);
            buf_u8(out, with.p[k]);
        } else if (with.p[k] != '$') {
            buf_u8(out, with.p[k]);
        } else if (k + 1 < with.n && with.p[k + 1] == '{') {
            char           name[64];
            const uint8_t *end = memchr(with.p + k, '}', with.n - k);
            int            length = end ? (int)(end - (with.p + k + 2)) : 0;
            snprintf(name, sizeof name, "%.*s", length, (const char *)with.p + k + 2);
            int group = length > 0 && length < 64 ? pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)name) : -1;
            if (group < 0)
                return bad_replacement(r, i, with);
            put_group(r, t, (uint32_t)group, out);
            k += (uint32_t)length + 2;
        } else {
            uint32_t digit = k + 1 < with.n ? with.p[k + 1] - (uint32_t)'0' : 10, group = digit;
            if (digit > 9 || group > r->n_groups)
                return bad_replacement(r, i, with);
            for (k++; k + 1 < with.n && (digit = with.p[k + 1] - (uint32_t)'0') <= 9; k++) {
                if (group * 10 + digit > r->n_groups)
                    break;
                group = group * 10 + digit;
            }
            put_group(r, t, group, out);
        }
    }
    return true;
}

/* regexp_replace(text, pattern, with [, position]): from that character on, which then counts as the start. */
static bool replace(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct buf *out)
{
    struct text whole = text_at(args, i), with = text_at(&args[2], i);
    int32_t     position = x->n_args > 3 ? int_at(&args[3], i) : 1;
    size_t      skip = position > 1 ? utf8_offset(whole.p, whole.n, (size_t)position - 1) : 0, done = 0, from = 0;
    int         found = 0;
    buf_put(out, whole.p, skip);
    struct text t = {whole.p + skip, whole.n - (uint32_t)skip};
    if (position > 1 && t.n == 0)
        return true;
    while (from <= t.n && (found = regexp_find(r, i, t, from)) == 1) {
        const PCRE2_SIZE *span = spans(r);
        buf_put(out, t.p + done, span[0] - done);
        if (!put_replacement(r, i, t, with, out))
            return false;
        done = span[1];
        from = next_start(t, span);
    }
    buf_put(out, t.p + done, t.n - done);
    return found >= 0;
}

struct column *k_regexp_replace(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return text_rows(ev, x, args, n, replace);
}

/* ---- lists of texts ---- */

/* Appends what row i gives to b; false: the row failed, and b has what must be taken back. */
typedef bool list_cb(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b);

/* args[1] is the pattern; r[1], for str_to_map only, the one of args[2]. */
static struct column *list_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                list_cb *f)
{
    struct regexp  r[2];
    struct builder b;
    struct column *out = NULL;
    bool           first = regexp_init(&r[0], ev), second = first && regexp_init(&r[1], ev), ok = second;
    if (ok && builder_init(&b, x->type, ev->error) == OK) {
        for (uint32_t i = 0; ok && i < n; i++) {
            bool valid = true;
            for (int a = 0; a < x->n_args; a++)
                valid = valid && vec_valid(&args[a], i);
            bool done = valid && f(r, x, args, i, &b);
            if (valid) { /* a failed row may have left elements: they go with it */
                builder_list(&b);
                if (!done)
                    builder_pop(&b);
            }
            if (!done)
                builder_null(&b);
            ok = ev->error->code == OK;
        }
        if (!ok || builder_finish(&b, &out, ev->error) != OK)
            out = NULL;
        builder_fini(&b);
    }
    if (first)
        regexp_fini(&r[0]);
    if (second)
        regexp_fini(&r[1]);
    return out;
}

typedef bool part_cb(void *arg, struct text part);

/* Spark's split by an empty pattern: the characters, of `limit` ones the last with the rest. */
static bool split_characters(struct text t, int64_t limit, part_cb *part, void *arg)
{
    for (uint32_t at = 0, n = 1; at < t.n; n++) {
        struct text one = {t.p + at, n == limit ? t.n - at : (uint32_t)character(t, at)};
        if (!part(arg, one))
            return false;
        at += one.n;
    }
    return true;
}

/* Java's String.split: an empty match at the very start parts nothing; the last part, of `limit` ones, is the rest. */
static bool split_text(struct regexp *r, uint32_t i, struct text t, int64_t limit, part_cb *part, void *arg)
{
    size_t  done = 0, from = 0;
    int64_t n = 1;
    int     found = 0;
    if (t.n && r->pattern.n == 0)
        return split_characters(t, limit, part, arg);
    while ((limit <= 0 || n < limit) && from <= t.n && (found = regexp_find(r, i, t, from)) == 1) {
        const PCRE2_SIZE *span = spans(r);
        from = next_start(t, span);
        if (span[1] == 0)
            continue;
        if (!part(arg, (struct text){t.p + done, (uint32_t)(span[0] - done)}))
            return false;
        done = span[1];
        n++;
    }
    return found >= 0 && part(arg, (struct text){t.p + done, (uint32_t)(t.n - done)});
}

static bool put_part(void *arg, struct text part)
{
    builder_bytes(arg, part.p, part.n);
    return true;
}

static bool split(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    int64_t limit = x->n_args > 2 ? int_at(&args[2], i) : -1;
    return regexp_use(r, i, text_at(&args[1], i)) &&
           split_text(r, i, text_at(args, i), limit, put_part, &b->children[0]);
}

struct column *k_split_regexp(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return list_rows(ev, x, args, n, split);
}

static bool extract_all(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    struct text t = text_at(args, i);
    int32_t     group = x->n_args > 2 ? int_at(&args[2], i) : 1;
    int         found = 0;
    if (!regexp_use(r, i, text_at(&args[1], i)))
        return false;
    for (size_t from = 0; from <= t.n && (found = regexp_find(r, i, t, from)) == 1; from = next_start(t, spans(r))) {
        if (group < 0 || (uint32_t)group > r->n_groups) {
            expr__fail(r->ev, i, "[INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX] there is no group %d: there are %u",
                       group, r->n_groups);
            return false;
        }
        const PCRE2_SIZE *span = spans(r) + 2 * (size_t)group;
        bool              set = span[0] != PCRE2_UNSET;
        builder_bytes(&b->children[0], set ? t.p + span[0] : t.p, set ? span[1] - span[0] : 0);
    }
    return found >= 0;
}

struct column *k_regexp_extract_all(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return list_rows(ev, x, args, n, extract_all);
}

/* ---- str_to_map ---- */

struct pairs {
    struct regexp  *between; /* key and value */
    uint32_t        row, n_before, n;
    struct builder *keys, *values;
    struct text     key, value;
    int             n_parts;
};

static bool take_part(void *arg, struct text part)
{
    struct pairs *p = arg;
    *(p->n_parts++ ? &p->value : &p->key) = part;
    return true;
}

static bool is_key(const struct pairs *p, struct text key)
{
    for (uint32_t k = p->n_before; k < p->n_before + p->n; k++) {
        uint32_t       n = p->keys->offsets[k + 1] - p->keys->offsets[k];
        const uint8_t *bytes = (const uint8_t *)p->keys->values + p->keys->offsets[k];
        if (n == key.n && (n == 0 || memcmp(bytes, key.p, n) == 0))
            return true;
    }
    return false;
}

static bool put_pair(void *arg, struct text part)
{
    struct pairs *p = arg;
    p->n_parts = 0;
    p->key = p->value = (struct text){NULL, 0};
    if (!split_text(p->between, p->row, part, 2, take_part, p))
        return false;
    if (is_key(p, p->key)) {
        expr__fail(p->between->ev, p->row, "[DUPLICATED_MAP_KEY] a key of a MAP is there twice");
        return false;
    }
    builder_bytes(p->keys, p->key.p, p->key.n);
    if (p->n_parts > 1)
        builder_bytes(p->values, p->value.p, p->value.n);
    else
        builder_null(p->values);
    p->n++;
    return !p->keys->failed;
}

static bool to_map(struct regexp *r, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    static const struct text comma = {(const uint8_t *)",", 1}, colon = {(const uint8_t *)":", 1};
    struct pairs             p = {.between = &r[1],
                                  .row = i,
                                  .n_before = b->children[0].n_rows,
                                  .keys = &b->children[0],
                                  .values = &b->children[1]};
    return regexp_use(&r[0], i, x->n_args > 1 ? text_at(&args[1], i) : comma) &&
           regexp_use(&r[1], i, x->n_args > 2 ? text_at(&args[2], i) : colon) &&
           split_text(&r[0], i, text_at(args, i), -1, put_pair, &p);
}

struct column *k_str_to_map(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return list_rows(ev, x, args, n, to_map);
}
