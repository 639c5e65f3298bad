/* SPDX-License-Identifier: MIT */
/* Names to columns and functions, types by Spark's ANSI rules. See expr.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "expr/expr_priv.h"
#include "sql/parse.h"
#include "text/decimal.h"
#include "text/time.h"

bool expr__too_big(struct expr_binder *b, struct place at)
{
    diag_error(b->diags, at, "E_LIMIT", "the expression needs more memory than a plan may take");
    return false;
}

struct expr *expr__new(struct expr_binder *b, enum expr_kind kind, const struct type *type, struct place at, int n_args)
{
    struct expr *x = arena_zalloc(b->arena, sizeof *x);
    if (x && n_args && !(x->args = arena_zalloc(b->arena, (size_t)n_args * sizeof *x->args)))
        x = NULL;
    if (!x) {
        expr__too_big(b, at);
        return NULL;
    }
    x->kind = kind;
    x->type = type;
    x->place = at;
    x->n_args = n_args;
    return x;
}

struct expr *expr__call(struct expr_binder *b, const struct function *f, const struct type *type, struct place at,
                        struct expr *x, struct expr *y)
{
    if (!x)
        return NULL;
    struct expr *call = expr__new(b, EXPR_CALL, type, at, y ? 2 : 1);
    if (call) {
        call->function = f;
        call->args[0] = x;
        if (y)
            call->args[1] = y;
        call->nullable = f->nullable || (f->strict && (x->nullable || (y && y->nullable)));
    }
    return call;
}

/* ---- types ---- */

static bool is_real(const struct type *t) { return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE; }

/* TINYINT < .. < BIGINT < DECIMAL < FLOAT < DOUBLE */
static int number_rank(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? 2 * TYPE_BIGINT + 1 : 2 * (int)t->kind;
}

static const struct type *common_number(const struct type *x, const struct type *y)
{
    if (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL)
        return expr__decimal_pair(x, y) ? expr__wider_decimal(x, y) : type_of(TYPE_DOUBLE);
    if (x->kind == y->kind)
        return x;
    if ((x->kind == TYPE_FLOAT && type_is_integer(y)) || (y->kind == TYPE_FLOAT && type_is_integer(x)))
        return type_of(TYPE_DOUBLE);
    return number_rank(x) > number_rank(y) ? x : y;
}

const struct type *expr_common_type(struct expr_binder *b, const struct type *x, const struct type *y)
{
    if (type_equal(x, y))
        return x;
    if (x->kind == TYPE_NULL)
        return y;
    if (y->kind == TYPE_NULL)
        return x;
    if (type_is_number(x) && type_is_number(y))
        return common_number(x, y);
    if (y->kind == TYPE_STRING) {
        const struct type *swap = x;
        x = y;
        y = swap;
    }
    if (x->kind == TYPE_STRING) { /* a string takes the other's type: integers as BIGINT, reals as DOUBLE */
        if (type_is_integer(y))
            return type_of(TYPE_BIGINT);
        if (type_is_number(y))
            return type_of(TYPE_DOUBLE);
        return y->kind == TYPE_DATE || y->kind == TYPE_TIMESTAMP || y->kind == TYPE_BOOLEAN || y->kind == TYPE_BINARY
                   ? y
                   : NULL;
    }
    if ((x->kind == TYPE_DATE && y->kind == TYPE_TIMESTAMP) || (x->kind == TYPE_TIMESTAMP && y->kind == TYPE_DATE))
        return type_of(TYPE_TIMESTAMP);
    return expr__common_nested(b, x, y);
}

struct expr *expr__cast_to(struct expr_binder *b, struct expr *x, const struct type *to, bool try_cast)
{
    struct expr *c = expr__new(b, EXPR_CAST, to, x->place, 1);
    if (c) {
        c->args[0] = x;
        c->try_cast = try_cast;
        c->nullable = x->nullable || try_cast;
    }
    return c;
}

