/* SPDX-License-Identifier: MIT */
/* base/clock: monotonic time for timers, wall time for what people and tables see. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_us(void);        /* since 1970-01-01T00:00:00Z; tests fix it with clock_set_wall */
void    clock_set_wall(int64_t us); /* 0 = the real clock again */

/* CPU time of the calling thread, or of the whole process. */
int64_t clock_thread_cpu_us(void);
int64_t clock_process_cpu_us(void);

/* A random (version 4) UUID, as 36 characters and a NUL; from the kernel's generator. */
void uuid_v4(char out[37]);

#endif
