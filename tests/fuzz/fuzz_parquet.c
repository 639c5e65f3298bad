/* SPDX-License-Identifier: MIT */
/* A Parquet file of anybody's making: rows, or a refusal. */
#include <string.h>

#include "parquet/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parquet_reader *r;
    struct arena           a;
    struct error           e;
    const struct field     inner[] = {{"x", type_of(TYPE_INT), true}};
    arena_init(&a, TAG_TEST, 1 << 20);
    const struct type *texts = type_array(&a, type_of(TYPE_STRING), true);
    const struct field fields[] = {{"k", type_of(TYPE_STRING), true},
                                   {"n", type_of(TYPE_BIGINT), true},
                                   {"b", type_of(TYPE_BOOLEAN), true},
                                   {"s", type_struct(&a, inner, 1), true},
                                   {"l", type_array(&a, type_struct(&a, inner, 1), true), true},
                                   {"m", type_map(&a, type_of(TYPE_STRING), texts, true), true}};
    const struct type *schema = type_struct(&a, fields, 6);
    if (parquet_reader_new(data, size, schema, &r, &e) == OK) {
        for (int g = 0; g < parquet_reader_groups(r) && g < 4; g++) {
            struct batch *b = NULL;
            if (parquet_reader_group(r, g, 100000, &b, &e) == OK)
                batch_free(b);
        }
        parquet_reader_free(r);
    }
    arena_fini(&a);
    return 0;
}
