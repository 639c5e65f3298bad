/* SPDX-License-Identifier: MIT */
/* Statements, queries and relations. See parse_priv.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sql/parse_priv.h"

/* ---- aliases ---- */

static bool ends_alias(const struct parser *p) /* words that follow a relation or item and are no alias */
{
    return parse__is_word(p, "OVER") || !parse__is_name(p);
}

static bool alias(struct parser *p, const char **name, struct place *at)
{
    if (parse__take_word(p, "AS"))
        return parse__name(p, name, at);
    if (ends_alias(p))
        return true;
    return parse__name(p, name, at);
}

/* ---- relations ---- */

static bool watermark(struct parser *p, struct ast_rel *r)
{
    struct place          from = tok(p)->place;
    struct ast_watermark *w = parse__alloc(p, sizeof *w);
    struct ast_expr      *x, *delay;
    p->at++;
    if (!w)
        return false;
    if (parse__is_word(p, "FOR"))
        return parse__unsupported(p, from, "WATERMARK FOR (Flink's form) is",
                                  "write WATERMARK ts DELAY OF INTERVAL 10 SECONDS after the relation");
    if (!parse__expr(p, &x))
        return false;
    if (parse__take_word(p, "AS") && !parse__name(p, &w->name, NULL))
        return false;
    if (!parse__need_word(p, "DELAY") || !parse__need_word(p, "OF"))
        return false;
    if (tok(p)->kind == TOK_STRING)
        return parse__fail(p, "INTERVAL, as in DELAY OF INTERVAL 10 SECONDS");
    if (!parse__interval(p, &delay))
        return false;
    w->expr = x;
    w->delay = delay;
    w->place = parse__since(p, from);
    r->watermark = w;
    return true;
}

/* column, ..: the names of a relation's columns */
static bool column_names(struct parser *p, struct ast_rel *r)
{
    struct list names = {0};
    do {
        const char **name = parse__add(p, &names, sizeof *name);
        if (!name || !parse__name(p, name, NULL))
            return false;
    } while (parse__take(p, ","));
    r->column_aliases = names.items;
    r->n_column_aliases = names.n;
    return true;
}

static bool column_aliases(struct parser *p, struct ast_rel *r)
{
    return !r->alias || !parse__take(p, "(") || (column_names(p, r) && parse__need(p, ")"));
}

/* [WATERMARK ..] [[AS] alias [(cols)]] */
static bool relation_tail(struct parser *p, struct ast_rel *r)
{
    if (parse__is_word(p, "WITH") && parse__ahead(p, 1)->kind == TOK_SYMBOL)
        return parse__unsupported(p, tok(p)->place, "WITH (options) behind a relation is",
                                  "give options in read_kafka(...)");
    if (parse__is_word(p, "TABLESAMPLE"))
        return parse__unsupported(p, tok(p)->place, "TABLESAMPLE is", NULL);
    if (parse__is_word(p, "WATERMARK") && !watermark(p, r))
        return false;
    if (!alias(p, &r->alias, &r->alias_place) || !column_aliases(p, r))
        return false;
    if (r->alias && !r->watermark && parse__is_word(p, "WATERMARK")) {
        p->failed = true;
        struct diag *g = diag_error(p->diags, tok(p)->place, "E_SYNTAX", "WATERMARK comes before the alias");
        diag_hint(p->diags, g, "write ... WATERMARK ts DELAY OF INTERVAL .. AS %s", r->alias);
        return false;
    }
    return true;
}

static bool function_or_name(struct parser *p, struct ast_rel *r)
{
    struct place from = tok(p)->place;
    if (!parse__dotted(p, &r->parts, NULL, &r->n_parts))
        return false;
    if (!parse__is(p, "(") || r->n_parts > 1) {
        r->kind = AST_REL_NAME;
        return true;
    }
    struct ast_expr *call = NULL;
    p->at--; /* parse the call as an expression: name(args) */
    if (!parse__expr(p, &call))
        return false;
    if (call->kind != AST_CALL) {
        p->failed = true;
        diag_error(p->diags, from, "E_SYNTAX", "expected a table function");
        return false;
    }
    r->kind = AST_REL_FUNCTION;
    r->call = call;
    return true;
}

