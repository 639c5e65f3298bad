/* SPDX-License-Identifier: MIT */
#include "delta/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/replay.h"

enum err delta_log_new(struct store *store, struct delta_log **out, struct error *e)
{
    struct delta_log *l = mem_zalloc(TAG_SINK, sizeof *l);
    *out = l;
    if (!l)
        return err_set(e, ERR_NO_MEMORY, "Delta log");
    l->store = store;
    l->version = l->checkpoint = -1;
    return OK;
}

static void free_txn(struct log_txn *x)
{
    mem_free(x->app_id);
    mem_free(x->nonce);
    mem_free(x->info);
    mem_free(x);
}

/* As it was before the first version was read. */
static void forget(struct delta_log *l)
{
    while (l->txns) {
        struct log_txn *next = l->txns->next;
        free_txn(l->txns);
        l->txns = next;
    }
    json_doc_free(l->metadata_doc);
    json_doc_free(l->protocol_doc);
    *l = (struct delta_log){.store = l->store, .version = -1, .checkpoint = -1};
}

void delta_log_free(struct delta_log *l)
{
    if (!l)
        return;
    forget(l);
    mem_free(l);
}

const struct log_txn *delta_log_find_txn(const struct delta_log *l, const char *app_id)
{
    for (const struct log_txn *x = l->txns; x; x = x->next)
        if (strcmp(x->app_id, app_id) == 0)
            return x;
    return NULL;
}

/* ---- applying a commit ---- */

/* One commit, or a checkpoint, being applied: what it says about itself. */
struct applying {
    struct delta_log *log;
    int64_t           version; /* -1: a checkpoint */
    char              nonce[80];
    struct buf        info;
    bool              ours;
};

static void read_commit_info(const struct json_value *info, struct applying *facts)
{
    const struct json_value *m = json_get(info, "millrace");
    const char              *nonce = json_get_string(info, "txnId");
    if (!m || !nonce || strlen(nonce) >= sizeof facts->nonce)
        return;
    facts->ours = true;
    snprintf(facts->nonce, sizeof facts->nonce, "%s", nonce);
    json_dump(m, &facts->info);
}

static enum err set_txn(struct delta_log *l, const struct json_value *txn, int64_t version, struct error *e)
{
    const char     *app_id = json_get_string(txn, "appId");
    struct log_txn *x = app_id ? (struct log_txn *)(uintptr_t)delta_log_find_txn(l, app_id) : NULL;
    if (!app_id)
        return err_set(e, ERR_CORRUPT, "a txn action without appId");
    if (!x) {
        x = mem_zalloc(TAG_SINK, sizeof *x);
        if (!x || !(x->app_id = mem_strdup(TAG_SINK, app_id))) {
            mem_free(x);
            return err_set(e, ERR_NO_MEMORY, "Delta log");
        }
        x->next = l->txns;
        l->txns = x;
    }
    x->epoch = json_get_int(txn, "version", -1);
    x->version = version;
    x->origin = version < 0 ? TXN_CHECKPOINT : TXN_COMMIT;
    x->cleaned_up = false;
    return OK;
}

/* Gives the transactions of this version the nonce and info of its commitInfo, wherever that stood. */
static enum err sign_txns(struct delta_log *l, int64_t version, struct applying *facts, struct error *e)
{
    bool ok = true;
    for (struct log_txn *x = l->txns; x; x = x->next) {
        if (x->version != version)
            continue;
        mem_free(x->nonce);
        mem_free(x->info);
        x->nonce = facts->ours ? mem_strdup(TAG_SINK, facts->nonce) : NULL;
        x->info = facts->ours ? mem_strdup(TAG_SINK, buf_text(&facts->info)) : NULL;
        ok = ok && (!facts->ours || (x->nonce && x->info));
    }
    return ok ? OK : err_set(e, ERR_NO_MEMORY, "Delta log");
}

