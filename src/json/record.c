/* SPDX-License-Identifier: MIT */
#include "json/record.h"

#include "json/record_priv.h"
#include "json/shape.h"
#include "json/tolerant.h"

#define SCRATCH_LIMIT ((size_t)64 << 20)

struct json_reader {
    struct arena        arena; /* nodes */
    struct json_node    root;
    struct simd_parser *simd;
    struct shapes       shapes;
    struct buf          padded;  /* copies of texts without slack */
    struct buf          scratch; /* strings of the tolerant path */
    int64_t             n_slow;
    bool                any_list; /* an ARRAY or MAP somewhere */
    /* of the document being read */
    int64_t              now_us;
    struct json_verdict *verdict;
};

/* ---- compile ---- */

static bool wanted(enum type_kind kind, enum json_want *want)
{
    switch ((int)kind) {
    case TYPE_BOOLEAN:
        *want = WANT_BOOLEAN;
        return true;
    case TYPE_TINYINT:
        *want = WANT_TINYINT;
        return true;
    case TYPE_SMALLINT:
        *want = WANT_SMALLINT;
        return true;
    case TYPE_INT:
        *want = WANT_INT;
        return true;
    case TYPE_BIGINT:
        *want = WANT_BIGINT;
        return true;
    case TYPE_FLOAT:
        *want = WANT_FLOAT;
        return true;
    case TYPE_DOUBLE:
        *want = WANT_DOUBLE;
        return true;
    case TYPE_DECIMAL:
        *want = WANT_DECIMAL;
        return true;
    case TYPE_STRING:
        *want = WANT_STRING;
        return true;
    case TYPE_BINARY:
        *want = WANT_BINARY;
        return true;
    case TYPE_DATE:
        *want = WANT_DATE;
        return true;
    case TYPE_TIMESTAMP:
        *want = WANT_TIMESTAMP;
        return true;
    case TYPE_STRUCT:
        *want = WANT_STRUCT;
        return true;
    case TYPE_ARRAY:
        *want = WANT_ARRAY;
        return true;
    case TYPE_MAP:
        *want = WANT_MAP;
        return true;
    default:
        return false;
    }
}

static enum err compile(struct json_reader *r, const struct type *type, struct json_node *node, struct error *e);

static enum err compile_list(struct json_reader *r, const struct type *type, struct json_node *node, struct error *e)
{
    if (type->kind == TYPE_MAP && type->fields[0].type->kind != TYPE_STRING)
        return err_set(e, ERR_UNSUPPORTED, "from_json reads a MAP with STRING keys only");
    if (!(node->element = arena_zalloc(&r->arena, sizeof *node->element)))
        return err_set(e, ERR_NO_MEMORY, "JSON reader");
    node->element->name = node->name; /* in complaints */
    r->any_list = true;
    return compile(r, type->fields[type->kind == TYPE_MAP].type, node->element, e);
}

static enum err compile(struct json_reader *r, const struct type *type, struct json_node *node, struct error *e)
{
    if (!wanted(type->kind, &node->want))
        return err_set(e, ERR_UNSUPPORTED, "from_json cannot read %s yet", type_kind_name(type->kind));
    node->precision = type->precision;
    node->scale = type->scale;
    if (node->want == WANT_ARRAY || node->want == WANT_MAP)
        return compile_list(r, type, node, e);
    if (node->want != WANT_STRUCT)
        return OK;
    node->n_children = type->n_fields;
    node->children = arena_zalloc(&r->arena, (type->n_fields + 1u) * sizeof *node->children);
    if (!node->children)
        return err_set(e, ERR_NO_MEMORY, "JSON reader");
    for (size_t i = 0; i < node->n_children; i++) {
        node->children[i].name = arena_strdup(&r->arena, type->fields[i].name);
        if (!node->children[i].name)
            return err_set(e, ERR_NO_MEMORY, "JSON reader");
        node->children[i].name_length = strlen(type->fields[i].name);
        TRY(compile(r, type->fields[i].type, &node->children[i], e));
    }
    return OK;
}

enum err json_reader_new(const struct type *schema, struct json_reader **out, struct error *e)
{
    enum err            rc;
    struct json_reader *r = mem_zalloc(TAG_BATCH, sizeof *r);
    *out = NULL;
    if (!r)
        return err_set(e, ERR_NO_MEMORY, "JSON reader");
    arena_init(&r->arena, TAG_BATCH, (size_t)16 << 20);
    buf_init(&r->padded, TAG_BATCH, SCRATCH_LIMIT);
    buf_init(&r->scratch, TAG_BATCH, SCRATCH_LIMIT);
    CHECK(schema->kind == TYPE_STRUCT);
    if ((rc = compile(r, schema, &r->root, e)) == OK && !(r->simd = simd_parser_new()))
        rc = err_set(e, ERR_NO_MEMORY, "JSON reader");
    if (rc != OK) {
        json_reader_free(r);
        return rc;
    }
    *out = r;
    return OK;
}

void json_reader_free(struct json_reader *r)
{
    if (!r)
        return;
    if (r->simd)
        simd_parser_free(r->simd);
    shapes_fini(&r->shapes);
    arena_fini(&r->arena);
    buf_fini(&r->padded);
    buf_fini(&r->scratch);
    mem_free(r);
}

