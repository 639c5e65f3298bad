/* SPDX-License-Identifier: MIT */
#include "http/guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "text/utf8.h"

#define GAP_MAX 1024 /* NULs between two header fields: CR LF, and blanks that were cut off */

/* ---- the target ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes n bytes to `to` (room for n + 1). Bytes below `least` are refused once decoded. */
static const char *decode(const char *from, size_t n, bool plus, unsigned char least, char *to, size_t *size)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)from[i];
        if (c == '%') {
            int high = i + 2 < n ? hex_digit(from[i + 1]) : -1, low = high >= 0 ? hex_digit(from[i + 2]) : -1;
            if (low < 0)
                return "a percent sign without two hex digits";
            c = (unsigned char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < least || c == 0x7f)
            return "a control character";
        to[out++] = (char)c;
    }
    to[out] = 0;
    *size = out;
    return utf8_is_valid((const uint8_t *)to, out) ? NULL : "bytes that are not UTF-8";
}

static const char *read_path(const char *raw, size_t n, struct arena *a, struct http_target *t)
{
    size_t at = 0, path_size = 0;
    t->path = arena_alloc(a, n + 1);
    if (!t->path)
        return "too long";
    while (at < n) {
        size_t size = 0, end = at + 1;
        while (end < n && raw[end] != '/')
            end++;
        if (t->n_segments == TARGET_SEGMENTS_MAX)
            return "too many segments";
        char *segment = arena_alloc(a, end - at);
        if (!segment)
            return "too long";
        const char *wrong = decode(raw + at + 1, end - at - 1, false, 0x20, segment, &size);
        if (wrong)
            return wrong;
        if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
            return "a relative path";
        t->segments[t->n_segments++] = segment;
        t->path[path_size++] = '/';
        memcpy(t->path + path_size, segment, size);
        path_size += size;
        at = end;
    }
    t->path[path_size] = 0;
    return NULL;
}

static const char *read_query(const char *raw, struct arena *a, struct http_target *t)
{
    while (*raw) {
        size_t      n = strcspn(raw, "&"), size;
        const char *equals = memchr(raw, '=', n);
        size_t      name_n = equals ? (size_t)(equals - raw) : n;
        if (n > 0) {
            char       *name = arena_alloc(a, n + 2), *value = name ? name + name_n + 1 : NULL;
            const char *wrong;
            if (!name)
                return "too long";
            if (t->n_query == TARGET_QUERY_MAX)
                return "too many query parameters";
            if ((wrong = decode(raw, name_n, true, 0x20, name, &size)))
                return wrong;
            if ((wrong = decode(raw + name_n + !!equals, n - name_n - !!equals, true, 1, value, &size)))
                return wrong;
            t->query[t->n_query].name = name;
            t->query[t->n_query++].value = value;
        }
        raw += n + (raw[n] == '&');
    }
    return NULL;
}

const char *guard_target(const char *raw, struct arena *a, struct http_target *t)
{
    size_t n = strlen(raw), path_n = strcspn(raw, "?");
    memset(t, 0, sizeof *t);
    if (raw[0] != '/')
        return "the target must begin with a slash";
    for (size_t i = 0; i < n; i++)
        if (raw[i] <= 0x20 || raw[i] >= 0x7f || raw[i] == '#' || raw[i] == '\\')
            return "the target holds a byte that must be escaped";
    const char *wrong = read_path(raw, path_n, a, t);
    return wrong || !raw[path_n] ? wrong : read_query(raw + path_n + 1, a, t);
}

bool guard_match(const char *pattern, const struct http_target *t, const char *params[TARGET_SEGMENTS_MAX])
{
    int at = 0, n_params = 0;
    while (*pattern) {
        size_t n = strcspn(++pattern, "/");
        if (at == t->n_segments)
            return false;
        const char *segment = t->segments[at++];
        if (n > 1 && pattern[0] == '{') {
            if (!*segment)
                return false;
            params[n_params++] = segment;
        } else if (strlen(segment) != n || memcmp(segment, pattern, n) != 0) {
            return false;
        }
        pattern += n;
    }
    return at == t->n_segments;
}

/* ---- the head ---- */

bool http_token_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && (!text[i] || !strchr("!#$%&'*+-.^_`|~", text[i])))
            return false;
    return n > 0;
}

void guard_head_init(struct guard_head *h) { *h = (struct guard_head){.content_length = -1}; }

static void read_length(struct guard_head *h, const char *value, size_t n)
{
    int64_t length = 0;
    h->n_length++;
    for (size_t i = 0; i < n && n <= 15; i++)
        length = value[i] >= '0' && value[i] <= '9' && length >= 0 ? length * 10 + (value[i] - '0') : -1;
    if (n == 0 || n > 15 || length < 0)
        h->wrong = "Content-Length is not a number";
    h->content_length = length;
}

