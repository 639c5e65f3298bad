/* SPDX-License-Identifier: MIT */
#include "sink/side.h"

#define ROWS_PER_BATCH 1024
#define BYTES_PER_BATCH ((size_t)8 << 20) /* of keys and values */

struct side_rows {
    struct side        base;
    const struct type *schema;
    struct sink       *sinks[2];    /* by enum side_kind */
    struct builder     builders[2]; /* STRUCT */
    size_t             bytes[2];
    int64_t            epoch;
};

#define SIDE_COLUMNS 9

const struct type *side_schema(struct arena *a)
{
    const struct field fields[] = {{"topic", type_of(TYPE_STRING), true},  {"partition", type_of(TYPE_INT), true},
                                   {"offset", type_of(TYPE_BIGINT), true}, {"timestamp", type_of(TYPE_TIMESTAMP), true},
                                   {"reason", type_of(TYPE_STRING), true}, {"detail", type_of(TYPE_STRING), true},
                                   {"key", type_of(TYPE_BINARY), true},    {"value", type_of(TYPE_BINARY), true},
                                   {"epoch", type_of(TYPE_BIGINT), true}};
    return type_struct(a, fields, sizeof fields / sizeof fields[0]);
}

static enum err flush_kind(struct side_rows *s, int kind, struct error *e)
{
    struct column *rows, *columns[SIDE_COLUMNS];
    if (!s->sinks[kind] || (s->builders[kind].n_rows == 0 && !s->builders[kind].failed))
        return OK;
    s->bytes[kind] = 0;
    TRY(builder_finish(&s->builders[kind], &rows, e));
    for (int i = 0; i < SIDE_COLUMNS; i++)
        columns[i] = column_ref(rows->children[i]);
    struct batch *b = batch_new(s->schema, rows->n_rows, columns, NULL, NULL);
    column_free(rows);
    enum err rc = b ? s->sinks[kind]->ops->write(s->sinks[kind], b, e) : err_set(e, ERR_NO_MEMORY, "side rows");
    batch_free(b);
    return rc;
}

static void put_bytes(struct builder *b, const void *bytes, size_t n)
{
    if (bytes)
        builder_bytes(b, bytes, n);
    else
        builder_null(b);
}

static void put_i64(struct builder *b, bool there, int64_t v)
{
    if (there)
        builder_i64(b, v);
    else
        builder_null(b);
}

static enum err side_row(struct side *base, enum side_kind kind, const struct raw_batch *raw,
                         const struct raw_record *r, const char *reason, const char *detail, struct error *e)
{
    struct side_rows *s = (struct side_rows *)base;
    if (kind == SIDE_REMARK || !s->sinks[kind])
        return OK;
    struct builder *c = s->builders[kind].children;
    put_bytes(&c[0], raw ? raw->topic : NULL, raw ? strlen(raw->topic) : 0);
    if (raw)
        builder_i32(&c[1], raw->partition);
    else
        builder_null(&c[1]);
    put_i64(&c[2], r, r ? r->offset : 0);
    put_i64(&c[3], r && r->timestamp_ms >= 0, r ? r->timestamp_ms * 1000 : 0);
    put_bytes(&c[4], reason, reason ? strlen(reason) : 0);
    put_bytes(&c[5], detail, detail ? strlen(detail) : 0);
    put_bytes(&c[6], r ? r->key : NULL, r ? r->key_bytes : 0);
    put_bytes(&c[7], r ? r->value : NULL, r && r->value ? r->value_bytes : 0);
    builder_i64(&c[8], s->epoch);
    builder_struct(&s->builders[kind], true);
    s->bytes[kind] += r ? r->key_bytes + (r->value ? r->value_bytes : 0) : 0;
    bool full = s->builders[kind].n_rows >= ROWS_PER_BATCH || s->bytes[kind] >= BYTES_PER_BATCH;
    return full ? flush_kind(s, (int)kind, e) : OK;
}

static const struct side_ops ops = {.row = side_row};

enum err side_new(const struct type *schema, struct sink *rejects, struct sink *late, struct side **out,
                  struct error *e)
{
    struct side_rows *s = mem_zalloc(TAG_SINK, sizeof *s);
    *out = NULL;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "side tables");
    s->base.ops = &ops;
    s->schema = schema;
    s->sinks[SIDE_REJECT] = rejects;
    s->sinks[SIDE_LATE] = late;
    enum err rc = builder_init(&s->builders[0], schema, e);
    if (rc == OK)
        rc = builder_init(&s->builders[1], schema, e);
    if (rc != OK) {
        side_free(&s->base);
        return rc;
    }
    *out = &s->base;
    return OK;
}

void side_free(struct side *base)
{
    struct side_rows *s = (struct side_rows *)base;
    if (!s)
        return;
    for (int i = 0; i < 2; i++)
        if (s->builders[i].type)
            builder_fini(&s->builders[i]);
    mem_free(s);
}

void side_drop(struct side *base)
{
    struct side_rows *s = (struct side_rows *)base;
    for (int i = 0; i < 2; i++) {
        builder_clear(&s->builders[i]);
        s->bytes[i] = 0;
    }
}

void side_set_epoch(struct side *base, int64_t epoch) { ((struct side_rows *)base)->epoch = epoch; }

enum err side_flush(struct side *base, struct error *e)
{
    TRY(flush_kind((struct side_rows *)base, SIDE_REJECT, e));
    return flush_kind((struct side_rows *)base, SIDE_LATE, e);
}
