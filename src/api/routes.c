/* SPDX-License-Identifier: MIT */
/* The one table of routes: served by http/, shown by /openapi.json, held to docs/rest.md by a test. */
#include "api/routes.h"

#define V1 "/api/v1"
#define SQL_BODY (1u << 20)
#define BODY (64u << 10)
#define N(list) ((int)(sizeof(list) / sizeof(list)[0]))

/* ---- what bodies and query strings hold ---- */

static const struct api_field paging[] = {{"limit", FIELD_INTEGER, false, "how many at most (50)"},
                                          {"after", FIELD_TEXT, false, "cursor of the page before"}};
static const struct api_field list_queries[] = {{"limit", FIELD_INTEGER, false, "how many at most (50)"},
                                                {"after", FIELD_TEXT, false, "cursor of the page before"},
                                                {"state", FIELD_TEXT, false, "only those in this state"}};
static const struct api_field limit_only[] = {{"limit", FIELD_INTEGER, false, "how many at most"}};
static const struct api_field sql_body[] = {{"sql", FIELD_TEXT, true, "one or more statements"},
                                            {"params", FIELD_OBJECT, false, "fills ${name}"}};
static const struct api_field sql_format[] = {{"format", FIELD_TEXT, false, "json or text"}};
static const struct api_field preview_body[] = {{"sql", FIELD_TEXT, true, "creates one streaming table"},
                                                {"params", FIELD_OBJECT, false, "fills ${name}"},
                                                {"max_rows", FIELD_INTEGER, false, "100"},
                                                {"timeout", FIELD_TEXT, false, "20s"}};
static const struct api_field query_post[] = {{"name", FIELD_TEXT, false, "else the table's"},
                                              {"sql", FIELD_TEXT, true, "creates one streaming table"},
                                              {"params", FIELD_OBJECT, false, "fills ${name}"},
                                              {"tags", FIELD_LIST, false, "texts"},
                                              {"start", FIELD_BOOLEAN, false, "true"}};
static const struct api_field query_put_query[] = {
    {"on_incompatible", FIELD_TEXT, false, "reset: state that cannot follow is given up"}};
static const struct api_field query_patch[] = {{"desired_state", FIELD_TEXT, false, "running or stopped"},
                                               {"tags", FIELD_LIST, false, "texts"}};
static const struct api_field query_delete[] = {{"force", FIELD_BOOLEAN, false, "also one that runs"},
                                                {"purge", FIELD_TEXT, false, "state: its checkpoints too"}};
static const struct api_field action_body[] = {{"from", FIELD_TEXT, false, "checkpoint or scratch"}};
static const struct api_field action_query[] = {
    {"wait", FIELD_TEXT, false, "how long to wait until it is reached: 10s"}};
static const struct api_field metrics_query[] = {{"since", FIELD_TEXT, false, "15m"},
                                                 {"series", FIELD_TEXT, false, "names, with commas"}};
static const struct api_field errors_query[] = {{"reason", FIELD_TEXT, false, "late, malformed_json, .."}};
static const struct api_field results_query[] = {{"limit", FIELD_INTEGER, false, "100"},
                                                 {"bigint", FIELD_TEXT, false, "string: BIGINT as texts"}};
static const struct api_field stream_query[] = {{"format", FIELD_TEXT, false, "ndjson or sse"},
                                                {"max_rows", FIELD_INTEGER, false, "end after so many"}};
static const struct api_field offsets_body[] = {{"offsets", FIELD_LIST, true, "{topic, partition, offset}"}};
static const struct api_field wait_body[] = {{"topic", FIELD_TEXT, true, ""},
                                             {"partition", FIELD_INTEGER, true, ""},
                                             {"offset", FIELD_INTEGER, true, "of the record"},
                                             {"timeout", FIELD_TEXT, false, "10s"}};
static const struct api_field test_body[] = {{"bootstrap_servers", FIELD_TEXT, true, "host:port"},
                                             {"topic", FIELD_TEXT, false, "is it there?"},
                                             {"options", FIELD_OBJECT, false, "of read_kafka"}};
static const struct api_field cluster_query[] = {
    {"bootstrap_servers", FIELD_TEXT, false, "else that of the first query"}};
static const struct api_field sample_query[] = {
    {"bootstrap_servers", FIELD_TEXT, false, "else that of the first query"}, {"n", FIELD_INTEGER, false, "20"}};
