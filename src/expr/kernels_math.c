/* SPDX-License-Identifier: MIT */
/* Functions of doubles, bits and number systems. Source of the rules: Spark's mathExpressions, bitwiseExpressions. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/kernel_tools.h"

/* ---- of one double ---- */

typedef double real_cb(double v);

/* NULL where v <= above (Spark's asymptote of the logarithms; -INFINITY when there is none). */
static struct column *reals(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                            double above, real_cb *f)
{
    const double *a = args[0].c->values;
    STRICT_BEGIN(double, 1)
    for (uint32_t i = 0; i < n; i++) {
        double v = a[i * args[0].step];
        if (v > above || isnan(v) || above == -(double)INFINITY) {
            out[i] = f(v);
        } else if (!expr__set_null(&valid, n, i, &n_nulls)) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
    }
    STRICT_END(x->type);
}

#define REAL_ABOVE(name, above, value)                                                                       \
    static double  name##_of(double v) { return value; }                                                     \
    struct column *k_##name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                        \
        return reals(ev, x, args, n, above, name##_of);                                                      \
    }
#define REAL(name, value) REAL_ABOVE(name, -(double)INFINITY, value)

REAL(sqrt, sqrt(v))
REAL(cbrt, cbrt(v))
REAL(exp, exp(v))
REAL(expm1, expm1(v))
REAL_ABOVE(ln, 0, log(v))
REAL_ABOVE(log2, 0, log(v) / log(2.0))
REAL_ABOVE(log10, 0, log10(v))
REAL_ABOVE(log1p, -1, log1p(v))
REAL(sin, sin(v))
REAL(cos, cos(v))
REAL(tan, tan(v))
REAL(cot, 1 / tan(v))
REAL(sec, 1 / cos(v))
REAL(csc, 1 / sin(v))
REAL(asin, asin(v))
REAL(acos, acos(v))
REAL(atan, atan(v))
REAL(sinh, sinh(v))
REAL(cosh, cosh(v))
REAL(tanh, tanh(v))
REAL(asinh, v == -(double)INFINITY ? v : log(v + sqrt(v * v + 1.0)))
REAL(acosh, log(v + sqrt(v * v - 1.0)))
REAL(atanh, 0.5 * (log1p(v) - log1p(-v)))
REAL(degrees, v * 57.29577951308232)
REAL(radians, v * 0.017453292519943295)
REAL(rint, rint(v))
REAL(signum, v > 0 ? 1.0 : v < 0 ? -1.0 : v)

/* ---- of two doubles ---- */

typedef double real2_cb(double a, double b);

static struct column *reals2(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                             real2_cb *f)
{
    const double *a = args[0].c->values, *b = args[1].c->values;
    STRICT_BEGIN(double, 2)
    for (uint32_t i = 0; i < n; i++)
        out[i] = f(a[i * args[0].step], b[i * args[1].step]);
    STRICT_END(x->type);
}

/* Java's pow: NaN to any power but 0 is NaN, and so is 1 to the power of NaN or infinity. */
static double java_pow(double a, double b)
{
    if (b == 0)
        return 1;
    return isnan(b) || (fabs(a) == 1 && isinf(b)) ? (double)NAN : pow(a, b);
}

static double java_atan2(double y, double x) { return atan2(y + 0.0, x + 0.0); }

#define REAL2(name, f)                                                                                       \
    struct column *k_##name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                        \
        return reals2(ev, x, args, n, f);                                                                    \
    }
REAL2(pow, java_pow)
REAL2(atan2, java_atan2)
REAL2(hypot, hypot)

/* log(x), log(base, x): NULL where either is not above 0. */
struct column *k_log(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const double *base = args[0].c->values, *a = args[x->n_args - 1].c->values;
    if (x->n_args == 1)
        return k_ln(ev, x, args, n);
    STRICT_BEGIN(double, 2)
    for (uint32_t i = 0; i < n; i++) {
        double of = base[i * args[0].step], v = a[i * args[1].step];
        if (of <= 0 || v <= 0) {
            if (!expr__set_null(&valid, n, i, &n_nulls)) {
                mem_free(valid);
                mem_free(out);
                return expr__no_memory(ev);
            }
            continue;
        }
        out[i] = log(v) / log(of);
    }
    STRICT_END(x->type);
}

static struct column *constant(struct evaluation *ev, const struct expr *x, uint32_t n, double v)
{
    double *out = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *out);
    if (!out)
        return expr__no_memory(ev);
    for (uint32_t i = 0; i < n; i++)
        out[i] = v;
    return expr__wrap(ev, x->type, n, NULL, 0, out);
}

struct column *k_pi(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    (void)args;
    return constant(ev, x, n, 3.141592653589793);
}

struct column *k_e(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    (void)args;
    return constant(ev, x, n, 2.718281828459045);
}

