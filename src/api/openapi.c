/* SPDX-License-Identifier: MIT */
/* /openapi.json, /docs and /errors: made of the route table, so that they say what is served. */
#include <stdio.h>

#include "api/routes.h"

static const char *const json_types[] = {"string", "number", "integer", "boolean", "object", "array"};

/* ---- OpenAPI 3.1 ---- */

static void write_schema(const struct api_field *f, struct json_writer *w)
{
    json_begin_object(w);
    json_member_string(w, "type", json_types[f->type]);
    if (f->type == FIELD_LIST) {
        json_key(w, "items");
        json_begin_object(w);
        json_end_object(w);
    }
    if (f->about[0])
        json_member_string(w, "description", f->about);
    json_end_object(w);
}

static void write_body(const struct about *a, struct json_writer *w)
{
    bool required = false;
    json_key(w, "requestBody");
    json_begin_object(w);
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, "application/json");
    json_begin_object(w);
    json_key(w, "schema");
    json_begin_object(w);
    json_member_string(w, "type", "object");
    json_member_bool(w, "additionalProperties", false);
    json_key(w, "properties");
    json_begin_object(w);
    for (int i = 0; i < a->n_body; i++) {
        json_key(w, a->body[i].name);
        write_schema(&a->body[i], w);
        required = required || a->body[i].required;
    }
    json_end_object(w);
    if (required) {
        json_key(w, "required");
        json_begin_array(w);
        for (int i = 0; i < a->n_body; i++)
            if (a->body[i].required)
                json_put_string(w, a->body[i].name);
        json_end_array(w);
    }
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
    json_member_bool(w, "required", required);
    json_end_object(w);
}

static void write_parameter(const char *name, const char *in, const struct api_field *f, struct json_writer *w)
{
    static const struct api_field text = {"", FIELD_TEXT, true, ""};
    json_begin_object(w);
    json_member_string(w, "name", name);
    json_member_string(w, "in", in);
    json_member_bool(w, "required", f == NULL);
    json_key(w, "schema");
    write_schema(f ? f : &text, w);
    json_end_object(w);
}

static void write_parameters(const struct http_route *r, const struct about *a, struct json_writer *w)
{
    json_key(w, "parameters");
    json_begin_array(w);
    for (const char *at = r->pattern; (at = strchr(at, '{')); at++) {
        char name[40];
        snprintf(name, sizeof name, "%.*s", (int)(strchr(at, '}') - at - 1), at + 1);
        write_parameter(name, "path", NULL, w);
    }
    for (int i = 0; i < a->n_query; i++)
        write_parameter(a->query[i].name, "query", &a->query[i], w);
    json_end_array(w);
}

static void write_operation(const struct http_route *r, struct json_writer *w)
{
    static const char *const roles[] = {"anyone", "viewer", "admin"};
    const struct about      *a = r->about;
    char                     method[8], status[8];
    for (size_t i = 0; i < sizeof method; i++)
        method[i] = i <= strlen(r->method) ? (char)(r->method[i] | (r->method[i] ? 0x20 : 0)) : 0;
    json_key(w, method);
    json_begin_object(w);
    json_member_string(w, "summary", a->summary);
    json_member_string(w, "x-role", roles[r->role]);
    write_parameters(r, a, w);
    if (a->n_body)
        write_body(a, w);
    json_key(w, "responses");
    json_begin_object(w);
    snprintf(status, sizeof status, "%d", a->status);
    json_key(w, status);
    json_begin_object(w);
    json_member_string(w, "description", a->answer);
    json_end_object(w);
    json_key(w, "default");
    json_begin_object(w);
    json_member_string(w, "description", "application/problem+json");
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
}

void api__openapi(struct http_request *r)
{
    int                      n;
    const struct http_route *routes = api_routes(&n);
    struct json_writer       w;
    struct buf               out;
    api__begin(&out, &w);
    json_begin_object(&w);
    json_member_string(&w, "openapi", "3.1.0");
    json_key(&w, "info");
    json_begin_object(&w);
    json_member_string(&w, "title", "millrace");
    json_member_string(&w, "version", api__of(r)->spec.version);
    json_end_object(&w);
    json_key(&w, "paths");
    json_begin_object(&w);
    for (int i = 0; i < n; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++)
            seen = seen || strcmp(routes[k].pattern, routes[i].pattern) == 0;
        if (seen)
            continue;
        json_key(&w, routes[i].pattern);
        json_begin_object(&w);
        for (int k = i; k < n; k++)
            if (strcmp(routes[k].pattern, routes[i].pattern) == 0)
                write_operation(&routes[k], &w);
        json_end_object(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    api__answer(r, 200, &out);
}

/* ---- pages for people ---- */

static void put_html(struct buf *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        case '&':
            buf_puts(out, "&amp;");
            break;
        default:
            buf_u8(out, (uint8_t)*text);
        }
}

