/* SPDX-License-Identifier: MIT */
/* The filter and project operators, and what they do with rows that fail. See program.h. */
#include <inttypes.h>
#include <stdio.h>

#include "expr/expr_priv.h"

struct filter {
    struct op          base;
    const struct expr *predicate;
    enum filter_counts counts;
    int64_t           *having;
    struct row_errors  errors;
};

struct project {
    struct op           base;
    struct expr *const *exprs;
    const struct type  *schema;
    struct row_errors   errors;
};

/* ---- failing rows ---- */

enum err expr__say_where(const struct batch *b, const struct row_error *bad, struct error *e)
{
    const struct raw_record *r = batch_record(b, bad->row);
    if (!r)
        return err_set(e, ERR_DATA, "%s", bad->text);
    return err_set(e, ERR_DATA, "%s partition %d offset %" PRId64 ": %s", b->raw->topic, b->raw->partition, r->offset,
                   bad->text);
}

enum err expr__drop_failed(struct op *op, const struct row_errors *errors, struct batch **b, struct error *e)
{
    struct flow_context *ctx = op->context;
    struct batch        *all = *b;
    uint8_t             *failed = mem_zalloc(TAG_BATCH, all->n_rows + 1);
    uint32_t            *rows = mem_alloc(TAG_BATCH, (all->n_rows + 1) * sizeof *rows), n = 0;
    enum err             rc = failed && rows ? OK : err_set(e, ERR_NO_MEMORY, "rejected rows");
    struct tally_slot   *t = rc == OK && all->raw ? tally_slot(ctx->tally, all->raw->slot) : NULL;
    *b = NULL;
    for (uint32_t i = 0; rc == OK && i < errors->n; i++) {
        const struct row_error  *bad = &errors->items[i];
        const struct raw_record *r = batch_record(all, bad->row);
        failed[bad->row] = 1;
        if (!r || !t) /* behind an aggregate no single record is to blame */
            rc = expr__say_where(all, bad, e);
        else
            rc = ctx->side->ops->row(ctx->side, SIDE_REJECT, all->raw, r, "expression_error", bad->text, e);
        if (t)
            t->rejected++;
    }
    for (uint32_t i = 0; rc == OK && i < all->n_rows; i++)
        if (!failed[i])
            rows[n++] = i;
    if (rc == OK && !(*b = batch_take(all, rows, n)))
        rc = err_set(e, ERR_NO_MEMORY, "rejected rows");
    batch_free(all);
    mem_free(failed);
    mem_free(rows);
    return rc;
}

/* ---- conditions of joins ---- */

/* The rows of the pairs that failed, each once. */
static enum err rows_of_pairs(struct row_errors *errors, const uint32_t *rows, uint32_t n_rows, struct error *e)
{
    uint8_t *seen = mem_zalloc(TAG_BATCH, n_rows + 1);
    uint32_t n = 0;
    if (!seen)
        return err_set(e, ERR_NO_MEMORY, "rejected rows");
    for (uint32_t i = 0; i < errors->n; i++) {
        struct row_error bad = errors->items[i];
        bad.row = rows[bad.row];
        if (!seen[bad.row])
            errors->items[n++] = bad;
        seen[bad.row] = 1;
    }
    errors->n = n;
    mem_free(seen);
    return OK;
}

enum err expr_judge_pairs(const struct expr *x, struct op *join, const struct batch *pairs, const uint32_t *rows,
                          struct batch **b, struct column **keep, struct error *e)
{
    struct row_errors errors = {.collect = join->context->reject_errors};
    enum err          rc = expr_evaluate(x, pairs, NULL, pairs->n_rows, join->context->now_us, &errors, keep, e);
    if (errors.n) {
        bool fails = rc == ERR_DATA;
        rc = fails || rc == OK ? rows_of_pairs(&errors, rows, (*b)->n_rows, e) : rc;
        if (rc == OK)
            rc = fails ? expr__say_where(*b, &errors.items[0], e) : expr__drop_failed(join, &errors, b, e);
        column_free(*keep);
        *keep = NULL;
    }
    row_errors_fini(&errors);
    return rc;
}

/* ---- filter ---- */

/* Whole records that are gone count as filtered; single rows of a record that a join multiplied only lessen fan_out. */
static bool count_dropped(struct filter *f, const struct batch *b, const struct batch *kept)
{
    uint32_t rows = b->n_rows - kept->n_rows;
    if (f->counts == FILTER_HAVING || !b->raw) {
        if (f->having)
            *f->having += flow_effects(f->base.context, b) - flow_effects(f->base.context, kept);
        return true;
    }
    struct tally_slot *t = tally_slot(f->base.context->tally, b->raw->slot);
    uint32_t           records = batch_n_records(b) - batch_n_records(kept);
    if (!t)
        return false;
    *(f->counts == FILTER_NO_PARTNER ? &t->no_partner : &t->filtered) += records;
    f->base.context->tally->fan_out -= rows - records;
    return true;
}

