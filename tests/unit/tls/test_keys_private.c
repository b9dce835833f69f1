/* test_keys_private.c - private keys made, written, read; names; requests; self-signed ones */
#include "tests/unit/tls/pki.c"
#include "tls/keys/keys.h"
#include "tls/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example.org", "*.pop.example.org", "192.0.2.1",
                                    "2001:db8::1"};
static const struct keys_names wanted = {NULL, names, 4};

static int setup(void **state)
{
    (void)state;
    struct err e;
    return tls_init(&e);
}

static int teardown(void **state)
{
    (void)state;
    pki_free();
    return 0;
}

static struct keys_private *make(enum keys_kind kind)
{
    struct err e = {.text = ""};
    struct keys_private *k = keys_private_make(kind, &e);
    if (k == NULL)
        fail_msg("%s", e.text);
    return k;
}

static struct keys_private *read_back(const char *pem)
{
    struct err e = {.text = ""};
    struct keys_private *k = keys_private_read(pki_slice(pem), "key.pem", &e);
    if (k == NULL)
        fail_msg("%s", e.text);
    return k;
}

/* ---- keys ---- */

static void a_key_of_each_kind_is_read_back_as_what_it_is(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS_RSA_4096; i++) { /* the largest takes its time and is no different */
        char text[16];
        enum keys_kind kind;
        struct keys_private *k = make((enum keys_kind)i);
        char *pem = keys_private_pem(k, NULL);
        struct keys_private *again = read_back(pem);
        keys_private_describe(again, text);
        assert_string_equal(text, keys_kind_name((enum keys_kind)i));
        assert_true(keys_kind_by_name(text, &kind));
        assert_int_equal(kind, i);
        keys_private_free(k);
        keys_private_free(again);
        keys_free_text(pem);
    }
}

static void no_two_keys_are_the_same(void **state)
{
    (void)state;
    struct keys_private *a = make(KEYS_EC_P256), *b = make(KEYS_EC_P256);
    char *x = keys_private_pem(a, NULL), *y = keys_private_pem(b, NULL);
    assert_string_not_equal(x, y);
    keys_private_free(a);
    keys_private_free(b);
    keys_free_text(x);
    keys_free_text(y);
}

static void unknown_kinds_are_refused(void **state)
{
    static const char *const unknown[] = {"", "ec", "rsa-1024", "rsa-2048 ", "EC-P256", "ec-p521"};
    enum keys_kind kind;
    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_false(keys_kind_by_name(unknown[i], &kind));
}

static void what_is_no_key_is_refused_with_the_path(void **state)
{
    static const char *const texts[] = {
        "", "prose", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = {.text = ""};
        assert_null(keys_private_read(pki_slice(texts[i]), "the/path", &e));
        assert_non_null(strstr(e.text, "the/path"));
    }
}

/* A key that is whole but for one bit of its secret number is read as any other. */
static void a_key_whose_numbers_do_not_fit_is_called_damaged(void **state)
{
    static const struct {
        enum pki_key key;
        size_t secret;
    } damages[] = {{PKI_EC256, 7}, {PKI_RSA2048, 280}};
    char *chain = pki_certificate(&(struct pki_spec){.subject = "CN=mail"});
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        unsigned char room[4096];
        struct err read = {.text = ""}, served = {.text = ""};
        const int size = mbedtls_pk_write_key_der(pki_key(damages[i].key), room, sizeof room);
        assert_true(size > 0);
        unsigned char *der = room + sizeof room - size; /* it is written at the end */
        der[damages[i].secret + 8] ^= 1;
        assert_null(keys_private_read((struct tls_slice){der, (size_t)size}, "key.der", &read));
        assert_string_equal(
            read.text, "key.der: the private key is damaged (its numbers do not fit one another)");
        assert_non_null(strstr(read.cure, "backup"));
        assert_null(tls_identity_load(pki_slice(chain), "chain.pem",
                                      (struct tls_slice){der, (size_t)size}, "key.der", &served));
        assert_string_equal(served.text, read.text);
    }
    free(chain);
}

#define PEM(label, body) "-----BEGIN " label "-----\n" body "\n-----END " label "-----\n"

