/* SPDX-License-Identifier: MIT */
/* Options of read_kafka by their Spark and Databricks names: what each one sets, and what is refused how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kafka/options.h"
#include "kafka/source.h"

static struct arena         arena;
static struct diags         diags;
static struct kafka_options o;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    diags_init(&diags, &arena);
    kafka_options_init(&o, &arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool set(const char *name, const char *value)
{
    return kafka_options_set(&o, name, value, (struct place){10, 4}, (struct place){20, 5}, &diags);
}

static bool check(void) { return kafka_options_check(&o, (struct place){1, 1}, &diags); }

static const char *setting(const char *key)
{
    for (int i = 0; i < o.n_settings; i++)
        if (strcmp(o.settings[i].key, key) == 0)
            return o.settings[i].value;
    return NULL;
}

static void assert_refused(const char *name, const char *value, const char *text, const char *hint)
{
    int n = diags.n;
    assert_false(set(name, value));
    assert_int_equal(diags.n, n + 1);
    if (!strstr(diags.items[n].text, text))
        fail_msg("%s => %s says \"%s\", wanted \"%s\"", name, value, diags.items[n].text, text);
    if (hint && (!diags.items[n].hint || !strstr(diags.items[n].hint, hint)))
        fail_msg("%s => %s hints \"%s\", wanted \"%s\"", name, value, diags.items[n].hint, hint);
}

static void the_least_that_is_needed(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "localhost:9092"));
    assert_true(set("subscribe", "clicks"));
    assert_true(check());
    assert_string_equal(o.bootstrap, "localhost:9092");
    assert_int_equal(o.n_topics, 1);
    assert_int_equal(o.starting, START_LATEST); /* Spark's default */
    assert_true(o.fail_on_data_loss);
    assert_true(o.read_committed);
    assert_int_equal(o.max_offsets, 0);
}

static void names_ignore_case(void **state)
{
    (void)state;
    assert_true(set("KAFKA.Bootstrap.SERVERS", "a:1,b:2"));
    assert_true(set("SUBSCRIBE", " one, two ,,three "));
    assert_true(set("STARTINGOFFSETS", "Earliest"));
    assert_true(check());
    assert_int_equal(o.n_topics, 3);
    assert_string_equal(o.topics[1], "two");
    assert_int_equal(o.starting, START_EARLIEST);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    assert_false(check());
    assert_int_equal(diags.n, 2);
    assert_non_null(strstr(diags.items[0].text, "needs bootstrapServers"));
    assert_non_null(strstr(diags.items[1].text, "needs subscribe, subscribePattern or assign"));
}

static void subscribe_and_assign_exclude_each_other(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "a:1"));
    assert_true(set("assign", "{\"t\":[0,2]}"));
    assert_true(set("subscribe", "t"));
    assert_false(check());
    assert_non_null(strstr(diags.items[0].text, "not both"));
}

static void assign_names_partitions(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "a:1"));
    assert_true(set("assign", "{\"t\":[0,2],\"u\":[5]}"));
    assert_true(check());
    assert_int_equal(o.n_assign, 3);
    assert_string_equal(o.assign[2].topic, "u");
    assert_int_equal(o.assign[2].partition, 5);
    assert_int_equal(o.n_topics, 2);
    assert_refused("assign", "{\"t\":[0,0]}", "each partition once", NULL);
    assert_refused("assign", "{\"t\":0}", "JSON such as", NULL);
    assert_refused("assign", "{\"t\":[-1]}", "JSON such as", NULL);
    assert_refused("assign", "t", "JSON such as", NULL);
    assert_refused("assign", "{}", "JSON such as", NULL);
}

