/* SPDX-License-Identifier: MIT */
/*
 * Expectations on the target. A row meets a rule when it is true, so NULL violates: `(condition) IS TRUE` everywhere.
 * FAIL UPDATE is judged before DROP ROW, whatever their order, as in millrace.
 *
 * Python: a function of the program counts violations by observe(), then filters. Spark moves no filter below
 * observe(), so the rules see the rows of the table and cannot change the watermark. In a pipeline's SQL there is no
 * observe(): rand() keeps the rules of grouped queries where they are. Databricks has them in its own syntax.
 */
#include "export/export_priv.h"
#include "sql/unparse.h"

const char export__expect_function[] =
    "\n\ndef expect(frame, name, rules):\n"
    "    \"\"\"Rows that meet the rules; NULL does not. Each micro-batch counts violations by rule:\n"
    "    lastProgress[\"observedMetrics\"][name].\"\"\"\n"
    "    met = {rule: functions.expr(f\"({condition}) IS TRUE\") for rule, condition, _ in rules}\n"
    "    frame = frame.observe(name, *(functions.count(functions.when(~met[rule], 1)).alias(rule) for rule in met))\n"
    "    kept = functions.lit(True)\n"
    "    for rule, _, violation in rules:\n"
    "        if violation == \"DROP ROW\":\n"
    "            kept = kept & met[rule]\n"
    "    for rule, _, violation in rules:\n"
    "        if violation == \"FAIL UPDATE\":\n"
    "            failed = functions.raise_error(functions.lit(f\"a row violates the expectation {rule}\"))\n"
    "            kept = functions.when(met[rule], kept).otherwise(failed)\n"
    "    return frame.where(kept)\n";

static const char *const violations[] = {
    [AST_VIOLATION_KEEP] = "", [AST_VIOLATION_DROP] = "DROP ROW", [AST_VIOLATION_FAIL] = "FAIL UPDATE"};

void export__expect_python(struct exporter *x, const struct ast_statement *s, const char *frame, struct buf *out)
{
    buf_printf(out, "%s = expect(%s, \"%s\", [\n", frame, frame, frame);
    for (int i = 0; i < s->n_expectations; i++) {
        const struct ast_expectation *rule = &s->expectations[i];
        buf_puts(out, "    (");
        export__python_string(rule->name, out);
        buf_puts(out, ", ");
        export__python_text(x, rule->condition->place, NULL, out);
        buf_printf(out, ", \"%s\"),\n", violations[rule->violation]);
    }
    buf_puts(out, "])\n");
}

static void condition(struct exporter *x, const struct ast_expectation *rule, struct buf *out)
{
    static const struct edits none;
    buf_puts(out, "(");
    rewrite_filled(&x->source, rule->condition->place, &none, out);
    buf_puts(out, ")");
}

void export__expect_constraints(struct exporter *x, const struct ast_statement *s, struct buf *out)
{
    for (int i = 0; i < s->n_expectations; i++) {
        const struct ast_expectation *rule = &s->expectations[i];
        buf_printf(out, "%s  CONSTRAINT ", i ? ",\n" : " (\n");
        sql_unparse_name(rule->name, out);
        buf_puts(out, " EXPECT (");
        condition(x, rule, out);
        buf_printf(out, " IS TRUE)%s%s", rule->violation == AST_VIOLATION_KEEP ? "" : " ON VIOLATION ",
                   violations[rule->violation]);
    }
    buf_puts(out, s->n_expectations ? ")\n" : "\n");
}

/* In a comment: on one line. */
static void remark(const char *name, struct buf *out)
{
    for (const char *p = name; *p; p++)
        buf_u8(out, (uint8_t)(*p == '\n' || *p == '\r' ? ' ' : *p));
}

static int count(const struct ast_statement *s, enum ast_violation violation)
{
    int n = 0;
    for (int i = 0; i < s->n_expectations; i++)
        n += s->expectations[i].violation == violation;
    return n;
}

bool export__expect_before(const struct ast_statement *s, struct buf *out)
{
    for (int i = 0; i < s->n_expectations; i++) {
        if (s->expectations[i].violation != AST_VIOLATION_KEEP)
            continue;
        buf_puts(out, "-- The expectation ");
        remark(s->expectations[i].name, out);
        buf_puts(out, " keeps what violates it: a pipeline of Spark does not count.\n");
    }
    if (count(s, AST_VIOLATION_KEEP) == s->n_expectations)
        return false;
    buf_puts(out, "SELECT * FROM (\n");
    return true;
}

void export__expect_behind(struct exporter *x, const struct ast_statement *s, bool grouped, struct buf *out)
{
    buf_puts(out, "\n) WHERE CASE\n");
    if (grouped)
        buf_puts(out, "  WHEN rand() < 0 THEN false -- never; but so the rules are not moved below the watermark\n");
    for (int i = 0; i < s->n_expectations; i++) {
        const struct ast_expectation *rule = &s->expectations[i];
        if (rule->violation != AST_VIOLATION_FAIL)
            continue;
        buf_puts(out, "  WHEN ");
        condition(x, rule, out);
        buf_puts(out, " IS NOT TRUE THEN raise_error(concat('a row violates the expectation ', ");
        export__sql_string(rule->name, out);
        buf_puts(out, "))\n");
    }
    for (int i = 0; i < s->n_expectations; i++) {
        const struct ast_expectation *rule = &s->expectations[i];
        if (rule->violation != AST_VIOLATION_DROP)
            continue;
        buf_puts(out, "  WHEN ");
        condition(x, rule, out);
        buf_puts(out, " IS NOT TRUE THEN false -- ");
        remark(rule->name, out);
        buf_puts(out, "\n");
    }
    buf_puts(out, "  ELSE true END");
}
