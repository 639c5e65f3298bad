/* SPDX-License-Identifier: MIT */
/* FROM: names, functions, subqueries, watermarks and joins become nodes with the names their columns have. */
#include <inttypes.h>
#include <strings.h>

#include "plan/plan_priv.h"

/* ---- nodes ---- */

bool plan__no_memory(struct binder *b)
{
    diag_error(b->diags, (struct place){0, 0}, "E_LIMIT", "the statement needs more memory than a plan may take");
    return false;
}

bool plan__refuse(struct binder *b, struct place at, const char *code, const char *hint, const char *what)
{
    struct diag *g = diag_error(b->diags, at, code, "%s", what);
    if (hint)
        diag_hint(b->diags, g, "%s", hint);
    return false;
}

void *plan__alloc(struct binder *b, size_t n)
{
    void *p = arena_zalloc(b->arena, n ? n : 1);
    if (!p)
        plan__no_memory(b);
    return p;
}

struct plan_node *plan__node(struct binder *b, enum plan_node_kind kind, const struct type *schema, struct place at)
{
    struct plan_node *n = plan__alloc(b, sizeof *n);
    if (!n || !schema)
        return NULL;
    n->kind = kind;
    n->schema = schema;
    n->place = at;
    n->leaf = -1;
    n->clause = -1;
    n->event = plan__alloc(b, schema->n_fields * sizeof *n->event);
    for (int i = 0; n->event && i < schema->n_fields; i++)
        n->event[i] = -1;
    return n->event ? n : NULL;
}

bool plan_node_contains(const struct plan_node *n, enum plan_node_kind kind)
{
    return n && (n->kind == kind || plan_node_contains(n->input, kind) || plan_node_contains(n->other, kind));
}

int plan__event_of(const struct plan_node *input, const struct expr *x)
{
    while (x->window_time) /* (window.end) - 1 us */
        x = x->args[0]->args[0];
    return x->kind == EXPR_COLUMN ? input->event[x->column] : -1;
}

struct plan_node *plan__filter(struct binder *b, struct plan_node *input, struct expr *predicate)
{
    struct plan_node *n = plan__node(b, PLAN_FILTER, input->schema, predicate->place);
    if (n) {
        n->input = input;
        n->predicate = predicate;
        n->event = input->event;
    }
    return n;
}

struct plan_node *plan__project(struct binder *b, struct plan_node *input, struct expr **exprs,
                                const char *const *names, int n, struct place at)
{
    struct field *fields = plan__alloc(b, (size_t)n * sizeof *fields);
    if (!fields)
        return NULL;
    for (int i = 0; i < n; i++)
        fields[i] = (struct field){.name = names[i], .type = exprs[i]->type, .nullable = exprs[i]->nullable};
    struct plan_node *p = plan__node(b, PLAN_PROJECT, type_struct(b->arena, fields, (size_t)n), at);
    if (!p)
        return NULL;
    p->input = input;
    p->exprs = exprs;
    for (int i = 0; i < n; i++)
        p->event[i] = plan__event_of(input, exprs[i]);
    return p;
}

/* ---- names ---- */

static bool name_columns(struct binder *b, struct bound *r, const char *qualifier)
{
    const struct type *schema = r->node->schema;
    r->n_columns = schema->n_fields;
    r->columns = plan__alloc(b, schema->n_fields * sizeof *r->columns);
    for (int i = 0; r->columns && i < schema->n_fields; i++)
        r->columns[i] = (struct scope_column){.qualifier = qualifier, .name = schema->fields[i].name, .index = i};
    return r->columns != NULL;
}

/* AS e, AS e(a, b): every column is then known by the alias only. */
static bool apply_alias(struct binder *b, const struct ast_rel *rel, struct bound *r)
{
    if (!rel->alias)
        return true;
    if (rel->n_column_aliases && rel->n_column_aliases != r->n_columns) {
        diag_error(b->diags, rel->alias_place, "E_COLUMN_ALIASES", "%s names %d columns, the relation has %d",
                   rel->alias, rel->n_column_aliases, r->n_columns);
        return false;
    }
    for (int i = 0, k = 0; i < r->n_columns; i++) {
        r->columns[i].qualifier = rel->alias;
        if (rel->n_column_aliases && !r->columns[i].hidden)
            r->columns[i].name = rel->column_aliases[k++];
    }
    return true;
}

