/* SPDX-License-Identifier: MIT */
/* Functions whose arguments need a look: their types, constants, patterns. Called by the rows of functions.c. */
#include <stdio.h>
#include <strings.h>

#include "expr/kernels.h"
#include "expr/time_pattern.h"
#include "text/utf8.h"
#include "text/zone.h"

bool expr__is_constant(struct expr_binder *b, const struct expr *x, const char *what)
{
    if (x->kind == EXPR_LITERAL && !x->value.is_null)
        return true;
    diag_error(b->diags, x->place, "E_ARGUMENTS", "%s must be a constant here", what);
    return false;
}

static bool wrong(struct expr_binder *b, const struct expr *x)
{
    expr__wrong_types(b, x->place, x->function->name, x->args[0], x->args[x->n_args - 1]);
    return false;
}

/* x becomes y, at its own place. */
static bool become(struct expr *x, const struct expr *y)
{
    struct place at = x->place;
    if (!y)
        return false;
    *x = *y;
    x->place = at;
    return true;
}

static bool coerce(struct expr_binder *b, struct expr **x, const struct type *to)
{
    struct expr *y = expr_coerce(b, *x, to);
    if (y)
        *x = y;
    return y != NULL;
}

static struct expr *constant_text(struct expr_binder *b, struct place at, const char *text)
{
    struct expr *x = expr__new(b, EXPR_LITERAL, type_of(TYPE_STRING), at, 0);
    if (x) {
        x->value.text = text;
        x->value.length = (uint32_t)strlen(text);
    }
    return x;
}

/* ---- numbers ---- */

bool expr__bind_positive(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)b;
    (void)ast;
    return become(x, x->args[0]);
}

bool expr__bind_mod(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct function *f = x->function;
    struct expr           *mod = expr__arithmetic(b, OP_MODULO, ast->place, x->args[0], x->args[1]);
    if (!become(x, mod))
        return false;
    if (f->name[0] != 'p')
        return true;
    x->function = f;
    return expr__bind_no_decimal(b, x, ast);
}

/* format_number and pmod do not take a DECIMAL: as a DOUBLE it would have other digits. */
bool expr__bind_no_decimal(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return x->args[0]->type->kind != TYPE_DECIMAL || wrong(b, x);
}

/* try_add(a, b): what a + b is, run by k_try. */
bool expr__bind_try(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct {
        const char *name;
        enum ast_op op;
    } names[] = {{"try_add", OP_PLUS},
                 {"try_subtract", OP_MINUS},
                 {"try_multiply", OP_TIMES},
                 {"try_divide", OP_DIVIDE},
                 {"try_mod", OP_MODULO}};
    const struct function *f = x->function;
    enum ast_op            op = OP_NONE;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, f->name) == 0)
            op = names[i].op;
    if (!become(x, expr__arithmetic(b, op, ast->place, x->args[0], x->args[1])))
        return false;
    if (x->kind != EXPR_CALL)
        return wrong(b, x);
    x->detail = x->function;
    x->function = f;
    x->nullable = true;
    return true;
}

struct expr *expr__bitwise(struct expr_binder *b, enum ast_op op, struct place at, struct expr *x, struct expr *y)
{
    static const struct function and_ = {.name = "&", .strict = true, .run = k_bit_and},
                                 or_ = {.name = "|", .strict = true, .run = k_bit_or},
                                 xor_ = {.name = "^", .strict = true, .run = k_bit_xor},
                                 not_ = {.name = "~", .strict = true, .run = k_bit_not};
    const struct function *f = op == OP_BIT_AND ? &and_ : op == OP_BIT_OR ? &or_ : op == OP_BIT_XOR ? &xor_ : &not_;
    const struct type     *t = y ? expr_common_type(b, x->type, y->type) : x->type;
    if (t && t->kind == TYPE_NULL)
        t = type_of(TYPE_INT);
    if (!t || !type_is_integer(t))
        return expr__wrong_types(b, at, f->name, x, y ? y : x);
    if (!coerce(b, &x, t) || (y && !coerce(b, &y, t)))
        return NULL;
    return expr__call(b, f, t, at, x, y);
}

bool expr__bind_shift(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    if (x->args[0]->type->kind != TYPE_BIGINT && !coerce(b, &x->args[0], type_of(TYPE_INT)))
        return false;
    x->type = x->args[0]->type;
    return true;
}

