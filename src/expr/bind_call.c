/* SPDX-License-Identifier: MIT */
/* Calls: the function table's rows, and arguments by their letters (expr_priv.h). See expr.h. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "expr/kernels.h"
#include "sql/parse.h"

/* ---- functions ---- */

static const struct type *letter_type(char letter)
{
    switch (letter) {
    case 's':
        return type_of(TYPE_STRING);
    case 'y':
        return type_of(TYPE_BINARY);
    case 'i':
        return type_of(TYPE_INT);
    case 'l':
        return type_of(TYPE_BIGINT);
    case 'd':
        return type_of(TYPE_DOUBLE);
    case 't':
        return type_of(TYPE_TIMESTAMP);
    case 'D':
        return type_of(TYPE_DATE);
    case 'B':
        return type_of(TYPE_BOOLEAN);
    case 'v':
        return type_of(TYPE_INTERVAL);
    default:
        return NULL;
    }
}

static char letter_at(const char *letters, int i) /* 0 when there is no such argument */
{
    char last = 0;
    for (const char *p = letters; *p; p++) {
        if (*p == '?')
            continue;
        if (*p == '*')
            return last;
        last = *p;
        if (i-- == 0)
            return last;
    }
    return 0;
}

static void arity(const char *letters, int *least, int *most)
{
    *least = *most = 0;
    bool optional = false;
    for (const char *p = letters; *p; p++) {
        if (*p == '?')
            optional = true;
        else if (*p == '*')
            *most = 1000;
        else {
            *least += !optional;
            ++*most;
        }
    }
}

static struct expr *coerce_argument(struct expr_binder *b, struct expr *x, char letter)
{
    const struct type *to;
    switch (letter) {
    case 'L':
        diag_error(b->diags, x->place, "E_ARGUMENTS", "a lambda function belongs here, as in x -> x + 1");
        return NULL;
    case 'N':
        if (x->type->kind == TYPE_DECIMAL)
            return x;
        return coerce_argument(b, x, 'n');
    case 'n':
        if (x->type->kind == TYPE_STRING || x->type->kind == TYPE_NULL || x->type->kind == TYPE_DECIMAL)
            return expr_coerce(b, x, type_of(TYPE_DOUBLE));
        if (type_is_number(x->type))
            return x;
        return expr_coerce(b, x, type_of(TYPE_DOUBLE));
    case 'x':
        return x->type->kind == TYPE_BINARY ? x : coerce_argument(b, x, 's');
    case 'a':
    case 'c':
        return x;
    case 'A':
    case 'M':
    case 'Q':
        if ((x->type->kind == TYPE_ARRAY && letter != 'M') || (x->type->kind == TYPE_MAP && letter != 'A'))
            return x;
        diag_error(b->diags, x->place, "E_TYPE", "this is %s, but %s is needed", type_kind_name(x->type->kind),
                   letter == 'A'   ? "an ARRAY"
                   : letter == 'M' ? "a MAP"
                                   : "an ARRAY or a MAP");
        return NULL;
    case 's': /* Spark casts numbers, times and booleans to STRING where a string is needed */
        if (x->type->kind != TYPE_STRING && x->type->kind != TYPE_NULL && x->type->kind < TYPE_STRUCT &&
            x->type->kind != TYPE_BINARY)
            return expr__cast_to(b, x, type_of(TYPE_STRING), false);
        return expr_coerce(b, x, type_of(TYPE_STRING));
    case 'y':
        if (x->type->kind == TYPE_STRING)
            return expr__cast_to(b, x, type_of(TYPE_BINARY), false);
        return expr_coerce(b, x, type_of(TYPE_BINARY));
    case 'l':
    case 'i': /* numbers are narrowed, checked at run time, as Spark's store assignment does */
        to = letter_type(letter);
        if (type_is_number(x->type) && (!type_is_integer(x->type) || x->type->kind > to->kind))
            return expr__cast_to(b, x, to, false);
        return expr_coerce(b, x, to);
    case 'D':
        if (x->type->kind == TYPE_TIMESTAMP)
            return expr__cast_to(b, x, type_of(TYPE_DATE), false);
        return expr_coerce(b, x, type_of(TYPE_DATE));
    default:
        return expr_coerce(b, x, letter_type(letter));
    }
}

