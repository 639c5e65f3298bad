/* SPDX-License-Identifier: MIT */
/* Asks a store whether it can be written, so that a start fails with a clear sentence. See store.h. io thread. */
#include <stdio.h>

#include "base/clock.h"
#include "store/store.h"

enum err store_probe(struct store *s, const char *prefix, struct error *e)
{
    char key[1024], id[37];
    uuid_v4(id);
    if (snprintf(key, sizeof key, "%s.probe.%.8s.tmp", prefix, id) >= (int)sizeof key)
        return err_set(e, ERR_LIMIT, "the prefix %.100s is too long", prefix);
    TRY(s->ops->put(s, key, "", 0, e));
    return s->ops->remove(s, key, e);
}
