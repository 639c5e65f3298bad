/* SPDX-License-Identifier: MIT */
/*
 * GROUP BY with aggregates: a projection to [event time, keys, arguments], the WINDOW node, then HAVING and the
 * select list over its result. Inside SELECT and HAVING an expression that equals a grouping expression, or is an
 * aggregate call, becomes a column of that result (the hook below); any other column is an error.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/interval.h"
#include "plan/plan_priv.h"
#include "sql/unparse.h"

#define GROUPS_MAX 64
#define AGGREGATES_MAX 256

struct grouping {
    struct binder          *b;
    const struct ast_query *q;
    struct bound           *input;
    struct plan_scope       in;               /* names of the input */
    const struct ast_expr  *asts[GROUPS_MAX]; /* grouping expressions as written, window() included */
    struct expr            *keys[GROUPS_MAX]; /* bound; NULL for window() */
    int                     n_groups;
    int                     window_at; /* which group is window(), or the event time itself; -1 none */
    struct window_spec      window;
    struct expr            *event; /* the time column, over the input */
    struct aggregate_call   calls[AGGREGATES_MAX];
    struct plan_aggregate   aggregates[AGGREGATES_MAX];
    int                     n_aggregates;
    struct bound            result; /* the WINDOW node's columns, for SELECT and HAVING */
    struct plan_scope      *out;    /* of SELECT and HAVING */
};

/* ---- is it one? ---- */

static bool has_aggregate(const struct ast_expr *x)
{
    if (x->kind == AST_CALL && agg_is_name(x->text))
        return true;
    for (int i = 0; i < x->n_args; i++)
        if (has_aggregate(x->args[i]))
            return true;
    return false;
}

bool plan__is_aggregation(const struct ast_query *q)
{
    if (q->n_group_by || q->group_by_all || (q->having && has_aggregate(q->having)))
        return true;
    for (int i = 0; i < q->n_items; i++)
        if (has_aggregate(q->items[i].expr))
            return true;
    return false;
}

/* ---- grouping expressions ---- */

/* GROUP BY 1 and GROUP BY alias mean the select item; a column of that name comes first, as in Spark. */
static const struct ast_expr *item_meant(struct grouping *g, const struct ast_expr *x)
{
    if (x->kind == AST_INTEGER && !x->suffix) {
        long at = strtol(x->text, NULL, 10);
        if (at < 1 || at > g->q->n_items) {
            diag_error(g->b->diags, x->place, "E_GROUP_BY_POSITION", "GROUP BY %ld: the select list has %d items", at,
                       g->q->n_items);
            return NULL;
        }
        return g->q->items[at - 1].expr;
    }
    if (x->kind != AST_COLUMN || x->n_parts != 1)
        return x;
    for (int i = 0; i < g->input->n_columns; i++)
        if (strcasecmp(g->input->columns[i].name, x->parts[0]) == 0)
            return x;
    for (int i = 0; i < g->q->n_items; i++)
        if (g->q->items[i].alias && strcasecmp(g->q->items[i].alias, x->parts[0]) == 0)
            return g->q->items[i].expr;
    return x;
}

static bool is_call(const struct ast_expr *x, const char *name)
{
    return x->kind == AST_CALL && strcasecmp(x->text, name) == 0;
}

static bool is_window_call(const struct ast_expr *x) { return is_call(x, "window") || is_call(x, "session_window"); }

