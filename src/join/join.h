/* SPDX-License-Identifier: MIT */
/*
 * join: a stream enriched from a static table by equal keys.
 *
 * join_build is made once from the table's batches and is immutable: lanes share it. The operator looks each row up:
 * several partners multiply the row (fan_out), none drops it (INNER, counted) or gives NULLs (LEFT). NULL keys never
 * match; NaN equals NaN and -0.0 equals 0.0, as in Spark's join.
 */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include "flow/flow.h"

struct join_build;

#define JOIN_BYTES_MAX ((size_t)1 << 30) /* of the static table */
#define JOIN_ROWS_MAX (1u << 24)         /* out of one batch */

MUST_CHECK enum err join_build_new(const struct type *schema, const int *keys, int n_keys, struct join_build **out,
                                   struct error *e);
/* Owns the batch. ERR_LIMIT over JOIN_BYTES_MAX. */
MUST_CHECK enum err join_build_add(struct join_build *j, struct batch *b, struct error *e);
/* After the last add: the index. No adds afterwards. */
MUST_CHECK enum err join_build_finish(struct join_build *j, struct error *e);
void                join_build_free(struct join_build *j);
int64_t             join_build_rows(const struct join_build *j);

struct join_spec {
    const struct type *schema; /* out: the stream's columns, then the table's */
    const int         *probe;  /* stream columns, of the types of the build keys */
    int                n_keys;
    bool               left;
};
/* build and spec are borrowed. */
MUST_CHECK enum err op_join_new(const struct join_build *build, const struct join_spec *spec,
                                struct flow_context *context, struct op **out, struct error *e);

#endif
