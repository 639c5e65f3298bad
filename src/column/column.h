/* SPDX-License-Identifier: MIT */
/*
 * column/column: the values of one column, in Arrow's layout; and the builder that makes one.
 *
 *   kind                       values                          offsets            children
 *   BOOLEAN                    one byte per value, 0 or 1 (*)   -                  -
 *   TINYINT..BIGINT FLOAT..    int8..int64, float, double       -                  -
 *   DATE                       int32 days since 1970-01-01      -                  -
 *   TIMESTAMP INTERVAL         int64 microseconds (UTC)         -                  -
 *   DECIMAL                    int128 unscaled                  -                  -
 *   STRING BINARY              bytes, back to back              n_rows + 1 u32     -
 *   STRUCT                     -                                -                  one per field
 *   ARRAY MAP                  -                                n_rows + 1 u32     element / key, value
 *
 * (*) The one departure from Arrow: kernels write booleans without read-modify-write.
 *
 * Validity is a bitmap, bit i of byte i/8, least significant first; a cleared bit is NULL; `valid` is NULL
 * when there is no NULL. What stands in `values` under a NULL is defined (zero or any earlier value) but
 * meaningless; a NULL string has length 0. A NULL struct's children are NULL too at that row.
 *
 * A column is immutable once finished and shared by count: column_ref / column_free, any thread.
 */
#ifndef COLUMN_COLUMN_H
#define COLUMN_COLUMN_H

#include <stdatomic.h>
#include <string.h>

#include "column/type.h"

#define COLUMN_BYTES_MAX ((size_t)1 << 31) /* bytes of strings in one column of one batch */

struct column {
    const struct type *type; /* borrowed: outlives the column */
    atomic_int         refs;
    uint32_t           n_rows;
    uint32_t           n_nulls;
    uint8_t           *valid;
    void              *values;
    uint32_t          *offsets;
    struct column    **children; /* type->n_fields, or 1 (ARRAY), or 2 (MAP) */
};

struct column *column_ref(const struct column *c); /* the same column, counted once more */
void           column_free(struct column *c);      /* NULL is ignored */

static inline bool column_is_valid(const struct column *c, size_t row)
{
    return !c->valid || (c->valid[row / 8] >> (row % 8) & 1);
}
static inline const int32_t *column_i32(const struct column *c) { return c->values; }
static inline const int64_t *column_i64(const struct column *c) { return c->values; }
/* A BOOLEAN, whole number, DATE or TIMESTAMP, whatever its width. */
static inline int64_t column_integer(const struct column *c, uint32_t i)
{
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        return ((const int8_t *)c->values)[i];
    case TYPE_SMALLINT:
        return ((const int16_t *)c->values)[i];
    case TYPE_INT:
    case TYPE_DATE:
        return ((const int32_t *)c->values)[i];
    default:
        return ((const int64_t *)c->values)[i];
    }
}
static inline const double  *column_f64(const struct column *c) { return c->values; }
static inline const int128  *column_i128(const struct column *c) { return c->values; }
static inline const uint8_t *column_u8(const struct column *c) { return c->values; }
static inline const uint8_t *column_bytes(const struct column *c, size_t row, uint32_t *n)
{
    *n = c->offsets[row + 1] - c->offsets[row];
    return (const uint8_t *)c->values + c->offsets[row];
}
size_t column_size_bytes(const struct column *c);

/* The rows named by `rows` (ascending or not, repeats allowed), as a new column. NULL: out of memory. */
struct column *column_take(const struct column *c, const uint32_t *rows, size_t n);
/* Field `index` of a struct column, with the struct's own NULLs laid over it. NULL: out of memory. */
struct column *column_field(const struct column *c, size_t index);
/* n rows of NULL. */
struct column *column_nulls(const struct type *type, size_t n);
/* A column around buffers made by mem_alloc; takes them all, also on failure (NULL). Strings: values, offsets. */
struct column *column_wrap(const struct type *type, size_t n_rows, size_t n_nulls, uint8_t *valid, void *values,
                           uint32_t *offsets);

