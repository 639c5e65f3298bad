/* SPDX-License-Identifier: MIT */
/*
 * pipeline/script: SQL text as plans: parameters filled, parsed, bound to what can be read. Any thread, one at a time;
 * pure, no broker and no file is asked. What run, check, explain, reset and the service share.
 */
#ifndef PIPELINE_SCRIPT_H
#define PIPELINE_SCRIPT_H

#include "pipeline/relations.h"
#include "sql/parse.h"

#define SCRIPT_BYTES_MAX ((size_t)1 << 20)

struct script {
    struct arena              arena;
    struct buf                text;  /* with parameters filled: what places in diags mean */
    struct sql_fills          fills; /* where */
    struct ast_script        *ast;
    struct diags              diags;
    struct plan_relation_kind kinds[RELATION_KINDS];
    struct plan              *plans;
    int                       n_plans;
    char                      folder[4096]; /* that relative file names mean */
};

/* False when diags has errors. To be freed in both cases. Warehouse: folder of tables that name no LOCATION. */
bool script_bind(struct script *s, const char *sql, const char *folder, const char *warehouse,
                 const struct sql_params *params);
void script_free(struct script *s);

#endif
