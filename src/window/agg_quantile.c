/* SPDX-License-Identifier: MIT */
/*
 * percentile and median keep every value of the group; percentile_approx keeps Greenwald and Khanna's summary, step by
 * step as Spark's QuantileSummaries and PercentileDigest do, so that its answer is Spark's. A group holds at most
 * QUANTILE_BYTES_MAX; over it ERR_LIMIT. See agg.h.
 */
#include <math.h>
#include <stdlib.h>

#include "window/agg_priv.h"

#define QUANTILE_BYTES_MAX ((size_t)16 << 20)
#define HEAD_MAX 50000           /* values that wait unsorted */
#define COMPRESS_THRESHOLD 10000 /* samples, when the head is taken in */

/* ---- values ---- */

struct values {
    double  *at;
    uint32_t n, capacity;
};

static enum err values_add(const struct agg *a, struct values *v, double value, struct error *e)
{
    if (v->n == v->capacity) {
        uint32_t capacity = v->capacity ? v->capacity * 2 : 16;
        if (capacity * sizeof value > QUANTILE_BYTES_MAX)
            return err_set(e, ERR_LIMIT, "%s(): the values of a group are larger than %zu bytes", a->ops->name,
                           QUANTILE_BYTES_MAX);
        double *more = mem_realloc(TAG_STATE, v->at, capacity * sizeof *more);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "%s", a->ops->name);
        v->at = more;
        v->capacity = capacity;
    }
    v->at[v->n++] = value;
    return OK;
}

static void values_save(const struct values *v, struct buf *out) { buf_bytes(out, v->at, v->n * sizeof *v->at); }

static enum err values_load(const struct agg *a, struct values *v, struct view *in, struct error *e)
{
    uint32_t       n;
    const uint8_t *bytes = view_bytes(in, &n);
    TRY(agg__check_view(in, e));
    if (n % sizeof *v->at)
        return err_set(e, ERR_CORRUPT, "saved values end too early");
    for (uint32_t i = 0; i < n; i += (uint32_t)sizeof *v->at) {
        double value;
        memcpy(&value, bytes + i, sizeof value);
        TRY(values_add(a, v, value, e));
    }
    return OK;
}

/* As Double.compare orders: -0.0 below 0.0, NaN last. */
static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    if (a < b || a > b)
        return a < b ? -1 : 1;
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (signbit(b) != 0) - (signbit(a) != 0);
}

static void values_sort(struct values *v)
{
    if (v->n)
        qsort(v->at, v->n, sizeof *v->at, by_value);
}

static double value_of(const struct column *c, uint32_t row)
{
    return c->type->kind == TYPE_DOUBLE  ? column_f64(c)[row]
           : c->type->kind == TYPE_FLOAT ? (double)((const float *)c->values)[row]
                                         : (double)column_integer(c, row);
}

/* Java's narrowing: NaN is 0, what is too large the largest. */
static int64_t whole(double v) { return isnan(v) ? 0 : v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : (int64_t)v; }

static void put_value(struct builder *b, double v)
{
    int64_t i = whole(v);
    int32_t i32 = i > INT32_MAX ? INT32_MAX : i < INT32_MIN ? INT32_MIN : (int32_t)i;
    switch ((int)b->type->kind) {
    case TYPE_TINYINT:
        builder_i8(b, (int8_t)i32);
        break;
    case TYPE_SMALLINT:
        builder_i16(b, (int16_t)i32);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        builder_i32(b, i32);
        break;
    case TYPE_FLOAT:
        builder_f32(b, (float)v);
        break;
    case TYPE_DOUBLE:
        builder_f64(b, v);
        break;
    default:
        builder_i64(b, i);
        break;
    }
}

/* One value per percentage: a list when they were written as one. */
static void put_all(const struct agg *a, const double *values, struct builder *into)
{
    for (int i = 0; i < a->n_list; i++)
        put_value(into->type->kind == TYPE_ARRAY ? &into->children[0] : into, values[i]);
    if (into->type->kind == TYPE_ARRAY)
        builder_list(into);
}

/* ---- percentile: all values ---- */

static struct values *exact(uint8_t *state) { return (struct values *)(void *)state; }

static enum err exact_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                             const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    for (uint32_t k = 0; k < n; k++)
        if (column_is_valid(arguments[0], rows[k]))
            TRY(values_add(a, exact(states[k] + at), column_f64(arguments[0])[rows[k]], e));
    return OK;
}

