/* json_check.h - is it one well-formed JSON value (RFC 8259) in well-formed UTF-8? Written apart
 * from proxy/base/json.c, so that a mistake there is not repeated here. */
#ifndef TLSFRONT_TESTS_PROXY_JSON_CHECK_H
#define TLSFRONT_TESTS_PROXY_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json_check {
    const uint8_t *at, *end;
};

static inline bool check_char(struct json_check *c, char wanted)
{
    if (c->at == c->end || *c->at != (uint8_t)wanted)
        return false;
    c->at++;
    return true;
}

static inline bool check_word(struct json_check *c, const char *word)
{
    for (; *word != '\0'; word++)
        if (!check_char(c, *word))
            return false;
    return true;
}

static inline bool check_digits(struct json_check *c)
{
    const uint8_t *start = c->at;
    while (c->at != c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at != start;
}

static inline bool check_number(struct json_check *c)
{
    check_char(c, '-');
    if (!check_char(c, '0') && !check_digits(c))
        return false;
    return !check_char(c, '.') || check_digits(c);
}

/* Behind a backslash. */
static inline bool check_escape(struct json_check *c)
{
    if (c->at == c->end)
        return false;
    if (*c->at != 'u')
        return memchr("\"\\/bfnrt", *c->at++, 8) != NULL;
    c->at++;
    for (int i = 0; i < 4; i++)
        if (c->at == c->end || memchr("0123456789abcdefABCDEF", *c->at++, 22) == NULL)
            return false;
    return true;
}

/* By decoding: the shortest form of a scalar value and nothing else (RFC 3629, 3). */
static inline bool check_utf8(struct json_check *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t first = *c->at;
    const size_t n = first < 0x80   ? 1
                     : first < 0xc0 ? 0
                     : first < 0xe0 ? 2
                     : first < 0xf0 ? 3
                     : first < 0xf8 ? 4
                                    : 0;
    if (n == 0 || (size_t)(c->end - c->at) < n)
        return false;
    uint32_t value = n == 1 ? first : first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (c->at[i] >> 6 != 2)
            return false;
        value = value << 6 | (c->at[i] & 0x3f);
    }
    c->at += n;
    return value >= least[n] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
}

static inline bool check_string(struct json_check *c)
{
    if (!check_char(c, '"'))
        return false;
    while (c->at != c->end && *c->at != '"') {
        if (*c->at < 0x20)
            return false;
        if (!(check_char(c, '\\') ? check_escape(c) : check_utf8(c)))
            return false;
    }
    return check_char(c, '"');
}

static inline bool check_value(struct json_check *c, unsigned depth);

static inline bool check_list(struct json_check *c, char end, bool keys, unsigned depth)
{
    if (check_char(c, end))
        return true;
    do {
        if (keys && !(check_string(c) && check_char(c, ':')))
            return false;
        if (!check_value(c, depth + 1))
            return false;
    } while (check_char(c, ','));
    return check_char(c, end);
}

static inline bool check_value(struct json_check *c, unsigned depth)
{
    if (c->at == c->end || depth > 100)
        return false;
    switch (*c->at) {
    case '{':
        c->at++;
        return check_list(c, '}', true, depth);
    case '[':
        c->at++;
        return check_list(c, ']', false, depth);
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, "true");
    case 'f':
        return check_word(c, "false");
    case 'n':
        return check_word(c, "null");
    default:
        return check_number(c);
    }
}

/* One value and nothing behind it. Blanks between tokens are not written, so not accepted. */
static inline bool json_well_formed(const void *data, size_t size)
{
    struct json_check c = {data, (const uint8_t *)data + size};
    return check_value(&c, 0) && c.at == c.end;
}

#endif
