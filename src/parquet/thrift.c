/* SPDX-License-Identifier: MIT */
#include "parquet/thrift.h"

static void varint(struct thrift *t, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_u8(t->out, (uint8_t)(v | 0x80));
    buf_u8(t->out, (uint8_t)v);
}

static uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }

static void head(struct thrift *t, int16_t field, uint8_t type)
{
    int step = field - t->last[t->depth];
    if (step > 0 && step <= 15) {
        buf_u8(t->out, (uint8_t)(step << 4 | type));
    } else {
        buf_u8(t->out, type);
        varint(t, zigzag(field));
    }
    t->last[t->depth] = field;
}

void thrift_init(struct thrift *t, struct buf *out) { *t = (struct thrift){.out = out}; }

void thrift_bool(struct thrift *t, int16_t field, bool v) { head(t, field, v ? 1 : 2); }

void thrift_i8(struct thrift *t, int16_t field, int8_t v)
{
    head(t, field, 3);
    buf_u8(t->out, (uint8_t)v);
}

void thrift_i32(struct thrift *t, int16_t field, int32_t v)
{
    head(t, field, 5);
    varint(t, zigzag(v));
}

void thrift_i64(struct thrift *t, int16_t field, int64_t v)
{
    head(t, field, 6);
    varint(t, zigzag(v));
}

void thrift_binary(struct thrift *t, int16_t field, const void *bytes, size_t n)
{
    head(t, field, 8);
    thrift_item_binary(t, bytes, n);
}

void thrift_begin_item(struct thrift *t)
{
    CHECK(t->depth + 1 < THRIFT_DEPTH_MAX);
    t->last[++t->depth] = 0;
}

void thrift_begin(struct thrift *t, int16_t field)
{
    head(t, field, 12);
    thrift_begin_item(t);
}

void thrift_end(struct thrift *t)
{
    buf_u8(t->out, 0);
    t->depth--;
}

void thrift_list(struct thrift *t, int16_t field, enum thrift_item item, size_t n)
{
    head(t, field, 9);
    if (n < 15) {
        buf_u8(t->out, (uint8_t)(n << 4 | (uint8_t)item));
    } else {
        buf_u8(t->out, (uint8_t)(0xf0 | (uint8_t)item));
        varint(t, n);
    }
}

void thrift_item_bool(struct thrift *t, bool v) { buf_u8(t->out, v ? 1 : 2); }

void thrift_item_i32(struct thrift *t, int32_t v) { varint(t, zigzag(v)); }

void thrift_item_i64(struct thrift *t, int64_t v) { varint(t, zigzag(v)); }

void thrift_item_binary(struct thrift *t, const void *bytes, size_t n)
{
    varint(t, n);
    buf_put(t->out, bytes, n);
}