/* bit_count, bit_get: an integer, for bit_count also a BOOLEAN. */
bool expr__bind_bits(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    bool flag = x->n_args == 1 && x->args[0]->type->kind == TYPE_BOOLEAN;
    if (x->args[0]->type->kind == TYPE_NULL)
        return coerce(b, &x->args[0], type_of(TYPE_INT));
    x->type = type_of(x->n_args == 1 ? TYPE_INT : TYPE_TINYINT);
    return flag || type_is_integer(x->args[0]->type) || wrong(b, x);
}

/* isnan, nanvl: FLOAT when all are, else DOUBLE. */
bool expr__bind_nan(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    bool floats = true;
    for (int i = 0; i < x->n_args; i++)
        floats = floats && x->args[i]->type->kind == TYPE_FLOAT;
    for (int i = 0; i < x->n_args; i++)
        if (!coerce(b, &x->args[i], type_of(floats ? TYPE_FLOAT : TYPE_DOUBLE)))
            return false;
    if (x->n_args == 2) {
        x->type = x->args[0]->type;
        x->nullable = true;
    }
    return true;
}

/* ---- texts ---- */

static bool to_text(struct expr_binder *b, struct expr **x)
{
    if ((*x)->type->kind == TYPE_STRING)
        return true;
    if ((*x)->type->kind == TYPE_NULL)
        return coerce(b, x, type_of(TYPE_STRING));
    if (!expr__can_cast((*x)->type, type_of(TYPE_STRING))) {
        expr_coerce(b, *x, type_of(TYPE_STRING));
        return false;
    }
    struct expr *y = expr__cast_to(b, *x, type_of(TYPE_STRING), false);
    if (y)
        *x = y;
    return y != NULL;
}

/* All BINARY, or all as texts: concat, overlay, lpad, rpad. Numbers (a length, a position) stay. */
bool expr__bind_texts(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    bool bytes = x->n_args > 0, numbers = strcmp(x->function->name, "concat") != 0;
    (void)ast;
    for (int i = 0; i < x->n_args; i++)
        bytes = bytes && (x->args[i]->type->kind == TYPE_BINARY || (numbers && x->args[i]->type->kind == TYPE_INT));
    for (int i = 0; !bytes && i < x->n_args; i++)
        if (!(numbers && x->args[i]->type->kind == TYPE_INT && i > 0) && !to_text(b, &x->args[i]))
            return false;
    x->type = type_of(bytes ? TYPE_BINARY : TYPE_STRING);
    return true;
}

/* btrim(text, chars) is trim(chars, text). */
bool expr__bind_btrim(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)b;
    (void)ast;
    if (x->n_args == 2) {
        struct expr *swap = x->args[0];
        x->args[0] = x->args[1];
        x->args[1] = swap;
    }
    return true;
}

bool expr__bind_like(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return become(x, expr__like_call(b, x->function->name[0] == 'i', x->place, x->args[0], x->args[1], '\\'));
}

bool expr__bind_regexp(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    char               why[200];
    const struct expr *pattern = x->args[1];
    (void)ast;
    if (pattern->kind != EXPR_LITERAL || pattern->value.is_null || pattern->type->kind != TYPE_STRING ||
        expr__regexp_check(pattern->value.text, pattern->value.length, why, sizeof why))
        return true;
    diag_error(b->diags, pattern->place, "E_PATTERN", "this regular expression cannot be used: %s", why);
    return false;
}

bool expr__bind_typeof(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct buf text;
    buf_init(&text, TAG_SQL, 1 << 16);
    type_print(x->args[0]->type, &text);
    char *name = arena_printf(b->arena, "%s", buf_text(&text)), *to = name;
    buf_fini(&text);
    if (!name)
        return expr__too_big(b, ast->place);
    for (const char *from = name; *from; from++) /* as Spark's: lower case, no blank behind a colon */
        if (*from != ' ')
            *to++ = (char)(*from >= 'A' && *from <= 'Z' ? *from + 32 : *from);
    *to = 0;
    struct expr *literal = expr__new(b, EXPR_LITERAL, type_of(TYPE_STRING), ast->place, 0);
    if (literal) {
        literal->value.text = name;
        literal->value.length = (uint32_t)(to - name);
    }
    return become(x, literal);
}

