/* SPDX-License-Identifier: MIT */
#include "pipeline/epoch.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* ---- ledger ---- */

/* The terms of a partition, of a query and of the sums, by their names in JSON. */
struct term {
    const char *name;
    size_t      at;
};
#define SLOT_TERM(term) {#term, offsetof(struct tally_slot, term)},
#define TOTAL_TERM(term) {#term, offsetof(struct ledger, term)},
#define SUM_TERM(term) {#term, offsetof(struct ledger_sums, term)},
static const struct term slot_terms[] = {LEDGER_RECORDS(SLOT_TERM)};
static const struct term total_terms[] = {LEDGER_EFFECTS(TOTAL_TERM)};
static const struct term record_sums[] = {LEDGER_RECORDS(SUM_TERM)};
static const struct term effect_sums[] = {LEDGER_EFFECTS(SUM_TERM)};
#define N_TERMS(terms) (sizeof(terms) / sizeof(terms)[0])

static const int64_t *term_in(const void *owner, const struct term *t)
{
    return (const int64_t *)(const void *)((const uint8_t *)owner + t->at);
}
static int64_t *value_of(void *owner, const struct term *t) { return (int64_t *)(void *)((uint8_t *)owner + t->at); }

static void put_terms(struct json_writer *w, const void *owner, const struct term *terms, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_member_int(w, terms[i].name, *term_in(owner, &terms[i]));
}

static void get_terms(const struct json_value *doc, void *owner, const struct term *terms, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *value_of(owner, &terms[i]) = json_get_int(doc, terms[i].name, 0);
}

void ledger_fini(struct ledger *l)
{
    mem_free(l->slots);
    *l = (struct ledger){0};
}

static struct tally_slot *ledger_slot(struct ledger *l, uint32_t i)
{
    struct tally       t = {.slots = l->slots, .n_slots = l->n_slots};
    struct tally_slot *s = tally_slot(&t, i);
    l->slots = t.slots;
    l->n_slots = t.n_slots;
    return s;
}

enum err ledger_copy(const struct ledger *l, struct ledger *out, struct error *e)
{
    *out = *l;
    out->slots = mem_alloc(TAG_STATE, (l->n_slots + 1) * sizeof *out->slots);
    if (!out->slots)
        return err_set(e, ERR_NO_MEMORY, "ledger");
    if (l->n_slots)
        memcpy(out->slots, l->slots, l->n_slots * sizeof *out->slots);
    return OK;
}

enum err ledger_fold(struct ledger *l, struct tally *t, struct error *e)
{
    for (uint32_t i = 0; i < t->n_slots; i++) {
        struct tally_slot *to = ledger_slot(l, i), *from = &t->slots[i];
        if (!to)
            return err_set(e, ERR_NO_MEMORY, "ledger");
        for (size_t k = 0; k < N_TERMS(slot_terms); k++)
            *value_of(to, &slot_terms[k]) += *value_of(from, &slot_terms[k]);
        *from = (struct tally_slot){0};
    }
    l->fan_out += t->fan_out;
    l->late += t->late;
    l->closed += t->closed;
    l->dropped += t->dropped;
    for (int i = 0; i < FLOW_RULES_MAX; i++) {
        l->rules[i].passed += t->rules[i].passed;
        l->rules[i].failed += t->rules[i].failed;
    }
    memset(t->rules, 0, sizeof t->rules);
    t->fan_out = t->late = t->closed = t->dropped = 0;
    return OK;
}

int64_t ledger_passed(const struct ledger *l)
{
    int64_t passed = 0;
    for (uint32_t i = 0; i < l->n_slots; i++)
        passed += l->slots[i].passed;
    return passed;
}

