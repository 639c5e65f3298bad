/* SPDX-License-Identifier: MIT */
/*
 * Expressions, by precedence climbing; weakest first:
 *   OR < AND < NOT < comparison, IS, IN, BETWEEN, LIKE < | < ^ < & < + - || < * / % DIV < unary < :: [] .
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sql/parse_priv.h"

struct ast_expr *parse__make(struct parser *p, enum ast_expr_kind kind, struct place at)
{
    struct ast_expr *x = parse__alloc(p, sizeof *x);
    if (x) {
        x->kind = kind;
        x->place = at;
    }
    return x;
}

static bool with_args(struct parser *p, struct ast_expr *x, int n, struct ast_expr *a, struct ast_expr *b,
                      struct ast_expr *c)
{
    struct ast_expr *all[3] = {a, b, c};
    if (!x || !(x->args = parse__alloc(p, (size_t)n * sizeof(struct ast_expr *))))
        return false;
    memcpy(x->args, all, (size_t)n * sizeof *all);
    x->n_args = n;
    x->place = a->place;
    x->place = parse__since(p, x->place);
    return true;
}

static bool unary(struct parser *p, struct ast_expr **out);
static bool or_expr(struct parser *p, struct ast_expr **out);

bool parse__expr(struct parser *p, struct ast_expr **out)
{
    if (!parse__enter(p))
        return false;
    bool ok = or_expr(p, out);
    p->depth--;
    return ok;
}

/* ---- literals ---- */

static bool literal(struct parser *p, enum ast_expr_kind kind, struct ast_expr **out)
{
    const struct token *t = tok(p);
    struct ast_expr    *x = parse__make(p, kind, t->place);
    if (!x)
        return false;
    x->text = t->text;
    x->length = t->length;
    x->suffix = t->suffix;
    p->at++;
    *out = x;
    return true;
}

/* 'a' 'b' is one string, as in Spark. */
static bool string_literal(struct parser *p, struct ast_expr **out)
{
    struct place from = tok(p)->place;
    if (!literal(p, AST_STRING, out))
        return false;
    while (tok(p)->kind == TOK_STRING) {
        struct ast_expr *x = *out;
        char            *joined = parse__alloc(p, x->length + tok(p)->length + 1);
        if (!joined)
            return false;
        memcpy(joined, x->text, x->length);
        memcpy(joined + x->length, tok(p)->text, tok(p)->length);
        x->text = joined;
        x->length += tok(p)->length;
        p->at++;
    }
    (*out)->place = parse__since(p, from);
    return true;
}

/* ---- calls ---- */

static bool is_lambda(const struct parser *p)
{
    if (parse__is_name(p) && parse__ahead(p, 1)->kind == TOK_SYMBOL && strcmp(parse__ahead(p, 1)->text, "->") == 0)
        return true;
    if (!parse__is(p, "("))
        return false;
    int i = 1;
    while (parse__ahead(p, i)->kind == TOK_WORD && parse__ahead(p, i + 1)->kind == TOK_SYMBOL &&
           strcmp(parse__ahead(p, i + 1)->text, ",") == 0)
        i += 2;
    return parse__ahead(p, i)->kind == TOK_WORD && parse__ahead(p, i + 1)->kind == TOK_SYMBOL &&
           strcmp(parse__ahead(p, i + 1)->text, ")") == 0 && parse__ahead(p, i + 2)->kind == TOK_SYMBOL &&
           strcmp(parse__ahead(p, i + 2)->text, "->") == 0;
}

static bool lambda(struct parser *p, struct ast_expr **out)
{
    struct list      names = {0};
    struct ast_expr *x = parse__make(p, AST_LAMBDA, tok(p)->place), *body;
    struct place     from = tok(p)->place;
    bool             brackets = parse__take(p, "(");
    if (!x)
        return false;
    do {
        const char **name = parse__add(p, &names, sizeof *name);
        if (!name || !parse__name(p, name, NULL))
            return false;
    } while (brackets && parse__take(p, ","));
    if ((brackets && !parse__need(p, ")")) || !parse__need(p, "->") || !parse__expr(p, &body) ||
        !with_args(p, x, 1, body, NULL, NULL))
        return false;
    x->place = parse__since(p, from);
    x->parts = names.items;
    x->n_parts = names.n;
    *out = x;
    return true;
}

