/* SPDX-License-Identifier: MIT */
/*
 * delta/table: a Delta table's log: what it says, and our appends to it. Blocking, io threads, one owner at a time.
 *
 * Replays the newest checkpoint and the JSON commits after it, and refuses every feature an appending writer of
 * protocol (1,2) must not ignore. Our commits carry commitInfo.millrace {epoch, nonce, ..}: the nonce says who wrote an
 * epoch. A checkpoint has epochs without nonces, so these are looked up in the commits, as long as nobody cleans them
 * up.
 *
 * Source: delta PROTOCOL.md (actions, protocol, schema), OptimisticTransaction (conflicts).
 */
#ifndef DELTA_TABLE_H
#define DELTA_TABLE_H

#include "column/type.h"
#include "store/store.h"

struct delta_table;

/* What a transaction id of ours says. */
struct delta_txn {
    int64_t     epoch;   /* txn.version */
    int64_t     version; /* of the commit that wrote it, -1 when it is gone */
    const char *nonce;   /* NULL: not written by millrace, or gone */
    const char *info;    /* commitInfo.millrace as JSON, or NULL */
    bool        gone;    /* the commit was cleaned up: only a checkpoint still knows of it, and that not whose it was */
};

struct delta_property {
    const char *key, *value;
};

/* Reads the log. A table that does not exist yet is fine: delta_table_version is then -1. The store is borrowed. */
MUST_CHECK enum err delta_table_open(struct store *store, struct delta_table **out, struct error *e);
void                delta_table_close(struct delta_table *t);
/* Reads what others have committed since. */
MUST_CHECK enum err delta_table_refresh(struct delta_table *t, struct error *e);

int64_t     delta_table_version(const struct delta_table *t);
const char *delta_table_id(const struct delta_table *t); /* metaData.id, NULL before version 0 */
/* The newest transaction of that application; *there false when there is none. */
MUST_CHECK enum err delta_table_txn(struct delta_table *t, const char *app_id, bool *there, struct delta_txn *out,
                                    struct error *e);
/* Highest g of the application ids "<prefix><g>", -1 when there is none. */
int64_t delta_table_generation(const struct delta_table *t, const char *prefix);
/* May rows of that schema and partitioning be appended? ERR_CONFLICT says what differs, ERR_UNSUPPORTED what the
 * table has that we must not ignore. A table that does not exist: may it be made (delta_schema_check)? */
MUST_CHECK enum err delta_table_check(const struct delta_table *t, const struct type *schema,
                                      const char *const *partition_by, int n_partition_by, struct error *e);

struct delta_commit {
    const char                  *app_id;
    int64_t                      epoch;
    const char                  *nonce;
    const char                  *adds; /* add actions, one JSON object a line, each ended by \n; may be "" */
    int64_t                      n_files, n_rows, n_bytes;
    const char                  *info; /* JSON object for commitInfo.millrace */
    int64_t                      now_ms;
    const char                  *query_id;
    bool                         create; /* the table may be made by this commit */
    const struct type           *schema; /* of the table to make */
    const char *const           *partition_by;
    int                          n_partition_by;
    const struct delta_property *properties;
    int                          n_properties;
    const char                  *comment; /* or NULL */
};

/*
 * Appends a version, rebasing over the appends of others. Idempotent: when the log holds this epoch with our nonce
 * already, gives its version (-1 when that was cleaned up, and the files of the epoch say that it is ours).
 * ERR_FENCED: this epoch with another nonce, or a later one. ERR_DATA_LOSS: the table vanished or was replaced.
 * ERR_CONFLICT: schema or protocol changed under us.
 */
MUST_CHECK enum err delta_table_commit(struct delta_table *t, const struct delta_commit *c, int64_t *version,
                                       struct error *e);

/* Is a checkpoint wanted behind that version: is it a multiple of delta.checkpointInterval (100 unless it is set)?
 * *keep_removed_ms: delta.deletedFileRetentionDuration, a week unless it is set. */
bool delta_table_checkpoint_due(const struct delta_table *t, int64_t version, int64_t *keep_removed_ms);

/* May a table with these columns be made? ERR_INVALID names a column Delta refuses (characters, the same name
 * twice), an unknown or wrong partition column; ERR_UNSUPPORTED a type that cannot be written. */
MUST_CHECK enum err delta_schema_check(const struct type *schema, const char *const *partition_by, int n_partition_by,
                                       struct error *e);
/* May the property be set on a table of protocol (1,2)? Own properties (without "delta.") always; ERR_UNSUPPORTED
 * says why not. */
MUST_CHECK enum err delta_property_check(const char *key, const char *value, struct error *e);

/* The schema as Delta writes it: {"type":"struct","fields":[..]}, all nullable. */
void delta_schema_json(const struct type *schema, struct buf *out);

#endif
