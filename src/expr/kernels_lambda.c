/* SPDX-License-Identifier: MIT */
/*
 * Functions over the elements of an ARRAY or MAP. A lambda's body runs once over the elements of all rows (lambda.h).
 * Spark goes element by element and may stop, so a failing element counts only when Spark would reach it.
 */
#include "expr/kernel_tools.h"
#include "expr/lambda.h"

/* ---- lists made anew ---- */

/* An ARRAY or MAP being put together from kept elements. */
struct made {
    uint32_t *offsets, *kept;
    uint32_t  n_kept, n_nulls;
    uint8_t  *valid;
};

static void made_fini(struct made *m)
{
    mem_free(m->offsets);
    mem_free(m->kept);
    mem_free(m->valid);
}

static bool made_init(struct made *m, struct evaluation *ev, uint32_t n, uint32_t n_elements)
{
    *m = (struct made){.offsets = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *m->offsets),
                       .kept = mem_alloc(TAG_BATCH, ((size_t)n_elements + 1) * sizeof *m->kept)};
    return (m->offsets && m->kept) || expr__no_memory(ev);
}

/* The list column: elements from those columns (owned by the caller). Empties m. */
static struct column *made_finish(struct made *m, struct evaluation *ev, const struct type *type, uint32_t n,
                                  struct column *const *from)
{
    struct column *out = column_wrap(type, n, m->n_nulls, m->valid, NULL, m->offsets);
    m->valid = NULL;
    m->offsets = NULL;
    if (!out)
        return expr__no_memory(ev);
    for (int i = 0; i < (type->kind == TYPE_MAP ? 2 : 1); i++)
        if (!(out->children[i] = lambda__pick(ev, from[i], m->kept, m->n_kept))) {
            column_free(out);
            return NULL;
        }
    return out;
}

static bool made_null(struct made *m, struct evaluation *ev, uint32_t n, uint32_t i)
{
    return expr__set_null(&m->valid, n, i, &m->n_nulls) || expr__no_memory(ev);
}

/* The first element of the row that failed, or NULL. */
static const char *first_failure(const struct applied *a, const struct elements *el, uint32_t i)
{
    const char *text = NULL;
    for (uint32_t k = el->starts[i]; !text && k < el->starts[i + 1]; k++)
        text = lambda__failure(a, k);
    return text;
}

/* What is wrong with the new keys of the row, or NULL. */
static const char *bad_keys(const struct column *keys, uint32_t from, uint32_t to)
{
    for (uint32_t k = from; k < to; k++) {
        if (kernel_is_null(keys, k))
            return "[NULL_MAP_KEY] a key of transform_keys() is NULL";
        for (uint32_t j = from; j < k; j++)
            if (kernel_compare(keys, j, keys, k) == 0)
                return "[DUPLICATED_MAP_KEY] a key of transform_keys() is there twice";
    }
    return NULL;
}

enum keeps { KEEP_ALL, KEEP_TRUE, KEEP_KEYS };

/* Row by row which elements stay, and which rows are NULL or failed. */
static bool choose(struct evaluation *ev, const struct vec *list, const struct elements *el, const struct applied *a,
                   enum keeps keeps, uint32_t n, struct made *m)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *wrong = first_failure(a, el, i);
        if (!wrong && keeps == KEEP_KEYS)
            wrong = bad_keys(a->c, el->starts[i], el->starts[i + 1]);
        if (wrong && !expr__fail(ev, i, "%s", wrong))
            return false;
        if ((wrong || !lambda__is_there(list, i)) && !made_null(m, ev, n, i))
            return false;
        for (uint32_t k = el->starts[i]; !wrong && k < el->starts[i + 1]; k++)
            if (keeps != KEEP_TRUE || (column_is_valid(a->c, k) && column_u8(a->c)[k]))
                m->kept[m->n_kept++] = k;
        m->offsets[i + 1] = m->n_kept;
    }
    return true;
}

/* Places of the elements in their rows, from 0. */
static struct column *places(struct evaluation *ev, const struct elements *el)
{
    int32_t *values = mem_alloc(TAG_BATCH, ((size_t)el->n + 1) * sizeof *values);
    for (uint32_t k = 0; values && k < el->n; k++)
        values[k] = (int32_t)(k - el->starts[el->owners[k]]);
    return values ? expr__wrap(ev, type_of(TYPE_INT), el->n, NULL, 0, values) : expr__no_memory(ev);
}

/* What the result takes its children from: the list's own, or what the function gave. */
struct source_of {
    int child[2]; /* -1: the function's */
};

