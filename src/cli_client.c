/* SPDX-License-Identifier: MIT */
/* millrace status, start, stop, tail, tables, dump, health: a running service by its REST interface (docs/rest.md). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "net/fetch.h"
#include "json/doc.h"

#define SERVER_DEFAULT "http://127.0.0.1:8080"
#define TOKEN_MAX 200
#define PATIENCE_MS 86400000 /* a service may be asked to wait, and a stream be silent, for long */
#define PATH_MAX_BYTES 2048
#define ANSWER_MAX ((size_t)64 << 20)

static struct client_flags {
    const char *server, *token_file, *format, *wait;
    int64_t     version, max_rows;
    bool        json, scratch, raw;
} flags = {.version = -1};

#define COMMON                                                                                                  \
    {"server", OPT_TEXT, &flags.server, "URL", "the service (default MILLRACE_SERVER, or " SERVER_DEFAULT ")"}, \
        {"token-file", OPT_TEXT, &flags.token_file, "FILE", "holds the token"}
#define N(list) ((int)(sizeof(list) / sizeof(list)[0]))

static const struct cli_option *plain_options(int *n)
{
    static const struct cli_option list[] = {COMMON};
    *n = N(list);
    return list;
}

static const struct cli_option *json_options(int *n)
{
    static const struct cli_option list[] = {COMMON, {"json", OPT_FLAG, &flags.json, "", "as the interface says it"}};
    *n = N(list);
    return list;
}

static const struct cli_option *start_options(int *n)
{
    static const struct cli_option list[] = {
        COMMON,
        {"wait", OPT_TEXT, &flags.wait, "30s", "until it runs"},
        {"scratch", OPT_FLAG, &flags.scratch, "", "a new generation: positions and open windows are given up"}};
    *n = N(list);
    return list;
}

static const struct cli_option *stop_options(int *n)
{
    static const struct cli_option list[] = {COMMON, {"wait", OPT_TEXT, &flags.wait, "30s", "until it has stopped"}};
    *n = N(list);
    return list;
}

static const struct cli_option *tail_options(int *n)
{
    static const struct cli_option list[] = {COMMON,
                                             {"max-rows", OPT_COUNT, &flags.max_rows, "N", "end after so many"}};
    *n = N(list);
    return list;
}

static const struct cli_option *dump_options(int *n)
{
    static const struct cli_option list[] = {
        COMMON,
        {"format", OPT_TEXT, &flags.format, "csv|ndjson", "default csv"},
        {"raw", OPT_FLAG, &flags.raw, "", "csv: texts as they are, also those a spreadsheet takes for a formula"},
        {"version", OPT_COUNT, &flags.version, "N", "of the table; default the newest"}};
    *n = N(list);
    return list;
}

/* ---- asking ---- */

struct asking {
    int        status;
    struct buf body;
};

