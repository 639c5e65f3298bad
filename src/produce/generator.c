/* SPDX-License-Identifier: MIT */
/* The core: the table of templates, when a record happens, what is done to it; duplicates, tallies, pacing. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "produce/produce_priv.h"

#define LATE_MS 60000
#define STEP_NS_NO_RATE 1000000 /* 1 ms of event time per record */
#define DUPLICATE_DISTANCE 4    /* a duplicate follows within so many records */

static const struct {
    struct produce_template         shown;
    const struct source_of_records *source;
} templates[] = {
    {{"ad_events", "Yahoo Streaming Benchmark: views, clicks and purchases of ads",
      "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time BIGINT, "
      "ip_address STRING",
      "ad_id"},
     &source_ad_events},
    {{"clickstream", "requests to a web shop, in sessions",
      "event_time BIGINT, user_id INT, session_id STRING, ip STRING, method STRING, url STRING, status INT, bytes "
      "BIGINT, "
      "referrer STRING, agent STRING",
      "user_id"},
     &source_clickstream},
    {{"iot_sensors", "temperature, humidity and battery of devices in the field",
      "device_id STRING, event_time BIGINT, temperature DOUBLE, humidity DOUBLE, battery INT, "
      "location STRUCT<latitude: DOUBLE, longitude: DOUBLE>",
      "device_id"},
     &source_iot_sensors},
    {{"trades", "trades at a stock exchange; prices walk at random",
      "trade_id BIGINT, event_time BIGINT, symbol STRING, side STRING, quantity INT, price DOUBLE, account STRING",
      "symbol"},
     &source_trades},
};
#define N_TEMPLATES ((int)(sizeof templates / sizeof templates[0]))

const struct produce_template *produce_template_at(int i)
{
    return i >= 0 && i < N_TEMPLATES ? &templates[i].shown : NULL;
}

const struct produce_template *produce_template_find(const char *name, const char **near)
{
    const char *names[N_TEMPLATES];
    for (int i = 0; i < N_TEMPLATES; i++) {
        names[i] = templates[i].shown.name;
        if (strcmp(names[i], name) == 0)
            return &templates[i].shown;
    }
    if (near)
        *near = nearest_name(name, names, N_TEMPLATES);
    return NULL;
}

void produce_knobs_init(struct produce_knobs *k)
{
    *k = (struct produce_knobs){.seed = 1, .start_ms = -1, .late_ms = LATE_MS, .speed = 1};
}

/* ---- numbers ---- */

size_t put__number(uint8_t *out, int64_t v)
{
    char     text[24];
    size_t   n = 0, sign = v < 0;
    uint64_t u = sign ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        text[n++] = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (sign)
        out[0] = '-';
    for (size_t i = 0; i < n; i++)
        out[sign + i] = (uint8_t)text[n - 1 - i];
    return n + sign;
}

size_t put__hundredths(uint8_t *out, int64_t v)
{
    size_t   n = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    if (v < 0)
        out[n++] = '-';
    n += put__number(out + n, (int64_t)(u / 100));
    out[n++] = '.';
    out[n++] = (uint8_t)('0' + u / 10 % 10);
    if (u % 10)
        out[n++] = (uint8_t)('0' + u % 10);
    return n;
}

void put__uuid(struct random *r, uint8_t out[UUID_CHARS])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t          bits[2] = {random_next(r), random_next(r)};
    int               n = 0;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[n++] = '-';
        unsigned digit = bits[i / 16] >> (4 * (i % 16)) & 15;
        digit = i == 12 ? 4 : i == 16 ? 8 | (digit & 3) : digit;
        out[n++] = (uint8_t)hex[digit];
    }
}

/* ---- skew ---- */

