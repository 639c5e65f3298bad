/* SPDX-License-Identifier: MIT */
/*
 * Aggregates that keep values of any type, as value_put writes them: first, last, any_value, max_by, min_by, and min
 * and max of what is no number. See agg.h.
 */
#include "window/agg_priv.h"
#include "window/value.h"

#define VALUE_BYTES_MAX ((size_t)64 << 20)

/* One value that hangs on a state; bytes NULL: none yet (a NULL value is one byte). */
struct kept {
    uint8_t *bytes;
    uint32_t n, capacity;
};

struct by_state { /* max_by, min_by; the others use `value` alone */
    struct kept value, order;
};

static struct kept       *kept(uint8_t *state) { return (struct kept *)(void *)state; }
static const struct kept *kept_c(const uint8_t *state) { return (const struct kept *)(const void *)state; }
static struct by_state   *by(uint8_t *state) { return (struct by_state *)(void *)state; }

static const struct by_state *by_c(const uint8_t *state) { return (const struct by_state *)(const void *)state; }

static enum err keep(struct kept *k, const uint8_t *bytes, size_t n, struct error *e)
{
    if (!k->bytes || n > k->capacity) {
        uint8_t *more = mem_realloc(TAG_STATE, k->bytes, n + 16u);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "aggregate");
        k->bytes = more;
        k->capacity = (uint32_t)n + 16;
    }
    memcpy(k->bytes, bytes, n);
    k->n = (uint32_t)n;
    return OK;
}

static void drop(struct kept *k)
{
    mem_free(k->bytes);
    *k = (struct kept){0};
}

static int compare(const struct type *t, const uint8_t *x, size_t n_x, const struct kept *y)
{
    struct view a = {.data = x, .size = n_x}, b = {.data = y->bytes, .size = y->n};
    return value_compare(t, &a, &b);
}

static void put_kept(const struct kept *k, struct builder *into)
{
    struct view v = {.data = k->bytes, .size = k->n};
    if (k->bytes)
        value_get(&v, into);
    else
        builder_null(into);
}

static void save_kept(const struct kept *k, struct buf *out)
{
    buf_u8(out, k->bytes != NULL);
    buf_bytes(out, k->bytes, k->n);
}

static enum err load_kept(struct kept *k, struct view *in, struct error *e)
{
    uint32_t       n;
    bool           there = view_u8(in) != 0;
    const uint8_t *bytes = view_bytes(in, &n);
    TRY(agg__check_view(in, e));
    return there ? keep(k, bytes, n, e) : OK;
}

/* ---- one value ---- */

static enum err value_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    (void)a, (void)e;
    put_kept(kept_c(state), into);
    return OK;
}

static void value_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    save_kept(kept_c(state), out);
}

static enum err value_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    (void)a;
    return load_kept(kept(state), in, e);
}

static void value_free(uint8_t *state) { drop(kept(state)); }

/* Takes the value or leaves what is there. */
typedef enum err offer_fn(const struct agg *a, struct kept *k, const uint8_t *bytes, size_t n, struct error *e);

static enum err offer_rows(const struct agg *a, uint8_t *const *states, uint32_t at, const struct column *c,
                           const uint32_t *rows, uint32_t n, bool nulls, offer_fn *offer, struct error *e)
{
    struct buf value;
    enum err   rc = OK;
    buf_init(&value, TAG_STATE, VALUE_BYTES_MAX);
    for (uint32_t k = 0; rc == OK && k < n; k++) {
        if (!nulls && !column_is_valid(c, rows[k]))
            continue;
        buf_clear(&value);
        value_put(&value, c, rows[k], false);
        rc = buf_check(&value, a->ops->name, e);
        if (rc == OK)
            rc = offer(a, kept(states[k] + at), value.data, value.size, e);
    }
    buf_fini(&value);
    return rc;
}

static enum err offer_first(const struct agg *a, struct kept *k, const uint8_t *bytes, size_t n, struct error *e)
{
    (void)a;
    return k->bytes ? OK : keep(k, bytes, n, e);
}

static enum err offer_last(const struct agg *a, struct kept *k, const uint8_t *bytes, size_t n, struct error *e)
{
    (void)a;
    return keep(k, bytes, n, e);
}

static enum err offer_min(const struct agg *a, struct kept *k, const uint8_t *bytes, size_t n, struct error *e)
{
    return k->bytes && compare(a->result, bytes, n, k) >= 0 ? OK : keep(k, bytes, n, e);
}

static enum err offer_max(const struct agg *a, struct kept *k, const uint8_t *bytes, size_t n, struct error *e)
{
    return k->bytes && compare(a->result, bytes, n, k) <= 0 ? OK : keep(k, bytes, n, e);
}