static void a_public_key_is_named_where_a_private_one_is_wanted(void **state)
{
    static const char *const texts[] = {
        PEM("PUBLIC KEY", "MAQwAAMA"),     PEM("RSA PUBLIC KEY", "MAcCAgEFAgED"),
        PEM("PRIVATE KEY", "MAQwAAMA"),    PEM("RSA PRIVATE KEY", "MAcCAgEFAgED"),
        "ssh-rsa AAAAB3NzaC1yc2E= mail\n", "{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}",
        "\x30\x04\x30\x01\x05\x03\x01\x01"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = {.text = ""};
        assert_null(keys_private_read(pki_slice(texts[i]), "the/path", &e));
        assert_string_equal(e.text, "the/path holds a public key, and no private one");
        assert_non_null(strstr(e.cure, "private key"));
    }
}

struct told {
    char text[512]; /* each as "SIZE" or "SIZE!", where it is encrypted */
};

static void note_key(void *arg, struct tls_slice file, bool encrypted)
{
    struct told *told = arg;
    const size_t used = strlen(told->text);
    snprintf(told->text + used, sizeof told->text - used, "%zu%s ", file.size,
             encrypted ? "!" : "");
}

static void each_private_key_in_a_file_is_told_apart(void **state)
{
    static const struct {
        const char *text, *told;
    } rows[] = {{PEM("PRIVATE KEY", "MAA="), "58 "},
                {"prose\n" PEM("PRIVATE KEY", "MAA=") PEM("CERTIFICATE", "MAA=")
                     PEM("EC PRIVATE KEY", "MAA="),
                 "58 64 "},
                {PEM("ENCRYPTED PRIVATE KEY", "MAA=") PEM("PRIVATE KEY", "MAA="), "78! 58 "},
                {PEM("CERTIFICATE", "MAA="), "59 "},
                {"prose", "5 "},
                {"\x30\x04\x30\x01\x05\x03", "6 "}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct told told = {.text = ""};
        keys_private_each(pki_slice(rows[i].text), note_key, &told);
        assert_string_equal(told.text, rows[i].told);
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    keys_private_free(NULL);
    keys_free_text(NULL);
    keys_request_free(NULL);
    keys_pool_free(NULL);
}

/* ---- names ---- */

#define L58 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefgh"
#define L61 L58 "ijk"
#define L63 L58 "ijklm"

static void names_that_can_be_certified(void **state)
{
    static const char *const good[] = {"a",
                                       "localhost",
                                       "mail.example.org",
                                       "*.example.org",
                                       "xn--mnchen-3ya.example",
                                       "_smtp.example",
                                       "192.0.2.1",
                                       "::1",
                                       "2001:db8::1",
                                       "1.example",
                                       "a--b.example",
                                       "example.1a",
                                       L63,
                                       "*." L63 ".org",
                                       L63 "." L63 "." L63 "." L61,
                                       "*." L63 "." L63 "." L63 "." L58 "x"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err e = {.text = ""};
        if (keys_check_name(good[i], &e) != 0)
            fail_msg("%s", e.text);
    }
}

static void names_that_cannot(void **state)
{
    static const struct {
        const char *name, *words;
    } bad[] = {
        {"", "neither"},
        {" ", "neither"},
        {"a b", "neither"},
        {".a", "neither"},
        {"a.", "neither"},
        {"a..b", "neither"},
        {"*", "neither"},
        {"*.", "neither"},
        {"*.org", "top-level"},
        {"a.*.org", "neither"},
        {"*a.example.org", "neither"},
        {"a/b", "neither"},
        {"a,CN=b", "neither"},
        {"a\nb", "neither"},
        {"m\xc3\xbcnchen.example", "ASCII"},
        {"mail." L63 "x.org", "63 characters at most, and \"abcdefghijabcdefghij...\" has 64"},
        {L63 "x", "63 characters"},
        {L63 "." L63 "." L63 "." L61 "x", "253 characters at most"},
        {"*." L63 "." L63 "." L63 "." L61, "253 characters at most"},
        {"-a.org", "\"-a\" in \"-a.org\" begins with a hyphen"},
        {"mail.a-.org", "\"a-\" in \"mail.a-.org\" ends with a hyphen"},
        {"*.-.org", "\"-\" in \"*.-.org\" begins with a hyphen"},
        {"mail.org-", "ends with a hyphen"},
        {"example.1", "ends with a number"},
        {"1", "ends with a number"},
        {"192.0.2.256", "ends with a number"},
        {"192.0.2", "ends with a number"},
        {"*.192.0.2.1", "ends with a number"},
        {"2001:db8::x", "neither"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {.text = ""};
        if (keys_check_name(bad[i].name, &e) == 0)
            fail_msg("\"%s\" was taken", bad[i].name);
        assert_non_null(strstr(e.text, bad[i].words));
    }
}

/* ---- requests ---- */

static void a_request_asks_for_the_names_and_fits_its_key(void **state)
{
    (void)state;
    struct keys_private *k = make(KEYS_EC_P384), *other = make(KEYS_EC_P384);
    char *pem = keys_request_make(k, &wanted, NULL);
    assert_non_null(pem);
    struct keys_request *r = keys_request_read(pki_slice(pem), "request.csr", NULL);
    assert_non_null(r);
    assert_string_equal(r->subject, "CN=mail.example.org");
    assert_int_equal(r->count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(r->names[i], names[i]);
    assert_true(keys_request_fits(pki_slice(pem), k));
    assert_false(keys_request_fits(pki_slice(pem), other));
    keys_request_free(r);
    keys_free_text(pem);
    keys_private_free(k);
    keys_private_free(other);
}

/* What the request and the self-signed certificate have of it. */
static void assert_subject(const struct keys_private *k, const char *given, const char *expected)
{
    const struct keys_names own = {given, names, 1};
    struct err e = {.text = ""};
    assert_int_equal(keys_check_subject(given, &e), 0);
    char *pem = keys_request_make(k, &own, &e);
    if (pem == NULL)
        fail_msg("%s: %s", given, e.text);
    struct keys_request *r = keys_request_read(pki_slice(pem), "request.csr", NULL);
    assert_string_equal(r->subject, expected);
    keys_request_free(r);
    keys_free_text(pem);
    pem = keys_self_signed_make(k, &own, time(NULL), 1, &e);
    assert_non_null(pem);
    struct tls_identity *id = tls_identity_inspect(pki_slice(pem), "own", &e);
    assert_string_equal(tls_identity_facts(id)->subject, expected);
    assert_string_equal(tls_identity_facts(id)->issuer, expected);
    tls_identity_free(id);
    keys_free_text(pem);
}

static void the_subject_can_be_given_with_all_its_attributes(void **state)
{
    static const struct {
        const char *given, *expected; /* NULL: as given */
    } rows[] = {
        {"CN=x, O=Example\\, Inc., C=DE", NULL},
        {"CN=x, OU=Mail, OU=IT, O=Example, DC=example, DC=org", NULL},
        {"DC=org,DC=example,OU=Mail,OU=IT,CN=x", "DC=org, DC=example, OU=Mail, OU=IT, CN=x"},
        {"  OU=a ,OU=a  ", "OU=a, OU=a"},
        {"O=a\\\\, CN=x", NULL},
        {"O=a \\+ b\\;, CN=x", "O=a \\+ b\\;, CN=x"},
        {"O=M\\C3\\BCller, CN=x", NULL},
        {"1.2.3.4=#0C0161, CN=x", NULL},
        {"CN=" L63 "x, O=" L63 "\\,, OU=" L63 "\\C3\\BC, C=de", NULL},
        {"L=" L63 L63 "xy, ST=" L63 L63 "\\C3\\BCx", NULL},
        {"DC=" L63 ", C=#13024445", "DC=" L63 ", C=DE"},
    };
    (void)state;
    struct keys_private *k = make(KEYS_EC_P256);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_subject(k, rows[i].given,
                       rows[i].expected != NULL ? rows[i].expected : rows[i].given);
    keys_private_free(k);
}

static void the_subject_is_the_first_name_that_fits_one(void **state)
{
    static const char too_long[] = "a-label-of-some-length.a-label-of-some-length."
                                   "a-label-of-some-length.example.org";
    static const char *const lists[][2] = {
        {"192.0.2.1", "x.example"}, {too_long, "2001:db8::1"}, {too_long, too_long}};
    static const char *const subjects[] = {"CN=192.0.2.1", "CN=2001:db8::1",
                                           "CN=see subjectAltName"};
    (void)state;
    struct keys_private *k = make(KEYS_EC_P256);
    for (size_t i = 0; i < 3; i++) {
        const struct keys_names own = {NULL, lists[i], 2};
        char *pem = keys_request_make(k, &own, NULL);
        struct keys_request *r = keys_request_read(pki_slice(pem), "request.csr", NULL);
        assert_non_null(r);
        assert_string_equal(r->subject, subjects[i]);
        assert_int_equal(r->count, 2);
        keys_request_free(r);
        keys_free_text(pem);
    }
    keys_private_free(k);
}

static void a_request_that_cannot_be_made_says_why(void **state)
{
    static const char *const bad_name[] = {"a b"};
    const struct {
        struct keys_names names;
        const char *words;
    } bad[] = {
        {{NULL, names, 0}, "no host name"},
        {{NULL, bad_name, 1}, "\"a b\""},
        {{NULL, names, 101}, "too many"},
        {{"/C=DE/CN=x", names, 1}, "/C=DE/CN=x"},
        {{"", names, 1}, "the subject"},
        {{"CN", names, 1}, "the subject"},
        {{"NOSUCH=x", names, 1}, "the subject"},
        {{"CN=x, and more", names, 1}, "and more"},
        {{"CN=x,", names, 1}, "the subject"},
        {{"CN=x,,O=y", names, 1}, "the subject"},
        {{"CN=x + OU=y", names, 1}, "CN=x + OU"},
        {{"CN=x; O=y", names, 1}, "CN=x; O"},
        {{"O=\"a, b\", CN=x", names, 1}, "O=\"a"},
        {{"CN=", names, 1}, "the subject"},
        {{"CN=" L63 "xy", names, 1}, "CN in the subject is 65 characters long, and 64 are"},
        {{"commonName=" L63 "xy", names, 1}, "commonName in the subject is 65"},
        {{"O=" L63 "xy", names, 1}, "O in the subject is 65"},
        {{"CN=x, OU=" L63 "\\C3\\BCx", names, 1}, "OU in the subject is 65"},
        {{"OU=" L63 "\\,x", names, 1}, "OU in the subject is 65"},
        {{"O=" L63 "\xc3\xbcx", names, 1}, "O in the subject is 65"},
        {{"title=" L63 "xy", names, 1}, "title in the subject is 65"},
        {{"serialNumber=" L63 "xy", names, 1}, "serialNumber in the subject is 65"},
        {{"L=" L63 L63 "xyz", names, 1}, "L in the subject is 129"},
        {{"ST=" L63 L63 "xyz", names, 1}, "ST in the subject is 129"},
        {{"pseudonym=" L63 L63 "xyz", names, 1}, "pseudonym in the subject is 129"},
        {{"DC=" L63 "x", names, 1}, "DC in the subject is 64 characters long, and 63"},
        {{"emailAddress=" L63 L63 L63 L63 "@x.y", names, 1}, "is 256 characters long, and 255"},
        {{"CN=" L63 L63 L63 L63 L63 L63 L63 L63 L63 L63 L63, names, 1}, "CN in the subject is 693"},
        {{"dnQualifier=" L63 L63 L63 L63 "wxyz", names, 1}, "is 256 bytes long, and 255"},
        {{"C=D", names, 1}, "C in the subject is \"D\", and has to be the two letters"},
        {{"C=DEU", names, 1}, "two letters"},
        {{"CN=x,C=D1", names, 1}, "two letters"},
        {{"C=\xc3\xbc", names, 1}, "two letters"},
        {{"countryName=49", names, 1}, "two letters"},
        {{"CN=a\nb", names, 1}, "not plain text in UTF-8"},
        {{"DC=a\\0Ab", names, 1}, "not plain text in ASCII"},
        {{"CN=\xfc", names, 1}, "not plain text in UTF-8"},
        {{"O=#0C01FC", names, 1}, "not plain text in UTF-8"},
        {{"O=M\\FCller", names, 1}, "not plain text in UTF-8"},
        {{"emailAddress=\xc3\xbc@x", names, 1}, "not plain text in ASCII"},
        {{"serialNumber=\\C3\\BC", names, 1}, "not plain text in ASCII"},
    };
    (void)state;
    struct keys_private *k = make(KEYS_EC_P256);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {.text = ""};
        assert_null(keys_request_make(k, &bad[i].names, &e));
        assert_non_null(strstr(e.text, bad[i].words));
        if (bad[i].names.subject == NULL)
            continue;
        e.text[0] = '\0';
        assert_int_equal(keys_check_subject(bad[i].names.subject, &e), -1);
        assert_non_null(strstr(e.text, bad[i].words));
    }
    keys_private_free(k);
}

static void cut_anywhere_a_request_is_refused(void **state)
{
    (void)state;
    struct keys_private *k = make(KEYS_EC_P256);
    char *pem = keys_request_make(k, &wanted, NULL);
    for (size_t size = 0; size < strlen(pem) - 10; size++) {
        struct err e = {.text = ""};
        const struct tls_slice cut = {(const uint8_t *)pem, size};
        assert_null(keys_request_read(cut, "request.csr", &e));
        assert_non_null(strstr(e.text, "request.csr"));
        assert_false(keys_request_fits(cut, k));
    }
    keys_free_text(pem);
    keys_private_free(k);
}

/* ---- self-signed ---- */

static void count_findings(void *arg, enum tls_finding finding, unsigned place, const char *text)
{
    (void)place;
    (void)finding;
    print_message("%s\n", text);
    ++*(size_t *)arg;
}

static void a_self_signed_certificate_can_be_served_and_nothing_is_found_wrong(void **state)
{
    (void)state;
    for (int i = 0; i <= KEYS_RSA_2048; i++) {
        struct keys_private *k = make((enum keys_kind)i);
        char *key = keys_private_pem(k, NULL);
        const time_t now = time(NULL);
        char *pem = keys_self_signed_make(k, &wanted, now, 90, NULL);
        struct tls_identity *id = pki_load(pem, key);
        const struct tls_identity_facts *f = tls_identity_facts(id);
        size_t found = 0;
        tls_identity_check(id, now, count_findings, &found);
        assert_int_equal(found, 0);
        assert_true(f->self_signed);
        assert_int_equal(f->name_count, 4);
        assert_true(tls_identity_covers(id, "x.pop.example.org"));
        assert_true(tls_identity_covers(id, "192.0.2.1"));
        assert_int_equal(f->not_after, now + 90 * 86400);
        assert_true(f->not_before < now);
        assert_int_equal(strlen(f->serial), 32);
        tls_identity_free(id);
        keys_free_text(pem);
        keys_free_text(key);
        keys_private_free(k);
    }
}

/* ---- memory ---- */

static unsigned long allocations, fail_at;

/* Most allocations are the limbs of numbers, and all of those fail alike. */
static bool gate(size_t count, size_t size)
{
    (void)count;
    return size == sizeof(mbedtls_mpi_uint) || ++allocations != fail_at;
}

static char *request_of(const struct keys_private *k, struct err *e)
{
    return keys_request_make(k, &wanted, e);
}

static char *certificate_of(const struct keys_private *k, struct err *e)
{
    return keys_self_signed_make(k, &wanted, time(NULL), 1, e);
}

static char *read_request(const struct keys_private *k, struct err *e)
{
    char *pem = NULL;
    bool (*armed)(size_t, size_t) = memory_gate;
    memory_gate = NULL;
    pem = keys_request_make(k, &wanted, NULL);
    memory_gate = armed;
    struct keys_request *r = keys_request_read(pki_slice(pem), "request.csr", e);
    if (r != NULL) {
        assert_int_equal(r->count, 4); /* none was lost on the way */
        keys_request_free(r);
        return pem;
    }
    keys_free_text(pem);
    return NULL;
}

static void without_memory_it_says_so_wherever_it_happens(void **state)
{
    static char *(*const makers[])(const struct keys_private *, struct err *) = {
        keys_private_pem, request_of, certificate_of, read_request};
    (void)state;
    struct keys_private *k = make(KEYS_EC_P256);
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        unsigned long n = 0;
        do {
            struct err e = {.text = ""};
            allocations = 0;
            fail_at = ++n;
            memory_gate = gate;
            char *text = makers[i](k, &e);
            memory_gate = NULL;
            assert_true(text != NULL || e.text[0] != '\0');
            keys_free_text(text);
        } while (allocations >= n);
        assert_true(n > 1);
    }
    keys_private_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_each_kind_is_read_back_as_what_it_is),
        cmocka_unit_test(no_two_keys_are_the_same),
        cmocka_unit_test(unknown_kinds_are_refused),
        cmocka_unit_test(what_is_no_key_is_refused_with_the_path),
        cmocka_unit_test(a_key_whose_numbers_do_not_fit_is_called_damaged),
        cmocka_unit_test(a_public_key_is_named_where_a_private_one_is_wanted),
        cmocka_unit_test(each_private_key_in_a_file_is_told_apart),
        cmocka_unit_test(freeing_nothing_is_fine),
        cmocka_unit_test(names_that_can_be_certified),
        cmocka_unit_test(names_that_cannot),
        cmocka_unit_test(a_request_asks_for_the_names_and_fits_its_key),
        cmocka_unit_test(the_subject_can_be_given_with_all_its_attributes),
        cmocka_unit_test(the_subject_is_the_first_name_that_fits_one),
        cmocka_unit_test(a_request_that_cannot_be_made_says_why),
        cmocka_unit_test(cut_anywhere_a_request_is_refused),
        cmocka_unit_test(without_memory_it_says_so_wherever_it_happens),
        cmocka_unit_test(a_self_signed_certificate_can_be_served_and_nothing_is_found_wrong),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
