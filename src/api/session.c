/* SPDX-License-Identifier: MIT */
/* /session: a browser trades a token for a cookie, since it cannot send a header with a WebSocket or a download. */
#include "api/routes.h"

void api__session_begin(struct http_request *r)
{
    struct json_writer w;
    struct buf         out;
    enum http_role     role;
    struct json_value *body = api__body(r);
    if (!body)
        return;
    if (!http_session_begin(r, json_get_string(body, "token"), &role)) {
        api__problem(r, 401, "auth_failed", "after five wrong tokens wait a minute",
                     "the token is not known, or has expired");
    } else {
        api__begin(&out, &w);
        json_begin_object(&w);
        json_member_string(&w, "role", role == HTTP_ADMIN ? "admin" : "viewer");
        json_end_object(&w);
        api__answer(r, 200, &out);
    }
    json_doc_free(body);
}

void api__session_end(struct http_request *r)
{
    http_session_end(r);
    http_reply(r, 204, NULL, NULL);
}
