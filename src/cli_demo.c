/* SPDX-License-Identifier: MIT */
/* millrace demo: a broker, a producer and a query with filter, join and windows, each a process, in a fresh folder. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

static struct demo_flags {
    double  rate;
    int64_t for_us;
} flags = {.rate = 2000};

static const struct cli_option *demo_options(int *n)
{
    static const struct cli_option list[] = {
        {"rate", OPT_RATE, &flags.rate, "2k/s", "events per second"},
        {"for", OPT_DURATION, &flags.for_us, "30s", "stop by itself after that long"},
    };
    *n = 2;
    return list;
}

static const char job_sql[] =
    "CREATE TEMPORARY VIEW events AS\n"
    "SELECT e.ad_id, e.event_type, timestamp_millis(e.event_time) AS event_time\n"
    "FROM (SELECT from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT') AS e\n"
    "      FROM STREAM read_kafka(bootstrapServers => '${broker}', subscribe => 'ads', startingOffsets => "
    "'earliest'));\n\n"
    "CREATE STREAMING TABLE campaign_views\n"
    "TBLPROPERTIES ('pipelines.trigger.interval' = '1 second')\n"
    "AS SELECT window.start AS window_start, campaign_id, count(*) AS views\n"
    "FROM STREAM events WATERMARK event_time DELAY OF INTERVAL 1 SECOND AS e\n"
    "JOIN read_files('ads.csv', format => 'csv', header => true, schema => 'ad_id STRING, campaign_id STRING') AS ads\n"
    "  USING (ad_id)\n"
    "WHERE event_type = 'view'\n"
    "GROUP BY window(event_time, '10 seconds'), campaign_id;\n";

/* A child that dies with us; *out reads its standard output when asked for. */
static pid_t spawn(char *const argv[], int *out)
{
    int fds[2] = {-1, -1};
    if (out && pipe(fds) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0); /* Ctrl-C is for us to pass on */
        if (out) {
            dup2(fds[1], STDOUT_FILENO);
            close(fds[0]);
            close(fds[1]);
        }
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    if (out) {
        close(fds[1]);
        *out = fds[0];
    }
    return pid;
}

static bool write_job(const char *folder)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/job.sql", folder);
    FILE *f = fopen(path, "w");
    bool  ok = f && fputs(job_sql, f) >= 0;
    return f && fclose(f) == 0 && ok;
}

static void say_how_to_read(const char *folder)
{
    printf("\nThe table is %s/lake/campaign_views. Read it with\n"
           "  DuckDB    SELECT * FROM delta_scan('%s/lake/campaign_views');\n"
           "  Polars    pl.read_delta('%s/lake/campaign_views')\n"
           "  deltalake QueryBuilder().register('t', DeltaTable('%s/lake/campaign_views')).execute('SELECT * FROM "
           "t').read_all()\n"
           "  Spark     spark.read.format('delta').load('%s/lake/campaign_views')\n"
           "Python once: python3 -m venv venv && venv/bin/pip install deltalake polars pyarrow\n",
           folder, folder, folder, folder, folder);
}

static int demo(const char *file)
{
    char folder[64] = "/tmp/millrace-demo-XXXXXX", bootstrap[128] = "", param[160], state[4200], lake[4200], job[4200];
    char rate[32], ads[4200];
    int  out = -1, status = 0;
    (void)file;
    if (!mkdtemp(folder) || !write_job(folder)) {
        cli_say("cannot make a run folder: %s", strerror(errno));
        return EXIT_CANNOT_CREATE;
    }
    printf("run folder %s (job.sql is in it); Ctrl-C stops\n", folder);
    fflush(stdout);
    cli_stop_on_signals();
    pid_t   broker = spawn((char *[]){"millrace", "broker", "--topic", "ads", NULL}, &out);
    ssize_t got = broker > 0 ? read(out, bootstrap, sizeof bootstrap - 1) : 0;
    if (got <= 0) {
        cli_say("the broker does not start");
        return EXIT_UNAVAILABLE;
    }
    bootstrap[strcspn(bootstrap, "\n")] = 0;
    snprintf(rate, sizeof rate, "%.0f", flags.rate);
    snprintf(ads, sizeof ads, "%s/ads.csv", folder);
    snprintf(param, sizeof param, "broker=%s", bootstrap);
    snprintf(state, sizeof state, "%s/state", folder);
    snprintf(lake, sizeof lake, "%s/lake", folder);
    snprintf(job, sizeof job, "%s/job.sql", folder);
    pid_t producer =
        spawn((char *[]){"millrace", "produce", "--bootstrap-servers", bootstrap, "--topic", "ads", "--rate", rate,
                         "--max-lag-of", "millrace-campaign_views", "--ads-file", ads, NULL},
              NULL);
    for (int i = 0; i < 100 && access(ads, R_OK) != 0; i++)
        usleep(20000);
    pid_t query = spawn(
        (char *[]){"millrace", "run", job, "--param", param, "--state-dir", state, "--warehouse", lake, NULL}, NULL);
    for (int64_t waited = 0; !cli_stopping && waitpid(query, &status, WNOHANG) == 0; waited += 100000) {
        if (flags.for_us && waited >= flags.for_us)
            break;
        usleep(100000);
    }
    kill(query, SIGTERM);
    waitpid(query, &status, 0);
    kill(producer, SIGTERM);
    waitpid(producer, NULL, 0);
    kill(broker, SIGTERM);
    waitpid(broker, NULL, 0);
    say_how_to_read(folder);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_OK;
}

const struct cli_command cli_demo = {.name = "demo",
                                     .arguments = "",
                                     .summary = "a built-in demo, no Kafka needed",
                                     .example = "millrace demo",
                                     .run = demo,
                                     .options = demo_options};
