/* SPDX-License-Identifier: MIT */
/* schema_of_json: the schema of a JSON text that stands in the query, found while binding. See expr.h. */
#include <stdlib.h>

#include "expr/kernels.h"
#include "json/doc.h"

#define SCHEMA_TEXT_MAX ((size_t)1 << 20)
#define SCHEMA_DEPTH_MAX 64

/* ---- types, as Spark infers them: NULL until a value says more; what does not fit together is a STRING ---- */

static const struct type *merged(struct arena *a, const struct type *x, const struct type *y);

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct field *)x)->name, ((const struct field *)y)->name);
}

/* Fields of both, sorted as theirs are. */
static const struct type *merged_structs(struct arena *a, const struct type *x, const struct type *y)
{
    struct field *fields = arena_zalloc(a, ((size_t)x->n_fields + y->n_fields + 1) * sizeof *fields);
    size_t        n = 0, i = 0, k = 0;
    if (!fields)
        return NULL;
    while (i < x->n_fields || k < y->n_fields) {
        int order = i == x->n_fields ? 1 : k == y->n_fields ? -1 : by_name(&x->fields[i], &y->fields[k]);
        fields[n] = order <= 0 ? x->fields[i] : y->fields[k];
        if (order == 0 && !(fields[n].type = merged(a, x->fields[i].type, y->fields[k].type)))
            return NULL;
        i += order <= 0;
        k += order >= 0;
        n++;
    }
    return type_struct(a, fields, n);
}

static const struct type *merged(struct arena *a, const struct type *x, const struct type *y)
{
    if (type_equal(x, y) || y->kind == TYPE_NULL)
        return x;
    if (x->kind == TYPE_NULL)
        return y;
    if (type_is_number(x) && type_is_number(y))
        return type_of(TYPE_DOUBLE);
    if (x->kind == TYPE_STRUCT && y->kind == TYPE_STRUCT)
        return merged_structs(a, x, y);
    if (x->kind != TYPE_ARRAY || y->kind != TYPE_ARRAY)
        return type_of(TYPE_STRING);
    const struct type *element = merged(a, x->fields[0].type, y->fields[0].type);
    return element ? type_array(a, element, true) : NULL;
}

static const struct type *inferred(struct arena *a, const struct json_value *v, int depth);

static const struct type *inferred_struct(struct arena *a, const struct json_value *v, int depth)
{
    struct field *fields = arena_zalloc(a, (json_size(v) + 1) * sizeof *fields);
    size_t        n = 0;
    const char   *name;
    void         *at = NULL;
    for (const struct json_value *m; fields && (m = json_next(v, &name, &at)); n++) {
        char *copy = arena_copy(a, name, strlen(name) + 1);
        fields[n] = (struct field){.name = copy, .type = inferred(a, m, depth + 1), .nullable = true};
        if (!copy || !fields[n].type)
            return NULL;
    }
    if (!fields)
        return NULL;
    qsort(fields, n, sizeof *fields, by_name);
    return type_struct(a, fields, n);
}

/* NULL: no memory, or too deep. */
static const struct type *inferred(struct arena *a, const struct json_value *v, int depth)
{
    const char *text = json_as_string(v);
    if (depth > SCHEMA_DEPTH_MAX)
        return NULL;
    if (json_is_object(v))
        return inferred_struct(a, v, depth);
    if (json_is_array(v)) {
        const struct type *element = type_of(TYPE_NULL);
        for (size_t i = 0; element && i < json_size(v); i++) {
            const struct type *next = inferred(a, json_at(v, i), depth + 1);
            element = next ? merged(a, element, next) : NULL;
        }
        return element ? type_array(a, element, true) : NULL;
    }
    return type_of(json_is_null_value(v) || (text && !*text) ? TYPE_NULL
                   : text                                    ? TYPE_STRING
                   : json_is_bool(v)                         ? TYPE_BOOLEAN
                   : json_is_int(v)                          ? TYPE_BIGINT
                                                             : TYPE_DOUBLE);
}

/* ---- as a text ---- */

/* Has it something to read? A struct without fields has not, nor has an array of such. */
static bool is_of_use(const struct type *t)
{
    if (t->kind == TYPE_ARRAY)
        return is_of_use(t->fields[0].type);
    for (size_t i = 0; t->kind == TYPE_STRUCT && i < t->n_fields; i++)
        if (t->fields[i].name[0] && is_of_use(t->fields[i].type))
            return true;
    return t->kind != TYPE_STRUCT;
}

/* In backticks unless it is a plain word. */
static void put_name(const char *name, struct buf *out)
{
    bool plain = *name < '0' || *name > '9';
    for (const char *p = name; *p; p++)
        plain =
            plain && ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '_');
    buf_puts(out, plain ? "" : "`");
    for (const char *p = name; *p; p++)
        buf_puts(out, *p == '`' ? "``" : (char[]){*p, 0});
    buf_puts(out, plain ? "" : "`");
}

static void put_type(const struct type *t, struct buf *out)
{
    const char *between = "";
    if (t->kind == TYPE_ARRAY) {
        buf_puts(out, "ARRAY<");
        put_type(t->fields[0].type, out);
        buf_puts(out, ">");
    } else if (t->kind == TYPE_STRUCT) {
        buf_puts(out, "STRUCT<");
        for (size_t i = 0; i < t->n_fields; i++) {
            if (!t->fields[i].name[0] || !is_of_use(t->fields[i].type))
                continue;
            buf_puts(out, between);
            put_name(t->fields[i].name, out);
            buf_puts(out, ": ");
            put_type(t->fields[i].type, out);
            between = ", ";
        }
        buf_puts(out, ">");
    } else {
        buf_puts(out, t->kind == TYPE_NULL ? "STRING" : type_kind_name(t->kind));
    }
}

static bool infer(struct expr_binder *b, const struct expr *json, struct buf *out)
{
    struct json_value *v = NULL;
    struct error       e;
    if (json_doc_parse(json->value.text, json->value.length, &v, &e) != OK) {
        diag_error(b->diags, json->place, "E_ARGUMENTS", "this is no JSON: %s", e.text);
        return false;
    }
    const struct type *t = inferred(b->arena, v, 0);
    json_doc_free(v);
    if (!t)
        return expr__too_big(b, json->place);
    if (t->kind == TYPE_STRUCT || (t->kind == TYPE_ARRAY && t->fields[0].type->kind == TYPE_STRUCT) || is_of_use(t))
        put_type(t, out);
    else
        buf_puts(out, "STRING");
    return true;
}

bool expr__bind_schema_of_json(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct expr *json = x->args[0];
    struct buf         text;
    if (!expr__is_constant(b, json, "the JSON"))
        return false;
    buf_init(&text, TAG_SQL, SCHEMA_TEXT_MAX);
    bool  ok = infer(b, json, &text);
    char *copy = ok && !text.failed ? arena_printf(b->arena, "%s", buf_text(&text)) : NULL;
    buf_fini(&text);
    if (!copy)
        return ok ? expr__too_big(b, ast->place) : false;
    x->kind = EXPR_LITERAL;
    x->nullable = false;
    x->n_args = 0;
    x->value = (struct expr_value){.text = copy, .length = (uint32_t)strlen(copy)};
    return true;
}
