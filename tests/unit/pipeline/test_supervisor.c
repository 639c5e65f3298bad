/* SPDX-License-Identifier: MIT */
/* Desired and actual states of queries and producers against the embedded broker: what is kept, changed, made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "kafka/broker.h"
#include "pipeline/supervisor_priv.h"

#define WAIT_US 20000000

static struct kafka_broker *broker;
static char                 dir[] = "/tmp/millrace-supervisor-XXXXXX";
static int                  n_folders;

/* A supervisor, and its loop turned by hand. */
struct world {
    uv_loop_t             loop;
    struct supervisor    *s;
    char                  state[64], lake[64], topic[32];
    struct service_result result; /* of the change made last; its object is for the moment */
    bool                  answered, closed;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

static int group_setup(void **state)
{
    (void)state;
    return mkdtemp(dir) && kafka_broker_start(1, &broker, NULL) == OK ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    kafka_broker_free(broker);
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_world(struct world *w)
{
    struct error           e;
    struct supervisor_spec spec = {.loop = &w->loop, .state_dir = w->state, .warehouse = w->lake};
    assert_int_equal(uv_loop_init(&w->loop), 0);
    if (supervisor_open(&spec, &w->s, &e) != OK)
        fail_msg("%s", e.text);
    supervisor_run(w->s);
}

static void on_closed(void *arg) { ((struct world *)arg)->closed = true; }

static void close_world(struct world *w)
{
    w->closed = false;
    supervisor_stop(w->s, on_closed, w);
    for (int64_t end = clock_mono_us() + WAIT_US; !w->closed && clock_mono_us() < end;)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_true(w->closed);
    supervisor_close(w->s);
    while (uv_run(&w->loop, UV_RUN_ONCE))
        ;
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->state, sizeof w->state, "%s/state%d", dir, ++n_folders);
    snprintf(w->lake, sizeof w->lake, "%s/lake%d", dir, n_folders);
    snprintf(w->topic, sizeof w->topic, "topic%d", n_folders);
    *state = w;
    open_world(w);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    close_world(w);
    free(w);
    return 0;
}

static void turn_until(struct world *w, bool (*good)(struct world *, const char *), const char *name)
{
    for (int64_t end = clock_mono_us() + WAIT_US; !good(w, name);) {
        if (clock_mono_us() > end)
            fail_msg("%s: waited in vain", name);
        uv_run(&w->loop, UV_RUN_ONCE); /* the supervisor's timer wakes it */
    }
}

static struct service_object *find(struct world *w, const char *name)
{
    struct service_object *o = supervisor_find(w->s, RESOURCE_QUERY, name);
    return o ? o : supervisor_find(w->s, RESOURCE_PRODUCER, name);
}

static bool runs(struct world *w, const char *name) { return find(w, name)->state == SERVICE_RUNNING; }
static bool is_stopped(struct world *w, const char *name) { return find(w, name)->state == SERVICE_STOPPED; }
static bool has_failed(struct world *w, const char *name) { return find(w, name)->state == SERVICE_FAILED; }
static bool waits(struct world *w, const char *name) { return find(w, name)->state == SERVICE_WAITING; }
static bool is_gone(struct world *w, const char *name) { return !find(w, name); }
static bool has_answer(struct world *w, const char *name)
{
    (void)name;
    return w->answered;
}
static bool has_rows(struct world *w, const char *name)
{
    struct service_query *q = service_query_of(find(w, name));
    return q->table_rows_before + q->status.rows > 0;
}

static void on_done(void *arg, const struct service_result *r)
{
    struct world *w = arg;
    w->result = *r;
    w->answered = true;
}

static enum err answer(struct world *w)
{
    turn_until(w, has_answer, "the answer of a change");
    w->answered = false;
    return w->result.rc;
}

static enum err put(struct world *w, enum resource_kind kind, const char *name, const char *spec, bool reset)
{
    struct service_put p = {
        .kind = kind, .name = name, .spec = spec, .wanted = true, .expect = RESOURCE_ANY_REVISION, .reset = reset};
    supervisor_put(w->s, &p, on_done, w);
    return answer(w);
}

static enum err want(struct world *w, enum resource_kind kind, const char *name, enum service_want what)
{
    supervisor_want(w->s, kind, name, what, false, on_done, w);
    return answer(w);
}

static enum err forget(struct world *w, enum resource_kind kind, const char *name, bool force, bool purge)
{
    supervisor_delete(w->s, kind, name, RESOURCE_ANY_REVISION, force, purge, on_done, w);
    return answer(w);
}

/* A query over the world's topic into table `table`: how many views per window of so many seconds. */
static const char *query_of(struct world *w, const char *table, const char *bootstrap, int seconds)
{
    static char spec[2048];
    snprintf(spec, sizeof spec,
             "{\"sql\":\"CREATE STREAMING TABLE %s TBLPROPERTIES ('pipelines.trigger.interval' = '100 milliseconds') "
             "AS SELECT window.start AS s, count(*) AS n FROM (SELECT timestamp_millis(e.event_time) AS t FROM "
             "(SELECT from_json(CAST(value AS STRING), 'event_time BIGINT') AS e FROM STREAM read_kafka("
             "bootstrapServers => '%s', subscribe => '%s', startingOffsets => 'earliest'))) "
             "WATERMARK t DELAY OF INTERVAL 0 SECONDS GROUP BY window(t, '%d seconds')\",\"params\":{},\"tags\":[],"
             "\"folder\":\".\"}",
             table, bootstrap ? bootstrap : kafka_broker_bootstrap(broker), w->topic, seconds);
    return spec;
}

static const char *producer_of(struct world *w, int rate, int rows)
{
    static char spec[512];
    snprintf(spec, sizeof spec,
             "{\"bootstrap_servers\":\"%s\",\"topic\":\"%s\",\"template\":\"ad_events\",\"rate\":%d,\"rows\":%d,"
             "\"partitions\":4}",
             kafka_broker_bootstrap(broker), w->topic, rate, rows);
    return spec;
}

/* ---- pure ---- */

static void each_try_waits_longer_up_to_a_minute(void **state)
{
    (void)state;
    for (int n = 0; n < 20; n++) {
        int64_t most = 1000 << (n < 6 ? n : 6), ms = service__backoff_ms(n);
        most = most > 60000 ? 60000 : most;
        assert_in_range(ms, most - most / 4, most);
    }
    assert_true(service__may_pass(ERR_UNAVAILABLE) && service__may_pass(ERR_NO_SPACE));
    assert_false(service__may_pass(ERR_DATA) || service__may_pass(ERR_CONFLICT) || service__may_pass(ERR_CORRUPT));
}

static void names_are_plain(void **state)
{
    static const char
        *const        good[] = {"a", "0", "clicks_per-minute",
                                "x23456789012345678901234567890123456789012345678"
                                       "90123456789012"},
               *const bad[] = {"",         "A",   "_a",
                               "-a",       "a b", "a/b",
                               "\xc3\xbc", "a.b", "x2345678901234567890123456789012345678901234567890123456789012345"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(service_name_is_good(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(service_name_is_good(bad[i]));
}

/* ---- desired and actual ---- */

static void what_is_wanted_is_kept_over_a_restart(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    assert_true(w->result.created);
    turn_until(w, runs, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK);
    assert_int_equal(put(w, RESOURCE_QUERY, "rests", query_of(w, "r", NULL, 1), false), OK);
    turn_until(w, has_rows, "q");
    turn_until(w, runs, "rests");
    assert_int_equal(want(w, RESOURCE_QUERY, "rests", SERVICE_STOP), OK);
    assert_false(find(w, "rests")->wanted); /* at once; the actual state follows */
    turn_until(w, is_stopped, "rests");
    close_world(w);
    open_world(w);
    assert_true(find(w, "q")->wanted && find(w, "p")->wanted);
    assert_int_equal(find(w, "rests")->state, SERVICE_STOPPED);
    turn_until(w, runs, "q");
    turn_until(w, runs, "p");
    assert_int_equal(find(w, "rests")->state, SERVICE_STOPPED);
}

static void what_may_pass_is_tried_again_until_it_is_not_wanted(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", "127.0.0.1:9", 1), false), OK);
    turn_until(w, waits, "q");
    const struct service_object *o = find(w, "q");
    assert_true(o->wanted && o->restarts >= 1 && o->error.text[0] && o->error.retry);
    assert_int_equal(want(w, RESOURCE_QUERY, "q", SERVICE_STOP), OK);
    turn_until(w, is_stopped, "q");
    assert_int_equal(want(w, RESOURCE_QUERY, "nobody", SERVICE_START), ERR_NOT_FOUND);
}

static void while_a_query_ends_nothing_is_counted_twice(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 1000, 1000), false), OK);
    turn_until(w, is_stopped, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK);
    turn_until(w, has_rows, "q");
    const struct service_query *q = service_query_of(find(w, "q"));
    int64_t                     most_records = 0, most_rows = 0;
    assert_int_equal(want(w, RESOURCE_QUERY, "q", SERVICE_STOP), OK);
    while (!is_stopped(w, "q")) {
        int64_t records = q->records_before + q->status.records, rows = service_query_rows_seen(q);
        most_records = records > most_records ? records : most_records;
        most_rows = rows > most_rows ? rows : most_rows;
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(q->records_before + q->status.records, 1000);
    assert_in_range(most_records, 1, 1000);
    assert_in_range(most_rows, 1, service_query_rows_seen(q));
}

/* Also for the thread sanitizer: whatever a stop meets, the loop and the query's threads do not meet in its data. */
static void a_query_can_be_stopped_at_any_moment(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 2000, 0), false), OK);
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK);
    for (int ms = 0; ms < 160; ms += 8) {
        for (int64_t end = clock_mono_us() + ms * 1000; clock_mono_us() < end;)
            uv_run(&w->loop, UV_RUN_NOWAIT);
        assert_int_equal(want(w, RESOURCE_QUERY, "q", SERVICE_STOP), OK);
        turn_until(w, is_stopped, "q");
        assert_int_equal(want(w, RESOURCE_QUERY, "q", SERVICE_START), OK);
    }
    turn_until(w, runs, "q");
}

