/* SPDX-License-Identifier: MIT */
#include "decode/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "csv/csv.h"
#include "text/utf8.h"
#include "json/record.h"

#define ROWS_PER_BATCH 8192
#define COLUMNS_MAX 1024

struct files_table {
    struct table      base;
    struct files_spec spec;
};

/* One scan. */
struct scan {
    const struct files_spec *spec;
    struct builder           rows; /* STRUCT */
    struct json_reader      *json;
    enum err (*each)(void *, struct batch *, struct error *);
    void       *arg;
    size_t      bytes_left;
    const char *file;
    int         order[COLUMNS_MAX]; /* CSV: file column -> schema column, -1 unused */
    int         n_order;
};

/* ---- batches out ---- */

static enum err flush(struct scan *s, struct error *e)
{
    struct column *rows;
    if (s->rows.n_rows == 0 && !s->rows.failed)
        return OK;
    TRY(builder_finish(&s->rows, &rows, e));
    struct column *columns[COLUMNS_MAX];
    for (int i = 0; i < s->spec->schema->n_fields; i++)
        columns[i] = column_ref(rows->children[i]);
    struct batch *b = batch_new(s->spec->schema, rows->n_rows, columns, NULL, NULL);
    column_free(rows);
    return b ? s->each(s->arg, b, e) : err_set(e, ERR_NO_MEMORY, "rows of %s", s->file);
}

/* ---- CSV ---- */

static struct csv_format format_of(const struct scan *s)
{
    struct csv_format format = CSV_FORMAT_DEFAULT;
    format.separator = (uint8_t)s->spec->separator;
    format.lines = true;
    return format;
}

/* An empty field is NULL, quoted or not; so is one that cannot be converted. */
static void put_field(struct builder *b, const struct buf *field)
{
    if (field->size == 0 || !csv_value(b, field->data, field->size))
        builder_null(b);
}

static void repair(struct buf *field, struct buf *copy)
{
    if (field->size == 0 || utf8_is_valid(field->data, field->size))
        return;
    buf_clear(copy);
    utf8_repair(field->data, field->size, copy);
    buf_clear(field);
    buf_put(field, copy->data, copy->size);
    field->failed = field->failed || copy->failed;
}

static enum err csv_header(struct scan *s, const uint8_t **p, const uint8_t *end, struct buf *field, struct error *e)
{
    struct csv_format format = format_of(s);
    bool              quoted;
    s->n_order = 0;
    while (*p < end) {
        *p = csv_field(*p, end, format, field, &quoted);
        TRY(buf_check(field, s->file, e));
        if (s->n_order < COLUMNS_MAX)
            s->order[s->n_order++] = type_field_index(s->spec->schema, buf_text(field));
        if (*p == end || *(*p)++ == '\n')
            break;
    }
    for (int c = 0; c < s->spec->schema->n_fields; c++) {
        bool found = false;
        for (int i = 0; i < s->n_order; i++)
            found = found || s->order[i] == c;
        if (!found)
            return err_set(e, ERR_INVALID, "%s has no column \"%s\" in its header", s->file,
                           s->spec->schema->fields[c].name);
    }
    return OK;
}

static enum err csv_rows(struct scan *s, const uint8_t *p, const uint8_t *end, struct buf *field, struct buf *copy,
                         struct error *e)
{
    struct csv_format format = format_of(s);
    bool              quoted;
    while (p < end) {
        bool filled[COLUMNS_MAX] = {false};
        if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')) { /* a blank line is no row */
            p += *p == '\r' ? 2 : 1;
            continue;
        }
        for (int i = 0;; i++) {
            p = csv_field(p, end, format, field, &quoted);
            int c = i < s->n_order ? s->order[i] : -1;
            if (c >= 0 && !filled[c]) {
                repair(field, copy);
                TRY(buf_check(field, s->file, e));
                put_field(&s->rows.children[c], field);
                filled[c] = true;
            }
            if (p == end || *p++ == '\n')
                break;
        }
        for (int c = 0; c < s->spec->schema->n_fields; c++)
            if (!filled[c])
                builder_null(&s->rows.children[c]);
        builder_struct(&s->rows, true);
        if (s->rows.n_rows >= ROWS_PER_BATCH)
            TRY(flush(s, e));
    }
    return OK;
}