/* A MAP whose keys cannot be names in JSON, somewhere in t; or NULL. */
static const struct type *odd_keys(const struct type *t)
{
    int                n = t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_MAP ? 2 : t->kind == TYPE_ARRAY;
    const struct type *found = NULL;
    if (t->kind == TYPE_MAP && t->fields[0].type->kind != TYPE_STRING && t->fields[0].type->kind != TYPE_BOOLEAN &&
        !type_is_integer(t->fields[0].type))
        return t;
    for (int i = 0; i < n && !found; i++)
        found = odd_keys(t->fields[i].type);
    return found;
}

bool expr__bind_to_json(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *t = x->args[0]->type, *odd = odd_keys(t);
    if (t->kind != TYPE_STRUCT && t->kind != TYPE_ARRAY && t->kind != TYPE_MAP)
        return wrong(b, x);
    if (!odd)
        return true;
    diag_error(b->diags, ast->place, "E_UNSUPPORTED", "to_json() of a MAP with %s keys is not supported",
               type_kind_name(odd->fields[0].type->kind));
    return false;
}

/* hash and xxhash64: equal maps may have their pairs in another order, so Spark refuses them. */
bool expr__bind_hash(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    for (int i = 0; i < x->n_args; i++)
        if (!expr__can_compare(x->args[i]->type)) {
            struct diag *g =
                diag_error(b->diags, ast->args[i]->place, "E_TYPE", "%s() does not take a MAP", x->function->name);
            diag_hint(b->diags, g, "hash its sorted entries: array_sort(map_entries(m))");
            return false;
        }
    return true;
}

/* boolean(x), int(x), string(x) ..: a cast to the type of that name. */
bool expr__bind_cast_call(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    char                  name[16] = {0};
    const struct type    *to;
    const struct ast_type written = {.place = ast->place, .name = name, .precision = -1, .scale = -1};
    for (size_t i = 0; i + 1 < sizeof name && x->function->name[i]; i++)
        name[i] = (char)(x->function->name[i] - 32);
    return expr_type_of_ast(b, &written, &to) && become(x, expr__explicit_cast(b, ast->place, x->args[0], to, false));
}

bool expr__bind_equal_null(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    return become(x, expr__compare(b, &fn_null_safe_equal, ast->place, x->args[0], x->args[1]));
}

/* to_binary(text [, format]), try_to_binary */
bool expr__bind_to_binary(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function to_binary = {.name = "to_binary", .strict = true, .run = k_to_binary};
    static const char *const     formats[] = {"hex", "base64", "utf-8", "utf8"};
    struct expr                **args = arena_copy(b->arena, (struct expr *[]){x->args[0], NULL}, 2 * sizeof *args);
    if (!args)
        return expr__too_big(b, ast->place);
    args[1] = x->n_args == 2 ? x->args[1] : constant_text(b, ast->place, formats[0]);
    if (x->function->run == k_try)
        x->detail = &to_binary;
    x->args = args;
    x->n_args = 2;
    if (args[1] && args[1]->kind == EXPR_LITERAL && args[1]->value.is_null)
        return true;
    if (!args[1] || !expr__is_constant(b, args[1], "the format"))
        return false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcasecmp(formats[i], args[1]->value.text) == 0)
            return true;
    diag_error(b->diags, args[1]->place, "E_ARGUMENTS", "%s() takes 'hex', 'base64' or 'utf-8', not '%s'",
               x->function->name, args[1]->value.text);
    return false;
}

/* make_valid_utf8(x): what a CAST of bytes does. */
bool expr__bind_cast_utf8(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    struct expr *arg = x->args[0];
    if (arg->type->kind == TYPE_BINARY)
        return become(x, expr__cast_to(b, arg, type_of(TYPE_STRING), false));
    return to_text(b, &arg) && become(x, arg);
}

