/* SPDX-License-Identifier: MIT */
/* What a query tells: status, progress, series, commits, errors, newest rows, plan. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "base/clock.h"
#include "kafka/source.h"
#include "text/utf8.h"

#define RESULTS_MOST SERVICE_ROWS_KEPT

static int64_t now_ms(void) { return clock_wall_us() / 1000; }

/* ---- status ---- */

static void write_holder(const struct query_status *st, struct json_writer *w)
{
    json_key(w, "watermark_holder");
    if (!st->plan || st->holder < 0) {
        json_put_null(w);
        return;
    }
    const struct plan_relation *relation = &st->plan->sources[st->holder].relation;
    json_begin_object(w);
    json_member_string(w, "relation", relation->label);
    json_member_string(w, "topic", st->holder_topic ? st->holder_topic : relation->identity);
    api__member_maybe(w, "partition", st->holder_topic != NULL, st->holder_partition);
    json_end_object(w);
}

static void write_busy(const struct service_query *q, struct json_writer *w)
{
    static const char *const names[] = {"decode", "compute", "write"};
    double                   all = (double)(clock_mono_us() - q->worked_before_at_us), idle = 1;
    json_key(w, "busy");
    json_begin_object(w);
    for (int i = 0; i < 3; i++) {
        double share = (double)(q->status.worked_us[i] - q->worked_before_us[i]) / all;
        share = !q->query || share < 0 ? 0 : share > 1 ? 1 : share;
        idle -= share;
        api__member_number(w, names[i], share);
    }
    api__member_number(w, "idle", idle < 0 ? 0 : idle);
    json_end_object(w);
}

static void write_latencies(const struct service_query *q, struct json_writer *w)
{
    json_key(w, "latency_ms");
    json_begin_object(w);
    api__member_number(w, "p50", meter_latency_ms(q->meter, 0.5, now_ms()));
    api__member_number(w, "p95", meter_latency_ms(q->meter, 0.95, now_ms()));
    api__member_number(w, "p99", meter_latency_ms(q->meter, 0.99, now_ms()));
    json_end_object(w);
    json_key(w, "commit_ms");
    json_begin_object(w);
    api__member_number(w, "p50", meter_commit_ms(q->meter, 0.5));
    api__member_number(w, "p99", meter_commit_ms(q->meter, 0.99));
    json_end_object(w);
}

static void write_brokers(const struct service_query *q, struct json_writer *w)
{
    const struct query_status *st = &q->status;
    bool                       silent = q->query && st->silent_since_us;
    bool                       down = q->query && st->down_since_us && !silent;
    char                       text[200] = "";
    if (silent)
        silence_text(st->silent, st->silent_since_us, text);
    json_key(w, "brokers");
    json_begin_object(w);
    json_member_bool(w, "connected", q->query && st->state != QUERY_STARTING && !down);
    api__member_time(w, "down_since", down ? now_ms() - (clock_mono_us() - st->down_since_us) / 1000 : 0);
    api__member_time(w, "silent_since", silent ? now_ms() - (clock_mono_us() - st->silent_since_us) / 1000 : 0);
    json_member_string(w, "error", down ? st->down_error : text);
    json_end_object(w);
}

static void write_event_time(const struct service_query *q, struct json_writer *w)
{
    const struct query_status *st = &q->status;
    api__member_time(w, "watermark", st->watermark_ms);
    api__member_time(w, "max_event_time", st->max_event_ms);
    api__member_maybe(w, "watermark_lag_ms", st->watermark_ms != 0, now_ms() - st->watermark_ms);
    write_holder(st, w);
    json_member_int(w, "open_windows", st->open_groups);
    json_member_int(w, "rows_waiting", st->ledger.open);
    api__member_time(w, "next_window_end", st->next_end_ms);
    json_member_int(w, "state_bytes", st->state_bytes);
}

static void write_epoch(const struct service_query *q, struct json_writer *w)
{
    const struct query_status *st = &q->status;
    int64_t                    trigger_ms = st->plan ? st->plan->trigger_us / 1000 : 0;
    int64_t                    next = trigger_ms - st->open_for_us / 1000;
    api__member_maybe(w, "epoch", st->committed_epoch >= 0 && st->plan, st->committed_epoch);
    api__member_maybe(w, "version", st->version >= 0, st->version);
    api__member_time(w, "last_commit_at", st->committed_ms);
    api__member_maybe(w, "commit_age_ms", st->committed_ms != 0, now_ms() - st->committed_ms);
    json_member_int(w, "trigger_ms", trigger_ms);
    api__member_maybe(w, "next_trigger_in_ms", q->query && st->open_for_us >= 0, next > 0 ? next : 0);
    json_member_bool(w, "behind", st->behind);
}

