/* SPDX-License-Identifier: MIT */
#include "delta/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/failpoint.h"
#include "delta/keys.h"
#include "delta/replay.h"
#include "parquet/writer.h"
#include "json/doc.h"
#include "json/write.h"

#define ARENA_MAX ((size_t)256 << 20) /* lines of commits since the last checkpoint */
#define ROWS_PER_GROUP 16384

struct making {
    int64_t                version, keep_removed_ms, now_ms;
    struct arena           types, arena, scratch; /* the schema; lines and keys; of one action */
    struct keys            keys;                  /* of actions of commits, the newest of a key counts */
    const char           **lines;                 /* by number of the key */
    int64_t                lines_capacity;
    bool                   in_checkpoint; /* actions come from the old one, and commits say more */
    const struct type     *schema;
    struct builder         rows;
    struct parquet_writer *writer;
    int64_t                n_actions, n_files, n_metadata, n_protocol;
};

/* ---- one action as a row ---- */

static void put_json(struct builder *b, const struct json_value *v);

static void put_fields(struct builder *b, const struct json_value *object)
{
    for (int i = 0; i < b->type->n_fields; i++) {
        const char              *name = b->type->fields[i].name;
        const struct json_value *v = json_get(object, name);
        if (strcmp(name, "dataChange") == 0) /* nothing changes by a checkpoint */
            builder_boolean(&b->children[i], false);
        else if (b->type->fields[i].type->kind == TYPE_BOOLEAN && json_is_bool(v))
            builder_boolean(&b->children[i], json_get_bool(object, name, false));
        else
            put_json(&b->children[i], v);
    }
    builder_struct(b, true);
}

static void put_members(struct builder *b, const struct json_value *object)
{
    const char *key;
    void       *iterator = NULL;
    for (const struct json_value *v; (v = json_next(object, &key, &iterator));) {
        builder_bytes(&b->children[0], key, strlen(key));
        put_json(&b->children[1], v);
    }
    builder_list(b);
}

static void put_items(struct builder *b, const struct json_value *array)
{
    for (size_t i = 0; i < json_size(array); i++)
        put_json(&b->children[0], json_at(array, i));
    builder_list(b);
}

/* What is of another kind is NULL. */
static void put_json(struct builder *b, const struct json_value *v)
{
    enum type_kind kind = b->type->kind;
    const char    *text = json_as_string(v);
    if (kind == TYPE_STRING && text)
        builder_bytes(b, text, strlen(text));
    else if (kind == TYPE_BIGINT && json_is_int(v))
        builder_i64(b, json_as_int(v, 0));
    else if (kind == TYPE_INT && json_is_int(v))
        builder_i32(b, (int32_t)json_as_int(v, 0));
    else if (kind == TYPE_STRUCT && json_is_object(v))
        put_fields(b, v);
    else if (kind == TYPE_MAP && json_is_object(v))
        put_members(b, v);
    else if (kind == TYPE_ARRAY && json_is_array(v))
        put_items(b, v);
    else
        builder_null(b);
}

/* A row group of its own. */
static enum err flush_rows(struct making *m, struct error *e)
{
    struct column *rows, *columns[8];
    if (m->rows.n_rows == 0 && !m->rows.failed)
        return OK;
    TRY(builder_finish(&m->rows, &rows, e));
    for (int i = 0; i < m->schema->n_fields; i++)
        columns[i] = column_ref(rows->children[i]);
    struct batch *b = batch_new(m->schema, rows->n_rows, columns, NULL, NULL);
    column_free(rows);
    enum err rc = b ? parquet_writer_add(m->writer, b, e) : err_set(e, ERR_NO_MEMORY, "a checkpoint");
    batch_free(b);
    return rc == OK ? parquet_writer_end_group(m->writer, e) : rc;
}

/* Its only member; NULL: there is none that a checkpoint keeps. */
static const struct json_value *action_of(const struct making *m, const struct json_value *doc, int *field)
{
    const char              *name;
    void                    *iterator = NULL;
    const struct json_value *v = json_next(doc, &name, &iterator);
    for (*field = 0; v && *field < m->schema->n_fields; ++*field)
        if (strcmp(m->schema->fields[*field].name, name) == 0)
            return json_is_object(v) ? v : NULL;
    return NULL;
}

static bool is_over(const struct making *m, const char *name, const struct json_value *action)
{
    if (strcmp(name, "domainMetadata") == 0)
        return json_get_bool(action, "removed", false);
    int64_t age_ms = m->now_ms - json_get_int(action, "deletionTimestamp", 0);
    return strcmp(name, "remove") == 0 && age_ms >= m->keep_removed_ms;
}

