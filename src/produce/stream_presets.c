/* SPDX-License-Identifier: MIT */
/* How the events of each public stream are read: key, event time, identity, and what is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "produce/stream_priv.h"
#include "text/time.h"
#include "json/write.h"

#define DEFAULT_SYMBOLS "BTC-USD,ETH-USD,SOL-USD"

/* Milliseconds of an ISO 8601 text; false when there is none. */
static bool time_of(const char *text, int64_t *ms)
{
    int64_t us;
    if (!text || !timestamp_parse(text, strlen(text), 0, &us))
        return false;
    *ms = us / 1000;
    return true;
}

/* ---- Wikimedia: recent changes of all wikis ---- */

static enum err read_wikimedia(struct stream *s, const struct json_value *event, const char *text, size_t n,
                               struct error *e)
{
    const struct json_value *meta = json_get(event, "meta");
    const char              *id = json_get_string(meta, "id"), *wiki = json_get_string(event, "wiki");
    const char              *domain = json_get_string(meta, "domain");
    int64_t                  ms;
    if (domain && strcmp(domain, "canary") == 0) /* the service watches itself with these */
        return OK;
    if (!time_of(json_get_string(meta, "dt"), &ms))
        ms = json_get_int(event, "timestamp", -1) * 1000;
    if (!id || !wiki || ms < 0) {
        stream__unread(s, "no meta.id, wiki or meta.dt");
        return OK;
    }
    return stream__emit(s, wiki, ms, id, text, n, e);
}

static enum err subscribe_to_nothing(struct stream *s, struct buf *out, struct error *e)
{
    (void)s;
    (void)out;
    (void)e;
    return OK;
}

const struct stream_kind stream_wikimedia = {
    .public = {.name = "wikimedia",
               .about = "edits of all Wikimedia wikis as they happen",
               .url = "https://stream.wikimedia.org/v2/stream/recentchange",
               .columns = "event_time BIGINT, dedup_id STRING, id BIGINT, type STRING, namespace INT, title STRING, "
                          "comment STRING, user STRING, bot BOOLEAN, minor BOOLEAN, wiki STRING, server_name STRING, "
                          "length STRUCT<old: INT, new: INT>, revision STRUCT<old: BIGINT, new: BIGINT>",
               .key = "wiki"},
    .shape = STREAM_SSE,
    .read = read_wikimedia,
    .subscribe = subscribe_to_nothing,
};

/* ---- Coinbase: the ticker, one event per trade ---- */

static struct stream_symbol *symbol_of(struct stream *s, const char *name)
{
    for (int i = 0; i < s->n_symbols; i++)
        if (strcmp(s->symbols[i].name, name) == 0)
            return &s->symbols[i];
    if (s->n_symbols == STREAM_SYMBOLS_MAX || strlen(name) >= sizeof s->symbols[0].name)
        return NULL;
    struct stream_symbol *fresh = &s->symbols[s->n_symbols++];
    snprintf(fresh->name, sizeof fresh->name, "%s", name);
    return fresh;
}

/* False for what came before. Trades that the numbers say lie between two tickers are counted. */
static bool in_order(struct stream *s, struct stream_symbol *symbol, int64_t sequence, int64_t trade)
{
    if (sequence <= symbol->sequence) {
        s->tally->repeated++;
        return false;
    }
    if (symbol->trade && trade > symbol->trade + 1)
        s->tally->missed += trade - symbol->trade - 1;
    symbol->sequence = sequence;
    symbol->trade = trade;
    return true;
}

static enum err read_coinbase(struct stream *s, const struct json_value *event, const char *text, size_t n,
                              struct error *e)
{
    const char *type = json_get_string(event, "type"), *product = json_get_string(event, "product_id");
    int64_t     ms, sequence = json_get_int(event, "sequence", 0), trade = json_get_int(event, "trade_id", 0);
    char        id[80];
    if (type && strcmp(type, "error") == 0) {
        const char *message = json_get_string(event, "message"), *reason = json_get_string(event, "reason");
        return err_set(e, ERR_INVALID, "coinbase: %s%s%s", message ? message : "error", reason ? ": " : "",
                       reason ? reason : "");
    }
    if (!type || strcmp(type, "ticker") != 0) /* subscriptions, heartbeat, what is to come */
        return OK;
    struct stream_symbol *symbol = product ? symbol_of(s, product) : NULL;
    if (!symbol || !trade || !time_of(json_get_string(event, "time"), &ms)) {
        stream__unread(s, "no product_id, trade_id or time");
        return OK;
    }
    if (sequence && !in_order(s, symbol, sequence, trade))
        return OK;
    snprintf(id, sizeof id, "%s-%" PRId64, product, trade);
    return stream__emit(s, product, ms, id, text, n, e);
}

