/* SPDX-License-Identifier: MIT */
/*
 * state/catalog: the SQLite file of a state folder: which queries live here and how far each has come.
 *
 *   <state dir>/lock            held (flock) while a process uses the folder; says who
 *   <state dir>/catalog.db      this file
 *   <state dir>/snapshots/      operator state, one checksummed file per epoch (state/snapshot.h)
 *
 * A cache of the Delta log: losing it costs a rebuild, never a row. One connection for all queries of a process; any
 * io thread may call, one is served at a time. Every write is one transaction with synchronous=FULL: durable when it
 * returns. resource.h: what a service is told to run, in the same file.
 */
#ifndef STATE_CATALOG_H
#define STATE_CATALOG_H

#include <stdint.h>

#include "base/alloc.h"

struct catalog;

struct query_row {
    const char *name;
    int64_t     generation;
    const char *fingerprint;
    const char *start;
    int64_t     created_ms;
};

struct epoch_row {
    int64_t     epoch;
    bool        committed; /* else prepared */
    const char *nonce;
    const char *info;
    int64_t     now_us;
    const char *snapshot; /* NULL: none */
    const char *receipts;
    const char *versions; /* NULL until committed */
};

/* Takes the folder: makes it when missing, locks it (ERR_BUSY says which process holds it), opens the database,
 * checks it (ERR_CORRUPT names the file) and brings its tables up to date (ERR_UNSUPPORTED: made by a newer
 * millrace). */
MUST_CHECK enum err catalog_open(const char *dir, struct catalog **out, struct error *e);
void                catalog_close(struct catalog *c); /* NULL is ignored */
const char         *catalog_dir(const struct catalog *c);

/* Moves a database that cannot be trusted aside (catalog.db.bad-N), so that the next open starts afresh. */
MUST_CHECK enum err catalog_move_aside(const char *dir, struct error *e);

/* Strings of rows are copied into the arena. ERR_NOT_FOUND: no such query, or no epoch yet. */
MUST_CHECK enum err catalog_query_get(struct catalog *c, const char *name, struct arena *a, struct query_row *out,
                                      struct error *e);
MUST_CHECK enum err catalog_query_put(struct catalog *c, const struct query_row *row, struct error *e);
/* Newest epoch of that generation. */
MUST_CHECK enum err catalog_epoch_last(struct catalog *c, const char *query, int64_t generation, struct arena *a,
                                       struct epoch_row *out, struct error *e);
MUST_CHECK enum err catalog_epoch_get(struct catalog *c, const char *query, int64_t generation, int64_t epoch,
                                      struct arena *a, struct epoch_row *out, struct error *e);
/* Step 3 of the epoch protocol. An epoch that is there already is replaced only while it is not committed. */
MUST_CHECK enum err catalog_epoch_prepared(struct catalog *c, const char *query, int64_t generation,
                                           const struct epoch_row *row, struct error *e);
/* Step 5; epochs older than the one before it are deleted in the same transaction. */
MUST_CHECK enum err catalog_epoch_committed(struct catalog *c, const char *query, int64_t generation, int64_t epoch,
                                            const char *versions, struct error *e);
/* Writes a committed epoch in one go (recovery from the table when the database was lost). */
MUST_CHECK enum err catalog_epoch_adopt(struct catalog *c, const char *query, int64_t generation,
                                        const struct epoch_row *row, struct error *e);

/* Everything of that query: it never ran here. */
MUST_CHECK enum err catalog_forget(struct catalog *c, const char *query, struct error *e);

#endif
