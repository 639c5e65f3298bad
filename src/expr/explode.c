/* SPDX-License-Identifier: MIT */
/* explode and posexplode: a row per element of the array or map in the last column. See program.h. */
#include "expr/program.h"

struct explode {
    struct op          base;
    const struct type *schema;
    bool               position, outer;
    uint32_t          *rows, *elements; /* per row made: the row it comes from, the element; UINT32_MAX: none */
    uint32_t           n, capacity;
};

static enum err add_row(struct explode *x, uint32_t row, uint32_t element, struct error *e)
{
    if (x->n == x->capacity) {
        uint32_t  capacity = x->capacity ? x->capacity * 2 : 2048;
        uint32_t *rows = mem_realloc(TAG_BATCH, x->rows, capacity * sizeof *rows);
        if (rows)
            x->rows = rows;
        uint32_t *elements = rows ? mem_realloc(TAG_BATCH, x->elements, capacity * sizeof *elements) : NULL;
        if (!elements)
            return err_set(e, ERR_NO_MEMORY, "explode");
        x->elements = elements;
        x->capacity = capacity;
    }
    x->rows[x->n] = row;
    x->elements[x->n++] = element;
    return OK;
}

/* A record whose rows have no element at all counts as filtered. */
static enum err find_rows(struct explode *x, const struct batch *b, struct error *e)
{
    const struct column *c = b->columns[b->schema->n_fields - 1];
    struct tally_slot   *t = b->raw ? tally_slot(x->base.context->tally, b->raw->slot) : NULL;
    x->n = 0;
    for (uint32_t row = 0, end; row < b->n_rows; row = end) {
        uint32_t before = x->n;
        end = batch_record_end(b, row);
        for (uint32_t i = row; i < end; i++) {
            for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++)
                TRY(add_row(x, i, k, e));
            if (x->outer && c->offsets[i] == c->offsets[i + 1])
                TRY(add_row(x, i, UINT32_MAX, e));
        }
        bool none = x->n == before;
        if (t)
            t->filtered += none;
        x->base.context->tally->fan_out += (int64_t)(x->n - before) - (end - row) + none;
    }
    return OK;
}

static struct column *positions(const struct explode *x, const struct column *c, struct error *e)
{
    struct builder b;
    struct column *out = NULL;
    if (builder_init(&b, type_of(TYPE_INT), e) != OK)
        return NULL;
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->elements[i] == UINT32_MAX)
            builder_null(&b);
        else
            builder_i32(&b, (int32_t)(x->elements[i] - c->offsets[x->rows[i]]));
    }
    if (builder_finish(&b, &out, e) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

static struct column *elements(const struct explode *x, const struct column *part, struct error *e)
{
    struct builder b;
    struct column *out = NULL;
    if (!x->outer)
        return column_take(part, x->elements, x->n);
    if (builder_init(&b, part->type, e) != OK)
        return NULL;
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->elements[i] == UINT32_MAX)
            builder_null(&b);
        else
            builder_copy(&b, part, x->elements[i]);
    }
    if (builder_finish(&b, &out, e) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

static enum err make_batch(struct explode *x, const struct batch *b, struct batch **out, struct error *e)
{
    int                  kept = b->schema->n_fields - 1, n = x->schema->n_fields, at = kept;
    const struct column *list = b->columns[kept];
    struct column      **columns = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *columns);
    uint32_t            *origin = mem_alloc(TAG_BATCH, (x->n + 1u) * sizeof *origin);
    bool                 ok = columns && origin;
    for (int c = 0; ok && c < kept; c++)
        ok = (columns[c] = column_take(b->columns[c], x->rows, x->n)) != NULL;
    if (ok && x->position)
        ok = (columns[at++] = positions(x, list, e)) != NULL;
    for (int part = 0; ok && at < n; part++)
        ok = (columns[at++] = elements(x, list->children[part], e)) != NULL;
    for (uint32_t i = 0; ok && i < x->n; i++)
        origin[i] = b->origin ? b->origin[x->rows[i]] : x->rows[i];
    if (ok) {
        *out = batch_new(x->schema, x->n, columns, b->raw, origin);
    } else {
        for (int c = 0; columns && c < n; c++)
            column_free(columns[c]);
        mem_free(origin);
        *out = NULL;
    }
    mem_free(columns);
    return *out ? OK : err_set(e, ERR_NO_MEMORY, "explode");
}

static enum err push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct explode *x = (struct explode *)op;
    struct batch   *made = NULL;
    if (msg->kind != FLOW_BATCH)
        return op_emit(op, msg, e);
    enum err rc = find_rows(x, msg->batch, e);
    if (rc == OK)
        rc = make_batch(x, msg->batch, &made, e);
    batch_free(msg->batch);
    return rc == OK ? op_emit_batch(op, &made, e) : rc;
}

static void explode_free(struct op *op)
{
    struct explode *x = (struct explode *)op;
    mem_free(x->rows);
    mem_free(x->elements);
    mem_free(x);
}

static const struct op_ops ops = {.name = "explode", .push = push, .free = explode_free};

enum err op_explode_new(const struct type *schema, bool position, bool outer, struct flow_context *context,
                        struct op **out, struct error *e)
{
    struct explode *x = mem_zalloc(TAG_STATE, sizeof *x);
    *out = NULL;
    if (!x)
        return err_set(e, ERR_NO_MEMORY, "explode");
    *x = (struct explode){
        .base = {.ops = &ops, .context = context}, .schema = schema, .position = position, .outer = outer};
    *out = &x->base;
    return OK;
}
