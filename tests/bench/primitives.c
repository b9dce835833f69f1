/* primitives.c - what each primitive behind mbedTLS's hooks costs: a line "name|microseconds" each,
 * of CPU time, the lower quartile of 15 measurements. tests/bench/primitives compares two builds of
 * it.
 *
 * usage: bench-primitives [RSA-KEY.pem]... */
#include "accel_hooks.h"
#include "tls/accel/inner.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORD = 16384, MEASUREMENTS = 15 };

static uint8_t in[RECORD], out[RECORD], tag[16];
static const uint8_t nonce[12], data[5], key[32];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* `run` answers 0; it is called as often as takes a millisecond or so. */
static void measure(const char *name, int (*run)(const void *what), const void *what)
{
    double spent[MEASUREMENTS], begin = now();
    int count = 1;
    for (; now() - begin < 1000; count++)
        if (run(what) != 0) {
            fprintf(stderr, "bench-primitives: %s failed\n", name);
            exit(1);
        }
    for (int i = 0; i < MEASUREMENTS; i++) {
        begin = now();
        for (int n = 0; n < count; n++)
            run(what);
        spent[i] = (now() - begin) / count;
    }
    qsort(spent, MEASUREMENTS, sizeof *spent, by_size);
    printf("%s|%.3f\n", name, spent[MEASUREMENTS / 4]);
}

/* ---- AEAD ---- */

static mbedtls_gcm_context gcm;
static mbedtls_chachapoly_context chacha;

static int gcm_seal(const void *size)
{
    return mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, *(const size_t *)size, nonce, 12,
                                     data, 5, in, out, 16, tag);
}

static int gcm_open(const void *size)
{
    return mbedtls_gcm_auth_decrypt(&gcm, *(const size_t *)size, nonce, 12, data, 5, tag, 16, out,
                                    in);
}

static int gcm_new_key(const void *bits)
{
    static const size_t small = 64;
    return mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, *(const unsigned *)bits) +
           gcm_seal(&small);
}

static int chacha_seal(const void *size)
{
    return mbedtls_chachapoly_encrypt_and_tag(&chacha, *(const size_t *)size, nonce, data, 5, in,
                                              out, tag);
}

static int chacha_open(const void *size)
{
    return mbedtls_chachapoly_auth_decrypt(&chacha, *(const size_t *)size, nonce, data, 5, tag, out,
                                           in);
}

static void sizes(const char *cipher, int (*seal)(const void *), int (*open)(const void *))
{
    static const size_t all[] = {RECORD, 1024, 64};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s seal %zu B", cipher, all[i]);
        measure(name, seal, &all[i]);
        snprintf(name, sizeof name, "%s open %zu B", cipher, all[i]);
        measure(name, open, &all[i]);
    }
}

static void aead(void)
{
    for (unsigned bits = 128; bits <= 256; bits += 128) {
        char name[80];
        mbedtls_gcm_init(&gcm);
        mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, bits);
        snprintf(name, sizeof name, "AES-%u-GCM", bits);
        sizes(name, gcm_seal, gcm_open);
        snprintf(name, sizeof name, "AES-%u-GCM seal 64 B, a new key each", bits);
        measure(name, gcm_new_key, &bits);
        mbedtls_gcm_free(&gcm);
    }
    mbedtls_chachapoly_init(&chacha);
    mbedtls_chachapoly_setkey(&chacha, key);
    sizes("ChaCha20-Poly1305", chacha_seal, chacha_open);
    mbedtls_chachapoly_free(&chacha);
}

/* ---- curves ---- */

static uint8_t scalar[CURVE_SCALAR_MAX], point[CURVE_POINT_MAX], signature[2 * CURVE_SCALAR_MAX];

static int generate(const void *curve)
{
    return curve_generate(curve, scalar) != CURVE_OK ||
           curve_public(curve, scalar, point) != CURVE_OK;
}

static int agree(const void *curve)
{
    const struct curve *c = curve;
    uint8_t shared[CURVE_SCALAR_MAX];
    return curve_shared(c, scalar, point, c->point_size, shared) != CURVE_OK;
}

static int sign(const void *curve)
{
    return curve_sign(curve, scalar, key, sizeof key, signature) != CURVE_OK;
}

