/* SPDX-License-Identifier: MIT */
#include "pipeline/producing.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/inbox.h" /* the lock of this house */
#include "kafka/admin.h"
#include "kafka/producer.h"

#define POLL_EVERY 512 /* records */
#define POLL_EVERY_US 100000
#define FLUSH_MS 60000
#define LAG_EVERY_US 100000 /* between two questions for a group's lag */

struct producing {
    const struct producing_spec *spec;
    struct generator            *generator; /* NULL: a public stream */
    struct stream_tally          stream;
    struct error                 idle_error; /* why a stream must end */
    struct kafka_producer       *producer;
    struct kafka_admin          *admin; /* for the lag of a group, or NULL */
    struct pacer                 pacer;
    double                       rate; /* that the pacer holds */
    int64_t                      n, started_us, polled_us, lag_us;
    atomic_bool                  stop;
    _Atomic double               wanted_rate;
    pthread_mutex_t              lock; /* guards counts */
    struct producing_counts      counts;
};

enum err producing_new(const struct producing_spec *spec, struct producing **out, struct error *e)
{
    struct producing *p = mem_zalloc(TAG_PROCESS, sizeof *p);
    *out = NULL;
    if (!p)
        return err_set(e, ERR_NO_MEMORY, "producer");
    p->spec = spec;
    p->wanted_rate = p->rate = spec->knobs.rate_per_s;
    pthread_mutex_init(&p->lock, NULL);
    enum err rc = OK;
    if (spec->replay)
        rc = generator_replay(spec->replay, &spec->knobs, &p->generator, e);
    else if (!stream_preset_find(spec->template_name))
        rc = generator_new(spec->template_name, &spec->knobs, &p->generator, e);
    if (rc != OK)
        producing_free(p);
    else
        *out = p;
    return rc;
}

