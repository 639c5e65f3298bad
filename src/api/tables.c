/* SPDX-License-Identifier: MIT */
/*
 * /tables: the Delta tables that queries here write: columns, versions, files, rows.
 *
 * What a table consists of is kept per table and brought up to date when somebody asks; one at a time, on a thread that
 * may block.
 */
#include <inttypes.h>
#include <stdio.h>

#include "api/routes.h"
#include "base/inbox.h" /* the lock of this house */
#include "delta/snapshot.h"
#include "json/value.h"

#define SMALL_FILE_BYTES (16 << 20)
#define LOCATION_MAX 4096
#define DUMPS_MAX 2

/* ---- what is known of tables ---- */

struct known { /* never freed while the api lives: few, and named by the catalog */
    struct known          *next;
    char                   location[LOCATION_MAX];
    pthread_mutex_t        lock;
    struct store          *store;
    struct table_snapshot *snapshot;
};

static struct known *known_for(struct api *a, const char *location)
{
    for (struct known *k = a->tables; k; k = k->next)
        if (strcmp(k->location, location) == 0)
            return k;
    struct known *k = mem_zalloc(TAG_WEB, sizeof *k);
    CHECK(k);
    snprintf(k->location, sizeof k->location, "%s", location);
    pthread_mutex_init(&k->lock, NULL);
    k->next = a->tables;
    a->tables = k;
    return k;
}

void api__tables_free(struct api *a)
{
    while (a->tables) {
        struct known *k = a->tables;
        a->tables = k->next;
        table_snapshot_free(k->snapshot);
        if (k->store)
            k->store->ops->free(k->store);
        pthread_mutex_destroy(&k->lock);
        mem_free(k);
    }
}

/* Under its lock: up to date, or ERR_NOT_FOUND. A table that was replaced is read anew. */
static enum err refresh(struct known *k, struct error *e)
{
    if (!k->store)
        TRY(store_local_new(k->location, &k->store, e));
    if (!k->snapshot)
        TRY(table_snapshot_new(k->store, &k->snapshot, e));
    return table_snapshot_refresh(k->snapshot, e);
}

/* ---- which tables there are ---- */

struct named { /* a table of a query */
    char          name[300], query[SERVICE_NAME_MAX + 1];
    struct known *known;
    int64_t       version; /* that is asked for; -1 newest */
    int           limit;
    bool          csv, raw, text_bigint;
};

typedef bool each_table(void *arg, const char *name, const char *location, const char *query);

static void for_each_table(struct api *a, each_table *each, void *arg)
{
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        const struct service_query *q = service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i));
        if (!q->script || q->script->n_plans == 0)
            continue;
        const struct plan *p = &q->script->plans[0];
        const char        *locations[] = {p->location, p->late, p->rejects, p->quarantine};
        for (int k = 0; k < 4; k++)
            if (locations[k] && !each(arg, api__table_name(locations[k]), locations[k], q->base.name))
                return;
    }
}

struct search {
    struct api   *api;
    const char   *name, *near[200];
    int           n_near;
    struct named *found;
};

static bool find_table(void *arg, const char *name, const char *location, const char *query)
{
    struct search *s = arg;
    if (s->n_near < 200)
        s->near[s->n_near++] = name;
    if (strcmp(name, s->name) != 0)
        return true;
    s->found = mem_zalloc(TAG_WEB, sizeof *s->found);
    CHECK(s->found);
    snprintf(s->found->name, sizeof s->found->name, "%s", name);
    snprintf(s->found->query, sizeof s->found->query, "%s", query);
    s->found->known = known_for(s->api, location);
    s->found->version = -1;
    return false;
}

/* NULL after 404. */
static struct named *asked_table(struct http_request *r)
{
    struct search s = {.api = api__of(r), .name = http_param(r, "table")};
    for_each_table(s.api, find_table, &s);
    if (s.found)
        return s.found;
    const char *near = nearest_name(s.name, s.near, s.n_near);
    char        hint[340] = "";
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    api__problem(r, 404, "not_found", near ? hint : NULL, "no query here writes a table %.100s", s.name);
    return NULL;
}

