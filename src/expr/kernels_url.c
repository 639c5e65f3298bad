/* SPDX-License-Identifier: MIT */
/* URLs as java.net reads them: url_encode, url_decode, parse_url. */
#include <string.h>

#include "expr/kernel_tools.h"
#include "text/utf8.h"

static bool is_letter(uint8_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static int hex_value(uint8_t c)
{
    return is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* ---- the query's encoding ---- */

static bool url_encode_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    for (uint32_t k = 0; k < t.n; k++) {
        if (is_letter(t.p[k]) || is_digit(t.p[k]) || (t.p[k] && strchr(".-*_", t.p[k])))
            buf_u8(&w->text, t.p[k]);
        else if (t.p[k] == ' ')
            buf_u8(&w->text, '+');
        else
            buf_printf(&w->text, "%%%02X", t.p[k]);
    }
    return true;
}
TEXT_KERNEL(k_url_encode, url_encode_row)

/* False: a % without two digits. */
static bool decode(struct buf *out, struct text t)
{
    struct buf bytes;
    bool       ok = true;
    buf_init(&bytes, TAG_BATCH, COLUMN_BYTES_MAX);
    for (uint32_t k = 0; ok && k < t.n; k++) {
        if (t.p[k] == '%') {
            int high = k + 2 < t.n ? hex_value(t.p[k + 1]) : -1, low = k + 2 < t.n ? hex_value(t.p[k + 2]) : -1;
            ok = high >= 0 && low >= 0;
            buf_u8(&bytes, (uint8_t)(high << 4 | low));
            k += 2;
        } else {
            buf_u8(&bytes, t.p[k] == '+' ? ' ' : t.p[k]);
        }
    }
    utf8_repair(bytes.data, bytes.size, out);
    out->failed = out->failed || bytes.failed;
    buf_fini(&bytes);
    return ok;
}

static bool url_decode_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    struct text t = text_at(args, i);
    (void)x;
    if (decode(&w->text, t))
        return true;
    expr__fail(w->ev, i, "[CANNOT_DECODE_URL] '%.*s' has a %% that two hexadecimal digits do not follow",
               (int)(t.n < 60 ? t.n : 60), (const char *)t.p);
    return false;
}
TEXT_KERNEL(k_url_decode, url_decode_row)

static bool try_url_decode_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    (void)x;
    return decode(&w->text, text_at(args, i));
}
TEXT_KERNEL(k_try_url_decode, try_url_decode_row)

/* ---- parse_url: java.net.URI ---- */

struct url { /* p is NULL when there is none */
    struct text scheme, authority, user, host, path, query, fragment;
};

static struct text between(struct text t, uint32_t from, uint32_t to) { return (struct text){t.p + from, to - from}; }

static uint32_t until(struct text t, uint32_t at, const char *stops)
{
    while (at < t.n && !(t.p[at] && strchr(stops, t.p[at])))
        at++;
    return at;
}

/* Letters, digits, marks, escapes, and what is not ASCII and no control character. */
static bool is_legal(struct text t, const char *marks)
{
    for (uint32_t k = 0; k < t.n; k++) {
        uint8_t c = t.p[k];
        if (c == '%') {
            if (k + 2 >= t.n || hex_value(t.p[k + 1]) < 0 || hex_value(t.p[k + 2]) < 0)
                return false;
            k += 2;
        } else if (c < 0x80 && !is_letter(c) && !is_digit(c) && !(c && strchr("-_.!~*'()", c)) &&
                   !(c && strchr(marks, c))) {
            return false;
        }
    }
    return true;
}

/* Labels between dots; the last one begins with a letter, or it is four numbers. */
static bool is_host(struct text t)
{
    uint32_t from = 0, dots = 0;
    bool     numbers = true, last_letter = false;
    if (t.n && t.p[0] == '[')
        return t.n > 2 && t.p[t.n - 1] == ']';
    if (t.n && t.p[t.n - 1] == '.')
        t.n--;
    for (uint32_t k = 0; k <= t.n; k++) {
        if (k < t.n && t.p[k] != '.') {
            if (!is_letter(t.p[k]) && !is_digit(t.p[k]) && t.p[k] != '-')
                return false;
            numbers = numbers && is_digit(t.p[k]);
            continue;
        }
        if (k == from || t.p[from] == '-' || t.p[k - 1] == '-')
            return false;
        last_letter = is_letter(t.p[from]);
        dots += k < t.n;
        from = k + 1;
    }
    return last_letter || (numbers && dots == 3);
}

