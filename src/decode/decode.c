/* SPDX-License-Identifier: MIT */
#include "decode/decode.h"

#include <inttypes.h>
#include <stdio.h>

#include "text/utf8.h"
#include "json/record.h"

struct record_decoder {
    struct decoder        base;
    struct decode_spec    spec;
    struct decode_column *columns; /* own copy */
    struct builder       *builders;
    struct json_reader  **readers; /* NULL where the column is no JSON */
    struct buf            repaired;
    uint32_t             *origin; /* rows kept -> records; only while some record was dropped */
    uint32_t              origin_capacity;
};

static void fini(struct record_decoder *d)
{
    for (int i = 0; i < d->spec.schema->n_fields; i++) {
        if (d->builders)
            builder_fini(&d->builders[i]);
        if (d->readers)
            json_reader_free(d->readers[i]);
    }
    buf_fini(&d->repaired);
    mem_free(d->origin);
    mem_free(d->builders);
    mem_free(d->readers);
    mem_free(d->columns);
    mem_free(d);
}

static void decoder_free(struct decoder *base) { fini((struct record_decoder *)base); }

/* ---- one record ---- */

static const char *reason_of(const struct json_verdict *v)
{
    return v->kind == JSON_MALFORMED ? "malformed_json" : "bad_field";
}

static enum err complain(const struct raw_batch *raw, const struct raw_record *record, const char *reason,
                         const char *detail, struct error *e)
{
    return err_set(e, ERR_DATA, "%s partition %d offset %" PRId64 ": %s: %s", raw->topic, raw->partition,
                   record->offset, reason, detail);
}

/* Bytes between two views may be read when the gap is smaller than a page and the second one is mapped: then parsing in
 * place is safe. Records of one fetch lie behind each other, so this is the rule, not the exception. */
static size_t slack_behind(const struct raw_batch *raw, uint32_t i)
{
    const struct raw_record *r = &raw->records[i];
    if (!raw->gaps_readable || i + 1 >= raw->n_records)
        return 0;
    uintptr_t end = (uintptr_t)r->value + r->value_bytes, next = (uintptr_t)raw->records[i + 1].value;
    if (next < end || next - end > JSON_SLACK_BYTES)
        return 0;
    size_t readable = next - end + raw->records[i + 1].value_bytes;
    return readable >= JSON_SLACK_BYTES ? JSON_SLACK_BYTES : 0;
}

static enum err read_json(struct record_decoder *d, int column, const struct raw_batch *raw, uint32_t i, int64_t now_us,
                          struct json_verdict *v, struct error *e)
{
    const struct raw_record *r = &raw->records[i];
    bool                     key = d->columns[column].from == DECODE_KEY_JSON;
    return json_reader_read(d->readers[column], key ? r->key : r->value, key ? r->key_bytes : r->value_bytes,
                            key ? 0 : slack_behind(raw, i), now_us, &d->builders[column], v, e);
}

static void put_bytes(struct builder *b, const uint8_t *bytes, uint32_t n)
{
    if (bytes)
        builder_bytes(b, bytes, n);
    else
        builder_null(b);
}

static void put_string(struct record_decoder *d, struct builder *b, const uint8_t *bytes, uint32_t n)
{
    if (bytes && !utf8_is_valid(bytes, n)) {
        buf_clear(&d->repaired);
        utf8_repair(bytes, n, &d->repaired);
        builder_bytes(b, d->repaired.data, d->repaired.size);
        b->failed = b->failed || d->repaired.failed;
    } else {
        put_bytes(b, bytes, n);
    }
}

static void put_headers(struct record_decoder *d, struct builder *b, const struct raw_batch *raw, uint32_t i)
{
    uint32_t from = raw->headers && i ? raw->header_ends[i - 1] : 0, to = raw->headers ? raw->header_ends[i] : 0;
    if (from == to) {
        builder_null(b);
        return;
    }
    struct builder *pair = &b->children[0];
    for (uint32_t k = from; k < to; k++) {
        const struct raw_header *h = &raw->headers[k];
        put_string(d, &pair->children[0], h->key, h->key_bytes);
        put_bytes(&pair->children[1], h->value, h->value_bytes);
        builder_struct(pair, true);
    }
    builder_list(b);
}

