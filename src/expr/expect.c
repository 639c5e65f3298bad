/* SPDX-License-Identifier: MIT */
/* The operator of expectations: counts, drops, sets aside. See program.h. */
#include <stdio.h>

#include "expr/expr_priv.h"

#define NAMES_MAX 4096 /* bytes of the names of rules that one row violates */

struct expect {
    struct op                 base;
    const struct expect_spec *spec;
    struct op                *quarantine;
    struct row_errors         errors;
};

/* What the rules say of a batch. */
struct verdict {
    struct column *met[FLOW_RULES_MAX]; /* per rule and row: a BOOLEAN */
    uint32_t      *kept, *violating;    /* rows */
    uint32_t       n_kept, n_violating;
};

static void verdict_fini(struct verdict *v)
{
    for (int i = 0; i < FLOW_RULES_MAX; i++)
        column_free(v->met[i]);
    mem_free(v->kept);
    mem_free(v->violating);
}

static bool meets(const struct verdict *v, int rule, uint32_t row)
{
    return column_is_valid(v->met[rule], row) && column_u8(v->met[rule])[row];
}

static enum err violated(const struct expect_rule *r, const struct batch *b, uint32_t row, struct error *e)
{
    struct row_error bad = {.row = row};
    snprintf(bad.text, sizeof bad.text,
             "[EXPECTATION_FAILED] a row violates the expectation \"%s\" (ON VIOLATION FAIL UPDATE)", r->name);
    return expr__say_where(b, &bad, e);
}

static enum err judge_row(struct expect *x, const struct batch *b, uint32_t row, struct verdict *v, struct error *e)
{
    struct tally *t = x->base.context->tally;
    bool          keep = true, all = true;
    for (int i = 0; i < x->spec->n_rules; i++) {
        const struct expect_rule *r = &x->spec->rules[i];
        bool                      met = meets(v, i, row);
        *(met ? &t->rules[i].passed : &t->rules[i].failed) += 1;
        if (!met && r->action == EXPECT_FAIL)
            return violated(r, b, row, e);
        keep = keep && (met || r->action == EXPECT_KEEP);
        all = all && met;
    }
    if (keep)
        v->kept[v->n_kept++] = row;
    if (!all)
        v->violating[v->n_violating++] = row;
    return OK;
}

/* Stops at a rule that rows fail to be computed for (errors.n). */
static enum err compute(struct expect *x, const struct batch *b, struct verdict *v, struct error *e)
{
    x->errors.n = 0;
    x->errors.collect = x->base.context->reject_errors;
    for (int i = 0; i < x->spec->n_rules && x->errors.n == 0; i++) {
        enum err rc = expr_evaluate(x->spec->rules[i].condition, b, NULL, b->n_rows, x->base.context->now_us,
                                    &x->errors, &v->met[i], e);
        if (rc == ERR_DATA && x->errors.n)
            return expr__say_where(b, &x->errors.items[0], e);
        TRY(rc);
    }
    return OK;
}

/* The conditions over all rows, without those that fail to be computed; *b may become another batch. */
static enum err compute_all(struct expect *x, struct batch **b, struct verdict *v, struct error *e)
{
    TRY(compute(x, *b, v, e));
    while (x->errors.n) {
        verdict_fini(v);
        *v = (struct verdict){.n_kept = 0};
        TRY(expr__drop_failed(&x->base, &x->errors, b, e));
        TRY(compute(x, *b, v, e));
    }
    return OK;
}

static enum err judge(struct expect *x, const struct batch *b, struct verdict *v, struct error *e)
{
    v->kept = mem_alloc(TAG_BATCH, (b->n_rows + 1u) * sizeof *v->kept);
    v->violating = mem_alloc(TAG_BATCH, (b->n_rows + 1u) * sizeof *v->violating);
    if (!v->kept || !v->violating)
        return err_set(e, ERR_NO_MEMORY, "expectations");
    for (uint32_t row = 0; row < b->n_rows; row++)
        TRY(judge_row(x, b, row, v, e));
    return OK;
}

/* ---- the quarantine ---- */

static void put_names(const struct expect *x, const struct verdict *v, uint32_t row, bool *dropped,
                      struct builder *into)
{
    char   names[NAMES_MAX] = "";
    size_t n = 0;
    *dropped = false;
    for (int i = 0; i < x->spec->n_rules; i++) {
        const struct expect_rule *r = &x->spec->rules[i];
        if (meets(v, i, row))
            continue;
        *dropped = *dropped || r->action == EXPECT_DROP;
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", r->name);
        n = n < sizeof names ? n : sizeof names - 1;
    }
    builder_bytes(into, names, n);
}

