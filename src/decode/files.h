/* SPDX-License-Identifier: MIT */
/*
 * decode/files: CSV and NDJSON files as a static table (flow.h), for read_files(). Read whole, at the start, on an io
 * thread. A path is a file, or a folder whose files are read in name order (hidden ones are not).
 *
 * CSV as Spark's defaults: comma, double quotes, backslash escapes inside quotes, an empty field is NULL, no trimming;
 * a field that cannot be converted is NULL (PERMISSIVE). JSON: one document a line, as from_json reads it.
 */
#ifndef DECODE_FILES_H
#define DECODE_FILES_H

#include "flow/flow.h"

#define FILES_BYTES_MAX ((size_t)1 << 30) /* of one table */

struct files_spec {
    const char        *path;
    bool               json;      /* else CSV */
    bool               header;    /* CSV: the first line names the columns */
    char               separator; /* CSV */
    const struct type *schema;    /* STRUCT of scalar types; CSV columns by position, or by name with a header */
};

/* Spec strings and types are borrowed. Nothing is opened before scan. */
MUST_CHECK enum err files_table_new(const struct files_spec *spec, struct table **out, struct error *e);

#endif
