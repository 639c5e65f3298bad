/* SPDX-License-Identifier: MIT */
/* Zones by name and their offsets, by facts that hold in every tz database; names as Spark 4.1 takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "text/time.h"
#include "text/zone.h"

static int64_t us_of(const char *text)
{
    int64_t us;
    if (!timestamp_parse(text, strlen(text), 0, &us))
        fail_msg("%s is no time", text);
    return us;
}

static struct zone zone_of(const char *name)
{
    struct zone  z;
    struct error e;
    if (zone_find(name, strlen(name), &z, &e) != OK)
        fail_msg("%s: %s", name, e.text);
    return z;
}

static void instants_have_local_times(void **state)
{
    static const struct {
        const char *zone, *utc, *local;
    } rows[] = {{"Europe/Berlin", "2024-03-31 00:59:59.999999", "2024-03-31 01:59:59.999999"},
                {"Europe/Berlin", "2024-03-31 01:00:00", "2024-03-31 03:00:00"},
                {"Europe/Berlin", "2024-10-27 00:59:59", "2024-10-27 02:59:59"},
                {"Europe/Berlin", "2024-10-27 01:00:00", "2024-10-27 02:00:00"},
                {"Europe/Berlin", "1800-01-01 00:00:00", "1800-01-01 00:53:28"}, /* local mean time */
                {"Europe/Berlin", "0001-01-01 00:00:00", "0001-01-01 00:53:28"},
                {"Europe/Berlin", "2100-07-01 00:00:00", "2100-07-01 02:00:00"}, /* by the rule in the footer */
                {"Europe/Berlin", "9999-07-01 00:00:00", "9999-07-01 02:00:00"},
                {"Europe/Berlin", "9999-12-31 00:00:00", "9999-12-31 01:00:00"},
                {"Europe/Berlin", "+200000-07-01 00:00:00", "+200000-07-01 02:00:00"},
                {"America/New_York", "2024-03-10 06:59:59", "2024-03-10 01:59:59"},
                {"America/New_York", "2024-03-10 07:00:00", "2024-03-10 03:00:00"},
                {"Asia/Kolkata", "2024-06-01 00:00:00", "2024-06-01 05:30:00"},
                {"Australia/Lord_Howe", "2024-04-06 14:59:59", "2024-04-07 01:59:59"},
                {"Australia/Lord_Howe", "2024-04-06 15:00:00", "2024-04-07 01:30:00"},
                {"Australia/Lord_Howe", "2024-10-05 15:30:00", "2024-10-06 02:30:00"},
                {"Pacific/Apia", "2011-12-30 09:59:59", "2011-12-29 23:59:59"},
                {"Pacific/Apia", "2011-12-30 10:00:00", "2011-12-31 00:00:00"}, /* no December 30 */
                {"+02:00", "2024-06-01 00:00:00", "2024-06-01 02:00:00"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct zone      z = zone_of(rows[i].zone);
        int64_t          us = us_of(rows[i].utc);
        struct zone_span span = zone_at(&z, us);
        assert_true(zone_span_has(&span, us));
        if (us + span.offset_us != us_of(rows[i].local))
            fail_msg("%s at %s: %lld s", rows[i].zone, rows[i].utc, (long long)span.offset_us / 1000000);
    }
}

