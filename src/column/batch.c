/* SPDX-License-Identifier: MIT */
#include "column/batch.h"

struct raw_batch *raw_batch_ref(struct raw_batch *raw)
{
    atomic_fetch_add_explicit(&raw->refs, 1, memory_order_relaxed);
    return raw;
}

void raw_batch_free(struct raw_batch *raw)
{
    if (raw && atomic_fetch_sub_explicit(&raw->refs, 1, memory_order_acq_rel) == 1)
        raw->release(raw);
}

struct batch *batch_new(const struct type *schema, size_t n_rows, struct column *const *columns, struct raw_batch *raw,
                        uint32_t *origin)
{
    struct batch *b = mem_zalloc(TAG_BATCH, sizeof *b);
    size_t        n = schema->n_fields;
    if (b && !(b->columns = mem_alloc(TAG_BATCH, (n ? n : 1) * sizeof(struct column *)))) {
        mem_free(b);
        b = NULL;
    }
    if (!b) {
        for (size_t i = 0; i < n; i++)
            column_free(columns[i]);
        mem_free(origin);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        CHECK(columns[i]->n_rows == n_rows);
        b->columns[i] = columns[i];
    }
    b->schema = schema;
    b->refs = 1;
    b->n_rows = (uint32_t)n_rows;
    b->raw = raw ? raw_batch_ref(raw) : NULL;
    b->origin = origin;
    return b;
}

struct batch *batch_ref(struct batch *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void batch_free(struct batch *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < b->schema->n_fields; i++)
        column_free(b->columns[i]);
    raw_batch_free(b->raw);
    mem_free(b->columns);
    mem_free(b->origin);
    mem_free(b);
}

size_t batch_size_bytes(const struct batch *b)
{
    size_t size = sizeof *b + (b->raw ? b->raw->size_bytes : 0);
    for (size_t i = 0; i < b->schema->n_fields; i++)
        size += column_size_bytes(b->columns[i]);
    return size;
}

struct batch *batch_take(const struct batch *b, const uint32_t *rows, size_t n)
{
    size_t          n_columns = b->schema->n_fields;
    struct column **columns = mem_zalloc(TAG_BATCH, (n_columns ? n_columns : 1) * sizeof *columns);
    uint32_t       *origin = mem_alloc(TAG_BATCH, (n ? n : 1) * sizeof *origin);
    struct batch   *taken = NULL;
    bool            ok = columns && origin;
    for (size_t i = 0; ok && i < n_columns; i++)
        ok = (columns[i] = column_take(b->columns[i], rows, n)) != NULL;
    if (ok) {
        for (size_t i = 0; i < n; i++)
            origin[i] = b->origin ? b->origin[rows[i]] : rows[i];
        taken = batch_new(b->schema, n, columns, b->raw, origin);
    } else {
        for (size_t i = 0; columns && i < n_columns; i++)
            column_free(columns[i]);
        mem_free(origin);
    }
    mem_free(columns);
    return taken;
}
