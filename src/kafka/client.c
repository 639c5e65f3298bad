/* SPDX-License-Identifier: MIT */
#include "kafka/client_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define NOBODY_ANSWERS_US 3000000 /* all brokers away for so long: a waiting call gives up */
#define LEADER_WAIT_US 5000000
#define LEADER_RETRY_US 100000

/* ---- configuration ---- */

enum err conf__set(rd_kafka_conf_t *conf, const char *key, const char *value, struct error *e)
{
    char text[200] = "";
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return OK;
    if (kafka_setting_is_secret(key)) /* librdkafka quotes the value */
        return err_set(e, ERR_INVALID, "Kafka client option %s: the value is not understood", key);
    return err_set(e, ERR_INVALID, "Kafka client option %s: %s", key, text);
}

enum err conf__set_int(rd_kafka_conf_t *conf, const char *key, int64_t value, struct error *e)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    return conf__set(conf, key, text, e);
}

/* Our own defaults; settings of the user come later and win. */
static const struct kafka_setting common[] = {
    {"client.id", "millrace"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "30000"},
    {"reconnect.backoff.max.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "60000"},
    {"allow.auto.create.topics", "false"},
    {"enable.metrics.push", "false"},
    {"ssl.endpoint.identification.algorithm", "https"},
};

static enum err fill(rd_kafka_conf_t *conf, const struct kafka_client *c, struct error *e)
{
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        TRY(conf__set(conf, common[i].key, common[i].value, e));
    for (int i = 0; i < c->n_settings; i++) {
        const char *key = c->settings[i].key, *end = strrchr(key, '.');
        if (end && strcmp(end, ".location") == 0 && access(c->settings[i].value, R_OK) != 0)
            return err_errno(e, errno, "%s (Kafka's %s)", c->settings[i].value,
                             key); /* OpenSSL would say it in riddles */
        TRY(conf__set(conf, key, c->settings[i].value, e));
    }
    return conf__set(conf, "bootstrap.servers", c->bootstrap, e);
}

enum err link__conf(const struct kafka_client *c, rd_kafka_conf_t **out, struct error *e)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err         rc = fill(conf, c, e);
    if (rc != OK) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *out = conf;
    return OK;
}

/* ---- what the handle tells by itself ---- */

static bool is_refusal(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

/* "ssl://h:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker
 * certificate could not be verified, verify that ... (after 9ms in state SSL_HANDSHAKE)" without what only experts
 * read. */
static void note(char *to, size_t size, const char *text)
{
    static const char *const tails[] = {" (after ", ", verify that"};
    const char *at = strstr(text, ": "), *inner = strstr(text, "error:"), *routines = strstr(text, "routines::");
    size_t      n = 0;
    if (at && memchr(text, '/', (size_t)(at - text)))
        text = at + 2;
    for (const char *end = text + strlen(text); text < end && n + 1 < size; text++) {
        if (strncmp(text, tails[0], strlen(tails[0])) == 0 || strncmp(text, tails[1], strlen(tails[1])) == 0)
            break;
        if (inner && routines && text == inner)
            text = routines + strlen("routines::");
        to[n++] = *text;
    }
    to[n] = 0;
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    struct link        *l = arg;
    rd_kafka_resp_err_t err = code;
    bool                went_down = false;
    char                why[200];
    (void)rk;
    pthread_mutex_lock(&l->lock);
    if (is_refusal(err)) {
        l->refused_us = clock_mono_us();
        l->refused_code = err;
        note(l->refused, sizeof l->refused, reason);
    }
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        went_down = l->down_since_us == 0;
        if (went_down)
            l->down_since_us = clock_mono_us();
        if (!l->last[0])
            note(l->last, sizeof l->last, "no connection could be made");
    } else {
        note(l->last, sizeof l->last, reason);
    }
    memcpy(why, l->last, sizeof why);
    went_down = went_down && l->was_up && !l->silence.since_us; /* that was told */
    pthread_mutex_unlock(&l->lock);
    if (went_down)
        log_warn("kafka", "no broker can be reached (%s); trying again until one can", why);
}

void link__is_up(struct link *l)
{
    bool was_down;
    pthread_mutex_lock(&l->lock);
    was_down = l->down_since_us != 0 && l->was_up && !l->silence.since_us;
    l->down_since_us = 0;
    l->refused_us = 0;
    l->was_up = true;
    pthread_mutex_unlock(&l->lock);
    if (was_down)
        log_info("kafka", "brokers can be reached again");
}