static enum err subscribe_to_tickers(struct stream *s, struct buf *out, struct error *e)
{
    const char        *list = s->spec->symbols ? s->spec->symbols : DEFAULT_SYMBOLS;
    struct json_writer w;
    int                n_symbols = 0;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, "type", "subscribe");
    json_key(&w, "product_ids");
    json_begin_array(&w);
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n > 0)
            json_put_string_n(&w, list, n);
        n_symbols += n > 0;
        list += n + (list[n] == ',');
    }
    json_end_array(&w);
    json_key(&w, "channels");
    json_begin_array(&w);
    json_put_string(&w, "ticker");
    json_put_string(&w, "heartbeat"); /* keeps a quiet market's connection alive */
    json_end_array(&w);
    json_end_object(&w);
    if (n_symbols == 0 || n_symbols > STREAM_SYMBOLS_MAX)
        return err_set(e, ERR_INVALID, "coinbase: 1 to %d symbols, as BTC-USD,ETH-USD", STREAM_SYMBOLS_MAX);
    return OK;
}

const struct stream_kind stream_coinbase = {
    .public = {.name = "coinbase",
               .about = "trades of a crypto exchange, a ticker for each",
               .url = "wss://ws-feed.exchange.coinbase.com",
               .columns =
                   "event_time BIGINT, dedup_id STRING, sequence BIGINT, product_id STRING, price STRING, "
                   "side STRING, time STRING, trade_id BIGINT, last_size STRING, best_bid STRING, best_ask STRING",
               .key = "product_id"},
    .shape = STREAM_WEBSOCKET,
    .read = read_coinbase,
    .subscribe = subscribe_to_tickers,
};

/* ---- USGS: earthquakes of the last hour, revised while they are studied ---- */

static void put_feature(struct json_writer *w, const struct json_value *feature)
{
    const struct json_value *p = json_get(feature, "properties");
    const struct json_value *at = json_get(json_get(feature, "geometry"), "coordinates");
    static const char *const places[] = {"longitude", "latitude", "depth_km"};
    json_begin_object(w);
    json_member_string(w, "id", json_get_string(feature, "id"));
    for (size_t i = 0; i < 3; i++) {
        double v = json_as_double(json_at(at, i), 1e300);
        json_key(w, places[i]);
        if (v < 1e300)
            json_put_double(w, v);
        else
            json_put_null(w);
    }
    json_key(w, "properties");
    struct buf text;
    buf_init(&text, TAG_PROCESS, STREAM_EVENT_MAX);
    json_dump(p, &text);
    json_put_raw(w, buf_text(&text));
    buf_fini(&text);
    json_end_object(w);
}

static enum err emit_feature(struct stream *s, const struct json_value *feature, struct error *e)
{
    const struct json_value *p = json_get(feature, "properties");
    const char              *id = json_get_string(feature, "id"), *net = json_get_string(p, "net");
    int64_t                  ms = json_get_int(p, "time", -1), updated = json_get_int(p, "updated", 0);
    struct json_writer       w;
    struct buf               value;
    char                     dedup[120];
    if (!id || ms < 0) {
        stream__unread(s, "a feature without id or properties.time");
        return OK;
    }
    snprintf(dedup, sizeof dedup, "%s-%" PRId64, id, updated); /* a revision is an event of its own */
    buf_init(&value, TAG_PROCESS, STREAM_EVENT_MAX);
    json_writer_init(&w, &value);
    put_feature(&w, feature);
    enum err rc = buf_check(&value, "an earthquake", e);
    if (rc == OK)
        rc = stream__emit(s, net ? net : id, ms, dedup, buf_text(&value), value.size, e);
    buf_fini(&value);
    return rc;
}

static enum err read_usgs(struct stream *s, const struct json_value *document, const char *text, size_t n,
                          struct error *e)
{
    const struct json_value *features = json_get(document, "features");
    (void)text;
    (void)n;
    if (!json_is_array(features)) {
        stream__unread(s, "no features");
        return OK;
    }
    for (size_t i = json_size(features); i-- > 0;) /* the newest stands first */
        TRY(emit_feature(s, json_at(features, i), e));
    return OK;
}

const struct stream_kind stream_usgs = {
    .public = {.name = "usgs",
               .about = "earthquakes worldwide, with their revisions",
               .url = "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_hour.geojson",
               .columns =
                   "event_time BIGINT, dedup_id STRING, id STRING, longitude DOUBLE, latitude DOUBLE, "
                   "depth_km DOUBLE, properties STRUCT<mag: DOUBLE, place: STRING, time: BIGINT, updated: BIGINT, "
                   "status: STRING, tsunami: INT, sig: INT, net: STRING, code: STRING, magType: STRING, "
                   "type: STRING, title: STRING>",
               .key = "properties.net"},
    .shape = STREAM_POLL,
    .read = read_usgs,
    .subscribe = subscribe_to_nothing,
};
