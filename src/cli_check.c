/* SPDX-License-Identifier: MIT */
/* millrace check, explain and reset: what a file means, without a broker; and a new start. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "delta/table.h"
#include "job.h"
#include "state/catalog.h"

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

/* The job of the one file on the command line; EXIT_OK with *help set when only help was asked for. */
static int load(const struct cli_command *command, int argc, char **argv, struct job_file *j, bool *help)
{
    const char *file[1];
    int         n = 1;
    memset(j, 0, sizeof *j);
    if (!cli_parse(command, argc, argv, file, &n, help))
        return EXIT_USAGE;
    if (*help)
        return EXIT_OK;
    if (n == 0) {
        cli_say("%s needs a file", command->name);
        return EXIT_USAGE;
    }
    return job_load(j, file[0], options.warehouse, &options.params);
}

static int check(const struct cli_command *command, int argc, char **argv)
{
    struct job_file j;
    bool            help = false;
    int             code = load(command, argc, argv, &j, &help);
    if (code == EXIT_OK && !help)
        printf("ok: %d streaming table%s\n", j.n_plans, j.n_plans == 1 ? "" : "s");
    if (j.arena.tag)
        job_free(&j);
    return code;
}

static int explain(const struct cli_command *command, int argc, char **argv)
{
    struct job_file j;
    bool            help = false;
    int             code = load(command, argc, argv, &j, &help);
    bool            json = strcmp(options.format, "json") == 0;
    if (code == EXIT_OK && !json && strcmp(options.format, "text") != 0) {
        cli_say("--format takes text or json, not \"%s\"", options.format);
        code = EXIT_USAGE;
    }
    for (int i = 0; code == EXIT_OK && !help && i < j.n_plans; i++) {
        struct buf out;
        buf_init(&out, TAG_SQL, (size_t)64 << 20);
        if (json)
            plan_explain_json(&j.plans[i], &out);
        else
            plan_explain_text(&j.plans[i], &out);
        printf("%s%s", buf_text(&out), json ? "\n" : "");
        buf_fini(&out);
    }
    if (j.arena.tag)
        job_free(&j);
    return code;
}

/* The highest generation that the table knows of; 0 none. */
static enum err table_generation(const struct plan *p, int64_t *generation, struct error *e)
{
    struct store       *store = NULL;
    struct delta_table *t = NULL;
    char                prefix[256];
    *generation = 0;
    TRY(store_local_new(p->location, &store, e));
    enum err rc = delta_table_open(store, &t, e);
    snprintf(prefix, sizeof prefix, "millrace/%s/", p->name);
    if (rc == OK && delta_table_generation(t, prefix) > 0)
        *generation = delta_table_generation(t, prefix);
    if (t)
        delta_table_close(t);
    store->ops->free(store);
    return rc;
}

/* A row of the next generation; row->generation is left 0 when there is nothing to give up. */
static enum err next_generation(const struct plan *p, struct catalog *c, struct arena *a, struct query_row *row,
                                int64_t *last_epoch, struct error *e)
{
    int64_t          in_table;
    struct epoch_row last;
    *last_epoch = -1;
    TRY(table_generation(p, &in_table, e));
    enum err rc = catalog_query_get(c, p->name, a, row, e);
    if (rc != OK && rc != ERR_NOT_FOUND)
        return rc;
    if (rc == ERR_NOT_FOUND)
        *row = (struct query_row){.name = p->name, .generation = 0, .created_ms = clock_wall_us() / 1000};
    else if (catalog_epoch_last(c, p->name, row->generation, a, &last, NULL) == OK)
        *last_epoch = last.epoch;
    row->generation = in_table > row->generation ? in_table : row->generation;
    if (row->generation == 0)
        return OK;
    struct buf fingerprint;
    buf_init(&fingerprint, TAG_SQL, 1 << 20);
    plan_fingerprint(p, &fingerprint);
    row->generation++;
    row->fingerprint = buf_text(&fingerprint);
    row->start = "[]";
    rc = catalog_query_put(c, row, e);
    buf_fini(&fingerprint);
    return rc;
}

static int reset_plan(const struct plan *p, struct catalog *c, struct arena *a)
{
    struct query_row row;
    struct error     e;
    int64_t          epoch;
    char             positions[64] = "";
    enum err         rc = next_generation(p, c, a, &row, &epoch, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    if (row.generation == 0) {
        printf("%s: nothing to reset\n", p->name);
        return EXIT_OK;
    }
    if (epoch >= 0)
        snprintf(positions, sizeof positions, "the positions of epoch %" PRId64 " and ", epoch);
    printf("%s: generation %" PRId64
           " begins at the next run. Given up: %sthe rows of windows that were open. The table "
           "%s keeps its rows: records that are read again are written again.\n",
           p->name, row.generation, positions, p->location);
    return EXIT_OK;
}

static int reset(const struct cli_command *command, int argc, char **argv)
{
    struct job_file j;
    struct catalog *c = NULL;
    struct error    e;
    char            state_dir[4352];
    bool            help = false;
    int             code = load(command, argc, argv, &j, &help);
    if (code == EXIT_OK && !help) {
        job_state_dir(&j, options.state_dir, state_dir);
        enum err rc = catalog_open(state_dir, &c, &e);
        if (rc != OK) {
            cli_say("%s", e.text);
            code = cli_exit_code(rc);
        }
        for (int i = 0; code == EXIT_OK && i < j.n_plans; i++)
            code = reset_plan(&j.plans[i], c, &j.arena);
        catalog_close(c);
    }
    if (j.arena.tag)
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
