/* SPDX-License-Identifier: MIT */
/* serve: the service as serve and demo run it: on the loop until a signal comes. See cli_serve.c. */
#ifndef SERVE_H
#define SERVE_H

#include "config.h"

struct serve_query {                /* a text that is made a query */
    const char       *label;        /* for messages */
    const char       *sql, *folder; /* relative file names in it mean this folder */
    struct cli_pairs *params;
};

struct serve_plan {
    struct config            *config; /* loaded */
    const struct serve_query *queries;
    int                       n_queries;
    const char               *producer, *producer_spec; /* one to begin with, or NULL */
    int64_t                   for_us;                   /* stop by itself; 0: never */
    const char               *watched;  /* a query whose newest rows and state a terminal shows; NULL: none */
    void (*ready)(const char *address); /* it serves; NULL: say so on stderr */
    int64_t started_us;
};

/* An exit code. */
int serve_run(const struct serve_plan *plan);

#endif
