/* pki.c - see pki.h; included by the tests that need it */
#include "tests/unit/tls/pki.h"

#include <arpa/inet.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PKI_CHECK(call)                                                                            \
    do {                                                                                           \
        int pki_result = (call);                                                                   \
        if (pki_result < 0) {                                                                      \
            fprintf(stderr, "%s:%d: %s: -0x%04x\n", __FILE__, __LINE__, #call,                     \
                    (unsigned)-pki_result);                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static mbedtls_pk_context pki_keys[PKI_KEYS];
static bool pki_made[PKI_KEYS];

static void pki_make_key(mbedtls_pk_context *pk, enum pki_key key)
{
    mbedtls_pk_init(pk);
    if (key == PKI_RSA2048 || key == PKI_RSA1024) {
        PKI_CHECK(mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)));
        PKI_CHECK(mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), mbedtls_psa_get_random,
                                      MBEDTLS_PSA_RANDOM_STATE, key == PKI_RSA2048 ? 2048 : 1024,
                                      65537));
        return;
    }
    PKI_CHECK(mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)));
    PKI_CHECK(
        mbedtls_ecp_gen_key(key == PKI_EC384 ? MBEDTLS_ECP_DP_SECP384R1 : MBEDTLS_ECP_DP_SECP256R1,
                            mbedtls_pk_ec(*pk), mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE));
}

static mbedtls_pk_context *pki_cached(enum pki_key key)
{
    if (!pki_made[key])
        pki_make_key(&pki_keys[key], key);
    pki_made[key] = true;
    return &pki_keys[key];
}

const mbedtls_pk_context *pki_key(enum pki_key key)
{
    return pki_cached(key);
}

void pki_free(void)
{
    for (size_t i = 0; i < PKI_KEYS; i++)
        if (pki_made[i])
            mbedtls_pk_free(&pki_keys[i]);
    memset(pki_made, 0, sizeof pki_made);
}

char *pki_key_pem(enum pki_key key)
{
    unsigned char text[8192];
    PKI_CHECK(mbedtls_pk_write_key_pem(pki_cached(key), text, sizeof text));
    return strdup((char *)text);
}

char *pki_join(const char *a, const char *b)
{
    char *text = malloc(strlen(a) + strlen(b) + 1);
    strcpy(text, a);
    strcat(text, b);
    return text;
}

struct tls_slice pki_slice(const char *text)
{
    return (struct tls_slice){(const uint8_t *)text, strlen(text)};
}

static void pki_day(char text[15], long days)
{
    time_t t = time(NULL) + days * 24 * 3600;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(text, 15, "%Y%m%d%H%M%S", &tm);
}

static void pki_set_names(mbedtls_x509write_cert *crt, const char *const *names)
{
    mbedtls_x509_san_list list[16];
    unsigned char addresses[16][4];
    memset(list, 0, sizeof list);
    size_t count = 0;
    for (; names != NULL && names[count] != NULL; count++) {
        const bool email = strchr(names[count], '@') != NULL,
                   uri = strchr(names[count], ':') != NULL;
        list[count].node.type = uri     ? MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER
                                : email ? MBEDTLS_X509_SAN_RFC822_NAME
                                        : MBEDTLS_X509_SAN_DNS_NAME;
        list[count].node.san.unstructured_name.p = (unsigned char *)names[count];
        list[count].node.san.unstructured_name.len = strlen(names[count]);
        list[count].next = count > 0 ? &list[count - 1] : NULL; /* it writes the last one first */
        if (inet_pton(AF_INET, names[count], addresses[count]) != 1)
            continue;
        list[count].node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
        list[count].node.san.unstructured_name.p = addresses[count];
        list[count].node.san.unstructured_name.len = sizeof addresses[count];
    }
    if (count > 0)
        PKI_CHECK(mbedtls_x509write_crt_set_subject_alternative_name(crt, &list[count - 1]));
}

static void pki_set_issuer_file(mbedtls_x509write_cert *crt)
{
    static const unsigned char oid[] = {0x2b, 6, 1, 5, 5, 7, 1, 1};
    static const unsigned char value[] = {0x30, 0x18, 0x30, 0x16, 0x06, 0x08, 0x2b, 0x06, 0x01,
                                          0x05, 0x05, 0x07, 0x30, 0x02, 0x86, 0x0a, 'h',  't',
                                          't',  'p',  ':',  '/',  '/',  'a',  '/',  'b'};
    PKI_CHECK(mbedtls_x509write_crt_set_extension(crt, (const char *)oid, sizeof oid, 0, value,
                                                  sizeof value));
}

static void pki_set_must_staple(mbedtls_x509write_cert *crt)
{
    static const unsigned char oid[] = {0x2b, 6, 1, 5, 5, 7, 1, 24};
    static const unsigned char value[] = {0x30, 3, MBEDTLS_ASN1_INTEGER, 1, 5};
    PKI_CHECK(mbedtls_x509write_crt_set_extension(crt, (const char *)oid, sizeof oid, 0, value,
                                                  sizeof value));
}

