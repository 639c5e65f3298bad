/* SPDX-License-Identifier: MIT */
/*
 * base/failpoint: named places where a test may kill, fail or delay the process.
 *
 *   MILLRACE_FAILPOINT="sink.commit.before=kill@3,pipeline.open=error,store.put=sleep:200"
 *
 * `kill` raises SIGKILL, `error` makes the step fail (retryable), `sleep:MS` waits; `@N` acts on the N-th
 * arrival only (for error and sleep: from the first arrival on without it, every time). Unset costs one load.
 * `millrace help failpoints` lists the names. Any thread.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include "base/error.h"

struct failpoint_name {
    const char *name, *what;
};

/* Takes the environment's text (NULL: nothing) once, before any thread starts. ERR_INVALID names an entry that is
 * wrong, or a point that is none of `names` (NULL: any): a test that waits for it would wait for ever. */
MUST_CHECK enum err failpoint_setup(const char *spec, const struct failpoint_name *names, int n_names, struct error *e);

extern bool         failpoint_armed;
MUST_CHECK enum err failpoint_hit(const char *name, struct error *e);

/* ERR_IO (retry) when armed with `error`, else OK. */
static inline MUST_CHECK enum err failpoint(const char *name, struct error *e)
{
    return __builtin_expect(failpoint_armed, 0) ? failpoint_hit(name, e) : OK;
}

#endif
