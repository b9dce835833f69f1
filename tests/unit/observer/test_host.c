/* test_host.c - by which names we may be called. */
#include "proxy/observer/host.h"
#include "tests/unit/observer/shown.h"

static void addresses_and_our_names_are_ours(void **state)
{
    static const char *const ours[] = {"127.0.0.1",    "127.0.0.1:9770",    "192.0.2.7:9770",
                                       "[::1]",        "[::1]:9770",        "[2001:db8::1]:1",
                                       "localhost",    "LOCALHOST:9770",    "localhost.:9770",
                                       "mail.example", "Mail.Example:9770", "mail.example."};
    (void)state;
    put_name("mail.example");
    end_snapshot();
    for (size_t i = 0; i < COUNT(ours); i++)
        if (!host_is_ours(ours[i], &shown.snapshot))
            fail_msg("%s", ours[i]);
}

static void the_names_of_others_are_not(void **state)
{
    static const char *const others[] = {"",
                                         ":",
                                         ":9770",
                                         "evil.example",
                                         "mail.example.evil.example",
                                         "localhost.evil.example",
                                         "xlocalhost",
                                         "127.0.0.1.evil",
                                         "127.0.0.1:9770x",
                                         "127.0.0.1:-1",
                                         "127.1",
                                         "0x7f.1",
                                         "[::1",
                                         "::1",
                                         "[evil]",
                                         "[::1]evil",
                                         "[::1]:x",
                                         "user@localhost",
                                         "localhost evil",
                                         "mail.exampl",
                                         "[",
                                         "[]",
                                         ".",
                                         "mail.example..",
                                         "[0000:0000:0000:0000:0000:0000:0000:0000:0000:1]"};
    char longest[600];
    (void)state;
    put_name("mail.example");
    end_snapshot();
    for (size_t i = 0; i < COUNT(others); i++)
        if (host_is_ours(others[i], &shown.snapshot))
            fail_msg("%s", others[i]);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(host_is_ours(longest, &shown.snapshot));
    longest[0] = '[';
    assert_false(host_is_ours(longest, &shown.snapshot));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_and_our_names_are_ours),
        TEST(the_names_of_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
