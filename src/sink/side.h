/* SPDX-License-Identifier: MIT */
/*
 * sink/side: rejected and late rows as Delta tables, quoted by their record (flow.h struct side).
 *
 * Lane thread: row() appends; side_flush hands what there is to the sinks before they are cut. A kind without a
 * table is dropped here (it was counted by whoever reported it).
 */
#ifndef SINK_SIDE_H
#define SINK_SIDE_H

#include "flow/flow.h"
#include "flow/sink.h"

/* topic STRING, partition INT, offset BIGINT, timestamp TIMESTAMP, reason, detail STRING, key, value BINARY, epoch
 * BIGINT */
const struct type *side_schema(struct arena *a);

/* Sinks (borrowed) may be NULL. */
MUST_CHECK enum err side_new(const struct type *schema, struct sink *rejects, struct sink *late, struct side **out,
                             struct error *e);
void                side_free(struct side *s);
void                side_set_epoch(struct side *s, int64_t epoch);
MUST_CHECK enum err side_flush(struct side *s, struct error *e);
void                side_drop(struct side *s); /* forgets rows not flushed: the epoch is lost */

#endif
