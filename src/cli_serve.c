/* SPDX-License-Identifier: MIT */
/* millrace serve: queries and producers under control of REST, watched in a browser, until a signal comes. */
#include <inttypes.h>
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
#include "config.h"

#define STOP_PATIENCE_MS 9000 /* then the process ends: what was not committed is read again */
#define HTTP_GRACE_MS 1000
#define TOKENS_MAX ((size_t)1 << 20)

static const struct http_asset assets[] = {
#if __has_include("web_assets.inc")
#include "web_assets.inc"
#endif
    {NULL, 0, NULL}};
#define N_ASSETS ((int)(sizeof assets / sizeof assets[0]) - 1)

static struct config config;

static const struct cli_option *serve_options(int *n) { return config_options(&config, n); }

struct service {
    uv_loop_t           loop;
    uv_signal_t         signals[2];
    uv_timer_t          patience;
    struct supervisor  *supervisor;
    struct api         *api;
    struct http_server *http;
    int                 n_signals, n_files_left;
    int64_t             started_us;
    struct buf          tokens;
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
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&v->signals[i], NULL);
    uv_close((uv_handle_t *)&v->patience, NULL);
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

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *v = handle->data;
    (void)number;
    if (v->n_signals++) {
        cli_say("stopped now; what was not committed is read again next time");
        _exit(EXIT_FORCED);
    }
    cli_say("stopping after a last epoch (again to stop now)");
    api_stopping(v->api);
    uv_timer_start(&v->patience, on_patience, STOP_PATIENCE_MS, 0);
    supervisor_stop(v->supervisor, on_drained, v);
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
static int put_file(struct service *v, const char *path)
{
    struct json_writer w;
    struct buf         sql, spec;
    struct error       e;
    char               folder[PATH_MAX], real[PATH_MAX];
    enum err           rc = cli_read_file(path, SCRIPT_BYTES_MAX, &sql, &e);
    if (rc != OK || !realpath(path, real)) {
        cli_say("%s", rc != OK ? e.text : path);
        buf_fini(&sql);
        return EXIT_UNAVAILABLE;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(real, '/') - real), real);
    buf_init(&spec, TAG_SQL, SCRIPT_BYTES_MAX * 8);
    json_writer_init(&w, &spec);
    json_begin_object(&w);
    json_member_string(&w, "sql", buf_text(&sql));
    json_key(&w, "params");
    json_begin_object(&w);
    for (int i = 0; i < config.params.n; i++)
        json_member_string(&w, config.params.names[i], config.params.values[i]);
    json_end_object(&w);
    json_key(&w, "tags");
    json_begin_array(&w);
    json_end_array(&w);
    json_member_string(&w, "folder", folder[0] ? folder : "/");
    json_end_object(&w);
    struct service_put put = {.kind = RESOURCE_QUERY,
                              .spec = buf_text(&spec),
                              .wanted = true,
                              .keep_wanted = true,
                              .expect = RESOURCE_ANY_REVISION};
    supervisor_put(v->supervisor, &put, on_put, (void *)(uintptr_t)path);
    buf_fini(&spec);
    buf_fini(&sql);
    return EXIT_OK;
}

/* ---- the start ---- */

static enum err start_http(struct service *v, struct error *e)
{
    int                n;
    struct http_config c = {.listen = config.listen,
                            .routes = api_routes(&n),
                            .assets = assets,
                            .n_assets = N_ASSETS,
                            .insecure = config.insecure,
                            .user = v->api,
                            .observe = api_observe};
    c.n_routes = n;
    c.hosts = config.hosts.items;
    c.n_hosts = config.hosts.n;
    c.origins = config.origins.items;
    c.n_origins = config.origins.n;
    buf_init(&v->tokens, TAG_WEB, TOKENS_MAX);
    if (config.token_file) {
        TRY(cli_read_file(config.token_file, TOKENS_MAX, &v->tokens, e));
        c.tokens = buf_text(&v->tokens);
    }
    return http_start(&v->loop, &c, &v->http, e);
}

static enum err start(struct service *v, struct error *e)
{
    static struct api_spec spec;
    spec = (struct api_spec){.version = MILLRACE_VERSION,
                             .state_dir = config.state_dir,
                             .warehouse = config.warehouse,
                             .environment = config.environment,
                             .colour = config.colour};
    spec.settings = config_settings(&config, &spec.n_settings);
    TRY(api_new(&spec, &v->api, e));
    struct supervisor_spec s = {.loop = &v->loop,
                                .state_dir = config.state_dir,
                                .warehouse = config.warehouse,
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
    char text[64];
    snprintf(text, sizeof text, "%.0f", (double)(clock_mono_us() - v->started_us) / 1e3);
    cli_say("ready in %s ms: http://%s/", text, http_address(v->http));
    supervisor_tell(v->supervisor, "info", "service", "millrace", "version %s serves http://%s/", MILLRACE_VERSION,
                    http_address(v->http));
    if (!http_is_open(v->http))
        return;
    if (strncmp(http_address(v->http), "127.", 4) != 0 && strncmp(http_address(v->http), "[::1]", 5) != 0)
        cli_say("warning: everybody who reaches %s may change everything (--insecure-no-auth)", http_address(v->http));
}

static int serve(int n_files, char **files)
{
    static struct service v;
    struct error          e;
    v.started_us = clock_mono_us();
    the_service = &v;
    int code = config_load(&config);
    if (code != EXIT_OK)
        return code;
    uv_loop_init(&v.loop);
    enum err rc = start(&v, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&v.loop, &v.signals[i]);
        v.signals[i].data = &v;
        uv_signal_start(&v.signals[i], on_signal, i ? SIGTERM : SIGINT);
    }
    uv_timer_init(&v.loop, &v.patience);
    say_ready(&v);
    for (int i = 0; i < n_files; i++)
        if ((code = put_file(&v, files[i])) != EXIT_OK)
            return code;
    uv_run(&v.loop, UV_RUN_DEFAULT);
    uv_walk(&v.loop, close_handle, NULL);
    uv_run(&v.loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&v.loop) == 0);
    api_free(v.api);
    buf_fini(&v.tokens);
    config_free(&config);
    return EXIT_OK;
}

const struct cli_command cli_serve = {.name = "serve",
                                      .arguments = "[FILE.sql ..]",
                                      .summary = "run queries as a service, with a page to watch them",
                                      .example = "millrace serve --listen 127.0.0.1:8080 job.sql",
                                      .run_many = serve,
                                      .options = serve_options};
