/* SPDX-License-Identifier: MIT */
/*
 * text/tzif: a time zone's offsets from its file in the system's time zone database.
 *
 * Source: RFC 9636 (TZif, version 2 and later: the 64-bit block and the footer, a POSIX TZ string). The footer's rule
 * is written out for 400 years: after so many the calendar repeats to the day of the week, so that any later moment is
 * a moment of these. A file is not trusted: whatever its bytes, it is read or refused. Any thread.
 */
#ifndef TEXT_TZIF_H
#define TEXT_TZIF_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TZIF_BYTES_MAX ((size_t)256 << 10)
/* 400 years of the Gregorian calendar: 146097 days. */
#define ZONE_PERIOD_US ((int64_t)146097 * 86400 * 1000000)

/* Immutable; one block of memory, freed with mem_free. */
struct zone_rules {
    uint32_t       n;          /* changes of the offset */
    bool           repeats;    /* from the last change on as ZONE_PERIOD_US before */
    const int64_t *at_us;      /* when, UTC, ascending */
    const int64_t *local_us;   /* from this local time on the offset behind the change holds */
    const int64_t *offsets_us; /* n + 1: before the first change, behind each; local = UTC + offset */
};

/* ERR_NOT_FOUND: not a TZif file at all; ERR_CORRUPT: a damaged or unknown one; ERR_NO_MEMORY. */
MUST_CHECK enum err tzif_parse(const uint8_t *bytes, size_t n, struct zone_rules **out, struct error *e);

#endif
