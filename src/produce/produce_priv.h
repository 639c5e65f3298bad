/* SPDX-License-Identifier: MIT */
/* produce/produce_priv: a generator's inside: templates write values, the core decides when and what happens to
 * them. */
#ifndef PRODUCE_PRIV_H
#define PRODUCE_PRIV_H

#include "produce/produce.h"
#include "produce/random.h"

#define VALUE_MAX 4096 /* of a template's record, also malformed */
#define KEY_MAX 64
#define UUID_CHARS 36
#define ENTITIES_MAX 1000000
#define LATER_MAX 8 /* duplicates waiting at a time */

struct alias { /* Walker's alias method over n entities */
    uint32_t *threshold, *other;
    uint32_t  n; /* 0: uniform */
};

/* A copy that is sent again a few records later. */
struct later {
    int64_t               due; /* record number */
    struct produce_record record;
    uint8_t              *bytes; /* VALUE_MAX + KEY_MAX, or NULL when the record's own bytes stay */
};

struct generator;

struct source_of_records { /* a template, or a file */
    /* Writes the value of the next record at g->value, of event time event_ms; sets g->entity. Returns its size. */
    size_t (*write)(struct generator *g, int64_t event_ms);
    size_t (*key)(struct generator *g, uint8_t *out); /* of the record just written */
    /* Makes what write needs (g->data in an arena). */
    enum err (*prepare)(struct generator *g, struct error *e);
    int  n_entities; /* by default */
    bool keyed;      /* by default */
};

struct generator {
    struct produce_knobs            knobs;
    const struct source_of_records *source;
    struct arena                    arena;
    struct random                   content, fate; /* apart, so that disorder does not change the other fields */
    struct alias                    skew;
    uint32_t                        entity; /* of the record just written */
    int64_t                         made;   /* distinct records */
    int64_t                         start_us, step_ns;
    uint32_t                        late_of, duplicate_of, malformed_of; /* thresholds over 2^32 */
    struct later                    later[LATER_MAX];
    int                             n_later;
    struct produce_tally            tally;
    void                           *data;
    struct replay                  *replay; /* or NULL */
    uint8_t                         value[VALUE_MAX], key[KEY_MAX], scratch[VALUE_MAX];
};

extern const struct source_of_records source_ad_events, source_clickstream, source_iot_sensors, source_trades;

uint32_t pick__entity(struct generator *g);
size_t   put__number(uint8_t *out, int64_t v);
/* Hundredths: 2137 is "21.37". */
size_t put__hundredths(uint8_t *out, int64_t v);
void   put__uuid(struct random *r, uint8_t out[UUID_CHARS]);

/* Makes a broken record of g->value[0..n) in place; NULL value: *tombstone. Returns the new size. kind counts up. */
size_t malformed__make(struct generator *g, size_t n, int kind, bool *tombstone);

enum err generator__bare(const struct produce_knobs *k, struct generator **out, struct error *e);

/* replay.c */
bool    replay__next(struct generator *g, struct produce_record *out);
void    replay__free(struct generator *g);
int64_t replay__rows(const struct generator *g);

#endif