/* Integer and decimal literals change their type without a cast. */
static struct expr *retyped_literal(struct expr_binder *b, struct expr *x, const struct type *to)
{
    struct expr *y = arena_copy(b->arena, x, sizeof *x);
    if (!y)
        return NULL;
    y->type = to;
    if (x->value.is_null)
        return y;
    if (to->kind == TYPE_DOUBLE || to->kind == TYPE_FLOAT) {
        struct decimal v = {x->value.decimal, x->type->scale};
        y->value.real = x->type->kind == TYPE_DECIMAL ? decimal_to_double(v)
                        : type_is_integer(x->type)    ? (double)x->value.integer
                                                      : x->value.real;
        y->value.decimal = 0;
    }
    return y;
}

static void type_text(const struct type *t, char *out, size_t size)
{
    struct buf text;
    buf_init(&text, TAG_SQL, 1 << 16);
    type_print(t, &text);
    snprintf(out, size, "%s", buf_text(&text));
    buf_fini(&text);
}

static bool implicit(const struct type *from, const struct type *to)
{
    if (from->kind == TYPE_NULL)
        return true;
    if (from->kind == TYPE_STRING)
        return to->kind < TYPE_STRUCT;
    if (from->kind == to->kind && (from->kind == TYPE_ARRAY || from->kind == TYPE_MAP)) {
        for (int i = 0; i < (from->kind == TYPE_MAP ? 2 : 1); i++)
            if (!type_equal(from->fields[i].type, to->fields[i].type) &&
                !implicit(from->fields[i].type, to->fields[i].type))
                return false;
        return true;
    }
    if (type_is_number(from) && type_is_number(to))
        return number_rank(from) <= number_rank(to);
    return from->kind == TYPE_DATE && to->kind == TYPE_TIMESTAMP;
}

struct expr *expr_coerce(struct expr_binder *b, struct expr *x, const struct type *to)
{
    char from_text[128], to_text[128];
    if (type_equal(x->type, to))
        return x;
    bool literal = x->kind == EXPR_LITERAL, exact = type_is_integer(x->type) || x->type->kind == TYPE_DECIMAL;
    if (literal && (x->type->kind == TYPE_NULL ||
                    (exact && (is_real(to) || (type_is_integer(to) && number_rank(x->type) <= number_rank(to))))))
        return retyped_literal(b, x, to);
    if (literal && exact && to->kind == TYPE_DECIMAL && !x->value.is_null) {
        struct expr *retyped = expr__retyped_decimal(b, x, to);
        if (retyped)
            return retyped;
    }
    if (implicit(x->type, to))
        return expr__cast_to(b, x, to, false);
    type_text(x->type, from_text, sizeof from_text);
    type_text(to, to_text, sizeof to_text);
    struct diag *g = diag_error(b->diags, x->place, "E_TYPE", "this is %s, but %s is needed", from_text, to_text);
    if (x->type->kind == TYPE_BINARY && to->kind == TYPE_STRING)
        diag_hint(b->diags, g, "CAST(.. AS STRING) makes a text of bytes");
    return NULL;
}

static bool decimal_of_ast(struct expr_binder *b, const struct ast_type *t, const struct type **out)
{
    int precision = t->precision < 0 ? 10 : t->precision, scale = t->scale < 0 ? 0 : t->scale;
    if (precision < 1 || precision > DECIMAL_DIGITS_MAX || scale > precision) {
        struct diag *g = diag_error(b->diags, t->place, "E_TYPE", "there is no type DECIMAL(%d,%d)", precision, scale);
        diag_hint(b->diags, g, "1 to %d digits, and no more of them behind the point", DECIMAL_DIGITS_MAX);
        return false;
    }
    *out = type_decimal(precision, scale);
    return true;
}

