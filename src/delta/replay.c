/* SPDX-License-Identifier: MIT */
#include "delta/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "parquet/reader.h"
#include "json/doc.h"
#include "json/value.h"

#define CHECKPOINTS_MAX 1000000 /* files of checkpoints in one log */
#define PARTS_MAX 100000
#define ARENA_MAX ((size_t)1 << 20)

void replay_commit_key(int64_t version, char out[64]) { snprintf(out, 64, "_delta_log/%020" PRId64 ".json", version); }

/* ---- commits ---- */

enum err replay_lines(const uint8_t *bytes, size_t n, int64_t version, const struct taker *t, struct error *e)
{
    const uint8_t *end = bytes + n;
    while (bytes < end) {
        const uint8_t *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t         size = (size_t)((newline ? newline : end) - bytes);
        enum err       rc = size ? t->line(t->arg, bytes, size, e) : OK;
        if (rc != OK)
            return err_wrap(e, rc, "version %" PRId64, version);
        bytes = newline ? newline + 1 : end;
    }
    return OK;
}

enum err replay_commit(struct store *store, int64_t version, struct buf *bytes, const struct taker *t, struct error *e)
{
    char key[64];
    replay_commit_key(version, key);
    buf_clear(bytes);
    TRY(store->ops->get(store, key, bytes, e));
    TRY(buf_check(bytes, key, e));
    return replay_lines(bytes->data, bytes->size, version, t, e);
}

/* ---- what is there ---- */

struct checkpoint {
    int64_t version;
    int     part, parts; /* of so many; 0: a single file */
};

struct listing {
    int64_t            lowest, highest; /* commits; INT64_MAX, -1: none */
    int64_t            newest_v2;       /* checkpoint of another kind, -1: none */
    bool               any_checkpoint;  /* complete or not */
    struct checkpoint *checkpoints;     /* files; once settled: complete ones, newest first */
    size_t             n, capacity;
    enum err           failed;
};

static void add_checkpoint(struct listing *l, struct checkpoint c)
{
    if (l->n == CHECKPOINTS_MAX)
        l->failed = ERR_LIMIT;
    if (l->n == l->capacity && l->failed == OK) {
        size_t more = l->capacity ? 2 * l->capacity : 64;
        void  *all = mem_realloc(TAG_SINK, l->checkpoints, more * sizeof *l->checkpoints);
        l->failed = all ? OK : ERR_NO_MEMORY;
        l->checkpoints = all ? all : l->checkpoints;
        l->capacity = all ? more : l->capacity;
    }
    if (l->failed == OK)
        l->checkpoints[l->n++] = c;
}

/* ".checkpoint.0000000001.0000000002.parquet" */
static bool is_part(const char *text, struct checkpoint *c)
{
    static const char pattern[] = ".checkpoint.##########.##########.parquet";
    if (strlen(text) != sizeof pattern - 1)
        return false;
    for (size_t i = 0; pattern[i]; i++)
        if (pattern[i] == '#' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i])
            return false;
    long part = strtol(text + 12, NULL, 10), parts = strtol(text + 23, NULL, 10);
    c->part = part <= PARTS_MAX ? (int)part : 0;
    c->parts = parts <= PARTS_MAX ? (int)parts : 0;
    return c->part >= 1 && c->part <= c->parts;
}

static bool note_key(void *arg, const char *key)
{
    struct listing   *l = arg;
    const char       *name = key + strlen("_delta_log/");
    char             *end;
    int64_t           version = strtoll(name, &end, 10);
    struct checkpoint c = {.version = version};
    if (end - name != 20 || name[0] < '0' || name[0] > '9')
        return true;
    if (strcmp(end, ".json") == 0) {
        l->lowest = version < l->lowest ? version : l->lowest;
        l->highest = version > l->highest ? version : l->highest;
    } else if (strcmp(end, ".checkpoint.parquet") == 0 || is_part(end, &c)) {
        add_checkpoint(l, c);
    } else if (strncmp(end, ".checkpoint.", 12) == 0 && version > l->newest_v2) {
        l->newest_v2 = version;
    }
    return l->failed == OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct checkpoint *x = a, *y = b;
    if (x->version != y->version)
        return x->version < y->version ? 1 : -1;
    return x->parts != y->parts ? (x->parts > y->parts) - (x->parts < y->parts)
                                : (x->part > y->part) - (x->part < y->part);
}

