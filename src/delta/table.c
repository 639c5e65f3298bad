/* SPDX-License-Identifier: MIT */
#include "delta/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/interval.h"
#include "delta/log.h"
#include "delta/replay.h"
#include "json/doc.h"
#include "json/write.h"

#define COMMIT_TRIES_MAX 1000

/* ---- looking ---- */

enum err delta_table_open(struct store *store, struct delta_table **out, struct error *e)
{
    struct delta_log *l;
    *out = NULL;
    TRY(delta_log_new(store, &l, e));
    enum err rc = delta_log_refresh(l, e);
    if (rc != OK) {
        delta_log_free(l);
        return rc;
    }
    *out = (struct delta_table *)l;
    return OK;
}

void delta_table_close(struct delta_table *t)
{
    if (t)
        delta_log_free((struct delta_log *)t);
}

enum err delta_table_refresh(struct delta_table *t, struct error *e)
{
    return delta_log_refresh((struct delta_log *)t, e);
}

int64_t delta_table_version(const struct delta_table *t) { return ((const struct delta_log *)t)->version; }

const char *delta_table_id(const struct delta_table *t)
{
    return json_get_string(((const struct delta_log *)t)->metadata, "id");
}

enum err delta_table_txn(struct delta_table *t, const char *app_id, bool *there, struct delta_txn *out, struct error *e)
{
    const struct log_txn *x;
    TRY(delta_log_look_up_txn((struct delta_log *)t, app_id, &x, e));
    *there = x != NULL;
    *out = (struct delta_txn){.epoch = -1, .version = -1};
    if (x)
        *out = (struct delta_txn){.epoch = x->epoch,
                                  .version = x->version,
                                  .nonce = x->nonce,
                                  .info = x->info,
                                  .gone = x->origin == TXN_COMMIT_GONE};
    return OK;
}

int64_t delta_table_generation(const struct delta_table *t, const char *prefix)
{
    int64_t highest = -1;
    for (const struct log_txn *x = ((const struct delta_log *)t)->txns; x; x = x->next)
        if (strncmp(x->app_id, prefix, strlen(prefix)) == 0) {
            int64_t g = strtoll(x->app_id + strlen(prefix), NULL, 10);
            highest = g > highest ? g : highest;
        }
    return highest;
}

/* ---- checkpoints ---- */

#define INTERVAL_DEFAULT 100
#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)

/* "interval 1 week"; what is not understood is for ever. */
static int64_t duration_ms(const char *text)
{
    int64_t us;
    int32_t months;
    bool    understood = interval_parse(text, &us, &months, NULL) == OK && months == 0 && us >= 0;
    return understood ? us / 1000 : INT64_MAX;
}

bool delta_table_checkpoint_due(const struct delta_table *t, int64_t version, int64_t *keep_removed_ms)
{
    const struct json_value *configuration = json_get(((const struct delta_log *)t)->metadata, "configuration");
    const char              *interval = json_get_string(configuration, "delta.checkpointInterval");
    const char              *keep = json_get_string(configuration, "delta.deletedFileRetentionDuration");
    int64_t                  n = interval ? strtoll(interval, NULL, 10) : INTERVAL_DEFAULT;
    *keep_removed_ms = keep ? duration_ms(keep) : WEEK_MS;
    return version > 0 && version % (n > 0 ? n : INTERVAL_DEFAULT) == 0;
}

/* ---- committing ---- */

static void put_metrics(struct json_writer *w, const struct delta_commit *c)
{
    char text[32];
    json_key(w, "operationMetrics");
    json_begin_object(w);
    json_member_string(w, "numRemovedFiles", "0");
    json_key(w, "numAddedFiles");
    snprintf(text, sizeof text, "%" PRId64, c->n_files);
    json_put_string(w, text);
    json_key(w, "numOutputRows");
    snprintf(text, sizeof text, "%" PRId64, c->n_rows);
    json_put_string(w, text);
    json_key(w, "numOutputBytes");
    snprintf(text, sizeof text, "%" PRId64, c->n_bytes);
    json_put_string(w, text);
    json_end_object(w);
}

/* An action is one line: a line break between the caller's tokens must not end it. */
static void put_one_line(struct json_writer *w, const char *json)
{
    size_t from = w->out->size;
    json_put_raw(w, json);
    for (size_t i = from; i < w->out->size; i++)
        if (w->out->data[i] == '\n' || w->out->data[i] == '\r')
            w->out->data[i] = ' ';
}

static void put_commit_info(const struct delta_commit *c, int64_t read_version, struct buf *out)
{
    struct json_writer w;
    char               text[32];
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "commitInfo");
    json_begin_object(&w);
    json_member_int(&w, "timestamp", c->now_ms);
    json_member_string(&w, "operation", "STREAMING UPDATE");
    json_key(&w, "operationParameters");
    json_begin_object(&w);
    json_member_string(&w, "outputMode", "Append");
    json_member_string(&w, "queryId", c->query_id);
    json_key(&w, "epochId");
    snprintf(text, sizeof text, "%" PRId64, c->epoch);
    json_put_string(&w, text);
    json_end_object(&w);
    if (read_version >= 0) {
        json_member_int(&w, "readVersion", read_version);
    }
    json_member_string(&w, "isolationLevel", "WriteSerializable");
    json_member_bool(&w, "isBlindAppend", true);
    put_metrics(&w, c);
    json_member_string(&w, "engineInfo", "millrace/0.1.0");
    json_member_string(&w, "txnId", c->nonce);
    json_key(&w, "millrace");
    put_one_line(&w, c->info);
    json_end_object(&w);
    json_end_object(&w);
    buf_u8(out, '\n');
}

