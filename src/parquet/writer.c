/* SPDX-License-Identifier: MIT */
#include "parquet/writer.h"

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "parquet/encode.h"
#include "parquet/footer.h"
#include "parquet/thrift.h"

#define ROWS_PER_GROUP (1u << 20)
#define DEPTH_MAX 16
#define COPY_BYTES_MAX ((size_t)4 << 20) /* a smaller file is copied out, so that the writer keeps its warm buffer */
#define ZSTD_LEVEL 1

struct parquet_writer {
    const struct type *schema;
    enum parquet_codec codec;
    struct arena       arena; /* paths of leaves */
    struct chunk      *chunks;
    int                n_chunks;
    uint32_t           group_rows;
    int64_t            rows; /* of the file */
    bool               open; /* a file is being filled */
    struct buf         file; /* groups written so far */
    struct footer      footer;
    struct buf         page, compressed, levels, seen;
    ZSTD_CCtx         *zstd;
};

/* ---- making ---- */

static bool is_nested(const struct type *t) { return t->kind >= TYPE_STRUCT; }

static int n_parts(const struct type *t)
{
    return t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_MAP ? 2 : t->kind == TYPE_ARRAY;
}

static int count_leaves(const struct type *t)
{
    int n = !is_nested(t);
    for (int i = 0; i < n_parts(t); i++)
        n += count_leaves(t->fields[i].type);
    return n;
}

/* From the top to a node: names as the file has them, children as columns have them. */
struct walk {
    const char *path[2 * DEPTH_MAX];
    int         steps[DEPTH_MAX];
    int         n_path, n_steps, max_level, max_repeat;
    uint32_t    required;
};

static enum err add_leaf(struct parquet_writer *w, const struct type *t, const struct walk *k, struct error *e)
{
    struct chunk *c = &w->chunks[w->n_chunks];
    if (!physical_of(t, &c->physical, &c->width))
        return err_set(e, ERR_UNSUPPORTED, "column %s of type %s cannot be written to Parquet yet",
                       k->path[k->n_path - 1], type_kind_name(t->kind));
    c->leaf.type = t;
    c->leaf.depth = k->n_path;
    c->leaf.below_list = k->max_repeat > 0;
    c->max_level = k->max_level;
    c->max_repeat = k->max_repeat;
    c->n_steps = k->n_steps;
    c->required = k->required;
    c->leaf.path = arena_copy(&w->arena, k->path, (size_t)k->n_path * sizeof *k->path);
    c->steps = arena_copy(&w->arena, k->steps, (size_t)k->n_steps * sizeof *k->steps);
    if (!c->leaf.path || !c->steps)
        return err_set(e, ERR_NO_MEMORY, "Parquet writer");
    w->n_chunks++; /* from here on parquet_writer_free cleans it up */
    return chunk_init(c, e);
}

/* The leaves below t, whose own place is *above. */
static enum err add_leaves(struct parquet_writer *w, const struct type *t, const struct walk *above, struct error *e)
{
    if (above->n_steps == DEPTH_MAX)
        return err_set(e, ERR_LIMIT, "columns are nested more than %d deep", DEPTH_MAX);
    if (n_parts(t) == 0)
        return err_set(e, ERR_UNSUPPORTED, "a struct without fields cannot be written to Parquet");
    for (int i = 0; i < n_parts(t); i++) {
        const struct type *child = t->fields[i].type;
        struct walk        k = *above;
        bool               key = t->kind == TYPE_MAP && i == 0;
        if (t->kind != TYPE_STRUCT) {
            k.path[k.n_path++] = t->kind == TYPE_MAP ? "key_value" : "list";
            k.max_level++;
            k.max_repeat++;
        }
        k.path[k.n_path++] = t->fields[i].name;
        k.required |= (uint32_t)key << k.n_steps;
        k.steps[k.n_steps++] = i;
        k.max_level += !key;
        if (is_nested(child))
            TRY(add_leaves(w, child, &k, e));
        else
            TRY(add_leaf(w, child, &k, e));
    }
    return OK;
}

