/* SPDX-License-Identifier: MIT */
#include "text/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands in a text: digits d1..dn with `fraction` of them behind the point, times 10^exponent. */
struct written {
    const char *digits; /* a point may be among them */
    size_t      length;
    bool        negative;
    int64_t     n_digits, fraction, exponent;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool read_exponent(const char *p, const char *end, int64_t *out)
{
    bool negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    while (end - p > 1 && *p == '0')
        p++;
    if (p == end || end - p > 10) /* BigDecimal takes ten digits */
        return false;
    for (*out = 0; p < end; p++) {
        if (!is_digit(*p))
            return false;
        *out = *out * 10 + (*p - '0');
    }
    *out = negative ? -*out : *out;
    return true;
}

static bool read_written(const char *text, size_t n, struct written *w)
{
    const char *p = text, *end = text + n;
    bool        point = false;
    *w = (struct written){.negative = n && *p == '-'};
    p += n && (*p == '-' || *p == '+');
    w->digits = p;
    for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        point = point || *p == '.';
        w->n_digits += *p != '.';
        w->fraction += point && *p != '.';
    }
    w->length = (size_t)(p - w->digits);
    if (w->n_digits == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E') && !read_exponent(p + 1, end, &w->exponent))
        return false;
    if (p < end && *p != 'e' && *p != 'E')
        return false;
    int64_t scale = w->fraction - w->exponent;
    return scale >= INT32_MIN && scale <= INT32_MAX;
}

enum parsed decimal_parse(const char *text, size_t n, int precision, int scale, int128 *out)
{
    struct written w;
    int128         v = 0;
    if (!read_written(text, n, &w))
        return PARSED_INVALID;
    int64_t power = w.n_digits - w.fraction + w.exponent + scale; /* of the digit before the first, in units */
    bool    up = false;
    for (size_t i = 0; i < w.length && power >= 0; i++) {
        if (w.digits[i] == '.')
            continue;
        if (power-- == 0) {
            up = w.digits[i] >= '5';
            break;
        }
        if (!decimal_fits(v, DECIMAL_DIGITS_MAX - 1)) /* one digit more and there are 39 */
            return PARSED_OVERFLOW;
        v = v * 10 + (w.digits[i] - '0');
    }
    if (power > 0 && v != 0) {
        if (power > DECIMAL_DIGITS_MAX || __builtin_mul_overflow(v, decimal_power((int)power), &v))
            return PARSED_OVERFLOW;
    }
    v += up;
    *out = w.negative ? -v : v;
    return decimal_fits(v, precision) ? PARSED_OK : PARSED_OVERFLOW;
}

enum parsed decimal_parse_field(const char *text, size_t n, int precision, int scale, int128 *out)
{
    char   copy[1024];
    size_t m = 0;
    if (!n || !memchr(text, ',', n))
        return decimal_parse(text, n, precision, scale, out);
    for (size_t i = 0; i < n; i++)
        if (text[i] != ',') {
            if (m == sizeof copy)
                return PARSED_INVALID;
            copy[m++] = text[i];
        }
    return decimal_parse(copy, m, precision, scale, out);
}

size_t decimal_print(struct decimal v, char out[DECIMAL_TEXT_MAX])
{
    char    digits[DECIMAL_TEXT_MAX];
    int     n = 0;
    uint128 m = v.value < 0 ? -(uint128)v.value : (uint128)v.value;
    char   *p = out;
    while (m > UINT64_MAX) { /* 18 digits at once: divisions of 128 bits are slow */
        uint64_t low = (uint64_t)(m % UINT64_C(1000000000000000000));
        m /= UINT64_C(1000000000000000000);
        for (int i = 0; i < 18; i++, low /= 10)
            digits[n++] = (char)('0' + low % 10);
    }
    for (uint64_t low = (uint64_t)m; low || n <= v.scale; low /= 10)
        digits[n++] = (char)('0' + low % 10);
    if (v.value < 0)
        *p++ = '-';
    while (n > 0) {
        *p++ = digits[--n];
        if (n == v.scale && n > 0)
            *p++ = '.';
    }
    *p = 0;
    return (size_t)(p - out);
}

double decimal_to_double(struct decimal v)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_print(v, text);
    return strtod(text, NULL);
}

float decimal_to_float(struct decimal v)
{
    char text[DECIMAL_TEXT_MAX];
    decimal_print(v, text);
    return strtof(text, NULL);
}