/* Files become checkpoints; those of which parts are missing are no longer there. */
static void settle(struct listing *l)
{
    size_t kept = 0;
    l->any_checkpoint = l->n > 0;
    if (l->n)
        qsort(l->checkpoints, l->n, sizeof *l->checkpoints, newest_first);
    for (size_t i = 0, same; i < l->n; i += same) {
        struct checkpoint c = l->checkpoints[i];
        for (same = 1; i + same < l->n && l->checkpoints[i + same].version == c.version &&
                       l->checkpoints[i + same].parts == c.parts;)
            same++;
        if (c.parts == 0 || same == (size_t)c.parts)
            l->checkpoints[kept++] = c;
    }
    l->n = kept;
}

/* from -1: everything. To be freed (checkpoints), also after a failure. */
static enum err look(struct store *store, int64_t from, struct listing *l, struct error *e)
{
    char after[64];
    *l = (struct listing){.lowest = INT64_MAX, .highest = -1, .newest_v2 = -1};
    snprintf(after, sizeof after, "_delta_log/%020" PRId64, from);
    TRY(store->ops->list(store, "_delta_log/", from < 0 ? NULL : after, note_key, l, e));
    if (l->failed != OK)
        return err_set(e, l->failed, "the table's log has too many checkpoints");
    settle(l);
    return OK;
}

int64_t replay_last_checkpoint(struct store *store)
{
    struct buf         text;
    struct error       ignored;
    struct json_value *doc = NULL;
    int64_t            version = -1;
    buf_init(&text, TAG_SINK, 1 << 20);
    if (store->ops->get(store, "_delta_log/_last_checkpoint", &text, &ignored) == OK &&
        json_doc_parse(buf_text(&text), text.size, &doc, &ignored) == OK)
        version = json_get_int(doc, "version", -1);
    json_doc_free(doc);
    buf_fini(&text);
    return version;
}

enum err replay_newest_checkpoint(struct store *store, int64_t *version, struct error *e)
{
    struct listing l;
    enum err       rc = look(store, replay_last_checkpoint(store), &l, e);
    *version = rc == OK && l.n ? l.checkpoints[0].version : -1;
    mem_free(l.checkpoints);
    if (rc != OK || *version >= 0)
        return rc;
    rc = look(store, -1, &l, e);
    *version = rc == OK && l.n ? l.checkpoints[0].version : -1;
    mem_free(l.checkpoints);
    return rc;
}

/* ---- the shape of a checkpoint ---- */

#define TEXT(name) {name, type_of(TYPE_STRING), true}
#define LONG(name) {name, type_of(TYPE_BIGINT), true}
#define INT(name) {name, type_of(TYPE_INT), true}
#define BOOL(name) {name, type_of(TYPE_BOOLEAN), true}
#define STRUCT(a, fields) struct_of(a, fields, sizeof(fields) / sizeof(fields)[0])

/* NULL: the arena was full, now or for one of the fields. */
static const struct type *struct_of(struct arena *a, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!fields[i].type)
            return NULL;
    return type_struct(a, fields, n);
}

static const struct type *file_type(struct arena *a, bool remove, const struct type *texts)
{
    const struct field dv[] = {TEXT("storageType"), TEXT("pathOrInlineDv"), INT("offset"),
                               INT("sizeInBytes"),  LONG("cardinality"),    LONG("maxRowIndex")};
    const struct field vector = {"deletionVector", STRUCT(a, dv), true};
    const struct field values = {"partitionValues", texts, true}, tags = {"tags", texts, true};
    const struct field added[] = {
        TEXT("path"), values, LONG("size"),      LONG("modificationTime"),        BOOL("dataChange"),
        tags,         vector, LONG("baseRowId"), LONG("defaultRowCommitVersion"), TEXT("clusteringProvider"),
        TEXT("stats")};
    const struct field removed[] = {TEXT("path"),
                                    LONG("deletionTimestamp"),
                                    BOOL("dataChange"),
                                    BOOL("extendedFileMetadata"),
                                    values,
                                    LONG("size"),
                                    vector,
                                    LONG("baseRowId"),
                                    LONG("defaultRowCommitVersion")};
    return remove ? STRUCT(a, removed) : STRUCT(a, added);
}

