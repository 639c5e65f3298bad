/* SPDX-License-Identifier: MIT */
/* The pipeline targets: statements stay SQL, parameters are filled in: a pipeline has no place to ask for them. */
#include <string.h>
#include <strings.h>

#include "export/export_priv.h"

void export__sql_string(const char *text, struct buf *out)
{
    buf_u8(out, '\'');
    for (const char *p = text; *p; p++) {
        if (*p == '\'' || *p == '\\')
            buf_u8(out, '\\');
        buf_u8(out, (uint8_t)*p);
    }
    buf_u8(out, '\'');
}

static void properties(const struct ast_statement *s, struct buf *out)
{
    int n = 0;
    for (int i = 0; i < s->n_properties; i++) {
        if (strncasecmp(s->properties[i].key, "millrace.", 9) == 0)
            continue;
        buf_puts(out, n++ ? ", " : "TBLPROPERTIES (");
        export__sql_string(s->properties[i].key, out);
        buf_puts(out, " = ");
        export__sql_string(s->properties[i].value, out);
    }
    buf_puts(out, n ? ")\n" : "");
}

/* `plan` is that of a table; NULL for a view. */
static void statement(struct exporter *x, const struct ast_statement *s, const struct plan *plan,
                      const struct edits *edits, struct buf *out)
{
    bool filtered = false;
    if (!plan) {
        buf_printf(out, "\nCREATE TEMPORARY VIEW %s AS\n", s->name);
    } else {
        bool databricks = x->r->form == EXPORT_DATABRICKS;
        buf_printf(out, "\nCREATE %sSTREAMING TABLE %s", databricks ? "OR REFRESH " : "", s->name);
        if (databricks)
            export__expect_constraints(x, s, out);
        else
            buf_puts(out, "\nUSING delta\n"); /* Parquet otherwise */
        for (int i = 0; i < s->n_partitioned_by; i++)
            buf_printf(out, "%s%s%s", i ? ", " : "PARTITIONED BY (", s->partitioned_by[i],
                       i + 1 == s->n_partitioned_by ? ")\n" : "");
        if (s->comment) {
            buf_puts(out, "COMMENT ");
            export__sql_string(s->comment, out);
            buf_puts(out, "\n");
        }
        properties(s, out);
        buf_puts(out, "AS\n");
        filtered = !databricks && export__expect_before(s, out);
    }
    rewrite_filled(&x->source, s->query->place, edits, out);
    if (filtered)
        export__expect_behind(x, s, plan->n_windows > 0, out);
    buf_puts(out, ";\n");
}

static struct buf *file(struct export_output *out, const char *name)
{
    struct export_file *f = &out->files[out->n++];
    f->name = name;
    buf_init(&f->text, TAG_SQL, EXPORT_TEXT_MAX);
    return &f->text;
}

/* ---- Spark Declarative Pipelines ---- */

static bool sources(struct exporter *x, struct buf *out)
{
    buf_printf(out,
               "# The relations of %s. SQL has no Kafka source in Spark 4.1: so Python makes them.\n"
               "import os\n\n"
               "from pyspark import pipelines as dp\n"
               "from pyspark.sql import SparkSession\n\n"
               "spark = SparkSession.active()\n"
               "files = ",
               x->r->file);
    export__python_string(x->r->files ? x->r->files : ".", out);
    buf_puts(out, "\n");
    for (int i = 0; i < x->n_relations; i++) {
        const struct ast_expr *call = x->relations[i].call;
        bool                   kafka = strcasecmp(call->text, "read_kafka") == 0;
        buf_printf(out, "\n\n@dp.temporary_view\ndef %s():\n    return ", x->relations[i].name);
        if (!(kafka ? export__kafka_reader : export__files_reader)(x, call, out))
            return false;
        buf_puts(out, "\n");
    }
    return true;
}

