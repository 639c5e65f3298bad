/* SPDX-License-Identifier: MIT */
#include "plan/physical.h"

#include "expr/program.h"

#define WINDOW_BYTES_MAX ((size_t)4 << 30)
#define LANE_ARENA_MAX ((size_t)16 << 20)

/* ---- static tables ---- */

/* The end of a chain that reads a static table: batches into the join's index. */
struct collect {
    struct op          base;
    struct join_build *build;
};

static enum err collect_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    return msg->kind == FLOW_BATCH ? join_build_add(((struct collect *)op)->build, msg->batch, e) : OK;
}

static void collect_free(struct op *op) { (void)op; }

static const struct op_ops collect_ops = {.name = "collect", .push = collect_push, .free = collect_free};

static enum err push_batch(void *arg, struct batch *b, struct error *e)
{
    struct op      *head = arg;
    struct flow_msg msg = {.kind = FLOW_BATCH, .batch = b};
    return head->ops->push(head, &msg, e);
}

/* Operators over a static table, from the leaf up; only filters and projections can be there. */
static enum err table_chain(const struct plan_node *n, struct flow_context *ctx, struct op *end, struct op **head,
                            struct plan_lane *made, const struct plan_node **leaf, struct error *e)
{
    struct op *op = end;
    for (; n->kind != PLAN_TABLE; n = n->input) {
        struct op *below = NULL;
        if (n->kind == PLAN_FILTER)
            TRY(op_filter_new(n->predicate, FILTER_FILTERED, NULL, ctx, &below, e));
        else
            TRY(op_project_new(n->exprs, n->schema, ctx, &below, e));
        below->next = op;
        op = below;
        CHECK(made->n_ops < PLAN_OPS_MAX);
        made->ops[made->n_ops++] = below;
    }
    *head = op;
    *leaf = n;
    return OK;
}

static enum err read_table(const struct plan *p, const struct plan_node *join, plan_open_cb *open,
                           struct join_build *build, struct error *e)
{
    struct tally            tally = {0};
    struct flow_context     ctx = {.tally = &tally};
    struct plan_lane        made = {.n_ops = 0};
    struct collect          end = {.base = {.ops = &collect_ops, .context = &ctx}, .build = build};
    struct op              *head = NULL;
    struct table           *table = NULL;
    const struct plan_node *leaf;
    enum err                rc = table_chain(join->other, &ctx, &end.base, &head, &made, &leaf, e);
    if (rc == OK)
        rc = open(p->tables[leaf->leaf].handle, &table, e);
    if (rc == OK)
        rc = table->ops->scan(table, push_batch, head, e);
    if (table)
        table->ops->free(table);
    plan_lane_free(&made);
    mem_free(tally.slots);
    return rc == OK ? join_build_finish(build, e) : rc;
}

static enum err build_joins(const struct plan *p, const struct plan_node *n, plan_open_cb *open,
                            struct plan_tables *out, struct error *e)
{
    if (n->kind == PLAN_JOIN) {
        if (out->n == 64)
            return err_set(e, ERR_LIMIT, "more than 64 joins");
        TRY(join_build_new(n->other->schema, n->build, n->n_keys, &out->builds[out->n], e));
        out->joins[out->n++] = n;
        TRY(read_table(p, n, open, out->builds[out->n - 1], e));
    }
    if (n->input)
        TRY(build_joins(p, n->input, open, out, e));
    return n->kind == PLAN_UNION ? build_joins(p, n->other, open, out, e) : OK;
}

enum err plan_build_tables(const struct plan *p, plan_open_cb *open, struct plan_tables *out, struct error *e)
{
    out->n = 0;
    enum err rc = build_joins(p, p->root, open, out, e);
    if (rc != OK)
        plan_tables_free(out);
    return rc;
}

void plan_tables_free(struct plan_tables *t)
{
    for (int i = 0; i < t->n; i++)
        join_build_free(t->builds[i]);
    t->n = 0;
}

/* ---- a lane ---- */