static void local_times_are_instants(void **state)
{
    static const struct {
        const char *zone, *local, *utc;
    } rows[] = {{"Europe/Berlin", "2024-03-31 01:59:59", "2024-03-31 00:59:59"},
                {"Europe/Berlin", "2024-03-31 02:00:00", "2024-03-31 01:00:00"}, /* the gap: as 03:00 */
                {"Europe/Berlin", "2024-03-31 02:59:59", "2024-03-31 01:59:59"},
                {"Europe/Berlin", "2024-03-31 03:00:00", "2024-03-31 01:00:00"},
                {"Europe/Berlin", "2024-10-27 02:00:00", "2024-10-27 00:00:00"}, /* twice: the earlier */
                {"Europe/Berlin", "2024-10-27 02:59:59", "2024-10-27 00:59:59"},
                {"Europe/Berlin", "2024-10-27 03:00:00", "2024-10-27 02:00:00"},
                {"Europe/Berlin", "9999-07-01 02:00:00", "9999-07-01 00:00:00"},
                {"America/New_York", "2024-11-03 01:30:00", "2024-11-03 05:30:00"},
                {"Australia/Lord_Howe", "2024-04-07 01:45:00", "2024-04-06 14:45:00"},
                {"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 22:00:00"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct zone      z = zone_of(rows[i].zone);
        int64_t          us = us_of(rows[i].local);
        struct zone_span span = zone_at_local(&z, us);
        assert_true(zone_span_has(&span, us));
        if (us - span.offset_us != us_of(rows[i].utc))
            fail_msg("%s at local %s: %lld s", rows[i].zone, rows[i].local, (long long)span.offset_us / 1000000);
    }
}

/* The spans of a zone follow one another without a hole, to the ends of time. */
static void spans_tile_the_time(void **state)
{
    static const char *const names[] = {"Europe/Berlin",     "America/New_York", "Asia/Kolkata",
                                        "Africa/Casablanca", "Europe/Dublin",    "UTC"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct zone      z = zone_of(names[i]);
        struct zone_span span = zone_at(&z, INT64_MIN), last = zone_at(&z, INT64_MAX);
        assert_true(span.from_us == INT64_MIN && last.to_us == INT64_MAX);
        for (int n = 0; n < 5000 && span.to_us != INT64_MAX; n++) {
            struct zone_span next = zone_at(&z, span.to_us);
            assert_true(next.from_us == span.to_us && next.to_us > next.from_us);
            span = next;
        }
    }
}

static void names_are_those_of_spark(void **state)
{
    static const struct {
        const char *name;
        int         offset_s; /* on 2024-06-01; NONE: no such zone */
    } rows[] = {
#define NONE 1
        {"UTC", 0},
        {"GMT", 0},
        {"UT", 0},
        {"Z", 0},
        {"GMT0", 0},
        {"GMT+0", 0},
        {"Zulu", 0},
        {"GMT+2", 7200},
        {"UTC+01:00", 3600},
        {"UTC+1:0", 3600},
        {"UT+0130", 5400},
        {"+2", 7200},
        {"+02", 7200},
        {"+2:00", 7200},
        {"+02:0", 7200},
        {"+2:0", 7200},
        {"+0200", 7200},
        {"+020000", 7200},
        {"+2:03:04", 7384},
        {"-00:30", -1800},
        {"+18:00", 64800},
        {"EST", -18000},
        {"PST", -25200},
        {"IST", 19800},
        {"HST", -36000},
        {"EST5EDT", -14400},
        {"Etc/GMT+2", -7200},
        {"US/Pacific", -25200},
        {"z", NONE},
        {"utc", NONE},
        {"2", NONE},
        {"+2:3:04", NONE},
        {"+18:01", NONE},
        {"+19", NONE},
        {"+02:60", NONE},
        {"ROC", NONE},
        {"Factory", NONE},
        {"Etc/GMT+2:00", NONE},
        {"", NONE},
        {" ", NONE},
        {"europe/berlin", NONE},
        {"Europe/Berlin ", NONE},
        {"UTCX", NONE},
        {"posix/Europe/Berlin", NONE},
        {"right/Europe/Berlin", NONE},
        {"localtime", NONE},
        {"../passwd", NONE},
        {"Europe/../Asia/Tokyo", NONE},
        {"/etc/localtime", NONE},
        {"Europe", NONE},
        {"Europe/", NONE},
        {"zone.tab", NONE},
        {"leapseconds", NONE},
        {"tzdata.zi", NONE},
        {"UTC+", NONE},
        {"+", NONE},
        {"+ab", NONE},
        {"a-name-that-is-longer-than-any-name-of-a-time-zone-could-ever-be-/Berlin", NONE}};
    struct zone  z;
    struct error e;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum err rc = zone_find(rows[i].name, strlen(rows[i].name), &z, &e);
        if (rc != (rows[i].offset_s == NONE ? ERR_NOT_FOUND : OK))
            fail_msg("\"%s\": %s", rows[i].name, rc ? e.text : "is a zone");
        if (rc == OK && zone_at(&z, us_of("2024-06-01")).offset_us != rows[i].offset_s * US_PER_SECOND)
            fail_msg("\"%s\" has another offset", rows[i].name);
    }
    assert_int_equal(zone_find("Europe\0Berlin", 13, &z, &e), ERR_NOT_FOUND);
    assert_string_equal(zone_nearest("Europe/Berln"), "Europe/Berlin");
}

