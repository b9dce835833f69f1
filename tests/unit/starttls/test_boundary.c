/* test_boundary.c - where a goodbye may stand in what a client reads, however that was cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/starttls/starttls.h"

enum answer { NO, YES, LOST };

struct row {
    enum protocol protocol;
    const char *text;
    size_t size; /* 0: up to the NUL */
    enum answer answer;
};

static enum answer answer_of(const struct boundary *b, const struct boundary_rules *rules)
{
    assert_true(boundary_known(b, rules) || !boundary_reached(b, rules));
    if (!boundary_known(b, rules))
        return LOST;
    return boundary_reached(b, rules) ? YES : NO;
}

static void assert_row(const struct row *r)
{
    const size_t size = r->size > 0 ? r->size : strlen(r->text);
    const uint8_t *data = (const uint8_t *)r->text;
    const struct boundary_rules *rules = starttls_boundary(r->protocol);
    for (size_t at = 0; at <= size; at++) {
        struct boundary b = {0};
        boundary_read(&b, rules, (struct slice){data, at});
        boundary_read(&b, rules, (struct slice){data + at, size - at});
        if (answer_of(&b, rules) != r->answer)
            fail_msg("\"%s\" cut at %zu", r->text, at);
    }
    struct boundary b = {0};
    for (size_t i = 0; i < size; i++)
        boundary_read(&b, rules, (struct slice){data + i, 1});
    assert_int_equal(answer_of(&b, rules), r->answer);
}

#define ASSERT_ROWS(...)                                                                           \
    const struct row rows[] = {__VA_ARGS__};                                                       \
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)                                        \
    assert_row(&rows[i])

#define HELLO    "* OK [CAPABILITY IMAP4rev1] hello\r\n"
#define WITH_NUL HELLO "* 1 FETCH (BINARY[] ~{3}\r\na\0b)\r\n"

static void imap_between_responses_and_behind_literals(void **state)
{
    (void)state;
    ASSERT_ROWS({PROTOCOL_IMAP, "", 0, YES}, {PROTOCOL_IMAP, HELLO, 0, YES},
                {PROTOCOL_IMAP, HELLO "+ idling\r\n", 0, YES},
                {PROTOCOL_IMAP, HELLO "+ idling\r\n* 3 EXISTS\r\n", 0, YES},
                {PROTOCOL_IMAP, HELLO "a1 OK done\r\n", 0, YES},
                {PROTOCOL_IMAP, HELLO "a1 NO [TRYCREATE] no\r\nA2 bad what\r\n", 0, YES},
                {PROTOCOL_IMAP, HELLO "* 3 EXI", 0, NO},
                {PROTOCOL_IMAP, HELLO "a1 OK done\r", 0, NO},
                {PROTOCOL_IMAP, HELLO "* 1 FETCH (BODY[] {5}\r\n", 0, NO},
                {PROTOCOL_IMAP, HELLO "* 1 FETCH (BODY[] {5}\r\nab\r\n", 0, NO},
                {PROTOCOL_IMAP, HELLO "* 1 FETCH (BODY[] {5}\r\nab\r\n\n", 0, NO},
                {PROTOCOL_IMAP, HELLO "* 1 FETCH (BODY[] {5}\r\na1 OK)\r\n", 0, YES},
                {PROTOCOL_IMAP, WITH_NUL, sizeof WITH_NUL - 1, YES},
                {PROTOCOL_IMAP, HELLO "* 1 FETCH (A {2}\r\n\r\n B {0}\r\n C {1}\r\nx)\r\n", 0, YES},
                {PROTOCOL_IMAP, HELLO "* 1 FETCH (A {2}\r\n\r\n B {0}\r\n", 0, NO},
                {PROTOCOL_IMAP, HELLO "* LIST () \"/\" {18446744073709551615}\r\nx\r\n", 0, NO},
                {PROTOCOL_IMAP, HELLO "* OK not one {x5}\r\n", 0, YES});
}

/* Compression, a security layer, or nothing of the protocol. */
static void what_cannot_be_followed_stays_lost(void **state)
{
    (void)state;
    ASSERT_ROWS({PROTOCOL_IMAP, HELLO "a1 OK DEFLATE active\r\n", 0, LOST},
                {PROTOCOL_IMAP, HELLO "a1 OK Begin compression.\r\n", 0, LOST},
                {PROTOCOL_IMAP, HELLO "\x12\x34\r\n* 1 EXISTS\r\n", 0, LOST},
                {PROTOCOL_IMAP, HELLO "\r\n", 0, LOST},
                {PROTOCOL_SMTP, "220 x\r\nwhat\r\n250 ok\r\n", 0, LOST},
                {PROTOCOL_SIEVE, "OK\r\nhm\r\nOK\r\n", 0, LOST},
                {PROTOCOL_NNTP, "200 x\r\n206 compressed\r\n200 x\r\n", 0, LOST},
                {PROTOCOL_LDAP, "\x30\x80\x02\x01\x01", 5, LOST},
                {PROTOCOL_LDAP, "\0\0\0\x04xxxx", 8, LOST},
                {PROTOCOL_LDAP, "\x30\x85\x01\x01\x01\x01\x01", 7, LOST});
}

static void protocols_without_a_place_for_it_have_none(void **state)
{
    (void)state;
    ASSERT_ROWS({PROTOCOL_POP3, "+OK hello\r\n", 0, LOST}, {PROTOCOL_TCP, "", 0, LOST},
                {PROTOCOL_ACME, "x\r\n", 0, LOST});
}

