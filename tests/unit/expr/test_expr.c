/* SPDX-License-Identifier: MIT */
/*
 * Expressions over columns: only the rows that reach an expression are computed, and errors are theirs alone. What
 * each function answers stands in tests/sql/expressions.case, held to Spark.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "expr/program.h"
#include "sql/parse.h"
#include "text/number.h"

static struct arena       arena;
static const struct type *schema;
static struct error       e;

/* i: 1 2 0 NULL 5   s: "7" "x" "" NULL "9"   d: 0.5 NaN -0.0 NULL 2.5   b: true false NULL true false */
enum { I, S, D, B, N_COLUMNS, N_ROWS = 5 };

static bool bind_column(void *arg, const struct ast_expr *ast, struct expr_binder *b, struct expr **out)
{
    int at = type_field_index(schema, ast->parts[0]);
    (void)arg;
    if (at < 0)
        diag_error(b->diags, ast->place, "E_UNKNOWN_COLUMN", "unknown column \"%s\"", ast->parts[0]);
    *out = at < 0 ? NULL : expr_column(b->arena, at, schema->fields[at].type, true, ast->place);
    return *out != NULL;
}
static bool no_hook(void *arg, const struct ast_expr *ast, struct expr_binder *b, struct expr **out)
{
    (void)arg;
    (void)ast;
    (void)b;
    (void)out;
    return false;
}

static struct expr *bind(const char *text)
{
    static const struct expr_scope scope = {.column = bind_column, .hook = no_hook};
    static struct diags            diags;
    struct expr_binder             b = {.arena = &arena, .diags = &diags, .scope = &scope};
    struct ast_expr               *ast = NULL;
    struct expr                   *x = NULL;
    diags_init(&diags, &arena);
    if (sql_parse_expr(text, &arena, &diags, &ast, &e) != OK || !expr_bind(&b, ast, &x))
        fail_msg("%s: %s", text, diags.n ? diags.items[0].text : e.text);
    return x;
}

static void release(struct raw_batch *raw)
{
    mem_free(raw->records);
    mem_free(raw);
}

static struct batch *rows(uint32_t *origin)
{
    static const char *const texts[] = {"7", "x", "", NULL, "9"};
    static const double      reals[] = {0.5, 0, -0.0, 0, 2.5};
    static const int         numbers[] = {1, 2, 0, -1, 5};
    struct builder           b;
    struct column           *c, *columns[N_COLUMNS];
    struct raw_batch        *raw = mem_zalloc(TAG_TEST, sizeof *raw);
    *raw = (struct raw_batch){.topic = "t", .n_records = N_ROWS, .release = release};
    raw->refs = 1;
    raw->records = mem_zalloc(TAG_TEST, N_ROWS * sizeof *raw->records);
    assert_int_equal(builder_init(&b, schema, NULL), OK);
    for (int i = 0; i < N_ROWS; i++) {
        raw->records[i].offset = 10 + i;
        if (i == 3) {
            builder_null(&b.children[I]);
            builder_null(&b.children[S]);
            builder_null(&b.children[D]);
        } else {
            builder_i32(&b.children[I], numbers[i]);
            builder_bytes(&b.children[S], texts[i], strlen(texts[i]));
            builder_f64(&b.children[D], i == 1 ? __builtin_nan("") : reals[i]);
        }
        if (i == 2)
            builder_null(&b.children[B]);
        else
            builder_boolean(&b.children[B], i == 0 || i == 3);
        builder_struct(&b, true);
    }
    assert_int_equal(builder_finish(&b, &c, NULL), OK);
    for (int i = 0; i < N_COLUMNS; i++)
        columns[i] = column_ref(c->children[i]);
    struct batch *batch = batch_new(schema, N_ROWS, columns, raw, origin);
    raw_batch_free(raw);
    column_free(c);
    builder_fini(&b);
    return batch;
}

static void print(const struct column *c, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    for (uint32_t i = 0; i < c->n_rows; i++) {
        uint32_t       n;
        const uint8_t *bytes;
        buf_puts(out, i ? " " : "");
        if (!column_is_valid(c, i)) {
            buf_puts(out, "-");
            continue;
        }
        switch ((int)c->type->kind) {
        case TYPE_BOOLEAN:
            buf_puts(out, column_u8(c)[i] ? "T" : "F");
            break;
        case TYPE_INT:
            buf_printf(out, "%d", column_i32(c)[i]);
            break;
        case TYPE_BIGINT:
            buf_printf(out, "%lld", (long long)column_i64(c)[i]);
            break;
        case TYPE_DOUBLE:
            n = (uint32_t)double_print(column_f64(c)[i], text);
            buf_put(out, text, n);
            break;
        default:
            bytes = column_bytes(c, i, &n);
            buf_printf(out, "'%.*s'", (int)n, (const char *)bytes);
            break;
        }
    }
}