/* A duration of window(): a string, or an integer of microseconds; not an INTERVAL, as in Spark. */
static bool duration(struct grouping *g, const struct ast_expr *x, int64_t *us)
{
    struct error           e;
    int32_t                months = 0;
    bool                   negative = x->kind == AST_UNARY && x->op == OP_NEGATE;
    const struct ast_expr *number = negative ? x->args[0] : x;
    if (number->kind == AST_INTEGER) {
        *us = strtoll(number->text, NULL, 10) * (negative ? -1 : 1);
        return true;
    }
    if (x->kind != AST_STRING) {
        struct diag *d = diag_error(g->b->diags, x->place, "E_WINDOW_DURATION",
                                    "the durations of window() must be strings or integers (microseconds)");
        if (x->kind == AST_INTERVAL)
            diag_hint(g->b->diags, d, "Spark takes no INTERVAL here; write '10 seconds'");
        return false;
    }
    if (interval_parse(x->text, us, &months, &e) != OK) {
        diag_error(g->b->diags, x->place, "E_WINDOW_DURATION", "%s", e.text);
        return false;
    }
    if (months) {
        diag_error(g->b->diags, x->place, "E_WINDOW_DURATION",
                   "intervals greater than a month are not supported in window()");
        return false;
    }
    return true;
}

/* computed: window(f(ts), ..), and the watermark is of a column. */
static bool not_watermarked(struct grouping *g, struct place at, bool computed)
{
    struct diag *d = diag_error(g->b->diags, at, "E_NO_WATERMARK",
                                "append mode is not supported for streaming aggregations without watermark on the "
                                "grouping's event time: no window would ever be complete");
    diag_hint(g->b->diags, d, "%s",
              computed
                  ? "compute it in a subquery, FROM (SELECT .. AS t FROM ..) WATERMARK t DELAY OF INTERVAL 1 HOUR, and "
                    "group by window(t, ...)"
                  : "put WATERMARK <column> DELAY OF INTERVAL 10 SECONDS after the relation, and group by "
                    "window(<column>, ...)");
    return false;
}

/* The event time of window() and session_window(): a marked column, or a marked window of another one. */
static bool bind_event(struct grouping *g, const struct ast_expr *x)
{
    struct ast_expr argument = *x, *arguments[] = {&argument};
    struct ast_expr time = {.kind = AST_CALL, .place = x->place, .text = "window_time", .args = arguments, .n_args = 1};
    if (!plan__bind(&g->in, x, &g->event))
        return false;
    if (g->event->type->kind == TYPE_STRUCT && !plan__bind(&g->in, &time, &g->event))
        return false;
    return plan__event_of(g->input->node, g->event) >= 0 || not_watermarked(g, x->place, x->kind == AST_CALL);
}

static bool bind_session(struct grouping *g, const struct ast_expr *x)
{
    struct error e;
    int64_t      gap = 0;
    int32_t      months = 0;
    if (x->names || x->n_args != 2) {
        diag_error(g->b->diags, x->place, "E_ARGUMENTS", "session_window() takes a time column and a gap");
        return false;
    }
    if (x->args[1]->kind != AST_STRING) {
        struct diag *d = diag_error(g->b->diags, x->args[1]->place, "E_WINDOW_DURATION",
                                    "the gap of session_window() must be a text such as '5 minutes'");
        diag_hint(
            g->b->diags, d,
            x->args[1]->kind == AST_INTERVAL
                ? "Spark takes no INTERVAL of days and seconds here either"
                : "a gap that differs from row to row is not supported: sessions would not be known by their key");
        return false;
    }
    if (interval_parse(x->args[1]->text, &gap, &months, &e) != OK || months) {
        diag_error(g->b->diags, x->args[1]->place, "E_WINDOW_DURATION", "%s",
                   months ? "a gap of months or years is not supported" : e.text);
        return false;
    }
    if (window_spec_session(&g->window, gap, &e) != OK) {
        diag_error(g->b->diags, x->args[1]->place, "E_WINDOW_DURATION", "%s", e.text);
        return false;
    }
    return bind_event(g, x->args[0]);
}

