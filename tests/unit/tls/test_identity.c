/* test_identity.c - loading certificates and keys, and what is said about them */
#include "tests/unit/tls/pki.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example", "*.pop.example", NULL};
static char *leaf, *leaf_key, *other_key, *ca, *from_ca;

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    leaf = pki_certificate(&(struct pki_spec){
        .subject = "CN=mail.example,O=Test", .names = names, .key = PKI_EC256, .serial = 0x2a});
    ca = pki_certificate(&(struct pki_spec){.subject = "CN=Test CA", .key = PKI_EC384, .ca = true});
    from_ca = pki_certificate(&(struct pki_spec){.subject = "CN=mail.example",
                                                 .names = names,
                                                 .key = PKI_EC256,
                                                 .issuer = "CN=Test CA",
                                                 .issuer_key = PKI_EC384});
    leaf_key = pki_key_pem(PKI_EC256);
    other_key = pki_key_pem(PKI_EC256_OTHER);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(leaf);
    free(leaf_key);
    free(other_key);
    free(ca);
    free(from_ca);
    pki_free();
    return 0;
}

static void facts_are_read(void **state)
{
    (void)state;
    struct tls_identity *id = pki_load(leaf, leaf_key);
    const struct tls_identity_facts *f = tls_identity_facts(id);
    assert_string_equal(f->subject, "CN=mail.example, O=Test");
    assert_string_equal(f->issuer, f->subject);
    assert_string_equal(f->serial, "2A");
    assert_int_equal(strlen(f->fingerprint), 64);
    assert_int_equal(f->name_count, 2);
    assert_string_equal(f->names[0], "mail.example");
    assert_string_equal(f->names[1], "*.pop.example");
    assert_int_equal(f->key_type, TLS_KEY_EC);
    assert_int_equal(f->key_bits, 256);
    assert_int_equal(f->chain_length, 1);
    assert_true(f->self_signed);
    time_t now = time(NULL);
    assert_true(f->not_before < now && f->not_after > now);
    assert_true(tls_identity_covers(id, "MAIL.example"));
    assert_true(tls_identity_covers(id, "a.pop.example"));
    assert_false(tls_identity_covers(id, "a.b.pop.example"));
    assert_false(tls_identity_covers(id, "example"));
    struct tls_identity *again = tls_identity_ref(id);
    tls_identity_free(id);
    assert_int_equal(tls_identity_facts(again)->key_bits, 256);
    tls_identity_free(again);
    tls_identity_free(NULL);
}

static void the_time_is_read_to_the_second(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=x", .key = PKI_EC256, .from = "20200229235958", .to = "20491231235959"});
    struct tls_identity *id = pki_load(crt, leaf_key);
    assert_int_equal(tls_identity_facts(id)->not_before, 1583020798);
    assert_int_equal(tls_identity_facts(id)->not_after, 2524607999);
    tls_identity_free(id);
    free(crt);
}

static void chain_and_key_may_share_a_file_in_any_order(void **state)
{
    (void)state;
    char *one = pki_join(leaf, leaf_key), *two = pki_join(leaf_key, leaf);
    struct tls_identity *a = pki_load(one, NULL), *b = pki_load(two, NULL);
    assert_string_equal(tls_identity_facts(a)->fingerprint, tls_identity_facts(b)->fingerprint);
    tls_identity_free(a);
    tls_identity_free(b);
    free(one);
    free(two);
}

static void without_alternative_names_the_common_name_counts(void **state)
{
    (void)state;
    char *crt =
        pki_certificate(&(struct pki_spec){.subject = "O=Test,CN=old.example", .key = PKI_EC256});
    struct tls_identity *id = pki_load(crt, leaf_key);
    assert_int_equal(tls_identity_facts(id)->name_count, 1);
    assert_true(tls_identity_covers(id, "old.example"));
    tls_identity_free(id);
    free(crt);
}

static void a_name_with_odd_bytes_covers_nothing(void **state)
{
    (void)state;
    static const char *const odd[] = {"a b.example", "mail.example\n", "ok.example", NULL};
    char *crt =
        pki_certificate(&(struct pki_spec){.subject = "CN=x", .names = odd, .key = PKI_EC256});
    struct tls_identity *id = pki_load(crt, leaf_key);
    assert_int_equal(tls_identity_facts(id)->name_count, 1);
    assert_string_equal(tls_identity_facts(id)->names[0], "ok.example");
    tls_identity_free(id);
    free(crt);
}

