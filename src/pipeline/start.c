/* SPDX-License-Identifier: MIT */
/*
 * Starting from the checkpoint, which is also the only retry. io thread; the loop leaves the query alone meanwhile.
 *
 *   catalog knows the query?  -- no --> the table knows it? -- no --> a new query: options decide where it starts
 *          | yes                              | yes: adopt its last commit
 *   an epoch is prepared? -- finish it with the recorded files, or, when they vanished and no table has it, make it
 *          |                 again from the epoch before
 *   last committed epoch: offsets, watermarks, ledger, windows; compared with the table (fencing)
 *
 * Windows whose snapshot is lost are read again from `replay_from` (lane.h, rebuilding).
 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/query_priv.h"
#include "sink/side.h"
#include "state/snapshot.h"

#define STATE_JSON_MAX ((size_t)64 << 20)

/* ---- sinks ---- */

static enum parquet_codec codec_of(const struct plan *p)
{
    for (int i = 0; i < p->n_properties; i++)
        if (strcasecmp(p->properties[i].key, "delta.parquet.compression.codec") == 0)
            return strcasecmp(p->properties[i].value, "snappy") == 0 ? PARQUET_SNAPPY
                   : strcasecmp(p->properties[i].value, "zstd") == 0 ? PARQUET_ZSTD
                                                                     : PARQUET_NONE;
    return PARQUET_ZSTD;
}

static enum err open_sink(struct query *q, enum lane_sink which, const char *location, const struct type *schema,
                          struct error *e)
{
    const struct plan     *p = q->plan;
    struct delta_sink_spec spec = {.location = location, .schema = schema, .codec = codec_of(p)};
    if (!location)
        return OK;
    if (which == LANE_MAIN) {
        spec.partition_by = p->partition_by;
        spec.n_partition_by = p->n_partition_by;
        spec.properties = (const struct delta_property *)(const void *)p->properties;
        spec.n_properties = p->n_properties;
        spec.comment = p->comment;
    }
    TRY(delta_sink_new(&spec, &q->sinks[which], e));
    return delta_sink_open(q->sinks[which], e);
}

static enum err open_sinks(struct query *q, struct error *e)
{
    if (q->options.preview) {
        q->sinks[LANE_MAIN] = query__no_sink();
        return OK;
    }
    TRY(open_sink(q, LANE_REJECTS, q->plan->rejects, q->side_type, e));
    TRY(open_sink(q, LANE_LATE, q->plan->late, q->side_type, e));
    TRY(open_sink(q, LANE_QUARANTINE, q->plan->quarantine, q->plan->expect.quarantine, e));
    return open_sink(q, LANE_MAIN, q->plan->location, q->plan->schema, e);
}

/* ---- what may not change ---- */

/* Names the aspects of two fingerprints that differ. */
static enum err check_fingerprint(const char *before, const char *now, struct error *e)
{
    struct json_value *a = NULL, *b = NULL;
    const char        *key;
    void              *iterator = NULL;
    char               differ[160] = "";
    TRY(json_doc_parse(before, strlen(before), &a, e));
    enum err rc = json_doc_parse(now, strlen(now), &b, e);
    for (const struct json_value *v; rc == OK && (v = json_next(b, &key, &iterator));) {
        struct buf x, y;
        buf_init(&x, TAG_STATE, 1 << 20);
        buf_init(&y, TAG_STATE, 1 << 20);
        json_dump(v, &x);
        if (json_get(a, key))
            json_dump(json_get(a, key), &y);
        if (strcmp(buf_text(&x), buf_text(&y)) != 0)
            snprintf(differ + strlen(differ), sizeof differ - strlen(differ), "%s%s", differ[0] ? ", " : "", key);
        buf_fini(&x);
        buf_fini(&y);
    }
    json_doc_free(a);
    json_doc_free(b);
    if (rc == OK && differ[0])
        return err_set(e, ERR_CONFLICT,
                       "the query changed in %s: its state cannot follow; millrace reset starts a new "
                       "generation",
                       differ);
    return rc;
}

