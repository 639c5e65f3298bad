/* SPDX-License-Identifier: MIT */
/* job: a SQL file as plans: read, parameters filled, parsed, bound. What run, check, explain and reset share. */
#ifndef JOB_H
#define JOB_H

#include "cli.h"
#include "pipeline/script.h"

struct job_file {
    struct script script;
    char          folder[4096];
};

/* EXIT_OK, or the exit code after saying on stderr what is wrong. The job is to be freed in both cases. */
int  job_load(struct job_file *j, const char *path, const char *warehouse, const struct cli_pairs *params);
void job_free(struct job_file *j);
/* Says what the diagnostics hold; the exit code they ask for. */
int job_verdict(struct job_file *j, const char *path);
/* Default state folder of a job: .millrace beside the file. */
void job_state_dir(const struct job_file *j, const char *asked, char out[4352]);

#endif
