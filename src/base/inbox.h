/* SPDX-License-Identifier: MIT */
/*
 * base/inbox: a bounded queue of pointers between two threads. A full inbox is the back-pressure signal.
 *
 * One lock per inbox, never two at once. `size` of an item is what it holds in bytes; the inbox is full when
 * either ceiling is reached, but one item always fits into an empty one. Control marks (size 0) always fit.
 */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t  filled;
    void          **items; /* ring */
    size_t         *sizes;
    uint32_t        capacity, head, count;
    uint32_t        limit_items;
    size_t          limit_bytes, bytes;
    bool            closed;
    void (*on_room)(void *); /* called without the lock by the taker, when a full inbox has room again */
    void *on_room_arg;
    bool  was_full;
};

MUST_CHECK enum err inbox_init(struct inbox *in, uint32_t limit_items, size_t limit_bytes, struct error *e);
void                inbox_fini(struct inbox *in); /* the items left are the caller's: drain first */

/* False when full (size_bytes > 0 only) or closed; the item stays the caller's. Never blocks. */
bool inbox_offer(struct inbox *in, void *item, size_t size_bytes);
bool inbox_is_full(struct inbox *in);
/* Waits for the next item; NULL once closed and empty. */
void *inbox_take(struct inbox *in);
/* The next item or NULL at once. */
void *inbox_poll(struct inbox *in);
/* Offers are refused from now on; a waiting taker wakes up. */
void inbox_close(struct inbox *in);

#endif
