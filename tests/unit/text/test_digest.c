/* SPDX-License-Identifier: MIT */
/* Checksums of "abc": RFC 1321 A.5, FIPS 180-4 examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/digest.h"

static void is(enum digest kind, const char *expected)
{
    uint8_t    out[DIGEST_BYTES_MAX];
    struct buf hex;
    buf_init(&hex, TAG_TEST, 200);
    hex_encode(out, digest_of(kind, "abc", 3, out), false, &hex);
    assert_string_equal(buf_text(&hex), expected);
    buf_fini(&hex);
}

static void known_answers(void **state)
{
    (void)state;
    is(DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72");
    is(DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    is(DIGEST_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
    is(DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hex_in_both_cases(void **state)
{
    struct buf hex;
    (void)state;
    buf_init(&hex, TAG_TEST, 200);
    hex_encode((const uint8_t *)"\x0f\xa0", 2, false, &hex);
    hex_encode((const uint8_t *)"\x0f\xa0", 2, true, &hex);
    assert_string_equal(buf_text(&hex), "0fa00FA0");
    buf_fini(&hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(hex_in_both_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