static bool subquery_or_relation(struct parser *p, struct ast_rel *r)
{
    p->at++; /* ( */
    if (parse__is_word(p, "SELECT") || parse__is_word(p, "WITH") || parse__is(p, "(")) {
        r->kind = AST_REL_SUBQUERY;
        return parse__query(p, &r->query) && parse__need(p, ")");
    }
    const struct ast_rel *inner;
    if (!parse__relation(p, &inner) || !parse__need(p, ")"))
        return false;
    *r = *inner;
    return true;
}

static bool primary_relation(struct parser *p, const struct ast_rel **out)
{
    struct place    from = tok(p)->place;
    struct ast_rel *r = parse__alloc(p, sizeof *r);
    if (!r || !parse__enter(p))
        return false;
    bool brackets = false;
    if (parse__is_word(p, "STREAM") &&
        (parse__ahead(p, 1)->kind == TOK_WORD || parse__ahead(p, 1)->kind == TOK_QUOTED ||
         (parse__ahead(p, 1)->kind == TOK_SYMBOL && parse__ahead(p, 1)->text[0] == '(')) &&
        !parse__is_word_at(p, 1, "WATERMARK") && !parse__is_word_at(p, 1, "AS") && !parse__is_word_at(p, 1, "WHERE")) {
        p->at++;
        r->stream = true;
        brackets = parse__take(p, "(");
        if (brackets && parse__is_word(p, "SELECT"))
            return parse__unsupported(p, from, "STREAM (SELECT ..) is", "put STREAM before the relation it reads");
    }
    if (parse__is(p, "(") && !r->stream) {
        if (!subquery_or_relation(p, r))
            return false;
    } else if (parse__is_word(p, "LATERAL") || parse__is_word(p, "UNNEST")) {
        return parse__unsupported(p, from, "LATERAL is", "LATERAL VIEW explode(..) t AS x follows a relation");
    } else if (!function_or_name(p, r)) {
        return false;
    }
    if (brackets && !parse__need(p, ")"))
        return false;
    r->core = parse__since(p, from);
    if (!relation_tail(p, r))
        return false;
    r->place = parse__since(p, from);
    p->depth--;
    *out = r;
    return true;
}

/* Takes [INNER | LEFT [OUTER] | ..] JOIN; false when there is none. */
static bool take_join(struct parser *p, enum ast_join *join)
{
    int at = p->at;
    *join = AST_JOIN_INNER;
    if (parse__take_word(p, "INNER"))
        ;
    else if (parse__take_word(p, "CROSS"))
        *join = AST_JOIN_CROSS;
    else if (parse__take_word(p, "LEFT"))
        *join = parse__take_word(p, "SEMI")   ? AST_JOIN_SEMI
                : parse__take_word(p, "ANTI") ? AST_JOIN_ANTI
                                              : AST_JOIN_LEFT;
    else if (parse__take_word(p, "RIGHT"))
        *join = AST_JOIN_RIGHT;
    else if (parse__take_word(p, "FULL"))
        *join = AST_JOIN_FULL;
    else if (parse__take_word(p, "SEMI"))
        *join = AST_JOIN_SEMI;
    else if (parse__take_word(p, "ANTI"))
        *join = AST_JOIN_ANTI;
    parse__take_word(p, "OUTER");
    if (parse__take_word(p, "JOIN"))
        return true;
    p->at = at;
    return false;
}

static bool using_columns(struct parser *p, struct ast_rel *r)
{
    struct list names = {0}, places = {0};
    if (!parse__need(p, "("))
        return false;
    do {
        const char  **name = parse__add(p, &names, sizeof *name);
        struct place *at = parse__add(p, &places, sizeof *at);
        if (!name || !at || !parse__name(p, name, at))
            return false;
    } while (parse__take(p, ","));
    r->using_ = names.items;
    r->using_places = places.items;
    r->n_using = names.n;
    return parse__need(p, ")");
}

