/* SPDX-License-Identifier: MIT */
/* Making, changing, comparing and printing bound trees. See expr.h. */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "expr/expr_priv.h"
#include "text/decimal.h"
#include "text/time.h"

struct expr *expr_column(struct arena *a, int column, const struct type *type, bool nullable, struct place at)
{
    struct expr *x = arena_zalloc(a, sizeof *x);
    if (x)
        *x = (struct expr){.kind = EXPR_COLUMN, .type = type, .nullable = nullable, .place = at, .column = column};
    return x;
}

static struct expr *with_args(struct arena *a, struct expr head, struct expr *x, struct expr *y)
{
    struct expr  *made = arena_alloc(a, sizeof *made);
    struct expr **args = arena_alloc(a, 2 * sizeof *args);
    if (!made || !args || !x)
        return NULL;
    args[0] = x;
    args[1] = y;
    *made = head;
    made->args = args;
    made->n_args = y ? 2 : 1;
    return made;
}

struct expr *expr_field(struct arena *a, struct expr *x, int field, struct place at)
{
    if (!x)
        return NULL;
    const struct field *f = &x->type->fields[field];
    return with_args(
        a,
        (struct expr){
            .kind = EXPR_FIELD, .type = f->type, .nullable = x->nullable || f->nullable, .place = at, .field = field},
        x, NULL);
}

struct expr *expr_and(struct arena *a, struct expr *x, struct expr *y)
{
    if (!x || !y)
        return NULL;
    return with_args(
        a,
        (struct expr){
            .kind = EXPR_AND, .type = type_of(TYPE_BOOLEAN), .nullable = x->nullable || y->nullable, .place = x->place},
        x, y);
}

struct expr *expr_is_not_null(struct arena *a, struct expr *x)
{
    return x ? with_args(a,
                         (struct expr){.kind = EXPR_CALL,
                                       .type = type_of(TYPE_BOOLEAN),
                                       .place = x->place,
                                       .function = &fn_is_not_null},
                         x, NULL)
             : NULL;
}

struct expr *expr_substitute(struct arena *a, struct expr *x, struct expr *const *columns)
{
    if (x->kind == EXPR_COLUMN && columns[x->column])
        return columns[x->column];
    if (x->n_args == 0)
        return x;
    struct expr *copy = arena_copy(a, x, sizeof *x);
    if (!copy || !(copy->args = arena_alloc(a, (size_t)x->n_args * sizeof *copy->args)))
        return NULL;
    for (int i = 0; i < x->n_args; i++)
        if (!(copy->args[i] = expr_substitute(a, x->args[i], columns)))
            return NULL;
    return copy;
}

bool expr_uses_column(const struct expr *x, int column)
{
    if (x->kind == EXPR_COLUMN)
        return x->column == column;
    for (int i = 0; i < x->n_args; i++)
        if (expr_uses_column(x->args[i], column))
            return true;
    return false;
}

static bool value_equal(const struct expr *x, const struct expr *y)
{
    const struct expr_value *a = &x->value, *b = &y->value;
    if (a->is_null || b->is_null)
        return a->is_null == b->is_null;
    if (a->text || b->text)
        return a->text && b->text && a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
    return a->integer == b->integer && a->decimal == b->decimal && memcmp(&a->real, &b->real, sizeof a->real) == 0;
}

bool expr_equal(const struct expr *x, const struct expr *y)
{
    if (x->kind != y->kind || x->n_args != y->n_args || !type_equal(x->type, y->type) || x->function != y->function ||
        x->try_cast != y->try_cast || x->column != y->column || x->field != y->field)
        return false;
    if (x->kind == EXPR_LITERAL && !value_equal(x, y))
        return false;
    for (int i = 0; i < x->n_args; i++)
        if (!expr_equal(x->args[i], y->args[i]))
            return false;
    return true;
}

bool expr_is_strict(const struct expr *x) { return x->kind == EXPR_CALL && x->function->strict; }

const struct expr *expr_is_not_null_check(const struct expr *x)
{
    return x->kind == EXPR_CALL && x->function == &fn_is_not_null ? x->args[0] : NULL;
}

bool expr_is_from_json(const struct expr *x, struct expr **input, const struct type **type, bool *failfast)
{
    if (x->kind != EXPR_CALL || strcmp(x->function->name, "from_json") != 0)
        return false;
    const struct from_json_detail *d = x->detail;
    *input = x->args[0];
    *type = d->type;
    *failfast = d->failfast;
    return true;
}

