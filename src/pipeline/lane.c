/* SPDX-License-Identifier: MIT */
#include "pipeline/lane.h"

#include "base/clock.h"
#include "sink/side.h"
#include "sink/tap.h"

#define INBOX_BATCHES 64
#define INBOX_BYTES ((size_t)16 << 20)
#define NOTHING_LATE (INT64_MIN / 1000) /* in ms; fits in us */

/* ---- where result rows end ---- */

static enum err rows_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct lane *l = (struct lane *)((uint8_t *)op - offsetof(struct lane, rows_end));
    if (msg->kind != FLOW_BATCH)
        return OK;
    struct batch *b = msg->batch;
    if (l->rebuilding) {
        batch_free(b);
        return OK;
    }
    int64_t  begin_us = clock_mono_us();
    enum err rc = l->sinks[LANE_MAIN]->ops->write(l->sinks[LANE_MAIN], b, e);
    l->writing_us += clock_mono_us() - begin_us;
    if (rc == OK && !b->raw) { /* closed groups: counted as closed with the windows */
        l->ledger.written += flow_effects(&l->tail_context, b);
    } else if (rc == OK) { /* no aggregate: rows are effects, written at once */
        struct tally_slot *t = tally_slot(&l->tally, b->raw->slot);
        if (t)
            t->passed += batch_n_records(b);
        l->ledger.closed += b->n_rows;
        l->ledger.written += b->n_rows;
    }
    l->rows += b->n_rows;
    if (rc == OK && l->tap)
        tap_show(l->tap, b);
    batch_free(b);
    return rc;
}

static void rows_free(struct op *op) { (void)op; }

static const struct op_ops rows_ops = {.name = "rows", .push = rows_push, .free = rows_free};

/* ---- rows that violate an expectation ---- */

static enum err quarantine_push(struct op *op, struct flow_msg *msg, struct error *e)
{
    struct lane *l = (struct lane *)((uint8_t *)op - offsetof(struct lane, quarantine_end));
    struct sink *s = l->sinks[LANE_QUARANTINE];
    enum err     rc = l->rebuilding ? OK : s->ops->write(s, msg->batch, e);
    batch_free(msg->batch);
    return rc;
}

static const struct op_ops quarantine_ops = {.name = "quarantine", .push = quarantine_push, .free = rows_free};

/* ---- messages ---- */

static void worked(struct lane *l, enum lane_work what, int64_t us)
{
    atomic_fetch_add_explicit(&l->worked_us[what], us, memory_order_relaxed);
}

/* Since then it has computed, and written what it wrote meanwhile. */
static void computed(struct lane *l, int64_t begin_us)
{
    worked(l, LANE_COMPUTE, clock_mono_us() - begin_us - l->writing_us);
    worked(l, LANE_WRITE, l->writing_us);
    l->writing_us = 0;
}

static enum err take_raw(struct lane *l, struct raw_batch *raw, struct error *e)
{
    struct decoder *d = l->decoders[raw->source];
    struct batch   *b = NULL;
    int64_t         begin_us = clock_mono_us();
    enum err        rc = d->ops->decode(d, raw, &l->context, &b, e);
    raw_batch_free(raw);
    int64_t decoded_us = clock_mono_us();
    worked(l, LANE_DECODE, decoded_us - begin_us);
    if (rc != OK)
        return rc;
    if (b->n_rows == 0) {
        batch_free(b);
        return OK;
    }
    struct flow_msg msg = {.kind = FLOW_BATCH, .batch = b};
    struct op      *head = l->ops.heads[b->raw->source];
    rc = head->ops->push(head, &msg, e);
    computed(l, decoded_us);
    return rc;
}

static void open_epoch(struct lane *l, const struct flow_msg *msg)
{
    l->epoch = msg->epoch;
    l->rows = 0;
    l->context.epoch = l->tail_context.epoch = msg->epoch;
    l->context.late_ms = l->tail_context.late_ms = l->rebuilding ? NOTHING_LATE : l->marks.late_ms;
    l->context.now_us = l->tail_context.now_us = msg->now_us;
    l->context.side = l->rebuilding ? l->mute : l->samples ? samples_side(l->samples, l->side) : l->side;
    side_set_epoch(l->side, msg->epoch);
}

struct closing {
    struct lane *l;
    struct op   *tail;
};

static enum err emit_closed(void *arg, struct batch *b, const struct flow_behind *behind, struct error *e)
{
    const struct closing *c = arg;
    struct flow_msg       msg = {.kind = FLOW_BATCH, .batch = b};
    c->l->tail_context.behind = behind;
    enum err rc = c->tail->ops->push(c->tail, &msg, e);
    c->l->tail_context.behind = NULL;
    return rc;
}

