/* SPDX-License-Identifier: MIT */
/* The source against the embedded broker: planned ends, positions, holding, restart, outages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "kafka/admin.h"
#include "kafka/broker.h"
#include "kafka/producer.h"
#include "kafka/source.h"

#define PARTITIONS 4

static struct kafka_broker *broker;
static struct arena         arena;
static int                  topic_number;
static char                 topic[32];

/* ---- a loop that sleeps until it is woken, as the real one ---- */

struct loop {
    pthread_mutex_t      lock;
    pthread_cond_t       woken;
    bool                 wake;
    struct kafka_options options;
    struct kafka_source *source;
    int64_t              next[PARTITIONS]; /* what was read, by partition: the offset after the last record */
    int64_t              records[PARTITIONS];
    int64_t              stalls; /* waits that ended without a wake-up */
};

static void wake(void *arg)
{
    struct loop *l = arg;
    pthread_mutex_lock(&l->lock);
    l->wake = true;
    pthread_cond_signal(&l->woken);
    pthread_mutex_unlock(&l->lock);
}

static bool wait_for_wake(struct loop *l, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&l->lock);
    int rc = 0;
    while (!l->wake && rc == 0)
        rc = pthread_cond_timedwait(&l->woken, &l->lock, &until);
    bool was = l->wake;
    l->wake = false;
    pthread_mutex_unlock(&l->lock);
    return was;
}

static void options_for(struct loop *l, const char *starting)
{
    struct diags diags;
    diags_init(&diags, &arena);
    kafka_options_init(&l->options, &arena);
    assert_true(kafka_options_set(&l->options, "bootstrapServers", kafka_broker_bootstrap(broker), (struct place){0},
                                  (struct place){0}, &diags));
    assert_true(kafka_options_set(&l->options, "subscribe", topic, (struct place){0}, (struct place){0}, &diags));
    assert_true(
        kafka_options_set(&l->options, "startingOffsets", starting, (struct place){0}, (struct place){0}, &diags));
    assert_true(
        kafka_options_set(&l->options, "kafka.fetch.max.wait.ms", "10", (struct place){0}, (struct place){0}, &diags));
    assert_true(kafka_options_check(&l->options, (struct place){0}, &diags));
}

static void assert_ok(enum err rc, const struct error *e)
{
    if (rc != OK)
        fail_msg("%s: %s", err_name(rc), e->text);
}

static void loop_open(struct loop *l, const char *starting, const struct kafka_position *saved, int n_saved)
{
    struct error e = {0};
    memset(l, 0, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->woken, NULL);
    options_for(l, starting);
    struct kafka_source_spec spec = {
        .options = &l->options, .query = "q", .n_sources = 1, .wake = wake, .wake_arg = l, .max_message_bytes = 1000};
    assert_ok(kafka_source_new(&spec, &l->source, &e), &e);
    assert_ok(kafka_source_resolve(l->source, saved, n_saved, &e), &e);
    for (int i = 0; i < kafka_source_n(l->source); i++)
        l->next[i] = kafka_source_at(l->source, i)->next;
    assert_ok(kafka_source_start(l->source, &e), &e);
}

static void loop_close(struct loop *l)
{
    kafka_source_free(l->source);
    assert_int_equal(alloc_bytes(TAG_SOURCE), 0);
}

static void take_note(struct loop *l, const struct raw_batch *raw)
{
    assert_in_range(raw->n_records, 1, KAFKA_TAKE_MAX);
    assert_true(raw->partition >= 0 && raw->partition < PARTITIONS);
    for (uint32_t i = 0; i < raw->n_records; i++) {
        assert_true(raw->records[i].offset == l->next[raw->partition]); /* the embedded broker has no gaps */
        assert_true(raw->records[i].offset < kafka_source_at(l->source, raw->partition)->end);
        l->next[raw->partition]++;
        l->records[raw->partition]++;
    }
    assert_int_equal(raw->next_offset, l->next[raw->partition]);
}

