/* SPDX-License-Identifier: MIT */
#include "parquet/assemble.h"

static int n_parts(const struct type *t)
{
    return t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_ARRAY ? 1 : t->kind == TYPE_MAP ? 2 : 0;
}

bool type_has_list(const struct type *t)
{
    bool has = t->kind == TYPE_ARRAY || t->kind == TYPE_MAP;
    for (int i = 0; !has && i < n_parts(t); i++)
        has = type_has_list(t->fields[i].type);
    return has;
}

int type_n_leaves(const struct type *t)
{
    int n = n_parts(t) == 0;
    for (int i = 0; i < n_parts(t); i++)
        n += type_n_leaves(t->fields[i].type);
    return n;
}

/* The first leaf of a node that the file has: its entries say what the node is. */
static const struct leaf_entries *witness(const struct leaf_entries *leaves, int n)
{
    for (int i = 0; i < n; i++)
        if (leaves[i].values)
            return &leaves[i];
    return NULL;
}

static bool skip_entry(struct leaf_entries *leaves, int n)
{
    bool there = true;
    for (int i = 0; i < n; i++) {
        there = there && (!leaves[i].values || leaves[i].at < leaves[i].n);
        leaves[i].at++;
    }
    return there;
}

/* One value. level: of the definition when it is not NULL; lists: how many are above it. False: a leaf has ended. */
static bool put(const struct type *t, struct leaf_entries *leaves, int level, int lists, struct builder *b)
{
    int                        n = type_n_leaves(t);
    const struct leaf_entries *first = witness(leaves, n);
    if (!first) {
        builder_null(b);
        return true;
    }
    if (first->at >= first->n)
        return false;
    int is = first->levels[first->at];
    if (is < level) {
        builder_null(b);
        return skip_entry(leaves, n);
    }
    if (n_parts(t) == 0) {
        builder_copy(b, first->values, leaves->at++);
        return true;
    }
    bool list = t->kind != TYPE_STRUCT, good = true;
    if (list && is == level) { /* without elements */
        builder_list(b);
        return skip_entry(leaves, n);
    }
    do {
        struct leaf_entries *below = leaves;
        for (int i = 0; good && i < n_parts(t); below += type_n_leaves(t->fields[i].type), i++) {
            bool key = t->kind == TYPE_MAP && i == 0;
            good = put(t->fields[i].type, below, level + list + !key, lists + list, &b->children[i]);
        }
    } while (good && list && first->at < first->n && first->repeats[first->at] == lists + 1);
    if (list)
        builder_list(b);
    else
        builder_struct(b, true);
    return good;
}

enum err assemble_rows(const struct type *t, struct leaf_entries *leaves, uint32_t n_rows, struct builder *b,
                       struct error *e)
{
    for (uint32_t i = 0; i < n_rows; i++)
        if (!put(t, leaves, 1, 0, b))
            return err_set(e, ERR_CORRUPT, "a Parquet file is broken: the levels of a list");
    return OK;
}