static void starting_offsets_as_json(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "a:1"));
    assert_true(set("subscribe", "t"));
    assert_true(set("startingOffsets", "{\"t\":{\"0\":23,\"1\":-2,\"2\":-1}}"));
    assert_true(check());
    assert_int_equal(o.starting, START_OFFSETS);
    assert_int_equal(o.n_offsets, 3);
    assert_int_equal(o.offsets[0].value, 23);
    assert_int_equal(o.offsets[1].value, KAFKA_EARLIEST);
    assert_int_equal(o.offsets[2].value, KAFKA_LATEST);
    assert_refused("startingOffsets", "{\"t\":{\"0\":-3}}", "earliest, latest or JSON", NULL);
    assert_refused("startingOffsets", "{\"t\":{\"x\":1}}", "earliest, latest or JSON", NULL);
    assert_refused("startingOffsets", "{\"t\":{\"0\":1.5}}", "earliest, latest or JSON", NULL);
    assert_refused("startingOffsets", "newest", "not \"newest\"", NULL);
}

static void starting_offsets_of_a_topic_that_is_not_read(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "a:1"));
    assert_true(set("subscribe", "clicks"));
    assert_true(set("startingOffsets", "{\"click\":{\"0\":23}}"));
    assert_false(check());
    assert_non_null(strstr(diags.items[0].text, "\"click\""));
    assert_string_equal(diags.items[0].hint, "did you mean \"clicks\"?");
}

static void timestamps_win_over_offsets_in_any_order(void **state)
{
    (void)state;
    assert_true(set("startingTimestamp", "1700000000000"));
    assert_true(set("startingOffsetsByTimestamp", "{\"t\":{\"0\":\"1600000000000\",\"1\":1600000000001}}"));
    assert_true(set("startingOffsets", "earliest"));
    assert_int_equal(o.starting, START_TIMESTAMP);
    assert_int_equal(o.timestamp_ms, 1700000000000); /* beats the one per partition, as in Spark */
    assert_int_equal(o.timestamps[1].value, 1600000000001);
    assert_true(set("startingOffsetsByTimestampStrategy", "LATEST"));
    assert_true(o.missing_timestamp_latest);
    assert_refused("startingOffsetsByTimestampStrategy", "none", "error or latest", NULL);
    assert_refused("startingTimestamp", "yesterday", "milliseconds", NULL);
}

static void numbers_have_ranges(void **state)
{
    (void)state;
    assert_true(set("maxOffsetsPerTrigger", "5000"));
    assert_int_equal(o.max_offsets, 5000);
    assert_refused("maxOffsetsPerTrigger", "0", "above 0", NULL);
    assert_refused("maxOffsetsPerTrigger", "9999999999999999999", "above 0", NULL);
    assert_true(set("kafka.fetch.max.wait.ms", "10"));
    assert_string_equal(setting("fetch.wait.max.ms"), "10");
    assert_refused("kafka.fetch.max.wait.ms", "soon", "from 0 to 300000, not \"soon\"", NULL);
    assert_refused("kafka.fetch.max.wait.ms", "-1", "from 0 to 300000", NULL);
}

static void unknown_names_get_the_nearest(void **state)
{
    (void)state;
    assert_refused("startingOffset", "earliest", "no option \"startingOffset\"", "startingOffsets");
    assert_refused("kafka.sasl.mechanizm", "PLAIN", "no option", "kafka.sasl.mechanism");
    assert_refused("kafka.zzz.qqq", "1", "no option", NULL);
    assert_int_equal(diags.items[0].place.at, 10); /* the caret stands under the name */
}

static void a_pattern_stands_for_the_topics(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "a:1") && set("subscribePattern", "shop-.*") && set("includeHeaders", "true"));
    assert_true(set("startingOffsets", "{\"shop-1\": {\"0\": 5}}"));
    assert_true(check());
    assert_string_equal(o.pattern, "shop-.*");
    assert_true(o.headers && o.n_topics == 0);
    assert_true(set("includeHeaders", "FALSE") && !o.headers);
    assert_true(set("subscribe", "a"));
    assert_false(check());
    assert_non_null(strstr(diags.items[diags.n - 1].text, "one of subscribe, subscribePattern and assign"));
}