static bool bind_window(struct grouping *g, const struct ast_expr *x, int at)
{
    struct error e;
    int64_t      size = 0, slide = 0, start = 0;
    if (g->window_at >= 0) {
        diag_error(g->b->diags, x->place, "E_TWO_WINDOWS", "more than one window in one GROUP BY is not supported");
        return false;
    }
    g->window_at = at;
    if (is_call(x, "session_window"))
        return bind_session(g, x);
    if (x->names || x->n_args < 2 || x->n_args > 4) {
        diag_error(g->b->diags, x->place, "E_ARGUMENTS",
                   "window() takes a time column, a duration and optionally a slide and a start");
        return false;
    }
    if (!duration(g, x->args[1], &size))
        return false;
    slide = size;
    if ((x->n_args > 2 && !duration(g, x->args[2], &slide)) || (x->n_args > 3 && !duration(g, x->args[3], &start)))
        return false;
    if (window_spec_init(&g->window, size, slide, start, &e) != OK) {
        diag_error(g->b->diags, x->place, "E_WINDOW_DURATION", "%s", e.text);
        return false;
    }
    return bind_event(g, x->args[0]);
}

static bool bind_group(struct grouping *g, const struct ast_expr *written)
{
    const struct ast_expr *x = item_meant(g, written);
    int                    at = g->n_groups;
    if (!x)
        return false;
    if (at == GROUPS_MAX) {
        diag_error(g->b->diags, x->place, "E_LIMIT", "GROUP BY takes at most %d expressions", GROUPS_MAX);
        return false;
    }
    g->asts[g->n_groups++] = x;
    if (is_window_call(x))
        return bind_window(g, x, at);
    if (has_aggregate(x)) {
        diag_error(g->b->diags, x->place, "E_GROUP_BY_AGGREGATE", "GROUP BY cannot contain an aggregate");
        return false;
    }
    if (!plan__bind(&g->in, x, &g->keys[at]))
        return false;
    if (g->keys[at]->type->kind > TYPE_STRUCT) {
        diag_error(g->b->diags, x->place, "E_UNSUPPORTED", "grouping by a %s is not supported yet",
                   type_kind_name(g->keys[at]->type->kind));
        return false;
    }
    return true;
}

/* The event time itself closes its groups, and so does the end of a window that is a column. */
static void choose_event(struct grouping *g, struct expr *key)
{
    g->event = key;
    g->window = (struct window_spec){.kind = key->type->kind == TYPE_STRUCT ? WINDOW_GIVEN : WINDOW_NONE};
}

static bool bind_groups(struct grouping *g)
{
    bool ok = true;
    for (int i = 0; i < g->q->n_group_by; i++)
        ok = bind_group(g, g->q->group_by[i]) && ok;
    for (int i = 0; g->q->group_by_all && i < g->q->n_items; i++)
        if (!has_aggregate(g->q->items[i].expr) && g->q->items[i].expr->kind != AST_STAR)
            ok = bind_group(g, g->q->items[i].expr) && ok;
    if (!ok)
        return false;
    for (int i = 0; g->window_at < 0 && i < g->n_groups; i++)
        if (plan__event_of(g->input->node, g->keys[i]) >= 0) {
            g->window_at = i;
            choose_event(g, g->keys[i]);
        }
    if (g->window_at < 0)
        return not_watermarked(g, g->q->place, false);
    if (g->window.kind == WINDOW_SESSION && g->n_groups == 1) {
        diag_error(g->b->diags, g->q->place, "E_UNSUPPORTED",
                   "a global aggregation with session_window() is not supported on a stream: group by another column "
                   "too");
        return false;
    }
    return true;
}

/* ---- aggregates ---- */