/* Nothing else tells when an idle client is back. */
static int on_stats(rd_kafka_t *rk, char *json, size_t n, void *arg)
{
    (void)rk;
    struct link      *l = arg;
    enum silence_news news;
    char              text[200], broker[sizeof l->silence.broker];
    pthread_mutex_lock(&l->lock);
    memcpy(broker, l->silence.broker, sizeof broker);
    bool up = silence_hear(&l->silence, json, n, clock_mono_us(), &news);
    silence_text(l->silence.broker, l->silence.since_us, text);
    pthread_mutex_unlock(&l->lock);
    if (news == SILENCE_BEGAN)
        log_warn("kafka", "%s", text);
    else if (news != SILENCE_AS_BEFORE)
        log_info("kafka", "broker %s %s", broker, news == SILENCE_ENDED ? "answers again" : "is away now");
    if (up)
        link__is_up(l);
    return 0; /* librdkafka frees json */
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    if (level <= 2) /* syslog: critical */
        log_error("kafka", "%s: %s", facility, text);
    else
        log_debug("kafka", "%s: %s", facility, text); /* the error callback and our own sentences say it to people */
}

enum err link__open(struct link *l, rd_kafka_type_t type, rd_kafka_conf_t *take, struct error *e)
{
    char text[256] = "";
    memset(l, 0, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    rd_kafka_conf_set_opaque(take, l);
    rd_kafka_conf_set_error_cb(take, on_error);
    rd_kafka_conf_set_stats_cb(take, on_stats);
    rd_kafka_conf_set_log_cb(take, on_log);
    l->rk = rd_kafka_new(type, take, text, sizeof text);
    if (l->rk)
        return OK;
    rd_kafka_conf_destroy(take);
    pthread_mutex_destroy(&l->lock);
    return err_set(e, ERR_INVALID, "Kafka client: %s", text);
}

void link__close(struct link *l)
{
    if (!l->rk)
        return;
    rd_kafka_destroy(l->rk);
    l->rk = NULL;
    pthread_mutex_destroy(&l->lock);
}

/* ---- errors as sentences ---- */

static const struct {
    rd_kafka_resp_err_t code;
    enum err            err;
    bool                retry;
    const char         *advice; /* appended, or NULL */
} sentences[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_PERMISSION, false, "check kafka.sasl.mechanism, user name and password"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ERR_PERMISSION, false,
     "check kafka.sasl.mechanism, user name and password"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ERR_PERMISSION, false, "check kafka.sasl.mechanism"},
    {RD_KAFKA_RESP_ERR__SSL, ERR_PERMISSION, false,
     "check that kafka.ssl.truststore.location is the PEM file of the CA that signed the broker's certificate"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_PERMISSION, false,
     "this user needs READ and DESCRIBE on the topic"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_PERMISSION, false, "this user needs READ on the group"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_PERMISSION, false, "this user may not do that on the cluster"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_NOT_FOUND, false, NULL},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_NOT_FOUND, false, NULL},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_NOT_FOUND, false, NULL},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID, ERR_NOT_FOUND, false, NULL},
    {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ERR_EXISTS, false, NULL},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_INVALID, false, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_INVALID, false, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_INVALID, false, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_INVALID, false, NULL},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, ERR_INVALID, false, NULL},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_PERMISSION, false, NULL},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ERR_UNSUPPORTED, false, NULL},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ERR_UNSUPPORTED, false, NULL},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_LIMIT, false, NULL},
    {RD_KAFKA_RESP_ERR__BAD_MSG, ERR_CORRUPT, false, NULL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, ERR_CORRUPT, false, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, ERR_CORRUPT, false, NULL},
    {RD_KAFKA_RESP_ERR__FATAL, ERR_IO, false, NULL},
    {RD_KAFKA_RESP_ERR__DESTROY, ERR_CANCELLED, false, NULL},
};

enum err kafka__error(struct error *e, rd_kafka_resp_err_t code, const char *why, const char *what)
{
    const char *text = why && *why ? why : rd_kafka_err2str(code);
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        if (sentences[i].code == code) {
            const char *advice = sentences[i].advice;
            enum err    rc =
                err_set(e, sentences[i].err, "%s: %.150s%s%s", what, text, advice ? "; " : "", advice ? advice : "");
            if (e)
                e->retry = sentences[i].retry;
            return rc;
        }
    enum err rc = err_set(e, ERR_UNAVAILABLE, "%s: %s", what, text); /* the rest passes by itself */
    if (e)
        e->retry = true;
    return rc;
}