enum err query_state_follows(const struct plan *plan, struct catalog *c, struct error *e)
{
    struct arena     a;
    struct buf       now;
    struct query_row row;
    arena_init(&a, TAG_STATE, (size_t)256 << 20);
    buf_init(&now, TAG_STATE, 1 << 20);
    enum err rc = catalog_query_get(c, plan->name, &a, &row, e);
    if (rc == OK) {
        plan_fingerprint(plan, &now);
        rc = check_fingerprint(row.fingerprint, buf_text(&now), e);
    } else if (rc == ERR_NOT_FOUND) {
        rc = OK;
    }
    buf_fini(&now);
    arena_fini(&a);
    return rc;
}

void query__app_prefix(const struct plan *p, char out[QUERY_APP_ID_MAX])
{
    snprintf(out, QUERY_APP_ID_MAX, "millrace/%s/", p->name);
}

static void set_app_id(struct query *q)
{
    query__app_prefix(q->plan, q->app_id);
    size_t n = strlen(q->app_id);
    snprintf(q->app_id + n, sizeof q->app_id - n, "%" PRId64, q->generation);
}

/* ---- what an epoch left ---- */

/* Read before topics are resolved. */
static void load_marks(struct query *q, const struct json_value *info)
{
    const struct json_value *clauses = json_get(info, "clauses");
    q->marks.late_ms = json_get_int(info, "late_ms", 0);
    q->marks.evict_ms = json_get_int(info, "evict_ms", 0);
    for (int i = 0; i < q->marks.n_clauses; i++)
        q->marks.clause_ms[i] = json_as_int(json_at(clauses, (size_t)i), 0);
    q->moved = json_get_bool(info, "moved", false) && q->plan->n_windows;
    q->committed_epoch = json_get_int(info, "epoch", -1);
    q->epoch = q->committed_epoch + 1;
}

static void load_wrote(struct query *q, const struct json_value *info)
{
    const struct json_value *wrote = json_get(info, "wrote");
    for (int i = 0; i < LANE_N_SINKS; i++)
        q->wrote[i] = json_as_int(json_at(wrote, (size_t)i), -1);
}

static enum err load_past(struct query *q, const struct json_value *info, struct error *e)
{
    struct buf text;
    if (!json_get(info, "replay_from"))
        return OK;
    buf_init(&text, TAG_STATE, STATE_JSON_MAX);
    json_dump(json_get(info, "replay_from"), &text);
    q->past = mem_zalloc(TAG_STATE, sizeof *q->past);
    char *start = q->past ? mem_strdup(TAG_STATE, buf_text(&text)) : NULL;
    buf_fini(&text);
    if (!start)
        return err_set(e, ERR_NO_MEMORY, "checkpoint");
    q->past[q->n_past++] = (struct past_epoch){json_get_int(info, "first_epoch", 0), start};
    return OK;
}

struct saved { /* positions per source */
    struct kafka_position *list;
    int                    n;
};

static enum err read_positions(struct query *q, const struct json_value *list, struct saved saved[SOURCES_MAX],
                               struct error *e)
{
    for (int s = 0; s < q->plan->n_sources; s++)
        TRY(positions_read(list, s, &q->arena, &saved[s].list, &saved[s].n, e));
    return OK;
}

static enum err resolve_sources(struct query *q, const struct saved saved[SOURCES_MAX], struct error *e)
{
    for (int s = 0; s < q->plan->n_sources; s++)
        TRY(kafka_source_resolve(q->sources[s], saved[s].list, saved[s].n, e));
    return OK;
}

/* Open windows from their snapshot; *lost when that cannot be. */
static enum err load_windows(struct query *q, const char *snapshot, bool *lost, struct error *e)
{
    struct buf bytes;
    *lost = snapshot == NULL;
    if (!snapshot)
        return OK;
    buf_init(&bytes, TAG_STATE, LANE_SNAPSHOT_MAX);
    enum err    rc = snapshot_read(catalog_dir(q->catalog), snapshot, &bytes, e);
    struct view v = {.data = bytes.data, .size = bytes.size};
    if (rc == OK)
        rc = lane_load_windows(&q->lane, &v, e);
    buf_fini(&bytes);
    if (rc != ERR_NOT_FOUND && rc != ERR_CORRUPT)
        return rc;
    log_warn("state", "%s: %s", q->plan->name, e->text);
    *lost = true;
    return OK;
}