static int verify(const void *curve)
{
    const struct curve *c = curve;
    return curve_verify(c, point, c->point_size, key, sizeof key, signature) != CURVE_OK;
}

static void curves(void)
{
    static const struct {
        const char *name;
        mbedtls_ecp_group_id id;
    } all[] = {{"X25519", MBEDTLS_ECP_DP_CURVE25519},
               {"P-256", MBEDTLS_ECP_DP_SECP256R1},
               {"P-384", MBEDTLS_ECP_DP_SECP384R1},
               {"P-521", MBEDTLS_ECP_DP_SECP521R1}};
    static const struct {
        const char *name;
        int (*run)(const void *);
    } what[] = {{"key generation", generate},
                {"shared secret", agree},
                {"ECDSA sign", sign},
                {"ECDSA verify", verify}};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < (i == 0 ? 2u : 4u); k++) {
            char name[80];
            snprintf(name, sizeof name, "%s %s", all[i].name, what[k].name);
            measure(name, what[k].run, curve_of(all[i].id));
        }
}

/* ---- RSA ---- */

static int rsa_private(const void *rsa)
{
    static const uint8_t clear[MBEDTLS_MPI_MAX_SIZE] = {0, 1};
    return accel_rsa_private(rsa, clear, out);
}

static int rsa_public(const void *rsa)
{
    return accel_rsa_public(rsa, out, in);
}

static int rng(void *arg, unsigned char *bytes, size_t size)
{
    (void)arg;
    return mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, bytes, size);
}

static void rsa(const char *path)
{
    static uint8_t pem[RECORD];
    char name[80];
    mbedtls_pk_context pk;
    FILE *file = fopen(path, "r");
    size_t size = file == NULL ? 0 : fread(pem, 1, sizeof pem - 1, file);
    if (file != NULL)
        fclose(file);
    pem[size] = 0;
    mbedtls_pk_init(&pk);
    if (mbedtls_pk_parse_key(&pk, pem, size + 1, NULL, 0, rng, NULL) != 0 ||
        mbedtls_pk_get_type(&pk) != MBEDTLS_PK_RSA) {
        fprintf(stderr, "bench-primitives: %s is no RSA key in PEM\n", path);
        exit(1);
    }
    accel_adopt(&pk);
    snprintf(name, sizeof name, "RSA-%zu private", mbedtls_pk_get_bitlen(&pk));
    measure(name, rsa_private, mbedtls_pk_rsa(pk));
    snprintf(name, sizeof name, "RSA-%zu public", mbedtls_pk_get_bitlen(&pk));
    measure(name, rsa_public, mbedtls_pk_rsa(pk));
    mbedtls_pk_free(&pk);
}

/* ---- hashes ---- */

static int sha256(const void *size)
{
    return mbedtls_sha256(in, *(const size_t *)size, out, 0);
}

static int sha384(const void *size)
{
    return mbedtls_sha512(in, *(const size_t *)size, out, 1);
}

static int hmac(const void *hash)
{
    return accel_hmac(*(const psa_algorithm_t *)hash, key, sizeof key, in, 32, out);
}

static int expand(const void *hash)
{
    return accel_hkdf_expand(*(const psa_algorithm_t *)hash, key, sizeof key, in, 20, out, 32);
}

static void hashes(void)
{
    static const size_t small = 64, large = 4096;
    static const psa_algorithm_t with_sha256 = PSA_ALG_SHA_256, with_sha384 = PSA_ALG_SHA_384;
    measure("SHA-256 64 B", sha256, &small);
    measure("SHA-256 4096 B", sha256, &large);
    measure("SHA-384 4096 B", sha384, &large);
    measure("HMAC-SHA-256 32 B", hmac, &with_sha256);
    measure("HKDF-Expand, SHA-256", expand, &with_sha256);
    measure("HKDF-Expand, SHA-384", expand, &with_sha384);
}

int main(int argc, char **argv)
{
    const char *wrong = accel_init(realloc);
    if (wrong != NULL || psa_crypto_init() != PSA_SUCCESS) {
        fprintf(stderr, "bench-primitives: %s\n", wrong != NULL ? wrong : "PSA does not start");
        return 1;
    }
    aead();
    curves();
    for (int i = 1; i < argc; i++)
        rsa(argv[i]);
    hashes();
    return 0;
}
