/* utf8.h - which bytes are a character (RFC 3629, 4). Pure. */
#ifndef TLSFRONT_UTF8_H
#define TLSFRONT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed sequence that `p` begins with; 0: there is none. No byte behind the
 * first one that is wrong is looked at, so of a text with a NUL at its end, `size` may be SIZE_MAX.
 */
size_t utf8_length(const uint8_t *p, size_t size);

/* The characters of `text`; a byte that belongs to none counts as one. */
size_t utf8_count(const char *text, size_t size);

#endif
