/* repeatable.c - for every input the same random numbers and the same time, so that it does again
 * what it did when it was found. The linker takes these for the system's. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

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
/* ---- AWS-LC's own generator, which nobody can replace: it makes the nonces of signatures ---- */

void *__real_ECDSA_do_sign(const uint8_t *digest, size_t size, const void *key);
void *__wrap_ECDSA_do_sign(const uint8_t *digest, size_t size, const void *key);
void ECDSA_SIG_get0(const void *signature, const void **r_r, const void **s_r);
void ECDSA_SIG_free(void *signature);
int BN_bn2bin_padded(uint8_t *to, size_t size, const void *n);

/* As long as a number of its curve is, and not negative in DER without a zero in front. */
static bool is_usual(const void *n)
{
    uint8_t bytes[66];
    size_t first = 0;
    if (BN_bn2bin_padded(bytes, sizeof bytes, n) != 1)
        return true;
    while (first < sizeof bytes && bytes[first] == 0)
        first++;
    const size_t size = sizeof bytes - first;
    return (size == 32 || size == 48 || size == 66) && bytes[first] < 0x80;
}

/* One whose form in DER is always the same: nothing of ours sees what else is in it. */
void *__wrap_ECDSA_do_sign(const uint8_t *digest, size_t size, const void *key)
{
    for (;;) {
        void *signature = __real_ECDSA_do_sign(digest, size, key);
        const void *r, *s;
        if (signature == NULL)
            return NULL;
        ECDSA_SIG_get0(signature, &r, &s);
        if (is_usual(r) && is_usual(s))
            return signature;
        ECDSA_SIG_free(signature);
    }
}
#endif