static void what_comes_later_is_refused_by_name(void **state)
{
    (void)state;
    assert_refused("minOffsetsPerTrigger", "5", "minOffsetsPerTrigger", "leave it out");
    assert_refused("kafka.auto.offset.reset", "latest", "auto.offset.reset", "startingOffsets");
    assert_refused("kafka.enable.auto.commit", "true", "enable.auto.commit", "after each epoch");
    assert_refused("endingOffsets", "latest", "endingOffsets", "--available-now");
}

static void what_has_no_effect_is_a_warning(void **state)
{
    (void)state;
    assert_true(set("minPartitions", "8"));
    assert_int_equal(diags.n, 1);
    assert_int_equal(diags.n_errors, 0);
    assert_int_equal(diags.items[0].level, DIAG_WARNING);
}

static void giving_up_records_is_warned_of(void **state)
{
    (void)state;
    assert_true(set("failOnDataLoss", "FALSE"));
    assert_false(o.fail_on_data_loss);
    assert_int_equal(diags.items[0].level, DIAG_WARNING);
    assert_refused("failOnDataLoss", "no", "true or false", NULL);
}

static void a_jaas_line_gives_user_and_password(void **state)
{
    (void)state;
    assert_true(set("kafka.security.protocol", "sasl_ssl"));
    assert_true(set("kafka.sasl.mechanism", "scram-sha-512"));
    assert_true(set("kafka.sasl.jaas.config",
                    "kafkashaded.org.apache.kafka.common.security.scram.ScramLoginModule required "
                    "username=\"al\\\"ice\" password='p w=\"x\"';"));
    assert_string_equal(setting("security.protocol"), "SASL_SSL");
    assert_string_equal(setting("sasl.mechanisms"), "SCRAM-SHA-512");
    assert_string_equal(setting("sasl.username"), "al\"ice");
    assert_string_equal(setting("sasl.password"), "p w=\"x\"");
    assert_refused("kafka.sasl.jaas.config",
                   "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\";",
                   "has no password", "password=");
    assert_refused("kafka.sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;", "not known",
                   "Scram");
    assert_refused("kafka.sasl.mechanism", "GSSAPI", "GSSAPI is not supported", "SCRAM-SHA-256");
}

static void secrets_are_not_repeated(void **state)
{
    (void)state;
    assert_refused("kafka.sasl.jaas.config", "PlainLoginModule required username=\"u\" password=hunter2;",
                   "no password", NULL);
    for (int i = 0; i < diags.n; i++)
        assert_null(strstr(diags.items[i].text, "hunter2"));
    assert_true(kafka_setting_is_secret("sasl.password"));
    assert_true(kafka_setting_is_secret("ssl.key.pem"));
    assert_false(kafka_setting_is_secret("client.id"));
}

static void java_stores_are_refused_with_what_to_do(void **state)
{
    (void)state;
    assert_refused("kafka.ssl.truststore.location", "/etc/ca.jks", "PEM file", "keytool -exportcert -rfc");
    assert_refused("kafka.ssl.truststore.type", "JKS", "JKS is not supported", "PEM");
    assert_refused("kafka.ssl.keystore.location", "/etc/me.jks", "PKCS12", "importkeystore");
    assert_true(set("kafka.ssl.keystore.location", "/etc/me.p12"));
    assert_string_equal(setting("ssl.keystore.location"), "/etc/me.p12");
    assert_true(set("kafka.ssl.truststore.location", "/etc/ca.pem"));
    assert_string_equal(setting("ssl.ca.location"), "/etc/ca.pem");
    assert_true(set("kafka.ssl.truststore.certificates", "-----BEGIN CERTIFICATE-----"));
    assert_string_equal(setting("ssl.ca.pem"), "-----BEGIN CERTIFICATE-----");
    assert_true(set("kafka.ssl.endpoint.identification.algorithm", ""));
    assert_string_equal(setting("ssl.endpoint.identification.algorithm"), "none");
}

