/* SPDX-License-Identifier: MIT */
#include "parquet/chunk.h"

#include <math.h>

#include "base/hash.h"

#define CHUNK_LIMIT PARQUET_FILE_MAX

enum err chunk_init(struct chunk *c, struct error *e)
{
    buf_init(&c->levels, TAG_SINK, CHUNK_LIMIT);
    buf_init(&c->values, TAG_SINK, CHUNK_LIMIT);
    buf_init(&c->indexes, TAG_SINK, CHUNK_LIMIT);
    buf_init(&c->dictionary, TAG_SINK, CHUNK_LIMIT);
    buf_init(&c->entry_at, TAG_SINK, CHUNK_LIMIT);
    buf_init(&c->leaf.min_bytes, TAG_SINK, CHUNK_LIMIT);
    buf_init(&c->leaf.max_bytes, TAG_SINK, CHUNK_LIMIT);
    c->capacity = 1024;
    c->slots = mem_zalloc(TAG_SINK, c->capacity * sizeof *c->slots);
    c->plain = c->physical == PHYSICAL_BOOLEAN;
    c->last_entry = UINT32_MAX;
    return c->slots ? OK : err_set(e, ERR_NO_MEMORY, "Parquet column");
}

void chunk_fini(struct chunk *c)
{
    buf_fini(&c->levels);
    buf_fini(&c->values);
    buf_fini(&c->indexes);
    buf_fini(&c->dictionary);
    buf_fini(&c->entry_at);
    buf_fini(&c->leaf.min_bytes);
    buf_fini(&c->leaf.max_bytes);
    mem_free(c->slots);
}

void chunk_clear(struct chunk *c)
{
    buf_clear(&c->levels);
    buf_clear(&c->values);
    buf_clear(&c->indexes);
    buf_clear(&c->dictionary);
    buf_clear(&c->entry_at);
    memset(c->slots, 0, c->capacity * sizeof *c->slots);
    c->n_rows = c->n_values = c->n_entries = 0;
    c->plain_bytes = 0;
    c->plain = c->physical == PHYSICAL_BOOLEAN;
    c->last_entry = UINT32_MAX;
}

void chunk_clear_file(struct chunk *c)
{
    chunk_clear(c);
    c->leaf.n_nulls = 0;
    c->leaf.has_range = c->leaf.has_nan = false;
    buf_clear(&c->leaf.min_bytes);
    buf_clear(&c->leaf.max_bytes);
}

size_t chunk_size(const struct chunk *c)
{
    return c->levels.size / 8 + c->values.size + c->dictionary.size + c->indexes.size / 3;
}

/* ---- statistics ---- */

static int compare_bytes(const struct buf *a, const uint8_t *bytes, uint32_t n)
{
    int order = memcmp(a->data, bytes, a->size < n ? a->size : n);
    return order ? order : (a->size > n) - (a->size < n);
}

static void range_bytes(struct parquet_leaf *l, const uint8_t *bytes, uint32_t n)
{
    if (!l->has_range || compare_bytes(&l->min_bytes, bytes, n) > 0) {
        buf_clear(&l->min_bytes);
        buf_put(&l->min_bytes, bytes, n);
        buf_reserve(&l->min_bytes, 1);
    }
    if (!l->has_range || compare_bytes(&l->max_bytes, bytes, n) < 0) {
        buf_clear(&l->max_bytes);
        buf_put(&l->max_bytes, bytes, n);
        buf_reserve(&l->max_bytes, 1);
    }
    l->has_range = true;
}

static void range_integer(struct parquet_leaf *l, int64_t v)
{
    if (!l->has_range || v < l->min)
        l->min = v;
    if (!l->has_range || v > l->max)
        l->max = v;
    l->has_range = true;
}

static void range_real(struct parquet_leaf *l, double v)
{
    if (isnan(v)) {
        l->has_nan = true;
        return;
    }
    if (!l->has_range || v < l->min_real)
        l->min_real = v;
    if (!l->has_range || v > l->max_real)
        l->max_real = v;
    l->has_range = true;
}

/* ---- dictionary ---- */

static const uint8_t *entry(const struct chunk *c, uint32_t i, uint32_t *n)
{
    uint32_t at;
    memcpy(&at, c->entry_at.data + (size_t)i * sizeof at, sizeof at);
    const uint8_t *p = c->dictionary.data + at;
    if (c->width) {
        *n = c->width;
        return p;
    }
    memcpy(n, p, sizeof *n);
    return p + sizeof *n;
}

