/* SPDX-License-Identifier: MIT */
#include "column/column.h"

struct column *column_ref(const struct column *c)
{
    struct column *shared = (struct column *)(uintptr_t)c; /* the count is not part of the value */
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

static size_t n_children(const struct type *t)
{
    return t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_ARRAY ? 1 : t->kind == TYPE_MAP ? 2 : 0;
}

static bool has_offsets(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_BINARY || t->kind == TYPE_ARRAY || t->kind == TYPE_MAP;
}

void column_free(struct column *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; c->children && i < n_children(c->type); i++)
        column_free(c->children[i]);
    mem_free(c->children);
    mem_free(c->valid);
    mem_free(c->values);
    mem_free(c->offsets);
    mem_free(c);
}

struct column *column_wrap(const struct type *type, size_t n_rows, size_t n_nulls, uint8_t *valid, void *values,
                           uint32_t *offsets)
{
    struct column *c = mem_zalloc(TAG_BATCH, sizeof *c);
    size_t         n = n_children(type);
    if (c && n && !(c->children = mem_zalloc(TAG_BATCH, n * sizeof(struct column *)))) {
        mem_free(c);
        c = NULL;
    }
    if (!c) {
        mem_free(valid);
        mem_free(values);
        mem_free(offsets);
        return NULL;
    }
    c->type = type;
    c->refs = 1;
    c->n_rows = (uint32_t)n_rows;
    c->n_nulls = (uint32_t)n_nulls;
    c->valid = valid;
    c->values = values;
    c->offsets = offsets;
    return c;
}

size_t column_size_bytes(const struct column *c)
{
    size_t size = sizeof *c + (c->valid ? c->n_rows / 8 + 1 : 0) + type_width(c->type) * c->n_rows;
    if (c->offsets)
        size += (c->n_rows + 1) * sizeof *c->offsets + (c->children ? 0 : c->offsets[c->n_rows]);
    for (size_t i = 0; c->children && i < n_children(c->type); i++)
        size += column_size_bytes(c->children[i]);
    return size;
}

/* ---- take ---- */

static bool take_valid(const struct column *c, const uint32_t *rows, size_t n, struct column *to)
{
    if (!c->valid)
        return true;
    if (!(to->valid = mem_zalloc(TAG_BATCH, n / 8 + 1)))
        return false;
    size_t n_valid = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t bit = c->valid[rows[i] / 8] >> (rows[i] % 8) & 1;
        to->valid[i / 8] |= (uint8_t)(bit << (i % 8));
        n_valid += bit;
    }
    to->n_nulls = (uint32_t)(n - n_valid);
    if (to->n_nulls == 0) {
        mem_free(to->valid);
        to->valid = NULL;
    }
    return true;
}

#define TAKE_FIXED(T)                  \
    do {                               \
        const T *from = c->values;     \
        T       *into = to->values;    \
        for (size_t i = 0; i < n; i++) \
            into[i] = from[rows[i]];   \
    } while (0)

static bool take_fixed(const struct column *c, const uint32_t *rows, size_t n, struct column *to)
{
    size_t width = type_width(c->type);
    if (width == 0)
        return true;
    if (!(to->values = mem_alloc(TAG_BATCH, (n ? n : 1) * width)))
        return false;
    switch (width) {
    case 1:
        TAKE_FIXED(uint8_t);
        break;
    case 2:
        TAKE_FIXED(uint16_t);
        break;
    case 4:
        TAKE_FIXED(uint32_t);
        break;
    case 8:
        TAKE_FIXED(uint64_t);
        break;
    default:
        TAKE_FIXED(int128);
        break;
    }
    return true;
}

static bool take_offsets(const struct column *c, const uint32_t *rows, size_t n, struct column *to)
{
    uint64_t total = 0;
    if (!has_offsets(c->type))
        return true;
    for (size_t i = 0; i < n; i++)
        total += c->offsets[rows[i] + 1] - c->offsets[rows[i]];
    if (total > COLUMN_BYTES_MAX || !(to->offsets = mem_alloc(TAG_BATCH, (n + 1) * sizeof *to->offsets)))
        return false;
    uint32_t at = 0;
    to->offsets[0] = 0;
    for (size_t i = 0; i < n; i++) {
        at += c->offsets[rows[i] + 1] - c->offsets[rows[i]];
        to->offsets[i + 1] = at;
    }
    if (c->children)
        return true;
    uint8_t *bytes = mem_alloc(TAG_BATCH, total ? total : 1);
    if (!(to->values = bytes))
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *from = (const uint8_t *)c->values + c->offsets[rows[i]];
        memcpy(bytes + to->offsets[i], from, to->offsets[i + 1] - to->offsets[i]);
    }
    return true;
}

static bool take_elements(const struct column *c, const uint32_t *rows, size_t n, struct column *to)
{
    size_t    total = to->offsets[n], at = 0;
    uint32_t *elements = mem_alloc(TAG_BATCH, (total ? total : 1) * sizeof *elements);
    if (!elements)
        return false;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = c->offsets[rows[i]]; k < c->offsets[rows[i] + 1]; k++)
            elements[at++] = k;
    bool ok = true;
    for (size_t i = 0; ok && i < n_children(c->type); i++)
        ok = (to->children[i] = column_take(c->children[i], elements, total)) != NULL;
    mem_free(elements);
    return ok;
}

struct column *column_take(const struct column *c, const uint32_t *rows, size_t n)
{
    struct column *to = column_wrap(c->type, n, 0, NULL, NULL, NULL);
    if (!to)
        return NULL;
    if (c->type->kind == TYPE_NULL)
        to->n_nulls = (uint32_t)n;
    bool ok = take_valid(c, rows, n, to) && take_fixed(c, rows, n, to) && take_offsets(c, rows, n, to);
    if (ok && c->type->kind == TYPE_STRUCT)
        for (size_t i = 0; ok && i < c->type->n_fields; i++)
            ok = (to->children[i] = column_take(c->children[i], rows, n)) != NULL;
    else if (ok && c->children)
        ok = take_elements(c, rows, n, to);
    if (!ok) {
        column_free(to);
        return NULL;
    }
    return to;
}

struct column *column_field(const struct column *c, size_t index)
{
    /* The builder and the decoders keep "a NULL struct's children are NULL", so the child is the answer. */
    return column_ref(c->children[index]);
}

struct column *column_nulls(const struct type *type, size_t n)
{
    struct builder b;
    struct column *c = NULL;
    if (builder_init(&b, type, NULL) != OK)
        return NULL;
    for (size_t i = 0; i < n; i++)
        builder_null(&b);
    if (builder_finish(&b, &c, NULL) != OK)
        c = NULL;
    builder_fini(&b);
    return c;
}
