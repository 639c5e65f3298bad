/* SPDX-License-Identifier: MIT */
#include "sink/delta_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/log.h"
#include "delta/checkpoint.h"
#include "sink/partition.h"
#include "sink/stats.h"
#include "json/doc.h"
#include "json/write.h"

#define RECEIPT_MAX ((size_t)256 << 20)
#define PART_BUCKETS 512
#define KEY_MAX 1024
#define OPEN_BYTES_MAX ((size_t)256 << 20) /* of all open partitions: over it the largest becomes a file */

/* One partition's open file. */
struct part {
    struct part           *next, *same_hash;
    uint64_t               hash;
    uint8_t               *key;
    size_t                 key_size;
    char                  *values; /* JSON object: {"day":"2024-01-02"} */
    char                  *folder; /* "day=2024-01-02/" or "" */
    struct parquet_writer *writer;
    uint32_t               batch_rows, batch_at; /* of the batch being split: how many, where in its list of rows */
};

struct file {
    struct file *next;
    struct buf   bytes;
    char        *values, *folder, *stats;
    int64_t      n_rows;
};

struct sink_cut {
    struct file *files; /* newest first */
    int64_t      n_files, n_rows;
    size_t       n_bytes;
};

struct delta_sink {
    struct sink            base;
    struct delta_sink_spec spec; /* partition_by: the names as the schema writes them */
    struct arena           arena;
    const struct type     *file_schema; /* without the partition columns */
    int                   *file_columns, *partition_columns;
    struct part           *parts, *by_hash[PART_BUCKETS];
    int                    n_parts;
    struct sink_cut       *cut; /* files finished in the open epoch */
    struct store          *store;
    struct delta_table    *table;
    struct buf             key, text, values, folder; /* scratch of partitioned writes */
    bool                   told_limit;                /* that no checkpoint is written: once */
};

/* ---- partitions ---- */

static void free_part(struct part *p)
{
    parquet_writer_free(p->writer);
    mem_free(p->key);
    mem_free(p->values);
    mem_free(p->folder);
    mem_free(p);
}

/* key: what partition_key says; values and folder: what partition_describe says. */
static enum err open_part(struct delta_sink *s, const struct buf *key, uint64_t hash, const char *values,
                          const char *folder, struct part **out, struct error *e)
{
    if (s->n_parts == SINK_PARTITIONS_MAX)
        return err_set(e, ERR_LIMIT, "%s: more than %d partitions in one epoch", s->spec.location, SINK_PARTITIONS_MAX);
    struct part *p = mem_zalloc(TAG_SINK, sizeof *p);
    if (!p)
        return err_set(e, ERR_NO_MEMORY, "partition of %s", s->spec.location);
    p->hash = hash;
    p->key_size = key->size;
    p->key = mem_alloc(TAG_SINK, key->size + 1);
    p->values = mem_strdup(TAG_SINK, values);
    p->folder = mem_strdup(TAG_SINK, folder);
    enum err rc = p->key && p->values && p->folder ? parquet_writer_new(s->file_schema, s->spec.codec, &p->writer, e)
                                                   : err_set(e, ERR_NO_MEMORY, "partition of %s", s->spec.location);
    if (rc != OK) {
        free_part(p);
        return rc;
    }
    if (key->size)
        memcpy(p->key, key->data, key->size);
    p->next = s->parts;
    s->parts = p;
    p->same_hash = s->by_hash[hash % PART_BUCKETS];
    s->by_hash[hash % PART_BUCKETS] = p;
    s->n_parts++;
    *out = p;
    return OK;
}

/* NULL: not open. */
static struct part *find_part(const struct delta_sink *s, const struct buf *key, uint64_t hash)
{
    struct part *p = s->by_hash[hash % PART_BUCKETS];
    while (p &&
           (p->hash != hash || p->key_size != key->size || (key->size && memcmp(p->key, key->data, key->size) != 0)))
        p = p->same_hash;
    return p;
}

