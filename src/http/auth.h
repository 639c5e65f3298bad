/* SPDX-License-Identifier: MIT */
/*
 * http/auth: who may do what: tokens by their hashes, and browser sessions made from them. Loop thread only.
 *
 * The token file holds no secret: a token is 43 letters of base64url (256 random bits) shown once, the file keeps its
 * SHA-256. One token a line, `#` begins a comment:
 *
 *   <name> <viewer|admin> sha256:<64 hex digits> [expires=2027-01-01]
 */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include "http/server.h"

#define AUTH_TOKEN_CHARS 43
#define AUTH_NAME_MAX 63
#define AUTH_TOKENS_MAX 1000
#define AUTH_SESSIONS_MAX 1024

/* Makes a token and its line for the file. */
void auth_token_make(const char *name, enum http_role role, char token[AUTH_TOKEN_CHARS + 1], struct buf *line);

struct auth;

/* ERR_INVALID: "line 3: ...". */
MUST_CHECK enum err auth_new(const char *tokens, struct auth **out, struct error *e);
void                auth_free(struct auth *a);

struct auth_who {
    enum http_role role; /* HTTP_ANYONE: not known */
    char           name[AUTH_NAME_MAX + 1];
    uint8_t        hash[32]; /* of the token, or of the session's cookie */
    bool           session;
};

/* In time that does not depend on how much of the token is right. */
bool auth_token(const struct auth *a, const char *token, int64_t now_us, struct auth_who *out);

/* A session of a good token: its cookie value. False: no such token. When all are taken, the one that would end first
 * makes room. */
bool auth_session_begin(struct auth *a, const char *token, int64_t now_us, int64_t lives_us,
                        char cookie[AUTH_TOKEN_CHARS + 1], struct auth_who *out);
bool auth_session(const struct auth *a, const char *cookie, int64_t now_us, struct auth_who *out);
void auth_session_end(struct auth *a, const struct auth_who *who);
void auth_sessions_move(struct auth *to, const struct auth *from); /* to a table read anew */

/* Whether the token or session is still good, and for the same role. */
bool auth_stands(const struct auth *a, const struct auth_who *who, int64_t now_us);

#endif
