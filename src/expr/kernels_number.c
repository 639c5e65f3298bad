/* SPDX-License-Identifier: MIT */
/* Arithmetic, comparison and logic. ANSI: overflow and division by zero are errors of the row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/kernel_tools.h"
#include "text/number.h"

/* ---- arithmetic ---- */

#define INTEGER_KERNEL(name, T, builtin, overflow)                                                              \
    static struct column *name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                           \
        const T *a = args[0].c->values, *b = args[1].c->values;                                                 \
        STRICT_BEGIN(T, 2)                                                                                      \
        for (uint32_t i = 0; i < n; i++)                                                                        \
            if (builtin(a[i * args[0].step], b[i * args[1].step], &out[i]) && !IS_NULL_AT(i))                   \
                FAIL_ROW(i, overflow);                                                                          \
        STRICT_END(x->type);                                                                                    \
    }
#define REAL_KERNEL(name, T, operator)                                                                          \
    static struct column *name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                           \
        const T *a = args[0].c->values, *b = args[1].c->values;                                                 \
        STRICT_BEGIN(T, 2)                                                                                      \
        for (uint32_t i = 0; i < n; i++)                                                                        \
            out[i] = a[i * args[0].step] operator b[i * args[1].step];                                          \
        STRICT_END(x->type);                                                                                    \
    }