/* The open windows are read again, from where the oldest of them began to where this epoch ended. */
static enum err plan_rebuild(struct query *q, const struct json_value *info, struct saved saved[SOURCES_MAX],
                             struct error *e)
{
    int64_t open = json_get_int(json_get(info, "ledger"), "open", 0);
    if (open == 0)
        return OK;
    if (!json_get(info, "replay_from"))
        return err_set(e, ERR_CORRUPT,
                       "the windows that were open cannot be restored; millrace reset starts a new generation");
    log_warn("state", "%s: its open windows are made again from the topic (%" PRId64 " rows)", q->plan->name, open);
    for (int s = 0; s < q->plan->n_sources; s++) {
        q->rebuild_to[s] = saved[s].list;
        q->n_rebuild_to[s] = saved[s].n;
    }
    q->rebuilding = q->lane.rebuilding = true;
    q->epoch--; /* it is that epoch's input */
    return read_positions(q, json_get(info, "replay_from"), saved, e);
}

/* Everything an epoch says of itself, and its windows. */
static enum err take_checkpoint(struct query *q, const char *info_text, const char *snapshot, struct error *e)
{
    struct json_value *info = NULL;
    struct saved       saved[SOURCES_MAX] = {{NULL, 0}};
    bool               lost = false;
    TRY(json_doc_parse(info_text, strlen(info_text), &info, e));
    load_marks(q, info);
    load_wrote(q, info);
    enum err rc = load_past(q, info, e);
    if (rc == OK)
        rc = read_positions(q, json_get(info, "end"), saved, e);
    if (rc == OK && q->lane.ops.n_stages)
        rc = load_windows(q, snapshot, &lost, e);
    if (rc == OK && lost)
        rc = plan_rebuild(q, info, saved, e);
    if (rc == OK)
        rc = resolve_sources(q, saved, e);
    if (rc == OK) /* slots are known now */
        rc = ledger_read(&q->lane.ledger, json_get(info, "ledger"), q->sources, q->plan->n_sources, e);
    if (rc == OK)
        rc = ledger_copy(&q->lane.ledger, &q->ledger, e);
    json_doc_free(info);
    return rc;
}

/* ---- fencing ---- */

/* Each table must hold what this epoch says was committed, by us and nobody after us. */
static enum err compare_with_tables(struct query *q, const struct epoch_row *last, struct error *e)
{
    for (int i = 0; i < LANE_N_SINKS; i++) {
        struct delta_txn x = {0};
        if (!q->sinks[i])
            continue;
        const char *path = i == LANE_MAIN         ? q->plan->location
                           : i == LANE_LATE       ? q->plan->late
                           : i == LANE_QUARANTINE ? q->plan->quarantine
                                                  : q->plan->rejects;
        bool        there;
        TRY(delta_table_txn(delta_sink_table(q->sinks[i]), q->app_id, &there, &x, e));
        if (there && x.epoch > last->epoch)
            return err_set(e, ERR_FENCED,
                           "table %s has epoch %" PRId64 " of this query, this state folder only %" PRId64
                           ": another process went on with it",
                           path, x.epoch, last->epoch);
        /* of an epoch recorded as committed we have seen the nonce, even if its commit was cleaned up since */
        if (there && x.epoch == last->epoch && !x.gone && (!x.nonce || strcmp(x.nonce, last->nonce) != 0))
            return err_set(e, ERR_FENCED, "epoch %" PRId64 " of table %s was written by another process", x.epoch,
                           path);
        if (q->wrote[i] >= 0 && (!there || x.epoch < q->wrote[i]))
            return err_set(e, ERR_DATA_LOSS,
                           "table %s has lost what this query wrote: it was removed, replaced or went back in time",
                           path);
    }
    return OK;
}

