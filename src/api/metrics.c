/* SPDX-License-Identifier: MIT */
/* /metrics: Prometheus text, version 0.0.4. One table says what there is; docs/operations.md shows the same names. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "api/routes.h"
#include "base/clock.h"
#include "kafka/source.h"

static const double duration_bounds[8] = {0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10};

void api_observe(void *api, const struct http_route *route, int status, int64_t duration_us)
{
    struct api *a = api;
    int         n;
    if (!route)
        return;
    struct route_count *c = &a->counts[route - api_routes(&n)];
    double              s = (double)duration_us / 1e6;
    c->by_class[status / 100 < 6 ? status / 100 : 5]++;
    c->sum_s += s;
    for (int i = 0; i < 8; i++)
        c->buckets[i] += s <= duration_bounds[i];
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static struct service_query *query_at(const struct api *a, int i)
{
    return service_query_of(supervisor_at(a->s, RESOURCE_QUERY, i));
}

/* ---- a value per query ---- */

static double s_of(int64_t ms) { return ms ? (double)ms / 1e3 : NAN; }

static double of_watermark(const struct service_query *q) { return s_of(q->status.watermark_ms); }
static double of_watermark_lag(const struct service_query *q)
{
    return q->status.watermark_ms ? (double)(clock_wall_us() / 1000 - q->status.watermark_ms) / 1e3 : NAN;
}
static double of_newest(const struct service_query *q) { return s_of(q->status.max_event_ms); }
static double of_rows(const struct service_query *q) { return (double)(q->table_rows_before + q->status.rows); }
static double of_restarts(const struct service_query *q) { return q->base.restarts; }
static double of_state_rows(const struct service_query *q) { return (double)q->status.ledger.open; }
static double of_state_bytes(const struct service_query *q) { return (double)q->status.state_bytes; }
static double of_windows(const struct service_query *q) { return (double)q->status.open_groups; }
static double of_commits(const struct service_query *q) { return (double)meter_n_commits(q->meter); }
static double of_last_commit(const struct service_query *q) { return s_of(q->status.committed_ms); }
static double of_version(const struct service_query *q)
{
    return q->status.version >= 0 ? (double)q->status.version : NAN;
}
static double of_files(const struct service_query *q) { return (double)meter_files_written(q->meter); }
static double of_bytes(const struct service_query *q) { return (double)meter_bytes_written(q->meter); }
static double of_records(const struct service_query *q) { return (double)(q->records_before + q->status.records); }
static double of_down(const struct service_query *q)
{
    return q->query && (q->status.down_since_us || q->status.silent_since_us) ? 0 : q->query ? 1 : NAN;
}

static const struct query_metric {
    const char *name, *type, *help;
    double (*value)(const struct service_query *);
} query_metrics[] = {
    {"millrace_source_records_total", "counter", "Records read from Kafka.", of_records},
    {"millrace_query_brokers_connected", "gauge", "1 while a broker of the query is connected and answers.", of_down},
    {"millrace_query_restarts_total", "counter", "Starts after a failure.", of_restarts},
    {"millrace_query_records_out_total", "counter", "Rows committed to the table.", of_rows},
    {"millrace_query_watermark_timestamp_seconds", "gauge", "The watermark.", of_watermark},
    {"millrace_query_watermark_lag_seconds", "gauge", "Now minus the watermark.", of_watermark_lag},
    {"millrace_query_max_event_timestamp_seconds", "gauge", "Newest event time seen.", of_newest},
    {"millrace_state_rows", "gauge", "Rows in open windows.", of_state_rows},
    {"millrace_state_bytes", "gauge", "Size of the open windows when saved last.", of_state_bytes},
    {"millrace_windows_open", "gauge", "Open groups of windows.", of_windows},
    {"millrace_commits_total", "counter", "Epochs committed since the start.", of_commits},
    {"millrace_commit_last_success_timestamp_seconds", "gauge", "When an epoch was committed last.", of_last_commit},
    {"millrace_delta_version", "gauge", "Newest version of the table this query has written.", of_version},
    {"millrace_delta_files_written_total", "counter", "Data files committed.", of_files},
    {"millrace_delta_bytes_written_total", "counter", "Bytes of data files committed.", of_bytes},
};