static void a_zone_ahead_in_a_text(void **state)
{
    static const struct {
        const char *text;
        size_t      n; /* 0: no zone */
        int         offset_s;
    } rows[] = {{"Europe/Berlin", 13, 7200},
                {"europe/berlin, and more", 13, 7200},
                {"Europe/Berlin/x", 13, 7200},
                {"EST5EDT", 7, -14400},
                {"EST", 0, 0}, /* a short name is none here */
                {"+02:30", 6, 9000},
                {"-02:30:15x", 9, -9015},
                {"+02:30:1", 6, 9000},
                {"+0230", 0, 0},
                {"+18:01", 0, 0},
                {"utc+01:00", 9, 3600},
                {"UTC+1", 3, 0},
                {"UTC+19:00", 3, 0},
                {"UT", 2, 0},
                {"GMT0", 4, 0},
                {"GMT-00:30", 9, -1800},
                {"Z", 1, 0},
                {"zulu", 4, 0},
                {"Zu", 1, 0},
                {"", 0, 0},
                {"../x", 0, 0},
                {"Nowhere", 0, 0}};
    struct zone z;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = zone_read(rows[i].text, strlen(rows[i].text), &z);
        if (n != rows[i].n)
            fail_msg("\"%s\": %zu bytes", rows[i].text, n);
        if (n && zone_at(&z, us_of("2024-06-01")).offset_us != rows[i].offset_s * US_PER_SECOND)
            fail_msg("\"%s\" has another offset", rows[i].text);
    }
}

static void a_zone_is_read_once(void **state)
{
    struct zone a = zone_of("Europe/Madrid"), b = zone_of("Europe/Madrid");
    (void)state;
    assert_ptr_equal(a.rules, b.rules);
    int64_t before = alloc_bytes(TAG_PROCESS);
    for (int i = 0; i < 1000; i++)
        zone_of(i % 2 ? "Europe/Madrid" : "+02:00");
    assert_int_equal(alloc_bytes(TAG_PROCESS), before);
}

static void no_memory_is_no_unknown_zone(void **state)
{
    struct zone  z;
    struct error e;
    (void)state;
    alloc_fail_at(1, 100);
    assert_int_equal(zone_find("Europe/Vienna", 13, &z, &e), ERR_NO_MEMORY);
    alloc_fail_at(0, 0);
    assert_int_equal(zone_find("Europe/Vienna", 13, &z, &e), OK);
}

/* ---- files ---- */

static size_t read_file(const char *name, uint8_t *out, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, size, f);
    fclose(f);
    return n;
}

/* Uses what was read, at its ends and between. */
static void use(const struct zone_rules *rules)
{
    struct zone z = {rules, 0};
    for (int64_t us = INT64_MIN; us < INT64_MAX - INT64_MAX / 64; us += INT64_MAX / 64) {
        struct zone_span at = zone_at(&z, us), local = zone_at_local(&z, us);
        assert_true(llabs(at.offset_us) <= 27 * 3600 * US_PER_SECOND);
        assert_true(llabs(local.offset_us) <= 27 * 3600 * US_PER_SECOND);
    }
    for (uint32_t i = 1; i < rules->n; i++)
        assert_true(rules->at_us[i - 1] < rules->at_us[i] && rules->local_us[i - 1] <= rules->local_us[i]);
}

static void a_damaged_file_is_an_error_and_no_crash(void **state)
{
    static uint8_t     whole[16384], copy[16384];
    struct zone_rules *rules;
    struct error       e;
    size_t             n = read_file("America/New_York", whole, sizeof whole);
    int                refused = 0;
    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = mem_alloc(TAG_TEST, cut); /* so that a sanitizer sees a step too far */
        memcpy(exact, whole, cut);
        assert_int_equal(tzif_parse(exact, cut, &rules, &e), cut < 4 ? ERR_NOT_FOUND : ERR_CORRUPT);
        assert_null(rules);
        mem_free(exact);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(copy, whole, n);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum err rc = tzif_parse(copy, n, &rules, &e);
        refused += rc != OK;
        if (rc == OK)
            use(rules);
        mem_free(rules);
    }
    assert_true(refused > 300); /* the counts in both headers at least */
    assert_int_equal(alloc_bytes(TAG_TEST), 0);
}