static void put_plain(struct record_decoder *d, int column, const struct raw_batch *raw, const struct raw_record *r)
{
    struct builder *b = &d->builders[column];
    switch (d->columns[column].from) {
    case DECODE_KEY:
        put_bytes(b, r->key, r->key_bytes);
        break;
    case DECODE_VALUE:
        put_bytes(b, r->value, r->value_bytes);
        break;
    case DECODE_KEY_STRING:
        put_string(d, b, r->key, r->key_bytes);
        break;
    case DECODE_VALUE_STRING:
        put_string(d, b, r->value, r->value_bytes);
        break;
    case DECODE_TOPIC:
        builder_bytes(b, raw->topic, strlen(raw->topic));
        break;
    case DECODE_PARTITION:
        builder_i32(b, raw->partition);
        break;
    case DECODE_OFFSET:
        builder_i64(b, r->offset);
        break;
    case DECODE_TIMESTAMP:
        builder_i64(b, r->timestamp_ms * 1000); /* -1 ms when there is none, as Spark shows it */
        break;
    case DECODE_TIMESTAMP_TYPE:
        builder_i32(b, r->timestamp_type == 255 ? -1 : r->timestamp_type);
        break;
    case DECODE_HEADERS:
        put_headers(d, b, raw, (uint32_t)(r - raw->records));
        break;
    case DECODE_KEY_JSON:
    case DECODE_VALUE_JSON:
        break;
    }
}

enum fate { FATE_KEPT, FATE_DROPPED };

static enum err reject(const struct raw_batch *raw, const struct raw_record *r, struct flow_context *ctx,
                       struct tally_slot *t, const char *reason, const char *detail, struct error *e)
{
    t->rejected++;
    return ctx->side->ops->row(ctx->side, SIDE_REJECT, raw, r, reason, detail, e);
}

/* JSON columns first: they decide whether the record becomes a row. */
static enum err decode_record(struct record_decoder *d, struct raw_batch *raw, uint32_t i, struct flow_context *ctx,
                              struct tally_slot *t, enum fate *fate, struct error *e)
{
    const struct raw_record *r = &raw->records[i];
    int                      n = d->spec.schema->n_fields;
    *fate = FATE_DROPPED;
    if (r->oversized) {
        char detail[64];
        snprintf(detail, sizeof detail, "%u bytes are more than the message size limit", r->value_bytes);
        return reject(raw, r, ctx, t, "oversized", detail, e);
    }
    struct json_verdict worst, v;
    bool                failfast = false;
    worst.kind = JSON_ROW; /* its text stays untouched: most records are well */
    for (int c = 0; c < n; c++) {
        if (!d->readers[c])
            continue;
        TRY(read_json(d, c, raw, i, ctx->now_us, &v, e));
        if (v.kind == JSON_BAD_FIELD || v.kind == JSON_MALFORMED) {
            worst = v;
            failfast = failfast || d->columns[c].failfast;
        }
    }
    if (worst.kind != JSON_ROW) {
        t->malformed++;
        if (failfast || d->spec.on_malformed == DECODE_FAIL)
            return complain(raw, r, reason_of(&worst), worst.reason, e);
        if (d->spec.on_malformed == DECODE_REJECT) {
            for (int c = 0; c < n; c++) /* take the row back */
                if (d->readers[c])
                    builder_pop(&d->builders[c]);
            return reject(raw, r, ctx, t, reason_of(&worst), worst.reason, e);
        }
        TRY(ctx->side->ops->row(ctx->side, SIDE_REMARK, raw, r, reason_of(&worst), worst.reason, e));
    }
    for (int c = 0; c < n; c++)
        if (!d->readers[c])
            put_plain(d, c, raw, r);
    *fate = FATE_KEPT;
    return OK;
}

/* ---- a batch ---- */

