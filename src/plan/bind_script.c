/* SPDX-License-Identifier: MIT */
/* Statements: views are remembered, each streaming table becomes a plan. TBLPROPERTIES are read here. */
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "base/interval.h"
#include "plan/plan_priv.h"

#define TRIGGER_DEFAULT_US 10000000

/* ---- properties ---- */

enum property_kind {
    PROP_TRIGGER,
    PROP_IDLE,
    PROP_FUTURE,
    PROP_MALFORMED,
    PROP_ERROR,
    PROP_REJECTS,
    PROP_LATE,
    PROP_QUARANTINE,
    PROP_TABLE
};

static const struct property_row {
    const char        *key;
    enum property_kind kind;
    const char        *values; /* "a|b|c", or NULL for any */
} property_rows[] = {
    {"pipelines.trigger.interval", PROP_TRIGGER, NULL},
    {"millrace.idleTimeout", PROP_IDLE, NULL},
    {"millrace.maxFutureSkew", PROP_FUTURE, NULL},
    {"millrace.onMalformed", PROP_MALFORMED, "keep|reject|fail"},
    {"millrace.onError", PROP_ERROR, "fail|reject"},
    {"millrace.rejects", PROP_REJECTS, NULL},
    {"millrace.late", PROP_LATE, NULL},
    {"millrace.quarantine", PROP_QUARANTINE, NULL},
    {"delta.appendOnly", PROP_TABLE, "true|false"},
    {"delta.parquet.compression.codec", PROP_TABLE, "zstd|snappy|none|uncompressed"},
    {"delta.checkpointInterval", PROP_TABLE, NULL},
    {"delta.deletedFileRetentionDuration", PROP_TABLE, NULL},
    {"delta.logRetentionDuration", PROP_TABLE, NULL},
    {"delta.dataSkippingNumIndexedCols", PROP_TABLE, NULL},
    {"delta.targetFileSize", PROP_TABLE, NULL},
    {"delta.autoOptimize.autoCompact", PROP_TABLE, "true|false"},
    {"delta.autoOptimize.optimizeWrite", PROP_TABLE, "true|false"},
};
#define N_PROPERTIES ((int)(sizeof property_rows / sizeof property_rows[0]))

/* Position of the value in "a|b|c", ignoring case; -1 when it is none of them. */
static int choice(const char *values, const char *value)
{
    size_t n = strlen(value);
    for (int i = 0; *values; i++) {
        size_t length = strcspn(values, "|");
        if (length == n && strncasecmp(values, value, n) == 0)
            return i;
        values += length + (values[length] == '|');
    }
    return -1;
}

/* A duration of at least `least` us; what: "a trigger interval". */
static bool set_duration(struct binder *b, const struct ast_property *p, int64_t least, const char *what, int64_t *out)
{
    struct error e;
    int32_t      months = 0;
    if (interval_parse(p->value, out, &months, &e) != OK || months || *out < least) {
        struct diag *g = diag_error(b->diags, p->value_place, "E_PROPERTY", "\"%s\" cannot be %s", p->value, what);
        diag_hint(b->diags, g, "write '10 seconds', '500 milliseconds' or '1 minute'");
        return false;
    }
    return true;
}

static bool keep_for_table(struct binder *b, const char *key, const char *value)
{
    struct plan          *p = b->plan;
    struct plan_property *more = plan__alloc(b, (size_t)(p->n_properties + 1) * sizeof *more);
    if (!more)
        return false;
    if (p->n_properties)
        memcpy(more, p->properties, (size_t)p->n_properties * sizeof *more);
    more[p->n_properties++] = (struct plan_property){key, value};
    p->properties = more;
    return true;
}

/* A folder of this machine; file:/// is taken off. Other stores are refused, not mistaken for folders. */
static bool local_folder(struct binder *b, const char *value, struct place at, const char **out)
{
    const char *scheme = strstr(value, ":/");
    *out = value;
    if (!*value) {
        diag_error(b->diags, at, "E_UNSUPPORTED", "the name of the folder is empty");
        return false;
    }
    if (strncmp(value, "file:/", 6) == 0) {
        *out = value + (strncmp(value, "file:///", 8) == 0 ? 7 : 5);
        return true;
    }
    if (!scheme || strcspn(value, "/") < (size_t)(scheme - value))
        return true;
    struct diag *g = diag_error(b->diags, at, "E_UNSUPPORTED",
                                "tables are written to local folders, not to %.*s:", (int)(scheme - value), value);
    diag_hint(b->diags, g, "name a folder, or mount the store as one");
    return false;
}