/* ---- refusals ---- */

static void assert_refused(struct tls_slice chain, struct tls_slice key, const char *part,
                           const char *other_part)
{
    struct err e = {.text = ""};
    assert_null(tls_identity_load(chain, "/x/chain.pem", key, "/x/key.pem", &e));
    if (strstr(e.text, part) == NULL ||
        (strstr(e.text, other_part) == NULL && strstr(e.cure, other_part) == NULL))
        fail_msg("\"%s\", \"%s\" does not say \"%s\" and \"%s\"", e.text, e.cure, part, other_part);
    assert_string_not_equal(e.cure, "");
}

static void assert_refused_text(const char *chain, const char *key, const char *part,
                                const char *other_part)
{
    assert_refused(pki_slice(chain), pki_slice(key), part, other_part);
}

static void a_wrong_key_is_told_with_both_paths(void **state)
{
    (void)state;
    assert_refused_text(leaf, other_key, "/x/chain.pem", "/x/key.pem");
    assert_refused_text(leaf, other_key, "does not belong", "");
    char *turned = pki_join(ca, from_ca);
    assert_refused_text(turned, leaf_key, "certificate 2 of /x/chain.pem", "come first");
    free(turned);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    assert_refused_text("", leaf_key, "/x/chain.pem holds no certificate", "");
    assert_refused_text(leaf_key, leaf_key, "/x/chain.pem holds no certificate", "");
    assert_refused_text(leaf, "", "/x/key.pem holds no private key", "");
    assert_refused_text(leaf, leaf, "/x/key.pem holds no private key", "");
    assert_refused(pki_slice(leaf), (struct tls_slice){NULL, 0},
                   "/x/chain.pem holds no private key", "");
}

static void damage_is_told(void **state)
{
    (void)state;
    char *bad = strdup(leaf), *bad_key = strdup(leaf_key);
    bad[100] = bad[100] == 'A' ? 'B' : 'A';
    bad[60] = bad[60] == 'A' ? 'B' : 'A';
    char *second = pki_join(leaf, bad);
    memmove(strstr(bad_key, "\n") + 1, strstr(bad_key, "\n") + 5,
            strlen(strstr(bad_key, "\n") + 5) + 1);
    assert_refused_text(bad, leaf_key, "/x/chain.pem line 1: a certificate", "");
    assert_refused_text(second, leaf_key, "/x/chain.pem line 11: a certificate", "");
    assert_refused_text(leaf, bad_key, "/x/key.pem: the private key is damaged", "");
    *strstr(bad, "-----END") = 0;
    assert_refused_text(bad, leaf_key, "cut short", "the whole file");
    free(bad);
    free(bad_key);
    free(second);
}

static void an_encrypted_key_is_refused_with_the_cure(void **state)
{
    (void)state;
    assert_refused_text(leaf,
                        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                        "-----END ENCRYPTED PRIVATE KEY-----\n",
                        "encrypted", "openssl pkey");
    assert_refused_text(leaf,
                        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nMAA=\n"
                        "-----END RSA PRIVATE KEY-----\n",
                        "encrypted", "/x/key.pem");
}

/* ---- keys as others write them ---- */

enum { DER_SIZE = 400 };

static size_t put(uint8_t *to, size_t at, const void *bytes, size_t size)
{
    memcpy(to + at, bytes, size);
    return at + size;
}

/* PKCS#8 of the leaf's key: with that version, and with something behind the key. */
static size_t make_info(uint8_t der[DER_SIZE], uint8_t version, const void *behind, size_t size)
{
    static const uint8_t algorithm[] = "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08"
                                       "\x2a\x86\x48\xce\x3d\x03\x01\x07";
    uint8_t sec1[200];
    int n = mbedtls_pk_write_key_der(pki_key(PKI_EC256), sec1, sizeof sec1);
    assert_in_range(n, 1, 127);
    const uint8_t head[] = {0x30, 0x82, 0, 0, 2, 1, version};
    const uint8_t octets[] = {4, (uint8_t)n};
    size_t at = put(der, 0, head, sizeof head);
    at = put(der, at, algorithm, sizeof algorithm - 1);
    at = put(der, at, octets, sizeof octets);
    at = put(der, at, sec1 + sizeof sec1 - (size_t)n, (size_t)n);
    at = put(der, at, behind, size);
    der[3] = (uint8_t)(at - 4);
    return at;
}

