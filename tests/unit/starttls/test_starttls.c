/* test_starttls.c - every refusal in every protocol, word for word. */
#include "proxy/starttls/starttls.h"
#include "tests/support/unit.h"

#define DOWN     "Service not available, try again later"
#define MANY     "Too many connections, try again later"
#define DENIED   "No service for your address"
#define FAST     "Too many connections in a short time, try again later"
#define DRAINING "Service is shutting down, try again later"

static void assert_refusal(enum protocol p, enum starttls_refusal why, const char *expected)
{
    struct buf b;
    buf_init(&b, 1024);
    starttls_refuse(p, why, "mail.example", &b);
    assert_text(&b, expected);
    buf_free(&b);
}

static void smtp_says_421_and_its_name(void **state)
{
    (void)state;
    assert_refusal(PROTOCOL_SMTP, REFUSE_UPSTREAM_DOWN, "421 mail.example " DOWN "\r\n");
    assert_refusal(PROTOCOL_SMTP, REFUSE_TOO_MANY, "421 mail.example " MANY "\r\n");
    assert_refusal(PROTOCOL_SMTP, REFUSE_DRAINING, "421 mail.example " DRAINING "\r\n");
    assert_refusal(PROTOCOL_SMTP, REFUSE_DENIED, "421 mail.example " DENIED "\r\n");
    assert_refusal(PROTOCOL_SMTP, REFUSE_TOO_FAST, "421 mail.example " FAST "\r\n");
}

static void pop3_says_err_sys_temp(void **state)
{
    (void)state;
    assert_refusal(PROTOCOL_POP3, REFUSE_UPSTREAM_DOWN, "-ERR [SYS/TEMP] " DOWN "\r\n");
    assert_refusal(PROTOCOL_POP3, REFUSE_TOO_MANY, "-ERR [SYS/TEMP] " MANY "\r\n");
    assert_refusal(PROTOCOL_POP3, REFUSE_DRAINING, "-ERR [SYS/TEMP] " DRAINING "\r\n");
    assert_refusal(PROTOCOL_POP3, REFUSE_DENIED, "-ERR [SYS/TEMP] " DENIED "\r\n");
    assert_refusal(PROTOCOL_POP3, REFUSE_TOO_FAST, "-ERR [SYS/TEMP] " FAST "\r\n");
}

static void imap_says_bye_unavailable(void **state)
{
    (void)state;
    assert_refusal(PROTOCOL_IMAP, REFUSE_UPSTREAM_DOWN, "* BYE [UNAVAILABLE] " DOWN "\r\n");
    assert_refusal(PROTOCOL_IMAP, REFUSE_TOO_MANY, "* BYE [UNAVAILABLE] " MANY "\r\n");
    assert_refusal(PROTOCOL_IMAP, REFUSE_DRAINING, "* BYE [UNAVAILABLE] " DRAINING "\r\n");
    assert_refusal(PROTOCOL_IMAP, REFUSE_DENIED, "* BYE [UNAVAILABLE] " DENIED "\r\n");
    assert_refusal(PROTOCOL_IMAP, REFUSE_TOO_FAST, "* BYE [UNAVAILABLE] " FAST "\r\n");
}

static void nntp_says_400(void **state)
{
    (void)state;
    assert_refusal(PROTOCOL_NNTP, REFUSE_UPSTREAM_DOWN, "400 " DOWN "\r\n");
    assert_refusal(PROTOCOL_NNTP, REFUSE_TOO_MANY, "400 " MANY "\r\n");
    assert_refusal(PROTOCOL_NNTP, REFUSE_DRAINING, "400 " DRAINING "\r\n");
    assert_refusal(PROTOCOL_NNTP, REFUSE_DENIED, "400 " DENIED "\r\n");
    assert_refusal(PROTOCOL_NNTP, REFUSE_TOO_FAST, "400 " FAST "\r\n");
}

static void managesieve_says_bye_trylater(void **state)
{
    (void)state;
    assert_refusal(PROTOCOL_SIEVE, REFUSE_UPSTREAM_DOWN, "BYE (TRYLATER) \"" DOWN "\"\r\n");
    assert_refusal(PROTOCOL_SIEVE, REFUSE_TOO_MANY, "BYE (TRYLATER) \"" MANY "\"\r\n");
    assert_refusal(PROTOCOL_SIEVE, REFUSE_DRAINING, "BYE (TRYLATER) \"" DRAINING "\"\r\n");
    assert_refusal(PROTOCOL_SIEVE, REFUSE_DENIED, "BYE (TRYLATER) \"" DENIED "\"\r\n");
    assert_refusal(PROTOCOL_SIEVE, REFUSE_TOO_FAST, "BYE (TRYLATER) \"" FAST "\"\r\n");
}

static void tcp_has_no_words(void **state)
{
    (void)state;
    assert_refusal(PROTOCOL_TCP, REFUSE_UPSTREAM_DOWN, "");
    assert_refusal(PROTOCOL_TCP, REFUSE_TOO_MANY, "");
    assert_refusal(PROTOCOL_TCP, REFUSE_DRAINING, "");
    assert_refusal(PROTOCOL_TCP, REFUSE_DENIED, "");
    assert_refusal(PROTOCOL_TCP, REFUSE_TOO_FAST, "");
}

