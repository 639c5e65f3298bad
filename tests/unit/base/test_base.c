/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/inbox.h"

/* ---- error ---- */

static void context_is_cut_but_never_the_cause(void **state)
{
    struct error e;
    char         cause[230], long_name[300];
    (void)state;
    memset(cause, 'c', sizeof cause - 1);
    cause[sizeof cause - 1] = 0;
    memset(long_name, 'q', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(err_set(&e, ERR_IO, "%s", cause), ERR_IO);
    assert_int_equal(err_wrap(&e, ERR_IO, "query %s", long_name), ERR_IO);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_string_equal(e.text + sizeof e.text - sizeof cause, cause);
    assert_int_equal(strncmp(e.text, "query qqq", 9), 0);
}

static void errno_decides_code_and_retry(void **state)
{
    struct error e;
    (void)state;
    assert_int_equal(err_errno(&e, ENOSPC, "write %s", "a"), ERR_NO_SPACE);
    assert_string_equal(e.text, "write a: No space left on device");
    assert_true(e.retry);
    assert_int_equal(err_errno(&e, ENOENT, "open b"), ERR_NOT_FOUND);
    assert_false(e.retry);
    assert_int_equal(err_errno(NULL, EACCES, "x"), ERR_PERMISSION);
    assert_string_equal(err_name(ERR_DATA_LOSS), "data_loss");
}

/* ---- alloc ---- */

static void every_byte_held_is_counted_under_its_tag(void **state)
{
    int64_t before = alloc_bytes(TAG_TEST);
    char   *p = mem_alloc(TAG_TEST, 100);
    (void)state;
    assert_int_equal(alloc_bytes(TAG_TEST) - before, 116);
    p = mem_realloc(TAG_WEB, p, 200); /* keeps its tag */
    assert_int_equal(alloc_bytes(TAG_TEST) - before, 216);
    mem_free(p);
    assert_int_equal(alloc_bytes(TAG_TEST), before);
}

static void the_armed_allocation_fails_and_the_next_one_works(void **state)
{
    (void)state;
    alloc_fail_at(2, 2);
    void *first = mem_alloc(TAG_TEST, 1);
    assert_non_null(first);
    assert_null(mem_alloc(TAG_TEST, 1));
    assert_null(mem_realloc(TAG_TEST, first, 10));
    void *fourth = mem_alloc(TAG_TEST, 1);
    assert_non_null(fourth);
    mem_free(first);
    mem_free(fourth);
}

static void a_warm_arena_allocates_nothing_and_a_full_one_says_so(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a, TAG_TEST, 100000);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 10));
    arena_reset(&a);
    int64_t held = alloc_bytes(TAG_TEST);
    for (int i = 0; i < 100; i++)
        assert_int_equal((uintptr_t)arena_alloc(&a, 10) % 16, 0);
    assert_int_equal(alloc_bytes(TAG_TEST), held);
    assert_null(arena_alloc(&a, 100000));
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    arena_fini(&a);
}

/* ---- buf ---- */

static void what_was_written_is_read_and_a_short_read_fails(void **state)
{
    struct buf b;
    uint32_t   n;
    (void)state;
    buf_init(&b, TAG_TEST, 1000);
    buf_u8(&b, 7);
    buf_u32(&b, 0xdeadbeef);
    buf_u64(&b, 0x0123456789abcdefu);
    buf_bytes(&b, "hello", 5);
    buf_printf(&b, "%d", 12);
    struct view v = {.data = b.data, .size = b.size};
    assert_int_equal(view_u8(&v), 7);
    assert_int_equal(view_u32(&v), 0xdeadbeef);
    assert_true(view_u64(&v) == 0x0123456789abcdefu);
    assert_memory_equal(view_bytes(&v, &n), "hello", 5);
    assert_int_equal(n, 5);
    assert_memory_equal(view_take(&v, 2), "12", 2);
    assert_false(v.failed);
    assert_int_equal(view_u32(&v), 0);
    assert_true(v.failed);
    buf_fini(&b);
}

