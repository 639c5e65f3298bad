/* SPDX-License-Identifier: MIT */
/*
 * sink/tap: the newest rows of a query as text, for the terminal and the dashboard.
 *
 * The thread that writes the sink shows each batch; only its last rows are looked at, at most TAP_ROWS_PER_S a second,
 * and the newest few are kept as texts. Rows are numbered from 0 in the
 * order they were shown; a number that was not kept is a gap. Any other thread reads. One lock, held while a row
 * changes place or is printed, never in a system call. Bounded: a cell is cut at TAP_CELL_MAX bytes. Memory that is
 * out loses a row of the picture, nothing else.
 */
#ifndef SINK_TAP_H
#define SINK_TAP_H

#include "column/batch.h"
#include "json/write.h"

#define TAP_CELL_MAX 200
#define TAP_ROWS_PER_S 1000

struct tap;

/* The schema is borrowed; n_rows (at least 1) are kept. */
MUST_CHECK enum err tap_new(const struct type *schema, uint32_t n_rows, struct tap **out, struct error *e);
void                tap_free(struct tap *t);
void                tap_show(struct tap *t, const struct batch *b);
int64_t             tap_seen(struct tap *t); /* rows shown since the start: the number of the next one */
/* A header and the newest rows, at most `most`, oldest first, in columns; lines of at most `width` characters (0: no
 * limit). */
void tap_print(struct tap *t, uint32_t width, uint32_t most, struct buf *out);
/* The kept rows numbered from `from` to before `until`, oldest first, as arrays in the order of the schema; at most the
 * newest `most`. An array must be open in w. text_bigint: BIGINT as strings. Gives how many were written. */
int tap_rows(struct tap *t, int64_t from, int64_t until, int most, bool text_bigint, struct json_writer *w);

#endif