/* The index of the aggregate, adding it when it is new; -1 after a diagnostic. */
static int find_aggregate(struct grouping *g, const struct ast_expr *ast)
{
    struct aggregate_call c = {0};
    struct plan_aggregate a = {.filter = -1};
    const struct type    *types[AGG_ARGUMENTS_MAX] = {NULL};
    struct error          e;
    if (!plan__bind_aggregate_call(&g->in, ast, &c))
        return -1;
    for (int i = 0; i < g->n_aggregates; i++)
        if (plan__same_aggregate_call(&g->calls[i], &c))
            return i;
    if (g->n_aggregates == AGGREGATES_MAX) {
        diag_error(g->b->diags, ast->place, "E_LIMIT", "at most %d aggregates", AGGREGATES_MAX);
        return -1;
    }
    for (int i = 0; i < c.n_arguments; i++)
        types[i] = c.arguments[i]->type;
    if (agg_bind(c.function, types, c.n_arguments, &c.constants, g->b->arena, &a.agg, &e) != OK) {
        diag_error(g->b->diags, ast->place, "E_AGGREGATE", "%s", e.text);
        return -1;
    }
    a.label = plan__auto_name(g->b, ast);
    g->calls[g->n_aggregates] = c;
    g->aggregates[g->n_aggregates] = a;
    return g->n_aggregates++;
}

static bool collect(struct grouping *g, const struct ast_expr *x)
{
    bool ok = true;
    if (x->kind == AST_CALL && agg_is_name(x->text)) {
        for (int i = 0; i < x->n_args; i++)
            if (has_aggregate(x->args[i])) {
                diag_error(g->b->diags, x->place, "E_NESTED_AGGREGATE", "an aggregate inside an aggregate");
                return false;
            }
        return find_aggregate(g, x) >= 0;
    }
    for (int i = 0; i < x->n_args; i++)
        ok = collect(g, x->args[i]) && ok;
    return ok;
}

static bool collect_all(struct grouping *g)
{
    bool ok = true;
    for (int i = 0; i < g->q->n_items; i++)
        ok = collect(g, g->q->items[i].expr) && ok;
    return (!g->q->having || collect(g, g->q->having)) && ok;
}

/* ---- nodes ---- */

/* [event time, keys.., arguments..] as plain columns; equal expressions share one. */
static int column_for(struct expr **exprs, int *n, struct expr *x)
{
    for (int i = 0; i < *n; i++)
        if (expr_equal(exprs[i], x))
            return i;
    exprs[*n] = x;
    return (*n)++;
}

static const struct type *window_type(struct binder *b)
{
    const struct field parts[2] = {{"start", type_of(TYPE_TIMESTAMP), true}, {"end", type_of(TYPE_TIMESTAMP), true}};
    return type_struct(b->arena, parts, 2);
}

/* The WINDOW node's result: the window (or event time), the other groups, the aggregates. */
static const struct type *result_schema(struct grouping *g)
{
    struct field fields[GROUPS_MAX + AGGREGATES_MAX];
    int          n = 0;
    fields[n++] = g->window.kind == WINDOW_FIXED     ? (struct field){"window", window_type(g->b), false}
                  : g->window.kind == WINDOW_SESSION ? (struct field){"session_window", window_type(g->b), false}
                                                     : (struct field){"event", g->event->type, g->event->nullable};
    for (int i = 0; i < g->n_groups; i++)
        if (i != g->window_at)
            fields[n++] = (struct field){plan__auto_name(g->b, g->asts[i]), g->keys[i]->type, g->keys[i]->nullable};
    for (int i = 0; i < g->n_aggregates; i++)
        fields[n++] = (struct field){g->aggregates[i].label, g->aggregates[i].agg.result, true};
    return fields[0].type ? type_struct(g->b->arena, fields, (size_t)n) : NULL;
}

static int result_column(const struct grouping *g, int group)
{
    return group == g->window_at ? 0 : 1 + group - (group > g->window_at);
}

