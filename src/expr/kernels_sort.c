/* SPDX-License-Identifier: MIT */
/*
 * array_sort with a comparing function. Java's sort of lists below 32 elements, comparison by comparison, so that a
 * function that fails, or contradicts itself, does so where it does in Spark; longer lists are sorted as stably. The
 * rows go in step: one comparison of each is asked for, and the function runs once over all of them.
 */
#include "expr/lambda.h"

/* A run in front that is in order already (or backwards) is found first; then element by element is inserted. */
enum sorting { SORT_FIRST, SORT_DOWN, SORT_UP, SORT_INSERT, SORT_FAILED };

struct sort_row {
    uint32_t    *order; /* elements, as rows of the child column */
    uint32_t     n, done, low, high;
    enum sorting now;
};

static void reverse(uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        uint32_t swap = order[i];
        order[i] = order[n - 1 - i];
        order[n - 1 - i] = swap;
    }
}

/* Which two elements are to be compared. */
static void ask(const struct sort_row *s, uint32_t *x, uint32_t *y)
{
    *x = s->order[s->done];
    *y = s->order[s->now == SORT_INSERT ? s->low + (s->high - s->low) / 2 : s->done - 1];
}

static void insert(struct sort_row *s)
{
    uint32_t pivot = s->order[s->done];
    memmove(s->order + s->low + 1, s->order + s->low, (s->done - s->low) * sizeof pivot);
    s->order[s->low] = pivot;
    s->done++;
}

/* What the comparison gave. */
static void answer(struct sort_row *s, bool less)
{
    uint32_t middle = s->low + (s->high - s->low) / 2;
    bool     run_ends = false;
    if (s->now == SORT_INSERT) {
        if (less)
            s->high = middle;
        else
            s->low = middle + 1;
        if (s->low < s->high)
            return;
        insert(s);
    } else {
        if (s->now == SORT_FIRST)
            s->now = less ? SORT_DOWN : SORT_UP;
        run_ends = less != (s->now == SORT_DOWN);
        s->done += !run_ends;
    }
    if (s->now == SORT_DOWN && (run_ends || s->done == s->n))
        reverse(s->order, s->done);
    if (run_ends)
        s->now = SORT_INSERT;
    s->low = 0;
    s->high = s->done;
}

/* One comparison of every active row. */
struct round {
    uint32_t *active, n_active;
    uint32_t *x, *y;
};

static bool compare(struct evaluation *ev, const struct expr *f, const struct column *child, struct sort_row *rows,
                    struct round *r)
{
    struct applied a = {.c = NULL};
    uint32_t       n = 0;
    for (uint32_t k = 0; k < r->n_active; k++)
        ask(&rows[r->active[k]], &r->x[k], &r->y[k]);
    struct column *in[2] = {lambda__pick(ev, child, r->x, r->n_active), lambda__pick(ev, child, r->y, r->n_active)};
    bool           ok = in[0] && in[1] && lambda__apply(ev, f, in, r->active, r->n_active, &a);
    for (uint32_t k = 0; ok && k < r->n_active; k++) {
        uint32_t         i = r->active[k];
        struct sort_row *s = &rows[i];
        const char      *wrong = lambda__failure(&a, k);
        if (!wrong && !column_is_valid(a.c, k))
            wrong = "[COMPARATOR_RETURNS_NULL] the function of array_sort() gives NULL";
        if (wrong) {
            s->now = SORT_FAILED;
            ok = expr__fail(ev, i, "%s", wrong);
            continue;
        }
        answer(s, column_i32(a.c)[k] < 0);
        r->active[n] = i;
        n += s->done < s->n;
    }
    r->n_active = n;
    column_free(in[0]);
    column_free(in[1]);
    lambda__applied_fini(&a);
    return ok;
}

/* The sorted lists as a column; what failed is NULL. */
static struct column *sorted(struct evaluation *ev, const struct expr *x, const struct vec *list,
                             const struct sort_row *rows, uint32_t *kept, uint32_t n)
{
    uint32_t *offsets = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *offsets), n_kept = 0, n_nulls = 0;
    uint8_t  *valid = NULL;
    bool      ok = offsets != NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        bool there = lambda__is_there(list, i) && rows[i].now != SORT_FAILED;
        if (there && rows[i].n)
            memmove(kept + n_kept, rows[i].order, rows[i].n * sizeof *kept);
        n_kept += there ? rows[i].n : 0;
        ok = there || expr__set_null(&valid, n, i, &n_nulls);
        offsets[i + 1] = n_kept;
    }
    if (!ok) {
        mem_free(offsets);
        mem_free(valid);
        return expr__no_memory(ev);
    }
    struct column *out = column_wrap(x->type, n, n_nulls, valid, NULL, offsets);
    if (!out)
        return expr__no_memory(ev);
    if ((out->children[0] = lambda__pick(ev, list->c->children[0], kept, n_kept)))
        return out;
    column_free(out);
    return NULL;
}

struct column *k_array_sort_by(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct column   *out = NULL;
    struct elements  el;
    struct sort_row *rows = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *rows);
    struct round     r = {.active = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *r.active),
                          .x = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *r.x),
                          .y = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *r.y)};
    bool ok = lambda__elements(&el, ev, &args[0], n) && ((rows && r.active && r.x && r.y) || expr__no_memory(ev));
    for (uint32_t i = 0; ok && i < n; i++) {
        rows[i] = (struct sort_row){.order = el.index + el.starts[i], .n = el.starts[i + 1] - el.starts[i], .done = 1};
        r.active[r.n_active] = i;
        r.n_active += rows[i].n > 1;
    }
    while (ok && r.n_active)
        ok = compare(ev, x->args[1], args[0].c->children[0], rows, &r);
    if (ok)
        out = sorted(ev, x, &args[0], rows, el.index, n);
    mem_free(rows);
    mem_free(r.active);
    mem_free(r.x);
    mem_free(r.y);
    lambda__elements_fini(&el);
    return out;
}
