/* SPDX-License-Identifier: MIT */
#include "delta/keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define KEYS_MAX (1u << 31)

void keys_init(struct keys *k, enum alloc_tag tag) { *k = (struct keys){.tag = tag}; }

void keys_fini(struct keys *k)
{
    mem_free(k->texts);
    mem_free(k->slots);
    keys_init(k, k->tag);
}

/* Where the text is, or would be. */
static uint32_t *slot_of(uint32_t *slots, uint32_t n_slots, const char *const *texts, const char *text)
{
    uint32_t at = (uint32_t)hash_bytes(text, strlen(text), 0) & (n_slots - 1);
    while (slots[at] && strcmp(texts[slots[at] - 1], text) != 0)
        at = (at + 1) & (n_slots - 1);
    return &slots[at];
}

int64_t keys_find(const struct keys *k, const char *text)
{
    return k->n_slots ? (int64_t)*slot_of(k->slots, k->n_slots, k->texts, text) - 1 : -1;
}

static bool make_room(struct keys *k)
{
    if (k->n == k->capacity) {
        uint32_t more = k->capacity ? 2 * k->capacity : 64;
        void    *texts = mem_realloc(k->tag, k->texts, more * sizeof *k->texts);
        if (!texts)
            return false;
        k->texts = texts;
        k->capacity = more;
    }
    if ((uint64_t)k->n * 2 < k->n_slots)
        return true;
    uint32_t  n = k->n_slots ? 2 * k->n_slots : 256;
    uint32_t *slots = mem_zalloc(k->tag, n * sizeof *slots);
    if (!slots)
        return false;
    for (int64_t i = 0; i < k->n; i++)
        *slot_of(slots, n, k->texts, k->texts[i]) = (uint32_t)i + 1;
    mem_free(k->slots);
    k->slots = slots;
    k->n_slots = n;
    return true;
}

bool keys_add(struct keys *k, const char *text)
{
    if (k->n >= KEYS_MAX / 2 || !make_room(k))
        return false;
    uint32_t *slot = slot_of(k->slots, k->n_slots, k->texts, text);
    k->texts[k->n++] = text;
    *slot = (uint32_t)k->n;
    return true;
}

char *path_decoded(struct arena *a, const char *path)
{
    char *out = arena_strdup(a, path), *to = out;
    for (const char *p = out; p && *p; p++) {
        bool code = p[0] == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]);
        char hex[3] = {code ? p[1] : 0, code ? p[2] : 0, 0};
        *to++ = code ? (char)strtol(hex, NULL, 16) : *p;
        p += code ? 2 : 0;
    }
    if (out)
        *to = 0;
    return out;
}
