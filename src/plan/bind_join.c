/* SPDX-License-Identifier: MIT */
/* JOIN: a stream enriched from a static table by equalities; everything else is refused by name. */
#include <strings.h>

#include "plan/plan_priv.h"

#define KEYS_MAX 32

/* The two sides while the condition is read. Expressions are bound over `both`: stream columns, then table ones. */
struct join_bind {
    struct binder        *b;
    const struct ast_rel *rel;
    struct bound          left, right;    /* as written */
    struct bound         *stream, *table; /* which is which */
    struct bound          both;
    int                   n_stream;       /* columns of the stream side's schema */
    struct expr         **probe, **build; /* keys, bound over their own side */
    int                   n_keys;
    struct expr          *rest;         /* INNER: what else ON asks for, over both */
    struct expr          *table_filter; /* LEFT: what ON asks of the table alone, over the table */
};

static bool refuse_kind(struct binder *b, const struct ast_rel *rel)
{
    static const char *const names[] = {"INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI", "CROSS"};
    if (rel->join == AST_JOIN_INNER || rel->join == AST_JOIN_LEFT)
        return true;
    struct diag *g = diag_error(b->diags, rel->place, "E_UNSUPPORTED", "%s JOIN is not supported", names[rel->join]);
    diag_hint(b->diags, g, "a stream can be joined with a static table by INNER JOIN or LEFT JOIN");
    return false;
}

static bool choose_sides(struct join_bind *j)
{
    struct binder *b = j->b;
    if (j->left.stream && j->right.stream) {
        diag_error(b->diags, j->rel->place, "E_UNSUPPORTED", "a join of two streams is not supported yet");
        return false;
    }
    if (!j->left.stream && !j->right.stream) {
        diag_error(b->diags, j->rel->place, "E_UNSUPPORTED", "a join of two static tables is not supported yet");
        return false;
    }
    if (!j->left.stream && j->rel->join == AST_JOIN_LEFT) {
        diag_error(b->diags, j->rel->place, "E_STATIC_LEFT",
                   "a static table LEFT JOIN a stream has no answer: rows without a partner are never known");
        return false;
    }
    j->stream = j->left.stream ? &j->left : &j->right;
    j->table = j->left.stream ? &j->right : &j->left;
    j->n_stream = j->stream->node->schema->n_fields;
    return true;
}

static const struct type *joined_schema(struct join_bind *j)
{
    const struct type *s = j->stream->node->schema, *t = j->table->node->schema;
    struct field      *fields = plan__alloc(j->b, (size_t)(s->n_fields + t->n_fields) * sizeof *fields);
    if (!fields)
        return NULL;
    memcpy(fields, s->fields, s->n_fields * sizeof *fields);
    memcpy(fields + s->n_fields, t->fields, t->n_fields * sizeof *fields);
    for (int i = 0; j->rel->join == AST_JOIN_LEFT && i < t->n_fields; i++)
        fields[s->n_fields + i].nullable = true;
    return type_struct(j->b->arena, fields, (size_t)(s->n_fields + t->n_fields));
}

static bool is_using(const struct ast_rel *rel, const char *name)
{
    for (int i = 0; i < rel->n_using; i++)
        if (strcasecmp(rel->using_[i], name) == 0)
            return true;
    return false;
}

static const struct scope_column *find_column(const struct bound *r, const char *name)
{
    for (int i = 0; i < r->n_columns; i++)
        if (!r->columns[i].hidden && strcasecmp(r->columns[i].name, name) == 0)
            return &r->columns[i];
    return NULL;
}

/* Left columns then right ones; USING columns come first and once, the other side's stay reachable by qualifier. */
static bool name_both(struct join_bind *j)
{
    struct bound *both = &j->both;
    both->columns = plan__alloc(j->b, (size_t)(j->left.n_columns + j->right.n_columns) * sizeof *both->columns);
    if (!both->columns)
        return false;
    int shift_left = j->stream == &j->left ? 0 : j->n_stream, shift_right = j->n_stream - shift_left;
    for (int pass = 0; pass < 2; pass++) /* USING columns, then the others */
        for (int i = 0; i < j->left.n_columns; i++) {
            struct scope_column c = j->left.columns[i];
            if ((pass == 0) != is_using(j->rel, c.name))
                continue;
            c.index += shift_left;
            both->columns[both->n_columns++] = c;
        }
    for (int i = 0; i < j->right.n_columns; i++) {
        struct scope_column c = j->right.columns[i];
        c.index += shift_right;
        c.hidden = c.hidden || is_using(j->rel, c.name);
        both->columns[both->n_columns++] = c;
    }
    both->stream = true;
    return true;
}

