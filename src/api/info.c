/* SPDX-License-Identifier: MIT */
/* /info, /config, /diagnostics and the probes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "base/clock.h"

/* ---- process ---- */

static int64_t status_line(const char *name)
{
    char    line[256];
    int64_t v = 0;
    FILE   *f = fopen("/proc/self/status", "re"); /* kernel memory: this cannot block */
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0) {
            v = strtoll(line + strlen(name), NULL, 10);
            break;
        }
    if (f)
        fclose(f);
    return v;
}

int64_t api__rss_bytes(void) { return status_line("VmRSS:") * 1024; }
int64_t api__threads(void) { return status_line("Threads:"); }

/* ---- degraded: what is wrong while the service itself is well ---- */

static void write_degraded(const struct api *a, struct json_writer *w)
{
    char what[SERVICE_NAME_MAX + 32];
    json_key(w, "degraded");
    json_begin_array(w);
    for (int i = 0; a->s && i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        struct service_object     *o = supervisor_at(a->s, RESOURCE_QUERY, i);
        const struct query_status *st = &service_query_of(o)->status;
        bool                       down = service_query_of(o)->query && st->down_since_us;
        bool                       wrong = o->state == SERVICE_FAILED || o->state == SERVICE_WAITING;
        if (!down && !wrong)
            continue;
        snprintf(what, sizeof what, "%s %s", down && !wrong ? "brokers of query" : "query", o->name);
        json_begin_object(w);
        json_member_string(w, "what", what);
        api__member_time(w, "since",
                         down && !wrong ? clock_wall_us() / 1000 - (clock_mono_us() - st->down_since_us) / 1000
                                        : o->since_ms);
        json_member_string(w, "reason", wrong ? o->error.text : st->down_error);
        json_end_object(w);
    }
    for (int i = 0; a->s && i < supervisor_n(a->s, RESOURCE_PRODUCER); i++) {
        struct service_object *o = supervisor_at(a->s, RESOURCE_PRODUCER, i);
        if (o->state != SERVICE_FAILED && o->state != SERVICE_WAITING)
            continue;
        snprintf(what, sizeof what, "producer %s", o->name);
        json_begin_object(w);
        json_member_string(w, "what", what);
        api__member_time(w, "since", o->since_ms);
        json_member_string(w, "reason", o->error.text);
        json_end_object(w);
    }
    json_end_array(w);
}

/* ---- info ---- */

void api__write_info(const struct api *a, enum http_role role, struct json_writer *w)
{
    json_begin_object(w);
    json_member_string(w, "name", "millrace");
    json_member_string(w, "version", a->spec.version);
    api__member_time(w, "started_at", a->started_ms);
    json_member_int(w, "uptime_ms", (clock_mono_us() - a->started_us) / 1000);
    api__member_time(w, "server_time", clock_wall_us() / 1000);
    json_member_string(w, "role", role == HTTP_ADMIN ? "admin" : "viewer");
    json_key(w, "environment");
    json_begin_object(w);
    json_member_string(w, "name", a->spec.environment ? a->spec.environment : "");
    json_member_string(w, "colour", a->spec.colour ? a->spec.colour : "");
    json_end_object(w);
    json_key(w, "limits");
    json_begin_object(w);
    json_member_int(w, "websockets", 1024);
    json_member_int(w, "rows_kept", SERVICE_ROWS_KEPT);
    json_member_int(w, "commits_kept", METER_COMMITS);
    json_member_int(w, "samples_kept", SAMPLES_KEPT);
    json_member_int(w, "series_seconds", METER_SECONDS);
    json_end_object(w);
    json_member_string(w, "state_dir", a->spec.state_dir);
    json_member_string(w, "warehouse", a->spec.warehouse);
    json_key(w, "process");
    json_begin_object(w);
    api__member_number(w, "cpu_seconds", (double)clock_process_cpu_us() / 1e6);
    json_member_int(w, "rss_bytes", api__rss_bytes());
    json_member_int(w, "threads", api__threads());
    api__member_number(w, "loop_lag_p99_ms", a->s ? (double)supervisor_loop_lag_us(a->s) / 1e3 : 0);
    json_end_object(w);
    json_member_bool(w, "ready", a->ready && !a->stopping);
    write_degraded(a, w);
    json_end_object(w);
}

void api__info(struct http_request *r)
{
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    api__write_info(api__of(r), http_role(r), &w);
    api__answer(r, 200, &out);
}

