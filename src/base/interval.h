/* SPDX-License-Identifier: MIT */
/* base/interval: durations as Spark's CalendarInterval reads them: '10 seconds', 'interval 1 minute 30 seconds'. */
#ifndef BASE_INTERVAL_H
#define BASE_INTERVAL_H

#include <stdint.h>

#include "base/error.h"

/* Sum of the parts: microseconds, and months for year and month units. ERR_INVALID says what is wrong. */
MUST_CHECK enum err interval_parse(const char *text, int64_t *us, int32_t *months, struct error *e);
/* One unit word ("minute", "MINUTES"): microseconds per unit, or months; false when it is none. */
bool interval_unit(const char *word, int64_t *us, int32_t *months);
/* "1.5" of a unit of us microseconds. False on overflow or bad digits. */
bool interval_amount(const char *number, int64_t unit_us, int64_t *us);

#endif
