/* SPDX-License-Identifier: MIT */
#include "delta/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_BYTES_MAX ((size_t)256 << 20)

void delta_log_key(int64_t version, char out[64]) { snprintf(out, 64, "_delta_log/%020" PRId64 ".json", version); }

enum err delta_log_new(struct store *store, struct delta_log **out, struct error *e)
{
    struct delta_log *l = mem_zalloc(TAG_SINK, sizeof *l);
    *out = l;
    if (!l)
        return err_set(e, ERR_NO_MEMORY, "Delta log");
    l->store = store;
    l->version = -1;
    return OK;
}

static void free_txn(struct log_txn *x)
{
    mem_free(x->app_id);
    mem_free(x->nonce);
    mem_free(x->info);
    mem_free(x);
}

void delta_log_free(struct delta_log *l)
{
    if (!l)
        return;
    while (l->txns) {
        struct log_txn *next = l->txns->next;
        free_txn(l->txns);
        l->txns = next;
    }
    json_doc_free(l->metadata_doc);
    json_doc_free(l->protocol_doc);
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

/* What one commit says about itself. */
struct commit_facts {
    char       nonce[80];
    struct buf info;
    bool       ours;
};

static void read_commit_info(const struct json_value *info, struct commit_facts *facts)
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
    return OK;
}