/* ---- writing ---- */

static void write_types(const struct table_snapshot *s, struct json_writer *w)
{
    const struct type *schema = NULL;
    struct error       e;
    (void)(table_snapshot_schema(s, &schema, &e) == OK);
    api__write_columns(schema, w);
}

static void write_table(const struct named *n, const struct table_snapshot *s, struct json_writer *w)
{
    int64_t version = table_snapshot_version(s), rows = 0, files = 0, bytes = 0, small = 0;
    for (int64_t i = 0; i < table_snapshot_n_files(s); i++) {
        const struct snapshot_file *f = table_snapshot_file(s, i);
        if (!snapshot_file_is_in(f, version))
            continue;
        files++;
        bytes += f->bytes;
        rows += f->rows > 0 ? f->rows : 0;
        small += f->bytes < SMALL_FILE_BYTES;
    }
    json_begin_object(w);
    json_member_string(w, "name", n->name);
    api__member_path(w, "path", n->known->location);
    json_member_string(w, "query", n->query);
    json_key(w, "version");
    if (version >= 0)
        json_put_int(w, version);
    else
        json_put_null(w);
    json_member_int(w, "rows", rows);
    json_member_int(w, "files", files);
    json_member_int(w, "bytes", bytes);
    json_member_int(w, "small_files", small);
    json_member_int(w, "log_versions", version - table_snapshot_checkpoint(s));
    json_member_int(w, "first_version", table_snapshot_first(s));
    json_key(w, "partition_columns");
    json_begin_array(w);
    for (int i = 0; i < table_snapshot_n_partition_columns(s); i++)
        json_put_string(w, table_snapshot_partition_column(s, i));
    json_end_array(w);
    const struct snapshot_version *first = table_snapshot_at(s, 0), *last = table_snapshot_at(s, version);
    api__member_time(w, "created_at", first ? first->timestamp_ms : table_snapshot_created_ms(s));
    api__member_time(w, "updated_at", last ? last->timestamp_ms : 0);
    write_types(s, w);
    json_end_object(w);
}

/* A task on one table: locked, up to date, then `write`. */
struct table_task {
    struct named *named;
    void (*write)(struct task *t, struct named *n, struct table_snapshot *s);
};

/* The version that is asked for, of a table that is up to date: -1 becomes the newest. */
static enum err settle_version(struct named *n, struct error *e)
{
    const struct table_snapshot *s = n->known->snapshot;
    if (n->version > table_snapshot_version(s))
        return err_set(e, ERR_NOT_FOUND, "table %s has no version %" PRId64, n->name, n->version);
    if (n->version >= 0 && n->version < table_snapshot_first(s))
        return err_set(e, ERR_NOT_FOUND,
                       "version %" PRId64 " of table %s cannot be shown: what its log still has begins at version "
                       "%" PRId64,
                       n->version, n->name, table_snapshot_first(s));
    n->version = n->version < 0 ? table_snapshot_version(s) : n->version;
    return OK;
}

static void run_table(struct task *t)
{
    struct table_task *x = t->arg;
    pthread_mutex_lock(&x->named->known->lock);
    t->rc = refresh(x->named->known, &t->error);
    if (t->rc == OK)
        t->rc = settle_version(x->named, &t->error);
    if (t->rc == OK)
        x->write(t, x->named, x->named->known->snapshot);
    pthread_mutex_unlock(&x->named->known->lock);
}

static void answer_table(struct task *t)
{
    struct table_task *x = t->arg;
    if (t->rc != OK)
        api__error(t->r, &t->error);
    else
        api__answer(t->r, 200, &t->out);
    mem_free(x->named);
    mem_free(x);
}