/*
 * struct builder: grows one column row by row, or a struct of columns.
 *
 * A failed append (memory, COLUMN_BYTES_MAX) sets `failed` on the top; finish reports it. For a STRUCT: append
 * to every child, then call builder_struct(b, valid) once per row; for an ARRAY or MAP: the row's elements to the
 * child or children, then builder_list(b). builder_finish gives the column away and
 * leaves the builder empty, ready for the next batch, which is expected to be of the same size.
 */
struct builder {
    const struct type *type;
    uint32_t           n_rows, n_nulls;
    uint32_t           capacity;       /* rows */
    size_t             bytes_capacity; /* of values for STRING, BINARY */
    size_t             bytes_before;   /* of the column made last: the next one begins with room for as many */
    uint8_t           *valid;          /* always present while building: all ones unless NULL */
    void              *values;
    uint32_t          *offsets;
    struct builder    *children;
    bool               failed;
};

MUST_CHECK enum err builder_init(struct builder *b, const struct type *type, struct error *e);
void                builder_fini(struct builder *b);
void                builder_clear(struct builder *b); /* forgets the rows */
/* Makes room for n more rows (not bytes); sets failed. True when there is room. */
bool builder_reserve(struct builder *b, size_t n);
void builder_null(struct builder *b); /* any kind; recursive for STRUCT */

/* One more row with its validity bit, to be filled. Inline, with all that follows: they run once per value. */
static inline bool builder_add_row(struct builder *b, bool valid)
{
    if (__builtin_expect(b->failed || b->n_rows == b->capacity, 0) && !builder_reserve(b, 1))
        return false;
    uint32_t row = b->n_rows++;
    if (row % 8 == 0)
        b->valid[row / 8] = 0;
    b->valid[row / 8] |= (uint8_t)((unsigned)valid << row % 8);
    b->n_nulls += !valid;
    return true;
}

#define BUILDER_APPEND(name, T)                               \
    static inline void builder_##name(struct builder *b, T v) \
    {                                                         \
        if (builder_add_row(b, true))                         \
            ((T *)b->values)[b->n_rows - 1] = v;              \
    }
BUILDER_APPEND(i8, int8_t)
BUILDER_APPEND(i16, int16_t)
BUILDER_APPEND(i32, int32_t) /* INT, DATE */
BUILDER_APPEND(i64, int64_t) /* BIGINT, TIMESTAMP, INTERVAL */
BUILDER_APPEND(f32, float)
BUILDER_APPEND(f64, double)
BUILDER_APPEND(decimal, int128) /* unscaled */

static inline void builder_boolean(struct builder *b, bool v) { builder_i8(b, v); }
static inline void builder_struct(struct builder *b, bool valid) { builder_add_row(b, valid); }

bool builder__reserve_bytes(struct builder *b, size_t need); /* of values; for the row added last */
/* STRING, BINARY */
static inline void builder_bytes(struct builder *b, const void *bytes, size_t n)
{
    if (!builder_add_row(b, true))
        return;
    uint32_t row = b->n_rows - 1;
    size_t   at = b->offsets[row], need = at + n;
    if (__builtin_expect(need > b->bytes_capacity || !b->values, 0) && !builder__reserve_bytes(b, need))
        return;
    if (n)
        memcpy((uint8_t *)b->values + at, bytes, n);
    b->offsets[row + 1] = (uint32_t)need;
}

/* ARRAY, MAP: one more row, of the elements that were appended to the children since the last row. */
void builder_list(struct builder *b);
void builder_pop(struct builder *b); /* takes the last row back */
/* Row `row` of a column of the same type. */
void builder_copy(struct builder *b, const struct column *c, size_t row);
/* NULL with *e set: out of memory or over COLUMN_BYTES_MAX. Bitmap only when there are NULLs. */
MUST_CHECK enum err builder_finish(struct builder *b, struct column **out, struct error *e);

#endif