static void write_expectations(const struct query_status *st, struct json_writer *w)
{
    json_key(w, "expectations");
    json_begin_array(w);
    for (int i = 0; st->plan && i < st->plan->expect.n_rules; i++) {
        const struct expect_rule *rule = &st->plan->expect.rules[i];
        json_begin_object(w);
        json_member_string(w, "name", rule->name);
        json_member_int(w, "passed", st->rules[i].passed);
        json_member_int(w, "failed", st->rules[i].failed);
        json_member_string(w, "action", plan_violation_name(rule->action));
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "quarantine");
    json_put_string(w, st->plan && st->plan->quarantine ? api__table_name(st->plan->quarantine) : NULL);
}

void api__write_status(struct service_query *q, struct json_writer *w)
{
    const struct query_status *st = &q->status;
    int64_t                    last = meter_last_second(q->meter);
    service_query_refresh(q);
    json_begin_object(w);
    json_member_string(w, "name", q->base.name);
    api__write_object_state(&q->base, w);
    json_member_int(w, "records", q->records_before + st->records);
    json_member_int(w, "rows", q->table_rows_before + st->rows);
    api__member_number(w, "records_per_s", meter_value(q->meter, METER_RECORDS, last));
    api__member_number(w, "rows_per_s", meter_value(q->meter, METER_ROWS, last));
    json_member_int(w, "lag", st->lag);
    api__member_maybe(w, "lag_ms", st->lag == 0 || st->last_record_ms > 0, st->lag ? now_ms() - st->last_record_ms : 0);
    write_event_time(q, w);
    write_epoch(q, w);
    write_latencies(q, w);
    write_busy(q, w);
    write_brokers(q, w);
    json_key(w, "why_nothing");
    json_put_string(w, q->why[0] ? q->why : NULL);
    json_key(w, "ledger");
    ledger_sums_write(&st->ledger, w);
    write_expectations(st, w);
    json_end_object(w);
}

void api__query_status(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_writer    w;
    struct buf            out;
    if (!q)
        return;
    api__begin(&out, &w);
    api__write_status(q, &w);
    api__answer(r, 200, &out);
}

void api__queries_status(struct http_request *r)
{
    struct supervisor *s = api__of(r)->s;
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int i = 0; i < supervisor_n(s, RESOURCE_QUERY); i++)
        api__write_status(service_query_of(supervisor_at(s, RESOURCE_QUERY, i)), &w);
    api__list_end(&w, NULL);
    api__answer(r, 200, &out);
}

/* ---- commits, in our shape and in Spark's ---- */

static double ms_of(int64_t us) { return (double)us / 1e3; }

void api__write_commit(const struct meter_commit *c, struct json_writer *w)
{
    static const char *const phases[N_PHASES] = {"fill", "compute", "prepare", "record", "commit"};
    json_begin_object(w);
    json_member_int(w, "epoch", c->epoch);
    api__member_maybe(w, "version", c->version >= 0, c->version);
    api__member_time(w, "committed_at", c->committed_ms);
    json_member_int(w, "records", c->records);
    json_member_int(w, "rows", c->rows);
    json_member_int(w, "late", c->late);
    json_member_int(w, "rejected", c->rejected);
    json_member_int(w, "files", c->files);
    json_member_int(w, "bytes", c->bytes);
    api__member_number(w, "duration_ms", ms_of(c->duration_us));
    json_key(w, "phases_ms");
    json_begin_object(w);
    for (int i = 0; i < N_PHASES; i++)
        api__member_number(w, phases[i], ms_of(c->phase_us[i]));
    json_end_object(w);
    json_member_int(w, "retries", c->retries);
    api__member_time(w, "watermark", c->watermark_ms);
    json_member_raw(w, "offsets", c->offsets ? c->offsets : "[]");
    json_end_object(w);
}

void api__query_commits(struct http_request *r)
{
    struct service_query      *q = api__query(r);
    const struct meter_commit *c;
    struct json_writer         w;
    struct buf                 out;
    int64_t                    limit = LIST_LIMIT;
    if (!q || !api__query_int(r, "limit", 1, METER_COMMITS, &limit))
        return;
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int i = 0; i < limit && (c = meter_commit_at(q->meter, i)); i++)
        api__write_commit(c, &w);
    api__list_end(&w, NULL);
    api__answer(r, 200, &out);
}

