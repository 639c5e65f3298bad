/* SPDX-License-Identifier: MIT */
/*
 * Evaluates SQL expressions over given rows: what tests/parity/test_expressions.py holds against Spark.
 *
 *   evaluate < job.json     {"now_us": 0, "columns": [["i", "INT"], ..], "values": [[1, null, ..], ..],
 *                            "expressions": ["i + 1", ..]}
 *
 * One line of JSON per expression: {"type": .., "values": [..], "errors": {"row": "[CLASS] .."}} or {"refused": ..}.
 * Values: integers, DATE and TIMESTAMP as numbers; FLOAT and DOUBLE as the 16 hexadecimal digits of the double;
 * STRING and BINARY as hexadecimal digits of their bytes, a DECIMAL of its text; STRUCT and ARRAY as arrays,
 *   MAP as an array of pairs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/program.h"
#include "sql/parse.h"
#include "text/decimal.h"
#include "json/doc.h"
#include "json/write.h"

#define TEXT_MAX ((size_t)1 << 30)

static struct arena arena;
static struct error e;

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "evaluate: %s: %s\n", what, e.text);
    exit(1);
}

/* ---- reading ---- */

static const struct type *type_from_text(const char *text)
{
    struct diags       diags;
    struct ast_type   *ast = NULL;
    const struct type *type = NULL;
    diags_init(&diags, &arena);
    struct expr_binder b = {.arena = &arena, .diags = &diags};
    need(sql_parse_type(text, &arena, &diags, &ast, &e) == OK && expr_type_of_ast(&b, ast, &type), text);
    return type;
}

static int digit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

static void put_bytes(struct builder *b, const char *hex)
{
    size_t   n = strlen(hex) / 2;
    uint8_t *bytes = malloc(n + 1);
    need(bytes != NULL, "memory");
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    builder_bytes(b, bytes, n);
    free(bytes);
}

static double bits_to_double(const char *hex)
{
    uint64_t bits = strtoull(hex, NULL, 16);
    double   v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void put_value(struct builder *b, const struct json_value *v)
{
    const char *text = json_as_string(v);
    int64_t     n = json_as_int(v, 0);
    if (!v || (!text && !json_is_int(v) && !json_is_array(v))) {
        builder_null(b);
        return;
    }
    switch ((int)b->type->kind) {
    case TYPE_BOOLEAN:
        builder_boolean(b, n != 0);
        break;
    case TYPE_TINYINT:
        builder_i8(b, (int8_t)n);
        break;
    case TYPE_SMALLINT:
        builder_i16(b, (int16_t)n);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        builder_i32(b, (int32_t)n);
        break;
    case TYPE_FLOAT:
        builder_f32(b, (float)bits_to_double(text));
        break;
    case TYPE_DOUBLE:
        builder_f64(b, bits_to_double(text));
        break;
    case TYPE_STRING:
    case TYPE_BINARY:
        put_bytes(b, text);
        break;
    case TYPE_STRUCT:
        for (size_t f = 0; f < b->type->n_fields; f++)
            put_value(&b->children[f], json_at(v, f));
        builder_struct(b, true);
        break;
    default:
        builder_i64(b, n);
        break;
    }
}

static struct batch *read_rows(const struct json_value *job)
{
    const struct json_value *columns = json_get(job, "columns"), *values = json_get(job, "values");
    size_t                   n = json_size(columns), n_rows = json_size(json_at(values, 0));
    struct field            *fields = calloc(n + 1, sizeof *fields);
    struct column          **made = calloc(n + 1, sizeof *made);
    need(fields && made, "memory");
    for (size_t c = 0; c < n; c++) {
        struct builder b;
        fields[c].name = json_as_string(json_at(json_at(columns, c), 0));
        fields[c].type = type_from_text(json_as_string(json_at(json_at(columns, c), 1)));
        fields[c].nullable = true;
        need(builder_init(&b, fields[c].type, &e) == OK, "builder");
        for (size_t i = 0; i < n_rows; i++)
            put_value(&b, json_at(json_at(values, c), i));
        need(builder_finish(&b, &made[c], &e) == OK, "builder");
        builder_fini(&b);
    }
    struct batch *batch = batch_new(type_struct(&arena, fields, n), n_rows, made, NULL, NULL);
    need(batch != NULL, "batch");
    free(fields);
    free(made);
    return batch;
}

/* ---- writing ---- */

static void put_hex(struct json_writer *w, const uint8_t *bytes, size_t n)
{
    struct buf text;
    buf_init(&text, TAG_TEST, TEXT_MAX);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%02x", bytes[i]);
    json_put_string_n(w, buf_text(&text), text.size);
    buf_fini(&text);
}

static void put_real(struct json_writer *w, double v)
{
    char     text[20];
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    snprintf(text, sizeof text, "%016" PRIx64, bits);
    json_put_string(w, text);
}

static void write_value(struct json_writer *w, const struct column *c, size_t i)
{
    uint32_t       n;
    char           text[DECIMAL_TEXT_MAX];
    const uint8_t *bytes;
    if (!column_is_valid(c, i) || c->type->kind == TYPE_NULL) {
        json_put_null(w);
        return;
    }
    switch ((int)c->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        json_put_int(w, ((const int8_t *)c->values)[i]);
        break;
    case TYPE_SMALLINT:
        json_put_int(w, ((const int16_t *)c->values)[i]);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        json_put_int(w, column_i32(c)[i]);
        break;
    case TYPE_FLOAT:
        put_real(w, (double)((const float *)c->values)[i]);
        break;
    case TYPE_DOUBLE:
        put_real(w, column_f64(c)[i]);
        break;
    case TYPE_STRING:
    case TYPE_BINARY:
        bytes = column_bytes(c, i, &n);
        put_hex(w, bytes, n);
        break;
    case TYPE_STRUCT:
        json_begin_array(w);
        for (size_t f = 0; f < c->type->n_fields; f++)
            write_value(w, c->children[f], i);
        json_end_array(w);
        break;
    case TYPE_ARRAY:
        json_begin_array(w);
        for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++)
            write_value(w, c->children[0], k);
        json_end_array(w);
        break;
    case TYPE_MAP:
        json_begin_array(w);
        for (uint32_t k = c->offsets[i]; k < c->offsets[i + 1]; k++) {
            json_begin_array(w);
            write_value(w, c->children[0], k);
            write_value(w, c->children[1], k);
            json_end_array(w);
        }
        json_end_array(w);
        break;
    case TYPE_DECIMAL:
        n = (uint32_t)decimal_print((struct decimal){((const int128 *)c->values)[i], c->type->scale}, text);
        put_hex(w, (const uint8_t *)text, n);
        break;
    default:
        json_put_int(w, column_i64(c)[i]);
        break;
    }
}