enum err parquet_writer_new(const struct type *schema, enum parquet_codec codec, struct parquet_writer **out,
                            struct error *e)
{
    const struct walk      top = {.n_path = 0};
    struct parquet_writer *w = mem_zalloc(TAG_SINK, sizeof *w);
    *out = NULL;
    if (!w)
        return err_set(e, ERR_NO_MEMORY, "Parquet writer");
    w->schema = schema;
    w->codec = codec;
    arena_init(&w->arena, TAG_SINK, (size_t)64 << 20);
    footer_init(&w->footer);
    struct buf *all[] = {&w->file, &w->page, &w->compressed, &w->levels, &w->seen};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], TAG_SINK, PARQUET_FILE_MAX);
    w->chunks = mem_zalloc(TAG_SINK, (size_t)(count_leaves(schema) + 1) * sizeof *w->chunks);
    w->zstd = ZSTD_createCCtx();
    enum err rc = w->chunks && w->zstd ? add_leaves(w, schema, &top, e) : err_set(e, ERR_NO_MEMORY, "Parquet writer");
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
    struct buf *all[] = {&w->file, &w->page, &w->compressed, &w->levels, &w->seen};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_fini(all[i]);
    footer_fini(&w->footer);
    arena_fini(&w->arena);
    mem_free(w);
}

/* ---- pages ---- */

static size_t compressed_bound(const struct parquet_writer *w, size_t n)
{
    switch (w->codec) {
    case PARQUET_ZSTD:
        return ZSTD_compressBound(n);
    case PARQUET_SNAPPY:
        return snappy_max_compressed_length(n);
    case PARQUET_NONE:
        break;
    }
    return n;
}

static enum err compress_page(struct parquet_writer *w, struct error *e)
{
    size_t n = w->page.size, room = compressed_bound(w, n);
    buf_clear(&w->compressed);
    TRY(buf_check(&w->page, "a Parquet page", e));
    uint8_t *to = buf_reserve(&w->compressed, room + 1);
    if (!to)
        return buf_check(&w->compressed, "a Parquet page", e);
    if (w->codec == PARQUET_NONE) {
        buf_put(&w->compressed, w->page.data, n);
    } else if (w->codec == PARQUET_SNAPPY) {
        CHECK(snappy_compress((const char *)w->page.data, n, (char *)to, &room) == SNAPPY_OK);
        w->compressed.size = room;
    } else {
        size_t done = ZSTD_compressCCtx(w->zstd, to, room, w->page.data, n, ZSTD_LEVEL);
        if (ZSTD_isError(done))
            return err_set(e, ERR_NO_MEMORY, "zstd: %s", ZSTD_getErrorName(done));
        w->compressed.size = done;
    }
    return OK;
}

/* Header and bytes of the page in w->page. */
static enum err put_page(struct parquet_writer *w, int type, uint32_t n_values, int encoding, struct chunk_note *note,
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
    note->uncompressed += (int64_t)(head + w->page.size);
    note->compressed += (int64_t)(head + w->compressed.size);
    return buf_check(&w->file, "a Parquet file", e);
}

/* Levels of the page's entries, one byte each (NULL: all are the highest), with their length in front. */
static void put_levels(struct parquet_writer *w, const uint8_t *bytes, uint32_t n, int highest)
{
    size_t length_at = w->page.size;
    int    width = bits_for((uint32_t)highest);
    buf_u32(&w->page, 0);
    if (!bytes) {
        hybrid_encode_run((uint32_t)highest, n, width, &w->page);
    } else {
        buf_clear(&w->levels);
        uint32_t *levels = (uint32_t *)(void *)buf_reserve(&w->levels, n * sizeof *levels);
        for (uint32_t i = 0; levels && i < n; i++)
            levels[i] = bytes[i];
        if (levels)
            hybrid_encode(levels, n, width, &w->page);
        else
            w->page.failed = true;
    }
    if (!w->page.failed) {
        uint32_t length = (uint32_t)(w->page.size - length_at - sizeof length);
        memcpy(w->page.data + length_at, &length, sizeof length);
    }
}

