/* SPDX-License-Identifier: MIT */
/*
 * parquet/writer: batches into one Parquet file in memory.
 *
 * What every reader wants: data pages v1, PLAIN and RLE_DICTIONARY, RLE levels, a row group per Mi rows, page CRC-32,
 * statistics of chunks and pages (column and offset index), INT64 microsecond timestamps. A file is at most
 * PARQUET_FILE_MAX bytes: the caller starts a new one when parquet_writer_size() reaches PARQUET_FILE_TARGET. One
 * thread at a time; a finished writer is ready for the next file and keeps its buffers warm.
 *
 * Source: parquet-format 2.x (parquet.thrift, Encodings.md); type mapping of PROTOCOL.md.
 */
#ifndef PARQUET_WRITER_H
#define PARQUET_WRITER_H

#include "column/batch.h"

#define PARQUET_FILE_TARGET ((size_t)128 << 20)
#define PARQUET_FILE_MAX ((size_t)512 << 20)

enum parquet_codec { PARQUET_NONE, PARQUET_SNAPPY, PARQUET_ZSTD };

/* What a leaf column holds in the whole file. */
struct parquet_leaf {
    const struct type *type;
    const char *const *path; /* names from the top */
    int                depth;
    bool               below_list; /* an ARRAY or MAP is above it: no row of its own per value */
    int64_t            n_nulls;
    bool               has_range; /* a value that is not NULL (nor NaN) was there, and the type has an order */
    bool               has_nan;
    int128             min, max; /* integers, DATE, TIMESTAMP, BOOLEAN; DECIMAL: unscaled */
    double             min_real, max_real;
    struct buf         min_bytes, max_bytes; /* STRING, BINARY: whole values */
};

struct parquet_writer;
/* The schema (STRUCT) is borrowed. ERR_UNSUPPORTED names a type that cannot be written yet. */
MUST_CHECK enum err parquet_writer_new(const struct type *schema, enum parquet_codec codec, struct parquet_writer **out,
                                       struct error *e);
void                parquet_writer_free(struct parquet_writer *w);
/* All rows of the batch (borrowed), whose schema has the same types in the same order. */
MUST_CHECK enum err parquet_writer_add(struct parquet_writer *w, const struct batch *b, struct error *e);
/* The rows so far are a row group of their own: who reads or writes needs memory for one only. */
MUST_CHECK enum err parquet_writer_end_group(struct parquet_writer *w, struct error *e);
size_t              parquet_writer_size(
                 const struct parquet_writer *w); /* about what the file would be now, uncompressed part included */
int64_t parquet_writer_rows(const struct parquet_writer *w);
/* Appends the whole file to out. The leaves stay readable until the next add. On failure the rows are forgotten. */
MUST_CHECK enum err parquet_writer_finish(struct parquet_writer *w, struct buf *out, struct error *e);
/* Forgets the rows since the last finish; must follow a failed add before the writer is used again. */
void parquet_writer_reset(struct parquet_writer *w);
/* The i-th leaf in schema order; NULL behind the last one. */
const struct parquet_leaf *parquet_writer_leaf(const struct parquet_writer *w, int i);

#endif
