/* SPDX-License-Identifier: MIT */
#include "state/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"

#define MAGIC "MRSNAP01"
#define HEAD_BYTES 20

static enum err write_all(int fd, const uint8_t *bytes, size_t n, const char *path, struct error *e)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_errno(e, errno, "write %s", path);
        bytes += done;
        n -= (size_t)done;
    }
    return OK;
}

static enum err sync_dir(const char *dir, struct error *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "open %s", dir);
    enum err rc = fsync(fd) == 0 ? OK : err_errno(e, errno, "fsync %s", dir);
    close(fd);
    return rc;
}

enum err snapshot_write(const char *dir, const char *name, const void *payload, size_t n, struct error *e)
{
    char       folder[4096], path[4352], temp[4368];
    struct buf head;
    enum err   rc;
    snprintf(folder, sizeof folder, "%s/snapshots", dir);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(temp, sizeof temp, "%s.tmp", path);
    buf_init(&head, TAG_STATE, 64);
    buf_put(&head, MAGIC, 8);
    buf_u64(&head, n);
    buf_u32(&head, crc32c(0, payload, n));
    if ((rc = buf_check(&head, "snapshot head", e)) != OK)
        return rc;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = err_errno(e, errno, "open %s", temp);
        goto out;
    }
    if ((rc = write_all(fd, head.data, head.size, temp, e)) != OK || (rc = write_all(fd, payload, n, temp, e)) != OK)
        goto out;
    if (fsync(fd) != 0) {
        rc = err_errno(e, errno, "fsync %s", temp);
        goto out;
    }
    if (rename(temp, path) != 0) {
        rc = err_errno(e, errno, "rename %s", temp);
        goto out;
    }
    rc = sync_dir(folder, e);
out:
    if (fd >= 0)
        close(fd);
    if (rc != OK)
        unlink(temp);
    buf_fini(&head);
    return rc;
}

enum err snapshot_read(const char *dir, const char *name, struct buf *out, struct error *e)
{
    char   path[4352];
    size_t before = out->size;
    snprintf(path, sizeof path, "%s/snapshots/%s", dir, name);
    TRY(buf_read_file(out, path, e));
    struct view    v = {.data = out->data + before, .size = out->size - before};
    const uint8_t *magic = view_take(&v, 8);
    uint64_t       size = view_u64(&v);
    uint32_t       crc = view_u32(&v);
    if (v.failed || memcmp(magic, MAGIC, 8) != 0)
        return err_set(e, ERR_CORRUPT, "%s is not a snapshot", path);
    if (v.size != size)
        return err_set(e, ERR_CORRUPT, "%s: %zu bytes of state instead of %llu", path, v.size,
                       (unsigned long long)size);
    if (crc32c(0, v.data, v.size) != crc)
        return err_set(e, ERR_CORRUPT, "%s: checksum does not match", path);
    memmove(out->data + before, v.data, v.size);
    out->size = before + (size_t)size;
    return OK;
}

void snapshot_sweep(const char *dir, const char *prefix, const char *keep, const char *keep_too)
{
    char folder[4096], path[4400];
    snprintf(folder, sizeof folder, "%s/snapshots", dir);
    DIR *d = opendir(folder);
    if (!d) {
        log_warn("state", "open %s: %s", folder, strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        const char *name = entry->d_name;
        if (strncmp(name, prefix, strlen(prefix)) != 0 || (keep && strcmp(name, keep) == 0) ||
            (keep_too && strcmp(name, keep_too) == 0))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (unlink(path) != 0 && errno != ENOENT)
            log_warn("state", "remove %s: %s", path, strerror(errno));
    }
    closedir(d);
}
