/* SPDX-License-Identifier: MIT */
/* Generators: the same seed gives the same bytes, every knob does what it says, files replay in event-time order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "produce/produce.h"
#include "json/doc.h"

static struct produce_knobs knobs;

static int setup(void **state)
{
    (void)state;
    produce_knobs_init(&knobs);
    knobs.start_ms = 1700000000000;
    knobs.rows = 10000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(alloc_bytes(TAG_PROCESS), 0);
    return 0;
}

static struct generator *new_of(const char *name)
{
    struct generator *g = NULL;
    struct error      e = {0};
    if (generator_new(name, &knobs, &g, &e) != OK)
        fail_msg("%s", e.text);
    return g;
}

static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return h;
}

static uint64_t hash_of(const char *name)
{
    struct generator     *g = new_of(name);
    struct produce_record r;
    uint64_t              h = 0xcbf29ce484222325u;
    while (generator_next(g, &r)) {
        h = fnv(h, r.key, r.key_bytes);
        h = fnv(h, r.value, r.value_bytes);
        h = fnv(h, &r.timestamp_ms, sizeof r.timestamp_ms);
    }
    generator_free(g);
    return h;
}

/* ---- the same seed, the same bytes ---- */

static void the_same_seed_gives_the_same_bytes(void **state)
{
    static const struct {
        const char *name;
        uint64_t    seed, hash; /* of the first 10,000 records: a change here breaks everybody's fixtures */
    } cases[] = {
        {"ad_events", 1, 0xce937e740108fee6u},   {"ad_events", 7, 0x2634ef6f0f8d39ddu},
        {"clickstream", 1, 0xdfbb26bed4d96e99u}, {"iot_sensors", 1, 0x4b0f7a689582be60u},
        {"trades", 1, 0x41c8f0e0ac99b15cu},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        knobs.seed = cases[i].seed;
        uint64_t h = hash_of(cases[i].name);
        if (h != cases[i].hash)
            fail_msg("%s seed %" PRIu64 ": 0x%016" PRIx64, cases[i].name, cases[i].seed, h);
        assert_true(h == hash_of(cases[i].name));
    }
}

static void all_disturbances_together_are_deterministic_too(void **state)
{
    (void)state;
    knobs.late_percent = 3;
    knobs.disorder_ms = 50;
    knobs.duplicate_percent = 2;
    knobs.malformed_percent = 5;
    knobs.skew = 1.1;
    uint64_t h = hash_of("ad_events");
    assert_true(h == hash_of("ad_events"));
    if (h != 0xe5fe720e7fee3ed5u)
        fail_msg("0x%016" PRIx64, h);
}

/* ---- the benchmark's layout ---- */

static void ad_events_have_the_layout_of_the_benchmark(void **state)
{
    struct generator     *g;
    struct produce_record r;
    char                  text[1000], user[40], page[40], ad[40], type[20], event[20], ip[20];
    long long             ms;
    size_t                bytes = 0;
    (void)state;
    g = new_of("ad_events");
    for (int i = 0; i < 1000; i++) {
        assert_true(generator_next(g, &r));
        bytes += r.value_bytes;
        snprintf(text, sizeof text, "%.*s", (int)r.value_bytes, (const char *)r.value);
        assert_int_equal(
            sscanf(text,
                   "{\"user_id\": \"%36[0-9a-f-]\", \"page_id\": \"%36[0-9a-f-]\", \"ad_id\": \"%36[0-9a-f-]\", "
                   "\"ad_type\": \"%19[a-z-]\", \"event_type\": \"%19[a-z]\", \"event_time\": %lld, "
                   "\"ip_address\": \"%19[0-9.]\"}",
                   user, page, ad, type, event, &ms, ip),
            7);
        assert_int_equal(ms, 1700000000000 + i); /* 1 ms per event when there is no rate */
        assert_int_equal(r.timestamp_ms, ms);
        assert_true(r.key == NULL && r.partition == -1 && r.due_us == 0);
    }
    assert_in_range(bytes / 1000, 250, 252); /* 253 on average with event_time as text */
    generator_free(g);
    knobs.time_as_text = true;
    g = new_of("ad_events");
    assert_true(generator_next(g, &r));
    assert_non_null(memmem(r.value, r.value_bytes, "\"event_time\": \"1700000000000\"", 29));
    generator_free(g);
}

