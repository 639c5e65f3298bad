/* SPDX-License-Identifier: MIT */
#include "text/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c) { return (unsigned char)c <= 0x20 || c == 0x7f; }

static void trim(const char **text, size_t *n)
{
    while (*n && is_blank(**text)) {
        ++*text;
        --*n;
    }
    while (*n && is_blank((*text)[*n - 1]))
        --*n;
}

enum parsed integer_parse(const char *text, size_t n, int64_t *out)
{
    trim(&text, &n);
    size_t i = n && (text[0] == '-' || text[0] == '+');
    if (i == n)
        return PARSED_INVALID;
    bool    negative = text[0] == '-', over = false;
    int64_t value = 0; /* negative, as there is one more of these */
    for (; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return PARSED_INVALID;
        over =
            over || __builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, text[i] - '0', &value);
    }
    if (over || (!negative && value == INT64_MIN))
        return PARSED_OVERFLOW;
    *out = negative ? value : -value;
    return PARSED_OK;
}

static bool special_double(const char *text, size_t n, double *out)
{
    static const struct {
        const char *name;
        double      value;
    } names[] = {{"nan", NAN},           {"inf", INFINITY},       {"+inf", INFINITY},      {"-inf", -INFINITY},
                 {"infinity", INFINITY}, {"+infinity", INFINITY}, {"-infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i].name) == n && strncasecmp(text, names[i].name, n) == 0) {
            *out = names[i].value;
            return true;
        }
    return false;
}

/* 0x1.8p3: digits, perhaps a point, and a power of two that must be there. */
static bool is_hexadecimal(const char *text, size_t n)
{
    size_t i = n && (text[0] == '-' || text[0] == '+'), power = 0;
    if (n - i < 4 || text[i] != '0' || (text[i + 1] | 0x20) != 'x')
        return false;
    for (i += 2; i < n; i++) {
        if (!power && (text[i] | 0x20) == 'p')
            power = i;
        else if (!strchr(power ? "0123456789+-" : "0123456789abcdefABCDEF.", text[i]))
            return false;
    }
    return power != 0;
}

enum parsed double_parse(const char *text, size_t n, double *out)
{
    char  copy[512];
    char *end;
    trim(&text, &n);
    if (special_double(text, n, out))
        return PARSED_OK;
    if (n > 1 && strchr("dDfF", text[n - 1])) /* Java's suffix; behind 0x there is always a power */
        n--;
    if (n == 0 || n >= sizeof copy)
        return PARSED_INVALID;
    for (size_t i = 0; i < n && !is_hexadecimal(text, n); i++) /* no names: digits, sign, point, exponent only */
        if (!strchr("0123456789+-.eE", text[i]))
            return PARSED_INVALID;
    memcpy(copy, text, n);
    copy[n] = 0;
    *out = strtod(copy, &end);
    return end == copy + n && end != copy ? PARSED_OK : PARSED_INVALID;
}

enum parsed boolean_parse(const char *text, size_t n, bool *out)
{
    static const char *const names[] = {"true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"};
    trim(&text, &n);
    for (size_t i = 0; i < 10; i++)
        if (strlen(names[i]) == n && strncasecmp(text, names[i], n) == 0) {
            *out = i < 5;
            return PARSED_OK;
        }
    return PARSED_INVALID;
}

/* Digits d1d2..dn and exponent x of 0.d1d2.. * 10^x, laid out as Java's Double.toString. */
static size_t java_layout(bool negative, const char *digits, int exponent, char *out)
{
    char *p = out;
    int   n = (int)strlen(digits);
    if (negative)
        *p++ = '-';
    if (exponent > -3 && exponent <= 7) {
        if (exponent <= 0) {
            p += sprintf(p, "0.%.*s%s", -exponent, "000", digits);
        } else {
            for (int i = 0; i < exponent; i++)
                *p++ = i < n ? digits[i] : '0';
            *p++ = '.';
            p += sprintf(p, "%s", n > exponent ? digits + exponent : "0");
        }
    } else {
        p += sprintf(p, "%c.%sE%d", digits[0], n > 1 ? digits + 1 : "0", exponent - 1);
    }
    return (size_t)(p - out);
}

static size_t print_real(double v, bool single, char out[NUMBER_TEXT_MAX])
{
    char text[64], digits[32];
    if (isnan(v))
        return (size_t)sprintf(out, "NaN");
    if (isinf(v))
        return (size_t)sprintf(out, v < 0 ? "-Infinity" : "Infinity");
    if (v == 0)
        return (size_t)sprintf(out, signbit(v) ? "-0.0" : "0.0");
    for (int precision = 1; precision <= 17; precision++) { /* the fewest digits that read back, but two: 4.9E-324 */
        snprintf(text, sizeof text, "%.*e", precision, fabs(v));
        if (single ? strtof(text, NULL) == (float)fabs(v) : strtod(text, NULL) == fabs(v))
            break;
    }
    size_t n = 0;
    for (const char *p = text; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    return java_layout(v < 0, digits, (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1, out);
}

size_t double_print(double v, char out[NUMBER_TEXT_MAX]) { return print_real(v, false, out); }

size_t float_print(float v, char out[NUMBER_TEXT_MAX]) { return print_real((double)v, true, out); }

size_t integer_print(int64_t v, char out[NUMBER_TEXT_MAX]) { return (size_t)sprintf(out, "%lld", (long long)v); }
