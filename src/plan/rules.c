/* SPDX-License-Identifier: MIT */
/*
 * Filters go down as far as Spark's optimizer puts them. This is not only for speed: rows that a filter below the
 * WATERMARK drops do not move the watermark (Spark PushPredicateThroughNonJoin; a condition that names the event
 * time stays above, and its dropped rows do move it). Inner joins also ask for their keys to be not NULL below.
 */
#include "plan/plan_priv.h"

#define CONJUNCTS_MAX 256

struct conjuncts {
    struct expr *items[CONJUNCTS_MAX];
    bool         partner[CONJUNCTS_MAX]; /* a join's key IS NOT NULL: what it drops has no partner */
    int          n;
};

static bool add(struct binder *b, struct conjuncts *c, struct expr *x, bool partner)
{
    if (c->n == CONJUNCTS_MAX) {
        diag_error(b->diags, x->place, "E_LIMIT", "more than %d conditions", CONJUNCTS_MAX);
        return false;
    }
    c->partner[c->n] = partner;
    c->items[c->n++] = x;
    return true;
}

static bool add_split(struct binder *b, struct conjuncts *c, struct expr *x)
{
    if (x->kind != EXPR_AND)
        return add(b, c, x, false);
    for (int i = 0; i < x->n_args; i++)
        if (!add_split(b, c, x->args[i]))
            return false;
    return true;
}

/* Plain conditions in one filter, key checks in one of their own. */
static struct plan_node *filters_over(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    for (int partner = 0; node && partner < 2; partner++) {
        struct expr *all = NULL;
        for (int i = 0; i < c->n; i++)
            if (c->partner[i] == (partner == 1))
                all = all ? expr_and(b->arena, all, c->items[i]) : c->items[i];
        if (all && (node = plan__filter(b, node, all)))
            node->partner = partner == 1;
    }
    return node;
}

static struct plan_node *push(struct binder *b, struct plan_node *node, const struct conjuncts *c);

/* ---- what a NULL does ---- */

/* True when the expression is NULL whenever every column from `first` on is. */
static bool is_null_with(const struct expr *x, int first)
{
    if (x->kind == EXPR_COLUMN)
        return x->column >= first;
    if (x->kind == EXPR_FIELD || x->kind == EXPR_CAST || (x->kind == EXPR_CALL && expr_is_strict(x)))
        for (int i = 0; i < x->n_args; i++)
            if (is_null_with(x->args[i], first))
                return true;
    return false;
}

/* True when the condition cannot hold for the NULLs a LEFT JOIN makes up. */
static bool rejects_nulls(const struct expr *x, int first)
{
    if (x->kind == EXPR_AND || x->kind == EXPR_OR) {
        bool all = true, any = false;
        for (int i = 0; i < x->n_args; i++) {
            bool one = rejects_nulls(x->args[i], first);
            all = all && one;
            any = any || one;
        }
        return x->kind == EXPR_AND ? any : all;
    }
    const struct expr *checked = expr_is_not_null_check(x);
    return checked ? is_null_with(checked, first) : is_null_with(x, first);
}

/* ---- through each kind of node ---- */

static struct plan_node *through_project(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts below = {.n = 0};
    for (int i = 0; i < c->n; i++) {
        struct expr *x = expr_substitute(b->arena, c->items[i], node->exprs);
        if (!x || !add(b, &below, x, c->partner[i]))
            return NULL;
    }
    node->input = push(b, node->input, &below);
    return node->input ? node : NULL;
}

static struct plan_node *through_watermark(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts above = {.n = 0}, below = {.n = 0};
    for (int i = 0; i < c->n; i++) {
        struct conjuncts *to = expr_uses_column(c->items[i], node->column) ? &above : &below;
        if (!add(b, to, c->items[i], c->partner[i]))
            return NULL;
    }
    node->input = push(b, node->input, &below);
    return node->input ? filters_over(b, node, &above) : NULL;
}

static struct expr **shifted_columns(struct binder *b, const struct type *schema, int from)
{
    struct expr **columns = plan__alloc(b, schema->n_fields * sizeof *columns);
    for (int i = from; columns && i < schema->n_fields; i++)
        columns[i] =
            expr_column(b->arena, i - from, schema->fields[i].type, schema->fields[i].nullable, (struct place){0, 0});
    return columns;
}

/* Spark infers IS NOT NULL of an inner join's keys; it only shows where a watermark is below. */
static bool keys_not_null(struct binder *b, struct plan_node *node, struct conjuncts *stream)
{
    for (int i = 0; i < node->n_keys && plan_node_contains(node->input, PLAN_WATERMARK); i++) {
        const struct field *f = &node->input->schema->fields[node->probe[i]];
        struct expr        *key = expr_column(b->arena, node->probe[i], f->type, f->nullable, node->place);
        struct expr        *check = key && f->nullable ? expr_is_not_null(b->arena, key) : NULL;
        if (check && !add(b, stream, check, true))
            return false;
    }
    return true;
}