static bool set_property(struct binder *b, const struct property_row *row, const struct ast_property *p)
{
    int at = row->values ? choice(row->values, p->value) : 0;
    if (at < 0) {
        struct diag *g =
            diag_error(b->diags, p->value_place, "E_PROPERTY", "\"%s\" is no value of %s", p->value, row->key);
        diag_hint(b->diags, g, "one of: %s", row->values);
        return false;
    }
    switch (row->kind) {
    case PROP_TRIGGER:
        return set_duration(b, p, 0, "a trigger interval", &b->plan->trigger_us);
    case PROP_IDLE:
        return set_duration(b, p, 1, "an idle timeout", &b->plan->idle_us);
    case PROP_FUTURE:
        return set_duration(b, p, 1, "a distance from the clock", &b->plan->future_us);
    case PROP_MALFORMED:
        b->plan->on_malformed = (enum plan_malformed)at;
        return true;
    case PROP_ERROR:
        b->plan->reject_errors = at == 1;
        return true;
    case PROP_REJECTS:
        return local_folder(b, p->value, p->value_place, &b->plan->rejects);
    case PROP_LATE:
        return local_folder(b, p->value, p->value_place, &b->plan->late);
    case PROP_QUARANTINE:
        return local_folder(b, p->value, p->value_place, &b->plan->quarantine);
    case PROP_TABLE:
        return keep_for_table(b, row->key, p->value);
    }
    return false;
}

static bool is_ours(const char *key)
{
    return strncasecmp(key, "millrace.", 9) == 0 || strncasecmp(key, "pipelines.", 10) == 0 ||
           strncasecmp(key, "delta.", 6) == 0;
}

static bool bind_property(struct binder *b, const struct ast_property *p)
{
    const char *names[N_PROPERTIES];
    for (int i = 0; i < N_PROPERTIES; i++) {
        names[i] = property_rows[i].key;
        if (strcasecmp(property_rows[i].key, p->key) == 0)
            return set_property(b, &property_rows[i], p);
    }
    const char *near = nearest_name(p->key, names, N_PROPERTIES);
    if (!near && !is_ours(p->key)) /* the user's own, such as 'quality' = 'gold' */
        return keep_for_table(b, p->key, p->value);
    struct diag *g = diag_error(b->diags, p->place, "E_PROPERTY", "unknown property \"%s\"", p->key);
    if (near)
        diag_hint(b->diags, g, "did you mean \"%s\"?", near);
    return false;
}

bool plan__bind_properties(struct binder *b, const struct ast_statement *s)
{
    bool ok = true;
    b->plan->trigger_us = TRIGGER_DEFAULT_US;
    for (int i = 0; i < s->n_properties; i++) {
        for (int k = 0; k < i; k++)
            if (strcasecmp(s->properties[k].key, s->properties[i].key) == 0) {
                diag_error(b->diags, s->properties[i].place, "E_PROPERTY", "property \"%s\" is given twice",
                           s->properties[i].key);
                ok = false;
            }
        ok = bind_property(b, &s->properties[i]) && ok;
    }
    return ok;
}

/* ---- what Delta can take ---- */

static bool check_type(struct binder *b, const struct type *t, const char *name, struct place at)
{
    bool ok = true;
    if (t->kind == TYPE_NULL || t->kind == TYPE_INTERVAL) {
        struct diag *g = diag_error(b->diags, at, "E_COLUMN_TYPE", "column \"%s\" of type %s cannot be stored in Delta",
                                    name, type_kind_name(t->kind));
        diag_hint(b->diags, g, "CAST it to a type that can");
        return false;
    }
    int n_parts = t->kind == TYPE_ARRAY ? 1 : t->kind == TYPE_MAP ? 2 : t->n_fields;
    for (int i = 0; i < n_parts; i++)
        ok = check_type(b, t->fields[i].type, t->kind == TYPE_STRUCT ? t->fields[i].name : name, at) && ok;
    return ok;
}