/* Says what a refusal says; the exit code. */
static int say_problem(struct asking *a)
{
    struct json_value *problem = NULL;
    const char        *detail = NULL, *hint = NULL;
    if (json_doc_parse(buf_text(&a->body), a->body.size, &problem, NULL) == OK) {
        detail = json_get_string(problem, "detail");
        hint = json_get_string(problem, "hint");
    }
    cli_say("%s%s%s%s", detail ? detail : "refused", hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
    json_doc_free(problem);
    return a->status == 401 || a->status == 403 ? EXIT_PERMISSION : a->status == 404 ? EXIT_UNAVAILABLE : EXIT_FAILED;
}

static enum err take_token(struct buf *out, struct error *e)
{
    struct buf token;
    TRY(cli_read_file(flags.token_file, TOKEN_MAX, &token, e));
    while (token.size && token.data[token.size - 1] <= ' ')
        token.size--;
    buf_printf(out, "Authorization: Bearer %s", buf_text(&token));
    buf_fini(&token);
    return buf_check(out, "the token", e);
}

/* The answer into a->body, or to `take` as it comes; the exit code. */
static int ask(struct asking *a, const char *method, const char *path, const char *body,
               enum err (*take)(void *arg, const uint8_t *bytes, size_t n, struct error *e))
{
    const char        *server = flags.server ? flags.server : getenv("MILLRACE_SERVER");
    char               url[FETCH_URL_MAX + 1];
    struct buf         authorization;
    struct error       e;
    struct fetch_reply reply = {.status = 0};
    struct fetch_spec  spec = {.url = url,
                               .method = method,
                               .body = body,
                               .fields = {body ? "Content-Type: application/json" : "Accept: */*"},
                               .total_ms = PATIENCE_MS,
                               .silence_ms = PATIENCE_MS,
                               .limit_bytes = ANSWER_MAX,
                               .direct = true,
                               .refusal = &a->body};
    *a = (struct asking){.status = 0};
    buf_init(&a->body, TAG_PROCESS, ANSWER_MAX);
    buf_init(&authorization, TAG_PROCESS, TOKEN_MAX);
    server = server && server[0] ? server : SERVER_DEFAULT;
    snprintf(url, sizeof url, "%.*s%s", (int)(strlen(server) - (server[strlen(server) - 1] == '/')), server, path);
    enum err rc = flags.token_file ? take_token(&authorization, &e) : OK;
    spec.fields[1] = flags.token_file ? buf_text(&authorization) : NULL;
    if (rc == OK)
        rc = take ? fetch_stream(&spec, take, NULL, &reply, &e) : fetch(&spec, &reply, &a->body, &e);
    a->status = reply.status;
    buf_fini(&authorization);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    return a->status < 300 ? EXIT_OK : say_problem(a);
}

static enum err put_out(void *arg, const uint8_t *bytes, size_t n, struct error *e)
{
    (void)arg;
    bool written = fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0;
    return written ? OK : err_set(e, ERR_IO, "stdout is closed");
}

/* An answer of any length to stdout. */
static int copy(const char *path)
{
    struct asking a;
    int           code = ask(&a, "GET", path, NULL, put_out);
    buf_fini(&a.body);
    return code;
}

static bool one_name(int n, char **words, const char *what, const char *usage)
{
    if (n == 1 && words[0][0] && !strpbrk(words[0], "/?#% "))
        return true;
    cli_say("%s: %s", what, usage);
    return false;
}

/* ---- status ---- */

static void print_number(const struct json_value *v, const char *name, int width)
{
    char text[32] = "-";
    if (json_get(v, name) && !json_is_null_value(json_get(v, name)))
        snprintf(text, sizeof text, "%.0f", json_as_double(json_get(v, name), 0));
    printf(" %*s", width, text);
}

static int print_status(const struct json_value *items)
{
    int code = EXIT_OK;
    printf("%-24s %-9s %10s %10s %12s %8s %10s\n", "QUERY", "STATE", "RECORDS/S", "LAG", "BEHIND MS", "VERSION",
           "ROWS");
    for (size_t i = 0; i < json_size(items); i++) {
        const struct json_value *q = json_at(items, i);
        const char              *state = json_get_string(q, "state"), *why = json_get_string(q, "why_nothing");
        const char              *text = json_get_string(json_get(q, "error"), "text");
        printf("%-24s %-9s", json_get_string(q, "name"), state);
        print_number(q, "records_per_s", 10);
        print_number(q, "lag", 10);
        print_number(q, "watermark_lag_ms", 12);
        print_number(q, "version", 8);
        print_number(q, "rows", 10);
        putchar('\n');
        if (text || why)
            printf("  %s\n", text ? text : why);
        if (state && (strcmp(state, "failed") == 0 || strcmp(state, "waiting") == 0))
            code = EXIT_FAILED;
    }
    return code;
}

static int status(int n, char **words)
{
    struct asking      a;
    struct json_value *doc = NULL;
    int                code = ask(&a, "GET", "/api/v1/queries/status", NULL, NULL);
    if (code == EXIT_OK && flags.json)
        fputs(buf_text(&a.body), stdout);
    else if (code == EXIT_OK && json_doc_parse(buf_text(&a.body), a.body.size, &doc, NULL) == OK)
        code = print_status(json_get(doc, "items"));
    (void)n, (void)words;
    json_doc_free(doc);
    buf_fini(&a.body);
    return code;
}

/* ---- start, stop ---- */

/* wanted: the state it is to reach. One that failed at once has not reached it, and there is nothing to wait for. */
static int act(int n, char **words, const char *action, const char *wanted, const char *body)
{
    struct asking      a;
    struct json_value *doc = NULL;
    char               path[PATH_MAX_BYTES];
    if (!one_name(n, words, action, "takes the name of a query"))
        return EXIT_USAGE;
    snprintf(path, sizeof path, "/api/v1/queries/%s/%s%s%s", words[0], action, flags.wait ? "?wait=" : "",
             flags.wait ? flags.wait : "");
    int code = ask(&a, "POST", path, body, NULL);
    if (code == EXIT_OK && json_doc_parse(buf_text(&a.body), a.body.size, &doc, NULL) == OK) {
        const char *state = json_get_string(doc, "state"), *why = json_get_string(json_get(doc, "error"), "text");
        printf("%s: %s%s%s\n", words[0], state, why ? ": " : "", why ? why : "");
        if (flags.wait && (a.status != 200 || strcmp(state, wanted) != 0))
            code = EXIT_BUSY;
    }
    json_doc_free(doc);
    buf_fini(&a.body);
    return code;
}

static int start(int n, char **words)
{
    return act(n, words, "start", "running", flags.scratch ? "{\"from\":\"scratch\"}" : "{}");
}
static int stop(int n, char **words) { return act(n, words, "stop", "stopped", ""); }

/* ---- rows and tables ---- */

static int tail(int n, char **words)
{
    char path[PATH_MAX_BYTES];
    if (!one_name(n, words, "tail", "takes the name of a query"))
        return EXIT_USAGE;
    snprintf(path, sizeof path, "/api/v1/queries/%s/stream?format=ndjson", words[0]);
    if (flags.max_rows)
        snprintf(path + strlen(path), sizeof path - strlen(path), "&max_rows=%" PRId64, flags.max_rows);
    return copy(path);
}

static int dump(int n, char **words)
{
    char path[PATH_MAX_BYTES];
    if (!one_name(n, words, "dump", "takes the name of a table"))
        return EXIT_USAGE;
    snprintf(path, sizeof path, "/api/v1/tables/%s/dump?format=%s%s", words[0], flags.format ? flags.format : "csv",
             flags.raw ? "&raw=true" : "");
    if (flags.version >= 0)
        snprintf(path + strlen(path), sizeof path - strlen(path), "&version=%" PRId64, flags.version);
    return copy(path);
}

static int tables(int n, char **words)
{
    struct asking      a;
    struct json_value *doc = NULL;
    int                code = ask(&a, "GET", "/api/v1/tables", NULL, NULL);
    if (code == EXIT_OK && flags.json)
        fputs(buf_text(&a.body), stdout);
    else if (code == EXIT_OK && json_doc_parse(buf_text(&a.body), a.body.size, &doc, NULL) == OK) {
        const struct json_value *items = json_get(doc, "items");
        printf("%-24s %8s %12s %8s %12s  %s\n", "TABLE", "VERSION", "ROWS", "FILES", "BYTES", "PATH");
        for (size_t i = 0; i < json_size(items); i++) {
            const struct json_value *t = json_at(items, i);
            printf("%-24s", json_get_string(t, "name"));
            print_number(t, "version", 8);
            print_number(t, "rows", 12);
            print_number(t, "files", 8);
            print_number(t, "bytes", 12);
            printf("  %s\n", json_get_string(t, "path"));
        }
    }
    (void)n, (void)words;
    json_doc_free(doc);
    buf_fini(&a.body);
    return code;
}

/* ---- health ---- */

static int health(int n, char **words)
{
    struct asking a;
    (void)n, (void)words;
    int code = ask(&a, "GET", "/readyz", NULL, NULL);
    if (code == EXIT_OK)
        fputs(buf_text(&a.body), stdout);
    buf_fini(&a.body);
    return code == EXIT_OK ? EXIT_OK : EXIT_FAILED;
}

const struct cli_command cli_status = {.name = "status",
                                       .arguments = "",
                                       .summary = "how the queries of a service are",
                                       .example = "millrace status",
                                       .run_many = status,
                                       .options = json_options};
const struct cli_command cli_start_query = {.name = "start",
                                            .arguments = "QUERY",
                                            .summary = "start a query of a service",
                                            .example = "millrace start clicks --wait 30s",
                                            .run_many = start,
                                            .options = start_options};
const struct cli_command cli_stop_query = {.name = "stop",
                                           .arguments = "QUERY",
                                           .summary = "stop a query of a service",
                                           .example = "millrace stop clicks --wait 30s",
                                           .run_many = stop,
                                           .options = stop_options};
const struct cli_command cli_tail = {.name = "tail",
                                     .arguments = "QUERY",
                                     .summary = "rows as they are committed",
                                     .example = "millrace tail clicks --max-rows 10",
                                     .run_many = tail,
                                     .options = tail_options};
const struct cli_command cli_tables = {.name = "tables",
                                       .arguments = "",
                                       .summary = "the tables of a service",
                                       .example = "millrace tables",
                                       .run_many = tables,
                                       .options = json_options};
const struct cli_command cli_dump = {.name = "dump",
                                     .arguments = "TABLE",
                                     .summary = "all rows of a table",
                                     .example = "millrace dump clicks --format ndjson",
                                     .run_many = dump,
                                     .options = dump_options};
const struct cli_command cli_health = {.name = "health",
                                       .arguments = "",
                                       .summary = "is a service ready, for HEALTHCHECK",
                                       .example = "millrace health",
                                       .run_many = health,
                                       .options = plain_options};
