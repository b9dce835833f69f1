/* test_ber.c - BER: what is read, what is refused, and that nothing is read behind the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/starttls/ber.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* A copy of exactly that size, so that a sanitizer sees a read behind its end. */
static uint8_t *exact(const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    return copy;
}

static enum ber_result header_of(const uint8_t *data, size_t size, size_t *taken, size_t *size_r)
{
    uint8_t *copy = exact(data, size), tag = 0;
    struct slice in = {copy, size};
    const enum ber_result result = ber_header(&in, &tag, size_r);
    *taken = size - in.size;
    if (result == BER_OK)
        assert_int_equal(tag, data[0]);
    free(copy);
    return result;
}

static const struct {
    const uint8_t *data;
    size_t size;
    enum ber_result result;
    size_t contents;
} headers[] = {
    {BYTES("\x30\x00"), BER_OK, 0},
    {BYTES("\x30\x7f"), BER_OK, 127},
    {BYTES("\x30\x81\x80"), BER_OK, 128},
    {BYTES("\x04\x82\xff\xff"), BER_OK, 65535},
    /* longer than need be, but legal */
    {BYTES("\x30\x81\x05"), BER_OK, 5},
    {BYTES("\x30\x84\x00\x00\x00\x05"), BER_OK, 5},
    {BYTES("\x30\x88\x00\x00\x00\x00\x00\x00\x01\x00"), BER_OK, 256},
    {BYTES("\x30\x84\x7f\xff\xff\xff"), BER_OK, BER_SIZE_MAX},
    /* absurd */
    {BYTES("\x30\x84\x80\x00\x00\x00"), BER_BAD, 0},
    {BYTES("\x30\x84\xff\xff\xff\xff"), BER_BAD, 0},
    {BYTES("\x30\x85\x01\x00\x00\x00\x00"), BER_BAD, 0},
    {BYTES("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"), BER_BAD, 0},
    /* more octets of length than are taken; the reserved form; the indefinite one */
    {BYTES("\x30\x89"), BER_BAD, 0},
    {BYTES("\x30\xfe"), BER_BAD, 0},
    {BYTES("\x30\xff"), BER_BAD, 0},
    {BYTES("\x30\x80"), BER_BAD, 0},
    /* tags of several bytes */
    {BYTES("\x1f"), BER_BAD, 0},
    {BYTES("\x3f\x81\x01\x00"), BER_BAD, 0},
    {BYTES("\xff"), BER_BAD, 0},
};

static void headers_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        size_t taken, contents = 0;
        const enum ber_result got = header_of(headers[i].data, headers[i].size, &taken, &contents);
        if (got != headers[i].result || contents != headers[i].contents)
            fail_msg("header %zu: result %d, size %zu", i, got, contents);
        assert_int_equal(taken, got == BER_OK ? headers[i].size : 0);
    }
}

static void every_beginning_of_a_header_asks_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        for (size_t n = 0; headers[i].result == BER_OK && n < headers[i].size; n++) {
            size_t taken, contents;
            assert_int_equal(header_of(headers[i].data, n, &taken, &contents), BER_MORE);
            assert_int_equal(taken, 0);
        }
}

static void an_element_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x04, 0x81, 0x03, 'a', 'b', 'c', 0x05, 0x00};
    for (size_t n = 0; n <= sizeof data; n++) {
        uint8_t *copy = exact(data, n), tag;
        struct slice in = {copy, n}, contents;
        const bool taken = ber_take(&in, &tag, &contents);
        assert_int_equal(taken, n >= 6);
        assert_int_equal(in.size, taken ? n - 6 : n);
        if (taken)
            assert_memory_equal(contents.data, "abc", contents.size);
        free(copy);
    }
}

static void an_element_with_another_tag_is_left(void **state)
{
    (void)state;
    struct slice in = {BYTES("\x04\x01x")}, contents;
    assert_false(ber_expect(&in, BER_INTEGER, &contents));
    assert_int_equal(in.size, 3);
    assert_true(ber_expect(&in, BER_OCTETS, &contents));
    assert_int_equal(contents.size, 1);
    assert_int_equal(in.size, 0);
    assert_false(ber_expect(&in, BER_OCTETS, &contents));
}

static void an_inner_length_cannot_leave_the_outer_element(void **state)
{
    (void)state;
    struct slice in = {BYTES("\x30\x03\x04\x02x"
                             "yz")},
                 outer, inner;
    assert_true(ber_expect(&in, BER_SEQUENCE, &outer));
    assert_false(ber_expect(&outer, BER_OCTETS, &inner));
    assert_int_equal(outer.size, 3);
}

