/* SPDX-License-Identifier: MIT */
#include "net/websocket.h"

#include <sys/random.h>
#include <wslay/wslay.h>

#include "text/base64.h"
#include "text/digest.h"

struct ws_codec {
    wslay_event_context_ptr    context;
    const struct ws_codec_ops *ops;
    void                      *arg;
    struct view                in; /* during feed */
    struct buf                 out;
};

size_t ws_header(uint8_t out[WS_HEADER_MAX], enum ws_opcode op, size_t n)
{
    out[0] = (uint8_t)(0x80 | op);
    if (n < 126) {
        out[1] = (uint8_t)n;
        return 2;
    }
    int bytes = n <= 0xffff ? 2 : 8;
    out[1] = bytes == 2 ? 126 : 127;
    for (int i = 0; i < bytes; i++)
        out[2 + i] = (uint8_t)((uint64_t)n >> 8 * (bytes - 1 - i));
    return 2 + (size_t)bytes;
}

void ws_accept_key(const char *key, char out[29])
{
    uint8_t    hash[DIGEST_BYTES_MAX];
    struct buf text;
    buf_init(&text, TAG_WEB, 512);
    buf_puts(&text, key);
    buf_puts(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    digest_of(DIGEST_SHA1, text.data, text.size, hash);
    buf_clear(&text);
    base64_encode(hash, 20, &text);
    memcpy(out, buf_text(&text), text.size < 28 ? text.size : 28);
    out[text.size < 28 ? text.size : 28] = 0;
    buf_fini(&text);
}

bool ws_key_valid(const char *key)
{
    struct buf bytes;
    buf_init(&bytes, TAG_WEB, 64);
    bool ok = strlen(key) == 24 && base64_decode_padded(key, 24, &bytes) && bytes.size == 16;
    buf_fini(&bytes);
    return ok;
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *to, size_t n, int flags, void *arg)
{
    struct ws_codec *c = arg;
    (void)flags;
    if (c->in.size == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    n = n < c->in.size ? n : c->in.size;
    memcpy(to, view_take(&c->in, n), n);
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *bytes, size_t n, int flags, void *arg)
{
    struct ws_codec *c = arg;
    (void)flags;
    buf_put(&c->out, bytes, n);
    if (c->out.failed) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)n;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *to, size_t n, void *arg)
{
    (void)ctx;
    (void)arg;
    return getrandom(to, n, 0) == (ssize_t)n ? 0 : -1;
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
    struct ws_codec *c = arg;
    size_t           skip = m->opcode == WSLAY_CONNECTION_CLOSE && m->msg_length >= 2 ? 2 : 0; /* the code */
    (void)ctx;
    if (m->opcode == WSLAY_PING)
        return;
    c->ops->message(c->arg, (enum ws_opcode)m->opcode, m->status_code ? m->status_code : WSLAY_CODE_NO_STATUS_RCVD,
                    m->msg_length ? m->msg + skip : (const uint8_t *)"", m->msg_length - skip);
}

enum err ws_codec_new(bool client, size_t message_limit, const struct ws_codec_ops *ops, void *arg,
                      struct ws_codec **out, struct error *e)
{
    const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message,
    };
    struct ws_codec *c = mem_zalloc(TAG_WEB, sizeof *c);
    if (!c)
        return err_set(e, ERR_NO_MEMORY, "WebSocket codec");
    c->ops = ops;
    c->arg = arg;
    int rc = client ? wslay_event_context_client_init(&c->context, &callbacks, c)
                    : wslay_event_context_server_init(&c->context, &callbacks, c);
    if (rc != 0) {
        mem_free(c);
        return err_set(e, ERR_NO_MEMORY, "WebSocket codec");
    }
    wslay_event_config_set_max_recv_msg_length(c->context, message_limit);
    buf_init(&c->out, TAG_WEB, message_limit + (64u << 10));
    *out = c;
    return OK;
}

void ws_codec_free(struct ws_codec *c)
{
    if (!c)
        return;
    wslay_event_context_free(c->context);
    buf_fini(&c->out);
    mem_free(c);
}

/* Hands out what wslay wants to send, so that nothing waits inside it. */
static bool flush(struct ws_codec *c)
{
    bool ok = true;
    while (ok && wslay_event_want_write(c->context))
        ok = wslay_event_send(c->context) == 0;
    if (c->out.size > 0)
        c->ops->output(c->arg, c->out.data, c->out.size);
    buf_fini(&c->out); /* most sessions send nothing this way: hold nothing */
    return ok;
}

bool ws_codec_feed(struct ws_codec *c, const uint8_t *bytes, size_t n)
{
    c->in = (struct view){.data = bytes, .size = n};
    bool ok = wslay_event_recv(c->context) == 0;
    ok = flush(c) && ok;
    return ok && wslay_event_get_read_enabled(c->context);
}

enum err ws_codec_send(struct ws_codec *c, enum ws_opcode op, const void *bytes, size_t n, struct error *e)
{
    struct wslay_event_msg m = {.opcode = (uint8_t)op, .msg = bytes, .msg_length = n};
    int                    rc = wslay_event_queue_msg(c->context, &m);
    if (rc == WSLAY_ERR_NOMEM || (rc == 0 && !flush(c)))
        return err_set(e, ERR_NO_MEMORY, "WebSocket message of %zu bytes", n);
    return rc == 0 ? OK : err_set(e, ERR_INVALID, "WebSocket is closing");
}

void ws_codec_close(struct ws_codec *c, int code, const char *reason)
{
    size_t n = strlen(reason);
    if (wslay_event_queue_close(c->context, (uint16_t)code, (const uint8_t *)reason, n < 123 ? n : 122) == 0)
        flush(c);
}
