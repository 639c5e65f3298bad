/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket's channels (docs/rest.md, millrace.v1.json).
 *
 * A feed is one channel of one subject under one subscription id at one pace: all sessions that ask for the same share
 * it, and each of its frames is encoded once. It has a cursor (a second, the number of a row, commit, sample or event);
 * each turn makes a delta from there on. Channels whose newest picture is all that counts (status, partitions) send it
 * whole, and an unsent one is replaced. A session whose queue refuses a delta gets a new snapshot when there is room
 * again, so nothing is kept for it meanwhile.
 */
#include <math.h>
#include <stdio.h>

#include "api/routes.h"
#include "base/clock.h"

#define PROTOCOL "millrace.v1.json"
#define HELLO_US 5000000
#define HEARTBEAT_MS 15000
#define SUBS_MAX 64
#define ID_MAX 63
#define TICKS_PER_S 10
#define ROWS_DEFAULT 100
#define FRAME_MAX ((size_t)8 << 20)

enum channel { STATUS, METRICS, ROWS, COMMITS, ERRORS, PARTITIONS, EVENTS, N_CHANNELS };
static const char *const channel_names[N_CHANNELS] = {"status", "metrics",    "rows",  "commits",
                                                      "errors", "partitions", "events"};
static const double      default_hz[N_CHANNELS] = {2, 1, 4, 2, 1, 1, 2};

struct feed {
    struct feed     *next;
    enum channel     channel;
    char             subject[SERVICE_NAME_MAX + 16];
    char             id[ID_MAX + 1];
    int              every; /* ticks between turns */
    int              max_rows;
    enum http_role   role; /* status tells it */
    int64_t          cursor, seq;
    int              n_subs;
    struct ws_frame *snap;  /* of the cursor as it is now; NULL: to be made */
    bool             there; /* the subject exists and runs */
    bool             told;  /* ... was told */
};

struct sub {
    struct sub  *next;
    struct feed *feed;
    bool         paused, lost; /* lost: a delta was refused, a snapshot is due */
    int64_t      dropped;
};

struct session {
    struct session    *next, **link;
    struct live       *live;
    struct ws_session *ws;
    struct sub        *subs;
    int                n_subs;
    bool               greeted;
    int64_t            opened_us, heard_us, beat_us;
    int64_t            drops;
};

struct live {
    struct api     *api;
    struct session *sessions;
    struct feed    *feeds;
    int64_t         n_ticks;
    int             n_sessions;
    uint64_t        session_number;
};

static int64_t now_ms(void) { return clock_wall_us() / 1000; }

/* ---- frames ---- */

static void frame_begin(struct buf *out, struct json_writer *w, const char *type)
{
    buf_init(out, TAG_WEB, FRAME_MAX);
    json_writer_init(w, out);
    json_begin_object(w);
    json_member_string(w, "type", type);
}

static struct ws_frame *frame_end(struct buf *out, struct json_writer *w)
{
    json_end_object(w);
    struct ws_frame *f = out->failed ? NULL : ws_frame_text(out->data, out->size);
    buf_fini(out);
    return f;
}

static void send_to(struct session *s, struct ws_frame *f)
{
    if (f && ws_send(s->ws, f, 0) == WS_REFUSED)
        s->drops++;
    ws_frame_unref(f);
}

static void send_error(struct session *s, const char *id, const char *code, const char *detail)
{
    struct buf          out, problem;
    struct json_writer  w;
    struct http_problem p = {.status = 422, .code = code, .detail = detail};
    buf_init(&problem, TAG_WEB, 1 << 20);
    http_problem_write(&p, &problem);
    frame_begin(&out, &w, "err");
    if (id)
        json_member_string(&w, "id", id);
    json_member_raw(&w, "problem", buf_text(&problem));
    send_to(s, frame_end(&out, &w));
    buf_fini(&problem);
}

/* ---- what a channel says ---- */

static struct service_query *subject_query(const struct live *l, const struct feed *f)
{
    struct service_object *o = supervisor_find(l->api->s, RESOURCE_QUERY, f->subject);
    return o ? service_query_of(o) : NULL;
}

static void write_status_data(const struct live *l, const struct feed *f, struct json_writer *w)
{
    struct supervisor *s = l->api->s;
    json_begin_object(w);
    json_key(w, "info");
    api__write_info(l->api, f->role, w);
    json_key(w, "queries");
    json_begin_array(w);
    for (int i = 0; i < supervisor_n(s, RESOURCE_QUERY); i++)
        api__write_status(service_query_of(supervisor_at(s, RESOURCE_QUERY, i)), w);
    json_end_array(w);
    json_key(w, "producers");
    json_begin_array(w);
    for (int i = 0; i < supervisor_n(s, RESOURCE_PRODUCER); i++)
        api__write_producer(service_producer_of(supervisor_at(s, RESOURCE_PRODUCER, i)), w);
    json_end_array(w);
    json_end_object(w);
}

