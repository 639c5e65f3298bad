/* SPDX-License-Identifier: MIT */
/*
 * status: what a person at the terminal sees while a query runs: the newest result rows, and one line below them.
 *
 * Redrawn in place on stderr; nothing when that is no terminal. Loop thread.
 */
#ifndef STATUS_H
#define STATUS_H

#include "pipeline/query.h"

struct status_line {
    bool    terminal;
    int     n_lines; /* on the screen now */
    int64_t last_us, last_records;
};

void status_init(struct status_line *s);
void status_show(struct status_line *s, const struct query *q);
void status_clear(struct status_line *s); /* before other messages, and at the end */

#endif
