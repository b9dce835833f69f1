#include "tls/names.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool equal(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && strncasecmp(a, b, a_size) == 0;
}

enum names_match names_match(const char *pattern, const char *name)
{
    size_t pattern_size = strlen(pattern), size = strlen(name);
    if (size > 0 && name[size - 1] == '.')
        size--;
    if (size == 0)
        return NAMES_DIFFER;
    if (equal(pattern, pattern_size, name, size))
        return NAMES_EXACT;
    if (pattern_size < 3 || pattern[0] != '*' || pattern[1] != '.')
        return NAMES_DIFFER;
    const char *dot = memchr(name, '.', size);
    if (dot == NULL || dot == name)
        return NAMES_DIFFER;
    size_t rest = size - (size_t)(dot - name);
    /* "*.com" would cover a whole top-level domain: RFC 6125 7.2, and no client accepts it. */
    if (memchr(pattern + 2, '.', pattern_size - 2) == NULL)
        return NAMES_DIFFER;
    return equal(pattern + 1, pattern_size - 1, dot, rest) ? NAMES_WILDCARD : NAMES_DIFFER;
}

bool names_plain(const char *name, size_t size)
{
    if (size == 0 || size > 255)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

bool names_is_address(const char *name)
{
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}
