/* SPDX-License-Identifier: MIT */
/*
 * Broken records, made from a good one of our own layout: {"name": value, ...} without escapes, event_time as a
 * number or as digits in quotes.
 */
#include <string.h>

#include "produce/produce_priv.h"

#define DEPTH 150

static const char *const kinds[PRODUCE_MALFORMED_KINDS] = {
    "truncated",     /* the document ends in the middle */
    "wrong_types",   /* texts where numbers belong and the other way round */
    "invalid_utf8",  /* bytes that are no UTF-8 inside a text */
    "huge_number",   /* event_time of 20 digits, or 1e400, in turn */
    "deep",          /* 150 arrays in each other as event_time */
    "duplicate_key", /* event_time twice; the last one is right */
    "empty",         /* no byte */
    "null",          /* no value at all: a tombstone */
    "no_json",       /* a line of a log file */
};

const char *produce_malformed_kind(int i) { return i >= 0 && i < PRODUCE_MALFORMED_KINDS ? kinds[i] : NULL; }

/* Where the value of event_time begins and how long it is. */
static uint8_t *event_time(struct generator *g, size_t n, size_t *length)
{
    static const char name[] = "\"event_time\": ";
    uint8_t          *at = memmem(g->value, n, name, sizeof name - 1);
    CHECK(at); /* every template has one */
    at += sizeof name - 1;
    size_t left = n - (size_t)(at - g->value), k = 0;
    while (k < left && at[k] != ',' && at[k] != '}')
        k++;
    *length = k;
    return at;
}

static size_t replace_time(struct generator *g, size_t n, const char *text, size_t text_bytes)
{
    size_t   length;
    uint8_t *at = event_time(g, n, &length), *after = at + length;
    memmove(at + text_bytes, after, n - (size_t)(after - g->value));
    memcpy(at, text, text_bytes);
    return n - length + text_bytes;
}

/* "text" becomes 12345, a number becomes "many". */
static size_t swap_types(struct generator *g, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        uint8_t c = g->value[i];
        bool    value = i >= 2 && g->value[i - 1] == ' ' && g->value[i - 2] == ':';
        if (!value || c == '{') {
            g->scratch[out++] = c;
            i++;
            continue;
        }
        const char *with = c == '"' ? "12345" : "\"many\"";
        i++;
        while (i < n && (c == '"' ? g->value[i] != '"' : g->value[i] != ',' && g->value[i] != '}'))
            i++;
        i += c == '"';
        memcpy(g->scratch + out, with, strlen(with));
        out += strlen(with);
    }
    memcpy(g->value, g->scratch, out);
    return out;
}

/* A lone continuation byte and an overlong slash in the first text that is long enough. */
static size_t break_utf8(struct generator *g, size_t n)
{
    for (size_t i = 2; i + 5 < n; i++)
        if (g->value[i] == '"' && g->value[i - 1] == ' ' && !memchr(g->value + i + 1, '"', 4)) {
            g->value[i + 1] = 0xBF;
            g->value[i + 3] = 0xC0;
            g->value[i + 4] = 0xAF;
            return n;
        }
    return n;
}

static size_t twice(struct generator *g, size_t n)
{
    size_t         length;
    const uint8_t *at = event_time(g, n, &length);
    char           text[128] = "0, \"event_time\": ";
    size_t         k = strlen(text);
    if (k + length > sizeof text)
        return n;
    memcpy(text + k, at, length);
    return replace_time(g, n, text, k + length);
}

size_t malformed__make(struct generator *g, size_t n, int kind, bool *tombstone)
{
    static const char line[] = "2024-01-02 03:04:05 WARN disk almost full: 97%";
    char              deep[2 * DEPTH];
    switch (kind) {
    case 0:
        return n * 2 / 3;
    case 1:
        return swap_types(g, n);
    case 2:
        return break_utf8(g, n);
    case 3:
        return g->tally.malformed / PRODUCE_MALFORMED_KINDS % 2 ? replace_time(g, n, "1e400", 5)
                                                                : replace_time(g, n, "99999999999999999999", 20);
    case 4:
        memset(deep, '[', DEPTH);
        memset(deep + DEPTH, ']', DEPTH);
        return replace_time(g, n, deep, sizeof deep);
    case 5:
        return twice(g, n);
    case 6:
        return 0;
    case 7:
        *tombstone = true;
        return 0;
    default:
        memcpy(g->value, line, sizeof line - 1);
        return sizeof line - 1;
    }
}
