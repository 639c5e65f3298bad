/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/diag.h"
#include "base/log.h"

#define FILE_MAX ((size_t)1 << 20)
#define SECRET_FILE_MAX ((size_t)64 << 10)
#define DEFAULT_FILE "millrace.yaml"

enum kind { TEXT, BOOLEAN, LIST };

/* In the order of docs/configuration.md. */
static const struct key {
    const char *name;
    enum kind   kind;
    const char *otherwise; /* default; lists: items with commas */
    size_t      at;        /* in struct config */
    const char *flag, *metavar, *help;
} keys[] = {
    {"server.listen", TEXT, "127.0.0.1:8080", offsetof(struct config, listen), "listen", "HOST:PORT",
     "where to listen (default 127.0.0.1:8080; port 0: any)"},
    {"server.token_file", TEXT, "", offsetof(struct config, token_file), "token-file", "FILE",
     "who may do what; needed off loopback"},
    {"server.insecure_no_auth", BOOLEAN, "false", offsetof(struct config, insecure), "insecure-no-auth", "",
     "listen off loopback without tokens"},
    {"server.allowed_hosts", LIST, "", offsetof(struct config, hosts), NULL, NULL, NULL},
    {"server.allowed_origins", LIST, "", offsetof(struct config, origins), NULL, NULL, NULL},
    {"storage.state_dir", TEXT, "./.millrace", offsetof(struct config, state_dir), "state-dir", "DIR",
     "checkpoints and what runs (default ./.millrace)"},
    {"storage.warehouse", TEXT, "./lake", offsetof(struct config, warehouse), "warehouse", "DIR",
     "tables that name no LOCATION (default ./lake)"},
    {"queries.files", LIST, "", offsetof(struct config, files), NULL, NULL, NULL},
    {"ui.environment", TEXT, "", offsetof(struct config, environment), NULL, NULL, NULL},
    {"ui.colour", TEXT, "", offsetof(struct config, colour), NULL, NULL, NULL},
    {"log.level", TEXT, "info", offsetof(struct config, log_level), NULL, NULL, NULL},
    {"log.json", BOOLEAN, "false", offsetof(struct config, log_json), NULL, NULL, NULL},
};
#define N_KEYS ((int)(sizeof keys / sizeof keys[0]))

struct loading {
    struct config *c;
    const char    *values[N_KEYS], *origins[N_KEYS]; /* texts in the arena; NULL not given */
    const char    *file;
    int            n_wrong;
};

const struct cli_option *config_options(struct config *c, int *n)
{
    static struct cli_option list[N_KEYS + 2];
    *n = 0;
    list[(*n)++] =
        (struct cli_option){"config", OPT_TEXT, &c->file, "FILE", "settings (default ./millrace.yaml, if any)"};
    for (int i = 0; i < N_KEYS; i++) {
        void *value = keys[i].kind == BOOLEAN ? (void *)&c->insecure_flag : (void *)&c->flags[i];
        if (keys[i].flag)
            list[(*n)++] = (struct cli_option){keys[i].flag, keys[i].kind == BOOLEAN ? OPT_FLAG : OPT_TEXT, value,
                                               keys[i].metavar, keys[i].help};
    }
    list[(*n)++] = (struct cli_option){"param", OPT_PAIRS, &c->params, "name=value", "fills ${name} in the files"};
    return list;
}

/* ---- the file ---- */

static void wrong_at(struct loading *l, const yaml_mark_t *at, const char *format, ...) PRINTF_LIKE(3, 4);
static void wrong_at(struct loading *l, const yaml_mark_t *at, const char *format, ...)
{
    char    text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s:%zu:%zu: error: %s\n", l->file, at->line + 1, at->column + 1, text);
    l->n_wrong++;
}

static int find_key(const char *name)
{
    for (int i = 0; i < N_KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return i;
    return -1;
}

static const char *near_key(const char *name)
{
    const char *names[N_KEYS];
    for (int i = 0; i < N_KEYS; i++)
        names[i] = keys[i].name;
    return nearest_name(name, names, N_KEYS);
}

static const char *scalar(const yaml_node_t *n) { return (const char *)n->data.scalar.value; }

static void take_list(struct loading *l, yaml_document_t *d, const yaml_node_t *n, int key)
{
    struct buf text;
    buf_init(&text, TAG_PROCESS, FILE_MAX);
    for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(d, *i);
        if (item->type != YAML_SCALAR_NODE)
            wrong_at(l, &item->start_mark, "%s is a list of texts", keys[key].name);
        else
            buf_printf(&text, "%s%s", text.size ? "," : "", scalar(item));
    }
    l->values[key] = arena_strdup(&l->c->arena, buf_text(&text));
    buf_fini(&text);
}