/* Names, dropped, epoch: the columns behind those of the rows. */
static enum err remarks(const struct expect *x, const struct verdict *v, struct column *out[3], struct error *e)
{
    static const enum type_kind kinds[3] = {TYPE_STRING, TYPE_BOOLEAN, TYPE_BIGINT};
    struct builder              b[3] = {{0}};
    enum err                    rc = OK;
    for (int i = 0; rc == OK && i < 3; i++)
        rc = builder_init(&b[i], type_of(kinds[i]), e);
    for (uint32_t i = 0; rc == OK && i < v->n_violating; i++) {
        bool dropped;
        put_names(x, v, v->violating[i], &dropped, &b[0]);
        builder_boolean(&b[1], dropped);
        builder_i64(&b[2], x->base.context->epoch);
    }
    for (int i = 0; rc == OK && i < 3; i++)
        rc = builder_finish(&b[i], &out[i], e);
    for (int i = 0; i < 3; i++)
        builder_fini(&b[i]);
    return rc;
}

static enum err set_aside(struct expect *x, const struct batch *b, const struct verdict *v, struct error *e)
{
    int             n = b->schema->n_fields;
    struct column **columns = mem_zalloc(TAG_BATCH, ((size_t)n + 3) * sizeof *columns);
    struct flow_msg msg = {.kind = FLOW_BATCH};
    enum err        rc = columns ? OK : err_set(e, ERR_NO_MEMORY, "quarantine");
    for (int i = 0; rc == OK && i < n; i++)
        if (!(columns[i] = column_take(b->columns[i], v->violating, v->n_violating)))
            rc = err_set(e, ERR_NO_MEMORY, "quarantine");
    if (rc == OK)
        rc = remarks(x, v, columns + n, e);
    if (rc == OK && !(msg.batch = batch_new(x->spec->quarantine, v->n_violating, columns, NULL, NULL)))
        rc = err_set(e, ERR_NO_MEMORY, "quarantine");
    else if (rc != OK)
        for (int i = 0; columns && i < n + 3; i++)
            column_free(columns[i]);
    mem_free(columns);
    return rc == OK ? x->quarantine->ops->push(x->quarantine, &msg, e) : rc;
}

/* ---- the operator ---- */

/* Dropped rows leave here: they are closed, as what is written is, and their records have passed. */
static enum err count_dropped(struct expect *x, const struct batch *b, const struct batch *kept, struct error *e)
{
    struct tally *t = x->base.context->tally;
    if (!b->raw) {
        t->dropped += flow_effects(x->base.context, b) - flow_effects(x->base.context, kept);
        return OK;
    }
    struct tally_slot *slot = tally_slot(t, b->raw->slot);
    if (!slot)
        return err_set(e, ERR_NO_MEMORY, "expectations");
    slot->passed += batch_n_records(b) - batch_n_records(kept);
    t->dropped += b->n_rows - kept->n_rows;
    t->closed += b->n_rows - kept->n_rows;
    return OK;
}

static enum err expect_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct expect *x = (struct expect *)op;
    struct verdict v = {.n_kept = 0};
    if (msg->kind != FLOW_BATCH)
        return op_emit(op, msg, e);
    struct batch *b = msg->batch, *kept = NULL;
    enum err      rc = compute_all(x, &b, &v, e);
    if (rc == OK)
        rc = judge(x, b, &v, e);
    if (rc == OK && v.n_violating && x->quarantine)
        rc = set_aside(x, b, &v, e);
    if (rc == OK && v.n_kept == b->n_rows)
        kept = batch_ref(b);
    else if (rc == OK && !(kept = batch_take(b, v.kept, v.n_kept)))
        rc = err_set(e, ERR_NO_MEMORY, "expectations");
    if (rc == OK)
        rc = count_dropped(x, b, kept, e);
    batch_free(b);
    verdict_fini(&v);
    if (rc != OK) {
        batch_free(kept);
        return rc;
    }
    return op_emit_batch(op, &kept, e);
}

static void expect_free(struct op *op)
{
    row_errors_fini(&((struct expect *)op)->errors);
    mem_free(op);
}

static const struct op_ops ops = {.name = "expect", .push = expect_push, .free = expect_free};

enum err op_expect_new(const struct expect_spec *spec, struct op *quarantine, struct flow_context *context,
                       struct op **out, struct error *e)
{
    struct expect *x = mem_zalloc(TAG_BATCH, sizeof *x);
    *out = NULL;
    if (!x)
        return err_set(e, ERR_NO_MEMORY, "expectations");
    x->base = (struct op){.ops = &ops, .context = context};
    x->spec = spec;
    x->quarantine = quarantine;
    *out = &x->base;
    return OK;
}
