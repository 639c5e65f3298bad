/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once: binding a query, building its operators, running rows through filter, join, project and
 * window, closing, saving and loading. Each time the step says so, or does without; nothing is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sample.h"

static const char query[] =
    "CREATE STREAMING TABLE t AS SELECT window.start AS ws, upper(name) AS who, sum(v) + 1 AS s, count(*) AS n, "
    "max(concat(name, '-', CAST(v AS STRING))) AS hi, percentile_approx(v, array(0.1, 0.9), 2) AS p, median(v) AS m, "
    "max(size(split(name, '[a-z]'))) AS parts, max(from_csv(concat(name, ',1'), 'a STRING, b INT').b) AS csv, "
    "max(format_string('%s-%5.1f', name, v / 2)) AS f, max(map_values(str_to_map('a:1,b:2'))[0]) AS pairs, "
    "transform(array_union(array(sum(v)), array(1L)), x -> aggregate(array(x, 1L), 0L, (a, y) -> a + y, a -> a * 2)) "
    "AS l, "
    "map_filter(map('a', count(*)), (k, n) -> exists(array(n), x -> x > 0)) AS fm, "
    "zip_with(array(1), array(2, 3), (x, y) -> x + y) AS z, mode(name, true) AS mo, "
    "listagg(name, '-') WITHIN GROUP (ORDER BY name DESC) AS li, percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS pd, "
    "array_sort(array(sum(v), 3L, 1L), (x, y) -> CAST(y - x AS INT)) AS so, max(mask(name)) AS ma, "
    "map_zip_with(map('a', 1L), map('b', count(*)), (k, x, y) -> coalesce(x, y)) AS mz, "
    "max(to_binary(hex(name))) AS tb, regr_avgx(v, v) AS ra, regr_slope(v, length(name)) AS rs FROM STREAM clicks() "
    "WATERMARK ts DELAY OF INTERVAL 1 "
    "SECOND "
    "AS c JOIN ads() AS a ON c.k = a.k ANTI JOIN ads() AS x ON upper(c.k) = upper(x.k) AND v > 1000 * length(x.name) "
    "WHERE c.k IN (SELECT k FROM ads()) AND v % 2 = 0 AND CASE WHEN v > 2 THEN c.k LIKE '_' ELSE true END "
    "GROUP BY window(ts, '10 seconds', '5 seconds'), name HAVING count(*) > 0";

static enum err no_side(struct side *s, enum side_kind kind, const struct raw_batch *raw,
                        const struct raw_record *record, const char *reason, const char *detail, struct error *e)
{
    (void)s;
    (void)kind;
    (void)raw;
    (void)record;
    (void)reason;
    (void)detail;
    (void)e;
    return OK;
}

struct run {
    struct arena         arena;
    struct plan         *plan;
    struct plan_tables   tables;
    struct plan_lane     lane;
    struct window_state *state;
    struct tally         tally;
    struct flow_context  context, tail;
    struct op            end;
    int64_t              rows, sum;
};

static enum err end_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct run *r = (struct run *)((uint8_t *)op - offsetof(struct run, end));
    (void)e;
    for (uint32_t i = 0; i < msg->batch->n_rows; i++)
        r->sum += column_i64(msg->batch->columns[2])[i];
    r->rows += msg->batch->n_rows;
    batch_free(msg->batch);
    return OK;
}
static void end_free(struct op *op) { (void)op; }

static void release(struct raw_batch *raw)
{
    mem_free(raw->records);
    mem_free(raw);
}

/* Rows 0..n: k a, b, c in turn, v = i, a second apart. NULL: no memory. */
static struct batch *clicks(const struct type *schema, int n)
{
    struct raw_batch *raw = mem_zalloc(TAG_TEST, sizeof *raw);
    struct builder    b;
    struct column    *c = NULL, *columns[16];
    struct batch     *batch = NULL;
    if (!raw)
        return NULL;
    *raw = (struct raw_batch){.topic = "t", .n_records = (uint32_t)n, .release = release};
    raw->refs = 1;
    raw->records = mem_zalloc(TAG_TEST, (size_t)n * sizeof *raw->records);
    if (!raw->records || builder_init(&b, schema, NULL) != OK) {
        raw_batch_free(raw);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        for (int f = 0; f < schema->n_fields; f++) {
            const char *name = schema->fields[f].name;
            if (strcmp(name, "k") == 0)
                builder_bytes(&b.children[f], &"abc"[i % 3], 1);
            else if (strcmp(name, "v") == 0)
                builder_i64(&b.children[f], i);
            else
                builder_i64(&b.children[f], (int64_t)i * 1000000);
        }
        builder_struct(&b, true);
    }
    if (builder_finish(&b, &c, NULL) == OK) {
        for (int f = 0; f < schema->n_fields; f++)
            columns[f] = column_ref(c->children[f]);
        batch = batch_new(schema, (size_t)n, columns, raw, NULL);
        column_free(c);
    }
    builder_fini(&b);
    raw_batch_free(raw);
    return batch;
}