/* One turn: takes what there is within the bound, says whether more waits. */
static bool turn(struct loop *l)
{
    struct source    *flow = kafka_source_flow(l->source);
    struct raw_batch *raw = NULL;
    struct error      e = {0};
    for (size_t n = 0; n < 2048;) {
        assert_ok(flow->ops->take(flow, 500, &raw, &e), &e);
        if (!raw)
            break;
        n += raw->n_records;
        take_note(l, raw);
        raw_batch_free(raw);
    }
    return kafka_source_more(l->source);
}

static void run_until_done(struct loop *l)
{
    int64_t until = clock_mono_us() + 20000000;
    while (!kafka_source_done(l->source)) {
        if (!turn(l) && !kafka_source_done(l->source) && !wait_for_wake(l, 5000))
            l->stalls++;
        if (clock_mono_us() > until)
            fail_msg("planned ends were not reached in 20 s");
    }
    assert_int_equal(l->stalls, 0);
}

static void plan_all(struct loop *l, const int64_t *ends)
{
    for (int i = 0; i < kafka_source_n(l->source); i++)
        kafka_source_plan(l->source, i, ends[i]);
}

/* ---- records ---- */

static void produce(int64_t n, size_t size)
{
    struct error               e = {0};
    struct kafka_producer     *p = NULL;
    struct kafka_producer_spec spec = {
        .client = {.bootstrap = kafka_broker_bootstrap(broker)}, .topic = topic, .compression = "none"};
    struct kafka_producer_counts counts;
    char                        *value = mem_zalloc(TAG_TEST, size);
    assert_ok(kafka_producer_new(&spec, &p, &e), &e);
    for (int64_t i = 0; i < n; i++) {
        struct emit *emit = kafka_producer_emit(p);
        enum err     rc;
        memcpy(value, &i, sizeof i);
        while ((rc = emit->ops->record(emit, (int32_t)(i % PARTITIONS), "k", 1, value, size, 1700000000000 + i, &e)) ==
               ERR_BUSY)
            assert_ok(kafka_producer_poll(p, 10, &e), &e);
        assert_ok(rc, &e);
    }
    assert_ok(kafka_producer_flush(p, 20000, &e), &e);
    kafka_producer_counts(p, &counts);
    assert_int_equal(counts.sent, n);
    assert_int_equal(counts.acked, n);
    assert_int_equal(counts.failed + counts.waiting, 0);
    kafka_producer_free(p);
    mem_free(value);
}

static int group_setup(void **state)
{
    (void)state;
    return kafka_broker_start(1, &broker, NULL) != OK;
}

static int group_teardown(void **state)
{
    (void)state;
    kafka_broker_free(broker);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TAG_TEST, 1 << 20);
    snprintf(topic, sizeof topic, "t%d", ++topic_number);
    return kafka_broker_topic(broker, topic, PARTITIONS, NULL) != OK;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* ---- the specification ---- */

static void everything_is_read_once_and_in_order(void **state)
{
    struct loop  l;
    struct error e = {0};
    int64_t      ends[PARTITIONS];
    (void)state;
    produce(60000, 100);
    loop_open(&l, "earliest", NULL, 0);
    assert_int_equal(kafka_source_n(l.source), PARTITIONS);
    assert_ok(kafka_source_ends(l.source, ends, PARTITIONS, &e), &e);
    for (int i = 0; i < PARTITIONS; i++) {
        assert_int_equal(ends[i], 15000);
        assert_int_equal(kafka_source_at(l.source, i)->slot, i);
    }
    plan_all(&l, ends);
    run_until_done(&l);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(l.records[i], 15000);
    assert_int_equal(kafka_source_lag(l.source), 0);
    loop_close(&l);
}

static void no_partition_runs_ahead_of_its_plan(void **state)
{
    struct loop l;
    (void)state;
    produce(40000, 100);
    loop_open(&l, "earliest", NULL, 0);
    for (int64_t epoch = 1; epoch <= 10; epoch++) { /* take_note asserts that nothing lies beyond the plan */
        int64_t ends[PARTITIONS] = {epoch * 1000, epoch * 1000 - 1, epoch * 997, epoch * 7};
        plan_all(&l, ends);
        run_until_done(&l);
        for (int i = 0; i < PARTITIONS; i++) {
            assert_int_equal(kafka_source_at(l.source, i)->next, ends[i]);
            assert_int_equal(l.next[i], ends[i]);
        }
    }
    loop_close(&l);
}

