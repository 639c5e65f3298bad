/* SPDX-License-Identifier: MIT */
#include "pipeline/samples.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/inbox.h" /* the lock of this house */

struct samples {
    struct side     base;
    struct side    *next;
    pthread_mutex_t lock;
    struct sample  *ring; /* made with the first one: most queries have none */
    int64_t         seen;
    int64_t         second, in_second; /* lane thread */
};

static void fill(struct sample *s, enum side_kind kind, const struct raw_batch *raw, const struct raw_record *r,
                 const char *reason, const char *detail)
{
    const uint8_t *from = r && r->value ? r->value : r ? r->key : NULL;
    uint32_t       n = r && r->value ? r->value_bytes : r ? r->key_bytes : 0;
    s->seen_ms = clock_wall_us() / 1000;
    snprintf(s->reason, sizeof s->reason, "%s", kind == SIDE_LATE ? "late" : reason ? reason : "rejected");
    snprintf(s->topic, sizeof s->topic, "%s", raw ? raw->topic : "");
    snprintf(s->detail, sizeof s->detail, "%s", detail ? detail : "");
    s->partition = raw ? raw->partition : -1;
    s->offset = r ? r->offset : -1;
    s->timestamp_ms = r ? r->timestamp_ms : -1;
    s->truncated = n > SAMPLE_PAYLOAD_MAX;
    s->payload_bytes = s->truncated ? SAMPLE_PAYLOAD_MAX : n;
    s->payload = from ? mem_alloc(TAG_WEB, s->payload_bytes + 1u) : NULL;
    if (s->payload && s->payload_bytes)
        memcpy(s->payload, from, s->payload_bytes);
}

static void keep(struct samples *s, enum side_kind kind, const struct raw_batch *raw, const struct raw_record *r,
                 const char *reason, const char *detail)
{
    struct sample fresh;
    fill(&fresh, kind, raw, r, reason, detail);
    pthread_mutex_lock(&s->lock);
    if (!s->ring)
        s->ring = mem_zalloc(TAG_WEB, SAMPLES_KEPT * sizeof *s->ring);
    fresh.number = s->seen;
    struct sample *slot = s->ring ? &s->ring[s->seen++ % SAMPLES_KEPT] : NULL;
    char          *old = slot ? slot->payload : fresh.payload;
    if (slot)
        *slot = fresh;
    pthread_mutex_unlock(&s->lock);
    mem_free(old);
}

static enum err row(struct side *base, enum side_kind kind, const struct raw_batch *raw, const struct raw_record *r,
                    const char *reason, const char *detail, struct error *e)
{
    struct samples *s = (struct samples *)base;
    int64_t         second = clock_mono_us() / 1000000;
    s->in_second = second == s->second ? s->in_second : 0;
    s->second = second;
    if (s->in_second++ < SAMPLES_PER_S)
        keep(s, kind, raw, r, reason, detail);
    return s->next->ops->row(s->next, kind, raw, r, reason, detail, e);
}

static const struct side_ops ops = {.row = row};

enum err samples_new(struct samples **out, struct error *e)
{
    struct samples *s = mem_zalloc(TAG_WEB, sizeof *s);
    *out = s;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "error samples");
    s->base.ops = &ops;
    pthread_mutex_init(&s->lock, NULL);
    return OK;
}

void samples_free(struct samples *s)
{
    if (!s)
        return;
    for (int i = 0; s->ring && i < SAMPLES_KEPT; i++)
        mem_free(s->ring[i].payload);
    mem_free(s->ring);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

struct side *samples_side(struct samples *s, struct side *next)
{
    s->next = next;
    return &s->base;
}

int64_t samples_seen(struct samples *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t seen = s->seen;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

void samples_each(struct samples *s, int64_t from, void (*each)(void *arg, const struct sample *), void *arg)
{
    pthread_mutex_lock(&s->lock);
    int64_t first = s->seen > SAMPLES_KEPT ? s->seen - SAMPLES_KEPT : 0;
    for (int64_t i = first > from ? first : from; s->ring && i < s->seen; i++)
        each(arg, &s->ring[i % SAMPLES_KEPT]);
    pthread_mutex_unlock(&s->lock);
}
