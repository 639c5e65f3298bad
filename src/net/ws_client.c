/* SPDX-License-Identifier: MIT */
#include "net/ws_client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

#include "base/clock.h"
#include "net/net_priv.h"
#include "net/websocket.h"
#include "text/base64.h"

#define HEAD_MAX 16384
#define READ_BYTES 16384
#define SEND_MS 10000

struct ws_client {
    CURL            *curl;
    curl_socket_t    fd;
    struct ws_codec *codec;
    char             url[FETCH_URL_MAX + 1];
    bool (*idle)(void *arg);
    void      *idle_arg;
    bool       closed;
    struct buf rest; /* what came with the answer to the handshake */
    int64_t    heard_us;
    int        code; /* of their close; 0 none */
    char       reason[126];
    /* during receive */
    enum err (*take)(void *arg, const char *text, size_t n, struct error *e);
    void         *arg;
    struct error *e;
    enum err      rc;
};

/* ---- bytes ---- */

static enum err gone(struct ws_client *c, const char *why, struct error *e)
{
    c->closed = true;
    if (c->code)
        err_set(e, ERR_UNAVAILABLE, "%s: closed with %d %s", c->url, c->code, c->reason);
    else
        err_set(e, ERR_UNAVAILABLE, "%s: %s", c->url, why);
    if (e)
        e->retry = true;
    return ERR_UNAVAILABLE;
}

/* True when the socket is ready; false when the time is over or somebody wants to stop. */
static bool wait_for(struct ws_client *c, short events, int timeout_ms)
{
    int64_t until = clock_mono_us() + (int64_t)timeout_ms * 1000;
    do {
        int64_t       left = (until - clock_mono_us()) / 1000;
        struct pollfd p = {.fd = c->fd, .events = events};
        if (poll(&p, 1, left > NET_IDLE_MS ? NET_IDLE_MS : left > 0 ? (int)left : 0) > 0)
            return true;
    } while (clock_mono_us() < until && (!c->idle || c->idle(c->idle_arg)));
    return false;
}

static enum err send_all(struct ws_client *c, const uint8_t *bytes, size_t n, struct error *e)
{
    while (n > 0) {
        size_t   sent = 0;
        CURLcode code = curl_easy_send(c->curl, bytes, n, &sent);
        bytes += sent;
        n -= sent;
        if (code == CURLE_AGAIN && !wait_for(c, POLLOUT, SEND_MS))
            return gone(c, "it takes nothing", e);
        if (code != CURLE_OK && code != CURLE_AGAIN)
            return gone(c, curl_easy_strerror(code), e);
    }
    return OK;
}

/* ---- the codec's side ---- */

static void on_message(void *arg, enum ws_opcode op, int code, const uint8_t *bytes, size_t n)
{
    struct ws_client *c = arg;
    if (op == WS_OP_CLOSE) {
        c->code = code;
        snprintf(c->reason, sizeof c->reason, "%.*s", (int)n, (const char *)bytes);
    } else if ((op == WS_OP_TEXT || op == WS_OP_BINARY) && c->take && c->rc == OK) {
        c->rc = c->take(c->arg, (const char *)bytes, n, c->e);
    }
}

static void on_output(void *arg, const uint8_t *bytes, size_t n)
{
    struct ws_client *c = arg;
    enum err          rc = c->closed ? OK : send_all(c, bytes, n, c->e);
    if (c->rc == OK)
        c->rc = rc;
}

static const struct ws_codec_ops codec_ops = {on_message, on_output};

/* ---- the handshake ---- */

static enum err read_head(struct ws_client *c, char head[HEAD_MAX], size_t *rest_at, size_t *size, struct error *e)
{
    size_t n = 0;
    for (;;) {
        size_t   got = 0;
        CURLcode code = curl_easy_recv(c->curl, head + n, HEAD_MAX - 1 - n, &got);
        if (code == CURLE_AGAIN && !wait_for(c, POLLIN, SEND_MS))
            return gone(c, "no answer to the handshake", e);
        if ((code != CURLE_OK && code != CURLE_AGAIN) || (code == CURLE_OK && got == 0))
            return gone(c, "no answer to the handshake", e);
        n += got;
        head[n] = 0;
        char *end = strstr(head, "\r\n\r\n");
        if (end) {
            *rest_at = (size_t)(end + 4 - head);
            *size = n;
            return OK;
        }
        if (n == HEAD_MAX - 1)
            return err_set(e, ERR_LIMIT, "%s: the head of the answer is larger than %d bytes", c->url, HEAD_MAX);
    }
}

