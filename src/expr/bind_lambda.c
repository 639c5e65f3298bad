/* SPDX-License-Identifier: MIT */
/*
 * Lambda functions while binding: their parameters, and the functions that take them. A body is bound once the types
 * of the elements are known; its parameters hide columns of the same name.
 */
#include <strings.h>

#include "expr/kernels.h"

/* ---- parameters ---- */

static const struct expr_parameter *find_parameter(const struct expr_binder *b, const char *name)
{
    for (const struct expr_parameter *p = b->parameters; p; p = p->outer)
        if (strcasecmp(p->name, name) == 0)
            return p;
    return NULL;
}

bool expr__mentions_parameter(const struct expr_binder *b, const struct ast_expr *ast)
{
    if (!b->parameters)
        return false;
    if (ast->kind == AST_COLUMN)
        return find_parameter(b, ast->parts[0]) != NULL;
    for (int i = 0; i < ast->n_args; i++)
        if (expr__mentions_parameter(b, ast->args[i]))
            return true;
    return false;
}

static struct expr *part_of(struct expr_binder *b, struct expr *x, const struct ast_expr *ast, int part)
{
    if (x->type->kind == TYPE_MAP)
        return expr_map_value(b, x, ast->parts[part], ast->part_places[part]);
    int index = x->type->kind == TYPE_STRUCT ? type_field_index(x->type, ast->parts[part]) : -1;
    if (index >= 0)
        return expr_field(b->arena, x, index, ast->place);
    diag_error(b->diags, ast->part_places[part], "E_UNKNOWN_FIELD",
               x->type->kind == TYPE_STRUCT ? "no field \"%s\" in this struct" : "\"%s\": this is no struct",
               ast->parts[part]);
    return NULL;
}

bool expr__parameter(struct expr_binder *b, const struct ast_expr *ast, struct expr **out)
{
    const struct expr_parameter *p = find_parameter(b, ast->parts[0]);
    if (!p)
        return false;
    if ((*out = expr__new(b, EXPR_PARAMETER, p->type, ast->place, 0))) {
        (*out)->column = p->slot;
        (*out)->nullable = true;
    }
    for (int i = 1; *out && i < ast->n_parts; i++)
        *out = part_of(b, *out, ast, i);
    return true;
}

bool expr__refuse_lambda(struct expr_binder *b, const struct ast_expr *ast)
{
    struct diag *g = diag_error(b->diags, ast->place, "E_ARGUMENTS", "a lambda function is not taken here");
    diag_hint(b->diags, g,
              "transform, filter, exists, forall, aggregate, zip_with, array_sort, transform_values, transform_keys, "
              "map_filter and map_zip_with take one");
    return false;
}

/* ---- bodies ---- */

static bool is_new_name(const struct ast_expr *ast, int i)
{
    for (int k = 0; k < i; k++)
        if (strcasecmp(ast->parts[k], ast->parts[i]) == 0)
            return false;
    return true;
}

/* The lambda at ast with parameters of those types, at least `least` of them named; NULL after a diagnostic. */
static struct expr *lambda(struct expr_binder *b, const char *function, const struct ast_expr *ast,
                           const struct type *const *types, int least, int most)
{
    struct expr_parameter here[3];
    struct expr_binder    inner = *b;
    struct expr          *x = expr__new(b, EXPR_LAMBDA, NULL, ast->place, 1);
    int                   first = b->parameters ? b->parameters->slot + 1 : 0;
    if (!x)
        return NULL;
    if (ast->n_parts < least || ast->n_parts > most) {
        diag_error(b->diags, ast->place, "E_ARGUMENTS", "this function of %s() has %d parameter%s, but gets %d",
                   function, ast->n_parts, ast->n_parts == 1 ? "" : "s", ast->n_parts < least ? least : most);
        return NULL;
    }
    if (first + ast->n_parts > EXPR_PARAMETERS_MAX) {
        diag_error(b->diags, ast->place, "E_LIMIT", "lambda functions in one another have more than %d parameters",
                   EXPR_PARAMETERS_MAX);
        return NULL;
    }
    for (int i = 0; i < ast->n_parts; i++) {
        if (!is_new_name(ast, i)) {
            diag_error(b->diags, ast->place, "E_ARGUMENTS", "two parameters are named \"%s\"", ast->parts[i]);
            return NULL;
        }
        here[i] = (struct expr_parameter){inner.parameters, ast->parts[i], types[i], first + i};
        inner.parameters = &here[i];
    }
    if (!expr_bind(&inner, ast->args[0], &x->args[0]))
        return NULL;
    x->type = x->args[0]->type;
    x->nullable = x->args[0]->nullable;
    x->column = first;
    x->field = ast->n_parts;
    return x;
}

/* The same, for a condition. */
static struct expr *condition(struct expr_binder *b, const char *function, const struct ast_expr *ast,
                              const struct type *const *types, int least, int most)
{
    struct expr *x = lambda(b, function, ast, types, least, most);
    if (x && x->type->kind == TYPE_NULL && !(x->args[0] = expr_coerce(b, x->args[0], type_of(TYPE_BOOLEAN))))
        return NULL;
    if (!x || x->args[0]->type->kind == TYPE_BOOLEAN)
        return x;
    diag_error(b->diags, ast->place, "E_TYPE", "the function of %s() must give a BOOLEAN, not %s", function,
               type_kind_name(x->type->kind));
    return NULL;
}

