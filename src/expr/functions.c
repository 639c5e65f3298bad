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
const struct function fn_add_months = OPERATOR("+", true, false, k_add_months);
const struct function fn_add_months_to_time = OPERATOR("+", true, false, k_add_months_to_time);
const struct function fn_concat = OPERATOR("||", true, false, k_concat);

/* ---- functions whose result type needs a look at the arguments ---- */

/* round(number [, digits]): integers keep their type, DOUBLE and FLOAT too; DECIMAL loses digits. */
static bool bind_round(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    (void)ast;
    if (x->n_args > 1 && !expr__is_constant(b, x->args[1], "the number of digits"))
        return false;
    if (x->type->kind == TYPE_DECIMAL)
        x->type = expr__rounded_decimal(x->type, x->n_args > 1 ? (int)x->args[1]->value.integer : 0);
    return true;
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
        if (named &&
            !(x->args[2 * i]->type->kind == TYPE_STRING && expr__is_constant(b, x->args[2 * i], "a field name")))
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
    F("mod", "aa", "S", true, false, k_mod, expr__bind_mod, "remainder, as %"),
    F("bround", "N?i", "1", true, false, k_bround, bind_round, "rounds half to even"),
    F("rint", "d", "d", true, false, k_rint, NULL, "the nearest whole number, half to even"),
    F("pmod", "aa", "S", true, false, k_pmod, expr__bind_mod, "remainder that is not negative"),
    F("sign", "d", "d", true, false, k_signum, NULL, "-1.0, 0.0 or 1.0"),
    F("signum", "d", "d", true, false, k_signum, NULL, "as sign"),
    F("negative", "N", "1", true, false, k_negate, NULL, "-x"),
    F("positive", "n", "1", true, false, k_same, expr__bind_positive, "x"),
    F("sqrt", "d", "d", true, false, k_sqrt, NULL, "square root; NaN of negative numbers"),
    F("cbrt", "d", "d", true, false, k_cbrt, NULL, "cube root"),
    F("exp", "d", "d", true, false, k_exp, NULL, "e to the power of x"),
    F("expm1", "d", "d", true, false, k_expm1, NULL, "exp(x) - 1"),
    F("ln", "d", "d", true, true, k_ln, NULL, "natural logarithm; NULL of what is not above 0"),
    F("log", "d?d", "d", true, true, k_log, NULL, "as ln; log(base, x)"),
    F("log2", "d", "d", true, true, k_log2, NULL, "logarithm to the base 2"),
    F("log10", "d", "d", true, true, k_log10, NULL, "logarithm to the base 10"),
    F("log1p", "d", "d", true, true, k_log1p, NULL, "ln(1 + x)"),
    F("pow", "dd", "d", true, false, k_pow, NULL, "the first to the power of the second"),
    F("power", "dd", "d", true, false, k_pow, NULL, "as pow"),
    F("hypot", "dd", "d", true, false, k_hypot, NULL, "sqrt(x * x + y * y)"),
    F("sin", "d", "d", true, false, k_sin, NULL, "sine of radians"),
    F("cos", "d", "d", true, false, k_cos, NULL, "cosine"),
    F("tan", "d", "d", true, false, k_tan, NULL, "tangent"),
    F("cot", "d", "d", true, false, k_cot, NULL, "1 / tan(x)"),
    F("sec", "d", "d", true, false, k_sec, NULL, "1 / cos(x)"),
    F("csc", "d", "d", true, false, k_csc, NULL, "1 / sin(x)"),
    F("asin", "d", "d", true, false, k_asin, NULL, "arc sine"),
    F("acos", "d", "d", true, false, k_acos, NULL, "arc cosine"),
    F("atan", "d", "d", true, false, k_atan, NULL, "arc tangent"),
    F("atan2", "dd", "d", true, false, k_atan2, NULL, "angle of the point (second, first)"),
    F("sinh", "d", "d", true, false, k_sinh, NULL, "hyperbolic sine"),
    F("cosh", "d", "d", true, false, k_cosh, NULL, "hyperbolic cosine"),
    F("tanh", "d", "d", true, false, k_tanh, NULL, "hyperbolic tangent"),
    F("asinh", "d", "d", true, false, k_asinh, NULL, "inverse of sinh"),
    F("acosh", "d", "d", true, false, k_acosh, NULL, "inverse of cosh"),
    F("atanh", "d", "d", true, false, k_atanh, NULL, "inverse of tanh"),
    F("degrees", "d", "d", true, false, k_degrees, NULL, "radians as degrees"),
    F("radians", "d", "d", true, false, k_radians, NULL, "degrees as radians"),
    F("pi", "", "d", false, false, k_pi, NULL, "3.141592653589793"),
    F("e", "", "d", false, false, k_e, NULL, "2.718281828459045"),
    F("factorial", "i", "l", true, true, k_factorial, NULL, "NULL outside of 0 to 20"),
    F("width_bucket", "dddl", "l", true, true, k_width_bucket, NULL, "number of the bucket between second and third"),
    F("isnan", "a", "B", false, false, k_isnan, expr__bind_nan, "never NULL"),
    F("nanvl", "aa", "S", true, true, k_nanvl, expr__bind_nan, "the second where the first is NaN"),
    F("bin", "l", "s", true, false, k_bin, NULL, "binary digits"),
    F("conv", "sii", "s", true, true, k_conv, NULL, "from one base to another, 2 to 36"),
    F("shiftleft", "ai", "S", true, false, k_shift_left, expr__bind_shift, "bits to the left"),
    F("shiftright", "ai", "S", true, false, k_shift_right, expr__bind_shift, "bits to the right, sign kept"),
    F("shiftrightunsigned", "ai", "S", true, false, k_shift_right_unsigned, expr__bind_shift, "zeros come in"),
    F("bit_count", "a", "S", true, false, k_bit_count, expr__bind_bits, "how many bits are 1"),
    F("bit_get", "ai", "S", true, false, k_bit_get, expr__bind_bits, "the bit at that place; 0 is the lowest"),
    F("getbit", "ai", "S", true, false, k_bit_get, expr__bind_bits, "as bit_get"),
    F("try_add", "aa", "S", true, true, k_try, expr__bind_try, "+; NULL where that is an error"),
    F("try_subtract", "aa", "S", true, true, k_try, expr__bind_try, "-; NULL where that is an error"),
    F("try_multiply", "aa", "S", true, true, k_try, expr__bind_try, "*; NULL where that is an error"),
    F("try_divide", "aa", "S", true, true, k_try, expr__bind_try, "/; NULL where that is an error"),
    F("try_mod", "aa", "S", true, true, k_try, expr__bind_try, "%; NULL where that is an error"),
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
    F("concat", "?a*", "S", true, false, k_concat, expr__bind_texts, "one behind the other; NULL when one is"),
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
    F("sha2", "yi", "s", true, true, k_sha2, NULL, "SHA-2 of 224, 256, 384 or 512 bits (0 is 256)"),
    F("get_json_object", "ss", "s", true, true, k_get_json_object, NULL, "the value at a path such as $.a.b[0]"),
    F("json_array_length", "s", "i", true, true, k_json_array_length, NULL,
      "elements of a JSON array; NULL for others"),
    F("json_object_keys", "s", "S", true, true, k_json_object_keys, expr__bind_text_list,
      "names of a JSON object; NULL for others"),
    F("from_json", "ss?a", "S", false, true, k_from_json, expr__bind_from_json, "a JSON object as a struct"),
    F("from_csv", "ss?a", "S", false, true, k_from_csv, expr__bind_from_csv, "a line of CSV as a struct"),
    F("to_csv", "a", "s", true, false, k_to_csv, expr__bind_to_csv, "a struct as a line of CSV"),
    F("initcap", "s", "s", true, false, k_initcap, NULL, "words with a capital letter"),
    F("btrim", "s?s", "s", true, false, k_trim, expr__bind_btrim, "trim with the characters second"),
    F("lpad", "ai?a", "S", true, false, k_lpad, expr__bind_texts, "filled or cut to that length, in front"),
    F("rpad", "ai?a", "S", true, false, k_rpad, expr__bind_texts, "filled or cut to that length, behind"),
    F("character_length", "x", "i", true, false, k_length, NULL, "as length"),
    F("octet_length", "x", "i", true, false, k_octet_length, NULL, "bytes"),
    F("bit_length", "x", "i", true, false, k_bit_length, NULL, "bits"),
    F("left", "xi", "1", true, false, k_left, NULL, "the first characters"),
    F("right", "si", "s", true, false, k_right, NULL, "the last characters"),
    F("concat_ws", "s?s*", "s", false, true, k_concat_ws, NULL, "with the first between the others; NULLs left out"),
    F("translate", "sss", "s", true, false, k_translate, NULL, "characters of the second by those of the third"),
    F("overlay", "aai?i", "S", true, false, k_overlay, expr__bind_texts, "the second from a position on"),
    F("repeat", "si", "s", true, false, k_repeat, NULL, "so often"),
    F("reverse", "s", "s", true, false, k_reverse, NULL, "back to front"),
    F("space", "i", "s", true, false, k_space, NULL, "blanks"),
    F("substring_index", "ssi", "s", true, false, k_substring_index, NULL, "up to the n-th delimiter"),
    F("instr", "ss", "i", true, false, k_instr, NULL, "where the second stands in the first, from 1; 0 nowhere"),
    F("locate", "ss?i", "i", false, true, k_locate, NULL, "where the first stands in the second"),
    F("position", "ss?i", "i", false, true, k_locate, NULL, "as locate"),
    F("charindex", "ss?i", "i", false, true, k_locate, NULL, "as locate"),
    F("ascii", "s", "i", true, false, k_ascii, NULL, "code point of the first character"),
    F("char", "l", "s", true, false, k_char, NULL, "the character of that code, modulo 256"),
    F("chr", "l", "s", true, false, k_char, NULL, "as char"),
    F("elt", "is*", "s", false, true, k_elt, NULL, "the n-th of the others"),
    F("find_in_set", "ss", "i", true, false, k_find_in_set, NULL, "place among the parts between commas"),
    F("levenshtein", "ss?i", "i", true, false, k_levenshtein, NULL, "edits from one to the other; -1 above the third"),
    F("soundex", "s", "s", true, false, k_soundex, NULL, "as it sounds in English"),
    F("mask", "a?aaaa", "s", false, true, k_mask, expr__bind_mask,
      "capital letters as X, small ones as x, digits as n, or as the other arguments say"),
    F("luhn_check", "s", "B", true, false, k_luhn_check, NULL, "true for digits with a good check digit"),
    F("format_number", "Ni", "s", true, true, k_format_number, expr__bind_no_decimal, "1,234.50"),
    F("format_string", "s?a*", "s", false, false, k_format_string, expr__bind_format_string,
      "Java's Formatter: %s %d %x %X %f %e %b with width, precision and flags"),
    F("printf", "s?a*", "s", false, false, k_format_string, expr__bind_format_string, "as format_string"),
    F("like", "ss", "B", true, false, k_like, expr__bind_like, "LIKE"),
    F("ilike", "ss", "B", true, false, k_like, expr__bind_like, "ILIKE"),
    F("regexp_like", "ss", "B", true, false, k_rlike, expr__bind_regexp, "true when the pattern is found"),
    F("regexp", "ss", "B", true, false, k_rlike, expr__bind_regexp, "as regexp_like"),
    F("rlike", "ss", "B", true, false, k_rlike, expr__bind_regexp, "as regexp_like"),
    F("regexp_extract", "ss?i", "s", true, false, k_regexp_extract, expr__bind_regexp, "a group of the first match"),
    F("regexp_replace", "sss?i", "s", true, false, k_regexp_replace, expr__bind_regexp,
      "matches replaced; $1 is a group"),
    F("regexp_count", "ss", "i", true, false, k_regexp_count, expr__bind_regexp, "how many matches"),
    F("regexp_substr", "ss", "s", true, true, k_regexp_substr, expr__bind_regexp, "the first match, or NULL"),
    F("regexp_instr", "ss?i", "i", true, false, k_regexp_instr, expr__bind_regexp,
      "where the first match begins, or 0"),
    F("unhex", "s", "y", true, true, k_unhex, NULL, "hexadecimal digits as bytes"),
    F("to_binary", "s?s", "y", true, false, k_to_binary, expr__bind_to_binary,
      "bytes of a text of 'hex' digits, 'base64' or 'utf-8'"),
    F("try_to_binary", "s?s", "y", true, true, k_try, expr__bind_to_binary, "NULL where that is an error"),
    F("is_valid_utf8", "x", "B", true, false, k_is_valid_utf8, NULL, "are the bytes those of a text"),
    F("make_valid_utf8", "a", "s", true, false, k_same, expr__bind_cast_utf8, "with U+FFFD for what is no character"),
    F("validate_utf8", "x", "s", true, false, k_validate_utf8, NULL, "an error unless the bytes are those of a text"),
    F("try_validate_utf8", "x", "s", true, true, k_try_validate_utf8, NULL, "NULL where that is an error"),
    F("encode", "ss", "y", true, false, k_encode, NULL, "bytes in a character set such as UTF-16BE"),
    F("decode", "ys", "s", true, false, k_decode, NULL, "text from a character set; with more arguments see below"),
    F("url_encode", "s", "s", true, false, k_url_encode, NULL, "for a query: a%20b"),
    F("url_decode", "s", "s", true, false, k_url_decode, NULL, "back again"),
    F("try_url_decode", "s", "s", true, true, k_try_url_decode, NULL, "NULL where that is an error"),
    F("parse_url", "ss?s", "s", true, true, k_parse_url, NULL, "HOST, PATH, QUERY, REF, PROTOCOL, FILE .. of a URL"),
    F("try_parse_url", "ss?s", "s", true, true, k_try_parse_url, NULL, "NULL for what is no URL"),
    F("crc32", "y", "l", true, false, k_crc32, NULL, "CRC-32"),
    F("hash", "a*", "i", false, false, k_hash, expr__bind_hash, "Murmur3 of all arguments, as Spark's"),
    F("xxhash64", "a*", "l", false, false, k_xxhash64, expr__bind_hash, "xxHash of all arguments, as Spark's"),
    F("schema_of_json", "s", "s", false, false, k_same, expr__bind_schema_of_json,
      "the schema of a constant JSON text, as from_json takes it"),
    F("to_json", "a", "s", true, false, k_to_json, expr__bind_to_json, "a struct, array or map as JSON"),
    F("typeof", "a", "s", false, false, k_same, expr__bind_typeof, "name of the type"),
    /* times */
    F("to_timestamp", "a?s", "t", true, false, k_same, expr__bind_to_time, "as CAST(x AS TIMESTAMP), or by a pattern"),
    F("to_timestamp_ltz", "a?s", "t", true, false, k_same, expr__bind_to_time, "as to_timestamp"),
    F("to_date", "a?s", "D", true, false, k_same, expr__bind_to_time, "as CAST(x AS DATE), or by a pattern"),
    F("try_to_timestamp", "a?s", "t", true, true, k_same, expr__bind_to_time, "NULL for what cannot be read"),
    F("try_to_date", "a?s", "D", true, true, k_same, expr__bind_to_time, "NULL for what cannot be read"),
    F("date_format", "ts", "s", true, false, k_date_format, expr__bind_format, "laid out by a pattern"),
    F("to_char", "as", "s", true, false, k_same, expr__bind_to_char,
      "a time by a pattern, as date_format; bytes as 'hex', 'base64' or 'utf-8'"),
    F("to_varchar", "as", "s", true, false, k_same, expr__bind_to_char, "as to_char"),
    F("unix_timestamp", "?as", "l", true, false, k_same, expr__bind_unix, "seconds since 1970; of a text by a pattern"),
    F("to_unix_timestamp", "a?s", "l", true, false, k_same, expr__bind_unix, "as unix_timestamp"),
    F("from_unixtime", "l?s", "s", true, false, k_from_unixtime, expr__bind_format, "seconds laid out by a pattern"),
    F("from_utc_timestamp", "ts", "t", true, false, k_from_utc_timestamp, expr__bind_zone,
      "its local time in a zone: 'Europe/Berlin', '+02:00'"),
    F("to_utc_timestamp", "ts", "t", true, false, k_to_utc_timestamp, expr__bind_zone, "of a local time in a zone"),
    F("current_timezone", "", "s", false, false, k_same, expr__bind_current_zone, "UTC, always"),
    F("unix_date", "D", "i", true, false, k_same_int, NULL, "days since 1970"),
    F("date_from_unix_date", "i", "D", true, false, k_same_int, NULL, "days since 1970"),
    F("trunc", "Ds", "D", true, true, k_trunc, NULL, "start of the year, quarter, month or week"),
    F("weekday", "D", "i", true, false, k_weekday, NULL, "0 is Monday"),
    F("weekofyear", "D", "i", true, false, k_weekofyear, NULL, "ISO week"),
    F("dayname", "D", "s", true, false, k_dayname, NULL, "Mon, Tue, .."),
    F("monthname", "D", "s", true, false, k_monthname, NULL, "Jan, Feb, .."),
    F("extract", "sa", "i", true, false, k_same, expr__bind_part, "extract(YEAR FROM x)"),
    F("date_part", "sa", "i", true, false, k_same, expr__bind_part, "as extract, the field as a text"),
    F("datepart", "sa", "i", true, false, k_same, expr__bind_part, "as date_part"),
    F("dateadd", "Di", "D", true, false, k_add_days, NULL, "as date_add"),
    F("date_sub", "Di", "D", true, false, k_subtract_days, NULL, "days earlier"),
    F("date_diff", "DD", "i", true, false, k_date_diff, NULL, "as datediff"),
    F("timestampadd", "slt", "t", true, false, k_timestampadd, expr__bind_unit, "timestampadd(HOUR, 3, ts)"),
    F("timestampdiff", "stt", "l", true, false, k_timestampdiff, expr__bind_unit, "whole units from the second on"),
    F("add_months", "Di", "D", true, false, k_add_months, NULL, "months later, at most the last of the month"),
    F("months_between", "tt?B", "d", true, false, k_months_between, NULL, "of 31 days, rounded to 8 digits"),
    F("last_day", "D", "D", true, false, k_last_day, NULL, "last of the month"),
    F("next_day", "Ds", "D", true, false, k_next_day, NULL, "the first such weekday behind"),
    F("make_date", "iii", "D", true, false, k_make_date, NULL, "year, month, day"),
    F("make_timestamp", "iiiiid?s", "t", true, false, k_make_timestamp, expr__bind_make_timestamp,
      "year, month, day, hour, minute, seconds, of that zone"),
    F("make_timestamp_ltz", "iiiiid?s", "t", true, false, k_make_timestamp, expr__bind_make_timestamp,
      "as make_timestamp"),
    F("try_make_timestamp", "iiiiid?s", "t", true, true, k_make_timestamp, expr__bind_make_timestamp,
      "NULL where that is an error"),
    F("try_make_timestamp_ltz", "iiiiid?s", "t", true, true, k_make_timestamp, expr__bind_make_timestamp,
      "as try_make_timestamp"),
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
    F("curdate", "", "D", false, false, k_today, NULL, "as current_date"),
    F("current_date", "", "D", false, false, k_today, NULL, "date of current_timestamp"),
    /* arrays */
    F("array", "?c*", "S", false, false, k_array, expr__bind_array, "an array of the arguments"),
    F("get", "Aa", "S", true, true, k_get, expr__bind_element, "the element, the first is 0; NULL when there is none"),
    F("element_at", "Qa", "S", true, true, k_element_at, expr__bind_element,
      "the element, the first is 1, the last -1; an error when there is none"),
    F("try_element_at", "Qa", "S", true, true, k_try_element_at, expr__bind_element,
      "as element_at, NULL when there is none"),
    F("size", "Q", "i", true, false, k_size, NULL, "how many elements"),
    F("cardinality", "Q", "i", true, false, k_size, NULL, "as size"),
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
    F("array_sort", "A?L", "S", true, false, k_array_sort, expr__bind_array_sort,
      "ascending, NULL last; or by (x, y) -> .., which gives an INT below, equal to or above 0"),
    F("array_union", "AA", "S", true, false, k_array_concat, expr__bind_sets,
      "what is in one of both, every value once"),
    F("array_intersect", "AA", "S", true, false, k_array_intersect, expr__bind_sets,
      "what is in both, every value once"),
    F("array_except", "AA", "S", true, false, k_array_except, expr__bind_sets,
      "what is in the first only, every value once"),
    F("arrays_overlap", "AA", "B", true, true, k_arrays_overlap, expr__bind_sets,
      "is a value in both; NULL when only a NULL could be it"),
    F("array_remove", "Aa", "S", true, false, k_array_remove, expr__bind_remove, "without the elements of that value"),
    F("array_compact", "A", "1", true, false, k_array_compact, NULL, "without the NULLs"),
    F("array_append", "Aa", "S", false, true, k_array_append, expr__bind_put, "with the value behind"),
    F("array_prepend", "Aa", "S", false, true, k_array_prepend, expr__bind_put, "with the value in front"),
    F("array_insert", "Aia", "S", false, true, k_array_insert, expr__bind_put,
      "with the third at that place from 1, or from -1 behind the end; NULLs between"),
    F("array_repeat", "ai", "S", false, true, k_array_repeat, expr__bind_repeat, "the value so often"),
    F("flatten", "A", "S", true, true, k_flatten, expr__bind_flatten, "the elements of arrays in an array"),
    F("arrays_zip", "A*", "S", true, false, k_arrays_zip, expr__bind_arrays_zip,
      "structs of the elements in step; NULL behind the end of the shorter"),
    F("sequence", "aa?a", "S", true, false, k_sequence, expr__bind_sequence,
      "from the first to the second, by 1 or the third; times by an INTERVAL"),
    F("split", "ss?i", "S", true, false, k_split, expr__bind_split,
      "parts between matches of a regular expression; at most so many when the third is positive"),
    F("regexp_extract_all", "ss?i", "S", true, false, k_regexp_extract_all, expr__bind_regexp_all,
      "a group of every match"),
    /* functions over elements */
    F("transform", "AL", "S", true, false, k_transform, expr__bind_transform,
      "every element x as the function gives it; (x, i) -> .. has its index from 0 too"),
    F("filter", "AL", "1", true, false, k_filter, expr__bind_choice,
      "the elements for which it is true; (x, i) -> .. too"),
    F("exists", "AL", "B", true, true, k_exists, expr__bind_choice,
      "is it true for one; NULL when only a NULL could be"),
    F("forall", "AL", "B", true, true, k_forall, expr__bind_choice,
      "is it true for all; NULL when a NULL could be not"),
    F("aggregate", "AaL?L", "S", false, true, k_aggregate, expr__bind_aggregate,
      "from a start value by (acc, x) -> .., then acc -> .."),
    F("reduce", "AaL?L", "S", false, true, k_aggregate, expr__bind_aggregate, "as aggregate"),
    F("zip_with", "AAL", "S", true, false, k_zip_with, expr__bind_zip,
      "(x, y) -> .. of both in step; NULL behind the end of the shorter"),
    F("transform_values", "ML", "S", true, false, k_transform_values, expr__bind_map_lambda, "values by (k, v) -> .."),
    F("transform_keys", "ML", "S", true, false, k_transform_keys, expr__bind_map_lambda, "keys by (k, v) -> .."),
    F("map_filter", "ML", "1", true, false, k_map_filter, expr__bind_map_lambda,
      "entries for which (k, v) -> .. is true"),
    F("map_zip_with", "MML", "S", true, false, k_map_zip_with, expr__bind_map_zip,
      "(k, v1, v2) -> .. for every key of one of both; NULL where a map does not have it"),
    /* maps */
    F("map", "?a*", "S", false, false, k_map, expr__bind_map, "a map of keys and values in turn"),
    F("map_from_arrays", "AA", "S", true, false, k_map_from_arrays, expr__bind_map_from_arrays, "keys, values"),
    F("map_from_entries", "A", "S", true, true, k_map_from_entries, expr__bind_map_from_entries,
      "of structs with key and value"),
    F("map_entries", "M", "S", true, false, k_map_entries, expr__bind_map_entries, "structs with key and value"),
    F("map_concat", "M*", "S", true, false, k_map_concat, expr__bind_map_concat,
      "one map of all; a key twice is an error"),
    F("str_to_map", "s?ss", "S", true, false, k_str_to_map, expr__bind_str_to_map,
      "'a:1,b:2' as a map; other texts between pairs, and key and value, as second and third"),
    F("map_keys", "M", "S", true, false, k_map_keys, expr__bind_map_parts, "the keys"),
    F("map_values", "M", "S", true, false, k_map_values, expr__bind_map_parts, "the values"),
    F("map_contains_key", "Ma", "B", true, false, k_map_contains_key, expr__bind_map_search, "is there such a key"),
    /* structs */
    F("struct", "a*", "S", false, false, k_struct, bind_struct, "a struct of the arguments"),
    F("named_struct", "aa*", "S", false, false, k_struct, bind_struct, "a struct of names and values in turn"),
    /* casts by name */
    F("boolean", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS BOOLEAN)"),
    F("tinyint", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS TINYINT)"),
    F("smallint", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS SMALLINT)"),
    F("int", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS INT)"),
    F("bigint", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS BIGINT)"),
    F("float", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS FLOAT)"),
    F("double", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS DOUBLE)"),
    F("decimal", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS DECIMAL(10,0))"),
    F("string", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS STRING)"),
    F("binary", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS BINARY)"),
    F("date", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS DATE)"),
    F("timestamp", "a", "S", true, false, k_same, expr__bind_cast_call, "CAST(x AS TIMESTAMP)"),
    F("raise_error", "s", "S", false, true, k_raise_error, expr__bind_raise, "fails with that text"),
    F("assert_true", "B?s", "S", false, true, k_assert_true, expr__bind_raise, "NULL; fails unless it is true"),
    F("equal_null", "aa", "B", false, false, k_null_safe_equal, expr__bind_equal_null, "as <=>"),
};
const int n_functions = (int)(sizeof functions / sizeof functions[0]);
