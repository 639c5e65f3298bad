/* SPDX-License-Identifier: MIT */
/*
 * What an epoch reads. No partition may run ahead: a client reads a backlog unevenly, and the rows of slow partitions
 * would be late by the watermark of fast ones. So every extension of the plan is a snapshot of all partitions' ends.
 */
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/query_priv.h"

/* What an epoch reads at most when nobody asks for less. Bytes are known only once they are read: so the plan is
 * extended step by step, every partition by its share. */
#define OWN_CAP 1000000 /* offsets of a source */
#define OWN_BYTES ((int64_t)256 << 20)
#define STEP_BYTES (OWN_BYTES / 4)       /* planned ahead, by the size of the records read last */
#define UNKNOWN_BYTES ((int64_t)1 << 20) /* what the first record is taken for */
#define TAKE_US 2000                     /* one turn of pumping */

static const struct kafka_options *options_of(const struct query *q, int s)
{
    return &((const struct kafka_relation *)q->plan->sources[s].relation.handle)->options;
}

/* ---- planning ---- */

static int64_t cap_of(const struct query *q, int s)
{
    int64_t most = options_of(q, s)->max_offsets;
    return most && most < OWN_CAP ? most : OWN_CAP;
}

bool query__own_cap(const struct query *q)
{
    for (int s = 0; s < q->plan->n_sources; s++)
        if (cap_of(q, s) != OWN_CAP)
            return false;
    return true;
}

/* While rebuilding, an epoch ends where it ended the first time. */
static int64_t rebuild_end(const struct query *q, int s, const struct kafka_partition *p)
{
    for (int i = 0; i < q->n_rebuild_to[s]; i++) {
        const struct kafka_position *to = &q->rebuild_to[s][i];
        if (to->partition == p->partition && strcmp(to->topic, p->topic) == 0)
            return to->next;
    }
    return p->next;
}

/* Of records handed out since the source was started. */
static struct kafka_source_stats handed_out(const struct query *q)
{
    struct kafka_source_stats sum = {0}, one;
    for (int s = 0; s < q->plan->n_sources; s++) {
        kafka_source_stats(q->sources[s], &one);
        sum.records += one.records;
        sum.bytes += one.bytes;
    }
    return sum;
}

/* Offsets that may still be planned of a source, `planned` being planned and `waiting` of those not yet read. */
static int64_t room_of(struct query *q, int s, int64_t planned, int64_t waiting)
{
    int64_t left = cap_of(q, s) - planned;
    if (!query__own_cap(q))
        return left;
    struct kafka_source_stats now = handed_out(q);
    if (now.records > q->sized.records)
        q->record_bytes = (now.bytes - q->sized.bytes) / (now.records - q->sized.records) + 1;
    q->sized.records = now.records;
    q->sized.bytes = now.bytes;
    int64_t step = STEP_BYTES / q->plan->n_sources / (q->record_bytes ? q->record_bytes : UNKNOWN_BYTES);
    step = (step > 1 ? step : 1) - waiting;
    return now.bytes - q->opened_bytes >= OWN_BYTES ? 0 : step < left ? step : left;
}

static bool plan_source(struct query *q, int s)
{
    struct kafka_source *src = q->sources[s];
    int                  n = q->start[s].n;
    int64_t             *begin = mem_alloc(TAG_STATE, (size_t)(n + 1) * 3 * sizeof *begin);
    CHECK(begin);
    int64_t *end = begin + n + 1, *out = end + n + 1, have = 0, planned = 0, waiting = 0;
    for (int i = 0; i < n; i++) {
        const struct kafka_partition *p = kafka_source_at(src, i);
        int64_t                       known = i < q->ends[s].n ? q->ends[s].at[i] : p->next;
        begin[i] = p->end > p->next ? p->end : p->next;
        end[i] = known > begin[i] ? known : begin[i];
        have += end[i] - begin[i];
        planned += begin[i] - q->start[s].at[i];
        waiting += begin[i] - p->next;
        out[i] = end[i];
        if (q->rebuilding)
            out[i] = rebuild_end(q, s, p);
    }
    int64_t left = q->rebuilding ? have : room_of(q, s, planned, waiting);
    if (!q->rebuilding && left <= 0)
        memcpy(out, begin, (size_t)n * sizeof *out);
    else if (!q->rebuilding && have > left)
        kafka_split_offsets(begin, end, n, left, out);
    for (int i = 0; i < n; i++)
        kafka_source_plan(src, i, out[i]);
    mem_free(begin);
    return have > 0 && left > 0;
}

