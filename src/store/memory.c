/* SPDX-License-Identifier: MIT */
/* A store in memory with faults on order, for tests. See store.h. One thread at a time. */
#include <string.h>

#include "store/store.h"

struct object {
    struct object *next;
    char          *key;
    struct buf     bytes;
};

struct memory {
    struct store   base;
    struct object *objects;
    int            calls, fail_in;
    enum err       fail_code;
    bool           apply;
};

/* True when this call must fail; *apply says whether its effect happens first. */
static bool failing(struct memory *m, bool *apply)
{
    *apply = m->apply;
    m->calls++;
    return m->fail_in > 0 && --m->fail_in == 0;
}

static struct object *find(struct memory *m, const char *key)
{
    struct object *o = m->objects;
    while (o && strcmp(o->key, key) != 0)
        o = o->next;
    return o;
}

static enum err store_object(struct memory *m, const char *key, const void *bytes, size_t n, struct error *e)
{
    struct object *o = find(m, key);
    if (!o) {
        o = mem_zalloc(TAG_TEST, sizeof *o);
        if (!o || !(o->key = mem_strdup(TAG_TEST, key))) {
            mem_free(o);
            return err_set(e, ERR_NO_MEMORY, "memory store");
        }
        buf_init(&o->bytes, TAG_TEST, (size_t)1 << 30);
        o->next = m->objects;
        m->objects = o;
    }
    buf_clear(&o->bytes);
    buf_put(&o->bytes, bytes, n);
    return buf_check(&o->bytes, key, e);
}

static enum err put(struct store *s, const char *key, const void *bytes, size_t n, struct error *e)
{
    struct memory *m = (struct memory *)s;
    bool           apply, fails = failing(m, &apply);
    if (!fails || apply)
        TRY(store_object(m, key, bytes, n, e));
    return fails ? err_set(e, m->fail_code, "put %s", key) : OK;
}

static enum err put_if_absent(struct store *s, const char *key, const void *bytes, size_t n, struct error *e)
{
    struct memory *m = (struct memory *)s;
    bool           apply, fails = failing(m, &apply), taken = find(m, key) != NULL;
    if (!taken && (!fails || apply))
        TRY(store_object(m, key, bytes, n, e));
    if (fails)
        return err_set(e, m->fail_code, "create %s", key);
    return taken ? err_set(e, ERR_EXISTS, "create %s: it exists", key) : OK;
}

static enum err get(struct store *s, const char *key, struct buf *out, struct error *e)
{
    struct memory *m = (struct memory *)s;
    struct object *o = find(m, key);
    if (failing(m, &(bool){0}))
        return err_set(e, m->fail_code, "get %s", key);
    if (!o)
        return err_set(e, ERR_NOT_FOUND, "get %s: not there", key);
    buf_put(out, o->bytes.data, o->bytes.size);
    return buf_check(out, key, e);
}

static enum err head(struct store *s, const char *key, int64_t *size_bytes, struct error *e)
{
    struct memory *m = (struct memory *)s;
    struct object *o = find(m, key);
    if (failing(m, &(bool){0}))
        return err_set(e, m->fail_code, "look at %s", key);
    if (!o)
        return err_set(e, ERR_NOT_FOUND, "look at %s: not there", key);
    *size_bytes = (int64_t)o->bytes.size;
    return OK;
}

static enum err list(struct store *s, const char *prefix, const char *after, bool (*each)(void *, const char *),
                     void *arg, struct error *e)
{
    struct memory *m = (struct memory *)s;
    if (failing(m, &(bool){0}))
        return err_set(e, m->fail_code, "list %s", prefix);
    bool more = true;
    for (struct object *o = m->objects; more && o; o = o->next)
        if (strncmp(o->key, prefix, strlen(prefix)) == 0 && (!after || strcmp(o->key, after) > 0))
            more = each(arg, o->key);
    return OK;
}

static bool remove_object(struct memory *m, const char *key)
{
    for (struct object **at = &m->objects; *at; at = &(*at)->next)
        if (strcmp((*at)->key, key) == 0) {
            struct object *gone = *at;
            *at = gone->next;
            buf_fini(&gone->bytes);
            mem_free(gone->key);
            mem_free(gone);
            return true;
        }
    return false;
}

static enum err remove_key(struct store *s, const char *key, struct error *e)
{
    struct memory *m = (struct memory *)s;
    bool           apply, fails = failing(m, &apply);
    bool           gone = (!fails || apply) && remove_object(m, key);
    if (fails)
        return err_set(e, m->fail_code, "remove %s", key);
    return gone ? OK : err_set(e, ERR_NOT_FOUND, "remove %s: not there", key);
}

static void free_memory(struct store *s)
{
    struct memory *m = (struct memory *)s;
    while (m->objects)
        remove_object(m, m->objects->key);
    mem_free(m);
}

static const struct store_ops ops = {.put = put,
                                     .put_if_absent = put_if_absent,
                                     .get = get,
                                     .head = head,
                                     .list = list,
                                     .remove = remove_key,
                                     .free = free_memory};

enum err store_memory_new(struct store **out, struct error *e)
{
    struct memory *m = mem_zalloc(TAG_TEST, sizeof *m);
    *out = m ? &m->base : NULL;
    if (!m)
        return err_set(e, ERR_NO_MEMORY, "memory store");
    m->base.ops = &ops;
    return OK;
}

void store_memory_fail(struct store *s, int nth, enum err code, bool apply)
{
    struct memory *m = (struct memory *)s;
    m->fail_in = nth;
    m->fail_code = code;
    m->apply = apply;
}

int store_memory_calls(const struct store *s) { return ((const struct memory *)s)->calls; }
