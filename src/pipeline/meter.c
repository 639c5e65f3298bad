/* SPDX-License-Identifier: MIT */
#include "pipeline/meter.h"

#include <math.h>
#include <stdlib.h>

#define NAMES(id, name) name,
const char *const meter_names[METER_N_SERIES] = {METER_SERIES(NAMES)};

#define ARRIVALS 256 /* groups of records of an epoch; when full, neighbours are joined */
#define BUCKETS 84   /* four to an octave: 1 ms to 35 minutes */

const double meter_bounds_s[METER_BOUNDS] = {0.016, 0.032, 0.064, 0.128,  0.256,  0.512,
                                             1.024, 2.048, 4.096, 16.384, 65.536, 262.144};

struct arrival {
    int64_t  at_ms;
    uint64_t n;
};
struct arrivals {
    struct arrival items[ARRIVALS];
    int            n;
};

struct latency_second {
    int64_t  second;
    uint32_t counts[BUCKETS];
};

struct meter {
    double                *values[METER_N_SERIES]; /* rings by second % METER_SECONDS */
    int64_t                first, last;            /* seconds there are */
    struct meter_now       before;
    bool                   has_before;
    double                 newest_commit_ms; /* since the last tick; NaN none */
    struct meter_commit   *commits;          /* ring */
    int64_t                n_commits, files, bytes;
    struct arrivals        open, cut;
    struct latency_second *seconds; /* ring by second % METER_LATENCY_SECONDS */
    uint64_t               counts[BUCKETS], n_latencies;
    double                 sum_ms;
    struct samples        *samples;
};

enum err meter_new(struct meter **out, struct error *e)
{
    struct meter *m = mem_zalloc(TAG_WEB, sizeof *m);
    *out = NULL;
    if (!m)
        return err_set(e, ERR_NO_MEMORY, "meter");
    bool ok = true;
    for (int i = 0; i < METER_N_SERIES; i++)
        ok = (m->values[i] = mem_zalloc(TAG_WEB, METER_SECONDS * sizeof **m->values)) && ok;
    m->commits = mem_zalloc(TAG_WEB, METER_COMMITS * sizeof *m->commits);
    m->seconds = mem_zalloc(TAG_WEB, METER_LATENCY_SECONDS * sizeof *m->seconds);
    m->newest_commit_ms = NAN;
    enum err rc = samples_new(&m->samples, e);
    if (rc == OK && (!ok || !m->commits || !m->seconds))
        rc = err_set(e, ERR_NO_MEMORY, "meter");
    if (rc != OK) {
        meter_free(m);
        return rc;
    }
    *out = m;
    return OK;
}

void meter_free(struct meter *m)
{
    if (!m)
        return;
    for (int i = 0; i < METER_N_SERIES; i++)
        mem_free(m->values[i]);
    for (int i = 0; m->commits && i < METER_COMMITS; i++)
        mem_free(m->commits[i].offsets);
    mem_free(m->commits);
    mem_free(m->seconds);
    samples_free(m->samples);
    mem_free(m);
}

struct samples *meter_samples(struct meter *m) { return m->samples; }

/* ---- seconds ---- */

static double rate(int64_t now, int64_t before) { return now >= before ? (double)(now - before) : 0; }
static double known(int64_t v) { return v >= 0 ? (double)v : NAN; }

void meter_tick(struct meter *m, int64_t wall_ms, const struct meter_now *now)
{
    int64_t second = wall_ms / 1000;
    double  point[METER_N_SERIES];
    if (second <= m->last)
        return; /* the clock was set back, or a tick came early: the next one counts for both */
    double since = m->last ? (double)(second - m->last) : 1;
    for (int i = 0; i < METER_N_SERIES; i++)
        point[i] = NAN;
    if (now->running) {
        struct meter_now b = m->has_before ? m->before : *now;
        point[METER_RECORDS] = rate(now->records, b.records) / since;
        point[METER_ROWS] = rate(now->rows, b.rows) / since;
        point[METER_LATE] = rate(now->late, b.late) / since;
        point[METER_REJECTED] = rate(now->rejected, b.rejected) / since;
        point[METER_CPU] = rate(now->worked_us, b.worked_us) / 1e6 / since;
        point[METER_LAG] = known(now->lag);
        point[METER_WATERMARK_LAG] = known(now->watermark_lag_ms);
        point[METER_STATE] = known(now->state_bytes);
        point[METER_LATENCY_P50] = meter_latency_ms(m, 0.5, wall_ms);
        point[METER_LATENCY_P99] = meter_latency_ms(m, 0.99, wall_ms);
        point[METER_COMMIT] = m->newest_commit_ms;
    }
    m->before = *now;
    m->has_before = now->running;
    m->newest_commit_ms = NAN;
    bool goes_on = m->last && second - m->last < METER_SECONDS;
    m->first = goes_on ? m->first : second;
    for (int64_t s = goes_on ? m->last + 1 : second; s <= second; s++)
        for (int i = 0; i < METER_N_SERIES; i++)
            m->values[i][s % METER_SECONDS] = s == second ? point[i] : NAN;
    m->last = second;
    m->first = second - m->first >= METER_SECONDS ? second - METER_SECONDS + 1 : m->first;
}

int64_t meter_last_second(const struct meter *m) { return m->last; }

