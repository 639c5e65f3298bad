/* SPDX-License-Identifier: MIT */
/*
 * expr/time_pattern: date_format's and to_timestamp's patterns ("yyyy-MM-dd HH:mm"), as java.time's DateTimeFormatter
 * reads them in Spark (English names, strict, zone UTC). Any thread.
 */
#ifndef EXPR_TIME_PATTERN_H
#define EXPR_TIME_PATTERN_H

#include "base/buf.h"

#define TIME_PATTERN_MAX 100

struct time_pattern_item {
    char letter; /* 0: a literal; '[' and ']': optional when read */
    char literal;
    int  count; /* how often the letter stands there */
};

struct time_pattern {
    int                      n;
    struct time_pattern_item items[TIME_PATTERN_MAX];
};

/* False: *why says what cannot be used (static text). `read`: for texts to be read, else to be written. */
bool time_pattern_parse(const char *text, size_t n, bool read, struct time_pattern *out, const char **why);
void time_pattern_print(const struct time_pattern *p, int64_t us, struct buf *out);
/* False: the text does not follow the pattern, or names no time. */
bool time_pattern_read(const struct time_pattern *p, const char *text, size_t n, int64_t *us);

#endif