static void every_template_writes_json(void **state)
{
    const struct produce_template *t;
    (void)state;
    for (int i = 0; (t = produce_template_at(i)); i++) {
        struct generator     *g = new_of(t->name);
        struct produce_record r;
        while (generator_next(g, &r)) {
            struct json_value *doc = NULL;
            struct error       e = {0};
            if (json_doc_parse(r.value, r.value_bytes, &doc, &e) != OK)
                fail_msg("%s: %s: %.*s", t->name, e.text, (int)r.value_bytes, (const char *)r.value);
            assert_true(json_get_int(doc, "event_time", 0) >= 1700000000000);
            json_doc_free(doc);
        }
        generator_free(g);
    }
}

static void every_ad_has_its_campaign(void **state)
{
    struct buf            table;
    struct generator     *g;
    struct produce_record r;
    int                   lines = 0, campaigns = 0;
    char                  last[40] = "";
    (void)state;
    buf_init(&table, TAG_TEST, 1 << 20);
    produce_ads_table(&knobs, true, &table);
    const char *text = buf_text(&table);
    assert_memory_equal(text, "ad_id,campaign_id\n", 18);
    for (const char *p = text + 18; *p; p += 74, lines++) {
        campaigns += strncmp(last, p + 37, 36) != 0;
        snprintf(last, sizeof last, "%.36s", p + 37);
    }
    assert_int_equal(lines, 1000);
    assert_int_equal(campaigns, 100);
    g = new_of("ad_events");
    for (int i = 0; i < 2000; i++) {
        char ad[40];
        assert_true(generator_next(g, &r));
        const char *at = memmem(r.value, r.value_bytes, "\"ad_id\": \"", 10);
        snprintf(ad, sizeof ad, "\n%.36s", at + 10);
        assert_non_null(strstr(text, ad));
    }
    generator_free(g);
    buf_fini(&table);
}

/* ---- knobs ---- */

static void rate_and_step_set_the_event_time(void **state)
{
    struct generator     *g;
    struct produce_record r = {0};
    (void)state;
    knobs.rate_per_s = 500;
    g = new_of("trades");
    for (int i = 0; i < 1001; i++)
        assert_true(generator_next(g, &r));
    assert_int_equal(r.timestamp_ms, 1700000002000);
    assert_int_equal(r.due_us, 2000000);
    generator_free(g);
    knobs.step_us = 10;
    g = new_of("trades");
    for (int i = 0; i < 1001; i++)
        assert_true(generator_next(g, &r));
    assert_int_equal(r.timestamp_ms, 1700000000010);
    generator_free(g);
}

static void rows_end_the_stream(void **state)
{
    struct generator     *g;
    struct produce_record r;
    int                   n = 0;
    (void)state;
    knobs.rows = 7;
    g = new_of("trades");
    assert_int_equal(generator_rows_expected(g), 7);
    while (generator_next(g, &r))
        n++;
    assert_int_equal(n, 7);
    assert_false(generator_next(g, &r));
    generator_free(g);
}

static int64_t event_time_of(const struct produce_record *r)
{
    const char *at = memmem(r->value, r->value_bytes, "\"event_time\": ", 14);
    return strtoll(at + 14, NULL, 10);
}

static void late_and_disordered_records_are_counted_and_bounded(void **state)
{
    struct generator     *g;
    struct produce_record r;
    struct produce_tally  t;
    int64_t               late = 0, moved = 0, least = INT64_MAX;
    (void)state;
    knobs.late_percent = 10;
    knobs.late_ms = 5000;
    knobs.disorder_ms = 20;
    g = new_of("ad_events");
    while (generator_next(g, &r)) {
        int64_t by = event_time_of(&r) - r.timestamp_ms;
        assert_in_range(by + 5020, 0, 5040);
        late += by < -20;
        moved += by != 0;
        least = event_time_of(&r) < least ? event_time_of(&r) : least;
    }
    generator_tally(g, &t);
    assert_in_range(t.late, 900, 1100);
    assert_in_range(t.late - late, 0, 20); /* some are late by less than the disorder */
    assert_true(moved > 9000);
    assert_int_equal(t.first_event_ms, least);
    generator_free(g);
}

