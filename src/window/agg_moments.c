/* SPDX-License-Identifier: MIT */
/*
 * Aggregates made of central moments: variance, stddev, skewness, kurtosis, covariance, correlation, regression.
 * Spark's CentralMomentAgg, Covariance and Corr step by step, so that the last bit is the same. See agg.h.
 */
#include <math.h>

#include "window/agg_priv.h"

/* ---- states are doubles ---- */

static void save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    for (size_t i = 0; i < a->ops->size; i += sizeof(double))
        buf_u64(out, *(const uint64_t *)(const void *)(state + i));
}

static enum err load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    for (size_t i = 0; i < a->ops->size; i += sizeof(double))
        *(uint64_t *)(void *)(state + i) = view_u64(in);
    return agg__check_view(in, e);
}

static double ratio(double x, double n) { return n == 0 ? 0 : x / n; }

/* ---- of one column ---- */

struct moments {
    double n, avg, m2, m3, m4;
};
#define SECOND_BYTES offsetof(struct moments, m3) /* the state of what needs m2 only */

static struct moments moments_of(const struct agg *a, const uint8_t *state)
{
    struct moments s = {0};
    memcpy(&s, state, a->ops->size);
    return s;
}

static struct moments moments_merged(struct moments x, struct moments y)
{
    double n = x.n + y.n, delta = y.avg - x.avg, delta_n = ratio(delta, n);
    return (struct moments){
        n, x.avg + delta_n * y.n, x.m2 + y.m2 + delta * delta_n * x.n * y.n,
        x.m3 + y.m3 + delta_n * delta_n * delta * x.n * y.n * (x.n - y.n) + 3.0 * delta_n * (x.n * y.m2 - y.n * x.m2),
        x.m4 + y.m4 + delta_n * delta_n * delta_n * delta * x.n * y.n * (x.n * x.n - x.n * y.n + y.n * y.n) +
            6.0 * delta_n * delta_n * (x.n * x.n * y.m2 + y.n * y.n * x.m2) +
            4.0 * delta_n * (x.n * y.m3 - y.n * x.m3)};
}

/* Spark merges every buffer into a fresh one when it changes hands, which rounds. */
static struct moments moments_handed(const struct agg *a, const uint8_t *state)
{
    return moments_merged((struct moments){0}, moments_of(a, state));
}

static enum err second_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                              const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    const struct column *c = arguments[0];
    (void)a, (void)e;
    for (uint32_t k = 0; k < n; k++) {
        double *s = (double *)(void *)(states[k] + at); /* n, avg, m2 */
        if (!column_is_valid(c, rows[k]))
            continue;
        double delta = column_f64(c)[rows[k]] - s[1], delta_n = delta / (s[0] + 1.0);
        s[0] += 1.0;
        s[1] += delta_n;
        s[2] += delta * (delta - delta_n);
    }
    return OK;
}

static enum err fourth_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                              const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    const struct column *c = arguments[0];
    (void)a, (void)e;
    for (uint32_t k = 0; k < n; k++) {
        struct moments *s = (struct moments *)(void *)(states[k] + at);
        if (!column_is_valid(c, rows[k]))
            continue;
        double delta = column_f64(c)[rows[k]] - s->avg, delta_n = delta / (s->n + 1.0);
        double delta2 = delta * delta, delta_n2 = delta_n * delta_n;
        s->n += 1.0;
        s->avg += delta_n;
        s->m2 += delta * (delta - delta_n);
        s->m3 = s->m3 - 3.0 * delta_n * s->m2 + delta * (delta2 - delta_n2);
        s->m4 = s->m4 - 4.0 * delta_n * s->m3 - 6.0 * delta_n2 * s->m2 + delta * (delta * delta2 - delta_n * delta_n2);
    }
    return OK;
}

static enum err moments_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)
{
    (void)e;
    struct moments merged = moments_merged(moments_handed(a, into), moments_handed(a, from));
    memcpy(into, &merged, a->ops->size);
    return OK;
}

static enum err put(struct builder *into, bool null, double v)
{
    if (null)
        builder_null(into);
    else
        builder_f64(into, v);
    return OK;
}

#define RESULT(name_, bytes, update, merge, state_type, handed, answer)                                              \
    static enum err name_##_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e) \
    {                                                                                                                \
        state_type s = handed(a, state);                                                                             \
        (void)e;                                                                                                     \
        return answer;                                                                                               \
    }                                                                                                                \
    static const struct agg_ops name_##_ops = {#name_,         bytes, update, merge,                                 \
                                               name_##_result, save,  load,   agg_free_nothing};                     \
    const struct agg_ops       *agg__##name_(const struct type *t) { return (void)t, &name_##_ops; }

/* The sample functions of one value divide by zero: NULL, as Spark says. */
#define SECOND(name, answer) \
    RESULT(name, SECOND_BYTES, second_update, moments_merge, struct moments, moments_handed, answer)
SECOND(stddev_samp, put(into, s.n < 2, sqrt(s.m2 / (s.n - 1.0))))
SECOND(stddev_pop, put(into, s.n < 1, sqrt(s.m2 / s.n)))
SECOND(var_samp, put(into, s.n < 2, s.m2 / (s.n - 1.0)))
SECOND(var_pop, put(into, s.n < 1, s.m2 / s.n))

