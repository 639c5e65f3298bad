/* SPDX-License-Identifier: MIT */
/*
 * delta/replay: reading a log: where it starts, and its actions as lines of JSON. Inside delta/; io threads.
 *
 * A checkpoint is read as if it were a commit: each of its rows becomes the line that a commit would have had. So who
 * takes actions (log.c, snapshot.c, checkpoint.c) does it in one way. `_last_checkpoint` is a hint and nothing more.
 *
 * Source: delta PROTOCOL.md ("Checkpoints", "Last Checkpoint File").
 */
#ifndef DELTA_REPLAY_H
#define DELTA_REPLAY_H

#include "store/store.h"

#define COMMIT_BYTES_MAX ((size_t)256 << 20)
#define CHECKPOINT_BYTES_MAX ((size_t)1 << 30)

struct taker {
    /* One action: {"add":{..}}. What is empty is left out; NULL fields of a checkpoint's row are there. */
    enum err (*line)(void *arg, const uint8_t *line, size_t n, struct error *e);
    void (*forget)(void *arg); /* what was taken is void: a checkpoint was broken, another start comes */
    void          *arg;
    bool           files; /* the add and remove actions of checkpoints too */
    enum alloc_tag tag;
};

struct replay_start {
    int64_t      version; /* of the checkpoint that was taken; -1: the commits from 0 on */
    int64_t      highest; /* version that was seen, of a commit or a complete checkpoint; -1: none */
    bool         empty;   /* there is no log at all */
    struct error broken;  /* why a newer checkpoint was left alone, or OK */
};

/*
 * Gives the newest complete checkpoint that is at least `behind` versions older than the log to the taker. A broken
 * one is left for the next older one, then for the commits if they begin at 0, then for a younger one. ERR_CORRUPT:
 * nothing of that is there; ERR_UNSUPPORTED: only checkpoints of a kind that is not read.
 */
MUST_CHECK enum err replay_start(struct store *store, int64_t behind, const struct taker *t, struct replay_start *out,
                                 struct error *e);
/* One commit's lines. The bytes are read into the caller's buffer. ERR_NOT_FOUND: it is not there (yet). */
MUST_CHECK enum err replay_commit(struct store *store, int64_t version, struct buf *bytes, const struct taker *t,
                                  struct error *e);
MUST_CHECK enum err replay_lines(const uint8_t *bytes, size_t n, int64_t version, const struct taker *t,
                                 struct error *e);
/* The version that _last_checkpoint names, which may be wrong; -1: none. */
int64_t replay_last_checkpoint(struct store *store);
/* The newest complete checkpoint; -1: none. */
MUST_CHECK enum err replay_newest_checkpoint(struct store *store, int64_t *version, struct error *e);

/* The columns of a classic checkpoint as Spark writes them, all of them or without add and remove; NULL: the arena is
 * full. */
const struct type *checkpoint_schema(struct arena *a, bool files);

void replay_commit_key(int64_t version, char out[64]); /* "_delta_log/0..12.json" */

#endif
