/* encrypted.c - private keys under a passphrase, opened */
#include "tls/der.h"
#include "tls/form.h"
#include "tls/keys/inner.h"
#include "tls/memory.h"
#include "tls/pem.h"
#include "tls/text.h"

#include <mbedtls/aes.h>
#include <mbedtls/pkcs5.h>
#include <string.h>

#define ANEW "encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out FILE.new"

enum { KEY_SIZE_MAX = 32 };

/* ---- the scheme ---- */

static bool is(struct tls_slice oid, const char *bytes, size_t size)
{
    return oid.size == size && memcmp(oid.data, bytes, size) == 0;
}

#define IS(oid, name) is(oid, name, MBEDTLS_OID_SIZE(name))

static bool take_md(struct der *c, struct keys_scheme *s)
{
    struct der algorithm;
    struct tls_slice oid;
    s->md = MBEDTLS_MD_SHA1; /* the default (RFC 8018 A.2) */
    if (c->p == c->end)
        return true;
    if (!der_enter(c, &algorithm, DER_SEQUENCE) || !der_take(&algorithm, &oid, MBEDTLS_ASN1_OID))
        return false;
    s->md = IS(oid, MBEDTLS_OID_HMAC_SHA1)     ? MBEDTLS_MD_SHA1
            : IS(oid, MBEDTLS_OID_HMAC_SHA224) ? MBEDTLS_MD_SHA224
            : IS(oid, MBEDTLS_OID_HMAC_SHA256) ? MBEDTLS_MD_SHA256
            : IS(oid, MBEDTLS_OID_HMAC_SHA384) ? MBEDTLS_MD_SHA384
            : IS(oid, MBEDTLS_OID_HMAC_SHA512) ? MBEDTLS_MD_SHA512
                                               : MBEDTLS_MD_NONE;
    return s->md != MBEDTLS_MD_NONE;
}

/* How the passphrase becomes a key. */
static bool take_derivation(struct der *c, struct keys_scheme *s)
{
    struct der algorithm, parameters;
    struct tls_slice oid;
    int number;
    if (!der_enter(c, &algorithm, DER_SEQUENCE) || !der_take(&algorithm, &oid, MBEDTLS_ASN1_OID) ||
        !IS(oid, MBEDTLS_OID_PKCS5_PBKDF2) || !der_enter(&algorithm, &parameters, DER_SEQUENCE) ||
        !der_take(&parameters, &s->salt, MBEDTLS_ASN1_OCTET_STRING) ||
        mbedtls_asn1_get_int(&parameters.p, parameters.end, &number) != 0 || number < 1 ||
        number > KEYS_ITERATIONS_MAX)
        return false;
    s->iterations = (uint32_t)number;
    int key_size; /* says what the cipher says */
    if (parameters.p < parameters.end && *parameters.p == MBEDTLS_ASN1_INTEGER &&
        mbedtls_asn1_get_int(&parameters.p, parameters.end, &key_size) != 0)
        return false;
    return take_md(&parameters, s);
}

static bool take_cipher(struct der *c, struct keys_scheme *s)
{
    struct der algorithm;
    struct tls_slice oid, iv;
    if (!der_enter(c, &algorithm, DER_SEQUENCE) || !der_take(&algorithm, &oid, MBEDTLS_ASN1_OID) ||
        !der_take(&algorithm, &iv, MBEDTLS_ASN1_OCTET_STRING) || iv.size != KEYS_BLOCK)
        return false;
    s->iv = iv.data;
    s->key_size = IS(oid, MBEDTLS_OID_AES_128_CBC)   ? 16
                  : IS(oid, MBEDTLS_OID_AES_192_CBC) ? 24
                  : IS(oid, MBEDTLS_OID_AES_256_CBC) ? 32
                                                     : 0;
    return s->key_size > 0;
}

