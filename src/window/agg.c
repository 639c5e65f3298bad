/* SPDX-License-Identifier: MIT */
#include "window/agg.h"

#include <math.h>
#include <strings.h>

static void free_nothing(uint8_t *state) { (void)state; }

static int64_t load_integer(const struct column *c, uint32_t i)
{
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        return ((const int8_t *)c->values)[i];
    case TYPE_SMALLINT:
        return ((const int16_t *)c->values)[i];
    case TYPE_INT:
    case TYPE_DATE:
        return ((const int32_t *)c->values)[i];
    default:
        return ((const int64_t *)c->values)[i];
    }
}

static double load_real(const struct column *c, uint32_t i)
{
    return c->type->kind == TYPE_FLOAT    ? (double)((const float *)c->values)[i]
           : c->type->kind == TYPE_DOUBLE ? ((const double *)c->values)[i]
                                          : (double)load_integer(c, i);
}

static enum err check_view(const struct view *in, struct error *e)
{
    return in->failed ? err_set(e, ERR_CORRUPT, "aggregate state ends too early") : OK;
}

/* ---- count ---- */

static enum err count_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows,
                             uint32_t n, struct error *e)
{
    (void)e;
    for (uint32_t k = 0; k < n; k++)
        *(int64_t *)(void *)(states[k] + at) += !c || column_is_valid(c, rows[k]);
    return OK;
}

static enum err count_merge(uint8_t *into, const uint8_t *from, struct error *e)
{
    (void)e;
    *(int64_t *)(void *)into += *(const int64_t *)(const void *)from;
    return OK;
}

static void count_result(const uint8_t *state, struct builder *into)
{
    builder_i64(into, *(const int64_t *)(const void *)state);
}

static void count_save(const uint8_t *state, struct buf *out) { buf_u64(out, *(const uint64_t *)(const void *)state); }

static enum err count_load(uint8_t *state, struct view *in, struct error *e)
{
    *(uint64_t *)(void *)state = view_u64(in);
    return check_view(in, e);
}

static const struct agg_ops count_ops = {"count",      8,          count_update, count_merge,
                                         count_result, count_save, count_load,   free_nothing};

/* ---- a number and whether there was one: sum, avg, min and max of fixed-width values ---- */

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

static void number_save(const uint8_t *state, struct buf *out)
{
    buf_u64(out, (uint64_t)number_c(state)->integer);
    buf_u64(out, (uint64_t)number_c(state)->n);
}

static enum err number_load(uint8_t *state, struct view *in, struct error *e)
{
    number(state)->integer = (int64_t)view_u64(in);
    number(state)->n = (int64_t)view_u64(in);
    return check_view(in, e);
}

static enum err overflow(struct error *e)
{
    return err_set(e, ERR_DATA, "[ARITHMETIC_OVERFLOW] long overflow in sum()");
}

static enum err sum_long_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows,
                                uint32_t n, struct error *e)
{
    for (uint32_t k = 0; k < n; k++) {
        struct number_state *s = number(states[k] + at);
        if (!column_is_valid(c, rows[k]))
            continue;
        if (__builtin_add_overflow(s->integer, load_integer(c, rows[k]), &s->integer))
            return overflow(e);
        s->n++;
    }
    return OK;
}

static enum err sum_long_merge(uint8_t *into, const uint8_t *from, struct error *e)
{
    number(into)->n += number_c(from)->n;
    return __builtin_add_overflow(number(into)->integer, number_c(from)->integer, &number(into)->integer) ? overflow(e)
                                                                                                          : OK;
}

static void sum_long_result(const uint8_t *state, struct builder *into)
{
    if (number_c(state)->n)
        builder_i64(into, number_c(state)->integer);
    else
        builder_null(into);
}

static enum err sum_real_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows,
                                uint32_t n, struct error *e)
{
    (void)e;
    for (uint32_t k = 0; k < n; k++) {
        struct number_state *s = number(states[k] + at);
        if (!column_is_valid(c, rows[k]))
            continue;
        s->real += load_real(c, rows[k]);
        s->n++;
    }
    return OK;
}

static enum err sum_real_merge(uint8_t *into, const uint8_t *from, struct error *e)
{
    (void)e;
    number(into)->n += number_c(from)->n;
    number(into)->real += number_c(from)->real;
    return OK;
}

static void sum_real_result(const uint8_t *state, struct builder *into)
{
    if (number_c(state)->n)
        builder_f64(into, number_c(state)->real);
    else
        builder_null(into);
}

static void avg_result(const uint8_t *state, struct builder *into)
{
    if (number_c(state)->n)
        builder_f64(into, number_c(state)->real / (double)number_c(state)->n);
    else
        builder_null(into);
}

static const struct agg_ops sum_long_ops = {"sum",           16,          sum_long_update, sum_long_merge,
                                            sum_long_result, number_save, number_load,     free_nothing};