static void write_rows(struct service_query *q, int64_t from, int most, bool columns, struct json_writer *w)
{
    int64_t seen = service_query_rows_seen(q);
    json_begin_object(w);
    if (columns)
        api__write_columns(q->script && q->script->n_plans ? q->script->plans[0].schema : NULL, w);
    json_key(w, "rows");
    json_begin_array(w);
    int     n = service_query_rows(q, from, most, true, w);
    int64_t all = seen - from;
    json_end_array(w);
    json_member_int(w, "total", seen);
    json_member_int(w, "sampled", !columns && n > 0 && all > n ? (all + n - 1) / n : 1);
    json_end_object(w);
}

static void write_items(const struct live *l, const struct feed *f, int64_t from, struct json_writer *w)
{
    struct service_query      *q = f->channel == COMMITS ? subject_query(l, f) : NULL;
    const struct meter_commit *c;
    const struct event        *ev;
    json_begin_object(w);
    json_key(w, "items");
    json_begin_array(w);
    for (int i = 0; q && (c = meter_commit_at(q->meter, i)) && c->number >= from; i++)
        api__write_commit(c, w);
    for (int i = 0; f->channel == EVENTS && (ev = supervisor_event_at(l->api->s, i)) && ev->id > from; i++)
        api__write_event(ev, w);
    json_end_array(w);
    json_end_object(w);
}

/* Where the channel stands now. */
static int64_t position(const struct live *l, const struct feed *f)
{
    struct service_query *q = subject_query(l, f);
    const struct event   *ev = supervisor_event_at(l->api->s, 0);
    switch (f->channel) {
    case METRICS:
        return q ? meter_last_second(q->meter) : 0;
    case ROWS:
        return q ? service_query_rows_seen(q) : 0;
    case COMMITS:
        return q ? meter_n_commits(q->meter) : 0;
    case ERRORS:
        return q ? samples_seen(meter_samples(q->meter)) : 0;
    case EVENTS:
        return ev ? ev->id : 0;
    case STATUS:
    case PARTITIONS:
    case N_CHANNELS:
        break;
    }
    return l->n_ticks;
}

static bool is_picture(enum channel c) { return c == STATUS || c == PARTITIONS; }

/* The data of a snapshot, or of a delta from the cursor on. False: there is nothing to say. */
static bool write_data(const struct live *l, const struct feed *f, bool snap, struct json_writer *w)
{
    struct service_query *q = subject_query(l, f);
    int                   source;
    switch (f->channel) {
    case STATUS:
        write_status_data(l, f, w);
        return true;
    case PARTITIONS:
        q = api__source(l->api, f->subject, &source);
        if (q)
            api__write_partitions(q, source, w);
        return q != NULL;
    case METRICS:
        if (q)
            api__write_series(q->meter, snap ? f->cursor - METER_SECONDS : f->cursor, snap ? f->cursor : position(l, f),
                              NULL, w);
        return q != NULL;
    case ROWS:
        if (q)
            write_rows(q, snap ? 0 : f->cursor, f->max_rows, snap, w);
        return q != NULL;
    case ERRORS:
        if (q)
            api__write_errors(q, snap ? 0 : f->cursor, NULL, w);
        return q != NULL;
    case COMMITS:
    case EVENTS:
        write_items(l, f, snap ? 0 : f->cursor, w);
        return f->channel == EVENTS || q;
    case N_CHANNELS:
        break;
    }
    return false;
}

static struct ws_frame *make_frame(const struct live *l, const struct feed *f, bool snap, bool reset, int64_t dropped)
{
    struct buf         out;
    struct json_writer w;
    frame_begin(&out, &w, snap ? "snap" : "delta");
    json_member_string(&w, "id", f->id);
    json_member_int(&w, "seq", f->seq);
    api__member_time(&w, "t", now_ms());
    if (reset)
        json_member_bool(&w, "reset", true);
    if (dropped)
        json_member_int(&w, "dropped", dropped);
    json_key(&w, "data");
    if (!write_data(l, f, snap, &w)) {
        buf_fini(&out);
        return NULL;
    }
    return frame_end(&out, &w);
}

/* ---- subscriptions ---- */

