/* SPDX-License-Identifier: MIT */
/*
 * json/record: one JSON document into one row of a struct column, with Spark's from_json answer.
 *
 * Two fast paths, in place where the buffer has slack: by the shape of a document read before (shape.h), and simdjson.
 * Both also validate what they skip and give up on anything unusual; a tolerant one (tolerant.c) then decides as
 * Jackson and Spark's JacksonParser do.
 * Only the fields of the schema are decoded. A lane's own; one thread; no allocation per document once warm.
 *
 * Source of the rules: JacksonParser.makeConverter, traced answers in tests/unit/json/test_record.c.
 */
#ifndef JSON_RECORD_H
#define JSON_RECORD_H

#include "column/column.h"

enum json_kind {
    JSON_ROW,       /* every field present was converted */
    JSON_NULL,      /* SQL NULL, or an empty or blank text: a NULL struct */
    JSON_BAD_FIELD, /* some field could not be converted and is NULL */
    JSON_MALFORMED, /* unreadable: a struct of NULLs */
};

struct json_verdict {
    enum json_kind kind;
    char           reason[96]; /* BAD_FIELD, MALFORMED: one phrase, e.g. "field event_time: not an integer" */
};

struct json_reader;

#define JSON_SLACK_BYTES 64 /* readable bytes behind a text that is parsed in place */

/* ERR_UNSUPPORTED names a type that JSON cannot give (a MAP whose keys are no STRING). */
MUST_CHECK enum err json_reader_new(const struct type *schema, struct json_reader **out, struct error *e);
void                json_reader_free(struct json_reader *r);

/* Appends exactly one row to `into`, a builder of the schema. text may be NULL (SQL NULL). slack_bytes: readable bytes
 * after the text. now_us serves timestamps without a date. */
MUST_CHECK enum err json_reader_read(struct json_reader *r, const uint8_t *text, size_t n, size_t slack_bytes,
                                     int64_t now_us, struct builder *into, struct json_verdict *verdict,
                                     struct error *e);
/* The tolerant path alone; both must agree (the fuzz target holds them together). */
MUST_CHECK enum err json_reader_read_tolerant(struct json_reader *r, const uint8_t *text, size_t n, int64_t now_us,
                                              struct builder *into, struct json_verdict *verdict, struct error *e);
/* How many documents took the tolerant path. */
int64_t json_reader_slow_count(const struct json_reader *r);

#endif
