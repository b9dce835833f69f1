/* off.c - in place of this directory's other files when built with -DACCEL=OFF: mbedTLS does it all
 */
#include "tls/accel/accel.h"

#include <errno.h>
#include <psa/crypto.h>
#include <sys/random.h>

const char *accel_init(void *(*grow)(void *block, size_t size))
{
    (void)grow;
    return NULL;
}

const char *accel_text(void)
{
    return "built-in primitives";
}

void accel_adopt(mbedtls_pk_context *key)
{
    (void)key;
}

unsigned long accel_count(enum accel_hook hook)
{
    (void)hook;
    return 0;
}

/* Without AWS-LC the kernel's generator is the only one. */
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *output, size_t output_size,
                                             size_t *output_length)
{
    (void)context;
    size_t have = 0;
    while (have < output_size) {
        ssize_t n = getrandom(output + have, output_size - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            return PSA_ERROR_INSUFFICIENT_ENTROPY;
    }
    *output_length = have;
    return PSA_SUCCESS;
}
