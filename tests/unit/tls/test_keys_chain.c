/* test_keys_chain.c - what an authority answers: read in any form, put in order, judged */
#include "tests/unit/tls/p7b.h"
#include "tests/unit/tls/pki.c"
#include "tls/keys/keys.h"
#include "tls/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example", NULL};
static char *leaf, *older, *middle, *root, *impostor, *no_authority, *by_no_authority, *stranger;
static char *own;
static struct keys_private *key, *other;

static char *issue(const char *subject, enum pki_key k, const char *issuer, enum pki_key by,
                   bool ca)
{
    return pki_certificate(&(struct pki_spec){.subject = subject,
                                              .names = ca ? NULL : names,
                                              .key = k,
                                              .issuer = issuer,
                                              .issuer_key = by,
                                              .ca = ca,
                                              .issuer_file = !ca});
}

static struct keys_private *private_of(enum pki_key k)
{
    char *pem = pki_key_pem(k);
    struct keys_private *made = keys_private_read(pki_slice(pem), "key.pem", NULL);
    free(pem);
    return made;
}

/* root (EC384) -> middle (RSA2048) -> leaf (EC256) */
static int setup(void **state)
{
    (void)state;
    struct err e;
    if (tls_init(&e) != 0)
        return -1;
    root = issue("CN=Root", PKI_EC384, NULL, 0, true);
    middle = issue("CN=Middle", PKI_RSA2048, "CN=Root", PKI_EC384, true);
    leaf = issue("CN=mail.example", PKI_EC256, "CN=Middle", PKI_RSA2048, false);
    older = pki_certificate(&(struct pki_spec){.subject = "CN=mail.example",
                                               .names = names,
                                               .key = PKI_EC256,
                                               .issuer = "CN=Middle",
                                               .issuer_key = PKI_RSA2048,
                                               .from = "20200101000000",
                                               .to = "20210101000000",
                                               .serial = 2});
    impostor = issue("CN=Middle", PKI_EC256_OTHER, "CN=Root", PKI_EC384, true);
    no_authority = issue("CN=Server", PKI_EC256_OTHER, "CN=Root", PKI_EC384, false);
    by_no_authority = issue("CN=mail.example", PKI_EC256, "CN=Server", PKI_EC256_OTHER, false);
    stranger = issue("CN=Stranger", PKI_EC256_OTHER, NULL, 0, true);
    own = issue("CN=mail.example", PKI_EC256, NULL, 0, false);
    key = private_of(PKI_EC256);
    other = private_of(PKI_EC256_OTHER);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char *const texts[] = {leaf,     older,        middle,          root, impostor,
                           stranger, no_authority, by_no_authority, own};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    keys_private_free(key);
    keys_private_free(other);
    pki_free();
    return 0;
}

/* ---- what is said ---- */

struct said {
    size_t count[KEYS_ERROR + 1];
    char text[4096];
};

static void hear(void *arg, enum keys_gravity gravity, const char *text, const char *cure)
{
    struct said *s = arg;
    s->count[gravity]++;
    strncat(s->text, text, sizeof s->text - strlen(s->text) - 1);
    strncat(s->text, "|", sizeof s->text - strlen(s->text) - 1);
    if (cure != NULL)
        strncat(s->text, cure, sizeof s->text - strlen(s->text) - 1);
}

static struct keys_pool *pool_of(const char *const *texts, size_t count)
{
    struct err e = {.text = ""};
    struct keys_pool *p = keys_pool_new(&e);
    for (size_t i = 0; i < count; i++)
        if (keys_pool_add(p, pki_slice(texts[i]), "answer", &e) != 0)
            fail_msg("%s", e.text);
    return p;
}

