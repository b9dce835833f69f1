/* extensions.h - the extensions of a certificate (RFC 5280 4.2), and which of them clients
 * understand. Pure. */
#ifndef TLSFRONT_TLS_EXTENSIONS_H
#define TLSFRONT_TLS_EXTENSIONS_H

#include "tls/der.h"

struct extension {
    struct tls_slice oid, value;
    bool critical;
};

/* Before the first; the certificate has to live as long. */
struct der extensions_begin(const mbedtls_x509_crt *crt);

/* False: there is no more. */
bool extensions_next(struct der *rest, struct extension *x);

/* Who cannot tell what a critical extension says refuses the certificate. */
enum extension_kind {
    EXTENSION_KNOWN, /* to all clients */
    EXTENSION_KNOWN_TO_SOME,
    EXTENSION_POISON,      /* of a precertificate (RFC 6962 3.1) */
    EXTENSION_CHALLENGE,   /* acmeIdentifier (RFC 8737 3) */
    EXTENSION_TLS_FEATURE, /* what the handshake has to bring (RFC 7633); to some */
    EXTENSION_UNKNOWN,
};
enum extension_kind extension_kind(const struct extension *x);

bool extension_is_constraints(const struct extension *x); /* nameConstraints */

/* "policyConstraints", or numbers, "1.2.3.4". */
enum { EXTENSION_NAME_SIZE = 128 };
void extension_name(const struct extension *x, char text[EXTENSION_NAME_SIZE]);

/* A revocation list that does not hold all that are revoked of its authority's clients, and that
 * says so in an extension that is not critical, as it has to be (RFC 5280 5.2.4, 5.2.5). */
bool extensions_partial_list(const mbedtls_x509_crl *list);

/* The first that is critical and that is not understood where clients and servers are judged. */
bool extensions_unverifiable(const mbedtls_x509_crt *crt, struct extension *x);

#endif
