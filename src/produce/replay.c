/* SPDX-License-Identifier: MIT */
/*
 * Replay of a file: its lines as they are (NDJSON), or as JSON objects (CSV), sorted by event time. All memory is taken
 * when the file is read; the lines stay in one buffer.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "produce/produce_priv.h"
#include "text/time.h"
#include "json/doc.h"
#include "json/write.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define LINE_BYTES_MAX ((size_t)1 << 20)
#define COLUMNS_MAX 1000

struct line {
    int64_t  event_us;
    uint32_t at, size; /* in values */
    uint32_t key_at, key_size;
    uint32_t number;
};

struct replay {
    struct buf   values, keys;
    struct line *lines;
    int64_t      n, capacity, next;
};

/* ---- event times ---- */

/* Numbers of this century tell their unit by their size. */
static int64_t us_from_number(double v)
{
    double size = v < 0 ? -v : v;
    return (int64_t)(size < 1e11 ? v * 1e6 : size < 1e14 ? v * 1e3 : v);
}

static bool us_from_text(const char *text, size_t n, int64_t *us)
{
    char  *end;
    double v = strtod(text, &end);
    if (n > 0 && *end == 0 && end == text + n && !memchr(text, '-', n)) {
        *us = us_from_number(v);
        return true;
    }
    return timestamp_parse(text, n, 0, us);
}

/* ---- lines ---- */

static enum err add_line(struct replay *r, struct line l, struct error *e)
{
    if (r->n == r->capacity) {
        int64_t      more = r->capacity ? r->capacity * 2 : 1024;
        struct line *bigger = mem_realloc(TAG_PROCESS, r->lines, (size_t)more * sizeof *bigger);
        if (!bigger)
            return err_set(e, ERR_NO_MEMORY, "no memory for %" PRId64 " lines", more);
        r->lines = bigger;
        r->capacity = more;
    }
    r->lines[r->n++] = l;
    return OK;
}

static void put_key(struct replay *r, const char *text, size_t n, struct line *l)
{
    l->key_at = (uint32_t)r->keys.size;
    l->key_size = (uint32_t)(n < KEY_MAX ? n : KEY_MAX);
    buf_put(&r->keys, text, l->key_size);
}

static enum err add_json(struct generator *g, const char *text, size_t n, uint32_t number, struct error *e)
{
    struct replay           *r = g->replay;
    struct json_value       *doc = NULL;
    const struct json_value *v;
    struct line              l = {.number = number, .at = (uint32_t)r->values.size, .size = (uint32_t)n};
    struct error             why = {0};
    enum err                 rc = OK;
    if (json_doc_parse(text, n, &doc, &why) != OK)
        return err_set(e, ERR_DATA, "line %u is no JSON: %s", number, why.text);
    v = json_get(doc, g->knobs.time_field);
    const char *as_text = json_as_string(v);
    if (as_text ? !us_from_text(as_text, strlen(as_text), &l.event_us) : json_as_double(v, -1) < 0)
        rc = err_set(e, ERR_DATA, "line %u has no event time in %s", number, g->knobs.time_field);
    else if (!as_text)
        l.event_us = us_from_number(json_as_double(v, 0));
    v = g->knobs.key_field ? json_get(doc, g->knobs.key_field) : NULL;
    if (json_as_string(v)) {
        put_key(r, json_as_string(v), strlen(json_as_string(v)), &l);
    } else if (v) {
        struct buf key;
        buf_init(&key, TAG_PROCESS, LINE_BYTES_MAX);
        json_dump(v, &key);
        put_key(r, buf_text(&key), key.size, &l);
        buf_fini(&key);
    }
    json_doc_free(doc);
    buf_put(&r->values, text, n);
    return rc == OK ? add_line(r, l, e) : rc;
}

/* ---- CSV ---- */

struct csv { /* one line split up; quoted fields may hold separators, quotes ("") and line ends */
    char  *fields[COLUMNS_MAX];
    size_t sizes[COLUMNS_MAX];
    bool   quoted[COLUMNS_MAX];
    int    n;
};

/* Reads the field that begins at *at into *from, *n (unescaped in place), and stops at the separator or line end. */
static bool csv_field(char *text, size_t size, size_t *at, char **from, size_t *n)
{
    size_t i = *at, to;
    bool   quoted = i < size && text[i] == '"', open = quoted;
    to = i += quoted;
    *from = text + to;
    while (i < size && (open || (text[i] != ',' && text[i] != '\n'))) {
        if (quoted && text[i] == '"') {
            bool doubled = open && i + 1 < size && text[i + 1] == '"';
            open = doubled ? open : false;
            i += doubled ? 1 : 0;
            if (!doubled) {
                i++;
                continue;
            }
        }
        if (open || !quoted) /* what follows a closing quote is dropped: a carriage return, as a rule */
            text[to++] = text[i];
        i++;
    }
    *n = to - (size_t)(*from - text);
    if (!quoted && *n > 0 && (i >= size || text[i] == '\n') && text[to - 1] == '\r')
        --*n;
    *at = i;
    return quoted;
}

