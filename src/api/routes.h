/* SPDX-License-Identifier: MIT */
/* api/routes: the handlers of the table in routes.c, by the file they are in; and what those files share. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/api_priv.h"

typedef void handler(struct http_request *r);

/* queries.c */
handler api__queries_list, api__queries_post, api__query_get, api__query_put, api__query_patch, api__query_delete,
    api__query_start, api__query_stop, api__query_restart;
void        api__write_object_state(const struct service_object *o, struct json_writer *w);
void        api__write_query_members(const struct service_query *q, struct json_writer *w);
void        api__sql_problem(struct http_request *r, const struct script *script);
const char *api__table_name(const char *location);
/* status.c */
handler api__query_status, api__queries_status, api__query_progress, api__query_metrics, api__query_commits,
    api__query_errors, api__query_results, api__query_plan;
/* wait.c: answers later */
handler api__query_wait;
/* Answers at once when ?wait is absent or its state is reached. */
void api__wait_for_state(struct http_request *r, struct service_object *o,
                         void (*answer)(struct http_request *r, struct service_object *o, bool reached));
void api__wait_tick(struct api *a, bool end); /* end: answer everybody */
/* stream.c */
handler api__query_stream, api__events;
void    api__stream_tick(struct api *a, bool end);
/* offsets.c */
handler api__offsets_get, api__offsets_patch;
/* sql.c */
handler api__sql_validate, api__sql_explain;
/* preview.c */
handler api__sql_preview;
void    api__preview_tick(struct api *a, bool end);
/* sources.c */
handler api__sources, api__source_get, api__source_partitions, api__source_test, api__topics, api__topic_sample;
/* producers.c */
handler api__producers_list, api__producers_post, api__producer_get, api__producer_put, api__producer_patch,
    api__producer_delete, api__producer_start, api__producer_stop;
/* tables.c */
void    api__tables_free(struct api *a);
handler api__tables, api__table_get, api__table_schema, api__table_history, api__table_files, api__table_rows,
    api__table_dump;
/* session.c */
handler api__session_begin, api__session_end;
/* info.c */
handler api__info, api__config, api__diagnostics, api__livez, api__readyz, api__healthz;
int64_t api__rss_bytes(void); /* of this process */
int64_t api__threads(void);
/* metrics.c */
handler api__metrics;
/* live.c */
handler api__websocket;
/* openapi.c */
handler api__openapi, api__docs, api__error_page;

#endif
