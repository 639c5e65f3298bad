/* SPDX-License-Identifier: MIT */
/* Plans of SQL texts over two relations made up for the tests: clicks() is a stream, ads() a table of three rows. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "plan/physical.h"
#include "plan/plan.h"

/* clicks: key BINARY, value BINARY, offset BIGINT, timestamp TIMESTAMP, k STRING, v BIGINT, ts TIMESTAMP
 * ads: k STRING (a, b, b), name STRING (Anna, Bert, Bianca) */
extern struct plan_environment sample_environment;

/* One streaming table of the text, bound in the arena; NULL: diags says why (or memory was out). */
struct plan *sample_plan(const char *sql, struct arena *a, struct diags *diags);
enum err     sample_open_table(void *handle, struct table **out, struct error *e);

#endif