/* A file of one type (UTC+1) and a footer. */
static enum err with_footer(const char *footer, struct zone_rules **rules)
{
    uint8_t      file[512] = "TZif2";
    size_t       n = 44;
    struct error e;
    file[39] = 1; /* types of the first block */
    file[43] = 4; /* their names */
    n += 6 + 4;
    memcpy(file + n, file, 44);
    n += 44;
    file[n + 2] = 0x0e; /* 3600 */
    file[n + 3] = 0x10;
    memcpy(file + n + 6, "CET", 4);
    n += 6 + 4;
    n += (size_t)snprintf((char *)file + n, sizeof file - n, "\n%s\n", footer);
    return tzif_parse(file, n, rules, &e);
}

static void footers(void **state)
{
    static const struct {
        const char *footer, *utc;
        int         offset_s; /* then; NONE: refused */
    } rows[] = {{"", "2024-06-01", 3600},
                {"CET-1", "2024-06-01", 3600},
                {"CET-1CEST,M3.5.0,M10.5.0/3", "2024-06-01", 7200},
                {"CET-1CEST,M3.5.0,M10.5.0/3", "2024-12-01", 3600},
                {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2024-12-01", 39600}, /* south of the equator */
                {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-07-01", -3600},
                {"IST-1GMT0,M10.5.0,M3.5.0/1", "2024-12-01", 0},         /* summer is the standard */
                {"XXX3EDT4,0/0,J365/23", "2024-12-31 12:00:00", -14400}, /* summer all the year */
                {"EST5EDT,J60/2,J300/2", "2024-03-01 06:59:59", -18000}, /* March 1, February 29 not counted */
                {"EST5EDT,J60/2,J300/2", "2024-03-01 07:00:00", -14400},
                {"EST5EDT,59/2,300/2", "2024-02-29 07:00:00", -14400}, /* counted from 0, with it */
                {"CET", NULL, NONE},
                {"C-1", NULL, NONE},
                {"CET-1CEST", NULL, NONE},
                {"CET-1CEST,M3.5.0", NULL, NONE},
                {"CET-1CEST,M3.5.0,M10.5.0/3x", NULL, NONE},
                {"CET-1CEST,M13.5.0,M10.5.0", NULL, NONE},
                {"CET-1CEST,M3.6.0,M10.5.0", NULL, NONE},
                {"CET-1CEST,M3.5.7,M10.5.0", NULL, NONE},
                {"CET-1CEST,J0,J366", NULL, NONE},
                {"CET-25", NULL, NONE},
                {"<CET-1", NULL, NONE}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct zone_rules *rules;
        enum err           rc = with_footer(rows[i].footer, &rules);
        if (rc != (rows[i].offset_s == NONE ? ERR_CORRUPT : OK))
            fail_msg("\"%s\" is %s", rows[i].footer, err_name(rc));
        struct zone z = {rules, 0};
        if (rc == OK && zone_at(&z, us_of(rows[i].utc)).offset_us != rows[i].offset_s * US_PER_SECOND)
            fail_msg("\"%s\" at %s: %lld s", rows[i].footer, rows[i].utc,
                     (long long)zone_at(&z, us_of(rows[i].utc)).offset_us / 1000000);
        if (rc == OK)
            use(rules);
        mem_free(rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_have_local_times),
        cmocka_unit_test(local_times_are_instants),
        cmocka_unit_test(spans_tile_the_time),
        cmocka_unit_test(names_are_those_of_spark),
        cmocka_unit_test(a_zone_ahead_in_a_text),
        cmocka_unit_test(a_zone_is_read_once),
        cmocka_unit_test(no_memory_is_no_unknown_zone),
        cmocka_unit_test(a_damaged_file_is_an_error_and_no_crash),
        cmocka_unit_test(footers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
