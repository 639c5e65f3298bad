/* SPDX-License-Identifier: MIT */
/*
 * window/agg: aggregate functions with Spark's result types (ANSI mode), as mergeable states.
 *
 * A state is `size` bytes, zeroed to begin with; what does not fit (texts) hangs on it and is freed by `free`.
 * Lane and merge threads; a state has one owner.
 */
#ifndef WINDOW_AGG_H
#define WINDOW_AGG_H

#include "column/column.h"

struct agg_ops {
    const char *name;
    uint32_t    size; /* a multiple of 8 */
    /* states[k] + at is the state of row rows[k]; a NULL counts as the function says. ERR_DATA: overflow. */
    enum err (*update)(uint8_t *const *states, uint32_t at, const struct column *argument, const uint32_t *rows,
                       uint32_t n, struct error *e);
    enum err (*merge)(uint8_t *into, const uint8_t *from, struct error *e);
    void (*result)(const uint8_t *state, struct builder *into);
    void (*save)(const uint8_t *state, struct buf *out);
    enum err (*load)(uint8_t *state, struct view *in, struct error *e);
    void (*free)(uint8_t *state); /* what hangs on the state; never NULL */
};

bool agg_is_name(const char *name); /* also of aggregates that are refused later */
/* The function for that argument type (NULL: count(*)). ERR_UNSUPPORTED, ERR_INVALID say what is wrong. */
MUST_CHECK enum err agg_find(const char *name, const struct type *argument, const struct agg_ops **ops,
                             const struct type **result, struct error *e);

#endif
