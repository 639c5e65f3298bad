/* SPDX-License-Identifier: MIT */
#include "http/problem.h"

#include <stdio.h>

#include "json/write.h"

const char *http_status_title(int status)
{
    static const struct {
        int         status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "";
}

void http_problem_write(const struct http_problem *p, struct buf *out)
{
    struct json_writer w;
    char               type[80];
    snprintf(type, sizeof type, "/errors/%s", p->code);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, "type", type);
    json_member_string(&w, "title", http_status_title(p->status));
    json_member_int(&w, "status", p->status);
    if (p->detail)
        json_member_string(&w, "detail", p->detail);
    json_member_string(&w, "code", p->code);
    if (p->request_id)
        json_member_string(&w, "request_id", p->request_id);
    json_member_bool(&w, "retryable", p->retryable);
    if (p->hint)
        json_member_string(&w, "hint", p->hint);
    if (p->errors)
        json_member_raw(&w, "errors", p->errors);
    json_end_object(&w);
    buf_u8(out, '\n');
}