static void on_table(struct http_request *r, struct named *n,
                     void (*write)(struct task *t, struct named *n, struct table_snapshot *s))
{
    struct table_task *x = mem_zalloc(TAG_WEB, sizeof *x);
    CHECK(x);
    x->named = n;
    x->write = write;
    api__task(r, run_table, answer_table, x);
}

/* ---- the list ---- */

struct all_tables {
    struct api   *api;
    struct named *items;
    int           n;
};

static bool note_table(void *arg, const char *name, const char *location, const char *query)
{
    struct all_tables *all = arg;
    struct known      *known = known_for(all->api, location);
    for (int i = 0; i < all->n; i++)
        if (all->items[i].known == known) /* a side table of several queries */
            return true;
    struct named *more = mem_realloc(TAG_WEB, all->items, (size_t)(all->n + 1) * sizeof *more);
    CHECK(more);
    all->items = more;
    struct named *n = &all->items[all->n++];
    memset(n, 0, sizeof *n);
    snprintf(n->name, sizeof n->name, "%s", name);
    snprintf(n->query, sizeof n->query, "%s", query);
    n->known = known;
    return true;
}

static void run_list(struct task *t)
{
    struct all_tables *all = t->arg;
    struct json_writer w;
    struct error       e;
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    for (int i = 0; i < all->n; i++) {
        struct known *k = all->items[i].known;
        pthread_mutex_lock(&k->lock);
        enum err rc = refresh(k, &e);
        if (k->snapshot && (rc == OK || rc == ERR_NOT_FOUND))
            write_table(&all->items[i], k->snapshot, &w);
        pthread_mutex_unlock(&k->lock);
    }
    api__list_end(&w, NULL);
}

static void answer_list(struct task *t)
{
    struct all_tables *all = t->arg;
    api__answer(t->r, 200, &t->out);
    mem_free(all->items);
    mem_free(all);
}

void api__tables(struct http_request *r)
{
    struct all_tables *all = mem_zalloc(TAG_WEB, sizeof *all);
    CHECK(all);
    all->api = api__of(r);
    for_each_table(all->api, note_table, all);
    api__task(r, run_list, answer_list, all);
}

/* ---- one table ---- */

static void put_table(struct task *t, struct named *n, struct table_snapshot *s)
{
    struct json_writer w;
    json_writer_init(&w, &t->out);
    write_table(n, s, &w);
}

void api__table_get(struct http_request *r)
{
    struct named *n = asked_table(r);
    if (n)
        on_table(r, n, put_table);
}

static void put_schema(struct task *t, struct named *n, struct table_snapshot *s)
{
    const struct type *schema;
    struct json_writer w;
    struct buf         text;
    (void)n;
    t->rc = table_snapshot_schema(s, &schema, &t->error);
    if (t->rc != OK)
        return;
    buf_init(&text, TAG_WEB, 1 << 20);
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    for (int i = 0; i < schema->n_fields; i++) {
        buf_clear(&text);
        type_print(schema->fields[i].type, &text);
        json_begin_object(&w);
        json_member_string(&w, "name", schema->fields[i].name);
        json_member_string(&w, "type", buf_text(&text));
        json_end_object(&w);
    }
    api__list_end(&w, NULL);
    buf_fini(&text);
}

void api__table_schema(struct http_request *r)
{
    struct named *n = asked_table(r);
    if (n)
        on_table(r, n, put_schema);
}

static void put_history(struct task *t, struct named *n, struct table_snapshot *s)
{
    struct json_writer w;
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    int64_t at = table_snapshot_version(s), left = n->limit;
    for (const struct snapshot_version *v; left > 0 && (v = table_snapshot_at(s, at)); at--, left--) {
        json_begin_object(&w);
        json_member_int(&w, "version", v->version);
        api__member_time(&w, "timestamp", v->timestamp_ms);
        json_member_string(&w, "operation", v->operation);
        json_key(&w, "epoch");
        if (v->epoch >= 0)
            json_put_int(&w, v->epoch);
        else
            json_put_null(&w);
        json_member_int(&w, "rows", v->rows);
        json_member_int(&w, "files", v->files);
        json_member_int(&w, "bytes", v->bytes);
        json_member_int(&w, "removed_files", v->removed_files);
        json_member_string(&w, "query", v->query);
        json_end_object(&w);
    }
    api__list_end(&w, NULL);
}

