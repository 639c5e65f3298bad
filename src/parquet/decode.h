/* SPDX-License-Identifier: MIT */
/* parquet/decode: levels and indexes out of page bytes (Encodings.md). Never reads past its bytes. Inside parquet/; any
 * thread. */
#ifndef PARQUET_DECODE_H
#define PARQUET_DECODE_H

#include "base/buf.h"
#include "base/decimal.h"
#include "parquet/encode.h"

/* n values of the RLE and bit-packed hybrid, of `width` bits (0 to 32); false when the bytes do not hold them. */
bool hybrid_decode(const uint8_t *bytes, size_t size, int width, uint32_t *out, uint32_t n);
/* The same for levels, a byte each (width at most 8). */
bool levels_decode(const uint8_t *bytes, size_t size, int width, uint8_t *out, uint32_t n);
/* Two's complement, big-endian or little-endian, of 1 to 16 bytes. */
int128 decimal_of_bytes(const uint8_t *p, uint32_t n, bool big_endian);

#endif
