/* aead_evp.c - libcrypto's ciphers, which find the best for the CPU themselves */
#include "tls/accel/inner.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* Made once: to look a cipher up, and to make a context, costs more than to encrypt a record. */
static EVP_CIPHER *ciphers[AEAD_ALGORITHMS];
static EVP_CIPHER_CTX *contexts[AEAD_DIRECTIONS];

static bool usable(void)
{
    return true;
}

static bool init(void)
{
    static const char *const names[AEAD_ALGORITHMS] = {
        [AEAD_AES128_GCM] = "AES-128-GCM",
        [AEAD_AES256_GCM] = "AES-256-GCM",
        [AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
    };
    bool good = true;
    for (int a = 0; a < AEAD_ALGORITHMS; a++) {
        if (ciphers[a] == NULL)
            ciphers[a] = EVP_CIPHER_fetch(NULL, names[a], NULL);
        good = good && ciphers[a] != NULL;
    }
    for (int d = 0; d < AEAD_DIRECTIONS; d++) {
        if (contexts[d] == NULL)
            contexts[d] = EVP_CIPHER_CTX_new();
        good = good && contexts[d] != NULL;
    }
    return good;
}

static bool done(bool good)
{
    if (!good)
        ERR_clear_error();
    return good;
}

static bool load(enum aead_direction d, enum aead_algorithm a, const uint8_t *key)
{
    return done(EVP_CipherInit_ex(contexts[d], ciphers[a], NULL, key, NULL, d == AEAD_SEAL) == 1);
}

static void forget(enum aead_direction d)
{
    EVP_CIPHER_CTX_reset(contexts[d]); /* wipes */
}

static bool update(EVP_CIPHER_CTX *c, const struct aead_message *m)
{
    int n;
    return m->size <= INT_MAX && m->data_size <= INT_MAX &&
           EVP_CipherInit_ex(c, NULL, NULL, NULL, m->nonce, -1) == 1 &&
           (m->data_size == 0 || EVP_CipherUpdate(c, NULL, &n, m->data, (int)m->data_size) == 1) &&
           (m->size == 0 || EVP_CipherUpdate(c, m->out, &n, m->in, (int)m->size) == 1);
}

/* Neither cipher leaves anything for the end, but the interface wants a place for it. */
static bool finish(EVP_CIPHER_CTX *c)
{
    uint8_t rest[EVP_MAX_BLOCK_LENGTH];
    int n;
    return EVP_CipherFinal_ex(c, rest, &n) == 1;
}

static bool seal(const struct aead_message *m, uint8_t tag[AEAD_TAG])
{
    EVP_CIPHER_CTX *c = contexts[AEAD_SEAL];
    return done(update(c, m) && finish(c) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, tag) == 1);
}

static bool unseal(const struct aead_message *m, const uint8_t tag[AEAD_TAG])
{
    EVP_CIPHER_CTX *c = contexts[AEAD_OPEN];
    return done(update(c, m) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, (void *)tag) == 1 &&
                finish(c));
}

const struct aead_backend aead_evp = {
    .name = "libcrypto",
    .usable = usable,
    .init = init,
    .load = load,
    .forget = forget,
    .seal = seal,
    .open = unseal,
};
