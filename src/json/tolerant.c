/* SPDX-License-Identifier: MIT */
/*
 * Tokens to values, as Spark's JacksonParser converts them. A syntax error anywhere in the root object makes every
 * field NULL; what follows the root object is not looked at.
 */
#include "json/tolerant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/base64.h"
#include "text/decimal.h"
#include "text/time.h"
#include "json/token.h"

#define GREGORIAN_BEGINS (-141427) /* 1582-10-15, in days since 1970 */

/* ---- conversions ---- */

static void bad_field(struct reader *r, const struct json_node *node, const char *why)
{
    if (r->verdict->kind == JSON_BAD_FIELD)
        return;
    r->verdict->kind = JSON_BAD_FIELD;
    snprintf(r->verdict->reason, sizeof r->verdict->reason, "field %.48s: %s", node->name, why);
}

static bool integer_in_range(struct reader *r, enum json_want want, int64_t *v)
{
    if (integer_parse((const char *)r->number, r->number_length, v) != PARSED_OK)
        return false;
    switch ((int)want) {
    case WANT_TINYINT: /* Jackson's getByteValue takes 128..255 and wraps */
        if (*v < -128 || *v > 255)
            return false;
        *v = (int8_t)*v;
        return true;
    case WANT_SMALLINT:
        return *v >= -32768 && *v <= 32767;
    case WANT_INT:
        return *v >= INT32_MIN && *v <= INT32_MAX;
    default:
        return true;
    }
}

