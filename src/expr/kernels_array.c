/* SPDX-License-Identifier: MIT */
/* Kernels over ARRAY and MAP. Elements are compared as kernel_compare orders them; a NULL element is none. */
#include <math.h>
#include <stdlib.h>

#include "expr/kernel_tools.h"

static int64_t integer_at(const struct vec *v, uint32_t i)
{
    return ((const int32_t *)v->c->values)[(size_t)i * v->step];
}

struct column *kernel_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n, bool strict,
                           row_fn *row)
{
    struct builder b;
    struct column *out = NULL;
    bool           ok = true;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        bool null = false;
        for (int a = 0; strict && a < x->n_args; a++)
            null = null || !vec_valid(&args[a], i) || args[a].c->type->kind == TYPE_NULL;
        if (null)
            builder_null(&b);
        else
            ok = row(ev, x, args, i, &b);
    }
    if (!ok || builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

/* Element at of the list, or NULL for one behind it. */
static void put_element(struct builder *b, struct list l, uint32_t at)
{
    if (at < list_size(l))
        builder_copy(b, l.c, l.from + at);
    else
        builder_null(b);
}

static bool fail_null(struct evaluation *ev, struct builder *b, uint32_t i, const char *class, int64_t index,
                      struct list l)
{
    builder_null(b);
    return expr__fail(ev, i, "[%s] the index %lld is out of bounds: the array has %u elements", class, (long long)index,
                      list_size(l));
}

/* ---- making ---- */

static bool array_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                      struct builder *b)
{
    (void)ev;
    for (int a = 0; a < x->n_args; a++)
        builder_copy(&b->children[0], args[a].c, (size_t)i * args[a].step);
    builder_list(b);
    return true;
}
ROWS(k_array, false, array_row)

static bool concat_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    (void)ev;
    for (int a = 0; a < x->n_args; a++) {
        struct list l = list_at(&args[a], i);
        for (uint32_t k = l.from; k < l.to; k++)
            builder_copy(&b->children[0], l.c, k);
    }
    builder_list(b);
    return true;
}
ROWS(k_array_concat, true, concat_row)

/* ---- elements ---- */

static bool subscript_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                          struct builder *b)
{
    struct list l = list_at(&args[0], i);
    int64_t     at = integer_at(&args[1], i);
    (void)x;
    if (at < 0 || at >= list_size(l))
        return fail_null(ev, b, i, "INVALID_ARRAY_INDEX", at, l);
    put_element(b, l, (uint32_t)at);
    return true;
}
ROWS(k_subscript, true, subscript_row)

static bool get_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    int64_t at = integer_at(&args[1], i);
    (void)ev, (void)x;
    put_element(b, list_at(&args[0], i), at < 0 ? UINT32_MAX : (uint32_t)at);
    return true;
}
ROWS(k_get, true, get_row)

/* From 1, or from -1 backwards. */
static bool element(struct evaluation *ev, const struct vec *args, uint32_t i, struct builder *b, bool safe)
{
    struct list l = list_at(&args[0], i);
    int64_t     at = integer_at(&args[1], i), size = list_size(l);
    if (at == 0) {
        builder_null(b);
        return expr__fail(ev, i, "[INVALID_INDEX_OF_ZERO] elements are counted from 1, or from -1 backwards");
    }
    if ((at > size || at < -size) && !safe)
        return fail_null(ev, b, i, "INVALID_ARRAY_INDEX_IN_ELEMENT_AT", at, l);
    put_element(b, l, at > size || at < -size ? UINT32_MAX : (uint32_t)(at > 0 ? at - 1 : size + at));
    return true;
}

static bool element_at_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                           struct builder *b)
{
    (void)x;
    return element(ev, args, i, b, false);
}
ROWS(k_element_at, true, element_at_row)

static bool try_element_at_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                               struct builder *b)
{
    (void)x;
    return element(ev, args, i, b, true);
}
ROWS(k_try_element_at, true, try_element_at_row)

/* ---- looking ---- */

static bool size_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    (void)ev, (void)x;
    builder_i32(b, (int32_t)list_size(list_at(args, i)));
    return true;
}
ROWS(k_size, true, size_row)

/* Index of the value, or -1; *any_null: an element was NULL. */
static int64_t find(struct list l, const struct vec *value, uint32_t i, bool *any_null)
{
    *any_null = false;
    for (uint32_t k = l.from; k < l.to; k++) {
        if (kernel_is_null(l.c, k))
            *any_null = true;
        else if (kernel_compare(l.c, k, value->c, i * value->step) == 0)
            return k - l.from;
    }
    return -1;
}

static bool contains_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                         struct builder *b)
{
    bool    any_null;
    int64_t at = find(list_at(&args[0], i), &args[1], i, &any_null);
    (void)ev, (void)x;
    if (at < 0 && any_null)
        builder_null(b);
    else
        builder_boolean(b, at >= 0);
    return true;
}
ROWS(k_array_contains, true, contains_row)

