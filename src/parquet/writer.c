/* SPDX-License-Identifier: MIT */
#include "parquet/writer.h"

#include <math.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "parquet/chunk.h"
#include "parquet/thrift.h"

#define ROWS_PER_GROUP (1u << 20)
#define DEPTH_MAX 16
#define CREATED_BY "millrace version 0.1.0 (build 1)"

/* Ids of parquet.thrift. */
enum { ENCODING_PLAIN = 0, ENCODING_RLE = 3, ENCODING_RLE_DICTIONARY = 8 };
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };

struct parquet_writer {
    const struct type *schema;
    enum parquet_codec codec;
    struct arena       arena; /* leaves, paths */
    struct chunk      *chunks;
    int                n_chunks;
    uint32_t           group_rows;
    int64_t            rows;       /* of the file */
    struct buf         file;       /* groups written so far */
    struct buf         footer_groups; /* thrift RowGroup structs, done */
    int                n_groups;
    struct buf         page, compressed, values;
    ZSTD_CCtx         *zstd;
};

/* What a written chunk needs in the footer. */
struct written {
    int64_t dictionary_at, data_at; /* file offsets; dictionary_at 0: none */
    int64_t uncompressed, compressed;
    int32_t n_data_pages;
};

/* ---- making ---- */

static bool physical_of(const struct type *t, enum physical *p, uint32_t *width)
{
    static const struct {
        enum type_kind kind;
        enum physical  physical;
        uint32_t       width;
    } rows[] = {{TYPE_BOOLEAN, PHYSICAL_BOOLEAN, 1}, {TYPE_TINYINT, PHYSICAL_INT32, 4}, {TYPE_SMALLINT, PHYSICAL_INT32, 4},
                {TYPE_INT, PHYSICAL_INT32, 4}, {TYPE_BIGINT, PHYSICAL_INT64, 8}, {TYPE_FLOAT, PHYSICAL_FLOAT, 4},
                {TYPE_DOUBLE, PHYSICAL_DOUBLE, 8}, {TYPE_STRING, PHYSICAL_BYTES, 0}, {TYPE_BINARY, PHYSICAL_BYTES, 0},
                {TYPE_DATE, PHYSICAL_INT32, 4}, {TYPE_TIMESTAMP, PHYSICAL_INT64, 8}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == t->kind) {
            *p = rows[i].physical;
            *width = rows[i].width;
            return true;
        }
    return false;
}

static int count_leaves(const struct type *t)
{
    int n = t->kind == TYPE_STRUCT ? 0 : 1;
    for (int i = 0; i < t->n_fields; i++)
        n += count_leaves(t->fields[i].type);
    return n;
}

static enum err add_leaves(struct parquet_writer *w, const struct type *t, const char **path, int *steps, int depth,
                           struct error *e)
{
    if (depth == DEPTH_MAX)
        return err_set(e, ERR_LIMIT, "structs are nested more than %d deep", DEPTH_MAX);
    for (int i = 0; i < t->n_fields; i++) {
        const struct type *child = t->fields[i].type;
        path[depth] = t->fields[i].name;
        steps[depth] = i;
        if (child->kind == TYPE_STRUCT) {
            TRY(add_leaves(w, child, path, steps, depth + 1, e));
            continue;
        }
        struct chunk *c = &w->chunks[w->n_chunks];
        if (!physical_of(child, &c->physical, &c->width))
            return err_set(e, ERR_UNSUPPORTED, "column %s of type %s cannot be written to Parquet yet", path[depth],
                           type_kind_name(child->kind));
        c->leaf.type = child;
        c->leaf.depth = c->max_level = depth + 1;
        c->leaf.path = arena_copy(&w->arena, path, (size_t)(depth + 1) * sizeof *path);
        c->steps = arena_copy(&w->arena, steps, (size_t)(depth + 1) * sizeof *steps);
        if (!c->leaf.path || !c->steps)
            return err_set(e, ERR_NO_MEMORY, "Parquet writer");
        TRY(chunk_init(c, e));
        w->n_chunks++;
    }
    return OK;
}

