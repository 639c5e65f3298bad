/* SPDX-License-Identifier: MIT */
/* A query of the supervisor: from its text to something that runs, and back. Loop thread unless said otherwise. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "pipeline/supervisor_priv.h"
#include "state/snapshot.h"

#define PARAMS_MAX 64
#define CALM_US 60000000 /* runs for so long: earlier failures are forgotten */
#define BUSY_EVERY 5     /* seconds between two looks at where the lane's time goes */
#define LAST_ROWS 100

struct service_object *query__object_new(struct supervisor *s)
{
    struct service_query *q = mem_zalloc(TAG_STATE, sizeof *q);
    if (!q)
        return NULL;
    if (meter_new(&q->meter, NULL) != OK) {
        mem_free(q);
        return NULL;
    }
    q->s = s;
    buf_init(&q->last_rows, TAG_WEB, (size_t)16 << 20);
    return &q->base;
}

static void drop_script(struct script **script)
{
    if (*script) {
        script_free(*script);
        mem_free(*script);
    }
    *script = NULL;
}

void query__object_free(struct service_object *o)
{
    struct service_query *q = service_query_of(o);
    drop_script(&q->script);
    drop_script(&q->next_script);
    meter_free(q->meter);
    folders_free(&q->writes);
    buf_fini(&q->last_rows);
    mem_free(q);
}

/* ---- the text ---- */

static struct sql_params params_of(const struct json_value *spec, const char *names[PARAMS_MAX],
                                   const char *values[PARAMS_MAX])
{
    struct sql_params        p = {.names = names, .values = values};
    const struct json_value *v;
    void                    *iterator = NULL;
    while (p.n < PARAMS_MAX && (v = json_next(json_get(spec, "params"), &names[p.n], &iterator))) {
        values[p.n] = json_as_string(v);
        p.n += values[p.n] != NULL;
    }
    return p;
}

enum err script_of_spec(const struct supervisor *s, const char *name, const struct json_value *spec,
                        struct script **out, struct error *e)
{
    const char       *names[PARAMS_MAX], *values[PARAMS_MAX], *sql = json_get_string(spec, "sql");
    const char       *folder = json_get_string(spec, "folder");
    struct sql_params params = params_of(spec, names, values);
    struct script    *script = mem_zalloc(TAG_SQL, sizeof *script);
    *out = script;
    if (!script)
        return err_set(e, ERR_NO_MEMORY, "query text");
    if (!script_bind(script, sql ? sql : "", folder ? folder : ".", s->spec.warehouse, &params))
        return err_set(e, ERR_INVALID, "%s", script->diags.n ? script->diags.items[0].text : "the SQL is wrong");
    if (script->n_plans != 1)
        return err_set(e, ERR_INVALID, "the text creates %d streaming tables; a query makes exactly one",
                       script->n_plans);
    if (name[0])
        script->plans[0].name = arena_strdup(&script->arena, name);
    return script->plans[0].name ? OK : err_set(e, ERR_NO_MEMORY, "query text");
}

static enum err name_by_table(struct change *c, struct error *e)
{
    const char *table = c->script->plans[0].name;
    for (size_t i = 0; i < SERVICE_NAME_MAX && table[i]; i++)
        c->name[i] = (char)tolower((unsigned char)table[i]);
    c->name[SERVICE_NAME_MAX] = 0;
    if (!service_name_is_good(c->name))
        return err_set(e, ERR_INVALID, "the query needs a name of letters a-z, digits, _ and -: %.40s is none", table);
    c->script->plans[0].name = arena_strdup(&c->script->arena, c->name);
    return c->script->plans[0].name ? OK : err_set(e, ERR_NO_MEMORY, "query name");
}

/* Two queries must not write one table. */
static bool note_other(void *arg, const char *query, const char *folder)
{
    struct change *c = arg;
    err_set(&c->error, ERR_EXISTS, "query %s writes to %s already", query, folder);
    return false;
}

/* Control thread. */
static enum err check_folders(struct change *c, struct error *e)
{
    TRY(folders_of_plan(&c->script->plans[0], &c->folders, e));
    c->error.code = OK;
    folder_owners_others(&c->s->folders, c->name, &c->folders, note_other, c);
    c->table_taken = c->error.code == ERR_EXISTS;
    return c->table_taken ? ERR_EXISTS : OK;
}

