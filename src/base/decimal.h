/* SPDX-License-Identifier: MIT */
/*
 * base/decimal: exact numbers of up to 38 digits, the values of DECIMAL(precision, scale): unscaled in 128 bits.
 *
 * Results are Spark's to the digit (Decimal.scala over java.math.BigDecimal): products are rounded to 38 significant
 * digits and quotients to 38 places before they take their scale, always half away from zero. Any thread.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#define DECIMAL_DIGITS_MAX 38

__extension__ typedef __int128          int128;
__extension__ typedef unsigned __int128 uint128;

struct decimal {
    int128 value; /* stands for value / 10^scale; |value| < 10^38 */
    int    scale; /* 0 to 38 */
};

enum decimal_rounding { DECIMAL_HALF_UP, DECIMAL_HALF_EVEN, DECIMAL_FLOOR, DECIMAL_CEILING, DECIMAL_DOWN };

int128 decimal_power(int n);               /* 10^n, n from 0 to 38 */
bool   decimal_fits(int128 v, int digits); /* |v| < 10^digits */
int    decimal_digits(int128 v);           /* of |v|, at least 1 */

/* v at another scale (which may be negative: to tens, hundreds). False: it has more digits than `precision` then. */
bool decimal_rescale(struct decimal v, enum decimal_rounding how, int precision, int scale, int128 *out);
/* The result as DECIMAL(precision, scale). False: it has more digits. */
bool decimal_add(struct decimal a, struct decimal b, int precision, int scale, int128 *out);
bool decimal_multiply(struct decimal a, struct decimal b, int precision, int scale, int128 *out);
bool decimal_divide(struct decimal a, struct decimal b, int precision, int scale, int128 *out);    /* b is not 0 */
bool decimal_remainder(struct decimal a, struct decimal b, int precision, int scale, int128 *out); /* b is not 0 */
/* The whole part of a / b; b is not 0. */
bool decimal_quotient(struct decimal a, struct decimal b, int precision, int128 *out);

#endif