int64_t json_reader_slow_count(const struct json_reader *r) { return r->n_slow; }

/* ---- slots to columns ---- */

static void append_part(void *arg, const struct json_node *node, struct builder *b);

static const uint8_t *bytes_of(const struct json_reader *r, const struct json_slot *s)
{
    return s->in_scratch ? r->scratch.data + s->bytes.offset : s->bytes.text;
}

static void append(struct json_reader *r, const struct json_node *node, struct builder *b)
{
    if (node->slot.kind != SLOT_SET) {
        builder_null(b);
        return;
    }
    switch (node->want) {
    case WANT_BOOLEAN:
        builder_boolean(b, node->slot.integer != 0);
        break;
    case WANT_TINYINT:
        builder_i8(b, (int8_t)node->slot.integer);
        break;
    case WANT_SMALLINT:
        builder_i16(b, (int16_t)node->slot.integer);
        break;
    case WANT_INT:
    case WANT_DATE:
        builder_i32(b, (int32_t)node->slot.integer);
        break;
    case WANT_BIGINT:
    case WANT_TIMESTAMP:
        builder_i64(b, node->slot.integer);
        break;
    case WANT_FLOAT:
        builder_f32(b, (float)node->slot.real);
        break;
    case WANT_DOUBLE:
        builder_f64(b, node->slot.real);
        break;
    case WANT_DECIMAL:
        builder_decimal(b, node->slot.decimal);
        break;
    case WANT_STRING:
    case WANT_BINARY:
        builder_bytes(b, bytes_of(r, &node->slot), node->slot.bytes.length);
        break;
    case WANT_STRUCT:
        for (size_t i = 0; i < node->n_children; i++)
            append(r, &node->children[i], &b->children[i]);
        builder_struct(b, true);
        break;
    case WANT_ARRAY:
    case WANT_MAP:
        tolerant_read_parts(node->slot.bytes.text, node->slot.bytes.length, r->now_us, node, &r->scratch, r->verdict,
                            append_part, r, b);
        builder_list(b);
        break;
    }
}

static void append_part(void *arg, const struct json_node *node, struct builder *b) { append(arg, node, b); }

/* A fast path takes lists as they are: is every one JSON, and can all of it be converted? */
static bool lists_are_json(struct json_reader *r, struct json_node *node)
{
    bool list = node->want == WANT_ARRAY || node->want == WANT_MAP;
    if (list)
        return node->slot.kind != SLOT_SET ||
               tolerant_check(node->slot.bytes.text, node->slot.bytes.length, node, &r->scratch);
    for (size_t i = 0; node->slot.kind == SLOT_SET && i < node->n_children; i++)
        if (!lists_are_json(r, &node->children[i]))
            return false;
    return true;
}

static bool is_blank(const uint8_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] > 0x20)
            return false;
    return true;
}

static enum err append_root(struct json_reader *r, int64_t now_us, struct builder *into, struct json_verdict *verdict,
                            struct error *e)
{
    r->now_us = now_us;
    r->verdict = verdict;
    r->root.slot.kind = SLOT_SET;
    append(r, &r->root, into);
    return buf_check(&r->scratch, "a JSON document", e);
}

enum err json_reader_read_tolerant(struct json_reader *r, const uint8_t *text, size_t n, int64_t now_us,
                                   struct builder *into, struct json_verdict *verdict, struct error *e)
{
    verdict->kind = JSON_NULL;
    verdict->reason[0] = 0;
    if (!text || is_blank(text, n)) {
        builder_null(into);
        return OK;
    }
    buf_clear(&r->scratch);
    r->n_slow++;
    TRY(tolerant_read(text, n, now_us, &r->root, &r->scratch, verdict, e));
    return append_root(r, now_us, into, verdict, e);
}

enum err json_reader_read(struct json_reader *r, const uint8_t *text, size_t n, size_t slack_bytes, int64_t now_us,
                          struct builder *into, struct json_verdict *verdict, struct error *e)
{
    size_t         capacity = n + slack_bytes;
    const uint8_t *from = text;
    if (!text || n == 0 || text[0] != '{')
        return json_reader_read_tolerant(r, text, n, now_us, into, verdict, e);
    if (slack_bytes < JSON_SLACK_BYTES) {
        uint8_t *copy;
        buf_clear(&r->padded);
        if (!(copy = buf_reserve(&r->padded, n + JSON_SLACK_BYTES)))
            return buf_check(&r->padded, "a JSON document", e);
        memcpy(copy, text, n);
        memset(copy + n, 0, JSON_SLACK_BYTES);
        from = copy;
        capacity = n + JSON_SLACK_BYTES;
    }
    bool fits = shapes_read(&r->shapes, from, n, now_us);
    if (!fits && !simd_parser_read(r->simd, from, n, capacity, now_us, &r->root))
        return json_reader_read_tolerant(r, text, n, now_us, into, verdict, e);
    if (r->any_list) {
        buf_clear(&r->scratch);
        r->root.slot.kind = SLOT_SET;
        if (!lists_are_json(r, &r->root))
            return json_reader_read_tolerant(r, text, n, now_us, into, verdict, e);
    }
    verdict->kind = JSON_ROW;
    TRY(append_root(r, now_us, into, verdict, e));
    if (!fits)
        shapes_learn(&r->shapes, &r->root, from, n);
    return OK;
}