bool expr_type_of_ast(struct expr_binder *b, const struct ast_type *t, const struct type **out)
{
    static const struct {
        const char    *name;
        enum type_kind kind;
    } names[] = {{"BOOLEAN", TYPE_BOOLEAN}, {"TINYINT", TYPE_TINYINT},    {"SMALLINT", TYPE_SMALLINT},
                 {"INT", TYPE_INT},         {"BIGINT", TYPE_BIGINT},      {"FLOAT", TYPE_FLOAT},
                 {"DOUBLE", TYPE_DOUBLE},   {"STRING", TYPE_STRING},      {"BINARY", TYPE_BINARY},
                 {"DATE", TYPE_DATE},       {"TIMESTAMP", TYPE_TIMESTAMP}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, t->name) == 0) {
            *out = type_of(names[i].kind);
            return true;
        }
    if (strcmp(t->name, "DECIMAL") == 0)
        return decimal_of_ast(b, t, out);
    if (strcmp(t->name, "ARRAY") == 0) {
        const struct type *element;
        return expr_type_of_ast(b, t->element, &element) && (*out = type_array(b->arena, element, true)) != NULL;
    }
    if (strcmp(t->name, "MAP") == 0)
        return expr__map_of_ast(b, t, out);
    if (strcmp(t->name, "STRUCT") != 0) {
        diag_error(b->diags, t->place, "E_UNSUPPORTED", "the type %s is not supported yet", t->name);
        return false;
    }
    struct field *fields = arena_zalloc(b->arena, ((size_t)t->n_fields + 1) * sizeof *fields);
    bool          ok = fields != NULL;
    for (int i = 0; fields && i < t->n_fields; i++) {
        fields[i] = (struct field){.name = t->fields[i].name, .nullable = true};
        ok = expr_type_of_ast(b, t->fields[i].type, &fields[i].type) && ok;
    }
    *out = ok ? type_struct(b->arena, fields, (size_t)t->n_fields) : NULL;
    return *out != NULL;
}

/* ---- literals ---- */

static struct expr *integer_literal(struct expr_binder *b, const struct ast_expr *ast, bool negative)
{
    char    text[64];
    int64_t v;
    snprintf(text, sizeof text, "%s%s", negative ? "-" : "", ast->text);
    enum parsed    ok = strlen(ast->text) < 60 ? integer_parse(text, strlen(text), &v) : PARSED_OVERFLOW;
    enum type_kind kind = ast->suffix == 'Y'                                    ? TYPE_TINYINT
                          : ast->suffix == 'S'                                  ? TYPE_SMALLINT
                          : ast->suffix == 'L'                                  ? TYPE_BIGINT
                          : ok == PARSED_OK && v >= INT32_MIN && v <= INT32_MAX ? TYPE_INT
                                                                                : TYPE_BIGINT;
    if (!ast->suffix && ok == PARSED_OVERFLOW)
        return expr__decimal_literal(b, ast, negative);
    bool fits = ok == PARSED_OK && (kind != TYPE_TINYINT || (v >= -128 && v <= 127)) &&
                (kind != TYPE_SMALLINT || (v >= -32768 && v <= 32767));
    if (!fits) {
        diag_error(b->diags, ast->place, "E_LITERAL", "the number %s does not fit %s", text, type_kind_name(kind));
        return NULL;
    }
    struct expr *x = expr__new(b, EXPR_LITERAL, type_of(kind), ast->place, 0);
    if (x)
        x->value.integer = v;
    return x;
}

static struct expr *time_literal(struct expr_binder *b, const struct ast_expr *ast)
{
    bool         date = ast->kind == AST_DATE;
    struct expr *x = expr__new(b, EXPR_LITERAL, type_of(date ? TYPE_DATE : TYPE_TIMESTAMP), ast->place, 0);
    int32_t      days = 0;
    bool         ok = x && (date ? date_parse(ast->text, ast->length, &days)
                                 : timestamp_parse(ast->text, ast->length, 0, &x->value.integer));
    if (!ok) {
        diag_error(b->diags, ast->place, "E_LITERAL", "cannot read \"%s\" as a %s", ast->text,
                   date ? "date" : "timestamp");
        return NULL;
    }
    if (date)
        x->value.integer = days;
    return x;
}

