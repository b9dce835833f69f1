/* accel.h - the crypto back end behind mbedTLS's hooks, for the other files of tls/.
 *
 * mbedTLS keeps the protocol; what costs time is done by AWS-LC: AES-GCM, ChaCha20-Poly1305, SHA-2,
 * the HMACs of TLS 1.3's key schedule, X25519, P-256, P-384, P-521, RSA and ML-KEM-768.
 *
 * It proves itself by known answers in every process that starts. Nothing here opens a file or
 * needs a privilege after accel_init(). An AEAD context holds just the key; one expanded key per
 * direction is kept, no longer than its context. Memory of AWS-LC's is wiped when it gives it back,
 * and nothing secret outlives a call in a static object.
 *
 * Built with -DACCEL=OFF none of this is there, and off.c stands in for this directory. One thread.
 */
#ifndef TLSFRONT_TLS_ACCEL_H
#define TLSFRONT_TLS_ACCEL_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/pk.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start AWS-LC and let it prove itself by known answers. It asks the CPU, seeds its generator from
 * the kernel's and looks for /dev/sysgenid, a counter that some virtual machines have: so before a
 * sandbox. It takes its memory from `grow` (realloc's contract), so that it counts for memory.h.
 * NULL, or what went wrong. More than once is fine. */
const char *accel_init(void *(*grow)(void *block, size_t size));

/* What does it, with its version; also before accel_init. */
const char *accel_text(void);

/* A private key was loaded for good: AWS-LC gets its copy, which goes with the key's context.
 * Where that fails the key works all the same, more slowly. */
void accel_adopt(mbedtls_pk_context *key);

/* ---- for tests ---- */

enum accel_hook {
    ACCEL_AES_GCM,
    ACCEL_CHACHA20_POLY1305,
    ACCEL_SHA256, /* blocks */
    ACCEL_SHA512,
    ACCEL_HMAC, /* in TLS 1.3's key schedule */
    ACCEL_X25519_PUBLIC,
    ACCEL_X25519_SHARED,
    ACCEL_CURVE_PUBLIC, /* of P-256, P-384 and P-521 */
    ACCEL_CURVE_SHARED,
    ACCEL_ECDSA_SIGN,
    ACCEL_ECDSA_VERIFY,
    ACCEL_RSA_PRIVATE,
    ACCEL_RSA_PUBLIC,
    ACCEL_MLKEM_ENCAPSULATE,
    ACCEL_HOOKS
};

/* How often AWS-LC did the work of a hook. */
unsigned long accel_count(enum accel_hook hook);

#endif
