/* SPDX-License-Identifier: MIT */
#include "pipeline/script.h"

#include <stdio.h>

bool script_bind(struct script *s, const char *sql, const char *folder, const char *warehouse,
                 const struct sql_params *params)
{
    struct error e;
    memset(s, 0, sizeof *s);
    arena_init(&s->arena, TAG_SQL, (size_t)256 << 20);
    buf_init(&s->text, TAG_SQL, SCRIPT_BYTES_MAX * 4);
    diags_init(&s->diags, &s->arena);
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    if (sql_fill_params(sql, params, &s->text, &s->fills, &s->diags, &e) != OK) {
        buf_clear(&s->text); /* places are those of the text as written */
        buf_puts(&s->text, sql);
        if (s->diags.n_errors == 0)
            diag_error(&s->diags, (struct place){0, 0}, "E_LIMIT", "%s", e.text);
        return false;
    }
    relations_fill(s->kinds, s->folder);
    struct plan_environment env = {.kinds = s->kinds, .n_kinds = RELATION_KINDS, .warehouse = warehouse};
    if (sql_parse(buf_text(&s->text), &s->arena, &s->diags, &s->ast, &e) == OK)
        plan_script(s->ast, &env, &s->arena, &s->diags, &s->plans, &s->n_plans);
    else if (s->diags.n_errors == 0)
        diag_error(&s->diags, (struct place){0, 0}, "E_LIMIT", "%s", e.text);
    return s->diags.n_errors == 0;
}

void script_free(struct script *s)
{
    buf_fini(&s->text);
    arena_fini(&s->arena);
}