static bool position_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                         struct builder *b)
{
    bool any_null;
    (void)ev, (void)x;
    builder_i64(b, find(list_at(&args[0], i), &args[1], i, &any_null) + 1);
    return true;
}
ROWS(k_array_position, true, position_row)

static void put_extreme(struct list l, int sign, struct builder *b)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t k = l.from; k < l.to; k++)
        if (!kernel_is_null(l.c, k) && (best == UINT32_MAX || kernel_compare(l.c, k, l.c, best) == sign))
            best = k;
    if (best == UINT32_MAX)
        builder_null(b);
    else
        builder_copy(b, l.c, best);
}

static bool min_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    (void)ev, (void)x;
    put_extreme(list_at(args, i), -1, b);
    return true;
}
ROWS(k_array_min, true, min_row)

static bool max_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    (void)ev, (void)x;
    put_extreme(list_at(args, i), 1, b);
    return true;
}
ROWS(k_array_max, true, max_row)

/* Elements are texts by then. */
static bool join_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    struct list l = list_at(&args[0], i);
    struct buf  text;
    bool        first = true;
    uint32_t    n;
    buf_init(&text, TAG_BATCH, COLUMN_BYTES_MAX);
    for (uint32_t k = l.from; k < l.to; k++) {
        bool null = kernel_is_null(l.c, k);
        if (null && x->n_args < 3)
            continue;
        const uint8_t *between = column_bytes(args[1].c, (size_t)i * args[1].step, &n);
        if (!first)
            buf_put(&text, between, n);
        first = false;
        const uint8_t *bytes = null ? column_bytes(args[2].c, (size_t)i * args[2].step, &n) : column_bytes(l.c, k, &n);
        buf_put(&text, bytes, n);
    }
    bool ok = buf_check(&text, "array_join()", ev->error) == OK;
    builder_bytes(b, text.data, text.size);
    buf_fini(&text);
    return ok;
}
ROWS(k_array_join, true, join_row)

/* ---- order ---- */

struct order {
    const struct column *c;
    bool                 exact; /* -0.0 is not 0.0 */
    bool                 down;
};

static bool is_negative(const struct column *c, uint32_t i)
{
    return c->type->kind == TYPE_DOUBLE ? signbit(column_f64(c)[i])
                                        : c->type->kind == TYPE_FLOAT && signbit(((const float *)c->values)[i]);
}

static bool is_nan(const struct column *c, uint32_t i)
{
    return c->type->kind == TYPE_DOUBLE ? isnan(column_f64(c)[i])
                                        : c->type->kind == TYPE_FLOAT && isnan(((const float *)c->values)[i]);
}

int kernel_compare_exact(const struct column *x, uint32_t i, const struct column *y, uint32_t j)
{
    bool null_i = kernel_is_null(x, i), null_j = kernel_is_null(y, j);
    int  order = null_i || null_j ? null_j - null_i : kernel_compare(x, i, y, j);
    if (order == 0 && !null_i && !null_j && !is_nan(x, i))
        order = is_negative(y, j) - is_negative(x, i);
    return order;
}

static int compare_elements(const struct order *o, uint32_t i, uint32_t j)
{
    if (o->exact)
        return kernel_compare_exact(o->c, i, o->c, j);
    bool null_i = kernel_is_null(o->c, i), null_j = kernel_is_null(o->c, j);
    return null_i || null_j ? null_j - null_i : kernel_compare(o->c, i, o->c, j);
}

static int by_value(const void *a, const void *b, void *arg)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    int      order = compare_elements(arg, i, j);
    if (((const struct order *)arg)->down)
        order = -order;
    return order ? order : (i > j) - (i < j); /* equal ones stay as they are */
}

uint32_t *kernel_sorted(struct list l, bool exact, bool down)
{
    struct order o = {.c = l.c, .exact = exact, .down = down};
    uint32_t     n = list_size(l);
    uint32_t    *index = mem_alloc(TAG_BATCH, (n + 1) * sizeof *index);
    for (uint32_t k = 0; index && k < n; k++)
        index[k] = l.from + k;
    if (index)
        qsort_r(index, n, sizeof *index, by_value, &o);
    return index;
}

static bool sort_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    struct list l = list_at(&args[0], i);
    uint32_t    n = list_size(l), *index;
    bool        up = x->n_args < 2 || column_u8(args[1].c)[(size_t)i * args[1].step];
    index = kernel_sorted(l, false, !up);
    if (!index)
        return expr__no_memory(ev) != NULL;
    for (uint32_t k = 0; k < n; k++)
        builder_copy(&b->children[0], l.c, index[k]);
    builder_list(b);
    mem_free(index);
    return true;
}
ROWS(k_sort_array, true, sort_row)

static int by_index(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    return (i > j) - (i < j);
}