/* The part of a row, opened when it is new; b NULL: of a table without partitions. */
static enum err part_of_row(struct delta_sink *s, const struct batch *b, uint32_t row, struct part **out,
                            struct error *e)
{
    buf_clear(&s->key);
    if (b)
        partition_key(b, s->partition_columns, s->spec.n_partition_by, row, &s->key);
    TRY(buf_check(&s->key, "a partition value", e));
    uint64_t hash = hash_bytes(s->key.size ? s->key.data : (const uint8_t *)"", s->key.size, 0);
    if ((*out = find_part(s, &s->key, hash)))
        return OK;
    if (!b)
        return open_part(s, &s->key, hash, "{}", "", out, e);
    partition_describe(b, s->spec.partition_by, s->partition_columns, s->spec.n_partition_by, row, &s->text, &s->values,
                       &s->folder);
    TRY(buf_check(&s->values, "a partition value", e));
    TRY(buf_check(&s->folder, "a partition value", e));
    return open_part(s, &s->key, hash, buf_text(&s->values), buf_text(&s->folder), out, e);
}

static void free_parts(struct delta_sink *s)
{
    while (s->parts) {
        struct part *next = s->parts->next;
        free_part(s->parts);
        s->parts = next;
    }
    memset(s->by_hash, 0, sizeof s->by_hash);
    s->n_parts = 0;
}

/* ---- files ---- */

static void free_file(struct file *f)
{
    buf_fini(&f->bytes);
    mem_free(f->values);
    mem_free(f->folder);
    mem_free(f->stats);
    mem_free(f);
}

static void free_cut(struct sink_cut *cut)
{
    while (cut && cut->files) {
        struct file *next = cut->files->next;
        free_file(cut->files);
        cut->files = next;
    }
    mem_free(cut);
}

/* Encodes what the part holds; on failure the epoch is lost, and the cut only holds whole files. */
static enum err fill_file(struct delta_sink *s, struct part *p, struct file *f, struct error *e)
{
    struct buf stats;
    buf_init(&stats, TAG_SINK, 1 << 24);
    f->n_rows = parquet_writer_rows(p->writer);
    enum err rc = parquet_writer_finish(p->writer, &f->bytes, e);
    if (rc == OK) {
        delta_stats_json(p->writer, f->n_rows, &stats);
        f->stats = mem_strdup(TAG_SINK, buf_text(&stats));
        f->values = mem_strdup(TAG_SINK, p->values);
        f->folder = mem_strdup(TAG_SINK, p->folder);
        if (!f->stats || !f->values || !f->folder || stats.failed)
            rc = err_set(e, ERR_NO_MEMORY, "file of %s", s->spec.location);
    }
    buf_fini(&stats);
    return rc;
}

static enum err finish_file(struct delta_sink *s, struct part *p, struct error *e)
{
    struct file *f = mem_zalloc(TAG_SINK, sizeof *f);
    if (!s->cut)
        s->cut = mem_zalloc(TAG_SINK, sizeof *s->cut);
    if (!f || !s->cut) {
        mem_free(f);
        return err_set(e, ERR_NO_MEMORY, "file of %s", s->spec.location);
    }
    buf_init(&f->bytes, TAG_SINK, PARQUET_FILE_MAX);
    enum err rc = fill_file(s, p, f, e);
    if (rc == OK && s->cut->n_bytes + f->bytes.size > SINK_EPOCH_BYTES_MAX)
        rc = err_set(e, ERR_LIMIT,
                     "%s: one epoch makes files of more than %zu MiB: give it a smaller maxOffsetsPerTrigger",
                     s->spec.location, SINK_EPOCH_BYTES_MAX >> 20);
    if (rc != OK) {
        free_file(f);
        return rc;
    }
    f->next = s->cut->files;
    s->cut->files = f;
    s->cut->n_files++;
    s->cut->n_rows += f->n_rows;
    s->cut->n_bytes += f->bytes.size;
    return OK;
}

