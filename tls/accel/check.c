/* check.c - known answers at every start: a library that was built or linked wrongly, or a CPU that
 * errs, must not serve. The tests look closer. */
#include "tls/accel/inner.h"

#include "accel_hooks.h"
#include "accel_mlkem.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <string.h>

static void from_hex(const char *hex, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    for (; *hex != '\0'; hex += 2)
        *out++ =
            (uint8_t)((strchr(digits, hex[0]) - digits) << 4 | (strchr(digits, hex[1]) - digits));
}

static bool same(const uint8_t *data, const char *hex)
{
    uint8_t expected[64];
    from_hex(hex, expected);
    return memcmp(data, expected, strlen(hex) / 2) == 0;
}

/* ---- AEAD ---- */

enum { CLEAR_SIZE = 60 };

/* The GCM specification's cases 4 and 16, and the same text under ChaCha20-Poly1305. */
static const char gcm_nonce[] = "cafebabefacedbaddecaf888";
static const char gcm_data[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_clear[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char gcm_key[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";

static bool gcm(unsigned key_bits, const char *tag_hex)
{
    uint8_t key[32], nonce[12], data[20], clear[CLEAR_SIZE], sealed[CLEAR_SIZE], tag[16] = {0};
    from_hex(gcm_key, key);
    from_hex(gcm_nonce, nonce);
    from_hex(gcm_data, data);
    from_hex(gcm_clear, clear);
    mbedtls_gcm_context c;
    mbedtls_gcm_init(&c);
    bool good = mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, key_bits) == 0 &&
                mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, CLEAR_SIZE, nonce, sizeof nonce,
                                          data, sizeof data, clear, sealed, sizeof tag, tag) == 0 &&
                same(tag, tag_hex) &&
                mbedtls_gcm_auth_decrypt(&c, CLEAR_SIZE, nonce, sizeof nonce, data, sizeof data,
                                         tag, sizeof tag, sealed, sealed) == 0 &&
                memcmp(clear, sealed, CLEAR_SIZE) == 0;
    tag[0] ^= 1;
    good = good && mbedtls_gcm_auth_decrypt(&c, CLEAR_SIZE, nonce, sizeof nonce, data, sizeof data,
                                            tag, sizeof tag, clear, sealed) != 0;
    mbedtls_gcm_free(&c);
    return good;
}

/* RFC 8439 A.5, its first 64 bytes of text aside: only tag and way back are looked at. */
static bool chacha(void)
{
    static const char text[] =
        "Ladies and Gentlemen of the class of '99: If I could offer you only "
        "one tip for the future, sunscreen would be it.";
    enum { SIZE = sizeof text - 1 };
    uint8_t key[32], nonce[12], data[12], sealed[SIZE], tag[16] = {0};
    from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key);
    from_hex("070000004041424344454647", nonce);
    from_hex("50515253c0c1c2c3c4c5c6c7", data);
    mbedtls_chachapoly_context c;
    mbedtls_chachapoly_init(&c);
    bool good = mbedtls_chachapoly_setkey(&c, key) == 0 &&
                mbedtls_chachapoly_encrypt_and_tag(&c, SIZE, nonce, data, sizeof data,
                                                   (const uint8_t *)text, sealed, tag) == 0 &&
                same(tag, "1ae10b594f09e26a7e902ecbd0600691") &&
                mbedtls_chachapoly_auth_decrypt(&c, SIZE, nonce, data, sizeof data, tag, sealed,
                                                sealed) == 0 &&
                memcmp(text, sealed, SIZE) == 0;
    tag[0] ^= 1;
    good = good && mbedtls_chachapoly_auth_decrypt(&c, SIZE, nonce, data, sizeof data, tag,
                                                   (const uint8_t *)text, sealed) != 0;
    mbedtls_chachapoly_free(&c);
    return good;
}

/* ---- the rest ---- */

