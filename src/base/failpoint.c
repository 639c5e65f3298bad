/* SPDX-License-Identifier: MIT */
#include "base/failpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINTS_MAX 16

enum action { ACT_KILL, ACT_ERROR, ACT_SLEEP };

static struct point {
    char        name[64];
    enum action action;
    int         sleep_ms;
    int         only; /* 0 = every arrival */
    atomic_int  arrivals;
} points[POINTS_MAX];
static int n_points;
bool       failpoint_armed;

static enum err parse_one(char *entry, const struct failpoint_name *names, int n_names, struct error *e)
{
    char *action = strchr(entry, '=');
    if (!action || n_points == POINTS_MAX || action - entry >= (int)sizeof points[0].name)
        return err_set(e, ERR_INVALID, "failpoint \"%s\" is not name=action", entry);
    *action++ = 0;
    int known = 0;
    while (known < n_names && strcmp(names[known].name, entry) != 0)
        known++;
    if (names && known == n_names)
        return err_set(e, ERR_INVALID, "no failpoint is called \"%s\"; see: millrace help failpoints", entry);
    struct point *p = &points[n_points];
    char         *only = strchr(action, '@');
    if (only) {
        *only++ = 0;
        p->only = atoi(only);
    }
    if (strcmp(action, "kill") == 0)
        p->action = ACT_KILL;
    else if (strcmp(action, "error") == 0)
        p->action = ACT_ERROR;
    else if (strncmp(action, "sleep:", 6) == 0)
        p->action = ACT_SLEEP, p->sleep_ms = atoi(action + 6);
    else
        return err_set(e, ERR_INVALID, "failpoint action \"%s\" is not kill, error or sleep:MS", action);
    snprintf(p->name, sizeof p->name, "%s", entry);
    n_points++;
    return OK;
}

enum err failpoint_setup(const char *spec, const struct failpoint_name *names, int n_names, struct error *e)
{
    char  copy[1024];
    char *rest = copy, *entry;
    if (!spec || !*spec)
        return OK;
    if (strlen(spec) >= sizeof copy)
        return err_set(e, ERR_INVALID, "failpoints: more than %zu characters", sizeof copy);
    strcpy(copy, spec);
    while ((entry = strsep(&rest, ",")))
        TRY(parse_one(entry, names, n_names, e));
    failpoint_armed = n_points > 0;
    return OK;
}

enum err failpoint_hit(const char *name, struct error *e)
{
    for (int i = 0; i < n_points; i++) {
        struct point *p = &points[i];
        if (strcmp(p->name, name) != 0)
            continue;
        int arrival = atomic_fetch_add(&p->arrivals, 1) + 1;
        if (p->only && arrival != p->only)
            continue;
        if (p->action == ACT_KILL)
            kill(getpid(), SIGKILL);
        else if (p->action == ACT_SLEEP)
            usleep((useconds_t)p->sleep_ms * 1000);
        else {
            enum err rc = err_set(e, ERR_IO, "failpoint %s", name);
            if (e)
                e->retry = true;
            return rc;
        }
    }
    return OK;
}