/* One line (a record), from *at on; moves *at behind it. False: more than COLUMNS_MAX fields. */
static bool split_csv(char *text, size_t size, size_t *at, struct csv *c)
{
    for (c->n = 0; c->n < COLUMNS_MAX; ++*at) {
        c->quoted[c->n] = csv_field(text, size, at, &c->fields[c->n], &c->sizes[c->n]);
        c->n++;
        if (*at >= size || text[*at] == '\n') {
            *at += *at < size;
            return true;
        }
    }
    return false;
}

static bool is_json_number(const char *text, size_t n)
{
    size_t i = n > 0 && text[0] == '-', digits = 0;
    if (i < n && text[i] == '0' && i + 1 < n && text[i + 1] != '.')
        return false;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
        digits++;
    if (digits > 0 && i < n && text[i] == '.') {
        digits = 0;
        for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++)
            digits++;
    }
    return i == n && digits > 0 && n < 19;
}

static int column_of(const struct csv *header, const char *name)
{
    for (int i = 0; name && i < header->n; i++)
        if (strlen(name) == header->sizes[i] && strncasecmp(header->fields[i], name, header->sizes[i]) == 0)
            return i;
    return -1;
}

static enum err add_csv(struct generator *g, const struct csv *header, const struct csv *c, uint32_t number,
                        struct error *e)
{
    struct replay     *r = g->replay;
    struct json_writer w;
    struct line        l = {.number = number, .at = (uint32_t)r->values.size};
    int                time = column_of(header, g->knobs.time_field), key = column_of(header, g->knobs.key_field);
    char               text[64];
    if (c->n != header->n)
        return err_set(e, ERR_DATA, "line %u has %d fields, the header %d", number, c->n, header->n);
    snprintf(text, sizeof text, "%.*s", (int)(c->sizes[time] < 60 ? c->sizes[time] : 60), c->fields[time]);
    if (!us_from_text(text, strlen(text), &l.event_us))
        return err_set(e, ERR_DATA, "line %u: \"%s\" in %s is no event time", number, text, g->knobs.time_field);
    if (key >= 0)
        put_key(r, c->fields[key], c->sizes[key], &l);
    json_writer_init(&w, &r->values);
    json_begin_object(&w);
    for (int i = 0; i < c->n; i++) {
        char name[256], number_text[24];
        snprintf(name, sizeof name, "%.*s", (int)(header->sizes[i] < 255 ? header->sizes[i] : 255), header->fields[i]);
        json_key(&w, name);
        if (c->sizes[i] == 0 && !c->quoted[i])
            json_put_null(&w);
        else if (!c->quoted[i] && is_json_number(c->fields[i], c->sizes[i])) {
            snprintf(number_text, sizeof number_text, "%.*s", (int)c->sizes[i], c->fields[i]);
            json_put_raw(&w, number_text);
        } else
            json_put_string_n(&w, c->fields[i], c->sizes[i]);
    }
    json_end_object(&w);
    l.size = (uint32_t)(r->values.size - l.at);
    return add_line(r, l, e);
}

static enum err read_csv(struct generator *g, char *text, size_t n, struct error *e)
{
    struct csv *c = mem_alloc(TAG_PROCESS, 2 * sizeof *c);
    size_t      at = 0;
    uint32_t    number = 1;
    enum err    rc = OK;
    if (!c)
        return err_set(e, ERR_NO_MEMORY, "no memory to read CSV");
    if (!split_csv(text, n, &at, &c[0]) || c[0].n == 0)
        rc = err_set(e, ERR_DATA, "the header has more than %d columns", COLUMNS_MAX);
    else if (column_of(&c[0], g->knobs.time_field) < 0)
        rc = err_set(e, ERR_DATA, "the header has no column %s", g->knobs.time_field);
    while (rc == OK && at < n) {
        number++;
        if (!split_csv(text, n, &at, &c[1]))
            rc = err_set(e, ERR_DATA, "line %u has more than %d fields", number, COLUMNS_MAX);
        else if (c[1].n > 1 || c[1].sizes[0] > 0)
            rc = add_csv(g, &c[0], &c[1], number, e);
    }
    mem_free(c);
    return rc;
}

static enum err read_json(struct generator *g, const char *text, size_t n, struct error *e)
{
    uint32_t number = 0;
    for (const char *end = text + n; text < end;) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t      size = (size_t)((line_end ? line_end : end) - text);
        number++;
        if (size > LINE_BYTES_MAX)
            return err_set(e, ERR_LIMIT, "line %u is longer than %zu bytes", number, LINE_BYTES_MAX);
        if (strspn(text, " \t\r") < size)
            TRY(add_json(g, text, size - (text[size - 1] == '\r'), number, e));
        text += size + 1;
    }
    return OK;
}

