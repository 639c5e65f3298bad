/* SPDX-License-Identifier: MIT */
/* parquet/encode: values and levels into page bytes (Encodings.md). Inside parquet/; any thread. */
#ifndef PARQUET_ENCODE_H
#define PARQUET_ENCODE_H

#include "base/buf.h"

/* RLE and bit-packed hybrid of values (bit width 0 to 32), as in levels and index pages, without a length. */
void hybrid_encode(const uint32_t *values, uint32_t n, int width, struct buf *out);
/* The same of n times one value. */
void hybrid_encode_run(uint32_t value, uint32_t n, int width, struct buf *out);
/* One byte each, 0 or 1, to bits, least significant first. */
void booleans_encode(const uint8_t *values, uint32_t n, struct buf *out);
/* Bits that hold every value up to `highest`. */
int bits_for(uint32_t highest);

#endif
