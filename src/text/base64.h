/* SPDX-License-Identifier: MIT */
/* text/base64: RFC 4648. Any thread. */
#ifndef TEXT_BASE64_H
#define TEXT_BASE64_H

#include "base/buf.h"

int  base64_digit(uint32_t c); /* what it stands for, or -1 */
void base64_encode(const uint8_t *bytes, size_t n, struct buf *out);
/* As Java's MIME decoder: letters outside the alphabet are skipped, padding may be missing. False: a lone letter at the
 * end, or padding in the wrong place. */
bool base64_decode(const char *text, size_t n, struct buf *out);
/* As Jackson: groups of four with their padding, blanks between groups; all else is false. */
bool base64_decode_padded(const char *text, size_t n, struct buf *out);

#endif