static uint64_t key_of(const struct feed *f)
{
    return is_picture(f->channel) ? (uint64_t)(uintptr_t)f : 0; /* an unsent picture is replaced by the newer one */
}

static void send_snap(struct live *l, struct session *s, struct sub *x, bool reset)
{
    struct feed     *f = x->feed;
    struct ws_frame *own = NULL;
    if (!reset && !f->snap)
        f->snap = make_frame(l, f, true, false, 0);
    if (reset)
        own = make_frame(l, f, true, true, x->dropped);
    struct ws_frame *frame = reset ? own : f->snap;
    if (!frame) /* no such subject yet */
        return;
    x->lost = ws_send(s->ws, frame, key_of(f)) == WS_REFUSED;
    x->dropped = x->lost ? x->dropped : 0;
    s->drops += x->lost;
    ws_frame_unref(own);
}

static void send_state(struct session *s, const struct feed *f)
{
    struct buf         out;
    struct json_writer w;
    frame_begin(&out, &w, "state");
    json_member_string(&w, "id", f->id);
    json_member_string(&w, "state", f->there ? "live" : "waiting");
    json_member_string(&w, "reason", f->there ? "" : "it does not run");
    send_to(s, frame_end(&out, &w));
}

static bool subject_is_there(const struct live *l, const struct feed *f)
{
    int                   source;
    struct service_query *q = f->channel == PARTITIONS ? api__source(l->api, f->subject, &source) : subject_query(l, f);
    return f->channel == STATUS || f->channel == EVENTS || (q && q->query);
}

static struct feed *feed_for(struct live *l, const struct feed *like)
{
    for (struct feed *f = l->feeds; f; f = f->next)
        if (f->channel == like->channel && f->every == like->every && f->max_rows == like->max_rows &&
            f->role == like->role && strcmp(f->subject, like->subject) == 0 && strcmp(f->id, like->id) == 0)
            return f;
    struct feed *f = mem_alloc(TAG_WEB, sizeof *f);
    CHECK(f);
    *f = *like;
    f->cursor = position(l, f);
    f->there = f->told = subject_is_there(l, f);
    f->next = l->feeds;
    l->feeds = f;
    return f;
}

static void leave_feed(struct live *l, struct feed *f)
{
    if (--f->n_subs > 0)
        return;
    struct feed **link = &l->feeds;
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    ws_frame_unref(f->snap);
    mem_free(f);
}

static struct sub *find_sub(struct session *s, const char *id)
{
    for (struct sub *x = s->subs; id && x; x = x->next)
        if (strcmp(x->feed->id, id) == 0)
            return x;
    return NULL;
}

static void drop_sub(struct session *s, struct sub *x)
{
    struct sub **link = &s->subs;
    while (*link != x)
        link = &(*link)->next;
    *link = x->next;
    leave_feed(s->live, x->feed);
    mem_free(x);
    s->n_subs--;
}

static int ticks_of(double hz)
{
    double every = TICKS_PER_S / (hz > TICKS_PER_S ? TICKS_PER_S : hz < 0.05 ? 0.05 : hz);
    return (int)(every + 0.5) < 1 ? 1 : (int)(every + 0.5);
}

static const char *fill_feed(struct session *s, const struct json_value *m, struct feed *f)
{
    const char              *channel = json_get_string(m, "channel"), *id = json_get_string(m, "id");
    const struct json_value *params = json_get(m, "params");
    int                      at = 0;
    while (channel && at < N_CHANNELS && strcmp(channel_names[at], channel) != 0)
        at++;
    if (!channel || at == N_CHANNELS)
        return "channel is status, metrics, rows, commits, errors, partitions or events";
    if (!id || !id[0] || strlen(id) > ID_MAX)
        return "id is a text of at most 63 bytes";
    const char *subject = at == STATUS || at == EVENTS ? ""
                          : at == PARTITIONS           ? json_get_string(params, "source")
                                                       : json_get_string(params, "query");
    if (!subject || strlen(subject) >= sizeof f->subject)
        return at == PARTITIONS ? "params.source is missing" : "params.query is missing";
    double  hz = json_as_double(json_get(m, "max_hz"), default_hz[at]);
    int64_t rows = json_get_int(m, "max_rows", ROWS_DEFAULT);
    *f = (struct feed){.channel = (enum channel)at,
                       .every = ticks_of(hz),
                       .role = ws_role(s->ws),
                       .max_rows = (int)(rows < 1                   ? 1
                                         : rows > SERVICE_ROWS_KEPT ? SERVICE_ROWS_KEPT
                                                                    : rows)};
    snprintf(f->id, sizeof f->id, "%s", id);
    snprintf(f->subject, sizeof f->subject, "%s", subject);
    return NULL;
}

