/* names.h - host names: matching certificates' names against the name a client asks for. Pure. */
#ifndef TLSFRONT_TLS_NAMES_H
#define TLSFRONT_TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum names_match { NAMES_DIFFER, NAMES_WILDCARD, NAMES_EXACT };

/* Compare a certificate's name, which may begin with "*." for exactly one label, with a host name.
 * Letter case does not count, nor does one dot at the end of `name`. */
enum names_match names_match(const char *pattern, const char *name);

/* Is that the text of an IPv4 or IPv6 address? */
bool names_is_address(const char *name);

/* Only [A-Za-z0-9._-], 1 to 255 of them: what may be shown and compared. */
bool names_plain(const char *name, size_t size);

#endif