/* ---- leaves ---- */

static bool bind_view(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    const char *names[64];
    int         n = 0;
    const char *name = rel->parts[rel->n_parts - 1];
    for (const struct named_view *v = b->views; v; v = v->older) {
        if (n < 64)
            names[n++] = v->name;
        if (rel->n_parts > 1 || strcasecmp(v->name, name) != 0)
            continue;
        const struct named_view *all = b->views;
        b->views = v->older; /* a view sees what was there when it was made */
        bool ok = plan__bind_query(b, v->query, out);
        b->views = all;
        return ok && name_columns(b, out, v->name);
    }
    struct diag *g = diag_error(b->diags, rel->place, "E_UNKNOWN_TABLE", "unknown table or view \"%s\"", name);
    const char  *near = nearest_name(name, names, n);
    if (near)
        diag_hint(b->diags, g, "did you mean \"%s\"?", near);
    else
        diag_hint(b->diags, g,
                  "read a topic with STREAM read_kafka(...), a file with read_files(...), or make it a "
                  "temporary view first");
    return false;
}

static bool add_source(struct binder *b, struct bound *out, const struct plan_relation *r, struct place at)
{
    struct plan        *p = b->plan;
    struct plan_source *more = plan__alloc(b, (size_t)(p->n_sources + 1) * sizeof *more);
    out->node = plan__node(b, PLAN_SOURCE, r->schema, at);
    if (!more || !out->node)
        return false;
    if (p->n_sources)
        memcpy(more, p->sources, (size_t)p->n_sources * sizeof *more);
    more[p->n_sources] = (struct plan_source){.relation = *r, .node = out->node};
    p->sources = more;
    out->node->leaf = p->n_sources++;
    return true;
}

static bool add_table(struct binder *b, struct bound *out, const struct plan_relation *r, struct place at)
{
    struct plan          *p = b->plan;
    struct plan_relation *more = plan__alloc(b, (size_t)(p->n_tables + 1) * sizeof *more);
    out->node = plan__node(b, PLAN_TABLE, r->schema, at);
    if (!more || !out->node)
        return false;
    if (p->n_tables)
        memcpy(more, p->tables, (size_t)p->n_tables * sizeof *more);
    more[p->n_tables] = *r;
    p->tables = more;
    out->node->leaf = p->n_tables++;
    return true;
}

static bool bind_function(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    const char *names[16];
    for (int i = 0; i < b->env->n_kinds; i++) {
        const struct plan_relation_kind *kind = &b->env->kinds[i];
        struct plan_relation             r = {0};
        names[i < 16 ? i : 15] = kind->name;
        if (strcasecmp(kind->name, rel->parts[0]) != 0)
            continue;
        if (rel->stream && !kind->stream) {
            diag_error(b->diags, rel->place, "E_NOT_A_STREAM", "%s is a static table here; leave out STREAM",
                       kind->name);
            return false;
        }
        if (!rel->stream && kind->stream) {
            struct diag *g = diag_error(b->diags, rel->place, "E_BATCH_READ",
                                        "%s without STREAM would read the topic once as a batch", kind->name);
            diag_hint(b->diags, g, "write STREAM %s(...)", kind->name);
            return false;
        }
        if (!kind->bind(kind->arg, rel->call, b->arena, b->diags, &r))
            return false;
        out->stream = kind->stream;
        return (kind->stream ? add_source(b, out, &r, rel->place) : add_table(b, out, &r, rel->place)) &&
               name_columns(b, out, NULL);
    }
    struct diag *g =
        diag_error(b->diags, rel->place, "E_UNKNOWN_FUNCTION", "unknown table function \"%s\"", rel->parts[0]);
    const char *near = nearest_name(rel->parts[0], names, b->env->n_kinds < 16 ? b->env->n_kinds : 16);
    if (near)
        diag_hint(b->diags, g, "did you mean \"%s\"?", near);
    return false;
}

/* ---- WATERMARK ---- */