static const struct agg_ops sum_real_ops = {"sum",           16,          sum_real_update, sum_real_merge,
                                            sum_real_result, number_save, number_load,     free_nothing};
static const struct agg_ops avg_ops = {"avg",      16,          sum_real_update, sum_real_merge,
                                       avg_result, number_save, number_load,     free_nothing};

/* ---- min and max ---- */

/* Is a the better one? NaN is greater than any number. */
static bool real_better(double a, double b, bool max)
{
    if (isnan(a) || isnan(b))
        return max ? isnan(a) && !isnan(b) : isnan(b) && !isnan(a);
    return max ? a > b : a < b;
}

static void offer_integer(struct number_state *s, int64_t v, bool max)
{
    if (!s->n || (max ? v > s->integer : v < s->integer))
        s->integer = v;
    s->n++;
}

static void offer_real(struct number_state *s, double v, bool max)
{
    if (!s->n || real_better(v, s->real, max))
        s->real = v;
    s->n++;
}

static bool is_real(const struct type *t) { return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE; }

static enum err extreme_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows,
                               uint32_t n, bool max)
{
    bool real = is_real(c->type);
    for (uint32_t k = 0; k < n; k++) {
        if (!column_is_valid(c, rows[k]))
            continue;
        if (real)
            offer_real(number(states[k] + at), load_real(c, rows[k]), max);
        else
            offer_integer(number(states[k] + at), load_integer(c, rows[k]), max);
    }
    return OK;
}

static void put_number(const struct number_state *s, bool real, struct builder *into)
{
    if (!s->n) {
        builder_null(into);
        return;
    }
    switch ((int)into->type->kind) {
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
    default:
        if (real)
            builder_f64(into, s->real);
        else
            builder_i64(into, s->integer);
        break;
    }
}

#define EXTREME(prefix, max_, real_)                                                                                   \
    static enum err prefix##_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows, \
                                    uint32_t n, struct error *e)                                                       \
    {                                                                                                                  \
        (void)e;                                                                                                       \
        return extreme_update(states, at, c, rows, n, max_);                                                           \
    }                                                                                                                  \
    static enum err prefix##_merge(uint8_t *into, const uint8_t *from, struct error *e)                                \
    {                                                                                                                  \
        (void)e;                                                                                                       \
        int64_t n = number(into)->n + number_c(from)->n;                                                               \
        if (number_c(from)->n && real_)                                                                                \
            offer_real(number(into), number_c(from)->real, max_);                                                      \
        else if (number_c(from)->n)                                                                                    \
            offer_integer(number(into), number_c(from)->integer, max_);                                                \
        number(into)->n = n;                                                                                           \
        return OK;                                                                                                     \
    }                                                                                                                  \
    static void prefix##_result(const uint8_t *state, struct builder *into)                                            \
    {                                                                                                                  \
        put_number(number_c(state), real_, into);                                                                      \
    }                                                                                                                  \
    static const struct agg_ops prefix##_ops = {max_ ? "max" : "min", 16,          prefix##_update, prefix##_merge,    \
                                                prefix##_result,      number_save, number_load,     free_nothing};
EXTREME(min_long, false, false)
EXTREME(max_long, true, false)
EXTREME(min_real, false, true)
EXTREME(max_real, true, true)

/* ---- min and max of texts ---- */

struct text_state {
    uint8_t *bytes; /* NULL: no value yet */
    uint32_t n, capacity;
};

static struct text_state       *text(uint8_t *state) { return (struct text_state *)(void *)state; }
static const struct text_state *text_c(const uint8_t *state) { return (const struct text_state *)(const void *)state; }

static enum err text_set(struct text_state *s, const uint8_t *bytes, uint32_t n, struct error *e)
{
    if (!s->bytes || n > s->capacity) {
        uint8_t *more = mem_realloc(TAG_STATE, s->bytes, n + 16u);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "aggregate of texts");
        s->bytes = more;
        s->capacity = n + 16;
    }
    memcpy(s->bytes, bytes, n);
    s->n = n;
    return OK;
}

static enum err text_offer(struct text_state *s, const uint8_t *bytes, uint32_t n, bool max, struct error *e)
{
    if (s->bytes) {
        int order = memcmp(bytes, s->bytes, n < s->n ? n : s->n);
        if (order == 0)
            order = (n > s->n) - (n < s->n);
        if (max ? order <= 0 : order >= 0)
            return OK;
    }
    return text_set(s, bytes, n, e);
}

static enum err text_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows,
                            uint32_t n, bool max, struct error *e)
{
    for (uint32_t k = 0; k < n; k++) {
        uint32_t length;
        if (!column_is_valid(c, rows[k]))
            continue;
        const uint8_t *bytes = column_bytes(c, rows[k], &length);
        TRY(text_offer(text(states[k] + at), bytes, length, max, e));
    }
    return OK;
}

