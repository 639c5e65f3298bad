/* SPDX-License-Identifier: MIT */
/*
 * Filters go down as far as Spark's optimizer puts them. This is not only for speed: rows that a filter below the
 * WATERMARK drops do not move the watermark (Spark PushPredicateThroughNonJoin; a condition that names the event
 * time stays above, and its dropped rows do move it). Inner joins also ask for their keys to be not NULL below.
 */
#include <limits.h>

#include "plan/plan_priv.h"

#define CONJUNCTS_MAX 256

/* A join that IN or EXISTS stands for goes down as its keys and what else it asks of the stream, as one list: x is then
 * no condition but the arguments of one. */
struct conjunct {
    struct expr            *x;
    bool                    inferred; /* IS NOT NULL of what a join compares */
    bool                    partner;  /* inferred: what it drops has no partner */
    const struct plan_node *join;     /* or NULL */
};

struct conjuncts {
    struct conjunct items[CONJUNCTS_MAX];
    int             n;
};

static bool add(struct binder *b, struct conjuncts *c, struct conjunct one)
{
    if (c->n == CONJUNCTS_MAX) {
        diag_error(b->diags, one.x->place, "E_LIMIT", "more than %d conditions", CONJUNCTS_MAX);
        return false;
    }
    c->items[c->n++] = one;
    return true;
}

static bool add_all(struct binder *b, struct conjuncts *c, const struct conjuncts *more)
{
    for (int i = 0; i < more->n; i++)
        if (!add(b, c, more->items[i]))
            return false;
    return true;
}

static bool add_split(struct binder *b, struct conjuncts *c, struct expr *x)
{
    if (x->kind != EXPR_AND)
        return add(b, c, (struct conjunct){.x = x});
    for (int i = 0; i < x->n_args; i++)
        if (!add_split(b, c, x->args[i]))
            return false;
    return true;
}

/* The same over what the columns are computed from. */
static bool add_substituted(struct binder *b, struct conjuncts *c, struct conjunct one, struct expr **columns)
{
    return (one.x = expr_substitute(b->arena, one.x, columns)) && add(b, c, one);
}

/* ---- IN and EXISTS on their way down ---- */

/* The keys, then the columns of the stream that the rest of the condition names. */
static bool add_join(struct binder *b, struct conjuncts *c, const struct plan_node *join)
{
    const struct type *schema = join->input->schema;
    struct expr       *list = plan__alloc(b, sizeof *list);
    int               *columns = plan__alloc(b, (size_t)(join->n_keys + schema->n_fields) * sizeof *columns);
    if (!list || !columns)
        return false;
    *list = (struct expr){.kind = EXPR_AND, .type = type_of(TYPE_BOOLEAN), .place = join->place};
    list->args = plan__alloc(b, (size_t)(join->n_keys + schema->n_fields) * sizeof *list->args);
    if (!list->args)
        return false;
    for (int i = 0; i < join->n_keys; i++)
        columns[list->n_args++] = join->probe[i];
    for (int i = 0; join->predicate && i < schema->n_fields; i++)
        if (expr_uses_column(join->predicate, i))
            columns[list->n_args++] = i;
    for (int i = 0; i < list->n_args; i++) {
        const struct field *f = &schema->fields[columns[i]];
        if (!(list->args[i] = expr_column(b->arena, columns[i], f->type, f->nullable, join->place)))
            return plan__no_memory(b);
    }
    return add(b, c, (struct conjunct){.x = list, .join = join});
}

/* Of its own for every join: UNION ALL makes two of one. */
static struct plan_node *copy_table(struct binder *b, const struct plan_node *n)
{
    struct plan_node *copy = arena_copy(b->arena, n, sizeof *n);
    if (!copy)
        return plan__no_memory(b), NULL;
    if (n->kind == PLAN_PROJECT &&
        !(copy->exprs = arena_copy(b->arena, n->exprs, n->schema->n_fields * sizeof(struct expr *))))
        return plan__no_memory(b), NULL;
    return n->input && !(copy->input = copy_table(b, n->input)) ? NULL : copy;
}

