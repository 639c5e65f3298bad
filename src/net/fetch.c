/* SPDX-License-Identifier: MIT */
#include "net/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "net/net_priv.h"

#define REDIRECTS_MAX 3
#define LIMIT_BYTES ((size_t)16 << 20)
#define RETRY_AFTER_MAX_MS ((int64_t)24 * 3600 * 1000)

struct transfer {
    const struct fetch_spec *spec;
    struct fetch_reply      *reply;
    CURL                    *curl;
    struct buf              *body; /* whole answer */
    size_t                   body_from;
    enum err (*take)(void *arg, const uint8_t *bytes, size_t n, struct error *e);
    void         *arg;
    struct error *e;
    enum err      rc;
    int64_t       heard_us;
};

/* ---- the answer ---- */

static int64_t retry_after(const char *value)
{
    char   *end;
    int64_t ms = (int64_t)strtoll(value, &end, 10) * 1000;
    if (end == value) {
        time_t at = curl_getdate(value, NULL);
        ms = at < 0 ? -1 : (int64_t)at * 1000 - clock_wall_us() / 1000;
        if (at >= 0 && ms < 0)
            ms = 0;
    }
    return ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}

/* The value of a field when the line is that field's: trimmed. */
static bool field(const char *line, size_t n, const char *name, char *out, size_t room)
{
    size_t name_n = strlen(name);
    if (n <= name_n || strncasecmp(line, name, name_n) != 0 || line[name_n] != ':')
        return false;
    const char *from = line + name_n + 1, *end = line + n;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (unsigned char)end[-1] <= ' ')
        end--;
    snprintf(out, room, "%.*s", (int)(end - from), from);
    return true;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct transfer    *t = arg;
    struct fetch_reply *r = t->reply;
    char                value[256];
    n *= size;
    t->heard_us = clock_mono_us();
    if (n > 5 && strncmp(line, "HTTP/", 5) == 0)
        *r =
            (struct fetch_reply){.retry_after_ms = -1, .max_age_ms = -1}; /* a redirect's fields are not the answer's */
    else if (field(line, n, "Retry-After", value, sizeof value))
        r->retry_after_ms = retry_after(value);
    else if (field(line, n, "Cache-Control", value, sizeof value) && strstr(value, "max-age="))
        r->max_age_ms = (int64_t)atoi(strstr(value, "max-age=") + 8) * 1000;
    else if (!field(line, n, "ETag", r->etag, sizeof r->etag))
        field(line, n, "Content-Type", r->content_type, sizeof r->content_type);
    return n;
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    long             status = 0;
    n *= size;
    t->heard_us = clock_mono_us();
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->take && (status / 100 == 2 || !t->body)) {
        t->rc = status / 100 == 2 ? t->take(t->arg, (const uint8_t *)bytes, n, t->e) : OK;
        return t->rc == OK ? n : 0;
    }
    size_t limit = t->spec->limit_bytes ? t->spec->limit_bytes : LIMIT_BYTES;
    if (t->body->size - t->body_from + n > limit)
        t->rc = err_set(t->e, ERR_LIMIT, "%s: the answer is larger than %zu bytes", t->spec->url, limit);
    buf_put(t->body, bytes, n);
    return t->rc == OK && !t->body->failed ? n : 0;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *t = arg;
    int64_t          silence_us = (int64_t)(t->spec->silence_ms ? t->spec->silence_ms : 60000) * 1000;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (t->spec->idle && !t->spec->idle(t->spec->idle_arg))
        t->rc = err_set(t->e, ERR_CANCELLED, "%s: asked to stop", t->spec->url);
    else if (clock_mono_us() - t->heard_us > silence_us)
        t->rc = err_set(t->e, ERR_UNAVAILABLE, "%s: nothing came for %d s", t->spec->url, (int)(silence_us / 1000000));
    if (t->rc == ERR_UNAVAILABLE && t->e)
        t->e->retry = true;
    return t->rc != OK;
}

/* ---- the call ---- */

