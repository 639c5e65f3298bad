/* SPDX-License-Identifier: MIT */
/* sum, avg, min and max of DECIMAL: one exact number and how many values there were. See agg.h. */
#include "window/agg_priv.h"

struct decimal_state {
    uint64_t low; /* of a 128-bit number: states are aligned to 8 bytes only */
    uint64_t high;
    int64_t  n; /* values that were not NULL */
};

static struct decimal_state       *state_of(uint8_t *state) { return (struct decimal_state *)(void *)state; }
static const struct decimal_state *state_c(const uint8_t *state)
{
    return (const struct decimal_state *)(const void *)state;
}

static int128 value_of(const struct decimal_state *s) { return (int128)((uint128)s->high << 64 | s->low); }

static void set_value(struct decimal_state *s, int128 v)
{
    s->low = (uint64_t)v;
    s->high = (uint64_t)((uint128)v >> 64);
}

static void decimal_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    buf_u64(out, state_c(state)->low);
    buf_u64(out, state_c(state)->high);
    buf_u64(out, (uint64_t)state_c(state)->n);
}

static enum err decimal_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    (void)a;
    state_of(state)->low = view_u64(in);
    state_of(state)->high = view_u64(in);
    state_of(state)->n = (int64_t)view_u64(in);
    return agg__check_view(in, e);
}

/* ---- types ---- */

static int at_most(int n, int most) { return n < most ? n : most; }

static int sum_precision(const struct type *argument) { return at_most(argument->precision + 10, DECIMAL_DIGITS_MAX); }

const struct type *agg__sum_of_decimal(const struct type *argument)
{
    return type_decimal(sum_precision(argument), argument->scale);
}

const struct type *agg__avg_of_decimal(const struct type *argument)
{
    return type_decimal(at_most(argument->precision + 4, DECIMAL_DIGITS_MAX),
                        at_most(argument->scale + 4, DECIMAL_DIGITS_MAX));
}

/* ---- steps ---- */

/* An overflow stays one, also when later values would bring the sum back: partial sums are kept in its type. */
static enum err add(const struct agg *a, struct decimal_state *s, int128 v, struct error *e)
{
    int128 sum = value_of(s) + v; /* each below 10^38: 128 bits hold the sum of two */
    if (!decimal_fits(sum, sum_precision(a->arguments[0])))
        return err_set(e, ERR_DATA, "[ARITHMETIC_OVERFLOW] overflow in %s() of decimals", a->ops->name);
    set_value(s, sum);
    return OK;
}

static enum err try_add(const struct agg *a, struct decimal_state *s, int128 v, struct error *e)
{
    int128 sum = value_of(s) + v;
    (void)e;
    if (s->n < 0 || !decimal_fits(sum, sum_precision(a->arguments[0])))
        s->n = AGG_OVERFLOW;
    else
        set_value(s, sum);
    return OK;
}

static enum err lower(const struct agg *a, struct decimal_state *s, int128 v, struct error *e)
{
    (void)a, (void)e;
    if (!s->n || v < value_of(s))
        set_value(s, v);
    return OK;
}

static enum err higher(const struct agg *a, struct decimal_state *s, int128 v, struct error *e)
{
    (void)a, (void)e;
    if (!s->n || v > value_of(s))
        set_value(s, v);
    return OK;
}

/* ---- results ---- */

static enum err value_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    (void)a, (void)e;
    if (state_c(state)->n > 0)
        builder_decimal(into, value_of(state_c(state)));
    else
        builder_null(into);
    return OK;
}

static enum err avg_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    struct decimal sum = {value_of(state_c(state)), a->arguments[0]->scale}, n = {state_c(state)->n, 0};
    int128         avg;
    if (!n.value) {
        builder_null(into);
        return OK;
    }
    if (!decimal_divide(sum, n, a->result->precision, a->result->scale, &avg))
        return err_set(e, ERR_DATA, "[NUMERIC_VALUE_OUT_OF_RANGE] the result of avg does not fit DECIMAL(%d,%d)",
                       a->result->precision, a->result->scale);
    builder_decimal(into, avg);
    return OK;
}

/* NULL when it does not fit. */
static enum err try_avg_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    struct error why;
    if (state_c(state)->n > 0 && avg_result(a, state, into, &why) == OK)
        return OK;
    (void)e;
    builder_null(into);
    return OK;
}

/* The function prefix##_ops out of one step that takes a value: the same step merges states. */
#define DECIMAL(prefix, step, result)                                                                        \
    static enum err prefix##_update(const struct agg *a, uint8_t *const *states, uint32_t at,                \
                                    const struct column *const *arguments, const uint32_t *rows, uint32_t n, \
                                    struct error *e)                                                         \
    {                                                                                                        \
        const struct column *c = arguments[0];                                                               \
        for (uint32_t k = 0; k < n; k++) {                                                                   \
            struct decimal_state *s = state_of(states[k] + at);                                              \
            if (!column_is_valid(c, rows[k]))                                                                \
                continue;                                                                                    \
            TRY(step(a, s, column_i128(c)[rows[k]], e));                                                     \
            s->n++;                                                                                          \
        }                                                                                                    \
        return OK;                                                                                           \
    }                                                                                                        \
    static enum err prefix##_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e) \
    {                                                                                                        \
        if (state_c(from)->n)                                                                                \
            TRY(step(a, state_of(into), value_of(state_c(from)), e));                                        \
        state_of(into)->n += state_c(from)->n;                                                               \
        return OK;                                                                                           \
    }                                                                                                        \
    static const struct agg_ops prefix##_ops = {#prefix,         sizeof(struct decimal_state),               \
                                                prefix##_update, prefix##_merge,                             \
                                                result,          decimal_save,                               \
                                                decimal_load,    agg_free_nothing};
DECIMAL(sum, add, value_result)
DECIMAL(avg, add, avg_result)
DECIMAL(try_sum, try_add, value_result)
DECIMAL(try_avg, try_add, try_avg_result)
DECIMAL(min, lower, value_result)
DECIMAL(max, higher, value_result)

const struct agg_ops *agg__sum_decimal(void) { return &sum_ops; }
const struct agg_ops *agg__avg_decimal(void) { return &avg_ops; }
const struct agg_ops *agg__try_sum_decimal(void) { return &try_sum_ops; }
const struct agg_ops *agg__try_avg_decimal(void) { return &try_avg_ops; }
const struct agg_ops *agg__min_decimal(void) { return &min_ops; }
const struct agg_ops *agg__max_decimal(void) { return &max_ops; }
