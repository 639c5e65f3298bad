/* SPDX-License-Identifier: MIT */
/* Partners by equal keys: NULL, NaN and -0.0, several and none, what else a condition asks, rows that a join before
 * multiplied, ceilings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "join/join.h"

static struct arena        arena;
static struct error        e;
static const struct type  *stream, *table, *both;
static struct tally        tally;
static struct flow_context context = {.tally = &tally};

/* stream: k STRING, d DOUBLE; table: k STRING, d DOUBLE, v BIGINT */
struct row {
    const char *k; /* NULL: NULL */
    double      d;
};

static void release(struct raw_batch *raw)
{
    mem_free(raw->records);
    mem_free(raw);
}

static struct batch *batch_of(const struct type *schema, const struct row *rows, uint32_t n, const uint32_t *origin)
{
    struct builder    b;
    struct column    *c, *columns[3];
    struct raw_batch *raw = NULL;
    uint32_t         *copy = NULL;
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i].k)
            builder_bytes(&b.children[0], rows[i].k, strlen(rows[i].k));
        else
            builder_null(&b.children[0]);
        builder_f64(&b.children[1], rows[i].d);
        if (schema == table)
            builder_i64(&b.children[2], i);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    if (schema == stream) {
        raw = mem_zalloc(TAG_TEST, sizeof *raw);
        *raw = (struct raw_batch){.topic = "t", .n_records = n, .release = release};
        raw->refs = 1;
        raw->records = mem_zalloc(TAG_TEST, (n + 1) * sizeof *raw->records);
    }
    if (origin) {
        copy = mem_alloc(TAG_TEST, n * sizeof *copy);
        memcpy(copy, origin, n * sizeof *copy);
    }
    for (int i = 0; i < schema->n_fields; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(schema, n, columns, raw, copy);
    raw_batch_free(raw);
    column_free(c);
    builder_fini(&b);
    return batch;
}

static struct join_build *build(const struct row *rows, uint32_t n, const int *keys, int n_keys)
{
    struct join_build *j;
    assert_int_equal(join_build_new(table, keys, n_keys, &j, &e), OK);
    assert_int_equal(join_build_add(j, batch_of(table, rows, n / 2, NULL), &e), OK);
    assert_int_equal(join_build_add(j, batch_of(table, rows + n / 2, n - n / 2, NULL), &e), OK);
    assert_int_equal(join_build_finish(j, &e), OK);
    assert_int_equal(join_build_rows(j), n);
    return j;
}

static struct batch *got;

static enum err end_push(struct op *op, struct flow_msg *msg, struct error *why)
{
    (void)op;
    (void)why;
    got = msg->batch;
    return OK;
}

static enum err push(const struct join_build *j, const struct join_spec *spec, struct batch *b)
{
    static const struct op_ops end_ops = {.push = end_push};
    struct op                  end = {.ops = &end_ops}, *op;
    struct flow_msg            msg = {.kind = FLOW_BATCH, .batch = b};
    got = NULL;
    assert_int_equal(op_join_new(j, spec, &context, &op, &e), OK);
    op->next = &end;
    enum err rc = op->ops->push(op, &msg, &e);
    op->ops->free(op);
    return rc;
}

static enum err probe(const struct join_build *j, const int *keys, int n_keys, enum join_kind kind, struct batch *b)
{
    struct join_spec spec = {.schema = both, .probe = keys, .n_keys = n_keys, .kind = kind};
    return push(j, &spec, b);
}

/* Pairs as "record:v", v - for NULLs. */
static void is(const char *expected)
{
    struct buf out;
    buf_init(&out, TAG_TEST, 1 << 16);
    for (uint32_t i = 0; got && i < got->n_rows; i++) {
        const struct column *v = got->columns[4];
        long                 record = batch_record(got, i) - got->raw->records;
        if (column_is_valid(v, i))
            buf_printf(&out, "%s%ld:%lld", i ? " " : "", record, (long long)column_i64(v)[i]);
        else
            buf_printf(&out, "%s%ld:-", i ? " " : "", record);
    }
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
    batch_free(got);
}

