/* SPDX-License-Identifier: MIT */
/*
 * delta/keys: texts by number, the newest of each found again: paths of files, names of applications. Inside delta/;
 * one owner.
 */
#ifndef DELTA_KEYS_H
#define DELTA_KEYS_H

#include "base/alloc.h"

struct keys {
    const char   **texts; /* as they came, borrowed */
    uint32_t      *slots; /* hash -> number + 1 of the newest */
    int64_t        n;
    uint32_t       capacity, n_slots;
    enum alloc_tag tag;
};

void    keys_init(struct keys *k, enum alloc_tag tag);
void    keys_fini(struct keys *k);
int64_t keys_find(const struct keys *k, const char *text); /* -1: never came */
/* Number k->n - 1, and the newest of its text. False: memory is out, or 2^30 are there. */
bool keys_add(struct keys *k, const char *text);

/* "a%20b" is "a b": a path of an action as a key of the store. NULL: the arena is full. */
char *path_decoded(struct arena *a, const char *path);

#endif
