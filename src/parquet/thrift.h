/* SPDX-License-Identifier: MIT */
/* parquet/thrift: the compact protocol, writing only. Inside parquet/; one owner. */
#ifndef PARQUET_THRIFT_H
#define PARQUET_THRIFT_H

#include "base/buf.h"

#define THRIFT_DEPTH_MAX 16

struct thrift {
    struct buf *out;
    int         depth;
    int16_t     last[THRIFT_DEPTH_MAX]; /* field ids are written as steps */
};

void thrift_init(struct thrift *t, struct buf *out);
void thrift_bool(struct thrift *t, int16_t field, bool v);
void thrift_i32(struct thrift *t, int16_t field, int32_t v);
void thrift_i64(struct thrift *t, int16_t field, int64_t v);
void thrift_i8(struct thrift *t, int16_t field, int8_t v);
void thrift_binary(struct thrift *t, int16_t field, const void *bytes, size_t n);
void thrift_begin(struct thrift *t, int16_t field); /* a struct in a field */
void thrift_begin_item(struct thrift *t);           /* a struct in a list, or the top one */
void thrift_end(struct thrift *t);
enum thrift_item { THRIFT_BOOL = 1, THRIFT_I32 = 5, THRIFT_I64 = 6, THRIFT_BINARY = 8, THRIFT_STRUCT = 12 };
void thrift_list(struct thrift *t, int16_t field, enum thrift_item item, size_t n);
void thrift_item_bool(struct thrift *t, bool v);
void thrift_item_i32(struct thrift *t, int32_t v);
void thrift_item_i64(struct thrift *t, int64_t v);
void thrift_item_binary(struct thrift *t, const void *bytes, size_t n);

#endif
