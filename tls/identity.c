/* identity.c - a certificate chain and its key, from PEM to a tls_identity */
#include "tls/identity.h"

#include "tls/accel/accel.h"
#include "tls/challenge.h"
#include "tls/facts.h"
#include "tls/memory.h"

#include <mbedtls/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

enum { RSA_BITS_MIN = 1024 }; /* TLS 1.3's signatures do not fit less; lint calls 2047 weak */

uint8_t *identity_text(struct tls_slice file, size_t *size)
{
    uint8_t *text = memory_calloc(1, file.size + 1);
    if (text == NULL)
        return NULL;
    if (file.size > 0)
        memcpy(text, file.data, file.size);
    *size = file.size + 1;
    return text;
}

const char *identity_error_words(int error)
{
    const char *words = mbedtls_high_level_strerr(error);
    if (words == NULL)
        words = mbedtls_low_level_strerr(error);
    return words != NULL ? words : "unknown error";
}

/* ---- certificates ---- */

/* For mbedTLS: whatever an extension says that it does not know, we do not mind. */
static int pass_over(void *arg, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid,
                     int critical, const unsigned char *p, const unsigned char *end)
{
    (void)arg;
    (void)crt;
    (void)oid;
    (void)critical;
    (void)p;
    (void)end;
    return 0;
}

int identity_parse_der(mbedtls_x509_crt *crt, struct tls_slice der, enum identity_use use)
{
    return mbedtls_x509_crt_parse_der_with_ext_cb(crt, der.data, der.size, 1,
                                                  use == IDENTITY_SHOWN ? pass_over : NULL, NULL);
}

static int parse_block(mbedtls_x509_crt *crt, const char *p, enum identity_use use)
{
    mbedtls_pem_context pem;
    size_t used;
    mbedtls_pem_init(&pem);
    int r = mbedtls_pem_read_buffer(&pem, BEGIN, END, (const unsigned char *)p, NULL, 0, &used);
    if (r == 0) {
        struct tls_slice der;
        der.data = mbedtls_pem_get_buffer(&pem, &der.size);
        r = identity_parse_der(crt, der, use);
    }
    mbedtls_pem_free(&pem);
    return r;
}

static int parse_pem(mbedtls_x509_crt *crt, const char *text, enum identity_use use)
{
    int r = 0;
    for (const char *p = strstr(text, BEGIN); p != NULL && r == 0; p = strstr(p + 1, BEGIN))
        r = parse_block(crt, p, use);
    return r;
}

int identity_explain_certificate(int error, const char *path, struct err *e)
{
    int high = -(-error & 0xff80);
    if (high == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG || high == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG ||
        high == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE)
        return err_set(e,
                       "%s: a certificate has a kind of key or signature that cannot be used; "
                       "RSA and ECDSA with P-256, P-384 or P-521 can",
                       path);
    if (high == MBEDTLS_ERR_X509_ALLOC_FAILED || high == MBEDTLS_ERR_PEM_ALLOC_FAILED)
        return err_set(e, "%s: out of memory", path);
    return err_set(e, "%s: a certificate in it is damaged (%s)", path, identity_error_words(error));
}

int identity_parse_certificates(mbedtls_x509_crt *crt, struct tls_slice file, const char *path,
                                enum identity_use use, struct err *e)
{
    size_t size;
    uint8_t *text = identity_text(file, &size);
    if (text == NULL)
        return err_set(e, "%s: out of memory", path);
    bool pem = strstr((const char *)text, BEGIN) != NULL;
    bool der = !pem && file.size > 4 && file.data[0] == 0x30;
    int r = pem   ? parse_pem(crt, (const char *)text, use)
            : der ? identity_parse_der(crt, file, use)
                  : 0;
    memory_wipe_free(text, size); /* a chain file may hold the key as well */
    if (r != 0)
        return identity_explain_certificate(r, path, e);
    if (!pem && !der)
        return err_set(e, "%s holds no certificate (no \"" BEGIN "\")", path);
    return 0;
}

