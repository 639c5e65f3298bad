/* SPDX-License-Identifier: MIT */
/* millrace serve: queries and producers under control of REST, watched in a browser, until a signal comes. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli.h"
#include "serve.h"
#include "status.h"

#define STOP_PATIENCE_MS 9000 /* then the process ends: what was not committed is read again */
#define HTTP_GRACE_MS 1000
#define STATUS_EVERY_MS 250
#define TOKENS_MAX ((size_t)1 << 20)

static const struct http_asset assets[] = {
#if __has_include("web_assets.inc")
#include "web_assets.inc"
#endif
    {NULL, 0, NULL}};
#define N_ASSETS ((int)(sizeof assets / sizeof assets[0]) - 1)

struct service {
    uv_loop_t                loop;
    uv_signal_t              signals[3]; /* SIGINT, SIGTERM, SIGHUP */
    uv_timer_t               patience, limit, status;
    struct status_line       line;
    const struct serve_plan *plan;
    struct supervisor       *supervisor;
    struct api              *api;
    struct http_server      *http;
    int                      n_signals;
    struct buf               tokens;
};

/* ---- the end ---- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_http_closed(void *arg)
{
    struct service *v = *(struct service **)arg;
    supervisor_close(v->supervisor);
    for (int i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&v->signals[i], NULL);
    uv_close((uv_handle_t *)&v->patience, NULL);
    uv_close((uv_handle_t *)&v->limit, NULL);
    uv_close((uv_handle_t *)&v->status, NULL);
}

static struct service *the_service;

static void on_drained(void *arg)
{
    struct service *v = arg;
    log_info("service", "every query has stopped");
    api_hang_up(v->api);
    http_stop(v->http, HTTP_GRACE_MS, on_http_closed, &the_service);
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    cli_say("stopped after %d s; what was not committed is read again next time", STOP_PATIENCE_MS / 1000);
    _exit(EXIT_OK);
}

static void stop(struct service *v)
{
    uv_timer_stop(&v->status);
    status_clear(&v->line);
    api_stopping(v->api);
    uv_timer_start(&v->patience, on_patience, STOP_PATIENCE_MS, 0);
    supervisor_stop(v->supervisor, on_drained, v);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *v = handle->data;
    (void)number;
    if (v->n_signals++) {
        cli_say("stopped now; what was not committed is read again next time");
        _exit(EXIT_FORCED);
    }
    status_clear(&v->line);
    cli_say("stopping after a last epoch (again to stop now)");
    stop(v);
}

/* ---- SIGHUP: the token file again ---- */

struct token_job {
    struct job      job; /* first */
    struct service *service;
    struct buf      tokens;
    enum err        rc;
    struct error    error;
};

static void run_tokens(struct job *job)
{
    struct token_job *j = (struct token_job *)job;
    j->rc = cli_read_file(j->service->plan->config->token_file, TOKENS_MAX, &j->tokens, &j->error);
}

static void tokens_read(struct job *job)
{
    struct token_job *j = (struct token_job *)job;
    bool              stopping = j->service->n_signals > 0; /* the server may be gone */
    if (j->rc == OK && !stopping)
        j->rc = http_tokens_replace(j->service->http, buf_text(&j->tokens), &j->error);
    if (stopping)
        cli_say("SIGHUP: the service stops, its tokens stay as they were");
    else if (j->rc == OK)
        supervisor_tell(j->service->supervisor, "info", "service", "millrace", "the token file was read again");
    else
        supervisor_tell(j->service->supervisor, "error", "service", "millrace", "the tokens stay as they were: %s",
                        j->error.text);
    buf_fini(&j->tokens);
    mem_free(j);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct service *v = handle->data;
    (void)number;
    if (!v->plan->config->token_file)
        cli_say("SIGHUP: there is no token file to read again; other settings are read at the start only");
    if (v->n_signals || !v->plan->config->token_file)
        return;
    struct token_job *j = mem_zalloc(TAG_WEB, sizeof *j);
    CHECK(j);
    j->job = (struct job){.run = run_tokens, .done = tokens_read};
    j->service = v;
    buf_init(&j->tokens, TAG_WEB, TOKENS_MAX);
    workers_submit(supervisor_side(v->supervisor), &j->job);
}

