/* SPDX-License-Identifier: MIT */
#include "sink/delta_sink.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "json/doc.h"
#include "json/write.h"
#include "sink/stats.h"
#include "text/number.h"
#include "text/time.h"

#define RECEIPT_MAX ((size_t)256 << 20)

/* One partition's open file. */
struct part {
    struct part           *next;
    char                  *values; /* JSON object: {"day":"2024-01-02"} */
    char                  *folder; /* "day=2024-01-02/" or "" */
    struct parquet_writer *writer;
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
};

struct delta_sink {
    struct sink            base;
    struct delta_sink_spec spec;
    struct arena           arena;
    const struct type     *file_schema; /* without the partition columns */
    int                   *file_columns, *partition_columns;
    struct part           *parts;
    int                    n_parts;
    struct sink_cut       *cut; /* files finished in the open epoch */
    struct store          *store;
    struct delta_table    *table;
};

/* ---- partitions ---- */

/* The value as Delta writes it; false: NULL (an empty text is NULL too). */
static bool partition_value(const struct column *c, uint32_t row, struct buf *out)
{
    char     text[TIME_TEXT_MAX + NUMBER_TEXT_MAX];
    uint32_t n;
    if (!column_is_valid(c, row))
        return false;
    switch ((int)c->type->kind) {
    case TYPE_STRING: {
        const uint8_t *bytes = column_bytes(c, row, &n);
        buf_put(out, bytes, n);
        return n > 0;
    }
    case TYPE_BOOLEAN:
        buf_puts(out, column_u8(c)[row] ? "true" : "false");
        return true;
    case TYPE_DATE:
        date_print(column_i32(c)[row], text);
        break;
    case TYPE_TIMESTAMP: {
        int64_t us = column_i64(c)[row];
        timestamp_print_iso_ms(us, text);
        snprintf(text + strlen(text) - 5, 16, ".%06dZ", (int)floor_mod(us, US_PER_SECOND));
        break;
    }
    case TYPE_FLOAT:
        float_print(((const float *)c->values)[row], text);
        break;
    case TYPE_DOUBLE:
        double_print(column_f64(c)[row], text);
        break;
    case TYPE_TINYINT:
        integer_print(((const int8_t *)c->values)[row], text);
        break;
    case TYPE_SMALLINT:
        integer_print(((const int16_t *)c->values)[row], text);
        break;
    case TYPE_INT:
        integer_print(column_i32(c)[row], text);
        break;
    default:
        integer_print(column_i64(c)[row], text);
        break;
    }
    buf_puts(out, text);
    return true;
}

static bool is_plain(const struct buf *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", text->data[i]))
            return false;
    return text->size > 0;
}

/* Values as a JSON object, and a Hive folder when every name and value is plain (readers take values from the log). */
static void describe_partition(const struct delta_sink *s, const struct batch *b, uint32_t row, struct buf *values,
                               struct buf *folder)
{
    struct json_writer w;
    struct buf         text;
    bool               plain = true;
    buf_init(&text, TAG_SINK, 1 << 20);
    buf_clear(values);
    buf_clear(folder);
    json_writer_init(&w, values);
    json_begin_object(&w);
    for (int i = 0; i < s->spec.n_partition_by; i++) {
        buf_clear(&text);
        bool there = partition_value(b->columns[s->partition_columns[i]], row, &text);
        json_key(&w, s->spec.partition_by[i]);
        if (there)
            json_put_string_n(&w, text.data, text.size);
        else
            json_put_null(&w);
        plain = plain && there && is_plain(&text);
        if (plain)
            buf_printf(folder, "%s=%.*s/", s->spec.partition_by[i], (int)text.size, (char *)text.data);
    }
    json_end_object(&w);
    if (!plain)
        buf_clear(folder);
    buf_fini(&text);
}

