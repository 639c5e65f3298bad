/* SPDX-License-Identifier: MIT */
/*
 * json/token: a document token by token, as Jackson's ReaderBasedJsonParser reads it with Spark's options: single
 * quotes and the non-numeric numbers are allowed; unquoted names, comments, leading zeros, raw control characters are
 * not.
 *
 * An error is no end: Spark catches it and asks for the next token, so what is consumed and which token is current
 * behind a mistake is part of the answer, and is Jackson's here too. Inside json/; one thread.
 */
#ifndef JSON_TOKEN_H
#define JSON_TOKEN_H

#include "json/record.h"
#include "json/record_priv.h"

#define NUMBER_DIGITS_MAX 1000 /* Jackson StreamReadConstraints.DEFAULT_MAX_NUM_LEN */
#define NUMBER_LENGTH_MAX (NUMBER_DIGITS_MAX + 8)
#define DEPTH_MAX 1000 /* Jackson StreamReadConstraints.DEFAULT_MAX_DEPTH */

enum token {
    T_NONE, /* behind the document, or behind a name whose value is a mistake */
    T_ERROR,
    T_NAME,
    T_OBJECT,
    T_OBJECT_END,
    T_ARRAY,
    T_ARRAY_END,
    T_STRING,
    T_INTEGER,
    T_FLOAT,
    T_TRUE,
    T_FALSE,
    T_NULL
};

struct level {
    uint32_t name;  /* the member being read: where its opening quote is, from 1 on; 0: there is none */
    uint8_t  in;    /* IN_ */
    bool     begun; /* a comma stands before what comes */
};
enum { IN_NOTHING, IN_OBJECT, IN_ARRAY };

struct reader {
    const uint8_t       *text, *p, *end;
    int64_t              now_us;
    struct buf          *scratch;
    struct json_verdict *verdict;
    const char          *error; /* the first one, static */
    const uint8_t       *error_at;
    bool                 path;    /* for json/path: control characters in strings, but no NaN and its like */
    bool                 copying; /* strings go into JSON again: halves of surrogate pairs are kept as three bytes */
    bool                 lone;    /* the string read last held half a surrogate pair */
    enum token           token;   /* the current one; an error leaves what was current */
    enum token           value;   /* of the name that is current: what it was looked at with */
    const uint8_t       *string;  /* T_STRING: its opening quote */
    bool                 open;    /* T_STRING: p is still within it */
    /* what token_text or token_name read: as it stands in the document, or (NULL) put together in scratch */
    const uint8_t *plain;
    size_t         text_at, text_length;
    const uint8_t *number; /* as written */
    size_t         number_length;
    struct level  *level, levels[DEPTH_MAX + 2]; /* not initialised beyond the current one */
};

/* Before the document. False without memory. */
bool token_begin(struct reader *r, const uint8_t *text, size_t n, struct buf *scratch, struct json_verdict *verdict);
bool token_fail(struct reader *r, const char *error); /* notes the first error; false */
enum token token_next(struct reader *r);
/* When the current token opens something, moves to its end. False on an error. */
bool token_skip(struct reader *r);
/* Reads the current string. False on an error. */
bool token_text(struct reader *r);
/* Reads the name of the member that the current token belongs to; false when there is none. */
bool token_name(struct reader *r);
/* What was read; good until scratch changes. */
static inline const uint8_t *token_bytes(const struct reader *r)
{
    return r->plain ? r->plain : r->scratch->data + r->text_at;
}
/* The bytes of the current string, which is base64 as Jackson takes it: groups of four with their padding, blanks
 * between groups. False on an error. */
bool token_base64(struct reader *r, struct buf *out);
/* Goes into an object read before, whose opening brace is at `from`, as if it stood within what is open now. */
bool token_enter(struct reader *r, const uint8_t *from);
/* Writes the value that the current token begins, compactly, and moves to its end. False on an error. */
bool   token_copy(struct reader *r, struct buf *out);
double token_double(const struct reader *r); /* the current number */

#endif
