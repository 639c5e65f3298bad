/* SPDX-License-Identifier: MIT */
/* text/digest: checksums of bytes: md5, sha1, sha2 in SQL; tokens and the WebSocket handshake. Any thread. */
#ifndef TEXT_DIGEST_H
#define TEXT_DIGEST_H

#include "base/buf.h"

#define DIGEST_BYTES_MAX 64

enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA224, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

/* Bytes written: 16, 20, 28, 32, 48, 64; 0 when the library refuses (a policy may forbid MD5). */
size_t digest_of(enum digest kind, const void *bytes, size_t n, uint8_t out[DIGEST_BYTES_MAX]);

void hex_encode(const uint8_t *bytes, size_t n, bool upper, struct buf *out);

#endif
