/* SPDX-License-Identifier: MIT */
#include "state/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "state/catalog_priv.h"

#define PATH_BYTES CATALOG_PATH_BYTES

/* The files of migrations/, embedded by the build in the order of their numbers: 0001_catalog.sql is 1. */
static const struct migration {
    const char *name;
    size_t      size;
    const char *sql;
} migrations[] = {
#include "state/migrations.inc"
};

/* ---- errors ---- */

enum err catalog__error(struct catalog *c, const char *what, struct error *e)
{
    int      code = c->db ? sqlite3_errcode(c->db) & 0xff : SQLITE_NOMEM;
    enum err rc = code == SQLITE_FULL                               ? ERR_NO_SPACE
                  : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT
                  : code == SQLITE_READONLY || code == SQLITE_PERM  ? ERR_PERMISSION
                  : code == SQLITE_NOMEM                            ? ERR_NO_MEMORY
                                                                    : ERR_IO;
    rc = err_set(e, rc, "%s/catalog.db: %s: %s", c->dir, what, c->db ? sqlite3_errmsg(c->db) : "no memory");
    if (e && (code == SQLITE_IOERR || code == SQLITE_BUSY || code == SQLITE_CANTOPEN))
        e->retry = true;
    return rc;
}

enum err catalog__run(struct catalog *c, const char *sql, struct error *e)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : catalog__error(c, "exec", e);
}

/* ---- lock ---- */

static enum err make_dirs(const char *dir, struct error *e)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return err_errno(e, errno, "make folder %s", path);
        *slash = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return err_errno(e, errno, "make folder %s", path);
    snprintf(path, sizeof path, "%s/snapshots", dir);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return err_errno(e, errno, "make folder %s", path);
    return OK;
}

static enum err take_lock(struct catalog *c, struct error *e)
{
    char path[PATH_BYTES + 8], who[128] = "";
    snprintf(path, sizeof path, "%s/lock", c->dir);
    c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->lock_fd < 0)
        return err_errno(e, errno, "open %s", path);
    if (flock(c->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int     number = errno;
        ssize_t n = read(c->lock_fd, who, sizeof who - 1);
        if (number != EWOULDBLOCK)
            return err_errno(e, number, "lock %s", path);
        who[n > 0 ? n : 0] = 0;
        who[strcspn(who, "\n")] = 0;
        enum err rc = err_set(e, ERR_BUSY, "state folder %s is in use by %s; stop it or use another --state-dir",
                              c->dir, who[0] ? who : "another process");
        if (e)
            e->retry = false;
        return rc;
    }
    int n = snprintf(who, sizeof who, "process %ld\n", (long)getpid());
    if (ftruncate(c->lock_fd, 0) != 0 || pwrite(c->lock_fd, who, (size_t)n, 0) != n)
        return err_errno(e, errno, "write %s", path);
    return OK;
}

/* ---- migrations ---- */

static enum err user_version(struct catalog *c, int *version, struct error *e)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(c->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
        enum err rc = catalog__error(c, "read version", e);
        sqlite3_finalize(s);
        return rc;
    }
    *version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return OK;
}

/* A database that another text of a migration made is not ours to touch. */
static enum err check_sum(struct catalog *c, const struct migration *m, struct error *e)
{
    sqlite3_stmt *s;
    int64_t       number = strtol(m->name, NULL, 10), checksum = crc32c(0, m->sql, m->size);
    TRY(catalog__prepare(c, &s, "INSERT OR IGNORE INTO migration (number, checksum) VALUES (?, ?)", "ii", e, number,
                         checksum));
    TRY(catalog__finish(c, s, e));
    TRY(catalog__prepare(c, &s, "SELECT checksum FROM migration WHERE number = ?", "i", e, number));
    enum err rc = sqlite3_step(s) == SQLITE_ROW ? OK : catalog__error(c, "read checksum", e);
    if (rc == OK && sqlite3_column_int64(s, 0) != checksum)
        rc = err_set(e, ERR_UNSUPPORTED, "%s/catalog.db was made by another text of migration %s", c->dir, m->name);
    sqlite3_finalize(s);
    return rc;
}

static enum err check_sums(struct catalog *c, struct error *e)
{
    for (size_t i = 0; i < sizeof migrations / sizeof migrations[0]; i++)
        TRY(check_sum(c, &migrations[i], e));
    return OK;
}

