/* SPDX-License-Identifier: MIT */
/* Kernels that make arrays and maps of others: sets, parts put in or left out, sequences, entries. */
#include "expr/kernel_tools.h"

static void copy_all(struct builder *b, struct list l)
{
    for (uint32_t k = l.from; k < l.to; k++)
        builder_copy(&b->children[0], l.c, k);
}

static void copy_value(struct builder *b, const struct vec *v, uint32_t i)
{
    builder_copy(b, v->c, (size_t)i * v->step);
}

static bool is_null_at(const struct vec *v, uint32_t i) { return kernel_is_null(v->c, i * v->step); }

/* ---- sets ---- */

/* Is element k of x among the sorted ones of y? */
static bool is_among(const struct column *x, uint32_t k, const struct column *y, const uint32_t *sorted, uint32_t n)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int      order = kernel_compare_exact(y, sorted[middle], x, k);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Elements of the first that are, or are not, in the second. */
static bool choose_row(struct evaluation *ev, const struct vec *args, uint32_t i, struct builder *b, bool among)
{
    struct list x = list_at(&args[0], i), y = list_at(&args[1], i);
    uint32_t   *sorted = kernel_sorted(y, true, false);
    if (!sorted)
        return expr__no_memory(ev) != NULL;
    for (uint32_t k = x.from; k < x.to; k++)
        if (is_among(x.c, k, y.c, sorted, list_size(y)) == among)
            builder_copy(&b->children[0], x.c, k);
    builder_list(b);
    mem_free(sorted);
    return true;
}

static bool intersect_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                          struct builder *b)
{
    (void)x;
    return choose_row(ev, args, i, b, true);
}
ROWS(k_array_intersect, true, intersect_row)

static bool except_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    (void)x;
    return choose_row(ev, args, i, b, false);
}
ROWS(k_array_except, true, except_row)

static bool any_null(struct list l)
{
    for (uint32_t k = l.from; k < l.to; k++)
        if (kernel_is_null(l.c, k))
            return true;
    return false;
}

static bool overlap_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                        struct builder *b)
{
    struct list l = list_at(&args[0], i), r = list_at(&args[1], i);
    uint32_t   *sorted = kernel_sorted(r, true, false);
    bool        found = false;
    (void)x;
    if (!sorted)
        return expr__no_memory(ev) != NULL;
    for (uint32_t k = l.from; k < l.to && !found; k++)
        found = !kernel_is_null(l.c, k) && is_among(l.c, k, r.c, sorted, list_size(r));
    mem_free(sorted);
    if (!found && list_size(l) && list_size(r) && (any_null(l) || any_null(r)))
        builder_null(b);
    else
        builder_boolean(b, found);
    return true;
}
ROWS(k_arrays_overlap, true, overlap_row)

static bool array_sort_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                           struct builder *b)
{
    struct list l = list_at(args, i);
    uint32_t   *index = kernel_sorted(l, false, false), n = list_size(l), nulls = 0;
    (void)x;
    if (!index)
        return expr__no_memory(ev) != NULL;
    while (nulls < n && kernel_is_null(l.c, index[nulls]))
        nulls++;
    for (uint32_t k = 0; k < n; k++) /* NULLs, which are sorted first, go last */
        builder_copy(&b->children[0], l.c, index[(k + nulls) % n]);
    builder_list(b);
    mem_free(index);
    return true;
}
ROWS(k_array_sort, true, array_sort_row)

/* ---- elements in and out ---- */

static bool remove_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    struct list l = list_at(&args[0], i);
    (void)ev, (void)x;
    for (uint32_t k = l.from; k < l.to; k++)
        if (kernel_is_null(l.c, k) || kernel_compare(l.c, k, args[1].c, i * args[1].step) != 0)
            builder_copy(&b->children[0], l.c, k);
    builder_list(b);
    return true;
}
ROWS(k_array_remove, true, remove_row)

static bool compact_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                        struct builder *b)
{
    struct list l = list_at(args, i);
    (void)ev, (void)x;
    for (uint32_t k = l.from; k < l.to; k++)
        if (!kernel_is_null(l.c, k))
            builder_copy(&b->children[0], l.c, k);
    builder_list(b);
    return true;
}
ROWS(k_array_compact, true, compact_row)

static bool append_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    (void)ev, (void)x;
    if (is_null_at(&args[0], i)) {
        builder_null(b);
        return true;
    }
    copy_all(b, list_at(&args[0], i));
    copy_value(&b->children[0], &args[1], i);
    builder_list(b);
    return true;
}
ROWS(k_array_append, false, append_row)

static bool prepend_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                        struct builder *b)
{
    (void)ev, (void)x;
    if (is_null_at(&args[0], i)) {
        builder_null(b);
        return true;
    }
    copy_value(&b->children[0], &args[1], i);
    copy_all(b, list_at(&args[0], i));
    builder_list(b);
    return true;
}
ROWS(k_array_prepend, false, prepend_row)

