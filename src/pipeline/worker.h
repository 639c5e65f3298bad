/* SPDX-License-Identifier: MIT */
/*
 * pipeline/worker: threads that may block, so that the loop never does.
 *
 * A job runs on one of the pool's threads and is then handed back: `done` runs on the loop. The queries of a process
 * share one pool (host.h: files, commits, SQLite); each has one of its own for the blocking calls of its Kafka client,
 * a pool of one thread: they never overlap.
 */
#ifndef PIPELINE_WORKER_H
#define PIPELINE_WORKER_H

#include <uv.h>

#include "base/inbox.h"

#define WORKERS_MAX 8

struct job {
    void (*run)(struct job *);  /* a pool thread; may block */
    void (*done)(struct job *); /* loop thread; owns the job again */
    int        *pending;        /* counts the jobs of an owner that are not yet done; or NULL */
    struct job *next;
};

struct workers {
    uv_async_t      async;
    pthread_t       threads[WORKERS_MAX];
    int             n_threads;
    const char     *name; /* of the threads, for top -H and debuggers; a literal of at most 15 bytes */
    struct inbox    inbox;
    pthread_mutex_t lock; /* guards finished */
    struct job     *finished;
    int             n_pending; /* loop thread: submitted, not yet done */
    void (*closed)(struct workers *);
};

MUST_CHECK enum err workers_init(struct workers *w, uv_loop_t *loop, const char *name, int n_threads, struct error *e);
/* Loop thread; the job is the pool's until done. */
void workers_submit(struct workers *w, struct job *job);
/* Waits for what was submitted, calls done of every job, joins the threads and closes the handle; then, from the
 * loop, calls w->closed when it is set. */
void workers_close(struct workers *w);

#endif
