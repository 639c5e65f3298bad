/* SPDX-License-Identifier: MIT */
#include "pipeline/query.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/query_priv.h"

#define LOOK_US 1000000     /* the longest sleep: the client's own clocks, as a refused login, wake nobody */
#define BUSY_US 20000       /* between two looks at whether the jobs are done */
#define ASK_LEAST_US 20000  /* between two questions for ends while records come ... */
#define ASK_MOST_US 100000  /* ... at a slow trigger */
#define ASK_IDLE_US 5000000 /* while nothing comes */
#define TOPICS_EVERY_US 30000000
#define RETRY_LEAST_US 500000
#define RETRY_MOST_US 30000000
#define DRAIN_PATIENCE_US 5000000 /* how long a planned epoch may still take after a signal */
#define NEWEST_ROWS 10

void query__submit(struct query *q, struct workers *where, struct job *job)
{
    job->pending = &q->n_pending;
    workers_submit(where, job);
}

static void on_tick(uv_timer_t *timer);

/* The timer fires once, when `due_us` (monotonic) has come. */
static void wake_at(struct query *q, int64_t due_us)
{
    int64_t now = clock_mono_us();
    if (q->due_us && q->due_us <= due_us)
        return; /* it fires before, and is set anew then */
    q->due_us = due_us;
    uv_timer_start(&q->tick, on_tick, due_us > now ? (uint64_t)(due_us - now + 999) / 1000 : 0, 0);
}

static void stop_now(struct query *q, enum query_state state)
{
    q->state = state;
    q->due_us = 0;
    uv_timer_stop(&q->tick);
    q->options.stopped(q->options.stopped_arg);
}

/* ---- starting, again when it may help ---- */

struct start_job {
    struct job    job;
    struct query *q;
    enum err      rc;
    struct error  error;
};

static void run_start(struct job *job)
{
    struct start_job *s = (struct start_job *)job;
    query__tear_down(s->q);
    s->rc = query__start_up(s->q, &s->error);
}

static void give_up(struct query *q, enum err rc, const char *why, int64_t since_us)
{
    size_t n = strlen(why), most = sizeof q->error.text - 40; /* the cause is at its end */
    q->rc = err_set(&q->error, rc, "%s%s; given up after %" PRId64 " s", n > most ? ".." : "",
                    why + (n > most ? n - most : 0), (clock_mono_us() - since_us) / 1000000);
    stop_now(q, QUERY_FAILED);
}

/* A broker is away, and the client would wait for it as long as it takes. */
static bool waits_in_vain(struct query *q)
{
    struct query_status st;
    char                text[200];
    int64_t             now = clock_mono_us();
    if (!q->options.give_up_us || now - q->last_record_us < q->options.give_up_us)
        return false;
    query_status(q, &st);
    int64_t since_us = st.silent_since_us ? st.silent_since_us : st.down_since_us;
    if (!since_us || now - since_us < q->options.give_up_us)
        return false;
    query_why_nothing(&st, clock_wall_us() / 1000, text);
    give_up(q, ERR_UNAVAILABLE, text, since_us);
    return true;
}

void query__failed(struct query *q, enum err rc, const struct error *why)
{
    if (q->state == QUERY_STOPPED || q->state == QUERY_FAILED)
        return;
    q->error = *why;
    q->rc = rc;
    if (!why->retry || q->state == QUERY_DRAINING) {
        stop_now(q, QUERY_FAILED);
        return;
    }
    int64_t now = clock_mono_us(), wait = (int64_t)RETRY_LEAST_US << (q->n_retries < 6 ? q->n_retries : 6);
    wait = wait > RETRY_MOST_US ? RETRY_MOST_US : wait;
    if (q->n_retries++ == 0)
        q->failing_since_us = now;
    if (q->options.give_up_us) {
        int64_t left = q->failing_since_us + q->options.give_up_us - now;
        if (left <= 0) {
            give_up(q, rc, why->text, q->failing_since_us);
            return;
        }
        wait = left < wait ? left : wait;
    }
    q->retry_at_us = now + wait;
    q->state = QUERY_STARTING;
    wake_at(q, q->retry_at_us);
    log_warn("query", "%s: %s; trying again in %" PRId64 " ms (%d)", q->plan->name, why->text,
             (q->retry_at_us - clock_mono_us()) / 1000, q->n_retries);
}

