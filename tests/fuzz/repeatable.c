/* repeatable.c - for every input the same random numbers and the same time, so that it does again
 * what it did when it was found. The linker takes these for the system's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
int __wrap_RAND_bytes(uint8_t *to, size_t size);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, void *to, size_t size, unsigned flags, long four, long five,
                    long six);
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

int __wrap_RAND_bytes(uint8_t *to, size_t size)
{
    __wrap_getrandom(to, size, 0);
    return 1;
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

/* ---- AWS-LC's own generator, which makes the nonces of signatures ---- */

/* It is seeded by this, and begins anew with the process, not with an input. */
long __wrap_syscall(long number, void *to, size_t size, unsigned flags, long four, long five,
                    long six)
{
    if (number == SYS_getrandom)
        return __wrap_getrandom(to, size, flags);
    return __real_syscall(number, to, size, flags, four, five, six);
}

/* Before it looks for the CPU's generator, which it would ask as well. */
__attribute__((constructor(101))) static void hide_rdrand(void)
{
    setenv("OPENSSL_ia32cap", "~0x4000000000000000:~0x40000", 0);
}
