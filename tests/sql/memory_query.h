/* SPDX-License-Identifier: MIT */
/*
 * memory_query: a query of SQL text over records given by the test, epoch by epoch, without a broker or a table.
 *
 * Everything is the program's own but the two ends: records come from the test instead of Kafka, rows end as JSON
 * text instead of Parquet. read_kafka(subscribe => 't') reads the records given for topic t. One thread of the test
 * drives it; the lane computes on its own, as in the program.
 */
#ifndef MEMORY_QUERY_H
#define MEMORY_QUERY_H

#include "base/buf.h"

struct memory_query;

enum memory_mode {
    MEMORY_STRAIGHT, /* records of one partition that follow each other are one batch */
    MEMORY_RESTART,  /* every record a batch of its own; at each barrier all is saved, thrown away and loaded again */
};

/* The first streaming table of the text. NULL when the text is wrong: what is wrong stands in `errors`, a line each.
 * base_dir is where read_files() looks. */
struct memory_query *memory_query_new(const char *sql, const char *base_dir, enum memory_mode mode, struct buf *errors);
void                 memory_query_free(struct memory_query *q);

/* A record of the open epoch; value and key NULL: none. topic NULL: the first of the first source. */
void memory_query_record(struct memory_query *q, const char *topic, int partition, const char *key, const char *value);
/* The open epoch's barrier is one after millrace.idleTimeout. */
void memory_query_idle(struct memory_query *q);
/* Ends the epoch. Appends what came out: "> row", "rejected> row", "late> row", "quarantine> row", "! error", then
 * "= what became of the records". True when an epoch without records is due, as Spark runs one. */
bool memory_query_barrier(struct memory_query *q, struct buf *out);
/* "BIGINT": the type of the table's first column. */
const char *memory_query_type(const struct memory_query *q, struct buf *scratch);

#endif
