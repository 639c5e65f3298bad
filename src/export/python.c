/* SPDX-License-Identifier: MIT */
/* The forms in Python: the steps as cells, then a script or a notebook of them. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "export/export_priv.h"
#include "json/write.h"

/* ---- text as Python ---- */

void export__python_string(const char *text, struct buf *out)
{
    bool        lines = strchr(text, '\n') != NULL;
    const char *quotes = lines ? "\"\"\"" : "\"";
    buf_puts(out, quotes);
    buf_puts(out, lines ? "\n" : "");
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || *p == '"')
            buf_u8(out, '\\');
        buf_u8(out, (uint8_t)*p);
    }
    buf_puts(out, lines ? "\n" : "");
    buf_puts(out, quotes);
}

void export__python_text(struct exporter *x, struct place range, const struct edits *edits, struct buf *out)
{
    static const struct edits none;
    struct buf                text;
    bool                      params = rewrite_has_params(&x->source, range);
    buf_init(&text, TAG_SQL, EXPORT_TEXT_MAX);
    (params ? rewrite_template : rewrite_filled)(&x->source, range, edits ? edits : &none, &text);
    buf_puts(out, params ? "fill(" : "");
    export__python_string(buf_text(&text), out);
    buf_puts(out, params ? ")" : "");
    buf_fini(&text);
}

bool export__python_argument(struct exporter *x, const struct ast_expr *v, struct buf *out)
{
    bool text = v->kind == AST_STRING;
    if (!rewrite_has_params(&x->source, v->place)) {
        export__python_string(v->kind == AST_BOOLEAN ? (v->integer ? "true" : "false") : v->text, out);
        return true;
    }
    struct place inner = {v->place.at + text, v->place.length - 2 * text};
    if (text && (inner.length != v->length || memcmp(x->r->text + inner.at, v->text, v->length) != 0))
        return export__refuse(x, v->place, NULL, "a text with parameters and escapes cannot be exported");
    export__python_text(x, inner, NULL, out);
    return true;
}

/* ---- the steps ---- */

static void about(struct exporter *x)
{
    struct buf *out = export__cell(x, true);
    buf_printf(out, "# %s\n\nExported from `%s` by millrace, for Spark %s.", x->r->plans[0].name, x->r->file,
               x->r->spark3 ? "3.5" : "4.1");
    if (x->r->handover)
        buf_puts(
            out,
            "\n\nIt goes on where millrace stopped: it reads from the positions of its checkpoint and leaves out the "
            "windows that are written already. millrace must not run on this table any more.");
}

static bool is_secret(const struct exporter *x, const char *param)
{
    for (int i = 0; i < x->n_secret_params; i++)
        if (strcmp(x->secret_params[i], param) == 0)
            return true;
    return false;
}

static const char script_settings[] =
    "parser = argparse.ArgumentParser(description=\"exported by millrace\")\n"
    "parser.add_argument(\"--param\", action=\"append\", default=[], metavar=\"NAME=VALUE\")\n"
    "parser.add_argument(\"--files\", default=%s, help=\"folder of the files that are read\")\n"
    "parser.add_argument(\"--warehouse\", default=%s, help=\"folder of the tables\")\n"
    "parser.add_argument(\"--checkpoints\", default=\"./checkpoints\", help=\"folder of Spark's own state\")\n"
    "parser.add_argument(\"--available-now\", action=\"store_true\", help=\"read what is there, then stop\")\n"
    "arguments = parser.parse_args()\n"
    "files, warehouse, checkpoints = arguments.files, arguments.warehouse, arguments.checkpoints\n"
    "available_now = arguments.available_now\n";

static const char notebook_settings[] =
    "def setting(name, default):\n"
    "    \"\"\"A widget on Databricks; elsewhere the environment, or the default.\"\"\"\n"
    "    try:\n"
    "        dbutils.widgets.text(name, default)\n"
    "        return dbutils.widgets.get(name)\n"
    "    except NameError:\n"
    "        return os.environ.get(name, default)\n\n\n"
    "files = setting(\"files\", %s)\n"
    "warehouse = setting(\"warehouse\", %s)\n"
    "checkpoints = setting(\"checkpoints\", \"./checkpoints\")\n"
    "available_now = setting(\"available_now\", \"true\") == \"true\"\n";

static void param_values(struct exporter *x, bool notebook, struct buf *out)
{
    if (x->r->params->n == 0)
        return;
    buf_puts(out, "params = {");
    for (int i = 0; i < x->r->params->n; i++) {
        const char *name = x->r->params->names[i];
        bool        secret = is_secret(x, name);
        if (secret && !notebook)
            continue; /* comes by --param */
        buf_printf(out, "\n    \"%s\": %s", name, notebook ? "setting(" : "");
        if (notebook)
            buf_printf(out, "\"%s\", ", name);
        export__python_string(secret ? "" : x->r->params->values[i], out);
        buf_puts(out, notebook ? ")," : ",");
    }
    buf_puts(out, "\n}\n");
    if (!notebook)
        buf_puts(out, "params.update(p.split(\"=\", 1) for p in arguments.param)\n");
    buf_puts(out, "\n\ndef fill(text):\n"
                  "    \"\"\"${name} becomes the parameter's value.\"\"\"\n"
                  "    return string.Template(text).substitute(params)\n\n");
}

