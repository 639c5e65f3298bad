/* SPDX-License-Identifier: MIT */
#include "join/join.h"

#include <math.h>

#include "base/hash.h"

struct join_build {
    const struct type *schema;
    const int         *keys;
    int                n_keys;
    struct builder     rows; /* STRUCT, while adding */
    struct column     *all;  /* STRUCT, once finished; its last row is all NULL, for LEFT */
    uint32_t           n_rows;
    bool               any_null; /* a key with a NULL in it */
    size_t             bytes;
    struct buf         encoded;  /* keys of all rows */
    uint32_t          *key_at;   /* n_rows + 1 */
    uint32_t          *heads;    /* hash slots: row + 1, 0 empty */
    uint32_t          *next;     /* row -> next row of the same key + 1 */
    uint32_t           capacity; /* a power of two */
};

/* ---- keys ---- */

static void put_real(struct buf *out, double v)
{
    v = v == 0 ? 0 : isnan(v) ? NAN : v;
    buf_put(out, &v, sizeof v);
}

/* Appends the key; false when a part is NULL (no match then). */
static bool put_keys(struct buf *out, struct column *const *columns, const int *keys, int n_keys, uint32_t row)
{
    for (int k = 0; k < n_keys; k++) {
        const struct column *c = columns[keys[k]];
        uint32_t             n;
        if (!column_is_valid(c, row))
            return false;
        switch ((int)c->type->kind) {
        case TYPE_STRING:
        case TYPE_BINARY: {
            const uint8_t *bytes = column_bytes(c, row, &n);
            if (n_keys > 1)
                buf_put(out, &n, sizeof n);
            buf_put(out, bytes, n);
            break;
        }
        case TYPE_FLOAT:
            put_real(out, (double)((const float *)c->values)[row]);
            break;
        case TYPE_DOUBLE:
            put_real(out, column_f64(c)[row]);
            break;
        default:
            n = (uint32_t)type_width(c->type);
            buf_put(out, (const uint8_t *)c->values + (size_t)row * n, n);
            break;
        }
    }
    return true;
}

/* ---- build ---- */

enum err join_build_new(const struct type *schema, const int *keys, int n_keys, struct join_build **out,
                        struct error *e)
{
    struct join_build *j = mem_zalloc(TAG_JOIN, sizeof *j);
    *out = NULL;
    if (!j)
        return err_set(e, ERR_NO_MEMORY, "join table");
    *j = (struct join_build){.schema = schema, .keys = keys, .n_keys = n_keys};
    buf_init(&j->encoded, TAG_JOIN, JOIN_BYTES_MAX);
    enum err rc = builder_init(&j->rows, schema, e);
    if (rc != OK) {
        mem_free(j);
        return rc;
    }
    *out = j;
    return OK;
}

enum err join_build_add(struct join_build *j, struct batch *b, struct error *e)
{
    enum err rc = OK;
    j->bytes += batch_size_bytes(b);
    if (j->bytes > JOIN_BYTES_MAX)
        rc = err_set(e, ERR_LIMIT, "join: the static table needs more than %zu bytes", JOIN_BYTES_MAX);
    for (uint32_t row = 0; rc == OK && row < b->n_rows; row++) {
        for (int c = 0; c < j->schema->n_fields; c++)
            builder_copy(&j->rows.children[c], b->columns[c], row);
        builder_struct(&j->rows, true);
    }
    batch_free(b);
    return rc;
}

static uint64_t hash_key(const uint8_t *key, uint32_t n) { return hash_bytes(key, n, 0); }

static bool same_key(const struct join_build *j, uint32_t row, const uint8_t *key, uint32_t n)
{
    return j->key_at[row + 1] - j->key_at[row] == n && memcmp(j->encoded.data + j->key_at[row], key, n) == 0;
}

/* The slot of a key: where its first row is, or the empty place where it would go. */
static uint32_t find_slot(const struct join_build *j, const uint8_t *key, uint32_t n)
{
    uint32_t at = (uint32_t)hash_key(key, n) & (j->capacity - 1);
    while (j->heads[at] && !same_key(j, j->heads[at] - 1, key, n))
        at = (at + 1) & (j->capacity - 1);
    return at;
}