static void nothing_is_handed_out_before_there_is_a_plan(void **state)
{
    struct loop l;
    (void)state;
    produce(4000, 100);
    loop_open(&l, "earliest", NULL, 0);
    assert_true(kafka_source_done(l.source));
    for (int i = 0; i < 20; i++) {
        turn(&l);
        wait_for_wake(&l, 10);
    }
    assert_int_equal(l.records[0] + l.records[1] + l.records[2] + l.records[3], 0);
    loop_close(&l);
}

static void without_a_bound_what_comes_is_handed_out_until_the_epoch_is_closed(void **state)
{
    struct loop l;
    int64_t     until = clock_mono_us() + 10000000;
    (void)state;
    loop_open(&l, "earliest", NULL, 0);
    for (int i = 0; i < PARTITIONS; i++)
        kafka_source_plan(l.source, i, KAFKA_NO_BOUND);
    produce(4000, 100);
    while (l.records[0] + l.records[1] + l.records[2] + l.records[3] < 4000 && clock_mono_us() < until)
        if (!turn(&l))
            wait_for_wake(&l, 100);
    for (int i = 0; i < PARTITIONS; i++) {
        assert_int_equal(l.records[i], 1000);
        kafka_source_plan(l.source, i, 0); /* close it where it stands */
        assert_int_equal(kafka_source_at(l.source, i)->end, 1000);
    }
    assert_true(kafka_source_done(l.source));
    loop_close(&l);
}

static void on_hold_nothing_comes_and_nothing_is_lost(void **state)
{
    struct loop    l;
    int64_t        ends[PARTITIONS] = {500, 500, 500, 500};
    struct source *flow;
    (void)state;
    produce(2000, 100);
    loop_open(&l, "earliest", NULL, 0);
    flow = kafka_source_flow(l.source);
    plan_all(&l, ends);
    flow->ops->hold(flow, true);
    for (int i = 0; i < 20; i++) {
        assert_false(turn(&l));
        wait_for_wake(&l, 10);
    }
    assert_int_equal(l.records[0], 0);
    flow->ops->hold(flow, false);
    assert_true(wait_for_wake(&l, 1000)); /* the loop hears of it */
    run_until_done(&l);
    loop_close(&l);
}

static void saved_positions_win_over_options(void **state)
{
    struct loop           l;
    int64_t               ends[PARTITIONS] = {1000, 1000, 1000, 1000};
    struct kafka_position saved[3] = {{topic, "", 0, 400}, {topic, "", 1, 1000}, {topic, "", 2, 0}};
    (void)state;
    produce(4000, 100);
    loop_open(&l, "latest", saved, 3);
    assert_int_equal(l.next[0], 400);
    assert_int_equal(l.next[1], 1000);
    assert_int_equal(l.next[2], 0);
    assert_int_equal(l.next[3], 0); /* new to a query that ran before: from its start, whatever the options say */
    plan_all(&l, ends);
    run_until_done(&l);
    assert_int_equal(l.records[0], 600);
    assert_int_equal(l.records[1], 0);
    assert_int_equal(l.records[3], 1000);
    loop_close(&l);
}

static void starting_offsets_are_per_partition_and_complete(void **state)
{
    struct loop          l;
    struct error         e = {0};
    char                 text[120];
    struct kafka_source *s = NULL;
    (void)state;
    produce(4000, 100);
    snprintf(text, sizeof text, "{\"%s\":{\"0\":7,\"1\":-1,\"2\":-2,\"3\":1000}}", topic);
    loop_open(&l, text, NULL, 0);
    assert_int_equal(l.next[0], 7);
    assert_int_equal(l.next[1], 1000);
    assert_int_equal(l.next[2], 0);
    assert_int_equal(l.next[3], 1000);
    loop_close(&l);

    snprintf(text, sizeof text, "{\"%s\":{\"0\":7,\"1\":-1}}", topic);
    options_for(&l, text);
    struct kafka_source_spec spec = {.options = &l.options, .query = "q"};
    assert_ok(kafka_source_new(&spec, &s, &e), &e);
    assert_int_equal(kafka_source_resolve(s, NULL, 0, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "must name every partition"));
    kafka_source_free(s);
}

