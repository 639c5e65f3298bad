/* SPDX-License-Identifier: MIT */
/* sql/parse: cursor, names, types, entry points. See parse.h and parse_priv.h. */
#include "sql/parse_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- cursor ---- */

const struct token *parse__ahead(const struct parser *p, int n)
{
    int at = p->at + n;
    return &p->tokens[at < p->n ? at : p->n - 1];
}

bool parse__is(const struct parser *p, const char *symbol)
{
    return tok(p)->kind == TOK_SYMBOL && strcmp(tok(p)->text, symbol) == 0;
}

bool parse__is_word_at(const struct parser *p, int ahead, const char *word)
{
    const struct token *t = parse__ahead(p, ahead);
    return t->kind == TOK_WORD && strcasecmp(t->text, word) == 0;
}

bool parse__is_word(const struct parser *p, const char *word) { return parse__is_word_at(p, 0, word); }

bool parse__take(struct parser *p, const char *symbol)
{
    bool there = parse__is(p, symbol);
    if (there)
        p->at++;
    return there;
}

bool parse__take_word(struct parser *p, const char *word)
{
    bool there = parse__is_word(p, word);
    if (there)
        p->at++;
    return there;
}

static const char *const keywords[] = {
    "SELECT",  "FROM",    "WHERE",         "GROUP",     "BY",          "HAVING",  "ORDER",
    "LIMIT",   "UNION",   "ALL",           "JOIN",      "INNER",       "LEFT",    "ON",
    "USING",   "AS",      "STREAM",        "WATERMARK", "DELAY",       "OF",      "CASE",
    "WHEN",    "THEN",    "ELSE",          "END",       "AND",         "OR",      "NOT",
    "IN",      "LIKE",    "CREATE",        "TABLE",     "STREAMING",   "VIEW",    "TEMPORARY",
    "REFRESH", "REPLACE", "TBLPROPERTIES", "LOCATION",  "PARTITIONED", "COMMENT", "INTERVAL",
    "BETWEEN", "WITH",    "DISTINCT",      "CAST",      "CONSTRAINT",  "EXPECT",  "VIOLATION",
    "DROP",    "ROW",     "FAIL",          "UPDATE"};
#define N_KEYWORDS ((int)(sizeof keywords / sizeof keywords[0]))

/* How many bytes of a token are shown: not its second line. */
static int shown(const struct parser *p, const struct token *t)
{
    size_t n = strcspn(p->text + t->place.at, "\n");
    n = n < t->place.length ? n : t->place.length;
    return n < 60 ? (int)n : 60;
}

/* The last "(" before the cursor, in this statement, that nothing closes; NULL: each is closed. */
static const struct token *open_parenthesis(const struct parser *p)
{
    int depth = 0;
    for (int i = p->at - 1; i >= 0; i--) {
        const struct token *t = &p->tokens[i];
        if (t->kind != TOK_SYMBOL)
            continue;
        if (t->text[0] == ';')
            return NULL;
        depth += (t->text[0] == ')') - (t->text[0] == '(');
        if (depth < 0)
            return t;
    }
    return NULL;
}

bool parse__fail(struct parser *p, const char *expected)
{
    const struct token *t = tok(p), *open = open_parenthesis(p);
    bool                ends = t->kind == TOK_END || parse__is(p, ";"), closes = strcmp(expected, "\")\"") == 0 && open;
    int                 line, column;
    if (p->failed)
        return false;
    p->failed = true;
    if (closes && ends) {
        diag_hint(p->diags, diag_error(p->diags, open->place, "E_SYNTAX", "this parenthesis has no end"),
                  "close it with )");
        return false;
    }
    struct diag *g = t->kind == TOK_END
                         ? diag_error(p->diags, t->place, "E_SYNTAX", "the text ends too early: expected %s", expected)
                         : diag_error(p->diags, t->place, "E_SYNTAX", "syntax error at \"%.*s\": expected %s",
                                      shown(p, t), p->text + t->place.at, expected);
    bool         is_keyword = false;
    for (int i = 0; i < N_KEYWORDS; i++)
        is_keyword = is_keyword || (t->kind == TOK_WORD && strcasecmp(t->text, keywords[i]) == 0);
    const char         *near = t->kind == TOK_WORD && !is_keyword ? nearest_name(t->text, keywords, N_KEYWORDS) : NULL;
    const struct token *before = p->at > 0 ? &p->tokens[p->at - 1] : NULL;
    if (near) {
        diag_hint(p->diags, g, "did you mean %s?", near);
    } else if (parse__is(p, ")") && !open) {
        diag_hint(p->diags, g, "no \"(\" is open here");
    } else if (before && before->kind == TOK_WORD && (near = nearest_name(before->text, keywords, N_KEYWORDS)) &&
               strcasecmp(near, before->text) != 0) {
        diag_hint(p->diags, g, "did you mean %s instead of %s before it?", near, before->text);
    } else if (closes) {
        place_line_column(p->text, open->place.at, &line, &column);
        diag_hint(p->diags, g, "the \"(\" at line %d, column %d is still open", line, column);
    }
    return false;
}

