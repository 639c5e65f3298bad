/* SPDX-License-Identifier: MIT */
/* Framing by the examples of RFC 6455, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "net/websocket.h"

struct heard {
    char           text[70000];
    size_t         n;
    enum ws_opcode op;
    int            code, n_messages;
    uint8_t        out[70000];
    size_t         out_n;
};

static void on_message(void *arg, enum ws_opcode op, int code, const uint8_t *bytes, size_t n)
{
    struct heard *h = arg;
    h->op = op;
    h->code = code;
    h->n = n;
    h->n_messages++;
    memcpy(h->text, bytes, n);
    h->text[n] = 0;
}

static void on_output(void *arg, const uint8_t *bytes, size_t n)
{
    struct heard *h = arg;
    assert_true(h->out_n + n <= sizeof h->out);
    memcpy(h->out + h->out_n, bytes, n);
    h->out_n += n;
}

static const struct ws_codec_ops ops = {on_message, on_output};

static struct ws_codec *server(struct heard *h, size_t limit)
{
    struct ws_codec *c = NULL;
    memset(h, 0, sizeof *h);
    assert_int_equal(ws_codec_new(false, limit, &ops, h, &c, NULL), OK);
    return c;
}

static void the_accept_key_is_that_of_the_rfc(void **state)
{
    char out[29];
    (void)state;
    ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", out); /* RFC 6455 1.3 */
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ"));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZSE="));
    assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25j Q=="));
}

