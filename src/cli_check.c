/* SPDX-License-Identifier: MIT */
/* millrace check, explain and reset: what a file means, without a broker; and a new start. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "job.h"
#include "pipeline/query.h"

static struct check_options {
    const char      *warehouse, *format, *state_dir;
    struct cli_pairs params;
} options = {.warehouse = "./lake", .format = "text"};

#define PARAM {"param", OPT_PAIRS, &options.params, "name=value", "fills ${name} in the file; may be repeated"}
#define WAREHOUSE {"warehouse", OPT_TEXT, &options.warehouse, "DIR", "tables that name no LOCATION (default ./lake)"}

static const struct cli_option *check_options(int *n)
{
    static const struct cli_option list[] = {PARAM, WAREHOUSE};
    *n = 2;
    return list;
}

static const struct cli_option *explain_options(int *n)
{
    static const struct cli_option list[] = {
        PARAM, WAREHOUSE, {"format", OPT_TEXT, &options.format, "text|json", "how to print the plan"}};
    *n = 3;
    return list;
}

static const struct cli_option *reset_options(int *n)
{
    static const struct cli_option list[] = {
        PARAM,
        WAREHOUSE,
        {"state-dir", OPT_TEXT, &options.state_dir, "DIR", "checkpoints (default .millrace beside the file)"}};
    *n = 3;
    return list;
}

static int check(const char *file)
{
    struct job_file j;
    int             code = job_load(&j, file, options.warehouse, &options.params);
    if (code == EXIT_OK)
        printf("ok: %d streaming table%s\n", j.script.n_plans, j.script.n_plans == 1 ? "" : "s");
    job_free(&j);
    return code;
}

static int explain(const char *file)
{
    struct job_file j;
    bool            json = strcmp(options.format, "json") == 0;
    int             code = job_load(&j, file, options.warehouse, &options.params);
    if (code == EXIT_OK && !json && strcmp(options.format, "text") != 0) {
        cli_say("--format takes text or json, not \"%s\"", options.format);
        code = EXIT_USAGE;
    }
    for (int i = 0; code == EXIT_OK && i < j.script.n_plans; i++) {
        struct buf out;
        buf_init(&out, TAG_SQL, (size_t)64 << 20);
        if (json)
            plan_explain_json(&j.script.plans[i], &out);
        else
            plan_explain_text(&j.script.plans[i], &out);
        printf("%s%s", buf_text(&out), json ? "\n" : "");
        buf_fini(&out);
    }
    job_free(&j);
    return code;
}

static int reset_plan(const struct plan *p, const char *state_dir)
{
    struct catalog *c = NULL;
    struct reset    r;
    struct error    e;
    char            positions[64] = "";
    enum err        rc = catalog_open(state_dir, &c, &e);
    if (rc == OK)
        rc = query_reset(p, c, &r, &e);
    catalog_close(c);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    if (r.generation == 0) {
        printf("%s: nothing to reset\n", p->name);
        return EXIT_OK;
    }
    if (r.last_epoch >= 0)
        snprintf(positions, sizeof positions, "the positions of epoch %" PRId64 " and ", r.last_epoch);
    printf("%s: generation %" PRId64
           " begins at the next run. Given up: %sthe rows of windows that were open. The table "
           "%s keeps its rows: records that are read again are written again.\n",
           p->name, r.generation, positions, p->location);
    return EXIT_OK;
}

static int reset(const char *file)
{
    struct job_file j;
    char            state_dir[4352];
    int             code = job_load(&j, file, options.warehouse, &options.params);
    job_state_dir(&j, options.state_dir, state_dir);
    for (int i = 0; code == EXIT_OK && i < j.script.n_plans; i++)
        code = reset_plan(&j.script.plans[i], state_dir);
    job_free(&j);
    return code;
}

const struct cli_command cli_check = {.name = "check",
                                      .arguments = "FILE",
                                      .summary = "say what is wrong with a file",
                                      .example = "millrace check job.sql",
                                      .run = check,
                                      .options = check_options};
const struct cli_command cli_explain = {.name = "explain",
                                        .arguments = "FILE",
                                        .summary = "show the plan of a file",
                                        .example = "millrace explain job.sql --format json",
                                        .run = explain,
                                        .options = explain_options};
const struct cli_command cli_reset = {.name = "reset",
                                      .arguments = "FILE",
                                      .summary = "start a new generation of a query",
                                      .example = "millrace reset job.sql",
                                      .run = reset,
                                      .options = reset_options};