static enum err index_rows(struct join_build *j, struct error *e)
{
    for (uint32_t row = 0; row < j->n_rows; row++) {
        j->key_at[row] = (uint32_t)j->encoded.size;
        if (!put_keys(&j->encoded, j->all->children, j->keys, j->n_keys, row)) {
            j->encoded.size = j->key_at[row];
            j->any_null = true;
        }
    }
    j->key_at[j->n_rows] = (uint32_t)j->encoded.size;
    if (!buf_reserve(&j->encoded, 1))
        return buf_check(&j->encoded, "join keys", e);
    for (uint32_t row = j->n_rows; row-- > 0;) { /* backwards: chains are in file order then */
        bool valid = true;
        for (int k = 0; k < j->n_keys; k++)
            valid = valid && column_is_valid(j->all->children[j->keys[k]], row);
        if (!valid)
            continue;
        uint32_t at = find_slot(j, j->encoded.data + j->key_at[row], j->key_at[row + 1] - j->key_at[row]);
        j->next[row] = j->heads[at];
        j->heads[at] = row + 1;
    }
    return OK;
}

enum err join_build_finish(struct join_build *j, struct error *e)
{
    j->n_rows = j->rows.n_rows;
    for (int c = 0; c < j->schema->n_fields; c++)
        builder_null(&j->rows.children[c]);
    builder_struct(&j->rows, true);
    TRY(builder_finish(&j->rows, &j->all, e));
    for (j->capacity = 64; j->capacity < j->n_rows * 2; j->capacity *= 2)
        ;
    j->heads = mem_zalloc(TAG_JOIN, j->capacity * sizeof *j->heads);
    j->next = mem_zalloc(TAG_JOIN, (j->n_rows + 1u) * sizeof *j->next);
    j->key_at = mem_zalloc(TAG_JOIN, (j->n_rows + 1u) * sizeof *j->key_at);
    if (!j->heads || !j->next || !j->key_at)
        return err_set(e, ERR_NO_MEMORY, "join: %u rows", j->n_rows);
    return index_rows(j, e);
}

void join_build_free(struct join_build *j)
{
    if (!j)
        return;
    builder_fini(&j->rows);
    column_free(j->all);
    buf_fini(&j->encoded);
    mem_free(j->heads);
    mem_free(j->next);
    mem_free(j->key_at);
    mem_free(j);
}

int64_t join_build_rows(const struct join_build *j) { return j->n_rows; }

/* ---- probe ---- */

struct op_join {
    struct op                base;
    const struct join_build *build;
    const struct join_spec  *spec;
    struct buf               key;
    uint32_t                *stream_rows, *table_rows;
    uint32_t                 n, capacity; /* pairs */
};

static enum err grow(struct op_join *o, struct error *e)
{
    uint32_t  capacity = o->capacity ? o->capacity * 2 : 2048;
    uint32_t *more = mem_realloc(TAG_JOIN, o->stream_rows, capacity * sizeof *more);
    if (more)
        o->stream_rows = more;
    uint32_t *other = more ? mem_realloc(TAG_JOIN, o->table_rows, capacity * sizeof *other) : NULL;
    if (!other)
        return err_set(e, ERR_NO_MEMORY, "join");
    o->table_rows = other;
    o->capacity = capacity;
    return OK;
}

static enum err add_pair(struct op_join *o, uint32_t stream_row, uint32_t table_row, struct error *e)
{
    if (o->n == JOIN_ROWS_MAX)
        return err_set(e, ERR_LIMIT, "join: one batch of the stream has more than %u partners", JOIN_ROWS_MAX);
    if (o->n == o->capacity)
        TRY(grow(o, e));
    o->stream_rows[o->n] = stream_row;
    o->table_rows[o->n++] = table_row;
    return OK;
}

/* The slot of the row's key; false: a part of it is NULL. */
static bool row_slot(struct op_join *o, const struct batch *b, uint32_t row, uint32_t *slot)
{
    const struct join_build *j = o->build;
    if (o->spec->n_keys == 1 && b->columns[o->spec->probe[0]]->offsets) { /* one text: no copy */
        const struct column *c = b->columns[o->spec->probe[0]];
        uint32_t             n;
        if (!column_is_valid(c, row))
            return false;
        const uint8_t *key = column_bytes(c, row, &n);
        *slot = find_slot(j, key, n);
        return true;
    }
    buf_clear(&o->key);
    if (!put_keys(&o->key, b->columns, o->spec->probe, o->spec->n_keys, row) || o->key.failed)
        return false;
    *slot = find_slot(j, o->key.data, (uint32_t)o->key.size);
    return true;
}

/* Does the row find a partner that NOT IN sees: an equal one, or a NULL on either side? */
static bool is_in(const struct join_build *j, bool valid, uint32_t first)
{
    return j->n_rows > 0 && (!valid || j->any_null || first);
}

/* Pairs of rows with equal keys, in the order of the rows. Without a rest these are the rows that come out: those of
 * LEFT that have no partner, and those that SEMI and ANTI let pass, are paired with the row of NULLs. */