static void write_progress(const struct service_query *q, const struct meter_commit *c, struct json_writer *w)
{
    double seconds = (double)(c->phase_us[PHASE_FILL] + c->duration_us) / 1e6, busy = (double)c->duration_us / 1e6;
    json_begin_object(w);
    json_member_string(w, "name", q->base.name);
    api__member_time(w, "timestamp", c->committed_ms);
    json_member_int(w, "batchId", c->epoch);
    api__member_number(w, "batchDuration", ms_of(c->duration_us));
    json_member_int(w, "numInputRows", c->records);
    api__member_number(w, "inputRowsPerSecond", seconds > 0 ? (double)c->records / seconds : 0);
    api__member_number(w, "processedRowsPerSecond", busy > 0 ? (double)c->records / busy : 0);
    json_key(w, "durationMs");
    json_begin_object(w);
    api__member_number(w, "addBatch", ms_of(c->phase_us[PHASE_COMPUTE] + c->phase_us[PHASE_PREPARE]));
    api__member_number(w, "walCommit", ms_of(c->phase_us[PHASE_RECORD]));
    api__member_number(w, "commitOffsets", ms_of(c->phase_us[PHASE_COMMIT]));
    api__member_number(w, "triggerExecution", ms_of(c->duration_us));
    json_end_object(w);
    json_key(w, "eventTime");
    json_begin_object(w);
    if (c->watermark_ms)
        api__member_time(w, "watermark", c->watermark_ms);
    json_end_object(w);
    json_key(w, "stateOperators");
    json_begin_array(w);
    if (q->status.plan && q->status.plan->n_windows) {
        json_begin_object(w);
        json_member_string(w, "operatorName", "stateStoreSave");
        json_member_int(w, "numRowsTotal", q->status.open_groups);
        json_member_int(w, "numRowsDroppedByWatermark", c->late);
        json_member_int(w, "memoryUsedBytes", q->status.state_bytes);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "sources");
    json_begin_array(w);
    json_begin_object(w);
    json_member_int(w, "numInputRows", c->records);
    json_member_raw(w, "offsets", c->offsets ? c->offsets : "[]");
    json_end_object(w);
    json_end_array(w);
    json_key(w, "sink");
    json_begin_object(w);
    json_member_string(w, "description", "DeltaSink");
    json_member_int(w, "numOutputRows", c->rows);
    json_end_object(w);
    json_end_object(w);
}

void api__query_progress(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_writer    w;
    struct buf            out;
    int64_t               limit = 100;
    if (!q || !api__query_int(r, "limit", 1, METER_COMMITS, &limit))
        return;
    int64_t n = meter_n_commits(q->meter);
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int64_t i = (n < limit ? n : limit) - 1; i >= 0; i--)
        if (meter_commit_at(q->meter, (int)i))
            write_progress(q, meter_commit_at(q->meter, (int)i), &w);
    api__list_end(&w, NULL);
    api__answer(r, 200, &out);
}

/* ---- series ---- */

static bool is_wanted(const char *wanted, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = wanted; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    return !wanted;
}

void api__write_series(const struct meter *m, int64_t from, int64_t to, const char *wanted, struct json_writer *w)
{
    if (to == 0 || to - from > METER_SECONDS) /* it has not run yet, or had not when `from` was taken */
        from = to == 0 ? to : to - METER_SECONDS;
    json_begin_object(w);
    api__member_time(w, "t0", (from + 1) * 1000);
    json_member_int(w, "step_ms", 1000);
    json_key(w, "series");
    json_begin_object(w);
    for (int i = 0; i < METER_N_SERIES; i++) {
        if (!is_wanted(wanted, meter_names[i]))
            continue;
        json_key(w, meter_names[i]);
        json_begin_array(w);
        for (int64_t s = from + 1; s <= to; s++)
            api__put_number(w, meter_value(m, (enum meter_series)i, s));
        json_end_array(w);
    }
    json_end_object(w);
    json_end_object(w);
}

void api__query_metrics(struct http_request *r)
{
    struct service_query *q = api__query(r);
    const char           *since = http_query(r, "since");
    struct json_writer    w;
    struct buf            out;
    int64_t               ms = METER_SECONDS * 1000;
    if (!q)
        return;
    if (since && !api__duration(since, &ms)) {
        api__problem(r, 422, "invalid_parameter", NULL, "since is a span such as 15m or 90s");
        return;
    }
    int64_t to = meter_last_second(q->meter), seconds = ms / 1000 < METER_SECONDS ? ms / 1000 : METER_SECONDS;
    api__begin(&out, &w);
    api__write_series(q->meter, to - seconds, to, http_query(r, "series"), &w);
    api__answer(r, 200, &out);
}

