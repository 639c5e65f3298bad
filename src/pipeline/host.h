/* SPDX-License-Identifier: MIT */
/*
 * pipeline/host: what the queries of one process share: the loop, the io threads and the catalog of a state folder.
 *
 * `millrace run` makes one for its query, `millrace serve` one for all (supervisor.h). Loop thread but for
 * query_host_catalog.
 */
#ifndef PIPELINE_HOST_H
#define PIPELINE_HOST_H

#include "pipeline/worker.h"
#include "state/catalog.h"

#define HOST_IO_THREADS 4
#define HOST_CHECKPOINTS_MAX 2 /* at a time; the other io threads are for commits */

struct query_host {
    uv_loop_t      *loop;
    struct workers  io; /* files, commits, SQLite */
    const char     *state_dir;
    pthread_mutex_t lock; /* guards catalog while it is opened */
    struct catalog *catalog;
    int             n_checkpoints; /* of tables' logs, being written */
};

/* Borrows state_dir. Does not touch it yet. */
MUST_CHECK enum err query_host_init(struct query_host *h, uv_loop_t *loop, const char *state_dir, struct error *e);
/* The catalog; opened by whoever asks first, and moved aside and made again when it is corrupt: the tables know what it
 * said. Any thread; blocks. */
MUST_CHECK enum err query_host_catalog(struct query_host *h, struct catalog **out, struct error *e);
/* After every query is closed. The loop must run once more. */
void query_host_close(struct query_host *h);

#endif
