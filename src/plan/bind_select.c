/* SPDX-License-Identifier: MIT */
/* SELECT and UNION ALL over relations that are already bound; names in expressions. */
#include <strings.h>

#include "plan/plan_priv.h"
#include "sql/unparse.h"

/* ---- names in expressions ---- */

static struct expr *field_path(struct plan_scope *s, const struct ast_expr *ast, struct expr *x, int from)
{
    for (int i = from; x && i < ast->n_parts; i++) {
        if (x->type->kind == TYPE_MAP) {
            x = expr_map_value(&s->binder_of_expr, x, ast->parts[i], ast->part_places[i]);
            continue;
        }
        if (x->type->kind != TYPE_STRUCT) {
            diag_error(s->binder->diags, ast->part_places[i], "E_NOT_A_STRUCT",
                       "\"%s\" is of type %s and has no fields", ast->parts[i - 1], type_kind_name(x->type->kind));
            return NULL;
        }
        int index = type_field_index(x->type, ast->parts[i]);
        if (index < 0) {
            const char  *names[256];
            int          n = x->type->n_fields < 256 ? x->type->n_fields : 256;
            struct diag *g = diag_error(s->binder->diags, ast->part_places[i], "E_UNKNOWN_FIELD",
                                        index == -2 ? "field \"%s\" is ambiguous" : "no field \"%s\" in \"%s\"",
                                        ast->parts[i], ast->parts[i - 1]);
            for (int k = 0; k < n; k++)
                names[k] = x->type->fields[k].name;
            const char *near = nearest_name(ast->parts[i], names, n);
            if (near)
                diag_hint(s->binder->diags, g, "did you mean \"%s\"?", near);
            return NULL;
        }
        x = expr_field(s->binder->arena, x, index, ast->place);
    }
    return x;
}

static const struct scope_column *match(const struct bound *r, const char *qualifier, const char *name, int *n_found)
{
    const struct scope_column *found = NULL;
    for (int i = 0; i < r->n_columns; i++) {
        const struct scope_column *c = &r->columns[i];
        if (strcasecmp(c->name, name) != 0 ||
            (qualifier ? !c->qualifier || strcasecmp(c->qualifier, qualifier) != 0 : c->hidden))
            continue;
        found = c;
        ++*n_found;
    }
    return found;
}

static struct expr *reference(struct plan_scope *s, const struct ast_expr *ast, const struct scope_column *c, int rest)
{
    const struct field *f = &s->relation->node->schema->fields[c->index];
    return field_path(s, ast, expr_column(s->binder->arena, c->index, f->type, f->nullable, ast->place), rest);
}

/* Of a.b, b is wrong when a is a relation, else a. */
static void unknown_column(struct plan_scope *s, const struct ast_expr *ast)
{
    const char         *names[512];
    const struct bound *r = s->relation;
    int                 n = 0, part = 0;
    for (int i = 0; i < r->n_columns && ast->n_parts > 1; i++)
        if (r->columns[i].qualifier && strcasecmp(r->columns[i].qualifier, ast->parts[0]) == 0)
            part = 1;
    for (int i = 0; i < r->n_columns && n < 510; i++) {
        const char *qualifier = r->columns[i].qualifier;
        if (part == 0 || (qualifier && strcasecmp(qualifier, ast->parts[0]) == 0))
            names[n++] = r->columns[i].name;
        if (part == 0 && qualifier && ast->n_parts > 1)
            names[n++] = qualifier;
    }
    struct diag *g =
        diag_error(s->binder->diags, ast->part_places ? ast->part_places[part] : ast->place, "E_UNKNOWN_COLUMN",
                   "unknown column \"%s%s%s\"", part ? ast->parts[0] : "", part ? "." : "", ast->parts[part]);
    const char *near = nearest_name(ast->parts[part], names, n);
    int         n_gone = 0;
    if (r->compared)
        match(r->compared, ast->n_parts > 1 ? ast->parts[0] : NULL, ast->parts[ast->n_parts > 1], &n_gone);
    if (n_gone)
        diag_hint(s->binder->diags, g, "SEMI and ANTI JOIN give the columns of their left side only; JOIN gives both");
    else if (near)
        diag_hint(s->binder->diags, g, "did you mean \"%s\"?", near);
}

