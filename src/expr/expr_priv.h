/* SPDX-License-Identifier: MIT */
/* expr, inside: the function table's rows and what a kernel sees. */
#ifndef EXPR_EXPR_PRIV_H
#define EXPR_EXPR_PRIV_H

#include "expr/program.h"

/* One evaluation of one tree over one batch. */
struct evaluation {
    const struct batch   *batch;
    const uint32_t       *rows; /* of the node being computed; NULL: all */
    int64_t               now_us;
    struct row_errors    *errors;
    struct error         *error;
    struct column *const *parameters; /* of the lambda functions around, rows as the batch's; NULL: none */
};

/* An argument: a column of n rows (step 1), or one value for all (step 0). */
struct vec {
    struct column *c;
    uint32_t       step;
};
static inline bool vec_valid(const struct vec *v, uint32_t i) { return column_is_valid(v->c, (size_t)i * v->step); }

/* Computes n rows; NULL: *ev->error is set. Arguments stay the caller's. */
typedef struct column *kernel_cb(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n);

/*
 * A row of the function table.
 *
 * `args`: one letter per argument, the last one repeated when it is followed by *, optional from ? on:
 *   s STRING  y BINARY  x STRING or BINARY  i INT  l BIGINT  d DOUBLE  t TIMESTAMP  D DATE  B BOOLEAN  v INTERVAL
 *   n any number, DECIMAL as DOUBLE   N any number   a any type   c the common type of all c arguments
 *   A any ARRAY  M any MAP  Q any of both  L a lambda function
 * `result`: the same letters; 1 = the type of the first argument; S = a special case, see bind.
 */
struct function {
    const char *name;
    const char *args, *result;
    bool        strict;   /* NULL when any argument is NULL */
    bool        nullable; /* may be NULL although no argument is */
    kernel_cb  *run;
    bool (*bind)(struct expr_binder *b, struct expr *x, const struct ast_expr *ast); /* NULL: by the letters */
    const char *help;
};

extern const struct function functions[];
extern const int             n_functions;
extern const struct function fn_add, fn_subtract, fn_multiply, fn_divide, fn_div, fn_mod, fn_negate, fn_not, fn_is_null,
    fn_is_not_null, fn_is_true, fn_is_false, fn_like, fn_equal, fn_less, fn_less_equal, fn_null_safe_equal,
    fn_add_interval, fn_subtract_times, fn_add_days, fn_add_months, fn_add_months_to_time, fn_concat,
    fn_negate_interval;

struct from_json_detail {
    const struct type *type;
    bool               failfast;
};

/* ---- for binding ---- */

struct expr *expr__new(struct expr_binder *b, enum expr_kind kind, const struct type *type, struct place at,
                       int n_args);
struct expr *expr__call(struct expr_binder *b, const struct function *f, const struct type *type, struct place at,
                        struct expr *x, struct expr *y);
bool         expr__too_big(struct expr_binder *b, struct place at); /* memory is out: a diagnostic, false */
struct expr *expr__cast_to(struct expr_binder *b, struct expr *x, const struct type *to, bool try_cast);
struct expr *expr__wrong_types(struct expr_binder *b, struct place at, const char *what, const struct expr *x,
                               const struct expr *y);
struct expr *expr__compare(struct expr_binder *b, const struct function *f, struct place at, struct expr *x,
                           struct expr *y);
struct expr *expr__negated(struct expr_binder *b, struct expr *x);
struct expr *expr__logical(struct expr_binder *b, enum expr_kind kind, struct place at, struct expr *x, struct expr *y);
struct expr *expr__is_predicate(struct expr_binder *b, const struct ast_expr *ast, struct expr *x);
struct expr *expr__in_list(struct expr_binder *b, const struct ast_expr *ast, struct expr **args);
struct expr *expr__between(struct expr_binder *b, const struct ast_expr *ast, struct expr **args);
struct expr *expr__like(struct expr_binder *b, const struct ast_expr *ast, struct expr **args);
struct expr *expr__bind_case(struct expr_binder *b, const struct ast_expr *ast, struct expr **args);
int          expr__n_bound_args(const struct ast_expr *ast);

