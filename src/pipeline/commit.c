/* SPDX-License-Identifier: MIT */
/*
 * Steps 2 to 5 of the epoch protocol, one epoch at a time per query:
 *
 *   loop       what the epoch says of itself (info)
 *   io         snapshot, prepare: files under unique names, durable
 *   client     are the topics still the same ones?
 *   io         SQLite "prepared"; commit, side tables first, the main table last; SQLite "committed"
 *   client     group commit, so that ordinary tools show the lag
 *   io         now and then: a checkpoint of the table's log, while the next epoch is on its way
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/query_priv.h"
#include "state/snapshot.h"

#define INFO_MAX ((size_t)64 << 20)
#define RECEIPTS_MAX ((size_t)256 << 20)

struct commit_job {
    struct job           job; /* first: a job is its commit_job */
    struct query        *q;
    struct lane_result  *r;
    struct offsets       next[SOURCES_MAX]; /* positions at the barrier */
    char                 nonce[37], snapshot[300];
    struct buf           info, receipts;
    int64_t              now_us;
    bool                 any_rows;
    int                  found; /* new partitions */
    struct epoch_written written;
    int64_t              barrier_us, fill_us, compute_us, prepare_us, record_us, commit_us; /* when; how long */
    int64_t              checkpoints[LANE_N_SINKS], keep_ms[LANE_N_SINKS]; /* versions, -1: none is wanted */
    char                *span; /* JSON: what the epoch read, for people; NULL when nobody asks */
    enum err             rc;
    struct error         error;
};

/* ---- where a rebuild would start ---- */

/* Starts of epochs before the one that the oldest open window has rows from are not needed any more. */
static void forget_past(struct query *q, int64_t first_epoch)
{
    int drop = 0;
    while (drop + 1 < q->n_past && q->past[drop + 1].epoch <= first_epoch)
        mem_free(q->past[drop++].start);
    q->n_past -= drop;
    if (drop)
        memmove(q->past, q->past + drop, (size_t)q->n_past * sizeof *q->past);
}

void query__remember_start(struct query *q)
{
    struct json_writer w;
    struct buf         text;
    struct past_epoch *more = mem_realloc(TAG_STATE, q->past, (size_t)(q->n_past + 1) * sizeof *more);
    if (!more)
        return; /* replay_from is then older than need be */
    q->past = more;
    buf_init(&text, TAG_STATE, INFO_MAX);
    json_writer_init(&w, &text);
    positions_write(q->sources, q->plan->n_sources, q->start, &w);
    char *start = mem_strdup(TAG_STATE, buf_text(&text));
    if (start)
        q->past[q->n_past++] = (struct past_epoch){q->epoch, start};
    buf_fini(&text);
}

/* ---- what the epoch says of itself ---- */

static void write_marks(const struct marks *m, struct json_writer *w)
{
    json_member_int(w, "late_ms", m->late_ms);
    json_member_int(w, "evict_ms", m->evict_ms);
    json_key(w, "clauses");
    json_begin_array(w);
    for (int i = 0; i < m->n_clauses; i++)
        json_put_int(w, m->clause_ms[i]);
    json_end_array(w);
}

/* The main table tells of every epoch with rows in any table; and of the first, so that readers find a table. */
static bool main_tells(const struct query *q, bool any_rows) { return any_rows || q->wrote[LANE_MAIN] < 0; }

static void write_info(struct commit_job *c, const struct offsets *start)
{
    struct query      *q = c->q;
    struct json_writer w;
    json_writer_init(&w, &c->info);
    json_begin_object(&w);
    json_member_int(&w, "epoch", c->r->epoch);
    json_member_string(&w, "nonce", c->nonce);
    json_key(&w, "start");
    positions_write(q->sources, q->plan->n_sources, start, &w);
    json_key(&w, "end");
    positions_write(q->sources, q->plan->n_sources, c->next, &w);
    write_marks(&c->r->marks, &w);
    json_member_bool(&w, "moved", c->r->moved);
    json_member_int(&w, "rows", c->r->rows);
    json_key(&w, "wrote");
    json_begin_array(&w);
    for (int i = 0; i < LANE_N_SINKS; i++)
        json_put_int(&w, c->r->cuts[i] || (i == LANE_MAIN && main_tells(q, c->any_rows)) ? c->r->epoch : q->wrote[i]);
    json_end_array(&w);
    json_member_raw(&w, "fingerprint", q->fingerprint);
    json_key(&w, "ledger");
    ledger_write(&c->r->ledger, q->sources, q->plan->n_sources, &w);
    forget_past(q, c->r->first_epoch == INT64_MAX ? c->r->epoch + 1 : c->r->first_epoch);
    if (c->r->first_epoch != INT64_MAX && q->n_past) {
        json_member_int(&w, "first_epoch", c->r->first_epoch);
        json_member_raw(&w, "replay_from", q->past[0].start);
    }
    json_end_object(&w);
}

