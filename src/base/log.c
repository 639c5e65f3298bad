/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static _Atomic int least_level = LOG_INFO;
static atomic_bool as_json;
static void (*_Atomic before_line)(void);

void log_setup(enum log_level least, bool json)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&as_json, json);
}

void log_set_before(void (*before)(void)) { atomic_store(&before_line, before); }

static void stamp(char out[32])
{
    int64_t   us = clock_wall_us();
    time_t    seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03dZ", (int)(us / 1000 % 1000));
}

/* Escapes for a terminal (text) or for a JSON string; both forms agree but for the quote. */
static size_t escape(char *out, size_t room, const char *text, bool json)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && n + 7 < room; p++) {
        if (*p < 0x20 || *p == 0x7f)
            n += (size_t)snprintf(out + n, room - n, "\\u%04x", *p);
        else if (json && (*p == '"' || *p == '\\'))
            n += (size_t)snprintf(out + n, room - n, "\\%c", *p);
        else
            out[n++] = (char)*p;
    }
    out[n] = 0;
    return n;
}

void log_line(enum log_level level, const char *room, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char                     text[1024], safe[2048], line[2304], at[32];
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool json = atomic_load_explicit(&as_json, memory_order_relaxed);
    stamp(at);
    escape(safe, sizeof safe, text, json);
    int n = json ? snprintf(line, sizeof line, "{\"ts\":\"%s\",\"level\":\"%s\",\"room\":\"%s\",\"msg\":\"%s\"}\n", at,
                            names[level], room, safe)
                 : snprintf(line, sizeof line, "%s %-5s %s: %s\n", at, names[level], room, safe);
    void (*before)(void) = atomic_load(&before_line);
    if (before)
        before();
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
        return; /* stderr is gone: nobody left to tell */
}
