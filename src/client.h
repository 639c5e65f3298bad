/* SPDX-License-Identifier: MIT */
/*
 * client: calls of a running service, for the commands that ask one (cli_client.c). Blocks; plain HTTP only: a service
 * has no TLS of its own, and what stands before it is asked by other tools.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "base/buf.h"

struct client_call {
    const char *server;                       /* "http://127.0.0.1:8080" */
    const char *method, *path, *token, *body; /* token, body: or NULL */
    /* Gets the body of a 2xx as it comes; NULL: it goes into `answer`. */
    enum err (*take)(void *arg, const uint8_t *bytes, size_t n, struct error *e);
    void *arg;
};

/* Any status is OK; *answer has the body that was not taken. ERR_UNAVAILABLE, ERR_INVALID (the address), ERR_LIMIT. */
MUST_CHECK enum err client_run(const struct client_call *c, int *status, struct buf *answer, struct error *e);

#endif