struct build {
    const struct plan        *p;
    const struct plan_tables *tables;
    struct flow_context      *lane, *tail;
    struct plan_lane         *out;
    struct error             *e;
};

static enum err window_op(struct build *b, const struct plan_node *n, struct flow_context *ctx,
                          struct plan_stage *stage)
{
    struct plan_lane        *l = b->out;
    struct window_aggregate *aggregates = arena_alloc(&l->arena, ((size_t)n->n_aggregates + 1) * sizeof *aggregates);
    stage->plan = arena_alloc(&l->arena, sizeof *stage->plan);
    if (!aggregates || !stage->plan)
        return err_set(b->e, ERR_NO_MEMORY, "window");
    for (int i = 0; i < n->n_aggregates; i++) {
        aggregates[i] = (struct window_aggregate){.agg = n->aggregates[i].agg, .filter = n->aggregates[i].filter};
        memcpy(aggregates[i].arguments, n->aggregates[i].arguments, sizeof aggregates[i].arguments);
    }
    *stage->plan = (struct window_plan){.spec = n->window,
                                        .input = n->input->schema,
                                        .result = n->schema,
                                        .event_column = n->event_column,
                                        .keys = n->keys,
                                        .n_keys = n->n_keys_grouped,
                                        .aggregates = aggregates,
                                        .n_aggregates = n->n_aggregates,
                                        .limit_bytes = WINDOW_BYTES_MAX};
    return op_window_new(stage->plan, ctx, &stage->window, b->e);
}

static enum err judge_pairs(const void *arg, struct op *join, const struct batch *pairs, const uint32_t *rows,
                            struct batch **b, struct column **keep, struct error *e)
{
    return expr_judge_pairs(arg, join, pairs, rows, b, keep, e);
}

/* The rest of a join's condition over just the columns it names. */
static enum err join_rest(struct build *b, const struct plan_node *n, const struct join_rest **out)
{
    struct arena     *a = &b->out->arena;
    int               n_both = n->both->n_fields, n_used = 0;
    struct join_rest *rest = arena_zalloc(a, sizeof *rest);
    struct field     *fields = arena_zalloc(a, (size_t)n_both * sizeof *fields);
    int              *columns = arena_zalloc(a, (size_t)n_both * sizeof *columns);
    struct expr     **now = arena_zalloc(a, (size_t)n_both * sizeof *now);
    if (!rest || !fields || !columns || !now)
        return err_set(b->e, ERR_NO_MEMORY, "join");
    for (int i = 0; i < n_both; i++) {
        if (!expr_uses_column(n->predicate, i))
            continue;
        fields[n_used] = n->both->fields[i];
        now[i] = expr_column(a, n_used, fields[n_used].type, fields[n_used].nullable, n->place);
        columns[n_used++] = i;
    }
    *rest = (struct join_rest){.schema = type_struct(a, fields, (size_t)n_used),
                               .columns = columns,
                               .keep = judge_pairs,
                               .arg = expr_substitute(a, n->predicate, now)};
    *out = rest;
    return rest->schema && rest->arg ? OK : err_set(b->e, ERR_NO_MEMORY, "join");
}

static enum err join_op(struct build *b, const struct plan_node *n, struct flow_context *ctx, struct op **op)
{
    struct join_spec *spec = arena_alloc(&b->out->arena, sizeof *spec);
    if (!spec)
        return err_set(b->e, ERR_NO_MEMORY, "join");
    *spec = (struct join_spec){.kind = n->join,
                               .schema = n->schema,
                               .probe = n->probe,
                               .n_keys = n->n_keys,
                               .null_aware = n->null_aware,
                               .filtered = n->subquery || n->join == JOIN_ANTI};
    if (n->predicate)
        TRY(join_rest(b, n, &spec->rest));
    for (int i = 0; i < b->tables->n; i++)
        if (b->tables->joins[i] == n)
            return op_join_new(b->tables->builds[i], spec, ctx, op, b->e);
    return err_set(b->e, ERR_INVALID, "join without its table");
}

