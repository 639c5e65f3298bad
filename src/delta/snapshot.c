/* SPDX-License-Identifier: MIT */
#include "delta/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/keys.h"
#include "delta/replay.h"
#include "parquet/reader.h"
#include "text/decimal.h"
#include "text/number.h"
#include "text/time.h"
#include "json/doc.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define ARENA_MAX ((size_t)1 << 30)

struct table_snapshot {
    struct store            *store;
    struct arena             arena;    /* texts */
    struct snapshot_version *versions; /* from version `first` on */
    int64_t                  first, n_versions, versions_capacity;
    int64_t                  created_ms, checkpoint;
    int64_t                  n_openings;
    int64_t                  reader_version;  /* that the newest protocol asks for */
    bool                     files_are_known; /* of the commit being read: they are in the checkpoint */
    struct snapshot_file    *files;
    int64_t                  n_files, files_capacity;
    struct keys              paths; /* of files, with their numbers */
    const struct type       *schema;
    struct error             schema_error; /* why schema is NULL */
    const char             **partition_by;
    int                      n_partition_by;
};

enum err table_snapshot_new(struct store *store, struct table_snapshot **out, struct error *e)
{
    struct table_snapshot *s = mem_zalloc(TAG_WEB, sizeof *s);
    *out = s;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "table snapshot");
    s->store = store;
    s->checkpoint = -1;
    arena_init(&s->arena, TAG_WEB, ARENA_MAX);
    keys_init(&s->paths, TAG_WEB);
    return OK;
}

void table_snapshot_free(struct table_snapshot *s)
{
    if (!s)
        return;
    mem_free(s->versions);
    mem_free(s->files);
    keys_fini(&s->paths);
    arena_fini(&s->arena);
    mem_free(s);
}

/* ---- files by path ---- */

static bool make_room(struct table_snapshot *s)
{
    if (s->n_files < s->files_capacity)
        return true;
    int64_t more = s->files_capacity ? 2 * s->files_capacity : 64;
    void   *files = mem_realloc(TAG_WEB, s->files, (size_t)more * sizeof *s->files);
    if (!files)
        return false;
    s->files = files;
    s->files_capacity = more;
    return true;
}

static const char *dumped(struct arena *a, const struct json_value *v)
{
    struct buf text;
    buf_init(&text, TAG_WEB, COMMIT_BYTES_MAX);
    if (v)
        json_dump(v, &text);
    const char *copy = arena_strdup(a, v ? buf_text(&text) : "{}");
    buf_fini(&text);
    return copy;
}

static int64_t rows_of(const struct json_value *add)
{
    const char        *stats = json_get_string(add, "stats");
    struct json_value *doc = NULL;
    int64_t            rows = -1;
    if (stats && json_doc_parse(stats, strlen(stats), &doc, NULL) == OK)
        rows = json_get_int(doc, "numRecords", -1);
    json_doc_free(doc);
    return rows;
}

static enum err add_file(struct table_snapshot *s, const struct json_value *add, struct snapshot_version *v,
                         struct error *e)
{
    const char *path = json_get_string(add, "path");
    if (!path || s->n_files >= SNAPSHOT_FILES_MAX)
        return path ? err_set(e, ERR_LIMIT, "the table has more than %d files", SNAPSHOT_FILES_MAX)
                    : err_set(e, ERR_CORRUPT, "an add action without a path");
    struct snapshot_file f = {.path = path_decoded(&s->arena, path),
                              .partition = dumped(&s->arena, json_get(add, "partitionValues")),
                              .bytes = json_get_int(add, "size", 0),
                              .rows = rows_of(add),
                              .added = v->version,
                              .removed = -1};
    v->files++;
    v->bytes += f.bytes;
    v->rows += f.rows > 0 ? f.rows : 0;
    if (s->files_are_known)
        return OK;
    if (!f.path || !f.partition || !make_room(s) || !keys_add(&s->paths, f.path))
        return err_set(e, ERR_NO_MEMORY, "table snapshot");
    s->files[s->n_files++] = f;
    return OK;
}

static void remove_file(struct table_snapshot *s, const struct json_value *remove, struct snapshot_version *v)
{
    const char *path = json_get_string(remove, "path"), *key = path ? path_decoded(&s->arena, path) : NULL;
    int64_t     at = key ? keys_find(&s->paths, key) : -1;
    if (s->files_are_known) {
        v->removed_files++;
    } else if (at >= 0 && s->files[at].removed < 0) {
        s->files[at].removed = v->version;
        v->removed_files++;
    }
}