/* SEMI and ANTI: the records that pass. */
static void passes(const char *expected)
{
    struct buf out;
    buf_init(&out, TAG_TEST, 1 << 16);
    for (uint32_t i = 0; got && i < got->n_rows; i++)
        buf_printf(&out, "%s%ld", i ? " " : "", (long)(batch_record(got, i) - got->raw->records));
    assert_string_equal(buf_text(&out), expected);
    assert_true(!got || got->schema == stream);
    buf_fini(&out);
    batch_free(got);
}

static int setup(void **state)
{
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true},
                                   {"d", type_of(TYPE_DOUBLE), true},
                                   {"k2", type_of(TYPE_STRING), true},
                                   {"d2", type_of(TYPE_DOUBLE), true},
                                   {"v", type_of(TYPE_BIGINT), true}};
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    stream = type_struct(&arena, fields, 2);
    table = type_struct(&arena, fields + 2, 3);
    both = type_struct(&arena, fields, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free(tally.slots);
    memset(&tally, 0, sizeof tally);
    arena_fini(&arena);
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
    return 0;
}

static const int        by_k[] = {0}, by_d[] = {1}, by_both[] = {0, 1};
static const struct row dim[] = {{"a", 0}, {"b", NAN}, {"b", -0.0}, {NULL, 5}, {"", 7}, {"ab", 0}};
/* v counts within each added half: a 0, b 1, b 2, NULL 0, "" 1, ab 2 */

static void inner_multiplies_and_drops(void **state)
{
    static const struct row rows[] = {{"a", 0}, {"b", 0}, {NULL, 0}, {"c", 0}, {"", 0}, {"A", 0}};
    struct join_build      *j = build(dim, 6, by_k, 1);
    (void)state;
    assert_int_equal(probe(j, by_k, 1, JOIN_INNER, batch_of(stream, rows, 6, NULL)), OK);
    is("0:0 1:1 1:2 4:1");
    assert_int_equal(tally.slots[0].no_partner, 3);
    assert_int_equal(tally.fan_out, 1);
    join_build_free(j);
}

static void left_keeps_with_nulls(void **state)
{
    static const struct row rows[] = {{"c", 0}, {"b", 0}, {NULL, 0}};
    struct join_build      *j = build(dim, 6, by_k, 1);
    (void)state;
    assert_int_equal(probe(j, by_k, 1, JOIN_LEFT, batch_of(stream, rows, 3, NULL)), OK);
    assert_false(column_is_valid(got->columns[2], 0));
    is("0:- 1:1 1:2 2:-");
    assert_int_equal(tally.slots[0].no_partner, 0);
    assert_int_equal(tally.fan_out, 1);
    join_build_free(j);
}

static void doubles_meet_as_in_spark(void **state)
{
    static const struct row rows[] = {{"x", NAN}, {"x", 0.0}, {"x", -0.0}, {"x", 5}};
    struct join_build      *j = build(dim, 6, by_d, 1);
    (void)state;
    assert_int_equal(probe(j, by_d, 1, JOIN_INNER, batch_of(stream, rows, 4, NULL)), OK);
    is("0:1 1:0 1:2 1:2 2:0 2:2 2:2 3:0"); /* NaN is NaN; 0.0 and -0.0 are one */
    join_build_free(j);
}

/* "ab","c" and "a","bc" have the same letters. */
static void parts_of_a_key_do_not_run_together(void **state)
{
    static const struct row two[] = {{"ab", 1}, {"a", 1}, {"b", 2}, {NULL, 1}};
    static const struct row rows[] = {{"a", 1}, {"ab", 1}, {"b", 1}, {NULL, 1}, {"b", 2}};
    struct join_build      *j = build(two, 4, by_both, 2);
    (void)state;
    assert_int_equal(probe(j, by_both, 2, JOIN_INNER, batch_of(stream, rows, 5, NULL)), OK);
    is("0:1 1:0 4:0");
    join_build_free(j);
}

/* A join before made two rows of record 0: it is without partner only when none of them finds one. */
static void rows_of_one_record_are_counted_together(void **state)
{
    static const struct row rows[] = {{"c", 0}, {"b", 0}, {"c", 0}, {"c", 0}};
    static const uint32_t   origin[] = {0, 0, 1, 1};
    struct join_build      *j = build(dim, 6, by_k, 1);
    (void)state;
    tally.fan_out = 2;
    assert_int_equal(probe(j, by_k, 1, JOIN_INNER, batch_of(stream, rows, 4, origin)), OK);
    is("0:1 0:2");
    assert_int_equal(tally.slots[0].no_partner, 1); /* record 1 */
    assert_int_equal(tally.fan_out, 1);             /* record 0 has two effects */
    join_build_free(j);
}

