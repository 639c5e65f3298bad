/* SPDX-License-Identifier: MIT */
#include "parquet/chunk.h"

#include "base/hash.h"
#include "parquet/encode.h"

#define CHUNK_LIMIT PARQUET_FILE_MAX
#define SLOTS_AT_FIRST 1024
#define KEEP_BYTES_MAX ((size_t)8 << 20) /* a larger buffer goes back after its row group */

enum err chunk_init(struct chunk *c, struct error *e)
{
    struct buf *all[] = {&c->levels,   &c->repeats, &c->values,         &c->indexes,       &c->dictionary,
                         &c->entry_at, &c->rows,    &c->leaf.min_bytes, &c->leaf.max_bytes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], TAG_SINK, CHUNK_LIMIT);
    c->capacity = SLOTS_AT_FIRST;
    c->slots = mem_zalloc(TAG_SINK, c->capacity * sizeof *c->slots);
    c->plain = c->physical == PHYSICAL_BOOLEAN;
    return c->slots ? OK : err_set(e, ERR_NO_MEMORY, "Parquet column");
}

void chunk_fini(struct chunk *c)
{
    struct buf *all[] = {&c->levels,   &c->repeats, &c->values,         &c->indexes,       &c->dictionary,
                         &c->entry_at, &c->rows,    &c->leaf.min_bytes, &c->leaf.max_bytes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_fini(all[i]);
    mem_free(c->slots);
}

void chunk_clear(struct chunk *c)
{
    struct buf *all[] = {&c->levels, &c->repeats, &c->values, &c->indexes, &c->dictionary, &c->entry_at, &c->rows};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->capacity > KEEP_BYTES_MAX)
            buf_fini(all[i]);
        else
            buf_clear(all[i]);
    }
    if (c->n_entries)
        memset(c->slots, 0, c->capacity * sizeof *c->slots);
    c->n_rows = c->n_values = c->n_entries = 0;
    c->plain_bytes = 0;
    c->plain = c->physical == PHYSICAL_BOOLEAN;
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
    size_t index_bits = (size_t)bits_for(c->n_entries);
    return c->levels.size / 8 + c->repeats.size / 8 + c->values.size + c->dictionary.size +
           c->indexes.size / sizeof(uint32_t) * index_bits / 8;
}

/* ---- dictionary ---- */

/* -0.0 and NaN payloads are kept apart: floats hash by their bytes. */
static uint64_t hash_value(const uint8_t *p, uint32_t n) { return hash_bytes(p, n, 0); }

static uint64_t slot_of(uint64_t hash, uint32_t entry) { return (hash & 0xffffffff00000000u) | (entry + 1); }

static void put_slot(uint64_t *slots, uint32_t capacity, uint64_t hash, uint32_t entry)
{
    uint32_t at = (uint32_t)hash & (capacity - 1);
    while (slots[at])
        at = (at + 1) & (capacity - 1);
    slots[at] = slot_of(hash, entry);
}

static bool grow_slots(struct chunk *c)
{
    uint32_t  capacity = c->capacity * 2;
    uint64_t *slots = mem_zalloc(TAG_SINK, capacity * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < c->n_entries; i++) {
        uint32_t       n;
        const uint8_t *p = chunk_entry(c, i, &n);
        put_slot(slots, capacity, hash_value(p, n), i);
    }
    mem_free(c->slots);
    c->slots = slots;
    c->capacity = capacity;
    return true;
}

static void put_plain(const struct chunk *c, struct buf *out, const uint8_t *p, uint32_t n)
{
    uint8_t *to = buf_reserve(out, n + sizeof n);
    if (!to)
        return;
    if (!c->width) { /* little-endian, as the machines this runs on */
        memcpy(to, &n, sizeof n);
        to += sizeof n;
        out->size += sizeof n;
    }
    if (n)
        memcpy(to, p, n);
    out->size += n;
}