/* ---- writing ---- */

/* The columns that go into files. */
static struct batch *file_batch(const struct delta_sink *s, const struct batch *b)
{
    struct column **columns = mem_alloc(TAG_SINK, ((size_t)s->file_schema->n_fields + 1) * sizeof *columns);
    if (!columns)
        return NULL;
    for (int i = 0; i < s->file_schema->n_fields; i++)
        columns[i] = column_ref(b->columns[s->file_columns[i]]);
    struct batch *files = batch_new(s->file_schema, b->n_rows, columns, NULL, NULL);
    mem_free(columns);
    return files;
}

static enum err add_rows(struct delta_sink *s, struct part *p, const struct batch *b, struct error *e)
{
    TRY(parquet_writer_add(p->writer, b, e));
    return parquet_writer_size(p->writer) >= PARQUET_FILE_TARGET ? finish_file(s, p, e) : OK;
}

/* How the rows of one batch fall into partitions. */
struct split {
    struct part **of_row, **touched; /* n_rows each */
    uint32_t     *rows;              /* grouped by partition */
    uint32_t      n_touched;
};

static enum err split_rows(struct delta_sink *s, const struct batch *b, struct split *x, struct error *e)
{
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (partition_same_as_before(b, s->partition_columns, s->spec.n_partition_by, i))
            x->of_row[i] = x->of_row[i - 1];
        else
            TRY(part_of_row(s, b, i, &x->of_row[i], e));
        if (x->of_row[i]->batch_rows++ == 0)
            x->touched[x->n_touched++] = x->of_row[i];
    }
    for (uint32_t i = 0, at = 0; i < x->n_touched; i++) {
        x->touched[i]->batch_at = at;
        at += x->touched[i]->batch_rows;
    }
    for (uint32_t i = 0; i < b->n_rows; i++)
        x->rows[x->of_row[i]->batch_at++] = i;
    return OK;
}

static enum err add_split(struct delta_sink *s, const struct split *x, const struct batch *files, struct error *e)
{
    if (x->n_touched == 1)
        return add_rows(s, x->touched[0], files, e);
    for (uint32_t i = 0; i < x->n_touched; i++) {
        struct part  *p = x->touched[i];
        struct batch *some = batch_take(files, x->rows + p->batch_at - p->batch_rows, p->batch_rows);
        enum err rc = some ? add_rows(s, p, some, e) : err_set(e, ERR_NO_MEMORY, "partitions of %s", s->spec.location);
        batch_free(some);
        TRY(rc);
    }
    return OK;
}

static enum err shed_largest(struct delta_sink *s, struct error *e)
{
    struct part *largest = NULL;
    size_t       sum = 0, most = 0;
    for (struct part *p = s->parts; p; p = p->next) {
        size_t size = parquet_writer_size(p->writer);
        sum += size;
        if (size > most) {
            most = size;
            largest = p;
        }
    }
    return sum > OPEN_BYTES_MAX && largest ? finish_file(s, largest, e) : OK;
}

static enum err write_partitioned(struct delta_sink *s, const struct batch *b, const struct batch *files,
                                  struct error *e)
{
    struct split x = {.of_row = mem_alloc(TAG_SINK, (b->n_rows + 1) * sizeof *x.of_row),
                      .touched = mem_alloc(TAG_SINK, (b->n_rows + 1) * sizeof *x.touched),
                      .rows = mem_alloc(TAG_SINK, (b->n_rows + 1) * sizeof *x.rows)};
    enum err     rc =
        x.of_row && x.touched && x.rows ? OK : err_set(e, ERR_NO_MEMORY, "partitions of %s", s->spec.location);
    if (rc == OK)
        rc = split_rows(s, b, &x, e);
    if (rc == OK)
        rc = add_split(s, &x, files, e);
    if (rc == OK)
        rc = shed_largest(s, e);
    for (uint32_t i = 0; i < x.n_touched; i++)
        x.touched[i]->batch_rows = 0;
    mem_free(x.of_row);
    mem_free(x.touched);
    mem_free(x.rows);
    return rc;
}

