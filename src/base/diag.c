/* SPDX-License-Identifier: MIT */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void diags_init(struct diags *d, struct arena *arena)
{
    memset(d, 0, sizeof *d);
    d->arena = arena;
}

static char *vprint(struct arena *a, const char *format, va_list args)
{
    static char lost[] = "out of memory";
    char        text[1024];
    vsnprintf(text, sizeof text, format, args);
    char *copy = arena_strdup(a, text);
    return copy ? copy : lost;
}

static struct diag *add(struct diags *d, enum diag_level level, struct place at, const char *code, char *text)
{
    struct diag *slot = &d->items[d->n < DIAGS_MAX ? d->n : DIAGS_MAX - 1];
    if (level == DIAG_ERROR)
        d->n_errors++;
    if (d->n < DIAGS_MAX) {
        *slot = (struct diag){.level = level, .place = at, .code = code, .text = text};
        d->n++;
    }
    return slot;
}

struct diag *diag_error(struct diags *d, struct place at, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct diag *g = add(d, DIAG_ERROR, at, code, vprint(d->arena, format, args));
    va_end(args);
    return g;
}

struct diag *diag_warn(struct diags *d, struct place at, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct diag *g = add(d, DIAG_WARNING, at, code, vprint(d->arena, format, args));
    va_end(args);
    return g;
}

void diag_hint(struct diags *d, struct diag *of, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!of->hint)
        of->hint = vprint(d->arena, format, args);
    va_end(args);
}

#define NAME_MAX_COMPARED 63

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* Levenshtein distance where swapping two neighbours counts as one step. */
static int distance(const char *a, const char *b)
{
    int rows[3][NAME_MAX_COMPARED + 2];
    int n = (int)strnlen(a, NAME_MAX_COMPARED), m = (int)strnlen(b, NAME_MAX_COMPARED);
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = rows[i % 3], *before = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int same = lower(a[i - 1]) == lower(b[j - 1]);
            int best = before[j - 1] + !same;
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) &&
                two[j - 2] + 1 < best)
                best = two[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *nearest_name(const char *name, const char *const *names, int n_names)
{
    const char *best = NULL;
    int         least = (int)strlen(name) / 3 + 2; /* one step for short names, more for long ones */
    for (int i = 0; i < n_names; i++) {
        int d = distance(name, names[i]);
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

#define LINE_SHOWN_MAX 1000 /* bytes */

size_t text_mark(const char *text) { return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; }

void place_line_column(const char *text, uint32_t at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = text_mark(text); i < at && text[i]; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct diag *x = a, *y = b;
    return x->place.at < y->place.at ? -1 : x->place.at > y->place.at;
}

/* Of a line that is longer than people read, only what is around the place. */
static void clip(const char *text, size_t at, size_t *start, size_t *end)
{
    if (*end - *start <= LINE_SHOWN_MAX)
        return;
    if (at - *start > LINE_SHOWN_MAX / 4)
        *start = at - LINE_SHOWN_MAX / 4;
    if (*end - *start > LINE_SHOWN_MAX)
        *end = *start + LINE_SHOWN_MAX;
    while (*start < at && ((unsigned char)text[*start] & 0xc0) == 0x80)
        ++*start;
    while (*end > at && ((unsigned char)text[*end] & 0xc0) == 0x80)
        --*end;
}

static void print_caret(const struct diag *g, const char *text, struct buf *out)
{
    size_t size = strlen(text);
    size_t at = g->place.at < size ? g->place.at : size;
    size_t start = at, end = at;
    while (start > text_mark(text) && text[start - 1] != '\n')
        start--;
    while (end < size && text[end] != '\n')
        end++;
    clip(text, at, &start, &end);
    buf_puts(out, "    ");
    buf_put(out, text + start, end - start);
    buf_puts(out, "\n    ");
    for (size_t i = start; i < at; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            buf_u8(out, text[i] == '\t' ? '\t' : ' ');
    size_t stop = at + (g->place.length ? g->place.length : 1);
    buf_u8(out, '^');
    for (size_t i = at + 1; i < stop && i < end; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            buf_u8(out, '^');
    buf_u8(out, '\n');
}

void diags_print(struct diags *d, const char *file, const char *text, struct buf *out)
{
    static const char *const levels[] = {"error", "warning", "note"};
    qsort(d->items, (size_t)d->n, sizeof d->items[0], by_place);
    for (int i = 0; i < d->n; i++) {
        const struct diag *g = &d->items[i];
        int                line, column;
        place_line_column(text, g->place.at, &line, &column);
        buf_printf(out, "%s:%d:%d: %s[%s] %s\n", file, line, column, levels[g->level], g->code, g->text);
        print_caret(g, text, out);
        if (g->hint)
            buf_printf(out, "    hint: %s\n", g->hint);
    }
    if (d->n_errors > DIAGS_MAX)
        buf_printf(out, "%s: and %d more errors\n", file, d->n_errors - DIAGS_MAX);
}