/* ---- the file ---- */

static enum err read_file(const char *path, char **text, size_t *n, struct error *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_errno(e, errno, "%s", path);
    enum err rc = OK;
    long     size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    rewind(f);
    if (size < 0)
        rc = err_errno(e, errno, "%s", path);
    else if ((size_t)size > FILE_BYTES_MAX)
        rc = err_set(e, ERR_LIMIT, "%s is larger than 1 GiB; split it", path);
    else if (!(*text = mem_alloc(TAG_PROCESS, (size_t)size + 1)))
        rc = err_set(e, ERR_NO_MEMORY, "no memory for the %ld bytes of %s", size, path);
    else if (fread(*text, 1, (size_t)size, f) != (size_t)size)
        rc = err_errno(e, ferror(f) ? errno : EIO, "%s", path);
    fclose(f);
    if (rc != OK)
        return rc;
    (*text)[size] = 0;
    *n = (size_t)size;
    return OK;
}

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->event_us != y->event_us ? (x->event_us < y->event_us ? -1 : 1)
           : x->number < y->number    ? -1
                                      : x->number > y->number;
}

static enum err load(struct generator *g, const char *path, struct error *e)
{
    struct replay *r = mem_zalloc(TAG_PROCESS, sizeof *r);
    const char    *dot = strrchr(path, '.');
    char          *text = NULL;
    size_t         n = 0;
    enum err       rc;
    if (!r)
        return err_set(e, ERR_NO_MEMORY, "no memory to read %s", path);
    g->replay = r;
    buf_init(&r->values, TAG_PROCESS, FILE_BYTES_MAX);
    buf_init(&r->keys, TAG_PROCESS, FILE_BYTES_MAX);
    if ((rc = read_file(path, &text, &n, e)) != OK)
        return rc;
    rc = dot && strcasecmp(dot, ".csv") == 0 ? read_csv(g, text, n, e) : read_json(g, text, n, e);
    mem_free(text);
    if (rc == OK)
        rc = buf_check(&r->values, "the file", e);
    if (rc == OK)
        rc = buf_check(&r->keys, "the keys", e);
    if (rc != OK)
        return err_wrap(e, rc, "%s", path);
    if (r->n > 0)
        qsort(r->lines, (size_t)r->n, sizeof *r->lines, by_time);
    return OK;
}

enum err generator_replay(const char *path, const struct produce_knobs *k, struct generator **out, struct error *e)
{
    struct generator *g = NULL;
    if (!k->time_field)
        return err_set(e, ERR_INVALID, "a replay needs the name of the event-time field: --time-field");
    if (k->skew > 0 || k->late_percent > 0 || k->disorder_ms > 0 || k->malformed_percent > 0)
        return err_set(e, ERR_INVALID,
                       "a replay sends the file's records as they are: no skew, late, disorder or malformed");
    TRY(generator__bare(k, &g, e));
    enum err rc = load(g, path, e);
    if (rc != OK) {
        generator_free(g);
        return rc;
    }
    *out = g;
    return OK;
}

bool replay__next(struct generator *g, struct produce_record *out)
{
    struct replay *r = g->replay;
    if (r->next >= r->n)
        return false;
    const struct line *l = &r->lines[r->next++];
    *out = (struct produce_record){.value = r->values.data + l->at,
                                   .value_bytes = l->size,
                                   .timestamp_ms = floor_div(l->event_us, 1000),
                                   .partition = -1};
    if (l->key_size && g->knobs.key != PRODUCE_KEY_NONE) {
        out->key = r->keys.data + l->key_at;
        out->key_bytes = l->key_size;
    }
    if (g->knobs.n_partitions > 0)
        out->partition = (int32_t)(g->made % g->knobs.n_partitions);
    if (g->knobs.rate_per_s > 0)
        out->due_us = (int64_t)((double)g->made * 1e6 / g->knobs.rate_per_s);
    else if (g->knobs.speed > 0)
        out->due_us = (int64_t)((double)(l->event_us - r->lines[0].event_us) / g->knobs.speed);
    if (out->timestamp_ms < g->tally.first_event_ms)
        g->tally.first_event_ms = out->timestamp_ms;
    if (out->timestamp_ms > g->tally.last_event_ms)
        g->tally.last_event_ms = out->timestamp_ms;
    return true;
}

int64_t replay__rows(const struct generator *g) { return g->replay->n; }

void replay__free(struct generator *g)
{
    if (!g->replay)
        return;
    buf_fini(&g->replay->values);
    buf_fini(&g->replay->keys);
    mem_free(g->replay->lines);
    mem_free(g->replay);
}