/* ---- schema ---- */

static const struct type *parse_type(struct arena *a, const struct json_value *v, struct error *e);

static const struct type *parse_struct(struct arena *a, const struct json_value *fields, struct error *e)
{
    size_t        n = json_size(fields);
    struct field *out = arena_zalloc(a, (n + 1) * sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        const struct json_value *f = json_at(fields, i);
        const char              *name = json_get_string(f, "name");
        out[i] =
            (struct field){.name = name ? name : "", .type = parse_type(a, json_get(f, "type"), e), .nullable = true};
        if (!out[i].type)
            return NULL;
    }
    return out ? type_struct(a, out, n) : NULL;
}

static const struct type *parse_name(const char *name, struct error *e)
{
    static const char *const names[] = {
#define DELTA_NAME(kind, sql, delta, width) delta,
        TYPE_KINDS(DELTA_NAME)
#undef DELTA_NAME
    };
    int precision, scale;
    if (sscanf(name, "decimal(%d,%d)", &precision, &scale) == 2 && precision >= 1 && precision <= 38 && scale >= 0 &&
        scale <= precision)
        return type_decimal(precision, scale);
    for (int i = 0; i < TYPE_N_KINDS; i++)
        if (strcmp(names[i], name) == 0 && i != TYPE_DECIMAL && i != TYPE_STRUCT && i != TYPE_ARRAY && i != TYPE_MAP)
            return type_of((enum type_kind)i);
    err_set(e, ERR_UNSUPPORTED, "columns of type %.60s are not known", name);
    return NULL;
}

static const struct type *parse_type(struct arena *a, const struct json_value *v, struct error *e)
{
    const char *name = json_as_string(v), *type = json_get_string(v, "type");
    if (name)
        return parse_name(name, e);
    if (type && strcmp(type, "struct") == 0)
        return parse_struct(a, json_get(v, "fields"), e);
    if (type && strcmp(type, "array") == 0) {
        const struct type *element = parse_type(a, json_get(v, "elementType"), e);
        return element ? type_array(a, element, true) : NULL;
    }
    if (type && strcmp(type, "map") == 0) {
        const struct type *key = parse_type(a, json_get(v, "keyType"), e);
        const struct type *value = key ? parse_type(a, json_get(v, "valueType"), e) : NULL;
        return value ? type_map(a, key, value, true) : NULL;
    }
    err_set(e, ERR_UNSUPPORTED, "a column's type is not known");
    return NULL;
}

static void take_metadata(struct table_snapshot *s, const struct json_value *m)
{
    const char              *text = json_get_string(m, "schemaString");
    const struct json_value *by = json_get(m, "partitionColumns");
    struct json_value       *doc = NULL;
    s->schema = NULL;
    s->created_ms = json_get_int(m, "createdTime", 0);
    if (!text || json_doc_parse(text, strlen(text), &doc, &s->schema_error) != OK)
        err_set(&s->schema_error, ERR_CORRUPT, "the table's schema cannot be read");
    else
        s->schema = parse_struct(&s->arena, json_get(doc, "fields"), &s->schema_error);
    json_doc_free(doc);
    s->n_partition_by = 0;
    s->partition_by = arena_zalloc(&s->arena, (json_size(by) + 1) * sizeof *s->partition_by);
    for (size_t i = 0; s->partition_by && i < json_size(by); i++) {
        const char *name = json_as_string(json_at(by, i));
        s->partition_by[s->n_partition_by++] = arena_strdup(&s->arena, name ? name : "");
    }
}

/* ---- commits ---- */

static void take_info(struct table_snapshot *s, const struct json_value *info, struct snapshot_version *v)
{
    const struct json_value *m = json_get(info, "millrace");
    const char              *operation = json_get_string(info, "operation");
    v->timestamp_ms = json_get_int(info, "timestamp", 0);
    v->operation = arena_strdup(&s->arena, operation ? operation : "");
    v->epoch = m ? json_get_int(m, "epoch", -1) : -1;
}

