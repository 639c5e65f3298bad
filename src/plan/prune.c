/* SPDX-License-Identifier: MIT */
/*
 * Only what is needed is decoded and carried: unused columns fall out from the top down, and at the source
 * from_json(CAST(value AS STRING), schema) moves into the decoder with just the fields somebody uses.
 */
#include "plan/plan_priv.h"

/* ---- which columns ---- */

/* For each column of a node: is it needed, and where is it afterwards (-1: gone). */
struct need {
    bool *wanted;
    int  *now;
    int   n;
};

static bool need_init(struct binder *b, struct need *w, int n)
{
    w->n = n;
    w->wanted = plan__alloc(b, (size_t)n * sizeof *w->wanted);
    w->now = plan__alloc(b, (size_t)n * sizeof *w->now);
    return w->wanted && w->now;
}

static void need_expr(struct need *w, const struct expr *x)
{
    for (int i = 0; i < w->n; i++)
        if (!w->wanted[i] && expr_uses_column(x, i))
            w->wanted[i] = true;
}

/* A new schema of the wanted columns; fills w->now. */
static const struct type *keep_wanted(struct binder *b, const struct type *schema, struct need *w)
{
    struct field *fields = plan__alloc(b, schema->n_fields * sizeof *fields);
    int           n = 0;
    for (int i = 0; fields && i < schema->n_fields; i++) {
        w->now[i] = w->wanted[i] ? n : -1;
        if (w->wanted[i])
            fields[n++] = schema->fields[i];
    }
    return fields ? type_struct(b->arena, fields, (size_t)n) : NULL;
}

static int *moved_events(struct binder *b, const int *event, const struct need *w)
{
    int *moved = plan__alloc(b, (size_t)w->n * sizeof *moved);
    for (int i = 0; moved && i < w->n; i++)
        if (w->now[i] >= 0)
            moved[w->now[i]] = event[i];
    return moved;
}

/* The expression over the columns as they are now. */
static struct expr *moved(struct binder *b, struct expr *x, const struct type *schema, const struct need *w)
{
    struct expr **columns = plan__alloc(b, (size_t)w->n * sizeof *columns);
    for (int i = 0; columns && i < w->n; i++)
        if (w->now[i] >= 0)
            columns[i] = expr_column(b->arena, w->now[i], schema->fields[w->now[i]].type,
                                     schema->fields[w->now[i]].nullable, x->place);
    return columns ? expr_substitute(b->arena, x, columns) : NULL;
}

/* ---- the source ---- */

/* Which fields of a JSON value are used: all of it, or some fields. */
struct usage {
    bool          whole;
    struct usage *fields; /* type->n_fields once one is looked at */
};

struct json_column {
    enum plan_from     from;
    bool               failfast;
    const struct type *type; /* as written */
    struct usage       usage;
    const struct type *pruned;
    int                column; /* in the decoded schema */
};

#define JSON_COLUMNS_MAX 32

struct source_rewrite {
    struct binder     *b;
    struct plan_node  *node;    /* the source */
    struct need        plain;   /* relation columns used as they are */
    struct need        strings; /* relation columns used as CAST(.. AS STRING) */
    struct json_column json[JSON_COLUMNS_MAX];
    int                n_json;
};

static bool is_named(const struct source_rewrite *r, int column, const char *name)
{
    return strcmp(r->node->schema->fields[column].name, name) == 0;
}

/* CAST(key or value AS STRING): the column, else -1. */
static int string_cast(const struct source_rewrite *r, const struct expr *x)
{
    if (x->kind != EXPR_CAST || x->type->kind != TYPE_STRING || x->args[0]->kind != EXPR_COLUMN ||
        x->args[0]->type->kind != TYPE_BINARY)
        return -1;
    int column = x->args[0]->column;
    return is_named(r, column, "value") || is_named(r, column, "key") ? column : -1;
}

static struct json_column *json_column(struct source_rewrite *r, const struct expr *x)
{
    struct expr       *input;
    const struct type *type;
    bool               failfast;
    if (!expr_is_from_json(x, &input, &type, &failfast))
        return NULL;
    int column = string_cast(r, input);
    if (column < 0)
        return NULL;
    enum plan_from from = is_named(r, column, "value") ? FROM_VALUE_JSON : FROM_KEY_JSON;
    for (int i = 0; i < r->n_json; i++)
        if (r->json[i].from == from && r->json[i].failfast == failfast && type_equal(r->json[i].type, type))
            return &r->json[i];
    if (r->n_json == JSON_COLUMNS_MAX)
        return NULL;
    r->json[r->n_json] = (struct json_column){.from = from, .failfast = failfast, .type = type};
    return &r->json[r->n_json++];
}

