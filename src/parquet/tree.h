/* SPDX-License-Identifier: MIT */
/*
 * parquet/tree: the schema of a file, as its leaves. Inside parquet/; any thread. Nothing of it is trusted.
 *
 * Files differ in what they call the parts of lists and maps, and in what must be there (REQUIRED). A leaf is told as
 * our types have it: names list.element and key_value.key, key_value.value; levels as if all but keys were OPTIONAL.
 *
 * Source: parquet-format LogicalTypes.md ("Nested Types", with the rules for older files).
 */
#ifndef PARQUET_TREE_H
#define PARQUET_TREE_H

#include "parquet/thrift_read.h"

#define TREE_PATH_MAX 1024 /* names, each ended by a byte 0 */
#define TREE_LEVELS_MAX 32

struct tree_leaf {
    const uint8_t *path;
    size_t         path_bytes;
    uint8_t        max_level, max_repeat;       /* in the file */
    uint8_t        levels[TREE_LEVELS_MAX + 1]; /* by definition level of the file: ours */
    bool           same;                        /* both are the same */
};

/* Reads the list of SchemaElement that t stands at. ERR_CORRUPT: it is broken or too deep; ERR_NO_MEMORY. */
MUST_CHECK enum err tree_read(struct thrift_in *t, struct arena *a, struct tree_leaf **leaves, uint32_t *n_leaves);

#endif
