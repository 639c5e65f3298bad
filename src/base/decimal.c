/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

#include <string.h>

#include "base/error.h"

#define E18 INT64_C(1000000000000000000)
#define P18(x) ((int128)(x) * E18)

static const int64_t small_powers[] = {1,
                                       10,
                                       100,
                                       1000,
                                       10000,
                                       100000,
                                       1000000,
                                       10000000,
                                       100000000,
                                       1000000000,
                                       10000000000,
                                       100000000000,
                                       1000000000000,
                                       10000000000000,
                                       100000000000000,
                                       1000000000000000,
                                       10000000000000000,
                                       100000000000000000,
                                       E18};

int128 decimal_power(int n)
{
    CHECK(n >= 0 && n <= DECIMAL_DIGITS_MAX);
    return n <= 18 ? small_powers[n] : n <= 36 ? P18(small_powers[n - 18]) : P18(E18) * small_powers[n - 36];
}

bool decimal_fits(int128 v, int digits)
{
    int128 limit = decimal_power(digits);
    return v > -limit && v < limit;
}

static uint128 magnitude(int128 v) { return v < 0 ? -(uint128)v : (uint128)v; }

int decimal_digits(int128 v)
{
    int n = 1;
    for (uint128 m = magnitude(v); n < DECIMAL_DIGITS_MAX && m >= (uint128)decimal_power(n);)
        n++;
    return n;
}

/* ---- wider than 128 bits: the rare values that need it ---- */

#define WORDS 6 /* 10^38 * 10^76 and more */

struct wide {
    uint64_t w[WORDS]; /* least significant first */
};

static struct wide wide_of(uint128 v) { return (struct wide){{(uint64_t)v, (uint64_t)(v >> 64)}}; }

static void wide_multiply(struct wide *x, uint64_t by)
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        uint128 v = (uint128)x->w[i] * by + carry;
        x->w[i] = (uint64_t)v;
        carry = (uint64_t)(v >> 64);
    }
    CHECK(carry == 0);
}

static void wide_scale_up(struct wide *x, int n)
{
    for (; n > 0; n -= 18)
        wide_multiply(x, (uint64_t)small_powers[n < 18 ? n : 18]);
}

static struct wide wide_product(uint128 a, uint128 b)
{
    struct wide high = wide_of(a), low = high;
    wide_multiply(&low, (uint64_t)b);
    wide_multiply(&high, (uint64_t)(b >> 64));
    uint64_t carry = 0;
    for (int i = 1; i < WORDS; i++) {
        uint128 v = (uint128)low.w[i] + high.w[i - 1] + carry;
        low.w[i] = (uint64_t)v;
        carry = (uint64_t)(v >> 64);
    }
    return low;
}

static int wide_compare(const struct wide *a, const struct wide *b)
{
    for (int i = WORDS - 1; i >= 0; i--)
        if (a->w[i] != b->w[i])
            return a->w[i] < b->w[i] ? -1 : 1;
    return 0;
}

/* a + b, or a - b where a is not below b. */
static void wide_add(struct wide *a, const struct wide *b, bool subtract)
{
    uint64_t carry = subtract;
    for (int i = 0; i < WORDS; i++) {
        uint128 v = (uint128)a->w[i] + (subtract ? ~b->w[i] : b->w[i]) + carry;
        a->w[i] = (uint64_t)v;
        carry = (uint64_t)(v >> 64);
    }
}

static uint64_t wide_divide_small(struct wide *x, uint64_t by)
{
    uint64_t rest = 0;
    for (int i = WORDS - 1; i >= 0; i--) {
        uint128 v = (uint128)rest << 64 | x->w[i];
        x->w[i] = (uint64_t)(v / by);
        rest = (uint64_t)(v % by);
    }
    return rest;
}

/* Drops n digits; half up when asked. */
static void wide_scale_down(struct wide *x, int n, bool half_up)
{
    static const struct wide one = {{1}};
    if (n == 0)
        return;
    for (int left = n - 1; left > 0; left -= 18)
        wide_divide_small(x, (uint64_t)small_powers[left < 18 ? left : 18]);
    if (wide_divide_small(x, 10) >= 5 && half_up)
        wide_add(x, &one, false);
}