/* ---- NaN ---- */

struct column *k_isnan(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    uint8_t *out = mem_alloc(TAG_BATCH, (size_t)n + 1);
    if (!out)
        return expr__no_memory(ev);
    for (uint32_t i = 0; i < n; i++)
        out[i] = vec_valid(args, i) && isnan(load_real(args[0].c, i * args[0].step));
    return expr__wrap(ev, x->type, n, NULL, 0, out);
}

/* The first, or the second where that is NaN. */
struct column *k_nanvl(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct builder b;
    struct column *out = NULL;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const struct vec *from =
            vec_valid(&args[0], i) && isnan(load_real(args[0].c, i * args[0].step)) ? &args[1] : &args[0];
        builder_copy(&b, from->c, i * from->step);
    }
    if (builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

/* ---- whole numbers ---- */

struct column *k_pmod(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(int64_t, 2) /* wide enough for every type */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i * args[0].step, by_at = i * args[1].step;
        if (IS_NULL_AT(i))
            continue;
        if (is_real(x->type)) {
            double by = load_real(args[1].c, by_at), rest = by == 0 ? 0 : fmod(load_real(args[0].c, at), by);
            if (by == 0)
                FAIL_ROW(i, "[REMAINDER_BY_ZERO] remainder by zero");
            else if (x->type->kind == TYPE_FLOAT)
                store_real(x->type, out, i, rest < 0 ? fmod((double)((float)rest + (float)by), by) : rest);
            else
                store_real(x->type, out, i, rest < 0 ? fmod(rest + by, by) : rest);
            continue;
        }
        int64_t by = column_integer(args[1].c, by_at);
        if (by == 0) {
            FAIL_ROW(i, "[REMAINDER_BY_ZERO] remainder by zero");
            continue;
        }
        int64_t rest = by == -1 ? 0 : column_integer(args[0].c, at) % by;
        if (rest < 0)
            rest = by == INT64_MIN ? (int64_t)((uint64_t)rest + (uint64_t)by) % by : (rest + by) % by;
        store_integer(x->type, out, i, rest);
    }
    STRICT_END(x->type);
}

struct column *k_factorial(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    STRICT_BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        int32_t v = IS_NULL_AT(i) ? 0 : int_at(args, i);
        out[i] = 1;
        for (int32_t k = 2; v <= 20 && k <= v; k++)
            out[i] *= k;
        if ((v < 0 || v > 20) && !expr__set_null(&valid, n, i, &n_nulls)) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
    }
    STRICT_END(x->type);
}

static bool bucket(double v, double from, double to, int64_t count, int64_t *out)
{
    double low = from < to ? from : to, high = from < to ? to : from;
    if (count <= 0 || count == INT64_MAX || isnan(v) || from == to || !isfinite(from) || !isfinite(to))
        return false;
    bool   up = from < to;
    double at = up ? v - low : high - v;
    if (up ? v < low : v > high)
        *out = 0;
    else if (up ? v >= high : v <= low)
        *out = count + 1;
    else {
        double place = (double)count * at / (high - low); /* Java's (long) saturates, its + 1 wraps */
        *out = isnan(place) ? 1 : place >= 9223372036854775807.0 ? INT64_MIN : (int64_t)place + 1;
    }
    return true;
}

struct column *k_width_bucket(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const double  *v = args[0].c->values, *from = args[1].c->values, *to = args[2].c->values;
    const int64_t *count = args[3].c->values;
    STRICT_BEGIN(int64_t, 4)
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i) &&
            !bucket(v[i * args[0].step], from[i * args[1].step], to[i * args[2].step], count[i * args[3].step],
                    &out[i]) &&
            !expr__set_null(&valid, n, i, &n_nulls)) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
    STRICT_END(x->type);
}

/* ---- bits ---- */

typedef int64_t bits_cb(int64_t a, int64_t b, const struct type *t);

static struct column *bitwise(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                              bits_cb *f)
{
    STRICT_BEGIN(int64_t, x->n_args)
    for (uint32_t i = 0; i < n; i++)
        if (!IS_NULL_AT(i))
            store_integer(x->type, out, i,
                          f(column_integer(args[0].c, i * args[0].step),
                            x->n_args > 1 ? column_integer(args[1].c, i * args[1].step) : 0, args[0].c->type));
    STRICT_END(x->type);
}

/* Java takes the distance modulo the width. */
static int distance(int64_t by, const struct type *t) { return (int)(by & (t->kind == TYPE_BIGINT ? 63 : 31)); }

#define BITS(name, value)                                                                                    \
    static int64_t name##_of(int64_t a, int64_t b, const struct type *t)                                     \
    {                                                                                                        \
        (void)b;                                                                                             \
        (void)t;                                                                                             \
        return value;                                                                                        \
    }                                                                                                        \
    struct column *k_##name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                        \
        return bitwise(ev, x, args, n, name##_of);                                                           \
    }