static bool coerce_arguments(struct expr_binder *b, struct expr *x)
{
    const struct type *common = type_of(TYPE_NULL);
    bool               ok = true, any_common = false;
    for (int i = 0; i < x->n_args; i++)
        if (letter_at(x->function->args, i) == 'c') {
            any_common = true;
            common = common ? expr_common_type(b, common, x->args[i]->type) : NULL;
        }
    if (any_common && !common)
        return expr__wrong_types(b, x->place, x->function->name, x->args[0], x->args[x->n_args - 1]), false;
    for (int i = 0; i < x->n_args; i++) {
        char letter = letter_at(x->function->args, i);
        if (!x->args[i]) /* a lambda: the function's bind makes it */
            continue;
        struct expr *arg = letter == 'c' ? expr_coerce(b, x->args[i], common) : coerce_argument(b, x->args[i], letter);
        ok = arg && ok;
        if (arg)
            x->args[i] = arg;
    }
    return ok;
}

static const struct function *find_function(const char *name)
{
    for (int i = 0; i < n_functions; i++)
        if (strcasecmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

bool expr__takes_lambda(const char *function, int argument)
{
    const struct function *f = find_function(function);
    return f && letter_at(f->args, argument) == 'L';
}

/* Functions of Spark's that are not here, and what to do instead. */
static bool refuse_by_name(struct expr_binder *b, const struct ast_expr *ast)
{
    static const struct {
        const char *names, *hint; /* names between blanks; kll_* is all that begins so */
    } rows[] = {
        {" uuid rand random randn randstr uniform shuffle monotonically_increasing_id spark_partition_id ",
         "rows that are made again after a crash must be the same; hash(..) of columns is"},
        {" convert_timezone ", "it is of TIMESTAMP_NTZ; from_utc_timestamp(ts, 'Europe/Berlin') gives local time"},
        {" localtimestamp make_timestamp_ntz try_make_timestamp_ntz to_timestamp_ntz make_time to_time try_to_time "
         "time time_diff time_trunc current_time ",
         "there is no TIMESTAMP_NTZ and no TIME here; current_timestamp(), make_timestamp(..) and to_timestamp(..) "
         "give "
         "a TIMESTAMP, date_format(ts, 'HH:mm:ss') the time of day"},
        {" to_number try_to_number ", "CAST(replace(x, ',', '') AS DECIMAL(12,2)) reads a number"},
        {" sentences ", "split(x, '[.!?]') cuts a text by a pattern"},
        {" aes_encrypt aes_decrypt try_aes_decrypt ",
         "a key does not belong into a query; sha2(x, 256) makes a pseudonym, mask(x) hides"},
        {" approx_top_k approx_top_k_accumulate approx_top_k_combine approx_top_k_estimate count_min_sketch "
         " bitmap_* hll_* kll_* theta_* ",
         "no sketch is given out; approx_count_distinct, percentile_approx and mode give the answer"},
        {" st_* ", "there are no geometries here"},
        {" collate collation ", "texts are compared by their bytes; lower(x) takes case away"},
        {" current_user session_user user current_catalog current_database current_schema version ",
         "a query that runs by itself has no session; write what is meant as a text"},
        {" java_method reflect try_reflect ", "there is no Java here"},
        {" from_avro to_avro from_protobuf to_protobuf schema_of_avro ",
         "Avro and Protobuf are not read yet; JSON is, by from_json"},
        {" parse_json try_parse_json variant_* try_variant_get schema_of_variant schema_of_variant_agg "
         "to_variant_object is_variant_null ",
         "there is no VARIANT here; get_json_object(..) reads a path, from_json(..) a schema"},
        {" from_xml to_xml schema_of_xml xpath xpath_* ", "JSON and CSV are read, by from_json and from_csv"},
        {" schema_of_csv ", "write the schema: 'a INT, b STRING'"},
        {" json_tuple ", "get_json_object(x, '$.a') reads one field, from_json(x, 'a STRING, b STRING') several"},
        {" make_interval try_make_interval make_ym_interval make_dt_interval ",
         "write INTERVAL 2 HOURS, or timestampadd(HOUR, n, ts)"},
        {" input_* ", "the columns topic, partition and offset say where a row is from"},
        {" row_number rank dense_rank lag lead ntile percent_rank cume_dist nth_value ",
         "a stream is windowed with GROUP BY window(ts, '..')"},
    };
    char        name[64], all_of[64];
    int         n = snprintf(name, sizeof name, " %s ", ast->text);
    const char *first = strchr(ast->text, '_');
    for (int i = 0; i < n && i < (int)sizeof name; i++)
        name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    snprintf(all_of, sizeof all_of, "%.*s_* ", first ? (int)(first - ast->text) + 1 : 0, name);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (n < (int)sizeof name && (strstr(rows[i].names, name) || (first && strstr(rows[i].names, all_of)))) {
            struct diag *g = diag_error(b->diags, ast->place, "E_UNSUPPORTED", "%s() is not supported", ast->text);
            diag_hint(b->diags, g, "%s", rows[i].hint);
            return true;
        }
    return false;
}

static struct expr *unknown_function(struct expr_binder *b, const struct ast_expr *ast)
{
    static const char *const aggregates[] = {"count", "sum", "avg", "mean", "min", "max"};
    const char              *names[512];
    int                      n = 0;
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        names[n++] = aggregates[i];
        if (strcasecmp(ast->text, aggregates[i]) == 0) {
            diag_error(b->diags, ast->place, "E_AGGREGATE", "the aggregate %s() is not allowed here", ast->text);
            return NULL;
        }
    }
    for (int i = 0; i < n_functions && n < 500; i++)
        names[n++] = functions[i].name;
    names[n++] = "coalesce";
    names[n++] = "nullif";
    names[n++] = "window";
    if (strcasecmp(ast->text, "window") == 0) {
        struct diag *g = diag_error(b->diags, ast->place, "E_WINDOW", "window() belongs into GROUP BY");
        diag_hint(b->diags, g, "in SELECT write window.start and window.end");
        return NULL;
    }
    if (refuse_by_name(b, ast))
        return NULL;
    struct diag *g = diag_error(b->diags, ast->place, "E_UNKNOWN_FUNCTION", "unknown function %s()", ast->text);
    const char  *near = nearest_name(ast->text, names, n);
    if (near)
        diag_hint(b->diags, g, "did you mean %s()?", near);
    return NULL;
}

struct expr *expr__bind_call(struct expr_binder *b, const struct ast_expr *ast, struct expr **args)
{
    bool         known;
    struct expr *x = expr__conditional_call(b, ast, args, &known);
    int          least, most;
    if (known)
        return x;
    const struct function *f = find_function(ast->text);
    if (!f)
        return unknown_function(b, ast);
    arity(f->args, &least, &most);
    if (!expr__arguments_are(b, ast, least, most))
        return NULL;
    if (ast->names || ast->distinct || ast->filter || ast->within) {
        diag_error(b->diags, ast->place, "E_ARGUMENTS", "%s() takes plain arguments", f->name);
        return NULL;
    }
    if (f->run == k_concat && ast->n_args && args[0]->type->kind == TYPE_ARRAY)
        return expr__concat_arrays(b, ast->place, args, ast->n_args);
    if (!(x = expr__new(b, EXPR_CALL, letter_type(f->result[0]), ast->place, expr__n_bound_args(ast))))
        return NULL;
    x->function = f;
    if (x->n_args)
        memcpy(x->args, args, (size_t)x->n_args * sizeof *args);
    if (!coerce_arguments(b, x))
        return NULL;
    x->nullable = f->nullable;
    for (int i = 0; i < x->n_args; i++)
        x->nullable = x->nullable || (f->strict && x->args[i] && x->args[i]->nullable);
    if (f->result[0] == '1')
        x->type = x->args[0]->type;
    if (f->bind && !f->bind(b, x, ast))
        return NULL;
    return x;
}

/* ---- from_json(text, 'schema' [, map('mode', ..)]) ---- */

static bool from_json_option(struct expr_binder *b, const struct ast_expr *key, const struct ast_expr *value,
                             struct from_json_detail *d)
{
    static const char *const names[] = {"mode"};
    if (key->kind != AST_STRING || value->kind != AST_STRING) {
        diag_error(b->diags, key->place, "E_ARGUMENTS", "the options of from_json() must be texts");
        return false;
    }
    if (strcasecmp(key->text, "mode") != 0) {
        struct diag *g = diag_error(b->diags, key->place, "E_OPTION",
                                    "the option \"%s\" of from_json() is not supported", key->text);
        const char  *near = nearest_name(key->text, names, 1);
        if (near)
            diag_hint(b->diags, g, "did you mean \"%s\"?", near);
        return false;
    }
    d->failfast = strcasecmp(value->text, "FAILFAST") == 0;
    if (!d->failfast && strcasecmp(value->text, "PERMISSIVE") != 0) {
        struct diag *g =
            diag_error(b->diags, value->place, "E_OPTION", "from_json() does not support the mode \"%s\"", value->text);
        diag_hint(b->diags, g, "acceptable modes are PERMISSIVE and FAILFAST");
        return false;
    }
    return true;
}

static bool from_json_options(struct expr_binder *b, const struct ast_expr *ast, struct from_json_detail *d)
{
    if (ast->n_args < 3)
        return true;
    const struct ast_expr *map = ast->args[2];
    if (map->kind != AST_CALL || strcasecmp(map->text, "map") != 0 || map->n_args % 2) {
        diag_error(b->diags, map->place, "E_ARGUMENTS", "the options of from_json() are a map('name', 'value', ..)");
        return false;
    }
    bool ok = true;
    for (int i = 0; i < map->n_args; i += 2)
        ok = from_json_option(b, map->args[i], map->args[i + 1], d) && ok;
    return ok;
}

static bool keys_are_names(const struct type *t)
{
    int n = t->kind == TYPE_STRUCT ? t->n_fields : t->kind == TYPE_MAP ? 2 : t->kind == TYPE_ARRAY;
    for (int i = 0; i < n; i++)
        if (!keys_are_names(t->fields[i].type))
            return false;
    return t->kind != TYPE_MAP || t->fields[0].type->kind == TYPE_STRING;
}

/* The type that a schema written as a text means; NULL after a diagnostic. */
const struct type *expr__schema(struct expr_binder *b, const struct expr *schema, const char *function)
{
    struct ast_type   *t = NULL;
    struct diags       inner;
    const struct type *type;
    if (schema->kind != EXPR_LITERAL || schema->value.is_null || schema->type->kind != TYPE_STRING) {
        diag_error(b->diags, schema->place, "E_ARGUMENTS", "the schema of %s() must be a text, as in 'a INT, b STRING'",
                   function);
        return NULL;
    }
    diags_init(&inner, b->arena);
    if (sql_parse_type(schema->value.text, b->arena, &inner, &t, NULL) != OK) {
        diag_error(b->diags, schema->place, "E_SCHEMA", "in the schema: %s",
                   inner.n ? inner.items[0].text : "it is not valid");
        return NULL;
    }
    struct expr_binder of_schema = {.arena = b->arena, .diags = &inner};
    if (!expr_type_of_ast(&of_schema, t, &type)) {
        struct diag *g = diag_error(b->diags, schema->place, "E_UNSUPPORTED", "in the schema: %s",
                                    inner.n ? inner.items[0].text : "it is not supported");
        if (inner.n && inner.items[0].hint)
            diag_hint(b->diags, g, "%s", inner.items[0].hint);
        return NULL;
    }
    return type;
}

bool expr__bind_from_json(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct from_json_detail *d = arena_zalloc(b->arena, sizeof *d);
    const struct expr       *schema = x->args[1];
    if (!d)
        return expr__too_big(b, ast->place);
    if (!(d->type = expr__schema(b, schema, "from_json")))
        return false;
    if (!keys_are_names(d->type)) {
        struct diag *g = diag_error(b->diags, schema->place, "E_TYPE", "in the schema: a MAP of JSON has STRING keys");
        diag_hint(b->diags, g, "names in JSON are texts: MAP<STRING, ..>");
        return false;
    }
    if (d->type->kind != TYPE_STRUCT) {
        diag_error(b->diags, schema->place, "E_UNSUPPORTED", "from_json() reads objects: the schema must be fields");
        return false;
    }
    x->type = d->type;
    x->detail = d;
    x->nullable = true;
    return from_json_options(b, ast, d);
}