static void put_query_metrics(const struct api *a, struct buf *out)
{
    for (size_t m = 0; m < sizeof query_metrics / sizeof query_metrics[0]; m++) {
        const struct query_metric *x = &query_metrics[m];
        head(out, x->name, x->type, x->help);
        for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
            double v = x->value(query_at(a, i));
            if (isfinite(v))
                buf_printf(out, "%s{query=\"%s\"} %.15g\n", x->name, query_at(a, i)->base.name, v);
        }
    }
}

/* ---- labelled ---- */

static void put_states(const struct api *a, struct buf *out)
{
    head(out, "millrace_query_state", "gauge", "1 for the state a query is in.");
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++)
        for (int s = SERVICE_CREATED; s <= SERVICE_WAITING; s++)
            buf_printf(out, "millrace_query_state{query=\"%s\",state=\"%s\"} %d\n", query_at(a, i)->base.name,
                       service_state_name((enum service_state)s), query_at(a, i)->base.state == (enum service_state)s);
}

static void put_dropped(const struct api *a, struct buf *out)
{
    static const char *const reasons[] = {"late", "malformed", "rejected", "no_event_time", "future", "lost"};
    head(out, "millrace_records_dropped_total", "counter",
         "Records (late: rows) that left the main path, by reason; never those a WHERE removed.");
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        const struct ledger_sums *l = &query_at(a, i)->status.ledger;
        const int64_t             counts[] = {l->late, l->malformed, l->rejected, l->no_event_time, l->future, l->lost};
        for (int k = 0; k < 6; k++)
            buf_printf(out, "millrace_records_dropped_total{query=\"%s\",reason=\"%s\"} %" PRId64 "\n",
                       query_at(a, i)->base.name, reasons[k], counts[k]);
    }
}

static void put_busy(const struct api *a, struct buf *out)
{
    static const char *const stages[] = {"decode", "compute", "write"};
    head(out, "millrace_stage_busy_seconds_total", "counter", "Where the compute thread's time went.");
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++)
        for (int k = 0; k < 3; k++)
            buf_printf(out, "millrace_stage_busy_seconds_total{query=\"%s\",stage=\"%s\"} %.6f\n",
                       query_at(a, i)->base.name, stages[k], (double)query_at(a, i)->status.worked_us[k] / 1e6);
}

static void put_latencies(const struct api *a, struct buf *out)
{
    head(out, "millrace_e2e_latency_seconds", "histogram", "Timestamp of a record on the broker to its commit.");
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
        const char *name = query_at(a, i)->base.name;
        uint64_t    at_most[METER_BOUNDS], n;
        double      sum_s;
        meter_histogram(query_at(a, i)->meter, at_most, &n, &sum_s);
        for (int b = 0; b < METER_BOUNDS; b++)
            buf_printf(out, "millrace_e2e_latency_seconds_bucket{query=\"%s\",le=\"%g\"} %" PRIu64 "\n", name,
                       meter_bounds_s[b], at_most[b]);
        buf_printf(out,
                   "millrace_e2e_latency_seconds_bucket{query=\"%s\",le=\"+Inf\"} %" PRIu64
                   "\nmillrace_e2e_latency_seconds_sum{query=\"%s\"} %.6f\nmillrace_e2e_latency_seconds_count{query="
                   "\"%s\"} %" PRIu64 "\n",
                   name, n, name, sum_s, name, n);
    }
    head(out, "millrace_commit_duration_seconds", "gauge", "Of the newest commit, by phase.");
    static const char *const phases[N_PHASES] = {"fill", "compute", "prepare", "record", "commit"};
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++)
        for (int p = 0; meter_commit_at(query_at(a, i)->meter, 0) && p < N_PHASES; p++)
            buf_printf(out, "millrace_commit_duration_seconds{query=\"%s\",phase=\"%s\"} %.6f\n",
                       query_at(a, i)->base.name, phases[p],
                       (double)meter_commit_at(query_at(a, i)->meter, 0)->phase_us[p] / 1e6);
}

