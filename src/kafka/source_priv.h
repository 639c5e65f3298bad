/* SPDX-License-Identifier: MIT */
/*
 * kafka/source_priv: what the loop side (source.c) and the io side (resolve.c) of a source share. Private to the room.
 *
 * Who owns what: `parts[0..n)` entries are made by resolve (nobody else runs then) or by adopt (loop); an (io) call
 * looks only at the immutable fields of entries below the n it was given, and hands a partition to the loop by
 * setting `fetching`.
 */
#ifndef KAFKA_SOURCE_PRIV_H
#define KAFKA_SOURCE_PRIV_H

#include "kafka/client_priv.h"
#include "kafka/source.h"

struct part {
    struct kafka_partition view; /* loop; topic, partition, slot, topic_id immutable */
    struct kafka_source   *source;
    rd_kafka_queue_t      *queue; /* its own: not forwarded to the consumer's */
    rd_kafka_message_t   **held;  /* ring-less buffer [held_at, held_n): fetched, not handed out; KAFKA_TAKE_MAX */
    uint32_t               held_at, held_n;
    int64_t                eof;      /* offset of the last end-of-partition event, -1 */
    int64_t                gone;     /* an offset that is not there any more, and is to be asked about; -1 */
    bool                   earliest; /* begins at what is there first, wherever that is */
    atomic_bool            signaled; /* its queue became non-empty since it was last seen empty */
    atomic_bool            fetching; /* assigned */
};

enum probe_state { PROBE_NONE, PROBE_ASKED };

/* A partition whose position does not exist any more: where does its log start now? Asked without blocking. */
struct probe {
    enum probe_state  state;
    int               part;
    int64_t           until_us;
    rd_kafka_queue_t *queue;
};

struct kafka_source {
    struct source               flow; /* first: a struct source * is a struct kafka_source * */
    struct link                 link;
    const struct kafka_options *options;
    char                        group[256];
    char                        query[128];
    char                      **topics; /* KAFKA_TOPICS_MAX pointers: those of the options, or that the pattern takes */
    int                         n_topics;
    bool (*matches)(const char *pattern, const char *topic);
    int64_t  listed_us; /* when the pattern was last asked */
    uint32_t index, n_sources, max_message_bytes;
    size_t   prefetch_bytes;
    void (*wake)(void *);
    void             *wake_arg;
    rd_kafka_queue_t *events; /* the consumer's queue: errors, statistics */
    struct part     **parts;  /* KAFKA_PARTITIONS_MAX pointers, so that it never moves */
    atomic_int        n;      /* grows by adopt (loop); an (io) call may look meanwhile */
    struct part     **found;  /* by check_topics, for adopt; under `found_lock` */
    int               n_found;
    pthread_mutex_t   found_lock;
    struct error      pending; /* given out by the next take; then the source is quiet */
    bool              failed, on_hold, more;
    int               turn; /* partition that is asked first */
    struct probe      probe;
    int               n_gone;    /* partitions whose `gone` is set */
    atomic_int        n_batches; /* handed out and not released */
    int64_t           records, bytes;
    int               prefetch_for; /* partitions the client's limits were made for */
    char              last_error[200], silent[120];
};

/* Makes the client with limits for so many partitions; the one before is closed. No partition may be fetching. */
MUST_CHECK enum err source__connect(struct kafka_source *s, int n_partitions, struct error *e);
/* NULL: out of memory. Its queue is made by source__open_queue. */
struct part *part__new(struct kafka_source *s, const char *topic, int32_t partition, const char *topic_id);
void         part__free(struct part *p);
void         part__open_queue(struct part *p);
void         part__drop(struct part *p); /* forgets what is held */

#endif
