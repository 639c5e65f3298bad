/* SPDX-License-Identifier: MIT */
/* A Delta log of anybody's making: each commit of the input (split at blank lines) is a version; a Parquet file is the
 * checkpoint of version 3. It may be refused, but it is never believed against its own words: what passes the checks
 * can be appended to. */
#include <stdio.h>
#include <string.h>

#include "delta/checkpoint.h"
#include "delta/snapshot.h"
#include "delta/table.h"

#define VERSIONS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_versions(struct store *store, const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;
    for (int version = 0; data < end && version < VERSIONS_MAX; version++) {
        char           key[64];
        const uint8_t *blank = memmem(data, (size_t)(end - data), "\n\n", 2);
        const uint8_t *stop = blank ? blank + 1 : end;
        snprintf(key, sizeof key, "_delta_log/%020d.json", version);
        CHECK(store->ops->put(store, key, data, (size_t)(stop - data), NULL) == OK);
        data = blank ? blank + 2 : end;
    }
}

static bool can_be_seen(struct store *store)
{
    struct table_snapshot *s;
    struct error           e;
    if (table_snapshot_new(store, &s, &e) != OK)
        return false;
    bool good = table_snapshot_refresh(s, &e) == OK;
    table_snapshot_free(s);
    return good;
}

/* What is written out of it can be read. */
static void look_at_checkpoint(struct store *store, const uint8_t *data, size_t size)
{
    static const char         before[] = "_delta_log/00000000000000000003.checkpoint.parquet";
    static const char         commit[] = "_delta_log/00000000000000000004.json";
    static const char         next[] = "{\"add\":{\"path\":\"f\",\"partitionValues\":{},\"size\":1}}\n";
    struct checkpoint_written done;
    struct error              e;
    CHECK(store->ops->put(store, before, data, size, NULL) == OK);
    CHECK(store->ops->put(store, commit, next, sizeof next - 1, NULL) == OK);
    (void)can_be_seen(store);
    if (delta_checkpoint_write(store, 4, INT64_MAX, 0, &done, &e) != OK)
        return;
    CHECK(store->ops->remove(store, before, NULL) == OK && store->ops->remove(store, commit, NULL) == OK);
    CHECK(can_be_seen(store));
}

static void commit_twice(struct delta_table *t, const struct type *schema)
{
    struct delta_commit c = {.app_id = "a/0",
                             .epoch = 0,
                             .nonce = "fuzz-nonce",
                             .adds = "",
                             .info = "{}",
                             .query_id = "q",
                             .create = true,
                             .schema = schema};
    struct delta_txn    x;
    int64_t             first, second;
    bool                there;
    struct error        e;
    if (delta_table_commit(t, &c, &first, &e) != OK)
        return;
    CHECK(delta_table_txn(t, "a/0", &there, &x, &e) == OK && there && x.epoch == 0 &&
          strcmp(x.nonce, "fuzz-nonce") == 0);
    CHECK(delta_table_commit(t, &c, &second, &e) == OK && second == first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store       *store;
    struct delta_table *t;
    struct arena        arena;
    struct error        e;
    arena_init(&arena, TAG_TEST, 1 << 16);
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true}, {"n", type_of(TYPE_BIGINT), true}};
    const struct type *schema = type_struct(&arena, fields, 2);
    if (schema && store_memory_new(&store, &e) == OK) {
        if (size > 4 && memcmp(data, "PAR1", 4) == 0)
            look_at_checkpoint(store, data, size);
        else
            put_versions(store, data, size);
        if (delta_table_open(store, &t, &e) == OK) {
            (void)delta_table_generation(t, "millrace/q/");
            commit_twice(t, schema);
            delta_table_close(t);
        }
        store->ops->free(store);
    }
    arena_fini(&arena);
    return 0;
}