static void open_epoch(struct query *q)
{
    struct error e;
    if (failpoint("pipeline.open", &e) != OK) {
        query__failed(q, ERR_IO, &e);
        return;
    }
    query__open_plan(q);
    q->opened_us = clock_mono_us();
    q->now_us = clock_wall_us();
    if (!q->rebuilding)
        query__remember_start(q);
    lane_mark(&q->lane, FLOW_OPEN, q->epoch, q->now_us);
    query__plan(q);
}

static void started(struct query *q)
{
    q->state = QUERY_RUNNING;
    q->at_barrier = q->committing = false;
    q->sized.records = q->sized.bytes = 0; /* the sources are new ones */
    if (q->options.meter)
        meter_drop(q->options.meter);
    q->news = true;
    q->last_record_us = q->checked_us = q->asked_us = clock_mono_us();
    if (!q->first_poll_us) {
        q->first_poll_us = clock_mono_us();
        q->start_cpu_us = clock_process_cpu_us();
    }
    for (int s = 0; s < q->plan->n_sources; s++) {
        offsets_take(&q->ends[s], q->sources[s]);
        for (int i = 0; i < q->ends[s].n; i++)
            q->ends[s].at[i] = kafka_source_at(q->sources[s], i)->known_end;
    }
    open_epoch(q);
    query__progress(q);
}

static void start_done(struct job *job)
{
    struct start_job *s = (struct start_job *)job;
    struct query     *q = s->q;
    enum err          rc = s->rc;
    struct error      error = s->error;
    mem_free(s);
    q->starting = false;
    if (q->stop_started) {
        stop_now(q, QUERY_STOPPED);
        return;
    }
    if (rc == OK) {
        started(q);
        return;
    }
    if (!q->first_poll_us && rc == ERR_UNAVAILABLE) /* never seen: say so at once */
        error.retry = false;
    query__failed(q, rc, &error);
}

static void submit_start(struct query *q)
{
    struct start_job *s = mem_zalloc(TAG_STATE, sizeof *s);
    CHECK(s);
    s->job = (struct job){.run = run_start, .done = start_done};
    s->q = q;
    q->retry_at_us = 0;
    q->starting = true;
    query__submit(q, &q->client, &s->job); /* brokers may let it wait: not on a thread that others need */
}

/* ---- the end ---- */

static void handle_closed(struct query *q)
{
    if (--q->n_open > 0)
        return;
    void (*closed)(void *) = q->closed;
    void *arg = q->closed_arg;
    mem_free(q);
    closed(arg);
}

static void on_handle_closed(uv_handle_t *handle) { handle_closed(handle->data); }
static void on_client_closed(struct workers *w)
{
    handle_closed((struct query *)((uint8_t *)w - offsetof(struct query, client)));
}

static void run_tear_down(struct job *job) { query__tear_down(((struct start_job *)job)->q); }

static void torn_down(struct job *job)
{
    struct query *q = ((struct start_job *)job)->q;
    mem_free(job);
    q->n_open = 4;
    q->client.closed = on_client_closed;
    workers_close(&q->client);
    uv_close((uv_handle_t *)&q->wake, on_handle_closed);
    uv_close((uv_handle_t *)&q->turn, on_handle_closed);
    uv_close((uv_handle_t *)&q->tick, on_handle_closed);
    ledger_fini(&q->ledger);
    tap_free(q->tap);
    arena_fini(&q->arena);
}

/* Once no job of it runs any more. */
static void take_down(struct query *q)
{
    if (q->n_pending) {
        wake_at(q, clock_mono_us() + BUSY_US);
        return;
    }
    struct start_job *s = mem_zalloc(TAG_STATE, sizeof *s);
    CHECK(s);
    s->job = (struct job){.run = run_tear_down, .done = torn_down};
    s->q = q;
    query__submit(q, &q->client, &s->job); /* brokers may let it wait: not on a thread that others need */
}

/* ---- the barrier ---- */

static void send_barrier(struct query *q)
{
    q->at_barrier = true;
    q->barrier_us = clock_mono_us();
    if (q->options.meter)
        meter_cut(q->options.meter);
    lane_mark(&q->lane, FLOW_BARRIER, q->epoch, 0);
}

static void start_commit(struct query *q, struct lane_result *r)
{
    q->committing = true;
    query__commit(q, r);
}

