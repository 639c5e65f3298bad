/* SPDX-License-Identifier: MIT */
#include "window/spec.h"

enum err window_spec_init(struct window_spec *w, int64_t size_us, int64_t slide_us, int64_t start_us, struct error *e)
{
    if (size_us <= 0)
        return err_set(e, ERR_INVALID, "the window duration must be greater than 0");
    if (slide_us <= 0)
        return err_set(e, ERR_INVALID, "the slide duration must be greater than 0");
    if (slide_us > size_us)
        return err_set(e, ERR_INVALID, "the slide duration must be at most the window duration");
    if (start_us <= -slide_us || start_us >= slide_us)
        return err_set(e, ERR_INVALID, "the absolute value of the start time must be less than the slide duration");
    *w = (struct window_spec){.kind = WINDOW_FIXED, .size_us = size_us, .slide_us = slide_us, .start_us = start_us};
    if (window_overlap(w) > WINDOW_OVERLAP_MAX)
        return err_set(e, ERR_INVALID, "one row would fall into more than %d windows", WINDOW_OVERLAP_MAX);
    return OK;
}

enum err window_spec_session(struct window_spec *w, int64_t gap_us, struct error *e)
{
    if (gap_us <= 0)
        return err_set(e, ERR_INVALID, "the gap of a session must be greater than 0");
    *w = (struct window_spec){.kind = WINDOW_SESSION, .size_us = gap_us};
    return OK;
}
