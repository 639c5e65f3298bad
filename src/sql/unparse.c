/* SPDX-License-Identifier: MIT */
#include "sql/unparse.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char *symbol(enum ast_op op)
{
    static const char *const symbols[] = {[OP_NONE] = "",
                                          [OP_PLUS] = "+",
                                          [OP_MINUS] = "-",
                                          [OP_TIMES] = "*",
                                          [OP_DIVIDE] = "/",
                                          [OP_DIV] = "div",
                                          [OP_MODULO] = "%",
                                          [OP_CONCAT] = "||",
                                          [OP_EQUAL] = "=",
                                          [OP_NOT_EQUAL] = "<>",
                                          [OP_LESS] = "<",
                                          [OP_LESS_EQUAL] = "<=",
                                          [OP_GREATER] = ">",
                                          [OP_GREATER_EQUAL] = ">=",
                                          [OP_NULL_SAFE_EQUAL] = "<=>",
                                          [OP_AND] = "AND",
                                          [OP_OR] = "OR",
                                          [OP_NOT] = "NOT ",
                                          [OP_NEGATE] = "- ",
                                          [OP_POSITIVE] = "+ ",
                                          [OP_BIT_AND] = "&",
                                          [OP_BIT_OR] = "|",
                                          [OP_BIT_XOR] = "^",
                                          [OP_BIT_NOT] = "~",
                                          [OP_IS_NULL] = "NULL",
                                          [OP_IS_TRUE] = "TRUE",
                                          [OP_IS_FALSE] = "FALSE",
                                          [OP_IS_UNKNOWN] = "UNKNOWN",
                                          [OP_LIKE] = "LIKE",
                                          [OP_ILIKE] = "ILIKE",
                                          [OP_RLIKE] = "RLIKE"};
    return symbols[op];
}

static void put_string(const char *text, uint32_t n, struct buf *out)
{
    buf_u8(out, '\'');
    for (uint32_t i = 0; i < n; i++) {
        if (text[i] == '\'' || (text[i] == '\\' && !(i + 1 < n && (text[i + 1] == '%' || text[i + 1] == '_'))))
            buf_u8(out, '\\');
        buf_u8(out, (uint8_t)text[i]);
    }
    buf_u8(out, '\'');
}

void sql_unparse_name(const char *name, struct buf *out)
{
    bool plain = name[0] && strchr("0123456789", name[0]) == NULL;
    for (const char *p = name; *p; p++)
        plain = plain && (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *p) != NULL);
    if (plain) {
        buf_puts(out, name);
        return;
    }
    buf_u8(out, '`');
    for (const char *p = name; *p; p++) {
        if (*p == '`')
            buf_u8(out, '`');
        buf_u8(out, (uint8_t)*p);
    }
    buf_u8(out, '`');
}

static void put_args(const struct ast_expr *x, int from, struct buf *out)
{
    for (int i = from; i < x->n_args; i++) {
        buf_puts(out, i > from ? ", " : "");
        if (x->kind == AST_CALL && x->names && x->names[i])
            buf_printf(out, "%s => ", x->names[i]);
        sql_unparse_expr(x->args[i], out);
    }
}

static void put_type(const struct ast_type *t, struct buf *out)
{
    buf_puts(out, t->name);
    if (t->precision >= 0)
        buf_printf(out, t->scale >= 0 ? "(%d,%d)" : "(%d)", t->precision, t->scale);
    if (strcmp(t->name, "STRUCT") == 0) {
        buf_u8(out, '<');
        for (int i = 0; i < t->n_fields; i++) {
            buf_puts(out, i ? ", " : "");
            sql_unparse_name(t->fields[i].name, out);
            buf_puts(out, ": ");
            put_type(t->fields[i].type, out);
        }
        buf_u8(out, '>');
    } else if (t->element) {
        buf_u8(out, '<');
        if (t->key) {
            put_type(t->key, out);
            buf_puts(out, ", ");
        }
        put_type(t->element, out);
        buf_u8(out, '>');
    }
}

static void put_case(const struct ast_expr *x, struct buf *out)
{
    int i = 0;
    buf_puts(out, "CASE");
    if (x->has_operand) {
        buf_u8(out, ' ');
        sql_unparse_expr(x->args[i++], out);
    }
    for (; i + 1 < x->n_args; i += 2) {
        buf_puts(out, " WHEN ");
        sql_unparse_expr(x->args[i], out);
        buf_puts(out, " THEN ");
        sql_unparse_expr(x->args[i + 1], out);
    }
    if (x->has_else) {
        buf_puts(out, " ELSE ");
        sql_unparse_expr(x->args[i], out);
    }
    buf_puts(out, " END");
}

static void put_call(const struct ast_expr *x, struct buf *out)
{
    if (strcasecmp(x->text, "count") == 0 && x->n_args == 1 && x->args[0]->kind == AST_STAR) {
        buf_puts(out, "count(1)");
        return;
    }
    sql_unparse_name(x->text, out);
    buf_puts(out, x->distinct ? "(DISTINCT " : "(");
    bool unit = strncmp(x->text, "timestamp", 9) == 0 && x->n_args == 3 && x->args[0]->kind == AST_STRING;
    if (unit) { /* timestampadd(HOUR, 2, ts): a word */
        buf_puts(out, x->args[0]->text);
        buf_puts(out, ", ");
    }
    put_args(x, unit, out);
    buf_u8(out, ')');
    if (x->within) {
        buf_puts(out, " WITHIN GROUP (ORDER BY ");
        sql_unparse_expr(x->within, out);
        buf_puts(out, x->descending ? " DESC)" : ")");
    }
    if (x->filter) {
        buf_puts(out, " FILTER (WHERE ");
        sql_unparse_expr(x->filter, out);
        buf_u8(out, ')');
    }
    if (x->ignore_nulls)
        buf_puts(out, " IGNORE NULLS");
}

