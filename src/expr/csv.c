/* SPDX-License-Identifier: MIT */
/* from_csv(text, 'schema' [, map('sep', ..)]) and to_csv(struct): binding and kernels. */
#include <stdio.h>
#include <strings.h>

#include "csv/csv.h"
#include "expr/kernel_tools.h"
#include "expr/time_pattern.h"
#include "text/decimal.h"
#include "text/number.h"
#include "text/time.h"

struct from_csv_detail {
    struct csv_format format;
    struct text       null_value;
    bool              failfast;
};

/* ---- binding ---- */

static bool refuse(struct expr_binder *b, const struct ast_expr *value, const char *option, const char *what)
{
    diag_error(b->diags, value->place, "E_OPTION", "the option \"%s\" of from_csv() takes %s", option, what);
    return false;
}

static bool one_byte(struct expr_binder *b, const struct ast_expr *value, const char *option, uint8_t *to)
{
    const char *text = strcmp(value->text, "\\t") == 0 ? "\t" : value->text;
    *to = (uint8_t)text[0];
    return (strlen(text) == 1 && *to < 0x80) || refuse(b, value, option, "one ASCII character");
}

static bool mode(struct expr_binder *b, const struct ast_expr *value, struct from_csv_detail *d)
{
    d->failfast = strcasecmp(value->text, "FAILFAST") == 0;
    return d->failfast || strcasecmp(value->text, "PERMISSIVE") == 0 ||
           refuse(b, value, "mode", "PERMISSIVE or FAILFAST");
}

static bool option(struct expr_binder *b, const struct ast_expr *key, const struct ast_expr *value,
                   struct from_csv_detail *d)
{
    static const char *const names[] = {"sep", "delimiter", "quote", "escape", "nullValue", "mode"};
    if (key->kind != AST_STRING || value->kind != AST_STRING) {
        diag_error(b->diags, key->place, "E_ARGUMENTS", "the options of from_csv() must be texts");
        return false;
    }
    if (strcasecmp(key->text, "sep") == 0 || strcasecmp(key->text, "delimiter") == 0)
        return one_byte(b, value, key->text, &d->format.separator);
    if (strcasecmp(key->text, "quote") == 0)
        return value->length ? one_byte(b, value, key->text, &d->format.quote) : (d->format.quote = 0, true);
    if (strcasecmp(key->text, "escape") == 0)
        return one_byte(b, value, key->text, &d->format.escape);
    if (strcasecmp(key->text, "mode") == 0)
        return mode(b, value, d);
    if (strcasecmp(key->text, "header") == 0) /* of files: a line has none */
        return true;
    if (strcasecmp(key->text, "nullValue") == 0) {
        d->null_value = (struct text){(const uint8_t *)value->text, value->length};
        return true;
    }
    struct diag *g =
        diag_error(b->diags, key->place, "E_OPTION", "the option \"%s\" of from_csv() is not supported", key->text);
    const char *near = nearest_name(key->text, names, (int)(sizeof names / sizeof *names));
    if (near)
        diag_hint(b->diags, g, "did you mean \"%s\"?", near);
    else
        diag_hint(b->diags, g, "sep, quote, escape, nullValue and mode are");
    return false;
}

static bool options(struct expr_binder *b, const struct ast_expr *ast, struct from_csv_detail *d)
{
    if (ast->n_args < 3)
        return true;
    const struct ast_expr *map = ast->args[2];
    if (map->kind != AST_CALL || strcasecmp(map->text, "map") != 0 || map->n_args % 2) {
        diag_error(b->diags, map->place, "E_ARGUMENTS", "the options of from_csv() are a map('name', 'value', ..)");
        return false;
    }
    bool ok = true;
    for (int i = 0; i < map->n_args; i += 2)
        ok = option(b, map->args[i], map->args[i + 1], d) && ok;
    return ok;
}

/* Structs of plain values. */
static bool is_flat(const struct type *t)
{
    bool flat = t->kind == TYPE_STRUCT;
    for (int i = 0; flat && i < t->n_fields; i++)
        flat = t->fields[i].type->kind < TYPE_STRUCT && t->fields[i].type->kind != TYPE_INTERVAL;
    return flat;
}

bool expr__bind_from_csv(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    struct from_csv_detail *d = arena_zalloc(b->arena, sizeof *d);
    if (!d)
        return expr__too_big(b, ast->place);
    d->format = CSV_FORMAT_DEFAULT;
    if (!(x->type = expr__schema(b, x->args[1], "from_csv")))
        return false;
    if (!is_flat(x->type)) {
        diag_error(b->diags, x->args[1]->place, "E_UNSUPPORTED",
                   "from_csv() reads fields of plain types: no STRUCT, ARRAY or MAP among them");
        return false;
    }
    if (type_field_index(x->type, "_corrupt_record") != -1) {
        diag_error(b->diags, x->args[1]->place, "E_UNSUPPORTED", "the field _corrupt_record is not supported");
        return false;
    }
    x->detail = d;
    x->nullable = true;
    return options(b, ast, d);
}

bool expr__bind_to_csv(struct expr_binder *b, struct expr *x, const struct ast_expr *ast)
{
    const struct type *t = x->args[0]->type;
    bool               bytes = false;
    for (int i = 0; t->kind == TYPE_STRUCT && i < t->n_fields; i++)
        bytes = bytes || t->fields[i].type->kind == TYPE_BINARY;
    if (is_flat(t) && !bytes)
        return true;
    struct diag *g = diag_error(b->diags, ast->place, "E_TYPE", "to_csv() takes a struct of plain values");
    diag_hint(b->diags, g, "no BINARY, STRUCT, ARRAY, MAP or INTERVAL among them: CAST(.. AS STRING)");
    return false;
}