enum err net__easy(const struct fetch_spec *s, CURL **out, struct error *e)
{
    bool  secure = strncasecmp(s->url, "https://", 8) == 0;
    CURL *curl;
    if ((!secure && strncasecmp(s->url, "http://", 7) != 0) || strlen(s->url) > FETCH_URL_MAX)
        return err_set(e, ERR_INVALID, "%s: the address must begin with http:// or https://", s->url);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(curl = curl_easy_init()))
        return err_set(e, ERR_NO_MEMORY, "%s: HTTP client", s->url);
    curl_easy_setopt(curl, CURLOPT_URL, s->url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, s->user_agent ? s->user_agent : "millrace");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->connect_ms ? s->connect_ms : 10000));
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (s->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, s->method);
    if (s->body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, s->body);
    if (s->direct)
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    *out = curl;
    return OK;
}

enum err net__failed(CURLcode code, const char *url, struct error *e)
{
    const char *text = curl_easy_strerror(code);
    switch ((int)code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
        return err_set(e, ERR_INVALID, "%s: %s", url, text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return err_set(e, ERR_PERMISSION, "%s: %s", url, text);
    case CURLE_OUT_OF_MEMORY:
        return err_set(e, ERR_NO_MEMORY, "%s: %s", url, text);
    default:
        err_set(e, ERR_UNAVAILABLE, "%s: %s", url, text);
        if (e)
            e->retry = true;
        return ERR_UNAVAILABLE;
    }
}

static enum err perform(struct transfer *t, int total_ms)
{
    struct curl_slist *fields = NULL;
    TRY(net__easy(t->spec, &t->curl, t->e));
    for (int i = 0; i < FETCH_FIELDS_MAX && t->spec->fields[i]; i++)
        fields = curl_slist_append(fields, t->spec->fields[i]);
    *t->reply = (struct fetch_reply){.retry_after_ms = -1, .max_age_ms = -1};
    t->heard_us = clock_mono_us();
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)total_ms);
    curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, 0L);
    CURLM   *multi = curl_multi_init(); /* easy_perform asks on_progress once a second only */
    CURLcode code = multi ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    int      running = 1, n_messages;
    if (multi)
        curl_multi_add_handle(multi, t->curl);
    while (multi && running && t->rc == OK) {
        curl_multi_perform(multi, &running);
        on_progress(t, 0, 0, 0, 0);
        if (running && t->rc == OK)
            curl_multi_poll(multi, NULL, 0, NET_IDLE_MS, NULL);
    }
    for (CURLMsg *m; multi && (m = curl_multi_info_read(multi, &n_messages));)
        if (m->msg == CURLMSG_DONE)
            code = m->data.result;
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    t->reply->status = (int)status;
    if (multi) {
        curl_multi_remove_handle(multi, t->curl);
        curl_multi_cleanup(multi);
    }
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(fields);
    if (t->rc != OK)
        return t->rc;
    return code == CURLE_OK ? OK : net__failed(code, t->spec->url, t->e);
}

enum err fetch(const struct fetch_spec *s, struct fetch_reply *reply, struct buf *body, struct error *e)
{
    struct transfer t = {.spec = s, .reply = reply, .body = body, .body_from = body->size, .e = e};
    TRY(perform(&t, s->total_ms ? s->total_ms : 60000));
    return buf_check(body, s->url, e);
}

enum err fetch_stream(const struct fetch_spec *s,
                      enum err (*take)(void *arg, const uint8_t *bytes, size_t n, struct error *e), void *arg,
                      struct fetch_reply *reply, struct error *e)
{
    struct transfer t = {.spec = s, .reply = reply, .body = s->refusal, .take = take, .arg = arg, .e = e};
    return perform(&t, s->total_ms);
}

enum err fetch_status(const struct fetch_reply *reply, const char *url, struct error *e)
{
    int s = reply->status;
    if (s < 300)
        return OK;
    enum err rc = s == 401 || s == 403                           ? ERR_PERMISSION
                  : s == 404 || s == 410                         ? ERR_NOT_FOUND
                  : s == 408 || s == 425 || s == 429 || s >= 500 ? ERR_UNAVAILABLE
                                                                 : ERR_INVALID;
    err_set(e, rc, "%s: HTTP status %d", url, s);
    if (e)
        e->retry = rc == ERR_UNAVAILABLE;
    return rc;
}
