/* SPDX-License-Identifier: MIT */
/*
 * pipeline/folders: which folders the queries of a service write, so that nobody writes into the table of another one.
 * Side tables may be shared by side tables: their rows say where they come from, and each query has a transaction of
 * its own in them.
 *
 * A folder is compared by what it is: absolute, without "." and "//", symbolic links followed as far as it exists.
 */
#ifndef PIPELINE_FOLDERS_H
#define PIPELINE_FOLDERS_H

#include "base/inbox.h"
#include "plan/plan.h"

#define FOLDERS_MAX 4 /* the table and its side tables */

struct folders {
    char *items[FOLDERS_MAX]; /* the table first */
    int   n;
};

/* Those that p writes; *out is to be freed in both cases. Any thread; blocks on the file system. */
MUST_CHECK enum err folders_of_plan(const struct plan *p, struct folders *out, struct error *e);
void                folders_free(struct folders *f);
/* The first folder of a that is one of b's too, and the table of one of them; NULL: none is. */
const char *folders_clash(const struct folders *a, const struct folders *b);

/* What each query is to write, whether it runs or not. Any thread. */
struct folder_owner;
struct folder_owners {
    pthread_mutex_t      lock;
    struct folder_owner *first;
};

void folder_owners_init(struct folder_owners *o);
void folder_owners_free(struct folder_owners *o);
/* Takes *f from now on as those of the query. */
MUST_CHECK enum err folder_owners_set(struct folder_owners *o, const char *query, struct folders *f, struct error *e);
void                folder_owners_remove(struct folder_owners *o, const char *query);
/* Calls each for every other query that is to write one of f, under the lock, until it gives false. */
typedef bool folder_owner_cb(void *arg, const char *query, const char *folder);
void folder_owners_others(struct folder_owners *o, const char *query, const struct folders *f, folder_owner_cb *each,
                          void *arg);

#endif
