/* SPDX-License-Identifier: MIT */
/*
 * http/problem: application/problem+json (RFC 9457), the one shape of every refusal, ours and the API's. Pure.
 *
 *   {"type":"/errors/not_found","title":"Not Found","status":404,"detail":"no query clikcs","code":"not_found",
 *    "request_id":"5f0c-12","retryable":false,"hint":"did you mean clicks?"}
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/buf.h"

struct http_problem {
    int         status;
    const char *code;       /* stable, snake_case: "not_found" */
    const char *detail;     /* one sentence, or NULL */
    const char *hint;       /* what to do, or NULL */
    const char *errors;     /* a JSON array for the member "errors", or NULL */
    const char *request_id; /* or NULL */
    bool        retryable;
};

#define HTTP_PROBLEM_TYPE "application/problem+json"

void        http_problem_write(const struct http_problem *p, struct buf *out);
const char *http_status_title(int status); /* "Not Found"; "" unknown */

#endif
