/* SPDX-License-Identifier: MIT */
/*
 * expr: expressions with names and types bound, as Spark 4.1 types them (ANSI mode, session zone UTC).
 *
 * plan/ binds the AST through a scope, rewrites trees by the helpers below, and hands them to program.h to run. A tree
 * lives in the arena it was bound into and is never changed once it is part of a plan. Any thread.
 */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include "column/column.h"
#include "sql/ast.h"

enum expr_kind {
    EXPR_COLUMN,   /* column: index into the input's schema */
    EXPR_FIELD,    /* args[0] . field: index into its STRUCT type */
    EXPR_LITERAL,  /* value; a NULL when value.is_null */
    EXPR_CALL,     /* function; args */
    EXPR_CAST,     /* args[0] to type; try_cast: NULL instead of an error */
    EXPR_CASE,     /* WHEN, THEN pairs; then ELSE when n_args is odd */
    EXPR_COALESCE, /* the first that is not NULL; later ones run only for rows that need them */
    EXPR_AND,      /* two args; the right one runs only for rows the left one does not decide */
    EXPR_OR,
    EXPR_LAMBDA,    /* args[0]: the body, over elements; column: its first parameter; field: how many it has */
    EXPR_PARAMETER, /* column: which of the parameters around it */
};

#define EXPR_PARAMETERS_MAX 16 /* of functions within functions */

struct expr_value {
    bool        is_null;
    int64_t     integer; /* BOOLEAN, integers, DATE, TIMESTAMP, INTERVAL */
    double      real;    /* FLOAT, DOUBLE */
    int128      decimal; /* DECIMAL, unscaled */
    const char *text;    /* STRING, BINARY */
    uint32_t    length;
};

struct function;

struct expr {
    enum expr_kind         kind;
    const struct type     *type;
    bool                   nullable, try_cast;
    bool                   whole_days;  /* an INTERVAL literal of the type DAY: a date plus it is a date */
    bool                   window_time; /* the plan's: the event time of a window, its end less a microsecond */
    struct place           place;
    int                    column, field;
    struct expr_value      value;
    const struct function *function;
    const void   *detail; /* of the function: from_json's struct from_json_detail; the type of div's whole part */
    struct expr **args;
    int           n_args;
};

/* ---- binding ---- */

struct expr_binder;

struct expr_scope {
    void *arg;
    /* A column name a.b.c: sets *out, or says in diags what is wrong and returns false. */
    bool (*column)(void *arg, const struct ast_expr *ast, struct expr_binder *b, struct expr **out);
    /* Asked for every node first; true: handled (*out NULL: a diagnostic was made). */
    bool (*hook)(void *arg, const struct ast_expr *ast, struct expr_binder *b, struct expr **out);
};

struct expr_parameter;

struct expr_binder {
    struct arena                *arena;
    struct diags                *diags;
    const struct expr_scope     *scope;
    const struct expr_parameter *parameters; /* of the lambda functions around; the binder's own */
};

/* False: diags says why, and all that was wrong. */
bool expr_bind(struct expr_binder *b, const struct ast_expr *ast, struct expr **out);

/* ---- types ---- */

/* The common type of two (Spark's AnsiTypeCoercion), or NULL. */
const struct type *expr_common_type(struct expr_binder *b, const struct type *x, const struct type *y);
/* x as that type, by an implicit cast where one is needed; NULL after a diagnostic when there is none. */
struct expr *expr_coerce(struct expr_binder *b, struct expr *x, const struct type *to);
/* What is written, as a type; false after a diagnostic (types that come later are refused by name). */
bool expr_type_of_ast(struct expr_binder *b, const struct ast_type *t, const struct type **out);

/* ---- making and changing trees; NULL: out of memory ---- */

struct expr *expr_column(struct arena *a, int column, const struct type *type, bool nullable, struct place at);
struct expr *expr_field(struct arena *a, struct expr *x, int field, struct place at);
/* m.key: the value of a MAP with STRING keys; NULL after a diagnostic. */
struct expr *expr_map_value(struct expr_binder *b, struct expr *x, const char *key, struct place at);
struct expr *expr_and(struct arena *a, struct expr *x, struct expr *y);
struct expr *expr_is_not_null(struct arena *a, struct expr *x);
/* Every EXPR_COLUMN i with columns[i] != NULL replaced by it. */
struct expr *expr_substitute(struct arena *a, struct expr *x, struct expr *const *columns);

/* ---- looking at trees ---- */

bool expr_uses_column(const struct expr *x, int column);
bool expr_equal(const struct expr *x, const struct expr *y); /* same computation; places ignored */
bool expr_is_strict(const struct expr *x);                   /* a CALL that is NULL when any argument is */
/* The argument of `y IS NOT NULL`, or NULL when x is something else. */
const struct expr *expr_is_not_null_check(const struct expr *x);
/* from_json(input, schema): its parts. */
bool expr_is_from_json(const struct expr *x, struct expr **input, const struct type **type, bool *failfast);
/* Java's String.matches: does the pattern take the whole text? A pattern that cannot be used takes none. */
bool expr_pattern_matches(const char *pattern, const char *text);
bool expr_pattern_check(const char *pattern, char *why, size_t why_size); /* false: why says what is wrong */
void expr_print(const struct expr *x, const struct type *input, struct buf *out);

#endif
