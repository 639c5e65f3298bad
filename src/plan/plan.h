/* SPDX-License-Identifier: MIT */
/*
 * plan: what a statement means: names and types bound, rules applied, ready to be built.
 *
 * plan_script() turns a parsed file into one `struct plan` per CREATE STREAMING TABLE. A plan is read-only
 * afterwards; EXPLAIN and the fingerprint read it, physical.h builds operators from it. It lives in one arena.
 *
 *   sink <- [project, having] <- WINDOW <- ... <- JOIN(table) <- WATERMARK <- filter, project <- SOURCE
 *
 * Joins are stream-static, so from each source to the sink there is exactly one path; UNION ALL lets several
 * paths meet. A path may have several WINDOWs, one over the closed groups of the other. What is above the lowest one
 * runs at the barrier, what is below it per batch.
 *
 * What kinds of relations there are (read_kafka, read_files) is handed in from above: this room knows neither
 * Kafka nor files.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "expr/program.h"
#include "join/join.h"
#include "sql/ast.h"
#include "window/agg.h"
#include "window/spec.h"
#include "window/watermark.h"
#include "window/window.h"

/* ---- relations from above ---- */

struct plan_relation {
    const struct type *schema;
    bool               stream;   /* a source; else a static table */
    const char        *label;    /* for EXPLAIN: "read_kafka(clicks)" */
    const char        *identity; /* for the fingerprint: what may not change while state is kept; "" for tables */
    void              *handle;   /* the maker's; it knows what to build from it */
};

struct plan_relation_kind {
    const char *name; /* "read_kafka" */
    bool        stream;
    /* Checks the call's arguments and fills *out; false: diags says why. */
    bool (*bind)(void *arg, const struct ast_expr *call, struct arena *, struct diags *, struct plan_relation *out);
    void *arg;
};

struct plan_environment {
    const struct plan_relation_kind *kinds;
    int                              n_kinds;
    const char                      *warehouse; /* folder of tables that name no LOCATION */
};

/* ---- the plan ---- */

enum plan_node_kind {
    PLAN_SOURCE, /* leaf: a stream */
    PLAN_TABLE,  /* leaf: a static table */
    PLAN_FILTER,
    PLAN_PROJECT,
    PLAN_WATERMARK,
    PLAN_JOIN, /* input: the stream side; other: the static side. SEMI and ANTI pass the columns of input only */
    PLAN_WINDOW,
    PLAN_EXPLODE, /* a row per element of the last column of the input, an ARRAY or MAP, in its place */
    PLAN_UNION,   /* input, other: both streams, same schema */
};

struct plan_aggregate {
    struct agg  agg;
    int         arguments[AGG_ARGUMENTS_MAX]; /* columns of the input, agg.n_arguments of them */
    int         filter;                       /* FILTER (WHERE ..): a column of the input, or -1 */
    const char *label;                        /* "sum(x)" */
};

struct plan_node {
    enum plan_node_kind kind;
    const struct type  *schema; /* STRUCT: what comes out */
    int                *event;  /* per column: index of the WATERMARK clause it is the event time of, or -1 */
    struct plan_node   *input, *other;
    struct place        place;

    int leaf; /* SOURCE: index into sources; TABLE: index into tables */

    struct expr  *predicate; /* FILTER; JOIN, but for INNER: the rest of its condition over `both`, or NULL */
    bool          partner;   /* FILTER: of a join, so that what it drops counts as having no partner */
    struct expr **exprs;     /* PROJECT: schema->n_fields */

    int clause, column; /* WATERMARK: which clause, which column holds the event time */

    bool position; /* EXPLODE: with the place of the element */
    bool left;     /* EXPLODE: a row of NULL where there is no element */

    enum join_kind     join;
    bool               subquery;      /* JOIN: a condition of WHERE, IN or EXISTS: SEMI or ANTI */
    bool               null_aware;    /* JOIN: NOT IN */
    const struct type *both;          /* JOIN: the columns of input, then of other */
    int               *probe, *build; /* JOIN: n_keys columns of input and of other */
    int                n_keys;

    struct window_spec     window; /* WINDOW: size_us 0 = group by the event time itself */
    int                    event_column;
    int                   *keys;
    int                    n_keys_grouped;
    struct plan_aggregate *aggregates;
    int                    n_aggregates;
};

/* How a source's records become its columns: filled by the rules (only what is needed is decoded). */
enum plan_from { FROM_COLUMN, FROM_VALUE_JSON, FROM_KEY_JSON };
struct plan_source_column {
    enum plan_from     from;
    int                relation_column; /* FROM_COLUMN: index into the relation's schema */
    bool               as_string;       /* FROM_COLUMN key, value: CAST(.. AS STRING) */
    const struct type *json_type;       /* FROM_*_JSON: only the fields that are needed */
    bool               failfast;
};

struct plan_source {
    struct plan_relation       relation;
    struct plan_node          *node;
    const struct type         *decoded; /* what the decoder gives: the schema of node */
    struct plan_source_column *columns; /* decoded->n_fields */
};

struct plan_clause { /* a WATERMARK clause */
    int64_t     delay_ms;
    const char *column;
};

enum plan_malformed { MALFORMED_KEEP, MALFORMED_REJECT, MALFORMED_FAIL };

struct plan_property {
    const char *key, *value;
};

struct plan {
    struct arena *arena;
    const char   *name;     /* of the query: the table's name */
    const char   *location; /* folder of the Delta table */
    const char   *comment;
    const char  **partition_by;
    int           n_partition_by;

    int64_t               trigger_us;
    int64_t               idle_us;   /* without records for so long, open windows are closed; 0: never */
    int64_t               future_us; /* rows further ahead of the clock are rejected; 0: none is */
    enum plan_malformed   on_malformed;
    bool                  reject_errors;
    const char           *rejects, *late, *quarantine; /* folders of side tables, or NULL */
    struct expect_spec    expect;                      /* over the schema written */
    struct plan_property *properties;                  /* for the Delta table's configuration */
    int                   n_properties;

    struct plan_node     *root;
    const struct type    *schema; /* of the table written */
    struct plan_source   *sources;
    int                   n_sources;
    struct plan_relation *tables; /* static */
    int                   n_tables;
    struct plan_clause   *clauses;
    int                   n_clauses;
    int                   n_windows; /* WINDOW nodes on all paths; 0: nothing is kept between epochs */
};

/* Is there a node of that kind at n or below it? NULL: no. */
bool plan_node_contains(const struct plan_node *n, enum plan_node_kind kind);

/* One plan per streaming table, in the order of the file; false when diags has errors (*out is then empty).
 * Everything lives in the arena. */
bool plan_script(const struct ast_script *script, const struct plan_environment *env, struct arena *a,
                 struct diags *diags, struct plan **out, int *n_out);

/* What must stay the same while state is kept, as JSON with one member per aspect: {"sources":..,"watermarks":..,
 * "window":..,"output":..}. fingerprint_differs names the first aspects that differ ("window, output"), or "". */
void plan_fingerprint(const struct plan *p, struct buf *out);

/* EXPLAIN: the plan as an indented tree, sources last; or the same as one JSON document. */
void        plan_explain_text(const struct plan *p, struct buf *out);
void        plan_explain_json(const struct plan *p, struct buf *out);
const char *plan_violation_name(enum expect_action action); /* "keep", "drop", "fail" */

#endif
