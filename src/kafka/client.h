/* SPDX-License-Identifier: MIT */
/*
 * kafka/client: where a cluster is and how to log in; what consumers, producers and admin calls share.
 *
 * A plain value, all borrowed. kafka_options_client makes one of read_kafka's options; a bare {.bootstrap = ".."} is
 * a cluster without security.
 */
#ifndef KAFKA_CLIENT_H
#define KAFKA_CLIENT_H

#include "base/buf.h"

struct kafka_setting {
    const char *key, *value; /* of librdkafka */
};

struct kafka_client {
    const char                 *bootstrap; /* host:port[,host:port] */
    const struct kafka_setting *settings;
    int                         n_settings;
};

/* True for passwords, keys and the like: never printed. */
bool kafka_setting_is_secret(const char *key);

#endif