static enum err read_csv(struct scan *s, const struct buf *text, struct error *e)
{
    struct buf     field, copy;
    const uint8_t *p = text->data, *end = text->data + text->size;
    enum err       rc = OK;
    buf_init(&field, TAG_JOIN, FILES_BYTES_MAX);
    buf_init(&copy, TAG_JOIN, FILES_BYTES_MAX);
    if (text->size >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    s->n_order = s->spec->schema->n_fields;
    for (int i = 0; i < s->n_order; i++)
        s->order[i] = i;
    if (s->spec->header)
        rc = csv_header(s, &p, end, &field, e);
    if (rc == OK)
        rc = csv_rows(s, p, end, &field, &copy, e);
    buf_fini(&field);
    buf_fini(&copy);
    return rc;
}

/* ---- NDJSON ---- */

static enum err read_json(struct scan *s, const struct buf *text, struct error *e)
{
    const uint8_t *p = text->data, *end = text->data + text->size;
    while (p < end) {
        const uint8_t      *line = p;
        struct json_verdict v;
        while (p < end && *p != '\n')
            p++;
        size_t n = (size_t)(p - line);
        p += p < end;
        bool blank = true;
        for (size_t i = 0; i < n; i++)
            blank = blank && line[i] <= 0x20;
        if (blank)
            continue;
        TRY(json_reader_read(s->json, line, n, 0, 0, &s->rows, &v, e));
        if (s->rows.n_rows >= ROWS_PER_BATCH)
            TRY(flush(s, e));
    }
    return OK;
}

/* ---- files ---- */

static enum err load(struct scan *s, const char *path, struct buf *out, struct error *e)
{
    enum err rc = buf_read_file(out, path, e);
    if (rc == OK && out->size > s->bytes_left)
        rc = err_set(e, ERR_LIMIT, "%s: a static table takes at most %zu bytes", path, FILES_BYTES_MAX);
    s->bytes_left -= out->size;
    return rc;
}

static enum err read_one(struct scan *s, const char *path, struct error *e)
{
    struct buf text;
    buf_init(&text, TAG_JOIN, FILES_BYTES_MAX);
    s->file = path;
    enum err rc = load(s, path, &text, e);
    if (rc == OK && text.size)
        rc = s->spec->json ? read_json(s, &text, e) : read_csv(s, &text, e);
    buf_fini(&text);
    return rc;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The files of a folder, in order of name; hidden ones left out, as Spark does. */
static enum err read_folder(struct scan *s, struct error *e)
{
    char         path[4096], **names = NULL;
    size_t       n = 0;
    enum err     rc = OK;
    struct arena a;
    DIR         *folder = opendir(s->spec->path);
    if (!folder)
        return err_errno(e, errno, "open %s", s->spec->path);
    arena_init(&a, TAG_JOIN, (size_t)64 << 20);
    for (struct dirent *d; rc == OK && (d = readdir(folder));) {
        char **more = mem_realloc(TAG_JOIN, names, (n + 1) * sizeof *more);
        names = more ? more : names;
        if (d->d_name[0] == '.' || d->d_name[0] == '_')
            continue;
        if (!more || !(names[n++] = arena_strdup(&a, d->d_name)))
            rc = err_set(e, ERR_NO_MEMORY, "list %s", s->spec->path);
    }
    closedir(folder);
    if (n && rc == OK)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; rc == OK && i < n; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", s->spec->path, names[i]);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            rc = read_one(s, path, e);
    }
    mem_free(names);
    arena_fini(&a);
    return rc;
}

static enum err scan(struct table *base, enum err (*each)(void *, struct batch *, struct error *), void *arg,
                     struct error *e)
{
    struct files_table *t = (struct files_table *)base;
    struct scan         s = {.spec = &t->spec, .each = each, .arg = arg, .bytes_left = FILES_BYTES_MAX};
    struct stat         st;
    if (stat(t->spec.path, &st) != 0)
        return err_errno(e, errno, "open %s", t->spec.path);
    TRY(builder_init(&s.rows, t->spec.schema, e));
    enum err rc = t->spec.json ? json_reader_new(t->spec.schema, &s.json, e) : OK;
    if (rc == OK)
        rc = S_ISDIR(st.st_mode) ? read_folder(&s, e) : read_one(&s, t->spec.path, e);
    if (rc == OK)
        rc = flush(&s, e);
    json_reader_free(s.json);
    builder_fini(&s.rows);
    return rc;
}

static void table_free(struct table *base) { mem_free(base); }

static const struct table_ops ops = {.scan = scan, .free = table_free};

enum err files_table_new(const struct files_spec *spec, struct table **out, struct error *e)
{
    *out = NULL;
    if (spec->schema->n_fields > COLUMNS_MAX)
        return err_set(e, ERR_LIMIT, "a file takes at most %d columns", COLUMNS_MAX);
    struct files_table *t = mem_zalloc(TAG_JOIN, sizeof *t);
    if (!t)
        return err_set(e, ERR_NO_MEMORY, "file table");
    t->base = (struct table){.ops = &ops, .schema = spec->schema};
    t->spec = *spec;
    *out = &t->base;
    return OK;
}
