/* SPDX-License-Identifier: MIT */
/* The builder half of column.h: appends row by row, gives the column away. One owner, one thread. */
#include "column/column.h"

#define ROWS_AT_FIRST 1024
#define BYTES_AT_FIRST 16384

static size_t n_children(const struct type *t)
{
    return t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_ARRAY ? 1 : t->kind == TYPE_MAP ? 2 : 0;
}

static bool is_bytes(const struct type *t) { return t->kind == TYPE_STRING || t->kind == TYPE_BINARY; }

enum err builder_init(struct builder *b, const struct type *type, struct error *e)
{
    *b = (struct builder){.type = type};
    size_t n = n_children(type);
    if (n == 0)
        return OK;
    if (!(b->children = mem_zalloc(TAG_BATCH, n * sizeof *b->children)))
        return err_set(e, ERR_NO_MEMORY, "builder of %zu columns", n);
    for (size_t i = 0; i < n; i++) {
        enum err rc = builder_init(&b->children[i], type->fields[i].type, e);
        if (rc != OK) {
            builder_fini(b);
            return rc;
        }
    }
    return OK;
}

void builder_fini(struct builder *b)
{
    for (size_t i = 0; b->children && i < n_children(b->type); i++)
        if (b->children[i].type)
            builder_fini(&b->children[i]);
    mem_free(b->children);
    mem_free(b->valid);
    mem_free(b->values);
    mem_free(b->offsets);
    *b = (struct builder){.type = b->type};
}

void builder_clear(struct builder *b)
{
    for (size_t i = 0; b->children && i < n_children(b->type); i++)
        builder_clear(&b->children[i]);
    b->n_rows = 0;
    b->n_nulls = 0;
    b->failed = false;
}

static bool grow(void **p, size_t size_bytes)
{
    void *more = mem_realloc(TAG_BATCH, *p, size_bytes);
    if (more)
        *p = more;
    return more != NULL;
}

static bool grow_rows(struct builder *b, size_t rows)
{
    size_t width = type_width(b->type);
    size_t capacity = b->capacity < ROWS_AT_FIRST ? ROWS_AT_FIRST : b->capacity;
    while (capacity < rows)
        capacity *= 2;
    bool fresh_offsets = b->offsets == NULL;
    if (capacity > UINT32_MAX / 32 || !grow((void **)&b->valid, capacity / 8 + 1) ||
        (width && !grow(&b->values, capacity * width)) ||
        (width == 0 && b->type->kind != TYPE_STRUCT && !grow((void **)&b->offsets, (capacity + 1) * sizeof(uint32_t))))
        return false;
    if (b->offsets && fresh_offsets)
        b->offsets[0] = 0;
    b->capacity = (uint32_t)capacity;
    return true;
}

bool builder_reserve(struct builder *b, size_t n)
{
    if (b->failed)
        return false;
    if (b->n_rows + n > b->capacity && !grow_rows(b, b->n_rows + n)) {
        b->failed = true;
        return false;
    }
    if (b->n_rows == 0 && b->offsets)
        b->offsets[0] = 0;
    return true;
}

void builder_null(struct builder *b)
{
    if (!builder_add_row(b, false))
        return;
    uint32_t row = b->n_rows - 1;
    size_t   width = type_width(b->type);
    if (width)
        memset((uint8_t *)b->values + row * width, 0, width);
    else if (b->offsets)
        b->offsets[row + 1] = b->offsets[row];
    if (b->type->kind == TYPE_STRUCT)
        for (size_t i = 0; i < b->type->n_fields; i++)
            builder_null(&b->children[i]);
}

