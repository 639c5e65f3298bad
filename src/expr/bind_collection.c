/* SPDX-License-Identifier: MIT */
/* Types of the functions that make arrays and maps of others (kernels_collection.c), and of split. */
#include <string.h>
#include <strings.h>

#include "expr/kernels.h"

static bool cannot(struct expr_binder *b, const struct expr *x, struct place at)
{
    return expr__wrong_types(b, at, x->function->name, x->args[0], x->args[x->n_args - 1]) != NULL;
}

/* Texts are not taken for numbers between elements, as Spark's findWiderTypeWithoutStringPromotion. */
static const struct type *wider(struct expr_binder *b, const struct type *x, const struct type *y)
{
    bool text = x->kind == TYPE_STRING, void_ = x->kind == TYPE_NULL || y->kind == TYPE_NULL;
    if (!void_ && (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL) && !type_equal(x, y))
        return NULL; /* Spark has no tightest type of these */
    return void_ || text == (y->kind == TYPE_STRING) ? expr_common_type(b, x, y) : NULL;
}

static bool coerce(struct expr_binder *b, struct expr **x, const struct type *to)
{
    struct expr *y = to ? expr_coerce(b, *x, to) : NULL;
    if (y)
        *x = y;
    return y != NULL;
}

static bool has_type(struct expr_binder *b, struct expr *x, const struct type *t)
{
    x->type = t;
    return t || expr__too_big(b, x->place);
}

/* ---- sets ---- */

/* array_distinct(x) in the place of x. */
static bool distinct(struct expr_binder *b, struct expr *x)
{
    static const struct function once = {
        .name = "array_distinct", .args = "A", .strict = true, .run = k_array_distinct};
    struct expr *inner = arena_copy(b->arena, x, sizeof *x);
    struct expr *call = inner ? expr__call(b, &once, x->type, x->place, inner, NULL) : NULL;
    if (!call)
        return expr__too_big(b, x->place);
    *x = *call;
    return true;
}

/* array_union, array_intersect, array_except, arrays_overlap */
bool expr__bind_sets(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *t = wider(b, expr__element(x->args[0]->type), expr__element(x->args[1]->type));
    if (!t || !expr__can_compare(t))
        return cannot(b, x, ast->place);
    const struct type *all = type_array(b->arena, t, true);
    if (!coerce(b, &x->args[0], all) || !coerce(b, &x->args[1], all))
        return false;
    if (x->type)
        return true;
    return has_type(b, x, all) && distinct(b, x);
}

/* ---- elements in and out ---- */

/* array_append, array_prepend, array_insert: the array, and a value last. */
bool expr__bind_put(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct expr      **value = &x->args[x->n_args - 1];
    const struct type *t = wider(b, expr__element(x->args[0]->type), (*value)->type);
    if (!t)
        return cannot(b, x, ast->place);
    return has_type(b, x, type_array(b->arena, t, true)) && coerce(b, &x->args[0], x->type) && coerce(b, value, t);
}

bool expr__bind_remove(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    if (!expr__bind_search(b, x, ast))
        return false;
    x->type = x->args[0]->type;
    return true;
}

bool expr__bind_repeat(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return has_type(b, x, type_array(b->arena, x->args[0]->type, true));
}

bool expr__bind_flatten(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *inner = expr__element(x->args[0]->type);
    if (inner->kind != TYPE_ARRAY) {
        diag_error(b->diags, ast->place, "E_TYPE", "flatten() takes an array of arrays");
        return false;
    }
    x->type = inner;
    return true;
}

/* Fields are named as the columns, others by their place from 0. */
bool expr__bind_arrays_zip(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct field *fields = arena_zalloc(b->arena, (size_t)x->n_args * sizeof *fields);
    for (int i = 0; fields && i < x->n_args; i++) {
        const struct ast_expr *a = ast->args[i];
        const char            *name = a->kind == AST_COLUMN  ? a->parts[a->n_parts - 1]
                                      : a->kind == AST_FIELD ? a->text
                                                             : arena_printf(b->arena, "%d", i);
        fields[i] = (struct field){name, expr__element(x->args[i]->type), true};
    }
    const struct type *one = fields ? type_struct(b->arena, fields, (size_t)x->n_args) : NULL;
    return has_type(b, x, one ? type_array(b->arena, one, true) : NULL);
}

bool expr__bind_sequence(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *t = expr_common_type(b, x->args[0]->type, x->args[1]->type);
    bool               whole = t && type_is_integer(t), time = t && (t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP);
    if (whole && x->n_args > 2 && type_is_integer(x->args[2]->type))
        t = expr_common_type(b, t, x->args[2]->type);
    if ((!whole && !time) || (x->n_args > 2 && !(whole && type_is_integer(x->args[2]->type)) &&
                              !(time && x->args[2]->type->kind == TYPE_INTERVAL)))
        return cannot(b, x, ast->place);
    for (int i = 0; i < x->n_args; i++)
        if ((i < 2 || whole) && !coerce(b, &x->args[i], t))
            return false;
    return has_type(b, x, type_array(b->arena, t, true));
}

