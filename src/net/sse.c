/* SPDX-License-Identifier: MIT */
#include "net/sse.h"

#include <stdlib.h>

#define NAME_MAX_BYTES 4096 /* of an event's type or id */

void sse_init(struct sse *p, size_t limit_bytes)
{
    *p = (struct sse){.retry_ms = -1, .limit_bytes = limit_bytes};
    buf_init(&p->line, TAG_WEB, limit_bytes + 1);
    buf_init(&p->data, TAG_WEB, limit_bytes + 1);
    buf_init(&p->type, TAG_WEB, NAME_MAX_BYTES);
    buf_init(&p->id, TAG_WEB, NAME_MAX_BYTES);
}

void sse_fini(struct sse *p)
{
    buf_fini(&p->line);
    buf_fini(&p->data);
    buf_fini(&p->type);
    buf_fini(&p->id);
}

void sse_restart(struct sse *p)
{
    buf_clear(&p->line);
    buf_clear(&p->data);
    buf_clear(&p->type);
    p->after_cr = p->begun = p->has_data = false;
}

static enum err dispatch(struct sse *p, enum err (*take)(void *, const struct sse_event *, struct error *), void *arg,
                         struct error *e)
{
    enum err rc = OK;
    if (p->has_data) {
        struct sse_event event = {.type = p->type.size ? buf_text(&p->type) : "message", .id = buf_text(&p->id)};
        event.data = buf_text(&p->data);
        event.n = p->data.size;
        rc = take(arg, &event, e);
    }
    buf_clear(&p->data);
    buf_clear(&p->type);
    p->has_data = false;
    return rc;
}

static bool is(const char *name, size_t n, const char *expected)
{
    return n == strlen(expected) && memcmp(name, expected, n) == 0;
}

static void set(struct buf *b, const char *value, size_t n)
{
    buf_clear(b);
    buf_put(b, value, n);
    if (b->failed) /* absurdly long: as if it was not there */
        buf_clear(b);
}

static void take_field(struct sse *p, const char *name, size_t name_n, const char *value, size_t n)
{
    if (is(name, name_n, "data")) {
        if (p->has_data)
            buf_u8(&p->data, '\n');
        buf_put(&p->data, value, n);
        p->has_data = true;
    } else if (is(name, name_n, "event")) {
        set(&p->type, value, n);
    } else if (is(name, name_n, "id") && !memchr(value, 0, n)) {
        set(&p->id, value, n);
    } else if (is(name, name_n, "retry") && n > 0 && n < 10 && strspn(value, "0123456789") >= n) {
        p->retry_ms = strtoll(value, NULL, 10);
    }
}

static enum err end_line(struct sse *p, enum err (*take)(void *, const struct sse_event *, struct error *), void *arg,
                         struct error *e)
{
    const char *line = buf_text(&p->line);
    size_t      n = p->line.size;
    enum err    rc = buf_check(&p->line, "a line of the event stream", e);
    if (rc == OK && n == 0) {
        rc = dispatch(p, take, arg, e);
    } else if (rc == OK && line[0] != ':') {
        const char *colon = memchr(line, ':', n), *value = colon ? colon + 1 : line + n;
        value += colon && value < line + n && *value == ' ';
        take_field(p, line, colon ? (size_t)(colon - line) : n, value, (size_t)(line + n - value));
        rc = buf_check(&p->data, "an event of the stream", e);
    }
    buf_clear(&p->line);
    return rc;
}

enum err sse_feed(struct sse *p, const uint8_t *bytes, size_t n,
                  enum err (*take)(void *arg, const struct sse_event *event, struct error *e), void *arg,
                  struct error *e)
{
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && bytes[i] != '\n' && bytes[i] != '\r')
            i++;
        if (i > from) {
            buf_put(&p->line, bytes + from, i - from);
            p->after_cr = false;
        }
        if (!p->begun && p->line.size >= 3) {
            p->begun = true;
            if (memcmp(p->line.data, "\xef\xbb\xbf", 3) == 0) {
                memmove(p->line.data, p->line.data + 3, p->line.size - 3);
                p->line.size -= 3;
            }
        }
        if (i == n)
            break;
        bool rest_of_crlf = bytes[i] == '\n' && p->after_cr;
        p->after_cr = bytes[i] == '\r';
        i++;
        if (rest_of_crlf)
            continue;
        p->begun = true;
        TRY(end_line(p, take, arg, e));
    }
    return buf_check(&p->line, "a line of the event stream", e);
}