/* ---- printing ---- */

static void print_literal(const struct expr *x, struct buf *out)
{
    char text[TIME_TEXT_MAX + DECIMAL_TEXT_MAX];
    if (x->value.is_null) {
        buf_puts(out, "NULL");
        return;
    }
    switch ((int)x->type->kind) {
    case TYPE_STRING:
        buf_printf(out, "'%.*s'", (int)x->value.length, x->value.text);
        break;
    case TYPE_BINARY:
        buf_printf(out, "X'..%u bytes'", x->value.length);
        break;
    case TYPE_DECIMAL:
        decimal_print((struct decimal){x->value.decimal, x->type->scale}, text);
        buf_puts(out, text);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        double_print(x->value.real, text);
        buf_puts(out, text);
        break;
    case TYPE_BOOLEAN:
        buf_puts(out, x->value.integer ? "true" : "false");
        break;
    case TYPE_TIMESTAMP:
        timestamp_print(x->value.integer, text);
        buf_printf(out, "TIMESTAMP '%s'", text);
        break;
    case TYPE_DATE:
        date_print((int32_t)x->value.integer, text);
        buf_printf(out, "DATE '%s'", text);
        break;
    case TYPE_INTERVAL:
        buf_printf(out, "INTERVAL %" PRId64 " MICROSECONDS", x->value.integer);
        break;
    default:
        buf_printf(out, "%" PRId64, x->value.integer);
        break;
    }
}

static void print_args(const struct expr *x, const struct type *input, const char *between, struct buf *out)
{
    for (int i = 0; i < x->n_args; i++) {
        buf_puts(out, i ? between : "");
        expr_print(x->args[i], input, out);
    }
}

static void print_call(const struct expr *x, const struct type *input, struct buf *out)
{
    const char *name = x->function->name;
    bool        infix = x->n_args == 2 && !((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z');
    if (infix) {
        char symbol[16];
        snprintf(symbol, sizeof symbol, " %s ", name);
        buf_u8(out, '(');
        print_args(x, input, symbol, out);
    } else {
        buf_printf(out, "%s(", name);
        print_args(x, input, ", ", out);
    }
    buf_u8(out, ')');
}

static void print_lambda(const struct expr *x, const struct type *input, struct buf *out)
{
    buf_puts(out, x->field == 1 ? "" : "(");
    for (int i = 0; i < x->field; i++)
        buf_printf(out, "%sp%d", i ? ", " : "", x->column + i);
    buf_puts(out, x->field == 1 ? " -> " : ") -> ");
    expr_print(x->args[0], input, out);
}

static void print_case(const struct expr *x, const struct type *input, struct buf *out)
{
    buf_puts(out, "CASE");
    for (int i = 0; i < x->n_args; i++) {
        buf_puts(out, i % 2 == 1 ? " THEN " : i + 1 == x->n_args ? " ELSE " : " WHEN ");
        expr_print(x->args[i], input, out);
    }
    buf_puts(out, " END");
}

void expr_print(const struct expr *x, const struct type *input, struct buf *out)
{
    switch (x->kind) {
    case EXPR_COLUMN:
        buf_puts(out, x->column < input->n_fields ? input->fields[x->column].name : "?");
        break;
    case EXPR_FIELD:
        expr_print(x->args[0], input, out);
        buf_printf(out, ".%s", x->args[0]->type->fields[x->field].name);
        break;
    case EXPR_LITERAL:
        print_literal(x, out);
        break;
    case EXPR_CALL:
        print_call(x, input, out);
        break;
    case EXPR_CAST:
        buf_puts(out, x->try_cast ? "try_cast(" : "cast(");
        expr_print(x->args[0], input, out);
        buf_puts(out, " as ");
        type_print(x->type, out);
        buf_u8(out, ')');
        break;
    case EXPR_CASE:
        print_case(x, input, out);
        break;
    case EXPR_COALESCE:
        buf_puts(out, "coalesce(");
        print_args(x, input, ", ", out);
        buf_u8(out, ')');
        break;
    case EXPR_LAMBDA:
        print_lambda(x, input, out);
        break;
    case EXPR_PARAMETER:
        buf_printf(out, "p%d", x->column);
        break;
    case EXPR_AND:
    case EXPR_OR:
        buf_u8(out, '(');
        print_args(x, input, x->kind == EXPR_AND ? " AND " : " OR ", out);
        buf_u8(out, ')');
        break;
    }
}