#define PRODUCER_FIELDS                                                                  \
    {"topic", FIELD_TEXT, false, "is made when it is not there"},                        \
        {"bootstrap_servers", FIELD_TEXT, false, "127.0.0.1:9092"},                      \
        {"template", FIELD_TEXT, false, "ad_events, clickstream, iot_sensors, trades"},  \
        {"rate", FIELD_NUMBER, false, "records per second; 0 as fast as possible"},      \
        {"rows", FIELD_INTEGER, false, "0 no end"}, {"seed", FIELD_INTEGER, false, "1"}, \
        {"skew", FIELD_NUMBER, false, "exponent of a Zipf law"},                         \
        {"late_pct", FIELD_NUMBER, false, "share of late records"},                      \
        {"disorder_ms", FIELD_INTEGER, false, "event times move by up to so much"},      \
        {"duplicates_pct", FIELD_NUMBER, false, "share of records sent twice"},          \
        {"malformed_pct", FIELD_NUMBER, false, "share of broken records"},               \
        {"ads_file", FIELD_TEXT, false, "where to write the ads as CSV"},                \
        {"partitions", FIELD_INTEGER, false, "of the topic (4)"},                        \
        {"max_lag_of", FIELD_TEXT, false, "wait while this consumer group is far behind"}
static const struct api_field producer_post[] = {
    {"name", FIELD_TEXT, true, ""}, PRODUCER_FIELDS, {"start", FIELD_BOOLEAN, false, "true"}};
static const struct api_field producer_put[] = {
    {"name", FIELD_TEXT, false, ""}, PRODUCER_FIELDS, {"start", FIELD_BOOLEAN, false, "true"}};
static const struct api_field producer_patch[] = {PRODUCER_FIELDS,
                                                  {"desired_state", FIELD_TEXT, false, "running or stopped"}};

static const struct api_field rows_query[] = {{"limit", FIELD_INTEGER, false, "100"},
                                              {"version", FIELD_INTEGER, false, "of the table, else the newest"},
                                              {"bigint", FIELD_TEXT, false, "string: BIGINT as texts"}};
static const struct api_field dump_query[] = {{"format", FIELD_TEXT, false, "csv or ndjson"},
                                              {"raw", FIELD_BOOLEAN, false, "csv: texts as they are, formulas too"},
                                              {"bigint", FIELD_TEXT, false, "string: BIGINT as texts"},
                                              {"version", FIELD_INTEGER, false, "of the table, else the newest"}};

static const struct api_field session_body[] = {{"token", FIELD_TEXT, true, "of the token file's owner"}};

#define DOC(text, answers, code) \
    &(const struct about) { .summary = text, .answer = answers, .status = code }
#define DOC_Q(text, answers, code, q) \
    &(const struct about) { .summary = text, .answer = answers, .status = code, .query = q, .n_query = N(q) }
#define DOC_B(text, answers, code, b) \
    &(const struct about) { .summary = text, .answer = answers, .status = code, .body = b, .n_body = N(b) }
#define DOC_BQ(text, answers, code, b, q)                                                                          \
    &(const struct about)                                                                                          \
    {                                                                                                              \
        .summary = text, .answer = answers, .status = code, .body = b, .n_body = N(b), .query = q, .n_query = N(q) \
    }

