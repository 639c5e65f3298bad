/* SPDX-License-Identifier: MIT */
/*
 * run_sql: the case files of this folder: timed records in, a query, expected rows out.
 *
 *   run_sql [--write] PATH..     a path is a .case file or a folder of them; --write puts the answers into the files
 *
 * How a file looks is told in docs/contributing.md. A file is rendered: what is given is copied, what came out stands
 * behind it; the test is that the rendered file is the file. Each is rendered twice, the second time with every record
 * in a batch of its own and a restart from the saved state at every barrier: nothing may change.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "memory_query.h"
#include "text/zone.h"

#define FILE_LIMIT ((size_t)16 << 20)
#define NO_DATA_MAX 100 /* closing epochs in a row: more would never end */

enum place_in_file { TOP, GIVEN, QUERY, EPOCH, EVAL };

struct rendering {
    struct buf          *out;
    enum memory_mode     mode;
    const char          *base_dir;
    enum place_in_file   at;
    struct buf           given, query;
    struct memory_query *running;
    int                  n_cases, n_evals;
};

static bool starts(const char *line, const char *with) { return strncmp(line, with, strlen(with)) == 0; }

/* ---- cases ---- */

static bool is_answer(const char *line)
{
    return starts(line, "> ") || starts(line, "late> ") || starts(line, "rejected> ") || starts(line, "quarantine> ") ||
           starts(line, "! ") || starts(line, "=") || strcmp(line, "no-data") == 0;
}

/* The views on one line, so that the query starts on line 2 in messages. */
static void build_sql(const struct rendering *r, const char *query, struct buf *sql)
{
    bool whole = strncasecmp(query, "CREATE", 6) == 0;
    buf_clear(sql);
    buf_put(sql, r->given.data, r->given.size);
    buf_printf(sql, "%s\n%s", whole ? "" : "CREATE STREAMING TABLE t AS", query);
}

static void open_query(struct rendering *r)
{
    struct buf sql, errors;
    buf_init(&sql, TAG_TEST, FILE_LIMIT);
    buf_init(&errors, TAG_TEST, FILE_LIMIT);
    build_sql(r, buf_text(&r->query), &sql);
    r->running = memory_query_new(buf_text(&sql), r->base_dir, r->mode, &errors);
    char *text = (char *)(uintptr_t)buf_text(&errors), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (line[0] == ' ' || starts(line, "sql:")) /* not the count at the end */
            buf_printf(r->out, "! %s\n", line);
    buf_fini(&sql);
    buf_fini(&errors);
}

static void end_case(struct rendering *r)
{
    if (r->at == QUERY) { /* without epochs: what the binder says */
        open_query(r);
        if (r->running)
            buf_puts(r->out, "= accepted\n");
    } else if (r->at == EPOCH && r->running) {
        bool due = memory_query_barrier(r->running, r->out);
        for (int i = 0; due && i < NO_DATA_MAX; i++) {
            buf_puts(r->out, "no-data\n");
            due = memory_query_barrier(r->running, r->out);
        }
    }
    memory_query_free(r->running);
    r->running = NULL;
    r->at = TOP;
}

