/* SPDX-License-Identifier: MIT */
/*
 * delta/snapshot: what a table consists of: its files, versions and columns, for people who look at it; for writers
 * table.h. Blocking, io threads, one owner at a time.
 *
 * Replays a checkpoint and the JSON commits after it, and keeps removed files too, so that each of these versions can
 * be looked at: the last SNAPSHOT_HISTORY at least, when the log still has them. A refresh reads what is new only.
 */
#ifndef DELTA_SNAPSHOT_H
#define DELTA_SNAPSHOT_H

#include "column/batch.h"
#include "store/store.h"

#define SNAPSHOT_FILES_MAX 1000000
#define SNAPSHOT_HISTORY 1000

struct snapshot_file {
    const char *path;           /* a key of the store */
    const char *partition;      /* JSON object of texts */
    int64_t     bytes, rows;    /* rows -1: not told */
    int64_t     added, removed; /* versions (that of the checkpoint, or earlier: it); removed -1: it is there */
};

struct snapshot_version {
    int64_t     version, timestamp_ms;
    const char *operation, *query; /* "WRITE"; "" unknown */
    int64_t     epoch;             /* -1: not of millrace */
    int64_t     rows, files, bytes, removed_files;
};

struct table_snapshot;
/* The store is borrowed. */
MUST_CHECK enum err table_snapshot_new(struct store *store, struct table_snapshot **out, struct error *e);
void                table_snapshot_free(struct table_snapshot *s);
/* ERR_NOT_FOUND: there is no table (yet). */
MUST_CHECK enum err table_snapshot_refresh(struct table_snapshot *s, struct error *e);

int64_t table_snapshot_version(const struct table_snapshot *s); /* -1: none */
int64_t table_snapshot_first(const struct table_snapshot *s);   /* the oldest that is known */
/* What _last_checkpoint says; -1: nothing. */
int64_t table_snapshot_checkpoint(const struct table_snapshot *s);
/* How often it was read from the start: files are other files after that. A log is when others have cleaned it up. */
int64_t                        table_snapshot_openings(const struct table_snapshot *s);
const struct snapshot_version *table_snapshot_at(const struct table_snapshot *s, int64_t version); /* NULL: not known */
int64_t                        table_snapshot_created_ms(const struct table_snapshot *s);          /* 0: not told */
int64_t                        table_snapshot_n_files(const struct table_snapshot *s);
const struct snapshot_file    *table_snapshot_file(const struct table_snapshot *s, int64_t i); /* all, as they came */
bool                           snapshot_file_is_in(const struct snapshot_file *f, int64_t version);
/* STRUCT of the newest schema. ERR_UNSUPPORTED names a type that is not known. */
MUST_CHECK enum err table_snapshot_schema(const struct table_snapshot *s, const struct type **out, struct error *e);
int                 table_snapshot_n_partition_columns(const struct table_snapshot *s);
const char         *table_snapshot_partition_column(const struct table_snapshot *s, int i);

/* Rows of one data file through `each` (owns the batch; not OK stops), at most `most` (0: all); partition columns are
 * filled in. ERR_UNSUPPORTED: the table asks for readers that know more than version 1. */
MUST_CHECK enum err table_snapshot_read(struct table_snapshot *s, const struct snapshot_file *f, uint32_t most,
                                        enum err (*each)(void *arg, struct batch *b, struct error *e), void *arg,
                                        struct error *e);

#endif
