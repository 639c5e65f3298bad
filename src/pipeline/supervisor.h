/* SPDX-License-Identifier: MIT */
/*
 * pipeline/supervisor: many queries and producers on one loop, as durable resources of one state folder.
 *
 * Each has a desired state, which is kept in the catalog (state/resource.h), and an actual one, which this room drives
 * towards it:
 *
 *   CREATED --want--> STARTING --> RUNNING --don't want, replaced--> DRAINING --> STOPPED
 *                        ^  |         |
 *                        |  +---------+--error--> WAITING (may pass by itself: tried again, later each time)
 *                        +--------------------------+--> FAILED (a person decides; starting it tries again)
 *
 * What was to run runs again after a restart of the process. Loop thread only; whatever blocks goes to other threads:
 * `control` (one: SQLite and binding, so changes are made in their order), `side` (what the interface asks of brokers
 * and tables), each query's own, and the io threads of the host.
 */
#ifndef PIPELINE_SUPERVISOR_H
#define PIPELINE_SUPERVISOR_H

#include "pipeline/folders.h"
#include "pipeline/meter.h"
#include "pipeline/producing.h"
#include "pipeline/query.h"
#include "pipeline/script.h"
#include "state/resource.h"
#include "json/doc.h"

#define SERVICE_NAME_MAX 63
#define SERVICE_OBJECTS_MAX 1000 /* of a kind */
#define SERVICE_ROWS_KEPT 500
#define SERVICE_EVENTS_KEPT 200 /* in memory */

enum service_state {
    SERVICE_CREATED,
    SERVICE_STARTING,
    SERVICE_RUNNING,
    SERVICE_DRAINING,
    SERVICE_STOPPED,
    SERVICE_FAILED,
    SERVICE_WAITING
};
const char *service_state_name(enum service_state s); /* "running" */
/* [a-z0-9][a-z0-9_-]{0,62} */
bool service_name_is_good(const char *name);

/* What queries and producers have in common. Read only outside this room. */
struct service_object {
    enum resource_kind kind;
    char               name[SERVICE_NAME_MAX + 1];
    char              *spec_text;
    struct json_value *spec;     /* query: {"sql", "params", "tags", "folder"}; producer: its writable fields */
    bool               wanted;   /* desired: running */
    bool               deleting; /* it is no resource any more, and goes when it has ended; made anew, it stays */
    int64_t            revision, created_ms, updated_ms;
    enum service_state state;
    int64_t            since_ms;
    char               reason[120];
    struct error       error; /* code OK: none */
    int                restarts;
    int64_t            next_try_ms; /* 0: none */
};

struct service_query {
    struct service_object base;   /* first */
    struct script        *script; /* what runs, or ran last; NULL: not yet bound */
    struct meter         *meter;
    struct query         *query;  /* NULL: does not run, or is being taken down */
    struct query_status   status; /* as it was at the last tick, or when it stopped; plan NULL: never started here */
    int64_t               records_before, table_rows_before; /* of earlier starts of this process */
    int64_t               rows_before; /* of earlier starts, so that rows have numbers that only grow */
    struct buf            last_rows;   /* JSON rows of the last run, when it does not run */
    int64_t worked_us[3], worked_before_us[3], worked_at_us, worked_before_at_us; /* two ticks, 10 s apart */
    int64_t row_at_ms;                                                            /* when rows last came */
    char    why[200];                                                             /* why nothing comes out; "" */
    /* inside */
    struct supervisor *s;
    struct script     *next_script; /* bound already, for the next start */
    struct folders     writes;      /* what runs, or is being taken down */
    bool               restart, scratch, purge, busy;
    int                failures; /* in a row */
    int64_t            running_since_us;
    int                retries_seen;
};

struct service_producer {
    struct service_object   base; /* first */
    struct producing_counts counts;
    double                  actual_rate; /* acknowledged per second, of the last second */
    /* inside */
    struct supervisor    *s;
    struct producing_spec spec; /* texts are base.spec's, or run_spec's while it runs */
    struct json_value    *run_spec;
    struct producing     *producing; /* NULL: does not run */
    struct workers        thread;
    bool                  restart, closing;
    int                   failures;
    int64_t               acked_before, counted_us;
};

struct supervisor;

