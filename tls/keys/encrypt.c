/* encrypt.c - a private key put under a passphrase: PKCS#8, which mbedTLS does not write */
#include "tls/keys/inner.h"
#include "tls/memory.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pem.h>
#include <string.h>

/* OWASP's figure for PBKDF2 with HMAC-SHA-256. */
enum {
    DER_MAX = 8192,
    ITERATIONS = 600000,
    SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE
};

/* DER is written from its end to its front; a failure sticks. */
struct writer {
    uint8_t data[DER_MAX], *p;
    size_t size;
    bool failed;
};

static void begin(struct writer *w)
{
    w->p = w->data + sizeof w->data;
    w->size = 0;
    w->failed = false;
}

static void add(struct writer *w, int written)
{
    w->failed = w->failed || written < 0;
    w->size += written > 0 ? (size_t)written : 0;
}

static void put(struct writer *w, const void *bytes, size_t size)
{
    add(w, mbedtls_asn1_write_raw_buffer(&w->p, w->data, bytes, size));
}

/* Head of an element whose content is what was written since `mark`. */
static void wrap(struct writer *w, size_t mark, unsigned char tag)
{
    add(w, mbedtls_asn1_write_len(&w->p, w->data, w->size - mark));
    add(w, mbedtls_asn1_write_tag(&w->p, w->data, tag));
}

static void put_oid(struct writer *w, const char *oid, size_t size)
{
    add(w, mbedtls_asn1_write_oid(&w->p, w->data, oid, size));
}

/* ---- PrivateKeyInfo (RFC 5208 5) ---- */

static void put_algorithm(struct writer *w, const mbedtls_pk_context *pk)
{
    const size_t mark = w->size;
    const char *oid;
    size_t size;
    if (mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA)) {
        add(w, mbedtls_asn1_write_null(&w->p, w->data));
        put_oid(w, MBEDTLS_OID_PKCS1_RSA, MBEDTLS_OID_SIZE(MBEDTLS_OID_PKCS1_RSA));
    } else {
        if (mbedtls_oid_get_oid_by_ec_grp(mbedtls_pk_ec(*pk)->grp.id, &oid, &size) != 0)
            w->failed = true;
        else
            put_oid(w, oid, size);
        put_oid(w, MBEDTLS_OID_EC_ALG_UNRESTRICTED,
                MBEDTLS_OID_SIZE(MBEDTLS_OID_EC_ALG_UNRESTRICTED));
    }
    wrap(w, mark, SEQUENCE);
}

static void put_key_info(struct writer *w, const struct keys_private *k)
{
    uint8_t der[DER_MAX];
    int size = mbedtls_pk_write_key_der(&k->pk, der, sizeof der); /* at the end of `der` */
    if (size < 0)
        w->failed = true;
    else
        put(w, der + sizeof der - size, (size_t)size);
    mbedtls_platform_zeroize(der, sizeof der);
    wrap(w, 0, MBEDTLS_ASN1_OCTET_STRING);
    put_algorithm(w, &k->pk);
    add(w, mbedtls_asn1_write_int(&w->p, w->data, 0));
    wrap(w, 0, SEQUENCE);
}

/* ---- EncryptedPrivateKeyInfo (RFC 8018) ---- */

static void put_cipher(struct writer *w, const struct keys_scheme *s)
{
    const size_t mark = w->size;
    add(w, mbedtls_asn1_write_octet_string(&w->p, w->data, s->iv, KEYS_BLOCK));
    put_oid(w, MBEDTLS_OID_AES_256_CBC, MBEDTLS_OID_SIZE(MBEDTLS_OID_AES_256_CBC));
    wrap(w, mark, SEQUENCE);
}

static void put_derivation(struct writer *w, const struct keys_scheme *s)
{
    const size_t mark = w->size;
    add(w, mbedtls_asn1_write_null(&w->p, w->data));
    put_oid(w, MBEDTLS_OID_HMAC_SHA256, MBEDTLS_OID_SIZE(MBEDTLS_OID_HMAC_SHA256));
    wrap(w, mark, SEQUENCE);
    add(w, mbedtls_asn1_write_int(&w->p, w->data, (int)s->iterations));
    add(w, mbedtls_asn1_write_octet_string(&w->p, w->data, s->salt.data, s->salt.size));
    wrap(w, mark, SEQUENCE);
    put_oid(w, MBEDTLS_OID_PKCS5_PBKDF2, MBEDTLS_OID_SIZE(MBEDTLS_OID_PKCS5_PBKDF2));
    wrap(w, mark, SEQUENCE);
}

static void put_scheme(struct writer *w, const struct keys_scheme *s)
{
    const size_t mark = w->size;
    put_cipher(w, s);
    put_derivation(w, s);
    wrap(w, mark, SEQUENCE);
    put_oid(w, MBEDTLS_OID_PKCS5_PBES2, MBEDTLS_OID_SIZE(MBEDTLS_OID_PKCS5_PBES2));
    wrap(w, mark, SEQUENCE);
}

/* Pad the writer's bytes to whole blocks, at the front of its buffer. */
static size_t pad(struct writer *w)
{
    const size_t padding = KEYS_BLOCK - w->size % KEYS_BLOCK;
    memmove(w->data, w->p, w->size);
    memset(w->data + w->size, (int)padding, padding);
    return w->size + padding;
}

static char *write_pem(struct writer *w, const struct keys_scheme *s, const uint8_t *data,
                       size_t size, struct err *e)
{
    unsigned char pem[2 * DER_MAX];
    size_t used;
    begin(w);
    add(w, mbedtls_asn1_write_octet_string(&w->p, w->data, data, size));
    put_scheme(w, s);
    wrap(w, 0, SEQUENCE);
    if (w->failed || mbedtls_pem_write_buffer("-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
                                              "-----END ENCRYPTED PRIVATE KEY-----\n", w->p,
                                              w->size, pem, sizeof pem, &used) != 0) {
        err_set(e, "the private key cannot be written");
        return NULL;
    }
    char *text = memory_text((const char *)pem);
    if (text == NULL)
        keys_out_of_memory(e);
    return text;
}

char *keys_encrypt_with(const struct keys_private *k, const char *passphrase, uint32_t iterations,
                        struct err *e)
{
    static struct writer plain, whole; /* too large for a stack; wiped below */
    uint8_t random[KEYS_SALT_SIZE + KEYS_BLOCK];
    const struct keys_scheme s = {.md = MBEDTLS_MD_SHA256,
                                  .salt = {random, KEYS_SALT_SIZE},
                                  .iterations = iterations,
                                  .key_size = 32,
                                  .iv = random + KEYS_SALT_SIZE};
    char *text = NULL;
    begin(&plain);
    put_key_info(&plain, k);
    size_t size = plain.failed || plain.size > sizeof plain.data - KEYS_BLOCK ? 0 : pad(&plain);
    if (size == 0 || mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, random, sizeof random) != 0 ||
        keys_cbc(&s, keys_passphrase(passphrase), true, plain.data, size) != 0)
        err_set(e, "the private key cannot be encrypted");
    else
        text = write_pem(&whole, &s, plain.data, size, e);
    mbedtls_platform_zeroize(&plain, sizeof plain);
    return text;
}

char *keys_encrypt(const struct keys_private *k, const char *passphrase, struct err *e)
{
    return keys_encrypt_with(k, passphrase, ITERATIONS, e);
}