/* ---- the functions that take them ---- */

bool expr__bind_transform(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *types[] = {expr__element(x->args[0]->type), type_of(TYPE_INT)};
    if (!(x->args[1] = lambda(b, x->function->name, ast->args[1], types, 1, 2)))
        return false;
    x->type = type_array(b->arena, x->args[1]->type, true);
    return x->type || expr__too_big(b, ast->place);
}

/* filter, exists, forall */
bool expr__bind_choice(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *types[] = {expr__element(x->args[0]->type), type_of(TYPE_INT)};
    x->args[1] = condition(b, x->function->name, ast->args[1], types, 1, x->function->run == k_filter ? 2 : 1);
    return x->args[1] != NULL;
}

bool expr__bind_aggregate(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *types[] = {x->args[1]->type, expr__element(x->args[0]->type)};
    if (!(x->args[2] = lambda(b, x->function->name, ast->args[2], types, 2, 2)))
        return false;
    if (!type_equal(x->args[2]->type, types[0])) {
        struct diag *g = diag_error(b->diags, ast->args[2]->place, "E_TYPE",
                                    "the function of %s() gives a %s, but the start value is a %s", x->function->name,
                                    type_kind_name(x->args[2]->type->kind), type_kind_name(types[0]->kind));
        diag_hint(b->diags, g, "both must be of one type: CAST the start value, or what the function gives");
        return false;
    }
    x->type = types[0];
    if (x->n_args == 4) {
        if (!(x->args[3] = lambda(b, x->function->name, ast->args[3], types, 1, 1)))
            return false;
        x->type = x->args[3]->type;
    }
    return true;
}

bool expr__bind_zip(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *types[] = {expr__element(x->args[0]->type), expr__element(x->args[1]->type)};
    if (!(x->args[2] = lambda(b, x->function->name, ast->args[2], types, 2, 2)))
        return false;
    x->type = type_array(b->arena, x->args[2]->type, true);
    return x->type || expr__too_big(b, ast->place);
}

/* array_sort(array [, (x, y) -> INT]) */
bool expr__bind_array_sort(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function by = {.name = "array_sort", .args = "AL", .strict = true, .run = k_array_sort_by};
    const struct type           *element = expr__element(x->args[0]->type), *types[] = {element, element};
    if (x->n_args == 1)
        return expr__bind_ordered(b, x, ast);
    if (!(x->args[1] = lambda(b, x->function->name, ast->args[1], types, 2, 2)))
        return false;
    if (x->args[1]->type->kind != TYPE_INT) {
        struct diag *g =
            diag_error(b->diags, ast->args[1]->place, "E_TYPE", "the function of array_sort() must give an INT, not %s",
                       type_kind_name(x->args[1]->type->kind));
        diag_hint(b->diags, g,
                  "below 0 when the first comes first, above 0 when the second does, 0 when they are equal");
        return false;
    }
    x->function = &by;
    x->type = x->args[0]->type;
    return true;
}

/* Keys of one type: numbers and times become the wider one; texts are not taken for numbers. */
bool expr__bind_map_zip(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *one = x->args[0]->type, *two = x->args[1]->type;
    const struct type *k1 = one->fields[0].type, *k2 = two->fields[0].type, *key = expr_common_type(b, k1, k2);
    if (!key || (k1->kind == TYPE_STRING) != (k2->kind == TYPE_STRING))
        return expr__wrong_types(b, ast->place, x->function->name, x->args[0], x->args[1]) != NULL;
    const struct type *types[] = {key, one->fields[1].type, two->fields[1].type};
    for (int i = 0; i < 2; i++) {
        const struct type *map = type_map(b->arena, key, types[1 + i], true);
        if (!map || !(x->args[i] = expr_coerce(b, x->args[i], map)))
            return map ? false : expr__too_big(b, ast->place);
    }
    if (!(x->args[2] = lambda(b, x->function->name, ast->args[2], types, 3, 3)))
        return false;
    x->type = type_map(b->arena, key, x->args[2]->type, true);
    return x->type || expr__too_big(b, ast->place);
}

/* transform_values, transform_keys, map_filter */
bool expr__bind_map_lambda(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *map = x->args[0]->type, *types[] = {map->fields[0].type, map->fields[1].type};
    bool               filter = x->function->run == k_map_filter, keys = x->function->run == k_transform_keys;
    x->args[1] = (filter ? condition : lambda)(b, x->function->name, ast->args[1], types, 2, 2);
    if (!x->args[1] || filter)
        return x->args[1] != NULL;
    if (keys && !expr__can_compare(x->args[1]->type)) {
        diag_error(b->diags, ast->args[1]->place, "E_TYPE", "a MAP cannot be the key of a MAP");
        return false;
    }
    x->type = type_map(b->arena, keys ? x->args[1]->type : types[0], keys ? types[1] : x->args[1]->type, true);
    return x->type || expr__too_big(b, ast->place);
}