/* 1 stream only, 2 table only, 3 both, 0 neither */
static int sides_of(struct join_bind *j, const struct expr *x)
{
    int sides = 0;
    for (int i = 0; i < j->both.node->schema->n_fields; i++)
        if (expr_uses_column(x, i))
            sides |= i < j->n_stream ? 1 : 2;
    return sides;
}

/* The same expression over the table side alone. */
static struct expr *over_table(struct join_bind *j, struct expr *x)
{
    const struct type *schema = j->both.node->schema;
    struct expr      **columns = plan__alloc(j->b, schema->n_fields * sizeof *columns);
    if (!columns)
        return NULL;
    for (int i = j->n_stream; i < schema->n_fields; i++)
        columns[i] =
            expr_column(j->b->arena, i - j->n_stream, schema->fields[i].type, schema->fields[i].nullable, x->place);
    return expr_substitute(j->b->arena, x, columns);
}

static bool add_key(struct join_bind *j, struct expr *a, struct expr *b, struct place at)
{
    struct expr_binder eb = {.arena = j->b->arena, .diags = j->b->diags};
    if (sides_of(j, a) == 2) {
        struct expr *swap = a;
        a = b;
        b = swap;
    }
    const struct type *common = expr_common_type(&eb, a->type, b->type);
    if (j->n_keys == KEYS_MAX) {
        diag_error(j->b->diags, at, "E_LIMIT", "a join takes at most %d equalities", KEYS_MAX);
        return false;
    }
    if (!common) {
        diag_error(j->b->diags, at, "E_TYPE", "cannot compare %s with %s", type_kind_name(a->type->kind),
                   type_kind_name(b->type->kind));
        return false;
    }
    if (!(a = expr_coerce(&eb, a, common)) || !(b = expr_coerce(&eb, b, common)) || !(b = over_table(j, b)))
        return false;
    j->probe[j->n_keys] = a;
    j->build[j->n_keys++] = b;
    return true;
}

static struct expr *and_also(struct join_bind *j, struct expr *have, struct expr *more)
{
    return have ? expr_and(j->b->arena, have, more) : more;
}

static bool add_condition(struct join_bind *j, const struct ast_expr *ast, struct plan_scope *s)
{
    struct expr *x;
    if (!plan__bind_boolean(s, ast, "ON", &x))
        return false;
    if (j->rel->join == AST_JOIN_INNER) {
        j->rest = and_also(j, j->rest, x);
        return j->rest != NULL;
    }
    if (sides_of(j, x) == 2) {
        j->table_filter = and_also(j, j->table_filter, over_table(j, x));
        return j->table_filter != NULL;
    }
    struct diag *g = diag_error(j->b->diags, ast->place, "E_UNSUPPORTED",
                                "LEFT JOIN takes equalities between the stream and the table");
    diag_hint(j->b->diags, g, "conditions on the stream alone belong into WHERE or a CASE");
    return false;
}

static bool read_on(struct join_bind *j, const struct ast_expr *ast, struct plan_scope *s)
{
    struct expr *a, *b;
    if (ast->kind == AST_BINARY_OP && ast->op == OP_AND)
        return (int)read_on(j, ast->args[0], s) & (int)read_on(j, ast->args[1], s); /* both: all errors in one go */
    if (ast->kind != AST_BINARY_OP || ast->op != OP_EQUAL)
        return add_condition(j, ast, s);
    if (!((int)plan__bind(s, ast->args[0], &a) & (int)plan__bind(s, ast->args[1], &b)))
        return false;
    if (sides_of(j, a) + sides_of(j, b) != 3 || sides_of(j, a) == 3 || sides_of(j, b) == 3)
        return add_condition(j, ast, s);
    return add_key(j, a, b, ast->place);
}

static bool read_using(struct join_bind *j)
{
    bool ok = true;
    for (int i = 0; i < j->rel->n_using; i++) {
        const char                *name = j->rel->using_[i];
        const struct scope_column *l = find_column(&j->left, name), *r = find_column(&j->right, name);
        const struct type         *schema = j->both.node->schema;
        if (!l || !r) {
            diag_error(j->b->diags, j->rel->using_places[i], "E_UNKNOWN_COLUMN", "no column \"%s\" on the %s side",
                       name, l ? "right" : "left");
            ok = false;
            continue;
        }
        int          shift_left = j->stream == &j->left ? 0 : j->n_stream;
        int          at = l->index + shift_left, other = r->index + j->n_stream - shift_left;
        struct place place = j->rel->using_places[i];
        struct expr *a = expr_column(j->b->arena, at, schema->fields[at].type, schema->fields[at].nullable, place);
        struct expr *b =
            expr_column(j->b->arena, other, schema->fields[other].type, schema->fields[other].nullable, place);
        ok = a && b && add_key(j, a, b, place) && ok;
    }
    return ok;
}

