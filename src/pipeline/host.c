/* SPDX-License-Identifier: MIT */
#include "pipeline/host.h"

#include "base/log.h"

enum err query_host_init(struct query_host *h, uv_loop_t *loop, const char *state_dir, struct error *e)
{
    *h = (struct query_host){.loop = loop, .state_dir = state_dir};
    pthread_mutex_init(&h->lock, NULL);
    return workers_init(&h->io, loop, "io", HOST_IO_THREADS, e);
}

static enum err open_catalog(struct query_host *h, struct error *e)
{
    enum err rc = catalog_open(h->state_dir, &h->catalog, e);
    if (rc != ERR_CORRUPT)
        return rc;
    log_warn("state", "%s; it is moved aside and built again from the tables", e->text);
    TRY(catalog_move_aside(h->state_dir, e));
    return catalog_open(h->state_dir, &h->catalog, e);
}

enum err query_host_catalog(struct query_host *h, struct catalog **out, struct error *e)
{
    pthread_mutex_lock(&h->lock);
    enum err rc = h->catalog ? OK : open_catalog(h, e);
    *out = h->catalog;
    pthread_mutex_unlock(&h->lock);
    return rc;
}

void query_host_close(struct query_host *h)
{
    workers_close(&h->io);
    catalog_close(h->catalog);
    h->catalog = NULL;
    pthread_mutex_destroy(&h->lock);
}
