/* SPDX-License-Identifier: MIT */
/*
 * net/ws_client: a WebSocket client: curl connects (TLS verified), wslay frames. Calls block their thread up to the
 * time given. One thread per client.
 */
#ifndef NET_WS_CLIENT_H
#define NET_WS_CLIENT_H

#include "net/fetch.h"

struct ws_client;

/* s->url is ws:// or wss:// (limit_bytes: of one message). Connects and shakes hands. Errors as fetch; a refused
 * handshake as fetch_status, with *reply. */
MUST_CHECK enum err ws_client_open(const struct fetch_spec *s, struct ws_client **out, struct fetch_reply *reply,
                                   struct error *e);
void                ws_client_free(struct ws_client *c); /* says 1000 first when it is open */
MUST_CHECK enum err ws_client_send(struct ws_client *c, const char *text, struct error *e);
MUST_CHECK enum err ws_client_ping(struct ws_client *c, struct error *e);

/* Takes every message that is there, waiting up to timeout_ms for the first. OK also when none came. ERR_UNAVAILABLE
 * (retry): closed by the other side, which says its code and reason; or what `take` returned. */
MUST_CHECK enum err ws_client_receive(struct ws_client *c, int timeout_ms,
                                      enum err (*take)(void *arg, const char *text, size_t n, struct error *e),
                                      void *arg, struct error *e);
int64_t             ws_client_heard_us(const struct ws_client *c); /* when anything came last: monotonic */

#endif