/* The first of each value, in the order of the list: sorted, doubles dropped, sorted back. */
static bool distinct_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                         struct builder *b)
{
    struct list  l = list_at(args, i);
    struct order o = {.c = l.c, .exact = true};
    uint32_t     n = list_size(l), *index = kernel_sorted(l, true, false), kept = 0;
    (void)x;
    if (!index)
        return expr__no_memory(ev) != NULL;
    for (uint32_t k = 0; k < n; k++)
        if (k == 0 || compare_elements(&o, index[k], index[kept - 1]) != 0)
            index[kept++] = index[k];
    qsort(index, kept, sizeof *index, by_index);
    for (uint32_t k = 0; k < kept; k++)
        builder_copy(&b->children[0], l.c, index[k]);
    builder_list(b);
    mem_free(index);
    return true;
}
ROWS(k_array_distinct, true, distinct_row)

static bool slice_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                      struct builder *b)
{
    struct list l = list_at(&args[0], i);
    int64_t     start = integer_at(&args[1], i), length = integer_at(&args[2], i), size = list_size(l);
    (void)x;
    if (start == 0 || length < 0) {
        builder_null(b);
        return expr__fail(ev, i,
                          start == 0 ? "[INVALID_PARAMETER_VALUE.START] slice() counts from 1, or from -1 backwards"
                                     : "[INVALID_PARAMETER_VALUE.LENGTH] slice() of a negative length");
    }
    start = start > 0 ? start - 1 : size + start;
    for (int64_t k = start; start >= 0 && k < size && k - start < length; k++)
        builder_copy(&b->children[0], l.c, l.from + (uint32_t)k);
    builder_list(b);
    return true;
}
ROWS(k_slice, true, slice_row)

static bool reverse_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                        struct builder *b)
{
    struct list l = list_at(args, i);
    (void)ev, (void)x;
    for (uint32_t k = l.to; k > l.from; k--)
        builder_copy(&b->children[0], l.c, k - 1);
    builder_list(b);
    return true;
}
ROWS(k_array_reverse, true, reverse_row)

/* ---- maps ---- */

/* Arguments are keys and values in turn. */
static bool map_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    for (int a = 0; a < x->n_args; a += 2) {
        uint32_t    at = i * args[a].step;
        const char *wrong = kernel_is_null(args[a].c, at) ? "[NULL_MAP_KEY] a key of map() is NULL" : NULL;
        for (int k = 0; !wrong && k < a; k += 2)
            if (kernel_compare(args[k].c, i * args[k].step, args[a].c, at) == 0)
                wrong = "[DUPLICATED_MAP_KEY] a key of map() is there twice";
        if (wrong) { /* the pairs so far go to an empty row's place: take them back */
            builder_list(b);
            builder_pop(b);
            builder_null(b);
            return expr__fail(ev, i, "%s", wrong);
        }
        builder_copy(&b->children[0], args[a].c, at);
        builder_copy(&b->children[1], args[a + 1].c, (size_t)i * args[a + 1].step);
    }
    builder_list(b);
    return true;
}
ROWS(k_map, false, map_row)

/* The first such key, as Spark finds it: JSON may have it twice. */
static bool map_get_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                        struct builder *b)
{
    bool    any_null;
    size_t  row = (size_t)i * args[0].step;
    int64_t at = find(list_at(&args[0], i), &args[1], i, &any_null);
    (void)ev, (void)x;
    if (at < 0)
        builder_null(b);
    else
        builder_copy(b, args[0].c->children[1], args[0].c->offsets[row] + (size_t)at);
    return true;
}
ROWS(k_map_get, true, map_get_row)

static bool contains_key_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                             struct builder *b)
{
    bool any_null;
    (void)ev, (void)x;
    builder_boolean(b, find(list_at(&args[0], i), &args[1], i, &any_null) >= 0);
    return true;
}
ROWS(k_map_contains_key, true, contains_key_row)

static void put_parts(const struct vec *args, uint32_t i, int part, struct builder *b)
{
    struct list l = list_at(args, i);
    for (uint32_t k = l.from; k < l.to; k++)
        builder_copy(&b->children[0], args[0].c->children[part], k);
    builder_list(b);
}

static bool keys_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    (void)ev, (void)x;
    put_parts(args, i, 0, b);
    return true;
}
ROWS(k_map_keys, true, keys_row)

static bool values_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    (void)ev, (void)x;
    put_parts(args, i, 1, b);
    return true;
}
ROWS(k_map_values, true, values_row)

/* ---- texts ---- */

/* The pattern is plain bytes (bind_split). Parts as String.split(regex, limit) makes them: a positive limit is the most
 * parts, the last one with the rest. */
static bool split_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                      struct builder *b)
{
    uint32_t       n, m = x->value.length;
    const uint8_t *text = column_bytes(args[0].c, (size_t)i * args[0].step, &n), *end = text + n, *from = text;
    int64_t        limit = x->n_args > 2 ? integer_at(&args[2], i) : -1;
    (void)ev;
    for (int64_t parts = 1; limit <= 0 || parts < limit; parts++) {
        const uint8_t *at = memmem(from, (size_t)(end - from), x->value.text, m);
        if (!at)
            break;
        builder_bytes(&b->children[0], from, (size_t)(at - from));
        from = at + m;
    }
    builder_bytes(&b->children[0], from, (size_t)(end - from));
    builder_list(b);
    return true;
}
ROWS(k_split, true, split_row)