static enum err put_action(struct making *m, int field, const struct json_value *action, struct error *e)
{
    const char *name = m->schema->fields[field].name;
    if (is_over(m, name, action))
        return OK;
    if (++m->n_actions > CHECKPOINT_ACTIONS_MAX)
        return err_set(e, ERR_LIMIT, "the table has more than %d files, removed ones included", CHECKPOINT_ACTIONS_MAX);
    m->n_files += strcmp(name, "add") == 0;
    m->n_metadata += strcmp(name, "metaData") == 0;
    m->n_protocol += strcmp(name, "protocol") == 0;
    for (int i = 0; i < m->schema->n_fields; i++)
        put_json(&m->rows.children[i], i == field ? action : NULL);
    builder_struct(&m->rows, true);
    return m->rows.n_rows >= ROWS_PER_GROUP ? flush_rows(m, e) : OK;
}

/* ---- which actions ---- */

/* Actions of the same key replace each other. In scratch. */
static const char *key_of(struct making *m, int field, const struct json_value *action)
{
    const char *name = m->schema->fields[field].name;
    const char *path = json_get_string(action, "path");
    arena_reset(&m->scratch);
    if (strcmp(name, "add") == 0 || strcmp(name, "remove") == 0) {
        path = path ? path_decoded(&m->scratch, path) : NULL;
        return path ? arena_printf(&m->scratch, "file %s", path) : NULL;
    }
    const char *id = strcmp(name, "txn") == 0              ? json_get_string(action, "appId")
                     : strcmp(name, "domainMetadata") == 0 ? json_get_string(action, "domain")
                                                           : "";
    return id ? arena_printf(&m->scratch, "%s %s", name, id) : NULL;
}

static enum err note_line(struct making *m, const char *key, const uint8_t *line, size_t n, struct error *e)
{
    if (m->keys.n == m->lines_capacity) {
        int64_t more = m->lines_capacity ? 2 * m->lines_capacity : 256;
        void   *lines = mem_realloc(TAG_SINK, m->lines, (size_t)more * sizeof *m->lines);
        if (!lines)
            return err_set(e, ERR_NO_MEMORY, "a checkpoint");
        m->lines = lines;
        m->lines_capacity = more;
    }
    int64_t     at = m->keys.n;
    const char *own = arena_strdup(&m->arena, key);
    m->lines[at] = arena_strndup(&m->arena, (const char *)line, n);
    if (!own || !m->lines[at])
        return err_set(e, ERR_LIMIT, "commits since the last checkpoint take more than %zu MiB", ARENA_MAX >> 20);
    return keys_add(&m->keys, own) ? OK : err_set(e, ERR_NO_MEMORY, "a checkpoint");
}

static enum err take_line(void *arg, const uint8_t *line, size_t n, struct error *e)
{
    struct making     *m = arg;
    struct json_value *doc = NULL;
    int                field;
    enum err           rc = json_doc_parse((const char *)line, n, &doc, e);
    if (rc != OK)
        return rc;
    const struct json_value *action = action_of(m, doc, &field);
    const char              *key = action ? key_of(m, field, action) : NULL;
    if (action && !key)
        rc = err_set(e, ERR_CORRUPT, "an action without path, appId or domain");
    else if (action && !m->in_checkpoint)
        rc = note_line(m, key, line, n, e);
    else if (action && keys_find(&m->keys, key) < 0)
        rc = put_action(m, field, action, e);
    json_doc_free(doc);
    return rc;
}

static void forget_rows(void *arg)
{
    struct making *m = arg;
    builder_clear(&m->rows);
    parquet_writer_reset(m->writer);
    m->n_actions = m->n_files = m->n_metadata = m->n_protocol = 0;
}

static void forget_commits(struct making *m)
{
    arena_reset(&m->arena);
    keys_fini(&m->keys);
}

static enum err note_commits(struct making *m, struct store *store, int64_t from, struct error *e)
{
    const struct taker t = {.line = take_line, .forget = forget_rows, .arg = m, .tag = TAG_SINK};
    struct buf         bytes;
    enum err           rc = OK;
    m->in_checkpoint = false;
    buf_init(&bytes, TAG_SINK, COMMIT_BYTES_MAX);
    for (int64_t version = from; rc == OK && version <= m->version; version++)
        rc = replay_commit(store, version, &bytes, &t, e);
    buf_fini(&bytes);
    return rc;
}