bool export__pipeline(struct exporter *x, struct export_output *out)
{
    struct edits *edits = arena_zalloc(x->arena, sizeof *edits);
    struct buf   *spec = file(out, "spark-pipeline.yml"), *python = file(out, "transformations/sources.py"),
               *sql = file(out, "transformations/tables.sql");
    if (!edits)
        return false;
    buf_printf(spec,
               "name: %s\n"
               "storage: file:///tmp/%s-pipeline # set: where the pipeline keeps its own state; an absolute address\n"
               "catalog: spark_catalog\n"
               "database: default\n"
               "libraries:\n"
               "  - glob:\n"
               "      include: transformations/**\n"
               "configuration:\n"
               "  spark.sql.session.timeZone: UTC\n",
               x->r->plans[0].name, x->r->plans[0].name);
    buf_printf(sql, "-- The statements of %s.\n", x->r->file);
    for (int i = 0, n = 0; i < x->r->script->n_statements; i++) {
        const struct ast_statement *s = x->r->script->statements[i];
        if (!export__edit(x, s, edits))
            return false;
        statement(x, s, s->kind == AST_CREATE_VIEW ? NULL : &x->r->plans[n++], edits, sql);
    }
    struct sql_fills none = {.n = 0};
    x->source.fills = &none;
    return sources(x, python);
}

/* ---- Databricks ---- */

static bool edit_calls(struct exporter *x, const struct ast_rel *r, struct edits *edits);

static bool edit_query(struct exporter *x, const struct ast_query *q, struct edits *edits)
{
    for (int i = 0; i < q->n_with; i++)
        if (!edit_query(x, q->with[i].query, edits))
            return false;
    if (q->kind != AST_SELECT)
        return edit_query(x, q->left, edits) && edit_query(x, q->right, edits);
    return (!q->from || edit_calls(x, q->from, edits)) && export__each_query(x, q->where, edit_query, edits);
}

static bool edit_path(struct exporter *x, const struct ast_expr *path, struct edits *edits)
{
    if (path->text[0] == '/')
        return true;
    if (!x->r->files)
        return export__refuse(x, path->place, "--files /Volumes/catalog/schema/volume says where it is there",
                              "a relative path means nothing to a Databricks pipeline");
    return edits_add(edits, (struct place){path->place.at + 1, 0}, arena_printf(x->arena, "%s/", x->r->files));
}

/* Both engines have read_kafka and read_files: only defaults that differ are written out. */
static bool edit_call(struct exporter *x, const struct ast_expr *call, struct edits *edits)
{
    bool kafka = strcasecmp(call->text, "read_kafka") == 0, isolation = false;
    for (int i = 0; i < call->n_args; i++) {
        const char *name = call->names ? call->names[i] : NULL;
        if (!kafka && !name)
            return edit_path(x, call->args[i], edits);
        isolation = isolation || strcasecmp(name, "kafka.isolation.level") == 0;
    }
    if (!kafka || isolation)
        return true;
    struct place close = {call->place.at + call->place.length - 1, 0};
    return edits_add(edits, close, ", `kafka.isolation.level` => 'read_committed'");
}

static bool edit_calls(struct exporter *x, const struct ast_rel *r, struct edits *edits)
{
    switch (r->kind) {
    case AST_REL_JOIN:
        return edit_calls(x, r->left, edits) && edit_calls(x, r->right, edits);
    case AST_REL_LATERAL_VIEW:
        return edit_calls(x, r->left, edits);
    case AST_REL_SUBQUERY:
        return edit_query(x, r->query, edits);
    case AST_REL_FUNCTION:
        return edit_call(x, r->call, edits);
    case AST_REL_NAME:
        return true;
    }
    return false;
}

bool export__databricks(struct exporter *x, struct export_output *out)
{
    struct edits *edits = arena_zalloc(x->arena, sizeof *edits);
    struct buf   *sql = file(out, NULL);
    if (!edits)
        return false;
    buf_printf(sql, "-- %s for a Databricks pipeline.\n", x->r->file);
    for (int i = 0, n = 0; i < x->r->script->n_statements; i++) {
        const struct ast_statement *s = x->r->script->statements[i];
        edits->n = 0;
        if (!edit_query(x, s->query, edits))
            return false;
        statement(x, s, s->kind == AST_CREATE_VIEW ? NULL : &x->r->plans[n++], edits, sql);
    }
    return true;
}
