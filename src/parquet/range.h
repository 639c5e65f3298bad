/* SPDX-License-Identifier: MIT */
/*
 * parquet/range: least and greatest value of a page, a chunk, a file, and how statistics write them.
 *
 * NaN has no place in an order and is only counted; zero is written as -0.0 below and +0.0 above; texts compare by
 * unsigned bytes. Inside parquet/; one owner.
 */
#ifndef PARQUET_RANGE_H
#define PARQUET_RANGE_H

#include "parquet/chunk.h"

struct range {
    bool           any; /* a value that has an order */
    int64_t        n_nans;
    int128         min, max;
    double         min_real, max_real;
    const uint8_t *min_bytes, *max_bytes; /* into the chunk */
    uint32_t       min_size, max_size;
};

/* A stretch of rows that becomes one data page. */
struct page_span {
    uint32_t row, n_rows, value, n_values; /* row, n_rows: entries of the chunk */
    uint32_t record, n_records;            /* rows of the table */
    size_t   at, size;                     /* plain values in chunk.values */
};

/* The next page behind `p` (all zero at first); n_rows 0 at the end. */
void page_next(const struct chunk *c, struct page_span *p);
/* seen: u32 per dictionary entry, all below `stamp` (BYTES with a dictionary only). */
void range_of_page(const struct chunk *c, const struct page_span *p, uint32_t *seen, uint32_t stamp, struct range *out);
void range_merge(struct range *into, const struct range *r, enum physical physical);
/* Widens the leaf's range of the whole file. */
void range_into_leaf(const struct range *r, enum physical physical, struct parquet_leaf *leaf);

/* Appends the bound as PLAIN bytes without a length. Values above `limit` are cut: min down to a prefix, max up to
 * the next prefix, *exact false then. False: there is no such bound (a maximum of only the highest characters). */
bool range_put_bound(const struct range *r, const struct chunk *c, bool max, size_t limit, struct buf *out,
                     bool *exact);
/* Order of two bounds written so. */
int range_compare_bounds(enum physical physical, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size);

#endif
