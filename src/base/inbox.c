/* SPDX-License-Identifier: MIT */
#include "base/inbox.h"

#include "base/alloc.h"

/* Control marks may exceed the item ceiling, so the ring has room for more than limit_items. */
#define SPARE_MARKS 64

enum err inbox_init(struct inbox *in, uint32_t limit_items, size_t limit_bytes, struct error *e)
{
    *in = (struct inbox){.limit_items = limit_items, .limit_bytes = limit_bytes, .capacity = limit_items + SPARE_MARKS};
    in->items = mem_zalloc(TAG_PROCESS, in->capacity * sizeof *in->items);
    in->sizes = mem_zalloc(TAG_PROCESS, in->capacity * sizeof *in->sizes);
    if (!in->items || !in->sizes) {
        mem_free(in->items);
        mem_free(in->sizes);
        in->items = NULL;
        in->sizes = NULL;
        return err_set(e, ERR_NO_MEMORY, "inbox of %u items", limit_items);
    }
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->filled, NULL);
    return OK;
}

void inbox_fini(struct inbox *in)
{
    if (!in->items)
        return;
    pthread_cond_destroy(&in->filled);
    pthread_mutex_destroy(&in->lock);
    mem_free(in->items);
    mem_free(in->sizes);
    in->items = NULL;
    in->sizes = NULL;
}

static bool is_full(const struct inbox *in)
{
    return in->count >= in->limit_items || (in->count > 0 && in->bytes >= in->limit_bytes);
}

bool inbox_offer(struct inbox *in, void *item, size_t size_bytes)
{
    bool taken = false;
    pthread_mutex_lock(&in->lock);
    if (!in->closed && size_bytes > 0 && is_full(in)) {
        in->was_full = true;
    } else if (!in->closed) {
        CHECK(in->count < in->capacity);
        uint32_t at = (in->head + in->count) % in->capacity;
        in->items[at] = item;
        in->sizes[at] = size_bytes;
        in->count++;
        in->bytes += size_bytes;
        taken = true;
        pthread_cond_signal(&in->filled);
    }
    pthread_mutex_unlock(&in->lock);
    return taken;
}

bool inbox_is_full(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    bool full = is_full(in);
    if (full)
        in->was_full = true;
    pthread_mutex_unlock(&in->lock);
    return full;
}

static void *take_locked(struct inbox *in, bool *room)
{
    void *item = in->items[in->head];
    in->bytes -= in->sizes[in->head];
    in->head = (in->head + 1) % in->capacity;
    in->count--;
    *room = in->was_full && in->count <= in->limit_items / 2 && in->bytes <= in->limit_bytes / 2;
    if (*room)
        in->was_full = false;
    return item;
}

static void *take(struct inbox *in, bool wait)
{
    void *item = NULL;
    bool  room = false;
    pthread_mutex_lock(&in->lock);
    while (wait && in->count == 0 && !in->closed)
        pthread_cond_wait(&in->filled, &in->lock);
    if (in->count > 0)
        item = take_locked(in, &room);
    pthread_mutex_unlock(&in->lock);
    if (room && in->on_room)
        in->on_room(in->on_room_arg);
    return item;
}

void *inbox_take(struct inbox *in) { return take(in, true); }

void *inbox_poll(struct inbox *in) { return take(in, false); }

void inbox_close(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->closed = true;
    pthread_cond_broadcast(&in->filled);
    pthread_mutex_unlock(&in->lock);
}
