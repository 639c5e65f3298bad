/* SPDX-License-Identifier: MIT */
/*
 * csv: the fields of a line, and their values, as Spark's CSV reader (univocity) takes them. Pure, any thread.
 */
#ifndef CSV_CSV_H
#define CSV_CSV_H

#include "column/column.h"

struct csv_format {
    uint8_t separator, quote, escape; /* quote 0: none */
    bool    lines;                    /* a field that is not quoted ends with its line too */
};
#define CSV_FORMAT_DEFAULT ((struct csv_format){',', '"', '\\', false})

/* One field from p on, unquoted into `field`; returns where it ends: at the separator, the line's end, or end. A quote
 * in the middle makes it a text as it stands, quotes and all: *quoted is false then. */
const uint8_t *csv_field(const uint8_t *p, const uint8_t *end, struct csv_format format, struct buf *field,
                         bool *quoted);
/* Appends the text as a value of b's type, no ARRAY, MAP or STRUCT. False: it is none, and nothing was appended. */
bool csv_value(struct builder *b, const uint8_t *text, size_t n);

#endif
