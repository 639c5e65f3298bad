/* SPDX-License-Identifier: MIT */
#include "pipeline/supervisor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/supervisor_priv.h"

#define TICK_MS 100
#define BACKOFF_LEAST_MS 1000
#define BACKOFF_MOST_MS 60000
#define LISTED_MAX ((size_t)256 << 20)

static const char *const state_names[] = {"created", "starting", "running", "draining", "stopped", "failed", "waiting"};

const char *service_state_name(enum service_state s) { return state_names[s]; }

bool service_name_is_good(const char *name)
{
    size_t n = strlen(name);
    bool   good = n > 0 && n <= SERVICE_NAME_MAX;
    for (size_t i = 0; i < n; i++) {
        bool letter = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');
        good = good && (letter || (i > 0 && (name[i] == '_' || name[i] == '-')));
    }
    return good;
}

int64_t service__backoff_ms(int n)
{
    int64_t most = (int64_t)BACKOFF_LEAST_MS << (n < 6 ? n : 6);
    most = most > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : most;
    return most - clock_mono_us() % (most / 4 + 1); /* jitter: not all at once */
}

bool service__may_pass(enum err rc)
{
    return rc == ERR_UNAVAILABLE || rc == ERR_NOT_FOUND || rc == ERR_IO || rc == ERR_NO_SPACE || rc == ERR_NO_MEMORY;
}

/* ---- events ---- */

struct event_job {
    struct job         job;
    struct supervisor *s;
    struct event       event; /* owns its texts */
};

static void free_texts(struct event *ev)
{
    mem_free((void *)(uintptr_t)ev->subject);
    mem_free((void *)(uintptr_t)ev->text);
}

static bool copy_event(struct event *to, const struct event *from)
{
    *to = *from;
    to->subject = mem_strdup(TAG_STATE, from->subject);
    to->text = mem_strdup(TAG_STATE, from->text);
    if (to->subject && to->text)
        return true;
    free_texts(to);
    return false;
}

static void run_event(struct job *job)
{
    struct event_job *j = (struct event_job *)job;
    struct error      e;
    if (event_put(j->s->catalog, &j->event, &e) != OK)
        log_warn("service", "an event could not be kept: %s", e.text);
}

static void event_done(struct job *job)
{
    struct event_job *j = (struct event_job *)job;
    free_texts(&j->event);
    mem_free(j);
}

static void keep_event(struct supervisor *s, const struct event *ev)
{
    struct event fresh;
    if (!copy_event(&fresh, ev))
        return;
    struct event *slot = &s->events[s->n_events++ % SERVICE_EVENTS_KEPT];
    free_texts(slot);
    *slot = fresh;
}

void supervisor_tell(struct supervisor *s, const char *level, const char *kind, const char *subject, const char *format,
                     ...)
{
    char    text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct event ev = {.id = ++s->last_event_id,
                       .at_ms = clock_wall_us() / 1000,
                       .level = level,
                       .kind = kind,
                       .subject = subject,
                       .text = text};
    log_line(level[0] == 'e' ? LOG_ERROR : level[0] == 'w' ? LOG_WARN : LOG_INFO, kind, "%s: %s", subject, text);
    keep_event(s, &ev);
    struct event_job *j = mem_zalloc(TAG_STATE, sizeof *j);
    if (j && copy_event(&j->event, &ev)) {
        j->job = (struct job){.run = run_event, .done = event_done};
        j->s = s;
        workers_submit(&s->control, &j->job);
    } else {
        mem_free(j);
    }
    if (s->spec.event)
        s->spec.event(s->spec.arg, &ev);
}

const struct event *supervisor_event_at(const struct supervisor *s, int i)
{
    int64_t at = s->n_events - 1 - i;
    return i < SERVICE_EVENTS_KEPT && at >= 0 ? &s->events[at % SERVICE_EVENTS_KEPT] : NULL;
}