/* "< value", or "<topic/2 value", "<topic/2 key=k value"; the value NULL is none. */
static void give_record(struct rendering *r, char *line)
{
    char *topic = NULL, *key = NULL, *at = line + 1;
    int   partition = 0;
    if (*at != ' ') {
        topic = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
        char *slash = strchr(topic, '/');
        if (slash) {
            *slash = 0;
            partition = atoi(slash + 1);
        }
    } else {
        at++;
    }
    if (starts(at, "key=")) {
        key = at + 4;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    memory_query_record(r->running, topic, partition, key, strcmp(at, "NULL") == 0 ? NULL : at);
}

static void epoch_line(struct rendering *r, char *line)
{
    bool first = r->at == QUERY;
    r->at = EPOCH;
    if (starts(line, "epoch")) {
        if (first)
            open_query(r);
        else if (r->running)
            memory_query_barrier(r->running, r->out);
        if (r->running && strcmp(line, "epoch idle") == 0)
            memory_query_idle(r->running);
        buf_printf(r->out, "%s\n", line);
        return;
    }
    buf_printf(r->out, "%s\n", line);
    if (line[0] == '<' && r->running)
        give_record(r, line);
}

/* ---- single expressions ---- */

static void eval_answer(struct rendering *r, const char *expression, struct buf *answer)
{
    struct buf           sql, out;
    struct memory_query *q;
    buf_init(&sql, TAG_TEST, FILE_LIMIT);
    buf_init(&out, TAG_TEST, FILE_LIMIT);
    buf_printf(&sql,
               "CREATE STREAMING TABLE t AS SELECT\n%s\nAS x FROM STREAM read_kafka(bootstrapServers => 'x:1', "
               "subscribe => 't')",
               expression);
    q = memory_query_new(buf_text(&sql), r->base_dir, r->mode, &out);
    if (!q) { /* "sql:2:1: error[..] text" */
        const char *text = strstr(buf_text(&out), "error[");
        buf_printf(answer, "! %.*s", (int)strcspn(text ? text : "", "\n"), text ? text : "");
    } else {
        memory_query_record(q, NULL, 0, "key", "{\"a\":1}");
        memory_query_barrier(q, &out);
        const char *text = buf_text(&out);
        int         n = (int)strcspn(text, "\n");
        if (starts(text, "! "))
            buf_printf(answer, "%.*s", n, text);
        else /* > {"x":1} */
            buf_printf(answer, "%s %.*s", memory_query_type(q, &sql), n - 8, text + 7);
    }
    memory_query_free(q);
    buf_fini(&sql);
    buf_fini(&out);
}

static void eval_line(struct rendering *r, char *line)
{
    if (starts(line, "--")) {
        buf_printf(r->out, "%s\n", line);
        return;
    }
    char *cut = NULL;
    for (char *at = line; (at = strstr(at, " =>")); at++) /* the last one */
        cut = at;
    if (cut)
        *cut = 0;
    struct buf answer;
    buf_init(&answer, TAG_TEST, FILE_LIMIT);
    eval_answer(r, line, &answer);
    buf_printf(r->out, "%s => %s\n", line, buf_text(&answer));
    buf_fini(&answer);
    r->n_evals++;
}

/* ---- a file ---- */

static void render_line(struct rendering *r, char *line)
{
    if (*line == 0) {
        end_case(r);
        buf_puts(r->out, "\n");
        return;
    }
    if (r->at == EVAL) {
        eval_line(r, line);
        return;
    }
    if ((r->at == QUERY || r->at == EPOCH) && is_answer(line))
        return;
    if (r->at == EPOCH || (r->at == QUERY && starts(line, "epoch"))) {
        epoch_line(r, line);
        return;
    }
    buf_printf(r->out, "%s\n", line);
    if (r->at == QUERY) {
        buf_printf(&r->query, "%s\n", line);
    } else if (r->at == GIVEN) {
        buf_printf(&r->given, "%s ", line);
    } else if (strcmp(line, "given") == 0) {
        buf_clear(&r->given);
        r->at = GIVEN;
    } else if (strcmp(line, "eval") == 0) {
        r->at = EVAL;
    } else if (starts(line, "case ")) {
        buf_clear(&r->query);
        r->at = QUERY;
        r->n_cases++;
    }
}

static void render(struct rendering *r, const char *text)
{
    char *copy = mem_strdup(TAG_TEST, text), *line = copy;
    buf_init(&r->given, TAG_TEST, FILE_LIMIT);
    buf_init(&r->query, TAG_TEST, FILE_LIMIT);
    while (line && *line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        render_line(r, line);
        line = end ? end + 1 : NULL;
    }
    end_case(r);
    buf_fini(&r->given);
    buf_fini(&r->query);
    mem_free(copy);
}

/* At most n lines, each with a mark in front. */
static void print_lines(const char *text, char mark, int n)
{
    for (; *text && n > 0; n--) {
        int length = (int)strcspn(text, "\n");
        printf("  %c %.*s\n", mark, length, text);
        text += length + (text[length] == '\n');
    }
}

/* Says where two renderings part, and how each goes on. */
static bool same(const char *path, const char *what, const char *expected, const char *got)
{
    char   name[256] = "";
    int    line = 1;
    size_t n;
    if (strcmp(expected, got) == 0)
        return true;
    for (; (n = strcspn(expected, "\n")) == strcspn(got, "\n") && memcmp(expected, got, n) == 0; line++) {
        if (starts(expected, "case "))
            snprintf(name, sizeof name, "%.*s", (int)n, expected);
        expected += n + (expected[n] != 0);
        got += n + (got[n] != 0);
    }
    printf("%s:%d: %s: %s\n", path, line, name, what);
    print_lines(expected, '-', 4);
    print_lines(got, '+', 4);
    return false;
}

static bool read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char  part[4096];
    if (!file)
        return false;
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
        buf_put(out, part, n);
    fclose(file);
    return true;
}

