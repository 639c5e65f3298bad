/* SPDX-License-Identifier: MIT */
#include "state/resource.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "state/catalog_priv.h"

static const char *const kinds[] = {"query", "producer"};

/* ---- resources ---- */

/* Revision 0: not there. */
static enum err find_row(struct catalog *c, enum resource_kind kind, const char *name, struct resource *out,
                         struct error *e)
{
    sqlite3_stmt *s;
    *out = (struct resource){.kind = kind, .name = name};
    TRY(catalog__prepare(c, &s, "SELECT revision, created_ms, desired FROM resource WHERE kind = ? AND name = ?", "ss",
                         e, kinds[kind], name));
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        out->revision = sqlite3_column_int64(s, 0);
        out->created_ms = sqlite3_column_int64(s, 1);
        out->running = strcmp((const char *)sqlite3_column_text(s, 2), "running") == 0;
    }
    enum err rc = step == SQLITE_ROW || step == SQLITE_DONE ? OK : catalog__error(c, "read", e);
    sqlite3_finalize(s);
    return rc;
}

static enum err check_revision(enum resource_kind kind, const char *name, int64_t there, int64_t expect,
                               struct error *e)
{
    if (expect == RESOURCE_ANY_REVISION || there == expect)
        return OK;
    if (expect == 0)
        return err_set(e, ERR_EXISTS, "%s %s is there already", kinds[kind], name);
    if (there == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no %s %s", kinds[kind], name);
    return err_set(e, ERR_CONFLICT, "%s %s was changed meanwhile: its revision is %" PRId64 ", not %" PRId64,
                   kinds[kind], name, there, expect);
}

static enum err put(struct catalog *c, struct resource *r, int64_t expect, bool keep_running, struct error *e)
{
    sqlite3_stmt   *s;
    struct resource there;
    TRY(find_row(c, r->kind, r->name, &there, e));
    TRY(check_revision(r->kind, r->name, there.revision, expect, e));
    r->revision = there.revision + 1;
    r->updated_ms = clock_wall_us() / 1000;
    r->created_ms = there.revision ? there.created_ms : r->updated_ms;
    r->running = there.revision && keep_running ? there.running : r->running;
    TRY(catalog__prepare(c, &s,
                         "INSERT OR REPLACE INTO resource (kind, name, spec, desired, revision, created_ms, updated_ms)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?)",
                         "ssssiii", e, kinds[r->kind], r->name, r->spec, r->running ? "running" : "stopped",
                         r->revision, r->created_ms, r->updated_ms));
    return catalog__finish(c, s, e);
}

enum err resource_put(struct catalog *c, struct resource *r, int64_t expect, bool keep_running, struct error *e)
{
    TRY(catalog__begin(c, e));
    return catalog__end(c, put(c, r, expect, keep_running, e), e);
}

static enum err want(struct catalog *c, struct resource *r, struct error *e)
{
    sqlite3_stmt   *s;
    struct resource there;
    TRY(find_row(c, r->kind, r->name, &there, e));
    TRY(check_revision(r->kind, r->name, there.revision, there.revision ? RESOURCE_ANY_REVISION : 1, e));
    r->revision = there.revision + 1;
    r->created_ms = there.created_ms;
    r->updated_ms = clock_wall_us() / 1000;
    TRY(catalog__prepare(
        c, &s, "UPDATE resource SET desired = ?, revision = ?, updated_ms = ? WHERE kind = ? AND name = ?", "siiss", e,
        r->running ? "running" : "stopped", r->revision, r->updated_ms, kinds[r->kind], r->name));
    return catalog__finish(c, s, e);
}

enum err resource_want(struct catalog *c, struct resource *r, struct error *e)
{
    TRY(catalog__begin(c, e));
    return catalog__end(c, want(c, r, e), e);
}

static enum err delete_row(struct catalog *c, enum resource_kind kind, const char *name, int64_t expect,
                           struct error *e)
{
    sqlite3_stmt   *s;
    struct resource there;
    TRY(find_row(c, kind, name, &there, e));
    if (there.revision == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no %s %s", kinds[kind], name);
    TRY(check_revision(kind, name, there.revision, expect, e));
    TRY(catalog__prepare(c, &s, "DELETE FROM resource WHERE kind = ? AND name = ?", "ss", e, kinds[kind], name));
    return catalog__finish(c, s, e);
}

enum err resource_delete(struct catalog *c, enum resource_kind kind, const char *name, int64_t expect, struct error *e)
{
    TRY(catalog__begin(c, e));
    return catalog__end(c, delete_row(c, kind, name, expect, e), e);
}

static enum err count_rows(struct catalog *c, enum resource_kind kind, int *n, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(c, &s, "SELECT count(*) FROM resource WHERE kind = ?", "s", e, kinds[kind]));
    enum err rc = sqlite3_step(s) == SQLITE_ROW ? OK : catalog__error(c, "count", e);
    *n = rc == OK ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    return rc;
}

static enum err list(struct catalog *c, enum resource_kind kind, struct arena *a, struct resource **out, int *n,
                     struct error *e)
{
    sqlite3_stmt *s;
    int           count, step;
    bool          ok = true;
    TRY(count_rows(c, kind, &count, e));
    *n = 0;
    *out = arena_zalloc(a, ((size_t)count + 1) * sizeof **out);
    if (!*out)
        return err_set(e, ERR_NO_MEMORY, "resources");
    TRY(catalog__prepare(c, &s,
                         "SELECT name, spec, desired, revision, created_ms, updated_ms FROM resource"
                         " WHERE kind = ? ORDER BY name",
                         "s", e, kinds[kind]));
    while ((step = sqlite3_step(s)) == SQLITE_ROW && *n < count) {
        struct resource *r = &(*out)[(*n)++];
        *r = (struct resource){.kind = kind,
                               .name = catalog__text(s, 0, a, &ok),
                               .spec = catalog__text(s, 1, a, &ok),
                               .running = strcmp((const char *)sqlite3_column_text(s, 2), "running") == 0,
                               .revision = sqlite3_column_int64(s, 3),
                               .created_ms = sqlite3_column_int64(s, 4),
                               .updated_ms = sqlite3_column_int64(s, 5)};
    }
    enum err rc = step == SQLITE_DONE ? OK : catalog__error(c, "list", e);
    sqlite3_finalize(s);
    return rc == OK && !ok ? err_set(e, ERR_NO_MEMORY, "resources") : rc;
}

enum err resource_list(struct catalog *c, enum resource_kind kind, struct arena *a, struct resource **out, int *n,
                       struct error *e)
{
    pthread_mutex_lock(&c->lock);
    enum err rc = list(c, kind, a, out, n, e);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

/* ---- events ---- */

static enum err put_event(struct catalog *c, const struct event *ev, struct error *e)
{
    sqlite3_stmt *s;
    TRY(catalog__prepare(c, &s, "INSERT INTO event (id, at_ms, level, kind, subject, text) VALUES (?, ?, ?, ?, ?, ?)",
                         "iissss", e, ev->id, ev->at_ms, ev->level, ev->kind, ev->subject, ev->text));
    TRY(catalog__finish(c, s, e));
    TRY(catalog__prepare(c, &s, "DELETE FROM event WHERE id <= ?", "i", e, ev->id - EVENTS_KEPT));
    return catalog__finish(c, s, e);
}

enum err event_put(struct catalog *c, const struct event *ev, struct error *e)
{
    TRY(catalog__begin(c, e));
    return catalog__end(c, put_event(c, ev, e), e);
}

static enum err list_events(struct catalog *c, int64_t before, int limit, struct arena *a, struct event **out, int *n,
                            struct error *e)
{
    sqlite3_stmt *s;
    int           step = SQLITE_DONE;
    bool          ok = true;
    *n = 0;
    *out = arena_zalloc(a, ((size_t)limit + 1) * sizeof **out);
    if (!*out)
        return err_set(e, ERR_NO_MEMORY, "events");
    TRY(catalog__prepare(c, &s,
                         "SELECT id, at_ms, level, kind, subject, text FROM event WHERE ? = 0 OR id < ?"
                         " ORDER BY id DESC LIMIT ?",
                         "iii", e, before, before, (int64_t)limit));
    while (*n < limit && (step = sqlite3_step(s)) == SQLITE_ROW)
        (*out)[(*n)++] = (struct event){.id = sqlite3_column_int64(s, 0),
                                        .at_ms = sqlite3_column_int64(s, 1),
                                        .level = catalog__text(s, 2, a, &ok),
                                        .kind = catalog__text(s, 3, a, &ok),
                                        .subject = catalog__text(s, 4, a, &ok),
                                        .text = catalog__text(s, 5, a, &ok)};
    enum err rc = step == SQLITE_DONE || step == SQLITE_ROW ? OK : catalog__error(c, "list events", e);
    sqlite3_finalize(s);
    return rc == OK && !ok ? err_set(e, ERR_NO_MEMORY, "events") : rc;
}

enum err event_list(struct catalog *c, int64_t before, int limit, struct arena *a, struct event **out, int *n,
                    struct error *e)
{
    pthread_mutex_lock(&c->lock);
    enum err rc = list_events(c, before, limit, a, out, n, e);
    pthread_mutex_unlock(&c->lock);
    return rc;
}
