/* SPDX-License-Identifier: MIT */
#include "pipeline/worker.h"

#define JOBS_MAX 1024

static void *thread_main(void *arg)
{
    struct workers *w = arg;
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
        job->done(job);
    }
}

static void on_async(uv_async_t *async) { hand_back(async->data); }

enum err workers_init(struct workers *w, uv_loop_t *loop, int n_threads, struct error *e)
{
    *w = (struct workers){.n_threads = 0};
    CHECK(n_threads <= WORKERS_MAX);
    TRY(inbox_init(&w->inbox, JOBS_MAX, SIZE_MAX, e));
    if (uv_async_init(loop, &w->async, on_async) != 0) {
        inbox_fini(&w->inbox);
        return err_set(e, ERR_IO, "worker wake-up handle");
    }
    w->async.data = w;
    pthread_mutex_init(&w->lock, NULL);
    for (; w->n_threads < n_threads; w->n_threads++)
        if (pthread_create(&w->threads[w->n_threads], NULL, thread_main, w) != 0) {
            workers_close(w);
            return err_set(e, ERR_NO_MEMORY, "start worker thread");
        }
    return OK;
}

void workers_submit(struct workers *w, struct job *job)
{
    job->pool = w;
    w->n_pending++;
    CHECK(inbox_offer(&w->inbox, job, 0));
}

void workers_close(struct workers *w)
{
    inbox_close(&w->inbox);
    for (int i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    hand_back(w);
    inbox_fini(&w->inbox);
    pthread_mutex_destroy(&w->lock);
    uv_close((uv_handle_t *)&w->async, NULL);
}