enum err query__change_check(struct change *c, struct error *e)
{
    TRY(script_of_spec(c->s, c->name, c->doc, &c->script, e));
    if (!c->name[0])
        TRY(name_by_table(c, e));
    TRY(check_folders(c, e));
    enum err rc = query_state_follows(&c->script->plans[0], c->s->catalog, e);
    c->incompatible = rc == ERR_CONFLICT;
    c->state_dropped = c->incompatible && c->reset;
    return c->state_dropped ? OK : rc;
}

void query__loaded(struct service_query *q)
{
    struct folders f = {.n = 0};
    struct error   e;
    enum err       rc = script_of_spec(q->s, q->base.name, q->base.spec, &q->next_script, &e);
    if (rc == OK)
        rc = folders_of_plan(&q->next_script->plans[0], &f, &e);
    if (rc == OK)
        rc = folder_owners_set(&q->s->folders, q->base.name, &f, &e);
    if (rc != OK) /* its start will find the same, and tell */
        drop_script(&q->next_script);
    folders_free(&f);
}

void query__changed(struct service_query *q, struct change *c)
{
    bool same = q->script && !q->next_script && !c->state_dropped && q->base.state != SERVICE_FAILED &&
                strcmp(buf_text(&q->script->text), buf_text(&c->script->text)) == 0 &&
                strcmp(q->script->folder, c->script->folder) == 0;
    if (same) /* tags, perhaps */
        return;
    drop_script(&q->next_script);
    q->next_script = c->script;
    c->script = NULL;
    q->scratch = q->scratch || c->state_dropped;
    q->restart = q->query != NULL || q->busy;
    q->failures = 0;
    q->base.next_try_ms = 0;
    if (q->base.state == SERVICE_FAILED || q->base.state == SERVICE_WAITING)
        service__state(q->s, &q->base, SERVICE_CREATED, "changed");
}

void query__revive(struct service_query *q)
{
    q->restart = q->query != NULL || q->busy;
    q->scratch = q->scratch || q->purge; /* its checkpoints were to go */
    q->purge = false;
    q->failures = 0;
}

/* ---- running ---- */

static void failed(struct service_query *q, enum err rc, const struct error *why)
{
    q->base.error = *why;
    q->base.error.code = rc;
    q->base.error.retry = q->base.error.retry || service__may_pass(rc);
    if (!q->base.error.retry) {
        service__state(q->s, &q->base, SERVICE_FAILED, err_name(rc));
        return;
    }
    q->base.restarts++;
    q->base.next_try_ms = clock_wall_us() / 1000 + service__backoff_ms(q->failures++);
    service__state(q->s, &q->base, SERVICE_WAITING, err_name(rc));
}

static void keep_rows(struct service_query *q)
{
    struct json_writer w;
    int64_t            seen = query_rows_seen(q->query);
    if (seen > 0) {
        buf_clear(&q->last_rows);
        json_writer_init(&w, &q->last_rows);
        json_begin_array(&w);
        query_rows(q->query, 0, LAST_ROWS, false, &w);
        json_end_array(&w);
    }
    q->rows_before += seen;
}

static void on_closed(void *arg)
{
    struct service_query *q = arg;
    bool                  wrong = q->status.state == QUERY_FAILED && q->base.wanted && !q->restart && !q->s->stopping;
    q->busy = false;
    folders_free(&q->writes);
    if (wrong) {
        struct error why = {.text = ""};
        snprintf(why.text, sizeof why.text, "%s", q->base.error.text);
        why.retry = q->base.error.retry;
        failed(q, q->status.rc, &why);
    }
    query__settle(q); /* may free q */
}

static void on_stopped(void *arg)
{
    struct service_query *q = arg;
    query_status(q->query, &q->status);
    if (q->status.state == QUERY_FAILED) {
        snprintf(q->base.error.text, sizeof q->base.error.text, "%s", q->status.error);
        q->base.error.code = q->status.rc;
        q->base.error.retry = false;
    }
    q->status.error = q->status.down_error = q->status.silent = "";
    q->status.holder_topic = NULL;
    q->records_before += q->status.records;
    q->table_rows_before += q->status.rows;
    q->status.records = q->status.rows = 0;
    keep_rows(q);
    struct query *query = q->query;
    q->query = NULL;
    q->busy = true;
    query_close(query, on_closed, q);
}

