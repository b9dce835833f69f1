/* lib.c - start of the library and its version */
#include "tls/accel/accel.h"
#include "tls/mbed.h"
#include "tls/memory.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>

int tls_init(struct err *e)
{
    /* mbedTLS's calloc must not be changed once blocks are out; the same twice is fine. */
    if (mbedtls_platform_set_calloc_free(memory_calloc, free) != 0)
        return err_set(e, "mbedTLS was built without MBEDTLS_PLATFORM_MEMORY");
    const char *wrong = accel_init(memory_grow);
    if (wrong != NULL)
        return err_set(
            e,
            "the cryptography fails its self-check: %s; the processor errs, or the build "
            "did: build it anew, or with -DACCEL=OFF",
            wrong);
    psa_status_t status = psa_crypto_init();
    if (status != PSA_SUCCESS)
        return err_set(e, "the cryptographic library does not start (PSA error %d)", (int)status);
    uint8_t probe[32];
    if (mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, probe, sizeof probe) != 0)
        return err_set(e, "the system gives no random numbers");
    mbedtls_platform_zeroize(probe, sizeof probe);
    return 0;
}

bool tls_sha256(const void *data, size_t size, uint8_t out[TLS_SHA256_SIZE])
{
    return mbedtls_sha256(data, size, out, 0) == 0;
}

const char *tls_version_text(void)
{
    static char text[256];
    snprintf(text, sizeof text, "mbedTLS " MBEDTLS_VERSION_STRING " with %s", accel_text());
    return text;
}
