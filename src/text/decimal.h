/* SPDX-License-Identifier: MIT */
/* text/decimal: DECIMAL values as text, in the syntax of java.math.BigDecimal. Any thread. */
#ifndef TEXT_DECIMAL_H
#define TEXT_DECIMAL_H

#include "base/decimal.h"
#include "text/number.h"

/* Sign, digits with a point, exponent; no blanks. Rounded half up to the scale; OVERFLOW: too many digits then. */
enum parsed decimal_parse(const char *text, size_t n, int precision, int scale, int128 *out);
/* A field of JSON or CSV: as decimal_parse, commas left out. */
enum parsed decimal_parse_field(const char *text, size_t n, int precision, int scale, int128 *out);

#define DECIMAL_TEXT_MAX 48
/* All digits of the scale, never an exponent: 0.50, -12, 0.000001. */
size_t decimal_print(struct decimal v, char out[DECIMAL_TEXT_MAX]);
double decimal_to_double(struct decimal v); /* the nearest */
float  decimal_to_float(struct decimal v);

#endif
