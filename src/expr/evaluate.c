/* SPDX-License-Identifier: MIT */
/*
 * The evaluator: a tree over the rows that reach it, column by column. Results are dense (one row per selected row).
 * CASE, AND, OR and COALESCE narrow the selection for their later arguments. See program.h.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "expr/expr_priv.h"

static struct column *evaluate(struct evaluation *ev, const struct expr *x, uint32_t n);
static struct column *evaluate_some(struct evaluation *ev, const struct expr *x, const uint32_t *some, uint32_t n);

/* ---- errors ---- */

void row_errors_fini(struct row_errors *errors)
{
    mem_free(errors->items);
    *errors = (struct row_errors){.collect = errors->collect};
}

struct column *expr__no_memory(struct evaluation *ev)
{
    err_set(ev->error, ERR_NO_MEMORY, "expression over %u rows", ev->batch->n_rows);
    return NULL;
}

bool expr__fail(struct evaluation *ev, uint32_t i, const char *format, ...)
{
    struct row_errors *errors = ev->errors;
    uint32_t           row = ev->rows ? ev->rows[i] : i;
    va_list            args;
    for (uint32_t k = row > errors->highest ? 0 : errors->n; k > 0; k--) /* once per row; kernels go upwards */
        if (errors->items[k - 1].row == row)
            return true;
    if (errors->n == errors->capacity) {
        uint32_t          capacity = errors->capacity ? errors->capacity * 2 : 16;
        struct row_error *more = mem_realloc(TAG_BATCH, errors->items, capacity * sizeof *more);
        if (!more)
            return expr__no_memory(ev) != NULL;
        errors->items = more;
        errors->capacity = capacity;
    }
    errors->highest = errors->n == 0 || row > errors->highest ? row : errors->highest;
    struct row_error *item = &errors->items[errors->n++];
    item->row = row;
    va_start(args, format);
    vsnprintf(item->text, sizeof item->text, format, args);
    va_end(args);
    if (!errors->collect)
        err_set(ev->error, ERR_DATA, "%s", item->text);
    return errors->collect;
}

/* ---- columns for kernels ---- */

bool expr__strict_valid(struct evaluation *ev, const struct vec *args, int n_args, uint32_t n, uint8_t **valid,
                        uint32_t *n_nulls)
{
    bool any = false;
    *valid = NULL;
    *n_nulls = 0;
    for (int a = 0; a < n_args; a++)
        any = any || args[a].c->valid;
    if (!any)
        return true;
    if (!(*valid = mem_zalloc(TAG_BATCH, n / 8 + 1)))
        return expr__no_memory(ev) != NULL;
    for (uint32_t i = 0; i < n; i++) {
        bool all = true;
        for (int a = 0; a < n_args; a++)
            all = all && vec_valid(&args[a], i);
        (*valid)[i / 8] |= (uint8_t)(all << (i % 8));
        *n_nulls += !all;
    }
    return true;
}

bool expr__set_null(uint8_t **valid, uint32_t n, uint32_t i, uint32_t *n_nulls)
{
    if (!*valid) {
        if (!(*valid = mem_alloc(TAG_BATCH, n / 8 + 1)))
            return false;
        memset(*valid, 0xff, n / 8 + 1);
    }
    *n_nulls += (*valid)[i / 8] >> (i % 8) & 1;
    (*valid)[i / 8] &= (uint8_t)~(1u << (i % 8));
    return true;
}

struct column *expr__wrap(struct evaluation *ev, const struct type *type, uint32_t n, uint8_t *valid, uint32_t n_nulls,
                          void *values)
{
    if (n_nulls == 0) {
        mem_free(valid);
        valid = NULL;
    }
    struct column *c = column_wrap(type, n, n_nulls, valid, values, NULL);
    return c ? c : expr__no_memory(ev);
}

/* ---- leaves ---- */

static struct column *literal(struct evaluation *ev, const struct expr *x)
{
    struct builder b;
    struct column *c = NULL;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    if (x->value.is_null || x->type->kind == TYPE_NULL) {
        builder_null(&b);
    } else {
        switch ((int)x->type->kind) {
        case TYPE_BOOLEAN:
        case TYPE_TINYINT:
            builder_i8(&b, (int8_t)x->value.integer);
            break;
        case TYPE_SMALLINT:
            builder_i16(&b, (int16_t)x->value.integer);
            break;
        case TYPE_INT:
        case TYPE_DATE:
            builder_i32(&b, (int32_t)x->value.integer);
            break;
        case TYPE_FLOAT:
            builder_f32(&b, (float)x->value.real);
            break;
        case TYPE_DOUBLE:
            builder_f64(&b, x->value.real);
            break;
        case TYPE_DECIMAL:
            builder_decimal(&b, x->value.decimal);
            break;
        case TYPE_STRING:
        case TYPE_BINARY:
            builder_bytes(&b, x->value.text, x->value.length);
            break;
        default:
            builder_i64(&b, x->value.integer);
            break;
        }
    }
    if (builder_finish(&b, &c, ev->error) != OK)
        c = NULL;
    builder_fini(&b);
    return c;
}