static bool resolve(void *arg, const struct ast_expr *ast, struct expr_binder *eb, struct expr **out)
{
    struct plan_scope         *s = arg;
    int                        n = 0;
    const struct scope_column *c = NULL;
    int                        rest = 2;
    (void)eb;
    if (ast->n_parts >= 2)
        c = match(s->relation, ast->parts[0], ast->parts[1], &n);
    if (!c) {
        n = 0;
        rest = 1;
        c = match(s->relation, NULL, ast->parts[0], &n);
    }
    if (n > 1) {
        struct diag *g = diag_error(s->binder->diags, ast->place, "E_AMBIGUOUS_COLUMN", "column \"%s\" is ambiguous",
                                    ast->parts[rest - 1]);
        diag_hint(s->binder->diags, g, "say which one with alias.%s", ast->parts[rest - 1]);
        return false;
    }
    if (!c) {
        bool found = false;
        *out = plan__lateral(s, ast, &found);
        if (!found)
            unknown_column(s, ast);
        return *out != NULL;
    }
    return (*out = reference(s, ast, c, rest)) != NULL;
}

struct expr *plan__lateral(struct plan_scope *s, const struct ast_expr *ast, bool *found)
{
    int at = -1;
    *found = false;
    for (int i = 0; i < s->n_lateral; i++) {
        if (!s->lateral_names[i] || strcasecmp(s->lateral_names[i], ast->parts[0]) != 0)
            continue;
        *found = true;
        if (at >= 0) {
            diag_error(s->binder->diags, ast->place, "E_AMBIGUOUS_COLUMN",
                       "\"%s\" is defined twice in this SELECT and therefore ambiguous", ast->parts[0]);
            return NULL;
        }
        at = i;
    }
    return at >= 0 ? field_path(s, ast, s->lateral[at], 1) : NULL;
}

/* window_time(window): the newest event time that a window can hold, which keeps the mark of its event time. */
static bool window_time(struct plan_scope *s, const struct ast_expr *ast, struct expr **out)
{
    struct ast_expr    end = {.kind = AST_FIELD, .place = ast->place, .text = "end", .args = ast->args, .n_args = 1};
    struct ast_expr    step = {.kind = AST_INTERVAL, .place = ast->place, .integer = 1};
    struct ast_expr   *parts[] = {&end, &step};
    struct ast_expr    minus = {.kind = AST_BINARY_OP, .place = ast->place, .op = OP_MINUS, .args = parts, .n_args = 2};
    struct expr       *window;
    const struct type *t;
    *out = NULL;
    if (ast->n_args != 1) {
        diag_error(s->binder->diags, ast->place, "E_ARGUMENTS", "window_time() takes one argument, a window");
        return false;
    }
    if (!plan__bind(s, ast->args[0], &window))
        return false;
    t = window->type;
    if (t->kind != TYPE_STRUCT || type_field_index(t, "end") != 1 || t->fields[1].type->kind != TYPE_TIMESTAMP) {
        diag_error(s->binder->diags, ast->place, "E_WINDOW", "window_time() takes a window, not %s",
                   type_kind_name(t->kind));
        return false;
    }
    if (!plan__bind(s, &minus, out))
        return false;
    (*out)->window_time = window->kind == EXPR_COLUMN;
    return true;
}

static bool call_hook(void *arg, const struct ast_expr *ast, struct expr_binder *eb, struct expr **out)
{
    struct plan_scope *s = arg;
    if (s->hook && s->hook(s->arg, ast, eb, out))
        return true;
    if (ast->kind == AST_CALL && strcasecmp(ast->text, "window_time") == 0) {
        window_time(s, ast, out);
        return true;
    }
    if (plan__is_generator(ast)) {
        diag_error(s->binder->diags, ast->place, "E_GENERATOR", "%s() stands by itself in a SELECT without GROUP BY",
                   ast->text);
        *out = NULL;
        return true;
    }
    if (ast->kind != AST_CALL || !agg_is_name(ast->text))
        return false;
    diag_error(s->binder->diags, ast->place, "E_AGGREGATE", "the aggregate %s() is not allowed here", ast->text);
    *out = NULL;
    return true;
}