static enum err take_metadata(struct delta_log *l, struct json_value *doc, struct error *e)
{
    const struct json_value *m = json_get(doc, "metaData");
    const char              *id = json_get_string(m, "id");
    if (!id || strlen(id) >= sizeof l->table_id)
        return err_set(e, ERR_CORRUPT, "a metaData action without a usable id");
    if (l->table_id[0] && strcmp(l->table_id, id) != 0)
        return err_set(e, ERR_DATA_LOSS, "the table was replaced: its id is now %s, it was %s", id, l->table_id);
    snprintf(l->table_id, sizeof l->table_id, "%s", id);
    json_doc_free(l->metadata_doc);
    l->metadata_doc = doc;
    l->metadata = m;
    return OK;
}

/* One action line; *keep: the document now belongs to the log. */
static enum err apply_action(struct applying *facts, struct json_value *doc, bool *keep, struct error *e)
{
    struct delta_log *l = facts->log;
    *keep = false;
    if (json_get(doc, "metaData")) {
        TRY(take_metadata(l, doc, e));
        *keep = true;
    } else if (json_get(doc, "protocol")) {
        json_doc_free(l->protocol_doc);
        l->protocol_doc = doc;
        l->protocol = json_get(doc, "protocol");
        *keep = true;
    } else if (json_get(doc, "txn")) {
        TRY(set_txn(l, json_get(doc, "txn"), facts->version, e));
    } else if (json_get(doc, "commitInfo")) {
        read_commit_info(json_get(doc, "commitInfo"), facts);
    }
    return OK;
}

/* add and remove lines are most of a log and tell an appender nothing. */
static bool is_file_action(const uint8_t *line, size_t n)
{
    return (n > 7 && memcmp(line, "{\"add\":", 7) == 0) || (n > 10 && memcmp(line, "{\"remove\":", 10) == 0);
}

static enum err apply_line(void *arg, const uint8_t *line, size_t n, struct error *e)
{
    struct json_value *doc = NULL;
    struct error       why;
    bool               keep;
    if (is_file_action(line, n))
        return OK;
    if (json_doc_parse((const char *)line, n, &doc, &why) != OK)
        return err_set(e, ERR_CORRUPT, "%s", why.text);
    enum err rc = apply_action(arg, doc, &keep, e);
    if (!keep)
        json_doc_free(doc);
    return rc;
}

static void forget_applied(void *arg) { forget(((struct applying *)arg)->log); }

static struct taker taker_of(struct applying *a)
{
    return (struct taker){.line = apply_line, .forget = forget_applied, .arg = a, .tag = TAG_SINK};
}

/* Lines of one commit: its actions, signed by its commitInfo. */
static enum err apply_commit(struct delta_log *l, const uint8_t *bytes, size_t n, int64_t version, struct error *e)
{
    struct applying a = {.log = l, .version = version};
    struct taker    t = taker_of(&a);
    buf_init(&a.info, TAG_SINK, COMMIT_BYTES_MAX);
    enum err rc = replay_lines(bytes, n, version, &t, e);
    if (rc == OK)
        rc = sign_txns(l, version, &a, e);
    buf_fini(&a.info);
    return rc;
}

enum err delta_log_apply(struct delta_log *l, const uint8_t *bytes, size_t n, int64_t version, struct error *e)
{
    TRY(apply_commit(l, bytes, n, version, e));
    if (!l->metadata || !l->protocol)
        return err_set(e, ERR_CORRUPT, "version %" PRId64 " has no metaData or protocol", version);
    l->version = version;
    return OK;
}

/* ---- reading ---- */

static enum err get_commit(const struct delta_log *l, int64_t version, struct buf *bytes, struct error *e)
{
    char key[64];
    replay_commit_key(version, key);
    buf_clear(bytes);
    TRY(l->store->ops->get(l->store, key, bytes, e));
    return buf_check(bytes, key, e);
}