/* Weights 1 / (rank + 1)^skew. */
static enum err make_alias(struct generator *g, uint32_t n, struct error *e)
{
    double   *p = arena_alloc(&g->arena, n * sizeof *p);
    uint32_t *small = arena_alloc(&g->arena, n * sizeof *small), *large = arena_alloc(&g->arena, n * sizeof *large);
    uint32_t  n_small = 0, n_large = 0;
    double    sum = 0;
    g->skew.threshold = arena_alloc(&g->arena, n * sizeof(uint32_t));
    g->skew.other = arena_zalloc(&g->arena, n * sizeof(uint32_t));
    if (!p || !small || !large || !g->skew.threshold || !g->skew.other)
        return err_set(e, ERR_NO_MEMORY, "no memory for the skew of %u entities", n);
    for (uint32_t i = 0; i < n; i++)
        sum += p[i] = exp2(-g->knobs.skew * log2((double)i + 1));
    for (uint32_t i = 0; i < n; i++) {
        p[i] = p[i] / sum * n;
        if (p[i] < 1)
            small[n_small++] = i;
        else
            large[n_large++] = i;
    }
    while (n_small > 0 && n_large > 0) {
        uint32_t s = small[--n_small], l = large[n_large - 1];
        g->skew.threshold[s] = (uint32_t)(p[s] * 4294967295.0);
        g->skew.other[s] = l;
        p[l] -= 1 - p[s];
        if (p[l] < 1) {
            n_large--;
            small[n_small++] = l;
        }
    }
    while (n_large > 0)
        g->skew.threshold[large[--n_large]] = UINT32_MAX;
    while (n_small > 0)
        g->skew.threshold[small[--n_small]] = UINT32_MAX;
    g->skew.n = n;
    return OK;
}

uint32_t pick__entity(struct generator *g)
{
    uint64_t bits = random_next(&g->content);
    uint32_t i = (uint32_t)((bits >> 32) * (uint32_t)g->knobs.n_entities >> 32);
    if (g->skew.n && (uint32_t)bits > g->skew.threshold[i])
        i = g->skew.other[i];
    return i;
}

/* ---- making one ---- */

static bool percent(double v) { return v >= 0 && v <= 100; }

static uint32_t threshold(double v) { return v >= 100 ? UINT32_MAX : (uint32_t)(v / 100 * 4294967296.0); }

static enum err check(const struct produce_knobs *k, struct error *e)
{
    if (k->rows < 0 || k->rate_per_s < 0 || k->speed < 0 || !isfinite(k->rate_per_s) || !isfinite(k->speed))
        return err_set(e, ERR_INVALID, "rows, rate and speed cannot be negative");
    if (!percent(k->late_percent) || !percent(k->duplicate_percent) || !percent(k->malformed_percent))
        return err_set(e, ERR_INVALID, "a percentage must be from 0 to 100");
    if (k->skew < 0 || k->skew > 10)
        return err_set(e, ERR_INVALID, "the skew must be from 0 (uniform) to 10");
    if (k->n_entities < 0 || k->n_entities > ENTITIES_MAX)
        return err_set(e, ERR_INVALID, "entities must be from 1 to %d", ENTITIES_MAX);
    if (k->late_ms < 1 || k->late_ms > UINT32_MAX - 1 || k->disorder_ms < 0 || k->disorder_ms > INT32_MAX)
        return err_set(e, ERR_INVALID, "late and disorder must be from 1 ms to 24 days");
    if (k->step_us < 0 || k->start_ms < -1 || k->n_partitions < 0)
        return err_set(e, ERR_INVALID, "start, step and partitions cannot be negative");
    return OK;
}