static const char session[] =
    "\nspark = (SparkSession.builder.appName(%s)\n"
    "    .config(\"spark.sql.extensions\", \"io.delta.sql.DeltaSparkSessionExtension\")\n"
    "    .config(\"spark.sql.catalog.spark_catalog\", \"org.apache.spark.sql.delta.catalog.DeltaCatalog\")\n"
    "    .getOrCreate())\n"
    "spark.conf.set(\"spark.sql.session.timeZone\", \"UTC\")\n"
    "spark.conf.set(\"spark.sql.ansi.enabled\", \"true\")\n";

static const char create_table[] = "\n\ndef create_table(path, frame, partitions, comment, properties):\n"
                                   "    \"\"\"A Delta table with these properties, unless it is there: a stream alone "
                                   "would make it without them.\"\"\"\n"
                                   "    path = path if \"://\" in path else os.path.abspath(path)\n"
                                   "    table = DeltaTable.createIfNotExists(spark).location(path)\n"
                                   "    for field in frame.schema.fields:\n"
                                   "        table = table.addColumn(field.name, field.dataType, nullable=True)\n"
                                   "    if partitions:\n"
                                   "        table = table.partitionedBy(*partitions)\n"
                                   "    if comment:\n"
                                   "        table = table.comment(comment)\n"
                                   "    for key, value in properties.items():\n"
                                   "        table = table.property(key, value)\n"
                                   "    table.execute()\n";

static bool needs_table(const struct ast_statement *s)
{
    for (int i = 0; i < s->n_properties; i++)
        if (export__keeps(&s->properties[i]))
            return true;
    return s->comment != NULL;
}

static void settings(struct exporter *x, struct buf *out)
{
    bool        notebook = x->r->form != EXPORT_PYSPARK;
    struct buf  files, warehouse;
    const char *here = notebook ? "\".\"" : "os.path.dirname(os.path.abspath(__file__))";
    buf_init(&files, TAG_SQL, 1 << 16);
    buf_init(&warehouse, TAG_SQL, 1 << 16);
    if (x->r->files)
        export__python_string(x->r->files, &files);
    else
        buf_puts(&files, here);
    export__python_string(x->r->warehouse, &warehouse);
    buf_printf(out, "%simport os\nimport string\n\n", notebook ? "" : "import argparse\n");
    if (x->creates_tables)
        buf_puts(out, "from delta.tables import DeltaTable\n");
    buf_printf(out, "from pyspark.sql import SparkSession%s\n\n", x->expects ? ", functions" : "");
    buf_printf(out, notebook ? notebook_settings : script_settings, buf_text(&files), buf_text(&warehouse));
    param_values(x, notebook, out);
    buf_fini(&files);
    buf_fini(&warehouse);
    struct buf name;
    buf_init(&name, TAG_SQL, 1 << 16);
    export__python_string(x->r->plans[0].name, &name);
    buf_printf(out, session, buf_text(&name));
    buf_fini(&name);
    if (x->creates_tables)
        buf_puts(out, create_table);
    if (x->expects)
        buf_puts(out, export__expect_function);
    buf_puts(out, x->creates_tables || x->expects ? "\n" : "");
}

static void view(struct exporter *x, const struct ast_statement *s, const struct edits *edits)
{
    struct buf *out = export__cell(x, false);
    buf_printf(out, "%s = spark.sql(", s->name);
    export__python_text(x, s->query->place, edits, out);
    buf_printf(out, ")\n%s.createOrReplaceTempView(\"%s\")\n", s->name, s->name);
}

static void string_list(const char *const *items, int n, struct buf *out)
{
    for (int i = 0; i < n; i++) {
        buf_puts(out, i ? ", " : "");
        export__python_string(items[i], out);
    }
}

static void create(const struct ast_statement *s, const struct plan *p, struct buf *out)
{
    buf_printf(out, "create_table(%s_path, %s, [", p->name, p->name);
    string_list(p->partition_by, p->n_partition_by, out);
    buf_puts(out, "], ");
    export__python_string(s->comment ? s->comment : "", out);
    buf_puts(out, ", {");
    for (int i = 0, n = 0; i < s->n_properties; i++) {
        if (!export__keeps(&s->properties[i]))
            continue;
        buf_puts(out, n++ ? ", " : "");
        export__python_string(s->properties[i].key, out);
        buf_puts(out, ": ");
        export__python_string(s->properties[i].value, out);
    }
    buf_puts(out, "})\n");
}

