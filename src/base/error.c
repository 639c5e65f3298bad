/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *err_name(enum err code)
{
    switch (code) {
#define ERR_NAME(c, name, decision) \
    case c:                         \
        return name;
        ERR_MAP(ERR_NAME)
#undef ERR_NAME
    }
    return "unknown";
}

static void set_text(struct error *e, enum err code, bool retry, const char *format, va_list args)
{
    vsnprintf(e->text, sizeof e->text, format, args);
    e->code = code;
    e->retry = retry;
}

static bool passes_by_itself(enum err code)
{
    return code == ERR_NO_SPACE || code == ERR_UNAVAILABLE || code == ERR_BUSY;
}

enum err err_set(struct error *e, enum err code, const char *format, ...)
{
    if (e) {
        va_list args;
        va_start(args, format);
        set_text(e, code, passes_by_itself(code), format, args);
        va_end(args);
    }
    return code;
}

static enum err code_of_errno(int number)
{
    switch (number) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

enum err err_errno(struct error *e, int number, const char *format, ...)
{
    enum err code = code_of_errno(number);
    if (e) {
        va_list args;
        va_start(args, format);
        set_text(e, code, passes_by_itself(code) || number == EROFS || number == EIO, format, args);
        va_end(args);
        size_t length = strlen(e->text);
        snprintf(e->text + length, sizeof e->text - length, ": %s", strerror(number));
    }
    return code;
}

enum err err_wrap(struct error *e, enum err code, const char *format, ...)
{
    if (e) {
        char    context[sizeof e->text];
        size_t  cause_length = strlen(e->text);
        size_t  room = sizeof e->text - 1 - cause_length; /* for "context: " */
        va_list args;
        va_start(args, format);
        int n = vsnprintf(context, sizeof context, format, args);
        va_end(args);
        if (n > 0 && room > 2) {
            size_t length = strlen(context) < room - 2 ? strlen(context) : room - 2;
            memmove(e->text + length + 2, e->text, cause_length + 1);
            memcpy(e->text, context, length);
            memcpy(e->text + length, ": ", 2);
        }
    }
    return code;
}

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "millrace: bug at %s:%d: %s does not hold\n", file, line, condition);
    fflush(NULL);
    abort();
}