static char *key_text(const char *label, const uint8_t *der, size_t size)
{
    char head[64], foot[64];
    char *pem = malloc(2048);
    size_t used;
    snprintf(head, sizeof head, "-----BEGIN %s-----\n", label);
    snprintf(foot, sizeof foot, "-----END %s-----\n", label);
    PKI_CHECK(mbedtls_pem_write_buffer(head, foot, der, size, (uint8_t *)pem, 2048, &used));
    return pem;
}

static void assert_key_taken(const char *label, const uint8_t *der, size_t size)
{
    char *pem = key_text(label, der, size);
    tls_identity_free(pki_load(leaf, pem));
    free(pem);
}

/* Windows writes a keyUsage there; RFC 5958 allows the public half. */
static void a_key_with_something_behind_it_is_taken(void **state)
{
    static const uint8_t attributes[] =
        "\xa0\x0d\x30\x0b\x06\x03\x55\x1d\x0f\x31\x04\x03\x02\0\x10";
    static const uint8_t public_half[] = "\x81\x02\0\0";
    uint8_t der[DER_SIZE];
    (void)state;
    assert_key_taken("PRIVATE KEY", der, make_info(der, 0, "", 0));
    assert_key_taken("PRIVATE KEY", der, make_info(der, 0, attributes, sizeof attributes - 1));
    assert_key_taken("PRIVATE KEY", der, make_info(der, 1, public_half, sizeof public_half - 1));
    assert_key_taken("EC PRIVATE KEY", der, make_info(der, 0, "", 0)); /* the wrong label */
}

