/* SPDX-License-Identifier: MIT */
/*
 * store: an object store as Delta needs it: whole objects by key, create-if-absent, listing. Blocking, io threads,
 * thread-safe. Fits S3: no rename, no append; keys are relative to the store's root and hold '/' as separators.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"

struct store {
    const struct store_ops *ops;
};

struct store_ops {
    /* Durable when it returns OK: file and folder are synced (or the server answered). Overwrites; data files have
     * unique keys, so nothing is ever lost by that. */
    enum err (*put)(struct store *, const char *key, const void *bytes, size_t n, struct error *);
    /* As put, but ERR_EXISTS when the key is taken. Atomic: readers see all of it or nothing. On any other error it
     * may have happened: read back before trying again. */
    enum err (*put_if_absent)(struct store *, const char *key, const void *bytes, size_t n, struct error *);
    /* Appends the object to out. ERR_NOT_FOUND. */
    enum err (*get)(struct store *, const char *key, struct buf *out, struct error *);
    /* Size of the object. ERR_NOT_FOUND. */
    enum err (*head)(struct store *, const char *key, int64_t *size_bytes, struct error *);
    /* Keys that start with the prefix and are greater than `after` (NULL: all), in ANY order (S3 Express and folders
     * do not sort: who needs an order sorts), without folders and without names that begin with a dot. `each` may
     * return false to stop. A prefix nobody has is an empty list. */
    enum err (*list)(struct store *, const char *prefix, const char *after, bool (*each)(void *, const char *key),
                     void *arg, struct error *);
    enum err (*remove)(struct store *, const char *key, struct error *);
    void (*free)(struct store *);
};

/* A folder of the local file system, made when something is put into it. The root is copied. */
MUST_CHECK enum err store_local_new(const char *root, struct store **out, struct error *e);
/* In memory, for tests. One thread at a time. */
MUST_CHECK enum err store_memory_new(struct store **out, struct error *e);
/* The n-th call from now (any operation) fails with `code`; apply: its effect happens all the same. 0 disarms. */
void store_memory_fail(struct store *s, int nth, enum err code, bool apply);
int  store_memory_calls(const struct store *s); /* since it was made */

/* Can objects be put under the prefix ("" or "a/b/")? Puts and removes a small one; for a clear error at the start. */
MUST_CHECK enum err store_probe(struct store *s, const char *prefix, struct error *e);

#endif
