/* SPDX-License-Identifier: MIT */
/*
 * base/log: one line per event on stderr, for a person or (json) for a collector. Any thread.
 *
 * Text is escaped: control characters and invalid bytes never reach the terminal. A line is one write().
 * log_limited lets a repeating message through once per interval and then says how many were held back.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_setup(enum log_level least, bool json);
/* Called (with no lock held) before each line, so that a terminal status line can get out of the way. */
void log_set_before(void (*before)(void));
void log_line(enum log_level level, const char *room, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_debug(room, ...) log_line(LOG_DEBUG, room, __VA_ARGS__)
#define log_info(room, ...) log_line(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...) log_line(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_line(LOG_ERROR, room, __VA_ARGS__)

#endif