static struct expr *literal(struct expr_binder *b, const struct ast_expr *ast, bool negative)
{
    struct expr *x;
    switch ((int)ast->kind) {
    case AST_INTEGER:
        return integer_literal(b, ast, negative);
    case AST_DECIMAL:
        return expr__decimal_literal(b, ast, negative);
    case AST_DATE:
    case AST_TIMESTAMP:
        return time_literal(b, ast);
    case AST_NULL:
        if ((x = expr__new(b, EXPR_LITERAL, type_of(TYPE_NULL), ast->place, 0)))
            x->value.is_null = x->nullable = true;
        return x;
    case AST_BOOLEAN:
        if ((x = expr__new(b, EXPR_LITERAL, type_of(TYPE_BOOLEAN), ast->place, 0)))
            x->value.integer = ast->integer;
        return x;
    case AST_DOUBLE:
        if ((x = expr__new(b, EXPR_LITERAL, type_of(ast->suffix == 'F' ? TYPE_FLOAT : TYPE_DOUBLE), ast->place, 0)))
            x->value.real = strtod(ast->text, NULL) * (negative ? -1 : 1);
        return x;
    case AST_INTERVAL:
        if (ast->months) {
            diag_error(b->diags, ast->place, "E_UNSUPPORTED",
                       "an INTERVAL of months or years is added to a DATE or TIMESTAMP, or subtracted; it is no value "
                       "of its own here");
            return NULL;
        }
        if ((x = expr__new(b, EXPR_LITERAL, type_of(TYPE_INTERVAL), ast->place, 0)))
            x->value.integer = ast->integer;
        if (x)
            x->whole_days = ast->suffix == 'D';
        return x;
    default:
        x = expr__new(b, EXPR_LITERAL, type_of(ast->kind == AST_STRING ? TYPE_STRING : TYPE_BINARY), ast->place, 0);
        if (x) {
            x->value.text = ast->text;
            x->value.length = ast->length;
        }
        return x;
    }
}

/* ---- operators ---- */

/* The options of from_json and from_csv (a map) are read from the AST. */
int expr__n_bound_args(const struct ast_expr *ast)
{
    bool options = ast->kind == AST_CALL && ast->n_args == 3 &&
                   (strcasecmp(ast->text, "from_json") == 0 || strcasecmp(ast->text, "from_csv") == 0);
    return options ? 2 : ast->n_args;
}

static bool bind_args(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    bool ok = true;
    for (int i = 0; i < expr__n_bound_args(ast); i++) {
        bool lambda = ast->args[i]->kind == AST_LAMBDA && ast->kind == AST_CALL && expr__takes_lambda(ast->text, i);
        ok = (lambda || expr_bind(b, ast->args[i], &args[i])) && ok; /* bound when its elements' type is known */
    }
    return ok;
}

struct expr *expr__wrong_types(struct expr_binder *b, struct place at, const char *what, const struct expr *x,
                               const struct expr *y)
{
    char left[128], right[128];
    type_text(x->type, left, sizeof left);
    type_text(y->type, right, sizeof right);
    diag_error(b->diags, at, "E_TYPE", "%s does not take %s and %s", what, left, right);
    return NULL;
}

struct expr *expr__compare(struct expr_binder *b, const struct function *f, struct place at, struct expr *x,
                           struct expr *y)
{
    if (expr__decimal_pair(x->type, y->type) && (!(x = expr__as_decimal(b, x)) || !(y = expr__as_decimal(b, y))))
        return NULL;
    const struct type *t = expr_common_type(b, x->type, y->type);
    if (!t || !expr__can_compare(t))
        return expr__wrong_types(b, at, "a comparison", x, y);
    if (t->kind == TYPE_NULL)
        t = type_of(TYPE_BOOLEAN);
    if (!(x = expr_coerce(b, x, t)) || !(y = expr_coerce(b, y, t)))
        return NULL;
    return expr__call(b, f, type_of(TYPE_BOOLEAN), at, x, y);
}

