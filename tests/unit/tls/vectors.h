/* vectors.h - for tests of primitives: bytes from hex, and bytes that never change */
#ifndef TLSFRONT_TESTS_VECTORS_H
#define TLSFRONT_TESTS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Into `out`, which has the room; how many. */
static inline size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[2 * n] != '\0'; n++) {
        const char two[] = {hex[2 * n], hex[2 * n + 1], '\0'};
        out[n] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static inline void assert_hex(const uint8_t *data, size_t size, const char *expected)
{
    char text[2 * 256 + 1];
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    assert_string_equal(text, expected);
}

/* A linear congruential generator: no two places are alike, and that is all it is for. */
static inline void bytes_of(uint32_t seed, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
    }
}

#endif
