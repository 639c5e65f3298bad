/* SPDX-License-Identifier: MIT */
/* The call of an aggregate: its arguments, its constants, FILTER and WITHIN GROUP, over the input of the grouping. */
#include <stdlib.h>
#include <strings.h>

#include "plan/plan_priv.h"

static bool is_call(const struct ast_expr *x, const char *name)
{
    return x->kind == AST_CALL && strcasecmp(x->text, name) == 0;
}

static bool call_error(struct plan_scope *s, const struct ast_expr *at, const char *code, const char *text)
{
    diag_error(s->binder->diags, at->place, code, "%s", text);
    return false;
}

/* A constant behind the arguments: a number, or true and false as 1 and 0. */
static bool constant(struct plan_scope *s, const struct ast_expr *x, double *out)
{
    switch ((int)x->kind) {
    case AST_BOOLEAN:
        *out = (double)x->integer;
        return true;
    case AST_INTEGER:
    case AST_DECIMAL:
    case AST_DOUBLE:
        *out = strtod(x->text, NULL);
        return true;
    default:
        return call_error(s, x, "E_ARGUMENTS", "this argument must be a constant");
    }
}

/* The argument as its letter of agg.h asks: texts become numbers, whole numbers DOUBLE, as Spark casts them. */
static bool coerce(struct plan_scope *s, struct expr **x, char letter)
{
    const struct type *to = letter == 'd' || ((letter == 'n' || letter == 'q') && (*x)->type->kind == TYPE_STRING)
                                ? type_of(TYPE_DOUBLE)
                            : letter == 'B' ? type_of(TYPE_BOOLEAN)
                                            : NULL;
    return !to || (*x = expr_coerce(&s->binder_of_expr, *x, to)) != NULL;
}

/* array(0.5, 0.9) as the first constant. */
static bool constant_list(struct plan_scope *s, const struct ast_expr *x, struct agg_constants *c)
{
    c->is_list = true;
    if (x->n_args > AGG_LIST_MAX) {
        diag_error(s->binder->diags, x->place, "E_LIMIT", "at most %d constants in one array", AGG_LIST_MAX);
        return false;
    }
    for (; c->n_list < x->n_args; c->n_list++)
        if (!constant(s, x->args[c->n_list], &c->list[c->n_list]))
            return false;
    return true;
}

/* Numbers and times become texts, as Spark casts them; bytes do not. */
static bool as_text(struct plan_scope *s, const struct ast_expr *ast, struct expr **x)
{
    struct ast_expr argument = *ast, *arguments[] = {&argument};
    struct ast_expr cast = {.kind = AST_CALL, .place = ast->place, .text = "string", .args = arguments, .n_args = 1};
    return (*x)->type->kind == TYPE_STRING || (*x)->type->kind == TYPE_BINARY || plan__bind(s, &cast, x);
}

static bool constant_text(struct plan_scope *s, const struct ast_expr *x, struct agg_constants *c)
{
    if (x->kind != AST_STRING && x->kind != AST_NULL)
        return call_error(s, x, "E_ARGUMENTS", "what stands between the texts must be a constant text");
    c->text = x->kind == AST_STRING ? x->text : NULL;
    c->n_text = x->kind == AST_STRING ? x->length : 0;
    return true;
}

static bool bind_arguments(struct plan_scope *s, const struct ast_expr *ast, struct aggregate_call *c)
{
    const char *letters = c->function->arguments + (c->function->arguments[0] == '*');
    int         n = (int)strcspn(letters, "pt");
    bool        percentages = letters[n] == 'p', text = letters[n] == 't';
    bool        none = ast->n_args == 0 || (ast->n_args == 1 && ast->args[0]->kind == AST_STAR);
    if (none && c->function->arguments[0] == '*')
        return true;
    if (none || ast->n_args < n + percentages || ast->n_args > n + c->function->n_constants + text) {
        diag_error(s->binder->diags, ast->place, "E_ARGUMENTS", "%s() takes %d argument%s%s", ast->text, n,
                   n == 1 ? "" : "s", percentages ? " and a percentage, or an array of them" : "");
        return false;
    }
    for (; c->n_arguments < n; c->n_arguments++)
        if (!plan__bind(s, ast->args[c->n_arguments], &c->arguments[c->n_arguments]) ||
            !(letters[c->n_arguments] == 's' ? as_text(s, ast->args[c->n_arguments], &c->arguments[c->n_arguments])
                                             : coerce(s, &c->arguments[c->n_arguments], letters[c->n_arguments])))
            return false;
    if (text)
        return ast->n_args == n || constant_text(s, ast->args[n], &c->constants);
    for (; n + c->constants.n < ast->n_args; c->constants.n++) {
        const struct ast_expr *x = ast->args[n + c->constants.n];
        bool                   list = percentages && c->constants.n == 0 && is_call(x, "array");
        if (!(list ? constant_list(s, x, &c->constants) : constant(s, x, &c->constants.at[c->constants.n])))
            return false;
    }
    const struct expr *first = c->arguments[0];
    if (strcasecmp(ast->text, "count") == 0 && first->kind == EXPR_LITERAL && first->type->kind != TYPE_NULL)
        c->n_arguments = 0; /* count(1) is count(*) */
    return true;
}