static struct plan_node *through_join(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts stream = {.n = 0}, table = {.n = 0}, above = {.n = 0};
    int              first = node->input->schema->n_fields;
    struct expr    **columns = shifted_columns(b, node->schema, first);
    if (!columns)
        return NULL;
    for (int i = 0; node->left && i < c->n; i++)
        node->left = !rejects_nulls(c->items[i], first);
    for (int i = 0; i < c->n; i++) {
        bool uses_stream = false, uses_table = false;
        for (int k = 0; k < node->schema->n_fields; k++)
            if (expr_uses_column(c->items[i], k))
                *(k < first ? &uses_stream : &uses_table) = true;
        bool ok = !uses_table                 ? add(b, &stream, c->items[i], c->partner[i])
                  : uses_stream || node->left ? add(b, &above, c->items[i], c->partner[i])
                                              : add(b, &table, expr_substitute(b->arena, c->items[i], columns), false);
        if (!ok)
            return NULL;
    }
    if (!node->left && !keys_not_null(b, node, &stream))
        return NULL;
    node->input = push(b, node->input, &stream);
    node->other = push(b, node->other, &table);
    return node->input && node->other ? filters_over(b, node, &above) : NULL;
}

/* A condition on grouping keys alone holds for all rows of a group or for none. */
static struct plan_node *through_window(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts above = {.n = 0}, below = {.n = 0};
    struct expr    **columns = plan__alloc(b, node->schema->n_fields * sizeof *columns);
    if (!columns)
        return NULL;
    for (int i = 0; i < node->n_keys_grouped; i++) {
        const struct field *f = &node->input->schema->fields[node->keys[i]];
        columns[1 + i] = expr_column(b->arena, node->keys[i], f->type, f->nullable, node->place);
    }
    for (int i = 0; i < c->n; i++) {
        bool keys_only = true;
        for (int k = 0; k < node->schema->n_fields; k++)
            if ((k == 0 || k > node->n_keys_grouped) && expr_uses_column(c->items[i], k))
                keys_only = false;
        if (!(keys_only ? add(b, &below, expr_substitute(b->arena, c->items[i], columns), false)
                        : add(b, &above, c->items[i], false)))
            return NULL;
    }
    node->input = push(b, node->input, &below);
    return node->input ? filters_over(b, node, &above) : NULL;
}

/* Conditions on what was there before are asked before the rows are multiplied. */
static struct plan_node *through_explode(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts above = {.n = 0}, below = {.n = 0};
    for (int i = 0; i < c->n; i++) {
        bool made = false;
        for (int k = node->input->schema->n_fields - 1; k < node->schema->n_fields; k++)
            made = made || expr_uses_column(c->items[i], k);
        if (!add(b, made ? &above : &below, c->items[i], c->partner[i]))
            return NULL;
    }
    node->input = push(b, node->input, &below);
    return node->input ? filters_over(b, node, &above) : NULL;
}

static struct plan_node *push(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts all = {.n = 0};
    switch (node->kind) {
    case PLAN_FILTER: /* what was written below is asked first */
        if (!add_split(b, &all, node->predicate))
            return NULL;
        for (int i = 0; i < c->n; i++)
            if (!add(b, &all, c->items[i], c->partner[i]))
                return NULL;
        return push(b, node->input, &all);
    case PLAN_PROJECT:
        return through_project(b, node, c);
    case PLAN_WATERMARK:
        return through_watermark(b, node, c);
    case PLAN_JOIN:
        return through_join(b, node, c);
    case PLAN_WINDOW:
        return through_window(b, node, c);
    case PLAN_EXPLODE:
        return through_explode(b, node, c);
    case PLAN_UNION:
        node->input = push(b, node->input, c);
        node->other = push(b, node->other, c);
        return node->input && node->other ? node : NULL;
    case PLAN_SOURCE:
    case PLAN_TABLE:
        return filters_over(b, node, c);
    }
    return NULL;
}

struct plan_node *plan__push_filters(struct binder *b, struct plan_node *root)
{
    struct conjuncts *none = plan__alloc(b, sizeof *none);
    return none ? push(b, root, none) : NULL;
}

struct plan_node *plan__merge_projects(struct binder *b, struct plan_node *root)
{
    if (root->input && !(root->input = plan__merge_projects(b, root->input)))
        return NULL;
    if (root->other && !(root->other = plan__merge_projects(b, root->other)))
        return NULL;
    if (root->kind != PLAN_PROJECT || root->input->kind != PLAN_PROJECT)
        return root;
    for (int i = 0; i < root->schema->n_fields; i++)
        if (!(root->exprs[i] = expr_substitute(b->arena, root->exprs[i], root->input->exprs)))
            return plan__no_memory(b), NULL;
    root->input = root->input->input;
    return root;
}
