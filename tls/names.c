#include "tls/names.h"

#include "config/letters.h"

#include <arpa/inet.h>
#include <stdio.h>
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

/* ---- the names of addresses ---- */

/* The size of what stands before `end`; 0: it does not end so. */
static size_t size_before(const char *name, const char *end)
{
    const size_t size = strlen(name), rest = strlen(end);
    return size > rest && strcasecmp(name + size - rest, end) == 0 ? size - rest : 0;
}

/* Four numbers, the last one first. */
static bool turn_ipv4(const char *labels, size_t size, char address[INET6_ADDRSTRLEN])
{
    char text[INET_ADDRSTRLEN];
    uint8_t b[4];
    if (size >= sizeof text)
        return false;
    memcpy(text, labels, size);
    text[size] = '\0';
    if (inet_pton(AF_INET, text, b) != 1) /* which takes no zeros before a number */
        return false;
    snprintf(address, INET6_ADDRSTRLEN, "%u.%u.%u.%u", b[3], b[2], b[1], b[0]);
    return true;
}

/* 32 digits, the last one first. */
static bool turn_ipv6(const char *labels, size_t size, char address[INET6_ADDRSTRLEN])
{
    static const char digits[] = "0123456789abcdef";
    struct in6_addr a = {0};
    const size_t count = 2 * sizeof a.s6_addr;
    if (size != 2 * count - 1)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *digit = memchr(digits, letter_lower((uint8_t)labels[2 * i]), sizeof digits - 1);
        if (digit == NULL || (i + 1 < count && labels[2 * i + 1] != '.'))
            return false;
        a.s6_addr[sizeof a.s6_addr - 1 - i / 2] |= (uint8_t)((digit - digits) << (i % 2 * 4));
    }
    return inet_ntop(AF_INET6, &a, address, INET6_ADDRSTRLEN) != NULL;
}

bool names_reverse(const char *name, char address[INET6_ADDRSTRLEN])
{
    const size_t v4 = size_before(name, ".in-addr.arpa"), v6 = size_before(name, ".ip6.arpa");
    return (v4 > 0 && turn_ipv4(name, v4, address)) || (v6 > 0 && turn_ipv6(name, v6, address));
}
