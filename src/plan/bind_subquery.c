/* SPDX-License-Identifier: MIT */
/*
 * WHERE [NOT] EXISTS (SELECT ..) and WHERE x [NOT] IN (SELECT ..) over a static table are semi and anti joins. They
 * stay conditions, though: Spark pushes them down as it does filters, below a watermark even, and makes joins of them
 * there.
 */
#include <strings.h>

#include "plan/plan_priv.h"

/* The condition below any NOT; *negated: how many there were, odd or not. */
static const struct ast_expr *below_not(const struct ast_expr *x, bool *negated)
{
    *negated = false;
    for (; x->kind == AST_UNARY && x->op == OP_NOT; x = x->args[0])
        *negated = !*negated;
    *negated = *negated != (x->kind == AST_IN && x->negated);
    return x;
}

static bool check_query(struct binder *b, const struct ast_expr *x, const struct bound *outer)
{
    const struct ast_query *q = x->query;
    if (!outer->stream)
        return plan__refuse(b, x->place, "E_UNSUPPORTED", "ask it of the stream that the table is joined with",
                            "a subquery in the WHERE of a static table is not supported");
    if (q->kind == AST_SELECT && q->from && !q->n_with && !q->n_group_by && !q->group_by_all && !q->having &&
        !q->n_order_by && !q->limit)
        return true;
    return plan__refuse(b, q->place, "E_UNSUPPORTED", "make it a view over the table, or JOIN",
                        "the query of IN and EXISTS is SELECT .. FROM table [WHERE ..], without more clauses");
}

/* The columns of the stream, then those of the table, which hide what has the same name outside. */
static bool name_both(struct binder *b, const struct join_parts *j, const struct bound *outer,
                      const struct bound *inner, struct bound *both)
{
    both->columns = plan__alloc(b, (size_t)(outer->n_columns + inner->n_columns) * sizeof *both->columns);
    both->node = plan__node(b, PLAN_JOIN, j->both, j->place); /* only for names and types */
    both->stream = true;
    for (int i = 0; both->columns && i < outer->n_columns; i++) {
        struct scope_column c = outer->columns[i];
        bool                same = false;
        for (int k = 0; k < inner->n_columns; k++) {
            const struct scope_column *t = &inner->columns[k];
            if (strcasecmp(c.name, t->name) != 0)
                continue;
            c.hidden = c.hidden || !t->hidden;
            same = same || (c.qualifier && t->qualifier && strcasecmp(c.qualifier, t->qualifier) == 0);
        }
        if (!same)
            both->columns[both->n_columns++] = c;
    }
    for (int i = 0; both->columns && i < inner->n_columns; i++) {
        struct scope_column c = inner->columns[i];
        c.index += j->n_stream;
        both->columns[both->n_columns++] = c;
    }
    return both->columns && both->node;
}

/* What is selected: the key of IN; of EXISTS it is only looked at. */
static bool bind_items(struct binder *b, struct join_parts *j, const struct ast_expr *x, struct plan_scope *s,
                       struct expr *value)
{
    struct expr *key = NULL;
    int          n = 0;
    for (int i = 0; i < x->query->n_items; i++) {
        const struct ast_expr *item = x->query->items[i].expr;
        struct expr          **exprs = &key;
        const char           **names = NULL;
        int                    n_star = 0;
        if (item->kind != AST_STAR && !plan__bind(s, item, &key))
            return false;
        if (item->kind == AST_STAR && !plan__expand_star(s, item, &exprs, &names, &n_star))
            return false;
        key = exprs[0];
        n += item->kind == AST_STAR ? n_star : 1;
    }
    if (!value)
        return true;
    if (n != 1)
        return plan__refuse(b, x->query->place, "E_SUBQUERY_COLUMNS", "SELECT the one column to compare with",
                            arena_printf(b->arena, "IN takes a query of one column, this has %d", n));
    return plan__join_key(b, j, value, key, x->place);
}

static bool bind_condition(struct binder *b, const struct ast_expr *x, bool negated, struct bound *from)
{
    struct bound      inner = {0}, both = {0}, only;
    struct plan_scope s;
    struct expr      *value = NULL;
    int               shift;
    if (!check_query(b, x, from) || !plan__bind_relation(b, x->query->from, &inner))
        return false;
    if (inner.stream)
        return plan__refuse(b, x->query->place, "E_UNSUPPORTED", "only a static table can be asked",
                            "a stream inside IN or EXISTS is not supported");
    struct join_parts j = {.kind = negated ? JOIN_ANTI : JOIN_SEMI, .subquery = true, .place = x->place};
    j.stream = from->node;
    j.table = inner.node;
    if (!plan__join_init(b, &j) || !name_both(b, &j, from, &inner, &both))
        return false;
    plan__scope(&s, b, from);
    if (x->kind == AST_IN && !plan__bind(&s, x->args[0], &value))
        return false;
    only = both;
    only.columns += both.n_columns - inner.n_columns;
    only.n_columns = inner.n_columns;
    plan__scope(&s, b, value ? &only : &both);
    if (!bind_items(b, &j, x, &s, value))
        return false;
    plan__scope(&s, b, &both);
    if (x->query->where && !plan__join_on(b, &j, x->query->where, &s))
        return false;
    j.null_aware = value && negated;
    if (j.null_aware && (j.n_keys > 1 || j.rest))
        return plan__refuse(b, x->place, "E_UNSUPPORTED", "write NOT EXISTS (SELECT 1 FROM .. WHERE ..)",
                            "NOT IN takes a query that names no column of the stream");
    if (j.n_keys == 0)
        return plan__refuse(b, x->place, "E_JOIN_KEYS", "write WHERE table.column = stream.column in it",
                            "EXISTS needs at least one equality between the stream and the table");
    return (from->node = plan__join(b, &j, &shift)) != NULL;
}

static bool has_query(const struct ast_expr *x)
{
    bool negated;
    if (x->kind == AST_BINARY_OP && x->op == OP_AND)
        return has_query(x->args[0]) || has_query(x->args[1]);
    return below_not(x, &negated)->query != NULL;
}

/* plain: bind conditions without a query, into one filter; else the others, each as a join. */
static bool bind_all(struct binder *b, const struct ast_expr *x, bool plain, struct bound *from, struct expr **filter)
{
    bool         negated;
    struct expr *one;
    if (x->kind == AST_BINARY_OP && x->op == OP_AND && has_query(x))
        return (int)bind_all(b, x->args[0], plain, from, filter) & (int)bind_all(b, x->args[1], plain, from, filter);
    const struct ast_expr *inside = below_not(x, &negated);
    if (inside->query)
        return plain || bind_condition(b, inside, negated, from);
    if (!plain)
        return true;
    struct plan_scope s;
    plan__scope(&s, b, from);
    if (!plan__bind_boolean(&s, x, "WHERE", &one))
        return false;
    *filter = *filter ? expr_and(b->arena, *filter, one) : one;
    return *filter || plan__no_memory(b);
}

bool plan__bind_where(struct binder *b, const struct ast_expr *where, struct bound *from)
{
    struct expr *filter = NULL;
    bool         ok = bind_all(b, where, true, from, &filter);
    if (filter && !(from->node = plan__filter(b, from->node, filter)))
        return false;
    return bind_all(b, where, false, from, &filter) && ok;
}