bool parse__unsupported(struct parser *p, struct place at, const char *what, const char *hint)
{
    if (p->failed)
        return false;
    p->failed = true;
    struct diag *g = diag_error(p->diags, at, "E_UNSUPPORTED", "%s not supported", what);
    if (hint)
        diag_hint(p->diags, g, "%s", hint);
    return false;
}

bool parse__need(struct parser *p, const char *symbol)
{
    char expected[32] = "\"";
    strncat(expected, symbol, 20);
    strcat(expected, "\"");
    return parse__take(p, symbol) || parse__fail(p, expected);
}

bool parse__need_word(struct parser *p, const char *word) { return parse__take_word(p, word) || parse__fail(p, word); }

struct place parse__since(const struct parser *p, struct place from)
{
    const struct token *last = &p->tokens[p->at > 0 ? p->at - 1 : 0];
    uint32_t            end = last->place.at + last->place.length;
    return (struct place){from.at, end > from.at ? end - from.at : from.length};
}

bool parse__enter(struct parser *p)
{
    if (++p->depth <= SQL_DEPTH_MAX)
        return true;
    if (!p->failed)
        diag_error(p->diags, tok(p)->place, "E_LIMIT", "nested more than %d deep", SQL_DEPTH_MAX);
    p->failed = true;
    return false;
}

void *parse__alloc(struct parser *p, size_t n)
{
    void *m = arena_zalloc(p->arena, n ? n : 1);
    if (!m && !p->failed) {
        diag_error(p->diags, tok(p)->place, "E_LIMIT", "the statement needs more memory than it may take");
        p->failed = true;
    }
    return m;
}

void *parse__add(struct parser *p, struct list *l, size_t item_size)
{
    if (l->n == l->capacity) {
        int   capacity = l->capacity ? l->capacity * 2 : 8;
        void *more = parse__alloc(p, (size_t)capacity * item_size);
        if (!more)
            return NULL;
        if (l->n)
            memcpy(more, l->items, (size_t)l->n * item_size);
        l->items = more;
        l->capacity = capacity;
    }
    return (uint8_t *)l->items + (size_t)l->n++ * item_size;
}

/* ---- names ---- */

/* Words that cannot be a bare name or alias: they would end a clause. Spark has more freedom; `quotes` give it here. */
static const char *const reserved[] = {
    "SELECT",      "FROM",    "WHERE",   "GROUP",     "HAVING",   "ORDER",     "LIMIT",  "UNION",   "JOIN",
    "INNER",       "LEFT",    "RIGHT",   "FULL",      "CROSS",    "SEMI",      "ANTI",   "NATURAL", "ON",
    "USING",       "AS",      "AND",     "OR",        "NOT",      "IN",        "LIKE",   "ILIKE",   "RLIKE",
    "REGEXP",      "BETWEEN", "IS",      "CASE",      "WHEN",     "THEN",      "ELSE",   "END",     "EXCEPT",
    "INTERSECT",   "MINUS",   "LATERAL", "WATERMARK", "DISTINCT", "DIV",       "ESCAPE", "PIVOT",   "UNPIVOT",
    "TABLESAMPLE", "WINDOW",  "QUALIFY", "SORT",      "CLUSTER",  "DISTRIBUTE"};