static void logins_that_would_not_be_used_are_refused(void **state)
{
    (void)state;
    assert_true(set("bootstrapServers", "a:1"));
    assert_true(set("subscribe", "t"));
    assert_true(set("kafka.sasl.username", "u"));
    assert_true(set("kafka.sasl.password", "p"));
    assert_false(check());
    assert_non_null(strstr(diags.items[0].text, "does not use them"));
    assert_true(set("kafka.security.protocol", "SASL_PLAINTEXT"));
    assert_false(check());
    assert_non_null(strstr(diags.items[1].text, "kafka.sasl.mechanism is missing"));
    assert_true(set("kafka.sasl.mechanism", "PLAIN"));
    assert_true(check());
}

static void servers_are_host_and_port(void **state)
{
    (void)state;
    assert_refused("bootstrapServers", "localhost", "host:port", NULL);
    assert_refused("bootstrapServers", ":9092", "host:port", NULL);
    assert_refused("bootstrapServers", "a:1,,b:2", "host:port", NULL);
    assert_refused("subscribe", " , ", "topic names", NULL);
    assert_refused("subscribe", "a b", "no topic name", NULL);
}

/* Spark 4.1 KafkaMicroBatchStream.rateLimit, computed by hand from its formula. */
static void offsets_are_split_as_spark_splits_them(void **state)
{
    static const struct {
        int     n;
        int64_t begin[4], end[4], limit, want[4];
    } cases[] = {
        {2, {0, 0}, {100, 100}, 10, {5, 5}},
        {3, {0, 0, 0}, {100, 10, 1}, 10, {9, 1, 1}},        /* 9.009 -> 9, 0.9009 -> 1, 0.09 -> 1: over the limit */
        {2, {0, 0}, {100, 100}, 7, {3, 3}},                 /* 3.5 floors: under the limit */
        {2, {50, 7}, {50, 7}, 10, {50, 7}},                 /* nothing new */
        {3, {10, 20, 5}, {10, 120, 6}, 1000, {10, 120, 6}}, /* limit above what is there */
        {2, {0, 0}, {3, 1}, 4, {3, 1}},
        {2, {9, 0}, {5, 10}, 5, {5, 5}}, /* an end behind the begin stays, as Spark keeps it */
        {1, {INT64_MAX - 10}, {INT64_MAX}, INT64_MAX, {INT64_MAX}}, /* SPARK-26718 */
        {4, {0, 0, 0, 0}, {1250000, 1250000, 1250000, 1250000}, 10001, {2500, 2500, 2500, 2500}},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        int64_t out[4];
        kafka_split_offsets(cases[c].begin, cases[c].end, cases[c].n, cases[c].limit, out);
        for (int i = 0; i < cases[c].n; i++)
            if (out[i] != cases[c].want[i])
                fail_msg("case %zu partition %d: %lld, wanted %lld", c, i, (long long)out[i],
                         (long long)cases[c].want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(the_least_that_is_needed),
        T(names_ignore_case),
        T(what_is_missing_is_said),
        T(subscribe_and_assign_exclude_each_other),
        T(assign_names_partitions),
        T(starting_offsets_as_json),
        T(starting_offsets_of_a_topic_that_is_not_read),
        T(timestamps_win_over_offsets_in_any_order),
        T(numbers_have_ranges),
        T(unknown_names_get_the_nearest),
        T(a_pattern_stands_for_the_topics),
        T(what_comes_later_is_refused_by_name),
        T(what_has_no_effect_is_a_warning),
        T(giving_up_records_is_warned_of),
        T(a_jaas_line_gives_user_and_password),
        T(secrets_are_not_repeated),
        T(java_stores_are_refused_with_what_to_do),
        T(logins_that_would_not_be_used_are_refused),
        T(servers_are_host_and_port),
        T(offsets_are_split_as_spark_splits_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