static enum err migrate(struct catalog *c, struct error *e)
{
    int version = 0, newest = 0;
    TRY(user_version(c, &version, e));
    for (size_t i = 0; i < sizeof migrations / sizeof migrations[0]; i++) {
        const struct migration *m = &migrations[i];
        char                    done[64];
        newest = (int)strtol(m->name, NULL, 10);
        if (newest <= version)
            continue;
        TRY(catalog__run(c, "BEGIN IMMEDIATE", e));
        enum err rc = catalog__run(c, m->sql, e);
        snprintf(done, sizeof done, "PRAGMA user_version = %d", newest);
        if (rc == OK)
            rc = catalog__run(c, done, e);
        if (rc == OK)
            rc = catalog__run(c, "COMMIT", e);
        if (rc != OK) {
            sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
            return err_wrap(e, rc, "migration %s", m->name);
        }
    }
    if (version <= newest)
        return check_sums(c, e);
    return err_set(e, ERR_UNSUPPORTED, "%s/catalog.db is of version %d, this millrace knows up to %d", c->dir, version,
                   newest);
}

static enum err check_integrity(struct catalog *c, struct error *e)
{
    sqlite3_stmt *s = NULL;
    enum err      rc = OK;
    if (sqlite3_prepare_v2(c->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        rc = catalog__error(c, "check", e);
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
        rc = err_set(e, ERR_CORRUPT, "%s/catalog.db: %s", c->dir, (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return rc;
}

enum err catalog_open(const char *dir, struct catalog **out, struct error *e)
{
    char            path[PATH_BYTES + 16];
    enum err        rc;
    struct catalog *c = mem_zalloc(TAG_STATE, sizeof *c);
    *out = NULL;
    if (!c)
        return err_set(e, ERR_NO_MEMORY, "catalog");
    c->lock_fd = -1;
    pthread_mutex_init(&c->lock, NULL);
    snprintf(c->dir, sizeof c->dir, "%s", dir);
    if ((rc = make_dirs(dir, e)) != OK || (rc = take_lock(c, e)) != OK)
        goto out;
    snprintf(path, sizeof path, "%s/catalog.db", dir);
    if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        rc = catalog__error(c, "open", e);
        goto out;
    }
    if ((rc = catalog__run(c, "PRAGMA journal_mode = WAL", e)) != OK ||
        (rc = catalog__run(c, "PRAGMA synchronous = FULL", e)) != OK ||
        (rc = catalog__run(c, "PRAGMA foreign_keys = ON", e)) != OK || (rc = check_integrity(c, e)) != OK ||
        (rc = migrate(c, e)) != OK)
        goto out;
    *out = c;
    return OK;
out:
    catalog_close(c);
    return rc;
}

void catalog_close(struct catalog *c)
{
    if (!c)
        return;
    sqlite3_close(c->db);
    if (c->lock_fd >= 0)
        close(c->lock_fd); /* releases the lock */
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

const char *catalog_dir(const struct catalog *c) { return c->dir; }

enum err catalog_move_aside(const char *dir, struct error *e)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char                     from[PATH_BYTES + 16], to[PATH_BYTES + 64];
    int64_t                  stamp = clock_wall_us() / 1000;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(from, sizeof from, "%s/catalog.db%s", dir, suffixes[i]);
        snprintf(to, sizeof to, "%s/catalog.db.bad-%lld%s", dir, (long long)stamp, suffixes[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return err_errno(e, errno, "move %s aside", from);
    }
    return OK;
}

/* ---- rows ---- */

enum err catalog__prepare(struct catalog *c, sqlite3_stmt **s, const char *sql, const char *types, struct error *e, ...)
{
    va_list args;
    int     rc = sqlite3_prepare_v2(c->db, sql, -1, s, NULL);
    va_start(args, e);
    for (int i = 1; rc == SQLITE_OK && *types; types++, i++)
        rc = *types == 'i' ? sqlite3_bind_int64(*s, i, va_arg(args, int64_t))
                           : sqlite3_bind_text(*s, i, va_arg(args, const char *), -1, SQLITE_STATIC);
    va_end(args);
    if (rc == SQLITE_OK)
        return OK;
    enum err code = catalog__error(c, "prepare", e);
    sqlite3_finalize(*s);
    *s = NULL;
    return code;
}

enum err catalog__finish(struct catalog *c, sqlite3_stmt *s, struct error *e)
{
    int step = sqlite3_step(s);
    int rc = sqlite3_finalize(s);
    return step == SQLITE_DONE && rc == SQLITE_OK ? OK : catalog__error(c, "write", e);
}

const char *catalog__text(sqlite3_stmt *s, int i, struct arena *a, bool *ok)
{
    const char *t = (const char *)sqlite3_column_text(s, i);
    if (!t)
        return NULL;
    char *copy = arena_strdup(a, t);
    *ok = *ok && copy;
    return copy;
}

static enum err query_get(struct catalog *c, const char *name, struct arena *a, struct query_row *out, struct error *e)
{
    sqlite3_stmt *s;
    bool          ok = true;
    TRY(catalog__prepare(c, &s, "SELECT generation, fingerprint, start, created_ms FROM query WHERE name = ?", "s", e,
                         name));
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        *out = (struct query_row){.name = arena_strdup(a, name),
                                  .generation = sqlite3_column_int64(s, 0),
                                  .fingerprint = catalog__text(s, 1, a, &ok),
                                  .start = catalog__text(s, 2, a, &ok),
                                  .created_ms = sqlite3_column_int64(s, 3)};
    enum err rc = step == SQLITE_ROW    ? OK
                  : step == SQLITE_DONE ? err_set(e, ERR_NOT_FOUND, "query %s is not known in %s", name, c->dir)
                                        : catalog__error(c, "read query", e);
    sqlite3_finalize(s);
    return rc == OK && !ok ? err_set(e, ERR_NO_MEMORY, "query row") : rc;
}

static enum err query_put(struct catalog *c, const struct query_row *row, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(c, &s,
                         "INSERT INTO query (name, generation, fingerprint, start, created_ms) VALUES (?, ?, ?, ?, ?)"
                         " ON CONFLICT (name) DO UPDATE SET generation = excluded.generation,"
                         " fingerprint = excluded.fingerprint, start = excluded.start",
                         "sissi", e, row->name, row->generation, row->fingerprint, row->start, row->created_ms));
    return catalog__finish(c, s, e);
}

#define EPOCH_COLUMNS "epoch, status, nonce, info, now_us, snapshot, receipts, versions"

static enum err read_epoch(struct catalog *c, sqlite3_stmt *s, struct arena *a, struct epoch_row *out, struct error *e)
{
    bool ok = true;
    int  step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        *out = (struct epoch_row){.epoch = sqlite3_column_int64(s, 0),
                                  .committed = strcmp((const char *)sqlite3_column_text(s, 1), "committed") == 0,
                                  .nonce = catalog__text(s, 2, a, &ok),
                                  .info = catalog__text(s, 3, a, &ok),
                                  .now_us = sqlite3_column_int64(s, 4),
                                  .snapshot = catalog__text(s, 5, a, &ok),
                                  .receipts = catalog__text(s, 6, a, &ok),
                                  .versions = catalog__text(s, 7, a, &ok)};
    enum err rc = step == SQLITE_ROW    ? OK
                  : step == SQLITE_DONE ? err_set(e, ERR_NOT_FOUND, "no such epoch in %s", c->dir)
                                        : catalog__error(c, "read epoch", e);
    sqlite3_finalize(s);
    return rc == OK && !ok ? err_set(e, ERR_NO_MEMORY, "epoch row") : rc;
}

static enum err epoch_last(struct catalog *c, const char *query, int64_t generation, struct arena *a,
                           struct epoch_row *out, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(
        c, &s, "SELECT " EPOCH_COLUMNS " FROM epoch WHERE query = ? AND generation = ? ORDER BY epoch DESC LIMIT 1",
        "si", e, query, generation));
    return read_epoch(c, s, a, out, e);
}

static enum err epoch_get(struct catalog *c, const char *query, int64_t generation, int64_t epoch, struct arena *a,
                          struct epoch_row *out, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(c, &s, "SELECT " EPOCH_COLUMNS " FROM epoch WHERE query = ? AND generation = ? AND epoch = ?",
                         "sii", e, query, generation, epoch));
    return read_epoch(c, s, a, out, e);
}

static enum err put_epoch(struct catalog *c, const char *query, int64_t generation, const struct epoch_row *row,
                          struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(
        c, &s,
        "INSERT INTO epoch (query, generation, " EPOCH_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET status = excluded.status, nonce = excluded.nonce, info = excluded.info,"
        " now_us = excluded.now_us, snapshot = excluded.snapshot, receipts = excluded.receipts,"
        " versions = excluded.versions WHERE status = 'prepared'",
        "siisssisss", e, query, generation, row->epoch, row->committed ? "committed" : "prepared", row->nonce,
        row->info, row->now_us, row->snapshot, row->receipts, row->versions));
    TRY(catalog__finish(c, s, e));
    CHECK(sqlite3_changes(c->db) == 1); /* a committed epoch is never replaced */
    return OK;
}