static bool is_symbol(const struct token *t, const char *text)
{
    return t->kind == TOK_SYMBOL && strcmp(t->text, text) == 0;
}

/* At kafka.x => ..: one name stands in front of =>, so one with dots needs backquotes. */
static bool is_dotted_argument(const struct parser *p)
{
    int i = 0;
    while (parse__ahead(p, i)->kind == TOK_WORD && is_symbol(parse__ahead(p, i + 1), "."))
        i += 2;
    return i > 0 && parse__ahead(p, i)->kind == TOK_WORD && is_symbol(parse__ahead(p, i + 1), "=>");
}

static bool argument(struct parser *p, struct list *args, struct list *names, bool *named)
{
    struct ast_expr **slot = parse__add(p, args, sizeof *slot);
    const char      **name = parse__add(p, names, sizeof *name);
    if (!slot || !name)
        return false;
    if (parse__is(p, "*")) {
        *slot = parse__make(p, AST_STAR, tok(p)->place);
        p->at++;
        return *slot != NULL;
    }
    if (is_dotted_argument(p))
        return parse__fail(p, "a name with dots in backquotes, as in `kafka.security.protocol` => ..");
    if ((tok(p)->kind == TOK_WORD || tok(p)->kind == TOK_QUOTED) && is_symbol(parse__ahead(p, 1), "=>")) {
        *name = tok(p)->text;
        *named = true;
        p->at += 2;
    }
    return is_lambda(p) ? lambda(p, slot) : parse__expr(p, slot);
}

/* WITHIN GROUP (ORDER BY x [ASC | DESC]) */
static bool within_group(struct parser *p, struct ast_expr *x)
{
    struct ast_expr *order;
    if (!parse__need_word(p, "GROUP") || !parse__need(p, "(") || !parse__need_word(p, "ORDER") ||
        !parse__need_word(p, "BY") || !parse__expr(p, &order))
        return false;
    x->within = order;
    x->descending = parse__take_word(p, "DESC");
    if (!x->descending)
        parse__take_word(p, "ASC");
    if (parse__is(p, ",") || parse__is_word(p, "NULLS"))
        return parse__unsupported(p, tok(p)->place, "more than one expression in WITHIN GROUP is", NULL);
    return parse__need(p, ")");
}

static bool call_tail(struct parser *p, struct ast_expr *x)
{
    if (parse__take_word(p, "WITHIN") && !within_group(p, x))
        return false;
    if (parse__take_word(p, "FILTER")) {
        struct ast_expr *filter;
        if (!parse__need(p, "(") || !parse__need_word(p, "WHERE") || !parse__expr(p, &filter) || !parse__need(p, ")"))
            return false;
        x->filter = filter;
    }
    if (parse__is_word_at(p, 1, "NULLS") && (parse__is_word(p, "IGNORE") || parse__is_word(p, "RESPECT"))) {
        x->ignore_nulls = parse__is_word(p, "IGNORE");
        p->at += 2;
    }
    return !parse__is_word(p, "OVER") ||
           parse__unsupported(p, tok(p)->place, "OVER (..) is", "a stream is windowed with GROUP BY window(ts, '..')");
}

