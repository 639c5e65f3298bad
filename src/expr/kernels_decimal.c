/* SPDX-License-Identifier: MIT */
/* Kernels over DECIMAL: arithmetic, sign, rounding. Types are bind_decimal.c's; what does not fit fails the row. */
#include "expr/kernels.h"
#include "text/decimal.h"

/* A strict kernel while it runs. */
struct run {
    struct evaluation *ev;
    const struct expr *x;
    uint8_t           *valid;
    uint32_t           n, n_nulls;
    void              *out; /* n values of x->type */
};

static bool begin(struct run *r, struct evaluation *ev, const struct expr *x, const struct vec *args, int n_args,
                  uint32_t n)
{
    *r = (struct run){.ev = ev, .x = x, .n = n};
    if (!expr__strict_valid(ev, args, n_args, n, &r->valid, &r->n_nulls))
        return false;
    if (!(r->out = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * type_width(x->type)))) {
        mem_free(r->valid);
        return expr__no_memory(ev) != NULL;
    }
    return true;
}

static bool is_null(const struct run *r, uint32_t i) { return r->valid && !(r->valid[i / 8] >> (i % 8) & 1); }

static struct column *end(struct run *r) { return expr__wrap(r->ev, r->x->type, r->n, r->valid, r->n_nulls, r->out); }

static struct column *give_up(struct run *r)
{
    mem_free(r->valid);
    mem_free(r->out);
    return r->ev->error->code ? NULL : expr__no_memory(r->ev);
}

static struct decimal at(const struct vec *v, uint32_t i)
{
    return (struct decimal){column_i128(v->c)[(size_t)i * v->step], v->c->type->scale};
}

/* False: the evaluation ends. */
static bool too_wide(struct run *r, uint32_t i, const struct type *t)
{
    return expr__fail(r->ev, i, "[NUMERIC_VALUE_OUT_OF_RANGE] the result of %s does not fit DECIMAL(%d,%d)",
                      r->x->function->name, t->precision, t->scale) &&
           expr__set_null(&r->valid, r->n, i, &r->n_nulls);
}

static bool by_zero(struct run *r, uint32_t i, const char *class)
{
    return expr__fail(r->ev, i, "[%s] division by zero", class) && expr__set_null(&r->valid, r->n, i, &r->n_nulls);
}

/* ---- plus, minus, times ---- */

/* Every result fits: the type has room for all digits, so 128 bits have too. */
static bool has_room(const struct type *a, const struct type *b, const struct type *to, bool product)
{
    int whole_a = a->precision - a->scale, whole_b = b->precision - b->scale;
    int scale = a->scale > b->scale ? a->scale : b->scale;
    if (product)
        return a->precision + b->precision <= DECIMAL_DIGITS_MAX && to->scale == a->scale + b->scale;
    return (whole_a > whole_b ? whole_a : whole_b) + scale < DECIMAL_DIGITS_MAX && to->scale == scale;
}

static void sums(const struct run *r, const struct vec *args, int sign)
{
    const int128 *a = args[0].c->values, *b = args[1].c->values;
    int128       *out = r->out, by_a = decimal_power(r->x->type->scale - args[0].c->type->scale);
    int128        by_b = decimal_power(r->x->type->scale - args[1].c->type->scale) * sign;
    for (uint32_t i = 0; i < r->n; i++)
        out[i] = a[i * args[0].step] * by_a + b[i * args[1].step] * by_b;
}

static void products(const struct run *r, const struct vec *args)
{
    const int128 *a = args[0].c->values, *b = args[1].c->values;
    int128       *out = r->out;
    for (uint32_t i = 0; i < r->n; i++)
        out[i] = a[i * args[0].step] * b[i * args[1].step];
}

static bool compute(enum ast_op op, struct decimal a, struct decimal b, const struct type *t, int128 *out)
{
    switch ((int)op) {
    case OP_MINUS:
        b.value = -b.value;
        return decimal_add(a, b, t->precision, t->scale, out);
    case OP_TIMES:
        return decimal_multiply(a, b, t->precision, t->scale, out);
    case OP_DIVIDE:
        return decimal_divide(a, b, t->precision, t->scale, out);
    case OP_MODULO:
        return decimal_remainder(a, b, t->precision, t->scale, out);
    default:
        return decimal_add(a, b, t->precision, t->scale, out);
    }
}

