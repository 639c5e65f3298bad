/* SPDX-License-Identifier: MIT */
/* A WebSocket echo on our sessions, for run.py: prints its port, echoes until it gets SIGTERM. */
#include <stdio.h>
#include <stdlib.h>

#include "http/websocket.h"

static uv_loop_t           loop;
static uv_signal_t         on_term;
static struct http_server *server;

static void nothing(struct ws_session *s) { (void)s; }

static void echo(struct ws_session *s, bool text, const void *bytes, size_t n)
{
    struct ws_frame *f = text ? ws_frame_text(bytes, n) : ws_frame_binary(bytes, n);
    if (f && ws_send(s, f, 0) == WS_REFUSED)
        ws_close(s, WS_OVERLOAD, "too slow");
    ws_frame_unref(f);
}

static void closed(struct ws_session *s, int code)
{
    (void)s;
    (void)code;
}

static void accept_all(struct http_request *r)
{
    static const struct ws_handlers handlers = {nothing, echo, nothing, nothing, closed};
    struct error                    e;
    if (ws_accept(r, NULL, &handlers, NULL, &e) != OK)
        fprintf(stderr, "%s\n", e.text);
}

static void stopped(void *user) { uv_close(user, NULL); }

static void stop(uv_signal_t *s, int number)
{
    (void)number;
    uv_signal_stop(s);
    http_stop(server, 1000, stopped, s);
}

int main(void)
{
    static const struct http_route routes[] = {{.method = "GET", .pattern = "/", .handle = accept_all}};
    struct http_config             c = {.listen = "127.0.0.1:0", .routes = routes, .n_routes = 1};
    struct error                   e = {0};
    c.limits.websocket_message = 32 << 20; /* the suite sends up to 16 MiB, thousands at once */
    c.limits.websocket_bytes = (size_t)256 << 20;
    c.limits.websocket_frames = 100000;
    c.limits.websocket_per_s = 1000000;
    uv_loop_init(&loop);
    if (http_start(&loop, &c, &server, &e) != OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    uv_signal_init(&loop, &on_term);
    uv_signal_start(&on_term, stop, SIGTERM);
    printf("%s\n", http_address(server));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
