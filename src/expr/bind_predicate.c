/* SPDX-License-Identifier: MIT */
/* IS, IN, BETWEEN, LIKE, CASE and the functions that choose what is computed. See expr.h. */
#include <strings.h>

#include "expr/kernels.h"

/* ---- predicates ---- */

struct expr *expr__is_predicate(struct expr_binder *b, const struct ast_expr *ast, struct expr *x)
{
    struct expr *call;
    if (ast->op == OP_IS_NULL || ast->op == OP_IS_UNKNOWN)
        return expr__call(b, ast->negated ? &fn_is_not_null : &fn_is_null, type_of(TYPE_BOOLEAN), ast->place, x, NULL);
    if (!(x = expr_coerce(b, x, type_of(TYPE_BOOLEAN))))
        return NULL;
    call =
        expr__call(b, ast->op == OP_IS_TRUE ? &fn_is_true : &fn_is_false, type_of(TYPE_BOOLEAN), ast->place, x, NULL);
    return ast->negated ? expr__negated(b, call) : call;
}

struct expr *expr__in_list(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    const struct type *t = args[0]->type;
    struct expr       *any = NULL;
    for (int i = 1; t && i < ast->n_args; i++)
        t = expr_common_type(b, t, args[i]->type);
    if (!t)
        return expr__wrong_types(b, ast->place, "IN", args[0], args[1]);
    for (int i = 1; i < ast->n_args; i++) {
        struct expr *x = expr_coerce(b, args[0], t), *y = expr_coerce(b, args[i], t);
        struct expr *equal = x && y ? expr__compare(b, &fn_equal, ast->place, x, y) : NULL;
        if (!equal || !(any = any ? expr__logical(b, EXPR_OR, ast->place, any, equal) : equal))
            return NULL;
    }
    return ast->negated ? expr__negated(b, any) : any;
}

struct expr *expr__between(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    struct expr *low = expr__compare(b, &fn_less_equal, ast->place, args[1], args[0]);
    struct expr *high = low ? expr__compare(b, &fn_less_equal, ast->place, args[0], args[2]) : NULL;
    struct expr *both = high ? expr__logical(b, EXPR_AND, ast->place, low, high) : NULL;
    return ast->negated ? expr__negated(b, both) : both;
}

struct expr *expr__like_call(struct expr_binder *b, bool ignore_case, struct place at, struct expr *text,
                             struct expr *pattern, char escape)
{
    static const struct function lower = {.name = "lower", .strict = true, .run = k_lower};
    const struct type           *s = type_of(TYPE_STRING);
    if (ignore_case) { /* Spark's ILIKE too is a LIKE of both in lower case */
        text = expr__call(b, &lower, s, at, text, NULL);
        pattern = expr__call(b, &lower, s, at, pattern, NULL);
    }
    struct expr *call = text && pattern ? expr__call(b, &fn_like, type_of(TYPE_BOOLEAN), at, text, pattern) : NULL;
    if (call)
        call->field = escape; /* the kernel reads it there */
    return call;
}

struct expr *expr__like(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    static const struct function rlike = {
        .name = "rlike", .args = "ss", .result = "B", .strict = true, .run = k_rlike, .bind = expr__bind_regexp};
    char         escape = '\\';
    struct expr *x = expr_coerce(b, args[0], type_of(TYPE_STRING)),
                *pattern = expr_coerce(b, args[1], type_of(TYPE_STRING)), *call;
    if (ast->n_args > 2) {
        if (args[2]->kind != EXPR_LITERAL || args[2]->type->kind != TYPE_STRING || args[2]->value.length != 1) {
            diag_error(b->diags, args[2]->place, "E_ARGUMENTS", "ESCAPE takes one character");
            return NULL;
        }
        escape = args[2]->value.text[0];
    }
    if (!x || !pattern)
        return NULL;
    if (ast->op == OP_RLIKE) {
        call = expr__call(b, &rlike, type_of(TYPE_BOOLEAN), ast->place, x, pattern);
        if (call && !expr__bind_regexp(b, call, ast))
            return NULL;
    } else {
        call = expr__like_call(b, ast->op == OP_ILIKE, ast->place, x, pattern, escape);
    }
    return call && ast->negated ? expr__negated(b, call) : call;
}

/* ---- CASE and its family ---- */

/* The values of THEN and ELSE to one type; conditions are at even places. */
static struct expr *case_of(struct expr_binder *b, struct place at, struct expr **args, int n)
{
    const struct type *t = type_of(TYPE_NULL);
    struct expr       *x = expr__new(b, EXPR_CASE, NULL, at, n);
    for (int i = 0; i < n; i++)
        if (i % 2 == 1 || i == n - 1) {
            const struct type *next = expr_common_type(b, t, args[i]->type);
            if (!next)
                return expr__wrong_types(b, at, "CASE", args[n - 1], args[1]);
            t = next;
        }
    if (!x)
        return NULL;
    x->type = t;
    x->nullable = n % 2 == 0;
    for (int i = 0; i < n; i++) {
        bool value = i % 2 == 1 || i == n - 1;
        if (!value && args[i]->type->kind == TYPE_NULL) {
            diag_error(b->diags, args[i]->place, "E_TYPE", "this is VOID, but BOOLEAN is needed");
            return NULL;
        }
        if (!(x->args[i] = expr_coerce(b, args[i], value ? t : type_of(TYPE_BOOLEAN))))
            return NULL;
        x->nullable = x->nullable || (value && x->args[i]->nullable);
    }
    return x;
}

