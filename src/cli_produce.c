/* SPDX-License-Identifier: MIT */
/* millrace produce and broker: generated or replayed records into a topic; a broker in memory for demos. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli.h"
#include "kafka/broker.h"
#include "pipeline/producing.h"
#include "text/time.h"

#define SHOW_EVERY_US 250000

static struct produce_flags {
    const char *bootstrap, *topic, *template_, *start_time, *ads_file, *replay, *time_field, *key_field, *key;
    const char *compression, *group, *url, *symbols, *user_agent;
    int64_t     poll_us;
    int64_t     rows, seed, partitions, entities, step_us, late_by_us, disorder_us, max_lag;
    double      rate, late, duplicates, malformed, skew, speed;
    bool        create, string_time;
} flags = {.bootstrap = "127.0.0.1:9092",
           .template_ = "ad_events",
           .seed = 1,
           .late_by_us = 60000000,
           .compression = "lz4",
           .user_agent = "millrace/" MILLRACE_VERSION,
           .max_lag = 5000,
           .speed = 1};

static const struct cli_option *produce_options(int *n)
{
    static const struct cli_option list[] = {
        {"bootstrap-servers", OPT_TEXT, &flags.bootstrap, "HOST:PORT", "the brokers (default 127.0.0.1:9092)"},
        {"topic", OPT_TEXT, &flags.topic, "NAME", "where to"},
        {"create", OPT_FLAG, &flags.create, "", "make the topic when it is not there"},
        {"partitions", OPT_COUNT, &flags.partitions, "N",
         "of the topic (--create: 4); records without a key go round them"},
        {"template", OPT_TEXT, &flags.template_, "NAME",
         "ad_events (default), clickstream, iot_sensors, trades; or a public stream: wikimedia, coinbase, usgs"},
        {"rows", OPT_COUNT, &flags.rows, "N", "how many (default: until stopped)"},
        {"rate", OPT_RATE, &flags.rate, "5k/s", "how fast (default: as fast as possible)"},
        {"seed", OPT_COUNT, &flags.seed, "N", "the same seed gives the same records (default 1)"},
        {"start-time", OPT_TEXT, &flags.start_time, "TIME", "event time of the first record (default: now)"},
        {"step", OPT_DURATION, &flags.step_us, "1ms", "event time per record (default: by the rate)"},
        {"key", OPT_TEXT, &flags.key, "KIND", "template (default), none, entity or random"},
        {"entities", OPT_COUNT, &flags.entities, "N", "how many ads, users, devices or symbols"},
        {"skew", OPT_NUMBER, &flags.skew, "1.1", "exponent of a Zipf law over entities (default 0: uniform)"},
        {"late", OPT_PERCENT, &flags.late, "1%", "share of records that come late"},
        {"late-by", OPT_DURATION, &flags.late_by_us, "60s", "by up to how much"},
        {"disorder", OPT_DURATION, &flags.disorder_us, "2s", "event times move by up to +- so much"},
        {"duplicates", OPT_PERCENT, &flags.duplicates, "1%", "share of records sent twice"},
        {"malformed", OPT_PERCENT, &flags.malformed, "0.5%", "share of broken records"},
        {"string-time", OPT_FLAG, &flags.string_time, "", "event_time as a text (ad_events)"},
        {"ads-file", OPT_TEXT, &flags.ads_file, "PATH", "write the ads (ad_id,campaign_id) as CSV"},
        {"replay", OPT_TEXT, &flags.replay, "PATH", "send an NDJSON or CSV file in event-time order instead"},
        {"time-field", OPT_TEXT, &flags.time_field, "NAME", "of a replayed file: its event time"},
        {"key-field", OPT_TEXT, &flags.key_field, "NAME", "of a replayed file: the records' key"},
        {"speed", OPT_NUMBER, &flags.speed, "10", "of a replay: 1 as recorded (default), 0 as fast as possible"},
        {"url", OPT_TEXT, &flags.url, "URL", "of a public stream: another address that speaks the same"},
        {"symbols", OPT_TEXT, &flags.symbols, "LIST", "of coinbase: BTC-USD,ETH-USD (default: these and SOL-USD)"},
        {"poll-every", OPT_DURATION, &flags.poll_us, "60s",
         "of usgs: between two polls (default: as the service says)"},
        {"user-agent", OPT_TEXT, &flags.user_agent, "TEXT", "of a public stream: who we are (default: millrace)"},
        {"compression", OPT_TEXT, &flags.compression, "KIND", "none, lz4 (default), zstd, snappy or gzip"},
        {"max-lag-of", OPT_TEXT, &flags.group, "GROUP", "wait while this consumer group is behind"},
        {"max-lag", OPT_COUNT, &flags.max_lag, "5k", "... by more records than that in one partition"},
    };
    *n = (int)(sizeof list / sizeof list[0]);
    return list;
}

/* ---- making ---- */