/* Stage by stage: what closes in one may be rows of a later one in the same epoch, as in Spark. */
static enum err close_stages(struct lane *l, int64_t evict_ms, struct error *e)
{
    l->ledger.open = 0;
    for (int i = 0; i < l->ops.n_stages; i++) {
        struct group_table *partial;
        struct closing      c = {l, l->ops.stages[i].tail};
        int64_t             effects = 0;
        TRY(window_take_partial(l->ops.stages[i].window, &partial, e));
        TRY(window_state_merge(l->windows[i], partial, e));
        TRY(window_state_close(l->windows[i], evict_ms, emit_closed, &c, &effects, e));
        l->ledger.closed += effects;
        l->ledger.open += window_state_effects(l->windows[i]);
    }
    return OK;
}

static enum err close_windows(struct lane *l, struct error *e)
{
    int64_t having_before = l->ops.having;
    TRY(close_stages(l, l->marks.evict_ms, e));
    l->ledger.having += l->ops.having - having_before;
    return OK;
}

/* The watermarks of the next epoch: over clauses the smallest. True when windows may close now. */
static bool move_marks(struct lane *l)
{
    struct marks *m = &l->marks;
    int64_t       late = INT64_MAX, evict = INT64_MAX, before = m->evict_ms;
    if (m->n_clauses == 0)
        return false;
    for (int i = 0; i < m->n_clauses; i++) {
        struct watermark *w = &l->ops.watermarks[i];
        watermark_barrier(w);
        m->clause_ms[i] = w->evict_ms;
        m->clause_slot[i] = w->evict_slot;
        late = w->late_ms < late ? w->late_ms : late;
        evict = w->evict_ms < evict ? w->evict_ms : evict;
    }
    m->late_ms = late;
    m->evict_ms = evict;
    return evict > before;
}

static enum err cut_sinks(struct lane *l, struct lane_result *r, struct error *e)
{
    int64_t begin_us = clock_mono_us();
    for (int i = 0; i < LANE_N_SINKS; i++)
        if (l->sinks[i])
            TRY(l->sinks[i]->ops->cut(l->sinks[i], &r->cuts[i], e));
    worked(l, LANE_WRITE, clock_mono_us() - begin_us);
    return OK;
}

/* Nothing has come for long: the watermarks go to where the newest window ends. */
static void pass_open_windows(struct lane *l)
{
    struct lane_windows open;
    lane_look(l, &open);
    for (int i = 0; open.groups && i < l->marks.n_clauses; i++)
        watermark_reach(&l->ops.watermarks[i], open.last_end_us);
}

static enum err finish_epoch(struct lane *l, struct lane_result *r, bool idle, struct error *e)
{
    int64_t begin_us = clock_mono_us();
    TRY(close_windows(l, e));
    computed(l, begin_us);
    TRY(side_flush(l->side, e));
    TRY(ledger_fold(&l->ledger, &l->tally, e));
    TRY(ledger_check(&l->ledger, e));
    TRY(cut_sinks(l, r, e));
    if (idle)
        pass_open_windows(l);
    r->moved = move_marks(l);
    for (int i = 0; i < l->ops.n_stages; i++)
        window_state_save(l->windows[i], &r->snapshot);
    return buf_check(&r->snapshot, "window state", e);
}

/* The groups are open again, as they were after this epoch; all else has been accounted for before. */
static enum err finish_rebuild(struct lane *l, struct error *e)
{
    struct ledger before = l->ledger;
    TRY(close_stages(l, l->marks.late_ms, e));
    int64_t open = l->ledger.open;
    l->ledger = before;
    if (l->tally.n_slots)
        memset(l->tally.slots, 0, l->tally.n_slots * sizeof *l->tally.slots);
    l->tally.fan_out = l->tally.late = l->tally.closed = l->tally.dropped = 0;
    memset(l->tally.rules, 0, sizeof l->tally.rules);
    for (int i = 0; i < l->marks.n_clauses; i++)
        l->ops.watermarks[i].newest_ms = INT64_MIN;
    if (open != l->ledger.open)
        return err_set(e, ERR_DATA_LOSS,
                       "the open windows cannot be made again: %lld rows were in them, %lld were read again",
                       (long long)l->ledger.open, (long long)open);
    return OK;
}

static struct lane_result *new_result(const struct lane *l)
{
    struct lane_result *r = mem_zalloc(TAG_STATE, sizeof *r);
    CHECK(r); /* nothing can be said without it */
    r->epoch = l->epoch;
    buf_init(&r->snapshot, TAG_STATE, LANE_SNAPSHOT_MAX);
    return r;
}

static void hand_over(struct lane *l, struct lane_result *r)
{
    r->rc = l->rc;
    r->error = l->error;
    CHECK(inbox_offer(&l->results, r, 0));
    l->done(l->done_arg);
}

