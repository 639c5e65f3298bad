/* SPDX-License-Identifier: MIT */
/* from_utc_timestamp and to_utc_timestamp (x->detail is the zone, when it is a constant). */
#include <stdio.h>
#include <string.h>

#include "expr/kernel_tools.h"
#include "text/zone.h"

typedef struct zone_span span_cb(const struct zone *z, int64_t us);

/* The zone of the row before, as most rows have the same as their neighbour. */
struct zone_memo {
    char             name[ZONE_NAME_MAX];
    size_t           n;
    enum err         rc;
    struct zone      zone;
    struct error     error;
    struct zone_span span;
};

static bool same_name(const struct zone_memo *m, struct text name)
{
    return m->n == name.n && memcmp(m->name, name.p, name.n) == 0;
}

static void look_up(struct zone_memo *m, struct text name)
{
    m->rc = zone_find((const char *)name.p, name.n, &m->zone, &m->error);
    m->n = name.n < sizeof m->name ? name.n : 0;
    memcpy(m->name, name.p, m->n);
    m->span = (struct zone_span){0};
}

static struct column *shift(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n,
                            span_cb *span_at, int sign)
{
    const int64_t   *a = args[0].c->values;
    struct zone_memo m = {.n = 0, .rc = OK};
    if (x->detail)
        m.zone = *(const struct zone *)x->detail;
    STRICT_BEGIN(int64_t, 2)
    for (uint32_t i = 0; i < n; i++) {
        int64_t us = a[i * args[0].step];
        if (IS_NULL_AT(i))
            continue;
        if (!x->detail) {
            struct text name = text_at(&args[1], i);
            if (m.n == 0 || !same_name(&m, name))
                look_up(&m, name);
        }
        if (m.rc == ERR_NO_MEMORY) {
            mem_free(valid);
            mem_free(out);
            return expr__no_memory(ev);
        }
        if (m.rc == OK && !zone_span_has(&m.span, us))
            m.span = span_at(&m.zone, us);
        if (m.rc != OK)
            FAIL_ROW(i, "[INVALID_TIMEZONE] %s", m.error.text);
        else if (__builtin_add_overflow(us, sign * m.span.offset_us, &out[i]))
            FAIL_ROW(i, OVERFLOW_TEXT, "timestamp");
    }
    STRICT_END(x->type);
}

struct column *k_from_utc_timestamp(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return shift(ev, x, args, n, zone_at, 1);
}

struct column *k_to_utc_timestamp(struct evaluation *ev, const struct expr *x, const struct vec *args, uint32_t n)
{
    return shift(ev, x, args, n, zone_at_local, -1);
}