static enum err sink_write(struct sink *base, const struct batch *b, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    struct part       *p;
    if (b->n_rows == 0)
        return OK;
    if (s->spec.n_partition_by == 0) {
        TRY(part_of_row(s, NULL, 0, &p, e));
        return add_rows(s, p, b, e);
    }
    struct batch *files = file_batch(s, b);
    enum err rc = files ? write_partitioned(s, b, files, e) : err_set(e, ERR_NO_MEMORY, "rows of %s", s->spec.location);
    batch_free(files);
    return rc;
}

static enum err sink_cut_files(struct sink *base, struct sink_cut **out, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    enum err           rc = OK;
    *out = NULL;
    for (struct part *p = s->parts; rc == OK && p; p = p->next)
        if (parquet_writer_rows(p->writer) > 0)
            rc = finish_file(s, p, e);
    if (s->spec.n_partition_by)
        free_parts(s); /* the next epoch has other days */
    if (rc == OK) {
        *out = s->cut;
        s->cut = NULL;
    }
    return rc;
}

/* ---- prepare and commit ---- */

static const char *codec_name(enum parquet_codec codec)
{
    return codec == PARQUET_ZSTD ? ".zstd" : codec == PARQUET_SNAPPY ? ".snappy" : "";
}

static void put_add(const struct file *f, const char *key, int64_t now_ms, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "add");
    json_begin_object(&w);
    json_member_string(&w, "path", key);
    json_member_raw(&w, "partitionValues", f->values);
    json_member_int(&w, "size", (int64_t)f->bytes.size);
    json_member_int(&w, "modificationTime", now_ms);
    json_member_bool(&w, "dataChange", true);
    json_member_string(&w, "stats", f->stats);
    json_end_object(&w);
    json_end_object(&w);
    buf_u8(out, '\n');
}

static void remove_file(struct delta_sink *s, const char *key)
{
    struct error ignored;
    if (s->store->ops->remove(s->store, key, &ignored) != OK)
        return; /* an orphan nobody names: VACUUM takes it */
}

/* keys: what may be there now, each ended by NUL, to be removed should the rest fail. */
static enum err store_files(struct delta_sink *s, const struct sink_cut *cut, struct buf *keys, struct buf *adds,
                            struct error *e)
{
    char key[KEY_MAX], id[37];
    int  i = 0;
    for (const struct file *f = cut->files; f; f = f->next, i++) {
        uuid_v4(id);
        snprintf(key, sizeof key, "%spart-%05d-%s-c000%s.parquet", f->folder, i, id, codec_name(s->spec.codec));
        buf_put(keys, key, strlen(key) + 1);
        TRY(buf_check(keys, "a list of files", e));
        TRY(s->store->ops->put(s->store, key, f->bytes.data, f->bytes.size, e));
        put_add(f, key, clock_wall_us() / 1000, adds);
    }
    return buf_check(adds, "a list of files", e);
}

static enum err put_receipt(const struct delta_sink *s, const struct sink_cut *cut, struct buf *adds,
                            struct buf *receipt, struct error *e)
{
    struct json_writer w;
    json_writer_init(&w, receipt);
    json_begin_object(&w);
    json_member_string(&w, "location", s->spec.location);
    json_member_string(&w, "table", s->table ? delta_table_id(s->table) : NULL);
    json_member_int(&w, "files", cut ? cut->n_files : 0);
    json_member_int(&w, "rows", cut ? cut->n_rows : 0);
    json_member_int(&w, "bytes", cut ? (int64_t)cut->n_bytes : 0);
    json_member_string(&w, "adds", buf_text(adds));
    json_end_object(&w);
    if (adds->failed)
        receipt->failed = true;
    return buf_check(receipt, "a receipt", e);
}