/* ---- errors ---- */

struct samples_out {
    struct json_writer *w;
    const char         *reason;
};

static void write_sample(void *arg, const struct sample *s)
{
    struct samples_out *o = arg;
    struct json_writer *w = o->w;
    if (o->reason && strcmp(o->reason, s->reason) != 0)
        return;
    json_begin_object(w);
    json_member_string(w, "reason", s->reason);
    json_member_string(w, "topic", s->topic);
    json_member_int(w, "partition", s->partition);
    json_member_int(w, "offset", s->offset);
    api__member_time(w, "timestamp", s->timestamp_ms > 0 ? s->timestamp_ms : 0);
    api__member_time(w, "seen_at", s->seen_ms);
    json_key(w, "detail");
    api__put_text(w, s->detail, strlen(s->detail));
    json_key(w, "payload");
    if (s->payload)
        api__put_text(w, s->payload, s->payload_bytes);
    else
        json_put_null(w);
    json_member_bool(w, "truncated", s->truncated);
    json_end_object(w);
}

void api__put_text(struct json_writer *w, const char *text, size_t n)
{
    struct buf good;
    buf_init(&good, TAG_WEB, (size_t)16 << 20);
    utf8_repair((const uint8_t *)text, n, &good);
    json_put_string_n(w, good.data ? good.data : (const uint8_t *)"", good.size);
    w->out->failed = w->out->failed || good.failed;
    buf_fini(&good);
}

void api__write_errors(struct service_query *q, int64_t from, const char *reason, struct json_writer *w)
{
    const struct ledger_sums *l = &q->status.ledger;
    struct samples_out        o = {w, reason};
    json_begin_object(w);
    json_key(w, "counts");
    json_begin_object(w);
    json_member_int(w, "late", l->late);
    json_member_int(w, "malformed", l->malformed);
    json_member_int(w, "rejected", l->rejected);
    json_member_int(w, "no_event_time", l->no_event_time);
    json_member_int(w, "future", l->future);
    json_member_int(w, "lost", l->lost);
    json_end_object(w);
    json_key(w, "samples");
    json_begin_array(w);
    samples_each(meter_samples(q->meter), from, write_sample, &o);
    json_end_array(w);
    json_end_object(w);
}

void api__query_errors(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_writer    w;
    struct buf            out;
    if (!q)
        return;
    api__begin(&out, &w);
    api__write_errors(q, 0, http_query(r, "reason"), &w);
    api__answer(r, 200, &out);
}

/* ---- newest rows ---- */

void api__write_columns(const struct type *schema, struct json_writer *w)
{
    struct buf type;
    buf_init(&type, TAG_WEB, 1 << 20);
    json_key(w, "columns");
    json_begin_array(w);
    for (int i = 0; schema && i < schema->n_fields; i++) {
        buf_clear(&type);
        type_print(schema->fields[i].type, &type);
        json_begin_object(w);
        json_member_string(w, "name", schema->fields[i].name);
        json_member_string(w, "type", buf_text(&type));
        json_end_object(w);
    }
    json_end_array(w);
    buf_fini(&type);
}

void api__query_results(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_writer    w;
    struct buf            out;
    int64_t               limit = 100;
    if (!q || !api__query_int(r, "limit", 1, RESULTS_MOST, &limit))
        return;
    api__begin(&out, &w);
    json_begin_object(&w);
    api__write_columns(q->script && q->script->n_plans ? q->script->plans[0].schema : NULL, &w);
    json_key(&w, "rows");
    json_begin_array(&w);
    service_query_rows(q, 0, (int)limit, api__query_is(r, "bigint", "string"), &w);
    json_end_array(&w);
    json_member_int(&w, "total", service_query_rows_seen(q));
    json_member_int(&w, "sampled", 1);
    json_end_object(&w);
    api__answer(r, 200, &out);
}

/* ---- plan ---- */

void api__query_plan(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct buf            out;
    if (!q)
        return;
    if (!q->script || q->script->n_plans == 0) {
        api__problem(r, 409, "wrong_state", NULL, "the query is not bound yet: %s",
                     q->base.error.text[0] ? q->base.error.text : "it has not started");
        return;
    }
    buf_init(&out, TAG_WEB, ANSWER_MAX);
    if (api__query_is(r, "format", "text")) {
        plan_explain_text(&q->script->plans[0], &out);
        http_reply(r, 200, "text/plain; charset=utf-8", &out);
        buf_fini(&out);
        return;
    }
    plan_explain_json(&q->script->plans[0], &out);
    api__answer(r, 200, &out);
}
