/* SPDX-License-Identifier: MIT */
/*
 * state/snapshot: operator state of one epoch as a checksummed file.
 *
 *   "MRSNAP01" | u64 payload bytes | u32 CRC-32C of the payload | payload      (little-endian)
 *
 * Written to a temporary name, fsynced, renamed, folder fsynced: when write returns, it is durable. io thread.
 */
#ifndef STATE_SNAPSHOT_H
#define STATE_SNAPSHOT_H

#include "base/buf.h"

/* name is relative to <dir>/snapshots. */
MUST_CHECK enum err snapshot_write(const char *dir, const char *name, const void *payload, size_t n, struct error *e);
/* Appends the payload to out. ERR_NOT_FOUND; ERR_CORRUPT names the file and what is wrong with it. */
MUST_CHECK enum err snapshot_read(const char *dir, const char *name, struct buf *out, struct error *e);
/* Removes every snapshot of the query but those two (either may be NULL). Failures are only logged. */
void snapshot_sweep(const char *dir, const char *prefix, const char *keep, const char *keep_too);

#endif