static void a_key_of_no_use_is_named_with_what_to_do(void **state)
{
    static const struct {
        const char *label, *der;
        size_t size;
        const char *said, *cure;
    } rows[] = {
#define DER(text) text, sizeof(text) - 1
        {"OPENSSH PRIVATE KEY", DER("openssh-key-v1"), "OpenSSH", "ssh-keygen"},
        {"DSA PRIVATE KEY", DER("\x30\x03\x02\x01\0"), "a DSA key", "tlsfront key new"},
        {"PRIVATE KEY", DER("\x30\x0c\x02\x01\0\x30\x05\x06\x03\x2b\x65\x71\x04\0"), "Ed448",
         "tlsfront key new"},
        {"PRIVATE KEY",
         DER("\x30\x12\x02\x01\0\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x04\0"),
         "RSA-PSS", "tlsfront key new"},
        {"EC PRIVATE KEY", DER("\x30\x0a\x02\x01\x01\x04\x01\x07\xa0\x02\x30\0"),
         "spells its curve out", "param_enc named_curve"},
        {"RSA PRIVATE KEY", DER("\x30\x07\x02\x01\x01\x02\x02\0\x80"), "more than two primes",
         "tlsfront key new"},
        {"RSA PRIVATE KEY", DER("\x30\x03\x02\x01\x01"), "in a form that cannot be read",
         "openssl pkey -in"},
        {"PRIVATE KEY", DER("\x30\x03\x02\x01"), "is damaged", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *pem = key_text(rows[i].label, (const uint8_t *)rows[i].der, rows[i].size);
        assert_refused_text(leaf, pem, rows[i].said, rows[i].cure);
        free(pem);
    }
}

static void an_rsa_key_beyond_the_limit_is_named_with_its_size(void **state)
{
    /* SEQUENCE { version, modulus of 16384 bits } */
    static uint8_t der[4 + 3 + 5 + 2048] = "\x30\x82\x08\x08\x02\x01\x00\x02\x82\x08\x01";
    (void)state;
    der[12] = 0x80;
    char *pem = malloc(8192);
    size_t used;
    PKI_CHECK(mbedtls_pem_write_buffer("-----BEGIN RSA PRIVATE KEY-----\n",
                                       "-----END RSA PRIVATE KEY-----\n", der, sizeof der,
                                       (uint8_t *)pem, 8192, &used));
    assert_refused_text(leaf, pem, "16384 bits is too large", "tlsfront key new");
    free(pem);
}

static void other_forms_are_refused_by_name_with_the_cure(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *words, *cure, *key_words; /* NULL: it is read as a key */
    } rows[] = {
        {DER("\x30\x06\x30\x00\x30\x00\x03\x00"), "is not PEM but DER", "openssl x509 -inform der",
         "is a certificate"},
        {DER("\x30\x04\x30\x00\x03\x00"), "is a public key, no certificate",
         "the file that holds it", "holds a public key"},
        {DER("{\"kty\": \"RSA\", \"d\": \"AA\"}"), "in JSON (JWK)", "PEM", "in JSON (JWK)"},
        {DER("\x30\x07\x02\x01\x03\x30\x02\x05\x00"), "PKCS#12", "tlsfront key import", "PKCS#12"},
        {DER("\x1e\xf1\xb5\xb0\x00\x00"), "(.pvk)", "openssl rsa -inform PVK", "(.pvk)"},
        {DER("\x07\x02\x00\x00\x00\xa4\x00\x00RSA2\x00\x08"), "(a blob)",
         "openssl rsa -inform MSBLOB", "(a blob)"},
        {DER("\x07\x02\x00\x00\x00\x24\x00\x00RSA2"), "(a blob)", "MSBLOB", "(a blob)"},
        {DER("\xfe\xed\xfe\xed\x00"), "key store of Java's", "keytool", "key store of Java's"},
        {DER("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), "PKCS#7",
         "openssl pkcs7 -inform der", "is a certificate"},
        {DER("\x30\x06\x02\x01\x01\x04\x01\x05"), "is a private key in DER", "as the key's", NULL},
        {DER("\x30\x04\x30\x00\x04\x00"), "under a passphrase, in DER", "openssl pkey -inform der",
         "under a passphrase, in DER"},
        {DER("\x30\x82\x01\x00\x30"), "cut short", "whole file", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tls_slice file = {(const uint8_t *)rows[i].bytes, rows[i].size};
        assert_refused(file, pki_slice(leaf_key), rows[i].words, rows[i].cure);
        if (rows[i].key_words != NULL)
            assert_refused(pki_slice(leaf), file, rows[i].key_words, "");
    }
}

static void a_key_of_another_kind_is_refused(void **state)
{
    (void)state;
    /* Ed25519 (RFC 8410), all zeros */
    const char *ed = "-----BEGIN PRIVATE KEY-----\n"
                     "MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                     "-----END PRIVATE KEY-----\n";
    assert_refused_text(leaf, ed, "/x/key.pem: the private key is an Ed25519 key", "P-256");
}

/* ---- findings ---- */

struct findings {
    unsigned count[TLS_FINDINGS];
    char last[1024];
};

static void note(void *arg, enum tls_finding finding, unsigned place, const char *text)
{
    (void)place;
    struct findings *f = arg;
    f->count[finding]++;
    snprintf(f->last, sizeof f->last, "%s", text);
}

static struct findings check(const char *chain, const char *key, time_t now)
{
    struct findings f = {0};
    struct tls_identity *id = pki_load(chain, key);
    tls_identity_check(id, now, note, &f);
    tls_identity_free(id);
    return f;
}

static unsigned total(const struct findings *f)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof f->count / sizeof *f->count; i++)
        n += f->count[i];
    return n;
}