/* A query into the folder `location`, with more properties. */
static const char *query_into(struct world *w, const char *location, const char *properties)
{
    static char spec[2048];
    snprintf(spec, sizeof spec,
             "{\"sql\":\"CREATE STREAMING TABLE any LOCATION '%s' TBLPROPERTIES ('pipelines.trigger.interval' = "
             "'100 milliseconds'%s) AS SELECT CAST(value AS STRING) AS v FROM STREAM read_kafka(bootstrapServers => "
             "'%s', subscribe => '%s', startingOffsets => 'earliest')\",\"params\":{},\"tags\":[],\"folder\":\".\"}",
             location, properties, kafka_broker_bootstrap(broker), w->topic);
    return spec;
}

static void assert_taken(struct world *w, const char *name, const char *spec, const char *by)
{
    char text[80];
    snprintf(text, sizeof text, "query %s writes to /", by);
    assert_int_equal(put(w, RESOURCE_QUERY, name, spec, false), ERR_EXISTS);
    assert_true(w->result.table_taken);
    if (strncmp(w->result.error.text, text, strlen(text)) != 0)
        fail_msg("%s", w->result.error.text);
}

static void two_queries_do_not_write_one_table(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    turn_until(w, runs, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "first", query_of(w, "same", NULL, 1), false), OK);
    turn_until(w, runs, "first");
    assert_taken(w, "second", query_of(w, "same", NULL, 1), "first");
    assert_true(is_gone(w, "second") && runs(w, "first"));
    assert_int_equal(put(w, RESOURCE_QUERY, "other", query_of(w, "another", NULL, 1), false), OK);
    assert_taken(w, "other", query_of(w, "same", NULL, 1), "first"); /* a change */
    assert_int_equal(want(w, RESOURCE_QUERY, "first", SERVICE_STOP), OK);
    turn_until(w, is_stopped, "first");
    assert_taken(w, "second", query_of(w, "same", NULL, 1), "first");
    close_world(w);
    open_world(w);
    assert_taken(w, "second", query_of(w, "same", NULL, 1), "first");
    assert_int_equal(put(w, RESOURCE_QUERY, "first", query_of(w, "elsewhere", NULL, 1), true), OK);
    assert_int_equal(put(w, RESOURCE_QUERY, "second", query_of(w, "same", NULL, 1), false), OK);
    assert_taken(w, "first", query_of(w, "same", NULL, 1), "second"); /* no way back */
}

