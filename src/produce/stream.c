/* SPDX-License-Identifier: MIT */
#include "produce/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "produce/stream_priv.h"
#include "json/write.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS 30000
#define SLEEP_MS 50
#define SLOTS (2 * STREAM_SEEN) /* of the set: half empty */

static const struct stream_kind *const kinds[] = {&stream_wikimedia, &stream_coinbase, &stream_usgs};
#define N_KINDS ((int)(sizeof kinds / sizeof kinds[0]))

const struct stream_preset *stream_preset_at(int i) { return i < N_KINDS ? &kinds[i]->public : NULL; }

static const struct stream_kind *find_kind(const char *name)
{
    for (int i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i]->public.name, name) == 0)
            return kinds[i];
    return NULL;
}

const struct stream_preset *stream_preset_find(const char *name)
{
    const struct stream_kind *kind = find_kind(name);
    return kind ? &kind->public : NULL;
}

/* ---- what came before ---- */

static uint32_t slot_of(const struct stream *s, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash % SLOTS);
    while (s->seen[at] && s->seen[at] != hash)
        at = (at + 1) % SLOTS;
    return at;
}

/* Linear probing: what follows the hole moves up when it may. */
static void forget(struct stream *s, uint64_t hash)
{
    uint32_t hole = slot_of(s, hash);
    s->seen[hole] = 0;
    for (uint32_t at = (hole + 1) % SLOTS; s->seen[at]; at = (at + 1) % SLOTS) {
        uint64_t moved = s->seen[at];
        s->seen[at] = 0;
        s->seen[slot_of(s, moved)] = moved;
    }
}

static bool came_before(struct stream *s, const char *dedup_id)
{
    uint64_t hash = hash_bytes(dedup_id, strlen(dedup_id), 1) | 1; /* 0 is an empty slot */
    uint32_t at = slot_of(s, hash);
    if (s->seen[at])
        return true;
    if (s->n_seen == STREAM_SEEN) {
        forget(s, s->order[s->next_seen]);
        at = slot_of(s, hash);
    } else {
        s->n_seen++;
    }
    s->seen[at] = hash;
    s->order[s->next_seen] = hash;
    s->next_seen = (s->next_seen + 1) % STREAM_SEEN;
    return false;
}

/* ---- records ---- */

bool stream__idle(void *stream)
{
    struct stream *s = stream;
    s->stopped = s->stopped || !s->sink->idle(s->sink->arg);
    return !s->stopped;
}

bool stream__sleep(struct stream *s, int64_t ms)
{
    int64_t until = clock_mono_us() + ms * 1000;
    while (stream__idle(s) && clock_mono_us() < until)
        nanosleep(&(struct timespec){.tv_nsec = SLEEP_MS * 1000000}, NULL);
    return !s->stopped;
}

void stream__unread(struct stream *s, const char *why)
{
    if (s->tally->unread++ == 0)
        log_warn("produce", "%s: an event is not understood: %s", s->kind->public.name, why);
}

enum err stream__emit(struct stream *s, const char *key, int64_t event_ms, const char *dedup_id, const char *object,
                      size_t n, struct error *e)
{
    struct json_writer w;
    s->heard = true;
    s->tally->failures = 0;
    s->tally->last_error[0] = 0;
    if (s->stopped)
        return err_set(e, ERR_CANCELLED, "asked to stop");
    if (came_before(s, dedup_id)) {
        s->tally->repeated++;
        return OK;
    }
    buf_clear(&s->value);
    json_writer_init(&w, &s->value);
    json_begin_object(&w);
    json_member_int(&w, "event_time", event_ms);
    json_member_string(&w, "dedup_id", dedup_id);
    size_t skip = 1;
    while (skip < n && strchr(" \t\r\n", object[skip]))
        skip++;
    buf_puts(&s->value, object[skip] == '}' ? "" : ",");
    buf_put(&s->value, object + skip, n - skip);
    TRY(buf_check(&s->value, "an event", e));
    struct produce_record r = {.key = key,
                               .key_bytes = (uint32_t)strlen(key),
                               .value = s->value.data,
                               .value_bytes = (uint32_t)s->value.size,
                               .partition = -1,
                               .timestamp_ms = event_ms};
    enum err              rc;
    while ((rc = s->sink->record(s->sink->arg, &r, e)) == ERR_BUSY)
        if (!stream__sleep(s, 1))
            return err_set(e, ERR_CANCELLED, "asked to stop");
    TRY(rc);
    if (++s->tally->records == s->spec->rows) {
        s->stopped = true;
        return err_set(e, ERR_CANCELLED, "all rows are sent");
    }
    return OK;
}

