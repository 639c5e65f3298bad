/* SPDX-License-Identifier: MIT */
/* CAST between two structs, arrays or maps: their parts are cast as columns of their own. */
#include "expr/cast_priv.h"

static int n_parts(const struct type *t) { return t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_MAP ? 2 : 1; }

bool expr__can_cast_parts(const struct type *from, const struct type *to)
{
    if (from->kind != to->kind || n_parts(from) != n_parts(to))
        return false;
    for (int i = 0; i < n_parts(from); i++)
        if (!expr__can_cast(from->fields[i].type, to->fields[i].type))
            return false;
    return true;
}

static void *copy(const void *bytes, size_t n)
{
    void *p = mem_alloc(TAG_BATCH, n ? n : 1);
    if (p && n)
        memcpy(p, bytes, n);
    return p;
}

/* Rows of the batch that the elements of the lists belong to, so that errors name them. */
static uint32_t *rows_of_elements(const struct evaluation *ev, const struct column *c, uint32_t n)
{
    uint32_t *rows = mem_alloc(TAG_BATCH, (c->children[0]->n_rows + 1u) * sizeof *rows);
    for (uint32_t i = 0; rows && i < n; i++)
        for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++)
            rows[k] = ev->rows ? ev->rows[i] : i;
    return rows;
}

struct column *expr__cast_parts(struct evaluation *ev, const struct expr *x, const struct column *from, uint32_t n)
{
    const uint32_t *rows = ev->rows;
    uint32_t       *offsets = NULL, *of_elements = NULL;
    uint8_t        *valid = from->valid ? copy(from->valid, n / 8 + 1) : NULL;
    bool            ok = valid || !from->valid;
    if (ok && from->offsets)
        ok = (offsets = copy(from->offsets, (n + 1u) * sizeof *offsets)) &&
             (of_elements = rows_of_elements(ev, from, n));
    if (!ok) {
        mem_free(valid);
        mem_free(offsets);
        return expr__no_memory(ev);
    }
    struct column *out = column_wrap(x->type, n, from->n_nulls, valid, NULL, offsets);
    if (of_elements)
        ev->rows = of_elements;
    ok = out || expr__no_memory(ev);
    for (int i = 0; ok && i < n_parts(x->type); i++) {
        struct expr part = {.kind = EXPR_CAST, .type = x->type->fields[i].type, .try_cast = x->try_cast};
        struct vec  child = {.c = from->children[i], .step = 1};
        ok = (out->children[i] = expr__cast(ev, &part, &child, from->children[i]->n_rows)) != NULL;
    }
    ev->rows = rows;
    mem_free(of_elements);
    if (!ok)
        column_free(out);
    return ok ? out : NULL;
}
