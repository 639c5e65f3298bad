/* SPDX-License-Identifier: MIT */
/* millrace export: the same job as a program for Spark or Databricks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "export/export.h"
#include "job.h"
#include "pipeline/query.h"

static struct export_flags {
    const char      *target, *spark, *output, *without, *files, *warehouse, *from_state;
    struct cli_pairs params;
} flags = {.target = "pyspark", .spark = "4.1", .warehouse = "./lake"};

static const struct cli_option *export_options(int *n)
{
    static const struct cli_option list[] = {
        {"target", OPT_TEXT, &flags.target, "T", "pyspark, notebook, pipeline or databricks"},
        {"spark", OPT_TEXT, &flags.spark, "4.1", "pyspark and notebook: for Spark 4.1 or 3.5"},
        {"output", OPT_TEXT, &flags.output, "FILE", "where to write (default stdout; pipeline: a folder)"},
        {"without", OPT_TEXT, &flags.without, "a,b", "leave these properties out, which the target has nothing like"},
        {"files", OPT_TEXT, &flags.files, "DIR", "folder of relative read_files paths on the target"},
        {"from-state", OPT_TEXT, &flags.from_state, "DIR", "go on where the checkpoints of this folder end"},
        {"param", OPT_PAIRS, &flags.params, "name=value", "fills ${name}; the default in what is written"},
        {"warehouse", OPT_TEXT, &flags.warehouse, "DIR", "tables that name no LOCATION (default ./lake)"},
    };
    *n = (int)(sizeof list / sizeof list[0]);
    return list;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* EXIT_OK after filling form and version. */
static int read_target(struct export_request *r)
{
    static const struct {
        const char      *name;
        enum export_form form;
    } targets[] = {{"pyspark", EXPORT_PYSPARK},
                   {"notebook", EXPORT_NOTEBOOK},
                   {"pipeline", EXPORT_PIPELINE},
                   {"databricks", EXPORT_DATABRICKS}};
    int found = -1;
    for (int i = 0; i < 4; i++)
        if (strcmp(flags.target, targets[i].name) == 0)
            found = i;
    if (found < 0) {
        cli_say("--target takes pyspark, notebook, pipeline or databricks, not \"%s\"", flags.target);
        return EXIT_USAGE;
    }
    r->form = targets[found].form;
    if (r->form == EXPORT_NOTEBOOK && flags.output && ends_with(flags.output, ".ipynb"))
        r->form = EXPORT_IPYNB;
    r->spark3 = strcmp(flags.spark, "3.5") == 0;
    if (!r->spark3 && strcmp(flags.spark, "4.1") != 0) {
        cli_say("--spark takes 4.1 or 3.5, not \"%s\"", flags.spark);
        return EXIT_USAGE;
    }
    bool python = r->form != EXPORT_PIPELINE && r->form != EXPORT_DATABRICKS;
    if (!python && (r->spark3 || flags.from_state)) {
        cli_say("--target %s takes neither --spark 3.5 nor --from-state", flags.target);
        return EXIT_USAGE;
    }
    if (r->form == EXPORT_PIPELINE && !flags.output) {
        cli_say("--target pipeline writes a folder: name it with --output DIR");
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static int cannot_write(const char *path)
{
    cli_say("cannot write %s: %s", path, strerror(errno));
    return EXIT_CANNOT_CREATE;
}

static int write_file(const char *path, struct buf *text)
{
    FILE *f = path ? fopen(path, "w") : stdout;
    if (!f)
        return cannot_write(path);
    bool ok = fwrite(buf_text(text), 1, text->size, f) == text->size;
    ok = (path ? fclose(f) : fflush(f)) == 0 && ok;
    return ok ? EXIT_OK : cannot_write(path ? path : "the output");
}

static int write_folder(struct export_output *out)
{
    char path[4400];
    int  code = EXIT_OK;
    for (int i = 0; i < out->n && code == EXIT_OK; i++) {
        snprintf(path, sizeof path, "%s/%s", flags.output, out->files[i].name);
        for (char *p = path + 1; (p = strchr(p, '/')); *p++ = '/') {
            *p = 0;
            if (mkdir(path, 0777) != 0 && errno != EEXIST)
                return cannot_write(path);
        }
        code = write_file(path, &out->files[i].text);
    }
    return code;
}

static int take_over(struct job_file *j, struct export_handover *h, struct export_request *r)
{
    struct handover from;
    struct error    e;
    if (!flags.from_state)
        return EXIT_OK;
    if (j->script.n_plans > 1) {
        cli_say("--from-state takes a file with one streaming table");
        return EXIT_DATA;
    }
    enum err rc = query_handover(&j->script.plans[0], flags.from_state, &j->script.arena, &from, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    struct export_position *positions = arena_zalloc(&j->script.arena, ((size_t)from.n + 1) * sizeof *positions);
    if (!positions)
        return EXIT_FAILED;
    for (int i = 0; i < from.n; i++)
        positions[i] =
            (struct export_position){from.positions[i].topic, from.positions[i].partition, from.positions[i].offset};
    *h = (struct export_handover){positions, from.n, from.closed_ms};
    r->handover = h;
    return EXIT_OK;
}

static int export_loaded(struct job_file *j, const char *file, struct export_request *r)
{
    struct export_handover handover;
    struct export_output   out = {.n = 0};
    const char            *slash = strrchr(file, '/');
    struct sql_params      params = {flags.params.names, flags.params.values, flags.params.n};
    r->file = slash ? slash + 1 : file;
    r->text = buf_text(&j->script.text);
    r->script = j->script.ast;
    r->plans = j->script.plans;
    r->n_plans = j->script.n_plans;
    r->params = &params;
    r->fills = &j->script.fills;
    r->without = flags.without;
    r->files = flags.files;
    r->warehouse = flags.warehouse;
    int code = take_over(j, &handover, r);
    if (code != EXIT_OK)
        return code;
    if (export_job(r, &j->script.arena, &j->script.diags, &out))
        code = r->form == EXPORT_PIPELINE ? write_folder(&out) : write_file(flags.output, &out.files[0].text);
    else if ((code = job_verdict(j, file)) == EXIT_OK)
        code = EXIT_FAILED;
    export_output_free(&out);
    return code;
}

static int export(const char *file)
{
    struct export_request r = {.form = EXPORT_PYSPARK};
    struct job_file       j;
    int                   code = read_target(&r);
    if (code != EXIT_OK)
        return code;
    code = job_load(&j, file, flags.warehouse, &flags.params);
    if (code == EXIT_OK && j.script.n_plans == 0) {
        cli_say("%s creates no streaming table", file);
        code = EXIT_DATA;
    }
    if (code == EXIT_OK)
        code = export_loaded(&j, file, &r);
    job_free(&j);
    return code;
}

const struct cli_command cli_export = {.name = "export",
                                       .arguments = "FILE",
                                       .summary = "write a file as a program for Spark or Databricks",
                                       .example = "millrace export job.sql --target pyspark --output job.py",
                                       .run = export,
                                       .options = export_options};