static enum err find_partners(struct op_join *o, const struct batch *b, struct error *e)
{
    const struct join_build *j = o->build;
    const struct join_spec  *spec = o->spec;
    bool                     whole = !spec->rest && spec->kind >= JOIN_SEMI;
    o->n = 0;
    for (uint32_t row = 0; row < b->n_rows; row++) {
        uint32_t slot, at = 0;
        bool     valid = row_slot(o, b, row, &slot);
        if (valid)
            at = j->heads[slot];
        else if (o->key.failed)
            return buf_check(&o->key, "join key", e);
        if (whole) {
            bool found = spec->null_aware ? is_in(j, valid, at) : at != 0;
            if (found == (spec->kind == JOIN_SEMI))
                TRY(add_pair(o, row, j->n_rows, e));
            continue;
        }
        if (!at && spec->kind == JOIN_LEFT && !spec->rest)
            TRY(add_pair(o, row, j->n_rows, e));
        for (; at; at = j->next[at - 1])
            TRY(add_pair(o, row, at - 1, e));
    }
    return OK;
}

/* ---- the rest of the condition ---- */

static struct column *pair_column(const struct op_join *o, const struct batch *b, int column)
{
    int n_stream = b->schema->n_fields;
    return column < n_stream ? column_take(b->columns[column], o->stream_rows, o->n)
                             : column_take(o->build->all->children[column - n_stream], o->table_rows, o->n);
}

static enum err judge(struct op_join *o, struct batch **b, struct column **keep, struct error *e)
{
    const struct join_rest *rest = o->spec->rest;
    int                     n = rest->schema->n_fields;
    struct column         **columns = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *columns);
    struct batch           *pairs = NULL;
    bool                    ok = columns != NULL;
    for (int c = 0; ok && c < n; c++)
        ok = (columns[c] = pair_column(o, *b, rest->columns[c])) != NULL;
    if (ok)
        pairs = batch_new(rest->schema, o->n, columns, NULL, NULL);
    for (int c = 0; !ok && columns && c < n; c++)
        column_free(columns[c]);
    mem_free(columns);
    if (!pairs)
        return err_set(e, ERR_NO_MEMORY, "join");
    enum err rc = rest->keep(rest->arg, &o->base, pairs, o->stream_rows, b, keep, e);
    batch_free(pairs);
    return rc;
}

/* Only the pairs that the rest keeps; SEMI and ANTI: one of each row. */
static void drop_pairs(struct op_join *o, const struct column *keep)
{
    bool     once = o->spec->kind >= JOIN_SEMI;
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        if (!column_is_valid(keep, i) || !column_u8(keep)[i])
            continue;
        if (once && n > 0 && o->stream_rows[n - 1] == o->stream_rows[i])
            continue;
        o->stream_rows[n] = o->stream_rows[i];
        o->table_rows[n++] = o->table_rows[i];
    }
    o->n = n;
}

/* Rows that have no pair get that of NULLs; pairs move up in place, the last one first. */
static enum err add_missing(struct op_join *o, uint32_t n_rows, struct error *e)
{
    uint32_t at = o->n, to = o->n + n_rows;
    for (uint32_t i = 0; i < o->n; i++)
        to -= i == 0 || o->stream_rows[i] != o->stream_rows[i - 1];
    while (o->capacity < to)
        TRY(grow(o, e));
    o->n = to;
    for (uint32_t row = n_rows; row-- > 0;) {
        bool missing = at == 0 || o->stream_rows[at - 1] != row;
        for (; at > 0 && o->stream_rows[at - 1] == row; at--) {
            o->stream_rows[--to] = row;
            o->table_rows[to] = o->table_rows[at - 1];
        }
        if (missing) {
            o->stream_rows[--to] = row;
            o->table_rows[to] = o->build->n_rows;
        }
    }
    return OK;
}

/* ANTI: the rows that have no pair. */
static void only_missing(struct op_join *o)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n; i++)
        if (o->table_rows[i] == o->build->n_rows)
            o->stream_rows[n++] = o->stream_rows[i];
    o->n = n;
}

static enum err apply_rest(struct op_join *o, struct batch **b, struct error *e)
{
    while (o->n) {
        struct column *keep = NULL;
        TRY(judge(o, b, &keep, e));
        if (keep) {
            drop_pairs(o, keep);
            column_free(keep);
            break;
        }
        TRY(find_partners(o, *b, e)); /* rows failed and are gone: rare */
    }
    if (o->spec->kind == JOIN_SEMI)
        return OK;
    TRY(add_missing(o, (*b)->n_rows, e));
    if (o->spec->kind == JOIN_ANTI)
        only_missing(o);
    return OK;
}