static bool sha2(void)
{
    const uint8_t *abc = (const uint8_t *)"abc";
    uint8_t hash[64];
    return mbedtls_sha256(abc, 3, hash, 0) == 0 &&
           same(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") &&
           mbedtls_sha512(abc, 3, hash, 0) == 0 &&
           same(hash, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

/* TLS 1.3's early secret without a PSK, as in RFC 8448 3. */
static bool hmac(void)
{
    const uint8_t zeros[32] = {0};
    uint8_t out[32];
    return accel_hmac(PSA_ALG_SHA_256, zeros, 32, zeros, 32, out) == PSA_SUCCESS &&
           same(out, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
}

struct exchange {
    mbedtls_ecp_group_id curve;
    const char *scalar, *point, *peer, *shared;
};

/* RFC 7748 6.1 and RFC 5903 8.1. */
static const struct exchange x25519 = {
    MBEDTLS_ECP_DP_CURVE25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"};
static const struct exchange p256 = {
    MBEDTLS_ECP_DP_SECP256R1, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
    "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
    "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
    "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
    "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
    "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"};

static bool exchange(const struct exchange *e)
{
    const struct curve *c = curve_of(e->curve);
    uint8_t scalar[32], point[65], expected[65], peer[65], shared[32];
    from_hex(e->scalar, scalar);
    from_hex(e->point, expected);
    from_hex(e->peer, peer);
    return curve_public(c, scalar, point) == CURVE_OK &&
           memcmp(point, expected, c->point_size) == 0 &&
           curve_shared(c, scalar, peer, c->point_size, shared) == CURVE_OK &&
           same(shared, e->shared);
}

static bool signature(void)
{
    const struct curve *c = curve_of(MBEDTLS_ECP_DP_SECP256R1);
    uint8_t scalar[32], point[65], signature[64], hash[32] = "any hash will do";
    from_hex(p256.scalar, scalar);
    from_hex(p256.point, point);
    if (curve_sign(c, scalar, hash, sizeof hash, signature) != CURVE_OK ||
        curve_verify(c, point, sizeof point, hash, sizeof hash, signature) != CURVE_OK)
        return false;
    hash[0] ^= 1;
    return curve_verify(c, point, sizeof point, hash, sizeof hash, signature) == CURVE_FORGED;
}

/* FIPS 203 with 0, 1, 2... for its random numbers. By 6.2 the secret depends on the public key and
 * on SHA-3 alone, and the ciphertext on all the rest. */
static bool mlkem(void)
{
    uint8_t numbers[ACCEL_MLKEM768_SEED + ACCEL_MLKEM768_MESSAGE], key[ACCEL_MLKEM768_KEY],
        ciphertext[ACCEL_MLKEM768_CIPHERTEXT], secret[ACCEL_MLKEM768_SECRET],
        theirs[ACCEL_MLKEM768_SECRET], digest[32];
    for (size_t i = 0; i < sizeof numbers; i++)
        numbers[i] = (uint8_t)i;
    return accel_mlkem768_public(numbers, key) == PSA_SUCCESS &&
           accel_mlkem768_encapsulate_message(key, numbers + ACCEL_MLKEM768_SEED, ciphertext,
                                              secret) == PSA_SUCCESS &&
           same(secret, "9cddd089ffe70e3996e76f7c8d06746df34d07e8657bc0fcf2bb0e1c3084aea1") &&
           mbedtls_sha256(ciphertext, sizeof ciphertext, digest, 0) == 0 &&
           same(digest, "dbf4e9aa48b078ad46ec1c9c47bda8c2d2fec9d0e7a21bd48d2238a2abedb856") &&
           accel_mlkem768_decapsulate(numbers, ciphertext, theirs) == PSA_SUCCESS &&
           memcmp(secret, theirs, sizeof secret) == 0;
}

const char *check_all(void)
{
    if (!gcm(128, "5bc94fbc3221a5db94fae95ae7121a47"))
        return "AES-128-GCM gives wrong results";
    if (!gcm(256, "76fc6ece0f4e1768cddf8853bb2d551b"))
        return "AES-256-GCM gives wrong results";
    if (!chacha())
        return "ChaCha20-Poly1305 gives wrong results";
    if (!sha2())
        return "SHA-2 gives wrong results";
    if (!hmac())
        return "HMAC gives wrong results";
    if (!exchange(&x25519))
        return "X25519 gives wrong results";
    if (!exchange(&p256))
        return "ECDH on P-256 gives wrong results";
    if (!signature())
        return "ECDSA on P-256 gives wrong results";
    if (!mlkem())
        return "ML-KEM-768 gives wrong results";
    return NULL;
}
