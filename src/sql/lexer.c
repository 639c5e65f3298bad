/* SPDX-License-Identifier: MIT */
#include "sql/lexer.h"

#include <stdio.h>
#include <string.h>

struct lexer {
    const char   *text;
    uint32_t      at, size;
    struct arena *arena;
    struct diags *diags;
    struct token *tokens;
    int           n, capacity;
    bool          no_memory;
    uint32_t      odd[3];    /* by quotes[]: the first text that looks as if it had taken the quote of another; + 1 */
    int           n_found;   /* diags of others */
    bool          never_end; /* a text, a name or a comment; the rest of the tokens means nothing */
};

static const char quotes[] = "'\"`";

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char peek(const struct lexer *l, uint32_t ahead) { return l->at + ahead < l->size ? l->text[l->at + ahead] : 0; }

static struct token *push(struct lexer *l, enum token_kind kind, uint32_t from, const char *text, uint32_t length)
{
    if (l->n == l->capacity) {
        int           capacity = l->capacity ? l->capacity * 2 : 256;
        struct token *more = arena_alloc(l->arena, (size_t)capacity * sizeof *more);
        if (!more || !text) {
            l->no_memory = true;
            return NULL;
        }
        if (l->n)
            memcpy(more, l->tokens, (size_t)l->n * sizeof *more);
        l->tokens = more;
        l->capacity = capacity;
    }
    if (!text) {
        l->no_memory = true;
        return NULL;
    }
    struct token *t = &l->tokens[l->n++];
    *t = (struct token){.kind = kind, .place = {from, l->at - from}, .text = text, .length = length};
    return t;
}

/* Tells it, and takes back what was found behind it: that was read with wrong eyes. */
static void no_end(struct lexer *l, uint32_t at, uint32_t length, const char *what, const char *hint)
{
    int kept = l->n_found;
    for (int i = l->n_found; i < l->diags->n; i++)
        if (l->diags->items[i].place.at < at)
            l->diags->items[kept++] = l->diags->items[i];
    l->diags->n_errors -= l->diags->n - kept;
    l->diags->n = kept;
    diag_hint(l->diags, diag_error(l->diags, (struct place){at, length}, "E_SYNTAX", "%s", what), "%s", hint);
    l->never_end = true;
}

static void skip_comment(struct lexer *l)
{
    uint32_t from = l->at;
    int      depth = 0;
    do {
        if (peek(l, 0) == '/' && peek(l, 1) == '*') {
            depth++;
            l->at += 2;
        } else if (peek(l, 0) == '*' && peek(l, 1) == '/') {
            depth--;
            l->at += 2;
        } else {
            l->at++;
        }
    } while (depth > 0 && l->at < l->size);
    if (depth > 0)
        no_end(l, from, 2, "this comment has no end", "close it with */, once more for each /* inside it");
}