const struct type *checkpoint_schema(struct arena *a, bool files)
{
    const struct type *texts = type_map(a, type_of(TYPE_STRING), type_of(TYPE_STRING), true);
    const struct type *names = type_array(a, type_of(TYPE_STRING), true);
    const struct field txn[] = {TEXT("appId"), LONG("version"), LONG("lastUpdated")};
    const struct field format[] = {TEXT("provider"), {"options", texts, true}};
    const struct field metadata[] = {TEXT("id"),
                                     TEXT("name"),
                                     TEXT("description"),
                                     {"format", STRUCT(a, format), true},
                                     TEXT("schemaString"),
                                     {"partitionColumns", names, true},
                                     {"configuration", texts, true},
                                     LONG("createdTime")};
    const struct field protocol[] = {INT("minReaderVersion"),
                                     INT("minWriterVersion"),
                                     {"readerFeatures", names, true},
                                     {"writerFeatures", names, true}};
    const struct field domain[] = {TEXT("domain"), TEXT("configuration"), BOOL("removed")};
    struct field       all[6] = {{"txn", STRUCT(a, txn), true}};
    size_t             n = 1;
    if (files) {
        all[n++] = (struct field){"add", file_type(a, false, texts), true};
        all[n++] = (struct field){"remove", file_type(a, true, texts), true};
    }
    all[n++] = (struct field){"metaData", STRUCT(a, metadata), true};
    all[n++] = (struct field){"protocol", STRUCT(a, protocol), true};
    all[n++] = (struct field){"domainMetadata", STRUCT(a, domain), true};
    return struct_of(a, all, n);
}

/* And what only checkpoints of another kind have. */
static const struct type *read_schema(struct arena *a, bool files)
{
    const struct type *known = checkpoint_schema(a, files);
    const struct field metadata[] = {LONG("version")}, sidecar[] = {TEXT("path")};
    struct field       all[8];
    size_t             n = known ? known->n_fields : 0;
    if (n)
        memcpy(all, known->fields, n * sizeof *all);
    all[n++] = (struct field){"checkpointMetadata", STRUCT(a, metadata), true};
    all[n++] = (struct field){"sidecar", STRUCT(a, sidecar), true};
    return known ? struct_of(a, all, n) : NULL;
}

/* ---- reading one ---- */

struct reading {
    const struct taker *taker;
    const struct type  *schema;
    struct buf          line;
    int                 n_metadata, n_protocol;
};

static enum err take_row(struct reading *r, const struct batch *b, uint32_t row, struct error *e)
{
    struct json_writer w;
    int                at = 0;
    while (at < b->schema->n_fields && !column_is_valid(b->columns[at], row))
        at++;
    if (at == b->schema->n_fields)
        return OK; /* an action that is not asked for */
    const char *name = b->schema->fields[at].name;
    if (at >= b->schema->n_fields - 2)
        return err_set(e, ERR_UNSUPPORTED, "it has %s: the table feature v2Checkpoint is not supported yet", name);
    r->n_metadata += strcmp(name, "metaData") == 0;
    r->n_protocol += strcmp(name, "protocol") == 0;
    buf_clear(&r->line);
    json_writer_init(&w, &r->line);
    json_begin_object(&w);
    json_key(&w, name);
    json_put_value(&w, b->columns[at], row);
    json_end_object(&w);
    TRY(buf_check(&r->line, "an action of a checkpoint", e));
    return r->taker->line(r->taker->arg, r->line.data, r->line.size, e);
}

static enum err take_file(struct reading *r, const struct buf *bytes, struct error *e)
{
    struct parquet_reader *p = NULL;
    TRY(parquet_reader_new(bytes->data, bytes->size, r->schema, &p, e));
    enum err rc = OK;
    for (int g = 0; rc == OK && g < parquet_reader_groups(p); g++) {
        struct batch *b = NULL;
        rc = parquet_reader_group(p, g, 0, &b, e);
        for (uint32_t i = 0; rc == OK && i < b->n_rows; i++)
            rc = take_row(r, b, i, e);
        batch_free(b);
    }
    parquet_reader_free(p);
    return rc;
}

static enum err take_parts(struct store *store, const struct checkpoint *c, struct reading *r, struct error *e)
{
    struct buf bytes;
    char       key[100];
    enum err   rc = OK;
    buf_init(&bytes, r->taker->tag, CHECKPOINT_BYTES_MAX);
    for (int part = c->parts ? 1 : 0; rc == OK && part <= c->parts; part++) {
        if (part)
            snprintf(key, sizeof key, "_delta_log/%020" PRId64 ".checkpoint.%010d.%010d.parquet", c->version, part,
                     c->parts);
        else
            snprintf(key, sizeof key, "_delta_log/%020" PRId64 ".checkpoint.parquet", c->version);
        buf_clear(&bytes);
        rc = store->ops->get(store, key, &bytes, e);
        if (rc == OK)
            rc = buf_check(&bytes, key, e);
        if (rc == OK)
            rc = take_file(r, &bytes, e);
    }
    buf_fini(&bytes);
    if (rc == OK && (r->n_metadata != 1 || r->n_protocol != 1))
        rc = err_set(e, ERR_CORRUPT, "it has %d metaData and %d protocol actions", r->n_metadata, r->n_protocol);
    return rc;
}

