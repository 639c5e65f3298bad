/* SPDX-License-Identifier: MIT */
/* The table of aggregates: names, what they take, what they give. See agg.h. */
#include <math.h>
#include <strings.h>

#include "window/agg_priv.h"

/* SAME: the type of the first argument; LIST: an ARRAY of it; SUM: BIGINT, DOUBLE or DECIMAL; AVG: DOUBLE or DECIMAL */
enum gives { BIGINT, DOUBLE, SAME, LIST, SUM, AVG };

static const struct row {
    struct agg_signature signature;
    enum gives           gives;
    agg_choose_fn       *choose;
    double               constants[AGG_CONSTANTS_MAX]; /* when not given */
} rows[] = {
    {{"count", "*a", 0, false}, BIGINT, agg__count, {0}},
    {{"count_if", "B", 0, false}, BIGINT, agg__count_if, {0}},
    {{"sum", "n", 0, false}, SUM, agg__sum, {0}},
    {{"try_sum", "n", 0, false}, SUM, agg__try_sum, {0}},
    {{"try_avg", "n", 0, false}, AVG, agg__try_avg, {0}},
    {{"avg", "n", 0, false}, AVG, agg__avg, {0}},
    {{"mean", "n", 0, false}, AVG, agg__avg, {0}},
    {{"min", "o", 0, false}, SAME, agg__min, {0}},
    {{"max", "o", 0, false}, SAME, agg__max, {0}},
    {{"min_by", "ao", 0, false}, SAME, agg__min_by, {0}},
    {{"max_by", "ao", 0, false}, SAME, agg__max_by, {0}},
    {{"first", "a", 1, true}, SAME, agg__first, {0}},
    {{"first_value", "a", 1, true}, SAME, agg__first, {0}},
    {{"any_value", "a", 1, true}, SAME, agg__first, {0}},
    {{"last", "a", 1, true}, SAME, agg__last, {0}},
    {{"last_value", "a", 1, true}, SAME, agg__last, {0}},
    {{"bool_and", "B", 0, false}, SAME, agg__min, {0}},
    {{"every", "B", 0, false}, SAME, agg__min, {0}},
    {{"bool_or", "B", 0, false}, SAME, agg__max, {0}},
    {{"some", "B", 0, false}, SAME, agg__max, {0}},
    {{"any", "B", 0, false}, SAME, agg__max, {0}},
    {{"bit_and", "i", 0, false}, SAME, agg__bit_and, {0}},
    {{"bit_or", "i", 0, false}, SAME, agg__bit_or, {0}},
    {{"bit_xor", "i", 0, false}, SAME, agg__bit_xor, {0}},
    {{"stddev", "d", 0, false}, DOUBLE, agg__stddev_samp, {0}},
    {{"std", "d", 0, false}, DOUBLE, agg__stddev_samp, {0}},
    {{"stddev_samp", "d", 0, false}, DOUBLE, agg__stddev_samp, {0}},
    {{"stddev_pop", "d", 0, false}, DOUBLE, agg__stddev_pop, {0}},
    {{"variance", "d", 0, false}, DOUBLE, agg__var_samp, {0}},
    {{"var_samp", "d", 0, false}, DOUBLE, agg__var_samp, {0}},
    {{"var_pop", "d", 0, false}, DOUBLE, agg__var_pop, {0}},
    {{"skewness", "d", 0, false}, DOUBLE, agg__skewness, {0}},
    {{"kurtosis", "d", 0, false}, DOUBLE, agg__kurtosis, {0}},
    {{"covar_pop", "dd", 0, false}, DOUBLE, agg__covar_pop, {0}},
    {{"covar_samp", "dd", 0, false}, DOUBLE, agg__covar_samp, {0}},
    {{"corr", "dd", 0, false}, DOUBLE, agg__corr, {0}},
    {{"regr_r2", "dd", 0, false}, DOUBLE, agg__regr_r2, {0}},
    {{"regr_sxx", "dd", 0, false}, DOUBLE, agg__regr_sxx, {0}},
    {{"regr_sxy", "dd", 0, false}, DOUBLE, agg__regr_sxy, {0}},
    {{"regr_syy", "dd", 0, false}, DOUBLE, agg__regr_syy, {0}},
    {{"regr_slope", "dd", 0, false}, DOUBLE, agg__regr_slope, {0}},
    {{"regr_intercept", "dd", 0, false}, DOUBLE, agg__regr_intercept, {0}},
    {{"mode", "o", 1, false}, SAME, agg__mode, {0}},
    {{"listagg", "st", 0, false}, SAME, agg__listagg, {0}},
    {{"string_agg", "st", 0, false}, SAME, agg__listagg, {0}},
    {{"collect_list", "a", 0, false}, LIST, agg__collect_list, {0}},
    {{"array_agg", "a", 0, false}, LIST, agg__collect_list, {0}},
    {{"collect_set", "a", 0, false}, LIST, agg__collect_set, {0}},
    {{"approx_count_distinct", "a", 1, false}, BIGINT, agg__approx_count_distinct, {0.05}},
    {{"percentile", "dp", 1, false}, DOUBLE, agg__percentile, {0}},
    {{"median", "d", 0, false}, DOUBLE, agg__percentile, {0.5}},
    {{"percentile_cont", "dp", 1, false}, DOUBLE, agg__percentile, {0}},
    {{"percentile_disc", "dp", 1, false}, DOUBLE, agg__percentile_disc, {0}},
    {{"percentile_approx", "qp", 2, false}, SAME, agg__percentile_approx, {0, 10000}},
    {{"approx_percentile", "qp", 2, false}, SAME, agg__percentile_approx, {0, 10000}},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static const char *const later[] = {"count_min_sketch", "histogram_numeric", "product", "grouping"};

static const struct agg_pair pairs[] = {{"regr_count", "count", 1}, {"regr_avgx", "avg", 1}, {"regr_avgy", "avg", 0}};
#define N_PAIRS (sizeof pairs / sizeof pairs[0])

void agg_free_nothing(uint8_t *state) { (void)state; }

enum err agg__check_view(const struct view *in, struct error *e)
{
    return in->failed ? err_set(e, ERR_CORRUPT, "aggregate state ends too early") : OK;
}

const struct agg_signature *agg_find(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcasecmp(rows[i].signature.name, name) == 0)
            return &rows[i].signature;
    return NULL;
}

