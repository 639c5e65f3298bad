/* SPDX-License-Identifier: MIT */
#include "pipeline/relations.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sql/parse.h"

/* The text of a constant argument; NULL after a diagnostic. */
static const char *constant(const struct ast_expr *x, struct diags *d)
{
    if (x->kind == AST_STRING || x->kind == AST_INTEGER || x->kind == AST_DECIMAL)
        return x->text;
    if (x->kind == AST_BOOLEAN)
        return x->integer ? "true" : "false";
    diag_error(d, x->place, "E_OPTION", "an option takes a text, a number without a sign, true or false");
    return NULL;
}

/* ---- read_kafka ---- */

static const struct type *kafka_schema(struct arena *a, bool headers)
{
    const struct field header[] = {{"key", type_of(TYPE_STRING), true}, {"value", type_of(TYPE_BINARY), true}};
    const struct type *pair = type_struct(a, header, 2), *list = pair ? type_array(a, pair, true) : NULL;
    const struct field fields[] = {
        {"key", type_of(TYPE_BINARY), true},        {"value", type_of(TYPE_BINARY), true},
        {"topic", type_of(TYPE_STRING), true},      {"partition", type_of(TYPE_INT), true},
        {"offset", type_of(TYPE_BIGINT), true},     {"timestamp", type_of(TYPE_TIMESTAMP), true},
        {"timestampType", type_of(TYPE_INT), true}, {"headers", list, true}};
    return list ? type_struct(a, fields, sizeof fields / sizeof fields[0] - !headers) : NULL;
}

/* Java's String.matches, as Spark asks of every topic. */
static bool check_pattern(const struct kafka_options *o, struct diags *d)
{
    char why[200];
    if (!o->pattern || expr_pattern_check(o->pattern, why, sizeof why))
        return true;
    diag_error(d, o->topics_place, "E_OPTION", "the pattern of subscribePattern cannot be used: %s", why);
    return false;
}

static bool bind_kafka(void *arg, const struct ast_expr *call, struct arena *a, struct diags *d,
                       struct plan_relation *out)
{
    struct kafka_relation *r = arena_zalloc(a, sizeof *r);
    bool                   ok = r != NULL;
    (void)arg;
    if (!ok)
        return false;
    kafka_options_init(&r->options, a);
    for (int i = 0; i < call->n_args; i++) {
        const char *name = call->names ? call->names[i] : NULL, *value = constant(call->args[i], d);
        if (!name) {
            diag_error(d, call->args[i]->place, "E_OPTION", "read_kafka takes name => value");
            ok = false;
        } else if (!value ||
                   !kafka_options_set(&r->options, name, value, call->args[i]->place, call->args[i]->place, d)) {
            ok = false;
        }
    }
    if (!ok || !kafka_options_check(&r->options, call->place, d) || !check_pattern(&r->options, d))
        return false;
    struct buf topics;
    buf_init(&topics, TAG_SQL, 1 << 20);
    for (int i = 0; i < r->options.n_topics; i++)
        buf_printf(&topics, "%s%s", i ? "," : "", r->options.topics[i]);
    if (r->options.pattern)
        buf_printf(&topics, "pattern %s", r->options.pattern);
    for (int i = 0; i < r->options.n_assign; i++)
        buf_printf(&topics, " %s-%d", r->options.assign[i].topic, r->options.assign[i].partition);
    out->schema = kafka_schema(a, r->options.headers);
    out->stream = true;
    out->identity = arena_strdup(a, buf_text(&topics));
    out->label = arena_printf(a, "read_kafka(%s)", buf_text(&topics));
    out->handle = r;
    buf_fini(&topics);
    return out->schema && out->identity && out->label;
}

/* ---- read_files ---- */

struct files_binding {
    struct files_relation *r;
    const char            *schema, *base_dir;
    struct place           schema_at;
    bool                   format_given;
    struct arena          *arena;
    struct diags          *d;
};