static void a_length_that_lies_is_not_followed(void **state)
{
    const uint8_t lie[] = {0xff, 0xff, 0xff, 0xff, 'x'};
    struct view   v = {.data = lie, .size = sizeof lie};
    uint32_t      n;
    (void)state;
    assert_null(view_bytes(&v, &n));
    assert_int_equal(n, 0);
    assert_true(v.failed);
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
    char         path[] = "/tmp/millrace-buf-XXXXXX";
    int          fd = mkstemp(path);
    struct buf   b;
    struct error e;
    (void)state;
    assert_int_equal(write(fd, "12345678", 8), 8);
    close(fd);
    buf_init(&b, TAG_TEST, 10);
    buf_puts(&b, ">>");
    assert_int_equal(buf_read_file(&b, path, &e), OK); /* just fits */
    assert_int_equal(b.size, 10);
    assert_memory_equal(b.data, ">>12345678", 10);
    buf_fini(&b);
    buf_init(&b, TAG_TEST, 7);
    assert_int_equal(buf_read_file(&b, path, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(b.size, 0);
    buf_fini(&b);
    unlink(path);
    buf_init(&b, TAG_TEST, 100);
    assert_int_equal(buf_read_file(&b, path, &e), ERR_NOT_FOUND);
    buf_fini(&b);
}

static void over_its_ceiling_a_buffer_keeps_what_it_had(void **state)
{
    struct buf   b;
    struct error e;
    (void)state;
    buf_init(&b, TAG_TEST, 8);
    buf_puts(&b, "12345678");
    assert_int_equal(buf_check(&b, "text", &e), OK);
    buf_puts(&b, "9");
    assert_int_equal(b.size, 8);
    assert_int_equal(buf_check(&b, "text", &e), ERR_LIMIT);
    assert_string_equal(e.text, "text is larger than 8 bytes");
    buf_fini(&b);
}

/* ---- hash ---- */

static void crc32c_gives_the_published_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

static void close_keys_spread_over_all_bits(void **state)
{
    uint64_t all_or = 0, all_and = ~(uint64_t)0;
    uint8_t  bytes[40] = {0};
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t h = hash_u64(i, 0);
        all_or |= h;
        all_and &= h;
    }
    assert_true(all_or == ~(uint64_t)0 && all_and == 0);
    for (size_t n = 1; n <= sizeof bytes; n++) /* every byte of every length matters */
        for (size_t at = 0; at < n; at++) {
            uint64_t before = hash_bytes(bytes, n, 1);
            bytes[at] ^= 1;
            assert_true(hash_bytes(bytes, n, 1) != before);
            bytes[at] ^= 1;
        }
}

/* ---- inbox ---- */

static void room_again(void *arg) { ++*(int *)arg; }

static void a_full_inbox_refuses_and_says_when_there_is_room(void **state)
{
    struct inbox in;
    int          item, told = 0;
    (void)state;
    assert_int_equal(inbox_init(&in, 4, 100, NULL), OK);
    in.on_room = room_again;
    in.on_room_arg = &told;
    assert_true(inbox_offer(&in, &item, 500)); /* one item always fits */
    assert_false(inbox_offer(&in, &item, 1));
    assert_true(inbox_offer(&in, &item, 0)); /* a mark always fits */
    assert_ptr_equal(inbox_take(&in), &item);
    assert_int_equal(told, 1);
    assert_ptr_equal(inbox_poll(&in), &item);
    assert_null(inbox_poll(&in));
    inbox_close(&in);
    assert_false(inbox_offer(&in, &item, 1));
    assert_null(inbox_take(&in));
    inbox_fini(&in);
}

static void *produce(void *arg)
{
    for (uintptr_t i = 1; i <= 10000; i++)
        while (!inbox_offer(arg, (void *)i, 1))
            ;
    inbox_close(arg);
    return NULL;
}

static void items_arrive_once_and_in_order(void **state)
{
    struct inbox in;
    pthread_t    thread;
    uintptr_t    expected = 1;
    (void)state;
    assert_int_equal(inbox_init(&in, 8, 1000, NULL), OK);
    assert_int_equal(pthread_create(&thread, NULL, produce, &in), 0);
    for (void *item; (item = inbox_take(&in)); expected++)
        assert_int_equal((uintptr_t)item, expected);
    assert_int_equal(expected, 10001);
    pthread_join(thread, NULL);
    inbox_fini(&in);
}

/* ---- diag ---- */

static struct arena told_arena;
static struct diags told;
static struct buf   out;

static int diags_setup(void **state)
{
    (void)state;
    arena_init(&told_arena, TAG_TEST, 10000);
    buf_init(&out, TAG_TEST, 100000);
    diags_init(&told, &told_arena);
    return 0;
}

static int diags_teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    arena_fini(&told_arena);
    return 0;
}

static void errors_come_in_order_with_line_column_and_caret(void **state)
{
    const char *sql = "SELECT sum(amout)\nFROM e WHERE t\xc3\xa9 = x";
    (void)state;
    diag_error(&told, (struct place){37, 1}, "E_TYPE", "second");
    struct diag *g = diag_error(&told, (struct place){11, 5}, "E_UNKNOWN_COLUMN", "unknown column \"%s\"", "amout");
    diag_hint(&told, g, "did you mean \"%s\"?", "amount");
    diags_print(&told, "job.sql", sql, &out);
    assert_string_equal(buf_text(&out), "job.sql:1:12: error[E_UNKNOWN_COLUMN] unknown column \"amout\"\n"
                                        "    SELECT sum(amout)\n"
                                        "               ^^^^^\n"
                                        "    hint: did you mean \"amount\"?\n"
                                        "job.sql:2:19: error[E_TYPE] second\n"
                                        "    FROM e WHERE t\xc3\xa9 = x\n"
                                        "                      ^\n");
}

