/* SPDX-License-Identifier: MIT */
/*
 * decode: raw records of a Kafka partition become the columns a query needs, and nothing else.
 *
 * One decoder per source and lane; lane thread. What cannot be read is counted with its coordinates, and kept (Spark's
 * answer), rejected to the side table, or an error, as the query says.
 */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

#include "flow/flow.h"

/* The columns of Spark's Kafka source, and from_json over two of them. */
enum decode_from {
    DECODE_KEY,        /* BINARY */
    DECODE_VALUE,      /* BINARY */
    DECODE_KEY_STRING, /* CAST(key AS STRING): invalid UTF-8 repaired */
    DECODE_VALUE_STRING,
    DECODE_TOPIC,          /* STRING */
    DECODE_PARTITION,      /* INT */
    DECODE_OFFSET,         /* BIGINT */
    DECODE_TIMESTAMP,      /* TIMESTAMP */
    DECODE_TIMESTAMP_TYPE, /* INT */
    DECODE_HEADERS,        /* ARRAY<STRUCT<key STRING, value BINARY>>: NULL when the record has none, as Spark's */
    DECODE_KEY_JSON,       /* from_json(CAST(key AS STRING), json_type) */
    DECODE_VALUE_JSON,
};

struct decode_column {
    enum decode_from   from;
    const struct type *json_type; /* *_JSON: STRUCT */
    bool               failfast;  /* mode FAILFAST: a malformed document is an error whatever the policy */
};

enum decode_policy { DECODE_KEEP, DECODE_REJECT, DECODE_FAIL };

struct decode_spec {
    const struct type          *schema; /* one field per column, of the column's type */
    const struct decode_column *columns;
    enum decode_policy          on_malformed;
};

/* The spec's types are borrowed and outlive the decoder. */
MUST_CHECK enum err decoder_new(const struct decode_spec *spec, struct decoder **out, struct error *e);

#endif
