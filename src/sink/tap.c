/* SPDX-License-Identifier: MIT */
#include "sink/tap.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/inbox.h" /* the lock of this house */
#include "text/utf8.h"
#include "json/value.h"

#define CELLS_MAX 64 /* columns shown */
#define COLUMN_WIDTH_MAX 40

/* A row is its cells back to back: kind, u32 length, text. */
enum cell { CELL_NULL, CELL_TEXT, CELL_JSON }; /* JSON: numbers, booleans, structs */

struct tap {
    pthread_mutex_t    lock;
    const struct type *schema;
    uint32_t           n_rows, n_cells;
    struct buf        *rows;    /* ring of n_rows, the kept-th goes to kept % n_rows */
    int64_t           *numbers; /* of the rows in the ring */
    int64_t            kept, seen;
    double             budget; /* rows that may be kept now; writing thread only */
    int64_t            filled_us;
    struct buf         scratch; /* writing thread only */
};

enum err tap_new(const struct type *schema, uint32_t n_rows, struct tap **out, struct error *e)
{
    struct tap *t = mem_zalloc(TAG_WEB, sizeof *t);
    struct buf *rows = mem_zalloc(TAG_WEB, (n_rows + 1u) * sizeof *rows);
    int64_t    *numbers = mem_zalloc(TAG_WEB, (n_rows + 1u) * sizeof *numbers);
    *out = NULL;
    if (!t || !rows || !numbers) {
        mem_free(t);
        mem_free(rows);
        mem_free(numbers);
        return err_set(e, ERR_NO_MEMORY, "newest rows");
    }
    t->schema = schema;
    t->n_rows = n_rows;
    t->n_cells = schema->n_fields < CELLS_MAX ? schema->n_fields : CELLS_MAX;
    t->rows = rows;
    t->numbers = numbers;
    t->budget = TAP_ROWS_PER_S;
    for (uint32_t i = 0; i < n_rows; i++)
        buf_init(&rows[i], TAG_WEB, 1 << 16);
    buf_init(&t->scratch, TAG_WEB, 1 << 20);
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return OK;
}

void tap_free(struct tap *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_rows; i++)
        buf_fini(&t->rows[i]);
    buf_fini(&t->scratch);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->rows);
    mem_free(t->numbers);
    mem_free(t);
}

/* ---- showing ---- */

static void put_cell(struct tap *t, const struct column *c, size_t row, struct buf *out)
{
    enum cell kind = CELL_NULL;
    buf_clear(&t->scratch);
    if (column_is_valid(c, row)) {
        bool text = json_value_text(c, row, &t->scratch);
        kind = text || t->scratch.size > TAP_CELL_MAX ? CELL_TEXT : CELL_JSON; /* JSON that is cut is a text */
    }
    size_t n = t->scratch.failed ? 0 : t->scratch.size;
    if (n > TAP_CELL_MAX)
        for (n = TAP_CELL_MAX; n > 0 && (t->scratch.data[n] & 0xc0) == 0x80;)
            n--;
    buf_u8(out, (uint8_t)kind);
    buf_bytes(out, t->scratch.data, n);
}

/* How many of n rows may be kept now: a picture must not cost what the rows cost. */
static uint32_t grant(struct tap *t, uint32_t n)
{
    int64_t now = clock_mono_us();
    t->budget += (double)(now - t->filled_us) * TAP_ROWS_PER_S / 1e6;
    t->filled_us = now;
    t->budget = t->budget > TAP_ROWS_PER_S ? TAP_ROWS_PER_S : t->budget;
    n = n < t->n_rows ? n : t->n_rows;
    n = n < t->budget ? n : (uint32_t)t->budget;
    t->budget -= n;
    return n;
}

void tap_show(struct tap *t, const struct batch *b)
{
    struct buf row;
    uint32_t   from = b->n_rows - grant(t, b->n_rows);
    buf_init(&row, TAG_WEB, 1 << 16);
    for (uint32_t i = from; i < b->n_rows; i++) {
        buf_clear(&row);
        for (uint32_t k = 0; k < t->n_cells; k++)
            put_cell(t, b->columns[k], i, &row);
        pthread_mutex_lock(&t->lock);
        int64_t     at = t->kept++ % t->n_rows;
        struct buf *slot = &t->rows[at], old = *slot;
        *slot = row; /* a row that could not be kept has failed and is left out of the picture */
        t->numbers[at] = t->seen + i;
        row = old;
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_lock(&t->lock);
    t->seen += b->n_rows;
    pthread_mutex_unlock(&t->lock);
    buf_fini(&row);
}

int64_t tap_seen(struct tap *t)
{
    pthread_mutex_lock(&t->lock);
    int64_t seen = t->seen;
    pthread_mutex_unlock(&t->lock);
    return seen;
}

/* ---- reading ---- */

static bool next_cell(struct view *v, enum cell *kind, const uint8_t **text, uint32_t *n)
{
    *kind = (enum cell)view_u8(v);
    *text = view_bytes(v, n);
    return !v->failed;
}

static void pad(struct buf *out, uint32_t n)
{
    while (n-- > 0)
        buf_u8(out, ' ');
}

/* One cell of a line: cut to its column, numbers to the right; *room is what the line has left. */
static void print_cell(const uint8_t *text, uint32_t n, bool right, uint32_t width, uint32_t *room, struct buf *out)
{
    uint32_t have = (uint32_t)utf8_length(text, n);
    uint32_t cells = width < *room ? width : *room;
    bool     cut = have > cells;
    if (cut)
        n = (uint32_t)utf8_offset(text, n, cells > 0 ? cells - 1 : 0);
    if (right && !cut)
        pad(out, cells - have);
    for (uint32_t i = 0; i < n; i++)
        buf_u8(out, text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]); /* the terminal is not the data's to drive */
    if (cut && cells > 0)
        buf_puts(out, "\xe2\x80\xa6");
    if (!right && !cut)
        pad(out, cells - have);
    *room -= cells;
    if (*room >= 2) {
        buf_puts(out, "  ");
        *room -= 2;
    } else {
        *room = 0;
    }
}

