/* SPDX-License-Identifier: MIT */
/* window/agg, inside: kinds of states are files (agg_number.c, agg_value.c, agg_sketch.c); agg.c chooses among them. */
#ifndef WINDOW_AGG_PRIV_H
#define WINDOW_AGG_PRIV_H

#include "window/agg.h"

/* The functions for an argument of that type; NULL: there are none. */
typedef const struct agg_ops *agg_choose_fn(const struct type *t);
agg_choose_fn agg__count, agg__count_if, agg__sum, agg__avg, agg__min, agg__max, agg__bit_and, agg__bit_or,
    agg__bit_xor, agg__stddev_samp, agg__stddev_pop, agg__var_samp, agg__var_pop, agg__skewness, agg__kurtosis,
    agg__covar_pop, agg__covar_samp, agg__corr, agg__first, agg__last, agg__max_by, agg__min_by,
    agg__approx_count_distinct, agg__min_number, agg__max_number, agg__collect_list, agg__collect_set, agg__percentile,
    agg__percentile_approx, agg__percentile_disc, agg__try_sum, agg__try_avg, agg__regr_r2, agg__regr_sxy,
    agg__regr_sxx, agg__regr_syy, agg__regr_slope, agg__regr_intercept, agg__mode, agg__listagg;

/* Of DECIMAL (agg_decimal.c). */
const struct agg_ops *agg__try_sum_decimal(void), *agg__try_avg_decimal(void);
const struct agg_ops *agg__sum_decimal(void), *agg__avg_decimal(void), *agg__min_decimal(void), *agg__max_decimal(void);
const struct type    *agg__sum_of_decimal(const struct type *argument); /* result types */
const struct type    *agg__avg_of_decimal(const struct type *argument);

/* The count of values of try_sum and try_avg after an overflow: below 0, whatever is counted behind it. Three of them
 * can be added. */
#define AGG_OVERFLOW (INT64_MIN / 4)

enum err agg__check_view(const struct view *in, struct error *e); /* ERR_CORRUPT: a saved state ends too early */
/* The bits of a register's index for a relative error; below 4 or above 18: not supported. */
int agg__sketch_precision(double relative_error);

static inline bool agg__is_real(const struct type *t) { return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE; }

#endif
