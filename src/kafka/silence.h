/* SPDX-License-Identifier: MIT */
/*
 * kafka/silence: a broker that takes connections and answers nothing: stopped, or frozen with its disk.
 *
 * The client waits for half a minute before it says anything. Its statistics show it sooner: requests are under way
 * and nothing comes in. Pure; the caller has the lock.
 */
#ifndef KAFKA_SILENCE_H
#define KAFKA_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct silence {
    int64_t patience_us; /* who owes an answer for so long is silent; 0: not looked at */
    int64_t since_us;    /* monotonic: when the last answer came; 0: nobody is silent */
    int     n_gone;      /* looks in a row at which it was not even connected */
    char    broker[120]; /* host:port */
};

enum silence_news { SILENCE_AS_BEFORE, SILENCE_BEGAN, SILENCE_ENDED, SILENCE_AWAY /* it has no connection any more */ };

/* Reads the statistics of librdkafka, a terminated text of n bytes. True: some broker is connected and answers. */
bool silence_hear(struct silence *s, const char *json, size_t n, int64_t now_us, enum silence_news *news);
/* "broker h:9092 is connected but has not answered for 12 s". */
void silence_text(const char *broker, int64_t since_us, char out[200]);

#endif