static struct plan_node *join_over(struct binder *b, struct plan_node *node, const struct conjunct *c)
{
    const struct plan_node *join = c->join;
    int                     before = join->input->schema->n_fields, at = join->n_keys, shift;
    struct join_parts       j = {.kind = join->join, .subquery = true, .null_aware = join->null_aware};
    j.place = join->place;
    j.stream = node;
    j.table = copy_table(b, join->other);
    if (!j.table || !plan__join_init(b, &j))
        return NULL;
    struct expr **columns = plan__alloc(b, join->both->n_fields * sizeof *columns);
    for (int i = 0; columns && i < join->both->n_fields; i++) {
        const struct field *f = &join->both->fields[i];
        if (i >= before)
            columns[i] = expr_column(b->arena, j.n_stream + i - before, f->type, f->nullable, join->place);
        else if (join->predicate && expr_uses_column(join->predicate, i))
            columns[i] = c->x->args[at++];
    }
    if (!columns || (join->predicate && !(j.rest = expr_substitute(b->arena, join->predicate, columns))))
        return plan__no_memory(b), NULL;
    for (j.n_keys = 0; j.n_keys < join->n_keys; j.n_keys++) {
        const struct field *f = &join->other->schema->fields[join->build[j.n_keys]];
        j.probe[j.n_keys] = c->x->args[j.n_keys];
        j.build[j.n_keys] = expr_column(b->arena, join->build[j.n_keys], f->type, f->nullable, join->place);
    }
    return plan__join(b, &j, &shift);
}

/* ---- where they stay ---- */

/* Plain conditions in one filter, key checks in one of their own, then what IN and EXISTS stand for. */
static struct plan_node *filters_over(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    for (int partner = 0; node && partner < 2; partner++) {
        struct expr *all = NULL;
        for (int i = 0; i < c->n; i++)
            if (!c->items[i].join && c->items[i].partner == (partner == 1))
                all = all ? expr_and(b->arena, all, c->items[i].x) : c->items[i].x;
        if (all && (node = plan__filter(b, node, all)))
            node->partner = partner == 1;
    }
    for (int i = 0; node && i < c->n; i++)
        if (c->items[i].join)
            node = join_over(b, node, &c->items[i]);
    return node;
}

static struct plan_node *push(struct binder *b, struct plan_node *node, const struct conjuncts *c);

/* ---- what a NULL does ---- */

/* True when the expression is NULL whenever every column from `first` on, before `end`, is. */
static bool is_null_with(const struct expr *x, int first, int end)
{
    if (x->kind == EXPR_COLUMN)
        return x->column >= first && x->column < end;
    if (x->kind == EXPR_FIELD || x->kind == EXPR_CAST || (x->kind == EXPR_CALL && expr_is_strict(x)))
        for (int i = 0; i < x->n_args; i++)
            if (is_null_with(x->args[i], first, end))
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
    return checked ? is_null_with(checked, first, INT_MAX) : is_null_with(x, first, INT_MAX);
}

/* ---- through each kind of node ---- */

/* A join goes no deeper than below the watermark: a projection over a source is what tells the decoder what to read. */
static struct plan_node *through_project(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts below = {.n = 0}, above = {.n = 0};
    bool             watermark = plan_node_contains(node->input, PLAN_WATERMARK);
    for (int i = 0; i < c->n; i++)
        if (!(c->items[i].join && !watermark ? add(b, &above, c->items[i])
                                             : add_substituted(b, &below, c->items[i], node->exprs)))
            return NULL;
    node->input = push(b, node->input, &below);
    return node->input ? filters_over(b, node, &above) : NULL;
}

