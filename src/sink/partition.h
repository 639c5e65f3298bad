/* SPDX-License-Identifier: MIT */
/* sink/partition: partition values as Delta writes them, and folders for those that are plain. Inside sink/; any
 * thread. */
#ifndef SINK_PARTITION_H
#define SINK_PARTITION_H

#include "column/batch.h"

/* The row's values as a JSON object, {"day":"2024-01-02","who":null}, and a Hive folder, "day=2024-01-02/", when
 * every name and value is plain enough to be no trouble in a path (readers take values from the log, never from
 * paths); else "". text is scratch. */
void partition_describe(const struct batch *b, const char *const *names, const int *columns, int n, uint32_t row,
                        struct buf *text, struct buf *values, struct buf *folder);
/* Appends bytes that are equal exactly when the values are (an empty text and NULL differ here). */
void partition_key(const struct batch *b, const int *columns, int n, uint32_t row, struct buf *key);
/* Does the row have the same values as the one before it? */
bool partition_same_as_before(const struct batch *b, const int *columns, int n, uint32_t row);

#endif