static enum err exact_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)
{
    const struct values *other = (const struct values *)(const void *)from;
    for (uint32_t i = 0; i < other->n; i++)
        TRY(values_add(a, exact(into), other->at[i], e));
    return OK;
}

/* Between the two values around the place, by how near each is. */
static double interpolated(const struct values *v, double percentage)
{
    double position = (double)(v->n - 1) * percentage, below = floor(position), above = ceil(position);
    double low = v->at[(uint32_t)below], high = v->at[(uint32_t)above];
    if (below == above || low == high || (isnan(low) && isnan(high)))
        return low;
    return (above - position) * low + (position - below) * high;
}

/* The first value that has at least that part of all at or before it. */
static double discrete(const struct values *sorted, double p)
{
    uint32_t n = 1;
    while (n < sorted->n && n < sorted->n * p)
        n++;
    return sorted->at[n - 1];
}

static void values_reverse(struct values *v)
{
    for (uint32_t i = 0; i < v->n / 2; i++) {
        double swap = v->at[i];
        v->at[i] = v->at[v->n - 1 - i];
        v->at[v->n - 1 - i] = swap;
    }
}

typedef double percentile_fn(const struct values *sorted, double p);

static enum err percentiles(const struct agg *a, const uint8_t *state, percentile_fn *of, struct builder *into,
                            struct error *e)
{
    struct values sorted = {0}, *v = &sorted;
    double        results[AGG_LIST_MAX];
    enum err      rc = exact_merge(a, (uint8_t *)(void *)v, state, e);
    if (rc == OK && v->n == 0) {
        builder_null(into);
    } else if (rc == OK) {
        values_sort(v);
        if (a->descending)
            values_reverse(v);
        for (int i = 0; i < a->n_list; i++)
            results[i] = of(v, a->list[i]);
        put_all(a, results, into);
    }
    mem_free(v->at);
    return rc;
}

static enum err exact_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    return percentiles(a, state, interpolated, into, e);
}

static enum err disc_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    return percentiles(a, state, discrete, into, e);
}

static void exact_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    (void)a;
    values_save((const struct values *)(const void *)state, out);
}

static enum err exact_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    return values_load(a, exact(state), in, e);
}

static void exact_free(uint8_t *state)
{
    mem_free(exact(state)->at);
    *exact(state) = (struct values){0};
}

static const struct agg_ops exact_ops = {
    "percentile", sizeof(struct values), exact_update, exact_merge, exact_result, exact_save, exact_load, exact_free};

static const struct agg_ops disc_ops = {
    "percentile_disc", sizeof(struct values), exact_update, exact_merge, disc_result, exact_save, exact_load,
    exact_free};

const struct agg_ops *agg__percentile(const struct type *t) { return (void)t, &exact_ops; }
const struct agg_ops *agg__percentile_disc(const struct type *t) { return (void)t, &disc_ops; }

/* ---- percentile_approx: a summary ---- */

struct sample {
    double  value;
    int64_t g, delta; /* least distance in rank to the one before; how much more it may be */
};

struct samples {
    struct sample *at;
    uint32_t       n, capacity;
};

struct summary {
    struct values  head; /* not yet taken in */
    struct samples samples;
    int64_t        count; /* values behind the samples, without the head */
    int64_t        compressed;
};

static struct summary       *summary(uint8_t *state) { return (struct summary *)(void *)state; }
static const struct summary *summary_c(const uint8_t *state) { return (const struct summary *)(const void *)state; }
static double                relative_error(const struct agg *a) { return 1.0 / a->constants[1]; }

/* Room for n samples in an empty list. */
static enum err samples_init(const struct agg *a, struct samples *s, size_t n, struct error *e)
{
    *s = (struct samples){0};
    if (n * sizeof *s->at > QUANTILE_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "%s(): the summary of a group is larger than %zu bytes", a->ops->name,
                       QUANTILE_BYTES_MAX);
    if (n && !(s->at = mem_alloc(TAG_STATE, n * sizeof *s->at)))
        return err_set(e, ERR_NO_MEMORY, "%s", a->ops->name);
    s->capacity = (uint32_t)n;
    return OK;
}

static void replace(struct samples *s, struct samples by)
{
    mem_free(s->at);
    *s = by;
}

