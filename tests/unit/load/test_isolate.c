/* test_isolate.c - of a configuration with keys in every form of file, workers get nothing that is
 * a key, and signers nothing else. */
#include "proxy/load/isolate.h"
#include "proxy/load/unlock.h"
#include "tests/support/pem.h"
#include "tls/keys/keys.h"

#include <string.h>

#define TEXT                                                                                       \
    "user = nobody\n"                                                                              \
    "certificate both { chain = /both }\n"                                                         \
    "certificate apart { chain = /chain key = /key }\n"                                            \
    "certificate der { chain = /chain key = /key.der }\n"                                          \
    "certificate closed { chain = /chain key = /closed passphrase-file = /secret }\n"              \
    "route r { listen = \"127.0.0.1:1\" protocol = tcp certificate = {both, apart}\n"              \
    "  upstream = \"127.0.0.1:2\" client-certificate = optional client-ca = /ca }\n"

static char *chain, *key, *closed, *other; /* PEM; the last is of another key */
static uint8_t der[TLS_KEY_DER_MAX];
static size_t der_size;

static struct tls_slice slice(const char *text)
{
    return (struct tls_slice){(const uint8_t *)text, strlen(text)};
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    uint8_t id[TLS_KEY_ID_SIZE];
    if (tls_init(&e) != 0)
        return -1;
    chain = pem_make("mail.example", 1, 90);
    other = pem_make("other.example", 1, 90);
    struct keys_private *k = keys_private_read(slice(chain), "chain", &e);
    key = keys_private_pem(k, &e);
    closed = keys_encrypt(k, "hush-hush", &e);
    keys_private_free(k);
    struct tls_identity *identity =
        tls_identity_load(slice(chain), "chain", (struct tls_slice){0}, NULL, &e);
    der_size = tls_identity_export_key(identity, id, der);
    tls_identity_free(identity);
    return closed != NULL && der_size > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    keys_free_text(key);
    keys_free_text(closed);
    free(chain);
    free(other);
    return 0;
}

struct scene {
    struct bundle *b;
    struct generation *g;
    struct err e;
};

static void put(struct scene *s, const char *path, const void *data, size_t size)
{
    assert_int_equal(bundle_add(s->b, BUNDLE_FILE, path, data, size, &s->e), 0);
}

static void load(struct scene *s)
{
    struct diags d = {0};
    *s = (struct scene){.b = bundle_new()};
    bundle_add(s->b, BUNDLE_TEXT, "/conf", TEXT, strlen(TEXT), NULL);
    put(s, "/both", chain, strlen(chain));
    put(s, "/chain", chain, strlen(chain));
    put(s, "/key", key, strlen(key));
    put(s, "/key.der", der, der_size);
    put(s, "/closed", closed, strlen(closed));
    put(s, "/secret", "hush-hush\n", 10);
    put(s, "/ca", other, strlen(other));
    struct config *c = config_load(s->b, &d);
    unlock_keys(c, s->b, &d);
    s->g = generation_load(c, s->b, GENERATION_JUDGED, &d);
    assert_true(diag_ok(&d, DIAG_ERROR));
    diags_free(&d);
}

static void end(struct scene *s)
{
    generation_free(s->g);
    bundle_free(s->b);
}

static bool holds(const struct bundle_entry *file, const void *what, size_t size)
{
    return memmem(file->data, file->size, what, size) != NULL;
}

/* A piece out of the middle of its base64: there is no better search for a key in any form. */
static const char *middle_of(const char *pem)
{
    static char piece[2][17];
    static unsigned turn;
    const char *begin = strstr(pem, "PRIVATE KEY-----\n");
    assert_non_null(begin);
    return memcpy(piece[turn++ % 2], begin + 17 + 24, 16);
}

static void workers_get_no_key(void **state)
{
    (void)state;
    struct scene s;
    load(&s);
    struct bundle *out = isolate_files(s.b, &s.e);
    assert_non_null(out);
    assert_int_equal(bundle_count(out), bundle_count(s.b));
    for (size_t i = 0; i < bundle_count(out); i++) {
        const struct bundle_entry *file = bundle_at(out, i);
        struct err why;
        assert_string_equal(file->path, bundle_at(s.b, i)->path);
        assert_null(keys_private_read((struct tls_slice){file->data, file->size}, "x", &why));
        assert_false(holds(file, middle_of(key), 16));
        assert_false(holds(file, middle_of(other), 16));
        assert_false(holds(file, middle_of(closed), 16));
        assert_false(holds(file, der + der_size / 4, 16));
        assert_false(holds(file, "hush-hush", 9));
    }
    assert_int_equal(bundle_find(out, BUNDLE_FILE, "/key.der")->size, 0);
    bundle_free(out);
    end(&s);
}