static void skip_blank(struct lexer *l)
{
    while (l->at < l->size) {
        char c = peek(l, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            l->at++;
        else if (c == '-' && peek(l, 1) == '-')
            while (l->at < l->size && peek(l, 0) != '\n')
                l->at++;
        else if (c == '/' && peek(l, 1) == '*')
            skip_comment(l);
        else
            return;
    }
}

/* ---- strings ---- */

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool hex_number(const char *p, uint32_t n, uint32_t left, uint32_t *out)
{
    *out = 0;
    if (left < n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        int v = hex_value(p[i]);
        if (v < 0)
            return false;
        *out = *out * 16 + (uint32_t)v;
    }
    return true;
}

/* One escape at p (after the backslash); returns the characters used. Rules of Spark's unescapeSQLString. */
static uint32_t unescape(const char *p, uint32_t left, struct buf *out)
{
    uint32_t c, low;
    if (*p == 'u' && hex_number(p + 1, 4, left - 1, &c)) {
        bool pair = c >= 0xd800 && c < 0xdc00 && left >= 11 && p[5] == '\\' && p[6] == 'u' &&
                    hex_number(p + 7, 4, left - 7, &low) && low >= 0xdc00 && low < 0xe000;
        if (pair)
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        buf_code_point(out, c >= 0xd800 && c < 0xe000 ? '?' : c); /* half a pair: as Java's encoder writes it */
        return pair ? 11 : 5;
    }
    if (*p == 'U' && hex_number(p + 1, 8, left - 1, &c)) {
        buf_code_point(out, c >= 0xd800 && c < 0xe000 ? '?' : c <= 0x10ffff ? c : 0xfffd);
        return 9;
    }
    if (left >= 3 && p[0] >= '0' && p[0] <= '1' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7') {
        buf_code_point(out, (uint32_t)((p[0] - '0') * 64 + (p[1] - '0') * 8 + (p[2] - '0')));
        return 3;
    }
    static const char from[] = "0bnrtZ", to[] = "\0\b\n\r\t\x1a";
    const char       *at = strchr(from, *p);
    if (at)
        buf_u8(out, (uint8_t)to[at - from]);
    else if (*p == '%' || *p == '_') {
        buf_u8(out, '\\');
        buf_u8(out, (uint8_t)*p);
    } else {
        buf_u8(out, (uint8_t)*p);
    }
    return 1;
}

/* A text that goes on in another line, or whose end touches a word, may be one that lacks its own closing quote and
 * has taken the opening one of the next. It is the place to show when the last quote of all turns out to be alone. */
static void note_odd(struct lexer *l, uint32_t from)
{
    uint32_t *odd = &l->odd[strchr(quotes, l->text[from]) - quotes];
    bool      lines = memchr(l->text + from, '\n', l->at - from) != NULL;
    if (!*odd && (lines || is_letter(peek(l, 0)) || is_digit(peek(l, 0))))
        *odd = from + 1;
}

/* At the last quote of all. Behind a blank, a comma and the like it opens a text, which is then the one that lacks its
 * end; behind anything else it is more likely a closing one. */
static void quote_has_no_end(struct lexer *l, uint32_t from)
{
    char     quote = l->text[from], hint[100];
    bool     opens = from == 0 || strchr(" \t\r\n(,=<>|[+", l->text[from - 1]);
    uint32_t odd = opens ? 0 : l->odd[strchr(quotes, quote) - quotes];
    snprintf(hint, sizeof hint, "close it with %c%s; inside of it a %c is written twice", quote,
             odd ? ", or the first one behind it that lacks it" : "", quote);
    no_end(l, odd ? odd - 1 : from, 1, quote == '`' ? "this name has no end" : "this text has no end", hint);
}

/* The text between quotes; l->at is at the opening quote, and ends after the closing one. */
static void quoted(struct lexer *l, bool raw, struct buf *out)
{
    uint32_t from = l->at;
    char     quote = peek(l, 0);
    for (l->at++; l->at < l->size;) {
        char c = peek(l, 0);
        if (c == quote && peek(l, 1) == quote && !raw) { /* '' is one quote, as in Spark 4 */
            buf_u8(out, (uint8_t)quote);
            l->at += 2;
        } else if (c == quote) {
            l->at++;
            note_odd(l, from);
            return;
        } else if (c == '\\' && !raw && l->at + 1 < l->size) {
            l->at++;
            l->at += unescape(l->text + l->at, l->size - l->at, out);
        } else {
            buf_u8(out, (uint8_t)c);
            l->at++;
        }
    }
    quote_has_no_end(l, from);
}

/* The token of a text that was put together; frees it. */
static void push_text(struct lexer *l, enum token_kind kind, uint32_t from, struct buf *text)
{
    const char *copy = text->failed ? NULL : arena_strndup(l->arena, buf_text(text), text->size);
    l->no_memory = l->no_memory || !copy;
    push(l, kind, from, copy, (uint32_t)text->size);
    buf_fini(text);
}

static void lex_string(struct lexer *l, uint32_t from, bool raw)
{
    struct buf text;
    buf_init(&text, TAG_SQL, LEXER_BYTES_MAX * 4);
    quoted(l, raw, &text);
    push_text(l, TOK_STRING, from, &text);
}

static void lex_binary(struct lexer *l, uint32_t from)
{
    struct buf text, bytes;
    buf_init(&text, TAG_SQL, LEXER_BYTES_MAX);
    buf_init(&bytes, TAG_SQL, LEXER_BYTES_MAX);
    quoted(l, true, &text);
    size_t i = 0;
    if (text.size % 2) /* Spark pads on the left */
        buf_u8(&bytes, (uint8_t)hex_value((char)text.data[i++]));
    for (; i < text.size; i += 2)
        buf_u8(&bytes, (uint8_t)(hex_value((char)text.data[i]) * 16 + hex_value((char)text.data[i + 1])));
    for (i = 0; i < text.size && !l->never_end; i++)
        if (hex_value((char)text.data[i]) < 0) {
            diag_error(l->diags, (struct place){from, l->at - from}, "E_SYNTAX", "X'..' takes hexadecimal digits");
            break;
        }
    bytes.failed = bytes.failed || text.failed;
    push_text(l, TOK_BINARY, from, &bytes);
    buf_fini(&text);
}

static void lex_quoted_name(struct lexer *l)
{
    struct buf text;
    uint32_t   from = l->at;
    buf_init(&text, TAG_SQL, LEXER_BYTES_MAX);
    for (l->at++; l->at < l->size; l->at++) {
        if (peek(l, 0) == '`' && peek(l, 1) != '`')
            break;
        if (peek(l, 0) == '`')
            l->at++;
        buf_u8(&text, (uint8_t)peek(l, 0));
    }
    if (l->at >= l->size) {
        quote_has_no_end(l, from);
    } else {
        l->at++;
        note_odd(l, from);
    }
    push_text(l, TOK_QUOTED, from, &text);
}

/* ---- numbers ---- */

static bool ends_number(const struct lexer *l, uint32_t ahead)
{
    char c = peek(l, ahead);
    return !is_letter(c) && !is_digit(c);
}

static char number_suffix(struct lexer *l, enum token_kind *kind)
{
    char c = peek(l, 0) & ~0x20;
    if (c == 'B' && (peek(l, 1) & ~0x20) == 'D' && ends_number(l, 2)) {
        l->at += 2;
        *kind = TOK_DECIMAL;
        return 'B';
    }
    if (!c || !strchr("YSLFD", c) || !ends_number(l, 1) || (*kind != TOK_INTEGER && c != 'F' && c != 'D'))
        return 0;
    l->at++;
    if (c == 'F' || c == 'D')
        *kind = TOK_DOUBLE;
    return c;
}

static void lex_number(struct lexer *l)
{
    enum token_kind kind = TOK_INTEGER;
    uint32_t        from = l->at;
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.' && !is_letter(peek(l, 1))) {
        kind = TOK_DECIMAL;
        for (l->at++; is_digit(peek(l, 0));)
            l->at++;
    }
    uint32_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
    if ((peek(l, 0) == 'e' || peek(l, 0) == 'E') && is_digit(peek(l, 1 + sign))) {
        kind = TOK_DOUBLE;
        for (l->at += 1 + sign; is_digit(peek(l, 0));)
            l->at++;
    }
    uint32_t end = l->at;
    if (is_letter(peek(l, 0))) {
        char suffix = number_suffix(l, &kind);
        if (suffix || kind != TOK_INTEGER || l->at != end) {
            struct token *t = push(l, kind, from, arena_strndup(l->arena, l->text + from, end - from), end - from);
            if (t)
                t->suffix = suffix;
            return;
        }
        while (is_letter(peek(l, 0)) || is_digit(peek(l, 0))) /* 2nd_column is a name in Spark */
            l->at++;
        push(l, TOK_WORD, from, arena_strndup(l->arena, l->text + from, l->at - from), l->at - from);
        return;
    }
    push(l, kind, from, arena_strndup(l->arena, l->text + from, end - from), end - from);
}