const struct agg_pair *agg_find_pair(const char *name)
{
    for (size_t i = 0; i < N_PAIRS; i++)
        if (strcasecmp(pairs[i].name, name) == 0)
            return &pairs[i];
    return NULL;
}

int agg_names(const char **out, int most)
{
    int n = 0;
    for (size_t i = 0; i < N_ROWS && n < most; i++)
        out[n++] = rows[i].signature.name;
    for (size_t i = 0; i < N_PAIRS && n < most; i++)
        out[n++] = pairs[i].name;
    return n;
}

bool agg_is_name(const char *name)
{
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcasecmp(later[i], name) == 0)
            return true;
    return agg_find(name) || agg_find_pair(name);
}

static const struct type *result_type(const struct row *r, const struct agg *a, struct arena *arena)
{
    if (r->gives == LIST)
        return type_array(arena, a->arguments[0], false);
    if (r->gives == SAME)
        return a->arguments[0];
    if ((r->gives == SUM || r->gives == AVG) && a->arguments[0]->kind == TYPE_DECIMAL)
        return r->gives == SUM ? agg__sum_of_decimal(a->arguments[0]) : agg__avg_of_decimal(a->arguments[0]);
    return type_of(r->gives == BIGINT || (r->gives == SUM && type_is_integer(a->arguments[0])) ? TYPE_BIGINT
                                                                                               : TYPE_DOUBLE);
}

