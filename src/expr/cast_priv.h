/* SPDX-License-Identifier: MIT */
/* expr/cast, inside: one cast while it runs; each function appends one value to `b`. */
#ifndef EXPR_CAST_PRIV_H
#define EXPR_CAST_PRIV_H

#include "expr/kernels.h"

struct caster {
    struct evaluation   *ev;
    const struct expr   *x;
    const struct column *from;
    struct builder       b;
    bool                 ok;
};

/* Row i cannot be cast: NULL, or an error of that class; text is the value. */
void cast__fail(struct caster *c, uint32_t i, const char *class, const char *text, size_t n);
void cast__put_integer(struct caster *c, int64_t v); /* it fits */

/* Row i, value `at`, from a type that has a cast to DECIMAL. */
void cast__to_decimal(struct caster *c, uint32_t i, size_t at);
void cast__from_decimal(struct caster *c, uint32_t i, size_t at);

/* Between two structs, arrays or maps: part by part. */
bool           expr__can_cast_parts(const struct type *from, const struct type *to);
struct column *expr__cast_parts(struct evaluation *ev, const struct expr *x, const struct column *from, uint32_t n);

#endif