/* ---- the ledger ---- */

/* Rows that are closed groups: so many more of them than there were, or fewer; they were counted as closed once. */
static void count_groups(struct op_join *o, const struct batch *b, uint32_t row, int64_t more)
{
    struct flow_context *ctx = o->base.context;
    int64_t              effects = ctx->behind ? flow_behind_row(ctx, b, row)->effects : 1;
    ctx->tally->fan_out += more * effects;
    ctx->tally->closed += more * effects;
}

static void count(struct op_join *o, const struct batch *b)
{
    struct tally      *tally = o->base.context->tally;
    struct tally_slot *t = b->raw ? tally_slot(tally, b->raw->slot) : NULL;
    uint32_t           at = 0;
    for (uint32_t row = 0, end; row < b->n_rows; row = end) {
        uint32_t before = at;
        end = batch_record_end(b, row); /* of several rows when there was a join before */
        while (at < o->n && o->stream_rows[at] < end)
            at++;
        bool none = at == before;
        if (t)
            *(o->spec->filtered ? &t->filtered : &t->no_partner) += none;
        if (b->raw)
            tally->fan_out += (int64_t)(at - before) - (end - row) + none;
        else
            count_groups(o, b, row, (int64_t)(at - before) - (end - row));
    }
}

/* ---- rows out ---- */

static enum err make_batch(struct op_join *o, const struct batch *b, struct batch **out, struct error *e)
{
    int             n_stream = b->schema->n_fields, n = o->spec->schema->n_fields;
    struct column **columns = mem_zalloc(TAG_BATCH, ((size_t)n + 1) * sizeof *columns);
    uint32_t       *origin = NULL;
    bool            same = o->n == b->n_rows, ok = columns != NULL;
    for (uint32_t i = 0; same && i < o->n; i++)
        same = o->stream_rows[i] == i;
    for (int c = 0; ok && c < n_stream; c++)
        ok = (columns[c] = same ? column_ref(b->columns[c]) : column_take(b->columns[c], o->stream_rows, o->n)) != NULL;
    for (int c = n_stream; ok && c < n; c++)
        ok = (columns[c] = column_take(o->build->all->children[c - n_stream], o->table_rows, o->n)) != NULL;
    if (ok && (!same || b->origin) && (origin = mem_alloc(TAG_BATCH, (o->n + 1u) * sizeof *origin)))
        for (uint32_t i = 0; i < o->n; i++)
            origin[i] = b->origin ? b->origin[o->stream_rows[i]] : o->stream_rows[i];
    if (ok && (origin || (same && !b->origin))) {
        *out = batch_new(o->spec->schema, o->n, columns, b->raw, origin);
    } else {
        for (int c = 0; columns && c < n; c++)
            column_free(columns[c]);
        *out = NULL;
    }
    mem_free(columns);
    return *out ? OK : err_set(e, ERR_NO_MEMORY, "join");
}

static enum err push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct op_join *o = (struct op_join *)op;
    struct batch   *b = msg->batch, *joined = NULL;
    if (msg->kind != FLOW_BATCH)
        return op_emit(op, msg, e);
    enum err rc = find_partners(o, b, e);
    if (rc == OK && o->spec->rest)
        rc = apply_rest(o, &b, e);
    if (rc == OK) {
        count(o, b);
        if (o->spec->kind < JOIN_SEMI)
            rc = make_batch(o, b, &joined, e);
        else if (!(joined = o->n == b->n_rows ? batch_ref(b) : batch_take(b, o->stream_rows, o->n)))
            rc = err_set(e, ERR_NO_MEMORY, "join");
    }
    batch_free(b);
    return rc == OK ? op_emit_batch(op, &joined, e) : rc;
}

static void op_free(struct op *op)
{
    struct op_join *o = (struct op_join *)op;
    buf_fini(&o->key);
    mem_free(o->stream_rows);
    mem_free(o->table_rows);
    mem_free(o);
}

static const struct op_ops ops = {.name = "join", .push = push, .free = op_free};

enum err op_join_new(const struct join_build *build, const struct join_spec *spec, struct flow_context *context,
                     struct op **out, struct error *e)
{
    struct op_join *o = mem_zalloc(TAG_JOIN, sizeof *o);
    *out = NULL;
    if (!o)
        return err_set(e, ERR_NO_MEMORY, "join");
    *o = (struct op_join){.base = {.ops = &ops, .context = context}, .build = build, .spec = spec};
    buf_init(&o->key, TAG_JOIN, COLUMN_BYTES_MAX);
    *out = &o->base;
    return OK;
}
