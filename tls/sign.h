/* sign.h - what a TLS server, or a client in TLS 1.3, signs with its certificate's key, and nothing
 * else. */
#ifndef TLSFRONT_TLS_SIGN_H
#define TLSFRONT_TLS_SIGN_H

#include "tls/mbed.h"
#include "tls/tls.h"

#include <ssl_misc.h> /* of mbedTLS's library/: what a handshake is about to sign */

/* What the handshake needs signed now, by a hash of that kind. -1: nothing that sign_make() would
 * sign. */
int sign_request(const mbedtls_ssl_context *ssl, const struct tls_identity *id,
                 mbedtls_md_type_t hash, struct tls_sign_request *out);

/* Sign it. -1: it is not of the form that RFC 8446 4.4.3 or RFC 8422 5.4 gives it, its scheme is
 * none of the key's, or the back end fails. */
int sign_make(mbedtls_pk_context *key, const struct tls_sign_request *r, struct tls_signature *out);

#endif