static void an_empty_table(void **state)
{
    static const struct row rows[] = {{"a", 0}};
    struct join_build      *j = build(dim, 0, by_k, 1);
    (void)state;
    assert_int_equal(probe(j, by_k, 1, JOIN_INNER, batch_of(stream, rows, 1, NULL)), OK);
    assert_null(got); /* nothing is passed on */
    assert_int_equal(probe(j, by_k, 1, JOIN_LEFT, batch_of(stream, rows, 1, NULL)), OK);
    is("0:-");
    join_build_free(j);
}

static void many_keys_each_find_their_own(void **state)
{
    static char       names[5000][8];
    static struct row rows[5000];
    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        rows[i] = (struct row){names[i], 0};
    }
    struct join_build *j = build(rows, 5000, by_k, 1);
    assert_int_equal(probe(j, by_k, 1, JOIN_INNER, batch_of(stream, rows, 5000, NULL)), OK);
    assert_int_equal(got->n_rows, 5000);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(column_i64(got->columns[4])[i], i % 2500);
    batch_free(got);
    join_build_free(j);
}

static void a_batch_with_too_many_partners_is_refused_by_name(void **state)
{
    static struct row rows[4097];
    (void)state;
    for (int i = 0; i < 4097; i++)
        rows[i] = (struct row){"same", 0};
    struct join_build *j = build(rows, 4097, by_k, 1);
    assert_int_equal(probe(j, by_k, 1, JOIN_INNER, batch_of(stream, rows, 4097, NULL)), ERR_LIMIT);
    assert_non_null(strstr(e.text, "join"));
    join_build_free(j);
}

static void semi_passes_a_row_once_and_anti_the_others(void **state)
{
    static const struct row rows[] = {{"a", 0}, {"b", 0}, {NULL, 0}, {"c", 0}, {"", 0}};
    struct join_build      *j = build(dim, 6, by_k, 1);
    (void)state;
    assert_int_equal(probe(j, by_k, 1, JOIN_SEMI, batch_of(stream, rows, 5, NULL)), OK);
    passes("0 1 4");
    assert_int_equal(tally.slots[0].no_partner, 2);
    assert_int_equal(probe(j, by_k, 1, JOIN_ANTI, batch_of(stream, rows, 5, NULL)), OK);
    passes("2 3");
    assert_int_equal(tally.slots[0].no_partner, 2 + 3);
    assert_int_equal(tally.fan_out, 0);
    join_build_free(j);
}

/* Of record 0 two rows came here, of record 1 as well. */
static void semi_and_anti_count_rows_of_a_record_together(void **state)
{
    static const struct row rows[] = {{"c", 0}, {"b", 0}, {"c", 0}, {"d", 0}};
    static const uint32_t   origin[] = {0, 0, 1, 1};
    struct join_build      *j = build(dim, 6, by_k, 1);
    struct join_spec        spec = {.kind = JOIN_SEMI, .probe = by_k, .n_keys = 1, .filtered = true};
    (void)state;
    tally.fan_out = 2;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 4, origin)), OK);
    passes("0");
    assert_int_equal(tally.slots[0].filtered, 1);
    assert_int_equal(tally.slots[0].no_partner, 0);
    assert_int_equal(tally.fan_out, 0);
    tally.fan_out = 2;
    spec.kind = JOIN_ANTI;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 4, origin)), OK);
    passes("0 1 1");
    assert_int_equal(tally.slots[0].filtered, 1);
    assert_int_equal(tally.fan_out, 1);
    join_build_free(j);
}

