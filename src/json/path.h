/* SPDX-License-Identifier: MIT */
/* json/path: parts of a document as a text: get_json_object(text, '$.a.b[0]'). One thread; scratch is the caller's. */
#ifndef JSON_PATH_H
#define JSON_PATH_H

#include "column/column.h"

/* Appends the value at the path to out: a string as its text, anything else as compact JSON. False: NULL (nothing
 * there, a JSON null, a bad path or an unreadable document). Paths take .name, ['name'] and [index]; a wildcard gives
 * NULL. */
bool json_path_get(const uint8_t *text, size_t n, const char *path, size_t path_n, struct buf *scratch,
                   struct buf *out);
/* Elements of the outermost array; -1: it is none, or cannot be read. */
int64_t json_array_length(const uint8_t *text, size_t n, struct buf *scratch);
/* Appends the names of the outermost object, in their order. False: it is none, or cannot be read; names that were
 * appended before that stay. */
bool json_object_keys(const uint8_t *text, size_t n, struct buf *scratch, struct builder *names);

#endif
