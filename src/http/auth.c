/* SPDX-License-Identifier: MIT */
#include "http/auth.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/random.h>

#include "text/base64.h"
#include "text/digest.h"
#include "text/time.h"

#define HASH_BYTES 32

struct token {
    uint8_t        hash[HASH_BYTES];
    int64_t        expires_us; /* INT64_MAX: never */
    enum http_role role;
    char           name[AUTH_NAME_MAX + 1];
};

struct session {
    uint8_t hash[HASH_BYTES]; /* of the cookie */
    uint8_t token[HASH_BYTES];
    int64_t expires_us; /* 0: free */
};

struct auth {
    struct token  *tokens;
    int            n_tokens;
    struct session sessions[AUTH_SESSIONS_MAX];
};

/* ---- secrets ---- */

static void hash_of(const char *secret, uint8_t out[HASH_BYTES])
{
    uint8_t digest[DIGEST_BYTES_MAX];
    CHECK(digest_of(DIGEST_SHA256, secret, strlen(secret), digest) == HASH_BYTES);
    memcpy(out, digest, HASH_BYTES);
}

static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    uint8_t differ = 0;
    for (int i = 0; i < HASH_BYTES; i++)
        differ = (uint8_t)(differ | (a[i] ^ b[i]));
    return differ == 0;
}

static void make_secret(char out[AUTH_TOKEN_CHARS + 1])
{
    uint8_t    random[32];
    struct buf text;
    CHECK(getrandom(random, sizeof random, 0) == sizeof random);
    buf_init(&text, TAG_WEB, 64);
    base64_encode(random, sizeof random, &text);
    CHECK(text.size > AUTH_TOKEN_CHARS);
    for (int i = 0; i < AUTH_TOKEN_CHARS; i++)
        out[i] = text.data[i] == '+' ? '-' : text.data[i] == '/' ? '_' : (char)text.data[i];
    out[AUTH_TOKEN_CHARS] = 0;
    buf_fini(&text);
}

void auth_token_make(const char *name, enum http_role role, char token[AUTH_TOKEN_CHARS + 1], struct buf *line)
{
    uint8_t hash[HASH_BYTES];
    make_secret(token);
    hash_of(token, hash);
    buf_printf(line, "%s %s sha256:", name, role == HTTP_ADMIN ? "admin" : "viewer");
    hex_encode(hash, HASH_BYTES, false, line);
    buf_u8(line, '\n');
}

/* ---- the file ---- */

