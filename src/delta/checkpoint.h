/* SPDX-License-Identifier: MIT */
/*
 * delta/checkpoint: writes one, so that a reader need not read every commit, and old ones can be cleaned up. Blocking,
 * io threads; any number of processes at the same time, also for one version.
 *
 * One file of the classic kind in the shape Spark writes; then `_last_checkpoint`. A crash in between leaves a table
 * that reads as before. Live files are held nowhere in between: the checkpoint before streams through, and only what
 * the commits since then say is held in memory.
 *
 * Source: delta PROTOCOL.md ("Checkpoints"), Checkpoints.scala.
 */
#ifndef DELTA_CHECKPOINT_H
#define DELTA_CHECKPOINT_H

#include "store/store.h"

#define CHECKPOINT_ACTIONS_MAX 250000 /* above, none is written: ERR_LIMIT */

struct checkpoint_written {
    int64_t actions, files, bytes; /* 0 actions: somebody has written this one, or a later one */
};

/* version: a committed one. Files removed longer than keep_removed_ms ago are forgotten. */
MUST_CHECK enum err delta_checkpoint_write(struct store *store, int64_t version, int64_t keep_removed_ms,
                                           int64_t now_ms, struct checkpoint_written *out, struct error *e);

#endif