static void take_value(struct loading *l, yaml_document_t *d, const yaml_node_t *n, const yaml_node_t *name_node,
                       const char *name)
{
    int key = find_key(name);
    if (key < 0) {
        const char *near = near_key(name);
        wrong_at(l, &name_node->start_mark, "unknown key %s%s%s%s", name, near ? "; did you mean " : "",
                 near ? near : "", near ? "?" : "");
        return;
    }
    if (l->values[key])
        wrong_at(l, &name_node->start_mark, "%s is given twice", name);
    if (n->type == YAML_SEQUENCE_NODE && keys[key].kind == LIST)
        take_list(l, d, n, key);
    else if (n->type == YAML_SCALAR_NODE && keys[key].kind != LIST)
        l->values[key] = arena_strdup(&l->c->arena, scalar(n));
    else
        wrong_at(l, &n->start_mark, "%s is %s", name, keys[key].kind == LIST ? "a list" : "one value");
    l->origins[key] = arena_printf(&l->c->arena, "%s:%zu", l->file, n->start_mark.line + 1);
}

static void take_section(struct loading *l, yaml_document_t *d, const yaml_node_t *section, const char *name)
{
    if (section->type != YAML_MAPPING_NODE) {
        wrong_at(l, &section->start_mark, "%s is a section with keys", name);
        return;
    }
    for (yaml_node_pair_t *p = section->data.mapping.pairs.start; p < section->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(d, p->key);
        char               full[200];
        snprintf(full, sizeof full, "%s.%s", name, key->type == YAML_SCALAR_NODE ? scalar(key) : "?");
        take_value(l, d, yaml_document_get_node(d, p->value), key, full);
    }
}

static void take_document(struct loading *l, yaml_document_t *d)
{
    const yaml_node_t *root = yaml_document_get_root_node(d);
    if (!root || (root->type == YAML_SCALAR_NODE && !scalar(root)[0]))
        return; /* empty */
    if (root->type != YAML_MAPPING_NODE) {
        wrong_at(l, &root->start_mark, "the file is made of sections: server:, storage:, ..");
        return;
    }
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
        const yaml_node_t       *key = yaml_document_get_node(d, p->key);
        static const char *const sections[] = {"server", "storage", "queries", "ui", "log"};
        const char              *name = key->type == YAML_SCALAR_NODE ? scalar(key) : "?", *near;
        bool                     known = false;
        for (int i = 0; i < 5; i++)
            known = known || strcmp(sections[i], name) == 0;
        if (known) {
            take_section(l, d, yaml_document_get_node(d, p->value), name);
            continue;
        }
        near = nearest_name(name, sections, 5);
        wrong_at(l, &key->start_mark, "unknown section %s%s%s%s", name, near ? "; did you mean " : "", near ? near : "",
                 near ? "?" : "");
    }
}

static int read_file(struct loading *l)
{
    struct buf      text;
    struct error    e;
    yaml_parser_t   parser;
    yaml_document_t document;
    l->file = l->c->file ? l->c->file : DEFAULT_FILE;
    if (!l->c->file && access(DEFAULT_FILE, F_OK) != 0)
        return EXIT_OK;
    enum err rc = cli_read_file(l->file, FILE_MAX, &text, &e);
    if (rc != OK) {
        cli_say("%s", e.text);
        buf_fini(&text);
        return cli_exit_code(rc);
    }
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, text.data ? text.data : (const uint8_t *)"", text.size);
    if (!yaml_parser_load(&parser, &document)) {
        wrong_at(l, &parser.problem_mark, "%s", parser.problem);
    } else {
        take_document(l, &document);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    buf_fini(&text);
    return l->n_wrong ? EXIT_CONFIG : EXIT_OK;
}

/* ---- the environment ---- */

extern char **environ;

/* MILLRACE_SERVER__LISTEN=x is server.listen. Only names with two underscores are ours to judge. */
static void take_variable(struct loading *l, const char *variable)
{
    char        name[200];
    size_t      n = 0;
    const char *equal = strchr(variable, '='), *from = variable + strlen("MILLRACE_");
    for (; from < equal && n < sizeof name - 1; from++) {
        if (from[0] == '_' && from[1] == '_') {
            name[n++] = '.';
            from++;
        } else {
            name[n++] = (char)tolower((unsigned char)*from);
        }
    }
    name[n] = 0;
    if (!strchr(name, '.'))
        return;
    int key = find_key(name);
    if (key < 0) {
        const char *near = near_key(name);
        cli_say("%.*s: unknown key %s%s%s%s", (int)(equal - variable), variable, name, near ? "; did you mean " : "",
                near ? near : "", near ? "?" : "");
        l->n_wrong++;
        return;
    }
    l->values[key] = equal + 1;
    l->origins[key] = arena_printf(&l->c->arena, "env %.*s", (int)(equal - variable), variable);
}

/* ---- references ---- */

