/* SPDX-License-Identifier: MIT */
#include "json/write.h"

#include <inttypes.h>

#include "text/number.h"

void json_writer_init(struct json_writer *w, struct buf *out) { *w = (struct json_writer){.out = out, .first = true}; }

static void separate(struct json_writer *w)
{
    if (!w->after_key && !w->first)
        buf_u8(w->out, ',');
    w->first = false;
    w->after_key = false;
}

static void begin(struct json_writer *w, char bracket)
{
    separate(w);
    buf_u8(w->out, (uint8_t)bracket);
    w->first = true;
    w->depth++;
}

static void end(struct json_writer *w, char bracket)
{
    CHECK(w->depth > 0);
    w->depth--;
    w->first = false;
    buf_u8(w->out, (uint8_t)bracket);
}

void json_begin_object(struct json_writer *w) { begin(w, '{'); }
void json_end_object(struct json_writer *w) { end(w, '}'); }
void json_begin_array(struct json_writer *w) { begin(w, '['); }
void json_end_array(struct json_writer *w) { end(w, ']'); }

static void put_text(struct buf *out, const uint8_t *text, size_t n)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    buf_u8(out, '"');
    for (size_t i = 0, run = 0; i <= n; i++) {
        if (i < n && text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
            continue;
        const char *at = i < n && text[i] ? strchr(from, text[i]) : NULL;
        buf_put(out, text + run, i - run);
        run = i + 1;
        if (i == n)
            break;
        if (at) {
            buf_u8(out, '\\');
            buf_u8(out, (uint8_t)to[at - from]);
        } else {
            buf_printf(out, "\\u%04x", text[i]);
        }
    }
    buf_u8(out, '"');
}

void json_key(struct json_writer *w, const char *name) { json_key_n(w, name, strlen(name)); }

void json_key_n(struct json_writer *w, const void *name, size_t n)
{
    separate(w);
    put_text(w->out, name, n);
    buf_u8(w->out, ':');
    w->after_key = true;
}

void json_put_string_n(struct json_writer *w, const void *text, size_t n)
{
    separate(w);
    put_text(w->out, text, n);
}

void json_put_string(struct json_writer *w, const char *text)
{
    if (text)
        json_put_string_n(w, text, strlen(text));
    else
        json_put_null(w);
}

void json_put_int(struct json_writer *w, int64_t v)
{
    separate(w);
    buf_printf(w->out, "%" PRId64, v);
}

void json_put_double(struct json_writer *w, double v)
{
    char text[NUMBER_TEXT_MAX];
    separate(w);
    buf_put(w->out, text, double_print(v, text));
}

void json_put_bool(struct json_writer *w, bool v) { json_put_raw(w, v ? "true" : "false"); }

void json_put_null(struct json_writer *w) { json_put_raw(w, "null"); }

void json_put_raw(struct json_writer *w, const char *json)
{
    separate(w);
    buf_puts(w->out, json);
}

void json_member_string(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_put_string(w, text);
}

void json_member_int(struct json_writer *w, const char *name, int64_t v)
{
    json_key(w, name);
    json_put_int(w, v);
}

void json_member_double(struct json_writer *w, const char *name, double v)
{
    json_key(w, name);
    json_put_double(w, v);
}

void json_member_bool(struct json_writer *w, const char *name, bool v)
{
    json_key(w, name);
    json_put_bool(w, v);
}

void json_member_raw(struct json_writer *w, const char *name, const char *json)
{
    json_key(w, name);
    json_put_raw(w, json);
}