static void a_rewind_reads_again_from_where_it_was_told(void **state)
{
    struct loop  l;
    struct error e = {0};
    int64_t      ends[PARTITIONS] = {5000, 5000, 5000, 5000}, back[PARTITIONS] = {100, 0, 2500, 5000};
    (void)state;
    produce(20000, 100);
    loop_open(&l, "earliest", NULL, 0);
    plan_all(&l, ends);
    for (int i = 0; i < 5; i++) /* somewhere in the middle */
        if (!turn(&l))
            wait_for_wake(&l, 100);
    assert_ok(kafka_source_rewind(l.source, back, PARTITIONS, &e), &e);
    memcpy(l.next, back, sizeof back);
    memset(l.records, 0, sizeof l.records);
    plan_all(&l, ends);
    run_until_done(&l);
    assert_int_equal(l.records[0], 4900);
    assert_int_equal(l.records[3], 0);
    loop_close(&l);
}

static void a_saved_position_behind_the_end_is_data_loss(void **state)
{
    struct loop           l;
    struct error          e = {0};
    struct kafka_position saved[1] = {{topic, "", 0, 2000}};
    struct kafka_source  *s = NULL;
    (void)state;
    produce(4000, 100);
    options_for(&l, "earliest");
    struct kafka_source_spec spec = {.options = &l.options, .query = "q"};
    assert_ok(kafka_source_new(&spec, &s, &e), &e);
    assert_int_equal(kafka_source_resolve(s, saved, 1, &e), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "stood at offset 2000, but the log ends at 1000"));
    kafka_source_free(s);
}

/* The embedded broker keeps 5 MiB per partition: the first records are gone, and the error names them. */
static void records_that_are_gone_are_named(void **state)
{
    struct loop           l;
    struct error          e = {0};
    struct kafka_position saved[1] = {{topic, "", 0, 3}};
    struct kafka_source  *s = NULL;
    (void)state;
    produce(32000, 900);
    options_for(&l, "earliest");
    struct kafka_source_spec spec = {.options = &l.options, .query = "q"};
    assert_ok(kafka_source_new(&spec, &s, &e), &e);
    assert_int_equal(kafka_source_resolve(s, saved, 1, &e), ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "-0: records [3, "));
    kafka_source_free(s);
}

/* The same while it is being read: the source asks where the log starts, says it once, and is quiet. */
static void records_that_vanish_under_the_reader_are_named_once(void **state)
{
    struct loop       l;
    struct error      e = {0};
    struct raw_batch *raw = NULL;
    int64_t           back[PARTITIONS] = {3, 0, 0, 0}, until = clock_mono_us() + 15000000;
    enum err          rc = OK;
    (void)state;
    produce(4000, 900);
    loop_open(&l, "latest", NULL, 0);
    produce(32000, 900);
    assert_ok(kafka_source_rewind(l.source, back, 1, &e), &e);
    kafka_source_plan(l.source, 0, KAFKA_NO_BOUND);
    while (rc == OK && clock_mono_us() < until) {
        rc = kafka_source_flow(l.source)->ops->take(kafka_source_flow(l.source), 500, &raw, &e);
        assert_null(raw);
        wait_for_wake(&l, 50);
    }
    assert_int_equal(rc, ERR_DATA_LOSS);
    assert_non_null(strstr(e.text, "-0: records [3, "));
    assert_int_equal(kafka_source_flow(l.source)->ops->take(kafka_source_flow(l.source), 500, &raw, &e), OK);
    loop_close(&l);
}

/* Takes until every partition has given something; what it lost on the way. */
static void take_from_all(struct loop *l, int64_t lost[PARTITIONS])
{
    struct raw_batch *raw = NULL;
    struct error      e = {0};
    int64_t           until = clock_mono_us() + 20000000;
    int               n = 0;
    for (int i = 0; i < PARTITIONS; i++)
        kafka_source_plan(l->source, i, KAFKA_NO_BOUND);
    for (n = 0; n < PARTITIONS && clock_mono_us() < until;) {
        assert_ok(kafka_source_flow(l->source)->ops->take(kafka_source_flow(l->source), 500, &raw, &e), &e);
        if (raw)
            raw_batch_free(raw);
        else
            wait_for_wake(l, 50);
        for (n = 0; n < PARTITIONS && kafka_source_at(l->source, n)->records > 0;)
            n++;
    }
    assert_int_equal(n, PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++)
        lost[i] = kafka_source_at(l->source, i)->lost;
}