int keys_scheme_parse(struct tls_slice der, struct keys_scheme *s)
{
    struct der all = der_begin(der), whole, algorithm, parameters;
    struct tls_slice oid;
    if (!der_enter(&all, &whole, DER_SEQUENCE) || !der_enter(&whole, &algorithm, DER_SEQUENCE) ||
        !der_take(&algorithm, &oid, MBEDTLS_ASN1_OID) || !IS(oid, MBEDTLS_OID_PKCS5_PBES2) ||
        !der_enter(&algorithm, &parameters, DER_SEQUENCE) || !take_derivation(&parameters, s) ||
        !take_cipher(&parameters, s) || !der_take(&whole, &s->data, MBEDTLS_ASN1_OCTET_STRING))
        return -1;
    return s->data.size > 0 && s->data.size % KEYS_BLOCK == 0 ? 0 : -1;
}

/* ---- the cipher ---- */

static void mix(uint8_t *block, const uint8_t *with)
{
    for (size_t i = 0; i < KEYS_BLOCK; i++)
        block[i] ^= with[i];
}

static int encrypt_blocks(mbedtls_aes_context *aes, const uint8_t *iv, uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at += KEYS_BLOCK) {
        mix(data + at, at == 0 ? iv : data + at - KEYS_BLOCK);
        int r = mbedtls_aes_crypt_ecb(aes, MBEDTLS_AES_ENCRYPT, data + at, data + at);
        if (r != 0)
            return r;
    }
    return 0;
}

/* From the end, so that the block before is still the encrypted one. */
static int decrypt_blocks(mbedtls_aes_context *aes, const uint8_t *iv, uint8_t *data, size_t size)
{
    for (size_t at = size; at > 0; at -= KEYS_BLOCK) {
        uint8_t *block = data + at - KEYS_BLOCK;
        int r = mbedtls_aes_crypt_ecb(aes, MBEDTLS_AES_DECRYPT, block, block);
        if (r != 0)
            return r;
        mix(block, at == KEYS_BLOCK ? iv : block - KEYS_BLOCK);
    }
    return 0;
}

int keys_cbc(const struct keys_scheme *s, const char *passphrase, bool encrypt, uint8_t *data,
             size_t size)
{
    uint8_t key[KEY_SIZE_MAX];
    const unsigned bits = (unsigned)s->key_size * 8;
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    int r = mbedtls_pkcs5_pbkdf2_hmac_ext(s->md, (const unsigned char *)passphrase,
                                          strlen(passphrase), s->salt.data, s->salt.size,
                                          s->iterations, (uint32_t)s->key_size, key);
    if (r == 0)
        r = encrypt ? mbedtls_aes_setkey_enc(&aes, key, bits)
                    : mbedtls_aes_setkey_dec(&aes, key, bits);
    if (r == 0)
        r = encrypt ? encrypt_blocks(&aes, s->iv, data, size)
                    : decrypt_blocks(&aes, s->iv, data, size);
    mbedtls_aes_free(&aes);
    mbedtls_platform_zeroize(key, sizeof key);
    return r;
}

/* ---- passphrases ---- */

/* What stands behind a NUL would be no part of a string: of UTF-16, all but one letter. */
int keys_passphrase_line(struct tls_slice bytes, const char *path, char out[KEYS_PASSPHRASE_SIZE],
                         struct err *e)
{
    size_t size = 0;
    while (size < bytes.size && size < KEYS_PASSPHRASE_SIZE - 1 && bytes.data[size] != '\n')
        size++;
    if (size > 0 && memchr(bytes.data, '\0', size) != NULL) {
        err_set(e, "the first line of %s holds a NUL, as text in UTF-16 does", path);
        return err_cure(e, "save it as ASCII or UTF-8: iconv -f UTF-16 -t UTF-8 FILE >FILE.new");
    }
    if (size > 0 && bytes.data[size - 1] == '\r')
        size--;
    if (size > 0)
        memcpy(out, bytes.data, size);
    out[size] = '\0';
    return 0;
}

const char *keys_passphrase(const char *line)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t size = sizeof mark - 1;
    return strncmp(line, mark, size) == 0 ? line + size : line;
}