static enum err take_checkpoint(struct store *store, const struct checkpoint *c, const struct taker *t, struct error *e)
{
    struct arena   arena;
    struct reading r = {.taker = t};
    arena_init(&arena, t->tag, ARENA_MAX);
    buf_init(&r.line, t->tag, COMMIT_BYTES_MAX);
    r.schema = read_schema(&arena, t->files);
    enum err rc = r.schema ? take_parts(store, c, &r, e) : err_set(e, ERR_NO_MEMORY, "a checkpoint");
    buf_fini(&r.line);
    arena_fini(&arena);
    return rc == OK ? OK : err_wrap(e, rc, "checkpoint %" PRId64, c->version);
}

/* ---- where to start ---- */

static bool is_broken(enum err rc)
{
    return rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED || rc == ERR_NOT_FOUND || rc == ERR_INVALID;
}

struct search {
    struct store        *store;
    const struct taker  *taker;
    int64_t              behind, tried; /* tried: from that version on checkpoints are known to be broken */
    bool                 done;
    struct replay_start *out;
};

static enum err try_one(struct search *s, const struct checkpoint *c, struct error *e)
{
    enum err rc = take_checkpoint(s->store, c, s->taker, e);
    s->done = rc == OK;
    s->out->version = c->version;
    if (rc == OK)
        return OK;
    s->taker->forget(s->taker->arg);
    if (!is_broken(rc))
        return rc;
    log_warn("delta", "%s: another start of the log is tried", e->text);
    if (s->out->broken.code == OK)
        s->out->broken = *e;
    return OK;
}

static enum err none_left(const struct listing *l, const struct replay_start *out, struct error *e)
{
    if (out->broken.code != OK)
        return err_set(e, out->broken.code == ERR_UNSUPPORTED ? ERR_UNSUPPORTED : ERR_CORRUPT,
                       "the table's log no longer begins at version 0, and %s", out->broken.text);
    if (l->newest_v2 >= 0)
        return err_set(e, ERR_UNSUPPORTED,
                       "the table's log begins with a checkpoint of the table feature v2Checkpoint (version %" PRId64
                       "), which is not supported yet",
                       l->newest_v2);
    if (l->highest < 0)
        return err_set(e, ERR_CORRUPT, "the table's log has no commits, and no complete checkpoint");
    return err_set(e, ERR_CORRUPT,
                   "the table's log starts at version %" PRId64
                   ", and no complete checkpoint says what was there before",
                   l->lowest);
}

/* The candidates in their order. whole: the listing is of all that is there. */
static enum err try_all(struct search *s, const struct listing *l, bool whole, struct error *e)
{
    int64_t newest = l->n && l->checkpoints[0].version > l->highest ? l->checkpoints[0].version : l->highest;
    int64_t most = s->behind ? newest - s->behind : INT64_MAX;
    s->out->highest = newest;
    for (size_t i = 0; !s->done && i < l->n; i++)
        if (l->checkpoints[i].version <= most && l->checkpoints[i].version < s->tried)
            TRY(try_one(s, &l->checkpoints[i], e));
    if (s->done || !whole)
        return OK;
    s->out->version = -1;
    s->out->empty = l->highest < 0 && !l->any_checkpoint && l->newest_v2 < 0;
    s->done = s->out->empty || l->lowest == 0;
    for (size_t i = l->n; !s->done && i-- > 0;)
        if (l->checkpoints[i].version > most)
            TRY(try_one(s, &l->checkpoints[i], e));
    return s->done ? OK : none_left(l, s->out, e);
}

enum err replay_start(struct store *store, int64_t behind, const struct taker *t, struct replay_start *out,
                      struct error *e)
{
    struct search s = {.store = store, .taker = t, .behind = behind, .tried = INT64_MAX, .out = out};
    int64_t       hint = behind ? -1 : replay_last_checkpoint(store);
    enum err      rc = OK;
    *out = (struct replay_start){.version = -1, .broken = {.code = OK}};
    for (int whole = hint < 0; rc == OK && !s.done && whole < 2; whole++) {
        struct listing l;
        rc = look(store, whole ? -1 : hint, &l, e);
        if (rc == OK)
            rc = try_all(&s, &l, whole, e);
        mem_free(l.checkpoints);
        s.tried = hint < 0 ? INT64_MAX : hint;
    }
    return rc;
}