static void disorder_does_not_change_the_other_fields(void **state)
{
    struct generator     *a, *b;
    struct produce_record ra, rb;
    (void)state;
    a = new_of("ad_events");
    knobs.disorder_ms = 1000;
    knobs.late_percent = 5;
    b = new_of("ad_events");
    while (generator_next(a, &ra)) {
        assert_true(generator_next(b, &rb));
        size_t until =
            (size_t)((const char *)memmem(ra.value, ra.value_bytes, "\"event_time\"", 12) - (const char *)ra.value);
        assert_memory_equal(ra.value, rb.value, until);
    }
    generator_free(a);
    generator_free(b);
}

static void duplicates_are_the_same_bytes_again(void **state)
{
    static char           seen[20][400];
    struct generator     *g;
    struct produce_record r;
    struct produce_tally  t;
    int64_t               n = 0, twins = 0;
    (void)state;
    knobs.duplicate_percent = 5;
    g = new_of("trades"); /* trade_id is unique */
    while (generator_next(g, &r)) {
        bool twin = false;
        for (int i = 0; i < 20; i++)
            twin = twin || (strlen(seen[i]) == r.value_bytes && memcmp(seen[i], r.value, r.value_bytes) == 0);
        twins += twin;
        snprintf(seen[n++ % 20], sizeof seen[0], "%.*s", (int)r.value_bytes, (const char *)r.value);
    }
    generator_tally(g, &t);
    assert_int_equal(n, 10000 + t.duplicates);
    assert_int_equal(n, t.records);
    assert_int_equal(twins, t.duplicates);
    assert_in_range(t.duplicates, 400, 600);
    generator_free(g);
}

static void malformed_records_come_in_all_kinds_in_turn(void **state)
{
    struct generator     *g;
    struct produce_record r;
    struct produce_tally  t;
    int                   tombstones = 0, empty = 0, not_json = 0;
    (void)state;
    knobs.malformed_percent = 9;
    for (int i = 0; produce_template_at(i); i++) {
        g = new_of(produce_template_at(i)->name);
        while (generator_next(g, &r)) {
            struct json_value *doc = NULL;
            assert_true(r.value_bytes < 1000);
            tombstones += r.value == NULL;
            empty += r.value && r.value_bytes == 0;
            if (r.value_bytes && json_doc_parse(r.value, r.value_bytes, &doc, NULL) != OK)
                not_json++;
            json_doc_free(doc);
        }
        generator_tally(g, &t);
        assert_in_range(t.malformed, 800, 1000);
        for (int k = 0; k < PRODUCE_MALFORMED_KINDS; k++)
            assert_in_range(t.malformed_by_kind[k] * PRODUCE_MALFORMED_KINDS, t.malformed - 8, t.malformed + 8);
        generator_free(g);
    }
    assert_in_range(tombstones, 380, 420);
    assert_in_range(empty, 380, 420);
    assert_true(not_json > 1000); /* truncated, invalid UTF-8, huge, no JSON */
    assert_string_equal(produce_malformed_kind(0), "truncated");
    assert_null(produce_malformed_kind(PRODUCE_MALFORMED_KINDS));
}

static int most_frequent(double skew)
{
    static int            count[100];
    struct generator     *g;
    struct produce_record r;
    int                   most = 0;
    memset(count, 0, sizeof count);
    knobs.skew = skew;
    knobs.n_entities = 100;
    knobs.key = PRODUCE_KEY_ENTITY;
    g = new_of("clickstream");
    while (generator_next(g, &r)) {
        char text[16];
        snprintf(text, sizeof text, "%.*s", (int)r.key_bytes, (const char *)r.key);
        int i = atoi(text) - 1;
        assert_in_range(i, 0, 99);
        most = ++count[i] > most ? count[i] : most;
    }
    generator_free(g);
    return most;
}

