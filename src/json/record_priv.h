/* SPDX-License-Identifier: MIT */
/* json/record, inside: the compiled schema and the slots both paths fill. Shared with the C++ shim. */
#ifndef JSON_RECORD_PRIV_H
#define JSON_RECORD_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum slot_kind { SLOT_MISSING, SLOT_NULL, SLOT_SET };

struct json_slot {
    enum slot_kind kind;
    bool           in_scratch; /* bytes: text is an offset into the reader's scratch */
    union {
        int64_t integer; /* BOOLEAN, integers, DATE, TIMESTAMP */
        double  real;
        int128  decimal; /* unscaled */
        struct {
            union {
                const uint8_t *text;
                size_t         offset;
            };
            size_t length;
        } bytes;
    };
};

/* What a field's type wants; mirrors the kinds of column/type.h that JSON can give. */
enum json_want {
    WANT_BOOLEAN,
    WANT_TINYINT,
    WANT_SMALLINT,
    WANT_INT,
    WANT_BIGINT,
    WANT_FLOAT,
    WANT_DOUBLE,
    WANT_DECIMAL,
    WANT_STRING,
    WANT_BINARY,
    WANT_DATE,
    WANT_TIMESTAMP,
    WANT_STRUCT,
    WANT_ARRAY, /* the slot has the whole value as text; its parts are read when they are appended */
    WANT_MAP
};

struct json_node {
    const char       *name;
    size_t            name_length;
    enum json_want    want;
    uint8_t           precision, scale; /* WANT_DECIMAL */
    struct json_node *children;         /* WANT_STRUCT */
    struct json_node *element;          /* WANT_ARRAY: of an element; WANT_MAP: of a value */
    size_t            n_children;
    struct json_slot  slot; /* of the document being read; WANT_STRUCT: SET when the object is there */
};

#define JSON_FAST_FIELDS_MAX 64 /* per object; more take the tolerant path */

struct simd_parser;
struct simd_parser *simd_parser_new(void);
void                simd_parser_free(struct simd_parser *p);
/* True when the document was read and every slot below root is filled; false: unusual, nothing to rely on. `capacity`
 * is how many bytes from text on may be read (n + slack). */
bool simd_parser_read(struct simd_parser *p, const uint8_t *text, size_t n, size_t capacity, int64_t now_us,
                      struct json_node *root);

#ifdef __cplusplus
}
#endif

#endif