enum err parquet_writer_new(const struct type *schema, enum parquet_codec codec, struct parquet_writer **out,
                            struct error *e)
{
    const char            *path[DEPTH_MAX];
    int                    steps[DEPTH_MAX];
    struct parquet_writer *w = mem_zalloc(TAG_SINK, sizeof *w);
    *out = NULL;
    if (!w)
        return err_set(e, ERR_NO_MEMORY, "Parquet writer");
    w->schema = schema;
    w->codec = codec;
    arena_init(&w->arena, TAG_SINK, (size_t)64 << 20);
    buf_init(&w->file, TAG_SINK, PARQUET_FILE_MAX);
    buf_init(&w->footer_groups, TAG_SINK, PARQUET_FILE_MAX);
    buf_init(&w->page, TAG_SINK, PARQUET_FILE_MAX);
    buf_init(&w->compressed, TAG_SINK, PARQUET_FILE_MAX);
    buf_init(&w->values, TAG_SINK, PARQUET_FILE_MAX);
    w->chunks = mem_zalloc(TAG_SINK, (size_t)(count_leaves(schema) + 1) * sizeof *w->chunks);
    w->zstd = ZSTD_createCCtx();
    enum err rc = w->chunks && w->zstd ? add_leaves(w, schema, path, steps, 0, e) : err_set(e, ERR_NO_MEMORY, "Parquet writer");
    if (rc != OK) {
        parquet_writer_free(w);
        return rc;
    }
    *out = w;
    return OK;
}

void parquet_writer_free(struct parquet_writer *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->n_chunks; i++)
        chunk_fini(&w->chunks[i]);
    ZSTD_freeCCtx(w->zstd);
    mem_free(w->chunks);
    buf_fini(&w->file);
    buf_fini(&w->footer_groups);
    buf_fini(&w->page);
    buf_fini(&w->compressed);
    buf_fini(&w->values);
    arena_fini(&w->arena);
    mem_free(w);
}

/* ---- pages ---- */

static enum err compress_page(struct parquet_writer *w, struct error *e)
{
    size_t   n = w->page.size;
    size_t   room = w->codec == PARQUET_ZSTD ? ZSTD_compressBound(n) : w->codec == PARQUET_SNAPPY ? snappy_max_compressed_length(n) : n;
    uint8_t *to;
    buf_clear(&w->compressed);
    TRY(buf_check(&w->page, "a Parquet page", e));
    if (!(to = buf_reserve(&w->compressed, room + 1)))
        return buf_check(&w->compressed, "a Parquet page", e);
    if (w->codec == PARQUET_NONE) {
        buf_put(&w->compressed, w->page.data, n);
    } else if (w->codec == PARQUET_SNAPPY) {
        CHECK(snappy_compress((const char *)w->page.data, n, (char *)to, &room) == SNAPPY_OK);
        w->compressed.size = room;
    } else {
        size_t done = ZSTD_compressCCtx(w->zstd, to, room, w->page.data, n, 1);
        if (ZSTD_isError(done))
            return err_set(e, ERR_NO_MEMORY, "zstd: %s", ZSTD_getErrorName(done));
        w->compressed.size = done;
    }
    return OK;
}

/* Header and bytes of the page in w->page. */
static enum err put_page(struct parquet_writer *w, int type, uint32_t n_values, int encoding, struct written *done,
                         struct error *e)
{
    struct thrift t;
    TRY(compress_page(w, e));
    size_t before = w->file.size;
    thrift_init(&t, &w->file);
    thrift_begin_item(&t);
    thrift_i32(&t, 1, type);
    thrift_i32(&t, 2, (int32_t)w->page.size);
    thrift_i32(&t, 3, (int32_t)w->compressed.size);
    thrift_i32(&t, 4, (int32_t)(uint32_t)crc32(0, w->compressed.data, (uInt)w->compressed.size));
    thrift_begin(&t, type == PAGE_DICTIONARY ? 7 : 5);
    thrift_i32(&t, 1, (int32_t)n_values);
    thrift_i32(&t, 2, encoding);
    if (type == PAGE_DATA) {
        thrift_i32(&t, 3, ENCODING_RLE);
        thrift_i32(&t, 4, ENCODING_RLE);
    }
    thrift_end(&t);
    thrift_end(&t);
    size_t head = w->file.size - before;
    buf_put(&w->file, w->compressed.data, w->compressed.size);
    done->uncompressed += (int64_t)(head + w->page.size);
    done->compressed += (int64_t)(head + w->compressed.size);
    return buf_check(&w->file, "a Parquet file", e);
}

static int bits_for(uint32_t highest)
{
    int bits = 0;
    for (; highest; highest >>= 1)
        bits++;
    return bits;
}