/* ---- the ways to start ---- */

/* Are all files that a prepared epoch needs still there? If not it may be made again, unless a table has it. */
static enum err find_files(struct query *q, const struct epoch_row *row, bool *missing, struct error *e)
{
    struct json_value *receipts = NULL;
    bool               committed = false;
    enum err           rc = json_doc_parse(row->receipts, strlen(row->receipts), &receipts, e);
    *missing = false;
    for (int i = 0; rc == OK && i < LANE_N_SINKS; i++) {
        const char      *receipt = json_as_string(json_at(receipts, (size_t)i));
        struct delta_txn x = {0};
        bool             has = false;
        if (!receipt || !q->sinks[i])
            continue;
        if ((rc = delta_table_txn(delta_sink_table(q->sinks[i]), q->app_id, &has, &x, e)) != OK)
            break;
        committed =
            committed || (has && x.epoch == row->epoch && (x.gone || (x.nonce && strcmp(x.nonce, row->nonce) == 0)));
        enum err there = q->sinks[i]->ops->check(q->sinks[i], receipt, e);
        *missing = *missing || there == ERR_NOT_FOUND || there == ERR_CORRUPT;
        rc = there == ERR_NOT_FOUND || there == ERR_CORRUPT ? OK : there;
    }
    json_doc_free(receipts);
    if (rc == OK && *missing && committed)
        return err_set(e, ERR_DATA_LOSS,
                       "epoch %" PRId64 " is committed in part, and files of it have vanished before the rest",
                       row->epoch);
    return rc;
}

/* Finishes a prepared epoch, or sets *last to the one before it; *first when there is none before. */
static enum err settle_prepared(struct query *q, struct epoch_row *last, bool *first, struct error *e)
{
    struct epoch_written written;
    struct epoch_row     before;
    struct json_value   *info = NULL;
    bool                 missing = false;
    *first = catalog_epoch_get(q->catalog, q->plan->name, q->generation, last->epoch - 1, &q->arena, &before, e) != OK;
    if (!*first) { /* what was written before decides whether a missing table may be made */
        TRY(json_doc_parse(before.info, strlen(before.info), &info, e));
        load_wrote(q, info);
        json_doc_free(info);
    }
    TRY(find_files(q, last, &missing, e));
    if (!missing) {
        *first = false;
        return query__finish(q, last, &written, e);
    }
    log_warn("state", "%s: files of the prepared epoch %" PRId64 " have vanished; it is made again", q->plan->name,
             last->epoch);
    if (!*first)
        *last = before;
    return OK;
}

static enum err start_from_recorded(struct query *q, const char *start_text, struct error *e)
{
    struct json_value *start = NULL;
    struct saved       saved[SOURCES_MAX] = {{NULL, 0}};
    TRY(json_doc_parse(start_text, strlen(start_text), &start, e));
    enum err rc = read_positions(q, start, saved, e);
    json_doc_free(start);
    return rc == OK ? resolve_sources(q, saved, e) : rc;
}

/* Step 0: where it starts is durable before the first record is taken. */
static enum err record_start(struct query *q, struct error *e)
{
    struct json_writer w;
    struct buf         start;
    struct offsets     at[SOURCES_MAX] = {{NULL, 0}};
    buf_init(&start, TAG_STATE, STATE_JSON_MAX);
    for (int s = 0; s < q->plan->n_sources; s++)
        offsets_take(&at[s], q->sources[s]);
    json_writer_init(&w, &start);
    positions_write(q->sources, q->plan->n_sources, at, &w);
    struct query_row row = {.name = q->plan->name,
                            .generation = q->generation,
                            .fingerprint = q->fingerprint,
                            .start = buf_text(&start),
                            .created_ms = clock_wall_us() / 1000};
    enum err         rc = catalog_query_put(q->catalog, &row, e);
    for (int s = 0; s < q->plan->n_sources; s++)
        offsets_free(&at[s]);
    buf_fini(&start);
    return rc;
}

