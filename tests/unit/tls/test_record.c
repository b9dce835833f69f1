/* test_record.c - a byte stream cut into records */
#include "tls/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t stream[] = {22, 3, 1,  0, 3, 'a', 'b', 'c', 21, 3, 3, 0, 2,
                                 1,  0, 23, 3, 3, 0,   0,   20,  3,  3, 0, 1, 1};

static void assert_stream(const uint8_t *types, const size_t *sizes, size_t count)
{
    static const uint8_t expected_types[] = {22, 21, 23, 20};
    static const size_t expected_sizes[] = {3, 2, 0, 1};
    assert_int_equal(count, 4);
    assert_memory_equal(types, expected_types, 4);
    assert_memory_equal(sizes, expected_sizes, sizeof expected_sizes);
}

static void run(size_t step)
{
    struct record_reader r = {0};
    uint8_t types[8];
    size_t sizes[8], count = 0;
    for (size_t at = 0; at < sizeof stream; at += step) {
        size_t n = sizeof stream - at < step ? sizeof stream - at : step;
        struct tls_slice in = {stream + at, n};
        struct record out;
        while (record_next(&r, 100, &in, &out) == RECORD_WHOLE) {
            types[count] = out.header[0];
            sizes[count++] = out.body.size;
        }
        record_rest(&r);
    }
    assert_stream(types, sizes, count);
    assert_null(r.body);
    record_free(&r);
}

static void records_come_out_whole_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++)
        run(step);
}

static void a_whole_record_is_not_copied(void **state)
{
    (void)state;
    struct record_reader r = {0};
    struct tls_slice in = {stream, sizeof stream};
    struct record out;
    assert_int_equal(record_next(&r, 100, &in, &out), RECORD_WHOLE);
    assert_ptr_equal(out.body.data, stream + 5);
    assert_null(r.body);
}

static enum record_result first(const void *data, size_t size, size_t max)
{
    struct record_reader r = {0};
    struct tls_slice in = {data, size};
    struct record out;
    enum record_result result = record_next(&r, max, &in, &out);
    record_free(&r);
    return result;
}

static void what_cannot_be_a_record_is_told_at_once(void **state)
{
    (void)state;
    assert_int_equal(first("G", 1, 100), RECORD_NOT_TLS);
    assert_int_equal(first("\x80", 1, 100), RECORD_NOT_TLS);
    assert_int_equal(first("\x18", 1, 100), RECORD_NOT_TLS);
    assert_int_equal(first("\x13", 1, 100), RECORD_NOT_TLS);
    assert_int_equal(first("\x16\2", 2, 100), RECORD_NOT_TLS);
    assert_int_equal(first("\x16\3", 2, 100), RECORD_MORE);
    assert_int_equal(first("\x16\3\3\0\x65", 5, 100), RECORD_TOO_LONG);
    assert_int_equal(first("\x16\3\3\0\x64", 5, 100), RECORD_MORE);
}

static void memory_follows_what_came_not_what_was_claimed(void **state)
{
    (void)state;
    struct record_reader r = {0};
    struct tls_slice in = {(const uint8_t *)"\x17\3\3\x40\0ab", 7};
    struct record out;
    assert_int_equal(record_next(&r, 16640, &in, &out), RECORD_MORE);
    assert_int_equal(r.capacity, 2);
    record_rest(&r);
    assert_non_null(r.body); /* not at rest: it holds two bytes */
    record_free(&r);
    assert_null(r.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_whole_however_they_are_cut),
        cmocka_unit_test(a_whole_record_is_not_copied),
        cmocka_unit_test(what_cannot_be_a_record_is_told_at_once),
        cmocka_unit_test(memory_follows_what_came_not_what_was_claimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
