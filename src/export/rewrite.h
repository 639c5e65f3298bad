/* SPDX-License-Identifier: MIT */
/*
 * export/rewrite: pieces of the job's text with some ranges replaced.
 *
 * An edit replaces a range (or goes in at a point). Edits may lie inside of one another: of those that begin at the
 * same place the longest wins, and what is inside it is not looked at. A piece is printed as a template, in which
 * values of parameters are ${name} again and other dollars are doubled (Python's string.Template), or filled.
 */
#ifndef EXPORT_REWRITE_H
#define EXPORT_REWRITE_H

#include "sql/parse.h"

#define EDITS_MAX 512

struct edit {
    struct place place;
    const char  *text; /* for templates: dollars doubled */
};
struct edits {
    struct edit items[EDITS_MAX];
    int         n;
};

/* False when there is no room. */
bool edits_add(struct edits *e, struct place at, const char *text);

struct source_text {
    const char              *text;
    const struct sql_params *params;
    const struct sql_fills  *fills;
};

/* Appends that range of the text. */
void rewrite_template(const struct source_text *s, struct place range, const struct edits *edits, struct buf *out);
void rewrite_filled(const struct source_text *s, struct place range, const struct edits *edits, struct buf *out);
/* A value was put in somewhere in that range. */
bool rewrite_has_params(const struct source_text *s, struct place range);

#endif
