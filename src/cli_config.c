/* SPDX-License-Identifier: MIT */
/* millrace config: the settings serve would use, and where each comes from. */
#include <stdio.h>
#include <string.h>

#include "config.h"

static struct config config;
static bool          origin;

static const struct cli_option *config_flags(int *n)
{
    static struct cli_option list[CONFIG_KEYS_MAX + 4];
    const struct cli_option *of_serve = config_options(&config, n);
    memcpy(list, of_serve, (size_t)*n * sizeof *list);
    list[(*n)++] = (struct cli_option){"origin", OPT_FLAG, &origin, "", "say where each value comes from"};
    return list;
}

static int show(int n_words, char **words)
{
    int n;
    if (n_words != 1 || (strcmp(words[0], "show") != 0 && strcmp(words[0], "validate") != 0)) {
        cli_say("config show, or config validate");
        return EXIT_USAGE;
    }
    int code = config_load(&config);
    if (code == EXIT_OK && words[0][0] == 's') {
        const struct api_setting *settings = config_settings(&config, &n);
        for (int i = 0; i < n; i++)
            printf(origin ? "%s = %s  (%s)\n" : "%s = %s\n", settings[i].key, settings[i].value, settings[i].origin);
    } else if (code == EXIT_OK) {
        puts("ok");
    }
    config_free(&config);
    return code;
}

const struct cli_command cli_config = {.name = "config",
                                       .arguments = "show|validate",
                                       .summary = "the settings of serve, and where each is from",
                                       .example = "millrace config show --origin",
                                       .run_many = show,
                                       .options = config_flags};