static void on_limit(uv_timer_t *timer)
{
    struct service *v = timer->data;
    if (v->n_signals++ == 0)
        stop(v);
}

/* ---- the files of the command line ---- */

static void on_put(void *arg, const struct service_result *r)
{
    const char *file = arg;
    if (r->script) {
        struct buf out;
        buf_init(&out, TAG_SQL, (size_t)16 << 20);
        diags_print((struct diags *)(uintptr_t)&r->script->diags, file, (const char *)r->script->text.data, &out);
        fputs(buf_text(&out), stderr);
        buf_fini(&out);
    }
    if (r->rc != OK)
        cli_say("%s: %s", file, r->error.text);
}

/* The text is made the query's, which runs; a query of that name keeps what is desired of it. */
static void put_query(struct service *v, const struct serve_query *q)
{
    struct json_writer w;
    struct buf         spec;
    buf_init(&spec, TAG_SQL, SCRIPT_BYTES_MAX * 8);
    json_writer_init(&w, &spec);
    json_begin_object(&w);
    json_member_string(&w, "sql", q->sql);
    json_key(&w, "params");
    json_begin_object(&w);
    for (int i = 0; i < q->params->n; i++)
        json_member_string(&w, q->params->names[i], q->params->values[i]);
    json_end_object(&w);
    json_key(&w, "tags");
    json_begin_array(&w);
    json_end_array(&w);
    json_member_string(&w, "folder", q->folder);
    json_end_object(&w);
    struct service_put put = {.kind = RESOURCE_QUERY,
                              .spec = buf_text(&spec),
                              .wanted = true,
                              .keep_wanted = true,
                              .expect = RESOURCE_ANY_REVISION};
    supervisor_put(v->supervisor, &put, on_put, (void *)(uintptr_t)q->label);
    buf_fini(&spec);
}

/* ---- the start ---- */

static enum err start_http(struct service *v, struct error *e)
{
    struct config     *config = v->plan->config;
    int                n;
    struct http_config c = {.listen = config->listen,
                            .routes = api_routes(&n),
                            .assets = assets,
                            .n_assets = N_ASSETS,
                            .hosts = config->hosts.items,
                            .n_hosts = config->hosts.n,
                            .origins = config->origins.items,
                            .n_origins = config->origins.n,
                            .insecure = config->insecure,
                            .user = v->api,
                            .observe = api_observe};
    c.n_routes = n;
    buf_init(&v->tokens, TAG_WEB, TOKENS_MAX);
    if (config->token_file) {
        TRY(cli_read_file(config->token_file, TOKENS_MAX, &v->tokens, e));
        c.tokens = buf_text(&v->tokens);
    }
    return http_start(&v->loop, &c, &v->http, e);
}

static enum err start(struct service *v, struct error *e)
{
    static struct api_spec spec;
    struct config         *config = v->plan->config;
    spec = (struct api_spec){.version = MILLRACE_VERSION,
                             .state_dir = config->state_dir,
                             .warehouse = config->warehouse,
                             .environment = config->environment,
                             .colour = config->colour};
    spec.settings = config_settings(config, &spec.n_settings);
    TRY(api_new(&spec, &v->api, e));
    struct supervisor_spec s = {.loop = &v->loop,
                                .state_dir = config->state_dir,
                                .warehouse = config->warehouse,
                                .tick = api_tick,
                                .event = api_event,
                                .arg = v->api};
    TRY(supervisor_open(&s, &v->supervisor, e));
    TRY(start_http(v, e));
    api_open(v->api, v->supervisor, v->http);
    supervisor_run(v->supervisor);
    return OK;
}

static void say_ready(struct service *v)
{
    const char *address = http_address(v->http);
    bool        loopback = strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0;
    if (v->plan->ready)
        v->plan->ready(address);
    else
        cli_say("ready in %.0f ms: http://%s/", (double)(clock_mono_us() - v->plan->started_us) / 1e3, address);
    supervisor_tell(v->supervisor, "info", "service", "millrace", "version %s serves http://%s/", MILLRACE_VERSION,
                    address);
    if (http_is_open(v->http) && !loopback)
        cli_say("warning: whoever reaches %s may change everything (--insecure-no-auth)", address);
}