/* ---- one table, one query ---- */

static bool is_older(const struct service_object *a, const struct service_object *b)
{
    return a->created_ms != b->created_ms ? a->created_ms < b->created_ms : strcmp(a->name, b->name) < 0;
}

struct start_check {
    const struct service_query *q;
    enum err                    rc;
    struct error               *e;
};

static bool older_goes_first(void *arg, const char *query, const char *folder)
{
    struct start_check          *c = arg;
    const struct service_object *other = supervisor_find(c->q->s, RESOURCE_QUERY, query);
    if (other && other->wanted && is_older(other, &c->q->base))
        c->rc = err_set(c->e, ERR_EXISTS, "query %s, which is older, writes to %s", query, folder);
    return c->rc == OK;
}

/* The second line: whoever runs keeps the table until it has ended; of two that are to run the older one gets it. */
static enum err check_start(const struct service_query *q, const struct folders *f, struct error *e)
{
    struct start_check c = {.q = q, .e = e};
    for (int i = 0; i < supervisor_n(q->s, RESOURCE_QUERY); i++) {
        const struct service_query *other = service_query_of(supervisor_at(q->s, RESOURCE_QUERY, i));
        const char                 *folder = other == q ? NULL : folders_clash(f, &other->writes);
        if (!folder)
            continue;
        err_set(e, ERR_EXISTS, "query %s writes to %s already", other->base.name, folder);
        e->retry = !other->base.wanted || other->restart; /* it ends */
        return ERR_EXISTS;
    }
    folder_owners_others(&q->s->folders, q->base.name, f, older_goes_first, &c);
    return c.rc;
}

static enum err start(struct service_query *q, struct folders *f, struct error *e)
{
    struct plan         *plan = &q->script->plans[0];
    struct query_options o = {
        .meter = q->meter, .rows_kept = SERVICE_ROWS_KEPT, .stopped = on_stopped, .stopped_arg = q};
    TRY(check_start(q, f, e));
    TRY(query_start(&q->s->host, plan, &o, &q->query, e));
    q->writes = *f;
    f->n = 0;
    q->retries_seen = 0;
    q->running_since_us = 0;
    q->row_at_ms = clock_wall_us() / 1000;
    return OK;
}

struct begin_job {
    struct job            job;
    struct service_query *q;
    struct script        *script;
    struct json_value    *spec; /* a copy: the object's may be replaced meanwhile */
    struct folders        folders;
    char                  name[SERVICE_NAME_MAX + 1];
    bool                  scratch;
    enum err              rc;
    struct error          error;
};

static void run_begin(struct job *job)
{
    struct begin_job *b = (struct begin_job *)job;
    struct reset      given_up;
    if (!b->script)
        b->rc = script_of_spec(b->q->s, b->name, b->spec, &b->script, &b->error);
    if (b->rc == OK)
        b->rc = folders_of_plan(&b->script->plans[0], &b->folders, &b->error);
    if (b->rc == OK && b->scratch)
        b->rc = query_reset(&b->script->plans[0], b->q->s->catalog, &given_up, &b->error);
}

static void begun(struct job *job)
{
    struct begin_job     *b = (struct begin_job *)job;
    struct service_query *q = b->q;
    q->busy = false;
    q->status = (struct query_status){.version = -1};
    if (q->script != b->script)
        drop_script(&q->script);
    q->script = b->script;
    if (b->rc == OK && b->scratch)
        q->scratch = false;
    if (b->rc == OK && q->base.wanted && !q->restart && !q->s->stopping && !q->base.deleting)
        b->rc = start(q, &b->folders, &b->error);
    if (b->rc != OK && q->base.wanted)
        failed(q, b->rc, &b->error);
    folders_free(&b->folders);
    json_doc_free(b->spec);
    mem_free(b);
    query__settle(q);
}

