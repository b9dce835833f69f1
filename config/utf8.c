#include "config/utf8.h"

#include <stdbool.h>

size_t utf8_length(const uint8_t *p, size_t size)
{
    const size_t n = size == 0 ? 0 : p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n == 0 || n > size || (p[0] >= 0x80 && (p[0] < 0xc2 || p[0] > 0xf4)))
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    const bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    const bool too_large = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_large ? 0 : n;
}

size_t utf8_count(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        const size_t n = utf8_length((const uint8_t *)text + at, size - at);
        at += n > 0 ? n : 1;
    }
    return count;
}