static void page_begin(struct buf *out, const char *title)
{
    buf_init(out, TAG_WEB, ANSWER_MAX);
    buf_printf(out,
               "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>"
               "<meta name=\"viewport\" content=\"width=device-width\">"
               "<link rel=\"stylesheet\" href=\"/css/app.css\"></head><body><main><h1>%s</h1>",
               title, title);
}

static void page_end(struct http_request *r, struct buf *out)
{
    buf_puts(out, "</main></body></html>\n");
    http_reply(r, 200, "text/html; charset=utf-8", out);
    buf_fini(out);
}

static void put_fields(struct buf *out, const struct api_field *fields, int n)
{
    for (int i = 0; i < n; i++) {
        buf_printf(out, "%s<code>%s</code>", i ? ", " : "", fields[i].name);
        if (fields[i].about[0]) {
            buf_puts(out, " ");
            put_html(out, fields[i].about);
        }
    }
}

void api__docs(struct http_request *r)
{
    int                      n;
    const struct http_route *routes = api_routes(&n);
    struct buf               out;
    page_begin(&out, "millrace: REST");
    buf_puts(&out, "<p>The same table for machines: <a href=\"/openapi.json\">/openapi.json</a>.</p><table><thead><tr>"
                   "<th>Method</th><th>Path</th><th>What</th><th>Body</th><th>Query</th><th>Answer</th></tr></thead>"
                   "<tbody>");
    for (int i = 0; i < n; i++) {
        const struct about *a = routes[i].about;
        buf_printf(&out, "<tr><td>%s</td><td><code>%s</code></td><td>", routes[i].method, routes[i].pattern);
        put_html(&out, a->summary);
        buf_puts(&out, "</td><td>");
        put_fields(&out, a->body, a->n_body);
        buf_puts(&out, "</td><td>");
        put_fields(&out, a->query, a->n_query);
        buf_printf(&out, "</td><td>%d ", a->status);
        put_html(&out, a->answer);
        buf_puts(&out, "</td></tr>");
    }
    buf_puts(&out, "</tbody></table>");
    page_end(r, &out);
}

static const struct {
    const char *code, *what;
} codes[] = {
    {"invalid_json", "The body is not JSON, or not an object."},
    {"unknown_field", "The body has a field that does not exist; the hint names the nearest."},
    {"missing_field", "A field that is needed is not there."},
    {"invalid_field", "A field has a value it cannot have."},
    {"invalid_parameter", "Something behind the ? has a value it cannot have."},
    {"missing_parameter", "Something behind the ? is needed."},
    {"invalid", "What was asked for cannot be; the detail says why."},
    {"sql_syntax", "The SQL cannot be read; errors[] has the place."},
    {"sql_semantic", "The SQL can be read and means nothing; errors[] has the place."},
    {"unsupported_feature", "Valid elsewhere, not here."},
    {"not_found", "There is nothing of that name."},
    {"name_taken", "There is something of that name already."},
    {"table_taken", "Another query writes this table, or into it."},
    {"wrong_state", "It cannot be done in the state it is in."},
    {"etag_mismatch", "It was changed meanwhile: read it again, then write."},
    {"incompatible_state", "The state of the query cannot follow the change; a reset gives it up."},
    {"limit_reached", "A ceiling was reached."},
    {"source_unreachable", "The cluster does not answer."},
    {"storage_unavailable", "The disk is full, or away."},
    {"forbidden", "Not allowed for this role."},
    {"auth_failed", "A token is needed, or the one given is not good."},
    {"malformed_request", "It is not the HTTP that this server reads."},
    {"method_not_allowed", "The path does not take this method."},
    {"uri_too_long", "The path and what is behind the ? are too long."},
    {"head_too_large", "The header fields are too large: cookies of another program on this host, perhaps."},
    {"upgrade_required", "This path speaks WebSocket."},
    {"overloaded", "Too many connections are open."},
    {"out_of_memory", "There is no memory for it."},
    {"host_not_allowed", "This host is not one we may be called by, or connect to."},
    {"origin_rejected", "A page of another origin may not call us."},
    {"payload_too_large", "The body is larger than this route takes."},
    {"too_many_streams", "Too many streams are open."},
    {"rate_limited", "Too many requests."},
    {"corrupt", "A stored file cannot be trusted."},
    {"bad_data", "A record cannot be processed."},
    {"data_loss", "Records or files that are needed are gone."},
    {"shutting_down", "The service is stopping."},
    {"internal", "A mistake of ours, or out of memory."},
};

void api__error_page(struct http_request *r)
{
    const char *code = http_param(r, "code");
    struct buf  out;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(codes[i].code, code) == 0) {
            page_begin(&out, codes[i].code);
            buf_printf(&out, "<p>%s</p>", codes[i].what);
            page_end(r, &out);
            return;
        }
    api__problem(r, 404, "not_found", NULL, "there is no error code %.60s", code);
}
