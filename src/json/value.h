/* SPDX-License-Identifier: MIT */
/*
 * json/value: values of columns as JSON and as text, for people and interfaces: numbers as numbers, times as Spark
 * prints
 * them, BINARY as hexadecimal digits, what JSON has no number for ("NaN") as a text. Not for records: record.h reads
 * those. Any thread.
 */
#ifndef JSON_VALUE_H
#define JSON_VALUE_H

#include "column/column.h"
#include "json/write.h"

void json_put_value(struct json_writer *w, const struct column *c, size_t row);
/* As it stands inside JSON, but a text of its own is not quoted: true then. The value must not be NULL. */
bool json_value_text(const struct column *c, size_t row, struct buf *out);

#endif