/* At LATERAL VIEW: [OUTER] f(..) name [[AS] column, ..] */
static bool lateral_view(struct parser *p, struct place from, const struct ast_rel **out)
{
    struct ast_rel     *r = parse__alloc(p, sizeof *r);
    struct ast_expr    *call;
    const struct token *function;
    p->at += 2;
    if (!r)
        return false;
    r->kind = AST_REL_LATERAL_VIEW;
    r->left = *out;
    r->outer = parse__take_word(p, "OUTER");
    function = tok(p);
    if (!parse__is_name(p))
        return parse__fail(p, "explode(..) or one of its like");
    p->at++;
    if (!parse__call(p, function->text, function->place, &call) || !parse__name(p, &r->alias, &r->alias_place))
        return false;
    r->call = call;
    if ((parse__take_word(p, "AS") || !ends_alias(p)) && !column_names(p, r))
        return false;
    r->place = parse__since(p, from);
    *out = r;
    return true;
}

bool parse__relation(struct parser *p, const struct ast_rel **out)
{
    struct place  from = tok(p)->place;
    enum ast_join join;
    if (!primary_relation(p, out))
        return false;
    while (take_join(p, &join)) {
        struct ast_rel  *r = parse__alloc(p, sizeof *r);
        struct ast_expr *on;
        if (!r || !primary_relation(p, &r->right))
            return false;
        r->kind = AST_REL_JOIN;
        r->join = join;
        r->left = *out;
        if (parse__take_word(p, "ON")) {
            if (!parse__expr(p, &on))
                return false;
            r->on = on;
        } else if (parse__take_word(p, "USING")) {
            if (!using_columns(p, r))
                return false;
        } else if (join != AST_JOIN_CROSS) {
            return parse__fail(p, "ON or USING");
        }
        r->place = parse__since(p, from);
        *out = r;
    }
    if (parse__is(p, ","))
        return parse__unsupported(p, tok(p)->place, "a list of relations in FROM is",
                                  "write JOIN .. ON, or LATERAL VIEW explode(..) t AS x");
    while (parse__is_word(p, "LATERAL") && parse__is_word_at(p, 1, "VIEW"))
        if (!lateral_view(p, from, out))
            return false;
    if (parse__is_word(p, "PIVOT") || parse__is_word(p, "UNPIVOT"))
        return parse__unsupported(p, tok(p)->place, "PIVOT and UNPIVOT are", NULL);
    return true;
}

/* ---- queries ---- */

static bool select_items(struct parser *p, struct ast_query *q)
{
    struct list items = {0};
    do {
        struct ast_item *item = parse__add(p, &items, sizeof *item);
        struct ast_expr *x;
        struct place     from = tok(p)->place;
        if (!item || !parse__expr(p, &x) || !alias(p, &item->alias, &item->alias_place))
            return false;
        item->expr = x;
        item->place = parse__since(p, from);
    } while (parse__take(p, ","));
    q->items = items.items;
    q->n_items = items.n;
    return true;
}

static bool expr_list(struct parser *p, struct ast_expr ***out, int *n, bool ordered)
{
    struct list list = {0};
    do {
        struct ast_expr **slot = parse__add(p, &list, sizeof *slot);
        if (!slot || !parse__expr(p, slot))
            return false;
        if (ordered) {
            if (!parse__take_word(p, "ASC"))
                parse__take_word(p, "DESC");
            if (parse__take_word(p, "NULLS"))
                p->at++;
        }
    } while (parse__take(p, ","));
    *out = list.items;
    *n = list.n;
    return true;
}

static bool group_by(struct parser *p, struct ast_query *q)
{
    if (!parse__need_word(p, "BY"))
        return false;
    if (parse__is_word(p, "ALL") &&
        !(parse__ahead(p, 1)->kind == TOK_SYMBOL && strchr(",.(", parse__ahead(p, 1)->text[0]))) {
        q->group_by_all = true;
        p->at++;
        return true;
    }
    if (parse__is_word(p, "GROUPING") || parse__is_word(p, "ROLLUP") || parse__is_word(p, "CUBE"))
        return parse__unsupported(p, tok(p)->place, "GROUPING SETS, ROLLUP and CUBE are", NULL);
    return expr_list(p, &q->group_by, &q->n_group_by, false);
}

