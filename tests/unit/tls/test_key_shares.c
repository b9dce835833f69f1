/* test_key_shares.c - whether the key shares of a ClientHello go with the groups that it lists */
#include "tls/key_shares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define X      "\x00\x1d"
#define P      "\x00\x17"
#define GREASE "\xca\xca"
#define NONE                                                                                       \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

enum { X25519 = 0x1d, P256 = 0x17 };

struct row {
    struct tls_slice groups, shares;
    uint16_t asked;
    enum key_shares verdict;
};

static enum key_shares judge(const struct row *r)
{
    const struct hello h = {.groups = r->groups, .shares = r->shares};
    return key_shares_judge(&h, r->asked);
}

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (judge(&rows[i]) != rows[i].verdict)
            fail_msg("row %zu: %d, not %d", i, judge(&rows[i]), rows[i].verdict);
}

static void each_share_is_for_a_listed_group_and_the_only_one_for_it(void **state)
{
    static const struct row rows[] = {
        {BYTES("\0\4" X P), BYTES("\0\5" X "\0\1a"), 0, KEY_SHARES_OK},
        {BYTES("\0\4" X P), BYTES("\0\x0a" P "\0\1a" X "\0\1a"), 0, KEY_SHARES_OK}, /* any order */
        {BYTES("\0\4" X P), BYTES("\0\0"), 0, KEY_SHARES_OK}, /* to be asked for one */
        {BYTES("\0\4" GREASE X), BYTES("\0\x0a" GREASE "\0\1a" X "\0\1a"), 0, KEY_SHARES_OK},
        {BYTES("\0\2" X), BYTES("\0\x0a" GREASE "\0\1a" X "\0\1a"), 0, KEY_SHARES_UNLISTED},
        {BYTES("\0\2" X), BYTES("\0\5" P "\0\1a"), 0, KEY_SHARES_UNLISTED},
        {BYTES("\0\4" X P), BYTES("\0\x0a" X "\0\1a" X "\0\1a"), 0, KEY_SHARES_UNLISTED},
        {BYTES("\0\4" X X), BYTES("\0\x0a" X "\0\1a" X "\0\1a"), 0, KEY_SHARES_UNLISTED},
        {BYTES("\0\4" X X), BYTES("\0\5" X "\0\1a"), 0, KEY_SHARES_OK},
    };
    (void)state;
    assert_rows(rows, sizeof rows / sizeof *rows);
}

static void who_was_asked_for_a_share_sends_that_alone(void **state)
{
    static const struct row rows[] = {
        {BYTES("\0\4" X P), BYTES("\0\5" P "\0\1a"), P256, KEY_SHARES_OK},
        {BYTES("\0\4" X P), BYTES("\0\5" X "\0\1a"), P256, KEY_SHARES_UNASKED},
        {BYTES("\0\4" X P), BYTES("\0\x0a" X "\0\1a" P "\0\1a"), P256, KEY_SHARES_UNASKED},
        {BYTES("\0\4" X P), BYTES("\0\0"), P256, KEY_SHARES_UNASKED},
        {BYTES("\0\2" X), BYTES("\0\5" P "\0\1a"), P256, KEY_SHARES_UNLISTED},
    };
    (void)state;
    assert_rows(rows, sizeof rows / sizeof *rows);
}

static void what_cannot_be_read_is_malformed(void **state)
{
    static const struct row rows[] = {
        {BYTES(""), BYTES("\0\0"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\0"), BYTES("\0\0"), 0, KEY_SHARES_MALFORMED}, /* one group at least */
        {BYTES("\0\3" X "x"), BYTES("\0\0"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\4" X), BYTES("\0\0"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\2" X "x"), BYTES("\0\0"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\2" X), BYTES(""), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\2" X), BYTES("\0\0x"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\2" X), BYTES("\0\5" X "\0\1ax"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\2" X), BYTES("\0\4" X "\0\0"), 0, KEY_SHARES_MALFORMED}, /* one byte at least */
        {BYTES("\0\2" X), BYTES("\0\5" X "\0\2a"), 0, KEY_SHARES_MALFORMED},
        {BYTES("\0\2" X), BYTES("\0\6" P "\0\1a" X), 0, KEY_SHARES_MALFORMED},
    };
    (void)state;
    assert_rows(rows, sizeof rows / sizeof *rows);
}

static void a_hello_without_one_of_them_is_not_judged(void **state)
{
    static const struct row rows[] = {
        {NONE, NONE, 0, KEY_SHARES_OK},
        {BYTES("\0\2" X), NONE, X25519, KEY_SHARES_OK},
        {NONE, BYTES("\0\5" X "\0\1a"), 0, KEY_SHARES_OK},
    };
    (void)state;
    assert_rows(rows, sizeof rows / sizeof *rows);
}

static void cut_anywhere_they_are_malformed(void **state)
{
    static const char shares[] = "\0\x0a" X "\0\1a" P "\0\1b";
    struct row r = {BYTES("\0\4" X P), NONE, 0, KEY_SHARES_OK};
    (void)state;
    for (size_t size = 0; size < sizeof shares - 1; size++) {
        uint8_t *copy = malloc(size > 0 ? size : 1); /* exactly so large, for the sanitizer */
        memcpy(copy, shares, size);
        r.shares = (struct tls_slice){copy, size};
        assert_int_equal(judge(&r), KEY_SHARES_MALFORMED);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_share_is_for_a_listed_group_and_the_only_one_for_it),
        cmocka_unit_test(who_was_asked_for_a_share_sends_that_alone),
        cmocka_unit_test(what_cannot_be_read_is_malformed),
        cmocka_unit_test(a_hello_without_one_of_them_is_not_judged),
        cmocka_unit_test(cut_anywhere_they_are_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
