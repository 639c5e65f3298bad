/* SPDX-License-Identifier: MIT */
/*
 * parquet/chunk: one leaf column of the row group being filled: levels, and values as a dictionary with indexes or,
 * once that does not pay, plain. Values only gather here; ranges are taken when pages are made (range.h). Inside
 * parquet/; one owner.
 */
#ifndef PARQUET_CHUNK_H
#define PARQUET_CHUNK_H

#include "parquet/writer.h"

/* parquet.thrift Type */
enum physical {
    PHYSICAL_BOOLEAN = 0,
    PHYSICAL_INT32 = 1,
    PHYSICAL_INT64 = 2,
    PHYSICAL_FLOAT = 4,
    PHYSICAL_DOUBLE = 5,
    PHYSICAL_BYTES = 6,
    PHYSICAL_FIXED = 7 /* DECIMAL of more than 18 digits: big-endian, two's complement */
};

#define DICTIONARY_BYTES_MAX ((size_t)1 << 20)
#define PAGE_ROWS 20000
#define PAGE_BYTES ((size_t)1 << 20)

struct chunk {
    struct parquet_leaf leaf;  /* of the whole file; the range is filled when a group is written */
    const int          *steps; /* child index at each depth */
    int                 n_steps;
    uint32_t            required; /* bit d: what stands at depth d is never NULL (the key of a map) */
    enum physical       physical;
    uint32_t            width;                 /* bytes per plain value, 0 for BYTES */
    int                 max_level, max_repeat; /* of definition and repetition levels; 0: no list above the leaf */
    struct buf          levels;                /* one byte per entry; empty while every one has the highest level */
    struct buf          repeats;               /* below a list: one byte per entry, 0 where a row begins */
    uint32_t            n_rows, n_values;      /* entries: rows; below a list one per element, or one for none */
    bool                plain;                 /* the dictionary was given up */
    struct buf          values;                /* plain: values as they go into pages (BOOLEAN: a byte each) */
    struct buf          indexes;               /* u32 per value */
    struct buf          dictionary;            /* plain values of the dictionary */
    struct buf          entry_at;              /* BYTES: u32 offset of each entry in `dictionary` */
    uint32_t            n_entries;
    uint64_t           *slots; /* hash table: upper half of the hash << 32 | entry + 1 */
    uint32_t            capacity;
    size_t              plain_bytes; /* what the values would take without a dictionary */
    struct buf          rows;        /* scratch: u32 rows of a batch that hold a value */
};

MUST_CHECK enum err chunk_init(struct chunk *c, struct error *e);
void                chunk_fini(struct chunk *c);
void                chunk_clear(struct chunk *c);      /* the next row group; large buffers are given back */
void                chunk_clear_file(struct chunk *c); /* the next file: statistics too */
/* Rows of a batch; column is the leaf, ancestors its structs from the top (max_level - 1 of them). */
MUST_CHECK enum err chunk_add(struct chunk *c, const struct column *column, const struct column *const *ancestors,
                              struct error *e);
/* The same for a leaf below a list: top is the column of the batch. */
MUST_CHECK enum err chunk_add_nested(struct chunk *c, const struct column *top, struct error *e);
/* Before pages are made: gives the dictionary up if plain pages are smaller. */
MUST_CHECK enum err chunk_settle(struct chunk *c, struct error *e);
size_t              chunk_size(const struct chunk *c);

/* Bytes of dictionary entry i. */
static inline const uint8_t *chunk_entry(const struct chunk *c, uint32_t i, uint32_t *n)
{
    uint32_t at;
    if (c->width) {
        *n = c->width;
        return c->dictionary.data + (size_t)i * c->width;
    }
    memcpy(&at, c->entry_at.data + (size_t)i * sizeof at, sizeof at);
    const uint8_t *p = c->dictionary.data + at;
    memcpy(n, p, sizeof *n);
    return p + sizeof *n;
}

#endif