/* ---- a file ---- */

/* Size without the padding; 0: it is none, so that was not the passphrase. */
static size_t unpadded(const uint8_t *data, size_t size)
{
    const uint8_t last = data[size - 1];
    if (last < 1 || last > KEYS_BLOCK)
        return 0;
    for (size_t i = 1; i <= last; i++)
        if (data[size - i] != last)
            return 0;
    return size - last;
}

/* What was opened: a key, if that was the passphrase, of whatever kind. */
static struct keys_private *read_opened(struct tls_slice opened, const char *path, struct err *e)
{
    if (opened.size > 0 && form_of(opened) == FORM_PRIVATE_KEY)
        return keys_private_read(opened, path, e);
    err_set(e, "%s: that is not the passphrase of the private key", path);
    return NULL;
}

/* `key` is a copy of the encrypted bytes. */
static char *open_copy(const struct keys_scheme *s, const char *path, const char *passphrase,
                       uint8_t *key, struct err *e)
{
    int r = keys_cbc(s, passphrase, false, key, s->data.size);
    if (r != 0) {
        err_set(e, "%s: the private key cannot be decrypted (%s)", path, text_error(r));
        return NULL;
    }
    struct keys_private *k =
        read_opened((struct tls_slice){key, unpadded(key, s->data.size)}, path, e);
    char *pem = k != NULL ? keys_private_pem(k, e) : NULL;
    keys_private_free(k);
    return pem;
}

static char *open_scheme(const struct keys_scheme *s, const char *path, const char *passphrase,
                         struct err *e)
{
    uint8_t *copy = memory_copy(s->data.data, s->data.size);
    if (copy == NULL) {
        err_set(e, "%s: out of memory", path);
        return NULL;
    }
    char *pem = open_copy(s, path, passphrase, copy, e);
    memory_wipe_free(copy, s->data.size);
    return pem;
}

static char *open_der(struct tls_slice der, const char *path, const char *passphrase, struct err *e)
{
    const char *bare = keys_passphrase(passphrase);
    struct keys_scheme s;
    struct err ignored;
    if (keys_scheme_parse(der, &s) != 0) {
        err_set(e, "%s: the private key is encrypted in a way that is not known here", path);
        err_cure(e, ANEW);
        return NULL;
    }
    char *pem = bare != passphrase ? open_scheme(&s, path, bare, &ignored) : NULL;
    return pem != NULL ? pem : open_scheme(&s, path, passphrase, e);
}

struct reading {
    const char *path, *passphrase;
    char *key;  /* PEM, of the first one */
    bool older; /* there is one in the form of before PKCS#8 */
};

static int on_block(void *arg, const struct pem_block *b, struct err *e)
{
    struct reading *r = arg;
    struct tls_slice der;
    if (b->kind != PEM_PRIVATE_KEY || !b->encrypted || r->key != NULL)
        return 0;
    r->older = strcmp(b->label, "ENCRYPTED PRIVATE KEY") != 0;
    if (r->older)
        return 0;
    uint8_t *bytes = pem_decode(b, r->path, &der.size, e);
    if (bytes == NULL)
        return -1;
    der.data = bytes;
    r->key = open_der(der, r->path, r->passphrase, e);
    memory_wipe_free(bytes, der.size);
    return r->key != NULL ? 0 : -1;
}

char *keys_decrypt(struct tls_slice file, const char *path, const char *passphrase, struct err *e)
{
    struct reading r = {.path = path, .passphrase = passphrase};
    if (form_of(file) == FORM_ENCRYPTED_KEY)
        return open_der(file, path, passphrase, e);
    if (pem_walk(file, path, on_block, &r, e) < 0) {
        keys_free_text(r.key);
        return NULL;
    }
    if (r.key != NULL)
        return r.key;
    err_set(e, "%s: %s", path,
            r.older ? "the private key is encrypted in an old form"
                    : "there is no encrypted private key in it");
    err_cure(e, ANEW);
    return NULL;
}