void plan__scope(struct plan_scope *s, struct binder *b, const struct bound *r)
{
    *s = (struct plan_scope){.binder = b, .relation = r};
    s->scope = (struct expr_scope){.arg = s, .column = resolve, .hook = call_hook};
    s->binder_of_expr = (struct expr_binder){.arena = b->arena, .diags = b->diags, .scope = &s->scope};
}

bool plan__bind(struct plan_scope *s, const struct ast_expr *ast, struct expr **out)
{
    return expr_bind(&s->binder_of_expr, ast, out);
}

bool plan__bind_boolean(struct plan_scope *s, const struct ast_expr *ast, const char *clause, struct expr **out)
{
    if (!plan__bind(s, ast, out))
        return false;
    if ((*out)->type->kind == TYPE_BOOLEAN || (*out)->type->kind == TYPE_NULL)
        return true;
    diag_error(s->binder->diags, ast->place, "E_TYPE", "%s needs a BOOLEAN, this is %s", clause,
               type_kind_name((*out)->type->kind));
    return false;
}

/* ---- select items ---- */

const char *plan__auto_name(struct binder *b, const struct ast_expr *ast)
{
    struct buf text;
    if (ast->kind == AST_COLUMN)
        return ast->parts[ast->n_parts - 1];
    if (ast->kind == AST_FIELD)
        return ast->text;
    buf_init(&text, TAG_SQL, 1 << 16);
    sql_unparse_expr(ast, &text);
    const char *name = text.failed ? NULL : arena_strdup(b->arena, buf_text(&text));
    buf_fini(&text);
    return name ? name : "?";
}

static bool append(struct binder *b, struct expr ***exprs, const char ***names, int *n, struct expr *x,
                   const char *name)
{
    if (!x)
        return plan__no_memory(b);
    if ((*n & (*n - 1)) == 0) { /* a power of two: full */
        int           capacity = *n ? *n * 2 : 1;
        struct expr **more = plan__alloc(b, (size_t)capacity * sizeof *more);
        const char  **more_names = plan__alloc(b, (size_t)capacity * sizeof *more_names);
        if (!more || !more_names)
            return false;
        if (*n) {
            memcpy(more, *exprs, (size_t)*n * sizeof *more);
            memcpy(more_names, *names, (size_t)*n * sizeof *more_names);
        }
        *exprs = more;
        *names = more_names;
    }
    (*exprs)[*n] = x;
    (*names)[(*n)++] = name;
    return true;
}

static bool expand_struct(struct plan_scope *s, const struct ast_expr *star, struct expr ***exprs, const char ***names,
                          int *n)
{
    struct ast_expr column = *star;
    struct expr    *x;
    column.kind = AST_COLUMN;
    if (!resolve(s, &column, &s->binder_of_expr, &x))
        return false;
    if (x->type->kind != TYPE_STRUCT) {
        diag_error(s->binder->diags, star->place, "E_NOT_A_STRUCT",
                   "\"%s\" is of type %s: .* needs a struct or an alias", star->parts[star->n_parts - 1],
                   type_kind_name(x->type->kind));
        return false;
    }
    for (int i = 0; i < x->type->n_fields; i++)
        if (!append(s->binder, exprs, names, n, expr_field(s->binder->arena, x, i, star->place),
                    x->type->fields[i].name))
            return false;
    return true;
}

bool plan__expand_star(struct plan_scope *s, const struct ast_expr *star, struct expr ***exprs, const char ***names,
                       int *n)
{
    const struct bound *r = s->relation;
    const char         *qualifier = star->n_parts == 1 ? star->parts[0] : NULL;
    bool                any = star->n_parts == 0;
    for (int i = 0; i < r->n_columns && star->n_parts <= 1; i++) {
        const struct scope_column *c = &r->columns[i];
        const struct field        *f = &r->node->schema->fields[c->index];
        if (qualifier ? !c->qualifier || strcasecmp(c->qualifier, qualifier) != 0 : c->hidden)
            continue;
        any = true;
        if (!append(s->binder, exprs, names, n,
                    expr_column(s->binder->arena, c->index, f->type, f->nullable, star->place), c->name))
            return false;
    }
    return any || expand_struct(s, star, exprs, names, n);
}