static struct usage *usage_field(struct source_rewrite *r, struct usage *u, const struct type *type, int field)
{
    if (!u->fields)
        u->fields = plan__alloc(r->b, type->n_fields * sizeof *u->fields);
    return u->fields ? &u->fields[field] : NULL;
}

/* The usage of the JSON value or field that x stands for, or NULL when x is no such path. */
static struct usage *path_usage(struct source_rewrite *r, const struct expr *x)
{
    struct json_column *j = json_column(r, x);
    if (j)
        return &j->usage;
    if (x->kind != EXPR_FIELD)
        return NULL;
    struct usage *u = path_usage(r, x->args[0]);
    return u ? usage_field(r, u, x->args[0]->type, x->field) : NULL;
}

static void note(struct source_rewrite *r, const struct expr *x)
{
    struct usage *u = path_usage(r, x);
    int           column = u ? -1 : string_cast(r, x);
    if (u)
        u->whole = true;
    else if (column >= 0)
        r->strings.wanted[column] = true;
    else if (x->kind == EXPR_COLUMN)
        r->plain.wanted[x->column] = true;
    else
        for (int i = 0; i < x->n_args; i++)
            note(r, x->args[i]);
}

static const struct type *pruned_type(struct source_rewrite *r, const struct type *type, const struct usage *u)
{
    struct field *fields;
    int           n = 0;
    if (u->whole || type->kind != TYPE_STRUCT || !u->fields)
        return type;
    if (!(fields = plan__alloc(r->b, type->n_fields * sizeof *fields)))
        return NULL;
    for (int i = 0; i < type->n_fields; i++) {
        if (!u->fields[i].whole && !u->fields[i].fields)
            continue;
        fields[n] = type->fields[i];
        if (!(fields[n++].type = pruned_type(r, type->fields[i].type, &u->fields[i])))
            return NULL;
    }
    return type_struct(r->b->arena, fields, (size_t)n);
}

/* The path over the decoded schema. */
static struct expr *rewritten_path(struct source_rewrite *r, struct expr *x)
{
    struct json_column *j = json_column(r, x);
    if (j)
        return expr_column(r->b->arena, j->column, j->pruned, true, x->place);
    struct expr *inner = rewritten_path(r, x->args[0]);
    int          index = inner ? type_field_index(inner->type, x->args[0]->type->fields[x->field].name) : -1;
    for (int i = 0; inner && i < inner->type->n_fields; i++) /* names may differ by case only: match exactly */
        if (strcmp(inner->type->fields[i].name, x->args[0]->type->fields[x->field].name) == 0)
            index = i;
    return index >= 0 ? expr_field(r->b->arena, inner, index, x->place) : NULL;
}

static struct expr *rewritten(struct source_rewrite *r, struct expr *x)
{
    const struct type *schema = r->node->schema;
    int                column = string_cast(r, x);
    if (path_usage(r, x))
        return rewritten_path(r, x);
    if (column >= 0)
        return expr_column(r->b->arena, r->strings.now[column], x->type, true, x->place);
    if (x->kind == EXPR_COLUMN)
        return expr_column(r->b->arena, r->plain.now[x->column], schema->fields[x->column].type,
                           schema->fields[x->column].nullable, x->place);
    struct expr *copy = arena_copy(r->b->arena, x, sizeof *x);
    if (!copy || x->n_args == 0)
        return copy;
    if (!(copy->args = arena_alloc(r->b->arena, (size_t)x->n_args * sizeof *copy->args)))
        return NULL;
    for (int i = 0; i < x->n_args; i++)
        if (!(copy->args[i] = rewritten(r, x->args[i])))
            return NULL;
    return copy;
}