static void on_sub(struct session *s, const struct json_value *m)
{
    struct feed like;
    const char *id = json_get_string(m, "id"), *wrong = fill_feed(s, m, &like);
    struct sub *x = find_sub(s, id);
    if (!wrong && !x && s->n_subs == SUBS_MAX)
        wrong = "a socket has at most 64 subscriptions";
    if (wrong) {
        send_error(s, id, "invalid_subscription", wrong);
        return;
    }
    if (x)
        drop_sub(s, x);
    x = mem_zalloc(TAG_WEB, sizeof *x);
    CHECK(x);
    x->feed = feed_for(s->live, &like);
    x->feed->n_subs++;
    x->next = s->subs;
    s->subs = x;
    s->n_subs++;
    send_state(s, x->feed);
    send_snap(s->live, s, x, false);
}

static void on_set(struct session *s, const struct json_value *m)
{
    struct sub *x = find_sub(s, json_get_string(m, "id"));
    if (!x) {
        send_error(s, json_get_string(m, "id"), "not_found", "there is no subscription of that id");
        return;
    }
    bool before = x->paused;
    if (json_get(m, "max_hz")) {
        struct feed like = *x->feed;
        like.every = ticks_of(json_as_double(json_get(m, "max_hz"), 1));
        like.n_subs = 0;
        like.snap = NULL;
        like.next = NULL;
        struct feed *f = feed_for(s->live, &like);
        f->n_subs++;
        leave_feed(s->live, x->feed);
        x->feed = f;
        x->lost = true;
    }
    x->paused = json_get_bool(m, "paused", x->paused);
    if (before && !x->paused)
        send_snap(s->live, s, x, true);
}

/* ---- sessions ---- */

static void greet(struct session *s)
{
    struct buf         out;
    struct json_writer w;
    char               name[32];
    snprintf(name, sizeof name, "s%llu", (unsigned long long)++s->live->session_number);
    frame_begin(&out, &w, "welcome");
    json_member_string(&w, "session", name);
    api__member_time(&w, "server_time", now_ms());
    json_member_string(&w, "build", s->live->api->spec.version);
    json_member_int(&w, "heartbeat_ms", HEARTBEAT_MS);
    json_key(&w, "limits");
    json_begin_object(&w);
    json_member_int(&w, "subscriptions", SUBS_MAX);
    json_member_int(&w, "max_hz", TICKS_PER_S);
    json_member_int(&w, "max_rows", SERVICE_ROWS_KEPT);
    json_end_object(&w);
    json_member_string(&w, "role", ws_role(s->ws) == HTTP_ADMIN ? "admin" : "viewer");
    json_key(&w, "signed_in_as");
    json_put_string(&w, ws_signed_in_as(s->ws));
    send_to(s, frame_end(&out, &w));
    s->greeted = true;
}

static void beat(struct session *s)
{
    struct buf         out;
    struct json_writer w;
    frame_begin(&out, &w, "hb");
    api__member_time(&w, "t", now_ms());
    api__member_time(&w, "server_time", now_ms());
    api__member_number(&w, "lag_ms", (double)supervisor_loop_lag_us(s->live->api->s) / 1e3);
    json_member_int(&w, "drops", s->drops);
    s->beat_us = clock_mono_us();
    send_to(s, frame_end(&out, &w));
}

static void on_open(struct ws_session *ws)
{
    struct session *s = ws_user(ws);
    s->ws = ws;
    s->opened_us = s->beat_us = clock_mono_us();
}

static void dispatch(struct session *s, const struct json_value *m)
{
    const char *type = json_get_string(m, "type");
    if (!type)
        ws_close(s->ws, WS_PROTOCOL, "a message is an object with a type");
    else if (!s->greeted && strcmp(type, "hello") != 0)
        ws_close(s->ws, WS_PROTOCOL, "say hello first");
    else if (strcmp(type, "hello") == 0)
        greet(s);
    else if (strcmp(type, "sub") == 0)
        on_sub(s, m);
    else if (strcmp(type, "unsub") == 0 && find_sub(s, json_get_string(m, "id")))
        drop_sub(s, find_sub(s, json_get_string(m, "id")));
    else if (strcmp(type, "set") == 0)
        on_set(s, m);
    else if (strcmp(type, "ping") == 0)
        beat(s);
    else if (strcmp(type, "unsub") != 0)
        send_error(s, json_get_string(m, "id"), "unknown_type", "the types are hello, sub, unsub, set and ping");
}