static enum err sink_prepare(struct sink *base, struct sink_cut *take, struct buf *receipt, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    struct buf         adds, keys;
    enum err           rc = failpoint("sink.prepare.before", e);
    buf_init(&adds, TAG_SINK, RECEIPT_MAX);
    buf_init(&keys, TAG_SINK, RECEIPT_MAX);
    if (rc == OK && take)
        rc = store_files(s, take, &keys, &adds, e);
    if (rc == OK)
        rc = failpoint("sink.prepare.after_put", e);
    if (rc == OK)
        rc = put_receipt(s, take, &adds, receipt, e);
    for (size_t at = 0; rc != OK && at < keys.size; at += strlen((char *)keys.data + at) + 1)
        remove_file(s, (char *)keys.data + at); /* a full disk must not fill up with what nobody will name */
    buf_fini(&adds);
    buf_fini(&keys);
    free_cut(take);
    return rc == OK ? OK : err_wrap(e, rc, "%s", s->spec.location);
}

/* Rows of an epoch go into the table they were prepared for, or nowhere. */
static enum err check_same_table(const struct delta_sink *s, const char *prepared_for, struct error *e)
{
    const char *now = delta_table_id(s->table);
    if (!prepared_for || (now && strcmp(now, prepared_for) == 0))
        return OK;
    if (!now)
        return err_set(e, ERR_DATA_LOSS, "the table %s is gone", prepared_for);
    return err_set(e, ERR_DATA_LOSS, "the table was replaced: its id is now %s, it was %s", now, prepared_for);
}

static enum err commit_receipt(struct delta_sink *s, const struct json_value *r, const struct sink_commit *c,
                               int64_t *version, struct error *e)
{
    const char         *adds = json_get_string(r, "adds");
    struct delta_commit commit = {.app_id = c->app_id,
                                  .epoch = c->epoch,
                                  .nonce = c->nonce,
                                  .adds = adds ? adds : "",
                                  .n_files = json_get_int(r, "files", 0),
                                  .n_rows = json_get_int(r, "rows", 0),
                                  .n_bytes = json_get_int(r, "bytes", 0),
                                  .info = c->info,
                                  .now_ms = c->now_ms,
                                  .query_id = c->query_id,
                                  .create = c->create,
                                  .schema = s->spec.schema,
                                  .partition_by = s->spec.partition_by,
                                  .n_partition_by = s->spec.n_partition_by,
                                  .properties = s->spec.properties,
                                  .n_properties = s->spec.n_properties,
                                  .comment = s->spec.comment};
    TRY(failpoint("sink.commit.before", e));
    TRY(delta_table_refresh(s->table, e));
    TRY(check_same_table(s, json_get_string(r, "table"), e));
    if (commit.n_files == 0 && !c->create && delta_table_version(s->table) < 0)
        return OK; /* a side table that never had rows */
    TRY(delta_table_commit(s->table, &commit, version, e));
    return failpoint("sink.commit.after", e);
}

static enum err sink_commit_epoch(struct sink *base, const char *receipt, const struct sink_commit *c, int64_t *version,
                                  struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    struct json_value *r = NULL;
    *version = -1;
    TRY(json_doc_parse(receipt, strlen(receipt), &r, e));
    enum err rc = commit_receipt(s, r, c, version, e);
    json_doc_free(r);
    return rc == OK ? OK : err_wrap(e, rc, "%s", s->spec.location);
}