static bool is(const char *name, size_t n, const char *expected)
{
    return strlen(expected) == n && strncasecmp(name, expected, n) == 0;
}

void guard_field(struct guard_head *h, const char *name, size_t name_n, const char *value, size_t value_n)
{
    if (!http_token_text(name, name_n))
        h->wrong = "a header name that is not a token";
    for (size_t i = 0; i < value_n; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
            h->wrong = "a control character in a header";
    if (is(name, name_n, "host")) {
        h->n_host++;
        h->host = value;
    } else if (is(name, name_n, "content-length")) {
        read_length(h, value, value_n);
    } else if (is(name, name_n, "transfer-encoding")) {
        h->n_transfer++;
        h->transfer = value;
    } else if (is(name, name_n, "origin")) {
        h->origin = value;
    } else if (is(name, name_n, "sec-fetch-site")) {
        h->site = value;
    } else if (is(name, name_n, "sec-fetch-mode")) {
        h->mode = value;
    }
}

void guard_gap(struct guard_head *h, const char *name, const char *value, size_t value_n)
{
    ptrdiff_t gap = h->last_end ? name - h->last_end : 2;
    bool      good = gap >= 2 && gap <= GAP_MAX;
    for (ptrdiff_t i = 0; good && h->last_end && i < gap; i++)
        good = h->last_end[i] == 0;
    if (!good)
        h->wrong = "a header line that is folded, ends without CR LF, or holds a NUL";
    h->last_end = value ? value + value_n : NULL;
}

const char *guard_framing(const struct guard_head *h, const char *version)
{
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return "the version must be HTTP/1.1 or HTTP/1.0";
    if (h->wrong)
        return h->wrong;
    if (h->last_end && (h->last_end[0] || h->last_end[1])) /* of the last line: the empty line follows it */
        return "a header line that holds a NUL";
    if (h->n_host != 1)
        return h->n_host ? "more than one Host" : "no Host";
    if (h->n_length > 1)
        return "more than one Content-Length";
    if (h->n_transfer > 1 || (h->n_transfer && h->n_length))
        return "both Transfer-Encoding and Content-Length, or one of them twice";
    if (h->n_transfer && (strcasecmp(h->transfer, "chunked") != 0 || strcmp(version, "HTTP/1.0") == 0))
        return "a Transfer-Encoding other than chunked";
    return NULL;
}

/* ---- where it comes from ---- */

/* Splits "name", "name:8080", "[::1]:8080"; false when it is neither. */
static bool host_name(const char *host, char name[256])
{
    const char *from = host, *end;
    if (*host == '[') {
        from++;
        end = strchr(from, ']');
        host = end ? end + 1 : host;
    } else {
        end = host + strcspn(host, ":");
        host = end;
    }
    if (!end || end == from || end - from > 255)
        return false;
    memcpy(name, from, (size_t)(end - from));
    name[end - from] = 0;
    if (*host == ':')
        for (host++; *host >= '0' && *host <= '9';)
            host++;
    return *host == 0;
}

bool guard_host(const char *host, const char *const *names, int n_names)
{
    char            name[256];
    struct in6_addr six;
    struct in_addr  four;
    if (!host_name(host, name))
        return false;
    if (strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &four) == 1 ||
        inet_pton(AF_INET6, name, &six) == 1)
        return true;
    for (int i = 0; i < n_names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool same_origin(const char *origin, const char *host)
{
    const char *rest = strncasecmp(origin, "http://", 7) == 0    ? origin + 7
                       : strncasecmp(origin, "https://", 8) == 0 ? origin + 8
                                                                 : NULL;
    return rest && strcasecmp(rest, host) == 0;
}

bool guard_origin(const struct guard_head *h, bool navigable, const char *const *origins, int n_origins)
{
    if (h->origin) {
        for (int i = 0; i < n_origins; i++)
            if (strcmp(h->origin, origins[i]) == 0)
                return true;
        if (!same_origin(h->origin, h->host))
            return false;
    }
    if (!h->site || strcmp(h->site, "same-origin") == 0 || strcmp(h->site, "none") == 0)
        return true;
    return navigable && h->mode && strcmp(h->mode, "navigate") == 0;
}

/* ---- addresses ---- */

bool guard_listen(const char *text, char host[256], int *port)
{
    const char *colon = strrchr(text, ':');
    char       *end;
    if (!colon || !colon[1] || !isdigit((unsigned char)colon[1]))
        return false;
    long number = strtol(colon + 1, &end, 10);
    if (*end || number > 65535 || (text[0] != '[' && memchr(text, ':', (size_t)(colon - text))))
        return false;
    *port = (int)number;
    return host_name(text, host);
}

bool guard_loopback(const char *ip)
{
    struct in_addr four;
    return strcmp(ip, "::1") == 0 || (inet_pton(AF_INET, ip, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}