#define FOURTH(name, answer) \
    RESULT(name, sizeof(struct moments), fourth_update, moments_merge, struct moments, moments_handed, answer)
FOURTH(skewness, put(into, s.m2 == 0, sqrt(s.n) * s.m3 / sqrt(s.m2 * s.m2 * s.m2)))
FOURTH(kurtosis, put(into, s.m2 == 0, s.n *s.m4 / (s.m2 * s.m2) - 3.0))

/* ---- of two columns: rows in which neither is NULL ---- */

struct pairs {
    double n, x, y, xy, xx, yy; /* averages, sums of products of the distances from them */
};

static struct pairs pairs_merged(struct pairs a, struct pairs b)
{
    double n = a.n + b.n, dx = b.x - a.x, dy = b.y - a.y, dx_n = ratio(dx, n), dy_n = ratio(dy, n);
    return (struct pairs){n,
                          a.x + dx_n * b.n,
                          a.y + dy_n * b.n,
                          a.xy + b.xy + dx * dy_n * a.n * b.n,
                          a.xx + b.xx + dx * dx_n * a.n * b.n,
                          a.yy + b.yy + dy * dy_n * a.n * b.n};
}

static struct pairs pairs_handed(const struct agg *a, const uint8_t *state)
{
    (void)a;
    return pairs_merged((struct pairs){0}, *(const struct pairs *)(const void *)state);
}

static enum err pairs_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                             const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    const double *xs = column_f64(arguments[0]), *ys = column_f64(arguments[1]);
    (void)a, (void)e;
    for (uint32_t k = 0; k < n; k++) {
        struct pairs *s = (struct pairs *)(void *)(states[k] + at);
        uint32_t      i = rows[k];
        if (!column_is_valid(arguments[0], i) || !column_is_valid(arguments[1], i))
            continue;
        double dx = xs[i] - s->x, dy = ys[i] - s->y;
        s->n += 1.0;
        s->x += dx / s->n;
        s->y += dy / s->n;
        s->xy += dx * (ys[i] - s->y);
        s->xx += dx * (xs[i] - s->x);
        s->yy += dy * (ys[i] - s->y);
    }
    return OK;
}

static enum err pairs_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)
{
    (void)a, (void)e;
    struct pairs merged = pairs_merged(pairs_handed(a, into), pairs_handed(a, from));
    memcpy(into, &merged, sizeof merged);
    return OK;
}

/* Of a column that is the same in all rows Spark (ANSI) makes an error. */
static enum err correlation(struct pairs s, struct builder *into, struct error *e)
{
    double by = sqrt(s.xx * s.yy);
    if (s.n > 1 && by == 0)
        return err_set(e, ERR_DATA, "[DIVIDE_BY_ZERO] corr() of a column that is the same in all rows");
    return put(into, s.n < 2, s.xy / by);
}

#define PAIRS(name, answer) \
    RESULT(name, sizeof(struct pairs), pairs_update, pairs_merge, struct pairs, pairs_handed, answer)
PAIRS(covar_pop, put(into, s.n < 1, s.xy / s.n))
PAIRS(covar_samp, put(into, s.n < 2, s.xy / (s.n - 1.0)))
PAIRS(corr, correlation(s, into, e))

/* ---- regression: y by x, the second argument ---- */

/* Covariance of x and y, and each one's CentralMomentAgg, which rounds otherwise than Corr. */
static enum err line_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                            const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    const double *ys = column_f64(arguments[0]), *xs = column_f64(arguments[1]);
    (void)a, (void)e;
    for (uint32_t k = 0; k < n; k++) {
        struct pairs *s = (struct pairs *)(void *)(states[k] + at);
        uint32_t      i = rows[k];
        if (!column_is_valid(arguments[0], i) || !column_is_valid(arguments[1], i))
            continue;
        double dx = xs[i] - s->x, dy = ys[i] - s->y;
        s->n += 1.0;
        double dx_n = dx / s->n, dy_n = dy / s->n;
        s->x += dx_n;
        s->y += dy_n;
        s->xy += dx * (ys[i] - s->y);
        s->xx += dx * (dx - dx_n);
        s->yy += dy * (dy - dy_n);
    }
    return OK;
}

/* The square of corr: 1 of an x that is the same in all rows, NULL of such a y, as in Spark. */
static enum err determination(struct pairs s, struct builder *into, struct error *e)
{
    double by = sqrt(s.xx * s.yy); /* x of a pair is the first argument: y here */
    if (s.xx != 0 && s.yy != 0 && by == 0)
        return err_set(e, ERR_DATA, "[DIVIDE_BY_ZERO] regr_r2() of columns that hardly change");
    return put(into, s.xx == 0, s.yy == 0 ? 1.0 : s.xy / by * (s.xy / by));
}

#define LINE(name, answer) \
    RESULT(name, sizeof(struct pairs), line_update, pairs_merge, struct pairs, pairs_handed, answer)
PAIRS(regr_r2, determination(s, into, e))
PAIRS(regr_sxy, put(into, s.n < 1, s.xy))
LINE(regr_sxx, put(into, s.n < 1, s.xx))
LINE(regr_syy, put(into, s.n < 1, s.yy))
LINE(regr_slope, put(into, s.xx == 0, s.xy / s.xx))
LINE(regr_intercept, put(into, s.xx == 0, s.y - s.xy / s.xx * s.x))