static enum err check_add(struct delta_sink *s, const char *line, size_t n, struct error *e)
{
    struct json_value *doc = NULL;
    int64_t            size = -1;
    TRY(json_doc_parse(line, n, &doc, e));
    const struct json_value *add = json_get(doc, "add");
    const char              *path = json_get_string(add, "path");
    enum err                 rc = s->store->ops->head(s->store, path ? path : "", &size, e);
    if (rc == OK && size != json_get_int(add, "size", 0))
        rc = err_set(e, ERR_CORRUPT, "%s has %lld bytes, not those it was written with", path, (long long)size);
    json_doc_free(doc);
    return rc;
}

static enum err sink_check(struct sink *base, const char *receipt, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    struct json_value *r = NULL;
    enum err           rc = OK;
    TRY(json_doc_parse(receipt, strlen(receipt), &r, e));
    const char *adds = json_get_string(r, "adds");
    while (rc == OK && adds && *adds) {
        size_t n = strcspn(adds, "\n");
        rc = check_add(s, adds, n, e);
        adds += n + (adds[n] == '\n');
    }
    json_doc_free(r);
    return rc;
}

static void sink_drop(struct sink *base, struct sink_cut *cut)
{
    struct delta_sink *s = (struct delta_sink *)base;
    if (!cut) {
        free_parts(s);
        cut = s->cut;
        s->cut = NULL;
    }
    free_cut(cut);
}

static void sink_free(struct sink *base)
{
    struct delta_sink *s = (struct delta_sink *)base;
    free_parts(s);
    free_cut(s->cut);
    delta_table_close(s->table);
    if (s->store)
        s->store->ops->free(s->store);
    buf_fini(&s->key);
    buf_fini(&s->text);
    buf_fini(&s->values);
    buf_fini(&s->folder);
    arena_fini(&s->arena);
    mem_free(s);
}

static const struct sink_ops ops = {.write = sink_write,
                                    .cut = sink_cut_files,
                                    .prepare = sink_prepare,
                                    .commit = sink_commit_epoch,
                                    .check = sink_check,
                                    .drop = sink_drop,
                                    .free = sink_free};

/* ---- making ---- */

static bool is_partition(const struct delta_sink_spec *spec, const char *name)
{
    for (int i = 0; i < spec->n_partition_by; i++)
        if (strcasecmp(spec->partition_by[i], name) == 0)
            return true;
    return false;
}

/* Partition columns by number, and with the names the schema gives them. */
static enum err take_partitions(struct delta_sink *s, struct error *e)
{
    size_t       n = (size_t)s->spec.n_partition_by;
    const char **names = arena_alloc(&s->arena, (n + 1) * sizeof *names);
    s->partition_columns = arena_alloc(&s->arena, (n + 1) * sizeof *s->partition_columns);
    if (!names || !s->partition_columns)
        return err_set(e, ERR_NO_MEMORY, "sink %s", s->spec.location);
    for (size_t i = 0; i < n; i++) {
        s->partition_columns[i] = type_field_index(s->spec.schema, s->spec.partition_by[i]);
        names[i] = s->spec.schema->fields[s->partition_columns[i]].name;
    }
    s->spec.partition_by = names;
    return OK;
}

static enum err split_schema(struct delta_sink *s, struct error *e)
{
    const struct type *all = s->spec.schema;
    struct field      *fields = arena_alloc(&s->arena, (all->n_fields + 1u) * sizeof *fields);
    int                n = 0;
    s->file_columns = arena_alloc(&s->arena, (all->n_fields + 1u) * sizeof *s->file_columns);
    if (!fields || !s->file_columns)
        return err_set(e, ERR_NO_MEMORY, "sink %s", s->spec.location);
    for (int i = 0; i < all->n_fields; i++)
        if (!is_partition(&s->spec, all->fields[i].name)) {
            s->file_columns[n] = i;
            fields[n++] = all->fields[i];
        }
    s->file_schema = s->spec.n_partition_by ? type_struct(&s->arena, fields, (size_t)n) : all;
    return s->file_schema ? OK : err_set(e, ERR_NO_MEMORY, "sink %s", s->spec.location);
}