#define POOL(...)                                                                                  \
    pool_of((const char *const[]){__VA_ARGS__},                                                    \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static char *chain_of(struct keys_pool *p, struct keys_pool *trusted, struct said *said)
{
    *said = (struct said){.text = ""};
    const struct keys_judge judge = {
        .trusted = trusted, .now = time(NULL), .report = hear, .arg = said};
    char *chain = keys_chain_make(p, key, &judge);
    assert_int_equal(chain == NULL, said->count[KEYS_ERROR] > 0);
    keys_pool_free(p);
    keys_pool_free(trusted);
    return chain;
}

/* The chain is these two, in this order. */
static void assert_chain(char *chain, const char *first, const char *second)
{
    char *expected = pki_join(first, second);
    assert_non_null(chain);
    assert_string_equal(chain, expected);
    free(expected);
    keys_free_text(chain);
}

static void assert_refused(char *chain, const struct said *said, const char *words)
{
    assert_null(chain);
    if (strstr(said->text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, said->text);
}

/* ---- order ---- */

static void any_order_gives_the_same_chain(void **state)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const char *const parts[] = {leaf, middle, root};
    struct said said;
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const int *o = orders[i];
        char *chain = chain_of(POOL(parts[o[0]], parts[o[1]], parts[o[2]]), NULL, &said);
        assert_chain(chain, leaf, middle);
        assert_int_equal(said.count[KEYS_NOTE], 1); /* the root is left out */
        assert_int_equal(said.count[KEYS_WARNING], 0);
    }
}

static void the_root_is_kept_when_told(void **state)
{
    struct said said = {.text = ""};
    (void)state;
    struct keys_pool *p = POOL(root, middle, leaf);
    const struct keys_judge judge = {
        .now = time(NULL), .keep_root = true, .report = hear, .arg = &said};
    char *chain = keys_chain_make(p, key, &judge), *two = pki_join(leaf, middle);
    assert_chain(chain, two, root);
    free(two);
    keys_pool_free(p);
}

static void doubles_are_taken_once(void **state)
{
    struct said said;
    (void)state;
    struct keys_pool *p = POOL(leaf, leaf, middle, middle, root, leaf);
    assert_int_equal(keys_pool_count(p), 3);
    assert_chain(chain_of(p, NULL, &said), leaf, middle);
}

static void a_trusted_root_completes_the_chain(void **state)
{
    struct said said;
    (void)state;
    assert_chain(chain_of(POOL(middle, leaf), POOL(root), &said), leaf, middle);
    assert_int_equal(said.count[KEYS_WARNING], 0);
}

static void without_the_root_that_it_is_complete_cannot_be_told(void **state)
{
    struct said said;
    (void)state;
    assert_chain(chain_of(POOL(middle, leaf), NULL, &said), leaf, middle);
    assert_int_equal(said.count[KEYS_WARNING], 1);
}

/* The root in the form in which another one vouches for it, for old clients. */
static char *cross_sign(const char *from, const char *to)
{
    return pki_certificate(&(struct pki_spec){.subject = "CN=Root",
                                              .key = PKI_EC384,
                                              .issuer = "CN=Old Root",
                                              .issuer_key = PKI_EC256_OTHER,
                                              .ca = true,
                                              .from = from,
                                              .to = to,
                                              .serial = 9});
}

static void an_expired_cross_sign_is_left_out(void **state)
{
    struct said said;
    (void)state;
    char *late = cross_sign("20100101000000", "20110101000000");
    assert_chain(chain_of(POOL(leaf, middle, late), POOL(root), &said), leaf, middle);
    assert_int_equal(said.count[KEYS_WARNING], 0);
    assert_non_null(strstr(said.text, "CN=Root expired on 2011-01-01"));
    assert_chain(chain_of(POOL(leaf, middle, late), NULL, &said), leaf, middle);
    assert_int_equal(said.count[KEYS_WARNING], 1); /* whether it is complete */
    free(late);
}

static void a_cross_sign_that_is_good_is_sent_and_misses_nobody(void **state)
{
    struct said said;
    (void)state;
    char *good = cross_sign(NULL, NULL), *two = pki_join(leaf, middle);
    assert_chain(chain_of(POOL(good, leaf, middle), POOL(root), &said), two, good);
    assert_int_equal(said.count[KEYS_WARNING], 0);
    free(two);
    free(good);
}

static void an_intermediate_that_nobody_can_use_is_named(void **state)
{
    struct said said;
    (void)state;
    char *late = pki_certificate(&(struct pki_spec){.subject = "CN=Middle",
                                                    .key = PKI_RSA2048,
                                                    .issuer = "CN=Root",
                                                    .issuer_key = PKI_EC384,
                                                    .ca = true,
                                                    .from = "20100101000000",
                                                    .to = "20110101000000"});
    assert_refused(chain_of(POOL(leaf, late), POOL(root), &said), &said,
                   "the intermediate certificate CN=Middle expired on 2011-01-01");
    assert_chain(chain_of(POOL(leaf, late, middle), POOL(root), &said), leaf, middle);
    free(late);
}

