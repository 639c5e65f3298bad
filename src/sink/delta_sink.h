/* SPDX-License-Identifier: MIT */
/*
 * sink/delta_sink: rows into a Delta table: Parquet on the writing thread, files and commits on io threads.
 *
 * write and cut belong to one thread, the other calls to another; a cut carries data from the first to the second. Partition
 * columns are not stored in files; rows go to one file per combination of their values.
 */
#ifndef SINK_DELTA_SINK_H
#define SINK_DELTA_SINK_H

#include "delta/table.h"
#include "flow/sink.h"
#include "parquet/writer.h"

#define SINK_PARTITIONS_MAX 1000 /* open at a time in one epoch */

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

MUST_CHECK enum err delta_sink_new(const struct delta_sink_spec *spec, struct sink **out, struct error *e);
/* io thread, before anything is written: reads the log and checks that rows of this schema may be appended, and that the
 * folder can be written. */
MUST_CHECK enum err delta_sink_open(struct sink *s, struct error *e);
/* The table behind it, once open. */
struct delta_table *delta_sink_table(struct sink *s);

#endif
