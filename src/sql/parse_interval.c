/* SPDX-License-Identifier: MIT */
/* INTERVAL literals: 10 SECONDS, '1:30' MINUTE TO SECOND, '1 minute 30 seconds'. See parse_priv.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/interval.h"
#include "sql/parse_priv.h"

static bool interval_error(struct parser *p, struct place at, const char *text)
{
    if (p->failed)
        return false;
    p->failed = true;
    diag_error(p->diags, at, "E_INTERVAL", "%s", text);
    return false;
}

/* '1-6' YEAR TO MONTH */
static bool years_and_months(struct parser *p, const char *text, struct ast_expr *x)
{
    int  years, months, end = 0;
    bool negative = *text == '-';
    p->at++;
    text += negative || *text == '+';
    if (sscanf(text, "%4d-%2d%n", &years, &months, &end) != 2 || text[end] || months > 11 || *text == '-' ||
        strchr(text, '+'))
        return interval_error(p, x->place, "the interval's text does not fit its units");
    x->months = (years * 12 + months) * (negative ? -1 : 1);
    return true;
}

/* '1:30' MINUTE TO SECOND and its like: fields from the first unit down. */
static bool interval_range(struct parser *p, const char *text, const char *from, struct ast_expr *x)
{
    static const char *const units[] = {"DAY", "HOUR", "MINUTE", "SECOND"};
    static const int64_t     us[] = {86400000000, 3600000000, 60000000, 1000000};
    int                      first = -1, last = -1;
    bool                     negative = *text == '-';
    if (strcasecmp(from, "YEAR") == 0 && parse__is_word(p, "MONTH"))
        return years_and_months(p, text, x);
    for (int i = 0; i < 4; i++) {
        first = strcasecmp(from, units[i]) == 0 ? i : first;
        last = parse__is_word(p, units[i]) ? i : last;
    }
    if (first < 0 || last <= first)
        return parse__unsupported(p, tok(p)->place, "this kind of interval is", "write INTERVAL 90 SECONDS");
    p->at++;
    text += negative || *text == '+';
    for (int i = first; i <= last; i++) {
        char    part[32];
        int64_t value;
        size_t  n = strcspn(text, i < last ? ": " : "");
        if (n == 0 || n >= sizeof part)
            return interval_error(p, x->place, "the interval's text does not fit its units");
        memcpy(part, text, n);
        part[n] = 0;
        if (!interval_amount(part, us[i], &value) || __builtin_add_overflow(x->integer, value, &x->integer))
            return interval_error(p, x->place, "the interval's text does not fit its units");
        text += n + (text[n] != 0);
    }
    x->integer = negative ? -x->integer : x->integer;
    return !*text || interval_error(p, x->place, "the interval's text does not fit its units");
}

/* One `amount unit`; the amount is a number or a text. */
static bool interval_part(struct parser *p, struct ast_expr *x, bool *more)
{
    bool    negative = parse__take(p, "-");
    int64_t unit_us, us;
    int32_t months;
    char    number[64];
    if (!negative)
        parse__take(p, "+");
    const struct token *amount = tok(p), *unit = parse__ahead(p, 1);
    if (amount->kind != TOK_INTEGER && amount->kind != TOK_DECIMAL && amount->kind != TOK_STRING)
        return parse__fail(p, "a number and a unit, such as INTERVAL 10 SECONDS");
    if (unit->kind != TOK_WORD || !interval_unit(unit->text, &unit_us, &months)) {
        p->at++;
        return parse__fail(p, "a unit such as SECONDS");
    }
    p->at += 2;
    if (months || unit_us % 86400000000)
        x->suffix = 0;
    snprintf(number, sizeof number, "%s%s", negative ? "-" : "", amount->text + strspn(amount->text, " "));
    number[strcspn(number, " ")] = 0;
    if (amount->kind == TOK_STRING && parse__take_word(p, "TO")) {
        *more = false;
        x->suffix = 0;
        return interval_range(p, amount->text, unit->text, x);
    }
    if (months) {
        char *end;
        long  n = strtol(number, &end, 10);
        if (*end || n > 100000 || n < -100000)
            return interval_error(p, amount->place, "months and years are whole numbers, up to 100000");
        x->months += (int32_t)n * months;
    } else {
        if (!interval_amount(number, unit_us, &us) || __builtin_add_overflow(x->integer, us, &x->integer))
            return interval_error(p, amount->place, "this amount is no number, or too large");
    }
    const struct token *next = parse__ahead(p, 1);
    int64_t             ignored;
    *more = (tok(p)->kind == TOK_INTEGER || tok(p)->kind == TOK_DECIMAL) && next->kind == TOK_WORD &&
            interval_unit(next->text, &ignored, &months);
    return true;
}

bool parse__interval(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    struct ast_expr *x = parse__alloc(p, sizeof *x);
    bool             more = true;
    struct error     e;
    if (!x || !parse__need_word(p, "INTERVAL"))
        return false;
    *x = (struct ast_expr){.kind = AST_INTERVAL, .place = from};
    int64_t             ignored;
    int32_t             months;
    const struct token *next = parse__ahead(p, 1);
    x->suffix = 'D'; /* until another unit comes */
    if (tok(p)->kind == TOK_STRING && !(next->kind == TOK_WORD && interval_unit(next->text, &ignored, &months))) {
        if (interval_parse(tok(p)->text, &x->integer, &x->months, &e) != OK)
            return interval_error(p, tok(p)->place, e.text);
        p->at++;
        x->suffix = 0;
        more = false;
    }
    while (more)
        if (!interval_part(p, x, &more))
            return false;
    x->place = parse__since(p, from);
    if (x->months && x->integer)
        return interval_error(p, x->place, "months and days do not mix in one INTERVAL");
    *out = x;
    return true;
}