static const char *resolve(struct loading *l, int key, const char *value)
{
    size_t n = strlen(value);
    if (strncmp(value, "${", 2) != 0 || n < 4 || value[n - 1] != '}')
        return value;
    const char  *inside = arena_strndup(&l->c->arena, value + 2, n - 3);
    struct buf   text;
    struct error e;
    if (strncmp(inside, "env:", 4) == 0) {
        const char *got = getenv(inside + 4);
        if (got)
            return got;
        cli_say("%s: %s is not set", keys[key].name, value);
    } else if (strncmp(inside, "file:", 5) == 0) {
        enum err rc = cli_read_file(inside + 5, SECRET_FILE_MAX, &text, &e);
        while (text.size && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
            text.size--;
        const char *got = rc == OK ? arena_strdup(&l->c->arena, buf_text(&text)) : NULL;
        buf_fini(&text);
        if (got)
            return got;
        cli_say("%s: %s", keys[key].name, e.text);
    } else {
        cli_say("%s: %s is neither ${env:NAME} nor ${file:path}", keys[key].name, value);
    }
    l->n_wrong++;
    return value;
}

/* ---- all of it ---- */

static void set_list(struct config *c, struct config_list *list, const char *text)
{
    char *copy = arena_strdup(&c->arena, text), *rest = NULL;
    list->n = 0;
    for (char *item = strtok_r(copy, ",", &rest); item && list->n < CONFIG_LIST_MAX; item = strtok_r(NULL, ",", &rest))
        list->items[list->n++] = item;
}

static void set(struct loading *l, int key, const char *value)
{
    struct config *c = l->c;
    void          *to = (uint8_t *)c + keys[key].at;
    bool           yes = strcmp(value, "true") == 0;
    switch (keys[key].kind) {
    case TEXT:
        *(const char **)to = value[0] ? value : NULL;
        break;
    case BOOLEAN:
        *(bool *)to = yes;
        if (!yes && strcmp(value, "false") != 0) {
            cli_say("%s is true or false, not \"%s\" (%s)", keys[key].name, value, l->origins[key]);
            l->n_wrong++;
        }
        break;
    case LIST:
        set_list(c, to, value);
        break;
    }
}

static void set_log(struct loading *l)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(levels[i], l->c->log_level) == 0) {
            log_setup(getenv("MILLRACE_DEBUG") ? LOG_DEBUG : (enum log_level)i, l->c->log_json);
            return;
        }
    cli_say("log.level is debug, info, warn or error, not \"%s\"", l->c->log_level);
    l->n_wrong++;
}

void config_defaults(struct config *c)
{
    struct loading l = {.c = c};
    arena_init(&c->arena, TAG_PROCESS, (size_t)16 << 20);
    c->loaded = true;
    for (int i = 0; i < N_KEYS; i++) {
        c->settings[i] = (struct api_setting){.key = keys[i].name, .value = keys[i].otherwise, .origin = "default"};
        set(&l, i, keys[i].otherwise);
    }
}

void config_set(struct config *c, const char *key, const char *value, const char *origin)
{
    struct loading l = {.c = c};
    int            i = 0;
    while (strcmp(keys[i].name, key) != 0)
        CHECK(++i < N_KEYS);
    c->settings[i] = (struct api_setting){.key = key, .value = value, .origin = origin};
    set(&l, i, value);
}

int config_load(struct config *c)
{
    struct loading l = {.c = c};
    arena_init(&c->arena, TAG_PROCESS, (size_t)16 << 20);
    c->loaded = true;
    int code = read_file(&l);
    if (code != EXIT_OK)
        return code;
    for (char **v = environ; *v; v++)
        if (strncmp(*v, "MILLRACE_", 9) == 0 && strchr(*v, '='))
            take_variable(&l, *v);
    for (int i = 0; i < N_KEYS; i++) {
        const char *flag = keys[i].kind != BOOLEAN ? c->flags[i] : keys[i].flag && c->insecure_flag ? "true" : NULL;
        if (flag) {
            l.values[i] = flag;
            l.origins[i] = arena_printf(&c->arena, "--%s", keys[i].flag);
        }
        const char *shown = l.values[i] ? l.values[i] : keys[i].otherwise;
        l.origins[i] = l.origins[i] ? l.origins[i] : "default";
        c->settings[i] = (struct api_setting){.key = keys[i].name, .value = shown, .origin = l.origins[i]};
        set(&l, i, resolve(&l, i, shown));
    }
    set_log(&l);
    return l.n_wrong ? EXIT_CONFIG : EXIT_OK;
}

const struct api_setting *config_settings(struct config *c, int *n)
{
    *n = N_KEYS;
    return c->settings;
}

void config_free(struct config *c)
{
    if (c->loaded)
        arena_fini(&c->arena);
    c->loaded = false;
}