enum err ledger_check(const struct ledger *l, struct error *e)
{
    for (uint32_t i = 0; i < l->n_slots; i++) {
        const struct tally_slot *s = &l->slots[i];
        int64_t sum = s->rejected + s->filtered + s->no_event_time + s->future + s->no_partner + s->passed;
        if (s->read != sum)
            return err_set(e, ERR_CORRUPT,
                           "the ledger does not balance: slot %u read %" PRId64 " records, %" PRId64
                           " are accounted for",
                           i, s->read, sum);
    }
    if (ledger_passed(l) + l->fan_out != l->late + l->open + l->closed)
        return err_set(e, ERR_CORRUPT,
                       "the ledger does not balance: passed %" PRId64 " + fan-out %" PRId64 " is not late %" PRId64
                       " + open %" PRId64 " + closed %" PRId64,
                       ledger_passed(l), l->fan_out, l->late, l->open, l->closed);
    if (l->closed != l->written + l->having + l->dropped)
        return err_set(e, ERR_CORRUPT,
                       "the ledger does not balance: closed %" PRId64 " is not written %" PRId64 " + having %" PRId64
                       " + dropped %" PRId64,
                       l->closed, l->written, l->having, l->dropped);
    return OK;
}

/* ---- sums ---- */

void ledger_sum(const struct ledger *l, struct ledger_sums *out)
{
    *out = (struct ledger_sums){.unbalanced = ledger_check(l, NULL) != OK};
    for (size_t k = 0; k < N_TERMS(total_terms); k++)
        *value_of(out, &effect_sums[k]) = *term_in(l, &total_terms[k]);
    for (uint32_t i = 0; i < l->n_slots; i++)
        for (size_t k = 0; k < N_TERMS(slot_terms); k++)
            *value_of(out, &record_sums[k]) += *term_in(&l->slots[i], &slot_terms[k]);
}

void ledger_sums_write(const struct ledger_sums *sums, struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "records");
    json_begin_object(w);
    put_terms(w, sums, record_sums, N_TERMS(record_sums));
    json_member_int(w, "lost", sums->lost);
    json_end_object(w);
    json_key(w, "effects");
    json_begin_object(w);
    json_member_int(w, "passed", sums->passed);
    put_terms(w, sums, effect_sums, N_TERMS(effect_sums));
    json_end_object(w);
    json_member_bool(w, "balanced", !sums->unbalanced);
    json_end_object(w);
}

/* ---- as JSON ---- */

static void write_slot(const struct tally_slot *s, const struct kafka_partition *p, int source, struct json_writer *w)
{
    json_begin_object(w);
    json_member_int(w, "source", source);
    json_member_string(w, "topic", p->topic);
    json_member_int(w, "partition", p->partition);
    put_terms(w, s, slot_terms, N_TERMS(slot_terms));
    json_member_int(w, "lost", p->lost);
    json_end_object(w);
}

void ledger_write_rules(const struct ledger *l, struct json_writer *w)
{
    json_key(w, "expectations");
    json_begin_array(w);
    for (int i = 0; l->expect && i < l->expect->n_rules; i++) {
        json_begin_object(w);
        json_member_string(w, "name", l->expect->rules[i].name);
        json_member_int(w, "passed", l->rules[i].passed);
        json_member_int(w, "failed", l->rules[i].failed);
        json_end_object(w);
    }
    json_end_array(w);
}

/* By name: a rule that is new starts at nothing, one that is gone is forgotten. */
static void read_rules(struct ledger *l, const struct json_value *list)
{
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json_value *saved = json_at(list, i);
        const char              *name = json_get_string(saved, "name");
        for (int k = 0; name && l->expect && k < l->expect->n_rules; k++)
            if (strcasecmp(l->expect->rules[k].name, name) == 0)
                l->rules[k] = (struct rule_tally){json_get_int(saved, "passed", 0), json_get_int(saved, "failed", 0)};
    }
}

void ledger_write(const struct ledger *l, struct kafka_source *const *sources, int n_sources, struct json_writer *w)
{
    static const struct tally_slot none = {0};
    json_begin_object(w);
    json_member_bool(w, "balanced", ledger_check(l, NULL) == OK);
    json_key(w, "partitions");
    json_begin_array(w);
    for (int s = 0; s < n_sources; s++)
        for (int i = 0; i < kafka_source_n(sources[s]); i++) {
            const struct kafka_partition *p = kafka_source_at(sources[s], i);
            write_slot(p->slot < l->n_slots ? &l->slots[p->slot] : &none, p, s, w);
        }
    json_end_array(w);
    json_member_int(w, "passed", ledger_passed(l));
    put_terms(w, l, total_terms, N_TERMS(total_terms));
    ledger_write_rules(l, w);
    json_end_object(w);
}