struct expr *expr__negated(struct expr_binder *b, struct expr *x)
{
    return x ? expr__call(b, &fn_not, type_of(TYPE_BOOLEAN), x->place, x, NULL) : NULL;
}

static struct expr *comparison(struct expr_binder *b, enum ast_op op, struct place at, struct expr *x, struct expr *y)
{
    switch ((int)op) {
    case OP_EQUAL:
        return expr__compare(b, &fn_equal, at, x, y);
    case OP_NOT_EQUAL:
        return expr__negated(b, expr__compare(b, &fn_equal, at, x, y));
    case OP_LESS:
        return expr__compare(b, &fn_less, at, x, y);
    case OP_LESS_EQUAL:
        return expr__compare(b, &fn_less_equal, at, x, y);
    case OP_GREATER:
        return expr__compare(b, &fn_less, at, y, x);
    case OP_GREATER_EQUAL:
        return expr__compare(b, &fn_less_equal, at, y, x);
    default:
        return expr__compare(b, &fn_null_safe_equal, at, x, y);
    }
}

static struct expr *time_arithmetic(struct expr_binder *b, enum ast_op op, struct place at, struct expr *x,
                                    struct expr *y)
{
    enum type_kind kx = x->type->kind, ky = y->type->kind;
    if (op == OP_PLUS && kx == TYPE_INTERVAL) { /* interval + time */
        struct expr *swap = x;
        x = y;
        y = swap;
        kx = x->type->kind;
        ky = y->type->kind;
    }
    if (kx == TYPE_DATE && ky == TYPE_INTERVAL && y->whole_days) { /* becomes date + int below */
        int64_t days = y->value.integer / 86400000000;
        if (days != (int32_t)days || !(y = expr__new(b, EXPR_LITERAL, type_of(TYPE_INT), y->place, 0)))
            return expr__wrong_types(b, at, op == OP_PLUS ? "+" : "-", x, x);
        y->value.integer = days;
        ky = TYPE_INT;
    }
    if (ky == TYPE_INTERVAL && (kx == TYPE_TIMESTAMP || kx == TYPE_DATE || kx == TYPE_INTERVAL)) {
        if (kx == TYPE_DATE && !(x = expr_coerce(b, x, type_of(TYPE_TIMESTAMP))))
            return NULL;
        if (op == OP_MINUS)
            y = expr__call(b, &fn_negate_interval, y->type, at, y, NULL);
        return expr__call(b, &fn_add_interval, x->type, at, x, y);
    }
    if (op == OP_MINUS && (kx == TYPE_TIMESTAMP || ky == TYPE_TIMESTAMP)) {
        if (!(x = expr_coerce(b, x, type_of(TYPE_TIMESTAMP))) || !(y = expr_coerce(b, y, type_of(TYPE_TIMESTAMP))))
            return NULL;
        return expr__call(b, &fn_subtract_times, type_of(TYPE_INTERVAL), at, x, y);
    }
    if (kx == TYPE_DATE && type_is_integer(y->type) && y->type->kind != TYPE_BIGINT) {
        if (!(y = expr_coerce(b, y, type_of(TYPE_INT))))
            return NULL;
        if (op == OP_MINUS)
            y = expr__call(b, &fn_negate, y->type, at, y, NULL);
        return expr__call(b, &fn_add_days, x->type, at, x, y);
    }
    return expr__wrong_types(b, at, op == OP_PLUS ? "+" : "-", x, y);
}

static bool is_months(const struct ast_expr *x) { return x->kind == AST_INTERVAL && x->months && !x->integer; }

