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

static bool evaluate(struct reader *r, const char *path, const char *end, struct buf *out);

static bool is_named(struct reader *r, const struct step *s)
{
    bool same = token_name(r) && r->text_length == s->length && memcmp(token_bytes(r), s->name, s->length) == 0;
    r->scratch->size = r->text_at;
    return same;
}

/* The first member of that name with something at the rest of the path; a NULL has nothing. The object is read to its
 * end: what is broken there makes the whole answer NULL. */
static bool evaluate_member(struct reader *r, const struct step *s, const char *path, const char *end, struct buf *out)
{
    bool found = false;
    while (!r->error && token_next(r) == T_NAME) {
        bool same = is_named(r, s);
        if (token_next(r) != T_NULL && same && !found)
            found = evaluate(r, path, end, out);
        else
            token_skip(r);
    }
    return found && !r->error;
}

static bool evaluate_element(struct reader *r, int64_t index, const char *path, const char *end, struct buf *out)
{
    bool found = false;
    for (int64_t i = 0; !r->error && token_next(r) != T_ARRAY_END; i++) {
        if (i == index)
            found = evaluate(r, path, end, out);
        else
            token_skip(r);
    }
    return found && !r->error;
}

/* What stands at the path in the value that the current token begins; that value is read whole. */
static bool evaluate(struct reader *r, const char *path, const char *end, struct buf *out)
{
    struct step s;
    if (!next_step(&path, end, &s)) {
        if (r->token != T_STRING)
            return token_copy(r, out);
        if (!token_text(r))
            return false;
        if (r->lone)
            return token_fail(r, "half of a surrogate pair"); /* which a raw copy cannot write */
        buf_put(out, token_bytes(r), r->text_length);
        r->scratch->size = r->text_at;
        return true;
    }
    if (s.name && r->token == T_OBJECT)
        return evaluate_member(r, &s, path, end, out);
    if (!s.name && r->token == T_ARRAY)
        return evaluate_element(r, s.index, path, end, out);
    token_skip(r);
    return false;
}

/* The first token of the document; T_ERROR also without memory. */
static enum token begin(struct reader *r, const uint8_t *text, size_t n, struct buf *scratch,
                        struct json_verdict *verdict)
{
    buf_clear(scratch);
    bool ok = token_begin(r, text, n, scratch, verdict);
    r->path = true;
    return ok ? token_next(r) : T_ERROR;
}

bool json_path_get(const uint8_t *text, size_t n, const char *path, size_t path_n, struct buf *scratch, struct buf *out)
{
    struct json_verdict verdict;
    struct reader       r;
    struct step         s;
    const char         *p = path + 1, *end = path + path_n;
    if (path_n == 0 || path[0] != '$')
        return false;
    while (next_step(&p, end, &s))
        ;
    if (!p)
        return false;
    enum token t = begin(&r, text, n, scratch, &verdict);
    return t != T_ERROR && t != T_NONE && evaluate(&r, path + 1, end, out) && !r.error && !scratch->failed &&
           !out->failed;
}

int64_t json_array_length(const uint8_t *text, size_t n, struct buf *scratch)
{
    struct json_verdict verdict;
    struct reader       r;
    int64_t             elements = 0;
    if (begin(&r, text, n, scratch, &verdict) != T_ARRAY)
        return -1;
    for (; !r.error && token_next(&r) != T_ARRAY_END; elements++)
        token_skip(&r);
    return r.error || scratch->failed ? -1 : elements;
}

bool json_object_keys(const uint8_t *text, size_t n, struct buf *scratch, struct builder *names)
{
    struct json_verdict verdict;
    struct reader       r;
    if (begin(&r, text, n, scratch, &verdict) != T_OBJECT)
        return false;
    while (!r.error && token_next(&r) == T_NAME) {
        if (token_name(&r))
            builder_bytes(names, token_bytes(&r), r.text_length);
        scratch->size = 0;
        token_next(&r);
        token_skip(&r);
    }
    return !r.error && !scratch->failed;
}