static void put_values(struct parquet_writer *w, const struct chunk *c, const struct page_span *p)
{
    if (!c->plain) {
        int width = bits_for(c->n_entries - 1);
        buf_u8(&w->page, (uint8_t)width);
        hybrid_encode((const uint32_t *)(const void *)c->indexes.data + p->value, p->n_values, width, &w->page);
    } else if (c->physical == PHYSICAL_BOOLEAN) {
        booleans_encode(c->values.data + p->value, p->n_values, &w->page);
    } else {
        buf_put(&w->page, c->values.data + p->at, p->size);
    }
}

static enum err put_dictionary(struct parquet_writer *w, const struct chunk *c, struct chunk_note *note,
                               struct error *e)
{
    note->dictionary_at = (int64_t)w->file.size;
    buf_clear(&w->page);
    buf_put(&w->page, c->dictionary.data, c->dictionary.size);
    return put_page(w, PAGE_DICTIONARY, c->n_entries, ENCODING_PLAIN, note, e);
}

/* Room to mark dictionary entries, all zero. */
static uint32_t *marks(struct parquet_writer *w, const struct chunk *c, struct error *e)
{
    size_t size = ((size_t)c->n_entries + 1) * sizeof(uint32_t);
    buf_clear(&w->seen);
    uint8_t *to = buf_reserve(&w->seen, size);
    if (!to) {
        err_set(e, ERR_NO_MEMORY, "Parquet statistics");
        return NULL;
    }
    memset(to, 0, size);
    return (uint32_t *)(void *)to;
}

static enum err put_data_pages(struct parquet_writer *w, const struct chunk *c, struct chunk_note *note,
                               struct range *all, struct error *e)
{
    struct page_span p = {.n_rows = 0};
    struct range     r;
    uint32_t        *seen = marks(w, c, e);
    if (!seen)
        return ERR_NO_MEMORY;
    for (page_next(c, &p); p.n_rows; page_next(c, &p)) {
        int64_t offset = (int64_t)w->file.size;
        buf_clear(&w->page);
        if (c->max_repeat)
            put_levels(w, c->repeats.data + p.row, p.n_rows, c->max_repeat);
        put_levels(w, p.n_values == p.n_rows ? NULL : c->levels.data + p.row, p.n_rows, c->max_level);
        put_values(w, c, &p);
        TRY(put_page(w, PAGE_DATA, p.n_rows, c->plain ? ENCODING_PLAIN : ENCODING_RLE_DICTIONARY, note, e));
        range_of_page(c, &p, seen, (uint32_t)++note->n_data_pages, &r);
        footer_add_page(&w->footer, c, &p, &r, offset, (int32_t)((int64_t)w->file.size - offset));
        range_merge(all, &r, c->physical);
    }
    return OK;
}

/* ---- row groups ---- */

static enum err put_chunk(struct parquet_writer *w, struct chunk *c, struct group_note *group, struct error *e)
{
    struct chunk_note note = {.dictionary_at = 0};
    struct range      range = {.any = false};
    TRY(chunk_settle(c, e));
    if (c->n_values == 0)
        c->plain = true; /* nothing but NULLs: no dictionary to write */
    if (!c->plain)
        TRY(put_dictionary(w, c, &note, e));
    note.data_at = (int64_t)w->file.size;
    TRY(put_data_pages(w, c, &note, &range, e));
    footer_end_chunk(&w->footer, c, &range, &note);
    range_into_leaf(&range, c->physical, &c->leaf);
    group->uncompressed += note.uncompressed;
    group->compressed += note.compressed;
    return OK;
}

static enum err flush_group(struct parquet_writer *w, struct error *e)
{
    if (w->group_rows == 0)
        return OK;
    if (w->file.size == 0)
        buf_puts(&w->file, "PAR1");
    struct group_note group = {.rows = w->group_rows, .start = (int64_t)w->file.size};
    for (int i = 0; i < w->n_chunks; i++)
        TRY(put_chunk(w, &w->chunks[i], &group, e));
    footer_end_group(&w->footer, &group);
    for (int i = 0; i < w->n_chunks; i++)
        chunk_clear(&w->chunks[i]);
    w->group_rows = 0;
    return OK;
}

