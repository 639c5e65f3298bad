/* SPDX-License-Identifier: MIT */
#include "pipeline/worker.h"

#define JOBS_MAX 1024

static void *thread_main(void *arg)
{
    struct workers *w = arg;
    pthread_setname_np(pthread_self(), w->name);
    for (struct job *job; (job = inbox_take(&w->inbox));) {
        job->run(job);
        pthread_mutex_lock(&w->lock);
        job->next = w->finished;
        w->finished = job;
        pthread_mutex_unlock(&w->lock);
        uv_async_send(&w->async);
    }
    return NULL;
}

static void hand_back(struct workers *w)
{
    pthread_mutex_lock(&w->lock);
    struct job *list = w->finished, *in_order = NULL;
    w->finished = NULL;
    pthread_mutex_unlock(&w->lock);
    while (list) { /* newest first as linked: turn round */
        struct job *next = list->next;
        list->next = in_order;
        in_order = list;
        list = next;
    }
    while (in_order) {
        struct job *job = in_order;
        in_order = job->next;
        w->n_pending--;
        if (job->pending)
            (*job->pending)--;
        job->done(job);
    }
}

static void on_async(uv_async_t *async) { hand_back(async->data); }

static void join_threads(struct workers *w)
{
    inbox_close(&w->inbox);
    for (int i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    hand_back(w);
    inbox_fini(&w->inbox);
    pthread_mutex_destroy(&w->lock);
}

static void on_closed(uv_handle_t *handle)
{
    struct workers *w = handle->data;
    if (w->closed)
        w->closed(w);
}

enum err workers_init(struct workers *w, uv_loop_t *loop, const char *name, int n_threads, struct error *e)
{
    *w = (struct workers){.name = name};
    CHECK(n_threads <= WORKERS_MAX);
    TRY(inbox_init(&w->inbox, JOBS_MAX, SIZE_MAX, e));
    pthread_mutex_init(&w->lock, NULL);
    enum err rc = OK;
    for (; rc == OK && w->n_threads < n_threads; w->n_threads += rc == OK)
        if (pthread_create(&w->threads[w->n_threads], NULL, thread_main, w) != 0)
            rc = err_set(e, ERR_NO_MEMORY, "start worker thread");
    if (rc == OK && uv_async_init(loop, &w->async, on_async) != 0) /* last: a handle cannot be taken back at once */
        rc = err_set(e, ERR_IO, "worker wake-up handle");
    w->async.data = w;
    if (rc != OK)
        join_threads(w);
    return rc;
}

void workers_submit(struct workers *w, struct job *job)
{
    w->n_pending++;
    if (job->pending)
        (*job->pending)++;
    CHECK(inbox_offer(&w->inbox, job, 0));
}

void workers_close(struct workers *w)
{
    join_threads(w);
    uv_close((uv_handle_t *)&w->async, on_closed);
}
