/* SPDX-License-Identifier: MIT */
/*
 * json/record, the fast path: simdjson's On-Demand walk behind a C interface. It fills the slots of a document that is
 * strictly JSON with values of exactly the wanted kind, checks what it skips, and gives up on everything else.
 */
#include <cstring>
#include <new>
#include <utility>

#include <simdjson.h>

#include "json/record_priv.h"

extern "C" {
bool date_parse(const char *text, size_t n, int32_t *days);
bool timestamp_parse(const char *text, size_t n, int64_t now_us, int64_t *us);
int  decimal_parse(const char *text, size_t n, int precision, int scale, int128 *out); /* 0: read */
int  decimal_parse_field(const char *text, size_t n, int precision, int scale, int128 *out);
}

namespace od = simdjson::ondemand;

struct simd_parser {
    od::parser parser;
};

namespace
{

bool skip(od::value value, int depth);

bool skip_object(od::object object, int depth)
{
    for (auto field : object) {
        od::value value;
        if (field.error() || field.escaped_key().error() || field.value().get(value) || !skip(value, depth + 1))
            return false;
        if (memchr(field.escaped_key().value_unsafe().data(), '\\', field.escaped_key().value_unsafe().size()))
            return false;
    }
    return true;
}

/* A value nobody wants still has to be JSON. */
bool skip(od::value value, int depth)
{
    od::json_type type;
    if (depth > 60 || value.type().get(type))
        return false;
    switch (static_cast<int>(type)) { /* a type of a later simdjson is one we do not know */
    case static_cast<int>(od::json_type::string): {
        std::string_view text;
        return !value.get_string().get(text);
    }
    case static_cast<int>(od::json_type::number): {
        od::number number;
        return !value.get_number().get(number);
    }
    case static_cast<int>(od::json_type::boolean): {
        bool flag;
        return !value.get_bool().get(flag);
    }
    case static_cast<int>(od::json_type::null): {
        bool is_null;
        return !value.is_null().get(is_null) && is_null;
    }
    case static_cast<int>(od::json_type::array): {
        od::array array;
        if (value.get_array().get(array))
            return false;
        for (auto item : array) {
            od::value element;
            if (item.get(element) || !skip(element, depth + 1))
                return false;
        }
        return true;
    }
    case static_cast<int>(od::json_type::object): {
        od::object object;
        return !value.get_object().get(object) && skip_object(object, depth);
    }
    default:
        return false;
    }
}

bool integer_fits(int64_t v, json_want want)
{
    switch (static_cast<int>(want)) {
    case WANT_TINYINT:
        return v >= -128 && v <= 127;
    case WANT_SMALLINT:
        return v >= -32768 && v <= 32767;
    case WANT_INT:
        return v >= INT32_MIN && v <= INT32_MAX;
    default:
        return true;
    }
}

bool read_number(od::value &value, json_node *node)
{
    od::number number;
    if (value.get_number().get(number))
        return false;
    bool integer = number.is_int64();
    if (node->want == WANT_DOUBLE) {
        node->slot.real = integer              ? static_cast<double>(number.get_int64())
                          : number.is_double() ? number.get_double()
                                               : 0;
        /* "-0" as an integer token is 0, but reads as -0.0 in Java: leave it, and unsigned ones, to the other path */
        return (integer && number.get_int64() != 0) || number.is_double();
    }
    if (!integer || node->want == WANT_FLOAT || !integer_fits(number.get_int64(), node->want))
        return false;
    node->slot.integer = number.get_int64();
    if (node->want == WANT_TIMESTAMP)
        return !__builtin_mul_overflow(node->slot.integer, 1000000, &node->slot.integer);
    return true;
}

/* Exact digits come from the text; get_number() checks that it is a number of JSON. */
bool read_decimal(od::value &value, bool string, json_node *node)
{
    std::string_view text;
    if (string)
        return !value.get_string().get(text) &&
               decimal_parse_field(text.data(), text.size(), node->precision, node->scale, &node->slot.decimal) == 0;
    od::number number;
    text = value.raw_json_token();
    if (value.get_number().get(number))
        return false;
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
        text.remove_suffix(1);
    return decimal_parse(text.data(), text.size(), node->precision, node->scale, &node->slot.decimal) == 0;
}

bool read_string(od::value &value, int64_t now_us, json_node *node)
{
    std::string_view text;
    int32_t          days;
    if (value.get_string().get(text))
        return false;
    switch (static_cast<int>(node->want)) {
    case WANT_STRING:
        node->slot.bytes.text = reinterpret_cast<const uint8_t *>(text.data());
        node->slot.bytes.length = text.size();
        return true;
    case WANT_TIMESTAMP:
        return timestamp_parse(text.data(), text.size(), now_us, &node->slot.integer);
    case WANT_DATE:
        if (!date_parse(text.data(), text.size(), &days))
            return false;
        node->slot.integer = days;
        return true;
    default:
        return false;
    }
}

bool read_object(od::object object, int64_t now_us, json_node *parent, int depth);

bool read_value(od::value value, int64_t now_us, json_node *node, int depth)
{
    od::json_type type;
    if (value.type().get(type))
        return false;
    if (type == od::json_type::null) {
        bool is_null;
        node->slot.kind = SLOT_NULL;
        return !value.is_null().get(is_null) && is_null;
    }
    node->slot.kind = SLOT_SET;
    node->slot.in_scratch = false;
    switch (static_cast<int>(node->want)) {
    case WANT_BOOLEAN: {
        bool flag;
        if (type != od::json_type::boolean || value.get_bool().get(flag))
            return false;
        node->slot.integer = flag;
        return true;
    }
    case WANT_STRUCT: {
        od::object object;
        return type == od::json_type::object && !value.get_object().get(object) &&
               read_object(object, now_us, node, depth + 1);
    }
    case WANT_STRING:
    case WANT_DATE:
        return type == od::json_type::string && read_string(value, now_us, node);
    case WANT_TIMESTAMP:
        return type == od::json_type::string ? read_string(value, now_us, node)
                                             : type == od::json_type::number && read_number(value, node);
    case WANT_DECIMAL:
        return (type == od::json_type::string || type == od::json_type::number) &&
               read_decimal(value, type == od::json_type::string, node);
    case WANT_ARRAY:
    case WANT_MAP: {
        std::string_view all;
        if (type != (node->want == WANT_ARRAY ? od::json_type::array : od::json_type::object) ||
            value.raw_json().get(all))
            return false;
        while (!all.empty() && static_cast<unsigned char>(all.back()) <= ' ')
            all.remove_suffix(1);
        node->slot.bytes.text = reinterpret_cast<const uint8_t *>(all.data());
        node->slot.bytes.length = all.size();
        return true;
    }
    case WANT_BINARY:
        return false;
    default:
        return type == od::json_type::number && read_number(value, node);
    }
}

/* The child of that name; documents usually keep the order of the last one, so the next one is tried first. */
json_node *find(json_node *parent, std::string_view key, size_t *guess)
{
    for (size_t i = 0; i < parent->n_children; i++) {
        size_t     at = *guess + i < parent->n_children ? *guess + i : *guess + i - parent->n_children;
        json_node *node = &parent->children[at];
        if (node->name_length == key.size() && memcmp(node->name, key.data(), key.size()) == 0) {
            *guess = at + 1 < parent->n_children ? at + 1 : 0;
            return node;
        }
    }
    return nullptr;
}

bool read_object(od::object object, int64_t now_us, json_node *parent, int depth)
{
    uint64_t seen = 0;
    size_t   guess = 0;
    if (depth > 60 || parent->n_children > JSON_FAST_FIELDS_MAX)
        return false;
    for (size_t i = 0; i < parent->n_children; i++)
        parent->children[i].slot.kind = SLOT_MISSING;
    for (simdjson::simdjson_result<od::field> result : object) {
        od::field field;
        if (std::move(result).get(field))
            return false;
        std::string_view key = field.escaped_key();
        if (memchr(key.data(), '\\', key.size()))
            return false;
        json_node *node = find(parent, key, &guess);
        if (!node) {
            if (!skip(field.value(), depth))
                return false;
            continue;
        }
        uint64_t bit = uint64_t(1) << (node - parent->children);
        if (seen & bit || !read_value(field.value(), now_us, node, depth))
            return false;
        seen |= bit;
    }
    return true;
}

} // namespace

struct simd_parser *simd_parser_new(void) { return new (std::nothrow) simd_parser; }

void simd_parser_free(struct simd_parser *p) { delete p; }

bool simd_parser_read(struct simd_parser *p, const uint8_t *text, size_t n, size_t capacity, int64_t now_us,
                      struct json_node *root)
{
    od::document document;
    od::object   object;
    if (p->parser.iterate(reinterpret_cast<const char *>(text), n, capacity).get(document))
        return false;
    if (document.get_object().get(object))
        return false;
    return read_object(object, now_us, root, 0) && document.at_end();
}
