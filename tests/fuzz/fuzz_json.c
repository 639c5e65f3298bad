/* SPDX-License-Identifier: MIT */
/*
 * from_json's two paths give one answer. The input is documents, one a line; each is read by a reader that has learned
 * from those before, and by the tolerant path alone: same verdict, same values.
 */
#include <stdlib.h>
#include <string.h>

#include "json/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct field inner[2], fields[9];

static const struct type *row_type(void)
{
    static const enum type_kind kinds[] = {TYPE_STRING, TYPE_BIGINT,    TYPE_DOUBLE, TYPE_BOOLEAN, TYPE_DATE,
                                           TYPE_INT,    TYPE_TIMESTAMP, TYPE_FLOAT,  TYPE_STRUCT};
    static const char *const    names[] = {"s", "l", "d", "b", "day", "i", "at", "f", "o"};
    static struct type          o = {.kind = TYPE_STRUCT, .n_fields = 2, .fields = inner};
    static struct type          row = {.kind = TYPE_STRUCT, .n_fields = 9, .fields = fields};
    for (int i = 0; i < 9; i++)
        fields[i] = (struct field){.name = names[i], .type = i == 8 ? &o : type_of(kinds[i])};
    inner[0] = (struct field){.name = "s", .type = type_of(TYPE_STRING)};
    inner[1] = (struct field){.name = "t", .type = type_of(TYPE_TINYINT)};
    return &row;
}

static bool same(const struct column *a, const struct column *b)
{
    uint32_t n, m;
    size_t   width = type_width(a->type);
    if (column_is_valid(a, 0) != column_is_valid(b, 0))
        return false;
    for (int i = 0; a->type->kind == TYPE_STRUCT && i < a->type->n_fields; i++)
        if (!same(a->children[i], b->children[i]))
            return false;
    if (!column_is_valid(a, 0))
        return true;
    if (a->offsets) {
        const uint8_t *x = column_bytes(a, 0, &n), *y = column_bytes(b, 0, &m);
        return n == m && memcmp(x, y, n) == 0;
    }
    return width == 0 || memcmp(a->values, b->values, width) == 0;
}

static void read_both(struct json_reader *fast, struct json_reader *tolerant, const uint8_t *text, size_t n)
{
    struct builder      x, y;
    struct json_verdict v, w;
    struct column      *a = NULL, *b = NULL;
    uint8_t            *slack = calloc(1, n + JSON_SLACK_BYTES); /* exact: a sanitizer sees a read past it */
    CHECK(slack && builder_init(&x, row_type(), NULL) == OK && builder_init(&y, row_type(), NULL) == OK);
    memcpy(slack, text, n);
    CHECK(json_reader_read(fast, slack, n, JSON_SLACK_BYTES, 0, &x, &v, NULL) == OK);
    CHECK(json_reader_read_tolerant(tolerant, text, n, 0, &y, &w, NULL) == OK);
    CHECK(builder_finish(&x, &a, NULL) == OK && builder_finish(&y, &b, NULL) == OK);
    CHECK(v.kind == w.kind && same(a, b));
    column_free(a);
    column_free(b);
    builder_fini(&x);
    builder_fini(&y);
    free(slack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader *fast, *tolerant;
    CHECK(json_reader_new(row_type(), &fast, NULL) == OK && json_reader_new(row_type(), &tolerant, NULL) == OK);
    for (size_t at = 0; at <= size;) {
        const uint8_t *end = at < size ? memchr(data + at, '\n', size - at) : NULL;
        size_t         n = end ? (size_t)(end - data) - at : size - at;
        if (n > 0)
            read_both(fast, tolerant, data + at, n);
        at += n + 1;
    }
    json_reader_free(fast);
    json_reader_free(tolerant);
    return 0;
}