static void numbers_are_signed(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t size;
        int64_t value;
    } rows[] = {
        {BYTES("\x02\x01\x00"), 0},
        {BYTES("\x02\x01\x7f"), 127},
        {BYTES("\x02\x01\x80"), -128},
        {BYTES("\x02\x02\x00\x80"), 128},
        {BYTES("\x02\x04\x7f\xff\xff\xff"), INT32_MAX},
        {BYTES("\x02\x05\x00\x80\x00\x00\x00"), (int64_t)INT32_MAX + 1},
        {BYTES("\x02\x04\xff\xff\xff\xff"), -1},
        {BYTES("\x02\x04\x00\x00\x00\x05"), 5},
        {BYTES("\x02\x08\x80\x00\x00\x00\x00\x00\x00\x00"), INT64_MIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice in = {rows[i].data, rows[i].size};
        int64_t value = 42;
        assert_true(ber_number(&in, BER_INTEGER, &value));
        assert_true(value == rows[i].value);
        assert_int_equal(in.size, 0);
    }
}

static void numbers_that_are_none_are_left(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t size;
    } rows[] = {
        {BYTES("")},
        {BYTES("\x02")},
        {BYTES("\x02\x00")},
        {BYTES("\x02\x02\x01")},
        {BYTES("\x0a\x01\x01")},
        {BYTES("\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t *copy = exact(rows[i].data, rows[i].size);
        struct slice in = {copy, rows[i].size};
        int64_t value = 42;
        assert_false(ber_number(&in, BER_INTEGER, &value));
        assert_int_equal(in.size, rows[i].size);
        assert_true(value == 42);
        free(copy);
    }
}

static void numbers_are_written_short(void **state)
{
    (void)state;
    static const struct {
        uint32_t value;
        const char *wire;
        size_t size;
    } rows[] = {
        {0, "\x02\x01\x00", 3},
        {127, "\x02\x01\x7f", 3},
        {128, "\x02\x02\x00\x80", 4},
        {255, "\x02\x02\x00\xff", 4},
        {256, "\x02\x02\x01\x00", 4},
        {0x7fffffff, "\x02\x04\x7f\xff\xff\xff", 6},
        {0x80000000, "\x02\x05\x00\x80\x00\x00\x00", 7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        buf_init(&b, 100);
        ber_put_number(&b, BER_INTEGER, rows[i].value);
        assert_int_equal(b.size, rows[i].size);
        assert_memory_equal(b.data, rows[i].wire, b.size);
        buf_free(&b);
    }
}

/* Two elements, one in the other, around contents of `size`; read back, with the shortest headers.
 */
static void check_nested(size_t size, size_t inner_header, size_t outer_header)
{
    uint8_t *data = malloc(size + 1);
    memset(data, 'x', size);
    struct buf b;
    buf_init(&b, 200000);
    buf_puts(&b, "before");
    const size_t outer = ber_open(&b, BER_SEQUENCE);
    ber_put(&b, BER_OCTETS, data, size);
    ber_close(&b, outer);
    assert_false(b.failed);
    assert_int_equal(b.size, 6 + outer_header + inner_header + size);
    assert_memory_equal(b.data, "before", 6);

    struct slice in = {b.data + 6, b.size - 6}, sequence, octets;
    assert_true(ber_expect(&in, BER_SEQUENCE, &sequence));
    assert_true(ber_expect(&sequence, BER_OCTETS, &octets));
    assert_int_equal(in.size + sequence.size, 0);
    assert_int_equal(octets.size, size);
    assert_memory_equal(octets.data, data, size);
    buf_free(&b);
    free(data);
}

static void lengths_are_written_short(void **state)
{
    (void)state;
    check_nested(0, 2, 2);
    check_nested(125, 2, 2);
    check_nested(126, 2, 3);
    check_nested(127, 2, 3);
    check_nested(128, 3, 3);
    check_nested(252, 3, 3);
    check_nested(253, 3, 4);
    check_nested(255, 3, 4);
    check_nested(256, 4, 4);
    check_nested(65535, 4, 5);
    check_nested(65536, 5, 5);
}

static void a_full_buffer_fails_once_and_for_all(void **state)
{
    (void)state;
    static const uint8_t zeros[200];
    for (size_t limit = 0; limit < sizeof zeros + 6; limit++) {
        struct buf b;
        buf_init(&b, limit);
        const size_t mark = ber_open(&b, BER_SEQUENCE);
        ber_put(&b, BER_OCTETS, zeros, sizeof zeros);
        ber_close(&b, mark);
        assert_true(b.failed);
        assert_true(b.size <= limit);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_or_refused),
        cmocka_unit_test(every_beginning_of_a_header_asks_for_more),
        cmocka_unit_test(an_element_is_taken_whole_or_not_at_all),
        cmocka_unit_test(an_element_with_another_tag_is_left),
        cmocka_unit_test(an_inner_length_cannot_leave_the_outer_element),
        cmocka_unit_test(numbers_are_signed),
        cmocka_unit_test(numbers_that_are_none_are_left),
        cmocka_unit_test(numbers_are_written_short),
        cmocka_unit_test(lengths_are_written_short),
        cmocka_unit_test(a_full_buffer_fails_once_and_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