void api__config(struct http_request *r)
{
    const struct api  *a = api__of(r);
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    api__list_begin(&w);
    for (int i = 0; i < a->spec.n_settings; i++) {
        json_begin_object(&w);
        json_member_string(&w, "key", a->spec.settings[i].key);
        json_member_string(&w, "value", a->spec.settings[i].value);
        json_member_string(&w, "origin", a->spec.settings[i].origin);
        json_end_object(&w);
    }
    api__list_end(&w, NULL);
    api__answer(r, 200, &out);
}

void api__diagnostics(struct http_request *r)
{
    struct api         *a = api__of(r);
    struct json_writer  w;
    struct buf          out;
    const struct event *ev;
    api__begin(&out, &w);
    json_begin_object(&w);
    json_key(&w, "info");
    api__write_info(a, http_role(r), &w);
    json_key(&w, "config");
    json_begin_array(&w);
    for (int i = 0; i < a->spec.n_settings; i++) {
        json_begin_object(&w);
        json_member_string(&w, "key", a->spec.settings[i].key);
        json_member_string(&w, "value", a->spec.settings[i].value);
        json_member_string(&w, "origin", a->spec.settings[i].origin);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_key(&w, "queries");
    json_begin_array(&w);
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++)
        api__write_query(service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i)), &w);
    json_end_array(&w);
    json_key(&w, "status");
    json_begin_array(&w);
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++)
        api__write_status(service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i)), &w);
    json_end_array(&w);
    json_key(&w, "producers");
    json_begin_array(&w);
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_PRODUCER); i++)
        api__write_producer(service_producer_of(supervisor_at(a->s, RESOURCE_PRODUCER, i)), &w);
    json_end_array(&w);
    json_key(&w, "memory_bytes");
    json_begin_object(&w);
    for (int i = 0; i < ALLOC_N_TAGS; i++)
        json_member_int(&w, alloc_tag_name((enum alloc_tag)i), alloc_bytes((enum alloc_tag)i));
    json_end_object(&w);
    json_key(&w, "events");
    json_begin_array(&w);
    for (int i = 0; (ev = supervisor_event_at(a->s, i)); i++)
        api__write_event(ev, &w);
    json_end_array(&w);
    json_end_object(&w);
    api__answer(r, 200, &out);
}

/* ---- probes ---- */

/* The checks as lines for a person; the status is the contract. */
static void probe(struct http_request *r, const char *name, bool good, const char *why, bool more)
{
    const struct api *a = api__of(r);
    struct buf        out;
    buf_init(&out, TAG_WEB, 1 << 20);
    buf_printf(&out, "[+]loop ok\n");
    buf_printf(&out, "%s\n", good ? "[+]serving ok" : why);
    for (int i = 0; more && a->s && i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        struct service_object     *o = supervisor_at(a->s, RESOURCE_QUERY, i);
        const struct query_status *st = &service_query_of(o)->status;
        if (o->state == SERVICE_FAILED || o->state == SERVICE_WAITING)
            buf_printf(&out, "[!]query %s degraded: %s\n", o->name, o->error.text);
        else if (service_query_of(o)->query && st->down_since_us)
            buf_printf(&out, "[!]query %s degraded: %s\n", o->name, st->down_error);
    }
    buf_printf(&out, "%s check %s\n", name, good ? "passed" : "failed");
    http_reply_header(r, "Cache-Control", "no-store");
    http_reply(r, good ? 200 : 503, "text/plain; charset=utf-8", &out);
    buf_fini(&out);
}

void api__livez(struct http_request *r) { probe(r, "livez", true, "", false); }

static bool serving(const struct api *a, const char **why)
{
    *why = a->stopping ? "[-]serving stopped: shutting down" : "[-]serving not yet: starting";
    return a->ready && !a->stopping;
}

void api__readyz(struct http_request *r)
{
    const char *why;
    bool        good = serving(api__of(r), &why);
    probe(r, "readyz", good, why, true);
}

void api__healthz(struct http_request *r)
{
    const struct api *a = api__of(r);
    const char       *why;
    bool              good = serving(a, &why);
    for (int i = 0; good && i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        struct service_object *o = supervisor_at(a->s, RESOURCE_QUERY, i);
        if (o->state == SERVICE_FAILED || o->state == SERVICE_WAITING ||
            (service_query_of(o)->query && service_query_of(o)->status.down_since_us)) {
            good = false;
            why = "[-]a query is not well";
        }
    }
    probe(r, "healthz", good, why, true);
}
