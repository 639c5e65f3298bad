/* SPDX-License-Identifier: MIT */
/* client: see client.h. HTTP/1.0: the answer ends with the connection, so there are no chunks to take apart. */
#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX ((size_t)64 << 10)

struct place {
    char host[256], port[8];
};

static enum err parse_server(const char *server, struct place *out, struct error *e)
{
    const char *at = strncmp(server, "http://", 7) == 0 ? server + 7 : NULL;
    size_t      n = at ? strcspn(at, "/") : 0;
    const char *colon = at ? memrchr(at, ':', n) : NULL;
    size_t      host = colon && (at[0] != '[' || at[(colon - at) - 1] == ']') ? (size_t)(colon - at) : n;
    if (!at || host == 0 || host >= sizeof out->host || n - host > sizeof out->port)
        return err_set(e, ERR_INVALID, "\"%.200s\" is not the address of a service: http://host:port", server);
    bool brackets = at[0] == '[' && at[host - 1] == ']';
    snprintf(out->host, sizeof out->host, "%.*s", (int)(host - 2 * brackets), at + brackets);
    snprintf(out->port, sizeof out->port, "%.*s", n > host ? (int)(n - host - 1) : 2, n > host ? at + host + 1 : "80");
    return OK;
}

static enum err dial(const struct place *p, int *out, struct error *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int             rc = getaddrinfo(p->host, p->port, &hints, &found), fd = -1;
    if (rc != 0)
        return err_set(e, ERR_UNAVAILABLE, "%s: %s", p->host, gai_strerror(rc));
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            rc = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    *out = fd;
    return fd >= 0 ? OK
                   : err_set(e, ERR_UNAVAILABLE, "no service answers at %s:%s: %s", p->host, p->port, strerror(rc));
}

static enum err send_request(int fd, const struct client_call *c, const struct place *p, struct error *e)
{
    struct buf out;
    buf_init(&out, TAG_PROCESS, (size_t)1 << 20);
    buf_printf(&out, "%s %s HTTP/1.0\r\nHost: %s:%s\r\n", c->method, c->path, p->host, p->port);
    if (c->token)
        buf_printf(&out, "Authorization: Bearer %s\r\n", c->token);
    if (c->body)
        buf_printf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(c->body));
    buf_printf(&out, "\r\n%s", c->body ? c->body : "");
    enum err rc = buf_check(&out, "the request", e);
    for (size_t at = 0; rc == OK && at < out.size;) {
        ssize_t n = send(fd, out.data + at, out.size - at, MSG_NOSIGNAL);
        if (n < 0)
            rc = err_errno(e, errno, "send to the service");
        at += n > 0 ? (size_t)n : 0;
    }
    buf_fini(&out);
    return rc;
}

/* Reads until the end; the head first. */
static enum err read_answer(int fd, const struct client_call *c, int *status, struct buf *answer, struct error *e)
{
    uint8_t    bytes[16384];
    struct buf head;
    bool       in_body = false;
    enum err   rc = OK;
    ssize_t    n = 0;
    buf_init(&head, TAG_PROCESS, HEAD_MAX);
    *status = 0;
    while (rc == OK && (n = read(fd, bytes, sizeof bytes)) > 0) {
        const uint8_t *p = bytes;
        size_t         size = (size_t)n;
        if (!in_body) {
            buf_put(&head, bytes, size);
            const char *text = buf_text(&head), *end = strstr(text, "\r\n\r\n");
            rc = buf_check(&head, "the head of the answer", e);
            if (rc != OK || !end)
                continue;
            *status = strncmp(text, "HTTP/1.", 7) == 0 ? atoi(text + 9) : 0;
            in_body = true;
            p = head.data + (end + 4 - text);
            size = head.size - (size_t)(end + 4 - text);
        }
        if (c->take && *status < 300 && size)
            rc = c->take(c->arg, p, size, e);
        else
            buf_put(answer, p, size);
    }
    if (rc == OK && n < 0)
        rc = err_errno(e, errno, "read from the service");
    else if (rc == OK && *status == 0)
        rc = err_set(e, ERR_UNAVAILABLE, "what answers is not a service of millrace");
    buf_fini(&head);
    return rc == OK ? buf_check(answer, "the answer", e) : rc;
}

enum err client_run(const struct client_call *c, int *status, struct buf *answer, struct error *e)
{
    struct place p;
    int          fd;
    TRY(parse_server(c->server, &p, e));
    TRY(dial(&p, &fd, e));
    enum err rc = send_request(fd, c, &p, e);
    if (rc == OK)
        rc = read_answer(fd, c, status, answer, e);
    close(fd);
    return rc;
}