static struct plan_node *window_node(struct grouping *g)
{
    struct binder    *b = g->b;
    int               n = 0, most = 1 + g->n_groups + g->n_aggregates * (AGG_ARGUMENTS_MAX + 1);
    struct expr     **exprs = plan__alloc(b, (size_t)most * sizeof *exprs);
    const char      **names = plan__alloc(b, (size_t)most * sizeof *names);
    int              *keys = plan__alloc(b, (size_t)g->n_groups * sizeof *keys);
    struct plan_node *w = plan__node(b, PLAN_WINDOW, result_schema(g), g->q->place);
    if (!exprs || !names || !keys || !w)
        return NULL;
    w->event_column = column_for(exprs, &n, g->event);
    for (int i = 0; i < g->n_groups; i++)
        if (i != g->window_at)
            keys[w->n_keys_grouped++] = column_for(exprs, &n, g->keys[i]);
    for (int i = 0; i < g->n_aggregates; i++) {
        for (int k = 0; k < g->calls[i].n_arguments; k++)
            g->aggregates[i].arguments[k] = column_for(exprs, &n, g->calls[i].arguments[k]);
        if (g->calls[i].filter)
            g->aggregates[i].filter = column_for(exprs, &n, g->calls[i].filter);
    }
    for (int i = 0; i < n; i++)
        names[i] = arena_printf(b->arena, "c%d", i);
    w->input = plan__project(b, g->input->node, exprs, names, n, g->q->place);
    w->window = g->window;
    w->keys = keys;
    w->aggregates = arena_copy(b->arena, g->aggregates, (size_t)g->n_aggregates * sizeof *g->aggregates);
    w->n_aggregates = g->n_aggregates;
    w->event[0] = plan__event_of(g->input->node, g->event);
    b->plan->n_windows++;
    return w->input && w->aggregates ? w : NULL;
}

/* ---- SELECT and HAVING over the result ---- */

static struct expr *result(struct grouping *g, int column, struct place at)
{
    const struct field *f = &g->result.node->schema->fields[column];
    return expr_column(g->b->arena, column, f->type, f->nullable, at);
}

static int key_equal_to(const struct grouping *g, const struct expr *x)
{
    for (int i = 0; i < g->n_groups; i++)
        if (g->keys[i] && expr_equal(g->keys[i], x))
            return i;
    return -1;
}

/* The group an expression of SELECT equals, or -1. Binding is tried silently: most expressions are no group. */
static int group_of(struct grouping *g, const struct ast_expr *ast)
{
    struct diags      ignored;
    struct plan_scope s;
    struct expr      *x;
    struct binder     silent = *g->b;
    diags_init(&ignored, g->b->arena);
    silent.diags = &ignored;
    plan__scope(&s, &silent, g->input);
    if (g->window_at >= 0 && !g->keys[g->window_at] && is_window_call(ast)) {
        struct buf a, b;
        buf_init(&a, TAG_SQL, 1 << 16);
        buf_init(&b, TAG_SQL, 1 << 16);
        sql_unparse_expr(ast, &a);
        sql_unparse_expr(g->asts[g->window_at], &b);
        bool same = !a.failed && !b.failed && strcasecmp(buf_text(&a), buf_text(&b)) == 0;
        buf_fini(&a);
        buf_fini(&b);
        return same ? g->window_at : -1;
    }
    return plan__bind(&s, ast, &x) ? key_equal_to(g, x) : -1;
}

/* A field of a grouped struct is grouped too. */
static struct expr *field_of_group(struct grouping *g, const struct expr *x)
{
    int key = key_equal_to(g, x);
    if (key >= 0)
        return result(g, result_column(g, key), x->place);
    if (x->kind != EXPR_FIELD)
        return NULL;
    struct expr *of = field_of_group(g, x->args[0]);
    return of ? expr_field(g->b->arena, of, x->field, x->place) : NULL;
}

static bool has_input_column(const struct grouping *g, const char *name)
{
    for (int i = 0; i < g->input->n_columns; i++)
        if (strcasecmp(g->input->columns[i].name, name) == 0)
            return true;
    return false;
}