static enum err mark_committed(struct catalog *c, const char *query, int64_t generation, int64_t epoch,
                               const char *versions, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(
        c, &s, "UPDATE epoch SET status = 'committed', versions = ? WHERE query = ? AND generation = ? AND epoch = ?",
        "ssii", e, versions, query, generation, epoch));
    TRY(catalog__finish(c, s, e));
    CHECK(sqlite3_changes(c->db) == 1);
    TRY(catalog__prepare(c, &s,
                         "DELETE FROM epoch WHERE query = ? AND (generation < ? OR (generation = ? AND epoch < ? - 1))",
                         "siii", e, query, generation, generation, epoch));
    return catalog__finish(c, s, e);
}

static enum err forget(struct catalog *c, const char *query, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(c, &s, "DELETE FROM epoch WHERE query = ?", "s", e, query));
    TRY(catalog__finish(c, s, e));
    TRY(catalog__prepare(c, &s, "DELETE FROM query WHERE name = ?", "s", e, query));
    return catalog__finish(c, s, e);
}

/* ---- one at a time ---- */

#define LOCKED(call)                    \
    do {                                \
        pthread_mutex_lock(&c->lock);   \
        enum err rc_ = (call);          \
        pthread_mutex_unlock(&c->lock); \
        return rc_;                     \
    } while (0)