/* mask(text [, capital, small, digit, other]): each one character, or NULL to leave them as they are. */
bool expr__bind_mask(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const char *const defaults[] = {NULL, "X", "x", "n", NULL};
    struct expr            **args = arena_zalloc(b->arena, 5 * sizeof *args);
    if (!args)
        return expr__too_big(b, ast->place);
    for (int i = 0; i < 5; i++) {
        args[i] = i < x->n_args ? x->args[i] : constant_text(b, ast->place, defaults[i] ? defaults[i] : "");
        if (!args[i])
            return false;
        args[i]->value.is_null |= i >= x->n_args && !defaults[i];
        if (args[i]->type->kind != TYPE_STRING && args[i]->type->kind != TYPE_NULL)
            return wrong(b, x);
        bool null = args[i]->kind == EXPR_LITERAL && args[i]->value.is_null;
        if (!coerce(b, &args[i], type_of(TYPE_STRING)) ||
            (i && !null && !expr__is_constant(b, args[i], "what masks a character")))
            return false;
        const uint8_t *by = (const uint8_t *)args[i]->value.text;
        if (i && !null && (utf8_length(by, args[i]->value.length) != 1 || args[i]->value.length > 3)) {
            diag_error(b->diags, args[i]->place, "E_ARGUMENTS", "mask() takes one character of the basic plane here");
            return false;
        }
    }
    x->args = args;
    x->n_args = 5;
    return true;
}

/* raise_error(text), assert_true(condition [, text]): of the type of NULL. */
bool expr__bind_raise(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct expr **args = arena_zalloc(b->arena, 2 * sizeof *args);
    x->type = type_of(TYPE_NULL);
    if (x->function->run == k_raise_error || x->n_args == 2)
        return true;
    if (!args || !(args[1] = constant_text(b, ast->place, "the condition of assert_true() is not true")))
        return expr__too_big(b, ast->place);
    args[0] = x->args[0];
    x->args = args;
    x->n_args = 2;
    return true;
}

/* ---- times ---- */

static const struct time_pattern *pattern_of(struct expr_binder *b, const struct expr *x, bool read)
{
    const char          *why;
    struct time_pattern *p = arena_alloc(b->arena, sizeof *p);
    if (!p) {
        expr__too_big(b, x->place);
        return NULL;
    }
    if (!expr__is_constant(b, x, "the pattern"))
        return NULL;
    if (time_pattern_parse(x->value.text, x->value.length, read, p, &why))
        return p;
    struct diag *g = diag_error(b->diags, x->place, "E_PATTERN", "this pattern cannot be used: %s", why);
    diag_hint(b->diags, g,
              read ? "letters: y M d D H h k K m s S a X x Z VV, texts in quotes, [optional] parts"
                   : "letters: y M L d D E F G Q a H h K k m s S X x Z z VV O, texts in quotes");
    return NULL;
}

#define DEFAULT_PATTERN "yyyy-MM-dd HH:mm:ss"

/* date_format(time, pattern), from_unixtime(seconds [, pattern]) */
bool expr__bind_format(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct expr *pattern = x->n_args > 1 ? x->args[1] : constant_text(b, ast->place, DEFAULT_PATTERN);
    return pattern && (x->detail = pattern_of(b, pattern, false)) != NULL;
}

/* to_char(time, pattern) is date_format; to_char(bytes, format) is hex, base64 or decode. */
bool expr__bind_to_char(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function of_time = {.name = "date_format", .strict = true, .run = k_date_format},
                                 decode = {.name = "decode", .strict = true, .run = k_decode},
                                 to_hex = {.name = "hex", .strict = true, .run = k_hex},
                                 to_base64 = {.name = "base64", .strict = true, .run = k_base64};
    const struct type *text = type_of(TYPE_STRING);
    struct expr       *arg = x->args[0], *call;
    if (arg->type->kind == TYPE_DATE || arg->type->kind == TYPE_TIMESTAMP) {
        arg = expr_coerce(b, arg, type_of(TYPE_TIMESTAMP));
        call = arg ? expr__call(b, &of_time, text, ast->place, arg, x->args[1]) : NULL;
        return call && expr__bind_format(b, call, ast) && become(x, call);
    }
    if (arg->type->kind != TYPE_BINARY) {
        struct diag *g = diag_error(b->diags, ast->place, "E_UNSUPPORTED", "%s() takes a time or bytes, not %s",
                                    x->function->name, type_kind_name(arg->type->kind));
        diag_hint(b->diags, g, "format_number(x, 2) and format_string('%%08.2f', x) write numbers");
        return false;
    }
    if (!expr__is_constant(b, x->args[1], "the format"))
        return false;
    const char *format = x->args[1]->value.text;
    if (strcasecmp(format, "utf-8") == 0)
        return become(x, expr__call(b, &decode, text, ast->place, arg, constant_text(b, ast->place, "UTF-8")));
    if (strcasecmp(format, "hex") == 0)
        return become(x, expr__call(b, &to_hex, text, ast->place, arg, NULL));
    if (strcasecmp(format, "base64") == 0)
        return become(x, expr__call(b, &to_base64, text, ast->place, arg, NULL));
    diag_error(b->diags, x->args[1]->place, "E_ARGUMENTS", "%s() takes 'hex', 'base64' or 'utf-8', not '%s'",
               x->function->name, format);
    return false;
}