static bool bind_items(struct plan_scope *s, const struct ast_query *q, struct expr ***exprs, const char ***names,
                       int *n, struct generator *g)
{
    bool ok = true;
    /* values defined before in this SELECT, by alias: a column of the relation comes first */
    struct expr **lateral = plan__alloc(s->binder, (size_t)q->n_items * sizeof *lateral);
    const char  **aliases = plan__alloc(s->binder, (size_t)q->n_items * sizeof *aliases);
    if (!lateral || !aliases)
        return false;
    s->lateral = lateral;
    s->lateral_names = aliases;
    for (int i = 0; i < q->n_items; i++) {
        const struct ast_item *item = &q->items[i];
        struct expr           *x = NULL;
        if (plan__is_generator(item->expr)) {
            ok = plan__bind_generator(s, item, g) && ok;
            g->at = *n;
        } else if (item->expr->kind == AST_STAR)
            ok = plan__expand_star(s, item->expr, exprs, names, n) && ok;
        else if (!plan__bind(s, item->expr, &x))
            ok = false; /* go on: all errors in one go */
        else
            ok = append(s->binder, exprs, names, n, x,
                        item->alias ? item->alias : plan__auto_name(s->binder, item->expr)) &&
                 ok;
        if (x && item->alias) {
            lateral[s->n_lateral] = x;
            aliases[s->n_lateral++] = item->alias;
        }
    }
    return ok;
}

bool plan__name_outputs(struct binder *b, struct bound *out)
{
    const struct type *schema = out->node->schema;
    out->n_columns = schema->n_fields;
    out->columns = plan__alloc(b, schema->n_fields * sizeof *out->columns);
    for (int i = 0; out->columns && i < schema->n_fields; i++)
        out->columns[i] = (struct scope_column){.name = schema->fields[i].name, .index = i};
    return out->columns != NULL;
}

/* ---- queries ---- */

static bool refuse_clauses(struct binder *b, const struct ast_query *q)
{
    bool ok = true;
    if (q->n_order_by) {
        diag_error(b->diags, q->order_by[0]->place, "E_STREAM_SORT",
                   "sorting is not supported on a stream: it never ends");
        ok = false;
    }
    if (q->limit) {
        diag_error(b->diags, q->limit->place, "E_UNSUPPORTED", "LIMIT on a stream is not supported");
        ok = false;
    }
    return ok;
}

static bool bind_select(struct binder *b, const struct ast_query *q, struct bound *out)
{
    struct bound      from = {0};
    struct plan_scope s;
    struct expr     **exprs = NULL;
    struct generator  g = {.list = NULL};
    const char      **names = NULL;
    int               n = 0;
    bool              ok = refuse_clauses(b, q);
    if (!q->from) {
        diag_error(b->diags, q->place, "E_NO_FROM", "SELECT without FROM reads nothing");
        return false;
    }
    if (!plan__bind_relation(b, q->from, &from))
        return false;
    if (q->where && !plan__bind_where(b, q->where, &from))
        ok = false;
    if (!from.node)
        return false;
    plan__scope(&s, b, &from);
    if (plan__is_aggregation(q))
        return plan__bind_aggregation(b, q, &from, out) && ok && (!q->distinct || plan__distinct(b, out, q->place));
    if (q->having) {
        diag_error(b->diags, q->having->place, "E_HAVING", "HAVING needs GROUP BY");
        ok = false;
    }
    if (!bind_items(&s, q, &exprs, &names, &n, &g) || !ok)
        return false;
    out->stream = from.stream;
    out->node = g.list ? plan__explode(b, from.node, exprs, names, n, &g)
                       : plan__project(b, from.node, exprs, names, n, q->place);
    if (!out->node || !plan__name_outputs(b, out))
        return false;
    return !q->distinct || plan__distinct(b, out, q->place);
}

