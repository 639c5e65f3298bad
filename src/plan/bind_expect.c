/* SPDX-License-Identifier: MIT */
/* Expectations of a streaming table, and the columns of its quarantine. */
#include <strings.h>

#include "plan/plan_priv.h"

static bool check_name(struct binder *b, const struct ast_statement *s, int at)
{
    for (int i = 0; i < at; i++)
        if (strcasecmp(s->expectations[i].name, s->expectations[at].name) == 0) {
            diag_error(b->diags, s->expectations[at].place, "E_EXPECTATION", "two expectations are named \"%s\"",
                       s->expectations[at].name);
            return false;
        }
    return true;
}

/* The table's columns and what is said of each row. */
static bool quarantine_schema(struct binder *b, const struct ast_statement *s)
{
    static const char *const names[] = {"_failed_expectations", "_dropped", "_epoch"};
    const enum type_kind     kinds[] = {TYPE_STRING, TYPE_BOOLEAN, TYPE_BIGINT};
    const struct type       *table = b->plan->schema;
    int                      n = table->n_fields;
    struct field            *fields = plan__alloc(b, ((size_t)n + 3) * sizeof *fields);
    if (!fields)
        return false;
    memcpy(fields, table->fields, (size_t)n * sizeof *fields);
    for (int i = 0; i < 3; i++) {
        fields[n + i] = (struct field){names[i], type_of(kinds[i]), true};
        if (type_field_index(table, names[i]) == -1)
            continue;
        diag_error(b->diags, s->name_place, "E_COLUMN_NAME",
                   "the quarantine has a column \"%s\" of its own: give the table's another name", names[i]);
        return false;
    }
    b->plan->expect.quarantine = type_struct(b->arena, fields, (size_t)n + 3);
    return b->plan->expect.quarantine || plan__no_memory(b);
}

bool plan__bind_expectations(struct binder *b, const struct ast_statement *s, const struct bound *table)
{
    struct plan_scope   scope;
    struct expect_rule *rules = plan__alloc(b, ((size_t)s->n_expectations + 1) * sizeof *rules);
    bool                ok = rules != NULL;
    if (s->n_expectations > FLOW_RULES_MAX) {
        diag_error(b->diags, s->name_place, "E_LIMIT", "a table has at most %d expectations", FLOW_RULES_MAX);
        return false;
    }
    if (b->plan->quarantine && s->n_expectations == 0) {
        struct diag *g = diag_error(b->diags, s->name_place, "E_PROPERTY", "millrace.quarantine needs an expectation");
        diag_hint(b->diags, g, "write CREATE STREAMING TABLE %s (CONSTRAINT name EXPECT (condition)) ..", s->name);
        return false;
    }
    plan__scope(&scope, b, table);
    for (int i = 0; ok && i < s->n_expectations; i++) {
        const struct ast_expectation *x = &s->expectations[i];
        struct expr                  *condition = NULL;
        ok = check_name(b, s, i) && plan__bind_boolean(&scope, x->condition, "EXPECT", &condition);
        rules[i] = (struct expect_rule){x->name, condition, (enum expect_action)x->violation};
    }
    b->plan->expect.rules = rules;
    b->plan->expect.n_rules = s->n_expectations;
    return ok && (!b->plan->quarantine || quarantine_schema(b, s));
}