static bool select(struct parser *p, struct ast_query *q)
{
    struct ast_expr *x;
    q->kind = AST_SELECT;
    if (!parse__need_word(p, "SELECT"))
        return false;
    q->distinct = parse__take_word(p, "DISTINCT");
    if (!q->distinct)
        parse__take_word(p, "ALL");
    if (!select_items(p, q))
        return false;
    if (parse__take_word(p, "FROM") && !parse__relation(p, &q->from))
        return false;
    if (parse__take_word(p, "WHERE")) {
        if (!parse__expr(p, &x))
            return false;
        q->where = x;
    }
    if (parse__take_word(p, "GROUP") && !group_by(p, q))
        return false;
    if (parse__take_word(p, "HAVING")) {
        if (!parse__expr(p, &x))
            return false;
        q->having = x;
    }
    if (parse__is_word(p, "QUALIFY") || parse__is_word(p, "WINDOW"))
        return parse__unsupported(p, tok(p)->place, "QUALIFY and WINDOW clauses are", NULL);
    return true;
}

static bool query_primary(struct parser *p, const struct ast_query **out)
{
    struct place      from = tok(p)->place;
    struct ast_query *q;
    if (parse__take(p, "("))
        return parse__query(p, out) && parse__need(p, ")");
    if (parse__is_word(p, "FROM"))
        return parse__unsupported(p, from, "FROM before SELECT is", "write SELECT .. FROM ..");
    if (!(q = parse__alloc(p, sizeof *q)) || !select(p, q))
        return false;
    q->place = parse__since(p, from);
    *out = q;
    return true;
}

static bool with_queries(struct parser *p, struct list *list)
{
    do {
        struct ast_named_query *w = parse__add(p, list, sizeof *w);
        if (!w || !parse__name(p, &w->name, &w->place) || !parse__need_word(p, "AS") || !parse__need(p, "(") ||
            !parse__query(p, &w->query) || !parse__need(p, ")"))
            return false;
    } while (parse__take(p, ","));
    return true;
}

static bool order_and_limit(struct parser *p, struct ast_query *q)
{
    struct ast_expr *x;
    if (parse__take_word(p, "ORDER") &&
        !(parse__need_word(p, "BY") && expr_list(p, &q->order_by, &q->n_order_by, true)))
        return false;
    if (parse__is_word(p, "SORT") || parse__is_word(p, "CLUSTER") || parse__is_word(p, "DISTRIBUTE"))
        return parse__unsupported(p, tok(p)->place, "SORT BY, CLUSTER BY and DISTRIBUTE BY are", NULL);
    if (parse__take_word(p, "LIMIT")) {
        if (!parse__expr(p, &x))
            return false;
        q->limit = x;
    }
    return true;
}

bool parse__query(struct parser *p, const struct ast_query **out)
{
    struct place            from = tok(p)->place;
    struct list             with = {0};
    const struct ast_query *left;
    if (!parse__enter(p) || (parse__take_word(p, "WITH") && !with_queries(p, &with)) || !query_primary(p, &left))
        return false;
    while (parse__is_word(p, "UNION") || parse__is_word(p, "EXCEPT") || parse__is_word(p, "INTERSECT") ||
           parse__is_word(p, "MINUS")) {
        if (!parse__is_word(p, "UNION"))
            return parse__unsupported(p, tok(p)->place, "EXCEPT, MINUS and INTERSECT are", NULL);
        struct ast_query *u = parse__alloc(p, sizeof *u);
        p->at++;
        if (!u)
            return false;
        u->kind = parse__take_word(p, "ALL") ? AST_UNION_ALL : AST_UNION_DISTINCT;
        parse__take_word(p, "DISTINCT");
        u->left = left;
        if (!query_primary(p, &u->right))
            return false;
        u->place = parse__since(p, from);
        left = u;
    }
    struct ast_query *q = parse__alloc(p, sizeof *q);
    if (!q)
        return false;
    *q = *left; /* ORDER BY, LIMIT and WITH belong to the whole */
    if (!order_and_limit(p, q))
        return false;
    if (with.n) {
        q->with = with.items;
        q->n_with = with.n;
    }
    p->depth--;
    *out = q;
    return true;
}

/* ---- statements ---- */