/* "millrace/<query>/<generation>" */
static void take_txn(struct table_snapshot *s, const struct json_value *txn, struct snapshot_version *v)
{
    const char *id = json_get_string(txn, "appId");
    if (!id || strncmp(id, "millrace/", 9) != 0 || !strchr(id + 9, '/'))
        return;
    v->query = arena_strndup(&s->arena, id + 9, (size_t)(strrchr(id, '/') - id) - 9);
}

struct taking {
    struct table_snapshot  *s;
    struct snapshot_version v;
};

static enum err take_action(struct table_snapshot *s, const struct json_value *doc, struct snapshot_version *v,
                            struct error *e)
{
    if (json_get(doc, "add"))
        return add_file(s, json_get(doc, "add"), v, e);
    if (json_get(doc, "remove"))
        remove_file(s, json_get(doc, "remove"), v);
    else if (json_get(doc, "metaData"))
        take_metadata(s, json_get(doc, "metaData"));
    else if (json_get(doc, "protocol"))
        s->reader_version = json_get_int(json_get(doc, "protocol"), "minReaderVersion", 0);
    else if (json_get(doc, "commitInfo"))
        take_info(s, json_get(doc, "commitInfo"), v);
    else if (json_get(doc, "txn"))
        take_txn(s, json_get(doc, "txn"), v);
    return OK;
}

static enum err take_line(void *arg, const uint8_t *line, size_t n, struct error *e)
{
    struct taking     *t = arg;
    struct json_value *doc = NULL;
    TRY(json_doc_parse((const char *)line, n, &doc, e));
    enum err rc = take_action(t->s, doc, &t->v, e);
    json_doc_free(doc);
    return rc;
}

static void forget(struct table_snapshot *s)
{
    arena_reset(&s->arena);
    keys_fini(&s->paths);
    s->n_files = s->n_versions = s->first = s->created_ms = s->reader_version = 0;
    s->checkpoint = -1;
    s->schema = NULL;
    s->schema_error.code = OK;
    s->n_partition_by = 0;
}

static void forget_taken(void *arg) { forget(((struct taking *)arg)->s); }

static struct taker taker_of(struct taking *t)
{
    return (struct taker){.line = take_line, .forget = forget_taken, .arg = t, .files = true, .tag = TAG_WEB};
}

static struct snapshot_version nothing_of(int64_t version)
{
    return (struct snapshot_version){.version = version, .epoch = -1, .operation = "", .query = ""};
}

static enum err push_version(struct table_snapshot *s, const struct snapshot_version *v, struct error *e)
{
    if (s->n_versions == s->versions_capacity) {
        int64_t more = s->versions_capacity ? 2 * s->versions_capacity : 64;
        void   *versions = mem_realloc(TAG_WEB, s->versions, (size_t)more * sizeof *s->versions);
        if (!versions)
            return err_set(e, ERR_NO_MEMORY, "table snapshot");
        s->versions = versions;
        s->versions_capacity = more;
    }
    s->versions[s->n_versions++] = *v;
    return OK;
}

