/* SPDX-License-Identifier: MIT */
/*
 * sql/ast: what was written, before anybody asked what it means.
 *
 * Made by sql/parse, read by plan/ (statements, relations) and expr/ (expressions). All nodes live in the
 * arena given to the parser and never change. Names keep their spelling; comparing ignores ASCII case.
 * Every node carries its place, so that any later error can point at it.
 */
#ifndef SQL_AST_H
#define SQL_AST_H

#include "base/diag.h"

/* ---- types as written: INT, DECIMAL(10,2), STRUCT<a: INT>, ARRAY<..>, MAP<..> ---- */

struct ast_type {
    struct place           place;
    const char            *name; /* upper case, aliases resolved: BOOLEAN TINYINT SMALLINT INT BIGINT FLOAT DOUBLE
                                     DECIMAL STRING BINARY DATE TIMESTAMP TIMESTAMP_NTZ STRUCT ARRAY MAP VARIANT .. */
    int                    precision, scale; /* DECIMAL; -1 = not written */
    struct ast_type_field *fields;           /* STRUCT */
    int                    n_fields;
    const struct ast_type *key, *element; /* MAP key; ARRAY element / MAP value */
};
struct ast_type_field {
    const char            *name;
    const struct ast_type *type;
    bool                   not_null;
};

/* ---- expressions ---- */

struct ast_query;

enum ast_expr_kind {
    AST_NULL,
    AST_BOOLEAN,   /* integer: 0 or 1 */
    AST_INTEGER,   /* text: digits; suffix: 0, 'Y' tinyint, 'S' smallint, 'L' bigint */
    AST_DECIMAL,   /* text: 1.5 or 1.5BD */
    AST_DOUBLE,    /* text: 1e3, 1.5D; suffix 'F' = float */
    AST_STRING,    /* text, length: escapes resolved */
    AST_BINARY,    /* text, length: X'0a' as bytes */
    AST_INTERVAL,  /* integer: microseconds (day-time); months: year-month part; suffix 'D': written in days only */
    AST_DATE,      /* text: DATE '2024-01-02' */
    AST_TIMESTAMP, /* text: TIMESTAMP '...' */
    AST_COLUMN,    /* parts: a.b.c as written; resolution decides what is table, column, struct field */
    AST_STAR,      /* parts: qualifier, n_parts may be 0 */
    AST_FIELD,     /* args[0] . text   (on a non-name expression: (f(x)).a) */
    AST_SUBSCRIPT, /* args[0] [ args[1] ] */
    AST_CALL,      /* text: name as written; args; names[i] non-NULL: named; distinct; ignore_nulls; filter */
    AST_UNARY,     /* op; args[0] */
    AST_BINARY_OP, /* op; args[0], args[1] */
    AST_IS,        /* op: IS_NULL, IS_TRUE, IS_FALSE, IS_UNKNOWN; negated; args[0] */
    AST_IN,        /* args[0] IN (args[1..]), or IN (query); negated */
    AST_BETWEEN,   /* args[0] BETWEEN args[1] AND args[2]; negated */
    AST_LIKE,      /* args[0] LIKE args[1] [ESCAPE args[2]]; negated; op: OP_LIKE, OP_ILIKE, OP_RLIKE */
    AST_CASE,      /* has_operand: args[0] is the operand; then pairs WHEN, THEN; has_else: last is ELSE */
    AST_CAST,      /* args[0] AS type; try_cast */
    AST_LAMBDA,    /* parts: parameter names; args[0] the body */
    AST_EXISTS,    /* EXISTS (query) */
};

enum ast_op {
    OP_NONE,
    OP_PLUS,
    OP_MINUS,
    OP_TIMES,
    OP_DIVIDE,
    OP_DIV,
    OP_MODULO,
    OP_CONCAT,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_NULL_SAFE_EQUAL,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_NEGATE,
    OP_POSITIVE,
    OP_BIT_AND,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_NOT,
    OP_IS_NULL,
    OP_IS_TRUE,
    OP_IS_FALSE,
    OP_IS_UNKNOWN,
    OP_LIKE,
    OP_ILIKE,
    OP_RLIKE,
};

struct ast_expr {
    enum ast_expr_kind      kind;
    struct place            place; /* the whole expression */
    enum ast_op             op;
    bool                    negated, distinct, ignore_nulls, try_cast, has_operand, has_else, descending;
    char                    suffix;
    int64_t                 integer;
    int32_t                 months;
    const char             *text; /* terminated; may hold NUL bytes inside for STRING, BINARY: use length */
    uint32_t                length;
    const char            **parts;
    struct place           *part_places;
    int                     n_parts;
    struct ast_expr       **args;
    const char            **names; /* AST_CALL: NULL, or n_args entries, each NULL or a name */
    int                     n_args;
    const struct ast_expr  *filter; /* AST_CALL: FILTER (WHERE ..) */
    const struct ast_expr  *within; /* AST_CALL: WITHIN GROUP (ORDER BY ..), or NULL */
    const struct ast_type  *type;   /* AST_CAST */
    const struct ast_query *query;  /* AST_EXISTS; AST_IN: or NULL */
};