struct supervisor_spec {
    uv_loop_t  *loop;
    const char *state_dir, *warehouse;
    void (*tick)(void *arg);                             /* ten times a second; may be NULL */
    void (*event)(void *arg, const struct event *event); /* something happened; may be NULL */
    void *arg;
};

/* Opens the state folder and reads what is to run; nothing runs yet. Blocks: for the start of the program. */
MUST_CHECK enum err supervisor_open(const struct supervisor_spec *spec, struct supervisor **out, struct error *e);
/* Starts what is to run. */
void supervisor_run(struct supervisor *s);
/* Ends everything with a last epoch, keeping what is desired; then `done`. Changes are refused from now on. */
void supervisor_stop(struct supervisor *s, void (*done)(void *), void *arg);
/* After done. The loop must run once more. */
void supervisor_close(struct supervisor *s);

/* ---- changing; the answer comes through `done`, from the loop ---- */

struct service_result {
    enum err               rc;
    struct error           error;
    struct service_object *object;        /* as it is now; NULL after an error or a delete */
    const struct script   *script;        /* when the SQL is wrong: its diags; for the moment */
    bool                   created;       /* it was not there before */
    bool                   state_dropped; /* the state did not follow, as was asked */
    bool                   incompatible;  /* ERR_CONFLICT because the state cannot follow */
    bool                   table_taken;   /* ERR_EXISTS because another query writes a folder of this one */
};
typedef void service_done(void *arg, const struct service_result *r);

struct service_put {
    enum resource_kind kind;
    const char        *name; /* a query's may be NULL: that of its table */
    const char        *spec; /* JSON, checked for its fields by the caller */
    bool               wanted;
    int64_t            expect;      /* as resource_put */
    bool               reset;       /* state that cannot follow is dropped, instead of ERR_CONFLICT */
    bool               keep_wanted; /* of one that is there: wanted is not used */
};
void supervisor_put(struct supervisor *s, const struct service_put *put, service_done *done, void *arg);
/* ERR_BUSY: it runs, and force was not given. purge: a query's checkpoints too; never a table. */
void supervisor_delete(struct supervisor *s, enum resource_kind kind, const char *name, int64_t expect, bool force,
                       bool purge, service_done *done, void *arg);
enum service_want { SERVICE_START, SERVICE_STOP, SERVICE_RESTART };
/* scratch: a new generation of the query begins. The object's state is on its way when done is called. */
void supervisor_want(struct supervisor *s, enum resource_kind kind, const char *name, enum service_want what,
                     bool scratch, service_done *done, void *arg);
/* Keeps a query that does not run from starting and from going away, so that another thread may look at its plan
 * and its
 * checkpoint; false when it runs. Then release it. */
bool service_query_hold(struct service_query *q);
void service_query_release(struct service_query *q);

/* ---- reading ---- */

int                      supervisor_n(const struct supervisor *s, enum resource_kind kind);
struct service_object   *supervisor_at(const struct supervisor *s, enum resource_kind kind, int i); /* by name */
struct service_object   *supervisor_find(const struct supervisor *s, enum resource_kind kind, const char *name);
struct service_query    *service_query_of(struct service_object *o);
struct service_producer *service_producer_of(struct service_object *o);
/* Brings q->status up to now. */
void service_query_refresh(struct service_query *q);
/* Newest rows, committed: those numbered from `from` on. Gives how many were written. */
int     service_query_rows(struct service_query *q, int64_t from, int most, bool text_bigint, struct json_writer *w);
int64_t service_query_rows_seen(const struct service_query *q);

struct query_host *supervisor_host(struct supervisor *s);
struct workers    *supervisor_side(struct supervisor *s); /* for what blocks on brokers and tables */
const char        *supervisor_warehouse(const struct supervisor *s);
/* The i-th newest event, NULL behind the last that is in memory. */
const struct event *supervisor_event_at(const struct supervisor *s, int i);
/* Adds one. level "info", "warn", "error"; kind "query", "producer", "service", "broker". */
void supervisor_tell(struct supervisor *s, const char *level, const char *kind, const char *subject, const char *format,
                     ...) PRINTF_LIKE(5, 6);
int64_t supervisor_loop_lag_us(const struct supervisor *s); /* p99 of the last minute */
bool    supervisor_is_stopping(const struct supervisor *s);

#endif