static bool grow_slots(struct chunk *c)
{
    uint32_t  capacity = c->capacity * 2;
    uint32_t *slots = mem_zalloc(TAG_SINK, capacity * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        uint32_t       n;
        const uint8_t *p = entry(c, i, &n);
        uint32_t       at = (uint32_t)hash_bytes(p, n, 0) & (capacity - 1);
        while (slots[at])
            at = (at + 1) & (capacity - 1);
        slots[at] = i + 1;
    }
    mem_free(c->slots);
    c->slots = slots;
    c->capacity = capacity;
    return true;
}

static void put_plain(struct chunk *c, struct buf *out, const uint8_t *p, uint32_t n)
{
    if (!c->width)
        buf_put(out, &n, sizeof n); /* little-endian, as the machines this runs on */
    buf_put(out, p, n);
}

static uint32_t find_entry(struct chunk *c, const uint8_t *p, uint32_t n)
{
    uint32_t       m;
    const uint8_t *last = c->last_entry != UINT32_MAX ? entry(c, c->last_entry, &m) : NULL;
    if (last && m == n && memcmp(last, p, n) == 0)
        return c->last_entry;
    uint32_t at = (uint32_t)hash_bytes(p, n, 0) & (c->capacity - 1);
    for (uint32_t i; (i = c->slots[at]); at = (at + 1) & (c->capacity - 1)) {
        const uint8_t *q = entry(c, i - 1, &m);
        if (m == n && memcmp(p, q, n) == 0)
            return c->last_entry = i - 1;
    }
    uint32_t offset = (uint32_t)c->dictionary.size;
    buf_put(&c->entry_at, &offset, sizeof offset);
    put_plain(c, &c->dictionary, p, n);
    c->slots[at] = c->n_entries + 1;
    c->last_entry = c->n_entries++;
    if (c->n_entries * 2 > c->capacity && !grow_slots(c))
        c->dictionary.failed = true;
    return c->last_entry;
}

/* The values so far, written out plain; the dictionary is no more. */
static void give_up_dictionary(struct chunk *c)
{
    const uint32_t *indexes = (const uint32_t *)(const void *)c->indexes.data;
    for (uint32_t i = 0; i < c->n_values; i++) {
        uint32_t       n;
        const uint8_t *p = entry(c, indexes[i], &n);
        put_plain(c, &c->values, p, n);
    }
    /* the range of what was seen only as entries */
    c->plain = true;
    buf_clear(&c->indexes);
}

static bool dictionary_pays(const struct chunk *c)
{
    if (c->dictionary.size > DICTIONARY_BYTES_MAX)
        return false;
    return c->n_values < PAGE_ROWS || c->dictionary.size * 4 < c->plain_bytes * 3;
}

static void add_value(struct chunk *c, const uint8_t *p, uint32_t n)
{
    if (c->plain) {
        put_plain(c, &c->values, p, n);
    } else {
        uint32_t index = find_entry(c, p, n);
        buf_put(&c->indexes, &index, sizeof index);
    }
    c->plain_bytes += n + (c->width ? 0 : sizeof n);
    c->n_values++;
}

/* ---- rows ---- */

static void add_level(struct chunk *c, uint8_t level)
{
    if (c->levels.size == 0 && level == c->max_level)
        return;
    if (c->levels.size == 0) { /* the first that is not the highest: write out those before */
        uint8_t *to = buf_reserve(&c->levels, c->n_rows + 1);
        if (!to)
            return;
        memset(to, c->max_level, c->n_rows);
        c->levels.size = c->n_rows;
    }
    buf_u8(&c->levels, level);
}

