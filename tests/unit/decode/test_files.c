/* SPDX-License-Identifier: MIT */
/* CSV and NDJSON as static tables: Spark's defaults, names, folders; and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decode/files.h"

static struct arena       arena;
static const struct type *schema; /* a INT, s STRING */
static struct error       e;
static char               folder[64];

static int setup(void **state)
{
    const struct field fields[] = {{"a", type_of(TYPE_INT), true}, {"s", type_of(TYPE_STRING), true}};
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    schema = type_struct(&arena, fields, 2);
    strcpy(folder, "/tmp/millrace-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    arena_fini(&arena);
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
    return system(command);
}

static const char *path_of(const char *name) { return arena_printf(&arena, "%s/%s", folder, name); }

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static enum err print_rows(void *arg, struct batch *b, struct error *why)
{
    struct buf *out = arg;
    (void)why;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        uint32_t       n;
        const uint8_t *s = column_bytes(b->columns[1], i, &n);
        if (column_is_valid(b->columns[0], i))
            buf_printf(out, "%d", column_i32(b->columns[0])[i]);
        else
            buf_puts(out, "-");
        if (column_is_valid(b->columns[1], i))
            buf_printf(out, "[%.*s] ", (int)n, (const char *)s);
        else
            buf_puts(out, "- ");
    }
    batch_free(b);
    return OK;
}

static enum err scan(struct files_spec spec, struct buf *out)
{
    struct table *t = NULL;
    spec.schema = schema;
    spec.separator = spec.separator ? spec.separator : ',';
    enum err rc = files_table_new(&spec, &t, &e);
    if (rc == OK)
        rc = t->ops->scan(t, print_rows, out, &e);
    if (t)
        t->ops->free(t);
    return rc;
}

static void gives(struct files_spec spec, const char *expected)
{
    struct buf out;
    buf_init(&out, TAG_TEST, 1 << 20);
    if (scan(spec, &out) != OK)
        fail_msg("%s", e.text);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

static void csv_as_spark_reads_it(void **state)
{
    (void)state;
    put("t.csv", "1,one\n2,\"two, \\\"quoted\\\"\"\r\n3,\n\n4,\"\"\nx,bad number\n6\n7,seven,too many\n9,last");
    gives((struct files_spec){.path = path_of("t.csv")},
          "1[one] 2[two, \"quoted\"] 3- 4- -[bad number] 6- 7[seven] 9[last] ");
    put("t.csv", "2,\"two, \"\"quoted\"\"\"\n3,\"a\"b\n 4,\" x\" \n"); /* doubled quotes are no escape by default */
    gives((struct files_spec){.path = path_of("t.csv")}, "2[\"two, \"\"quoted\"\"\"] 3[\"a\"b] -[ x] ");
    put("t.csv", "5|a,b\n");
    gives((struct files_spec){.path = path_of("t.csv"), .separator = '|'}, "5[a,b] ");
    put("t.csv", "1,\xff\xfe\n");
    gives((struct files_spec){.path = path_of("t.csv")}, "1[\xef\xbf\xbd\xef\xbf\xbd] ");
    put("t.csv", "1,\"two\nlines\"\n");
    gives((struct files_spec){.path = path_of("t.csv")}, "1[two\nlines] ");
    put("t.csv", "");
    gives((struct files_spec){.path = path_of("t.csv")}, "");
}

static void columns_are_found_by_the_header(void **state)
{
    struct buf out;
    (void)state;
    put("h.csv", "\xef\xbb\xbfs,more,A\nx,0,1\ny,0,2\n");
    gives((struct files_spec){.path = path_of("h.csv"), .header = true}, "1[x] 2[y] ");
    put("h.csv", "s,b\nx,1\n");
    buf_init(&out, TAG_TEST, 1 << 16);
    assert_int_equal(scan((struct files_spec){.path = path_of("h.csv"), .header = true}, &out), ERR_INVALID);
    assert_non_null(strstr(e.text, "no column \"a\""));
    buf_fini(&out);
}

static void json_a_document_a_line(void **state)
{
    (void)state;
    put("t.json", "{\"a\":1,\"s\":\"x\"}\n\n{\"s\":{\"q\":1.50}}\nnonsense\n{\"a\":\"no\",\"s\":\"y\"}");
    gives((struct files_spec){.path = path_of("t.json"), .json = true}, "1[x] -[{\"q\":1.5}] -- -[y] ");
}

static void a_folder_is_its_files_by_name(void **state)
{
    struct buf out;
    (void)state;
    assert_int_equal(mkdir(path_of("d"), 0700), 0);
    put("d/b.csv", "2,b\n");
    put("d/a.csv", "1,a");
    put("d/.hidden.csv", "3,c\n");
    put("d/_SUCCESS", "4,d\n");
    gives((struct files_spec){.path = path_of("d")}, "1[a] 2[b] ");
    buf_init(&out, TAG_TEST, 1 << 16);
    assert_int_equal(scan((struct files_spec){.path = path_of("missing")}, &out), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "missing"));
    buf_fini(&out);
}

static void every_allocation_fails_once(void **state)
{
    struct files_spec specs[] = {{.path = path_of("m.csv"), .header = true}, {.path = path_of("m.json"), .json = true}};
    (void)state;
    put("m.csv", "a,s\n1,\"a text that is long enough\"\n2,\xff\n");
    put("m.json", "{\"a\":1,\"s\":\"x\"}\n{\"a\":2,\"s\":[\"\\ud83d\"]}\n");
    for (int k = 0; k < 2; k++) {
        struct buf right, out;
        int        n_failed = 1;
        buf_init(&right, TAG_TEST, 1 << 16);
        buf_init(&out, TAG_TEST, 1 << 16);
        assert_non_null(buf_reserve(&out, 1 << 12));
        assert_int_equal(scan(specs[k], &right), OK);
        for (int n = 1; n < n_failed + 10; n++) {
            buf_clear(&out);
            alloc_fail_at(n, 1);
            enum err rc = scan(specs[k], &out);
            alloc_fail_at(0, 0);
            if (rc != OK)
                n_failed = n;
            else
                assert_string_equal(buf_text(&out), buf_text(&right));
            assert_true(rc == OK || rc == ERR_NO_MEMORY || rc == ERR_LIMIT);
        }
        assert_true(n_failed > 5);
        buf_fini(&right);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(csv_as_spark_reads_it, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_are_found_by_the_header, setup, teardown),
        cmocka_unit_test_setup_teardown(json_a_document_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_its_files_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_fails_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