static void smtp_behind_the_last_line_of_a_reply(void **state)
{
    (void)state;
    ASSERT_ROWS({PROTOCOL_SMTP, "220 x ESMTP\r\n", 0, YES},
                {PROTOCOL_SMTP, "220-x\r\n220 ESMTP\r\n", 0, YES},
                {PROTOCOL_SMTP, "220 x\r\n250-x\r\n", 0, NO},
                {PROTOCOL_SMTP, "220 x\r\n250-x\r\n250 SIZE\r\n354 go\r\n", 0, YES},
                {PROTOCOL_SMTP, "220 x\r\n250\r\n", 0, YES}, {PROTOCOL_SMTP, "22", 0, NO});
}

static void sieve_between_lines_and_behind_strings(void **state)
{
    (void)state;
    ASSERT_ROWS({PROTOCOL_SIEVE, "\"SIEVE\" \"x\"\r\nOK\r\n", 0, YES},
                {PROTOCOL_SIEVE, "OK \"hello\"\r\nno {4}\r\na\r\nb\r\n", 0, YES},
                {PROTOCOL_SIEVE, "{4}\r\na\r\n", 0, NO}, {PROTOCOL_SIEVE, "{4+}\r\na\r\n", 0, NO},
                {PROTOCOL_SIEVE, "{4}\r\na\r\nb", 0, NO},
                {PROTOCOL_SIEVE, "{4}\r\na\r\nb\r\nOK\r\n", 0, YES});
}

static void nntp_behind_replies_and_texts(void **state)
{
    (void)state;
    ASSERT_ROWS({PROTOCOL_NNTP, "200 hello\r\n", 0, YES},
                {PROTOCOL_NNTP, "200 x\r\n220 1 <a@b>\r\n", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n220 1 <a@b>\r\n200 is text\r\n", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n220 1 <a@b>\r\n..\r\n.\r\n", 0, YES},
                {PROTOCOL_NNTP, "200 x\r\n101 list\r\n.\r\n", 0, YES},
                {PROTOCOL_NNTP, "200 x\r\n218 index\r\n223 1 <a@b>\r\n", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n288 threads\r\n223 1 <a@b>\r\n", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n211 3 1 3 a.b\r\n", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n211 3 1 3 a.b\r\n223 1 <a@b>\r\n", 0, YES},
                {PROTOCOL_NNTP, "200 x\r\n211 3 1 3 a.b\r\n223 1", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n211 3 1 3 a.b\r\n1\r\n300\r\n", 0, NO},
                {PROTOCOL_NNTP, "200 x\r\n211 3 1 3 a.b\r\n3000\r\n.\r\n", 0, YES},
                {PROTOCOL_NNTP, "200 x\r\n211 0 0 0 a.b\r\n.\r\n", 0, YES});
}

static bool is_doubtful(const char *text)
{
    struct boundary b = {0};
    boundary_read(&b, starttls_boundary(PROTOCOL_NNTP),
                  (struct slice){(const uint8_t *)text, strlen(text)});
    return boundary_doubtful(&b);
}

/* GROUP and LISTGROUP have the same reply. */
static void nntp_behind_a_reply_that_may_have_a_text(void **state)
{
    (void)state;
    assert_true(is_doubtful("200 x\r\n211 3 1 3 a.b\r\n"));
    assert_false(is_doubtful("200 x\r\n211 3 1 3 a.b"));
    assert_false(is_doubtful("200 x\r\n211 3 1 3 a.b\r\n1"));
    assert_false(is_doubtful("200 x\r\n211 3 1 3 a.b\r\n1\r\n"));
    assert_false(is_doubtful("200 x\r\n211 3 1 3 a.b\r\n223 1 <a@b>\r\n"));
    assert_false(is_doubtful("200 x\r\n"));
}

static void ldap_between_messages(void **state)
{
    (void)state;
    ASSERT_ROWS(
        {PROTOCOL_LDAP, "\x30\x03\x02\x01\x01", 5, YES}, {PROTOCOL_LDAP, "\x30\x03\x02\x01", 4, NO},
        {PROTOCOL_LDAP, "\x30", 1, NO}, {PROTOCOL_LDAP, "\x30\x81\x03\x02\x01\x01\x30\0", 8, YES},
        {PROTOCOL_LDAP, "\x30\x84\0\0\0\x03\x02\x01\x01", 9, YES},
        {PROTOCOL_LDAP, "\x30\x84\0\0\0", 5, NO},
        {PROTOCOL_LDAP, "\x30\x88\0\0\0\0\0\0\0\x01", 10, NO},
        {PROTOCOL_LDAP, "\x30\x88\0\0\0\0\0\0\0\x01\x30", 11, YES},
        {PROTOCOL_LDAP, "\x30\x84\x7f\xff\xff\xff\x02", 7, NO},
        {PROTOCOL_LDAP, "\x30\x84\xff\xff\xff\xff\x02", 7, LOST},
        {PROTOCOL_LDAP, "\x30\x80\x02\x01\x01", 5, LOST}, {PROTOCOL_LDAP, "\x30\x89\0\0", 4, LOST},
        {PROTOCOL_LDAP, "\x30\x03\x02\x01\x01+OK\r\n", 10, LOST});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imap_between_responses_and_behind_literals),
        cmocka_unit_test(what_cannot_be_followed_stays_lost),
        cmocka_unit_test(protocols_without_a_place_for_it_have_none),
        cmocka_unit_test(smtp_behind_the_last_line_of_a_reply),
        cmocka_unit_test(sieve_between_lines_and_behind_strings),
        cmocka_unit_test(nntp_behind_replies_and_texts),
        cmocka_unit_test(nntp_behind_a_reply_that_may_have_a_text),
        cmocka_unit_test(ldap_between_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
