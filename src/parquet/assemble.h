/* SPDX-License-Identifier: MIT */
/*
 * parquet/assemble: rows of a column that has lists in it, out of the entries of its leaves (Dremel's levels). Inside
 * parquet/; any thread. Nothing of the levels is trusted.
 */
#ifndef PARQUET_ASSEMBLE_H
#define PARQUET_ASSEMBLE_H

#include "column/column.h"

/* Of one leaf, in the order of the type; an entry is a value, or a NULL where a list or a struct above it ends. */
struct leaf_entries {
    const uint8_t *levels, *repeats; /* a byte per entry */
    uint32_t       n, at;            /* at: the next one to be used */
    struct column *values;           /* a row per entry; NULL: the file does not have the leaf */
};

/* Is there an ARRAY or a MAP in it? */
bool type_has_list(const struct type *t);
/* How many leaves a type has: 1 when it is not nested. */
int type_n_leaves(const struct type *t);
/* Appends n_rows rows of an optional column; rows that its leaves no longer have are ERR_CORRUPT. */
MUST_CHECK enum err assemble_rows(const struct type *t, struct leaf_entries *leaves, uint32_t n_rows, struct builder *b,
                                  struct error *e);

#endif