static enum err start_known(struct query *q, const struct query_row *row, struct error *e)
{
    struct epoch_row last;
    bool             first = false;
    q->generation = row->generation;
    set_app_id(q);
    enum err rc = catalog_epoch_last(q->catalog, q->plan->name, q->generation, &q->arena, &last, e);
    if (rc == OK && !last.committed)
        rc = settle_prepared(q, &last, &first, e); /* also when the query has changed since */
    if (rc == ERR_NOT_FOUND)
        first = true;
    else if (rc != OK)
        return rc;
    TRY(check_fingerprint(row->fingerprint, q->fingerprint, e));
    if (first) { /* no epoch yet */
        TRY(start_from_recorded(q, row->start, e));
        return record_start(q, e);
    }
    TRY(take_checkpoint(q, last.info, last.snapshot, e));
    return compare_with_tables(q, &last, e);
}

/* SQLite is gone but the table knows: go on from its last commit. */
static enum err adopt(struct query *q, const struct delta_txn *x, struct error *e)
{
    struct json_value *info = NULL;
    struct buf         before;
    if (x->gone)
        return err_set(e, ERR_DATA_LOSS,
                       "%s is not known in %s, and the commit of table %s that said where to go on (epoch %" PRId64
                       ") was cleaned up: bring the state folder back, or write into a new table",
                       q->plan->name, q->host->state_dir, q->plan->location, x->epoch);
    if (!x->info)
        return err_set(e, ERR_FENCED, "table %s was written by another program under this query's name",
                       q->plan->location);
    log_warn("state", "%s is not known in %s: going on from version %" PRId64 " of its table", q->plan->name,
             q->host->state_dir, x->version);
    TRY(json_doc_parse(x->info, strlen(x->info), &info, e));
    buf_init(&before, TAG_STATE, STATE_JSON_MAX);
    json_dump(json_get(info, "fingerprint"), &before);
    json_doc_free(info);
    enum err rc = before.size > 2 ? check_fingerprint(buf_text(&before), q->fingerprint, e) : OK;
    buf_fini(&before);
    TRY(rc);
    TRY(take_checkpoint(q, x->info, NULL, e));
    struct epoch_row row = {.epoch = x->epoch,
                            .committed = true,
                            .nonce = x->nonce,
                            .info = x->info,
                            .now_us = clock_wall_us(),
                            .receipts = "[]",
                            .versions = "[]"};
    TRY(record_start(q, e));
    return catalog_epoch_adopt(q->catalog, q->plan->name, q->generation, &row, e);
}

static enum err start_unknown(struct query *q, struct error *e)
{
    char                prefix[QUERY_APP_ID_MAX];
    struct delta_txn    x;
    bool                there = false;
    struct delta_table *t = delta_sink_table(q->sinks[LANE_MAIN]);
    struct saved        none[SOURCES_MAX] = {{NULL, 0}};
    query__app_prefix(q->plan, prefix);
    int64_t generation = delta_table_generation(t, prefix);
    q->generation = generation < 1 ? 1 : generation;
    set_app_id(q);
    if (generation >= 1)
        TRY(delta_table_txn(t, q->app_id, &there, &x, e));
    if (there)
        return adopt(q, &x, e);
    TRY(resolve_sources(q, none, e));
    return record_start(q, e);
}

/* ---- all of it ---- */

static enum err open_files(void *handle, struct table **out, struct error *e)
{
    return files_table_new(&((struct files_relation *)handle)->spec, out, e);
}

static void wake_loop(void *arg) { uv_async_send(&((struct query *)arg)->wake); }
static void turn_loop(void *arg) { uv_async_send(&((struct query *)arg)->turn); }

