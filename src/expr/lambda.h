/* SPDX-License-Identifier: MIT */
/*
 * expr/lambda, inside: a lambda's body over elements. It runs once over the elements of all rows, laid side by side:
 * its parameters are columns of elements, and a column of the batch has its row's value once per element.
 * One thread per evaluation.
 */
#ifndef EXPR_LAMBDA_H
#define EXPR_LAMBDA_H

#include "expr/kernels.h"

/* The elements of the rows that are not NULL, side by side. */
struct elements {
    uint32_t *starts; /* n + 1: where those of row i begin */
    uint32_t *owners; /* per element: its row */
    uint32_t *index;  /* per element: its row in the child column */
    uint32_t  n;
};

/* False: *ev->error is set; what is there is freed by lambda__elements_fini all the same. */
bool lambda__elements(struct elements *el, struct evaluation *ev, const struct vec *list, uint32_t n);
void lambda__elements_fini(struct elements *el);
/* Fills `owners` from `starts`, for n rows. */
void lambda__own(struct elements *el, uint32_t n);
/* Is row i of that argument an ARRAY or MAP, and no NULL? */
bool lambda__is_there(const struct vec *list, uint32_t i);
/* Rows `index` of c: c itself when that is all of it; NULL: *ev->error is set. */
struct column *lambda__pick(struct evaluation *ev, const struct column *c, const uint32_t *index, uint32_t n);

/* What a body gave. */
struct applied {
    struct column    *c;      /* a row per element */
    struct row_errors errors; /* their rows are elements */
    uint32_t         *failed; /* per element: place in errors, from 1; NULL: none failed */
};

/* f over n elements: values[i] is its parameter i, owners[k] the row of ev that element k belongs to. False: *ev->error
 * is set. An element that fails is noted in `out`. */
bool lambda__apply(struct evaluation *ev, const struct expr *f, struct column *const *values, const uint32_t *owners,
                   uint32_t n, struct applied *out);
void lambda__applied_fini(struct applied *a);
/* What is wrong with element k, or NULL. */
const char *lambda__failure(const struct applied *a, uint32_t k);

#endif
