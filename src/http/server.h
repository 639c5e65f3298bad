/* SPDX-License-Identifier: MIT */
/*
 * http/server: the HTTP server of `millrace serve`: libmicrohttpd on the program's own libuv loop.
 *
 * Everything here and in request.h and websocket.h runs on the loop thread; nothing blocks, nothing reads a file. A
 * request is guarded (framing, Host, Origin, Fetch-Metadata, token, role, sizes, deadlines) before its route's handler
 * sees it, so a handler only does its work. What the guards refuse is answered as application/problem+json.
 *
 * The order of one request:  head -> guards -> body (whole, within the route's limit) -> handler -> answer
 *
 * What libmicrohttpd 0.9.75 hides from us: a bare LF that ends the request line, the last header line or a chunk's line
 * is taken for CR LF; and it answers a head beyond its memory (64 KiB), broken chunks, a Content-Length that is no
 * number and a request line without a version itself, with a page of its own and no hook for ours.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <uv.h>

#include "base/buf.h"

enum http_role { HTTP_ANYONE, HTTP_VIEWER, HTTP_ADMIN }; /* a higher one may do what a lower one may */

struct http_request;
struct http_server;

/* One row of the route table, static const, given by the room above. The first row that fits wins, so a literal
 * ("/queries/status") stands before a parameter ("/queries/{query}"). HEAD is served by GET's row. */
struct http_route {
    const char    *method;     /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char    *pattern;    /* "/api/v1/queries/{query}/start": a {name} takes one segment, which is not empty */
    enum http_role role;       /* the least that may call it */
    uint32_t       body_limit; /* bytes; 0: takes no body */
    /* Answers with one of request.h's http_reply*, http_stream_begin or websocket.h's ws_accept: before it returns, or
     * later from any callback of the loop. */
    void (*handle)(struct http_request *r);
    bool        probe; /* for kubelet, which knows us by address only: no Host check, answered in full house too */
    const void *about; /* the owner's: what the OpenAPI page says about it */
};

/* A file of the dashboard, served at "/" name with its type by suffix and an ETag from its bytes. "index.html" is also
 * "/". Beside "x" there may be "x.gz", the same packed: sent to who takes gzip, never under its own name. The layout is
 * that of embed() in CMakeLists.txt. */
struct http_asset {
    const char *name; /* "js/main.js" */
    size_t      size;
    const char *bytes;
};

struct http_limits {           /* 0: the default */
    int    connections;        /* 256; when reached, new ones wait in the kernel */
    int    connections_per_ip; /* 128 */
    size_t head_bytes;         /* 16 KiB: request line and header fields together */
    int    head_ms;            /* 10 s for the head, from its first line (from connecting, for the first request) */
    int    body_ms;            /* 30 s for the body */
    int    idle_ms;            /* 60 s between two requests of a connection */
    int    stall_ms;           /* 30 s without a byte taken by the reader of an answer */
    int    websockets;         /* 1024 */
    int    websocket_message;  /* 64 KiB: the largest message a client may send */
    int    websocket_per_s;    /* 20 messages a client may send a second (bursts of three times as many) */
    int    websocket_frames;   /* 256 frames and ... */
    size_t websocket_bytes;    /* ... 1 MiB wait for one client at most */
    int    websocket_slow_ms;  /* 30 s: a client whose queue has not moved, or has been full, for so long is closed */
    int    websocket_ping_ms;  /* 15 s between pings; silent for 2.5 times as long: gone */
    int    session_ms;         /* 12 h: a browser's session */
};

struct http_config {                 /* borrowed during http_start, but for routes, assets and user */
    const char              *listen; /* "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:8080", "localhost:0" (any port) */
    const struct http_route *routes;
    int                      n_routes;
    const struct http_asset *assets;
    int                      n_assets;
    const char *const       *hosts; /* names a Host header may give, besides localhost, `listen` and any IP address */
    int                      n_hosts;
    const char *const       *origins; /* "https://ops.example": may call us from another origin's page */
    int                      n_origins;
    const char              *tokens;   /* text of the token file (auth.h), or NULL: everyone who gets here is admin */
    bool                     insecure; /* listen off loopback without tokens all the same */
    struct http_limits       limits;
    void                    *user; /* http_user(r) */
    /* Once per answered or refused request (route NULL: an asset, or refused before it had one), for metrics. */
    void (*observe)(void *user, const struct http_route *route, int status, int64_t duration_us);
    bool log_requests; /* a line per request at info; else refusals only */
};

/* Listens on the loop. ERR_PERMISSION: off loopback without tokens. ERR_INVALID: listen, the token file (its line), a
 * route. ERR_BUSY: the port is taken. */
MUST_CHECK enum err http_start(uv_loop_t *loop, const struct http_config *c, struct http_server **out, struct error *e);

/* "127.0.0.1:8080", with the port that was given when 0 was asked for. */
const char *http_address(const struct http_server *s);
bool        http_is_open(const struct http_server *s); /* nobody needs a token */

/* Replaces the tokens (a reloaded file); sessions and websockets of tokens that are gone end. On error the old stay. */
MUST_CHECK enum err http_tokens_replace(struct http_server *s, const char *tokens, struct error *e);

/* Stops: no new connections, `bye` of every websocket is called and the socket closed with 1001, open answers get
 * grace_ms, then all is closed. `closed` is the last call (never from within http_stop) and *s is freed with it; it
 * comes when every request was answered, so answer those you hold. */
void http_stop(struct http_server *s, int grace_ms, void (*closed)(void *user), void *user);

struct http_counts {
    int     connections, requests, websockets; /* now; requests: being answered */
    int64_t refused;                           /* by the guards, since the start */
    int64_t auth_failures;
    int64_t websocket_frames, websocket_replaced, websocket_slow; /* sent; conflated; closed with 1013 */
};
void http_counts(const struct http_server *s, struct http_counts *out);

#endif