#define ARITHMETIC(op, builtin, operator, decimal)                                                         \
    INTEGER_KERNEL(op##_i8, int8_t, builtin, "[BINARY_ARITHMETIC_OVERFLOW] TINYINT overflow")              \
    INTEGER_KERNEL(op##_i16, int16_t, builtin, "[BINARY_ARITHMETIC_OVERFLOW] SMALLINT overflow")           \
    INTEGER_KERNEL(op##_i32, int32_t, builtin, "[ARITHMETIC_OVERFLOW] integer overflow")                   \
    INTEGER_KERNEL(op##_i64, int64_t, builtin, "[ARITHMETIC_OVERFLOW] long overflow")                      \
    REAL_KERNEL(op##_f32, float, operator)                                                                 \
    REAL_KERNEL(op##_f64, double, operator)                                                                \
    struct column *k_##op(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                      \
        switch ((int)x->type->kind) {                                                                      \
        case TYPE_TINYINT:                                                                                 \
            return op##_i8(ev, x, args, n);                                                                \
        case TYPE_SMALLINT:                                                                                \
            return op##_i16(ev, x, args, n);                                                               \
        case TYPE_INT:                                                                                     \
            return op##_i32(ev, x, args, n);                                                               \
        case TYPE_BIGINT:                                                                                  \
            return op##_i64(ev, x, args, n);                                                               \
        case TYPE_FLOAT:                                                                                   \
            return op##_f32(ev, x, args, n);                                                               \
        case TYPE_DECIMAL:                                                                                 \
            return decimal_arithmetic(ev, x, args, n, decimal);                                            \
        default:                                                                                           \
            return op##_f64(ev, x, args, n);                                                               \
        }                                                                                                  \
    }
ARITHMETIC(add, __builtin_add_overflow, +, OP_PLUS)
ARITHMETIC(subtract, __builtin_sub_overflow, -, OP_MINUS)
ARITHMETIC(multiply, __builtin_mul_overflow, *, OP_TIMES)

struct column *k_divide(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const double *a = args[0].c->values, *b = args[1].c->values;
    if (x->type->kind == TYPE_DECIMAL)
        return decimal_arithmetic(ev, x, args, n, OP_DIVIDE);
    STRICT_BEGIN(double, 2)
    for (uint32_t i = 0; i < n; i++) {
        double by = b[i * args[1].step];
        if (by == 0 && !IS_NULL_AT(i))
            FAIL_ROW(i, "[DIVIDE_BY_ZERO] division by zero; use try_divide or NULLIF to get NULL instead");
        else
            out[i] = a[i * args[0].step] / by;
    }
    STRICT_END(x->type);
}

struct column *k_div(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const int64_t *a = args[0].c->values, *b = args[1].c->values;
    if (args[0].c->type->kind == TYPE_DECIMAL)
        return decimal_div(ev, x, args, n);
    STRICT_BEGIN(int64_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        int64_t v = a[i * args[0].step], by = b[i * args[1].step];
        if (IS_NULL_AT(i))
            continue;
        if (by == 0)
            FAIL_ROW(i, "[DIVIDE_BY_ZERO] division by zero");
        else if (v == INT64_MIN && by == -1)
            FAIL_ROW(i, OVERFLOW_TEXT, "long");
        else
            out[i] = v / by;
    }
    STRICT_END(x->type);
}

struct column *k_mod(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    if (x->type->kind == TYPE_DECIMAL)
        return decimal_arithmetic(ev, x, args, n, OP_MODULO);
    STRICT_BEGIN(int64_t, 2) /* wide enough for every type */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i * args[0].step, by_at = i * args[1].step;
        if (IS_NULL_AT(i))
            continue;
        bool zero = is_real(x->type) ? load_real(args[1].c, by_at) == 0 : column_integer(args[1].c, by_at) == 0;
        if (zero) {
            FAIL_ROW(i, "[REMAINDER_BY_ZERO] remainder by zero");
        } else if (is_real(x->type)) {
            store_real(x->type, out, i, fmod(load_real(args[0].c, at), load_real(args[1].c, by_at)));
        } else {
            int64_t by = column_integer(args[1].c, by_at);
            store_integer(x->type, out, i, by == -1 ? 0 : column_integer(args[0].c, at) % by);
        }
    }
    STRICT_END(x->type);
}

static struct column *change_sign(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                  bool only_negative)
{
    static const int64_t least[] = {
        [TYPE_TINYINT] = INT8_MIN, [TYPE_SMALLINT] = INT16_MIN, [TYPE_INT] = INT32_MIN, [TYPE_BIGINT] = INT64_MIN};
    if (x->type->kind == TYPE_DECIMAL)
        return decimal_sign(ev, x, args, n, only_negative);
    STRICT_BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i * args[0].step;
        if (is_real(x->type)) {
            double v = load_real(args[0].c, at);
            store_real(x->type, out, i, only_negative ? fabs(v) : -v);
            continue;
        }
        int64_t v = column_integer(args[0].c, at);
        if (only_negative && v >= 0)
            store_integer(x->type, out, i, v);
        else if (v == least[x->type->kind] && !IS_NULL_AT(i))
            FAIL_ROW(i, OVERFLOW_TEXT, type_kind_name(x->type->kind));
        else
            store_integer(x->type, out, i, v == INT64_MIN ? v : -v);
    }
    STRICT_END(x->type);
}

struct column *k_negate(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return change_sign(ev, x, args, n, false);
}

struct column *k_abs(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return change_sign(ev, x, args, n, true);
}

/* ---- rounding ---- */

/* Half up on the decimal digits Java prints, as BigDecimal(Double.toString(v)).setScale(digits, HALF_UP). */
static double round_real(double v, int digits, bool even)
{
    char text[NUMBER_TEXT_MAX], plain[400];
    if (!isfinite(v) || digits > 300 || digits < -300)
        return v;
    if (v == 0)
        return 0; /* a BigDecimal has no -0.0 */
    double_print(v, text);
    /* sign, digits d and exponent: v = 0.d1d2.. * 10^exponent */
    char ds[40];
    int  n = 0, exponent = 0;
    bool point = false, negative = text[0] == '-';
    for (const char *p = text + negative; *p && *p != 'E'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        exponent += !point;
        ds[n++] = *p;
    }
    const char *e = strchr(text, 'E');
    exponent += e ? atoi(e + 1) : 0;
    int keep = exponent + digits; /* digits of ds that stay */
    if (keep >= n)
        return v;
    if (keep < 0)
        return 0;
    bool up = ds[keep] >= '5';
    if (even && ds[keep] == '5' && keep + 1 == n)
        up = keep > 0 && ds[keep - 1] % 2; /* just in the middle; '0' is even */
    for (int i = keep; i < n; i++)
        ds[i] = '0';
    int i = keep - 1;
    for (; up && i >= 0; i--) {
        up = ds[i] == '9';
        ds[i] = up ? '0' : (char)(ds[i] + 1);
    }
    snprintf(plain, sizeof plain, "%s%s.%.*sE%d", negative ? "-" : "", up ? "1" : "0", n, ds, exponent);
    v = strtod(plain, NULL);
    return v == 0 ? 0 : v;
}

static bool fits(const struct type *t, int64_t v)
{
    int shift = 64 - 8 * (int)type_width(t);
    return (int64_t)((uint64_t)v << shift) >> shift == v;
}

/* Whole numbers change only for negative digits. False: overflow. */
static bool round_integer(int64_t v, int digits, bool even, int64_t *out)
{
    int64_t unit = 1;
    *out = v;
    if (digits >= 0)
        return true;
    for (int i = 0; i < -digits; i++)
        if (__builtin_mul_overflow(unit, 10, &unit)) {
            *out = 0;
            return true;
        }
    int64_t rest = v % unit, base = v - rest; /* |rest| < unit <= 10^18, so twice of it fits */
    int64_t twice = (rest < 0 ? -rest : rest) * 2;
    if (twice > unit || (twice == unit && !(even && base / unit % 2 == 0)))
        return !__builtin_add_overflow(base, v < 0 ? -unit : unit, out);
    *out = base;
    return true;
}

static struct column *round_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                 bool even)
{
    int digits = x->n_args > 1 ? (int)column_integer(args[1].c, 0) : 0;
    if (x->type->kind == TYPE_DECIMAL)
        return decimal_round(ev, x, args, n, even ? DECIMAL_HALF_EVEN : DECIMAL_HALF_UP, digits);
    STRICT_BEGIN(int64_t, x->n_args)
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i * args[0].step;
        int64_t  v;
        if (IS_NULL_AT(i))
            continue;
        if (is_real(x->type))
            store_real(x->type, out, i, round_real(load_real(args[0].c, at), digits, even));
        else if (round_integer(column_integer(args[0].c, at), digits, even, &v) && fits(x->type, v))
            store_integer(x->type, out, i, v);
        else
            FAIL_ROW(i, OVERFLOW_TEXT, type_kind_name(x->type->kind));
    }
    STRICT_END(x->type);
}

struct column *k_round(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return round_rows(ev, x, args, n, false);
}

struct column *k_bround(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return round_rows(ev, x, args, n, true);
}

static int64_t to_long(double v) /* Java's (long): saturates, NaN is 0 */
{
    return isnan(v) ? 0 : v >= 9223372036854775807.0 ? INT64_MAX : v <= -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

static struct column *to_whole(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                               double (*how)(double), enum decimal_rounding of_decimal)
{
    if (x->type->kind == TYPE_DECIMAL)
        return decimal_round(ev, x, args, n, of_decimal, 0);
    STRICT_BEGIN(int64_t, 1)
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i * args[0].step;
        out[i] = is_real(args[0].c->type) ? to_long(how(load_real(args[0].c, at))) : column_integer(args[0].c, at);
    }
    STRICT_END(x->type);
}

struct column *k_floor(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return to_whole(ev, x, args, n, floor, DECIMAL_FLOOR);
}

struct column *k_ceil(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return to_whole(ev, x, args, n, ceil, DECIMAL_CEILING);
}

/* ---- comparison ---- */

static int compare_real(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (int)isnan(a) - (int)isnan(b);
    return (a > b) - (a < b);
}

/* Parts of structs and arrays: NULL is the least. */
static int compare_parts(const struct column *x, uint32_t i, const struct column *y, uint32_t j)
{
    bool a = x->type->kind != TYPE_NULL && column_is_valid(x, i),
         b = y->type->kind != TYPE_NULL && column_is_valid(y, j);
    return a && b ? kernel_compare(x, i, y, j) : (int)a - (int)b;
}

static int compare_nested(const struct column *x, uint32_t i, const struct column *y, uint32_t j)
{
    int order = 0;
    if (x->type->kind == TYPE_STRUCT) {
        for (int f = 0; order == 0 && f < x->type->n_fields; f++)
            order = compare_parts(x->children[f], i, y->children[f], j);
        return order;
    }
    uint32_t n = x->offsets[i + 1] - x->offsets[i], m = y->offsets[j + 1] - y->offsets[j];
    for (uint32_t k = 0; order == 0 && k < n && k < m; k++)
        order = compare_parts(x->children[0], x->offsets[i] + k, y->children[0], y->offsets[j] + k);
    return order ? order : (n > m) - (n < m);
}

int kernel_compare(const struct column *x, uint32_t i, const struct column *y, uint32_t j)
{
    if (x->type->kind >= TYPE_STRUCT)
        return compare_nested(x, i, y, j);
    if (is_real(x->type))
        return compare_real(load_real(x, i), load_real(y, j));
    if (x->type->kind == TYPE_STRING || x->type->kind == TYPE_BINARY) {
        uint32_t       n, m;
        const uint8_t *a = column_bytes(x, i, &n), *b = column_bytes(y, j, &m);
        int            order = memcmp(a, b, n < m ? n : m);
        return order ? (order > 0) - (order < 0) : (n > m) - (n < m);
    }
    if (x->type->kind == TYPE_DECIMAL) {
        int128 p = column_i128(x)[i], q = column_i128(y)[j];
        return (p > q) - (p < q);
    }
    int64_t a = column_integer(x, i), b = column_integer(y, j);
    return (a > b) - (a < b);
}

/* The case that matters: a column of texts against one constant. */
static void equal_to_constant(const struct column *c, const uint8_t *text, uint32_t length, uint32_t n, uint8_t *out)
{
    const uint32_t *offsets = c->offsets;
    const uint8_t  *bytes = c->values;
    for (uint32_t i = 0; i < n; i++)
        out[i] = offsets[i + 1] - offsets[i] == length && memcmp(bytes + offsets[i], text, length) == 0;
}

struct column *k_equal(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    enum type_kind kind = args[0].c->type->kind;
    STRICT_BEGIN(uint8_t, 2)
    if ((kind == TYPE_STRING || kind == TYPE_BINARY) && args[0].step == 1 && args[1].step == 0 &&
        column_is_valid(args[1].c, 0)) {
        uint32_t       length;
        const uint8_t *text = column_bytes(args[1].c, 0, &length);
        equal_to_constant(args[0].c, text, length, n, out);
    } else if (kind == TYPE_BIGINT || kind == TYPE_TIMESTAMP) {
        const int64_t *a = args[0].c->values, *b = args[1].c->values;
        for (uint32_t i = 0; i < n; i++)
            out[i] = a[i * args[0].step] == b[i * args[1].step];
    } else {
        for (uint32_t i = 0; i < n; i++)
            out[i] = !IS_NULL_AT(i) && kernel_compare(args[0].c, i * args[0].step, args[1].c, i * args[1].step) == 0;
    }
    STRICT_END(x->type);
}

static struct column *ordered(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n, int most)
{
    STRICT_BEGIN(uint8_t, 2)
    for (uint32_t i = 0; i < n; i++)
        out[i] = !IS_NULL_AT(i) && kernel_compare(args[0].c, i * args[0].step, args[1].c, i * args[1].step) <= most;
    STRICT_END(x->type);
}

struct column *k_less(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return ordered(ev, x, args, n, -1);
}

struct column *k_less_equal(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return ordered(ev, x, args, n, 0);
}

/* ---- logic ---- */

static struct column *booleans(struct evaluation *ev, uint8_t *out, uint32_t n)
{
    return expr__wrap(ev, type_of(TYPE_BOOLEAN), n, NULL, 0, out);
}

struct column *k_null_safe_equal(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    uint8_t *out = mem_alloc(TAG_BATCH, n + 1);
    (void)x;
    if (!out)
        return expr__no_memory(ev);
    for (uint32_t i = 0; i < n; i++) {
        bool a = vec_valid(&args[0], i), b = vec_valid(&args[1], i);
        out[i] = a && b ? kernel_compare(args[0].c, i * args[0].step, args[1].c, i * args[1].step) == 0 : a == b;
    }
    return booleans(ev, out, n);
}

struct column *k_not(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    const uint8_t *a = args[0].c->values;
    STRICT_BEGIN(uint8_t, 1)
    for (uint32_t i = 0; i < n; i++)
        out[i] = !a[i * args[0].step];
    STRICT_END(x->type);
}

static struct column *test_rows(struct evaluation *ev, const struct vec *arg, uint32_t n, bool null, bool wanted,
                                bool value)
{
    uint8_t *out = mem_alloc(TAG_BATCH, n + 1);
    if (!out)
        return expr__no_memory(ev);
    for (uint32_t i = 0; i < n; i++) {
        bool valid = vec_valid(arg, i) && arg->c->type->kind != TYPE_NULL;
        out[i] = null ? valid == wanted : valid && (column_u8(arg->c)[i * arg->step] != 0) == value;
    }
    return booleans(ev, out, n);
}

struct column *k_is_null(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    (void)x;
    return test_rows(ev, args, n, true, false, false);
}

struct column *k_is_not_null(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    (void)x;
    return test_rows(ev, args, n, true, true, false);
}

struct column *k_is_true(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    (void)x;
    return test_rows(ev, args, n, false, true, true);
}

struct column *k_is_false(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    (void)x;
    return test_rows(ev, args, n, false, true, false);
}

static struct column *extreme(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n, int sign)
{
    struct builder b;
    struct column *out = NULL;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        int best = -1;
        for (int a = 0; a < x->n_args; a++)
            if (vec_valid(&args[a], i) &&
                (best < 0 || kernel_compare(args[a].c, i * args[a].step, args[best].c, i * args[best].step) == sign))
                best = a;
        if (best < 0)
            builder_null(&b);
        else
            builder_copy(&b, args[best].c, i * args[best].step);
    }
    if (builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

struct column *k_greatest(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return extreme(ev, x, args, n, 1);
}

struct column *k_least(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return extreme(ev, x, args, n, -1);
}
