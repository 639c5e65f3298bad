/* SPDX-License-Identifier: MIT */
#include "pipeline/folders.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

struct folder_owner {
    struct folder_owner *next;
    char                *query;
    struct folders       folders;
};

/* ---- one folder ---- */

/* Appends the parts of rest to path, whose links are followed. Nothing of rest exists: ".." is the part before. */
static bool append_parts(char path[PATH_MAX], const char *rest)
{
    size_t n = strcmp(path, "/") == 0 ? 0 : strlen(path);
    while (*rest) {
        size_t part = strcspn(rest, "/");
        if (part == 2 && memcmp(rest, "..", 2) == 0) {
            while (n > 0 && path[--n] != '/')
                ;
        } else if (part > 0 && !(part == 1 && rest[0] == '.')) {
            if (n + 1 + part >= PATH_MAX)
                return false;
            path[n++] = '/';
            memcpy(path + n, rest, part);
            n += part;
        }
        rest += part + (rest[part] == '/');
    }
    n += n == 0;
    path[0] = '/';
    path[n] = 0;
    return true;
}

static enum err add_folder(struct folders *f, const char *location, struct error *e)
{
    char   path[PATH_MAX] = "", real[PATH_MAX];
    size_t n = location[0] == '/' || !getcwd(path, sizeof path) ? 0 : strlen(path);
    int    more = snprintf(path + n, sizeof path - n, "%s%s", n ? "/" : "", location);
    n += (size_t)more;
    bool fits = n < sizeof path;
    for (bool found = false; fits && !found;) { /* the longest part that exists */
        char c = path[n];
        path[n] = 0;
        found = realpath(n ? path : "/", real) != NULL;
        path[n] = c;
        while (!found && n > 0 && path[--n] != '/')
            ;
    }
    fits = fits && append_parts(real, path + n);
    if (!fits)
        return err_set(e, ERR_LIMIT, "the name of the folder %.60s.. is too long", location);
    f->items[f->n] = mem_strdup(TAG_STATE, real);
    return f->items[f->n++] ? OK : err_set(e, ERR_NO_MEMORY, "folders of a query");
}

/* ---- those of a query ---- */

enum err folders_of_plan(const struct plan *p, struct folders *out, struct error *e)
{
    const char *locations[FOLDERS_MAX] = {p->location, p->late, p->rejects, p->quarantine};
    *out = (struct folders){.n = 0};
    for (int i = 0; i < FOLDERS_MAX; i++)
        if (locations[i])
            TRY(add_folder(out, locations[i], e));
    return OK;
}

void folders_free(struct folders *f)
{
    for (int i = 0; i < f->n; i++)
        mem_free(f->items[i]);
    f->n = 0;
}

const char *folders_clash(const struct folders *a, const struct folders *b)
{
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if ((i == 0 || k == 0) && strcmp(a->items[i], b->items[k]) == 0)
                return a->items[i];
    return NULL;
}

/* ---- those of all queries ---- */

void folder_owners_init(struct folder_owners *o)
{
    pthread_mutex_init(&o->lock, NULL);
    o->first = NULL;
}

void folder_owners_free(struct folder_owners *o)
{
    while (o->first)
        folder_owners_remove(o, o->first->query);
    pthread_mutex_destroy(&o->lock);
}

enum err folder_owners_set(struct folder_owners *o, const char *query, struct folders *f, struct error *e)
{
    struct folder_owner *fresh = mem_zalloc(TAG_STATE, sizeof *fresh);
    char                *name = mem_strdup(TAG_STATE, query);
    if (!fresh || !name) {
        mem_free(fresh);
        mem_free(name);
        return err_set(e, ERR_NO_MEMORY, "folders of a query");
    }
    *fresh = (struct folder_owner){.query = name, .folders = *f};
    f->n = 0;
    folder_owners_remove(o, query);
    pthread_mutex_lock(&o->lock);
    fresh->next = o->first;
    o->first = fresh;
    pthread_mutex_unlock(&o->lock);
    return OK;
}

void folder_owners_remove(struct folder_owners *o, const char *query)
{
    pthread_mutex_lock(&o->lock);
    struct folder_owner **at = &o->first, *gone;
    while (*at && strcmp((*at)->query, query) != 0)
        at = &(*at)->next;
    gone = *at;
    if (gone)
        *at = gone->next;
    pthread_mutex_unlock(&o->lock);
    if (gone) {
        folders_free(&gone->folders);
        mem_free(gone->query);
        mem_free(gone);
    }
}

void folder_owners_others(struct folder_owners *o, const char *query, const struct folders *f, folder_owner_cb *each,
                          void *arg)
{
    pthread_mutex_lock(&o->lock);
    bool more = true;
    for (const struct folder_owner *i = o->first; i && more; i = i->next) {
        const char *folder = strcmp(i->query, query) == 0 ? NULL : folders_clash(f, &i->folders);
        more = !folder || each(arg, i->query, folder);
    }
    pthread_mutex_unlock(&o->lock);
}