static bool special_text(const char *text, size_t n, double *v)
{
    static const struct {
        const char *name;
        double      value;
    } rows[] = {{"NaN", NAN},           {"+INF", INFINITY},  {"+Infinity", INFINITY},
                {"Infinity", INFINITY}, {"-INF", -INFINITY}, {"-Infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, text, n) == 0) {
            *v = rows[i].value;
            return true;
        }
    return false;
}

static bool to_real(struct reader *r, const struct json_node *node, enum token t, struct json_slot *s)
{
    if (t == T_STRING)
        return special_text((const char *)r->scratch->data + r->text_at, r->text_length, &s->real);
    if (t != T_INTEGER && t != T_FLOAT)
        return false;
    s->real = token_double(r);
    if (t == T_INTEGER && s->real == 0)
        s->real = 0;                                     /* the integer -0 is 0 */
    if (node->want == WANT_FLOAT && isfinite(s->real)) { /* straight to float: no double rounding */
        char text[NUMBER_LENGTH_MAX + 2];
        memcpy(text, r->number, r->number_length);
        text[r->number_length] = 0;
        s->real = t == T_INTEGER && s->real == 0 ? 0 : (double)strtof(text, NULL);
    }
    return true;
}

/* Numbers with all their digits; texts as they are read from CSV. */
static bool to_decimal(struct reader *r, const struct json_node *node, enum token t, struct json_slot *s)
{
    if (t == T_STRING)
        return decimal_parse_field((const char *)r->scratch->data + r->text_at, r->text_length, node->precision,
                                   node->scale, &s->decimal) == PARSED_OK;
    return (t == T_INTEGER || t == T_FLOAT) && decimal_parse((const char *)r->number, r->number_length, node->precision,
                                                             node->scale, &s->decimal) == PARSED_OK;
}

static bool to_text(struct reader *r, enum token t, struct json_slot *s)
{
    if (t == T_STRING) {
        s->bytes.offset = r->text_at;
        s->bytes.length = r->text_length;
        s->in_scratch = true;
        return true;
    }
    struct buf copy; /* written aside, as scratch serves the tokens of a nested value */
    buf_init(&copy, TAG_BATCH, r->scratch->limit);
    bool ok = token_pass(r, t, &copy);
    r->scratch->failed = r->scratch->failed || copy.failed; /* an error of the reader, not of the document */
    s->bytes.offset = r->scratch->size;
    s->bytes.length = copy.size;
    s->in_scratch = true;
    buf_put(r->scratch, copy.data, copy.size);
    buf_fini(&copy);
    return ok;
}

static bool to_binary(struct reader *r, struct json_slot *s)
{
    struct buf bytes;
    buf_init(&bytes, TAG_BATCH, r->scratch->limit);
    bool ok = base64_decode_padded((const char *)r->scratch->data + r->text_at, r->text_length, &bytes);
    r->scratch->failed = r->scratch->failed || bytes.failed;
    s->bytes.offset = r->scratch->size;
    s->bytes.length = bytes.size;
    s->in_scratch = true;
    buf_put(r->scratch, bytes.data, bytes.size);
    buf_fini(&bytes);
    return ok;
}

static bool object(struct reader *r, struct json_node *node);

/* True when the value fits the wanted type; scalar tokens only, and STRING takes everything. */
/* What Spark 1.5 wrote for a date: days since 1970 as text. Before 1582 it counts in the Julian calendar: NULL here. */
static bool days_since_1970(const char *text, size_t n, int64_t *days)
{
    return integer_parse(text, n, days) == PARSED_OK && *days >= GREGORIAN_BEGINS && *days <= INT32_MAX &&
           (uint8_t)text[0] > ' ' && (uint8_t)text[n - 1] > ' ';
}

static bool convert(struct reader *r, struct json_node *node, enum token t, struct json_slot *s)
{
    const char *text = (const char *)r->scratch->data + r->text_at;
    int32_t     days;
    switch (node->want) {
    case WANT_BOOLEAN:
        s->integer = t == T_TRUE;
        return t == T_TRUE || t == T_FALSE;
    case WANT_TINYINT:
    case WANT_SMALLINT:
    case WANT_INT:
    case WANT_BIGINT:
        return t == T_INTEGER && integer_in_range(r, node->want, &s->integer);
    case WANT_FLOAT:
    case WANT_DOUBLE:
        return to_real(r, node, t, s);
    case WANT_DECIMAL:
        return to_decimal(r, node, t, s);
    case WANT_STRING:
        return to_text(r, t, s);
    case WANT_BINARY:
        return t == T_STRING && to_binary(r, s);
    case WANT_DATE:
        if (t != T_STRING)
            return false;
        if (date_parse(text, r->text_length, &days))
            s->integer = days;
        else if (!days_since_1970(text, r->text_length, &s->integer))
            return false;
        return true;
    case WANT_TIMESTAMP:
        if (t == T_STRING)
            return timestamp_parse(text, r->text_length, r->now_us, &s->integer);
        if (t != T_INTEGER || integer_parse((const char *)r->number, r->number_length, &s->integer) != PARSED_OK)
            return false;
        s->integer = (int64_t)((uint64_t)s->integer * 1000000u); /* seconds; Java wraps */
        return true;
    case WANT_STRUCT:
    case WANT_ARRAY:
    case WANT_MAP:
        break;
    }
    return false;
}

static void clear(struct json_node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        node->children[i].slot.kind = SLOT_MISSING;
        clear(&node->children[i]);
    }
}

static bool field(struct reader *r, struct json_node *node);

static bool is_list(const struct json_node *node, enum token t)
{
    return (node->want == WANT_ARRAY && t == T_ARRAY) || (node->want == WANT_MAP && t == T_OBJECT);
}

/* Behind the opening bracket. One part that cannot be converted spoils the whole; a struct with bad fields is none. */
static bool list(struct reader *r, struct json_node *node)
{
    const uint8_t *from = r->p - 1;
    size_t         mark = r->scratch->size;
    bool           map = node->want == WANT_MAP, good = true;
    for (bool first = true; map ? token_name(r, first) : token_element(r, first); first = false) {
        node->element->slot.kind = SLOT_MISSING;
        if (!field(r, node->element))
            return false;
        good = good && node->element->slot.kind != SLOT_MISSING;
        r->scratch->size = mark;
    }
    if (r->error)
        return false;
    if (good)
        node->slot = (struct json_slot){.kind = SLOT_SET, .bytes = {{.text = from}, (size_t)(r->p - from)}};
    return true;
}