static void take_result(struct query *q)
{
    struct lane_result *r = inbox_poll(&q->lane.results);
    if (!r)
        return;
    if (r->rc != OK) {
        struct error error = r->error;
        enum err     rc = r->rc;
        lane_result_free(r, q->sinks);
        query__failed(q, rc, &error);
        return;
    }
    q->at_barrier = false;
    q->epoch++;
    if (r->rebuilt) {
        q->rebuilding = false;
        lane_result_free(r, q->sinks);
    } else {
        q->marks = r->marks;
        q->moved = r->moved && q->plan->n_windows;
        if (q->options.preview)
            query__looked_at(q, r);
        else
            start_commit(q, r);
    }
    open_epoch(q);
}

void query__committed(struct query *q, struct lane_result *r, const struct epoch_written *w)
{
    q->committing = false;
    for (int i = 0; i < LANE_N_SINKS; i++)
        q->wrote[i] = w->versions[i] >= 0 ? r->epoch : q->wrote[i];
    q->open_groups = r->open_groups;
    q->next_end_us = r->next_end_us;
    q->state_bytes = (int64_t)r->snapshot.size;
    q->shown = r->shown;
    q->committed_ms = clock_wall_us() / 1000;
    if (q->n_retries)
        log_info("query", "%s: works again", q->plan->name);
    q->n_retries = 0;
    q->n_epochs++;
    q->committed_epoch = r->epoch;
    q->rows_written += r->rows;
    q->version = w->versions[LANE_MAIN] >= 0 ? w->versions[LANE_MAIN] : q->version;
    ledger_fini(&q->ledger);
    q->ledger = r->ledger;
    r->ledger = (struct ledger){0};
}

/* ---- deciding ---- */

/* All that was planned is in the lane: end the epoch, wait, or stop. */
static void decide(struct query *q)
{
    int64_t now = clock_mono_us();
    bool    behind = query__lag(q) > 0, rows = query__advanced(q), draining = q->state == QUERY_DRAINING;
    bool    due = now - q->opened_us >= q->plan->trigger_us;
    if (q->rebuilding) {
        send_barrier(q);
        return;
    }
    if (behind && !draining && query__own_cap(q) && query__plan(q)) { /* the epoch is not full */
        uv_async_send(&q->turn);
        return;
    }
    if (q->committing)
        return;
    if (draining && !rows) {
        stop_now(q, QUERY_STOPPED);
        return;
    }
    if (q->options.available_now) {
        if (rows || (!behind && q->moved))
            send_barrier(q);
        else if (!behind)
            stop_now(q, QUERY_STOPPED);
        return;
    }
    int64_t quiet_us = behind ? 0 : now - q->last_record_us;
    bool    idle = q->options.until_idle_us && quiet_us >= q->options.until_idle_us;
    if (q->plan->idle_us && !rows && quiet_us >= q->plan->idle_us && due && !q->moved && q->open_groups) {
        q->at_barrier = true;
        lane_mark_idle(&q->lane, q->epoch);
        return;
    }
    if (rows && (draining || due || idle || (behind && query__own_cap(q))))
        send_barrier(q);
    else if (!rows && !behind && q->moved && (due || idle))
        send_barrier(q);
    else if (idle && !rows && !q->moved)
        stop_now(q, QUERY_STOPPED);
}

/* Between two questions for ends. */
static int64_t ask_pause(const struct query *q)
{
    int64_t pause = q->plan->trigger_us / 20;
    pause = pause < ASK_LEAST_US ? ASK_LEAST_US : pause > ASK_MOST_US ? ASK_MOST_US : pause;
    return q->news ? pause : ASK_IDLE_US;
}

static bool looks_around(const struct query *q)
{
    return q->state == QUERY_RUNNING && !q->options.available_now && !q->rebuilding;
}

/* Asks for what the plan and the topics need to know. */
static void look_around(struct query *q)
{
    int64_t now = clock_mono_us();
    if (!looks_around(q))
        return;
    if (!q->asking && now - q->asked_us >= ask_pause(q))
        query__ask_ends(q);
    if (!q->checking_topics && !q->committing && now - q->checked_us >= TOPICS_EVERY_US)
        query__check_topics(q);
}

/* Of the moments at which time alone makes a difference (decide, look_around, on_tick), the next one. What is past
 * already waits for something else, which calls query__progress. */