/* The first row that fits wins: a literal stands before a parameter. */
static const struct http_route routes[] = {
    {"GET", V1 "/info", HTTP_VIEWER, 0, api__info, false, DOC("what this is and how it is", "Info", 200)},
    {"POST", V1 "/session", HTTP_ANYONE, BODY, api__session_begin, false,
     DOC_B("trade a token for a cookie", "role", 200, session_body)},
    {"DELETE", V1 "/session", HTTP_ANYONE, 0, api__session_end, false, DOC("forget the cookie", "nothing", 204)},
    {"POST", V1 "/sql/validate", HTTP_VIEWER, SQL_BODY, api__sql_validate, false,
     DOC_B("is the SQL right", "Validation", 200, sql_body)},
    {"POST", V1 "/sql/explain", HTTP_VIEWER, SQL_BODY, api__sql_explain, false,
     DOC_BQ("what the SQL means", "Plan", 200, sql_body, sql_format)},

    {"POST", V1 "/sql/preview", HTTP_ADMIN, SQL_BODY, api__sql_preview, false,
     DOC_B("rows that would come out; writes nothing", "NDJSON", 200, preview_body)},
    {"GET", V1 "/queries", HTTP_VIEWER, 0, api__queries_list, false,
     DOC_Q("the queries", "list of Query", 200, list_queries)},
    {"POST", V1 "/queries", HTTP_ADMIN, SQL_BODY, api__queries_post, false,
     DOC_B("make a query", "Query", 201, query_post)},
    {"GET", V1 "/queries/status", HTTP_VIEWER, 0, api__queries_status, false,
     DOC("how all queries are", "list of Status", 200)},
    {"GET", V1 "/queries/{query}", HTTP_VIEWER, 0, api__query_get, false, DOC("one query", "Query", 200)},
    {"PUT", V1 "/queries/{query}", HTTP_ADMIN, SQL_BODY, api__query_put, false,
     DOC_BQ("make or replace a query", "Query", 200, query_post, query_put_query)},
    {"PATCH", V1 "/queries/{query}", HTTP_ADMIN, BODY, api__query_patch, false,
     DOC_B("change some of it", "Query", 200, query_patch)},
    {"DELETE", V1 "/queries/{query}", HTTP_ADMIN, 0, api__query_delete, false,
     DOC_Q("delete a query, never its table", "nothing", 204, query_delete)},
    {"POST", V1 "/queries/{query}/start", HTTP_ADMIN, BODY, api__query_start, false,
     DOC_BQ("start it", "Query", 202, action_body, action_query)},
    {"POST", V1 "/queries/{query}/stop", HTTP_ADMIN, BODY, api__query_stop, false,
     DOC_Q("a last epoch, then stop", "Query", 202, action_query)},
    {"POST", V1 "/queries/{query}/restart", HTTP_ADMIN, BODY, api__query_restart, false,
     DOC_BQ("restart it", "Query", 202, action_body, action_query)},
    {"GET", V1 "/queries/{query}/status", HTTP_VIEWER, 0, api__query_status, false, DOC("how it is", "Status", 200)},
    {"GET", V1 "/queries/{query}/progress", HTTP_VIEWER, 0, api__query_progress, false,
     DOC_Q("Spark's progress objects", "list", 200, limit_only)},
    {"GET", V1 "/queries/{query}/metrics", HTTP_VIEWER, 0, api__query_metrics, false,
     DOC_Q("points of the last 15 minutes", "Series", 200, metrics_query)},
    {"GET", V1 "/queries/{query}/plan", HTTP_VIEWER, 0, api__query_plan, false,
     DOC_Q("its plan", "Plan", 200, sql_format)},
    {"GET", V1 "/queries/{query}/commits", HTTP_VIEWER, 0, api__query_commits, false,
     DOC_Q("the newest epochs", "list of Commit", 200, limit_only)},
    {"GET", V1 "/queries/{query}/errors", HTTP_VIEWER, 0, api__query_errors, false,
     DOC_Q("rows that left the main path", "Errors", 200, errors_query)},
    {"GET", V1 "/queries/{query}/results", HTTP_VIEWER, 0, api__query_results, false,
     DOC_Q("the newest rows", "Rows", 200, results_query)},
    {"GET", V1 "/queries/{query}/stream", HTTP_VIEWER, 0, api__query_stream, false,
     DOC_Q("rows as they are committed", "NDJSON or SSE", 200, stream_query)},

    {"GET", V1 "/queries/{query}/offsets", HTTP_VIEWER, 0, api__offsets_get, false,
     DOC("where it is, or would go on", "offsets", 200)},
    {"PATCH", V1 "/queries/{query}/offsets", HTTP_ADMIN, BODY, api__offsets_patch, false,
     DOC_B("where it is to go on, when stopped: a new generation", "offsets", 200, offsets_body)},
    {"POST", V1 "/queries/{query}/wait", HTTP_VIEWER, BODY, api__query_wait, false,
     DOC_B("until a record is in the table", "{done, version}", 200, wait_body)},
    {"GET", V1 "/sources", HTTP_VIEWER, 0, api__sources, false, DOC("what queries read", "list of Source", 200)},
    {"POST", V1 "/sources/test", HTTP_ADMIN, BODY, api__source_test, false,
     DOC_B("can a cluster be reached", "{ok, steps}", 200, test_body)},
    {"GET", V1 "/sources/{source}", HTTP_VIEWER, 0, api__source_get, false, DOC("one source", "Source", 200)},
    {"GET", V1 "/sources/{source}/partitions", HTTP_VIEWER, 0, api__source_partitions, false,
     DOC("its partitions", "list", 200)},
    {"GET", V1 "/topics", HTTP_VIEWER, 0, api__topics, false, DOC_Q("topics of a cluster", "list", 200, cluster_query)},
    {"GET", V1 "/topics/{topic}/sample", HTTP_VIEWER, 0, api__topic_sample, false,
     DOC_Q("newest records", "list", 200, sample_query)},
    {"GET", V1 "/producers", HTTP_VIEWER, 0, api__producers_list, false, DOC("the producers", "list of Producer", 200)},
    {"POST", V1 "/producers", HTTP_ADMIN, BODY, api__producers_post, false,
     DOC_B("make a producer", "Producer", 201, producer_post)},
    {"GET", V1 "/producers/{producer}", HTTP_VIEWER, 0, api__producer_get, false, DOC("one producer", "Producer", 200)},
    {"PUT", V1 "/producers/{producer}", HTTP_ADMIN, BODY, api__producer_put, false,
     DOC_B("make or replace it", "Producer", 200, producer_put)},
    {"PATCH", V1 "/producers/{producer}", HTTP_ADMIN, BODY, api__producer_patch, false,
     DOC_B("change some of it; a rate holds within a second", "Producer", 200, producer_patch)},
    {"DELETE", V1 "/producers/{producer}", HTTP_ADMIN, 0, api__producer_delete, false,
     DOC("delete it", "nothing", 204)},
    {"POST", V1 "/producers/{producer}/start", HTTP_ADMIN, BODY, api__producer_start, false,
     DOC_Q("start it", "Producer", 202, action_query)},
    {"POST", V1 "/producers/{producer}/stop", HTTP_ADMIN, BODY, api__producer_stop, false,
     DOC_Q("stop it", "Producer", 202, action_query)},

    {"GET", V1 "/tables", HTTP_VIEWER, 0, api__tables, false, DOC("the tables queries write", "list of Table", 200)},
    {"GET", V1 "/tables/{table}", HTTP_VIEWER, 0, api__table_get, false, DOC("one table", "Table", 200)},
    {"GET", V1 "/tables/{table}/schema", HTTP_VIEWER, 0, api__table_schema, false, DOC("its columns", "list", 200)},
    {"GET", V1 "/tables/{table}/history", HTTP_VIEWER, 0, api__table_history, false,
     DOC_Q("its versions, newest first", "list", 200, limit_only)},
    {"GET", V1 "/tables/{table}/files", HTTP_VIEWER, 0, api__table_files, false,
     DOC_Q("its data files", "list", 200, limit_only)},
    {"GET", V1 "/tables/{table}/rows", HTTP_VIEWER, 0, api__table_rows, false,
     DOC_Q("rows of it, the newest files first", "Rows", 200, rows_query)},
    {"GET", V1 "/tables/{table}/dump", HTTP_VIEWER, 0, api__table_dump, false,
     DOC_Q("all rows", "CSV or NDJSON", 200, dump_query)},
    {"GET", V1 "/events", HTTP_VIEWER, 0, api__events, false,
     DOC_Q("what happened, newest first", "list of Event", 200, paging)},
    {"GET", V1 "/config", HTTP_ADMIN, 0, api__config, false,
     DOC("the configuration and where it is from", "list", 200)},
    {"GET", V1 "/diagnostics", HTTP_ADMIN, 0, api__diagnostics, false,
     DOC("a document to attach to a report", "object", 200)},
    {"GET", V1 "/ws", HTTP_VIEWER, 0, api__websocket, false, DOC("the WebSocket millrace.v1.json", "101", 101)},
    {"GET", "/livez", HTTP_ANYONE, 0, api__livez, true, DOC("is the process alive", "text", 200)},
    {"GET", "/readyz", HTTP_ANYONE, 0, api__readyz, true, DOC("does it serve", "text", 200)},
    {"GET", "/healthz", HTTP_ANYONE, 0, api__healthz, true, DOC("is all well", "text", 200)},
    {"GET", "/metrics", HTTP_VIEWER, 0, api__metrics, false, DOC("Prometheus text", "text", 200)},
    {"GET", "/openapi.json", HTTP_VIEWER, 0, api__openapi, false, DOC("this table", "OpenAPI 3.1", 200)},
    {"GET", "/docs", HTTP_VIEWER, 0, api__docs, false, DOC("this table, for people", "HTML", 200)},
    {"GET", "/errors/{code}", HTTP_ANYONE, 0, api__error_page, false, DOC("what an error code means", "HTML", 200)},
};

const struct http_route *api_routes(int *n)
{
    *n = N(routes);
    return routes;
}
