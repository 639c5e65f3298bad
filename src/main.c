/* SPDX-License-Identifier: MIT */
/* main: finds the command and runs it. Everything a command needs lives in its own cli_<name>.c. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "cli.h"

static const struct cli_command *const commands[] = {
    &cli_serve,   &cli_status, &cli_start_query, &cli_stop_query, &cli_tail,  &cli_tables,
    &cli_dump,    &cli_health, &cli_config,      &cli_run,        &cli_reset, &cli_check,
    &cli_explain, &cli_export, &cli_produce,     &cli_broker,     &cli_demo};
#define N_COMMANDS ((int)(sizeof commands / sizeof commands[0]))

static const char help_text[] =
    "millrace - streaming SQL from Kafka into Delta Lake\n\n"
    "Quick start:\n"
    "  millrace demo                 run a built-in demo, no Kafka needed\n"
    "  millrace run job.sql          run the query of a file in the foreground\n"
    "  millrace serve job.sql        run queries as a service, with a page to watch them\n\n"
    "Commands:\n";

static const char exit_codes_text[] =
    "0    done, or stopped cleanly by SIGINT or SIGTERM\n"
    "1    failed for another reason; the message says why\n"
    "2    wrong usage: unknown command or flag\n"
    "65   bad SQL, or a record that the query's policy says to fail on\n"
    "69   broker unreachable, or a topic or file is missing\n"
    "73   cannot create an output\n"
    "74   input or output error, disk full, or a file that cannot be trusted\n"
    "75   the state folder is in use by another process\n"
    "76   fenced: another writer owns this query's table\n"
    "77   not allowed\n"
    "78   configuration: unknown option or property, or a query that changed in a way its state cannot follow\n"
    "79   data loss: records that are needed are gone from Kafka, or the table was replaced or went back\n"
    "130  a second signal\n";

static const struct failpoint_name failpoints[] = {
    {"pipeline.open", "an epoch opens"},
    {"pipeline.snapshot.before", "operator state is about to be written"},
    {"pipeline.snapshot.after", "... is durable"},
    {"sink.prepare.before", "data files are about to be written"},
    {"sink.prepare.after_put", "... are durable"},
    {"pipeline.prepared.before", "the epoch is about to be recorded as prepared"},
    {"pipeline.prepared.after", "... is recorded"},
    {"sink.commit.before", "the Delta commit is about to be made"},
    {"store.local.after_temp", "a file has its temporary name"},
    {"store.local.after_link", "a file has its name, its folder is not synced"},
    {"sink.commit.after", "the Delta commit is made"},
    {"delta.checkpoint.before_hint", "a checkpoint of a table's log is written, nothing names it yet"},
    {"pipeline.committed.before", "the epoch is about to be recorded as committed"},
    {"pipeline.committed.after", "... is recorded"},
    {"store.put", "a call of the object store"},
    {"store.put_if_absent", "... its others"},
    {"store.get", "..."},
    {"store.list", "..."},
};
#define N_FAILPOINTS ((int)(sizeof failpoints / sizeof failpoints[0]))

static void print_help(void)
{
    fputs(help_text, stdout);
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %-20s %s\n", commands[i]->name, commands[i]->arguments, commands[i]->summary);
    fputs("  help       [command]            examples and flags; also: help exit-codes, help failpoints\n"
          "  version                         the version\n",
          stdout);
}

static const struct cli_command *find_command(const char *name)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(names[i], name) == 0)
            return commands[i];
    }
    const char *near = nearest_name(name, names, N_COMMANDS);
    cli_say("unknown command \"%s\"%s%s%s; see: millrace help", name, near ? "; did you mean \"" : "", near ? near : "",
            near ? "\"?" : "");
    return NULL;
}

static int help(int argc, char **argv)
{
    if (argc < 3) {
        print_help();
        return EXIT_OK;
    }
    if (strcmp(argv[2], "exit-codes") == 0) {
        fputs(exit_codes_text, stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[2], "failpoints") == 0) {
        fputs("MILLRACE_FAILPOINT=\"name=action[@N],..\" with action kill, error or sleep:MS, for tests:\n\n", stdout);
        for (int i = 0; i < N_FAILPOINTS; i++)
            printf("%-25s %s\n", failpoints[i].name, failpoints[i].what);
        return EXIT_OK;
    }
    const struct cli_command *command = find_command(argv[2]);
    if (command)
        cli_help(command);
    return command ? EXIT_OK : EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct error e;
    setlocale(LC_ALL, "C");
    signal(SIGPIPE, SIG_IGN);
    log_setup(getenv("MILLRACE_DEBUG") ? LOG_DEBUG : LOG_INFO, false);
    if (failpoint_setup(getenv("MILLRACE_FAILPOINT"), failpoints, N_FAILPOINTS, &e) != OK) {
        cli_say("%s", e.text);
        return EXIT_USAGE;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return argc < 2 ? EXIT_USAGE : EXIT_OK;
    }
    if (strcmp(argv[1], "help") == 0)
        return help(argc, argv);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
        puts("millrace " MILLRACE_VERSION);
        return EXIT_OK;
    }
    const struct cli_command *command = find_command(argv[1]);
    return command ? cli_start(command, argc - 1, argv + 1) : EXIT_USAGE;
}
