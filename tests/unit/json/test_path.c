/* SPDX-License-Identifier: MIT */
/* Parts of a document that is a text: a value at a path, elements, names; NULL for what breaks off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "json/path.h"

static const char *at(const char *document, const char *path)
{
    static char text[200];
    struct buf  scratch, out;
    buf_init(&scratch, TAG_TEST, 1000);
    buf_init(&out, TAG_TEST, 1000);
    bool found = json_path_get((const uint8_t *)document, strlen(document), path, strlen(path), &scratch, &out);
    snprintf(text, sizeof text, "%s", found ? buf_text(&out) : "NULL");
    buf_fini(&scratch);
    buf_fini(&out);
    return text;
}

static void a_value_at_a_path(void **state)
{
    const char *document = "{\"a\": {\"b\": [1, \"x\", {\"c\": true}]}, \"n\": null}";
    (void)state;
    assert_string_equal(at(document, "$.a.b[1]"), "x");
    assert_string_equal(at(document, "$.a.b[2]"), "{\"c\":true}");
    assert_string_equal(at(document, "$['a']"), "{\"b\":[1,\"x\",{\"c\":true}]}");
    assert_string_equal(at(document, "$.n"), "NULL");
    assert_string_equal(at(document, "$.z"), "NULL");
    assert_string_equal(at(document, "a"), "NULL");
}

static int64_t length(const char *document)
{
    struct buf scratch;
    buf_init(&scratch, TAG_TEST, 1000);
    int64_t n = json_array_length((const uint8_t *)document, strlen(document), &scratch);
    buf_fini(&scratch);
    return n;
}

static void elements_are_counted(void **state)
{
    (void)state;
    assert_int_equal(length("[1, [2, 3], {\"a\": [4]}] what follows"), 3);
    assert_int_equal(length("[]"), 0);
    assert_int_equal(length("{}"), -1);
    assert_int_equal(length("[1, "), -1);
    assert_int_equal(length("[1 2]"), -1);
    assert_int_equal(length(""), -1);
}

static void names_are_listed(void **state)
{
    static const char *const documents[] = {"{\"a\": 1, \"b\": {\"c\": 2}, \"a\": 3}", "{}", "[1]", "{\"a\": 1,"};
    static const bool        found[] = {true, true, false, false};
    static const uint32_t    names[] = {3, 3, 3, 4}; /* what was read before the end stays */
    struct buf               scratch;
    struct builder           b;
    (void)state;
    buf_init(&scratch, TAG_TEST, 1000);
    assert_int_equal(builder_init(&b, type_of(TYPE_STRING), NULL), OK);
    for (int i = 0; i < 4; i++) {
        size_t n = strlen(documents[i]);
        assert_int_equal(json_object_keys((const uint8_t *)documents[i], n, &scratch, &b), found[i]);
        assert_int_equal(b.n_rows, names[i]);
    }
    builder_fini(&b);
    buf_fini(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_at_a_path),
        cmocka_unit_test(elements_are_counted),
        cmocka_unit_test(names_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
