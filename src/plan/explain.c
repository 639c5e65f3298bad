/* SPDX-License-Identifier: MIT */
/* The plan for people (EXPLAIN), for programs (JSON) and for the checkpoint (the fingerprint). */
#include <inttypes.h>
#include <stdio.h>

#include "plan/plan_priv.h"
#include "json/write.h"

/* ---- pieces ---- */

static void put_type(const struct type *t, char *out, size_t size)
{
    struct buf b;
    buf_init(&b, TAG_SQL, 1 << 20);
    type_print(t, &b);
    snprintf(out, size, "%s", buf_text(&b));
    buf_fini(&b);
}

static void put_duration(struct buf *out, int64_t us)
{
    if (us % 1000000 == 0)
        buf_printf(out, "%" PRId64 " s", us / 1000000);
    else if (us % 1000 == 0)
        buf_printf(out, "%" PRId64 " ms", us / 1000);
    else
        buf_printf(out, "%" PRId64 " us", us);
}

static void put_columns(const struct type *schema, const int *columns, int n, struct buf *out)
{
    for (int i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", schema->fields[columns[i]].name);
}

static void put_window(const struct plan_node *n, struct buf *out)
{
    const struct type *in = n->input->schema;
    if (n->window.kind == WINDOW_NONE) {
        buf_printf(out, "event time %s", in->fields[n->event_column].name);
    } else if (n->window.kind == WINDOW_GIVEN) {
        buf_printf(out, "window %s", in->fields[n->event_column].name);
    } else if (n->window.kind == WINDOW_SESSION) {
        buf_puts(out, "session with a gap of ");
        put_duration(out, n->window.size_us);
        buf_printf(out, " on %s", in->fields[n->event_column].name);
    } else {
        buf_printf(out, "%s of ", n->window.slide_us == n->window.size_us ? "tumbling" : "sliding");
        put_duration(out, n->window.size_us);
        if (n->window.slide_us != n->window.size_us) {
            buf_puts(out, " every ");
            put_duration(out, n->window.slide_us);
        }
        if (n->window.start_us) {
            buf_puts(out, " from ");
            put_duration(out, n->window.start_us);
        }
        buf_printf(out, " on %s", in->fields[n->event_column].name);
    }
    buf_puts(out, "; keys [");
    put_columns(in, n->keys, n->n_keys_grouped, out);
    buf_puts(out, "]; ");
    for (int i = 0; i < n->n_aggregates; i++)
        buf_printf(out, "%s%s", i ? ", " : "", n->aggregates[i].label);
}

static void put_source(const struct plan *p, const struct plan_node *n, struct buf *out)
{
    const struct plan_source *s = &p->sources[n->leaf];
    char                      type[4096];
    buf_printf(out, "%s; decodes ", s->relation.label);
    for (int i = 0; i < s->decoded->n_fields; i++) {
        buf_puts(out, i ? ", " : "");
        if (s->columns[i].from == FROM_COLUMN) {
            buf_puts(out, s->decoded->fields[i].name);
            continue;
        }
        put_type(s->columns[i].json_type, type, sizeof type);
        buf_printf(out, "from_json(%s) as %s", s->columns[i].from == FROM_VALUE_JSON ? "value" : "key", type);
    }
    if (s->decoded->n_fields == 0)
        buf_puts(out, "nothing");
}

static const char *node_name(const struct plan_node *n)
{
    static const char *const names[] = {"Source", "Table",  "Filter",  "Project", "Watermark",
                                        "Join",   "Window", "Explode", "Union"};
    static const char *const joins[] = {"Join", "LeftJoin", "SemiJoin", "AntiJoin"};
    return n->kind == PLAN_JOIN ? joins[n->join] : names[n->kind];
}

static void put_detail(const struct plan *p, const struct plan_node *n, struct buf *out)
{
    switch (n->kind) {
    case PLAN_SOURCE:
        put_source(p, n, out);
        break;
    case PLAN_TABLE:
        buf_puts(out, p->tables[n->leaf].label);
        break;
    case PLAN_FILTER:
        expr_print(n->predicate, n->input->schema, out);
        break;
    case PLAN_PROJECT:
        for (int i = 0; i < n->schema->n_fields; i++) {
            buf_puts(out, i ? ", " : "");
            expr_print(n->exprs[i], n->input->schema, out);
            buf_printf(out, " AS %s", n->schema->fields[i].name);
        }
        break;
    case PLAN_WATERMARK:
        buf_printf(out, "%s, delay ", p->clauses[n->clause].column);
        put_duration(out, p->clauses[n->clause].delay_ms * 1000);
        break;
    case PLAN_JOIN:
        for (int i = 0; i < n->n_keys; i++)
            buf_printf(out, "%s%s = %s", i ? ", " : "", n->input->schema->fields[n->probe[i]].name,
                       n->other->schema->fields[n->build[i]].name);
        if (n->null_aware)
            buf_puts(out, ", or NULL on either side");
        if (n->predicate) {
            buf_puts(out, " and ");
            expr_print(n->predicate, n->both, out);
        }
        break;
    case PLAN_WINDOW:
        put_window(n, out);
        break;
    case PLAN_EXPLODE:
        expr_print(n->input->exprs[n->input->schema->n_fields - 1], n->input->input->schema, out);
        break;
    case PLAN_UNION:
        buf_puts(out, "all");
        break;
    }
}

/* ---- text ---- */

static void print_node(const struct plan *p, const struct plan_node *n, int depth, struct buf *out)
{
    buf_printf(out, "%*s%s ", depth * 2, "", node_name(n));
    put_detail(p, n, out);
    buf_u8(out, '\n');
    if (n->input)
        print_node(p, n->input, depth + 1, out);
    if (n->other)
        print_node(p, n->other, depth + 1, out);
}

static const char *const violations[] = {"counted", "dropped", "the query fails"};

static void print_guards(const struct plan *p, struct buf *out)
{
    if (p->idle_us) {
        buf_puts(out, "  closes open windows when nothing has come for ");
        put_duration(out, p->idle_us);
        buf_u8(out, '\n');
    }
    if (p->future_us) {
        buf_puts(out, "  rejects rows that are ahead of the clock by more than ");
        put_duration(out, p->future_us);
        buf_u8(out, '\n');
    }
}

static void print_expectations(const struct plan *p, struct buf *out)
{
    for (int i = 0; i < p->expect.n_rules; i++) {
        buf_printf(out, "  expects %s: ", p->expect.rules[i].name);
        expr_print(p->expect.rules[i].condition, p->schema, out);
        buf_printf(out, "; else %s\n", violations[p->expect.rules[i].action]);
    }
    if (p->quarantine)
        buf_printf(out, "  rows that do not go to %s\n", p->quarantine);
}

void plan_explain_text(const struct plan *p, struct buf *out)
{
    char type[8192];
    put_type(p->schema, type, sizeof type);
    buf_printf(out, "Query %s\n  writes %s as %s\n  every ", p->name, p->location, type);
    put_duration(out, p->trigger_us);
    buf_puts(out, p->n_windows ? "; state: open windows, closed by the watermark\n" : "; no state\n");
    print_guards(p, out);
    print_expectations(p, out);
    print_node(p, p->root, 1, out);
}

/* ---- JSON ---- */

static void json_node(const struct plan *p, const struct plan_node *n, struct json_writer *w)
{
    struct buf detail;
    buf_init(&detail, TAG_SQL, 1 << 20);
    put_detail(p, n, &detail);
    json_begin_object(w);
    json_member_string(w, "operator", node_name(n));
    json_member_string(w, "detail", buf_text(&detail));
    json_key(w, "columns");
    json_begin_array(w);
    for (int i = 0; i < n->schema->n_fields; i++) {
        char type[4096];
        put_type(n->schema->fields[i].type, type, sizeof type);
        json_begin_object(w);
        json_member_string(w, "name", n->schema->fields[i].name);
        json_member_string(w, "type", type);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "inputs");
    json_begin_array(w);
    if (n->input)
        json_node(p, n->input, w);
    if (n->other)
        json_node(p, n->other, w);
    json_end_array(w);
    json_end_object(w);
    buf_fini(&detail);
}

const char *plan_violation_name(enum expect_action action)
{
    static const char *const names[] = {"keep", "drop", "fail"};
    return names[action];
}

static void json_expectation(const struct plan *p, const struct expect_rule *r, struct json_writer *w)
{
    struct buf condition;
    buf_init(&condition, TAG_SQL, 1 << 20);
    expr_print(r->condition, p->schema, &condition);
    json_begin_object(w);
    json_member_string(w, "name", r->name);
    json_member_string(w, "condition", buf_text(&condition));
    json_member_string(w, "on_violation", plan_violation_name(r->action));
    json_end_object(w);
    buf_fini(&condition);
}

void plan_explain_json(const struct plan *p, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, "query", p->name);
    json_member_string(&w, "location", p->location);
    json_member_int(&w, "trigger_us", p->trigger_us);
    json_member_bool(&w, "stateful", p->n_windows > 0);
    json_key(&w, "expectations");
    json_begin_array(&w);
    for (int i = 0; i < p->expect.n_rules; i++)
        json_expectation(p, &p->expect.rules[i], &w);
    json_end_array(&w);
    json_key(&w, "plan");
    json_node(p, p->root, &w);
    json_end_object(&w);
}

