/* SPDX-License-Identifier: MIT */
/* JOIN: a stream and a static table meet by equalities; everything else is refused by name. */
#include <strings.h>

#include "plan/plan_priv.h"

/* ---- conditions ---- */

static const struct type *both_sides(struct binder *b, const struct type *s, const struct type *t, enum join_kind kind)
{
    struct field *fields = plan__alloc(b, (size_t)(s->n_fields + t->n_fields) * sizeof *fields);
    if (!fields)
        return NULL;
    memcpy(fields, s->fields, s->n_fields * sizeof *fields);
    memcpy(fields + s->n_fields, t->fields, t->n_fields * sizeof *fields);
    for (int i = 0; kind == JOIN_LEFT && i < t->n_fields; i++)
        fields[s->n_fields + i].nullable = true;
    return type_struct(b->arena, fields, (size_t)(s->n_fields + t->n_fields));
}

bool plan__join_init(struct binder *b, struct join_parts *j)
{
    j->n_stream = j->stream->schema->n_fields;
    j->both = both_sides(b, j->stream->schema, j->table->schema, j->kind);
    j->probe = plan__alloc(b, JOIN_KEYS_MAX * sizeof *j->probe);
    j->build = plan__alloc(b, JOIN_KEYS_MAX * sizeof *j->build);
    return j->both && j->probe && j->build;
}

enum { OF_STREAM = 1, OF_TABLE = 2 };

static int sides_of(const struct join_parts *j, const struct expr *x)
{
    int sides = 0;
    for (int i = 0; i < j->both->n_fields; i++)
        if (expr_uses_column(x, i))
            sides |= i < j->n_stream ? OF_STREAM : OF_TABLE;
    return sides;
}

/* The same expression over the table side alone. */
static struct expr *over_table(struct binder *b, struct join_parts *j, struct expr *x)
{
    struct expr **columns = plan__alloc(b, j->both->n_fields * sizeof *columns);
    if (!columns)
        return NULL;
    for (int i = j->n_stream; i < j->both->n_fields; i++)
        columns[i] =
            expr_column(b->arena, i - j->n_stream, j->both->fields[i].type, j->both->fields[i].nullable, x->place);
    return expr_substitute(b->arena, x, columns);
}

bool plan__join_key(struct binder *b, struct join_parts *j, struct expr *x, struct expr *y, struct place at)
{
    struct expr_binder eb = {.arena = b->arena, .diags = b->diags};
    if (sides_of(j, x) == OF_TABLE) {
        struct expr *swap = x;
        x = y;
        y = swap;
    }
    const struct type *common = expr_common_type(&eb, x->type, y->type);
    if (j->n_keys == JOIN_KEYS_MAX) {
        diag_error(b->diags, at, "E_LIMIT", "a join takes at most %d equalities", JOIN_KEYS_MAX);
        return false;
    }
    if (!common) {
        diag_error(b->diags, at, "E_TYPE", "cannot compare %s with %s", type_kind_name(x->type->kind),
                   type_kind_name(y->type->kind));
        return false;
    }
    if (!(x = expr_coerce(&eb, x, common)) || !(y = expr_coerce(&eb, y, common)) || !(y = over_table(b, j, y)))
        return false;
    j->probe[j->n_keys] = x;
    j->build[j->n_keys++] = y;
    return true;
}

/* Spark filters a side where that gives the same rows: the table always, the stream of a SEMI JOIN (below a watermark
 * even); INNER filters behind the join and leaves the rest to the rules. */
static bool add_condition(struct binder *b, struct join_parts *j, const struct ast_expr *ast, struct plan_scope *s)
{
    struct expr *x;
    if (!plan__bind_boolean(s, ast, "ON", &x))
        return false;
    int sides = sides_of(j, x);
    if (j->kind != JOIN_INNER && sides == OF_TABLE) {
        x = over_table(b, j, x);
        return x && (j->table = plan__filter(b, j->table, x)) != NULL;
    }
    if (j->kind == JOIN_SEMI && !j->subquery && !(sides & OF_TABLE))
        return (j->stream = plan__filter(b, j->stream, x)) != NULL;
    j->rest = j->rest ? expr_and(b->arena, j->rest, x) : x;
    return j->rest != NULL;
}

bool plan__join_on(struct binder *b, struct join_parts *j, const struct ast_expr *on, struct plan_scope *s)
{
    struct expr *x, *y;
    if (on->kind == AST_BINARY_OP && on->op == OP_AND) /* both: all errors in one go */
        return (int)plan__join_on(b, j, on->args[0], s) & (int)plan__join_on(b, j, on->args[1], s);
    if (on->kind != AST_BINARY_OP || on->op != OP_EQUAL)
        return add_condition(b, j, on, s);
    if (!((int)plan__bind(s, on->args[0], &x) & (int)plan__bind(s, on->args[1], &y)))
        return false;
    int left = sides_of(j, x), right = sides_of(j, y);
    if ((left == OF_STREAM && right == OF_TABLE) || (left == OF_TABLE && right == OF_STREAM))
        return plan__join_key(b, j, x, y, on->place);
    return add_condition(b, j, on, s);
}