static enum err new_generator(const struct produce_knobs *k, const struct source_of_records *source,
                              struct generator **out, struct error *e)
{
    struct generator *g;
    TRY(check(k, e));
    g = mem_zalloc(TAG_PROCESS, sizeof *g);
    if (!g)
        return err_set(e, ERR_NO_MEMORY, "no memory for a generator");
    arena_init(&g->arena, TAG_PROCESS, (size_t)1 << 30);
    g->knobs = *k;
    g->source = source;
    uint64_t seed = k->seed;
    random_seed(&g->content, random_mix(&seed));
    random_seed(&g->fate, random_mix(&seed));
    g->late_of = threshold(k->late_percent);
    g->duplicate_of = threshold(k->duplicate_percent);
    g->malformed_of = threshold(k->malformed_percent);
    g->start_us = k->start_ms >= 0 ? k->start_ms * 1000 : clock_wall_us();
    g->step_ns = k->step_us ? k->step_us * 1000 : k->rate_per_s > 0 ? (int64_t)(1e9 / k->rate_per_s) : STEP_NS_NO_RATE;
    g->tally.first_event_ms = INT64_MAX;
    g->tally.last_event_ms = INT64_MIN;
    for (int i = 0; i < LATER_MAX; i++)
        if (!(g->later[i].bytes = arena_alloc(&g->arena, VALUE_MAX + KEY_MAX))) {
            generator_free(g);
            return err_set(e, ERR_NO_MEMORY, "no memory for a generator");
        }
    *out = g;
    return OK;
}

enum err generator_new(const char *name, const struct produce_knobs *k, struct generator **out, struct error *e)
{
    const char                     *near = NULL;
    const struct source_of_records *source = NULL;
    for (int i = 0; i < N_TEMPLATES; i++)
        if (strcmp(templates[i].shown.name, name) == 0)
            source = templates[i].source;
    if (!source) {
        produce_template_find(name, &near);
        return err_set(e, ERR_INVALID, "no template \"%.40s\"%s%s%s", name, near ? "; did you mean \"" : "",
                       near ? near : "", near ? "\"?" : "");
    }
    struct generator *g = NULL;
    TRY(new_generator(k, source, &g, e));
    if (g->knobs.n_entities == 0)
        g->knobs.n_entities = source->n_entities;
    enum err rc = source->prepare(g, e);
    if (rc == OK && k->skew > 0)
        rc = make_alias(g, (uint32_t)g->knobs.n_entities, e);
    if (rc != OK) {
        generator_free(g);
        return rc;
    }
    *out = g;
    return OK;
}

/* Used by replay.c too. */
enum err generator__bare(const struct produce_knobs *k, struct generator **out, struct error *e)
{
    return new_generator(k, NULL, out, e);
}

void generator_free(struct generator *g)
{
    if (!g)
        return;
    replay__free(g);
    arena_fini(&g->arena);
    mem_free(g);
}

/* ---- what happens to a record ---- */

static bool happens(struct generator *g, uint32_t of) { return of && (uint32_t)(random_next(&g->fate) >> 32) < of; }

static int64_t moved(struct generator *g, int64_t event_ms)
{
    if (g->knobs.disorder_ms > 0)
        event_ms += (int64_t)random_below(&g->fate, (uint32_t)(2 * g->knobs.disorder_ms + 1)) - g->knobs.disorder_ms;
    if (happens(g, g->late_of)) {
        event_ms -= 1 + random_below(&g->fate, (uint32_t)g->knobs.late_ms);
        g->tally.late++;
    }
    return event_ms;
}

/* The same bytes once more, up to DUPLICATE_DISTANCE records later. */
static void send_again(struct generator *g, const struct produce_record *r)
{
    if (g->n_later == LATER_MAX || !happens(g, g->duplicate_of))
        return;
    struct later *l = &g->later[g->n_later];
    l->record = *r;
    l->due = g->made + random_below(&g->fate, DUPLICATE_DISTANCE);
    if (r->value && !g->replay) /* the lines of a file stay */
        l->record.value = memcpy(l->bytes, r->value, r->value_bytes);
    if (r->key && !g->replay)
        l->record.key = memcpy(l->bytes + VALUE_MAX, r->key, r->key_bytes);
    g->n_later++;
}