static bool files_option(struct files_binding *b, const char *name, const char *value, struct place at)
{
    static const char *const names[] = {"format", "header", "schema", "sep", "delimiter"};
    if (strcasecmp(name, "format") == 0) {
        b->format_given = true;
        b->r->spec.json = strcasecmp(value, "json") == 0;
        if (b->r->spec.json || strcasecmp(value, "csv") == 0)
            return true;
        diag_error(b->d, at, "E_OPTION", "read_files reads csv and json, not \"%s\"", value);
        return false;
    }
    if (strcasecmp(name, "header") == 0)
        b->r->spec.header = strcasecmp(value, "true") == 0;
    else if (strcasecmp(name, "schema") == 0) {
        b->schema = value;
        b->schema_at = at;
    } else if (strcasecmp(name, "sep") == 0 || strcasecmp(name, "delimiter") == 0)
        b->r->spec.separator = value[0];
    else {
        struct diag *g = diag_error(b->d, at, "E_OPTION", "read_files has no option \"%s\"", name);
        const char  *near = nearest_name(name, names, 5);
        if (near)
            diag_hint(b->d, g, "did you mean \"%s\"?", near);
        return false;
    }
    return true;
}

static bool files_schema(struct files_binding *b, struct place at)
{
    struct ast_type   *t = NULL;
    struct diags       inner;
    struct expr_binder eb = {.arena = b->arena, .diags = &inner};
    diags_init(&inner, b->arena);
    if (!b->schema) {
        struct diag *g = diag_error(b->d, at, "E_OPTION", "read_files needs a schema");
        diag_hint(b->d, g, "schema => 'ad_id STRING, campaign_id STRING'");
        return false;
    }
    if (sql_parse_type(b->schema, b->arena, &inner, &t, NULL) != OK || !expr_type_of_ast(&eb, t, &b->r->spec.schema) ||
        b->r->spec.schema->kind != TYPE_STRUCT) {
        diag_error(b->d, b->schema_at, "E_SCHEMA", "in the schema: %s",
                   inner.n ? inner.items[0].text : "it must be fields");
        return false;
    }
    return true;
}

static bool bind_files(void *arg, const struct ast_expr *call, struct arena *a, struct diags *d,
                       struct plan_relation *out)
{
    struct files_relation *r = arena_zalloc(a, sizeof *r);
    struct files_binding   b = {.r = r, .base_dir = arg, .arena = a, .d = d};
    bool                   ok = r != NULL;
    if (!ok)
        return false;
    r->spec.separator = ',';
    for (int i = 0; i < call->n_args; i++) {
        const char *name = call->names ? call->names[i] : NULL, *value = constant(call->args[i], d);
        if (!value)
            ok = false;
        else if (!name)
            r->spec.path = value[0] == '/' ? value : arena_printf(a, "%s/%s", b.base_dir, value);
        else
            ok = files_option(&b, name, value, call->args[i]->place) && ok;
    }
    if (!r->spec.path) {
        diag_error(d, call->place, "E_ARGUMENTS", "read_files needs a path");
        ok = false;
    }
    if (!b.format_given && r->spec.path)
        r->spec.json = strstr(r->spec.path, ".json") || strstr(r->spec.path, ".ndjson");
    if (!files_schema(&b, call->place) || !ok)
        return false;
    *out = (struct plan_relation){.schema = r->spec.schema,
                                  .label = arena_printf(a, "read_files(%s)", r->spec.path),
                                  .identity = "",
                                  .handle = r};
    return out->label != NULL;
}

void relations_fill(struct plan_relation_kind kinds[RELATION_KINDS], const char *base_dir)
{
    kinds[0] = (struct plan_relation_kind){.name = "read_kafka", .stream = true, .bind = bind_kafka};
    kinds[1] =
        (struct plan_relation_kind){.name = "read_files", .bind = bind_files, .arg = (void *)(uintptr_t)base_dir};
}
