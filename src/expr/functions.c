/* SPDX-License-Identifier: MIT */
/* The function table: one row per function, read by bind.c, by `docs/sql/functions.md` and by the tests. */
#include "expr/kernels.h"

#define OPERATOR(symbol, strict_, nullable_, kernel) \
    {.name = symbol, .args = "cc", .result = "1", .strict = strict_, .nullable = nullable_, .run = kernel}

const struct function fn_add = OPERATOR("+", true, false, k_add);
const struct function fn_subtract = OPERATOR("-", true, false, k_subtract);
const struct function fn_multiply = OPERATOR("*", true, false, k_multiply);
const struct function fn_divide = OPERATOR("/", true, false, k_divide);
const struct function fn_div = OPERATOR("div", true, false, k_div);
const struct function fn_mod = OPERATOR("%", true, false, k_mod);
const struct function fn_negate = OPERATOR("negative", true, false, k_negate);
const struct function fn_negate_interval = OPERATOR("negative", true, false, k_negate_interval);
const struct function fn_not = OPERATOR("not", true, false, k_not);
const struct function fn_is_null = OPERATOR("isnull", false, false, k_is_null);
const struct function fn_is_not_null = OPERATOR("isnotnull", false, false, k_is_not_null);
const struct function fn_is_true = OPERATOR("istrue", false, false, k_is_true);
const struct function fn_is_false = OPERATOR("isfalse", false, false, k_is_false);
const struct function fn_like = OPERATOR("like", true, false, k_like);
const struct function fn_equal = OPERATOR("=", true, false, k_equal);
const struct function fn_less = OPERATOR("<", true, false, k_less);
const struct function fn_less_equal = OPERATOR("<=", true, false, k_less_equal);
const struct function fn_null_safe_equal = OPERATOR("<=>", false, false, k_null_safe_equal);
const struct function fn_add_interval = OPERATOR("+", true, false, k_add_interval);
const struct function fn_subtract_times = OPERATOR("-", true, false, k_subtract_times);
const struct function fn_add_days = OPERATOR("+", true, false, k_add_days);
const struct function fn_concat = OPERATOR("||", true, false, k_concat);

/* ---- functions whose result type needs a look at the arguments ---- */

static bool literal_text(struct expr_binder *b, const struct expr *x, const char *what)
{
    if (x->kind == EXPR_LITERAL && !x->value.is_null)
        return true;
    diag_error(b->diags, x->place, "E_ARGUMENTS", "%s must be a constant here", what);
    return false;
}

/* round(number [, digits]): integers keep their type, DOUBLE and FLOAT too; DECIMAL loses digits. */
static bool bind_round(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    if (x->n_args > 1 && !literal_text(b, x->args[1], "the number of digits"))
        return false;
    if (x->type->kind == TYPE_DECIMAL)
        x->type = expr__rounded_decimal(x->type, x->n_args > 1 ? (int)x->args[1]->value.integer : 0);
    return true;
}

/* mod(x, y) is x % y. */
static bool bind_mod(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct expr *as_operator = expr__arithmetic(b, OP_MODULO, ast->place, x->args[0], x->args[1]);
    if (as_operator)
        *x = *as_operator;
    return as_operator != NULL;
}

/* floor and ceil: BIGINT; of a DECIMAL one without digits behind the point. */
static bool bind_whole(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)b;
    (void)ast;
    const struct type *t = x->args[0]->type;
    if (t->kind != TYPE_DECIMAL)
        x->type = type_of(TYPE_BIGINT);
    else
        x->type = t->scale ? expr__rounded_decimal(t, 0) : t;
    return true;
}

static bool bind_common(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)b;
    (void)ast;
    x->type = x->args[0]->type;
    x->nullable = true;
    for (int i = 0; i < x->n_args; i++)
        x->nullable = x->nullable && x->args[i]->nullable;
    return true;
}

