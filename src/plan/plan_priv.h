/* SPDX-License-Identifier: MIT */
/*
 * plan, inside: the binder's working state. bind_*.c turn the AST into nodes, rules.c pushes filters down,
 * prune.c drops what nobody needs, properties.c reads TBLPROPERTIES. One thread, at check time only.
 */
#ifndef PLAN_PLAN_PRIV_H
#define PLAN_PLAN_PRIV_H

#include "plan/plan.h"

#define PLAN_DEPTH_MAX 100 /* views in views, subqueries in subqueries */

/* One visible column while names are bound. */
struct scope_column {
    const char *qualifier; /* alias or relation name, or NULL */
    const char *name;
    int         index;  /* into the node's schema */
    bool        hidden; /* only reachable by qualifier (the right side of USING) */
};

/* A relation being bound: a node and the names its columns have. */
struct bound {
    struct plan_node    *node;
    struct scope_column *columns;
    int                  n_columns;
    bool                 stream;
    const struct bound  *compared; /* of SEMI and ANTI JOIN: the table, whose columns are gone; or NULL */
};

struct named_view {
    const char              *name;
    const struct ast_query  *query;
    const struct named_view *older; /* what this query may see: views made before it, and WITH of outer queries */
};

struct binder {
    struct arena                  *arena;
    struct diags                  *diags;
    const struct plan_environment *env;
    struct plan                   *plan;
    const struct named_view       *views;
    int                            depth;
};

/* ---- nodes ---- */

struct plan_scope;

/* NULL when out of memory (a diagnostic says so). The schema's event marks start as -1. */
struct plan_node *plan__node(struct binder *b, enum plan_node_kind kind, const struct type *schema, struct place at);
struct plan_node *plan__filter(struct binder *b, struct plan_node *input, struct expr *predicate);
/* The WATERMARK clause that x over `input` is the event time of, or -1: a column, or window_time() of one. */
int plan__event_of(const struct plan_node *input, const struct expr *x);
/* The call of an aggregate, over the input of the grouping (bind_aggregate_call.c). */
struct aggregate_call {
    const struct agg_signature *function;
    struct expr                *arguments[AGG_ARGUMENTS_MAX];
    int                         n_arguments;
    struct expr                *filter; /* or NULL */
    struct agg_constants        constants;
};
bool plan__bind_aggregate_call(struct plan_scope *input, const struct ast_expr *ast, struct aggregate_call *out);
bool plan__same_aggregate_call(const struct aggregate_call *x, const struct aggregate_call *y);

/* explode() and its like among the items of a SELECT (bind_explode.c). */
struct generator {
    struct expr       *list; /* NULL: there is none */
    bool               position, outer;
    const struct type *fields; /* inline: those of the structs; else NULL */
    const char        *alias;
    int                at; /* the items before it */
    struct place       place;
};
bool plan__is_generator(const struct ast_expr *ast);
bool plan__bind_generator(struct plan_scope *s, const struct ast_item *item, struct generator *g);
/* The n items (without the generator) over input, with what it makes in its place. */
struct plan_node *plan__explode(struct binder *b, struct plan_node *input, struct expr **exprs, const char **titles,
                                int n, const struct generator *g);
/* Event marks follow them. */
struct plan_node *plan__project(struct binder *b, struct plan_node *input, struct expr **exprs,
                                const char *const *names, int n, struct place at);
void             *plan__alloc(struct binder *b, size_t n); /* zeroed; NULL after a diagnostic */
bool              plan__no_memory(struct binder *b);       /* always false */
/* Tells what is not taken, with a hint unless it is NULL; always false. */
bool plan__refuse(struct binder *b, struct place at, const char *code, const char *hint, const char *what);

/* ---- joins ---- */

#define JOIN_KEYS_MAX 32

