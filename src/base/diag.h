/* SPDX-License-Identifier: MIT */
/*
 * base/diag: what is wrong with a text (SQL, configuration), all of it in one go.
 *
 * A place is a byte range of the text; printing turns it into line and column and draws the caret:
 *
 *   job.sql:7:21: error[E_UNKNOWN_COLUMN] unknown column "amout"
 *        SELECT sum(amout) FROM e
 *                   ^^^^^
 *        hint: did you mean "amount"?
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdint.h>

#include "base/buf.h"

struct place {
    uint32_t at;     /* byte offset into the source text */
    uint32_t length; /* bytes; 0 = a point */
};

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct diag {
    enum diag_level level;
    struct place    place;
    const char     *code; /* static, for the machine: "E_UNKNOWN_COLUMN" */
    char           *text; /* one sentence, in the arena of the list */
    char           *hint; /* what to do, or NULL */
};

#define DIAGS_MAX 50 /* after so many the rest is only counted */

struct diags {
    struct arena *arena; /* borrowed: holds texts */
    struct diag   items[DIAGS_MAX];
    int           n;
    int           n_errors; /* also those beyond DIAGS_MAX */
};

void diags_init(struct diags *d, struct arena *arena);
/* Returns the new entry (never NULL) so that the caller can add a hint with diag_hint. */
struct diag *diag_error(struct diags *d, struct place at, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
struct diag *diag_warn(struct diags *d, struct place at, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
void         diag_hint(struct diags *d, struct diag *of, const char *format, ...) PRINTF_LIKE(3, 4);

/* Bytes of the byte order mark that editors of Windows put in front of a text: 3 or 0. It has no column of its own. */
size_t text_mark(const char *text);

/* Of the names, the nearest to `name` by edit distance (ignoring case), or NULL when none is near enough. */
const char *nearest_name(const char *name, const char *const *names, int n_names);

/* 1-based line and column (in characters) of an offset. */
void place_line_column(const char *text, uint32_t at, int *line, int *column);
/* All entries in the order of their places, with carets. file is only a label. */
void diags_print(struct diags *d, const char *file, const char *text, struct buf *out);

#endif