static enum err open_part(struct delta_sink *s, const char *values, const char *folder, struct part **out, struct error *e)
{
    if (s->n_parts == SINK_PARTITIONS_MAX)
        return err_set(e, ERR_LIMIT, "%s: more than %d partitions in one epoch", s->spec.location, SINK_PARTITIONS_MAX);
    struct part *p = mem_zalloc(TAG_SINK, sizeof *p);
    if (p) {
        p->next = s->parts;
        s->parts = p;
        s->n_parts++;
        p->values = mem_strdup(TAG_SINK, values);
        p->folder = mem_strdup(TAG_SINK, folder);
    }
    if (!p || !p->values || !p->folder)
        return err_set(e, ERR_NO_MEMORY, "partition of %s", s->spec.location);
    *out = p;
    return parquet_writer_new(s->file_schema, s->spec.codec, &p->writer, e);
}

static enum err find_part(struct delta_sink *s, const char *values, const char *folder, struct part **out, struct error *e)
{
    for (struct part *p = s->parts; p; p = p->next)
        if (strcmp(p->values, values) == 0) {
            *out = p;
            return OK;
        }
    return open_part(s, values, folder, out, e);
}

static void free_parts(struct delta_sink *s)
{
    while (s->parts) {
        struct part *next = s->parts->next;
        parquet_writer_free(s->parts->writer);
        mem_free(s->parts->values);
        mem_free(s->parts->folder);
        mem_free(s->parts);
        s->parts = next;
    }
    s->n_parts = 0;
}

/* ---- files ---- */

static void free_cut(struct sink_cut *cut)
{
    while (cut && cut->files) {
        struct file *next = cut->files->next;
        buf_fini(&cut->files->bytes);
        mem_free(cut->files->values);
        mem_free(cut->files->folder);
        mem_free(cut->files->stats);
        mem_free(cut->files);
        cut->files = next;
    }
    mem_free(cut);
}