/* time + INTERVAL 1 MONTH and its like: the day stays, or is the last of its month. */
static bool months_arithmetic(struct expr_binder *b, const struct ast_expr *ast, struct expr **out)
{
    bool                   swapped = is_months(ast->args[0]);
    int64_t                months = ast->args[!swapped]->months;
    struct expr           *x, *n = expr__new(b, EXPR_LITERAL, type_of(TYPE_INT), ast->args[!swapped]->place, 0);
    const struct function *f;
    if (!expr_bind(b, ast->args[swapped], &x) || !n)
        return false;
    n->value.integer = ast->op == OP_MINUS ? -months : months;
    f = x->type->kind == TYPE_DATE ? &fn_add_months : &fn_add_months_to_time;
    if (x->type->kind != TYPE_DATE && x->type->kind != TYPE_TIMESTAMP) {
        diag_error(b->diags, ast->place, "E_TYPE", "an INTERVAL of months is added to a DATE or TIMESTAMP, not to %s",
                   type_kind_name(x->type->kind));
        return false;
    }
    return (*out = expr__call(b, f, x->type, ast->place, x, n)) != NULL;
}

static bool is_time(const struct expr *x)
{
    return x->type->kind == TYPE_DATE || x->type->kind == TYPE_TIMESTAMP || x->type->kind == TYPE_INTERVAL;
}

struct expr *expr__arithmetic(struct expr_binder *b, enum ast_op op, struct place at, struct expr *x, struct expr *y)
{
    static const struct function *const table[] = {
        [OP_PLUS] = &fn_add,      [OP_MINUS] = &fn_subtract, [OP_TIMES] = &fn_multiply,
        [OP_DIVIDE] = &fn_divide, [OP_DIV] = &fn_div,        [OP_MODULO] = &fn_mod};
    if ((op == OP_PLUS || op == OP_MINUS) && (is_time(x) || is_time(y)))
        return time_arithmetic(b, op, at, x, y);
    if (x->type->kind == TYPE_NULL && y->type->kind == TYPE_DECIMAL)
        x = retyped_literal(b, x, y->type);
    if (x && y->type->kind == TYPE_NULL && x->type->kind == TYPE_DECIMAL)
        y = retyped_literal(b, y, x->type);
    if (!x || !y)
        return NULL;
    if (expr__decimal_pair(x->type, y->type))
        return expr__decimal_arithmetic(b, table[op], op, at, x, y);
    const struct type *t = expr_common_type(b, x->type, y->type);
    if (t && t->kind == TYPE_STRING)
        t = type_of(TYPE_DOUBLE);
    if (t && t->kind == TYPE_NULL)
        t = type_of(TYPE_INT);
    if (op == OP_DIVIDE && t && type_is_integer(t))
        t = type_of(TYPE_DOUBLE);
    if (op == OP_DIV && t && type_is_integer(t))
        t = type_of(TYPE_BIGINT);
    if (!t || !type_is_number(t) || (op == OP_DIV && t->kind != TYPE_BIGINT))
        return expr__wrong_types(b, at, "arithmetic", x, y);
    if (op == OP_DIVIDE && t->kind == TYPE_FLOAT)
        t = type_of(TYPE_DOUBLE);
    /* an integer divided is a double: the cast is implicit in Spark too */
    if (!(x = expr_coerce(b, x, t)) || !(y = expr_coerce(b, y, t)))
        return NULL;
    return expr__call(b, table[op], t, at, x, y);
}

/* What a constant leaves of AND or OR, as in Spark's optimizer: an operand that makes no difference never runs, so its
 * errors do not count. NULL: neither is a constant. */
static struct expr *decided(enum expr_kind kind, struct expr *x, struct expr *y)
{
    struct expr *const pair[] = {x, y};
    for (int i = 0; i < 2; i++) {
        const struct expr *c = pair[i];
        if (c->kind == EXPR_LITERAL && !c->value.is_null)
            return pair[(c->value.integer != 0) == (kind == EXPR_OR) ? i : 1 - i];
    }
    return NULL;
}

struct expr *expr__logical(struct expr_binder *b, enum expr_kind kind, struct place at, struct expr *x, struct expr *y)
{
    if (!(x = expr_coerce(b, x, type_of(TYPE_BOOLEAN))) || !(y = expr_coerce(b, y, type_of(TYPE_BOOLEAN))))
        return NULL;
    struct expr *l = decided(kind, x, y);
    if (l)
        return l;
    l = expr__new(b, kind, type_of(TYPE_BOOLEAN), at, 2);
    if (l) {
        l->args[0] = x;
        l->args[1] = y;
        l->nullable = x->nullable || y->nullable;
    }
    return l;
}