static void on_message(struct ws_session *ws, bool text, const void *bytes, size_t n)
{
    struct json_value *m = NULL;
    if (!text || json_doc_parse(bytes, n, &m, NULL) != OK)
        ws_close(ws, WS_PROTOCOL, "messages are JSON texts");
    else
        dispatch(ws_user(ws), m);
    json_doc_free(m);
}

static void on_drained(struct ws_session *ws)
{
    struct session *s = ws_user(ws);
    for (struct sub *x = s->subs; x; x = x->next)
        if (x->lost && !x->paused)
            send_snap(s->live, s, x, true);
}

static void on_bye(struct ws_session *ws)
{
    struct buf         out;
    struct json_writer w;
    frame_begin(&out, &w, "bye");
    json_member_string(&w, "reason", "shutdown");
    json_member_int(&w, "retry_ms", 1000);
    send_to(ws_user(ws), frame_end(&out, &w));
}

static void free_session(struct session *s)
{
    while (s->subs)
        drop_sub(s, s->subs);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    s->live->n_sessions--;
    mem_free(s);
}

static void on_closed(struct ws_session *ws, int code)
{
    (void)code;
    free_session(ws_user(ws));
}

void api__websocket(struct http_request *r)
{
    static const struct ws_handlers handlers = {
        .open = on_open, .message = on_message, .drained = on_drained, .bye = on_bye, .closed = on_closed};
    struct live    *l = api__of(r)->live;
    struct session *s = mem_zalloc(TAG_WEB, sizeof *s);
    CHECK(s);
    s->live = l;
    s->next = l->sessions;
    s->link = &l->sessions;
    if (s->next)
        s->next->link = &s->next;
    l->sessions = s;
    l->n_sessions++;
    if (ws_accept(r, PROTOCOL, &handlers, s, NULL) != OK)
        free_session(s);
}

/* ---- ticks ---- */

static void turn(struct live *l, struct feed *f, struct ws_frame **frame)
{
    int64_t now = position(l, f);
    *frame = NULL;
    if (now == f->cursor && !is_picture(f->channel))
        return;
    if (now < f->cursor) /* it began again */
        f->cursor = 0;
    f->seq++;
    *frame = make_frame(l, f, false, false, 0);
    f->cursor = now;
    ws_frame_unref(f->snap);
    f->snap = NULL;
}

static void deliver(struct live *l, struct session *s, struct sub *x, struct ws_frame *frame)
{
    if (x->paused) {
        x->dropped++;
    } else if (x->lost) {
        x->dropped++;
        send_snap(l, s, x, true);
    } else if (ws_send(s->ws, frame, key_of(x->feed)) == WS_REFUSED) {
        x->lost = true;
        x->dropped++;
        s->drops++;
    }
}

/* One frame of a feed, to everybody who has it. */
static void tick_feed(struct live *l, struct feed *f)
{
    struct ws_frame *frame = NULL;
    bool             there = subject_is_there(l, f), told = there == f->told;
    f->there = there;
    f->told = there;
    if (l->n_ticks % f->every == 0)
        turn(l, f, &frame);
    for (struct session *s = l->sessions, *next; s && (frame || !told); s = next) {
        next = s->next;
        for (struct sub *x = s->subs; x; x = x->next) {
            if (x->feed != f)
                continue;
            if (!told)
                send_state(s, f);
            if (frame)
                deliver(l, s, x, frame);
        }
    }
    ws_frame_unref(frame);
}

void live_tick(struct live *l)
{
    int64_t now = clock_mono_us();
    l->n_ticks++;
    for (struct feed *f = l->feeds, *next; f; f = next) {
        next = f->next;
        tick_feed(l, f);
    }
    for (struct session *s = l->sessions; s; s = s->next) {
        if (!s->greeted && s->ws && now - s->opened_us > HELLO_US)
            ws_close(s->ws, WS_PROTOCOL, "no hello within 5 s");
        if (s->greeted && now - s->beat_us > HEARTBEAT_MS * 1000)
            beat(s);
    }
}

/* ---- life ---- */

struct live *live_new(struct api *a)
{
    struct live *l = mem_zalloc(TAG_WEB, sizeof *l);
    if (l)
        l->api = a;
    return l;
}

void live_free(struct live *l)
{
    if (!l)
        return;
    CHECK(!l->sessions);
    mem_free(l);
}

int live_n(const struct live *l) { return l->n_sessions; }