static int load_chain(struct tls_identity *id, struct tls_slice chain, const char *path,
                      struct err *e)
{
    if (chain.size > 4 && chain.data[0] == 0x30)
        return err_set(e,
                       "%s is not PEM but looks like DER; convert it: "
                       "openssl x509 -inform der -in FILE -out FILE.pem",
                       path);
    if (id->challenge ? challenge_parse(&id->chain, chain, path, e) < 0
                      : identity_parse_certificates(&id->chain, chain, path, IDENTITY_SHOWN, e) < 0)
        return -1;
    for (const mbedtls_x509_crt *c = &id->chain; c != NULL; c = c->next)
        id->facts.chain_length++;
    return 0;
}

/* ---- the key ---- */

static int explain_key(int error, const char *text, const char *path, struct err *e)
{
    if (strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") != NULL ||
        strstr(text, "Proc-Type: 4,ENCRYPTED") != NULL)
        return err_set(e,
                       "%s: the private key is encrypted, and nobody is there to type its "
                       "passphrase; name a file that holds it (passphrase-file), or take it off: "
                       "openssl pkey -in FILE -out FILE.plain",
                       path);
    if (strstr(text, "PRIVATE KEY-----") == NULL)
        return err_set(e, "%s holds no private key (no \"-----BEGIN PRIVATE KEY-----\")", path);
    int high = -(-error & 0xff80);
    if (high == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG || high == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE ||
        high == MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE)
        return err_set(e,
                       "%s: this kind of private key cannot be used; RSA and P-256, P-384 or "
                       "P-521 can",
                       path);
    return err_set(e, "%s: the private key is damaged (%s)", path, identity_error_words(error));
}

int identity_parse_key(mbedtls_pk_context *key, struct tls_slice file, const char *path,
                       struct err *e)
{
    size_t size;
    uint8_t *text = identity_text(file, &size);
    if (text == NULL)
        return err_set(e, "%s: out of memory", path);
    const bool pem = strstr((const char *)text, "-----BEGIN ") != NULL; /* counts its NUL */
    int r = mbedtls_pk_parse_key(key, text, pem ? size : file.size, NULL, 0, mbedtls_psa_get_random,
                                 MBEDTLS_PSA_RANDOM_STATE);
    if (r != 0)
        explain_key(r, (const char *)text, path, e);
    memory_wipe_free(text, size);
    return r == 0 ? 0 : -1;
}

int identity_check_key(const mbedtls_pk_context *key, const char *path, struct err *e)
{
    if (mbedtls_pk_can_do(key, MBEDTLS_PK_RSA)) {
        size_t bits = mbedtls_pk_get_bitlen(key);
        if (bits >= RSA_BITS_MIN)
            return 0;
        return err_set(e, "%s: an RSA key of %zu bits is too small to serve; use 2048 or more",
                       path, bits);
    }
    mbedtls_ecp_group_id group = mbedtls_pk_ec(*key)->grp.id;
    if (group == MBEDTLS_ECP_DP_SECP256R1 || group == MBEDTLS_ECP_DP_SECP384R1 ||
        group == MBEDTLS_ECP_DP_SECP521R1)
        return 0;
    return err_set(e,
                   "%s: this curve cannot be used for a certificate's key; P-256, P-384 and "
                   "P-521 can",
                   path);
}

static bool key_fits(const struct tls_identity *id, const mbedtls_x509_crt *crt)
{
    return mbedtls_pk_check_pair(&crt->pk, &id->key, mbedtls_psa_get_random,
                                 MBEDTLS_PSA_RANDOM_STATE) == 0;
}

static int check_pair(const struct tls_identity *id, const char *chain_path, const char *key_path,
                      struct err *e)
{
    if (key_fits(id, &id->chain))
        return 0;
    unsigned place = 2;
    for (const mbedtls_x509_crt *c = id->chain.next; c != NULL; c = c->next, place++)
        if (key_fits(id, c))
            return err_set(e,
                           "the key in %s belongs to certificate %u of %s; the server's own "
                           "certificate has to come first",
                           key_path, place, chain_path);
    return err_set(e, "the key in %s does not belong to the certificate in %s", key_path,
                   chain_path);
}

