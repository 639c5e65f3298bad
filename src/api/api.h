/* SPDX-License-Identifier: MIT */
/*
 * api: the interface of a running service: REST under /api/v1, probes, metrics and the WebSocket's channels.
 *
 * docs/rest.md is the contract; routes.c is the one table that serves it and that /openapi.json is made of.
 * Handlers run
 * on the loop; what blocks (files, SQLite, brokers) runs on the supervisor's threads and answers later.
 */
#ifndef API_API_H
#define API_API_H

#include "http/server.h"
#include "pipeline/supervisor.h"

struct api;

struct api_setting { /* one of the configuration, as /config shows it */
    const char *key, *value, *origin;
};

struct api_spec { /* all borrowed, and outlives the api */
    const char               *version, *state_dir, *warehouse;
    const char               *environment, *colour; /* of the page, or NULL */
    const struct api_setting *settings;             /* secrets are "***" already */
    int                       n_settings;
};

MUST_CHECK enum err api_new(const struct api_spec *spec, struct api **out, struct error *e);
/* After the server is closed: no request and no socket is left. */
void api_free(struct api *a);

const struct http_route *api_routes(int *n);
/* For http_config: user is the api. */
void api_observe(void *api, const struct http_route *route, int status, int64_t duration_us);

/* For supervisor_spec: arg is the api. */
void api_tick(void *api);
void api_event(void *api, const struct event *event);

/* From then on requests are served; before, readyz is 503. */
void api_open(struct api *a, struct supervisor *s, struct http_server *server);
/* The end begins: readyz is 503 from now on. */
void api_stopping(struct api *a);
/* Answers whoever waits and ends every stream: before the server stops. */
void api_hang_up(struct api *a);

#endif
