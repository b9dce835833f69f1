/* aead_ipsec.c - ipsec-mb's single-buffer functions: with AVX-512 and VAES three times
 * libcrypto 3.0; its narrower variants are slower than that, so they are not used. */
#include "tls/accel/inner.h"

#include <intel-ipsec-mb.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>
#include <string.h>

static IMB_MGR *mgr;

static struct key {
    enum aead_algorithm algorithm;
    uint8_t chacha[AEAD_KEY_MAX];
    _Alignas(64) struct gcm_key_data gcm; /* the header asks for it in words only */
} keys[AEAD_DIRECTIONS];

static bool usable(void)
{
    return cpu_has_wide_aes();
}

static bool init(void)
{
    if (mgr != NULL)
        return true;
    mgr = alloc_mb_mgr(0);
    if (mgr == NULL)
        return false;
    init_mb_mgr_avx512(mgr);
    if (imb_get_errno(mgr) == 0)
        return true;
    free_mb_mgr(mgr);
    mgr = NULL;
    return false;
}

static void forget(enum aead_direction d)
{
    mbedtls_platform_zeroize(&keys[d], sizeof keys[d]);
}

static bool load(enum aead_direction d, enum aead_algorithm a, const uint8_t *bytes)
{
    struct key *k = &keys[d];
    if (k->algorithm != a)
        forget(d); /* one form need not cover the other */
    k->algorithm = a;
    switch (a) {
    case AEAD_AES128_GCM:
        IMB_AES128_GCM_PRE(mgr, bytes, &k->gcm);
        return true;
    case AEAD_AES256_GCM:
        IMB_AES256_GCM_PRE(mgr, bytes, &k->gcm);
        return true;
    case AEAD_CHACHA20_POLY1305:
        memcpy(k->chacha, bytes, sizeof k->chacha);
        return true;
    case AEAD_ALGORITHMS:
        break;
    }
    return false;
}

static void chacha(struct key *k, enum aead_direction d, const struct aead_message *m, uint8_t *tag)
{
    struct chacha20_poly1305_context_data c;
    IMB_CHACHA20_POLY1305_INIT(mgr, k->chacha, &c, m->nonce, m->data, m->data_size);
    if (d == AEAD_SEAL) {
        IMB_CHACHA20_POLY1305_ENC_UPDATE(mgr, k->chacha, &c, m->out, m->in, m->size);
        IMB_CHACHA20_POLY1305_ENC_FINALIZE(mgr, &c, tag, AEAD_TAG);
    } else {
        IMB_CHACHA20_POLY1305_DEC_UPDATE(mgr, k->chacha, &c, m->out, m->in, m->size);
        IMB_CHACHA20_POLY1305_DEC_FINALIZE(mgr, &c, tag, AEAD_TAG);
    }
    mbedtls_platform_zeroize(&c, sizeof c);
}

static void gcm(struct key *k, enum aead_direction d, const struct aead_message *m, uint8_t *tag)
{
    const bool short_key = k->algorithm == AEAD_AES128_GCM;
    struct gcm_context_data c;
    if (d == AEAD_SEAL && short_key)
        IMB_AES128_GCM_ENC(mgr, &k->gcm, &c, m->out, m->in, m->size, m->nonce, m->data,
                           m->data_size, tag, AEAD_TAG);
    else if (d == AEAD_SEAL)
        IMB_AES256_GCM_ENC(mgr, &k->gcm, &c, m->out, m->in, m->size, m->nonce, m->data,
                           m->data_size, tag, AEAD_TAG);
    else if (short_key)
        IMB_AES128_GCM_DEC(mgr, &k->gcm, &c, m->out, m->in, m->size, m->nonce, m->data,
                           m->data_size, tag, AEAD_TAG);
    else
        IMB_AES256_GCM_DEC(mgr, &k->gcm, &c, m->out, m->in, m->size, m->nonce, m->data,
                           m->data_size, tag, AEAD_TAG);
    mbedtls_platform_zeroize(&c, sizeof c);
}

static void run(enum aead_direction d, const struct aead_message *m, uint8_t *tag)
{
    struct key *k = &keys[d];
    if (k->algorithm == AEAD_CHACHA20_POLY1305)
        chacha(k, d, m, tag);
    else
        gcm(k, d, m, tag);
}

static bool seal(const struct aead_message *m, uint8_t tag[AEAD_TAG])
{
    run(AEAD_SEAL, m, tag);
    return true;
}

static bool unseal(const struct aead_message *m, const uint8_t tag[AEAD_TAG])
{
    uint8_t expected[AEAD_TAG];
    run(AEAD_OPEN, m, expected);
    bool good = mbedtls_ct_memcmp(expected, tag, AEAD_TAG) == 0;
    mbedtls_platform_zeroize(expected, sizeof expected);
    return good;
}

const struct aead_backend aead_ipsec = {
    .name = "ipsec-mb " IMB_VERSION_STR,
    .usable = usable,
    .init = init,
    .load = load,
    .forget = forget,
    .seal = seal,
    .open = unseal,
};
