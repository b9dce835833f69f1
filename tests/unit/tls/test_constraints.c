/* test_constraints.c - names of certificates against the nameConstraints of who is above them */
#include "tests/unit/tls/pki.c"
#include "tls/constraints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PERMITTED = 0xa0, EXCLUDED = 0xa1 };
enum { EMAIL = 0x81, DNS = 0x82, X400 = 0xa3, DIRECTORY = 0xa4, URI = 0x86, ADDRESS = 0x87 };

/* O=Test, as a PrintableString. */
#define O_TEST "\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x0a\x13\x04Test"

static void parse(mbedtls_x509_crt *crt, const struct pki_spec *spec)
{
    char *pem = pki_certificate(spec);
    mbedtls_x509_crt_init(crt);
    assert_int_equal(mbedtls_x509_crt_parse(crt, (const uint8_t *)pem, strlen(pem) + 1), 0);
    free(pem);
}

/* In DER without a zero byte, of up to 127 bytes. */
static const char *constraint(int which, int kind, const char *base)
{
    static char der[128];
    const int size = (int)strlen(base);
    snprintf(der, sizeof der, "\x30%c%c%c\x30%c%c%c%s", size + 6, which, size + 4, size + 2, kind,
             size, base);
    return der;
}

/* A certificate below an authority with the extension. */
static bool allows(const char *extension, const struct pki_spec *spec)
{
    mbedtls_x509_crt ca, crt;
    parse(&ca, &(struct pki_spec){.subject = "CN=CA",
                                  .key = PKI_EC256,
                                  .ca = true,
                                  .extension = extension != NULL ? "\x55\x1d\x1e" : NULL,
                                  .value = extension,
                                  .extension_critical = true});
    parse(&crt, spec);
    assert_int_equal(constraints_any(&ca), extension != NULL);
    const bool is = constraints_allow(&ca, &crt);
    mbedtls_x509_crt_free(&ca);
    mbedtls_x509_crt_free(&crt);
    return is;
}

static const struct {
    int kind;
    const char *base, *name;
    bool within;
} rows[] = {
    {DNS, "good.test", "good.test", true},
    {DNS, "good.test", "A.GOOD.Test", true},
    {DNS, "good.test", "b.a.good.test", true},
    {DNS, "good.test", "*.good.test", true},
    {DNS, "good.test", "notgood.test", false},
    {DNS, "good.test", "good.test.evil", false},
    {DNS, "good.test", "test", false},
    {DNS, "good.test", "a.good.test.", true}, /* in full: the same host */
    {DNS, "good.test.", "a.good.test", true},
    {DNS, "a.good.test", "*.test", false}, /* is for one label */
    {DNS, ".a.good.test", "*.good.test", false},
    {DNS, ".good.test", "a.good.test", true},
    {DNS, ".good.test", "good.test", false},
    {EMAIL, "good.test", "al@GOOD.test", true},
    {EMAIL, "good.test", "al@a.good.test", false},
    {EMAIL, ".good.test", "al@a.good.test", true},
    {EMAIL, ".good.test", "al@good.test", false},
    {EMAIL, "al@good.test", "al@Good.test", true},
    {EMAIL, "al@good.test", "Al@good.test", false},
    {EMAIL, "al@good.test", "al@evil@good.test", false},
    {EMAIL, "good.test", "good.test@evil.test", false},
    {URI, "good.test", "https://good.test/x", true},
    {URI, "good.test", "https://al:x@good.test:8443?a", true},
    {URI, "good.test", "https://a.good.test", false},
    {URI, ".good.test", "https://a.good.test#x", true},
    {URI, "good.test", "https://evil.test/@good.test", false},
    {URI, "good.test", "https://evil.test?://good.test", false},
    {ADDRESS, "\x0a\x09\x08\x07\xff\xff\xff\xff", "10.9.8.7", true},
    {ADDRESS, "\x0a\x09\x08\x07\xff\xff\xff\xff", "10.9.8.6", false},
    {ADDRESS, "\x0a\x09\x08\x01\xff\xff\xff\x01", "10.9.8.7", true},
};

static void a_name_is_within_what_is_above_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const names[] = {rows[i].name, NULL};
        const struct pki_spec spec = {
            .subject = "", .issuer = "CN=CA", .names = names, .key = PKI_EC256};
        const bool is = allows(constraint(PERMITTED, rows[i].kind, rows[i].base), &spec),
                   is_out = allows(constraint(EXCLUDED, rows[i].kind, rows[i].base), &spec);
        if (is != rows[i].within || is_out == rows[i].within)
            fail_msg("%s against %s: permitted %d, excluded %d", rows[i].name, rows[i].base, is,
                     !is_out);
    }
}