/* to_timestamp(text), to_date(text): a cast; patterns come later. */
static bool bind_to_time(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *to = type_of(x->function->result[0] == 't' ? TYPE_TIMESTAMP : TYPE_DATE);
    if (x->n_args > 1) {
        struct diag *g = diag_error(b->diags, x->args[1]->place, "E_UNSUPPORTED",
                                    "%s() with a pattern is not supported yet", x->function->name);
        diag_hint(b->diags, g, "without a pattern it reads ISO texts such as 2024-01-02T03:04:05.123Z");
        return false;
    }
    if (!expr__can_cast(x->args[0]->type, to)) {
        diag_error(b->diags, ast->place, "E_TYPE", "%s() does not take %s", x->function->name,
                   type_kind_name(x->args[0]->type->kind));
        return false;
    }
    x->kind = EXPR_CAST;
    x->type = to;
    x->nullable = x->args[0]->nullable;
    return true;
}

/* timestamp_seconds takes whole and fractional numbers. */
static bool bind_seconds(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    if (x->args[0]->type->kind == TYPE_DECIMAL)
        return true;
    struct expr *arg =
        expr_coerce(b, x->args[0], type_of(type_is_integer(x->args[0]->type) ? TYPE_BIGINT : TYPE_DOUBLE));
    if (arg)
        x->args[0] = arg;
    return arg != NULL;
}

static bool bind_struct(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    bool          named = x->function->name[0] == 'n';
    int           n = named ? x->n_args / 2 : x->n_args;
    struct field *fields = arena_zalloc(b->arena, ((size_t)n + 1) * sizeof *fields);
    if (!fields || (named && x->n_args % 2)) {
        diag_error(b->diags, x->place, "E_ARGUMENTS", "named_struct() takes pairs of name and value");
        return false;
    }
    for (int i = 0; i < n; i++) {
        const struct expr *value = x->args[named ? 2 * i + 1 : i];
        if (named && !(x->args[2 * i]->type->kind == TYPE_STRING && literal_text(b, x->args[2 * i], "a field name")))
            return false;
        const struct ast_expr *written = ast->args[named ? 2 * i + 1 : i];
        const char            *name = named                         ? x->args[2 * i]->value.text
                                      : written->kind == AST_COLUMN ? written->parts[written->n_parts - 1]
                                                                    : arena_printf(b->arena, "col%d", i + 1);
        fields[i] = (struct field){.name = name, .type = value->type, .nullable = value->nullable};
        if (named)
            x->args[i] = x->args[2 * i + 1];
    }
    x->n_args = n;
    x->type = type_struct(b->arena, fields, (size_t)n);
    return x->type != NULL;
}

/* hex takes bytes and whole numbers; other numbers are cut. */
static bool bind_hex(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    const struct type *t = x->args[0]->type;
    if (t->kind == TYPE_STRING || t->kind == TYPE_BINARY || type_is_integer(t))
        return true;
    struct expr *arg = type_is_number(t) ? expr__cast_to(b, x->args[0], type_of(TYPE_BIGINT), false)
                                         : expr_coerce(b, x->args[0], type_of(TYPE_BIGINT));
    if (arg)
        x->args[0] = arg;
    return arg != NULL;
}

static bool bind_sha2(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    return literal_text(b, x->args[1], "the number of bits");
}

#define F(name_, args_, result_, strict_, nullable_, kernel, bind_, help_) \
    {.name = name_,                                                        \
     .args = args_,                                                        \
     .result = result_,                                                    \
     .strict = strict_,                                                    \
     .nullable = nullable_,                                                \
     .run = kernel,                                                        \
     .bind = bind_,                                                        \
     .help = help_}

