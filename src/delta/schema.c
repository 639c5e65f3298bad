/* SPDX-License-Identifier: MIT */
/* The schema and the properties of a Delta table: as JSON, what may be made, what may be appended. See table.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "delta/log.h"
#include "delta/table.h"
#include "json/doc.h"
#include "json/write.h"

/* ---- schema as JSON ---- */

/* "decimal(10,2)" is written into `room`. */
static const char *delta_name(const struct type *t, char room[24])
{
    static const char *const names[] = {
#define DELTA_NAME(kind, sql, delta, width) delta,
        TYPE_KINDS(DELTA_NAME)
#undef DELTA_NAME
    };
    if (t->kind != TYPE_DECIMAL)
        return names[t->kind];
    snprintf(room, 24, "%s(%d,%d)", names[t->kind], t->precision, t->scale);
    return room;
}

static void put_type(const struct type *t, struct json_writer *w);

static void put_list(const struct type *t, struct json_writer *w)
{
    bool map = t->kind == TYPE_MAP;
    json_begin_object(w);
    json_member_string(w, "type", map ? "map" : "array");
    if (map) {
        json_key(w, "keyType");
        put_type(t->fields[0].type, w);
    }
    json_key(w, map ? "valueType" : "elementType");
    put_type(t->fields[map].type, w);
    json_member_bool(w, map ? "valueContainsNull" : "containsNull", true);
    json_end_object(w);
}

