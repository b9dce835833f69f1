/* identity.c - a certificate chain and its key, from PEM to a tls_identity */
#include "tls/identity.h"

#include "tls/accel/accel.h"
#include "tls/challenge.h"
#include "tls/der.h"
#include "tls/extensions.h"
#include "tls/facts.h"
#include "tls/form.h"
#include "tls/key.h"
#include "tls/memory.h"
#include "tls/pem.h"
#include "tls/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int identity_explain_certificate(int error, const char *path, unsigned line, struct err *e)
{
    int high = -(-error & 0xff80);
    char place[32] = "";
    if (line > 0)
        snprintf(place, sizeof place, " line %u", line);
    if (high == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG || high == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG ||
        high == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE) {
        err_set(e,
                "%s%s: a certificate has a kind of key or signature that cannot be used; RSA and "
                "ECDSA with P-256, P-384 or P-521 can",
                path, place);
        return err_cure(e, "have one issued for such a key: tlsfront key new NAME");
    }
    if (high == MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE) {
        err_set(e,
                "%s%s: the key of a certificate spells its curve out instead of naming it, which "
                "clients do not take",
                path, place);
        return err_cure(e, "have one issued for a key that names it: tlsfront key new NAME");
    }
    if (high == MBEDTLS_ERR_PK_INVALID_PUBKEY) {
        err_set(
            e,
            "%s%s: the public key of a certificate is larger than the %d bits that RSA may have "
            "here, or damaged",
            path, place, 8 * MBEDTLS_MPI_MAX_SIZE);
        return err_cure(e, "give the file as the authority sent it; for a smaller key: tlsfront "
                           "key new NAME");
    }
    if (high == MBEDTLS_ERR_X509_ALLOC_FAILED)
        return err_set(e, "%s: out of memory", path);
    err_set(e, "%s%s: a certificate is damaged (%s)", path, place, text_error(error));
    return err_cure(e, "give the file as the authority sent it");
}

struct parsing {
    mbedtls_x509_crt *crt;
    const char *path;
    enum identity_use use;
};

/* True: it is one that can be read, but by which nobody can be judged. */
static bool refuse_critical(const struct parsing *s, struct tls_slice der, unsigned line,
                            struct err *e)
{
    mbedtls_x509_crt crt;
    struct extension x;
    char what[EXTENSION_NAME_SIZE], place[32] = "";
    mbedtls_x509_crt_init(&crt);
    const bool found = s->use == IDENTITY_TRUSTED &&
                       identity_parse_der(&crt, der, IDENTITY_SHOWN) == 0 &&
                       extensions_unverifiable(&crt, &x);
    if (found) {
        extension_name(&x, what);
        if (line > 0)
            snprintf(place, sizeof place, " line %u", line);
        err_set(e,
                "%s%s: a certificate has the critical extension %s, which is not understood here, "
                "so no client can be judged by it",
                s->path, place, what);
        err_cure(e, "give an authority's certificate without it");
    }
    mbedtls_x509_crt_free(&crt);
    return found;
}

/* The usual cures are for a server's own certificate; an authority's is given by others. */
#define TRUSTED_CURE "give the authorities' certificates, with RSA or EC keys, as PEM or DER"

static int refuse_certificate(const struct parsing *s, int error, struct tls_slice der,
                              unsigned line, struct err *e)
{
    if (refuse_critical(s, der, line, e))
        return -1;
    identity_explain_certificate(error, s->path, line, e);
    return s->use == IDENTITY_SHOWN ? -1 : err_cure(e, TRUSTED_CURE);
}

static int refuse_signed_data(const char *path, unsigned line, struct err *e)
{
    err_set(e, "%s line %u: that is PKCS#7, not a certificate", path, line);
    return err_cure(e, "convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem (`tlsfront "
                       "key import` takes it as it is)");
}

/* Windows puts PKCS#7 under "CERTIFICATE". */
static int parse_block(const struct parsing *s, const struct pem_block *b, struct err *e)
{
    struct tls_slice der;
    uint8_t *bytes = pem_decode(b, s->path, &der.size, e);
    if (bytes == NULL)
        return -1;
    der.data = bytes;
    int r = identity_parse_der(s->crt, der, s->use);
    if (r != 0 && form_of(der) == FORM_SIGNED_DATA)
        refuse_signed_data(s->path, b->line, e);
    else if (r != 0)
        refuse_certificate(s, r, der, b->line, e);
    memory_wipe_free(bytes, der.size);
    return r == 0 ? 0 : -1;
}

static int on_block(void *arg, const struct pem_block *b, struct err *e)
{
    const struct parsing *s = arg;
    if (b->kind == PEM_SIGNED_DATA)
        return refuse_signed_data(s->path, b->line, e);
    return b->kind == PEM_CERTIFICATE ? parse_block(s, b, e) : 0;
}

static int parse_der_file(const struct parsing *s, struct tls_slice file, struct err *e)
{
    do {
        const struct tls_slice der = der_cut(&file);
        const int r = identity_parse_der(s->crt, der, s->use);
        if (r != 0)
            return refuse_certificate(s, r, der, 0, e);
    } while (der_goes_on(file));
    return 0;
}