static void put_files(struct task *t, struct named *n, struct table_snapshot *s)
{
    struct json_writer w;
    int64_t            left = n->limit;
    json_writer_init(&w, &t->out);
    api__list_begin(&w);
    for (int64_t i = table_snapshot_n_files(s) - 1; i >= 0 && left > 0; i--) {
        const struct snapshot_file *f = table_snapshot_file(s, i);
        if (!snapshot_file_is_in(f, n->version))
            continue;
        left--;
        json_begin_object(&w);
        json_key(&w, "path");
        api__put_text(&w, f->path, strlen(f->path));
        json_member_int(&w, "bytes", f->bytes);
        json_key(&w, "rows");
        if (f->rows >= 0)
            json_put_int(&w, f->rows);
        else
            json_put_null(&w);
        json_member_int(&w, "version", f->added);
        json_member_raw(&w, "partition", f->partition);
        json_end_object(&w);
    }
    api__list_end(&w, NULL);
}

static void limited(struct http_request *r, int64_t limit,
                    void (*write)(struct task *t, struct named *n, struct table_snapshot *s))
{
    int64_t version = -1;
    if (!api__query_int(r, "limit", 1, 100000, &limit) || !api__query_int(r, "version", 0, INT64_MAX, &version))
        return;
    struct named *n = asked_table(r);
    if (!n)
        return;
    n->limit = (int)limit;
    n->version = version;
    n->text_bigint = api__query_is(r, "bigint", "string");
    on_table(r, n, write);
}

void api__table_history(struct http_request *r) { limited(r, 100, put_history); }
void api__table_files(struct http_request *r) { limited(r, 1000, put_files); }

/* ---- rows ---- */

struct rows_out {
    struct json_writer *w;
    int                 left;
    bool                text_bigint;
};

static void put_cell(struct json_writer *w, const struct column *c, size_t row, bool text_bigint)
{
    char text[32];
    if (text_bigint && c->type->kind == TYPE_BIGINT && column_is_valid(c, row)) {
        snprintf(text, sizeof text, "%" PRId64, column_i64(c)[row]);
        json_put_string(w, text);
    } else {
        json_put_value(w, c, row);
    }
}

static enum err put_rows_of(void *arg, struct batch *b, struct error *e)
{
    struct rows_out *o = arg;
    (void)e;
    for (uint32_t i = 0; i < b->n_rows && o->left > 0; i++, o->left--) {
        json_begin_array(o->w);
        for (int c = 0; c < b->schema->n_fields; c++)
            put_cell(o->w, b->columns[c], i, o->text_bigint);
        json_end_array(o->w);
    }
    batch_free(b);
    return OK;
}