static bool write_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "wb");
    bool  ok = file && fwrite(buf_text(text), 1, text->size, file) == text->size;
    return file && fclose(file) == 0 && ok;
}

static bool run_file(const char *path, bool write, int *n_cases, int *n_evals)
{
    struct buf       text, out, again;
    char             folder[4096];
    const char      *slash = strrchr(path, '/');
    struct rendering first = {.out = &out, .mode = MEMORY_STRAIGHT, .base_dir = folder};
    struct rendering second = {.out = &again, .mode = MEMORY_RESTART, .base_dir = folder};
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    buf_init(&text, TAG_TEST, FILE_LIMIT);
    buf_init(&out, TAG_TEST, FILE_LIMIT);
    buf_init(&again, TAG_TEST, FILE_LIMIT);
    bool ok = read_file(path, &text);
    if (!ok)
        perror(path);
    if (ok) {
        render(&first, buf_text(&text));
        render(&second, buf_text(&text));
        if (write && strcmp(buf_text(&text), buf_text(&out)) != 0)
            ok = write_file(path, &out);
        else if (!write)
            ok = same(path, "expected (-), came out (+)", buf_text(&text), buf_text(&out));
        ok = same(path, "straight (-), restarted at each barrier (+)", buf_text(&out), buf_text(&again)) && ok;
    }
    *n_cases += first.n_cases;
    *n_evals += first.n_evals;
    buf_fini(&text);
    buf_fini(&out);
    buf_fini(&again);
    return ok;
}

static int is_case_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".case") == 0;
}

static bool run_path(const char *path, bool write, int *n_cases, int *n_evals)
{
    struct stat     about;
    struct dirent **entries;
    bool            ok = true;
    char            name[4096];
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return run_file(path, write, n_cases, n_evals);
    int n = scandir(path, &entries, is_case_file, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        ok = run_file(name, write, n_cases, n_evals) && ok;
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ok && n > 0;
}

int main(int argc, char **argv)
{
    int  n_cases = 0, n_evals = 0, from = 1;
    bool ok = true, write = argc > 1 && strcmp(argv[1], "--write") == 0;
    for (int i = from + write; i < argc; i++)
        ok = run_path(argv[i], write, &n_cases, &n_evals) && ok;
    zones_free();
    for (int tag = 0; tag < ALLOC_N_TAGS; tag++)
        if (alloc_bytes((enum alloc_tag)tag) != 0) {
            printf("%lld bytes of %s are not freed\n", (long long)alloc_bytes((enum alloc_tag)tag),
                   alloc_tag_name((enum alloc_tag)tag));
            ok = false;
        }
    printf("%d cases, %d expressions\n", n_cases, n_evals);
    return ok && n_cases + n_evals > 0 ? 0 : 1;
}
