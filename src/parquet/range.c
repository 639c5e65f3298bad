/* SPDX-License-Identifier: MIT */
#include "parquet/range.h"

#include <math.h>

/* ---- pages ---- */

static uint32_t length_at(const struct chunk *c, size_t at)
{
    uint32_t length;
    memcpy(&length, c->values.data + at, sizeof length);
    return length;
}

void page_next(const struct chunk *c, struct page_span *p)
{
    uint32_t row = p->row + p->n_rows;
    *p = (struct page_span){
        .row = row, .value = p->value + p->n_values, .at = p->at + p->size, .record = p->record + p->n_records};
    bool     by_bytes = c->plain && !c->width;
    uint32_t end = c->n_rows - row > PAGE_ROWS ? row + PAGE_ROWS : c->n_rows;
    for (; row < c->n_rows; row++) {
        bool begins = !c->repeats.size || c->repeats.data[row] == 0; /* a page holds whole rows */
        if (begins && (row >= end || (by_bytes && p->size >= PAGE_BYTES)))
            break;
        p->n_records += begins;
        if (c->levels.size && c->levels.data[row] != c->max_level)
            continue;
        p->n_values++;
        if (by_bytes)
            p->size += sizeof(uint32_t) + length_at(c, p->at + p->size);
    }
    p->n_rows = row - p->row;
    if (c->plain && c->width)
        p->size = (size_t)p->n_values * c->width;
}

/* ---- ranges ---- */

static void widen(struct range *r, int128 v)
{
    if (!r->any || v < r->min)
        r->min = v;
    if (!r->any || v > r->max)
        r->max = v;
    r->any = true;
}

static void widen_real(struct range *r, double v)
{
    if (isnan(v)) {
        r->n_nans++;
        return;
    }
    if (!r->any || v < r->min_real)
        r->min_real = v;
    if (!r->any || v > r->max_real)
        r->max_real = v;
    r->any = true;
}

static int compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t n = a_size < b_size ? a_size : b_size;
    int    order = n ? memcmp(a, b, n) : 0;
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static void widen_bytes(struct range *r, const uint8_t *p, uint32_t n)
{
    if (!r->any || compare_bytes(p, n, r->min_bytes, r->min_size) < 0) {
        r->min_bytes = p;
        r->min_size = n;
    }
    if (!r->any || compare_bytes(p, n, r->max_bytes, r->max_size) > 0) {
        r->max_bytes = p;
        r->max_size = n;
    }
    r->any = true;
}

static int128 load_big_endian(const uint8_t *p, uint32_t width)
{
    uint128 v = p[0] & 0x80 ? ~(uint128)0 : 0;
    for (uint32_t i = 0; i < width; i++)
        v = v << 8 | p[i];
    return (int128)v;
}

static void widen_plain(struct range *r, enum physical physical, const uint8_t *p, uint32_t width)
{
    int32_t i32;
    int64_t i64;
    float   f32;
    double  f64;
    switch (physical) {
    case PHYSICAL_BOOLEAN:
        widen(r, *p);
        break;
    case PHYSICAL_INT32:
        memcpy(&i32, p, sizeof i32);
        widen(r, i32);
        break;
    case PHYSICAL_INT64:
        memcpy(&i64, p, sizeof i64);
        widen(r, i64);
        break;
    case PHYSICAL_FLOAT:
        memcpy(&f32, p, sizeof f32);
        widen_real(r, (double)f32);
        break;
    case PHYSICAL_DOUBLE:
        memcpy(&f64, p, sizeof f64);
        widen_real(r, f64);
        break;
    case PHYSICAL_FIXED:
        widen(r, load_big_endian(p, width));
        break;
    case PHYSICAL_BYTES:
        break;
    }
}

/* A loop of its own: most plain columns are these. */
static void range_of_i64(const uint8_t *values, uint32_t n, struct range *r)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t i = 0; i < n; i++) {
        int64_t v;
        memcpy(&v, values + (size_t)i * sizeof v, sizeof v);
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    *r = (struct range){.any = n > 0, .min = min, .max = max};
}

static void range_of_texts(const struct chunk *c, const struct page_span *p, struct range *r)
{
    size_t at = p->at;
    for (uint32_t i = 0; i < p->n_values; i++) {
        uint32_t n = length_at(c, at);
        widen_bytes(r, c->values.data + at + sizeof n, n);
        at += sizeof n + n;
    }
}

void range_of_page(const struct chunk *c, const struct page_span *p, uint32_t *seen, uint32_t stamp, struct range *out)
{
    const uint32_t *index = (const uint32_t *)(const void *)c->indexes.data + p->value;
    *out = (struct range){.any = false};
    if (c->plain && c->physical == PHYSICAL_INT64) {
        range_of_i64(c->values.data + p->at, p->n_values, out);
    } else if (c->plain && c->width) {
        for (uint32_t i = 0; i < p->n_values; i++)
            widen_plain(out, c->physical, c->values.data + p->at + (size_t)i * c->width, c->width);
    } else if (c->plain) {
        range_of_texts(c, p, out);
    } else {
        for (uint32_t i = 0; i < p->n_values; i++) {
            uint32_t n;
            if (c->width) {
                widen_plain(out, c->physical, chunk_entry(c, index[i], &n), c->width);
            } else if (seen[index[i]] != stamp) { /* each text once */
                seen[index[i]] = stamp;
                const uint8_t *bytes = chunk_entry(c, index[i], &n);
                widen_bytes(out, bytes, n);
            }
        }
    }
}