static void what_they_get_can_be_served(void **state)
{
    (void)state;
    struct scene s;
    struct diags d = {0};
    load(&s);
    struct bundle *out = isolate_files(s.b, &s.e);
    struct generation *g = generation_load(config_load(out, &d), out, GENERATION_SERVED, &d);
    assert_true(diag_ok(&d, DIAG_ERROR));
    for (size_t i = 0; i < g->config->certificate_count; i++)
        assert_string_equal(tls_identity_facts(g->identities[i])->fingerprint,
                            tls_identity_facts(s.g->identities[i])->fingerprint);
    assert_non_null(g->routes[0].tls);
    generation_free(g);
    diags_free(&d);
    bundle_free(out);
    end(&s);
}

static void signers_get_each_key_once(void **state)
{
    (void)state;
    struct scene s;
    load(&s);
    struct bundle *out = isolate_keys(s.g, &s.e);
    assert_non_null(out);
    assert_int_equal(bundle_count(out), 1);
    const struct bundle_entry *file = bundle_at(out, 0);
    assert_int_equal(strlen(file->path), 2 * TLS_KEY_ID_SIZE);
    assert_int_equal(file->size, der_size);
    assert_memory_equal(file->data, der, der_size);
    bundle_free(out);
    end(&s);
}

static struct bundle *keys_named(const char *const *names, size_t count)
{
    struct bundle *b = bundle_new();
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bundle_add(b, BUNDLE_FILE, names[i], names[i], strlen(names[i]), NULL), 0);
    return b;
}

static void consists_of(struct bundle *b, const char *const *names, size_t count)
{
    assert_int_equal(bundle_count(b), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(bundle_at(b, i)->path, names[i]);
    bundle_free(b);
}

static void a_key_that_was_replaced_is_kept_for_sessions_of_before(void **state)
{
    static const char *const before[] = {"aa", "bb", "call:aa", "cc 4", "dd 3", "ee 2"};
    static const char *const now[] = {"aa", "dd", "ff"};
    static const char *const all[] = {"aa", "dd", "ff", "bb 5", "call:aa 5", "cc 4"};
    (void)state;
    struct err e;
    struct bundle *was = keys_named(before, 6), *keys = keys_named(now, 3);
    assert_int_equal(isolate_keep(keys, was, 5, 3, &e), 0);
    assert_memory_equal(bundle_at(keys, 3)->data, "bb", 2);
    consists_of(keys, all, 6);
    keys = keys_named(now, 3);
    assert_int_equal(isolate_keep(keys, was, 5, 5, &e), 0);
    consists_of(keys, all, 5);
    bundle_free(was);
}

/* A session in clear may stay for days. */
static void no_more_are_kept_than_there_are_or_some(void **state)
{
    enum { GENERATIONS = 300, SOME = 64 };
    (void)state;
    struct err e;
    struct bundle *was = keys_named((const char *const[]){"key0"}, 1);
    for (unsigned i = 1; i < GENERATIONS; i++) {
        char name[16];
        snprintf(name, sizeof name, "key%u", i);
        struct bundle *keys = keys_named((const char *const[]){name}, 1);
        assert_int_equal(isolate_keep(keys, was, i, 0, &e), 0);
        bundle_free(was);
        was = keys;
    }
    assert_int_equal(bundle_count(was), 2 + SOME);
    assert_string_equal(bundle_at(was, 1)->path, "key298 299");
    bundle_free(was);
}

/* With private keys or without: whoever has a ticket's secret can open every ticket. */
static void a_secret_stays_with_the_supervisor(void **state)
{
    (void)state;
    struct scene s;
    load(&s);
    assert_int_equal(bundle_add(s.b, BUNDLE_SECRET, "/ticket-key", "once", 4, &s.e), 0);
    struct bundle *out[] = {isolate_files(s.b, &s.e), isolate_secrets(s.b, &s.e)};
    for (int i = 0; i < 2; i++) {
        assert_non_null(out[i]);
        assert_int_equal(bundle_count(out[i]), bundle_count(s.b) - 1);
        assert_null(bundle_find(out[i], BUNDLE_SECRET, "/ticket-key"));
    }
    assert_true(holds(bundle_find(out[1], BUNDLE_FILE, "/key"), middle_of(key), 16));
    bundle_free(out[0]);
    bundle_free(out[1]);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_get_no_key),
        cmocka_unit_test(what_they_get_can_be_served),
        cmocka_unit_test(signers_get_each_key_once),
        cmocka_unit_test(a_key_that_was_replaced_is_kept_for_sessions_of_before),
        cmocka_unit_test(no_more_are_kept_than_there_are_or_some),
        cmocka_unit_test(a_secret_stays_with_the_supervisor),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