static void skew_prefers_a_few_entities(void **state)
{
    (void)state;
    assert_in_range(most_frequent(0), 100, 150);   /* uniform: about 100 each */
    assert_in_range(most_frequent(1), 1800, 2000); /* Zipf over 100: the first has 1 / H(100) = 19.3 % */
}

static void partitions_go_round(void **state)
{
    struct generator     *g;
    struct produce_record r;
    (void)state;
    knobs.n_partitions = 4;
    g = new_of("ad_events");
    for (int i = 0; generator_next(g, &r); i++)
        assert_int_equal(r.partition, i % 4);
    generator_free(g);
}

static void bad_knobs_are_refused(void **state)
{
    struct generator *g = NULL;
    struct error      e = {0};
    (void)state;
    assert_int_equal(generator_new("ad_event", &knobs, &g, &e), ERR_INVALID);
    assert_string_equal(e.text, "no template \"ad_event\"; did you mean \"ad_events\"?");
    knobs.late_percent = 101;
    assert_int_equal(generator_new("ad_events", &knobs, &g, &e), ERR_INVALID);
    setup(NULL);
    knobs.skew = -1;
    assert_int_equal(generator_new("ad_events", &knobs, &g, &e), ERR_INVALID);
    assert_null(g);
}

static void memory_that_is_out_is_said(void **state)
{
    struct generator *g = NULL;
    struct error      e = {0};
    enum err          rc = ERR_NO_MEMORY;
    (void)state;
    knobs.skew = 1;
    for (int64_t n = 1; rc != OK; n++) {
        alloc_fail_at(n, 1);
        rc = generator_new("ad_events", &knobs, &g, &e);
        alloc_fail_at(0, 0);
        assert_true(rc == OK || rc == ERR_NO_MEMORY);
        assert_true(n < 100);
    }
    generator_free(g);
}

/* ---- replay ---- */