static void begin_work(struct service *v)
{
    const struct serve_plan *plan = v->plan;
    for (int i = 0; i < plan->n_queries; i++)
        put_query(v, &plan->queries[i]);
    struct service_put put = {.kind = RESOURCE_PRODUCER,
                              .name = plan->producer,
                              .spec = plan->producer_spec,
                              .wanted = true,
                              .expect = RESOURCE_ANY_REVISION};
    if (plan->producer)
        supervisor_put(v->supervisor, &put, on_put, (void *)(uintptr_t)plan->producer);
    if (plan->for_us)
        uv_timer_start(&v->limit, on_limit, (uint64_t)plan->for_us / 1000, 0);
}

static void on_status(uv_timer_t *timer)
{
    struct service        *v = timer->data;
    struct service_object *o = supervisor_find(v->supervisor, RESOURCE_QUERY, v->plan->watched);
    struct query          *q = o ? service_query_of(o)->query : NULL;
    if (q)
        status_show(&v->line, q);
    else
        status_clear(&v->line);
}

int serve_run(const struct serve_plan *plan)
{
    static struct service v;
    struct error          e;
    v.plan = plan;
    the_service = &v;
    uv_loop_init(&v.loop);
    enum err rc = start(&v, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&v.loop, &v.signals[i]);
        v.signals[i].data = &v;
        uv_signal_start(&v.signals[i], numbers[i] == SIGHUP ? on_hangup : on_signal, numbers[i]);
    }
    uv_timer_init(&v.loop, &v.patience);
    uv_timer_init(&v.loop, &v.limit);
    uv_timer_init(&v.loop, &v.status);
    v.limit.data = v.status.data = &v;
    status_init(&v.line);
    if (plan->watched && v.line.terminal)
        uv_timer_start(&v.status, on_status, STATUS_EVERY_MS, STATUS_EVERY_MS);
    say_ready(&v);
    begin_work(&v);
    uv_run(&v.loop, UV_RUN_DEFAULT);
    uv_walk(&v.loop, close_handle, NULL);
    uv_run(&v.loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&v.loop) == 0);
    api_free(v.api);
    buf_fini(&v.tokens);
    return EXIT_OK;
}

/* ---- the command ---- */

static struct config config;

static const struct cli_option *serve_options(int *n) { return config_options(&config, n); }

/* A file as a query; its texts live as long as the program. */
static int read_query(const char *path, struct serve_query *out)
{
    struct buf   sql;
    struct error e;
    char         real[PATH_MAX];
    enum err     rc = cli_read_file(path, SCRIPT_BYTES_MAX, &sql, &e);
    if (rc == OK && !realpath(path, real))
        rc = err_errno(&e, errno, "find %s", path);
    if (rc != OK) {
        cli_say("%s", e.text);
        buf_fini(&sql);
        return cli_exit_code(rc);
    }
    char *slash = strrchr(real, '/');
    slash[slash == real] = 0;
    *out = (struct serve_query){.label = path,
                                .sql = arena_strdup(&config.arena, buf_text(&sql)),
                                .folder = arena_strdup(&config.arena, real),
                                .params = &config.params};
    buf_fini(&sql);
    return EXIT_OK;
}

static int serve(int n_files, char **files)
{
    struct serve_plan   plan = {.config = &config, .started_us = clock_mono_us()};
    struct serve_query *queries;
    int                 code = config_load(&config);
    if (code != EXIT_OK)
        return code;
    queries = arena_zalloc(&config.arena, (size_t)(config.files.n + n_files + 1) * sizeof *queries);
    plan.queries = queries;
    for (int i = 0; code == EXIT_OK && i < config.files.n + n_files; i++) {
        const char *file = i < config.files.n ? config.files.items[i] : files[i - config.files.n];
        code = read_query(file, &queries[plan.n_queries++]);
    }
    if (code == EXIT_OK)
        code = serve_run(&plan);
    config_free(&config);
    return code;
}

const struct cli_command cli_serve = {.name = "serve",
                                      .arguments = "[FILE.sql ..]",
                                      .summary = "run queries as a service, with a page",
                                      .example = "millrace serve --listen 127.0.0.1:8080 job.sql",
                                      .run_many = serve,
                                      .options = serve_options};