/* What a join is made of; conditions are read over `both`: the stream's columns, then the table's. */
struct join_parts {
    enum join_kind     kind;
    bool               subquery, null_aware;
    struct place       place;
    struct plan_node  *stream, *table;
    int                n_stream; /* columns of the stream */
    const struct type *both;
    struct expr      **probe, **build; /* keys, each over its own side */
    int                n_keys;
    struct expr       *rest; /* what else is asked, over both */
};
/* From kind, stream and table. */
bool plan__join_init(struct binder *b, struct join_parts *j);
/* A condition in s, whose columns are those of both: equalities become keys, conditions on one side filter it where
 * that is the same. */
bool plan__join_on(struct binder *b, struct join_parts *j, const struct ast_expr *on, struct plan_scope *s);
/* x and y over both. */
bool plan__join_key(struct binder *b, struct join_parts *j, struct expr *x, struct expr *y, struct place at);
/* The node (INNER: with the rest as a filter on it). INNER and LEFT: computed keys move the table's columns by *shift;
 * SEMI and ANTI: exactly the stream's columns. */
struct plan_node *plan__join(struct binder *b, struct join_parts *j, int *shift);
/* WHERE over a relation: a filter, and joins for IN (SELECT ..) and EXISTS (SELECT ..). */
bool plan__bind_where(struct binder *b, const struct ast_expr *where, struct bound *from);

/* ---- scopes ---- */

/* A binder of expressions over the columns of r; `hook` as in expr_scope, with `arg`. */
struct plan_scope {
    struct binder      *binder;
    const struct bound *relation;
    bool (*hook)(void *arg, const struct ast_expr *ast, struct expr_binder *eb, struct expr **out);
    void              *arg;
    struct expr_scope  scope;
    struct expr_binder binder_of_expr;
    /* values defined before in the same SELECT, by their aliases (lateral column aliases) */
    struct expr *const *lateral;
    const char *const  *lateral_names;
    int                 n_lateral;
};
void plan__scope(struct plan_scope *s, struct binder *b, const struct bound *r);
bool plan__bind(struct plan_scope *s, const struct ast_expr *ast, struct expr **out);
bool plan__bind_boolean(struct plan_scope *s, const struct ast_expr *ast, const char *clause, struct expr **out);
/* The value that an item before defined under the column's first part; NULL: none, or a diagnostic (*found). */
struct expr *plan__lateral(struct plan_scope *s, const struct ast_expr *ast, bool *found);
/* The items of *, t.* or s.* (a struct) as expressions and names, appended. */
bool plan__expand_star(struct plan_scope *s, const struct ast_expr *star, struct expr ***exprs, const char ***names,
                       int *n);

/* ---- binding ---- */

bool plan__bind_query(struct binder *b, const struct ast_query *q, struct bound *out);
bool plan__bind_relation(struct binder *b, const struct ast_rel *rel, struct bound *out);
/* Joins `left` (already bound) with a relation node of kind AST_REL_JOIN. */
bool plan__bind_join(struct binder *b, const struct ast_rel *rel, struct bound *out);
/* The scope of a query is its output columns. */
bool plan__name_outputs(struct binder *b, struct bound *out);
bool plan__is_aggregation(const struct ast_query *q);
bool plan__bind_aggregation(struct binder *b, const struct ast_query *q, struct bound *input, struct bound *out);
/* SELECT DISTINCT: groups by all columns, without aggregates, as Spark replaces it. */
bool plan__distinct(struct binder *b, struct bound *out, struct place at);
bool plan__bind_properties(struct binder *b, const struct ast_statement *s);
/* CONSTRAINT .. EXPECT over the columns of the table. */
bool plan__bind_expectations(struct binder *b, const struct ast_statement *s, const struct bound *table);
/* The name a select item without alias gets, as Spark names it. */
const char *plan__auto_name(struct binder *b, const struct ast_expr *ast);

/* ---- rules ---- */

/* Filters as far down as Spark's optimizer puts them (what they drop does not move a watermark), projections
 * merged, outer joins that a filter makes inner turned inner. */
struct plan_node *plan__push_filters(struct binder *b, struct plan_node *root);
struct plan_node *plan__merge_projects(struct binder *b, struct plan_node *root);
/* from_json into the decoders, unused columns out. */
struct plan_node *plan__prune(struct binder *b, struct plan_node *root);

#endif
