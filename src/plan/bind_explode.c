/* SPDX-License-Identifier: MIT */
/* explode(..) as an item of SELECT: the items are computed below it, with the array or map as the last column; the
 * order of the items is made above it. */
#include <string.h>
#include <strings.h>

#include "plan/plan_priv.h"

static const char *const names[] = {"explode", "posexplode", "explode_outer", "posexplode_outer"};

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

bool plan__bind_generator(struct plan_scope *s, const struct ast_item *item, struct generator *g)
{
    const struct ast_expr  *ast = item->expr;
    const struct plan_node *below = s->relation->node;
    if (g->list)
        return complain(s, ast->place, "E_GENERATOR", "only one of explode() and its like in a SELECT",
                        "the second one goes into a query around this one");
    if (ast->n_args != 1)
        return complain(s, ast->place, "E_ARGUMENTS", "explode() takes one array or map", NULL);
    if (!plan__bind(s, ast->args[0], &g->list))
        return false;
    if (g->list->type->kind != TYPE_ARRAY && g->list->type->kind != TYPE_MAP)
        return complain(s, ast->place, "E_TYPE", "explode() takes an array or a map", NULL);
    if (plan_node_contains(below, PLAN_WATERMARK) || plan_node_contains(below, PLAN_WINDOW))
        return complain(s, ast->place, "E_UNSUPPORTED",
                        "explode() above a watermark or an aggregation is not supported yet",
                        "explode in a subquery, and put WATERMARK behind that");
    g->position = strncasecmp(ast->text, "pos", 3) == 0;
    g->outer = strlen(ast->text) > 10;
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

struct plan_node *plan__explode(struct binder *b, struct plan_node *input, struct expr **exprs, const char **titles,
                                int n, const struct generator *g)
{
    struct field  made[3];
    int           n_made = made_fields(g, made), total = n + n_made, at = 0;
    struct expr **below = plan__alloc(b, ((size_t)n + 1) * sizeof *below);
    const char  **below_titles = plan__alloc(b, ((size_t)n + 1) * sizeof *below_titles);
    struct expr **above = plan__alloc(b, (size_t)total * sizeof *above);
    const char  **above_titles = plan__alloc(b, (size_t)total * sizeof *above_titles);
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
    for (int i = 0; i < total; i++) { /* the items before it, what is made, the items behind it */
        int from = i < g->at ? i : i < g->at + n_made ? n + i - g->at : i - n_made;
        above_titles[at] = fields[from].name;
        if (!(above[at++] = expr_column(b->arena, from, fields[from].type, fields[from].nullable, g->place)))
            return NULL;
    }
    return plan__project(b, node, above, above_titles, total, g->place);
}
