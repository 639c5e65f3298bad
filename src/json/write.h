/* SPDX-License-Identifier: MIT */
/*
 * json/write: JSON text front to back into a buf: control documents, Delta actions, EXPLAIN. Compact, UTF-8.
 *
 * The writer puts commas and colons; the caller pairs begin and end. Failures are the buf's (buf_check). One thread.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    int         depth;
    bool        first; /* nothing written yet in the innermost bracket */
    bool        after_key;
};

void json_writer_init(struct json_writer *w, struct buf *out);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *name);
void json_key_n(struct json_writer *w, const void *name, size_t n);
void json_put_string(struct json_writer *w, const char *text); /* NULL gives null */
void json_put_string_n(struct json_writer *w, const void *text, size_t n);
void json_put_int(struct json_writer *w, int64_t v);
void json_put_double(struct json_writer *w, double v); /* must be finite; Java's layout */
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, const char *json); /* trusted JSON text */
/* A member of an object: key and value. */
void json_member_string(struct json_writer *w, const char *name, const char *text);
void json_member_int(struct json_writer *w, const char *name, int64_t v);
void json_member_double(struct json_writer *w, const char *name, double v);
void json_member_bool(struct json_writer *w, const char *name, bool v);
void json_member_raw(struct json_writer *w, const char *name, const char *json);

#endif
