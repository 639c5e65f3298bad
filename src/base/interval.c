/* SPDX-License-Identifier: MIT */
#include "base/interval.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool interval_unit(const char *word, int64_t *us, int32_t *months)
{
    static const struct {
        const char *name;
        int64_t     us;
        int32_t     months;
    } units[] = {{"microsecond", 1, 0},     {"millisecond", 1000, 0}, {"second", 1000000, 0},
                 {"minute", 60000000, 0},   {"hour", 3600000000, 0},  {"day", 86400000000, 0},
                 {"week", 604800000000, 0}, {"month", 0, 1},          {"year", 0, 12}};
    size_t n = strlen(word);
    if (n > 1 && (word[n - 1] == 's' || word[n - 1] == 'S'))
        n--;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == n && strncasecmp(units[i].name, word, n) == 0) {
            *us = units[i].us;
            *months = units[i].months;
            return true;
        }
    return false;
}

bool interval_amount(const char *number, int64_t unit_us, int64_t *us)
{
    bool    negative = *number == '-';
    int64_t whole = 0, fraction = 0, scale = 1;
    if (*number == '-' || *number == '+')
        number++;
    if (!isdigit((unsigned char)*number) && *number != '.')
        return false;
    for (; isdigit((unsigned char)*number); number++)
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *number - '0', &whole))
            return false;
    if (*number == '.')
        for (number++; isdigit((unsigned char)*number); number++)
            if (scale < 1000000000) {
                fraction = fraction * 10 + (*number - '0');
                scale *= 10;
            }
    if (*number || __builtin_mul_overflow(whole, unit_us, &whole))
        return false;
    *us = whole + (int64_t)((__int128_t)fraction * unit_us / scale);
    if (negative)
        *us = -*us;
    return true;
}

static const char *next_word(const char *p, char *out, size_t size)
{
    size_t n = 0;
    while (isspace((unsigned char)*p))
        p++;
    bool number = isdigit((unsigned char)*p) || *p == '-' || *p == '+' || *p == '.';
    while (*p && !isspace((unsigned char)*p) && n + 1 < size) {
        if (number && n > 0 &&
            isalpha((unsigned char)*p)) /* '10s' is no interval in Spark: split and refuse the unit */
            break;
        out[n++] = *p++;
    }
    out[n] = 0;
    return p;
}

enum err interval_parse(const char *text, int64_t *us, int32_t *months, struct error *e)
{
    char        word[64], unit[64];
    const char *p = next_word(text, word, sizeof word);
    int64_t     sum_us = 0;
    int32_t     sum_months = 0;
    int         n = 0;
    if (strcasecmp(word, "interval") == 0)
        p = next_word(p, word, sizeof word);
    for (; word[0]; p = next_word(p, word, sizeof word), n++) {
        int64_t unit_us, part_us = 0;
        int32_t unit_months;
        if ((word[0] == '-' || word[0] == '+') && !word[1]) { /* a lone sign belongs to the number behind it */
            p = next_word(p, word + 1, sizeof word - 1);
        }
        p = next_word(p, unit, sizeof unit);
        if (!unit[0] || !interval_unit(unit, &unit_us, &unit_months))
            return err_set(e, ERR_INVALID, "cannot parse the interval '%s': \"%s\" is no unit", text,
                           unit[0] ? unit : word);
        if (unit_months) {
            char *end;
            long  amount = strtol(word, &end, 10);
            if (*end || amount > 100000 || amount < -100000)
                return err_set(e, ERR_INVALID, "cannot parse the interval '%s': \"%s\" is no whole number", text, word);
            sum_months += (int32_t)amount * unit_months;
        } else if (!interval_amount(word, unit_us, &part_us) || __builtin_add_overflow(sum_us, part_us, &sum_us)) {
            return err_set(e, ERR_INVALID, "cannot parse the interval '%s': \"%s\" is no number", text, word);
        }
    }
    if (n == 0)
        return err_set(e, ERR_INVALID, "cannot parse the interval '%s': it is empty", text);
    *us = sum_us;
    *months = sum_months;
    return OK;
}