void range_merge(struct range *into, const struct range *r, enum physical physical)
{
    into->n_nans += r->n_nans;
    if (!r->any)
        return;
    if (physical == PHYSICAL_BYTES) {
        widen_bytes(into, r->min_bytes, r->min_size);
        widen_bytes(into, r->max_bytes, r->max_size);
    } else if (physical == PHYSICAL_FLOAT || physical == PHYSICAL_DOUBLE) {
        widen_real(into, r->min_real);
        widen_real(into, r->max_real);
    } else {
        widen(into, r->min);
        widen(into, r->max);
    }
}

static void put_whole(struct buf *b, const uint8_t *p, uint32_t n)
{
    buf_clear(b);
    buf_put(b, p, n);
    buf_reserve(b, 1); /* never NULL */
}

void range_into_leaf(const struct range *r, enum physical physical, struct parquet_leaf *l)
{
    struct range all = {.any = l->has_range,
                        .min = l->min,
                        .max = l->max,
                        .min_real = l->min_real,
                        .max_real = l->max_real,
                        .min_bytes = l->min_bytes.data,
                        .max_bytes = l->max_bytes.data,
                        .min_size = (uint32_t)l->min_bytes.size,
                        .max_size = (uint32_t)l->max_bytes.size};
    range_merge(&all, r, physical);
    l->has_nan = l->has_nan || r->n_nans > 0;
    if (physical == PHYSICAL_BYTES && all.any) {
        if (all.min_bytes != l->min_bytes.data)
            put_whole(&l->min_bytes, all.min_bytes, all.min_size);
        if (all.max_bytes != l->max_bytes.data)
            put_whole(&l->max_bytes, all.max_bytes, all.max_size);
    }
    l->has_range = all.any && !l->min_bytes.failed && !l->max_bytes.failed;
    l->min = all.min;
    l->max = all.max;
    l->min_real = all.min_real;
    l->max_real = all.max_real;
}

/* ---- bounds ---- */

static bool continues(uint8_t byte) { return (byte & 0xc0) == 0x80; }

/* The next greater code point in place of the last character of p[0..n), shorter if that one has none. 0: there is
 * none. */
static size_t next_text(uint8_t *p, size_t n)
{
    while (n > 0) {
        size_t   from = n - 1;
        uint32_t code;
        while (from > 0 && continues(p[from]))
            from--;
        size_t length = n - from;
        code = length == 1 ? p[from] : p[from] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++)
            code = code << 6 | (p[from + i] & 0x3fu);
        code = code + 1 == 0xd800 ? 0xe000 : code + 1;
        /* same length only: a character that grows would not fit the limit, and dropping it is right too */
        static const uint32_t highest[] = {0, 0x7f, 0x7ff, 0xffff, 0x10ffff};
        if (length <= 4 && code <= highest[length]) {
            for (size_t i = length - 1; i > 0; i--, code >>= 6)
                p[from + i] = (uint8_t)(0x80 | (code & 0x3f));
            p[from] = (uint8_t)(length == 1 ? code : ((0xf00u >> length) & 0xf0) | code);
            return n;
        }
        n = from;
    }
    return 0;
}

static size_t next_bytes(uint8_t *p, size_t n)
{
    for (; n > 0; n--)
        if (p[n - 1] != 0xff) {
            p[n - 1]++;
            return n;
        }
    return 0;
}

static bool put_bytes_bound(const uint8_t *p, uint32_t size, bool text, bool max, size_t limit, struct buf *out,
                            bool *exact)
{
    size_t n = size;
    *exact = n <= limit;
    if (!*exact) {
        n = limit;
        while (text && n > 0 && continues(p[n]))
            n--;
    }
    size_t at = out->size;
    buf_put(out, p, n);
    if (*exact || !max)
        return true;
    if (out->failed)
        return false;
    n = text ? next_text(out->data + at, n) : next_bytes(out->data + at, n);
    out->size = at + n;
    return n > 0;
}

bool range_put_bound(const struct range *r, const struct chunk *c, bool max, size_t limit, struct buf *out, bool *exact)
{
    int128 v = max ? r->max : r->min;
    double d = max ? r->max_real : r->min_real;
    float  f = (float)d;
    *exact = true;
    if (d == 0)
        d = f = max ? 0.0f : -0.0f;
    switch (c->physical) {
    case PHYSICAL_BOOLEAN:
        buf_u8(out, (uint8_t)v);
        break;
    case PHYSICAL_INT32:
        buf_u32(out, (uint32_t)v);
        break;
    case PHYSICAL_INT64:
        buf_u64(out, (uint64_t)v);
        break;
    case PHYSICAL_FLOAT:
        buf_put(out, &f, sizeof f);
        break;
    case PHYSICAL_DOUBLE:
        buf_put(out, &d, sizeof d);
        break;
    case PHYSICAL_FIXED:
        for (uint32_t i = c->width; i > 0; i--)
            buf_u8(out, (uint8_t)((uint128)v >> (8 * (i - 1))));
        break;
    case PHYSICAL_BYTES:
        return put_bytes_bound(max ? r->max_bytes : r->min_bytes, max ? r->max_size : r->min_size,
                               c->leaf.type->kind == TYPE_STRING, max, limit, out, exact);
    }
    return true;
}

int range_compare_bounds(enum physical physical, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    struct range ra = {.any = false}, rb = {.any = false};
    if (physical == PHYSICAL_BYTES)
        return compare_bytes(a, a_size, b, b_size);
    widen_plain(&ra, physical, a, (uint32_t)a_size);
    widen_plain(&rb, physical, b, (uint32_t)b_size);
    if (physical == PHYSICAL_FLOAT || physical == PHYSICAL_DOUBLE)
        return (ra.min_real > rb.min_real) - (ra.min_real < rb.min_real);
    return (ra.min > rb.min) - (ra.min < rb.min);
}
