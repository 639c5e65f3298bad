/* SPDX-License-Identifier: MIT */
/*
 * cli: the command line: one table of options per command, exit codes, and what commands share.
 *
 * stdout is for data, stderr for messages. A flag may be written --name value or --name=value, before or after
 * the other arguments. Loop thread only.
 */
#ifndef CLI_H
#define CLI_H

#include <signal.h>

#include "base/buf.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_DATA = 65,        /* bad SQL, or a record that policy says to fail on */
    EXIT_UNAVAILABLE = 69, /* broker unreachable, topic or file missing */
    EXIT_CANNOT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_BUSY = 75,   /* the state folder is held by another process */
    EXIT_FENCED = 76, /* another writer owns this query */
    EXIT_PERMISSION = 77,
    EXIT_CONFIG = 78, /* unknown option or property, changed query */
    EXIT_DATA_LOSS = 79,
    EXIT_FORCED = 130, /* a second signal */
};

/* The exit code that tells a caller what kind of failure this is. */
int cli_exit_code(enum err code);

enum option_kind { OPT_FLAG, OPT_TEXT, OPT_COUNT, OPT_RATE, OPT_DURATION, OPT_PERCENT, OPT_NUMBER, OPT_PAIRS };

#define CLI_PAIRS_MAX 64
struct cli_pairs { /* --param name=value, repeated */
    const char *names[CLI_PAIRS_MAX], *values[CLI_PAIRS_MAX];
    int         n;
};

struct cli_option {
    const char      *name; /* "state-dir" */
    enum option_kind kind;
    void            *value; /* FLAG bool; TEXT const char *; COUNT int64_t; RATE double (per second; "5k", "10k/s", 0 =
                               as fast as possible); DURATION int64_t us ("10s", "500ms", "1m"); PERCENT double 0..1
                               ("2%"); PAIRS struct cli_pairs */
    const char      *metavar, *help;
};

struct cli_command {
    const char *name, *arguments, *summary, *example;
    int (*run)(const char *file);                /* flags are read; file: NULL when `arguments` is "" */
    int (*run_many)(int n_files, char **files);  /* instead of run: takes any number of files */
    const struct cli_option *(*options)(int *n); /* for help and completion */
};

/* Reads flags into their values, then runs the command, or prints its help. argv[0] is the command. What is wrong is
 * said, with the nearest flag: EXIT_USAGE. */
int  cli_start(const struct cli_command *command, int argc, char **argv);
void cli_help(const struct cli_command *command);

/* SIGINT and SIGTERM set cli_stopping from now on; system calls they interrupt are not restarted. */
void                         cli_stop_on_signals(void);
extern volatile sig_atomic_t cli_stopping;

/* "millrace: <text>" on stderr. */
void cli_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* Reads a whole file, at most limit bytes ("-" is stdin). *out is to be freed in any case. */
MUST_CHECK enum err cli_read_file(const char *path, size_t limit, struct buf *out, struct error *e);
bool                cli_stderr_is_terminal(void);

extern const struct cli_command cli_status, cli_start_query, cli_stop_query, cli_tail, cli_tables, cli_dump, cli_health;
extern const struct cli_command cli_serve, cli_config, cli_run, cli_reset, cli_check, cli_explain, cli_export,
    cli_produce, cli_broker, cli_demo;

#endif