/* Definition levels of rows [from, from + n), with their length in front; *n_values: rows at the highest level. */
static enum err put_levels(struct parquet_writer *w, const struct chunk *c, uint32_t from, uint32_t n, uint32_t *n_values,
                           struct error *e)
{
    uint32_t *levels = mem_alloc(TAG_SINK, (n + 1u) * sizeof *levels);
    if (!levels)
        return err_set(e, ERR_NO_MEMORY, "Parquet levels");
    *n_values = 0;
    for (uint32_t i = 0; i < n; i++) {
        levels[i] = c->levels.size ? c->levels.data[from + i] : (uint32_t)c->max_level;
        *n_values += levels[i] == (uint32_t)c->max_level;
    }
    size_t length_at = w->page.size;
    buf_u32(&w->page, 0);
    hybrid_encode(levels, n, bits_for((uint32_t)c->max_level), &w->page);
    mem_free(levels);
    if (!w->page.failed) {
        uint32_t length = (uint32_t)(w->page.size - length_at - 4);
        memcpy(w->page.data + length_at, &length, sizeof length);
    }
    return OK;
}

static void put_booleans(struct buf *out, const uint8_t *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 8) {
        uint8_t byte = 0;
        for (uint32_t k = 0; k < 8 && i + k < n; k++)
            byte |= (uint8_t)(values[i + k] << k);
        buf_u8(out, byte);
    }
}

/* Bytes of the next n plain values from *at on. */
static size_t plain_bytes(const struct chunk *c, size_t at, uint32_t n)
{
    if (c->width)
        return (size_t)n * c->width;
    size_t from = at;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length;
        memcpy(&length, c->values.data + at, sizeof length);
        at += sizeof length + length;
    }
    return at - from;
}

/* Rows of the next page: PAGE_ROWS, fewer when its values are large. */
static uint32_t rows_of_page(const struct chunk *c, uint32_t row)
{
    uint32_t left = c->n_rows - row, n = left < PAGE_ROWS ? left : PAGE_ROWS;
    size_t   average = c->n_values ? c->values.size / c->n_values + 1 : 1;
    size_t   fitting = PAGE_BYTES / average + 1;
    return c->plain && fitting < n ? (uint32_t)fitting : n;
}

static enum err put_data_pages(struct parquet_writer *w, const struct chunk *c, struct written *done, struct error *e)
{
    uint32_t value = 0;
    size_t   at = 0;
    int      width = bits_for(c->n_entries ? c->n_entries - 1 : 0);
    for (uint32_t row = 0; row < c->n_rows;) {
        uint32_t n = rows_of_page(c, row), n_values = 0;
        buf_clear(&w->page);
        TRY(put_levels(w, c, row, n, &n_values, e));
        if (!c->plain) {
            buf_u8(&w->page, (uint8_t)width);
            hybrid_encode((const uint32_t *)(const void *)c->indexes.data + value, n_values, width, &w->page);
        } else if (c->physical == PHYSICAL_BOOLEAN) {
            put_booleans(&w->page, c->values.data + value, n_values);
        } else {
            size_t size = plain_bytes(c, at, n_values);
            buf_put(&w->page, c->values.data + at, size);
            at += size;
        }
        TRY(put_page(w, PAGE_DATA, n, c->plain ? ENCODING_PLAIN : ENCODING_RLE_DICTIONARY, done, e));
        done->n_data_pages++;
        value += n_values;
        row += n;
    }
    return OK;
}

/* ---- statistics ---- */

static void range_of_dictionary(struct chunk *c)
{
    for (uint32_t i = 0, at = 0; !c->plain && !c->width && i < c->n_entries; i++) {
        uint32_t             n;
        struct parquet_leaf *l = &c->leaf;
        memcpy(&n, c->dictionary.data + at, sizeof n);
        const uint8_t *p = c->dictionary.data + at + sizeof n;
        for (int max = 0; max < 2; max++) {
            struct buf *b = max ? &l->max_bytes : &l->min_bytes;
            int         order = l->has_range || i ? memcmp(b->data, p, b->size < n ? b->size : n) : 0;
            if (order == 0 && (l->has_range || i))
                order = (b->size > n) - (b->size < n);
            if ((!l->has_range && i == 0) || (max ? order < 0 : order > 0)) {
                buf_clear(b);
                buf_put(b, p, n);
                buf_reserve(b, 1);
            }
        }
        l->has_range = true;
        at += (uint32_t)sizeof n + n;
    }
}

