#include "tls/suites.h"

#include "tls/mbed.h"
#include "tls/tls.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct cipher {
    int id;
    const char *name;  /* IANA's */
    const char *alias; /* OpenSSL's, which operators know; NULL: the same */
    bool tls13;
};

/* In the order of our preference. AES-128 comes first because it is the fastest with the hardware's
 * help, and as good as any. */
static const struct cipher ciphers[SUITES_CIPHERS] = {
    {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", NULL, true},
    {MBEDTLS_TLS1_3_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", NULL, true},
    {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", NULL, true},
    {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
     "ECDHE-ECDSA-AES128-GCM-SHA256", false},
    {MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
     "ECDHE-RSA-AES128-GCM-SHA256", false},
    {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
     "ECDHE-ECDSA-AES256-GCM-SHA384", false},
    {MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
     "ECDHE-RSA-AES256-GCM-SHA384", false},
    {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
     "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", false},
    {MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
     "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", false},
};

#ifdef TLSFRONT_ACCEL
enum { HAS_MLKEM = true };
#else
enum { HAS_MLKEM = false }; /* mbedTLS itself has none */
#endif

struct group {
    uint16_t id;
    const char *name, *alias; /* IANA's; the usual one, NULL: the same */
    bool built, by_default, tls13_only;
};

/* In the order of our preference. */
static const struct group groups[SUITES_GROUPS] = {
    {MBEDTLS_SSL_IANA_TLS_GROUP_X25519MLKEM768, TLS_GROUP_HYBRID, NULL, HAS_MLKEM, HAS_MLKEM, true},
    {MBEDTLS_SSL_IANA_TLS_GROUP_X25519, "x25519", NULL, true, true, false},
    {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, "secp256r1", "P-256", true, true, false},
    {MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, "secp384r1", "P-384", true, true, false},
    {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, "secp521r1", "P-521", true, false, false},
};

static bool named(const char *wanted, const char *name, const char *alias)
{
    return strcasecmp(wanted, name) == 0 || (alias != NULL && strcasecmp(wanted, alias) == 0);
}

static const struct cipher *cipher_named(const char *name)
{
    for (size_t i = 0; i < SUITES_CIPHERS; i++)
        if (named(name, ciphers[i].name, ciphers[i].alias))
            return &ciphers[i];
    return NULL;
}

static const struct group *group_named(const char *name)
{
    for (size_t i = 0; i < SUITES_GROUPS; i++)
        if (named(name, groups[i].name, groups[i].alias))
            return &groups[i];
    return NULL;
}

static void append(char *text, size_t size, const char *name)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", name);
}

static int unknown_cipher(const char *name, struct err *e)
{
    char known[480] = "";
    for (size_t i = 0; i < SUITES_CIPHERS; i++)
        append(known, sizeof known, ciphers[i].name);
    err_set(e, "unknown cipher \"%s\"; there are: %s", name, known);
    return err_blame(e, TLS_INPUT_CIPHERS);
}

static int unknown_group(const char *name, struct err *e)
{
    char known[128] = "";
    for (size_t i = 0; i < SUITES_GROUPS; i++)
        if (groups[i].built)
            append(known, sizeof known, groups[i].name);
    err_set(e, "unknown group \"%s\"; there are: %s", name, known);
    return err_blame(e, TLS_INPUT_GROUPS);
}

static int unbuilt_group(const struct group *g, struct err *e)
{
    err_set(e, "the group %s is not in this build, which is one without the crypto back ends",
            g->name);
    err_cure(e, "take it out, or install a build that was not made with -DACCEL=OFF");
    return err_blame(e, TLS_INPUT_GROUPS);
}

static size_t add_cipher(int *list, size_t count, int id)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == id)
            return count;
    list[count] = id;
    return count + 1;
}

static int select_ciphers(struct suites *s, const struct string_list *names, struct err *e)
{
    size_t count = 0;
    bool has_tls12 = false, has_tls13 = false;
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        const struct cipher *c = cipher_named(names->items[i]);
        if (c == NULL)
            return unknown_cipher(names->items[i], e);
        count = add_cipher(s->ciphers, count, c->id);
        *(c->tls13 ? &has_tls13 : &has_tls12) = true;
    }
    for (size_t i = 0; i < SUITES_CIPHERS; i++)
        if (!(ciphers[i].tls13 ? has_tls13 : has_tls12))
            count = add_cipher(s->ciphers, count, ciphers[i].id);
    s->ciphers[count] = 0;
    return 0;
}

static size_t add_group(uint16_t *list, size_t count, uint16_t id)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == id)
            return count;
    list[count] = id;
    return count + 1;
}

static int select_groups(struct suites *s, const struct string_list *names, struct err *e)
{
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        const struct group *g = group_named(names->items[i]);
        if (g == NULL)
            return unknown_group(names->items[i], e);
        if (!g->built)
            return unbuilt_group(g, e);
        count = add_group(s->groups, count, g->id);
    }
    if (count > 0)
        return 0;
    for (size_t i = 0; i < SUITES_GROUPS; i++)
        if (groups[i].by_default)
            s->groups[count++] = groups[i].id;
    return 0;
}

int suites_select(struct suites *s, const struct string_list *cipher_names,
                  const struct string_list *group_names, struct err *e)
{
    memset(s, 0, sizeof *s);
    if (select_ciphers(s, cipher_names, e) < 0)
        return -1;
    return select_groups(s, group_names, e);
}

/* ---- numbers ---- */

static_assert(SUITES_CIPHERS < (int)TLS_CIPHER_NUMBERS && SUITES_GROUPS < (int)TLS_GROUP_NUMBERS,
              "counters have room for all");

unsigned suites_cipher_number(int id)
{
    for (unsigned i = 0; i < SUITES_CIPHERS; i++)
        if (ciphers[i].id == id)
            return i + 1;
    return 0;
}

unsigned suites_group_number(uint16_t id)
{
    for (unsigned i = 0; i < SUITES_GROUPS; i++)
        if (groups[i].id == id)
            return i + 1;
    return 0;
}

bool suites_have_cipher(const struct suites *s, int id)
{
    for (size_t i = 0; s->ciphers[i] != 0; i++)
        if (s->ciphers[i] == id)
            return true;
    return false;
}

bool suites_have_group(const struct suites *s, uint16_t id)
{
    for (size_t i = 0; s->groups[i] != 0; i++)
        if (s->groups[i] == id)
            return true;
    return false;
}

bool suites_have_tls12_group(const struct suites *s)
{
    for (size_t i = 0; s->groups[i] != 0; i++)
        if (!groups[suites_group_number(s->groups[i]) - 1].tls13_only)
            return true;
    return false;
}

const char *tls_cipher_name(unsigned number)
{
    return number > 0 && number <= SUITES_CIPHERS ? ciphers[number - 1].name : NULL;
}

const char *tls_cipher_version(unsigned number)
{
    if (number == 0 || number > SUITES_CIPHERS)
        return NULL;
    return ciphers[number - 1].tls13 ? "TLSv1.3" : "TLSv1.2";
}

bool tls_ciphers_of_12(const struct string_list *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct cipher *c = cipher_named(names->items[i]);
        if (c == NULL || c->tls13)
            return false;
    }
    return names->count > 0;
}

const char *tls_group_name(unsigned number)
{
    return number > 0 && number <= SUITES_GROUPS ? groups[number - 1].name : NULL;
}