static void put_new_table(const struct delta_commit *c, struct buf *out)
{
    struct json_writer w;
    struct buf         schema;
    char               id[37];
    uuid_v4(id);
    buf_init(&schema, TAG_SINK, (size_t)1 << 24);
    delta_schema_json(c->schema, &schema);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "metaData");
    json_begin_object(&w);
    json_member_string(&w, "id", id);
    if (c->comment) {
        json_member_string(&w, "description", c->comment);
    }
    json_member_raw(&w, "format", "{\"provider\":\"parquet\",\"options\":{}}");
    json_member_string(&w, "schemaString", buf_text(&schema));
    json_key(&w, "partitionColumns");
    json_begin_array(&w);
    for (int i = 0; i < c->n_partition_by; i++)
        json_put_string(&w, c->partition_by[i]);
    json_end_array(&w);
    json_key(&w, "configuration");
    json_begin_object(&w);
    for (int i = 0; i < c->n_properties; i++) {
        json_member_string(&w, c->properties[i].key, c->properties[i].value);
    }
    json_end_object(&w);
    json_member_int(&w, "createdTime", c->now_ms);
    json_end_object(&w);
    json_end_object(&w);
    if (schema.failed)
        out->failed = true; /* never a table without its schema */
    buf_puts(out, "\n{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
    buf_fini(&schema);
}

static enum err make_commit(const struct delta_log *l, const struct delta_commit *c, struct buf *out, struct error *e)
{
    struct json_writer w;
    buf_clear(out);
    put_commit_info(c, l->version, out);
    if (l->version < 0)
        put_new_table(c, out);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "txn");
    json_begin_object(&w);
    json_member_string(&w, "appId", c->app_id);
    json_member_int(&w, "version", c->epoch);
    json_member_int(&w, "lastUpdated", c->now_ms);
    json_end_object(&w);
    json_end_object(&w);
    buf_u8(out, '\n');
    buf_puts(out, c->adds);
    return buf_check(out, "a Delta commit", e);
}

/* The epoch is in a checkpoint, and its commit was cleaned up before we knew how it ended. Whose was it? Its files have
 * names that nobody else gives. Without rows there is nothing to be told apart, and nothing to be doubled. */
static enum err look_for_files(struct delta_log *l, const struct delta_commit *c, struct error *e)
{
    bool had = true;
    TRY(c->adds[0] ? delta_log_had_file(l, c->adds, &had, e) : OK);
    if (had)
        return OK;
    return err_set(e, ERR_FENCED,
                   "epoch %" PRId64 " of %s is in the table, none of our files of it are, and the commit that says who "
                   "wrote it was cleaned up: another process must have",
                   c->epoch, c->app_id);
}

/* Is this epoch there already, and by whom? *done: by us. */
static enum err look_for_epoch(struct delta_log *l, const struct delta_commit *c, bool *done, int64_t *version,
                               struct error *e)
{
    const struct log_txn *x = delta_log_find_txn(l, c->app_id);
    *done = false;
    if (!x || x->epoch < c->epoch)
        return OK;
    if (x->epoch == c->epoch)
        TRY(delta_log_look_up_txn(l, c->app_id, &x, e));
    if (x->epoch == c->epoch && x->origin == TXN_COMMIT_GONE)
        TRY(look_for_files(l, c, e));
    else if (x->epoch != c->epoch || !x->nonce || strcmp(x->nonce, c->nonce) != 0)
        return err_set(e, ERR_FENCED,
                       "epoch %" PRId64 " of %s was written by another process (the table has epoch %" PRId64
                       "): this one must not go on",
                       c->epoch, c->app_id, x->epoch);
    *done = true;
    *version = x->version;
    return OK;
}

enum err delta_table_commit(struct delta_table *t, const struct delta_commit *c, int64_t *version, struct error *e)
{
    struct delta_log *l = (struct delta_log *)t;
    struct buf        bytes;
    char              key[64];
    bool              done;
    enum err          rc = OK;
    buf_init(&bytes, TAG_SINK, (size_t)256 << 20);
    for (int i = 0;; i++) {
        if ((rc = delta_log_refresh(l, e)) != OK || (rc = look_for_epoch(l, c, &done, version, e)) != OK || done)
            break;
        if (l->version < 0 && !c->create) {
            rc = err_set(e, ERR_DATA_LOSS, "the table is gone: millrace never makes it again in the middle of a query");
            break;
        }
        if ((rc = delta_table_check(t, c->schema, c->partition_by, c->n_partition_by, e)) != OK ||
            (rc = delta_log_check_ours(l, c->app_id, e)) != OK || (rc = make_commit(l, c, &bytes, e)) != OK)
            break;
        replay_commit_key(l->version + 1, key);
        rc = l->store->ops->put_if_absent(l->store, key, bytes.data, bytes.size, e);
        if (rc == OK) {
            *version = l->version + 1;
            rc = delta_log_apply(l, bytes.data, bytes.size, *version, e);
            break;
        }
        if (rc != ERR_EXISTS) {
            /* It may have happened all the same: whoever comes next, after the error, will see. */
            struct error ignored;
            if (delta_log_refresh(l, &ignored) == OK && look_for_epoch(l, c, &done, version, &ignored) == OK && done)
                rc = OK;
            break;
        }
        if (i == COMMIT_TRIES_MAX) {
            rc = err_set(e, ERR_CONFLICT, "%d other commits came first", COMMIT_TRIES_MAX);
            break;
        }
    }
    buf_fini(&bytes);
    return rc;
}
