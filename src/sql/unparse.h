/* SPDX-License-Identifier: MIT */
/* sql/unparse: an expression back to text that parses to the same tree; also the name Spark gives an unaliased item. */
#ifndef SQL_UNPARSE_H
#define SQL_UNPARSE_H

#include "sql/ast.h"

/* Binary operators are bracketed as Spark's sql() does: (a + 1), sum((x * 2)). count(*) gives count(1).
 * A query inside it is only named: (SELECT ..). */
void sql_unparse_expr(const struct ast_expr *x, struct buf *out);
/* In backticks where it needs them. */
void sql_unparse_name(const char *name, struct buf *out);

#endif