static bool property_key(struct parser *p, struct ast_property *x)
{
    struct buf key;
    x->place = tok(p)->place;
    if (tok(p)->kind == TOK_STRING) {
        x->key = tok(p)->text;
        p->at++;
        return true;
    }
    buf_init(&key, TAG_SQL, 4096);
    do {
        const char *part;
        if (!parse__name(p, &part, NULL)) {
            buf_fini(&key);
            return false;
        }
        buf_printf(&key, "%s%s", key.size ? "." : "", part);
    } while (parse__take(p, "."));
    x->key = key.failed ? NULL : arena_strdup(p->arena, buf_text(&key));
    buf_fini(&key);
    x->place = parse__since(p, x->place);
    return x->key != NULL;
}

static bool properties(struct parser *p, struct ast_statement *s)
{
    struct list list = {0};
    if (!parse__need(p, "("))
        return false;
    do {
        struct ast_property *x = parse__add(p, &list, sizeof *x);
        if (!x || !property_key(p, x))
            return false;
        parse__take(p, "=");
        if (tok(p)->kind == TOK_END || tok(p)->kind == TOK_SYMBOL)
            return parse__fail(p, "a value");
        x->value = tok(p)->text;
        x->value_place = tok(p)->place;
        p->at++;
    } while (parse__take(p, ","));
    s->properties = list.items;
    s->n_properties = list.n;
    return parse__need(p, ")");
}

static bool partition_columns(struct parser *p, struct ast_statement *s)
{
    struct list names = {0}, places = {0};
    if (!parse__need_word(p, "BY") || !parse__need(p, "("))
        return false;
    do {
        const char  **name = parse__add(p, &names, sizeof *name);
        struct place *at = parse__add(p, &places, sizeof *at);
        if (!name || !at || !parse__name(p, name, at))
            return false;
    } while (parse__take(p, ","));
    s->partitioned_by = names.items;
    s->partitioned_by_places = places.items;
    s->n_partitioned_by = names.n;
    return parse__need(p, ")");
}

static bool text_literal(struct parser *p, const char **out, struct place *at)
{
    if (tok(p)->kind != TOK_STRING)
        return parse__fail(p, "a text in quotes");
    *out = tok(p)->text;
    if (at)
        *at = tok(p)->place;
    p->at++;
    return true;
}

enum clause { CLAUSE_USING, CLAUSE_PARTITIONED, CLAUSE_COMMENT, CLAUSE_LOCATION, CLAUSE_PROPERTIES, CLAUSE_NONE };

static bool table_clause(struct parser *p, struct ast_statement *s, enum clause c)
{
    switch (c) {
    case CLAUSE_USING:
        return parse__name(p, &s->format, &s->format_place);
    case CLAUSE_PARTITIONED:
        return partition_columns(p, s);
    case CLAUSE_COMMENT:
        return text_literal(p, &s->comment, NULL);
    case CLAUSE_LOCATION:
        return text_literal(p, &s->location, &s->location_place);
    case CLAUSE_PROPERTIES:
        return properties(p, s);
    case CLAUSE_NONE:
        break;
    }
    return true;
}

static bool table_clauses(struct parser *p, struct ast_statement *s)
{
    static const char *const words[] = {"USING", "PARTITIONED", "COMMENT", "LOCATION", "TBLPROPERTIES"};
    unsigned                 seen = 0;
    for (;;) {
        enum clause c = CLAUSE_NONE;
        for (int i = 0; i < CLAUSE_NONE; i++)
            if (parse__is_word(p, words[i]))
                c = (enum clause)i;
        if (c == CLAUSE_NONE)
            break;
        if (seen & 1u << c) {
            p->failed = true;
            diag_error(p->diags, tok(p)->place, "E_SYNTAX", "%s is given twice", words[c]);
            return false;
        }
        seen |= 1u << c;
        p->at++;
        if (!table_clause(p, s, c))
            return false;
    }
    if (parse__is_word(p, "CLUSTER") || parse__is_word(p, "SCHEDULE") || parse__is_word(p, "OPTIONS"))
        return parse__unsupported(p, tok(p)->place, "CLUSTER BY, SCHEDULE and OPTIONS are", NULL);
    return true;
}