static bool check_schema(struct binder *b, const struct ast_statement *s, const struct type *schema)
{
    bool ok = true;
    for (int i = 0; i < schema->n_fields; i++) {
        const char  *name = schema->fields[i].name;
        struct place at =
            s->query->kind == AST_SELECT && i < s->query->n_items ? s->query->items[i].place : s->query->place;
        if (name[strcspn(name, " ,;{}()\n\t=")]) {
            struct diag *g =
                diag_error(b->diags, at, "E_COLUMN_NAME", "Delta does not take the column name \"%s\"", name);
            diag_hint(b->diags, g, "alias it: ... AS a_name");
            ok = false;
        }
        if (type_field_index(schema, name) == -2) {
            struct diag *g = diag_error(b->diags, at, "E_COLUMN_NAME", "two columns are named \"%s\"", name);
            diag_hint(b->diags, g, "alias one of them (names ignore case)");
            ok = false;
        }
        ok = check_type(b, schema->fields[i].type, name, at) && ok;
    }
    return ok;
}

static bool check_partitions(struct binder *b, const struct ast_statement *s, const struct type *schema)
{
    bool ok = true;
    for (int i = 0; i < s->n_partitioned_by; i++) {
        const char *name = s->partitioned_by[i];
        int         at = type_field_index(schema, name);
        if (at >= 0 && schema->fields[at].type->kind < TYPE_STRUCT && schema->fields[at].type->kind != TYPE_BINARY)
            continue;
        struct diag *g = diag_error(b->diags, s->partitioned_by_places[i], "E_PARTITION",
                                    at < 0 ? "PARTITIONED BY names the unknown column \"%s\""
                                           : "a table cannot be partitioned by \"%s\": its type has no text form",
                                    name);
        const char  *names[512];
        int          n = schema->n_fields < 512 ? schema->n_fields : 512;
        for (int k = 0; k < n; k++)
            names[k] = schema->fields[k].name;
        const char *near = at < 0 ? nearest_name(name, names, n) : NULL;
        if (near)
            diag_hint(b->diags, g, "did you mean \"%s\"?", near);
        ok = false;
    }
    if (ok && s->n_partitioned_by >= schema->n_fields) {
        diag_error(b->diags, s->place, "E_PARTITION", "a table needs at least one column that is not a partition");
        ok = false;
    }
    return ok;
}

/* ---- folders ---- */

/* Is it one folder, as far as names tell: "./x//y/" is "x/y". */
static bool same_folder(const char *a, const char *b)
{
    bool same = (a[0] == '/') == (b[0] == '/');
    while (same && (*a || *b)) {
        size_t n = strcspn(a, "/"), m = strcspn(b, "/");
        bool   skip_a = *a && (n == 0 || (n == 1 && a[0] == '.'));
        bool   skip_b = !skip_a && *b && (m == 0 || (m == 1 && b[0] == '.'));
        if (!skip_a && !skip_b)
            same = n == m && memcmp(a, b, n) == 0;
        a += skip_b ? 0 : n + (a[n] == '/');
        b += skip_a ? 0 : m + (b[m] == '/');
    }
    return same;
}

/* A table and its side tables have a folder each: of two in one, a restart could not tell who has written what. */
static bool check_folders(struct binder *b, const struct ast_statement *s)
{
    static const char *const keys[] = {NULL, "millrace.late", "millrace.rejects", "millrace.quarantine"};
    const struct plan       *p = b->plan;
    const char              *folders[] = {p->location, p->late, p->rejects, p->quarantine};
    for (int i = 1; i < 4; i++)
        for (int k = 0; folders[i] && k < i; k++) {
            struct place at = s->place;
            if (!folders[k] || !same_folder(folders[i], folders[k]))
                continue;
            for (int n = 0; n < s->n_properties; n++)
                at = strcasecmp(s->properties[n].key, keys[i]) == 0 ? s->properties[n].value_place : at;
            struct diag *g = diag_error(b->diags, at, "E_PROPERTY", "%s is the folder of %s", keys[i],
                                        keys[k] ? keys[k] : "the table");
            diag_hint(b->diags, g, "give each table a folder of its own");
            return false;
        }
    return true;
}

