/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/resource.h"

struct fixture {
    char            dir[64];
    struct arena    arena;
    struct catalog *catalog;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/millrace-state-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    arena_init(&f->arena, TAG_TEST, 16 << 20);
    assert_int_equal(catalog_open(f->dir, &f->catalog, NULL), OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char            command[128];
    catalog_close(f->catalog);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    arena_fini(&f->arena);
    test_free(f);
    return 0;
}

static struct resource of(const char *name)
{
    return (struct resource){.kind = RESOURCE_QUERY, .name = name, .spec = "{}", .running = true};
}

static void a_resource_is_there_after_the_folder_is_opened_again(void **state)
{
    struct fixture *f = *state;
    struct resource r = of("clicks"), *list;
    int             n;
    assert_int_equal(resource_put(f->catalog, &r, 0, false, NULL), OK);
    catalog_close(f->catalog);
    assert_int_equal(catalog_open(f->dir, &f->catalog, NULL), OK);
    assert_int_equal(resource_list(f->catalog, RESOURCE_QUERY, &f->arena, &list, &n, NULL), OK);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].name, "clicks");
    assert_true(list[0].running);
    assert_int_equal(list[0].revision, 1);
    assert_int_equal(resource_list(f->catalog, RESOURCE_PRODUCER, &f->arena, &list, &n, NULL), OK);
    assert_int_equal(n, 0);
}

static void a_write_against_another_revision_is_refused(void **state)
{
    struct fixture *f = *state;
    struct resource r = of("clicks");
    assert_int_equal(resource_put(f->catalog, &r, 5, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(resource_put(f->catalog, &r, 0, false, NULL), OK);
    assert_int_equal(resource_put(f->catalog, &r, 0, false, NULL), ERR_EXISTS);
    assert_int_equal(resource_put(f->catalog, &r, 1, false, NULL), OK);
    assert_int_equal(r.revision, 2);
    assert_int_equal(resource_put(f->catalog, &r, 1, false, NULL), ERR_CONFLICT);
    assert_int_equal(resource_put(f->catalog, &r, RESOURCE_ANY_REVISION, false, NULL), OK);
    assert_int_equal(resource_delete(f->catalog, RESOURCE_QUERY, "clicks", 1, NULL), ERR_CONFLICT);
    assert_int_equal(resource_delete(f->catalog, RESOURCE_QUERY, "clicks", 3, NULL), OK);
    assert_int_equal(resource_delete(f->catalog, RESOURCE_QUERY, "clicks", 3, NULL), ERR_NOT_FOUND);
}

static void what_is_desired_changes_alone_or_is_kept(void **state)
{
    struct fixture *f = *state;
    struct resource r = of("clicks"), want = {.kind = RESOURCE_QUERY, .name = "clicks"}, *list;
    int             n;
    assert_int_equal(resource_want(f->catalog, &want, NULL), ERR_NOT_FOUND);
    assert_int_equal(resource_put(f->catalog, &r, 0, false, NULL), OK);
    assert_int_equal(resource_want(f->catalog, &want, NULL), OK);
    assert_int_equal(want.revision, 2);
    assert_int_equal(resource_list(f->catalog, RESOURCE_QUERY, &f->arena, &list, &n, NULL), OK);
    assert_false(list[0].running);
    assert_int_equal(resource_put(f->catalog, &r, 2, true, NULL), OK);
    assert_false(r.running);
}

static void events_come_newest_first_and_the_oldest_go(void **state)
{
    struct fixture *f = *state;
    struct event    ev = {.at_ms = 1, .level = "info", .kind = "query", .subject = "clicks", .text = "running"}, *list;
    int             n;
    for (ev.id = 1; ev.id <= EVENTS_KEPT + 10; ev.id++)
        assert_int_equal(event_put(f->catalog, &ev, NULL), OK);
    ev.id--;
    assert_int_equal(event_list(f->catalog, 0, 3, &f->arena, &list, &n, NULL), OK);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].id, ev.id);
    assert_int_equal(event_list(f->catalog, list[2].id, EVENTS_KEPT, &f->arena, &list, &n, NULL), OK);
    assert_int_equal(n, EVENTS_KEPT - 3);
    assert_int_equal(list[n - 1].id, 11);
}

static void *write_many(void *arg)
{
    struct catalog *c = arg;
    for (int i = 0; i < 50; i++) {
        struct resource r = of("clicks");
        if (resource_put(c, &r, RESOURCE_ANY_REVISION, false, NULL) != OK)
            return "a write failed";
    }
    return NULL;
}

static void io_threads_share_one_connection(void **state)
{
    struct fixture  *f = *state;
    pthread_t        threads[4];
    struct resource *list;
    int              n;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, f->catalog), 0);
    for (int i = 0; i < 4; i++) {
        void *said = NULL;
        pthread_join(threads[i], &said);
        assert_null(said);
    }
    assert_int_equal(resource_list(f->catalog, RESOURCE_QUERY, &f->arena, &list, &n, NULL), OK);
    assert_int_equal(list[0].revision, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_resource_is_there_after_the_folder_is_opened_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_against_another_revision_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_desired_changes_alone_or_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(events_come_newest_first_and_the_oldest_go, setup, teardown),
        cmocka_unit_test_setup_teardown(io_threads_share_one_connection, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
