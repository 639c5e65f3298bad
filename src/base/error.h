/* SPDX-License-Identifier: MIT */
/*
 * base/error: a code for the machine and a sentence for the person.
 *
 * The callee fills the error where it is found; each caller on the way up prefixes its own context:
 * "query clicks: commit 12: put 000..12.json: permission denied". Any thread; no shared state.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Each code is a decision for the caller; the third column says which. */
#define ERR_MAP(X)                                                                    \
    X(OK, "ok", "go on")                                                              \
    X(ERR_INVALID, "invalid", "the caller's input is wrong")                          \
    X(ERR_UNSUPPORTED, "unsupported", "valid elsewhere, not here: refuse by name")    \
    X(ERR_NOT_FOUND, "not_found", "the named thing does not exist")                   \
    X(ERR_EXISTS, "exists", "somebody was first: look at what they made")             \
    X(ERR_CONFLICT, "conflict", "a concurrent change: reload and try again")          \
    X(ERR_FENCED, "fenced", "another writer owns this query: stop")                   \
    X(ERR_CORRUPT, "corrupt", "stored bytes cannot be trusted")                       \
    X(ERR_DATA, "data", "a record cannot be processed and policy says fail")          \
    X(ERR_DATA_LOSS, "data_loss", "records we need are gone: a person decides")       \
    X(ERR_LIMIT, "limit", "a configured ceiling was reached")                         \
    X(ERR_NO_MEMORY, "no_memory", "allocation failed: give up this step")             \
    X(ERR_NO_SPACE, "no_space", "disk or quota full: wait and try again")             \
    X(ERR_IO, "io", "the operating system refused; retry says whether to try again")  \
    X(ERR_UNAVAILABLE, "unavailable", "a remote service is away: wait and try again") \
    X(ERR_PERMISSION, "permission", "not allowed: a person must act")                 \
    X(ERR_BUSY, "busy", "held by another process")                                    \
    X(ERR_CANCELLED, "cancelled", "asked to stop")

#define ERR_ENUM(code, name, decision) code,
enum err { ERR_MAP(ERR_ENUM) };
#undef ERR_ENUM

struct error {
    enum err code;
    bool     retry;     /* the same call may succeed later without anybody's help */
    char     text[256]; /* always terminated; no trailing full stop or newline */
};

/* "corrupt" for ERR_CORRUPT. */
const char *err_name(enum err code);

/* Sets *e (which may be NULL) and returns code, so that a failing function ends with one line. */
enum err err_set(struct error *e, enum err code, const char *format, ...) PRINTF_LIKE(3, 4);

/* As err_set for a failed system call: appends ": " and the text of `number` (an errno), chooses the code
 * (ENOENT not found, EEXIST exists, EACCES/EPERM/EROFS permission, ENOSPC/EDQUOT no space, ENOMEM, else io)
 * and sets retry for those that may pass by themselves. */
enum err err_errno(struct error *e, int number, const char *format, ...) PRINTF_LIKE(3, 4);

/* Prefixes the sentence in *e with "context: " and returns code unchanged (e may be NULL).
 * When both do not fit, the context is cut, never the cause. */
enum err err_wrap(struct error *e, enum err code, const char *format, ...) PRINTF_LIKE(3, 4);

/* For a function that owns nothing: if (step fails) return its code. No other macro hides a jump. */
#define TRY(step)               \
    do {                        \
        enum err try_ = (step); \
        if (try_ != OK)         \
            return try_;        \
    } while (0)

/* A bug is not an error: prints where and what, and aborts, in release builds too. */
#define CHECK(condition)                                  \
    do {                                                  \
        if (__builtin_expect(!(condition), 0))            \
            check_failed(#condition, __FILE__, __LINE__); \
    } while (0)

_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
