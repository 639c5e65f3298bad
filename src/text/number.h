/* SPDX-License-Identifier: MIT */
/* text/number: numbers as Spark's CAST reads and prints them. Any thread; the C locale is assumed. */
#ifndef TEXT_NUMBER_H
#define TEXT_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum parsed { PARSED_OK, PARSED_INVALID, PARSED_OVERFLOW };

/* Optional sign and digits, blanks around allowed (UTF8String.toLongExact). A BIGINT at most. */
enum parsed integer_parse(const char *text, size_t n, int64_t *out);
/* Java's Double.parseDouble plus Spark's NaN, Infinity, inf spellings (any case); blanks around allowed. */
enum parsed double_parse(const char *text, size_t n, double *out);
/* true/t/yes/y/1, false/f/no/n/0, any case, blanks around. */
enum parsed boolean_parse(const char *text, size_t n, bool *out);

/* The shortest digits that read back, laid out as Java does: 1.0E7, 1.0E-4, 123.45, NaN, -Infinity. */
#define NUMBER_TEXT_MAX 40
size_t double_print(double v, char out[NUMBER_TEXT_MAX]);
size_t float_print(float v, char out[NUMBER_TEXT_MAX]);
size_t integer_print(int64_t v, char out[NUMBER_TEXT_MAX]);

#endif