static bool has_field(const char *head, const char *name, const char *value)
{
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        size_t n = strlen(name);
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *at = line + 3 + n + strspn(line + 3 + n, " \t");
            return strncasecmp(at, value, strlen(value)) == 0;
        }
    }
    return false;
}

static enum err ask(struct ws_client *c, const struct fetch_spec *s, const char *key, struct error *e)
{
    char      *host = NULL, *path = NULL, *query = NULL, *port = NULL;
    CURLU     *u = curl_url();
    struct buf head;
    enum err   rc = OK;
    buf_init(&head, TAG_WEB, HEAD_MAX);
    if (!u || curl_url_set(u, CURLUPART_URL, c->url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        rc = err_set(e, ERR_INVALID, "%s: not an address", c->url);
    if (rc == OK) {
        curl_url_get(u, CURLUPART_QUERY, &query, 0);
        curl_url_get(u, CURLUPART_PORT, &port, 0);
        buf_printf(&head, "GET %s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", path, query ? "?" : "", query ? query : "", host,
                   port ? ":" : "", port ? port : "");
        buf_printf(&head, "User-Agent: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
                   s->user_agent ? s->user_agent : "millrace");
        buf_printf(&head, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", key);
        for (int i = 0; i < FETCH_FIELDS_MAX && s->fields[i]; i++)
            buf_printf(&head, "%s\r\n", s->fields[i]);
        buf_puts(&head, "\r\n");
        rc = buf_check(&head, "the handshake", e);
    }
    if (rc == OK)
        rc = send_all(c, head.data, head.size, e);
    curl_free(host);
    curl_free(path);
    curl_free(query);
    curl_free(port);
    curl_url_cleanup(u);
    buf_fini(&head);
    return rc;
}

static enum err shake_hands(struct ws_client *c, const struct fetch_spec *s, struct fetch_reply *reply, struct error *e)
{
    uint8_t    random[16];
    char       head[HEAD_MAX], accept[29];
    size_t     rest_at = 0, size = 0;
    struct buf key;
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return err_set(e, ERR_IO, "random numbers");
    buf_init(&key, TAG_WEB, 64);
    base64_encode(random, sizeof random, &key);
    ws_accept_key(buf_text(&key), accept);
    enum err rc = ask(c, s, buf_text(&key), e);
    buf_fini(&key);
    if (rc == OK)
        rc = read_head(c, head, &rest_at, &size, e);
    if (rc != OK)
        return rc;
    reply->status = strncmp(head, "HTTP/1.1 ", 9) == 0 ? atoi(head + 9) : 0;
    if (reply->status != 101) {
        rc = fetch_status(reply, c->url, e);
        return rc != OK ? rc : err_set(e, ERR_INVALID, "%s: status %d to a WebSocket handshake", c->url, reply->status);
    }
    if (!has_field(head, "Upgrade", "websocket") || !has_field(head, "Sec-WebSocket-Accept", accept))
        return err_set(e, ERR_INVALID, "%s: the answer to the handshake is wrong", c->url);
    TRY(ws_codec_new(true, s->limit_bytes ? s->limit_bytes : (size_t)1 << 20, &codec_ops, c, &c->codec, e));
    c->heard_us = clock_mono_us();
    buf_put(&c->rest, head + rest_at, size - rest_at);
    return buf_check(&c->rest, "the handshake", e);
}

enum err ws_client_open(const struct fetch_spec *s, struct ws_client **out, struct fetch_reply *reply, struct error *e)
{
    struct fetch_spec over_http = *s;
    struct ws_client *c = mem_zalloc(TAG_WEB, sizeof *c);
    bool              secure = strncasecmp(s->url, "wss://", 6) == 0;
    CURLcode          code = CURLE_OK;
    enum err          rc = OK;
    *reply = (struct fetch_reply){.retry_after_ms = -1, .max_age_ms = -1};
    if (!c)
        return err_set(e, ERR_NO_MEMORY, "%s: WebSocket client", s->url);
    buf_init(&c->rest, TAG_WEB, HEAD_MAX);
    c->idle = s->idle;
    c->idle_arg = s->idle_arg;
    if ((!secure && strncasecmp(s->url, "ws://", 5) != 0) || strlen(s->url) >= FETCH_URL_MAX)
        rc = err_set(e, ERR_INVALID, "%s: the address must begin with ws:// or wss://", s->url);
    if (rc == OK) {
        snprintf(c->url, sizeof c->url, "http%s%s", secure ? "s" : "", strstr(s->url, "://"));
        over_http.url = c->url;
        rc = net__easy(&over_http, &c->curl, e);
    }
    if (rc == OK) {
        curl_easy_setopt(c->curl, CURLOPT_CONNECT_ONLY, 1L);
        code = curl_easy_perform(c->curl);
        if (code == CURLE_OK)
            code = curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &c->fd);
        if (code != CURLE_OK)
            rc = net__failed(code, s->url, e);
    }
    if (rc == OK)
        rc = shake_hands(c, s, reply, e);
    if (rc != OK) {
        c->closed = true;
        ws_client_free(c);
        return rc;
    }
    *out = c;
    return OK;
}

void ws_client_free(struct ws_client *c)
{
    if (!c)
        return;
    if (c->codec && !c->closed)
        ws_codec_close(c->codec, 1000, "");
    ws_codec_free(c->codec);
    if (c->curl)
        curl_easy_cleanup(c->curl);
    buf_fini(&c->rest);
    mem_free(c);
}

int64_t ws_client_heard_us(const struct ws_client *c) { return c->heard_us; }

/* ---- talking ---- */

static enum err send_frame(struct ws_client *c, enum ws_opcode op, const char *text, struct error *e)
{
    if (c->closed)
        return gone(c, "closed", e);
    c->e = e;
    c->rc = OK;
    enum err rc = ws_codec_send(c->codec, op, text, strlen(text), e);
    return rc == OK ? c->rc : rc;
}

enum err ws_client_send(struct ws_client *c, const char *text, struct error *e)
{
    return send_frame(c, WS_OP_TEXT, text, e);
}

enum err ws_client_ping(struct ws_client *c, struct error *e) { return send_frame(c, WS_OP_PING, "", e); }

static enum err feed(struct ws_client *c, const uint8_t *bytes, size_t n)
{
    bool more = ws_codec_feed(c->codec, bytes, n);
    if (c->rc == OK && !more)
        c->rc = gone(c, "it broke the protocol", c->e);
    return c->rc;
}

enum err ws_client_receive(struct ws_client *c, int                                                        timeout_ms,
                           enum err (*take)(void *arg, const char *text, size_t n, struct error *e), void *arg,
                           struct error *e)
{
    uint8_t bytes[READ_BYTES];
    size_t  got = 0;
    bool    waited = c->rest.size > 0;
    if (c->closed)
        return gone(c, "closed", e);
    c->take = take;
    c->arg = arg;
    c->e = e;
    c->rc = OK;
    if (c->rest.size > 0)
        TRY(feed(c, c->rest.data, c->rest.size));
    buf_clear(&c->rest);
    for (;;) {
        CURLcode code = curl_easy_recv(c->curl, bytes, sizeof bytes, &got);
        if (code == CURLE_AGAIN) {
            if (waited || !wait_for(c, POLLIN, timeout_ms))
                return OK;
            waited = true;
        } else if (code != CURLE_OK || got == 0) {
            return gone(c, got == 0 && code == CURLE_OK ? "the connection ended" : curl_easy_strerror(code), e);
        } else {
            c->heard_us = clock_mono_us();
            TRY(feed(c, bytes, got));
            waited = true;
        }
    }
}
