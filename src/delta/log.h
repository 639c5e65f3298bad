/* SPDX-License-Identifier: MIT */
/* delta/log: the replayed log behind a table. Inside delta/ (and its fuzz target); one owner. */
#ifndef DELTA_LOG_H
#define DELTA_LOG_H

#include "store/store.h"
#include "json/doc.h"

struct log_txn {
    struct log_txn *next;
    char           *app_id, *nonce, *info; /* nonce, info: NULL when not ours */
    int64_t         epoch, version;
};

struct delta_log {
    struct store            *store;
    int64_t                  version;                     /* -1: no table */
    struct json_value       *metadata_doc, *protocol_doc; /* whole action lines */
    const struct json_value *metadata, *protocol;
    struct log_txn          *txns;
    char                     table_id[80]; /* as first seen */
};

MUST_CHECK enum err delta_log_new(struct store *store, struct delta_log **out, struct error *e);
void                delta_log_free(struct delta_log *l);
/* Reads versions after l->version. ERR_DATA_LOSS: the table was replaced; ERR_CORRUPT names a bad or missing version;
 * ERR_UNSUPPORTED: the log starts at a checkpoint. */
MUST_CHECK enum err delta_log_refresh(struct delta_log *l, struct error *e);
/* One commit's lines. */
MUST_CHECK enum err   delta_log_apply(struct delta_log *l, const uint8_t *bytes, size_t n, int64_t version,
                                      struct error *e);
const struct log_txn *delta_log_find_txn(const struct delta_log *l, const char *app_id);
/* Protocol, features, constraints, properties: what an appender must not ignore. */
MUST_CHECK enum err delta_log_check_writable(const struct delta_log *l, struct error *e);
/* Does the newest version of that application still carry its nonce? A check-then-rename writer may have replaced
 * it. */
MUST_CHECK enum err delta_log_check_ours(const struct delta_log *l, const char *app_id, struct error *e);
void                delta_log_key(int64_t version, char out[64]); /* "_delta_log/0..12.json" */

#endif