/* A text read by a pattern, as `f` does. */
static struct expr *read_by_pattern(struct expr_binder *b, const struct function *f, const struct type *type,
                                    struct place at, struct expr *text, struct expr *pattern)
{
    const struct time_pattern *p = pattern ? pattern_of(b, pattern, true) : NULL;
    struct expr               *call = p ? expr__call(b, f, type, at, text, pattern) : NULL;
    if (call)
        call->detail = p;
    return call;
}

static bool is_time(const struct expr *x) { return x->type->kind == TYPE_DATE || x->type->kind == TYPE_TIMESTAMP; }

/* to_timestamp(text [, pattern]), to_date, and their try_ forms: a cast when there is no pattern. */
bool expr__bind_to_time(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function read = {.name = "to_timestamp", .strict = true, .run = k_read_time},
                                 try_read = {.name = "try_to_timestamp",
                                             .strict = true,
                                             .nullable = true,
                                             .run = k_try_read_time};
    bool               try_ = strncmp(x->function->name, "try_", 4) == 0;
    const struct type *to = type_of(x->function->result[0] == 't' ? TYPE_TIMESTAMP : TYPE_DATE);
    struct expr       *arg = x->args[0], *made;
    if (!expr__can_cast(arg->type, to)) {
        diag_error(b->diags, ast->place, "E_TYPE", "%s() does not take %s", x->function->name,
                   type_kind_name(arg->type->kind));
        return false;
    }
    if (x->n_args == 1 || is_time(arg))
        return become(x, expr__explicit_cast(b, ast->place, arg, to, try_));
    if (!to_text(b, &arg))
        return false;
    made = read_by_pattern(b, try_ ? &try_read : &read, type_of(TYPE_TIMESTAMP), ast->place, arg, x->args[1]);
    return made && become(x, to->kind == TYPE_DATE ? expr__cast_to(b, made, to, false) : made);
}

/* unix_timestamp(time or text [, pattern]), to_unix_timestamp: seconds since 1970. */
bool expr__bind_unix(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function read = {.name = "unix_timestamp", .strict = true, .run = k_read_unix},
                                 seconds = {.name = "unix_timestamp", .strict = true, .run = k_unix_timestamp},
                                 now = {.name = "now", .run = k_now};
    const struct type *l = type_of(TYPE_BIGINT), *t = type_of(TYPE_TIMESTAMP);
    if (x->n_args == 0) {
        struct expr *call = expr__new(b, EXPR_CALL, t, ast->place, 0);
        if (call)
            call->function = &now;
        return become(x, expr__call(b, &seconds, l, ast->place, call, NULL));
    }
    if (is_time(x->args[0]))
        return become(x, expr__call(b, &seconds, l, ast->place, expr_coerce(b, x->args[0], t), NULL));
    if (!to_text(b, &x->args[0]))
        return false;
    return become(x, read_by_pattern(b, &read, l, ast->place, x->args[0],
                                     x->n_args > 1 ? x->args[1] : constant_text(b, ast->place, DEFAULT_PATTERN)));
}

/* The unit of timestampadd and timestampdiff, which the parser has made a text. */
bool expr__bind_unit(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    if (!expr__is_constant(b, x->args[0], "the unit"))
        return false;
    if (x->args[0]->type->kind == TYPE_STRING && expr__is_time_unit(x->args[0]->value.text))
        return true;
    struct diag *g =
        diag_error(b->diags, x->args[0]->place, "E_ARGUMENTS", "\"%s\" is no unit of time", x->args[0]->value.text);
    diag_hint(b->diags, g, "MICROSECOND, MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR");
    return false;
}

