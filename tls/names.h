/* names.h - host names: matching certificates' names against the name a client asks for. Pure. */
#ifndef TLSFRONT_TLS_NAMES_H
#define TLSFRONT_TLS_NAMES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum names_match { NAMES_DIFFER, NAMES_WILDCARD, NAMES_EXACT };

/* Compare a certificate's name, which may begin with "*." for exactly one label, with a host name.
 * Letter case does not count, nor does one dot at the end of `name`. */
enum names_match names_match(const char *pattern, const char *name);

/* Is that the text of an IPv4 or IPv6 address? */
bool names_is_address(const char *name);

/* The address whose name in the DNS that is: 192.0.2.7 for 7.2.0.192.in-addr.arpa (RFC 1035 3.5),
 * and the same in ip6.arpa (RFC 3596 2.5). False: it is no such name, or not that of one address.
 * Letter case does not count. */
bool names_reverse(const char *name, char address[INET6_ADDRSTRLEN]);

/* Only [A-Za-z0-9._-], 1 to 255 of them: what may be shown and compared. */
bool names_plain(const char *name, size_t size);

#endif