static uint32_t add_entry(struct chunk *c, const uint8_t *p, uint32_t n, uint64_t hash, uint32_t slot)
{
    uint32_t offset = (uint32_t)c->dictionary.size;
    if (!c->width)
        buf_put(&c->entry_at, &offset, sizeof offset);
    put_plain(c, &c->dictionary, p, n);
    if (c->dictionary.failed || c->entry_at.failed) {
        c->dictionary.failed = true; /* chunk_add reports it; nothing may point at what is not there */
        return 0;
    }
    c->slots[slot] = slot_of(hash, c->n_entries);
    c->n_entries++;
    if (c->n_entries * 2 > c->capacity && !grow_slots(c))
        c->dictionary.failed = true;
    return c->n_entries - 1;
}

/* By words, the last one overlapping: values are short, and mostly the same once their hashes are. */
static inline bool same_bytes(const uint8_t *p, const uint8_t *q, uint32_t n)
{
    uint64_t a, b;
    if (n < sizeof a)
        return memcmp(p, q, n) == 0;
    for (const uint8_t *end = p + n - sizeof a; p < end; p += sizeof a, q += sizeof a, n -= (uint32_t)sizeof a) {
        memcpy(&a, p, sizeof a);
        memcpy(&b, q, sizeof b);
        if (a != b)
            return false;
    }
    memcpy(&a, p + n - sizeof a, sizeof a);
    memcpy(&b, q + n - sizeof b, sizeof b);
    return a == b;
}

/* Index of the value, added when it is new. */
static inline uint32_t find_entry(struct chunk *c, const uint8_t *p, uint32_t n)
{
    uint64_t hash = hash_value(p, n);
    uint32_t at = (uint32_t)hash & (c->capacity - 1), m;
    for (uint64_t slot; (slot = c->slots[at]); at = (at + 1) & (c->capacity - 1)) {
        if ((slot ^ hash) >> 32)
            continue;
        const uint8_t *q = chunk_entry(c, (uint32_t)slot - 1, &m);
        if (m == n && same_bytes(p, q, n))
            return (uint32_t)slot - 1;
    }
    return add_entry(c, p, n, hash, at);
}

/* The values so far, written out plain; the dictionary is no more. */
static void give_up_dictionary(struct chunk *c)
{
    const uint32_t *indexes = (const uint32_t *)(const void *)c->indexes.data;
    buf_reserve(&c->values, c->plain_bytes + sizeof(uint32_t));
    for (uint32_t i = 0; i < c->n_values; i++) {
        uint32_t       n;
        const uint8_t *p = chunk_entry(c, indexes[i], &n);
        put_plain(c, &c->values, p, n);
    }
    c->plain = true;
    buf_clear(&c->indexes);
}

/* Decided on the first page of values: a dictionary nearly as large as the values is not worth its indexes. */
static bool dictionary_pays(const struct chunk *c)
{
    if (c->dictionary.size > DICTIONARY_BYTES_MAX)
        return false;
    return c->n_values < PAGE_ROWS || c->dictionary.size * 4 < c->plain_bytes * 3;
}

enum err chunk_settle(struct chunk *c, struct error *e)
{
    size_t with_dictionary = c->dictionary.size + (size_t)c->n_values * (size_t)bits_for(c->n_entries) / 8;
    if (!c->plain && with_dictionary >= c->plain_bytes)
        give_up_dictionary(c);
    return buf_check(&c->values, "a Parquet column chunk", e);
}

/* ---- values ---- */

static inline void take_value(struct chunk *c, const uint8_t *p, uint32_t n, uint32_t **index)
{
    if (*index)
        *(*index)++ = find_entry(c, p, n);
    else
        put_plain(c, &c->values, p, n);
}

/* Room for n indexes, or NULL when values go in plain. */
static uint32_t *reserve_indexes(struct chunk *c, uint32_t n)
{
    return c->plain ? NULL : (uint32_t *)(void *)buf_reserve(&c->indexes, n * sizeof(uint32_t));
}

