/* SPDX-License-Identifier: MIT */
/* What a query says of itself: status for a person, summary for a program. Loop thread. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "pipeline/query_priv.h"
#include "text/time.h"

/* ---- the ledger ---- */

void query__sum_ledger(const struct query *q, const struct ledger *l, struct ledger_sums *out)
{
    ledger_sum(l, out);
    for (int s = 0; s < q->plan->n_sources && query__live(q); s++)
        for (int i = 0; i < kafka_source_n(q->sources[s]); i++)
            out->lost += kafka_source_at(q->sources[s], i)->lost;
}

/* ---- event time ---- */

/* Does the path below the node pass that WATERMARK clause? */
static bool holds_clause(const struct plan_node *n, int clause, bool passed, int *source)
{
    if (!n)
        return false;
    passed = passed || (n->kind == PLAN_WATERMARK && n->clause == clause);
    if (n->kind == PLAN_SOURCE && passed)
        *source = n->leaf;
    if (n->kind == PLAN_SOURCE || n->kind == PLAN_TABLE)
        return n->kind == PLAN_SOURCE && passed;
    return holds_clause(n->input, clause, passed, source) ||
           (n->kind == PLAN_UNION && holds_clause(n->other, clause, passed, source));
}

static void event_time(const struct query *q, struct query_status *out)
{
    int slowest = -1;
    for (int i = 0; i < q->marks.n_clauses; i++) {
        int64_t mark = q->marks.clause_ms[i], newest = mark ? mark + q->plan->clauses[i].delay_ms : 0;
        slowest = slowest < 0 || mark < q->marks.clause_ms[slowest] ? i : slowest;
        out->max_event_ms = newest > out->max_event_ms ? newest : out->max_event_ms;
    }
    out->holder = -1;
    if (slowest < 0 || !holds_clause(q->plan->root, slowest, false, &out->holder))
        return;
    int64_t slot = q->marks.clause_slot[slowest], n = q->plan->n_sources;
    bool    known = slot >= 0 && slot % n == out->holder && query__live(q);
    if (known && slot / n < kafka_source_n(q->sources[out->holder])) {
        const struct kafka_partition *p = kafka_source_at(q->sources[out->holder], (int)(slot / n));
        out->holder_topic = p->topic;
        out->holder_partition = p->partition;
    }
}

/* ---- status ---- */

static void down(const struct query *q, struct query_status *out)
{
    out->down_error = out->silent = "";
    for (int s = 0; s < q->plan->n_sources && query__live(q); s++) {
        struct kafka_source_stats stats;
        kafka_source_stats(q->sources[s], &stats);
        if (stats.down_since_us && (!out->down_since_us || stats.down_since_us < out->down_since_us)) {
            out->down_since_us = stats.down_since_us;
            out->down_error = stats.last_error;
        }
        if (stats.silent_since_us && (!out->silent_since_us || stats.silent_since_us < out->silent_since_us)) {
            out->silent_since_us = stats.silent_since_us;
            out->silent = stats.silent;
        }
    }
}

void query_status(const struct query *q, struct query_status *out)
{
    int64_t now = clock_mono_us();
    *out = (struct query_status){.state = q->state,
                                 .plan = q->plan,
                                 .rc = q->rc,
                                 .error = q->error.text,
                                 .records = q->records,
                                 .rows = q->rows_written,
                                 .down_error = "",
                                 .silent = "",
                                 .committed_epoch = -1,
                                 .version = -1,
                                 .holder = -1,
                                 .open_for_us = -1,
                                 .retries = q->n_retries,
                                 .retry_in_us = q->retry_at_us > now ? q->retry_at_us - now
                                                : q->retry_at_us     ? 0
                                                                     : -1,
                                 .committed_ms = q->committed_ms};
    if (q->state == QUERY_STARTING) /* all else is in the hands of an io thread */
        return;
    out->lag = query__lag(q);
    out->committed_epoch = q->committed_epoch;
    out->version = q->version;
    out->watermark_ms = q->marks.evict_ms;
    out->nothing_to_read = q->records == 0 && q->committed_epoch < 0;
    out->generation = q->generation;
    out->epoch = q->epoch;
    out->last_record_ms = q->last_record_ms;
    out->open_groups = q->open_groups;
    out->next_end_ms = q->next_end_us == INT64_MAX ? 0 : q->next_end_us / 1000;
    out->state_bytes = q->state_bytes;
    out->open_for_us = query__live(q) ? now - q->opened_us : -1;
    out->behind = out->lag > 0 && query__live(q) && (q->at_barrier || q->committing || q->refused) &&
                  now - q->opened_us > q->plan->trigger_us;
    event_time(q, out);
    down(q, out);
    for (int i = 0; i < LANE_N_WORK && query__live(q); i++)
        out->worked_us[i] = atomic_load_explicit(&q->lane.worked_us[i], memory_order_relaxed);
    query__sum_ledger(q, &q->ledger, &out->ledger);
    memcpy(out->rules, q->ledger.rules, sizeof out->rules);
}

