/* SPDX-License-Identifier: MIT */
#include "memory_query.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/lane.h"
#include "pipeline/relations.h"
#include "sink/side.h"
#include "sql/parse.h"

#include "print_row.h"

#define SLOTS_MAX 16
#define NOW_US ((int64_t)1704067200000000) /* 2024-01-01, of the first epoch; a second more each */
#define RECORD_MS ((int64_t)1700000000000) /* timestamp of the first record; a millisecond more each */
#define TEXT_LIMIT ((size_t)64 << 20)

struct text_sink { /* rows as lines of JSON */
    struct sink base;
    const char *prefix;
    struct buf  lines;
};

struct partition {
    char    topic[64];
    int     number;
    int64_t offset;
};

struct memory_query {
    struct arena              arena;
    struct plan_relation_kind kinds[RELATION_KINDS];
    struct plan              *plan;
    struct plan_tables        tables;
    enum memory_mode          mode;
    struct lane               lane;
    struct text_sink          sinks[LANE_N_SINKS];
    struct sink              *sink_list[LANE_N_SINKS];
    struct partition          partitions[SLOTS_MAX];
    int                       n_partitions;
    int64_t                   epoch, n_records;
    bool                      open, failed, idle;
    struct ledger             before;
    struct raw_batch         *pending; /* records of one partition, not yet offered */
    uint32_t                  pending_sources[SOURCES_MAX];
    int                       n_pending_sources;
};

static void give_up(const char *what, const struct error *e)
{
    fprintf(stderr, "run_sql: %s%s%s\n", what, e ? ": " : "", e ? e->text : "");
    exit(2);
}

/* ---- rows end as text ---- */

static enum err text_write(struct sink *base, const struct batch *b, struct error *e)
{
    struct text_sink *s = (struct text_sink *)base;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        buf_puts(&s->lines, s->prefix);
        print_row(b, i, &s->lines);
        buf_puts(&s->lines, "\n");
    }
    return buf_check(&s->lines, "rows", e);
}

static enum err text_cut(struct sink *s, struct sink_cut **out, struct error *e)
{
    (void)s;
    (void)e;
    *out = NULL;
    return OK;
}

static void text_drop(struct sink *s, struct sink_cut *cut)
{
    (void)s;
    (void)cut;
}

static const struct sink_ops text_ops = {.write = text_write, .cut = text_cut, .drop = text_drop};

/* ---- life ---- */

static enum err open_table(void *handle, struct table **out, struct error *e)
{
    return files_table_new(&((struct files_relation *)handle)->spec, out, e);
}

static void start_lane(struct memory_query *q)
{
    struct error e;
    if (lane_init(&q->lane, q->plan, &q->tables, q->sink_list, side_schema(&q->arena), &e) != OK)
        give_up("lane", &e);
}

static void lane_done(void *arg) { (void)arg; }

static void run_lane(struct memory_query *q)
{
    struct error e;
    q->lane.done = lane_done;
    if (lane_start(&q->lane, &e) != OK)
        give_up("lane", &e);
}

static struct plan *bind(struct memory_query *q, const char *sql, struct buf *errors)
{
    struct diags            diags;
    struct ast_script      *script = NULL;
    struct plan            *plans = NULL;
    struct plan_environment env = {.kinds = q->kinds, .n_kinds = RELATION_KINDS, .warehouse = "lake"};
    int                     n = 0;
    bool                    ok;
    diags_init(&diags, &q->arena);
    ok = sql_parse(sql, &q->arena, &diags, &script, NULL) == OK &&
         plan_script(script, &env, &q->arena, &diags, &plans, &n) && diags.n_errors == 0;
    if (diags.n > 0)
        diags_print(&diags, "sql", sql, errors);
    if (ok && n == 0)
        buf_puts(errors, "there is no streaming table\n");
    return ok && n > 0 ? &plans[0] : NULL;
}