void service__state(struct supervisor *s, struct service_object *o, enum service_state state, const char *reason)
{
    bool same = o->state == state && strcmp(o->reason, reason) == 0;
    if (same)
        return;
    o->since_ms = o->state == state ? o->since_ms : clock_wall_us() / 1000;
    o->state = state;
    snprintf(o->reason, sizeof o->reason, "%s", reason);
    const char *level = state == SERVICE_FAILED ? "error" : state == SERVICE_WAITING ? "warn" : "info";
    bool        wrong = state == SERVICE_FAILED || state == SERVICE_WAITING;
    supervisor_tell(s, level, o->kind == RESOURCE_QUERY ? "query" : "producer", o->name, "%s%s%s",
                    service_state_name(state), wrong || reason[0] ? ": " : "",
                    wrong && o->error.code != OK ? o->error.text : reason);
}

/* ---- lists ---- */

static int place_of(const struct list *l, const char *name, bool *there)
{
    int low = 0, high = l->n;
    while (low < high) {
        int middle = (low + high) / 2, order = strcmp(l->items[middle]->name, name);
        if (order == 0) {
            *there = true;
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    *there = false;
    return low;
}

static enum err insert(struct list *l, struct service_object *o, struct error *e)
{
    bool there;
    int  at = place_of(l, o->name, &there);
    CHECK(!there);
    if (l->n == SERVICE_OBJECTS_MAX)
        return err_set(e, ERR_LIMIT, "a service holds at most %d of a kind", SERVICE_OBJECTS_MAX);
    if (l->n == l->capacity) {
        int   capacity = l->capacity ? 2 * l->capacity : 16;
        void *more = mem_realloc(TAG_STATE, l->items, (size_t)capacity * sizeof *l->items);
        if (!more)
            return err_set(e, ERR_NO_MEMORY, "list of resources");
        l->items = more;
        l->capacity = capacity;
    }
    memmove(l->items + at + 1, l->items + at, (size_t)(l->n - at) * sizeof *l->items);
    l->items[at] = o;
    l->n++;
    return OK;
}

static void free_object(struct service_object *o)
{
    mem_free(o->spec_text);
    json_doc_free(o->spec);
    if (o->kind == RESOURCE_QUERY)
        query__object_free(o);
    else
        producer__object_free(o);
}

void service__remove(struct supervisor *s, struct service_object *o)
{
    struct list *l = &s->lists[o->kind];
    bool         there;
    int          at = place_of(l, o->name, &there);
    CHECK(there);
    memmove(l->items + at, l->items + at + 1, (size_t)(l->n - at - 1) * sizeof *l->items);
    l->n--;
    supervisor_tell(s, "info", o->kind == RESOURCE_QUERY ? "query" : "producer", o->name, "deleted");
    free_object(o);
}

int supervisor_n(const struct supervisor *s, enum resource_kind kind) { return s->lists[kind].n; }

struct service_object *supervisor_at(const struct supervisor *s, enum resource_kind kind, int i)
{
    return s->lists[kind].items[i];
}

struct service_object *supervisor_find(const struct supervisor *s, enum resource_kind kind, const char *name)
{
    bool there;
    int  at = place_of(&s->lists[kind], name, &there);
    return there ? s->lists[kind].items[at] : NULL;
}

struct service_query    *service_query_of(struct service_object *o) { return (struct service_query *)o; }
struct service_producer *service_producer_of(struct service_object *o) { return (struct service_producer *)o; }
struct query_host       *supervisor_host(struct supervisor *s) { return &s->host; }
struct workers          *supervisor_side(struct supervisor *s) { return &s->side; }
const char              *supervisor_warehouse(const struct supervisor *s) { return s->spec.warehouse; }
bool                     supervisor_is_stopping(const struct supervisor *s) { return s->stopping; }

/* ---- changes ---- */

static void settle(struct service_object *o)
{
    if (o->kind == RESOURCE_QUERY)
        query__settle(service_query_of(o));
    else
        producer__settle(service_producer_of(o));
}

/* Made anew while the deleted one still ends: the new text runs when that is over. */
static void revive(struct service_object *o)
{
    o->deleting = false;
    o->restarts = 0;
    o->error.code = OK;
    if (o->kind == RESOURCE_QUERY)
        query__revive(service_query_of(o));
    else
        producer__revive(service_producer_of(o));
}

/* Gives the object its new text; the tree of c becomes its own. */
static enum err take_row(struct supervisor *s, struct change *c, struct service_object **out, bool *created,
                         struct error *e)
{
    struct service_object *o = supervisor_find(s, c->kind, c->name);
    *created = !o || o->deleting;
    if (o && o->deleting)
        revive(o);
    if (!o) {
        o = c->kind == RESOURCE_QUERY ? query__object_new(s) : producer__object_new(s);
        if (!o)
            return err_set(e, ERR_NO_MEMORY, "resource");
        o->kind = c->kind;
        snprintf(o->name, sizeof o->name, "%s", c->name);
        o->since_ms = clock_wall_us() / 1000;
        enum err rc = insert(&s->lists[c->kind], o, e);
        if (rc != OK) {
            free_object(o);
            return rc;
        }
    }
    mem_free(o->spec_text);
    json_doc_free(o->spec);
    o->spec_text = c->spec;
    o->spec = c->doc;
    c->spec = NULL;
    c->doc = NULL;
    o->wanted = c->row.running;
    o->revision = c->row.revision;
    o->created_ms = c->row.created_ms;
    o->updated_ms = c->row.updated_ms;
    *out = o;
    return OK;
}

static enum err put_row(struct change *c, struct error *e)
{
    TRY(json_doc_parse(c->spec, strlen(c->spec), &c->doc, e));
    TRY(c->kind == RESOURCE_QUERY ? query__change_check(c, e) : producer__change_check(c, e));
    c->row = (struct resource){.kind = c->kind, .name = c->name, .spec = c->spec, .running = c->wanted};
    TRY(resource_put(c->s->catalog, &c->row, c->expect, c->keep_wanted, e));
    return c->kind == RESOURCE_QUERY ? folder_owners_set(&c->s->folders, c->name, &c->folders, e) : OK;
}

static void run_change(struct job *job)
{
    struct change *c = (struct change *)job;
    switch (c->what) {
    case CHANGE_PUT:
        c->rc = put_row(c, &c->error);
        break;
    case CHANGE_DELETE:
        c->rc = resource_delete(c->s->catalog, c->kind, c->name, c->expect, &c->error);
        if (c->rc == OK && c->kind == RESOURCE_QUERY)
            folder_owners_remove(&c->s->folders, c->name);
        break;
    case CHANGE_WANT:
        c->row = (struct resource){.kind = c->kind, .name = c->name, .running = c->wanted};
        c->rc = resource_want(c->s->catalog, &c->row, &c->error);
        break;
    }
}

static void applied_put(struct supervisor *s, struct change *c, struct service_result *r)
{
    r->rc = take_row(s, c, &r->object, &r->created, &r->error);
    if (r->rc != OK)
        return;
    if (c->kind == RESOURCE_QUERY)
        query__changed(service_query_of(r->object), c);
    else
        producer__changed(service_producer_of(r->object), c);
    supervisor_tell(s, "info", c->kind == RESOURCE_QUERY ? "query" : "producer", c->name, "%s",
                    r->created ? "created" : "changed");
}

static void applied_delete(struct supervisor *s, struct change *c)
{
    struct service_object *o = supervisor_find(s, c->kind, c->name);
    if (!o)
        return;
    o->wanted = false;
    o->deleting = true;
    if (o->kind == RESOURCE_QUERY)
        service_query_of(o)->purge = c->purge;
    settle(o);
}

static void applied_want(struct supervisor *s, struct change *c, struct service_result *r)
{
    struct service_object *o = supervisor_find(s, c->kind, c->name);
    if (!o) {
        r->rc = err_set(&r->error, ERR_NOT_FOUND, "there is no %s any more", c->name);
        return;
    }
    o->wanted = c->wanted;
    o->revision = c->row.revision;
    o->updated_ms = c->row.updated_ms;
    if (o->kind == RESOURCE_QUERY) {
        service_query_of(o)->restart = c->restart;
        service_query_of(o)->scratch = service_query_of(o)->scratch || c->scratch;
        service_query_of(o)->failures = 0;
    } else {
        service_producer_of(o)->restart = c->restart;
        service_producer_of(o)->failures = 0;
    }
    o->next_try_ms = 0;
    if (c->wanted && o->state == SERVICE_FAILED) /* somebody has decided: it may try again */
        o->state = SERVICE_CREATED;
    r->object = o;
}

static void change_done(struct job *job)
{
    struct change        *c = (struct change *)job;
    struct supervisor    *s = c->s;
    struct service_result r = {.rc = c->rc,
                               .error = c->error,
                               .script = c->rc == OK ? NULL : c->script,
                               .state_dropped = c->state_dropped,
                               .incompatible = c->incompatible,
                               .table_taken = c->table_taken};
    s->n_changing--;
    if (r.rc == OK && c->what == CHANGE_PUT)
        applied_put(s, c, &r);
    else if (r.rc == OK && c->what == CHANGE_DELETE)
        applied_delete(s, c);
    else if (r.rc == OK)
        applied_want(s, c, &r);
    if (r.object)
        settle(r.object);
    if (c->done)
        c->done(c->arg, &r);
    if (c->script) {
        script_free(c->script);
        mem_free(c->script);
    }
    folders_free(&c->folders);
    mem_free(c->spec);
    json_doc_free(c->doc);
    mem_free(c);
    service__stopped(s);
}

/* Answers at once when it cannot be done. */
static void refuse(service_done *done, void *arg, enum err rc, const char *why)
{
    struct service_result r = {.rc = rc};
    err_set(&r.error, rc, "%s", why);
    if (done)
        done(arg, &r);
}

static struct change *new_change(struct supervisor *s, enum change_kind what, enum resource_kind kind, const char *name,
                                 service_done *done, void *arg)
{
    struct change *c = s->stopping ? NULL : mem_zalloc(TAG_STATE, sizeof *c);
    if (!c) {
        refuse(done, arg, s->stopping ? ERR_CANCELLED : ERR_NO_MEMORY,
               s->stopping ? "the service is stopping" : "no memory for a change");
        return NULL;
    }
    c->job = (struct job){.run = run_change, .done = change_done};
    c->s = s;
    c->what = what;
    c->kind = kind;
    c->done = done;
    c->arg = arg;
    snprintf(c->name, sizeof c->name, "%s", name ? name : "");
    return c;
}

static void submit(struct change *c)
{
    c->s->n_changing++;
    workers_submit(&c->s->control, &c->job);
}

void supervisor_put(struct supervisor *s, const struct service_put *put, service_done *done, void *arg)
{
    struct change         *c = new_change(s, CHANGE_PUT, put->kind, put->name, done, arg);
    struct service_object *o = put->name ? supervisor_find(s, put->kind, put->name) : NULL;
    if (!c)
        return;
    c->spec = mem_strdup(TAG_STATE, put->spec);
    CHECK(c->spec);
    c->wanted = put->wanted;
    c->keep_wanted = put->keep_wanted;
    c->expect = put->expect;
    c->reset = put->reset || (o && o->deleting && o->kind == RESOURCE_QUERY && service_query_of(o)->purge);
    submit(c);
}

void supervisor_delete(struct supervisor *s, enum resource_kind kind, const char *name, int64_t expect, bool force,
                       bool purge, service_done *done, void *arg)
{
    struct service_object *o = supervisor_find(s, kind, name);
    bool                   runs = o && o->state != SERVICE_STOPPED && o->state != SERVICE_CREATED;
    if (!o || (runs && o->state != SERVICE_FAILED && !force)) {
        refuse(done, arg, o ? ERR_BUSY : ERR_NOT_FOUND, o ? "it runs: stop it first, or use force" : "it is not there");
        return;
    }
    struct change *c = new_change(s, CHANGE_DELETE, kind, name, done, arg);
    if (!c)
        return;
    c->expect = expect;
    c->purge = purge;
    submit(c);
}

void supervisor_want(struct supervisor *s, enum resource_kind kind, const char *name, enum service_want what,
                     bool scratch, service_done *done, void *arg)
{
    struct service_object *o = supervisor_find(s, kind, name);
    if (!o) {
        refuse(done, arg, ERR_NOT_FOUND, "it is not there");
        return;
    }
    struct change *c = new_change(s, CHANGE_WANT, kind, name, done, arg);
    if (!c)
        return;
    bool runs = o->state == SERVICE_RUNNING || o->state == SERVICE_STARTING || o->state == SERVICE_WAITING;
    c->wanted = what != SERVICE_STOP;
    c->restart = what == SERVICE_RESTART || (scratch && runs);
    c->scratch = scratch;
    submit(c);
}

/* ---- time ---- */

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int64_t supervisor_loop_lag_us(const struct supervisor *s)
{
    int32_t sorted[LAG_SAMPLES];
    size_t  n = s->n_lags < LAG_SAMPLES ? (size_t)s->n_lags : LAG_SAMPLES;
    memcpy(sorted, s->lags_us, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n ? sorted[(n - 1) * 99 / 100] : 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    int64_t            now = clock_mono_us(), lag = now - s->tick_due_us, second = clock_wall_us() / 1000000;
    bool               next = second != s->second;
    s->lags_us[s->n_lags++ % LAG_SAMPLES] = lag > 0 ? (int32_t)(lag < INT32_MAX ? lag : INT32_MAX) : 0;
    s->tick_due_us = now + TICK_MS * 1000;
    s->second = second;
    for (int i = 0; i < s->lists[RESOURCE_QUERY].n; i++)
        query__each_tick(service_query_of(s->lists[RESOURCE_QUERY].items[i]), now, next);
    for (int i = 0; i < s->lists[RESOURCE_PRODUCER].n; i++)
        producer__each_tick(service_producer_of(s->lists[RESOURCE_PRODUCER].items[i]), now, next);
    if (s->spec.tick)
        s->spec.tick(s->spec.arg);
}

/* ---- life ---- */

static enum err load_kind(struct supervisor *s, enum resource_kind kind, struct error *e)
{
    struct arena     a;
    struct resource *rows;
    int              n;
    arena_init(&a, TAG_STATE, LISTED_MAX);
    enum err rc = resource_list(s->catalog, kind, &a, &rows, &n, e);
    for (int i = 0; rc == OK && i < n; i++) {
        struct change          c = {.s = s, .kind = kind, .row = rows[i]};
        struct service_object *o;
        bool                   created;
        snprintf(c.name, sizeof c.name, "%s", rows[i].name);
        c.spec = mem_strdup(TAG_STATE, rows[i].spec);
        rc = c.spec ? json_doc_parse(c.spec, strlen(c.spec), &c.doc, e) : err_set(e, ERR_NO_MEMORY, "resources");
        if (rc == OK)
            rc = take_row(s, &c, &o, &created, e);
        if (rc == OK && !o->wanted)
            o->state = SERVICE_STOPPED;
        if (rc == OK && kind == RESOURCE_QUERY)
            query__loaded(service_query_of(o));
        mem_free(c.spec);
        json_doc_free(c.doc);
    }
    arena_fini(&a);
    return rc;
}

static enum err load_events(struct supervisor *s, struct error *e)
{
    struct arena  a;
    struct event *events;
    int           n;
    arena_init(&a, TAG_STATE, LISTED_MAX);
    enum err rc = event_list(s->catalog, 0, SERVICE_EVENTS_KEPT, &a, &events, &n, e);
    for (int i = n - 1; rc == OK && i >= 0; i--)
        keep_event(s, &events[i]);
    s->last_event_id = rc == OK && n ? events[0].id : 0;
    arena_fini(&a);
    return rc;
}

enum err supervisor_open(const struct supervisor_spec *spec, struct supervisor **out, struct error *e)
{
    struct supervisor *s = mem_zalloc(TAG_STATE, sizeof *s);
    *out = NULL;
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "supervisor");
    s->spec = *spec;
    folder_owners_init(&s->folders);
    TRY(query_host_init(&s->host, spec->loop, spec->state_dir, e)); /* what fails here ends the program */
    TRY(query_host_catalog(&s->host, &s->catalog, e));
    TRY(workers_init(&s->control, spec->loop, "control", 1, e));
    TRY(workers_init(&s->side, spec->loop, "side", 2, e));
    TRY(load_kind(s, RESOURCE_QUERY, e));
    TRY(load_kind(s, RESOURCE_PRODUCER, e));
    TRY(load_events(s, e));
    CHECK(uv_timer_init(spec->loop, &s->timer) == 0);
    s->timer.data = s;
    *out = s;
    return OK;
}

void supervisor_run(struct supervisor *s)
{
    s->tick_due_us = clock_mono_us() + TICK_MS * 1000;
    uv_timer_start(&s->timer, on_tick, TICK_MS, TICK_MS);
    for (int kind = 0; kind < 2; kind++)
        for (int i = 0; i < s->lists[kind].n; i++)
            settle(s->lists[kind].items[i]);
}

void service__stopped(struct supervisor *s)
{
    if (!s->stopping || s->n_changing || !s->stopped)
        return;
    for (int i = 0; i < s->lists[RESOURCE_QUERY].n; i++)
        if (service_query_of(s->lists[RESOURCE_QUERY].items[i])->query ||
            service_query_of(s->lists[RESOURCE_QUERY].items[i])->busy)
            return;
    for (int i = 0; i < s->lists[RESOURCE_PRODUCER].n; i++)
        if (service_producer_of(s->lists[RESOURCE_PRODUCER].items[i])->producing)
            return;
    void (*stopped)(void *) = s->stopped;
    s->stopped = NULL;
    stopped(s->stopped_arg);
}

void supervisor_stop(struct supervisor *s, void (*done)(void *), void *arg)
{
    s->stopping = true;
    s->stopped = done;
    s->stopped_arg = arg;
    for (int kind = 1; kind >= 0; kind--) /* producers first: what they have sent is still read */
        for (int i = 0; i < s->lists[kind].n; i++)
            settle(s->lists[kind].items[i]);
    service__stopped(s);
}

/* Handles close in an order of libuv's own: the last one frees. */
static void closed_one(struct supervisor *s)
{
    if (--s->n_open == 0)
        mem_free(s);
}

#define SUPERVISOR_OF(w, member) ((struct supervisor *)((uint8_t *)(w) - offsetof(struct supervisor, member)))
static void on_timer_closed(uv_handle_t *handle) { closed_one(handle->data); }
static void on_side_closed(struct workers *w) { closed_one(SUPERVISOR_OF(w, side)); }
static void on_control_closed(struct workers *w) { closed_one(SUPERVISOR_OF(w, control)); }
static void on_io_closed(struct workers *w) { closed_one(SUPERVISOR_OF(w, host.io)); }

void supervisor_close(struct supervisor *s)
{
    uv_timer_stop(&s->timer);
    s->n_open = 4;
    s->side.closed = on_side_closed;
    s->control.closed = on_control_closed;
    s->host.io.closed = on_io_closed;
    workers_close(&s->side);
    workers_close(&s->control);
    query_host_close(&s->host);
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < s->lists[kind].n; i++)
            free_object(s->lists[kind].items[i]);
        mem_free(s->lists[kind].items);
    }
    for (int i = 0; i < SERVICE_EVENTS_KEPT; i++)
        free_texts(&s->events[i]);
    folder_owners_free(&s->folders);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