static bool key_kind(enum produce_key *out)
{
    static const char *const names[] = {"template", "none", "entity", "random"};
    if (!flags.key)
        return true;
    for (int i = 0; i < 4; i++)
        if (strcmp(flags.key, names[i]) == 0) {
            *out = (enum produce_key)i;
            return true;
        }
    cli_say("--key takes template, none, entity or random, not \"%s\"", flags.key);
    return false;
}

static bool fill_knobs(struct produce_knobs *k)
{
    int64_t start_us = clock_wall_us();
    produce_knobs_init(k);
    if (flags.start_time && !timestamp_parse(flags.start_time, strlen(flags.start_time), start_us, &start_us)) {
        cli_say("--start-time: cannot read \"%s\"", flags.start_time);
        return false;
    }
    k->rows = flags.rows;
    k->seed = (uint64_t)flags.seed;
    k->rate_per_s = flags.rate;
    k->start_ms = start_us / 1000;
    k->step_us = flags.step_us;
    k->skew = flags.skew;
    k->late_percent = flags.late * 100;
    k->late_ms = flags.late_by_us / 1000;
    k->disorder_ms = flags.disorder_us / 1000;
    k->duplicate_percent = flags.duplicates * 100;
    k->malformed_percent = flags.malformed * 100;
    k->time_as_text = flags.string_time;
    k->n_entities = (int)flags.entities;
    k->time_field = flags.time_field;
    k->key_field = flags.key_field;
    k->speed = flags.speed;
    return key_kind(&k->key);
}

/* ---- sending ---- */

struct sending {
    struct producing *p;
    int64_t           started_us, shown_us;
    bool              terminal;
};

static void show(void *arg)
{
    struct sending         *s = arg;
    struct producing_counts c;
    int64_t                 now = clock_mono_us(), expected = producing_expected(s->p);
    if (cli_stopping)
        producing_stop(s->p);
    if (!s->terminal || now - s->shown_us < SHOW_EVERY_US)
        return;
    s->shown_us = now;
    producing_counts(s->p, &c);
    double rate = (double)c.acked * 1e6 / (double)(now - s->started_us + 1);
    if (expected > 0)
        fprintf(stderr, "\r\033[K%3.0f%% ", 100.0 * (double)c.acked / (double)expected);
    else
        fprintf(stderr, "\r\033[K");
    fprintf(stderr, "%" PRId64 " acknowledged, %.0f/s%s%s", c.acked, rate, c.last_error[0] ? ", " : "", c.last_error);
}

static void say_counts(struct sending *s)
{
    struct producing_counts c;
    struct produce_tally    t;
    producing_counts(s->p, &c);
    producing_tally(s->p, &t);
    const struct stream_tally *st = producing_stream(s->p);
    if (st) {
        fprintf(stderr,
                "%ssent %" PRId64 ", acknowledged %" PRId64 ", failed %" PRId64 "; %" PRId64 " came again, %" PRId64
                " not understood, %" PRId64 " missed, %" PRId64 " connections\n",
                s->terminal ? "\r\033[K" : "", c.sent, c.acked, c.failed + c.waiting, st->repeated, st->unread,
                st->missed, st->connects);
        return;
    }
    fprintf(stderr,
            "%ssent %" PRId64 ", acknowledged %" PRId64 ", failed %" PRId64 "; %" PRId64 " late, %" PRId64
            " duplicates, %" PRId64 " malformed; %.0f/s\n",
            s->terminal ? "\r\033[K" : "", c.sent, c.acked, c.failed + c.waiting, t.late, t.duplicates, t.malformed,
            (double)c.acked * 1e6 / (double)(clock_mono_us() - s->started_us + 1));
}

