/* SPDX-License-Identifier: MIT */
/* sink/stats: what a file holds, as the `stats` of a Delta add action (PROTOCOL.md "Per-file Statistics"). Any
 * thread. */
#ifndef SINK_STATS_H
#define SINK_STATS_H

#include "parquet/writer.h"

#define STATS_LEAVES_MAX 32
#define STATS_TEXT_MAX 32 /* characters of a text bound */

void delta_stats_json(const struct parquet_writer *finished, int64_t n_rows, struct buf *out);

#endif
