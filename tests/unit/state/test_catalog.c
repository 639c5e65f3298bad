/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/catalog.h"
#include "state/snapshot.h"

struct fixture {
    char         dir[64];
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/millrace-state-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    arena_init(&f->arena, TAG_TEST, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char            command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    arena_fini(&f->arena);
    test_free(f);
    return 0;
}

static struct catalog *open_catalog(struct fixture *f)
{
    struct catalog *c = NULL;
    struct error    e = {0};
    if (catalog_open(f->dir, &c, &e) != OK)
        fail_msg("%s", e.text);
    return c;
}

static void put_query(struct catalog *c)
{
    struct query_row row = {.name = "clicks", .generation = 1, .fingerprint = "{}", .start = "[]", .created_ms = 5};
    assert_int_equal(catalog_query_put(c, &row, NULL), OK);
}

static void a_prepared_epoch_is_found_again_and_becomes_committed(void **state)
{
    struct fixture  *f = *state;
    struct catalog  *c = open_catalog(f);
    struct epoch_row got, row = {.epoch = 0, .nonce = "n0", .info = "{\"a\":1}", .now_us = 7, .receipts = "[]"};
    put_query(c);
    assert_int_equal(catalog_epoch_last(c, "clicks", 1, &f->arena, &got, NULL), ERR_NOT_FOUND);
    assert_int_equal(catalog_epoch_prepared(c, "clicks", 1, &row, NULL), OK);
    catalog_close(c);
    c = open_catalog(f);
    assert_int_equal(catalog_epoch_last(c, "clicks", 1, &f->arena, &got, NULL), OK);
    assert_false(got.committed);
    assert_string_equal(got.nonce, "n0");
    assert_null(got.snapshot);
    assert_int_equal(catalog_epoch_committed(c, "clicks", 1, 0, "[3]", NULL), OK);
    assert_int_equal(catalog_epoch_last(c, "clicks", 1, &f->arena, &got, NULL), OK);
    assert_true(got.committed);
    assert_string_equal(got.versions, "[3]");
    catalog_close(c);
}

static void only_the_last_two_epochs_are_kept(void **state)
{
    struct fixture  *f = *state;
    struct catalog  *c = open_catalog(f);
    struct epoch_row got, row = {.nonce = "n", .info = "{}", .receipts = "[]"};
    put_query(c);
    for (row.epoch = 0; row.epoch < 4; row.epoch++) {
        assert_int_equal(catalog_epoch_prepared(c, "clicks", 1, &row, NULL), OK);
        assert_int_equal(catalog_epoch_committed(c, "clicks", 1, row.epoch, "[]", NULL), OK);
    }
    assert_int_equal(catalog_epoch_get(c, "clicks", 1, 1, &f->arena, &got, NULL), ERR_NOT_FOUND);
    assert_int_equal(catalog_epoch_get(c, "clicks", 1, 2, &f->arena, &got, NULL), OK);
    catalog_close(c);
}

static void a_second_process_is_told_who_holds_the_folder(void **state)
{
    struct fixture *f = *state;
    struct catalog *c = open_catalog(f);
    char            expected[64];
    snprintf(expected, sizeof expected, "in use by process %ld;", (long)getpid());
    pid_t child = fork();
    if (child == 0) {
        struct catalog *other;
        struct error    e;
        enum err        rc = catalog_open(f->dir, &other, &e);
        _exit(rc == ERR_BUSY && strstr(e.text, expected) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    catalog_close(c);
}

static void a_file_that_is_no_database_is_named_and_can_be_moved_aside(void **state)
{
    struct fixture *f = *state;
    struct catalog *c = NULL;
    struct error    e = {0};
    char            path[96];
    snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database", file);
    fclose(file);
    assert_int_equal(catalog_open(f->dir, &c, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(catalog_move_aside(f->dir, &e), OK);
    catalog_close(open_catalog(f));
}

static void a_snapshot_comes_back_or_its_file_is_named(void **state)
{
    struct fixture *f = *state;
    struct error    e = {0};
    struct buf      out;
    char            path[128];
    catalog_close(open_catalog(f));
    buf_init(&out, TAG_TEST, 1 << 20);
    assert_int_equal(snapshot_write(f->dir, "clicks-1-4.snap", "state", 5, &e), OK);
    assert_int_equal(snapshot_read(f->dir, "clicks-1-4.snap", &out, &e), OK);
    assert_int_equal(out.size, 5);
    assert_memory_equal(out.data, "state", 5);

    snprintf(path, sizeof path, "%s/snapshots/clicks-1-4.snap", f->dir);
    for (off_t at = 0; at < 25; at++) { /* every byte of the file is guarded */
        int  fd = open(path, O_RDWR);
        char byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        buf_clear(&out);
        assert_int_equal(snapshot_read(f->dir, "clicks-1-4.snap", &out, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, path));
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }
    assert_int_equal(truncate(path, 22), 0);
    assert_int_equal(snapshot_read(f->dir, "clicks-1-4.snap", &out, &e), ERR_CORRUPT);
    buf_fini(&out);
}

static void sweeping_keeps_the_two_that_are_needed(void **state)
{
    struct fixture *f = *state;
    struct buf      out;
    catalog_close(open_catalog(f));
    buf_init(&out, TAG_TEST, 1 << 20);
    assert_int_equal(snapshot_write(f->dir, "clicks-1-1.snap", "a", 1, NULL), OK);
    assert_int_equal(snapshot_write(f->dir, "clicks-1-2.snap", "b", 1, NULL), OK);
    assert_int_equal(snapshot_write(f->dir, "clicks-1-3.snap", "c", 1, NULL), OK);
    assert_int_equal(snapshot_write(f->dir, "other-1-1.snap", "d", 1, NULL), OK);
    snapshot_sweep(f->dir, "clicks-", "clicks-1-3.snap", "clicks-1-2.snap");
    assert_int_equal(snapshot_read(f->dir, "clicks-1-1.snap", &out, NULL), ERR_NOT_FOUND);
    assert_int_equal(snapshot_read(f->dir, "clicks-1-2.snap", &out, NULL), OK);
    assert_int_equal(snapshot_read(f->dir, "clicks-1-3.snap", &out, NULL), OK);
    assert_int_equal(snapshot_read(f->dir, "other-1-1.snap", &out, NULL), OK);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_prepared_epoch_is_found_again_and_becomes_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_last_two_epochs_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_process_is_told_who_holds_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_named_and_can_be_moved_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_comes_back_or_its_file_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(sweeping_keeps_the_two_that_are_needed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
