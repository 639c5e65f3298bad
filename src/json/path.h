/* SPDX-License-Identifier: MIT */
/* json/path: get_json_object(text, '$.a.b[0]'). One thread; scratch is the caller's. */
#ifndef JSON_PATH_H
#define JSON_PATH_H

#include "base/buf.h"

/* Appends the value at the path to out: a string as its text, anything else as compact JSON. False: NULL (nothing
 * there, a JSON null, a bad path or an unreadable document). Paths take .name, ['name'] and [index]; a wildcard gives
 * NULL. */
bool json_path_get(const uint8_t *text, size_t n, const char *path, size_t path_n, struct buf *scratch,
                   struct buf *out);

#endif