#define VALUE(prefix, offer, nulls)                                                                                 \
    static enum err prefix##_update(const struct agg *a, uint8_t *const *states, uint32_t at,                       \
                                    const struct column *const *arguments, const uint32_t *rows, uint32_t n,        \
                                    struct error *e)                                                                \
    {                                                                                                               \
        return offer_rows(a, states, at, arguments[0], rows, n, nulls, offer, e);                                   \
    }                                                                                                               \
    static enum err prefix##_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)        \
    {                                                                                                               \
        return kept_c(from)->bytes ? offer(a, kept(into), kept_c(from)->bytes, kept_c(from)->n, e) : OK;            \
    }                                                                                                               \
    static const struct agg_ops prefix##_ops = {#prefix,      sizeof(struct kept), prefix##_update, prefix##_merge, \
                                                value_result, value_save,          value_load,      value_free};
VALUE(first, offer_first, a->constants[0] == 0)
VALUE(last, offer_last, a->constants[0] == 0)
VALUE(min, offer_min, false)
VALUE(max, offer_max, false)

/* ---- the value beside the greatest or least of another ---- */

static enum err offer_by(const struct agg *a, struct by_state *s, const struct kept *value, const struct kept *order,
                         bool max, struct error *e)
{
    int sign = s->order.bytes ? compare(a->arguments[1], order->bytes, order->n, &s->order) : 0;
    if (max ? sign < 0 : sign > 0)
        return OK; /* of equal ones the newest counts, as in Spark */
    TRY(keep(&s->value, value->bytes, value->n, e));
    return keep(&s->order, order->bytes, order->n, e);
}

static enum err by_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                          const struct column *const *arguments, const uint32_t *rows, uint32_t n, bool max,
                          struct error *e)
{
    struct buf value, order;
    enum err   rc = OK;
    buf_init(&value, TAG_STATE, VALUE_BYTES_MAX);
    buf_init(&order, TAG_STATE, VALUE_BYTES_MAX);
    for (uint32_t k = 0; rc == OK && k < n; k++) {
        if (!column_is_valid(arguments[1], rows[k]))
            continue;
        buf_clear(&value);
        buf_clear(&order);
        value_put(&value, arguments[0], rows[k], false);
        value_put(&order, arguments[1], rows[k], false);
        rc = buf_check(&value, a->ops->name, e);
        if (rc == OK)
            rc = buf_check(&order, a->ops->name, e);
        if (rc == OK)
            rc = offer_by(a, by(states[k] + at), &(struct kept){value.data, (uint32_t)value.size, 0},
                          &(struct kept){order.data, (uint32_t)order.size, 0}, max, e);
    }
    buf_fini(&value);
    buf_fini(&order);
    return rc;
}

static enum err by_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    (void)a, (void)e;
    put_kept(&by_c(state)->value, into);
    return OK;
}

static void by_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    save_kept(&by_c(state)->value, out);
    save_kept(&by_c(state)->order, out);
}

static enum err by_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    (void)a;
    TRY(load_kept(&by(state)->value, in, e));
    return load_kept(&by(state)->order, in, e);
}

static void by_free(uint8_t *state)
{
    drop(&by(state)->value);
    drop(&by(state)->order);
}

#define BY(prefix, max)                                                                                              \
    static enum err prefix##_update(const struct agg *a, uint8_t *const *states, uint32_t at,                        \
                                    const struct column *const *arguments, const uint32_t *rows, uint32_t n,         \
                                    struct error *e)                                                                 \
    {                                                                                                                \
        return by_update(a, states, at, arguments, rows, n, max, e);                                                 \
    }                                                                                                                \
    static enum err prefix##_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)         \
    {                                                                                                                \
        return by_c(from)->order.bytes ? offer_by(a, by(into), &by_c(from)->value, &by_c(from)->order, max, e) : OK; \
    }                                                                                                                \
    static const struct agg_ops prefix##_ops = {                                                                     \
        #prefix, sizeof(struct by_state), prefix##_update, prefix##_merge, by_result, by_save, by_load, by_free};
BY(max_by, true)
BY(min_by, false)

/* ---- choosing ---- */

static bool is_number(const struct type *t) /* of those that agg_number.c keeps in a word */
{
    return t->kind < TYPE_STRUCT && t->kind != TYPE_STRING && t->kind != TYPE_BINARY;
}

const struct agg_ops *agg__min(const struct type *t) { return is_number(t) ? agg__min_number(t) : &min_ops; }
const struct agg_ops *agg__max(const struct type *t) { return is_number(t) ? agg__max_number(t) : &max_ops; }
const struct agg_ops *agg__first(const struct type *t) { return (void)t, &first_ops; }
const struct agg_ops *agg__last(const struct type *t) { return (void)t, &last_ops; }
const struct agg_ops *agg__max_by(const struct type *t) { return (void)t, &max_by_ops; }
const struct agg_ops *agg__min_by(const struct type *t) { return (void)t, &min_by_ops; }