/* Builds the decoded schema from what was noted. */
static bool make_decoded(struct source_rewrite *r)
{
    struct binder             *b = r->b;
    const struct type         *schema = r->node->schema;
    int                        most = schema->n_fields * 2 + r->n_json, n = 0;
    struct field              *fields = plan__alloc(b, (size_t)(most + 1) * sizeof *fields);
    struct plan_source_column *columns = plan__alloc(b, (size_t)(most + 1) * sizeof *columns);
    if (!fields || !columns)
        return false;
    for (int i = 0; i < r->n_json; i++) {
        struct json_column *j = &r->json[i];
        if (!(j->pruned = pruned_type(r, j->type, &j->usage)))
            return false;
        j->column = n;
        columns[n] = (struct plan_source_column){
            .from = j->from, .relation_column = -1, .json_type = j->pruned, .failfast = j->failfast};
        fields[n++] = (struct field){arena_printf(b->arena, "json%d", i), j->pruned, true};
    }
    for (int i = 0; i < schema->n_fields; i++) {
        r->plain.now[i] = r->strings.now[i] = -1;
        if (r->plain.wanted[i]) {
            r->plain.now[i] = n;
            columns[n] = (struct plan_source_column){.from = FROM_COLUMN, .relation_column = i};
            fields[n++] = schema->fields[i];
        }
        if (r->strings.wanted[i]) {
            r->strings.now[i] = n;
            columns[n] = (struct plan_source_column){.from = FROM_COLUMN, .relation_column = i, .as_string = true};
            fields[n++] =
                (struct field){arena_printf(b->arena, "%s text", schema->fields[i].name), type_of(TYPE_STRING), true};
        }
    }
    struct plan_source *source = &b->plan->sources[r->node->leaf];
    source->decoded = type_struct(b->arena, fields, (size_t)n);
    source->columns = columns;
    return source->decoded != NULL;
}

/*
 * top: FILTERs over a SOURCE. `exprs` are what the projection above asks for (rewritten in place), or NULL when
 * there is none; then `want` says which columns pass as they are, and learns where they went.
 */
static struct plan_node *prune_source(struct binder *b, struct plan_node *top, struct expr **exprs, int n_exprs,
                                      struct need *want)
{
    struct source_rewrite *r = plan__alloc(b, sizeof *r);
    struct plan_node      *source = top;
    while (source->kind == PLAN_FILTER)
        source = source->input;
    if (!r || !need_init(b, &r->plain, source->schema->n_fields) ||
        !need_init(b, &r->strings, source->schema->n_fields))
        return NULL;
    r->b = b;
    r->node = source;
    for (struct plan_node *f = top; f != source; f = f->input)
        note(r, f->predicate);
    for (int i = 0; i < n_exprs; i++)
        note(r, exprs[i]);
    for (int i = 0; want && i < want->n; i++)
        r->plain.wanted[i] = r->plain.wanted[i] || want->wanted[i];
    if (!make_decoded(r))
        return NULL;
    const struct type *decoded = b->plan->sources[source->leaf].decoded;
    for (struct plan_node *f = top; f != source; f = f->input) {
        if (!(f->predicate = rewritten(r, f->predicate)))
            return plan__no_memory(b), NULL;
        f->schema = decoded;
    }
    for (int i = 0; i < n_exprs; i++)
        if (!(exprs[i] = rewritten(r, exprs[i])))
            return plan__no_memory(b), NULL;
    int *event = plan__alloc(b, decoded->n_fields * sizeof *event);
    for (int i = 0; event && i < decoded->n_fields; i++)
        event[i] = -1;
    for (struct plan_node *f = top; f; f = f->input)
        f->event = event;
    for (int i = 0; want && i < want->n; i++)
        want->now[i] = r->plain.now[i];
    source->schema = decoded;
    return event ? top : NULL;
}

static bool is_source_segment(const struct plan_node *n)
{
    while (n->kind == PLAN_FILTER)
        n = n->input;
    return n->kind == PLAN_SOURCE;
}

/* ---- every other node ---- */

static struct plan_node *prune(struct binder *b, struct plan_node *node, struct need *w);

static struct plan_node *prune_project(struct binder *b, struct plan_node *node, struct need *w)
{
    struct need        below;
    struct expr      **exprs = plan__alloc(b, node->schema->n_fields * sizeof *exprs);
    const struct type *schema = keep_wanted(b, node->schema, w);
    int                n = 0;
    if (!exprs || !schema || !need_init(b, &below, node->input->schema->n_fields))
        return NULL;
    for (int i = 0; i < node->schema->n_fields; i++)
        if (w->wanted[i])
            exprs[n++] = node->exprs[i];
    node->event = moved_events(b, node->event, w);
    node->exprs = exprs;
    node->schema = schema;
    if (is_source_segment(node->input)) {
        node->input = prune_source(b, node->input, exprs, n, NULL);
        return node->input && node->event ? node : NULL;
    }
    for (int i = 0; i < n; i++)
        need_expr(&below, exprs[i]);
    if (!(node->input = prune(b, node->input, &below)))
        return NULL;
    for (int i = 0; i < n; i++)
        if (!(exprs[i] = moved(b, exprs[i], node->input->schema, &below)))
            return plan__no_memory(b), NULL;
    return node->event ? node : NULL;
}