static void assert_only(const struct findings *f, enum tls_finding finding, const char *words)
{
    if (f->count[finding] != 1 || total(f) != 1)
        fail_msg("finding %d: %u of %u: %s", finding, f->count[finding], total(f), f->last);
    if (strstr(f->last, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", f->last, words);
}

static void a_good_certificate_gives_no_finding(void **state)
{
    (void)state;
    struct findings f = check(leaf, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    char *chain = pki_join(from_ca, ca);
    f = check(chain, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(chain);
    f = check(from_ca, leaf_key, time(NULL)); /* a private authority's, without an intermediate */
    assert_int_equal(total(&f), 0);
}

static void validity_is_checked(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){.subject = "CN=x",
                                                   .names = names,
                                                   .key = PKI_EC256,
                                                   .from = "20300101000000",
                                                   .to = "20310101000000"});
    const time_t from = 1893456000, to = 1924992000, day = 24 * 3600;
    struct findings f = check(crt, leaf_key, from + day);
    assert_int_equal(total(&f), 0);
    f = check(crt, leaf_key, from - 1);
    assert_only(&f, TLS_FINDING_NOT_YET_VALID, "2030-01-01");
    f = check(crt, leaf_key, to - 30 * day);
    assert_int_equal(total(&f), 0);
    f = check(crt, leaf_key, to - 30 * day + 1);
    assert_only(&f, TLS_FINDING_EXPIRES_SOON, "2031-01-01, in 29 days");
    f = check(crt, leaf_key, to);
    assert_only(&f, TLS_FINDING_EXPIRES_SOON, "in 0 days");
    f = check(crt, leaf_key, to + 1);
    assert_only(&f, TLS_FINDING_EXPIRED, "expired on 2031-01-01");
    free(crt);
}

static void what_ends_before_it_begins_is_never_valid(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){.subject = "CN=x",
                                                   .names = names,
                                                   .key = PKI_EC256,
                                                   .from = "20310101000000",
                                                   .to = "20300101000000"});
    const time_t to = 1893456000, from = 1924992000;
    const time_t times[] = {to - 1, to, to + 1, from - 1, from, from + 1};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct findings f = check(crt, leaf_key, times[i]);
        assert_only(&f, TLS_FINDING_NEVER_VALID, "it begins on 2031-01-01");
    }
    free(crt);
}

static void the_order_of_the_chain_is_checked(void **state)
{
    (void)state;
    char *stray =
        pki_certificate(&(struct pki_spec){.subject = "CN=Stray CA", .key = PKI_EC384, .ca = true});
    char *chain = pki_join(from_ca, stray);
    struct findings f = check(chain, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_CHAIN_ORDER, "CN=Stray CA");
    free(stray);
    free(chain);
}

static void a_self_signed_one_that_was_changed_is_noticed(void **state)
{
    (void)state;
    struct pki_spec own = {.subject = "CN=mail.example", .names = names, .key = PKI_EC256};
    char *crt = pki_certificate(&own);
    struct findings f = check(crt, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(crt);
    own.issuer = own.subject; /* another key's signature fits as badly as one to another text */
    own.issuer_key = PKI_EC256_OTHER;
    crt = pki_certificate(&own);
    f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_DAMAGED, "its own signature does not fit");

    /* Its authority has the same name: one of the chain's, with its key, did sign it. */
    const struct pki_spec namesake = {
        .subject = "CN=mail.example", .key = PKI_EC256_OTHER, .ca = true};
    char *issuer = pki_certificate(&namesake), *chain = pki_join(crt, issuer);
    f = check(chain, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(chain);
    free(issuer);
    free(crt);
}

static void a_name_that_is_not_its_utf8_is_noticed(void **state)
{
    (void)state;
    const struct pki_spec torn = {
        .subject = "CN=mail\xe1.example", .names = names, .key = PKI_EC256};
    const struct pki_spec whole = {
        .subject = "CN=m\xc3\xa4il.example", .names = names, .key = PKI_EC256};
    char *crt = pki_certificate(&torn);
    struct findings f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_DAMAGED, "is not the UTF-8 that it says it is");
    free(crt);
    crt = pki_certificate(&whole);
    f = check(crt, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(crt);
}

static void an_issuer_that_did_not_sign_is_noticed(void **state)
{
    (void)state;
    const struct pki_spec below = {.subject = "CN=mail.example",
                                   .names = names,
                                   .key = PKI_EC256,
                                   .issuer = "CN=Middle",
                                   .issuer_key = PKI_EC256_OTHER};
    struct pki_spec middle = {.subject = "CN=Middle",
                              .key = PKI_EC256_OTHER,
                              .issuer = "CN=Test CA",
                              .issuer_key = PKI_EC384,
                              .ca = true};
    char *crt = pki_certificate(&below), *issuer = pki_certificate(&middle);
    char *chain = pki_join(crt, issuer);
    struct findings f = check(chain, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(issuer);
    free(chain);
    middle.key = PKI_RSA2048; /* the one of the year before, say */
    issuer = pki_certificate(&middle);
    chain = pki_join(crt, issuer);
    f = check(chain, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_CHAIN_BROKEN, "certificate 2 (CN=Middle)");
    free(issuer);
    free(chain);
    middle.key = PKI_EC256_OTHER;
    middle.ca = false;
    issuer = pki_certificate(&middle);
    chain = pki_join(crt, issuer);
    f = check(chain, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_CHAIN_BROKEN, "it is no authority");
    free(issuer);
    free(chain);
    free(crt);
}

static void a_missing_intermediate_is_noticed(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){.subject = "CN=x",
                                                   .names = names,
                                                   .key = PKI_EC256,
                                                   .issuer = "CN=Test CA",
                                                   .issuer_key = PKI_EC384,
                                                   .issuer_file = true});
    struct findings f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_CHAIN_INCOMPLETE, "CN=Test CA");
    char *chain = pki_join(crt, ca);
    f = check(chain, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(crt);
    free(chain);
}

