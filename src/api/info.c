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

/* Why an object is not well, and since when; NULL: it is. */
static const char *ailment(struct service_object *o, bool *brokers, int64_t *since_ms, char text[200])
{
    *brokers = false;
    *since_ms = o->since_ms;
    if (o->state == SERVICE_FAILED || o->state == SERVICE_WAITING)
        return o->error.text;
    const struct service_query *q = o->kind == RESOURCE_QUERY ? service_query_of(o) : NULL;
    if (!q || !q->query || !(q->status.down_since_us || q->status.silent_since_us))
        return NULL;
    *brokers = true;
    int64_t silent_us = q->status.silent_since_us, since_us = silent_us ? silent_us : q->status.down_since_us;
    *since_ms = clock_wall_us() / 1000 - (clock_mono_us() - since_us) / 1000;
    if (silent_us)
        silence_text(q->status.silent, silent_us, text);
    return silent_us ? text : q->status.down_error;
}

static const char *const kind_names[] = {"query", "producer"};

static void write_degraded(const struct api *a, struct json_writer *w)
{
    char    what[SERVICE_NAME_MAX + 32], text[200];
    bool    brokers;
    int64_t since_ms;
    json_key(w, "degraded");
    json_begin_array(w);
    for (int kind = RESOURCE_QUERY; kind <= RESOURCE_PRODUCER; kind++)
        for (int i = 0; a->s && i < supervisor_n(a->s, (enum resource_kind)kind); i++) {
            struct service_object *o = supervisor_at(a->s, (enum resource_kind)kind, i);
            const char            *why = ailment(o, &brokers, &since_ms, text);
            if (!why)
                continue;
            snprintf(what, sizeof what, "%s%s %s", brokers ? "brokers of " : "", kind_names[kind], o->name);
            json_begin_object(w);
            json_member_string(w, "what", what);
            api__member_time(w, "since", since_ms);
            json_member_string(w, "reason", why);
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
    api__member_path(w, "state_dir", a->spec.state_dir);
    api__member_path(w, "warehouse", a->spec.warehouse);
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

/* ---- probes: lines for a person; the status is the contract ---- */

enum probe { PROBE_LIVE, PROBE_READY, PROBE_HEALTH };

static const char *not_serving(const struct api *a)
{
    return a->stopping ? "[-]serving stopped: shutting down" : a->ready ? NULL : "[-]serving not yet: starting";
}

/* Alive: the loop turns. Ready: it serves, whatever its queries do. Healthy: and every query is well. */
static void probe(struct http_request *r, const char *name, enum probe kind)
{
    const struct api *a = api__of(r);
    const char       *why = kind == PROBE_LIVE ? NULL : not_serving(a);
    struct buf        out;
    bool              good = why == NULL, brokers;
    int64_t           since_ms;
    buf_init(&out, TAG_WEB, 1 << 20);
    buf_printf(&out, "[+]loop ok\n%s\n", why ? why : "[+]serving ok");
    for (int i = 0; kind != PROBE_LIVE && a->s && i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        struct service_object *o = supervisor_at(a->s, RESOURCE_QUERY, i);
        char                   text[200];
        const char            *ails = ailment(o, &brokers, &since_ms, text);
        if (ails)
            buf_printf(&out, "[!]query %s degraded: %s\n", o->name, ails);
        good = good && (kind != PROBE_HEALTH || !ails);
    }
    buf_printf(&out, "%s check %s\n", name, good ? "passed" : "failed");
    http_reply_header(r, "Cache-Control", "no-store");
    http_reply(r, good ? 200 : 503, "text/plain; charset=utf-8", &out);
    buf_fini(&out);
}

void api__livez(struct http_request *r) { probe(r, "livez", PROBE_LIVE); }
void api__readyz(struct http_request *r) { probe(r, "readyz", PROBE_READY); }
void api__healthz(struct http_request *r) { probe(r, "healthz", PROBE_HEALTH); }
