/* SPDX-License-Identifier: MIT */
/* Where a query that does not run has come to, for another engine. Any thread; blocks. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/epoch.h"
#include "pipeline/query.h"
#include "state/catalog.h"
#include "json/doc.h"

static int by_topic(const void *left, const void *right)
{
    const struct handover_position *a = left, *b = right;
    int                             names = strcmp(a->topic, b->topic);
    return names ? names : (a->partition > b->partition) - (a->partition < b->partition);
}

static enum err take_positions(const struct json_value *list, struct arena *a, struct handover *out, struct error *e)
{
    size_t n = json_size(list);
    if (!(out->positions = arena_zalloc(a, (n + 1) * sizeof *out->positions)))
        return err_set(e, ERR_NO_MEMORY, "positions");
    for (size_t i = 0; i < n; i++) {
        const struct json_value  *v = json_at(list, i);
        struct handover_position *p = &out->positions[i];
        const char               *topic = json_get_string(v, "topic");
        *p = (struct handover_position){topic ? arena_strdup(a, topic) : NULL,
                                        (int32_t)json_get_int(v, "partition", -1), json_get_int(v, "offset", -1)};
        if (!p->topic || p->partition < 0 || p->offset < 0)
            return err_set(e, ERR_CORRUPT, "the checkpoint holds a position without topic, partition or offset");
    }
    qsort(out->positions, n, sizeof *out->positions, by_topic);
    for (size_t i = 1; i < n; i++)
        if (by_topic(&out->positions[i - 1], &out->positions[i]) == 0)
            return err_set(e, ERR_UNSUPPORTED, "the query reads topic %s in two places: what is to be read from where?",
                           out->positions[i].topic);
    out->n = (int)n;
    return OK;
}

/* Open windows need their records again, from `replay_from`; whatever is closed stays so. */
static enum err take_info(const char *text, struct arena *a, struct handover *out, struct error *e)
{
    struct json_value *info = NULL;
    TRY(json_doc_parse(text, strlen(text), &info, e));
    bool open = json_get_int(json_get(info, "ledger"), "open", 0) > 0;
    out->closed_ms = json_get_int(info, "late_ms", 0);
    enum err rc = open && !json_get(info, "replay_from")
                      ? err_set(e, ERR_UNSUPPORTED, "the checkpoint does not say where its open windows begin")
                      : take_positions(json_get(info, open ? "replay_from" : "end"), a, out, e);
    json_doc_free(info);
    return rc;
}

enum err query_handover(const struct plan *plan, const char *state_dir, struct arena *a, struct handover *out,
                        struct error *e)
{
    struct catalog  *c = NULL;
    struct query_row row;
    struct epoch_row last;
    *out = (struct handover){.n = 0};
    TRY(catalog_open(state_dir, &c, e));
    enum err rc = catalog_query_get(c, plan->name, a, &row, e);
    if (rc == OK)
        rc = catalog_epoch_last(c, plan->name, row.generation, a, &last, e);
    if (rc == OK && !last.committed)
        rc = err_set(e, ERR_UNSUPPORTED, "epoch %lld of %s is prepared and not committed: run it once more first",
                     (long long)last.epoch, plan->name);
    if (rc == OK)
        rc = take_info(last.info, a, out, e);
    catalog_close(c);
    return rc;
}