/* At the "(" behind the name. */
bool parse__call(struct parser *p, const char *name, struct place from, struct ast_expr **out)
{
    struct list      args = {0}, names = {0};
    bool             named = false;
    struct ast_expr *x = parse__make(p, AST_CALL, from);
    if (!x || !parse__need(p, "("))
        return false;
    x->text = name;
    x->distinct = parse__take_word(p, "DISTINCT");
    if (!parse__is(p, ")"))
        do
            if (!argument(p, &args, &names, &named))
                return false;
        while (parse__take(p, ","));
    if (!parse__need(p, ")"))
        return false;
    x->args = args.items;
    x->n_args = args.n;
    x->names = named ? names.items : NULL;
    if (!call_tail(p, x))
        return false;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

bool parse__as_call(struct parser *p, const char *name, struct place from, int n, struct ast_expr *a,
                    struct ast_expr *b, struct ast_expr *c, struct ast_expr **out)
{
    struct ast_expr *x = parse__make(p, AST_CALL, from);
    if (!x || !with_args(p, x, n, a, b, c))
        return false;
    x->text = name;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

/* CAST(x AS type), TRY_CAST(x AS type) */
static bool cast(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    bool             try_cast = parse__is_word(p, "TRY_CAST");
    struct ast_expr *x = parse__make(p, AST_CAST, from), *value;
    p->at++;
    if (!x || !parse__need(p, "(") || !parse__expr(p, &value) || !parse__need_word(p, "AS") ||
        !parse__type(p, &x->type) || !parse__need(p, ")") || !with_args(p, x, 1, value, NULL, NULL))
        return false;
    x->try_cast = try_cast;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

static bool case_expr(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    struct list      args = {0};
    struct ast_expr *x = parse__make(p, AST_CASE, from), **slot;
    p->at++;
    if (!x)
        return false;
    if (!parse__is_word(p, "WHEN")) {
        x->has_operand = true;
        if (!(slot = parse__add(p, &args, sizeof *slot)) || !parse__expr(p, slot))
            return false;
    }
    if (!parse__is_word(p, "WHEN"))
        return parse__fail(p, "WHEN");
    while (parse__take_word(p, "WHEN")) {
        if (!(slot = parse__add(p, &args, sizeof *slot)) || !parse__expr(p, slot) || !parse__need_word(p, "THEN") ||
            !(slot = parse__add(p, &args, sizeof *slot)) || !parse__expr(p, slot))
            return false;
    }
    if (parse__take_word(p, "ELSE")) {
        x->has_else = true;
        if (!(slot = parse__add(p, &args, sizeof *slot)) || !parse__expr(p, slot))
            return false;
    }
    if (!parse__need_word(p, "END"))
        return false;
    x->args = args.items;
    x->n_args = args.n;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

/* ---- primary ---- */

static bool column(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    struct list      parts = {0}, places = {0};
    struct ast_expr *x = parse__make(p, AST_COLUMN, from);
    if (!x)
        return false;
    do {
        if (parts.n > 0 && parse__take(p, "*")) { /* a.b.* */
            x->kind = AST_STAR;
            break;
        }
        const char  **name = parse__add(p, &parts, sizeof *name);
        struct place *at = parse__add(p, &places, sizeof *at);
        if (!name || !at || !parse__name(p, name, at))
            return false;
    } while (parse__take(p, "."));
    x->parts = parts.items;
    x->part_places = places.items;
    x->n_parts = parts.n;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

static bool bracketed(struct parser *p, struct ast_expr **out)
{
    struct place from = tok(p)->place;
    p->at++;
    if (parse__is_word(p, "SELECT") || parse__is_word(p, "WITH"))
        return parse__unsupported(p, from, "a subquery inside an expression is",
                                  "join with a static table, or write WHERE [NOT] EXISTS (SELECT ..)");
    if (!parse__expr(p, out))
        return false;
    if (parse__is(p, ","))
        return parse__unsupported(p, from, "a row of values is", "use struct(a, b)");
    return parse__need(p, ")");
}

static bool exists(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    struct ast_expr *x = parse__make(p, AST_EXISTS, from);
    p->at += 2; /* EXISTS ( */
    if (!x || !parse__query(p, &x->query) || !parse__need(p, ")"))
        return false;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

static bool word_primary(struct parser *p, struct ast_expr **out)
{
    const struct token *t = tok(p), *next = parse__ahead(p, 1);
    bool                before_call = next->kind == TOK_SYMBOL && strcmp(next->text, "(") == 0;
    struct place        from = t->place;
    if (parse__is_word(p, "NULL"))
        return literal(p, AST_NULL, out);
    if (parse__is_word(p, "TRUE") || parse__is_word(p, "FALSE")) {
        bool value = parse__is_word(p, "TRUE");
        if (!literal(p, AST_BOOLEAN, out))
            return false;
        (*out)->integer = value;
        return true;
    }
    if (parse__is_word(p, "CASE"))
        return case_expr(p, out);
    if ((parse__is_word(p, "DATE") || parse__is_word(p, "TIMESTAMP")) && next->kind == TOK_STRING) {
        enum ast_expr_kind kind = parse__is_word(p, "DATE") ? AST_DATE : AST_TIMESTAMP;
        p->at++;
        if (!literal(p, kind, out))
            return false;
        (*out)->place = parse__since(p, from);
        return true;
    }
    if (parse__is_word(p, "INTERVAL") &&
        (next->kind == TOK_STRING || next->kind == TOK_INTEGER || next->kind == TOK_DECIMAL ||
         (next->kind == TOK_SYMBOL && strchr("-+", next->text[0]))))
        return parse__interval(p, out);
    if (before_call && (parse__is_word(p, "CAST") || parse__is_word(p, "TRY_CAST")))
        return cast(p, out);
    if (before_call && parse__is_special_call(p))
        return parse__special_call(p, out);
    if (before_call && parse__is_word(p, "EXISTS") &&
        (parse__is_word_at(p, 2, "SELECT") || parse__is_word_at(p, 2, "WITH")))
        return exists(p, out);
    if (before_call && (parse__is_name(p) || parse__is_word(p, "WINDOW") || parse__is_word(p, "LEFT") ||
                        parse__is_word(p, "RIGHT") || parse__is_word(p, "LIKE") || parse__is_word(p, "ILIKE") ||
                        parse__is_word(p, "RLIKE") || parse__is_word(p, "REGEXP"))) {
        p->at++;
        return parse__call(p, t->text, from, out);
    }
    return parse__is_name(p) || parse__is_word(p, "WINDOW") ? column(p, out) : parse__fail(p, "an expression");
}

static bool primary(struct parser *p, struct ast_expr **out)
{
    switch (tok(p)->kind) {
    case TOK_INTEGER:
        return literal(p, AST_INTEGER, out);
    case TOK_DECIMAL:
        return literal(p, AST_DECIMAL, out);
    case TOK_DOUBLE:
        return literal(p, AST_DOUBLE, out);
    case TOK_STRING:
        return string_literal(p, out);
    case TOK_BINARY:
        return literal(p, AST_BINARY, out);
    case TOK_QUOTED: {
        const struct token *t = tok(p);
        if (parse__ahead(p, 1)->kind == TOK_SYMBOL && strcmp(parse__ahead(p, 1)->text, "(") == 0) {
            p->at++;
            return parse__call(p, t->text, t->place, out);
        }
        return column(p, out);
    }
    case TOK_WORD:
        return word_primary(p, out);
    case TOK_SYMBOL:
        if (parse__is(p, "("))
            return bracketed(p, out);
        if (parse__is(p, "*")) {
            struct ast_expr *x = parse__make(p, AST_STAR, tok(p)->place);
            p->at++;
            *out = x;
            return x != NULL;
        }
        break;
    case TOK_END:
        break;
    }
    return parse__fail(p, "an expression");
}

/* x.a  x[i]  x::type */
static bool postfix(struct parser *p, struct ast_expr **out)
{
    if (!primary(p, out))
        return false;
    for (;;) {
        struct ast_expr *x = NULL, *index;
        if (parse__is(p, ".") && (*out)->kind != AST_STAR) {
            p->at++;
            x = parse__make(p, AST_FIELD, (*out)->place);
            if (!x || !parse__name(p, &x->text, NULL) || !with_args(p, x, 1, *out, NULL, NULL))
                return false;
        } else if (parse__take(p, "[")) {
            x = parse__make(p, AST_SUBSCRIPT, (*out)->place);
            if (!x || !parse__expr(p, &index) || !parse__need(p, "]") || !with_args(p, x, 2, *out, index, NULL))
                return false;
        } else if (parse__take(p, "::")) {
            x = parse__make(p, AST_CAST, (*out)->place);
            if (!x || !parse__type(p, &x->type) || !with_args(p, x, 1, *out, NULL, NULL))
                return false;
        } else {
            return true;
        }
        *out = x;
    }
}

static bool unary(struct parser *p, struct ast_expr **out)
{
    struct place from = tok(p)->place;
    enum ast_op  op = parse__is(p, "-")   ? OP_NEGATE
                      : parse__is(p, "+") ? OP_POSITIVE
                      : parse__is(p, "~") ? OP_BIT_NOT
                                          : OP_NONE;
    if (op == OP_NONE)
        return postfix(p, out);
    struct ast_expr *x = parse__make(p, AST_UNARY, from), *value;
    p->at++;
    if (!x || !parse__enter(p) || !unary(p, &value) || !with_args(p, x, 1, value, NULL, NULL))
        return false;
    p->depth--;
    x->op = op;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

/* ---- binary operators, strongest level first ---- */

struct binary_row {
    const char *symbol; /* a symbol, or a word */
    enum ast_op op;
    int         level;
};
#define LEVEL_MOST 5
static const struct binary_row binary_rows[] = {
    {"*", OP_TIMES, 0}, {"/", OP_DIVIDE, 0},  {"%", OP_MODULO, 0},  {"DIV", OP_DIV, 0},   {"+", OP_PLUS, 1},
    {"-", OP_MINUS, 1}, {"||", OP_CONCAT, 1}, {"&", OP_BIT_AND, 2}, {"^", OP_BIT_XOR, 3}, {"|", OP_BIT_OR, 4}};

static enum ast_op binary_at(const struct parser *p, int level)
{
    for (size_t i = 0; i < sizeof binary_rows / sizeof binary_rows[0]; i++)
        if (binary_rows[i].level == level &&
            (parse__is(p, binary_rows[i].symbol) || parse__is_word(p, binary_rows[i].symbol)))
            return binary_rows[i].op;
    return OP_NONE;
}

static bool arithmetic(struct parser *p, int level, struct ast_expr **out)
{
    if (level < 0)
        return unary(p, out);
    if (!arithmetic(p, level - 1, out))
        return false;
    for (enum ast_op op; (op = binary_at(p, level)) != OP_NONE;) {
        struct ast_expr *x = parse__make(p, AST_BINARY_OP, (*out)->place), *right;
        p->at++;
        if (!x || !arithmetic(p, level - 1, &right) || !with_args(p, x, 2, *out, right, NULL))
            return false;
        x->op = op;
        *out = x;
    }
    return true;
}

bool parse__value(struct parser *p, struct ast_expr **out) { return arithmetic(p, LEVEL_MOST - 1, out); }

static enum ast_op comparison_at(const struct parser *p)
{
    static const struct {
        const char *symbol;
        enum ast_op op;
    } rows[] = {{"=", OP_EQUAL},      {"==", OP_EQUAL},         {"<>", OP_NOT_EQUAL},
                {"!=", OP_NOT_EQUAL}, {"<", OP_LESS},           {"<=", OP_LESS_EQUAL},
                {">", OP_GREATER},    {">=", OP_GREATER_EQUAL}, {"<=>", OP_NULL_SAFE_EQUAL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (parse__is(p, rows[i].symbol))
            return rows[i].op;
    return OP_NONE;
}

/* ---- predicates behind a value ---- */

static bool is_tail(struct parser *p, struct ast_expr **out)
{
    struct ast_expr *x = parse__make(p, AST_IS, (*out)->place), *right;
    bool             negated = parse__take_word(p, "NOT");
    if (!x)
        return false;
    if (parse__take_word(p, "DISTINCT")) { /* IS DISTINCT FROM is NOT (a <=> b) */
        if (!parse__need_word(p, "FROM") || !parse__value(p, &right))
            return false;
        x->kind = AST_BINARY_OP;
        x->op = OP_NULL_SAFE_EQUAL;
        if (!with_args(p, x, 2, *out, right, NULL))
            return false;
        *out = x;
        if (negated)
            return true;
        struct ast_expr *n = parse__make(p, AST_UNARY, x->place);
        if (!n || !with_args(p, n, 1, x, NULL, NULL))
            return false;
        n->op = OP_NOT;
        *out = n;
        return true;
    }
    x->op = parse__is_word(p, "NULL")      ? OP_IS_NULL
            : parse__is_word(p, "TRUE")    ? OP_IS_TRUE
            : parse__is_word(p, "FALSE")   ? OP_IS_FALSE
            : parse__is_word(p, "UNKNOWN") ? OP_IS_UNKNOWN
                                           : OP_NONE;
    if (x->op == OP_NONE)
        return parse__fail(p, "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
    p->at++;
    x->negated = negated;
    return with_args(p, x, 1, *out, NULL, NULL) && (*out = x) != NULL;
}

static bool in_tail(struct parser *p, bool negated, struct ast_expr **out)
{
    struct list      args = {0};
    struct ast_expr *x = parse__make(p, AST_IN, (*out)->place), **slot;
    struct place     from = (*out)->place;
    if (!x || !parse__need(p, "(") || !(slot = parse__add(p, &args, sizeof *slot)))
        return false;
    *slot = *out;
    bool query = parse__is_word(p, "SELECT") || parse__is_word(p, "WITH");
    if (query && !parse__query(p, &x->query))
        return false;
    while (!query) {
        if (!(slot = parse__add(p, &args, sizeof *slot)) || !parse__expr(p, slot))
            return false;
        if (!parse__take(p, ","))
            break;
    }
    if (!parse__need(p, ")"))
        return false;
    x->args = args.items;
    x->n_args = args.n;
    x->negated = negated;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

static bool between_tail(struct parser *p, bool negated, struct ast_expr **out)
{
    struct ast_expr *x = parse__make(p, AST_BETWEEN, (*out)->place), *low, *high;
    if (!x || !parse__value(p, &low) || !parse__need_word(p, "AND") || !parse__value(p, &high) ||
        !with_args(p, x, 3, *out, low, high))
        return false;
    x->negated = negated;
    *out = x;
    return true;
}

static bool like_tail(struct parser *p, enum ast_op op, bool negated, struct ast_expr **out)
{
    struct ast_expr *x = parse__make(p, AST_LIKE, (*out)->place), *pattern, *escape = NULL;
    if (parse__is_word(p, "ANY") || parse__is_word(p, "ALL") || parse__is_word(p, "SOME"))
        return parse__unsupported(p, tok(p)->place, "LIKE ANY, SOME and ALL are", "write several LIKE with OR or AND");
    if (!x || !parse__value(p, &pattern))
        return false;
    if (parse__take_word(p, "ESCAPE") && !parse__value(p, &escape))
        return false;
    if (!with_args(p, x, escape ? 3 : 2, *out, pattern, escape))
        return false;
    x->op = op;
    x->negated = negated;
    *out = x;
    return true;
}

static bool predicate(struct parser *p, struct ast_expr **out)
{
    if (!parse__value(p, out))
        return false;
    for (;;) {
        enum ast_op op = comparison_at(p);
        if (op != OP_NONE) {
            struct ast_expr *x = parse__make(p, AST_BINARY_OP, (*out)->place), *right;
            p->at++;
            if (!x || !parse__value(p, &right) || !with_args(p, x, 2, *out, right, NULL))
                return false;
            x->op = op;
            *out = x;
            continue;
        }
        if (parse__take_word(p, "IS")) {
            if (!is_tail(p, out))
                return false;
            continue;
        }
        bool negated = parse__is_word(p, "NOT");
        int  at = negated ? 1 : 0;
        bool ok;
        if (parse__is_word_at(p, at, "IN"))
            ok = (p->at += at + 1, in_tail(p, negated, out));
        else if (parse__is_word_at(p, at, "BETWEEN"))
            ok = (p->at += at + 1, between_tail(p, negated, out));
        else if (parse__is_word_at(p, at, "LIKE"))
            ok = (p->at += at + 1, like_tail(p, OP_LIKE, negated, out));
        else if (parse__is_word_at(p, at, "ILIKE"))
            ok = (p->at += at + 1, like_tail(p, OP_ILIKE, negated, out));
        else if (parse__is_word_at(p, at, "RLIKE") || parse__is_word_at(p, at, "REGEXP"))
            ok = (p->at += at + 1, like_tail(p, OP_RLIKE, negated, out));
        else
            return true;
        if (!ok)
            return false;
    }
}

static bool not_expr(struct parser *p, struct ast_expr **out)
{
    struct place from = tok(p)->place;
    if (!parse__is_word(p, "NOT") && !parse__is(p, "!"))
        return predicate(p, out);
    struct ast_expr *x = parse__make(p, AST_UNARY, from), *inner;
    p->at++;
    if (!x || !parse__enter(p) || !not_expr(p, &inner) || !with_args(p, x, 1, inner, NULL, NULL))
        return false;
    p->depth--;
    x->op = OP_NOT;
    x->place = parse__since(p, from);
    *out = x;
    return true;
}

static bool logical(struct parser *p, const char *word, enum ast_op op,
                    bool (*next)(struct parser *, struct ast_expr **), struct ast_expr **out)
{
    if (!next(p, out))
        return false;
    while (parse__take_word(p, word)) {
        struct ast_expr *x = parse__make(p, AST_BINARY_OP, (*out)->place), *right;
        if (!x || !next(p, &right) || !with_args(p, x, 2, *out, right, NULL))
            return false;
        x->op = op;
        *out = x;
    }
    return true;
}

static bool and_expr(struct parser *p, struct ast_expr **out) { return logical(p, "AND", OP_AND, not_expr, out); }

static bool or_expr(struct parser *p, struct ast_expr **out) { return logical(p, "OR", OP_OR, and_expr, out); }