static void pki_set_challenge(mbedtls_x509write_cert *crt, bool critical)
{
    static const unsigned char oid[] = {0x2b, 6, 1, 5, 5, 7, 1, 31};
    static const unsigned char value[34] = {MBEDTLS_ASN1_OCTET_STRING, 32, 'd', 'i', 'g'};
    PKI_CHECK(mbedtls_x509write_crt_set_extension(crt, (const char *)oid, sizeof oid, critical,
                                                  value, sizeof value));
}

static void pki_set_usage(mbedtls_x509write_cert *crt, const char *usage)
{
    static const char any[] = MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE; /* its last byte is 0 */
    const size_t size = strcmp(usage, any) == 0 ? sizeof any - 1 : strlen(usage);
    mbedtls_asn1_sequence one = {
        .buf = {.tag = MBEDTLS_ASN1_OID, .p = (unsigned char *)usage, .len = size}};
    PKI_CHECK(mbedtls_x509write_crt_set_ext_key_usage(crt, &one));
}

static void pki_set_padding(mbedtls_x509write_cert *crt, size_t size)
{
    static const unsigned char oid[] = {0x2a, 3, 4};
    static const unsigned char value[20000];
    PKI_CHECK(
        mbedtls_x509write_crt_set_extension(crt, (const char *)oid, sizeof oid, 0, value, size));
}

static void pki_set_extension(mbedtls_x509write_cert *crt, const struct pki_spec *s)
{
    static const unsigned char null[] = {MBEDTLS_ASN1_NULL, 0};
    const bool given = s->value != NULL;
    PKI_CHECK(mbedtls_x509write_crt_set_extension(
        crt, s->extension, strlen(s->extension), s->extension_critical,
        given ? (const unsigned char *)s->value : null, given ? strlen(s->value) : sizeof null));
}