/* ---- rows ---- */

static enum err add_chunk_rows(struct chunk *c, const struct batch *b, struct error *e)
{
    const struct column *ancestors[DEPTH_MAX];
    const struct column *col = b->columns[c->steps[0]];
    if (c->max_repeat)
        return chunk_add_nested(c, col, e);
    for (int d = 1; d < c->n_steps; d++) {
        ancestors[d - 1] = col;
        col = col->children[c->steps[d]];
    }
    return chunk_add(c, col, ancestors, e);
}

enum err parquet_writer_add(struct parquet_writer *w, const struct batch *b, struct error *e)
{
    if (!w->open)
        for (int i = 0; i < w->n_chunks; i++)
            chunk_clear_file(&w->chunks[i]);
    w->open = true;
    for (int i = 0; i < w->n_chunks; i++)
        TRY(add_chunk_rows(&w->chunks[i], b, e));
    w->group_rows += b->n_rows;
    w->rows += b->n_rows;
    return w->group_rows >= ROWS_PER_GROUP ? flush_group(w, e) : OK;
}

enum err parquet_writer_end_group(struct parquet_writer *w, struct error *e) { return flush_group(w, e); }

size_t parquet_writer_size(const struct parquet_writer *w)
{
    size_t size = w->file.size;
    for (int i = 0; i < w->n_chunks; i++)
        size += chunk_size(&w->chunks[i]);
    return size;
}

int64_t parquet_writer_rows(const struct parquet_writer *w) { return w->rows; }

/* ---- the file ---- */

/* Into the caller's buffer: moved when large, copied when small. */
static enum err give_file(struct parquet_writer *w, struct buf *out, struct error *e)
{
    TRY(buf_check(&w->file, "a Parquet file", e));
    if (out->size == 0 && out->tag == w->file.tag && out->limit == w->file.limit && w->file.size > COPY_BYTES_MAX) {
        buf_fini(out);
        *out = w->file;
        w->file = (struct buf){.tag = out->tag, .limit = out->limit};
        return OK;
    }
    buf_put(out, w->file.data, w->file.size);
    return buf_check(out, "a Parquet file", e);
}

static const struct buf *first_failed(const struct footer *f)
{
    const struct buf *all[] = {&f->pages,          &f->bounds, &f->statistics, &f->column_indexes,
                               &f->offset_indexes, &f->chunks, &f->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i]->failed)
            return all[i];
    return all[0];
}

static enum err write_footer(struct parquet_writer *w, struct error *e)
{
    static const int32_t codecs[] = {[PARQUET_NONE] = 0, [PARQUET_SNAPPY] = 1, [PARQUET_ZSTD] = 6};
    TRY(buf_check(first_failed(&w->footer), "a Parquet footer", e));
    if (w->file.size == 0)
        buf_puts(&w->file, "PAR1");
    footer_write(&w->footer, w->schema, w->chunks, w->n_chunks, codecs[w->codec], w->rows, &w->file);
    buf_puts(&w->file, "PAR1");
    return OK;
}

void parquet_writer_reset(struct parquet_writer *w)
{
    buf_clear(&w->file);
    footer_clear(&w->footer);
    w->rows = 0;
    w->group_rows = 0;
    w->open = false;
    for (int i = 0; i < w->n_chunks; i++) /* statistics stay readable */
        chunk_clear(&w->chunks[i]);
}

enum err parquet_writer_finish(struct parquet_writer *w, struct buf *out, struct error *e)
{
    enum err rc = flush_group(w, e);
    if (rc == OK)
        rc = write_footer(w, e);
    if (rc == OK)
        rc = give_file(w, out, e);
    parquet_writer_reset(w); /* rows of a failed file do not leak into the next */
    return rc;
}

const struct parquet_leaf *parquet_writer_leaf(const struct parquet_writer *w, int i)
{
    return i < w->n_chunks ? &w->chunks[i].leaf : NULL;
}
