/* test_buf.c - a buffer that grows up to its limit and remembers its first failure. */
#include "tests/support/unit.h"

static void a_new_buffer_is_empty_and_owns_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(b.size, 0);
    assert_null(b.data);
    assert_false(b.failed);
    buf_put(&b, NULL, 0);
    buf_drop(&b, 0);
    assert_null(b.data);
    buf_free(&b);
}

static void appends_stand_in_order(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_put(&b, "a\0b", 3);
    buf_puts(&b, "cd");
    buf_puts(&b, "");
    buf_printf(&b, "%s-%d", "e", 5);
    assert_holds(&b, "a\0bcde-5", 8);
    buf_free(&b);
}

static void growing_keeps_what_was_there(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        const uint8_t byte = (uint8_t)(i * 7 + i / 256);
        buf_put(&b, &byte, 1);
    }
    assert_false(b.failed);
    assert_int_equal(b.size, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], (uint8_t)(i * 7 + i / 256));
    buf_free(&b);
}

static void memory_never_exceeds_the_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    for (unsigned i = 0; i < 300; i++)
        buf_put(&b, "x", 1);
    assert_false(b.failed);
    assert_int_equal(b.room, 300 + 1); /* the one behind the content */
    buf_free(&b);
}

static void the_limit_itself_fits_and_one_byte_more_fails(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_put(&b, "1234", 4);
    assert_holds(&b, "1234", 4);
    buf_put(&b, "5", 1);
    assert_true(b.failed);
    assert_int_equal(b.size, 4);
    buf_free(&b);
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    buf_puts(&b, "abcd");
    buf_printf(&b, "%s", "efghi");
    assert_true(b.failed);
    assert_int_equal(b.size, 4);
    assert_memory_equal(b.data, "abcd", 4);
    buf_free(&b);
}

static void a_failure_sticks_although_later_pieces_would_fit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_puts(&b, "ab");
    buf_puts(&b, "cde");
    buf_puts(&b, "c");
    buf_put(&b, "d", 1);
    buf_printf(&b, "%c", 'e');
    assert_true(b.failed);
    assert_int_equal(b.size, 2);
    assert_memory_equal(b.data, "ab", 2);
    buf_free(&b);
}

static void a_huge_size_fails_without_overflow(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_puts(&b, "ab");
    buf_put(&b, "x", SIZE_MAX);
    assert_true(b.failed);
    assert_int_equal(b.size, 2);
    buf_free(&b);
}

static void printed_text_may_be_longer_than_the_first_room(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5000);
    buf_printf(&b, "%4000d", 7);
    buf_printf(&b, "%s", "end");
    assert_false(b.failed);
    assert_int_equal(b.size, 4003);
    assert_memory_equal(b.data + 3998, " 7end", 5);
    buf_free(&b);
}

static void dropping_moves_the_rest_to_the_front(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 6);
    buf_puts(&b, "abcdef");
    buf_drop(&b, 2);
    assert_holds(&b, "cdef", 4);
    buf_puts(&b, "gh"); /* the limit counts what is in use */
    assert_holds(&b, "cdefgh", 6);
    buf_drop(&b, 0);
    assert_holds(&b, "cdefgh", 6);
    buf_drop(&b, 6);
    assert_holds(&b, "", 0);
    buf_free(&b);
}

static void what_is_borrowed_stays_where_it_is(void **state)
{
    (void)state;
    uint8_t text[] = "abcdefgh";
    struct buf b;
    buf_init(&b, 8);
    buf_borrow(&b, text, 2);
    buf_borrow(&b, text + 2, 0);
    buf_borrow(&b, text + 2, 3);
    assert_ptr_equal(b.data, text);
    assert_int_equal(b.size, 5);
    buf_drop(&b, 1);
    assert_holds(&b, "bcde", 4);
    assert_string_equal(text, "abcdefgh");
    buf_free(&b);
    assert_string_equal(text, "abcdefgh");
}

static void what_comes_behind_something_borrowed_stands_in_order(void **state)
{
    (void)state;
    uint8_t text[] = "abcdefgh";
    struct buf b;
    buf_init(&b, 10);
    buf_borrow(&b, text, 3);
    buf_puts(&b, "X");
    buf_borrow(&b, text + 3, 2); /* it has some of its own now, so these are copied */
    memset(text, '?', 8);
    assert_holds(&b, "abcXde", 6);
    buf_free(&b);
}

static void what_does_not_follow_is_copied(void **state)
{
    (void)state;
    uint8_t text[] = "abcdefgh";
    struct buf b;
    buf_init(&b, 10);
    buf_borrow(&b, text, 2);
    buf_borrow(&b, text + 3, 2);
    memset(text, '?', 8);
    assert_holds(&b, "abde", 4);
    buf_free(&b);
}

static void what_was_borrowed_can_be_made_its_own(void **state)
{
    (void)state;
    uint8_t text[] = "abcdefgh";
    struct buf b;
    buf_init(&b, 8);
    buf_own(&b);
    buf_borrow(&b, text, 8);
    buf_own(&b);
    buf_own(&b);
    memset(text, '?', 8);
    assert_holds(&b, "abcdefgh", 8);
    buf_free(&b);
}

static void what_is_borrowed_counts_for_the_limit(void **state)
{
    (void)state;
    uint8_t text[] = "abcdefgh";
    struct buf b;
    buf_init(&b, 4);
    buf_borrow(&b, text, 3);
    buf_borrow(&b, text + 3, 2);
    assert_true(b.failed);
    assert_int_equal(b.size, 3);
    buf_borrow(&b, text + 3, 1);
    assert_int_equal(b.size, 3); /* a failure sticks */
    buf_own(&b);
    assert_int_equal(b.size, 0);
    buf_free(&b);
    buf_borrow(&b, text, 5);
    assert_true(b.failed);
    buf_free(&b);
}

static void freeing_makes_it_usable_again_with_the_same_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 3);
    buf_puts(&b, "abcd");
    assert_true(b.failed);
    buf_free(&b);
    buf_free(&b);
    buf_puts(&b, "abc");
    assert_holds(&b, "abc", 3);
    buf_puts(&b, "d");
    assert_true(b.failed);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_empty_and_owns_nothing),
        cmocka_unit_test(appends_stand_in_order),
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(memory_never_exceeds_the_limit),
        cmocka_unit_test(the_limit_itself_fits_and_one_byte_more_fails),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
        cmocka_unit_test(a_failure_sticks_although_later_pieces_would_fit),
        cmocka_unit_test(a_huge_size_fails_without_overflow),
        cmocka_unit_test(printed_text_may_be_longer_than_the_first_room),
        cmocka_unit_test(dropping_moves_the_rest_to_the_front),
        cmocka_unit_test(what_is_borrowed_stays_where_it_is),
        cmocka_unit_test(what_comes_behind_something_borrowed_stands_in_order),
        cmocka_unit_test(what_does_not_follow_is_copied),
        cmocka_unit_test(what_was_borrowed_can_be_made_its_own),
        cmocka_unit_test(what_is_borrowed_counts_for_the_limit),
        cmocka_unit_test(freeing_makes_it_usable_again_with_the_same_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
