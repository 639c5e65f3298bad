/* SPDX-License-Identifier: MIT */
/*
 * parquet/footer: what a file says about itself: page index and FileMetaData. Inside parquet/; one owner.
 *
 * While pages are written, the writer notes each of them; a finished chunk leaves its statistics and indexes as
 * bytes, because where those stand in the file is known only at the end.
 */
#ifndef PARQUET_FOOTER_H
#define PARQUET_FOOTER_H

#include "parquet/range.h"

/* parquet.thrift */
enum { ENCODING_PLAIN = 0, ENCODING_RLE = 3, ENCODING_RLE_DICTIONARY = 8 };
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };

struct piece { /* of a buffer */
    size_t at, size;
};

struct page_note {
    int64_t      offset, first_row, n_nulls;
    int32_t      size; /* in the file, header included */
    bool         all_null;
    struct piece min, max; /* in footer.bounds */
};

struct chunk_note {
    int64_t      dictionary_at, data_at; /* file offsets; dictionary_at 0: none */
    int64_t      uncompressed, compressed, n_rows;
    int32_t      n_data_pages;
    bool         plain;
    struct piece statistics;   /* in footer.statistics */
    struct piece column_index; /* in footer.column_indexes; size 0: none */
    struct piece offset_index; /* in footer.offset_indexes */
};

struct group_note {
    int64_t rows, start, uncompressed, compressed;
};

struct footer {
    struct buf pages;           /* struct page_note, of the chunk being written */
    struct buf bounds;          /* of these pages */
    bool       no_column_index; /* a page of this chunk has no bounds */
    struct buf statistics, column_indexes, offset_indexes;
    struct buf chunks; /* struct chunk_note: groups x leaves */
    struct buf groups; /* struct group_note */
};

void footer_init(struct footer *f);
void footer_fini(struct footer *f);
void footer_clear(struct footer *f);
/* A data page stands at `offset`; r is its range. */
void footer_add_page(struct footer *f, const struct chunk *c, const struct page_span *p, const struct range *r,
                     int64_t offset, int32_t size);
/* All pages of the chunk are noted. */
void footer_end_chunk(struct footer *f, const struct chunk *c, const struct range *r, struct chunk_note *note);
void footer_end_group(struct footer *f, const struct group_note *group);
/* Appends page index, FileMetaData and its length; only the last magic is missing. */
void footer_write(const struct footer *f, const struct type *schema, const struct chunk *chunks, int n_chunks,
                  int32_t codec, int64_t rows, struct buf *file);

bool physical_of(const struct type *t, enum physical *p, uint32_t *width);

#endif
