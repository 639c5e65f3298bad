/* SPDX-License-Identifier: MIT */
/* print_row: a row of a batch as JSON, every type; texts as CAST AS STRING has them, BINARY in hexadecimal. */
#ifndef PRINT_ROW_H
#define PRINT_ROW_H

#include "column/batch.h"

void print_row(const struct batch *b, uint32_t row, struct buf *out);

#endif
