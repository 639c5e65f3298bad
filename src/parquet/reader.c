/* SPDX-License-Identifier: MIT */
#include "parquet/reader.h"

#include <inttypes.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "parquet/assemble.h"
#include "parquet/decode.h"
#include "parquet/footer.h"
#include "parquet/tree.h"

#define PAGE_BYTES_MAX ((size_t)256 << 20)
#define DEPTH_MAX 8

static const char *const codecs[] = {"no codec", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw"};

struct leaf_chunk { /* of one leaf in one row group */
    int     codec, physical;
    int64_t at, size, n_values; /* of its pages in the file */
};

struct group {
    int64_t            rows;
    struct leaf_chunk *leaves; /* as many as the file has, in its order */
};

struct parquet_reader {
    const uint8_t     *bytes;
    size_t             n;
    const struct type *schema;
    struct arena       arena;
    struct tree_leaf  *leaves;
    uint32_t           n_leaves;
    struct group      *groups;
    uint32_t           n_groups;
    bool               no_memory; /* for the metadata */
    int64_t            rows;
    struct buf         page;            /* the page being read */
    struct buf         levels, repeats; /* of the column being read: a byte per entry; repeats below lists only */
};

static enum err corrupt(struct error *e, const char *what)
{
    return err_set(e, ERR_CORRUPT, "a Parquet file is broken: %s", what);
}

/* ---- metadata ---- */

static void read_column_meta(struct parquet_reader *r, struct thrift_in *t, struct leaf_chunk *c)
{
    int16_t field;
    int     type;
    int64_t data_at = -1, dictionary_at = -1;
    thrift_in_struct(t);
    while (thrift_next(t, &field, &type)) {
        if (field == 1 && type == 5)
            c->physical = (int)thrift_read_int(t);
        else if (field == 4 && type == 5)
            c->codec = (int)thrift_read_int(t);
        else if (field == 5 && type == 6)
            c->n_values = thrift_read_int(t);
        else if (field == 7 && type == 6)
            c->size = thrift_read_int(t);
        else if (field == 9 && type == 6)
            data_at = thrift_read_int(t);
        else if (field == 11 && type == 6)
            dictionary_at = thrift_read_int(t);
        else
            thrift_skip(t, type);
    }
    c->at = dictionary_at > 0 && dictionary_at < data_at ? dictionary_at : data_at;
    if (c->at < 4 || c->size < 0 || (uint64_t)c->at > r->n || (uint64_t)c->size > r->n - (uint64_t)c->at)
        t->v.failed = true;
}

static void read_chunk(struct parquet_reader *r, struct thrift_in *t, struct leaf_chunk *c)
{
    int16_t field;
    int     type;
    bool    there = false;
    thrift_in_struct(t);
    while (thrift_next(t, &field, &type)) {
        if (field == 3 && type == 12) {
            read_column_meta(r, t, c);
            there = true;
        } else {
            thrift_skip(t, type);
        }
    }
    t->v.failed = t->v.failed || !there;
}

static void read_group(struct parquet_reader *r, struct thrift_in *t, struct group *g)
{
    int16_t field;
    int     type, item;
    thrift_in_struct(t);
    while (thrift_next(t, &field, &type)) {
        if (field == 1 && type == 9) {
            uint32_t n = thrift_read_list(t, &item);
            g->leaves = n == r->n_leaves ? arena_zalloc(&r->arena, (n + 1u) * sizeof *g->leaves) : NULL;
            r->no_memory = r->no_memory || (n == r->n_leaves && !g->leaves);
            t->v.failed = t->v.failed || !g->leaves || item != 12;
            for (uint32_t i = 0; i < n && !t->v.failed; i++)
                read_chunk(r, t, &g->leaves[i]);
        } else if (field == 3 && type == 6) {
            g->rows = thrift_read_int(t);
        } else {
            thrift_skip(t, type);
        }
    }
    t->v.failed = t->v.failed || !g->leaves || g->rows < 0 || g->rows > UINT32_MAX;
}

static enum err read_metadata(struct parquet_reader *r, const uint8_t *bytes, size_t n, struct error *e)
{
    struct thrift_in t;
    int16_t          field;
    int              type, item;
    thrift_in_init(&t, bytes, n);
    thrift_in_struct(&t);
    while (thrift_next(&t, &field, &type)) {
        if (field == 2 && type == 9) { /* in front of the row groups: fields come in their order */
            enum err rc = tree_read(&t, &r->arena, &r->leaves, &r->n_leaves);
            r->no_memory = rc == ERR_NO_MEMORY;
            t.v.failed = t.v.failed || rc != OK;
        } else if (field == 3 && type == 6) {
            r->rows = thrift_read_int(&t);
        } else if (field == 4 && type == 9) {
            r->n_groups = thrift_read_list(&t, &item);
            r->groups = arena_zalloc(&r->arena, (r->n_groups + 1u) * sizeof *r->groups);
            r->no_memory = r->no_memory || !r->groups;
            t.v.failed = t.v.failed || !r->groups || item != 12;
            for (uint32_t i = 0; i < r->n_groups && !t.v.failed; i++)
                read_group(r, &t, &r->groups[i]);
        } else {
            thrift_skip(&t, type);
        }
    }
    if (r->no_memory)
        return err_set(e, ERR_NO_MEMORY, "the metadata of a Parquet file");
    return t.v.failed ? corrupt(e, "its metadata") : OK;
}

enum err parquet_reader_new(const uint8_t *bytes, size_t n, const struct type *schema, struct parquet_reader **out,
                            struct error *e)
{
    uint32_t size;
    *out = NULL;
    if (n < 12 || memcmp(bytes, "PAR1", 4) != 0 || memcmp(bytes + n - 4, "PAR1", 4) != 0)
        return corrupt(e, "it does not begin and end with PAR1");
    memcpy(&size, bytes + n - 8, sizeof size);
    if (size > n - 12)
        return corrupt(e, "the size of its metadata");
    struct parquet_reader *r = mem_zalloc(TAG_SINK, sizeof *r);
    if (!r)
        return err_set(e, ERR_NO_MEMORY, "Parquet reader");
    *r = (struct parquet_reader){.bytes = bytes, .n = n, .schema = schema};
    arena_init(&r->arena, TAG_SINK, (size_t)256 << 20);
    buf_init(&r->page, TAG_SINK, PAGE_BYTES_MAX);
    buf_init(&r->levels, TAG_SINK, PAGE_BYTES_MAX);
    buf_init(&r->repeats, TAG_SINK, PAGE_BYTES_MAX);
    enum err rc = read_metadata(r, bytes + n - 8 - size, size, e);
    if (rc != OK)
        parquet_reader_free(r);
    else
        *out = r;
    return rc;
}

void parquet_reader_free(struct parquet_reader *r)
{
    if (!r)
        return;
    buf_fini(&r->page);
    buf_fini(&r->levels);
    buf_fini(&r->repeats);
    arena_fini(&r->arena);
    mem_free(r);
}

int     parquet_reader_groups(const struct parquet_reader *r) { return (int)r->n_groups; }
int64_t parquet_reader_rows(const struct parquet_reader *r) { return r->rows; }

/* ---- pages ---- */

struct page {
    int            type, encoding;
    int64_t        uncompressed, compressed, n_values, crc;
    bool           has_crc, v2;
    const uint8_t *data; /* compressed */
};

static void read_data_header(struct thrift_in *t, struct page *p)
{
    int16_t field;
    int     type;
    thrift_in_struct(t);
    while (thrift_next(t, &field, &type)) {
        if (field == 1 && type == 5)
            p->n_values = thrift_read_int(t);
        else if (field == 2 && type == 5)
            p->encoding = (int)thrift_read_int(t);
        else
            thrift_skip(t, type);
    }
}

/* Reads the header at *at and moves behind the page. */
static enum err read_page(const struct parquet_reader *r, int64_t *at, int64_t end, struct page *p, struct error *e)
{
    struct thrift_in t;
    int16_t          field;
    int              type;
    *p = (struct page){.type = -1, .encoding = -1};
    thrift_in_init(&t, r->bytes + *at, (size_t)(end - *at));
    thrift_in_struct(&t);
    while (thrift_next(&t, &field, &type)) {
        if (field == 1 && type == 5) {
            p->type = (int)thrift_read_int(&t);
        } else if (field == 2 && type == 5) {
            p->uncompressed = thrift_read_int(&t);
        } else if (field == 3 && type == 5) {
            p->compressed = thrift_read_int(&t);
        } else if (field == 4 && type == 5) {
            p->crc = thrift_read_int(&t);
            p->has_crc = true;
        } else if ((field == 5 || field == 7) && type == 12) {
            read_data_header(&t, p);
        } else {
            p->v2 = p->v2 || field == 8;
            thrift_skip(&t, type);
        }
    }
    if (p->v2 || p->type == 3)
        return err_set(e, ERR_UNSUPPORTED, "the Parquet file has data pages v2, which are not read yet");
    bool wrong = t.v.failed || p->compressed < 0 || (uint64_t)p->compressed > t.v.size || p->uncompressed < 0 ||
                 (uint64_t)p->uncompressed > PAGE_BYTES_MAX || p->n_values < 0;
    if (wrong)
        return corrupt(e, "the header of a page");
    p->data = t.v.data;
    *at = (int64_t)(t.v.data + p->compressed - r->bytes);
    if (p->has_crc && (uint32_t)p->crc != (uint32_t)crc32(0, p->data, (uInt)p->compressed))
        return corrupt(e, "the checksum of a page");
    return OK;
}

static enum err unpack(const struct leaf_chunk *c, const struct page *p, struct buf *out, struct error *e)
{
    size_t size = (size_t)p->uncompressed;
    buf_clear(out);
    uint8_t *to = buf_reserve(out, size + 8);
    if (!to)
        return buf_check(out, "a Parquet page", e);
    if (c->codec == 0 && size == (size_t)p->compressed) {
        memcpy(to, p->data, size);
    } else if (c->codec == 1) {
        size_t got = size, said = 0;
        if (snappy_uncompressed_length((const char *)p->data, (size_t)p->compressed, &said) != SNAPPY_OK ||
            said != size ||
            snappy_uncompress((const char *)p->data, (size_t)p->compressed, (char *)to, &got) != SNAPPY_OK ||
            got != size)
            return corrupt(e, "a snappy page");
    } else if (c->codec == 6) {
        size_t got = ZSTD_decompress(to, size, p->data, (size_t)p->compressed);
        if (ZSTD_isError(got) || got != size)
            return corrupt(e, "a zstd page");
    } else if (c->codec == 0) {
        return corrupt(e, "the size of a page");
    } else {
        return err_set(e, ERR_UNSUPPORTED, "the Parquet file is packed with %s, which is not read yet",
                       c->codec > 0 && c->codec < 8 ? codecs[c->codec] : "an unknown codec");
    }
    out->size = size;
    return OK;
}

/* ---- a leaf ---- */

struct leaf_reading {
    const struct leaf_chunk *chunk;
    const struct tree_leaf  *leaf;
    const struct type       *type;
    enum physical            physical;
    uint32_t                 width;
    int                      max_level, max_repeat; /* in the file; max_repeat 0: no list above, an entry is a row */
    uint32_t                 n_begun;               /* rows that have begun, below a list */
    struct buf               dictionary;            /* plain values */
    struct buf               entries;               /* BYTES: u32 offset of each entry */
    uint32_t                 n_entries;
    struct buf               indexes; /* u32 scratch */
};

/* Finds where each entry begins. */
static enum err take_dictionary(struct leaf_reading *l, const struct page *p, struct error *e)
{
    struct view v = {.data = l->dictionary.data, .size = l->dictionary.size};
    if (p->n_values > (int64_t)l->dictionary.size + 1)
        return corrupt(e, "a dictionary");
    l->n_entries = (uint32_t)p->n_values;
    for (uint32_t i = 0; i < l->n_entries; i++) {
        uint32_t at = (uint32_t)(v.data - l->dictionary.data), n = l->width;
        buf_put(&l->entries, &at, sizeof at);
        if (!l->width)
            n = view_u32(&v);
        if (n && !view_take(&v, n))
            return corrupt(e, "a dictionary");
    }
    return buf_check(&l->entries, "a dictionary", e);
}

static void put_value(const struct leaf_reading *l, struct builder *b, const uint8_t *p, uint32_t n)
{
    int32_t i32 = 0;
    int64_t i64 = 0;
    float   f32;
    double  f64;
    switch ((int)l->type->kind) {
    case TYPE_BOOLEAN:
        builder_boolean(b, p[0] & 1);
        return;
    case TYPE_TINYINT:
        builder_i8(b, (int8_t)p[0]);
        return;
    case TYPE_SMALLINT:
        memcpy(&i32, p, sizeof i32);
        builder_i16(b, (int16_t)i32);
        return;
    case TYPE_INT:
    case TYPE_DATE:
        memcpy(&i32, p, sizeof i32);
        builder_i32(b, i32);
        return;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        memcpy(&i64, p, sizeof i64);
        builder_i64(b, i64);
        return;
    case TYPE_FLOAT:
        memcpy(&f32, p, sizeof f32);
        builder_f32(b, f32);
        return;
    case TYPE_DOUBLE:
        memcpy(&f64, p, sizeof f64);
        builder_f64(b, f64);
        return;
    case TYPE_DECIMAL:
        builder_decimal(b, decimal_of_bytes(p, n, l->physical == PHYSICAL_FIXED));
        return;
    default:
        builder_bytes(b, p, n);
    }
}

/* One value of a plain page. */
static const uint8_t *next_plain(const struct leaf_reading *l, struct view *v, uint32_t *n)
{
    *n = l->width ? l->width : view_u32(v);
    return *n ? view_take(v, *n) : (v->failed ? NULL : v->data);
}

/* Values of the rows whose level is the highest, NULL for the others. */
static enum err put_rows(struct leaf_reading *l, const uint8_t *levels, uint32_t n_rows, struct view *v, int encoding,
                         struct builder *b, struct error *e)
{
    const uint32_t *indexes = (const uint32_t *)(const void *)l->indexes.data;
    uint32_t        k = 0, n;
    for (uint32_t i = 0; i < n_rows; i++) {
        if (levels[i] != l->max_level) {
            builder_null(b);
            continue;
        }
        const uint8_t *p;
        if (encoding == ENCODING_RLE_DICTIONARY) {
            uint32_t at, entry = indexes[k++];
            if (entry >= l->n_entries)
                return corrupt(e, "an index into a dictionary");
            memcpy(&at, l->entries.data + (size_t)entry * sizeof at, sizeof at);
            struct view one = {.data = l->dictionary.data + at, .size = l->dictionary.size - at};
            p = next_plain(l, &one, &n);
        } else if (l->physical == PHYSICAL_BOOLEAN) {
            uint8_t bit = (uint8_t)(k / 8 < v->size ? v->data[k / 8] >> (k % 8) & 1 : 2);
            v->failed = v->failed || bit == 2;
            k++;
            builder_boolean(b, bit & 1);
            if (v->failed)
                return corrupt(e, "a page of booleans");
            continue;
        } else {
            p = next_plain(l, v, &n);
        }
        if (!p)
            return corrupt(e, "a value of a page");
        put_value(l, b, p, n);
    }
    return OK;
}

static uint32_t count_values(const uint8_t *levels, uint32_t n, int max_level)
{
    uint32_t values = 0;
    for (uint32_t i = 0; i < n; i++)
        values += levels[i] == max_level;
    return values;
}

/* n levels of up to `most`, behind their size (none when they can only be 0): to the end of `to`. Gives them, or
 * NULL. */
static uint8_t *take_levels(struct view *v, int most, uint32_t n, struct buf *to)
{
    uint32_t       size = most ? view_u32(v) : 0;
    const uint8_t *bytes = most ? view_take(v, size) : v->data;
    uint8_t       *levels = buf_reserve(to, (size_t)n + 1);
    if (!levels || (most && (!bytes || !levels_decode(bytes, size, bits_for((uint32_t)most), levels, n))))
        return NULL;
    if (!most)
        memset(levels, 0, n);
    to->size += n;
    return levels;
}

/* Levels of the file become ours. */
static bool translate_levels(const struct tree_leaf *leaf, uint8_t *levels, uint32_t n)
{
    bool good = true;
    for (uint32_t i = 0; !leaf->same && i < n; i++) {
        good = good && levels[i] <= leaf->max_level;
        levels[i] = good ? leaf->levels[levels[i]] : 0;
    }
    return good;
}

/* A data page: its levels go behind those that are there, its values into the builder. */
static enum err take_page(struct parquet_reader *r, struct leaf_reading *l, const struct page *p, uint32_t most,
                          struct builder *b, struct error *e)
{
    struct view v = {.data = r->page.data, .size = r->page.size};
    uint32_t    n = p->n_values > most ? most : (uint32_t)p->n_values;
    if (p->encoding != ENCODING_PLAIN && p->encoding != ENCODING_RLE_DICTIONARY && p->encoding != 2)
        return err_set(e, ERR_UNSUPPORTED, "the Parquet file has a page of encoding %d, which is not read yet",
                       p->encoding);
    const uint8_t *repeats = l->max_repeat ? take_levels(&v, l->max_repeat, n, &r->repeats) : NULL;
    uint8_t       *levels = l->max_repeat && !repeats ? NULL : take_levels(&v, l->max_level, n, &r->levels);
    TRY(buf_check(&r->repeats, "the levels of a Parquet column", e));
    TRY(buf_check(&r->levels, "the levels of a Parquet column", e));
    if (!levels)
        return corrupt(e, "the levels of a page");
    for (uint32_t i = 0; repeats && i < n; i++)
        l->n_begun += repeats[i] == 0;
    uint32_t values = count_values(levels, n, l->max_level);
    int      encoding = p->encoding == ENCODING_PLAIN ? ENCODING_PLAIN : ENCODING_RLE_DICTIONARY;
    if (encoding == ENCODING_RLE_DICTIONARY) {
        uint8_t width = values ? view_u8(&v) : 0;
        buf_clear(&l->indexes);
        uint8_t *to = buf_reserve(&l->indexes, (values + 1u) * sizeof(uint32_t));
        TRY(buf_check(&l->indexes, "the indexes of a Parquet page", e));
        if (width > 32 || !hybrid_decode(v.data, v.size, width, (uint32_t *)(void *)to, values))
            return corrupt(e, "the indexes of a page");
    }
    TRY(put_rows(l, levels, n, &v, encoding, b, e));
    return translate_levels(l->leaf, levels, n) ? OK : corrupt(e, "the levels of a page");
}

static bool has_enough(const struct parquet_reader *r, const struct leaf_reading *l, uint32_t n_rows)
{
    return l->max_repeat ? l->n_begun > n_rows || (int64_t)r->levels.size >= l->chunk->n_values
                         : r->levels.size >= n_rows;
}

static enum err read_leaf(struct parquet_reader *r, struct leaf_reading *l, uint32_t n_rows, struct builder *b,
                          struct error *e)
{
    int64_t at = l->chunk->at, end = at + l->chunk->size;
    buf_clear(&r->levels);
    buf_clear(&r->repeats);
    while (!has_enough(r, l, n_rows)) {
        struct page p;
        if (at >= end)
            return corrupt(e, "a column has fewer rows than its row group");
        TRY(read_page(r, &at, end, &p, e));
        if (p.type == PAGE_DICTIONARY) {
            TRY(unpack(l->chunk, &p, &l->dictionary, e));
            TRY(take_dictionary(l, &p, e));
        } else if (p.type == PAGE_DATA) {
            TRY(unpack(l->chunk, &p, &r->page, e));
            TRY(take_page(r, l, &p, l->max_repeat ? UINT32_MAX : n_rows - (uint32_t)r->levels.size, b, e));
        }
        if (p.type == PAGE_DATA && p.n_values == 0 && at >= end)
            return corrupt(e, "a column has fewer rows than its row group");
    }
    return OK;
}

/* ---- columns ---- */

struct walk {
    struct parquet_reader *r;
    const struct group    *g;
    uint32_t               n_rows;
    uint8_t                path[TREE_PATH_MAX];
    size_t                 path_bytes;
};

static const struct tree_leaf *find_leaf(const struct walk *w)
{
    for (uint32_t i = 0; i < w->r->n_leaves; i++)
        if (w->r->leaves[i].path_bytes == w->path_bytes && memcmp(w->r->leaves[i].path, w->path, w->path_bytes) == 0)
            return &w->r->leaves[i];
    return NULL;
}

/* depth: the level of a value that is there; lists: how many lists are above it. */
static enum err read_one(struct walk *w, const struct type *type, int depth, int lists, struct builder *b,
                         struct error *e)
{
    const struct tree_leaf *leaf = find_leaf(w);
    struct leaf_reading     l = {.leaf = leaf, .type = type};
    if (!physical_of(type, &l.physical, &l.width))
        return err_set(e, ERR_UNSUPPORTED, "columns of type %s are not read from Parquet yet",
                       type_kind_name(type->kind));
    if (!leaf) { /* the column is younger than the file */
        buf_clear(&w->r->levels);
        uint8_t *levels = buf_reserve(&w->r->levels, w->n_rows + 1u);
        if (!levels)
            return buf_check(&w->r->levels, "a column", e);
        memset(levels, 0, w->n_rows);
        w->r->levels.size = w->n_rows;
        for (uint32_t i = 0; i < w->n_rows; i++)
            builder_null(b);
        return OK;
    }
    l.chunk = &w->g->leaves[leaf - w->r->leaves];
    l.max_level = leaf->max_level;
    l.max_repeat = leaf->max_repeat;
    if (leaf->max_repeat != lists || leaf->levels[leaf->max_level] != depth)
        return err_set(e, ERR_UNSUPPORTED, "a column of the Parquet file is nested in another way than asked for");
    if (l.chunk->physical != (int)l.physical)
        return err_set(e, ERR_UNSUPPORTED, "a column of type %s has another physical type in the Parquet file",
                       type_kind_name(type->kind));
    if (l.physical == PHYSICAL_BOOLEAN)
        l.width = 1;
    buf_init(&l.dictionary, TAG_SINK, PAGE_BYTES_MAX);
    buf_init(&l.entries, TAG_SINK, PAGE_BYTES_MAX);
    buf_init(&l.indexes, TAG_SINK, PAGE_BYTES_MAX);
    enum err rc = read_leaf(w->r, &l, w->n_rows, b, e);
    buf_fini(&l.dictionary);
    buf_fini(&l.entries);
    buf_fini(&l.indexes);
    return rc;
}

static bool enter(struct walk *w, const char *name)
{
    size_t n = strlen(name) + 1;
    if (w->path_bytes + n > TREE_PATH_MAX)
        return false;
    memcpy(w->path + w->path_bytes, name, n);
    w->path_bytes += n;
    return true;
}

static enum err too_deep(struct error *e)
{
    return err_set(e, ERR_UNSUPPORTED, "a column of the Parquet file lies too deep");
}

/* The entries of one leaf below a list; all that they hold is the caller's to free. */
static enum err read_entries(struct walk *w, const struct type *t, int level, int lists, struct leaf_entries *out,
                             struct error *e)
{
    struct builder b;
    if (!find_leaf(w))
        return OK;
    TRY(builder_init(&b, t, e));
    enum err rc = read_one(w, t, level, lists, &b, e);
    uint32_t n = (uint32_t)w->r->levels.size;
    uint8_t *levels = rc == OK ? mem_alloc(TAG_SINK, 2 * (size_t)n + 1) : NULL;
    if (rc == OK && !levels)
        rc = err_set(e, ERR_NO_MEMORY, "levels of a Parquet column");
    if (rc == OK && n) {
        memcpy(levels, w->r->levels.data, n);
        if (lists)
            memcpy(levels + n, w->r->repeats.data, n);
        else
            memset(levels + n, 0, n);
    }
    *out = (struct leaf_entries){.levels = levels, .repeats = levels ? levels + n : NULL, .n = n};
    if (rc == OK)
        rc = builder_finish(&b, &out->values, e);
    builder_fini(&b);
    return rc;
}

static enum err gather(struct walk *w, const struct type *t, int level, int lists, struct leaf_entries *out,
                       struct error *e)
{
    size_t before = w->path_bytes;
    bool   list = t->kind == TYPE_ARRAY || t->kind == TYPE_MAP;
    int    n_parts = t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_MAP ? 2 : t->kind == TYPE_ARRAY;
    if (level > 2 * DEPTH_MAX || (list && !enter(w, t->kind == TYPE_MAP ? "key_value" : "list")))
        return too_deep(e);
    size_t   inside = w->path_bytes;
    enum err rc = n_parts == 0 ? read_entries(w, t, level, lists, out, e) : OK;
    for (int i = 0; rc == OK && i < n_parts; out += type_n_leaves(t->fields[i].type), i++) {
        bool key = t->kind == TYPE_MAP && i == 0;
        rc = enter(w, t->fields[i].name) ? gather(w, t->fields[i].type, level + list + !key, lists + list, out, e)
                                         : too_deep(e);
        w->path_bytes = inside;
    }
    w->path_bytes = before;
    return rc;
}

static enum err read_lists(struct walk *w, const struct type *t, struct builder *b, struct error *e)
{
    int                  n = type_n_leaves(t);
    struct leaf_entries *leaves = mem_zalloc(TAG_SINK, (size_t)n * sizeof *leaves);
    if (!leaves)
        return err_set(e, ERR_NO_MEMORY, "columns of a Parquet file");
    enum err rc = gather(w, t, 1, 0, leaves, e);
    if (rc == OK)
        rc = assemble_rows(t, leaves, w->n_rows, b, e);
    for (int i = 0; i < n; i++) {
        mem_free((void *)(uintptr_t)leaves[i].levels);
        column_free(leaves[i].values);
    }
    mem_free(leaves);
    return rc;
}

/* A field without lists in it. depth: optional fields from the top to this one. r->levels are those of its (first)
 * leaf afterwards. */
static enum err read_flat(struct walk *w, const struct type *t, int depth, struct builder *b, struct error *e)
{
    size_t   before = w->path_bytes;
    enum err rc = OK;
    if (t->kind != TYPE_STRUCT)
        return read_one(w, t, depth, 0, b, e);
    if (depth >= DEPTH_MAX)
        return too_deep(e);
    for (int i = t->n_fields - 1; rc == OK && i >= 0; i--) { /* the first one last: its levels stay */
        rc = enter(w, t->fields[i].name) ? read_flat(w, t->fields[i].type, depth + 1, &b->children[i], e) : too_deep(e);
        w->path_bytes = before;
    }
    for (uint32_t i = 0; rc == OK && i < w->n_rows; i++)
        builder_struct(b, w->r->levels.data[i] >= depth);
    return rc;
}

static enum err read_column(struct walk *w, const struct field *f, struct builder *b, struct error *e)
{
    w->path_bytes = 0;
    if (!enter(w, f->name))
        return too_deep(e);
    return type_has_list(f->type) ? read_lists(w, f->type, b, e) : read_flat(w, f->type, 1, b, e);
}

enum err parquet_reader_group(struct parquet_reader *r, int group, uint32_t max_rows, struct batch **out,
                              struct error *e)
{
    const struct group *g = &r->groups[group];
    uint32_t            n = max_rows && max_rows < g->rows ? max_rows : (uint32_t)g->rows;
    struct walk         w = {.r = r, .g = g, .n_rows = n};
    struct builder      top;
    struct column      *rows = NULL;
    *out = NULL;
    enum err rc = builder_init(&top, r->schema, e);
    for (int i = 0; rc == OK && i < r->schema->n_fields; i++)
        rc = read_column(&w, &r->schema->fields[i], &top.children[i], e);
    for (uint32_t i = 0; rc == OK && i < n; i++)
        builder_struct(&top, true);
    if (rc == OK)
        rc = builder_finish(&top, &rows, e);
    if (rc == OK) {
        struct column **columns = arena_alloc(&r->arena, (r->schema->n_fields + 1u) * sizeof *columns);
        for (int i = 0; columns && i < r->schema->n_fields; i++)
            columns[i] = column_ref(rows->children[i]);
        *out = columns ? batch_new(r->schema, n, columns, NULL, NULL) : NULL;
        rc = *out ? OK : err_set(e, ERR_NO_MEMORY, "rows of a Parquet file");
        column_free(rows);
    }
    builder_fini(&top);
    return rc;
}