static int64_t next_due(const struct query *q)
{
    int64_t now = clock_mono_us(), due = now + LOOK_US;
    if (q->state == QUERY_STARTING)
        return q->retry_at_us > now ? q->retry_at_us : q->retry_at_us ? now + BUSY_US : due;
    const int64_t moments[] = {
        q->opened_us + q->plan->trigger_us,
        q->last_record_us + q->options.until_idle_us,
        q->last_record_us + q->plan->idle_us,
        looks_around(q) && !q->asking ? q->asked_us + ask_pause(q) : 0,
        q->state == QUERY_DRAINING ? q->drain_us + DRAIN_PATIENCE_US : 0,
    };
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        due = moments[i] > now && moments[i] < due ? moments[i] : due;
    return due;
}

static void progress(struct query *q)
{
    if (q->state == QUERY_STARTING && q->retry_at_us && q->n_pending == 0 && clock_mono_us() >= q->retry_at_us)
        submit_start(q);
    if (!query__live(q))
        return;
    take_result(q);
    if (!query__live(q) || q->at_barrier)
        return;
    if (waits_in_vain(q))
        return;
    bool again = query__pump(q);
    if (again) /* the wake-up is edge-triggered: without this the rest would wait for ever */
        uv_async_send(&q->turn);
    else if (query__live(q) && query__reached(q))
        decide(q);
    look_around(q);
}

void query__progress(struct query *q)
{
    progress(q);
    if (!q->closing && q->state != QUERY_STOPPED && q->state != QUERY_FAILED)
        wake_at(q, next_due(q));
}

static void on_turn(uv_async_t *async) { query__progress(async->data); }

static void on_wake(uv_async_t *async) /* by a source */
{
    struct query *q = async->data;
    q->news = true;
    query__progress(q);
}

static void on_tick(uv_timer_t *timer)
{
    struct query *q = timer->data;
    bool          busy = q->committing || q->at_barrier;
    q->due_us = 0;
    if (q->closing)
        take_down(q);
    else if (q->state == QUERY_DRAINING && clock_mono_us() - q->drain_us > DRAIN_PATIENCE_US && !busy)
        stop_now(q, QUERY_STOPPED); /* the open epoch was not finished in time: it is read again next time */
    else
        query__progress(q);
}

/* ---- outside ---- */

enum err query_start(struct query_host *host, const struct plan *plan, const struct query_options *o,
                     struct query **out, struct error *e)
{
    struct query *q = mem_zalloc(TAG_STATE, sizeof *q);
    *out = q;
    if (!q)
        return err_set(e, ERR_NO_MEMORY, "query");
    q->host = host;
    q->plan = plan;
    q->options = *o;
    q->version = q->committed_epoch = -1;
    q->next_end_us = INT64_MAX;
    q->started_us = clock_mono_us();
    arena_init(&q->arena, TAG_STATE, (size_t)256 << 20);
    enum err rc = tap_new(plan->schema, o->rows_kept ? o->rows_kept : NEWEST_ROWS, &q->tap, e);
    if (rc == OK)
        rc = workers_init(&q->client, host->loop, "client", 1, e);
    if (rc != OK) {
        tap_free(q->tap);
        arena_fini(&q->arena);
        mem_free(q);
        *out = NULL;
        return rc;
    }
    uv_loop_t *loop = host->loop;
    CHECK(uv_async_init(loop, &q->wake, on_wake) == 0 && uv_async_init(loop, &q->turn, on_turn) == 0);
    CHECK(uv_timer_init(loop, &q->tick) == 0);
    q->wake.data = q->turn.data = q->tick.data = q;
    submit_start(q);
    return OK;
}

void query_drain(struct query *q)
{
    if (q->state == QUERY_STARTING)
        query_stop(q);
    if (q->state != QUERY_RUNNING)
        return;
    q->state = QUERY_DRAINING;
    q->drain_us = clock_mono_us();
    query__progress(q);
}

void query_stop(struct query *q)
{
    if (q->starting)
        q->stop_started = true; /* an io thread has it: once that is through */
    else if (q->state != QUERY_STOPPED && q->state != QUERY_FAILED)
        stop_now(q, QUERY_STOPPED);
}

void query_close(struct query *q, void (*closed)(void *), void *arg)
{
    q->closing = true;
    q->closed = closed;
    q->closed_arg = arg;
    q->due_us = 0;
    wake_at(q, clock_mono_us());
}
