/* SPDX-License-Identifier: MIT */
/* Any bytes are an event stream: no event over the limit, and the pieces they come in do not matter. */
#include "base/hash.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 3000

static enum err take(void *arg, const struct sse_event *event, struct error *e)
{
    uint64_t *sum = arg;
    (void)e;
    CHECK(event->n <= LIMIT + 1);
    *sum = hash_bytes(event->data, event->n, hash_bytes(event->id, strlen(event->id), *sum));
    *sum = hash_bytes(event->type, strlen(event->type), *sum);
    return OK;
}

static uint64_t run(const uint8_t *data, size_t size, size_t step, bool *whole)
{
    struct sse p;
    uint64_t   sum = 1;
    *whole = true;
    sse_init(&p, LIMIT);
    for (size_t at = 0; at < size && *whole; at += step)
        *whole = sse_feed(&p, data + at, size - at < step ? size - at : step, take, &sum, NULL) == OK;
    sse_fini(&p);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool     whole, pieces;
    uint64_t sum = run(data, size, size + 1, &whole), again = run(data, size, 3, &pieces);
    CHECK(!whole || !pieces || sum == again);
    return 0;
}
