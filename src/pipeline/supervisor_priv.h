/* SPDX-License-Identifier: MIT */
/* pipeline/supervisor_priv: what the files of the supervisor share. Loop thread unless said otherwise. */
#ifndef PIPELINE_SUPERVISOR_PRIV_H
#define PIPELINE_SUPERVISOR_PRIV_H

#include "pipeline/folders.h"
#include "pipeline/supervisor.h"

#define LAG_SAMPLES 600

struct list {
    struct service_object **items; /* by name */
    int                     n, capacity;
};

struct supervisor {
    struct supervisor_spec spec;
    struct query_host      host;
    struct workers         control, side;
    struct catalog        *catalog;
    struct folder_owners   folders;
    uv_timer_t             timer;
    struct list            lists[2];                    /* by enum resource_kind */
    struct event           events[SERVICE_EVENTS_KEPT]; /* ring; texts are ours */
    int64_t                n_events, last_event_id;
    int                    n_changing; /* jobs of the control thread */
    int                    n_open;     /* handles that are not closed yet, once it closes */
    bool                   stopping;
    void (*stopped)(void *);
    void   *stopped_arg;
    int64_t tick_due_us, second;
    int32_t lags_us[LAG_SAMPLES];
    int64_t n_lags;
};

/* One change on the control thread. */
enum change_kind { CHANGE_PUT, CHANGE_DELETE, CHANGE_WANT };
struct change {
    struct job         job; /* first */
    struct supervisor *s;
    enum change_kind   what;
    enum resource_kind kind;
    char               name[SERVICE_NAME_MAX + 1];
    char              *spec;
    struct json_value *doc;
    int64_t            expect;
    bool               wanted, keep_wanted, reset, force, purge, restart, scratch;
    struct script     *script;  /* of a query's put */
    struct folders     folders; /* that it writes */
    struct resource    row;
    enum err           rc;
    struct error       error;
    bool               state_dropped, incompatible, table_taken;
    service_done      *done;
    void              *arg;
};

/* Sets state, since and reason, and tells when it changed. */
void service__state(struct supervisor *s, struct service_object *o, enum service_state state, const char *reason);
/* How long to wait before try number n (from 0), with jitter. */
int64_t service__backoff_ms(int n);
/* True for errors that may pass without a person. */
bool service__may_pass(enum err rc);
void service__remove(struct supervisor *s, struct service_object *o); /* from its list, and frees it */
void service__stopped(struct supervisor *s);                          /* something ended: is all over? */

/* supervised_query.c */
struct service_object *query__object_new(struct supervisor *s);
void                   query__object_free(struct service_object *o);
/* Control thread: binds and checks; fills c->name when it is empty. */
MUST_CHECK enum err query__change_check(struct change *c, struct error *e);
/* What is stored, at the start of the program: it blocks. */
void                query__loaded(struct service_query *q);
void                query__changed(struct service_query *q, struct change *c); /* takes c->script */
void                query__revive(struct service_query *q); /* it was deleted and is there again: begin anew */
void                query__settle(struct service_query *q); /* does the next step towards what is wanted */
void                query__each_tick(struct service_query *q, int64_t now_us, bool second);
MUST_CHECK enum err script_of_spec(const struct supervisor *s, const char *name, const struct json_value *spec,
                                   struct script **out, struct error *e);

/* supervised_producer.c */
struct service_object *producer__object_new(struct supervisor *s);
void                   producer__object_free(struct service_object *o);
MUST_CHECK enum err    producer__change_check(struct change *c, struct error *e);
void                   producer__changed(struct service_producer *p, struct change *c);
void                   producer__revive(struct service_producer *p);
void                   producer__settle(struct service_producer *p);
void                   producer__each_tick(struct service_producer *p, int64_t now_us, bool second);

#endif