static struct column *spread(struct evaluation *ev, struct column *one, uint32_t n)
{
    uint32_t      *zeros = mem_zalloc(TAG_BATCH, (n + 1) * sizeof *zeros);
    struct column *c = zeros ? column_take(one, zeros, n) : NULL;
    mem_free(zeros);
    column_free(one);
    return c ? c : expr__no_memory(ev);
}

static struct column *batch_column(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    struct column *c = ev->batch->columns[x->column];
    if (!ev->rows)
        return column_ref(c);
    c = column_take(c, ev->rows, n);
    return c ? c : expr__no_memory(ev);
}

static struct column *parameter(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    struct column *c = ev->parameters[x->column];
    if (!ev->rows)
        return column_ref(c);
    c = column_take(c, ev->rows, n);
    return c ? c : expr__no_memory(ev);
}

static struct column *field(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    const struct expr *s = x->args[0];
    if (s->kind == EXPR_COLUMN && ev->rows) { /* take the one child, not the whole struct */
        struct column *child = column_take(ev->batch->columns[s->column]->children[x->field], ev->rows, n);
        return child ? child : expr__no_memory(ev);
    }
    struct column *c = evaluate(ev, s, n), *child = c ? column_field(c, (size_t)x->field) : NULL;
    column_free(c);
    return child;
}

/* ---- calls ---- */

/* Spark does not compute an argument when one before it is NULL, so it does not fail there. */
static bool may_skip(const struct expr *x, const struct expr *arg)
{
    return expr_is_strict(x) && arg->kind != EXPR_COLUMN && arg->kind != EXPR_FIELD && arg->kind != EXPR_PARAMETER;
}

/* arg for the rows where the arguments before it are not NULL; NULL in the others. */
static struct column *evaluate_behind(struct evaluation *ev, const struct expr *arg, const struct vec *before,
                                      int n_before, uint32_t n)
{
    struct builder b;
    struct column *some, *out = NULL;
    uint32_t      *open, n_open = 0;
    bool           any = false;
    for (int i = 0; i < n_before; i++)
        any = any || before[i].c->n_nulls;
    if (!any)
        return evaluate(ev, arg, n);
    if (!(open = mem_alloc(TAG_BATCH, ((size_t)n + 1) * sizeof *open)))
        return expr__no_memory(ev);
    for (uint32_t i = 0; i < n; i++) {
        bool all = true;
        for (int k = 0; k < n_before; k++)
            all = all && vec_valid(&before[k], i);
        open[n_open] = i;
        n_open += all;
    }
    some = evaluate_some(ev, arg, open, n_open);
    if (some && builder_init(&b, arg->type, ev->error) == OK) {
        for (uint32_t i = 0, k = 0; i < n; i++) {
            if (k < n_open && open[k] == i)
                builder_copy(&b, some, k++);
            else
                builder_null(&b);
        }
        if (builder_finish(&b, &out, ev->error) != OK)
            out = NULL;
        builder_fini(&b);
    }
    column_free(some);
    mem_free(open);
    return out;
}

#define ARGS_INLINE 8

static struct column *with_arguments(struct evaluation *ev, const struct expr *x, uint32_t n,
                                     struct column *(*run)(struct evaluation *, const struct expr *, const struct vec *,
                                                           uint32_t))
{
    struct vec     few[ARGS_INLINE], *args = few;
    struct column *result = NULL;
    int            done = 0;
    if (x->n_args > ARGS_INLINE && !(args = mem_zalloc(TAG_BATCH, (size_t)x->n_args * sizeof *args)))
        return expr__no_memory(ev);
    for (; done < x->n_args; done++) {
        bool one = x->args[done]->kind == EXPR_LITERAL;
        args[done] = (struct vec){.c = NULL};
        if (x->args[done]->kind == EXPR_LAMBDA) /* the function runs it */
            continue;
        args[done].c = one                                  ? literal(ev, x->args[done])
                       : done && may_skip(x, x->args[done]) ? evaluate_behind(ev, x->args[done], args, done, n)
                                                            : evaluate(ev, x->args[done], n);
        args[done].step = one ? 0 : 1;
        if (!args[done].c)
            break;
    }
    if (done == x->n_args)
        result = run(ev, x, args, n);
    for (int i = 0; i < done; i++)
        column_free(args[i].c);
    if (args != few)
        mem_free(args);
    return result;
}