struct expr *expr__bind_case(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    int n = ast->n_args - ast->has_operand;
    if (!ast->has_operand)
        return case_of(b, ast->place, args, n);
    for (int i = 1; i + 1 < ast->n_args + !ast->has_else; i += 2)
        if (!(args[i] = expr__compare(b, &fn_equal, ast->place, args[0], args[i])))
            return NULL;
    return case_of(b, ast->place, args + 1, n);
}

static struct expr *coalesce(struct expr_binder *b, struct place at, struct expr **args, int n)
{
    const struct type *t = type_of(TYPE_NULL);
    struct expr       *x = expr__new(b, EXPR_COALESCE, NULL, at, n);
    for (int i = 0; t && i < n; i++)
        t = expr_common_type(b, t, args[i]->type);
    if (!t)
        return expr__wrong_types(b, at, "coalesce", args[0], args[n - 1]);
    if (!x)
        return NULL;
    x->type = t;
    x->nullable = true;
    for (int i = 0; i < n; i++) {
        if (!(x->args[i] = expr_coerce(b, args[i], t)))
            return NULL;
        x->nullable = x->nullable && x->args[i]->nullable;
    }
    return x;
}

bool expr__arguments_are(struct expr_binder *b, const struct ast_expr *ast, int least, int most)
{
    if (ast->n_args >= least && ast->n_args <= most)
        return true;
    if (least == most)
        diag_error(b->diags, ast->place, "E_ARGUMENTS", "%s() takes %d argument%s, not %d", ast->text, least,
                   least == 1 ? "" : "s", ast->n_args);
    else
        diag_error(b->diags, ast->place, "E_ARGUMENTS", "%s() takes %d to %d arguments, not %d", ast->text, least, most,
                   ast->n_args);
    return false;
}

static struct expr *null_if(struct expr_binder *b, struct place at, struct expr *x, struct expr *y)
{
    struct expr *null = expr__new(b, EXPR_LITERAL, type_of(TYPE_NULL), at, 0);
    struct expr *equal = expr__compare(b, &fn_equal, at, x, y);
    if (!null || !equal)
        return NULL;
    null->value.is_null = null->nullable = true;
    struct expr *parts[3] = {equal, null, x};
    return case_of(b, at, parts, 3);
}

/* decode(x, search, result, .. [, default]): a CASE that finds NULL too. */
static struct expr *decode_case(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    for (int i = 1; i + 1 < ast->n_args; i += 2)
        if (!(args[i] = expr__compare(b, &fn_null_safe_equal, ast->place, args[0], args[i])))
            return NULL;
    if (ast->n_args % 2 == 0)
        return case_of(b, ast->place, args + 1, ast->n_args - 1);
    struct expr  *null = expr__new(b, EXPR_LITERAL, type_of(TYPE_STRING), ast->place, 0);
    struct expr **parts = arena_alloc(b->arena, (size_t)ast->n_args * sizeof *parts);
    if (!null || !parts)
        return NULL;
    null->value.is_null = null->nullable = true;
    memcpy(parts, args + 1, ((size_t)ast->n_args - 1) * sizeof *parts);
    parts[ast->n_args - 1] = null; /* without a default it is a NULL of the type STRING */
    return case_of(b, ast->place, parts, ast->n_args);
}

/* Functions that decide which arguments run. *known: it was one of them. */
struct expr *expr__conditional_call(struct expr_binder *b, const struct ast_expr *ast, struct expr **args, bool *known)
{
    *known = true;
    if (strcasecmp(ast->text, "if") == 0 || strcasecmp(ast->text, "iff") == 0)
        return expr__arguments_are(b, ast, 3, 3) ? case_of(b, ast->place, args, 3) : NULL;
    if (strcasecmp(ast->text, "coalesce") == 0)
        return expr__arguments_are(b, ast, 1, 1000) ? coalesce(b, ast->place, args, ast->n_args) : NULL;
    if (strcasecmp(ast->text, "nvl") == 0 || strcasecmp(ast->text, "ifnull") == 0)
        return expr__arguments_are(b, ast, 2, 2) ? coalesce(b, ast->place, args, 2) : NULL;
    if (strcasecmp(ast->text, "nullif") == 0) {
        return expr__arguments_are(b, ast, 2, 2) ? null_if(b, ast->place, args[0], args[1]) : NULL;
    }
    if (strcasecmp(ast->text, "nvl2") == 0) {
        if (!expr__arguments_are(b, ast, 3, 3))
            return NULL;
        struct expr *parts[3] = {expr_is_not_null(b->arena, args[0]), args[1], args[2]};
        return case_of(b, ast->place, parts, 3);
    }
    if (strcasecmp(ast->text, "isnull") == 0 || strcasecmp(ast->text, "isnotnull") == 0) {
        if (!expr__arguments_are(b, ast, 1, 1))
            return NULL;
        return expr__call(b, strcasecmp(ast->text, "isnull") == 0 ? &fn_is_null : &fn_is_not_null,
                          type_of(TYPE_BOOLEAN), ast->place, args[0], NULL);
    }
    if (strcasecmp(ast->text, "nullifzero") == 0 || strcasecmp(ast->text, "zeroifnull") == 0) {
        struct expr *zero = expr__new(b, EXPR_LITERAL, type_of(TYPE_INT), ast->place, 0);
        if (!zero || !expr__arguments_are(b, ast, 1, 1))
            return NULL;
        struct expr *pair[2] = {args[0], zero};
        return strcasecmp(ast->text, "nullifzero") == 0 ? null_if(b, ast->place, args[0], zero)
                                                        : coalesce(b, ast->place, pair, 2);
    }
    if (strcasecmp(ast->text, "decode") == 0 && ast->n_args > 2)
        return decode_case(b, ast, args);
    *known = false;
    return NULL;
}
