/* SPDX-License-Identifier: MIT */
/*
 * kafka/options: the options of read_kafka() by their Spark and Databricks names, as librdkafka takes them.
 *
 * Pure: no broker is asked, so `millrace check` shows every mistake with a caret. Names ignore case, as Spark's
 * option map does. Unknown names are refused with the nearest known one. Values are copied into the arena; secrets
 * are never printed. One thread.
 */
#ifndef KAFKA_OPTIONS_H
#define KAFKA_OPTIONS_H

#include "base/diag.h"
#include "kafka/client.h"

enum kafka_starting { START_LATEST, START_EARLIEST, START_OFFSETS, START_TIMESTAMP };

#define KAFKA_SETTINGS_MAX 64
#define KAFKA_TOPICS_MAX 256
#define KAFKA_LATEST (-1)   /* as a starting offset */
#define KAFKA_EARLIEST (-2) /* as a starting offset */

/* One partition named in a JSON option. */
struct kafka_named {
    const char *topic;
    int32_t     partition;
    int64_t     value; /* offset (or KAFKA_LATEST, KAFKA_EARLIEST), or milliseconds since 1970; assign: 0 */
};

struct kafka_options {
    struct arena        *arena;
    const char          *bootstrap;
    const char          *topics[KAFKA_TOPICS_MAX]; /* subscribe, or the topics of assign; each once */
    int                  n_topics;
    const char          *pattern; /* subscribePattern, or NULL: the topics are those it takes */
    bool                 headers; /* includeHeaders */
    struct kafka_named  *assign;  /* the partitions to read, or NULL: all of the topics */
    int                  n_assign;
    enum kafka_starting  starting; /* of a new query; the default is latest, as Spark's */
    struct kafka_named  *offsets;  /* startingOffsets as JSON */
    int                  n_offsets;
    int64_t              timestamp_ms; /* startingTimestamp; -1: not given */
    struct kafka_named  *timestamps;   /* startingOffsetsByTimestamp */
    int                  n_timestamps;
    bool                 missing_timestamp_latest; /* startingOffsetsByTimestampStrategy; default: an error */
    bool                 fail_on_data_loss;        /* default true */
    int64_t              max_offsets;              /* maxOffsetsPerTrigger; 0: not given */
    bool                 read_committed;           /* default true (Spark's is read_uncommitted) */
    const char          *group_prefix;             /* "millrace": the group is <prefix>-<query> */
    const char          *group_id;                 /* or NULL; wins over the prefix */
    struct kafka_setting settings[KAFKA_SETTINGS_MAX];
    int                  n_settings;
    struct place         starting_place, topics_place;           /* for errors found later, with a broker */
    bool                 asked_earliest_latest, asked_subscribe; /* given at all */
};

void kafka_options_init(struct kafka_options *o, struct arena *a);
/* One option; false after a diagnostic (E_OPTION, E_UNSUPPORTED, E_LIMIT). Notes without effect are warnings. */
bool kafka_options_set(struct kafka_options *o, const char *name, const char *value, struct place name_at,
                       struct place value_at, struct diags *diags);
/* After the last one: what is missing or contradicts. `at` is the place of the call. */
bool kafka_options_check(struct kafka_options *o, struct place at, struct diags *diags);

struct kafka_client kafka_options_client(const struct kafka_options *o);

/* For docs and completion: the i-th row, NULL at the end. */
const char *kafka_option_name(int i, const char **note);

#endif