/* A topic that is written fast loses its first records between the question for them and the first fetch. */
static void earliest_is_what_is_there_when_reading_begins(void **state)
{
    struct loop  l;
    struct error e = {0};
    int64_t      lost[PARTITIONS];
    (void)state;
    produce(4000, 900);
    memset(&l, 0, sizeof l);
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.woken, NULL);
    options_for(&l, "earliest");
    struct kafka_source_spec spec = {.options = &l.options, .query = "q", .n_sources = 1, .wake = wake, .wake_arg = &l};
    assert_ok(kafka_source_new(&spec, &l.source, &e), &e);
    assert_ok(kafka_source_resolve(l.source, NULL, 0, &e), &e);
    produce(32000, 900);
    assert_int_equal(kafka_source_at(l.source, 0)->next, 0);
    assert_ok(kafka_source_start(l.source, &e), &e);
    take_from_all(&l, lost);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(lost[i], 0);
    loop_close(&l);
}

static void what_vanishes_in_several_partitions_at_once_is_skipped_in_each(void **state)
{
    struct loop  l;
    struct error e = {0};
    int64_t      back[PARTITIONS] = {3, 3, 3, 3}, lost[PARTITIONS];
    (void)state;
    produce(4000, 900);
    loop_open(&l, "latest", NULL, 0);
    l.options.fail_on_data_loss = false;
    produce(32000, 900);
    assert_ok(kafka_source_rewind(l.source, back, PARTITIONS, &e), &e);
    take_from_all(&l, lost);
    for (int i = 0; i < PARTITIONS; i++)
        assert_true(lost[i] > 1000);
    loop_close(&l);
}

static void lost_records_may_be_skipped_when_asked_for(void **state)
{
    struct loop           l;
    struct kafka_position saved[1] = {{topic, "", 0, 3}};
    struct error          e = {0};
    (void)state;
    produce(32000, 900);
    memset(&l, 0, sizeof l);
    options_for(&l, "earliest");
    l.options.fail_on_data_loss = false;
    struct kafka_source_spec spec = {.options = &l.options, .query = "q"};
    assert_ok(kafka_source_new(&spec, &l.source, &e), &e);
    assert_ok(kafka_source_resolve(l.source, saved, 1, &e), &e);
    const struct kafka_partition *p = kafka_source_at(l.source, 0);
    assert_true(p->next > 3);
    assert_int_equal(p->lost, p->next - 3);
    loop_close(&l);
}

static void messages_above_the_limit_come_without_payload(void **state)
{
    struct loop       l;
    struct raw_batch *raw = NULL;
    struct error      e = {0};
    (void)state;
    produce(4, 5000);
    loop_open(&l, "earliest", NULL, 0);
    kafka_source_plan(l.source, 0, 1);
    for (int i = 0; i < 100 && !raw; i++) {
        assert_ok(kafka_source_flow(l.source)->ops->take(kafka_source_flow(l.source), 10, &raw, &e), &e);
        if (!raw)
            wait_for_wake(&l, 100);
    }
    assert_non_null(raw);
    assert_true(raw->records[0].oversized);
    assert_null(raw->records[0].value);
    assert_int_equal(raw->records[0].value_bytes, 5000);
    assert_int_equal(raw->records[0].timestamp_ms, 1700000000000);
    assert_int_equal(raw->records[0].timestamp_type, 0);
    raw_batch_free(raw);
    loop_close(&l);
}

static void a_batch_that_cannot_be_allocated_loses_nothing(void **state)
{
    struct loop       l;
    struct raw_batch *raw = NULL;
    struct error      e = {0};
    int64_t           ends[PARTITIONS] = {1000, 1000, 1000, 1000};
    int               failed = 0;
    (void)state;
    produce(4000, 100);
    loop_open(&l, "earliest", NULL, 0);
    plan_all(&l, ends);
    while (!kafka_source_done(l.source)) {
        alloc_fail_at(1, 1);
        enum err rc = kafka_source_flow(l.source)->ops->take(kafka_source_flow(l.source), 500, &raw, &e);
        alloc_fail_at(0, 0);
        if (rc == ERR_NO_MEMORY)
            failed++;
        turn(&l);
        wait_for_wake(&l, 10);
    }
    assert_true(failed > 0);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(l.records[i], 1000);
    loop_close(&l);
}

