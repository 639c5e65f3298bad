/* SPDX-License-Identifier: MIT */
/*
 * Tokens to values, as Spark's JacksonParser converts them. A mistake is an exception there, which the nearest object
 * or map catches, to go on with whatever token comes next; so it is here (THROWN). One that the root object does not
 * catch makes every field NULL; what follows the root object is not looked at.
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

enum outcome {
    READ,
    PARTLY, /* read, with parts that could not be: they are missing */
    THROWN, /* nothing, and the reader stands where the mistake was found */
};

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

static const char *text_of(const struct reader *r) { return (const char *)token_bytes(r); }

static bool to_real(struct reader *r, const struct json_node *node, enum token t, struct json_slot *s)
{
    if (t == T_STRING)
        return token_text(r) && special_text(text_of(r), r->text_length, &s->real);
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
        return token_text(r) &&
               decimal_parse_field(text_of(r), r->text_length, node->precision, node->scale, &s->decimal) == PARSED_OK;
    return (t == T_INTEGER || t == T_FLOAT) && decimal_parse((const char *)r->number, r->number_length, node->precision,
                                                             node->scale, &s->decimal) == PARSED_OK;
}

/* Bytes that were put together aside, as scratch serves the tokens meanwhile; frees them. */
static void keep_bytes(struct reader *r, struct buf *bytes, struct json_slot *s)
{
    r->scratch->failed = r->scratch->failed || bytes->failed; /* an error of the reader, not of the document */
    s->bytes.offset = r->scratch->size;
    s->bytes.length = bytes->size;
    s->in_scratch = true;
    buf_put(r->scratch, bytes->data, bytes->size);
    buf_fini(bytes);
}

static bool to_text(struct reader *r, enum token t, struct json_slot *s)
{
    if (t == T_STRING) {
        bool ok = token_text(r);
        s->bytes.length = r->text_length;
        s->in_scratch = !r->plain;
        if (r->plain)
            s->bytes.text = r->plain;
        else
            s->bytes.offset = r->text_at;
        return ok;
    }
    struct buf copy;
    buf_init(&copy, TAG_BATCH, r->scratch->limit);
    bool ok = token_copy(r, &copy);
    keep_bytes(r, &copy, s);
    return ok;
}

static bool to_binary(struct reader *r, struct json_slot *s)
{
    struct buf bytes;
    buf_init(&bytes, TAG_BATCH, r->scratch->limit);
    bool ok = token_base64(r, &bytes);
    keep_bytes(r, &bytes, s);
    return ok;
}

/* What Spark 1.5 wrote for a date: days since 1970 as text. Before 1582 it counts in the Julian calendar: NULL here. */
static bool days_since_1970(const char *text, size_t n, int64_t *days)
{
    return integer_parse(text, n, days) == PARSED_OK && *days >= GREGORIAN_BEGINS && *days <= INT32_MAX &&
           (uint8_t)text[0] > ' ' && (uint8_t)text[n - 1] > ' ';
}

static bool to_date(struct reader *r, enum token t, struct json_slot *s)
{
    int32_t days;
    if (t != T_STRING || !token_text(r))
        return false;
    if (!date_parse(text_of(r), r->text_length, &days))
        return days_since_1970(text_of(r), r->text_length, &s->integer);
    s->integer = days;
    return true;
}

static bool to_timestamp(struct reader *r, enum token t, struct json_slot *s)
{
    if (t == T_STRING)
        return token_text(r) && timestamp_parse(text_of(r), r->text_length, r->now_us, &s->integer);
    if (t != T_INTEGER || integer_parse((const char *)r->number, r->number_length, &s->integer) != PARSED_OK)
        return false;
    s->integer = (int64_t)((uint64_t)s->integer * 1000000u); /* seconds; Java wraps */
    return true;
}

/* True when the value fits the wanted type; of values with parts only STRING takes one. */
static bool convert(struct reader *r, struct json_node *node, enum token t, struct json_slot *s)
{
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
        return to_date(r, t, s);
    case WANT_TIMESTAMP:
        return to_timestamp(r, t, s);
    case WANT_STRUCT:
    case WANT_ARRAY:
    case WANT_MAP:
        break;
    }
    return false;
}

/* ---- values with parts ---- */

static enum outcome field(struct reader *r, struct json_node *node);

static void clear(struct json_node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        node->children[i].slot.kind = SLOT_MISSING;
        clear(&node->children[i]);
    }
}

static struct json_node *find(struct reader *r, struct json_node *parent)
{
    if (!token_name(r))
        return NULL;
    r->scratch->size = r->text_at;
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].name_length == r->text_length &&
            memcmp(parent->children[i].name, text_of(r), r->text_length) == 0)
            return &parent->children[i];
    return NULL;
}

/* Behind the opening brace. */
static enum outcome object(struct reader *r, struct json_node *node)
{
    enum outcome all = READ;
    for (;;) {
        enum token t = token_next(r);
        if (t == T_ERROR)
            return THROWN;
        if (t == T_NONE || t == T_OBJECT_END)
            return all;
        struct json_node *child = find(r, node);
        enum outcome      one = child ? field(r, child) : THROWN; /* what nobody asked for is passed over */
        if (child && one != READ)
            all = PARTLY;
        if (one == THROWN && !token_skip(r))
            return THROWN;
    }
}

static void read_again(struct reader *r, struct json_node *node, const uint8_t *from)
{
    uint8_t before[offsetof(struct reader, levels)];
    memcpy(before, r, sizeof before);
    clear(node);
    if (token_enter(r, from))
        object(r, node);
    memcpy(r, before, sizeof before);
}

