/* SPDX-License-Identifier: MIT */
/* Lines of a head, any bytes: first line the target, the others "name:value". What is taken obeys the rules. */
#include <stdlib.h>

#include "http/auth.h"
#include "http/guard.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_target(const char *raw)
{
    struct arena       a;
    struct http_target t;
    const char        *params[TARGET_SEGMENTS_MAX];
    arena_init(&a, TAG_TEST, 1 << 20);
    if (strlen(raw) < TARGET_BYTES_MAX && !guard_target(raw, &a, &t)) {
        CHECK(t.path[0] == '/' && strlen(t.path) <= strlen(raw));
        CHECK(utf8_is_valid((const uint8_t *)t.path, strlen(t.path)));
        for (int i = 0; i < t.n_segments; i++)
            CHECK(strcmp(t.segments[i], "..") != 0 && strcmp(t.segments[i], ".") != 0);
        for (const char *p = t.path; *p; p++)
            CHECK((unsigned char)*p >= 0x20);
        if (guard_match("/a/{b}/c/{d}", &t, params))
            CHECK(*params[0] && *params[1] && t.n_segments == 4);
    }
    arena_fini(&a);
}

static void look_at_field(struct guard_head *h, const char *line, size_t n)
{
    const char *colon = memchr(line, ':', n);
    if (colon)
        guard_field(h, line, (size_t)(colon - line), colon + 1, n - (size_t)(colon + 1 - line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"ours.example"};
    struct guard_head        h;
    struct auth             *auth;
    char                    *text = malloc(size + 1), host[256];
    int                      port;
    memcpy(text, data, size);
    text[size] = 0;
    guard_head_init(&h);
    for (char *line = text, *end; line < text + size; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + size - line));
        end = end ? end : text + size;
        *end = 0;
        if (line == text)
            look_at_target(line);
        else
            look_at_field(&h, line, (size_t)(end - line));
    }
    if (!guard_framing(&h, "HTTP/1.1")) {
        CHECK(h.n_host == 1 && h.n_length + h.n_transfer <= 1);
        guard_host(h.host, names, 1);
        guard_origin(&h, false, names, 1);
        guard_listen(h.host, host, &port);
    }
    memcpy(text, data, size);
    if (auth_new(text, &auth, NULL) == OK)
        auth_free(auth);
    free(text);
    return 0;
}
