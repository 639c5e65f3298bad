/* SPDX-License-Identifier: MIT */
/*
 * sql/lexer: a text as tokens, as Spark's lexer cuts it. One pass, by hand; only the parser calls it.
 *
 * Words are not sorted into keywords here: almost every Spark keyword is a fine name too, so the parser asks for a
 * word where the grammar wants one. Comments (nested ones too) and blanks vanish.
 */
#ifndef SQL_LEXER_H
#define SQL_LEXER_H

#include "base/diag.h"

enum token_kind {
    TOK_END,
    TOK_WORD,   /* identifier or keyword */
    TOK_QUOTED, /* `identifier`: text holds it unquoted */
    TOK_STRING, /* text, length: escapes resolved */
    TOK_BINARY, /* X'0a': text, length */
    TOK_INTEGER,
    TOK_DECIMAL,
    TOK_DOUBLE,
    TOK_SYMBOL, /* operators and brackets: text is the spelling */
};

struct token {
    enum token_kind kind;
    char            suffix; /* numbers: Y S L F D, B for BD, 0 */
    struct place    place;
    const char     *text;
    uint32_t        length;
};

/* All tokens, the last one TOK_END. Bad characters go into diags (E_SYNTAX); so does a text, name or comment without
 * its end, and then there is no token but TOK_END. ERR_LIMIT over LEXER_BYTES_MAX. */
#define LEXER_BYTES_MAX ((size_t)1 << 20)
MUST_CHECK enum err lexer_run(const char *text, struct arena *a, struct diags *diags, struct token **out, int *n_out,
                              struct error *e);

#endif