/* DECIMAL (bind_decimal.c). Types: of an integer; that holds both; of round(). */
const struct type *expr__decimal_of_integer(const struct type *t);
const struct type *expr__wider_decimal(const struct type *x, const struct type *y);
const struct type *expr__rounded_decimal(const struct type *t, int digits);
struct expr       *expr__decimal_literal(struct expr_binder *b, const struct ast_expr *ast, bool negative);
/* An integer or DECIMAL literal as that DECIMAL, or NULL when it does not fit. */
struct expr *expr__retyped_decimal(struct expr_binder *b, const struct expr *x, const struct type *to);
struct expr *expr__as_decimal(struct expr_binder *b, struct expr *x);        /* of an integer or DECIMAL */
bool         expr__decimal_pair(const struct type *x, const struct type *y); /* both exact, one a DECIMAL */
struct expr *expr__decimal_arithmetic(struct expr_binder *b, const struct function *f, enum ast_op op, struct place at,
                                      struct expr *x, struct expr *y);

/* ARRAY (bind_array.c). */
const struct type *expr__element(const struct type *array); /* type of its elements */
const struct type *expr__common_nested(struct expr_binder *b, const struct type *x, const struct type *y);
bool               expr__can_compare(const struct type *t); /* no MAP in it */
struct expr *expr__subscript(struct expr_binder *b, const struct ast_expr *ast, struct expr *x, struct expr *index);
struct expr *expr__concat_arrays(struct expr_binder *b, struct place at, struct expr **args, int n);
struct expr *expr__reverse_array(struct expr_binder *b, struct place at, struct expr *x);
typedef bool bind_fn(struct expr_binder *b, struct expr *x, const struct ast_expr *ast);
bind_fn      expr__bind_array, expr__bind_element, expr__bind_of_elements, expr__bind_ordered, expr__bind_search,
    expr__bind_join, expr__bind_sets, expr__bind_put, expr__bind_remove, expr__bind_repeat, expr__bind_flatten,
    expr__bind_arrays_zip, expr__bind_sequence, expr__bind_map_from_arrays, expr__bind_map_from_entries,
    expr__bind_map_entries, expr__bind_map_concat, expr__bind_str_to_map, expr__bind_regexp_all, expr__bind_split,
    expr__bind_map, expr__bind_map_parts, expr__bind_map_search;
bool expr__map_of_ast(struct expr_binder *b, const struct ast_type *t, const struct type **out);

/* Lambda functions (bind_lambda.c). */
struct expr_parameter {
    const struct expr_parameter *outer;
    const char                  *name;
    const struct type           *type;
    int                          slot;
};
bool expr__takes_lambda(const char *function, int argument);
/* Does it name one of the parameters around? Then it belongs to the lambda's body alone. */
bool expr__mentions_parameter(const struct expr_binder *b, const struct ast_expr *ast);
/* The parameter that is meant, or a field of it; false: none of that name. */
bool    expr__parameter(struct expr_binder *b, const struct ast_expr *ast, struct expr **out);
bool    expr__refuse_lambda(struct expr_binder *b, const struct ast_expr *ast); /* false, after a diagnostic */
bind_fn expr__bind_transform, expr__bind_choice, expr__bind_aggregate, expr__bind_zip, expr__bind_map_lambda,
    expr__bind_array_sort, expr__bind_map_zip;

/* At least and at most so many arguments, or a diagnostic. */
bool expr__arguments_are(struct expr_binder *b, const struct ast_expr *ast, int least, int most);
/* if, coalesce, nullif and the like, which decide which arguments are computed; *known: it is one of them. */
struct expr *expr__conditional_call(struct expr_binder *b, const struct ast_expr *ast, struct expr **args, bool *known);
/* A call of a function of the table, its arguments bound; NULL after a diagnostic. */
struct expr       *expr__bind_call(struct expr_binder *b, const struct ast_expr *ast, struct expr **args);
const struct type *expr__schema(struct expr_binder *b, const struct expr *schema, const char *function);
bool               expr__bind_from_json(struct expr_binder *b, struct expr *x, const struct ast_expr *ast);
bool               expr__can_cast(const struct type *from, const struct type *to);