static void begin(struct service_query *q)
{
    struct begin_job *b = mem_zalloc(TAG_STATE, sizeof *b);
    CHECK(b);
    b->job = (struct job){.run = run_begin, .done = begun};
    b->q = q;
    b->script = q->next_script;
    b->scratch = q->scratch && q->base.wanted;
    snprintf(b->name, sizeof b->name, "%s", q->base.name);
    q->next_script = NULL;
    q->script =
        q->script ? q->script : b->script; /* its table and plan can be looked at already; nobody writes to it */
    q->busy = true;
    q->restart = false;
    q->base.next_try_ms = 0;
    if (!b->script && json_doc_parse(q->base.spec_text, strlen(q->base.spec_text), &b->spec, &b->error) != OK)
        CHECK(!"a stored text was parsed before");
    if (!q->base.wanted) /* only to know its table and plan */
        service__state(q->s, &q->base, SERVICE_STOPPED, "");
    else if (!q->failures)
        service__state(q->s, &q->base, SERVICE_STARTING, "");
    workers_submit(&q->s->host.io, &b->job);
}

/* ---- deleting ---- */

struct forget_job {
    struct job         job;
    struct supervisor *s;
    char               name[SERVICE_NAME_MAX + 2];
};

static void run_forget(struct job *job)
{
    struct forget_job *f = (struct forget_job *)job;
    struct error       e;
    if (catalog_forget(f->s->catalog, f->name, &e) == OK) {
        f->name[strlen(f->name)] = '@';
        snapshot_sweep(catalog_dir(f->s->catalog), f->name, "", "");
    }
}

static void forgotten(struct job *job)
{
    struct supervisor *s = ((struct forget_job *)job)->s;
    mem_free(job);
    s->n_changing--;
    service__stopped(s);
}

static void forget(struct service_query *q)
{
    struct forget_job *f = mem_zalloc(TAG_STATE, sizeof *f);
    if (!f)
        return;
    f->job = (struct job){.run = run_forget, .done = forgotten};
    f->s = q->s;
    snprintf(f->name, sizeof f->name, "%s", q->base.name);
    q->s->n_changing++;
    workers_submit(&q->s->control, &f->job);
}

void query__settle(struct service_query *q)
{
    struct supervisor *s = q->s;
    bool               want = q->base.wanted && !s->stopping && !q->base.deleting;
    if (q->busy)
        return; /* it comes back */
    if (q->query) {
        if ((!want || q->restart) && q->base.state != SERVICE_DRAINING) {
            service__state(s, &q->base, SERVICE_DRAINING, want ? "to start again" : "");
            query_drain(q->query);
        }
        return;
    }
    if (q->base.deleting) {
        if (q->purge)
            forget(q);
        service__remove(s, &q->base);
        service__stopped(s);
    } else if (!want) {
        service__state(s, &q->base, SERVICE_STOPPED, s->stopping ? "the service stops" : "");
        if ((!q->script || q->next_script) && !s->stopping)
            begin(q);
        service__stopped(s);
    } else if (q->base.state != SERVICE_FAILED && clock_wall_us() / 1000 >= q->base.next_try_ms) {
        begin(q);
    }
}

/* ---- ticks ---- */

static void show_state(struct service_query *q)
{
    const struct query_status *st = &q->status;
    if (st->retries > q->retries_seen) {
        q->base.restarts += st->retries - q->retries_seen;
        snprintf(q->base.error.text, sizeof q->base.error.text, "%s", st->error);
        q->base.error.code = st->rc;
        q->base.error.retry = true;
    }
    q->retries_seen = st->retries;
    q->base.next_try_ms = st->retry_in_us >= 0 ? clock_wall_us() / 1000 + st->retry_in_us / 1000 : 0;
    if (st->state == QUERY_STARTING && st->retries && q->base.state != SERVICE_DRAINING)
        service__state(q->s, &q->base, SERVICE_WAITING, err_name(q->base.error.code));
    else if (st->state == QUERY_RUNNING)
        service__state(q->s, &q->base, SERVICE_RUNNING, "");
    else if (st->state == QUERY_DRAINING)
        service__state(q->s, &q->base, SERVICE_DRAINING, q->base.reason);
    int64_t now = clock_mono_us();
    if (st->state != QUERY_RUNNING)
        q->running_since_us = 0;
    else if (!q->running_since_us)
        q->running_since_us = now;
    else if (now - q->running_since_us > CALM_US)
        q->failures = 0;
    if (st->state == QUERY_RUNNING && st->retries == 0)
        q->base.error.code = OK;
}

