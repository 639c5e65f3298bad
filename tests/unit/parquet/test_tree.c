/* SPDX-License-Identifier: MIT */
/* The schemas of other people's files, told as our types have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "parquet/thrift.h"
#include "parquet/tree.h"

enum { REQUIRED, OPTIONAL, REPEATED };
enum { NO_KIND = -1, MAP_KIND = 1, LIST_KIND = 3 };

struct element {
    const char *name;
    int         repetition, n_children, converted;
};

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return alloc_bytes(TAG_TEST) == 0 ? 0 : -1;
}

/* The list as it stands in the footer. */
static void put_elements(struct buf *out, const struct element *all, size_t n)
{
    struct thrift t;
    buf_init(out, TAG_TEST, 1 << 20);
    thrift_init(&t, out);
    thrift_begin_item(&t);
    thrift_list(&t, 2, THRIFT_STRUCT, n);
    for (size_t i = 0; i < n; i++) {
        thrift_begin_item(&t);
        if (i)
            thrift_i32(&t, 3, all[i].repetition);
        thrift_binary(&t, 4, all[i].name, strlen(all[i].name));
        if (all[i].n_children)
            thrift_i32(&t, 5, all[i].n_children);
        if (all[i].converted >= 0)
            thrift_i32(&t, 6, all[i].converted);
        thrift_end(&t);
    }
    thrift_end(&t);
}

static bool read_elements(const struct element *all, size_t n, struct tree_leaf **leaves, uint32_t *n_leaves)
{
    struct buf       bytes;
    struct thrift_in t;
    int16_t          field;
    int              type;
    put_elements(&bytes, all, n);
    thrift_in_init(&t, bytes.data, bytes.size);
    thrift_in_struct(&t);
    assert_true(thrift_next(&t, &field, &type));
    bool good = tree_read(&t, &arena, leaves, n_leaves) == OK;
    buf_fini(&bytes);
    return good;
}

/* names: "add.path"; levels: ours for each of the file's. */
static void assert_leaf(const struct tree_leaf *l, const char *names, int max_repeat, const char *levels)
{
    char text[TREE_PATH_MAX];
    memcpy(text, l->path, l->path_bytes);
    for (size_t i = 0; i + 1 < l->path_bytes; i++)
        text[i] = text[i] ? text[i] : '.';
    assert_string_equal(text, names);
    assert_int_equal(l->max_repeat, max_repeat);
    assert_int_equal(l->max_level, strlen(levels) - 1);
    bool same = true;
    for (int i = 0; levels[i]; i++) {
        assert_int_equal(l->levels[i], levels[i] - '0');
        same = same && l->levels[i] == i;
    }
    assert_int_equal(l->same, same);
}

#define READ(elements) assert_true(read_elements(elements, sizeof(elements) / sizeof(elements)[0], &l, &n))

static void what_spark_writes_is_as_our_types_have_it(void **state)
{
    static const struct element elements[] = {
        {"spark_schema", 0, 2, NO_KIND}, {"txn", OPTIONAL, 1, NO_KIND},     {"appId", OPTIONAL, 0, NO_KIND},
        {"add", OPTIONAL, 2, NO_KIND},   {"values", OPTIONAL, 1, MAP_KIND}, {"key_value", REPEATED, 2, NO_KIND},
        {"key", REQUIRED, 0, NO_KIND},   {"value", OPTIONAL, 0, NO_KIND},   {"columns", OPTIONAL, 1, LIST_KIND},
        {"list", REPEATED, 1, NO_KIND},  {"element", OPTIONAL, 0, NO_KIND}};
    struct tree_leaf *l;
    uint32_t          n;
    (void)state;
    READ(elements);
    assert_int_equal(n, 4);
    assert_leaf(&l[0], "txn.appId", 0, "012");
    assert_leaf(&l[1], "add.values.key_value.key", 1, "0123");
    assert_leaf(&l[2], "add.values.key_value.value", 1, "01234");
    assert_leaf(&l[3], "add.columns.list.element", 1, "01234");
}

