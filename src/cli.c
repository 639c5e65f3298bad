/* SPDX-License-Identifier: MIT */
/* cli: options, help and exit codes. See cli.h. */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"

int cli_exit_code(enum err code)
{
    switch (code) {
    case OK:
        return EXIT_OK;
    case ERR_DATA:
        return EXIT_DATA;
    case ERR_NOT_FOUND:
    case ERR_UNAVAILABLE:
        return EXIT_UNAVAILABLE;
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_CORRUPT:
        return EXIT_IO;
    case ERR_BUSY:
        return EXIT_BUSY;
    case ERR_FENCED:
        return EXIT_FENCED;
    case ERR_PERMISSION:
        return EXIT_PERMISSION;
    case ERR_INVALID:
    case ERR_UNSUPPORTED:
    case ERR_CONFLICT:
        return EXIT_CONFIG;
    case ERR_DATA_LOSS:
        return EXIT_DATA_LOSS;
    case ERR_EXISTS:
        return EXIT_CANNOT_CREATE;
    case ERR_LIMIT:
    case ERR_NO_MEMORY:
    case ERR_CANCELLED:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("millrace: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

bool cli_stderr_is_terminal(void) { return isatty(STDERR_FILENO) == 1; }

/* ---- values ---- */

static bool parse_scaled(const char *text, double *out, const char **rest)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    if (end == text || errno || *out < 0)
        return false;
    *rest = end;
    return true;
}

static bool parse_rate(const char *text, double *out)
{
    const char *rest;
    if (!parse_scaled(text, out, &rest))
        return false;
    if (*rest == 'k' || *rest == 'K' || *rest == 'M')
        *out *= *rest++ == 'M' ? 1e6 : 1e3;
    return *rest == 0 || strcmp(rest, "/s") == 0;
}

static bool parse_duration(const char *text, int64_t *us)
{
    static const struct {
        const char *unit;
        double      us;
    } units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"min", 60e6}, {"h", 3600e6}};
    const char *rest;
    double      value;
    if (!parse_scaled(text, &value, &rest))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(rest, units[i].unit) == 0) {
            *us = (int64_t)(value * units[i].us);
            return true;
        }
    return false;
}

static bool parse_count(const char *text, int64_t *out)
{
    const char *rest;
    double      value;
    if (!parse_scaled(text, &value, &rest))
        return false;
    if (*rest == 'k' || *rest == 'K' || *rest == 'M')
        value *= *rest++ == 'M' ? 1e6 : 1e3;
    *out = (int64_t)value;
    return *rest == 0;
}

static bool parse_percent(const char *text, double *out)
{
    const char *rest;
    if (!parse_scaled(text, out, &rest))
        return false;
    if (strcmp(rest, "%") == 0)
        *out /= 100;
    else if (*rest)
        return false;
    return *out <= 1;
}

static bool parse_pair(const char *text, struct cli_pairs *pairs)
{
    const char *equal = strchr(text, '=');
    if (!equal || equal == text || pairs->n == CLI_PAIRS_MAX)
        return false;
    char *name = mem_strdup(TAG_PROCESS, text);
    if (!name)
        return false;
    name[equal - text] = 0;
    pairs->names[pairs->n] = name;
    pairs->values[pairs->n++] = equal + 1;
    return true;
}

static bool set_value(const struct cli_option *o, const char *text)
{
    static const char *const wanted[] = {"",
                                         "a text",
                                         "a whole number",
                                         "a rate such as 5k or 10k/s",
                                         "a duration such as 10s or 500ms",
                                         "a share such as 2%",
                                         "a number such as 1.5",
                                         "name=value"};
    bool                     ok = true;
    switch (o->kind) {
    case OPT_FLAG:
        *(bool *)o->value = true;
        break;
    case OPT_TEXT:
        *(const char **)o->value = text;
        break;
    case OPT_COUNT:
        ok = parse_count(text, o->value);
        break;
    case OPT_RATE:
        ok = parse_rate(text, o->value);
        break;
    case OPT_DURATION:
        ok = parse_duration(text, o->value);
        break;
    case OPT_PERCENT:
        ok = parse_percent(text, o->value);
        break;
    case OPT_NUMBER: {
        const char *rest;
        ok = parse_scaled(text, o->value, &rest) && *rest == 0;
        break;
    }
    case OPT_PAIRS:
        ok = parse_pair(text, o->value);
        break;
    }
    if (!ok)
        cli_say("--%s takes %s, not \"%s\"", o->name, wanted[o->kind], text);
    return ok;
}

