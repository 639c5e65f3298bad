/* SPDX-License-Identifier: MIT */
/*
 * kafka/admin: topics and consumer groups of a cluster. Every call connects, asks, and waits at most timeout_ms (0:
 * 10 s): for the command line and io threads, not for the loop. struct kafka_admin keeps the connection for repeated
 * calls.
 */
#ifndef KAFKA_ADMIN_H
#define KAFKA_ADMIN_H

#include "kafka/client.h"

struct kafka_admin;

MUST_CHECK enum err kafka_admin_open(const struct kafka_client *c, struct kafka_admin **out, struct error *e);
void                kafka_admin_close(struct kafka_admin *a);

/* ERR_EXISTS when it is there already (whatever its partitions). config: pairs such as {"retention.ms", "1000"}.
 * Waits until the cluster shows the topic with all its leaders. replication 0: the broker's default (1 on old ones). */
MUST_CHECK enum err kafka_topic_create(struct kafka_admin *a, const char *topic, int n_partitions, int replication,
                                       const struct kafka_setting *config, int n_config, int timeout_ms,
                                       struct error *e);
MUST_CHECK enum err kafka_topic_delete(struct kafka_admin *a, const char *topic, int timeout_ms, struct error *e);

struct kafka_topic {
    const char *name;
    int         n_partitions;
};
/* All topics, internal ones left out, by name; texts and array in the arena. */
MUST_CHECK enum err kafka_topic_list(struct kafka_admin *a, struct arena *arena, struct kafka_topic **out, int *n,
                                     int timeout_ms, struct error *e);

/* Offsets a consumer group still has to read of a topic: end minus committed, a partition without a commit counts
 * from its first record. *most: the largest of one partition. For the throttling of producers on a broker with a
 * small ring. */
MUST_CHECK enum err kafka_group_lag(struct kafka_admin *a, const char *group, const char *topic, int64_t *total,
                                    int64_t *most, int timeout_ms, struct error *e);

#endif
