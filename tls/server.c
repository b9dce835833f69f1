/* server.c - from a route's options to an mbedTLS configuration */
#include "tls/server.h"

#include "tls/der.h"
#include "tls/extensions.h"
#include "tls/form.h"
#include "tls/hooks.h"
#include "tls/memory.h"
#include "tls/pem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the parts ---- */

static int copy_set(struct identity_set *set, struct tls_identity *const *identities, size_t count,
                    struct err *e)
{
    set->items = memory_calloc(count + 1, sizeof *set->items);
    if (set->items == NULL)
        return err_set(e, "out of memory");
    for (size_t i = 0; i < count; i++)
        set->items[i] = tls_identity_ref(identities[i]);
    set->count = count;
    return 0;
}

static void free_set(struct identity_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        tls_identity_free(set->items[i]);
    free(set->items);
}

static int copy_names(struct tls_server *s, const struct tls_server_options *o, struct err *e)
{
    s->of_names = memory_calloc(o->name_count + 1, sizeof *s->of_names);
    if (s->of_names == NULL || name_table_init(&s->names, o->name_count) != 0)
        return err_set(e, "out of memory");
    for (size_t i = 0; i < o->name_count; i++) {
        const struct tls_server_name *n = &o->names[i];
        if (name_table_add(&s->names, n->name) != 0)
            return err_set(e, "out of memory");
        if (copy_set(&s->of_names[i], n->identities, n->identity_count, e) != 0)
            return -1;
    }
    name_table_sort(&s->names);
    return 0;
}

static int copy_identities(struct tls_server *s, const struct tls_server_options *o, struct err *e)
{
    s->challenges = o->challenges;
    if (o->challenges)
        return 0;
    if (o->identity_count == 0)
        return err_set(e, "there is no certificate to serve with");
    if (copy_set(&s->identities, o->identities, o->identity_count, e) != 0)
        return -1;
    return copy_names(s, o, e);
}

/* Is there a suite of TLS 1.2 for a certificate with such a key? TLS 1.3 has no such ties. */
static bool suits(const struct tls_server *s, enum tls_key_type type)
{
    const mbedtls_key_exchange_type_t wanted =
        type == TLS_KEY_RSA ? MBEDTLS_KEY_EXCHANGE_ECDHE_RSA : MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA;
    for (size_t i = 0; s->suites.ciphers[i] != 0; i++)
        if (mbedtls_ssl_ciphersuite_from_id(s->suites.ciphers[i])->key_exchange == wanted)
            return true;
    return false;
}

/* `name` NULL: of those who ask for no name of the table. */
static int check_ciphers_of(const struct tls_server *s, const struct identity_set *set,
                            const char *name, struct err *e)
{
    for (size_t i = 0; i < set->count; i++)
        if (suits(s, set->items[i]->facts.key_type))
            return 0;
    const bool rsa = set->items[0]->facts.key_type == TLS_KEY_RSA;
    err_set(e,
            "none of the ciphers for TLS 1.2 can be used with %s certificate%s%s, so that version "
            "would serve nobody",
            rsa ? "an RSA" : "an ECDSA", name != NULL ? ", as there is for " : "",
            name != NULL ? name : "");
    err_cure(e, "add one with %s in its name, or say min-version = 1.3",
             rsa ? "ECDHE_RSA" : "ECDHE_ECDSA");
    return err_blame(e, TLS_INPUT_CIPHERS);
}

static int check_ciphers(const struct tls_server *s, const struct tls_server_options *o,
                         struct err *e)
{
    if (o->min_version == TLS_MIN_1_3 || s->identities.count == 0)
        return 0;
    int r = check_ciphers_of(s, &s->identities, NULL, e);
    for (size_t i = 0; i < o->name_count && r == 0; i++)
        if (s->of_names[i].count > 0)
            r = check_ciphers_of(s, &s->of_names[i], o->names[i].name, e);
    return r;
}

static int copy_alpn(struct tls_server *s, const struct string_list *names, struct err *e)
{
    if (names == NULL || names->count == 0)
        return 0;
    s->alpn = memory_calloc(names->count + 1, sizeof *s->alpn);
    for (size_t i = 0; s->alpn != NULL && i < names->count; i++) {
        size_t size = strlen(names->items[i]);
        if (size == 0 || size > MBEDTLS_SSL_MAX_ALPN_NAME_LEN)
            return err_set(e, "the ALPN name \"%s\" is not between 1 and %d bytes long",
                           names->items[i], MBEDTLS_SSL_MAX_ALPN_NAME_LEN);
        s->alpn[i] = memory_text(names->items[i]);
        if (s->alpn[i] == NULL)
            return err_set(e, "out of memory");
    }
    if (s->alpn == NULL)
        return err_set(e, "out of memory");
    if (mbedtls_ssl_conf_alpn_protocols(&s->conf, (const char **)s->alpn) != 0)
        return err_set(e, "the list of ALPN names is too long");
    return 0;
}

