#include "tests/bench/pattern.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t pattern[2 * PATTERN_SIZE];

void pattern_init(void)
{
    uint32_t x = 2463534242u; /* Marsaglia's xorshift: any bytes that do not repeat soon */
    for (size_t i = 0; i < PATTERN_SIZE; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        pattern[i] = (uint8_t)(x >> 24);
    }
    pattern[0] = ORDER_ECHO;
    memcpy(pattern + PATTERN_SIZE, pattern, PATTERN_SIZE);
}

const uint8_t *pattern_at(uint64_t offset)
{
    return pattern + offset % PATTERN_SIZE;
}

void number_write(uint8_t to[ORDER_NUMBER], uint64_t number)
{
    for (int i = 0; i < ORDER_NUMBER; i++)
        to[i] = (uint8_t)(number >> (8 * (ORDER_NUMBER - 1 - i)));
}

uint64_t number_read(const uint8_t from[ORDER_NUMBER])
{
    uint64_t number = 0;
    for (int i = 0; i < ORDER_NUMBER; i++)
        number = number << 8 | from[i];
    return number;
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}