/* from_utc_timestamp(ts, zone), to_utc_timestamp: a constant zone is found here. */
bool expr__bind_zone(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct expr *name = x->args[1];
    struct error       why;
    (void)ast;
    if (name->kind != EXPR_LITERAL || name->value.is_null)
        return true;
    struct zone *zone = arena_alloc(b->arena, sizeof *zone);
    if (!zone)
        return expr__too_big(b, name->place);
    enum err rc = zone_find(name->value.text, name->value.length, zone, &why);
    if (rc == OK) {
        x->detail = zone;
        return true;
    }
    struct diag *g = diag_error(b->diags, name->place, "E_ARGUMENTS", "%s", why.text);
    const char  *near = rc == ERR_NOT_FOUND ? zone_nearest(name->value.text) : NULL;
    if (near)
        diag_hint(b->diags, g, "did you mean '%s'?", near);
    else if (rc == ERR_NOT_FOUND)
        diag_hint(b->diags, g,
                  "write 'Europe/Berlin', as the system's time zone database has it, or an offset '+02:00'");
    return false;
}

/* make_timestamp(year, .., seconds [, zone]), try_make_timestamp: with a zone, to_utc_timestamp of what is made
 * without. */
bool expr__bind_make_timestamp(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    static const struct function to_utc = {.name = "make_timestamp", .strict = true, .run = k_to_utc_timestamp};
    if (x->n_args == 6)
        return true;
    struct expr *local = expr__new(b, EXPR_CALL, x->type, x->place, 6);
    if (!local)
        return false;
    local->function = x->function;
    local->nullable = x->nullable;
    memcpy(local->args, x->args, 6 * sizeof *x->args);
    struct expr *call = expr__call(b, &to_utc, x->type, x->place, local, x->args[6]);
    return call && expr__bind_zone(b, call, ast) && become(x, call);
}

bool expr__bind_current_zone(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    return become(x, constant_text(b, ast->place, "UTC"));
}

/* extract(field FROM x), date_part('field', x) */
bool expr__bind_part(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
#define PART(function_, kernel) {.name = function_, .strict = true, .run = kernel}
    static const struct function parts[] = {
        PART("year", k_year),           PART("yearofweek", k_yearofweek), PART("quarter", k_quarter),
        PART("month", k_month),         PART("weekofyear", k_weekofyear), PART("day", k_day),
        PART("dayofweek", k_dayofweek), PART("weekday", k_weekday_iso),   PART("dayofyear", k_dayofyear),
        PART("hour", k_hour),           PART("minute", k_minute)};
#undef PART
    static const struct function second = {.name = "second", .strict = true, .run = k_second_fraction};
    static const char *const     seconds[] = {"SECOND", "S", "SEC", "SECONDS", "SECS"};
    static const char *const     names[][6] = {{"YEAR", "Y", "YEARS", "YR", "YRS"},
                                               {"YEAROFWEEK"},
                                               {"QUARTER", "QTR"},
                                               {"MONTH", "MON", "MONS", "MONTHS"},
                                               {"WEEK", "W", "WEEKS"},
                                               {"DAY", "D", "DAYS"},
                                               {"DAYOFWEEK", "DOW"},
                                               {"DAYOFWEEK_ISO", "DOW_ISO"},
                                               {"DOY"},
                                               {"HOUR", "H", "HOURS", "HR", "HRS"},
                                               {"MINUTE", "M", "MIN", "MINS", "MINUTES"}};
    if (!expr__is_constant(b, x->args[0], "the field") || x->args[0]->type->kind != TYPE_STRING)
        return false;
    for (size_t k = 0; k < sizeof seconds / sizeof *seconds; k++)
        if (strcasecmp(seconds[k], x->args[0]->value.text) == 0) {
            struct expr *arg = expr_coerce(b, x->args[1], type_of(TYPE_TIMESTAMP));
            return arg && become(x, expr__call(b, &second, type_decimal(8, 6), ast->place, arg, NULL));
        }
    for (int p = 0; p < 11; p++)
        for (int k = 0; k < 6 && names[p][k]; k++)
            if (strcasecmp(names[p][k], x->args[0]->value.text) == 0) {
                struct expr *arg = x->args[1];
                bool         clock = p >= 9;
                if (!clock && arg->type->kind == TYPE_TIMESTAMP)
                    arg = expr__cast_to(b, arg, type_of(TYPE_DATE), false);
                else
                    arg = expr_coerce(b, arg, type_of(clock ? TYPE_TIMESTAMP : TYPE_DATE));
                return arg && become(x, expr__call(b, &parts[p], type_of(TYPE_INT), ast->place, arg, NULL));
            }
    diag_error(b->diags, x->args[0]->place, "E_UNSUPPORTED", "the field %s is not supported", x->args[0]->value.text);
    return false;
}