/* FILTER and WATERMARK pass their input's columns through. */
static struct plan_node *prune_through(struct binder *b, struct plan_node *node, struct need *w)
{
    if (node->kind == PLAN_FILTER)
        need_expr(w, node->predicate);
    else
        w->wanted[node->column] = true;
    int *event = node->event;
    if (!(node->input = prune(b, node->input, w)))
        return NULL;
    node->schema = node->input->schema;
    if (node->kind == PLAN_WATERMARK)
        node->column = w->now[node->column];
    else if (!(node->predicate = moved(b, node->predicate, node->schema, w)))
        return plan__no_memory(b), NULL;
    node->event = plan__alloc(b, node->schema->n_fields * sizeof *node->event);
    for (int i = 0; node->event && i < node->schema->n_fields; i++)
        node->event[i] = -1;
    for (int i = 0; node->event && i < w->n; i++)
        if (w->now[i] >= 0)
            node->event[w->now[i]] = event[i];
    return node->event ? node : NULL;
}

static struct plan_node *exactly(struct binder *b, struct plan_node *side, struct need *w);

static struct plan_node *prune_join(struct binder *b, struct plan_node *node, struct need *w)
{
    struct need stream, table, all;
    int         first = node->input->schema->n_fields, n_before = node->both->n_fields;
    bool        itself = node->join >= JOIN_SEMI; /* the table's columns are only compared */
    if (!need_init(b, &stream, first) || !need_init(b, &table, n_before - first) || !need_init(b, &all, n_before))
        return NULL;
    memcpy(all.wanted, w->wanted, (size_t)w->n * sizeof *all.wanted);
    if (node->predicate)
        need_expr(&all, node->predicate);
    memcpy(stream.wanted, all.wanted, (size_t)first * sizeof *stream.wanted);
    memcpy(table.wanted, all.wanted + first, (size_t)table.n * sizeof *table.wanted);
    for (int i = 0; i < node->n_keys; i++)
        stream.wanted[node->probe[i]] = table.wanted[node->build[i]] = true;
    node->input = prune(b, node->input, &stream);
    node->other = itself ? exactly(b, node->other, &table) : prune(b, node->other, &table);
    if (!node->input || !node->other)
        return NULL;
    for (int i = 0; i < node->n_keys; i++) {
        node->probe[i] = stream.now[node->probe[i]];
        node->build[i] = table.now[node->build[i]];
    }
    int           n_left = node->input->schema->n_fields, n = n_left + node->other->schema->n_fields;
    struct field *fields = plan__alloc(b, (size_t)n * sizeof *fields);
    int          *event = plan__alloc(b, (size_t)n * sizeof *event);
    if (!fields || !event)
        return NULL;
    for (int i = 0; i < n; i++) {
        fields[i] = i < n_left ? node->input->schema->fields[i] : node->other->schema->fields[i - n_left];
        fields[i].nullable = fields[i].nullable || (i >= n_left && node->join == JOIN_LEFT);
        event[i] = i < n_left ? node->input->event[i] : -1;
    }
    for (int i = 0; i < n_before; i++)
        all.now[i] = i < first ? stream.now[i] : table.now[i - first] < 0 ? -1 : table.now[i - first] + n_left;
    memcpy(w->now, all.now, (size_t)w->n * sizeof *w->now);
    node->both = type_struct(b->arena, fields, (size_t)n);
    node->schema = itself ? node->input->schema : node->both;
    node->event = event;
    if (node->both && node->predicate && !(node->predicate = moved(b, node->predicate, node->both, &all)))
        return plan__no_memory(b), NULL;
    return node->both ? node : NULL;
}

