/* SPDX-License-Identifier: MIT */
#include "column/type.h"

#include <strings.h>

static const struct {
    const char *sql, *delta;
    size_t      width;
} kinds[] = {
#define KIND_ROW(kind, sql, delta, width) {sql, delta, width},
    TYPE_KINDS(KIND_ROW)
#undef KIND_ROW
};

const struct type *type_of(enum type_kind kind)
{
    static const struct type singletons[] = {
#define SINGLETON(k, sql, delta, width) {.kind = k},
        TYPE_KINDS(SINGLETON)
#undef SINGLETON
    };
    CHECK(kind < TYPE_N_KINDS && kind != TYPE_DECIMAL && kind < TYPE_STRUCT);
    return &singletons[kind];
}

const struct type *type_struct(struct arena *a, const struct field *fields, size_t n)
{
    struct type  *t = arena_alloc(a, sizeof *t);
    struct field *copy = arena_alloc(a, (n ? n : 1) * sizeof *copy);
    if (!t || !copy || n > UINT16_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        copy[i] = fields[i];
        if (!(copy[i].name = arena_strdup(a, fields[i].name)))
            return NULL;
    }
    *t = (struct type){.kind = TYPE_STRUCT, .n_fields = (uint16_t)n, .fields = copy};
    return t;
}

#define D1(p, s) {.kind = TYPE_DECIMAL, .precision = p, .scale = s}
#define D13(p, s)                                                                                               \
    D1(p, s), D1(p, s + 1), D1(p, s + 2), D1(p, s + 3), D1(p, s + 4), D1(p, s + 5), D1(p, s + 6), D1(p, s + 7), \
        D1(p, s + 8), D1(p, s + 9), D1(p, s + 10), D1(p, s + 11), D1(p, s + 12)
#define D_ROW(p) {D13(p, 0), D13(p, 13), D13(p, 26)}
#define D_ROWS(p) D_ROW(p), D_ROW(p + 1), D_ROW(p + 2), D_ROW(p + 3), D_ROW(p + 4), D_ROW(p + 5)

const struct type *type_decimal(int precision, int scale)
{
    static const struct type singletons[][DECIMAL_DIGITS_MAX + 1] = {
        D_ROWS(0), D_ROWS(6), D_ROWS(12), D_ROWS(18), D_ROWS(24), D_ROWS(30), D_ROW(36), D_ROW(37), D_ROW(38)};
    CHECK(precision > 0 && precision <= DECIMAL_DIGITS_MAX && scale >= 0 && scale <= precision);
    return &singletons[precision][scale];
}

const struct type *type_array(struct arena *a, const struct type *element, bool contains_null)
{
    struct field f = {.name = "element", .type = element, .nullable = contains_null};
    struct type *t = arena_alloc(a, sizeof *t);
    if (t)
        *t = (struct type){.kind = TYPE_ARRAY, .fields = arena_copy(a, &f, sizeof f)};
    return t && t->fields ? t : NULL;
}

const struct type *type_map(struct arena *a, const struct type *key, const struct type *value, bool contains_null)
{
    struct field f[2] = {{.name = "key", .type = key}, {.name = "value", .type = value, .nullable = contains_null}};
    struct type *t = arena_alloc(a, sizeof *t);
    if (t)
        *t = (struct type){.kind = TYPE_MAP, .fields = arena_copy(a, f, sizeof f)};
    return t && t->fields ? t : NULL;
}

size_t type_width(const struct type *t) { return kinds[t->kind].width; }

bool type_is_integer(const struct type *t) { return t->kind >= TYPE_TINYINT && t->kind <= TYPE_BIGINT; }

bool type_is_number(const struct type *t) { return t->kind >= TYPE_TINYINT && t->kind <= TYPE_DECIMAL; }

static size_t n_parts(const struct type *t)
{
    return t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_ARRAY ? 1 : t->kind == TYPE_MAP ? 2 : 0;
}

bool type_equal(const struct type *a, const struct type *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale || n_parts(a) != n_parts(b))
        return false;
    for (size_t i = 0; i < n_parts(a); i++)
        if ((a->kind == TYPE_STRUCT && strcmp(a->fields[i].name, b->fields[i].name) != 0) ||
            !type_equal(a->fields[i].type, b->fields[i].type))
            return false;
    return true;
}

const char *type_kind_name(enum type_kind kind) { return kinds[kind].sql; }

void type_print(const struct type *t, struct buf *out)
{
    buf_puts(out, kinds[t->kind].sql);
    if (t->kind == TYPE_DECIMAL)
        buf_printf(out, "(%d,%d)", t->precision, t->scale);
    if (n_parts(t) == 0)
        return;
    buf_u8(out, '<');
    for (size_t i = 0; i < n_parts(t); i++) {
        buf_puts(out, i ? ", " : "");
        if (t->kind == TYPE_STRUCT)
            buf_printf(out, "%s: ", t->fields[i].name);
        type_print(t->fields[i].type, out);
    }
    buf_u8(out, '>');
}

int type_field_index(const struct type *schema, const char *name)
{
    int found = -1;
    for (int i = 0; i < schema->n_fields; i++)
        if (strcasecmp(schema->fields[i].name, name) == 0) {
            if (found >= 0)
                return -2;
            found = i;
        }
    return found;
}
