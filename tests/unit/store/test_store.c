/* SPDX-License-Identifier: MIT */
/* The contract of store.h, run on every store; then what only files can get wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "store/store.h"

static char          folder[64];
static struct store *stores[2];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/millrace-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char root[128];
    snprintf(root, sizeof root, "%s/made/on/demand", folder);
    assert_int_equal(store_local_new(root, &stores[0], NULL), OK);
    assert_int_equal(store_memory_new(&stores[1], NULL), OK);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    for (int i = 0; i < 2; i++)
        stores[i]->ops->free(stores[i]);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(alloc_bytes(TAG_SINK) + alloc_bytes(TAG_TEST), 0);
    return 0;
}

static enum err put(struct store *s, const char *key, const char *text)
{
    return s->ops->put(s, key, text, strlen(text), NULL);
}

static enum err create(struct store *s, const char *key, const char *text)
{
    return s->ops->put_if_absent(s, key, text, strlen(text), NULL);
}

static void assert_object(struct store *s, const char *key, const char *text)
{
    struct buf b;
    int64_t    size;
    buf_init(&b, TAG_TEST, 1 << 20);
    assert_int_equal(s->ops->get(s, key, &b, NULL), OK);
    assert_string_equal(buf_text(&b), text);
    buf_fini(&b);
    assert_int_equal(s->ops->head(s, key, &size, NULL), OK);
    assert_int_equal(size, strlen(text));
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct store *s = stores[i];
        assert_int_equal(put(s, "a.txt", "one"), OK);
        assert_object(s, "a.txt", "one");
        assert_int_equal(put(s, "a.txt", "two"), OK);
        assert_object(s, "a.txt", "two");
        assert_int_equal(put(s, "day=2024-01-01/h=3/x", ""), OK);
        assert_object(s, "day=2024-01-01/h=3/x", "");
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    struct buf b;
    int64_t    size;
    (void)state;
    buf_init(&b, TAG_TEST, 1 << 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stores[i]->ops->get(stores[i], "no", &b, NULL), ERR_NOT_FOUND);
        assert_int_equal(stores[i]->ops->head(stores[i], "no", &size, NULL), ERR_NOT_FOUND);
        assert_int_equal(stores[i]->ops->remove(stores[i], "no", NULL), ERR_NOT_FOUND);
    }
    buf_fini(&b);
}

static void a_key_is_created_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(create(stores[i], "_delta_log/0.json", "mine"), OK);
        assert_int_equal(create(stores[i], "_delta_log/0.json", "theirs"), ERR_EXISTS);
        assert_object(stores[i], "_delta_log/0.json", "mine");
        assert_int_equal(stores[i]->ops->remove(stores[i], "_delta_log/0.json", NULL), OK);
        assert_int_equal(create(stores[i], "_delta_log/0.json", "later"), OK);
    }
}

static bool count_key(void *arg, const char *key)
{
    char *seen = arg;
    strcat(seen, key);
    strcat(seen, " ");
    return true;
}

static bool only_one(void *arg, const char *key)
{
    (void)key;
    return ++*(int *)arg < 1;
}

static void listing_takes_prefix_and_start(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char          seen[200] = "";
        int           n = 0;
        struct store *s = stores[i];
        assert_int_equal(put(s, "_delta_log/01.json", ""), OK);
        assert_int_equal(put(s, "_delta_log/02.json", ""), OK);
        assert_int_equal(put(s, "_delta_log/_last_checkpoint", ""), OK);
        assert_int_equal(put(s, "other/02.json", ""), OK);
        assert_int_equal(s->ops->list(s, "_delta_log/0", NULL, count_key, seen, NULL), OK);
        assert_int_equal(strlen(seen), 2 * strlen("_delta_log/01.json "));
        seen[0] = 0;
        assert_int_equal(s->ops->list(s, "_delta_log/0", "_delta_log/01.json", count_key, seen, NULL), OK);
        assert_string_equal(seen, "_delta_log/02.json ");
        assert_int_equal(s->ops->list(s, "_delta_log/", NULL, only_one, &n, NULL), OK);
        assert_int_equal(n, 1);
        seen[0] = 0;
        assert_int_equal(s->ops->list(s, "nothing/here/", NULL, count_key, seen, NULL), OK);
        assert_string_equal(seen, "");
    }
}

static void a_probe_leaves_nothing(void **state)
{
    char seen[200] = "";
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_probe(stores[i], "_delta_log/", NULL), OK);
        assert_int_equal(stores[i]->ops->list(stores[i], "_delta_log/", NULL, count_key, seen, NULL), OK);
    }
    assert_string_equal(seen, "");
}

/* ---- files; each failpoint acts once, so none leaks into the next test ---- */

static int n_files(const char *below)
{
    char path[160];
    int  n = 0;
    snprintf(path, sizeof path, "%s/made/on/demand%s", folder, below);
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));)
        n += entry->d_type != DT_DIR;
    if (d)
        closedir(d);
    return n;
}

