/* SPDX-License-Identifier: MIT */
/* expr, inside: what kernels are written with: strict loops over fixed-width values, and texts row by row. */
#ifndef EXPR_KERNEL_TOOLS_H
#define EXPR_KERNEL_TOOLS_H

#include "expr/kernels.h"
#include "text/utf8.h"

/* ---- fixed-width results ---- */

/* The start of every strict kernel with fixed-width results: validity, n_nulls, values; ends the kernel on failure. */
#define STRICT_BEGIN(T, n_args_)                                     \
    uint8_t *valid;                                                  \
    uint32_t n_nulls;                                                \
    if (!expr__strict_valid(ev, args, n_args_, n, &valid, &n_nulls)) \
        return NULL;                                                 \
    T *out = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof(T));     \
    if (!out) {                                                      \
        mem_free(valid);                                             \
        return expr__no_memory(ev);                                  \
    }
#define STRICT_END(type_) return expr__wrap(ev, type_, n, valid, n_nulls, out)
#define IS_NULL_AT(i) (valid && !(valid[(i) / 8] >> ((i) % 8) & 1))
/* The row fails: NULL in its place, or the end of the evaluation. */
#define FAIL_ROW(i, ...)                                                                  \
    do {                                                                                  \
        if (!expr__fail(ev, i, __VA_ARGS__) || !expr__set_null(&valid, n, i, &n_nulls)) { \
            mem_free(valid);                                                              \
            mem_free(out);                                                                \
            return ev->error->code ? NULL : expr__no_memory(ev);                          \
        }                                                                                 \
    } while (0)

#define OVERFLOW_TEXT "[ARITHMETIC_OVERFLOW] %s overflow"

static inline void store_integer(const struct type *t, void *values, uint32_t i, int64_t v)
{
    switch ((int)t->kind) {
    case TYPE_TINYINT:
        ((int8_t *)values)[i] = (int8_t)v;
        break;
    case TYPE_SMALLINT:
        ((int16_t *)values)[i] = (int16_t)v;
        break;
    case TYPE_INT:
        ((int32_t *)values)[i] = (int32_t)v;
        break;
    default:
        ((int64_t *)values)[i] = v;
        break;
    }
}

static inline double load_real(const struct column *c, uint32_t i)
{
    return c->type->kind == TYPE_FLOAT ? (double)((const float *)c->values)[i] : ((const double *)c->values)[i];
}

static inline void store_real(const struct type *t, void *values, uint32_t i, double v)
{
    if (t->kind == TYPE_FLOAT)
        ((float *)values)[i] = (float)v;
    else
        ((double *)values)[i] = v;
}

static inline bool is_real(const struct type *t) { return t->kind == TYPE_FLOAT || t->kind == TYPE_DOUBLE; }

/* ---- texts ---- */

/* A text column being written, row by row. */
struct writer {
    struct evaluation *ev;
    struct builder     b;
    struct buf         text; /* of the row */
};

struct text {
    const uint8_t *p;
    uint32_t       n;
};

static inline struct text text_at(const struct vec *v, uint32_t i)
{
    struct text t;
    t.p = column_bytes(v->c, (size_t)i * v->step, &t.n);
    return t;
}

static inline int32_t int_at(const struct vec *v, uint32_t i) { return column_i32(v->c)[(size_t)i * v->step]; }

/* Bytes of the character at byte `at`. */
static inline size_t character(struct text t, uint32_t at) { return utf8_offset(t.p + at, t.n - at, 1); }

static inline uint32_t code_point(const uint8_t *p, size_t n)
{
    return n == 1   ? p[0]
           : n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
           : n == 3 ? (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu)
                    : (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

/* A strict kernel from a function of one row: it appends to w->text, or returns false for NULL. */
typedef bool row_cb(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i);

/* The column of x, row by row; a row with a NULL argument is NULL. */
struct column *expr__write_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                row_cb *row);

/* ---- lists ---- */

/* The elements of one row. */
struct list {
    const struct column *c;
    uint32_t             from, to;
};

static inline struct list list_at(const struct vec *v, uint32_t i)
{
    size_t row = (size_t)i * v->step;
    return (struct list){v->c->children[0], v->c->offsets[row], v->c->offsets[row + 1]};
}

static inline uint32_t list_size(struct list l) { return l.to - l.from; }

/* A kernel that makes its result row by row: `row` appends one value; false ends the evaluation. strict: a row with a
 * NULL argument is NULL. */
typedef bool row_fn(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t i, struct builder *b);
struct column *kernel_rows(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n, bool strict,
                           row_fn *row);

#define ROWS(kernel, strict, row)                                                                          \
    struct column *kernel(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                      \
        return kernel_rows(ev, x, args, n, strict, row);                                                   \
    }

/* The elements' indexes, NULL first, then ascending, or all of it the other way round; exact: -0.0 is not 0.0. To be
 * freed; NULL: no memory. */
uint32_t *kernel_sorted(struct list l, bool exact, bool down);
/* That order, of two that may be NULL. */
int kernel_compare_exact(const struct column *x, uint32_t i, const struct column *y, uint32_t j);

#define TEXT_KERNEL(name, row)                                                                           \
    struct column *name(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n) \
    {                                                                                                    \
        return expr__write_rows(ev, x, args, n, row);                                                    \
    }

#endif