bool parse__is_name(const struct parser *p)
{
    if (tok(p)->kind == TOK_QUOTED)
        return true;
    if (tok(p)->kind != TOK_WORD)
        return false;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcasecmp(tok(p)->text, reserved[i]) == 0)
            return false;
    return true;
}

bool parse__name(struct parser *p, const char **out, struct place *at)
{
    /* END and WINDOW are fine after a dot or as a column: window.end */
    if (!parse__is_name(p) && !parse__is_word(p, "WINDOW") && !parse__is_word(p, "END"))
        return parse__fail(p, "a name");
    *out = tok(p)->text;
    if (at)
        *at = tok(p)->place;
    p->at++;
    return true;
}

bool parse__dotted(struct parser *p, const char ***parts, struct place **places, int *n)
{
    struct list names = {0}, where = {0};
    do {
        const char  **name = parse__add(p, &names, sizeof *name);
        struct place *at = parse__add(p, &where, sizeof *at);
        if (!name || !at || !parse__name(p, name, at))
            return false;
    } while (parse__take(p, "."));
    *parts = names.items;
    if (places)
        *places = where.items;
    *n = names.n;
    return true;
}

/* ---- types ---- */

static const struct {
    const char *written, *name;
} type_names[] = {{"BOOLEAN", "BOOLEAN"},
                  {"TINYINT", "TINYINT"},
                  {"BYTE", "TINYINT"},
                  {"SMALLINT", "SMALLINT"},
                  {"SHORT", "SMALLINT"},
                  {"INT", "INT"},
                  {"INTEGER", "INT"},
                  {"BIGINT", "BIGINT"},
                  {"LONG", "BIGINT"},
                  {"FLOAT", "FLOAT"},
                  {"REAL", "FLOAT"},
                  {"DOUBLE", "DOUBLE"},
                  {"DECIMAL", "DECIMAL"},
                  {"DEC", "DECIMAL"},
                  {"NUMERIC", "DECIMAL"},
                  {"STRING", "STRING"},
                  {"BINARY", "BINARY"},
                  {"DATE", "DATE"},
                  {"TIMESTAMP", "TIMESTAMP"},
                  {"TIMESTAMP_LTZ", "TIMESTAMP"},
                  {"TIMESTAMP_NTZ", "TIMESTAMP_NTZ"},
                  {"VARIANT", "VARIANT"},
                  {"STRUCT", "STRUCT"},
                  {"ARRAY", "ARRAY"},
                  {"MAP", "MAP"},
                  {"VARCHAR", "VARCHAR"},
                  {"CHAR", "CHAR"},
                  {"TIME", "TIME"},
                  {"VOID", "VOID"},
                  {"INTERVAL", "INTERVAL"}};
#define N_TYPE_NAMES ((int)(sizeof type_names / sizeof type_names[0]))

static bool unknown_type(struct parser *p)
{
    const char *names[N_TYPE_NAMES];
    if (tok(p)->kind != TOK_WORD)
        return parse__fail(p, "a type");
    for (int i = 0; i < N_TYPE_NAMES; i++)
        names[i] = type_names[i].written;
    if (p->failed)
        return false;
    p->failed = true;
    struct diag *g = diag_error(p->diags, tok(p)->place, "E_TYPE", "unknown type \"%s\"", tok(p)->text);
    const char  *near = nearest_name(tok(p)->text, names, N_TYPE_NAMES);
    if (near)
        diag_hint(p->diags, g, "did you mean %s?", near);
    return false;
}

static bool small_number(struct parser *p, int *out)
{
    if (tok(p)->kind != TOK_INTEGER || tok(p)->length > 4)
        return parse__fail(p, "a small number");
    *out = (int)strtol(tok(p)->text, NULL, 10);
    p->at++;
    return true;
}