/* The slot that a saved partition has now. */
static struct tally_slot *slot_of(struct ledger *l, const struct json_value *saved, struct kafka_source *const *sources,
                                  int n_sources)
{
    const char *topic = json_get_string(saved, "topic");
    int64_t     partition = json_get_int(saved, "partition", -1);
    int         source = (int)json_get_int(saved, "source", 0);
    if (!topic || source < 0 || source >= n_sources)
        return NULL;
    for (int i = 0; i < kafka_source_n(sources[source]); i++) {
        const struct kafka_partition *p = kafka_source_at(sources[source], i);
        if (p->partition == partition && strcmp(p->topic, topic) == 0)
            return ledger_slot(l, p->slot);
    }
    return NULL;
}

enum err ledger_read(struct ledger *l, const struct json_value *doc, struct kafka_source *const *sources, int n_sources,
                     struct error *e)
{
    const struct json_value *partitions = json_get(doc, "partitions");
    for (size_t i = 0; i < json_size(partitions); i++) {
        const struct json_value *p = json_at(partitions, i);
        struct tally_slot       *s = slot_of(l, p, sources, n_sources);
        if (!s)
            return err_set(e, ERR_CORRUPT, "a saved ledger names a partition that does not exist");
        get_terms(p, s, slot_terms, N_TERMS(slot_terms));
    }
    get_terms(doc, l, total_terms, N_TERMS(total_terms));
    read_rules(l, json_get(doc, "expectations"));
    return OK;
}

/* ---- positions ---- */

void offsets_take(struct offsets *o, const struct kafka_source *s)
{
    offsets_free(o);
    o->n = kafka_source_n(s);
    o->at = mem_alloc(TAG_STATE, (size_t)(o->n + 1) * sizeof *o->at);
    CHECK(o->at);
    for (int i = 0; i < o->n; i++)
        o->at[i] = kafka_source_at(s, i)->next;
}

void offsets_copy(struct offsets *o, const struct offsets *from)
{
    o->n = from->n;
    o->at = mem_alloc(TAG_STATE, (size_t)(o->n + 1) * sizeof *o->at);
    CHECK(o->at);
    if (o->n)
        memcpy(o->at, from->at, (size_t)o->n * sizeof *o->at);
}

void offsets_free(struct offsets *o)
{
    mem_free(o->at);
    *o = (struct offsets){NULL, 0};
}

void positions_write(struct kafka_source *const *sources, int n_sources, const struct offsets *o, struct json_writer *w)
{
    json_begin_array(w);
    for (int s = 0; s < n_sources; s++)
        for (int i = 0; i < o[s].n; i++) {
            const struct kafka_partition *p = kafka_source_at(sources[s], i);
            json_begin_object(w);
            json_member_int(w, "source", s);
            json_member_string(w, "topic", p->topic);
            json_member_int(w, "partition", p->partition);
            json_member_string(w, "id", p->topic_id);
            json_member_int(w, "offset", o[s].at[i]);
            json_end_object(w);
        }
    json_end_array(w);
}

enum err positions_read(const struct json_value *list, int source, struct arena *a, struct kafka_position **out, int *n,
                        struct error *e)
{
    *n = 0;
    *out = arena_zalloc(a, (json_size(list) + 1) * sizeof **out);
    for (size_t i = 0; *out && i < json_size(list); i++) {
        const struct json_value *p = json_at(list, i);
        const char              *topic = json_get_string(p, "topic"), *id = json_get_string(p, "id");
        if (json_get_int(p, "source", 0) != source || !topic)
            continue;
        struct kafka_position *to = &(*out)[(*n)++];
        *to = (struct kafka_position){.topic = arena_strdup(a, topic),
                                      .topic_id = arena_strdup(a, id ? id : ""),
                                      .partition = (int32_t)json_get_int(p, "partition", 0),
                                      .next = json_get_int(p, "offset", 0)};
        if (!to->topic || !to->topic_id)
            return err_set(e, ERR_NO_MEMORY, "saved positions");
    }
    return *out ? OK : err_set(e, ERR_NO_MEMORY, "saved positions");
}