/* "offsets of t-0: Broker: Not leader for partition" ended a query on a topic that was made just now. */
static void a_leader_that_does_not_know_it_yet_is_waited_for(void **state)
{
    struct loop l;
    (void)state;
    produce(1000, 100);
    kafka_broker_forget_leaders(broker, 3);
    loop_open(&l, "latest", NULL, 0);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(l.next[i], 250);
    loop_close(&l);
}

static void an_outage_is_waited_for(void **state)
{
    struct loop               l;
    struct kafka_source_stats stats;
    struct error              e = {0};
    int64_t                   ends[PARTITIONS] = {250, 250, 250, 250}, more[PARTITIONS] = {500, 500, 500, 500};
    (void)state;
    produce(1000, 100);
    loop_open(&l, "earliest", NULL, 0);
    plan_all(&l, ends);
    run_until_done(&l);
    assert_ok(kafka_broker_set_down(broker, true, &e), &e);
    int64_t until = clock_mono_us() + 10000000;
    do {
        turn(&l);
        wait_for_wake(&l, 50);
        kafka_source_stats(l.source, &stats);
    } while (!stats.down_since_us && clock_mono_us() < until);
    assert_true(stats.down_since_us > 0);
    assert_true(strlen(stats.last_error) > 0);
    assert_ok(kafka_broker_set_down(broker, false, &e), &e);
    produce(1000, 100);
    plan_all(&l, more);
    run_until_done(&l);
    for (until = clock_mono_us() + 10000000; stats.down_since_us && clock_mono_us() < until;) {
        turn(&l);
        wait_for_wake(&l, 50);
        kafka_source_stats(l.source, &stats);
    }
    assert_int_equal(stats.down_since_us, 0);
    loop_close(&l);
}

static void the_group_shows_the_lag(void **state)
{
    struct loop         l;
    struct error        e = {0};
    struct kafka_admin *a = NULL;
    struct kafka_client c = {.bootstrap = kafka_broker_bootstrap(broker)};
    int64_t             next[PARTITIONS] = {1000, 1000, 900, 500}, total = 0, most = 0;
    (void)state;
    produce(4000, 100);
    loop_open(&l, "earliest", NULL, 0);
    assert_ok(kafka_admin_open(&c, &a, &e), &e);
    assert_ok(kafka_group_lag(a, "nobody", topic, &total, &most, 0, &e), &e);
    assert_int_equal(total, 4000);
    kafka_source_commit(l.source, next, PARTITIONS);
    assert_ok(kafka_group_lag(a, "millrace-q", topic, &total, &most, 0, &e), &e);
    assert_int_equal(total, 600);
    assert_int_equal(most, 500);
    kafka_admin_close(a);
    loop_close(&l);
}

static void topics_that_do_not_exist_and_brokers_that_do_not_answer(void **state)
{
    struct loop          l;
    struct error         e = {0};
    struct kafka_source *s = NULL;
    struct diags         diags;
    (void)state;
    diags_init(&diags, &arena);
    options_for(&l, "earliest");
    l.options.topics[0] = "no-such-topic";
    struct kafka_source_spec spec = {.options = &l.options, .query = "q"};
    assert_ok(kafka_source_new(&spec, &s, &e), &e);
    assert_int_equal(kafka_source_resolve(s, NULL, 0, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "topic no-such-topic does not exist"));
    kafka_source_free(s);

    l.options.bootstrap = "127.0.0.1:1";
    int64_t before = clock_mono_us();
    assert_ok(kafka_source_new(&spec, &s, &e), &e);
    assert_int_equal(kafka_source_resolve(s, NULL, 0, &e), ERR_UNAVAILABLE);
    assert_true(e.retry);
    assert_non_null(strstr(e.text, "Connection refused"));
    assert_true(clock_mono_us() - before < 8000000);
    kafka_source_free(s);
}

