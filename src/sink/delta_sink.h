/* SPDX-License-Identifier: MIT */
/*
 * sink/delta_sink: rows into a Delta table: Parquet on the writing thread, files and commits on io threads.
 *
 * write and cut belong to one thread, the other calls to another; a cut carries data from the first to the second.
 * Partition columns are not stored in files; rows go to one file per combination of their values.
 */
#ifndef SINK_DELTA_SINK_H
#define SINK_DELTA_SINK_H

#include "delta/table.h"
#include "flow/sink.h"
#include "parquet/writer.h"

#define SINK_PARTITIONS_MAX 1000               /* open at a time in one epoch */
#define SINK_EPOCH_BYTES_MAX ((size_t)2 << 30) /* of encoded files waiting for their prepare */

struct delta_sink_spec { /* all borrowed */
    const char                  *location;
    const struct type           *schema;
    const char *const           *partition_by;
    int                          n_partition_by;
    const struct delta_property *properties;
    int                          n_properties;
    const char                  *comment;
    enum parquet_codec           codec;
};

/* Refuses what no table can have: ERR_INVALID a column name ("alias it"), ERR_UNSUPPORTED a type or a table
 * property. Does not touch the file system. */
MUST_CHECK enum err delta_sink_new(const struct delta_sink_spec *spec, struct sink **out, struct error *e);
/* The same in another store, which is taken, also on failure; location is then only a name. */
MUST_CHECK enum err delta_sink_new_in(const struct delta_sink_spec *spec, struct store *take, struct sink **out,
                                      struct error *e);
/* io thread, before anything is written: reads the log and checks that rows of this schema may be appended, and that
 * the folder can be written. */
MUST_CHECK enum err delta_sink_open(struct sink *s, struct error *e);
/* Is a checkpoint of the log wanted behind the version just committed? On the thread that committed it. */
bool delta_sink_checkpoint_due(struct sink *s, int64_t version, int64_t *keep_removed_ms);
/* Writes it: an io thread, one at a time, beside the other calls. What fails is logged, and nothing is lost by it. */
void delta_sink_checkpoint(struct sink *s, int64_t version, int64_t keep_removed_ms);
/* The table behind it, once open: delta_table_id, _txn (last epoch, nonce, info), _generation serve recovery. */
struct delta_table *delta_sink_table(struct sink *s);

#endif