static struct expr *binary(struct expr_binder *b, const struct ast_expr *ast, struct expr *x, struct expr *y)
{
    switch ((int)ast->op) {
    case OP_AND:
        return expr__logical(b, EXPR_AND, ast->place, x, y);
    case OP_OR:
        return expr__logical(b, EXPR_OR, ast->place, x, y);
    case OP_CONCAT:
        if (x->type->kind == TYPE_ARRAY || y->type->kind == TYPE_ARRAY)
            return expr__concat_arrays(b, ast->place, (struct expr *[]){x, y}, 2);
        if (x->type->kind != TYPE_BINARY &&
            (!(x = expr_coerce(b, x->type->kind == TYPE_STRING ? x : expr__cast_to(b, x, type_of(TYPE_STRING), false),
                               type_of(TYPE_STRING)))))
            return NULL;
        if (y->type->kind != TYPE_BINARY &&
            (!(y = expr_coerce(b, y->type->kind == TYPE_STRING ? y : expr__cast_to(b, y, type_of(TYPE_STRING), false),
                               type_of(TYPE_STRING)))))
            return NULL;
        if (x->type->kind != y->type->kind)
            return expr__wrong_types(b, ast->place, "||", x, y);
        return expr__call(b, &fn_concat, x->type, ast->place, x, y);
    case OP_BIT_AND:
    case OP_BIT_OR:
    case OP_BIT_XOR:
        return expr__bitwise(b, ast->op, ast->place, x, y);
    default:
        return ast->op >= OP_EQUAL && ast->op <= OP_NULL_SAFE_EQUAL ? comparison(b, ast->op, ast->place, x, y)
                                                                    : expr__arithmetic(b, ast->op, ast->place, x, y);
    }
}

static struct expr *unary(struct expr_binder *b, const struct ast_expr *ast, struct expr *x)
{
    if (ast->op == OP_NOT)
        return (x = expr_coerce(b, x, type_of(TYPE_BOOLEAN))) ? expr__negated(b, x) : NULL;
    if (ast->op == OP_BIT_NOT)
        return expr__bitwise(b, ast->op, ast->place, x, NULL);
    if (x->type->kind == TYPE_INTERVAL)
        return ast->op == OP_POSITIVE ? x : expr__call(b, &fn_negate_interval, x->type, ast->place, x, NULL);
    if (x->type->kind == TYPE_STRING && !(x = expr_coerce(b, x, type_of(TYPE_DOUBLE))))
        return NULL;
    if (!type_is_number(x->type))
        return expr__wrong_types(b, ast->place, "a sign", x, x);
    return ast->op == OP_POSITIVE ? x : expr__call(b, &fn_negate, x->type, ast->place, x, NULL);
}

/* ---- all ---- */

static struct expr *field_access(struct expr_binder *b, const struct ast_expr *ast, struct expr *x)
{
    if (x->type->kind == TYPE_MAP)
        return expr_map_value(b, x, ast->text, ast->place);
    int index = x->type->kind == TYPE_STRUCT ? type_field_index(x->type, ast->text) : -1;
    if (index >= 0)
        return expr_field(b->arena, x, index, ast->place);
    diag_error(b->diags, ast->place, "E_UNKNOWN_FIELD",
               x->type->kind == TYPE_STRUCT ? "no field \"%s\" in this struct" : "\"%s\": this is no struct",
               ast->text);
    return NULL;
}

struct expr *expr__explicit_cast(struct expr_binder *b, struct place at, struct expr *x, const struct type *to,
                                 bool try_cast)
{
    char from_text[128], to_text[128];
    if (x->type->kind == TYPE_NULL ||
        (x->kind == EXPR_LITERAL && x->type->kind == TYPE_DECIMAL && to->kind == TYPE_DOUBLE))
        return retyped_literal(b, x, to);
    if (expr__can_cast(x->type, to))
        return type_equal(x->type, to) && x->kind != EXPR_LITERAL ? x : expr__cast_to(b, x, to, try_cast);
    type_text(x->type, from_text, sizeof from_text);
    type_text(to, to_text, sizeof to_text);
    diag_error(b->diags, at, "E_TYPE", "cannot cast %s to %s", from_text, to_text);
    return NULL;
}

