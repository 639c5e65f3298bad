/* SPDX-License-Identifier: MIT */
/* ARRAY and MAP while binding: constructors, element access and the functions whose types follow the elements. */
#include <string.h>
#include <strings.h>

#include "expr/kernels.h"

static const struct function fn_subscript = {
    .name = "element", .args = "aa", .strict = true, .nullable = true, .run = k_subscript};
static const struct function fn_array_concat = {.name = "concat", .args = "a*", .strict = true, .run = k_array_concat};
static const struct function fn_array_reverse = {
    .name = "reverse", .args = "a", .strict = true, .run = k_array_reverse};

static const struct function fn_map_get = {
    .name = "element", .args = "aa", .strict = true, .nullable = true, .run = k_map_get};

const struct type *expr__element(const struct type *array) { return array->fields[0].type; }

static const struct type *array_of(struct expr_binder *b, const struct type *element)
{
    return type_array(b->arena, element, true);
}

const struct type *expr__common_nested(struct expr_binder *b, const struct type *x, const struct type *y)
{
    const struct type *parts[2] = {NULL, NULL};
    int                n = x->kind == TYPE_MAP ? 2 : 1;
    if (x->kind != y->kind || (x->kind != TYPE_ARRAY && x->kind != TYPE_MAP))
        return NULL;
    for (int i = 0; i < n; i++)
        if (!(parts[i] = expr_common_type(b, x->fields[i].type, y->fields[i].type)))
            return NULL;
    return n == 1 ? array_of(b, parts[0]) : type_map(b->arena, parts[0], parts[1], true);
}

bool expr__can_compare(const struct type *t)
{
    if (t->kind == TYPE_MAP)
        return false;
    int n = t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_ARRAY ? 1 : 0;
    for (int i = 0; i < n; i++)
        if (!expr__can_compare(t->fields[i].type))
            return false;
    return true;
}

/* ---- makers ---- */

bool expr__bind_array(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    x->type = array_of(b, x->n_args ? x->args[0]->type : type_of(TYPE_NULL));
    return x->type != NULL;
}

struct expr *expr__concat_arrays(struct expr_binder *b, struct place at, struct expr **args, int n)
{
    const struct type *t = args[0]->type;
    struct expr       *x = expr__new(b, EXPR_CALL, NULL, at, n);
    for (int i = 1; t && i < n; i++)
        t = expr_common_type(b, t, args[i]->type);
    if (!t || t->kind != TYPE_ARRAY)
        return expr__wrong_types(b, at, "concat", args[0], args[n - 1]);
    if (!x)
        return NULL;
    x->function = &fn_array_concat;
    x->type = t;
    for (int i = 0; i < n; i++) {
        if (!(x->args[i] = expr_coerce(b, args[i], t)))
            return NULL;
        x->nullable = x->nullable || x->args[i]->nullable;
    }
    return x;
}

/* reverse() of an ARRAY; NULL when x is none. */
struct expr *expr__reverse_array(struct expr_binder *b, struct place at, struct expr *x)
{
    return x->type->kind == TYPE_ARRAY ? expr__call(b, &fn_array_reverse, x->type, at, x, NULL) : NULL;
}

/* ---- elements ---- */

static struct expr *as_index(struct expr_binder *b, struct expr *x)
{
    if (x->type->kind == TYPE_BIGINT)
        return expr__cast_to(b, x, type_of(TYPE_INT), false);
    if (type_is_integer(x->type) || x->type->kind == TYPE_NULL)
        return expr_coerce(b, x, type_of(TYPE_INT));
    diag_error(b->diags, x->place, "E_TYPE", "the index of an element must be a whole number, not %s",
               type_kind_name(x->type->kind));
    return NULL;
}

/* A key of the map's type. */
static struct expr *as_key(struct expr_binder *b, const struct expr *map, struct expr *key)
{
    const struct type *t = map->type->fields[0].type, *common = expr_common_type(b, t, key->type);
    bool               text = t->kind == TYPE_STRING && key->type->kind != TYPE_STRING && key->type->kind != TYPE_NULL;
    if (common && type_equal(common, t) && !text)
        return expr_coerce(b, key, t);
    diag_error(b->diags, key->place, "E_TYPE", "the keys of this MAP are %s, not %s", type_kind_name(t->kind),
               type_kind_name(key->type->kind));
    return NULL;
}

static struct expr *map_get(struct expr_binder *b, struct place at, struct expr *x, struct expr *key)
{
    key = as_key(b, x, key);
    return key ? expr__call(b, &fn_map_get, x->type->fields[1].type, at, x, key) : NULL;
}

struct expr *expr_map_value(struct expr_binder *b, struct expr *x, const char *key, struct place at)
{
    struct expr *text = expr__new(b, EXPR_LITERAL, type_of(TYPE_STRING), at, 0);
    if (!text)
        return NULL;
    text->value.text = key;
    text->value.length = (uint32_t)strlen(key);
    return map_get(b, at, x, text);
}

