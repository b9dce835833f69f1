/* test_probe.c - what a server's greeting says of its health. */
#include "proxy/starttls/starttls.h"
#include "tests/support/unit.h"

static enum probe_verdict judge(enum protocol p, const char *said, size_t size)
{
    struct slice words;
    return probe_judge(starttls_probe(p), (struct slice){(const uint8_t *)said, size}, &words);
}

static const struct row {
    enum protocol protocol;
    const char *said;
    size_t size;
    enum probe_verdict verdict;
} rows[] = {
#define ROW(protocol, said, verdict)                                                               \
    {                                                                                              \
        protocol, said, sizeof said - 1, verdict                                                   \
    }
    ROW(PROTOCOL_POP3, "+OK ready <1.2@h>\r\n", PROBE_WELL),
    ROW(PROTOCOL_POP3, "+OK\r\n", PROBE_WELL),
    ROW(PROTOCOL_POP3, "-ERR [SYS/TEMP] later\r\n", PROBE_ILL),
    ROW(PROTOCOL_POP3, "+OKAY\r\n", PROBE_ILL),
    ROW(PROTOCOL_IMAP, "* OK [CAPABILITY IMAP4rev1] hi\r\n", PROBE_WELL),
    ROW(PROTOCOL_IMAP, "* ok hi\n", PROBE_WELL),
    ROW(PROTOCOL_IMAP, "* PREAUTH you again\r\n", PROBE_WELL),
    ROW(PROTOCOL_IMAP, "* BYE too many\r\n", PROBE_ILL),
    ROW(PROTOCOL_SMTP, "220 mx ESMTP\r\n", PROBE_WELL),
    ROW(PROTOCOL_SMTP, "220-mx\r\n220-and more\r\n220 go on\r\n", PROBE_WELL),
    ROW(PROTOCOL_SMTP, "220-mx\r\n421 not now\r\n", PROBE_ILL),
    ROW(PROTOCOL_SMTP, "554 no service\r\n", PROBE_ILL),
    ROW(PROTOCOL_NNTP, "200 posting\r\n", PROBE_WELL),
    ROW(PROTOCOL_NNTP, "201 no posting\r\n", PROBE_WELL),
    ROW(PROTOCOL_NNTP, "400 overloaded\r\n", PROBE_ILL),
    ROW(PROTOCOL_NNTP, "502 not you\r\n", PROBE_ILL),
    ROW(PROTOCOL_SIEVE, "\"IMPLEMENTATION\" \"x\"\r\n\"SASL\" \"PLAIN\"\r\nOK \"hi\"\r\n",
        PROBE_WELL),
    ROW(PROTOCOL_SIEVE, "ok\r\n", PROBE_WELL),
    ROW(PROTOCOL_SIEVE, "BYE \"later\"\r\n", PROBE_ILL),
    ROW(PROTOCOL_SIEVE, "NO\r\n", PROBE_ILL),
    /* empty lines first, and between */
    ROW(PROTOCOL_POP3, "\r\n+OK\r\n", PROBE_WELL),
    ROW(PROTOCOL_IMAP, "\n\r\n* OK hi\r\n", PROBE_WELL),
    ROW(PROTOCOL_SMTP, "\r\n220-mx\r\n\r\n220 go on\r\n", PROBE_WELL),
    ROW(PROTOCOL_SMTP, "\r\n554 no service\r\n", PROBE_ILL),
    ROW(PROTOCOL_NNTP, "\r\n200 posting\r\n", PROBE_WELL),
    ROW(PROTOCOL_SIEVE, "\r\n\"SASL\" \"\"\r\n\r\nOK\r\n", PROBE_WELL),
    /* the entry, then the result */
    ROW(PROTOCOL_LDAP,
        "\x30\x09\x02\x01\x01\x64\x04\x04\x00\x30\x00"
        "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00",
        PROBE_WELL),
    ROW(PROTOCOL_LDAP, "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x32\x04\x00\x04\x00",
        PROBE_WELL), /* 50 */
    ROW(PROTOCOL_LDAP, "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x33\x04\x00\x04\x00",
        PROBE_ILL), /* busy */
    ROW(PROTOCOL_LDAP, "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x34\x04\x00\x04\x00", PROBE_ILL),
    /* a notice of disconnection */
    ROW(PROTOCOL_LDAP, "\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00", PROBE_ILL),
    ROW(PROTOCOL_LDAP, "\x30\x05\x02\x01\x01\x65\x00", PROBE_ILL),
    ROW(PROTOCOL_LDAP, "+OK\r\n", PROBE_ILL),
    ROW(PROTOCOL_LDAP, "\x30\x84\x7f\xff\xff\xff\x02", PROBE_ILL),
#undef ROW
};

