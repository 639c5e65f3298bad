/* SPDX-License-Identifier: MIT */
/* The token file, tokens and sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/auth.h"

#define DAY_US ((int64_t)86400 * 1000000)
#define HASH_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void a_made_token_is_known_and_not_in_its_line(void **state)
{
    char            token[AUTH_TOKEN_CHARS + 1];
    struct buf      lines;
    struct auth    *a;
    struct auth_who who;
    (void)state;
    buf_init(&lines, TAG_TEST, 1000);
    auth_token_make("alice", HTTP_VIEWER, token, &lines);
    assert_int_equal(strlen(token), AUTH_TOKEN_CHARS);
    assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     AUTH_TOKEN_CHARS);
    assert_null(strstr(buf_text(&lines), token));
    assert_int_equal(auth_new(buf_text(&lines), &a, NULL), OK);
    assert_true(auth_token(a, token, 0, &who));
    assert_int_equal(who.role, HTTP_VIEWER);
    assert_string_equal(who.name, "alice");
    token[42] = token[42] == 'A' ? 'B' : 'A';
    assert_false(auth_token(a, token, 0, &who));
    assert_int_equal(who.role, HTTP_ANYONE);
    assert_false(auth_token(a, "", 0, &who));
    auth_free(a);
    buf_fini(&lines);
}

static void expired_tokens_are_unknown(void **state)
{
    struct auth    *a;
    struct auth_who who;
    (void)state;
    assert_int_equal(auth_new("bob admin sha256:" HASH_OF_ABC " expires=1970-01-03\n", &a, NULL), OK);
    assert_true(auth_token(a, "abc", 1 * DAY_US, &who));
    assert_true(auth_stands(a, &who, 1 * DAY_US));
    assert_false(auth_stands(a, &who, 3 * DAY_US));
    assert_false(auth_token(a, "abc", 3 * DAY_US, &who));
    auth_free(a);
}

static void mistakes_are_named_by_line(void **state)
{
    static const char *const wrong[][2] = {
        {"bob", "line 1: it must be: name viewer|admin sha256:<64 hex digits> [expires=2027-01-01]"},
        {"# fine\n\nbob root sha256:" HASH_OF_ABC, "line 3: the role must be viewer or admin"},
        {"bob admin " HASH_OF_ABC, "line 1: the hash must be sha256: and 64 hex digits"},
        {"bob admin sha256:zz" HASH_OF_ABC, "line 1: the hash must be sha256: and 64 hex digits"},
        {"bob admin sha256:" HASH_OF_ABC " expires=soon", "line 1: the date must be expires=2027-01-01"},
        {"bob admin sha256:" HASH_OF_ABC " until=2027-01-01", "line 1: the date must be expires=2027-01-01"},
    };
    struct auth *a;
    struct error e;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(auth_new(wrong[i][0], &a, &e), ERR_INVALID);
        assert_string_equal(e.text, wrong[i][1]);
    }
    assert_int_equal(auth_new("bob admin sha256:" HASH_OF_ABC "   # a comment\n", &a, &e), OK);
    auth_free(a);
}

static void sessions_live_as_long_as_their_token(void **state)
{
    struct auth    *a, *b;
    struct auth_who who, other;
    char            cookie[AUTH_TOKEN_CHARS + 1];
    (void)state;
    assert_int_equal(auth_new("bob admin sha256:" HASH_OF_ABC "\n", &a, NULL), OK);
    assert_false(auth_session_begin(a, "abd", 0, DAY_US, cookie, &who));
    assert_true(auth_session_begin(a, "abc", 0, DAY_US, cookie, &who));
    assert_true(auth_session(a, cookie, DAY_US - 1, &who));
    assert_string_equal(who.name, "bob");
    assert_false(auth_session(a, cookie, DAY_US, &other));
    assert_false(auth_token(a, cookie, 1, &other));  /* a cookie is no token */
    assert_false(auth_session(a, "abc", 1, &other)); /* nor the other way round */

    assert_int_equal(auth_new("eve admin sha256:" HASH_OF_ABC "\n", &b, NULL), OK);
    auth_sessions_move(b, a);
    assert_true(auth_session(b, cookie, 1, &other)); /* the same token, renamed */
    auth_free(b);
    assert_int_equal(auth_new("", &b, NULL), OK);
    auth_sessions_move(b, a);
    assert_false(auth_session(b, cookie, 1, &other));
    assert_false(auth_stands(b, &who, 1));
    auth_free(b);

    auth_session_end(a, &who);
    assert_false(auth_session(a, cookie, 1, &other));
    auth_free(a);
}

static void the_oldest_session_makes_room(void **state)
{
    struct auth    *a;
    struct auth_who who;
    char            first[AUTH_TOKEN_CHARS + 1], second[AUTH_TOKEN_CHARS + 1], cookie[AUTH_TOKEN_CHARS + 1];
    (void)state;
    assert_int_equal(auth_new("bob admin sha256:" HASH_OF_ABC "\n", &a, NULL), OK);
    assert_true(auth_session_begin(a, "abc", 0, DAY_US, first, &who));
    assert_true(auth_session_begin(a, "abc", 1, DAY_US, second, &who));
    for (int i = 0; i < AUTH_SESSIONS_MAX - 1; i++)
        assert_true(auth_session_begin(a, "abc", 2 + i, DAY_US, cookie, &who));
    assert_false(auth_session(a, first, 5000, &who));
    assert_true(auth_session(a, second, 5000, &who));
    auth_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_token_is_known_and_not_in_its_line),
        cmocka_unit_test(expired_tokens_are_unknown),
        cmocka_unit_test(mistakes_are_named_by_line),
        cmocka_unit_test(sessions_live_as_long_as_their_token),
        cmocka_unit_test(the_oldest_session_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
