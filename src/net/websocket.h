/* SPDX-License-Identifier: MIT */
/*
 * net/websocket: RFC 6455 framing for servers and clients: bytes in, messages out, and the reverse. No sockets here.
 *
 * Reading is wslay's: masks, fragments, control frames, UTF-8, the close handshake. A ping is answered and a close is
 * echoed by the codec itself. No extensions are spoken. One thread per codec.
 */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include "base/buf.h"

enum ws_opcode { WS_OP_TEXT = 1, WS_OP_BINARY = 2, WS_OP_CLOSE = 8, WS_OP_PING = 9, WS_OP_PONG = 10 };

#define WS_HEADER_MAX 10
#define WS_CONTROL_MAX 125

/* The header of an unmasked, unfragmented frame of n payload bytes (what a server sends). Returns its size. */
size_t ws_header(uint8_t out[WS_HEADER_MAX], enum ws_opcode op, size_t n);

/* The answer to a Sec-WebSocket-Key, RFC 6455 4.2.2: 28 letters and a NUL. */
void ws_accept_key(const char *key, char out[29]);
/* A key is base64 of 16 bytes. */
bool ws_key_valid(const char *key);

struct ws_codec;

/* static const; called from within feed and send. */
struct ws_codec_ops {
    /* A whole message, or PONG, or CLOSE (code: as received, 1005 when it had none; bytes: its reason). */
    void (*message)(void *arg, enum ws_opcode op, int code, const uint8_t *bytes, size_t n);
    /* Bytes to send, frame by frame: pongs, close frames, what ws_codec_send makes. */
    void (*output)(void *arg, const uint8_t *bytes, size_t n);
};

MUST_CHECK enum err ws_codec_new(bool client, size_t message_limit, const struct ws_codec_ops *ops, void *arg,
                                 struct ws_codec **out, struct error *e);
void                ws_codec_free(struct ws_codec *c);

/* Takes bytes as they come. False when no more can be read: a close came, or the peer broke the protocol (a close frame
 * went to output: 1002, 1007, 1009, or without a code when a frame's header is wrong). c stays until feed returns. */
bool ws_codec_feed(struct ws_codec *c, const uint8_t *bytes, size_t n);

/* TEXT, BINARY, PING (at most 125 bytes): one frame, masked by a client. ERR_INVALID after a close. */
MUST_CHECK enum err ws_codec_send(struct ws_codec *c, enum ws_opcode op, const void *bytes, size_t n, struct error *e);
void                ws_codec_close(struct ws_codec *c, int code, const char *reason);

#endif
