/* SPDX-License-Identifier: MIT */
#include "json/path.h"

#include "json/token.h"

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
    for (bool first = true; token_name(r, first); first = false) {
        bool same = r->text_length == s->length && memcmp(r->scratch->data + r->text_at, s->name, s->length) == 0;
        r->scratch->size = r->text_at;
        enum token t = token_next(r);
        if (same && !found && t != T_NULL)
            found = evaluate(r, t, path, end, out);
        else
            token_pass(r, t, NULL);
        if (r->error)
            return false;
    }
    return found && !r->error;
}

static bool evaluate_element(struct reader *r, int64_t index, const char *path, const char *end, struct buf *out)
{
    bool found = false, first = true;
    for (int64_t i = 0; token_element(r, first); i++, first = false) {
        if (i == index)
            found = evaluate(r, token_next(r), path, end, out);
        else
            token_pass(r, token_next(r), NULL);
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
            return token_pass(r, t, out);
        if (r->lone)
            return token_fail(r, "half of a surrogate pair"); /* which a raw copy cannot write */
        buf_put(out, r->scratch->data + r->text_at, r->text_length);
        r->scratch->size = r->text_at;
        return true;
    }
    if (s.name && t == T_OBJECT)
        return evaluate_member(r, &s, path, end, out);
    if (!s.name && t == T_ARRAY)
        return evaluate_element(r, s.index, path, end, out);
    token_pass(r, t, NULL);
    return false;
}

/* The first token of the document; T_ERROR also without memory. */
static enum token begin(struct reader *r)
{
    buf_clear(r->scratch);
    return buf_reserve(r->scratch, 1) ? token_next(r) : T_ERROR;
}

bool json_path_get(const uint8_t *text, size_t n, const char *path, size_t path_n, struct buf *scratch, struct buf *out)
{
    struct json_verdict verdict;
    struct reader       r = {.p = text, .end = text + n, .scratch = scratch, .verdict = &verdict, .path = true};
    struct step         s;
    const char         *p = path + 1, *end = path + path_n;
    if (path_n == 0 || path[0] != '$')
        return false;
    while (next_step(&p, end, &s))
        ;
    if (!p)
        return false;
    enum token t = begin(&r);
    return t != T_ERROR && evaluate(&r, t, path + 1, end, out) && !r.error && !scratch->failed && !out->failed;
}

int64_t json_array_length(const uint8_t *text, size_t n, struct buf *scratch)
{
    struct json_verdict verdict;
    struct reader       r = {.p = text, .end = text + n, .scratch = scratch, .verdict = &verdict, .path = true};
    int64_t             elements = 0;
    if (begin(&r) != T_ARRAY)
        return -1;
    for (; token_element(&r, elements == 0); elements++)
        if (!token_pass(&r, token_next(&r), NULL))
            return -1;
    return r.error || scratch->failed ? -1 : elements;
}

bool json_object_keys(const uint8_t *text, size_t n, struct buf *scratch, struct builder *names)
{
    struct json_verdict verdict;
    struct reader       r = {.p = text, .end = text + n, .scratch = scratch, .verdict = &verdict, .path = true};
    if (begin(&r) != T_OBJECT)
        return false;
    for (bool first = true; token_name(&r, first); first = false) {
        builder_bytes(names, scratch->data + r.text_at, r.text_length);
        scratch->size = 0;
        if (!token_pass(&r, token_next(&r), NULL))
            return false;
    }
    return !r.error && !scratch->failed;
}
