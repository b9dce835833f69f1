/* dialer.c - from how an upstream is to be known to an mbedTLS configuration */
#include "tls/dialer.h"

#include "tls/issuing.h"
#include "tls/memory.h"
#include "tls/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the parts ---- */

static int copy_pins(struct tls_dialer *k, const struct tls_dialer_options *o, struct err *e)
{
    if (o->pin_count == 0)
        return err_set(e, "there is neither an authority nor a pin to know the upstream by");
    k->pins = memory_copy(o->pins, o->pin_count * sizeof *k->pins);
    if (k->pins == NULL)
        return err_set(e, "out of memory");
    k->pin_count = o->pin_count;
    return 0;
}

/* By pins alone mbedTLS has nobody to ask, and must not mind; what its callback says counts. */
static int load_trust(struct tls_dialer *k, const struct tls_dialer_options *o, struct err *e)
{
    const bool pinned = o->ca.data == NULL;
    mbedtls_ssl_conf_authmode(&k->conf,
                              pinned ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (pinned)
        return copy_pins(k, o, e);
    if (identity_parse_certificates(&k->ca, o->ca, "upstream-ca", IDENTITY_TRUSTED, e) < 0)
        return err_blame(e, TLS_INPUT_UPSTREAM_CA);
    mbedtls_ssl_conf_ca_chain(&k->conf, &k->ca, NULL);
    return 0;
}

/* Of a key that is elsewhere the public half will do. */
static int load_identity(struct tls_dialer *k, struct tls_identity *id, struct err *e)
{
    if (id == NULL)
        return 0;
    k->identity = tls_identity_ref(id);
    mbedtls_ssl_conf_min_tls_version(&k->conf, MBEDTLS_SSL_VERSION_TLS1_3);
    if (mbedtls_ssl_conf_own_cert(&k->conf, &id->chain,
                                  identity_signs(id) ? &id->key : &id->chain.pk) != 0)
        return err_set(e, "out of memory");
    return 0;
}

/* ---- what sessions depend on ---- */

struct part {
    const void *data;
    size_t size;
};

/* Each with its length, so that no two lists of parts are one. */
static int digest(const struct part *parts, size_t count, uint8_t out[32])
{
    mbedtls_sha256_context h;
    mbedtls_sha256_init(&h);
    int r = mbedtls_sha256_starts(&h, 0);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const uint64_t size = parts[i].size;
        r = mbedtls_sha256_update(&h, (const uint8_t *)&size, sizeof size);
        if (r == 0 && parts[i].size > 0)
            r = mbedtls_sha256_update(&h, parts[i].data, parts[i].size);
    }
    if (r == 0)
        r = mbedtls_sha256_finish(&h, out);
    mbedtls_sha256_free(&h);
    return r;
}

static struct part text(const char *s)
{
    return (struct part){s, s != NULL ? strlen(s) : 0};
}

static int digest_policy(struct tls_dialer *k, const struct tls_dialer_options *o, struct err *e)
{
    const struct tls_identity *id = k->identity;
    const struct part parts[] = {
        text(o->context),
        {o->ca.data, o->ca.size},
        {k->pins, k->pin_count * sizeof *k->pins},
        text(id != NULL ? id->facts.fingerprint : NULL),
    };
    return digest(parts, sizeof parts / sizeof *parts, k->policy) == 0
               ? 0
               : err_set(e, "internal error: SHA-256 fails");
}

int dialer_place(const struct tls_dialer *k, const char *name, const char *place,
                 uint8_t key[RESUMPTION_KEY_SIZE])
{
    const struct part parts[] = {{k->policy, sizeof k->policy}, text(name), text(place)};
    return digest(parts, sizeof parts / sizeof *parts, key);
}

/* ---- the whole ---- */

static int configure(struct tls_dialer *k, const struct tls_dialer_options *o, struct err *e)
{
    mbedtls_ssl_config *conf = &k->conf;
    if (mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0)
        return err_set(e, "out of memory");
    mbedtls_ssl_conf_rng(conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
    if (suites_select(&k->suites, NULL, NULL, e) < 0)
        return -1;
    mbedtls_ssl_conf_ciphersuites(conf, k->suites.ciphers);
    mbedtls_ssl_conf_groups(conf, k->suites.groups);
    if (load_trust(k, o, e) < 0 || load_identity(k, o->identity, e) < 0 ||
        digest_policy(k, o, e) < 0)
        return -1;
    hooks_install_dialer(k);
    return 0;
}

struct tls_dialer *tls_dialer_new(const struct tls_dialer_options *o, struct err *e)
{
    struct tls_dialer *k = memory_calloc(1, sizeof *k);
    if (k == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    k->refs = 1;
    mbedtls_ssl_config_init(&k->conf);
    mbedtls_x509_crt_init(&k->ca);
    if (configure(k, o, e) == 0)
        return k;
    tls_dialer_free(k);
    return NULL;
}

bool tls_dialer_useless(const struct tls_dialer *k, char *words, size_t size)
{
    char name[512];
    if (k->ca.raw.p == NULL)
        return false;
    for (const mbedtls_x509_crt *c = &k->ca; c != NULL; c = c->next)
        if (issuing_useless(c) == NULL)
            return false;
    text_name_shown(&k->ca.subject, name, sizeof name);
    snprintf(words, size, "the certificate of %s %s", name, issuing_useless(&k->ca));
    return true;
}

struct tls_dialer *tls_dialer_ref(struct tls_dialer *k)
{
    k->refs++;
    return k;
}

void tls_dialer_free(struct tls_dialer *k)
{
    if (k == NULL || --k->refs > 0)
        return;
    mbedtls_ssl_config_free(&k->conf);
    mbedtls_x509_crt_free(&k->ca);
    tls_identity_free(k->identity);
    free(k->pins);
    free(k);
}