/* True when a duplicate is due; its bytes are moved where no later one overwrites them. */
static bool take_later(struct generator *g, bool at_end, struct produce_record *out)
{
    for (int i = 0; i < g->n_later; i++)
        if (at_end || g->later[i].due <= g->made) {
            struct later taken = g->later[i];
            g->n_later--;
            g->later[i] = g->later[g->n_later];
            g->later[g->n_later] = taken; /* keeps its buffer, and it is not reused before the next call */
            *out = taken.record;
            g->tally.duplicates++;
            g->tally.records++;
            return true;
        }
    return false;
}

static void give_key(struct generator *g, struct produce_record *out)
{
    enum produce_key key = g->knobs.key;
    if (key == PRODUCE_KEY_DEFAULT)
        key = g->source->keyed ? PRODUCE_KEY_ENTITY : PRODUCE_KEY_NONE;
    if (key == PRODUCE_KEY_ENTITY) {
        out->key = g->key;
        out->key_bytes = (uint32_t)g->source->key(g, g->key);
    } else if (key == PRODUCE_KEY_RANDOM) {
        out->key = g->key;
        out->key_bytes = (uint32_t)put__number(g->key, (int64_t)(random_next(&g->fate) >> 32));
    }
}

static void note_time(struct generator *g, int64_t event_ms)
{
    if (event_ms < g->tally.first_event_ms)
        g->tally.first_event_ms = event_ms;
    if (event_ms > g->tally.last_event_ms)
        g->tally.last_event_ms = event_ms;
}

static void make(struct generator *g, struct produce_record *out)
{
    int64_t base_ms = g->knobs.live ? clock_wall_us() / 1000 : (g->start_us + g->made * g->step_ns / 1000) / 1000;
    int64_t event_ms = moved(g, base_ms);
    size_t  n = g->source->write(g, event_ms);
    bool    tombstone = false;
    *out = (struct produce_record){.timestamp_ms = base_ms, .partition = -1};
    give_key(g, out);
    if (happens(g, g->malformed_of)) {
        int kind = (int)(g->tally.malformed++ % PRODUCE_MALFORMED_KINDS);
        g->tally.malformed_by_kind[kind]++;
        n = malformed__make(g, n, kind, &tombstone);
    } else {
        note_time(g, event_ms);
    }
    out->value = tombstone ? NULL : g->value;
    out->value_bytes = (uint32_t)n;
    if (g->knobs.n_partitions > 0)
        out->partition = (int32_t)(g->made % g->knobs.n_partitions);
    if (g->knobs.rate_per_s > 0 && !g->knobs.live)
        out->due_us = (int64_t)((double)g->made * 1e6 / g->knobs.rate_per_s);
}

bool generator_next(struct generator *g, struct produce_record *out)
{
    bool at_end = g->knobs.rows > 0 && g->made >= g->knobs.rows;
    if (g->n_later > 0 && take_later(g, at_end, out))
        return true;
    if (at_end)
        return false;
    if (!g->replay)
        make(g, out);
    else if (!replay__next(g, out))
        return g->n_later > 0 && take_later(g, true, out);
    g->made++;
    g->tally.records++;
    send_again(g, out);
    return true;
}

int64_t generator_rows_expected(const struct generator *g)
{
    int64_t rows = g->replay ? replay__rows(g) : g->knobs.rows;
    return g->knobs.rows > 0 && g->knobs.rows < rows ? g->knobs.rows : rows;
}

void generator_tally(const struct generator *g, struct produce_tally *out) { *out = g->tally; }

/* ---- pacing ---- */

void pacer_start(struct pacer *p, double rate_per_s, int64_t now_us)
{
    *p = (struct pacer){.rate_per_s = rate_per_s, .start_us = now_us};
}

int64_t pacer_wait_us(const struct pacer *p, int64_t now_us)
{
    if (p->rate_per_s <= 0)
        return 0;
    int64_t due = p->start_us + (int64_t)((double)p->n * 1e6 / p->rate_per_s);
    return due > now_us ? due - now_us : 0;
}

void pacer_sent(struct pacer *p, int64_t n) { p->n += n; }

void pacer_restart(struct pacer *p, int64_t now_us)
{
    p->start_us = now_us;
    p->n = 0;
}