/* ---- statements ---- */

static bool bind_head(struct binder *b, const struct ast_statement *s)
{
    struct plan *p = b->plan;
    bool         ok = plan__bind_properties(b, s);
    p->name = s->name;
    p->comment = s->comment;
    p->partition_by = s->partitioned_by;
    p->n_partition_by = s->n_partitioned_by;
    p->location = s->location;
    if (s->location && !local_folder(b, s->location, s->location_place, &p->location))
        ok = false;
    if (!p->location)
        p->location = arena_printf(b->arena, "%s/%s", b->env->warehouse, s->name);
    if (s->format && strcasecmp(s->format, "delta") != 0) {
        diag_error(b->diags, s->format_place, "E_FORMAT", "tables are written as delta, not %s", s->format);
        ok = false;
    }
    if (!p->location)
        return plan__no_memory(b);
    return check_folders(b, s) && ok;
}

/* Aliased or computed names would show in every commit: the query's name is a name only. */
static bool check_name(struct binder *b, const struct ast_statement *s)
{
    if (s->name[0] && !s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] &&
        s->name[0] != '.')
        return true;
    diag_error(b->diags, s->name_place, "E_NAME", "a table's name is made of letters, digits, _ and -");
    return false;
}

static bool bind_table(struct binder *b, const struct ast_statement *s)
{
    struct bound out = {0};
    bool         ok = check_name(b, s);
    ok = bind_head(b, s) && ok;
    if (!plan__bind_query(b, s->query, &out))
        return false;
    if (!out.stream) {
        diag_error(b->diags, s->query->place, "E_NOT_A_STREAM", "a streaming table must read a stream");
        return false;
    }
    struct plan *p = b->plan;
    p->schema = out.node->schema;
    if (!((int)check_schema(b, s, p->schema) & (int)check_partitions(b, s, p->schema)) || !ok)
        return false;
    if (!plan__bind_expectations(b, s, &out))
        return false;
    p->root = plan__push_filters(b, out.node);
    p->root = p->root ? plan__merge_projects(b, p->root) : NULL;
    p->root = p->root ? plan__prune(b, p->root) : NULL;
    return p->root != NULL;
}

static bool check_duplicates(const struct ast_script *script, struct diags *diags)
{
    bool ok = true;
    for (int i = 0; i < script->n_statements; i++)
        for (int k = 0; k < i; k++) {
            const struct ast_statement *a = script->statements[k], *b = script->statements[i];
            if (strcasecmp(a->name, b->name) != 0 || b->or_replace)
                continue;
            struct diag *g = diag_error(diags, b->name_place, "E_NAME", "\"%s\" is defined twice", b->name);
            if (b->kind == AST_CREATE_VIEW)
                diag_hint(diags, g, "CREATE OR REPLACE TEMPORARY VIEW replaces it");
            ok = false;
        }
    return ok;
}

bool plan_script(const struct ast_script *script, const struct plan_environment *env, struct arena *a,
                 struct diags *diags, struct plan **out, int *n_out)
{
    struct binder b = {.arena = a, .diags = diags, .env = env};
    bool          ok = check_duplicates(script, diags);
    int           n = 0;
    *n_out = 0;
    *out = plan__alloc(&b, (size_t)script->n_statements * sizeof **out);
    for (int i = 0; *out && i < script->n_statements; i++) {
        const struct ast_statement *s = script->statements[i];
        if (s->kind == AST_CREATE_VIEW) {
            struct named_view *v = plan__alloc(&b, sizeof *v);
            if (!v)
                return false;
            *v = (struct named_view){.name = s->name, .query = s->query, .older = b.views};
            b.views = v;
            continue;
        }
        b.plan = &(*out)[n++];
        b.plan->arena = a;
        ok = bind_table(&b, s) && ok;
    }
    if (ok && n == 0) {
        diag_error(diags, (struct place){0, 0}, "E_NO_TABLE", "the file creates no streaming table");
        ok = false;
    }
    if (!*out || !ok || diags->n_errors)
        return false;
    *n_out = n;
    return true;
}
