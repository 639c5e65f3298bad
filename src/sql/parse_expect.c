/* SPDX-License-Identifier: MIT */
/* Expectations: the rules behind a streaming table's name, as Databricks writes them. */
#include "sql/parse_priv.h"

/* Behind the condition: what happens to a row that violates it. */
static bool violation(struct parser *p, enum ast_violation *out)
{
    *out = AST_VIOLATION_KEEP;
    if (!parse__take_word(p, "ON"))
        return true;
    if (!parse__need_word(p, "VIOLATION"))
        return false;
    if (parse__take_word(p, "DROP")) {
        *out = AST_VIOLATION_DROP;
        return parse__need_word(p, "ROW");
    }
    if (parse__take_word(p, "FAIL")) {
        *out = AST_VIOLATION_FAIL;
        return parse__need_word(p, "UPDATE");
    }
    return parse__fail(p, "DROP ROW or FAIL UPDATE");
}

bool parse__expectations(struct parser *p, struct ast_statement *s)
{
    struct list rules = {0};
    if (!parse__need(p, "("))
        return false;
    do {
        struct ast_expectation *x = parse__add(p, &rules, sizeof *x);
        struct ast_expr        *condition;
        if (!x || !parse__need_word(p, "CONSTRAINT") || !parse__name(p, &x->name, &x->place))
            return false;
        if (!parse__is_word(p, "EXPECT"))
            return parse__fail(p, "EXPECT");
        p->at++;
        if (!parse__need(p, "(") || !parse__expr(p, &condition) || !parse__need(p, ")") || !violation(p, &x->violation))
            return false;
        x->condition = condition;
    } while (parse__take(p, ","));
    s->expectations = rules.items;
    s->n_expectations = rules.n;
    return parse__need(p, ")");
}
