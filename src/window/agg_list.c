/* SPDX-License-Identifier: MIT */
/*
 * collect_list, collect_set, listagg and mode: the values of a group that are not NULL, as value_put writes them, in
 * the order they came (a set: in which each was first seen; mode: with its count in front). A group holds at most
 * LIST_BYTES_MAX; over it ERR_LIMIT. See agg.h.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "window/agg_priv.h"
#include "window/value.h"

#define LIST_BYTES_MAX ((uint32_t)16 << 20)
#define TEXT_BYTES_MAX ((size_t)64 << 20) /* of listagg, with what stands between the texts */
#define COUNT_BYTES ((uint32_t)sizeof(uint64_t))

struct list { /* values back to back, each behind its u32 length */
    uint8_t  *bytes;
    uint32_t *index; /* of a set: hash slots, offset into bytes + 1; 0 empty */
    uint32_t  n_bytes, capacity, n_values, index_capacity;
    uint32_t  counts; /* bytes in front of a value that do not tell values apart: of mode its count */
    uint32_t  unused;
};

static struct list       *list(uint8_t *state) { return (struct list *)(void *)state; }
static const struct list *list_c(const uint8_t *state) { return (const struct list *)(const void *)state; }

static const uint8_t *value_at(const struct list *l, uint32_t offset, uint32_t *n)
{
    memcpy(n, l->bytes + offset, sizeof *n);
    return l->bytes + offset + sizeof *n;
}

static enum err append(const struct agg *a, struct list *l, const uint8_t *value, uint32_t n, struct error *e)
{
    size_t need = (size_t)l->n_bytes + sizeof n + n;
    if (need > LIST_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "%s(): the values of a group are larger than %u bytes", a->ops->name,
                       LIST_BYTES_MAX);
    if (need > l->capacity) {
        uint8_t *more = mem_realloc(TAG_STATE, l->bytes, need * 2);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "%s", a->ops->name);
        l->bytes = more;
        l->capacity = (uint32_t)need * 2;
    }
    memcpy(l->bytes + l->n_bytes, &n, sizeof n);
    memcpy(l->bytes + l->n_bytes + sizeof n, value, n);
    l->n_bytes = (uint32_t)need;
    l->n_values++;
    return OK;
}

/* ---- sets ---- */

/* The slot of the value, or the empty one where it would go. */
static uint32_t *find(struct list *l, const uint8_t *value, uint32_t n)
{
    uint32_t skip = l->counts;
    uint32_t at = (uint32_t)hash_bytes(value + skip, n - skip, 0) & (l->index_capacity - 1);
    for (; l->index[at]; at = (at + 1) & (l->index_capacity - 1)) {
        uint32_t       other_n;
        const uint8_t *other = value_at(l, l->index[at] - 1, &other_n);
        if (other_n == n && memcmp(other + skip, value + skip, n - skip) == 0)
            break;
    }
    return &l->index[at];
}

static enum err grow_index(struct list *l, struct error *e)
{
    uint32_t  capacity = l->index_capacity ? l->index_capacity * 2 : 16;
    uint32_t *index = mem_zalloc(TAG_STATE, capacity * sizeof *index);
    if (!index)
        return err_set(e, ERR_NO_MEMORY, "collect_set");
    mem_free(l->index);
    l->index = index;
    l->index_capacity = capacity;
    for (uint32_t at = 0, n; at < l->n_bytes; at += (uint32_t)sizeof n + n) {
        const uint8_t *value = value_at(l, at, &n);
        *find(l, value, n) = at + 1;
    }
    return OK;
}

static enum err add_once(const struct agg *a, struct list *l, const uint8_t *value, uint32_t n, struct error *e)
{
    if (l->n_values * 2 >= l->index_capacity)
        TRY(grow_index(l, e));
    uint32_t *slot = find(l, value, n), at = l->n_bytes;
    if (*slot)
        return OK;
    TRY(append(a, l, value, n, e));
    *slot = at + 1;
    return OK;
}

static uint64_t count_of(const uint8_t *value)
{
    uint64_t n;
    memcpy(&n, value, sizeof n);
    return n;
}

/* mode: a value that is there is counted. */
static enum err add_count(const struct agg *a, struct list *l, const uint8_t *value, uint32_t n, struct error *e)
{
    uint32_t before = l->n_values, length;
    l->counts = COUNT_BYTES;
    if (n < COUNT_BYTES)
        return err_set(e, ERR_CORRUPT, "a saved count ends too early");
    TRY(add_once(a, l, value, n, e));
    if (l->n_values == before) {
        uint8_t *known = l->bytes + *find(l, value, n) - 1 + sizeof length;
        uint64_t sum = count_of(known) + count_of(value);
        memcpy(known, &sum, sizeof sum);
    }
    return OK;
}

/* ---- all ---- */

typedef enum err add_fn(const struct agg *a, struct list *l, const uint8_t *value, uint32_t n, struct error *e);

static enum err add_rows(const struct agg *a, uint8_t *const *states, uint32_t at, const struct column *c,
                         const uint32_t *rows, uint32_t n, add_fn *add, struct error *e)
{
    struct buf value;
    enum err   rc = OK;
    buf_init(&value, TAG_STATE, LIST_BYTES_MAX);
    for (uint32_t k = 0; rc == OK && k < n; k++) {
        if (!column_is_valid(c, rows[k]))
            continue;
        buf_clear(&value);
        if (add == add_count)
            buf_put(&value, &(uint64_t){1}, COUNT_BYTES);
        value_put(&value, c, rows[k], false);
        rc = buf_check(&value, a->ops->name, e);
        if (rc == OK)
            rc = add(a, list(states[k] + at), value.data, (uint32_t)value.size, e);
    }
    buf_fini(&value);
    return rc;
}

