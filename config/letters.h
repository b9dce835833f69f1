/* letters.h - letters without their case. */
#ifndef TLSFRONT_LETTERS_H
#define TLSFRONT_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of ASCII, whatever the locale. */
static inline uint8_t letter_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* Equal but for that? Any byte may be among them. */
static inline bool letters_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (letter_lower(a[i]) != letter_lower(b[i]))
            return false;
    return true;
}

#endif