static void write_result(struct json_writer *w, const struct column *c, const struct row_errors *errors)
{
    struct buf type;
    buf_init(&type, TAG_TEST, TEXT_MAX);
    type_print(c->type, &type);
    json_member_string(w, "type", buf_text(&type));
    buf_fini(&type);
    json_key(w, "values");
    json_begin_array(w);
    for (uint32_t i = 0; i < c->n_rows; i++)
        write_value(w, c, i);
    json_end_array(w);
    json_key(w, "errors");
    json_begin_object(w);
    for (uint32_t i = 0; i < errors->n; i++) {
        char row[16];
        snprintf(row, sizeof row, "%" PRIu32, errors->items[i].row);
        json_member_string(w, row, errors->items[i].text);
    }
    json_end_object(w);
}

/* ---- one expression ---- */

static bool find_column(void *arg, const struct ast_expr *ast, struct expr_binder *b, struct expr **out)
{
    const struct type *schema = arg;
    int                at = type_field_index(schema, ast->parts[0]);
    if (at < 0) {
        diag_error(b->diags, ast->place, "E_UNKNOWN_COLUMN", "unknown column %s", ast->parts[0]);
        return false;
    }
    *out = expr_column(b->arena, at, schema->fields[at].type, true, ast->place);
    for (int i = 1; *out && i < ast->n_parts; i++)
        *out = expr_field(b->arena, *out, type_field_index((*out)->type, ast->parts[i]), ast->place);
    return *out != NULL;
}

static void one(struct json_writer *w, const struct batch *batch, int64_t now_us, const char *text)
{
    struct diags      diags;
    struct ast_expr  *ast = NULL;
    struct expr      *x = NULL;
    struct column    *c = NULL;
    struct row_errors errors = {.collect = true};
    struct type       schema = *batch->schema;
    struct expr_scope scope = {.arg = &schema, .column = find_column};
    diags_init(&diags, &arena);
    struct expr_binder b = {.arena = &arena, .diags = &diags, .scope = &scope};
    if (sql_parse_expr(text, &arena, &diags, &ast, &e) != OK || !expr_bind(&b, ast, &x))
        json_member_string(w, "refused", diags.n ? diags.items[0].text : e.text);
    else if (expr_evaluate(x, batch, NULL, batch->n_rows, now_us, &errors, &c, &e) != OK)
        json_member_string(w, "failed", e.text);
    else
        write_result(w, c, &errors);
    column_free(c);
    row_errors_fini(&errors);
}

static void run(const struct json_value *job)
{
    struct batch            *batch = read_rows(job);
    const struct json_value *expressions = json_get(job, "expressions");
    for (size_t i = 0; i < json_size(expressions); i++) {
        struct buf         out;
        struct json_writer w;
        buf_init(&out, TAG_TEST, TEXT_MAX);
        json_writer_init(&w, &out);
        json_begin_object(&w);
        one(&w, batch, json_get_int(job, "now_us", 0), json_as_string(json_at(expressions, i)));
        json_end_object(&w);
        puts(buf_text(&out));
        need(!out.failed, "too much output");
        buf_fini(&out);
    }
    batch_free(batch);
}

int main(void)
{
    struct buf         text;
    struct json_value *job = NULL;
    arena_init(&arena, TAG_TEST, TEXT_MAX);
    buf_init(&text, TAG_TEST, TEXT_MAX);
    for (size_t n = 1; n > 0 && !text.failed; text.size += n) {
        uint8_t *at = buf_reserve(&text, 1 << 16);
        n = at ? fread(at, 1, 1 << 16, stdin) : 0;
    }
    need(json_doc_parse((const char *)text.data, text.size, &job, &e) == OK, "the job");
    run(job);
    json_doc_free(job);
    buf_fini(&text);
    arena_fini(&arena);
    return 0;
}