/* ---- maps ---- */

static bool map_of(struct expr_binder *b, struct expr *x, const struct type *key, const struct type *value)
{
    if (expr__can_compare(key))
        return has_type(b, x, type_map(b->arena, key, value, true));
    diag_error(b->diags, x->place, "E_TYPE", "a MAP cannot be the key of a MAP");
    return false;
}

bool expr__bind_map_from_arrays(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return map_of(b, x, expr__element(x->args[0]->type), expr__element(x->args[1]->type));
}

bool expr__bind_map_from_entries(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *pair = expr__element(x->args[0]->type);
    if (pair->kind != TYPE_STRUCT || pair->n_fields != 2) {
        diag_error(b->diags, ast->place, "E_TYPE", "map_from_entries() takes an array of structs of two fields");
        return false;
    }
    return map_of(b, x, pair->fields[0].type, pair->fields[1].type);
}

bool expr__bind_map_entries(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *map = x->args[0]->type;
    const struct field fields[] = {{"key", map->fields[0].type, false}, {"value", map->fields[1].type, true}};
    const struct type *pair = type_struct(b->arena, fields, 2);
    (void)ast;
    return has_type(b, x, pair ? type_array(b->arena, pair, true) : NULL);
}

bool expr__bind_map_concat(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *t = x->args[0]->type;
    for (int i = 1; t && i < x->n_args; i++)
        t = expr_common_type(b, t, x->args[i]->type);
    if (!t)
        return cannot(b, x, ast->place);
    for (int i = 0; i < x->n_args; i++)
        if (!coerce(b, &x->args[i], t))
            return false;
    x->type = t;
    return true;
}

static bool check_pattern(struct expr_binder *b, const struct expr *pattern)
{
    char why[200];
    if (pattern->kind != EXPR_LITERAL || pattern->value.is_null ||
        expr__regexp_check(pattern->value.text, pattern->value.length, why, sizeof why))
        return true;
    diag_error(b->diags, pattern->place, "E_PATTERN", "this regular expression cannot be used: %s", why);
    return false;
}

bool expr__bind_str_to_map(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    for (int i = 1; i < x->n_args; i++)
        if (!check_pattern(b, x->args[i]))
            return false;
    return has_type(b, x, type_map(b->arena, type_of(TYPE_STRING), type_of(TYPE_STRING), true));
}

/* ---- texts ---- */

bool expr__bind_text_list(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return has_type(b, x, type_array(b->arena, type_of(TYPE_STRING), true));
}

bool expr__bind_regexp_all(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return check_pattern(b, x->args[1]) && has_type(b, x, type_array(b->arena, type_of(TYPE_STRING), true));
}

/* The text a pattern stands for, when it is no more than one: letters, \. and [.]; false: a regular expression. */
static bool plain_pattern(const struct expr_value *pattern, char *out, uint32_t *n)
{
    *n = 0;
    for (uint32_t i = 0; i < pattern->length; i++) {
        char c = pattern->text[i];
        if (c == '\\' && i + 1 < pattern->length && strchr("\\.[]{}()*+?^$|-/ ,;:#&'\"=<>!%@~_", pattern->text[i + 1]))
            c = pattern->text[++i];
        else if (c == '[' && i + 2 < pattern->length && pattern->text[i + 2] == ']' &&
                 !strchr("^\\[]&", pattern->text[i + 1])) {
            c = pattern->text[i + 1];
            i += 2;
        } else if (strchr("\\.[]{}()*+?^$|", c)) {
            return false;
        }
        out[(*n)++] = c;
    }
    return *n > 0;
}

/* A pattern that is a plain text is searched as bytes (x->value); others are regular expressions. */
bool expr__bind_split(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function by_regexp = {.name = "split", .args = "ss?i", .strict = true, .run = k_split_regexp};
    const struct expr           *pattern = x->args[1];
    bool                         constant = pattern->kind == EXPR_LITERAL && !pattern->value.is_null;
    char                        *text = arena_alloc(b->arena, pattern->value.length + 1u);
    if (!text)
        return expr__too_big(b, ast->place);
    if (constant && plain_pattern(&pattern->value, text, &x->value.length))
        x->value.text = text;
    else
        x->function = &by_regexp;
    return check_pattern(b, pattern) && has_type(b, x, type_array(b->arena, type_of(TYPE_STRING), true));
}