static void one_table_is_one_by_whatever_name(void **state)
{
    struct world *w = *state;
    char          real[300], place[600], link[300];
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    snprintf(real, sizeof real, "%s/real", w->lake);
    snprintf(link, sizeof link, "%s/link", w->lake);
    snprintf(place, sizeof place, "%s/t", real);
    assert_int_equal(put(w, RESOURCE_QUERY, "first", query_into(w, place, ""), false), OK);
    turn_until(w, has_rows, "first"); /* so the folder is there */
    assert_int_equal(symlink("real", link), 0);
    const char *const names[][3] = {
        {"", real, "/t/"}, {"", real, "//./t"}, {"", real, "/no/../t"}, {"file://", real, "/t"}, {"", link, "/t"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(place, sizeof place, "%s%s%s", names[i][0], names[i][1], names[i][2]);
        assert_taken(w, "second", query_into(w, place, ""), "first");
    }
    assert_int_equal(put(w, RESOURCE_QUERY, "second", query_into(w, link, ""), false), OK);
}

static void side_tables_are_shared_and_tables_are_not(void **state)
{
    struct world *w = *state;
    char          more[200], place[200];
    snprintf(more, sizeof more, ", 'millrace.rejects' = '%s/aside'", w->lake);
    snprintf(place, sizeof place, "%s/one", w->lake);
    assert_int_equal(put(w, RESOURCE_QUERY, "first", query_into(w, place, more), false), OK);
    snprintf(place, sizeof place, "%s/two", w->lake);
    assert_int_equal(put(w, RESOURCE_QUERY, "second", query_into(w, place, more), false), OK);
    snprintf(place, sizeof place, "%s/aside", w->lake);
    assert_taken(w, "third", query_into(w, place, ""), "second");
    snprintf(place, sizeof place, "%s/three", w->lake);
    snprintf(more, sizeof more, ", 'millrace.late' = '%s/one'", w->lake);
    assert_taken(w, "third", query_into(w, place, more), "first");
}

static void the_table_of_a_deleted_query_is_free_when_that_has_ended(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    assert_int_equal(put(w, RESOURCE_QUERY, "first", query_of(w, "same", NULL, 1), false), OK);
    turn_until(w, has_rows, "first");
    assert_int_equal(forget(w, RESOURCE_QUERY, "first", true, false), OK);
    assert_int_equal(put(w, RESOURCE_QUERY, "second", query_of(w, "same", NULL, 1), false), OK);
    turn_until(w, runs, "second"); /* it may have waited */
    assert_null(find(w, "first"));
}

/* Two of one table can be in a folder of states that an older version has made. */
static void of_two_that_write_one_table_the_older_one_runs_after_a_restart(void **state)
{
    struct world *w = *state;
    struct error  e;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    turn_until(w, runs, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "z_older", query_of(w, "same", NULL, 1), false), OK);
    turn_until(w, runs, "z_older");
    struct resource row = {
        .kind = RESOURCE_QUERY, .name = "a_younger", .spec = query_of(w, "same", NULL, 1), .running = true};
    assert_int_equal(resource_put(w->s->catalog, &row, 0, false, &e), OK);
    close_world(w);
    open_world(w);
    turn_until(w, runs, "z_older");
    turn_until(w, has_failed, "a_younger");
    assert_non_null(strstr(find(w, "a_younger")->error.text, "query z_older, which is older, writes to /"));
    assert_int_equal(forget(w, RESOURCE_QUERY, "z_older", true, false), OK);
    turn_until(w, is_gone, "z_older");
    assert_int_equal(want(w, RESOURCE_QUERY, "a_younger", SERVICE_START), OK);
    turn_until(w, runs, "a_younger");
}

