/* issuing.h - who issued which certificate. */
#ifndef TLSFRONT_TLS_ISSUING_H
#define TLSFRONT_TLS_ISSUING_H

#include "tls/mbed.h"

#include <stdbool.h>

/* It names itself as its issuer: a root, or self-signed. */
bool issuing_self(const mbedtls_x509_crt *crt);

/* It names the other as its issuer. */
bool issuing_named(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *issuer);

/* Its signature was made with the other's key. */
bool issuing_signed(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *issuer);

/* The same of a revocation list. */
bool issuing_signed_list(const mbedtls_x509_crl *list, const mbedtls_x509_crt *issuer);

/* The same authority: name and key. */
bool issuing_same_key(const mbedtls_x509_crt *a, const mbedtls_x509_crt *b);

/* Why it may not have issued what it has, with `below` certificates under it, to follow "... has
 * signed, but "; NULL: it may. A root of before extensions cannot say what it is. */
const char *issuing_forbidden(const mbedtls_x509_crt *crt, unsigned below);

/* Why it vouches for nobody where it is trusted, to follow "the certificate of ... "; NULL: it may.
 */
const char *issuing_useless(const mbedtls_x509_crt *trusted);

/* Where it says that its issuer's certificate is to be had (authorityInfoAccess, RFC 5280
 * 4.2.2.1); only printable characters, shortened to `size`. False: it does not say. */
bool issuing_url(const mbedtls_x509_crt *crt, char *text, size_t size);

#endif