/* *x becomes the quotient; the rest is returned. Bit by bit: x has at most 384 of them. */
static struct wide wide_divide(struct wide *x, const struct wide *by)
{
    struct wide rest = {{0}};
    for (int bit = WORDS * 64 - 1; bit >= 0; bit--) {
        for (int i = WORDS - 1; i > 0; i--)
            rest.w[i] = rest.w[i] << 1 | rest.w[i - 1] >> 63;
        uint64_t mask = (uint64_t)1 << (bit % 64);
        rest.w[0] = rest.w[0] << 1 | !!(x->w[bit / 64] & mask);
        x->w[bit / 64] &= ~mask;
        if (wide_compare(&rest, by) >= 0) {
            wide_add(&rest, by, true);
            x->w[bit / 64] |= mask;
        }
    }
    return rest;
}

static int wide_digits(struct wide x)
{
    int n = 0;
    for (;; n++) {
        bool zero = true;
        for (int i = 0; i < WORDS; i++)
            zero = zero && x.w[i] == 0;
        if (zero)
            return n;
        wide_divide_small(&x, 10);
    }
}

/* Back to 128 bits at another scale. */
static bool wide_narrow(struct wide x, bool negative, int from, int precision, int scale, int128 *out)
{
    if (scale < from)
        wide_scale_down(&x, from - scale, true);
    else if (wide_digits(x) + scale - from > DECIMAL_DIGITS_MAX)
        return false;
    else
        wide_scale_up(&x, scale - from);
    uint128 v = (uint128)x.w[1] << 64 | x.w[0];
    for (int i = 2; i < WORDS; i++)
        if (x.w[i])
            return false;
    if (v >= (uint128)decimal_power(precision))
        return false;
    *out = negative ? -(int128)v : (int128)v;
    return true;
}

/* ---- scale ---- */

/* What is added to the whole part, for a rest of the sign of the value. */
static int128 round_by(int128 whole, int128 rest, int128 unit, enum decimal_rounding how)
{
    uint128 twice = magnitude(rest) * 2;
    int128  away = rest < 0 ? -1 : 1;
    if (rest == 0)
        return 0;
    switch (how) {
    case DECIMAL_HALF_UP:
        return twice >= (uint128)unit ? away : 0;
    case DECIMAL_HALF_EVEN:
        return twice > (uint128)unit || (twice == (uint128)unit && whole % 2) ? away : 0;
    case DECIMAL_FLOOR:
        return rest < 0 ? -1 : 0;
    case DECIMAL_CEILING:
        return rest > 0 ? 1 : 0;
    case DECIMAL_DOWN:
        break;
    }
    return 0;
}

static bool checked(int128 v, int precision, int128 *out)
{
    *out = v;
    return decimal_fits(v, precision);
}

bool decimal_rescale(struct decimal v, enum decimal_rounding how, int precision, int scale, int128 *out)
{
    int drop = v.scale - scale;
    if (drop <= 0) {
        if (v.value == 0)
            return checked(0, precision, out);
        return -drop <= DECIMAL_DIGITS_MAX && !__builtin_mul_overflow(v.value, decimal_power(-drop), out) &&
               decimal_fits(*out, precision);
    }
    if (drop > DECIMAL_DIGITS_MAX) { /* less than a tenth of a unit */
        int up = how == DECIMAL_CEILING && v.value > 0, down = how == DECIMAL_FLOOR && v.value < 0;
        return checked(up - down, precision, out);
    }
    int128 unit = decimal_power(drop), whole, rest;
    if (unit <= INT64_MAX && v.value == (int64_t)v.value) { /* a division of 64 bits is several times faster */
        whole = (int64_t)v.value / (int64_t)unit;
        rest = (int64_t)v.value % (int64_t)unit;
    } else {
        whole = v.value / unit;
        rest = v.value % unit;
    }
    return checked(whole + round_by(whole, rest, unit, how), precision, out);
}

/* ---- arithmetic ---- */

/* v * 10^n, or false when 128 bits are too few. */
static bool raise(int128 v, int n, int128 *out)
{
    return n <= DECIMAL_DIGITS_MAX && !__builtin_mul_overflow(v, decimal_power(n), out);
}

