/* SPDX-License-Identifier: MIT */
/* Without a database of time zones: offsets are known, names are an error that names the package. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "text/zone.h"

static void no_database(void **state)
{
    struct zone  z;
    struct error e;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(zone_find("Europe/Berlin", 13, &z, &e), ERR_IO);
        assert_non_null(strstr(e.text, "install the package tzdata"));
    }
    assert_int_equal(zone_find("GMT+2", 5, &z, &e), OK);
    assert_int_equal(zone_find("EST", 3, &z, &e), OK);
    assert_null(zone_nearest("Europe/Berln"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_database)};
    setenv("TZDIR", "/nowhere", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
