/* SPDX-License-Identifier: MIT */
/* Where a query that does not run would go on, and another place for it to go on from. Any thread; blocks. */

#include "pipeline/query_priv.h"

#define POSITIONS_MAX ((size_t)64 << 20)

/* The saved list: of the last epoch, else of the start. NULL: nothing is saved. */
static enum err saved_positions(const struct plan *p, struct catalog *c, struct arena *a, struct query_row *row,
                                struct json_value **doc, struct error *e)
{
    struct epoch_row last;
    *doc = NULL;
    TRY(catalog_query_get(c, p->name, a, row, e));
    enum err rc = catalog_epoch_last(c, p->name, row->generation, a, &last, e);
    if (rc == ERR_NOT_FOUND)
        return json_doc_parse(row->start, strlen(row->start), doc, e);
    if (rc != OK)
        return rc;
    if (!last.committed)
        return err_set(e, ERR_BUSY, "an epoch is prepared and not committed: start the query once");
    return json_doc_parse(last.info, strlen(last.info), doc, e);
}

static const struct json_value *list_of(const struct json_value *doc)
{
    return json_is_array(doc) ? doc : json_get(doc, "end");
}

enum err query_positions(const struct plan *plan, struct catalog *c, struct buf *out, struct error *e)
{
    struct arena       a;
    struct query_row   row;
    struct json_value *doc;
    arena_init(&a, TAG_STATE, (size_t)256 << 20);
    enum err rc = saved_positions(plan, c, &a, &row, &doc, e);
    if (rc == OK)
        json_dump(list_of(doc), out);
    json_doc_free(doc);
    arena_fini(&a);
    return rc;
}

/* The new offset of a saved position, else its own. */
static int64_t moved(const struct json_value *saved, const struct json_value *moves, size_t *n_used)
{
    const char *topic = json_get_string(saved, "topic");
    int64_t     partition = json_get_int(saved, "partition", -1);
    for (size_t i = 0; i < json_size(moves); i++) {
        const struct json_value *m = json_at(moves, i);
        const char              *other = json_get_string(m, "topic");
        if (!other || strcmp(other, topic) != 0 || json_get_int(m, "partition", -2) != partition)
            continue;
        (*n_used)++;
        return json_get_int(m, "offset", 0);
    }
    return json_get_int(saved, "offset", 0);
}

static enum err write_moved(const struct json_value *list, const struct json_value *moves, struct buf *out,
                            struct error *e)
{
    struct json_writer w;
    size_t             n_used = 0;
    json_writer_init(&w, out);
    json_begin_array(&w);
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json_value *p = json_at(list, i);
        json_begin_object(&w);
        json_member_int(&w, "source", json_get_int(p, "source", 0));
        json_member_string(&w, "topic", json_get_string(p, "topic"));
        json_member_int(&w, "partition", json_get_int(p, "partition", 0));
        json_member_string(&w, "id", json_get_string(p, "id"));
        json_member_int(&w, "offset", moved(p, moves, &n_used));
        json_end_object(&w);
    }
    json_end_array(&w);
    if (n_used < json_size(moves))
        return err_set(e, ERR_NOT_FOUND, "an offset names a partition that the query does not read");
    return buf_check(out, "positions", e);
}

enum err query_move(const struct plan *plan, struct catalog *c, const struct json_value *moves, struct error *e)
{
    struct arena       a;
    struct query_row   row;
    struct reset       given_up;
    struct json_value *doc;
    struct buf         start;
    arena_init(&a, TAG_STATE, (size_t)256 << 20);
    buf_init(&start, TAG_STATE, POSITIONS_MAX);
    enum err rc = saved_positions(plan, c, &a, &row, &doc, e);
    if (rc == OK)
        rc = write_moved(list_of(doc), moves, &start, e);
    if (rc == OK)
        rc = query_reset(plan, c, &given_up, e); /* rows of open windows cannot follow */
    if (rc == OK)
        rc = catalog_query_get(c, plan->name, &a, &row, e);
    if (rc == OK) {
        row.start = buf_text(&start);
        rc = catalog_query_put(c, &row, e);
    }
    json_doc_free(doc);
    buf_fini(&start);
    arena_fini(&a);
    return rc;
}