static struct expr *cast_node(struct expr_binder *b, const struct ast_expr *ast, struct expr *x)
{
    const struct type *to;
    return expr_type_of_ast(b, ast->type, &to) ? expr__explicit_cast(b, ast->place, x, to, ast->try_cast) : NULL;
}

static struct expr *bind_node(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    switch ((int)ast->kind) {
    case AST_UNARY:
        return unary(b, ast, args[0]);
    case AST_BINARY_OP:
        return binary(b, ast, args[0], args[1]);
    case AST_IS:
        return expr__is_predicate(b, ast, args[0]);
    case AST_IN:
        return expr__in_list(b, ast, args);
    case AST_BETWEEN:
        return expr__between(b, ast, args);
    case AST_LIKE:
        return expr__like(b, ast, args);
    case AST_CASE:
        return expr__bind_case(b, ast, args);
    case AST_CAST:
        return cast_node(b, ast, args[0]);
    case AST_FIELD:
        return field_access(b, ast, args[0]);
    case AST_CALL:
        return expr__bind_call(b, ast, args);
    case AST_SUBSCRIPT:
        return expr__subscript(b, ast, args[0], args[1]);
    case AST_STAR:
        diag_error(b->diags, ast->place, "E_STAR", "* is not allowed here");
        return NULL;
    default:
        expr__refuse_lambda(b, ast);
        return NULL;
    }
}

bool expr_bind(struct expr_binder *b, const struct ast_expr *ast, struct expr **out)
{
    struct expr **args;
    *out = NULL;
    if (ast->kind == AST_COLUMN && expr__parameter(b, ast, out))
        return *out != NULL;
    if (b->scope && b->scope->hook && !expr__mentions_parameter(b, ast) && b->scope->hook(b->scope->arg, ast, b, out))
        return *out != NULL;
    if (ast->kind == AST_COLUMN) {
        if (b->scope)
            return b->scope->column(b->scope->arg, ast, b, out);
        diag_error(b->diags, ast->place, "E_UNKNOWN_COLUMN", "unknown column \"%s\"", ast->parts[0]);
        return false;
    }
    if (ast->kind <= AST_TIMESTAMP)
        return (*out = literal(b, ast, false)) != NULL;
    if (ast->kind == AST_UNARY && ast->op == OP_NEGATE &&
        (ast->args[0]->kind == AST_INTEGER || ast->args[0]->kind == AST_DECIMAL || ast->args[0]->kind == AST_DOUBLE))
        return (*out = literal(b, ast->args[0], true)) != NULL;
    if (ast->kind == AST_BINARY_OP && ((ast->op == OP_PLUS && is_months(ast->args[0])) ||
                                       ((ast->op == OP_PLUS || ast->op == OP_MINUS) && is_months(ast->args[1]))))
        return months_arithmetic(b, ast, out);
    if (ast->query) {
        struct diag *g = diag_error(b->diags, ast->place, "E_UNSUPPORTED",
                                    "a subquery can only be a condition of WHERE, by itself or beside AND");
        diag_hint(b->diags, g, "elsewhere LEFT JOIN the table and ask whether a column of it IS NULL");
        return false;
    }
    if (ast->kind == AST_STAR || ast->kind == AST_LAMBDA)
        return (*out = bind_node(b, ast, NULL)) != NULL;
    if (!(args = arena_zalloc(b->arena, ((size_t)ast->n_args + 1) * sizeof *args)))
        return expr__too_big(b, ast->place);
    if (!bind_args(b, ast, args))
        return false;
    return (*out = bind_node(b, ast, args)) != NULL;
}