/* ---- io thread: steps 4 and 5 ---- */

static enum err count_files(const char *receipt, int64_t *n, struct epoch_written *w, struct error *e)
{
    struct json_value *doc = NULL;
    TRY(json_doc_parse(receipt, strlen(receipt), &doc, e));
    *n = json_get_int(doc, "files", 0);
    w->files += *n;
    w->bytes += json_get_int(doc, "bytes", 0);
    json_doc_free(doc);
    return OK;
}

static enum err commit_sinks(struct query *q, const struct epoch_row *row, struct epoch_written *w, struct error *e)
{
    struct json_value *list = NULL;
    const char        *receipts[LANE_N_SINKS];
    int64_t            n_files[LANE_N_SINKS] = {0}, all = 0;
    struct sink_commit c = {.app_id = q->app_id,
                            .nonce = row->nonce,
                            .query_id = q->app_id,
                            .epoch = row->epoch,
                            .now_ms = clock_wall_us() / 1000,
                            .info = row->info};
    TRY(json_doc_parse(row->receipts, strlen(row->receipts), &list, e));
    enum err rc = OK;
    for (int i = 0; rc == OK && i < LANE_N_SINKS; i++) {
        receipts[i] = json_as_string(json_at(list, (size_t)i));
        w->versions[i] = -1;
        if (receipts[i])
            rc = count_files(receipts[i], &n_files[i], w, e);
        all += n_files[i];
    }
    for (int i = 0; rc == OK && i < LANE_N_SINKS; i++) {
        bool wanted = n_files[i] > 0 || (i == LANE_MAIN && main_tells(q, all > 0));
        if (!receipts[i] || !q->sinks[i] || !wanted)
            continue;
        c.create = q->wrote[i] < 0;
        rc = q->sinks[i]->ops->commit(q->sinks[i], receipts[i], &c, &w->versions[i], e);
    }
    json_doc_free(list);
    return rc;
}

enum err query__finish(struct query *q, const struct epoch_row *row, struct epoch_written *w, struct error *e)
{
    char text[128];
    *w = (struct epoch_written){.files = 0};
    TRY(commit_sinks(q, row, w, e));
    TRY(failpoint("pipeline.committed.before", e));
    snprintf(text, sizeof text, "[%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "]", w->versions[0], w->versions[1],
             w->versions[2], w->versions[3]);
    _Static_assert(LANE_N_SINKS == 4, "one version per sink");
    TRY(catalog_epoch_committed(q->catalog, q->plan->name, q->generation, row->epoch, text, e));
    return failpoint("pipeline.committed.after", e);
}

/* ---- the stages ---- */

static void free_commit(struct commit_job *c)
{
    lane_result_free(c->r, c->q->sinks);
    for (int s = 0; s < SOURCES_MAX; s++)
        offsets_free(&c->next[s]);
    buf_fini(&c->info);
    buf_fini(&c->receipts);
    mem_free(c->span);
    mem_free(c);
}

/* True when the next stage may begin; else the epoch is over, and so is c. */
static bool goes_on(struct commit_job *c)
{
    struct query *q = c->q;
    struct error  error = c->error;
    enum err      rc = c->rc;
    if (rc == OK && query__live(q))
        return true;
    free_commit(c);
    if (rc != OK && query__live(q)) {
        q->committing = false;
        query__failed(q, rc, &error);
    }
    return false;
}

static void next_stage(struct commit_job *c, struct workers *where, void (*run)(struct job *),
                       void (*done)(struct job *))
{
    c->job = (struct job){.run = run, .done = done};
    query__submit(c->q, where, &c->job);
}

static void run_group_commit(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    for (int s = 0; s < c->q->plan->n_sources; s++)
        kafka_source_commit(c->q->sources[s], c->next[s].at, c->next[s].n);
}

