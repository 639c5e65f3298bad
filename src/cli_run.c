/* SPDX-License-Identifier: MIT */
/* millrace run: one file's query in the foreground, until its input ends or a signal comes. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "job.h"
#include "pipeline/query.h"
#include "status.h"

#define GIVE_UP_US ((int64_t)300 * 1000000) /* a job that is to end, and that something like a timer has started */

static struct run_options {
    bool             available_now, summary;
    int64_t          until_idle_us, give_up_us;
    const char      *state_dir, *warehouse;
    struct cli_pairs params;
} options = {.warehouse = "./lake"};

static const struct cli_option *run_options(int *n)
{
    static const struct cli_option list[] = {
        {"available-now", OPT_FLAG, &options.available_now, "", "process what is there at the start, then exit"},
        {"give-up-after", OPT_DURATION, &options.give_up_us, "5m",
         "fail when nothing has worked for that long (default with --available-now: 5m, else never)"},
        {"until-idle", OPT_DURATION, &options.until_idle_us, "10s", "exit when nothing has come for that long"},
        {"state-dir", OPT_TEXT, &options.state_dir, "DIR", "checkpoints (default .millrace beside the file)"},
        {"warehouse", OPT_TEXT, &options.warehouse, "DIR", "tables that name no LOCATION (default ./lake)"},
        {"param", OPT_PAIRS, &options.params, "name=value", "fills ${name} in the file; may be repeated"},
        {"summary", OPT_FLAG, &options.summary, "", "print what was done, with the ledger, as JSON at the end"},
    };
    *n = (int)(sizeof list / sizeof list[0]);
    return list;
}

struct runner {
    uv_loop_t          loop;
    uv_signal_t        signals[3];
    uv_timer_t         status;
    struct query_host  host;
    struct query      *query;
    struct status_line line;
    int                n_signals;
};

static void on_stopped(void *arg) { uv_stop(&((struct runner *)arg)->loop); }

static void on_signal(uv_signal_t *handle, int number)
{
    struct runner *r = handle->data;
    (void)number;
    status_clear(&r->line);
    if (r->n_signals++) {
        cli_say("stopped now; what was not committed is read again next time");
        _exit(EXIT_FORCED);
    }
    cli_say("stopping after a last epoch (again to stop now)");
    query_drain(r->query);
}

static void on_status(uv_timer_t *timer)
{
    struct runner *r = timer->data;
    status_show(&r->line, r->query);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_closed(void *arg) /* the query is gone: all else goes */
{
    struct runner *r = arg;
    query_host_close(&r->host);
    uv_walk(&r->loop, close_handle, NULL);
}

static void say_nothing_read(const struct query_status *st)
{
    if (!options.available_now || !st->nothing_to_read)
        return;
    for (int i = 0; i < st->plan->n_sources; i++)
        if (((struct kafka_relation *)st->plan->sources[i].relation.handle)->options.starting == START_LATEST) {
            cli_say("nothing was read: startingOffsets is latest, Spark's default; 'earliest' reads what is there");
            return;
        }
}

static int finish(struct runner *r)
{
    struct query_status st;
    struct buf          summary;
    query_status(r->query, &st);
    int code = st.state == QUERY_STOPPED ? EXIT_OK : cli_exit_code(st.rc);
    status_clear(&r->line);
    if (st.state == QUERY_FAILED)
        cli_say("query %s: %s", st.plan->name, st.error);
    else
        say_nothing_read(&st);
    if (options.summary) {
        buf_init(&summary, TAG_PROCESS, (size_t)64 << 20);
        query_summary(r->query, &summary);
        fputs(buf_text(&summary), stdout);
        fflush(stdout);
        buf_fini(&summary);
    }
    uv_timer_stop(&r->status);
    query_close(r->query, on_closed, r);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&r->loop) == 0);
    return code;
}

static int run_plan(struct job_file *j, const char *state_dir)
{
    static struct runner r;
    struct error         e;
    struct query_options o = {.available_now = options.available_now,
                              .until_idle_us = options.until_idle_us,
                              .give_up_us = options.give_up_us      ? options.give_up_us
                                            : options.available_now ? GIVE_UP_US
                                                                    : 0,
                              .stopped = on_stopped,
                              .stopped_arg = &r};
    uv_loop_init(&r.loop);
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP}; /* SIGHUP: the terminal has gone */
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&r.loop, &r.signals[i]);
        r.signals[i].data = &r;
        uv_signal_start(&r.signals[i], on_signal, numbers[i]);
    }
    status_init(&r.line);
    enum err rc = query_host_init(&r.host, &r.loop, state_dir, &e);
    if (rc == OK)
        rc = query_start(&r.host, &j->script.plans[0], &o, &r.query, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        return cli_exit_code(rc);
    }
    uv_timer_init(&r.loop, &r.status);
    r.status.data = &r;
    if (r.line.terminal)
        uv_timer_start(&r.status, on_status, 250, 250);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    return finish(&r);
}

static int run(const char *file)
{
    char            state_dir[4352];
    struct job_file j;
    int             code = job_load(&j, file, options.warehouse, &options.params);
    if (code == EXIT_OK && j.script.n_plans > 1) {
        cli_say("%s creates %d streaming tables; run takes a file with one", file, j.script.n_plans);
        code = EXIT_DATA;
    }
    if (code == EXIT_OK) {
        job_state_dir(&j, options.state_dir, state_dir);
        code = run_plan(&j, state_dir);
    }
    job_free(&j);
    return code;
}

const struct cli_command cli_run = {.name = "run",
                                    .arguments = "FILE",
                                    .summary = "run the query of a file",
                                    .example = "millrace run job.sql --available-now --summary",
                                    .run = run,
                                    .options = run_options};