/* One field's value into its slot: a bad value leaves what an earlier duplicate gave. False on a syntax error. */
static bool field(struct reader *r, struct json_node *node)
{
    enum token t = token_next(r);
    if (t == T_ERROR)
        return false;
    if (t == T_NULL) {
        node->slot.kind = SLOT_NULL;
        return true;
    }
    if (node->want == WANT_STRUCT && t == T_OBJECT) {
        clear(node);
        if (!object(r, node))
            return false;
        node->slot.kind = SLOT_SET;
        return true;
    }
    bool             container = t == T_OBJECT || t == T_ARRAY;
    struct json_slot s = {.kind = SLOT_SET};
    if (is_list(node, t))
        return list(r, node);
    if (container && node->want != WANT_STRING) {
        bad_field(r, node, "the value has another type");
        return token_pass(r, t, NULL);
    }
    if (convert(r, node, t, &s))
        node->slot = s;
    else if (!r->error)
        bad_field(r, node, "the value has another type");
    return !r->error;
}

static struct json_node *find(struct json_node *parent, const uint8_t *name, size_t n)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].name_length == n && memcmp(parent->children[i].name, name, n) == 0)
            return &parent->children[i];
    return NULL;
}

/* Behind the opening brace. */
static bool object(struct reader *r, struct json_node *node)
{
    for (bool first = true; token_name(r, first); first = false) {
        struct json_node *child = find(node, r->scratch->data + r->text_at, r->text_length);
        r->scratch->size = r->text_at;
        if (!(child ? field(r, child) : token_pass(r, token_next(r), NULL)))
            return false;
    }
    return !r->error;
}

enum err tolerant_read(const uint8_t *text, size_t n, int64_t now_us, struct json_node *root, struct buf *scratch,
                       struct json_verdict *verdict, struct error *e)
{
    struct reader r = {.p = text, .end = text + n, .now_us = now_us, .scratch = scratch, .verdict = verdict};
    if (!buf_reserve(scratch, 1)) /* so that data is never NULL */
        return buf_check(scratch, "a JSON document", e);
    verdict->kind = JSON_ROW;
    clear(root);
    enum token t = token_next(&r);
    bool       ok = t == T_OBJECT && object(&r, root);
    if (scratch->failed)
        return buf_check(scratch, "a JSON document", e);
    if (!ok) {
        clear(root);
        verdict->kind = JSON_MALFORMED;
        snprintf(verdict->reason, sizeof verdict->reason, "%s at byte %zu",
                 r.error ? r.error : "the document is not an object", (size_t)(r.p - text));
    }
    return OK;
}

/* ---- the parts of arrays and maps ---- */

bool tolerant_check(const uint8_t *text, size_t n, struct json_node *node, struct buf *scratch)
{
    struct json_verdict verdict = {.kind = JSON_ROW};
    struct reader       r = {.p = text, .end = text + n, .scratch = scratch, .verdict = &verdict};
    return buf_reserve(scratch, 1) && is_list(node, token_next(&r)) && list(&r, node) && r.p == r.end &&
           verdict.kind == JSON_ROW;
}

void tolerant_read_parts(const uint8_t *text, size_t n, int64_t now_us, const struct json_node *node,
                         struct buf *scratch, struct json_verdict *verdict, append_part_fn *append, void *arg,
                         struct builder *into)
{
    struct reader     r = {.p = text + 1, .end = text + n, .now_us = now_us, .scratch = scratch, .verdict = verdict};
    struct json_node *part = node->element;
    bool              map = node->want == WANT_MAP;
    size_t            mark = scratch->size;
    for (bool first = true; map ? token_name(&r, first) : token_element(&r, first); first = false) {
        size_t name_at = r.text_at, name_length = r.text_length;
        part->slot.kind = SLOT_MISSING;
        if (!field(&r, part))
            return;
        if (map)
            builder_bytes(&into->children[0], scratch->data + name_at, name_length);
        append(arg, part, &into->children[map]);
        scratch->size = mark;
    }
}
