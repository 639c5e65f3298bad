/* SPDX-License-Identifier: MIT */
/* The four templates. Values are written by hand, front to back: this is the hot path of every benchmark. */
#include <stdio.h>
#include <string.h>

#include "produce/produce_priv.h"

static inline uint8_t *put(uint8_t *out, const void *bytes, size_t n)
{
    memcpy(out, bytes, n);
    return out + n;
}
#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static inline uint8_t *put_text(uint8_t *out, const char *text) { return put(out, text, strlen(text)); }

static inline uint8_t *put_number(uint8_t *out, int64_t v) { return out + put__number(out, v); }

/* ---- ad_events: Yahoo Streaming Benchmark ---- */

#define AD_USERS 100
#define AD_PAGES 100
#define ADS_PER_CAMPAIGN 10

struct ads {
    uint8_t (*users)[UUID_CHARS], (*pages)[UUID_CHARS], (*ads)[UUID_CHARS];
    int64_t time_base; /* event times share their first digits: milliseconds / 10^6, ... */
    uint8_t time_text[24];
    size_t  time_digits;
};

static void fill_uuids(struct random *r, uint8_t (*out)[UUID_CHARS], int n)
{
    for (int i = 0; i < n; i++)
        put__uuid(r, out[i]);
}

static enum err ads_prepare(struct generator *g, struct error *e)
{
    struct ads *d = arena_zalloc(&g->arena, sizeof *d);
    int         n = g->knobs.n_entities;
    if (d) {
        d->users = arena_alloc(&g->arena, AD_USERS * sizeof *d->users);
        d->pages = arena_alloc(&g->arena, AD_PAGES * sizeof *d->pages);
        d->ads = arena_alloc(&g->arena, (size_t)n * sizeof *d->ads);
    }
    if (!d || !d->users || !d->pages || !d->ads)
        return err_set(e, ERR_NO_MEMORY, "no memory for %d ads", n);
    struct random ids;
    random_seed(&ids, g->knobs.seed ^ 0x616473); /* as produce_ads_table */
    fill_uuids(&ids, d->ads, n);
    fill_uuids(&ids, d->users, AD_USERS);
    fill_uuids(&ids, d->pages, AD_PAGES);
    g->data = d;
    return OK;
}

/* Of 1.7e12 the last four digits change from record to record: the rest is kept as text. */
static uint8_t *put_time(struct ads *d, uint8_t *out, int64_t ms)
{
    int64_t high = ms / 10000, low = ms % 10000;
    if (ms < 100000)
        return put_number(out, ms);
    if (high != d->time_base) {
        d->time_base = high;
        d->time_digits = put__number(d->time_text, high);
    }
    memcpy(out, d->time_text, sizeof d->time_text);
    out += d->time_digits;
    out[0] = (uint8_t)('0' + low / 1000);
    out[1] = (uint8_t)('0' + low / 100 % 10);
    out[2] = (uint8_t)('0' + low / 10 % 10);
    out[3] = (uint8_t)('0' + low % 10);
    return out + 4;
}

static uint8_t *put_octet(uint8_t *out, unsigned v)
{
    if (v >= 100)
        *out++ = (uint8_t)('0' + v / 100);
    if (v >= 10)
        *out++ = (uint8_t)('0' + v / 10 % 10);
    *out++ = (uint8_t)('0' + v % 10);
    return out;
}

static uint8_t *put_ip(uint8_t *out, uint32_t bits)
{
    for (int i = 24; i >= 0; i -= 8) {
        out = put_octet(out, bits >> i & 255);
        if (i)
            *out++ = '.';
    }
    return out;
}