static enum err keep_true(struct filter *f, struct batch **b, const struct column *keep, struct error *e)
{
    uint32_t  n = 0, n_rows = (*b)->n_rows;
    uint32_t *rows = mem_alloc(TAG_BATCH, (n_rows + 1) * sizeof *rows);
    if (!rows)
        return err_set(e, ERR_NO_MEMORY, "filter");
    for (uint32_t i = 0; i < n_rows; i++) {
        rows[n] = i;
        n += column_is_valid(keep, i) && column_u8(keep)[i];
    }
    if (n < n_rows) {
        struct batch *kept = batch_take(*b, rows, n);
        if (kept && !count_dropped(f, *b, kept)) {
            batch_free(kept);
            kept = NULL;
        }
        batch_free(*b);
        *b = kept;
    }
    mem_free(rows);
    return *b ? OK : err_set(e, ERR_NO_MEMORY, "filter");
}

static enum err filter_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct filter *f = (struct filter *)op;
    struct column *keep = NULL;
    if (msg->kind != FLOW_BATCH)
        return op_emit(op, msg, e);
    struct batch *b = msg->batch;
    f->errors.n = 0;
    f->errors.collect = op->context->reject_errors;
    enum err rc = expr_evaluate(f->predicate, b, NULL, b->n_rows, op->context->now_us, &f->errors, &keep, e);
    if (rc == ERR_DATA && f->errors.n)
        rc = expr__say_where(b, &f->errors.items[0], e);
    if (rc == OK && f->errors.n) { /* judged again without the failed ones: rare */
        column_free(keep);
        keep = NULL;
        rc = expr__drop_failed(op, &f->errors, &b, e);
        f->errors.n = 0;
        if (rc == OK)
            rc = expr_evaluate(f->predicate, b, NULL, b->n_rows, op->context->now_us, &f->errors, &keep, e);
    }
    if (rc == OK)
        rc = keep_true(f, &b, keep, e);
    column_free(keep);
    if (rc == OK)
        return op_emit_batch(op, &b, e);
    batch_free(b);
    return rc;
}

static void filter_free(struct op *op)
{
    struct filter *f = (struct filter *)op;
    row_errors_fini(&f->errors);
    mem_free(f);
}

static const struct op_ops filter_ops = {.name = "filter", .push = filter_push, .free = filter_free};

enum err op_filter_new(const struct expr *predicate, enum filter_counts counts, int64_t *having,
                       struct flow_context *context, struct op **out, struct error *e)
{
    struct filter *f = mem_zalloc(TAG_STATE, sizeof *f);
    *out = NULL;
    if (!f)
        return err_set(e, ERR_NO_MEMORY, "filter");
    f->base = (struct op){.ops = &filter_ops, .context = context};
    f->predicate = predicate;
    f->counts = counts;
    f->having = having;
    *out = &f->base;
    return OK;
}

/* ---- project ---- */

static enum err compute(struct project *p, const struct batch *b, struct column **columns, struct error *e)
{
    for (int i = 0; i < p->schema->n_fields; i++)
        TRY(expr_evaluate(p->exprs[i], b, NULL, b->n_rows, p->base.context->now_us, &p->errors, &columns[i], e));
    return OK;
}

static void free_columns(struct column **columns, int n)
{
    for (int i = 0; i < n; i++) {
        column_free(columns[i]);
        columns[i] = NULL;
    }
}

static enum err project_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct project *p = (struct project *)op;
    int             n = p->schema->n_fields;
    if (msg->kind != FLOW_BATCH)
        return op_emit(op, msg, e);
    struct batch   *b = msg->batch, *made = NULL;
    struct column **columns = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *columns);
    uint32_t       *origin = NULL;
    p->errors.n = 0;
    p->errors.collect = op->context->reject_errors;
    enum err rc = columns ? compute(p, b, columns, e) : err_set(e, ERR_NO_MEMORY, "projection");
    if (rc == ERR_DATA && p->errors.n)
        rc = expr__say_where(b, &p->errors.items[0], e);
    if (rc == OK && p->errors.n) {
        free_columns(columns, n);
        rc = expr__drop_failed(op, &p->errors, &b, e);
        p->errors.n = 0;
        if (rc == OK)
            rc = compute(p, b, columns, e);
    }
    if (rc == OK && b->origin) {
        origin = mem_alloc(TAG_BATCH, (b->n_rows + 1) * sizeof *origin);
        if (origin)
            memcpy(origin, b->origin, b->n_rows * sizeof *origin);
        else
            rc = err_set(e, ERR_NO_MEMORY, "projection");
    }
    if (rc == OK) {
        made = batch_new(p->schema, b->n_rows, columns, b->raw, origin);
        rc = made ? OK : err_set(e, ERR_NO_MEMORY, "projection");
    } else if (columns) {
        free_columns(columns, n);
    }
    mem_free(columns);
    batch_free(b);
    return rc == OK ? op_emit_batch(op, &made, e) : rc;
}

static void project_free(struct op *op)
{
    struct project *p = (struct project *)op;
    row_errors_fini(&p->errors);
    mem_free(p);
}

static const struct op_ops project_ops = {.name = "project", .push = project_push, .free = project_free};

enum err op_project_new(struct expr *const *exprs, const struct type *schema, struct flow_context *context,
                        struct op **out, struct error *e)
{
    struct project *p = mem_zalloc(TAG_STATE, sizeof *p);
    *out = NULL;
    if (!p)
        return err_set(e, ERR_NO_MEMORY, "projection");
    p->base = (struct op){.ops = &project_ops, .context = context};
    p->exprs = exprs;
    p->schema = schema;
    *out = &p->base;
    return OK;
}