/* `window`, `window.start`, `session_window.end`: the grouping's window, unless the input has a column of that name. */
static bool window_reference(struct grouping *g, const struct ast_expr *ast, struct expr **out)
{
    const char *name = g->window.kind == WINDOW_SESSION ? "session_window" : "window";
    if (g->window.kind == WINDOW_NONE || g->window.kind == WINDOW_GIVEN || ast->kind != AST_COLUMN ||
        strcasecmp(ast->parts[0], name) != 0 || has_input_column(g, name))
        return false;
    struct expr *x = result(g, 0, ast->place);
    for (int i = 1; x && i < ast->n_parts; i++) {
        int index = x->type->kind == TYPE_STRUCT ? type_field_index(x->type, ast->parts[i]) : -1;
        if (index < 0) {
            struct diag *d = diag_error(g->b->diags, ast->part_places[i], "E_UNKNOWN_FIELD",
                                        "no field \"%s\" in a window", ast->parts[i]);
            diag_hint(g->b->diags, d, "a window has start and end");
            x = NULL;
            break;
        }
        x = expr_field(g->b->arena, x, index, ast->place);
    }
    *out = x;
    return true;
}

/* Is that a column of the input? Asked silently. */
static bool exists(struct grouping *g, const struct ast_expr *ast)
{
    struct diags      ignored;
    struct plan_scope s;
    struct expr      *x;
    struct binder     silent = *g->b;
    diags_init(&ignored, g->b->arena);
    silent.diags = &ignored;
    plan__scope(&s, &silent, g->input);
    return plan__bind(&s, ast, &x);
}

static bool over_result(void *arg, const struct ast_expr *ast, struct expr_binder *eb, struct expr **out)
{
    struct grouping *g = arg;
    (void)eb;
    *out = NULL;
    if (ast->kind == AST_CALL && agg_is_name(ast->text)) {
        int i = find_aggregate(g, ast);
        if (i >= 0)
            *out = result(g, g->n_groups + i, ast->place);
        return true;
    }
    if (window_reference(g, ast, out))
        return true;
    if (ast->kind >= AST_NULL && ast->kind <= AST_TIMESTAMP)
        return false; /* literals */
    int group = group_of(g, ast);
    if (group >= 0) {
        *out = result(g, result_column(g, group), ast->place);
        return true;
    }
    if (is_call(ast, "window_time")) {
        struct diag *d = diag_error(g->b->diags, ast->place, "E_MISSING_AGGREGATION",
                                    "window_time() of the window that is being grouped is not known here");
        diag_hint(g->b->diags, d, "use it in a query around this one");
        return true;
    }
    if (ast->kind != AST_COLUMN)
        return false;
    struct expr *x;
    bool         found = !exists(g, ast);
    if (found && (*out = plan__lateral(g->out, ast, &found)))
        return true;
    if (found)
        return true;
    if (plan__bind(&g->in, ast, &x)) {
        if ((*out = field_of_group(g, x)))
            return true;
        /* it exists: then it is not grouped; else the binding said what is wrong */
        struct diag *d =
            diag_error(g->b->diags, ast->place, "E_MISSING_AGGREGATION",
                       "column \"%s\" is neither grouped nor inside an aggregate", ast->parts[ast->n_parts - 1]);
        diag_hint(g->b->diags, d, "add it to GROUP BY, or wrap it in min(), max() or another aggregate");
    }
    return true;
}

