#include "proxy/base/slice.h"
#include "config/letters.h"

#include <string.h>
#include <strings.h>

bool slice_is(struct slice s, const char *text)
{
    return s.size == strlen(text) && slice_begins(s, text);
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && letters_same(a.data, b.data, a.size);
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