/* ---- waiting for answers ---- */

/* Why go on waiting? OK, or the error that makes it pointless. */
static enum err hopeless(struct link *l, const char *what, bool at_end, struct error *e)
{
    struct link now;
    pthread_mutex_lock(&l->lock);
    now.down_since_us = l->down_since_us;
    now.refused_us = l->refused_us;
    now.refused_code = l->refused_code;
    memcpy(now.last, l->last, sizeof now.last);
    memcpy(now.refused, l->refused, sizeof now.refused);
    pthread_mutex_unlock(&l->lock);
    if (now.refused_us && (now.down_since_us || at_end))
        return kafka__error(e, now.refused_code, now.refused, what);
    if (at_end || (now.down_since_us && clock_mono_us() - now.down_since_us > NOBODY_ANSWERS_US)) {
        char text[240];
        snprintf(
            text, sizeof text,
            "no broker answers%s%.120s; check bootstrapServers and kafka.security.protocol, and that the broker runs",
            now.last[0] ? ": " : "", now.last);
        return kafka__error(e, RD_KAFKA_RESP_ERR__TIMED_OUT, text, what);
    }
    return OK;
}

enum err link__wait(struct link *l, rd_kafka_queue_t *q, int timeout_ms, const char *what, rd_kafka_event_t **out,
                    struct error *e)
{
    int64_t until = clock_mono_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(q, 50);
        rd_kafka_poll(l->rk, 0); /* error callback */
        if (!event) {
            TRY(hopeless(l, what, clock_mono_us() >= until, e));
            continue;
        }
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            link__is_up(l);
            *out = event;
            return OK;
        }
        enum err rc = code == RD_KAFKA_RESP_ERR__TIMED_OUT
                          ? hopeless(l, what, true, e)
                          : kafka__error(e, code, rd_kafka_event_error_string(event), what);
        rd_kafka_event_destroy(event);
        return rc;
    }
}

static enum err offsets_from(rd_kafka_event_t *event, rd_kafka_topic_partition_list_t *list, struct error *e)
{
    size_t                                   n;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_topic_partition_t *from = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        rd_kafka_topic_partition_t       *to = rd_kafka_topic_partition_list_find(list, from->topic, from->partition);
        char                              what[300];
        snprintf(what, sizeof what, "offsets of %s-%" PRId32, from->topic, from->partition);
        if (from->err)
            return kafka__error(e, from->err, NULL, what);
        if (!to || from->offset < -1) /* after a time-out the client may give neither an offset nor an error */
            return kafka__error(e, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what);
        to->offset = from->offset;
    }
    return (int)n == list->cnt ? OK : kafka__error(e, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, "asking for offsets");
}

/* A leader may not know yet that it is one: of a topic that was made just now, or after an election. */
static bool leader_is_coming(rd_kafka_event_t *event)
{
    size_t                                   n;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i])->err;
        if (code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
            return true;
    }
    return false;
}

static enum err ask_offsets(struct link *l, rd_kafka_topic_partition_list_t *specs, bool committed, int timeout_ms,
                            rd_kafka_event_t **event, struct error *e)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(l->rk, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_queue_t        *q = rd_kafka_queue_new(l->rk);
    char                     text[128];
    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_isolation_level(
        options, committed ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof text);
    rd_kafka_ListOffsets(l->rk, specs, options, q);
    enum err rc = link__wait(l, q, timeout_ms + 1000, "asking for offsets", event, e);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

enum err link__list_offsets(struct link *l, rd_kafka_topic_partition_list_t *list, bool committed, int timeout_ms,
                            struct error *e)
{
    if (list->cnt == 0)
        return OK;
    rd_kafka_topic_partition_list_t *specs = rd_kafka_topic_partition_list_copy(list);
    int64_t                          until = clock_mono_us() + LEADER_WAIT_US;
    enum err                         rc;
    for (bool again = true; again;) {
        rd_kafka_event_t *event = NULL;
        rc = ask_offsets(l, specs, committed, timeout_ms, &event, e);
        again = rc == OK && leader_is_coming(event) && clock_mono_us() < until;
        if (rc == OK && !again)
            rc = offsets_from(event, list, e);
        if (event)
            rd_kafka_event_destroy(event);
        if (again)
            usleep(LEADER_RETRY_US);
    }
    rd_kafka_topic_partition_list_destroy(specs);
    return rc;
}
