/* SPDX-License-Identifier: MIT */
/*
 * http/websocket: WebSocket sessions (RFC 6455, no extensions) on the loop. Loop thread only; never blocks.
 *
 *   OPEN --ws_close, client's close, bye--> CLOSING (queue and close frame are sent, at most 5 s) --> closed()
 *     +-- client left, silent, write failed ---------------------------------------------------------> closed()
 *
 * A frame is encoded once, counted, and shared by the queues of all sessions it is sent to. Each session has one queue
 * with ceilings (http_limits); a frame with a key takes the place of an unsent one with the same key. A client that
 * reads too slowly never slows anybody: its queue refuses frames, and after websocket_slow_ms it is closed with 1013.
 */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include "http/request.h"

enum ws_code {
    WS_NORMAL = 1000,
    WS_SHUTDOWN = 1001,
    WS_PROTOCOL_ERROR = 1002, /* by the framing itself */
    WS_ABNORMAL = 1006,       /* never sent: the connection just ended */
    WS_NOT_ALLOWED = 1008,
    WS_TOO_BIG = 1009,
    WS_OVERLOAD = 1013,
    WS_PROTOCOL = 4000,
    WS_VERSION = 4001,
};

/* ---- frames ---- */

struct ws_frame; /* immutable once made */

/* One unfragmented text (UTF-8) or binary message. NULL when out of memory. One reference is the caller's. */
struct ws_frame *ws_frame_text(const void *text, size_t n);
struct ws_frame *ws_frame_binary(const void *bytes, size_t n);
struct ws_frame *ws_frame_ref(struct ws_frame *f);
void             ws_frame_unref(struct ws_frame *f); /* NULL is ignored */

/* ---- sessions ---- */

struct ws_session;

/* static const. `user` is what ws_accept was given; ws_user returns it too. */
struct ws_handlers {
    /* The handshake is done; send and close are allowed from here on. */
    void (*open)(struct ws_session *s);
    void (*message)(struct ws_session *s, bool text, const void *bytes, size_t n); /* whole, valid UTF-8 when text */
    void (*drained)(struct ws_session *s);          /* the queue has become empty after a frame was refused */
    void (*bye)(struct ws_session *s);              /* the server stops: send the last frame; 1001 follows */
    void (*closed)(struct ws_session *s, int code); /* the last call; s is freed after it */
};

/* Answers a handler's request: with 101 when it is a good handshake that offers `protocol` (which is echoed; NULL: none
 * is asked for), else with 400 or 426. Only from within the handler; r is dead afterwards. After OK `closed` follows
 * exactly once, even when the client left before `open`. ERR_LIMIT when there are too many sessions (503 was sent),
 * ERR_INVALID for any other refusal (it was sent too): user stays the caller's. */
MUST_CHECK enum err ws_accept(struct http_request *r, const char *protocol, const struct ws_handlers *h, void *user,
                              struct error *e);

void          *ws_user(const struct ws_session *s);
enum http_role ws_role(const struct ws_session *s);
const char    *ws_actor(const struct ws_session *s);
/* The name of the token that a browser's cookie stands for; NULL: there is no such cookie, nothing to sign out of. */
const char    *ws_signed_in_as(const struct ws_session *s);
const char    *ws_peer(const struct ws_session *s);

enum ws_sent { WS_QUEUED, WS_REPLACED, WS_REFUSED }; /* refused: the queue is full, or the session is closing */

/* Queues the frame (a reference is taken unless refused). key != 0: an unsent frame with that key is replaced, and such
 * a replacement is never refused. */
enum ws_sent ws_send(struct ws_session *s, struct ws_frame *f, uint64_t key);
/* Text in one step, for what goes to one session only. */
enum ws_sent ws_send_text(struct ws_session *s, const void *text, size_t n);
/* Close with code and reason (at most 123 bytes) after what is queued. Later sends are refused; messages are dropped.
 * Closing twice is ignored. */
void ws_close(struct ws_session *s, int code, const char *reason);

size_t ws_waiting(const struct ws_session *s, int *n_frames); /* bytes in the queue */
#endif