static bool check_delay(struct binder *b, const struct ast_watermark *w, int64_t *delay_ms)
{
    int64_t us = w->delay->integer;
    /* A month counts 31 days here, as in Spark's getDelayMs. */
    int64_t days = (int64_t)w->delay->months * 31;
    if (us < 0 || days < 0) {
        diag_error(b->diags, w->delay->place, "E_WATERMARK_DELAY", "the delay of a watermark cannot be negative");
        return false;
    }
    *delay_ms = us / 1000 + days * 86400000;
    if (*delay_ms > WATERMARK_DELAY_MAX_MS) {
        diag_error(b->diags, w->delay->place, "E_WATERMARK_DELAY", "the delay of a watermark is at most 366 days");
        return false;
    }
    return true;
}

/* WATERMARK expr AS name puts the computed column first, as Spark does. */
static bool prepend_event_time(struct binder *b, const struct ast_watermark *w, struct bound *r, struct expr *event)
{
    int                  n = r->node->schema->n_fields;
    struct expr        **exprs = plan__alloc(b, (size_t)(n + 1) * sizeof *exprs);
    const char         **names = plan__alloc(b, (size_t)(n + 1) * sizeof *names);
    struct scope_column *columns = plan__alloc(b, (size_t)(r->n_columns + 1) * sizeof *columns);
    if (!exprs || !names || !columns)
        return false;
    exprs[0] = event;
    names[0] = w->name;
    for (int i = 0; i < n; i++) {
        exprs[i + 1] =
            expr_column(b->arena, i, r->node->schema->fields[i].type, r->node->schema->fields[i].nullable, w->place);
        names[i + 1] = r->node->schema->fields[i].name;
    }
    columns[0] = (struct scope_column){.name = w->name, .index = 0};
    for (int i = 0; i < r->n_columns; i++) {
        columns[i + 1] = r->columns[i];
        columns[i + 1].index++;
    }
    r->node = plan__project(b, r->node, exprs, names, n + 1, w->place);
    r->columns = columns;
    r->n_columns++;
    return r->node != NULL;
}

static bool add_clause(struct binder *b, int64_t delay_ms, const char *column)
{
    struct plan        *p = b->plan;
    struct plan_clause *more = plan__alloc(b, (size_t)(p->n_clauses + 1) * sizeof *more);
    if (!more)
        return false;
    if (p->n_clauses)
        memcpy(more, p->clauses, (size_t)p->n_clauses * sizeof *more);
    more[p->n_clauses++] = (struct plan_clause){.delay_ms = delay_ms, .column = column};
    p->clauses = more;
    return true;
}

static bool apply_watermark(struct binder *b, const struct ast_watermark *w, struct bound *r)
{
    struct plan_scope s;
    struct expr      *event;
    int64_t           delay_ms;
    plan__scope(&s, b, r);
    if (!check_delay(b, w, &delay_ms) || !plan__bind(&s, w->expr, &event))
        return false;
    if (event->type->kind != TYPE_TIMESTAMP) {
        struct diag *g =
            diag_error(b->diags, w->expr->place, "E_EVENT_TIME_TYPE",
                       "the event time is of type %s, but must be TIMESTAMP", type_kind_name(event->type->kind));
        if (event->type->kind == TYPE_BIGINT)
            diag_hint(b->diags, g,
                      "timestamp_millis(..) or timestamp_seconds(..) makes one of a number, below WATERMARK");
        else if (event->type->kind == TYPE_STRING)
            diag_hint(b->diags, g, "CAST(.. AS TIMESTAMP) makes one of a text, below WATERMARK");
        return false;
    }
    if (!r->stream) /* Spark: no effect on a static relation */
        return true;
    if (plan_node_contains(r->node, PLAN_WATERMARK)) {
        diag_error(b->diags, w->place, "E_WATERMARK_TWICE", "this relation has a watermark already");
        return false;
    }
    if (event->kind != EXPR_COLUMN || w->name) {
        if (!w->name) {
            struct diag *g = diag_error(b->diags, w->expr->place, "E_WATERMARK_NAME",
                                        "the event time is an expression and needs a name");
            diag_hint(b->diags, g, "write WATERMARK <expression> AS <name> DELAY OF ...");
            return false;
        }
        if (!prepend_event_time(b, w, r, event))
            return false;
        event = expr_column(b->arena, 0, event->type, event->nullable, w->expr->place);
    }
    struct plan_node *n = plan__node(b, PLAN_WATERMARK, r->node->schema, w->place);
    if (!n || !event || !add_clause(b, delay_ms, r->node->schema->fields[event->column].name))
        return false;
    n->input = r->node;
    n->clause = b->plan->n_clauses - 1;
    n->column = event->column;
    n->event[n->column] = n->clause;
    r->node = n;
    return true;
}

