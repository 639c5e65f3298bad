/* SPDX-License-Identifier: MIT */
/* text/utf8: validity, repair as Java does it, characters, case. Any thread. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include "base/buf.h"

bool utf8_is_valid(const uint8_t *bytes, size_t n);
/* Appends the text with each malformed sequence replaced by U+FFFD, where Java's decoder puts one. */
void   utf8_repair(const uint8_t *bytes, size_t n, struct buf *out);
size_t utf8_length(const uint8_t *bytes, size_t n); /* characters (code points) */
/* Byte offset of character `index` (0-based), n when there are fewer. */
size_t utf8_offset(const uint8_t *bytes, size_t n, size_t index);
/* Lower or upper case (simple mappings, and the full ones of common letters). */
void utf8_lower(const uint8_t *bytes, size_t n, struct buf *out);
void utf8_upper(const uint8_t *bytes, size_t n, struct buf *out);

enum utf8_class { UTF8_UPPER, UTF8_LOWER, UTF8_DIGIT, UTF8_OTHER };
/* What the character of n bytes is: Unicode's categories Lu, Ll and Nd. */
enum utf8_class utf8_classify(const uint8_t *bytes, size_t n);

#endif
