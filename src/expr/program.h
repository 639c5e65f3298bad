/* SPDX-License-Identifier: MIT */
/*
 * expr/program: expressions over batches, column by column.
 *
 * Evaluation is vectorised over the rows that reach an expression: what WHERE, CASE, AND, OR and COALESCE mask is not
 * computed, so that ANSI errors fire only for rows that Spark would compute too. Buffers per column and batch, none per
 * row. Lane or merge thread.
 */
#ifndef EXPR_PROGRAM_H
#define EXPR_PROGRAM_H

#include "expr/expr.h"
#include "flow/flow.h"

/* A row that failed, with Spark's error class and a sentence. */
struct row_error {
    uint32_t row;
    char     text[160];
};

struct row_errors {
    bool              collect; /* else the first failure ends the evaluation */
    struct row_error *items;   /* in order of discovery; a row at most once */
    uint32_t          n, capacity;
    uint32_t          highest; /* row, while n > 0 */
};

void row_errors_fini(struct row_errors *errors);

/* x over the rows `rows` of b (NULL: all n_rows, then n = b->n_rows): a column of n rows. ERR_DATA when a row fails and
 * errors->collect is false (errors->items[0] says which); else failed rows are NULL and listed. */
MUST_CHECK enum err expr_evaluate(const struct expr *x, const struct batch *b, const uint32_t *rows, uint32_t n,
                                  int64_t now_us, struct row_errors *errors, struct column **out, struct error *e);

/* The condition of a join over pairs (join/join.h, struct join_rest): *keep says which pairs it is true for. Failing
 * pairs end the query, or with reject_errors their rows are rejected: *b then has what is left and *keep is NULL. */
MUST_CHECK enum err expr_judge_pairs(const struct expr *x, struct op *join, const struct batch *pairs,
                                     const uint32_t *rows, struct batch **b, struct column **keep, struct error *e);

/* Operators. Expressions and schema are borrowed (from a plan). */

/* Counts what a filter drops: FILTERED and NO_PARTNER in records of the partition, HAVING in *having, in effects
 * (after an aggregate there are no records any more). */
enum filter_counts { FILTER_FILTERED, FILTER_NO_PARTNER, FILTER_HAVING };
MUST_CHECK enum err op_filter_new(const struct expr *predicate, enum filter_counts counts, int64_t *having,
                                  struct flow_context *context, struct op **out, struct error *e);
/* An expectation: a condition that rows of the result ought to meet. */
enum expect_action { EXPECT_KEEP, EXPECT_DROP, EXPECT_FAIL };
struct expect_rule {
    const char        *name;
    const struct expr *condition; /* a row violates it unless it is true */
    enum expect_action action;
};
struct expect_spec {
    const struct expect_rule *rules;
    int                       n_rules;    /* at most FLOW_RULES_MAX */
    const struct type        *quarantine; /* the result's columns, then STRING names, BOOLEAN dropped, BIGINT epoch */
};
/* Counts per rule in tally->rules and passes on the rows that no rule drops. Rows that violate any go to `quarantine`
 * too, unless that is NULL. ERR_DATA names a rule of EXPECT_FAIL and the record. All is borrowed. */
MUST_CHECK enum err op_expect_new(const struct expect_spec *spec, struct op *quarantine, struct flow_context *context,
                                  struct op **out, struct error *e);
/* Rows per element of the last column; schema: the other columns, then the place of the element when asked for, then
 * the element, or key and value. outer: a row of NULL where there is none. */
MUST_CHECK enum err op_explode_new(const struct type *schema, bool position, bool outer, struct flow_context *context,
                                   struct op **out, struct error *e);
MUST_CHECK enum err op_project_new(struct expr *const *exprs, const struct type *schema, struct flow_context *context,
                                   struct op **out, struct error *e);

#endif