static void run_checkpoints(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    for (int i = 0; i < LANE_N_SINKS; i++)
        if (c->checkpoints[i] >= 0)
            delta_sink_checkpoint(c->q->sinks[i], c->checkpoints[i], c->keep_ms[i]);
}

static void checkpoints_done(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    c->q->checkpointing = false;
    c->q->host->n_checkpoints--;
    free_commit(c);
}

/* A checkpoint that cannot be written now is left out: there will be a next one. */
static void group_commit_done(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    struct query      *q = c->q;
    bool               wanted = false;
    for (int i = 0; i < LANE_N_SINKS; i++)
        wanted = wanted || c->checkpoints[i] >= 0;
    if (!wanted || q->checkpointing || q->host->n_checkpoints == HOST_CHECKPOINTS_MAX || q->state == QUERY_FAILED) {
        free_commit(c);
        return;
    }
    q->checkpointing = true;
    q->host->n_checkpoints++;
    next_stage(c, &q->host->io, run_checkpoints, checkpoints_done);
}

static enum err record_and_commit(struct commit_job *c, struct error *e)
{
    struct query    *q = c->q;
    struct epoch_row row = {.epoch = c->r->epoch,
                            .nonce = c->nonce,
                            .info = buf_text(&c->info),
                            .now_us = c->now_us,
                            .snapshot = c->snapshot[0] ? c->snapshot : NULL,
                            .receipts = buf_text(&c->receipts)};
    TRY(failpoint("pipeline.prepared.before", e));
    int64_t begin_us = clock_mono_us();
    TRY(catalog_epoch_prepared(q->catalog, q->plan->name, q->generation, &row, e));
    c->record_us = clock_mono_us() - begin_us;
    TRY(failpoint("pipeline.prepared.after", e));
    begin_us = clock_mono_us();
    TRY(query__finish(q, &row, &c->written, e));
    c->commit_us = clock_mono_us() - begin_us;
    for (int i = 0; i < LANE_N_SINKS; i++)
        if (c->written.versions[i] >= 0 &&
            delta_sink_checkpoint_due(q->sinks[i], c->written.versions[i], &c->keep_ms[i]))
            c->checkpoints[i] = c->written.versions[i];
    if (c->snapshot[0]) {
        char prefix[300], before[400]; /* no name has an @: none begins like the files of another query */
        snprintf(prefix, sizeof prefix, "%s@%" PRId64 "@", q->plan->name, q->generation);
        snprintf(before, sizeof before, "%s%" PRId64 ".snap", prefix, c->r->epoch - 1);
        snapshot_sweep(catalog_dir(q->catalog), prefix, c->snapshot, before);
    }
    return OK;
}

static void run_commit(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    c->rc = record_and_commit(c, &c->error);
}

static void write_span(struct commit_job *c, const struct offsets *start)
{
    struct query      *q = c->q;
    struct json_writer w;
    struct buf         text;
    buf_init(&text, TAG_WEB, 1 << 20);
    json_writer_init(&w, &text);
    json_begin_array(&w);
    for (int s = 0; s < q->plan->n_sources; s++)
        for (int i = 0; i < c->next[s].n; i++) {
            int64_t from = i < start[s].n ? start[s].at[i] : c->next[s].at[i];
            if (from == c->next[s].at[i])
                continue;
            json_begin_object(&w);
            json_member_string(&w, "topic", kafka_source_at(q->sources[s], i)->topic);
            json_member_int(&w, "partition", kafka_source_at(q->sources[s], i)->partition);
            json_member_int(&w, "from", from);
            json_member_int(&w, "to", c->next[s].at[i]);
            json_end_object(&w);
        }
    json_end_array(&w);
    c->span = text.failed ? NULL : mem_strdup(TAG_WEB, buf_text(&text));
    buf_fini(&text);
}