static enum err build(struct query *q, struct error *e)
{
    struct buf fingerprint;
    TRY(open_sinks(q, e));
    for (int s = 0; s < q->plan->n_sources; s++) {
        struct kafka_source_spec spec = {.options =
                                             &((struct kafka_relation *)q->plan->sources[s].relation.handle)->options,
                                         .query = q->plan->name,
                                         .index = (uint32_t)s,
                                         .n_sources = (uint32_t)q->plan->n_sources,
                                         .matches = expr_pattern_matches,
                                         .wake = wake_loop,
                                         .wake_arg = q};
        TRY(kafka_source_new(&spec, &q->sources[s], e));
    }
    TRY(plan_build_tables(q->plan, open_files, &q->tables, e));
    q->lane_live = true;
    TRY(lane_init(&q->lane, q->plan, &q->tables, q->sinks, q->side_type, e));
    buf_init(&fingerprint, TAG_STATE, 1 << 20);
    plan_fingerprint(q->plan, &fingerprint);
    q->fingerprint = arena_strdup(&q->arena, buf_text(&fingerprint));
    buf_fini(&fingerprint);
    return q->fingerprint ? OK : err_set(e, ERR_NO_MEMORY, "query");
}

/* From the checkpoint, from the table, or as the options say. */
static enum err find_start(struct query *q, struct error *e)
{
    struct query_row row;
    struct saved     none[SOURCES_MAX] = {{NULL, 0}};
    if (q->options.preview)
        return resolve_sources(q, none, e);
    enum err rc = catalog_query_get(q->catalog, q->plan->name, &q->arena, &row, e);
    if (rc == OK)
        return start_known(q, &row, e);
    return rc == ERR_NOT_FOUND ? start_unknown(q, e) : rc;
}

enum err query__start_up(struct query *q, struct error *e)
{
    if (!q->options.preview)
        TRY(query_host_catalog(q->host, &q->catalog, e));
    q->side_type = side_schema(&q->arena);
    if (!q->side_type)
        return err_set(e, ERR_NO_MEMORY, "query");
    q->marks = (struct marks){.n_clauses = q->plan->n_clauses};
    for (int i = 0; i < CLAUSES_MAX; i++)
        q->marks.clause_slot[i] = -1;
    q->epoch = 0;
    q->committed_epoch = -1;
    q->moved = q->rebuilding = false;
    for (int i = 0; i < LANE_N_SINKS; i++)
        q->wrote[i] = -1;
    TRY(build(q, e));
    TRY(find_start(q, e));
    struct lane_windows open;
    lane_look(&q->lane, &open);
    q->open_groups = open.groups;
    q->next_end_us = open.next_end_us;
    q->lane.marks = q->marks;
    q->lane.done = q->lane.inbox.on_room = turn_loop;
    q->lane.done_arg = q->lane.inbox.on_room_arg = q;
    q->lane.tap = q->tap;
    q->lane.samples = q->options.meter ? meter_samples(q->options.meter) : NULL;
    TRY(lane_start(&q->lane, e));
    for (int s = 0; s < q->plan->n_sources; s++)
        TRY(kafka_source_start(q->sources[s], e));
    return OK;
}

void query__tear_down(struct query *q)
{
    if (q->refused)
        raw_batch_free(q->refused);
    q->refused = NULL;
    if (q->lane_live)
        lane_stop(&q->lane);
    q->lane_live = false;
    plan_tables_free(&q->tables);
    for (int s = 0; s < SOURCES_MAX; s++) {
        if (q->sources[s])
            kafka_source_free(q->sources[s]);
        q->sources[s] = NULL;
        offsets_free(&q->start[s]);
        offsets_free(&q->ends[s]);
        offsets_free(&q->done[s]);
        offsets_free(&q->starts[s]);
        offsets_free(&q->rated[s]);
        offsets_free(&q->rates[s]);
        q->n_rebuild_to[s] = 0;
    }
    for (int i = 0; i < LANE_N_SINKS; i++) {
        if (q->sinks[i])
            q->sinks[i]->ops->free(q->sinks[i]);
        q->sinks[i] = NULL;
    }
    for (int i = 0; i < q->n_past; i++)
        mem_free(q->past[i].start);
    mem_free(q->past);
    q->past = NULL;
    q->n_past = 0;
    ledger_fini(&q->ledger);
    arena_reset(&q->arena);
}