/* The answers of the rows as one line; with errors, "row,row! " in front, or "code row: text" when none are kept. */
static void answers(const char *text, const uint32_t *chosen, uint32_t n, bool collect, const char *expected)
{
    struct row_errors errors = {.collect = collect};
    struct column    *c = NULL;
    struct batch     *b = rows(NULL);
    struct buf        out;
    buf_init(&out, TAG_TEST, 1 << 16);
    enum err rc = expr_evaluate(bind(text), b, chosen, n, 0, &errors, &c, &e);
    for (uint32_t i = 0; rc == OK && i < errors.n; i++)
        buf_printf(&out, "%u%s", errors.items[i].row, i + 1 < errors.n ? "," : "! ");
    if (rc == OK)
        print(c, &out);
    else
        buf_printf(&out, "%s %u: %.*s", err_name(rc), errors.items[0].row, (int)strcspn(errors.items[0].text, "]") + 1,
                   errors.items[0].text);
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s\n  gave     %s\n  expected %s", text, buf_text(&out), expected);
    column_free(c);
    batch_free(b);
    row_errors_fini(&errors);
    buf_fini(&out);
}

static void all(const char *text, const char *expected) { answers(text, NULL, N_ROWS, false, expected); }

static int setup(void **state)
{
    const struct field fields[] = {{"i", type_of(TYPE_INT), true},
                                   {"s", type_of(TYPE_STRING), true},
                                   {"d", type_of(TYPE_DOUBLE), true},
                                   {"b", type_of(TYPE_BOOLEAN), true}};
    (void)state;
    arena_init(&arena, TAG_TEST, (size_t)16 << 20);
    schema = type_struct(&arena, fields, N_COLUMNS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
    return 0;
}

/* ---- values ---- */

static void whole_columns(void **state)
{
    (void)state;
    all("i + 1", "2 3 1 - 6");
    all("i * 2 - i", "1 2 0 - 5");
    all("d = d", "T T T - T"); /* NaN equals itself */
    all("d > 1", "F T F - T"); /* and is the greatest */
    all("d = 0", "F F T - F"); /* -0.0 equals 0.0 */
    all("s", "'7' 'x' '' - '9'");
    all("s || '!'", "'7!' 'x!' '!' - '9!'");
    all("7", "7 7 7 7 7");
    all("CAST(NULL AS INT)", "- - - - -");
    all("coalesce(i, 100)", "1 2 0 100 5");
    all("i IS NULL", "F F F T F");
    all("b AND i > 1", "F F F - F");
    all("b OR i > 1", "T T - T T");
    all("NOT b", "F T - F T");
    all("b <=> NULL", "F F T F F");
    all("i IN (1, 5, NULL)", "T - - - T");
    all("i NOT IN (1, 5)", "F T T - F");
    all("CASE WHEN b THEN 'yes' WHEN NOT b THEN 'no' END", "'yes' 'no' - 'yes' 'no'");
    all("if(i > 1, s, 'small')", "'small' 'x' 'small' 'small' '9'");
    all("nullif(i, 2)", "1 - 0 - 5");
    all("greatest(i, 2)", "2 2 2 2 5");
    all("i BETWEEN 1 AND 2", "T T F - F");
}

static void only_the_rows_asked_for_in_their_order(void **state)
{
    static const uint32_t some[] = {4, 1, 1, 3};
    (void)state;
    answers("i + 1", some, 4, false, "6 3 3 -");
    answers("s", some, 4, false, "'9' 'x' 'x' -");
    answers("CASE WHEN b THEN 1 ELSE i END", some, 4, false, "5 2 2 1");
    answers("b AND i > 1", some, 4, false, "F F F -");
    answers("coalesce(i, length(s), 0)", some, 4, false, "5 2 2 0");
    answers("7", some, 4, false, "7 7 7 7");
    answers("i", some, 0, false, "");
}

/* ---- errors ---- */

static void an_error_is_of_the_first_row_that_reaches_the_expression(void **state)
{
    static const uint32_t some[] = {4, 2, 1};
    (void)state;
    all("10 DIV i", "data 2: [DIVIDE_BY_ZERO]");
    all("CAST(s AS INT)", "data 1: [CAST_INVALID_INPUT]");
    answers("CAST(s AS INT)", some, 3, false, "data 2: [CAST_INVALID_INPUT]"); /* the batch's row, not the index */
    all("CASE WHEN i <> 0 THEN 10 DIV i END", "10 5 - - 2");
    all("i <> 0 AND 10 DIV i > 2", "T T F - F");
    all("i = 0 OR 10 DIV i > 2", "T T T - F");
    all("coalesce(i, 1 DIV 0)", "data 3: [DIVIDE_BY_ZERO]"); /* the row whose i is NULL needs it */
    all("coalesce(i, -1, 1 DIV 0)", "1 2 0 -1 5");
    all("try_cast(s AS INT)", "7 - - - 9");
    all("CASE WHEN s IN ('7', '9') THEN CAST(s AS INT) + CASE WHEN i > 1 THEN 10 DIV (i - 2) ELSE 0 END END",
        "7 - - - 12");
    all("i + NULL", "- - - - -");
}

static void collected_errors_are_listed_once_and_their_rows_are_null(void **state)
{
    static const uint32_t some[] = {2, 0, 1};
    (void)state;
    answers("CAST(s AS INT)", NULL, N_ROWS, true, "1,2! 7 - - - 9");
    answers("CAST(s AS INT) + CAST(s AS INT) DIV i", NULL, N_ROWS, true, "1,2! 14 - - - 10");
    answers("10 DIV i + CAST(s AS INT)", NULL, N_ROWS, true, "2,1! 17 - - - 11");
    answers("CAST(s AS INT)", some, 3, true, "2,1! - 7 -");
    answers("CASE WHEN b THEN CAST(s AS INT) ELSE 0 END", NULL, N_ROWS, true, "7 0 0 - 0");
    answers("s LIKE concat('x', s, '\\\\')", NULL, N_ROWS, true, "0,1,2,4! - - - - -");
}

/* Each allocation fails once: an error, or the right answer; never another answer. */
static void memory_that_runs_out_is_told(void **state)
{
    static const char *const texts[] = {"i + 1",
                                        "CAST(i AS STRING) || s",
                                        "upper(s)",
                                        "replace(s, '7', 'seven and more')",
                                        "trim(concat(' ', s, ' '))",
                                        "CAST(CAST(s AS BINARY) AS STRING)",
                                        "CAST(X'ff41' AS STRING)",
                                        "md5(CAST(s AS BINARY))",
                                        "base64(CAST(s AS BINARY))",
                                        "get_json_object(concat('{\"a\":{\"b\":\"', s, '\"}}'), '$.a.b')",
                                        "get_json_object(concat('{\"a\":[1.50,\"', s, '\"]}'), '$.a')",
                                        "from_json(concat('{\"a\":[1.50,\"', s, '\"]}'), 'a STRING').a",
                                        "CASE WHEN b THEN s ELSE upper(s) END",
                                        "coalesce(s, CAST(i AS STRING), 'none')",
                                        "b AND (i > 1 OR s = 'x')",
                                        "s LIKE '%x%' ESCAPE '!'",
                                        "s IN ('x', '9')",
                                        "split_part(s, ',', 1)",
                                        "hex(s)",
                                        "lower(CAST(d AS STRING))",
                                        "try_cast(s AS DOUBLE)"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        struct expr  *x = bind(texts[k]);
        struct batch *b = rows(NULL);
        struct buf    right, out;
        buf_init(&right, TAG_TEST, 1 << 16);
        buf_init(&out, TAG_TEST, 1 << 16);
        for (int n = 0, failed_at = 0; n < failed_at + 10; n++) { /* 0: none fails */
            struct row_errors errors = {.collect = true};
            struct column    *c = NULL;
            alloc_fail_at(n, n > 0);
            enum err rc = expr_evaluate(x, b, NULL, N_ROWS, 0, &errors, &c, &e);
            alloc_fail_at(0, 0);
            buf_clear(&out);
            if (rc == OK)
                print(c, n ? &out : &right);
            else
                failed_at = n;
            if (rc == OK ? n && strcmp(buf_text(&out), buf_text(&right)) != 0 : rc != ERR_NO_MEMORY && rc != ERR_LIMIT)
                fail_msg("%s, allocation %d: %s %s, right is %s", texts[k], n, err_name(rc), buf_text(&out),
                         buf_text(&right));
            column_free(c);
            row_errors_fini(&errors);
        }
        buf_fini(&right);
        buf_fini(&out);
        batch_free(b);
    }
}

/* ---- trees ---- */

static void trees_are_compared_and_changed(void **state)
{
    struct buf   out;
    struct expr *columns[N_COLUMNS] = {NULL};
    (void)state;
    assert_true(expr_equal(bind("i + 1"), bind(" I  +  1 ")));
    assert_false(expr_equal(bind("i + 1"), bind("i + 2")));
    assert_false(expr_equal(bind("i + 1"), bind("i - 1")));
    assert_false(expr_equal(bind("CAST(s AS INT)"), bind("try_cast(s AS INT)")));
    assert_true(expr_uses_column(bind("CASE WHEN b THEN 1 ELSE i END"), B));
    assert_false(expr_uses_column(bind("CASE WHEN b THEN 1 ELSE i END"), S));
    assert_true(expr_is_strict(bind("i + 1")));
    assert_false(expr_is_strict(bind("i <=> 1")));
    columns[I] = bind("length(s)");
    struct expr *x = expr_substitute(&arena, bind("i + coalesce(i, 2)"), columns);
    assert_true(expr_equal(x, bind("length(s) + coalesce(length(s), 2)")));
    buf_init(&out, TAG_TEST, 1 << 16);
    expr_print(x, schema, &out);
    assert_non_null(strstr(buf_text(&out), "length(s)"));
    buf_fini(&out);
}

/* ---- operators ---- */

static struct end {
    struct op     op;
    struct batch *got;
} end;

static enum err end_push(struct op *op, struct flow_msg *msg, struct error *why)
{
    (void)op;
    (void)why;
    end.got = msg->batch;
    return OK;
}

static int n_rejected;

static enum err reject(struct side *s, enum side_kind kind, const struct raw_batch *raw,
                       const struct raw_record *record, const char *reason, const char *detail, struct error *why)
{
    (void)s;
    (void)raw;
    (void)reason;
    (void)detail;
    (void)why;
    n_rejected += kind == SIDE_REJECT && record->offset == 11; /* row 1 */
    return OK;
}

static enum err run_op(struct op *op, struct flow_context *context, uint32_t *origin)
{
    static const struct op_ops end_ops = {.push = end_push};
    struct flow_msg            msg = {.kind = FLOW_BATCH, .batch = rows(origin)};
    end = (struct end){.op = {.ops = &end_ops}};
    op->next = &end.op;
    op->context = context;
    return op->ops->push(op, &msg, &e);
}

static void a_filter_counts_records_not_rows(void **state)
{
    static const struct side_ops side_ops = {.row = reject};
    struct side                  side = {.ops = &side_ops};
    struct tally                 tally = {.fan_out = 2};
    struct flow_context          context = {.tally = &tally, .side = &side};
    struct op                   *op;
    uint32_t                    *origin = mem_alloc(TAG_TEST, N_ROWS * sizeof *origin);
    (void)state;
    memcpy(origin, (uint32_t[]){0, 0, 1, 1, 2}, N_ROWS * sizeof *origin); /* a join made two rows of records 0 and 1 */
    assert_int_equal(op_filter_new(bind("i = 2 OR i = 5"), FILTER_FILTERED, NULL, &context, &op, &e), OK);
    assert_int_equal(run_op(op, &context, origin), OK);
    assert_int_equal(end.got->n_rows, 2);
    assert_int_equal(tally.slots[0].filtered, 1); /* record 1; record 0 still has a row */
    assert_int_equal(tally.fan_out, 0);
    assert_int_equal(batch_record(end.got, 0)->offset, 10);
    batch_free(end.got);
    op->ops->free(op);
    mem_free(tally.slots);
}

static void failed_rows_are_rejected_by_record_when_that_is_wanted(void **state)
{
    static const struct side_ops side_ops = {.row = reject};
    struct side                  side = {.ops = &side_ops};
    struct tally                 tally = {.n_slots = 0};
    struct flow_context          context = {.tally = &tally, .side = &side, .reject_errors = true};
    struct op                   *op;
    struct expr                 *exprs[] = {bind("CAST(concat(s, '0') AS INT)"), bind("i")};
    const struct field           fields[] = {{"x", type_of(TYPE_INT), true}, {"i", type_of(TYPE_INT), true}};
    (void)state;
    n_rejected = 0;
    assert_int_equal(op_project_new(exprs, type_struct(&arena, fields, 2), &context, &op, &e), OK);
    assert_int_equal(run_op(op, &context, NULL), OK);
    assert_int_equal(end.got->n_rows, 4);
    assert_int_equal(column_i32(end.got->columns[0])[0], 70);
    assert_int_equal(column_i32(end.got->columns[1])[3], 5);
    assert_int_equal(batch_record(end.got, 3)->offset, 14);
    assert_int_equal(n_rejected, 1);
    assert_int_equal(tally.slots[0].rejected, 1);
    batch_free(end.got);
    context.reject_errors = false;
    assert_int_equal(run_op(op, &context, NULL), ERR_DATA);
    assert_non_null(strstr(e.text, "t partition 0 offset 11"));
    op->ops->free(op);
    mem_free(tally.slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_rows_asked_for_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_is_of_the_first_row_that_reaches_the_expression, setup, teardown),
        cmocka_unit_test_setup_teardown(collected_errors_are_listed_once_and_their_rows_are_null, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_that_runs_out_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(trees_are_compared_and_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_filter_counts_records_not_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_rows_are_rejected_by_record_when_that_is_wanted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