bool decimal_add(struct decimal a, struct decimal b, int precision, int scale, int128 *out)
{
    int    common = a.scale > b.scale ? a.scale : b.scale;
    int128 x, y, sum;
    if (raise(a.value, common - a.scale, &x) && raise(b.value, common - b.scale, &y) &&
        !__builtin_add_overflow(x, y, &sum))
        return decimal_rescale((struct decimal){sum, common}, DECIMAL_HALF_UP, precision, scale, out);
    struct wide p = wide_of(magnitude(a.value)), q = wide_of(magnitude(b.value));
    bool        negative = a.value < 0, other = b.value < 0;
    wide_scale_up(&p, common - a.scale);
    wide_scale_up(&q, common - b.scale);
    if (wide_compare(&p, &q) < 0) {
        struct wide swap = p;
        p = q;
        q = swap;
        negative = b.value < 0;
        other = a.value < 0;
    }
    wide_add(&p, &q, negative != other);
    return wide_narrow(p, negative, common, precision, scale, out);
}

bool decimal_multiply(struct decimal a, struct decimal b, int precision, int scale, int128 *out)
{
    int128 product;
    int    exact = a.scale + b.scale;
    if (!__builtin_mul_overflow(a.value, b.value, &product) && decimal_fits(product, DECIMAL_DIGITS_MAX))
        return decimal_rescale((struct decimal){product, exact}, DECIMAL_HALF_UP, precision, scale, out);
    struct wide x = wide_product(magnitude(a.value), magnitude(b.value));
    int         more = wide_digits(x) - DECIMAL_DIGITS_MAX;
    wide_scale_down(&x, more > 0 ? more : 0, true);
    return wide_narrow(x, (a.value < 0) != (b.value < 0), exact - (more > 0 ? more : 0), precision, scale, out);
}

/* The quotient at its scale from one division of 128 bits; false: it needs more. */
static bool divide_fast(struct decimal a, struct decimal b, int scale, uint128 *out)
{
    int     n = scale + b.scale - a.scale;
    int128  x;
    uint128 by = magnitude(b.value), rest;
    if (n < 0 || !raise(a.value, n, &x))
        return false;
    *out = magnitude(x) / by;
    rest = magnitude(x) % by;
    if (rest * 2 >= by) {
        ++*out;
    } else if (scale < DECIMAL_DIGITS_MAX) { /* a half that only appears when 38 places are rounded first */
        uint128 missing = by - rest * 2;
        *out += missing <= by / (uint128)decimal_power(DECIMAL_DIGITS_MAX - scale);
    }
    return true;
}

bool decimal_divide(struct decimal a, struct decimal b, int precision, int scale, int128 *out)
{
    uint128 quick;
    bool    negative = (a.value < 0) != (b.value < 0);
    if (divide_fast(a, b, scale, &quick)) {
        *out = negative ? -(int128)quick : (int128)quick;
        return quick < (uint128)decimal_power(precision);
    }
    static const struct wide one = {{1}};
    struct wide              x = wide_of(magnitude(a.value)), by = wide_of(magnitude(b.value));
    wide_scale_up(&x, DECIMAL_DIGITS_MAX + b.scale - a.scale);
    struct wide rest = wide_divide(&x, &by), same = rest;
    wide_add(&rest, &same, false);
    if (wide_compare(&rest, &by) >= 0)
        wide_add(&x, &one, false);
    return wide_narrow(x, negative, DECIMAL_DIGITS_MAX, precision, scale, out);
}

/* Whole part and rest (at the larger of both scales) of a / b, as magnitudes. */
static void split(struct decimal a, struct decimal b, struct wide *whole, struct wide *rest)
{
    int    common = a.scale > b.scale ? a.scale : b.scale;
    int128 x, y;
    if (raise(a.value, common - a.scale, &x) && raise(b.value, common - b.scale, &y)) {
        *whole = wide_of(magnitude(x) / magnitude(y));
        *rest = wide_of(magnitude(x) % magnitude(y));
        return;
    }
    struct wide by = wide_of(magnitude(b.value));
    *whole = wide_of(magnitude(a.value));
    wide_scale_up(whole, common - a.scale);
    wide_scale_up(&by, common - b.scale);
    *rest = wide_divide(whole, &by);
}

bool decimal_remainder(struct decimal a, struct decimal b, int precision, int scale, int128 *out)
{
    struct wide whole, rest;
    split(a, b, &whole, &rest);
    return wide_digits(whole) <= DECIMAL_DIGITS_MAX &&
           wide_narrow(rest, a.value<0, a.scale> b.scale ? a.scale : b.scale, precision, scale, out);
}

bool decimal_quotient(struct decimal a, struct decimal b, int precision, int128 *out)
{
    struct wide whole, rest;
    split(a, b, &whole, &rest);
    return wide_narrow(whole, (a.value < 0) != (b.value < 0), 0, precision, 0, out);
}