static enum err finish_file(struct delta_sink *s, struct part *p, struct error *e)
{
    struct buf   stats;
    struct file *f = mem_zalloc(TAG_SINK, sizeof *f);
    if (!s->cut)
        s->cut = mem_zalloc(TAG_SINK, sizeof *s->cut);
    if (!f || !s->cut) {
        mem_free(f);
        return err_set(e, ERR_NO_MEMORY, "file of %s", s->spec.location);
    }
    buf_init(&stats, TAG_SINK, 1 << 24);
    buf_init(&f->bytes, TAG_SINK, PARQUET_FILE_MAX);
    f->next = s->cut->files;
    s->cut->files = f;
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
    s->cut->n_files++;
    s->cut->n_rows += f->n_rows;
    buf_fini(&stats);
    return rc;
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

/* Rows of one partition at a time: those like the first row not yet written. */
static enum err write_partitioned(struct delta_sink *s, const struct batch *b, const struct batch *files, struct error *e)
{
    struct buf   values, folder;
    uint32_t    *rows = mem_alloc(TAG_SINK, (b->n_rows + 1) * sizeof *rows);
    struct part **part = mem_zalloc(TAG_SINK, (b->n_rows + 1) * sizeof *part);
    enum err     rc = rows && part ? OK : err_set(e, ERR_NO_MEMORY, "partitions of %s", s->spec.location);
    buf_init(&values, TAG_SINK, 1 << 20);
    buf_init(&folder, TAG_SINK, 1 << 20);
    for (uint32_t i = 0; rc == OK && i < b->n_rows; i++) {
        describe_partition(s, b, i, &values, &folder);
        if ((rc = buf_check(&values, "a partition value", e)) == OK)
            rc = find_part(s, buf_text(&values), buf_text(&folder), &part[i], e);
    }
    for (uint32_t i = 0; rc == OK && i < b->n_rows; i++) {
        struct part *p = part[i];
        uint32_t     n = 0;
        if (!p)
            continue;
        for (uint32_t k = i; k < b->n_rows; k++)
            if (part[k] == p) {
                rows[n++] = k;
                part[k] = NULL;
            }
        struct batch *some = batch_take(files, rows, n);
        rc = some ? add_rows(s, p, some, e) : err_set(e, ERR_NO_MEMORY, "partitions of %s", s->spec.location);
        batch_free(some);
    }
    buf_fini(&values);
    buf_fini(&folder);
    mem_free(rows);
    mem_free(part);
    return rc;
}

static enum err sink_write(struct sink *base, const struct batch *b, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    struct part       *p;
    if (b->n_rows == 0)
        return OK;
    if (s->spec.n_partition_by == 0) {
        TRY(find_part(s, "{}", "", &p, e));
        return add_rows(s, p, b, e);
    }
    struct batch *files = file_batch(s, b);
    enum err      rc = files ? write_partitioned(s, b, files, e) : err_set(e, ERR_NO_MEMORY, "rows of %s", s->spec.location);
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
    json_key(&w, "path");
    json_put_string(&w, key);
    json_key(&w, "partitionValues");
    json_put_raw(&w, f->values);
    json_key(&w, "size");
    json_put_int(&w, (int64_t)f->bytes.size);
    json_key(&w, "modificationTime");
    json_put_int(&w, now_ms);
    json_key(&w, "dataChange");
    json_put_bool(&w, true);
    json_key(&w, "stats");
    json_put_string(&w, f->stats);
    json_end_object(&w);
    json_end_object(&w);
    buf_u8(out, '\n');
}

static enum err store_files(struct delta_sink *s, const struct sink_cut *cut, struct buf *adds, int64_t *n_bytes,
                            struct error *e)
{
    char key[1024], id[37];
    int  i = 0;
    for (const struct file *f = cut->files; f; f = f->next, i++) {
        uuid_v4(id);
        snprintf(key, sizeof key, "%spart-%05d-%s-c000%s.parquet", f->folder, i, id, codec_name(s->spec.codec));
        TRY(s->store->ops->put(s->store, key, f->bytes.data, f->bytes.size, e));
        put_add(f, key, clock_wall_us() / 1000, adds);
        *n_bytes += (int64_t)f->bytes.size;
    }
    return buf_check(adds, "a list of files", e);
}

static enum err sink_prepare(struct sink *base, struct sink_cut *take, struct buf *receipt, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    struct json_writer w;
    struct buf         adds;
    int64_t            n_bytes = 0;
    enum err           rc = failpoint("sink.prepare.before", e);
    buf_init(&adds, TAG_SINK, RECEIPT_MAX);
    if (rc == OK && take)
        rc = store_files(s, take, &adds, &n_bytes, e);
    if (rc == OK)
        rc = failpoint("sink.prepare.after_put", e);
    if (rc == OK) {
        json_writer_init(&w, receipt);
        json_begin_object(&w);
        json_key(&w, "location");
        json_put_string(&w, s->spec.location);
        json_key(&w, "files");
        json_put_int(&w, take ? take->n_files : 0);
        json_key(&w, "rows");
        json_put_int(&w, take ? take->n_rows : 0);
        json_key(&w, "bytes");
        json_put_int(&w, n_bytes);
        json_key(&w, "adds");
        json_put_string(&w, buf_text(&adds));
        json_end_object(&w);
        rc = buf_check(receipt, "a receipt", e);
    }
    buf_fini(&adds);
    free_cut(take);
    return rc == OK ? OK : err_wrap(e, rc, "%s", s->spec.location);
}

static enum err commit_receipt(struct delta_sink *s, const struct json_value *r, const struct sink_commit *c,
                               int64_t *version, struct error *e)
{
    const char *adds = json_get_string(r, "adds");
    struct delta_commit commit = {.app_id = c->app_id, .epoch = c->epoch, .nonce = c->nonce, .adds = adds ? adds : "",
                                  .n_files = json_get_int(r, "files", 0), .n_rows = json_get_int(r, "rows", 0),
                                  .n_bytes = json_get_int(r, "bytes", 0), .info = c->info, .now_ms = c->now_ms,
                                  .query_id = c->query_id, .create = c->create, .schema = s->spec.schema,
                                  .partition_by = s->spec.partition_by, .n_partition_by = s->spec.n_partition_by,
                                  .properties = s->spec.properties, .n_properties = s->spec.n_properties,
                                  .comment = s->spec.comment};
    TRY(failpoint("sink.commit.before", e));
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
    struct buf         bytes;
    TRY(json_doc_parse(line, n, &doc, e));
    const char *path = json_get_string(json_get(doc, "add"), "path");
    buf_init(&bytes, TAG_SINK, PARQUET_FILE_MAX);
    enum err rc = s->store->ops->get(s->store, path ? path : "", &bytes, e);
    buf_fini(&bytes);
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
    (void)base;
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
    arena_fini(&s->arena);
    mem_free(s);
}

static const struct sink_ops ops = {.write = sink_write, .cut = sink_cut_files, .prepare = sink_prepare,
                                    .commit = sink_commit_epoch, .check = sink_check, .drop = sink_drop, .free = sink_free};

/* ---- making ---- */

static bool is_partition(const struct delta_sink_spec *spec, const char *name)
{
    for (int i = 0; i < spec->n_partition_by; i++)
        if (strcasecmp(spec->partition_by[i], name) == 0)
            return true;
    return false;
}

static enum err split_schema(struct delta_sink *s, struct error *e)
{
    const struct type *all = s->spec.schema;
    struct field      *fields = arena_alloc(&s->arena, (all->n_fields + 1u) * sizeof *fields);
    int                n = 0;
    s->file_columns = arena_alloc(&s->arena, (all->n_fields + 1u) * sizeof *s->file_columns);
    s->partition_columns = arena_alloc(&s->arena, ((size_t)s->spec.n_partition_by + 1) * sizeof *s->partition_columns);
    if (!fields || !s->file_columns || !s->partition_columns)
        return err_set(e, ERR_NO_MEMORY, "sink %s", s->spec.location);
    for (int i = 0; i < all->n_fields; i++)
        if (!is_partition(&s->spec, all->fields[i].name)) {
            s->file_columns[n] = i;
            fields[n++] = all->fields[i];
        }
    for (int i = 0; i < s->spec.n_partition_by; i++)
        s->partition_columns[i] = type_field_index(all, s->spec.partition_by[i]);
    s->file_schema = s->spec.n_partition_by ? type_struct(&s->arena, fields, (size_t)n) : all;
    return s->file_schema ? OK : err_set(e, ERR_NO_MEMORY, "sink %s", s->spec.location);
}

enum err delta_sink_new(const struct delta_sink_spec *spec, struct sink **out, struct error *e)
{
    struct delta_sink *s = mem_zalloc(TAG_SINK, sizeof *s);
    *out = NULL;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "sink %s", spec->location);
    s->base = (struct sink){.ops = &ops, .schema = spec->schema};
    s->spec = *spec;
    arena_init(&s->arena, TAG_SINK, 1 << 20);
    enum err rc = split_schema(s, e);
    if (rc == OK)
        rc = store_local_new(spec->location, &s->store, e);
    if (rc != OK) {
        sink_free(&s->base);
        return rc;
    }
    *out = &s->base;
    return OK;
}

enum err delta_sink_open(struct sink *base, struct error *e)
{
    struct delta_sink *s = (struct delta_sink *)base;
    char               key[64], id[37];
    delta_table_close(s->table);
    s->table = NULL;
    enum err rc = delta_table_open(s->store, &s->table, e);
    if (rc == OK)
        rc = delta_table_check(s->table, s->spec.schema, s->spec.partition_by, s->spec.n_partition_by, e);
    uuid_v4(id);
    snprintf(key, sizeof key, "_delta_log/.probe.%.8s.tmp", id);
    if (rc == OK)
        rc = s->store->ops->put(s->store, key, "", 0, e);
    if (rc == OK)
        rc = s->store->ops->remove(s->store, key, e);
    return rc == OK ? OK : err_wrap(e, rc, "table %s", s->spec.location);
}

struct delta_table *delta_sink_table(struct sink *base) { return ((struct delta_sink *)base)->table; }
