/* SPDX-License-Identifier: MIT */
/* DECIMAL while binding: literals, common types, result types of arithmetic (Spark's DecimalPrecisionTypeCoercion and
 * arithmetic.scala with allowPrecisionLoss). See expr.h. */
#include <stdlib.h>
#include <string.h>

#include "expr/expr_priv.h"
#include "text/decimal.h"

#define SCALE_KEPT 6 /* digits behind the point that a result too wide keeps */

static int max(int a, int b) { return a > b ? a : b; }
static int min(int a, int b) { return a < b ? a : b; }

/* ---- types ---- */

const struct type *expr__decimal_of_integer(const struct type *t)
{
    static const uint8_t digits[] = {[TYPE_TINYINT] = 3, [TYPE_SMALLINT] = 5, [TYPE_INT] = 10, [TYPE_BIGINT] = 20};
    return t->kind == TYPE_DECIMAL ? t : type_decimal(digits[t->kind], 0);
}

static const struct type *bounded(int precision, int scale)
{
    return type_decimal(min(precision, DECIMAL_DIGITS_MAX), min(scale, DECIMAL_DIGITS_MAX));
}

const struct type *expr__wider_decimal(const struct type *x, const struct type *y)
{
    x = expr__decimal_of_integer(x);
    y = expr__decimal_of_integer(y);
    int scale = max(x->scale, y->scale), whole = max(x->precision - x->scale, y->precision - y->scale);
    int over = max(0, whole + scale - DECIMAL_DIGITS_MAX); /* digits behind the point go first */
    return type_decimal(whole + scale - over, max(0, scale - over));
}

/* More than 38 digits: digits behind the point are dropped, but for six of them. */
static const struct type *adjusted(int precision, int scale)
{
    if (precision <= DECIMAL_DIGITS_MAX)
        return type_decimal(precision, scale);
    return type_decimal(DECIMAL_DIGITS_MAX, max(DECIMAL_DIGITS_MAX - (precision - scale), min(scale, SCALE_KEPT)));
}

static const struct type *result_type(enum ast_op op, const struct type *x, const struct type *y)
{
    int p = x->precision, s = x->scale, q = y->precision, t = y->scale, scale = max(s, t);
    switch ((int)op) {
    case OP_TIMES:
        return adjusted(p + q + 1, s + t);
    case OP_DIVIDE:
        scale = max(SCALE_KEPT, s + q + 1);
        return adjusted(p - s + t + scale, scale);
    case OP_MODULO:
        return adjusted(min(p - s, q - t) + scale, scale);
    case OP_DIV: /* of the whole part; the value is a BIGINT */
        return bounded(max(1, p - s + t), 0);
    default:
        return adjusted(max(p - s, q - t) + scale + 1, scale);
    }
}

const struct type *expr__rounded_decimal(const struct type *t, int digits)
{
    int whole = t->precision - t->scale + 1; /* 9.9 becomes 10 */
    if (digits < 0)
        return bounded(digits < -DECIMAL_DIGITS_MAX ? DECIMAL_DIGITS_MAX : max(whole, 1 - digits), 0);
    digits = min(digits, t->scale);
    return bounded(whole + digits, digits);
}

/* ---- literals ---- */

struct expr *expr__decimal_literal(struct expr_binder *b, const struct ast_expr *ast, bool negative)
{
    /* digits as written; 1e3BD has no digit behind the point */
    const char *point = strchr(ast->text, '.'), *exponent = strpbrk(ast->text, "eE");
    size_t      length = strlen(ast->text);
    int         scale = point ? (int)((exponent ? exponent : ast->text + length) - point) - 1 : 0;
    int128      v;
    long        shift = exponent ? strtol(exponent + 1, NULL, 10) : 0;
    shift = shift > 10000 ? 10000 : shift < -10000 ? -10000 : shift;
    scale = max(0, scale - (int)shift);
    if (scale > DECIMAL_DIGITS_MAX ||
        decimal_parse(ast->text, length, DECIMAL_DIGITS_MAX, min(scale, DECIMAL_DIGITS_MAX), &v) != PARSED_OK) {
        diag_error(b->diags, ast->place, "E_LITERAL", "the number %s has more than %d digits", ast->text,
                   DECIMAL_DIGITS_MAX);
        return NULL;
    }
    struct expr *x =
        expr__new(b, EXPR_LITERAL, type_decimal(max(decimal_digits(v), max(scale, 1)), scale), ast->place, 0);
    if (x)
        x->value.decimal = negative ? -v : v;
    return x;
}

struct expr *expr__retyped_decimal(struct expr_binder *b, const struct expr *x, const struct type *to)
{
    struct expr   *y = arena_copy(b->arena, x, sizeof *x);
    struct decimal v = {.value = x->type->kind == TYPE_DECIMAL ? x->value.decimal : x->value.integer,
                        .scale = x->type->scale};
    if (!y || !decimal_rescale(v, DECIMAL_HALF_UP, to->precision, to->scale, &y->value.decimal))
        return NULL;
    y->type = to;
    y->value.integer = 0;
    return y;
}

/* ---- arithmetic and comparison ---- */

struct expr *expr__as_decimal(struct expr_binder *b, struct expr *x)
{
    if (x->type->kind == TYPE_DECIMAL)
        return x;
    if (x->kind == EXPR_LITERAL && !x->value.is_null) /* a constant takes no more digits than it has */
        return expr__retyped_decimal(b, x, type_decimal(decimal_digits(x->value.integer), 0));
    return expr_coerce(b, x, expr__decimal_of_integer(x->type));
}

bool expr__decimal_pair(const struct type *x, const struct type *y)
{
    return (x->kind == TYPE_DECIMAL && (type_is_integer(y) || y->kind == TYPE_DECIMAL)) ||
           (y->kind == TYPE_DECIMAL && type_is_integer(x));
}

struct expr *expr__decimal_arithmetic(struct expr_binder *b, const struct function *f, enum ast_op op, struct place at,
                                      struct expr *x, struct expr *y)
{
    if (!(x = expr__as_decimal(b, x)) || !(y = expr__as_decimal(b, y)))
        return NULL;
    const struct type *t = result_type(op, x->type, y->type);
    struct expr       *call = expr__call(b, f, op == OP_DIV ? type_of(TYPE_BIGINT) : t, at, x, y);
    if (call)
        call->detail = t;
    return call;
}
