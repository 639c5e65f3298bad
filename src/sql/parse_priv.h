/* SPDX-License-Identifier: MIT */
/* sql/parse, inside: the cursor over the tokens and the pieces the parse_*.c files share. */
#ifndef SQL_PARSE_PRIV_H
#define SQL_PARSE_PRIV_H

#include "sql/lexer.h"
#include "sql/parse.h"

struct parser {
    const char   *text;
    struct token *tokens;
    int           n, at;
    struct arena *arena;
    struct diags *diags;
    int           depth;
    bool          failed; /* of the statement: one error each, then on to the next ';' */
};

/* ---- cursor ---- */

static inline const struct token *tok(const struct parser *p) { return &p->tokens[p->at]; }
const struct token               *parse__ahead(const struct parser *p, int n);
bool                              parse__is(const struct parser *p, const char *symbol); /* at this symbol */
bool parse__is_word(const struct parser *p, const char *word); /* at this word, case ignored */
/* At "(": CONSTRAINT name EXPECT (..), .. up to ")". */
bool         parse__expectations(struct parser *p, struct ast_statement *s);
bool         parse__is_word_at(const struct parser *p, int ahead, const char *word);
bool         parse__take(struct parser *p, const char *symbol); /* takes it when there */
bool         parse__take_word(struct parser *p, const char *word);
bool         parse__need(struct parser *p, const char *symbol); /* E_SYNTAX when not there */
bool         parse__need_word(struct parser *p, const char *word);
struct place parse__since(const struct parser *p, struct place from); /* from there to the last taken token */
/* "syntax error at X", `expected` says what would have fitted; false. Once per statement. */
bool  parse__fail(struct parser *p, const char *expected);
bool  parse__unsupported(struct parser *p, struct place at, const char *what, const char *hint);
bool  parse__enter(struct parser *p); /* counts nesting; false after E_LIMIT */
void *parse__alloc(struct parser *p, size_t n);

/* A growing list of pointers or structs in the arena. */
struct list {
    void *items;
    int   n, capacity;
};
void *parse__add(struct parser *p, struct list *l, size_t item_size); /* the new zeroed item, NULL: no memory */

/* ---- names ---- */

/* An identifier: quoted, or a word that is not one of the few reserved here. */
bool parse__is_name(const struct parser *p);
bool parse__name(struct parser *p, const char **out, struct place *at);
bool parse__dotted(struct parser *p, const char ***parts, struct place **places, int *n);

/* ---- grammar ---- */

bool parse__expr(struct parser *p, struct ast_expr **out);
/* Above comparisons: a + b, but not a IN (..). */
bool             parse__value(struct parser *p, struct ast_expr **out);
struct ast_expr *parse__make(struct parser *p, enum ast_expr_kind kind, struct place at); /* NULL: no memory */
/* At the "(" behind the name. */
bool parse__call(struct parser *p, const char *name, struct place from, struct ast_expr **out);
/* A call of n arguments (1 to 3) that have been read. */
bool parse__as_call(struct parser *p, const char *name, struct place from, int n, struct ast_expr *a,
                    struct ast_expr *b, struct ast_expr *c, struct ast_expr **out);
/* At EXTRACT(x FROM y) and the like: parse_call.c. */
bool parse__is_special_call(const struct parser *p);
bool parse__special_call(struct parser *p, struct ast_expr **out);
bool parse__interval(struct parser *p, struct ast_expr **out); /* at INTERVAL */
bool parse__type(struct parser *p, const struct ast_type **out);
bool parse__type_fields(struct parser *p, struct ast_type *t, bool colon_needed_not, const char *end);
bool parse__query(struct parser *p, const struct ast_query **out);
bool parse__relation(struct parser *p, const struct ast_rel **out);
bool parse__statement(struct parser *p, struct ast_statement **out);

#endif