/* The oldest row that is still kept, counted as `kept` is. */
static int64_t first_kept(const struct tap *t) { return t->kept > t->n_rows ? t->kept - t->n_rows : 0; }

/* Row i of those from first_kept to kept; size 0 when there was no memory for it. */
static struct view kept_row(const struct tap *t, int64_t i)
{
    const struct buf *row = &t->rows[i % t->n_rows];
    return row->failed ? (struct view){.size = 0} : (struct view){.data = row->data, .size = row->size};
}

/* Of the header and the rows from `first` on. */
static void measure(const struct tap *t, int64_t first, uint32_t widths[CELLS_MAX])
{
    enum cell      kind;
    const uint8_t *text;
    uint32_t       n;
    for (uint32_t k = 0; k < t->n_cells; k++)
        widths[k] =
            (uint32_t)utf8_length((const uint8_t *)t->schema->fields[k].name, strlen(t->schema->fields[k].name));
    for (int64_t i = first; i < t->kept; i++) {
        struct view v = kept_row(t, i);
        for (uint32_t k = 0; v.size && k < t->n_cells && next_cell(&v, &kind, &text, &n); k++) {
            uint32_t have = kind == CELL_NULL ? 4 : (uint32_t)utf8_length(text, n);
            widths[k] = have > widths[k] ? have : widths[k];
        }
    }
    for (uint32_t k = 0; k < t->n_cells; k++)
        widths[k] = widths[k] > COLUMN_WIDTH_MAX ? COLUMN_WIDTH_MAX : widths[k];
}

static void end_line(struct buf *out)
{
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->size--;
    buf_u8(out, '\n');
}

static bool is_right(const struct type *t) { return type_is_number(t); }

void tap_print(struct tap *t, uint32_t width, uint32_t most, struct buf *out)
{
    uint32_t       widths[CELLS_MAX], n, room = width ? width : UINT32_MAX;
    enum cell      kind;
    const uint8_t *text;
    pthread_mutex_lock(&t->lock);
    int64_t first = t->kept - first_kept(t) > most ? t->kept - most : first_kept(t);
    measure(t, first, widths);
    for (uint32_t k = 0; k < t->n_cells && room > 0; k++) {
        const char *name = t->schema->fields[k].name;
        print_cell((const uint8_t *)name, (uint32_t)strlen(name), is_right(t->schema->fields[k].type), widths[k], &room,
                   out);
    }
    end_line(out);
    for (int64_t i = first; i < t->kept; i++) {
        struct view v = kept_row(t, i);
        if (!v.size)
            continue;
        room = width ? width : UINT32_MAX;
        for (uint32_t k = 0; k < t->n_cells && room > 0 && next_cell(&v, &kind, &text, &n); k++) {
            bool null = kind == CELL_NULL;
            print_cell(null ? (const uint8_t *)"NULL" : text, null ? 4 : n, is_right(t->schema->fields[k].type),
                       widths[k], &room, out);
        }
        end_line(out);
    }
    pthread_mutex_unlock(&t->lock);
}

static void row_json(const struct tap *t, struct view v, bool text_bigint, struct json_writer *w)
{
    enum cell      kind;
    const uint8_t *text;
    uint32_t       n;
    json_begin_array(w);
    for (uint32_t k = 0; k < t->n_cells && next_cell(&v, &kind, &text, &n); k++) {
        char raw[TAP_CELL_MAX + 1];
        bool quoted = text_bigint && t->schema->fields[k].type->kind == TYPE_BIGINT;
        if (kind == CELL_NULL) {
            json_put_null(w);
        } else if (kind == CELL_TEXT || quoted) {
            json_put_string_n(w, text, n);
        } else {
            memcpy(raw, text, n);
            raw[n] = 0;
            json_put_raw(w, raw);
        }
    }
    json_end_array(w);
}

/* The first of the kept rows [i, end) whose number is not below `number`; numbers only grow. */
static int64_t find_row(const struct tap *t, int64_t i, int64_t end, int64_t number)
{
    while (i < end && t->numbers[i % t->n_rows] < number)
        i++;
    return i;
}

int tap_rows(struct tap *t, int64_t from, int64_t until, int most, bool text_bigint, struct json_writer *w)
{
    int n = 0;
    pthread_mutex_lock(&t->lock);
    int64_t begin = find_row(t, first_kept(t), t->kept, from), end = find_row(t, begin, t->kept, until);
    begin = end - begin > most ? end - most : begin;
    for (int64_t i = begin; i < end; i++) {
        struct view v = kept_row(t, i);
        if (v.size) {
            row_json(t, v, text_bigint, w);
            n++;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}
