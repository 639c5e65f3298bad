/* SPDX-License-Identifier: MIT */
/* What is refused, the edits of a statement, and which form is written. */
#include "export/export.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "export/export_priv.h"
#include "sql/unparse.h"
#include "text/time.h"

struct buf *export__cell(struct exporter *x, bool prose)
{
    if (x->n_cells == CELLS_MAX) {
        x->failed = true;
        return &x->cells[CELLS_MAX - 1].text;
    }
    struct cell *c = &x->cells[x->n_cells++];
    c->prose = prose;
    buf_init(&c->text, TAG_SQL, EXPORT_TEXT_MAX);
    return &c->text;
}

bool export__refuse(struct exporter *x, struct place at, const char *hint, const char *format, ...)
{
    char    text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct diag *g = diag_error(x->diags, at, "E_EXPORT", "%s", text);
    if (hint)
        diag_hint(x->diags, g, "%s", hint);
    x->failed = true;
    return false;
}

/* ---- properties ---- */

bool export__in_list(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (strncasecmp(p, name, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return false;
}

const struct ast_property *export__property(const struct ast_statement *s, const char *key)
{
    for (int i = 0; i < s->n_properties; i++)
        if (strcasecmp(s->properties[i].key, key) == 0)
            return &s->properties[i];
    return NULL;
}

bool export__keeps(const struct ast_property *p)
{
    return strncasecmp(p->key, "millrace.", 9) != 0 && strncasecmp(p->key, "pipelines.", 10) != 0;
}

/* Properties that say what Spark does anyway. */
static bool is_sparks_way(const struct ast_property *p)
{
    return (strcasecmp(p->key, "millrace.onMalformed") == 0 && strcasecmp(p->value, "keep") == 0) ||
           (strcasecmp(p->key, "millrace.onError") == 0 && strcasecmp(p->value, "fail") == 0);
}

static bool check_statement(struct exporter *x, const struct ast_statement *s)
{
    bool ok = true;
    for (int i = 0; i < s->n_properties; i++) {
        const struct ast_property *p = &s->properties[i];
        if (strncasecmp(p->key, "millrace.", 9) != 0 || is_sparks_way(p) || export__in_list(x->r->without, p->key))
            continue;
        char hint[200];
        snprintf(hint, sizeof hint, "--without %s leaves it out", p->key);
        ok = export__refuse(x, p->place, hint, "Spark has nothing like '%s' = '%s'", p->key, p->value);
    }
    if (s->location && (x->r->form == EXPORT_PIPELINE || x->r->form == EXPORT_DATABRICKS))
        ok = export__refuse(x, s->location_place, "leave LOCATION out, or export to pyspark or notebook",
                            "a pipeline decides itself where its tables are");
    return ok;
}

/* ---- relations ---- */

static bool name_is_taken(const struct exporter *x, const char *name)
{
    for (int i = 0; i < x->n_relations; i++)
        if (strcasecmp(x->relations[i].name, name) == 0)
            return true;
    for (int i = 0; i < x->r->script->n_statements; i++)
        if (strcasecmp(x->r->script->statements[i]->name, name) == 0)
            return true;
    return false;
}

/* A name made of a prefix and what is read: kafka_ad_events, files_ads. */
static const char *relation_name(struct exporter *x, const char *prefix, const char *what)
{
    char        name[96];
    const char *slash = strrchr(what, '/');
    size_t      n = (size_t)snprintf(name, sizeof name, "%s_%.60s", prefix, slash ? slash + 1 : what);
    name[strcspn(name, ".,")] = 0;
    for (char *p = name; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
    n = strlen(name);
    for (int i = 2; name_is_taken(x, name) && i < RELATIONS_MAX; i++)
        snprintf(name + n, sizeof name - n, "_%d", i);
    return arena_strdup(x->arena, name);
}

static const char *what_is_read(const struct ast_expr *call)
{
    for (int i = 0; i < call->n_args; i++) {
        bool named = call->names && call->names[i];
        if (call->args[i]->kind == AST_STRING && (!named || strcasecmp(call->names[i], "subscribe") == 0))
            return call->args[i]->text;
    }
    return "records";
}

/* The relation of a call, made once however often it stands in the file. */
static const char *relation(struct exporter *x, const struct ast_expr *call)
{
    bool        kafka = strcasecmp(call->text, "read_kafka") == 0;
    const char *text = arena_printf(x->arena, "%.*s", (int)call->place.length, x->r->text + call->place.at);
    for (int i = 0; i < x->n_relations; i++)
        if (text && strcmp(x->relations[i].text, text) == 0)
            return x->relations[i].name;
    if (!text || x->n_relations == RELATIONS_MAX)
        return NULL;
    const char *name = relation_name(x, kafka ? "kafka" : "files", what_is_read(call));
    if (!name)
        return NULL;
    x->relations[x->n_relations++] = (struct relation){call, name, text};
    if (x->r->form == EXPORT_PIPELINE)
        return name;
    struct buf *out = export__cell(x, false);
    buf_printf(out, "%s = ", name);
    if (!(kafka ? export__kafka_reader : export__files_reader)(x, call, out))
        return NULL;
    buf_printf(out, "\n%s.createOrReplaceTempView(\"%s\")\n", name, name);
    return name;
}

static const char *dotted(struct exporter *x, const struct ast_rel *r)
{
    const char *name = r->parts[0];
    for (int i = 1; i < r->n_parts && name; i++)
        name = arena_printf(x->arena, "%s.%s", name, r->parts[i]);
    return name;
}

/* Spark 3.5: the relation with its watermark as a view of its own. */
static bool watermarked(struct exporter *x, const struct ast_rel *r, const char *core, const struct edits *edits,
                        const char **name)
{
    const struct ast_watermark *w = r->watermark;
    const char                 *column = w->name;
    *name = relation_name(x, "watermarked", core ? core : arena_printf(x->arena, "query_%d", ++x->n_watermarked));
    if (!column && w->expr->kind == AST_COLUMN)
        column = w->expr->parts[w->expr->n_parts - 1];
    if (!column || !*name || x->n_relations == RELATIONS_MAX)
        return export__refuse(x, w->place, "name it: WATERMARK expression AS name DELAY OF ..",
                              "Spark 3.5 takes the watermark of a column");
    x->relations[x->n_relations++] = (struct relation){NULL, *name, ""};
    struct buf *out = export__cell(x, false);
    if (w->name) {
        buf_puts(out, "(spark.sql(");
        struct place p = w->expr->place;
        if (core || rewrite_has_params(&x->source, p))
            return export__refuse(x, w->place, "put the expression into the view below it",
                                  "this WATERMARK expression cannot be exported to Spark 3.5");
        buf_printf(out, "\"SELECT %.*s AS %s, * FROM \" + ", (int)p.length, x->r->text + p.at, w->name);
        export__python_text(x, r->core, edits, out);
        buf_puts(out, ")");
    } else if (core) {
        buf_printf(out, "(spark.table(\"%s\")", core);
    } else {
        buf_puts(out, "(spark.sql(");
        export__python_text(x, r->query->place, edits, out);
        buf_puts(out, ")");
    }
    int64_t ms = w->delay->integer / 1000;
    buf_printf(out, "\n    .withWatermark(\"%s\", \"%lld milliseconds\")\n    .createOrReplaceTempView(\"%s\"))\n",
               column, (long long)ms, *name);
    return true;
}

bool export__each_query(struct exporter *x, const struct ast_expr *condition, export_query_cb *edit,
                        struct edits *edits)
{
    bool ok = !condition || !condition->query || edit(x, condition->query, edits);
    for (int i = 0; ok && condition && i < condition->n_args; i++)
        ok = export__each_query(x, condition->args[i], edit, edits);
    return ok;
}

static bool edit_query(struct exporter *x, const struct ast_query *q, struct edits *edits);

static bool edit_relation(struct exporter *x, const struct ast_rel *r, struct edits *edits)
{
    const char *core = NULL;
    bool        spark3 = x->r->spark3 && x->r->form != EXPORT_PIPELINE;
    if (r->kind == AST_REL_LATERAL_VIEW)
        return edit_relation(x, r->left, edits);
    if (r->kind == AST_REL_JOIN)
        return edit_relation(x, r->left, edits) && edit_relation(x, r->right, edits);
    if (r->kind == AST_REL_SUBQUERY && !edit_query(x, r->query, edits))
        return false;
    if (r->kind == AST_REL_NAME)
        core = dotted(x, r);
    if (r->kind == AST_REL_FUNCTION) {
        if (!(core = relation(x, r->call)))
            return false;
        if (!edits_add(edits, r->core, r->stream && !spark3 ? arena_printf(x->arena, "STREAM %s", core) : core))
            return false;
    } else if (spark3 && r->kind == AST_REL_NAME && r->stream && !edits_add(edits, r->core, core)) {
        return false;
    }
    if (!spark3 || !r->watermark)
        return true;
    const char  *name;
    struct place whole = {r->core.at, r->watermark->place.at + r->watermark->place.length - r->core.at};
    if (!watermarked(x, r, core, edits, &name))
        return false;
    if (r->kind == AST_REL_NAME && !r->alias) /* columns may be qualified by it */
        name = arena_printf(x->arena, "%s AS %s", name, r->parts[r->n_parts - 1]);
    return edits_add(edits, whole, name);
}

/* Windows that are written already are kept out: HAVING window.end > .. */
static bool hide_closed(struct exporter *x, const struct ast_query *q, struct edits *edits)
{
    const struct export_handover *h = x->r->handover;
    char                          when[TIME_TEXT_MAX];
    if (!h || !h->closed_ms || !q->n_group_by)
        return true;
    timestamp_print(h->closed_ms * 1000, when);
    const char  *test = arena_printf(x->arena, "window.end > TIMESTAMP '%s'", when);
    struct place last = q->group_by[q->n_group_by - 1]->place;
    if (!q->having)
        return edits_add(edits, (struct place){last.at + last.length, 0}, arena_printf(x->arena, "\nHAVING %s", test));
    struct place end = {q->having->place.at + q->having->place.length, 0};
    return edits_add(edits, (struct place){q->having->place.at, 0}, "(") &&
           edits_add(edits, end, arena_printf(x->arena, ") AND %s", test));
}

static bool edit_query(struct exporter *x, const struct ast_query *q, struct edits *edits)
{
    for (int i = 0; i < q->n_with; i++)
        if (!edit_query(x, q->with[i].query, edits))
            return false;
    if (q->kind != AST_SELECT)
        return edit_query(x, q->left, edits) && edit_query(x, q->right, edits);
    return (!q->from || edit_relation(x, q->from, edits)) && export__each_query(x, q->where, edit_query, edits) &&
           hide_closed(x, q, edits);
}

bool export__edit(struct exporter *x, const struct ast_statement *s, struct edits *edits)
{
    edits->n = 0;
    if (edit_query(x, s->query, edits))
        return true;
    if (!x->failed)
        export__refuse(x, s->name_place, NULL, "the file is too large to be exported");
    return false;
}

/* ---- the whole ---- */

static void fini(struct exporter *x)
{
    for (int i = 0; i < x->n_cells; i++)
        buf_fini(&x->cells[i].text);
}

bool export_job(const struct export_request *r, struct arena *a, struct diags *diags, struct export_output *out)
{
    struct exporter *x = arena_zalloc(a, sizeof *x);
    bool             ok = x != NULL;
    out->n = 0;
    if (!ok)
        return false;
    *x = (struct exporter){.r = r, .arena = a, .diags = diags, .source = {r->text, r->params, r->fills}};
    for (int i = 0; i < r->script->n_statements; i++)
        ok = check_statement(x, r->script->statements[i]) && ok;
    if (ok)
        ok = r->form == EXPORT_PIPELINE     ? export__pipeline(x, out)
             : r->form == EXPORT_DATABRICKS ? export__databricks(x, out)
                                            : export__python(x, out);
    for (int i = 0; i < out->n; i++)
        ok = !out->files[i].text.failed && ok;
    fini(x);
    return ok && !x->failed;
}

void export_output_free(struct export_output *out)
{
    for (int i = 0; i < out->n; i++)
        buf_fini(&out->files[i].text);
    out->n = 0;
}
