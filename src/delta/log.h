/* SPDX-License-Identifier: MIT */
/* delta/log: the replayed log behind a table. Inside delta/ (and its fuzz target); one owner. */
#ifndef DELTA_LOG_H
#define DELTA_LOG_H

#include "store/store.h"
#include "json/doc.h"

/* How we know of a transaction. A checkpoint keeps neither its commit's version nor what that said of itself. */
enum txn_origin { TXN_COMMIT, TXN_CHECKPOINT, TXN_COMMIT_GONE /* by a checkpoint, and its commit was cleaned up */ };

struct log_txn {
    struct log_txn *next;
    char           *app_id, *nonce, *info; /* nonce, info: NULL when not ours */
    int64_t         epoch, version;        /* version -1: not known */
    enum txn_origin origin;
    bool            cleaned_up; /* its commit was, since we saw it */
};

struct delta_log {
    struct store            *store;
    int64_t                  version;                     /* -1: no table */
    int64_t                  checkpoint;                  /* version it was read from, -1: from version 0 on */
    struct json_value       *metadata_doc, *protocol_doc; /* whole action lines */
    const struct json_value *metadata, *protocol;
    struct log_txn          *txns;
    char                     table_id[80]; /* as first seen */
};

MUST_CHECK enum err delta_log_new(struct store *store, struct delta_log **out, struct error *e);
void                delta_log_free(struct delta_log *l);
/* Reads versions after l->version, at first from the newest checkpoint on. ERR_DATA_LOSS: the table was replaced or
 * went back in time; ERR_CORRUPT names a bad or missing version. */
MUST_CHECK enum err delta_log_refresh(struct delta_log *l, struct error *e);
/* One commit's lines. */
MUST_CHECK enum err delta_log_apply(struct delta_log *l, const uint8_t *bytes, size_t n, int64_t version,
                                    struct error *e);
/* NULL: none. Its origin may be TXN_CHECKPOINT. */
const struct log_txn *delta_log_find_txn(const struct delta_log *l, const char *app_id);
/* The same, but one known by a checkpoint only is looked up: in its commit, when that still is there. */
MUST_CHECK enum err delta_log_look_up_txn(struct delta_log *l, const char *app_id, const struct log_txn **out,
                                          struct error *e);
/* Did the table ever have the file of the first of these add lines? Reads checkpoint and commits once more. */
MUST_CHECK enum err delta_log_had_file(struct delta_log *l, const char *adds, bool *had, struct error *e);
/* Protocol, features, constraints, properties: what an appender must not ignore. */
MUST_CHECK enum err delta_log_check_writable(const struct delta_log *l, struct error *e);
/* Does the newest version of that application still carry its nonce? A check-then-rename writer may have replaced
 * it. */
MUST_CHECK enum err delta_log_check_ours(struct delta_log *l, const char *app_id, struct error *e);

#endif
