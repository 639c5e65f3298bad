/* SPDX-License-Identifier: MIT */
/* JSON text: commas, escapes, any depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* before cmocka */
#include <cmocka.h>

#include <string.h>

#include "json/write.h"

static struct buf         out;
static struct json_writer w;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, TAG_TEST, 1 << 20);
    json_writer_init(&w, &out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void commas_stand_between_members_and_elements(void **state)
{
    (void)state;
    json_begin_object(&w);
    json_member_int(&w, "a", 1);
    json_key(&w, "b");
    json_begin_array(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_put_null(&w);
    json_put_bool(&w, true);
    json_end_array(&w);
    json_member_raw(&w, "c", "[1,2]");
    json_end_object(&w);
    assert_string_equal(buf_text(&out), "{\"a\":1,\"b\":[[],{},null,true],\"c\":[1,2]}");
}

static void what_json_has_a_sign_for_is_escaped(void **state)
{
    (void)state;
    json_put_string_n(&w, "\"\\\b\f\n\r\t\x01\x1f/\xc3\xa9\0", 13);
    json_put_string(&w, NULL);
    assert_string_equal(buf_text(&out), "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\xc3\xa9\\u0000\",null");
}

static void to_json_of_a_deeply_nested_type_does_not_end_the_process(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        json_begin_array(&w);
    json_put_int(&w, 7);
    for (int i = 0; i < 1000; i++)
        json_end_array(&w);
    assert_int_equal(out.size, 2001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_stand_between_members_and_elements, setup, teardown),
        cmocka_unit_test_setup_teardown(what_json_has_a_sign_for_is_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(to_json_of_a_deeply_nested_type_does_not_end_the_process, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
