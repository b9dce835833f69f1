#include "proxy/base/slice.h"

#include <string.h>
#include <strings.h>

bool slice_is(struct slice s, const char *text)
{
    return s.size == strlen(text) && slice_begins(s, text);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool slice_equal(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool slice_begins(struct slice s, const char *text)
{
    const size_t size = strlen(text);
    return s.size >= size && (size == 0 || strncasecmp((const char *)s.data, text, size) == 0);
}

bool slice_has_controls(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] == '\0' || s.data[i] == '\r' || s.data[i] == '\n')
            return true;
    return false;
}
