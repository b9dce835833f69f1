/* platform.c - the two things that mbedTLS asks of its host; compiled into mbedcrypto. */
#include <mbedtls/platform_time.h>
#include <psa/crypto.h>

#include <errno.h>
#include <sys/random.h>
#include <time.h>

/* Wall-clock time: tickets are made by one host and come back to another, or after a restart. */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (mbedtls_ms_time_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The kernel's generator has no state of ours that a fork could copy or a core could show. */
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
