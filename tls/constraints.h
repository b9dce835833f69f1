/* constraints.h - which names an authority may give (nameConstraints, RFC 5280 4.2.1.10). Pure. */
#ifndef TLSFRONT_TLS_CONSTRAINTS_H
#define TLSFRONT_TLS_CONSTRAINTS_H

#include "tls/mbed.h"

#include <stdbool.h>

bool constraints_any(const mbedtls_x509_crt *authority);

/* False: the certificate has a name that the authority, which stands anywhere above it, may not
 * give, or a name or constraint that cannot be understood. */
bool constraints_allow(const mbedtls_x509_crt *authority, const mbedtls_x509_crt *crt);

#endif
