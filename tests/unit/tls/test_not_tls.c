/* test_not_tls.c - strangers on a TLS port are named by what they say first. */
#include "tests/support/unit.h"
#include "tls/not_tls.h"

#define SAYS(bytes)                                                                                \
    (struct tls_slice)                                                                             \
    {                                                                                              \
        (const uint8_t *)(bytes), sizeof(bytes) - 1                                                \
    }

static const struct stranger {
    struct tls_slice says;
    const char *words; /* at the end of what the log gets */
} strangers[] = {
    {SAYS("EHLO client.example\r\n"), "plaintext on a TLS port: SMTP"},
    {SAYS("helo x\n"), ": SMTP"},
    {SAYS("LHLO x\r\n"), ": LMTP"},
    {SAYS("USER anna\r\n"), ": POP3"},
    {SAYS("CAPA\r\n"), ": POP3"},
    {SAYS("CAPA"), ": POP3"},
    {SAYS("STLS\r\n"), ": POP3"},
    {SAYS("a001 CAPABILITY\r\n"), ": IMAP"},
    {SAYS("1 login anna secret\r\n"), ": IMAP"},
    {SAYS("A.1 STARTTLS\r\n"), ": IMAP"},
    {SAYS("CAPABILITIES\r\n"), ": NNTP"},
    {SAYS("MODE READER\r\n"), ": NNTP"},
    {SAYS("CAPABILITY\r\n"), ": ManageSieve"},
    {SAYS("AUTHENTICATE \"PLAIN\" \"\"\r\n"), ": ManageSieve"},
    {SAYS("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), ": HTTP"},
    {SAYS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ": HTTP"},
    {SAYS("SSH-2.0-OpenSSH_9.2\r\n"), ": SSH"},
    {SAYS("0\x0c\2\1\1`\7\2\1\3\4\0\x80\0"), ": LDAP"},           /* a bind */
    {SAYS("0\x84\0\0\0\x0c\2\1\1`\7\2\1\3\4\0\x80\0"), ": LDAP"}, /* as Windows writes lengths */
    {SAYS("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), "see accept-proxy-from"},
    {SAYS("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"), "see accept-proxy-from"},
    {SAYS("\x80\x2e\1\0\2\0\x15"), "SSL 2.0 ClientHello; it needs a setting for TLS"},
    {SAYS("\x80\x2e"), "SSLv2 or something that is not TLS"},
    {SAYS("\xff\xf4\xff\xfd\6"), "SSLv2 or something that is not TLS"}, /* telnet */
    {SAYS("E"), "plaintext on a TLS port"},
    {SAYS("EHLOX\r\n"), "plaintext on a TLS port"},
    {SAYS("\r\n"), "plaintext on a TLS port"},
    {SAYS("0"), "plaintext on a TLS port"},
    {SAYS("0\x84\0"), "plaintext on a TLS port"},
    {SAYS("tag "), "plaintext on a TLS port"},
    {SAYS("XYZZY LOGINS\r\n"), "plaintext on a TLS port"},
    {SAYS("\0\0\0\0"), "client spoke something that is not TLS"},
    {SAYS("\x18\3\3"), "client spoke something that is not TLS"},
};

static void whoever_speaks_without_tls_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strangers); i++) {
        const struct stranger *s = &strangers[i];
        const char *words = not_tls(s->says);
        assert_non_null(words);
        const size_t size = strlen(words), end = strlen(s->words);
        if (size < end || strcmp(words + size - end, s->words) != 0)
            fail_msg("\"%s\": \"%s\", not \"%s\"", (const char *)s->says.data, words, s->words);
    }
}

/* What follows may be cut anywhere; it only makes the words less exact. */
static void every_beginning_is_some_stranger(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strangers); i++)
        for (size_t size = 1; size < strangers[i].says.size; size++) {
            uint8_t *exact = malloc(size); /* so that a byte too many is found */
            memcpy(exact, strangers[i].says.data, size);
            assert_non_null(not_tls((struct tls_slice){exact, size}));
            free(exact);
        }
}

static void what_begins_a_record_is_tls(void **state)
{
    (void)state;
    for (uint8_t type = 20; type <= 23; type++)
        assert_null(not_tls((struct tls_slice){&type, 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_speaks_without_tls_is_named),
        cmocka_unit_test(every_beginning_is_some_stranger),
        cmocka_unit_test(what_begins_a_record_is_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
