/* SPDX-License-Identifier: MIT */
/* expr, inside: the kernels of the function table, by family; one thread per evaluation. */
#ifndef EXPR_KERNELS_H
#define EXPR_KERNELS_H

#include "expr/expr_priv.h"

kernel_cb k_add, k_subtract, k_multiply, k_divide, k_div, k_mod, k_negate, k_abs, k_round, k_floor, k_ceil, k_greatest,
    k_least;
kernel_cb k_not, k_is_null, k_is_not_null, k_is_true, k_is_false, k_equal, k_less, k_less_equal, k_null_safe_equal;
kernel_cb k_lower, k_upper, k_trim, k_ltrim, k_rtrim, k_length, k_substring, k_concat, k_replace, k_split_part,
    k_startswith, k_endswith, k_contains, k_like, k_base64, k_unbase64, k_unix_timestamp, k_hex, k_md5, k_sha1, k_sha2,
    k_from_json, k_get_json_object;
kernel_cb k_add_interval, k_subtract_times, k_negate_interval, k_add_days, k_add_months_to_time, k_timestamp_seconds,
    k_timestamp_millis, k_timestamp_micros, k_unix_seconds, k_unix_millis, k_unix_micros, k_date_trunc, k_year,
    k_quarter, k_month, k_day, k_hour, k_minute, k_second, k_second_fraction, k_from_csv, k_json_array_length,
    k_json_object_keys, k_format_string, k_to_csv, k_dayofweek, k_dayofyear, k_now, k_today, k_date_diff, k_struct,
    k_same;
kernel_cb k_acos, k_acosh, k_add_months, k_ascii, k_asin, k_asinh, k_atan, k_atan2, k_atanh, k_bin, k_bit_and,
    k_bit_count, k_bit_get, k_bit_length, k_bit_not, k_bit_or, k_bit_xor, k_bround, k_cbrt, k_char, k_concat_ws, k_conv,
    k_cos, k_cosh, k_cot, k_crc32, k_csc, k_date_format, k_dayname, k_decode, k_degrees, k_e, k_elt, k_encode, k_exp,
    k_expm1, k_factorial, k_find_in_set, k_format_number, k_from_unixtime, k_from_utc_timestamp, k_hash, k_hypot,
    k_initcap, k_instr, k_isnan, k_last_day, k_left, k_levenshtein, k_ln, k_locate, k_log, k_log10, k_log1p, k_log2,
    k_lpad, k_luhn_check, k_make_date, k_make_timestamp, k_monthname, k_months_between, k_nanvl, k_next_day,
    k_octet_length, k_overlay, k_parse_url, k_pi, k_pmod, k_pow, k_radians, k_read_time, k_read_unix, k_regexp_count,
    k_regexp_extract, k_regexp_instr, k_regexp_replace, k_regexp_substr, k_repeat, k_reverse, k_right, k_rint, k_rlike,
    k_rpad, k_same_int, k_sec, k_shift_left, k_shift_right, k_shift_right_unsigned, k_signum, k_sin, k_sinh, k_soundex,
    k_space, k_sqrt, k_substring_index, k_subtract_days, k_tan, k_tanh, k_timestampadd, k_timestampdiff, k_to_json,
    k_to_utc_timestamp, k_translate, k_trunc, k_try, k_try_parse_url, k_try_read_time, k_try_url_decode, k_unhex,
    k_url_decode, k_url_encode, k_weekday, k_weekday_iso, k_weekofyear, k_width_bucket, k_xxhash64, k_yearofweek;

kernel_cb k_array, k_array_concat, k_subscript, k_get, k_element_at, k_try_element_at, k_size, k_array_contains,
    k_array_position, k_array_min, k_array_max, k_array_join, k_sort_array, k_array_distinct, k_slice, k_array_reverse,
    k_split, k_split_regexp, k_transform, k_filter, k_exists, k_forall, k_aggregate, k_zip_with, k_transform_values,
    k_transform_keys, k_map_filter, k_array_intersect, k_array_except, k_arrays_overlap, k_array_sort, k_array_remove,
    k_array_compact, k_array_append, k_array_prepend, k_array_repeat, k_array_insert, k_flatten, k_arrays_zip,
    k_sequence, k_map_from_arrays, k_map_from_entries, k_map_entries, k_map_concat, k_str_to_map, k_regexp_extract_all,
    k_map, k_map_get, k_map_contains_key, k_map_keys, k_map_values, k_array_sort_by, k_map_zip_with;
kernel_cb k_to_binary, k_is_valid_utf8, k_validate_utf8, k_try_validate_utf8, k_mask, k_raise_error, k_assert_true;

/* -1, 0, 1: how Spark orders values of one type (NaN is the greatest number, -0.0 equals 0.0). Both valid. */
int kernel_compare(const struct column *x, uint32_t i, const struct column *y, uint32_t j);

/* Is it no value, a NULL or of the type of NULL? */
static inline bool kernel_is_null(const struct column *c, uint32_t i)
{
    return c->type->kind == TYPE_NULL || !column_is_valid(c, i);
}

/* The kernels above, where arguments are DECIMAL. */
struct column *decimal_arithmetic(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                                  enum ast_op op);
struct column *decimal_div(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n);
struct column *decimal_sign(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                            bool only_negative);
struct column *decimal_round(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                             enum decimal_rounding how, int digits);
struct column *decimal_seconds(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n);

#endif
