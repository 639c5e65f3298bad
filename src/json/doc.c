/* SPDX-License-Identifier: MIT */
#define json_get_string jansson_get_string_unused /* none in jansson; keep our names clear */
#include <jansson.h>
#undef json_get_string
#undef json_is_object
#undef json_is_array

#include "json/doc.h"

static json_t *jansson(const struct json_value *v) { return (json_t *)(uintptr_t)v; }

static const struct json_value *ours(const json_t *v) { return (const struct json_value *)(uintptr_t)v; }

enum err json_doc_parse(const char *text, size_t n, struct json_value **out, struct error *e)
{
    json_error_t why;
    json_t      *root = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    *out = (struct json_value *)(uintptr_t)root;
    return root ? OK : err_set(e, ERR_INVALID, "line %d column %d: %s", why.line, why.column, why.text);
}

void json_doc_free(struct json_value *root) { json_decref(jansson(root)); }

const struct json_value *json_get(const struct json_value *object, const char *key)
{
    return ours(json_object_get(jansson(object), key));
}

const char *json_get_string(const struct json_value *object, const char *key)
{
    return json_as_string(json_get(object, key));
}

int64_t json_get_int(const struct json_value *object, const char *key, int64_t otherwise)
{
    return json_as_int(json_get(object, key), otherwise);
}

bool json_get_bool(const struct json_value *object, const char *key, bool otherwise)
{
    const json_t *v = json_object_get(jansson(object), key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

bool json_is_object(const struct json_value *v) { return v && json_typeof(jansson(v)) == JSON_OBJECT; }

bool json_is_array(const struct json_value *v) { return v && json_typeof(jansson(v)) == JSON_ARRAY; }

bool json_is_int(const struct json_value *v) { return v && json_is_integer(jansson(v)); }

bool json_is_bool(const struct json_value *v) { return v && json_is_boolean(jansson(v)); }

bool json_is_null_value(const struct json_value *v) { return v && json_is_null(jansson(v)); }

const char *json_as_string(const struct json_value *v) { return json_string_value(jansson(v)); }

int64_t json_as_int(const struct json_value *v, int64_t otherwise)
{
    return v && json_is_integer(jansson(v)) ? json_integer_value(jansson(v)) : otherwise;
}

double json_as_double(const struct json_value *v, double otherwise)
{
    return v && json_is_number(jansson(v)) ? json_number_value(jansson(v)) : otherwise;
}

size_t json_size(const struct json_value *v)
{
    return json_is_array(v) ? json_array_size(jansson(v)) : json_is_object(v) ? json_object_size(jansson(v)) : 0;
}

const struct json_value *json_at(const struct json_value *array, size_t index)
{
    return ours(json_array_get(jansson(array), index));
}

const struct json_value *json_next(const struct json_value *object, const char **key, void **iterator)
{
    json_t *o = jansson(object);
    *iterator = *iterator ? json_object_iter_next(o, *iterator) : json_object_iter(o);
    if (!*iterator)
        return NULL;
    *key = json_object_iter_key(*iterator);
    return ours(json_object_iter_value(*iterator));
}

void json_dump(const struct json_value *v, struct buf *out)
{
    size_t n = json_dumpb(jansson(v), NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    char  *to = (char *)buf_reserve(out, n ? n : 1);
    if (to)
        out->size += json_dumpb(jansson(v), to, n, JSON_COMPACT | JSON_ENCODE_ANY);
}