bool query__plan(struct query *q)
{
    bool more = false;
    for (int s = 0; s < q->plan->n_sources; s++)
        more = plan_source(q, s) || more;
    return more;
}

/* Nothing more than what is read already. */
static void close_plan(struct query *q)
{
    for (int s = 0; s < q->plan->n_sources; s++)
        for (int i = 0; i < q->start[s].n; i++)
            kafka_source_plan(q->sources[s], i, 0);
}

void query__open_plan(struct query *q)
{
    q->opened_bytes = handed_out(q).bytes;
    for (int s = 0; s < q->plan->n_sources; s++)
        offsets_take(&q->start[s], q->sources[s]);
    close_plan(q);
}

/* Records that have grown suddenly: better a partition ahead of another than no memory left. */
static void close_plan_beyond_bytes(struct query *q)
{
    if (!q->rebuilding && query__own_cap(q) && handed_out(q).bytes - q->opened_bytes >= 2 * OWN_BYTES)
        close_plan(q);
}

bool query__reached(struct query *q)
{
    bool all = q->refused == NULL;
    for (int s = 0; s < q->plan->n_sources; s++)
        all = kafka_source_done(q->sources[s]) && all;
    return all;
}

bool query__advanced(const struct query *q)
{
    for (int s = 0; s < q->plan->n_sources; s++)
        for (int i = 0; i < q->start[s].n; i++)
            if (kafka_source_at(q->sources[s], i)->next > q->start[s].at[i])
                return true;
    return false;
}

int64_t query__lag(const struct query *q)
{
    int64_t lag = 0;
    for (int s = 0; s < q->plan->n_sources && query__live(q); s++)
        for (int i = 0; i < q->ends[s].n; i++) {
            int64_t next = kafka_source_at(q->sources[s], i)->next;
            lag += q->ends[s].at[i] > next ? q->ends[s].at[i] - next : 0;
        }
    return lag;
}

/* ---- asking the brokers, on the client thread ---- */

struct ends_job {
    struct job     job;
    struct query  *q;
    struct offsets ends[SOURCES_MAX];
    enum err       rc;
    struct error   error;
};

static void run_ends(struct job *job)
{
    struct ends_job *j = (struct ends_job *)job;
    for (int s = 0; j->rc == OK && s < j->q->plan->n_sources; s++)
        j->rc = kafka_source_ends(j->q->sources[s], j->ends[s].at, j->ends[s].n, &j->error);
}

static void ends_done(struct job *job)
{
    struct ends_job *j = (struct ends_job *)job;
    struct query    *q = j->q;
    q->asking = false;
    for (int s = 0; s < q->plan->n_sources; s++) {
        if (query__live(q) && j->rc == OK) {
            offsets_free(&q->ends[s]);
            q->ends[s] = j->ends[s];
        } else {
            offsets_free(&j->ends[s]);
        }
    }
    if (query__live(q) && j->rc == OK) {
        if (!q->at_barrier && !q->rebuilding)
            query__plan(q);
        q->news = q->news || query__lag(q) > 0; /* there is more: look again when that is read */
    } else if (query__live(q) && !j->error.retry) {
        query__failed(q, j->rc, &j->error);
    } else {
        q->news = true; /* ask again */
    }
    mem_free(j);
    query__progress(q);
}

void query__ask_ends(struct query *q)
{
    struct ends_job *j = mem_zalloc(TAG_STATE, sizeof *j);
    CHECK(j);
    j->job = (struct job){.run = run_ends, .done = ends_done};
    j->q = q;
    for (int s = 0; s < q->plan->n_sources; s++)
        offsets_take(&j->ends[s], q->sources[s]);
    q->asking = true;
    q->news = false;
    q->asked_us = clock_mono_us();
    query__submit(q, &q->client, &j->job);
}

struct topics_job {
    struct job     job;
    struct query  *q;
    int            found; /* new partitions */
    struct offsets starts[SOURCES_MAX];
    enum err       rc;
    struct error   error;
};

enum err query__topics_are_the_same(struct query *q, int *found, struct error *e)
{
    for (int s = 0; s < q->plan->n_sources; s++) {
        int more = 0;
        TRY(kafka_source_check_topics(q->sources[s], &more, e));
        *found += more;
    }
    return OK;
}

