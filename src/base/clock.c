/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"

static _Atomic int64_t fixed_wall_us;

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void) { return read_us(CLOCK_MONOTONIC); }

int64_t clock_wall_us(void)
{
    int64_t fixed = atomic_load_explicit(&fixed_wall_us, memory_order_relaxed);
    return fixed ? fixed : read_us(CLOCK_REALTIME);
}

void clock_set_wall(int64_t us) { atomic_store(&fixed_wall_us, us); }

int64_t clock_thread_cpu_us(void) { return read_us(CLOCK_THREAD_CPUTIME_ID); }

int64_t clock_process_cpu_us(void) { return read_us(CLOCK_PROCESS_CPUTIME_ID); }

void uuid_v4(char out[37])
{
    uint8_t b[16];
    CHECK(getrandom(b, sizeof b, 0) == (ssize_t)sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
