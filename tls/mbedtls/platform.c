/* platform.c - what mbedTLS asks of its host; compiled into mbedcrypto. Random numbers: tls/accel/.
 */
#include <mbedtls/platform_time.h>

#include <time.h>

/* Wall-clock time: tickets are made by one host and come back to another, or after a restart. */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (mbedtls_ms_time_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