static bool read_hash(const char *word, uint8_t out[HASH_BYTES])
{
    if (strncmp(word, "sha256:", 7) != 0 || strlen(word) != 7 + 2 * HASH_BYTES)
        return false;
    for (int i = 0; i < HASH_BYTES; i++) {
        unsigned byte;
        if (!isxdigit((unsigned char)word[7 + 2 * i]) || sscanf(word + 7 + 2 * i, "%2x", &byte) != 1 ||
            !isxdigit((unsigned char)word[8 + 2 * i]))
            return false;
        out[i] = (uint8_t)byte;
    }
    return true;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(const char *line, struct token *t, bool *empty)
{
    char name[AUTH_NAME_MAX + 2], role[16], hash[100], expires[64], more[2];
    int  n = sscanf(line, " %64s %15s %99s %63s %1s", name, role, hash, expires, more);
    *empty = n <= 0 || name[0] == '#';
    if (*empty)
        return NULL;
    if (n < 3 || (n > 3 && expires[0] != '#' && n > 4 && more[0] != '#'))
        return "it must be: name viewer|admin sha256:<64 hex digits> [expires=2027-01-01]";
    if (strlen(name) > AUTH_NAME_MAX)
        return "the name is longer than 63 characters";
    if (strcmp(role, "viewer") != 0 && strcmp(role, "admin") != 0)
        return "the role must be viewer or admin";
    if (!read_hash(hash, t->hash))
        return "the hash must be sha256: and 64 hex digits";
    t->role = role[0] == 'a' ? HTTP_ADMIN : HTTP_VIEWER;
    t->expires_us = INT64_MAX;
    if (n > 3 && expires[0] != '#' &&
        (strncmp(expires, "expires=", 8) != 0 || !timestamp_parse(expires + 8, strlen(expires + 8), 0, &t->expires_us)))
        return "the date must be expires=2027-01-01";
    memcpy(t->name, name, strlen(name) + 1);
    return NULL;
}

static enum err read_tokens(struct auth *a, const char *text, struct error *e)
{
    for (int number = 1; *text; number++) {
        char        line[512];
        size_t      n = strcspn(text, "\n"), kept = n < sizeof line ? n : sizeof line - 1;
        bool        empty;
        const char *wrong;
        if (a->n_tokens == AUTH_TOKENS_MAX)
            return err_set(e, ERR_LIMIT, "more than %d tokens", AUTH_TOKENS_MAX);
        memcpy(line, text, kept);
        line[kept] = 0;
        if ((wrong = read_line(line, &a->tokens[a->n_tokens], &empty)))
            return err_set(e, ERR_INVALID, "line %d: %s", number, wrong);
        a->n_tokens += !empty;
        text += n + (text[n] == '\n');
    }
    return OK;
}

enum err auth_new(const char *tokens, struct auth **out, struct error *e)
{
    struct auth *a = mem_zalloc(TAG_WEB, sizeof *a);
    enum err     rc = OK;
    if (a)
        a->tokens = mem_zalloc(TAG_WEB, AUTH_TOKENS_MAX * sizeof *a->tokens);
    if (!a || !a->tokens)
        rc = err_set(e, ERR_NO_MEMORY, "token table");
    if (rc == OK)
        rc = read_tokens(a, tokens, e);
    if (rc != OK) {
        auth_free(a);
        return rc;
    }
    *out = a;
    return OK;
}

void auth_free(struct auth *a)
{
    if (a)
        mem_free(a->tokens);
    mem_free(a);
}

/* ---- who ---- */

static const struct token *find_token(const struct auth *a, const uint8_t hash[HASH_BYTES], int64_t now_us)
{
    const struct token *found = NULL;
    for (int i = 0; i < a->n_tokens; i++)
        if (same_hash(a->tokens[i].hash, hash) && a->tokens[i].expires_us > now_us)
            found = &a->tokens[i];
    return found;
}

static const struct session *find_session(const struct auth *a, const uint8_t hash[HASH_BYTES], int64_t now_us)
{
    const struct session *found = NULL;
    for (int i = 0; i < AUTH_SESSIONS_MAX; i++)
        if (a->sessions[i].expires_us > now_us && same_hash(a->sessions[i].hash, hash))
            found = &a->sessions[i];
    return found;
}

static bool know(const struct token *t, const uint8_t hash[HASH_BYTES], bool session, struct auth_who *out)
{
    *out = (struct auth_who){.role = HTTP_ANYONE};
    if (!t)
        return false;
    out->role = t->role;
    out->session = session;
    memcpy(out->hash, hash, HASH_BYTES);
    memcpy(out->name, t->name, sizeof out->name);
    return true;
}

bool auth_token(const struct auth *a, const char *token, int64_t now_us, struct auth_who *out)
{
    uint8_t hash[HASH_BYTES];
    hash_of(token, hash);
    return know(find_token(a, hash, now_us), hash, false, out);
}

bool auth_session(const struct auth *a, const char *cookie, int64_t now_us, struct auth_who *out)
{
    uint8_t hash[HASH_BYTES];
    hash_of(cookie, hash);
    const struct session *s = find_session(a, hash, now_us);
    return know(s ? find_token(a, s->token, now_us) : NULL, hash, true, out);
}

bool auth_stands(const struct auth *a, const struct auth_who *who, int64_t now_us)
{
    const uint8_t *hash = who->hash;
    if (who->session) {
        const struct session *s = find_session(a, hash, now_us);
        if (!s)
            return false;
        hash = s->token;
    }
    const struct token *t = find_token(a, hash, now_us);
    return t && t->role == who->role;
}

/* ---- sessions ---- */

bool auth_session_begin(struct auth *a, const char *token, int64_t now_us, int64_t lives_us,
                        char cookie[AUTH_TOKEN_CHARS + 1], struct auth_who *out)
{
    if (!auth_token(a, token, now_us, out))
        return false;
    struct session *oldest = &a->sessions[0]; /* all taken: the one that would end first makes room */
    for (int i = 1; i < AUTH_SESSIONS_MAX; i++)
        if (a->sessions[i].expires_us < oldest->expires_us)
            oldest = &a->sessions[i];
    make_secret(cookie);
    memcpy(oldest->token, out->hash, HASH_BYTES);
    hash_of(cookie, oldest->hash);
    oldest->expires_us = now_us + lives_us;
    memcpy(out->hash, oldest->hash, HASH_BYTES);
    out->session = true;
    return true;
}

void auth_session_end(struct auth *a, const struct auth_who *who)
{
    for (int i = 0; i < AUTH_SESSIONS_MAX; i++)
        if (who->session && same_hash(a->sessions[i].hash, who->hash))
            a->sessions[i].expires_us = 0;
}

void auth_sessions_move(struct auth *to, const struct auth *from)
{
    memcpy(to->sessions, from->sessions, sizeof to->sessions);
}
