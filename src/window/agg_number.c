/* SPDX-License-Identifier: MIT */
/*
 * Aggregates whose state is one or two numbers: count, sum, avg, min, max, the bit and boolean ones. See agg.h.
 */
#include <math.h>

#include "window/agg_priv.h"

static double load_real(const struct column *c, uint32_t i)
{
    return c->type->kind == TYPE_FLOAT    ? (double)((const float *)c->values)[i]
           : c->type->kind == TYPE_DOUBLE ? ((const double *)c->values)[i]
                                          : (double)column_integer(c, i);
}

/* ---- count, count_if ---- */

static int64_t *counter(uint8_t *state) { return (int64_t *)(void *)state; }
static int64_t  counted(const uint8_t *state) { return *(const int64_t *)(const void *)state; }

static enum err count_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                             const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    const struct column *c = a->n_arguments ? arguments[0] : NULL;
    (void)e;
    for (uint32_t k = 0; k < n; k++)
        *counter(states[k] + at) += !c || column_is_valid(c, rows[k]);
    return OK;
}

static enum err count_if_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                                const struct column *const *arguments, const uint32_t *rows, uint32_t n,
                                struct error *e)
{
    const struct column *c = arguments[0];
    (void)a, (void)e;
    for (uint32_t k = 0; k < n; k++)
        *counter(states[k] + at) += column_is_valid(c, rows[k]) && column_u8(c)[rows[k]];
    return OK;
}

static enum err count_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)
{
    (void)a, (void)e;
    *counter(into) += counted(from);
    return OK;
}

static enum err count_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    (void)a, (void)e;
    builder_i64(into, counted(state));
    return OK;
}

static void count_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    buf_u64(out, (uint64_t)counted(state));
}

static enum err count_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    (void)a;
    *counter(state) = (int64_t)view_u64(in);
    return agg__check_view(in, e);
}

static const struct agg_ops count_ops = {"count",      8,          count_update, count_merge,
                                         count_result, count_save, count_load,   agg_free_nothing};
static const struct agg_ops count_if_ops = {"count_if",   8,          count_if_update, count_merge,
                                            count_result, count_save, count_load,      agg_free_nothing};

/* ---- a number and how many values there were: sum, avg, min, max, bit_* ---- */

struct number_state {
    union {
        int64_t integer;
        double  real;
    };
    int64_t n; /* values that were not NULL */
};

static struct number_state       *number(uint8_t *state) { return (struct number_state *)(void *)state; }
static const struct number_state *number_c(const uint8_t *state)
{
    return (const struct number_state *)(const void *)state;
}

static void number_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    buf_u64(out, (uint64_t)number_c(state)->integer);
    buf_u64(out, (uint64_t)number_c(state)->n);
}

static enum err number_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    (void)a;
    number(state)->integer = (int64_t)view_u64(in);
    number(state)->n = (int64_t)view_u64(in);
    return agg__check_view(in, e);
}

static enum err number_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    const struct number_state *s = number_c(state);
    (void)e;
    if (s->n <= 0) {
        builder_null(into);
        return OK;
    }
    switch ((int)a->result->kind) {
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        builder_i8(into, (int8_t)s->integer);
        break;
    case TYPE_SMALLINT:
        builder_i16(into, (int16_t)s->integer);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        builder_i32(into, (int32_t)s->integer);
        break;
    case TYPE_FLOAT:
        builder_f32(into, (float)s->real);
        break;
    case TYPE_DOUBLE:
        builder_f64(into, s->real);
        break;
    default:
        builder_i64(into, s->integer);
        break;
    }
    return OK;
}

static enum err avg_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    (void)a, (void)e;
    if (number_c(state)->n)
        builder_f64(into, number_c(state)->real / (double)number_c(state)->n);
    else
        builder_null(into);
    return OK;
}

static enum err add_integer(struct number_state *s, int64_t v, struct error *e)
{
    if (__builtin_add_overflow(s->integer, v, &s->integer))
        return err_set(e, ERR_DATA, "[ARITHMETIC_OVERFLOW] long overflow in sum()");
    return OK;
}

/* An overflow makes try_sum NULL, and stays: the count of values falls below all that can be added to it. */
static enum err try_add_integer(struct number_state *s, int64_t v, struct error *e)
{
    (void)e;
    if (s->n < 0 || __builtin_add_overflow(s->integer, v, &s->integer))
        s->n = AGG_OVERFLOW;
    return OK;
}

static enum err add_real(struct number_state *s, double v, struct error *e)
{
    (void)e;
    s->real += v;
    return OK;
}

/* Is a the better one? NaN is greater than any number. */
static bool real_better(double a, double b, bool max)
{
    if (isnan(a) || isnan(b))
        return max ? isnan(a) && !isnan(b) : isnan(b) && !isnan(a);
    return max ? a > b : a < b;
}