/* Builds n and all below it; what n gives goes to `next`. */
static enum err build_node(struct build *b, const struct plan_node *n, struct op *next)
{
    struct op           *op = NULL;
    struct plan_stage    stage = {.tail = next};
    bool                 above = plan_node_contains(n->input, PLAN_WINDOW); /* its rows are closed groups */
    struct flow_context *ctx = above ? b->tail : b->lane;
    enum err             rc = OK;
    switch (n->kind) {
    case PLAN_SOURCE:
        b->out->heads[n->leaf] = next;
        return OK;
    case PLAN_UNION:
        TRY(build_node(b, n->input, next));
        return build_node(b, n->other, next);
    case PLAN_FILTER:
        rc = op_filter_new(n->predicate,
                           above        ? FILTER_HAVING
                           : n->partner ? FILTER_NO_PARTNER
                                        : FILTER_FILTERED,
                           &b->out->having, ctx, &op, b->e);
        break;
    case PLAN_PROJECT:
        rc = op_project_new(n->exprs, n->schema, ctx, &op, b->e);
        break;
    case PLAN_WATERMARK:
        rc = op_watermark_new(n->column, &b->out->watermarks[n->clause], b->p->future_us, ctx, &op, b->e);
        break;
    case PLAN_JOIN:
        rc = join_op(b, n, ctx, &op);
        break;
    case PLAN_EXPLODE:
        rc = op_explode_new(n->schema, n->position, n->left, ctx, &op, b->e);
        break;
    case PLAN_WINDOW:
        rc = window_op(b, n, ctx, &stage);
        op = stage.window;
        next = NULL;
        break;
    case PLAN_TABLE:
        return err_set(b->e, ERR_INVALID, "a static table is no stream");
    }
    if (rc != OK)
        return rc;
    op->next = next;
    CHECK(b->out->n_ops < PLAN_OPS_MAX);
    b->out->ops[b->out->n_ops++] = op;
    TRY(build_node(b, n->input, op));
    if (n->kind == PLAN_WINDOW) /* behind the stages below it */
        b->out->stages[b->out->n_stages++] = stage;
    return OK;
}

/* Of what stands behind the root: result rows are records', or closed groups, or (UNION ALL) both. */
static struct flow_context *end_context(const struct build *b)
{
    return plan_node_contains(b->p->root, PLAN_WINDOW) ? b->tail : b->lane;
}

enum err plan_build_lane(const struct plan *p, const struct plan_tables *tables, struct flow_context *lane,
                         struct flow_context *tail, const struct plan_ends *ends, struct plan_lane *out,
                         struct error *e)
{
    struct build b = {.p = p, .tables = tables, .lane = lane, .tail = tail, .out = out, .e = e};
    memset(out, 0, sizeof *out);
    arena_init(&out->arena, TAG_STATE, LANE_ARENA_MAX);
    if (p->n_sources > 64 || p->n_clauses > 64 || p->n_windows > PLAN_STAGES_MAX)
        return err_set(e, ERR_LIMIT, "more than 64 sources or watermarks, or 16 aggregations, in one query");
    for (int i = 0; i < p->n_clauses; i++)
        TRY(watermark_init(&out->watermarks[i], p->clauses[i].delay_ms, e));
    struct op *end = ends->rows;
    enum err   rc = OK;
    if (p->expect.n_rules && (rc = op_expect_new(&p->expect, ends->quarantine, end_context(&b), &end, e)) == OK) {
        end->next = ends->rows;
        out->ops[out->n_ops++] = end;
    }
    if (rc == OK)
        rc = build_node(&b, p->root, end);
    if (rc != OK)
        plan_lane_free(out);
    return rc;
}

void plan_lane_free(struct plan_lane *l)
{
    for (int i = 0; i < l->n_ops; i++)
        l->ops[i]->ops->free(l->ops[i]);
    l->n_ops = 0;
    arena_fini(&l->arena);
}
