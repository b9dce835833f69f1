/* challenge.h - certificates that prove control of a name to an authority (tls-alpn-01, RFC 8737).
 */
#ifndef TLSFRONT_TLS_CHALLENGE_H
#define TLSFRONT_TLS_CHALLENGE_H

#include "tls/hello.h"
#include "tls/mbed.h"

/* Parse a PEM file with one certificate that has the extension acmeIdentifier. -1: it is none. */
int challenge_parse(mbedtls_x509_crt *crt, struct tls_slice file, const char *path, struct err *e);

/* Does the ClientHello offer "acme-tls/1" and nothing else? */
bool challenge_asked(const struct hello *h);

#endif
