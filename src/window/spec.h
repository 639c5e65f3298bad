/* SPDX-License-Identifier: MIT */
/*
 * window/spec: which windows an event time falls into. Pure functions, any thread.
 *
 * Source: Spark TimeWindowResolution: starts are aligned to 1970-01-01T00:00:00Z + start; [start, start + size).
 * A session is [first, last + gap) of rows whose own intervals [t, t + gap) overlap or touch (SessionWindow).
 */
#ifndef WINDOW_SPEC_H
#define WINDOW_SPEC_H

#include <stdint.h>

#include "base/error.h"

enum window_kind {
    WINDOW_NONE,    /* the group is the event time itself */
    WINDOW_FIXED,   /* tumbling, sliding */
    WINDOW_SESSION, /* size_us is the gap */
    WINDOW_GIVEN,   /* the event is a window already: a STRUCT of start and end */
};

struct window_spec {
    enum window_kind kind;
    int64_t          size_us;
    int64_t          slide_us; /* == size: tumbling */
    int64_t          start_us; /* shift of the alignment, |start| < slide */
};

#define WINDOW_OVERLAP_MAX 100000 /* windows one row may fall into */

/* ERR_INVALID with Spark's reason: size and slide positive, slide <= size, |start| < slide. */
MUST_CHECK enum err window_spec_session(struct window_spec *w, int64_t gap_us, struct error *e); /* gap positive */
MUST_CHECK enum err window_spec_init(struct window_spec *w, int64_t size_us, int64_t slide_us, int64_t start_us,
                                     struct error *e);
/* Start of the last window that begins at or before the event time. */
static inline int64_t window_last_start(const struct window_spec *w, int64_t event_us)
{
    int64_t r = (event_us - w->start_us) % w->slide_us;
    return event_us - (r < 0 ? r + w->slide_us : r);
}
/* Most windows one event time can fall into: ceil(size / slide). */
static inline int64_t window_overlap(const struct window_spec *w)
{
    return (w->size_us + w->slide_us - 1) / w->slide_us;
}

#endif