static bool refuse_statement(struct parser *p, struct place from)
{
    if (parse__is_word(p, "MATERIALIZED"))
        return parse__unsupported(p, from, "CREATE MATERIALIZED VIEW is", "write CREATE STREAMING TABLE .. AS SELECT");
    if (parse__is_word(p, "FLOW"))
        return parse__unsupported(p, from, "CREATE FLOW is", "write UNION ALL in one streaming table");
    if (parse__is_word(p, "TABLE"))
        return parse__unsupported(p, from, "CREATE TABLE is", "write CREATE STREAMING TABLE .. AS SELECT");
    if (parse__is_word(p, "VIEW"))
        return parse__unsupported(p, from, "a permanent view is", "write CREATE TEMPORARY VIEW");
    return parse__fail(p, "STREAMING TABLE or TEMPORARY VIEW");
}

static bool streaming_table(struct parser *p, struct ast_statement *s)
{
    s->kind = AST_CREATE_STREAMING_TABLE;
    if (!parse__need_word(p, "TABLE"))
        return false;
    if (parse__take_word(p, "IF")) {
        if (!parse__need_word(p, "NOT") || !parse__need_word(p, "EXISTS"))
            return false;
        s->if_not_exists = true;
    }
    return true;
}

static bool statement_name(struct parser *p, struct ast_statement *s)
{
    const char **parts;
    int          n;
    struct buf   name;
    s->name_place = tok(p)->place;
    if (!parse__dotted(p, &parts, NULL, &n))
        return false;
    s->name_place = parse__since(p, s->name_place);
    buf_init(&name, TAG_SQL, 4096);
    for (int i = 0; i < n; i++)
        buf_printf(&name, "%s%s", i ? "." : "", parts[i]);
    s->name = name.failed ? NULL : arena_strdup(p->arena, buf_text(&name));
    buf_fini(&name);
    return s->name != NULL;
}

static bool create(struct parser *p, struct ast_statement *s, struct place from)
{
    if (parse__take_word(p, "OR")) {
        s->or_refresh = parse__is_word(p, "REFRESH");
        s->or_replace = parse__is_word(p, "REPLACE");
        if (!s->or_refresh && !s->or_replace)
            return parse__fail(p, "REFRESH or REPLACE");
        p->at++;
    }
    if (parse__take_word(p, "TEMPORARY") || parse__take_word(p, "TEMP")) {
        s->kind = AST_CREATE_VIEW;
        if (s->or_refresh || !parse__need_word(p, "VIEW"))
            return parse__fail(p, "VIEW");
    } else if (parse__take_word(p, "STREAMING")) {
        if (s->or_replace)
            return parse__unsupported(p, from, "CREATE OR REPLACE STREAMING TABLE is", "write CREATE OR REFRESH");
        if (!streaming_table(p, s))
            return false;
    } else {
        return refuse_statement(p, from);
    }
    if (!statement_name(p, s))
        return false;
    if (parse__is(p, "(") && !(s->kind == AST_CREATE_STREAMING_TABLE && parse__is_word_at(p, 1, "CONSTRAINT")))
        return parse__unsupported(p, tok(p)->place, "a list of columns behind the name is",
                                  "the columns come from the query: name them with AS");
    if (parse__is(p, "(") && !parse__expectations(p, s))
        return false;
    if (s->kind == AST_CREATE_STREAMING_TABLE && !table_clauses(p, s))
        return false;
    return parse__need_word(p, "AS") && parse__query(p, &s->query);
}

bool parse__statement(struct parser *p, struct ast_statement **out)
{
    struct place             from = tok(p)->place;
    struct ast_statement    *s = parse__alloc(p, sizeof *s);
    static const char *const others[] = {"INSERT", "MERGE",    "UPDATE", "DELETE",  "DROP",    "ALTER", "SET",
                                         "USE",    "DESCRIBE", "SHOW",   "EXPLAIN", "REFRESH", "CACHE"};
    if (!s)
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (parse__is_word(p, others[i])) {
            char what[32];
            snprintf(what, sizeof what, "%s is", others[i]);
            return parse__unsupported(p, from, what, "a file holds CREATE TEMPORARY VIEW and CREATE STREAMING TABLE");
        }
    if (!parse__take_word(p, "CREATE"))
        return parse__is_word(p, "SELECT") || parse__is_word(p, "WITH")
                   ? parse__unsupported(p, from, "a query alone is", "write CREATE STREAMING TABLE name AS before it")
                   : parse__fail(p, "CREATE");
    if (!create(p, s, from))
        return false;
    s->place = parse__since(p, from);
    *out = s;
    return true;
}
