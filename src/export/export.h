/* SPDX-License-Identifier: MIT */
/*
 * export: a job file as a program for Spark or Databricks.
 *
 * The text of every SELECT stays as it was written; only its relations are replaced: read_kafka() and read_files() by
 * views that Spark's reader makes, and for Spark 3.5, which has no WATERMARK clause, watermarked relations too. What a
 * target cannot express is refused with its place; the user may leave a property out by name. Any thread.
 */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include "plan/plan.h"
#include "sql/parse.h"

enum export_form {
    EXPORT_PYSPARK,   /* one script for spark-submit */
    EXPORT_NOTEBOOK,  /* Databricks notebook, .py source format */
    EXPORT_IPYNB,     /* the same cells as a Jupyter notebook */
    EXPORT_PIPELINE,  /* Spark Declarative Pipelines: a folder */
    EXPORT_DATABRICKS /* one SQL file for a Databricks pipeline */
};

struct export_position {
    const char *topic;
    int32_t     partition;
    int64_t     offset;
};

/* Where the other engine takes over: it reads from these positions and does not write windows that are written. */
struct export_handover {
    const struct export_position *positions;
    int                           n;
    int64_t                       closed_ms; /* windows that end at or before it are written; 0: none is */
};

struct export_request {
    enum export_form              form;
    bool                          spark3; /* pyspark and notebooks: for Spark 3.5 instead of 4.1 */
    const char                   *file;   /* its name, for comments */
    const char                   *text;   /* parameters filled */
    const struct ast_script      *script;
    const struct plan            *plans; /* of its streaming tables */
    int                           n_plans;
    const struct sql_params      *params;
    const struct sql_fills       *fills;
    const char                   *without;   /* properties to leave out, "a,b"; or NULL */
    const char                   *files;     /* folder of relative read_files paths on the target; NULL: by argument */
    const char                   *warehouse; /* of tables that name no LOCATION */
    const struct export_handover *handover;  /* or NULL */
};

#define EXPORT_FILES_MAX 3
struct export_file {
    const char *name; /* below the output folder; NULL: the only one */
    struct buf  text;
};
struct export_output {
    struct export_file files[EXPORT_FILES_MAX];
    int                n;
};

/* False when diags says why not; the output is to be freed in both cases. */
bool export_job(const struct export_request *r, struct arena *a, struct diags *diags, struct export_output *out);
void export_output_free(struct export_output *out);

#endif