/* ---- nodes ---- */

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

/* The rest, when the table's columns have moved. */
static struct expr *moved_rest(struct binder *b, const struct join_parts *j, int shift)
{
    struct expr **moved = plan__alloc(b, j->both->n_fields * sizeof *moved);
    if (!j->rest || shift == 0 || !moved)
        return j->rest;
    for (int i = j->n_stream; i < j->both->n_fields; i++)
        moved[i] =
            expr_column(b->arena, i + shift, j->both->fields[i].type, j->both->fields[i].nullable, j->rest->place);
    return expr_substitute(b->arena, j->rest, moved);
}

/* The first n columns. */
static struct plan_node *only_first(struct binder *b, struct plan_node *node, int n)
{
    struct expr **exprs = plan__alloc(b, (size_t)n * sizeof *exprs);
    const char  **names = plan__alloc(b, (size_t)n * sizeof *names);
    if (!exprs || !names)
        return NULL;
    for (int i = 0; i < n; i++) {
        const struct field *f = &node->schema->fields[i];
        names[i] = f->name;
        exprs[i] = expr_column(b->arena, i, f->type, f->nullable, node->place);
    }
    return plan__project(b, node, exprs, names, n, node->place);
}

struct plan_node *plan__join(struct binder *b, struct join_parts *j, int *shift)
{
    int *probe = plan__alloc(b, (size_t)j->n_keys * sizeof *probe);
    int *build = plan__alloc(b, (size_t)j->n_keys * sizeof *build);
    if (!probe || !build || !keys_as_columns(b, &j->stream, j->probe, j->n_keys, probe) ||
        !keys_as_columns(b, &j->table, j->build, j->n_keys, build))
        return NULL;
    const struct type *both = both_sides(b, j->stream->schema, j->table->schema, j->kind);
    struct plan_node  *n = plan__node(b, PLAN_JOIN, j->kind >= JOIN_SEMI ? j->stream->schema : both, j->place);
    if (!both || !n)
        return NULL;
    *shift = j->stream->schema->n_fields - j->n_stream;
    struct expr *rest = moved_rest(b, j, *shift);
    if (j->rest && !rest)
        return NULL;
    n->input = j->stream;
    n->other = j->table;
    n->join = j->kind;
    n->subquery = j->subquery;
    n->null_aware = j->null_aware;
    n->both = both;
    n->probe = probe;
    n->build = build;
    n->n_keys = j->n_keys;
    memcpy(n->event, n->input->event, n->input->schema->n_fields * sizeof *n->event);
    if (j->kind == JOIN_INNER)
        return rest ? plan__filter(b, n, rest) : n;
    n->predicate = rest;
    return j->kind >= JOIN_SEMI && *shift ? only_first(b, n, j->n_stream) : n;
}

/* ---- JOIN as written ---- */

struct join_bind {
    struct binder        *b;
    const struct ast_rel *rel;
    struct bound          left, right;
    struct bound         *stream, *table; /* which is which */
    struct bound          both;           /* names over parts.both */
    struct join_parts     parts;
};

static const char *name_of(enum ast_join join)
{
    static const char *const names[] = {"INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI", "CROSS"};
    return names[join];
}

static bool refuse_kind(struct join_bind *j)
{
    enum ast_join join = j->rel->join;
    if (join != AST_JOIN_FULL && join != AST_JOIN_CROSS)
        return true;
    return plan__refuse(j->b, j->rel->place, "E_UNSUPPORTED",
                        "a stream can be joined with a static table by INNER, LEFT, LEFT SEMI and LEFT ANTI JOIN",
                        arena_printf(j->b->arena, "%s JOIN is not supported", name_of(join)));
}