static bool type_arguments(struct parser *p, struct ast_type *t)
{
    bool parameters =
        strcmp(t->name, "DECIMAL") == 0 || strcmp(t->name, "VARCHAR") == 0 || strcmp(t->name, "CHAR") == 0;
    if (parameters && parse__take(p, "("))
        return small_number(p, &t->precision) && (!parse__take(p, ",") || small_number(p, &t->scale)) &&
               parse__need(p, ")");
    if (strcmp(t->name, "STRUCT") == 0) {
        if (parse__take(p, "<>") || (!parse__is(p, "<") && parse__fail(p, "\"<\"")))
            return !p->failed;
        return parse__take(p, "<") && parse__type_fields(p, t, true, ">");
    }
    if (strcmp(t->name, "ARRAY") == 0)
        return parse__need(p, "<") && parse__type(p, &t->element) && parse__need(p, ">");
    if (strcmp(t->name, "MAP") == 0)
        return parse__need(p, "<") && parse__type(p, &t->key) && parse__need(p, ",") && parse__type(p, &t->element) &&
               parse__need(p, ">");
    return true;
}

bool parse__type(struct parser *p, const struct ast_type **out)
{
    struct place     from = tok(p)->place;
    struct ast_type *t = parse__alloc(p, sizeof *t);
    if (!t || !parse__enter(p))
        return false;
    t->precision = t->scale = -1;
    for (int i = 0; i < N_TYPE_NAMES && !t->name; i++)
        if (parse__is_word(p, type_names[i].written))
            t->name = type_names[i].name;
    if (!t->name)
        return unknown_type(p);
    p->at++;
    if (!type_arguments(p, t))
        return false;
    t->place = parse__since(p, from);
    p->depth--;
    *out = t;
    return true;
}

/* a INT, b: STRING NOT NULL COMMENT 'x' ... up to `end` ("" = end of text). */
bool parse__type_fields(struct parser *p, struct ast_type *t, bool colon_needed_not, const char *end)
{
    struct list fields = {0};
    (void)colon_needed_not;
    do {
        struct ast_type_field *f = parse__add(p, &fields, sizeof *f);
        if (!f || !parse__name(p, &f->name, NULL))
            return false;
        parse__take(p, ":");
        if (!parse__type(p, &f->type))
            return false;
        if (parse__take_word(p, "NOT")) {
            if (!parse__need_word(p, "NULL"))
                return false;
            f->not_null = true;
        }
        if (parse__take_word(p, "COMMENT")) {
            if (tok(p)->kind != TOK_STRING)
                return parse__fail(p, "a text");
            p->at++;
        }
    } while (parse__take(p, ","));
    t->fields = fields.items;
    t->n_fields = fields.n;
    return !*end || parse__need(p, end);
}

/* ---- entry points ---- */

static enum err start(struct parser *p, const char *text, struct arena *a, struct diags *diags, struct error *e)
{
    *p = (struct parser){.text = text, .arena = a, .diags = diags};
    return lexer_run(text, a, diags, &p->tokens, &p->n, e);
}

static enum err verdict(const struct parser *p, struct error *e)
{
    if (p->diags->n_errors == 0)
        return OK;
    return err_set(e, ERR_INVALID, "%s", p->diags->n ? p->diags->items[0].text : "the text has errors");
}

static bool at_end(struct parser *p) { return tok(p)->kind == TOK_END || parse__fail(p, "the end of the text"); }

enum err sql_parse_expr(const char *text, struct arena *a, struct diags *diags, struct ast_expr **out, struct error *e)
{
    struct parser p;
    TRY(start(&p, text, a, diags, e));
    if (diags->n_errors == 0 && parse__expr(&p, out))
        at_end(&p);
    return verdict(&p, e);
}

/* `INT` is a type, `a INT` is a list of fields: a type name alone, or followed by ( or <, is a type. */
static bool is_single_type(const struct parser *p)
{
    const struct token *next = parse__ahead(p, 1);
    bool                known = false;
    for (int i = 0; i < N_TYPE_NAMES; i++)
        known = known || parse__is_word(p, type_names[i].written);
    return known && (next->kind == TOK_END || (next->kind == TOK_SYMBOL && strchr("(<", next->text[0])));
}

