/* not_tls.h - who speaks on a TLS port without TLS, guessed by the first bytes, for the log. Pure.
 */
#ifndef TLSFRONT_TLS_NOT_TLS_H
#define TLSFRONT_TLS_NOT_TLS_H

#include "tls/tls.h"

/* What the first bytes of a connection tell, of which there is at least one; NULL: they do begin a
 * TLS record. */
const char *not_tls(struct tls_slice first);

#endif
