/* SPDX-License-Identifier: MIT */
/*
 * explode(..) and its like as an item of SELECT: the items are computed below it, with the array or map as the last
 * column; the order of the items is made above it, and of inline() the fields of the structs. stack(n, ..) is
 * inline(array(struct(..), ..)).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plan/plan_priv.h"

#define STACK_ROWS_MAX 1000

static const char *const names[] = {"explode", "posexplode",   "explode_outer", "posexplode_outer",
                                    "inline",  "inline_outer", "stack"};

bool plan__is_generator(const struct ast_expr *ast)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ast->kind == AST_CALL && strcasecmp(ast->text, names[i]) == 0)
            return true;
    return false;
}

static bool complain(struct plan_scope *s, struct place at, const char *code, const char *text, const char *hint)
{
    struct diag *g = diag_error(s->binder->diags, at, code, "%s", text);
    if (hint)
        diag_hint(s->binder->diags, g, "%s", hint);
    return false;
}

/* ---- stack ---- */

static struct ast_expr *call_of(struct binder *b, struct place at, const char *name, int n_args)
{
    struct ast_expr *x = plan__alloc(b, sizeof *x);
    if (!x)
        return NULL;
    *x = (struct ast_expr){.kind = AST_CALL, .place = at, .text = name, .n_args = n_args};
    return (x->args = plan__alloc(b, (size_t)n_args * sizeof *x->args)) ? x : NULL;
}

/* How many rows stack() makes; 0 after a diagnostic. */
static int stack_rows(struct plan_scope *s, const struct ast_expr *ast)
{
    const struct ast_expr *x = ast->n_args ? ast->args[0] : ast;
    long                   n = x->kind == AST_INTEGER ? strtol(x->text, NULL, 10) : 0;
    if (n >= 1 && n <= STACK_ROWS_MAX && ast->n_args > 1)
        return (int)n;
    diag_error(s->binder->diags, x->place, "E_ARGUMENTS", "stack() takes a number of rows from 1 to %d, and values",
               STACK_ROWS_MAX);
    return 0;
}

/* Values below one another are of one type: here Spark does not widen. nulls: a NULL of each column's type. */
static bool same_types(struct plan_scope *s, const struct ast_expr *ast, int width, struct ast_expr **nulls)
{
    struct expr        *x;
    const struct type **types = plan__alloc(s->binder, (size_t)width * sizeof *types);
    for (int i = 1; types && i < ast->n_args; i++) {
        const struct type **t = &types[(i - 1) % width];
        if (!plan__bind(s, ast->args[i], &x))
            return false;
        if (!*t || (*t)->kind == TYPE_NULL) {
            *t = x->type;
            nulls[(i - 1) % width]->args[1] = ast->args[i]; /* if(false, it, NULL) */
        } else if (x->type->kind != TYPE_NULL && !type_equal(*t, x->type))
            return complain(s, ast->args[i]->place, "E_TYPE", "stack() takes values of one type below one another",
                            "CAST them to the same type");
    }
    return types != NULL;
}

static struct ast_expr *constant(struct binder *b, struct place at, enum ast_expr_kind kind, const char *text)
{
    struct ast_expr *x = text ? call_of(b, at, text, 0) : NULL;
    if (x) {
        x->kind = kind;
        x->length = (uint32_t)strlen(text);
    }
    return x;
}

/* if(false, .., NULL): a NULL of the type of what is put there. */
static struct ast_expr *null_of(struct binder *b, struct place at)
{
    struct ast_expr *x = call_of(b, at, "if", 3);
    return x && (x->args[0] = constant(b, at, AST_BOOLEAN, "false")) && (x->args[2] = constant(b, at, AST_NULL, ""))
               ? x
               : NULL;
}

/* array(named_struct('col0', .., 'col1', ..), ..), filled up with NULLs; NULL after a diagnostic. */
static struct ast_expr *stacked(struct plan_scope *s, const struct ast_expr *ast)
{
    struct binder    *b = s->binder;
    int               n_rows = stack_rows(s, ast), width = n_rows ? (ast->n_args - 2) / n_rows + 1 : 0;
    struct ast_expr  *all = n_rows ? call_of(b, ast->place, "array", n_rows) : NULL;
    struct ast_expr **nulls = all ? plan__alloc(b, (size_t)width * sizeof *nulls) : NULL;
    for (int i = 0; nulls && i < width; i++)
        if (!(nulls[i] = null_of(b, ast->place)))
            return NULL;
    if (!nulls || !same_types(s, ast, width, nulls))
        return NULL;
    for (int row = 0; row < n_rows; row++) {
        struct ast_expr *one = all->args[row] = call_of(b, ast->place, "named_struct", 2 * width);
        for (int i = 0; one && i < width; i++) {
            int  at = 1 + row * width + i;
            bool null = at >= ast->n_args || ast->args[at]->kind == AST_NULL;
            one->args[2 * i + 1] = null ? nulls[i] : ast->args[at];
            if (!(one->args[2 * i] = constant(b, ast->place, AST_STRING, arena_printf(b->arena, "col%d", i))))
                return NULL;
        }
        if (!one)
            return NULL;
    }
    return all;
}

/* ---- all ---- */