/* Each of the three in one go: a metric's lines stand together. */
static void put_partitions(const struct api *a, struct buf *out)
{
    static const char *const names[] = {"millrace_source_lag_records", "millrace_source_committed_offset",
                                        "millrace_source_high_watermark_offset"};
    static const char *const helps[] = {"Records of the partition that were not yet read.",
                                        "Offset up to which the table has the partition.",
                                        "Newest end of the partition that a broker told."};
    for (int m = 0; m < 3; m++) {
        head(out, names[m], "gauge", helps[m]);
        for (int i = 0; i < supervisor_n(a->s, RESOURCE_QUERY); i++) {
            struct service_query *q = query_at(a, i);
            for (int s = 0; q->query && q->status.plan && s < q->status.plan->n_sources; s++) {
                const struct kafka_source *source = query_source(q->query, s);
                for (int k = 0; source && k < kafka_source_n(source); k++) {
                    const struct kafka_partition *p = kafka_source_at(source, k);
                    struct query_partition        at;
                    query_partition(q->query, s, k, &at);
                    int64_t v = m == 0 ? at.lag : m == 1 ? at.committed : at.end;
                    if (v >= 0)
                        buf_printf(out, "%s{query=\"%s\",topic=\"%s\",partition=\"%d\"} %" PRId64 "\n", names[m],
                                   q->base.name, p->topic, (int)p->partition, v);
                }
            }
        }
    }
}

static void put_producers(const struct api *a, struct buf *out)
{
    head(out, "millrace_producer_records_total", "counter", "Records of a producer, by what became of them.");
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_PRODUCER); i++) {
        const struct service_producer *p = service_producer_of(supervisor_at(a->s, RESOURCE_PRODUCER, i));
        buf_printf(out,
                   "millrace_producer_records_total{producer=\"%s\",result=\"acked\"} %" PRId64
                   "\nmillrace_producer_records_total{producer=\"%s\",result=\"failed\"} %" PRId64 "\n",
                   p->base.name, p->counts.acked, p->base.name, p->counts.failed);
    }
    head(out, "millrace_producer_rate_target", "gauge", "Records per second a producer is to send; 0 no limit.");
    for (int i = 0; i < supervisor_n(a->s, RESOURCE_PRODUCER); i++) {
        const struct service_object *o = supervisor_at(a->s, RESOURCE_PRODUCER, i);
        buf_printf(out, "millrace_producer_rate_target{producer=\"%s\"} %g\n", o->name,
                   json_as_double(json_get(o->spec, "rate"), 0));
    }
}

static void put_http(const struct api *a, struct buf *out)
{
    int                      n;
    const struct http_route *routes = api_routes(&n);
    struct http_counts       c;
    http_counts(a->server, &c);
    head(out, "millrace_http_requests_total", "counter", "Answered requests by route and class of status.");
    for (int i = 0; i < n; i++)
        for (int k = 1; k < 6; k++)
            if (a->counts[i].by_class[k])
                buf_printf(out, "millrace_http_requests_total{route=\"%s\",method=\"%s\",code=\"%dxx\"} %" PRId64 "\n",
                           routes[i].pattern, routes[i].method, k, a->counts[i].by_class[k]);
    head(out, "millrace_http_requests_refused_total", "counter", "Requests refused before they had a route.");
    buf_printf(out, "millrace_http_requests_refused_total %" PRId64 "\n", c.refused);
    head(out, "millrace_auth_failures_total", "counter", "Requests with a token that is not known.");
    buf_printf(out, "millrace_auth_failures_total %" PRId64 "\n", c.auth_failures);
    head(out, "millrace_http_connections", "gauge", "Open connections.");
    buf_printf(out, "millrace_http_connections %d\n", c.connections);
    head(out, "millrace_ws_connections", "gauge", "Open WebSockets.");
    buf_printf(out, "millrace_ws_connections %d\n", c.websockets);
    head(out, "millrace_ws_frames_sent_total", "counter", "Frames sent to WebSockets.");
    buf_printf(out, "millrace_ws_frames_sent_total %" PRId64 "\n", c.websocket_frames);
    head(out, "millrace_ws_frames_replaced_total", "counter", "Unsent frames that a newer one took the place of.");
    buf_printf(out, "millrace_ws_frames_replaced_total %" PRId64 "\n", c.websocket_replaced);
    head(out, "millrace_ws_slow_closes_total", "counter", "WebSockets closed because they read too slowly.");
    buf_printf(out, "millrace_ws_slow_closes_total %" PRId64 "\n", c.websocket_slow);
}

