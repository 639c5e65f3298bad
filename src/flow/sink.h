/* SPDX-License-Identifier: MIT */
/*
 * flow/sink: where rows end, with a two-step commit per epoch.
 *
 *   write, write, ..  cut  ->  prepare (durable, invisible)  ->  commit (visible, idempotent)
 *
 * What a crash between the steps leaves is harmless: prepared files are nobody's until a commit names them.
 */
#ifndef FLOW_SINK_H
#define FLOW_SINK_H

#include "column/batch.h"

struct sink_cut; /* the files of one epoch, encoded, not yet stored; the sink's own kind */

struct sink_commit {
    const char *app_id, *nonce, *query_id;
    int64_t     epoch, now_ms;
    const char *info;   /* JSON for the commit */
    bool        create; /* the table may be made by this commit */
};

struct sink {
    const struct sink_ops *ops;
    const struct type     *schema;
};

struct sink_ops {
    /* Borrows the batch. The thread that owns the rows (lane, or merge behind an aggregate); does not block. After
     * an error the epoch is lost: drop(sink, NULL) before the next write. */
    enum err (*write)(struct sink *, const struct batch *, struct error *);
    /* Ends the epoch on the same thread: what was written so far, or NULL in *out when there was nothing. */
    enum err (*cut)(struct sink *, struct sink_cut **out, struct error *);
    /* io thread: makes the cut durable and frees it (also on failure); the receipt (one line of JSON, appended) is
     * enough for commit in another process. cut may be NULL: an empty receipt. */
    enum err (*prepare)(struct sink *, struct sink_cut *take, struct buf *receipt, struct error *);
    /* io thread, idempotent. *version -1: nothing to commit (an empty receipt of a table that need not exist). */
    enum err (*commit)(struct sink *, const char *receipt, const struct sink_commit *, int64_t *version,
                       struct error *);
    /* io thread: are the files of the receipt still there? ERR_NOT_FOUND names one that is not, ERR_CORRUPT a torn
     * one. */
    enum err (*check)(struct sink *, const char *receipt, struct error *);
    /* A cut that is not wanted any more, any thread. NULL: what was written and not cut, on the writing thread. */
    void (*drop)(struct sink *, struct sink_cut *);
    void (*free)(struct sink *);
};

#endif
