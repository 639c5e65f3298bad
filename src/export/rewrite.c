/* SPDX-License-Identifier: MIT */
#include "export/rewrite.h"

bool edits_add(struct edits *e, struct place at, const char *text)
{
    if (e->n == EDITS_MAX || !text)
        return false;
    e->items[e->n++] = (struct edit){at, text};
    return true;
}

static uint32_t end_of(struct place p) { return p.at + p.length; }

/* The edit to apply next, at `at` or behind it and within the range; NULL none. Insertions come before what they are
 * put in front of. `done` are the insertions at `at` that were made already. */
static const struct edit *next_edit(const struct edits *edits, uint32_t at, uint32_t end, int done)
{
    const struct edit *best = NULL;
    for (int i = 0; i < edits->n; i++) {
        const struct edit *x = &edits->items[i];
        bool               point = x->place.length == 0;
        if (x->place.at < at || end_of(x->place) > end)
            continue;
        if (point && x->place.at == at && done-- > 0)
            continue;
        if (!best || x->place.at < best->place.at ||
            (x->place.at == best->place.at && best->place.length && (point || x->place.length > best->place.length)))
            best = x;
    }
    return best;
}

static const struct sql_fill *fill_at(const struct source_text *s, uint32_t at)
{
    for (int i = 0; s->fills && i < s->fills->n; i++)
        if (s->fills->items[i].place.at == at)
            return &s->fills->items[i];
    return NULL;
}

static void copy(const struct source_text *s, uint32_t at, uint32_t end, bool template, struct buf *out)
{
    while (at < end) {
        const struct sql_fill *fill = template ? fill_at(s, at) : NULL;
        if (fill && end_of(fill->place) <= end) {
            buf_printf(out, "${%s}", s->params->names[fill->param]);
            at = end_of(fill->place);
            if (fill->place.length)
                continue;
        }
        if (at == end)
            break;
        if (template && s->text[at] == '$')
            buf_u8(out, '$');
        buf_u8(out, (uint8_t)s->text[at++]);
    }
}

static void rewrite(const struct source_text *s, struct place range, const struct edits *edits, bool template,
                    struct buf *out)
{
    uint32_t at = range.at, end = end_of(range);
    int      done = 0;
    for (const struct edit *x; (x = next_edit(edits, at, end, done));) {
        copy(s, at, x->place.at, template, out);
        buf_puts(out, x->text);
        done = x->place.length ? 0 : x->place.at == at ? done + 1 : 1;
        at = end_of(x->place);
    }
    copy(s, at, end, template, out);
}

void rewrite_template(const struct source_text *s, struct place range, const struct edits *edits, struct buf *out)
{
    rewrite(s, range, edits, true, out);
}

void rewrite_filled(const struct source_text *s, struct place range, const struct edits *edits, struct buf *out)
{
    rewrite(s, range, edits, false, out);
}

bool rewrite_has_params(const struct source_text *s, struct place range)
{
    for (int i = 0; s->fills && i < s->fills->n; i++)
        if (s->fills->items[i].place.at >= range.at && end_of(s->fills->items[i].place) <= end_of(range))
            return true;
    return false;
}