/* ---- changes ---- */

static void state_that_cannot_follow_is_refused_or_dropped(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    turn_until(w, runs, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK);
    turn_until(w, has_rows, "q");
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 2), false), ERR_CONFLICT);
    assert_true(w->result.incompatible);
    assert_true(runs(w, "q")); /* as before */
    int64_t revision = find(w, "q")->revision;
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK); /* the same text */
    assert_true(find(w, "q")->revision > revision && runs(w, "q"));
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 2), true), OK);
    assert_true(w->result.state_dropped && !w->result.created);
    assert_int_equal(find(w, "q")->state, SERVICE_DRAINING); /* the old text ends first */
    turn_until(w, runs, "q");
    turn_until(w, has_rows, "q");
    assert_int_equal(service_query_of(find(w, "q"))->status.generation, 2);
}

static void a_running_query_is_deleted_only_by_force(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    turn_until(w, runs, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK);
    turn_until(w, runs, "q");
    assert_int_equal(forget(w, RESOURCE_QUERY, "q", false, false), ERR_BUSY);
    assert_int_equal(forget(w, RESOURCE_QUERY, "q", true, true), OK);
    turn_until(w, is_gone, "q");
    assert_int_equal(forget(w, RESOURCE_QUERY, "q", true, false), ERR_NOT_FOUND);
}