/* The structs of inline() and stack(). */
static bool bind_inline(struct plan_scope *s, const struct ast_item *item, struct generator *g)
{
    const struct ast_expr *ast = item->expr;
    bool                   stack = strcasecmp(ast->text, "stack") == 0;
    if (!stack && ast->n_args != 1)
        return complain(s, ast->place, "E_ARGUMENTS", "inline() takes one array of structs", NULL);
    const struct ast_expr *list = stack ? stacked(s, ast) : ast->args[0];
    if (!list || !plan__bind(s, list, &g->list))
        return false;
    const struct type *t = g->list->type;
    if (t->kind != TYPE_ARRAY || t->fields[0].type->kind != TYPE_STRUCT)
        return complain(s, ast->place, "E_TYPE", "inline() takes an array of structs", NULL);
    if (item->alias && t->fields[0].type->n_fields != 1)
        return complain(s, item->place, "E_COLUMN_ALIASES", "one name for several columns",
                        "LATERAL VIEW inline(..) t AS a, b names them");
    g->fields = t->fields[0].type;
    return true;
}

bool plan__bind_generator(struct plan_scope *s, const struct ast_item *item, struct generator *g)
{
    const struct ast_expr  *ast = item->expr;
    const struct plan_node *below = s->relation->node;
    if (g->list)
        return complain(s, ast->place, "E_GENERATOR", "only one of explode() and its like in a SELECT",
                        "the second one goes into a query around this one");
    if (strcasecmp(ast->text, "stack") == 0 || strncasecmp(ast->text, "inline", 6) == 0) {
        if (!bind_inline(s, item, g))
            return false;
    } else {
        if (ast->n_args != 1)
            return complain(s, ast->place, "E_ARGUMENTS", "explode() takes one array or map", NULL);
        if (!plan__bind(s, ast->args[0], &g->list))
            return false;
        if (g->list->type->kind != TYPE_ARRAY && g->list->type->kind != TYPE_MAP)
            return complain(s, ast->place, "E_TYPE", "explode() takes an array or a map", NULL);
    }
    if (plan_node_contains(below, PLAN_WATERMARK) || plan_node_contains(below, PLAN_WINDOW))
        return complain(s, ast->place, "E_UNSUPPORTED",
                        "explode() above a watermark or an aggregation is not supported yet",
                        "explode in a subquery, and put WATERMARK behind that");
    g->position = strncasecmp(ast->text, "pos", 3) == 0;
    g->outer = strlen(ast->text) > 10; /* .._outer */
    g->alias = item->alias;
    g->place = ast->place;
    return true;
}

/* Fields of what is made: pos, then col, or key and value. */
static int made_fields(const struct generator *g, struct field *fields)
{
    const struct type *t = g->list->type;
    bool               map = t->kind == TYPE_MAP;
    int                n = 0;
    if (g->position)
        fields[n++] = (struct field){"pos", type_of(TYPE_INT), g->outer};
    if (map)
        fields[n++] = (struct field){"key", t->fields[0].type, g->outer};
    fields[n++] = (struct field){map                        ? "value"
                                 : g->alias && !g->position ? g->alias
                                                            : "col",
                                 t->fields[map].type, true};
    return n;
}

/* What is made, as columns above: [at..] of exprs and names. Of inline() the fields of the last column. */
static bool put_made(struct binder *b, const struct plan_node *node, int from, int n_made, const struct generator *g,
                     struct expr **exprs, const char **titles)
{
    for (int i = 0; i < (g->fields ? g->fields->n_fields : n_made); i++) {
        int                 column = g->fields ? from : from + i;
        const struct field *f = &node->schema->fields[column];
        exprs[i] = expr_column(b->arena, column, f->type, f->nullable, g->place);
        if (exprs[i] && g->fields)
            exprs[i] = expr_field(b->arena, exprs[i], i, g->place);
        titles[i] = !g->fields ? f->name : g->alias ? g->alias : g->fields->fields[i].name;
        if (!exprs[i])
            return plan__no_memory(b);
    }
    return true;
}

struct plan_node *plan__explode(struct binder *b, struct plan_node *input, struct expr **exprs, const char **titles,
                                int n, const struct generator *g)
{
    struct field  made[3];
    int           n_made = made_fields(g, made), total = n + n_made;
    int           n_above = n + (g->fields ? g->fields->n_fields : n_made);
    struct expr **below = plan__alloc(b, ((size_t)n + 1) * sizeof *below);
    const char  **below_titles = plan__alloc(b, ((size_t)n + 1) * sizeof *below_titles);
    struct expr **above = plan__alloc(b, (size_t)n_above * sizeof *above);
    const char  **above_titles = plan__alloc(b, (size_t)n_above * sizeof *above_titles);
    struct field *fields = plan__alloc(b, (size_t)total * sizeof *fields);
    int          *event = plan__alloc(b, (size_t)total * sizeof *event);
    if (!below || !below_titles || !above || !above_titles || !fields || !event)
        return NULL;
    for (int i = 0; i < n; i++) {
        below[i] = exprs[i];
        below_titles[i] = titles[i];
    }
    below[n] = g->list;
    below_titles[n] = "list";
    struct plan_node *project = plan__project(b, input, below, below_titles, n + 1, g->place);
    if (!project)
        return NULL;
    for (int i = 0; i < total; i++) {
        fields[i] = i < n ? project->schema->fields[i] : made[i - n];
        event[i] = i < n ? project->event[i] : -1;
    }
    struct plan_node *node = plan__node(b, PLAN_EXPLODE, type_struct(b->arena, fields, (size_t)total), g->place);
    if (!node || !node->schema)
        return NULL;
    node->input = project;
    node->event = event;
    node->position = g->position;
    node->left = g->outer;
    for (int i = 0; i < n; i++) { /* the items before it, what is made, the items behind it */
        int to = i < g->at ? i : i + n_above - n;
        above_titles[to] = fields[i].name;
        if (!(above[to] = expr_column(b->arena, i, fields[i].type, fields[i].nullable, g->place)))
            return NULL;
    }
    if (!put_made(b, node, n, n_made, g, above + g->at, above_titles + g->at))
        return NULL;
    return plan__project(b, node, above, above_titles, n_above, g->place);
}