/* A struct that cannot be read leaves what an earlier member of the name gave: that is read once more. */
static enum outcome nested(struct reader *r, struct json_node *node)
{
    struct json_slot earlier = node->slot;
    const uint8_t   *from = r->p - 1;
    clear(node);
    enum outcome got = object(r, node);
    node->slot = (struct json_slot){.kind = SLOT_SET, .bytes = {{.text = from}, 0}};
    if (got == THROWN) {
        node->slot = earlier;
        if (earlier.kind == SLOT_SET)
            read_again(r, node, earlier.bytes.text);
    }
    return got;
}

static bool is_list(const struct json_node *node, enum token t)
{
    return (node->want == WANT_ARRAY && t == T_ARRAY) || (node->want == WANT_MAP && t == T_OBJECT);
}

/* Behind the opening bracket. One part that cannot be read spoils the whole, an array at once, a map at its end. */
static enum outcome list(struct reader *r, struct json_node *node)
{
    const uint8_t *from = r->p - 1;
    size_t         mark = r->scratch->size;
    bool           map = node->want == WANT_MAP;
    enum outcome   all = READ;
    for (;;) {
        enum token t = token_next(r);
        if (t == T_ERROR)
            return THROWN;
        if (t == T_NONE || t == (map ? T_OBJECT_END : T_ARRAY_END))
            break;
        node->element->slot.kind = SLOT_MISSING;
        enum outcome one = field(r, node->element);
        if (one == THROWN && (!map || !token_skip(r)))
            return THROWN;
        all = one > all ? one : all;
        r->scratch->size = mark;
    }
    if (all != THROWN)
        node->slot = (struct json_slot){.kind = SLOT_SET, .bytes = {{.text = from}, (size_t)(r->p - from)}};
    return all;
}

/* The value of the current token, or of the name that is the current token, into its slot; THROWN leaves in it what an
 * earlier member of the name gave. */
static enum outcome field(struct reader *r, struct json_node *node)
{
    enum token       t = r->token == T_NAME ? token_next(r) : r->token;
    struct json_slot s = {.kind = SLOT_SET};
    enum outcome     got = THROWN;
    if (t == T_NONE || t == T_NULL) {
        node->slot.kind = SLOT_NULL;
        return READ;
    }
    if (t == T_ERROR)
        got = THROWN;
    else if (node->want == WANT_STRUCT && t == T_OBJECT)
        got = nested(r, node);
    else if (is_list(node, t))
        got = list(r, node);
    else if (convert(r, node, t, &s)) {
        node->slot = s;
        return READ;
    } else if (r->open && node->want != WANT_BINARY)
        token_text(r); /* Spark's complaint has it */
    if (got == THROWN)
        bad_field(r, node, r->error ? r->error : "the value has another type");
    return got;
}

static enum outcome root_object(struct reader *r, struct json_node *root)
{
    enum token t = token_next(r);
    if (t == T_OBJECT)
        return object(r, root);
    if (t != T_ERROR)
        token_fail(r, "the document is not an object");
    return THROWN;
}

enum err tolerant_read(const uint8_t *text, size_t n, int64_t now_us, struct json_node *root, struct buf *scratch,
                       struct json_verdict *verdict, struct error *e)
{
    struct reader r;
    if (!token_begin(&r, text, n, scratch, verdict))
        return buf_check(scratch, "a JSON document", e);
    r.now_us = now_us;
    verdict->kind = JSON_ROW;
    clear(root);
    enum outcome got = root_object(&r, root);
    if (scratch->failed)
        return buf_check(scratch, "a JSON document", e);
    if (got == THROWN) {
        clear(root);
        verdict->kind = JSON_MALFORMED;
        snprintf(verdict->reason, sizeof verdict->reason, "%s at byte %zu", r.error, (size_t)(r.error_at - text));
    }
    return OK;
}

/* ---- the parts of arrays and maps ---- */

bool tolerant_check(const uint8_t *text, size_t n, struct json_node *node, struct buf *scratch)
{
    struct json_verdict verdict = {.kind = JSON_ROW};
    struct reader       r;
    return token_begin(&r, text, n, scratch, &verdict) && is_list(node, token_next(&r)) && list(&r, node) == READ &&
           !r.error && r.p == r.end;
}

void tolerant_read_parts(const uint8_t *text, size_t n, int64_t now_us, const struct json_node *node,
                         struct buf *scratch, struct json_verdict *verdict, append_part_fn *append, void *arg,
                         struct builder *into)
{
    struct reader     r;
    struct json_node *part = node->element;
    bool              map = node->want == WANT_MAP;
    size_t            mark = scratch->size;
    if (!token_begin(&r, text, n, scratch, verdict))
        return;
    r.now_us = now_us;
    token_next(&r);
    for (;;) {
        enum token t = token_next(&r);
        if (t == T_ERROR || t == T_NONE || t == (map ? T_OBJECT_END : T_ARRAY_END))
            return;
        size_t         name_length = map && token_name(&r) ? r.text_length : 0;
        const uint8_t *name = r.plain; /* or at the mark */
        part->slot.kind = SLOT_MISSING;
        if (field(&r, part) == THROWN)
            return;
        if (map)
            builder_bytes(&into->children[0], name ? name : scratch->data + mark, name_length);
        append(arg, part, &into->children[map]);
        scratch->size = mark;
    }
}
