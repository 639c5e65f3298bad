/* SPDX-License-Identifier: MIT */
#include "parquet/footer.h"

#include "parquet/thrift.h"

#define CREATED_BY "millrace version 0.1.0 (build 1)"
#define PAGE_BOUND_BYTES 64   /* as the other writers cut them */
#define CHUNK_BOUND_BYTES 256 /* whole values up to here */

void footer_init(struct footer *f)
{
    struct buf *all[] = {&f->pages,          &f->bounds, &f->statistics, &f->column_indexes,
                         &f->offset_indexes, &f->chunks, &f->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], TAG_SINK, PARQUET_FILE_MAX);
}

void footer_fini(struct footer *f)
{
    struct buf *all[] = {&f->pages,          &f->bounds, &f->statistics, &f->column_indexes,
                         &f->offset_indexes, &f->chunks, &f->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_fini(all[i]);
}

void footer_clear(struct footer *f)
{
    struct buf *all[] = {&f->pages,          &f->bounds, &f->statistics, &f->column_indexes,
                         &f->offset_indexes, &f->chunks, &f->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_clear(all[i]);
    f->no_column_index = false;
}

/* ---- pages ---- */

static bool put_piece(const struct range *r, const struct chunk *c, bool max, struct buf *bounds, struct piece *out)
{
    bool exact;
    out->at = bounds->size;
    bool there = range_put_bound(r, c, max, PAGE_BOUND_BYTES, bounds, &exact);
    out->size = bounds->size - out->at;
    return there;
}

void footer_add_page(struct footer *f, const struct chunk *c, const struct page_span *p, const struct range *r,
                     int64_t offset, int32_t size)
{
    struct page_note note = {.offset = offset,
                             .size = size,
                             .first_row = p->record,
                             .n_nulls = p->n_rows - p->n_values,
                             .all_null = p->n_values == 0};
    if (!note.all_null) {
        bool there =
            r->any && put_piece(r, c, false, &f->bounds, &note.min) && put_piece(r, c, true, &f->bounds, &note.max);
        f->no_column_index = f->no_column_index || !there; /* a page of NaN: no index at all */
    }
    buf_put(&f->pages, &note, sizeof note);
}

static const struct page_note *pages_of(const struct footer *f, size_t *n)
{
    *n = f->pages.size / sizeof(struct page_note);
    return (const struct page_note *)(const void *)f->pages.data;
}

/* parquet.thrift BoundaryOrder: 0 none, 1 ascending, 2 descending. */
static int32_t boundary_order(const struct footer *f, enum physical physical)
{
    size_t                  n;
    const struct page_note *pages = pages_of(f, &n), *last = NULL;
    bool                    up = true, down = true;
    for (size_t i = 0; i < n; i++) {
        if (pages[i].all_null)
            continue;
        for (int max = 0; last && max < 2; max++) {
            struct piece a = max ? last->max : last->min, b = max ? pages[i].max : pages[i].min;
            int order = range_compare_bounds(physical, f->bounds.data + a.at, a.size, f->bounds.data + b.at, b.size);
            up = up && order <= 0;
            down = down && order >= 0;
        }
        last = &pages[i];
    }
    return up ? 1 : down ? 2 : 0;
}

static void put_column_index(struct footer *f, const struct chunk *c)
{
    size_t                  n;
    const struct page_note *pages = pages_of(f, &n);
    struct thrift           t;
    thrift_init(&t, &f->column_indexes);
    thrift_begin_item(&t);
    thrift_list(&t, 1, THRIFT_BOOL, n);
    for (size_t i = 0; i < n; i++)
        thrift_item_bool(&t, pages[i].all_null);
    for (int16_t max = 0; max < 2; max++) {
        thrift_list(&t, (int16_t)(2 + max), THRIFT_BINARY, n);
        for (size_t i = 0; i < n; i++) {
            struct piece p = max ? pages[i].max : pages[i].min;
            thrift_item_binary(&t, p.size ? f->bounds.data + p.at : (const uint8_t *)"", p.size);
        }
    }
    thrift_i32(&t, 4, boundary_order(f, c->physical));
    thrift_list(&t, 5, THRIFT_I64, n);
    for (size_t i = 0; i < n; i++)
        thrift_item_i64(&t, pages[i].n_nulls);
    thrift_end(&t);
}

static void put_offset_index(struct footer *f)
{
    size_t                  n;
    const struct page_note *pages = pages_of(f, &n);
    struct thrift           t;
    thrift_init(&t, &f->offset_indexes);
    thrift_begin_item(&t);
    thrift_list(&t, 1, THRIFT_STRUCT, n);
    for (size_t i = 0; i < n; i++) {
        thrift_begin_item(&t);
        thrift_i64(&t, 1, pages[i].offset);
        thrift_i32(&t, 2, pages[i].size);
        thrift_i64(&t, 3, pages[i].first_row);
        thrift_end(&t);
    }
    thrift_end(&t);
}

/* ---- chunks and groups ---- */

static void put_statistics(struct footer *f, const struct chunk *c, const struct range *r)
{
    struct thrift t;
    bool          exact[2], there[2] = {false, false};
    struct piece  piece[2];
    buf_clear(&f->bounds); /* the page index is written, its bounds are done with */
    for (int max = 0; r->any && max < 2; max++) {
        piece[max].at = f->bounds.size;
        there[max] = range_put_bound(r, c, max == 1, CHUNK_BOUND_BYTES, &f->bounds, &exact[max]);
        piece[max].size = f->bounds.size - piece[max].at;
    }
    bool both = there[0] && there[1] && !f->bounds.failed;
    buf_reserve(&f->bounds, 1); /* an empty text has a place too */
    thrift_init(&t, &f->statistics);
    thrift_begin_item(&t);
    thrift_i64(&t, 3, (int64_t)c->n_rows - c->n_values);
    if (both) {
        thrift_binary(&t, 5, f->bounds.data + piece[1].at, piece[1].size);
        thrift_binary(&t, 6, f->bounds.data + piece[0].at, piece[0].size);
        thrift_bool(&t, 7, exact[1]);
        thrift_bool(&t, 8, exact[0]);
    }
    if (c->physical == PHYSICAL_FLOAT || c->physical == PHYSICAL_DOUBLE)
        thrift_i64(&t, 9, r->n_nans);
    thrift_end(&t);
}

void footer_end_chunk(struct footer *f, const struct chunk *c, const struct range *r, struct chunk_note *note)
{
    note->plain = c->plain;
    note->n_rows = c->n_rows;
    note->column_index.at = f->column_indexes.size;
    if (!f->no_column_index)
        put_column_index(f, c);
    note->column_index.size = f->column_indexes.size - note->column_index.at;
    note->offset_index.at = f->offset_indexes.size;
    put_offset_index(f);
    note->offset_index.size = f->offset_indexes.size - note->offset_index.at;
    note->statistics.at = f->statistics.size;
    put_statistics(f, c, r);
    note->statistics.size = f->statistics.size - note->statistics.at;
    buf_put(&f->chunks, note, sizeof *note);
    buf_clear(&f->pages);
    buf_clear(&f->bounds);
    f->no_column_index = false;
}

void footer_end_group(struct footer *f, const struct group_note *group) { buf_put(&f->groups, group, sizeof *group); }

static void put_encodings(struct thrift *t, const struct chunk_note *note)
{
    thrift_list(t, 2, THRIFT_I32, note->plain ? 2 : 3);
    thrift_item_i32(t, ENCODING_PLAIN);
    thrift_item_i32(t, ENCODING_RLE);
    if (!note->plain)
        thrift_item_i32(t, ENCODING_RLE_DICTIONARY);
}

static void put_encoding_stats(struct thrift *t, const struct chunk_note *note)
{
    thrift_list(t, 13, THRIFT_STRUCT, note->plain ? 1 : 2);
    for (int dictionary = note->plain ? 0 : 1; dictionary >= 0; dictionary--) {
        thrift_begin_item(t);
        thrift_i32(t, 1, dictionary ? PAGE_DICTIONARY : PAGE_DATA);
        thrift_i32(t, 2, dictionary || note->plain ? ENCODING_PLAIN : ENCODING_RLE_DICTIONARY);
        thrift_i32(t, 3, dictionary ? 1 : note->n_data_pages);
        thrift_end(t);
    }
}

/* A field whose struct is already there as bytes. */
static void put_struct_bytes(struct thrift *t, int16_t field, const uint8_t *bytes, size_t n)
{
    thrift_begin(t, field);
    buf_put(t->out, bytes, n - 1); /* thrift_end writes the stop again */
    thrift_end(t);
}

struct places { /* of the indexes in the file */
    int64_t column_indexes, offset_indexes;
};

static void put_chunk_meta(struct thrift *t, const struct footer *f, const struct chunk *c,
                           const struct chunk_note *note, int32_t codec, struct places places)
{
    thrift_begin_item(t); /* ColumnChunk */
    thrift_i64(t, 2, note->dictionary_at ? note->dictionary_at : note->data_at);
    thrift_begin(t, 3); /* ColumnMetaData */
    thrift_i32(t, 1, (int32_t)c->physical);
    put_encodings(t, note);
    thrift_list(t, 3, THRIFT_BINARY, (size_t)c->leaf.depth);
    for (int i = 0; i < c->leaf.depth; i++)
        thrift_item_binary(t, c->leaf.path[i], strlen(c->leaf.path[i]));
    thrift_i32(t, 4, codec);
    thrift_i64(t, 5, note->n_rows);
    thrift_i64(t, 6, note->uncompressed);
    thrift_i64(t, 7, note->compressed);
    thrift_i64(t, 9, note->data_at);
    if (note->dictionary_at)
        thrift_i64(t, 11, note->dictionary_at);
    put_struct_bytes(t, 12, f->statistics.data + note->statistics.at, note->statistics.size);
    put_encoding_stats(t, note);
    thrift_end(t);
    thrift_i64(t, 4, places.offset_indexes + (int64_t)note->offset_index.at);
    thrift_i32(t, 5, (int32_t)note->offset_index.size);
    if (note->column_index.size) {
        thrift_i64(t, 6, places.column_indexes + (int64_t)note->column_index.at);
        thrift_i32(t, 7, (int32_t)note->column_index.size);
    }
    thrift_end(t);
}

static void put_groups(struct thrift *t, const struct footer *f, const struct chunk *chunks, int n_chunks,
                       int32_t codec, struct places places)
{
    const struct group_note *groups = (const struct group_note *)(const void *)f->groups.data;
    const struct chunk_note *note = (const struct chunk_note *)(const void *)f->chunks.data;
    size_t                   n = f->groups.size / sizeof *groups;
    thrift_list(t, 4, THRIFT_STRUCT, n);
    for (size_t g = 0; g < n; g++) {
        thrift_begin_item(t); /* RowGroup */
        thrift_list(t, 1, THRIFT_STRUCT, (size_t)n_chunks);
        for (int i = 0; i < n_chunks; i++)
            put_chunk_meta(t, f, &chunks[i], note++, codec, places);
        thrift_i64(t, 2, groups[g].uncompressed);
        thrift_i64(t, 3, groups[g].rows);
        thrift_i64(t, 5, groups[g].start);
        thrift_i64(t, 6, groups[g].compressed);
        thrift_end(t);
    }
}

/* ---- schema ---- */

/* The fewest bytes whose sign and value hold that many digits. */
static uint32_t decimal_bytes(int digits)
{
    uint32_t n = 1;
    while (n < sizeof(int128) && (int128)1 << (8 * n - 1) < decimal_power(digits))
        n++;
    return n;
}

bool physical_of(const struct type *t, enum physical *p, uint32_t *width)
{
    static const struct {
        enum type_kind kind;
        enum physical  physical;
        uint32_t       width;
    } rows[] = {
        {TYPE_BOOLEAN, PHYSICAL_BOOLEAN, 1}, {TYPE_TINYINT, PHYSICAL_INT32, 4},  {TYPE_SMALLINT, PHYSICAL_INT32, 4},
        {TYPE_INT, PHYSICAL_INT32, 4},       {TYPE_BIGINT, PHYSICAL_INT64, 8},   {TYPE_FLOAT, PHYSICAL_FLOAT, 4},
        {TYPE_DOUBLE, PHYSICAL_DOUBLE, 8},   {TYPE_STRING, PHYSICAL_BYTES, 0},   {TYPE_BINARY, PHYSICAL_BYTES, 0},
        {TYPE_DATE, PHYSICAL_INT32, 4},      {TYPE_TIMESTAMP, PHYSICAL_INT64, 8}};
    if (t->kind == TYPE_DECIMAL) { /* as Spark writes it */
        *p = t->precision <= 9 ? PHYSICAL_INT32 : t->precision <= 18 ? PHYSICAL_INT64 : PHYSICAL_FIXED;
        *width = t->precision <= 9 ? 4 : t->precision <= 18 ? 8 : decimal_bytes(t->precision);
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == t->kind) {
            *p = rows[i].physical;
            *width = rows[i].width;
            return true;
        }
    return false;
}

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
    if (type->kind == TYPE_DECIMAL) {
        thrift_i32(t, 6, 5);
        thrift_i32(t, 7, type->scale);
        thrift_i32(t, 8, type->precision);
        thrift_begin(t, 10);
        thrift_begin(t, 5); /* DECIMAL */
        thrift_i32(t, 1, type->scale);
        thrift_i32(t, 2, type->precision);
        thrift_end(t);
        thrift_end(t);
    } else if (type->kind == TYPE_STRING || type->kind == TYPE_DATE) {
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

static size_t count_nodes(const struct type *t)
{
    size_t n = t->kind == TYPE_ARRAY || t->kind == TYPE_MAP; /* the repeated group */
    int    n_parts = t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_MAP ? 2 : t->kind == TYPE_ARRAY;
    for (int i = 0; i < n_parts; i++)
        n += 1 + count_nodes(t->fields[i].type);
    return n;
}

enum { REQUIRED, OPTIONAL, REPEATED }; /* FieldRepetitionType */

static void put_schema(struct thrift *t, const struct type *type);

/* As Spark writes them: group name (LIST) { repeated group list { element } }, (MAP) { .. key_value { key, value } } */
static void put_list(struct thrift *t, const char *name, const struct type *type, int repetition)
{
    bool map = type->kind == TYPE_MAP;
    thrift_begin_item(t);
    thrift_i32(t, 3, repetition);
    thrift_binary(t, 4, name, strlen(name));
    thrift_i32(t, 5, 1);
    thrift_i32(t, 6, map ? 1 : 3);
    thrift_begin(t, 10);
    thrift_begin(t, map ? 2 : 3);
    thrift_end(t);
    thrift_end(t);
    thrift_end(t);
    thrift_begin_item(t);
    thrift_i32(t, 3, REPEATED);
    thrift_binary(t, 4, map ? "key_value" : "list", map ? 9 : 4);
    thrift_i32(t, 5, map ? 2 : 1);
    thrift_end(t);
    put_schema(t, type);
}

static void put_field(struct thrift *t, const struct field *f, int repetition)
{
    enum physical physical;
    uint32_t      width;
    if (f->type->kind == TYPE_ARRAY || f->type->kind == TYPE_MAP) {
        put_list(t, f->name, f->type, repetition);
        return;
    }
    thrift_begin_item(t);
    if (f->type->kind != TYPE_STRUCT && physical_of(f->type, &physical, &width)) {
        thrift_i32(t, 1, (int32_t)physical);
        if (physical == PHYSICAL_FIXED)
            thrift_i32(t, 2, (int32_t)width);
    }
    thrift_i32(t, 3, repetition);
    thrift_binary(t, 4, f->name, strlen(f->name));
    if (f->type->kind == TYPE_STRUCT)
        thrift_i32(t, 5, f->type->n_fields);
    else
        put_leaf_type(t, f->type);
    thrift_end(t);
    if (f->type->kind == TYPE_STRUCT)
        put_schema(t, f->type);
}

/* The parts of a nested type. */
static void put_schema(struct thrift *t, const struct type *type)
{
    int n = type->kind == TYPE_STRUCT ? type->n_fields : type->kind == TYPE_MAP ? 2 : 1;
    for (int i = 0; i < n; i++)
        put_field(t, &type->fields[i], type->kind == TYPE_MAP && i == 0 ? REQUIRED : OPTIONAL);
}

/* ---- the end of the file ---- */

void footer_write(const struct footer *f, const struct type *schema, const struct chunk *chunks, int n_chunks,
                  int32_t codec, int64_t rows, struct buf *file)
{
    struct thrift t;
    struct places places = {.column_indexes = (int64_t)file->size};
    buf_put(file, f->column_indexes.data, f->column_indexes.size);
    places.offset_indexes = (int64_t)file->size;
    buf_put(file, f->offset_indexes.data, f->offset_indexes.size);
    size_t before = file->size;
    thrift_init(&t, file);
    thrift_begin_item(&t);
    thrift_i32(&t, 1, 1);
    thrift_list(&t, 2, THRIFT_STRUCT, count_nodes(schema) + 1);
    thrift_begin_item(&t);
    thrift_binary(&t, 4, "spark_schema", 12);
    thrift_i32(&t, 5, schema->n_fields);
    thrift_end(&t);
    put_schema(&t, schema);
    thrift_i64(&t, 3, rows);
    put_groups(&t, f, chunks, n_chunks, codec, places);
    thrift_binary(&t, 6, CREATED_BY, sizeof CREATED_BY - 1);
    thrift_list(&t, 7, THRIFT_STRUCT, (size_t)n_chunks);
    for (int i = 0; i < n_chunks; i++) { /* TYPE_ORDER: without it min and max mean nothing */
        thrift_begin_item(&t);
        thrift_begin(&t, 1);
        thrift_end(&t);
        thrift_end(&t);
    }
    thrift_end(&t);
    buf_u32(file, (uint32_t)(file->size - before));
}