static void add_scalar(struct chunk *c, const struct column *col, uint32_t row)
{
    int32_t  i32;
    uint32_t n;
    switch ((int)col->type->kind) {
    case TYPE_STRING:
    case TYPE_BINARY: {
        const uint8_t *p = column_bytes(col, row, &n);
        if (c->plain)
            range_bytes(&c->leaf, p, n);
        add_value(c, p, n);
        break;
    }
    case TYPE_BOOLEAN:
        range_integer(&c->leaf, column_u8(col)[row]);
        add_value(c, column_u8(col) + row, 1);
        break;
    case TYPE_TINYINT:
        i32 = ((const int8_t *)col->values)[row];
        range_integer(&c->leaf, i32);
        add_value(c, (const uint8_t *)&i32, 4);
        break;
    case TYPE_SMALLINT:
        i32 = ((const int16_t *)col->values)[row];
        range_integer(&c->leaf, i32);
        add_value(c, (const uint8_t *)&i32, 4);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        range_integer(&c->leaf, column_i32(col)[row]);
        add_value(c, (const uint8_t *)(column_i32(col) + row), 4);
        break;
    case TYPE_FLOAT:
        range_real(&c->leaf, (double)((const float *)col->values)[row]);
        add_value(c, (const uint8_t *)col->values + (size_t)row * 4, 4);
        break;
    case TYPE_DOUBLE:
        range_real(&c->leaf, column_f64(col)[row]);
        add_value(c, (const uint8_t *)(column_f64(col) + row), 8);
        break;
    default:
        range_integer(&c->leaf, column_i64(col)[row]);
        add_value(c, (const uint8_t *)(column_i64(col) + row), 8);
        break;
    }
}

enum err chunk_add(struct chunk *c, const struct column *column, const struct column *const *ancestors, struct error *e)
{
    bool any_null = column->valid != NULL;
    for (int d = 0; d < c->max_level - 1; d++)
        any_null = any_null || ancestors[d]->valid;
    for (uint32_t row = 0; row < column->n_rows; row++) {
        int level = 0;
        if (any_null) {
            while (level < c->max_level - 1 && column_is_valid(ancestors[level], row))
                level++;
            if (level == c->max_level - 1 && column_is_valid(column, row))
                level++;
        } else {
            level = c->max_level;
        }
        add_level(c, (uint8_t)level);
        c->n_rows++;
        if (level < c->max_level)
            c->leaf.n_nulls++;
        else
            add_scalar(c, column, row);
    }
    if (!c->plain && !dictionary_pays(c)) {
        for (uint32_t i = 0; !c->width && i < c->n_entries; i++) {
            uint32_t       n;
            const uint8_t *p = entry(c, i, &n);
            range_bytes(&c->leaf, p, n);
        }
        give_up_dictionary(c);
    }
    if (c->levels.failed || c->values.failed || c->indexes.failed || c->dictionary.failed || c->entry_at.failed)
        return err_set(e, ERR_LIMIT, "a Parquet column chunk is larger than %zu bytes, or memory is out", CHUNK_LIMIT);
    return OK;
}

/* ---- hybrid encoding ---- */

static void put_varint(struct buf *out, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_u8(out, (uint8_t)(v | 0x80));
    buf_u8(out, (uint8_t)v);
}

static void put_run(uint32_t value, uint32_t n, int width, struct buf *out)
{
    put_varint(out, n << 1);
    for (int i = 0; i < (width + 7) / 8; i++)
        buf_u8(out, (uint8_t)(value >> (8 * i)));
}

/* n values (a multiple of 8 but at the end, padded with zeros). */
static void put_packed(const uint32_t *values, uint32_t n, int width, struct buf *out)
{
    uint32_t groups = (n + 7) / 8;
    put_varint(out, groups << 1 | 1);
    uint64_t bits = 0;
    int      have = 0;
    for (uint32_t i = 0; i < groups * 8; i++) {
        bits |= (uint64_t)(i < n ? values[i] : 0) << have;
        for (have += width; have >= 8; have -= 8, bits >>= 8)
            buf_u8(out, (uint8_t)bits);
    }
}

static uint32_t run_length(const uint32_t *values, uint32_t n)
{
    uint32_t i = 1;
    while (i < n && values[i] == values[0])
        i++;
    return i;
}

void hybrid_encode(const uint32_t *values, uint32_t n, int width, struct buf *out)
{
    uint32_t packed_from = 0, i = 0;
    while (i < n) {
        uint32_t run = run_length(values + i, n - i);
        /* a run is worth it from 8 on, and must start where packed values fill whole groups */
        uint32_t fill = (8 - (i - packed_from) % 8) % 8;
        if (run < 8 + fill) {
            i += run;
            continue;
        }
        i += fill;
        run -= fill;
        if (i > packed_from)
            put_packed(values + packed_from, i - packed_from, width, out);
        put_run(values[i], run, width, out);
        i += run;
        packed_from = i;
    }
    if (n > packed_from)
        put_packed(values + packed_from, n - packed_from, width, out);
}