static void make_sinks(struct memory_query *q)
{
    static const char *const prefixes[] = {
        [LANE_REJECTS] = "rejected> ", [LANE_LATE] = "late> ", [LANE_QUARANTINE] = "quarantine> ", [LANE_MAIN] = "> "};
    for (int i = 0; i < LANE_N_SINKS; i++) {
        struct text_sink *s = &q->sinks[i];
        s->base.ops = &text_ops;
        s->base.schema = i == LANE_MAIN         ? q->plan->schema
                         : i == LANE_QUARANTINE ? q->plan->expect.quarantine
                                                : side_schema(&q->arena);
        s->prefix = prefixes[i];
        buf_init(&s->lines, TAG_TEST, TEXT_LIMIT);
        if (i == LANE_MAIN || (i == LANE_REJECTS      ? q->plan->rejects
                               : i == LANE_QUARANTINE ? q->plan->quarantine
                                                      : q->plan->late))
            q->sink_list[i] = &s->base;
    }
}

struct memory_query *memory_query_new(const char *sql, const char *base_dir, enum memory_mode mode, struct buf *errors)
{
    struct error         e;
    struct memory_query *q = mem_zalloc(TAG_TEST, sizeof *q);
    if (!q)
        give_up("no memory", NULL);
    q->mode = mode;
    arena_init(&q->arena, TAG_TEST, (size_t)64 << 20);
    relations_fill(q->kinds, base_dir);
    if (!(q->plan = bind(q, sql, errors))) {
        memory_query_free(q);
        return NULL;
    }
    if (plan_build_tables(q->plan, open_table, &q->tables, &e) != OK)
        give_up("tables", &e);
    make_sinks(q);
    start_lane(q);
    run_lane(q);
    return q;
}

void memory_query_free(struct memory_query *q)
{
    if (!q)
        return;
    if (q->plan) {
        raw_batch_free(q->pending);
        lane_stop(&q->lane);
        plan_tables_free(&q->tables);
        ledger_fini(&q->before);
    }
    for (int i = 0; i < LANE_N_SINKS; i++)
        buf_fini(&q->sinks[i].lines);
    arena_fini(&q->arena);
    mem_free(q);
}

const char *memory_query_type(const struct memory_query *q, struct buf *scratch)
{
    buf_clear(scratch);
    type_print(q->plan->schema->fields[0].type, scratch);
    return buf_text(scratch);
}

/* ---- records ---- */

static void raw_release(struct raw_batch *raw)
{
    for (uint32_t i = 0; i < raw->n_records; i++) {
        mem_free((void *)(uintptr_t)raw->records[i].key);
        mem_free((void *)(uintptr_t)raw->records[i].value);
    }
    mem_free(raw->records);
    mem_free(raw);
}

static void *must(void *p)
{
    if (!p)
        give_up("no memory", NULL);
    return p;
}

static uint8_t *copy_text(const char *text, uint32_t *n)
{
    *n = text ? (uint32_t)strlen(text) : 0;
    return text ? memcpy(must(mem_alloc(TAG_TEST, *n + 1u)), text, *n)
                : NULL; /* exact: sanitizers see what is behind */
}

/* One more of the same records for another source. */
static struct raw_batch *copy_batch(const struct raw_batch *from)
{
    struct raw_batch *raw = must(mem_zalloc(TAG_TEST, sizeof *raw));
    *raw = (struct raw_batch){.source = from->source,
                              .slot = from->slot,
                              .topic = from->topic,
                              .partition = from->partition,
                              .n_records = from->n_records,
                              .size_bytes = from->size_bytes,
                              .next_offset = from->next_offset,
                              .release = raw_release};
    raw->refs = 1;
    raw->records = must(mem_zalloc(TAG_TEST, from->n_records * sizeof *raw->records));
    for (uint32_t i = 0; i < from->n_records; i++) {
        const struct raw_record *r = &from->records[i];
        raw->records[i] = *r;
        if (r->key)
            raw->records[i].key = memcpy(must(mem_alloc(TAG_TEST, r->key_bytes + 1u)), r->key, r->key_bytes);
        if (r->value)
            raw->records[i].value = memcpy(must(mem_alloc(TAG_TEST, r->value_bytes + 1u)), r->value, r->value_bytes);
    }
    return raw;
}

static void offer(struct memory_query *q, struct raw_batch *raw)
{
    if (!lane_offer_raw(&q->lane, raw))
        give_up("the lane's inbox is full: fewer records per epoch", NULL);
}