static void a_failed_put_leaves_no_file(void **state)
{
    struct error e;
    (void)state;
    assert_int_equal(put(stores[0], "x", "old"), OK);
    assert_int_equal(failpoint_setup("store.local.after_temp=error@1,store.local.after_temp=error@1", NULL, 0, NULL),
                     OK);
    assert_int_equal(stores[0]->ops->put(stores[0], "x", "new", 3, &e), ERR_IO);
    assert_true(e.retry);
    assert_int_equal(create(stores[0], "y", "new"), ERR_IO);
    assert_object(stores[0], "x", "old");
    assert_int_equal(n_files(""), 1);
}

static void an_error_after_the_link_may_have_happened(void **state)
{
    (void)state;
    assert_int_equal(failpoint_setup("store.local.after_link=error@1", NULL, 0, NULL), OK);
    assert_int_equal(create(stores[0], "y", "new"), ERR_IO);
    assert_int_equal(create(stores[0], "y", "again"), ERR_EXISTS);
    assert_object(stores[0], "y", "new");
    assert_int_equal(n_files(""), 1);
}

static void every_call_has_its_failpoint(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, TAG_TEST, 1000);
    assert_int_equal(
        failpoint_setup("store.put=error@1,store.put_if_absent=error@1,store.get=error@1,store.list=error@1", NULL, 0,
                        NULL),
        OK);
    assert_int_equal(put(stores[0], "x", "x"), ERR_IO);
    assert_int_equal(create(stores[0], "x", "x"), ERR_IO);
    assert_int_equal(stores[0]->ops->get(stores[0], "x", &b, NULL), ERR_IO);
    assert_int_equal(stores[0]->ops->list(stores[0], "", NULL, count_key, NULL, NULL), ERR_IO);
    buf_fini(&b);
}

static void a_folder_that_is_a_file_is_said_so(void **state)
{
    struct store *s;
    struct error  e;
    char          root[128];
    (void)state;
    assert_int_equal(put(stores[0], "file", "x"), OK);
    snprintf(root, sizeof root, "%s/made/on/demand/file", folder);
    assert_int_equal(store_local_new(root, &s, NULL), OK);
    assert_int_not_equal(store_probe(s, "", &e), OK);
    assert_non_null(strstr(e.text, "/file"));
    s->ops->free(s);
}

static void a_path_too_long_is_refused(void **state)
{
    struct store *s;
    static char   key[5000];
    (void)state;
    memset(key, 'k', sizeof key - 1);
    assert_int_equal(put(stores[0], key, "x"), ERR_LIMIT);
    assert_int_equal(store_local_new(key, &s, NULL), ERR_LIMIT);
}

static void *race(void *arg)
{
    char text[2] = {*(char *)arg, 0};
    for (int i = 0; i < 50; i++) {
        char key[32];
        snprintf(key, sizeof key, "race/%d", i);
        if (create(stores[0], key, text) == OK)
            ((char *)arg)[1]++;
    }
    return NULL;
}

static void of_two_who_create_one_wins(void **state)
{
    pthread_t threads[4];
    char      args[4][2] = {{'a', 0}, {'b', 0}, {'c', 0}, {'d', 0}};
    int       won = 0;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, args[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        won += args[i][1];
    }
    assert_int_equal(won, 50);
    assert_int_equal(n_files("/race"), 50);
}

/* ---- the faults of the memory store ---- */

static void a_fault_may_apply_all_the_same(void **state)
{
    struct store *s = stores[1];
    (void)state;
    store_memory_fail(s, 1, ERR_UNAVAILABLE, false);
    assert_int_equal(create(s, "x", "1"), ERR_UNAVAILABLE);
    store_memory_fail(s, 2, ERR_UNAVAILABLE, true);
    assert_int_equal(create(s, "x", "2"), OK);
    assert_int_equal(create(s, "x", "3"), ERR_UNAVAILABLE); /* but never over another's object */
    assert_object(s, "x", "2");
    store_memory_fail(s, 1, ERR_UNAVAILABLE, true);
    assert_int_equal(create(s, "y", "4"), ERR_UNAVAILABLE);
    assert_object(s, "y", "4");
}

static void memory_out_is_an_error(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= 3; i++) {
        struct store *s = NULL;
        alloc_fail_at(i, 1);
        enum err rc = store_local_new("/tmp", &s, NULL);
        alloc_fail_at(0, 0);
        assert_int_equal(rc, i == 1 ? ERR_NO_MEMORY : OK);
        if (s)
            s->ops->free(s);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(what_is_put_is_got),
                                       T(what_is_not_there_is_not_found),
                                       T(a_key_is_created_once),
                                       T(listing_takes_prefix_and_start),
                                       T(a_probe_leaves_nothing),
                                       T(a_failed_put_leaves_no_file),
                                       T(an_error_after_the_link_may_have_happened),
                                       T(every_call_has_its_failpoint),
                                       T(a_folder_that_is_a_file_is_said_so),
                                       T(a_path_too_long_is_refused),
                                       T(of_two_who_create_one_wins),
                                       T(a_fault_may_apply_all_the_same),
                                       T(memory_out_is_an_error)};
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