struct column *decimal_arithmetic(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                  enum ast_op op)
{
    struct run r;
    if (!begin(&r, ev, x, args, 2, n))
        return NULL;
    if (op <= OP_TIMES && has_room(args[0].c->type, args[1].c->type, x->type, op == OP_TIMES)) {
        if (op == OP_TIMES)
            products(&r, args);
        else
            sums(&r, args, op == OP_PLUS ? 1 : -1);
        return end(&r);
    }
    int128 *out = r.out;
    for (uint32_t i = 0; i < n; i++) {
        struct decimal a = at(&args[0], i), b = at(&args[1], i);
        if (is_null(&r, i))
            continue;
        if (op > OP_TIMES && b.value == 0) {
            if (!by_zero(&r, i, op == OP_DIVIDE ? "DIVIDE_BY_ZERO" : "REMAINDER_BY_ZERO"))
                return give_up(&r);
        } else if (!compute(op, a, b, x->type, &out[i]) && !too_wide(&r, i, x->type)) {
            return give_up(&r);
        }
    }
    return end(&r);
}

struct column *decimal_div(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct run         r;
    const struct type *whole = x->detail;
    int128             v;
    if (!begin(&r, ev, x, args, 2, n))
        return NULL;
    int64_t *out = r.out;
    for (uint32_t i = 0; i < n; i++) {
        struct decimal a = at(&args[0], i), b = at(&args[1], i);
        if (is_null(&r, i))
            continue;
        if (b.value == 0) {
            if (!by_zero(&r, i, "DIVIDE_BY_ZERO"))
                return give_up(&r);
        } else if (decimal_quotient(a, b, whole->precision, &v)) {
            out[i] = (int64_t)(uint64_t)v; /* Java's longValue() wraps */
        } else if (!too_wide(&r, i, whole)) {
            return give_up(&r);
        }
    }
    return end(&r);
}

/* Spark negates through scala.math.BigDecimal, which keeps 34 digits, half to even. */
static int128 negated(struct decimal v)
{
    int    more = decimal_digits(v.value) - 34;
    int128 rounded = v.value;
    if (more > 0 && decimal_rescale(v, DECIMAL_HALF_EVEN, DECIMAL_DIGITS_MAX, v.scale - more, &rounded))
        rounded *= decimal_power(more);
    return -rounded;
}

struct column *decimal_sign(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                            bool only_negative)
{
    struct run r;
    if (!begin(&r, ev, x, args, 1, n))
        return NULL;
    int128 *out = r.out;
    for (uint32_t i = 0; i < n; i++) {
        struct decimal v = at(args, i);
        out[i] = only_negative && v.value >= 0 ? v.value : negated(v);
    }
    return end(&r);
}

/* ---- rounding ---- */

struct column *decimal_round(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                             enum decimal_rounding how, int digits)
{
    struct run r;
    if (!begin(&r, ev, x, args, x->n_args, n))
        return NULL;
    int128 *out = r.out;
    digits = digits > x->type->scale ? x->type->scale : digits < -DECIMAL_DIGITS_MAX ? -DECIMAL_DIGITS_MAX : digits;
    for (uint32_t i = 0; i < n; i++) {
        int128 v;
        if (is_null(&r, i))
            continue;
        bool fits = decimal_rescale(at(args, i), how, DECIMAL_DIGITS_MAX, digits, &v);
        if (digits < 0) { /* in tens, hundreds: back to units */
            fits = fits && decimal_rescale((struct decimal){v, 0}, how, x->type->precision, -digits, &out[i]);
        } else {
            out[i] = v;
            fits = fits && decimal_fits(v, x->type->precision);
        }
        if (!fits && !too_wide(&r, i, x->type))
            return give_up(&r);
    }
    return end(&r);
}

/* ---- times ---- */

struct column *decimal_seconds(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct run r;
    if (!begin(&r, ev, x, args, 1, n))
        return NULL;
    int64_t *out = r.out;
    for (uint32_t i = 0; i < n; i++) {
        int128         us, back;
        struct decimal v = at(args, i);
        if (is_null(&r, i))
            continue;
        bool exact = decimal_rescale(v, DECIMAL_DOWN, DECIMAL_DIGITS_MAX, 6, &us) && us == (int64_t)us;
        exact = exact && (v.scale <= 6 ||
                          (decimal_rescale((struct decimal){us, 6}, DECIMAL_DOWN, DECIMAL_DIGITS_MAX, v.scale, &back) &&
                           back == v.value));
        out[i] = exact ? (int64_t)us : 0;
        if (!exact && !(expr__fail(ev, i, "[ARITHMETIC_OVERFLOW] these seconds are no microseconds of 64 bits") &&
                        expr__set_null(&r.valid, n, i, &r.n_nulls)))
            return give_up(&r);
    }
    return end(&r);
}