static void run_check(struct job *job)
{
    struct topics_job *j = (struct topics_job *)job;
    j->rc = query__topics_are_the_same(j->q, &j->found, &j->error);
    for (int s = 0; j->rc == OK && s < j->q->plan->n_sources; s++)
        j->rc = kafka_source_starts(j->q->sources[s], j->starts[s].at, j->starts[s].n, &j->error);
}

static void run_start(struct job *job)
{
    struct topics_job *j = (struct topics_job *)job;
    for (int s = 0; j->rc == OK && s < j->q->plan->n_sources; s++)
        j->rc = kafka_source_start(j->q->sources[s], &j->error);
}

static void topics_done(struct job *job)
{
    struct topics_job *j = (struct topics_job *)job;
    struct query      *q = j->q;
    q->checking_topics = false;
    for (int s = 0; s < q->plan->n_sources; s++)
        if (query__live(q) && j->rc == OK && j->starts[s].n) {
            offsets_free(&q->starts[s]);
            q->starts[s] = j->starts[s];
        } else {
            offsets_free(&j->starts[s]);
        }
    if (query__live(q) && j->rc != OK && !j->error.retry)
        query__failed(q, j->rc, &j->error);
    else if (query__live(q) && j->rc == OK && j->found)
        query__adopt_partitions(q);
    mem_free(j);
}

static void topics_job(struct query *q, void (*run)(struct job *))
{
    struct topics_job *j = mem_zalloc(TAG_STATE, sizeof *j);
    CHECK(j);
    *j = (struct topics_job){.job = {.run = run, .done = topics_done}, .q = q};
    for (int s = 0; run == run_check && s < q->plan->n_sources; s++)
        offsets_take(&j->starts[s], q->sources[s]);
    q->checking_topics = true;
    q->checked_us = clock_mono_us();
    query__submit(q, &q->client, &j->job);
}

void query__check_topics(struct query *q) { topics_job(q, run_check); }

/* New partitions join the open epoch at their first record; the next plan gives them their share. */
void query__adopt_partitions(struct query *q)
{
    int added = 0;
    if (q->options.available_now)
        return;
    for (int s = 0; s < q->plan->n_sources; s++) {
        int64_t *at = q->start[s].at;
        int      n = q->start[s].n;
        added += kafka_source_adopt(q->sources[s]);
        q->start[s] = (struct offsets){NULL, 0};
        offsets_take(&q->start[s], q->sources[s]);
        memcpy(q->start[s].at, at, (size_t)n * sizeof *at);
        mem_free(at);
    }
    if (!added)
        return;
    log_info("query", "%s: %d new partition%s", q->plan->name, added, added == 1 ? "" : "s");
    q->news = true;
    topics_job(q, run_start);
}

/* ---- pumping records into the lane ---- */

static bool pump_source(struct query *q, int s, int64_t until_us)
{
    struct source *src = kafka_source_flow(q->sources[s]);
    do {
        struct raw_batch *raw = NULL;
        struct error      e;
        enum err          rc = src->ops->take(src, KAFKA_TAKE_MAX, &raw, &e);
        if (rc != OK) {
            query__failed(q, rc, &e);
            return false;
        }
        if (!raw)
            return kafka_source_more(q->sources[s]);
        q->records += q->rebuilding ? 0 : raw->n_records;
        if (raw->n_records)
            q->last_record_ms = raw->records[raw->n_records - 1].timestamp_ms;
        if (q->options.meter && raw->n_records)
            meter_arrived(q->options.meter, raw->records[0].timestamp_ms, raw->records[raw->n_records - 1].timestamp_ms,
                          raw->n_records);
        q->last_record_us = clock_mono_us();
        if (!lane_offer_raw(&q->lane, raw)) {
            q->refused = raw;
            return false; /* the lane wakes us when there is room */
        }
    } while (q->last_record_us < until_us);
    return true;
}

bool query__pump(struct query *q)
{
    int64_t until = clock_mono_us() + TAKE_US;
    bool    again = false;
    if (q->refused && !lane_offer_raw(&q->lane, q->refused))
        return false;
    q->refused = NULL;
    for (int s = 0; s < q->plan->n_sources && query__live(q) && !q->refused; s++)
        again = pump_source(q, s, until) || again;
    if (query__live(q))
        close_plan_beyond_bytes(q);
    return again && query__live(q) && !q->refused;
}
