/* accel.h - the crypto back ends behind mbedTLS's hooks, for the other files of tls/.
 *
 * mbedTLS keeps the protocol; what costs time is done by libraries that are made for it:
 *
 *   AES-GCM, ChaCha20-Poly1305   ipsec-mb where the CPU has AVX-512 with VAES, else libcrypto
 *   SHA-256, SHA-384, SHA-512    libcrypto, also for the key schedule of TLS 1.3
 *   X25519                       libsodium; shared secrets by our own code for AVX-512 IFMA
 *   P-256, P-384, P-521, ECDSA   libcrypto
 *   RSA, own keys only           libcrypto
 *
 * Each proves itself by known answers in every process that starts. Nothing here opens a file,
 * reads the environment or needs a privilege; libcrypto loads no configuration. An AEAD context
 * holds just the key; one expanded key per direction is kept, no longer than its context. Big
 * numbers are wiped when freed, and nothing secret outlives a call in a static object.
 *
 * Built with -DACCEL=OFF none of these is there, and off.c stands in for this directory. One
 * thread.
 */
#ifndef TLSFRONT_TLS_ACCEL_H
#define TLSFRONT_TLS_ACCEL_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/pk.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Choose the back ends and let each prove itself by known answers; needs no file and no privilege.
 * libcrypto takes its memory from `grow` (realloc's contract) and gives it back to free(), so that
 * it counts for memory.h. NULL, or what went wrong. More than once is fine. */
const char *accel_init(void *(*grow)(void *block, size_t size));

/* What does what, with versions; also before accel_init. */
const char *accel_text(void);

/* A private key was loaded for good: libcrypto gets its copy, which goes with the key's context.
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
    ACCEL_HOOKS
};

/* How often the back end behind a hook did its work. */
unsigned long accel_count(enum accel_hook hook);

/* Where there is a choice: AES-GCM and ChaCha20-Poly1305, and shared secrets of X25519. */
enum accel_choice { ACCEL_AEAD, ACCEL_X25519 };

/* Use the nth of the back ends that this build has, best first. Its name, or NULL: the CPU cannot,
 * and the choice is as before. *last: there is no further one, and asking for it is not allowed. */
const char *accel_choose(enum accel_choice what, size_t nth, bool *last);

/* Use what accel_init() would: the first of them that this CPU can. Its name, or NULL: it fails. */
const char *accel_choose_best(enum accel_choice what);

#endif
