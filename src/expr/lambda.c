/* SPDX-License-Identifier: MIT */
/* The elements of all rows side by side, and a lambda's body over them. See lambda.h. */
#include "expr/lambda.h"

/* ---- elements ---- */

void lambda__elements_fini(struct elements *el)
{
    mem_free(el->starts);
    mem_free(el->owners);
    mem_free(el->index);
}

bool lambda__is_there(const struct vec *list, uint32_t i)
{
    return list->c->type->kind != TYPE_NULL && vec_valid(list, i);
}

void lambda__own(struct elements *el, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = el->starts[i]; k < el->starts[i + 1]; k++)
            el->owners[k] = i;
}

bool lambda__elements(struct elements *el, struct evaluation *ev, const struct vec *list, uint32_t n)
{
    uint64_t total = 0;
    *el = (struct elements){.starts = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *el->starts)};
    for (uint32_t i = 0; el->starts && i < n; i++) {
        size_t row = (size_t)i * list->step;
        el->starts[i] = (uint32_t)total;
        total += lambda__is_there(list, i) ? list->c->offsets[row + 1] - list->c->offsets[row] : 0;
    }
    if (total > COLUMN_BYTES_MAX) {
        err_set(ev->error, ERR_LIMIT, "the arrays of a batch have more than %zu elements", COLUMN_BYTES_MAX);
        return false;
    }
    el->owners = mem_alloc(TAG_BATCH, (total + 1) * sizeof *el->owners);
    el->index = mem_alloc(TAG_BATCH, (total + 1) * sizeof *el->index);
    if (!el->starts || !el->owners || !el->index)
        return expr__no_memory(ev) != NULL;
    el->starts[n] = (uint32_t)total;
    el->n = (uint32_t)total;
    lambda__own(el, n);
    for (uint32_t k = 0; k < el->n; k++) {
        uint32_t i = el->owners[k];
        el->index[k] = list->c->offsets[(size_t)i * list->step] + k - el->starts[i];
    }
    return true;
}

struct column *lambda__pick(struct evaluation *ev, const struct column *c, const uint32_t *index, uint32_t n)
{
    uint32_t same = 0;
    while (same < n && index[same] == same)
        same++;
    struct column *out = same == n && n == c->n_rows ? column_ref(c) : column_take(c, index, n);
    return out ? out : expr__no_memory(ev);
}

/* ---- a body over elements ---- */

void lambda__applied_fini(struct applied *a)
{
    column_free(a->c);
    row_errors_fini(&a->errors);
    mem_free(a->failed);
}

const char *lambda__failure(const struct applied *a, uint32_t k)
{
    return a->failed && a->failed[k] ? a->errors.items[a->failed[k] - 1].text : NULL;
}

static bool uses_parameter(const struct expr *x, int slot)
{
    if (x->kind == EXPR_PARAMETER)
        return x->column == slot;
    for (int i = 0; i < x->n_args; i++)
        if (uses_parameter(x->args[i], slot))
            return true;
    return false;
}

/* What the body sees: columns and parameters of its rows, and only those it uses. */
static bool gather_inputs(struct evaluation *ev, const struct expr *f, const uint32_t *rows, uint32_t n,
                          struct column **columns, struct column **parameters)
{
    bool ok = true;
    for (int c = 0; ok && c < ev->batch->schema->n_fields; c++)
        if (expr_uses_column(f, c))
            ok = (columns[c] = column_take(ev->batch->columns[c], rows, n)) != NULL;
    for (int s = 0; ok && ev->parameters && s < EXPR_PARAMETERS_MAX; s++) {
        bool own = s >= f->column && s < f->column + f->field;
        if (!own && ev->parameters[s] && uses_parameter(f, s))
            ok = (parameters[s] = column_take(ev->parameters[s], rows, n)) != NULL;
    }
    return ok || expr__no_memory(ev);
}

static bool note_failures(struct evaluation *ev, struct applied *a, uint32_t n)
{
    if (a->errors.n == 0)
        return true;
    if (!(a->failed = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *a->failed)))
        return expr__no_memory(ev) != NULL;
    for (uint32_t i = 0; i < a->errors.n; i++)
        a->failed[a->errors.items[i].row] = i + 1;
    return true;
}

bool lambda__apply(struct evaluation *ev, const struct expr *f, struct column *const *values, const uint32_t *owners,
                   uint32_t n, struct applied *out)
{
    struct column  *parameters[EXPR_PARAMETERS_MAX] = {NULL};
    size_t          n_columns = ev->batch->schema->n_fields;
    struct column **columns = mem_zalloc(TAG_BATCH, (n_columns + 1) * sizeof *columns);
    uint32_t       *rows = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *rows);
    bool            ok = columns && rows;
    *out = (struct applied){.errors = {.collect = true}};
    for (uint32_t k = 0; ok && k < n; k++)
        rows[k] = ev->rows ? ev->rows[owners[k]] : owners[k];
    if (!ok)
        expr__no_memory(ev);
    ok = ok && gather_inputs(ev, f, rows, n, columns, parameters);
    for (int i = 0; ok && i < f->field; i++)
        parameters[f->column + i] = column_ref(values[i]);
    if (ok) {
        struct batch      over = {.schema = ev->batch->schema, .n_rows = n, .columns = columns};
        struct evaluation inner = {
            .batch = &over, .now_us = ev->now_us, .errors = &out->errors, .error = ev->error, .parameters = parameters};
        ok = (out->c = expr__evaluate(&inner, f->args[0], n)) && note_failures(ev, out, n);
    }
    for (size_t c = 0; columns && c < n_columns; c++)
        column_free(columns[c]);
    for (int s = 0; s < EXPR_PARAMETERS_MAX; s++)
        column_free(parameters[s]);
    mem_free(columns);
    mem_free(rows);
    return ok;
}