static void weakness_is_noticed(void **state)
{
    (void)state;
    char *crt =
        pki_certificate(&(struct pki_spec){.subject = "CN=x", .names = names, .key = PKI_RSA1024});
    char *key = pki_key_pem(PKI_RSA1024);
    struct findings f = check(crt, key, time(NULL));
    assert_only(&f, TLS_FINDING_WEAK_KEY, "1024 bits");
    free(crt);
    free(key);
    crt = pki_certificate(
        &(struct pki_spec){.subject = "CN=x", .names = names, .key = PKI_EC256, .sha1 = true});
    f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_WEAK_SIGNATURE, "SHA-1");
    free(crt);
    char *root = pki_certificate(
        &(struct pki_spec){.subject = "CN=Test CA", .key = PKI_EC384, .ca = true, .sha1 = true});
    char *chain = pki_join(from_ca, root);
    f = check(chain, leaf_key, time(NULL)); /* nobody looks at a root's own signature */
    assert_int_equal(total(&f), 0);
    free(root);
    free(chain);
}

static void names_and_purpose_are_checked(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){.subject = "CN=x", .key = PKI_EC256});
    struct findings f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_NO_NAMES, "has no subjectAltName");
    free(crt);
    static const char *const others[] = {"someone@example.org", "https://mail.example.org/", NULL};
    crt = pki_certificate(
        &(struct pki_spec){.subject = "CN=mail.example.org", .names = others, .key = PKI_EC256});
    f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_NO_NAMES, "no host name and no IP address");
    free(crt);
    crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=x", .names = names, .key = PKI_EC256, .usage = MBEDTLS_OID_CLIENT_AUTH});
    f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_NOT_FOR_SERVERS, "serverAuth");
    free(crt);
    crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=x", .names = names, .key = PKI_EC256, .usage = MBEDTLS_OID_SERVER_AUTH});
    f = check(crt, leaf_key, time(NULL));
    assert_int_equal(total(&f), 0);
    free(crt);
    crt = pki_certificate(
        &(struct pki_spec){.subject = "CN=x", .names = names, .key = PKI_EC256, .ca = true});
    f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_AUTHORITY, "CA:TRUE");
    free(crt);
    crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=x", .names = names, .key = PKI_EC256, .must_staple = true});
    f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_MUST_STAPLE, "stapled");
    free(crt);
}

#define PE(last) "\x2b\x06\x01\x05\x05\x07\x01" last
#define POISON   "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03"
#define SSL_ONLY "\x03\x02\x07\x80" /* nsCertType: client */
#define SSL_BOTH "\x03\x02\x06\xc0"

static const struct {
    const char *oid, *value;
    bool critical;
    int finding; /* -1: none */
    const char *words;
} extensions[] = {
    {"\x2a\x03\x04", NULL, true, TLS_FINDING_UNKNOWN_CRITICAL, "critical extension 1.2.3.4"},
    {"\x2a\x03\x04", NULL, false, -1, NULL},
    {POISON, NULL, true, TLS_FINDING_PRECERTIFICATE, "precertificate"},
    {POISON, NULL, false, TLS_FINDING_SOME_REFUSE, "precertificate poison"},
    {PE("\x1f"), NULL, true, TLS_FINDING_CHALLENGE, "acmeIdentifier"},
    {PE("\x1f"), NULL, false, TLS_FINDING_SOME_REFUSE, "acmeIdentifier"},
    {PE("\x01"), NULL, true, TLS_FINDING_SOME_REFUSE, "authorityInfoAccess"},
    {PE("\x01"), NULL, false, -1, NULL},
    {"\x55\x1d\x24", NULL, true, TLS_FINDING_SOME_REFUSE, "policyConstraints"},
    {"\x55\x1d\x1e", NULL, true, -1, NULL}, /* nameConstraints */
    {"\x55\x1d\x1f", NULL, true, -1, NULL}, /* cRLDistributionPoints */
    {"\x60\x86\x48\x01\x86\xf8\x42\x01\x01", SSL_ONLY, false, TLS_FINDING_SOME_REFUSE,
     "nsCertType"},
    {"\x60\x86\x48\x01\x86\xf8\x42\x01\x01", SSL_BOTH, false, -1, NULL},
};

