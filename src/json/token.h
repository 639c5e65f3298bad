/* SPDX-License-Identifier: MIT */
/*
 * json/token: a document token by token, as Jackson reads it with Spark's options: single quotes and the non-numeric
 * numbers are allowed; unquoted names, comments, leading zeros, raw control characters are not. Inside json/; one
 * thread.
 */
#ifndef JSON_TOKEN_H
#define JSON_TOKEN_H

#include "json/record.h"
#include "json/record_priv.h"

#define NUMBER_LENGTH_MAX 1000 /* Jackson StreamReadConstraints.DEFAULT_MAX_NUM_LEN */

enum token { T_ERROR, T_OBJECT, T_ARRAY, T_STRING, T_INTEGER, T_FLOAT, T_TRUE, T_FALSE, T_NULL };

struct reader {
    const uint8_t       *p, *end;
    int64_t              now_us;
    int                  depth;
    struct buf          *scratch;
    struct json_verdict *verdict;
    const char          *error;   /* of the syntax, static */
    bool                 path;    /* for json_path_get: control characters in strings, but no NaN and its like */
    bool                 copying; /* strings go into JSON again: halves of surrogate pairs are kept as three bytes */
    bool                 lone;    /* the string read last held half a surrogate pair */
    /* the token read last: strings in scratch from text_at on; numbers as written */
    size_t         text_at, text_length;
    const uint8_t *number;
    size_t         number_length;
};

bool token_fail(struct reader *r, const char *error); /* notes the first error; false */
/* The next value's first token; for containers the opening bracket is taken. */
enum token token_next(struct reader *r);
/* Inside an object: moves to the next name (in scratch). False at the end or on error. */
bool token_name(struct reader *r, bool first);
bool token_element(struct reader *r, bool first); /* inside an array: to the next element */
/* Reads the rest of a value whose first token is t. With `out`, writes it there compactly; strings pass through
 * scratch, whose size is restored. */
bool   token_pass(struct reader *r, enum token t, struct buf *out);
double token_double(const struct reader *r); /* the number read last */

#endif