#define ELEMENTS_MAX 10000000 /* of one array that is made from numbers alone */

static bool too_many(struct evaluation *ev, uint32_t i, struct builder *b, int64_t n, const char *function)
{
    builder_null(b);
    return expr__fail(ev, i, "[COLLECTION_SIZE_LIMIT_EXCEEDED] %s() of %lld elements: at most %d", function,
                      (long long)n, ELEMENTS_MAX);
}

static bool repeat_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    (void)x;
    if (is_null_at(&args[1], i)) {
        builder_null(b);
        return true;
    }
    int32_t n = int_at(&args[1], i);
    if (n > ELEMENTS_MAX)
        return too_many(ev, i, b, n, "array_repeat");
    for (int32_t k = 0; k < n; k++)
        copy_value(&b->children[0], &args[0], i);
    builder_list(b);
    return true;
}
ROWS(k_array_repeat, false, repeat_row)

/* array_insert(a, place, x): the place from 1, or from -1 behind the end; what lies between is NULL. */
static bool insert_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                       struct builder *b)
{
    (void)x;
    if (is_null_at(&args[0], i) || is_null_at(&args[1], i)) {
        builder_null(b);
        return true;
    }
    struct list l = list_at(&args[0], i);
    int64_t     place = int_at(&args[1], i), size = list_size(l);
    if (place == 0) {
        builder_null(b);
        return expr__fail(ev, i, "[INVALID_INDEX_OF_ZERO] elements are counted from 1, or from -1 backwards");
    }
    int64_t at = place > 0 ? place - 1 : size + place + 1, all = at < 0 ? size - at + 1 : at > size ? at + 1 : size + 1;
    if (all > ELEMENTS_MAX)
        return too_many(ev, i, b, all, "array_insert");
    int64_t shift = at < 0 ? -at : 0; /* NULLs between x, in front, and the first */
    if (at < 0)
        copy_value(&b->children[0], &args[2], i);
    for (int64_t k = 0; k < shift; k++)
        builder_null(&b->children[0]);
    for (int64_t k = 0; k < size || k <= at; k++) {
        if (k == at)
            copy_value(&b->children[0], &args[2], i);
        if (k < size)
            builder_copy(&b->children[0], l.c, l.from + (uint32_t)k);
        else if (k < at)
            builder_null(&b->children[0]);
    }
    builder_list(b);
    return true;
}
ROWS(k_array_insert, false, insert_row)

/* ---- arrays of arrays ---- */

static bool flatten_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                        struct builder *b)
{
    struct list l = list_at(args, i);
    (void)ev, (void)x;
    if (any_null(l)) {
        builder_null(b);
        return true;
    }
    for (uint32_t k = l.from; k < l.to; k++)
        for (uint32_t j = l.c->offsets[k]; j < l.c->offsets[k + 1]; j++)
            builder_copy(&b->children[0], l.c->children[0], j);
    builder_list(b);
    return true;
}
ROWS(k_flatten, true, flatten_row)

static bool zip_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b)
{
    struct builder *pair = &b->children[0];
    uint32_t        most = 0;
    (void)ev;
    for (int a = 0; a < x->n_args; a++)
        most = list_size(list_at(&args[a], i)) > most ? list_size(list_at(&args[a], i)) : most;
    for (uint32_t k = 0; k < most; k++) {
        for (int a = 0; a < x->n_args; a++) {
            struct list l = list_at(&args[a], i);
            if (k < list_size(l))
                builder_copy(&pair->children[a], l.c, l.from + k);
            else
                builder_null(&pair->children[a]);
        }
        builder_struct(pair, true);
    }
    builder_list(b);
    return true;
}
ROWS(k_arrays_zip, true, zip_row)

/* ---- sequence ---- */

static void put_integer(struct builder *b, int64_t v)
{
    switch ((int)b->type->kind) {
    case TYPE_TINYINT:
        builder_i8(b, (int8_t)v);
        break;
    case TYPE_SMALLINT:
        builder_i16(b, (int16_t)v);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        builder_i32(b, (int32_t)v);
        break;
    default:
        builder_i64(b, v);
        break;
    }
}

#define DAY_US 86400000000