static enum err emit_closed(void *arg, struct batch *b, const struct flow_behind *behind, struct error *e)
{
    struct run     *r = arg;
    struct flow_msg msg = {.kind = FLOW_BATCH, .batch = b};
    struct op      *tail = r->lane.stages[0].tail;
    r->tail.behind = behind;
    return tail->ops->push(tail, &msg, e);
}

static enum err epoch(struct run *r, int64_t number, int64_t evict_ms, struct error *e)
{
    struct group_table *partial;
    int64_t             effects;
    struct buf          saved;
    struct flow_msg     msg = {.kind = FLOW_BATCH, .batch = clicks(r->plan->sources[0].decoded, 30)};
    if (!msg.batch)
        return err_set(e, ERR_NO_MEMORY, "rows");
    r->context.epoch = number;
    TRY(r->lane.heads[0]->ops->push(r->lane.heads[0], &msg, e));
    TRY(window_take_partial(r->lane.stages[0].window, &partial, e));
    TRY(window_state_merge(r->state, partial, e));
    TRY(window_state_close(r->state, evict_ms, emit_closed, r, &effects, e));
    buf_init(&saved, TAG_TEST, 1 << 20);
    window_state_save(r->state, &saved);
    struct view v = {.data = saved.data, .size = saved.size};
    enum err    rc = buf_check(&saved, "state", e);
    if (rc == OK)
        rc = window_state_load(r->state, &v, e);
    buf_fini(&saved);
    return rc;
}

static enum err steps(struct run *r, struct error *e)
{
    struct diags diags;
    r->plan = sample_plan(query, &r->arena, &diags);
    if (!r->plan)
        return err_set(e, ERR_NO_MEMORY, "%s", diags.n ? diags.items[0].text : "nothing said");
    TRY(plan_build_tables(r->plan, sample_open_table, &r->tables, e));
    TRY(plan_build_lane(r->plan, &r->tables, &r->context, &r->tail, &(struct plan_ends){.rows = &r->end}, &r->lane, e));
    TRY(window_state_new(r->lane.stages[0].plan, &r->state, e));
    TRY(epoch(r, 0, 10000, e));
    return epoch(r, 1, INT64_MAX / 2000, e);
}

/* One run from nothing to nothing. */
static enum err whole(struct run *r, struct error *e)
{
    static const struct op_ops   end_ops = {.name = "end", .push = end_push, .free = end_free};
    static const struct side_ops side_ops = {.row = no_side};
    static struct side           side = {.ops = &side_ops};
    memset(r, 0, sizeof *r);
    arena_init(&r->arena, TAG_TEST, (size_t)64 << 20);
    r->end = (struct op){.ops = &end_ops, .context = &r->tail};
    r->context = r->tail = (struct flow_context){.tally = &r->tally, .side = &side};
    enum err rc = steps(r, e);
    window_state_free(r->state);
    plan_lane_free(&r->lane);
    plan_tables_free(&r->tables);
    mem_free(r->tally.slots);
    arena_fini(&r->arena);
    return rc;
}

static void nothing_is_left(void)
{
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        assert_int_equal(alloc_bytes((enum alloc_tag)tag), 0);
}

static void every_allocation_fails_once(void **state)
{
    struct run   r, good;
    struct error e = {.code = OK};
    int          n = 1, n_failed = 0;
    (void)state;
    if (whole(&good, &e) != OK)
        fail_msg("%s", e.text);
    nothing_is_left();
    assert_true(good.rows > 0);
    for (bool done = false; !done; n++) {
        struct error why = {.code = OK, .text = ""};
        alloc_fail_at(n, 1);
        enum err rc = whole(&r, &why);
        alloc_fail_at(0, 0);
        nothing_is_left();
        if (rc == OK) { /* nothing failed any more, or the step did without */
            if (r.rows != good.rows || r.sum != good.sum)
                fail_msg("allocation %d: no error, but %lld rows instead of %lld", n, (long long)r.rows,
                         (long long)good.rows);
            done = n > n_failed + 20;
            continue;
        }
        if (rc != ERR_NO_MEMORY && rc != ERR_LIMIT)
            fail_msg("allocation %d: %s: %s", n, err_name(rc), why.text);
        n_failed = n;
    }
    assert_true(n_failed > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