/* ---- flags ---- */

#define OPTIONS_MAX 64

static const struct cli_option *find_option(const struct cli_command *command, const char *name, size_t length)
{
    int                      n;
    const struct cli_option *options = command->options(&n);
    const char              *names[OPTIONS_MAX];
    char                     wanted[64];
    for (int i = 0; i < n; i++) {
        names[i] = options[i].name;
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    }
    snprintf(wanted, sizeof wanted, "%.*s", (int)length, name);
    const char *near = nearest_name(wanted, names, n);
    cli_say("%s has no flag --%s%s%s%s", command->name, wanted, near ? "; did you mean --" : "", near ? near : "",
            near ? "?" : "");
    return NULL;
}

/* One flag at argv[*i]; moves *i over a separate value. */
static bool parse_flag(const struct cli_command *command, int argc, char **argv, int *i)
{
    const char              *name = argv[*i] + 2, *equal = strchr(name, '=');
    const struct cli_option *o = find_option(command, name, equal ? (size_t)(equal - name) : strlen(name));
    if (!o)
        return false;
    if (o->kind == OPT_FLAG) {
        if (equal) {
            cli_say("--%s takes no value", o->name);
            return false;
        }
        return set_value(o, "");
    }
    if (equal)
        return set_value(o, equal + 1);
    if (*i + 1 >= argc) {
        cli_say("--%s needs a value: --%s %s", o->name, o->name, o->metavar);
        return false;
    }
    return set_value(o, argv[++*i]);
}

int cli_start(const struct cli_command *command, int argc, char **argv)
{
    const char *file = NULL;
    char      **files = argv; /* those found are moved to the front */
    int         n_files = 0;
    bool        takes_file = command->arguments[0] != 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            cli_help(command);
            return EXIT_OK;
        }
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
            if (!parse_flag(command, argc, argv, &i))
                return EXIT_USAGE;
        } else if (command->run_many) {
            files[n_files++] = argv[i];
        } else if (!takes_file || file) {
            cli_say("%s: unexpected argument \"%s\"", command->name, argv[i]);
            return EXIT_USAGE;
        } else {
            file = argv[i];
        }
    }
    if (command->run_many)
        return command->run_many(n_files, files);
    if (takes_file && !file) {
        cli_say("%s needs a file: %s", command->name, command->example);
        return EXIT_USAGE;
    }
    return command->run(file);
}

volatile sig_atomic_t cli_stopping;

static void on_stop(int number)
{
    (void)number;
    cli_stopping = 1;
}

void cli_stop_on_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

void cli_help(const struct cli_command *command)
{
    int                      n;
    const struct cli_option *options = command->options(&n);
    printf("%s\n\n  millrace %s%s%s [flags]\n\n", command->summary, command->name, command->arguments[0] ? " " : "",
           command->arguments);
    printf("Example:\n  %s\n\nFlags:\n", command->example);
    for (int i = 0; i < n; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", options[i].name, options[i].metavar ? options[i].metavar : "");
        printf("  %-32s %s\n", left, options[i].help);
    }
}

enum err cli_read_file(const char *path, size_t limit, struct buf *out, struct error *e)
{
    buf_init(out, TAG_SQL, limit);
    TRY(buf_read_file(out, strcmp(path, "-") == 0 ? "/dev/stdin" : path, e));
    const uint8_t *zero = out->size ? memchr(out->data, 0, out->size) : NULL;
    if (zero)
        return err_set(e, ERR_INVALID, "%s: byte %zu is zero: this is no text", path, (size_t)(zero - out->data) + 1);
    return OK;
}
