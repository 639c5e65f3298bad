/* SPDX-License-Identifier: MIT */
/* produce/stream_priv: a stream's inside: connectors move bytes, presets read events. */
#ifndef PRODUCE_STREAM_PRIV_H
#define PRODUCE_STREAM_PRIV_H

#include "produce/random.h"
#include "produce/stream.h"
#include "json/doc.h"

#define STREAM_EVENT_MAX ((size_t)1 << 20)
#define STREAM_SEEN 65536 /* events remembered */
#define STREAM_SYMBOLS_MAX 50

enum stream_shape { STREAM_SSE, STREAM_WEBSOCKET, STREAM_POLL };

struct stream;

struct stream_kind {
    struct stream_preset public;
    enum stream_shape shape;
    /* Reads one event (SSE, WebSocket) or document (poll) and calls stream__emit for each record of it. What it does
     * not understand is counted by stream__unread. Errors are those that end the run. */
    enum err (*read)(struct stream *s, const struct json_value *event, const char *text, size_t n, struct error *e);
    /* What a WebSocket sends first. */
    enum err (*subscribe)(struct stream *s, struct buf *out, struct error *e);
};

struct stream_symbol {
    char    name[32];
    int64_t sequence, trade;
};

struct stream {
    const struct stream_spec *spec;
    const struct stream_sink *sink;
    const struct stream_kind *kind;
    const char               *url;
    struct stream_tally      *tally;
    struct random             jitter;
    bool                      stopped, heard; /* heard: an event since the connection began */
    int64_t                   wait_ms;        /* what the server asked us to wait; 0 nothing */
    char                      last_id[4096], etag[256];
    struct buf                value;
    uint64_t                 *seen, *order; /* a set of hashes, and the ring of the order they came in */
    uint32_t                  n_seen, next_seen;
    struct stream_symbol      symbols[STREAM_SYMBOLS_MAX];
    int                       n_symbols;
};

extern const struct stream_kind stream_wikimedia, stream_coinbase, stream_usgs;

/* object: JSON text that begins with '{'. */
enum err stream__emit(struct stream *s, const char *key, int64_t event_ms, const char *dedup_id, const char *object,
                      size_t n, struct error *e);
void     stream__unread(struct stream *s, const char *why);

/* The connectors: until the connection ends. */
enum err stream__sse(struct stream *s, struct error *e);
enum err stream__websocket(struct stream *s, struct error *e);
enum err stream__poll(struct stream *s, struct error *e);
/* Waits, asking idle; false when it is time to stop. */
bool stream__sleep(struct stream *s, int64_t ms);
bool stream__idle(void *stream);
/* One event's text to the preset. */
enum err stream__read(struct stream *s, const char *text, size_t n, struct error *e);

#endif
