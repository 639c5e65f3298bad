/* SPDX-License-Identifier: MIT */
/*
 * parquet/reader: a Parquet file in memory, as batches.
 *
 * Reads what writer.h writes, and what Spark and delta-rs write as checkpoints: data pages v1, PLAIN and
 * RLE_DICTIONARY, RLE levels, no codec, snappy or zstd; columns that must be there, lists and maps of other names
 * (tree.h). Page CRCs are checked when they are there. Everything else is refused by name (ERR_UNSUPPORTED). A broken
 * file is ERR_CORRUPT; no byte of it is trusted. One thread at a time.
 *
 * Source: parquet-format 2.x (parquet.thrift, Encodings.md).
 */
#ifndef PARQUET_READER_H
#define PARQUET_READER_H

#include "column/batch.h"

struct parquet_reader;

/* The file's bytes and the schema (STRUCT of the columns wanted, by name) are borrowed. A column the file does not have
 * reads as NULL. */
MUST_CHECK enum err parquet_reader_new(const uint8_t *bytes, size_t n, const struct type *schema,
                                       struct parquet_reader **out, struct error *e);
void                parquet_reader_free(struct parquet_reader *r);
int                 parquet_reader_groups(const struct parquet_reader *r);
int64_t             parquet_reader_rows(const struct parquet_reader *r);
/* The first max_rows rows (0: all) of a row group. */
MUST_CHECK enum err parquet_reader_group(struct parquet_reader *r, int group, uint32_t max_rows, struct batch **out,
                                         struct error *e);

#endif
