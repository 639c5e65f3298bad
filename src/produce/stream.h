/* SPDX-License-Identifier: MIT */
/*
 * produce/stream: public event streams as producers: Wikimedia's edits, Coinbase's trades, USGS's earthquakes.
 *
 * Three shapes of connector: an event stream (SSE), a WebSocket that is subscribed to, a document that is polled. A
 * record's value is the event as it came, with two members put in front: "event_time" in milliseconds and "dedup_id",
 * which is the same when the same event comes again. What comes again within the last 65,536 events is left out.
 *
 *   connect --bytes--> events --new ones--> sink
 *      ^                  |
 *      +-- back-off ------+ lost: 0.5 s doubling to 30 s, jittered; never before Retry-After; resumed by Last-Event-ID
 *
 * stream_run blocks its thread: a thread of its own, or the command line's.
 */
#ifndef PRODUCE_STREAM_H
#define PRODUCE_STREAM_H

#include "produce/produce.h"

struct stream_preset {
    const char *name, *about;
    const char *url;     /* the public address */
    const char *columns; /* of the JSON value, as a SQL schema */
    const char *key;     /* what the record's key is */
};
/* The i-th preset, NULL at the end. */
const struct stream_preset *stream_preset_at(int i);
const struct stream_preset *stream_preset_find(const char *name); /* NULL: none of that name */

struct stream_spec { /* borrowed during stream_run */
    const char *preset;
    const char *url;        /* NULL: the preset's */
    const char *user_agent; /* who we are: public services ask for it */
    const char *symbols;    /* coinbase: "BTC-USD,ETH-USD" (NULL: BTC-USD, ETH-USD, SOL-USD) */
    int64_t     rows;       /* 0: no end */
    int         poll_ms;    /* between two polls; 0: what the service says, or a minute */
    uint64_t    seed;       /* of the jitter */
};

struct stream_sink {
    /* Takes one record; ERR_BUSY: call again after idle. Other errors end the run. */
    enum err (*record)(void *arg, const struct produce_record *r, struct error *e);
    bool (*idle)(void *arg); /* at least ten times a second; false: stop */
    void *arg;
};

struct stream_tally {
    int64_t records, repeated; /* sent; left out because they came before */
    int64_t unread;            /* not understood: no JSON, no event time */
    int64_t missed;            /* that numbers say should have come (coinbase: trades between two tickers) */
    int64_t connects;          /* successful ones */
    int64_t failures;          /* in a row, now */
    char    last_error[256];   /* "" none since the last event */
};

/* Runs until idle says no or the rows are sent (OK), or something that no retry cures: ERR_INVALID (address, symbols),
 * ERR_PERMISSION, ERR_NOT_FOUND, or the sink's. tally is kept up to date for the sink to look at. */
MUST_CHECK enum err stream_run(const struct stream_spec *spec, const struct stream_sink *sink,
                               struct stream_tally *tally, struct error *e);

#endif