static void of_two_for_one_key_the_valid_one_is_taken(void **state)
{
    struct said said;
    (void)state;
    assert_chain(chain_of(POOL(older, middle, leaf, root), NULL, &said), leaf, middle);
    assert_int_equal(said.count[KEYS_WARNING], 1); /* the older one does not belong */
}

static void what_does_not_belong_is_left_out_with_a_warning(void **state)
{
    struct said said;
    (void)state;
    assert_chain(chain_of(POOL(stranger, middle, leaf, root), NULL, &said), leaf, middle);
    assert_int_equal(said.count[KEYS_WARNING], 1);
    assert_non_null(strstr(said.text, "CN=Stranger"));
}

static void one_that_vouches_for_itself_is_the_whole_chain(void **state)
{
    struct said said;
    (void)state;
    assert_chain(chain_of(POOL(own), NULL, &said), own, "");
}

/* ---- refused ---- */

static void the_missing_issuer_is_named_with_its_address(void **state)
{
    struct said said;
    (void)state;
    char *chain = chain_of(POOL(leaf), NULL, &said);
    assert_refused(chain, &said, "CN=Middle");
    assert_refused(chain, &said, "http://a/b");
    chain = chain_of(POOL(leaf, root), NULL, &said);
    assert_refused(chain, &said, "an intermediate certificate is missing");
}

static void a_missing_issuer_can_be_put_up_with(void **state)
{
    struct said said = {.text = ""};
    (void)state;
    struct keys_pool *p = POOL(leaf);
    const struct keys_judge judge = {
        .now = time(NULL), .incomplete_is_fine = true, .report = hear, .arg = &said};
    assert_chain(keys_chain_make(p, key, &judge), leaf, "");
    assert_int_equal(said.count[KEYS_WARNING], 1);
    keys_pool_free(p);
}

static void an_issuer_of_the_same_name_with_another_key_is_refused(void **state)
{
    struct said said;
    (void)state;
    assert_refused(chain_of(POOL(leaf, impostor, root), NULL, &said), &said,
                   "was not signed by the CN=Middle");
    assert_chain(chain_of(POOL(leaf, impostor, middle, root), NULL, &said), leaf, middle);
}

static void an_issuer_that_is_no_authority_is_refused(void **state)
{
    struct said said;
    (void)state;
    assert_refused(chain_of(POOL(by_no_authority, no_authority, root), NULL, &said), &said,
                   "it is no authority");
}

static void without_a_certificate_for_the_key_there_is_no_chain(void **state)
{
    struct said said;
    (void)state;
    struct keys_pool *p = POOL(middle, root);
    assert_false(keys_pool_has(p, key));
    assert_refused(chain_of(p, NULL, &said), &said, "belongs to the key");
    p = POOL(leaf);
    assert_true(keys_pool_has(p, key));
    struct keys_certificate shown;
    keys_pool_show_for(p, key, &shown);
    assert_false(shown.authority || shown.self_issued);
    assert_false(keys_pool_has(p, other));
    keys_pool_free(p);
}

/* ---- forms ---- */

/* The DER in a PEM text of ours. */
static size_t der_of(const char *pem, uint8_t *der, size_t room)
{
    mbedtls_pem_context c;
    size_t used;
    mbedtls_pem_init(&c);
    PKI_CHECK(mbedtls_pem_read_buffer(&c, "-----BEGIN CERTIFICATE-----",
                                      "-----END CERTIFICATE-----", (const unsigned char *)pem, NULL,
                                      0, &used));
    size_t size;
    const unsigned char *data = mbedtls_pem_get_buffer(&c, &size);
    assert_true(size <= room);
    memcpy(der, data, size);
    mbedtls_pem_free(&c);
    return size;
}

static void make_p7b(struct p7b *p)
{
    uint8_t all[8192];
    size_t size = der_of(root, all, sizeof all);
    size += der_of(leaf, all + size, sizeof all - size);
    size += der_of(middle, all + size, sizeof all - size);
    p7b_make(p, all, size);
}

static void der_and_pkcs7_are_read(void **state)
{
    static struct p7b p;
    uint8_t der[4096];
    struct err e = {.text = ""};
    struct said said;
    (void)state;
    struct keys_pool *pool = keys_pool_new(&e);
    size_t size = der_of(leaf, der, sizeof der);
    assert_int_equal(keys_pool_add(pool, (struct tls_slice){der, size}, "leaf", &e), 0);
    assert_int_equal(keys_pool_count(pool), 1);
    make_p7b(&p);
    assert_int_equal(keys_pool_add(pool, (struct tls_slice){p.data, p.size}, "p7b", &e), 0);
    assert_int_equal(keys_pool_count(pool), 3);
    assert_chain(chain_of(pool, NULL, &said), leaf, middle);
}

