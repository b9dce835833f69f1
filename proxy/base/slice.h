/* slice.h - bytes that belong to somebody else. */
#ifndef TLSFRONT_BASE_SLICE_H
#define TLSFRONT_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

/* Of ASCII, whatever the locale. */
static inline bool byte_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool byte_is_alphanumeric(uint8_t c)
{
    return byte_is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Equal without regard to ASCII case, over the whole length of both. */
bool slice_is(struct slice s, const char *text);
bool slice_equal(struct slice a, struct slice b);

/* Does `s` begin with `text`, without regard to ASCII case? */
bool slice_begins(struct slice s, const char *text);

/* Does it hold a NUL, CR or LF? Nothing such may go into a line that we write. */
bool slice_has_controls(struct slice s);

#endif