static void what_must_be_there_is_read_as_if_it_were_optional(void **state)
{
    static const struct element elements[] = {{"arrow_schema", 0, 1, NO_KIND},   {"add", OPTIONAL, 3, NO_KIND},
                                              {"path", REQUIRED, 0, NO_KIND},    {"values", REQUIRED, 1, MAP_KIND},
                                              {"entries", REPEATED, 2, NO_KIND}, {"keys", REQUIRED, 0, NO_KIND},
                                              {"values", OPTIONAL, 0, NO_KIND},  {"columns", REQUIRED, 1, LIST_KIND},
                                              {"list", REPEATED, 1, NO_KIND},    {"item", REQUIRED, 0, NO_KIND}};
    struct tree_leaf           *l;
    uint32_t                    n;
    (void)state;
    READ(elements);
    assert_int_equal(n, 4);
    assert_leaf(&l[0], "add.path", 0, "02");
    assert_leaf(&l[1], "add.values.key_value.key", 1, "023");
    assert_leaf(&l[2], "add.values.key_value.value", 1, "0234");
    assert_leaf(&l[3], "add.columns.list.element", 1, "024");
}

static void older_lists_are_lists(void **state)
{
    static const struct element elements[] = {
        {"schema", 0, 4, NO_KIND},       {"a", OPTIONAL, 1, LIST_KIND},     {"bag", REPEATED, 1, NO_KIND},
        {"array", OPTIONAL, 0, NO_KIND}, {"b", OPTIONAL, 1, LIST_KIND},     {"array", REPEATED, 0, NO_KIND},
        {"c", OPTIONAL, 1, LIST_KIND},   {"c_tuple", REPEATED, 2, NO_KIND}, {"x", OPTIONAL, 0, NO_KIND},
        {"y", REQUIRED, 0, NO_KIND},     {"d", REPEATED, 0, NO_KIND}};
    struct tree_leaf *l;
    uint32_t          n;
    (void)state;
    READ(elements);
    assert_int_equal(n, 5);
    assert_leaf(&l[0], "a.list.element", 1, "0123");
    assert_leaf(&l[1], "b.list.element", 1, "013");
    assert_leaf(&l[2], "c.list.element.x", 1, "0134");
    assert_leaf(&l[3], "c.list.element.y", 1, "014");
    assert_leaf(&l[4], "d", 1, "01"); /* repeated without a list around it: no type of ours fits, so it is not read */
}

static void a_broken_tree_is_refused(void **state)
{
    static const struct element too_few[] = {{"schema", 0, 2, NO_KIND}, {"a", OPTIONAL, 0, NO_KIND}};
    static const struct element too_many[] = {
        {"schema", 0, 1, NO_KIND}, {"a", OPTIONAL, 0, NO_KIND}, {"b", OPTIONAL, 0, NO_KIND}};
    static const struct element negative[] = {{"schema", 0, -1, NO_KIND}};
    struct element              deep[60];
    struct tree_leaf           *l;
    uint32_t                    n;
    (void)state;
    assert_false(read_elements(too_few, 2, &l, &n));
    assert_false(read_elements(too_many, 3, &l, &n));
    assert_false(read_elements(negative, 1, &l, &n));
    for (int i = 0; i < 60; i++)
        deep[i] = (struct element){"a", OPTIONAL, i < 59, NO_KIND};
    assert_false(read_elements(deep, 60, &l, &n));
    assert_true(read_elements(deep + 40, 20, &l, &n));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(what_spark_writes_is_as_our_types_have_it),
                                       T(what_must_be_there_is_read_as_if_it_were_optional), T(older_lists_are_lists),
                                       T(a_broken_tree_is_refused)};
    return cmocka_run_group_tests_name("parquet tree", tests, NULL, NULL);
}