static enum err check_argument(const struct row *r, char letter, const struct type *t, struct error *e)
{
    bool value = t->kind <= TYPE_STRUCT && t->kind != TYPE_INTERVAL && t->kind != TYPE_NULL;
    bool fits = letter == 'a'   ? (r->gives != SAME && r->gives != LIST) || value
                : letter == 'o' ? value
                : letter == 'n' ? type_is_number(t)
                : letter == 'i' ? type_is_integer(t)
                : letter == 'q' ? type_is_number(t) || t->kind == TYPE_DATE || t->kind == TYPE_TIMESTAMP
                : letter == 'B' ? t->kind == TYPE_BOOLEAN
                : letter == 's' ? t->kind == TYPE_STRING
                                : t->kind == TYPE_DOUBLE;
    if (!fits && (letter == 'a' || letter == 'o'))
        return err_set(e, ERR_UNSUPPORTED, "%s() of %s is not supported yet", r->signature.name,
                       type_kind_name(t->kind));
    if (!fits)
        return err_set(e, ERR_INVALID, "%s() takes a %s, not %s", r->signature.name,
                       letter == 'B'   ? "BOOLEAN"
                       : letter == 's' ? "STRING"
                       : letter == 'i' ? "whole number"
                                       : "number",
                       type_kind_name(t->kind));
    return OK;
}

/* Percentages: those in the array, or the one constant. */
static enum err bind_percentages(const struct row *r, const struct agg_constants *c, struct arena *arena,
                                 struct agg *out, struct error *e)
{
    bool          list = c && c->is_list;
    const double *from = list ? c->list : out->constants;
    out->n_list = list ? c->n_list : 1;
    if (out->n_list && !(out->list = arena_copy(arena, from, (size_t)out->n_list * sizeof *from)))
        return err_set(e, ERR_NO_MEMORY, "%s()", r->signature.name);
    for (int i = 0; i < out->n_list; i++)
        if (!(out->list[i] >= 0 && out->list[i] <= 1))
            return err_set(e, ERR_INVALID, "%s() takes percentages from 0.0 to 1.0", r->signature.name);
    if (r->choose == agg__percentile_approx &&
        !(out->constants[1] >= 1 && out->constants[1] <= INT32_MAX && out->constants[1] == floor(out->constants[1])))
        return err_set(e, ERR_INVALID, "%s() takes a whole accuracy from 1 to %d", r->signature.name, INT32_MAX);
    if (list && !(out->result = type_array(arena, out->result, false)))
        return err_set(e, ERR_NO_MEMORY, "%s()", r->signature.name);
    return OK;
}

enum err agg_bind(const struct agg_signature *s, const struct type *const *arguments, int n_arguments,
                  const struct agg_constants *constants, struct arena *arena, struct agg *out, struct error *e)
{
    const struct row *r = &rows[0];
    while (&r->signature != s)
        r++;
    const char *letters = s->arguments + (s->arguments[0] == '*');
    *out = (struct agg){.n_arguments = n_arguments};
    for (int i = 0; i < n_arguments; i++) {
        TRY(check_argument(r, letters[i], arguments[i], e));
        out->arguments[i] = arguments[i];
    }
    for (int i = 0; i < AGG_CONSTANTS_MAX; i++)
        out->constants[i] = constants && i < constants->n ? constants->at[i] : r->constants[i];
    out->text = constants ? constants->text : NULL;
    out->n_text = constants ? constants->n_text : 0;
    out->ordered = constants && constants->ordered;
    out->descending = constants && constants->descending;
    out->result = result_type(r, out, arena);
    if (!out->result)
        return err_set(e, ERR_NO_MEMORY, "%s()", s->name);
    out->ops = r->choose(out->arguments[0]);
    if (!out->ops)
        return err_set(e, ERR_UNSUPPORTED, "%s() of %s is not supported yet", s->name,
                       type_kind_name(arguments[0]->kind));
    int bits = r->choose == agg__approx_count_distinct ? agg__sketch_precision(out->constants[0]) : 4;
    if (bits < 4 || bits > 18)
        return err_set(e, ERR_INVALID, "%s() takes a relative error from 0.0022 to 0.39", s->name);
    if (r->choose == agg__percentile || r->choose == agg__percentile_disc || r->choose == agg__percentile_approx)
        TRY(bind_percentages(r, constants, arena, out, e));
    return OK;
}