/* ---- all ---- */

static void lex_word(struct lexer *l)
{
    uint32_t from = l->at;
    char     c = peek(l, 0);
    if ((peek(l, 1) == '\'' || peek(l, 1) == '"') && (c == 'r' || c == 'R')) {
        l->at++;
        lex_string(l, from, true);
        return;
    }
    if (peek(l, 1) == '\'' && (c == 'x' || c == 'X')) {
        l->at++;
        lex_binary(l, from);
        return;
    }
    while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)))
        l->at++;
    push(l, TOK_WORD, from, arena_strndup(l->arena, l->text + from, l->at - from), l->at - from);
}

static void lex_symbol(struct lexer *l)
{
    static const char *const symbols[] = {"<=>", "<>", "!=", "<=", ">=", "==", "=>", "||", "::", "->", "(", ")",
                                          "[",   "]",  ",",  ";",  ".",  "=",  "<",  ">",  "+",  "-",  "*", "/",
                                          "%",   "&",  "|",  "^",  "~",  "!",  ":",  "{",  "}",  "$",  "?", "@"};
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        uint32_t n = (uint32_t)strlen(symbols[i]);
        if (strncmp(l->text + l->at, symbols[i], n) == 0) {
            l->at += n;
            push(l, TOK_SYMBOL, l->at - n, symbols[i], n);
            return;
        }
    }
    diag_error(l->diags, (struct place){l->at, 1}, "E_SYNTAX", "unexpected character 0x%02x",
               (unsigned char)peek(l, 0));
    l->at++;
}

enum err lexer_run(const char *text, struct arena *a, struct diags *diags, struct token **out, int *n_out,
                   struct error *e)
{
    size_t size = strlen(text);
    if (size > LEXER_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "the text is larger than %zu bytes", LEXER_BYTES_MAX);
    struct lexer l = {.text = text,
                      .size = (uint32_t)size,
                      .at = (uint32_t)text_mark(text),
                      .arena = a,
                      .diags = diags,
                      .n_found = diags->n};
    while (skip_blank(&l), l.at < l.size && !l.no_memory) {
        char c = peek(&l, 0);
        if (is_letter(c))
            lex_word(&l);
        else if (is_digit(c) || (c == '.' && is_digit(peek(&l, 1))))
            lex_number(&l);
        else if (c == '\'' || c == '"')
            lex_string(&l, l.at, false);
        else if (c == '`')
            lex_quoted_name(&l);
        else
            lex_symbol(&l);
    }
    l.n = l.never_end ? 0 : l.n;
    push(&l, TOK_END, l.size, "", 0);
    if (l.no_memory)
        return err_set(e, ERR_LIMIT, "the text needs more memory than a statement may take");
    *out = l.tokens;
    *n_out = l.n;
    return OK;
}