void query_why_nothing(const struct query_status *st, int64_t wall_ms, char out[200])
{
    int64_t trigger_ms = st->plan->trigger_us / 1000, quiet_ms = st->committed_ms ? wall_ms - st->committed_ms : 0;
    char    mark[TIME_TEXT_MAX] = "", end[TIME_TEXT_MAX] = "";
    timestamp_print_iso_ms(st->watermark_ms * 1000, mark);
    timestamp_print_iso_ms(st->next_end_ms * 1000, end);
    out[0] = 0;
    if (st->state == QUERY_STARTING)
        snprintf(out, 200, "it is starting%s%.150s", st->error[0] ? " again: " : "", st->error);
    else if (st->state != QUERY_RUNNING)
        snprintf(out, 200, "it does not run");
    else if (st->silent_since_us)
        silence_text(st->silent, st->silent_since_us, out);
    else if (st->down_since_us)
        snprintf(out, 200, "no broker is connected: %.150s", st->down_error);
    else if (st->records == 0 && st->lag == 0 && st->ledger.read == 0)
        snprintf(out, 200, "no record has come yet: the topic is empty, or it reads from the latest offsets");
    else if (st->plan->n_windows && st->open_groups && st->next_end_ms > st->watermark_ms && st->rows == 0)
        snprintf(out, 200, "the next window ends at %s, the watermark is at %s: it needs later events", end,
                 st->watermark_ms ? mark : "the beginning");
    else if (st->plan->n_windows && st->open_groups && st->lag == 0 && st->next_end_ms > st->watermark_ms &&
             quiet_ms > 2 * trigger_ms + 1000)
        snprintf(out, 200, "no record comes any more, so the watermark stands at %s; the next window ends at %s", mark,
                 end);
    else if (st->rows == 0 && st->ledger.read > 0 && st->ledger.filtered == st->ledger.read)
        snprintf(out, 200, "the filter has dropped every record so far");
    else if (st->rows == 0 && st->ledger.read > 0 && st->ledger.written == 0)
        snprintf(out, 200, "%" PRId64 " records were read and none has become a row yet", st->ledger.read);
}

/* ---- newest rows, sources ---- */

int64_t query_rows_seen(const struct query *q) { return q->shown; }

int query_rows(const struct query *q, int64_t from, int most, bool text_bigint, struct json_writer *w)
{
    return tap_rows(q->tap, from, q->shown, most, text_bigint, w);
}

const struct kafka_source *query_source(const struct query *q, int s) { return query__live(q) ? q->sources[s] : NULL; }

static int64_t offset_at(const struct offsets *o, int i, int64_t otherwise) { return i < o->n ? o->at[i] : otherwise; }

void query_partition(const struct query *q, int s, int i, struct query_partition *out)
{
    const struct kafka_partition *p = kafka_source_at(q->sources[s], i);
    out->low = offset_at(&q->starts[s], i, p->known_start);
    out->end = offset_at(&q->ends[s], i, p->next);
    out->end = out->end > p->known_end ? out->end : p->known_end;
    out->end = out->end > p->next ? out->end : p->next;
    out->lag = out->end - p->next;
    out->committed = offset_at(&q->done[s], i, -1);
    out->records_per_s = offset_at(&q->rates[s], i, 0);
}

void query_tick_second(struct query *q)
{
    int64_t now = clock_mono_us(), passed = now - q->rated_us;
    for (int s = 0; s < q->plan->n_sources && query__live(q); s++) {
        struct offsets before = q->rated[s];
        q->rated[s] = (struct offsets){NULL, 0};
        offsets_take(&q->rated[s], q->sources[s]);
        offsets_free(&q->rates[s]);
        offsets_copy(&q->rates[s], &q->rated[s]);
        for (int i = 0; i < q->rated[s].n; i++) {
            q->rated[s].at[i] = kafka_source_at(q->sources[s], i)->records;
            int64_t come = q->rated[s].at[i] - offset_at(&before, i, 0);
            q->rates[s].at[i] = come > 0 && passed > 0 ? come * 1000000 / passed : 0;
        }
        offsets_free(&before);
    }
    q->rated_us = now;
}

void query_newest_rows(const struct query *q, uint32_t width, uint32_t most, struct buf *out)
{
    tap_print(q->tap, width, most, out);
}

/* Of this program: getrusage's maximum includes what the parent was before exec. */
static int64_t peak_rss_bytes(void)
{
    char    line[256];
    int64_t kib = 0;
    FILE   *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %" SCNd64, &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib * 1024;
}

void query_summary(const struct query *q, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, "query", q->plan->name);
    json_member_int(&w, "generation", q->generation);
    json_member_int(&w, "epochs", q->n_epochs);
    json_member_int(&w, "last_epoch", q->committed_epoch);
    json_key(&w, "table");
    json_begin_object(&w);
    json_member_string(&w, "path", q->plan->location);
    json_member_int(&w, "version", q->version);
    json_end_object(&w);
    json_member_int(&w, "rows_written", q->rows_written);
    json_member_int(&w, "records", q->records);
    json_member_int(&w, "watermark_ms", q->marks.evict_ms);
    json_member_double(&w, "cpu_seconds", (double)clock_process_cpu_us() / 1e6);
    json_member_double(&w, "start_cpu_seconds", (double)q->start_cpu_us / 1e6);
    json_member_int(&w, "peak_rss_bytes", peak_rss_bytes());
    json_member_double(&w, "first_poll_ms", q->first_poll_us ? (double)(q->first_poll_us - q->started_us) / 1e3 : 0);
    json_key(&w, "ledger");
    if (q->committed_epoch >= 0)
        ledger_write(&q->ledger, q->sources, q->plan->n_sources, &w);
    else
        json_put_null(&w);
    json_end_object(&w);
    buf_u8(out, '\n');
}