static size_t ads_write(struct generator *g, int64_t event_ms)
{
    static const struct {
        uint8_t size;
        char    text[23];
    } types[] = {{6, "banner"}, {5, "modal"}, {16, "sponsored-search"}, {4, "mail"}, {6, "mobile"}},
      events[] = {{4, "view"}, {5, "click"}, {8, "purchase"}};
    struct ads *d = g->data;
    uint8_t    *out = g->value;
    uint64_t    bits = random_next(&g->content);
    uint32_t    type = (uint32_t)((bits & 0xffff) * 5 >> 16), event = (uint32_t)((bits >> 16 & 0xffff) * 3 >> 16);
    g->entity = pick__entity(g);
    out = PUT(out, "{\"user_id\": \"");
    out = put(out, d->users[(bits >> 32 & 0xffff) * AD_USERS >> 16], UUID_CHARS);
    out = PUT(out, "\", \"page_id\": \"");
    out = put(out, d->pages[(bits >> 48) * AD_PAGES >> 16], UUID_CHARS);
    out = PUT(out, "\", \"ad_id\": \"");
    out = put(out, d->ads[g->entity], UUID_CHARS);
    out = PUT(out, "\", \"ad_type\": \"");
    memcpy(out, types[type].text, 16);
    out += types[type].size;
    out = PUT(out, "\", \"event_type\": \"");
    memcpy(out, events[event].text, 8);
    out += events[event].size;
    out = PUT(out, "\", \"event_time\": ");
    if (g->knobs.time_as_text)
        *out++ = '"';
    out = put_time(d, out, event_ms);
    if (g->knobs.time_as_text)
        *out++ = '"';
    out = PUT(out, ", \"ip_address\": \"1.2.3.4\"}"); /* as the original */
    return (size_t)(out - g->value);
}

static size_t ads_key(struct generator *g, uint8_t *out)
{
    const struct ads *d = g->data;
    memcpy(out, d->ads[g->entity], UUID_CHARS);
    return UUID_CHARS;
}

const struct source_of_records source_ad_events = {ads_write, ads_key, ads_prepare, 1000, false};

void produce_ads_table(const struct produce_knobs *k, bool csv, struct buf *out)
{
    int           n = k->n_entities > 0 ? k->n_entities : source_ad_events.n_entities;
    struct random ids, campaigns;
    uint8_t       ad[UUID_CHARS], campaign[UUID_CHARS];
    random_seed(&ids, k->seed ^ 0x616473);
    random_seed(&campaigns, k->seed ^ 0x63616d70);
    if (csv)
        buf_puts(out, "ad_id,campaign_id\n");
    for (int i = 0; i < n; i++) {
        put__uuid(&ids, ad);
        if (i % ADS_PER_CAMPAIGN == 0)
            put__uuid(&campaigns, campaign);
        if (csv)
            buf_printf(out, "%.36s,%.36s\n", (const char *)ad, (const char *)campaign);
        else
            buf_printf(out, "{\"ad_id\": \"%.36s\", \"campaign_id\": \"%.36s\"}\n", (const char *)ad,
                       (const char *)campaign);
    }
}

/* ---- clickstream ---- */

#define CLICK_USERS 5000

struct clicks {
    uint32_t *session; /* of each user: number of its session, and its clicks so far in the low bits */
};

static enum err clicks_prepare(struct generator *g, struct error *e)
{
    struct clicks *d = arena_alloc(&g->arena, sizeof *d);
    if (d)
        d->session = arena_zalloc(&g->arena, (size_t)g->knobs.n_entities * sizeof *d->session);
    if (!d || !d->session)
        return err_set(e, ERR_NO_MEMORY, "no memory for %d users", g->knobs.n_entities);
    g->data = d;
    return OK;
}

