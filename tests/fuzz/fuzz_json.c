/* SPDX-License-Identifier: MIT */
/*
 * from_json's two paths give one answer. The input is documents, one a line; each is read by a reader that has learned
 * from those before, and by the tolerant path alone: same verdict, same values.
 */
#include <stdlib.h>
#include <string.h>

#include "json/record.h"
#include "json/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_KINDS = 9, N_FIELDS = N_KINDS + 4 };

static const struct type *row_type(void)
{
    static const enum type_kind kinds[N_KINDS] = {TYPE_STRING, TYPE_BIGINT,    TYPE_DOUBLE, TYPE_BOOLEAN, TYPE_DATE,
                                                  TYPE_INT,    TYPE_TIMESTAMP, TYPE_FLOAT,  TYPE_BINARY};
    static const char *const    names[N_FIELDS] = {"s", "l", "d", "b", "day", "i", "at", "f", "y", "o", "n", "p", "m"};
    static const struct type   *made;
    static struct arena         arena;
    const struct field          inner[] = {{"s", type_of(TYPE_STRING), true}, {"t", type_of(TYPE_TINYINT), true}};
    struct field                fields[N_FIELDS];
    if (made)
        return made;
    arena_init(&arena, TAG_TEST, 1 << 20);
    const struct type *o = type_struct(&arena, inner, 2);
    const struct type *lists[] = {o, type_array(&arena, type_of(TYPE_INT), true), type_array(&arena, o, true),
                                  type_map(&arena, type_of(TYPE_STRING), o, true)};
    for (int i = 0; i < N_FIELDS; i++)
        fields[i] = (struct field){names[i], i < N_KINDS ? type_of(kinds[i]) : lists[i - N_KINDS], true};
    return made = type_struct(&arena, fields, N_FIELDS);
}

/* As they are printed. */
static bool same(const struct column *a, const struct column *b)
{
    struct buf         x, y;
    struct json_writer v, w;
    buf_init(&x, TAG_TEST, (size_t)64 << 20);
    buf_init(&y, TAG_TEST, (size_t)64 << 20);
    json_writer_init(&v, &x);
    json_writer_init(&w, &y);
    json_put_value(&v, a, 0);
    json_put_value(&w, b, 0);
    bool equal = !x.failed && !y.failed && x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    buf_fini(&x);
    buf_fini(&y);
    return equal;
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