bool builder__reserve_bytes(struct builder *b, size_t need)
{
    size_t capacity = b->bytes_capacity ? b->bytes_capacity : b->bytes_before + b->bytes_before / 8;
    capacity = capacity < BYTES_AT_FIRST ? BYTES_AT_FIRST : capacity;
    while (capacity < need && capacity <= COLUMN_BYTES_MAX)
        capacity *= 2;
    if (need > COLUMN_BYTES_MAX || !grow(&b->values, capacity)) {
        b->n_rows--; /* the one that was added for it */
        b->failed = true;
        return false;
    }
    b->bytes_capacity = capacity;
    return true;
}

void builder_list(struct builder *b)
{
    if (builder_add_row(b, true))
        b->offsets[b->n_rows] = b->children[0].n_rows;
}

void builder_pop(struct builder *b)
{
    if (b->failed)
        return;
    uint32_t row = --b->n_rows;
    b->n_nulls -= !(b->valid[row / 8] >> (row % 8) & 1);
    b->valid[row / 8] &= (uint8_t)~(1u << (row % 8));
    for (size_t i = 0; b->type->kind == TYPE_STRUCT && i < b->type->n_fields; i++)
        builder_pop(&b->children[i]);
    for (size_t i = 0; b->type->kind != TYPE_STRUCT && i < n_children(b->type); i++)
        while (!b->children[i].failed && b->children[i].n_rows > b->offsets[row])
            builder_pop(&b->children[i]);
}

void builder_copy(struct builder *b, const struct column *c, size_t row)
{
    if (!column_is_valid(c, row) || c->type->kind == TYPE_NULL) {
        builder_null(b);
        return;
    }
    size_t width = type_width(b->type);
    if (is_bytes(b->type)) {
        uint32_t       n;
        const uint8_t *bytes = column_bytes(c, row, &n);
        builder_bytes(b, bytes, n);
    } else if (width) {
        if (builder_add_row(b, true))
            memcpy((uint8_t *)b->values + (b->n_rows - 1) * width, (const uint8_t *)c->values + row * width, width);
    } else if (b->type->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < b->type->n_fields; i++)
            builder_copy(&b->children[i], c->children[i], row);
        builder_add_row(b, true);
    } else if (builder_add_row(b, true)) {
        for (uint32_t k = c->offsets[row]; k < c->offsets[row + 1]; k++)
            for (size_t i = 0; i < n_children(b->type); i++)
                builder_copy(&b->children[i], c->children[i], k);
        b->offsets[b->n_rows] = b->offsets[b->n_rows - 1] + c->offsets[row + 1] - c->offsets[row];
    }
}

static bool any_failed(const struct builder *b)
{
    bool failed = b->failed;
    for (size_t i = 0; b->children && i < n_children(b->type); i++)
        failed = failed || any_failed(&b->children[i]);
    return failed;
}

static struct column *finish(struct builder *b)
{
    uint32_t capacity = b->capacity;
    if (capacity == 0 && !builder_reserve(b, 1)) /* even an empty column has buffers */
        return NULL;
    if (is_bytes(b->type) && !b->values && !(b->values = mem_alloc(TAG_BATCH, 1)))
        return NULL;
    if (b->n_nulls == 0) {
        mem_free(b->valid);
        b->valid = NULL;
    }
    b->bytes_before = is_bytes(b->type) ? b->offsets[b->n_rows] : 0;
    struct column *c = column_wrap(b->type, b->n_rows, b->n_nulls, b->valid, b->values, b->offsets);
    b->valid = NULL;
    b->values = NULL;
    b->offsets = NULL;
    b->capacity = 0;
    b->bytes_capacity = 0;
    for (size_t i = 0; c && i < n_children(b->type); i++)
        if (!(c->children[i] = finish(&b->children[i]))) {
            column_free(c);
            c = NULL;
        }
    return c;
}

enum err builder_finish(struct builder *b, struct column **out, struct error *e)
{
    *out = NULL;
    bool failed = any_failed(b);
    if (!failed)
        *out = finish(b);
    builder_clear(b);
    return *out ? OK : err_set(e, failed ? ERR_LIMIT : ERR_NO_MEMORY, "column: out of memory or larger than 2 GiB");
}