static enum err finish(struct record_decoder *d, struct raw_batch *raw, uint32_t n_kept, struct batch **out,
                       struct error *e)
{
    int             n = d->spec.schema->n_fields, done = 0;
    struct column **columns = mem_zalloc(TAG_BATCH, (size_t)(n + 1) * sizeof *columns);
    uint32_t       *origin = NULL;
    enum err        rc = columns ? OK : err_set(e, ERR_NO_MEMORY, "decoded batch");
    for (; rc == OK && done < n; done++)
        rc = builder_finish(&d->builders[done], &columns[done], e);
    if (rc == OK && n_kept < raw->n_records) {
        origin = mem_alloc(TAG_BATCH, (n_kept + 1) * sizeof *origin);
        if (origin)
            memcpy(origin, d->origin, n_kept * sizeof *origin);
        else
            rc = err_set(e, ERR_NO_MEMORY, "decoded batch");
    }
    if (rc == OK) {
        *out = batch_new(d->spec.schema, n_kept, columns, raw, origin);
        rc = *out ? OK : err_set(e, ERR_NO_MEMORY, "decoded batch");
    } else {
        for (int i = 0; columns && i < n; i++)
            column_free(columns[i]);
    }
    mem_free(columns);
    return rc;
}

static enum err decode(struct decoder *base, struct raw_batch *raw, struct flow_context *ctx, struct batch **out,
                       struct error *e)
{
    struct record_decoder *d = (struct record_decoder *)base;
    struct tally_slot     *t = tally_slot(ctx->tally, raw->slot);
    uint32_t               n_kept = 0;
    *out = NULL;
    if (!t)
        return err_set(e, ERR_NO_MEMORY, "ledger");
    if (raw->n_records > d->origin_capacity) {
        uint32_t *more = mem_realloc(TAG_BATCH, d->origin, raw->n_records * sizeof *more);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "decoded batch");
        d->origin = more;
        d->origin_capacity = raw->n_records;
    }
    for (uint32_t i = 0; i < raw->n_records; i++) {
        enum fate fate;
        t->read++;
        enum err rc = decode_record(d, raw, i, ctx, t, &fate, e);
        if (rc != OK) {
            for (int c = 0; c < d->spec.schema->n_fields; c++)
                builder_clear(&d->builders[c]);
            return rc;
        }
        if (fate == FATE_KEPT)
            d->origin[n_kept++] = i;
    }
    return finish(d, raw, n_kept, out, e);
}

static const struct decoder_ops ops = {.decode = decode, .free = decoder_free};

enum err decoder_new(const struct decode_spec *spec, struct decoder **out, struct error *e)
{
    enum err               rc = OK;
    size_t                 n = spec->schema->n_fields;
    struct record_decoder *d = mem_zalloc(TAG_BATCH, sizeof *d);
    *out = NULL;
    if (!d)
        return err_set(e, ERR_NO_MEMORY, "decoder");
    d->base.ops = &ops;
    d->spec = *spec;
    buf_init(&d->repaired, TAG_BATCH, COLUMN_BYTES_MAX);
    d->columns = mem_zalloc(TAG_BATCH, (n + 1) * sizeof *d->columns);
    d->builders = mem_zalloc(TAG_BATCH, (n + 1) * sizeof *d->builders);
    d->readers = mem_zalloc(TAG_BATCH, (n + 1) * sizeof(struct json_reader *));
    if (!d->columns || !d->builders || !d->readers)
        rc = err_set(e, ERR_NO_MEMORY, "decoder");
    for (size_t i = 0; rc == OK && i < n; i++)
        d->builders[i].type = spec->schema->fields[i].type;
    for (size_t i = 0; rc == OK && i < n; i++) {
        d->columns[i] = spec->columns[i];
        rc = builder_init(&d->builders[i], spec->schema->fields[i].type, e);
        if (rc == OK && (spec->columns[i].from == DECODE_KEY_JSON || spec->columns[i].from == DECODE_VALUE_JSON))
            rc = json_reader_new(spec->columns[i].json_type, &d->readers[i], e);
    }
    if (rc != OK) {
        fini(d);
        return rc;
    }
    *out = &d->base;
    return OK;
}