enum err stream__read(struct stream *s, const char *text, size_t n, struct error *e)
{
    struct json_value *event = NULL;
    struct error       why = {0};
    if (json_doc_parse(text, n, &event, &why) != OK || !json_is_object(event)) {
        stream__unread(s, why.text[0] ? why.text : "no object");
        json_doc_free(event);
        return OK;
    }
    while (n > 0 && strchr(" \t\r\n", *text)) {
        text++;
        n--;
    }
    enum err rc = s->kind->read(s, event, text, n, e);
    json_doc_free(event);
    return rc;
}

/* ---- the run ---- */

/* Between half of it and all of it, so that many clients do not come back at once. */
static int64_t backoff_ms(struct stream *s)
{
    int64_t most = BACKOFF_FIRST_MS;
    for (int64_t i = 1; i < s->tally->failures && most < BACKOFF_MOST_MS; i++)
        most *= 2;
    most = most < BACKOFF_MOST_MS ? most : BACKOFF_MOST_MS;
    int64_t ms = most / 2 + random_below(&s->jitter, (uint32_t)(most / 2));
    return ms > s->wait_ms ? ms : s->wait_ms;
}

static bool no_retry_cures(enum err rc) { return rc != OK && rc != ERR_UNAVAILABLE && rc != ERR_IO && rc != ERR_LIMIT; }

static enum err run(struct stream *s, struct error *e)
{
    static enum err (*const connect[])(struct stream *, struct error *) = {stream__sse, stream__websocket,
                                                                           stream__poll};
    while (stream__idle(s)) {
        s->heard = false;
        s->wait_ms = 0;
        enum err rc = connect[s->kind->shape](s, e);
        if (s->stopped)
            return OK;
        if (no_retry_cures(rc))
            return rc;
        s->tally->failures++;
        snprintf(s->tally->last_error, sizeof s->tally->last_error, "%s",
                 rc == OK ? "the server ended the connection" : e->text);
        int64_t ms = backoff_ms(s);
        log_info("produce", "%s: %s; again in %" PRId64 " ms", s->kind->public.name, s->tally->last_error, ms);
        stream__sleep(s, ms);
    }
    return OK;
}

enum err stream_run(const struct stream_spec *spec, const struct stream_sink *sink, struct stream_tally *tally,
                    struct error *e)
{
    struct error   own = {0};
    struct stream *s = mem_zalloc(TAG_PROCESS, sizeof *s);
    enum err       rc = OK;
    e = e ? e : &own;
    *tally = (struct stream_tally){0};
    if (s) {
        s->seen = mem_zalloc(TAG_PROCESS, SLOTS * sizeof *s->seen);
        s->order = mem_zalloc(TAG_PROCESS, STREAM_SEEN * sizeof *s->order);
    }
    if (!s || !s->seen || !s->order)
        rc = err_set(e, ERR_NO_MEMORY, "stream %s", spec->preset);
    if (rc == OK && !(s->kind = find_kind(spec->preset)))
        rc = err_set(e, ERR_INVALID, "no stream %s; there are wikimedia, coinbase and usgs", spec->preset);
    if (rc == OK) {
        s->spec = spec;
        s->sink = sink;
        s->tally = tally;
        s->url = spec->url ? spec->url : s->kind->public.url;
        random_seed(&s->jitter, spec->seed);
        buf_init(&s->value, TAG_PROCESS, STREAM_EVENT_MAX + 4096);
        rc = run(s, e);
        buf_fini(&s->value);
    }
    if (s) {
        mem_free(s->seen);
        mem_free(s->order);
    }
    mem_free(s);
    return rc;
}