static void tell_meter(struct commit_job *c)
{
    struct query      *q = c->q;
    struct ledger_sums now, before;
    if (!q->options.meter)
        return;
    query__sum_ledger(q, &c->r->ledger, &now);
    query__sum_ledger(q, &q->ledger, &before);
    struct meter_commit m = {.epoch = c->r->epoch,
                             .version = c->written.versions[LANE_MAIN],
                             .committed_ms = clock_wall_us() / 1000,
                             .records = now.read - before.read,
                             .rows = c->r->rows,
                             .late = now.late - before.late,
                             .rejected = now.rejected - before.rejected,
                             .files = c->written.files,
                             .bytes = c->written.bytes,
                             .duration_us = clock_mono_us() - c->barrier_us,
                             .phase_us = {c->fill_us, c->compute_us, c->prepare_us, c->record_us, c->commit_us},
                             .retries = q->n_retries,
                             .watermark_ms = c->r->marks.evict_ms,
                             .offsets = c->span};
    c->span = NULL;
    meter_committed(q->options.meter, &m);
}

static void commit_done(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    struct query      *q = c->q;
    if (!goes_on(c))
        return;
    tell_meter(c);
    query__committed(q, c->r, &c->written);
    for (int s = 0; s < q->plan->n_sources; s++) {
        offsets_free(&q->done[s]);
        offsets_copy(&q->done[s], &c->next[s]);
    }
    if (c->found)
        query__adopt_partitions(q);
    next_stage(c, &q->client, run_group_commit, group_commit_done);
    query__progress(q);
}

static void run_check(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    c->rc = query__topics_are_the_same(c->q, &c->found, &c->error);
}

static void check_done(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    if (goes_on(c))
        next_stage(c, &c->q->host->io, run_commit, commit_done);
}

static enum err prepare_sinks(struct commit_job *c, struct error *e)
{
    struct json_writer w;
    json_writer_init(&w, &c->receipts);
    json_begin_array(&w);
    for (int i = 0; i < LANE_N_SINKS; i++) {
        struct sink     *s = c->q->sinks[i];
        struct sink_cut *cut = c->r->cuts[i];
        struct buf       receipt;
        if (!s) {
            json_put_null(&w);
            continue;
        }
        c->r->cuts[i] = NULL;
        buf_init(&receipt, TAG_SINK, RECEIPTS_MAX);
        enum err rc = s->ops->prepare(s, cut, &receipt, e);
        if (rc == OK)
            json_put_string(&w, buf_text(&receipt));
        buf_fini(&receipt);
        TRY(rc);
    }
    json_end_array(&w);
    return buf_check(&c->receipts, "receipts", e);
}

static enum err prepare(struct commit_job *c, struct error *e)
{
    struct query *q = c->q;
    TRY(buf_check(&c->info, "epoch record", e));
    if (c->r->snapshot.size) {
        snprintf(c->snapshot, sizeof c->snapshot, "%s@%" PRId64 "@%" PRId64 ".snap", q->plan->name, q->generation,
                 c->r->epoch);
        TRY(failpoint("pipeline.snapshot.before", e));
        TRY(snapshot_write(catalog_dir(q->catalog), c->snapshot, c->r->snapshot.data, c->r->snapshot.size, e));
        TRY(failpoint("pipeline.snapshot.after", e));
    }
    return prepare_sinks(c, e);
}

static void run_prepare(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    int64_t            begin_us = clock_mono_us();
    c->rc = prepare(c, &c->error);
    c->prepare_us = clock_mono_us() - begin_us;
}

static void prepare_done(struct job *job)
{
    struct commit_job *c = (struct commit_job *)job;
    if (goes_on(c))
        next_stage(c, &c->q->client, run_check, check_done);
}

void query__commit(struct query *q, struct lane_result *take)
{
    struct commit_job *c = mem_zalloc(TAG_STATE, sizeof *c);
    CHECK(c);
    c->q = q;
    c->r = take;
    c->now_us = q->now_us;
    uuid_v4(c->nonce);
    buf_init(&c->info, TAG_STATE, INFO_MAX);
    buf_init(&c->receipts, TAG_STATE, RECEIPTS_MAX);
    for (int i = 0; i < LANE_N_SINKS; i++) {
        c->any_rows = c->any_rows || take->cuts[i];
        c->checkpoints[i] = -1;
    }
    for (int s = 0; s < q->plan->n_sources; s++)
        offsets_take(&c->next[s], q->sources[s]);
    write_info(c, q->start);
    c->barrier_us = q->barrier_us;
    c->fill_us = q->barrier_us - q->opened_us;
    c->compute_us = clock_mono_us() - q->barrier_us;
    if (q->options.meter)
        write_span(c, q->start);
    next_stage(c, &q->host->io, run_prepare, prepare_done);
}