/* regr_avgx(y, x) is avg(if(isnotnull(y), x, NULL)), as in Spark; positive(y): y must be a number. */
static bool bind_pair(struct plan_scope *s, const struct ast_expr *ast, const struct agg_pair *pair,
                      struct aggregate_call *c)
{
#define CALL(name, arguments, n) {.kind = AST_CALL, .place = ast->place, .text = name, .args = arguments, .n_args = n}
    if (ast->n_args != 2 || ast->args[0]->kind == AST_STAR)
        return call_error(s, ast, "E_ARGUMENTS", "this aggregate takes two arguments");
    struct ast_expr *other[] = {ast->args[1 - pair->value]}, *value[] = {ast->args[pair->value]};
    struct ast_expr  number = CALL("positive", other, 1), number_of_value = CALL("positive", value, 1);
    struct ast_expr *numbers[] = {&number};
    struct ast_expr  there = CALL("isnotnull", numbers, 1), null = {.kind = AST_NULL, .place = ast->place};
    struct ast_expr *parts[] = {&there, strcmp(pair->aggregate, "count") == 0 ? &number_of_value : value[0], &null};
    struct ast_expr  either = CALL("if", parts, 3), *argument[] = {&either};
    struct ast_expr  call = CALL(pair->aggregate, argument, 1);
#undef CALL
    return bind_arguments(s, &call, c);
}

static bool needs_within(const struct ast_expr *ast)
{
    return is_call(ast, "percentile_cont") || is_call(ast, "percentile_disc");
}

/* percentile_cont(p), percentile_disc(p) and mode() WITHIN GROUP (ORDER BY x) have x as an argument; listagg(x) may be
 * ordered by x. */
static bool bind_within(struct plan_scope *s, const struct ast_expr *ast, struct aggregate_call *c)
{
    struct ast_expr call = *ast, order = *ast->within, *arguments[] = {&order, ast->n_args ? ast->args[0] : NULL};
    struct expr    *by;
    bool            mode = is_call(ast, "mode"), listagg = is_call(ast, "listagg") || is_call(ast, "string_agg");
    c->constants.ordered = true;
    c->constants.descending = ast->descending;
    if (listagg) {
        if (!bind_arguments(s, ast, c) || !plan__bind(s, ast->within, &by))
            return false;
        return expr_equal(by, c->arguments[0]) ||
               call_error(s, ast->within, "E_UNSUPPORTED", "texts are ordered by themselves only");
    }
    if (!mode && !needs_within(ast))
        return call_error(s, ast, "E_ARGUMENTS", "WITHIN GROUP is for percentile_cont, percentile_disc, mode, listagg");
    if (ast->n_args != !mode)
        return call_error(s, ast, "E_ARGUMENTS",
                          mode ? "mode() WITHIN GROUP takes no argument"
                               : "one percentage, or an array of them, stands in the brackets");
    call.args = arguments;
    call.n_args = mode ? 1 : 2;
    return bind_arguments(s, &call, c);
}

bool plan__bind_aggregate_call(struct plan_scope *s, const struct ast_expr *ast, struct aggregate_call *c)
{
    const struct agg_pair *pair = agg_find_pair(ast->text);
    if (!(c->function = agg_find(pair ? pair->aggregate : ast->text))) {
        diag_error(s->binder->diags, ast->place, "E_UNSUPPORTED", "the aggregate %s() is not supported yet", ast->text);
        return false;
    }
    if (ast->distinct) {
        struct diag *d = diag_error(s->binder->diags, ast->place, "E_UNSUPPORTED",
                                    "distinct aggregations are not supported on streams");
        diag_hint(s->binder->diags, d, "consider approx_count_distinct(), as Spark advises");
        return false;
    }
    if (ast->ignore_nulls && !c->function->ignores)
        return call_error(s, ast, "E_ARGUMENTS", "IGNORE NULLS is for first, last and any_value");
    if (needs_within(ast) && !ast->within)
        return call_error(s, ast, "E_ARGUMENTS", "this aggregate needs WITHIN GROUP (ORDER BY ..) behind it");
    if (!(ast->within ? bind_within(s, ast, c) : pair ? bind_pair(s, ast, pair, c) : bind_arguments(s, ast, c)))
        return false;
    if (ast->ignore_nulls)
        c->constants.at[c->constants.n++] = 1;
    return !ast->filter || plan__bind_boolean(s, ast->filter, "FILTER", &c->filter);
}

bool plan__same_aggregate_call(const struct aggregate_call *x, const struct aggregate_call *y)
{
    if (x->function != y->function || x->n_arguments != y->n_arguments || x->constants.n != y->constants.n ||
        (!x->filter) != (!y->filter) || (x->filter && !expr_equal(x->filter, y->filter)))
        return false;
    for (int i = 0; i < x->n_arguments; i++)
        if (!expr_equal(x->arguments[i], y->arguments[i]))
            return false;
    if (x->constants.ordered != y->constants.ordered || x->constants.descending != y->constants.descending)
        return false;
    if (x->constants.n_text != y->constants.n_text ||
        (x->constants.n_text && memcmp(x->constants.text, y->constants.text, x->constants.n_text) != 0))
        return false;
    return x->constants.is_list == y->constants.is_list && x->constants.n_list == y->constants.n_list &&
           memcmp(x->constants.list, y->constants.list, (size_t)x->constants.n_list * sizeof(double)) == 0 &&
           memcmp(x->constants.at, y->constants.at, (size_t)x->constants.n * sizeof x->constants.at[0]) == 0;
}