/* Gives the transactions of this version the nonce and info of its commitInfo, wherever that stood. */
static enum err sign_txns(struct delta_log *l, int64_t version, struct commit_facts *facts, struct error *e)
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
static enum err apply_action(struct delta_log *l, struct json_value *doc, int64_t version, struct commit_facts *facts,
                             bool *keep, struct error *e)
{
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
        TRY(set_txn(l, json_get(doc, "txn"), version, e));
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

static enum err apply_lines(struct delta_log *l, const uint8_t *p, const uint8_t *end, int64_t version,
                            struct commit_facts *facts, struct error *e)
{
    while (p < end) {
        const uint8_t     *line = p;
        struct json_value *doc = NULL;
        struct error       why;
        bool               keep;
        const uint8_t     *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline ? newline + 1 : end;
        size_t n = (size_t)((newline ? newline : end) - line);
        if (n == 0 || is_file_action(line, n))
            continue;
        if (json_doc_parse((const char *)line, n, &doc, &why) != OK)
            return err_set(e, ERR_CORRUPT, "version %" PRId64 ": %s", version, why.text);
        enum err rc = apply_action(l, doc, version, facts, &keep, e);
        if (!keep)
            json_doc_free(doc);
        if (rc != OK)
            return err_wrap(e, rc, "version %" PRId64, version);
    }
    return OK;
}

enum err delta_log_apply(struct delta_log *l, const uint8_t *bytes, size_t n, int64_t version, struct error *e)
{
    struct commit_facts facts = {.ours = false};
    buf_init(&facts.info, TAG_SINK, COMMIT_BYTES_MAX);
    enum err rc = apply_lines(l, bytes, bytes + n, version, &facts, e);
    if (rc == OK)
        rc = sign_txns(l, version, &facts, e);
    if (rc == OK && (!l->metadata || !l->protocol))
        rc = err_set(e, ERR_CORRUPT, "version %" PRId64 " has no metaData or protocol", version);
    if (rc == OK)
        l->version = version;
    buf_fini(&facts.info);
    return rc;
}

/* ---- reading ---- */

struct listing {
    int64_t lowest, highest, lowest_checkpoint; /* lowest.. INT64_MAX, highest -1: none */
};

static bool note_key(void *arg, const char *key)
{
    struct listing *found = arg;
    const char     *name = key + strlen("_delta_log/");
    char           *end;
    int64_t         version = strtoll(name, &end, 10);
    if (end - name != 20 || version < 0)
        return true;
    if (strcmp(end, ".json") == 0) {
        found->lowest = version < found->lowest ? version : found->lowest;
        found->highest = version > found->highest ? version : found->highest;
    } else if (strncmp(end, ".checkpoint", 11) == 0 && version < found->lowest_checkpoint) {
        found->lowest_checkpoint = version;
    }
    return true;
}

/* What is there, once, when a table is opened: a log that does not begin at 0 is not ours to guess at. */
static enum err look_around(struct delta_log *l, struct listing *found, struct error *e)
{
    *found = (struct listing){.lowest = INT64_MAX, .highest = -1, .lowest_checkpoint = INT64_MAX};
    TRY(l->store->ops->list(l->store, "_delta_log/", NULL, note_key, found, e));
    if (found->lowest == 0 || (found->lowest == INT64_MAX && found->lowest_checkpoint == INT64_MAX))
        return OK;
    return err_set(e, ERR_UNSUPPORTED,
                   "the table's log starts at version %" PRId64
                   ": reading from a checkpoint comes later, write into a new table",
                   found->lowest < found->lowest_checkpoint ? found->lowest : found->lowest_checkpoint);
}

/* The newest version we know is still there, or somebody removed the table. */
static enum err check_still_there(struct delta_log *l, struct error *e)
{
    char    key[64];
    int64_t size;
    delta_log_key(l->version, key);
    enum err rc = l->store->ops->head(l->store, key, &size, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_DATA_LOSS,
                       "version %" PRId64 " of the table is gone: it was removed or went back in time", l->version);
    return rc;
}

/* Versions from l->version + 1 on, until one is not there. */
static enum err read_commits(struct delta_log *l, struct error *e)
{
    struct buf bytes;
    char       key[64];
    enum err   rc = OK;
    buf_init(&bytes, TAG_SINK, COMMIT_BYTES_MAX);
    while (rc == OK) {
        delta_log_key(l->version + 1, key);
        buf_clear(&bytes);
        rc = l->store->ops->get(l->store, key, &bytes, e);
        if (rc == OK)
            rc = delta_log_apply(l, bytes.data, bytes.size, l->version + 1, e);
    }
    buf_fini(&bytes);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

enum err delta_log_refresh(struct delta_log *l, struct error *e)
{
    struct listing found = {.highest = -1};
    TRY(l->version < 0 ? look_around(l, &found, e) : check_still_there(l, e));
    TRY(read_commits(l, e));
    if (l->version < found.highest) /* never write into a gap */
        return err_set(e, ERR_CORRUPT, "version %" PRId64 " of the table is missing, and version %" PRId64 " is there",
                       l->version + 1, found.highest);
    return OK;
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

enum err delta_log_check_writable(const struct delta_log *l, struct error *e)
{
    int64_t     reader = json_get_int(l->protocol, "minReaderVersion", 0);
    int64_t     writer = json_get_int(l->protocol, "minWriterVersion", 0);
    const char *schema = json_get_string(l->metadata, "schemaString");
    const char *provider = json_get_string(json_get(l->metadata, "format"), "provider");
    if (reader > 1 || writer > 2)
        return err_set(e, ERR_UNSUPPORTED, "the table needs protocol (%" PRId64 ",%" PRId64 "); millrace writes (1,2)",
                       reader, writer);
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

enum err delta_log_check_ours(const struct delta_log *l, const char *app_id, struct error *e)
{
    struct buf            bytes;
    char                  key[64];
    const struct log_txn *x = delta_log_find_txn(l, app_id);
    if (!x || !x->nonce)
        return OK;
    buf_init(&bytes, TAG_SINK, COMMIT_BYTES_MAX);
    delta_log_key(x->version, key);
    enum err    rc = l->store->ops->get(l->store, key, &bytes, e);
    const char *text = buf_text(&bytes);
    if (rc == OK)
        rc = buf_check(&bytes, key, e);
    if (rc == ERR_NOT_FOUND || (rc == OK && !strstr(text, x->nonce)))
        rc = err_set(e, ERR_DATA_LOSS,
                     "version %" PRId64 " of the table, which held epoch %" PRId64 ", was overwritten by a "
                     "writer that does not use put-if-absent",
                     x->version, x->epoch);
    buf_fini(&bytes);
    return rc;
}
