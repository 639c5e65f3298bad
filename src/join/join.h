/* SPDX-License-Identifier: MIT */
/*
 * join: a stream enriched from a static table by equal keys.
 *
 * join_build is made once from the table's batches and is immutable: lanes share it. The operator looks each row up:
 * what its partners make of it is the kind of the join. NULL keys never match; NaN equals NaN and -0.0 equals 0.0, as
 * in Spark's join. A partner is a row of the table with equal keys for which the rest of the condition is true, too.
 */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include "flow/flow.h"

struct join_build;

enum join_kind {
    JOIN_INNER, /* a row per partner, none without */
    JOIN_LEFT,  /* a row per partner, one with NULLs without */
    JOIN_SEMI,  /* the row itself, once, when it has a partner */
    JOIN_ANTI,  /* the row itself when it has none */
};

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

/* The rest of a condition, over pairs of a row and a partner by key (LEFT, SEMI and ANTI: of an INNER join it is a
 * filter behind it). A batch of pairs has the columns that are asked for, and no origin. */
struct join_rest {
    const struct type *schema;  /* of the pairs */
    const int         *columns; /* schema->n_fields of them, out of the stream's columns, then the table's */
    /* *keep: a BOOLEAN for each pair, where NULL is false. rows: the row of *b of each pair. When pairs fail and the
     * query rejects such rows, *b becomes a batch without them and *keep NULL: it is to be joined again. */
    enum err (*keep)(const void *arg, struct op *join, const struct batch *pairs, const uint32_t *rows,
                     struct batch **b, struct column **keep, struct error *e);
    const void *arg;
};

struct join_spec {
    enum join_kind     kind;
    const struct type *schema; /* out: the stream's columns; INNER and LEFT: then the table's */
    const int         *probe;  /* stream columns, of the types of the build keys */
    int                n_keys;
    bool               null_aware; /* ANTI, one key: as NOT IN, where a NULL on either side is equal to everything */
    bool               filtered;   /* records it drops count as filtered, else as without a partner */
    const struct join_rest *rest;  /* or NULL */
};
/* build and spec are borrowed. */
MUST_CHECK enum err op_join_new(const struct join_build *build, const struct join_spec *spec,
                                struct flow_context *context, struct op **out, struct error *e);

#endif
