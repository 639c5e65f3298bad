/* SPDX-License-Identifier: MIT */
/* export/export_priv: what the files of this room share. */
#ifndef EXPORT_EXPORT_PRIV_H
#define EXPORT_EXPORT_PRIV_H

#include "export/export.h"
#include "export/rewrite.h"

#define EXPORT_TEXT_MAX ((size_t)16 << 20)
#define RELATIONS_MAX 128

/* A relation that the target makes under a name. */
struct relation {
    const struct ast_expr *call;
    const char            *name, *text; /* text: of the call, to know it again */
};

/* A step of a program: prose, or code. */
struct cell {
    bool       prose;
    struct buf text;
};
#define CELLS_MAX 256

struct exporter {
    const struct export_request *r;
    struct arena                *arena;
    struct diags                *diags;
    struct source_text           source;
    struct relation              relations[RELATIONS_MAX];
    int                          n_relations, n_watermarked;
    const char                  *secret_params[64]; /* have no default in what is written */
    int                          n_secret_params;
    bool                         creates_tables; /* a table is made before its stream: properties, comment */
    bool                         expects;        /* a table has expectations */
    struct cell                  cells[CELLS_MAX];
    int                          n_cells;
    bool                         failed;
};

/* A cell at the end; never NULL (when there is no room, the last one, and the export fails). */
struct buf *export__cell(struct exporter *x, bool prose);
bool export__refuse(struct exporter *x, struct place at, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);
/* A name of "a,b,c", ignoring case. */
bool export__in_list(const char *list, const char *name);
/* The property of the statement, or NULL. */
const struct ast_property *export__property(const struct ast_statement *s, const char *key);
/* Of a table: properties that the target keeps. */
bool export__keeps(const struct ast_property *p);

/* Makes the edits for a statement's relations; new relations and steps go into cells first (Python forms). */
bool export__edit(struct exporter *x, const struct ast_statement *s, struct edits *edits);
/* `edit` of every query in a condition: IN (SELECT ..), EXISTS (SELECT ..). */
typedef bool export_query_cb(struct exporter *x, const struct ast_query *q, struct edits *edits);
bool         export__each_query(struct exporter *x, const struct ast_expr *condition, export_query_cb *edit,
                                struct edits *edits);

/* python.c: text as Python. */
void export__python_string(const char *text, struct buf *out);
/* An expression for a range of the source: a string, or fill(..) of one. */
void export__python_text(struct exporter *x, struct place range, const struct edits *edits, struct buf *out);
/* ... for a constant argument of a call. False after a diagnostic. */
bool export__python_argument(struct exporter *x, const struct ast_expr *argument, struct buf *out);
bool export__python(struct exporter *x, struct export_output *out);

/* relations.c: Spark's reader for a call, as a Python expression over `spark`. */
bool export__kafka_reader(struct exporter *x, const struct ast_expr *call, struct buf *out);
bool export__files_reader(struct exporter *x, const struct ast_expr *call, struct buf *out);

/* expect.c: rules of a table. Python: the function that the program needs, its call for a frame. */
extern const char export__expect_function[];
void export__expect_python(struct exporter *x, const struct ast_statement *s, const char *frame, struct buf *out);
/* Databricks: the list behind the table's name, with the line's end. */
void export__expect_constraints(struct exporter *x, const struct ast_statement *s, struct buf *out);
/* Plain SQL: what stands before the query (true: something must stand behind it), and behind. */
bool export__expect_before(const struct ast_statement *s, struct buf *out);
void export__expect_behind(struct exporter *x, const struct ast_statement *s, bool grouped, struct buf *out);

/* pipeline.c; the text as a literal of SQL. */
void export__sql_string(const char *text, struct buf *out);
bool export__pipeline(struct exporter *x, struct export_output *out);
bool export__databricks(struct exporter *x, struct export_output *out);

#endif
