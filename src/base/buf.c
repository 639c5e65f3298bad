/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)

void buf_init(struct buf *b, enum alloc_tag tag, size_t limit_bytes)
{
    *b = (struct buf){.tag = tag, .limit = limit_bytes};
}

void buf_fini(struct buf *b)
{
    mem_free(b->data);
    buf_init(b, b->tag, b->limit);
}

enum err buf_check(const struct buf *b, const char *what, struct error *e)
{
    if (!b->failed)
        return OK;
    if (!b->over)
        return err_set(e, ERR_NO_MEMORY, "%s: out of memory at %zu bytes", what, b->size);
    return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", what, b->limit);
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->limit - b->size) {
        b->failed = b->over = true;
        return NULL;
    }
    if (b->size + n > b->capacity) {
        size_t capacity = b->capacity < 256 ? 256 : b->capacity * 2;
        while (capacity < b->size + n)
            capacity *= 2;
        uint8_t *data = mem_realloc(b->tag, b->data, capacity);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->capacity = capacity;
    }
    return b->data + b->size;
}

void buf_put_more(struct buf *b, const void *bytes, size_t n)
{
    uint8_t *to = n ? buf_reserve(b, n) : NULL;
    if (to) {
        memcpy(to, bytes, n);
        b->size += n;
    }
}

void buf_puts(struct buf *b, const char *text) { buf_put(b, text, strlen(text)); }

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = b->failed ? 0 : (b->capacity < b->limit ? b->capacity : b->limit) - b->size;
    int    n = vsnprintf(room ? (char *)b->data + b->size : NULL, room, format, args);
    if (n >= 0 && (size_t)n >= room) { /* not whole: once more, with room */
        uint8_t *to = buf_reserve(b, (size_t)n + 1);
        n = to ? vsnprintf((char *)to, (size_t)n + 1, format, again) : 0;
    }
    b->size += n > 0 ? (size_t)n : 0;
    va_end(again);
    va_end(args);
}

void buf_digits(struct buf *b, uint64_t v, int least)
{
    char text[32], *at = text + sizeof text;
    CHECK(least <= 20);
    for (; v || least > 0; v /= 10, least--)
        *--at = (char)('0' + v % 10);
    buf_put(b, at, (size_t)(text + sizeof text - at));
}

const char *buf_text(struct buf *b)
{
    uint8_t *to = buf_reserve(b, 1);
    if (!to)
        return "";
    *to = 0;
    return (const char *)b->data;
}

static enum err read_all(struct buf *b, int fd, const char *path, struct error *e)
{
    for (;;) {
        uint8_t  beyond;
        size_t   room = b->limit - b->size < READ_BYTES ? b->limit - b->size : READ_BYTES;
        uint8_t *to = room ? buf_reserve(b, room) : &beyond;
        ssize_t  n = to ? read(fd, to, room ? room : 1) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "read %s", path);
        if (n > 0 && !room)
            buf_put(b, &beyond, 1); /* does not fit: says so below */
        else
            b->size += (size_t)n;
        if (n == 0 || b->failed)
            return buf_check(b, path, e);
    }
}

enum err buf_read_file(struct buf *b, const char *path, struct error *e)
{
    size_t before = b->size;
    int    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open %s", path);
    enum err rc = read_all(b, fd, path, e);
    close(fd);
    if (rc != OK)
        b->size = before;
    return rc;
}

void buf_u32(struct buf *b, uint32_t v)
{
    uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    buf_put(b, le, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
    buf_u32(b, (uint32_t)v);
    buf_u32(b, (uint32_t)(v >> 32));
}

void buf_bytes(struct buf *b, const void *bytes, size_t n)
{
    buf_u32(b, (uint32_t)n);
    buf_put(b, bytes, n);
}

const uint8_t *view_take(struct view *v, size_t n)
{
    if (v->failed || n > v->size) {
        v->failed = true;
        return NULL;
    }
    const uint8_t *p = v->data;
    v->data += n;
    v->size -= n;
    return p;
}

uint8_t view_u8(struct view *v)
{
    const uint8_t *p = view_take(v, 1);
    return p ? *p : 0;
}

uint32_t view_u32(struct view *v)
{
    const uint8_t *p = view_take(v, 4);
    return p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

uint64_t view_u64(struct view *v)
{
    uint64_t low = view_u32(v);
    return low | (uint64_t)view_u32(v) << 32;
}

const uint8_t *view_bytes(struct view *v, uint32_t *n)
{
    *n = view_u32(v);
    const uint8_t *p = view_take(v, *n);
    if (!p)
        *n = 0;
    return p;
}

void buf_code_point(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_u8(b, (uint8_t)c);
    } else if (c < 0x800) {
        buf_u8(b, (uint8_t)(0xc0 | c >> 6));
        buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_u8(b, (uint8_t)(0xe0 | c >> 12));
        buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        buf_u8(b, (uint8_t)(0xf0 | c >> 18));
        buf_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    }
}