/* Rows of the table without a partner would have to wait for ever: only the stream may be the side that is kept. */
static bool choose_sides(struct join_bind *j)
{
    enum ast_join join = j->rel->join;
    bool          right = join == AST_JOIN_RIGHT;
    if (j->left.stream && j->right.stream)
        return plan__refuse(j->b, j->rel->place, "E_UNSUPPORTED", NULL, "a join of two streams is not supported yet");
    if (!j->left.stream && !j->right.stream)
        return plan__refuse(j->b, j->rel->place, "E_UNSUPPORTED", NULL,
                            "a join of two static tables is not supported yet");
    if (join != AST_JOIN_INNER && j->left.stream == right)
        return plan__refuse(
            j->b, j->rel->place, "E_STATIC_LEFT",
            right ? "write stream LEFT JOIN table, or table RIGHT JOIN stream" : "put the stream on the left",
            right ? "a stream RIGHT JOIN a static table has no answer: rows without a partner are never known"
                  : arena_printf(j->b->arena,
                                 "a static table %s JOIN a stream has no answer: rows without a partner are "
                                 "never known",
                                 name_of(join)));
    j->stream = j->left.stream ? &j->left : &j->right;
    j->table = j->left.stream ? &j->right : &j->left;
    j->parts = (struct join_parts){.kind = join == AST_JOIN_INNER  ? JOIN_INNER
                                           : join == AST_JOIN_SEMI ? JOIN_SEMI
                                           : join == AST_JOIN_ANTI ? JOIN_ANTI
                                                                   : JOIN_LEFT,
                                   .place = j->rel->place,
                                   .stream = j->stream->node,
                                   .table = j->table->node};
    return plan__join_init(j->b, &j->parts);
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

/* Left columns then right ones; USING columns come first and once, of the side that is kept (else the left one): the
 * other side's stay reachable by qualifier. */
static bool name_both(struct join_bind *j)
{
    struct bound       *both = &j->both;
    const struct bound *sides[] = {&j->left, &j->right};
    int                 keeps = j->rel->join == AST_JOIN_RIGHT;
    both->columns = plan__alloc(j->b, (size_t)(j->left.n_columns + j->right.n_columns) * sizeof *both->columns);
    both->node = plan__node(j->b, PLAN_JOIN, j->parts.both, j->rel->place); /* only for names and types */
    if (!both->columns || !both->node)
        return false;
    for (int pass = 0; pass < 2; pass++) /* USING columns, then the others */
        for (int side = 0; side < 2; side++)
            for (int i = 0; i < sides[side]->n_columns; i++) {
                struct scope_column c = sides[side]->columns[i];
                bool                key = is_using(j->rel, c.name);
                if ((pass == 0) != (key && side == keeps))
                    continue;
                c.index += sides[side] == j->stream ? 0 : j->parts.n_stream;
                c.hidden = c.hidden || (key && side != keeps);
                both->columns[both->n_columns++] = c;
            }
    both->stream = true;
    return true;
}

static bool read_using(struct join_bind *j)
{
    bool ok = true;
    for (int i = 0; i < j->rel->n_using; i++) {
        const char                *name = j->rel->using_[i];
        const struct scope_column *l = find_column(&j->left, name), *r = find_column(&j->right, name);
        const struct field        *fields = j->parts.both->fields;
        struct place               place = j->rel->using_places[i];
        if (!l || !r) {
            diag_error(j->b->diags, place, "E_UNKNOWN_COLUMN", "no column \"%s\" on the %s side", name,
                       l ? "right" : "left");
            ok = false;
            continue;
        }
        int          n = j->parts.n_stream, shift_left = j->stream == &j->left ? 0 : n;
        int          at = l->index + shift_left, other = r->index + n - shift_left;
        struct expr *x = expr_column(j->b->arena, at, fields[at].type, fields[at].nullable, place);
        struct expr *y = expr_column(j->b->arena, other, fields[other].type, fields[other].nullable, place);
        ok = x && y && plan__join_key(j->b, &j->parts, x, y, place) && ok;
    }
    return ok;
}

/* Names over the node made: SEMI and ANTI have the stream's columns only. */
static void name_result(struct join_bind *j, int shift)
{
    int n = 0;
    for (int i = 0; i < j->both.n_columns; i++) {
        struct scope_column c = j->both.columns[i];
        bool                of_table = c.index >= j->parts.n_stream;
        if (of_table && j->parts.kind >= JOIN_SEMI)
            continue;
        c.index += of_table ? shift : 0;
        j->both.columns[n++] = c;
    }
    j->both.n_columns = n;
}

bool plan__bind_join(struct binder *b, const struct ast_rel *rel, struct bound *out)
{
    struct join_bind  j = {.b = b, .rel = rel};
    struct plan_scope s;
    int               shift = 0;
    if (!refuse_kind(&j) || !plan__bind_relation(b, rel->left, &j.left) ||
        !plan__bind_relation(b, rel->right, &j.right) || !choose_sides(&j) || !name_both(&j))
        return false;
    plan__scope(&s, b, &j.both);
    if (rel->n_using > JOIN_KEYS_MAX || !(rel->on ? plan__join_on(b, &j.parts, rel->on, &s) : read_using(&j)))
        return false;
    if (j.parts.n_keys == 0)
        return plan__refuse(b, rel->place, "E_JOIN_KEYS", "write ON stream.column = table.column, or USING (column)",
                            "a join needs at least one equality between the stream and the table");
    struct plan_node *n = plan__join(b, &j.parts, &shift);
    name_result(&j, shift);
    *out = (struct bound){.node = n, .columns = j.both.columns, .n_columns = j.both.n_columns, .stream = true};
    if (n && j.parts.kind >= JOIN_SEMI && !(out->compared = arena_copy(b->arena, j.table, sizeof *j.table)))
        return plan__no_memory(b);
    return n != NULL;
}
