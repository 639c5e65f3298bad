/* SPDX-License-Identifier: MIT */
/* The local file system as a store: temp file, fsync, rename or link(), fsync of the folder. See store.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "store/store.h"

#define PATH_BYTES 4096

struct local {
    struct store base;
    char         root[PATH_BYTES / 2];
};

static void path_of(const struct local *l, const char *key, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", l->root, key);
}

static enum err sync_folder(const char *path, struct error *e)
{
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open %s", folder);
    enum err rc = fsync(fd) == 0 ? OK : err_errno(e, errno, "fsync %s", folder);
    close(fd);
    return rc;
}

/* Makes the folders of a path; each new one is synced into its parent. */
static enum err make_folders(const char *path, struct error *e)
{
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = folder + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(folder, 0777) == 0)
            TRY(sync_folder(folder, e));
        else if (errno != EEXIST)
            return err_errno(e, errno, "make folder %s", folder);
        *slash = '/';
    }
    return OK;
}

static enum err write_file(const char *path, const void *bytes, size_t n, struct error *e)
{
    const uint8_t *p = bytes;
    int            fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(e, errno, "open %s", path);
    enum err rc = OK;
    while (rc == OK && n > 0) {
        ssize_t done = write(fd, p, n);
        if (done >= 0) {
            p += done;
            n -= (size_t)done;
        } else if (errno != EINTR) {
            rc = err_errno(e, errno, "write %s", path);
        }
    }
    if (rc == OK && fsync(fd) != 0) /* never again on this file: the kernel forgets a failed write */
        rc = err_errno(e, errno, "fsync %s", path);
    if (close(fd) != 0 && rc == OK)
        rc = err_errno(e, errno, "close %s", path);
    return rc;
}

/* The final name appears at once: rename replaces, link() refuses a taken name. */
static enum err give_name(const char *temp, const char *path, bool replace, struct error *e)
{
    if (replace ? rename(temp, path) != 0 : link(temp, path) != 0)
        return err_errno(e, errno, "create %s", path);
    TRY(failpoint("store.local.after_link", e));
    return sync_folder(path, e);
}

static enum err put_file(struct local *l, const char *key, const void *bytes, size_t n, bool replace, struct error *e)
{
    char path[PATH_BYTES], temp[PATH_BYTES + 64], id[37];
    path_of(l, key, path);
    uuid_v4(id);
    const char *name = strrchr(path, '/') + 1;
    snprintf(temp, sizeof temp, "%.*s.%s.%.8s.tmp", (int)(name - path), path, name, id);
    struct stat st;
    if (!replace && lstat(path, &st) == 0)
        return err_set(e, ERR_EXISTS, "create %s: it exists", path);
    enum err rc = write_file(temp, bytes, n, e);
    if (rc == ERR_NOT_FOUND) {
        rc = make_folders(path, e);
        if (rc == OK)
            rc = write_file(temp, bytes, n, e);
    }
    if (rc == OK)
        rc = failpoint("store.local.after_temp", e);
    if (rc == OK)
        rc = give_name(temp, path, replace, e);
    unlink(temp);
    return rc;
}

static enum err put(struct store *s, const char *key, const void *bytes, size_t n, struct error *e)
{
    TRY(failpoint("store.put", e));
    return put_file((struct local *)s, key, bytes, n, true, e);
}

static enum err put_if_absent(struct store *s, const char *key, const void *bytes, size_t n, struct error *e)
{
    TRY(failpoint("store.put_if_absent", e));
    return put_file((struct local *)s, key, bytes, n, false, e);
}

static enum err get(struct store *s, const char *key, struct buf *out, struct error *e)
{
    char path[PATH_BYTES];
    TRY(failpoint("store.get", e));
    path_of((struct local *)s, key, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open %s", path);
    enum err rc = OK;
    for (;;) {
        uint8_t *to = buf_reserve(out, 65536);
        ssize_t  n = to ? read(fd, to, 65536) : 0;
        if (!to)
            rc = buf_check(out, path, e);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0)
            rc = err_errno(e, errno, "read %s", path);
        if (rc != OK || n == 0)
            break;
        out->size += (size_t)n;
    }
    close(fd);
    return rc;
}

/* Only one folder deep: that is all a Delta log needs. */
static enum err list(struct store *s, const char *prefix, const char *after, bool (*each)(void *, const char *), void *arg,
                     struct error *e)
{
    char path[PATH_BYTES], key[PATH_BYTES];
    TRY(failpoint("store.list", e));
    path_of((struct local *)s, prefix, path);
    char *slash = strrchr(path, '/');
    *slash = 0;
    const char *inside = strrchr(prefix, '/');
    int         folder_length = inside ? (int)(inside - prefix) + 1 : 0;
    DIR        *d = opendir(path);
    if (!d)
        return errno == ENOENT ? OK : err_errno(e, errno, "open %s", path);
    bool more = true;
    for (struct dirent *entry; more && (entry = readdir(d));) {
        if (entry->d_type == DT_DIR)
            continue;
        snprintf(key, sizeof key, "%.*s%s", folder_length, prefix, entry->d_name);
        if (strncmp(key, prefix, strlen(prefix)) == 0 && (!after || strcmp(key, after) > 0))
            more = each(arg, key);
    }
    closedir(d);
    return OK;
}

static enum err remove_key(struct store *s, const char *key, struct error *e)
{
    char path[PATH_BYTES];
    path_of((struct local *)s, key, path);
    return unlink(path) == 0 ? OK : err_errno(e, errno, "remove %s", path);
}

static void free_local(struct store *s) { mem_free(s); }

static const struct store_ops ops = {.put = put, .put_if_absent = put_if_absent, .get = get, .list = list,
                                     .remove = remove_key, .free = free_local};

enum err store_local_new(const char *root, struct store **out, struct error *e)
{
    struct local *l = mem_zalloc(TAG_SINK, sizeof *l);
    *out = NULL;
    if (!l)
        return err_set(e, ERR_NO_MEMORY, "store %s", root);
    l->base.ops = &ops;
    if (root[0] == '/') {
        snprintf(l->root, sizeof l->root, "%s", root);
    } else { /* a relative root must survive a change of the working folder */
        char here[PATH_BYTES / 4];
        if (!getcwd(here, sizeof here)) {
            mem_free(l);
            return err_errno(e, errno, "working folder");
        }
        snprintf(l->root, sizeof l->root, "%s/%s", here, root);
    }
    *out = &l->base;
    return OK;
}