void service_query_refresh(struct service_query *q)
{
    if (!q->query)
        return;
    int64_t            rows = q->status.rows;
    struct ledger_sums before = q->status.ledger;
    struct rule_tally  rules[FLOW_RULES_MAX];
    memcpy(rules, q->status.rules, sizeof rules);
    query_status(q->query, &q->status);
    if (q->status.state == QUERY_STARTING) { /* the picture stays until there is a new one */
        q->status.ledger = before;
        memcpy(q->status.rules, rules, sizeof rules);
    }
    if (q->status.rows > rows)
        q->row_at_ms = clock_wall_us() / 1000;
}

static void look_at_lane(struct service_query *q, int64_t now_us)
{
    if (now_us - q->worked_at_us < BUSY_EVERY * 1000000)
        return;
    memcpy(q->worked_before_us, q->worked_us, sizeof q->worked_us);
    q->worked_before_at_us = q->worked_at_us;
    memcpy(q->worked_us, q->status.worked_us, sizeof q->worked_us);
    q->worked_at_us = now_us;
}

static void count_second(struct service_query *q, int64_t now_us)
{
    const struct query_status *st = &q->status;
    int64_t                    wall_ms = clock_wall_us() / 1000;
    bool                       runs = q->query && (st->state == QUERY_RUNNING || st->state == QUERY_DRAINING);
    struct meter_now           m = {.running = runs,
                                    .records = st->records,
                                    .rows = st->rows,
                                    .late = st->ledger.late,
                                    .rejected = st->ledger.rejected,
                                    .worked_us = st->worked_us[0] + st->worked_us[1] + st->worked_us[2],
                                    .lag = st->lag,
                                    .watermark_lag_ms = st->watermark_ms ? wall_ms - st->watermark_ms : -1,
                                    .state_bytes = st->state_bytes};
    meter_tick(q->meter, wall_ms, &m);
    if (q->query)
        query_tick_second(q->query);
    look_at_lane(q, now_us);
    q->why[0] = 0;
    if (q->query && wall_ms - q->row_at_ms > st->plan->trigger_us / 1000 + 1000)
        query_why_nothing(st, wall_ms, q->why);
}

void query__each_tick(struct service_query *q, int64_t now_us, bool second)
{
    service_query_refresh(q);
    if (q->query)
        show_state(q);
    if (second)
        count_second(q, now_us);
    if (!q->query && q->base.wanted && q->base.next_try_ms)
        query__settle(q);
}

bool service_query_hold(struct service_query *q)
{
    if (q->query || q->busy || q->base.deleting || q->base.wanted)
        return false;
    q->busy = true;
    return true;
}

void service_query_release(struct service_query *q)
{
    q->busy = false;
    query__settle(q);
}

/* ---- rows ---- */

int64_t service_query_rows_seen(const struct service_query *q)
{
    return q->rows_before + (q->query ? query_rows_seen(q->query) : 0);
}

int service_query_rows(struct service_query *q, int64_t from, int most, bool text_bigint, struct json_writer *w)
{
    if (q->query)
        return query_rows(q->query, from - q->rows_before, most, text_bigint, w);
    struct json_value *rows = NULL;
    int                n = 0;
    if (from > 0 || !q->last_rows.size || json_doc_parse(buf_text(&q->last_rows), q->last_rows.size, &rows, NULL) != OK)
        return 0;
    size_t all = json_size(rows);
    for (size_t i = all > (size_t)most ? all - (size_t)most : 0; i < all; i++, n++) {
        struct buf text;
        buf_init(&text, TAG_WEB, (size_t)1 << 20);
        json_dump(json_at(rows, i), &text);
        json_put_raw(w, buf_text(&text));
        buf_fini(&text);
    }
    json_doc_free(rows);
    return n;
}