/* Versions after those that are known. */
static enum err take_commits(struct table_snapshot *s, struct error *e)
{
    struct buf bytes;
    enum err   rc = OK;
    buf_init(&bytes, TAG_WEB, COMMIT_BYTES_MAX);
    while (rc == OK) {
        struct taking one = {.s = s, .v = nothing_of(s->first + s->n_versions)};
        struct taker  t = taker_of(&one);
        rc = replay_commit(s->store, one.v.version, &bytes, &t, e);
        if (rc == OK)
            rc = push_version(s, &one.v, e);
    }
    buf_fini(&bytes);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

/* What the commit of the checkpoint's version said of itself, when it is still there. */
static enum err take_commit_of_checkpoint(struct table_snapshot *s, struct error *e)
{
    struct taking one = {.s = s, .v = nothing_of(s->first)};
    struct taker  t = taker_of(&one);
    struct buf    bytes;
    buf_init(&bytes, TAG_WEB, COMMIT_BYTES_MAX);
    s->files_are_known = true;
    enum err rc = replay_commit(s->store, s->first, &bytes, &t, e);
    s->files_are_known = false;
    buf_fini(&bytes);
    if (rc != OK && rc != ERR_NOT_FOUND)
        return rc;
    return push_version(s, &one.v, e);
}

static enum err take_log(struct table_snapshot *s, int64_t behind, struct replay_start *start, struct error *e)
{
    struct taking all = {.s = s};
    struct taker  t = taker_of(&all);
    forget(s);
    TRY(replay_start(s->store, behind, &t, start, e));
    s->first = start->version < 0 ? 0 : start->version;
    s->n_openings++;
    if (start->version >= 0)
        TRY(take_commit_of_checkpoint(s, e));
    return take_commits(s, e);
}

/* For the first time, or once more. */
static enum err open_log(struct table_snapshot *s, struct error *e)
{
    struct replay_start start;
    TRY(take_log(s, SNAPSHOT_HISTORY, &start, e));
    if (table_snapshot_version(s) < start.highest) /* what was there between an older checkpoint and now is gone */
        TRY(take_log(s, 0, &start, e));
    if (start.empty)
        return err_set(e, ERR_NOT_FOUND, "the table has no version yet");
    if (table_snapshot_version(s) < start.highest)
        return err_set(e, ERR_CORRUPT, "version %" PRId64 " of the table is missing, and version %" PRId64 " is there",
                       table_snapshot_version(s) + 1, start.highest);
    return OK;
}

enum err table_snapshot_refresh(struct table_snapshot *s, struct error *e)
{
    char     key[64];
    int64_t  size;
    enum err rc = ERR_NOT_FOUND;
    if (s->n_versions) {
        replay_commit_key(table_snapshot_version(s), key);
        rc = s->store->ops->head(s->store, key, &size, e);
    }
    rc = rc == ERR_NOT_FOUND ? open_log(s, e) : rc == OK ? take_commits(s, e) : rc;
    if (rc != OK) {
        forget(s); /* half a commit may be in it */
        return rc;
    }
    int64_t checkpoint = replay_last_checkpoint(s->store);
    s->checkpoint = checkpoint <= table_snapshot_version(s) ? checkpoint : -1;
    return OK;
}

/* ---- reading ---- */

int64_t table_snapshot_version(const struct table_snapshot *s) { return s->first + s->n_versions - 1; }
int64_t table_snapshot_checkpoint(const struct table_snapshot *s) { return s->checkpoint; }
int64_t table_snapshot_first(const struct table_snapshot *s) { return s->first; }
int64_t table_snapshot_openings(const struct table_snapshot *s) { return s->n_openings; }
int64_t table_snapshot_created_ms(const struct table_snapshot *s) { return s->created_ms; }

const struct snapshot_version *table_snapshot_at(const struct table_snapshot *s, int64_t version)
{
    return version >= s->first && version - s->first < s->n_versions ? &s->versions[version - s->first] : NULL;
}

int64_t table_snapshot_n_files(const struct table_snapshot *s) { return s->n_files; }

const struct snapshot_file *table_snapshot_file(const struct table_snapshot *s, int64_t i) { return &s->files[i]; }

bool snapshot_file_is_in(const struct snapshot_file *f, int64_t version)
{
    return f->added <= version && (f->removed < 0 || f->removed > version);
}

enum err table_snapshot_schema(const struct table_snapshot *s, const struct type **out, struct error *e)
{
    *out = s->schema;
    if (s->schema)
        return OK;
    return err_set(e, s->schema_error.code != OK ? s->schema_error.code : ERR_NOT_FOUND, "%s",
                   s->schema_error.code != OK ? s->schema_error.text : "the table has no schema");
}

int         table_snapshot_n_partition_columns(const struct table_snapshot *s) { return s->n_partition_by; }
const char *table_snapshot_partition_column(const struct table_snapshot *s, int i) { return s->partition_by[i]; }

/* ---- rows ---- */

/* A partition value (protocol: "Partition Value Serialization") once. */
static bool put_partition_value(struct builder *b, const char *text)
{
    int32_t days;
    int64_t us, v = text ? strtoll(text, NULL, 10) : 0;
    size_t  n = text ? strlen(text) : 0;
    int128  d;
    switch ((int)b->type->kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        builder_bytes(b, text, n);
        return true;
    case TYPE_BOOLEAN:
        builder_boolean(b, strcmp(text, "true") == 0);
        return true;
    case TYPE_TINYINT:
        builder_i8(b, (int8_t)v);
        return true;
    case TYPE_SMALLINT:
        builder_i16(b, (int16_t)v);
        return true;
    case TYPE_INT:
        builder_i32(b, (int32_t)v);
        return true;
    case TYPE_BIGINT:
        builder_i64(b, v);
        return true;
    case TYPE_FLOAT:
        builder_f32(b, strtof(text, NULL));
        return true;
    case TYPE_DOUBLE:
        builder_f64(b, strtod(text, NULL));
        return true;
    case TYPE_DATE:
        if (!date_parse(text, n, &days))
            return false;
        builder_i32(b, days);
        return true;
    case TYPE_TIMESTAMP:
        if (!timestamp_parse(text, n, 0, &us))
            return false;
        builder_i64(b, us);
        return true;
    case TYPE_DECIMAL:
        if (decimal_parse(text, n, b->type->precision, b->type->scale, &d) != PARSED_OK)
            return false;
        builder_decimal(b, d);
        return true;
    default:
        return false;
    }
}

static struct column *constant(const struct type *type, const char *text, uint32_t n)
{
    struct builder b;
    struct column *c = NULL;
    if (!text || !text[0])
        return column_nulls(type, n);
    if (builder_init(&b, type, NULL) != OK)
        return NULL;
    bool good = true;
    for (uint32_t i = 0; good && i < n; i++)
        good = put_partition_value(&b, text);
    if (!good)
        c = column_nulls(type, n);
    else if (builder_finish(&b, &c, NULL) != OK)
        c = NULL;
    builder_fini(&b);
    return c;
}

/* The columns of the file with those of its folder put where the schema has them. */
static enum err with_partition(const struct table_snapshot *s, const struct json_value *partition, struct batch *b,
                               struct batch **out, struct error *e)
{
    struct column **columns = mem_zalloc(TAG_WEB, (s->schema->n_fields + 1u) * sizeof *columns);
    bool            good = columns != NULL;
    for (int i = 0; good && i < s->schema->n_fields; i++) {
        const char *name = s->schema->fields[i].name;
        bool        is_partition = false;
        for (int k = 0; k < s->n_partition_by; k++)
            is_partition = is_partition || strcmp(s->partition_by[k], name) == 0;
        columns[i] = is_partition ? constant(s->schema->fields[i].type, json_get_string(partition, name), b->n_rows)
                                  : column_ref(b->columns[i]);
        good = columns[i] != NULL;
    }
    *out = good ? batch_new(s->schema, b->n_rows, columns, NULL, NULL) : NULL;
    mem_free(columns);
    return *out ? OK : err_set(e, ERR_NO_MEMORY, "rows of a table");
}

static enum err read_groups(struct table_snapshot *s, const struct buf *bytes, const struct json_value *partition,
                            uint32_t most, enum err (*each)(void *arg, struct batch *b, struct error *e), void *arg,
                            struct error *e)
{
    struct parquet_reader *r = NULL;
    uint32_t               left = most;
    TRY(parquet_reader_new(bytes->data, bytes->size, s->schema, &r, e));
    enum err rc = OK;
    for (int g = 0; rc == OK && g < parquet_reader_groups(r) && (!most || left); g++) {
        struct batch *b = NULL, *whole = NULL;
        rc = parquet_reader_group(r, g, left, &b, e);
        if (rc == OK)
            rc = with_partition(s, partition, b, &whole, e);
        batch_free(b);
        if (rc != OK)
            break;
        left -= most ? whole->n_rows : 0;
        rc = each(arg, whole, e);
    }
    parquet_reader_free(r);
    return rc;
}

enum err table_snapshot_read(struct table_snapshot *s, const struct snapshot_file *f, uint32_t most,
                             enum err (*each)(void *arg, struct batch *b, struct error *e), void *arg, struct error *e)
{
    struct buf         bytes;
    const struct type *schema;
    struct json_value *partition = NULL;
    if (s->reader_version > 1) /* rows may be deleted by a file beside, columns have other names in the files */
        return err_set(e, ERR_UNSUPPORTED,
                       "the table asks for Delta readers of version %" PRId64
                       " (deletion vectors, column mapping); its files can be listed here, its rows not read",
                       s->reader_version);
    TRY(table_snapshot_schema(s, &schema, e));
    TRY(json_doc_parse(f->partition, strlen(f->partition), &partition, e));
    buf_init(&bytes, TAG_WEB, FILE_BYTES_MAX);
    enum err rc = s->store->ops->get(s->store, f->path, &bytes, e);
    if (rc == OK)
        rc = read_groups(s, &bytes, partition, most, each, arg, e);
    buf_fini(&bytes);
    json_doc_free(partition);
    return rc == OK ? OK : err_wrap(e, rc, "%s", f->path);
}