void lane_look(const struct lane *l, struct lane_windows *out)
{
    *out = (struct lane_windows){0, INT64_MAX, INT64_MAX, INT64_MIN};
    for (int i = 0; i < l->ops.n_stages; i++) {
        int64_t first_epoch = window_state_first_epoch(l->windows[i]), end_us = window_state_next_end(l->windows[i]);
        out->groups += window_state_groups(l->windows[i]);
        out->first_epoch = first_epoch < out->first_epoch ? first_epoch : out->first_epoch;
        out->next_end_us = end_us < out->next_end_us ? end_us : out->next_end_us;
        end_us = window_state_last_end(l->windows[i]);
        out->last_end_us = end_us > out->last_end_us ? end_us : out->last_end_us;
    }
}

static void barrier(struct lane *l, bool idle)
{
    struct lane_result *r = new_result(l);
    r->rebuilt = l->rebuilding;
    if (l->rc == OK)
        l->rc = l->rebuilding ? finish_rebuild(l, &l->error) : finish_epoch(l, r, idle, &l->error);
    l->rebuilding = false;
    if (l->rc == OK)
        l->rc = ledger_copy(&l->ledger, &r->ledger, &l->error);
    r->marks = l->marks;
    r->rows = l->rows;
    struct lane_windows open;
    lane_look(l, &open);
    r->first_epoch = open.first_epoch;
    r->open_groups = open.groups;
    r->next_end_us = open.next_end_us;
    r->shown = l->tap ? tap_seen(l->tap) : 0;
    hand_over(l, r);
}

void lane_result_free(struct lane_result *r, struct sink *const sinks[LANE_N_SINKS])
{
    if (!r)
        return;
    for (int i = 0; i < LANE_N_SINKS; i++)
        if (r->cuts[i])
            sinks[i]->ops->drop(sinks[i], r->cuts[i]);
    buf_fini(&r->snapshot);
    ledger_fini(&r->ledger);
    mem_free(r);
}

static void *thread_main(void *arg)
{
    struct lane *l = arg;
    bool         told = false;
    pthread_setname_np(pthread_self(), "lane");
    for (struct flow_msg *msg; (msg = inbox_take(&l->inbox));) {
        if (msg->kind == FLOW_RAW && l->rc == OK)
            l->rc = take_raw(l, msg->raw, &l->error);
        else if (msg->kind == FLOW_RAW)
            raw_batch_free(msg->raw);
        else if (msg->kind == FLOW_OPEN)
            open_epoch(l, msg);
        else if (msg->kind == FLOW_BARRIER && !told)
            barrier(l, msg->idle);
        if (l->rc != OK && !told && msg->kind != FLOW_BARRIER) /* told at once, as the result of the open epoch */
            hand_over(l, new_result(l));
        told = told || l->rc != OK;
        mem_free(msg);
    }
    return NULL;
}

/* ---- life ---- */

static enum decode_from plain_from(const struct plan_source *s, const struct plan_source_column *c)
{
    static const struct {
        const char      *name;
        enum decode_from from, as_string;
    } rows[] = {{"key", DECODE_KEY, DECODE_KEY_STRING},
                {"value", DECODE_VALUE, DECODE_VALUE_STRING},
                {"topic", DECODE_TOPIC, DECODE_TOPIC},
                {"partition", DECODE_PARTITION, DECODE_PARTITION},
                {"offset", DECODE_OFFSET, DECODE_OFFSET},
                {"timestamp", DECODE_TIMESTAMP, DECODE_TIMESTAMP},
                {"timestampType", DECODE_TIMESTAMP_TYPE, DECODE_TIMESTAMP_TYPE},
                {"headers", DECODE_HEADERS, DECODE_HEADERS}};
    const char *name = s->relation.schema->fields[c->relation_column].name;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return c->as_string ? rows[i].as_string : rows[i].from;
    CHECK(!"a column of the Kafka source");
    return DECODE_VALUE;
}

static enum err make_decoder(struct lane *l, int i, struct error *e)
{
    const struct plan_source *s = &l->plan->sources[i];
    struct decode_column     *columns = mem_zalloc(TAG_BATCH, (s->decoded->n_fields + 1u) * sizeof *columns);
    if (!columns)
        return err_set(e, ERR_NO_MEMORY, "decoder");
    for (int c = 0; c < s->decoded->n_fields; c++) {
        const struct plan_source_column *from = &s->columns[c];
        columns[c] = (struct decode_column){.json_type = from->json_type, .failfast = from->failfast};
        columns[c].from = from->from == FROM_VALUE_JSON ? DECODE_VALUE_JSON
                          : from->from == FROM_KEY_JSON ? DECODE_KEY_JSON
                                                        : plain_from(s, from);
    }
    struct decode_spec spec = {
        .schema = s->decoded, .columns = columns, .on_malformed = (enum decode_policy)l->plan->on_malformed};
    enum err rc = decoder_new(&spec, &l->decoders[i], e);
    mem_free(columns);
    return rc;
}