/* The newest files first: what people want to see. */
static void put_rows(struct task *t, struct named *n, struct table_snapshot *s)
{
    struct json_writer w;
    struct rows_out    o = {.w = &w, .left = n->limit, .text_bigint = n->text_bigint};
    int64_t            total = 0;
    json_writer_init(&w, &t->out);
    json_begin_object(&w);
    write_types(s, &w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (int64_t i = table_snapshot_n_files(s) - 1; t->rc == OK && i >= 0; i--) {
        const struct snapshot_file *f = table_snapshot_file(s, i);
        if (!snapshot_file_is_in(f, n->version))
            continue;
        total += f->rows > 0 ? f->rows : 0;
        if (o.left > 0)
            t->rc = table_snapshot_read(s, f, (uint32_t)o.left, put_rows_of, &o, &t->error);
    }
    json_end_array(&w);
    json_member_int(&w, "total", total);
    json_member_int(&w, "version", n->version);
    json_member_int(&w, "sampled", 1);
    json_end_object(&w);
}

void api__table_rows(struct http_request *r) { limited(r, 100, put_rows); }

/* ---- dump: a file at a time, at the reader's pace ---- */

struct dump {
    struct job           job; /* first */
    struct api          *api;
    struct http_request *r;
    struct named        *named;
    int64_t              next, openings; /* file, of the snapshot as it was opened then */
    bool                 begun, over, waits, running;
    struct buf           out;
    size_t               sent;
    enum err             rc;
    struct error         error;
};

static void put_csv_text(struct buf *out, const uint8_t *text, size_t n)
{
    bool quote = n == 0;
    for (size_t i = 0; i < n; i++)
        quote = quote || text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!quote) {
        buf_put(out, text, n);
        return;
    }
    buf_u8(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            buf_u8(out, '"');
        buf_u8(out, text[i]);
    }
    buf_u8(out, '"');
}

/* A spreadsheet must not take a text for a formula: ' goes in front, as in OWASP's "CSV injection". */
static bool is_formula(const struct column *c, const struct buf *text)
{
    return c->type->kind == TYPE_STRING && text->size && memchr("=+-@\t\r", text->data[0], 6);
}

/* NULL is nothing between the commas, an empty text is "". */
static enum err dump_csv(void *arg, struct batch *b, struct error *e)
{
    struct dump *d = arg;
    struct buf   text;
    buf_init(&text, TAG_WEB, ANSWER_MAX);
    for (uint32_t i = 0; i < b->n_rows; i++) {
        for (int c = 0; c < b->schema->n_fields; c++) {
            if (c)
                buf_u8(&d->out, ',');
            buf_clear(&text);
            if (!column_is_valid(b->columns[c], i))
                continue;
            json_value_text(b->columns[c], i, &text);
            if (!d->named->raw && is_formula(b->columns[c], &text)) {
                buf_clear(&text);
                buf_u8(&text, '\'');
                json_value_text(b->columns[c], i, &text);
            }
            put_csv_text(&d->out, text.data, text.size);
        }
        buf_puts(&d->out, "\r\n");
    }
    buf_fini(&text);
    batch_free(b);
    return buf_check(&d->out, "rows of one file", e);
}

static enum err dump_ndjson(void *arg, struct batch *b, struct error *e)
{
    struct dump       *d = arg;
    struct json_writer w;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        json_writer_init(&w, &d->out);
        json_begin_object(&w);
        for (int c = 0; c < b->schema->n_fields; c++) {
            json_key(&w, b->schema->fields[c].name);
            put_cell(&w, b->columns[c], i, d->named->text_bigint);
        }
        json_end_object(&w);
        buf_u8(&d->out, '\n');
    }
    batch_free(b);
    return buf_check(&d->out, "rows of one file", e);
}

static enum err dump_head(struct dump *d, struct error *e)
{
    const struct type *schema;
    TRY(refresh(d->named->known, e));
    struct table_snapshot *s = d->named->known->snapshot;
    TRY(settle_version(d->named, e));
    TRY(table_snapshot_schema(s, &schema, e));
    d->openings = table_snapshot_openings(s);
    for (int i = 0; d->named->csv && i < schema->n_fields; i++) {
        buf_puts(&d->out, i ? "," : "");
        put_csv_text(&d->out, (const uint8_t *)schema->fields[i].name, strlen(schema->fields[i].name));
    }
    buf_puts(&d->out, d->named->csv ? "\r\n" : "");
    return OK;
}