static void der_files_may_stand_one_behind_the_other(void **state)
{
    uint8_t der[8192];
    struct err e = {.text = ""};
    struct said said;
    (void)state;
    struct keys_pool *pool = keys_pool_new(&e);
    size_t size = der_of(leaf, der, sizeof der);
    size += der_of(middle, der + size, sizeof der - size);
    der[size] = '\n';
    assert_int_equal(keys_pool_add(pool, (struct tls_slice){der, size + 1}, "both", &e), 0);
    assert_int_equal(keys_pool_count(pool), 2);
    assert_chain(chain_of(pool, NULL, &said), leaf, middle);
    pool = keys_pool_new(&e);
    assert_int_equal(keys_pool_add(pool, (struct tls_slice){der, size - 1}, "both", &e), -1);
    keys_pool_free(pool);
}

static void pkcs7_stands_under_every_label_that_is_in_use(void **state)
{
    static const char *const labels[] = {"PKCS7", "CERTIFICATE", "CMS", "PKCS #7 SIGNED DATA"};
    static struct p7b p;
    static unsigned char pem[16384];
    (void)state;
    make_p7b(&p);
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        char head[64], foot[64];
        size_t size;
        struct err e = {.text = ""};
        snprintf(head, sizeof head, "-----BEGIN %s-----\n", labels[i]);
        snprintf(foot, sizeof foot, "-----END %s-----\n", labels[i]);
        PKI_CHECK(mbedtls_pem_write_buffer(head, foot, p.data, p.size, pem, sizeof pem, &size));
        struct keys_pool *pool = keys_pool_new(&e);
        assert_int_equal(keys_pool_add(pool, (struct tls_slice){pem, size - 1}, "p7b", &e), 0);
        assert_int_equal(keys_pool_count(pool), 3);
        keys_pool_free(pool);
    }
}

static void prose_and_windows_line_ends_do_no_harm(void **state)
{
    struct err e = {.text = ""};
    char text[8192] = "\xef\xbb\xbfYour certificate, dear customer:\r\n\r\n";
    size_t used = strlen(text);
    (void)state;
    for (const char *p = leaf; *p != '\0'; p++) {
        if (*p == '\n')
            text[used++] = '\r';
        text[used++] = *p;
    }
    struct keys_pool *pool = keys_pool_new(&e);
    assert_int_equal(keys_pool_add(pool, pki_slice(text), "mail", &e), 0);
    assert_int_equal(keys_pool_count(pool), 1);
    keys_pool_free(pool);
}

/* Nothing that is cut short is taken for the whole. */
static void cut_at_every_byte_an_answer_is_refused(void **state)
{
    static struct p7b p;
    (void)state;
    make_p7b(&p);
    for (size_t size = 0; size < p.size; size++) {
        struct err e = {.text = ""};
        struct keys_pool *pool = keys_pool_new(&e);
        assert_int_equal(keys_pool_add(pool, (struct tls_slice){p.data, size}, "the/path", &e), -1);
        assert_non_null(strstr(e.text, "the/path"));
        keys_pool_free(pool);
    }
    const size_t whole = strlen(leaf) - 1; /* the last line end is no loss */
    for (size_t size = 0; size < whole; size++) {
        struct err e = {.text = ""};
        struct keys_pool *pool = keys_pool_new(&e);
        const struct tls_slice cut = {(const uint8_t *)leaf, size};
        assert_int_equal(keys_pool_add(pool, cut, "the/path", &e), -1);
        assert_non_null(strstr(e.text, "the/path"));
        keys_pool_free(pool);
    }
}

static void roots_that_cannot_be_used_are_passed_over(void **state)
{
    struct err e = {.text = ""};
    (void)state;
    char *text =
        pki_join("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\nprose\n", root);
    struct keys_pool *pool = keys_pool_new(&e);
    keys_pool_add_trusted(pool, pki_slice("prose"));
    assert_int_equal(keys_pool_count(pool), 0);
    keys_pool_add_trusted(pool, pki_slice(text));
    assert_int_equal(keys_pool_count(pool), 1);
    struct keys_certificate c;
    keys_pool_show(pool, 0, &c);
    assert_string_equal(c.subject, "CN=Root");
    assert_string_equal(c.key, "ec-p384");
    assert_true(c.authority && c.self_issued);
    keys_pool_free(pool);
    free(text);
}