/* A BER element with a one-byte length: its contents, and `at` behind it. */
struct element {
    const uint8_t *data;
    size_t size;
};

static struct element take(const uint8_t **at, const uint8_t *end, uint8_t tag)
{
    assert_true(end - *at >= 2);
    assert_int_equal((*at)[0], tag);
    assert_true((*at)[1] < 0x80);
    const struct element e = {*at + 2, (*at)[1]};
    assert_true((size_t)(end - e.data) >= e.size);
    *at = e.data + e.size;
    return e;
}

static void assert_element(const uint8_t **at, const uint8_t *end, uint8_t tag, const char *value,
                           size_t size)
{
    const struct element e = take(at, end, tag);
    assert_int_equal(e.size, size);
    if (size > 0)
        assert_memory_equal(e.data, value, size);
}

/* RFC 4511, 4.4.1: LDAPMessage { 0, ExtendedResponse { code, "", text, [10] OID } }. */
static void assert_notice(enum starttls_refusal why, char code, const char *text)
{
    static const char oid[] = "1.3.6.1.4.1.1466.20036";
    struct buf b;
    buf_init(&b, 1024);
    starttls_refuse(PROTOCOL_LDAP, why, "mail.example", &b);
    assert_false(b.failed);
    const uint8_t *at = b.data, *end = b.data + b.size;
    const struct element message = take(&at, end, 0x30);
    assert_ptr_equal(at, end);

    at = message.data;
    end = message.data + message.size;
    assert_element(&at, end, 0x02, "\0", 1);
    const struct element response = take(&at, end, 0x78);
    assert_ptr_equal(at, end);

    at = response.data;
    end = response.data + response.size;
    assert_element(&at, end, 0x0a, &code, 1);
    assert_element(&at, end, 0x04, "", 0);
    assert_element(&at, end, 0x04, text, strlen(text));
    assert_element(&at, end, 0x8a, oid, strlen(oid));
    assert_ptr_equal(at, end);
    buf_free(&b);
}

static void ldap_gives_notice_of_disconnection(void **state)
{
    (void)state;
    assert_notice(REFUSE_UPSTREAM_DOWN, 52, DOWN); /* unavailable */
    assert_notice(REFUSE_TOO_MANY, 51, MANY);      /* busy */
    assert_notice(REFUSE_DRAINING, 52, DRAINING);
    assert_notice(REFUSE_DENIED, 52, DENIED);
    assert_notice(REFUSE_TOO_FAST, 51, FAST);
}

static void the_ldap_notice_byte_for_byte(void **state)
{
    (void)state;
    static const char expected[] =
        "\x30\x49\x02\x01\x00\x78\x44\x0a\x01\x33\x04\x00\x04\x25" MANY "\x8a\x16"
        "1.3.6.1.4.1.1466.20036";
    struct buf b;
    buf_init(&b, 1024);
    starttls_refuse(PROTOCOL_LDAP, REFUSE_TOO_MANY, "", &b);
    assert_holds(&b, expected, sizeof expected - 1);
    buf_free(&b);
}

static void a_refusal_follows_what_is_there(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    buf_puts(&b, "x");
    starttls_refuse(PROTOCOL_NNTP, REFUSE_TOO_MANY, "h", &b);
    assert_text(&b, "x400 " MANY "\r\n");
    buf_free(&b);
    buf_init(&b, 10);
    starttls_refuse(PROTOCOL_NNTP, REFUSE_TOO_MANY, "h", &b);
    assert_true(b.failed);
    buf_free(&b);
}

/* A row may be there and have gaps, by which its protocol would be served less. */
static void every_protocol_with_starttls_has_a_whole_module(void **state)
{
    (void)state;
    for (int i = 0; i < PROTOCOLS; i++) {
        const struct protocol_facts *facts = protocol_facts((enum protocol)i);
        const struct starttls *module = starttls_of((enum protocol)i);
        if ((module != NULL) != facts->has_starttls)
            fail_msg("%s: a fact without a module, or a module without the fact", facts->name);
        if (module == NULL)
            continue;
        assert_int_equal(module->greet != NULL, facts->server_speaks_first);
        assert_true(module->client != NULL && module->upstream != NULL);
        assert_true(module->cut_short != NULL && module->refuse != NULL);
        const struct probe_rules *probe = module->probe;
        assert_true(probe != NULL && probe->goodbye_size > 0);
        assert_int_equal(probe->line != NULL, facts->server_speaks_first);
        assert_int_equal(probe->judge != NULL, !facts->server_speaks_first);
        assert_int_equal(probe->begin != NULL, !facts->server_speaks_first);
        /* POP3 has no place for unasked words. */
        assert_int_equal(module->boundary == NULL, i == PROTOCOL_POP3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_protocol_with_starttls_has_a_whole_module),
        cmocka_unit_test(smtp_says_421_and_its_name),
        cmocka_unit_test(pop3_says_err_sys_temp),
        cmocka_unit_test(imap_says_bye_unavailable),
        cmocka_unit_test(nntp_says_400),
        cmocka_unit_test(managesieve_says_bye_trylater),
        cmocka_unit_test(tcp_has_no_words),
        cmocka_unit_test(ldap_gives_notice_of_disconnection),
        cmocka_unit_test(the_ldap_notice_byte_for_byte),
        cmocka_unit_test(a_refusal_follows_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