static bool is_certificate(struct tls_slice der)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    const bool is = identity_parse_der(&crt, der, IDENTITY_SHOWN) == 0;
    mbedtls_x509_crt_free(&crt);
    return is;
}

static int refuse_signed_data(struct err *e)
{
    err_set(e, "client-crl is PKCS#7 (.p7b), no revocation list");
    return err_cure(e, "take the list out of it: openssl pkcs7 -print_certs -in FILE -out FILE.pem "
                       "(with -inform der where it is no PEM)");
}

static int refuse_crl(int r, struct tls_slice der, struct err *e)
{
    if (form_of(der) == FORM_SIGNED_DATA)
        return refuse_signed_data(e);
    if (is_certificate(der))
        return err_set(e, "client-crl holds a certificate where a revocation list belongs");
    if (-(-r & 0xff80) == MBEDTLS_ERR_X509_INVALID_EXTENSIONS) {
        err_set(e, "client-crl: a revocation list in it is only a part (a delta list, or one for "
                   "some of the certificates), or has another critical extension");
        return err_cure(e, "give the authority's complete list");
    }
    return err_set(e, "client-crl: a revocation list in it is damaged, or in a form that cannot be "
                      "read");
}

static int parse_crl(struct tls_server *s, struct tls_slice der, struct err *e)
{
    int r = mbedtls_x509_crl_parse_der(&s->client_crl, der.data, der.size);
    const mbedtls_x509_crl *last = &s->client_crl;
    while (last->next != NULL)
        last = last->next;
    if (r == 0 && extensions_partial_list(last))
        r = MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
    return r == 0 ? 0 : refuse_crl(r, der, e);
}

static int parse_crls(struct tls_server *s, struct tls_slice file, struct err *e)
{
    int r;
    do
        r = parse_crl(s, der_cut(&file), e);
    while (r == 0 && der_goes_on(file));
    return r;
}

static int on_crl_block(void *arg, const struct pem_block *b, struct err *e)
{
    struct tls_slice der;
    if (b->kind == PEM_SIGNED_DATA)
        return refuse_signed_data(e);
    if (b->kind != PEM_CRL)
        return 0;
    uint8_t *bytes = pem_decode(b, "client-crl", &der.size, e);
    if (bytes == NULL)
        return -1;
    der.data = bytes;
    int r = parse_crl(arg, der, e);
    free(bytes);
    return r;
}

static int load_crl(struct tls_server *s, struct tls_slice file, struct err *e)
{
    if (pem_is_der(file))
        return parse_crls(s, file, e);
    if (pem_walk(file, "client-crl", on_crl_block, s, e) < 0)
        return -1;
    if (s->client_crl.raw.p == NULL)
        return err_set(e, "client-crl holds no revocation list, in PEM (\"-----BEGIN X509 "
                          "CRL-----\") or DER");
    return 0;
}

static int load_client_ca(struct tls_server *s, const struct tls_server_options *o, struct err *e)
{
    s->client_auth = o->client_auth;
    if (o->client_auth == CLIENT_AUTH_NONE)
        return 0;
    if (o->client_ca.data == NULL)
        return err_set(e, "client certificates are asked for, but no client-ca says which to "
                          "accept");
    if (identity_parse_certificates(&s->client_ca, o->client_ca, "client-ca", IDENTITY_TRUSTED, e) <
        0)
        return err_blame(e, TLS_INPUT_CLIENT_CA);
    if (o->client_crl.data != NULL && load_crl(s, o->client_crl, e) < 0)
        return err_blame(e, TLS_INPUT_CLIENT_CRL);
    if (server_note_revoked(s) < 0 ||
        allow_copy(&s->allow, o->client_subjects, o->client_names) < 0)
        return err_set(e, "out of memory");
    mbedtls_ssl_conf_authmode(&s->conf, o->client_auth == CLIENT_AUTH_REQUIRED
                                            ? MBEDTLS_SSL_VERIFY_REQUIRED
                                            : MBEDTLS_SSL_VERIFY_OPTIONAL);
    mbedtls_ssl_conf_ca_chain(&s->conf, &s->client_ca,
                              o->client_crl.data != NULL ? &s->client_crl : NULL);
    return 0;
}

/* ---- what tickets are bound to ---- */

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcasecmp(*x, *y);
}