BITS(bit_and, a &b)
BITS(bit_or, a | b)
BITS(bit_xor, a ^ b)
BITS(bit_not, ~a)
BITS(shift_left,
     t->kind == TYPE_BIGINT ? (int64_t)((uint64_t)a << distance(b, t)) : (int32_t)((uint32_t)a << distance(b, t)))
BITS(shift_right, a >> distance(b, t))
BITS(shift_right_unsigned,
     t->kind == TYPE_BIGINT ? (int64_t)((uint64_t)a >> distance(b, t)) : (int32_t)((uint32_t)a >> distance(b, t)))
BITS(bit_count, __builtin_popcountll((unsigned long long)a))

struct column *k_bit_get(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    int width = 8 * (int)type_width(args[0].c->type);
    STRICT_BEGIN(int8_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        int32_t at = IS_NULL_AT(i) ? 0 : int_at(&args[1], i);
        if (at < 0 || at >= width)
            FAIL_ROW(i, "[INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE] there is no bit %d in a number of %d bits", at,
                     width);
        else
            out[i] = (int8_t)(column_integer(args[0].c, i * args[0].step) >> at & 1);
    }
    STRICT_END(x->type);
}

/* ---- number systems ---- */

static void put_digits(struct buf *out, uint64_t v, unsigned base)
{
    char text[65], *p = text + sizeof text;
    do
        *--p = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[v % base];
    while (v /= base);
    buf_put(out, p, (size_t)(text + sizeof text - p));
}

static bool bin_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)x;
    put_digits(&w->text, (uint64_t)column_integer(args[0].c, i * args[0].step), 2);
    return true;
}
TEXT_KERNEL(k_bin, bin_row)

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10 : 99;
}

/* Digits up to the first that is none; false: more than 64 bits. */
static bool read_digits(struct text t, unsigned base, uint64_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < t.n && digit_of(t.p[i]) < (int)base; i++)
        if (__builtin_mul_overflow(*out, (uint64_t)base, out) ||
            __builtin_add_overflow(*out, (uint64_t)digit_of(t.p[i]), out))
            return false;
    return true;
}

/* A negative base to: the number is signed. */
static bool conv_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    int32_t     from = int_at(&args[1], i), to = int_at(&args[2], i);
    uint64_t    v;
    (void)x;
    while (t.n && t.p[0] == ' ')
        t.p++, t.n--;
    while (t.n && t.p[t.n - 1] == ' ')
        t.n--;
    if (from < 2 || from > 36 || abs(to) < 2 || abs(to) > 36 || t.n == 0)
        return false;
    bool negative = t.p[0] == '-';
    t.p += negative;
    t.n -= negative;
    if (!read_digits(t, (unsigned)from, &v)) {
        expr__fail(w->ev, i, "[ARITHMETIC_OVERFLOW] overflow in function conv()");
        return false;
    }
    if (negative && to > 0)
        v = (int64_t)v < 0 ? UINT64_MAX : (uint64_t)-(int64_t)v;
    if (to < 0 && (int64_t)v < 0) {
        v = (uint64_t)0 - v;
        negative = true;
    }
    if (negative && to < 0)
        buf_u8(&w->text, '-');
    put_digits(&w->text, v, (unsigned)abs(to));
    return true;
}
TEXT_KERNEL(k_conv, conv_row)

/* ---- try_add and the like: the function in x->detail, its errors are NULL ---- */

struct column *k_try(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const struct function *tried = x->detail;
    struct row_errors      errors = {.collect = true}, *outer = ev->errors;
    ev->errors = &errors;
    struct column *c = tried->run(ev, x, args, n);
    ev->errors = outer;
    row_errors_fini(&errors);
    return c;
}

/* ---- failing on purpose ---- */

/* Fails row i with the text, or Java's null. */
static bool raise_row(struct evaluation *ev, const struct vec *text, uint32_t i)
{
    struct text t = {(const uint8_t *)"null", 4};
    if (vec_valid(text, i))
        t = text_at(text, i);
    return expr__fail(ev, i, "[USER_RAISED_EXCEPTION] %.*s", (int)(t.n < 120 ? t.n : 120), (const char *)t.p);
}

static struct column *no_value(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    struct column *c = column_nulls(x->type, n);
    return c ? c : expr__no_memory(ev);
}

struct column *k_raise_error(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!raise_row(ev, &args[0], i))
            return NULL;
    return no_value(ev, x, n);
}

struct column *k_assert_true(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool met = vec_valid(&args[0], i) && column_u8(args[0].c)[(size_t)i * args[0].step];
        if (!met && !raise_row(ev, &args[1], i))
            return NULL;
    }
    return no_value(ev, x, n);
}