static void an_extension_that_clients_refuse_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        char *crt =
            pki_certificate(&(struct pki_spec){.subject = "CN=x",
                                               .names = names,
                                               .key = PKI_EC256,
                                               .extension = extensions[i].oid,
                                               .value = extensions[i].value,
                                               .extension_critical = extensions[i].critical});
        struct findings f = check(crt, leaf_key, time(NULL));
        if (extensions[i].finding < 0)
            assert_int_equal(total(&f), 0);
        else
            assert_only(&f, (enum tls_finding)extensions[i].finding, extensions[i].words);
        free(crt);
    }
}

/* A chain leaf, CN=Middle; what is said of the second. */
static struct findings check_middle(const struct pki_spec *odd)
{
    struct pki_spec middle = *odd;
    middle.subject = "CN=Middle";
    middle.key = PKI_EC256_OTHER;
    middle.ca = true;
    char *crt = pki_certificate(&(struct pki_spec){.subject = "CN=mail.example",
                                                   .names = names,
                                                   .key = PKI_EC256,
                                                   .issuer = "CN=Middle",
                                                   .issuer_key = PKI_EC256_OTHER});
    char *issuer = pki_certificate(&middle), *chain = pki_join(crt, issuer);
    struct findings f = check(chain, leaf_key, time(NULL));
    free(crt);
    free(issuer);
    free(chain);
    return f;
}

static void issuers_are_looked_at_as_well_but_no_root(void **state)
{
    (void)state;
    struct pki_spec odd = {.issuer = "CN=Test CA",
                           .issuer_key = PKI_EC384,
                           .extension = "\x2a\x03\x04",
                           .extension_critical = true};
    struct findings f = check_middle(&odd);
    assert_only(&f, TLS_FINDING_UNKNOWN_CRITICAL, "certificate 2 (CN=Middle) has the critical");
    odd.issuer = NULL;
    f = check_middle(&odd);
    assert_int_equal(total(&f), 0);
    odd = (struct pki_spec){
        .issuer = "CN=Test CA", .issuer_key = PKI_EC384, .usage = MBEDTLS_OID_CLIENT_AUTH};
    f = check_middle(&odd);
    assert_only(&f, TLS_FINDING_NOT_FOR_SERVERS, "extendedKeyUsage of certificate 2 (CN=Middle)");
    odd.usage = MBEDTLS_OID_SERVER_AUTH;
    f = check_middle(&odd);
    assert_int_equal(total(&f), 0);
}

static void any_purpose_is_not_for_everybody(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){.subject = "CN=x",
                                                   .names = names,
                                                   .key = PKI_EC256,
                                                   .usage = MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE});
    struct findings f = check(crt, leaf_key, time(NULL));
    assert_only(&f, TLS_FINDING_SOME_REFUSE, "does not name serverAuth");
    free(crt);
}

/* ---- tls_server_new ---- */