static const char *file_with(const char *ending, const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/millrace-replay-%d%s", (int)getpid(), ending);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static struct generator *replay_of(const char *path)
{
    struct generator *g = NULL;
    struct error      e = {0};
    enum err          rc = generator_replay(path, &knobs, &g, &e);
    unlink(path);
    if (rc != OK)
        fail_msg("%s", e.text);
    return g;
}

static void assert_next(struct generator *g, const char *value, const char *key, int64_t due_us)
{
    struct produce_record r;
    assert_true(generator_next(g, &r));
    assert_int_equal(r.value_bytes, strlen(value));
    assert_memory_equal(r.value, value, strlen(value));
    assert_int_equal(r.key_bytes, key ? strlen(key) : 0);
    if (key)
        assert_memory_equal(r.key, key, strlen(key));
    assert_int_equal(r.due_us, due_us);
}

static void a_file_is_replayed_in_event_time_order(void **state)
{
    struct generator     *g;
    struct produce_record r;
    (void)state;
    knobs.rows = 0;
    knobs.time_field = "at";
    knobs.key_field = "k";
    knobs.speed = 2;
    g = replay_of(file_with(".ndjson", "{\"at\": \"2024-01-01T00:00:10Z\", \"k\": \"b\"}\n"
                                       "\n"
                                       "{\"at\":1704067200,\"k\":1}\r\n"
                                       "{\"at\": 1704067205000, \"k\": null, \"text\": \"last line without an end\"}"));
    assert_int_equal(generator_rows_expected(g), 3);
    assert_next(g, "{\"at\":1704067200,\"k\":1}", "1", 0);
    assert_next(g, "{\"at\": 1704067205000, \"k\": null, \"text\": \"last line without an end\"}", "null", 2500000);
    assert_next(g, "{\"at\": \"2024-01-01T00:00:10Z\", \"k\": \"b\"}", "b", 5000000);
    assert_false(generator_next(g, &r));
    generator_free(g);
}

static void csv_becomes_json(void **state)
{
    struct generator     *g;
    struct produce_record r;
    (void)state;
    knobs.rows = 0;
    knobs.time_field = "ts";
    knobs.key_field = "id";
    knobs.speed = 0;
    g = replay_of(file_with(".csv", "id,ts,name,amount\r\n"
                                    "7,2024-01-01 00:00:01,\"Smith, \"\"Jo\"\"\",12.50\r\n"
                                    "007,2024-01-01 00:00:00,,-3\r\n"
                                    "9,2024-01-01 00:00:02,\"two\nlines\",\"1\"\n"));
    assert_next(g, "{\"id\":\"007\",\"ts\":\"2024-01-01 00:00:00\",\"name\":null,\"amount\":-3}", "007", 0);
    assert_next(g, "{\"id\":7,\"ts\":\"2024-01-01 00:00:01\",\"name\":\"Smith, \\\"Jo\\\"\",\"amount\":12.50}", "7", 0);
    assert_next(g, "{\"id\":9,\"ts\":\"2024-01-01 00:00:02\",\"name\":\"two\\nlines\",\"amount\":\"1\"}", "9", 0);
    assert_false(generator_next(g, &r));
    generator_free(g);
}

static void assert_no_replay(const char *ending, const char *text, enum err wanted, const char *says)
{
    struct generator *g = NULL;
    struct error      e = {0};
    const char       *path = file_with(ending, text);
    assert_int_equal(generator_replay(path, &knobs, &g, &e), wanted);
    unlink(path);
    if (!strstr(e.text, says))
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void files_that_cannot_be_replayed_say_where(void **state)
{
    struct generator *g = NULL;
    struct error      e = {0};
    (void)state;
    assert_no_replay(".ndjson", "{}", ERR_INVALID, "event-time field");
    knobs.time_field = "ts";
    assert_no_replay(".ndjson", "{\"ts\":1}\n{\"ts\":\n", ERR_DATA, "line 2 is no JSON");
    assert_no_replay(".ndjson", "{\"ts\":1}\n{\"tz\":1}\n", ERR_DATA, "line 2 has no event time in ts");
    assert_no_replay(".csv", "a,b\n1,2\n", ERR_DATA, "no column ts");
    assert_no_replay(".csv", "a,ts\n1,2\n1\n", ERR_DATA, "line 3 has 1 fields");
    assert_no_replay(".csv", "a,ts\n1,soon\n", ERR_DATA, "line 2: \"soon\"");
    assert_int_equal(generator_replay("/no/such/file", &knobs, &g, &e), ERR_NOT_FOUND);
}

/* ---- pacing ---- */

static void a_pacer_spreads_records_over_time(void **state)
{
    struct pacer p;
    (void)state;
    pacer_start(&p, 1000, 5000000);
    assert_int_equal(pacer_wait_us(&p, 5000000), 0);
    pacer_sent(&p, 1);
    assert_int_equal(pacer_wait_us(&p, 5000000), 1000);
    pacer_sent(&p, 99);
    assert_int_equal(pacer_wait_us(&p, 5050000), 50000);
    assert_int_equal(pacer_wait_us(&p, 6000000), 0); /* behind: catch up */
    pacer_restart(&p, 6000000);
    pacer_sent(&p, 1);
    assert_int_equal(pacer_wait_us(&p, 6000000), 1000); /* paused: do not */
    pacer_start(&p, 0, 0);
    pacer_sent(&p, 1000000);
    assert_int_equal(pacer_wait_us(&p, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(the_same_seed_gives_the_same_bytes),
        T(all_disturbances_together_are_deterministic_too),
        T(ad_events_have_the_layout_of_the_benchmark),
        T(every_template_writes_json),
        T(every_ad_has_its_campaign),
        T(rate_and_step_set_the_event_time),
        T(rows_end_the_stream),
        T(late_and_disordered_records_are_counted_and_bounded),
        T(disorder_does_not_change_the_other_fields),
        T(duplicates_are_the_same_bytes_again),
        T(malformed_records_come_in_all_kinds_in_turn),
        T(skew_prefers_a_few_entities),
        T(partitions_go_round),
        T(bad_knobs_are_refused),
        T(memory_that_is_out_is_said),
        T(a_file_is_replayed_in_event_time_order),
        T(csv_becomes_json),
        T(files_that_cannot_be_replayed_say_where),
        T(a_pacer_spreads_records_over_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