static void table(struct exporter *x, const struct ast_statement *s, const struct plan *p, const struct edits *edits)
{
    struct buf *out = export__cell(x, false);
    buf_printf(out, "%s = spark.sql(", p->name);
    export__python_text(x, s->query->place, edits, out);
    buf_puts(out, ")\n");
    if (s->n_expectations)
        export__expect_python(x, s, p->name, out);
    buf_printf(out, "%s_path = ", p->name);
    if (s->location)
        export__python_string(s->location, out);
    else
        buf_printf(out, "os.path.join(warehouse, \"%s\")", p->name);
    buf_puts(out, "\n");
    if (needs_table(s))
        create(s, p, out);
    buf_printf(out, "(%s.writeStream.format(\"delta\").outputMode(\"append\").queryName(\"%s\")\n", p->name, p->name);
    buf_printf(out, "    .option(\"checkpointLocation\", os.path.join(checkpoints, \"%s\"))\n", p->name);
    if (p->n_partition_by) {
        buf_puts(out, "    .partitionBy(");
        string_list(p->partition_by, p->n_partition_by, out);
        buf_puts(out, ")\n");
    }
    buf_printf(
        out,
        "    .trigger(**({\"availableNow\": True} if available_now else {\"processingTime\": \"%lld milliseconds\"}))\n"
        "    .start(%s_path))\n",
        (long long)(p->trigger_us / 1000), p->name);
}

static void wait(struct exporter *x)
{
    struct buf *out = export__cell(x, false);
    buf_puts(out, "for stream in spark.streams.active:\n    stream.awaitTermination()\n");
}

/* ---- the forms ---- */

static void lines_with(const char *text, const char *before, struct buf *out)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        buf_printf(out, "%s%s%.*s\n", before, n ? " " : "", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void as_script(const struct exporter *x, struct buf *out)
{
    for (int i = 0; i < x->n_cells; i++) {
        struct buf text = x->cells[i].text;
        buf_puts(out, i ? "\n" : "");
        if (x->cells[i].prose)
            lines_with(buf_text(&text) + strspn(buf_text(&text), "# "), "#", out);
        else
            buf_puts(out, buf_text(&text));
    }
}

static void as_databricks(const struct exporter *x, struct buf *out)
{
    buf_puts(out, "# Databricks notebook source\n");
    for (int i = 0; i < x->n_cells; i++) {
        struct buf text = x->cells[i].text;
        buf_puts(out, i ? "\n# COMMAND ----------\n\n" : "");
        if (x->cells[i].prose) {
            buf_puts(out, "# MAGIC %md\n");
            lines_with(buf_text(&text), "# MAGIC", out);
        } else {
            buf_puts(out, buf_text(&text));
        }
    }
}

static void cell_lines(struct json_writer *w, const char *text)
{
    json_key(w, "source");
    json_begin_array(w);
    while (*text) {
        size_t n = strcspn(text, "\n");
        bool   last = text[n] == 0 || text[n + 1] == 0; /* no line end behind the last line */
        json_put_string_n(w, text, n + !last);
        text += n + (text[n] == '\n');
    }
    json_end_array(w);
}

static void as_ipynb(const struct exporter *x, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "cells");
    json_begin_array(&w);
    for (int i = 0; i < x->n_cells; i++) {
        struct buf text = x->cells[i].text;
        char       id[16];
        snprintf(id, sizeof id, "cell-%d", i);
        json_begin_object(&w);
        json_member_string(&w, "cell_type", x->cells[i].prose ? "markdown" : "code");
        json_member_string(&w, "id", id);
        json_member_raw(&w, "metadata", "{}");
        if (!x->cells[i].prose) {
            json_member_raw(&w, "execution_count", "null");
            json_member_raw(&w, "outputs", "[]");
        }
        cell_lines(&w, buf_text(&text));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_member_raw(&w, "metadata", "{\"language_info\":{\"name\":\"python\"}}");
    json_member_int(&w, "nbformat", 4);
    json_member_int(&w, "nbformat_minor", 5);
    json_end_object(&w);
    buf_puts(out, "\n");
}

bool export__python(struct exporter *x, struct export_output *out)
{
    struct edits *edits = arena_zalloc(x->arena, sizeof *edits);
    if (!edits)
        return false;
    about(x);
    int at = x->n_cells; /* written last: it depends on what the steps need */
    export__cell(x, false);
    for (int i = 0, n = 0; i < x->r->script->n_statements; i++) {
        const struct ast_statement *s = x->r->script->statements[i];
        if (!export__edit(x, s, edits))
            return false;
        if (s->kind == AST_CREATE_VIEW) {
            view(x, s, edits);
            continue;
        }
        x->creates_tables = x->creates_tables || needs_table(s);
        x->expects = x->expects || s->n_expectations > 0;
        table(x, s, &x->r->plans[n++], edits);
    }
    wait(x);
    settings(x, &x->cells[at].text);
    struct buf *text = &out->files[out->n++].text;
    out->files[0].name = NULL;
    buf_init(text, TAG_SQL, EXPORT_TEXT_MAX);
    (x->r->form == EXPORT_PYSPARK ? as_script : x->r->form == EXPORT_NOTEBOOK ? as_databricks : as_ipynb)(x, text);
    return true;
}
