/* SPDX-License-Identifier: MIT */
/*
 * window/agg: aggregate functions with Spark's result types (ANSI mode), as mergeable states.
 *
 *   rows of an epoch --update--> partial state --merge--> state of the open group --result--> the row
 *
 * A state is `size` bytes, zeroed to begin with; what does not fit (texts, sketches) hangs on it and goes with `free`.
 * Lane and merge threads; a state has one owner. States may be moved as bytes.
 */
#ifndef WINDOW_AGG_H
#define WINDOW_AGG_H

#include "column/column.h"

#define AGG_ARGUMENTS_MAX 2 /* columns an aggregate reads */
#define AGG_CONSTANTS_MAX 2 /* constants behind them: a relative error, IGNORE NULLS */
#define AGG_LIST_MAX 64     /* constants in one that is a list: percentages */

struct agg;

struct agg_ops {
    const char *name;
    uint32_t    size; /* a multiple of 8 */
    /* states[k] + at is the state of row rows[k]; a NULL counts as the function says. ERR_DATA: overflow. */
    enum err (*update)(const struct agg *a, uint8_t *const *states, uint32_t at, const struct column *const *arguments,
                       const uint32_t *rows, uint32_t n, struct error *e);
    enum err (*merge)(const struct agg *a, uint8_t *into, const uint8_t *from, struct error *e);
    enum err (*result)(const struct agg *a, const uint8_t *state, struct builder *into,
                       struct error *e); /* ERR_DATA: it does not fit its type */
    void (*save)(const struct agg *a, const uint8_t *state, struct buf *out);
    enum err (*load)(const struct agg *a, uint8_t *state, struct view *in, struct error *e);
    void (*free)(uint8_t *state); /* what hangs on the state; agg_free_nothing when nothing does */
};
void agg_free_nothing(uint8_t *state);

/* A function with its types: what the operators need of it. */
struct agg {
    const struct agg_ops *ops;
    const struct type    *arguments[AGG_ARGUMENTS_MAX];
    int                   n_arguments; /* 0: count(*) */
    const struct type    *result;
    double                constants[AGG_CONSTANTS_MAX]; /* defaults filled in */
    const char           *text;                         /* what stands between texts */
    uint32_t              n_text;
    bool                  ordered, descending; /* WITHIN GROUP: by the value itself */
    const double         *list;                /* percentages */
    int                   n_list;
};

/* What a call may look like, so that the plan can bind its arguments. */
struct agg_signature {
    const char *name;
    /* per argument a letter: a anything, n a number (texts become DOUBLE), d DOUBLE, i a whole number, B BOOLEAN,
     * o what can be ordered, q a number, DATE or TIMESTAMP; `*`: or none at all. p, the last one: the first constant
     * must be there, and may be an array of them. s a STRING (other values by a cast), t, the last one: a constant text
     * may stand there */
    const char *arguments;
    int         n_constants; /* at most, behind the arguments */
    bool        ignores;     /* takes IGNORE NULLS: the same as a constant true */
};
/* NULL: no aggregate of that name. */
const struct agg_signature *agg_find(const char *name);
/* Names of all aggregates, for "did you mean". */
int agg_names(const char **out, int most);
/* Is that the name of an aggregate of Spark's, also of one that is refused? */
bool agg_is_name(const char *name);
/* regr_count(y, x) and the like are another aggregate, of one of both where neither is NULL. */
struct agg_pair {
    const char *name, *aggregate;
    int         value; /* which of both */
};
const struct agg_pair *agg_find_pair(const char *name); /* NULL: it is none */
/* Constants as written; those that are not get their defaults. */
struct agg_constants {
    double      at[AGG_CONSTANTS_MAX];
    int         n;
    double      list[AGG_LIST_MAX]; /* what stands in array(..) */
    int         n_list;
    bool        is_list; /* the first one is an array */
    const char *text;
    uint32_t    n_text;
    bool        ordered, descending;
};
/* The function over arguments of those types; result types of arrays live in the arena. ERR_UNSUPPORTED, ERR_INVALID
 * say what is wrong. */
MUST_CHECK enum err agg_bind(const struct agg_signature *s, const struct type *const *arguments, int n_arguments,
                             const struct agg_constants *constants, struct arena *arena, struct agg *out,
                             struct error *e);

#endif