int identity_parse_certificates(mbedtls_x509_crt *crt, struct tls_slice file, const char *path,
                                enum identity_use use, struct err *e)
{
    struct parsing s = {crt, path, use};
    const enum form what = form_of(file);
    if (what == FORM_SIGNED_DATA)
        return form_refuse(what, path, e);
    if (what != FORM_OTHER && what != FORM_CERTIFICATE) {
        form_refuse(what, path, e);
        return use == IDENTITY_SHOWN ? -1 : err_cure(e, TRUSTED_CURE);
    }
    if (pem_is_der(file))
        return parse_der_file(&s, file, e);
    if (pem_walk(file, path, on_block, &s, e) < 0)
        return -1;
    if (crt->raw.p == NULL) {
        err_set(e, "%s holds no certificate (no \"-----BEGIN CERTIFICATE-----\")", path);
        return err_cure(e, "name the file that holds it");
    }
    return 0;
}

/* mbedTLS 3.6 writes a message into one record, and each certificate with its length and (TLS 1.3)
 * that of its extensions. */
static int measure(struct tls_identity *id, const char *path, struct err *e)
{
    size_t size = 0;
    for (const mbedtls_x509_crt *c = &id->chain; c != NULL; c = c->next) {
        id->facts.chain_length++;
        size += c->raw.len + 5;
    }
    if (size <= TLS_CHAIN_MAX)
        return 0;
    err_set(
        e,
        "%s: its certificates take %zu bytes in a handshake, and %d is the most that can be sent",
        path, size, TLS_CHAIN_MAX);
    return err_cure(
        e, "take out those that clients do not need (a root, for one), or have a smaller one "
           "issued");
}

static int load_chain(struct tls_identity *id, struct tls_slice chain, const char *path,
                      struct err *e)
{
    const enum form what = form_of(chain);
    if (what != FORM_OTHER || pem_is_der(chain))
        return form_refuse(what, path, e);
    if (id->challenge ? challenge_parse(&id->chain, chain, path, e) < 0
                      : identity_parse_certificates(&id->chain, chain, path, IDENTITY_SHOWN, e) < 0)
        return -1;
    return measure(id, path, e);
}

/* ---- the key ---- */

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
    if (key_check_whole(&id->key, key_path, e) < 0)
        return -1;
    unsigned place = 2;
    for (const mbedtls_x509_crt *c = id->chain.next; c != NULL; c = c->next, place++)
        if (key_fits(id, c)) {
            err_set(e,
                    "the key in %s belongs to certificate %u of %s; the server's own certificate "
                    "has to "
                    "come first",
                    key_path, place, chain_path);
            return err_cure(e, "move that certificate to the front");
        }
    err_set(e, "the key in %s does not belong to the certificate in %s", key_path, chain_path);
    return err_cure(e, "give the certificate and the key that belong together");
}

static int load_key(struct tls_identity *id, struct tls_slice key, const char *key_path,
                    const char *chain_path, struct err *e)
{
    if (key_read(&id->key, key, key_path, e) < 0 || key_check(&id->key, key_path, e) < 0)
        return -1;
    if (check_pair(id, chain_path, key_path, e) < 0)
        return -1;
    accel_adopt(&id->key);
    return 0;
}

bool identity_signs(const struct tls_identity *id)
{
    return mbedtls_pk_get_type(&id->key) != MBEDTLS_PK_NONE;
}

size_t tls_identity_export_key(const struct tls_identity *id, uint8_t key[TLS_KEY_ID_SIZE],
                               uint8_t der[TLS_KEY_DER_MAX])
{
    memcpy(key, id->key_id, TLS_KEY_ID_SIZE);
    const int size = mbedtls_pk_write_key_der(&id->key, der, TLS_KEY_DER_MAX);
    if (size <= 0)
        return 0;
    memmove(der, der + TLS_KEY_DER_MAX - size, (size_t)size); /* it is written from the end */
    return (size_t)size;
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
    key_kind(key, id->facts.key);
    id->facts.key_bits = (unsigned)mbedtls_pk_get_bitlen(key);
    id->facts.key_type = mbedtls_pk_can_do(key, MBEDTLS_PK_RSA) ? TLS_KEY_RSA : TLS_KEY_EC;
}

struct tls_identity *tls_identity_inspect(struct tls_slice chain, const char *path, struct err *e)
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
    char address[INET6_ADDRSTRLEN];
    const bool by_address = names_reverse(name, address); /* as it is asked for: RFC 8738 6 */
    struct tls_identity *id = load(true, chain, chain_path, key, key_path, e);
    if (id == NULL ||
        (id->facts.name_count == 1 && (identity_match(id, name) == NAMES_EXACT ||
                                       (by_address && identity_match(id, address) == NAMES_EXACT))))
        return id;
    err_blame(e, TLS_INPUT_CHAIN);
    err_set(e, "%s is not for %s, and for nothing else", chain_path, by_address ? address : name);
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