char *pki_certificate(const struct pki_spec *s)
{
    mbedtls_x509write_cert crt;
    static unsigned char text[65536];
    unsigned char serial[] = {(unsigned char)(s->serial > 0 ? s->serial : 1)};
    char from[15], to[15];
    pki_day(from, -1);
    pki_day(to, 300);
    mbedtls_x509write_crt_init(&crt);
    mbedtls_x509write_crt_set_version(&crt, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&crt, s->sha1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(
        &crt, s->subject_key != NULL ? (mbedtls_pk_context *)s->subject_key : pki_cached(s->key));
    mbedtls_x509write_crt_set_issuer_key(&crt,
                                         pki_cached(s->issuer != NULL ? s->issuer_key : s->key));
    if (*s->subject != '\0')
        PKI_CHECK(mbedtls_x509write_crt_set_subject_name(&crt, s->subject));
    PKI_CHECK(
        mbedtls_x509write_crt_set_issuer_name(&crt, s->issuer != NULL ? s->issuer : s->subject));
    PKI_CHECK(mbedtls_x509write_crt_set_serial_raw(&crt, serial, sizeof serial));
    PKI_CHECK(mbedtls_x509write_crt_set_validity(&crt, s->from != NULL ? s->from : from,
                                                 s->to != NULL ? s->to : to));
    PKI_CHECK(mbedtls_x509write_crt_set_basic_constraints(&crt, s->ca, s->last_ca ? 0 : -1));
    pki_set_names(&crt, s->names);
    if (s->usage != NULL)
        pki_set_usage(&crt, s->usage);
    if (s->issuer_file)
        pki_set_issuer_file(&crt);
    if (s->must_staple)
        pki_set_must_staple(&crt);
    if (s->challenge)
        pki_set_challenge(&crt, s->critical);
    if (s->padding > 0)
        pki_set_padding(&crt, s->padding);
    if (s->extension != NULL)
        pki_set_extension(&crt, s);
    PKI_CHECK(mbedtls_x509write_crt_pem(&crt, text, sizeof text, mbedtls_psa_get_random,
                                        MBEDTLS_PSA_RANDOM_STATE));
    mbedtls_x509write_crt_free(&crt);
    return strdup((char *)text);
}

/* ---- revocation lists, which mbedTLS does not write ---- */

/* DER is written from its end to its front. */
struct pki_der {
    unsigned char data[4096], *p;
};

static size_t pki_wrap(struct pki_der *d, size_t size, unsigned char tag)
{
    int n = mbedtls_asn1_write_len(&d->p, d->data, size);
    PKI_CHECK(n);
    int t = mbedtls_asn1_write_tag(&d->p, d->data, tag);
    PKI_CHECK(t);
    return size + (size_t)n + (size_t)t;
}

static size_t pki_put(struct pki_der *d, const void *data, size_t size)
{
    int n = mbedtls_asn1_write_raw_buffer(&d->p, d->data, data, size);
    PKI_CHECK(n);
    return (size_t)n;
}

static size_t pki_time(struct pki_der *d, const char *text)
{
    char z[16];
    int n = snprintf(z, sizeof z, "%.14sZ", text);
    return pki_wrap(d, pki_put(d, z, (size_t)n), MBEDTLS_ASN1_GENERALIZED_TIME);
}

static size_t pki_algorithm(struct pki_der *d)
{
    int n = mbedtls_asn1_write_algorithm_identifier_ext(
        &d->p, d->data, MBEDTLS_OID_ECDSA_SHA256, MBEDTLS_OID_SIZE(MBEDTLS_OID_ECDSA_SHA256), 0, 0);
    PKI_CHECK(n);
    return (size_t)n;
}

/* The DER of a name, by way of a certificate that bears it. */
static size_t pki_name(struct pki_der *d, const char *name)
{
    char *pem = pki_certificate(&(struct pki_spec){.subject = name, .key = PKI_EC256});
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    PKI_CHECK(mbedtls_x509_crt_parse(&crt, (unsigned char *)pem, strlen(pem) + 1));
    size_t size = pki_put(d, crt.subject_raw.p, crt.subject_raw.len);
    mbedtls_x509_crt_free(&crt);
    free(pem);
    return size;
}

static size_t pki_crl_body(struct pki_der *d, const char *issuer, unsigned char serial,
                           const char *next)
{
    char yesterday[15];
    pki_day(yesterday, -1);
    const unsigned char constructed = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    size_t revoked = pki_time(d, yesterday);
    revoked += pki_wrap(d, pki_put(d, &serial, 1), MBEDTLS_ASN1_INTEGER);
    revoked = pki_wrap(d, revoked, constructed);
    size_t size = pki_wrap(d, revoked, constructed);
    size += pki_time(d, next);
    size += pki_time(d, yesterday);
    size += pki_name(d, issuer);
    size += pki_algorithm(d);
    int v = mbedtls_asn1_write_int(&d->p, d->data, 1);
    PKI_CHECK(v);
    return pki_wrap(d, size + (size_t)v, constructed);
}

char *pki_crl(const char *issuer, enum pki_key issuer_key, unsigned revoked_serial,
              const char *next_update)
{
    static struct pki_der body, whole;
    char next[15];
    pki_day(next, 30);
    body.p = body.data + sizeof body.data;
    size_t size = pki_crl_body(&body, issuer, (unsigned char)revoked_serial,
                               next_update != NULL ? next_update : next);
    unsigned char hash[32], signature[256], pem[8192];
    size_t signature_size, pem_size;
    PKI_CHECK(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), body.p, size, hash));
    PKI_CHECK(mbedtls_pk_sign(pki_cached(issuer_key), MBEDTLS_MD_SHA256, hash, sizeof hash,
                              signature, sizeof signature, &signature_size, mbedtls_psa_get_random,
                              MBEDTLS_PSA_RANDOM_STATE));
    whole.p = whole.data + sizeof whole.data;
    size_t total = pki_put(&whole, signature, signature_size);
    total += pki_put(&whole, "", 1);
    total = pki_wrap(&whole, total, MBEDTLS_ASN1_BIT_STRING);
    total += pki_algorithm(&whole);
    total += pki_put(&whole, body.p, size);
    total = pki_wrap(&whole, total, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    PKI_CHECK(mbedtls_pem_write_buffer("-----BEGIN X509 CRL-----\n", "-----END X509 CRL-----\n",
                                       whole.p, total, pem, sizeof pem, &pem_size));
    return strdup((char *)pem);
}

/* ---- identities ---- */

struct tls_keyring *pki_signer;

/* The identity without its key, which goes to the signer. */
static struct tls_identity *part_from_key(struct tls_identity *id, const char *chain)
{
    struct err e = {.text = ""};
    uint8_t number[TLS_KEY_ID_SIZE], der[TLS_KEY_DER_MAX];
    const size_t size = tls_identity_export_key(id, number, der);
    tls_identity_free(id);
    id = tls_identity_inspect(pki_slice(chain), "chain.pem", &e);
    if (size == 0 || id == NULL ||
        tls_keyring_add(pki_signer, number, TLS_KEY_SERVES, (struct tls_slice){der, size}, &e) !=
            0) {
        fprintf(stderr, "signer: %s\n", e.text);
        abort();
    }
    return id;
}

struct tls_identity *pki_load(const char *chain, const char *key)
{
    struct err e = {.text = ""};
    struct tls_slice none = {NULL, 0};
    struct tls_identity *id = tls_identity_load(pki_slice(chain), "chain.pem",
                                                key != NULL ? pki_slice(key) : none, "key.pem", &e);
    if (id == NULL) {
        fprintf(stderr, "identity: %s\n", e.text);
        abort();
    }
    return pki_signer != NULL ? part_from_key(id, chain) : id;
}

struct tls_identity *pki_identity(enum pki_key key, const char *const *names)
{
    char subject[300];
    snprintf(subject, sizeof subject, "CN=%s", names[0][0] == '*' ? "wildcard" : names[0]);
    char *chain =
        pki_certificate(&(struct pki_spec){.subject = subject, .names = names, .key = key});
    char *pem = pki_key_pem(key);
    struct tls_identity *id = pki_load(chain, pem);
    free(chain);
    free(pem);
    return id;
}