/* x NOT IN (..): NULL is equal to everything, but not to nothing. */
static void not_in_knows_null_on_both_sides(void **state)
{
    static const struct row rows[] = {{"a", 0}, {NULL, 0}, {"c", 0}}, whole[] = {{"a", 0}, {"b", 0}};
    struct join_spec        spec = {.kind = JOIN_ANTI, .probe = by_k, .n_keys = 1, .null_aware = true};
    static const struct {
        const struct row *table;
        uint32_t          n;
        const char       *passes;
    } cases[] = {{whole, 2, "2"}, {dim, 6, ""}, {dim, 0, "0 1 2"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct join_build *j = build(cases[i].table, cases[i].n, by_k, 1);
        assert_int_equal(push(j, &spec, batch_of(stream, rows, 3, NULL)), OK);
        passes(cases[i].passes);
        join_build_free(j);
    }
}

/* The rest: the stream's d is that of the table. The pairs have both, in this order. */
static enum err same_d(const void *arg, struct op *join, const struct batch *pairs, const uint32_t *rows,
                       struct batch **b, struct column **keep, struct error *why)
{
    struct builder made;
    (void)arg;
    (void)join;
    (void)rows;
    assert_ptr_equal((*b)->schema, stream);
    assert_int_equal(builder_init(&made, type_of(TYPE_BOOLEAN), why), OK);
    for (uint32_t i = 0; i < pairs->n_rows; i++)
        if (isnan(column_f64(pairs->columns[1])[i]))
            builder_null(&made);
        else
            builder_boolean(&made, column_f64(pairs->columns[0])[i] == column_f64(pairs->columns[1])[i]);
    enum err rc = builder_finish(&made, keep, why);
    builder_fini(&made);
    return rc;
}

static void the_rest_of_a_condition_takes_partners_away(void **state)
{
    static const struct row table_rows[] = {{"a", 1}, {"b", 1}, {"b", 2}, {"b", 2}, {"c", NAN}};
    static const struct row rows[] = {{"x", 0}, {"b", 2}, {"a", 1}, {"b", 7}, {"c", 1}, {NULL, 1}};
    static const int        columns[] = {1, 3};
    const struct field      fields[] = {{"d", type_of(TYPE_DOUBLE), true}, {"d2", type_of(TYPE_DOUBLE), true}};
    const struct join_rest  rest = {.schema = type_struct(&arena, fields, 2), .columns = columns, .keep = same_d};
    struct join_spec        spec = {.schema = both, .probe = by_k, .n_keys = 1, .rest = &rest};
    struct join_build      *j = build(table_rows, 5, by_k, 1);
    (void)state;
    spec.kind = JOIN_SEMI;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 6, NULL)), OK);
    passes("1 2");
    spec.kind = JOIN_ANTI;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 6, NULL)), OK);
    passes("0 3 4 5");
    assert_int_equal(tally.slots[0].no_partner, 4 + 2);
    spec.kind = JOIN_LEFT;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 6, NULL)), OK);
    is("0:- 1:0 1:1 2:0 3:- 4:- 5:-"); /* v counts within each added half */
    assert_int_equal(tally.slots[0].no_partner, 6);
    assert_int_equal(tally.fan_out, 1);
    join_build_free(j);
}

static void rows_without_any_pair_need_no_rest(void **state)
{
    static struct row      rows[5000];
    const struct join_rest rest = {.schema = type_struct(&arena, NULL, 0), .keep = same_d};
    struct join_spec       spec = {.schema = both, .probe = by_k, .n_keys = 1, .rest = &rest, .kind = JOIN_LEFT};
    struct join_build     *j = build(dim, 0, by_k, 1);
    (void)state;
    for (int i = 0; i < 5000; i++) /* more than the first list of pairs has room for */
        rows[i] = (struct row){"a", 0};
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 5000, NULL)), OK);
    assert_int_equal(got->n_rows, 5000);
    batch_free(got);
    spec.kind = JOIN_ANTI;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 5000, NULL)), OK);
    assert_int_equal(got->n_rows, 5000);
    batch_free(got);
    spec.kind = JOIN_SEMI;
    assert_int_equal(push(j, &spec, batch_of(stream, rows, 5000, NULL)), OK);
    assert_null(got);
    join_build_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inner_multiplies_and_drops, setup, teardown),
        cmocka_unit_test_setup_teardown(left_keeps_with_nulls, setup, teardown),
        cmocka_unit_test_setup_teardown(doubles_meet_as_in_spark, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_of_a_key_do_not_run_together, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_of_one_record_are_counted_together, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_table, setup, teardown),
        cmocka_unit_test_setup_teardown(many_keys_each_find_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(semi_passes_a_row_once_and_anti_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(semi_and_anti_count_rows_of_a_record_together, setup, teardown),
        cmocka_unit_test_setup_teardown(not_in_knows_null_on_both_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rest_of_a_condition_takes_partners_away, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_without_any_pair_need_no_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_with_too_many_partners_is_refused_by_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