/* Of whole numbers, and of times by a step of days and seconds. */
static bool sequence_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                         struct builder *b)
{
    int64_t from = column_integer(args[0].c, i * args[0].step), to = column_integer(args[1].c, i * args[1].step);
    int64_t unit = args[0].c->type->kind == TYPE_DATE ? DAY_US : 1;
    int64_t step = x->n_args > 2                             ? column_integer(args[2].c, i * args[2].step)
                   : args[0].c->type->kind == TYPE_TIMESTAMP ? DAY_US
                                                             : unit;
    if (x->n_args < 3 && from > to)
        step = -step;
    if (step % unit) {
        builder_null(b);
        return expr__fail(ev, i, "[INVALID_PARAMETER_VALUE] the step of a sequence() of dates is whole days");
    }
    step /= unit;
    if ((step == 0 && from != to) || (step > 0 && from > to) || (step < 0 && from < to)) {
        builder_null(b);
        return expr__fail(ev, i, "[ILLEGAL_SEQUENCE_BOUNDARIES] sequence() does not get from %lld to %lld by %lld",
                          (long long)from, (long long)to, (long long)step);
    }
    int128 n = step == 0 ? 1 : ((int128)to - from) / step + 1;
    if (n > ELEMENTS_MAX)
        return too_many(ev, i, b, n > INT64_MAX ? INT64_MAX : (int64_t)n, "sequence");
    for (int64_t k = 0; k < (int64_t)n; k++)
        put_integer(&b->children[0], from + k * step);
    builder_list(b);
    return true;
}
ROWS(k_sequence, true, sequence_row)

/* ---- maps ---- */

/* Takes the pairs of a map that is wrong back, and says what it is. */
static bool bad_map(struct evaluation *ev, uint32_t i, struct builder *b, const char *what)
{
    builder_list(b);
    builder_pop(b);
    builder_null(b);
    return expr__fail(ev, i, "%s", what);
}

/* What is wrong with key k of `keys`, those before it in [from, k) being good; or NULL. */
static const char *bad_key(const struct column *keys, uint32_t from, uint32_t k)
{
    if (kernel_is_null(keys, k))
        return "[NULL_MAP_KEY] a key of a MAP is NULL";
    for (uint32_t j = from; j < k; j++)
        if (kernel_compare(keys, j, keys, k) == 0)
            return "[DUPLICATED_MAP_KEY] a key of a MAP is there twice";
    return NULL;
}

static bool map_from_arrays_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                                struct builder *b)
{
    struct list keys = list_at(&args[0], i), values = list_at(&args[1], i);
    (void)x;
    if (list_size(keys) != list_size(values)) {
        builder_null(b);
        return expr__fail(ev, i, "[MAP_LENGTHS_DIFFER] %u keys, but %u values", list_size(keys), list_size(values));
    }
    for (uint32_t k = 0; k < list_size(keys); k++) {
        const char *wrong = bad_key(keys.c, keys.from, keys.from + k);
        if (wrong)
            return bad_map(ev, i, b, wrong);
        builder_copy(&b->children[0], keys.c, keys.from + k);
        builder_copy(&b->children[1], values.c, values.from + k);
    }
    builder_list(b);
    return true;
}
ROWS(k_map_from_arrays, true, map_from_arrays_row)

static bool map_from_entries_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                                 struct builder *b)
{
    struct list l = list_at(args, i);
    (void)x;
    if (any_null(l)) {
        builder_null(b);
        return true;
    }
    for (uint32_t k = l.from; k < l.to; k++) {
        const char *wrong = bad_key(l.c->children[0], l.from, k);
        if (wrong)
            return bad_map(ev, i, b, wrong);
        builder_copy(&b->children[0], l.c->children[0], k);
        builder_copy(&b->children[1], l.c->children[1], k);
    }
    builder_list(b);
    return true;
}
ROWS(k_map_from_entries, true, map_from_entries_row)

static bool map_entries_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                            struct builder *b)
{
    struct list     l = list_at(args, i);
    struct builder *pair = &b->children[0];
    (void)ev, (void)x;
    for (uint32_t k = l.from; k < l.to; k++) {
        builder_copy(&pair->children[0], args[0].c->children[0], k);
        builder_copy(&pair->children[1], args[0].c->children[1], k);
        builder_struct(pair, true);
    }
    builder_list(b);
    return true;
}
ROWS(k_map_entries, true, map_entries_row)

/* Is the key in one of the maps before `a`? */
static bool is_before(const struct vec *args, uint32_t i, int a, uint32_t k)
{
    for (int m = 0; m < a; m++) {
        struct list l = list_at(&args[m], i);
        for (uint32_t j = l.from; j < l.to; j++)
            if (kernel_compare(l.c, j, args[a].c->children[0], k) == 0)
                return true;
    }
    return false;
}

static bool map_concat_row(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i,
                           struct builder *b)
{
    for (int a = 0; a < x->n_args; a++) {
        struct list l = list_at(&args[a], i);
        for (uint32_t k = l.from; k < l.to; k++) {
            if (is_before(args, i, a, k))
                return bad_map(ev, i, b, "[DUPLICATED_MAP_KEY] a key of a MAP is there twice");
            builder_copy(&b->children[0], args[a].c->children[0], k);
            builder_copy(&b->children[1], args[a].c->children[1], k);
        }
    }
    builder_list(b);
    return true;
}
ROWS(k_map_concat, true, map_concat_row)