enum err sql_parse_type(const char *text, struct arena *a, struct diags *diags, struct ast_type **out, struct error *e)
{
    struct parser          p;
    const struct ast_type *single = NULL;
    TRY(start(&p, text, a, diags, e));
    struct ast_type *t = parse__alloc(&p, sizeof *t);
    if (!t || diags->n_errors)
        return verdict(&p, e);
    if (is_single_type(&p)) {
        if (parse__type(&p, &single) && at_end(&p))
            *t = *single;
    } else {
        *t = (struct ast_type){.name = "STRUCT", .precision = -1, .scale = -1, .place = {0, (uint32_t)strlen(text)}};
        if (parse__type_fields(&p, t, true, ""))
            at_end(&p);
    }
    *out = t;
    return verdict(&p, e);
}

enum err sql_parse(const char *text, struct arena *a, struct diags *diags, struct ast_script **out, struct error *e)
{
    struct parser p;
    struct list   statements = {0};
    *out = NULL;
    TRY(start(&p, text, a, diags, e));
    if (tok(&p)->kind == TOK_END && diags->n_errors)
        return verdict(&p, e);
    while (parse__take(&p, ";"))
        ;
    while (tok(&p)->kind != TOK_END) {
        struct ast_statement *s = NULL;
        p.failed = false;
        p.depth = 0;
        if (parse__statement(&p, &s)) {
            struct ast_statement **slot = parse__add(&p, &statements, sizeof *slot);
            if (slot)
                *slot = s;
            if (!parse__is(&p, ";") && tok(&p)->kind != TOK_END)
                parse__fail(&p, "\";\"");
        }
        while (tok(&p)->kind != TOK_END && !parse__is(&p, ";"))
            p.at++;
        while (parse__take(&p, ";"))
            ;
    }
    if (!(*out = parse__alloc(&p, sizeof **out)))
        return verdict(&p, e);
    **out = (struct ast_script){.statements = statements.items, .n_statements = statements.n};
    if (statements.n == 0 && diags->n_errors == 0)
        diag_error(diags, (struct place){0, 0}, "E_SYNTAX", "the text holds no statement");
    return verdict(&p, e);
}

/* ---- parameters ---- */

static enum err unknown_param(const char *name, struct place at, const struct sql_params *params, struct diags *diags,
                              struct error *e)
{
    struct diag *g = diag_error(diags, at, "E_PARAM", "no value is given for the parameter \"%s\"", name);
    const char  *near = nearest_name(name, params->names, params->n);
    if (near)
        diag_hint(diags, g, "did you mean ${%s}?", near);
    else
        diag_hint(diags, g, "give it with --param %s=...", name);
    return err_set(e, ERR_INVALID, "no value for the parameter \"%s\"", name);
}

static enum err put_param(const struct sql_params *params, int param, struct buf *out, struct sql_fills *fills,
                          struct error *e)
{
    size_t length = strlen(params->values[param]);
    if (fills && fills->n == SQL_FILLS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d parameters are used", SQL_FILLS_MAX);
    if (fills)
        fills->items[fills->n++] = (struct sql_fill){{(uint32_t)out->size, (uint32_t)length}, param};
    buf_put(out, params->values[param], length);
    return OK;
}

enum err sql_fill_params(const char *text, const struct sql_params *params, struct buf *out, struct sql_fills *fills,
                         struct diags *diags, struct error *e)
{
    enum err rc = OK;
    for (const char *p = text; *p;) {
        const char *close = strncmp(p, "${", 2) == 0 ? strchr(p, '}') : NULL;
        char        name[128];
        if (strncmp(p, "$${", 3) == 0) {
            buf_puts(out, "${");
            p += 3;
            continue;
        }
        if (!close || close - p - 2 >= (long)sizeof name) {
            buf_u8(out, (uint8_t)*p++);
            continue;
        }
        memcpy(name, p + 2, (size_t)(close - p - 2));
        name[close - p - 2] = 0;
        int found = -1;
        for (int i = 0; i < params->n; i++)
            if (strcmp(params->names[i], name) == 0)
                found = i;
        if (found >= 0)
            TRY(put_param(params, found, out, fills, e));
        else
            rc = unknown_param(name, (struct place){(uint32_t)(p - text), (uint32_t)(close - p + 1)}, params, diags, e);
        p = close + 1;
    }
    return rc == OK ? buf_check(out, "the text with its parameters", e) : rc;
}