static void put_parts(const struct ast_expr *x, struct buf *out)
{
    for (int i = 0; i < x->n_parts; i++) {
        buf_puts(out, i ? "." : "");
        sql_unparse_name(x->parts[i], out);
    }
    if (x->kind == AST_STAR)
        buf_puts(out, x->n_parts ? ".*" : "*");
}

static void put_literal(const struct ast_expr *x, struct buf *out)
{
    switch ((int)x->kind) { /* the rest is common */
    case AST_NULL:
        buf_puts(out, "NULL");
        break;
    case AST_BOOLEAN:
        buf_puts(out, x->integer ? "true" : "false");
        break;
    case AST_STRING:
        put_string(x->text, x->length, out);
        break;
    case AST_BINARY:
        buf_puts(out, "X'");
        for (uint32_t i = 0; i < x->length; i++)
            buf_printf(out, "%02X", (unsigned char)x->text[i]);
        buf_u8(out, '\'');
        break;
    case AST_INTERVAL:
        if (x->months)
            buf_printf(out, "INTERVAL %d MONTHS", x->months);
        else if (x->suffix == 'D')
            buf_printf(out, "INTERVAL %" PRId64 " DAYS", x->integer / 86400000000);
        else
            buf_printf(out, "INTERVAL %" PRId64 " MICROSECONDS", x->integer);
        break;
    case AST_DATE:
    case AST_TIMESTAMP:
        buf_puts(out, x->kind == AST_DATE ? "DATE " : "TIMESTAMP ");
        put_string(x->text, x->length, out);
        break;
    default:
        buf_puts(out, x->text);
        if (x->suffix)
            buf_printf(out, "%c%s", x->suffix, x->suffix == 'B' ? "D" : "");
        break;
    }
}

static void put_predicate(const struct ast_expr *x, struct buf *out)
{
    buf_u8(out, '(');
    sql_unparse_expr(x->args[0], out);
    if (x->kind == AST_IS) {
        buf_printf(out, " IS %s%s)", x->negated ? "NOT " : "", symbol(x->op));
        return;
    }
    buf_printf(out, "%s %s ", x->negated ? " NOT" : "",
               x->kind == AST_IN        ? "IN"
               : x->kind == AST_BETWEEN ? "BETWEEN"
                                        : symbol(x->op));
    if (x->kind == AST_IN) {
        buf_u8(out, '(');
        if (x->query)
            buf_puts(out, "SELECT ..");
        else
            put_args(x, 1, out);
        buf_u8(out, ')');
    } else {
        sql_unparse_expr(x->args[1], out);
        if (x->n_args > 2) {
            buf_puts(out, x->kind == AST_BETWEEN ? " AND " : " ESCAPE ");
            sql_unparse_expr(x->args[2], out);
        }
    }
    buf_u8(out, ')');
}

static void put_operator(const struct ast_expr *x, struct buf *out)
{
    buf_u8(out, '(');
    if (x->kind == AST_UNARY) {
        buf_puts(out, symbol(x->op));
        sql_unparse_expr(x->args[0], out);
    } else {
        sql_unparse_expr(x->args[0], out);
        buf_printf(out, " %s ", symbol(x->op));
        sql_unparse_expr(x->args[1], out);
    }
    buf_u8(out, ')');
}

void sql_unparse_expr(const struct ast_expr *x, struct buf *out)
{
    switch ((int)x->kind) { /* the rest is common */
    case AST_COLUMN:
    case AST_STAR:
        put_parts(x, out);
        break;
    case AST_FIELD:
        sql_unparse_expr(x->args[0], out);
        buf_u8(out, '.');
        sql_unparse_name(x->text, out);
        break;
    case AST_SUBSCRIPT:
        sql_unparse_expr(x->args[0], out);
        buf_u8(out, '[');
        sql_unparse_expr(x->args[1], out);
        buf_u8(out, ']');
        break;
    case AST_CALL:
        put_call(x, out);
        break;
    case AST_UNARY:
    case AST_BINARY_OP:
        put_operator(x, out);
        break;
    case AST_IS:
    case AST_IN:
    case AST_BETWEEN:
    case AST_LIKE:
        put_predicate(x, out);
        break;
    case AST_CASE:
        put_case(x, out);
        break;
    case AST_CAST:
        buf_puts(out, x->try_cast ? "TRY_CAST(" : "CAST(");
        sql_unparse_expr(x->args[0], out);
        buf_puts(out, " AS ");
        put_type(x->type, out);
        buf_u8(out, ')');
        break;
    case AST_LAMBDA:
        for (int i = 0; i < x->n_parts; i++) {
            buf_puts(out, i ? ", " : x->n_parts > 1 ? "(" : "");
            sql_unparse_name(x->parts[i], out);
        }
        buf_puts(out, x->n_parts > 1 ? ") -> " : " -> ");
        sql_unparse_expr(x->args[0], out);
        break;
    case AST_EXISTS:
        buf_puts(out, "EXISTS (SELECT ..)");
        break;
    default:
        put_literal(x, out);
        break;
    }
}
