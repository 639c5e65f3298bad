/* SPDX-License-Identifier: MIT */
/* A new generation of a query that does not run. Any thread; blocks. */
#include <stdio.h>

#include "base/clock.h"
#include "pipeline/query_priv.h"

/* The highest generation that the table knows of; 0 none. */
static enum err table_generation(const struct plan *p, int64_t *generation, struct error *e)
{
    struct store       *store = NULL;
    struct delta_table *t = NULL;
    char                prefix[QUERY_APP_ID_MAX];
    TRY(store_local_new(p->location, &store, e));
    enum err rc = delta_table_open(store, &t, e);
    query__app_prefix(p, prefix);
    *generation = rc == OK ? delta_table_generation(t, prefix) : 0;
    *generation = *generation > 0 ? *generation : 0;
    if (t)
        delta_table_close(t);
    store->ops->free(store);
    return rc;
}

static enum err begin_next(const struct plan *p, struct catalog *c, struct arena *a, struct reset *out, struct error *e)
{
    int64_t          in_table;
    struct epoch_row last;
    struct query_row row = {.name = p->name, .created_ms = clock_wall_us() / 1000};
    TRY(table_generation(p, &in_table, e));
    enum err rc = catalog_query_get(c, p->name, a, &row, e);
    if (rc != OK && rc != ERR_NOT_FOUND)
        return rc;
    if (rc == OK && catalog_epoch_last(c, p->name, row.generation, a, &last, NULL) == OK)
        out->last_epoch = last.epoch;
    row.generation = in_table > row.generation ? in_table : row.generation;
    if (row.generation == 0)
        return OK;
    struct buf fingerprint;
    buf_init(&fingerprint, TAG_STATE, 1 << 20);
    plan_fingerprint(p, &fingerprint);
    row.generation++;
    row.fingerprint = buf_text(&fingerprint);
    row.start = "[]";
    rc = catalog_query_put(c, &row, e);
    out->generation = row.generation;
    buf_fini(&fingerprint);
    return rc;
}

enum err query_reset(const struct plan *plan, struct catalog *c, struct reset *out, struct error *e)
{
    struct arena a;
    *out = (struct reset){.generation = 0, .last_epoch = -1};
    arena_init(&a, TAG_STATE, (size_t)256 << 20);
    enum err rc = begin_next(plan, c, &a, out, e);
    arena_fini(&a);
    return rc;
}
