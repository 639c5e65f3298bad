/* SPDX-License-Identifier: MIT */
/* status: see status.h. */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli.h"
#include "text/time.h"

#define WIDTH_DEFAULT 100
#define ROWS_MOST 10

void status_init(struct status_line *s) { *s = (struct status_line){.terminal = cli_stderr_is_terminal()}; }

static uint32_t terminal_width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : WIDTH_DEFAULT;
}

void status_clear(struct status_line *s)
{
    if (s->n_lines > 1)
        fprintf(stderr, "\033[%dA", s->n_lines - 1);
    if (s->n_lines)
        fputs("\r\033[J", stderr);
    s->n_lines = 0;
}

static void put_line(struct status_line *s, const struct query_status *st, struct buf *out)
{
    char    mark[TIME_TEXT_MAX] = "-";
    int64_t now = clock_mono_us();
    double  rate = s->last_us ? (double)(st->records - s->last_records) * 1e6 / (double)(now - s->last_us + 1) : 0;
    s->last_us = now;
    s->last_records = st->records;
    if (st->watermark_ms)
        timestamp_print_iso_ms(st->watermark_ms * 1000, mark);
    char silence[200];
    if (st->silent_since_us) {
        silence_text(st->silent, st->silent_since_us, silence);
        buf_printf(out, "%s: %s", st->plan->name, silence);
    } else if (st->down_since_us)
        buf_printf(out, "%s: broker away for %" PRId64 " s: %s", st->plan->name, (now - st->down_since_us) / 1000000,
                   st->down_error);
    else if (st->state == QUERY_STARTING)
        buf_printf(out, "%s: starting%s%s", st->plan->name, st->error[0] ? " again: " : "", st->error);
    else
        buf_printf(out, "%s: %.0f rec/s, lag %" PRId64 ", watermark %s, version %" PRId64 ", %" PRId64 " rows",
                   st->plan->name, rate, st->lag, mark, st->version, st->rows);
}

void status_show(struct status_line *s, const struct query *q)
{
    struct query_status st;
    struct buf          out;
    if (!s->terminal)
        return;
    uint32_t width = terminal_width();
    query_status(q, &st);
    buf_init(&out, TAG_PROCESS, 1 << 20);
    query_newest_rows(q, width, ROWS_MOST, &out);
    size_t above = out.size;
    put_line(s, &st, &out);
    if (out.size - above > width)
        out.size = above + width;
    status_clear(s);
    for (size_t i = 0; i < out.size; i++)
        s->n_lines += out.data[i] == '\n';
    s->n_lines++;
    fwrite(out.data, 1, out.size, stderr);
    fflush(stderr);
    buf_fini(&out);
}
