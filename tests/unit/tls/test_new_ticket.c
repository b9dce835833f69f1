/* test_new_ticket.c - what servers hand out to be resumed by, whole and broken */
#include "tls/new_ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* lifetime, age_add, a nonce of two, a ticket of three, and an extension with two bytes */
static const uint8_t whole[] = {0, 0, 0x1c, 0x20, 1, 2, 3, 4,  2, 7, 8, 0,
                                3, 9, 9,    9,    0, 6, 0, 42, 0, 2, 5, 5};

static bool reads(const void *data, size_t size)
{
    struct new_ticket t;
    return new_ticket_read((struct tls_slice){data, size}, &t);
}

static void a_whole_one_is_read(void **state)
{
    (void)state;
    struct new_ticket t;
    assert_true(new_ticket_read((struct tls_slice){whole, sizeof whole}, &t));
    assert_int_equal(t.lifetime, 7200);
    assert_int_equal(t.age_add, 0x01020304);
    assert_int_equal(t.nonce.size, 2);
    assert_memory_equal(t.nonce.data, "\x07\x08", 2);
    assert_int_equal(t.ticket.size, 3);
    assert_memory_equal(t.ticket.data, "\x09\x09\x09", 3);
}

static void one_that_is_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    static const uint8_t plain[] = {0, 0, 0x1c, 0x20, 1, 2, 3, 4, 2, 7, 8, 0, 3, 9, 9, 9, 0, 0};
    for (size_t size = 0; size < sizeof plain; size++)
        assert_false(reads(plain, size));
    assert_true(reads(plain, sizeof plain));
}

static void what_follows_or_does_not_fit_is_malformed(void **state)
{
    (void)state;
    static const uint8_t behind[] = {0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 1, 9, 0, 0, 0};
    static const uint8_t no_ticket[] = {0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 0, 0, 0};
    static const uint8_t half_extension[] = {0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 1, 9, 0, 3, 0, 42, 0};
    static const uint8_t longer_than_a_week[] = {0, 9, 0x3a, 0x81, 1, 2, 3, 4, 0, 0, 1, 9, 0, 0};
    static const uint8_t a_week[] = {0, 9, 0x3a, 0x80, 1, 2, 3, 4, 0, 0, 1, 9, 0, 0};
    assert_false(reads(behind, sizeof behind));
    assert_false(reads(no_ticket, sizeof no_ticket));
    assert_false(reads(half_extension, sizeof half_extension));
    assert_false(reads(longer_than_a_week, sizeof longer_than_a_week));
    assert_true(reads(a_week, sizeof a_week));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_one_is_read),
        cmocka_unit_test(one_that_is_cut_anywhere_is_malformed),
        cmocka_unit_test(what_follows_or_does_not_fit_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
