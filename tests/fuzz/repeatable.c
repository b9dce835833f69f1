/* repeatable.c - for every input the same random numbers and the same time, so that it does again
 * what it did when it was found. The linker takes these for the system's. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#ifdef TLSFRONT_ACCEL
#include <openssl/crypto.h>
#include <openssl/rand.h>

int __real_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
int __wrap_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
#endif

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
time_t __wrap_time(time_t *now_r);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

enum { NOW = 1800000000 }; /* in 2027 */

static uint64_t drawn;

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    drawn = 0;
    return __real_LLVMFuzzerTestOneInput(data, size);
}

/* SplitMix64. */
static uint8_t random_byte(void)
{
    uint64_t z = ++drawn * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint8_t)(z >> 32);
}

ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = random_byte();
    return (ssize_t)size;
}

time_t __wrap_time(time_t *now_r)
{
    if (now_r != NULL)
        *now_r = NOW;
    return NOW;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = NOW};
    return 0;
}

#ifdef TLSFRONT_ACCEL
static int random_bytes(unsigned char *to, int size)
{
    return __wrap_getrandom(to, (size_t)size, 0) == size;
}

static int is_seeded(void)
{
    return 1;
}

/* Not before tls/accel has begun with it. */
int __wrap_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings)
{
    static const RAND_METHOD method = {
        .bytes = random_bytes, .pseudorand = random_bytes, .status = is_seeded};
    return __real_OPENSSL_init_crypto(options, settings) == 1 && RAND_set_rand_method(&method) == 1;
}
#endif
