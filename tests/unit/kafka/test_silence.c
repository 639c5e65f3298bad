/* SPDX-License-Identifier: MIT */
/* What the client's statistics tell of brokers that do not answer. Their text is that of librdkafka 2.15. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kafka/silence.h"

#define S ((int64_t)1000000)

static struct silence    silence;
static bool              up;
static enum silence_news news;
static char              text[4000];

static int setup(void **state)
{
    (void)state;
    silence = (struct silence){.patience_us = 5 * S};
    return 0;
}

static void begin(void) { snprintf(text, sizeof text, "{ \"name\": \"c\", \"brokers\":{ "); }

static void broker(const char *name, const char *source, const char *state, int waiting, int64_t quiet_us, bool leads)
{
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n,
             "\"%s/1\": { \"name\":\"%s/1\", \"nodeid\":1, \"nodename\":\"%s\", \"source\":\"%s\", \"state\":\"%s\", "
             "\"stateage\":7, \"waitresp_cnt\":%d, \"txidle\":1, \"rxidle\":%lld, \"toppars\":{ %s} } , ",
             name, name, name, source, state, waiting, (long long)quiet_us,
             leads ? "\"t-0\": { \"topic\":\"t\", \"partition\":0} " : "");
}

static bool hears(int64_t now_us)
{
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "}, \"topics\":{ \"state\":\"UP\" } }");
    up = silence_hear(&silence, text, strlen(text), now_us, &news);
    return silence.since_us == 0;
}

static bool hears_one(const char *state, int waiting, int64_t quiet_us, int64_t now_us)
{
    begin();
    broker("h:9092", "learned", state, waiting, quiet_us, true);
    broker("h:9092", "logical", "UP", 0, 60 * S, false); /* the group's coordinator is rarely asked */
    return hears(now_us);
}

static void who_owes_an_answer_for_long_is_silent(void **state)
{
    char said[200];
    (void)state;
    assert_true(hears_one("UP", 1, 100000, 10 * S));
    assert_true(hears_one("UP", 1, 4 * S, 14 * S)); /* slow */
    assert_true(up);
    assert_false(hears_one("UP", 2, 6 * S, 16 * S));
    assert_int_equal(silence.since_us, 10 * S);
    assert_string_equal(silence.broker, "h:9092");
    silence_text(silence.broker, silence.since_us, said);
    assert_non_null(strstr(said, "broker h:9092 is connected but has not answered for "));
    assert_false(hears_one("UP", 3, 20 * S, 30 * S));
    assert_int_equal(silence.since_us, 10 * S);
    assert_true(hears_one("UP", 1, 50000, 32 * S));
}

static void who_is_not_asked_is_not_silent(void **state)
{
    (void)state;
    assert_true(hears_one("UP", 0, 600 * S, 700 * S));
    silence.patience_us = 0;
    assert_true(hears_one("UP", 1, 600 * S, 700 * S)); /* nobody said how long an answer may take */
}

static void a_new_connection_without_an_answer_changes_nothing(void **state)
{
    (void)state;
    assert_false(hears_one("UP", 2, 6 * S, 16 * S));
    assert_false(hears_one("APIVERSION_QUERY", 1, -1, 46 * S));
    assert_false(up); /* the idle connection of the coordinator is no sign of life */
    assert_false(hears_one("DOWN", 0, -1, 56 * S));
    assert_false(hears_one("APIVERSION_QUERY", 1, -1, 58 * S));
    assert_false(up);
    assert_true(hears_one("UP", 1, 1000, 60 * S));
    assert_true(up && news == SILENCE_ENDED);
}

static void who_is_away_for_good_is_not_silent_but_away(void **state)
{
    (void)state;
    assert_false(hears_one("UP", 2, 6 * S, 16 * S));
    assert_false(hears_one("TRY_CONNECT", 0, -1, 18 * S));
    assert_false(hears_one("CONNECT", 0, -1, 20 * S));
    assert_true(hears_one("TRY_CONNECT", 0, -1, 22 * S));
    assert_true(news == SILENCE_AWAY && !up);
}

static void one_of_several_is_named(void **state)
{
    (void)state;
    begin();
    broker("a:1", "learned", "UP", 1, 1000, true);
    broker("b:2", "learned", "UP", 1, 9 * S, true);
    broker("c:3", "learned", "UP", 0, 99 * S, false);
    assert_false(hears(20 * S));
    assert_string_equal(silence.broker, "b:2");
    assert_true(up); /* the others are */
    begin();         /* its partitions have got another leader */
    broker("a:1", "learned", "UP", 1, 1000, true);
    broker("b:2", "learned", "DOWN", 0, -1, false);
    assert_true(hears(40 * S));
}

static void a_text_that_is_cut_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    begin();
    broker("a:1", "learned", "UP", 1, 9 * S, true);
    for (size_t n = strlen(text); n > 0; n--) {
        text[n - 1] = 0;
        up = silence_hear(&silence, text, n - 1, 20 * S, &news);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_owes_an_answer_for_long_is_silent, setup),
        cmocka_unit_test_setup(who_is_not_asked_is_not_silent, setup),
        cmocka_unit_test_setup(a_new_connection_without_an_answer_changes_nothing, setup),
        cmocka_unit_test_setup(who_is_away_for_good_is_not_silent_but_away, setup),
        cmocka_unit_test_setup(one_of_several_is_named, setup),
        cmocka_unit_test_setup(a_text_that_is_cut_is_read_as_far_as_it_goes, setup),
    };
    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
