/* SPDX-License-Identifier: MIT */
/*
 * http/http_priv: the server's inside. server.c starts and stops, daemon.c drives libmicrohttpd, request.c answers,
 * websocket.c keeps sessions.
 *
 * A request is held from two sides: by libmicrohttpd (`connection`, until it completes) and by the room above
 * (`owned`, from its handler's call to its answer). It is freed when both have let go.
 */
#ifndef HTTP_PRIV_H
#define HTTP_PRIV_H

#include <microhttpd.h>

#include "http/auth.h"
#include "http/guard.h"
#include "http/request.h"
#include "http/websocket.h"
#include "net/websocket.h"

#define TICK_MS 250
#define STOP_TICK_MS 20
#define REQUEST_BYTES_MAX ((size_t)64 << 10) /* a request's texts */
#define REPLY_FIELDS_MAX 16
#define FAILURES_KEPT 64
#define SESSION_COOKIE "millrace_session"
#define SPARE_CONNECTIONS 64 /* for probes, when the house is full */

/* ---- connections ---- */

/* What a connection waits for; each state has its deadline. */
enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_ANSWER };

struct conn {
    struct conn         *next, *prev;
    enum conn_state      state;
    bool                 fresh; /* no request yet */
    bool                 doomed;
    int64_t              since_us; /* of the state, or of the last byte taken in CONN_ANSWER */
    int                  fd;
    struct http_request *request; /* the current one */
};

struct failures { /* of authentication, per address */
    char    peer[48];
    int     n;
    int64_t first_us;
};

/* ---- requests ---- */

enum answer { ANSWER_NONE, ANSWER_READY, ANSWER_QUEUED };

struct reply_field {
    const char *name, *value;
};

struct http_request {
    struct http_server *server;
    struct arena        arena;
    /* held by libmicrohttpd */
    struct MHD_Connection *connection; /* NULL once it let go */
    struct conn           *conn;
    bool                   suspended, seen; /* seen: the head was judged */
    /* held by the room above */
    bool owned, in_handler;
    void (*gone)(struct http_request *r, void *arg);
    void *gone_arg;
    bool  is_gone;

    const char              *raw_target, *version_at; /* the version is there in memory, if nothing is odd */
    const char              *method, *peer;
    const struct http_route *route;
    const struct http_asset *asset;
    struct http_target       target;
    const char              *params[TARGET_SEGMENTS_MAX];
    struct auth_who          who;
    char                     id[65];
    size_t                   body_limit;
    struct buf               body;
    int64_t                  started_us;

    /* the answer */
    enum answer          answer;
    struct MHD_Response *response;
    int                  status;
    bool                 close_after; /* the connection is not to be trusted any further */
    struct reply_field   fields[REPLY_FIELDS_MAX];
    int                  n_fields;
    struct buf           out; /* the body; in a stream what waits, from `sent` on */
    size_t               sent;
    const char          *asset_bytes; /* instead of out */
    size_t               asset_size;
    bool                 streaming, ended, aborted, refused; /* refused: a write; the room callback is due */
    void (*room)(struct http_request *r, void *arg);
    void                *room_arg;
    struct http_request *next_room; /* in server->rooms */
    bool                 in_rooms;
    struct ws_session   *session; /* the answer is 101 */
};

/* ---- the server ---- */

struct http_server {
    uv_loop_t         *loop;
    struct http_config config;
    struct http_limits limits;
    struct MHD_Daemon *daemon;
    int                listen_fd, epoll_fd;
    char               address[300];
    const char       **hosts;
    const char       **origins;
    char             **etags; /* of the assets */
    struct arena       arena; /* what config borrowed */
    struct auth       *auth;  /* NULL: open */

    uv_poll_t    poll;
    uv_timer_t   wake, tick;
    uv_prepare_t prepare;
    uv_idle_t    idle; /* active when the loop must come round without waiting */
    int          n_handles;
    bool         run_wanted;

    struct conn         *conns;
    struct ws_session   *sessions, *dirty;
    struct http_request *rooms;
    struct failures      failures[FAILURES_KEPT];
    struct http_counts   counts;
    uint64_t             n_requests;
    int                  n_owned;
    char                 id_prefix[9];
    struct ws_frame     *ping;
    unsigned             n_ticks;

    bool    stopping, daemon_stopped;
    int64_t stop_by_us;
    void (*closed)(void *);
    void *closed_user;
};

/* daemon.c */
enum err daemon__start(struct http_server *s, struct error *e);
void     daemon__want_run(struct http_server *s);
void     daemon__sweep(struct http_server *s);    /* deadlines, clients that left */
void     daemon__doom(struct conn *c);            /* ends a connection at the next run */
void     daemon__release(struct http_request *r); /* resumes a suspended request, so that its answer is taken */

/* server.c */
void server__stop_step(struct http_server *s);
void server__need_tick(struct http_server *s);
void server__free(struct http_server *s);

/* gate.c: fills r->route, asset, who ...; false: refused, the answer is ready */
bool gate__judge(struct http_request *r, const char *version);
/* Looks a token up for the request's address, which is locked out for a while after too many wrong ones. */
enum gate_token { GATE_GOOD, GATE_WRONG, GATE_LOCKED };
enum gate_token gate__try_token(struct http_request *r, const char *token, struct auth_who *who);

/* request.c */
void request__refuse(struct http_request *r, int status, const char *code, const char *detail, const char *hint);
void request__serve_asset(struct http_request *r);
void request__release_owner(struct http_request *r); /* it has answered */
void request__let_go(struct http_request *r);        /* frees when both sides have */
void request__set_gone(struct http_request *r);      /* tells the owner, once */
void request__rooms(struct http_server *s);          /* calls the room callbacks that are due */
/* Makes r->response of what was answered. */
bool request__make_response(struct http_request *r);

/* websocket.c */
void ws__upgraded(void *cls, struct MHD_Connection *connection, void *con_cls, const char *extra, size_t n_extra,
                  MHD_socket fd, struct MHD_UpgradeResponseHandle *urh);
void ws__never_opened(struct ws_session *s);
struct ws_frame *ws__ping_frame(void);
void             ws__flush_dirty(struct http_server *s);
void             ws__sweep(struct http_server *s, int64_t now_us);
void             ws__check_standing(struct http_server *s); /* closes sessions whose token or cookie is gone */
void             ws__bye(struct http_server *s);
void             ws__drop_all(struct http_server *s);

#endif