static void assert_server_refused(const struct tls_server_options *o, const char *words)
{
    struct err e = {.text = ""};
    assert_null(tls_server_new(o, &e));
    if (strstr(e.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

static void a_policy_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct tls_identity *id = pki_load(leaf, leaf_key);
    struct tls_server_options o = {.context = "r", .identities = &id, .identity_count = 1};
    const char *bad[] = {"nonsense"}, *empty[] = {""};
    struct string_list list = {bad, 1}, empty_list = {empty, 1};
    o.ciphers = &list;
    assert_server_refused(&o, "unknown cipher \"nonsense\"");
    const char *others[] = {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"};
    struct string_list other_list = {others, 2};
    o.ciphers = &other_list;
    assert_server_refused(&o, "with an ECDSA certificate");
    o.min_version = TLS_MIN_1_3; /* which has no such ties */
    struct err e = {.text = ""};
    tls_server_free(tls_server_new(&o, &e));
    assert_string_equal(e.text, "");
    o.min_version = TLS_MIN_1_2;
    o.ciphers = NULL;
    o.groups = &list;
    assert_server_refused(&o, "unknown group \"nonsense\"");
    o.groups = NULL;
    o.alpn = &empty_list;
    assert_server_refused(&o, "ALPN");
    o.alpn = NULL;
    o.client_auth = CLIENT_AUTH_REQUIRED;
    assert_server_refused(&o, "no client-ca");
    o.client_ca = pki_slice("not a certificate");
    assert_server_refused(&o, "client-ca holds no certificate");
    char *odd = pki_certificate(&(struct pki_spec){.subject = "CN=Odd",
                                                   .key = PKI_EC384,
                                                   .ca = true,
                                                   .extension = "\x2a\x03\x04",
                                                   .extension_critical = true});
    o.client_ca = pki_slice(odd);
    assert_server_refused(&o, "line 1: a certificate has the critical extension 1.2.3.4");
    free(odd);
    o.client_ca = pki_slice(ca);
    o.client_crl = pki_slice("not a list");
    assert_server_refused(&o, "client-crl holds no revocation list");
    o.client_auth = CLIENT_AUTH_NONE;
    o.identity_count = 0;
    assert_server_refused(&o, "no certificate");
    tls_identity_free(id);
}

static void the_version_is_told(void **state)
{
    (void)state;
    assert_non_null(strstr(tls_version_text(), "mbedTLS 3.6."));
}

static void a_chain_can_be_looked_at_without_its_key(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    struct tls_identity *id = tls_identity_inspect(pki_slice(from_ca), "chain.pem", &e);
    assert_non_null(id);
    const struct tls_identity_facts *f = tls_identity_facts(id);
    assert_string_equal(f->issuer, "CN=Test CA");
    assert_int_equal(f->key_type, TLS_KEY_EC);
    assert_int_equal(f->key_bits, 256);
    assert_true(tls_identity_covers(id, "mail.example"));
    tls_identity_free(id);
    assert_null(tls_identity_inspect(pki_slice("prose"), "chain.pem", &e));
    assert_non_null(strstr(e.text, "chain.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_can_be_looked_at_without_its_key),
        cmocka_unit_test(facts_are_read),
        cmocka_unit_test(the_time_is_read_to_the_second),
        cmocka_unit_test(chain_and_key_may_share_a_file_in_any_order),
        cmocka_unit_test(without_alternative_names_the_common_name_counts),
        cmocka_unit_test(a_name_with_odd_bytes_covers_nothing),
        cmocka_unit_test(a_wrong_key_is_told_with_both_paths),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(an_encrypted_key_is_refused_with_the_cure),
        cmocka_unit_test(a_key_with_something_behind_it_is_taken),
        cmocka_unit_test(an_rsa_key_beyond_the_limit_is_named_with_its_size),
        cmocka_unit_test(a_key_of_no_use_is_named_with_what_to_do),
        cmocka_unit_test(other_forms_are_refused_by_name_with_the_cure),
        cmocka_unit_test(a_key_of_another_kind_is_refused),
        cmocka_unit_test(a_good_certificate_gives_no_finding),
        cmocka_unit_test(validity_is_checked),
        cmocka_unit_test(what_ends_before_it_begins_is_never_valid),
        cmocka_unit_test(the_order_of_the_chain_is_checked),
        cmocka_unit_test(a_self_signed_one_that_was_changed_is_noticed),
        cmocka_unit_test(a_name_that_is_not_its_utf8_is_noticed),
        cmocka_unit_test(an_issuer_that_did_not_sign_is_noticed),
        cmocka_unit_test(a_missing_intermediate_is_noticed),
        cmocka_unit_test(weakness_is_noticed),
        cmocka_unit_test(names_and_purpose_are_checked),
        cmocka_unit_test(an_extension_that_clients_refuse_is_noticed),
        cmocka_unit_test(issuers_are_looked_at_as_well_but_no_root),
        cmocka_unit_test(any_purpose_is_not_for_everybody),
        cmocka_unit_test(a_policy_that_cannot_be_is_refused),
        cmocka_unit_test(the_version_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