static void text_result(const uint8_t *state, struct builder *into)
{
    if (text_c(state)->bytes)
        builder_bytes(into, text_c(state)->bytes, text_c(state)->n);
    else
        builder_null(into);
}

static void text_save(const uint8_t *state, struct buf *out)
{
    buf_u8(out, text_c(state)->bytes != NULL);
    buf_bytes(out, text_c(state)->bytes, text_c(state)->n);
}

static enum err text_load(uint8_t *state, struct view *in, struct error *e)
{
    uint32_t       n;
    bool           there = view_u8(in) != 0;
    const uint8_t *bytes = view_bytes(in, &n);
    TRY(check_view(in, e));
    return there ? text_set(text(state), bytes, n, e) : OK;
}

static void text_free(uint8_t *state)
{
    mem_free(text(state)->bytes);
    text(state)->bytes = NULL;
}

#define TEXT_EXTREME(prefix, max_)                                                                                     \
    static enum err prefix##_update(uint8_t *const *states, uint32_t at, const struct column *c, const uint32_t *rows, \
                                    uint32_t n, struct error *e)                                                       \
    {                                                                                                                  \
        return text_update(states, at, c, rows, n, max_, e);                                                           \
    }                                                                                                                  \
    static enum err prefix##_merge(uint8_t *into, const uint8_t *from, struct error *e)                                \
    {                                                                                                                  \
        return text_c(from)->bytes ? text_offer(text(into), text_c(from)->bytes, text_c(from)->n, max_, e) : OK;       \
    }                                                                                                                  \
    static const struct agg_ops prefix##_ops = {max_ ? "max" : "min", 16,        prefix##_update, prefix##_merge,      \
                                                text_result,          text_save, text_load,       text_free};
TEXT_EXTREME(min_text, false)
TEXT_EXTREME(max_text, true)

/* ---- finding ---- */

static const char *const names[] = {"count", "sum", "avg", "mean", "min", "max"};
static const char *const later[] = {"approx_count_distinct",
                                    "percentile_approx",
                                    "approx_percentile",
                                    "max_by",
                                    "min_by",
                                    "first",
                                    "last",
                                    "first_value",
                                    "last_value",
                                    "any_value",
                                    "collect_list",
                                    "collect_set",
                                    "count_if",
                                    "stddev",
                                    "stddev_samp",
                                    "stddev_pop",
                                    "variance",
                                    "var_samp",
                                    "var_pop",
                                    "bool_and",
                                    "bool_or",
                                    "every",
                                    "some",
                                    "median",
                                    "percentile",
                                    "mode",
                                    "array_agg",
                                    "corr",
                                    "skewness",
                                    "kurtosis"};

static bool among(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(list[i], name) == 0)
            return true;
    return false;
}

bool agg_is_name(const char *name)
{
    return among(names, sizeof names / sizeof *names, name) || among(later, sizeof later / sizeof *later, name);
}

static enum err find_extreme(bool max, const struct type *t, const struct agg_ops **ops, const struct type **result,
                             struct error *e)
{
    if (t->kind >= TYPE_STRUCT || t->kind == TYPE_DECIMAL || t->kind == TYPE_INTERVAL || t->kind == TYPE_NULL)
        return err_set(e, ERR_UNSUPPORTED, "%s() of %s is not supported yet", max ? "max" : "min",
                       type_kind_name(t->kind));
    *result = t;
    if (t->kind == TYPE_STRING || t->kind == TYPE_BINARY)
        *ops = max ? &max_text_ops : &min_text_ops;
    else if (is_real(t))
        *ops = max ? &max_real_ops : &min_real_ops;
    else
        *ops = max ? &max_long_ops : &min_long_ops;
    return OK;
}

enum err agg_find(const char *name, const struct type *t, const struct agg_ops **ops, const struct type **result,
                  struct error *e)
{
    if (among(later, sizeof later / sizeof *later, name))
        return err_set(e, ERR_UNSUPPORTED, "the aggregate %s() is not supported yet", name);
    if (strcasecmp(name, "count") == 0) {
        *ops = &count_ops;
        *result = type_of(TYPE_BIGINT);
        return OK;
    }
    if (!t)
        return err_set(e, ERR_INVALID, "%s() takes one argument", name);
    if (strcasecmp(name, "min") == 0 || strcasecmp(name, "max") == 0)
        return find_extreme(strcasecmp(name, "max") == 0, t, ops, result, e);
    if (!type_is_number(t) || t->kind == TYPE_DECIMAL)
        return err_set(e, ERR_INVALID, "%s() takes a number, not %s", name, type_kind_name(t->kind));
    if (strcasecmp(name, "sum") == 0 && type_is_integer(t)) {
        *ops = &sum_long_ops;
        *result = type_of(TYPE_BIGINT);
        return OK;
    }
    *ops = strcasecmp(name, "sum") == 0 ? &sum_real_ops : &avg_ops;
    *result = type_of(TYPE_DOUBLE);
    return OK;
}