static void topics_are_listed_and_made(void **state)
{
    struct error        e = {0};
    struct kafka_admin *a = NULL;
    struct kafka_topic *list = NULL;
    struct kafka_client c = {.bootstrap = kafka_broker_bootstrap(broker)};
    int                 n = 0;
    bool                seen = false;
    (void)state;
    assert_ok(kafka_admin_open(&c, &a, &e), &e);
    assert_ok(kafka_topic_create(a, "made", 4, 1, NULL, 0, 0, &e), &e);
    assert_int_equal(kafka_topic_create(a, "made", 4, 1, NULL, 0, 0, &e), ERR_EXISTS);
    assert_ok(kafka_topic_list(a, &arena, &list, &n, 0, &e), &e);
    for (int i = 0; i < n; i++)
        seen = seen || (strcmp(list[i].name, "made") == 0 && list[i].n_partitions == 4);
    assert_true(seen);
    kafka_admin_close(a);
}

static void a_record_that_cannot_be_sent_is_counted_and_explained(void **state)
{
    struct error                 e = {0};
    struct kafka_producer       *p = NULL;
    struct kafka_producer_spec   spec = {.client = {.bootstrap = kafka_broker_bootstrap(broker)}, .topic = topic};
    struct kafka_producer_counts counts;
    (void)state;
    assert_ok(kafka_producer_new(&spec, &p, &e), &e);
    struct emit *emit = kafka_producer_emit(p);
    assert_ok(emit->ops->record(emit, 9, NULL, 0, "payload", 7, 1, &e), &e); /* whether it exists is not known yet */
    assert_int_equal(kafka_producer_flush(p, 20000, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "Unknown partition"));
    assert_null(strstr(e.text, "payload"));
    kafka_producer_counts(p, &counts);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.waiting, 0);
    kafka_producer_free(p);
}

static void records_that_nobody_takes_are_still_waiting(void **state)
{
    struct error               e = {0};
    struct kafka_producer     *p = NULL;
    struct kafka_producer_spec spec = {.client = {.bootstrap = "127.0.0.1:1"}, .topic = topic, .queue_bytes = 1 << 20};
    struct kafka_producer_counts counts;
    static char                  value[100000];
    enum err                     rc = OK;
    (void)state;
    assert_ok(kafka_producer_new(&spec, &p, &e), &e);
    struct emit *emit = kafka_producer_emit(p);
    while (rc == OK)
        rc = emit->ops->record(emit, -1, NULL, 0, value, sizeof value, 1, &e);
    assert_int_equal(rc, ERR_BUSY); /* the queue has a ceiling */
    assert_int_equal(kafka_producer_flush(p, 300, &e), ERR_UNAVAILABLE);
    assert_true(e.retry);
    kafka_producer_counts(p, &counts);
    assert_true(counts.waiting > 0 && counts.waiting == counts.sent);
    kafka_producer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(everything_is_read_once_and_in_order),
        T(no_partition_runs_ahead_of_its_plan),
        T(nothing_is_handed_out_before_there_is_a_plan),
        T(without_a_bound_what_comes_is_handed_out_until_the_epoch_is_closed),
        T(on_hold_nothing_comes_and_nothing_is_lost),
        T(saved_positions_win_over_options),
        T(starting_offsets_are_per_partition_and_complete),
        T(a_rewind_reads_again_from_where_it_was_told),
        T(a_saved_position_behind_the_end_is_data_loss),
        T(records_that_are_gone_are_named),
        T(records_that_vanish_under_the_reader_are_named_once),
        T(earliest_is_what_is_there_when_reading_begins),
        T(what_vanishes_in_several_partitions_at_once_is_skipped_in_each),
        T(lost_records_may_be_skipped_when_asked_for),
        T(messages_above_the_limit_come_without_payload),
        T(a_batch_that_cannot_be_allocated_loses_nothing),
        T(a_leader_that_does_not_know_it_yet_is_waited_for),
        T(an_outage_is_waited_for),
        T(the_group_shows_the_lag),
        T(topics_that_do_not_exist_and_brokers_that_do_not_answer),
        T(topics_are_listed_and_made),
        T(a_record_that_cannot_be_sent_is_counted_and_explained),
        T(records_that_nobody_takes_are_still_waiting),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