/* rows NULL: rows 0 to n - 1 */
static void add_bytes(struct chunk *c, const struct column *col, const uint32_t *rows, uint32_t n, uint32_t *index)
{
    const uint8_t *values = col->values ? col->values : (const uint8_t *)"";
    size_t         size = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = rows ? rows[i] : i, from = col->offsets[row], length = col->offsets[row + 1] - from;
        take_value(c, values + from, length, &index);
        size += length + sizeof length;
    }
    c->plain_bytes += size;
}

static void add_small(struct chunk *c, const struct column *col, const uint32_t *rows, uint32_t n, uint32_t *index)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = rows ? rows[i] : i;
        int32_t  v =
            col->type->kind == TYPE_TINYINT ? ((const int8_t *)col->values)[row] : ((const int16_t *)col->values)[row];
        take_value(c, (const uint8_t *)&v, sizeof v, &index);
    }
    c->plain_bytes += (size_t)n * c->width;
}

/* In pages a DECIMAL is an INT32, an INT64 or as few bytes as its digits need. */
static void add_decimals(struct chunk *c, const struct column *col, const uint32_t *rows, uint32_t n, uint32_t *index)
{
    for (uint32_t i = 0; i < n; i++) {
        int128  v = column_i128(col)[rows ? rows[i] : i];
        uint8_t bytes[sizeof v];
        if (c->physical == PHYSICAL_FIXED)
            for (uint32_t k = 0; k < c->width; k++)
                bytes[k] = (uint8_t)((uint128)v >> (8 * (c->width - 1 - k)));
        else
            memcpy(bytes, &v, c->width); /* little-endian: the low end comes first */
        take_value(c, bytes, c->width, &index);
    }
    c->plain_bytes += (size_t)n * c->width;
}

/* Columns hold these values as pages do. */
static void add_fixed(struct chunk *c, const struct column *col, const uint32_t *rows, uint32_t n, uint32_t *index)
{
    const uint8_t *values = col->values;
    if (!index && !rows) {
        buf_put(&c->values, values, (size_t)n * c->width);
    } else {
        for (uint32_t i = 0; i < n; i++)
            take_value(c, values + (size_t)(rows ? rows[i] : i) * c->width, c->width, &index);
    }
    c->plain_bytes += (size_t)n * c->width;
}

static void add_values(struct chunk *c, const struct column *col, const uint32_t *rows, uint32_t n)
{
    uint32_t *index = reserve_indexes(c, n);
    if (n == 0 || (!index && !c->plain))
        return;
    if (c->physical == PHYSICAL_BYTES)
        add_bytes(c, col, rows, n, index);
    else if (col->type->kind == TYPE_TINYINT || col->type->kind == TYPE_SMALLINT)
        add_small(c, col, rows, n, index);
    else if (col->type->kind == TYPE_DECIMAL)
        add_decimals(c, col, rows, n, index);
    else
        add_fixed(c, col, rows, n, index);
    if (index)
        c->indexes.size += n * sizeof *index;
    c->n_values += n;
}

/* ---- rows ---- */

/* From here on every row has its level written out. */
static void open_levels(struct chunk *c, uint32_t n_more)
{
    if (c->levels.size < c->n_rows) {
        uint8_t *to = buf_reserve(&c->levels, c->n_rows - c->levels.size + n_more);
        if (!to)
            return;
        memset(to, c->max_level, c->n_rows - c->levels.size);
        c->levels.size = c->n_rows;
    }
    buf_reserve(&c->levels, n_more + 1);
}

static int level_of(const struct chunk *c, const struct column *column, const struct column *const *ancestors,
                    uint32_t row)
{
    int level = 0;
    while (level < c->max_level - 1 && column_is_valid(ancestors[level], row))
        level++;
    return level == c->max_level - 1 && column_is_valid(column, row) ? c->max_level : level;
}