static void headers_have_three_sizes(void **state)
{
    uint8_t h[WS_HEADER_MAX];
    (void)state;
    assert_int_equal(ws_header(h, WS_OP_TEXT, 125), 2);
    assert_memory_equal(h, "\x81\x7d", 2);
    assert_int_equal(ws_header(h, WS_OP_BINARY, 256), 4); /* RFC 6455 5.7 */
    assert_memory_equal(h, "\x82\x7e\x01\x00", 4);
    assert_int_equal(ws_header(h, WS_OP_BINARY, 65536), 10);
    assert_memory_equal(h, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
}

static void a_masked_text_arrives_byte_by_byte(void **state)
{
    static const uint8_t hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; /* RFC 6455 5.7 */
    struct heard         h;
    struct ws_codec     *c = server(&h, 100);
    (void)state;
    for (size_t i = 0; i < sizeof hello - 1; i++)
        assert_true(ws_codec_feed(c, hello + i, 1));
    assert_int_equal(h.n_messages, 1);
    assert_int_equal(h.op, WS_OP_TEXT);
    assert_string_equal(h.text, "Hello");
    assert_int_equal(h.out_n, 0);
    ws_codec_free(c);
}

static void a_ping_is_answered_with_its_bytes(void **state)
{
    struct heard     h;
    struct ws_codec *c = server(&h, 100);
    (void)state;
    assert_true(ws_codec_feed(c, (const uint8_t *)"\x89\x82\0\0\0\0ab", 8));
    assert_int_equal(h.n_messages, 0);
    assert_int_equal(h.out_n, 4);
    assert_memory_equal(h.out,
                        "\x8a\x02"
                        "ab",
                        4);
    ws_codec_free(c);
}

/* What comes in, and the close code that goes out; 0: a close without one (the frame's header itself is wrong). */
static void refused(const char *bytes, size_t n, int code, size_t limit)
{
    struct heard     h;
    struct ws_codec *c = server(&h, limit);
    assert_false(ws_codec_feed(c, (const uint8_t *)bytes, n));
    assert_int_equal(h.out_n, code ? 4 : 2);
    assert_int_equal(h.out[0], 0x88);
    if (code)
        assert_int_equal(h.out[2] << 8 | h.out[3], code);
    ws_codec_free(c);
}

static void what_breaks_the_protocol_is_refused_by_code(void **state)
{
    (void)state;
    refused("\x81\x02hi", 4, 1002, 100);                /* not masked */
    refused("\xc1\x82\0\0\0\0hi", 8, 1002, 100);        /* RSV1 without an extension */
    refused("\x83\x82\0\0\0\0hi", 8, 1002, 100);        /* opcode 3 */
    refused("\x09\x80\0\0\0\0", 6, 0, 100);             /* a fragmented ping */
    refused("\x80\x82\0\0\0\0hi", 8, 1002, 100);        /* a continuation of nothing */
    refused("\x81\x82\0\0\0\0\xc3\x28", 8, 1007, 100);  /* not UTF-8 */
    refused("\x82\xfe\x00\xc8\0\0\0\0x", 9, 1009, 100); /* 200 bytes announced */
    refused("\x88\x82\0\0\0\0\x03\xec", 8, 1002, 100);  /* close code 1004 */
    refused("\x88\x81\0\0\0\0\x03", 7, 0, 100);         /* half a close code */
}

static void fragments_are_limited_together(void **state)
{
    struct heard     h;
    struct ws_codec *c = server(&h, 5);
    (void)state;
    assert_true(ws_codec_feed(c, (const uint8_t *)"\x01\x83\0\0\0\0abc", 9));
    assert_false(ws_codec_feed(c, (const uint8_t *)"\x80\x83\0\0\0\0def", 9));
    assert_int_equal(h.out[2] << 8 | h.out[3], 1009);
    assert_int_equal(h.n_messages, 0);
    ws_codec_free(c);
}

static void a_close_is_echoed_and_ends_reading(void **state)
{
    struct heard     h;
    struct ws_codec *c = server(&h, 100);
    (void)state;
    assert_false(ws_codec_feed(c,
                               (const uint8_t *)"\x88\x85\0\0\0\0\x03\xe8"
                                                "bye",
                               11));
    assert_int_equal(h.op, WS_OP_CLOSE);
    assert_int_equal(h.code, 1000);
    assert_string_equal(h.text, "bye");
    assert_int_equal(h.out[2] << 8 | h.out[3], 1000);
    assert_int_equal(ws_codec_send(c, WS_OP_TEXT, "x", 1, NULL), ERR_INVALID);
    ws_codec_free(c);
}

static void client_and_server_understand_each_other(void **state)
{
    struct heard     from_client, from_server;
    struct ws_codec *c = NULL, *s = server(&from_client, 100000);
    char             big[65536];
    (void)state;
    memset(&from_server, 0, sizeof from_server);
    memset(big, 'x', sizeof big);
    assert_int_equal(ws_codec_new(true, 100, &ops, &from_server, &c, NULL), OK);
    assert_int_equal(ws_codec_send(c, WS_OP_TEXT, big, sizeof big, NULL), OK);
    assert_int_equal(from_server.out_n, sizeof big + 14);
    assert_true(from_server.out[1] & 0x80);
    assert_true(ws_codec_feed(s, from_server.out, from_server.out_n));
    assert_int_equal(from_client.n, sizeof big);
    assert_memory_equal(from_client.text, big, sizeof big);

    from_server.out_n = 0;
    ws_codec_close(c, 4000, "enough");
    assert_false(ws_codec_feed(s, from_server.out, from_server.out_n));
    assert_int_equal(from_client.code, 4000);
    assert_string_equal(from_client.text, "enough");
    ws_codec_free(c);
    ws_codec_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_accept_key_is_that_of_the_rfc),
        cmocka_unit_test(headers_have_three_sizes),
        cmocka_unit_test(a_masked_text_arrives_byte_by_byte),
        cmocka_unit_test(a_ping_is_answered_with_its_bytes),
        cmocka_unit_test(what_breaks_the_protocol_is_refused_by_code),
        cmocka_unit_test(fragments_are_limited_together),
        cmocka_unit_test(a_close_is_echoed_and_ends_reading),
        cmocka_unit_test(client_and_server_understand_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
