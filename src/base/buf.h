/* SPDX-License-Identifier: MIT */
/*
 * base/buf: a growable byte buffer with a ceiling, and little-endian reading and writing.
 *
 * A failed append sets `failed` (out of memory or over the ceiling) and later appends do nothing, so a writer
 * checks once at the end: buf_check. One owner at a time, no locks.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

struct buf {
    uint8_t       *data;
    size_t         size; /* bytes in use */
    size_t         capacity;
    size_t         limit; /* ceiling for size */
    enum alloc_tag tag;
    bool           failed, over; /* over: because of the ceiling */
};

void               buf_init(struct buf *b, enum alloc_tag tag, size_t limit_bytes);
void               buf_fini(struct buf *b);
static inline void buf_clear(struct buf *b)
{
    b->size = 0;
    b->failed = b->over = false;
}
/* ERR_NO_MEMORY or ERR_LIMIT ("<what> is larger than N bytes") when any append failed. */
MUST_CHECK enum err buf_check(const struct buf *b, const char *what, struct error *e);
/* Makes room for n more bytes and returns where they go (NULL on failure); the caller adds to size. */
uint8_t           *buf_reserve(struct buf *b, size_t n);
void               buf_put_more(struct buf *b, const void *bytes, size_t n); /* buf_put where there is no room yet */
static inline void buf_put(struct buf *b, const void *bytes, size_t n)
{
    if (n && !b->failed && n <= b->capacity - b->size && n <= b->limit - b->size) {
        memcpy(b->data + b->size, bytes, n);
        b->size += n;
    } else {
        buf_put_more(b, bytes, n);
    }
}
/* The decimal digits of v, with zeros in front up to `least` of them. */
void buf_digits(struct buf *b, uint64_t v, int least);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Terminates with a NUL that is not counted and returns the text, or "" after a failure. */
const char *buf_text(struct buf *b);
/* Appends the file. What was there stays when it fails; ERR_LIMIT names the path. */
MUST_CHECK enum err buf_read_file(struct buf *b, const char *path, struct error *e);
void                buf_code_point(struct buf *b, uint32_t c); /* as UTF-8; at most 0x1fffff, surrogates as they are */

static inline void buf_u8(struct buf *b, uint8_t v) { buf_put(b, &v, 1); }
void               buf_u32(struct buf *b, uint32_t v); /* little-endian */
void               buf_u64(struct buf *b, uint64_t v);
void               buf_bytes(struct buf *b, const void *bytes, size_t n); /* u32 length, then the bytes */

/* struct view: bytes to read from front to back. A read past the end sets `failed` and gives 0. */
struct view {
    const uint8_t *data;
    size_t         size; /* what is left */
    bool           failed;
};
uint8_t        view_u8(struct view *v);
uint32_t       view_u32(struct view *v);
uint64_t       view_u64(struct view *v);
const uint8_t *view_take(struct view *v, size_t n);     /* NULL past the end */
const uint8_t *view_bytes(struct view *v, uint32_t *n); /* what buf_bytes wrote */

#endif
