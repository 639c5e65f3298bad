/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include "sql/parse.h"

static bool bind_clicks(void *arg, const struct ast_expr *call, struct arena *a, struct diags *d,
                        struct plan_relation *out)
{
    const struct field fields[] = {{"key", type_of(TYPE_BINARY), true},    {"value", type_of(TYPE_BINARY), true},
                                   {"offset", type_of(TYPE_BIGINT), true}, {"timestamp", type_of(TYPE_TIMESTAMP), true},
                                   {"k", type_of(TYPE_STRING), true},      {"v", type_of(TYPE_BIGINT), true},
                                   {"ts", type_of(TYPE_TIMESTAMP), true}};
    (void)arg;
    *out = (struct plan_relation){.schema = type_struct(a, fields, sizeof fields / sizeof fields[0]),
                                  .stream = true,
                                  .label = "clicks()",
                                  .identity = call->n_args ? call->args[0]->text : "clicks"};
    if (!out->schema)
        diag_error(d, call->place, "E_LIMIT", "memory is out");
    return out->schema != NULL;
}

static bool bind_ads(void *arg, const struct ast_expr *call, struct arena *a, struct diags *d,
                     struct plan_relation *out)
{
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true}, {"name", type_of(TYPE_STRING), true}};
    (void)arg;
    *out = (struct plan_relation){.schema = type_struct(a, fields, 2), .label = "ads()", .identity = ""};
    out->handle = (void *)(uintptr_t)out->schema;
    if (!out->schema)
        diag_error(d, call->place, "E_LIMIT", "memory is out");
    return out->schema != NULL;
}

static const struct plan_relation_kind kinds[] = {{.name = "clicks", .stream = true, .bind = bind_clicks},
                                                  {.name = "ads", .bind = bind_ads}};
struct plan_environment                sample_environment = {.kinds = kinds, .n_kinds = 2, .warehouse = "lake"};

struct plan *sample_plan(const char *sql, struct arena *a, struct diags *diags)
{
    struct ast_script *script = NULL;
    struct plan       *plans = NULL;
    int                n = 0;
    diags_init(diags, a);
    if (sql_parse(sql, a, diags, &script, NULL) != OK ||
        !plan_script(script, &sample_environment, a, diags, &plans, &n) || diags->n_errors || n == 0)
        return NULL;
    return plans;
}

/* ---- the table of ads ---- */

static enum err scan(struct table *t, enum err (*each)(void *, struct batch *, struct error *), void *arg,
                     struct error *e)
{
    static const char *const rows[][2] = {{"a", "Anna"}, {"b", "Bert"}, {"b", "Bianca"}};
    struct builder           b;
    struct column           *c = NULL, *columns[2];
    TRY(builder_init(&b, t->schema, e));
    for (int i = 0; i < 3; i++) {
        builder_bytes(&b.children[0], rows[i][0], strlen(rows[i][0]));
        builder_bytes(&b.children[1], rows[i][1], strlen(rows[i][1]));
        builder_struct(&b, true);
    }
    enum err rc = builder_finish(&b, &c, e);
    builder_fini(&b);
    if (rc != OK)
        return rc;
    columns[0] = column_ref(c->children[0]);
    columns[1] = column_ref(c->children[1]);
    struct batch *batch = batch_new(t->schema, 3, columns, NULL, NULL);
    column_free(c);
    return batch ? each(arg, batch, e) : err_set(e, ERR_NO_MEMORY, "ads");
}

static void table_free(struct table *t) { mem_free(t); }

enum err sample_open_table(void *handle, struct table **out, struct error *e)
{
    static const struct table_ops ops = {.scan = scan, .free = table_free};
    struct table                 *t = mem_zalloc(TAG_TEST, sizeof *t);
    if (!t)
        return err_set(e, ERR_NO_MEMORY, "ads");
    t->ops = &ops;
    t->schema = handle;
    *out = t;
    return OK;
}
