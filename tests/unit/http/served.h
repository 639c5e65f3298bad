/* SPDX-License-Identifier: MIT */
/* A server on a loop of its own thread, and a client that speaks raw bytes to it. */
#ifndef TEST_SERVED_H
#define TEST_SERVED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <uv.h>

#include "http/request.h"
#include "http/websocket.h"

struct served {
    struct http_config  config; /* filled by served_init, to be changed before served_start */
    struct http_server *server;
    uv_loop_t           loop;
    uv_thread_t         thread;
    uv_async_t          wish;
    uv_sem_t            ready;
    int                 port;
    void (*on_loop)(struct served *); /* what `served_do` wants done */
    uv_sem_t   done;
    atomic_int n_handled, n_gone, n_opened, n_closed, last_close, n_drained, n_byes, n_refused_sends;
    int        grace_ms, loop_rc, open_handles;
};

void served_init(struct served *s);
void served_start(struct served *s);
/* Runs a function on the loop and waits for it. */
void served_do(struct served *s, void (*what)(struct served *));
/* http_stop, then uv_loop_close, which must be 0. */
void served_stop(struct served *s);

/* ---- the client ---- */

int  dial(const struct served *s);
void say(int fd, const char *text);
void say_n(int fd, const void *bytes, size_t n);
/* Reads until the peer closes or `ms` pass without a byte; text is terminated. *closed may be NULL. */
size_t hear(int fd, char *text, size_t room, int ms, bool *closed);
/* Exactly n bytes, or a failed test. */
void hear_n(int fd, void *bytes, size_t n);
/* One request on a connection of its own, "Connection: close" asked for; the whole answer. */
const char *ask(const struct served *s, const char *method, const char *target, const char *fields, const char *body);
int         status_of(const char *answer);
const char *body_of(const char *answer);
/* The value of a header field in an answer, or NULL; any case. */
const char *field_of(const char *answer, const char *name);
void        wait_for(atomic_int *value, int expected); /* at least; 10 s */

/* A WebSocket: connects, shakes hands with the subprotocol test.v1. */
int  ws_dial(const struct served *s, const char *fields);
void ws_say(int fd, int opcode, const void *payload, size_t n);
/* The next frame; returns its opcode, -1 when the connection ended. */
int ws_hear(int fd, char *payload, size_t room, size_t *n);

#endif
