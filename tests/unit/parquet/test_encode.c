/* SPDX-License-Identifier: MIT */
/* Bytes as the format's documents have them: hybrid runs, booleans, Thrift's compact protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "parquet/encode.h"
#include "parquet/thrift.h"

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, TAG_TEST, 1 << 24);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    assert_int_equal(alloc_bytes(TAG_TEST), 0);
    return 0;
}

static void assert_bytes(const void *expected, size_t n)
{
    assert_int_equal(out.size, n);
    assert_memory_equal(out.data, expected, n);
}
#define ASSERT_BYTES(...) assert_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* The reader's side of the encoding, written from Encodings.md. */
static void decode(const uint8_t *p, size_t size, int width, uint32_t *values, uint32_t n)
{
    const uint8_t *end = p + size;
    uint32_t       done = 0;
    while (done < n) {
        uint32_t head = 0;
        for (int shift = 0;; shift += 7) {
            assert_true(p < end);
            head |= (uint32_t)(*p & 0x7f) << shift;
            if (*p++ < 0x80)
                break;
        }
        if (head & 1) {
            uint32_t n_packed = (head >> 1) * 8;
            for (uint32_t i = 0; i < n_packed; i++) {
                uint32_t v = 0;
                for (int bit = 0; bit < width; bit++) {
                    size_t at = (size_t)i * (size_t)width + (size_t)bit;
                    v |= (uint32_t)(p[at / 8] >> (at % 8) & 1) << bit;
                }
                if (done < n)
                    values[done++] = v;
                else
                    assert_int_equal(v, 0); /* padding */
            }
            p += (head >> 1) * (uint32_t)width;
        } else {
            uint32_t v = 0;
            for (int i = 0; i < (width + 7) / 8; i++)
                v |= (uint32_t)*p++ << (8 * i);
            for (uint32_t i = 0; i < head >> 1; i++) {
                assert_true(done < n);
                values[done++] = v;
            }
        }
    }
    assert_ptr_equal(p, end);
}

/* Encodings.md: the numbers 0 to 7 in 3 bits */
static void bits_are_packed_from_the_least(void **state)
{
    (void)state;
    hybrid_encode((const uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 8, 3, &out);
    ASSERT_BYTES(0x03, 0x88, 0xc6, 0xfa);
}

static void a_run_is_its_length_and_its_value(void **state)
{
    static uint32_t ones[200];
    (void)state;
    for (int i = 0; i < 200; i++)
        ones[i] = 300;
    hybrid_encode(ones, 200, 9, &out);
    ASSERT_BYTES(0x90, 0x03, 0x2c, 0x01);
    buf_clear(&out);
    hybrid_encode_run(1, 5, 1, &out);
    ASSERT_BYTES(0x0a, 0x01);
}

static void a_dictionary_of_one_entry_needs_no_bits(void **state)
{
    static const uint32_t zeros[100];
    (void)state;
    hybrid_encode(zeros, 100, 0, &out);
    ASSERT_BYTES(0xc8, 0x01);
    buf_clear(&out);
    hybrid_encode(zeros, 3, 0, &out);
    ASSERT_BYTES(0x03);
}

static uint32_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static void any_mix_of_runs_reads_back(void **state)
{
    static uint32_t values[3000], back[3000];
    (void)state;
    for (int round = 0; round < 600; round++) {
        int      width = round % 33;
        uint32_t mask = width == 32 ? UINT32_MAX : (1u << width) - 1;
        uint32_t n = 1 + next_random() % 3000;
        for (uint32_t i = 0; i < n;) {
            uint32_t v = (next_random() << 8 ^ next_random()) & mask;
            uint32_t run = next_random() % 3 ? 1 + next_random() % 4 : 1 + next_random() % 60;
            while (run-- > 0 && i < n)
                values[i++] = v;
        }
        buf_clear(&out);
        hybrid_encode(values, n, width, &out);
        assert_int_equal(buf_check(&out, "pages", NULL), OK);
        decode(out.data, out.size, width, back, n);
        assert_memory_equal(values, back, n * sizeof values[0]);
    }
}

static void booleans_are_bits(void **state)
{
    (void)state;
    booleans_encode((const uint8_t[]){1, 0, 1, 1, 0, 0, 0, 1, 1, 1}, 10, &out);
    ASSERT_BYTES(0x8d, 0x03);
}

static void bits_for_the_highest(void **state)
{
    (void)state;
    assert_int_equal(bits_for(0), 0);
    assert_int_equal(bits_for(1), 1);
    assert_int_equal(bits_for(255), 8);
    assert_int_equal(bits_for(256), 9);
    assert_int_equal(bits_for(UINT32_MAX), 32);
}

static void thrift_fields_are_steps_and_zigzag(void **state)
{
    struct thrift t;
    (void)state;
    thrift_init(&t, &out);
    thrift_begin_item(&t);
    thrift_i32(&t, 1, -1);
    thrift_i64(&t, 3, 300);
    thrift_bool(&t, 4, true);
    thrift_bool(&t, 40, false); /* a step over 15 */
    thrift_binary(&t, 41, "ab", 2);
    thrift_begin(&t, 42);
    thrift_i8(&t, 1, 8);
    thrift_end(&t);
    thrift_list(&t, 43, THRIFT_I32, 2);
    thrift_item_i32(&t, 1);
    thrift_item_i32(&t, 2);
    thrift_list(&t, 44, THRIFT_BOOL, 2);
    thrift_item_bool(&t, true);
    thrift_item_bool(&t, false);
    thrift_list(&t, 45, THRIFT_I64, 20);
    thrift_end(&t);
    ASSERT_BYTES(0x15, 0x01, 0x26, 0xd8, 0x04, 0x11, 0x02, 0x50, 0x18, 0x02, 'a', 'b', 0x1c, 0x13, 0x08, 0x00, 0x19,
                 0x25, 0x02, 0x04, 0x19, 0x21, 0x01, 0x02, 0x19, 0xf6, 0x14, 0x00);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(bits_are_packed_from_the_least),
                                       T(a_run_is_its_length_and_its_value),
                                       T(a_dictionary_of_one_entry_needs_no_bits),
                                       T(any_mix_of_runs_reads_back),
                                       T(booleans_are_bits),
                                       T(bits_for_the_highest),
                                       T(thrift_fields_are_steps_and_zigzag)};
    return cmocka_run_group_tests_name("parquet encode", tests, NULL, NULL);
}