static bool bind_result(struct grouping *g, struct bound *out)
{
    struct plan_scope s;
    struct expr      *having, **exprs = plan__alloc(g->b, (size_t)g->q->n_items * sizeof *exprs);
    const char      **names = plan__alloc(g->b, (size_t)g->q->n_items * sizeof *names);
    const char      **lateral_names = plan__alloc(g->b, (size_t)g->q->n_items * sizeof *names);
    struct plan_node *node = g->result.node;
    bool              ok = exprs && names && lateral_names;
    plan__scope(&s, g->b, &g->result);
    s.hook = over_result;
    s.arg = g;
    s.lateral = exprs;
    s.lateral_names = lateral_names;
    g->out = &s;
    if (ok && g->q->having) {
        if (plan__bind_boolean(&s, g->q->having, "HAVING", &having))
            node = plan__filter(g->b, node, having);
        else
            ok = false;
    }
    for (int i = 0; i < g->q->n_items; i++) {
        const struct ast_item *item = &g->q->items[i];
        if (item->expr->kind == AST_STAR) {
            diag_error(g->b->diags, item->place, "E_STAR", "* cannot be selected together with GROUP BY");
            ok = false;
        } else if (!plan__bind(&s, item->expr, &exprs[i])) {
            ok = false;
        }
        names[i] = item->alias                             ? item->alias
                   : is_call(item->expr, "window")         ? "window"
                   : is_call(item->expr, "session_window") ? "session_window"
                                                           : plan__auto_name(g->b, item->expr);
        lateral_names[i] = ok ? item->alias : NULL;
        s.n_lateral = i + 1;
    }
    if (!ok || !node)
        return false;
    out->stream = true;
    out->node = plan__project(g->b, node, exprs, names, g->q->n_items, g->q->place);
    return out->node && plan__name_outputs(g->b, out);
}

static bool refuse_input(struct binder *b, const struct ast_query *q, const struct bound *input)
{
    if (!input->stream) {
        diag_error(b->diags, q->place, "E_UNSUPPORTED", "aggregating a static table is not supported yet");
        return true;
    }
    return false;
}

bool plan__bind_aggregation(struct binder *b, const struct ast_query *q, struct bound *input, struct bound *out)
{
    struct grouping *g = plan__alloc(b, sizeof *g);
    if (!g || refuse_input(b, q, input))
        return false;
    g->b = b;
    g->q = q;
    g->input = input;
    g->window_at = -1;
    plan__scope(&g->in, b, input);
    if (!((int)bind_groups(g) & (int)collect_all(g)))
        return false;
    g->result.node = window_node(g);
    g->result.stream = true;
    return g->result.node && plan__name_outputs(b, &g->result) && bind_result(g, out);
}

bool plan__distinct(struct binder *b, struct bound *out, struct place at)
{
    struct grouping   *g = plan__alloc(b, sizeof *g);
    const struct type *schema = out->node->schema;
    struct ast_query   q = {.place = at};
    int                n = 0;
    if (!g || schema->n_fields > GROUPS_MAX) {
        diag_error(b->diags, at, "E_LIMIT", "SELECT DISTINCT takes at most %d columns", GROUPS_MAX);
        return false;
    }
    *g = (struct grouping){.b = b, .q = &q, .input = out, .window_at = -1, .n_groups = schema->n_fields};
    struct expr    **exprs = plan__alloc(b, schema->n_fields * sizeof *exprs);
    const char     **names = plan__alloc(b, schema->n_fields * sizeof *names);
    struct ast_expr *columns = plan__alloc(b, schema->n_fields * sizeof *columns);
    if (!exprs || !names || !columns)
        return false;
    for (int i = 0; i < schema->n_fields; i++) {
        const struct field *f = &schema->fields[i];
        names[i] = f->name;
        columns[i] = (struct ast_expr){.kind = AST_COLUMN, .parts = &names[i], .n_parts = 1, .place = at};
        g->asts[i] = &columns[i];
        if (!(g->keys[i] = expr_column(b->arena, i, f->type, f->nullable, at)))
            return plan__no_memory(b);
        if (g->window_at < 0 && out->node->event[i] >= 0) {
            g->window_at = i;
            choose_event(g, g->keys[i]);
        }
    }
    if (g->window_at < 0)
        return not_watermarked(g, at, false);
    if (!(g->result.node = window_node(g)))
        return false;
    for (; n < schema->n_fields; n++)
        if (!(exprs[n] = result(g, result_column(g, n), at)))
            return plan__no_memory(b);
    out->node = plan__project(b, g->result.node, exprs, names, n, at);
    return out->node && plan__name_outputs(b, out);
}