/* Keys as plain columns: what is computed is added to the node by a projection. */
static bool keys_as_columns(struct binder *b, struct plan_node **node, struct expr **keys, int n, int *columns)
{
    int                 n_fields = (*node)->schema->n_fields, n_more = 0;
    const struct field *fields = (*node)->schema->fields;
    struct expr       **exprs = plan__alloc(b, (size_t)(n_fields + n) * sizeof *exprs);
    const char        **names = plan__alloc(b, (size_t)(n_fields + n) * sizeof *names);
    if (!exprs || !names)
        return false;
    for (int i = 0; i < n_fields; i++) {
        exprs[i] = expr_column(b->arena, i, fields[i].type, fields[i].nullable, (*node)->place);
        names[i] = fields[i].name;
    }
    for (int i = 0; i < n; i++) {
        columns[i] = keys[i]->kind == EXPR_COLUMN ? keys[i]->column : n_fields + n_more;
        if (keys[i]->kind == EXPR_COLUMN)
            continue;
        exprs[n_fields + n_more] = keys[i];
        names[n_fields + n_more] = arena_printf(b->arena, "key %d", i);
        n_more++;
    }
    if (n_more)
        *node = plan__project(b, *node, exprs, names, n_fields + n_more, (*node)->place);
    return *node != NULL;
}

static struct plan_node *make_node(struct join_bind *j)
{
    struct binder *b = j->b;
    int            shift_before = j->n_stream;
    int           *probe = plan__alloc(b, (size_t)j->n_keys * sizeof *probe);
    int           *build = plan__alloc(b, (size_t)j->n_keys * sizeof *build);
    if (!probe || !build)
        return NULL;
    if (j->table_filter && !(j->table->node = plan__filter(b, j->table->node, j->table_filter)))
        return NULL;
    if (!keys_as_columns(b, &j->stream->node, j->probe, j->n_keys, probe) ||
        !keys_as_columns(b, &j->table->node, j->build, j->n_keys, build))
        return NULL;
    struct plan_node *n = plan__node(b, PLAN_JOIN, joined_schema(j), j->rel->place);
    if (!n)
        return NULL;
    n->input = j->stream->node;
    n->other = j->table->node;
    n->left = j->rel->join == AST_JOIN_LEFT;
    n->probe = probe;
    n->build = build;
    n->n_keys = j->n_keys;
    memcpy(n->event, n->input->event, n->input->schema->n_fields * sizeof *n->event);
    int shift = n->input->schema->n_fields - shift_before; /* computed keys moved the table's columns */
    for (int i = 0; i < j->both.n_columns; i++)
        if (j->both.columns[i].index >= shift_before)
            j->both.columns[i].index += shift;
    if (j->rest && shift) {
        const struct type *schema = j->both.node->schema;
        struct expr      **moved = plan__alloc(b, schema->n_fields * sizeof *moved);
        for (int i = 0; moved && i < schema->n_fields; i++)
            moved[i] = expr_column(b->arena, i < shift_before ? i : i + shift, schema->fields[i].type,
                                   schema->fields[i].nullable, j->rest->place);
        j->rest = moved ? expr_substitute(b->arena, j->rest, moved) : NULL;
        if (!j->rest)
            return NULL;
    }
    return j->rest ? plan__filter(b, n, j->rest) : n;
}

bool plan__bind_join(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    struct join_bind  j = {.b = b, .rel = rel};
    struct plan_scope s;
    if (!refuse_kind(b, rel) || !plan__bind_relation(b, rel->left, &j.left) ||
        !plan__bind_relation(b, rel->right, &j.right) || !choose_sides(&j) || !name_both(&j))
        return false;
    j.both.node = plan__node(b, PLAN_JOIN, joined_schema(&j), rel->place); /* only for names and types */
    j.probe = plan__alloc(b, KEYS_MAX * sizeof *j.probe);
    j.build = plan__alloc(b, KEYS_MAX * sizeof *j.build);
    if (!j.both.node || !j.probe || !j.build)
        return false;
    plan__scope(&s, b, &j.both);
    if (rel->n_using > KEYS_MAX || !(rel->on ? read_on(&j, rel->on, &s) : read_using(&j)))
        return false;
    if (j.n_keys == 0) {
        struct diag *g = diag_error(b->diags, rel->place, "E_JOIN_KEYS",
                                    "a join needs at least one equality between the stream and the table");
        diag_hint(b->diags, g, "write ON stream.column = table.column, or USING (column)");
        return false;
    }
    struct plan_node *n = make_node(&j);
    *out = (struct bound){.node = n, .columns = j.both.columns, .n_columns = j.both.n_columns, .stream = true};
    return n != NULL;
}