/* A record that several sources read goes to each of them before the next one, whatever the batches are. */
static void flush(struct memory_query *q)
{
    if (!q->pending)
        return;
    for (int s = 1; s < q->n_pending_sources; s++) {
        struct raw_batch *raw = copy_batch(q->pending);
        raw->source = q->pending_sources[s];
        raw->slot += q->pending_sources[s] * SLOTS_MAX;
        offer(q, raw);
    }
    q->pending->slot += q->pending_sources[0] * SLOTS_MAX;
    offer(q, q->pending);
    q->pending = NULL;
}

static const char *topic_of(const struct memory_query *q, int source, int i)
{
    const struct kafka_relation *r = q->plan->sources[source].relation.handle;
    return i < r->options.n_topics ? r->options.topics[i] : NULL;
}

static void find_sources(struct memory_query *q, const char *topic)
{
    q->n_pending_sources = 0;
    for (int s = 0; s < q->plan->n_sources; s++)
        for (int i = 0; topic_of(q, s, i); i++)
            if (strcmp(topic_of(q, s, i), topic) == 0)
                q->pending_sources[q->n_pending_sources++] = (uint32_t)s;
    if (q->n_pending_sources == 0)
        give_up(topic, &(struct error){.text = "no source reads this topic"});
}

static struct partition *find_partition(struct memory_query *q, const char *topic, int number)
{
    for (int i = 0; i < q->n_partitions; i++)
        if (strcmp(q->partitions[i].topic, topic) == 0 && q->partitions[i].number == number)
            return &q->partitions[i];
    if (q->n_partitions == SLOTS_MAX)
        give_up("too many partitions", NULL);
    struct partition *p = &q->partitions[q->n_partitions++];
    snprintf(p->topic, sizeof p->topic, "%s", topic);
    p->number = number;
    return p;
}

static struct raw_batch *new_pending(struct memory_query *q, struct partition *p)
{
    struct raw_batch *raw = must(mem_zalloc(TAG_TEST, sizeof *raw));
    *raw = (struct raw_batch){.slot = (uint32_t)(p - q->partitions),
                              .source = q->pending_sources[0],
                              .topic = p->topic,
                              .partition = p->number,
                              .release = raw_release};
    raw->refs = 1;
    return raw;
}

static void open_epoch(struct memory_query *q)
{
    if (!q->open)
        lane_mark(&q->lane, FLOW_OPEN, q->epoch, NOW_US + q->epoch * 1000000);
    q->open = true;
}

void memory_query_record(struct memory_query *q, const char *topic, int partition, const char *key, const char *value)
{
    struct partition *p = find_partition(q, topic ? topic : topic_of(q, 0, 0), partition);
    open_epoch(q);
    if (q->pending &&
        (q->mode == MEMORY_RESTART || q->pending->topic != p->topic || q->pending->partition != partition))
        flush(q);
    find_sources(q, p->topic);
    if (q->n_pending_sources > 1)
        flush(q);
    if (!q->pending)
        q->pending = new_pending(q, p);
    struct raw_batch *raw = q->pending;
    raw->records = must(mem_realloc(TAG_TEST, raw->records, (raw->n_records + 1) * sizeof *raw->records));
    struct raw_record *r = &raw->records[raw->n_records++];
    *r = (struct raw_record){.offset = p->offset++, .timestamp_ms = RECORD_MS + q->n_records++};
    r->key = copy_text(key, &r->key_bytes);
    r->value = copy_text(value, &r->value_bytes);
    raw->size_bytes += r->key_bytes + r->value_bytes;
    raw->next_offset = p->offset;
}

/* ---- the barrier ---- */

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Side tables have no order within an epoch: by text here. */
static void sort_lines(struct buf *lines)
{
    struct buf sorted;
    char      *rows[256], *save = NULL, *text = (char *)(uintptr_t)buf_text(lines);
    size_t     n = 0;
    for (char *row = strtok_r(text, "\n", &save); row && n < 256; row = strtok_r(NULL, "\n", &save))
        rows[n++] = row;
    qsort(rows, n, sizeof *rows, by_text);
    buf_init(&sorted, TAG_TEST, TEXT_LIMIT);
    for (size_t i = 0; i < n; i++)
        buf_printf(&sorted, "%s\n", rows[i]);
    buf_fini(lines);
    *lines = sorted;
}