/* A value as PLAIN bytes; doubles are signed-zero safe: -0.0 as the least, +0.0 as the greatest. */
static size_t bound(const struct chunk *c, bool max, uint8_t out[8])
{
    const struct parquet_leaf *l = &c->leaf;
    int64_t                    v = max ? l->max : l->min;
    double                     d = max ? l->max_real : l->min_real;
    float                      f;
    switch (c->physical) {
    case PHYSICAL_BOOLEAN:
        out[0] = (uint8_t)v;
        return 1;
    case PHYSICAL_INT32:
        memcpy(out, &(int32_t){(int32_t)v}, 4);
        return 4;
    case PHYSICAL_INT64:
        memcpy(out, &v, 8);
        return 8;
    case PHYSICAL_FLOAT:
        f = d == 0 ? (max ? 0.0f : -0.0f) : (float)d;
        memcpy(out, &f, 4);
        return 4;
    case PHYSICAL_DOUBLE:
        d = d == 0 ? (max ? 0.0 : -0.0) : d;
        memcpy(out, &d, 8);
        return 8;
    case PHYSICAL_BYTES:
        break;
    }
    return 0;
}

#define BOUND_BYTES_MAX 256 /* longer texts get no range: it would have to be cut */

/* n_nulls and range are those of the file so far: wider than the group's, still right. The count must be the group's. */
static void put_statistics(struct thrift *t, const struct chunk *c, int64_t group_nulls)
{
    const struct parquet_leaf *l = &c->leaf;
    uint8_t                    bytes[8];
    bool bytes_fit = l->min_bytes.size <= BOUND_BYTES_MAX && l->max_bytes.size <= BOUND_BYTES_MAX;
    thrift_begin(t, 12);
    thrift_i64(t, 3, group_nulls);
    if (l->has_range && c->physical == PHYSICAL_BYTES && bytes_fit) {
        thrift_binary(t, 5, l->max_bytes.data, l->max_bytes.size);
        thrift_binary(t, 6, l->min_bytes.data, l->min_bytes.size);
    } else if (l->has_range && c->physical != PHYSICAL_BYTES) {
        thrift_binary(t, 5, bytes, bound(c, true, bytes));
        thrift_binary(t, 6, bytes, bound(c, false, bytes));
    }
    thrift_end(t);
}

/* ---- row group ---- */

static void put_encodings(struct thrift *t, const struct chunk *c)
{
    thrift_list(t, 2, THRIFT_I32, c->plain ? 2 : 3);
    thrift_item_i32(t, ENCODING_PLAIN);
    thrift_item_i32(t, ENCODING_RLE);
    if (!c->plain)
        thrift_item_i32(t, ENCODING_RLE_DICTIONARY);
}

static void put_encoding_stats(struct thrift *t, const struct chunk *c, const struct written *done)
{
    thrift_list(t, 13, THRIFT_STRUCT, c->plain ? 1 : 2);
    for (int dictionary = c->plain ? 0 : 1; dictionary >= 0; dictionary--) {
        thrift_begin_item(t);
        thrift_i32(t, 1, dictionary ? PAGE_DICTIONARY : PAGE_DATA);
        thrift_i32(t, 2, dictionary || c->plain ? ENCODING_PLAIN : ENCODING_RLE_DICTIONARY);
        thrift_i32(t, 3, dictionary ? 1 : done->n_data_pages);
        thrift_end(t);
    }
}

static void put_chunk_meta(struct parquet_writer *w, struct thrift *t, const struct chunk *c, const struct written *done)
{
    static const int32_t codecs[] = {[PARQUET_NONE] = 0, [PARQUET_SNAPPY] = 1, [PARQUET_ZSTD] = 6};
    thrift_begin_item(t); /* ColumnChunk */
    thrift_i64(t, 2, done->dictionary_at ? done->dictionary_at : done->data_at);
    thrift_begin(t, 3); /* ColumnMetaData */
    thrift_i32(t, 1, (int32_t)c->physical);
    put_encodings(t, c);
    thrift_list(t, 3, THRIFT_BINARY, (size_t)c->leaf.depth);
    for (int i = 0; i < c->leaf.depth; i++)
        thrift_item_binary(t, c->leaf.path[i], strlen(c->leaf.path[i]));
    thrift_i32(t, 4, codecs[w->codec]);
    thrift_i64(t, 5, c->n_rows);
    thrift_i64(t, 6, done->uncompressed);
    thrift_i64(t, 7, done->compressed);
    thrift_i64(t, 9, done->data_at);
    if (done->dictionary_at)
        thrift_i64(t, 11, done->dictionary_at);
    put_statistics(t, c, c->n_rows - c->n_values);
    put_encoding_stats(t, c, done);
    thrift_end(t);
    thrift_end(t);
}

