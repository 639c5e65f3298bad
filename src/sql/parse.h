/* SPDX-License-Identifier: MIT */
/*
 * sql/parse: text to AST, all errors of a file in one go (after an error parsing goes on at the next `;`).
 *
 * A recursive-descent parser by hand (docs/decisions/0002): nearly every Spark keyword is also a fine name, and
 * people deserve "did you mean FROM?" more than a table does. Everything lives in the arena. Any thread.
 */
#ifndef SQL_PARSE_H
#define SQL_PARSE_H

#include "sql/ast.h"

#define SQL_DEPTH_MAX 200 /* nesting of expressions, queries and types */

/* ERR_INVALID when diags has errors (then *out may be partial and must not be used), ERR_LIMIT. */
MUST_CHECK enum err sql_parse(const char *text, struct arena *a, struct diags *diags, struct ast_script **out,
                              struct error *e);
/* One expression, to the end of the text. */
MUST_CHECK enum err sql_parse_expr(const char *text, struct arena *a, struct diags *diags, struct ast_expr **out,
                                   struct error *e);
/* A schema as in from_json: `a INT, b STRUCT<c: STRING>` (a STRUCT type then), or one type: `STRUCT<a INT>`, `INT`. */
MUST_CHECK enum err sql_parse_type(const char *text, struct arena *a, struct diags *diags, struct ast_type **out,
                                   struct error *e);

struct sql_params { /* name = value */
    const char *const *names, *const *values;
    int n;
};
struct sql_fill {       /* where a value was put, and which */
    struct place place; /* in the filled text */
    int          param;
};
#define SQL_FILLS_MAX 1024
struct sql_fills {
    struct sql_fill items[SQL_FILLS_MAX];
    int             n;
};
/* Replaces ${name}; $${ stays ${. An unknown name is an error with its place in `text`. fills may be NULL. */
MUST_CHECK enum err sql_fill_params(const char *text, const struct sql_params *params, struct buf *out,
                                    struct sql_fills *fills, struct diags *diags, struct error *e);

#endif
