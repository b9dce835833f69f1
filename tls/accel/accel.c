/* accel.c - start, choice and names of the back ends */
#include "tls/accel/accel.h"
#include "tls/accel/inner.h"

#include <openssl/crypto.h>
#include <sodium/version.h>
#include <stdio.h>
#include <stdlib.h>

/* The best comes first. */
static const struct aead_backend *const aeads[] = {
#ifdef ACCEL_X86_64
    &aead_ipsec,
#endif
    &aead_evp,
    NULL,
};
static const struct x25519_backend *const x25519s[] = {
#ifdef ACCEL_X86_64
    &x25519_ifma,
#endif
    &x25519_sodium,
    NULL,
};

/* ---- libcrypto's memory ---- */

static void *(*grow_memory)(void *block, size_t size);

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return grow_memory(NULL, size);
}

static void *regrow(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return grow_memory(block, size);
}

static void give(void *block, const char *file, int line)
{
    (void)file, (void)line;
    free(block);
}

/* ---- start ---- */

static const char *start_libcrypto(void *(*grow)(void *block, size_t size))
{
    if (grow_memory == NULL && CRYPTO_set_mem_functions(take, regrow, give) != 1)
        return "libcrypto was in use before its start";
    grow_memory = grow;
    /* No configuration file, whatever the environment says: a worker can open none. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
                            NULL) != 1 ||
        !curve_init())
        return "libcrypto does not start";
    return NULL;
}

static const struct aead_backend *best_aead(void)
{
    size_t i = 0;
    while (aeads[i + 1] != NULL && !aeads[i]->usable())
        i++;
    return aeads[i];
}

static const struct x25519_backend *best_x25519(void)
{
    size_t i = 0;
    while (x25519s[i + 1] != NULL && !x25519s[i]->usable())
        i++;
    return x25519s[i];
}

static const char *use_aead(const struct aead_backend *b)
{
    return aead_use(b) ? check_aead() : "the AEAD back end does not start";
}

static const char *use_x25519(const struct x25519_backend *b)
{
    x25519_use(b);
    return check_x25519();
}

const char *accel_init(void *(*grow)(void *block, size_t size))
{
    static bool started;
    if (started)
        return NULL;
    const char *wrong = start_libcrypto(grow);
    if (wrong == NULL)
        wrong = use_aead(best_aead());
    if (wrong == NULL)
        wrong = use_x25519(best_x25519());
    if (wrong == NULL)
        wrong = check_rest();
    started = wrong == NULL;
    return wrong;
}

/* ---- names ---- */

const char *accel_text(void)
{
    static char text[256];
    const struct aead_backend *aead = best_aead();
    const struct x25519_backend *x25519 = best_x25519();
    const char *ciphers = "AES-GCM, ChaCha20-Poly1305";
    const bool one = aead == &aead_evp, own = x25519 != &x25519_sodium;
    int n = 0;
    if (!one)
        n = snprintf(text, sizeof text, "%s (%s), ", aead->name, ciphers);
    snprintf(text + n, sizeof text - (size_t)n,
             "libcrypto %s (%s%sSHA-2, NIST curves, RSA), libsodium %s (X25519%s%s)",
             OpenSSL_version(OPENSSL_VERSION_STRING), one ? ciphers : "", one ? ", " : "",
             SODIUM_VERSION_STRING, own ? ", with " : "", own ? x25519->name : "");
    return text;
}

/* ---- for tests ---- */

static const char *try_aead(const struct aead_backend *b)
{
    return b->usable() && use_aead(b) == NULL ? b->name : NULL;
}

static const char *try_x25519(const struct x25519_backend *b)
{
    return b->usable() && use_x25519(b) == NULL ? b->name : NULL;
}

const char *accel_choose(enum accel_choice what, size_t nth, bool *last)
{
    *last = what == ACCEL_AEAD ? aeads[nth + 1] == NULL : x25519s[nth + 1] == NULL;
    return what == ACCEL_AEAD ? try_aead(aeads[nth]) : try_x25519(x25519s[nth]);
}

const char *accel_choose_best(enum accel_choice what)
{
    return what == ACCEL_AEAD ? try_aead(best_aead()) : try_x25519(best_x25519());
}
