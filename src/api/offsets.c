/* SPDX-License-Identifier: MIT */
/* /queries/{query}/offsets: where a query is, or would go on; and another place for it, when it is stopped. */
#include "api/routes.h"
#include "kafka/source.h"

struct move {
    struct service_query *q;    /* busy meanwhile: it cannot start, nor go away */
    struct json_value    *body; /* NULL: only look */
};

static void write_position(struct json_writer *w, const char *topic, int64_t partition, int64_t offset)
{
    json_begin_object(w);
    json_member_string(w, "topic", topic);
    json_member_int(w, "partition", partition);
    json_member_int(w, "offset", offset);
    json_end_object(w);
}

static void answer_running(struct http_request *r, const struct service_query *q)
{
    struct json_writer w;
    struct buf         out;
    api__begin(&out, &w);
    json_begin_object(&w);
    json_key(&w, "offsets");
    json_begin_array(&w);
    for (int s = 0; q->status.plan && s < q->status.plan->n_sources; s++) {
        const struct kafka_source *source = query_source(q->query, s);
        for (int i = 0; source && i < kafka_source_n(source); i++)
            write_position(&w, kafka_source_at(source, i)->topic, kafka_source_at(source, i)->partition,
                           kafka_source_at(source, i)->next);
    }
    json_end_array(&w);
    json_end_object(&w);
    api__answer(r, 200, &out);
}

static enum err list_offsets(struct task *t, const struct plan *p, struct catalog *c)
{
    struct json_writer w;
    struct json_value *list = NULL;
    struct buf         text;
    buf_init(&text, TAG_WEB, ANSWER_MAX);
    enum err rc = query_positions(p, c, &text, &t->error);
    if (rc == OK)
        rc = json_doc_parse(buf_text(&text), text.size, &list, &t->error);
    json_writer_init(&w, &t->out);
    json_begin_object(&w);
    json_key(&w, "offsets");
    json_begin_array(&w);
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json_value *x = json_at(list, i);
        write_position(&w, json_get_string(x, "topic"), json_get_int(x, "partition", 0), json_get_int(x, "offset", 0));
    }
    json_end_array(&w);
    json_end_object(&w);
    json_doc_free(list);
    buf_fini(&text);
    return rc == ERR_NOT_FOUND ? OK : rc; /* it never ran: none */
}

static void run_move(struct task *t)
{
    struct move       *m = t->arg;
    const struct plan *p = &m->q->script->plans[0];
    struct catalog    *c;
    t->rc = query_host_catalog(supervisor_host(t->api->s), &c, &t->error);
    if (t->rc == OK && m->body)
        t->rc = query_move(p, c, json_get(m->body, "offsets"), &t->error);
    if (t->rc == OK)
        t->rc = list_offsets(t, p, c);
}

static void answer_move(struct task *t)
{
    struct move *m = t->arg;
    if (t->rc != OK)
        api__error(t->r, &t->error);
    else
        api__answer(t->r, 200, &t->out);
    service_query_release(m->q);
    json_doc_free(m->body);
    mem_free(m);
}

/* Takes the body. */
static void on_stopped_query(struct http_request *r, struct service_query *q, struct json_value *body)
{
    if (!q->script || q->script->n_plans == 0 || !service_query_hold(q)) {
        api__problem(r, 409, "wrong_state", "stop the query first", "the query is %s",
                     service_state_name(q->base.state));
        json_doc_free(body);
        return;
    }
    struct move *m = mem_zalloc(TAG_WEB, sizeof *m);
    CHECK(m);
    m->q = q;
    m->body = body;
    api__task(r, run_move, answer_move, m);
}

void api__offsets_get(struct http_request *r)
{
    struct service_query *q = api__query(r);
    if (q && q->query)
        answer_running(r, q);
    else if (q)
        on_stopped_query(r, q, NULL);
}

static bool are_offsets(const struct json_value *list)
{
    bool good = json_size(list) > 0;
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json_value *x = json_at(list, i);
        good = good && json_get_string(x, "topic") && json_is_int(json_get(x, "partition")) &&
               json_get_int(x, "offset", -1) >= 0;
    }
    return good;
}

void api__offsets_patch(struct http_request *r)
{
    struct service_query *q = api__query(r);
    struct json_value    *body = q ? api__body(r) : NULL;
    if (!body)
        return;
    if (are_offsets(json_get(body, "offsets"))) {
        on_stopped_query(r, q, body);
        return;
    }
    api__problem(r, 422, "invalid_field", NULL, "offsets is a list of {topic, partition, offset}");
    json_doc_free(body);
}