static enum err add_all(const struct agg *a, struct list *l, const struct list *from, add_fn *add, struct error *e)
{
    for (uint32_t at = 0, n; at < from->n_bytes; at += (uint32_t)sizeof n + n) {
        const uint8_t *value = value_at(from, at, &n);
        TRY(add(a, l, value, n, e));
    }
    return OK;
}

static enum err list_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    const struct list *l = list_c(state);
    (void)a, (void)e;
    for (uint32_t at = 0, n; at < l->n_bytes; at += (uint32_t)sizeof n + n) {
        struct view v = {.data = value_at(l, at, &n)};
        v.size = n;
        value_get(&v, &into->children[0]);
    }
    builder_list(into);
    return OK;
}

struct piece {
    const uint8_t *p;
    uint32_t       n;
};

static int by_bytes(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;
    int                 order = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

/* The texts, and a->text between them; NULL when there are none. */
static enum err text_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    const struct list *l = list_c(state);
    struct buf         text;
    uint32_t           n_pieces = 0;
    struct piece      *pieces = mem_alloc(TAG_STATE, ((size_t)l->n_values + 1) * sizeof *pieces);
    if (!pieces)
        return err_set(e, ERR_NO_MEMORY, "%s", a->ops->name);
    for (uint32_t at = 0, n; at < l->n_bytes; at += (uint32_t)sizeof n + n) {
        const uint8_t *value = value_at(l, at, &n); /* a valid byte and the length in front */
        pieces[n_pieces++] = (struct piece){value + 1 + sizeof n, n - 1 - (uint32_t)sizeof n};
    }
    if (a->ordered && n_pieces)
        qsort(pieces, n_pieces, sizeof *pieces, by_bytes);
    buf_init(&text, TAG_STATE, TEXT_BYTES_MAX);
    for (uint32_t i = 0; i < n_pieces; i++) {
        const struct piece *piece = &pieces[a->ordered && a->descending ? n_pieces - 1 - i : i];
        buf_put(&text, i ? a->text : "", i ? a->n_text : 0);
        buf_put(&text, piece->p, piece->n);
    }
    mem_free(pieces);
    enum err rc = buf_check(&text, a->ops->name, e);
    if (rc == OK && l->n_values)
        builder_bytes(into, text.data, text.size);
    else if (rc == OK)
        builder_null(into);
    buf_fini(&text);
    return rc;
}

/* The value with the highest count; of several the least, or with DESC the greatest. */
static enum err mode_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    const struct list *l = list_c(state);
    struct view        best = {.data = NULL};
    uint64_t           most = 0;
    (void)e;
    for (uint32_t at = 0, n; at < l->n_bytes; at += (uint32_t)sizeof n + n) {
        const uint8_t *value = value_at(l, at, &n);
        struct view    v = {.data = value + COUNT_BYTES, .size = n - COUNT_BYTES}, x = v, y = best;
        int            order = count_of(value) == most ? value_compare(a->result, &x, &y) : 0;
        if (count_of(value) < most || (count_of(value) == most && (a->descending ? order <= 0 : order >= 0)))
            continue;
        most = count_of(value);
        best = v;
    }
    if (most)
        value_get(&best, into);
    else
        builder_null(into);
    return OK;
}

static void list_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    buf_bytes(out, list_c(state)->bytes, list_c(state)->n_bytes);
}

static enum err load_values(const struct agg *a, uint8_t *state, struct view *in, add_fn *add, struct error *e)
{
    uint32_t       n;
    const uint8_t *bytes = view_bytes(in, &n);
    TRY(agg__check_view(in, e));
    for (struct view v = {.data = bytes, .size = n}; v.size;) {
        const uint8_t *length = view_take(&v, sizeof n);
        if (length)
            memcpy(&n, length, sizeof n);
        const uint8_t *value = length ? view_take(&v, n) : NULL;
        if (!value)
            return err_set(e, ERR_CORRUPT, "a saved list ends too early");
        TRY(add(a, list(state), value, n, e));
    }
    return OK;
}

static void list_free(uint8_t *state)
{
    mem_free(list(state)->bytes);
    mem_free(list(state)->index);
    *list(state) = (struct list){0};
}

#define LIST(prefix, add, result)                                                                              \
    static enum err prefix##_update(const struct agg *a, uint8_t *const *states, uint32_t at,                  \
                                    const struct column *const *arguments, const uint32_t *rows, uint32_t n,   \
                                    struct error *e)                                                           \
    {                                                                                                          \
        return add_rows(a, states, at, arguments[0], rows, n, add, e);                                         \
    }                                                                                                          \
    static enum err prefix##_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)   \
    {                                                                                                          \
        return add_all(a, list(into), list_c(from), add, e);                                                   \
    }                                                                                                          \
    static enum err prefix##_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)       \
    {                                                                                                          \
        return load_values(a, state, in, add, e);                                                              \
    }                                                                                                          \
    static const struct agg_ops prefix##_ops = {#prefix, sizeof(struct list), prefix##_update, prefix##_merge, \
                                                result,  list_save,           prefix##_load,   list_free};     \
    const struct agg_ops       *agg__##prefix(const struct type *t) { return (void)t, &prefix##_ops; }
LIST(collect_list, append, list_result)
LIST(collect_set, add_once, list_result)
LIST(listagg, append, text_result)
LIST(mode, add_count, mode_result)