static void every_name_has_to_be_within(void **state)
{
    (void)state;
    static const char *const both[] = {"a.good.test", "evil.test", NULL};
    static const char *const odd[] = {"urn:good", NULL}, *const mail[] = {"al@evil.test", NULL};
    struct pki_spec spec = {.subject = "", .issuer = "CN=CA", .names = both, .key = PKI_EC256};
    assert_false(allows(constraint(PERMITTED, DNS, "good.test"), &spec));
    assert_false(allows(constraint(EXCLUDED, DNS, "good.test"), &spec));
    spec.names = mail; /* nothing is said of that kind */
    assert_true(allows(constraint(PERMITTED, DNS, "good.test"), &spec));
    assert_true(allows(NULL, &spec));
    spec.names = odd; /* it has no host */
    assert_false(allows(constraint(PERMITTED, URI, "good.test"), &spec));
    assert_false(allows(constraint(EXCLUDED, URI, "good.test"), &spec));
}

static void a_subject_is_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *subject;
        bool within;
    } subjects[] = {{"O=Test,CN=alice", true},
                    {"O=TEST", true},
                    {"CN=alice,O=Test", false},
                    {"O=Tester,CN=al", false},
                    {"OU=Test", false}};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        const struct pki_spec spec = {.subject = subjects[i].subject, .key = PKI_EC256};
        assert_int_equal(allows(constraint(PERMITTED, DIRECTORY, O_TEST), &spec),
                         subjects[i].within);
        assert_int_equal(allows(constraint(EXCLUDED, DIRECTORY, O_TEST), &spec),
                         !subjects[i].within);
    }
    assert_true(allows(constraint(PERMITTED, DIRECTORY, O_TEST),
                       &(struct pki_spec){.subject = "", .issuer = "CN=CA", .key = PKI_EC256}));
}

static void what_cannot_be_read_allows_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"a.good.test", NULL};
    static const char *const broken[] = {
        "\x30\x10\xa0\x0d\x30\x0b\x82\x09good.test",             /* too short */
        "\x30\x0f\xa0\x0d\x30\x0b\x82\x09good.test!",            /* something behind it */
        "\x30\x12\xa0\x10\x30\x0e\x82\x09good.test\x80\x01\x01", /* a minimum */
        "\x30\x0f\xa2\x0d\x30\x0b\x82\x09good.test", /* neither permitted nor excluded */
        "\x04\x01\x01",
    };
    const struct pki_spec spec = {
        .subject = "", .issuer = "CN=CA", .names = names, .key = PKI_EC256};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_false(allows(broken[i], &spec));
    assert_true(allows(constraint(PERMITTED, X400, "x"), &spec)); /* it has none of that kind */
}

/* Some of its hosts are within, some are not. */
static void a_wildcard_is_within_as_a_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char *const names[] = {"*.good.test", NULL};
    const struct pki_spec spec = {
        .subject = "", .issuer = "CN=CA", .names = names, .key = PKI_EC256};
    assert_false(allows(constraint(PERMITTED, DNS, "a.good.test"), &spec));
    assert_false(allows(constraint(EXCLUDED, DNS, "A.good.test"), &spec));
    assert_true(allows(constraint(EXCLUDED, DNS, "b.a.good.test"), &spec));
}

static void a_mail_address_in_the_subject_is_a_name(void **state)
{
    (void)state;
    const struct pki_spec good = {.subject = "CN=al,emailAddress=al@good.test", .key = PKI_EC256},
                          evil = {.subject = "CN=al,emailAddress=al@evil.test", .key = PKI_EC256};
    assert_true(allows(constraint(PERMITTED, EMAIL, "good.test"), &good));
    assert_false(allows(constraint(PERMITTED, EMAIL, "good.test"), &evil));
    assert_false(allows(constraint(EXCLUDED, EMAIL, "evil.test"), &evil));
}

static void what_is_no_base_of_its_kind_keeps_out(void **state)
{
    (void)state;
    static const char *const names[] = {"10.9.8.7", NULL};
    const struct pki_spec spec = {
        .subject = "O=Test", .issuer = "CN=CA", .names = names, .key = PKI_EC256};
    assert_false(allows(constraint(EXCLUDED, ADDRESS, "\x0a\x09\x08"), &spec));
    assert_false(allows(constraint(EXCLUDED, DIRECTORY, "Test"), &spec));
}

static int teardown(void **state)
{
    (void)state;
    pki_free();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    return tls_init(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_within_what_is_above_it),
        cmocka_unit_test(every_name_has_to_be_within),
        cmocka_unit_test(a_subject_is_a_name),
        cmocka_unit_test(what_cannot_be_read_allows_nothing),
        cmocka_unit_test(a_wildcard_is_within_as_a_whole_or_not_at_all),
        cmocka_unit_test(a_mail_address_in_the_subject_is_a_name),
        cmocka_unit_test(what_is_no_base_of_its_kind_keeps_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