/* Rows of which some hold no value. */
static void add_sparse(struct chunk *c, const struct column *column, const struct column *const *ancestors)
{
    buf_clear(&c->rows);
    uint32_t *rows = (uint32_t *)(void *)buf_reserve(&c->rows, (column->n_rows + 1u) * sizeof *rows);
    uint32_t  n = 0;
    open_levels(c, column->n_rows);
    if (!rows || c->levels.failed)
        return;
    uint8_t *levels = c->levels.data + c->levels.size;
    for (uint32_t row = 0; row < column->n_rows; row++) {
        int level = level_of(c, column, ancestors, row);
        levels[row] = (uint8_t)level;
        rows[n] = row;
        n += level == c->max_level;
    }
    c->levels.size += column->n_rows;
    c->leaf.n_nulls += column->n_rows - n;
    add_values(c, column, rows, n);
}

/* What was added is there; the dictionary goes when it does not pay. */
static enum err check(struct chunk *c, struct error *e)
{
    const struct buf *all[] = {&c->levels, &c->repeats, &c->values, &c->indexes, &c->dictionary, &c->rows};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        TRY(buf_check(all[i], "a Parquet column chunk", e));
    if (!c->plain && !dictionary_pays(c))
        give_up_dictionary(c);
    return buf_check(&c->values, "a Parquet column chunk", e);
}

enum err chunk_add(struct chunk *c, const struct column *column, const struct column *const *ancestors, struct error *e)
{
    bool any_null = column->valid != NULL;
    for (int d = 0; d < c->max_level - 1; d++)
        any_null = any_null || ancestors[d]->valid;
    if (any_null || c->levels.size)
        add_sparse(c, column, ancestors);
    else
        add_values(c, column, NULL, column->n_rows);
    c->n_rows += column->n_rows;
    return check(c, e);
}

/* ---- below a list ---- */

/* The leaves of one batch as entries: levels go to the chunk, rows of the leaf's column to chunk.rows. */
struct shredder {
    struct chunk        *c;
    const struct column *leaf;
    uint32_t             n_found;
};

static void put_entry(struct shredder *s, int level, int repeat)
{
    buf_u8(&s->c->levels, (uint8_t)level);
    buf_u8(&s->c->repeats, (uint8_t)repeat);
    s->c->n_rows++;
}

/* Value `at` of the column at this depth. level: how many optional and repeated steps above it are there. repeat: of
 * the first entry; repeated: how many lists are above. */
static void shred(struct shredder *s, const struct column *c, int depth, uint32_t at, int level, int repeat,
                  int repeated)
{
    bool required = s->c->required >> depth & 1;
    if (!column_is_valid(c, at)) {
        put_entry(s, level, repeat);
        return;
    }
    level += !required;
    if (depth + 1 == s->c->n_steps) {
        s->leaf = c;
        put_entry(s, level, repeat);
        buf_put(&s->c->rows, &at, sizeof at);
        s->n_found++;
        return;
    }
    const struct column *child = c->children[s->c->steps[depth + 1]];
    if (c->type->kind == TYPE_STRUCT) {
        shred(s, child, depth + 1, at, level, repeat, repeated);
        return;
    }
    if (c->offsets[at] == c->offsets[at + 1])
        put_entry(s, level, repeat);
    for (uint32_t k = c->offsets[at]; k < c->offsets[at + 1]; k++)
        shred(s, child, depth + 1, k, level + 1, k == c->offsets[at] ? repeat : repeated + 1, repeated + 1);
}

enum err chunk_add_nested(struct chunk *c, const struct column *top, struct error *e)
{
    struct shredder s = {.c = c};
    uint32_t        before = c->n_rows;
    buf_clear(&c->rows);
    for (uint32_t row = 0; row < top->n_rows; row++)
        shred(&s, top, 0, row, 0, 0, 0);
    TRY(buf_check(&c->rows, "a Parquet column chunk", e));
    if (s.leaf)
        add_values(c, s.leaf, (const uint32_t *)(const void *)c->rows.data, s.n_found);
    c->leaf.n_nulls += c->n_rows - before - s.n_found;
    return check(c, e);
}
