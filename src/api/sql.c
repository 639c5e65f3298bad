/* SPDX-License-Identifier: MIT */
/* /sql: is a text right, what does it mean, what would come out. */
#include <ctype.h>

#include "api/routes.h"

/* ---- diagnostics ---- */

/* E_UNKNOWN_COLUMN is unknown_column. */
static void put_code(const char *code, struct json_writer *w)
{
    char   text[64];
    size_t n = 0;
    for (code += strncmp(code, "E_", 2) == 0 || strncmp(code, "W_", 2) == 0 ? 2 : 0; *code && n < sizeof text - 1;)
        text[n++] = (char)tolower((unsigned char)*code++);
    text[n] = 0;
    json_member_string(w, "code", text);
}

void api__write_diags(const struct script *s, struct json_writer *w)
{
    static const char *const levels[] = {"error", "warning", "note"};
    struct buf               copy;
    buf_init(&copy, TAG_WEB, SCRIPT_BYTES_MAX * 4);
    buf_put(&copy, s->text.data, s->text.size);
    json_begin_array(w);
    for (int i = 0; i < s->diags.n; i++) {
        const struct diag *d = &s->diags.items[i];
        int                line, column;
        place_line_column(buf_text(&copy), d->place.at, &line, &column);
        json_begin_object(w);
        json_member_string(w, "severity", levels[d->level]);
        put_code(d->code, w);
        json_key(w, "message");
        api__put_text(w, d->text, strlen(d->text));
        json_key(w, "hint");
        if (d->hint)
            api__put_text(w, d->hint, strlen(d->hint));
        else
            json_put_null(w);
        json_member_int(w, "line", line);
        json_member_int(w, "column", column);
        json_member_int(w, "offset", d->place.at);
        json_member_int(w, "length", d->place.length);
        json_end_object(w);
    }
    json_end_array(w);
    buf_fini(&copy);
}

/* ---- binding on another thread ---- */

struct sql_ask {
    char              *spec;
    struct json_value *doc;
    bool               text;
};

static struct sql_params params_of(const struct json_value *doc, const char **names, const char **values, int most)
{
    struct sql_params        p = {.names = names, .values = values};
    const struct json_value *v;
    void                    *iterator = NULL;
    const char              *key;
    while (p.n < most && json_is_object(json_get(doc, "params")) &&
           (v = json_next(json_get(doc, "params"), &key, &iterator)))
        if (json_as_string(v)) {
            names[p.n] = key;
            values[p.n++] = json_as_string(v);
        }
    return p;
}

static void bind_sql(struct task *t, struct script *s)
{
    struct sql_ask   *ask = t->arg;
    const char       *names[64], *values[64];
    struct sql_params params = params_of(ask->doc, names, values, 64);
    (void)script_bind(s, json_get_string(ask->doc, "sql"), ".", supervisor_warehouse(t->api->s), &params);
}

static void answer_ask(struct task *t)
{
    struct sql_ask *ask = t->arg;
    if (t->rc != OK)
        api__error(t->r, &t->error);
    else if (ask->text) {
        http_reply(t->r, 200, "text/plain; charset=utf-8", &t->out);
    } else {
        api__answer(t->r, 200, &t->out);
    }
    json_doc_free(ask->doc);
    mem_free(ask);
}

static void ask_sql(struct http_request *r, void (*run)(struct task *), void (*answer)(struct task *))
{
    struct json_value *body = api__body(r);
    if (!body)
        return;
    struct sql_ask *ask = mem_zalloc(TAG_WEB, sizeof *ask);
    CHECK(ask);
    ask->doc = body;
    ask->text = api__query_is(r, "format", "text");
    api__task(r, run, answer, ask);
}

static void write_watermark(const struct plan *p, struct json_writer *w)
{
    json_key(w, "watermark");
    if (p->n_clauses == 0) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_string(w, "column", p->clauses[0].column);
    json_member_int(w, "delay_ms", p->clauses[0].delay_ms);
    json_end_object(w);
}

static void run_validate(struct task *t)
{
    struct script      s;
    struct json_writer w;
    bind_sql(t, &s);
    json_writer_init(&w, &t->out);
    json_begin_object(&w);
    json_member_bool(&w, "valid", s.diags.n_errors == 0);
    json_key(&w, "errors");
    api__write_diags(&s, &w);
    json_key(&w, "tables");
    json_begin_array(&w);
    for (int i = 0; s.diags.n_errors == 0 && i < s.n_plans; i++) {
        json_begin_object(&w);
        json_member_string(&w, "name", s.plans[i].name);
        api__write_columns(s.plans[i].schema, &w);
        write_watermark(&s.plans[i], &w);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    script_free(&s);
}

void api__sql_validate(struct http_request *r) { ask_sql(r, run_validate, answer_ask); }

/* ---- explain ---- */

static void run_explain(struct task *t)
{
    struct sql_ask *ask = t->arg;
    struct script  *s = arena_zalloc(&t->arena, sizeof *s);
    CHECK(s);
    bind_sql(t, s);
    if (s->diags.n_errors) {
        t->rc = err_set(&t->error, ERR_INVALID, "%s", s->diags.n ? s->diags.items[0].text : "the SQL is wrong");
    } else if (s->n_plans == 0) {
        t->rc = err_set(&t->error, ERR_INVALID, "the text creates no streaming table");
    } else if (ask->text) {
        for (int i = 0; i < s->n_plans; i++)
            plan_explain_text(&s->plans[i], &t->out);
    } else {
        for (int i = 0; i < s->n_plans; i++) {
            buf_puts(&t->out, i ? "," : s->n_plans > 1 ? "[" : "");
            plan_explain_json(&s->plans[i], &t->out);
        }
        buf_puts(&t->out, s->n_plans > 1 ? "]" : "");
    }
    script_free(s);
}

void api__sql_explain(struct http_request *r) { ask_sql(r, run_explain, answer_ask); }
