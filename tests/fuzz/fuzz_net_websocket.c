/* SPDX-License-Identifier: MIT */
/* Any bytes, in pieces of any size, are messages or a close: no crash, no message over the limit, and text is UTF-8. */
#include "net/websocket.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 2000

static void on_message(void *arg, enum ws_opcode op, int code, const uint8_t *bytes, size_t n)
{
    (void)arg;
    CHECK(n <= LIMIT || op == WS_OP_CLOSE);
    CHECK(op != WS_OP_TEXT || utf8_is_valid(bytes, n));
    CHECK(op != WS_OP_CLOSE || (code >= 1000 && code <= 4999));
}

static void on_output(void *arg, const uint8_t *bytes, size_t n)
{
    size_t *sent = arg;
    CHECK(n >= 2 && (bytes[0] & 0x80));
    *sent += n;
}

static void run(bool client, const uint8_t *data, size_t size, size_t step)
{
    static const struct ws_codec_ops ops = {on_message, on_output};
    struct ws_codec                 *c;
    size_t                           sent = 0;
    bool                             more = true;
    if (ws_codec_new(client, LIMIT, &ops, &sent, &c, NULL) != OK)
        return;
    for (size_t at = 0; at < size && more; at += step)
        more = ws_codec_feed(c, data + at, size - at < step ? size - at : step);
    CHECK(sent <= 8 * size + 200); /* a stranger's bytes do not multiply */
    ws_codec_close(c, 1000, "");
    ws_codec_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    run(false, data, size, 1 + data[0] % 64);
    run(true, data, size, size);
    return 0;
}