static void term(struct buf *out, const char *name, int64_t n)
{
    if (n != 0)
        buf_printf(out, " %s=%lld", name, (long long)n);
}

static void print_ledger(const struct memory_query *q, const struct lane_result *r, int64_t evict_ms, struct buf *out)
{
    struct tally_slot       sum = {0};
    const struct ledger    *a = &q->before, *b = &r->ledger;
    const struct tally_slot none = {0};
    for (uint32_t i = 0; i < b->n_slots; i++) {
        const struct tally_slot *x = i < a->n_slots ? &a->slots[i] : &none, *y = &b->slots[i];
        sum.read += y->read - x->read;
        sum.rejected += y->rejected - x->rejected;
        sum.filtered += y->filtered - x->filtered;
        sum.no_event_time += y->no_event_time - x->no_event_time;
        sum.future += y->future - x->future;
        sum.no_partner += y->no_partner - x->no_partner;
        sum.malformed += y->malformed - x->malformed;
    }
    buf_puts(out, "=");
    if (q->plan->n_clauses)
        buf_printf(out, " wm=%lld.%03lld", (long long)(evict_ms / 1000), (long long)(evict_ms % 1000));
    struct lane_windows open;
    lane_look(&q->lane, &open);
    if (q->plan->n_windows)
        buf_printf(out, " state=%lld", (long long)open.groups);
    term(out, "read", sum.read);
    term(out, "malformed", sum.malformed);
    term(out, "rejected", sum.rejected);
    term(out, "filtered", sum.filtered);
    term(out, "no_event_time", sum.no_event_time);
    term(out, "future", sum.future);
    term(out, "no_partner", sum.no_partner);
    term(out, "fan_out", b->fan_out - a->fan_out);
    term(out, "late", b->late - a->late);
    term(out, "having", b->having - a->having);
    term(out, "dropped", b->dropped - a->dropped);
    buf_puts(out, "\n");
}

/* What a process that starts again does: everything anew, from what the barrier gave. */
static void restart(struct memory_query *q, const struct lane_result *r)
{
    struct error e;
    struct view  v = {.data = r->snapshot.data, .size = r->snapshot.size};
    lane_stop(&q->lane);
    start_lane(q);
    q->lane.marks = r->marks;
    if (ledger_copy(&r->ledger, &q->lane.ledger, &e) != OK)
        give_up("ledger", &e);
    if (lane_load_windows(&q->lane, &v, &e) != OK)
        give_up("windows", &e);
    run_lane(q);
}

void memory_query_idle(struct memory_query *q) { q->idle = true; }

bool memory_query_barrier(struct memory_query *q, struct buf *out)
{
    struct error e;
    if (q->failed)
        return false;
    open_epoch(q);
    flush(q);
    if (q->idle)
        lane_mark_idle(&q->lane, q->epoch++);
    else
        lane_mark(&q->lane, FLOW_BARRIER, q->epoch++, 0);
    q->idle = false;
    q->open = false;
    struct lane_result *r = inbox_take(&q->lane.results);
    for (int i = 0; i < LANE_N_SINKS; i++) {
        if (i != LANE_MAIN)
            sort_lines(&q->sinks[i].lines);
        if (r->rc == OK) /* else the epoch is lost whole */
            buf_put(out, q->sinks[i].lines.data, q->sinks[i].lines.size);
        buf_clear(&q->sinks[i].lines);
    }
    bool moved = r->rc == OK && r->moved && q->plan->n_windows;
    if (r->rc != OK) {
        buf_printf(out, "! %s: %s\n", err_name(r->rc), r->error.text);
        q->failed = true;
    } else {
        /* the marks of the result are the next epoch's: late then is what this one closed windows by */
        print_ledger(q, r, r->marks.late_ms, out);
        ledger_fini(&q->before);
        if (ledger_copy(&r->ledger, &q->before, &e) != OK)
            give_up("ledger", &e);
        if (q->mode == MEMORY_RESTART)
            restart(q, r);
    }
    lane_result_free(r, q->sink_list);
    return moved;
}