/* What a table of that kind cannot have, before anything is done. */
static enum err check_spec(const struct delta_sink_spec *spec, struct error *e)
{
    struct parquet_writer *w;
    TRY(delta_schema_check(spec->schema, spec->partition_by, spec->n_partition_by, e));
    for (int i = 0; i < spec->n_properties; i++)
        TRY(delta_property_check(spec->properties[i].key, spec->properties[i].value, e));
    TRY(parquet_writer_new(spec->schema, spec->codec, &w, e)); /* says which type it cannot write */
    parquet_writer_free(w);
    return OK;
}

enum err delta_sink_new_in(const struct delta_sink_spec *spec, struct store *take, struct sink **out, struct error *e)
{
    struct delta_sink *s = mem_zalloc(TAG_SINK, sizeof *s);
    *out = NULL;
    if (!s) {
        take->ops->free(take);
        return err_set(e, ERR_NO_MEMORY, "sink %s", spec->location);
    }
    s->base = (struct sink){.ops = &ops, .schema = spec->schema};
    s->spec = *spec;
    s->store = take;
    arena_init(&s->arena, TAG_SINK, 1 << 20);
    buf_init(&s->key, TAG_SINK, 1 << 20);
    buf_init(&s->text, TAG_SINK, 1 << 20);
    buf_init(&s->values, TAG_SINK, 1 << 20);
    buf_init(&s->folder, TAG_SINK, 1 << 20);
    enum err rc = check_spec(spec, e);
    if (rc == OK)
        rc = take_partitions(s, e);
    if (rc == OK)
        rc = split_schema(s, e);
    if (rc != OK) {
        sink_free(&s->base);
        return err_wrap(e, rc, "table %s", spec->location);
    }
    *out = &s->base;
    return OK;
}

enum err delta_sink_new(const struct delta_sink_spec *spec, struct sink **out, struct error *e)
{
    struct store *store;
    *out = NULL;
    TRY(store_local_new(spec->location, &store, e));
    return delta_sink_new_in(spec, store, out, e);
}

enum err delta_sink_open(struct sink *base, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    delta_table_close(s->table);
    s->table = NULL;
    enum err rc = delta_table_open(s->store, &s->table, e);
    if (rc == OK)
        rc = delta_table_check(s->table, s->spec.schema, s->spec.partition_by, s->spec.n_partition_by, e);
    if (rc == OK) /* a folder without a commit would look like a broken table */
        rc = store_probe(s->store, delta_table_version(s->table) >= 0 ? "_delta_log/" : "", e);
    return rc == OK ? OK : err_wrap(e, rc, "table %s", s->spec.location);
}

bool delta_sink_checkpoint_due(struct sink *base, int64_t version, int64_t *keep_removed_ms)
{
    return delta_table_checkpoint_due(((struct delta_sink *)base)->table, version, keep_removed_ms);
}

void delta_sink_checkpoint(struct sink *base, int64_t version, int64_t keep_removed_ms)
{
    struct delta_sink        *s = (struct delta_sink *)base;
    struct checkpoint_written done;
    struct error              e;
    int64_t                   now_us = clock_wall_us(), begin_us = clock_mono_us();
    enum err                  rc = delta_checkpoint_write(s->store, version, keep_removed_ms, now_us / 1000, &done, &e);
    if (rc == OK)
        log_debug("delta", "table %s: checkpoint %" PRId64 " of %" PRId64 " files: %" PRId64 " bytes in %" PRId64 " ms",
                  s->spec.location, version, done.files, done.bytes, (clock_mono_us() - begin_us) / 1000);
    else if (rc != ERR_LIMIT || !s->told_limit)
        log_warn("delta", "table %s: %s; its log goes on without", s->spec.location, e.text);
    s->told_limit = s->told_limit || rc == ERR_LIMIT;
}

struct delta_table *delta_sink_table(struct sink *base) { return ((struct delta_sink *)base)->table; }
