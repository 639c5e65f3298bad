/* SPDX-License-Identifier: MIT */
#include "kafka/silence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define GONE_LOOKS 3 /* without a connection so often: it is away, not silent */

/* What the statistics tell of one broker. */
struct broker {
    const char *name; /* host:port */
    size_t      name_n;
    bool        logical; /* a second connection to one of the others */
    bool        up, connected, leads;
    int64_t     waiting, quiet_us; /* requests without an answer; since something came in, -1 nothing yet */
};

static const char *value_of(const char *from, const char *end, const char *key)
{
    const char *at = memmem(from, (size_t)(end - from), key, strlen(key));
    return at ? at + strlen(key) : NULL;
}

static bool is(const char *value, const char *text) { return value && strncmp(value, text, strlen(text)) == 0; }

/* Librdkafka writes the members of a broker in one order, "nodename" among the first. NULL: there is no more. */
static const char *next_broker(const char *at, const char *end, struct broker *b)
{
    static const char *const without[] = {"INIT", "DOWN", "TRY_CONNECT", "CONNECT"};
    at = value_of(at, end, "\"nodename\":\"");
    if (!at)
        return NULL;
    const char *next = value_of(at, end, "\"nodename\":\""), *last = next ? next : end,
               *quote = memchr(at, '"', (size_t)(last - at));
    const char *state = value_of(at, last, "\"state\":\""), *waiting = value_of(at, last, "\"waitresp_cnt\":");
    const char *idle = value_of(at, last, "\"rxidle\":"), *parts = value_of(at, last, "\"toppars\":{");
    *b = (struct broker){.name = at,
                         .name_n = quote ? (size_t)(quote - at) : 0,
                         .logical = is(value_of(at, last, "\"source\":\""), "logical"),
                         .up = is(state, "UP\""),
                         .connected = state != NULL,
                         .leads = parts && parts[strspn(parts, " ")] != '}',
                         .waiting = waiting ? strtoll(waiting, NULL, 10) : 0,
                         .quiet_us = idle ? strtoll(idle, NULL, 10) : -1};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        b->connected = b->connected && !is(state, without[i]);
    return at;
}

static bool is_silent(const struct silence *s, const struct broker *b)
{
    return s->patience_us && b->up && b->waiting > 0 && b->quiet_us > s->patience_us && b->name_n < sizeof s->broker;
}

/* The one that was silent: is it still, without a word since? */
static bool stays_silent(struct silence *s, const struct broker *b)
{
    if (b->up || !b->leads)
        return is_silent(s, b);
    s->n_gone = b->connected ? 0 : s->n_gone + 1;
    return s->n_gone < GONE_LOOKS;
}

bool silence_hear(struct silence *s, const char *json, size_t n, int64_t now_us, enum silence_news *news)
{
    const char   *at = json, *end = value_of(json, json + n, "\"topics\":{");
    bool          stays = false, up = false;
    struct broker b, silent = {.name = NULL};
    end = end ? end : json + n;
    while ((at = next_broker(at, end, &b))) {
        if (b.logical)
            continue;
        if (s->since_us && strlen(s->broker) == b.name_n && memcmp(s->broker, b.name, b.name_n) == 0)
            stays = stays || stays_silent(s, &b);
        silent = !silent.name && is_silent(s, &b) ? b : silent;
        up = up || (b.up && !is_silent(s, &b));
    }
    *news = !s->since_us || stays ? SILENCE_AS_BEFORE : s->n_gone < GONE_LOOKS ? SILENCE_ENDED : SILENCE_AWAY;
    if (!stays)
        s->since_us = 0;
    if (!stays && silent.name) {
        memcpy(s->broker, silent.name, silent.name_n);
        s->broker[silent.name_n] = 0;
        s->since_us = now_us - silent.quiet_us;
        s->n_gone = 0;
        *news = SILENCE_BEGAN;
    }
    return up;
}

void silence_text(const char *broker, int64_t since_us, char out[200])
{
    snprintf(out, 200, "broker %.120s is connected but has not answered for %" PRId64 " s", broker,
             (clock_mono_us() - since_us) / 1000000);
}