struct expr *expr__subscript(struct expr_binder *b, const struct ast_expr *ast, struct expr *x, struct expr *index)
{
    if (x->type->kind == TYPE_ARRAY) {
        if (!(index = as_index(b, index)))
            return NULL;
        return expr__call(b, &fn_subscript, expr__element(x->type), ast->place, x, index);
    }
    if (x->type->kind == TYPE_MAP)
        return map_get(b, ast->place, x, index);
    struct diag *g = diag_error(b->diags, ast->place, "E_TYPE", "%s has no elements", type_kind_name(x->type->kind));
    if (x->type->kind == TYPE_STRUCT)
        diag_hint(b->diags, g, "a field of a struct is named behind a point");
    return NULL;
}

bool expr__bind_element(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    if (x->args[0]->type->kind == TYPE_MAP) {
        struct expr *get = map_get(b, ast->place, x->args[0], x->args[1]);
        if (get)
            *x = *get;
        return get != NULL;
    }
    struct expr *index = as_index(b, x->args[1]);
    if (!index)
        return false;
    x->args[1] = index;
    x->type = expr__element(x->args[0]->type);
    return true;
}

/* array_min and array_max */
bool expr__bind_of_elements(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    x->type = expr__element(x->args[0]->type);
    if (expr__can_compare(x->type))
        return true;
    diag_error(b->diags, ast->place, "E_TYPE", "%s() cannot order a %s", x->function->name,
               type_kind_name(x->type->kind));
    return false;
}

/* sort_array and array_distinct */
bool expr__bind_ordered(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    if (!expr__bind_of_elements(b, x, ast))
        return false;
    x->type = x->args[0]->type;
    return true;
}

/* array_contains and array_position: the array and a value of its elements' type. */
bool expr__bind_search(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *element = expr__element(x->args[0]->type), *t = expr_common_type(b, element, x->args[1]->type);
    bool               text = element->kind == TYPE_STRING; /* texts are not taken for numbers here */
    if (!t || !expr__can_compare(t) || (x->args[1]->type->kind == TYPE_NULL && x->function->run == k_array_contains) ||
        (element->kind != TYPE_NULL && x->args[1]->type->kind != TYPE_NULL &&
         text != (x->args[1]->type->kind == TYPE_STRING)))
        return expr__wrong_types(b, ast->place, x->function->name, x->args[0], x->args[1]) != NULL;
    const struct type *all = array_of(b, t);
    struct expr       *array = all ? expr_coerce(b, x->args[0], all) : NULL, *value = expr_coerce(b, x->args[1], t);
    if (!array || !value)
        return false;
    x->args[0] = array;
    x->args[1] = value;
    return true;
}

bool expr__bind_join(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *texts = array_of(b, type_of(TYPE_STRING));
    (void)ast;
    if (texts && !type_equal(x->args[0]->type, texts)) {
        enum type_kind kind = expr__element(x->args[0]->type)->kind;
        if (kind >= TYPE_STRUCT || kind == TYPE_BINARY || kind == TYPE_INTERVAL)
            return expr_coerce(b, x->args[0], texts) != NULL;
        x->args[0] = expr__cast_to(b, x->args[0], texts, false);
    }
    return texts && x->args[0];
}

/* ---- maps ---- */

bool expr__map_of_ast(struct expr_binder *b, const struct ast_type *t, const struct type **out)
{
    const struct type *key, *value;
    if (!expr_type_of_ast(b, t->key, &key) || !expr_type_of_ast(b, t->element, &value))
        return false;
    if (!expr__can_compare(key)) {
        diag_error(b->diags, t->place, "E_TYPE", "a MAP cannot be the key of a MAP");
        return false;
    }
    return (*out = type_map(b->arena, key, value, true)) != NULL;
}

bool expr__bind_map(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *parts[2] = {type_of(TYPE_NULL), type_of(TYPE_NULL)};
    if (x->n_args % 2) {
        diag_error(b->diags, ast->place, "E_ARGUMENTS", "map() takes pairs of key and value");
        return false;
    }
    for (int i = 0; i < x->n_args; i++)
        if (!(parts[i % 2] = expr_common_type(b, parts[i % 2], x->args[i]->type)))
            return expr__wrong_types(b, ast->place, "map", x->args[i % 2], x->args[i]) != NULL;
    if (!expr__can_compare(parts[0])) {
        diag_error(b->diags, ast->place, "E_TYPE", "a MAP cannot be the key of a MAP");
        return false;
    }
    for (int i = 0; i < x->n_args; i++)
        if (!(x->args[i] = expr_coerce(b, x->args[i], parts[i % 2])))
            return false;
    x->type = type_map(b->arena, parts[0], parts[1], true);
    return x->type != NULL;
}

/* map_keys and map_values */
bool expr__bind_map_parts(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    x->type = array_of(b, x->args[0]->type->fields[x->function->run == k_map_values].type);
    return x->type != NULL;
}

bool expr__bind_map_search(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    if (x->args[1]->type->kind == TYPE_NULL) {
        diag_error(b->diags, ast->place, "E_TYPE", "the key of %s() cannot be a NULL", x->function->name);
        return false;
    }
    struct expr *key = as_key(b, x->args[0], x->args[1]);
    if (key)
        x->args[1] = key;
    return key != NULL;
}