/* ---- relations ---- */

/* The columns of the relation, then what explode() makes of each row. */
static bool bind_lateral_view(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    struct bound          in;
    struct plan_scope     s;
    struct generator      g = {NULL};
    const struct ast_item item = {.expr = rel->call, .place = rel->call->place};
    if (!plan__is_generator(rel->call)) {
        struct diag *d = diag_error(b->diags, rel->call->place, "E_UNSUPPORTED",
                                    "LATERAL VIEW of %s() is not supported", rel->call->text);
        diag_hint(b->diags, d, "explode, posexplode, inline, those with _outer, and stack are");
        return false;
    }
    if (!plan__bind_relation(b, rel->left, &in))
        return false;
    plan__scope(&s, b, &in);
    if (!plan__bind_generator(&s, &item, &g))
        return false;
    const struct type *schema = in.node->schema;
    struct expr      **exprs = plan__alloc(b, (size_t)schema->n_fields * sizeof *exprs);
    const char       **titles = plan__alloc(b, (size_t)schema->n_fields * sizeof *titles);
    if (!exprs || !titles)
        return false;
    for (int i = 0; i < schema->n_fields; i++) {
        titles[i] = schema->fields[i].name;
        exprs[i] = expr_column(b->arena, i, schema->fields[i].type, schema->fields[i].nullable, rel->place);
        if (!exprs[i])
            return plan__no_memory(b);
    }
    g.outer = g.outer || rel->outer;
    g.at = schema->n_fields;
    *out = (struct bound){.node = plan__explode(b, in.node, exprs, titles, schema->n_fields, &g), .stream = in.stream};
    int n_made = out->node ? out->node->schema->n_fields - schema->n_fields : 0;
    if (!out->node || !(out->columns = plan__alloc(b, (size_t)(in.n_columns + n_made) * sizeof *out->columns)))
        return false;
    if (rel->n_column_aliases && rel->n_column_aliases != n_made) {
        diag_error(b->diags, rel->alias_place, "E_COLUMN_ALIASES", "%s names %d columns, %s() makes %d", rel->alias,
                   rel->n_column_aliases, rel->call->text, n_made);
        return false;
    }
    memcpy(out->columns, in.columns, (size_t)in.n_columns * sizeof *out->columns);
    out->n_columns = in.n_columns + n_made;
    for (int i = 0; i < n_made; i++)
        out->columns[in.n_columns + i] = (struct scope_column){
            .qualifier = rel->alias,
            .name = rel->n_column_aliases ? rel->column_aliases[i] : out->node->schema->fields[g.at + i].name,
            .index = g.at + i};
    return true;
}

static bool bind_plain(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    switch (rel->kind) {
    case AST_REL_NAME:
        return bind_view(b, rel, out);
    case AST_REL_FUNCTION:
        return bind_function(b, rel, out);
    case AST_REL_SUBQUERY:
        return plan__bind_query(b, rel->query, out) && name_columns(b, out, NULL);
    case AST_REL_JOIN:
        return plan__bind_join(b, rel, out);
    case AST_REL_LATERAL_VIEW:
        return bind_lateral_view(b, rel, out);
    }
    return false;
}

bool plan__bind_relation(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    if (++b->depth > PLAN_DEPTH_MAX) {
        diag_error(b->diags, rel->place, "E_LIMIT", "relations are nested more than %d deep", PLAN_DEPTH_MAX);
        b->depth--;
        return false;
    }
    bool ok = bind_plain(b, rel, out);
    if (ok && rel->kind == AST_REL_NAME && rel->stream && !out->stream) {
        diag_error(b->diags, rel->place, "E_NOT_A_STREAM", "%s is not a stream; leave out STREAM",
                   rel->parts[rel->n_parts - 1]);
        ok = false;
    }
    ok = ok && (!rel->watermark || apply_watermark(b, rel->watermark, out)) &&
         (rel->kind == AST_REL_LATERAL_VIEW || apply_alias(b, rel, out));
    b->depth--;
    return ok;
}