/* Both sides to the common types, by position; names of the left side, as Spark. */
static bool align(struct binder *b, const struct ast_query *q, struct bound *left, struct bound *right)
{
    struct expr_binder eb = {.arena = b->arena, .diags = b->diags};
    struct bound      *sides[2] = {left, right};
    int                n = left->node->schema->n_fields;
    const char       **names = plan__alloc(b, (size_t)n * sizeof *names);
    struct expr **exprs[2] = {plan__alloc(b, (size_t)n * sizeof **exprs), plan__alloc(b, (size_t)n * sizeof **exprs)};
    if (!names || !exprs[0] || !exprs[1])
        return false;
    for (int i = 0; i < n; i++) {
        const struct field *l = &left->node->schema->fields[i], *r = &right->node->schema->fields[i];
        const struct type  *common = expr_common_type(&eb, l->type, r->type);
        names[i] = l->name;
        if (!common) {
            diag_error(b->diags, q->place, "E_UNION_TYPES",
                       "column %d of UNION ALL is %s on the left and %s on the right", i + 1,
                       type_kind_name(l->type->kind), type_kind_name(r->type->kind));
            return false;
        }
        for (int side = 0; side < 2; side++) {
            const struct field *f = &sides[side]->node->schema->fields[i];
            struct expr        *x = expr_column(b->arena, i, f->type, f->nullable, q->place);
            if (!x || !(exprs[side][i] = expr_coerce(&eb, x, common)))
                return false;
            exprs[side][i]->nullable = l->nullable || r->nullable;
        }
    }
    left->node = plan__project(b, left->node, exprs[0], names, n, q->place);
    right->node = plan__project(b, right->node, exprs[1], names, n, q->place);
    return left->node && right->node;
}

static bool bind_union(struct binder *b, const struct ast_query *q, struct bound *out)
{
    struct bound left = {0}, right = {0};
    if (!((int)plan__bind_query(b, q->left, &left) & (int)plan__bind_query(b, q->right, &right)))
        return false;
    if (left.node->schema->n_fields != right.node->schema->n_fields) {
        diag_error(b->diags, q->place, "E_UNION_COLUMNS", "UNION of %d and %d columns", left.node->schema->n_fields,
                   right.node->schema->n_fields);
        return false;
    }
    if (!left.stream || !right.stream) {
        diag_error(b->diags, q->place, "E_UNSUPPORTED", "UNION takes two streams");
        return false;
    }
    if (!align(b, q, &left, &right))
        return false;
    out->stream = true;
    out->node = plan__node(b, PLAN_UNION, left.node->schema, q->place);
    if (!out->node)
        return false;
    out->node->input = left.node;
    out->node->other = right.node;
    for (int i = 0; i < out->node->schema->n_fields; i++) /* an event time only when both sides have one there */
        out->node->event[i] = right.node->event[i] >= 0 ? left.node->event[i] : -1;
    return plan__name_outputs(b, out) && (q->kind == AST_UNION_ALL || plan__distinct(b, out, q->place));
}

bool plan__bind_query(struct binder *b, const struct ast_query *q, struct bound *out)
{
    const struct named_view *outer = b->views;
    if (++b->depth > PLAN_DEPTH_MAX) {
        diag_error(b->diags, q->place, "E_LIMIT", "queries are nested more than %d deep", PLAN_DEPTH_MAX);
        b->depth--;
        return false;
    }
    for (int i = 0; i < q->n_with; i++) {
        struct named_view *v = plan__alloc(b, sizeof *v);
        if (!v)
            return false;
        *v = (struct named_view){.name = q->with[i].name, .query = q->with[i].query, .older = b->views};
        b->views = v;
    }
    bool ok = q->kind == AST_SELECT ? bind_select(b, q, out) : refuse_clauses(b, q) && bind_union(b, q, out);
    b->views = outer;
    b->depth--;
    return ok;
}