static struct column *over_list(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                enum keeps keeps, struct source_of from)
{
    const struct expr *f = x->args[1];
    struct column     *out = NULL, *values[2] = {NULL, NULL};
    struct elements    el;
    struct applied     a = {.c = NULL};
    struct made        m = {.n_kept = 0};
    bool               map = args[0].c->type->kind == TYPE_MAP;
    bool               ok = args[0].c->type->kind != TYPE_NULL && lambda__elements(&el, ev, &args[0], n);
    if (args[0].c->type->kind == TYPE_NULL)
        return column_nulls(x->type, n);
    ok = ok && (values[0] = lambda__pick(ev, args[0].c->children[0], el.index, el.n));
    if (ok && (map || f->field == 2))
        ok = (values[1] = map ? lambda__pick(ev, args[0].c->children[1], el.index, el.n) : places(ev, &el)) != NULL;
    ok = ok && lambda__apply(ev, f, values, el.owners, el.n, &a) && made_init(&m, ev, n, el.n) &&
         choose(ev, &args[0], &el, &a, keeps, n, &m);
    if (ok) {
        struct column *children[2] = {a.c, a.c};
        for (int i = 0; i < 2; i++)
            if (from.child[i] >= 0)
                children[i] = values[from.child[i]];
        out = made_finish(&m, ev, x->type, n, children);
    }
    made_fini(&m);
    lambda__applied_fini(&a);
    column_free(values[0]);
    column_free(values[1]);
    lambda__elements_fini(&el);
    return out;
}

#define OVER_LIST(name, keeps, first, second)                                                            \
    struct column *name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                    \
        return over_list(ev, x, args, n, keeps, (struct source_of){{first, second}});                    \
    }
OVER_LIST(k_transform, KEEP_ALL, -1, -1)
OVER_LIST(k_filter, KEEP_TRUE, 0, 0)
OVER_LIST(k_transform_values, KEEP_ALL, 0, -1)
OVER_LIST(k_transform_keys, KEEP_KEYS, -1, 1)
OVER_LIST(k_map_filter, KEEP_TRUE, 0, 1)

/* ---- exists, forall ---- */

/* The first element that is `decides` ends it; a NULL leaves it open. */
static bool search_row(struct evaluation *ev, const struct elements *el, const struct applied *a, bool decides,
                       uint32_t i, struct builder *b)
{
    bool any_null = false;
    for (uint32_t k = el->starts[i]; k < el->starts[i + 1]; k++) {
        const char *wrong = lambda__failure(a, k);
        if (wrong) {
            builder_null(b);
            return expr__fail(ev, i, "%s", wrong);
        }
        bool null = !column_is_valid(a->c, k);
        any_null = any_null || null;
        if (!null && column_u8(a->c)[k] == decides) {
            builder_boolean(b, decides);
            return true;
        }
    }
    if (any_null)
        builder_null(b);
    else
        builder_boolean(b, !decides);
    return true;
}

static struct column *search(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                             bool decides)
{
    struct column  *out = NULL, *value = NULL;
    struct elements el;
    struct applied  a = {.c = NULL};
    struct builder  b;
    if (args[0].c->type->kind == TYPE_NULL)
        return column_nulls(x->type, n);
    bool ok = lambda__elements(&el, ev, &args[0], n) &&
              (value = lambda__pick(ev, args[0].c->children[0], el.index, el.n)) &&
              lambda__apply(ev, x->args[1], &value, el.owners, el.n, &a);
    if (ok && builder_init(&b, x->type, ev->error) == OK) {
        for (uint32_t i = 0; ok && i < n; i++) {
            if (!lambda__is_there(&args[0], i))
                builder_null(&b);
            else
                ok = search_row(ev, &el, &a, decides, i, &b);
        }
        if (!ok || builder_finish(&b, &out, ev->error) != OK)
            out = NULL;
        builder_fini(&b);
    }
    lambda__applied_fini(&a);
    column_free(value);
    lambda__elements_fini(&el);
    return out;
}

struct column *k_exists(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return search(ev, x, args, n, true);
}

struct column *k_forall(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return search(ev, x, args, n, false);
}

/* ---- zip_with ---- */

