/* SPDX-License-Identifier: MIT */
/* A query whose rows are only looked at: it has no table, no checkpoint and no epochs to commit. */
#include "pipeline/query_priv.h"

static enum err no_write(struct sink *s, const struct batch *b, struct error *e)
{
    (void)s, (void)b, (void)e;
    return OK;
}

static enum err no_cut(struct sink *s, struct sink_cut **out, struct error *e)
{
    (void)s, (void)e;
    *out = NULL;
    return OK;
}

static enum err never_prepare(struct sink *s, struct sink_cut *take, struct buf *receipt, struct error *e)
{
    (void)s, (void)take, (void)receipt;
    return err_set(e, ERR_UNSUPPORTED, "a preview commits nothing");
}

static enum err never_commit(struct sink *s, const char *receipt, const struct sink_commit *c, int64_t *version,
                             struct error *e)
{
    (void)s, (void)receipt, (void)c, (void)version;
    return err_set(e, ERR_UNSUPPORTED, "a preview commits nothing");
}

static enum err never_check(struct sink *s, const char *receipt, struct error *e)
{
    (void)s, (void)receipt;
    return err_set(e, ERR_UNSUPPORTED, "a preview commits nothing");
}

static void no_drop(struct sink *s, struct sink_cut *cut) { (void)s, (void)cut; }
static void no_free(struct sink *s) { (void)s; }

static const struct sink_ops ops = {.write = no_write,
                                    .cut = no_cut,
                                    .prepare = never_prepare,
                                    .commit = never_commit,
                                    .check = never_check,
                                    .drop = no_drop,
                                    .free = no_free};

static struct sink nowhere = {.ops = &ops}; /* has no state: one for all */

struct sink *query__no_sink(void) { return &nowhere; }

void query__looked_at(struct query *q, struct lane_result *take)
{
    q->n_epochs++;
    q->committed_epoch = take->epoch;
    q->rows_written += take->rows;
    q->shown = take->shown;
    ledger_fini(&q->ledger);
    q->ledger = take->ledger;
    take->ledger = (struct ledger){0};
    lane_result_free(take, q->sinks);
}