/* The actions of commits that nothing later replaces, as they came. */
static enum err put_commits(struct making *m, struct error *e)
{
    enum err rc = OK;
    for (int64_t i = 0; rc == OK && i < m->keys.n; i++) {
        struct json_value *doc = NULL;
        int                field;
        if (keys_find(&m->keys, m->keys.texts[i]) != i)
            continue;
        rc = json_doc_parse(m->lines[i], strlen(m->lines[i]), &doc, e);
        const struct json_value *action = rc == OK ? action_of(m, doc, &field) : NULL;
        if (action)
            rc = put_action(m, field, action, e);
        json_doc_free(doc);
    }
    return rc;
}

/* Commits first, so that the old checkpoint can stream through: from the one that is expected, and once more when that
 * turns out to be broken. *newer: somebody has written a later one meanwhile. */
static enum err gather(struct making *m, struct store *store, bool *newer, struct error *e)
{
    const struct taker t = {.line = take_line, .forget = forget_rows, .arg = m, .files = true, .tag = TAG_SINK};
    int64_t            from;
    TRY(replay_newest_checkpoint(store, &from, e));
    for (;;) {
        struct replay_start start;
        *newer = from >= m->version;
        if (*newer)
            return OK;
        TRY(note_commits(m, store, from + 1, e));
        m->in_checkpoint = true;
        TRY(replay_start(store, 0, &t, &start, e));
        *newer = start.version >= m->version;
        if (*newer || start.version >= from)
            return *newer ? OK : put_commits(m, e);
        from = start.version;
        forget_rows(m);
        forget_commits(m);
    }
}

/* ---- the file ---- */

static enum err put_hint(struct store *store, int64_t version, const struct checkpoint_written *done, struct error *e)
{
    struct json_writer w;
    struct buf         text;
    if (replay_last_checkpoint(store) > version)
        return OK;
    buf_init(&text, TAG_SINK, 1 << 12);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    json_member_int(&w, "version", version);
    json_member_int(&w, "size", done->actions);
    json_member_int(&w, "sizeInBytes", done->bytes);
    json_member_int(&w, "numOfAddFiles", done->files);
    json_end_object(&w);
    enum err rc = buf_check(&text, "a hint", e);
    if (rc == OK)
        rc = store->ops->put(store, "_delta_log/_last_checkpoint", text.data, text.size, e);
    buf_fini(&text);
    return rc;
}

static enum err put_file(struct making *m, struct store *store, struct checkpoint_written *out, struct error *e)
{
    struct buf file;
    char       key[80];
    if (m->n_metadata != 1 || m->n_protocol != 1)
        return err_set(e, ERR_CORRUPT, "the log has no metaData or no protocol");
    TRY(flush_rows(m, e));
    buf_init(&file, TAG_SINK, PARQUET_FILE_MAX);
    enum err rc = parquet_writer_finish(m->writer, &file, e);
    *out = (struct checkpoint_written){m->n_actions, m->n_files, (int64_t)file.size};
    snprintf(key, sizeof key, "_delta_log/%020" PRId64 ".checkpoint.parquet", m->version);
    if (rc == OK)
        rc = store->ops->put(store, key, file.data, file.size, e);
    buf_fini(&file);
    if (rc == OK)
        rc = failpoint("delta.checkpoint.before_hint", e);
    return rc == OK ? put_hint(store, m->version, out, e) : rc;
}

static enum err make(struct making *m, struct store *store, struct checkpoint_written *out, struct error *e)
{
    bool newer = false;
    m->schema = checkpoint_schema(&m->types, true);
    if (!m->schema)
        return err_set(e, ERR_NO_MEMORY, "a checkpoint");
    TRY(builder_init(&m->rows, m->schema, e));
    TRY(parquet_writer_new(m->schema, PARQUET_SNAPPY, &m->writer, e));
    TRY(gather(m, store, &newer, e));
    return newer ? OK : put_file(m, store, out, e);
}

enum err delta_checkpoint_write(struct store *store, int64_t version, int64_t keep_removed_ms, int64_t now_ms,
                                struct checkpoint_written *out, struct error *e)
{
    struct making m = {.version = version, .keep_removed_ms = keep_removed_ms, .now_ms = now_ms};
    *out = (struct checkpoint_written){.actions = 0};
    arena_init(&m.types, TAG_SINK, 1 << 16);
    arena_init(&m.arena, TAG_SINK, ARENA_MAX);
    arena_init(&m.scratch, TAG_SINK, 1 << 20);
    keys_init(&m.keys, TAG_SINK);
    enum err rc = make(&m, store, out, e);
    if (m.rows.type)
        builder_fini(&m.rows);
    parquet_writer_free(m.writer);
    mem_free(m.lines);
    keys_fini(&m.keys);
    arena_fini(&m.scratch);
    arena_fini(&m.arena);
    arena_fini(&m.types);
    return rc == OK ? OK : err_wrap(e, rc, "checkpoint %" PRId64, version);
}