/* Element k of each row's list, NULL behind its end. */
static struct column *stretched(struct evaluation *ev, const struct vec *list, const struct elements *el)
{
    struct builder       b;
    struct column       *out = NULL;
    const struct column *child = list->c->children[0];
    if (builder_init(&b, child->type, ev->error) != OK)
        return NULL;
    for (uint32_t k = 0; k < el->n; k++) {
        size_t   row = (size_t)el->owners[k] * list->step;
        uint32_t at = list->c->offsets[row] + k - el->starts[el->owners[k]];
        if (at < list->c->offsets[row + 1])
            builder_copy(&b, child, at);
        else
            builder_null(&b);
    }
    if (builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

/* A row has as many elements as the longer list; none when a list is NULL. index[k] of the result is k. */
static bool zip_elements(struct elements *el, struct evaluation *ev, const struct vec *args, uint32_t n)
{
    uint64_t total = 0;
    *el = (struct elements){.starts = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *el->starts)};
    for (uint32_t i = 0; el->starts && i < n; i++) {
        uint32_t most = 0;
        for (int a = 0; a < 2 && lambda__is_there(&args[0], i) && lambda__is_there(&args[1], i); a++) {
            const uint32_t *offsets = args[a].c->offsets + (size_t)i * args[a].step;
            most = offsets[1] - offsets[0] > most ? offsets[1] - offsets[0] : most;
        }
        el->starts[i] = (uint32_t)total;
        total += most;
    }
    el->owners = total <= COLUMN_BYTES_MAX ? mem_alloc(TAG_BATCH, (total + 1) * sizeof *el->owners) : NULL;
    if (!el->starts || !el->owners)
        return expr__no_memory(ev) != NULL;
    el->starts[n] = el->n = (uint32_t)total;
    lambda__own(el, n);
    return true;
}

struct column *k_zip_with(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct column  *out = NULL, *values[2] = {NULL, NULL};
    struct elements el;
    struct applied  a = {.c = NULL};
    struct made     m = {.n_kept = 0};
    if (args[0].c->type->kind == TYPE_NULL || args[1].c->type->kind == TYPE_NULL)
        return column_nulls(x->type, n);
    bool ok = zip_elements(&el, ev, args, n) && (values[0] = stretched(ev, &args[0], &el)) &&
              (values[1] = stretched(ev, &args[1], &el)) &&
              lambda__apply(ev, x->args[2], values, el.owners, el.n, &a) && made_init(&m, ev, n, el.n) &&
              choose(ev, &args[0], &el, &a, KEEP_ALL, n, &m);
    for (uint32_t i = 0; ok && i < n; i++)
        ok = lambda__is_there(&args[1], i) || !lambda__is_there(&args[0], i) || made_null(&m, ev, n, i);
    if (ok)
        out = made_finish(&m, ev, x->type, n, &a.c);
    made_fini(&m);
    lambda__applied_fini(&a);
    column_free(values[0]);
    column_free(values[1]);
    lambda__elements_fini(&el);
    return out;
}

/* ---- map_zip_with ---- */

/* Where a key stands among the entries from..to of a MAP, or -1. */
static int64_t find_key(const struct list *m, const struct column *keys, uint32_t key)
{
    for (uint32_t k = m->from; k < m->to; k++)
        if (kernel_compare(m->c, k, keys, key) == 0)
            return k;
    return -1;
}

/* Keys, then values of both maps: the first one's keys, and behind them the other's that it does not have. */
struct merged {
    struct builder b[3];
    struct column *columns[3];
};

static bool merged_init(struct merged *m, struct evaluation *ev, const struct vec *args)
{
    const struct type *types[] = {args[0].c->type->fields[0].type, args[0].c->type->fields[1].type,
                                  args[1].c->type->fields[1].type};
    bool               ok = true;
    *m = (struct merged){.columns = {NULL, NULL, NULL}};
    for (int i = 0; i < 3; i++)
        ok = builder_init(&m->b[i], types[i], ev->error) == OK && ok;
    return ok;
}

static void merged_fini(struct merged *m)
{
    for (int i = 0; i < 3; i++) {
        builder_fini(&m->b[i]);
        column_free(m->columns[i]);
    }
}

static void merged_value(struct merged *m, int i, const struct vec *map, int64_t at)
{
    if (at < 0)
        builder_null(&m->b[i]);
    else
        builder_copy(&m->b[i], map->c->children[1], (size_t)at);
}

/* The keys of row i; how many there are. */
static uint32_t merge_row(struct merged *m, const struct vec *args, uint32_t i)
{
    struct list maps[2] = {list_at(&args[0], i), list_at(&args[1], i)};
    uint32_t    n = 0;
    for (uint32_t k = maps[0].from; k < maps[0].to; k++, n++) {
        builder_copy(&m->b[0], maps[0].c, k);
        merged_value(m, 1, &args[0], k);
        merged_value(m, 2, &args[1], find_key(&maps[1], maps[0].c, k));
    }
    for (uint32_t k = maps[1].from; k < maps[1].to; k++)
        if (find_key(&maps[0], maps[1].c, k) < 0) {
            builder_copy(&m->b[0], maps[1].c, k);
            merged_value(m, 1, &args[0], -1);
            merged_value(m, 2, &args[1], k);
            n++;
        }
    return n;
}

/* The entries of all rows; none when a map is NULL. */
static bool merge_maps(struct merged *m, struct elements *el, struct evaluation *ev, const struct vec *args, uint32_t n)
{
    uint64_t total = 0;
    *el = (struct elements){.starts = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *el->starts)};
    bool ok = merged_init(m, ev, args) && (el->starts || expr__no_memory(ev));
    for (uint32_t i = 0; ok && i < n; i++) {
        el->starts[i] = (uint32_t)total;
        if (lambda__is_there(&args[0], i) && lambda__is_there(&args[1], i))
            total += merge_row(m, args, i);
        ok = total <= COLUMN_BYTES_MAX;
    }
    for (int i = 0; ok && i < 3; i++)
        ok = builder_finish(&m->b[i], &m->columns[i], ev->error) == OK;
    if (!ok || !(el->owners = mem_alloc(TAG_BATCH, (total + 1) * sizeof *el->owners)))
        return ev->error->code == OK && expr__no_memory(ev);
    el->starts[n] = el->n = (uint32_t)total;
    lambda__own(el, n);
    return true;
}