/* ---- narrowing the selection ---- */

/* Runs x for the rows listed (indexes into the current n rows). */
static struct column *evaluate_some(struct evaluation *ev, const struct expr *x, const uint32_t *some, uint32_t n)
{
    const uint32_t *rows = ev->rows;
    uint32_t       *narrowed = mem_alloc(TAG_BATCH, (n + 1) * sizeof *narrowed);
    if (!narrowed)
        return expr__no_memory(ev);
    for (uint32_t i = 0; i < n; i++)
        narrowed[i] = rows ? rows[some[i]] : some[i];
    ev->rows = narrowed;
    struct column *c = evaluate(ev, x, n);
    ev->rows = rows;
    mem_free(narrowed);
    return c;
}

/* Three-valued: 0 false, 1 true, 2 NULL. */
static inline uint8_t truth(const struct column *c, uint32_t i) { return column_is_valid(c, i) ? column_u8(c)[i] : 2; }

static struct column *booleans(struct evaluation *ev, uint8_t *values, uint32_t n)
{
    uint8_t *valid = NULL;
    uint32_t n_nulls = 0;
    for (uint32_t i = 0; i < n; i++)
        if (values[i] == 2) {
            if (!expr__set_null(&valid, n, i, &n_nulls)) {
                mem_free(values);
                return expr__no_memory(ev);
            }
            values[i] = 0;
        }
    return expr__wrap(ev, type_of(TYPE_BOOLEAN), n, valid, n_nulls, values);
}

/* AND stops at FALSE, OR at TRUE; a NULL on the left still asks the right side. */
static struct column *logical(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    uint8_t        decides = x->kind == EXPR_OR;
    struct column *left = evaluate(ev, x->args[0], n), *right = NULL;
    uint8_t       *values = mem_alloc(TAG_BATCH, n + 1);
    uint32_t      *open = mem_alloc(TAG_BATCH, (n + 1) * sizeof *open), n_open = 0;
    bool           ok = left && values && open;
    for (uint32_t i = 0; ok && i < n; i++) {
        values[i] = truth(left, i);
        open[n_open] = i;
        n_open += values[i] != decides;
    }
    if (ok && n_open) {
        right = n_open == n ? evaluate(ev, x->args[1], n) : evaluate_some(ev, x->args[1], open, n_open);
        ok = right != NULL;
        for (uint32_t k = 0; ok && k < n_open; k++) {
            uint8_t r = truth(right, k), l = values[open[k]];
            values[open[k]] = r == decides ? decides : l == 2 || r == 2 ? 2 : !decides;
        }
    }
    bool no_memory = left && (!values || !open);
    column_free(left);
    column_free(right);
    mem_free(open);
    if (ok)
        return booleans(ev, values, n);
    mem_free(values);
    return no_memory ? expr__no_memory(ev) : NULL;
}

/* Rows take their value from one of several dense parts. */
struct choice {
    struct column **parts;
    uint32_t       *part, *at; /* per row: which part (UINT32_MAX: NULL), which row of it */
};

static struct column *gather(struct evaluation *ev, const struct expr *x, const struct choice *c, uint32_t n)
{
    struct builder b;
    struct column *out = NULL;
    if (builder_init(&b, x->type, ev->error) != OK)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (c->part[i] == UINT32_MAX)
            builder_null(&b);
        else
            builder_copy(&b, c->parts[c->part[i]], c->at[i]);
    }
    if (builder_finish(&b, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&b);
    return out;
}

/* The rows still open, as indexes into the current n. */
struct open_rows {
    uint32_t *rows, n;
};

/* Value i for the open rows that `wanted` says yes to; they are closed. */
static bool take_value(struct evaluation *ev, const struct expr *value, uint32_t part, const uint32_t *rows, uint32_t n,
                       struct choice *c)
{
    if (n == 0)
        return true;
    c->parts[part] = evaluate_some(ev, value, rows, n);
    for (uint32_t k = 0; c->parts[part] && k < n; k++) {
        c->part[rows[k]] = part;
        c->at[rows[k]] = k;
    }
    return c->parts[part] != NULL;
}