/* The verdict falls with the last byte or before, and then stands. */
static void a_greeting_means_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];
        bool fallen = false;
        for (size_t n = 0; n <= r->size; n++) {
            const enum probe_verdict verdict = judge(r->protocol, r->said, n);
            assert_true(verdict == r->verdict || (verdict == PROBE_MORE && !fallen));
            fallen |= verdict != PROBE_MORE;
        }
        assert_true(fallen);
    }
}

static void a_port_that_is_open_is_enough_where_nothing_is_known(void **state)
{
    (void)state;
    assert_int_equal(judge(PROTOCOL_TCP, "", 0), PROBE_WELL);
    for (int p = PROTOCOL_POP3; p <= PROTOCOL_SIEVE; p++)
        assert_int_equal(judge((enum protocol)p, "", 0), PROBE_MORE);
}

static void what_never_ends_is_no_greeting(void **state)
{
    (void)state;
    static char flood[PROBE_MAX];
    struct slice words;
    memset(flood, '2', sizeof flood);
    for (int p = PROTOCOL_POP3; p <= PROTOCOL_SIEVE; p++)
        assert_int_equal(judge((enum protocol)p, flood, sizeof flood), PROBE_ILL);
    for (size_t i = 0; i + 6 <= sizeof flood; i += 6)
        memcpy(flood + i, "220-x\n", 6);
    assert_int_equal(judge(PROTOCOL_SMTP, flood, sizeof flood), PROBE_ILL);
    /* an answer that would be too long */
    assert_int_equal(probe_judge(starttls_probe(PROTOCOL_LDAP),
                                 (struct slice){(const uint8_t *)"\x30\x82\x40\x01", 4}, &words),
                     PROBE_ILL);
}

static void a_refusal_is_given_in_the_servers_words(void **state)
{
    (void)state;
    static const char said[] = "220-mx\r\n421 not now\r\n";
    struct slice words;
    assert_int_equal(probe_judge(starttls_probe(PROTOCOL_SMTP),
                                 (struct slice){(const uint8_t *)said, sizeof said - 1}, &words),
                     PROBE_ILL);
    assert_int_equal(words.size, strlen("421 not now"));
    assert_memory_equal(words.data, "421 not now", words.size);
}

static void assert_says(void (*what)(const struct probe_rules *rules, struct buf *out),
                        enum protocol p, const void *text, size_t size)
{
    struct buf out;
    buf_init(&out, 1024);
    what(starttls_probe(p), &out);
    assert_int_equal(out.size, size);
    if (size > 0)
        assert_memory_equal(out.data, text, size);
    buf_free(&out);
}

static void we_ask_only_who_does_not_speak_first(void **state)
{
    (void)state;
    static const char search[] =
        "\x30\x2a\x02\x01\x01\x63\x25\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00"
        "\x01\x01\x00\x87\x0bobjectClass\x30\x05\x04\x03"
        "1.1";
    assert_says(probe_begin, PROTOCOL_LDAP, search, sizeof search - 1);
    assert_says(probe_begin, PROTOCOL_POP3, "", 0);
    assert_says(probe_begin, PROTOCOL_TCP, "", 0);
}

static void we_say_goodbye(void **state)
{
    (void)state;
    assert_says(probe_leave, PROTOCOL_POP3, "QUIT\r\n", 6);
    assert_says(probe_leave, PROTOCOL_SMTP, "QUIT\r\n", 6);
    assert_says(probe_leave, PROTOCOL_NNTP, "QUIT\r\n", 6);
    assert_says(probe_leave, PROTOCOL_IMAP, "a LOGOUT\r\n", 10);
    assert_says(probe_leave, PROTOCOL_SIEVE, "LOGOUT\r\n", 8);
    assert_says(probe_leave, PROTOCOL_LDAP, "\x30\x05\x02\x01\x02\x42\x00", 7);
    assert_says(probe_leave, PROTOCOL_TCP, "", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_means_the_same_however_it_is_cut),
        cmocka_unit_test(a_port_that_is_open_is_enough_where_nothing_is_known),
        cmocka_unit_test(what_never_ends_is_no_greeting),
        cmocka_unit_test(a_refusal_is_given_in_the_servers_words),
        cmocka_unit_test(we_ask_only_who_does_not_speak_first),
        cmocka_unit_test(we_say_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