struct column *k_map_zip_with(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct column  *out = NULL;
    struct elements el;
    struct merged   maps;
    struct applied  a = {.c = NULL};
    struct made     m = {.n_kept = 0};
    bool ok = merge_maps(&maps, &el, ev, args, n) && lambda__apply(ev, x->args[2], maps.columns, el.owners, el.n, &a) &&
              made_init(&m, ev, n, el.n) && choose(ev, &args[0], &el, &a, KEEP_ALL, n, &m);
    for (uint32_t i = 0; ok && i < n; i++)
        ok = lambda__is_there(&args[1], i) || !lambda__is_there(&args[0], i) || made_null(&m, ev, n, i);
    if (ok)
        out = made_finish(&m, ev, x->type, n, (struct column *[2]){maps.columns[0], a.c});
    made_fini(&m);
    lambda__applied_fini(&a);
    merged_fini(&maps);
    lambda__elements_fini(&el);
    return out;
}

/* ---- aggregate ---- */

/* Rows on their way through their lists, in step: all at element `step`. */
struct fold {
    struct evaluation *ev;
    const struct expr *x;
    const struct vec  *list;
    uint32_t           n, step;
    uint32_t          *active, n_active; /* rows not at their end, as rows of ev */
    struct column     *now;              /* what they have come to, one row each */
    struct column    **ended;            /* columns that rows ended in */
    uint32_t           n_ended, ended_capacity;
    uint32_t          *part, *at; /* per row: where it ended; part UINT32_MAX: NULL */
};

static void fold_fini(struct fold *f)
{
    for (uint32_t i = 0; i < f->n_ended; i++)
        column_free(f->ended[i]);
    column_free(f->now);
    mem_free(f->ended);
    mem_free(f->active);
    mem_free(f->part);
    mem_free(f->at);
}

static bool fold_init(struct fold *f, const struct vec *zero)
{
    f->active = mem_alloc(TAG_BATCH, ((size_t)f->n + 1) * sizeof *f->active);
    f->part = mem_alloc(TAG_BATCH, ((size_t)f->n + 1) * sizeof *f->part);
    f->at = mem_zalloc(TAG_BATCH, ((size_t)f->n + 1) * sizeof *f->at);
    if (!f->active || !f->part || !f->at)
        return expr__no_memory(f->ev) != NULL;
    for (uint32_t i = 0; i < f->n; i++) {
        f->part[i] = UINT32_MAX;
        if (lambda__is_there(f->list, i)) {
            f->at[f->n_active] = i * zero->step; /* lent: rows of the start value */
            f->active[f->n_active++] = i;
        }
    }
    f->now = column_take(zero->c, f->at, f->n_active);
    return f->now || expr__no_memory(f->ev);
}

static bool at_end(const struct fold *f, uint32_t i)
{
    const uint32_t *offsets = f->list->c->offsets + (size_t)i * f->list->step;
    return offsets[1] - offsets[0] <= f->step;
}

