/* SPDX-License-Identifier: MIT */
/*
 * config: the settings of `millrace serve`, from one table of keys.
 *
 * A value comes from a flag, else the environment (server.listen is MILLRACE_SERVER__LISTEN), else the file, else its
 * default. `${env:X}` and `${file:path}` stand for a whole value and are resolved last. Everything that is wrong is
 * said
 * in one run, with file, line and column.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "api/api.h"
#include "cli.h"

#define CONFIG_LIST_MAX 64
#define CONFIG_KEYS_MAX 32

struct config_list {
    const char *items[CONFIG_LIST_MAX];
    int         n;
};

struct config {
    const char        *listen, *state_dir, *warehouse, *token_file, *environment, *colour, *log_level;
    bool               insecure, log_json;
    struct config_list hosts, origins, files;
    struct cli_pairs   params;

    /* inside */
    const char        *file; /* -c */
    const char        *flags[CONFIG_KEYS_MAX];
    bool               insecure_flag;
    struct arena       arena;
    bool               loaded;
    struct api_setting settings[CONFIG_KEYS_MAX];
};

/* The flags that set it. */
const struct cli_option *config_options(struct config *c, int *n);
/* Reads file and environment, and checks; EXIT_OK or an exit code after saying what is wrong. */
int config_load(struct config *c);
/* Every key at its default. */
void config_defaults(struct config *c);
/* After config_defaults: one key at another value, which must live as long, and where that comes from. */
void config_set(struct config *c, const char *key, const char *value, const char *origin);
/* Every key with its value (secrets as "***") and where it comes from. */
const struct api_setting *config_settings(struct config *c, int *n);
void                      config_free(struct config *c);

#endif