static void a_byte_order_mark_has_no_column(void **state)
{
    (void)state;
    diag_error(&told, (struct place){10, 1}, "E_UNKNOWN_COLUMN", "unknown column \"x\"");
    diags_print(&told, "job.sql", "\xef\xbb\xbfSELECT x", &out);
    assert_string_equal(buf_text(&out), "job.sql:1:8: error[E_UNKNOWN_COLUMN] unknown column \"x\"\n"
                                        "    SELECT x\n"
                                        "           ^\n");
}

static void of_a_very_long_line_the_part_around_the_place_is_shown(void **state)
{
    static char sql[100001];
    (void)state;
    for (size_t i = 0; i < sizeof sql - 1; i += 2)
        memcpy(sql + i, "\xc3\xa9", 2);
    memcpy(sql + 50000, "amout", 5);
    diag_error(&told, (struct place){50000, 5}, "E_UNKNOWN_COLUMN", "unknown column");
    diags_print(&told, "job.sql", sql, &out);
    assert_true(out.size < 3000);
    assert_non_null(strstr(buf_text(&out), "job.sql:1:25001: "));
    const char *line = strstr(buf_text(&out), "amout"), *caret = strstr(buf_text(&out), "^^^^^\n");
    assert_true(line && caret);
    size_t before = 0, blanks = 0;
    for (const char *p = line; p[-1] != '\n'; p--)
        before += ((unsigned char)p[-1] & 0xc0) != 0x80;
    for (const char *p = caret; p[-1] != '\n'; p--)
        blanks++;
    assert_int_equal(before, blanks);
}

static void the_nearest_name_is_near(void **state)
{
    static const char *const names[] = {"amount", "event_time", "user_id", "ts"};
    (void)state;
    assert_string_equal(nearest_name("amout", names, 4), "amount");
    assert_string_equal(nearest_name("EVENT_TMIE", names, 4), "event_time");
    assert_string_equal(nearest_name("tS", names, 4), "ts");
    assert_null(nearest_name("campaign", names, 4));
}

/* ---- failpoint ---- */

static void a_failpoint_acts_on_the_arrival_it_names(void **state)
{
    struct error e = {0};
    (void)state;
    assert_int_equal(failpoint("a.b", &e), OK);
    assert_int_equal(failpoint_setup("a.b=error@2,c=sleep:1", NULL, 0, &e), OK);
    assert_int_equal(failpoint("a.b", &e), OK);
    assert_int_equal(failpoint("a.b", &e), ERR_IO);
    assert_true(e.retry);
    assert_int_equal(failpoint("a.b", &e), OK);
    assert_int_equal(failpoint("c", &e), OK);
    assert_int_equal(failpoint_setup("a.b", NULL, 0, &e), ERR_INVALID);
    assert_int_equal(failpoint_setup("a.b=kill,z=kill", (const struct failpoint_name[]){{"a.c", ""}}, 1, &e),
                     ERR_INVALID);
}

static void a_uuid_is_version_four(void **state)
{
    char a[37], b[37];
    (void)state;
    uuid_v4(a);
    uuid_v4(b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_cut_but_never_the_cause),
        cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
        cmocka_unit_test(errno_decides_code_and_retry),
        cmocka_unit_test(every_byte_held_is_counted_under_its_tag),
        cmocka_unit_test(the_armed_allocation_fails_and_the_next_one_works),
        cmocka_unit_test(a_warm_arena_allocates_nothing_and_a_full_one_says_so),
        cmocka_unit_test(what_was_written_is_read_and_a_short_read_fails),
        cmocka_unit_test(a_length_that_lies_is_not_followed),
        cmocka_unit_test(over_its_ceiling_a_buffer_keeps_what_it_had),
        cmocka_unit_test(crc32c_gives_the_published_check_value),
        cmocka_unit_test(close_keys_spread_over_all_bits),
        cmocka_unit_test(a_full_inbox_refuses_and_says_when_there_is_room),
        cmocka_unit_test(items_arrive_once_and_in_order),
        cmocka_unit_test_setup_teardown(errors_come_in_order_with_line_column_and_caret, diags_setup, diags_teardown),
        cmocka_unit_test_setup_teardown(a_byte_order_mark_has_no_column, diags_setup, diags_teardown),
        cmocka_unit_test_setup_teardown(of_a_very_long_line_the_part_around_the_place_is_shown, diags_setup,
                                        diags_teardown),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(a_failpoint_acts_on_the_arrival_it_names),
        cmocka_unit_test(a_uuid_is_version_four),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