/* Rows whose list ends here leave with what they have; `stay`: where the others stand in f->now. */
static bool leave(struct fold *f, uint32_t *stay)
{
    uint32_t n = 0, before = f->n_active;
    for (uint32_t k = 0; k < f->n_active; k++) {
        uint32_t i = f->active[k];
        if (at_end(f, i)) {
            f->part[i] = f->n_ended;
            f->at[i] = k;
        } else {
            stay[n] = k;
            f->active[n++] = i;
        }
    }
    f->n_active = n;
    if (n == before)
        return true;
    if (f->n_ended == f->ended_capacity) {
        uint32_t        capacity = f->ended_capacity * 2 + 16;
        struct column **more = mem_realloc(TAG_BATCH, f->ended, capacity * sizeof *more);
        if (!more)
            return expr__no_memory(f->ev) != NULL;
        f->ended = more;
        f->ended_capacity = capacity;
    }
    f->ended[f->n_ended++] = column_ref(f->now);
    return true;
}

/* Element `step` of every active row comes in; rows that fail drop out. */
static bool advance(struct fold *f, uint32_t *stay)
{
    struct applied a = {.c = NULL};
    struct column *in[2] = {lambda__pick(f->ev, f->now, stay, f->n_active), NULL};
    uint32_t       n = 0;
    for (uint32_t k = 0; k < f->n_active; k++) /* from here on `stay` is free */
        stay[k] = f->list->c->offsets[(size_t)f->active[k] * f->list->step] + f->step;
    bool ok = in[0] && (in[1] = lambda__pick(f->ev, f->list->c->children[0], stay, f->n_active)) &&
              lambda__apply(f->ev, f->x->args[2], in, f->active, f->n_active, &a);
    for (uint32_t k = 0; ok && k < f->n_active; k++) {
        const char *wrong = lambda__failure(&a, k);
        if (wrong)
            ok = expr__fail(f->ev, f->active[k], "%s", wrong);
        stay[n] = k;
        f->active[n] = f->active[k];
        n += !wrong;
    }
    if (ok) {
        column_free(f->now);
        f->n_active = n;
        f->now = lambda__pick(f->ev, a.c, stay, n);
        ok = f->now != NULL;
        f->step++;
    }
    column_free(in[0]);
    column_free(in[1]);
    lambda__applied_fini(&a);
    return ok;
}

/* The rows' values from where they ended, NULL for the others. */
static struct column *collected(struct fold *f, const struct type *type)
{
    struct builder b;
    struct column *out = NULL;
    if (builder_init(&b, type, f->ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->part[i] == UINT32_MAX)
            builder_null(&b);
        else
            builder_copy(&b, f->ended[f->part[i]], f->at[i]);
    }
    if (builder_finish(&b, &out, f->ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

/* The last function, for the rows that have come to an end. */
static struct column *finished(struct fold *f, struct column *values)
{
    struct applied a = {.c = NULL};
    struct column *in = NULL, *out = NULL;
    uint32_t       n = 0;
    for (uint32_t i = 0; i < f->n; i++)
        if (f->part[i] != UINT32_MAX)
            f->active[n++] = i;
    bool ok =
        (in = lambda__pick(f->ev, values, f->active, n)) && lambda__apply(f->ev, f->x->args[3], &in, f->active, n, &a);
    for (uint32_t k = 0; ok && k < n; k++) {
        const char *wrong = lambda__failure(&a, k);
        f->part[f->active[k]] = wrong ? UINT32_MAX : 0;
        f->at[f->active[k]] = k;
        ok = !wrong || expr__fail(f->ev, f->active[k], "%s", wrong);
    }
    if (ok) {
        column_free(f->ended[0]);
        f->ended[0] = column_ref(a.c);
        out = collected(f, f->x->type);
    }
    lambda__applied_fini(&a);
    column_free(in);
    return out;
}

struct column *k_aggregate(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct fold    f = {.ev = ev, .x = x, .list = &args[0], .n = n};
    struct column *out = NULL;
    uint32_t      *stay = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *stay);
    bool           ok = stay ? fold_init(&f, &args[1]) : expr__no_memory(ev) != NULL;
    while (ok && f.n_active)
        ok = leave(&f, stay) && (f.n_active == 0 || advance(&f, stay));
    if (ok)
        out = collected(&f, x->args[2]->type);
    if (out && x->n_args == 4 && f.n_ended) {
        struct column *values = out;
        out = finished(&f, values);
        column_free(values);
    } else if (out && x->n_args == 4) {
        column_free(out);
        out = column_nulls(x->type, n);
    }
    mem_free(stay);
    fold_fini(&f);
    return out;
}