static void put_type(const struct type *t, struct json_writer *w)
{
    char room[24];
    if (t->kind == TYPE_ARRAY || t->kind == TYPE_MAP) {
        put_list(t, w);
        return;
    }
    if (t->kind != TYPE_STRUCT) {
        json_put_string(w, delta_name(t, room));
        return;
    }
    json_begin_object(w);
    json_member_string(w, "type", "struct");
    json_key(w, "fields");
    json_begin_array(w);
    for (int i = 0; i < t->n_fields; i++) {
        json_begin_object(w);
        json_member_string(w, "name", t->fields[i].name);
        json_key(w, "type");
        put_type(t->fields[i].type, w);
        json_member_bool(w, "nullable", true);
        json_key(w, "metadata");
        json_begin_object(w);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void delta_schema_json(const struct type *schema, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    put_type(schema, &w);
}

/* ---- may it be made? ---- */

static enum err check_names(const struct type *t, struct error *e);

static enum err check_nested_names(const struct type *t, struct error *e)
{
    if (t->kind == TYPE_STRUCT)
        return check_names(t, e);
    for (int i = 0; i < (t->kind == TYPE_MAP ? 2 : t->kind == TYPE_ARRAY); i++)
        TRY(check_nested_names(t->fields[i].type, e));
    return OK;
}

static enum err check_names(const struct type *t, struct error *e)
{
    for (int i = 0; i < t->n_fields; i++) {
        const char *name = t->fields[i].name;
        if (!*name || strpbrk(name, " ,;{}()\n\t="))
            return err_set(e, ERR_INVALID,
                           "Delta refuses the column name \"%s\" (blank , ; { } ( ) = tab or newline): alias it", name);
        if (type_field_index(t, name) == -2)
            return err_set(e, ERR_INVALID, "the column name \"%s\" is there twice (case ignored): alias one of them",
                           name);
        TRY(check_nested_names(t->fields[i].type, e));
    }
    return OK;
}

static bool is_partition_kind(enum type_kind kind)
{
    static const enum type_kind kinds[] = {TYPE_BOOLEAN, TYPE_TINYINT, TYPE_SMALLINT, TYPE_INT,
                                           TYPE_BIGINT,  TYPE_DECIMAL, TYPE_FLOAT,    TYPE_DOUBLE,
                                           TYPE_STRING,  TYPE_DATE,    TYPE_TIMESTAMP};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

enum err delta_schema_check(const struct type *schema, const char *const *partition_by, int n_partition_by,
                            struct error *e)
{
    TRY(check_names(schema, e));
    for (int i = 0; i < n_partition_by; i++) {
        int at = type_field_index(schema, partition_by[i]);
        if (at < 0)
            return err_set(e, ERR_INVALID, "the partition column \"%s\" is not in the table", partition_by[i]);
        if (!is_partition_kind(schema->fields[at].type->kind))
            return err_set(e, ERR_UNSUPPORTED, "a table cannot be partitioned by \"%s\" of type %s", partition_by[i],
                           type_kind_name(schema->fields[at].type->kind));
        for (int k = 0; k < i; k++)
            if (strcasecmp(partition_by[k], partition_by[i]) == 0)
                return err_set(e, ERR_INVALID, "the partition column \"%s\" is named twice", partition_by[i]);
    }
    if (n_partition_by >= schema->n_fields)
        return err_set(e, ERR_INVALID, "a table needs a column that is no partition column");
    return OK;
}

/* Properties that neither need a newer protocol nor bind an appending writer. */
static const char *const harmless[] = {"delta.appendOnly",
                                       "delta.autoOptimize.",
                                       "delta.checkpoint.",
                                       "delta.checkpointInterval",
                                       "delta.checkpointRetentionDuration",
                                       "delta.dataSkippingNumIndexedCols",
                                       "delta.dataSkippingStatsColumns",
                                       "delta.deletedFileRetentionDuration",
                                       "delta.enableExpiredLogCleanup",
                                       "delta.isolationLevel",
                                       "delta.logRetentionDuration",
                                       "delta.parquet.compression.codec",
                                       "delta.randomizeFilePrefixes",
                                       "delta.randomPrefixLength",
                                       "delta.sampleRetentionDuration",
                                       "delta.targetFileSize",
                                       "delta.tuneFileSizesForRewrites"};

enum err delta_property_check(const char *key, const char *value, struct error *e)
{
    if (strncmp(key, "delta.", 6) != 0)
        return OK;
    if (strcmp(key, "delta.checkpointInterval") == 0 &&
        (strspn(value, "0123456789") != strlen(value) || atoi(value) < 1))
        return err_set(e, ERR_INVALID, "the table property %s = %s is not a whole number from 1 on", key, value);
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        size_t n = strlen(harmless[i]);
        if (strncmp(key, harmless[i], n) == 0 && (key[n] == 0 || harmless[i][n - 1] == '.'))
            return OK;
    }
    if (strcasecmp(value, "false") == 0 || strcasecmp(value, "none") == 0)
        return OK; /* switched off is what we do anyway */
    return err_set(e, ERR_UNSUPPORTED,
                   "the table property %s = %s needs more than protocol (1,2), which millrace writes", key, value);
}

/* ---- may we append? ---- */

static enum err same_fields(const struct json_value *fields, const struct type *schema, const char *where,
                            struct error *e);

static enum err same_type(const struct json_value *written, const struct type *t, const char *name, struct error *e)
{
    char        room[24];
    const char *text = json_as_string(written);
    if (text && t->kind != TYPE_STRUCT && strcmp(text, delta_name(t, room)) == 0)
        return OK;
    const char *kind = json_get_string(written, "type");
    if (kind && strcmp(kind, "array") == 0 && t->kind == TYPE_ARRAY)
        return same_type(json_get(written, "elementType"), t->fields[0].type, name, e);
    if (kind && strcmp(kind, "map") == 0 && t->kind == TYPE_MAP) {
        TRY(same_type(json_get(written, "keyType"), t->fields[0].type, name, e));
        return same_type(json_get(written, "valueType"), t->fields[1].type, name, e);
    }
    if (!text && t->kind == TYPE_STRUCT && json_get(written, "fields"))
        return same_fields(json_get(written, "fields"), t, name, e);
    return err_set(e, ERR_CONFLICT, "column \"%s\" is %s in the table and %s in the query", name,
                   text ? text : "another type", delta_name(t, room));
}

static enum err same_fields(const struct json_value *fields, const struct type *schema, const char *where,
                            struct error *e)
{
    size_t n = json_size(fields);
    for (int i = 0; i < schema->n_fields; i++) {
        const struct json_value *found = NULL;
        for (size_t k = 0; k < n; k++) {
            const char *name = json_get_string(json_at(fields, k), "name");
            if (name && strcmp(name, schema->fields[i].name) == 0)
                found = json_at(fields, k);
            else if (name && strcasecmp(name, schema->fields[i].name) == 0)
                return err_set(e, ERR_CONFLICT, "column \"%s\" is written \"%s\" in the table", schema->fields[i].name,
                               name);
        }
        if (!found)
            return err_set(e, ERR_CONFLICT, "column \"%s\" is not in the table%s%s", schema->fields[i].name,
                           where ? " in " : "", where ? where : "");
        if (!json_get_bool(found, "nullable", true))
            return err_set(e, ERR_UNSUPPORTED,
                           "column \"%s\" of the table must not be NULL, which millrace cannot check yet",
                           schema->fields[i].name);
        TRY(same_type(json_get(found, "type"), schema->fields[i].type, schema->fields[i].name, e));
    }
    for (size_t k = 0; k < n; k++) {
        const struct json_value *f = json_at(fields, k);
        const char              *name = json_get_string(f, "name");
        if (name && type_field_index(schema, name) < 0 && !json_get_bool(f, "nullable", true))
            return err_set(e, ERR_CONFLICT,
                           "column \"%s\" of the table must not be NULL, and the query does not have it", name);
    }
    return OK;
}

static enum err same_partitions(const struct delta_log *l, const char *const *by, int n, struct error *e)
{
    const struct json_value *columns = json_get(l->metadata, "partitionColumns");
    bool                     same = (size_t)n == json_size(columns);
    for (int i = 0; same && i < n; i++)
        same = strcmp(by[i], json_as_string(json_at(columns, (size_t)i)) ? json_as_string(json_at(columns, (size_t)i))
                                                                         : "") == 0;
    return same ? OK : err_set(e, ERR_CONFLICT, "the table is partitioned by other columns than the query asks for");
}

enum err delta_table_check(const struct delta_table *t, const struct type *schema, const char *const *partition_by,
                           int n_partition_by, struct error *e)
{
    const struct delta_log *l = (const struct delta_log *)t;
    struct json_value      *doc = NULL;
    if (l->version < 0)
        return delta_schema_check(schema, partition_by, n_partition_by, e);
    TRY(delta_log_check_writable(l, e));
    const char *text = json_get_string(l->metadata, "schemaString");
    TRY(json_doc_parse(text ? text : "", text ? strlen(text) : 0, &doc, e));
    enum err rc = same_fields(json_get(doc, "fields"), schema, NULL, e);
    json_doc_free(doc);
    return rc == OK ? same_partitions(l, partition_by, n_partition_by, e) : rc;
}