static enum err put_chunk(struct parquet_writer *w, struct chunk *c, struct written *done, struct error *e)
{
    *done = (struct written){0};
    range_of_dictionary(c);
    if (!c->plain && c->n_values) {
        done->dictionary_at = (int64_t)w->file.size;
        buf_clear(&w->page);
        buf_put(&w->page, c->dictionary.data, c->dictionary.size);
        TRY(put_page(w, PAGE_DICTIONARY, c->n_entries, ENCODING_PLAIN, done, e));
    } else {
        c->plain = true; /* nothing but NULLs: no dictionary to write */
    }
    done->data_at = (int64_t)w->file.size;
    return put_data_pages(w, c, done, e);
}

static enum err flush_group(struct parquet_writer *w, struct error *e)
{
    struct thrift t;
    int64_t       uncompressed = 0, compressed = 0, start = 0;
    if (w->group_rows == 0)
        return OK;
    if (w->file.size == 0)
        buf_puts(&w->file, "PAR1");
    start = (int64_t)w->file.size;
    struct written *done = mem_alloc(TAG_SINK, (size_t)(w->n_chunks + 1) * sizeof *done);
    enum err        rc = done ? OK : err_set(e, ERR_NO_MEMORY, "Parquet row group");
    for (int i = 0; rc == OK && i < w->n_chunks; i++) {
        rc = put_chunk(w, &w->chunks[i], &done[i], e);
        uncompressed += done[i].uncompressed;
        compressed += done[i].compressed;
    }
    if (rc == OK) {
        thrift_init(&t, &w->footer_groups);
        thrift_begin_item(&t); /* RowGroup */
        thrift_list(&t, 1, THRIFT_STRUCT, (size_t)w->n_chunks);
        for (int i = 0; i < w->n_chunks; i++)
            put_chunk_meta(w, &t, &w->chunks[i], &done[i]);
        thrift_i64(&t, 2, uncompressed);
        thrift_i64(&t, 3, w->group_rows);
        thrift_i64(&t, 5, start);
        thrift_i64(&t, 6, compressed);
        thrift_end(&t);
        w->n_groups++;
    }
    mem_free(done);
    for (int i = 0; i < w->n_chunks; i++)
        chunk_clear(&w->chunks[i]);
    w->group_rows = 0;
    return rc == OK ? buf_check(&w->footer_groups, "a Parquet footer", e) : rc;
}

/* ---- rows ---- */

static enum err add_chunk_rows(struct chunk *c, const struct batch *b, struct error *e)
{
    const struct column *ancestors[DEPTH_MAX];
    const struct column *col = b->columns[c->steps[0]];
    for (int d = 1; d < c->leaf.depth; d++) {
        ancestors[d - 1] = col;
        col = col->children[c->steps[d]];
    }
    return chunk_add(c, col, ancestors, e);
}

enum err parquet_writer_add(struct parquet_writer *w, const struct batch *b, struct error *e)
{
    if (w->rows == 0 && w->group_rows == 0 && w->file.size == 0)
        for (int i = 0; i < w->n_chunks; i++)
            chunk_clear_file(&w->chunks[i]);
    for (int i = 0; i < w->n_chunks; i++)
        TRY(add_chunk_rows(&w->chunks[i], b, e));
    w->group_rows += b->n_rows;
    w->rows += b->n_rows;
    return w->group_rows >= ROWS_PER_GROUP ? flush_group(w, e) : OK;
}

size_t parquet_writer_size(const struct parquet_writer *w)
{
    size_t size = w->file.size;
    for (int i = 0; i < w->n_chunks; i++)
        size += chunk_size(&w->chunks[i]);
    return size;
}

int64_t parquet_writer_rows(const struct parquet_writer *w) { return w->rows; }


/* ---- footer ---- */

