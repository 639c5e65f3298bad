/* SPDX-License-Identifier: MIT */
/* Case mapping as Java does it: letters that become several, and the sigma at the end of a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "text/utf8.h"

static void lower(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, TAG_TEST, 1 << 20);
    utf8_lower((const uint8_t *)text, strlen(text), &out);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

static void upper(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, TAG_TEST, 1 << 20);
    utf8_upper((const uint8_t *)text, strlen(text), &out);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

static void letters_with_several_capitals(void **state)
{
    (void)state;
    upper("stra\u00dfe", "STRASSE");
    upper("\u0149 \ufb03", "\u02bcN FFI");
    upper("a1\u00e4", "A1\u00c4");
    lower("\u0130", "i\u0307");
}

static void sigma_at_the_end_of_a_word(void **state)
{
    (void)state;
    lower("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2");
    lower("\u03a3\u0391\u03a3", "\u03c3\u03b1\u03c2");
    lower("\u03a3", "\u03c3");                           /* no letter before */
    lower("\u0391\u03a3'\u0391", "\u03b1\u03c3'\u03b1"); /* an apostrophe is looked through */
    lower("\u0391\u0301\u03a3.", "\u03b1\u0301\u03c2."); /* so is an accent */
    lower("\u0391\u03a3\u03a3 \u03a3", "\u03b1\u03c3\u03c2 \u03c3");
    lower("\x80\u03a3", "\x80\u03c3"); /* a stray byte is no letter */
}

static void a_megabyte_of_sigmas_takes_no_time(void **state)
{
    static char text[1 << 20];
    struct buf  out;
    (void)state;
    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xce\xa3", 2);
    buf_init(&out, TAG_TEST, 1 << 22);
    clock_t begun = clock();
    utf8_lower((const uint8_t *)text, sizeof text, &out);
    assert_true(clock() - begun < 5 * CLOCKS_PER_SEC);
    assert_int_equal(out.size, sizeof text);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_with_several_capitals),
        cmocka_unit_test(sigma_at_the_end_of_a_word),
        cmocka_unit_test(a_megabyte_of_sigmas_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
