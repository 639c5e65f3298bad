/* SPDX-License-Identifier: MIT */
/* Calls that are not just a name and arguments: words within the brackets. See parse_expr.c. */
#include <string.h>

#include "sql/parse_priv.h"

/* A word where an expression could stand, as a text. */
static bool word_as_text(struct parser *p, struct ast_expr **out)
{
    const struct token *t = tok(p);
    struct ast_expr    *x = parse__make(p, AST_STRING, t->place);
    if (!x || !parse__name(p, &x->text, NULL))
        return false;
    x->length = (uint32_t)strlen(x->text);
    *out = x;
    return true;
}

/* EXTRACT(field FROM x), SUBSTRING(x FROM a [FOR b]), TRIM([BOTH|LEADING|TRAILING] [y] FROM x), POSITION(a IN b) */
static bool extract(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    struct ast_expr *field, *x;
    p->at++;
    return parse__need(p, "(") && word_as_text(p, &field) && parse__need_word(p, "FROM") && parse__expr(p, &x) &&
           parse__need(p, ")") && parse__as_call(p, "date_part", from, 2, field, x, NULL, out);
}

static bool position(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    int              back = p->at;
    struct ast_expr *what, *x;
    p->at++;
    if (!parse__need(p, "(") || !parse__value(p, &what))
        return false;
    if (!parse__take_word(p, "IN")) {
        p->at = back + 1;
        return parse__call(p, p->tokens[back].text, from, out);
    }
    return parse__expr(p, &x) && parse__need(p, ")") && parse__as_call(p, "position", from, 2, what, x, NULL, out);
}

/* overlay(x PLACING y FROM a [FOR b]) */
static bool overlay(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    int              back = p->at;
    struct ast_expr *x, *with, *at, *length = NULL;
    p->at++;
    if (!parse__need(p, "(") || !parse__expr(p, &x))
        return false;
    if (!parse__take_word(p, "PLACING")) {
        p->at = back + 1;
        return parse__call(p, p->tokens[back].text, from, out);
    }
    if (!parse__expr(p, &with) || !parse__need_word(p, "FROM") || !parse__expr(p, &at) ||
        (parse__take_word(p, "FOR") && !parse__expr(p, &length)) || !parse__need(p, ")"))
        return false;
    struct ast_expr **four = parse__alloc(p, 4 * sizeof(struct ast_expr *));
    if (!four || !parse__as_call(p, "overlay", from, 3, x, with, at, out))
        return false;
    memcpy(four, (*out)->args, 3 * sizeof(struct ast_expr *));
    four[3] = length;
    (*out)->args = four;
    (*out)->n_args = length ? 4 : 3;
    return true;
}

/* timestampadd(UNIT, n, x), timestampdiff(UNIT, x, y) and their other names: the unit is a word, not a column. */
static bool unit_call(struct parser *p, const char *name, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    struct ast_expr *unit, *x, *y;
    p->at++;
    return parse__need(p, "(") && word_as_text(p, &unit) && parse__need(p, ",") && parse__expr(p, &x) &&
           parse__need(p, ",") && parse__expr(p, &y) && parse__need(p, ")") &&
           parse__as_call(p, name, from, 3, unit, x, y, out);
}

/* Which of the two is written here with a unit in front, or NULL. */
static const char *unit_call_name(const struct parser *p)
{
    static const char *const names[][2] = {{"TIMESTAMPADD", "timestampadd"}, {"DATEADD", "timestampadd"},
                                           {"DATE_ADD", "timestampadd"},     {"TIMESTAMPDIFF", "timestampdiff"},
                                           {"DATEDIFF", "timestampdiff"},    {"DATE_DIFF", "timestampdiff"}};
    static const char *const units[] = {"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE",  "HOUR", "DAY",
                                        "DAYOFYEAR",   "WEEK",        "MONTH",  "QUARTER", "YEAR"};
    bool                     unit = false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        unit = unit || parse__is_word_at(p, 2, units[i]);
    if (!unit || p->tokens[p->at + 3].kind != TOK_SYMBOL || strcmp(p->tokens[p->at + 3].text, ",") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (parse__is_word(p, names[i][0]))
            return names[i][1];
    return NULL;
}

static bool substring_from(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    int              back = p->at;
    struct ast_expr *x, *a, *b = NULL;
    p->at++;
    if (!parse__need(p, "(") || !parse__expr(p, &x))
        return false;
    if (!parse__take_word(p, "FROM")) {
        p->at = back + 1;
        return parse__call(p, p->tokens[back].text, from, out);
    }
    if (!parse__expr(p, &a) || (parse__take_word(p, "FOR") && !parse__expr(p, &b)) || !parse__need(p, ")"))
        return false;
    return parse__as_call(p, "substring", from, b ? 3 : 2, x, a, b, out);
}

static bool trim(struct parser *p, struct ast_expr **out)
{
    struct place     from = tok(p)->place;
    int              back = p->at;
    const char      *name = "trim";
    struct ast_expr *what = NULL, *x;
    p->at++;
    if (!parse__need(p, "("))
        return false;
    bool both = parse__is_word(p, "BOTH"), leading = parse__is_word(p, "LEADING"),
         trailing = parse__is_word(p, "TRAILING");
    if ((both || leading || trailing) && parse__ahead(p, 1)->kind != TOK_SYMBOL) {
        name = leading ? "ltrim" : trailing ? "rtrim" : "trim";
        p->at++;
    }
    if (!parse__is_word(p, "FROM") && !parse__expr(p, &what))
        return false;
    if (!parse__take_word(p, "FROM")) {
        p->at = back + 1;
        return parse__call(p, p->tokens[back].text, from, out);
    }
    if (!parse__expr(p, &x) || !parse__need(p, ")"))
        return false;
    return what ? parse__as_call(p, name, from, 2, what, x, NULL, out)
                : parse__as_call(p, name, from, 1, x, NULL, NULL, out);
}

bool parse__is_special_call(const struct parser *p)
{
    static const char *const names[] = {"EXTRACT", "SUBSTRING", "SUBSTR", "TRIM", "POSITION", "OVERLAY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (parse__is_word(p, names[i]))
            return true;
    return unit_call_name(p) != NULL;
}

bool parse__special_call(struct parser *p, struct ast_expr **out)
{
    if (parse__is_word(p, "EXTRACT"))
        return extract(p, out);
    if (parse__is_word(p, "TRIM"))
        return trim(p, out);
    if (parse__is_word(p, "POSITION"))
        return position(p, out);
    if (parse__is_word(p, "OVERLAY"))
        return overlay(p, out);
    return unit_call_name(p) ? unit_call(p, unit_call_name(p), out) : substring_from(p, out);
}