/* user@host:port; what does not look so is an authority without a host. */
static bool parse_authority(struct text t, struct url *u)
{
    const uint8_t *at = memchr(t.p, '@', t.n);
    uint32_t       from = at ? (uint32_t)(at - t.p) + 1 : 0, end = t.n;
    u->authority = t;
    const uint8_t *close = memchr(t.p, ']', t.n);
    uint32_t       after = close ? (uint32_t)(close - t.p) : from;
    for (uint32_t k = after; k < t.n; k++)
        if (t.p[k] == ':') {
            end = k;
            break;
        }
    bool port = true;
    for (uint32_t k = end + 1; k < t.n; k++)
        port = port && is_digit(t.p[k]);
    struct text host = between(t, from, end), user = between(t, 0, from ? from - 1 : 0);
    if (port && is_host(host) && is_legal(user, ";:&=+$,")) {
        u->host = host;
        if (at)
            u->user = user;
        return true;
    }
    return (t.n == 0 || t.p[0] != '[') && is_legal(t, "$,;:@&=+[]");
}

static bool parse_url(struct text t, struct url *u)
{
    uint32_t at = until(t, 0, "/?#:");
    *u = (struct url){.path = {t.p, 0}};
    if (at < t.n && t.p[at] == ':') {
        if (at == 0 || !is_letter(t.p[0]))
            return false;
        for (uint32_t k = 0; k < at; k++)
            if (!is_letter(t.p[k]) && !is_digit(t.p[k]) && !strchr("+-.", t.p[k]))
                return false;
        u->scheme = between(t, 0, at++);
        if (at == t.n || t.p[at] == '#')
            return false;
    } else {
        at = 0;
    }
    if (u->scheme.p && t.p[at] != '/') { /* opaque: mailto:x@y */
        uint32_t end = until(t, at, "#");
        u->path.p = NULL;
        if (end < t.n)
            u->fragment = between(t, end + 1, t.n);
        return is_legal(between(t, at, end), ";/?:@&=+$,[]") && is_legal(u->fragment, ";/?:@&=+$,[]");
    }
    if (at + 1 < t.n && t.p[at] == '/' && t.p[at + 1] == '/') {
        uint32_t end = until(t, at + 2, "/?#");
        if ((end == at + 2 && end == t.n) || (end > at + 2 && !parse_authority(between(t, at + 2, end), u)))
            return false;
        at = end;
    }
    uint32_t end = until(t, at, "?#");
    u->path = between(t, at, end);
    if (end < t.n && t.p[end] == '?') {
        at = end + 1;
        end = until(t, at, "#");
        u->query = between(t, at, end);
    }
    if (end < t.n)
        u->fragment = between(t, end + 1, t.n);
    return is_legal(u->path, ";/:@&=+$,") && is_legal(u->query, ";/?:@&=+$,[]") &&
           is_legal(u->fragment, ";/?:@&=+$,[]");
}

static bool value_of(struct text query, struct text key, struct text *out)
{
    for (uint32_t at = 0; query.p && at <= query.n;) {
        uint32_t end = until(query, at, "&");
        if (end - at > key.n && memcmp(query.p + at, key.p, key.n) == 0 && query.p[at + key.n] == '=') {
            *out = between(query, at + key.n + 1, end);
            return true;
        }
        at = end + 1;
    }
    return false;
}

static bool is_text(struct text t, const char *name) { return t.n == strlen(name) && memcmp(t.p, name, t.n) == 0; }

static bool put_part(struct writer *w, const struct url *u, struct text part, const struct text *key)
{
    struct text out = {NULL, 0};
    bool        query = is_text(part, "QUERY");
    if (key && !(query && value_of(u->query, *key, &out)))
        return false;
    if (!key)
        out = query                        ? u->query
              : is_text(part, "HOST")      ? u->host
              : is_text(part, "PATH")      ? u->path
              : is_text(part, "REF")       ? u->fragment
              : is_text(part, "PROTOCOL")  ? u->scheme
              : is_text(part, "FILE")      ? u->path
              : is_text(part, "AUTHORITY") ? u->authority
              : is_text(part, "USERINFO")  ? u->user
                                           : out;
    buf_put(&w->text, out.p, out.n);
    if (is_text(part, "FILE") && u->query.p) {
        buf_u8(&w->text, '?');
        buf_put(&w->text, u->query.p, u->query.n);
    }
    return out.p != NULL;
}

static bool url_part(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i, bool try_)
{
    struct url  u;
    struct text t = text_at(args, i), key;
    if (x->n_args > 2)
        key = text_at(&args[2], i);
    if (parse_url(t, &u))
        return put_part(w, &u, text_at(&args[1], i), x->n_args > 2 ? &key : NULL);
    if (!try_)
        expr__fail(w->ev, i, "[INVALID_URL] '%.*s' is no URL", (int)(t.n < 80 ? t.n : 80), (const char *)t.p);
    return false;
}

static bool parse_url_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return url_part(w, x, args, i, false);
}
TEXT_KERNEL(k_parse_url, parse_url_row)

static bool try_parse_url_row(struct writer *w, const struct expr *x, const struct vec *args, uint32_t i)
{
    return url_part(w, x, args, i, true);
}
TEXT_KERNEL(k_try_parse_url, try_parse_url_row)
