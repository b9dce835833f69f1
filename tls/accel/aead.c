/* aead.c - mbedTLS's AES-GCM and ChaCha20-Poly1305 by AWS-LC
 *
 * Of mbedTLS's functions the one-shot ones are what TLS and tickets.c use; the others say that they
 * are not there. Nonces have 12 bytes and tags 16, as in TLS. */
#include "tls/accel/inner.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/error.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <openssl/aead.h>
#include <openssl/err.h>
#include <string.h>

enum { UNSUPPORTED = MBEDTLS_ERR_PLATFORM_FEATURE_UNSUPPORTED };
enum { AEAD_NONCE = 12, AEAD_TAG = 16 };

enum aead_algorithm { AEAD_AES128_GCM, AEAD_AES256_GCM, AEAD_CHACHA20_POLY1305 };
enum aead_direction { AEAD_OPEN, AEAD_SEAL, AEAD_DIRECTIONS };

/* in and out may be the same; else they do not overlap. */
struct aead_message {
    const uint8_t *nonce, *data; /* data: authenticated only */
    size_t data_size;
    const uint8_t *in;
    uint8_t *out;
    size_t size;
};

/* One expanded key per direction: traffic comes in bursts of one connection. It never outlives that
 * key. */
static struct {
    const struct accel_aead_key *key;
    EVP_AEAD_CTX expanded;
} loaded[AEAD_DIRECTIONS];

/* ---- keys ---- */

static void forget(enum aead_direction d)
{
    EVP_AEAD_CTX_cleanup(&loaded[d].expanded);
    mbedtls_platform_zeroize(&loaded[d], sizeof loaded[d]);
}

static void key_free(struct accel_aead_key *k)
{
    for (int d = 0; d < AEAD_DIRECTIONS; d++)
        if (loaded[d].key == k)
            forget((enum aead_direction)d);
    mbedtls_platform_zeroize(k, sizeof *k);
}

static void key_set(struct accel_aead_key *k, enum aead_algorithm a, const uint8_t *bytes,
                    size_t size)
{
    key_free(k);
    memcpy(k->bytes, bytes, size);
    k->algorithm = (unsigned char)a;
    k->set = 1;
}

static bool done(bool good)
{
    if (!good)
        ERR_clear_error();
    return good;
}

static bool expand(const struct accel_aead_key *k, EVP_AEAD_CTX *c)
{
    const EVP_AEAD *aead = k->algorithm == AEAD_AES128_GCM   ? EVP_aead_aes_128_gcm()
                           : k->algorithm == AEAD_AES256_GCM ? EVP_aead_aes_256_gcm()
                                                             : EVP_aead_chacha20_poly1305();
    size_t size = k->algorithm == AEAD_AES128_GCM ? 16 : 32;
    return done(EVP_AEAD_CTX_init(c, aead, k->bytes, size, AEAD_TAG, NULL) == 1);
}

/* The expanded key, or NULL. */
static const EVP_AEAD_CTX *key_load(const struct accel_aead_key *k, enum aead_direction d)
{
    if (!k->set)
        return NULL;
    if (loaded[d].key == k)
        return &loaded[d].expanded;
    if (loaded[d].key != NULL)
        forget(d);
    if (!expand(k, &loaded[d].expanded)) {
        forget(d);
        return NULL;
    }
    loaded[d].key = k;
    return &loaded[d].expanded;
}

/* ---- both ---- */

static int seal(const struct accel_aead_key *k, const struct aead_message *m, uint8_t *tag)
{
    const EVP_AEAD_CTX *c = key_load(k, AEAD_SEAL);
    size_t tag_size;
    bool good = c != NULL && done(EVP_AEAD_CTX_seal_scatter(c, m->out, tag, &tag_size, AEAD_TAG,
                                                            m->nonce, AEAD_NONCE, m->in, m->size,
                                                            NULL, 0, m->data, m->data_size) == 1);
    return good ? 0 : MBEDTLS_ERR_PLATFORM_HW_ACCEL_FAILED;
}

/* Nothing of a forged message stays in the output. */
static int unseal(const struct accel_aead_key *k, const struct aead_message *m, const uint8_t *tag,
                  int forged)
{
    const EVP_AEAD_CTX *c = key_load(k, AEAD_OPEN);
    if (c == NULL)
        return MBEDTLS_ERR_PLATFORM_HW_ACCEL_FAILED;
    if (done(EVP_AEAD_CTX_open_gather(c, m->out, m->nonce, AEAD_NONCE, m->in, m->size, tag,
                                      AEAD_TAG, m->data, m->data_size) == 1))
        return 0;
    if (m->size > 0)
        mbedtls_platform_zeroize(m->out, m->size);
    return forged;
}