/* What it makes stays whole; the list is the last column of its input. */
static struct plan_node *prune_explode(struct binder *b, struct plan_node *node, struct need *w)
{
    const struct type *before = node->schema;
    int                kept = node->input->schema->n_fields - 1, n_made = before->n_fields - kept;
    struct need        below;
    if (!need_init(b, &below, kept + 1))
        return NULL;
    memcpy(below.wanted, w->wanted, (size_t)kept * sizeof *below.wanted);
    below.wanted[kept] = true;
    if (!(node->input = prune(b, node->input, &below)))
        return NULL;
    int           first = node->input->schema->n_fields - 1, n = first + n_made;
    struct field *fields = plan__alloc(b, (size_t)n * sizeof *fields);
    int          *event = plan__alloc(b, (size_t)n * sizeof *event);
    CHECK(below.now[kept] == first);
    if (!fields || !event)
        return NULL;
    for (int i = 0; i < n; i++) {
        fields[i] = i < first ? node->input->schema->fields[i] : before->fields[kept + i - first];
        event[i] = i < first ? node->input->event[i] : -1;
    }
    for (int i = 0; i < before->n_fields; i++)
        w->now[i] = i < kept ? below.now[i] : first + i - kept;
    node->schema = type_struct(b->arena, fields, (size_t)n);
    node->event = event;
    return node->schema ? node : NULL;
}

static struct plan_node *prune_window(struct binder *b, struct plan_node *node, struct need *w)
{
    struct need all;
    if (!need_init(b, &all, node->input->schema->n_fields))
        return NULL;
    for (int i = 0; i < all.n; i++)
        all.wanted[i] = true; /* its input is a projection made for it */
    for (int i = 0; i < w->n; i++)
        w->now[i] = i;
    node->input = prune(b, node->input, &all);
    return node->input ? node : NULL;
}

/* A projection of exactly the wanted columns, so that both sides of a union look alike. */
static struct plan_node *exactly(struct binder *b, struct plan_node *side, struct need *w)
{
    struct need   own;
    struct expr **exprs = plan__alloc(b, (size_t)w->n * sizeof *exprs);
    const char  **names = plan__alloc(b, (size_t)w->n * sizeof *names);
    int           n = 0;
    if (!exprs || !names || !need_init(b, &own, w->n))
        return NULL;
    memcpy(own.wanted, w->wanted, (size_t)w->n * sizeof *own.wanted);
    const struct type *before = side->schema;
    if (!(side = prune(b, side, &own)))
        return NULL;
    for (int i = 0; i < w->n; i++)
        if (w->wanted[i]) {
            const struct field *f = &side->schema->fields[own.now[i]];
            w->now[i] = n;
            names[n] = before->fields[i].name;
            if (!(exprs[n++] = expr_column(b->arena, own.now[i], f->type, f->nullable, side->place)))
                return NULL;
        }
    if (side->kind == PLAN_PROJECT && side->schema->n_fields == n) /* exact already: PROJECT keeps the order */
        return side;
    return plan__project(b, side, exprs, names, n, side->place);
}

static struct plan_node *prune_union(struct binder *b, struct plan_node *node, struct need *w)
{
    const struct type *schema = keep_wanted(b, node->schema, w);
    node->event = moved_events(b, node->event, w);
    node->input = exactly(b, node->input, w);
    node->other = exactly(b, node->other, w);
    node->schema = schema;
    return schema && node->event && node->input && node->other ? node : NULL;
}

static struct plan_node *prune(struct binder *b, struct plan_node *node, struct need *w)
{
    if (is_source_segment(node))
        return prune_source(b, node, NULL, 0, w);
    switch (node->kind) {
    case PLAN_PROJECT:
        return prune_project(b, node, w);
    case PLAN_FILTER:
    case PLAN_WATERMARK:
        return prune_through(b, node, w);
    case PLAN_JOIN:
        return prune_join(b, node, w);
    case PLAN_EXPLODE:
        return prune_explode(b, node, w);
    case PLAN_WINDOW:
        return prune_window(b, node, w);
    case PLAN_UNION:
        return prune_union(b, node, w);
    case PLAN_TABLE: /* a file is read whole; the join keeps what it needs */
        for (int i = 0; i < w->n; i++)
            w->now[i] = i;
        return node;
    case PLAN_SOURCE:
        break;
    }
    return NULL;
}

struct plan_node *plan__prune(struct binder *b, struct plan_node *root)
{
    struct need all;
    if (!need_init(b, &all, root->schema->n_fields))
        return NULL;
    for (int i = 0; i < all.n; i++)
        all.wanted[i] = true;
    return prune(b, root, &all);
}
