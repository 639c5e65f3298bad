/* SPDX-License-Identifier: MIT */
/* job: see job.h. */
#include "job.h"

#include <stdio.h>
#include <string.h>

#include "sql/parse.h"

#define SQL_BYTES_MAX ((size_t)1 << 20)

/* Prints them; the exit code they ask for. */
static int say_diags(struct job_file *j, const char *path)
{
    struct buf out;
    buf_init(&out, TAG_SQL, (size_t)16 << 20);
    diags_print(&j->diags, path, buf_text(&j->text), &out);
    fputs(buf_text(&out), stderr);
    buf_fini(&out);
    for (int i = 0; i < j->diags.n; i++) { /* only options and properties are wrong: that is configuration */
        bool option =
            strcmp(j->diags.items[i].code, "E_OPTION") == 0 || strcmp(j->diags.items[i].code, "E_PROPERTY") == 0;
        if (j->diags.items[i].level == DIAG_ERROR && !option)
            return EXIT_DATA;
    }
    return j->diags.n_errors ? EXIT_CONFIG : EXIT_OK;
}

int job_load(struct job_file *j, const char *path, const char *warehouse, const struct cli_pairs *params)
{
    struct buf         raw;
    struct error       e;
    struct ast_script *script = NULL;
    memset(j, 0, sizeof *j);
    arena_init(&j->arena, TAG_SQL, (size_t)256 << 20);
    buf_init(&j->text, TAG_SQL, SQL_BYTES_MAX * 4);
    diags_init(&j->diags, &j->arena);
    const char *slash = strrchr(path, '/');
    snprintf(j->folder, sizeof j->folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    enum err rc = cli_read_file(path, SQL_BYTES_MAX, &raw, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        buf_fini(&raw);
        return cli_exit_code(rc);
    }
    rc = sql_fill_params(buf_text(&raw), params->names, params->values, params->n, &j->text, &j->diags, &e);
    if (rc != OK) {
        buf_clear(&j->text);
        buf_puts(&j->text, buf_text(&raw));
        buf_fini(&raw);
        say_diags(j, path);
        return EXIT_DATA;
    }
    buf_fini(&raw);
    relations_fill(j->kinds, j->folder);
    struct plan_environment env = {.kinds = j->kinds, .n_kinds = RELATION_KINDS, .warehouse = warehouse};
    if (sql_parse(buf_text(&j->text), &j->arena, &j->diags, &script, &e) == OK)
        plan_script(script, &env, &j->arena, &j->diags, &j->plans, &j->n_plans);
    return say_diags(j, path);
}

void job_free(struct job_file *j)
{
    buf_fini(&j->text);
    arena_fini(&j->arena);
}

void job_state_dir(const struct job_file *j, const char *asked, char out[4352])
{
    snprintf(out, 4352, "%s%s", asked ? asked : j->folder, asked ? "" : "/.millrace");
}