static void put_durations(const struct api *a, struct buf *out)
{
    int                      n;
    const struct http_route *routes = api_routes(&n);
    head(out, "millrace_http_request_duration_seconds", "histogram", "From the head of a request to its answer.");
    for (int i = 0; i < n; i++) {
        const struct route_count *c = &a->counts[i];
        int64_t                   all = 0;
        for (int k = 0; k < 6; k++)
            all += c->by_class[k];
        for (int b = 0; all && b < 8; b++)
            buf_printf(out,
                       "millrace_http_request_duration_seconds_bucket{route=\"%s\",method=\"%s\",le=\"%g\"} %" PRIu64
                       "\n",
                       routes[i].pattern, routes[i].method, duration_bounds[b], c->buckets[b]);
        if (all)
            buf_printf(out,
                       "millrace_http_request_duration_seconds_bucket{route=\"%s\",method=\"%s\",le=\"+Inf\"} %" PRId64
                       "\nmillrace_http_request_duration_seconds_sum{route=\"%s\",method=\"%s\"} %.6f\n"
                       "millrace_http_request_duration_seconds_count{route=\"%s\",method=\"%s\"} %" PRId64 "\n",
                       routes[i].pattern, routes[i].method, all, routes[i].pattern, routes[i].method, c->sum_s,
                       routes[i].pattern, routes[i].method, all);
    }
}

static void put_process(const struct api *a, struct buf *out)
{
    head(out, "millrace_build_info", "gauge", "1, with the version.");
    buf_printf(out, "millrace_build_info{version=\"%s\"} 1\n", a->spec.version);
    head(out, "millrace_event_loop_lag_seconds", "gauge", "How late timers are: 99th percentile of the last minute.");
    buf_printf(out, "millrace_event_loop_lag_seconds %.6f\n", (double)supervisor_loop_lag_us(a->s) / 1e6);
    head(out, "millrace_memory_bytes", "gauge", "Bytes allocated, by what for.");
    for (int i = 0; i < ALLOC_N_TAGS; i++)
        buf_printf(out, "millrace_memory_bytes{kind=\"%s\"} %" PRId64 "\n", alloc_tag_name((enum alloc_tag)i),
                   alloc_bytes((enum alloc_tag)i));
    head(out, "process_cpu_seconds_total", "counter", "CPU time of the process.");
    buf_printf(out, "process_cpu_seconds_total %.3f\n", (double)clock_process_cpu_us() / 1e6);
    head(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
    buf_printf(out, "process_resident_memory_bytes %" PRId64 "\n", api__rss_bytes());
    head(out, "process_threads", "gauge", "Threads.");
    buf_printf(out, "process_threads %" PRId64 "\n", api__threads());
    head(out, "process_max_fds", "gauge", "Most file descriptors the process may have.");
    buf_printf(out, "process_max_fds %ld\n", sysconf(_SC_OPEN_MAX));
    head(out, "process_start_time_seconds", "gauge", "When the process started.");
    buf_printf(out, "process_start_time_seconds %.3f\n", (double)a->started_ms / 1e3);
}

void api__metrics(struct http_request *r)
{
    struct api *a = api__of(r);
    struct buf  out;
    buf_init(&out, TAG_WEB, ANSWER_MAX);
    put_process(a, &out);
    put_states(a, &out);
    put_query_metrics(a, &out);
    put_dropped(a, &out);
    put_busy(a, &out);
    put_latencies(a, &out);
    put_partitions(a, &out);
    put_producers(a, &out);
    put_http(a, &out);
    put_durations(a, &out);
    http_reply_header(r, "Cache-Control", "no-store");
    http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
    buf_fini(&out);
}