/* Versions from l->version + 1 on, until one is not there. */
static enum err read_commits(struct delta_log *l, struct error *e)
{
    struct buf bytes;
    enum err   rc = OK;
    buf_init(&bytes, TAG_SINK, COMMIT_BYTES_MAX);
    while (rc == OK) {
        rc = get_commit(l, l->version + 1, &bytes, e);
        if (rc == OK)
            rc = delta_log_apply(l, bytes.data, bytes.size, l->version + 1, e);
    }
    buf_fini(&bytes);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

/* For the first time: from a checkpoint, or version 0. */
static enum err open_log(struct delta_log *l, struct error *e)
{
    struct applying     a = {.log = l, .version = -1};
    struct taker        t = taker_of(&a);
    struct replay_start start;
    buf_init(&a.info, TAG_SINK, COMMIT_BYTES_MAX);
    enum err rc = replay_start(l->store, 0, &t, &start, e);
    buf_fini(&a.info);
    if (rc != OK) {
        forget(l);
        return rc;
    }
    l->version = l->checkpoint = start.version;
    TRY(read_commits(l, e));
    if (l->version >= start.highest)
        return OK;
    return err_set(e, ERR_CORRUPT, "version %" PRId64 " of the table is missing, and version %" PRId64 " is there%s%s",
                   l->version + 1, start.highest, start.broken.code != OK ? "; " : "",
                   start.broken.code != OK ? start.broken.text : ""); /* never write into a gap */
}

/* What we know of transactions and a checkpoint does not say. */
static void keep_signatures(struct delta_log *from, struct delta_log *to)
{
    for (struct log_txn *x = to->txns; x; x = x->next) {
        struct log_txn *old = (struct log_txn *)(uintptr_t)delta_log_find_txn(from, x->app_id);
        if (x->origin != TXN_CHECKPOINT || !old || old->epoch != x->epoch || old->origin != TXN_COMMIT)
            continue;
        x->nonce = old->nonce;
        x->info = old->info;
        old->nonce = old->info = NULL;
        x->version = old->version;
        x->origin = TXN_COMMIT;
    }
}

/* The commit that we know as the newest is not there: others have written a checkpoint and cleaned up since, or the
 * table was removed or went back in time. */
static enum err open_again(struct delta_log *l, struct error *e)
{
    struct delta_log now = {.store = l->store, .version = -1, .checkpoint = -1};
    enum err         rc = open_log(&now, e);
    if (rc == OK && now.version < l->version)
        rc = err_set(e, ERR_DATA_LOSS, "version %" PRId64 " of the table is gone: it was removed or went back in time",
                     l->version);
    if (rc == OK && strcmp(now.table_id, l->table_id) != 0)
        rc =
            err_set(e, ERR_DATA_LOSS, "the table was replaced: its id is now %s, it was %s", now.table_id, l->table_id);
    if (rc == OK) {
        struct delta_log old = *l;
        keep_signatures(&old, &now);
        *l = now;
        now = old;
    }
    forget(&now);
    return rc;
}

enum err delta_log_refresh(struct delta_log *l, struct error *e)
{
    char    key[64];
    int64_t size;
    if (l->version < 0)
        return open_log(l, e);
    replay_commit_key(l->version, key);
    enum err rc = l->store->ops->head(l->store, key, &size, e);
    if (rc == ERR_NOT_FOUND)
        return open_again(l, e);
    return rc == OK ? read_commits(l, e) : rc;
}

/* ---- who wrote it ---- */

/* Takes what the commit says, when it is that of the transaction. */
static enum err sign_by_commit(struct log_txn *x, struct delta_log *commit, int64_t version, bool *found,
                               struct error *e)
{
    struct log_txn *there = (struct log_txn *)(uintptr_t)delta_log_find_txn(commit, x->app_id);
    *found = there != NULL;
    if (!there)
        return OK;
    if (there->epoch != x->epoch)
        return err_set(e, ERR_CORRUPT,
                       "a checkpoint of the table says epoch %" PRId64 " of %s, and version %" PRId64
                       " before it says %" PRId64,
                       x->epoch, x->app_id, version, there->epoch);
    x->nonce = there->nonce;
    x->info = there->info;
    there->nonce = there->info = NULL;
    x->version = version;
    x->origin = TXN_COMMIT;
    return OK;
}

/* From the checkpoint back, as far as there are commits. */
static enum err look_up(struct delta_log *l, struct log_txn *x, struct error *e)
{
    struct delta_log commit = {.store = l->store, .version = -1, .checkpoint = -1};
    struct buf       bytes;
    bool             found = false;
    enum err         rc = OK;
    buf_init(&bytes, TAG_SINK, COMMIT_BYTES_MAX);
    for (int64_t version = l->checkpoint; rc == OK && !found && version >= 0; version--) {
        rc = get_commit(l, version, &bytes, e);
        if (rc == OK)
            rc = apply_commit(&commit, bytes.data, bytes.size, version, e);
        if (rc == OK)
            rc = sign_by_commit(x, &commit, version, &found, e);
    }
    buf_fini(&bytes);
    forget(&commit);
    if (rc == OK || rc == ERR_NOT_FOUND)
        x->origin = found ? TXN_COMMIT : TXN_COMMIT_GONE;
    return rc == ERR_NOT_FOUND ? OK : rc;
}

enum err delta_log_look_up_txn(struct delta_log *l, const char *app_id, const struct log_txn **out, struct error *e)
{
    struct log_txn *x = (struct log_txn *)(uintptr_t)delta_log_find_txn(l, app_id);
    *out = x;
    return x && x->origin == TXN_CHECKPOINT ? look_up(l, x, e) : OK;
}

struct file_search {
    const char *path;
    bool        found;
};

static enum err look_for_file(void *arg, const uint8_t *line, size_t n, struct error *e)
{
    struct file_search *s = arg;
    struct json_value  *doc = NULL;
    if (s->found || !is_file_action(line, n))
        return OK;
    TRY(json_doc_parse((const char *)line, n, &doc, e));
    const struct json_value *add = json_get(doc, "add");
    const char              *path = json_get_string(add ? add : json_get(doc, "remove"), "path");
    s->found = path && strcmp(path, s->path) == 0;
    json_doc_free(doc);
    return OK;
}

static void forget_file(void *arg) { ((struct file_search *)arg)->found = false; }

enum err delta_log_had_file(struct delta_log *l, const char *adds, bool *had, struct error *e)
{
    struct json_value  *doc = NULL;
    struct replay_start start;
    TRY(json_doc_parse(adds, strcspn(adds, "\n"), &doc, e));
    struct file_search s = {.path = json_get_string(json_get(doc, "add"), "path")};
    struct taker       t = {.line = look_for_file, .forget = forget_file, .arg = &s, .files = true, .tag = TAG_SINK};
    enum err           rc = s.path ? replay_start(l->store, 0, &t, &start, e) : OK;
    *had = s.found;
    json_doc_free(doc);
    return rc;
}

/* ---- may we write? ---- */

static enum err check_configuration(const struct delta_log *l, struct error *e)
{
    const struct json_value *configuration = json_get(l->metadata, "configuration");
    const char              *key;
    void                    *iterator = NULL;
    for (const struct json_value *v; (v = json_next(configuration, &key, &iterator));) {
        if (strncmp(key, "delta.constraints.", 18) == 0)
            return err_set(e, ERR_UNSUPPORTED, "the table has the constraint %s, which millrace cannot check yet",
                           key + 18);
        if (strcmp(key, "delta.setTransactionRetentionDuration") == 0)
            return err_set(e, ERR_UNSUPPORTED, "the table forgets transaction ids (%s): exactly-once cannot be kept",
                           key);
        if (strcmp(key, "delta.columnMapping.mode") == 0 && json_as_string(v) && strcmp(json_as_string(v), "none") != 0)
            return err_set(e, ERR_UNSUPPORTED, "the table uses column mapping, which is not supported yet");
    }
    return OK;
}

/* " with deletionVectors, v2Checkpoint" */
static void name_features(const struct json_value *protocol, struct buf *out)
{
    const struct json_value *features = json_get(protocol, "writerFeatures");
    for (size_t i = 0; i < json_size(features); i++) {
        const char *name = json_as_string(json_at(features, i));
        buf_puts(out, i ? ", " : " with ");
        buf_puts(out, name ? name : "?");
    }
}

static enum err refuse_protocol(const struct delta_log *l, int64_t reader, int64_t writer, struct error *e)
{
    struct buf features;
    buf_init(&features, TAG_SINK, 4096);
    name_features(l->protocol, &features);
    err_set(e, ERR_UNSUPPORTED, "the table needs protocol (%" PRId64 ",%" PRId64 ")%.150s; millrace writes (1,2)",
            reader, writer, buf_text(&features));
    buf_fini(&features);
    return ERR_UNSUPPORTED;
}

enum err delta_log_check_writable(const struct delta_log *l, struct error *e)
{
    int64_t     reader = json_get_int(l->protocol, "minReaderVersion", 0);
    int64_t     writer = json_get_int(l->protocol, "minWriterVersion", 0);
    const char *schema = json_get_string(l->metadata, "schemaString");
    const char *provider = json_get_string(json_get(l->metadata, "format"), "provider");
    if (reader > 1 || writer > 2)
        return refuse_protocol(l, reader, writer, e);
    if (!provider || strcmp(provider, "parquet") != 0)
        return err_set(e, ERR_UNSUPPORTED, "the table's files are not Parquet");
    if (schema && strstr(schema, "\"delta.invariants\""))
        return err_set(e, ERR_UNSUPPORTED, "the table has column invariants, which millrace cannot check yet");
    if (schema && (strstr(schema, "delta.generationExpression") || strstr(schema, "delta.identity")))
        return err_set(e, ERR_UNSUPPORTED, "the table has generated columns, which are not supported yet");
    if (schema && strstr(schema, "__CHAR_VARCHAR_TYPE_STRING"))
        return err_set(e, ERR_UNSUPPORTED,
                       "the table has CHAR or VARCHAR columns, whose length millrace cannot check yet");
    return check_configuration(l, e);
}

/* A commit of ours is not there: cleaned up behind a checkpoint, as others may? */
static enum err check_cleaned_up(struct delta_log *l, struct log_txn *x, struct error *e)
{
    int64_t checkpoint;
    TRY(replay_newest_checkpoint(l->store, &checkpoint, e));
    x->cleaned_up = checkpoint >= x->version && x->version < l->version;
    return OK;
}

enum err delta_log_check_ours(struct delta_log *l, const char *app_id, struct error *e)
{
    struct buf            bytes;
    const struct log_txn *x;
    TRY(delta_log_look_up_txn(l, app_id, &x, e));
    if (!x || !x->nonce || x->cleaned_up)
        return OK;
    buf_init(&bytes, TAG_SINK, COMMIT_BYTES_MAX);
    enum err rc = get_commit(l, x->version, &bytes, e);
    bool     other = rc == OK && !strstr(buf_text(&bytes), x->nonce);
    if (rc == ERR_NOT_FOUND) {
        rc = check_cleaned_up(l, (struct log_txn *)(uintptr_t)x, e);
        other = rc == OK && !x->cleaned_up;
    }
    if (other)
        rc = err_set(e, ERR_DATA_LOSS,
                     "version %" PRId64 " of the table, which held epoch %" PRId64 ", was overwritten by a "
                     "writer that does not use put-if-absent",
                     x->version, x->epoch);
    buf_fini(&bytes);
    return rc;
}
