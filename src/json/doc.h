/* SPDX-License-Identifier: MIT */
/*
 * json/doc: control documents as a tree: Delta log lines, stored checkpoints, startingOffsets. Never for records.
 *
 * A thin layer over jansson: values are borrowed from their document. Getters give NULL, 0, false or the default for
 * what is missing or of another type, so that reading is one pass; use json_is_* where the difference matters.
 */
#ifndef JSON_DOC_H
#define JSON_DOC_H

#include "base/buf.h"

struct json_value; /* borrowed */

/* ERR_INVALID: "line 1 column 7: ..." */
MUST_CHECK enum err json_doc_parse(const char *text, size_t n, struct json_value **out, struct error *e);
void                json_doc_free(struct json_value *root); /* NULL is ignored */

const struct json_value *json_get(const struct json_value *object, const char *key);        /* NULL when absent */
const char              *json_get_string(const struct json_value *object, const char *key); /* NULL when absent */
int64_t                  json_get_int(const struct json_value *object, const char *key, int64_t otherwise);
bool                     json_get_bool(const struct json_value *object, const char *key, bool otherwise);

bool        json_is_object(const struct json_value *v);
bool        json_is_array(const struct json_value *v);
bool        json_is_int(const struct json_value *v);
bool        json_is_bool(const struct json_value *v);
bool        json_is_null_value(const struct json_value *v); /* JSON's null; not what is absent */
const char *json_as_string(const struct json_value *v);     /* NULL when it is none */
int64_t     json_as_int(const struct json_value *v, int64_t otherwise);
double      json_as_double(const struct json_value *v, double otherwise);

size_t                   json_size(const struct json_value *array_or_object);
const struct json_value *json_at(const struct json_value *array, size_t index);
/* Members of an object in their order: start with NULL, NULL at the end. */
const struct json_value *json_next(const struct json_value *object, const char **key, void **iterator);

/* Compact text of a value. */
void json_dump(const struct json_value *v, struct buf *out);

#endif