/* ConvertedType and LogicalType of a leaf. */
static void put_leaf_type(struct thrift *t, const struct type *type)
{
    static const struct {
        enum type_kind kind;
        int            converted, bits;
    } integers[] = {{TYPE_TINYINT, 15, 8}, {TYPE_SMALLINT, 16, 16}};
    for (int i = 0; i < 2; i++)
        if (integers[i].kind == type->kind) {
            thrift_i32(t, 6, integers[i].converted);
            thrift_begin(t, 10);
            thrift_begin(t, 10); /* INTEGER */
            thrift_i8(t, 1, (int8_t)integers[i].bits);
            thrift_bool(t, 2, true);
            thrift_end(t);
            thrift_end(t);
        }
    if (type->kind == TYPE_STRING || type->kind == TYPE_DATE) {
        thrift_i32(t, 6, type->kind == TYPE_STRING ? 0 : 6);
        thrift_begin(t, 10);
        thrift_begin(t, type->kind == TYPE_STRING ? 1 : 6);
        thrift_end(t);
        thrift_end(t);
    } else if (type->kind == TYPE_TIMESTAMP) {
        thrift_i32(t, 6, 10); /* TIMESTAMP_MICROS */
        thrift_begin(t, 10);
        thrift_begin(t, 8); /* TIMESTAMP */
        thrift_bool(t, 1, true);
        thrift_begin(t, 2);
        thrift_begin(t, 2); /* MICROS */
        thrift_end(t);
        thrift_end(t);
        thrift_end(t);
        thrift_end(t);
    }
}

static int count_nodes(const struct type *t)
{
    int n = 0;
    for (int i = 0; i < t->n_fields; i++)
        n += 1 + count_nodes(t->fields[i].type);
    return n;
}

static void put_schema(struct thrift *t, const struct type *type)
{
    for (int i = 0; i < type->n_fields; i++) {
        const struct field *f = &type->fields[i];
        enum physical       physical;
        uint32_t            width;
        thrift_begin_item(t);
        if (f->type->kind != TYPE_STRUCT && physical_of(f->type, &physical, &width))
            thrift_i32(t, 1, (int32_t)physical);
        thrift_i32(t, 3, 1); /* OPTIONAL */
        thrift_binary(t, 4, f->name, strlen(f->name));
        if (f->type->kind == TYPE_STRUCT)
            thrift_i32(t, 5, f->type->n_fields);
        else
            put_leaf_type(t, f->type);
        thrift_end(t);
        if (f->type->kind == TYPE_STRUCT)
            put_schema(t, f->type);
    }
}

static void put_footer(struct parquet_writer *w)
{
    struct thrift t;
    size_t        before = w->file.size;
    thrift_init(&t, &w->file);
    thrift_begin_item(&t);
    thrift_i32(&t, 1, 1);
    thrift_list(&t, 2, THRIFT_STRUCT, (size_t)count_nodes(w->schema) + 1);
    thrift_begin_item(&t);
    thrift_binary(&t, 4, "spark_schema", 12);
    thrift_i32(&t, 5, w->schema->n_fields);
    thrift_end(&t);
    put_schema(&t, w->schema);
    thrift_i64(&t, 3, w->rows);
    thrift_list(&t, 4, THRIFT_STRUCT, (size_t)w->n_groups);
    buf_put(&w->file, w->footer_groups.data, w->footer_groups.size);
    thrift_binary(&t, 6, CREATED_BY, sizeof CREATED_BY - 1);
    thrift_list(&t, 7, THRIFT_STRUCT, (size_t)w->n_chunks);
    for (int i = 0; i < w->n_chunks; i++) { /* TYPE_ORDER: without it min and max mean nothing */
        thrift_begin_item(&t);
        thrift_begin(&t, 1);
        thrift_end(&t);
        thrift_end(&t);
    }
    thrift_end(&t);
    buf_u32(&w->file, (uint32_t)(w->file.size - before));
    buf_puts(&w->file, "PAR1");
}

enum err parquet_writer_finish(struct parquet_writer *w, struct buf *out, struct error *e)
{
    enum err rc = flush_group(w, e);
    if (rc == OK) {
        if (w->file.size == 0)
            buf_puts(&w->file, "PAR1");
        put_footer(w);
        rc = buf_check(&w->file, "a Parquet file", e);
    }
    if (rc == OK) {
        buf_put(out, w->file.data, w->file.size);
        rc = buf_check(out, "a Parquet file", e);
    }
    buf_clear(&w->file);
    buf_clear(&w->footer_groups);
    w->n_groups = 0;
    w->rows = 0;
    w->group_rows = 0;
    for (int i = 0; i < w->n_chunks; i++) /* statistics stay readable; rows of a failed file do not leak into the next */
        chunk_clear(&w->chunks[i]);
    return rc;
}

const struct parquet_leaf *parquet_writer_leaf(const struct parquet_writer *w, int i)
{
    return i < w->n_chunks ? &w->chunks[i].leaf : NULL;
}