/* One WHEN: the open rows where it is true take the value. */
static bool when(struct evaluation *ev, const struct expr *x, int i, struct open_rows *open, uint32_t *taken,
                 struct choice *c)
{
    struct column *condition = evaluate_some(ev, x->args[i], open->rows, open->n);
    uint32_t       n_taken = 0, n_left = 0;
    if (!condition)
        return false;
    for (uint32_t k = 0; k < open->n; k++) {
        if (truth(condition, k) == 1)
            taken[n_taken++] = open->rows[k];
        else
            open->rows[n_left++] = open->rows[k];
    }
    open->n = n_left;
    column_free(condition);
    return take_value(ev, x->args[i + 1], (uint32_t)(i + 1), taken, n_taken, c);
}

static bool run_case(struct evaluation *ev, const struct expr *x, struct open_rows *open, uint32_t *taken,
                     struct choice *c)
{
    int i = 0;
    for (; i + 1 < x->n_args && open->n; i += 2)
        if (!when(ev, x, i, open, taken, c))
            return false;
    return x->n_args % 2 == 0 ||
           take_value(ev, x->args[x->n_args - 1], (uint32_t)x->n_args - 1, open->rows, open->n, c);
}

static bool run_coalesce(struct evaluation *ev, const struct expr *x, struct open_rows *open, struct choice *c)
{
    for (int i = 0; i < x->n_args && open->n; i++) {
        uint32_t n_left = 0;
        if (!(c->parts[i] = evaluate_some(ev, x->args[i], open->rows, open->n)))
            return false;
        for (uint32_t k = 0; k < open->n; k++) {
            uint32_t row = open->rows[k];
            if (column_is_valid(c->parts[i], k) && c->parts[i]->type->kind != TYPE_NULL) {
                c->part[row] = (uint32_t)i;
                c->at[row] = k;
            } else {
                open->rows[n_left++] = row;
            }
        }
        open->n = n_left;
    }
    return true;
}

static struct column *chosen(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    struct column   *out = NULL;
    struct choice    c = {.parts = mem_zalloc(TAG_BATCH, (size_t)x->n_args * sizeof *c.parts),
                          .part = mem_alloc(TAG_BATCH, (n + 1) * sizeof *c.part),
                          .at = mem_alloc(TAG_BATCH, (n + 1) * sizeof *c.at)};
    struct open_rows open = {.rows = mem_alloc(TAG_BATCH, (n + 1) * sizeof *open.rows), .n = n};
    uint32_t        *taken = mem_alloc(TAG_BATCH, (n + 1) * sizeof *taken);
    if (c.parts && c.part && c.at && open.rows && taken) {
        memset(c.part, 0xff, n * sizeof *c.part);
        for (uint32_t i = 0; i < n; i++)
            open.rows[i] = i;
        if (x->kind == EXPR_CASE ? run_case(ev, x, &open, taken, &c) : run_coalesce(ev, x, &open, &c))
            out = gather(ev, x, &c, n);
    } else {
        expr__no_memory(ev);
    }
    for (int i = 0; c.parts && i < x->n_args; i++)
        column_free(c.parts[i]);
    mem_free(c.parts);
    mem_free(c.part);
    mem_free(c.at);
    mem_free(open.rows);
    mem_free(taken);
    return out;
}

/* ---- all ---- */

static struct column *run_function(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return x->function->run(ev, x, args, n);
}

static struct column *evaluate(struct evaluation *ev, const struct expr *x, uint32_t n)
{
    struct column *c;
    switch (x->kind) {
    case EXPR_COLUMN:
        return batch_column(ev, x, n);
    case EXPR_FIELD:
        return field(ev, x, n);
    case EXPR_LITERAL:
        c = literal(ev, x);
        return c ? spread(ev, c, n) : NULL;
    case EXPR_CALL:
        return with_arguments(ev, x, n, run_function);
    case EXPR_CAST:
        return with_arguments(ev, x, n, expr__cast);
    case EXPR_AND:
    case EXPR_OR:
        return logical(ev, x, n);
    case EXPR_CASE:
    case EXPR_COALESCE:
        return chosen(ev, x, n);
    case EXPR_PARAMETER:
        return parameter(ev, x, n);
    case EXPR_LAMBDA:
        break;
    }
    return NULL;
}

struct column *expr__evaluate(struct evaluation *ev, const struct expr *x, uint32_t n) { return evaluate(ev, x, n); }

enum err expr_evaluate(const struct expr *x, const struct batch *b, const uint32_t *rows, uint32_t n, int64_t now_us,
                       struct row_errors *errors, struct column **out, struct error *e)
{
    struct error      local = {0};
    struct evaluation ev = {.batch = b, .rows = rows, .now_us = now_us, .errors = errors, .error = e ? e : &local};
    ev.error->code = OK;
    *out = evaluate(&ev, x, n);
    if (*out)
        return OK;
    CHECK(ev.error->code != OK);
    return ev.error->code;
}