static int digest_name(mbedtls_sha256_context *h, const char *name)
{
    int r = 0;
    for (; r == 0 && *name != '\0'; name++) {
        const uint8_t b = (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name + 'a' - 'A' : *name);
        r = mbedtls_sha256_update(h, &b, 1);
    }
    return r == 0 ? mbedtls_sha256_update(h, (const uint8_t *)"", 1) : r; /* where it ends */
}

/* The context, then the names. */
static int digest(const char *context, const char *const *names, size_t count,
                  uint8_t out[TLS_SHA256_SIZE])
{
    mbedtls_sha256_context h;
    mbedtls_sha256_init(&h);
    int r = mbedtls_sha256_starts(&h, 0);
    if (r == 0)
        r = digest_name(&h, context);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = digest_name(&h, names[i]);
    if (r == 0)
        r = mbedtls_sha256_finish(&h, out);
    mbedtls_sha256_free(&h);
    return r;
}

/* In whatever order the certificate has them. */
static int digest_default(struct identity_set *set, const char *context)
{
    const struct tls_identity_facts *f = &set->items[0]->facts;
    const char **names = memory_calloc(f->name_count + 1, sizeof *names);
    if (names == NULL)
        return -1;
    for (size_t i = 0; i < f->name_count; i++)
        names[i] = f->names[i];
    qsort(names, f->name_count, sizeof *names, by_name);
    const int r = digest(context, names, f->name_count, set->default_names);
    free(names);
    return r;
}

static int bind_tickets(struct tls_server *s, const struct tls_server_options *o, struct err *e)
{
    if (s->identities.count == 0)
        return 0; /* there are none for challenges */
    int r = digest(o->context, NULL, 0, s->context);
    if (r == 0)
        r = digest_default(&s->identities, o->context);
    for (size_t i = 0; i < o->name_count && r == 0; i++)
        if (s->of_names[i].count > 0)
            r = digest_default(&s->of_names[i], o->context);
    return r == 0 ? 0 : err_set(e, "out of memory");
}

/* ---- the whole ---- */

static int configure(struct tls_server *s, const struct tls_server_options *o, struct err *e)
{
    mbedtls_ssl_config *conf = &s->conf;
    if (mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0)
        return err_set(e, "out of memory");
    mbedtls_ssl_conf_rng(conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(conf, o->min_version == TLS_MIN_1_3
                                               ? MBEDTLS_SSL_VERSION_TLS1_3
                                               : MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
    if (suites_select(&s->suites, o->ciphers, o->groups, e) < 0)
        return -1;
    mbedtls_ssl_conf_ciphersuites(conf, s->suites.ciphers);
    mbedtls_ssl_conf_groups(conf, s->suites.groups);
    s->strict_sni = o->strict_sni;
    if (copy_alpn(s, o->alpn, e) < 0)
        return err_blame(e, TLS_INPUT_ALPN);
    if (copy_identities(s, o, e) < 0 || check_ciphers(s, o, e) < 0 || load_client_ca(s, o, e) < 0 ||
        bind_tickets(s, o, e) < 0)
        return -1;
    hooks_install(s);
    return 0;
}

struct tls_server *tls_server_new(const struct tls_server_options *o, struct err *e)
{
    struct tls_server *s = memory_calloc(1, sizeof *s);
    if (s == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    s->refs = 1;
    mbedtls_ssl_config_init(&s->conf);
    mbedtls_x509_crt_init(&s->client_ca);
    mbedtls_x509_crl_init(&s->client_crl);
    if (configure(s, o, e) == 0)
        return s;
    tls_server_free(s);
    return NULL;
}

struct tls_server *tls_server_ref(struct tls_server *s)
{
    s->refs++;
    return s;
}

void tls_server_free(struct tls_server *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    mbedtls_ssl_config_free(&s->conf);
    mbedtls_x509_crt_free(&s->client_ca);
    mbedtls_x509_crl_free(&s->client_crl);
    free(s->signers);
    free(s->revoked);
    allow_free(&s->allow);
    free_set(&s->identities);
    for (size_t i = 0; i < s->names.room && s->of_names != NULL; i++)
        free_set(&s->of_names[i]);
    free(s->of_names);
    name_table_free(&s->names);
    for (size_t i = 0; s->alpn != NULL && s->alpn[i] != NULL; i++)
        free(s->alpn[i]);
    free(s->alpn);
    free(s);
}

bool tls_server_lacks_group(const struct tls_server *s)
{
    return s->conf.min_tls_version == MBEDTLS_SSL_VERSION_TLS1_2 &&
           !suites_have_tls12_group(&s->suites);
}

bool identity_set_covers(const struct identity_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (tls_identity_covers(set->items[i], name))
            return true;
    return false;
}
