/* SPDX-License-Identifier: MIT */
/* state/catalog_priv: the connection, as the files of this room use it. Under c->lock, but for catalog__begin. */
#ifndef STATE_CATALOG_PRIV_H
#define STATE_CATALOG_PRIV_H

#include <sqlite3.h>

#include "base/inbox.h" /* the lock of this house */
#include "state/catalog.h"

#define CATALOG_PATH_BYTES 4096

struct catalog {
    sqlite3        *db;
    pthread_mutex_t lock; /* one statement, or one transaction, at a time */
    int             lock_fd;
    char            dir[CATALOG_PATH_BYTES];
};

enum err            catalog__error(struct catalog *c, const char *what, struct error *e);
MUST_CHECK enum err catalog__run(struct catalog *c, const char *sql, struct error *e);
/* Prepares and binds: s text (NULL allowed), i int64. */
MUST_CHECK enum err catalog__prepare(struct catalog *c, sqlite3_stmt **s, const char *sql, const char *types,
                                     struct error *e, ...);
/* Runs to the end and finalizes. */
MUST_CHECK enum err catalog__finish(struct catalog *c, sqlite3_stmt *s, struct error *e);
/* A text column into the arena; NULL stays NULL. Clears *ok when memory is out. */
const char *catalog__text(sqlite3_stmt *s, int column, struct arena *a, bool *ok);
/* Takes the lock and begins a transaction, which end_ commits when rc is OK, else takes back. */
MUST_CHECK enum err catalog__begin(struct catalog *c, struct error *e);
MUST_CHECK enum err catalog__end(struct catalog *c, enum err rc, struct error *e);

#endif
