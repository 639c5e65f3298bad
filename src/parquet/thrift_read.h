/* SPDX-License-Identifier: MIT */
/*
 * parquet/thrift_read: the compact protocol, reading. Every read is bounded by the view; what is broken sets
 * view.failed
 * and reads as zero, so that a reader checks once. Inside parquet/; one owner.
 */
#ifndef PARQUET_THRIFT_READ_H
#define PARQUET_THRIFT_READ_H

#include "base/buf.h"

struct thrift_in {
    struct view v;
    int         depth;
    int16_t     last[16];
};

void thrift_in_init(struct thrift_in *t, const uint8_t *bytes, size_t n);
/* A struct begins; fields follow until thrift_next is false. */
void thrift_in_struct(struct thrift_in *t);
/* The next field of the struct; false at its end, or when it is broken. */
bool           thrift_next(struct thrift_in *t, int16_t *field, int *type);
int64_t        thrift_read_int(struct thrift_in *t);             /* i16, i32, i64 */
uint32_t       thrift_read_list(struct thrift_in *t, int *item); /* how many; at most the bytes that are left */
const uint8_t *thrift_read_binary(struct thrift_in *t, uint32_t *n);
void           thrift_skip(struct thrift_in *t, int type);

#endif