static void run_dump(struct job *job)
{
    struct dump  *d = (struct dump *)job;
    struct known *k = d->named->known;
    pthread_mutex_lock(&k->lock);
    if (!d->begun)
        d->rc = dump_head(d, &d->error);
    if (d->rc == OK && d->openings != table_snapshot_openings(k->snapshot))
        d->rc = err_set(&d->error, ERR_CONFLICT, "the table's log was cleaned up meanwhile: read it once more");
    while (d->rc == OK && d->next < table_snapshot_n_files(k->snapshot) && d->out.size == 0) {
        const struct snapshot_file *f = table_snapshot_file(k->snapshot, d->next++);
        if (snapshot_file_is_in(f, d->named->version))
            d->rc = table_snapshot_read(k->snapshot, f, 0, d->named->csv ? dump_csv : dump_ndjson, d, &d->error);
    }
    d->over = d->rc == OK && d->next >= table_snapshot_n_files(k->snapshot);
    pthread_mutex_unlock(&k->lock);
}

static void dump_on(struct dump *d);

static void dump_done(struct job *job)
{
    struct dump *d = (struct dump *)job;
    d->running = false;
    dump_on(d);
}

static void free_dump(struct dump *d)
{
    d->api->n_dumps--;
    buf_fini(&d->out);
    mem_free(d->named);
    mem_free(d);
}

static void on_room(struct http_request *r, void *arg)
{
    struct dump *d = arg;
    (void)r;
    d->waits = false;
    if (!d->running)
        dump_on(d);
}

/* Sends what there is; then the next file, or the end. */
static void dump_on(struct dump *d)
{
    if (d->rc != OK && !d->begun) {
        api__error(d->r, &d->error);
        free_dump(d);
        return;
    }
    if (!d->begun) {
        http_reply_header(d->r, "Content-Disposition", "attachment");
        http_stream_begin(d->r, 200, d->named->csv ? "text/csv; charset=utf-8" : "application/x-ndjson", on_room, d);
        d->begun = true;
    }
    while (d->rc == OK && d->sent < d->out.size && !http_gone(d->r)) {
        size_t n = d->out.size - d->sent;
        n = n > HTTP_STREAM_QUEUE / 2 ? HTTP_STREAM_QUEUE / 2 : n;
        if (!http_stream_write(d->r, d->out.data + d->sent, n)) {
            d->waits = true;
            return;
        }
        d->sent += n;
    }
    if (d->rc != OK || http_gone(d->r)) {
        http_stream_abort(d->r); /* the client must see that this is not all */
        free_dump(d);
    } else if (d->over) {
        http_stream_end(d->r);
        free_dump(d);
    } else {
        buf_clear(&d->out);
        d->sent = 0;
        d->running = true;
        workers_submit(supervisor_side(d->api->s), &d->job);
    }
}

static void dump_gone(struct http_request *r, void *arg)
{
    struct dump *d = arg;
    (void)r;
    if (!d->running)
        dump_on(d);
}

void api__table_dump(struct http_request *r)
{
    struct api *a = api__of(r);
    const char *format = http_query(r, "format");
    int64_t     version = -1;
    if (!api__query_int(r, "version", 0, INT64_MAX, &version))
        return;
    if (format && strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0) {
        api__problem(r, 422, "invalid_parameter", NULL, "format is csv or ndjson");
        return;
    }
    if (a->n_dumps >= DUMPS_MAX) {
        http_reply_header(r, "Retry-After", "5");
        api__problem(r, 503, "too_many_streams", NULL, "%d dumps run already", DUMPS_MAX);
        return;
    }
    struct named *n = asked_table(r);
    if (!n)
        return;
    struct dump *d = mem_zalloc(TAG_WEB, sizeof *d);
    CHECK(d);
    d->job = (struct job){.run = run_dump, .done = dump_done};
    d->api = a;
    d->r = r;
    d->named = n;
    d->named->csv = !format || format[0] == 'c';
    d->named->raw = api__query_is(r, "raw", "true");
    d->named->text_bigint = api__query_is(r, "bigint", "string");
    d->named->version = version;
    d->running = true;
    buf_init(&d->out, TAG_WEB, (size_t)1 << 30);
    a->n_dumps++;
    http_on_gone(r, dump_gone, d);
    workers_submit(supervisor_side(a->s), &d->job);
}