enum err catalog_query_get(struct catalog *c, const char *name, struct arena *a, struct query_row *out, struct error *e)
{
    LOCKED(query_get(c, name, a, out, e));
}

enum err catalog_query_put(struct catalog *c, const struct query_row *row, struct error *e)
{
    LOCKED(query_put(c, row, e));
}

enum err catalog_epoch_last(struct catalog *c, const char *query, int64_t generation, struct arena *a,
                            struct epoch_row *out, struct error *e)
{
    LOCKED(epoch_last(c, query, generation, a, out, e));
}

enum err catalog_epoch_get(struct catalog *c, const char *query, int64_t generation, int64_t epoch, struct arena *a,
                           struct epoch_row *out, struct error *e)
{
    LOCKED(epoch_get(c, query, generation, epoch, a, out, e));
}

enum err catalog_epoch_prepared(struct catalog *c, const char *query, int64_t generation, const struct epoch_row *row,
                                struct error *e)
{
    CHECK(!row->committed);
    LOCKED(put_epoch(c, query, generation, row, e));
}

enum err catalog_epoch_adopt(struct catalog *c, const char *query, int64_t generation, const struct epoch_row *row,
                             struct error *e)
{
    CHECK(row->committed);
    LOCKED(put_epoch(c, query, generation, row, e));
}

enum err catalog__begin(struct catalog *c, struct error *e)
{
    pthread_mutex_lock(&c->lock);
    enum err rc = catalog__run(c, "BEGIN IMMEDIATE", e);
    if (rc != OK)
        pthread_mutex_unlock(&c->lock);
    return rc;
}

enum err catalog__end(struct catalog *c, enum err rc, struct error *e)
{
    if (rc == OK)
        rc = catalog__run(c, "COMMIT", e);
    if (rc != OK)
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

enum err catalog_epoch_committed(struct catalog *c, const char *query, int64_t generation, int64_t epoch,
                                 const char *versions, struct error *e)
{
    TRY(catalog__begin(c, e));
    return catalog__end(c, mark_committed(c, query, generation, epoch, versions, e), e);
}

enum err catalog_forget(struct catalog *c, const char *query, struct error *e)
{
    TRY(catalog__begin(c, e));
    return catalog__end(c, forget(c, query, e), e);
}