double meter_value(const struct meter *m, enum meter_series s, int64_t second)
{
    return m->last && second >= m->first && second <= m->last ? m->values[s][second % METER_SECONDS] : NAN;
}

/* ---- latencies ---- */

static int bucket_of(double ms)
{
    int b = ms <= 1 ? 0 : (int)(log2(ms) * 4);
    return b < BUCKETS ? b : BUCKETS - 1;
}

/* Upper end of a bucket. */
static double bucket_end(int b) { return exp2((double)(b + 1) / 4); }

static void halve(struct arrivals *a)
{
    for (int i = 0; i < a->n / 2; i++) {
        struct arrival x = a->items[2 * i], y = a->items[2 * i + 1];
        a->items[i] = (struct arrival){.at_ms = x.at_ms + (y.at_ms - x.at_ms) / 2, .n = x.n + y.n};
    }
    a->n /= 2;
}

static void arrive(struct arrivals *a, int64_t at_ms, uint64_t n)
{
    if (n == 0)
        return;
    if (a->n == ARRIVALS)
        halve(a);
    a->items[a->n++] = (struct arrival){.at_ms = at_ms, .n = n};
}

void meter_arrived(struct meter *m, int64_t first_ms, int64_t last_ms, uint32_t n)
{
    if (first_ms < 0 || last_ms < 0)
        return;
    if (last_ms - first_ms <= 4) { /* most batches */
        arrive(&m->open, last_ms, n);
        return;
    }
    uint32_t quarter = n / 4;
    for (int i = 0; i < 3; i++)
        arrive(&m->open, first_ms + (last_ms - first_ms) * i / 3, quarter);
    arrive(&m->open, last_ms, n - 3 * quarter);
}

void meter_cut(struct meter *m)
{
    m->cut = m->open;
    m->open.n = 0;
}

void meter_drop(struct meter *m) { m->open.n = m->cut.n = 0; }

static void count_latencies(struct meter *m, int64_t now_ms)
{
    struct latency_second *s = &m->seconds[now_ms / 1000 % METER_LATENCY_SECONDS];
    if (s->second != now_ms / 1000)
        *s = (struct latency_second){.second = now_ms / 1000};
    for (int i = 0; i < m->cut.n; i++) {
        struct arrival a = m->cut.items[i];
        double         ms = now_ms > a.at_ms ? (double)(now_ms - a.at_ms) : 0;
        int            b = bucket_of(ms);
        s->counts[b] += (uint32_t)a.n;
        m->counts[b] += a.n;
        m->n_latencies += a.n;
        m->sum_ms += ms * (double)a.n;
    }
    m->cut.n = 0;
}

double meter_latency_ms(const struct meter *m, double share, int64_t now_ms)
{
    uint64_t counts[BUCKETS] = {0}, all = 0, below = 0;
    for (int i = 0; i < METER_LATENCY_SECONDS; i++)
        if (m->seconds[i].second > now_ms / 1000 - METER_LATENCY_SECONDS)
            for (int b = 0; b < BUCKETS; b++) {
                counts[b] += m->seconds[i].counts[b];
                all += m->seconds[i].counts[b];
            }
    double wanted = share * (double)all;
    for (int b = 0; all && b < BUCKETS; b++) {
        if (counts[b] && (double)(below + counts[b]) >= wanted) {
            double low = b ? bucket_end(b - 1) : 0;
            return low + (bucket_end(b) - low) * (wanted - (double)below) / (double)counts[b];
        }
        below += counts[b];
    }
    return NAN;
}

void meter_histogram(const struct meter *m, uint64_t at_most[METER_BOUNDS], uint64_t *n, double *sum_s)
{
    *n = m->n_latencies;
    *sum_s = m->sum_ms / 1e3;
    for (int i = 0; i < METER_BOUNDS; i++) {
        at_most[i] = 0;
        for (int b = 0; b < BUCKETS && bucket_end(b) <= meter_bounds_s[i] * 1000 * 1.001; b++)
            at_most[i] += m->counts[b];
    }
}

/* ---- commits ---- */

void meter_committed(struct meter *m, struct meter_commit *c)
{
    struct meter_commit *slot = &m->commits[m->n_commits % METER_COMMITS];
    count_latencies(m, c->committed_ms);
    mem_free(slot->offsets);
    c->number = m->n_commits++;
    m->files += c->files;
    m->bytes += c->bytes;
    *slot = *c;
    m->newest_commit_ms = (double)c->duration_us / 1e3;
}

const struct meter_commit *meter_commit_at(const struct meter *m, int i)
{
    int64_t at = m->n_commits - 1 - i;
    return i < METER_COMMITS && at >= 0 ? &m->commits[at % METER_COMMITS] : NULL;
}

int64_t meter_n_commits(const struct meter *m) { return m->n_commits; }
int64_t meter_files_written(const struct meter *m) { return m->files; }
int64_t meter_bytes_written(const struct meter *m) { return m->bytes; }

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double meter_commit_ms(const struct meter *m, double share)
{
    double                     sorted[60];
    const struct meter_commit *c;
    int                        n = 0;
    while (n < 60 && (c = meter_commit_at(m, n)))
        sorted[n++] = (double)c->duration_us / 1e3;
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n ? sorted[(int)((n - 1) * share + 0.5)] : NAN;
}
