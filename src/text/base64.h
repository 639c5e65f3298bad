/* SPDX-License-Identifier: MIT */
/* text/base64: RFC 4648. Any thread. */
#ifndef TEXT_BASE64_H
#define TEXT_BASE64_H

#include "base/buf.h"

void base64_encode(const uint8_t *bytes, size_t n, struct buf *out);
/* False when the text is not base64: bad letter, bad length, misplaced padding (padding itself may be missing).
 * `lenient` skips letters outside the alphabet, as Java's MIME decoder does. */
bool base64_decode(const char *text, size_t n, bool lenient, struct buf *out);

#endif
