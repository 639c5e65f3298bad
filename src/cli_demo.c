/* SPDX-License-Identifier: MIT */
/* millrace demo: a broker process, and a service with a producer and the queries of examples/ad-campaigns, in a fresh
 * folder. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "serve.h"

static struct demo_flags {
    double      rate;
    int64_t     for_us;
    const char *listen;
} flags = {.rate = 1500};

static const struct cli_option *demo_options(int *n)
{
    static const struct cli_option list[] = {
        {"rate", OPT_RATE, &flags.rate, "1500/s", "events per second"},
        {"for", OPT_DURATION, &flags.for_us, "30s", "stop by itself after that long"},
        {"listen", OPT_TEXT, &flags.listen, "HOST:PORT", "of the page (default 127.0.0.1:8080, or any free port)"},
    };
    *n = 3;
    return list;
}

static const struct demo_file {
    const char *name;
    size_t      size;
    const char *text;
} files[] = {
#include "demo_sql.inc"
};
#define N_FILES ((int)(sizeof files / sizeof files[0]))

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

static bool write_files(void)
{
    bool ok = true;
    for (int i = 0; ok && i < N_FILES; i++) {
        FILE *f = fopen(files[i].name, "w");
        ok = f && fwrite(files[i].text, 1, files[i].size, f) == files[i].size;
        ok = f && fclose(f) == 0 && ok;
    }
    return ok;
}

static char  folder[64] = "/tmp/millrace-demo-XXXXXX";
static pid_t broker;

static void say_ready(const char *address)
{
    printf(
        "http://%s/\n"
        "Events per campaign, live: pull the producer's rate, stop and start a query, look at late and broken rows.\n"
        "run folder %s (the SQL and the tables are in it); Ctrl-C stops\n",
        address, folder);
    fflush(stdout);
}

static void say_how_to_read(void)
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

static int start_broker(char bootstrap[128])
{
    int out = -1;
    broker = spawn((char *[]){"millrace", "broker", "--topic", "ad-events", NULL}, &out);
    ssize_t got = broker > 0 ? read(out, bootstrap, 127) : 0;
    if (got <= 0) {
        cli_say("the broker does not start");
        return EXIT_UNAVAILABLE;
    }
    bootstrap[strcspn(bootstrap, "\n")] = 0;
    return EXIT_OK;
}

/* Is the port taken? Then any other is as good. */
static bool is_taken(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool taken = fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0;
    if (fd >= 0)
        close(fd);
    return taken;
}

static int serve_demo(const char *bootstrap, int64_t started_us)
{
    static struct config config;
    static char          spec[600];
    struct cli_pairs     params = {.names = {"broker"}, .values = {bootstrap}, .n = 1};
    struct serve_query   queries[N_FILES];
    struct produce_knobs ads;
    struct error         e;
    produce_knobs_init(&ads);
    if (producing_write_ads(&ads, "ads.csv", &e) != OK) {
        cli_say("%s", e.text);
        return EXIT_CANNOT_CREATE;
    }
    for (int i = 0; i < N_FILES; i++)
        queries[i] =
            (struct serve_query){.label = files[i].name, .sql = files[i].text, .folder = folder, .params = &params};
    snprintf(spec, sizeof spec,
             "{\"topic\":\"ad-events\",\"bootstrap_servers\":\"%s\",\"template\":\"ad_events\",\"rate\":%.0f,"
             "\"late_pct\":0.5,\"disorder_ms\":500,\"malformed_pct\":0.2,\"max_lag_of\":\"millrace-campaign_views\"}",
             bootstrap, flags.rate);
    config_defaults(&config);
    if (flags.listen)
        config_set(&config, "server.listen", flags.listen, "--listen");
    else if (is_taken(8080))
        config_set(&config, "server.listen", "127.0.0.1:0", "demo");
    config_set(&config, "storage.state_dir", "./state", "demo");
    config_set(&config, "ui.environment", "demo", "demo");
    struct serve_plan plan = {.config = &config,
                              .queries = queries,
                              .n_queries = N_FILES,
                              .producer = "ads",
                              .producer_spec = spec,
                              .watched = "campaign_views",
                              .for_us = flags.for_us,
                              .ready = say_ready,
                              .started_us = started_us};
    int               code = serve_run(&plan);
    config_free(&config);
    return code;
}

static int demo(const char *file)
{
    char    bootstrap[128] = "";
    int64_t started_us = clock_mono_us();
    (void)file;
    if (!mkdtemp(folder) || chdir(folder) != 0 || !write_files()) {
        cli_say("cannot make a run folder: %s", strerror(errno));
        return EXIT_CANNOT_CREATE;
    }
    log_setup(LOG_WARN, false); /* the page says the rest */
    int code = start_broker(bootstrap);
    if (code == EXIT_OK)
        code = serve_demo(bootstrap, started_us);
    if (broker > 0) {
        kill(broker, SIGTERM);
        waitpid(broker, NULL, 0);
    }
    if (code == EXIT_OK)
        say_how_to_read();
    return code;
}

const struct cli_command cli_demo = {.name = "demo",
                                     .arguments = "",
                                     .summary = "a page to play with, no Kafka needed",
                                     .example = "millrace demo",
                                     .run = demo,
                                     .options = demo_options};
