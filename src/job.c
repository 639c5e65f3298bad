/* SPDX-License-Identifier: MIT */
/* job: see job.h. */
#include "job.h"

#include <stdio.h>
#include <string.h>

int job_verdict(struct job_file *j, const char *path)
{
    struct script *s = &j->script;
    struct buf     out;
    buf_init(&out, TAG_SQL, (size_t)16 << 20);
    diags_print(&s->diags, path, buf_text(&s->text), &out);
    fputs(buf_text(&out), stderr);
    buf_fini(&out);
    for (int i = 0; i < s->diags.n; i++) { /* only options and properties are wrong: that is configuration */
        const struct diag *d = &s->diags.items[i];
        bool               option = strcmp(d->code, "E_OPTION") == 0 || strcmp(d->code, "E_PROPERTY") == 0;
        if (d->level == DIAG_ERROR && !option)
            return EXIT_DATA;
    }
    return s->diags.n_errors ? EXIT_CONFIG : EXIT_OK;
}

int job_load(struct job_file *j, const char *path, const char *warehouse, const struct cli_pairs *params)
{
    struct buf        raw;
    struct error      e;
    struct sql_params filled = {.names = params->names, .values = params->values, .n = params->n};
    memset(j, 0, sizeof *j);
    const char *slash = strrchr(path, '/');
    snprintf(j->folder, sizeof j->folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    enum err rc = cli_read_file(path, SCRIPT_BYTES_MAX, &raw, &e);
    if (rc == OK)
        (void)script_bind(&j->script, buf_text(&raw), j->folder, warehouse, &filled);
    else
        cli_say("%s", e.text);
    buf_fini(&raw);
    return rc == OK ? job_verdict(j, path) : cli_exit_code(rc);
}

void job_free(struct job_file *j) { script_free(&j->script); }

void job_state_dir(const struct job_file *j, const char *asked, char out[4352])
{
    snprintf(out, 4352, "%s%s", asked ? asked : j->folder, asked ? "" : "/.millrace");
}