/* ---- AES-GCM ---- */

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
    key_free(&ctx->key);
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
    if (ctx != NULL)
        key_free(&ctx->key);
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
                       const unsigned char *key, unsigned int keybits)
{
    if (cipher != MBEDTLS_CIPHER_ID_AES || (keybits != 128 && keybits != 256))
        return UNSUPPORTED;
    key_set(&ctx->key, keybits == 128 ? AEAD_AES128_GCM : AEAD_AES256_GCM, key, keybits / 8);
    return 0;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
                              const unsigned char *iv, size_t iv_len, const unsigned char *add,
                              size_t add_len, const unsigned char *input, unsigned char *output,
                              size_t tag_len, unsigned char *tag)
{
    if (mode != MBEDTLS_GCM_ENCRYPT || iv_len != AEAD_NONCE || tag_len != AEAD_TAG)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    struct aead_message m = {iv, add, add_len, input, output, length};
    accel_counts[ACCEL_AES_GCM]++;
    return seal(&ctx->key, &m, tag);
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv,
                             size_t iv_len, const unsigned char *add, size_t add_len,
                             const unsigned char *tag, size_t tag_len, const unsigned char *input,
                             unsigned char *output)
{
    if (iv_len != AEAD_NONCE || tag_len != AEAD_TAG)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    struct aead_message m = {iv, add, add_len, input, output, length};
    accel_counts[ACCEL_AES_GCM]++;
    return unseal(&ctx->key, &m, tag, MBEDTLS_ERR_GCM_AUTH_FAILED);
}

/* ---- ChaCha20-Poly1305 ---- */

void mbedtls_chachapoly_init(mbedtls_chachapoly_context *ctx)
{
    key_free(&ctx->key);
}

void mbedtls_chachapoly_free(mbedtls_chachapoly_context *ctx)
{
    if (ctx != NULL)
        key_free(&ctx->key);
}

int mbedtls_chachapoly_setkey(mbedtls_chachapoly_context *ctx, const unsigned char key[32])
{
    key_set(&ctx->key, AEAD_CHACHA20_POLY1305, key, 32);
    return 0;
}

int mbedtls_chachapoly_encrypt_and_tag(mbedtls_chachapoly_context *ctx, size_t length,
                                       const unsigned char nonce[12], const unsigned char *aad,
                                       size_t aad_len, const unsigned char *input,
                                       unsigned char *output, unsigned char tag[16])
{
    struct aead_message m = {nonce, aad, aad_len, input, output, length};
    accel_counts[ACCEL_CHACHA20_POLY1305]++;
    return seal(&ctx->key, &m, tag);
}

int mbedtls_chachapoly_auth_decrypt(mbedtls_chachapoly_context *ctx, size_t length,
                                    const unsigned char nonce[12], const unsigned char *aad,
                                    size_t aad_len, const unsigned char tag[16],
                                    const unsigned char *input, unsigned char *output)
{
    struct aead_message m = {nonce, aad, aad_len, input, output, length};
    accel_counts[ACCEL_CHACHA20_POLY1305]++;
    return unseal(&ctx->key, &m, tag, MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
}

/* ---- in pieces: not here ---- */

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len)
{
    (void)ctx, (void)mode, (void)iv, (void)iv_len;
    return UNSUPPORTED;
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context *ctx, const unsigned char *add, size_t add_len)
{
    (void)ctx, (void)add, (void)add_len;
    return UNSUPPORTED;
}

int mbedtls_gcm_update(mbedtls_gcm_context *ctx, const unsigned char *input, size_t input_length,
                       unsigned char *output, size_t output_size, size_t *output_length)
{
    (void)ctx, (void)input, (void)input_length, (void)output, (void)output_size;
    *output_length = 0;
    return UNSUPPORTED;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *output, size_t output_size,
                       size_t *output_length, unsigned char *tag, size_t tag_len)
{
    (void)ctx, (void)output, (void)output_size, (void)tag, (void)tag_len;
    *output_length = 0;
    return UNSUPPORTED;
}

int mbedtls_chachapoly_starts(mbedtls_chachapoly_context *ctx, const unsigned char nonce[12],
                              mbedtls_chachapoly_mode_t mode)
{
    (void)ctx, (void)nonce, (void)mode;
    return UNSUPPORTED;
}

int mbedtls_chachapoly_update_aad(mbedtls_chachapoly_context *ctx, const unsigned char *aad,
                                  size_t aad_len)
{
    (void)ctx, (void)aad, (void)aad_len;
    return UNSUPPORTED;
}

int mbedtls_chachapoly_update(mbedtls_chachapoly_context *ctx, size_t len,
                              const unsigned char *input, unsigned char *output)
{
    (void)ctx, (void)len, (void)input, (void)output;
    return UNSUPPORTED;
}

int mbedtls_chachapoly_finish(mbedtls_chachapoly_context *ctx, unsigned char mac[16])
{
    (void)ctx, (void)mac;
    return UNSUPPORTED;
}
