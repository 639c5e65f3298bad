/* SPDX-License-Identifier: MIT */
/*
 * column/type: the logical types of SQL, one immutable value for all floors.
 *
 * Primitive types are singletons (compare by kind; DECIMAL by its digits too). Composite ones live in an arena of
 * their owner (a plan); a schema is simply a STRUCT type. Any thread.
 */
#ifndef COLUMN_TYPE_H
#define COLUMN_TYPE_H

#include "base/buf.h"
#include "base/decimal.h"

/* kind, SQL name, Delta name (PROTOCOL.md "Primitive Types"), bytes per value (0 = not fixed width) */
#define TYPE_KINDS(X)                              \
    X(TYPE_NULL, "VOID", "void", 0)                \
    X(TYPE_BOOLEAN, "BOOLEAN", "boolean", 1)       \
    X(TYPE_TINYINT, "TINYINT", "byte", 1)          \
    X(TYPE_SMALLINT, "SMALLINT", "short", 2)       \
    X(TYPE_INT, "INT", "integer", 4)               \
    X(TYPE_BIGINT, "BIGINT", "long", 8)            \
    X(TYPE_FLOAT, "FLOAT", "float", 4)             \
    X(TYPE_DOUBLE, "DOUBLE", "double", 8)          \
    X(TYPE_DECIMAL, "DECIMAL", "decimal", 16)      \
    X(TYPE_STRING, "STRING", "string", 0)          \
    X(TYPE_BINARY, "BINARY", "binary", 0)          \
    X(TYPE_DATE, "DATE", "date", 4)                \
    X(TYPE_TIMESTAMP, "TIMESTAMP", "timestamp", 8) \
    X(TYPE_INTERVAL, "INTERVAL", "interval", 8)    \
    X(TYPE_STRUCT, "STRUCT", "struct", 0)          \
    X(TYPE_ARRAY, "ARRAY", "array", 0)             \
    X(TYPE_MAP, "MAP", "map", 0)

#define TYPE_ENUM(kind, sql, delta, width) kind,
enum type_kind { TYPE_KINDS(TYPE_ENUM) TYPE_N_KINDS };
#undef TYPE_ENUM

struct type;

struct field {
    const char        *name; /* as written; matching ignores case */
    const struct type *type;
    bool               nullable;
};

struct type {
    enum type_kind      kind;
    uint8_t             precision, scale; /* DECIMAL */
    uint16_t            n_fields;         /* STRUCT */
    const struct field *fields;           /* STRUCT: n_fields; ARRAY: [0] element; MAP: [0] key, [1] value */
};

/* The singleton of a primitive kind; not for DECIMAL, STRUCT, ARRAY, MAP. */
const struct type *type_of(enum type_kind kind);
/* The singleton of DECIMAL(precision, scale): 1 to 38 digits, 0 to precision of them behind the point. */
const struct type *type_decimal(int precision, int scale);
/* Both copy the fields into the arena (names too); NULL when it is full. */
const struct type *type_struct(struct arena *a, const struct field *fields, size_t n);
const struct type *type_array(struct arena *a, const struct type *element, bool contains_null);
const struct type *type_map(struct arena *a, const struct type *key, const struct type *value, bool contains_null);

size_t      type_width(const struct type *t); /* bytes per fixed-width value, 0 otherwise */
bool        type_is_integer(const struct type *t);
bool        type_is_number(const struct type *t);
bool        type_equal(const struct type *a, const struct type *b); /* names exact, nullability ignored */
const char *type_kind_name(enum type_kind kind);                    /* "BIGINT" */
/* "STRUCT<a: INT, b: STRING>" as Spark's catalog string, upper case. */
void type_print(const struct type *t, struct buf *out);
/* Index of the field of that name (ASCII case ignored), -1 none, -2 more than one. */
int type_field_index(const struct type *schema, const char *name);

#endif