/* The head's values, sorted, between the samples. */
static enum err take_head_in(const struct agg *a, struct summary *s, struct error *e)
{
    struct samples all;
    uint32_t       at = 0;
    if (s->head.n == 0)
        return OK;
    TRY(samples_init(a, &all, (size_t)s->samples.n + s->head.n, e));
    values_sort(&s->head);
    for (uint32_t i = 0; i < s->head.n; i++) {
        double value = s->head.at[i];
        while (at < s->samples.n && s->samples.at[at].value <= value)
            all.at[all.n++] = s->samples.at[at++];
        s->count++;
        bool edge = all.n == 0 || (at == s->samples.n && i == s->head.n - 1);
        all.at[all.n] = (struct sample){value, 1, edge ? 0 : (int64_t)floor(2 * relative_error(a) * (double)s->count)};
        all.n++;
    }
    while (at < s->samples.n)
        all.at[all.n++] = s->samples.at[at++];
    replace(&s->samples, all);
    mem_free(s->head.at);
    s->head = (struct values){0};
    s->compressed = false;
    return OK;
}

/* From the last sample down, neighbours become one while their ranks stay within the threshold. */
static void merge_neighbours(struct samples *s, double threshold)
{
    if (s->n == 0)
        return;
    struct sample first = s->at[0], head = s->at[s->n - 1];
    uint32_t      to = s->n; /* kept ones are written from the end; what is read lies below */
    for (uint32_t i = s->n - 1; i-- > 1;) {
        struct sample x = s->at[i];
        if ((double)(x.g + head.g + head.delta) < threshold) {
            head.g += x.g;
        } else {
            s->at[--to] = head;
            head = x;
        }
    }
    s->at[--to] = head;
    if (first.value <= head.value && s->n > 1)
        s->at[--to] = first;
    s->n -= to;
    memmove(s->at, s->at + to, s->n * sizeof *s->at);
}

static enum err compress(const struct agg *a, struct summary *s, struct error *e)
{
    TRY(take_head_in(a, s, e));
    if (!s->compressed)
        merge_neighbours(&s->samples, 2 * relative_error(a) * (double)s->count);
    s->compressed = true;
    return OK;
}

static enum err insert(const struct agg *a, struct summary *s, double value, struct error *e)
{
    TRY(values_add(a, &s->head, value, e));
    s->compressed = false;
    if (s->head.n < HEAD_MAX)
        return OK;
    TRY(take_head_in(a, s, e));
    double most = 4.0 * trunc(1 / relative_error(a));
    return s->samples.n >= COMPRESS_THRESHOLD || s->samples.n >= most ? compress(a, s, e) : OK;
}

static enum err approx_update(const struct agg *a, uint8_t *const *states, uint32_t at,
                              const struct column *const *arguments, const uint32_t *rows, uint32_t n, struct error *e)
{
    for (uint32_t k = 0; k < n; k++)
        if (column_is_valid(arguments[0], rows[k]))
            TRY(insert(a, summary(states[k] + at), value_of(arguments[0], rows[k]), e));
    return OK;
}

static enum err copy_of(const struct agg *a, const struct summary *s, struct summary *out, struct error *e)
{
    *out = (struct summary){.count = s->count, .compressed = s->compressed};
    enum err rc = samples_init(a, &out->samples, s->samples.n, e);
    if (rc == OK && s->samples.n)
        memcpy(out->samples.at, s->samples.at, s->samples.n * sizeof *s->samples.at);
    if (rc == OK)
        out->samples.n = s->samples.n;
    for (uint32_t i = 0; rc == OK && i < s->head.n; i++)
        rc = values_add(a, &out->head, s->head.at[i], e);
    return rc;
}

static void approx_free(uint8_t *state)
{
    mem_free(summary(state)->head.at);
    mem_free(summary(state)->samples.at);
    *summary(state) = (struct summary){0};
}

/* Two compressed summaries as one. Samples between those of the other side are less sure by what that side is. */
static enum err merge_two(const struct agg *a, struct summary *s, const struct summary *other, struct error *e)
{
    struct samples        all;
    const struct samples *x = &s->samples, *y = &other->samples;
    int64_t               more_x = (int64_t)floor(2 * relative_error(a) * (double)other->count);
    int64_t               more_y = (int64_t)floor(2 * relative_error(a) * (double)s->count);
    uint32_t              i = 0, j = 0;
    TRY(samples_init(a, &all, (size_t)x->n + y->n, e));
    while (i < x->n && j < y->n) {
        bool           own = x->at[i].value < y->at[j].value;
        struct sample *to = &all.at[all.n++];
        *to = own ? x->at[i++] : y->at[j++];
        to->delta += own ? (j > 0 ? more_x : 0) : (i > 0 ? more_y : 0);
    }
    while (i < x->n)
        all.at[all.n++] = x->at[i++];
    while (j < y->n)
        all.at[all.n++] = y->at[j++];
    s->count += other->count;
    replace(&s->samples, all);
    merge_neighbours(&s->samples, 2 * relative_error(a) * (double)s->count);
    return OK;
}