static size_t clicks_write(struct generator *g, int64_t event_ms)
{
    static const char *const urls[] = {"/",         "/search",  "/product/", "/cart",
                                       "/checkout", "/account", "/help",     "/product/"};
    static const char *const agents[] = {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
                                         "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)",
                                         "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0",
                                         "curl/8.5.0"};
    static const int statuses[] = {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 302, 304, 304, 404, 404, 500};
    struct clicks   *d = g->data;
    uint8_t         *out = g->value;
    uint64_t         bits = random_next(&g->content);
    uint32_t         url = bits & 7;
    g->entity = pick__entity(g);
    if ((bits >> 8 & 15) == 0)
        d->session[g->entity]++; /* a session has 16 clicks on average */
    out = PUT(out, "{\"event_time\": ");
    out = put_number(out, event_ms);
    out = PUT(out, ", \"user_id\": ");
    out = put_number(out, g->entity + 1);
    out = PUT(out, ", \"session_id\": \"u");
    out = put_number(out, g->entity + 1);
    out = PUT(out, "-s");
    out = put_number(out, d->session[g->entity] + 1);
    out = PUT(out, "\", \"ip\": \"");
    out = put_ip(out, (uint32_t)(0x0a000000 | g->entity));
    out = (bits >> 12 & 15) ? PUT(out, "\", \"method\": \"GET\", \"url\": \"")
                            : PUT(out, "\", \"method\": \"POST\", \"url\": \"");
    out = put_text(out, urls[url]);
    if (url == 2 || url == 7)
        out = put_number(out, (int64_t)(bits >> 16 & 1023));
    out = PUT(out, "\", \"status\": ");
    out = put_number(out, statuses[bits >> 28 & 15]);
    out = PUT(out, ", \"bytes\": ");
    out = put_number(out, (int64_t)(200 + (bits >> 32 & 0x7fff)));
    out = (bits >> 50 & 1) ? PUT(out, ", \"referrer\": \"https://shop.example/\", \"agent\": \"")
                           : PUT(out, ", \"referrer\": null, \"agent\": \"");
    out = put_text(out, agents[bits >> 52 & 3]);
    out = PUT(out, "\"}");
    return (size_t)(out - g->value);
}

static size_t number_key(struct generator *g, uint8_t *out) { return put__number(out, g->entity + 1); }

const struct source_of_records source_clickstream = {clicks_write, number_key, clicks_prepare, CLICK_USERS, true};

/* ---- iot_sensors ---- */

#define DEVICES 1000

struct sensor {
    int16_t  temperature, humidity; /* hundredths, tenths * 10 */
    int16_t  latitude, longitude;   /* hundredths of a degree */
    uint16_t battery;               /* hundredths of a percent */
};

static enum err sensors_prepare(struct generator *g, struct error *e)
{
    struct sensor *d = arena_alloc(&g->arena, (size_t)g->knobs.n_entities * sizeof *d);
    struct random  r;
    if (!d)
        return err_set(e, ERR_NO_MEMORY, "no memory for %d devices", g->knobs.n_entities);
    random_seed(&r, g->knobs.seed ^ 0x696f74);
    for (int i = 0; i < g->knobs.n_entities; i++)
        d[i] = (struct sensor){(int16_t)(1500 + random_below(&r, 1000)), (int16_t)(3000 + random_below(&r, 4000)),
                               (int16_t)(4700 + random_below(&r, 800)), (int16_t)(600 + random_below(&r, 900)),
                               (uint16_t)(5000 + random_below(&r, 5001))};
    g->data = d;
    return OK;
}

static int16_t walk(int v, int step, int least, int most)
{
    v += step;
    return (int16_t)(v < least ? least : v > most ? most : v);
}

static size_t device_name(uint32_t entity, uint8_t *out)
{
    uint8_t *to = PUT(out, "sensor-");
    for (uint32_t unit = 100000; unit > 0; unit /= 10)
        *to++ = (uint8_t)('0' + (entity + 1) / unit % 10);
    return (size_t)(to - out);
}

