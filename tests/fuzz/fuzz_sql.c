/* SPDX-License-Identifier: MIT */
/* Any text parses or is refused: no crash, no endless nesting; what parses unparses to a text that parses again. */
#include <stdlib.h>
#include <string.h>

#include "sql/parse.h"
#include "sql/unparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expression(const char *text, struct arena *a)
{
    struct ast_expr *x = NULL, *again = NULL;
    struct diags     d;
    struct buf       out, twice;
    diags_init(&d, a);
    if (sql_parse_expr(text, a, &d, &x, NULL) != OK)
        return;
    buf_init(&out, TAG_TEST, (size_t)1 << 24);
    buf_init(&twice, TAG_TEST, (size_t)1 << 24);
    sql_unparse_expr(x, &out);
    if (sql_parse_expr(buf_text(&out), a, &d, &again, NULL) == OK) {
        sql_unparse_expr(again, &twice);
        CHECK(strcmp(buf_text(&out), buf_text(&twice)) == 0);
    }
    buf_fini(&out);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena       a;
    struct diags       d;
    struct ast_script *script = NULL;
    struct ast_type   *type = NULL;
    char              *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    arena_init(&a, TAG_TEST, (size_t)256 << 20);
    diags_init(&d, &a);
    if (sql_parse(text, &a, &d, &script, NULL) != OK)
        CHECK(d.n_errors > 0 || strlen(text) > 1 << 20);
    expression(text, &a);
    diags_init(&d, &a);
    if (sql_parse_type(text, &a, &d, &type, NULL) == OK)
        CHECK(type != NULL);
    arena_fini(&a);
    free(text);
    return 0;
}
