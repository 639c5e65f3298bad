/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct header {
    size_t         size_bytes;
    enum alloc_tag tag;
};
#define HEADER_BYTES ((size_t)16)

struct arena_chunk {
    struct arena_chunk *older;
    size_t              size_bytes;
};

static _Atomic int64_t held[ALLOC_N_TAGS];
static _Atomic int64_t fail_in;    /* 0 = disarmed, else allocations until the failing one */
static _Atomic int64_t fail_times; /* how many fail once reached */

static bool should_fail(void)
{
    if (atomic_load_explicit(&fail_in, memory_order_relaxed) == 0)
        return false;
    if (atomic_fetch_sub(&fail_in, 1) > 1)
        return false;
    if (atomic_fetch_sub(&fail_times, 1) > 1)
        atomic_store(&fail_in, 1);
    else
        atomic_store(&fail_in, 0);
    return true;
}

void alloc_fail_at(int64_t nth, int64_t times)
{
    atomic_store(&fail_times, times);
    atomic_store(&fail_in, nth);
}

static void *with_header(struct header *h, enum alloc_tag tag, size_t size_bytes)
{
    if (!h)
        return NULL;
    h->size_bytes = size_bytes;
    h->tag = tag;
    atomic_fetch_add_explicit(&held[tag], (int64_t)(size_bytes + HEADER_BYTES), memory_order_relaxed);
    return (uint8_t *)h + HEADER_BYTES;
}

void *mem_alloc(enum alloc_tag tag, size_t size_bytes)
{
    if (should_fail() || size_bytes > SIZE_MAX - HEADER_BYTES)
        return NULL;
    return with_header(malloc(size_bytes + HEADER_BYTES), tag, size_bytes);
}

void *mem_zalloc(enum alloc_tag tag, size_t size_bytes)
{
    if (should_fail() || size_bytes > SIZE_MAX - HEADER_BYTES)
        return NULL;
    return with_header(calloc(1, size_bytes + HEADER_BYTES), tag, size_bytes);
}

void *mem_realloc(enum alloc_tag tag, void *p, size_t size_bytes)
{
    if (!p)
        return mem_alloc(tag, size_bytes);
    if (should_fail() || size_bytes > SIZE_MAX - HEADER_BYTES)
        return NULL;
    struct header *h = (struct header *)((uint8_t *)p - HEADER_BYTES);
    int64_t        before = (int64_t)(h->size_bytes + HEADER_BYTES);
    enum alloc_tag kept = h->tag;
    struct header *moved = realloc(h, size_bytes + HEADER_BYTES);
    if (!moved)
        return NULL;
    atomic_fetch_sub_explicit(&held[kept], before, memory_order_relaxed);
    return with_header(moved, kept, size_bytes);
}

void mem_free(void *p)
{
    if (!p)
        return;
    struct header *h = (struct header *)((uint8_t *)p - HEADER_BYTES);
    atomic_fetch_sub_explicit(&held[h->tag], (int64_t)(h->size_bytes + HEADER_BYTES), memory_order_relaxed);
    free(h);
}

char *mem_strdup(enum alloc_tag tag, const char *text)
{
    size_t n = strlen(text) + 1;
    char  *copy = mem_alloc(tag, n);
    return copy ? memcpy(copy, text, n) : NULL;
}

int64_t alloc_bytes(enum alloc_tag tag) { return atomic_load_explicit(&held[tag], memory_order_relaxed); }

const char *alloc_tag_name(enum alloc_tag tag)
{
    static const char *const names[] = {
#define TAG_NAME(t, name) name,
        ALLOC_TAG_MAP(TAG_NAME)
#undef TAG_NAME
    };
    return names[tag];
}

void arena_init(struct arena *a, enum alloc_tag tag, size_t limit_bytes)
{
    *a = (struct arena){.tag = tag, .limit_bytes = limit_bytes};
}

void arena_fini(struct arena *a)
{
    while (a->chunk) {
        struct arena_chunk *older = a->chunk->older;
        mem_free(a->chunk);
        a->chunk = older;
    }
    arena_init(a, a->tag, a->limit_bytes);
}

#define CHUNK_HEAD ((sizeof(struct arena_chunk) + 15) & ~(size_t)15)

void arena_reset(struct arena *a)
{
    while (a->chunk && a->chunk->older) {
        struct arena_chunk *older = a->chunk->older;
        a->held_bytes -= a->chunk->size_bytes;
        mem_free(a->chunk);
        a->chunk = older;
    }
    a->used_bytes = 0;
    if (a->chunk) {
        a->next = (uint8_t *)a->chunk + CHUNK_HEAD;
        a->end = (uint8_t *)a->chunk + a->chunk->size_bytes;
    }
}

static void *arena_grow(struct arena *a, size_t size_bytes)
{
    size_t want = a->chunk ? a->chunk->size_bytes * 2 : 4096;
    if (want > (size_t)1 << 20)
        want = (size_t)1 << 20;
    if (want < size_bytes + CHUNK_HEAD)
        want = size_bytes + CHUNK_HEAD;
    struct arena_chunk *c = mem_alloc(a->tag, want);
    if (!c)
        return NULL;
    c->older = a->chunk;
    c->size_bytes = want;
    a->chunk = c;
    a->held_bytes += want;
    a->next = (uint8_t *)c + CHUNK_HEAD;
    a->end = (uint8_t *)c + want;
    void *p = a->next;
    a->next += size_bytes;
    return p;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX / 2)
        return NULL;
    size_bytes = (size_bytes + 15) & ~(size_t)15;
    if (a->used_bytes + size_bytes > a->limit_bytes)
        return NULL;
    void *p;
    if (a->next && size_bytes <= (size_t)(a->end - a->next)) {
        p = a->next;
        a->next += size_bytes;
    } else if (!(p = arena_grow(a, size_bytes))) {
        return NULL;
    }
    a->used_bytes += size_bytes;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size_bytes)
{
    void *p = arena_alloc(a, size_bytes);
    return p ? memset(p, 0, size_bytes) : NULL;
}

void *arena_copy(struct arena *a, const void *bytes, size_t n)
{
    void *p = arena_alloc(a, n ? n : 1);
    if (p && n)
        memcpy(p, bytes, n);
    return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t n_bytes)
{
    char *p = arena_alloc(a, n_bytes + 1);
    if (p) {
        memcpy(p, text, n_bytes);
        p[n_bytes] = 0;
    }
    return p;
}

char *arena_strdup(struct arena *a, const char *text) { return arena_strndup(a, text, strlen(text)); }

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int   n = vsnprintf(NULL, 0, format, args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return p;
}