static size_t sensors_write(struct generator *g, int64_t event_ms)
{
    struct sensor *d;
    uint8_t       *out = g->value;
    uint64_t       bits = random_next(&g->content);
    g->entity = pick__entity(g);
    d = (struct sensor *)g->data + g->entity;
    d->temperature = walk(d->temperature, (int)(bits & 63) - 31 - ((bits & 63) == 63), -2000, 6000);
    d->humidity = walk(d->humidity, (int)(bits >> 8 & 127) - 63 - ((bits >> 8 & 127) == 127), 500, 9900);
    if ((bits >> 16 & 7) == 0)
        d->battery = d->battery > 100 ? (uint16_t)(d->battery - 1) : 10000; /* somebody changes it */
    out = PUT(out, "{\"device_id\": \"");
    out += device_name(g->entity, out);
    out = PUT(out, "\", \"event_time\": ");
    out = put_number(out, event_ms);
    out = PUT(out, ", \"temperature\": ");
    out += put__hundredths(out, d->temperature);
    out = PUT(out, ", \"humidity\": ");
    out += put__hundredths(out, d->humidity);
    out = PUT(out, ", \"battery\": ");
    out = put_number(out, d->battery / 100);
    out = PUT(out, ", \"location\": {\"latitude\": ");
    out += put__hundredths(out, d->latitude);
    out = PUT(out, ", \"longitude\": ");
    out += put__hundredths(out, d->longitude);
    out = PUT(out, "}}");
    return (size_t)(out - g->value);
}

static size_t sensors_key(struct generator *g, uint8_t *out) { return device_name(g->entity, out); }

const struct source_of_records source_iot_sensors = {sensors_write, sensors_key, sensors_prepare, DEVICES, true};

/* ---- trades ---- */

#define SYMBOLS 500

static enum err trades_prepare(struct generator *g, struct error *e)
{
    int32_t      *cents = arena_alloc(&g->arena, (size_t)g->knobs.n_entities * sizeof *cents);
    struct random r;
    if (!cents)
        return err_set(e, ERR_NO_MEMORY, "no memory for %d symbols", g->knobs.n_entities);
    random_seed(&r, g->knobs.seed ^ 0x74726164);
    for (int i = 0; i < g->knobs.n_entities; i++)
        cents[i] = (int32_t)(500 + random_below(&r, 50000));
    g->data = cents;
    return OK;
}

/* Base 26, at least three letters: AAA, AAB, ... */
static size_t symbol_name(uint32_t entity, uint8_t *out)
{
    size_t n = 0;
    char   text[8];
    do {
        text[n++] = (char)('A' + entity % 26);
        entity /= 26;
    } while (entity > 0 || n < 3);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)text[n - 1 - i];
    return n;
}

static size_t trades_write(struct generator *g, int64_t event_ms)
{
    static const char *const accounts[] = {"ABC123", "LMN456", "XYZ789", "QRS012"};
    int32_t                 *cents = g->data;
    uint8_t                 *out = g->value;
    uint64_t                 bits = random_next(&g->content);
    g->entity = pick__entity(g);
    int32_t price = cents[g->entity] + (int32_t)(bits & 31) - 15 - ((bits & 31) == 31);
    cents[g->entity] = price = price < 100 ? 100 : price > 100000000 ? 100000000 : price;
    out = PUT(out, "{\"trade_id\": ");
    out = put_number(out, g->made + 1);
    out = PUT(out, ", \"event_time\": ");
    out = put_number(out, event_ms);
    out = PUT(out, ", \"symbol\": \"");
    out += symbol_name(g->entity, out);
    out = (bits >> 8 & 1) ? PUT(out, "\", \"side\": \"BUY\", \"quantity\": ")
                          : PUT(out, "\", \"side\": \"SELL\", \"quantity\": ");
    out = put_number(out, (int64_t)(1 + (bits >> 16 & 0xffff) * 5000 / 65536));
    out = PUT(out, ", \"price\": ");
    out += put__hundredths(out, price);
    out = PUT(out, ", \"account\": \"");
    out = put_text(out, accounts[bits >> 40 & 3]);
    out = PUT(out, "\"}");
    return (size_t)(out - g->value);
}

static size_t trades_key(struct generator *g, uint8_t *out) { return symbol_name(g->entity, out); }

const struct source_of_records source_trades = {trades_write, trades_key, trades_prepare, SYMBOLS, true};
