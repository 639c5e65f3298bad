/* SPDX-License-Identifier: MIT */
#include "kafka/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json/doc.h"

enum option_kind {
    KIND_BOOTSTRAP,
    KIND_SUBSCRIBE,
    KIND_PATTERN,
    KIND_ASSIGN,
    KIND_STARTING,
    KIND_TIMESTAMP,
    KIND_TIMESTAMPS,
    KIND_STRATEGY,
    KIND_LOSS,
    KIND_MAX_OFFSETS,
    KIND_GROUP_PREFIX,
    KIND_GROUP_ID,
    KIND_HEADERS,
    KIND_IGNORED,
    KIND_LATER,
    KIND_TEXT,
    KIND_NUMBER,
    KIND_ONE_OF,
    KIND_SECURITY,
    KIND_JAAS,
    KIND_PEM_FILE,
    KIND_KEYSTORE,
    KIND_STORE_TYPE,
    KIND_ISOLATION,
    KIND_HOST_CHECK
};

/* `key` is librdkafka's name for what is passed on; for KIND_LATER and KIND_IGNORED the reason or what to do.
 * `values`: what KIND_ONE_OF takes, for KIND_NUMBER "least..most". */
static const struct option_row {
    const char      *name;
    enum option_kind kind;
    const char      *key, *values;
} rows[] = {
    {"bootstrapServers", KIND_BOOTSTRAP, NULL, NULL},
    {"kafka.bootstrap.servers", KIND_BOOTSTRAP, NULL, NULL},
    {"subscribe", KIND_SUBSCRIBE, NULL, NULL},
    {"subscribePattern", KIND_PATTERN, NULL, NULL},
    {"assign", KIND_ASSIGN, NULL, NULL},
    {"startingOffsets", KIND_STARTING, NULL, NULL},
    {"startingTimestamp", KIND_TIMESTAMP, NULL, NULL},
    {"startingOffsetsByTimestamp", KIND_TIMESTAMPS, NULL, NULL},
    {"startingOffsetsByTimestampStrategy", KIND_STRATEGY, NULL, NULL},
    {"failOnDataLoss", KIND_LOSS, NULL, NULL},
    {"maxOffsetsPerTrigger", KIND_MAX_OFFSETS, NULL, NULL},
    {"minOffsetsPerTrigger", KIND_LATER, "leave it out: epochs follow the trigger", NULL},
    {"maxTriggerDelay", KIND_LATER, "leave it out: epochs follow the trigger", NULL},
    {"minPartitions", KIND_IGNORED, "partitions are not split over tasks here", NULL},
    {"maxRecordsPerPartition", KIND_IGNORED, "partitions are not split over tasks here", NULL},
    {"kafkaConsumer.pollTimeoutMs", KIND_IGNORED, "polls do not time out here", NULL},
    {"fetchOffset.numRetries", KIND_IGNORED, "retries never end here", NULL},
    {"fetchOffset.retryIntervalMs", KIND_IGNORED, "retries have their own back-off", NULL},
    {"endingOffsets", KIND_LATER, "a stream has no end; millrace run --available-now reads what is there", NULL},
    {"endingTimestamp", KIND_LATER, "a stream has no end; millrace run --available-now reads what is there", NULL},
    {"endingOffsetsByTimestamp", KIND_LATER, "a stream has no end; millrace run --available-now reads what is there",
     NULL},
    {"groupIdPrefix", KIND_GROUP_PREFIX, NULL, NULL},
    {"kafka.group.id", KIND_GROUP_ID, NULL, NULL},
    {"includeHeaders", KIND_HEADERS, NULL, NULL},
    {"kafka.security.protocol", KIND_SECURITY, "security.protocol", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"},
    {"kafka.sasl.mechanism", KIND_ONE_OF, "sasl.mechanisms", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"},
    {"kafka.sasl.mechanisms", KIND_ONE_OF, "sasl.mechanisms", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"},
    {"kafka.sasl.username", KIND_TEXT, "sasl.username", NULL},
    {"kafka.sasl.password", KIND_TEXT, "sasl.password", NULL},
    {"kafka.sasl.jaas.config", KIND_JAAS, NULL, NULL},
    {"kafka.ssl.truststore.location", KIND_PEM_FILE, "ssl.ca.location", NULL},
    {"kafka.ssl.truststore.certificates", KIND_TEXT, "ssl.ca.pem", NULL},
    {"kafka.ssl.truststore.type", KIND_STORE_TYPE, NULL, "PEM"},
    {"kafka.ssl.truststore.password", KIND_IGNORED, "a PEM file has no password", NULL},
    {"kafka.ssl.ca.location", KIND_PEM_FILE, "ssl.ca.location", NULL},
    {"kafka.ssl.certificate.location", KIND_PEM_FILE, "ssl.certificate.location", NULL},
    {"kafka.ssl.key.location", KIND_PEM_FILE, "ssl.key.location", NULL},
    {"kafka.ssl.keystore.certificate.chain", KIND_TEXT, "ssl.certificate.pem", NULL},
    {"kafka.ssl.keystore.key", KIND_TEXT, "ssl.key.pem", NULL},
    {"kafka.ssl.keystore.location", KIND_KEYSTORE, NULL, NULL},
    {"kafka.ssl.keystore.password", KIND_TEXT, "ssl.keystore.password", NULL},
    {"kafka.ssl.keystore.type", KIND_STORE_TYPE, NULL, "PEM or PKCS12"},
    {"kafka.ssl.key.password", KIND_TEXT, "ssl.key.password", NULL},
    {"kafka.ssl.endpoint.identification.algorithm", KIND_HOST_CHECK, "ssl.endpoint.identification.algorithm", NULL},
    {"kafka.isolation.level", KIND_ISOLATION, "isolation.level", NULL},
    {"kafka.client.id", KIND_TEXT, "client.id", NULL},
    {"kafka.client.rack", KIND_TEXT, "client.rack", NULL},
    {"kafka.client.dns.lookup", KIND_ONE_OF, "client.dns.lookup",
     "use_all_dns_ips, resolve_canonical_bootstrap_servers_only"},
    {"kafka.session.timeout.ms", KIND_NUMBER, "session.timeout.ms", "1..3600000"},
    {"kafka.request.timeout.ms", KIND_NUMBER, "socket.timeout.ms", "10..300000"},
    {"kafka.socket.timeout.ms", KIND_NUMBER, "socket.timeout.ms", "10..300000"},
    {"kafka.socket.connection.setup.timeout.ms", KIND_NUMBER, "socket.connection.setup.timeout.ms", "1000..2147483647"},
    {"kafka.connections.max.idle.ms", KIND_NUMBER, "connections.max.idle.ms", "0..2147483647"},
    {"kafka.reconnect.backoff.ms", KIND_NUMBER, "reconnect.backoff.ms", "0..3600000"},
    {"kafka.reconnect.backoff.max.ms", KIND_NUMBER, "reconnect.backoff.max.ms", "0..3600000"},
    {"kafka.retry.backoff.ms", KIND_NUMBER, "retry.backoff.ms", "1..300000"},
    {"kafka.fetch.max.wait.ms", KIND_NUMBER, "fetch.wait.max.ms", "0..300000"},
    {"kafka.fetch.min.bytes", KIND_NUMBER, "fetch.min.bytes", "1..100000000"},
    {"kafka.fetch.max.bytes", KIND_NUMBER, "fetch.max.bytes", "1024..1000000000"},
    {"kafka.max.partition.fetch.bytes", KIND_NUMBER, "fetch.message.max.bytes", "1024..1000000000"},
    {"kafka.metadata.max.age.ms", KIND_NUMBER, "metadata.max.age.ms", "1000..86400000"},
    {"kafka.receive.buffer.bytes", KIND_NUMBER, "socket.receive.buffer.bytes", "0..100000000"},
    {"kafka.max.poll.records", KIND_IGNORED, "how much is taken at a time is millrace's choice", NULL},
    {"kafka.max.poll.interval.ms", KIND_IGNORED, "partitions are assigned, not shared by a group", NULL},
    {"kafka.check.crcs", KIND_IGNORED, "checksums are always checked", NULL},
    {"kafka.auto.offset.reset", KIND_LATER, "Spark refuses it too; use startingOffsets", NULL},
    {"kafka.enable.auto.commit", KIND_LATER, "Spark refuses it too; offsets are committed after each epoch", NULL},
    {"kafka.key.deserializer", KIND_LATER, "Spark refuses it too; use CAST or from_json in the query", NULL},
    {"kafka.value.deserializer", KIND_LATER, "Spark refuses it too; use CAST or from_json in the query", NULL},
    {"kafka.interceptor.classes", KIND_LATER, "there are no Java classes here", NULL},
};
#define N_ROWS ((int)(sizeof rows / sizeof rows[0]))

bool kafka_setting_is_secret(const char *key)
{
    return strstr(key, "password") || strstr(key, "key.pem") || strstr(key, "jaas") || strstr(key, "keystore.key") ||
           strstr(key, "secret");
}

const char *kafka_option_name(int i, const char **note)
{
    if (i < 0 || i >= N_ROWS)
        return NULL;
    if (note)
        *note = rows[i].kind == KIND_LATER ? "refused" : rows[i].kind == KIND_IGNORED ? "no effect" : rows[i].key;
    return rows[i].name;
}

void kafka_options_init(struct kafka_options *o, struct arena *a)
{
    memset(o, 0, sizeof *o);
    o->arena = a;
    o->starting = START_LATEST; /* Spark's default for streams */
    o->timestamp_ms = -1;
    o->fail_on_data_loss = true;
    o->read_committed = true;
    o->group_prefix = "millrace";
}

struct kafka_client kafka_options_client(const struct kafka_options *o)
{
    return (struct kafka_client){o->bootstrap, o->settings, o->n_settings};
}

/* ---- one option being set ---- */

struct setting_call {
    struct kafka_options    *o;
    const struct option_row *row;
    const char              *value;
    struct place             name_at, at;
    struct diags            *diags;
};

static bool bad(const struct setting_call *c, const char *wanted)
{
    bool secret = kafka_setting_is_secret(c->row->name);
    if (secret)
        diag_error(c->diags, c->at, "E_OPTION", "%s takes %s", c->row->name, wanted);
    else
        diag_error(c->diags, c->at, "E_OPTION", "%s takes %s, not \"%.80s\"", c->row->name, wanted, c->value);
    return false;
}

static bool out_of_memory(const struct setting_call *c)
{
    diag_error(c->diags, c->at, "E_LIMIT", "no memory left for the options");
    return false;
}

static char *keep(const struct setting_call *c, const char *text)
{
    char *copy = arena_strdup(c->o->arena, text);
    if (!copy)
        out_of_memory(c);
    return copy;
}

/* The same client option twice (under two names): the last one counts. */
static bool pass_on(const struct setting_call *c, const char *key, const char *value)
{
    struct kafka_options *o = c->o;
    char                 *copy = keep(c, value);
    if (!copy)
        return false;
    for (int i = 0; i < o->n_settings; i++)
        if (strcmp(o->settings[i].key, key) == 0) {
            o->settings[i].value = copy;
            return true;
        }
    if (o->n_settings == KAFKA_SETTINGS_MAX) {
        diag_error(c->diags, c->at, "E_LIMIT", "at most %d client options", KAFKA_SETTINGS_MAX);
        return false;
    }
    o->settings[o->n_settings++] = (struct kafka_setting){key, copy};
    return true;
}

static bool whole_number(const char *value, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(value, &end, 10);
    return *value && !*end && errno == 0;
}

static bool set_number(const struct setting_call *c)
{
    int64_t   n;
    char      wanted[80];
    long long least = strtoll(c->row->values, NULL, 10), most = strtoll(strstr(c->row->values, "..") + 2, NULL, 10);
    if (whole_number(c->value, &n) && n >= least && n <= most)
        return pass_on(c, c->row->key, c->value);
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", least, most);
    return bad(c, wanted);
}

static bool set_one_of(const struct setting_call *c)
{
    const char *p = c->row->values;
    size_t      n = strlen(c->value);
    while (*p) {
        size_t len = strcspn(p, ",");
        if (len == n && strncasecmp(p, c->value, n) == 0) {
            char *as_listed = arena_strndup(c->o->arena, p, len);
            return as_listed ? pass_on(c, c->row->key, as_listed) : out_of_memory(c);
        }
        p += len;
        p += strspn(p, ", ");
    }
    if (strcmp(c->row->key, "sasl.mechanisms") == 0) {
        struct diag *g =
            diag_error(c->diags, c->at, "E_UNSUPPORTED", "%s %.80s is not supported", c->row->name, c->value);
        diag_hint(c->diags, g, "supported are %s", c->row->values);
        return false;
    }
    return bad(c, c->row->values);
}

static bool set_security(const struct setting_call *c)
{
    static const char *const protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    for (int i = 0; i < 4; i++)
        if (strcasecmp(protocols[i], c->value) == 0)
            return pass_on(c, c->row->key, protocols[i]);
    return bad(c, c->row->values);
}

static bool set_host_check(const struct setting_call *c)
{
    if (!*c->value || strcasecmp(c->value, "none") == 0) {
        struct diag *g =
            diag_warn(c->diags, c->at, "W_OPTION", "the broker's host name is not checked against its certificate");
        diag_hint(c->diags, g, "leave %s out to check it", c->row->name);
        return pass_on(c, c->row->key, "none");
    }
    return strcasecmp(c->value, "https") == 0 ? pass_on(c, c->row->key, "https")
                                              : bad(c, "https, or nothing for no check");
}

/* ---- topics, partitions, offsets ---- */

static bool add_topic(const struct setting_call *c, const char *name)
{
    struct kafka_options *o = c->o;
    if (!name)
        return out_of_memory(c);
    for (int i = 0; i < o->n_topics; i++)
        if (strcmp(o->topics[i], name) == 0)
            return true;
    if (o->n_topics == KAFKA_TOPICS_MAX)
        return bad(c, "at most 256 topics");
    size_t n = strlen(name);
    if (n > 249 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n) {
        diag_error(c->diags, c->at, "E_OPTION",
                   "\"%.80s\" is no topic name: letters, digits, '.', '_' and '-', at most 249", name);
        return false;
    }
    o->topics[o->n_topics++] = name;
    return true;
}

static bool set_topics(const struct setting_call *c)
{
    char *list = keep(c, c->value), *name;
    int   n = 0;
    c->o->asked_subscribe = true;
    c->o->topics_place = c->at;
    if (!list)
        return false;
    while ((name = strsep(&list, ","))) {
        name += strspn(name, " \t\n");
        for (size_t len = strlen(name); len > 0 && strchr(" \t\n", name[len - 1]); len--)
            name[len - 1] = 0;
        if (!*name)
            continue;
        if (!add_topic(c, name))
            return false;
        n++;
    }
    return n > 0 || bad(c, "topic names with commas between them");
}

static bool partition_number(const char *text, int32_t *out)
{
    int64_t n;
    if (!whole_number(text, &n) || n < 0 || n > INT32_MAX)
        return false;
    *out = (int32_t)n;
    return true;
}

static int count_members(const struct json_value *topics)
{
    size_t      n = 0;
    const char *topic;
    void       *it = NULL;
    for (const struct json_value *v; (v = json_next(topics, &topic, &it));)
        n += json_size(v);
    return n > 100000 ? 100000 : (int)n;
}

/* {"topic":{"0":12,"1":-2}}; numbers may be texts where Spark allows it (timestamps). */
static bool topic_numbers(const struct setting_call *c, const struct json_value *partitions, const char *topic,
                          int64_t least, struct kafka_named *out, int *n)
{
    const char *name;
    void       *it = NULL;
    if (!topic || !json_is_object(partitions))
        return false;
    for (const struct json_value *v; (v = json_next(partitions, &name, &it));) {
        struct kafka_named *k = &out[*n];
        const char         *text = json_as_string(v);
        k->topic = topic;
        k->value = json_as_int(v, least - 1);
        if (text && !whole_number(text, &k->value))
            return false;
        if (!partition_number(name, &k->partition) || (!text && !json_is_int(v)) || k->value < least)
            return false;
        ++*n;
    }
    return c->o->arena != NULL;
}

/* Parses a JSON option into the arena. least INT64_MIN + 1 marks assign: {"topic":[0,1]}. */
#define AS_ASSIGN (INT64_MIN + 1)
static bool topic_json(const struct setting_call *c, const char *wanted, int64_t least, struct kafka_named **out,
                       int *n_out)
{
    struct json_value  *doc = NULL;
    struct error        e = {0};
    const char         *topic;
    void               *it = NULL;
    int                 n = 0;
    bool                ok = json_doc_parse(c->value, strlen(c->value), &doc, &e) == OK && json_is_object(doc);
    int                 room = ok ? count_members(doc) : 0;
    struct kafka_named *list = arena_alloc(c->o->arena, ((size_t)room + 1) * sizeof *list);
    ok = ok && list && room > 0 && room < 100000;
    for (const struct json_value *v; ok && (v = json_next(doc, &topic, &it));) {
        char *name = arena_strdup(c->o->arena, topic);
        if (least != AS_ASSIGN) {
            ok = topic_numbers(c, v, name, least, list, &n);
            continue;
        }
        ok = name && json_is_array(v);
        for (size_t i = 0; ok && i < json_size(v); i++) {
            int64_t p = json_as_int(json_at(v, i), -1);
            ok = p >= 0 && p <= INT32_MAX;
            list[n++] = (struct kafka_named){name, (int32_t)p, 0};
        }
    }
    json_doc_free(doc);
    *out = list;
    *n_out = n;
    return ok || bad(c, wanted);
}

static bool set_assign(const struct setting_call *c)
{
    struct kafka_options *o = c->o;
    o->topics_place = c->at;
    if (!topic_json(c, "JSON such as {\"topic\":[0,1]}", AS_ASSIGN, &o->assign, &o->n_assign))
        return false;
    for (int i = 0; i < o->n_assign; i++)
        for (int j = 0; j < i; j++)
            if (o->assign[i].partition == o->assign[j].partition && strcmp(o->assign[i].topic, o->assign[j].topic) == 0)
                return bad(c, "each partition once");
    if (o->asked_subscribe)
        return true; /* kafka_options_check refuses both together */
    for (int i = 0; i < o->n_assign; i++)
        if (!add_topic(c, o->assign[i].topic))
            return false;
    return true;
}

/* Spark: startingTimestamp beats startingOffsetsByTimestamp beats startingOffsets, in whatever order they stand. */
static void choose_starting(struct kafka_options *o, enum kafka_starting asked)
{
    if (o->timestamp_ms >= 0 || o->timestamps)
        o->starting = START_TIMESTAMP;
    else
        o->starting = asked;
}

static bool set_starting(const struct setting_call *c)
{
    struct kafka_options *o = c->o;
    o->starting_place = c->at;
    if (strcasecmp(c->value, "earliest") == 0 || strcasecmp(c->value, "latest") == 0) {
        choose_starting(o, strcasecmp(c->value, "earliest") == 0 ? START_EARLIEST : START_LATEST);
        return true;
    }
    choose_starting(o, START_OFFSETS);
    return topic_json(c, "earliest, latest or JSON such as {\"topic\":{\"0\":12,\"1\":-2}}", KAFKA_EARLIEST,
                      &o->offsets, &o->n_offsets);
}

static bool set_timestamp(const struct setting_call *c)
{
    int64_t ms;
    if (!whole_number(c->value, &ms) || ms < 0)
        return bad(c, "milliseconds since 1970");
    c->o->timestamp_ms = ms;
    c->o->starting_place = c->at;
    choose_starting(c->o, START_TIMESTAMP);
    return true;
}

static bool set_timestamps(const struct setting_call *c)
{
    if (!topic_json(c, "JSON such as {\"topic\":{\"0\":1700000000000}}", 0, &c->o->timestamps, &c->o->n_timestamps))
        return false;
    c->o->starting_place = c->at;
    choose_starting(c->o, START_TIMESTAMP);
    return true;
}

static bool set_strategy(const struct setting_call *c)
{
    c->o->missing_timestamp_latest = strcasecmp(c->value, "latest") == 0;
    return c->o->missing_timestamp_latest || strcasecmp(c->value, "error") == 0 || bad(c, "error or latest");
}

static bool set_loss(const struct setting_call *c)
{
    if (strcasecmp(c->value, "true") != 0 && strcasecmp(c->value, "false") != 0)
        return bad(c, "true or false");
    c->o->fail_on_data_loss = strcasecmp(c->value, "true") == 0;
    if (!c->o->fail_on_data_loss) {
        struct diag *g = diag_warn(c->diags, c->at, "W_DATA_LOSS", "records that are gone will be skipped");
        diag_hint(c->diags, g, "every skipped range is logged and counted as lost");
    }
    return true;
}

static bool set_max_offsets(const struct setting_call *c)
{
    return (whole_number(c->value, &c->o->max_offsets) && c->o->max_offsets > 0) || bad(c, "a whole number above 0");
}

static bool set_headers(const struct setting_call *c)
{
    c->o->headers = false;
    if (strcasecmp(c->value, "false") == 0)
        return true;
    if (strcasecmp(c->value, "true") != 0)
        return bad(c, "true or false");
    c->o->headers = true;
    return true;
}

/* ---- TLS and SASL ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool is_java_store(const char *path)
{
    return ends_with(path, ".jks") || ends_with(path, ".jceks") || ends_with(path, ".keystore") ||
           ends_with(path, ".truststore");
}

static bool set_pem_file(const struct setting_call *c)
{
    if (is_java_store(c->value) || ends_with(c->value, ".p12") || ends_with(c->value, ".pfx")) {
        struct diag *g =
            diag_error(c->diags, c->at, "E_UNSUPPORTED", "%s must name a PEM file, not a Java store", c->row->name);
        diag_hint(c->diags, g, "keytool -exportcert -rfc -keystore %.100s -alias NAME > ca.pem", c->value);
        return false;
    }
    return pass_on(c, c->row->key, c->value);
}

static bool set_keystore(const struct setting_call *c)
{
    if (is_java_store(c->value)) {
        struct diag *g =
            diag_error(c->diags, c->at, "E_UNSUPPORTED", "%s must name a PKCS12 or PEM file, not JKS", c->row->name);
        diag_hint(c->diags, g,
                  "keytool -importkeystore -srckeystore %.80s -destkeystore keys.p12 -deststoretype PKCS12", c->value);
        return false;
    }
    if (ends_with(c->value, ".pem"))
        return pass_on(c, "ssl.certificate.location", c->value) && pass_on(c, "ssl.key.location", c->value);
    return pass_on(c, "ssl.keystore.location", c->value);
}

static bool set_store_type(const struct setting_call *c)
{
    if (strcasecmp(c->value, "PEM") == 0 || (strstr(c->row->values, "PKCS12") && strcasecmp(c->value, "PKCS12") == 0))
        return true;
    struct diag *g = diag_error(c->diags, c->at, "E_UNSUPPORTED", "%s %.40s is not supported", c->row->name, c->value);
    diag_hint(c->diags, g, "supported: %s; keytool converts Java stores", c->row->values);
    return false;
}

/* name="value" or name='value' of a JAAS line, as a whole word; NULL when it is not there. */
static char *jaas_value(const struct setting_call *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = c->value; (p = strstr(p, name)); p += n) {
        const char *after = p + n;
        if (p != c->value && !strchr(" \t\n", p[-1]))
            continue;
        after += strspn(after, " \t\n");
        if (*after != '=')
            continue;
        after++;
        after += strspn(after, " \t\n");
        if (*after != '"' && *after != '\'')
            continue;
        char *out = arena_alloc(c->o->arena, strlen(after) + 1), *to = out;
        if (!out)
            return NULL;
        for (const char *from = after + 1; *from; from++) {
            if (*from == *after) {
                *to = 0;
                return out;
            }
            if (*from == '\\' && from[1])
                from++;
            *to++ = *from;
        }
    }
    return NULL;
}

static bool set_jaas(const struct setting_call *c)
{
    static const char *const names[] = {"username", "password"}, *const keys[] = {"sasl.username", "sasl.password"};
    if (!strstr(c->value, "PlainLoginModule") && !strstr(c->value, "ScramLoginModule")) {
        struct diag *g =
            diag_error(c->diags, c->at, "E_UNSUPPORTED", "this login module of kafka.sasl.jaas.config is not known");
        diag_hint(c->diags, g, "PlainLoginModule and ScramLoginModule are understood");
        return false;
    }
    for (int i = 0; i < 2; i++) {
        char *value = jaas_value(c, names[i]);
        if (!value) {
            struct diag *g = diag_error(c->diags, c->at, "E_OPTION", "kafka.sasl.jaas.config has no %s", names[i]);
            diag_hint(c->diags, g, "... required username=\"name\" password=\"secret\";");
            return false;
        }
        if (!pass_on(c, keys[i], value))
            return false;
    }
    return true;
}

static bool set_isolation(const struct setting_call *c)
{
    if (strcmp(c->value, "read_committed") != 0 && strcmp(c->value, "read_uncommitted") != 0)
        return bad(c, "read_committed or read_uncommitted");
    c->o->read_committed = strcmp(c->value, "read_committed") == 0;
    return pass_on(c, c->row->key, c->value);
}

static bool set_refused(const struct setting_call *c)
{
    struct diag *g = diag_error(c->diags, c->name_at, "E_OPTION", "read_kafka does not take %s", c->row->name);
    diag_hint(c->diags, g, "%s", c->row->key);
    return false;
}

static bool set_ignored(const struct setting_call *c)
{
    struct diag *g = diag_warn(c->diags, c->name_at, "W_OPTION", "%s has no effect", c->row->name);
    diag_hint(c->diags, g, "%s", c->row->key);
    return true;
}

static bool set_text(const struct setting_call *c, const char **out)
{
    *out = keep(c, c->value);
    return *out && (*c->value || bad(c, "a name"));
}

static bool set_pattern(const struct setting_call *c)
{
    c->o->topics_place = c->at;
    return set_text(c, &c->o->pattern);
}

static bool set_bootstrap(const struct setting_call *c)
{
    c->o->bootstrap = keep(c, c->value);
    for (const char *p = c->value; c->o->bootstrap; p++) {
        size_t      n = strcspn(p, ",");
        const char *colon = memchr(p, ':', n);
        if (n == 0 || !colon || colon == p)
            return bad(c, "host:port[,host:port]");
        p += n;
        if (!*p)
            return true;
    }
    return false;
}

static bool apply(const struct setting_call *c)
{
    switch (c->row->kind) {
    case KIND_BOOTSTRAP:
        return set_bootstrap(c);
    case KIND_SUBSCRIBE:
        return set_topics(c);
    case KIND_PATTERN:
        return set_pattern(c);
    case KIND_ASSIGN:
        return set_assign(c);
    case KIND_STARTING:
        return set_starting(c);
    case KIND_TIMESTAMP:
        return set_timestamp(c);
    case KIND_TIMESTAMPS:
        return set_timestamps(c);
    case KIND_STRATEGY:
        return set_strategy(c);
    case KIND_LOSS:
        return set_loss(c);
    case KIND_MAX_OFFSETS:
        return set_max_offsets(c);
    case KIND_GROUP_PREFIX:
        return set_text(c, &c->o->group_prefix);
    case KIND_GROUP_ID:
        return set_text(c, &c->o->group_id);
    case KIND_HEADERS:
        return set_headers(c);
    case KIND_IGNORED:
        return set_ignored(c);
    case KIND_LATER:
        return set_refused(c);
    case KIND_TEXT:
        return pass_on(c, c->row->key, c->value);
    case KIND_NUMBER:
        return set_number(c);
    case KIND_ONE_OF:
        return set_one_of(c);
    case KIND_SECURITY:
        return set_security(c);
    case KIND_JAAS:
        return set_jaas(c);
    case KIND_PEM_FILE:
        return set_pem_file(c);
    case KIND_KEYSTORE:
        return set_keystore(c);
    case KIND_STORE_TYPE:
        return set_store_type(c);
    case KIND_ISOLATION:
        return set_isolation(c);
    case KIND_HOST_CHECK:
        return set_host_check(c);
    }
    return false;
}

bool kafka_options_set(struct kafka_options *o, const char *name, const char *value, struct place name_at,
                       struct place value_at, struct diags *d)
{
    const char *names[N_ROWS];
    for (int i = 0; i < N_ROWS; i++) {
        names[i] = rows[i].name;
        if (strcasecmp(rows[i].name, name) == 0)
            return apply(&(struct setting_call){o, &rows[i], value, name_at, value_at, d});
    }
    struct diag *g = diag_error(d, name_at, "E_OPTION", "read_kafka has no option \"%.80s\"", name);
    const char  *near = nearest_name(name, names, N_ROWS);
    if (near)
        diag_hint(d, g, "did you mean \"%s\"?", near);
    else if (strncasecmp(name, "kafka.", 6) == 0)
        diag_hint(d, g, "this option of the Kafka client is not passed on");
    return false;
}

/* ---- all options together ---- */

static bool missing(struct diags *d, struct place at, const char *text, const char *hint)
{
    struct diag *g = diag_error(d, at, "E_OPTION", "%s", text);
    diag_hint(d, g, "%s", hint);
    return false;
}

static const char *setting_of(const struct kafka_options *o, const char *key)
{
    for (int i = 0; i < o->n_settings; i++)
        if (strcmp(o->settings[i].key, key) == 0)
            return o->settings[i].value;
    return NULL;
}

static bool check_topics(const struct kafka_options *o, struct place at, struct diags *d)
{
    const struct kafka_named *named = o->starting == START_OFFSETS     ? o->offsets
                                      : o->starting == START_TIMESTAMP ? o->timestamps
                                                                       : NULL;
    int                       n = named == o->offsets ? o->n_offsets : o->n_timestamps;
    if (o->asked_subscribe && o->assign)
        return missing(d, o->topics_place, "read_kafka takes subscribe or assign, not both", "leave one of them out");
    if (o->pattern && o->n_topics)
        return missing(d, o->topics_place, "read_kafka takes one of subscribe, subscribePattern and assign",
                       "leave the others out");
    if (o->n_topics == 0 && !o->pattern)
        return missing(d, at, "read_kafka needs subscribe, subscribePattern or assign", "subscribe => 'topic'");
    for (int i = 0; named && !o->pattern && i < n; i++) {
        bool known = false;
        for (int j = 0; j < o->n_topics && !known; j++)
            known = strcmp(o->topics[j], named[i].topic) == 0;
        if (!known) {
            const char  *near = nearest_name(named[i].topic, o->topics, o->n_topics);
            struct diag *g = diag_error(d, o->starting_place, "E_OPTION",
                                        "topic \"%.80s\" of the starting offsets is not read", named[i].topic);
            if (near)
                diag_hint(d, g, "did you mean \"%s\"?", near);
            return false;
        }
    }
    return true;
}

static bool check_security(const struct kafka_options *o, struct place at, struct diags *d)
{
    const char *protocol = setting_of(o, "security.protocol");
    bool        sasl = protocol && strncmp(protocol, "SASL", 4) == 0, tls = protocol && strstr(protocol, "SSL");
    bool        has_user = setting_of(o, "sasl.username") && setting_of(o, "sasl.password");
    if (sasl && !setting_of(o, "sasl.mechanisms"))
        return missing(d, at, "kafka.security.protocol asks for SASL, but kafka.sasl.mechanism is missing",
                       "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
    if (sasl && !has_user)
        return missing(d, at, "kafka.security.protocol asks for SASL, but the user name or password is missing",
                       "kafka.sasl.username and kafka.sasl.password, or kafka.sasl.jaas.config");
    if (!sasl && has_user)
        return missing(d, at, "a user name and password are given, but kafka.security.protocol does not use them",
                       "kafka.security.protocol => 'SASL_SSL'");
    if (!tls &&
        (setting_of(o, "ssl.ca.location") || setting_of(o, "ssl.ca.pem") || setting_of(o, "ssl.keystore.location")))
        return missing(d, at, "certificates are given, but kafka.security.protocol does not use TLS",
                       "kafka.security.protocol => 'SSL' or 'SASL_SSL'");
    return true;
}

bool kafka_options_check(struct kafka_options *o, struct place at, struct diags *d)
{
    bool ok = o->bootstrap || missing(d, at, "read_kafka needs bootstrapServers", "bootstrapServers => 'host:9092'");
    ok = check_topics(o, at, d) && ok;
    return check_security(o, at, d) && ok;
}
