/* cpu.c - what this CPU can; x86-64 only */
#include "tls/accel/inner.h"

#include <cpuid.h>

/* The registers that the system saves: SSE, AVX, and the three parts of AVX-512. */
enum { STATE_AVX512 = 0xe6 };

static unsigned saved_registers(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool cpu_has(unsigned more_ebx, unsigned more_ecx)
{
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned b = avx512 | more_ebx;
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & bit_OSXSAVE) == 0 ||
        (saved_registers() & STATE_AVX512) != STATE_AVX512)
        return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & b) == b &&
           (ecx & more_ecx) == more_ecx;
}

bool cpu_has_wide_aes(void)
{
    return cpu_has(0, 1u << 9 | 1u << 10);
}

bool cpu_has_ifma(void)
{
    return cpu_has(1u << 21, 0);
}
