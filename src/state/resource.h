/* SPDX-License-Identifier: MIT */
/*
 * state/resource: what a service is told to run (queries, producers), and its events; in the catalog of its state
 * folder. Any thread; blocks; durable when it returns.
 */
#ifndef STATE_RESOURCE_H
#define STATE_RESOURCE_H

#include "state/catalog.h"

#define RESOURCE_ANY_REVISION (-1)
#define EVENTS_KEPT 1000

enum resource_kind { RESOURCE_QUERY, RESOURCE_PRODUCER };

struct resource {
    enum resource_kind kind;
    const char        *name;
    const char        *spec;    /* JSON */
    bool               running; /* desired */
    int64_t            revision, created_ms, updated_ms;
};

/* Makes or replaces it. `expect`: the revision that must be there, 0: it must not be there, or RESOURCE_ANY_REVISION.
 * keep_running: what is desired stays as it is there. Fills running, revision and times of *r. ERR_CONFLICT:
 * another revision is there; ERR_EXISTS; ERR_NOT_FOUND. */
MUST_CHECK enum err resource_put(struct catalog *c, struct resource *r, int64_t expect, bool keep_running,
                                 struct error *e);
/* What is desired, of one that is there: ERR_NOT_FOUND. Fills revision and times of *r. */
MUST_CHECK enum err resource_want(struct catalog *c, struct resource *r, struct error *e);
/* ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_CHECK enum err resource_delete(struct catalog *c, enum resource_kind kind, const char *name, int64_t expect,
                                    struct error *e);
/* All of a kind by name, texts in the arena. */
MUST_CHECK enum err resource_list(struct catalog *c, enum resource_kind kind, struct arena *a, struct resource **out,
                                  int *n, struct error *e);

struct event {
    int64_t     id, at_ms;
    const char *level, *kind, *subject, *text;
};
/* Appends; ids are the caller's and grow. The oldest beyond EVENTS_KEPT go. */
MUST_CHECK enum err event_put(struct catalog *c, const struct event *ev, struct error *e);
/* The newest `limit` before the id `before` (0: all), newest first; texts in the arena. */
MUST_CHECK enum err event_list(struct catalog *c, int64_t before, int limit, struct arena *a, struct event **out,
                               int *n, struct error *e);

#endif
