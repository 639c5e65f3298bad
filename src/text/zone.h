/* SPDX-License-Identifier: MIT */
/*
 * text/zone: time zones by the names that Spark's getZoneId knows, and local time, as java.time has it.
 *
 * A name is an offset (+02:00, +2:00, Z, UTC+1, GMT-02:30), one of Java's short names (EST, PST) or a name of the
 * system's time zone database (Europe/Berlin): upper and lower case count. That database is $TZDIR or
 * /usr/share/zoneinfo, of the package tzdata. Its names are listed once, a zone is read when it is first named, and
 * both stay for the life of the process; there is no more of them than the database has. Any thread.
 */
#ifndef TEXT_ZONE_H
#define TEXT_ZONE_H

#include "text/tzif.h"

#define ZONE_NAME_MAX 64

struct zone {
    const struct zone_rules *rules; /* NULL: offset_us, always */
    int64_t                  offset_us;
};

/* ERR_NOT_FOUND: there is no such zone (Spark's [INVALID_TIMEZONE]); ERR_IO: no database, the text names the package;
 * ERR_CORRUPT: the zone's file is damaged; ERR_NO_MEMORY. Reads a file once per zone, else no file and no memory. */
MUST_CHECK enum err zone_find(const char *name, size_t n, struct zone *out, struct error *e);
/* Bytes of the zone that the text starts with, as the letters VV of a DateTimeFormatter that ignores case read it: the
 * longest name of the database, +hh:mm[:ss], Z, UTC[+hh:mm[:ss]] and its like, no short names. 0: it is none. */
size_t zone_read(const char *text, size_t n, struct zone *out);
/* The known name most like it, or NULL. */
const char *zone_nearest(const char *name);
/* Forgets all that was read; for a process that counts its memory at its end. No zone may be in use. */
void zones_free(void);

/* Between these times (without to_us) local time is UTC + offset_us. So a caller asks once for many rows. */
struct zone_span {
    int64_t from_us, to_us, offset_us;
};
struct zone_span zone_at(const struct zone *z, int64_t utc_us);
/* The span is one of local times. Within a gap the local time moves forward by the gap, of two moments the earlier is
 * meant: UTC = local - offset_us gives java.time's answer in all cases. */
struct zone_span   zone_at_local(const struct zone *z, int64_t local_us);
static inline bool zone_span_has(const struct zone_span *s, int64_t us) { return us >= s->from_us && us < s->to_us; }

#endif
