/* SPDX-License-Identifier: MIT */
/*
 * base/alloc: the only place that calls malloc, and arenas named by lifetime.
 *
 * Every allocation carries a tag, so that `millrace run --summary` and the metrics can say who holds the
 * bytes, and every one can fail: a test arms alloc_fail_at(n) and the n-th call from then on returns NULL.
 * Any thread. Arenas are single-threaded: one owner at a time.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ALLOC_TAG_MAP(X)                                                                                      \
    X(TAG_PROCESS, "process")                                                                                 \
    X(TAG_SQL, "sql") X(TAG_BATCH, "batch") X(TAG_STATE, "state") X(TAG_SOURCE, "source") X(TAG_SINK, "sink") \
        X(TAG_JOIN, "join") X(TAG_WEB, "web") X(TAG_TEST, "test")

#define TAG_ENUM(tag, name) tag,
enum alloc_tag { ALLOC_TAG_MAP(TAG_ENUM) ALLOC_N_TAGS };
#undef TAG_ENUM

/* NULL when memory is out (or the fault hook says so). size 0 gives a pointer that can be freed. */
void *mem_alloc(enum alloc_tag tag, size_t size_bytes);
void *mem_zalloc(enum alloc_tag tag, size_t size_bytes);
/* As realloc; keeps the tag of the block (tag is used when p is NULL). On NULL the old block stays valid. */
void *mem_realloc(enum alloc_tag tag, void *p, size_t size_bytes);
void  mem_free(void *p); /* NULL is ignored */
char *mem_strdup(enum alloc_tag tag, const char *text);

int64_t     alloc_bytes(enum alloc_tag tag); /* held now, headers included */
const char *alloc_tag_name(enum alloc_tag tag);

/* The n-th allocation from now (1 = the next) fails, and so do `times - 1` after it; 0 disarms. Tests only. */
void alloc_fail_at(int64_t nth, int64_t times);

/*
 * struct arena: bump allocation with one free for all.
 *
 * `limit_bytes` is a ceiling: over it arena_alloc returns NULL and the caller says ERR_LIMIT with its own
 * name. Blocks are 16-byte aligned. arena_reset keeps the first chunk, so a warm arena does not call malloc.
 */
struct arena_chunk;
struct arena {
    enum alloc_tag      tag;
    size_t              limit_bytes;
    size_t              used_bytes; /* handed out since the last reset */
    size_t              held_bytes; /* chunks held */
    struct arena_chunk *chunk;      /* newest first */
    uint8_t            *next, *end;
};

void  arena_init(struct arena *a, enum alloc_tag tag, size_t limit_bytes);
void  arena_fini(struct arena *a);
void  arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t size_bytes);
void *arena_zalloc(struct arena *a, size_t size_bytes);
void *arena_copy(struct arena *a, const void *bytes, size_t n);         /* NULL only when out of memory */
char *arena_strndup(struct arena *a, const char *text, size_t n_bytes); /* terminated */
char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