const struct function functions[] = {
    /* numbers */
    F("abs", "N", "1", true, false, k_abs, NULL, "absolute value; overflow is an error"),
    F("round", "N?i", "1", true, false, k_round, bind_round, "rounds half up to that many digits"),
    F("floor", "N", "l", true, false, k_floor, bind_whole, "largest whole number not above"),
    F("ceil", "N", "l", true, false, k_ceil, bind_whole, "smallest whole number not below"),
    F("ceiling", "N", "l", true, false, k_ceil, bind_whole, "as ceil"),
    F("greatest", "cc*", "1", false, false, k_greatest, bind_common, "the greatest that is not NULL"),
    F("least", "cc*", "1", false, false, k_least, bind_common, "the least that is not NULL"),
    F("mod", "NN", "1", true, false, k_mod, bind_mod, "remainder, as %"),
    /* texts */
    F("lower", "s", "s", true, false, k_lower, NULL, "lower case"),
    F("lcase", "s", "s", true, false, k_lower, NULL, "as lower"),
    F("upper", "s", "s", true, false, k_upper, NULL, "upper case"),
    F("ucase", "s", "s", true, false, k_upper, NULL, "as upper"),
    F("trim", "s?s", "s", true, false, k_trim, NULL, "without blanks at both ends; trim(chars, text) without those"),
    F("ltrim", "s?s", "s", true, false, k_ltrim, NULL, "without blanks in front"),
    F("rtrim", "s?s", "s", true, false, k_rtrim, NULL, "without blanks behind"),
    F("length", "x", "i", true, false, k_length, NULL, "characters of a text, bytes of a BINARY"),
    F("char_length", "x", "i", true, false, k_length, NULL, "as length"),
    F("len", "x", "i", true, false, k_length, NULL, "as length"),
    F("substring", "xi?i", "1", true, false, k_substring, NULL, "from position (1 is the first, -1 the last), length"),
    F("substr", "xi?i", "1", true, false, k_substring, NULL, "as substring"),
    F("concat", "s*", "s", true, false, k_concat, NULL, "one behind the other; NULL when one is"),
    F("replace", "ss?s", "s", true, false, k_replace, NULL, "every occurrence replaced"),
    F("split_part", "ssi", "s", true, false, k_split_part, NULL,
      "the n-th part between delimiters; negative from the end"),
    F("startswith", "xx", "B", true, false, k_startswith, NULL, "true when the text starts so"),
    F("endswith", "xx", "B", true, false, k_endswith, NULL, "true when the text ends so"),
    F("contains", "xx", "B", true, false, k_contains, NULL, "true when the text holds it"),
    F("base64", "y", "s", true, false, k_base64, NULL, "bytes as base64"),
    F("unbase64", "s", "y", true, true, k_unbase64, NULL, "base64 as bytes"),
    F("hex", "a", "s", true, false, k_hex, bind_hex, "hexadecimal of a number or of bytes"),
    F("md5", "y", "s", true, false, k_md5, NULL, "MD5 as hexadecimal text"),
    F("sha1", "y", "s", true, false, k_sha1, NULL, "SHA-1 as hexadecimal text"),
    F("sha", "y", "s", true, false, k_sha1, NULL, "as sha1"),
    F("sha2", "yi", "s", true, true, k_sha2, bind_sha2, "SHA-2 of 224, 256, 384 or 512 bits (0 is 256)"),
    F("get_json_object", "ss", "s", true, true, k_get_json_object, NULL, "the value at a path such as $.a.b[0]"),
    F("from_json", "ss?a", "S", false, true, k_from_json, expr__bind_from_json, "a JSON object as a struct"),
    /* times */
    F("to_timestamp", "a?s", "t", true, false, k_same, bind_to_time, "as CAST(x AS TIMESTAMP)"),
    F("to_date", "a?s", "D", true, false, k_same, bind_to_time, "as CAST(x AS DATE)"),
    F("timestamp_seconds", "N", "t", true, false, k_timestamp_seconds, bind_seconds, "seconds since 1970"),
    F("timestamp_millis", "l", "t", true, false, k_timestamp_millis, NULL, "milliseconds since 1970"),
    F("timestamp_micros", "l", "t", true, false, k_timestamp_micros, NULL, "microseconds since 1970"),
    F("unix_seconds", "t", "l", true, false, k_unix_seconds, NULL, "seconds since 1970, rounded down"),
    F("unix_millis", "t", "l", true, false, k_unix_millis, NULL, "milliseconds since 1970, rounded down"),
    F("unix_micros", "t", "l", true, false, k_unix_micros, NULL, "microseconds since 1970"),
    F("date_trunc", "st", "t", true, true, k_date_trunc, NULL,
      "start of the year, quarter, month, week, day, hour, .."),
    F("year", "D", "i", true, false, k_year, NULL, "the year"),
    F("quarter", "D", "i", true, false, k_quarter, NULL, "1 to 4"),
    F("month", "D", "i", true, false, k_month, NULL, "1 to 12"),
    F("day", "D", "i", true, false, k_day, NULL, "day of the month"),
    F("dayofmonth", "D", "i", true, false, k_day, NULL, "as day"),
    F("dayofweek", "D", "i", true, false, k_dayofweek, NULL, "1 is Sunday"),
    F("dayofyear", "D", "i", true, false, k_dayofyear, NULL, "1 to 366"),
    F("hour", "t", "i", true, false, k_hour, NULL, "0 to 23, UTC"),
    F("minute", "t", "i", true, false, k_minute, NULL, "0 to 59"),
    F("second", "t", "i", true, false, k_second, NULL, "0 to 59"),
    F("date_add", "Di", "D", true, false, k_add_days, NULL, "days later"),
    F("datediff", "DD", "i", true, false, k_date_diff, NULL, "days from the second to the first"),
    F("current_timestamp", "", "t", false, false, k_now, NULL, "start of the epoch, the same for all its rows"),
    F("now", "", "t", false, false, k_now, NULL, "as current_timestamp"),
    F("current_date", "", "D", false, false, k_today, NULL, "date of current_timestamp"),
    /* arrays */
    F("array", "?c*", "S", false, false, k_array, expr__bind_array, "an array of the arguments"),
    F("get", "Aa", "S", true, true, k_get, expr__bind_element, "the element, the first is 0; NULL when there is none"),
    F("element_at", "Aa", "S", true, true, k_element_at, expr__bind_element,
      "the element, the first is 1, the last -1; an error when there is none"),
    F("try_element_at", "Aa", "S", true, true, k_try_element_at, expr__bind_element,
      "as element_at, NULL when there is none"),
    F("size", "A", "i", true, false, k_size, NULL, "how many elements"),
    F("cardinality", "A", "i", true, false, k_size, NULL, "as size"),
    F("array_size", "A", "i", true, false, k_size, NULL, "as size"),
    F("array_contains", "Aa", "B", true, true, k_array_contains, expr__bind_search,
      "is the value an element; NULL when only a NULL could be it"),
    F("array_position", "Aa", "l", true, false, k_array_position, expr__bind_search,
      "place of the first such element from 1, or 0"),
    F("array_min", "A", "S", true, true, k_array_min, expr__bind_of_elements, "the least element that is not NULL"),
    F("array_max", "A", "S", true, true, k_array_max, expr__bind_of_elements, "the greatest element that is not NULL"),
    F("array_join", "As?s", "s", true, false, k_array_join, expr__bind_join,
      "the elements as one text; NULLs are left out, or stand as the third argument"),
    F("sort_array", "A?B", "S", true, false, k_sort_array, expr__bind_ordered,
      "ascending, NULL first; descending when the second is false"),
    F("array_distinct", "A", "S", true, false, k_array_distinct, expr__bind_ordered,
      "every value once, the first stays"),
    F("slice", "Aii", "1", true, false, k_slice, NULL, "so many elements from that one; 1 is the first, -1 the last"),
    F("split", "ss?i", "S", true, false, k_split, expr__bind_split,
      "parts between a constant text; at most so many when the third is positive"),
    /* structs */
    F("struct", "a*", "S", false, false, k_struct, bind_struct, "a struct of the arguments"),
    F("named_struct", "aa*", "S", false, false, k_struct, bind_struct, "a struct of names and values in turn"),
};
const int n_functions = (int)(sizeof functions / sizeof functions[0]);
