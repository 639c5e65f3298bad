/* SPDX-License-Identifier: MIT */
/*
 * column/batch: rows as they move through the house, and the raw records they came from.
 *
 * struct raw_batch: records of exactly ONE partition, in offset order, as views over buffers it keeps alive
 * (released by its `release`). Nothing of the Kafka client's types shows. Counted: a batch whose rows may
 * still be rejected or late holds its raw_batch, so that a side table can quote the record.
 *
 * struct batch: immutable, counted; moving it into a call clears the giver's pointer (struct batch **take).
 */
#ifndef COLUMN_BATCH_H
#define COLUMN_BATCH_H

#include "column/column.h"

struct raw_record {
    const uint8_t *key;   /* NULL = no key */
    const uint8_t *value; /* NULL = no value (tombstone) */
    uint32_t       key_bytes, value_bytes;
    int64_t        offset;
    int64_t        timestamp_ms;   /* -1 none */
    uint8_t        timestamp_type; /* Spark's: 0 create time, 1 log append time; 255 not available (shown as -1) */
    bool           oversized;      /* above the message size limit: value is NULL and value_bytes tells the size */
};

/* One header of a record: a name, repeats allowed, and bytes or nothing. */
struct raw_header {
    const uint8_t *key, *value; /* value NULL: none */
    uint32_t       key_bytes, value_bytes;
};

struct raw_batch {
    atomic_int         refs;
    uint32_t           source; /* index of the relation that read it (a plan has one or more) */
    uint32_t           slot;   /* index of the partition in the query's partition table (ledger, positions) */
    const char        *topic;  /* borrowed from the source */
    int32_t            partition;
    uint32_t           n_records;
    bool               gaps_readable; /* what lies between two values that are close to each other may be read */
    struct raw_record *records;
    struct raw_header *headers;          /* of all records, one behind the other; NULL: the source does not read them */
    uint32_t          *header_ends;      /* per record: behind its last one */
    size_t             size_bytes;       /* payload held, for inbox ceilings */
    int64_t            next_offset;      /* position after this batch: >= last offset + 1 (gaps, markers) */
    void (*release)(struct raw_batch *); /* any thread; frees records and itself */
    void *owner;
};

struct raw_batch *raw_batch_ref(struct raw_batch *raw);
void              raw_batch_free(struct raw_batch *raw); /* NULL is ignored */

struct batch {
    const struct type *schema; /* STRUCT, borrowed from the plan */
    atomic_int         refs;
    uint32_t           n_rows;
    struct column    **columns; /* schema->n_fields, each with n_rows */
    struct raw_batch  *raw;     /* where the rows came from, or NULL (after an aggregate) */
    uint32_t          *origin;  /* row -> index into raw->records (after an aggregate: row of the window's batch);
                                   NULL = row i is record i */
};

/* Takes the columns (counted) and the array stays the caller's; raw is referenced; origin (mem_alloc) is taken.
 * NULL: out of memory, and everything taken is freed. n_rows must match every column. */
struct batch *batch_new(const struct type *schema, size_t n_rows, struct column *const *columns, struct raw_batch *raw,
                        uint32_t *origin);
struct batch *batch_ref(struct batch *b);
void          batch_free(struct batch *b); /* NULL is ignored */
size_t        batch_size_bytes(const struct batch *b);
/* The rows named, origin kept. NULL: out of memory. */
struct batch *batch_take(const struct batch *b, const uint32_t *rows, size_t n);
/* Records behind the rows: a join may have made several rows of one record; they stand side by side. */
static inline uint32_t batch_n_records(const struct batch *b)
{
    uint32_t n = b->n_rows;
    for (uint32_t i = 1; b->origin && i < b->n_rows; i++)
        n -= b->origin[i] == b->origin[i - 1];
    return n;
}
/* Behind the last row of the record that `row` begins. */
static inline uint32_t batch_record_end(const struct batch *b, uint32_t row)
{
    uint32_t end = row + 1;
    while (b->origin && end < b->n_rows && b->origin[end] == b->origin[row])
        end++;
    return end;
}
/* Record behind a row, or NULL. */
static inline const struct raw_record *batch_record(const struct batch *b, size_t row)
{
    return b->raw ? &b->raw->records[b->origin ? b->origin[row] : row] : NULL;
}

#endif