static int load_key(struct tls_identity *id, struct tls_slice key, const char *key_path,
                    const char *chain_path, struct err *e)
{
    if (identity_parse_key(&id->key, key, key_path, e) < 0 ||
        identity_check_key(&id->key, key_path, e) < 0)
        return -1;
    if (check_pair(id, chain_path, key_path, e) < 0)
        return -1;
    accel_adopt(&id->key);
    return 0;
}

/* ---- the whole ---- */

static struct tls_identity *new_identity(const char *path, struct err *e)
{
    struct tls_identity *id = memory_calloc(1, sizeof *id);
    if (id == NULL) {
        err_set(e, "%s: out of memory", path);
        return NULL;
    }
    id->refs = 1;
    mbedtls_x509_crt_init(&id->chain);
    mbedtls_pk_init(&id->key);
    return id;
}

static void read_key_facts(struct tls_identity *id, const mbedtls_pk_context *key)
{
    id->facts.key_bits = (unsigned)mbedtls_pk_get_bitlen(key);
    id->facts.key_type = mbedtls_pk_can_do(key, MBEDTLS_PK_RSA) ? TLS_KEY_RSA : TLS_KEY_EC;
}

struct tls_identity *tls_identity_look(struct tls_slice chain, const char *path, struct err *e)
{
    struct tls_identity *id = new_identity(path, e);
    if (id == NULL)
        return NULL;
    if (load_chain(id, chain, path, e) == 0 && facts_read(id, path, e) == 0) {
        read_key_facts(id, &id->chain.pk);
        return id;
    }
    tls_identity_free(id);
    return NULL;
}

static struct tls_identity *load(bool challenge, struct tls_slice chain, const char *chain_path,
                                 struct tls_slice key, const char *key_path, struct err *e)
{
    struct tls_identity *id = new_identity(chain_path, e);
    if (id == NULL)
        return NULL;
    id->challenge = challenge;
    if (key.data == NULL) {
        key = chain;
        key_path = chain_path;
    }
    if (load_chain(id, chain, chain_path, e) < 0 || facts_read(id, chain_path, e) < 0)
        err_blame(e, TLS_INPUT_CHAIN);
    else if (load_key(id, key, key_path, chain_path, e) < 0)
        err_blame(e, TLS_INPUT_KEY);
    else {
        read_key_facts(id, &id->key);
        return id;
    }
    tls_identity_free(id);
    return NULL;
}

struct tls_identity *tls_identity_load(struct tls_slice chain, const char *chain_path,
                                       struct tls_slice key, const char *key_path, struct err *e)
{
    return load(false, chain, chain_path, key, key_path, e);
}

struct tls_identity *tls_identity_load_challenge(const char *name, struct tls_slice chain,
                                                 const char *chain_path, struct tls_slice key,
                                                 const char *key_path, struct err *e)
{
    struct tls_identity *id = load(true, chain, chain_path, key, key_path, e);
    if (id == NULL || (id->facts.name_count == 1 && identity_match(id, name) == NAMES_EXACT))
        return id;
    err_blame(e, TLS_INPUT_CHAIN);
    err_set(e, "%s is not for %s, and for nothing else", chain_path, name);
    tls_identity_free(id);
    return NULL;
}

struct tls_identity *tls_identity_ref(struct tls_identity *id)
{
    id->refs++;
    return id;
}

void tls_identity_free(struct tls_identity *id)
{
    if (id == NULL || --id->refs > 0)
        return;
    facts_free(id);
    mbedtls_pk_free(&id->key); /* wipes */
    mbedtls_x509_crt_free(&id->chain);
    free(id);
}

const struct tls_identity_facts *tls_identity_facts(const struct tls_identity *id)
{
    return &id->facts;
}