void producing_free(struct producing *p)
{
    if (!p)
        return;
    if (p->producer)
        kafka_producer_free(p->producer);
    if (p->admin)
        kafka_admin_close(p->admin);
    if (p->generator)
        generator_free(p->generator);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

void producing_stop(struct producing *p) { atomic_store(&p->stop, true); }

void producing_set_rate(struct producing *p, double per_s) { atomic_store(&p->wanted_rate, per_s); }

void producing_counts(struct producing *p, struct producing_counts *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->counts;
    pthread_mutex_unlock(&p->lock);
}

int64_t producing_expected(const struct producing *p)
{
    return p->generator ? generator_rows_expected(p->generator) : p->spec->knobs.rows;
}

void producing_tally(const struct producing *p, struct produce_tally *out)
{
    if (p->generator)
        generator_tally(p->generator, out);
    else
        *out = (struct produce_tally){.records = p->stream.records};
}

const struct stream_tally *producing_stream(const struct producing *p) { return p->generator ? NULL : &p->stream; }

enum err producing_write_ads(const struct produce_knobs *k, const char *path, struct error *e)
{
    struct buf csv;
    char       beside[4200];
    buf_init(&csv, TAG_PROCESS, 64 << 20);
    produce_ads_table(k, true, &csv);
    snprintf(beside, sizeof beside, "%s.part", path);
    FILE *f = fopen(beside, "w");
    bool  ok = f && fwrite(csv.data, 1, csv.size, f) == csv.size;
    ok = f && fclose(f) == 0 && ok && rename(beside, path) == 0;
    buf_fini(&csv);
    return ok ? OK : err_errno(e, errno, "write %s", path);
}

/* ---- running ---- */

static bool stopping(struct producing *p) { return atomic_load_explicit(&p->stop, memory_order_relaxed); }

/* Serves acknowledgements and tells where it stands. */
static enum err poll_client(struct producing *p, int timeout_ms, struct error *e)
{
    struct kafka_producer_counts c;
    enum err                     rc = kafka_producer_poll(p->producer, timeout_ms, e);
    kafka_producer_counts(p->producer, &c);
    pthread_mutex_lock(&p->lock);
    p->counts.sent = c.sent;
    p->counts.acked = c.acked;
    p->counts.failed = c.failed;
    p->counts.waiting = c.waiting;
    p->counts.acked_bytes = c.acked_bytes;
    snprintf(p->counts.last_error, sizeof p->counts.last_error, "%s",
             c.last_error[0] ? c.last_error : p->stream.last_error);
    pthread_mutex_unlock(&p->lock);
    p->polled_us = clock_mono_us();
    if (p->spec->show)
        p->spec->show(p->spec->show_arg);
    return rc;
}

static void hold_rate(struct producing *p)
{
    double wanted = atomic_load_explicit(&p->wanted_rate, memory_order_relaxed);
    if (wanted == p->rate)
        return;
    p->rate = wanted;
    pacer_start(&p->pacer, wanted, clock_mono_us());
}

/* Waits until the pacer lets the next record go; when a record has a time of its own, until then. */
static enum err wait_until_due(struct producing *p, int64_t due_us, struct error *e)
{
    while (!stopping(p)) {
        hold_rate(p);
        int64_t now = clock_mono_us(), wait = pacer_wait_us(&p->pacer, now), due = p->started_us + due_us - now;
        wait = due_us && due > wait ? due : wait;
        if (wait <= 0)
            return OK;
        TRY(poll_client(p, wait < POLL_EVERY_US ? (int)((wait + 999) / 1000) : POLL_EVERY_US / 1000, e));
    }
    return OK;
}

/* A broker that keeps little must not run over a reader. */
static enum err wait_for_group(struct producing *p, struct error *e)
{
    const struct producing_spec *spec = p->spec;
    int64_t                      total = 0, most = 0, now = clock_mono_us();
    bool                         waited = false;
    if (!p->admin || now - p->lag_us < LAG_EVERY_US)
        return OK;
    do {
        TRY(poll_client(p, waited ? 50 : 0, e));
        TRY(kafka_group_lag(p->admin, spec->group, spec->topic, &total, &most, 0, e));
        waited = waited || most > spec->max_lag;
    } while (most > spec->max_lag && !stopping(p));
    p->lag_us = clock_mono_us();
    if (waited)
        pacer_restart(&p->pacer, p->lag_us);
    return OK;
}

static enum err send_one(struct producing *p, const struct produce_record *r, struct error *e)
{
    struct emit *out = kafka_producer_emit(p->producer);
    enum err     rc;
    while ((rc = out->ops->record(out, r->partition, r->key, r->key_bytes, r->value, r->value_bytes, r->timestamp_ms,
                                  e)) == ERR_BUSY) {
        if (stopping(p))
            return OK;
        TRY(poll_client(p, 10, e));
    }
    TRY(rc);
    pacer_sent(&p->pacer, 1);
    bool due = ++p->n % POLL_EVERY == 0 || clock_mono_us() - p->polled_us >= POLL_EVERY_US;
    return due ? poll_client(p, 0, e) : OK;
}

static enum err send_all(struct producing *p, struct error *e)
{
    struct produce_record r;
    p->started_us = clock_mono_us();
    pacer_start(&p->pacer, p->rate, p->started_us);
    while (!stopping(p)) {
        TRY(wait_for_group(p, e));
        TRY(wait_until_due(p, 0, e)); /* before it is made: a live record has the time of its sending */
        if (stopping(p) || !generator_next(p->generator, &r))
            break;
        if (p->spec->replay)
            TRY(wait_until_due(p, r.due_us, e));
        TRY(send_one(p, &r, e));
    }
    enum err rc = kafka_producer_flush(p->producer, FLUSH_MS, e);
    return rc == OK ? poll_client(p, 0, e) : rc;
}

/* ---- a public stream ---- */

static enum err take_record(void *arg, const struct produce_record *r, struct error *e)
{
    struct producing *p = arg;
    TRY(wait_for_group(p, e));
    TRY(wait_until_due(p, 0, e));
    return send_one(p, r, e);
}

static bool while_idle(void *arg)
{
    struct producing *p = arg;
    bool              due = clock_mono_us() - p->polled_us >= POLL_EVERY_US;
    if (due && p->idle_error.code == OK && poll_client(p, 0, &p->idle_error) != OK)
        return false;
    return !stopping(p) && p->idle_error.code == OK;
}

static enum err follow_stream(struct producing *p, struct error *e)
{
    const struct producing_spec *spec = p->spec;
    const struct stream_sink     sink = {take_record, while_idle, p};
    const struct stream_spec     stream = {.preset = spec->template_name,
                                           .url = spec->url,
                                           .user_agent = spec->user_agent,
                                           .symbols = spec->symbols,
                                           .rows = spec->knobs.rows,
                                           .poll_ms = spec->poll_ms,
                                           .seed = (uint64_t)clock_wall_us()};
    p->started_us = clock_mono_us();
    pacer_start(&p->pacer, p->rate, p->started_us);
    enum err rc = stream_run(&stream, &sink, &p->stream, e);
    if (rc == OK && p->idle_error.code != OK) {
        *e = p->idle_error;
        rc = e->code;
    }
    enum err flushed = kafka_producer_flush(p->producer, FLUSH_MS, rc == OK ? e : NULL);
    rc = rc == OK ? flushed : rc;
    return rc == OK ? poll_client(p, 0, e) : rc;
}

static enum err open_topic(struct producing *p, struct error *e)
{
    const struct producing_spec *spec = p->spec;
    struct kafka_client          client = {.bootstrap = spec->bootstrap};
    if (!spec->create && !spec->group)
        return OK;
    TRY(kafka_admin_open(&client, &p->admin, e));
    enum err rc = spec->create ? kafka_topic_create(p->admin, spec->topic, spec->partitions, 0, NULL, 0, 0, e) : OK;
    if (!spec->group) {
        kafka_admin_close(p->admin);
        p->admin = NULL;
    }
    return rc == ERR_EXISTS ? OK : rc;
}

enum err producing_run(struct producing *p, struct error *e)
{
    const struct producing_spec *spec = p->spec;
    struct kafka_producer_spec   producer = {
          .client = {.bootstrap = spec->bootstrap}, .topic = spec->topic, .compression = spec->compression};
    TRY(open_topic(p, e));
    TRY(kafka_producer_new(&producer, &p->producer, e));
    return p->generator ? send_all(p, e) : follow_stream(p, e);
}