/* ---- fingerprint ---- */

/* What a WINDOW node's input columns are computed from: renaming a column is no change, another expression is. */
static void window_aspect(const struct plan_node *w, struct buf *out)
{
    char                     type[4096];
    static const char *const kinds[] = {"", "", "session ", "given "};
    buf_printf(out, "%s%" PRId64 "/%" PRId64 "/%" PRId64, kinds[w->window.kind], w->window.size_us, w->window.slide_us,
               w->window.start_us);
    for (int i = 0; i < w->n_keys_grouped; i++) {
        put_type(w->input->schema->fields[w->keys[i]].type, type, sizeof type);
        buf_printf(out, "; key %s %s", w->schema->fields[1 + i].name, type);
    }
    for (int i = 0; i < w->n_aggregates; i++)
        buf_printf(out, "; %s", w->aggregates[i].label);
}

/* All windows, in the order in which their state is saved. */
static void window_aspects(const struct plan_node *n, struct buf *out)
{
    if (!n)
        return;
    window_aspects(n->input, out);
    window_aspects(n->other, out);
    if (n->kind != PLAN_WINDOW)
        return;
    buf_puts(out, out->size ? " | " : "");
    window_aspect(n, out);
}

void plan_fingerprint(const struct plan *p, struct buf *out)
{
    struct json_writer w;
    struct buf         text;
    char               type[8192];
    buf_init(&text, TAG_SQL, 1 << 20);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "sources");
    json_begin_array(&w);
    for (int i = 0; i < p->n_sources; i++)
        json_put_string(&w, p->sources[i].relation.identity);
    json_end_array(&w);
    json_member_int(&w, "watermarks", p->n_clauses);
    json_key(&w, "window");
    window_aspects(p->root, &text);
    json_put_string(&w, buf_text(&text));
    json_key(&w, "output");
    put_type(p->schema, type, sizeof type);
    json_put_string(&w, type);
    json_member_string(&w, "location", p->location);
    json_end_object(&w);
    buf_fini(&text);
}