static enum err approx_merge(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e)
{
    struct summary *s = summary(into), other;
    enum err        rc = copy_of(a, summary_c(from), &other, e);
    if (rc == OK)
        rc = compress(a, &other, e);
    if (rc == OK)
        rc = compress(a, s, e);
    if (rc == OK && s->count == 0 && other.count) { /* as it is */
        replace(&s->samples, other.samples);
        s->count = other.count;
        other.samples = (struct samples){0};
    } else if (rc == OK && other.count) {
        rc = merge_two(a, s, &other, e);
    }
    approx_free((uint8_t *)(void *)&other);
    return rc;
}

/* Where a pass over the samples stands. */
struct pass {
    uint32_t i;
    int64_t  rank; /* the least that sample i may have */
};

static double find(const struct summary *s, struct pass *p, double error, double percentage)
{
    const struct samples *x = &s->samples;
    double                rank = ceil(percentage * (double)s->count);
    while (p->i < x->n - 1) {
        double highest = (double)(p->rank + x->at[p->i].delta);
        if (highest - error <= rank && rank <= (double)p->rank + error)
            return x->at[p->i].value;
        p->rank += x->at[++p->i].g;
    }
    *p = (struct pass){.i = x->n - 1};
    return x->at[p->i].value;
}

/* In ascending order of the percentages, in one pass, as Spark asks. */
static void query(const struct agg *a, const struct summary *s, double *results)
{
    struct pass p = {.rank = s->samples.at[0].g};
    int64_t     widest = INT64_MIN;
    bool        done[AGG_LIST_MAX] = {false};
    for (uint32_t i = 0; i < s->samples.n; i++) {
        int64_t width = s->samples.at[i].g + s->samples.at[i].delta;
        widest = width > widest ? width : widest;
    }
    for (int k = 0; k < a->n_list; k++) {
        int at = -1;
        for (int i = 0; i < a->n_list; i++)
            if (!done[i] && (at < 0 || a->list[i] < a->list[at]))
                at = i;
        done[at] = true;
        double percentage = a->list[at];
        results[at] = percentage <= relative_error(a)       ? s->samples.at[0].value
                      : percentage >= 1 - relative_error(a) ? s->samples.at[s->samples.n - 1].value
                                                            : find(s, &p, (double)(widest / 2), percentage);
    }
}

static enum err approx_result(const struct agg *a, const uint8_t *state, struct builder *into, struct error *e)
{
    struct summary s;
    double         results[AGG_LIST_MAX];
    enum err       rc = copy_of(a, summary_c(state), &s, e);
    if (rc == OK)
        rc = compress(a, &s, e);
    if (rc == OK && (s.samples.n == 0 || a->n_list == 0)) {
        builder_null(into);
    } else if (rc == OK) {
        query(a, &s, results);
        put_all(a, results, into);
    }
    approx_free((uint8_t *)(void *)&s);
    return rc;
}

static void approx_save(const struct agg *a, const uint8_t *state, struct buf *out)
{
    const struct summary *s = summary_c(state);
    (void)a;
    buf_u64(out, (uint64_t)s->count);
    buf_u64(out, (uint64_t)s->compressed);
    buf_bytes(out, s->samples.at, s->samples.n * sizeof *s->samples.at);
    values_save(&s->head, out);
}

static enum err approx_load(const struct agg *a, uint8_t *state, struct view *in, struct error *e)
{
    struct summary *s = summary(state);
    uint32_t        n;
    s->count = (int64_t)view_u64(in);
    s->compressed = (int64_t)view_u64(in);
    const uint8_t *bytes = view_bytes(in, &n);
    TRY(agg__check_view(in, e));
    if (n % sizeof *s->samples.at)
        return err_set(e, ERR_CORRUPT, "a saved summary ends too early");
    TRY(samples_init(a, &s->samples, n / sizeof *s->samples.at, e));
    s->samples.n = s->samples.capacity;
    if (n)
        memcpy(s->samples.at, bytes, n);
    return values_load(a, &s->head, in, e);
}

static const struct agg_ops approx_ops = {
    "percentile_approx", sizeof(struct summary), approx_update, approx_merge, approx_result, approx_save, approx_load,
    approx_free};

const struct agg_ops *agg__percentile_approx(const struct type *t)
{
    return t->kind == TYPE_DECIMAL || t->kind == TYPE_INTERVAL ? NULL : &approx_ops;
}