/* ---- for operators ---- */

enum err expr__say_where(const struct batch *b, const struct row_error *bad, struct error *e); /* ERR_DATA */
/* Sends failed rows to the side table and gives the batch without them; takes *b. */
enum err expr__drop_failed(struct op *op, const struct row_errors *errors, struct batch **b, struct error *e);
/* What is the constant value; false after a diagnostic ("the pattern must be a constant here"). */
bool         expr__is_constant(struct expr_binder *b, const struct expr *x, const char *what);
struct expr *expr__arithmetic(struct expr_binder *b, enum ast_op op, struct place at, struct expr *x, struct expr *y);
struct expr *expr__bitwise(struct expr_binder *b, enum ast_op op, struct place at, struct expr *x, struct expr *y);
struct expr *expr__explicit_cast(struct expr_binder *b, struct place at, struct expr *x, const struct type *to,
                                 bool try_cast);
struct expr *expr__like_call(struct expr_binder *b, bool ignore_case, struct place at, struct expr *text,
                             struct expr *pattern, char escape);
bool         expr__is_time_unit(const char *name);
/* False: why says what is wrong with the pattern. */
bool expr__regexp_check(const char *pattern, size_t n, char *why, size_t why_size);

/* The rows of functions.c that need a look at their arguments (bind_function.c). */
typedef bool   bind_cb(struct expr_binder *b, struct expr *x, const struct ast_expr *ast);
extern bind_cb expr__bind_positive, expr__bind_no_decimal, expr__bind_mod, expr__bind_try, expr__bind_shift,
    expr__bind_bits, expr__bind_nan, expr__bind_texts, expr__bind_btrim, expr__bind_like, expr__bind_regexp,
    expr__bind_typeof, expr__bind_from_csv, expr__bind_text_list, expr__bind_format_string, expr__bind_to_csv,
    expr__bind_hash, expr__bind_to_json, expr__bind_cast_call, expr__bind_equal_null, expr__bind_format,
    expr__bind_to_time, expr__bind_unix, expr__bind_unit, expr__bind_part, expr__bind_zone, expr__bind_current_zone,
    expr__bind_make_timestamp, expr__bind_schema_of_json, expr__bind_to_binary, expr__bind_cast_utf8, expr__bind_mask,
    expr__bind_raise, expr__bind_to_char;

/* ---- for kernels ---- */

struct column *expr__no_memory(struct evaluation *ev);
/* x over the n rows that reach it. */
struct column *expr__evaluate(struct evaluation *ev, const struct expr *x, uint32_t n);
/* Notes that row i of the node failed. False: the evaluation must end (error set). */
bool expr__fail(struct evaluation *ev, uint32_t i, const char *format, ...) PRINTF_LIKE(3, 4);
/* Validity of a strict function: the AND over its arguments; *n_nulls counts. NULL with *n_nulls 0: all valid. False:
 * no memory. */
bool expr__strict_valid(struct evaluation *ev, const struct vec *args, int n_args, uint32_t n, uint8_t **valid,
                        uint32_t *n_nulls);
/* A column of fixed-width values around buffers (taken). */
struct column *expr__wrap(struct evaluation *ev, const struct type *type, uint32_t n, uint8_t *valid, uint32_t n_nulls,
                          void *values);
/* Makes row i NULL in a bitmap that may not exist yet. */
bool           expr__set_null(uint8_t **valid, uint32_t n, uint32_t i, uint32_t *n_nulls);
struct column *expr__cast(struct evaluation *ev, const struct expr *x, const struct vec *arg, uint32_t n);

#endif