static enum err min_integer(struct number_state *s, int64_t v, struct error *e)
{
    (void)e;
    s->integer = !s->n || v < s->integer ? v : s->integer;
    return OK;
}

static enum err max_integer(struct number_state *s, int64_t v, struct error *e)
{
    (void)e;
    s->integer = !s->n || v > s->integer ? v : s->integer;
    return OK;
}

static enum err min_real(struct number_state *s, double v, struct error *e)
{
    (void)e;
    s->real = !s->n || real_better(v, s->real, false) ? v : s->real;
    return OK;
}

static enum err max_real(struct number_state *s, double v, struct error *e)
{
    (void)e;
    s->real = !s->n || real_better(v, s->real, true) ? v : s->real;
    return OK;
}

static enum err and_integer(struct number_state *s, int64_t v, struct error *e)
{
    (void)e;
    s->integer = s->n ? s->integer & v : v;
    return OK;
}

static enum err or_integer(struct number_state *s, int64_t v, struct error *e)
{
    (void)e;
    s->integer |= v;
    return OK;
}

static enum err xor_integer(struct number_state *s, int64_t v, struct error *e)
{
    (void)e;
    s->integer ^= v;
    return OK;
}

/* The function prefix##_ops out of one step that takes a value: the same step merges states. */
#define NUMBER(prefix, name, step, member, load, result)                                                     \
    static enum err prefix##_update(const struct agg *a, uint8_t *const *states, uint32_t at,                \
                                    const struct column *const *arguments, const uint32_t *rows, uint32_t n, \
                                    struct error *e)                                                         \
    {                                                                                                        \
        const struct column *c = arguments[0];                                                               \
        (void)a;                                                                                             \
        for (uint32_t k = 0; k < n; k++) {                                                                   \
            struct number_state *s = number(states[k] + at);                                                 \
            if (!column_is_valid(c, rows[k]))                                                                \
                continue;                                                                                    \
            TRY(step(s, load(c, rows[k]), e));                                                               \
            s->n++;                                                                                          \
        }                                                                                                    \
        return OK;                                                                                           \
    }                                                                                                        \
    static enum err prefix##_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e) \
    {                                                                                                        \
        (void)a;                                                                                             \
        if (number_c(from)->n)                                                                               \
            TRY(step(number(into), number_c(from)->member, e));                                              \
        number(into)->n += number_c(from)->n;                                                                \
        return OK;                                                                                           \
    }                                                                                                        \
    static const struct agg_ops prefix##_ops = {name,   16,          prefix##_update, prefix##_merge,        \
                                                result, number_save, number_load,     agg_free_nothing};
NUMBER(sum_integer, "sum", add_integer, integer, column_integer, number_result)
NUMBER(try_sum_integer, "try_sum", try_add_integer, integer, column_integer, number_result)
NUMBER(sum_real, "sum", add_real, real, load_real, number_result)
NUMBER(avg, "avg", add_real, real, load_real, avg_result)
NUMBER(min_integer, "min", min_integer, integer, column_integer, number_result)
NUMBER(max_integer, "max", max_integer, integer, column_integer, number_result)
NUMBER(min_real, "min", min_real, real, load_real, number_result)
NUMBER(max_real, "max", max_real, real, load_real, number_result)
NUMBER(bit_and, "bit_and", and_integer, integer, column_integer, number_result)
NUMBER(bit_or, "bit_or", or_integer, integer, column_integer, number_result)
NUMBER(bit_xor, "bit_xor", xor_integer, integer, column_integer, number_result)

/* ---- choosing ---- */

const struct agg_ops *agg__count(const struct type *t) { return (void)t, &count_ops; }
const struct agg_ops *agg__count_if(const struct type *t) { return (void)t, &count_if_ops; }
const struct agg_ops *agg__sum(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? agg__sum_decimal() : type_is_integer(t) ? &sum_integer_ops : &sum_real_ops;
}
const struct agg_ops *agg__try_sum(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? agg__try_sum_decimal() : type_is_integer(t) ? &try_sum_integer_ops : &sum_real_ops;
}
const struct agg_ops *agg__try_avg(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? agg__try_avg_decimal() : &avg_ops;
}
const struct agg_ops *agg__avg(const struct type *t) { return t->kind == TYPE_DECIMAL ? agg__avg_decimal() : &avg_ops; }
const struct agg_ops *agg__bit_and(const struct type *t) { return (void)t, &bit_and_ops; }
const struct agg_ops *agg__bit_or(const struct type *t) { return (void)t, &bit_or_ops; }
const struct agg_ops *agg__bit_xor(const struct type *t) { return (void)t, &bit_xor_ops; }
const struct agg_ops *agg__min_number(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? agg__min_decimal() : agg__is_real(t) ? &min_real_ops : &min_integer_ops;
}
const struct agg_ops *agg__max_number(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? agg__max_decimal() : agg__is_real(t) ? &max_real_ops : &max_integer_ops;
}