static enum err produce_records(const struct produce_knobs *k, struct error *e)
{
    struct sending        s = {.terminal = cli_stderr_is_terminal(), .started_us = clock_mono_us()};
    struct producing_spec spec = {.bootstrap = flags.bootstrap,
                                  .topic = flags.topic,
                                  .compression = flags.compression,
                                  .template_name = flags.template_,
                                  .replay = flags.replay,
                                  .knobs = *k,
                                  .url = flags.url,
                                  .symbols = flags.symbols,
                                  .user_agent = flags.user_agent,
                                  .poll_ms = (int)(flags.poll_us / 1000),
                                  .create = flags.create,
                                  .partitions = (int)flags.partitions,
                                  .group = flags.group,
                                  .max_lag = flags.max_lag,
                                  .show = show,
                                  .show_arg = &s};
    TRY(producing_new(&spec, &s.p, e));
    enum err rc = producing_run(s.p, e);
    say_counts(&s);
    producing_free(s.p);
    return rc;
}

static int produce(const char *file)
{
    struct produce_knobs k;
    struct error         e;
    (void)file;
    if (!flags.topic)
        cli_say("produce needs --topic");
    if (!flags.topic || !fill_knobs(&k))
        return EXIT_USAGE;
    if (flags.create && !flags.partitions)
        flags.partitions = 4;
    bool no_key =
        k.key == PRODUCE_KEY_NONE || (k.key == PRODUCE_KEY_DEFAULT && strcmp(flags.template_, "ad_events") == 0);
    k.n_partitions = no_key && !flags.replay ? (int)flags.partitions : 0;
    if (flags.ads_file && producing_write_ads(&k, flags.ads_file, &e) != OK) {
        cli_say("%s", e.text);
        return EXIT_CANNOT_CREATE;
    }
    cli_stop_on_signals();
    enum err rc = produce_records(&k, &e);
    if (rc != OK)
        cli_say("%s", e.text);
    return rc == ERR_INVALID ? EXIT_USAGE : cli_exit_code(rc);
}

const struct cli_command cli_produce = {
    .name = "produce",
    .arguments = "",
    .summary = "fill a topic with generated or replayed records",
    .example = "millrace produce --topic ads --create --rows 1M --rate 50k/s",
    .run = produce,
    .options = produce_options,
};

/* ---- broker ---- */

static int64_t     broker_partitions = 4;
static const char *broker_topic;

static const struct cli_option *broker_options(int *n)
{
    static const struct cli_option list[] = {
        {"topic", OPT_TEXT, &broker_topic, "NAME", "make this topic (others are made by use, with 4 partitions)"},
        {"partitions", OPT_COUNT, &broker_partitions, "N", "of that topic (default 4)"},
    };
    *n = 2;
    return list;
}

static int broker(const char *file)
{
    struct kafka_broker *b = NULL;
    struct error         e;
    int                  number;
    sigset_t             set;
    (void)file;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before the broker's threads, which inherit it */
    enum err rc = kafka_broker_start(1, &b, &e);
    if (rc == OK && broker_topic)
        rc = kafka_broker_topic(b, broker_topic, (int)broker_partitions, &e);
    if (rc == OK) {
        printf("%s\n", kafka_broker_bootstrap(b));
        fflush(stdout);
        sigwait(&set, &number);
    } else {
        cli_say("%s", e.text);
    }
    kafka_broker_free(b);
    return cli_exit_code(rc);
}

const struct cli_command cli_broker = {
    .name = "broker",
    .arguments = "",
    .summary = "a Kafka broker in memory, for demos and tests",
    .example = "millrace broker --topic ads --partitions 4",
    .run = broker,
    .options = broker_options,
};
