/* SPDX-License-Identifier: MIT */
#include "parquet/thrift_read.h"

#define DEPTH_MAX 15

enum {
    T_TRUE = 1,
    T_FALSE = 2,
    T_BYTE = 3,
    T_I16 = 4,
    T_I32 = 5,
    T_I64 = 6,
    T_DOUBLE = 7,
    T_BINARY = 8,
    T_LIST = 9,
    T_SET = 10,
    T_MAP = 11,
    T_STRUCT = 12
};

void thrift_in_init(struct thrift_in *t, const uint8_t *bytes, size_t n)
{
    *t = (struct thrift_in){.v = {.data = bytes, .size = n}};
}

static uint64_t varint(struct view *v)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = view_u8(v);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    v->failed = true;
    return 0;
}

int64_t thrift_read_int(struct thrift_in *t)
{
    uint64_t z = varint(&t->v);
    return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
}

void thrift_in_struct(struct thrift_in *t)
{
    if (t->depth >= DEPTH_MAX) {
        t->v.failed = true;
        return;
    }
    t->last[++t->depth] = 0;
}

bool thrift_next(struct thrift_in *t, int16_t *field, int *type)
{
    uint8_t head = view_u8(&t->v);
    *type = head & 15;
    if (t->v.failed || *type == 0) {
        t->depth -= t->depth > 0;
        return false;
    }
    *field = head >> 4 ? (int16_t)(t->last[t->depth] + (head >> 4)) : (int16_t)thrift_read_int(t);
    t->last[t->depth] = *field;
    return true;
}

uint32_t thrift_read_list(struct thrift_in *t, int *item)
{
    uint8_t  head = view_u8(&t->v);
    uint64_t n = head >> 4 == 15 ? varint(&t->v) : head >> 4;
    *item = head & 15;
    if (n > t->v.size)
        t->v.failed = true;
    return t->v.failed ? 0 : (uint32_t)n;
}

const uint8_t *thrift_read_binary(struct thrift_in *t, uint32_t *n)
{
    uint64_t size = varint(&t->v);
    if (size > t->v.size)
        t->v.failed = true;
    *n = t->v.failed ? 0 : (uint32_t)size;
    return *n ? view_take(&t->v, *n) : (const uint8_t *)"";
}

static void skip_struct(struct thrift_in *t)
{
    int16_t field;
    int     type;
    thrift_in_struct(t);
    while (!t->v.failed && thrift_next(t, &field, &type))
        thrift_skip(t, type);
}

void thrift_skip(struct thrift_in *t, int type)
{
    uint32_t n;
    int      item;
    switch (type) {
    case T_TRUE:
    case T_FALSE:
        break;
    case T_BYTE:
        view_u8(&t->v);
        break;
    case T_I16:
    case T_I32:
    case T_I64:
        thrift_read_int(t);
        break;
    case T_DOUBLE:
        view_u64(&t->v);
        break;
    case T_BINARY:
        thrift_read_binary(t, &n);
        break;
    case T_LIST:
    case T_SET:
        n = thrift_read_list(t, &item);
        for (uint32_t i = 0; i < n && !t->v.failed; i++)
            if (item == T_TRUE || item == T_FALSE)
                view_u8(&t->v);
            else
                thrift_skip(t, item);
        break;
    case T_STRUCT:
        skip_struct(t);
        break;
    case T_MAP:
    default: /* the files we read have no map in their metadata */
        t->v.failed = true;
    }
}