enum err lane_init(struct lane *l, const struct plan *p, const struct plan_tables *tables,
                   struct sink *const sinks[LANE_N_SINKS], const struct type *side_schema, struct error *e)
{
    memset(l, 0, sizeof *l);
    l->plan = p;
    memcpy(l->sinks, sinks, sizeof l->sinks);
    l->rows_end = (struct op){.ops = &rows_ops, .context = &l->tail_context};
    l->quarantine_end = (struct op){.ops = &quarantine_ops, .context = &l->tail_context};
    l->ledger.expect = &p->expect;
    struct plan_ends ends = {&l->rows_end, sinks[LANE_QUARANTINE] ? &l->quarantine_end : NULL};
    l->marks.n_clauses = p->n_clauses;
    TRY(inbox_init(&l->inbox, INBOX_BATCHES, INBOX_BYTES, e));
    TRY(inbox_init(&l->results, INBOX_BATCHES, INBOX_BYTES, e));
    TRY(side_new(side_schema, NULL, NULL, &l->mute, e));
    TRY(side_new(side_schema, sinks[LANE_REJECTS], sinks[LANE_LATE], &l->side, e));
    l->context = (struct flow_context){.tally = &l->tally, .side = l->side, .reject_errors = p->reject_errors};
    l->tail_context = (struct flow_context){.tally = &l->tally, .side = l->side};
    TRY(plan_build_lane(p, tables, &l->context, &l->tail_context, &ends, &l->ops, e));
    for (int i = 0; i < p->n_sources; i++)
        TRY(make_decoder(l, i, e));
    for (int i = 0; i < l->ops.n_stages; i++)
        TRY(window_state_new(l->ops.stages[i].plan, &l->windows[i], e));
    return OK;
}

enum err lane_load_windows(struct lane *l, struct view *in, struct error *e)
{
    for (int i = 0; i < l->ops.n_stages; i++)
        TRY(window_state_load(l->windows[i], in, e));
    return OK;
}

enum err lane_start(struct lane *l, struct error *e)
{
    for (int i = 0; i < l->marks.n_clauses; i++)
        l->ops.watermarks[i].evict_ms = l->marks.clause_ms[i];
    if (pthread_create(&l->thread, NULL, thread_main, l) != 0)
        return err_set(e, ERR_NO_MEMORY, "start lane thread");
    l->running = true;
    return OK;
}

void lane_stop(struct lane *l)
{
    if (l->running) {
        inbox_close(&l->inbox);
        pthread_join(l->thread, NULL);
        l->running = false;
    }
    for (struct flow_msg *msg; l->inbox.items && (msg = inbox_poll(&l->inbox));) {
        if (msg->kind == FLOW_RAW)
            raw_batch_free(msg->raw);
        mem_free(msg);
    }
    for (struct lane_result *r; l->results.items && (r = inbox_poll(&l->results));)
        lane_result_free(r, l->sinks);
    inbox_fini(&l->inbox);
    inbox_fini(&l->results);
    for (int i = 0; i < SOURCES_MAX; i++)
        if (l->decoders[i])
            l->decoders[i]->ops->free(l->decoders[i]);
    for (int i = 0; i < PLAN_STAGES_MAX; i++)
        window_state_free(l->windows[i]); /* borrows from the operators' plan */
    plan_lane_free(&l->ops);
    side_free(l->side);
    side_free(l->mute);
    ledger_fini(&l->ledger);
    mem_free(l->tally.slots);
    memset(l, 0, sizeof *l);
}

bool lane_offer_raw(struct lane *l, struct raw_batch *raw)
{
    struct flow_msg *msg = mem_zalloc(TAG_BATCH, sizeof *msg);
    if (!msg)
        return false;
    msg->kind = FLOW_RAW;
    msg->raw = raw;
    if (inbox_offer(&l->inbox, msg, raw->size_bytes + 1))
        return true;
    mem_free(msg);
    return false;
}

static void send_mark(struct lane *l, struct flow_msg mark)
{
    struct flow_msg *msg = mem_zalloc(TAG_BATCH, sizeof *msg);
    CHECK(msg);
    *msg = mark;
    CHECK(inbox_offer(&l->inbox, msg, 0));
}

void lane_mark(struct lane *l, enum flow_kind kind, int64_t epoch, int64_t now_us)
{
    send_mark(l, (struct flow_msg){.kind = kind, .epoch = epoch, .now_us = now_us});
}

void lane_mark_idle(struct lane *l, int64_t epoch)
{
    send_mark(l, (struct flow_msg){.kind = FLOW_BARRIER, .epoch = epoch, .idle = true});
}
