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

static enum err path_of(const struct local *l, const char *key, char out[PATH_BYTES], struct error *e)
{
    int n = snprintf(out, PATH_BYTES, "%s/%s", l->root, key);
    return n < PATH_BYTES ? OK : err_set(e, ERR_LIMIT, "the path of %s is longer than %d bytes", key, PATH_BYTES);
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

/* Makes the folders of a path and syncs each new one into its parent. Those of the root that were made by a process
 * that died before its sync, or are being made by another thread, are synced too: from the first missing one on,
 * all. */
static enum err make_folders(const char *path, struct error *e)
{
    char folder[PATH_BYTES];
    bool made = false;
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = folder + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(folder, 0777) == 0)
            made = true;
        else if (errno != EEXIST)
            return err_errno(e, errno, "make folder %s", folder);
        if (made)
            TRY(sync_folder(folder, e));
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

/* Gives the name only if nobody has it. Some file systems have no hard links: theirs must then rename without
 * replacing. */
static int link_new(const char *temp, const char *path)
{
    if (link(temp, path) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return -1;
    return renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE);
}

/* The final name appears at once: rename replaces, link_new refuses a taken name. */
static enum err give_name(const char *temp, const char *path, bool replace, struct error *e)
{
    if (replace ? rename(temp, path) != 0 : link_new(temp, path) != 0)
        return err_errno(e, errno, "create %s", path);
    TRY(failpoint("store.local.after_link", e));
    return sync_folder(path, e);
}

static enum err put_file(struct local *l, const char *key, const void *bytes, size_t n, bool replace, struct error *e)
{
    char path[PATH_BYTES], temp[PATH_BYTES + 64], id[37];
    TRY(path_of(l, key, path, e));
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
    TRY(path_of((struct local *)s, key, path, e));
    return buf_read_file(out, path, e);
}

static enum err head(struct store *s, const char *key, int64_t *size_bytes, struct error *e)
{
    char        path[PATH_BYTES];
    struct stat st;
    TRY(path_of((struct local *)s, key, path, e));
    if (stat(path, &st) != 0)
        return err_errno(e, errno, "look at %s", path);
    *size_bytes = st.st_size;
    return OK;
}

/* Only one folder deep: that is all a Delta log needs. */
static enum err list(struct store *s, const char *prefix, const char *after, bool (*each)(void *, const char *),
                     void *arg, struct error *e)
{
    char path[PATH_BYTES], key[PATH_BYTES];
    TRY(failpoint("store.list", e));
    TRY(path_of((struct local *)s, prefix, path, e));
    char *slash = strrchr(path, '/');
    *slash = 0;
    const char *inside = strrchr(prefix, '/');
    int         folder_length = inside ? (int)(inside - prefix) + 1 : 0;
    DIR        *d = opendir(path);
    if (!d)
        return errno == ENOENT ? OK : err_errno(e, errno, "open %s", path);
    bool           more = true;
    struct dirent *entry;
    for (errno = 0; more && (entry = readdir(d)); errno = 0) {
        if (entry->d_type == DT_DIR || entry->d_name[0] == '.')
            continue;
        snprintf(key, sizeof key, "%.*s%s", folder_length, prefix, entry->d_name);
        if (strncmp(key, prefix, strlen(prefix)) == 0 && (!after || strcmp(key, after) > 0))
            more = each(arg, key);
    }
    enum err rc = more && errno ? err_errno(e, errno, "read folder %s", path) : OK;
    closedir(d);
    return rc;
}

static enum err remove_key(struct store *s, const char *key, struct error *e)
{
    char path[PATH_BYTES];
    TRY(path_of((struct local *)s, key, path, e));
    return unlink(path) == 0 ? OK : err_errno(e, errno, "remove %s", path);
}

static void free_local(struct store *s) { mem_free(s); }

static const struct store_ops ops = {.put = put,
                                     .put_if_absent = put_if_absent,
                                     .get = get,
                                     .head = head,
                                     .list = list,
                                     .remove = remove_key,
                                     .free = free_local};

/* A relative root must survive a change of the working folder. */
static enum err take_root(struct local *l, const char *root, struct error *e)
{
    char here[PATH_BYTES / 4] = "";
    if (root[0] != '/' && !getcwd(here, sizeof here))
        return err_errno(e, errno, "working folder");
    int n = snprintf(l->root, sizeof l->root, "%s%s%s", here, root[0] == '/' ? "" : "/", root);
    if (n >= (int)sizeof l->root)
        return err_set(e, ERR_LIMIT, "the path %s is longer than %zu bytes", root, sizeof l->root);
    while (n > 1 && l->root[n - 1] == '/')
        l->root[--n] = 0;
    return OK;
}

enum err store_local_new(const char *root, struct store **out, struct error *e)
{
    struct local *l = mem_zalloc(TAG_SINK, sizeof *l);
    *out = NULL;
    if (!l)
        return err_set(e, ERR_NO_MEMORY, "store %s", root);
    l->base.ops = &ops;
    enum err rc = take_root(l, root, e);
    if (rc == OK)
        *out = &l->base;
    else
        mem_free(l);
    return rc;
}