/* ---- from_csv ---- */

struct reader {
    struct evaluation            *ev;
    const struct from_csv_detail *d;
    struct builder                row;
    struct buf                    field, repaired;
};

/* False: the field is malformed; it is NULL then. */
static bool put_field(struct reader *r, struct builder *b, bool quoted)
{
    struct text t = {r->field.data, (uint32_t)r->field.size};
    if (t.n && !utf8_is_valid(t.p, t.n)) {
        buf_clear(&r->repaired);
        utf8_repair(t.p, t.n, &r->repaired);
        t = (struct text){r->repaired.data, (uint32_t)r->repaired.size};
    }
    bool null =
        (t.n == 0 && !quoted) || (t.n == r->d->null_value.n && (t.n == 0 || memcmp(t.p, r->d->null_value.p, t.n) == 0));
    bool good = null || csv_value(b, t.p, t.n);
    if (null || !good)
        builder_null(b);
    return good;
}

/* Ends of lines are as other characters, as in Spark; what is missing is NULL. False: it is malformed in some way. */
static bool read_line(struct reader *r, struct text t)
{
    const uint8_t *p = t.p, *end = t.p + t.n;
    int            n = 0, n_fields = r->row.type->n_fields;
    bool           good = true, quoted;
    bool           more = p < end;
    while (more) {
        p = csv_field(p, end, r->d->format, &r->field, &quoted);
        if (n < n_fields)
            good = put_field(r, &r->row.children[n], quoted) && good;
        n++;
        more = p++ < end;
    }
    good = good && n == n_fields;
    for (; n < n_fields; n++)
        builder_null(&r->row.children[n]);
    builder_struct(&r->row, true);
    return good;
}

struct column *k_from_csv(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    struct reader  r = {.ev = ev, .d = x->detail};
    struct column *out = NULL;
    bool           ok = true;
    if (builder_init(&r.row, x->type, ev->error) != OK)
        return NULL;
    buf_init(&r.field, TAG_BATCH, COLUMN_BYTES_MAX);
    buf_init(&r.repaired, TAG_BATCH, COLUMN_BYTES_MAX);
    for (uint32_t i = 0; ok && i < n; i++) {
        if (!vec_valid(&args[0], i)) {
            builder_null(&r.row);
            continue;
        }
        bool good = read_line(&r, text_at(&args[0], i));
        if (good || !r.d->failfast)
            continue;
        builder_pop(&r.row);
        builder_null(&r.row);
        ok = expr__fail(ev, i, "[MALFORMED_RECORD_IN_PARSING] from_csv() in the mode FAILFAST: the line is malformed");
    }
    if (buf_check(&r.field, "from_csv()", ev->error) != OK || buf_check(&r.repaired, "from_csv()", ev->error) != OK)
        ok = false;
    if (!ok || builder_finish(&r.row, &out, ev->error) != OK)
        out = NULL;
    builder_fini(&r.row);
    buf_fini(&r.field);
    buf_fini(&r.repaired);
    return out;
}

/* ---- to_csv ---- */

/* As Spark's writer: trimmed; quoted when it is empty, or the separator, a quote or a line's end is in it. */
static void put_quoted(struct buf *out, const uint8_t *p, size_t n)
{
    while (n && p[n - 1] <= ' ') /* Spark's writer trims */
        n--;
    while (n && p[0] <= ' ') {
        p++;
        n--;
    }
    bool plain = n > 0;
    for (size_t i = 0; i < n; i++)
        plain = plain && p[i] != ',' && p[i] != '"' && p[i] != '\n' && p[i] != '\r';
    if (plain) {
        buf_put(out, p, n);
        return;
    }
    buf_u8(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"' || p[i] == '\\')
            buf_u8(out, '\\');
        buf_u8(out, p[i]);
    }
    buf_u8(out, '"');
}

static void put_time(struct buf *out, int64_t us)
{
    static const char   pattern[] = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
    struct time_pattern p;
    const char         *why;
    if (time_pattern_parse(pattern, sizeof pattern - 1, false, &p, &why))
        time_pattern_print(&p, us, out);
}

static void put_value(struct buf *out, const struct column *c, size_t i)
{
    char           text[TIME_TEXT_MAX + NUMBER_TEXT_MAX];
    uint32_t       n;
    const uint8_t *bytes;
    switch ((int)c->type->kind) {
    case TYPE_STRING:
        bytes = column_bytes(c, i, &n);
        put_quoted(out, bytes, n);
        return;
    case TYPE_TIMESTAMP:
        put_time(out, column_i64(c)[i]);
        return;
    case TYPE_BOOLEAN:
        buf_puts(out, column_u8(c)[i] ? "true" : "false");
        return;
    case TYPE_FLOAT:
        float_print(((const float *)c->values)[i], text);
        break;
    case TYPE_DOUBLE:
        double_print(column_f64(c)[i], text);
        break;
    case TYPE_DATE:
        date_print(column_i32(c)[i], text);
        break;
    case TYPE_DECIMAL:
        decimal_print((struct decimal){column_i128(c)[i], c->type->scale}, text);
        break;
    default:
        snprintf(text, sizeof text, "%lld", (long long)column_integer(c, (uint32_t)i));
        break;
    }
    buf_puts(out, text);
}

static bool to_csv_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    const struct column *c = args[0].c;
    size_t               row = (size_t)i * args[0].step;
    (void)x;
    for (int f = 0; f < c->type->n_fields; f++) {
        const struct column *field = c->children[f];
        if (f)
            buf_u8(&w->text, ',');
        if (!kernel_is_null(field, (uint32_t)row))
            put_value(&w->text, field, row);
    }
    return true;
}
TEXT_KERNEL(k_to_csv, to_csv_row)
