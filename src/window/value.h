/* SPDX-License-Identifier: MIT */
/*
 * window/value: one value of a column as bytes: the keys of groups, and the values aggregates keep. Pure, any thread.
 *
 * A valid byte, then nothing for NULL; else the value: fixed width as in memory, texts as u32 length and bytes, a
 * struct as its fields one after the other.
 */
#ifndef WINDOW_VALUE_H
#define WINDOW_VALUE_H

#include "column/column.h"

/* as_key: equal values give equal bytes (-0.0 as 0.0, every NaN alike), as Spark normalizes what it groups by. */
void value_put(struct buf *out, const struct column *c, size_t row, bool as_key);
/* Appends what value_put wrote to a builder of the same type; a view that ends too early fails. */
void value_get(struct view *in, struct builder *into);
/* Spark's order of two values that value_put wrote: NULL first, NaN last, -0.0 as 0.0; reads both views on. */
int value_compare(const struct type *t, struct view *x, struct view *y);

#endif