/* ---- relations and queries ---- */

enum ast_rel_kind { AST_REL_NAME, AST_REL_FUNCTION, AST_REL_SUBQUERY, AST_REL_JOIN, AST_REL_LATERAL_VIEW };
enum ast_join {
    AST_JOIN_INNER,
    AST_JOIN_LEFT,
    AST_JOIN_RIGHT,
    AST_JOIN_FULL,
    AST_JOIN_SEMI,
    AST_JOIN_ANTI,
    AST_JOIN_CROSS
};

struct ast_watermark {
    struct place           place;
    const struct ast_expr *expr;  /* usually a column */
    const char            *name;  /* AS name, or NULL */
    const struct ast_expr *delay; /* AST_INTERVAL */
};

struct ast_rel {
    enum ast_rel_kind       kind;
    struct place            place;
    struct place            core;   /* of it without WATERMARK and alias; JOIN: nothing */
    bool                    stream; /* STREAM prefix */
    const char            **parts;  /* NAME: a.b.c; FUNCTION: parts[0] */
    int                     n_parts;
    const struct ast_expr  *call;  /* FUNCTION: an AST_CALL with named or positional args; LATERAL_VIEW: of explode */
    bool                    outer; /* LATERAL_VIEW OUTER; it is over `left` */
    const struct ast_query *query; /* SUBQUERY */
    const struct ast_watermark *watermark;
    const char                 *alias;
    struct place                alias_place;
    const char                **column_aliases; /* AS t(a, b) */
    int                         n_column_aliases;
    /* JOIN */
    enum ast_join          join;
    const struct ast_rel  *left, *right;
    const struct ast_expr *on; /* NULL with USING or CROSS */
    const char           **using_;
    struct place          *using_places;
    int                    n_using;
};

struct ast_item {
    const struct ast_expr *expr;
    const char            *alias; /* NULL when none */
    struct place           place, alias_place;
};

struct ast_named_query {
    const char             *name;
    struct place            place;
    const struct ast_query *query;
};

enum ast_query_kind { AST_SELECT, AST_UNION_ALL, AST_UNION_DISTINCT };

struct ast_query {
    enum ast_query_kind     kind;
    struct place            place;
    struct ast_named_query *with; /* WITH name AS (query), ... */
    int                     n_with;
    /* SELECT */
    bool                   distinct;
    struct ast_item       *items;
    int                    n_items;
    const struct ast_rel  *from; /* NULL: no FROM */
    const struct ast_expr *where;
    struct ast_expr      **group_by;
    int                    n_group_by;
    bool                   group_by_all;
    const struct ast_expr *having;
    /* UNION */
    const struct ast_query *left, *right;
    /* refused by plan with Spark's reason, but parsed: */
    struct ast_expr      **order_by;
    int                    n_order_by;
    const struct ast_expr *limit;
};

/* ---- statements ---- */

enum ast_statement_kind { AST_CREATE_STREAMING_TABLE, AST_CREATE_VIEW };

struct ast_property {
    const char  *key, *value;
    struct place place, value_place;
};

enum ast_violation { AST_VIOLATION_KEEP, AST_VIOLATION_DROP, AST_VIOLATION_FAIL };

struct ast_expectation { /* CONSTRAINT name EXPECT (condition) [ON VIOLATION DROP ROW | FAIL UPDATE] */
    const char            *name;
    struct place           place;
    const struct ast_expr *condition;
    enum ast_violation     violation;
};

struct ast_statement {
    enum ast_statement_kind kind;
    struct place            place; /* the whole statement */
    struct place            name_place;
    const char             *name; /* dotted when qualified */
    bool                    if_not_exists, or_replace, or_refresh;
    const char             *format; /* USING delta, or NULL */
    struct place            format_place;
    const char            **partitioned_by;
    struct place           *partitioned_by_places;
    int                     n_partitioned_by;
    const char             *comment;  /* or NULL */
    const char             *location; /* or NULL */
    struct place            location_place;
    struct ast_property    *properties;
    int                     n_properties;
    struct ast_expectation *expectations;
    int                     n_expectations;
    const struct ast_query *query;
};

struct ast_script {
    struct ast_statement **statements;
    int                    n_statements;
};

#endif