static struct plan_node *through_watermark(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts above = {.n = 0}, below = {.n = 0};
    for (int i = 0; i < c->n; i++) {
        struct conjuncts *to = expr_uses_column(c->items[i].x, node->column) ? &above : &below;
        if (!add(b, to, c->items[i]))
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

/* Spark infers IS NOT NULL of what an inner or semi join compares; it only shows where a watermark is below. */
static bool not_null(struct binder *b, const struct plan_node *node, int column, bool partner, struct conjuncts *stream)
{
    const struct field *f = &node->input->schema->fields[column];
    struct expr        *key = expr_column(b->arena, column, f->type, f->nullable, node->place);
    struct expr        *check = key && f->nullable ? expr_is_not_null(b->arena, key) : NULL;
    return key && (!check || add(b, stream, (struct conjunct){.x = check, .inferred = true, .partner = partner}));
}

static bool compared_not_null(struct binder *b, const struct plan_node *node, const struct expr *x, bool partner,
                              struct conjuncts *stream)
{
    bool ok = true;
    for (int i = 0; ok && x->kind == EXPR_AND && i < x->n_args; i++)
        ok = compared_not_null(b, node, x->args[i], partner, stream);
    for (int i = 0; ok && i < node->input->schema->n_fields; i++)
        if (is_null_with(x, i, i + 1))
            ok = not_null(b, node, i, partner, stream);
    return ok;
}

static bool all_not_null(struct binder *b, const struct plan_node *node, const struct conjuncts *above,
                         struct conjuncts *stream)
{
    if (!plan_node_contains(node->input, PLAN_WATERMARK))
        return true;
    for (int i = 0; i < node->n_keys; i++)
        if (!not_null(b, node, node->probe[i], true, stream))
            return false;
    for (int i = 0; i < above->n; i++)
        if (!above->items[i].join && !compared_not_null(b, node, above->items[i].x, false, stream))
            return false;
    return !node->predicate || compared_not_null(b, node, node->predicate, true, stream);
}

/* Where each condition over a join goes. */
struct sides {
    struct conjuncts all, stream, table, above;
    bool             infers; /* the join asks for what it compares to be not NULL */
};

/* A condition that no row of NULLs meets makes of LEFT an INNER join, and of the rest of ON a condition like others. */
static bool eliminate_outer(struct binder *b, struct plan_node *node, const struct conjuncts *c, struct sides *to)
{
    bool outer = node->join == JOIN_LEFT;
    to->infers = node->join == JOIN_INNER || node->join == JOIN_SEMI;
    for (int i = 0; outer && i < c->n; i++)
        if (!c->items[i].join && rejects_nulls(c->items[i].x, node->input->schema->n_fields)) {
            node->join = JOIN_INNER;
            to->infers = to->infers || !c->items[i].inferred; /* Spark infers once, from what was written */
        }
    if (outer && node->join == JOIN_INNER && node->predicate) {
        if (!add_split(b, &to->all, node->predicate))
            return false;
        node->predicate = NULL;
    }
    return add_all(b, &to->all, c);
}

static struct plan_node *through_join(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct sides *to = plan__alloc(b, sizeof *to);
    int           first = node->input->schema->n_fields;
    struct expr **columns = shifted_columns(b, node->both, first);
    if (!to || !columns || !eliminate_outer(b, node, c, to))
        return NULL;
    for (int i = 0; i < to->all.n; i++) {
        const struct conjunct *one = &to->all.items[i];
        bool                   uses_stream = false, uses_table = false;
        for (int k = 0; k < node->schema->n_fields; k++)
            if (expr_uses_column(one->x, k))
                *(k < first ? &uses_stream : &uses_table) = true;
        bool stays = uses_stream || node->join == JOIN_LEFT || one->join;
        bool ok = !uses_table ? add(b, &to->stream, *one)
                  : stays     ? add(b, &to->above, *one)
                              : add_substituted(b, &to->table, *one, columns);
        if (!ok)
            return NULL;
    }
    if (to->infers && !all_not_null(b, node, &to->above, &to->stream))
        return NULL;
    node->input = push(b, node->input, &to->stream);
    node->other = push(b, node->other, &to->table);
    return node->input && node->other ? filters_over(b, node, &to->above) : NULL;
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
            if ((k == 0 || k > node->n_keys_grouped) && expr_uses_column(c->items[i].x, k))
                keys_only = false;
        if (!(keys_only ? add_substituted(b, &below, c->items[i], columns) : add(b, &above, c->items[i])))
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
            made = made || expr_uses_column(c->items[i].x, k);
        if (!add(b, made ? &above : &below, c->items[i]))
            return NULL;
    }
    node->input = push(b, node->input, &below);
    return node->input ? filters_over(b, node, &above) : NULL;
}

/* A node that is a condition itself: what was written below is asked first. */
static struct plan_node *take_down(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    struct conjuncts *all = plan__alloc(b, sizeof *all);
    if (!all || !(node->kind == PLAN_FILTER ? add_split(b, all, node->predicate) : add_join(b, all, node)) ||
        !add_all(b, all, c))
        return NULL;
    return push(b, node->input, all);
}

static struct plan_node *push(struct binder *b, struct plan_node *node, const struct conjuncts *c)
{
    switch (node->kind) {
    case PLAN_FILTER:
        return take_down(b, node, c);
    case PLAN_PROJECT:
        return through_project(b, node, c);
    case PLAN_WATERMARK:
        return through_watermark(b, node, c);
    case PLAN_JOIN:
        return node->subquery ? take_down(b, node, c) : through_join(b, node, c);
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