/* At once: the old one still ends when the new one is made. */
static void delete_and_make(struct world *w, enum resource_kind kind, const char *name, const char *spec)
{
    struct service_put p = {.kind = kind, .name = name, .spec = spec, .wanted = true};
    assert_int_equal(forget(w, kind, name, true, true), OK);
    supervisor_put(w->s, &p, on_done, w);
    assert_int_equal(answer(w), OK);
    assert_true(w->result.created && w->result.object == find(w, name));
    if (kind == RESOURCE_QUERY) /* its last epoch takes longer than the changes; a producer may be quicker */
        assert_int_equal(find(w, name)->state, SERVICE_DRAINING);
}

static void made_anew_while_the_deleted_one_ends_it_runs(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 500, 0), false), OK);
    turn_until(w, runs, "p");
    assert_int_equal(put(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 1), false), OK);
    turn_until(w, has_rows, "q");
    delete_and_make(w, RESOURCE_PRODUCER, "p", producer_of(w, 700, 0));
    delete_and_make(w, RESOURCE_QUERY, "q", query_of(w, "t", NULL, 3));
    turn_until(w, runs, "p");
    turn_until(w, runs, "q");
    turn_until(w, has_rows, "q");
    assert_false(find(w, "p")->deleting || find(w, "q")->deleting);
    assert_true(json_as_int(json_get(find(w, "p")->spec, "rate"), 0) == 700);
    close_world(w); /* and it is known after a restart */
    open_world(w);
    turn_until(w, runs, "p");
    turn_until(w, runs, "q");
}

static void a_producer_that_has_sent_all_rests(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", producer_of(w, 0, 50), false), OK);
    turn_until(w, is_stopped, "p");
    assert_int_equal(service_producer_of(find(w, "p"))->counts.acked, 50);
    turn_until(w, is_stopped, "p");
    assert_false(find(w, "p")->wanted);
    assert_int_equal(put(w, RESOURCE_PRODUCER, "p", "{\"topic\":\"\"}", false), ERR_INVALID);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_try_waits_longer_up_to_a_minute),
                                       cmocka_unit_test(names_are_plain),
                                       T(what_is_wanted_is_kept_over_a_restart),
                                       T(what_may_pass_is_tried_again_until_it_is_not_wanted),
                                       T(while_a_query_ends_nothing_is_counted_twice),
                                       T(a_query_can_be_stopped_at_any_moment),
                                       T(two_queries_do_not_write_one_table),
                                       T(one_table_is_one_by_whatever_name),
                                       T(side_tables_are_shared_and_tables_are_not),
                                       T(the_table_of_a_deleted_query_is_free_when_that_has_ended),
                                       T(of_two_that_write_one_table_the_older_one_runs_after_a_restart),
                                       T(state_that_cannot_follow_is_refused_or_dropped),
                                       T(a_running_query_is_deleted_only_by_force),
                                       T(made_anew_while_the_deleted_one_ends_it_runs),
                                       T(a_producer_that_has_sent_all_rests)};
    return cmocka_run_group_tests_name("supervisor", tests, group_setup, group_teardown);
}