static void the_look_tells_keys_and_certificates(void **state)
{
    (void)state;
    char *pem = pki_key_pem(PKI_EC256), *both = pki_join(pem, leaf);
    struct keys_found look = keys_inspect(pki_slice(both));
    assert_true(look.private_key && look.certificate && !look.encrypted && !look.pkcs12);
    look = keys_inspect(pki_slice(leaf));
    assert_true(!look.private_key && look.certificate);
    look = keys_inspect(pki_slice("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_true(look.private_key && look.encrypted);
    look = keys_inspect((struct tls_slice){NULL, 0});
    assert_true(!look.private_key && !look.certificate && !look.encrypted && !look.pkcs12);
    free(pem);
    free(both);
}

/* ---- memory ---- */

static unsigned long allocations, fail_at;

/* Most allocations are the limbs of numbers, and all of those fail alike. */
static bool gate(size_t count, size_t size)
{
    (void)count;
    return size == sizeof(mbedtls_mpi_uint) || ++allocations != fail_at;
}

/* False when there was no nth allocation. */
static bool attempt(const struct p7b *p, unsigned long n)
{
    struct said said = {.text = ""};
    struct err e = {.text = ""};
    allocations = 0;
    fail_at = n;
    memory_gate = gate;
    struct keys_pool *pool = keys_pool_new(&e);
    char *chain = NULL;
    if (pool != NULL && keys_pool_add(pool, (struct tls_slice){p->data, p->size}, "p7b", &e) == 0) {
        const struct keys_judge judge = {.now = time(NULL), .report = hear, .arg = &said};
        chain = keys_chain_make(pool, key, &judge);
    }
    memory_gate = NULL;
    if (chain != NULL)
        assert_non_null(strstr(chain, "BEGIN CERTIFICATE"));
    else
        assert_true(e.text[0] != '\0' || said.count[KEYS_ERROR] > 0);
    keys_free_text(chain);
    keys_pool_free(pool);
    return allocations >= n;
}

static void without_memory_it_says_so_wherever_it_happens(void **state)
{
    static struct p7b p;
    unsigned long n = 1;
    (void)state;
    make_p7b(&p);
    while (attempt(&p, n))
        n++;
    print_message("%lu allocations\n", n - 1);
    assert_true(n > 3 * 5); /* each certificate is more than that */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_chain),
        cmocka_unit_test(the_root_is_kept_when_told),
        cmocka_unit_test(doubles_are_taken_once),
        cmocka_unit_test(a_trusted_root_completes_the_chain),
        cmocka_unit_test(without_the_root_that_it_is_complete_cannot_be_told),
        cmocka_unit_test(an_expired_cross_sign_is_left_out),
        cmocka_unit_test(a_cross_sign_that_is_good_is_sent_and_misses_nobody),
        cmocka_unit_test(an_intermediate_that_nobody_can_use_is_named),
        cmocka_unit_test(of_two_for_one_key_the_valid_one_is_taken),
        cmocka_unit_test(what_does_not_belong_is_left_out_with_a_warning),
        cmocka_unit_test(one_that_vouches_for_itself_is_the_whole_chain),
        cmocka_unit_test(the_missing_issuer_is_named_with_its_address),
        cmocka_unit_test(a_missing_issuer_can_be_put_up_with),
        cmocka_unit_test(an_issuer_of_the_same_name_with_another_key_is_refused),
        cmocka_unit_test(an_issuer_that_is_no_authority_is_refused),
        cmocka_unit_test(without_a_certificate_for_the_key_there_is_no_chain),
        cmocka_unit_test(der_and_pkcs7_are_read),
        cmocka_unit_test(der_files_may_stand_one_behind_the_other),
        cmocka_unit_test(pkcs7_stands_under_every_label_that_is_in_use),
        cmocka_unit_test(prose_and_windows_line_ends_do_no_harm),
        cmocka_unit_test(cut_at_every_byte_an_answer_is_refused),
        cmocka_unit_test(roots_that_cannot_be_used_are_passed_over),
        cmocka_unit_test(the_look_tells_keys_and_certificates),
        cmocka_unit_test(without_memory_it_says_so_wherever_it_happens),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
